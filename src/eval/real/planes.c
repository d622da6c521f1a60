#include "eval/real/planes.h"

#include <string.h>

int R(bnf_planes_plan)(struct bnf_call *call, const struct bnf_window *w, struct bnf_planes *p)
{
    *p = (struct bnf_planes){.window = *w, .phase = 1, .taps = bnf_window_volume(w->kernel)};
    size_t phases = 1;
    double elements = 1;
    for (size_t i = 0; i < bnf_most_spatial; i++) {
        p->padded[i] = w->out[i] + (bnf_window_reach(w, i) - 1) / w->stride[i];
        p->phase *= (size_t)p->padded[i];
        /* Phases that no tap starts in are never read. */
        int64_t used = w->stride[i] < bnf_window_reach(w, i) ? w->stride[i] : bnf_window_reach(w, i);
        phases *= (size_t)used;
        elements *= (double)p->padded[i] * (double)used;
    }
    if (elements > 1e12)
        return bnf_fail_memory(call->err);
    p->size = p->phase * phases;
    p->pitch = (size_t)p->padded[2];
    p->depth = (size_t)p->padded[1] * p->pitch;
    p->count = (size_t)(w->out[1] - 1) * p->pitch + (size_t)w->out[2];
    p->room = (p->count + bnf_most_step - 1) / bnf_most_step * bnf_most_step;
    p->offset = bnf_arena_alloc(call->arena, p->taps, sizeof *p->offset);
    if (!p->offset)
        return bnf_fail_memory(call->err);
    size_t tap = 0, used[3];
    for (size_t i = 0; i < bnf_most_spatial; i++)
        used[i] = (size_t)(w->stride[i] < bnf_window_reach(w, i) ? w->stride[i] : bnf_window_reach(w, i));
    for (int64_t d = 0; d < w->kernel[0]; d++)
        for (int64_t h = 0; h < w->kernel[1]; h++)
            for (int64_t x = 0; x < w->kernel[2]; x++) {
                int64_t at[3] = {d * w->dilation[0], h * w->dilation[1], x * w->dilation[2]};
                size_t phase = 0, within = 0;
                for (size_t i = 0; i < bnf_most_spatial; i++) {
                    phase = phase * used[i] + (size_t)(at[i] % w->stride[i]);
                    within = within * (size_t)p->padded[i] + (size_t)(at[i] / w->stride[i]);
                }
                p->offset[tap++] = phase * p->phase + within;
            }
    return BNF_OK;
}

size_t R(bnf_planes_scratch)(const struct bnf_planes *p, size_t channels)
{
    return p->size * channels + bnf_most_step;
}

/* One row of one phase: every stride-th element of x [width], beginning `shift` in (negative: in the
 * padding). */
static inline __attribute__((always_inline)) void lay_row(const real *restrict x, int64_t width,
    int64_t shift, int64_t stride, int64_t count, real pad, real *restrict to)
{
    int64_t from = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    int64_t last = width - shift <= 0 ? 0 : (width - shift + stride - 1) / stride;
    last = last > count ? count : last;
    from = from > last ? last : from;
    for (int64_t i = 0; i < from; i++)
        to[i] = pad;
    if (stride == 1)
        for (int64_t i = from; i < last; i++)
            to[i] = x[i + shift];
    else if (stride == 2)
        for (int64_t i = from; i < last; i++)
            to[i] = x[2 * i + shift];
    else
        for (int64_t i = from; i < last; i++)
            to[i] = x[i * stride + shift];
    for (int64_t i = last; i < count; i++)
        to[i] = pad;
}

/* The phase numbered a, b, c along the three axes. */
static inline __attribute__((always_inline)) void lay_phase(
    const struct bnf_planes *p, const real *x, const int64_t phase[3], real pad, real *to)
{
    const struct bnf_window *w = &p->window;
    for (int64_t d = 0; d < p->padded[0]; d++)
        for (int64_t h = 0; h < p->padded[1]; h++, to += p->padded[2]) {
            int64_t id = d * w->stride[0] + phase[0] - w->begin[0];
            int64_t ih = h * w->stride[1] + phase[1] - w->begin[1];
            bool inside = id >= 0 && id < w->in[0] && ih >= 0 && ih < w->in[1];
            lay_row(inside ? x + (id * w->in[1] + ih) * w->in[2] : x, inside ? w->in[2] : 0,
                phase[2] - w->begin[2], w->stride[2], p->padded[2], pad, to);
        }
}

BNF_WIDE
static void R(bnf_lay)(const struct bnf_planes *p, const real *x, real pad, real *to)
{
    const struct bnf_window *w = &p->window;
    int64_t used[3], phase[3];
    for (size_t i = 0; i < bnf_most_spatial; i++)
        used[i] = w->stride[i] < bnf_window_reach(w, i) ? w->stride[i] : bnf_window_reach(w, i);
    for (phase[0] = 0; phase[0] < used[0]; phase[0]++)
        for (phase[1] = 0; phase[1] < used[1]; phase[1]++)
            for (phase[2] = 0; phase[2] < used[2]; phase[2]++, to += p->phase)
                lay_phase(p, x, phase, pad, to);
}

void R(bnf_planes_lay)(const struct bnf_planes *p, const real *x, real pad, real *to)
{
    R(bnf_lay)(p, x, pad, to);
}
