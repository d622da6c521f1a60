/* OpenBLAS, loaded at its first use: its threads, which it starts when it is loaded, would otherwise take processor time
 * from folds that never multiply a matrix. */
#ifndef BNF_EVAL_OPENBLAS_H
#define BNF_EVAL_OPENBLAS_H

#include <cblas.h>

struct bnf_openblas {
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(cblas_dgemm) *dgemm;
    __typeof__(cblas_sgemv) *sgemv;
    __typeof__(cblas_dgemv) *dgemv;
};

/* The library's functions, computing on the calling thread only; NULL where it is not installed. Thread-safe. */
const struct bnf_openblas *bnf_openblas(void);

#endif
