/* The archive around NumPy's arrays; npy.h is the face of both. */
#ifndef BNF_ONNX_NPZ_H
#define BNF_ONNX_NPZ_H

#include "base/buf.h"
#include "onnx/npy.h"

/* Reads every array of an archive in memory. BNF_EINPUT, BNF_ENOMEM; the sentence names the array. */
int bnf_npz_read(const uint8_t *bytes, size_t size, struct bnf_arena *arena, struct bnf_named_tensor **out,
    size_t *count, struct bnf_err *err);

/* Appends what stands in front of the tensor's elements in a .npy. BNF_EINPUT, BNF_ENOMEM. */
int bnf_npy_head(const struct bnf_tensor *tensor, struct bnf_buf *head, struct bnf_err *err);

#endif
