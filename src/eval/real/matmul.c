/* MatMul: products of the last two axes, the others broadcast as in numpy; a vector is a matrix of one row on
 * the left and of one column on the right, and that axis is not in the result. */
#include "eval/real/blas.h"

#include "eval/workers.h"

#include <string.h>

struct form {
    size_t m, n, k;
    size_t batch_rank;
    int64_t batch[bnf_most_rank];                          /* broadcast */
    size_t a_steps[bnf_most_rank], b_steps[bnf_most_rank]; /* in elements, along the batch axes */
    size_t batches;
    size_t rank;
    int64_t dims[bnf_most_rank]; /* of the result */
};

/* Steps of an operand along the batch axes: 0 where it is repeated. */
static void steps_of(const struct bnf_array *x, size_t inner, const struct form *f, size_t *steps)
{
    size_t own = x->rank < 2 ? 0 : x->rank - 2, step = inner;
    for (size_t i = f->batch_rank; i-- > 0;) {
        int64_t extent = i + own < f->batch_rank ? 1 : x->dims[i + own - f->batch_rank];
        steps[i] = extent == 1 ? 0 : step;
        step *= (size_t)extent;
    }
}

static int resolve(
    struct bnf_call *call, const struct bnf_array *a, const struct bnf_array *b, struct form *f)
{
    if (!a || !b)
        return bnf_call_wrong(call, "an input is missing");
    if (a->kind != b->kind || (a->kind != BNF_KIND_REAL && a->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "its inputs are of different types");
    if (a->rank < 1 || b->rank < 1)
        return bnf_call_wrong(call, "a scalar cannot be multiplied as a matrix");
    *f = (struct form){.m = a->rank > 1 ? (size_t)a->dims[a->rank - 2] : 1,
        .k = (size_t)a->dims[a->rank - 1],
        .n = b->rank > 1 ? (size_t)b->dims[b->rank - 1] : 1,
        .batches = 1};
    int64_t rows = b->dims[b->rank > 1 ? b->rank - 2 : 0];
    if ((int64_t)f->k != rows)
        return bnf_call_wrong(call,
            "the matrices share an extent, but it is %zu in one and %lld in the other", f->k,
            (long long)rows);
    struct bnf_array left = *a, right = *b;
    left.rank = a->rank < 2 ? 0 : a->rank - 2;
    right.rank = b->rank < 2 ? 0 : b->rank - 2;
    if (!bnf_broadcast(&left, &right, &f->batch_rank, f->batch))
        return bnf_call_wrong(call, "the leading extents of its inputs do not broadcast");
    steps_of(a, f->m * f->k, f, f->a_steps);
    steps_of(b, f->k * f->n, f, f->b_steps);
    for (; f->rank < f->batch_rank; f->rank++) {
        f->dims[f->rank] = f->batch[f->rank];
        f->batches *= (size_t)f->batch[f->rank];
    }
    if (a->rank > 1)
        f->dims[f->rank++] = (int64_t)f->m;
    if (b->rank > 1)
        f->dims[f->rank++] = (int64_t)f->n;
    return BNF_OK;
}

/* Where batch number `index` of an operand begins. */
static size_t place(const struct form *f, const size_t *steps, size_t index)
{
    size_t at = 0;
    for (size_t i = f->batch_rank; i-- > 0; index /= (size_t)f->batch[i])
        at += index % (size_t)f->batch[i] * steps[i];
    return at;
}

struct job {
    const struct form *form;
    const real *a, *b;
    real *y;
};

static struct R(bnf_product) product_of(const struct job *job, size_t index)
{
    const struct form *f = job->form;
    return (struct R(bnf_product)){.m = f->m,
        .n = f->n,
        .k = f->k,
        .alpha = 1,
        .a = job->a + place(f, f->a_steps, index),
        .b = job->b + place(f, f->b_steps, index),
        .c = job->y + index * f->m * f->n,
        .lda = f->k,
        .ldb = f->n,
        .ldc = f->n};
}

static void one_batch(void *context, unsigned worker, size_t index)
{
    (void)worker;
    struct R(bnf_product) p = product_of(context, index);
    R(bnf_multiply_here)(&p);
}

/* With one matrix on the right for all batches on the left, the batches are more rows. */
static void merge(struct form *f)
{
    for (size_t i = 0, step = f->m * f->k; i < f->batch_rank; i++) {
        size_t axis = f->batch_rank - 1 - i;
        if (f->b_steps[axis] != 0 || (f->a_steps[axis] != step && f->batch[axis] != 1))
            return;
        step *= (size_t)f->batch[axis];
    }
    f->m *= f->batches;
    f->batches = 1;
    f->batch_rank = 0;
}

int R(bnf_op_matmul)(struct bnf_call *call)
{
    const struct bnf_array *a = bnf_call_input(call, 0), *b = bnf_call_input(call, 1);
    struct form f = {.m = 0};
    int status = resolve(call, a, b, &f);
    double work = (double)f.batches * (double)f.m * (double)f.n * (double)f.k;
    if (!status)
        status = bnf_call_work(call, work);
    if (status)
        return status;
    void *y = bnf_call_output(call, 0, a->dtype, f.rank, f.dims);
    if (!y)
        return BNF_ENOMEM;
    size_t count = call->out[0]->count;
    if (!count)
        return BNF_OK;
    if (a->kind == BNF_KIND_INT) {
        int64_t *sums = y;
        memset(sums, 0, count * sizeof *sums);
        for (size_t i = 0; i < f.batches; i++)
            R(bnf_multiply_ints)
        (false, false, f.m, f.n, f.k, (const int64_t *)a->data + place(&f, f.a_steps, i),
            (const int64_t *)b->data + place(&f, f.b_steps, i), sums + i * f.m * f.n);
        for (size_t i = 0; i < count; i++)
            sums[i] = bnf_int_wrap(a->dtype, sums[i]);
        return BNF_OK;
    }
    merge(&f);
    struct job job = {&f, a->data, b->data, y};
    if (f.batches >= bnf_cut_for) {
        bnf_workers_run(work < 1e6 ? 1 : call->threads, f.batches, one_batch, &job);
        return BNF_OK;
    }
    for (size_t i = 0; i < f.batches; i++) {
        struct R(bnf_product) p = product_of(&job, i);
        R(bnf_multiply)(call->threads, &p);
    }
    return BNF_OK;
}
