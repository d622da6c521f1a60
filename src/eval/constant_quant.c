/* Constants: QuantizeLinear, and DequantizeLinear of biases and other vectors. A matrix is a layer's weight: as floats it
 * would have lost its integers. */
#include "eval/constant_internal.h"

#include <math.h>
#include <string.h>

bool bnf_constant_may_dequantize(const struct bnf_graph *g, bnf_id node)
{
    bnf_id integers = bnf_node_input(g, node, 0);
    int rank = integers == BNF_NONE ? -1 : g->values[integers].shape.rank;
    return rank == 0 || rank == 1;
}

static bool has_values(int dtype)
{
    return dtype == BNF_DTYPE_INT8 || dtype == BNF_DTYPE_UINT8 || dtype == BNF_DTYPE_INT16 || dtype == BNF_DTYPE_UINT16 ||
           dtype == BNF_DTYPE_INT32;
}

/* (x − zero point) · scale, rounded once to the type of the result. */
int bnf_constant_dequantize(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *x = bnf_constant_input(op, 0), *scale = bnf_constant_input(op, 1);
    const struct bnf_tensor *zero = bnf_constant_input(op, 2);
    if (!x || !scale || x->rank > 1 || scale->rank > 1 || !has_values(x->dtype) || !bnf_dtype_is_float(scale->dtype))
        return BNF_NOT_CONSTANT;
    int64_t axis = bnf_attr_int(op->proto, "axis", 1), stated = bnf_attr_int(op->proto, "output_dtype", 0);
    bool each = scale->count != 1;
    if (bnf_attr_int(op->proto, "block_size", 0) || (stated && stated != scale->dtype) ||
        (each && (scale->count != x->count || x->rank != 1 || (axis != 0 && axis != -1))))
        return BNF_NOT_CONSTANT;
    if (zero && (zero->dtype != x->dtype || zero->count != scale->count))
        return BNF_NOT_CONSTANT;
    int status = bnf_constant_output(op, scale->dtype, x->dims, x->rank, NULL, out);
    for (size_t i = 0; !status && i < x->count; i++) {
        size_t c = each ? i : 0;
        double value = (bnf_tensor_at(x, i) - (zero ? bnf_tensor_at(zero, c) : 0)) * bnf_tensor_at(scale, c);
        bnf_from_double(scale->dtype, &value, 1, (uint8_t *)out->data, i);
    }
    return status;
}

/* The least and the largest of the integers that QuantizeLinear makes. */
static bool integer_range(int dtype, double *low, double *high)
{
    bool is_signed = dtype == BNF_DTYPE_INT4 || dtype == BNF_DTYPE_INT8 || dtype == BNF_DTYPE_INT16;
    if (!is_signed && dtype != BNF_DTYPE_UINT4 && dtype != BNF_DTYPE_UINT8 && dtype != BNF_DTYPE_UINT16)
        return false;
    int bits = (int)bnf_dtype_bits(dtype);
    *low = is_signed ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
    return true;
}

/* round(x / scale) + zero point, ties to even, and what is beyond the range at its end. The quotient is a float, or a
 * double where x is. */
static int64_t quantize(const struct bnf_tensor *x, size_t i, double scale, double zero, double low, double high)
{
    double quotient = bnf_tensor_at(x, i) / scale;
    if (x->dtype != BNF_DTYPE_DOUBLE)
        quotient = (double)(float)quotient;
    if (isnan(quotient))
        return (int64_t)zero;
    return (int64_t)fmin(fmax(rint(quotient) + zero, low), high);
}

int bnf_constant_quantize(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *x = bnf_constant_input(op, 0), *scale = bnf_constant_input(op, 1);
    const struct bnf_tensor *zero = bnf_constant_input(op, 2);
    if (!x || !scale || !bnf_dtype_is_float(x->dtype) || scale->dtype != x->dtype || scale->rank > 1 ||
        (zero && zero->count != scale->count))
        return BNF_NOT_CONSTANT;
    int64_t stated = bnf_attr_int(op->proto, "output_dtype", 0);
    int dtype = zero ? zero->dtype : stated ? (int)stated : BNF_DTYPE_UINT8;
    double low, high;
    if (bnf_attr_int(op->proto, "block_size", 0) || bnf_attr_int(op->proto, "precision", 0) ||
        (stated && stated != dtype) || !integer_range(dtype, &low, &high))
        return BNF_NOT_CONSTANT;
    size_t run = 1;
    int64_t axis = bnf_constant_axis(bnf_attr_int(op->proto, "axis", 1), x->rank);
    if (scale->count != 1 && (op->opset < 13 || axis < 0 || x->dims[axis] != (int64_t)scale->count))
        return BNF_NOT_CONSTANT;
    for (size_t i = x->rank; scale->count != 1 && i-- > (size_t)axis + 1;)
        run *= (size_t)x->dims[i];
    int status = bnf_constant_output(op, dtype, x->dims, x->rank, NULL, out);
    uint8_t *to = (uint8_t *)out->data;
    size_t width = bnf_dtype_bits(dtype) / 8;
    for (size_t i = 0; !status && i < x->count; i++) {
        size_t c = i / run % scale->count;
        int64_t number = quantize(x, i, bnf_tensor_at(scale, c), zero ? bnf_tensor_at(zero, c) : 0, low, high);
        if (width)
            memcpy(to + i * width, &number, width); /* little-endian: the low bytes */
        else
            to[i / 2] |= (uint8_t)((number & 15) << (i % 2 ? 4 : 0));
    }
    return status;
}
