/* Convolutions and products of the evaluator against direct loops, for random extents and attributes, in both
 * number types. Inputs are small integers, so sums are exact in float, too, and most results must be equal to
 * the last bit.
 *
 * Environment: COUNT cases of each kind (1000) from SEED on (1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rig.h"

#include <stdlib.h>
#include <string.h>

/* ---- convolutions */

static void draw_conv(struct rig *r, int64_t *groups, int64_t *channels, int64_t *filters, int64_t *images)
{
    static const int64_t of_groups[] = {1, 1, 2, 3, 5};
    *groups = of_groups[rng_below(&r->rng, 5)];
    *channels = rng_percent(&r->rng, 10) ? 33 : rng_range(&r->rng, 1, 5);
    *filters = rng_percent(&r->rng, 10) ? 65 : rng_range(&r->rng, 1, 9);
    *images = rng_range(&r->rng, 1, 2);
    rig_int(r, "group", *groups);
}

static void one_conv(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t groups, channels, filters, images;
    rig_init(&r, seed, precision);
    draw_conv(&r, &groups, &channels, &filters, &images);
    geometry_draw(&r, &g, 6, 3, true, false);
    int64_t xd[5] = {images, groups * channels, g.in[0], g.in[1], g.in[2]};
    int64_t wd[5] = {groups * filters, channels, g.kernel[0], g.kernel[1], g.kernel[2]};
    int64_t yd[5] = {images, groups * filters, g.out[0], g.out[1], g.out[2]};
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    const struct bnf_array *w = rig_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, wd, -8, 8);
    const struct bnf_array *b =
        rng_percent(&r.rng, 50) ? rig_input(&r, BNF_DTYPE_FLOAT, 1, wd, -99, 99) : NULL;
    assert_int_equal(rig_run(&r, "Conv", 1 + (int64_t)rng_below(&r.rng, 20), 1), BNF_OK);
    rig_assert_dims(r.out[0], 2 + g.spatial, yd);
    int64_t o[5] = {0}, taps = geometry_volume(g.kernel), plane = geometry_volume(g.in);
    size_t at = 0;
    do {
        int64_t k[4] = {0}, kd[4] = {channels, g.kernel[0], g.kernel[1], g.kernel[2]};
        int64_t group = o[1] / filters, tap = 0;
        double sum = b ? rig_get(b, (size_t)o[1]) : 0;
        do {
            int64_t place = geometry_under(&g, o + 2, k + 1);
            int64_t channel = (o[0] * groups + group) * channels + k[0];
            if (place >= 0)
                sum += rig_get(x, (size_t)(channel * plane + place)) *
                       rig_get(w, (size_t)(o[1] * channels * taps + tap));
            tap++;
        } while (indices_next(4, k, kd));
        assert_true(rig_get(r.out[0], at++) == sum);
    } while (indices_next(5, o, yd));
    rig_free(&r);
}

/* Sizes at which the real paths cut blocks: more positions and channels than one block holds. */
static void one_large_conv(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t channels = rng_range(&r.rng, 40, 90), filters = rng_range(&r.rng, 30, 70),
            k = rng_range(&r.rng, 1, 3);
    int64_t h = rng_range(&r.rng, 5, 60), w = rng_range(&r.rng, 5, 60), s = rng_range(&r.rng, 1, 2),
            p = k / 2;
    int64_t groups = rng_percent(&r.rng, 30) ? 2 : 1;
    if (rng_percent(&r.rng, 30)) { /* thin groups: by sliding, not by products */
        groups = rng_range(&r.rng, 200, 400);
        channels = rng_range(&r.rng, 1, 2);
        filters = rng_range(&r.rng, 1, 5);
    }
    rig_ints(&r, "strides", 2, (int64_t[]){s, s});
    rig_ints(&r, "pads", 4, (int64_t[]){p, p, p, p});
    rig_int(&r, "group", groups);
    const struct bnf_array *x =
        rig_input(&r, BNF_DTYPE_FLOAT, 4, (int64_t[]){1, groups * channels, h, w}, -8, 8);
    const struct bnf_array *f =
        rig_input(&r, BNF_DTYPE_FLOAT, 4, (int64_t[]){groups * filters, channels, k, k}, -8, 8);
    assert_int_equal(rig_run(&r, "Conv", 13, 1), BNF_OK);
    int64_t oh = (h + 2 * p - k) / s + 1, ow = (w + 2 * p - k) / s + 1;
    rig_assert_dims(r.out[0], 4, (int64_t[]){1, groups * filters, oh, ow});
    for (size_t trial = 0; trial < 200; trial++) {
        size_t at = (size_t)rng_next(&r.rng) % r.out[0]->count;
        int64_t i = (int64_t)at % ow, j = (int64_t)at / ow % oh, m = (int64_t)at / ow / oh;
        double sum = 0;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t a = 0; a < k * k; a++) {
                int64_t y0 = j * s - p + a / k, x0 = i * s - p + a % k;
                if (y0 >= 0 && y0 < h && x0 >= 0 && x0 < w)
                    sum += rig_get(x, (size_t)(((m / filters * channels + c) * h + y0) * w + x0)) *
                           rig_get(f, (size_t)((m * channels + c) * k * k + a));
            }
        assert_true(rig_get(r.out[0], at) == sum);
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
        geometry_draw(&r, &g, 4, 2, true, false);
    } while (!strcmp(
        r.pointer[1]->name, "auto_pad")); /* means something else here; covered by the standard's tests */
    for (size_t i = 0; i < g.spatial; i++)
        more[i] = rng_range(&r.rng, 0, g.stride[i] - 1);
    rig_ints(&r, "output_padding", g.spatial, more);
    for (size_t i = 0; i < 3; i++)
        g.out[i] = (g.in[i] - 1) * g.stride[i] + more[i] + (g.kernel[i] - 1) * g.dilation[i] + 1 -
                   g.begin[i] - g.end[i];
    int64_t xd[5] = {images, groups * channels, g.in[0], g.in[1], g.in[2]};
    int64_t wd[5] = {groups * channels, filters, g.kernel[0], g.kernel[1], g.kernel[2]};
    int64_t yd[5] = {images, groups * filters, g.out[0], g.out[1], g.out[2]};
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    const struct bnf_array *w = rig_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, wd, -8, 8);
    const struct bnf_array *b =
        rng_percent(&r.rng, 50) ? rig_input(&r, BNF_DTYPE_FLOAT, 1, yd + 1, -99, 99) : NULL;
    assert_int_equal(rig_run(&r, "ConvTranspose", 11, 1), BNF_OK);
    rig_assert_dims(r.out[0], 2 + g.spatial, yd);
    size_t count = r.out[0]->count;
    double *y = calloc(count, sizeof *y);
    assert_non_null(y);
    int64_t plane = geometry_volume(g.out), taps = geometry_volume(g.kernel);
    for (size_t i = 0; b && i < count; i++)
        y[i] = rig_get(b, i / (size_t)plane % (size_t)yd[1]);
    struct geometry back = g;
    memcpy(back.in, g.out, sizeof g.out);
    int64_t o[5] = {0}, at = 0;
    do {
        int64_t k[4] = {0}, kd[4] = {filters, g.kernel[0], g.kernel[1], g.kernel[2]}, tap = 0;
        int64_t first = (o[0] * groups + o[1] / channels) * filters;
        do {
            int64_t place = geometry_under(&back, o + 2, k + 1);
            if (place >= 0)
                y[(first + k[0]) * plane + place] +=
                    rig_get(x, (size_t)at) * rig_get(w, (size_t)(o[1] * filters * taps + tap));
            tap++;
        } while (indices_next(4, k, kd));
        at++;
    } while (indices_next(5, o, xd));
    for (size_t i = 0; i < count; i++)
        assert_true(rig_get(r.out[0], i) == y[i]);
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
    rig_int(&r, "transA", ta);
    rig_int(&r, "transB", tb);
    rig_float(&r, "alpha", (float)alpha);
    rig_float(&r, "beta", (float)beta);
    if (opset < 7)
        rig_int(&r, "broadcast", shape > 0);
    const struct bnf_array *a = rig_input(&r, dtype, 2, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}, -8, 8);
    const struct bnf_array *b = rig_input(&r, dtype, 2, tb ? (int64_t[]){n, k} : (int64_t[]){k, n}, -8, 8);
    const int64_t shapes[5][2] = {{m, n}, {1, n}, {m, 1}, {n, 0}, {1, 0}};
    const struct bnf_array *c =
        shape < 5 ? rig_input(&r, dtype, shape < 3 ? 2 : 1, shapes[shape], -50, 50) : NULL;
    assert_int_equal(rig_run(&r, "Gemm", opset, 1), BNF_OK);
    rig_assert_dims(r.out[0], 2, (int64_t[]){m, n});
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += rig_get(a, (size_t)(ta ? l * m + i : i * k + l)) *
                       rig_get(b, (size_t)(tb ? j * k + l : l * n + j));
            int64_t of_c[5] = {i * n + j, j, i, j, 0};
            sum = alpha * sum + (c ? beta * rig_get(c, (size_t)of_c[shape]) : 0);
            assert_true(rig_get(r.out[0], (size_t)(i * n + j)) == sum);
        }
    rig_free(&r);
}

/* Products large enough to be cut for several threads, by rows, by columns, and as a vector times a matrix.
 */
static void one_large_gemm(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    unsigned kind = rng_below(&r.rng, 4);
    int64_t m = kind == 0 ? 1 : rng_range(&r.rng, 150, 400), n = kind == 1 ? 1 : rng_range(&r.rng, 150, 400);
    int64_t k = kind < 2 ? 8000 : rng_range(&r.rng, 180, 300), ta = rng_below(&r.rng, 2);
    int64_t tb = rng_below(&r.rng, 2);
    rig_int(&r, "transA", ta);
    rig_int(&r, "transB", tb);
    const struct bnf_array *a =
        rig_input(&r, BNF_DTYPE_FLOAT, 2, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}, -8, 8);
    const struct bnf_array *b =
        rig_input(&r, BNF_DTYPE_FLOAT, 2, tb ? (int64_t[]){n, k} : (int64_t[]){k, n}, -8, 8);
    assert_int_equal(rig_run(&r, "Gemm", 13, 1), BNF_OK);
    rig_assert_dims(r.out[0], 2, (int64_t[]){m, n});
    for (size_t trial = 0; trial < 200; trial++) {
        int64_t at = (int64_t)(rng_next(&r.rng) % (uint64_t)(m * n)), i = at / n, j = at % n;
        double sum = 0;
        for (int64_t l = 0; l < k; l++)
            sum += rig_get(a, (size_t)(ta ? l * m + i : i * k + l)) *
                   rig_get(b, (size_t)(tb ? j * k + l : l * n + j));
        assert_true(rig_get(r.out[0], (size_t)at) == sum);
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
    const struct bnf_array *a = rig_input(&r, dtype, a_own + (row ? 1 : 2), ax, -8, 8);
    const struct bnf_array *b = rig_input(&r, dtype, b_own + (column ? 1 : 2), bx, -8, 8);
    assert_int_equal(rig_run(&r, "MatMul", 13, 1), BNF_OK);
    int64_t yd[8];
    memcpy(yd, joint, sizeof joint);
    size_t rank_y = out;
    if (!row)
        yd[rank_y++] = m;
    if (!column)
        yd[rank_y++] = n;
    rig_assert_dims(r.out[0], rank_y, yd);
    do {
        size_t pa = batch_place(out, index, a_own, ad), pb = batch_place(out, index, b_own, bd);
        for (int64_t i = 0; i < m * n; i++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += rig_get(a, pa * (size_t)(m * k) + (size_t)(i / n * k + l)) *
                       rig_get(b, pb * (size_t)(k * n) + (size_t)(l * n + i % n));
            assert_true(rig_get(r.out[0], at++) == sum);
        }
    } while (indices_next(out, index, joint));
    rig_free(&r);
}

/* The sum over all labels at once: every operand's labels are a random choice of five, repetitions included.
 */
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
        rig_input(&r, dtype, rank[i], dims, -4, 4);
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
    rig_text(&r, "equation", equation);
    assert_int_equal(rig_run(&r, "Einsum", 12, 1), BNF_OK);
    rig_assert_dims(r.out[0], out_rank, yd);
    double y[1024] = {0};
    do {
        double product = 1;
        for (size_t i = 0; i < operands; i++) {
            size_t at = 0;
            for (size_t k = 0; k < rank[i]; k++)
                at = at * (size_t)extent[term[i][k]] + (size_t)index[term[i][k]];
            product *= rig_get(r.in[i], at);
        }
        size_t at = 0;
        for (size_t k = 0; k < out_rank; k++)
            at = at * (size_t)yd[k] + (size_t)index[out[k]];
        y[at] += product;
    } while (indices_next(labels, index, extent));
    for (size_t i = 0; i < r.out[0]->count; i++)
        assert_true(rig_get(r.out[0], i) == y[i]);
    rig_free(&r);
}

/* ---- */

#define PROPERTY(name, part)              \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        rig_repeat(one_##name, part);     \
    }

PROPERTY(conv, 1)
PROPERTY(large_conv, 20)
PROPERTY(conv_transpose, 1)
PROPERTY(gemm, 1)
PROPERTY(large_gemm, 20)
PROPERTY(matmul, 1)
PROPERTY(einsum, 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_large_conv),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_large_gemm),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_einsum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
