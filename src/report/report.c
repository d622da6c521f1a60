#include "report/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bnfold_report *bnf_report_new(enum bnf_command command)
{
    struct bnfold_report *report = bnf_alloc(1, sizeof *report);
    if (!report)
        return NULL;
    bnf_arena_init(&report->arena, 0);
    report->command = command;
    report->verdict = BNF_VERDICT_UNCHECKED;
    return report;
}

void bnfold_report_free(struct bnfold_report *report)
{
    if (report)
        bnf_arena_free(&report->arena);
    bnf_free(report);
}

/* Bytes of the well-formed UTF-8 character at text, or 0. */
static size_t character(const unsigned char *text)
{
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xC2 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    if (length == 0 || text[0] > 0xF4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    if ((text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
        (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F))
        return 0;
    return length;
}

const char *bnf_report_text(struct bnfold_report *report, const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    if (!text)
        return NULL;
    size_t bad = 0, length = strlen(text);
    const unsigned char *from = (const unsigned char *)text;
    for (size_t i = 0, step; i < length; i += step ? step : 1) {
        step = character(from + i);
        bad += step == 0;
    }
    char *copy = bnf_arena_alloc(&report->arena, length + 2 * bad + 1, 1);
    if (!copy)
        return NULL;
    char *to = copy;
    for (size_t i = 0, step; i < length; i += step ? step : 1) {
        step = character(from + i);
        memcpy(to, step ? text + i : replacement, step ? step : 3);
        to += step ? step : 3;
    }
    return copy;
}

/* A copied list of texts; *ok turns false when memory is out. */
static const char **copy_list(struct bnfold_report *report, const char *const *list, size_t count, bool *ok)
{
    const char **copy = bnf_arena_alloc(&report->arena, count, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = bnf_report_text(report, list[i]);
        *ok = *ok && copy[i];
    }
    *ok = *ok && copy;
    return copy;
}

/* A text that may be absent. */
static const char *copy_optional(struct bnfold_report *report, const char *text, bool *ok)
{
    const char *copy = bnf_report_text(report, text);
    *ok = *ok && (copy || !text);
    return copy;
}

/* The names of all nodes, and by name id the operator of the first node that has it. */
struct operators {
    struct bnf_names names;
    const char **types;
};

static bool collect_operators(struct operators *operators, const struct bnf_graph *graph)
{
    *operators = (struct operators){.types = bnf_alloc(graph->node_count, sizeof *operators->types)};
    if (!operators->types)
        return false;
    for (size_t i = 0; i < graph->node_count; i++) {
        const Onnx__NodeProto *node = graph->nodes[i].proto;
        if (!node->name || !*node->name)
            continue;
        bnf_id id = bnf_names_add(&operators->names, node->name);
        if (id == BNF_NONE)
            return false;
        if (!operators->types[id])
            operators->types[id] = node->op_type;
    }
    return true;
}

static void free_operators(struct operators *operators)
{
    bnf_names_free(&operators->names);
    bnf_free(operators->types);
}

/* The operator of a node as reports call it: nodes without a name are called "Conv at 'output'". */
static const char *operator_of(
    struct bnfold_report *report, const struct operators *operators, const char *name)
{
    bnf_id id = bnf_names_find(&operators->names, name);
    if (id != BNF_NONE)
        return bnf_report_text(report, operators->types[id]);
    const char *end = strstr(name, " at '");
    return end ? bnf_arena_copy(&report->arena, name, (size_t)(end - name)) : NULL;
}

static void count_site(struct bnf_report_totals *totals, enum bnf_site_verdict verdict)
{
    totals->sites++;
    totals->folded += verdict == BNF_SITE_FOLDED;
    totals->dropped += verdict == BNF_SITE_DROPPED;
    totals->lowered += verdict == BNF_SITE_LOWERED;
    totals->kept += verdict == BNF_SITE_KEPT;
}

int bnf_report_sites(struct bnfold_report *report, const struct bnf_fold_result *result,
    const struct bnf_graph *graph, struct bnf_err *err)
{
    struct operators operators;
    report->batchnorms = report->affines = (struct bnf_report_totals){0};
    bool ok = collect_operators(&operators, graph);
    report->sites = bnf_arena_alloc(&report->arena, result->site_count, sizeof *report->sites);
    ok = ok && report->sites;
    for (size_t i = 0; ok && i < result->site_count; i++) {
        const struct bnf_site *from = &result->sites[i];
        struct bnf_report_site *to = &report->sites[i];
        *to = (struct bnf_report_site){.kind = from->kind,
            .verdict = from->verdict,
            .direction = from->direction,
            .into_count = from->into_count,
            .through_count = from->through_count,
            .step_count = from->step_count,
            .reason = from->reason};
        to->name = copy_optional(report, from->name ? from->name : "", &ok);
        to->function = copy_optional(report, from->function, &ok);
        to->into = copy_list(report, from->into, from->into_count, &ok);
        to->through = copy_list(report, from->through, from->through_count, &ok);
        to->steps = copy_list(report, from->steps, from->step_count, &ok);
        to->detail = copy_optional(report, from->detail, &ok);
        to->warning = copy_optional(report, from->warning, &ok);
        if (from->into_count)
            to->operator= operator_of(report, &operators, from->into[0]);
        count_site(from->kind == BNF_SITE_BATCHNORM ? &report->batchnorms : &report->affines, from->verdict);
    }
    free_operators(&operators);
    report->site_count = result->site_count;
    report->frozen = result->frozen;
    return ok ? BNF_OK : bnf_fail_memory(err);
}

int bnf_report_warn(struct bnfold_report *report, struct bnf_err *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char **list = bnf_arena_alloc(&report->arena, report->warning_count + 1, sizeof *list);
    const char *warning = bnf_report_text(report, text);
    if (!list || !warning)
        return bnf_fail_memory(err);
    if (report->warning_count)
        memcpy(list, report->warnings, report->warning_count * sizeof *list);
    list[report->warning_count++] = warning;
    report->warnings = list;
    return BNF_OK;
}

int bnf_report_healed(struct bnfold_report *report, const char *name, const char *why, struct bnf_err *err)
{
    struct bnf_report_healed *list =
        bnf_arena_alloc(&report->arena, report->healed_count + 1, sizeof *report->healed);
    bool ok = list;
    if (!ok)
        return bnf_fail_memory(err);
    if (report->healed_count)
        memcpy(list, report->healed, report->healed_count * sizeof *list);
    list[report->healed_count].name = copy_optional(report, name, &ok);
    list[report->healed_count].why = copy_optional(report, why, &ok);
    report->healed = list;
    report->healed_count++;
    return ok ? BNF_OK : bnf_fail_memory(err);
}

int bnf_report_proof(struct bnfold_report *report, const struct bnf_proof *proof, struct bnf_err *err)
{
    struct bnf_report_proof *to = &report->proof;
    *to = (struct bnf_report_proof){.done = true,
        .verdict = proof->verdict,
        .identical = proof->identical,
        .with_defaults = proof->with_defaults,
        .assumed_inference = proof->assumed_inference,
        .same_draws = proof->same_draws,
        .cut_points = proof->cut_points,
        .cut_points_proved = proof->cut_points_proved,
        .worst_u = proof->worst_u};
    to->findings = bnf_arena_alloc(&report->arena, proof->finding_count, sizeof *to->findings);
    if (!to->findings)
        return bnf_fail_memory(err);
    bool ok = true;
    to->shapes = copy_optional(report, proof->shapes, &ok);
    for (size_t i = 0; ok && i < proof->finding_count; i++) {
        const struct bnf_finding *from = &proof->findings[i];
        to->findings[i] = (struct bnf_finding){.verdict = from->verdict, .u = from->u};
        to->findings[i].value = copy_optional(report, from->value, &ok);
        to->findings[i].node = copy_optional(report, from->node, &ok);
        to->findings[i].detail = copy_optional(report, from->detail ? from->detail : "", &ok);
    }
    to->finding_count = proof->finding_count;
    return ok ? BNF_OK : bnf_fail_memory(err);
}

int bnfold_report_exit(const struct bnfold_report *report)
{
    if (report->strict_failed)
        return 1;
    switch (report->verdict) {
    case BNF_VERDICT_EQUIVALENT:
    case BNF_VERDICT_UNCHECKED:
        return 0;
    case BNF_VERDICT_DIFFERENT:
        return 1;
    case BNF_VERDICT_INCONCLUSIVE:
        return 3;
    }
    bnf_bug("a report without a verdict");
}

int bnfold_report_print(const struct bnfold_report *report, const struct bnfold_style *style, FILE *stream)
{
    struct bnf_buf out = {0};
    if (style->format == BNFOLD_PRINT_JSON)
        bnf_report_print_json(report, &out);
    else
        bnf_report_print_text(report, style->verbosity, style->color, &out);
    bool done =
        !out.failed && fwrite(bnf_buf_text(&out), 1, out.size, stream) == out.size && fflush(stream) == 0;
    bnf_buf_free(&out);
    return done ? 0 : -1;
}

const char *bnf_site_verdict_name(enum bnf_site_verdict verdict)
{
    static const char *const names[] = {[BNF_SITE_KEPT] = "kept",
        [BNF_SITE_FOLDED] = "folded",
        [BNF_SITE_DROPPED] = "dropped",
        [BNF_SITE_LOWERED] = "lowered"};
    return names[verdict];
}

const char *bnf_proof_verdict_name(enum bnf_proof_verdict verdict)
{
    static const char *const names[] = {[BNF_PROOF_PROVED] = "proved",
        [BNF_PROOF_WARN] = "warn",
        [BNF_PROOF_REFUTED] = "refuted",
        [BNF_PROOF_UNPROVED] = "unproved"};
    return names[verdict];
}

const char *bnf_verdict_name(enum bnf_verdict verdict)
{
    static const char *const names[] = {[BNF_VERDICT_EQUIVALENT] = "equivalent",
        [BNF_VERDICT_DIFFERENT] = "different",
        [BNF_VERDICT_INCONCLUSIVE] = "inconclusive",
        [BNF_VERDICT_UNCHECKED] = "unchecked"};
    return names[verdict];
}
