/* What every job demands of a model before it looks at it. */
#ifndef BNF_OPSET_H
#define BNF_OPSET_H

#include "graph/graph.h"

/* A model says which version of the standard operators it means; before IR version 3 it had no way to, and
 * meant the first. BNF_EINPUT for one that should and does not. */
int bnf_demand_opset(const struct bnf_graph *graph, struct bnf_err *err);

#endif
