/* Element types, ranks and extents of values, where they can be known. */
#ifndef BNF_GRAPH_SHAPES_H
#define BNF_GRAPH_SHAPES_H

#include "graph/graph.h"

/* Propagates bnf_value.shape through the operators of every scope, in topological order, starting from what
 * the model states and never contradicting a stated number; of element types the computed one is right. What cannot be
 * known stays unknown: this never fails on a model, only for memory (BNF_ENOMEM). */
int bnf_shapes_infer(struct bnf_graph *graph, struct bnf_err *err);

#endif
