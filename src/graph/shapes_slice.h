/* Which elements a Slice takes: one answer for shapes, constants, the evaluator and the proof. */
#ifndef BNF_GRAPH_SHAPES_SLICE_H
#define BNF_GRAPH_SHAPES_SLICE_H

#include <stdint.h>

/* Of one axis: the elements first, first + step, … */
struct bnf_taken {
    int64_t first, step, count; /* step is 1 and harmless to multiply by where fewer than two are taken */
};

/* start:end:step of an axis of so many elements (not negative), as ONNX clamps: a negative start or end counts from the
 * end; stepping backwards a start is one of 0 … extent-1 and an end one of -1 … extent-1, so that a start before the
 * beginning takes element 0, where numpy takes none. step is not 0; every other number will do. */
struct bnf_taken bnf_slice_taken(int64_t extent, int64_t start, int64_t end, int64_t step);

#endif
