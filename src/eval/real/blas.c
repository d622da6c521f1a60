#include "eval/real/blas.h"

#include "eval/openblas.h"
#include "eval/workers.h"

#include <limits.h>
#include <string.h>

#if BNF_REAL_BITS == 32
#define gemm bnf_openblas()->sgemm
#define gemv bnf_openblas()->sgemv
#else
#define gemm bnf_openblas()->dgemm
#define gemv bnf_openblas()->dgemv
#endif

static real element(const real *m, size_t ld, bool transposed, size_t row, size_t column)
{
    return transposed ? m[column * ld + row] : m[row * ld + column];
}

/* For extents that BLAS cannot count, and machines without it. */
static void plainly(const struct R(bnf_product) * p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            real sum = 0, *c = &p->c[i * p->ldc + j];
            for (size_t k = 0; k < p->k; k++)
                sum += element(p->a, p->lda, p->ta, i, k) * element(p->b, p->ldb, p->tb, k, j);
            *c = p->alpha * sum + (p->beta != 0 ? p->beta * *c : 0);
        }
}

/* One row or one column: packing a whole matrix for it would cost more than the product. */
static void by_vector(const struct R(bnf_product) * p)
{
    bool row = p->m == 1;
    size_t count = row ? p->n : p->m, step = row ? 1 : p->ldc;
    for (size_t i = 0; p->beta == 0 && i < count; i++)
        p->c[i * step] = 0;
    const real *matrix = row ? p->b : p->a, *vector = row ? p->a : p->b;
    bool stored_by_result = row ? p->tb : !p->ta; /* each row of the matrix makes one element */
    size_t ld = row ? p->ldb : p->lda;
    size_t apart = row ? (p->ta ? p->lda : 1) : (p->tb ? 1 : p->ldb);
    gemv(CblasRowMajor, stored_by_result ? CblasNoTrans : CblasTrans, (int)(stored_by_result ? count : p->k),
        (int)(stored_by_result ? p->k : count), p->alpha, matrix, (int)ld, vector, (int)apart,
        p->beta == 0 ? 1 : p->beta, p->c, (int)step);
}

void R(bnf_multiply_here)(const struct R(bnf_product) * p)
{
    if (!p->m || !p->n)
        return;
    if (!bnf_openblas() || !p->k || p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->lda > INT_MAX ||
        p->ldb > INT_MAX || p->ldc > INT_MAX)
        plainly(p);
    else if (p->m == 1 || p->n == 1)
        by_vector(p);
    else
        gemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans, p->tb ? CblasTrans : CblasNoTrans, (int)p->m,
            (int)p->n, (int)p->k, p->alpha, p->a, (int)p->lda, p->b, (int)p->ldb, p->beta, p->c, (int)p->ldc);
}

struct cut {
    const struct R(bnf_product) * whole;
    size_t part, parts; /* rows or columns in a part; parts */
    bool rows;
};

static void one_part(void *context, unsigned worker, size_t index)
{
    (void)worker;
    const struct cut *cut = context;
    struct R(bnf_product) p = *cut->whole;
    size_t first = index * cut->part;
    if (cut->rows) {
        p.a += p.ta ? first : first * p.lda;
        p.c += first * p.ldc;
        p.m = p.m - first < cut->part ? p.m - first : cut->part;
    } else {
        p.b += p.tb ? first * p.ldb : first;
        p.c += first;
        p.n = p.n - first < cut->part ? p.n - first : cut->part;
    }
    R(bnf_multiply_here)(&p);
}

void R(bnf_multiply)(unsigned threads, const struct R(bnf_product) * p)
{
    double work = (double)p->m * (double)p->n * (double)p->k;
    double parts = work / (p->m == 1 || p->n == 1 ? bnf_least_product / 5 : bnf_least_product);
    struct cut cut = {
        .whole = p, .parts = parts >= bnf_cut_for ? bnf_cut_for : (size_t)parts, .rows = p->m > p->n};
    if (cut.parts < 2) {
        R(bnf_multiply_here)(p);
        return;
    }
    size_t extent = cut.rows ? p->m : p->n, granule = 16;
    cut.part = (extent + cut.parts - 1) / cut.parts;
    cut.part = (cut.part + granule - 1) / granule * granule;
    bnf_workers_run(threads, (extent + cut.part - 1) / cut.part, one_part, &cut);
}

void R(bnf_multiply_ints)(
    bool ta, bool tb, size_t m, size_t n, size_t k, const int64_t *a, const int64_t *b, int64_t *c)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++) {
            uint64_t left = (uint64_t)(ta ? a[l * m + i] : a[i * k + l]);
            for (size_t j = 0; j < n; j++) {
                uint64_t right = (uint64_t)(tb ? b[j * k + l] : b[l * n + j]);
                c[i * n + j] = (int64_t)((uint64_t)c[i * n + j] + left * right);
            }
        }
}
