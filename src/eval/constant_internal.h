/* The evaluation of constants, the parts that its files share. */
#ifndef BNF_EVAL_CONSTANT_INTERNAL_H
#define BNF_EVAL_CONSTANT_INTERNAL_H

#include "eval/constant.h"
#include "graph/attr.h"

/* Tensors of a higher rank are only passed on, not computed with. */
#define BNF_CONSTANT_RANK 64

/* One node whose inputs have been evaluated. */
struct bnf_constant_op {
    struct bnf_constants *constants;
    bnf_id node;
    const Onnx__NodeProto *proto;
    int64_t opset;
    struct bnf_err *err;
};

/* What an evaluator returns when its node has no constant output after all: an invalid shape, a type it does
 * not compute with, a result too large. Failures are negative as always. */
#define BNF_NOT_CONSTANT 1

/* An evaluator fills *out, sharing the input's bytes where they stay the same. */
typedef int bnf_constant_fn(const struct bnf_constant_op *op, struct bnf_tensor *out);

#define BNF_CONSTANT_OP(op_type, function) bnf_constant_fn bnf_constant_##function;
#include "eval/constant_ops.def"
#undef BNF_CONSTANT_OP

/* The evaluated input of a slot; NULL when the slot is empty or does not exist. */
const struct bnf_tensor *bnf_constant_input(const struct bnf_constant_op *op, uint32_t slot);

/* A DequantizeLinear is evaluated where its integers are a vector or a single one. */
bool bnf_constant_may_dequantize(const struct bnf_graph *graph, bnf_id node);

/* Integers from an attribute (when `attribute` is not NULL) or from an input of type int64 or int32. At most
 * BNF_CONSTANT_RANK; false when there are none such. *count is how many. */
bool bnf_constant_ints(
    const struct bnf_constant_op *op, const char *attribute, uint32_t slot, int64_t *out, size_t *count);

/* Gives *out these extents and the type; its bytes come from `data`, or are allocated and zero when that is
 * NULL. BNF_NOT_CONSTANT when the result would be large without an input being so. */
int bnf_constant_output(const struct bnf_constant_op *op, int dtype, const int64_t *dims, size_t rank,
    const uint8_t *data, struct bnf_tensor *out);

/* Bytes of one element when it has whole ones, else 0. */
size_t bnf_constant_width(int dtype);

/* Copies elements from a strided source in the order of dims: strides count elements of `width` bytes. */
void bnf_constant_copy(
    uint8_t *to, const uint8_t *from, size_t width, const int64_t *dims, const int64_t *strides, size_t rank);

/* axis counted from the front, or -1 when it is out of range. */
int64_t bnf_constant_axis(int64_t axis, size_t rank);

#endif
