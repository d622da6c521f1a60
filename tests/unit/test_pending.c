/* Pending weights: the block form, rounding once, sums, range checks. And affines. */
#include "fold/affine.h"
#include "fold/pending.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { most = 5000 };

static struct bnf_arena arena;

static struct bnf_pending *weight(float *data, const int64_t *dims, size_t rank, struct bnf_block block)
{
    struct bnf_tensor t = {.dtype = BNF_DTYPE_FLOAT, .rank = (uint32_t)rank, .dims = dims, .data = (const uint8_t *)data};
    assert_true(bnf_volume(dims, rank, &t.count));
    t.bytes = t.count * sizeof(float);
    for (size_t i = 0; i < t.count; i++)
        data[i] = (float)(sin((double)i) + 0.1);
    return bnf_pending_weight(&arena, &t, block);
}

/* Every element against the definition, in pieces of every kind of alignment. */
static void check_fill(const struct bnf_pending *p, const float *data, const double *outer, const double *inner)
{
    static const size_t pieces[] = {1, 3, 7, 64, 1000, most};
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        float out[most];
        size_t count = p->base.count;
        for (size_t at = 0; at < count; at += pieces[k]) {
            size_t n = count - at < pieces[k] ? count - at : pieces[k];
            p->source.fill(&p->source, at * sizeof(float), n * sizeof(float), (uint8_t *)(out + at));
        }
        for (size_t i = 0; i < count; i++) {
            size_t o = i / (p->inner * p->run), g = o / p->outer, in = g * p->inner + i / p->run % p->inner;
            double exact = (double)data[i] * (outer ? outer[o] : 1) * (inner ? inner[in] : 1);
            if (!(out[i] == (float)exact) && fabs((double)out[i] - exact) > 0x1p-24 * fabs(exact))
                fail_msg("element %zu is %.9g, not %.9g (pieces of %zu)", i, (double)out[i], exact, pieces[k]);
        }
    }
}

static void test_fill(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t dims[4];
        size_t rank;
        struct bnf_block block;
    } cases[] = {
        {"conv", {6, 4, 3, 3}, 4, {1, 6, 4, 9}},      {"grouped conv", {6, 2, 3, 3}, 4, {2, 3, 2, 9}},
        {"grouped transposed", {4, 3, 2, 2}, 4, {2, 2, 3, 4}}, {"matrix", {30, 40}, 2, {1, 30, 40, 1}},
        {"batch of matrices", {3, 5, 7}, 3, {3, 5, 7, 1}},    {"pointwise", {8, 5, 1}, 3, {1, 8, 5, 1}},
        {"large", {3, 40, 31, 1}, 4, {1, 3, 40, 31}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float data[most];
        double outer[256], inner[256];
        for (size_t k = 0; k < 256; k++) {
            outer[k] = 0.5 + (double)k / 7;
            inner[k] = -1 - (double)k / 13;
        }
        struct bnf_pending *p = weight(data, cases[i].dims, cases[i].rank, cases[i].block);
        check_fill(p, data, NULL, NULL);
        assert_true(bnf_pending_scale_inner(&arena, p, inner));
        check_fill(p, data, NULL, inner);
        assert_true(bnf_pending_scale_outer(&arena, p, outer));
        check_fill(p, data, outer, inner);
        double sums[256], expected;
        bnf_pending_sum_inner(p, outer, sums); /* any vector will do */
        for (size_t o = 0; o < p->groups * p->outer; o++) {
            expected = 0;
            for (size_t e = 0; e < p->inner * p->run; e++) {
                double x;
                bnf_pending_read(p, o * p->inner * p->run + e, 1, &x);
                expected += x * outer[o / p->outer * p->inner + e / p->run];
            }
            assert_true(fabs(expected - sums[o]) <= 1e-12 * (1 + fabs(expected)) * 100);
        }
        bnf_pending_sum_outer(p, outer, sums);
        for (size_t in = 0; in < p->groups * p->inner; in++) {
            expected = 0;
            for (size_t o = in / p->inner * p->outer; o < (in / p->inner + 1) * p->outer; o++)
                for (size_t r = 0; r < p->run; r++) {
                    double x;
                    bnf_pending_read(p, (o * p->inner + in % p->inner) * p->run + r, 1, &x);
                    expected += x * outer[o];
                }
            assert_true(fabs(expected - sums[in]) <= 1e-12 * (1 + fabs(expected)) * 100);
        }
    }
}

/* Two scalings are rounded once: the second does not see the first one's rounding. */
static void test_rounds_once(void **state)
{
    (void)state;
    float data[1] = {0};
    const int64_t dims[2] = {1, 1};
    struct bnf_pending *p = weight(data, dims, 2, (struct bnf_block){1, 1, 1, 1});
    data[0] = 1;
    const double third = 1.0 / 3, three = 3;
    assert_true(bnf_pending_scale_outer(&arena, p, &third));
    assert_true(bnf_pending_scale_outer(&arena, p, &three));
    float out;
    p->source.fill(&p->source, 0, sizeof out, (uint8_t *)&out);
    assert_true(out == 1.0f);
}

/* A table's rows, mapped twice, rounded once; in pieces of every kind of alignment. */
static void test_shift(void **state)
{
    (void)state;
    static const struct {
        int64_t dims[3];
        struct bnf_block block;
    } cases[] = {{{30, 7, 1}, {1, 30, 7, 1}}, {{5, 3, 4}, {1, 5, 3, 4}}, {{6, 5, 4}, {2, 3, 5, 4}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float data[most], out[most];
        double scale[16], shift[16], more[16];
        for (size_t k = 0; k < 16; k++) {
            scale[k] = -1 - (double)k / 13;
            shift[k] = 0.25 + (double)k;
            more[k] = 3 - (double)k / 3;
        }
        struct bnf_pending *p = weight(data, cases[i].dims, 3, cases[i].block);
        assert_true(bnf_pending_map_inner(&arena, p, scale, shift));
        assert_true(bnf_pending_scale_inner(&arena, p, more));
        assert_true(bnf_pending_map_inner(&arena, p, scale, shift));
        for (size_t piece = 1; piece < 40; piece += 6)
            for (size_t at = 0; at < p->base.count; at += piece) {
                size_t n = p->base.count - at < piece ? p->base.count - at : piece;
                p->source.fill(&p->source, at * sizeof(float), n * sizeof(float), (uint8_t *)(out + at));
            }
        for (size_t e = 0; e < p->base.count; e++) {
            size_t in = e / (p->inner * p->run) / p->outer * p->inner + e / p->run % p->inner;
            double exact = ((double)data[e] * scale[in] + shift[in]) * more[in] * scale[in] + shift[in];
            assert_true(fabs((double)out[e] - exact) <= 0x1p-24 * fabs(exact) + 1e-12);
        }
    }
}

static void test_check(void **state)
{
    (void)state;
    float data[most];
    const int64_t dims[2] = {2, 3};
    struct bnf_pending *p = weight(data, dims, 2, (struct bnf_block){1, 2, 3, 1});
    const double big[2] = {1, 1e39}, fine[2] = {1, 1e38}, tiny[2] = {1e-300, 1};
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = fine}, true, NULL, 1), BNF_ROUNDING_FINE);
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = big}, true, NULL, 1), BNF_ROUNDING_OVERFLOW);
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = tiny}, true, NULL, 1), BNF_ROUNDING_FINE); /* a dead channel in float */
    data[4] = NAN;
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = fine}, true, NULL, 1), BNF_ROUNDING_OVERFLOW);
    data[4] = 0;
    data[3] = data[5] = 0; /* the channel that would overflow holds zeros only */
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = big}, true, NULL, 1), BNF_ROUNDING_FINE);
    /* Factors of the inner index that nothing was scaled by yet, over runs of several elements: only the element that
     * its own factor takes out of range counts. */
    struct bnf_pending *runs = weight(data, (const int64_t[]){1, 2, 2}, 3, (struct bnf_block){1, 1, 2, 2});
    const double large[2] = {1, 1e39};
    data[2] = data[3] = 0;
    assert_int_equal(bnf_pending_check(runs, &(struct bnf_factors){.inner = large}, true, NULL, 1), BNF_ROUNDING_FINE);
    data[3] = 1;
    assert_int_equal(bnf_pending_check(runs, &(struct bnf_factors){.inner = large}, true, NULL, 1), BNF_ROUNDING_OVERFLOW);
    const double one[2] = {1, 1}, far[2] = {0, 3e38}, back[2] = {0, -3e38};
    data[3] = 1;
    assert_int_equal(bnf_pending_check(runs, &(struct bnf_factors){.inner = one, .shift = far}, true, NULL, 1),
        BNF_ROUNDING_FINE);
    assert_true(bnf_pending_map_inner(&arena, runs, one, far));
    assert_int_equal(bnf_pending_check(runs, &(struct bnf_factors){.inner = one, .shift = far}, true, NULL, 1),
        BNF_ROUNDING_OVERFLOW);
    assert_int_equal(bnf_pending_check(runs, &(struct bnf_factors){.inner = one, .shift = back}, true, NULL, 1),
        BNF_ROUNDING_FINE);
    uint16_t half[2] = {0x3c00, 0x0400}; /* 1 and the smallest normal */
    struct bnf_tensor t = {BNF_DTYPE_FLOAT16, 2, (const int64_t[]){2, 1}, 2, 4, (const uint8_t *)half};
    p = bnf_pending_weight(&arena, &t, (struct bnf_block){1, 2, 1, 1});
    const double shrink[2] = {1, 0.1}, bias[2] = {0, 1};
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = shrink}, true, NULL, 1), BNF_ROUNDING_UNDERFLOW);
    assert_int_equal(bnf_pending_check(p, &(struct bnf_factors){.outer = shrink}, true, bias, 1), BNF_ROUNDING_FINE);
    assert_true(bnf_values_fit(BNF_DTYPE_FLOAT16, (const double[]){65504, 65519}, 2));
    assert_false(bnf_values_fit(BNF_DTYPE_FLOAT16, (const double[]){65520}, 1));
    assert_false(bnf_values_fit(BNF_DTYPE_FLOAT, (const double[]){NAN}, 1));
}

static void test_affine(void **state)
{
    (void)state;
    struct bnf_affine a = bnf_affine_make(&arena, 1, 2), any = bnf_affine_make(&arena, BNF_AXIS_ANY, 1), out;
    assert_true(bnf_affine_is_identity(&a, BNF_DTYPE_FLOAT));
    a.scale[0] = 2;
    a.shift[0] = 3;
    a.scale[1] = -1;
    any.scale[0] = 5;
    any.shift[0] = 7;
    assert_true(bnf_affine_compose(&arena, &a, &any, &out)); /* a(any(x)) */
    assert_int_equal(out.axis, 1);
    assert_true(out.scale[0] == 10 && out.shift[0] == 17 && out.scale[1] == -5 && out.shift[1] == -7);
    assert_true(bnf_affine_compose(&arena, &any, &a, &out)); /* any(a(x)) */
    assert_true(out.scale[0] == 10 && out.shift[0] == 22 && out.scale[1] == -5 && out.shift[1] == 7);
    struct bnf_affine other = bnf_affine_make(&arena, 2, 2), wide = bnf_affine_make(&arena, 1, 3);
    assert_false(bnf_affine_compose(&arena, &a, &other, &out));
    assert_false(bnf_affine_compose(&arena, &a, &wide, &out));
    assert_true(bnf_affine_expand(&arena, &any, 3, 4, &out));
    assert_true(out.axis == 3 && out.channels == 4 && out.scale[3] == 5 && out.shift[3] == 7);
    assert_false(bnf_affine_expand(&arena, &a, 1, 3, &out));
    assert_false(bnf_affine_expand(&arena, &a, 2, 2, &out));
    assert_false(bnf_affine_no_shift(&a));
    assert_false(bnf_affine_unit_scale(&a));
    a.shift[1] = (double)INFINITY;
    assert_false(bnf_affine_finite(&a));
    struct bnf_affine near = bnf_affine_make(&arena, 1, 1);
    near.scale[0] = 1 + 1e-9;
    assert_true(bnf_affine_is_identity(&near, BNF_DTYPE_FLOAT));
    assert_false(bnf_affine_is_identity(&near, BNF_DTYPE_DOUBLE));
}

static int begin(void **state)
{
    (void)state;
    bnf_arena_init(&arena, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bnf_arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fill), cmocka_unit_test(test_rounds_once),
        cmocka_unit_test(test_shift), cmocka_unit_test(test_check), cmocka_unit_test(test_affine)};
    return cmocka_run_group_tests(tests, begin, end);
}
