/* What makes the evaluator fast must not show in its results: kernels of their own for common forms, results
 * that take over the memory of inputs, and any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "eval/eval.h"
#include "support/notation.h"
#include "support/rig.h"

/* ---- depthwise convolution whose output lies over its input */

struct over_case {
    int64_t images, groups, filters, h, w, kernel[2], dilation[2], begin[2];
};

static void over_case(const struct over_case *c, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g = {.spatial = 2, .in = {c->h, c->w, 1}, .out = {c->h, c->w, 1}, .stride = {1, 1, 1}};
    rig_init(&r, (uint64_t)(c->w * 31 + c->h), precision);
    g.kernel[2] = g.dilation[2] = 1;
    for (size_t i = 0; i < 2; i++) {
        g.kernel[i] = c->kernel[i];
        g.dilation[i] = c->dilation[i];
        g.begin[i] = c->begin[i];
        g.end[i] = (c->kernel[i] - 1) * c->dilation[i] - c->begin[i];
    }
    rig_int(&r, "group", c->groups);
    rig_ints(&r, "dilations", 2, g.dilation);
    rig_ints(&r, "pads", 4, (int64_t[]){g.begin[0], g.begin[1], g.end[0], g.end[1]});
    int64_t xd[4] = {c->images, c->groups, c->h, c->w},
            yd[5] = {c->images, c->groups * c->filters, c->h, c->w, 1};
    int64_t wd[4] = {c->groups * c->filters, 1, c->kernel[0], c->kernel[1]};
    struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, 4, xd, -8, 8);
    const struct bnf_array *w = rig_input(&r, BNF_DTYPE_FLOAT, 4, wd, -8, 8);
    const struct bnf_array *b = c->h % 2 ? rig_input(&r, BNF_DTYPE_FLOAT, 1, wd, -99, 99) : NULL;
    rig_put(x, (size_t)c->w - 1,
        INFINITY); /* must not come in over the left side of the next row, not even times 0 */
    assert_int_equal(rig_run(&r, "Conv", 11, 1), BNF_OK);
    rig_assert_dims(r.out[0], 4, yd);
    int64_t o[5] = {0}, taps = geometry_volume(g.kernel), plane = c->h * c->w;
    size_t at = 0;
    do {
        int64_t k[3] = {0}, tap = 0;
        double sum = b ? rig_get(b, (size_t)o[1]) : 0;
        do {
            int64_t place = geometry_under(&g, o + 2, k), channel = o[0] * c->groups + o[1] / c->filters;
            if (place >= 0)
                sum +=
                    rig_get(x, (size_t)(channel * plane + place)) * rig_get(w, (size_t)(o[1] * taps + tap));
            tap++;
        } while (indices_next(3, k, g.kernel));
        double found = rig_get(r.out[0], at++);
        if (!(found == sum || (isnan(found) && isnan(sum))))
            fail_msg("%lld×%lld, kernel %lld×%lld, element %zu: %g, not %g", (long long)c->h, (long long)c->w,
                (long long)c->kernel[0], (long long)c->kernel[1], at - 1, found, sum);
    } while (indices_next(5, o, yd));
    rig_free(&r);
}

static void test_depthwise_over(void **state)
{
    (void)state;
    static const struct over_case cases[] = {
        {1, 7, 1, 7, 7, {3, 3}, {1, 1}, {1, 1}},
        {2, 3, 2, 14, 14, {3, 3}, {1, 1}, {1, 1}},
        {1, 5, 1, 9, 31, {5, 5}, {1, 1}, {2, 2}},
        {1, 300, 1, 8, 8, {3, 3}, {1, 1}, {1, 1}}, /* for several threads */
        {1, 2, 1, 56, 57, {3, 3}, {2, 3}, {2, 3}},
        {2, 2, 3, 5, 6, {2, 4}, {1, 1}, {0, 3}}, /* uneven */
        {1, 2, 1, 6, 5, {4, 2}, {1, 2}, {3, 0}},
        {1, 2, 1, 1, 40, {1, 7}, {1, 1}, {1 - 1, 3}},
        {1, 2, 1, 40, 1, {7, 1}, {1, 1}, {3, 0}},
        {1, 2, 1, 2, 3, {5, 7}, {1, 1}, {2, 3}}, /* larger than the input */
        {1, 2, 1, 4, 4, {1, 1}, {1, 1}, {0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        over_case(&cases[i], BNF_PRECISION_FLOAT);
        over_case(&cases[i], BNF_PRECISION_DOUBLE);
    }
}

/* ---- whole models */

struct network {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
    struct bnf_array *x;
};

static void network_open(struct network *n, const char *text, enum bnf_precision precision, unsigned threads)
{
    struct bnf_err err = {0};
    *n = (struct network){0};
    notation_read(&n->model, text);
    if (bnf_graph_build(&n->graph, &n->model, &err) ||
        bnf_eval_init(&n->eval, &n->graph, precision, threads, NULL, 0, &err))
        fail_msg("%s", err.text);
    const struct bnf_shape *shape = &n->graph.values[n->graph.scopes[0].inputs[0]].shape;
    n->x = bnf_array_new(&n->eval.budget, BNF_DTYPE_FLOAT, precision, (size_t)shape->rank, shape->dims);
    assert_non_null(n->x);
    for (size_t i = 0; i < n->x->count; i++)
        rig_put(n->x, i, (double)(float)sin((double)i * 1.7));
}

static void network_run(struct network *n)
{
    struct bnf_err err = {0};
    struct bnf_array *feeds[] = {n->x};
    if (bnf_eval_run(&n->eval, feeds, &err) || *n->eval.blocked)
        fail_msg("%s%s", err.text, n->eval.blocked);
}

static const struct bnf_array *network_output(const struct network *n, size_t i)
{
    const struct bnf_array *y = bnf_eval_value(&n->eval, n->graph.scopes[0].outputs[i]);
    assert_non_null(y);
    return y;
}

static void network_close(struct network *n)
{
    bnf_array_drop(&n->eval.budget, n->x);
    bnf_eval_free(&n->eval);
    bnf_graph_free(&n->graph);
    bnf_model_close(&n->model);
}

/* Each output is a function of x, element by element. */
struct place_case {
    const char *name, *text;
    double (*want[3])(double x);
    size_t most; /* arrays of x's size held at once, x among them */
};

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double negative(double x)
{
    return -x;
}

static double relu_negative(double x)
{
    return relu(-x);
}

static double clipped(double x)
{
    return -x < -0.5 ? -0.5 : -x > 0.25 ? 0.25 : -x;
}

static double twice_relu_negative(double x)
{
    return 2 * relu(-x);
}

static double normalized(double x)
{
    return relu((x - 1) * 2 / sqrt(4) + 3);
}

#define HEAD "in x float 2,2,2000\nout y\n"
#define BOUNDS "init low float 1 -0.5\ninit high float 1 0.25\n"

static const struct place_case place_cases[] = {
    {"the input stays", HEAD "y = Relu(x)\n", {relu}, 2},
    {"a chain", HEAD "a = Neg(x)\nb = Relu(a)\nc = Relu(b)\ny = Relu(c)\n", {relu_negative}, 2},
    {"two readers", HEAD "out z\nopset 6\na = Neg(x)\ny = Relu(a)\nz = Clip(a) min=-0.5 max=0.25\n",
        {relu_negative, clipped}, 3},
    {"an output", HEAD "out z\na = Neg(x)\ny = Relu(a)\nz = Identity(a)\n", {relu_negative, negative}, 3},
    {"an output in the middle", HEAD "out a\na = Neg(x)\ny = Relu(a)\n", {relu_negative, negative}, 3},
    {"a view of it",
        HEAD "out z\ninit s int64 3 2 4000 1\na = Neg(x)\nv = Reshape(a, s)\nb = Relu(a)\nz = Relu(v)\n"
             "y = Add(b, b)\n",
        {twice_relu_negative, relu_negative}, 4},
    {"BatchNormalization",
        HEAD
        "init g float 2 2 2\ninit b float 2 3 3\ninit m float 2 1 1\ninit v float 2 4 4\nc = Identity(x)\n"
        "a = BatchNormalization(c, g, b, m, v) epsilon=0.0\ny = Relu(a)\n",
        {normalized}, 2},
};

static void test_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof place_cases / sizeof *place_cases; i++) {
        const struct place_case *c = &place_cases[i];
        for (int precision = 0; precision < 2; precision++) {
            struct network n;
            network_open(&n, c->text, (enum bnf_precision)precision, 2);
            for (int round = 0; round < 2; round++) /* the second finds x as it was */
                network_run(&n);
            for (size_t k = 0; k < 3 && c->want[k]; k++)
                for (size_t e = 0; e < n.x->count; e++)
                    if (fabs(rig_get(network_output(&n, k), e) - c->want[k](rig_get(n.x, e))) > 1e-5)
                        fail_msg("%s: output %zu, element %zu: %g of %g", c->name, k, e,
                            rig_get(network_output(&n, k), e), rig_get(n.x, e));
            size_t whole = n.x->count * (precision ? sizeof(double) : sizeof(float));
            if (n.eval.budget.peak >= (c->most + 1) * whole)
                fail_msg("%s: held %zu bytes, %zu times the input", c->name, n.eval.budget.peak,
                    n.eval.budget.peak / whole);
            network_close(&n);
        }
    }
}

/* Sizes at which every operator is cut for several threads. */
static const char network_text[] =
    "in x float 1,3,57,57\nout y\n"
    "init w0 float 40,3,3,3 rand\ninit b0 float 40 rand\n"
    "init w1 float 40,1,3,3 rand\ninit w2 float 96,40,1,1 rand\n"
    "init w3 float 96,1,5,5 rand\ninit w4 float 200,96,1,1 rand\n"
    "init w5 float 64,200,3,3 rand\ninit w6 float 64,4,3,3 rand\n"
    "init g float 96 pos\ninit v float 96 pos\ninit m float 96 rand\n"
    "init w8 float 64,33,3,3 rand\ninit w7 float 300,33 rand\ninit b7 float 300 rand\n"
    "a = Conv(x, w0, b0) pads=[1,1,1,1]\n"
    "b = Conv(a, w1) pads=[1,1,1,1] group=40\nc = Sigmoid(b)\nd = Conv(c, w2)\n"
    "e = BatchNormalization(d, g, m, m, v)\nf = Relu(e)\n"
    "h = Conv(f, w3) pads=[2,2,2,2] strides=[4,4] group=96\ni = Conv(h, w4)\n"
    "j = MaxPool(i) kernel_shape=[3,3]\nk = Conv(j, w5) pads=[1,1,1,1]\n"
    "l = Conv(k, w6) group=16\no = AveragePool(l) kernel_shape=[2,2] strides=[2,2]\n"
    "o2 = ConvTranspose(o, w8) strides=[2,2]\np = GlobalAveragePool(o2)\nq = Flatten(p)\ny = Gemm(q, w7, b7) "
    "transB=1\n";

static void test_any_number_of_threads(void **state)
{
    (void)state;
    for (int precision = 0; precision < 2; precision++) {
        struct network one;
        network_open(&one, network_text, (enum bnf_precision)precision, 1);
        network_run(&one);
        const struct bnf_array *want = network_output(&one, 0);
        for (unsigned threads = 2; threads < 10; threads++) {
            struct network n;
            network_open(&n, network_text, (enum bnf_precision)precision, threads);
            network_run(&n);
            const struct bnf_array *have = network_output(&n, 0);
            size_t different = 0;
            for (size_t i = 0; i < want->count; i++)
                different += rig_get(have, i) != rig_get(want, i);
            if (different)
                fail_msg("%u threads: %zu of %zu numbers are others", threads, different, want->count);
            network_close(&n);
        }
        network_close(&one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_depthwise_over), cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_any_number_of_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
