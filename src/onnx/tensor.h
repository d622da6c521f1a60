/* Typed views of tensors' elements. */
#ifndef BNF_ONNX_TENSOR_H
#define BNF_ONNX_TENSOR_H

#include "onnx/dtype.h"
#include "onnx/model.h"

/* A dense tensor's elements; passed by value, owns nothing. */
struct bnf_tensor {
    int dtype;           /* enum bnf_dtype */
    uint32_t rank;       /* 0: a scalar */
    const int64_t *dims; /* rank extents, each ≥ 0 */
    size_t count;        /* product of the extents */
    size_t bytes;        /* count × element size */
    const uint8_t *data; /* packed little-endian, possibly unaligned; NULL for strings */
};

/* The elements of a TensorProto, wherever they are stored: raw_data, a typed field (decoded into the model's arena
 * when it is not already packed little-endian), or external data (mapped; refused outside the model's folder, through
 * "..", absolute paths or links). Not for computed payloads, segments and strings. BNF_EINPUT with a sentence that
 * begins with the tensor's name; BNF_ENOMEM. */
int bnf_tensor_view(struct bnf_model *model, const Onnx__TensorProto *proto, struct bnf_tensor *out,
    struct bnf_err *err);

/* Is the tensor sound? Known data type, dims ≥ 0 whose product fits, elements in one field only, the one that belongs to
 * the type, and as many as the dims need; for external data the entries' syntax and length. No file is opened. The
 * sentence does not name the tensor. BNF_EINPUT. */
int bnf_tensor_check(const Onnx__TensorProto *proto, struct bnf_err *err);

/* Element `index` as a double. */
double bnf_tensor_at(const struct bnf_tensor *tensor, size_t index);

/* Product of non-negative extents; false on a negative one or overflow. */
bool bnf_volume(const int64_t *dims, size_t rank, size_t *count);

/* "64x3x7x7", "()" for a scalar; into text of `room` bytes, which it returns. */
const char *bnf_dims_text(const int64_t *dims, size_t rank, char *text, size_t room);

#endif
