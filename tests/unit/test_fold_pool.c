/* Pools and reductions between an affine and a layer: every row that folds, and what each condition refuses. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATS(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define SCALES "init s float 4 1 -0.5 2 0.25; init b float 4 zeros; init m float 4 zeros; init v float 4 pos\n"
#define SAME_ALL "init s float 4 2 2 2 2; init b float 4 1 1 1 1; init m float 4 0.5 0.5 0.5 0.5; init v float 4 ones\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define LAYER "in x float 2,3,7,8; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n" /* u: 2,4,5,6 */
#define BACK(gamma) STATS(4, gamma) LAYER
#define FRONT(gamma) "in c float 2,4,7,8; out z; init W float 3,4,2,2 rand; init D float 3,4,1,1 rand\n" STATS(4, gamma) NORM
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FOLDS "y folded back u"
#define FRONT_FOLDS "y folded forward z"

static const struct foldcase average_cases[] = {
    {"average", BACK("rand") "c = AveragePool(u) kernel_shape=[2,2] strides=[2,2]\n" NORM, FOLDS},
    {"padding excluded", BACK("rand") "c = AveragePool(u) kernel_shape=[3,3] pads=[1,1,1,1]\n" NORM, FOLDS},
    {"padding counted, no shift", SCALES LAYER
        "c = AveragePool(u) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1\n" NORM, FOLDS},
    {"padding counted, but no window reaches it", BACK("rand")
        "c = AveragePool(u) kernel_shape=[1,2] strides=[1,2] pads=[0,0,0,1] count_include_pad=1\n" NORM, FOLDS},
    {"padding counted, the last window reaches it", BACK("rand")
        "c = AveragePool(u) kernel_shape=[2,2] strides=[2,2] pads=[0,0,1,0] count_include_pad=1\n" NORM,
        "y lowered window"},
    {"padding counted in front", BACK("rand")
        "c = AveragePool(u) kernel_shape=[2,2] pads=[0,1,0,0] count_include_pad=1\n" NORM, "y lowered window"},
    {"rounded up, overhang excluded", BACK("rand")
        "c = AveragePool(u) kernel_shape=[2,2] strides=[2,2] ceil_mode=1\n" NORM, FOLDS},
    {"rounded up, overhang beside counted padding", BACK("rand")
        "c = AveragePool(u) kernel_shape=[2,2] strides=[2,2] ceil_mode=1 count_include_pad=1\n" NORM, "y lowered window"},
    {"rounded up to a window that begins behind the end", BACK("rand")
        "c = AveragePool(u) kernel_shape=[1,1] strides=[2,2] ceil_mode=1\n" NORM, "y lowered window"},
    {"SAME, padding excluded", BACK("rand")
        "c = AveragePool(u) kernel_shape=[3,2] strides=[2,2] auto_pad='SAME_UPPER'\n" NORM, FOLDS},
    {"SAME, padding counted", BACK("rand")
        "c = AveragePool(u) kernel_shape=[3,3] auto_pad='SAME_LOWER' count_include_pad=1\n" NORM, "y lowered window"},
    {"SAME that pads nothing, counted", BACK("rand")
        "c = AveragePool(u) kernel_shape=[1,2] strides=[1,2] auto_pad='SAME_LOWER' count_include_pad=1\n" NORM, FOLDS},
    {"VALID, counted", BACK("rand")
        "c = AveragePool(u) kernel_shape=[3,3] auto_pad='VALID' count_include_pad=1\n" NORM, FOLDS},
    {"operator set 6 excludes padding", "opset 6\n" BACK("rand")
        "c = AveragePool(u) kernel_shape=[3,3] pads=[1,1,1,1]; y = BatchNormalization(c, s, b, m, v) is_test=1\n", FOLDS},
    {"dilated", "opset 19\n" BACK("rand") "c = AveragePool(u) kernel_shape=[2,2] dilations=[3,2] pads=[1,1,1,1]\n" NORM,
        FOLDS},
    {"dilated around all of x", "opset 19\n" BACK("rand")
        "c = AveragePool(u) kernel_shape=[2,1] dilations=[6,1] pads=[1,0,1,0]\n" NORM, "y lowered window", {0}, true},
    {"dilated, padded, extents not known", "opset 19; in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2] dilations=[2,2] pads=[1,1,1,1]\n" NORM,
        "y lowered window"},
    {"extents not known, padding excluded", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n" STATS(4, "rand")
        "u = Conv(x, W); c = AveragePool(u) kernel_shape=[3,3] pads=[1,1,1,1] strides=[2,2]\n" NORM, FOLDS},
    {"extents not known, SAME, padding excluded", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[3,3] auto_pad='SAME_UPPER' strides=[2,2]\n" NORM,
        FOLDS},
    {"extents not known, SAME, padding counted", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2] auto_pad='SAME_UPPER' strides=[2,2]"
        " count_include_pad=1\n" NORM, "y lowered window"},
    {"extents not known, rounded up and counted", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2] strides=[2,2] ceil_mode=1"
        " count_include_pad=1\n" NORM, "y lowered window"},
    {"extents not known, rounded up with stride 1, counted", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2] ceil_mode=1 count_include_pad=1\n" NORM,
        FOLDS},
    {"extents not known, padding as wide as the kernel", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "rand") "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2] pads=[0,2,0,0]\n" NORM,
        "y lowered window", {0}, true},
    {"1-D", "in x float 2,3,9; out y; init W float 4,3,3 rand\n" STATS(4, "rand")
        "u = Conv(x, W); c = AveragePool(u) kernel_shape=[3] strides=[2] pads=[1,1]\n" NORM, FOLDS},
    {"3-D", "in x float 1,2,4,5,3; out y; init W float 4,2,1,1,1 rand\n" STATS(4, "rand")
        "u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2,2]\n" NORM, FOLDS},
    {"double", "in x double 2,3,5,6; out y; init W double 4,3,1,1 rand; init s double 4 rand; init b double 4 rand\n"
        "init m double 4 rand; init v double 4 pos; u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2]\n" NORM, FOLDS},
    {"float16", "in x float16 2,3,5,6; out y; init W float16 4,3,1,1 rand; init s float16 4 rand; init b float16 4 rand\n"
        "init m float16 4 rand; init v float16 4 pos; u = Conv(x, W); c = AveragePool(u) kernel_shape=[2,2]\n" NORM, FOLDS},
    {"a scalar", LAYER "init k float () 0.5; c = AveragePool(u) kernel_shape=[2,2]; y = Mul(c, k)\n", FOLDS},
    {"along a pooled axis", LAYER "init k float 5 rand; c = AveragePool(u) kernel_shape=[1,2]; y = Mul(c, k)\n", ""},
    {"the same along a pooled axis", LAYER
        "init k float 5 2 2 2 2 2; c = AveragePool(u) kernel_shape=[1,2]; y = Mul(c, k)\n", FOLDS},
    {"forward", FRONT("rand") "p = AveragePool(y) kernel_shape=[3,3] pads=[1,1,1,1]; z = Conv(p, W)\n", FRONT_FOLDS},
    {"forward, padding counted", FRONT("rand")
        "p = AveragePool(y) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1; z = Conv(p, W)\n", "y lowered window"},
    {"global", BACK("rand") "c = GlobalAveragePool(u)\n" NORM, FOLDS},
    {"global, extents not known", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n" STATS(4, "rand")
        "u = Conv(x, W); c = GlobalAveragePool(u)\n" NORM, FOLDS},
    {"global, forward", FRONT("rand") "p = GlobalAveragePool(y); z = Conv(p, D)\n", FRONT_FOLDS},
    {"global, in front of a classifier", "in c float N,4,7,8; out z; init B float 4,5 rand; init C float 5 rand\n"
        STATS(4, "rand") NORM "p = GlobalAveragePool(y); q = Flatten(p); z = Gemm(q, B, C)\n", FRONT_FOLDS},
    {"global, along a pooled axis", "in c float 2,4,7,8; out z; init W float 3,4,1,1 rand; init k float 8 rand\n"
        "init d float 8 rand; q = Mul(c, k); y = Add(q, d); p = GlobalAveragePool(y); z = Conv(p, W)\n", ""},
};

static const struct foldcase maximum_cases[] = {
    {"maximum", BACK("pos") "c = MaxPool(u) kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]\n" NORM, FOLDS},
    {"maximum, a dead channel", LAYER "init s float 4 1 0 2 0.5; init b float 4 rand; init m float 4 rand\n"
        "init v float 4 pos; c = MaxPool(u) kernel_shape=[2,2]\n" NORM, FOLDS},
    {"maximum, a negative scale", SCALES LAYER "c = MaxPool(u) kernel_shape=[2,2]\n" NORM, "y lowered negative-scale"},
    {"maximum with indices", BACK("pos") "c, i = MaxPool(u) kernel_shape=[2,2]\n" NORM, "y lowered producer-not-linear",
        {0}, true},
    {"maximum, rounded up", BACK("pos") "c = MaxPool(u) kernel_shape=[3,3] strides=[2,2] ceil_mode=1\n" NORM, FOLDS},
    {"maximum, rounded up to a window that begins behind the end", BACK("pos")
        "c = MaxPool(u) kernel_shape=[1,1] strides=[2,2] ceil_mode=1\n" NORM, "y lowered window"},
    {"maximum, extents not known", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n" STATS(4, "pos")
        "u = Conv(x, W); c = MaxPool(u) kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]\n" NORM, FOLDS},
    {"maximum, extents not known, ceil_mode as squeezenet has it", "in x float N,3,H,W; out y\n"
        "init W float 4,3,1,1 rand\n" STATS(4, "pos")
        "u = Conv(x, W); c = MaxPool(u) kernel_shape=[3,3] strides=[2,2] ceil_mode=1\n" NORM, FOLDS},
    {"maximum, extents not known, dilated and padded", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand\n"
        STATS(4, "pos") "u = Conv(x, W); c = MaxPool(u) kernel_shape=[2,2] dilations=[2,2] pads=[1,1,1,1]\n" NORM,
        "y lowered window"},
    {"maximum, a positive scalar", LAYER "init k float () 0.5; c = MaxPool(u) kernel_shape=[2,2]; y = Mul(c, k)\n", FOLDS},
    {"maximum, forward", FRONT("pos") "p = MaxPool(y) kernel_shape=[3,3] auto_pad='SAME_UPPER'; z = Conv(p, W)\n",
        FRONT_FOLDS},
    {"maximum, forward, a negative scale", "in c float 2,4,7,8; out z; init W float 3,4,2,2 rand\n" SCALES NORM
        "p = MaxPool(y) kernel_shape=[2,2]; z = Conv(p, W)\n", "y lowered negative-scale"},
    {"maximum, forward, with indices", FRONT("pos") "p, i = MaxPool(y) kernel_shape=[2,2]; z = Conv(p, W)\n",
        "y lowered consumer-not-linear", {0}, true},
    {"global maximum", BACK("pos") "c = GlobalMaxPool(u)\n" NORM, FOLDS},
    {"global maximum, a negative scale", SCALES LAYER "c = GlobalMaxPool(u)\n" NORM, "y lowered negative-scale"},
    {"global maximum, forward", FRONT("pos") "p = GlobalMaxPool(y); z = Conv(p, D)\n", FRONT_FOLDS},
};

static const struct foldcase mean_cases[] = {
    {"mean", BACK("rand") "c = ReduceMean(u) axes=[2,3]\n" NORM, FOLDS},
    {"mean, axes dropped", BACK("rand") "c = ReduceMean(u) axes=[2,3] keepdims=0\n" NORM, FOLDS},
    {"mean, axes from the right", BACK("rand") "c = ReduceMean(u) axes=[-1,-2] keepdims=0\n" NORM, FOLDS},
    {"mean, axes by input", "opset 18\n" BACK("rand") "init a int64 2 2 3; c = ReduceMean(u, a) keepdims=0\n" NORM, FOLDS},
    {"mean, an axis in front of the channels", "in x float 2,7,3,5; out y; init W float 4,3 rand\n" STATS(4, "rand")
        "u = MatMul(W, x); c = ReduceMean(u) axes=[1] keepdims=0\n" NORM, FOLDS},
    {"mean of nothing", "opset 18\n" BACK("rand") "c = ReduceMean(u) noop_with_empty_axes=1\n" NORM, FOLDS},
    {"mean of nothing, an empty list", "opset 18\n" BACK("rand")
        "init a int64 0 rand; c = ReduceMean(u, a) noop_with_empty_axes=1\n" NORM, FOLDS},
    {"mean of all, a scalar", LAYER "init k float () 0.5; c = ReduceMean(u) keepdims=0; y = Mul(c, k)\n", FOLDS},
    {"mean of all, a constant of one element", LAYER "init k float 1,1,1,1 0.5; c = ReduceMean(u); y = Mul(c, k)\n", FOLDS},
    {"mean, forward", FRONT("rand") "p = ReduceMean(y) axes=[2,3]; z = Conv(p, D)\n", FRONT_FOLDS},
    {"mean, forward, the channels move", "in c float 2,4,3,5; out z; init W float 6,4 rand\n" STATS(4, "rand") NORM
        "p = ReduceMean(y) axes=[0,2] keepdims=0; z = MatMul(W, p)\n", FRONT_FOLDS},
    {"mean, forward, over the channels", "in c float 2,4,7,8; out z; init W float 3,1,2,2 rand\n" STATS(4, "rand") NORM
        "p = ReduceMean(y) axes=[1]; z = Conv(p, W)\n", "y lowered axis-mismatch"},
    {"mean, forward, over the channels, all alike", "in c float 2,4,7,8; out z; init W float 3,1,2,2 rand\n" SAME_ALL NORM
        "p = ReduceMean(y) axes=[1]; z = Conv(p, W)\n", FRONT_FOLDS},
    {"mean, forward, over axes computed at run time", "opset 18; in c float 2,4,7,8; in a int64 1; out z\n"
        "init W float 3,4,1,1 rand\n" STATS(4, "rand") NORM "p = ReduceMean(y, a); z = Conv(p, W)\n",
        "y lowered shape-unknown", {0}, true},
    {"mean, forward, over axes that a caller may override", "opset 18; in c float 2,4,7,8; out z; init a int64 1 2; input a\n"
        "init W float 3,4,1,1 rand\n" STATS(4, "rand") NORM "p = ReduceMean(y, a); z = Conv(p, W)\n",
        "y lowered overridable", {.keep_overridable = true}, true},
    {"mean, the affine makes the axes", "opset 18; in c float 2,4,7,8; in d float 2,3; out z\n" STATS(4, "rand") NORM
        "i = Identity(y); z = ReduceMean(d, i)\n", "y lowered consumer-not-linear", {0}, true},
};

static const struct foldcase sum_cases[] = {
    {"sum", BACK("rand") "init a int64 2 2 3; c = ReduceSum(u, a)\n" NORM, FOLDS},
    {"sum, axes by attribute", "opset 11\n" BACK("rand") "c = ReduceSum(u) axes=[3] keepdims=0\n" NORM, FOLDS},
    {"sum of nothing", BACK("rand") "c = ReduceSum(u) noop_with_empty_axes=1\n" NORM, FOLDS},
    {"sum over an open batch", "in x float 2,3,H,5; out y; init W float 4,3,1,1 rand; init a int64 1 2\n"
        STATS(4, "rand") "u = Conv(x, W); c = ReduceSum(u, a)\n" NORM, "y lowered shape-unknown"},
    {"sum over an open extent, no shift", "in x float 2,3,H,5; out y; init W float 4,3,1,1 rand; init a int64 1 2\n"
        SCALES "u = Conv(x, W); c = ReduceSum(u, a)\n" NORM, FOLDS},
    {"sum beside an open extent", "in x float N,3,H,5; out y; init W float 4,3,1,1 rand; init a int64 1 -1\n"
        STATS(4, "rand") "u = Conv(x, W); c = ReduceSum(u, a)\n" NORM, FOLDS},
    {"sum of all, a scalar shift", LAYER "init k float () 3; init d float () 2; c = ReduceSum(u) keepdims=0; q = Mul(c, k)\n"
        "y = Add(q, d)\n", "q folded back u; y folded back u"},
    {"sum, forward", FRONT("rand") "init a int64 2 2 3; p = ReduceSum(y, a); z = Conv(p, D)\n", FRONT_FOLDS},
    {"sum, forward, over the channels, all alike", "in c float 2,4,7,8; out z; init W float 3,1,2,2 rand\n" SAME_ALL
        "init a int64 1 1\n" NORM "p = ReduceSum(y, a); z = Conv(p, W)\n", FRONT_FOLDS},
    {"largest", BACK("pos") "c = ReduceMax(u) axes=[2,3] keepdims=0\n" NORM, FOLDS},
    {"smallest", "opset 18\n" BACK("pos") "init a int64 1 2; c = ReduceMin(u, a)\n" NORM, FOLDS},
    {"largest, a negative scale", SCALES LAYER "c = ReduceMax(u) axes=[2,3]\n" NORM, "y lowered negative-scale"},
    {"smallest, a negative scale", SCALES LAYER "c = ReduceMin(u) axes=[2,3]\n" NORM, "y lowered negative-scale"},
    {"largest, forward", FRONT("pos") "p = ReduceMax(y) axes=[2,3]; z = Conv(p, D)\n", FRONT_FOLDS},
    {"largest over all channels, all alike", "in c float 2,4,7,8; out z; init W float 3,1,2,2 rand\n" SAME_ALL NORM
        "p = ReduceMax(y) axes=[1]; z = Conv(p, W)\n", FRONT_FOLDS},
};

static void check(const struct foldcase *table, size_t count)
{
    assert_int_equal(foldcase_table(table, count), 0);
}

static void test_average(void **state)
{
    (void)state;
    check(average_cases, COUNT(average_cases));
}

static void test_maximum(void **state)
{
    (void)state;
    check(maximum_cases, COUNT(maximum_cases));
}

static void test_mean(void **state)
{
    (void)state;
    check(mean_cases, COUNT(mean_cases));
}

static void test_sum(void **state)
{
    (void)state;
    check(sum_cases, COUNT(sum_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_average), cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_mean), cmocka_unit_test(test_sum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
