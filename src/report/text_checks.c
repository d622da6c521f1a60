/* What the proof and the runs found, for people. */
#include "report/page.h"

#include <string.h>

enum { FINDINGS = 10 };

static size_t count_findings(const struct bnf_report_proof *proof, enum bnf_proof_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < proof->finding_count; i++)
        count += proof->findings[i].verdict == verdict;
    return count;
}

static void print_findings(struct bnf_page *page, const struct bnf_report_proof *proof, int verbosity)
{
    size_t most = verbosity > 0 || proof->finding_count < FINDINGS ? proof->finding_count : FINDINGS;
    for (size_t i = 0; i < most; i++) {
        const struct bnf_finding *finding = &proof->findings[i];
        bool warning = finding->verdict == BNF_PROOF_WARN;
        bnf_page_label(page, finding->verdict == BNF_PROOF_REFUTED ? BNF_PAGE_RED : BNF_PAGE_YELLOW,
            warning ? "warning" : bnf_proof_verdict_name(finding->verdict));
        if (finding->value && finding->node) { /* otherwise the sentence names the value */
            bnf_page_put_name(page, finding->value);
            bnf_page_put(page, " of ");
            bnf_page_put_name(page, finding->node);
            bnf_page_put(page, ": ");
        }
        bnf_page_put(page, finding->detail);
        bnf_page_end_line(page);
    }
    if (most < proof->finding_count) {
        bnf_page_label(page, NULL, "…");
        bnf_page_putf(page, "and %zu more (-v lists them)", proof->finding_count - most);
        bnf_page_end_line(page);
    }
}

/* "all inputs", with what qualifies it. */
void bnf_text_put_scope(struct bnf_page *page, const struct bnf_report_proof *proof)
{
    bnf_page_put(page, proof->with_defaults ? ", with the default values" : "");
    bnf_page_put(page, proof->assumed_inference ? ", training mode taken for inference mode" : "");
    bnf_page_put(page, proof->same_draws ? ", for the same random draws" : "");
    if (proof->shapes)
    {
        bnf_page_put(page, ", with ");
        bnf_page_put(page, proof->shapes);
        bnf_page_put(page, " only");
    }
}

void bnf_text_proof(struct bnf_page *page, const struct bnfold_report *report, int verbosity)
{
    const struct bnf_report_proof *proof = &report->proof;
    if (!proof->done)
        return;
    bnf_page_label(page, NULL, "prove");
    if (proof->identical) {
        bnf_page_put(page, report->command == BNF_COMMAND_CHECK ? "the two files hold the same bytes"
                                                                : "nothing changed, copied byte for byte");
        bnf_page_end_line(page);
        return;
    }
    bool untouched = proof->cut_points == 0 && proof->finding_count == 0;
    size_t refuted = count_findings(proof, BNF_PROOF_REFUTED),
           unproved = count_findings(proof, BNF_PROOF_UNPROVED),
           warned = count_findings(proof, BNF_PROOF_WARN);
    if (untouched)
        bnf_page_put(page, "no cut point changed");
    else
        bnf_page_putf(page, "%zu of %zu cut point%s proved", proof->cut_points_proved, proof->cut_points,
            bnf_page_plural(proof->cut_points));
    if (warned)
        bnf_page_putf(page, ", %zu with a warning", warned);
    if (proof->cut_points_proved)
        bnf_page_putf(page, ", worst %.3g u", proof->worst_u);
    if (refuted)
        bnf_page_putf(page, " · %zu refuted", refuted);
    if (unproved)
        bnf_page_putf(page, " · %zu unproved", unproved);
    if (proof->verdict == BNF_PROOF_PROVED || proof->verdict == BNF_PROOF_WARN) {
        bnf_page_pad(page, BNF_PAGE_RIGHT, 3);
        bnf_page_put(page, "all inputs");
        bnf_text_put_scope(page, proof);
    }
    bnf_page_end_line(page);
    print_findings(page, proof, verbosity);
}

/* "1.02×", "1.3e+05×" */
static void put_times(struct bnf_page *page, double times)
{
    bnf_page_putf(page, times < 100 ? "%.2f×" : "%.2g×", times);
}

/* The figures over all outputs: "max |Δ| 2.1e-06 · 1.02× the rounding noise of the original · top-1 4/4". */
static void put_figures(struct bnf_page *page, const struct bnf_run *run)
{
    double most = 0, noise = 0;
    size_t real = 0, discrete = 0, ties = 0, nonfinite = 0, top = 0, rows = 0;
    bool is_double = false;
    for (size_t i = 0; i < run->output_count; i++) {
        const struct bnf_run_output *output = &run->outputs[i];
        bool compared = output->compared > 0, is_real = strcmp(output->kind ? output->kind : "", "real") == 0;
        real += compared && is_real;
        discrete += compared && !is_real && !output->fails && !output->near_ties;
        most = output->max_abs > most ? output->max_abs : most;
        noise = output->noise > noise ? output->noise : noise;
        ties += output->near_ties;
        nonfinite += output->nonfinite;
        top += output->top1;
        rows += output->rows;
        is_double |= output->double_noise;
    }
    bnf_page_putf(page, "%zu input%s", run->inputs, bnf_page_plural(run->inputs));
    if (real) {
        bnf_page_putf(page, " · max |Δ| %.2g · ", most);
        put_times(page, noise);
        bnf_page_put(page, " the rounding noise of the original");
    }
    if (discrete)
        bnf_page_putf(page, " · %zu discrete output%s equal", discrete, bnf_page_plural(discrete));
    if (rows)
        bnf_page_putf(page, " · top-1 %zu/%zu", top, rows);
    if (ties)
        bnf_page_putf(page, " · %zu near tie%s", ties, bnf_page_plural(ties));
    if (nonfinite)
        bnf_page_putf(page, " · %zu NaN or infinite in both", nonfinite);
    if (is_double)
        bnf_page_put(page, " · in double, so no oracle is better than the run");
}

static void print_line(struct bnf_page *page, const char *code, const char *word, const char *text)
{
    bnf_page_label(page, code, word);
    bnf_page_put(page, text);
    bnf_page_end_line(page);
}

/* Some elements stand side by side; outputs of different shapes have none. */
static bool has_compared(const struct bnf_run *run)
{
    for (size_t i = 0; i < run->output_count; i++)
        if (run->outputs[i].compared > 0)
            return true;
    return false;
}

/* What explains a difference, or is asked for: outputs that fail, the first value that diverges, the worst
 * elements. */
static void print_run_details(struct bnf_page *page, const struct bnf_run *run, int verbosity)
{
    bool different = run->verdict == BNF_RUN_DIFFERENT, compared = has_compared(run);
    for (size_t i = 0; i < run->output_count; i++) {
        const struct bnf_run_output *output = &run->outputs[i];
        if (output->fails) {
            bnf_page_label(page, BNF_PAGE_RED, "differs");
            bnf_page_put_name(page, output->name);
            bnf_page_put(page, ": ");
            bnf_page_put(page, output->why);
            bnf_page_end_line(page);
        } else if (verbosity > 0) {
            bnf_page_label(page, NULL, "output");
            bnf_page_put_name(page, output->name);
            if (!output->compared)
                bnf_page_put(page, " was not computed");
            else if (output->floor > 0)
                bnf_page_putf(page, " max |Δ| %.2g · rms %.2g · e_ref %.2g · e_new %.2g · gap %.2g",
                    output->max_abs, output->rms, output->e_ref, output->e_new, output->gap);
            else
                bnf_page_putf(page, " %zu of %zu equal",
                    output->compared - output->mismatched - output->near_ties, output->compared);
            if (output->rows)
                bnf_page_putf(page, " · top-5 %zu/%zu", output->top5, output->rows);
            bnf_page_end_line(page);
        }
    }
    if (run->diverges) {
        bnf_page_label(page, BNF_PAGE_RED, "first");
        bnf_page_put(page, "the models part at ");
        bnf_page_put_name(page, run->diverges);
        bnf_page_end_line(page);
    }
    for (size_t i = 0; i < 5 && different && run->worst_text[i]; i++)
        print_line(page, NULL, i ? "" : "worst", run->worst_text[i]);
    if (different && compared) {
        bnf_page_label(page, NULL, "|Δ|");
        for (size_t i = 0; i < 9; i++)
            bnf_page_putf(page, "%s%s%s %zu", i ? " · " : "", i < 8 ? "<" : "≥",
                i < 8 ? (const char *[]){"1e-7", "1e-6", "1e-5", "1e-4", "1e-3", "0.01", "0.1", "1"}[i] : "1",
                run->buckets[i]);
        bnf_page_end_line(page);
    }
}

void bnf_text_run(struct bnf_page *page, const struct bnf_report_run *report, int verbosity)
{
    const struct bnf_run *run = &report->run;
    if (!report->done)
        return;
    size_t most = verbosity > 0 || run->unsupported_count < FINDINGS ? run->unsupported_count : FINDINGS;
    for (size_t i = 0; i < most; i++)
        print_line(page, BNF_PAGE_YELLOW, i ? "" : "lacks", run->unsupported[i]);
    if (most < run->unsupported_count) {
        bnf_page_label(page, NULL, "…");
        bnf_page_putf(page, "and %zu more (-v lists them)", run->unsupported_count - most);
        bnf_page_end_line(page);
    }
    bnf_page_label(page, NULL, "run");
    if (run->verdict == BNF_RUN_INCOMPLETE || run->verdict == BNF_RUN_INCONCLUSIVE) {
        bnf_page_paint(page, BNF_PAGE_YELLOW, bnf_run_verdict_name(run->verdict));
        if (run->coverage > 0 && run->coverage < 1)
            bnf_page_putf(page, ", %.0f %% of the nodes ran", run->coverage * 100);
        bnf_page_put(page, run->samples || run->note ? ": " : "");
    }
    bool compared = has_compared(run);
    if (compared)
        put_figures(page, run);
    else if (!run->note)
        bnf_page_putf(page, "%zu input%s, no output can be compared", run->inputs, bnf_page_plural(run->inputs));
    if (run->note) {
        bnf_page_put(page, compared ? " · " : "");
        bnf_page_put(page, run->note);
    }
    bnf_page_end_line(page);
    if (run->blocked && !run->unsupported_count)
        print_line(page, BNF_PAGE_YELLOW, "stopped", run->blocked);
    if (compared || run->verdict == BNF_RUN_DIFFERENT)
        print_run_details(page, run, verbosity);
    if (run->has_labels) {
        bnf_page_label(page, NULL, "data");
        bnf_page_putf(page, "%zu/%zu correct before, %zu/%zu after", run->correct_ref, run->labelled,
            run->correct_new, run->labelled);
        bnf_page_end_line(page);
    }
}
