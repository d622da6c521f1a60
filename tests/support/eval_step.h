/* Between the files of the reference evaluator: one operator at work. */
#ifndef BNF_TESTS_EVAL_STEP_H
#define BNF_TESTS_EVAL_STEP_H

#include "support/eval.h"

#include "graph/attr.h"

enum { step_most_inputs = 16 };

struct step {
    struct bnf_arena *arena;
    const Onnx__NodeProto *node;
    int64_t opset;
    const struct eval_tensor *in[step_most_inputs]; /* NULL: absent */
    size_t in_count;
    struct eval_tensor *out; /* output 0 */
    struct eval_tensor *outs[step_most_inputs]; /* all outputs; NULL: no name */
    size_t out_count;
    const char *missing;     /* what an operator does not support; NULL: the operator itself */
};

/* Ends an operator that meets something it does not support. */
bool step_refuse(struct step *step, const char *what);

/* True when a further output has a name, so that somebody may read it. */
bool step_has_more(const struct step *step);

/* The axis attribute brought into 0 … rank−1 (or rank, for Flatten). */
int64_t step_axis(const struct step *step, const char *name, int64_t fallback, size_t rank);

/* Operators over windows and matrices (eval_linear.c). */
bool step_conv(struct step *step);
bool step_conv_transpose(struct step *step);
bool step_pool(struct step *step);
bool step_global_pool(struct step *step);
bool step_gemm(struct step *step);
bool step_matmul(struct step *step);

/* Operators that reduce, resize and pad (eval_resample.c). */
bool step_reduce(struct step *step);
bool step_resize(struct step *step);
bool step_pad(struct step *step);

/* Operators that take apart, and sums of several tensors (eval_pieces.c). */
bool step_split(struct step *step);
bool step_slice(struct step *step);
bool step_sum(struct step *step);

/* Normalizations, look-ups, Einsum (eval_layer.c); recurrent layers (eval_recurrent.c). */
bool step_group_norm(struct step *step);
bool step_layer_norm(struct step *step);
bool step_gather(struct step *step);
bool step_einsum(struct step *step);
bool step_recurrent(struct step *step);

/* Operators that repeat elements or move them between channels and positions (eval_repeat.c). */
bool step_expand(struct step *step);
bool step_tile(struct step *step);
bool step_depth(struct step *step);

/* DequantizeLinear, exactly (eval_quant.c). */
bool step_dequantize(struct step *step);

#endif
