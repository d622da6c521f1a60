/* Gemm: y = alpha · op(a) op(b) + beta · c. */
#include "eval/real/blas.h"

#include <math.h>
#include <string.h>

struct form {
    bool ta, tb;
    size_t m, n, k;
    double alpha, beta;
    size_t steps[2]; /* of c along rows and columns of y: 0 where it is repeated */
};

/* Reads and compares extents; c may be NULL. */
static int resolve(struct bnf_call *call, const struct bnf_array *a, const struct bnf_array *b,
    const struct bnf_array *c, struct form *f)
{
    if (!a || !b || (call->opset < 11 && !c))
        return bnf_call_wrong(call, "an input is missing");
    if (a->rank != 2 || b->rank != 2)
        return bnf_call_wrong(call, "the ranks are %zu and %zu, 2 is needed", a->rank, b->rank);
    if (a->kind != b->kind || (c && c->kind != a->kind) ||
        (a->kind != BNF_KIND_REAL && a->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "its inputs are of different types");
    f->ta = bnf_attr_int(call->proto, "transA", 0) != 0;
    f->tb = bnf_attr_int(call->proto, "transB", 0) != 0;
    f->alpha = (double)bnf_attr_float(call->proto, "alpha", 1);
    f->beta = c ? (double)bnf_attr_float(call->proto, "beta", 1) : 0;
    f->m = (size_t)a->dims[f->ta];
    f->k = (size_t)a->dims[!f->ta];
    f->n = (size_t)b->dims[!f->tb];
    if ((size_t)b->dims[f->tb] != f->k)
        return bnf_call_wrong(call,
            "the matrices share an extent, but it is %zu in one and %lld in the other", f->k,
            (long long)b->dims[f->tb]);
    f->steps[0] = f->steps[1] = 0;
    if (!c)
        return BNF_OK;
    const int64_t wanted[2] = {(int64_t)f->m, (int64_t)f->n};
    bool whole = c->rank == 2 && c->dims[0] == wanted[0] && c->dims[1] == wanted[1];
    bool fits = c->rank <= 2;
    size_t step = 1;
    for (size_t i = c->rank; fits && i-- > 0;) {
        size_t axis = i + 2 - c->rank;
        fits = c->dims[i] == 1 || c->dims[i] == wanted[axis];
        f->steps[axis] = c->dims[i] == 1 ? 0 : step;
        step *= (size_t)c->dims[i];
    }
    if (!fits || (!whole && call->opset < 7 && !bnf_attr_int(call->proto, "broadcast", 0)))
        return bnf_call_wrong(
            call, "C with %zu numbers does not fit a result of %zu by %zu", c->count, f->m, f->n);
    return BNF_OK;
}

/* y [m, n] = beta · c, repeated to y's extents. */
static void begin(const struct form *f, const real *c, real *restrict y)
{
    real beta = (real)f->beta;
    for (size_t i = 0; i < f->m; i++)
        for (size_t j = 0; j < f->n; j++)
            y[i * f->n + j] = beta * c[i * f->steps[0] + j * f->steps[1]];
}

static bool is_whole(double factor)
{
    return fabs(factor) < 0x1p63 && factor == trunc(factor);
}

/* Integers: products modulo 2⁶⁴, then the factors, then the type's range. */
static int run_ints(struct bnf_call *call, const struct form *f, const struct bnf_array *a,
    const struct bnf_array *b, const struct bnf_array *c)
{
    struct bnf_array *out = call->out[0];
    int64_t *y = out->data;
    const int64_t *more = c ? c->data : NULL;
    memset(y, 0, out->count * sizeof *y);
    R(bnf_multiply_ints)(f->ta, f->tb, f->m, f->n, f->k, a->data, b->data, y);
    bool plain = f->alpha == 1 && f->beta == 1;
    if (!plain && (!is_whole(f->alpha) || !is_whole(f->beta)))
        return bnf_call_cannot(
            call, "factors of %g and %g for integers are not supported", f->alpha, f->beta);
    for (size_t i = 0; i < out->count; i++) {
        uint64_t sum = (uint64_t)(int64_t)f->alpha * (uint64_t)y[i];
        if (more)
            sum +=
                (uint64_t)(int64_t)f->beta * (uint64_t)more[i / f->n * f->steps[0] + i % f->n * f->steps[1]];
        y[i] = bnf_int_wrap(a->dtype, (int64_t)sum);
    }
    return BNF_OK;
}

int R(bnf_op_gemm)(struct bnf_call *call)
{
    const struct bnf_array *a = bnf_call_input(call, 0), *b = bnf_call_input(call, 1),
                           *c = bnf_call_input(call, 2);
    struct form f = {.m = 0};
    int status = resolve(call, a, b, c, &f);
    if (!status)
        status = bnf_call_work(call, (double)f.m * (double)f.n * (double)f.k);
    if (status)
        return status;
    real *y = bnf_call_output(call, 0, a->dtype, 2, (const int64_t[]){(int64_t)f.m, (int64_t)f.n});
    if (!y)
        return BNF_ENOMEM;
    if (a->kind == BNF_KIND_INT)
        return run_ints(call, &f, a, b, c);
    bool more = c && f.beta != 0;
    if (more)
        begin(&f, c->data, y);
    R(bnf_multiply)
    (call->threads, &(struct R(bnf_product)){.ta = f.ta,
                        .tb = f.tb,
                        .m = f.m,
                        .n = f.n,
                        .k = f.k,
                        .alpha = (real)f.alpha,
                        .beta = more ? 1 : 0,
                        .a = a->data,
                        .b = b->data,
                        .c = y,
                        .lda = (size_t)a->dims[1],
                        .ldb = (size_t)b->dims[1],
                        .ldc = f.n});
    return BNF_OK;
}
