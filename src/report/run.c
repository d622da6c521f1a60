/* The runs in the report: a copy that outlives them, and the verdict that follows from proof and runs
 * together. */
#include "report/report.h"

#include <string.h>

/* A text that may be absent. */
static const char *copy(struct bnfold_report *report, const char *text, bool *ok)
{
    const char *mine = bnf_report_text(report, text);
    *ok = *ok && (mine || !text);
    return mine;
}

int bnf_report_run(struct bnfold_report *report, const struct bnf_run *run, struct bnf_err *err)
{
    struct bnf_report_run *to = &report->run;
    bool ok = true;
    *to = (struct bnf_report_run){.done = true, .run = *run};
    to->run.arena = (struct bnf_arena){0};
    to->run.outputs = bnf_arena_alloc(&report->arena, run->output_count, sizeof *run->outputs);
    to->run.unsupported = bnf_arena_alloc(&report->arena, run->unsupported_count, sizeof *run->unsupported);
    if (!to->run.outputs || !to->run.unsupported)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < run->output_count; i++) {
        to->run.outputs[i] = run->outputs[i];
        to->run.outputs[i].name = copy(report, run->outputs[i].name, &ok);
        to->run.outputs[i].why = copy(report, run->outputs[i].why, &ok);
    }
    for (size_t i = 0; i < run->unsupported_count; i++)
        to->run.unsupported[i] = copy(report, run->unsupported[i], &ok);
    for (size_t i = 0; i < sizeof run->worst / sizeof *run->worst; i++)
        to->run.worst_text[i] = copy(report, run->worst_text[i], &ok);
    to->run.blocked = copy(report, run->blocked, &ok);
    to->run.note = copy(report, run->note, &ok);
    to->run.diverges = copy(report, run->diverges, &ok);
    return ok ? BNF_OK : bnf_fail_memory(err);
}

int bnf_report_saved(
    struct bnfold_report *report, const char *folder, const struct bnf_run *run, struct bnf_err *err)
{
    if (!run->saved_count)
        return BNF_OK;
    report->saved_folder = bnf_report_text(report, folder);
    report->saved_count = run->saved_count;
    memcpy(report->saved, run->saved, sizeof report->saved);
    return report->saved_folder ? BNF_OK : bnf_fail_memory(err);
}

void bnf_report_judge(struct bnfold_report *report, bool strict, bool require_run)
{
    const struct bnf_report_proof *proof = &report->proof;
    const struct bnf_report_run *run = &report->run;
    bool refuted = proof->done && proof->verdict == BNF_PROOF_REFUTED;
    bool proved = proof->done && (proof->verdict == BNF_PROOF_PROVED || proof->verdict == BNF_PROOF_WARN);
    bool agrees = run->done && run->run.verdict == BNF_RUN_AGREES;
    report->by_runs = report->run_required = false;
    if (!proof->done) {
        report->verdict = BNF_VERDICT_UNCHECKED;
    } else if (refuted || (run->done && run->run.verdict == BNF_RUN_DIFFERENT)) {
        report->verdict = BNF_VERDICT_DIFFERENT;
    } else if (require_run && !agrees && !proof->identical) {
        report->verdict = BNF_VERDICT_INCONCLUSIVE;
        report->run_required = proved;
    } else if (proved) {
        report->verdict = BNF_VERDICT_EQUIVALENT;
    } else {
        report->by_runs = agrees;
        report->verdict = agrees && !strict ? BNF_VERDICT_EQUIVALENT : BNF_VERDICT_INCONCLUSIVE;
    }
}

const char *bnf_run_verdict_name(enum bnf_run_verdict verdict)
{
    static const char *const names[] = {[BNF_RUN_AGREES] = "agrees",
        [BNF_RUN_INCOMPLETE] = "incomplete",
        [BNF_RUN_INCONCLUSIVE] = "inconclusive",
        [BNF_RUN_DIFFERENT] = "different"};
    return names[verdict];
}
