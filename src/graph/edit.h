/* The only writer of a graph. Edits keep the use lists in step; protos change when bnf_graph_store is called.
 *
 * The rule that the proof rests on: a name that survives means the same tensor before and after. A value that no longer
 * means the same is replaced by a new one, whose name occurs nowhere in the source model. */
#ifndef BNF_GRAPH_EDIT_H
#define BNF_GRAPH_EDIT_H

#include "graph/graph.h"

/* A new value without producer in a scope; its name is `hint` with ".bnfold" (and a number) behind it. BNF_ENOMEM. */
int bnf_edit_value(struct bnf_graph *graph, bnf_id scope, const char *hint, bnf_id *value, struct bnf_err *err);

/* A new initializer, or in a function, which has none, a Constant node: a value with a tensor of this type and extents
 * but without payload, which the caller sets (bnf_edit_tensor). `hint` as above; dims are copied. BNF_ENOMEM. */
int bnf_edit_initializer(struct bnf_graph *graph, bnf_id scope, const char *hint, int dtype, const int64_t *dims,
    size_t rank, bnf_id *value, struct bnf_err *err);

/* The tensor behind an initializer or a Constant node that an edit made; NULL for other values. */
Onnx__TensorProto *bnf_edit_tensor(const struct bnf_graph *graph, bnf_id value);

/* A new node of the standard's domain with empty slots; its name is `hint` (may be NULL). BNF_ENOMEM. */
int bnf_edit_node(struct bnf_graph *graph, bnf_id scope, const char *op_type, const char *hint, uint32_t inputs,
    uint32_t outputs, bnf_id *node, struct bnf_err *err);

/* Makes room for at least `count` input slots; new ones are empty. BNF_ENOMEM. */
int bnf_edit_widen(struct bnf_graph *graph, bnf_id node, uint32_t count, struct bnf_err *err);

/* Lets an input slot read another value (BNF_NONE: none). */
void bnf_edit_set_input(struct bnf_graph *graph, bnf_id node, uint32_t slot, bnf_id value);

/* Lets an output slot write another value, which has no producer; the old one is left without. */
void bnf_edit_set_output(struct bnf_graph *graph, bnf_id node, uint32_t slot, bnf_id value);

/* Lets every reader of `from` read `to`; graph outputs stay with `from`. */
void bnf_edit_move_uses(struct bnf_graph *graph, bnf_id from, bnf_id to);

/* Takes a node out: it reads nothing any more, and what it wrote has no producer. */
void bnf_edit_remove_node(struct bnf_graph *graph, bnf_id node);

/* Attributes of a node that an edit made or changes: in the model's arena, replacing one of the same name.
 * BNF_ENOMEM. */
int bnf_edit_attr_int(struct bnf_graph *graph, bnf_id node, const char *name, int64_t number, struct bnf_err *err);
int bnf_edit_attr_float(struct bnf_graph *graph, bnf_id node, const char *name, float number, struct bnf_err *err);
int bnf_edit_attr_ints(struct bnf_graph *graph, bnf_id node, const char *name, const int64_t *numbers, size_t count,
    struct bnf_err *err);
void bnf_edit_attr_remove(struct bnf_graph *graph, bnf_id node, const char *name);

/* Removes what edits left without a reader: nodes none of whose outputs is needed, initializers. What had no reader
 * in the source model stays. BNF_ENOMEM. */
int bnf_edit_sweep(struct bnf_graph *graph, struct bnf_err *err);

/* Writes the edits into the model's protos: node lists in topological order, initializers, inputs (IR ≤ 3 lists every
 * initializer there; with `freeze`, IR ≥ 4 lists none of them any more: *frozen counts these), value_info and
 * quantization annotations of values that are gone. BNF_ENOMEM. */
int bnf_graph_store(struct bnf_graph *graph, bool freeze, size_t *frozen, struct bnf_err *err);

#endif
