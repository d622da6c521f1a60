/* Convolutions, products and pools of the evaluator against direct loops, for random extents and attributes, in both
 * number types. Inputs are small integers, so sums are exact in float, too, and most results must be equal to the last
 * bit.
 *
 * Environment: COUNT cases of each kind (1000) from SEED on (1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rng.h"

#include "eval/operator.h"
#include "onnx/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_inputs = 4, most_attributes = 12, most_ints = 6 };

/* One call of one operator. */
struct rig {
    struct rng rng;
    struct bnf_budget budget;
    struct bnf_arena arena;
    struct bnf_err err;
    enum bnf_precision precision;
    Onnx__NodeProto node;
    Onnx__AttributeProto attribute[most_attributes], *pointer[most_attributes];
    int64_t ints[most_attributes][most_ints];
    struct bnf_array *in[most_inputs], *out[2];
    size_t input_count;
};

static unsigned long long setting(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static void rig_init(struct rig *r, uint64_t seed, enum bnf_precision precision)
{
    memset(r, 0, sizeof *r);
    r->rng = rng_new(seed);
    r->precision = precision;
    bnf_arena_init(&r->arena, 0);
    onnx__node_proto__init(&r->node);
    r->node.attribute = r->pointer;
}

/* Frees everything; what an operator took as scratch must be back in the budget. */
static void rig_free(struct rig *r)
{
    for (size_t i = 0; i < r->input_count; i++)
        bnf_array_drop(&r->budget, r->in[i]);
    for (size_t i = 0; i < 2; i++)
        bnf_array_drop(&r->budget, r->out[i]);
    assert_int_equal(r->budget.used, 0);
    bnf_arena_free(&r->arena);
}

static Onnx__AttributeProto *attribute(struct rig *r, const char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = &r->attribute[r->node.n_attribute];
    assert_in_range(r->node.n_attribute, 0, most_attributes - 1);
    onnx__attribute_proto__init(a);
    a->name = (char *)(uintptr_t)name;
    a->has_type = 1;
    a->type = type;
    r->pointer[r->node.n_attribute++] = a;
    return a;
}

static void set_int(struct rig *r, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

static void set_float(struct rig *r, const char *name, float value)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = value;
}

static void set_text(struct rig *r, const char *name, const char *text)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.data = (uint8_t *)(uintptr_t)text;
    a->s.len = strlen(text);
}

static void set_ints(struct rig *r, const char *name, size_t count, const int64_t *values)
{
    int64_t *room = r->ints[r->node.n_attribute];
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    assert_in_range(count, 0, most_ints);
    memcpy(room, values, count * sizeof *values);
    a->n_ints = count;
    a->ints = room;
}

static double get(const struct bnf_array *a, size_t index)
{
    return bnf_array_at(a, index);
}

static void put(struct bnf_array *a, size_t index, double value)
{
    if (a->kind == BNF_KIND_INT)
        ((int64_t *)a->data)[index] = (int64_t)value;
    else if (a->precision == BNF_PRECISION_FLOAT)
        ((float *)a->data)[index] = (float)value;
    else
        ((double *)a->data)[index] = value;
}

/* The next input: integers from low to high. */
static struct bnf_array *add_input(struct rig *r, int dtype, size_t rank, const int64_t *dims, int low, int high)
{
    struct bnf_array *a = bnf_array_new(&r->budget, dtype, r->precision, rank, dims);
    assert_non_null(a);
    for (size_t i = 0; i < a->count; i++)
        put(a, i, (double)rng_range(&r->rng, low, high));
    r->in[r->input_count++] = a;
    return a;
}

static int rig_run(struct rig *r, const char *type, int64_t opset, size_t outputs)
{
    const struct bnf_operator *operator = bnf_operator_find("", type, opset);
    const bool wanted[2] = {true, outputs > 1};
    assert_non_null(operator);
    struct bnf_call call = {.budget = &r->budget,
        .arena = &r->arena,
        .proto = &r->node,
        .opset = opset,
        .precision = r->precision,
        .threads = 1 + (unsigned)rng_below(&r->rng, 3),
        .input_count = r->input_count,
        .output_count = outputs,
        .in = r->in,
        .out = r->out,
        .wanted = wanted,
        .err = &r->err};
    return operator->run[r->precision](&call);
}

/* ---- windows */

struct geometry {
    size_t spatial;
    int64_t in[3], kernel[3], stride[3], dilation[3], begin[3], end[3], out[3];
    bool ceil;
};

/* Random extents of which the window covers some; spatial axes behind the others are 1. Sets the attributes. */
static void draw_geometry(struct rig *r, struct geometry *g, int most_in, int most_pad, bool dilated)
{
    int64_t pads[6];
    *g = (struct geometry){.spatial = 1 + rng_below(&r->rng, 3)};
    unsigned padding = rng_below(&r->rng, 6);
    for (size_t i = 0; i < 3; i++) {
        bool used = i < g->spatial;
        g->kernel[i] = used ? rng_range(&r->rng, 1, 4) : 1;
        g->stride[i] = used ? rng_range(&r->rng, 1, 3) : 1;
        g->dilation[i] = used && dilated && rng_percent(&r->rng, 40) ? rng_range(&r->rng, 1, 3) : 1;
        int64_t reach = (g->kernel[i] - 1) * g->dilation[i] + 1;
        g->in[i] = used ? rng_range(&r->rng, reach, reach + (i + 1 == g->spatial ? 3 * most_in : most_in)) : 1;
        int64_t most = most_pad < reach - 1 ? most_pad : reach - 1;
        g->begin[i] = used && padding > 1 ? rng_range(&r->rng, 0, most) : 0;
        g->end[i] = used && padding > 1 ? rng_range(&r->rng, 0, most) : 0;
        if (used && padding == 0) { /* SAME_UPPER or SAME_LOWER, decided below */
            g->out[i] = (g->in[i] + g->stride[i] - 1) / g->stride[i];
            int64_t sum = (g->out[i] - 1) * g->stride[i] + reach - g->in[i];
            sum = sum < 0 ? 0 : sum;
            g->begin[i] = sum / 2;
            g->end[i] = sum - sum / 2;
        }
    }
    if (padding == 0 && rng_percent(&r->rng, 50)) {
        set_text(r, "auto_pad", "SAME_UPPER");
    } else if (padding == 0) {
        set_text(r, "auto_pad", "SAME_LOWER");
        for (size_t i = 0; i < 3; i++) {
            int64_t swap = g->begin[i];
            g->begin[i] = g->end[i];
            g->end[i] = swap;
        }
    } else if (padding == 1) {
        set_text(r, "auto_pad", "VALID");
    } else {
        memcpy(pads, g->begin, g->spatial * sizeof *pads);
        memcpy(pads + g->spatial, g->end, g->spatial * sizeof *pads);
        set_ints(r, "pads", 2 * g->spatial, pads);
    }
    g->ceil = padding > 1 && rng_percent(&r->rng, 50);
    for (size_t i = 0; i < 3; i++) {
        int64_t reach = (g->kernel[i] - 1) * g->dilation[i] + 1;
        if (padding != 0 || i >= g->spatial)
            g->out[i] = (g->in[i] + g->begin[i] + g->end[i] - reach) / g->stride[i] + 1;
    }
    set_ints(r, "kernel_shape", g->spatial, g->kernel);
    set_ints(r, "strides", g->spatial, g->stride);
    if (dilated)
        set_ints(r, "dilations", g->spatial, g->dilation);
}

/* Steps to the next of all indices below the extents; false after the last. */
static bool next(size_t rank, int64_t *index, const int64_t *extents)
{
    for (size_t i = rank; i-- > 0; index[i] = 0)
        if (++index[i] < extents[i])
            return true;
    return false;
}

static int64_t volume(const int64_t extents[3])
{
    return extents[0] * extents[1] * extents[2];
}

/* The element of a plane of `in` under tap `k` of the window at `o`; -1 in the padding. */
static int64_t under(const struct geometry *g, const int64_t o[3], const int64_t k[3])
{
    int64_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        int64_t place = o[i] * g->stride[i] + k[i] * g->dilation[i] - g->begin[i];
        if (place < 0 || place >= g->in[i])
            return -1;
        at = at * g->in[i] + place;
    }
    return at;
}

static void assert_dims(const struct bnf_array *y, size_t rank, const int64_t *dims)
{
    assert_non_null(y);
    assert_int_equal(y->rank, rank);
    assert_memory_equal(y->dims, dims, rank * sizeof *dims);
}

static void assert_near(double found, double expected, const struct rig *r)
{
    double unit = r->precision == BNF_PRECISION_FLOAT ? 1e-6 : 1e-14;
    if (!(fabs(found - expected) <= unit * fabs(expected)))
        fail_msg("found %.17g, expected %.17g", found, expected);
}

/* ---- convolutions */

static void draw_conv(struct rig *r, int64_t *groups, int64_t *channels, int64_t *filters, int64_t *images)
{
    static const int64_t of_groups[] = {1, 1, 2, 3, 5};
    *groups = of_groups[rng_below(&r->rng, 5)];
    *channels = rng_percent(&r->rng, 10) ? 33 : rng_range(&r->rng, 1, 5);
    *filters = rng_percent(&r->rng, 10) ? 65 : rng_range(&r->rng, 1, 9);
    *images = rng_range(&r->rng, 1, 2);
    set_int(r, "group", *groups);
}

static void one_conv(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t groups, channels, filters, images;
    rig_init(&r, seed, precision);
    draw_conv(&r, &groups, &channels, &filters, &images);
    draw_geometry(&r, &g, 6, 3, true);
    int64_t xd[5] = {images, groups * channels, g.in[0], g.in[1], g.in[2]};
    int64_t wd[5] = {groups * filters, channels, g.kernel[0], g.kernel[1], g.kernel[2]};
    int64_t yd[5] = {images, groups * filters, g.out[0], g.out[1], g.out[2]};
    const struct bnf_array *x = add_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    const struct bnf_array *w = add_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, wd, -8, 8);
    const struct bnf_array *b = rng_percent(&r.rng, 50) ? add_input(&r, BNF_DTYPE_FLOAT, 1, wd, -99, 99) : NULL;
    assert_int_equal(rig_run(&r, "Conv", 1 + (int64_t)rng_below(&r.rng, 20), 1), BNF_OK);
    assert_dims(r.out[0], 2 + g.spatial, yd);
    int64_t o[5] = {0}, taps = volume(g.kernel), plane = volume(g.in);
    size_t at = 0;
    do {
        int64_t k[4] = {0}, kd[4] = {channels, g.kernel[0], g.kernel[1], g.kernel[2]};
        int64_t group = o[1] / filters, tap = 0;
        double sum = b ? get(b, (size_t)o[1]) : 0;
        do {
            int64_t place = under(&g, o + 2, k + 1);
            int64_t channel = (o[0] * groups + group) * channels + k[0];
            if (place >= 0)
                sum += get(x, (size_t)(channel * plane + place)) *
                       get(w, (size_t)(o[1] * channels * taps + tap));
            tap++;
        } while (next(4, k, kd));
        assert_true(get(r.out[0], at++) == sum);
    } while (next(5, o, yd));
    rig_free(&r);
}

/* Sizes at which the real paths cut blocks: more positions and channels than one block holds. */
static void one_large_conv(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t channels = rng_range(&r.rng, 40, 90), filters = rng_range(&r.rng, 30, 70), k = rng_range(&r.rng, 1, 3);
    int64_t h = rng_range(&r.rng, 5, 60), w = rng_range(&r.rng, 5, 60), s = rng_range(&r.rng, 1, 2), p = k / 2;
    int64_t groups = rng_percent(&r.rng, 30) ? 2 : 1;
    set_ints(&r, "strides", 2, (int64_t[]){s, s});
    set_ints(&r, "pads", 4, (int64_t[]){p, p, p, p});
    set_int(&r, "group", groups);
    const struct bnf_array *x = add_input(&r, BNF_DTYPE_FLOAT, 4, (int64_t[]){1, groups * channels, h, w}, -8, 8);
    const struct bnf_array *f =
        add_input(&r, BNF_DTYPE_FLOAT, 4, (int64_t[]){groups * filters, channels, k, k}, -8, 8);
    assert_int_equal(rig_run(&r, "Conv", 13, 1), BNF_OK);
    int64_t oh = (h + 2 * p - k) / s + 1, ow = (w + 2 * p - k) / s + 1;
    assert_dims(r.out[0], 4, (int64_t[]){1, groups * filters, oh, ow});
    for (size_t trial = 0; trial < 200; trial++) {
        size_t at = (size_t)rng_next(&r.rng) % r.out[0]->count;
        int64_t i = (int64_t)at % ow, j = (int64_t)at / ow % oh, m = (int64_t)at / ow / oh;
        double sum = 0;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t a = 0; a < k * k; a++) {
                int64_t y0 = j * s - p + a / k, x0 = i * s - p + a % k;
                if (y0 >= 0 && y0 < h && x0 >= 0 && x0 < w)
                    sum += get(x, (size_t)(((m / filters * channels + c) * h + y0) * w + x0)) *
                           get(f, (size_t)((m * channels + c) * k * k + a));
            }
        assert_true(get(r.out[0], at) == sum);
    }
    rig_free(&r);
}

/* Adds what one element of x contributes to y: the definition, forwards. */
static void one_conv_transpose(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t groups, channels, filters, images, more[3] = {0};
    rig_init(&r, seed, precision);
    draw_conv(&r, &groups, &channels, &filters, &images);
    do {
        r.node.n_attribute = 1;
        draw_geometry(&r, &g, 4, 2, true);
    } while (!strcmp(r.pointer[1]->name, "auto_pad")); /* means something else here; covered by the standard's tests */
    for (size_t i = 0; i < g.spatial; i++)
        more[i] = rng_range(&r.rng, 0, g.stride[i] - 1);
    set_ints(&r, "output_padding", g.spatial, more);
    for (size_t i = 0; i < 3; i++)
        g.out[i] = (g.in[i] - 1) * g.stride[i] + more[i] + (g.kernel[i] - 1) * g.dilation[i] + 1 - g.begin[i] -
                   g.end[i];
    int64_t xd[5] = {images, groups * channels, g.in[0], g.in[1], g.in[2]};
    int64_t wd[5] = {groups * channels, filters, g.kernel[0], g.kernel[1], g.kernel[2]};
    int64_t yd[5] = {images, groups * filters, g.out[0], g.out[1], g.out[2]};
    const struct bnf_array *x = add_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    const struct bnf_array *w = add_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, wd, -8, 8);
    const struct bnf_array *b = rng_percent(&r.rng, 50) ? add_input(&r, BNF_DTYPE_FLOAT, 1, yd + 1, -99, 99) : NULL;
    assert_int_equal(rig_run(&r, "ConvTranspose", 11, 1), BNF_OK);
    assert_dims(r.out[0], 2 + g.spatial, yd);
    size_t count = r.out[0]->count;
    double *y = calloc(count, sizeof *y);
    assert_non_null(y);
    int64_t plane = volume(g.out), taps = volume(g.kernel);
    for (size_t i = 0; b && i < count; i++)
        y[i] = get(b, i / (size_t)plane % (size_t)yd[1]);
    struct geometry back = g;
    memcpy(back.in, g.out, sizeof g.out);
    int64_t o[5] = {0}, at = 0;
    do {
        int64_t k[4] = {0}, kd[4] = {filters, g.kernel[0], g.kernel[1], g.kernel[2]}, tap = 0;
        int64_t first = (o[0] * groups + o[1] / channels) * filters;
        do {
            int64_t place = under(&back, o + 2, k + 1);
            if (place >= 0)
                y[(first + k[0]) * plane + place] +=
                    get(x, (size_t)at) * get(w, (size_t)(o[1] * filters * taps + tap));
            tap++;
        } while (next(4, k, kd));
        at++;
    } while (next(5, o, xd));
    for (size_t i = 0; i < count; i++)
        assert_true(get(r.out[0], i) == y[i]);
    free(y);
    rig_free(&r);
}

/* ---- products */

static void one_gemm(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    static const int64_t opsets[] = {1, 6, 7, 9, 11, 13};
    int64_t opset = opsets[rng_below(&r.rng, 6)], m = rng_range(&r.rng, 1, 40), n = rng_range(&r.rng, 1, 40);
    int64_t k = rng_range(&r.rng, 1, 40), ta = rng_below(&r.rng, 2), tb = rng_below(&r.rng, 2);
    int dtype = opset >= 9 && rng_percent(&r.rng, 30) ? BNF_DTYPE_INT32 : BNF_DTYPE_FLOAT;
    unsigned shape = rng_below(&r.rng, opset >= 11 ? 6 : 5);
    double alpha = (double)rng_range(&r.rng, -2, 3), beta = (double)rng_range(&r.rng, -2, 3);
    set_int(&r, "transA", ta);
    set_int(&r, "transB", tb);
    set_float(&r, "alpha", (float)alpha);
    set_float(&r, "beta", (float)beta);
    if (opset < 7)
        set_int(&r, "broadcast", shape > 0);
    const struct bnf_array *a = add_input(&r, dtype, 2, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}, -8, 8);
    const struct bnf_array *b = add_input(&r, dtype, 2, tb ? (int64_t[]){n, k} : (int64_t[]){k, n}, -8, 8);
    const int64_t shapes[5][2] = {{m, n}, {1, n}, {m, 1}, {n, 0}, {1, 0}};
    const struct bnf_array *c =
        shape < 5 ? add_input(&r, dtype, shape < 3 ? 2 : 1, shapes[shape], -50, 50) : NULL;
    assert_int_equal(rig_run(&r, "Gemm", opset, 1), BNF_OK);
    assert_dims(r.out[0], 2, (int64_t[]){m, n});
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += get(a, (size_t)(ta ? l * m + i : i * k + l)) * get(b, (size_t)(tb ? j * k + l : l * n + j));
            int64_t of_c[5] = {i * n + j, j, i, j, 0};
            sum = alpha * sum + (c ? beta * get(c, (size_t)of_c[shape]) : 0);
            assert_true(get(r.out[0], (size_t)(i * n + j)) == sum);
        }
    rig_free(&r);
}

/* An operand's share of a broadcast batch: some axes of extent 1, some missing in front. */
static size_t draw_batch(struct rig *r, size_t rank, const int64_t *batch, int64_t *dims)
{
    size_t own = rng_percent(&r->rng, 60) ? rank : rng_below(&r->rng, (unsigned)rank + 1);
    for (size_t i = 0; i < own; i++)
        dims[i] = rng_percent(&r->rng, 30) ? 1 : batch[rank - own + i];
    return own;
}

static size_t batch_place(size_t rank, const int64_t *index, size_t own, const int64_t *dims)
{
    size_t at = 0;
    for (size_t i = 0; i < own; i++)
        at = at * (size_t)dims[i] + (dims[i] == 1 ? 0 : (size_t)index[rank - own + i]);
    return at;
}

static void one_matmul(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    size_t rank = rng_below(&r.rng, 4);
    int64_t batch[5] = {0}, ad[6], bd[6], joint[6], index[5] = {0};
    for (size_t i = 0; i < rank; i++)
        batch[i] = rng_range(&r.rng, 1, 4);
    size_t a_own = draw_batch(&r, rank, batch, ad), b_own = draw_batch(&r, rank, batch, bd);
    bool row = !a_own && rng_percent(&r.rng, 30), column = !b_own && rng_percent(&r.rng, 30);
    int64_t m = row ? 1 : rng_range(&r.rng, 1, 20), n = column ? 1 : rng_range(&r.rng, 1, 20);
    int64_t k = rng_range(&r.rng, 1, 20);
    size_t out = a_own > b_own ? a_own : b_own, at = 0;
    for (size_t i = 0; i < out; i++) {
        int64_t p = i + a_own < out ? 1 : ad[i + a_own - out], q = i + b_own < out ? 1 : bd[i + b_own - out];
        joint[i] = p > q ? p : q;
    }
    int dtype = rng_percent(&r.rng, 30) ? BNF_DTYPE_INT64 : BNF_DTYPE_FLOAT;
    int64_t ax[8], bx[8];
    memcpy(ax, ad, sizeof ad);
    memcpy(bx, bd, sizeof bd);
    ax[row ? a_own : a_own + 1] = k;
    if (!row)
        ax[a_own] = m;
    bx[b_own] = k;
    if (!column)
        bx[b_own + 1] = n;
    const struct bnf_array *a = add_input(&r, dtype, a_own + (row ? 1 : 2), ax, -8, 8);
    const struct bnf_array *b = add_input(&r, dtype, b_own + (column ? 1 : 2), bx, -8, 8);
    assert_int_equal(rig_run(&r, "MatMul", 13, 1), BNF_OK);
    int64_t yd[8];
    memcpy(yd, joint, sizeof joint);
    size_t rank_y = out;
    if (!row)
        yd[rank_y++] = m;
    if (!column)
        yd[rank_y++] = n;
    assert_dims(r.out[0], rank_y, yd);
    do {
        size_t pa = batch_place(out, index, a_own, ad), pb = batch_place(out, index, b_own, bd);
        for (int64_t i = 0; i < m * n; i++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += get(a, pa * (size_t)(m * k) + (size_t)(i / n * k + l)) *
                       get(b, pb * (size_t)(k * n) + (size_t)(l * n + i % n));
            assert_true(get(r.out[0], at++) == sum);
        }
    } while (next(out, index, joint));
    rig_free(&r);
}

/* The sum over all labels at once: every operand's labels are a random choice of five, repetitions included. */
static void one_einsum(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    enum { labels = 5 };
    int64_t extent[labels];
    size_t operands = 1 + rng_below(&r.rng, 3), rank[4], length = 0, term[4][4];
    char equation[64];
    bool seen[labels] = {false};
    for (size_t i = 0; i < labels; i++)
        extent[i] = rng_range(&r.rng, 1, 4);
    int dtype = rng_percent(&r.rng, 25) ? BNF_DTYPE_INT32 : BNF_DTYPE_FLOAT;
    for (size_t i = 0; i < operands; i++) {
        int64_t dims[4];
        rank[i] = rng_below(&r.rng, 5);
        for (size_t k = 0; k < rank[i]; k++) {
            term[i][k] = rng_below(&r.rng, labels);
            seen[term[i][k]] = true;
            dims[k] = extent[term[i][k]];
            equation[length++] = (char)('a' + term[i][k]);
        }
        equation[length++] = i + 1 < operands ? ',' : '-';
        add_input(&r, dtype, rank[i], dims, -4, 4);
    }
    equation[length++] = '>';
    size_t out[labels], out_rank = 0;
    int64_t yd[labels], index[labels] = {0};
    for (size_t i = labels; i-- > 0;)
        if (!seen[i])
            extent[i] = 1;
        else if (rng_percent(&r.rng, 50)) {
            yd[out_rank] = extent[i];
            out[out_rank++] = i;
            equation[length++] = (char)('a' + i);
        }
    equation[length] = 0;
    set_text(&r, "equation", equation);
    assert_int_equal(rig_run(&r, "Einsum", 12, 1), BNF_OK);
    assert_dims(r.out[0], out_rank, yd);
    double y[1024] = {0};
    do {
        double product = 1;
        for (size_t i = 0; i < operands; i++) {
            size_t at = 0;
            for (size_t k = 0; k < rank[i]; k++)
                at = at * (size_t)extent[term[i][k]] + (size_t)index[term[i][k]];
            product *= get(r.in[i], at);
        }
        size_t at = 0;
        for (size_t k = 0; k < out_rank; k++)
            at = at * (size_t)yd[k] + (size_t)index[out[k]];
        y[at] += product;
    } while (next(labels, index, extent));
    for (size_t i = 0; i < r.out[0]->count; i++)
        assert_true(get(r.out[0], i) == y[i]);
    rig_free(&r);
}

/* ---- pools */

/* Counts with ceil_mode: one more window where something is left over, unless it begins behind the input. */
static void draw_pool(struct rig *r, struct geometry *g, int64_t *xd, int64_t *yd, bool dilated)
{
    draw_geometry(r, g, 7, 3, dilated);
    set_int(r, "ceil_mode", g->ceil);
    for (size_t i = 0; i < g->spatial && g->ceil; i++) {
        int64_t room = g->in[i] + g->begin[i] + g->end[i] - ((g->kernel[i] - 1) * g->dilation[i] + 1);
        if (room % g->stride[i] && g->out[i] * g->stride[i] < g->in[i] + g->begin[i])
            g->out[i]++;
    }
    xd[0] = yd[0] = rng_range(&r->rng, 1, 2);
    xd[1] = yd[1] = rng_range(&r->rng, 1, 4);
    memcpy(xd + 2, g->in, sizeof g->in);
    memcpy(yd + 2, g->out, sizeof g->out);
}

static void one_average_pool(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t xd[5], yd[5], o[5] = {0};
    rig_init(&r, seed, precision);
    bool norm = rng_percent(&r.rng, 30), padded = rng_percent(&r.rng, 50);
    int64_t p = rng_range(&r.rng, 1, 3);
    draw_pool(&r, &g, xd, yd, true);
    if (norm)
        set_int(&r, "p", p);
    else
        set_int(&r, "count_include_pad", padded);
    const struct bnf_array *x = add_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    assert_int_equal(rig_run(&r, norm ? "LpPool" : "AveragePool", 19, 1), BNF_OK);
    assert_dims(r.out[0], 2 + g.spatial, yd);
    size_t at = 0;
    do {
        int64_t k[3] = {0}, plane = (o[0] * xd[1] + o[1]) * volume(g.in);
        double sum = 0, count = 0;
        do {
            int64_t place = under(&g, o + 2, k);
            double value = place < 0 ? 0 : get(x, (size_t)(plane + place));
            sum += norm ? pow(fabs(value), (double)p) : value;
            bool counts = true; /* a window that ceil_mode adds may reach beyond the padding */
            for (size_t i = 0; i < 3; i++)
                counts = counts && o[2 + i] * g.stride[i] + k[i] * g.dilation[i] < g.begin[i] + g.in[i] + g.end[i];
            count += padded ? counts : place >= 0;
        } while (next(3, k, g.kernel));
        assert_near(get(r.out[0], at++), norm ? pow(sum, 1 / (double)p) : sum / count, &r);
    } while (next(5, o, yd));
    rig_free(&r);
}

static void one_max_pool(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t xd[5], yd[5], o[5] = {0};
    rig_init(&r, seed, precision);
    draw_pool(&r, &g, xd, yd, true);
    bool places = rng_percent(&r.rng, 50), columns = rng_percent(&r.rng, 30);
    set_int(&r, "storage_order", columns);
    int dtype = rng_percent(&r.rng, 20) ? BNF_DTYPE_INT8 : BNF_DTYPE_FLOAT;
    struct bnf_array *x = add_input(&r, dtype, 2 + g.spatial, xd, -100, 100);
    if (dtype == BNF_DTYPE_FLOAT && rng_percent(&r.rng, 20))
        put(x, rng_below(&r.rng, (unsigned)x->count), NAN);
    assert_int_equal(rig_run(&r, "MaxPool", 12, places ? 2 : 1), BNF_OK);
    assert_dims(r.out[0], 2 + g.spatial, yd);
    if (places)
        assert_dims(r.out[1], 2 + g.spatial, yd);
    size_t at = 0;
    do {
        int64_t k[3] = {0}, plane = (o[0] * xd[1] + o[1]) * volume(g.in), where = -1;
        double best = -INFINITY;
        do {
            int64_t place = under(&g, o + 2, k);
            double value = place < 0 ? -INFINITY : get(x, (size_t)(plane + place));
            if (place >= 0 && (where < 0 || value > best || (isnan(value) && !isnan(best)))) {
                best = value;
                where = place;
            }
        } while (next(3, k, g.kernel));
        double found = get(r.out[0], at);
        assert_true(found == best || (isnan(found) && isnan(best)));
        int64_t d = where / g.in[2] / g.in[1], h = where / g.in[2] % g.in[1], w = where % g.in[2];
        /* column-major: the first axis in use runs fastest */
        int64_t turned = g.spatial == 3 ? (w * g.in[1] + h) * g.in[0] + d : g.spatial == 2 ? h * g.in[0] + d : d;
        if (places && where >= 0)
            assert_int_equal(((int64_t *)r.out[1]->data)[at], plane + (columns ? turned : where));
        at++;
    } while (next(5, o, yd));
    rig_free(&r);
}

static void one_global_pool(uint64_t seed, enum bnf_precision precision)
{
    static const char *const types[] = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"};
    struct rig r;
    rig_init(&r, seed, precision);
    unsigned which = rng_below(&r.rng, 3);
    size_t rank = 2 + rng_below(&r.rng, 4);
    int64_t dims[5], inner = 1;
    for (size_t i = 0; i < rank; i++) {
        dims[i] = rng_range(&r.rng, 1, i == 2 ? 60 : 7);
        inner *= i < 2 ? 1 : dims[i];
    }
    const struct bnf_array *x = add_input(&r, BNF_DTYPE_FLOAT, rank, dims, -8, 8);
    assert_int_equal(rig_run(&r, types[which], 2, 1), BNF_OK);
    for (size_t c = 0; c < (size_t)(dims[0] * dims[1]); c++) {
        double sum = 0, squares = 0, best = -INFINITY;
        for (size_t i = c * (size_t)inner; i < (c + 1) * (size_t)inner; i++) {
            sum += get(x, i);
            squares += get(x, i) * get(x, i);
            best = get(x, i) > best ? get(x, i) : best;
        }
        const double expected[3] = {sum / (double)inner, best, sqrt(squares)};
        assert_near(get(r.out[0], c), expected[which], &r);
    }
    for (size_t i = 2; i < rank; i++)
        dims[i] = 1;
    assert_dims(r.out[0], rank, dims);
    rig_free(&r);
}

/* ---- */

static void repeat(void (*one)(uint64_t seed, enum bnf_precision precision), unsigned long long part)
{
    unsigned long long count = setting("COUNT", 1000) / part + 1, seed = setting("SEED", 1);
    for (unsigned long long i = 0; i < count; i++)
        for (int precision = 0; precision < 2; precision++)
            one(seed + i, (enum bnf_precision)precision);
}

#define PROPERTY(name, part)                                                                                 \
    static void test_##name(void **state)                                                                    \
    {                                                                                                        \
        (void)state;                                                                                         \
        repeat(one_##name, part);                                                                            \
    }


PROPERTY(conv, 1)
PROPERTY(large_conv, 20)
PROPERTY(conv_transpose, 1)
PROPERTY(gemm, 1)
PROPERTY(matmul, 1)
PROPERTY(einsum, 1)
PROPERTY(average_pool, 1)
PROPERTY(max_pool, 1)
PROPERTY(global_pool, 2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_large_conv),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_average_pool),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_global_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
