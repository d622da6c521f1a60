/* Weights that leave the model for a side file next to it. */
#ifndef BNF_ONNX_SAVE_SIDE_H
#define BNF_ONNX_SAVE_SIDE_H

#include "onnx/layout.h"
#include "onnx/model.h"

/* Every payload in a side file begins at a multiple of this, so that it can be mapped on its own. */
enum { BNF_SIDE_ALIGNMENT = 4096, BNF_SIDE_THRESHOLD = 1024 };

/* Moves payloads of at least `threshold` bytes to the side file called `location`: initializers of all graphs, values of
 * Constant nodes, and what lay in a side file before. Smaller ones of the latter become part of the model. The layout
 * gets the side file's spans; when it stays empty, the model needs no side file. Payloads may still be computed ones.
 * BNF_EINPUT with the tensor's place, BNF_ENOMEM. */
int bnf_side_layout(struct bnf_model *model, const char *location, size_t threshold, struct bnf_layout *layout,
    struct bnf_err *err);

/* Makes a tensor that lies in a side file part of the model itself; others stay. `context` is the model. A visitor for
 * bnf_visit_tensors. */
int bnf_side_embed(void *context, Onnx__TensorProto *tensor, struct bnf_err *err);

#endif
