/* AveragePool and LpPool: sums under a sliding window. */
#include "eval/real/pool.h"

#include "eval/real/conv.h"
#include "eval/workers.h"

#include <math.h>

/* Rows that are taken one by one begin anywhere, and each may write as much too much. */
static size_t R(bnf_pool_room)(const struct bnf_planes *planes)
{
    return planes->room + bnf_most_step;
}

int R(bnf_pool_begin)(struct bnf_call *call, struct R(bnf_pool) * pool)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    int64_t dims[bnf_most_rank];
    *pool = (struct R(bnf_pool)){.x = NULL};
    if (!x)
        return bnf_call_wrong(call, "it has no input");
    if (x->kind != BNF_KIND_REAL && x->dtype != BNF_DTYPE_INT8 && x->dtype != BNF_DTYPE_UINT8)
        return bnf_call_wrong(call, "only floating types and 8-bit integers can be pooled");
    int status = bnf_window_slide(call, x, NULL, &pool->window);
    if (status)
        return status;
    struct bnf_window w = pool->window;
    bnf_window_trim(&w);
    size_t channels = (size_t)(x->dims[0] * x->dims[1]);
    status = bnf_call_work(
        call, (double)channels * (double)bnf_window_volume(w.out) * (double)bnf_window_volume(w.kernel));
    if (status)
        return status;
    bnf_window_dims(&w, x->dims[0], x->dims[1], dims);
    void *y = bnf_call_output(call, 0, x->dtype, x->rank, dims);
    if (!y)
        return BNF_ENOMEM;
    if (!call->out[0]->count)
        return BNF_OK;
    status = R(bnf_planes_plan)(call, &w, &pool->planes);
    if (status)
        return status;
    pool->in = bnf_window_volume(w.in);
    pool->out = bnf_window_volume(w.out);
    double work =
        (double)channels * (double)pool->planes.count * (double)w.out[0] * (double)(pool->planes.taps + 1);
    pool->threads = call->threads < 1 || work < 1e6 ? 1 : call->threads;
    pool->need = R(bnf_planes_scratch)(&pool->planes, 1) + R(bnf_pool_room)(&pool->planes) + pool->in;
    bool ints = x->kind == BNF_KIND_INT;
    size_t numbers = ints ? channels * (pool->in + pool->out) : 0;
    pool->held = R(bnf_scratch)(call, pool->need * pool->threads + numbers);
    if (!pool->held)
        return BNF_ENOMEM;
    pool->scratch = pool->held->data;
    pool->x = x->data;
    pool->y = y;
    pool->channels = channels;
    if (ints) {
        real *copy = pool->scratch + pool->need * pool->threads;
        for (size_t i = 0; i < x->count; i++)
            copy[i] = (real)((const int64_t *)x->data)[i];
        pool->x = copy;
        pool->y = copy + x->count;
    }
    return BNF_OK;
}

int R(bnf_pool_end)(struct bnf_call *call, struct R(bnf_pool) * pool)
{
    struct bnf_array *y = call->out[0];
    for (size_t i = 0; y && y->kind == BNF_KIND_INT && pool->channels && i < y->count; i++)
        ((int64_t *)y->data)[i] = (int64_t)pool->y[i];
    bnf_array_drop(call->budget, pool->held);
    return BNF_OK;
}

real *R(bnf_pool_planes)(const struct R(bnf_pool) * pool, unsigned worker)
{
    return pool->scratch + worker * pool->need;
}

real *R(bnf_pool_sums)(const struct R(bnf_pool) * pool, unsigned worker)
{
    return R(bnf_pool_planes)(pool, worker) + R(bnf_planes_scratch)(&pool->planes, 1);
}

real *R(bnf_pool_copy)(const struct R(bnf_pool) * pool, unsigned worker)
{
    return R(bnf_pool_sums)(pool, worker) + R(bnf_pool_room)(&pool->planes);
}

void R(bnf_pool_slide)(const struct bnf_planes *p, R(bnf_pool_kernel) *kernel, const real *planes, real *result)
{
    size_t rows = (size_t)p->window.out[1], row = (size_t)p->window.out[2];
    size_t vectors = rows * ((row + bnf_lanes - 1) / bnf_lanes);
    if (2 * vectors * bnf_lanes >= p->room) {
        kernel(planes, p->offset, p->taps, p->count, result);
        return;
    }
    for (size_t h = 0; h < rows; h++) /* what a row writes too much the next one, or nobody, reads */
        kernel(planes + h * p->pitch, p->offset, p->taps, row, result + h * p->pitch);
}

static inline __attribute__((always_inline)) void add_vector(
    const real *restrict base, const size_t *restrict offset, size_t taps, real *restrict sums)
{
    R(bnf_vector) a = {0};
    for (size_t t = 0; t < taps; t++)
        a += *(const R(bnf_loose_vector) *)(base + offset[t]);
    *(R(bnf_loose_vector) *)sums = a;
}

/* sums [count]: Σ over taps of base[i + offset[tap]]. */
BNF_WIDE
static void R(bnf_pool_add)(
    const real *restrict base, const size_t *restrict offset, size_t taps, size_t count, real *restrict sums)
{
    for (size_t i = 0; i < count; i += 4 * bnf_lanes) {
        if (count - i <= bnf_lanes) {
            add_vector(base + i, offset, taps, sums + i);
            return;
        }
        R(bnf_vector) a = {0}, b = {0}, c = {0}, d = {0};
        for (size_t t = 0; t < taps; t++) {
            const R(bnf_loose_vector) *x = (const R(bnf_loose_vector) *)(base + i + offset[t]);
            a += x[0];
            b += x[1];
            c += x[2];
            d += x[3];
        }
        R(bnf_loose_vector) *y = (R(bnf_loose_vector) *)(sums + i);
        y[0] = a;
        y[1] = b;
        y[2] = c;
        y[3] = d;
    }
}

static void one_average(void *context, unsigned worker, size_t channel)
{
    const struct R(bnf_pool) *pool = context;
    const struct bnf_planes *p = &pool->planes;
    real *planes = R(bnf_pool_planes)(pool, worker), *sums = R(bnf_pool_sums)(pool, worker);
    real *y = pool->y + channel * pool->out;
    R(bnf_planes_lay)(p, pool->x + channel * pool->in, 0, planes);
    for (size_t d = 0; d < (size_t)p->window.out[0]; d++) {
        R(bnf_pool_slide)(p, R(bnf_pool_add), planes + d * p->depth, sums);
        for (size_t h = 0; h < (size_t)p->window.out[1]; h++) {
            real count = pool->counts[0][d] * pool->counts[1][h];
            for (size_t i = 0; i < (size_t)p->window.out[2]; i++)
                *y++ = sums[h * p->pitch + i] / (count * pool->counts[2][i]);
        }
    }
}

/* How many taps count at each output position of an axis: those within the input, or, with `padded`, within
 * the padding too (a last window of ceil_mode may reach beyond that). */
static void count_taps(const struct bnf_window *w, size_t axis, bool padded, real *counts)
{
    int64_t low = padded ? -w->begin[axis] : 0, high = w->in[axis] + (padded ? w->end[axis] : 0);
    for (int64_t o = 0; o < w->out[axis]; o++) {
        int64_t at = o * w->stride[axis] - w->begin[axis], step = w->dilation[axis];
        int64_t first = at >= low ? 0 : (low - at + step - 1) / step, last = at >= high ? 0 : (high - at + step - 1) / step;
        last = last < w->kernel[axis] ? last : w->kernel[axis];
        counts[o] = (real)(last > first ? last - first : 0);
    }
}

int R(bnf_op_average_pool)(struct bnf_call *call)
{
    struct R(bnf_pool) pool;
    bool padded = call->opset >= 7 && bnf_attr_int(call->proto, "count_include_pad", 0) != 0;
    int status = R(bnf_pool_begin)(call, &pool);
    if (status || !pool.channels)
        return status;
    for (size_t i = 0; !status && i < bnf_most_spatial; i++) {
        real *counts = bnf_arena_alloc(call->arena, (size_t)pool.planes.window.out[i], sizeof *counts);
        pool.counts[i] = counts;
        if (counts)
            count_taps(&pool.window, i, padded, counts);
        else
            status = bnf_fail_memory(call->err);
    }
    if (!status)
        bnf_workers_run(pool.threads, pool.channels, one_average, &pool);
    R(bnf_pool_end)(call, &pool);
    return status;
}

static void one_norm(void *context, unsigned worker, size_t channel)
{
    const struct R(bnf_pool) *pool = context;
    const struct bnf_planes *p = &pool->planes;
    real *planes = R(bnf_pool_planes)(pool, worker), *sums = R(bnf_pool_sums)(pool, worker);
    real *powers = R(bnf_pool_copy)(pool, worker), *y = pool->y + channel * pool->out;
    const real *x = pool->x + channel * pool->in;
    for (size_t i = 0; i < pool->in; i++)
        powers[i] = pool->power == 1   ? (x[i] < 0 ? -x[i] : x[i])
                    : pool->power == 2 ? x[i] * x[i]
                                       : (real)pow(fabs((double)x[i]), (double)pool->power);
    R(bnf_planes_lay)(p, powers, 0, planes);
    for (size_t d = 0; d < (size_t)p->window.out[0]; d++) {
        R(bnf_pool_slide)(p, R(bnf_pool_add), planes + d * p->depth, sums);
        for (size_t h = 0; h < (size_t)p->window.out[1]; h++)
            for (size_t i = 0; i < (size_t)p->window.out[2]; i++) {
                double sum = (double)sums[h * p->pitch + i];
                *y++ = (real)(pool->power == 2 ? sqrt(sum) : pow(sum, 1 / (double)pool->power));
            }
    }
}

int R(bnf_op_lp_pool)(struct bnf_call *call)
{
    struct R(bnf_pool) pool;
    int status = R(bnf_pool_begin)(call, &pool);
    if (status || !pool.channels)
        return status;
    pool.power =
        call->opset < 2 ? (real)bnf_attr_float(call->proto, "p", 2) : (real)bnf_attr_int(call->proto, "p", 2);
    if (pool.power > 0)
        bnf_workers_run(pool.threads, pool.channels, one_norm, &pool);
    else
        status = bnf_call_wrong(call, "'p' is %g, which is not above 0", (double)pool.power);
    R(bnf_pool_end)(call, &pool);
    return status;
}
