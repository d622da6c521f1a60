/* The report for people: titles, output and the verdict. */
#include "report/page.h"

enum { TITLE = 25 };

static void title(struct bnf_page *page, const struct bnf_report_model *model)
{
    bnf_page_put_path(page, model->path, "standard input");
    bnf_page_pad(page, TITLE, 3);
    bnf_page_putf(page, "opset %lld · %zu node%s · %zu BatchNormalization · ", (long long)model->opset,
        model->nodes, bnf_page_plural(model->nodes), model->batchnorms);
    bnf_page_put_bytes(page, model->bytes);
    bnf_page_end_line(page);
}

static void print_output(struct bnf_page *page, const struct bnfold_report *report)
{
    for (size_t i = 0; i < report->saved_count; i++) {
        if (i == 0)
            bnf_page_label(page, NULL, "saved");
        bnf_page_put(page, i ? ", " : report->saved_folder);
        bnf_page_put(page, i ? "" : ": ");
        bnf_page_put(page, report->saved[i]);
    }
    if (report->saved_count)
        bnf_page_end_line(page);
    if (report->command != BNF_COMMAND_FOLD)
        return;
    bnf_page_label(page, NULL, "wrote");
    if (!report->output.path) {
        bnf_page_put(page, "nothing");
        bnf_page_end_line(page);
        return;
    }
    bnf_page_put_path(page, report->output.path, "standard output");
    if (report->output.side) {
        bnf_page_put(page, " and ");
        bnf_page_put(page, report->output.side);
    }
    bnf_page_putf(page, "   %zu node%s · ", report->output.nodes, bnf_page_plural(report->output.nodes));
    bnf_page_put_bytes(page, report->output.bytes);
    bnf_page_pad(page, BNF_PAGE_RIGHT, 3);
    const struct bnf_report_seconds *seconds = &report->seconds;
    bnf_page_putf(
        page, "%.1f s", seconds->load + seconds->fold + seconds->proof + seconds->run + seconds->write);
    bnf_page_end_line(page);
}

static void sentence_equivalent(struct bnf_page *page, const struct bnfold_report *report)
{
    const struct bnf_report_proof *proof = &report->proof;
    bnf_page_paint(page, proof->verdict == BNF_PROOF_PROVED ? BNF_PAGE_GREEN : BNF_PAGE_YELLOW, "equivalent");
    if (report->by_runs) {
        bnf_page_putf(page, " by runs only: agrees on %zu input%s, but not for every input proved",
            report->run.run.inputs, bnf_page_plural(report->run.run.inputs));
        return;
    }
    if (report->unchanged) {
        bnf_page_put(page, ": identical, nothing changed");
    } else if (proof->identical) {
        bnf_page_put(page, ": identical, the same bytes");
    } else {
        bnf_page_put(page, proof->verdict == BNF_PROOF_WARN ? " with a warning: " : ": ");
        bnf_page_put(page, "computes the same function, ");
        if (proof->worst_u > 0)
            bnf_page_putf(page, "weights within %.3g u of exact, for every finite input", proof->worst_u);
        else
            bnf_page_put(
                page, proof->cut_points ? "weights exact, for every finite input" : "for every finite input");
        bnf_text_put_scope(page, proof);
    }
}

/* The last line: what it comes to. */
static void print_sentence(struct bnf_page *page, const struct bnfold_report *report)
{
    const struct bnf_report_totals *bn = &report->batchnorms;
    const char *written = report->command != BNF_COMMAND_FOLD ? ""
                          : report->output.path               ? "; written all the same (--keep-failed)"
                          : report->heal_tried || report->strict_failed || report->run_required
                              ? "; nothing was written"
                              : "; nothing was written (--heal leaves alone what does not pass)";
    if (report->strict_failed) {
        bnf_page_paint(page, BNF_PAGE_RED, "not strict");
        bnf_page_putf(page, ": %zu BatchNormalization %s (--strict)%s", bn->kept,
            report->command == BNF_COMMAND_PLAN ? "would stay"
            : bn->kept == 1                     ? "stays"
                                                : "stay",
            written);
    } else if (report->command == BNF_COMMAND_PLAN) {
        bnf_page_paint(page, BNF_PAGE_GREEN, "plan");
        bnf_page_putf(page, ": %zu BatchNormalization: %zu would fold", bn->sites, bn->folded);
        if (bn->dropped)
            bnf_page_putf(page, ", %zu would be dropped", bn->dropped);
        bnf_page_putf(
            page, ", %zu would be lowered, %zu would stay; nothing was written", bn->lowered, bn->kept);
    } else if (report->verdict == BNF_VERDICT_EQUIVALENT) {
        sentence_equivalent(page, report);
    } else if (report->verdict == BNF_VERDICT_DIFFERENT) {
        bnf_page_paint(page, BNF_PAGE_RED, "different");
        bnf_page_putf(page, ": the models do not compute the same function%s", written);
    } else if (report->verdict == BNF_VERDICT_INCONCLUSIVE) {
        bnf_page_paint(page, BNF_PAGE_YELLOW, "inconclusive");
        bnf_page_putf(page, ": %s%s",
            report->run_required ? "the runs are not complete (--require-run)"
            : report->by_runs    ? "the runs agree, but it is not proved (--strict)"
                                 : "neither proved nor refuted",
            written);
    } else {
        bnf_page_paint(page, BNF_PAGE_YELLOW, "unchecked");
        bnf_page_put(page, ": written without a proof (--check=none)");
    }
    bnf_page_end_line(page);
}

void bnf_report_print_text(const struct bnfold_report *report, int verbosity, bool color, struct bnf_buf *out)
{
    struct bnf_page page = {.out = out, .color = color};
    if (verbosity >= 0) {
        title(&page, &report->model);
        if (report->command == BNF_COMMAND_CHECK)
            title(&page, &report->candidate);
        else
            bnf_text_fold(&page, report);
        for (size_t i = 0; i < report->warning_count; i++) {
            bnf_page_label(&page, BNF_PAGE_YELLOW, "warning");
            bnf_page_put(&page, report->warnings[i]);
            bnf_page_end_line(&page);
        }
        bnf_text_sites(&page, report, verbosity);
        for (size_t i = 0; i < report->healed_count; i++) {
            bnf_page_label(&page, BNF_PAGE_YELLOW, "healed");
            bnf_page_put(&page, report->healed[i].name);
            bnf_page_put(&page, " is left alone: ");
            bnf_page_put(&page, report->healed[i].why);
            bnf_page_end_line(&page);
        }
        bnf_text_proof(&page, report, verbosity);
        bnf_text_run(&page, &report->run, verbosity);
        print_output(&page, report);
    }
    print_sentence(&page, report);
}
