/* A part of a model as a model of its own: what computes one value of the main graph. */
#ifndef BNF_GRAPH_CUT_H
#define BNF_GRAPH_CUT_H

#include "graph/graph.h"

struct bnf_cut {
    const struct bnf_graph *graph; /* borrowed */
    bnf_id output;                 /* the value it computes */
    bnf_id *inputs;                /* what has to be fed: inputs of the graph first, then where it was cut */
    size_t input_count, graph_inputs; /* graph_inputs: how many of them are inputs of the graph */
    uint8_t *nodes;                   /* per node: is part of it; of the main graph only */
    uint8_t *reads;                   /* per value: some part reads it, in bodies too; of the main graph only */
};

/* Walks from `output`, which a node of the main graph computes, towards the inputs, no further than values marked in
 * `stops` (one per value). A stop that some other output of its node is needed for is none. Lists live in the arena.
 * BNF_ENOMEM. */
int bnf_cut_find(const struct bnf_graph *graph, bnf_id output, const uint8_t *stops, struct bnf_arena *arena,
    struct bnf_cut *cut, struct bnf_err *err);

/* Makes the part a model that borrows from the graph's, which stays as it is, and from the arena: for saving only, and
 * not closed. `forms` has the types and extents of the inputs, and behind these of the output; a rank below 0 leaves
 * an input of the graph as it describes it. Initializers in side files become part of it. BNF_EINPUT for a side
 * file that cannot be read; BNF_ENOMEM. */
int bnf_cut_model(const struct bnf_cut *cut, const struct bnf_shape *forms, struct bnf_arena *arena,
    struct bnf_model *model, struct bnf_err *err);

#endif
