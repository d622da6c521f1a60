/* ConvInteger and QLinearConv: convolutions of 8-bit values, summed in 32 bits. */
#include "eval/real/quant.h"

#include "eval/window.h"
#include "eval/workers.h"

/* What both have: x [batch, channels, …] and w [maps, channels / group, …] less their zero points, so that padding is
 * zero. */
struct conv {
    struct bnf_window window;
    size_t batch, channels, maps, group;
    const int32_t *x, *w;
    const struct bnf_array *bias; /* [maps] of int32, or NULL */
    uint32_t *sums;               /* [batch, maps, out …]; wraps at 32 bits, as the operators' type says */
};

/* Adds weight × the input's row below a tap to a row of sums. */
static void add_row(const struct bnf_window *win, const int32_t *in, uint32_t weight, int64_t tap, uint32_t *sums)
{
    int64_t first, last, stride = win->stride[2], shift = tap * win->dilation[2] - win->begin[2];
    bnf_window_inside(win, 2, tap, &first, &last);
    if (stride == 1) {
        const int32_t *from = in + shift;
        for (int64_t i = first; i < last; i++)
            sums[i] += weight * (uint32_t)from[i];
        return;
    }
    for (int64_t i = first; i < last; i++)
        sums[i] += weight * (uint32_t)in[i * stride + shift];
}

/* Adds what one channel gives to one map. */
static void add_channel(const struct bnf_window *win, const int32_t *in, const int32_t *kernel, uint32_t *sums)
{
    for (int64_t kz = 0; kz < win->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < win->kernel[1]; ky++, kernel += win->kernel[2]) {
            int64_t z0, z1, y0, y1;
            bnf_window_inside(win, 0, kz, &z0, &z1);
            bnf_window_inside(win, 1, ky, &y0, &y1);
            for (int64_t z = z0; z < z1; z++) {
                for (int64_t y = y0; y < y1; y++) {
                    int64_t in_z = z * win->stride[0] + kz * win->dilation[0] - win->begin[0];
                    int64_t in_y = y * win->stride[1] + ky * win->dilation[1] - win->begin[1];
                    const int32_t *row = in + (in_z * win->in[1] + in_y) * win->in[2];
                    for (int64_t kx = 0; kx < win->kernel[2]; kx++)
                        if (kernel[kx])
                            add_row(win, row, (uint32_t)kernel[kx], kx, sums + (z * win->out[1] + y) * win->out[2]);
                }
            }
        }
    }
}

/* One map of one item of the batch. */
static void one_map(void *context, unsigned worker, size_t index)
{
    const struct conv *c = context;
    size_t map = index % c->maps, item = index / c->maps, per_group = c->channels / c->group;
    size_t in = bnf_window_volume(c->window.in), taps = bnf_window_volume(c->window.kernel);
    size_t out = bnf_window_volume(c->window.out);
    size_t first = map / (c->maps / c->group) * per_group;
    uint32_t *sums = c->sums + index * out, start = c->bias ? (uint32_t)((const int64_t *)c->bias->data)[map] : 0;
    (void)worker;
    for (size_t i = 0; i < out; i++)
        sums[i] = start;
    for (size_t k = 0; k < per_group; k++)
        add_channel(&c->window, c->x + (item * c->channels + first + k) * in, c->w + (map * per_group + k) * taps, sums);
}

/* Fills *c and its sums from these input slots. */
static int convolve(
    struct bnf_call *call, size_t x_slot, size_t x_zero, size_t w_slot, size_t w_zero, struct conv *c)
{
    int status = R(bnf_quant_bytes)(call, x_slot);
    if (!status)
        status = R(bnf_quant_bytes)(call, w_slot);
    if (!status)
        status = R(bnf_quant_zero)(call, x_zero);
    if (!status)
        status = R(bnf_quant_zero)(call, w_zero);
    if (status)
        return status;
    const struct bnf_array *x = call->in[x_slot], *w = call->in[w_slot];
    const struct bnf_array *zero_x = bnf_call_input(call, x_zero), *zero_w = bnf_call_input(call, w_zero);
    if (w->rank != x->rank || x->rank < 3)
        return bnf_call_wrong(call, "its input has rank %zu and its weight %zu", x->rank, w->rank);
    status = bnf_window_slide(call, x, w->dims + 2, &c->window);
    if (status)
        return status;
    int64_t group = bnf_attr_int(call->proto, "group", 1);
    if (group < 1 || w->dims[0] % group || x->dims[1] != w->dims[1] * group)
        return bnf_call_wrong(call, "%lld channels, %lld maps and a weight for %lld channels do not fit %lld groups",
            (long long)x->dims[1], (long long)w->dims[0], (long long)w->dims[1], (long long)group);
    c->batch = (size_t)x->dims[0];
    c->channels = (size_t)x->dims[1];
    c->maps = (size_t)w->dims[0];
    c->group = (size_t)group;
    if ((zero_x && zero_x->count != 1) || (zero_w && zero_w->count != 1 && zero_w->count != c->maps))
        return bnf_call_wrong(call, "its zero points are neither one nor one for each of %zu maps", c->maps);
    if (c->bias && (c->bias->kind != BNF_KIND_INT || c->bias->count != c->maps))
        return bnf_call_wrong(call, "its bias should have %zu integers", c->maps);
    status = bnf_call_work(call, (double)c->batch * (double)w->count * (double)bnf_window_volume(c->window.out));
    if (status)
        return status;
    struct bnf_spread same = {0, 0, 0}, per_map = {0, zero_w && zero_w->count > 1 ? 1 : 0, 0};
    c->x = R(bnf_quant_center)(call, x, zero_x, same, 1, 1, x->count);
    c->w = c->x ? R(bnf_quant_center)(call, w, zero_w, per_map, 1, c->maps, c->maps ? w->count / c->maps : 0) : NULL;
    size_t out = bnf_window_volume(c->window.out);
    c->sums = c->w ? bnf_arena_alloc(call->arena, c->batch * c->maps * out, sizeof *c->sums) : NULL;
    if (!c->sums)
        return bnf_fail_memory(call->err);
    bnf_workers_run(call->threads ? call->threads : 1, c->batch * c->maps, one_map, c);
    return BNF_OK;
}

int R(bnf_op_conv_integer)(struct bnf_call *call)
{
    struct conv c = {.bias = NULL};
    int64_t dims[2 + bnf_most_spatial];
    int status = convolve(call, 0, 2, 1, 3, &c);
    if (status)
        return status;
    bnf_window_dims(&c.window, (int64_t)c.batch, (int64_t)c.maps, dims);
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_INT32, call->in[0]->rank, dims);
    for (size_t i = 0; y && i < call->out[0]->count; i++)
        y[i] = (int32_t)c.sums[i];
    return y ? BNF_OK : BNF_ENOMEM;
}

/* Inputs: x, its scale and zero point, w, its two, y's two, bias. */
int R(bnf_op_qlinear_conv)(struct bnf_call *call)
{
    enum { X = 0, W = 3, Y = 6, BIAS = 8 };
    struct conv c = {.bias = bnf_call_input(call, BIAS)};
    int64_t dims[2 + bnf_most_spatial], low, high;
    int status = R(bnf_quant_scale)(call, X + 1);
    if (!status)
        status = R(bnf_quant_scale)(call, W + 1);
    if (!status)
        status = R(bnf_quant_scale)(call, Y);
    if (!status)
        status = R(bnf_quant_zero)(call, Y + 1);
    const struct bnf_array *zero = bnf_call_input(call, Y + 1);
    if (!status && (!zero || !R(bnf_quant_range)(zero->dtype, &low, &high)))
        status = bnf_call_wrong(call, "its zero point for the result should be int8 or uint8");
    if (!status)
        status = convolve(call, X, X + 2, W, W + 2, &c);
    if (status)
        return status;
    const struct bnf_array *w_scale = call->in[W + 1];
    if (w_scale->count != 1 && w_scale->count != c.maps)
        return bnf_call_wrong(call, "its weight has %zu scales for %zu maps", w_scale->count, c.maps);
    bnf_window_dims(&c.window, (int64_t)c.batch, (int64_t)c.maps, dims);
    int64_t *y = bnf_call_output(call, 0, zero->dtype, call->in[X]->rank, dims);
    size_t out = bnf_window_volume(c.window.out);
    for (size_t row = 0; y && row < c.batch * c.maps; row++) {
        real w = ((const real *)w_scale->data)[w_scale->count == 1 ? 0 : row % c.maps];
        real scale = R(bnf_quant_first_real)(call, X + 1) * w / R(bnf_quant_first_real)(call, Y);
        for (size_t i = row * out; i < (row + 1) * out; i++)
            y[i] = R(bnf_quant_round)((real)(int32_t)c.sums[i] * scale, *(const int64_t *)zero->data, low, high);
    }
    return y ? BNF_OK : BNF_ENOMEM;
}
