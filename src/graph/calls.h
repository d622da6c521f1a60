/* Calls of model-local functions. */
#ifndef BNF_GRAPH_CALLS_H
#define BNF_GRAPH_CALLS_H

#include "graph/graph.h"

/* Most functions that may be inside each other while the first one runs. */
enum { bnf_deepest_call = 100 };

/* What everybody who follows calls relies on: no function calls itself, on whatever way (BNF_EINPUT), or stands at the
 * beginning of a longer chain of calls than bnf_deepest_call (BNF_ELIMIT). BNF_ENOMEM. */
int bnf_calls_check(const struct bnf_graph *graph, struct bnf_err *err);

#endif
