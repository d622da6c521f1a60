/* The figures and gates of one output, and what tells ties from mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/metrics.h"

static struct bnf_budget budget;

/* A row of numbers as an array; `rows` × `columns`, or a vector when rows is 0. */
static struct bnf_array *array_of(int dtype, size_t rows, size_t columns, const double *values)
{
    int64_t dims[2] = {(int64_t)rows, (int64_t)columns};
    struct bnf_array *a =
        bnf_array_new(&budget, dtype, BNF_PRECISION_DOUBLE, rows ? 2 : 1, rows ? dims : dims + 1);
    assert_non_null(a);
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == BNF_KIND_REAL)
            ((double *)a->data)[i] = values[i];
        else
            ((int64_t *)a->data)[i] = (int64_t)values[i];
    }
    return a;
}

/* A vector as a run in float holds it. */
static struct bnf_array *float_array_of(int dtype, size_t count, const double *values)
{
    int64_t dims[1] = {(int64_t)count};
    struct bnf_array *a = bnf_array_new(&budget, dtype, BNF_PRECISION_FLOAT, 1, dims);
    assert_non_null(a);
    for (size_t i = 0; i < count; i++)
        ((float *)a->data)[i] = (float)values[i];
    return a;
}

/* ---- gates ---- */

/* One output of four numbers in one sample. */
struct gate_case {
    const char *name;
    int dtype;
    double oracle[4], ref[4], new[4], new_double[4];
    double rtol, atol;
    bool fails;
    const char *says; /* part of why */
    size_t nonfinite;
};

static void test_gates(void **state)
{
    (void)state;
    enum { F32 = BNF_DTYPE_FLOAT, F16 = BNF_DTYPE_FLOAT16, B16 = BNF_DTYPE_BFLOAT16, F64 = BNF_DTYPE_DOUBLE };
#define EXACT         \
    {                 \
        1, 2, -4, 0.5 \
    }
    static const struct gate_case cases[] = {
        {"equal", F32, EXACT, EXACT, EXACT, EXACT, 0, 0, false, NULL, 0},
        /* 4 is the scale: floor 2⁻²⁰, gate 2⁻¹⁸, so 2⁻¹⁶ in an element */
        {"within the floor", F32, EXACT, EXACT, {1 + 0x1p-17, 2, -4, 0.5}, EXACT, 0, 0, false, NULL, 0},
        {"beyond the floor", F32, EXACT, EXACT, {1 + 0x1p-15, 2, -4, 0.5}, EXACT, 0, 0, true,
            "off the exact result", 0},
        {"as noisy as the reference", F32, EXACT, {1, 2 + 0x1p-13, -4, 0.5}, {1 + 0x1p-12, 2, -4, 0.5}, EXACT,
            0, 0, false, NULL, 0},
        {"noisier than the reference", F32, EXACT, {1, 2 + 0x1p-13, -4, 0.5}, {1 + 0x1p-10, 2, -4, 0.5},
            EXACT, 0, 0, true, "off the exact result", 0},
        {"other weights, hidden by noise", F32, EXACT, EXACT, EXACT, {1 + 0x1p-15, 2, -4, 0.5}, 0, 0, true,
            "computed in double", 0},
        {"float16 has a floor of its own", F16, EXACT, EXACT, {1 + 0x1p-6, 2, -4, 0.5}, EXACT, 0, 0, false,
            NULL, 0},
        {"float16 beyond it", F16, EXACT, EXACT, {1 + 0x1p-4, 2, -4, 0.5}, EXACT, 0, 0, true,
            "off the exact result", 0},
        {"bfloat16 has a floor of its own", B16, EXACT, EXACT, {1 + 0x1p-3, 2, -4, 0.5}, EXACT, 0, 0, false,
            NULL, 0},
        {"bfloat16 beyond it", B16, EXACT, EXACT, {1.5, 2, -4, 0.5}, EXACT, 0, 0, true,
            "off the exact result", 0},
        /* the float run's noise, scaled: 2⁻¹³/4 · 2⁻²⁹ = 2⁻⁴⁴; gate 2⁻⁴², so 2⁻⁴⁰ in an element */
        {"double, by the scaled noise", F64, EXACT, {1, 2 + 0x1p-13, -4, 0.5}, EXACT,
            {1 + 0x1p-41, 2, -4, 0.5}, 0, 0, false, NULL, 0},
        {"double, beyond it", F64, EXACT, {1, 2 + 0x1p-13, -4, 0.5}, EXACT, {1 + 0x1p-39, 2, -4, 0.5}, 0, 0,
            true, "off", 0},
        {"double has a floor of its own", F64, EXACT, EXACT, EXACT, {1 + 0x1p-46, 2, -4, 0.5}, 0, 0, false,
            NULL, 0},
        {"double beyond the floor", F64, EXACT, EXACT, EXACT, {1 + 0x1p-44, 2, -4, 0.5}, 0, 0, true, "off",
            0},
        /* the smallest subnormal number is the unit there, and the gate at four of them */
        {"close subnormal numbers", F32, {0x700p-149, 0, 0, 0}, {0x700p-149, 0, 0, 0}, {0x703p-149, 0, 0, 0},
            {0x700p-149, 0, 0, 0}, 0, 0, false, NULL, 0},
        {"other subnormal numbers", F32, {0x700p-149, 0, 0, 0}, {0x700p-149, 0, 0, 0}, {0x706p-149, 0, 0, 0},
            {0x700p-149, 0, 0, 0}, 0, 0, true, "off the exact result", 0},
        {"rtol", F32, EXACT, EXACT, {1 + 0x1p-20, 2, -4, 0.5}, EXACT, 0x1p-21, 0, true, "--rtol", 0},
        {"rtol is enough", F32, EXACT, EXACT, {1 + 0x1p-20, 2, -4, 0.5}, EXACT, 0x1p-19, 0, false, NULL, 0},
        {"atol", F32, EXACT, EXACT, {1, 2, -4, 0.5 + 0x1p-20}, EXACT, 0, 0x1p-21, true, "--atol", 0},
        {"atol is enough", F32, EXACT, EXACT, {1, 2, -4, 0.5 + 0x1p-20}, EXACT, 0, 0x1p-19, false, NULL, 0},
        {"NaN in the candidate only", F32, EXACT, EXACT, {1, 2, -4, NAN}, EXACT, 0, 0, true,
            "NaN or infinite", 0},
        {"NaN in the reference only", F32, EXACT, {1, 2, -4, NAN}, EXACT, EXACT, 0, 0, true,
            "NaN or infinite", 0},
        {"infinities of both signs", F32, {1, 2, -4, INFINITY}, {1, 2, -4, INFINITY}, {1, 2, -4, -INFINITY},
            {1, 2, -4, INFINITY}, 0, 0, true, "NaN or infinite", 0},
        {"NaN against infinity", F32, {1, 2, -4, NAN}, {1, 2, -4, NAN}, {1, 2, -4, INFINITY}, {1, 2, -4, NAN},
            0, 0, true, "NaN or infinite", 0},
        {"NaN in both", F32, {1, 2, -4, NAN}, {1, 2, -4, NAN}, {1, 2, -4, NAN}, {1, 2, -4, NAN}, 0, 0, false,
            NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gate_case *c = &cases[i];
        struct bnf_run_output output = {.name = "y"};
        struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX};
        struct bnf_spread spread = {.buckets = {0}};
        struct bnf_run_options options = {.rtol = c->rtol, .atol = c->atol};
        struct bnf_err err = {0};
        struct bnf_arena arena;
        bnf_arena_init(&arena, 0);
        struct bnf_array *oracle = array_of(c->dtype, 0, 4, c->oracle),
                         *ref = float_array_of(c->dtype, 4, c->ref), *new = array_of(c->dtype, 0, 4, c->new),
                         *wide = array_of(c->dtype, 0, 4, c->new_double);
        bool is_double = c->dtype == BNF_DTYPE_DOUBLE;
        bnf_metrics_noise(&m, oracle, ref);
        bnf_metrics_compare(
            &m, &spread, &options, 0, oracle, is_double ? oracle : ref, is_double ? wide : new, NULL);
        bnf_metrics_gap(&m, 0, oracle, ref, wide);
        assert_int_equal(bnf_metrics_finish(&m, &options, &arena, &err), BNF_OK);
        if (output.fails != c->fails || (c->says && !strstr(output.why, c->says)) ||
            output.nonfinite != c->nonfinite || output.double_noise != is_double)
            fail_msg(
                "%s: %s, %zu not finite", c->name, output.fails ? output.why : "passes", output.nonfinite);
        assert_int_equal(output.fails, m.failed_sample == 0);
        bnf_array_drop(&budget, oracle);
        bnf_array_drop(&budget, ref);
        bnf_array_drop(&budget, new);
        bnf_array_drop(&budget, wide);
        bnf_arena_free(&arena);
    }
}

/* More than one in a hundred not finite: the sample is not judged, so nothing can be concluded from it. */
static void test_nonfinite_share(void **state)
{
    (void)state;
    for (size_t bad = 1; bad <= 2; bad++) {
        double values[100];
        for (size_t i = 0; i < 100; i++)
            values[i] = i < bad ? NAN : (double)i;
        struct bnf_run_output output = {.name = "y"};
        struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX};
        struct bnf_spread spread = {.buckets = {0}};
        struct bnf_run_options options = {.rtol = 0};
        struct bnf_array *a = array_of(BNF_DTYPE_FLOAT, 0, 100, values);
        bnf_metrics_noise(&m, a, a);
        bnf_metrics_compare(&m, &spread, &options, 0, a, a, a, NULL);
        assert_int_equal(output.samples, bad == 1);
        assert_int_equal(output.nonfinite, bad);
        bnf_array_drop(&budget, a);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const double values[] = {1, 2, 3, 4};
    struct bnf_array *a = array_of(BNF_DTYPE_FLOAT, 0, 4, values),
                     *shape = array_of(BNF_DTYPE_FLOAT, 2, 2, values),
                     *type = array_of(BNF_DTYPE_DOUBLE, 0, 4, values),
                     *fewer = array_of(BNF_DTYPE_FLOAT, 0, 3, values);
    struct bnf_array *const others[] = {shape, type, fewer};
    static const char *const says[] = {"it is float 2x2 instead of float 4",
        "it is double 4 instead of float 4", "it is float 3 instead of float 4"};
    for (size_t i = 0; i < 3; i++) {
        struct bnf_run_output output = {.name = "y"};
        struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX};
        struct bnf_spread spread = {.buckets = {0}};
        struct bnf_run_options options = {.rtol = 0};
        struct bnf_arena arena;
        struct bnf_err err = {0};
        bnf_arena_init(&arena, 0);
        bnf_metrics_noise(&m, a, a);
        bnf_metrics_compare(&m, &spread, &options, 0, a, a, others[i], NULL);
        assert_int_equal(bnf_metrics_finish(&m, &options, &arena, &err), BNF_OK);
        assert_true(output.fails);
        assert_string_equal(output.why, says[i]);
        bnf_arena_free(&arena);
    }
    for (size_t i = 0; i < 3; i++)
        bnf_array_drop(&budget, others[i]);
    bnf_array_drop(&budget, a);
}

/* ---- rankings ---- */

static void test_top(void **state)
{
    (void)state;
    /* rows: the same; the first two swapped; the sixth moved into the first five */
    static const double ref[] = {9, 8, 7, 6, 5, 4, 3, 9, 8, 7, 6, 5, 4, 3, 9, 8, 7, 6, 5, 4, 3};
    static const double new[] = {9, 8, 7, 6, 5, 4, 3, 8, 9, 7, 6, 5, 4, 3, 9, 8, 7, 6, 4, 5, 3};
    struct bnf_run_output output = {.name = "y"};
    struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX};
    struct bnf_spread spread = {.buckets = {0}};
    struct bnf_run_options options = {.rtol = 0};
    struct bnf_array *a = array_of(BNF_DTYPE_FLOAT, 3, 7, ref), *b = array_of(BNF_DTYPE_FLOAT, 3, 7, new),
                     *vector = array_of(BNF_DTYPE_FLOAT, 0, 7, ref);
    bnf_metrics_noise(&m, a, a);
    bnf_metrics_compare(&m, &spread, &options, 0, a, a, b, NULL);
    assert_int_equal(output.rows, 3);
    assert_int_equal(output.top1, 2);
    assert_int_equal(output.top5, 2);
    bnf_metrics_compare(&m, &spread, &options, 0, vector, vector, vector, NULL);
    assert_int_equal(output.rows, 3); /* a vector is no classification */
    static const double with_nan[] = {NAN, 1, NAN, 2, 2, 0, NAN};
    struct bnf_array *n = array_of(BNF_DTYPE_FLOAT, 0, 7, with_nan);
    assert_int_equal(bnf_metrics_largest(n, 0, 7), 3); /* the first of two, and no NaN */
    bnf_array_drop(&budget, a);
    bnf_array_drop(&budget, b);
    bnf_array_drop(&budget, vector);
    bnf_array_drop(&budget, n);
}

static void test_spread(void **state)
{
    (void)state;
    static const double ref[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const double new[] = {0, 1 + 5e-7, 2 + 5e-6, 3 + 5e-5, 4 + 5e-4, 5 + 5e-3, 6 + 0.05, 7.5, 18};
    struct bnf_run_output output = {.name = "y"};
    struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX};
    struct bnf_spread spread = {.buckets = {0}};
    struct bnf_run_options options = {.rtol = 0};
    struct bnf_array *a = array_of(BNF_DTYPE_FLOAT, 0, 9, ref), *b = array_of(BNF_DTYPE_FLOAT, 0, 9, new);
    bnf_metrics_noise(&m, a, a);
    bnf_metrics_compare(&m, &spread, &options, 2, a, a, b, NULL);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(spread.buckets[i], 1);
    static const char *const places[] = {"[8]", "[7]", "[6]", "[5]", "[4]"};
    for (size_t i = 0; i < bnf_farthest; i++) {
        assert_string_equal(spread.far[i].place, places[i]);
        assert_int_equal(spread.far[i].sample, 2);
    }
    assert_true(output.max_abs == 10);
    bnf_array_drop(&budget, a);
    bnf_array_drop(&budget, b);
}

/* ---- ties ---- */

/* May element `index` of `count` be `one` in one model and `other` in the other? */
static bool is_near(const struct bnf_tie *tie, size_t index, size_t count, double one, double other)
{
    double values[2][3] = {{0}};
    values[0][index] = one, values[1][index] = other;
    struct bnf_array *a = array_of(BNF_DTYPE_INT64, 0, count, values[0]),
                     *b = array_of(BNF_DTYPE_INT64, 0, count, values[1]);
    bool near = bnf_tie_is_near(tie, index, a, b);
    bnf_array_drop(&budget, a);
    bnf_array_drop(&budget, b);
    return near;
}

static void test_ties(void **state)
{
    (void)state;
    /* 2 × 3: in the first row 0 and 1 are closer than 4 × 0.01 × 10; in the second they are not */
    static const double scores[] = {10, 9.7, 1, 10, 9.5, 1};
    const struct bnf_decider decider = {.kind = BNF_DECIDER_EXTREME, .axis = -1};
    struct bnf_array *x = array_of(BNF_DTYPE_FLOAT, 2, 3, scores);
    const struct bnf_tie tie = {.decider = &decider, .data = x, .noise = 0.01, .scale = 10};
    assert_true(is_near(&tie, 0, 2, 0, 1));
    assert_false(is_near(&tie, 1, 2, 0, 1));
    assert_false(is_near(&tie, 0, 2, 0, 2));
    assert_false(is_near(&tie, 0, 2, 0, 3)); /* no such candidate */
    const struct bnf_decider first = {.kind = BNF_DECIDER_EXTREME, .axis = 0};
    const struct bnf_tie down = {.decider = &first, .data = x, .noise = 0.01, .scale = 10};
    assert_true(is_near(&down, 0, 3, 0, 1)); /* 10 and 10 */
    assert_true(is_near(&down, 1, 3, 0, 1)); /* 9.7 and 9.5 */
    const struct bnf_tie exact = {.decider = &first, .data = x, .noise = 0.001, .scale = 10};
    assert_false(is_near(&exact, 1, 3, 0, 1));
    bnf_array_drop(&budget, x);
}

/* Three boxes, the third apart from the others; the first two overlap by a half. */
static void test_box_ties(void **state)
{
    (void)state;
    static const double corners[] = {0, 0, 2, 3, 0, 1, 2, 4, 10, 10, 12, 12}, scores[] = {0.9, 0.5, 0.3};
    const int64_t box_dims[] = {1, 3, 4}, score_dims[] = {1, 1, 3}, row_dims[] = {2, 3};
    struct bnf_array *boxes = bnf_array_new(&budget, BNF_DTYPE_FLOAT, BNF_PRECISION_DOUBLE, 3, box_dims),
                     *x = bnf_array_new(&budget, BNF_DTYPE_FLOAT, BNF_PRECISION_DOUBLE, 3, score_dims),
                     *two = bnf_array_new(&budget, BNF_DTYPE_INT64, BNF_PRECISION_DOUBLE, 2, row_dims);
    memcpy(boxes->data, corners, sizeof corners);
    memcpy(x->data, scores, sizeof scores);
    memcpy(two->data, (const int64_t[]){0, 0, 0, 0, 0, 2}, 6 * sizeof(int64_t));
    struct bnf_array *three = array_of(BNF_DTYPE_INT64, 3, 3, (const double[]){0, 0, 0, 0, 0, 1, 0, 0, 2}),
                     *one = array_of(BNF_DTYPE_INT64, 1, 3, (const double[]){0, 0, 0});
    struct bnf_decider decider = {.kind = BNF_DECIDER_BOXES, .overlap = 0.5, .threshold = 0.1};
    struct bnf_tie tie = {.decider = &decider, .data = x, .boxes = boxes, .noise = 1e-6, .scale = 0.9};
    assert_true(bnf_tie_boxes_near(&tie, two, three)); /* box 1 overlaps box 0 by what the limit is */
    assert_false(bnf_tie_boxes_near(&tie, two, two));  /* nothing to excuse */
    decider.overlap = 0.7;
    assert_false(bnf_tie_boxes_near(&tie, two, three));
    assert_false(bnf_tie_boxes_near(&tie, two, one));
    decider.threshold = 0.3; /* which is the score of box 2 */
    assert_true(bnf_tie_boxes_near(&tie, two, one));
    struct bnf_array *const all[] = {boxes, x, one, two, three};
    for (size_t i = 0; i < 5; i++)
        bnf_array_drop(&budget, all[i]);
}

/* Distances are relative to the sample's own scale, or to a typical one where that is larger. */
static void test_scale(void **state)
{
    (void)state;
    static const double tiny[] = {1e-3, 0}, off[] = {1e-3, 1e-7};
    for (int typical = 0; typical < 2; typical++) {
        struct bnf_run_output output = {.name = "y"};
        struct bnf_metrics m = {.to = &output, .failed_sample = SIZE_MAX, .typical = typical};
        struct bnf_spread spread = {.buckets = {0}};
        struct bnf_run_options options = {.rtol = 0};
        struct bnf_arena arena;
        struct bnf_err err = {0};
        bnf_arena_init(&arena, 0);
        struct bnf_array *a = array_of(BNF_DTYPE_FLOAT, 0, 2, tiny),
                         *b = array_of(BNF_DTYPE_FLOAT, 0, 2, off);
        bnf_metrics_noise(&m, a, a);
        bnf_metrics_compare(&m, &spread, &options, 0, a, a, b, NULL);
        assert_int_equal(bnf_metrics_finish(&m, &options, &arena, &err), BNF_OK);
        assert_int_equal(output.fails, !typical);
        bnf_array_drop(&budget, a);
        bnf_array_drop(&budget, b);
        bnf_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_nonfinite_share),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_top),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_box_ties),
        cmocka_unit_test(test_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
