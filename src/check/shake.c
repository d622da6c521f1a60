#include "check/runner.h"

#include <string.h>

/* How many draws an output gets, and how many even one that is hopelessly far off. */
enum { DRAWS = 16, SURE = 2 };

/* How many draws a candidate gets that stores subnormal numbers. */
enum { GRAINS = 4 };

/* What the draws for one arm need: an evaluator, and its stored numbers as they are. */
struct dice {
    struct bnf_eval eval;
    struct bnf_array **stored; /* per value; NULL: none of a float type, or one that decides on shapes */
};

/* Extents follow from it: moved a little it gives other ones. */
static bool sets_extents(const struct bnf_graph *g, bnf_id value)
{
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        if ((bnf_node_is(g, node, "Resize") || bnf_node_is(g, node, "Upsample")) && g->uses[use].slot > 0)
            return true;
    }
    return false;
}

static void close_dice(struct dice *d)
{
    for (size_t value = 0; d->stored && value < d->eval.graph->value_count; value++)
        bnf_array_drop(&d->eval.budget, d->stored[value]);
    bnf_free(d->stored);
    bnf_eval_free(&d->eval);
    *d = (struct dice){.stored = NULL};
}

/* The first run, not shaken, converts the stored numbers. */
static int open_dice(struct bnf_runner *r, struct dice *d, int side, enum bnf_precision precision,
    size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[side];
    int status = bnf_runner_open(r, side, precision, NULL, 0, &d->eval, err);
    if (status)
        return status;
    d->stored = bnf_alloc(g->value_count, sizeof(struct bnf_array *));
    status = d->stored ? bnf_runner_run(r, side, &d->eval, sample, err) : bnf_fail_memory(err);
    for (size_t value = 0; !status && value < g->value_count; value++) {
        struct bnf_array *array = d->eval.fixed[value];
        if (array && array->kind == BNF_KIND_REAL && !sets_extents(g, (bnf_id)value))
            d->stored[value] = bnf_array_hold(array);
    }
    return status;
}

/* Puts shaken numbers in place of the stored ones: all, or (`subnormal` not NULL) those that are subnormal or
 * zero; *subnormal says whether there are any. False when memory is out. */
static bool shake_stored(struct dice *d, uint64_t draw, bool *subnormal)
{
    for (size_t value = 0; value < d->eval.graph->value_count; value++) {
        if (!d->stored[value])
            continue;
        struct bnf_array *stored = bnf_array_hold(d->stored[value]);
        uint64_t seed = draw << 40 ^ (uint64_t)value;
        struct bnf_array *shaken = subnormal
                                       ? bnf_feeds_shake_subnormal(&d->eval.budget, stored, seed, subnormal)
                                       : bnf_feeds_shake(&d->eval.budget, stored, seed);
        if (!shaken)
            return false;
        bnf_array_drop(&d->eval.budget, d->eval.fixed[value]);
        d->eval.fixed[value] = shaken;
    }
    return true;
}

/* What a node computed, shaken as well: where a difference happens to be exact, because the same number is
 * taken away that was put in before, no number that is stored or fed shows what rounding may do to it. */
static struct bnf_array *shake_result(
    void *context, struct bnf_budget *budget, struct bnf_array *array, bnf_id value)
{
    const uint64_t *draw = context;
    return bnf_feeds_shake(budget, array, *draw << 40 ^ (uint64_t)value);
}

/* Draws for one output until it is explained, or for good. */
static int draw_for(struct bnf_runner *r, struct dice *d, size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t sample = m->failed_sample;
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int status = BNF_OK;
    d->eval.alter = shake_result;
    d->eval.alter_context = &r->shake;
    for (uint64_t draw = 1; draw <= DRAWS && !status && bnf_metrics_strays(m); draw++) {
        if (draw > SURE && bnf_metrics_is_hopeless(m))
            break;
        r->shake = draw;
        status = shake_stored(d, draw, NULL) ? bnf_runner_run(r, BNF_RUN_REF, &d->eval, sample, err)
                                             : bnf_fail_memory(err);
        const struct bnf_array *ref = status ? NULL : bnf_eval_value(&d->eval, value);
        if (ref)
            bnf_metrics_noise(m, r->oracle[bnf_runner_place(r, sample, output)], ref);
    }
    r->shake = 0;
    d->eval.alter = NULL;
    return status;
}

/* Subnormal numbers that the candidate stores are rounded more coarsely than any that the reference has: how
 * far does that move an output? */
static int draw_grain(struct bnf_runner *r, struct dice *d, size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t sample = m->failed_sample;
    bnf_id value = r->graph[BNF_RUN_NEW].scopes[0].outputs[r->partner[output]];
    const struct bnf_array *oracle = r->oracle[bnf_runner_place(r, sample, output)];
    struct bnf_array *plain = bnf_array_hold(bnf_eval_value(&d->eval, value));
    int status = BNF_OK;
    bool some = true;
    for (uint64_t draw = 1; draw <= GRAINS && plain && some && !status && bnf_metrics_strays(m); draw++) {
        some = false;
        if (!shake_stored(d, draw, &some))
            status = bnf_fail_memory(err);
        if (!status && some)
            status = bnf_runner_run(r, BNF_RUN_NEW, &d->eval, sample, err);
        const struct bnf_array *shaken = status || !some ? NULL : bnf_eval_value(&d->eval, value);
        if (shaken)
            bnf_metrics_grain(m, oracle, plain, shaken);
    }
    bnf_array_drop(&d->eval.budget, plain);
    return status;
}

int bnf_runner_draw_again(struct bnf_runner *r, struct bnf_err *err)
{
    struct dice dice[2] = {{.stored = NULL}};
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        const struct bnf_metrics *m = &r->metrics[i];
        size_t sample = m->failed_sample;
        if (!bnf_metrics_strays(m) || sample < r->first || sample >= r->first + r->chunk)
            continue;
        /* An output of type double is judged by the runs in double: so are its draws. */
        enum bnf_precision precision =
            (m->real ? m->dtype == BNF_DTYPE_DOUBLE : r->wide) ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
        if (!dice[precision].stored)
            status = open_dice(r, &dice[precision], BNF_RUN_REF, precision, sample, err);
        if (!status)
            status = draw_for(r, &dice[precision], i, err);
        struct dice other = {.stored = NULL};
        if (!status && bnf_metrics_strays(m))
            status = open_dice(r, &other, BNF_RUN_NEW, precision, sample, err);
        if (!status && other.stored)
            status = draw_grain(r, &other, i, err);
        close_dice(&other);
    }
    close_dice(&dice[0]);
    close_dice(&dice[1]);
    return status;
}
