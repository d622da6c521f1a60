/* Normalizations whose statistics are those of the input itself. */
#include "eval/loops.h"
#include "eval/real/moments.h"
#include "eval/real/real.h"

#include <math.h>
#include <string.h>

/* ---- InstanceNormalization, GroupNormalization */

/* x, y[batch × groups, in_group, inner]: each group is normalized by itself, then channel c (or, before
 * operator set 21, group) has its own scale and shift. */
struct groups {
    const real *x, *scale, *shift;
    real *y;
    size_t groups, in_group, inner;
    bool per_group;
    double epsilon;
};

static void normalize_groups(const void *context, size_t first, size_t count)
{
    const struct groups *g = context;
    size_t n = g->in_group * g->inner;
    for (size_t row = first; row < first + count; row++) {
        const real *x = g->x + row * n;
        real *y = g->y + row * n;
        size_t group = row % g->groups;
        double mean = R(bnf_sum)(x, n) / (double)n;
        double factor = 1 / sqrt(R(bnf_spread)(x, n, mean) / (double)n + g->epsilon);
        real middle = (real)mean;
        for (size_t c = 0; c < g->in_group; c++) {
            size_t k = g->per_group ? group : group * g->in_group + c;
            real scale = (real)(factor * (double)g->scale[k]), shift = g->shift[k];
            for (size_t i = c * g->inner; i < (c + 1) * g->inner; i++)
                y[i] = (x[i] - middle) * scale + shift;
        }
    }
}

/* groups 0: one for each channel. */
static int by_groups(struct bnf_call *call, size_t groups, bool per_group)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    const struct bnf_array *scale = x ? bnf_call_need(call, 1, BNF_KIND_REAL) : NULL;
    const struct bnf_array *shift = scale ? bnf_call_need(call, 2, BNF_KIND_REAL) : NULL;
    if (!shift)
        return BNF_EINPUT;
    if (x->rank < 2)
        return bnf_call_wrong(call, "its input is of rank %zu, without channels", x->rank);
    size_t channels = (size_t)x->dims[1];
    groups = groups ? groups : channels;
    if (!groups || channels % groups)
        return bnf_call_wrong(call, "%zu channels do not make %zu groups", channels, groups);
    size_t parameters = per_group ? groups : channels;
    if (scale->count != parameters || shift->count != parameters)
        return bnf_call_wrong(
            call, "scale and bias have %zu and %zu numbers, not %zu", scale->count, shift->count, parameters);
    struct groups g = {x->data, scale->data, shift->data, NULL, groups, channels / groups,
        bnf_extent(x, 2, x->rank), per_group, (double)bnf_attr_float(call->proto, "epsilon", 1e-5f)};
    g.y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!g.y)
        return BNF_ENOMEM;
    if (x->count)
        bnf_spans(call, (size_t)x->dims[0] * groups, 3 * g.in_group * g.inner, normalize_groups, &g);
    return BNF_OK;
}

int R(bnf_op_instance_norm)(struct bnf_call *call)
{
    return by_groups(call, 0, false);
}

int R(bnf_op_group_norm)(struct bnf_call *call)
{
    int64_t groups = bnf_attr_int(call->proto, "num_groups", 0);
    if (groups < 1)
        return bnf_call_wrong(call, "'num_groups' is %lld", (long long)groups);
    return by_groups(call, (size_t)groups, call->opset < 21);
}

/* ---- LayerNormalization, RMSNormalization */

/* x, y[rows, n]; scale, shift[n] (shift NULL: none); mean, inverse[rows], each NULL where nobody reads it. */
struct layer {
    const real *x, *scale, *shift;
    real *y, *mean, *inverse;
    size_t n;
    bool centred; /* the mean is taken off; RMSNormalization leaves it */
    double epsilon;
};

static void normalize_layers(const void *context, size_t first, size_t count)
{
    const struct layer *l = context;
    for (size_t row = first; row < first + count; row++) {
        const real *x = l->x + row * l->n;
        real *y = l->y + row * l->n;
        double mean = l->centred ? R(bnf_sum)(x, l->n) / (double)l->n : 0;
        double inverse = 1 / sqrt(R(bnf_spread)(x, l->n, mean) / (double)l->n + l->epsilon);
        real middle = (real)mean, factor = (real)inverse;
        if (l->shift)
            for (size_t i = 0; i < l->n; i++)
                y[i] = (x[i] - middle) * factor * l->scale[i] + l->shift[i];
        else
            for (size_t i = 0; i < l->n; i++)
                y[i] = (x[i] - middle) * factor * l->scale[i];
        if (l->mean)
            l->mean[row] = middle;
        if (l->inverse)
            l->inverse[row] = factor;
    }
}

/* A parameter as one number for each element of the axes from `axis` on. */
static int spread_out(struct bnf_call *call, const struct bnf_array *x, size_t axis,
    const struct bnf_array *p, const real **spread)
{
    size_t rank = x->rank - axis, n = bnf_extent(x, axis, x->rank);
    const int64_t *dims = x->dims + axis;
    struct bnf_array inner = *p;
    while (inner.rank > rank && inner.dims[0] == 1)
        memmove(inner.dims, inner.dims + 1, --inner.rank * sizeof *inner.dims);
    bool fits = inner.rank <= rank;
    for (size_t i = 0; i < inner.rank && fits; i++)
        fits = inner.dims[i] == 1 || inner.dims[i] == dims[i + rank - inner.rank];
    if (!fits)
        return bnf_call_cannot(call, "its scale or bias varies outside the normalized axes");
    *spread = inner.data;
    if (inner.count == n)
        return BNF_OK;
    real *out = bnf_arena_alloc(call->arena, n + 1, sizeof *out);
    if (!out)
        return bnf_fail_memory(call->err);
    struct bnf_walk walk = {.rank = rank};
    bnf_broadcast_strides(&inner, rank, dims, walk.stride);
    for (size_t i = 0; i < rank; i++)
        walk.extent[i] = (size_t)dims[i];
    for (size_t i = 0; i < n; i++, bnf_walk_next(&walk))
        out[i] = ((const real *)inner.data)[walk.offset];
    *spread = out;
    return BNF_OK;
}

static int layer_norm(struct bnf_call *call, bool centred, size_t mean_slot, size_t inverse_slot)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    const struct bnf_array *scale = x ? bnf_call_need(call, 1, BNF_KIND_REAL) : NULL;
    const struct bnf_array *shift = bnf_call_input(call, 2);
    size_t axis = 0;
    if (!scale || (shift && !bnf_call_need(call, 2, BNF_KIND_REAL)))
        return BNF_EINPUT;
    int64_t number = bnf_attr_int(call->proto, "axis", -1);
    if (!bnf_axis(number, x->rank, &axis))
        return bnf_call_wrong(
            call, "'axis' is %lld, outside an input of rank %zu", (long long)number, x->rank);
    struct layer l = {.x = x->data, .centred = centred, .n = bnf_extent(x, axis, x->rank)};
    l.epsilon = (double)bnf_attr_float(call->proto, "epsilon", 1e-5f);
    int status = spread_out(call, x, axis, scale, &l.scale);
    if (!status && shift)
        status = spread_out(call, x, axis, shift, &l.shift);
    if (status)
        return status;
    int stash = (int)bnf_attr_int(call->proto, "stash_type", BNF_DTYPE_FLOAT);
    int64_t dims[bnf_most_rank];
    for (size_t i = 0; i < x->rank; i++)
        dims[i] = i < axis ? x->dims[i] : 1;
    if (!bnf_dtype_is_float(stash))
        return bnf_call_wrong(call, "'stash_type' is %d, which is no floating type", stash);
    l.y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!l.y)
        return BNF_ENOMEM;
    if (bnf_call_wants(call, mean_slot) && !(l.mean = bnf_call_output(call, mean_slot, stash, x->rank, dims)))
        return BNF_ENOMEM;
    if (bnf_call_wants(call, inverse_slot) &&
        !(l.inverse = bnf_call_output(call, inverse_slot, stash, x->rank, dims)))
        return BNF_ENOMEM;
    if (x->count)
        bnf_spans(call, x->count / l.n, 4 * l.n, normalize_layers, &l);
    return BNF_OK;
}

int R(bnf_op_layer_norm)(struct bnf_call *call)
{
    return layer_norm(call, true, 1, 2);
}

/* RMSNormalization, and SimplifiedLayerNormalization, which also gives 1 / √(mean of squares + ε). */
int R(bnf_op_rms_norm)(struct bnf_call *call)
{
    return layer_norm(call, false, SIZE_MAX, 1);
}

/* ---- LpNormalization, LRN, MeanVarianceNormalization */

int R(bnf_op_lp_norm)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    int64_t number = bnf_attr_int(call->proto, "axis", -1), p = bnf_attr_int(call->proto, "p", 2);
    size_t axis;
    if (!x)
        return BNF_EINPUT;
    if (!bnf_axis(number, x->rank, &axis) || (p != 1 && p != 2))
        return bnf_call_wrong(call, "'axis' %lld or 'p' %lld does not fit an input of rank %zu",
            (long long)number, (long long)p, x->rank);
    real *y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    size_t n = (size_t)x->dims[axis], inner = bnf_extent(x, axis + 1, x->rank);
    for (size_t lane = 0; n && lane < x->count / n; lane++) {
        size_t start = lane / inner * n * inner + lane % inner;
        const real *in = (const real *)x->data + start;
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += p == 1 ? fabs((double)in[i * inner]) : (double)in[i * inner] * (double)in[i * inner];
        double norm = p == 1 ? sum : sqrt(sum);
        for (size_t i = 0; i < n; i++)
            y[start + i * inner] = norm > 0 || norm != norm ? (real)((double)in[i * inner] / norm) : 0;
    }
    return BNF_OK;
}

/* x, y[batch, channels, inner]. */
struct lrn {
    const real *x;
    real *y;
    size_t channels, inner, below,
        above;                /* a window reaches over that many channels before and after its own */
    double alpha, beta, bias; /* alpha: divided by the size of the window */
};

/* base to the power -beta; the exponent of nearly every network needs roots only. */
static inline double lrn_power(double base, double beta)
{
    return beta == 0.75 ? 1 / (sqrt(base) * sqrt(sqrt(base))) : pow(base, -beta);
}

enum { tile = 128 };

/* One index: a stretch of `tile` positions of one of the batch, all channels. */
static void lrn_tiles(const void *context, size_t first, size_t count)
{
    const struct lrn *l = context;
    size_t tiles = (l->inner + tile - 1) / tile;
    for (size_t index = first; index < first + count; index++) {
        size_t start = index / tiles * l->channels * l->inner + index % tiles * tile;
        size_t left = l->inner - index % tiles * tile, n = left < tile ? left : tile;
        for (size_t c = 0; c < l->channels; c++) {
            size_t low = c < l->below ? 0 : c - l->below;
            size_t high = l->channels - 1 - c < l->above ? l->channels - 1 : c + l->above;
            double sum[tile] = {0};
            for (size_t k = low; k <= high; k++) {
                const real *x = l->x + start + k * l->inner;
                for (size_t i = 0; i < n; i++)
                    sum[i] += (double)x[i] * (double)x[i];
            }
            size_t at = start + c * l->inner;
            for (size_t i = 0; i < n; i++)
                l->y[at + i] = (real)((double)l->x[at + i] * lrn_power(l->bias + l->alpha * sum[i], l->beta));
        }
    }
}

int R(bnf_op_lrn)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    int64_t size = bnf_attr_int(call->proto, "size", 0);
    if (!x)
        return BNF_EINPUT;
    if (size < 1 || x->rank < 2)
        return bnf_call_wrong(
            call, "'size' %lld does not fit an input of rank %zu", (long long)size, x->rank);
    double reach = (double)size < (double)x->dims[1] ? (double)size : (double)x->dims[1];
    int status = bnf_call_work(call, (double)x->count * reach);
    if (status)
        return status;
    struct lrn l = {x->data, bnf_call_output(call, 0, x->dtype, x->rank, x->dims), (size_t)x->dims[1],
        bnf_extent(x, 2, x->rank), (size_t)(size - 1) / 2, (size_t)size / 2,
        (double)bnf_attr_float(call->proto, "alpha", 1e-4f) / (double)size,
        (double)bnf_attr_float(call->proto, "beta", 0.75f), (double)bnf_attr_float(call->proto, "bias", 1)};
    if (!l.y)
        return BNF_ENOMEM;
    if (x->count)
        bnf_spans(call, (size_t)x->dims[0] * ((l.inner + tile - 1) / tile),
            l.channels * tile * ((size_t)(size < 64 ? size : 64) + 16), lrn_tiles, &l);
    return BNF_OK;
}

/* Adds up, for each group of elements that differ in reduced axes only, x or (x - mean)². The walk's offset
 * is the group. */
static void add_up(const real *x, size_t count, struct bnf_walk *walk, const double *means, double *sums)
{
    for (size_t i = 0; i < count; i++, bnf_walk_next(walk)) {
        double d = (double)x[i] - (means ? means[walk->offset] : 0);
        sums[walk->offset] += means ? d * d : d;
    }
}

int R(bnf_op_mean_variance_norm)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    int64_t axes[bnf_most_rank] = {0, 2, 3};
    size_t count, groups = 1;
    if (!x)
        return BNF_EINPUT;
    int status = bnf_call_ints(call, "axes", SIZE_MAX, axes, &count);
    if (status)
        return status;
    count = count == SIZE_MAX ? 3 : count;
    struct bnf_walk walk = {.rank = x->rank};
    bool reduced[bnf_most_rank] = {false};
    for (size_t i = 0, axis; i < count; i++) {
        if (!bnf_axis(axes[i], x->rank, &axis))
            return bnf_call_wrong(
                call, "axis %lld is outside an input of rank %zu", (long long)axes[i], x->rank);
        reduced[axis] = true;
    }
    for (size_t i = x->rank; i-- > 0;) {
        walk.extent[i] = (size_t)x->dims[i];
        walk.stride[i] = reduced[i] ? 0 : groups;
        groups *= reduced[i] ? 1 : walk.extent[i];
    }
    double *means = bnf_arena_alloc(call->arena, groups + 1, sizeof *means);
    double *deviations = bnf_arena_alloc(call->arena, groups + 1, sizeof *deviations);
    if (!means || !deviations)
        return bnf_fail_memory(call->err);
    const real *in = x->data;
    real *y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    double each = (double)x->count / (double)groups;
    add_up(in, x->count, &walk, NULL, means);
    for (size_t g = 0; g < groups; g++)
        means[g] /= each;
    add_up(in, x->count, &walk, means, deviations);
    for (size_t g = 0; g < groups; g++)
        deviations[g] = sqrt(deviations[g] / each) + 1e-9; /* the standard's guard against division by zero */
    for (size_t i = 0; i < x->count; i++, bnf_walk_next(&walk))
        y[i] = (real)(((double)in[i] - means[walk.offset]) / deviations[walk.offset]);
    return BNF_OK;
}
