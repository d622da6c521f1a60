/* Convolution by sliding over padded planes, without columns: for depthwise and other grouped convolutions of
 * few channels. Four filters of a group are computed together, so that each number read serves four sums. */
#include "eval/real/conv.h"
#include "eval/real/planes.h"
#include "eval/workers.h"

#include <string.h>

struct plan {
    const struct R(bnf_conv) * conv;
    struct bnf_planes planes;
    size_t *offset; /* [channels·taps] */
    real *weight;   /* by group and bundle of filters: [channels·taps, filters of the bundle] */
    size_t need;    /* scratch of a worker: planes and sums */
    real *scratch;
};

enum { bundle = 4 };

/* sums [count]: bias + Σ over taps of weight [taps] · base[i + offset[tap]]. */
BNF_WIDE
static void R(bnf_slide_one)(const real *restrict base, const size_t *restrict offset,
    const real *restrict weight, real bias, size_t taps, size_t count, real *restrict sums)
{
    for (size_t i = 0; i < count; i += 4 * bnf_lanes) {
        R(bnf_vector) a = {0}, b = {0}, c = {0}, d = {0};
        a += bias;
        b += bias;
        c += bias;
        d += bias;
        for (size_t t = 0; t < taps; t++) {
            const R(bnf_loose_vector) *x = (const R(bnf_loose_vector) *)(base + i + offset[t]);
            a += x[0] * weight[t];
            b += x[1] * weight[t];
            c += x[2] * weight[t];
            d += x[3] * weight[t];
        }
        R(bnf_loose_vector) *y = (R(bnf_loose_vector) *)(sums + i);
        y[0] = a;
        y[1] = b;
        y[2] = c;
        y[3] = d;
    }
}

/* sums [4, room]: the same for weight [taps, 4] and bias [4]. */
BNF_WIDE
static void R(bnf_slide_four)(const real *restrict base, const size_t *restrict offset,
    const real *restrict weight, const real *restrict bias, size_t taps, size_t count, size_t room,
    real *restrict sums)
{
    for (size_t i = 0; i < count; i += 2 * bnf_lanes) {
        R(bnf_vector) a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
        a += bias[0];
        b += bias[0];
        c += bias[1];
        d += bias[1];
        e += bias[2];
        f += bias[2];
        g += bias[3];
        h += bias[3];
        for (size_t t = 0; t < taps; t++) {
            const R(bnf_loose_vector) *x = (const R(bnf_loose_vector) *)(base + i + offset[t]);
            const real *w = weight + t * bundle;
            a += x[0] * w[0];
            b += x[1] * w[0];
            c += x[0] * w[1];
            d += x[1] * w[1];
            e += x[0] * w[2];
            f += x[1] * w[2];
            g += x[0] * w[3];
            h += x[1] * w[3];
        }
        R(bnf_loose_vector) *y = (R(bnf_loose_vector) *)(sums + i);
        y[0] = a;
        y[1] = b;
        y = (R(bnf_loose_vector) *)(sums + i + room);
        y[0] = c;
        y[1] = d;
        y = (R(bnf_loose_vector) *)(sums + i + 2 * room);
        y[0] = e;
        y[1] = f;
        y = (R(bnf_loose_vector) *)(sums + i + 3 * room);
        y[0] = g;
        y[1] = h;
    }
}

/* One depth of one filter from rows of pitch to y [out[1], out[2]]. */
static void emit(const struct bnf_planes *p, const real *restrict sums, real *restrict y)
{
    size_t height = (size_t)p->window.out[1], width = (size_t)p->window.out[2];
    for (size_t h = 0; h < height; h++)
        memcpy(y + h * width, sums + h * p->pitch, width * sizeof *y);
}

/* One group of one image. */
static void one_group(void *context, unsigned worker, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    const struct bnf_planes *p = &plan->planes;
    size_t group = index % c->groups, taps = c->channels * p->taps;
    size_t in = bnf_window_volume(p->window.in), out = bnf_window_volume(p->window.out);
    size_t slice = (size_t)p->window.out[1] * (size_t)p->window.out[2];
    real *planes = plan->scratch + worker * plan->need,
         *sums = planes + R(bnf_planes_scratch)(p, c->channels);
    for (size_t i = 0; i < c->channels; i++)
        R(bnf_planes_lay)(p, c->x + (index * c->channels + i) * in, 0, planes + i * p->size);
    for (size_t f = 0, n; f < c->filters; f += n) {
        n = c->filters - f < bundle ? 1 : bundle;
        size_t filter = group * c->filters + f;
        const real none[bundle] = {0}, *weight = plan->weight + filter * taps;
        const real *bias = c->bias ? c->bias + filter : none;
        real *y = c->y + (index * c->filters + f) * out;
        for (size_t d = 0; d < (size_t)p->window.out[0]; d++) {
            if (n == 1)
                R(bnf_slide_one)(planes + d * p->depth, plan->offset, weight, *bias, taps, p->count, sums);
            else
                R(bnf_slide_four)
                (planes + d * p->depth, plan->offset, weight, bias, taps, p->count, p->room, sums);
            for (size_t i = 0; i < n; i++)
                emit(p, sums + i * p->room, y + i * out + d * slice);
        }
    }
}

/* Weights of four filters next to each other, tap by tap, and the offsets of all channels' taps. */
static void arrange(struct plan *plan)
{
    const struct R(bnf_conv) *c = plan->conv;
    size_t taps = c->channels * plan->planes.taps;
    for (size_t i = 0; i < taps; i++)
        plan->offset[i] =
            i / plan->planes.taps * plan->planes.size + plan->planes.offset[i % plan->planes.taps];
    for (size_t g = 0; g < c->groups; g++)
        for (size_t f = 0, n; f < c->filters; f += n) {
            n = c->filters - f < bundle ? 1 : bundle;
            size_t at = (g * c->filters + f) * taps;
            for (size_t t = 0; t < taps; t++)
                for (size_t i = 0; i < n; i++)
                    plan->weight[at + t * n + i] = c->weight[at + i * taps + t];
        }
}

int R(bnf_conv_direct)(struct bnf_call *call, const struct R(bnf_conv) * c)
{
    struct plan plan = {.conv = c};
    int status = R(bnf_planes_plan)(call, &c->window, &plan.planes);
    if (status)
        return status;
    size_t taps = c->channels * plan.planes.taps, weights = c->groups * c->filters * taps;
    double work = (double)c->images * (double)weights * (double)plan.planes.count * (double)c->window.out[0];
    unsigned threads = call->threads < 1 || work < 4e5 ? 1 : call->threads;
    plan.offset = bnf_arena_alloc(call->arena, taps ? taps : 1, sizeof *plan.offset);
    if (!plan.offset)
        return bnf_fail_memory(call->err);
    plan.need = R(bnf_planes_scratch)(&plan.planes, c->channels) + bundle * plan.planes.room;
    plan.need = (plan.need + bnf_lanes - 1) / bnf_lanes * bnf_lanes;
    struct bnf_array *scratch = R(bnf_scratch)(call, weights + threads * plan.need + bnf_lanes);
    if (!scratch)
        return BNF_ENOMEM;
    plan.scratch = scratch->data;
    plan.weight = plan.scratch + threads * plan.need;
    arrange(&plan);
    bnf_workers_run(threads, c->images * c->groups, one_group, &plan);
    bnf_array_drop(call->budget, scratch);
    return BNF_OK;
}
