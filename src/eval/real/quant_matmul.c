/* MatMulInteger and QLinearMatMul: products of 8-bit matrices, summed in 32 bits. */
#include "eval/real/quant.h"

#include <string.h>

/* Two stacks of matrices and their product; a vector is a matrix of one row (left) or one column (right). */
struct product {
    const struct bnf_array *a, *b;
    size_t m, n, k, batches, rank;
    int64_t dims[bnf_most_rank];
    size_t lead;                                           /* axes of the stack */
    size_t a_steps[bnf_most_rank], b_steps[bnf_most_rank]; /* in matrices */
};

static int resolve(struct bnf_call *call, size_t slot_a, size_t slot_b, struct product *p)
{
    int status = R(bnf_quant_bytes)(call, slot_a);
    if (!status)
        status = R(bnf_quant_bytes)(call, slot_b);
    if (status)
        return status;
    const struct bnf_array *a = p->a = call->in[slot_a], *b = p->b = call->in[slot_b];
    if (a->rank < 1 || b->rank < 1)
        return bnf_call_wrong(call, "a scalar cannot be multiplied as a matrix");
    p->m = a->rank > 1 ? (size_t)a->dims[a->rank - 2] : 1;
    p->k = (size_t)a->dims[a->rank - 1];
    p->n = b->rank > 1 ? (size_t)b->dims[b->rank - 1] : 1;
    size_t rows = (size_t)b->dims[b->rank > 1 ? b->rank - 2 : 0];
    if (rows != p->k)
        return bnf_call_wrong(call, "the matrices share an extent, but it is %zu in one and %zu in the other", p->k, rows);
    struct bnf_array left = *a, right = *b;
    left.rank = a->rank > 1 ? a->rank - 2 : 0;
    right.rank = b->rank > 1 ? b->rank - 2 : 0;
    if (!bnf_broadcast(&left, &right, &p->lead, p->dims))
        return bnf_call_wrong(call, "the leading extents of its inputs do not broadcast");
    bnf_broadcast_strides(&left, p->lead, p->dims, p->a_steps);
    bnf_broadcast_strides(&right, p->lead, p->dims, p->b_steps);
    p->batches = 1;
    for (p->rank = 0; p->rank < p->lead; p->rank++)
        p->batches *= (size_t)p->dims[p->rank];
    if (a->rank > 1)
        p->dims[p->rank++] = (int64_t)p->m;
    if (b->rank > 1)
        p->dims[p->rank++] = (int64_t)p->n;
    return bnf_call_work(call, (double)p->batches * (double)p->m * (double)p->n * (double)p->k);
}

/* How scales and zero points lie over an operand: one for all, [rows] of a ([columns] of b), or one for each row (each
 * column) of every matrix. */
static int spread(struct bnf_call *call, size_t slot, const struct bnf_array *over, size_t each, bool columns,
    struct bnf_spread *out)
{
    const struct bnf_array *x = bnf_call_input(call, slot);
    *out = (struct bnf_spread){0, 0, 0};
    if (!x || x->count == 1)
        return BNF_OK;
    size_t matrix = over->rank > 1 ? (size_t)(over->dims[over->rank - 2] * over->dims[over->rank - 1]) : over->count;
    size_t stack = matrix ? over->count / matrix : 0;
    bool whole = x->rank == over->rank && x->rank > 1 && x->count == stack * each &&
                 x->dims[x->rank - (columns ? 2 : 1)] == 1;
    if (!whole && !(x->rank == 1 && x->count == each))
        return bnf_call_wrong(call, "its input %zu has %zu numbers, which fit no %s", slot, x->count,
            columns ? "columns" : "rows");
    *out = (struct bnf_spread){whole ? each : 0, columns ? 0 : 1, columns ? 1 : 0};
    return BNF_OK;
}

/* What is multiplied: both operands less their zero points, and room for the sums of one pair of matrices. */
struct factors {
    int32_t *a, *b;
    uint32_t *sum; /* [m, n] */
};

static int32_t *center(struct bnf_call *call, const struct bnf_array *x, size_t zero, struct bnf_spread s, size_t rows,
    size_t columns)
{
    size_t matrix = rows * columns;
    return R(bnf_quant_center)(
        call, x, bnf_call_input(call, zero), s, matrix ? x->count / matrix : 0, rows, columns);
}

/* The slots are those of the zero points. */
static int prepare(
    struct bnf_call *call, const struct product *p, size_t zero_a, size_t zero_b, struct factors *f)
{
    struct bnf_spread rows, columns;
    int status = spread(call, zero_a, p->a, p->m, false, &rows);
    if (!status)
        status = spread(call, zero_b, p->b, p->n, true, &columns);
    if (status)
        return status;
    f->a = center(call, p->a, zero_a, rows, p->m, p->k);
    f->b = f->a ? center(call, p->b, zero_b, columns, p->k, p->n) : NULL;
    f->sum = f->b ? bnf_arena_alloc(call->arena, p->m * p->n, sizeof *f->sum) : NULL;
    return f->sum ? BNF_OK : bnf_fail_memory(call->err);
}

/* The sums of one pair of matrices. They wrap at 32 bits, as the operators' type says. */
static void multiply(const struct product *p, const struct factors *f, size_t left, size_t right)
{
    const int32_t *a = f->a + left * p->m * p->k, *b = f->b + right * p->k * p->n;
    uint32_t *sum = f->sum;
    memset(sum, 0, p->m * p->n * sizeof *sum);
    for (size_t i = 0; i < p->m; i++) {
        for (size_t l = 0; l < p->k; l++) {
            uint32_t factor = (uint32_t)a[i * p->k + l];
            for (size_t j = 0; j < p->n && factor; j++)
                sum[i * p->n + j] += factor * (uint32_t)b[l * p->n + j];
        }
    }
}

/* The matrices of a and b behind pair `batch` of the result. */
static void pair(const struct product *p, size_t batch, size_t *a, size_t *b)
{
    *a = *b = 0;
    for (size_t i = p->lead; i-- > 0;) {
        size_t extent = (size_t)p->dims[i], index = batch % extent;
        batch /= extent;
        *a += index * p->a_steps[i];
        *b += index * p->b_steps[i];
    }
}

int R(bnf_op_matmul_integer)(struct bnf_call *call)
{
    struct product p;
    struct factors f;
    int status = resolve(call, 0, 1, &p);
    if (!status)
        status = R(bnf_quant_zero)(call, 2);
    if (!status)
        status = R(bnf_quant_zero)(call, 3);
    if (!status)
        status = prepare(call, &p, 2, 3, &f);
    if (status)
        return status;
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_INT32, p.rank, p.dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t batch = 0; batch < p.batches; batch++) {
        size_t left, right;
        pair(&p, batch, &left, &right);
        multiply(&p, &f, left, right);
        for (size_t i = 0; i < p.m * p.n; i++)
            *y++ = (int32_t)f.sum[i];
    }
    return BNF_OK;
}

/* ---- QLinearMatMul: a, its scale and zero point, b, its two, y's two ---- */

struct scaling {
    const real *a, *b;
    real y;
    struct bnf_spread rows, columns; /* of a's and b's scales */
    int64_t zero, low, high;         /* of y */
};

static void requantize(const struct product *p, const struct scaling *s, const uint32_t *sum, size_t left, size_t right,
    int64_t *y)
{
    for (size_t i = 0; i < p->m; i++) {
        real a = s->a[left * s->rows.batch + i * s->rows.row];
        for (size_t j = 0; j < p->n; j++) {
            real scale = a * s->b[right * s->columns.batch + j * s->columns.column] / s->y;
            y[i * p->n + j] =
                R(bnf_quant_round)((real)(int32_t)sum[i * p->n + j] * scale, s->zero, s->low, s->high);
        }
    }
}

static int find_scaling(struct bnf_call *call, const struct product *p, struct scaling *s)
{
    enum { A = 1, B = 4, Y = 6 };
    const size_t slots[] = {A, B, Y};
    int status = BNF_OK;
    for (size_t i = 0; i < 3 && !status; i++) {
        status = R(bnf_quant_scale)(call, slots[i]);
        if (!status)
            status = R(bnf_quant_zero)(call, slots[i] + 1);
    }
    if (!status)
        status = spread(call, A, p->a, p->m, false, &s->rows);
    if (!status)
        status = spread(call, B, p->b, p->n, true, &s->columns);
    if (status)
        return status;
    const struct bnf_array *zero = bnf_call_input(call, Y + 1);
    if (call->in[Y]->count != 1 || !zero || zero->count != 1)
        return bnf_call_cannot(call, "more than one scale or zero point for the result");
    if (!R(bnf_quant_range)(zero->dtype, &s->low, &s->high))
        return bnf_call_cannot(call, "quantizing to %s is not supported", bnf_dtype_name(zero->dtype));
    s->a = call->in[A]->data;
    s->b = call->in[B]->data;
    s->y = R(bnf_quant_first_real)(call, Y);
    s->zero = R(bnf_quant_first_int)(call, Y + 1);
    return BNF_OK;
}

int R(bnf_op_qlinear_matmul)(struct bnf_call *call)
{
    struct product p;
    struct scaling s;
    struct factors f;
    int status = resolve(call, 0, 3, &p);
    if (!status)
        status = find_scaling(call, &p, &s);
    if (!status)
        status = prepare(call, &p, 2, 5, &f);
    if (status)
        return status;
    int64_t *y = bnf_call_output(call, 0, call->in[7]->dtype, p.rank, p.dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t batch = 0; batch < p.batches; batch++) {
        size_t left, right;
        pair(&p, batch, &left, &right);
        multiply(&p, &f, left, right);
        requantize(&p, &s, f.sum, left, right, y + batch * p.m * p.n);
    }
    return BNF_OK;
}
