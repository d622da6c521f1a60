/* Runs: made-up inputs, the figures and gates of one output, and whole comparisons of small models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/feeds.h"
#include "check/metrics.h"
#include "check/run.h"
#include "graph/shapes.h"
#include "support/notation.h"

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

/* ---- made-up numbers ---- */

static struct bnf_array *made(
    int dtype, size_t sample, size_t input, uint64_t seed, int64_t most, size_t count)
{
    int64_t dims[1] = {(int64_t)count};
    struct bnf_array *a = bnf_array_new(&budget, dtype, BNF_PRECISION_DOUBLE, 1, dims);
    assert_non_null(a);
    bnf_feeds_fill(a, seed, sample, input, most);
    return a;
}

/* These numbers are pinned: a change makes other inputs of every seed on every machine. */
static void test_pinned(void **state)
{
    (void)state;
    static const struct {
        size_t sample;
        double first, second;
    } pinned[] = {{0, -0x1.0935a40000000p+0, -0x1.332cde0000000p-2},
        {1, 0x1.0ab2860000000p-1, 0x1.83495e0000000p-2}, {2, -0x1.bce2940000000p-1, -0x1.c413740000000p-3},
        {3, 0x1.3b77d60000000p+7, -0x1.c56d7c0000000p+6}, {4, 0, 0}, {5, 1, 1}};
    for (size_t i = 0; i < sizeof pinned / sizeof *pinned; i++) {
        struct bnf_array *a = made(BNF_DTYPE_FLOAT, pinned[i].sample, 0, 0, 10, 2);
        if (bnf_array_at(a, 0) != pinned[i].first || bnf_array_at(a, 1) != pinned[i].second)
            fail_msg("sample %zu: %.9g %.9g", pinned[i].sample, bnf_array_at(a, 0), bnf_array_at(a, 1));
        bnf_array_drop(&budget, a);
    }
    struct bnf_array *integers = made(BNF_DTYPE_INT64, 0, 1, 0, 10, 4);
    const int64_t *n = integers->data;
    if (n[0] != 6 || n[1] != 2 || n[2] != 1 || n[3] != 5)
        fail_msg("integers %d %d %d %d", (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
    bnf_array_drop(&budget, integers);
}

static void test_distributions(void **state)
{
    (void)state;
    static const struct {
        double least, most, mean, deviation;
    } expected[] = {{-6, 6, 0, 1}, {0, 1, 0.5, 0.2887}, {-1, 1, 0, 0.5774}, {-600, 600, 0, 100}, {0, 0, 0, 0},
        {1, 1, 1, 0}};
    enum { COUNT = 20000 };
    for (size_t kind = 0; kind < 6; kind++) {
        struct bnf_array *a = made(BNF_DTYPE_FLOAT, kind, 0, 3, 10, COUNT);
        double sum = 0, squares = 0;
        for (size_t i = 0; i < COUNT; i++) {
            double x = bnf_array_at(a, i);
            assert_true(x >= expected[kind].least && x <= expected[kind].most);
            assert_true(x == (double)(float)x); /* the same number in both arms */
            sum += x;
            squares += x * x;
        }
        double mean = sum / COUNT, deviation = sqrt(fmax(0, squares / COUNT - mean * mean));
        assert_true(fabs(mean - expected[kind].mean) <= 0.03 * expected[kind].deviation);
        assert_true(fabs(deviation - expected[kind].deviation) <= 0.03 * expected[kind].deviation);
        bnf_array_drop(&budget, a);
    }
}

static void test_differ(void **state)
{
    (void)state;
    struct bnf_array *a = made(BNF_DTYPE_FLOAT, 0, 0, 1, 10, 8),
                     *sample = made(BNF_DTYPE_FLOAT, 6, 0, 1, 10, 8),
                     *input = made(BNF_DTYPE_FLOAT, 0, 1, 1, 10, 8),
                     *seed = made(BNF_DTYPE_FLOAT, 0, 0, 2, 10, 8);
    assert_memory_not_equal(a->data, sample->data, 8 * sizeof(double));
    assert_memory_not_equal(a->data, input->data, 8 * sizeof(double));
    assert_memory_not_equal(a->data, seed->data, 8 * sizeof(double));
    bnf_array_drop(&budget, a);
    bnf_array_drop(&budget, sample);
    bnf_array_drop(&budget, input);
    bnf_array_drop(&budget, seed);
}

static void test_integers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        for (int64_t most = 1; most <= 3; most++) {
            struct bnf_array *a = made(BNF_DTYPE_INT32, 0, 0, seed, most, 2);
            const int64_t *n = a->data;
            assert_in_range(n[0], 0, most - 1);
            assert_in_range(n[1], 0, most - 1);
            assert_true(most == 1 || n[0] || n[1]); /* never all zero */
            bnf_array_drop(&budget, a);
        }
    }
    struct bnf_array *small = made(BNF_DTYPE_INT8, 0, 0, 0, 1000, 200),
                     *flags = made(BNF_DTYPE_BOOL, 0, 0, 0, 10, 200);
    size_t set = 0;
    for (size_t i = 0; i < 200; i++) {
        assert_in_range(((int64_t *)small->data)[i], 0, 127);
        assert_in_range(((int64_t *)flags->data)[i], 0, 1);
        set += ((int64_t *)flags->data)[i] == 1;
    }
    assert_in_range(set, 60, 140);
    bnf_array_drop(&budget, small);
    bnf_array_drop(&budget, flags);
}

static void test_shake(void **state)
{
    (void)state;
    struct bnf_array *a = made(BNF_DTYPE_FLOAT, 0, 0, 0, 10, 100), *same = bnf_array_hold(a);
    struct bnf_array *b = bnf_feeds_shake(&budget, a, 5);
    size_t moved = 0;
    for (size_t i = 0; i < 100; i++) {
        double x = bnf_array_at(same, i), y = bnf_array_at(b, i);
        assert_true(y == (double)(float)y && fabs(y - x) <= 0x1p-22 * fabs(x));
        moved += x != y;
    }
    assert_in_range(moved, 20, 100);
    bnf_array_drop(&budget, same);
    bnf_array_drop(&budget, b);
}

/* ---- the extents and ranges of feeds ---- */

struct feed_case {
    const char *name, *model;
    const char *dims[3];
    const char *expect; /* shapes of the samples 0 and 1, "x 1x3 y 4"; or feeds.why; or the error */
    int64_t most;       /* that integers stay below; 0: not looked at */
};

static void describe(struct bnf_feeds *feeds, char *text, size_t room, int64_t most, const char *name)
{
    struct bnf_array *arrays[8];
    struct bnf_err err = {0};
    size_t used = 0;
    for (size_t sample = 0; sample < 2; sample++) {
        assert_int_equal(bnf_feeds_make(feeds, sample, BNF_PRECISION_FLOAT, &budget, arrays, &err), BNF_OK);
        for (size_t i = 0; i < feeds->graph->scopes[0].input_count; i++) {
            char dims[64];
            if (!arrays[i])
                continue;
            used += (size_t)snprintf(text + used, room - used, "%s%s %s", used ? " " : "",
                feeds->inputs[i].name, bnf_dims_text(arrays[i]->dims, arrays[i]->rank, dims, sizeof dims));
            for (size_t k = 0; arrays[i]->kind == BNF_KIND_INT && most && k < arrays[i]->count; k++)
                if (((int64_t *)arrays[i]->data)[k] >= most)
                    fail_msg("%s: an integer of %d", name, (int)((int64_t *)arrays[i]->data)[k]);
            bnf_array_drop(&budget, arrays[i]);
        }
    }
}

static void test_feeds(void **state)
{
    (void)state;
    static const struct feed_case cases[] = {
        {"fixed", "in x float 2,3; out y; y = Relu(x)", {NULL}, "x 2x3 x 2x3", 0},
        {"two batches", "in x float N,3; out y; y = Relu(x)", {NULL}, "x 1x3 x 2x3", 0},
        {"the same batch", "in x float N,3; in z float 3,N; out y; y = MatMul(x, z)", {NULL},
            "x 1x3 z 3x1 x 2x3 z 3x2", 0},
        {"an image", "in x float N,3,H,W; out y; y = Relu(x)", {NULL}, "x 1x3x64x64 x 2x3x64x64", 0},
        {"given", "in x float N,3,H,W; out y; y = Relu(x)", {"H=5", "N=7", NULL}, "x 7x3x5x64 x 7x3x5x64", 0},
        {"no such extent", "in x float N,3; out y; y = Relu(x)", {"H=5", NULL},
            "'--dim' names 'H', open extents of the inputs are 'N'", 0},
        {"not a number", "in x float N,3; out y; y = Relu(x)", {"N=five", NULL},
            "'--dim' is 'N=five', allowed: NAME=N with N from 0 to 2147483647", 0},
        {"rank unknown", "in x float ?; out y; y = Relu(x)", {NULL},
            "input 'x' has no known rank, so no inputs can be made up; --data gives some", 0},
        {"a string", "in x string 2; out y; y = Identity(x)", {NULL},
            "input 'x' is no tensor of numbers, so no inputs can be made up; --data gives some", 0},
        {"a default is not fed", "in x float 2; out y; init w float 2 ones; input w; y = Add(x, w)", {NULL},
            "x 2 x 2", 0},
        {"gathered", "in i int64 50; out y; init T float 3,4 rand; y = Gather(T, i)", {NULL}, "i 50 i 50", 3},
        {"gathered on another axis", "in i int64 50; out y; init T float 9,2 rand; y = Gather(T, i) axis=1",
            {NULL}, "i 50 i 50", 2},
        {"gathered behind a cast",
            "in i int32 50; out y; init T float 4,4 rand; j = Cast(i) to=7; y = Gather(T, j)", {NULL},
            "i 50 i 50", 4},
        {"one hot", "in i int64 50; out y; init d int64 () 5; init v float 2 0 1; y = OneHot(i, d, v)",
            {NULL}, "i 50 i 50", 5},
        {"scattered",
            "in i int64 50,1; out y; init T float 6 rand; init u float 50 rand; y = ScatterND(T, i, u)",
            {NULL}, "i 50x1 i 50x1", 6},
        {"others", "in i int64 50; out y; y = Neg(i)", {NULL}, "i 50 i 50", 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct feed_case *c = &cases[i];
        struct bnf_model model = {0};
        struct bnf_graph graph = {0};
        struct bnf_constants constants = {0};
        struct bnf_feeds feeds;
        struct bnf_err err = {0};
        struct bnf_run_options options = {.dims = c->dims};
        char text[256] = "";
        notation_read(&model, c->model);
        assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
        assert_int_equal(bnf_shapes_infer(&graph, &err), BNF_OK);
        assert_int_equal(bnf_constants_init(&constants, &graph, false, &err), BNF_OK);
        if (bnf_feeds_init(&feeds, &graph, &constants, &options, &err))
            snprintf(text, sizeof text, "%.200s", err.text);
        else if (feeds.why)
            snprintf(text, sizeof text, "%s", feeds.why);
        else
            describe(&feeds, text, sizeof text, c->most, c->name);
        if (strcmp(text, c->expect) != 0)
            fail_msg("%s: %s", c->name, text);
        bnf_feeds_free(&feeds);
        bnf_constants_free(&constants);
        bnf_graph_free(&graph);
        bnf_model_close(&model);
    }
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
                         *ref = array_of(c->dtype, 0, 4, c->ref), *new = array_of(c->dtype, 0, 4, c->new),
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

static void test_ties(void **state)
{
    (void)state;
    /* 2 × 3: in the first row 0 and 1 are closer than 4 × 0.01 × 10; in the second they are not */
    static const double scores[] = {10, 9.7, 1, 10, 9.5, 1};
    const struct bnf_decider decider = {.kind = BNF_DECIDER_EXTREME, .axis = -1};
    struct bnf_array *x = array_of(BNF_DTYPE_FLOAT, 2, 3, scores);
    const struct bnf_tie tie = {.decider = &decider, .data = x, .noise = 0.01, .scale = 10};
    assert_true(bnf_tie_is_near(&tie, 0, 2, 0, 1));
    assert_false(bnf_tie_is_near(&tie, 1, 2, 0, 1));
    assert_false(bnf_tie_is_near(&tie, 0, 2, 0, 2));
    assert_false(bnf_tie_is_near(&tie, 0, 2, 0, 3)); /* no such candidate */
    const struct bnf_decider first = {.kind = BNF_DECIDER_EXTREME, .axis = 0};
    const struct bnf_tie down = {.decider = &first, .data = x, .noise = 0.01, .scale = 10};
    assert_true(bnf_tie_is_near(&down, 0, 3, 0, 1)); /* 10 and 10 */
    assert_true(bnf_tie_is_near(&down, 1, 3, 0, 1)); /* 9.7 and 9.5 */
    const struct bnf_tie exact = {.decider = &first, .data = x, .noise = 0.001, .scale = 10};
    assert_false(bnf_tie_is_near(&exact, 1, 3, 0, 1));
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

/* ---- whole comparisons ---- */

struct run_case {
    const char *name, *ref, *new;
    int verdict;
    const char *says;  /* part of the note, or of the first failing output's reason; NULL: not looked at */
    const char *first; /* where the models part */
    bool by_position;
    size_t near_ties;
};

enum {
    AGREES = BNF_RUN_AGREES,
    INCOMPLETE = BNF_RUN_INCOMPLETE,
    OPEN = BNF_RUN_INCONCLUSIVE,
    DIFFERENT = BNF_RUN_DIFFERENT
};

static void run_case(const struct run_case *c)
{
    struct bnf_model model[2] = {0};
    struct bnf_run run;
    struct bnf_err err = {0};
    const struct bnf_run_options options = {.threads = 1, .match_by_position = c->by_position};
    notation_read(&model[0], c->ref);
    notation_read(&model[1], c->new);
    if (bnf_run_compare(&model[0], &model[1], &options, &run, &err))
        fail_msg("%s: %s", c->name, err.text);
    const char *why = run.note ? run.note : "";
    size_t near = 0;
    for (size_t i = run.output_count; i-- > 0;) {
        why = run.outputs[i].fails ? run.outputs[i].why : why;
        near += run.outputs[i].near_ties;
    }
    if ((int)run.verdict != c->verdict || (c->says && !strstr(why, c->says)) ||
        (c->first && (!run.diverges || strcmp(run.diverges, c->first) != 0)) || near != c->near_ties)
        fail_msg("%s: verdict %d instead of %d: %s; at %s; %zu near ties", c->name, (int)run.verdict,
            c->verdict, why, run.diverges ? run.diverges : "nothing", near);
    bnf_run_free(&run);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

#define CONV "in x float N,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"

static void test_runs(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"equal", CONV "y = Conv(x, W)", CONV "y = Conv(x, W)", AGREES, NULL, NULL, false, 0},
        {"another weight", CONV "c = Conv(x, W); y = Relu(c)",
            "in x float N,2,4,4; out y; init W float 2,2,1,1 1 2 3 4.01; c = Conv(x, W); y = Relu(c)",
            DIFFERENT, "off the exact result", "c", false, 0},
        {"the same name for another value", CONV "c = Conv(x, W); s = Add(c, c); r = Relu(s); y = Neg(r)",
            CONV "k = Conv(x, W); c = Neg(k); s = Sub(k, c); r = Relu(s); y = Identity(r)", DIFFERENT, NULL,
            "y", false, 0},
        {"a missing output", CONV "y = Conv(x, W)", CONV "out z; y = Conv(x, W); z = Relu(y)", DIFFERENT,
            "different numbers of outputs", NULL, false, 0},
        {"a renamed output", CONV "y = Conv(x, W)",
            "in x float N,2,4,4; out z; init W float 2,2,1,1 1 2 3 4\nz = Conv(x, W)", DIFFERENT,
            "no output 'y'", NULL, false, 0},
        {"by position", CONV "y = Conv(x, W)",
            "in a float N,2,4,4; out z; init W float 2,2,1,1 1 2 3 4\nz = Conv(a, W)", AGREES, NULL, NULL,
            true, 0},
        {"a missing input", CONV "in z float 1; t = Conv(x, W); y = Mul(t, z)", CONV "y = Conv(x, W)",
            DIFFERENT, "no input 'z'", NULL, false, 0},
        {"another shape", CONV "y = Conv(x, W)", CONV "t = Conv(x, W); y = Flatten(t)", DIFFERENT,
            "instead of float", NULL, false, 0},
        {"constant outputs", CONV "t = Sub(x, x); y = Conv(t, W)", CONV "t = Sub(x, x); y = Conv(t, W)", OPEN,
            "all outputs are constant", NULL, false, 0},
        {"never finite", "in x float 2; out y; z = Sub(x, x); y = Div(z, z)",
            "in x float 2; out y; z = Sub(x, x); y = Div(z, z)", OPEN, "no output could be compared", NULL,
            false, 0},
        {"lacks an operator", "opset ai.acme 1; " CONV "out z; y = Conv(x, W); z = ai.acme.Odd(y)",
            "opset ai.acme 1; " CONV "out z; y = Conv(x, W); z = ai.acme.Odd(y)", INCOMPLETE, NULL, NULL,
            false, 0},
        {"lacks all", "opset ai.acme 1; " CONV "y = ai.acme.Odd(x)",
            "opset ai.acme 1; " CONV "y = ai.acme.Odd(x)", OPEN, "behind operators that the evaluator lacks",
            NULL, false, 0},
        {"does not fit", "in x float N,2; out y; init s int64 1 7; y = Reshape(x, s)",
            "in x float N,2; out y; init s int64 1 7; y = Reshape(x, s)", OPEN, "does not take the inputs",
            NULL, false, 0},
        {"fits one sample only", "in x float N,6; out y; init s int64 2 2 3; y = Reshape(x, s)",
            "in x float N,6; out y; init s int64 2 2 3; y = Reshape(x, s)", AGREES, NULL, NULL, false, 0},
        {"fits another extent", "in x float 1,L; out y; init s int64 2 4 4; y = Reshape(x, s)",
            "in x float 1,L; out y; init s int64 2 4 4; y = Reshape(x, s)", AGREES, NULL, NULL, false, 0},
        {"the candidate does not fit", CONV "y = Conv(x, W)",
            CONV "init s int64 1 7; t = Conv(x, W); y = Reshape(t, s)", DIFFERENT, "candidate cannot run",
            NULL, false, 0},
        {"an index", "in x float 3,4; out y; y = ArgMax(x) axis=1",
            "in x float 3,4; out y; n = Neg(x); y = ArgMin(n) axis=1", AGREES, NULL, NULL, false, 0},
        {"another index", "in x float 3,4; out y; y = ArgMax(x) axis=1",
            "in x float 3,4; out y; y = ArgMin(x) axis=1", DIFFERENT, "elements differ", NULL, false, 0},
        {"a double", "in x double N,3; out y; init W double 3,2 1 2 3 4 5 6; y = MatMul(x, W)",
            "in x double N,3; out y; init W double 3,2 1 2 3 4 5 6.0000000001; y = MatMul(x, W)", DIFFERENT,
            "off the exact result", "y", false, 0},
        {"a float16", "in x float16 N,3; out y; init W float16 3,2 1 2 3 4 5 6; y = MatMul(x, W)",
            "in x float16 N,3; out y; init W float16 3,2 1 2 3 4 5 6; y = MatMul(x, W)", AGREES, NULL, NULL,
            false, 0},
        /* both columns are the same but for rounding: whichever is larger is a tie */
        {"near ties",
            "in x float 64,1; out y; init W float 1,3 3 3 -3; p = MatMul(x, W); y = ArgMax(p) axis=1",
            "in x float 64,1; out y; init W float 1,3 3 3.0000002 -3; p = MatMul(x, W); y = ArgMax(p) axis=1",
            AGREES, NULL, NULL, false, 152},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

/* The reference's noise in one run may be small by chance: a candidate whose stored number is one rounding
 * away must not look wrong for that, with no seed; one that is a hundred away must, with every seed. */
static void test_unlucky(void **state)
{
    (void)state;
    static const char *const ref =
        "in x float 1; out y; init k float 1 1000; init n float 1 1000; t = Add(x, k); y = Sub(t, n)";
    static const struct {
        const char *new;
        int verdict;
    } candidates[] = {
        {"in x float 1; out y; init k float 1 1000; init l float 1 1000.00006; t = Add(x, l); y = Sub(t, k)",
            BNF_RUN_AGREES},
        {"in x float 1; out y; init k float 1 1000; init l float 1 1000.006; t = Add(x, l); y = Sub(t, k)",
            BNF_RUN_DIFFERENT},
    };
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct bnf_model model[2] = {0};
            struct bnf_run run;
            struct bnf_err err = {0};
            const struct bnf_run_options options = {.threads = 1, .seed = seed};
            notation_read(&model[0], ref);
            notation_read(&model[1], candidates[i].new);
            assert_int_equal(bnf_run_compare(&model[0], &model[1], &options, &run, &err), BNF_OK);
            if ((int)run.verdict != candidates[i].verdict)
                fail_msg("candidate %zu, seed %u: e_ref %g e_new %g gap %g", i, (unsigned)seed,
                    run.outputs[0].e_ref, run.outputs[0].e_new, run.outputs[0].gap);
            bnf_run_free(&run);
            bnf_model_close(&model[0]);
            bnf_model_close(&model[1]);
        }
    }
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pinned), cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_differ), cmocka_unit_test(test_integers), cmocka_unit_test(test_shake),
        cmocka_unit_test(test_feeds), cmocka_unit_test(test_gates), cmocka_unit_test(test_nonfinite_share),
        cmocka_unit_test(test_forms), cmocka_unit_test(test_top), cmocka_unit_test(test_spread),
        cmocka_unit_test(test_ties), cmocka_unit_test(test_box_ties), cmocka_unit_test(test_runs),
        cmocka_unit_test(test_unlucky), cmocka_unit_test(test_scale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
