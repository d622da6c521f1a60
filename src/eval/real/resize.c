/* Resize and Upsample. Both arms sample at the same places: coordinates and weights are computed in double.
 */
#include "eval/real/real.h"

#include "base/threads.h"
#include "eval/move.h"
#include "eval/resize.h"

#include <math.h>
#include <string.h>

/* [outer, in, inner] → [outer, out, inner] along one axis. */
struct pass {
    const real *from;
    real *to;
    size_t outer, in, inner, out, taps, shares;
    const int64_t *index; /* [out, taps], within 0 … in-1 */
    const real *weight;   /* [out, taps] */
    const bool *outside;  /* [out]: the result is the extrapolation value */
    real extrapolation;
};

static void row(const struct pass *p, real *to, const real *from, size_t j)
{
    const int64_t *index = p->index + j * p->taps;
    const real *weight = p->weight + j * p->taps;
    if (p->outside[j]) {
        for (size_t i = 0; i < p->inner; i++)
            to[i] = p->extrapolation;
        return;
    }
    if (p->inner == 1) {
        real sum = 0;
        for (size_t k = 0; k < p->taps; k++)
            sum += weight[k] * from[index[k]];
        *to = sum;
        return;
    }
    for (size_t k = 0; k < p->taps; k++) {
        const real *source = from + (size_t)index[k] * p->inner;
        real w = weight[k];
        if (k == 0)
            for (size_t i = 0; i < p->inner; i++)
                to[i] = w * source[i];
        else
            for (size_t i = 0; i < p->inner; i++)
                to[i] += w * source[i];
    }
}

static int pass_share(void *context, size_t share)
{
    const struct pass *p = context;
    size_t rows = p->outer * p->out, first = rows * share / p->shares, end = rows * (share + 1) / p->shares;
    size_t o = p->out ? first / p->out : 0, j = p->out ? first % p->out : 0;
    for (size_t at = first; at < end; at++) {
        row(p, p->to + at * p->inner, p->from + o * p->in * p->inner, j);
        if (++j == p->out) {
            j = 0;
            o++;
        }
    }
    return 0;
}

/* The axis of x resized; to has x's extents but for this axis. */
static int resize_axis(struct bnf_call *call, const struct bnf_resize *r, size_t axis,
    const struct bnf_array *x, struct bnf_array *to)
{
    struct bnf_taps taps;
    int status = bnf_resize_taps(call, r, axis, &taps);
    if (status)
        return status;
    size_t numbers = taps.each * (size_t)r->axis[axis].out;
    real *weight = bnf_arena_alloc(call->arena, numbers + 1, sizeof *weight);
    if (!weight)
        return bnf_fail_memory(call->err);
    for (size_t i = 0; i < numbers; i++)
        weight[i] = (real)taps.weight[i];
    struct pass p = {.from = x->data,
        .to = to->data,
        .outer = bnf_move_product(x->dims, 0, axis),
        .in = (size_t)x->dims[axis],
        .inner = bnf_move_product(x->dims, axis + 1, x->rank),
        .out = (size_t)to->dims[axis],
        .taps = taps.each,
        .index = taps.index,
        .weight = weight,
        .outside = taps.outside,
        .extrapolation = (real)r->extrapolation};
    p.shares = to->count < 1 << 16 || call->threads < 2 ? 1 : (size_t)call->threads * 4;
    bnf_parallel(call->threads, p.shares, pass_share, &p);
    return BNF_OK;
}

/* One axis after another, the last first: it is the one whose rows lie closest together. */
static int interpolate(struct bnf_call *call, const struct bnf_resize *r, struct bnf_array *x)
{
    struct bnf_array *at = bnf_array_hold(x);
    int status = BNF_OK;
    for (size_t axis = r->rank; !status && axis-- > 0;) {
        int64_t dims[bnf_most_rank];
        if (r->axis[axis].same)
            continue;
        memcpy(dims, at->dims, sizeof dims);
        dims[axis] = r->axis[axis].out;
        struct bnf_array *next = bnf_array_new(call->budget, x->dtype, call->precision, r->rank, dims);
        status = next ? resize_axis(call, r, axis, at, next) : bnf_fail_memory(call->err);
        bnf_array_drop(call->budget, at);
        at = next;
    }
    if (status)
        bnf_array_drop(call->budget, at);
    else
        call->out[0] = at;
    return status;
}

/* Every element of the result is one of the input's. */
static int nearest(struct bnf_call *call, const struct bnf_resize *r, struct bnf_array *x)
{
    real extrapolation = (real)r->extrapolation;
    int64_t integer = fabs(r->extrapolation) < 0x1p63 ? (int64_t)r->extrapolation : 0, dims[bnf_most_rank];
    const char *text = "";
    struct bnf_pick pick = {.from = x->data, .size = bnf_move_size(x), .rank = x->rank};
    pick.fill = x->kind == BNF_KIND_REAL  ? (const void *)&extrapolation
                : x->kind == BNF_KIND_INT ? (const void *)&integer
                                          : (const void *)&text;
    bnf_move_strides(x->rank, x->dims, pick.from_strides);
    for (size_t i = 0; i < r->rank; i++)
        dims[i] = pick.dims[i] = r->axis[i].out;
    pick.to = bnf_call_output(call, 0, x->dtype, r->rank, dims);
    if (!pick.to)
        return BNF_ENOMEM;
    for (size_t i = 0; i < r->rank; i++) {
        struct bnf_taps taps;
        if (r->axis[i].same)
            continue;
        int status = bnf_resize_taps(call, r, i, &taps);
        if (status)
            return status;
        for (int64_t j = 0; j < dims[i]; j++)
            if (taps.outside[j])
                taps.index[j] = -1;
        pick.maps[i] = taps.index;
    }
    bnf_move_pick(&pick, call->threads);
    return BNF_OK;
}

static int resize(struct bnf_call *call, bool upsample)
{
    struct bnf_array *x;
    struct bnf_resize r;
    int64_t dims[bnf_most_rank];
    bool same = true, is_empty = false;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = upsample ? bnf_upsample_read(call, x, &r) : bnf_resize_read(call, x, &r);
    if (status)
        return status;
    for (size_t i = 0; i < r.rank; i++) {
        same = same && r.axis[i].same;
        is_empty = is_empty || r.axis[i].out == 0;
        dims[i] = r.axis[i].out;
        if (!x->dims[i] && r.axis[i].out)
            return bnf_call_wrong(
                call, "axis %zu has nothing to resize to extent %lld", i, (long long)r.axis[i].out);
    }
    if (same)
        return bnf_move_same(call, x);
    if (is_empty)
        return bnf_call_output(call, 0, x->dtype, r.rank, dims) ? BNF_OK : BNF_ENOMEM;
    if (r.mode == BNF_RESIZE_NEAREST)
        return nearest(call, &r, x);
    if (x->kind != BNF_KIND_REAL)
        return bnf_call_cannot(call, "interpolation of %s is not supported", bnf_dtype_name(x->dtype));
    return interpolate(call, &r, x);
}

int R(bnf_op_resize)(struct bnf_call *call)
{
    return resize(call, false);
}

int R(bnf_op_upsample)(struct bnf_call *call)
{
    return resize(call, true);
}
