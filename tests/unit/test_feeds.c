/* Made-up inputs: their numbers, extents and ranges; and which arrays of an archive are read. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/feeds.h"
#include "graph/shapes.h"
#include "support/notation.h"

static struct bnf_budget budget;

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

/* ---- which arrays of an archive are read ---- */

static void test_archive(void **state)
{
    (void)state;
    static const int64_t dims[] = {2, 3}, rows[] = {2}, many[] = {100000};
    static const float numbers[100000] = {0};
    static const int64_t labels[] = {0, 1};
    const struct bnf_tensor x = {BNF_DTYPE_FLOAT, 2, dims, 6, 24, (const uint8_t *)numbers};
    const struct bnf_tensor large = {BNF_DTYPE_FLOAT, 1, many, 100000, 400000, (const uint8_t *)numbers};
    const struct bnf_tensor given_labels = {BNF_DTYPE_INT64, 1, rows, 2, 16, (const uint8_t *)labels};
    const struct {
        const char *name;
        struct bnf_named_tensor arrays[3];
        size_t count, memory;
        const char *expect; /* an error, or NULL: it has 1 sample, with labels when there is more than one */
    } cases[] = {
        {"by name", {{"large", large}, {"labels", given_labels}, {"x", x}}, 3, 100000, NULL},
        {"the only one", {{"labels", given_labels}, {"other", x}}, 2, 100000, NULL},
        {"alone", {{"other", x}}, 1, 100000, NULL},
        {"labels alone", {{"labels", given_labels}}, 1, 100000, "has no array 'x', there are 'labels'"},
        {"two others", {{"a", x}, {"b", x}}, 2, 100000, "has no array 'x', there are 'a', 'b'"},
        {"too large", {{"x", large}}, 1, 100000, "bytes of memory, allowed are 100000"},
        {"any size that the machine takes", {{"x", large}}, 1, 0, "is 100000, allowed is ?x3"},
    };
    char path[] = "/tmp/bnfold-feeds-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0 && close(descriptor) == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_model model = {0};
        struct bnf_graph graph = {0};
        struct bnf_constants constants = {0};
        struct bnf_feeds feeds;
        struct bnf_err err = {0};
        struct bnf_array *array = NULL;
        size_t first;
        struct bnf_run_options options = {.data = path, .memory = cases[i].memory};
        assert_int_equal(bnf_npz_save(path, cases[i].arrays, cases[i].count, &err), BNF_OK);
        notation_read(&model, "in x float N,3; out y; y = Relu(x)");
        assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
        assert_int_equal(bnf_shapes_infer(&graph, &err), BNF_OK);
        assert_int_equal(bnf_constants_init(&constants, &graph, false, &err), BNF_OK);
        int status = bnf_feeds_init(&feeds, &graph, &constants, &options, &err);
        if (cases[i].expect ? !strstr(err.text, cases[i].expect) : status)
            fail_msg("%s: %s", cases[i].name, err.text);
        assert_int_equal(status == BNF_ELIMIT, cases[i].expect && strstr(cases[i].expect, "memory"));
        if (!status) {
            assert_int_equal(feeds.samples, 1);
            assert_int_equal(bnf_feeds_make(&feeds, 0, BNF_PRECISION_FLOAT, &budget, &array, &err), BNF_OK);
            assert_int_equal(array->count, 6);
            assert_int_equal(bnf_feeds_labels(&feeds, 0, 2, &first) != NULL, cases[i].count > 1);
            bnf_array_drop(&budget, array);
        }
        bnf_feeds_free(&feeds);
        bnf_constants_free(&constants);
        bnf_graph_free(&graph);
        bnf_model_close(&model);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_differ),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_shake),
        cmocka_unit_test(test_feeds),
        cmocka_unit_test(test_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
