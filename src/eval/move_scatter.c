/* Operators that write elements to places given by index. */
#include "eval/move.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum reduction { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MIN, REDUCE_MAX };

static int reduction_of(struct bnf_call *call, enum reduction *reduction)
{
    static const char *const names[] = {"none", "add", "mul", "min", "max"};
    *reduction = REDUCE_NONE;
    if (call->opset < 16 || !bnf_attr_find(call->proto, "reduction"))
        return BNF_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bnf_attr_is(call->proto, "reduction", names[i])) {
            *reduction = (enum reduction)i;
            return BNF_OK;
        }
    return bnf_call_wrong(call, "'reduction' is none of none, add, mul, min, max");
}

/* NaN wins over every number. */
static double combine_reals(enum reduction reduction, double a, double b)
{
    switch (reduction) {
    case REDUCE_ADD:
        return a + b;
    case REDUCE_MUL:
        return a * b;
    case REDUCE_MIN:
        return isnan(a) || a < b ? a : b;
    case REDUCE_MAX:
        return isnan(a) || a > b ? a : b;
    case REDUCE_NONE:
        break;
    }
    return b;
}

/* Sums and products wrap around, as they do in the type itself. */
static int64_t combine_integers(enum reduction reduction, int dtype, int64_t a, int64_t b)
{
    bool less = dtype == BNF_DTYPE_UINT64 ? (uint64_t)a < (uint64_t)b : a < b;
    switch (reduction) {
    case REDUCE_ADD:
        return bnf_int_wrap(dtype, (int64_t)((uint64_t)a + (uint64_t)b));
    case REDUCE_MUL:
        return bnf_int_wrap(dtype, (int64_t)((uint64_t)a * (uint64_t)b));
    case REDUCE_MIN:
        return less ? a : b;
    case REDUCE_MAX:
        return less ? b : a;
    case REDUCE_NONE:
        break;
    }
    return b;
}

/* to[offset + i] = combine(to[offset + i], updates[first + i]) for i < count. One operation on two floats is
 * rounded the same whether it is done in float or, by way of double, rounded to float. */
static void put(struct bnf_array *to, size_t offset, const struct bnf_array *updates, size_t first,
    size_t count, enum reduction reduction)
{
    size_t size = bnf_move_size(to);
    if (reduction == REDUCE_NONE) {
        memcpy(
            (uint8_t *)to->data + offset * size, (const uint8_t *)updates->data + first * size, count * size);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (to->kind == BNF_KIND_INT) {
            int64_t *element = (int64_t *)to->data + offset + i;
            *element =
                combine_integers(reduction, to->dtype, *element, ((const int64_t *)updates->data)[first + i]);
        } else if (to->precision == BNF_PRECISION_FLOAT) {
            float *element = (float *)to->data + offset + i;
            float update = ((const float *)updates->data)[first + i];
            *element = (float)combine_reals(reduction, (double)*element, (double)update);
        } else {
            double *element = (double *)to->data + offset + i;
            *element = combine_reals(reduction, *element, ((const double *)updates->data)[first + i]);
        }
    }
}

/* The three inputs, and how elements combine. */
static int begin(struct bnf_call *call, struct bnf_array *in[3], enum reduction *reduction)
{
    int status = bnf_move_input(call, 0, &in[0]);
    if (!status)
        status = bnf_move_integers(call, 1, &in[1]);
    if (!status)
        status = bnf_move_input(call, 2, &in[2]);
    if (!status)
        status = reduction_of(call, reduction);
    if (status)
        return status;
    if (in[2]->kind != in[0]->kind)
        return bnf_call_wrong(call, "the updates are %s, the data %s", bnf_dtype_name(in[2]->dtype),
            bnf_dtype_name(in[0]->dtype));
    if (*reduction != REDUCE_NONE && in[0]->kind == BNF_KIND_TEXT)
        return bnf_call_wrong(call, "strings do not add up");
    return BNF_OK;
}

/* Output 0 begins as a copy of the data. */
static int copy_data(struct bnf_call *call, const struct bnf_array *x)
{
    void *to = bnf_move_output(call, 0, x, x->rank, x->dims);
    if (!to)
        return BNF_ENOMEM;
    if (x->count)
        memcpy(to, x->data, x->count * bnf_move_size(x));
    return BNF_OK;
}

int bnf_move_scatter_elements(struct bnf_call *call)
{
    struct bnf_array *in[3];
    enum reduction reduction;
    size_t axis, *offsets = NULL;
    int status = begin(call, in, &reduction);
    if (!status)
        status = bnf_move_axis(call, 0, in[0]->rank, &axis);
    if (status)
        return status;
    if (in[2]->rank != in[1]->rank ||
        !bnf_same_bytes(in[1]->dims, in[2]->dims, in[1]->rank * sizeof *in[1]->dims))
        return bnf_call_wrong(call, "'updates' has %zu elements and 'indices' %zu, or other extents",
            in[2]->count, in[1]->count);
    status = bnf_move_offsets(call, in[0], in[1], axis, &offsets);
    if (!status)
        status = copy_data(call, in[0]);
    for (size_t i = 0; !status && i < in[1]->count; i++)
        put(call->out[0], offsets[i], in[2], i, 1, reduction);
    return status;
}

int bnf_move_scatter_nd(struct bnf_call *call)
{
    struct bnf_array *in[3];
    enum reduction reduction;
    struct bnf_tuples tuples = {0};
    int status = begin(call, in, &reduction);
    if (!status)
        status = bnf_move_tuples(call, in[0], in[1], 0, &tuples);
    if (status)
        return status;
    if (in[2]->count != tuples.count * tuples.block)
        return bnf_call_wrong(
            call, "%zu updates for %zu blocks of %zu elements", in[2]->count, tuples.count, tuples.block);
    status = copy_data(call, in[0]);
    for (size_t i = 0; !status && tuples.block && i < tuples.count; i++)
        put(call->out[0], tuples.offsets[i], in[2], i * tuples.block, tuples.block, reduction);
    return status;
}
