/* Loops over many elements: pieces for several threads, and rows of operands that are repeated along axes. */
#ifndef BNF_EVAL_LOOPS_H
#define BNF_EVAL_LOOPS_H

#include "eval/operator.h"

/* Calls work(context, first, count) over pieces that together are 0 … count-1, from several threads where
 * that pays. weight is what one index costs, in additions. */
void bnf_spans(const struct bnf_call *call, size_t count, size_t weight,
    void (*work)(const void *context, size_t first, size_t count), const void *context);

enum { bnf_grid_operands = 3 };

/* The axes of a result with adjacent ones merged where every operand allows it. */
struct bnf_grid {
    size_t rank, count; /* rank ≥ 1; count: elements of the result */
    size_t operands;
    size_t extent[bnf_most_rank];
    size_t stride[bnf_grid_operands][bnf_most_rank]; /* in elements; on the last axis 0 or 1 */
};

/* One stretch along the last axis of a grid. */
struct bnf_row {
    const void *in[bnf_grid_operands];
    size_t step[bnf_grid_operands]; /* 0: one element for the whole row, 1: one each */
    void *out;
    size_t count;
};

/* A grid for operands that fit the extents of the result by numpy's rule. */
void bnf_grid_make(struct bnf_grid *grid, size_t rank, const int64_t *dims,
    const struct bnf_array *const *operands, size_t count);

/* Calls row(context, …) for every row of the result. weight as for bnf_spans. */
void bnf_grid_run(const struct bnf_call *call, const struct bnf_grid *grid,
    const struct bnf_array *const *operands, struct bnf_array *out, size_t weight,
    void (*row)(const void *context, const struct bnf_row *row), const void *context);

/* What an operator of two operands does with a row; NULL: it does not take operands of that kind. */
struct bnf_rows {
    void (*on_real)(const void *context, const struct bnf_row *row);
    void (*on_int)(const void *context, const struct bnf_row *row);
    void (*on_text)(const void *context, const struct bnf_row *row);
    size_t weight;
};

/* Inputs 0 and 1, broadcast by the rule of the operator set in force, into output 0 of type dtype
 * (BNF_DTYPE_UNDEFINED: that of input 0). Status as for operators. */
int bnf_pair(struct bnf_call *call, int dtype, const struct bnf_rows *rows, const void *context);

/* Input `slot` where it must be there and of that kind; NULL with a sentence otherwise (return BNF_EINPUT).
 */
struct bnf_array *bnf_call_need(struct bnf_call *call, size_t slot, enum bnf_kind kind);

/* True when somebody reads output `slot`. */
bool bnf_call_wants(const struct bnf_call *call, size_t slot);

/* Product of the extents from axis `first` up to, not including, `end`. */
size_t bnf_extent(const struct bnf_array *array, size_t first, size_t end);

/* A position that moves through axes of the given extents, last axis fastest. */
struct bnf_walk {
    size_t rank, offset; /* offset: sum of index × stride */
    size_t extent[bnf_most_rank], stride[bnf_most_rank], index[bnf_most_rank];
};

/* Puts the walk at a linear index; no extent is 0. */
void bnf_walk_at(struct bnf_walk *walk, size_t index);

/* Moves on by one; after the last position it is at the first again and the answer is false. */
bool bnf_walk_next(struct bnf_walk *walk);

#endif
