/* Convolution as matrix products: weight [filters, channels·kernel] times columns [channels·kernel,
 * positions], where a column holds the input patch under one position of the window. Columns are laid out for
 * a block of positions at a time, so that they stay in the second-level cache; a 1×1 kernel reads the input
 * as it is. */
#include "eval/real/blas.h"
#include "eval/real/conv.h"
#include "eval/workers.h"

#include "base/threads.h"

#include <string.h>

enum {
    cache_bytes = 768 << 10, /* of columns, per worker */
    least_block = 64,        /* narrower products run at half speed */
};

struct plan {
    const struct R(bnf_conv) * conv;
    size_t rows, positions; /* channels·kernel; output positions of one image */
    size_t block, blocks;   /* positions in a block, blocks of an image */
    size_t slice, slices;   /* filters in a slice, slices of a group: more than one only for few positions */
    bool pointwise;         /* the input is its own columns */
    real *columns; /* [workers, rows, block], or [images·groups, rows, positions] when there are slices */
};

/* One tap of one channel over the positions first … last-1. x [in] is the channel's plane. */
static void lay_row(const struct bnf_window *w, const real *restrict x, const int64_t tap[3], size_t first,
    size_t last, real *restrict row)
{
    int64_t from, to, width = w->out[2], stride = w->stride[2], height = w->out[1];
    int64_t shift = tap[2] * w->dilation[2] - w->begin[2];
    bnf_window_inside(w, 2, tap[2], &from, &to);
    int64_t ow = (int64_t)first % width, oh = (int64_t)first / width % height;
    int64_t od = (int64_t)first / width / height;
    for (size_t at = first; at < last; ow = 0) {
        int64_t n = width - ow < (int64_t)(last - at) ? width - ow : (int64_t)(last - at);
        int64_t id = od * w->stride[0] + tap[0] * w->dilation[0] - w->begin[0];
        int64_t ih = oh * w->stride[1] + tap[1] * w->dilation[1] - w->begin[1];
        bool inside = id >= 0 && id < w->in[0] && ih >= 0 && ih < w->in[1];
        int64_t a = from < ow ? ow : from > ow + n ? ow + n : from, b = to > ow + n ? ow + n : to;
        if (!inside || b < a)
            a = b = ow + n;
        const real *source = inside ? x + (id * w->in[1] + ih) * w->in[2] : x;
        int64_t i = ow;
        for (; i < a; i++)
            *row++ = 0;
        if (stride == 1 && b - i >= 16) {
            memcpy(row, source + i + shift, (size_t)(b - i) * sizeof *row);
            row += b - i;
            i = b;
        }
        for (; i < b; i++)
            *row++ = source[i * stride + shift];
        for (; i < ow + n; i++)
            *row++ = 0;
        at += (size_t)n;
        if (++oh == height) {
            oh = 0;
            od++;
        }
    }
}

/* True where output and input have the same two extents and one lies over the other: a row of columns is then
 * the plane itself, shifted, but for the border. */
static bool is_shift(const struct bnf_window *w)
{
    return w->stride[1] == 1 && w->stride[2] == 1 && w->out[1] == w->in[1] && w->out[2] == w->in[2] &&
           w->in[0] == 1 && w->kernel[0] == 1 && w->out[0] == 1 && w->begin[0] == 0;
}

static void shift_row(const struct bnf_window *w, const real *restrict x, const int64_t tap[3], size_t first,
    size_t last, real *restrict row)
{
    int64_t width = w->in[2], top, bottom, left, right;
    bnf_window_inside(w, 1, tap[1], &top, &bottom);
    bnf_window_inside(w, 2, tap[2], &left, &right);
    int64_t shift = (tap[1] * w->dilation[1] - w->begin[1]) * width + tap[2] * w->dilation[2] - w->begin[2];
    int64_t p = (int64_t)first, q = (int64_t)last;
    int64_t a = top * width + left, b = bottom > top && right > left ? (bottom - 1) * width + right : a;
    a = a < p ? p : a > q ? q : a;
    b = b < a ? a : b > q ? q : b;
    memset(row, 0, (size_t)(a - p) * sizeof *row);
    memcpy(row + (a - p), x + a + shift, (size_t)(b - a) * sizeof *row);
    memset(row + (b - p), 0, (size_t)(q - b) * sizeof *row);
    /* The copy wrapped around at the sides. */
    for (int64_t line = a / width; line * width < b && (left > 0 || right < width); line++) {
        for (int64_t i = line * width; i < line * width + left; i++)
            if (i >= a && i < b)
                row[i - p] = 0;
        for (int64_t i = line * width + right; i < (line + 1) * width; i++)
            if (i >= a && i < b)
                row[i - p] = 0;
    }
}

/* columns [channels·kernel, last-first] of channels c0 … c1-1; x is the group's input. */
static void lay_columns(
    const struct bnf_window *w, const real *x, size_t c0, size_t c1, size_t first, size_t last, real *columns)
{
    size_t plane = bnf_window_volume(w->in), taps = bnf_window_volume(w->kernel);
    bool shift = is_shift(w);
    for (size_t c = c0; c < c1; c++) {
        real *row = columns + c * taps * (last - first);
        int64_t tap[3];
        for (tap[0] = 0; tap[0] < w->kernel[0]; tap[0]++)
            for (tap[1] = 0; tap[1] < w->kernel[1]; tap[1]++)
                for (tap[2] = 0; tap[2] < w->kernel[2]; tap[2]++, row += last - first)
                    (shift ? shift_row : lay_row)(w, x + c * plane, tap, first, last, row);
    }
}

/* y of filters f0 … f1-1 of one group of one image, positions first … last-1. */
static void multiply(const struct plan *plan, size_t image, size_t group, size_t f0, size_t f1, size_t first,
    size_t last, const real *columns, size_t ld)
{
    const struct R(bnf_conv) *c = plan->conv;
    size_t filter = group * c->filters + f0;
    struct R(bnf_product) p = {.m = f1 - f0, .n = last - first, .k = plan->rows, .alpha = 1};
    p.a = c->weight + filter * plan->rows;
    p.lda = plan->rows;
    p.b = columns;
    p.ldb = ld;
    p.c = c->y + (image * c->groups * c->filters + filter) * plan->positions + first;
    p.ldc = plan->positions;
    for (size_t f = 0; c->bias && f < p.m; f++)
        for (size_t i = 0; i < p.n; i++)
            p.c[f * p.ldc + i] = c->bias[filter + f];
    p.beta = c->bias ? 1 : 0;
    R(bnf_multiply_here)(&p);
}

static const real *input_of(const struct plan *plan, size_t image, size_t group)
{
    const struct R(bnf_conv) *c = plan->conv;
    return c->x + (image * c->groups + group) * c->channels * bnf_window_volume(c->window.in);
}

/* ---- many positions: each task lays its own columns */

static void one_block(void *context, unsigned worker, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t first = index % plan->blocks * plan->block, last = first + plan->block;
    size_t group = index / plan->blocks % c->groups, image = index / plan->blocks / c->groups;
    if (last > plan->positions)
        last = plan->positions;
    const real *x = input_of(plan, image, group);
    if (plan->pointwise) {
        multiply(plan, image, group, 0, c->filters, first, last, x + first, plan->positions);
        return;
    }
    real *columns = plan->columns + worker * plan->rows * plan->block;
    lay_columns(&c->window, x, 0, c->channels, first, last, columns);
    multiply(plan, image, group, 0, c->filters, first, last, columns, last - first);
}

/* ---- few positions: columns once, then slices of filters */

enum { shares = 4 }; /* tasks a group's columns are laid in */

static int one_share(void *context, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t which = index / shares, share = index % shares;
    lay_columns(&c->window, input_of(plan, which / c->groups, which % c->groups),
        c->channels * share / shares, c->channels * (share + 1) / shares, 0, plan->positions,
        plan->columns + which * plan->rows * plan->positions);
    return 0;
}

static int one_slice(void *context, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t which = index / plan->slices, f0 = index % plan->slices * plan->slice, f1 = f0 + plan->slice;
    size_t image = which / c->groups, group = which % c->groups;
    const real *columns =
        plan->pointwise ? input_of(plan, image, group) : plan->columns + which * plan->rows * plan->positions;
    multiply(plan, image, group, f0, f1 > c->filters ? c->filters : f1, 0, plan->positions, columns,
        plan->positions);
    return 0;
}

/* ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Blocks as large as the cache allows, and enough of them to keep the threads evenly busy. */
static void cut(struct plan *plan, unsigned threads)
{
    const struct R(bnf_conv) *c = plan->conv;
    size_t most = cache_bytes / sizeof(real) / (plan->rows ? plan->rows : 1), jobs = c->images * c->groups;
    most = most < least_block ? least_block : most;
    if (plan->pointwise && most < 4096)
        most = 4096;
    most = smaller(most, plan->positions);
    plan->slice = c->filters;
    plan->slices = 1;
    if (jobs < threads && plan->positions < threads * least_block && c->filters >= 2 * threads) {
        plan->slice = (c->filters + threads - 1) / threads;
        plan->slices = (c->filters + plan->slice - 1) / plan->slice;
        most = plan->positions;
    }
    plan->blocks = (plan->positions + most - 1) / most;
    if (plan->slices == 1 && jobs * plan->blocks < 4 * threads && threads > 1) {
        size_t want = jobs * plan->blocks <= threads
                          ? threads
                          : (jobs * plan->blocks + threads - 1) / threads * threads;
        size_t each = (want + jobs - 1) / jobs;
        each = smaller(each, (plan->positions + least_block - 1) / least_block);
        plan->blocks = each > plan->blocks ? each : plan->blocks;
    }
    plan->block = (plan->positions + plan->blocks - 1) / plan->blocks;
    if (plan->blocks > 1)
        plan->block = smaller((plan->block + 15) / 16 * 16, plan->positions);
    plan->blocks = (plan->positions + plan->block - 1) / plan->block;
}

int R(bnf_conv_columns)(struct bnf_call *call, const struct R(bnf_conv) * c)
{
    const struct bnf_window *w = &c->window;
    size_t taps = bnf_window_volume(w->kernel), jobs = c->images * c->groups;
    struct plan plan = {.conv = c, .rows = c->channels * taps, .positions = bnf_window_volume(w->out)};
    plan.pointwise = taps == 1;
    for (size_t i = 0; i < bnf_most_spatial; i++)
        plan.pointwise = plan.pointwise && w->stride[i] == 1 && !w->begin[i] && !w->end[i];
    double work = (double)jobs * (double)c->filters * (double)plan.rows * (double)plan.positions;
    unsigned threads = call->threads < 1 || work < 8e6 ? 1 : call->threads;
    cut(&plan, threads);
    struct bnf_array *scratch = NULL;
    if (!plan.pointwise) {
        scratch = R(bnf_scratch)(call, plan.slices > 1
                                           ? jobs * plan.rows * plan.positions
                                           : smaller(threads, jobs * plan.blocks) * plan.rows * plan.block);
        if (!scratch)
            return BNF_ENOMEM;
        plan.columns = scratch->data;
    }
    if (plan.slices == 1) {
        bnf_workers_run(threads, jobs * plan.blocks, one_block, &plan);
    } else {
        if (!plan.pointwise)
            bnf_parallel(threads, jobs * shares, one_share, &plan);
        bnf_parallel(threads, jobs * plan.slices, one_slice, &plan);
    }
    bnf_array_drop(call->budget, scratch);
    return BNF_OK;
}
