/* Tensor data that lies in a side file. */
#ifndef BNF_ONNX_EXTERNAL_H
#define BNF_ONNX_EXTERNAL_H

#include "onnx/model.h"

/* A side file of the model, mapped once, however many spellings the tensors have for its location. */
struct bnf_external {
    struct bnf_external *next; /* in bnf_model.external */
    struct bnf_external *twin; /* of an earlier file with this inode, on another device */
    struct bnf_map map;
};

/* Where a tensor's bytes lie. */
struct bnf_external_range {
    const char *location; /* borrowed from the tensor */
    uint64_t offset;      /* 0 when not given */
    uint64_t length;
    bool has_length; /* else: up to what the tensor needs */
};

/* Does the tensor say that its elements lie in a side file? */
bool bnf_external_is(const Onnx__TensorProto *tensor);

/* Reads the entries of external_data; keys it does not know, such as checksum, are skipped. Looks at no file.
 * BNF_EINPUT with a sentence without the tensor's name. */
int bnf_external_parse(
    const Onnx__TensorProto *tensor, struct bnf_external_range *range, struct bnf_err *err);

/* Maps the range's side file, unless it is already, and gives the `size` bytes at its offset. The file must
 * be a regular one below the model's folder that no link leads to: no absolute location, "..", symbolic link
 * on the way, or second hard link. BNF_EINPUT with a sentence that names the location; BNF_ENOMEM. */
int bnf_external_bytes(struct bnf_model *model, const struct bnf_external_range *range, size_t size,
    const uint8_t **bytes, struct bnf_err *err);

/* Makes an open file the model's side file of that name before one is looked for: one that has no name yet. The
 * descriptor may be closed after. BNF_EIO, BNF_ENOMEM. */
int bnf_external_preset(struct bnf_model *model, const char *location, int descriptor, struct bnf_err *err);

/* Does this address lie in a side file's mapping? */
bool bnf_external_holds(const struct bnf_model *model, const void *address);

/* Unmaps all side files. */
void bnf_external_close(struct bnf_model *model);

#endif
