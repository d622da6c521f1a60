/* Pools over padded planes: what the operators of this family share. */
#ifndef BNF_EVAL_REAL_POOL_H
#define BNF_EVAL_REAL_POOL_H

#include "eval/real/planes.h"

/* One pool at work. Set by bnf_pool_begin: everything up to `scratch`. */
struct R(bnf_pool) {
    struct bnf_window window; /* as the attributes have it */
    struct bnf_planes planes; /* of the window without taps that see padding only */
    size_t channels; /* images × channels */
    size_t in, out;  /* elements of one channel */
    unsigned threads;
    const real *x; /* [channels, in] */
    real *y;       /* [channels, out]: the result */
    size_t need;   /* scratch of one worker */
    real *scratch;
    struct bnf_array *held; /* what scratch lies in */
    /* Of the operators: */
    real power;            /* LpPool's p */
    const real *counts[3]; /* AveragePool: elements under the window, by output position along each axis */
};

/* Resolves the window, makes output 0 and the scratch: planes, sums [planes.room] and a copy of a channel.
 * Integers (MaxPool on int8 and uint8) are turned into numbers and back by bnf_pool_end. With nothing to do,
 * channels is 0. */
int R(bnf_pool_begin)(struct bnf_call *call, struct R(bnf_pool) * pool);

/* Frees the scratch. */
int R(bnf_pool_end)(struct bnf_call *call, struct R(bnf_pool) * pool);

/* What goes over neighbouring positions: result [count] from base[i + offset[tap]]. It may read and write bnf_most_step
 * numbers more. */
typedef void R(bnf_pool_kernel)(
    const real *restrict base, const size_t *restrict offset, size_t taps, size_t count, real *restrict result);

/* Runs it over one depth of the output, whose rows lie `pitch` apart in the result: over all in one go, or, where rows are
 * short and far apart, row by row. */
void R(bnf_pool_slide)(
    const struct bnf_planes *planes, R(bnf_pool_kernel) *kernel, const real *from, real *result);

/* Where a worker's planes, sums and copy of a channel lie in its scratch. */
real *R(bnf_pool_planes)(const struct R(bnf_pool) * pool, unsigned worker);
real *R(bnf_pool_sums)(const struct R(bnf_pool) * pool, unsigned worker);
real *R(bnf_pool_copy)(const struct R(bnf_pool) * pool, unsigned worker);

#endif
