/* Matrix products in the arm's number type. Matrices are row-major; ld is the distance between rows. */
#ifndef BNF_EVAL_REAL_BLAS_H
#define BNF_EVAL_REAL_BLAS_H

#include "eval/real/real.h"

/* c[m,n] = alpha · op(a) op(b) + beta · c, where op(a) is [m,k] (a is [k,m] when ta) and op(b) [k,n] (b is
 * [n,k] when tb). With beta 0, c need not be set. */
struct R(bnf_product) {
    bool ta, tb;
    size_t m, n, k;
    real alpha, beta;
    const real *a, *b;
    real *c;
    size_t lda, ldb, ldc;
};

/* BLAS may add in another order at the edges of a matrix, and in small ones. So that results do not depend on
 * how many threads there are, products are cut as for this many, into parts of at least so many
 * multiplications: fewer cost more to hand out than they save. */
enum { bnf_cut_for = 4, bnf_least_product = 1000000 };

/* On the calling thread. */
void R(bnf_multiply_here)(const struct R(bnf_product) * product);

/* Cut into parts for `threads` threads where it is worth it. */
void R(bnf_multiply)(unsigned threads, const struct R(bnf_product) * product);

/* The same product of integers modulo 2⁶⁴; alpha 1, beta 1, c set. */
void R(bnf_multiply_ints)(
    bool ta, bool tb, size_t m, size_t n, size_t k, const int64_t *a, const int64_t *b, int64_t *c);

#endif
