/* Activation functions: element by element, with parameters that are attributes. */
#include "eval/loops.h"
#include "eval/real/fast.h"
#include "eval/reuse.h"
#include "eval/workers.h"

#include <string.h>
#include <tgmath.h>

/* x clipped to 0 … 1. */
static inline real unit(real x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* x tanh(ln(1 + e^x)), without the logarithm; beyond 20 the factor is 1. */
static inline real mish(real x)
{
    real e = R(bnf_exp)(x > 20 ? 20 : x);
    real n = e * (e + 2);
    return x > 20 ? x : x * (n / (n + 2));
}

/* x/2 (1 + tanh u) = x / (1 + e^(-2u)) with u = √(2/π) (x + 0.044715 x³). */
static inline real gelu_tanh(real x)
{
    real u = (real)0.79788456080286535588 * (x + (real)0.044715 * x * x * x);
    return x / (1 + R(bnf_exp)(-2 * u));
}

/* x and y: the same number of elements, and the same ones in place; p, q: parameters. */
struct span {
    const real *x;
    real *y;
    real p, q;
};

static int activate(struct bnf_call *call, size_t weight, real p, real q,
    void (*work)(const void *context, size_t first, size_t count))
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    if (!x)
        return BNF_EINPUT;
    struct span span = {x->data, bnf_call_output_over(call, 0, 0), p, q};
    if (!span.y)
        return BNF_ENOMEM;
    bnf_workers_spans(call->threads, x->count, weight, work, &span);
    return BNF_OK;
}

static real parameter(const struct bnf_call *call, const char *name, float fallback)
{
    return name ? bnf_attr_float(call->proto, name, fallback) : 0;
}

#define BNF_ACTIVATION(name, weight, first_name, first_default, second_name, second_default, value) \
    BNF_WIDE                                                                                        \
    static void R(each_##name)(const void *context, size_t first, size_t count)                     \
    {                                                                                               \
        const struct span *span = context;                                                          \
        const real *in = span->x + first, p = span->p, q = span->q;                                 \
        real *out = span->y + first;                                                                \
        (void)p;                                                                                    \
        (void)q;                                                                                    \
        _Pragma("omp simd") for (size_t i = 0; i < count; i++)                                      \
        {                                                                                           \
            real x = in[i];                                                                         \
            out[i] = value;                                                                         \
        }                                                                                           \
    }                                                                                               \
    static int run_##name(struct bnf_call *call)                                                    \
    {                                                                                               \
        return activate(call, weight, parameter(call, first_name, first_default),                   \
            parameter(call, second_name, second_default), R(each_##name));                          \
    }
#include "eval/real/activation.def"
#undef BNF_ACTIVATION

int R(bnf_op_leaky_relu)(struct bnf_call *call)
{
    return run_leaky_relu(call);
}

int R(bnf_op_elu)(struct bnf_call *call)
{
    return run_elu(call);
}

int R(bnf_op_celu)(struct bnf_call *call)
{
    return run_celu(call);
}

int R(bnf_op_selu)(struct bnf_call *call)
{
    return run_selu(call);
}

/* The defaults had fewer digits then. */
int R(bnf_op_selu_1)(struct bnf_call *call)
{
    return run_selu_1(call);
}

int R(bnf_op_sigmoid)(struct bnf_call *call)
{
    return run_sigmoid(call);
}

int R(bnf_op_swish)(struct bnf_call *call)
{
    return run_swish(call);
}

int R(bnf_op_hard_sigmoid)(struct bnf_call *call)
{
    return run_hard_sigmoid(call);
}

int R(bnf_op_hard_swish)(struct bnf_call *call)
{
    return run_hard_swish(call);
}

int R(bnf_op_mish)(struct bnf_call *call)
{
    return run_mish(call);
}

int R(bnf_op_softplus)(struct bnf_call *call)
{
    return run_softplus(call);
}

int R(bnf_op_softsign)(struct bnf_call *call)
{
    return run_softsign(call);
}

int R(bnf_op_thresholded_relu)(struct bnf_call *call)
{
    return run_thresholded_relu(call);
}

int R(bnf_op_gelu)(struct bnf_call *call)
{
    return bnf_attr_is(call->proto, "approximate", "tanh") ? run_gelu_tanh(call) : run_gelu_erf(call);
}

int R(bnf_op_shrink)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    if (!x || x->kind != BNF_KIND_INT)
        return run_shrink_reals(call);
    double lambd = bnf_attr_float(call->proto, "lambd", 0.5f), bias = bnf_attr_float(call->proto, "bias", 0);
    int64_t *y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++) {
        double number = bnf_array_at(x, i);
        double shrunk = number < -lambd ? number + bias : number > lambd ? number - bias : 0;
        y[i] = bnf_int_wrap(x->dtype, (int64_t)shrunk);
    }
    return BNF_OK;
}

/* Each element of x brought into p … q. NaN stays. */
BNF_WIDE
static void R(clip_reals)(const void *context, size_t first, size_t count)
{
    const struct span *span = context;
    const real *x = span->x + first, low = span->p, high = span->q;
    real *y = span->y + first;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        real at_least = x[i] < low ? low : x[i];
        y[i] = at_least > high ? high : at_least;
    }
}

BNF_WIDE
static void R(relu_reals)(const void *context, size_t first, size_t count)
{
    const struct span *span = context;
    const real *x = span->x + first;
    real *y = span->y + first;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

/* The same for integers; low or high NULL: no bound. */
static int clip_integers(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *low, const int64_t *high)
{
    const int64_t *in = x->data;
    int64_t *y = bnf_call_output(call, 0, x->dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    uint64_t top = x->dtype == BNF_DTYPE_UINT64 ? (uint64_t)1 << 63
                                                : 0; /* turned over, unsigned order is signed order */
    for (size_t i = 0; i < x->count; i++) {
        int64_t number = in[i];
        if (low && (int64_t)((uint64_t)number ^ top) < (int64_t)((uint64_t)*low ^ top))
            number = *low;
        if (high && (int64_t)((uint64_t)number ^ top) > (int64_t)((uint64_t)*high ^ top))
            number = *high;
        y[i] = number;
    }
    return BNF_OK;
}

int R(bnf_op_relu)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    if (x && x->kind == BNF_KIND_INT)
        return clip_integers(call, x, x->dtype == BNF_DTYPE_UINT64 ? NULL : &(int64_t){0}, NULL);
    return activate(call, 1, 0, 0, R(relu_reals));
}

/* Until operator set 10 the bounds were attributes. */
int R(bnf_op_clip_1)(struct bnf_call *call)
{
    return activate(call, 1, parameter(call, "min", -(float)INFINITY),
        parameter(call, "max", (float)INFINITY), R(clip_reals));
}

int R(bnf_op_clip)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *low = bnf_call_input(call, 1),
                           *high = bnf_call_input(call, 2);
    if (!x || (x->kind != BNF_KIND_REAL && x->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "it needs numbers");
    if ((low && (low->kind != x->kind || low->count != 1)) ||
        (high && (high->kind != x->kind || high->count != 1)))
        return bnf_call_wrong(call, "its bounds must be single numbers of type %s", bnf_dtype_name(x->dtype));
    if (x->kind == BNF_KIND_INT)
        return clip_integers(call, x, low ? low->data : NULL, high ? high->data : NULL);
    return activate(call, 1, low ? *(const real *)low->data : (real)-INFINITY,
        high ? *(const real *)high->data : (real)INFINITY, R(clip_reals));
}

/* Does it drop anything? An attribute until operator set 11 (1 … 6: is_test; then never), an input after
 * that. */
static bool drops(const struct bnf_call *call)
{
    const struct bnf_array *ratio = bnf_call_input(call, 1), *training = bnf_call_input(call, 2);
    if (call->opset < 7)
        return !bnf_attr_int(call->proto, "is_test", 0) && bnf_attr_float(call->proto, "ratio", 0.5f) > 0;
    if (call->opset < 12 || !training || training->kind != BNF_KIND_INT || training->count != 1)
        return false;
    double share = ratio && ratio->kind == BNF_KIND_REAL && ratio->count == 1 ? bnf_array_at(ratio, 0) : 0.5;
    return *(const int64_t *)training->data && share > 0;
}

int R(bnf_op_dropout)(struct bnf_call *call)
{
    struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    if (!x)
        return BNF_EINPUT;
    if (drops(call))
        return bnf_call_cannot(call, "it drops elements at random (training mode)");
    int status = bnf_call_view(call, 0, x, x->rank, x->dims);
    if (status || !bnf_call_wants(call, 1))
        return status;
    int dtype = call->opset < 10 ? x->dtype : BNF_DTYPE_BOOL;
    void *mask = bnf_call_output(call, 1, dtype, x->rank, x->dims);
    if (!mask)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++) {
        if (dtype == BNF_DTYPE_BOOL)
            ((int64_t *)mask)[i] = 1;
        else
            ((real *)mask)[i] = 1;
    }
    return BNF_OK;
}
