#include "heal.h"

#include <string.h>

/* How many nodes a search looks at before it gives up. */
enum { SEARCH = 256 };

static int add(struct bnf_heal *heal, const char *pattern, struct bnf_err *err)
{
    if (!bnf_reserve(&heal->skip, &heal->capacity, heal->count + 2, sizeof *heal->skip))
        return bnf_fail_memory(err);
    heal->skip[heal->count++] = pattern;
    return BNF_OK;
}

int bnf_heal_begin(struct bnf_heal *heal, const char *const *skip, struct bnf_err *err)
{
    int status = BNF_OK;
    for (; skip && *skip && !status; skip++)
        status = add(heal, *skip, err);
    return status;
}

void bnf_heal_end(struct bnf_heal *heal)
{
    bnf_free(heal->skip);
    *heal = (struct bnf_heal){0};
}

/* A pattern that matches this name alone. */
static const char *escape(struct bnfold_report *report, const char *name)
{
    char *pattern = bnf_arena_alloc(&report->arena, 2 * strlen(name) + 1, 1), *to = pattern;
    for (; pattern && *name; name++) {
        if (strchr("*?[]\\", *name))
            *to++ = '\\';
        *to++ = *name;
    }
    return pattern;
}

/* The folded site that a node is, or NULL. */
static const struct bnf_report_site *site_of(
    const struct bnfold_report *report, const struct bnf_graph *graph, bnf_id node)
{
    char text[512];
    (void)bnf_node_text(graph, node, text, sizeof text);
    for (size_t i = 0; i < report->site_count; i++)
        if (report->sites[i].verdict != BNF_SITE_KEPT && strcmp(report->sites[i].name, text) == 0)
            return &report->sites[i];
    return NULL;
}

static bnf_id find_value(const struct bnf_graph *graph, const char *name)
{
    for (bnf_id value = 0; name && value < graph->value_count; value++)
        if (strcmp(graph->values[value].name, name) == 0)
            return value;
    return BNF_NONE;
}

/* Adds the nodes in front of a node, or behind it, to a queue. */
static size_t neighbours(const struct bnf_graph *g, bnf_id node, bool forward, bnf_id *queue, size_t count)
{
    const struct bnf_node *n = &g->nodes[node];
    for (uint32_t slot = 0; slot < (forward ? n->output_count : n->input_count); slot++) {
        bnf_id value = forward ? bnf_node_output(g, node, slot) : bnf_node_input(g, node, slot);
        if (value == BNF_NONE)
            continue;
        bnf_id use = forward ? g->values[value].first_use : BNF_NONE;
        bnf_id next = forward ? (use == BNF_NONE ? BNF_NONE : g->uses[use].node) : g->values[value].producer;
        while (next != BNF_NONE && count < SEARCH) {
            bool known = false;
            for (size_t i = 0; i < count; i++)
                known |= queue[i] == next;
            if (!known)
                queue[count++] = next;
            use = use == BNF_NONE ? BNF_NONE : g->uses[use].next;
            next = use == BNF_NONE ? BNF_NONE : g->uses[use].node;
        }
    }
    return count;
}

/* The site nearest to where a value is computed: there, in front of it, or behind it. */
static const struct bnf_report_site *nearest(
    const struct bnfold_report *report, const struct bnf_graph *g, bnf_id value)
{
    bnf_id queue[SEARCH];
    for (int forward = 0; forward < 2; forward++) {
        size_t count = 0;
        if (g->values[value].producer != BNF_NONE)
            queue[count++] = g->values[value].producer;
        for (bnf_id use = g->values[value].first_use; !count && forward && use != BNF_NONE; use = g->uses[use].next)
            if (count < SEARCH)
                queue[count++] = g->uses[use].node;
        for (size_t at = 0; at < count; at++) {
            const struct bnf_report_site *site = site_of(report, g, queue[at]);
            if (site)
                return site;
            count = neighbours(g, queue[at], forward, queue, count);
        }
    }
    return NULL;
}

static int choose(struct bnf_heal *heal, const struct bnf_graph *graph, struct bnfold_report *report, const char *value,
    const char *why, bool *more, struct bnf_err *err)
{
    bnf_id id = find_value(graph, value);
    const struct bnf_report_site *site = id == BNF_NONE ? NULL : nearest(report, graph, id);
    if (!site)
        return BNF_OK;
    const char *pattern = escape(report, site->name);
    if (!pattern)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < heal->count; i++)
        if (strcmp(heal->skip[i], pattern) == 0)
            return BNF_OK;
    int status = add(heal, pattern, err);
    if (!status)
        status = bnf_report_healed(report, site->name, why, err);
    *more = true;
    return status;
}

static bool is_healed(const struct bnfold_report *report, const char *name)
{
    for (size_t i = 0; i < report->healed_count; i++)
        if (strcmp(report->healed[i].name, name) == 0)
            return true;
    return false;
}

int bnf_heal_explain(struct bnfold_report *report, struct bnf_fold_result *result, struct bnf_err *err)
{
    for (size_t i = 0; i < result->site_count; i++) {
        struct bnf_site *site = &result->sites[i];
        if (site->reason != BNF_REASON_NOT_SELECTED || !is_healed(report, site->name))
            continue;
        site->reason = BNF_REASON_HEALED;
        site->detail = bnf_arena_format(&report->arena,
            "--heal left '%s' as it was, since a fold with it did not pass the check", site->name);
        if (!site->detail)
            return bnf_fail_memory(err);
    }
    return BNF_OK;
}

int bnf_heal_choose(struct bnf_heal *heal, const struct bnf_graph *graph, struct bnfold_report *report, bool *more,
    struct bnf_err *err)
{
    int status = BNF_OK;
    *more = false;
    for (size_t i = 0; i < report->proof.finding_count && !status; i++) {
        const struct bnf_finding *finding = &report->proof.findings[i];
        if (finding->verdict != BNF_PROOF_WARN)
            status = choose(heal, graph, report, finding->value, finding->detail, more, err);
    }
    const struct bnf_run *run = &report->run.run;
    if (!status && report->run.done && run->verdict == BNF_RUN_DIFFERENT && run->diverges)
        status = choose(heal, graph, report, run->diverges, "the models part behind it when they are run", more, err);
    return status;
}
