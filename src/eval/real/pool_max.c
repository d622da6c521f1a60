/* MaxPool: the largest under a sliding window, and where it was. NaN is larger than everything, so that none
 * gets lost. */
#include "eval/real/pool.h"
#include "eval/workers.h"

#include <math.h>

/* best = x where x is larger or NaN. */
#define BNF_LARGER(best, x)                                                                       \
    do {                                                                                          \
        R(bnf_vector) larger_x = (x);                                                             \
        R(bnf_mask) take = (larger_x > (best)) | (larger_x != larger_x);                          \
        (best) = (R(bnf_vector))(((R(bnf_mask))larger_x & take) | ((R(bnf_mask))(best) & ~take)); \
    } while (0)

static inline __attribute__((always_inline)) void larger_vector(
    const real *restrict base, const size_t *restrict offset, size_t taps, real *restrict largest)
{
    R(bnf_vector) a = *(const R(bnf_loose_vector) *)(base + offset[0]);
    for (size_t t = 1; t < taps; t++)
        BNF_LARGER(a, *(const R(bnf_loose_vector) *)(base + offset[t]));
    *(R(bnf_loose_vector) *)largest = a;
}

/* largest [count]: over taps, of base[i + offset[tap]]. */
BNF_WIDE
static void R(bnf_pool_largest)(const real *restrict base, const size_t *restrict offset, size_t taps,
    size_t count, real *restrict largest)
{
    for (size_t i = 0; i < count; i += 4 * bnf_lanes) {
        if (count - i <= bnf_lanes) {
            larger_vector(base + i, offset, taps, largest + i);
            return;
        }
        const R(bnf_loose_vector) *x = (const R(bnf_loose_vector) *)(base + i + offset[0]);
        R(bnf_vector) a = x[0], b = x[1], c = x[2], d = x[3];
        for (size_t t = 1; t < taps; t++) {
            x = (const R(bnf_loose_vector) *)(base + i + offset[t]);
            BNF_LARGER(a, x[0]);
            BNF_LARGER(b, x[1]);
            BNF_LARGER(c, x[2]);
            BNF_LARGER(d, x[3]);
        }
        R(bnf_loose_vector) *y = (R(bnf_loose_vector) *)(largest + i);
        y[0] = a;
        y[1] = b;
        y[2] = c;
        y[3] = d;
    }
}

static void one_channel(void *context, unsigned worker, size_t channel)
{
    const struct R(bnf_pool) *pool = context;
    const struct bnf_planes *p = &pool->planes;
    real *planes = R(bnf_pool_planes)(pool, worker), *largest = R(bnf_pool_sums)(pool, worker);
    real *y = pool->y + channel * pool->out;
    R(bnf_planes_lay)(p, pool->x + channel * pool->in, -(real)INFINITY, planes);
    for (size_t d = 0; d < (size_t)p->window.out[0]; d++) {
        R(bnf_pool_slide)(p, R(bnf_pool_largest), planes + d * p->depth, largest);
        for (size_t h = 0; h < (size_t)p->window.out[1]; h++)
            for (size_t i = 0; i < (size_t)p->window.out[2]; i++)
                *y++ = largest[h * p->pitch + i];
    }
}

struct where {
    const struct R(bnf_pool) * pool;
    int64_t *places; /* output 1 */
    bool columns;    /* storage_order 1: the first spatial axis runs fastest */
};

/* The first largest element under the window at `out` of the plane x [in]; *at stays when there is none. */
static real find(const struct bnf_window *w, const real *x, const int64_t out[3], int64_t at[3])
{
    real best = -(real)INFINITY;
    bool found = false;
    int64_t k[3], i[3];
    for (k[0] = 0; k[0] < w->kernel[0]; k[0]++)
        for (k[1] = 0; k[1] < w->kernel[1]; k[1]++)
            for (k[2] = 0; k[2] < w->kernel[2]; k[2]++) {
                bool inside = true;
                for (size_t a = 0; a < bnf_most_spatial; a++) {
                    i[a] = out[a] * w->stride[a] + k[a] * w->dilation[a] - w->begin[a];
                    inside = inside && i[a] >= 0 && i[a] < w->in[a];
                }
                if (!inside)
                    continue;
                real value = x[(i[0] * w->in[1] + i[1]) * w->in[2] + i[2]];
                if (found && !(value > best) && !(isnan(value) && !isnan(best)))
                    continue;
                found = true;
                best = value;
                at[0] = i[0];
                at[1] = i[1];
                at[2] = i[2];
            }
    return best;
}

static void one_channel_with_places(void *context, unsigned worker, size_t channel)
{
    (void)worker;
    const struct where *where = context;
    const struct R(bnf_pool) *pool = where->pool;
    const struct bnf_window *w = &pool->planes.window;
    const real *x = pool->x + channel * pool->in;
    real *y = pool->y + channel * pool->out;
    int64_t *places = where->places + channel * pool->out, base = (int64_t)(channel * pool->in), out[3];
    for (out[0] = 0; out[0] < w->out[0]; out[0]++)
        for (out[1] = 0; out[1] < w->out[1]; out[1]++)
            for (out[2] = 0; out[2] < w->out[2]; out[2]++) {
                int64_t at[3] = {0, 0, 0};
                *y++ = find(w, x, out, at);
                if (!where->columns)
                    *places++ = base + (at[0] * w->in[1] + at[1]) * w->in[2] + at[2];
                else
                    *places++ = base + (at[2] * w->in[1] + at[1]) * w->in[0] + at[0];
            }
}

int R(bnf_op_max_pool)(struct bnf_call *call)
{
    struct R(bnf_pool) pool;
    bool places = call->output_count > 1 && call->wanted[1];
    int status = R(bnf_pool_begin)(call, &pool);
    if (status)
        return status;
    struct where where = {.pool = &pool, .columns = bnf_attr_int(call->proto, "storage_order", 0) != 0};
    if (places) {
        where.places = bnf_call_output(call, 1, BNF_DTYPE_INT64, call->out[0]->rank, call->out[0]->dims);
        status = where.places ? BNF_OK : BNF_ENOMEM;
    }
    if (!status && pool.channels)
        bnf_workers_run(pool.threads, pool.channels, places ? one_channel_with_places : one_channel,
            places ? (void *)&where : (void *)&pool);
    R(bnf_pool_end)(call, &pool);
    return status;
}
