/* Values in files of their own, as ONNX's test data keeps them: test_data_set_0/input_0.pb, output_0.pb. */
#ifndef BNF_ONNX_DATA_PB_H
#define BNF_ONNX_DATA_PB_H

#include "base/err.h"
#include "base/mem.h"

#include "onnx.pb-c.h"

enum bnf_data_kind {
    BNF_DATA_TENSOR,
    BNF_DATA_SEQUENCE,
    BNF_DATA_NOTHING, /* an optional without value; one with a value is that value */
};

struct bnf_data {
    enum bnf_data_kind kind;
    Onnx__TensorProto *tensor; /* of a TENSOR */
    struct bnf_data *elements; /* of a SEQUENCE */
    size_t count;
};

/* Reads the TensorProto that a file holds into the arena, its elements included, and checks that it is sound (elements
 * in the file itself, as many as its dims need). BNF_EIO, BNF_EINPUT, BNF_ENOMEM; BNF_ELIMIT for messages too deep, or
 * that need more memory than the arena's limit or 16 times the file's size and 64 MiB. The sentence names the file. */
int bnf_tensor_load(
    const char *path, struct bnf_arena *arena, Onnx__TensorProto **out, struct bnf_err *err);

/* The same for a value of any type a model's input or output may have, save maps and sparse tensors; `type` says which
 * (NULL: a tensor). Where it says bfloat16 and the file uint16, the file has the bits of a bfloat16. */
int bnf_data_load(const char *path, const Onnx__TypeProto *type, struct bnf_arena *arena,
    struct bnf_data *out, struct bnf_err *err);

#endif
