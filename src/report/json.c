/* The report as one JSON object. Keys stay; more may join. */
#include "report/report.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

/* cJSON answers a failed allocation with NULL or false everywhere and takes both as input, so one flag is
 * enough. */
struct writer {
    bool failed;
};

static cJSON *object(struct writer *w, cJSON *parent, const char *key)
{
    cJSON *child = cJSON_AddObjectToObject(parent, key);
    w->failed = w->failed || !child;
    return child;
}

static cJSON *array(struct writer *w, cJSON *parent, const char *key)
{
    cJSON *child = cJSON_AddArrayToObject(parent, key);
    w->failed = w->failed || !child;
    return child;
}

/* A string, or null. */
static void text(struct writer *w, cJSON *parent, const char *key, const char *value)
{
    cJSON *added = value ? cJSON_AddStringToObject(parent, key, value) : cJSON_AddNullToObject(parent, key);
    w->failed = w->failed || !added;
}

static void number(struct writer *w, cJSON *parent, const char *key, double value)
{
    w->failed = w->failed || !cJSON_AddNumberToObject(parent, key, value);
}

static void boolean(struct writer *w, cJSON *parent, const char *key, bool value)
{
    w->failed = w->failed || !cJSON_AddBoolToObject(parent, key, value);
}

/* A number cut to what it is worth: three significant digits. */
static void rounded(struct writer *w, cJSON *parent, const char *key, double value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.3g", value);
    number(w, parent, key, strtod(digits, NULL));
}

static void append(struct writer *w, cJSON *list, cJSON *item)
{
    if (!item || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        w->failed = true;
    }
}

static void strings(struct writer *w, cJSON *parent, const char *key, const char **list, size_t count)
{
    cJSON *items = array(w, parent, key);
    for (size_t i = 0; i < count && !w->failed; i++)
        append(w, items, cJSON_CreateString(list[i]));
}

static void model(struct writer *w, cJSON *parent, const char *key, const struct bnf_report_model *from)
{
    if (!from->path) {
        text(w, parent, key, NULL);
        return;
    }
    cJSON *to = object(w, parent, key);
    text(w, to, "path", from->path);
    text(w, to, "format", from->format);
    number(w, to, "ir_version", (double)from->ir_version);
    number(w, to, "opset", (double)from->opset);
    number(w, to, "nodes", (double)from->nodes);
    number(w, to, "batchnorm", (double)from->batchnorms);
    number(w, to, "bytes", (double)from->bytes);
    if (from->side)
        text(w, to, "external_data", from->side);
}

static cJSON *site(struct writer *w, const struct bnf_report_site *from)
{
    cJSON *to = cJSON_CreateObject();
    text(w, to, "node", from->name);
    if (from->function)
        text(w, to, "function", from->function);
    text(w, to, "kind", from->kind == BNF_SITE_BATCHNORM ? "batchnorm" : "affine");
    text(w, to, "verdict", bnf_site_verdict_name(from->verdict));
    text(w, to, "direction",
        from->direction == BNF_DIRECTION_BACK      ? "back"
        : from->direction == BNF_DIRECTION_FORWARD ? "forward"
                                                   : NULL);
    strings(w, to, "into", from->into, from->into_count);
    strings(w, to, "through", from->through, from->through_count);
    bool reason = from->reason != BNF_REASON_NONE;
    text(w, to, "reason", reason ? bnf_reason_name(from->reason) : NULL);
    text(w, to, "detail", from->detail);
    text(w, to, "hint", reason ? bnf_reason_hint(from->reason) : NULL);
    text(w, to, "warning", from->warning);
    if (from->step_count)
        strings(w, to, "steps", from->steps, from->step_count);
    return to;
}

static void sites(struct writer *w, cJSON *root, const struct bnfold_report *report)
{
    cJSON *list = array(w, root, "sites");
    for (size_t i = 0; i < report->site_count && !w->failed; i++)
        append(w, list, site(w, &report->sites[i]));
    const struct bnf_report_totals *bn = &report->batchnorms, *affine = &report->affines;
    cJSON *totals = object(w, root, "totals");
    number(w, totals, "sites", (double)(bn->sites + affine->sites));
    number(w, totals, "folded", (double)(bn->folded + affine->folded));
    number(w, totals, "dropped", (double)(bn->dropped + affine->dropped));
    number(w, totals, "lowered", (double)(bn->lowered + affine->lowered));
    number(w, totals, "kept", (double)(bn->kept + affine->kept));
    number(w, totals, "batchnorm_sites", (double)bn->sites);
    number(w, totals, "batchnorm_kept", (double)bn->kept);
    number(w, totals, "affine_sites", (double)affine->sites);
    number(w, totals, "frozen", (double)report->frozen);
}

static void findings(struct writer *w, cJSON *parent, const char *key, const struct bnf_report_proof *proof,
    enum bnf_proof_verdict verdict)
{
    cJSON *list = array(w, parent, key);
    for (size_t i = 0; i < proof->finding_count && !w->failed; i++) {
        const struct bnf_finding *from = &proof->findings[i];
        if (from->verdict != verdict)
            continue;
        cJSON *to = cJSON_CreateObject();
        text(w, to, "value", from->value);
        text(w, to, "node", from->node);
        text(w, to, "detail", from->detail);
        rounded(w, to, "u", from->u);
        append(w, list, to);
    }
}

static void proof(struct writer *w, cJSON *root, const struct bnf_report_proof *from)
{
    cJSON *to = object(w, root, "proof");
    text(w, to, "verdict", from->done ? bnf_proof_verdict_name(from->verdict) : "skipped");
    boolean(w, to, "identical", from->identical);
    boolean(w, to, "with_defaults", from->with_defaults);
    boolean(w, to, "assumed_inference", from->assumed_inference);
    boolean(w, to, "same_draws", from->same_draws);
    if (from->shapes)
        text(w, to, "shapes", from->shapes);
    number(w, to, "cut_points", (double)from->cut_points);
    number(w, to, "cut_points_proved", (double)from->cut_points_proved);
    rounded(w, to, "worst_u", from->worst_u);
    findings(w, to, "unproved", from, BNF_PROOF_UNPROVED);
    findings(w, to, "refuted", from, BNF_PROOF_REFUTED);
    findings(w, to, "warnings", from, BNF_PROOF_WARN);
}

static cJSON *run_output(struct writer *w, const struct bnf_run_output *from)
{
    cJSON *to = cJSON_CreateObject();
    text(w, to, "name", from->name);
    text(w, to, "kind", from->kind);
    rounded(w, to, "max_abs", from->max_abs);
    rounded(w, to, "rms", from->rms);
    rounded(w, to, "e_ref", from->e_ref);
    rounded(w, to, "e_new", from->e_new);
    rounded(w, to, "gap", from->gap);
    rounded(w, to, "floor", from->floor);
    rounded(w, to, "ratio", from->ratio);
    rounded(w, to, "noise", from->noise);
    number(w, to, "compared", (double)from->compared);
    number(w, to, "nonfinite", (double)from->nonfinite);
    number(w, to, "mismatched", (double)from->mismatched);
    number(w, to, "near_ties", (double)from->near_ties);
    number(w, to, "rows", (double)from->rows);
    number(w, to, "top1", (double)from->top1);
    number(w, to, "top5", (double)from->top5);
    boolean(w, to, "constant", from->constant);
    boolean(w, to, "double_noise", from->double_noise);
    boolean(w, to, "fails", from->fails);
    text(w, to, "why", from->why);
    return to;
}

static void run(struct writer *w, cJSON *root, const struct bnfold_report *report)
{
    const struct bnf_run *from = &report->run.run;
    if (!report->run.done) {
        text(w, root, "run", NULL);
        return;
    }
    cJSON *to = object(w, root, "run");
    text(w, to, "verdict", bnf_run_verdict_name(from->verdict));
    text(w, to, "engine", "builtin");
    number(w, to, "samples", (double)from->samples);
    number(w, to, "inputs", (double)from->inputs);
    number(w, to, "seed", (double)report->seed);
    rounded(w, to, "coverage", from->coverage);
    strings(w, to, "unsupported", from->unsupported, from->unsupported_count);
    text(w, to, "blocked", from->blocked);
    text(w, to, "note", from->note);
    text(w, to, "diverges", from->diverges);
    cJSON *list = array(w, to, "outputs");
    for (size_t i = 0; i < from->output_count && !w->failed; i++)
        append(w, list, run_output(w, &from->outputs[i]));
    list = array(w, to, "worst");
    for (size_t i = 0; i < 5 && !w->failed && from->worst_text[i]; i++) {
        cJSON *item = cJSON_CreateObject();
        rounded(w, item, "delta", from->worst[i]);
        text(w, item, "text", from->worst_text[i]);
        append(w, list, item);
    }
    list = array(w, to, "buckets");
    for (size_t i = 0; i < 9 && !w->failed; i++)
        append(w, list, cJSON_CreateNumber((double)from->buckets[i]));
    if (!from->has_labels) {
        text(w, to, "labels", NULL);
        return;
    }
    cJSON *labels = object(w, to, "labels");
    number(w, labels, "count", (double)from->labelled);
    number(w, labels, "correct_before", (double)from->correct_ref);
    number(w, labels, "correct_after", (double)from->correct_new);
}

static void build(struct writer *w, cJSON *root, const struct bnfold_report *report)
{
    static const char *const commands[] = {
        [BNF_COMMAND_FOLD] = "fold", [BNF_COMMAND_PLAN] = "plan", [BNF_COMMAND_CHECK] = "check"};
    char tool[32];
    snprintf(tool, sizeof tool, "bnfold %s", bnfold_version());
    number(w, root, "schema_version", 1);
    text(w, root, "tool", tool);
    text(w, root, "command", commands[report->command]);
    model(w, root, "model", &report->model);
    if (report->command == BNF_COMMAND_CHECK)
        model(w, root, "candidate", &report->candidate);
    model(w, root, "output", &report->output);
    sites(w, root, report);
    strings(w, root, "warnings", report->warnings, report->warning_count);
    cJSON *healed = array(w, root, "healed");
    for (size_t i = 0; i < report->healed_count && !w->failed; i++) {
        cJSON *item = cJSON_CreateObject();
        text(w, item, "node", report->healed[i].name);
        text(w, item, "why", report->healed[i].why);
        append(w, healed, item);
    }
    proof(w, root, &report->proof);
    run(w, root, report);
    if (report->saved_folder) {
        cJSON *saved = object(w, root, "saved");
        text(w, saved, "folder", report->saved_folder);
        strings(w, saved, "files", (const char **)(uintptr_t)report->saved, report->saved_count);
    }
    text(w, root, "verdict", bnf_verdict_name(report->verdict));
    boolean(w, root, "by_runs", report->by_runs);
    boolean(w, root, "unchanged", report->unchanged);
    boolean(w, root, "strict_failed", report->strict_failed);
    cJSON *seconds = object(w, root, "seconds");
    rounded(w, seconds, "load", report->seconds.load);
    rounded(w, seconds, "fold", report->seconds.fold);
    rounded(w, seconds, "proof", report->seconds.proof);
    rounded(w, seconds, "run", report->seconds.run);
    rounded(w, seconds, "write", report->seconds.write);
}

void bnf_report_print_json(const struct bnfold_report *report, struct bnf_buf *out)
{
    struct writer writer = {0};
    cJSON *root = cJSON_CreateObject();
    build(&writer, root, report);
    char *printed = root && !writer.failed ? cJSON_Print(root) : NULL;
    if (printed) {
        bnf_buf_puts(out, printed);
        bnf_buf_puts(out, "\n");
    } else {
        out->failed = true;
    }
    cJSON_free(printed);
    cJSON_Delete(root);
}
