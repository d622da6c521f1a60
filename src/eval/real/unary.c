/* Operators on each element alone: arithmetic, transcendental functions, tests. */
#include "eval/loops.h"
#include "eval/real/fast.h"
#include "eval/real/real.h"

#include <tgmath.h>

static int64_t absolute(int64_t x)
{
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}

static int64_t negative(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}

static int64_t sign_of(int64_t x)
{
    return (x > 0) - (x < 0);
}

/* x and y: the same number of elements. */
struct span {
    const real *x;
    real *y;
};

static int on_integers(struct bnf_call *call, const struct bnf_array *x, int64_t (*function)(int64_t))
{
    int64_t *y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    /* As uint64 no number is negative. */
    bool plain = x->dtype == BNF_DTYPE_UINT64 && (function == absolute || function == sign_of);
    for (size_t i = 0; i < x->count; i++) {
        int64_t number = ((const int64_t *)x->data)[i];
        y[i] =
            plain ? (function == sign_of ? number != 0 : number) : bnf_int_wrap(x->dtype, function(number));
    }
    return BNF_OK;
}

static int on_reals(struct bnf_call *call, const struct bnf_array *x, size_t weight,
    void (*work)(const void *context, size_t first, size_t count))
{
    struct span span = {x->data, bnf_call_output(call, 0, x->dtype, x->rank, x->dims)};
    if (!span.y)
        return BNF_ENOMEM;
    bnf_spans(call, x->count, weight, work, &span);
    return BNF_OK;
}

static int unary(struct bnf_call *call, size_t weight,
    void (*work)(const void *context, size_t first, size_t count), int64_t (*integers)(int64_t))
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    if (integers && x && x->kind == BNF_KIND_INT)
        return on_integers(call, x, integers);
    x = bnf_call_need(call, 0, BNF_KIND_REAL);
    return x ? on_reals(call, x, weight, work) : BNF_EINPUT;
}

#define BNF_UNARY(name, weight, value, integers)                             \
    static void each_##name(const void *context, size_t first, size_t count) \
    {                                                                        \
        const struct span *span = context;                                   \
        const real *in = span->x + first;                                    \
        real *out = span->y + first;                                         \
        for (size_t i = 0; i < count; i++) {                                 \
            real x = in[i];                                                  \
            out[i] = value;                                                  \
        }                                                                    \
    }                                                                        \
    int R(bnf_op_##name)(struct bnf_call * call)                             \
    {                                                                        \
        return unary(call, weight, each_##name, integers);                   \
    }
#include "eval/real/unary.def"
#undef BNF_UNARY

int R(bnf_op_is_nan)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    if (!x)
        return BNF_EINPUT;
    const real *in = x->data;
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_BOOL, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++)
        y[i] = in[i] != in[i];
    return BNF_OK;
}

int R(bnf_op_is_inf)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    if (!x)
        return BNF_EINPUT;
    bool positive = bnf_attr_int(call->proto, "detect_positive", 1) != 0;
    bool below = bnf_attr_int(call->proto, "detect_negative", 1) != 0;
    const real *in = x->data;
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_BOOL, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++)
        y[i] = isinf(in[i]) && (in[i] > 0 ? positive : below);
    return BNF_OK;
}

static int64_t not(int64_t x)
{
    return x == 0;
}

static int64_t complement(int64_t x)
{
    return ~x;
}

static int bits(struct bnf_call *call, int64_t (*function)(int64_t))
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_INT);
    return x ? on_integers(call, x, function) : BNF_EINPUT;
}

int R(bnf_op_not)(struct bnf_call *call)
{
    return bits(call, not );
}

int R(bnf_op_bitwise_not)(struct bnf_call *call)
{
    return bits(call, complement);
}
