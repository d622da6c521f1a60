/* The report for people. One line per thing, a label of eight columns in front, figures to the right. */
#include "report/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 8, TITLE = 25, RIGHT = 76, NAME_MOST = 40, FINDINGS = 10 };

#define RED "31"
#define GREEN "32"
#define YELLOW "33"

/* Where on the line the printer stands; colours take no column. */
struct page {
    struct bnf_buf *out;
    size_t column;
    bool color;
};

/* Columns that a text takes: its characters, near enough. */
static size_t width(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* Appends a name from a file. Control characters become '?', so that no model steers the terminal. */
static void put(struct page *page, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at, next = (unsigned char)at[1];
        if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
            bnf_buf_puts(page->out, "?");
            at++;
        } else {
            bnf_buf_add(page->out, c < 0x20 || c == 0x7F ? "?" : at, 1);
        }
    }
    page->column += width(text);
}

static void putf(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Formatted text of bounded length: numbers and the printer's own words. */
static void putf(struct page *page, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(page, text);
}

static void end_line(struct page *page)
{
    bnf_buf_puts(page->out, "\n");
    page->column = 0;
}

/* Blanks up to a column; at least `least` of them. */
static void pad(struct page *page, size_t column, size_t least)
{
    for (size_t i = 0; i < least || page->column < column; i++) {
        bnf_buf_puts(page->out, " ");
        page->column++;
    }
}

static void paint(struct page *page, const char *code, const char *text)
{
    if (page->color)
        bnf_buf_printf(page->out, "\033[1;%sm", code);
    put(page, text);
    if (page->color)
        bnf_buf_puts(page->out, "\033[0m");
}

static void label(struct page *page, const char *code, const char *text)
{
    if (code)
        paint(page, code, text);
    else
        put(page, text);
    pad(page, LABEL, 1);
}

static void put_bytes(struct page *page, uint64_t bytes)
{
    if (bytes >= 1024 * 1024)
        putf(page, "%.1f MiB", (double)bytes / (1024 * 1024));
    else
        putf(page, "%.1f KiB", (double)bytes / 1024);
}

static void put_path(struct page *page, const char *path, const char *stream)
{
    put(page, strcmp(path, "-") == 0 ? stream : path);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void title(struct page *page, const struct bnf_report_model *model)
{
    put_path(page, model->path, "standard input");
    pad(page, TITLE, 3);
    putf(page, "opset %lld · %zu node%s · %zu BatchNormalization · ", (long long)model->opset, model->nodes,
        plural(model->nodes), model->batchnorms);
    put_bytes(page, model->bytes);
    end_line(page);
}

/* " into Conv", or " (3 into Conv, 1 into Gemm)": where the folded sites of one kind went. */
static void put_operators(
    struct page *page, const struct bnfold_report *report, enum bnf_site_kind kind, size_t folded)
{
    enum { MOST = 8 };
    const char *operators[MOST];
    size_t counts[MOST], count = 0;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        if (site->kind != kind || site->verdict != BNF_SITE_FOLDED || !site->operator)
            continue;
        size_t at = 0;
        while (at < count && strcmp(operators[at], site->operator) != 0)
            at++;
        if (at == MOST)
            continue;
        if (at == count) {
            operators[count] = site->operator;
            counts[count++] = 0;
        }
        counts[at]++;
    }
    if (count == 1 && counts[0] == folded) {
        put(page, " into ");
        put(page, operators[0]);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        putf(page, "%s%zu into ", i ? ", " : " (", counts[i]);
        put(page, operators[i]);
    }
    put(page, count ? ")" : "");
}

static void print_fold(struct page *page, const struct bnfold_report *report)
{
    bool plan = report->command == BNF_COMMAND_PLAN;
    const struct bnf_report_totals *bn = &report->batchnorms, *affine = &report->affines;
    size_t affines = affine->folded + affine->dropped;
    label(page, NULL, plan ? "plan" : "fold");
    if (bn->sites == 0 && affines == 0)
        put(page, "nothing to fold");
    if (bn->sites) {
        putf(page, plan ? "%zu would fold" : "%zu folded", bn->folded);
        put_operators(page, report, BNF_SITE_BATCHNORM, bn->folded);
        if (bn->dropped)
            putf(page, plan ? " · %zu would be dropped" : " · %zu dropped", bn->dropped);
        putf(page, plan ? " · %zu would be lowered · %zu kept" : " · %zu lowered · %zu kept", bn->lowered,
            bn->kept);
    }
    if (affines) {
        putf(page, "%s%zu decomposed affine%s%s", bn->sites ? " · " : "", affines, plural(affines),
            plan ? " would fold" : " folded");
        put_operators(page, report, BNF_SITE_AFFINE, affines);
    }
    end_line(page);
    if (report->frozen) {
        label(page, NULL, plan ? "freeze" : "froze");
        putf(page, "%zu initializer%s that callers could override as graph input%s", report->frozen,
            plural(report->frozen), plural(report->frozen));
        end_line(page);
    }
}

/* Sites that did not fold are news; folded ones, and affines left alone, are told when asked. */
static bool shown(const struct bnf_report_site *site, int verbosity)
{
    return verbosity > 0 || (site->kind == BNF_SITE_BATCHNORM &&
                                (site->verdict == BNF_SITE_KEPT || site->verdict == BNF_SITE_LOWERED));
}

/* A name in quotes; a node without a name is called "Conv at 'output'", which needs no more of them. */
static void put_name(struct page *page, const char *name)
{
    size_t length = strlen(name);
    const char *quote = length && name[length - 1] == '\'' ? "" : "'";
    put(page, quote);
    put(page, name);
    put(page, quote);
}

static void put_list(struct page *page, const char *word, const char **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(page, i ? ", " : word);
        put_name(page, list[i]);
    }
}

static void print_site(
    struct page *page, const struct bnf_report_site *site, bool plan, int verbosity, size_t column)
{
    static const char *const planned[] = {[BNF_SITE_KEPT] = "keep",
        [BNF_SITE_FOLDED] = "fold",
        [BNF_SITE_DROPPED] = "drop",
        [BNF_SITE_LOWERED] = "lower"};
    const char *code = site->verdict == BNF_SITE_KEPT && site->kind == BNF_SITE_BATCHNORM ? YELLOW : NULL;
    label(page, code, plan ? planned[site->verdict] : bnf_site_verdict_name(site->verdict));
    put(page, site->name);
    pad(page, column, 2);
    if (site->verdict == BNF_SITE_FOLDED)
        put(page, site->direction == BNF_DIRECTION_FORWARD ? "forward" : "back");
    if (site->verdict == BNF_SITE_FOLDED) {
        put_list(page, " into ", site->into, site->into_count);
        put_list(page, " through ", site->through, site->through_count);
    }
    bool lowered = site->verdict == BNF_SITE_LOWERED && verbosity > 0 && site->into_count;
    for (size_t i = 0; lowered && i < site->into_count; i++) {
        put(page, i ? ", " : "to ");
        put(page, site->into[i]);
    }
    if (site->verdict == BNF_SITE_DROPPED)
        put(page, "does nothing");
    if (site->reason != BNF_REASON_NONE) {
        put(page, lowered ? " · " : "");
        put(page, bnf_reason_name(site->reason));
        put(page, ": ");
        put(page, site->detail ? site->detail : bnf_reason_meaning(site->reason));
        put(page, "; hint: ");
        put(page, bnf_reason_hint(site->reason));
    }
    end_line(page);
}

static void print_sites(struct page *page, const struct bnfold_report *report, int verbosity)
{
    size_t longest = 0;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        size_t length = shown(site, verbosity) || site->warning ? width(site->name) : 0;
        longest = length > longest ? length : longest;
    }
    size_t column = LABEL + (longest < NAME_MOST ? longest : NAME_MOST) + 2;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        if (shown(site, verbosity))
            print_site(page, site, report->command == BNF_COMMAND_PLAN, verbosity, column);
        if (site->warning) {
            label(page, YELLOW, "warning");
            put(page, site->name);
            pad(page, column, 2);
            put(page, site->warning);
            end_line(page);
        }
    }
}

static size_t count_findings(const struct bnf_report_proof *proof, enum bnf_proof_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < proof->finding_count; i++)
        count += proof->findings[i].verdict == verdict;
    return count;
}

static void print_findings(struct page *page, const struct bnf_report_proof *proof, int verbosity)
{
    size_t most = verbosity > 0 || proof->finding_count < FINDINGS ? proof->finding_count : FINDINGS;
    for (size_t i = 0; i < most; i++) {
        const struct bnf_finding *finding = &proof->findings[i];
        bool warning = finding->verdict == BNF_PROOF_WARN;
        label(page, finding->verdict == BNF_PROOF_REFUTED ? RED : YELLOW,
            warning ? "warning" : bnf_proof_verdict_name(finding->verdict));
        if (finding->value && finding->node) { /* otherwise the sentence names the value */
            put_name(page, finding->value);
            put(page, " of ");
            put_name(page, finding->node);
            put(page, ": ");
        }
        put(page, finding->detail);
        end_line(page);
    }
    if (most < proof->finding_count) {
        label(page, NULL, "…");
        putf(page, "and %zu more (-v lists them)", proof->finding_count - most);
        end_line(page);
    }
}

/* "all inputs", with what qualifies it. */
static void put_scope(struct page *page, const struct bnf_report_proof *proof)
{
    put(page, proof->with_defaults ? ", with the default values" : "");
    put(page, proof->assumed_inference ? ", training mode taken for inference mode" : "");
    put(page, proof->same_draws ? ", for the same random draws" : "");
    if (proof->shapes)
        putf(page, ", with %s only", proof->shapes);
}

static void print_proof(struct page *page, const struct bnfold_report *report, int verbosity)
{
    const struct bnf_report_proof *proof = &report->proof;
    if (!proof->done)
        return;
    label(page, NULL, "prove");
    if (proof->identical) {
        put(page, report->command == BNF_COMMAND_CHECK ? "the two files hold the same bytes"
                                                       : "nothing changed, copied byte for byte");
        end_line(page);
        return;
    }
    bool untouched = proof->cut_points == 0 && proof->finding_count == 0;
    size_t refuted = count_findings(proof, BNF_PROOF_REFUTED),
           unproved = count_findings(proof, BNF_PROOF_UNPROVED),
           warned = count_findings(proof, BNF_PROOF_WARN);
    if (untouched)
        put(page, "no cut point changed");
    else
        putf(page, "%zu of %zu cut point%s proved", proof->cut_points_proved, proof->cut_points,
            plural(proof->cut_points));
    if (warned)
        putf(page, ", %zu with a warning", warned);
    if (proof->cut_points_proved)
        putf(page, ", worst %.3g u", proof->worst_u);
    if (refuted)
        putf(page, " · %zu refuted", refuted);
    if (unproved)
        putf(page, " · %zu unproved", unproved);
    if (proof->verdict == BNF_PROOF_PROVED || proof->verdict == BNF_PROOF_WARN) {
        pad(page, RIGHT, 3);
        put(page, "all inputs");
        put_scope(page, proof);
    }
    end_line(page);
    print_findings(page, proof, verbosity);
}

/* "1.02×", "1.3e+05×" */
static void put_times(struct page *page, double times)
{
    putf(page, times < 100 ? "%.2f×" : "%.2g×", times);
}

/* The figures over all outputs: "max |Δ| 2.1e-06 · 1.02× the rounding noise of the original · top-1 4/4". */
static void put_figures(struct page *page, const struct bnf_run *run)
{
    double most = 0, noise = 0;
    size_t real = 0, discrete = 0, ties = 0, nonfinite = 0, top = 0, rows = 0;
    bool is_double = false;
    for (size_t i = 0; i < run->output_count; i++) {
        const struct bnf_run_output *output = &run->outputs[i];
        bool compared = output->compared > 0, is_real = strcmp(output->kind ? output->kind : "", "real") == 0;
        real += compared && is_real;
        discrete += compared && !is_real && !output->fails;
        most = output->max_abs > most ? output->max_abs : most;
        noise = output->noise > noise ? output->noise : noise;
        ties += output->near_ties;
        nonfinite += output->nonfinite;
        top += output->top1;
        rows += output->rows;
        is_double |= output->double_noise;
    }
    putf(page, "%zu input%s", run->inputs, plural(run->inputs));
    if (real) {
        putf(page, " · max |Δ| %.2g · ", most);
        put_times(page, noise);
        put(page, " the rounding noise of the original");
    }
    if (discrete)
        putf(page, " · %zu discrete output%s equal", discrete, plural(discrete));
    if (rows)
        putf(page, " · top-1 %zu/%zu", top, rows);
    if (ties)
        putf(page, " · %zu near tie%s", ties, plural(ties));
    if (nonfinite)
        putf(page, " · %zu NaN or infinite in both", nonfinite);
    if (is_double)
        put(page, " · in double, so no oracle is better than the run");
}

static void print_line(struct page *page, const char *code, const char *word, const char *text)
{
    label(page, code, word);
    put(page, text);
    end_line(page);
}

/* What explains a difference, or is asked for: outputs that fail, the first value that diverges, the worst
 * elements. */
static void print_run_details(struct page *page, const struct bnf_run *run, int verbosity)
{
    bool different = run->verdict == BNF_RUN_DIFFERENT;
    for (size_t i = 0; i < run->output_count; i++) {
        const struct bnf_run_output *output = &run->outputs[i];
        if (output->fails) {
            label(page, RED, "differs");
            put_name(page, output->name);
            put(page, ": ");
            put(page, output->why);
            end_line(page);
        } else if (verbosity > 0) {
            label(page, NULL, "output");
            put_name(page, output->name);
            if (!output->compared)
                put(page, " was not computed");
            else if (output->floor > 0)
                putf(page, " max |Δ| %.2g · rms %.2g · e_ref %.2g · e_new %.2g · gap %.2g", output->max_abs,
                    output->rms, output->e_ref, output->e_new, output->gap);
            else
                putf(page, " %zu of %zu equal", output->compared - output->mismatched - output->near_ties,
                    output->compared);
            if (output->rows)
                putf(page, " · top-5 %zu/%zu", output->top5, output->rows);
            end_line(page);
        }
    }
    if (run->diverges) {
        label(page, RED, "first");
        put(page, "the models part at ");
        put_name(page, run->diverges);
        end_line(page);
    }
    for (size_t i = 0; i < 5 && different && run->worst_text[i]; i++)
        print_line(page, NULL, i ? "" : "worst", run->worst_text[i]);
    if (different) {
        label(page, NULL, "|Δ|");
        for (size_t i = 0; i < 9; i++)
            putf(page, "%s%s%s %zu", i ? " · " : "", i < 8 ? "<" : "≥",
                i < 8 ? (const char *[]){"1e-7", "1e-6", "1e-5", "1e-4", "1e-3", "0.01", "0.1", "1"}[i] : "1",
                run->buckets[i]);
        end_line(page);
    }
}

static void print_run(struct page *page, const struct bnf_report_run *report, int verbosity)
{
    const struct bnf_run *run = &report->run;
    if (!report->done)
        return;
    size_t most = verbosity > 0 || run->unsupported_count < FINDINGS ? run->unsupported_count : FINDINGS;
    for (size_t i = 0; i < most; i++)
        print_line(page, YELLOW, i ? "" : "lacks", run->unsupported[i]);
    if (most < run->unsupported_count) {
        label(page, NULL, "…");
        putf(page, "and %zu more (-v lists them)", run->unsupported_count - most);
        end_line(page);
    }
    label(page, NULL, "run");
    if (run->verdict == BNF_RUN_INCOMPLETE || run->verdict == BNF_RUN_INCONCLUSIVE) {
        paint(page, YELLOW, bnf_run_verdict_name(run->verdict));
        if (run->coverage > 0 && run->coverage < 1)
            putf(page, ", %.0f %% of the nodes ran", run->coverage * 100);
        put(page, run->samples || run->note ? ": " : "");
    }
    bool compared = false;
    for (size_t i = 0; i < run->output_count; i++)
        compared |= run->outputs[i].compared > 0;
    if (compared)
        put_figures(page, run);
    if (run->note) {
        put(page, compared ? " · " : "");
        put(page, run->note);
    }
    end_line(page);
    if (run->blocked && !run->unsupported_count)
        print_line(page, YELLOW, "stopped", run->blocked);
    if (compared)
        print_run_details(page, run, verbosity);
    if (run->has_labels) {
        label(page, NULL, "data");
        putf(page, "%zu/%zu correct before, %zu/%zu after", run->correct_ref, run->labelled, run->correct_new,
            run->labelled);
        end_line(page);
    }
}

static void print_output(struct page *page, const struct bnfold_report *report)
{
    for (size_t i = 0; i < report->saved_count; i++) {
        if (i == 0)
            label(page, NULL, "saved");
        put(page, i ? ", " : report->saved_folder);
        put(page, i ? "" : ": ");
        put(page, report->saved[i]);
    }
    if (report->saved_count)
        end_line(page);
    if (report->command != BNF_COMMAND_FOLD)
        return;
    label(page, NULL, "wrote");
    if (!report->output.path) {
        put(page, "nothing");
        end_line(page);
        return;
    }
    put_path(page, report->output.path, "standard output");
    putf(page, "   %zu node%s · ", report->output.nodes, plural(report->output.nodes));
    put_bytes(page, report->output.bytes);
    pad(page, RIGHT, 3);
    const struct bnf_report_seconds *seconds = &report->seconds;
    putf(page, "%.1f s", seconds->load + seconds->fold + seconds->proof + seconds->run + seconds->write);
    end_line(page);
}

static void sentence_equivalent(struct page *page, const struct bnfold_report *report)
{
    const struct bnf_report_proof *proof = &report->proof;
    paint(page, proof->verdict == BNF_PROOF_PROVED ? GREEN : YELLOW, "equivalent");
    if (report->by_runs) {
        putf(page, " by runs only: agrees on %zu input%s, but not for every input proved",
            report->run.run.inputs, plural(report->run.run.inputs));
        return;
    }
    if (report->unchanged) {
        put(page, ": identical, nothing changed");
    } else if (proof->identical) {
        put(page, ": identical, the same bytes");
    } else {
        put(page, proof->verdict == BNF_PROOF_WARN ? " with a warning: " : ": ");
        put(page, "computes the same function, ");
        if (proof->worst_u > 0)
            putf(page, "weights within %.3g u of exact, for every finite input", proof->worst_u);
        else
            put(page, proof->cut_points ? "weights exact, for every finite input" : "for every finite input");
        put_scope(page, proof);
    }
}

/* The last line: what it comes to. */
static void print_sentence(struct page *page, const struct bnfold_report *report)
{
    const struct bnf_report_totals *bn = &report->batchnorms;
    const char *written = report->command != BNF_COMMAND_FOLD ? ""
                          : report->output.path               ? "; written all the same (--keep-failed)"
                                                              : "; nothing was written";
    if (report->strict_failed) {
        paint(page, RED, "not strict");
        putf(page, ": %zu BatchNormalization %s (--strict)%s", bn->kept,
            report->command == BNF_COMMAND_PLAN ? "would stay"
            : bn->kept == 1                     ? "stays"
                                                : "stay",
            written);
    } else if (report->command == BNF_COMMAND_PLAN) {
        paint(page, GREEN, "plan");
        putf(page, ": %zu BatchNormalization: %zu would fold", bn->sites, bn->folded);
        if (bn->dropped)
            putf(page, ", %zu would be dropped", bn->dropped);
        putf(page, ", %zu would be lowered, %zu would stay; nothing was written", bn->lowered, bn->kept);
    } else if (report->verdict == BNF_VERDICT_EQUIVALENT) {
        sentence_equivalent(page, report);
    } else if (report->verdict == BNF_VERDICT_DIFFERENT) {
        paint(page, RED, "different");
        putf(page, ": the models do not compute the same function%s", written);
    } else if (report->verdict == BNF_VERDICT_INCONCLUSIVE) {
        paint(page, YELLOW, "inconclusive");
        putf(page, ": %s%s",
            report->run_required ? "the runs are not complete (--require-run)"
            : report->by_runs    ? "the runs agree, but it is not proved (--strict)"
                                 : "neither proved nor refuted",
            written);
    } else {
        paint(page, YELLOW, "unchecked");
        put(page, ": written without a proof (--check=none)");
    }
    end_line(page);
}

void bnf_report_print_text(const struct bnfold_report *report, int verbosity, bool color, struct bnf_buf *out)
{
    struct page page = {.out = out, .color = color};
    if (verbosity >= 0) {
        title(&page, &report->model);
        if (report->command == BNF_COMMAND_CHECK)
            title(&page, &report->candidate);
        else
            print_fold(&page, report);
        print_sites(&page, report, verbosity);
        for (size_t i = 0; i < report->healed_count; i++) {
            label(&page, YELLOW, "healed");
            put(&page, report->healed[i].name);
            put(&page, " is left alone: ");
            put(&page, report->healed[i].why);
            end_line(&page);
        }
        print_proof(&page, report, verbosity);
        print_run(&page, &report->run, verbosity);
        print_output(&page, report);
    }
    print_sentence(&page, report);
}
