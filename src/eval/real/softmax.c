/* Softmax and its relatives. Before operator set 13 everything from `axis` on is one axis. */
#include "eval/loops.h"
#include "eval/real/fast.h"
#include "eval/real/real.h"

#include <tgmath.h>

/* x, y[outer, extent, inner]: the function runs along the middle axis. */
struct lanes {
    const real *x;
    real *y;
    size_t extent, inner;
};

static int along(
    struct bnf_call *call, size_t weight, void (*work)(const void *context, size_t first, size_t count))
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    if (!x)
        return BNF_EINPUT;
    bool flat = call->opset < 13;
    int64_t number = bnf_attr_int(call->proto, "axis", flat ? 1 : -1);
    size_t axis = 0;
    /* Flattening may begin behind the last axis; a scalar has one element however it is seen. */
    if (flat && number == (int64_t)x->rank)
        axis = x->rank;
    else if (x->rank && !bnf_axis(number, x->rank, &axis))
        return bnf_call_wrong(
            call, "'axis' is %lld, outside an input of rank %zu", (long long)number, x->rank);
    size_t end = flat || !x->rank ? x->rank : axis + 1;
    struct lanes lanes = {x->data, bnf_call_output(call, 0, x->dtype, x->rank, x->dims),
        bnf_extent(x, axis, end), bnf_extent(x, end, x->rank)};
    if (!lanes.y)
        return BNF_ENOMEM;
    if (x->count)
        bnf_spans(call, x->count / lanes.extent, weight * lanes.extent, work, &lanes);
    return BNF_OK;
}

/* The largest of n numbers that lie `inner` apart, and its place; NaN never wins. */
static real largest(const real *x, size_t n, size_t inner, size_t *place)
{
    *place = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i * inner] > x[*place * inner])
            *place = i;
    return x[*place * inner];
}

/* y = e^(x - top) along one lane; their sum. Powers first: that loop is the one compilers turn into vectors.
 */
static double powers(const real *x, real *y, size_t n, size_t inner, real top)
{
    double sum = 0;
    if (inner == 1)
        for (size_t i = 0; i < n; i++)
            y[i] = R(bnf_exp)(x[i] - top);
    else
        for (size_t i = 0; i < n; i++)
            y[i * inner] = R(bnf_exp)(x[i * inner] - top);
    for (size_t i = 0; i < n; i++)
        sum += (double)y[i * inner];
    return sum;
}

static void softmax(const void *context, size_t first, size_t count)
{
    const struct lanes *l = context;
    for (size_t lane = first; lane < first + count; lane++) {
        size_t start = lane / l->inner * l->extent * l->inner + lane % l->inner, place;
        const real *x = l->x + start;
        real *y = l->y + start;
        double sum = powers(x, y, l->extent, l->inner, largest(x, l->extent, l->inner, &place));
        real factor = (real)(1 / sum);
        for (size_t i = 0; i < l->extent; i++)
            y[i * l->inner] *= factor;
    }
}

static void log_softmax(const void *context, size_t first, size_t count)
{
    const struct lanes *l = context;
    for (size_t lane = first; lane < first + count; lane++) {
        size_t start = lane / l->inner * l->extent * l->inner + lane % l->inner, place;
        const real *x = l->x + start;
        real *y = l->y + start, top = largest(x, l->extent, l->inner, &place);
        real logarithm = (real)log(powers(x, y, l->extent, l->inner, top));
        for (size_t i = 0; i < l->extent; i++)
            y[i * l->inner] = (x[i * l->inner] - top) - logarithm;
    }
}

static void hardmax(const void *context, size_t first, size_t count)
{
    const struct lanes *l = context;
    for (size_t lane = first; lane < first + count; lane++) {
        size_t start = lane / l->inner * l->extent * l->inner + lane % l->inner, place;
        largest(l->x + start, l->extent, l->inner, &place);
        for (size_t i = 0; i < l->extent; i++)
            l->y[start + i * l->inner] = i == place;
    }
}

int R(bnf_op_softmax)(struct bnf_call *call)
{
    return along(call, 8, softmax);
}

int R(bnf_op_log_softmax)(struct bnf_call *call)
{
    return along(call, 8, log_softmax);
}

int R(bnf_op_hardmax)(struct bnf_call *call)
{
    return along(call, 2, hardmax);
}
