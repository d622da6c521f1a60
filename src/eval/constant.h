/* Values that are the same on every run: initializers, Constant nodes, and what is computed from these alone.
 */
#ifndef BNF_EVAL_CONSTANT_H
#define BNF_EVAL_CONSTANT_H

#include "graph/graph.h"
#include "onnx/tensor.h"

/* Remembers what was evaluated, per value. Reads the graph as it was when made; values made later are no
 * constants. */
struct bnf_constants {
    struct bnf_graph *graph;
    bool keep_overridable; /* initializers that are graph inputs too are not constants */
    uint8_t *state;        /* per value */
    struct bnf_tensor *tensors;
    size_t count;
};

/* Finds out which values are constants; evaluates nothing yet. BNF_ENOMEM. */
int bnf_constants_init(
    struct bnf_constants *constants, struct bnf_graph *graph, bool keep_overridable, struct bnf_err *err);

void bnf_constants_free(struct bnf_constants *constants);

/* True when the value is a constant that bnf_constant can give (sparse ones and strings are none). */
bool bnf_is_constant(const struct bnf_constants *constants, bnf_id value);

/* The elements of a constant, evaluated at first use into the model's arena and remembered; *out is NULL when
 * the value is no constant (BNF_OK all the same). Views of initializers point into the mapping. BNF_EINPUT
 * for a tensor that cannot be read (external data), BNF_ENOMEM. */
int bnf_constant(
    struct bnf_constants *constants, bnf_id value, const struct bnf_tensor **out, struct bnf_err *err);

#endif
