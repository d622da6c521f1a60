/* How much a run computes, which is bounded where extents do not bound it, and windows of which most is padding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "eval/operator.h"
#include "eval/window.h"
#include "support/opened.h"

/* A model of one node without inputs: the elements it reads and gives, and the multiplications in between. */
static const struct work_case {
    const char *name, *text;
    double reads, work, gives;
} cases[] = {
    {"convolution", "init x float 1,2,4,4 rand\ninit W float 3,2,3,3 rand\nout y\ny = Conv(x, W)", 32 + 54, 54 * 4, 12},
    {"grouped convolution", "init x float 2,4,4 rand\ninit W float 6,2,3 rand\nout y\ny = Conv(x, W) group=2 pads=[1,1]",
        32 + 36, 2 * 36 * 4, 48},
    {"transposed convolution", "init x float 1,2,2,2 rand\ninit W float 2,3,3,3 rand\nout y\ny = ConvTranspose(x, W)",
        8 + 54, 54 * 4, 48},
    {"integer convolution", "init x uint8 1,1,3,3 ones\ninit W uint8 2,1,2,2 ones\nout y\ny = ConvInteger(x, W)", 9 + 8,
        8 * 4, 8},
    {"Gemm", "init a float 2,3 rand\ninit b float 3,4 rand\nout y\ny = Gemm(a, b)", 6 + 12, 24, 8},
    {"product", "init a float 5,2,3 rand\ninit b float 3,4 rand\nout y\ny = MatMul(a, b)", 30 + 12, 120, 40},
    {"product of integers", "init a int64 2,3 1 2 3 4 5 6\ninit b int64 3,4 1 2 3 4 5 6 7 8 9 10 11 12\nout y\ny = MatMul(a, b)",
        6 + 12, 24, 8},
    {"product of bytes", "init a uint8 2,3 ones\ninit b uint8 3,4 ones\nout y\ny = MatMulInteger(a, b)", 6 + 12, 24, 8},
    {"Einsum", "init a float 2,3 rand\ninit b float 3,4 rand\nout y\ny = Einsum(a, b) equation='ij,jk->ik'", 6 + 12, 24, 8},
    {"recurrent layer",
        "init x float 3,2,4 rand\ninit W float 1,5,4 rand\ninit R float 1,5,5 rand\nout y\ny = RNN(x, W, R) hidden_size=5",
        24 + 20 + 25, 3 * 2 * 5 * (4 + 5), 30},
    {"normalization over channels", "init x float 1,4,2,2 rand\nout y\ny = LRN(x) size=3", 16, 16 * 3, 16},
    {"normalization over more channels than there are", "init x float 1,4,2,2 rand\nout y\ny = LRN(x) size=1000000", 16,
        16 * 4, 16},
    {"largest", "init x float 1,1,8,8 rand\nout y\ny = MaxPool(x) kernel_shape=[3,3]", 64, 36 * 9, 36},
    {"average", "init x float 1,1,8,8 rand\nout y\ny = AveragePool(x) kernel_shape=[3,3]", 64, 36 * 9, 36},
    {"a window of padding", "init x float 1,1,1,4 rand\nout y\ny = MaxPool(x) kernel_shape=[1,65536] auto_pad='SAME_UPPER'", 4,
        4 * 7, 4},
    {"regions", "init x float 1,1,4,4 rand\ninit r float 1,4 0 0 4 4\ninit b int64 1 0\nout y\n"
                "y = RoiAlign(x, r, b) output_height=2 output_width=2 sampling_ratio=3", 16 + 4 + 1, 4 * 9, 4},
    {"a region as large as a country", "init x float 1,1,4,4 rand\ninit r float 1,4 0 0 10000 20000\ninit b int64 1 0\nout y\n"
                "y = RoiAlign(x, r, b) output_height=2 output_width=2", 16 + 4 + 1, 4 * 5000.0 * 10000, 4},
    {"the largest of regions", "init x float 1,1,4,4 rand\ninit r float 1,5 0 0 0 4 4\nout y\n"
                               "y = MaxRoiPool(x, r) pooled_shape=[2,2]", 16 + 5, 8 * 8, 4},
    {"rows of nothing", "init x float 4000,2,0,6\ninit p float 2 ones\nout y\ny = BatchNormalization(x, p, p, p, p)",
        4000 * 2 * 6 + 4 * 2, 0, 4000 * 2 * 6},
    {"boxes", "init b float 1,3,4 rand\ninit s float 1,1,3 rand\ninit n int64 1 2\nout y\ny = NonMaxSuppression(b, s, n)",
        12 + 3 + 1, 3 * 2, -1},
};

static void run(struct opened *o, const char *name)
{
    struct bnf_err err = {0};
    if (bnf_eval_run(&o->eval, NULL, &err))
        fail_msg("%s: %s", name, err.text);
}

static void check(const struct work_case *c, enum bnf_precision precision)
{
    struct opened o;
    const double asked = c->reads + c->work;
    opened_init(&o, c->text, precision);
    o.eval.budget.most_work = asked - 1;
    run(&o, c->name);
    if (!strstr(o.eval.blocked, "--max-work"))
        fail_msg("%s: a limit below what it takes gives '%s'", c->name, o.eval.blocked);
    assert_true(o.eval.budget.work < asked); /* what was not done does not count */
    if (asked < 1e6) {
        o.eval.budget.most_work = asked;
        for (int time = 0; time < 2; time++) { /* each run has all of it */
            run(&o, c->name);
            if (*o.eval.blocked)
                fail_msg("%s: %s", c->name, o.eval.blocked);
            if (c->gives >= 0 && o.eval.budget.work != asked + c->gives)
                fail_msg("%s: it took %g, not %g", c->name, o.eval.budget.work, asked + c->gives);
        }
    }
    opened_free(&o);
}

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int precision = 0; precision < 2; precision++)
            check(&cases[i], (enum bnf_precision)precision);
}

/* Rounds of a loop add up, and nothing counts where there is no limit. */
static void test_sums(void **state)
{
    static const char loop[] =
        "init n int64 () 10\ninit x float 100 rand\nout y\ny = Loop(n, _, x) body={\nin i int64\nin c bool\nin a float\n"
        "out g\nout b\ng = Identity(c)\nb = Neg(a)\n}\n";
    struct opened o;
    (void)state;
    opened_init(&o, loop, BNF_PRECISION_FLOAT);
    run(&o, "loop");
    assert_string_equal(o.eval.blocked, "");
    assert_true(o.eval.budget.work >= 10 * 200);
    o.eval.budget.most_work = 1000;
    run(&o, "loop");
    assert_non_null(strstr(o.eval.blocked, "--max-work"));
    opened_free(&o);
}

/* ---- windows ---- */

/* Against every tap at every position. */
static void check_trimmed(const struct bnf_window *whole)
{
    struct bnf_window w = *whole;
    bnf_window_trim(&w);
    const size_t a = bnf_most_spatial - 1;
    assert_true(w.kernel[a] >= 1 && w.out[a] == whole->out[a]);
    for (int64_t o = 0; o < w.out[a]; o++) {
        int64_t seen[2] = {0, 0}, sum[2] = {0, 0};
        for (int side = 0; side < 2; side++) {
            const struct bnf_window *v = side ? &w : whole;
            for (int64_t k = 0; k < v->kernel[a]; k++) {
                int64_t at = o * v->stride[a] + k * v->dilation[a] - v->begin[a];
                bool inside = at >= 0 && at < v->in[a];
                seen[side] += inside;
                sum[side] += inside ? at + 1 : 0;
            }
        }
        assert_int_equal(seen[0], seen[1]);
        assert_int_equal(sum[0], sum[1]);
    }
    /* The first and the last tap see something, where any does. */
    bool any = false, ends[2] = {false, false};
    for (int64_t o = 0; o < w.out[a]; o++)
        for (int64_t k = 0; k < w.kernel[a]; k++) {
            int64_t at = o * w.stride[a] + k * w.dilation[a] - w.begin[a];
            any = any || (at >= 0 && at < w.in[a]);
        }
    for (int64_t o = 0; o < w.out[a]; o++)
        for (int end = 0; end < 2; end++) {
            int64_t at = o * w.stride[a] + (end ? w.kernel[a] - 1 : 0) * w.dilation[a] - w.begin[a];
            ends[end] = ends[end] || (at >= 0 && at < w.in[a]);
        }
    if (any && whole->stride[a] == 1)
        assert_true(ends[0] && ends[1]);
}

static void test_trim(void **state)
{
    (void)state;
    const size_t a = bnf_most_spatial - 1;
    for (int64_t in = 1; in < 5; in++)
        for (int64_t kernel = 1; kernel < 9; kernel++)
            for (int64_t stride = 1; stride < 4; stride++)
                for (int64_t dilation = 1; dilation < 4; dilation++)
                    for (int64_t begin = 0; begin < 10; begin += 3)
                        for (int64_t out = 1; out < 6; out++) {
                            struct bnf_window w = {.spatial = 1};
                            for (size_t i = 0; i < bnf_most_spatial; i++)
                                w.in[i] = w.kernel[i] = w.stride[i] = w.dilation[i] = w.out[i] = 1;
                            w.in[a] = in;
                            w.kernel[a] = kernel;
                            w.stride[a] = stride;
                            w.dilation[a] = dilation;
                            w.begin[a] = begin;
                            w.out[a] = out;
                            check_trimmed(&w);
                        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_trim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
