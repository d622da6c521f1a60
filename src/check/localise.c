#include "check/runner.h"

#include <math.h>
#include <string.h>

/* How far apart the two runs in double may be at a value, in floors of its type. */
#define LIMIT 4.0

enum state { UNKNOWN, AGREES, DIVERGES };

/* The values that both models name and compute. */
struct common {
    bnf_id *ref, *new;
    size_t count;
    uint8_t *state; /* per value of the reference */
};

static bool find_common(struct bnf_runner *r, struct common *c)
{
    const struct bnf_graph *a = &r->graph[0], *b = &r->graph[1];
    c->ref = bnf_alloc(a->value_count, sizeof *c->ref);
    c->new = bnf_alloc(a->value_count, sizeof *c->new);
    c->state = bnf_arena_alloc(&r->arena, a->value_count, 1);
    if (!c->ref || !c->new || !c->state)
        return false;
    for (size_t i = 0; i < a->scopes[0].order_count; i++) {
        bnf_id node = a->scopes[0].order[i];
        for (uint32_t slot = 0; slot < a->nodes[node].output_count; slot++) {
            bnf_id value = bnf_node_output(a, node, slot);
            bnf_id same = value == BNF_NONE ? BNF_NONE : bnf_graph_find(b, 0, a->values[value].name);
            if (same == BNF_NONE || b->values[same].producer == BNF_NONE)
                continue;
            c->ref[c->count] = value;
            c->new[c->count++] = same;
        }
    }
    return true;
}

static bool agrees(const struct bnf_array *a, const struct bnf_array *b)
{
    if (!bnf_metrics_same_form(a, b))
        return false;
    if (a->kind != BNF_KIND_REAL && a->kind != BNF_KIND_INT)
        return true;
    double scale = a->kind == BNF_KIND_INT ? bnf_metrics_scale(a)
                                           : fmax(bnf_metrics_scale(a), bnf_metrics_least_scale(a->dtype));
    return bnf_metrics_distance(a, b, scale) <= LIMIT * bnf_metrics_floor(a->dtype);
}

/* Runs both in double, keeping the common values. */
static int compare_values(struct bnf_runner *r, struct common *c, size_t sample, struct bnf_err *err)
{
    struct bnf_eval eval[2] = {{0}};
    int status = BNF_OK;
    r->all = r->done + 2;
    for (int side = 0; side < 2 && !status; side++) {
        status = bnf_runner_open(
            r, side, BNF_PRECISION_DOUBLE, side == BNF_RUN_REF ? c->ref : c->new, c->count, &eval[side], err);
        if (!status)
            status = bnf_runner_run(r, side, &eval[side], sample, err);
    }
    for (size_t i = 0; i < c->count && !status; i++) {
        const struct bnf_array *a = bnf_eval_value(&eval[0], c->ref[i]),
                               *b = bnf_eval_value(&eval[1], c->new[i]);
        if (a && b)
            c->state[c->ref[i]] = agrees(a, b) ? AGREES : DIVERGES;
    }
    bnf_eval_free(&eval[0]);
    bnf_eval_free(&eval[1]);
    return status;
}

/* Walks from the output towards the inputs along values that diverge or cannot be told; the earliest that
 * diverges is where it begins. A value that merely has the same name as another one is not on such a path. */
static bnf_id earliest(
    const struct bnf_graph *g, const struct common *c, bnf_id output, bnf_id *stack, uint8_t *seen)
{
    size_t depth = 0;
    bnf_id best = BNF_NONE;
    stack[depth++] = output;
    seen[output] = 1;
    while (depth) {
        bnf_id value = stack[--depth], node = g->values[value].producer;
        if (c->state[value] == AGREES || node == BNF_NONE)
            continue;
        if (c->state[value] == DIVERGES &&
            (best == BNF_NONE || g->nodes[node].position < g->nodes[g->values[best].producer].position))
            best = value;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++) {
            bnf_id input = bnf_node_input(g, node, slot);
            if (input == BNF_NONE || seen[input] || g->values[input].scope != 0)
                continue;
            seen[input] = 1;
            stack[depth++] = input;
        }
    }
    return best;
}

int bnf_runner_localise(struct bnf_runner *r, size_t output, size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    struct common c = {0};
    bnf_id *stack = bnf_alloc(g->value_count, sizeof *stack);
    uint8_t *seen = bnf_alloc(g->value_count, 1);
    int status = stack && seen && find_common(r, &c) ? BNF_OK : bnf_fail_memory(err);
    if (!status)
        status = compare_values(r, &c, sample, err);
    if (!status) {
        bnf_id value = earliest(g, &c, g->scopes[0].outputs[output], stack, seen);
        const char *name = value == BNF_NONE ? NULL : g->values[value].name;
        r->run->diverges = name ? bnf_arena_copy(&r->run->arena, name, strlen(name)) : NULL;
        if (name && !r->run->diverges)
            status = bnf_fail_memory(err);
        for (bnf_id i = 0; i < g->value_count; i++)
            c.state[i] = c.state[i] == AGREES;
        r->parting = value;
        r->agreeing = value == BNF_NONE ? NULL : c.state;
    }
    bnf_free(stack);
    bnf_free(seen);
    bnf_free(c.ref);
    bnf_free(c.new);
    return status == BNF_RUN_TROUBLE ? BNF_OK : status; /* then nobody knows where */
}
