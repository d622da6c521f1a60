/* Convolution as matrix products: weight [filters, channels·kernel] times columns [channels·kernel,
 * positions], where a column holds the input patch under one position of the window. Columns are laid out for
 * a block of positions at a time, so that they stay in the second-level cache; a 1×1 kernel reads the input
 * as it is. */
#include "eval/real/blas.h"
#include "eval/real/conv.h"
#include "eval/workers.h"

#include <string.h>

enum {
    cache_bytes = 768 << 10, /* of columns, per worker */
    least_block = 64,        /* narrower products run at half speed */
    most_sliced = 256, /* of a 1×1 kernel: up to here packing the input twice is cheaper than the weights */
    block_granule = 16,
    slice_granule = 8,
};

struct plan {
    const struct R(bnf_conv) * conv;
    size_t rows, positions; /* channels·kernel; output positions of one image */
    size_t block, blocks;   /* most positions in a block, blocks of an image */
    size_t slices;          /* of a group's filters: more than one only for few positions */
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

/* Where part `index` of `parts` begins: in the middle of `whole` only at multiples of the granule, which is
 * what BLAS computes at a time. Parts are as even as that allows. */
static size_t edge(size_t whole, size_t index, size_t parts, size_t granule)
{
    return index == parts ? whole : (whole * index / parts + granule / 2) / granule * granule;
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
    size_t first = edge(plan->positions, index % plan->blocks, plan->blocks, block_granule);
    size_t last = edge(plan->positions, index % plan->blocks + 1, plan->blocks, block_granule);
    size_t group = index / plan->blocks % c->groups, image = index / plan->blocks / c->groups;
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

static void one_share(void *context, unsigned worker, size_t index)
{
    (void)worker;
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t which = index / shares, share = index % shares;
    lay_columns(&c->window, input_of(plan, which / c->groups, which % c->groups),
        c->channels * share / shares, c->channels * (share + 1) / shares, 0, plan->positions,
        plan->columns + which * plan->rows * plan->positions);
}

static void one_slice(void *context, unsigned worker, size_t index)
{
    (void)worker;
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    size_t which = index / plan->slices,
           f0 = edge(c->filters, index % plan->slices, plan->slices, slice_granule);
    size_t f1 = edge(c->filters, index % plan->slices + 1, plan->slices, slice_granule);
    size_t image = which / c->groups, group = which % c->groups;
    const real *columns =
        plan->pointwise ? input_of(plan, image, group) : plan->columns + which * plan->rows * plan->positions;
    multiply(plan, image, group, f0, f1, 0, plan->positions, columns, plan->positions);
}

/* ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* At most `parts`, and so few that each is worth handing out; of `whole` rows or columns with `each`
 * multiplications. */
static size_t fewer(size_t parts, size_t whole, size_t granule, double each)
{
    while (parts > 1 && (whole / parts < granule || (double)(whole / parts) * each < bnf_least_product))
        parts--;
    return parts;
}

/* Blocks as large as the cache allows, and enough of them to keep threads evenly busy: the same ones for any
 * number of threads, see blas.h. */
static void cut(struct plan *plan)
{
    const struct R(bnf_conv) *c = plan->conv;
    size_t rows = plan->rows ? plan->rows : 1, most = cache_bytes / sizeof(real) / rows;
    size_t jobs = c->images * c->groups;
    most = most < least_block ? least_block : most;
    if (plan->pointwise && most < 4096)
        most = 4096;
    plan->slices = 1;
    plan->blocks = (plan->positions + most - 1) / most;
    if (jobs < bnf_cut_for && plan->positions < (plan->pointwise ? most_sliced : 2 * least_block))
        plan->slices = fewer(bnf_cut_for, c->filters, slice_granule, (double)rows * (double)plan->positions);
    if (plan->slices > 1) {
        plan->blocks = 1;
    } else if (jobs * plan->blocks < bnf_cut_for) {
        size_t want = (bnf_cut_for + jobs - 1) / jobs;
        want = fewer(want, plan->positions, least_block / 2, (double)rows * (double)c->filters);
        plan->blocks = want > plan->blocks ? want : plan->blocks;
    } else if (jobs * plan->blocks < 4 * bnf_cut_for && jobs == 1) {
        plan->blocks = (plan->blocks + bnf_cut_for - 1) / bnf_cut_for * bnf_cut_for;
    }
    plan->block =
        smaller((plan->positions + plan->blocks - 1) / plan->blocks + block_granule, plan->positions);
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
    unsigned threads = call->threads < 1 || work < 1e6 ? 1 : call->threads;
    cut(&plan);
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
            bnf_workers_run(threads, jobs * shares, one_share, &plan);
        bnf_workers_run(threads, jobs * plan.slices, one_slice, &plan);
    }
    bnf_array_drop(call->budget, scratch);
    return BNF_OK;
}
