/* Effective coefficients: weights and biases together with the affine maps around them. */
#include "check/prover.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A core with what surrounds it. */
struct effective {
    const struct bnf_core *core;
    const struct bnf_normal *pre, *post;
    struct bnf_weights weights;
    size_t bias_rows;    /* Gemm's C may differ by row */
    double *bias, *size; /* bias_rows × out_channels */
    bool biased;         /* some bias may be other than zero */
    unsigned derived;    /* stored tensors that factors of the other one's weights were found in */
};

static double *numbers(struct bnf_prover *p, struct bnf_arena *arena, size_t count)
{
    double *list = bnf_arena_alloc(arena, count, sizeof *list);
    if (!list)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return list;
}

/* Factors of rows and columns: the result's channels carry post, the data's carry pre. */
static bool weigh(struct bnf_prover *p, struct bnf_arena *arena, struct effective *e)
{
    const struct bnf_core *c = e->core;
    const struct bnf_normal *on_rows = c->rows_out ? e->post : e->pre,
                            *on_cols = c->rows_out ? e->pre : e->post;
    e->weights.tensor = c->weight;
    e->weights.quant = &c->weight_quant;
    if (on_rows || c->alpha != 1) {
        double *row = numbers(p, arena, c->rows);
        if (!row)
            return false;
        for (size_t r = 0; r < c->rows; r++)
            row[r] = c->alpha * bnf_scale_at(on_rows, r % c->row_channels);
        e->weights.row = row;
    }
    if (on_cols) {
        size_t rows_in_group = c->row_channels / c->groups;
        double *col = numbers(p, arena, c->groups * c->cols);
        if (!col)
            return false;
        for (size_t group = 0; group < c->groups; group++)
            for (size_t i = 0; i < c->cols; i++)
                col[group * c->cols + i] =
                    bnf_scale_at(on_cols, bnf_core_col_channel(c, group * rows_in_group, i));
        e->weights.col = col;
    }
    return true;
}

/* The stored bias of one row and output channel, Gemm's C broadcast. */
static double stored_bias(const struct bnf_core *core, size_t row, size_t channel)
{
    const struct bnf_tensor *b = core->bias;
    if (!b)
        return 0;
    size_t width = b->rank ? (size_t)b->dims[b->rank - 1] : 1;
    size_t height = b->count / width;
    double value;
    bnf_weights_read(
        b, &core->bias_quant, (height == 1 ? 0 : row) * width + (width == 1 ? 0 : channel), 1, &value);
    return core->beta * value;
}

static bool bias(struct bnf_prover *p, struct bnf_arena *arena, struct effective *e)
{
    const struct bnf_core *c = e->core;
    size_t n = c->out_channels;
    e->bias_rows = c->bias && c->bias->rank == 2 ? (size_t)c->bias->dims[0] : 1;
    e->biased = c->bias || (e->post && e->post->shifts) || (e->pre && e->pre->shifts);
    double *shifted = numbers(p, arena, n), *shifted_size = numbers(p, arena, n);
    e->bias = numbers(p, arena, e->bias_rows * n);
    e->size = numbers(p, arena, e->bias_rows * n);
    if (!shifted || !shifted_size || !e->bias || !e->size)
        return false;
    if (e->pre && e->pre->shifts && !bnf_weights_shift(c, e->pre, shifted, shifted_size)) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    for (size_t row = 0; row < e->bias_rows; row++)
        for (size_t o = 0; o < n; o++) {
            double b = stored_bias(c, row, o), scale = bnf_scale_at(e->post, o);
            e->bias[row * n + o] = scale * (b + shifted[o]) + bnf_shift_at(e->post, o);
            e->size[row * n + o] = fabs(scale) * (fabs(b) + shifted_size[o]) + bnf_size_at(e->post, o);
        }
    return true;
}

static void say_weight(
    struct bnf_prover *p, const struct bnf_core *ref, const struct bnf_worst *worst, double limit)
{
    size_t row = worst->index / ref->cols, col = worst->index % ref->cols;
    size_t channel = ref->rows_out ? row % ref->row_channels : bnf_core_col_channel(ref, row, col);
    char place[160] = "";
    size_t rest = worst->index, used = 0, divisor = ref->weight->count;
    for (uint32_t i = 0; i < ref->weight->rank && used < sizeof place - 24; i++) {
        divisor /= (size_t)ref->weight->dims[i];
        used += (size_t)snprintf(place + used, sizeof place - used, "%s%zu", i ? "," : "", rest / divisor);
        rest %= divisor;
    }
    p->said_u = worst->u;
    bnf_say(p,
        "the weight of output channel %zu at [%s] is %.9g instead of %.9g: %.3g u off, allowed are %.4g",
        channel, place, worst->found, worst->expected, worst->u, limit);
}

/* What is not finite is equal to nothing, and differs from nothing either. */
static enum bnf_outcome not_finite(struct bnf_prover *p, const char *what)
{
    bnf_say(p, "a %s is not finite in the reference", what);
    return BNF_UNKNOWN;
}

/* Half the smallest number is allowed on top of every weight: not for a channel of which nothing would be left. */
static enum bnf_outcome compare_vanishing(struct bnf_prover *p, const struct bnf_core *layout,
    const struct bnf_weights *ref, const struct bnf_weights *new, bool transposed)
{
    size_t channel;
    if (bnf_weights_vanish(layout, ref, new, transposed, &channel))
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    return channel == SIZE_MAX ? BNF_EQUAL : bnf_vanishes(p, "output channel", channel, layout->dtype);
}

static enum bnf_outcome compare_weights(
    struct bnf_prover *p, const struct effective e[2], struct bnf_tally *tally)
{
    const struct bnf_core *ref = e[0].core;
    int dtype = ref->dtype;
    unsigned tensors = 1 + e[1].derived + (e[1].pre ? e[1].pre->scale_tensors : 0) +
                       (e[1].post ? e[1].post->scale_tensors : 0);
    double limit = bnf_limit(p, dtype, tensors);
    struct bnf_worst worst;
    bool transposed = ref->rows_out != e[1].core->rows_out;
    struct bnf_weights new = e[1].weights;
    if (transposed) { /* factors follow the reference's layout; there are no groups */
        new.row = e[1].weights.col;
        new.col = e[1].weights.row;
    }
    int status = bnf_weights_compare(ref, &e[0].weights, &new, transposed,
        p->explaining ? (double)INFINITY : limit, p->options.threads, &worst);
    if (status)
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    tally->changed |= worst.u > 0;
    if (bnf_accept(p, dtype, tensors, worst.u, tally))
        return compare_vanishing(p, ref, &e[0].weights, &new, transposed);
    if (!isfinite(worst.expected))
        return not_finite(p, "weight");
    say_weight(p, ref, &worst, limit);
    return BNF_DIFFERENT;
}

/* Stored tensors that a bias of these cores is made of. */
static unsigned bias_tensors(
    const struct bnf_core *core, const struct bnf_normal *pre, const struct bnf_normal *post)
{
    return (core->bias != NULL) + (pre && pre->shifts ? 1 + pre->shift_tensors : 0) +
           (post ? post->scale_tensors + post->shift_tensors : 0);
}

static enum bnf_outcome compare_biases(
    struct bnf_prover *p, const struct effective e[2], struct bnf_tally *tally)
{
    int dtype = e[0].core->dtype;
    size_t n = e[0].core->out_channels;
    size_t rows = e[0].bias_rows > e[1].bias_rows ? e[0].bias_rows : e[1].bias_rows;
    const struct bnf_normal *post = e[1].post;
    unsigned tensors = bias_tensors(e[1].core, e[1].pre, post);
    double worst = 0;
    size_t where = 0;
    if ((e[0].bias_rows != rows && e[0].bias_rows != 1) || (e[1].bias_rows != rows && e[1].bias_rows != 1)) {
        bnf_say(p, "the bias has %zu rows instead of %zu", e[1].bias_rows, e[0].bias_rows);
        return BNF_DIFFERENT;
    }
    const struct bnf_shape *x = &p->side[1].graph.values[e[1].core->data].shape;
    if (e[0].bias_rows < rows && !(x->rank == 2 && x->dims[e[1].core->trans_a ? 1 : 0] == (int64_t)rows)) {
        bnf_say(p, "the bias has %zu rows, whatever the data has", e[1].bias_rows);
        return BNF_DIFFERENT;
    }
    if (!e[0].biased && !e[1].biased)
        return BNF_EQUAL;
    for (size_t i = 0; i < rows * n; i++) {
        size_t r = e[0].bias_rows == 1 ? i % n : i, q = e[1].bias_rows == 1 ? i % n : i;
        double k = bnf_error_in_u(dtype, e[0].bias[r], e[1].bias[q], e[0].size[r],
            bnf_scale_at(post, i % n) * fmax(1, fabs(e[1].core->beta)));
        if (k > worst) {
            worst = k;
            where = i;
        }
    }
    tally->changed |= worst > 0;
    if (bnf_accept(p, dtype, tensors, worst, tally))
        return BNF_EQUAL;
    double expected = e[0].bias[e[0].bias_rows == 1 ? where % n : where];
    if (!isfinite(expected))
        return not_finite(p, "bias");
    p->said_u = worst;
    bnf_say(p,
        "the bias of output channel %zu is %.9g instead of %.9g: %.3g u of the terms it is summed from, "
        "allowed are %.4g",
        where % n, e[1].bias[e[1].bias_rows == 1 ? where % n : where], expected, worst,
        bnf_limit(p, dtype, tensors));
    return BNF_DIFFERENT;
}

/* The extents of a map of `count` numbers along a core's output channels. */
static bool axis_of_result(
    const struct bnf_side *side, const struct bnf_core *c, size_t count, int *rank, int64_t dims[BNF_MAP_RANK])
{
    *rank = c->kind == BNF_CORE_PRODUCT
                ? side->graph.values[bnf_node_output(&side->graph, c->node, 0)].shape.rank
                : (int)c->weight->rank;
    if (count > 1 && (*rank > BNF_MAP_RANK || c->out_axis < 0 || c->out_axis >= *rank))
        return false;
    for (int i = 0; i < BNF_MAP_RANK; i++)
        dims[i] = 1;
    if (count > 1)
        dims[c->out_axis] = (int64_t)c->out_channels;
    else
        *rank = -1;
    return true;
}

/* What is added behind the weights, as a map of the result. NULL in *added: nothing. */
static bool additions(struct bnf_prover *p, const struct bnf_side *side, struct bnf_arena *arena,
    const struct effective *e, const struct bnf_normal **added)
{
    const struct bnf_core *c = e->core;
    const struct bnf_normal *pre = e->pre, *post = e->post;
    int64_t dims[BNF_MAP_RANK];
    *added = NULL;
    if (!e->biased)
        return true;
    size_t count = e->bias_rows * c->out_channels;
    int rank;
    if (!axis_of_result(side, c, count, &rank, dims))
        return false;
    if (e->bias_rows > 1)
        dims[0] = (int64_t)e->bias_rows;
    struct bnf_normal *map = bnf_normal_new(p, arena, rank, dims);
    if (!map)
        return false;
    for (size_t i = 0; i < count; i++) {
        map->scale[i] = 1;
        map->shift[i] = e->bias[i];
        map->size[i] = e->size[i];
    }
    map->shift_tensors = bias_tensors(c, pre, post);
    *added = map;
    return bnf_normal_settle(map);
}

/* The weights may be the same as they stand: then what lies on the result belongs to what is behind it. */
static enum bnf_outcome compare_bare(struct bnf_prover *p, const struct effective e[2], struct bnf_arena *arena,
    const struct bnf_normal **added, struct bnf_tally *tally)
{
    if (!e[0].post && !e[1].post)
        return BNF_UNKNOWN;
    struct effective bare[2];
    for (int i = 0; i < 2; i++) {
        bare[i] = (struct effective){.core = e[i].core, .pre = e[i].pre};
        if (!weigh(p, arena, &bare[i]) || !bias(p, arena, &bare[i]))
            return BNF_UNKNOWN;
    }
    enum bnf_outcome outcome = compare_weights(p, bare, tally);
    for (int i = 0; i < 2 && outcome == BNF_EQUAL; i++) {
        const struct bnf_normal *own;
        if (!additions(p, &p->side[i], arena, &bare[i], &own) ||
            !bnf_normal_compose(p, arena, e[i].post, own, &added[i]))
            return BNF_UNKNOWN;
    }
    return outcome;
}

/* Or they are the same but for a factor of each output channel, or one of all, the rest of which is behind them. */
static enum bnf_outcome compare_multiples(struct bnf_prover *p, const struct effective e[2], bool uniform,
    struct bnf_arena *arena, const struct bnf_normal **added, struct bnf_tally *tally)
{
    struct effective own[2] = {e[0], e[1]};
    size_t n = e[0].core->out_channels;
    int64_t dims[BNF_MAP_RANK];
    int rank;
    if (!axis_of_result(&p->side[1], e[1].core, n, &rank, dims))
        return BNF_UNKNOWN;
    struct bnf_normal *factors = bnf_normal_new(p, arena, rank, dims), *post = bnf_normal_new(p, arena, rank, dims);
    if (!factors || !post || e[0].core->rows_out != e[1].core->rows_out)
        return BNF_UNKNOWN;
    const bool told = e[0].bias_rows == 1 && e[1].bias_rows == 1;
    const double *const biases[2] = {told ? e[0].bias : NULL, told ? e[1].bias : NULL};
    const struct bnf_weights weights[2] = {e[0].weights, e[1].weights};
    if (!bnf_weights_factors(e[0].core, weights, biases, uniform, factors->scale))
        return BNF_UNKNOWN;
    for (size_t o = 0; o < n; o++)
        post->scale[o] = factors->scale[o] * bnf_scale_at(e[0].post, o);
    factors->scale_tensors = 1 + (e[1].pre ? e[1].pre->scale_tensors : 0) + (e[1].post ? e[1].post->scale_tensors : 0);
    own[0] = (struct effective){.core = e[0].core, .pre = e[0].pre, .post = post};
    own[1].derived = factors->scale_tensors;
    if (!bnf_normal_settle(factors) || !bnf_normal_settle(post) || !weigh(p, arena, &own[0]))
        return BNF_UNKNOWN;
    enum bnf_outcome outcome = compare_weights(p, own, tally);
    const struct bnf_normal *bias, *tidy = bnf_normal_tidy(p, arena, factors);
    if (outcome == BNF_EQUAL && (!tidy || !additions(p, &p->side[0], arena, &e[0], &added[0]) ||
                                    !additions(p, &p->side[1], arena, &e[1], &bias) ||
                                    !bnf_normal_compose(p, arena, bias, tidy, &added[1])))
        return BNF_UNKNOWN;
    return outcome;
}

/* Weights that differ with what lies on the result, and not without all or some of it. */
static enum bnf_outcome compare_shared(struct bnf_prover *p, const struct effective e[2], struct bnf_arena *arena,
    const struct bnf_normal **added, struct bnf_tally *tally)
{
    bool explaining = p->explaining;
    p->explaining = false;
    struct bnf_tally inner = *tally;
    enum bnf_outcome outcome = compare_bare(p, e, arena, added, &inner);
    p->resorts |= outcome != BNF_EQUAL;
    for (int uniform = 1; uniform >= 0 && outcome != BNF_EQUAL && p->multiples; uniform--) {
        inner = *tally;
        outcome = compare_multiples(p, e, uniform, arena, added, &inner);
    }
    p->explaining = explaining;
    if (outcome == BNF_EQUAL)
        *tally = inner;
    return outcome;
}

/* With `added`, what is added behind the weights is returned instead of compared. */
static enum bnf_outcome compare_coefficients(struct bnf_prover *p, struct effective e[2],
    struct bnf_arena *arena, const struct bnf_normal **added, struct bnf_tally *tally)
{
    if (e[1].core->weight_quant.broken || e[1].core->bias_quant.broken) {
        bnf_say(p, "the scale and the zero point of a DequantizeLinear do not fit its integers");
        return BNF_DIFFERENT;
    }
    for (int i = 0; i < 2; i++)
        if (!weigh(p, arena, &e[i]) || !bias(p, arena, &e[i]))
            return BNF_UNKNOWN;
    struct bnf_tally before = *tally;
    enum bnf_outcome outcome = compare_weights(p, e, tally);
    if (!added)
        return outcome == BNF_EQUAL ? compare_biases(p, e, tally) : outcome;
    for (size_t i = 0; i < e[1].bias_rows * e[1].core->out_channels; i++)
        if (!isfinite(e[1].bias[i])) { /* in the reference, too, nothing would equal it */
            p->said_u = INFINITY;
            bnf_say(p, "the bias of output channel %zu is %.9g", i % e[1].core->out_channels, e[1].bias[i]);
            return BNF_DIFFERENT;
        }
    if (outcome != BNF_EQUAL) {
        if (outcome == BNF_UNKNOWN || compare_shared(p, e, arena, added, &before) != BNF_EQUAL)
            return outcome;
        *tally = before;
        return BNF_EQUAL;
    }
    for (int i = 0; i < 2; i++)
        if (!additions(p, &p->side[i], arena, &e[i], &added[i]))
            return BNF_UNKNOWN;
    return BNF_EQUAL;
}

/* ---- in front of the weights ---- */

/* Behind implicit padding a shift cannot become a bias: the padded zeros would be shifted, too. The scales
 * may differ between the two models, what is shifted in front of them may not. pre becomes the scales alone.
 */
static enum bnf_outcome part_shifts(struct bnf_prover *p, struct bnf_arena *arena, struct effective e[2],
    bool passes, int dtype, struct bnf_tally *tally)
{
    const struct bnf_normal *scale[2], *offset[2];
    for (int i = 0; i < 2; i++)
        if (!bnf_normal_offset(p, arena, e[i].pre, &scale[i], &offset[i])) {
            bnf_say(p, "an affine with a shift in front of implicit padding is not the same in both models");
            return p->status ? BNF_UNKNOWN : BNF_DIFFERENT;
        }
    bool explaining = p->explaining;
    p->explaining = false; /* what is said below is said better */
    struct bnf_tally inner = *tally;
    enum bnf_outcome outcome = bnf_normal_compare(p, offset[0], offset[1], dtype, &inner);
    const struct bnf_normal *rest;
    if (outcome == BNF_EQUAL) {
        *tally = inner;
    } else if (passes && bnf_normal_difference(
                             p, arena, offset[0], offset[1], e[0].core->in_axis, dtype, tally, &rest)) {
        /* A shift along the channels is left over, which the candidate has as a bias. */
        const struct bnf_normal *exact = bnf_normal_counted(p, arena, 0, offset[1]->shift_tensors + 1);
        outcome = exact && bnf_normal_compose(p, arena, scale[0], rest, &scale[0]) &&
                          bnf_normal_compose(p, arena, scale[1], exact, &scale[1])
                      ? BNF_EQUAL
                      : BNF_UNKNOWN;
    }
    p->explaining = explaining;
    if (outcome != BNF_EQUAL)
        bnf_say(
            p, "in front of implicit padding the shift is not the same: padded zeros do not pass through it");
    for (int i = 0; i < 2; i++)
        e[i].pre = scale[i];
    return outcome;
}

/* What lies in front of the candidate's weights may be a multiple of what lies in front of the reference's. */
static enum bnf_outcome compare_multiplied(struct bnf_prover *p, const struct effective e[2],
    struct bnf_arena *arena, const struct bnf_normal **added, struct bnf_tally *tally)
{
    struct effective own[2] = {e[0], e[1]};
    const struct bnf_normal *const pre[2] = {e[0].pre, e[1].pre};
    const struct bnf_normal *found[2];
    struct bnf_tally inner = *tally;
    bool explaining = p->explaining;
    p->explaining = false;
    enum bnf_outcome outcome = BNF_UNKNOWN;
    for (int which = BNF_NEW_IS_MULTIPLE; which <= BNF_REF_IS_MULTIPLE && outcome != BNF_EQUAL; which++) {
        inner = *tally;
        if (!bnf_normal_multiple(p, arena, pre, (enum bnf_multiple)which, e[0].core->in_axis, e[0].core->dtype, &inner,
                found))
            continue;
        own[0].pre = found[0];
        own[1].pre = found[1];
        if (bnf_core_receives(own[0].core, own[0].pre) && bnf_core_receives(own[1].core, own[1].pre))
            outcome = compare_coefficients(p, own, arena, added, &inner);
    }
    p->explaining = explaining;
    if (outcome == BNF_EQUAL)
        *tally = inner;
    return outcome;
}

static enum bnf_outcome compare_with_maps(struct bnf_prover *p, struct effective e[2], bool passes,
    struct bnf_arena *arena, const struct bnf_normal **added, struct bnf_tally *tally)
{
    int dtype = e[0].core->dtype;
    if (bnf_normal_same(e[0].pre, e[1].pre)) {
        e[0].pre = e[1].pre = NULL;
        return compare_coefficients(p, e, arena, added, tally);
    }
    bool mergeable = true, shifts = false;
    for (int i = 0; i < 2; i++) {
        mergeable &= bnf_core_receives(e[i].core, e[i].pre);
        shifts |= e[i].pre && e[i].pre->shifts;
    }
    if (!mergeable || (shifts && !passes)) {
        struct bnf_tally inner = *tally;
        bool explaining = p->explaining;
        p->explaining &= !mergeable;
        enum bnf_outcome same = bnf_normal_compare(p, e[0].pre, e[1].pre, dtype, &inner);
        p->explaining = explaining;
        if (same == BNF_EQUAL) {
            *tally = inner;
            e[0].pre = e[1].pre = NULL;
            return compare_coefficients(p, e, arena, added, tally);
        }
        if (!mergeable && compare_multiplied(p, e, arena, added, tally) == BNF_EQUAL)
            return BNF_EQUAL;
        bool product = e[0].core->kind == BNF_CORE_PRODUCT;
        p->explaining &= mergeable && !product;
        enum bnf_outcome outcome = part_shifts(p, arena, e, passes, dtype, tally);
        p->explaining = explaining;
        if (outcome == BNF_EQUAL && bnf_core_receives(e[0].core, e[0].pre) &&
            bnf_core_receives(e[1].core, e[1].pre))
            return compare_coefficients(p, e, arena, added, tally);
        if (!mergeable)
            return same;
        if (product) {
            bnf_say(p, "a shift in front of several matrices at once is not worked out");
            return BNF_UNKNOWN;
        }
        return e[0].core->pads_unknown || e[1].core->pads_unknown ? BNF_UNKNOWN : outcome;
    }
    return compare_coefficients(p, e, arena, added, tally);
}

/* ---- two cores ---- */

static enum bnf_outcome compare_cores(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_arena *arena, const struct bnf_normal **added,
    struct bnf_tally *tally)
{
    static const struct bnf_normal *const none[2] = {NULL, NULL};
    const bnf_id data[2] = {core[0].data, core[1].data};
    const struct bnf_normal *pre[2] = {NULL, NULL};
    enum bnf_outcome outcome = bnf_relate(p, data, none, arena, pre, tally);
    if (outcome != BNF_EQUAL)
        return bnf_core_kinds_compare(p, core) == BNF_UNKNOWN ? BNF_UNKNOWN : outcome;
    if (bnf_normal_nearly(p, pre[0], pre[1], core[0].weight->dtype))
        return bnf_normal_compare(p, pre[0], pre[1], core[0].weight->dtype, tally);
    struct effective e[2];
    for (int i = 0; i < 2; i++)
        e[i] = (struct effective){.core = &core[i], .post = post[i], .pre = pre[i]};
    tally->changed |= post[0] || post[1] || pre[0] || pre[1];
    outcome = bnf_core_kinds_compare(p, core);
    if (outcome != BNF_EQUAL)
        return outcome;
    bool passes = core[0].passes_shift;
    if (core[0].unwrapped || core[1].unwrapped) {
        const double fill[2] = {core[0].fill, core[1].fill};
        if (core[0].mixed || core[1].mixed) {
            bnf_say(p, "what is padded with is not the same number everywhere");
            return core[0].mixed && core[1].mixed ? BNF_UNKNOWN : BNF_DIFFERENT;
        }
        outcome = bnf_fills_compare(p, arena, fill, none, pre, core[0].dtype, tally);
        if (outcome != BNF_EQUAL)
            return outcome;
        passes = true; /* what surrounds the data is the same number in front of the maps */
    }
    return compare_with_maps(p, e, passes, arena, added, tally);
}

/* As they stand; or with Pads in front of either taken for padding of its own: those that fill with one number, or
 * all, which can only show a difference. */
static enum bnf_outcome compare_wrapped(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_arena *arena, const struct bnf_normal **added,
    struct bnf_tally *tally)
{
    struct bnf_core open[3][2];
    bool explaining = p->explaining;
    enum bnf_outcome outcome[3];
    struct bnf_tally inner[3] = {*tally, *tally, *tally};
    int tries = 1, which = 0;
    for (int i = 0; i < 3; i++)
        for (int side = 0; side < 2; side++) {
            open[i][side] = core[side];
            if (i)
                bnf_core_unwrap(p, &p->side[side], arena, i == 2, &open[i][side]);
        }
    if (open[1][0].data != core[0].data || open[1][1].data != core[1].data)
        tries = 2;
    if (open[2][0].mixed || open[2][1].mixed)
        tries = 3;
    p->explaining = explaining && tries == 1;
    for (int i = 0; i < tries; i++) {
        outcome[i] = compare_cores(p, open[i], post, arena, added, &inner[i]);
        if (outcome[i] == BNF_EQUAL || (outcome[i] == BNF_DIFFERENT && outcome[which] != BNF_DIFFERENT))
            which = i;
        if (outcome[i] == BNF_EQUAL)
            break;
    }
    if (outcome[which] != BNF_EQUAL && tries > 1 && outcome[1] == BNF_DIFFERENT)
        which = 1; /* says more than that the Pads differ */
    p->explaining = explaining;
    if (explaining && tries > 1 && outcome[which] != BNF_EQUAL) /* once more, with words */
        compare_cores(p, open[which], post, arena, added, &inner[which]);
    *tally = inner[which];
    return outcome[which];
}

enum bnf_outcome bnf_core_compare(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_tally *tally)
{
    struct bnf_arena arena;
    bnf_arena_init(&arena, 0);
    enum bnf_outcome outcome = compare_wrapped(p, core, post, &arena, NULL, tally);
    bnf_arena_free(&arena);
    return outcome;
}

enum bnf_outcome bnf_core_relate(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    const struct bnf_normal *within[2], *behind[2] = {NULL, NULL}, *added[2] = {NULL, NULL};
    bool all = true; /* that scales is within the weights */
    for (int i = 0; i < 2; i++) {
        within[i] = post[i];
        if (bnf_core_takes(&core[i], post[i]))
            continue;
        if (!bnf_normal_part(p, arena, post[i], &within[i], &behind[i]))
            return BNF_UNKNOWN;
        all = all && bnf_core_takes(&core[i], within[i]);
    }
    for (int i = 0; i < 2 && !all; i++) {
        within[i] = NULL;
        behind[i] = post[i];
    }
    const bool explaining = p->explaining;
    p->explaining = explaining && all;
    enum bnf_outcome outcome = compare_wrapped(p, core, within, arena, added, tally);
    p->explaining = explaining;
    if (!all && outcome != BNF_EQUAL) {
        bnf_say(p, "an affine does not lie on the output channels of the weights");
        return BNF_UNKNOWN;
    }
    for (int i = 0; i < 2 && outcome == BNF_EQUAL; i++)
        if (!bnf_normal_compose(p, arena, behind[i], added[i], &out[i]))
            outcome = BNF_UNKNOWN;
    return outcome;
}
