/* Operators of two operands that broadcast: arithmetic, logic, bits; and those of any number of operands. */
#include "eval/loops.h"
#include "base/mem.h"
#include "eval/real/real.h"

#include <string.h>
#include <tgmath.h>

/* ---- real numbers: a row for each formula of binary.def */

#define BNF_BINARY(name, weight, value)                                      \
    enum { weight_##name = weight };                                         \
    static void reals_##name(const void *context, const struct bnf_row *row) \
    {                                                                        \
        const real *left = row->in[0], *right = row->in[1];                  \
        real *y = row->out;                                                  \
        (void)context;                                                       \
        if (row->step[0] && row->step[1])                                    \
            for (size_t i = 0; i < row->count; i++) {                        \
                real a = left[i], b = right[i];                              \
                y[i] = value;                                                \
            }                                                                \
        else if (row->step[1]) {                                             \
            real a = *left;                                                  \
            for (size_t i = 0; i < row->count; i++) {                        \
                real b = right[i];                                           \
                y[i] = value;                                                \
            }                                                                \
        } else {                                                             \
            real b = *right;                                                 \
            for (size_t i = 0; i < row->count; i++) {                        \
                real a = left[i * row->step[0]];                             \
                y[i] = value;                                                \
            }                                                                \
        }                                                                    \
    }
#include "eval/real/binary.def"
#undef BNF_BINARY

/* ---- integers */

static bool below(bool is_unsigned, int64_t a, int64_t b)
{
    return is_unsigned ? (uint64_t)a < (uint64_t)b : a < b;
}

/* a / b towards zero. By zero, which the standard leaves open: 0. */
static int64_t quotient(bool is_unsigned, int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    if (is_unsigned)
        return (int64_t)((uint64_t)a / (uint64_t)b);
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

/* What that division leaves over: it has the sign of a. */
static int64_t left_over(bool is_unsigned, int64_t a, int64_t b)
{
    if (b == 0 || (b == -1 && !is_unsigned))
        return 0;
    return is_unsigned ? (int64_t)((uint64_t)a % (uint64_t)b) : a % b;
}

/* What division towards minus infinity leaves over: it has the sign of b. */
static int64_t modulo(bool is_unsigned, int64_t a, int64_t b)
{
    int64_t rest = left_over(is_unsigned, a, b);
    return rest && !is_unsigned && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* a to the b-th, high bits dropped; for negative b truncated towards zero. */
static int64_t power(bool is_unsigned, int64_t a, int64_t b)
{
    if (b < 0 && !is_unsigned)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)a;
    for (uint64_t left = (uint64_t)b; left; left >>= 1) {
        if (left & 1)
            result *= base;
        base *= base;
    }
    return (int64_t)result;
}

#define BNF_INTEGER(name, value)                                                \
    static void integers_##name(const void *context, const struct bnf_row *row) \
    {                                                                           \
        int dtype = *(const int *)context;                                      \
        bool is_unsigned = dtype == BNF_DTYPE_UINT64;                           \
        const int64_t *left = row->in[0], *right = row->in[1];                  \
        int64_t *y = row->out;                                                  \
        (void)is_unsigned;                                                      \
        for (size_t i = 0; i < row->count; i++) {                               \
            int64_t a = left[i * row->step[0]], b = right[i * row->step[1]];    \
            y[i] = bnf_int_wrap(dtype, value);                                  \
        }                                                                       \
    }
#include "eval/real/integer.def"
#undef BNF_INTEGER

/* The context of integer rows is the element type. */
static int pair(struct bnf_call *call, const struct bnf_rows *rows)
{
    const struct bnf_array *a = bnf_call_input(call, 0);
    int dtype = a ? a->dtype : BNF_DTYPE_UNDEFINED;
    return bnf_pair(call, BNF_DTYPE_UNDEFINED, rows, &dtype);
}

int R(bnf_op_add)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){reals_add, integers_add, NULL, weight_add});
}

int R(bnf_op_sub)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){reals_sub, integers_sub, NULL, weight_sub});
}

int R(bnf_op_mul)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){reals_mul, integers_mul, NULL, weight_mul});
}

int R(bnf_op_div)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){reals_div, integers_div, NULL, weight_div});
}

int R(bnf_op_mod)(struct bnf_call *call)
{
    bool c_like = bnf_attr_int(call->proto, "fmod", 0) != 0;
    const struct bnf_array *a = bnf_call_input(call, 0);
    if (a && a->kind == BNF_KIND_REAL && !c_like)
        return bnf_call_wrong(call, "real numbers need 'fmod' 1");
    return pair(call, &(struct bnf_rows){reals_remainder, c_like ? integers_remainder : integers_modulo, NULL,
                          weight_remainder});
}

/* Takes the shape of its first operand, to which the second one broadcasts; before operator set 7 a vector
 * lies on axis 1. */
int R(bnf_op_prelu)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *second = bnf_call_input(call, 1);
    if (!x || !second || x->kind != second->kind || (x->kind != BNF_KIND_REAL && x->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "it needs two operands of one number type");
    struct bnf_array slope = *second;
    while (call->opset < 7 && slope.count > 1 && slope.rank + 1 < x->rank)
        slope.dims[slope.rank++] = 1;
    int64_t dims[bnf_most_rank];
    size_t rank;
    if (!bnf_broadcast(x, &slope, &rank, dims) || rank != x->rank ||
        !bnf_same_bytes(dims, x->dims, rank * sizeof *dims))
        return bnf_call_wrong(call, "its slope does not broadcast to the shape of its operand");
    if (!bnf_call_output(call, 0, x->dtype, rank, dims))
        return BNF_ENOMEM;
    const struct bnf_array *operands[2] = {x, &slope};
    struct bnf_grid grid;
    bnf_grid_make(&grid, rank, dims, operands, 2);
    bnf_grid_run(call, &grid, operands, call->out[0], weight_prelu,
        x->kind == BNF_KIND_REAL ? reals_prelu : integers_prelu, &x->dtype);
    return BNF_OK;
}

/* ---- powers: base and exponent may differ in type, the result is of the base's */

/* Squares and cubes, which normalizations and activations are made of, need no logarithm. */
static void reals_small_power(const void *context, const struct bnf_row *row)
{
    real b = *(const real *)row->in[1];
    const real *x = row->in[0];
    real *y = row->out;
    if (row->step[1] || !row->step[0] || (b != 2 && b != 3)) {
        reals_pow(context, row);
        return;
    }
    for (size_t i = 0; i < row->count; i++)
        y[i] = b == 2 ? x[i] * x[i] : x[i] * x[i] * x[i];
}

/* real x (a row) to an integer b. */
static void real_to_integer(const void *context, const struct bnf_row *row)
{
    const real *x = row->in[0];
    const int64_t *b = row->in[1];
    real *y = row->out;
    bool is_unsigned = *(const int *)context == BNF_DTYPE_UINT64;
    for (size_t i = 0; i < row->count; i++) {
        int64_t exponent = b[i * row->step[1]];
        real number = is_unsigned ? (real)(uint64_t)exponent : (real)exponent;
        y[i] = pow(x[i * row->step[0]], number);
    }
}

/* An integer to a real exponent, truncated. */
static void integer_to_real(const void *context, const struct bnf_row *row)
{
    const int64_t *x = row->in[0];
    const real *b = row->in[1];
    int64_t *y = row->out;
    int dtype = *(const int *)context;
    for (size_t i = 0; i < row->count; i++) {
        double z = pow((double)x[i * row->step[0]], (double)b[i * row->step[1]]);
        y[i] = fabs(z) < 0x1p63 ? bnf_int_wrap(dtype, (int64_t)z) : 0;
    }
}

int R(bnf_op_pow)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *b = bnf_call_input(call, 1);
    if (!x || !b || x->kind == b->kind)
        return pair(call, &(struct bnf_rows){reals_small_power, integers_pow, NULL, weight_pow});
    bool base_is_real = x->kind == BNF_KIND_REAL && b->kind == BNF_KIND_INT;
    if (!base_is_real && (x->kind != BNF_KIND_INT || b->kind != BNF_KIND_REAL))
        return bnf_call_wrong(call, "it needs numbers");
    int64_t dims[bnf_most_rank];
    size_t rank;
    if (!bnf_broadcast(x, b, &rank, dims))
        return bnf_call_wrong(call, "its operands do not broadcast");
    if (!bnf_call_output(call, 0, x->dtype, rank, dims))
        return BNF_ENOMEM;
    const struct bnf_array *operands[2] = {x, b};
    struct bnf_grid grid;
    bnf_grid_make(&grid, rank, dims, operands, 2);
    bnf_grid_run(call, &grid, operands, call->out[0], weight_pow,
        base_is_real ? real_to_integer : integer_to_real, base_is_real ? &b->dtype : &x->dtype);
    return BNF_OK;
}

/* ---- logic and bits */

int R(bnf_op_and)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){NULL, integers_and, NULL, 1});
}

int R(bnf_op_or)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){NULL, integers_or, NULL, 1});
}

int R(bnf_op_xor)(struct bnf_call *call)
{
    return pair(call, &(struct bnf_rows){NULL, integers_xor, NULL, 1});
}

int R(bnf_op_bit_shift)(struct bnf_call *call)
{
    bool left = bnf_attr_is(call->proto, "direction", "LEFT");
    if (!left && !bnf_attr_is(call->proto, "direction", "RIGHT"))
        return bnf_call_wrong(call, "'direction' is neither LEFT nor RIGHT");
    return pair(call, &(struct bnf_rows){NULL, left ? integers_shift_left : integers_shift_right, NULL, 1});
}

/* ---- any number of operands */

/* The extents that all inputs broadcast to; all must be of one kind of numbers. */
static int common_shape(struct bnf_call *call, struct bnf_array *shape)
{
    const struct bnf_array *first = bnf_call_input(call, 0);
    if (!first || (first->kind != BNF_KIND_REAL && first->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "it needs numbers");
    *shape = *first;
    for (size_t k = 1; k < call->input_count; k++) {
        const struct bnf_array *x = call->in[k];
        int64_t dims[bnf_most_rank];
        size_t rank;
        if (!x || x->kind != first->kind)
            return bnf_call_wrong(call, "input %zu is missing or of another type than the first", k);
        if (!bnf_broadcast(shape, x, &rank, dims))
            return bnf_call_wrong(call, "its operands do not broadcast");
        shape->rank = rank;
        memcpy(shape->dims, dims, rank * sizeof *dims);
    }
    return BNF_OK;
}

static void reals_copy(const void *context, const struct bnf_row *row)
{
    (void)context;
    for (size_t i = 0; i < row->count; i++)
        ((real *)row->out)[i] = ((const real *)row->in[0])[i * row->step[0]];
}

static void integers_copy(const void *context, const struct bnf_row *row)
{
    (void)context;
    for (size_t i = 0; i < row->count; i++)
        ((int64_t *)row->out)[i] = ((const int64_t *)row->in[0])[i * row->step[0]];
}

/* The first two operands go into the result, every further one is taken up into it in place. */
static int many(struct bnf_call *call, const struct bnf_rows *rows)
{
    struct bnf_array shape;
    int status = common_shape(call, &shape);
    if (status)
        return status;
    if (!bnf_call_output(call, 0, shape.dtype, shape.rank, shape.dims))
        return BNF_ENOMEM;
    struct bnf_array *y = call->out[0];
    bool are_real = y->kind == BNF_KIND_REAL;
    struct bnf_grid grid;
    const struct bnf_array *operands[2] = {call->in[0], call->input_count > 1 ? call->in[1] : NULL};
    bnf_grid_make(&grid, y->rank, y->dims, operands, operands[1] ? 2 : 1);
    if (!operands[1]) {
        bnf_grid_run(call, &grid, operands, y, 1, are_real ? reals_copy : integers_copy, NULL);
        return BNF_OK;
    }
    bnf_grid_run(call, &grid, operands, y, rows->weight, are_real ? rows->on_real : rows->on_int, &y->dtype);
    for (size_t k = 2; k < call->input_count; k++) {
        operands[0] = y;
        operands[1] = call->in[k];
        bnf_grid_make(&grid, y->rank, y->dims, operands, 2);
        bnf_grid_run(
            call, &grid, operands, y, rows->weight, are_real ? rows->on_real : rows->on_int, &y->dtype);
    }
    return BNF_OK;
}

int R(bnf_op_max)(struct bnf_call *call)
{
    return many(call, &(struct bnf_rows){reals_max, integers_max, NULL, 1});
}

int R(bnf_op_min)(struct bnf_call *call)
{
    return many(call, &(struct bnf_rows){reals_min, integers_min, NULL, 1});
}

int R(bnf_op_sum)(struct bnf_call *call)
{
    return many(call, &(struct bnf_rows){reals_add, integers_add, NULL, 1});
}

int R(bnf_op_mean)(struct bnf_call *call)
{
    if (!bnf_call_need(call, 0, BNF_KIND_REAL))
        return BNF_EINPUT;
    int status = many(call, &(struct bnf_rows){reals_add, integers_add, NULL, 1});
    if (status)
        return status;
    real *y = call->out[0]->data, n = (real)call->input_count;
    for (size_t i = 0; i < call->out[0]->count; i++)
        y[i] /= n;
    return BNF_OK;
}
