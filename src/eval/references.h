/* Attributes that a function's caller gives. */
#ifndef BNF_EVAL_REFERENCES_H
#define BNF_EVAL_REFERENCES_H

#include "onnx/model.h"

/* What a function was called with. Its own attributes hold no references any more. */
struct bnf_caller {
    const Onnx__NodeProto *call; /* NULL: the main graph, which nobody calls */
    const Onnx__FunctionProto *function;
};

/* The node as the caller means it: attributes that refer to the caller's have their values, or the function's defaults;
 * those that neither gives are absent. The node itself where it refers to none; else a copy in the arena, which borrows
 * the values; NULL when memory is out. */
const Onnx__NodeProto *bnf_references_resolve(
    const Onnx__NodeProto *node, const struct bnf_caller *caller, struct bnf_arena *arena);

#endif
