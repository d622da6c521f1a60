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

#endif
