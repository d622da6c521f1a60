#include "check/runner.h"

#include <string.h>

/* How many draws an output gets, and how many even one that is hopelessly far off. */
enum { DRAWS = 16, SURE = 2 };

/* How many draws without effect tell that a mismatch is none of a tie. */
enum { IDLE = 6 };

/* The part of a discrete output's mismatches that need not be excused one by one. */
enum { MOST = 4 };

/* How many draws a candidate gets that stores subnormal numbers. */
enum { GRAINS = 4 };

/* What the draws for one arm need: an evaluator, and its stored numbers as they are. */
struct dice {
    struct bnf_eval eval;
    struct bnf_array **stored; /* per value; NULL: none of a float type, or one that decides on shapes */
    bool *fed;                 /* per value: it follows from what is fed, not from its shape alone */
    uint64_t draw;             /* the one that is under way */
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
    bnf_free(d->fed);
    bnf_eval_free(&d->eval);
    *d = (struct dice){.stored = NULL};
}

/* Extents are computed as numbers, too, which are exact; moved a little they are other ones. In bodies
 * everything counts as fed. */
static void find_fed(const struct bnf_graph *g, bool *fed)
{
    for (size_t value = 0; value < g->value_count; value++)
        fed[value] = g->values[value].scope != 0 ||
                     (g->values[value].producer == BNF_NONE && !g->values[value].initializer);
    for (size_t i = 0; i < g->scopes[0].order_count; i++) {
        bnf_id node = g->scopes[0].order[i];
        bool any = g->nodes[node].first_body != g->nodes[node].last_body;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            any |= bnf_node_input(g, node, slot) != BNF_NONE && fed[bnf_node_input(g, node, slot)];
        any = any && !bnf_node_is(g, node, "Shape") && !bnf_node_is(g, node, "Size");
        for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++)
            if (bnf_node_output(g, node, slot) != BNF_NONE)
                fed[bnf_node_output(g, node, slot)] = any;
    }
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
    d->fed = bnf_alloc(g->value_count, sizeof *d->fed);
    if (d->fed)
        find_fed(g, d->fed);
    status = d->stored && d->fed ? bnf_runner_run(r, side, &d->eval, sample, err) : bnf_fail_memory(err);
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
    const struct dice *d = context;
    return d->fed[value] ? bnf_feeds_shake(budget, array, d->draw << 40 ^ (uint64_t)value) : array;
}

/* A draw: the reference on a sample with everything shaken. *out is NULL when it does not take what came of
 * it. */
static int draw_value(struct bnf_runner *r, struct dice *d, size_t sample, uint64_t draw, bnf_id value,
    const struct bnf_array **out, struct bnf_err *err)
{
    r->shake = d->draw = draw;
    d->eval.alter = shake_result;
    d->eval.alter_context = d;
    int status = shake_stored(d, draw, NULL) ? bnf_runner_run(r, BNF_RUN_REF, &d->eval, sample, err)
                                             : bnf_fail_memory(err);
    d->eval.alter = NULL;
    r->shake = 0;
    *out = status ? NULL : bnf_eval_value(&d->eval, value);
    return status == BNF_RUN_TROUBLE && r->trouble.status == BNF_EINPUT ? BNF_OK : status;
}

/* Draws for one output until it is explained, or for good. */
static int draw_for(struct bnf_runner *r, struct dice *d, size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t sample = m->failed_sample;
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int status = BNF_OK;
    for (uint64_t draw = 1; draw <= DRAWS && !status && bnf_metrics_strays(m); draw++) {
        if (draw > SURE && bnf_metrics_is_hopeless(m))
            break;
        const struct bnf_array *ref;
        status = draw_value(r, d, sample, draw, value, &ref, err);
        if (ref)
            bnf_metrics_noise(m, r->oracle[bnf_runner_place(r, sample, output)], ref);
    }
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
            m->dtype == BNF_DTYPE_DOUBLE ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
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

/* ---- ties ---- */

/* Takes from `other` what it has otherwise than `plain` where `drawn` has it otherwise as well; returns how
 * many elements that were. */
static size_t take_moved(
    struct bnf_array *other, const struct bnf_array *plain, const struct bnf_array *drawn)
{
    size_t count = 0;
    for (size_t i = 0; i < plain->count; i++) {
        if (bnf_metrics_same_element(plain, other, i) || bnf_metrics_same_element(plain, drawn, i))
            continue;
        if (plain->kind == BNF_KIND_TEXT)
            ((const char **)other->data)[i] = ((const char *const *)plain->data)[i];
        else
            ((int64_t *)other->data)[i] = ((const int64_t *)plain->data)[i];
        count++;
    }
    return count;
}

static size_t count_others(const struct bnf_array *other, const struct bnf_array *plain)
{
    size_t count = 0;
    for (size_t i = 0; i < plain->count; i++)
        count += !bnf_metrics_same_element(plain, other, i);
    return count;
}

/* One sample of one output: draws until all that is another is excused, or for good. In a list that is sorted
 * more comes to lie elsewhere than a few draws can show: once most of it is excused, the rest is. */
static int excuse_sample(struct bnf_runner *r, struct dice *d, size_t sample, size_t output,
    const struct bnf_array *plain, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t at = bnf_runner_place(r, sample, output), idle = 0;
    struct bnf_array *other = r->other[at];
    bool alike = bnf_metrics_same_form(plain, other);
    if (alike && (plain->kind == BNF_KIND_SEQUENCE || plain->kind == BNF_KIND_REAL))
        return BNF_OK;
    size_t all = alike ? count_others(other, plain) : 1, left = all;
    if (alike && plain == r->ref[at]) /* the run in double is a draw as good as any */
        left -= take_moved(other, plain, r->oracle[at]);
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int status = BNF_OK;
    for (uint64_t draw = 1; draw <= DRAWS && left && idle < IDLE && !status; draw++) {
        const struct bnf_array *drawn;
        status = draw_value(r, d, sample, draw, value, &drawn, err);
        bool same_form = drawn && bnf_metrics_same_form(plain, drawn);
        size_t moved = !drawn || same_form != alike ? 0 : alike ? take_moved(other, plain, drawn) : 1;
        left -= moved;
        idle = moved ? 0 : idle + 1;
    }
    size_t excused = left <= all / MOST ? all : all - left;
    bnf_metrics_excuse(m, alike ? excused : 0, alike ? 0 : excused);
    return status;
}

int bnf_runner_excuse_ties(struct bnf_runner *r, struct bnf_err *err)
{
    struct dice dice[2] = {{.stored = NULL}};
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        bool wide = r->metrics[i].real ? r->metrics[i].dtype == BNF_DTYPE_DOUBLE : r->wide;
        enum bnf_precision precision = wide ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
        for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
            size_t at = bnf_runner_place(r, sample, i), before = r->metrics[i].to->near_ties;
            if (!r->other[at])
                continue;
            if (!dice[precision].stored)
                status = open_dice(r, &dice[precision], BNF_RUN_REF, precision, sample, err);
            if (!status)
                status =
                    excuse_sample(r, &dice[precision], sample, i, wide ? r->oracle[at] : r->ref[at], err);
            if (r->metrics[i].to->near_ties == before)
                break; /* what is wrong in one sample needs no other */
        }
    }
    close_dice(&dice[0]);
    close_dice(&dice[1]);
    return status;
}
