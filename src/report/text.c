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
    put(page, proof->same_draws ? ", for the same random draws" : "");
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
    if (report->verdict == BNF_VERDICT_EQUIVALENT) {
        pad(page, RIGHT, 3);
        put(page, "all inputs");
        put_scope(page, proof);
    }
    end_line(page);
    print_findings(page, proof, verbosity);
}

static void print_output(struct page *page, const struct bnfold_report *report)
{
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
    putf(page, "%.1f s", seconds->load + seconds->fold + seconds->proof + seconds->write);
    end_line(page);
}

static void sentence_equivalent(struct page *page, const struct bnfold_report *report)
{
    const struct bnf_report_proof *proof = &report->proof;
    paint(page, proof->verdict == BNF_PROOF_WARN ? YELLOW : GREEN, "equivalent");
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
        putf(page, ": neither proved nor refuted%s", written);
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
        print_proof(&page, report, verbosity);
        print_output(&page, report);
    }
    print_sentence(&page, report);
}
