/* Constants: DequantizeLinear of biases and other vectors. A matrix is a layer's weight: as floats it would have lost its
 * integers. */
#include "eval/constant_internal.h"

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
