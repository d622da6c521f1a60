/* GlobalAveragePool, GlobalMaxPool, GlobalLpPool: one number for each channel. */
#include "eval/real/pool.h"

#include "eval/workers.h"

#include <math.h>

struct pool {
    const real *x; /* [channels, inner] */
    real *y;       /* [channels] */
    size_t channels, inner;
    double power;
    real (*reduce)(const real *x, size_t count, double power);
};

enum { together = 16 }; /* channels in one task */

static void one_task(void *context, unsigned worker, size_t index)
{
    (void)worker;
    const struct pool *pool = context;
    for (size_t i = index * together; i < (index + 1) * together && i < pool->channels; i++)
        pool->y[i] = pool->reduce(pool->x + i * pool->inner, pool->inner, pool->power);
}

static int run(struct bnf_call *call, double power, real (*reduce)(const real *x, size_t count, double power))
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    int64_t dims[bnf_most_rank];
    if (!x || x->kind != BNF_KIND_REAL)
        return bnf_call_wrong(call, "it needs an input of a floating type");
    if (x->rank < 2)
        return bnf_call_wrong(call, "the input has rank %zu, at least 2 is needed", x->rank);
    struct pool pool = {.x = x->data, .inner = 1, .power = power, .reduce = reduce};
    pool.channels = (size_t)(x->dims[0] * x->dims[1]);
    for (size_t i = 0; i < x->rank; i++) {
        dims[i] = i < 2 ? x->dims[i] : 1;
        pool.inner *= i < 2 ? 1 : (size_t)x->dims[i];
    }
    pool.y = bnf_call_output(call, 0, x->dtype, x->rank, dims);
    if (!pool.y)
        return BNF_ENOMEM;
    if (pool.channels && !pool.inner)
        return bnf_call_wrong(call, "there is nothing to pool");
    bnf_workers_run(
        x->count < 1 << 16 ? 1 : call->threads, (pool.channels + together - 1) / together, one_task, &pool);
    return BNF_OK;
}

BNF_WIDE
static void R(bnf_pool_total)(const real *restrict x, size_t count, real *restrict total)
{
    R(bnf_vector) a = {0}, b = {0};
    size_t i = 0;
    for (; i + 2 * bnf_lanes <= count; i += 2 * bnf_lanes) {
        const R(bnf_loose_vector) *v = (const R(bnf_loose_vector) *)(x + i);
        a += v[0];
        b += v[1];
    }
    a += b;
    real sum = 0;
    for (; i < count; i++)
        sum += x[i];
    for (size_t k = 0; k < bnf_lanes; k++)
        sum += a[k];
    *total = sum;
}

static real mean(const real *x, size_t count, double power)
{
    (void)power;
    real sum;
    R(bnf_pool_total)(x, count, &sum);
    return sum / (real)count;
}

static real largest(const real *x, size_t count, double power)
{
    (void)power;
    real best = x[0];
    for (size_t i = 1; i < count; i++)
        best = x[i] > best || x[i] != x[i] ? x[i] : best;
    return best;
}

static real norm(const real *x, size_t count, double power)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += power == 2 ? (double)x[i] * (double)x[i] : pow(fabs((double)x[i]), power);
    return (real)(power == 2 ? sqrt(sum) : pow(sum, 1 / power));
}

int R(bnf_op_global_average_pool)(struct bnf_call *call)
{
    return run(call, 0, mean);
}

int R(bnf_op_global_max_pool)(struct bnf_call *call)
{
    return run(call, 0, largest);
}

int R(bnf_op_global_lp_pool)(struct bnf_call *call)
{
    double power = call->opset < 2 ? (double)bnf_attr_float(call->proto, "p", 2)
                                   : (double)bnf_attr_int(call->proto, "p", 2);
    if (!(power > 0))
        return bnf_call_wrong(call, "'p' is %g, which is not above 0", power);
    return run(call, power, norm);
}
