/* The reference evaluator of the tests: every operator as its definition says it, by direct loops in double.
 * It knows nothing of src/fold and src/check, so that it can contradict them. */
#ifndef BNF_TESTS_EVAL_H
#define BNF_TESTS_EVAL_H

#include "graph/graph.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { eval_most_rank = 8 };

/* A tensor of numbers. `mag` is the size of the terms an element was summed from, whatever their signs: the
 * element computed with absolute values throughout. When every stored weight is off by at most k·u of itself,
 * the element is off by about k·u·mag for each layer passed, and never by more however much cancels. */
struct eval_tensor {
    size_t rank;
    int64_t dims[eval_most_rank];
    size_t count;
    double *value, *mag; /* count elements each */
};

struct eval {
    struct bnf_arena arena;
    struct eval_tensor *tensors; /* per value of the graph; those not computed have no elements' pointer */
    const struct eval_tensor **outputs;
    size_t output_count;
    const char *missing; /* the operator (or the reason) why a run ended early */
};

/* Runs the main graph. `inputs` are those of its inputs that have no initializer, in order. False when
 * something is not supported; eval->missing then says what. The caller frees with eval_free either way. */
bool eval_run(
    struct eval *eval, const struct bnf_graph *graph, const struct eval_tensor *inputs, size_t input_count);

void eval_free(struct eval *eval);

/* A tensor of these extents with elements from the arena, zeroed. */
struct eval_tensor eval_new(struct bnf_arena *arena, const int64_t *dims, size_t rank);

#endif
