/* Depthwise convolution with stride 1 whose output lies over its input, the commonest one: each channel's
 * plane is one long row, in which every tap is a shift. Zeros lie in front of it and behind it; what a shift
 * brings in over the left or the right side is masked out. */
#include "eval/real/conv.h"
#include "eval/real/planes.h"
#include "eval/workers.h"

#include <string.h>

enum { step = 2 * bnf_lanes };

struct plan {
    const struct R(bnf_conv) * conv;
    size_t area, rows, columns; /* elements of a plane; kernel extents */
    size_t before, row;         /* zeros in front of a plane; numbers of a plane with zeros */
    size_t room;                /* area rounded up to what the kernel writes */
    size_t *from;               /* [columns, rows]: where in the long row a tap begins */
    R(whole) * mask;            /* [columns, room]: all bits where the tap is inside, none elsewhere */
    bool *everywhere;           /* [columns]: inside at every position */
    real *planes;               /* [workers, row] */
    real *weight;               /* [groups·filters, columns, rows] */
};

bool R(bnf_conv_is_over)(const struct R(bnf_conv) * c)
{
    const struct bnf_window *w = &c->window;
    return c->channels == 1 && c->groups > 1 && w->in[0] == 1 && w->out[0] == 1 && w->kernel[0] == 1 &&
           w->begin[0] == 0 && w->stride[1] == 1 && w->stride[2] == 1 && w->out[1] == w->in[1] &&
           w->out[2] == w->in[2] && bnf_window_reach(w, 1) <= 2 * w->in[1] + 64 &&
           bnf_window_reach(w, 2) <= 2 * w->in[2] + 64;
}

/* y of positions first … first+count-1, count a multiple of the step. */
BNF_WIDE
static void R(bnf_slide_over)(const struct plan *plan, const real *restrict planes,
    const real *restrict weight, real bias, size_t first, size_t count, real *restrict y)
{
    const size_t *restrict from = plan->from;
    for (size_t i = 0; i < count; i += step) {
        R(bnf_vector) s = {0}, t = {0};
        s += bias;
        t += bias;
        for (size_t column = 0, tap = 0; column < plan->columns; column++) {
            R(bnf_vector) a = {0}, b = {0};
            for (size_t row = 0; row < plan->rows; row++, tap++) {
                const R(bnf_loose_vector) *x = (const R(bnf_loose_vector) *)(planes + from[tap] + first + i);
                a += x[0] * weight[tap];
                b += x[1] * weight[tap];
            }
            if (!plan->everywhere[column]) {
                const R(bnf_mask) *mask = (const R(bnf_mask) *)(plan->mask + column * plan->room + first + i);
                a = (R(bnf_vector))((R(bnf_mask))a & mask[0]);
                b = (R(bnf_vector))((R(bnf_mask))b & mask[1]);
            }
            s += a;
            t += b;
        }
        R(bnf_loose_vector) *out = (R(bnf_loose_vector) *)(y + i);
        out[0] = s;
        out[1] = t;
    }
}

/* One channel of one image. */
static void one_plane(void *context, unsigned worker, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t group = index % c->groups, taps = plan->rows * plan->columns, whole = plan->area / step * step;
    real *planes = plan->planes + worker * plan->row, tail[step];
    memset(planes, 0, plan->before * sizeof *planes);
    memcpy(planes + plan->before, c->x + index * plan->area, plan->area * sizeof *planes);
    memset(planes + plan->before + plan->area, 0, (plan->row - plan->before - plan->area) * sizeof *planes);
    for (size_t f = 0; f < c->filters; f++) {
        size_t filter = group * c->filters + f;
        const real *weight = plan->weight + filter * taps;
        real *y = c->y + (index * c->filters + f) * plan->area, bias = c->bias ? c->bias[filter] : 0;
        R(bnf_slide_over)(plan, planes, weight, bias, 0, whole, y);
        if (whole == plan->area)
            continue;
        R(bnf_slide_over)(plan, planes, weight, bias, whole, step, tail);
        memcpy(y + whole, tail, (plan->area - whole) * sizeof *tail);
    }
}

/* Taps column by column, since a column of taps shares its mask. */
static void arrange(struct plan *plan)
{
    const struct R(bnf_conv) *c = plan->conv;
    const struct bnf_window *w = &c->window;
    size_t taps = plan->rows * plan->columns, width = (size_t)w->in[2];
    for (size_t column = 0; column < plan->columns; column++) {
        int64_t first, last;
        R(whole) *mask = plan->mask + column * plan->room;
        bnf_window_inside(w, 2, (int64_t)column, &first, &last);
        plan->everywhere[column] = first == 0 && last == w->out[2];
        for (size_t i = 0; i < plan->room; i++)
            mask[i] = (int64_t)(i % width) >= first && (int64_t)(i % width) < last ? -1 : 0;
        for (size_t row = 0; row < plan->rows; row++) {
            plan->from[column * plan->rows + row] =
                row * (size_t)w->dilation[1] * width + column * (size_t)w->dilation[2];
            for (size_t filter = 0; filter < c->groups * c->filters; filter++)
                plan->weight[filter * taps + column * plan->rows + row] =
                    c->weight[filter * taps + row * plan->columns + column];
        }
    }
}

int R(bnf_conv_over)(struct bnf_call *call, const struct R(bnf_conv) * c)
{
    const struct bnf_window *w = &c->window;
    struct plan plan = {.conv = c, .area = (size_t)(w->in[1] * w->in[2])};
    plan.rows = (size_t)w->kernel[1];
    plan.columns = (size_t)w->kernel[2];
    size_t taps = plan.rows * plan.columns, weights = c->groups * c->filters * taps;
    size_t reach = (size_t)((bnf_window_reach(w, 1) - 1) * w->in[2] + bnf_window_reach(w, 2) - 1);
    plan.before = (size_t)(w->begin[1] * w->in[2] + w->begin[2]);
    plan.room = (plan.area + step - 1) / step * step;
    plan.row = (plan.room + reach + bnf_lanes - 1) / bnf_lanes * bnf_lanes;
    double work = (double)c->images * (double)weights * (double)plan.area;
    unsigned threads = call->threads < 1 || work < 4e5 ? 1 : call->threads;
    plan.from = bnf_arena_alloc(call->arena, taps, sizeof *plan.from);
    plan.everywhere = bnf_arena_alloc(call->arena, plan.columns, sizeof *plan.everywhere);
    if (!plan.from || !plan.everywhere)
        return bnf_fail_memory(call->err);
    struct bnf_array *scratch = R(bnf_scratch)(call, plan.columns * plan.room + threads * plan.row + weights);
    if (!scratch)
        return BNF_ENOMEM;
    plan.mask = scratch->data;
    plan.planes = (real *)scratch->data + plan.columns * plan.room;
    plan.weight = plan.planes + threads * plan.row;
    arrange(&plan);
    bnf_workers_run(threads, c->images * c->groups, one_plane, &plan);
    bnf_array_drop(call->budget, scratch);
    return BNF_OK;
}
