/* Padding, resampling and activations between an affine and a layer: every row that folds, and what each condition
 * refuses. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATS(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NO_SHIFT(gamma) "init s float 4 " gamma "; init b float 4 zeros; init m float 4 zeros; init v float 4 pos\n"
#define MIXED "1 -0.5 2 0.25"
#define SAME_ALL "init s float 4 2 2 2 2; init b float 4 1 1 1 1; init m float 4 0.5 0.5 0.5 0.5; init v float 4 ones\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define LAYER "in x float 2,3,7,8; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n" /* u: 2,4,5,6 */
#define BACK STATS(4, "rand") LAYER
#define ENDS "in c float 2,4,5,6; out z; init W float 3,4,2,2 rand\n"
#define FRONT ENDS STATS(4, "rand") NORM
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FOLDS "y folded back u"
#define FRONT_FOLDS "y folded forward z"
#define SCALES "init f float 4 1 1 2 1.5\n"
#define SIZES "init f int64 4 2 4 10 9\n"

static const struct foldcase pad_cases[] = {
    {"reflect", BACK "init p int64 8 0 0 1 2 0 0 2 1; c = Pad(u, p) mode='reflect'\n" NORM, FOLDS},
    {"edge", BACK "init p int64 8 0 0 1 2 0 0 2 1; c = Pad(u, p) mode='edge'\n" NORM, FOLDS},
    {"wrap", "opset 19\n" BACK "init p int64 8 0 0 1 2 0 0 2 1; c = Pad(u, p) mode='wrap'\n" NORM, FOLDS},
    {"a mode of another kind", BACK "init p int64 8 0 0 1 2 0 0 2 1; c = Pad(u, p) mode='blur'\n" NORM,
        "y lowered producer-not-linear", {0}, true},
    {"edge, by attribute", "opset 10\n" BACK "c = Pad(u) mode='edge' pads=[0,0,1,1,0,0,1,1]\n" NORM, FOLDS},
    {"edge on the channels", "in x float 2,3,7,8; out y; init W float 2,3,3,3 rand; u = Conv(x, W)\n" STATS(4, "rand")
        "init p int64 8 0 1 0 0 0 1 0 0; c = Pad(u, p) mode='edge'\n" NORM, "y lowered axis-mismatch"},
    {"edge on the channels, all alike", "in x float 2,3,7,8; out y; init W float 2,3,3,3 rand; u = Conv(x, W)\n" SAME_ALL
        "init p int64 8 0 1 0 0 0 1 0 0; c = Pad(u, p) mode='edge'\n" NORM, FOLDS},
    {"edge on listed axes", "opset 18\n" BACK
        "init p int64 4 1 2 0 1; init a int64 2 -1 2; c = Pad(u, p, _, a) mode='edge'\n" NORM, FOLDS},
    {"listed axes with the channels", "opset 18; in x float 2,3,7,8; out y; init W float 2,3,3,3 rand; u = Conv(x, W)\n"
        STATS(4, "rand") "init p int64 2 1 1; init a int64 1 -3; c = Pad(u, p, _, a) mode='edge'\n" NORM,
        "y lowered axis-mismatch"},
    {"cropped channels", "in x float 2,3,7,8; out y; init W float 5,3,3,3 rand; u = Conv(x, W)\n" STATS(4, "rand")
        "init p int64 8 0 -1 0 0 0 0 0 0; c = Pad(u, p)\n" NORM, "y lowered axis-mismatch"},
    {"cropped places", BACK "init p int64 8 0 0 -1 0 0 0 0 -2; init k float () 3; c = Pad(u, p, k)\n" NORM, FOLDS},
    {"pads computed at run time", "in x float 2,3,7,8; in p int64 8; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n"
        "info c float 2,4,8,8\n" STATS(4, "rand") "c = Pad(u, p) mode='edge'\n" NORM, "y lowered shape-unknown", {0}, true},
    {"pads computed at run time, a scalar", "in x float 2,3,7,8; in p int64 8; out y; init W float 4,3,3,3 rand\n"
        "init k float () 0.5; init d float () 0.25; u = Conv(x, W); c = Pad(u, p); q = Mul(c, k); y = Add(q, d)\n",
        "q folded back u; y folded back u", {0}, true},
    {"zeros, no shift", NO_SHIFT(MIXED) LAYER "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p)\n" NORM, FOLDS},
    {"zeros and a shift", BACK "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p)\n" NORM, "y lowered padding"},
    {"zeros and one shift for all", "init s float 4 " MIXED "; init b float 4 3 3 3 3; init m float 4 zeros\n"
        "init v float 4 pos\n" LAYER "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p)\n" NORM, FOLDS},
    {"a constant", SAME_ALL LAYER "init p int64 8 0 0 1 1 0 0 1 1; init k float () -0.75; c = Pad(u, p, k)\n" NORM, FOLDS},
    {"a constant of extent 1, which another layer reads", SAME_ALL LAYER "out e; init p int64 8 0 0 1 1 0 0 1 1\n"
        "init k float 1 -0.75; c = Pad(u, p, k); e = Mul(x, k)\n" NORM, FOLDS},
    {"a constant and different scales", BACK "init p int64 8 0 0 1 1 0 0 1 1; init k float () 1; c = Pad(u, p, k)\n" NORM,
        "y lowered padding"},
    {"a constant that is the fixed point", "init s float 4 1 2 3 -4; init b float 4 1 1 1 1; init m float 4 1 1 1 1\n"
        "init v float 4 ones\n" LAYER "init p int64 8 0 0 1 1 0 0 1 1; init k float () 1; c = Pad(u, p, k)\n" NORM, FOLDS},
    {"a constant computed at run time", "in x float 2,3,7,8; in k float 1; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n"
        SAME_ALL "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p, k)\n" NORM, "y lowered bias-dynamic"},
    {"a constant attribute", "opset 10\n" SAME_ALL LAYER "c = Pad(u) pads=[0,0,1,1,0,0,1,1] value=-0.75\n" NORM, FOLDS,
        .in_double = "y lowered dtype"},
    {"a constant attribute in operator set 1", "opset 1\n" SAME_ALL LAYER
        "c = Pad(u) paddings=[0,0,1,1,0,0,1,1] value=2.0\n"
        "y = BatchNormalization(c, s, b, m, v) is_test=1 consumed_inputs=[0,0,0,1,1]\n", FOLDS, .in_double = "y lowered dtype"},
    {"a constant attribute beside doubles", "opset 10; in x double 2,1,3,3; out y; init W double 1,1,2,2 rand\n"
        "init s double 1 0.1; init b double 1 0.3; init m double 1 0; init v double 1 1; u = Conv(x, W)\n"
        "c = Pad(u) pads=[0,0,1,1,0,0,1,1]\n" NORM, "y lowered dtype"},
    {"a constant in float16", "in x float16 2,1,3,3; out y; init W float16 1,1,2,2 rand; init k float16 () 2\n"
        "init s float16 1 0.1; init b float16 1 0.3; init m float16 1 0; init v float16 1 1; u = Conv(x, W)\n"
        "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p, k)\n" NORM, FOLDS},
    {"a constant that leaves float16", "in x float16 2,1,3,3; out y; init W float16 1,1,2,2 rand; init k float16 () 60000\n"
        "init s float16 1 4; init b float16 1 0.3; init m float16 1 0; init v float16 1 1; u = Conv(x, W)\n"
        "init p int64 8 0 0 1 1 0 0 1 1; c = Pad(u, p, k)\n" NORM, "y lowered overflow", {0}, true},
    {"shifts alike in float16 only", "in x float16 2,1,3,3; out y; init W float16 2,1,2,2 rand; init k float16 () 2\n"
        "init s float16 2 1 1; init b float16 2 8 8; init m float16 2 0 0; init v float16 2 1 1.0009765625\n"
        "init p int64 8 0 0 1 1 0 0 1 1; u = Conv(x, W); c = Pad(u, p, k)\n" NORM, FOLDS},
    {"forward", ENDS SAME_ALL NORM "init p int64 8 0 0 1 1 0 0 1 1; init k float () -0.75; q = Pad(y, p, k)\n"
        "z = Conv(q, W)\n", FRONT_FOLDS},
    {"forward, the constant would leave no room", ENDS "init s float 4 1e-30 1e-30 1e-30 1e-30; init b float 4 ones\n"
        "init m float 4 zeros; init v float 4 ones\n" NORM "init p int64 8 0 0 1 1 0 0 1 1; init k float () -0.75\n"
        "q = Pad(y, p, k); z = Conv(q, W)\n", "y lowered overflow", .in_double = FRONT_FOLDS},
    {"forward, zeros", FRONT "init p int64 8 0 0 1 1 0 0 1 1; q = Pad(y, p); z = Conv(q, W)\n", "y lowered padding"},
    {"forward, zeros, no shift", ENDS NO_SHIFT(MIXED) NORM "init p int64 8 0 0 1 1 0 0 1 1; q = Pad(y, p)\n"
        "z = Conv(q, W)\n", FRONT_FOLDS},
    {"forward, a dead channel", ENDS NO_SHIFT("1 0 2 3") NORM "init p int64 8 0 0 1 1 0 0 1 1; q = Pad(y, p)\n"
        "z = Conv(q, W)\n", "y lowered zero-scale"},
    {"forward, a dead channel and no constant", ENDS NO_SHIFT("1 0 2 3") NORM
        "init p int64 8 0 0 1 1 0 0 1 1; q = Pad(y, p) mode='edge'; z = Conv(q, W)\n", FRONT_FOLDS},
    {"forward, reflect", FRONT "init p int64 8 0 0 1 1 0 0 1 1; q = Pad(y, p) mode='reflect'; z = Conv(q, W)\n", FRONT_FOLDS},
    {"forward, the padding value has the affine", "in c float 1,1; in d float 1,1,5,6; out z\n" STATS(1, "rand") NORM
        "init p int64 8 0 0 1 1 0 0 1 1; i = Identity(y); z = Pad(d, p, i)\n", "y lowered consumer-not-linear", {0}, true},
};

static const struct foldcase resize_cases[] = {
    {"nearest", BACK SCALES "c = Resize(u, _, f)\n" NORM, FOLDS},
    {"linear", BACK SCALES "c = Resize(u, _, f) mode='linear'\n" NORM, FOLDS},
    {"cubic", BACK SCALES "c = Resize(u, _, f) mode='cubic'\n" NORM, FOLDS},
    {"cubic, outside excluded", BACK SCALES "c = Resize(u, _, f) mode='cubic' exclude_outside=1 cubic_coeff_a=-0.5\n" NORM,
        FOLDS},
    {"align_corners", BACK SCALES
        "c = Resize(u, _, f) mode='linear' coordinate_transformation_mode='align_corners'\n" NORM, FOLDS},
    {"asymmetric", BACK SCALES
        "c = Resize(u, _, f) nearest_mode='ceil' coordinate_transformation_mode='asymmetric'\n" NORM, FOLDS},
    {"pytorch_half_pixel", BACK SCALES
        "c = Resize(u, _, f) mode='linear' coordinate_transformation_mode='pytorch_half_pixel'\n" NORM, FOLDS},
    {"half_pixel_symmetric", "opset 19\n" BACK SCALES
        "c = Resize(u, _, f) mode='linear' coordinate_transformation_mode='half_pixel_symmetric'\n" NORM, FOLDS},
    {"tf_half_pixel_for_nn", "opset 11\n" BACK SCALES
        "init r float 0 rand; c = Resize(u, r, f) coordinate_transformation_mode='tf_half_pixel_for_nn'\n" NORM, FOLDS},
    {"tf_half_pixel_for_nn, rounded up", "opset 11\n" BACK SCALES
        "init r float 0 rand; c = Resize(u, r, f) coordinate_transformation_mode='tf_half_pixel_for_nn' nearest_mode='ceil'\n" NORM,
        "y lowered resize"},
    {"tf_half_pixel_for_nn, linear", "opset 11\n" BACK SCALES
        "init r float 0 rand; c = Resize(u, r, f) coordinate_transformation_mode='tf_half_pixel_for_nn' mode='linear'\n" NORM,
        "y lowered resize"},
    {"tf_crop_and_resize", BACK SCALES "init r float 8 zeros\n"
        "c = Resize(u, r, f) mode='linear' coordinate_transformation_mode='tf_crop_and_resize'\n" NORM,
        "y lowered resize", {0}, true, .open_in_double = true},
    {"a mode of another kind", BACK SCALES "c = Resize(u, _, f) mode='lanczos'\n" NORM, "y lowered resize", {0}, true},
    {"smaller, antialias", "opset 18\n" BACK "init f float 4 1 1 0.6 0.5\n"
        "c = Resize(u, _, f) mode='linear' antialias=1\n" NORM, FOLDS},
    {"smaller, cubic, antialias, outside excluded", "opset 18\n" BACK "init f float 4 1 1 0.6 0.5\n"
        "c = Resize(u, _, f) mode='cubic' antialias=1 exclude_outside=1\n" NORM, FOLDS},
    {"by sizes", BACK SIZES "c = Resize(u, _, _, f) mode='linear'\n" NORM, FOLDS},
    {"by sizes beside empty scales", "opset 11\n" BACK SIZES "init r float 0 rand\n"
        "c = Resize(u, r, r, f) mode='linear' coordinate_transformation_mode='align_corners'\n" NORM, FOLDS},
    {"by sizes from a shape", BACK "init i0 int64 1 0; init i1 int64 1 1; init e int64 3 4 10 12\n"
        "h = Shape(x); g = Slice(h, i0, i1); f = Concat(g, e) axis=0; c = Resize(u, _, _, f)\n" NORM, FOLDS, {0}, true},
    {"listed axes", "opset 18\n" BACK "init f float 2 2 1.5; c = Resize(u, _, f) axes=[-2,3]\n" NORM, FOLDS},
    {"listed axes, scales computed", "opset 18\n" BACK "in f float 2; info c float 2,4,H,W\n"
        "c = Resize(u, _, f) axes=[2,3]\n" NORM, FOLDS, {0}, true},
    {"listed axes with the channels", "opset 18; in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; u = Conv(x, W)\n"
        STATS(4, "rand") "init f float 2 2 1; c = Resize(u, _, f) axes=[1,3]\n" NORM, "y lowered resize"},
    {"a ratio kept", "opset 18\n" BACK SIZES "info c float 2,4,R,Q\n"
        "c = Resize(u, _, _, f) keep_aspect_ratio_policy='not_larger'\n" NORM, "y lowered resize", {0}, true},
    {"a ratio kept of listed axes", "opset 18\n" BACK "init f int64 2 10 9; info c float 2,4,R,Q\n"
        "c = Resize(u, _, _, f) axes=[2,3] keep_aspect_ratio_policy='not_larger'\n" NORM, FOLDS, {0}, true},
    {"more channels", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; u = Conv(x, W)\n" STATS(4, "rand")
        "init f float 4 1 2 1 1; c = Resize(u, _, f)\n" NORM, "y lowered resize"},
    {"as many channels, but not the same", BACK "init f float 4 1 1.2 1 1\n"
        "c = Resize(u, _, f) coordinate_transformation_mode='asymmetric'\n" NORM, "y lowered resize"},
    {"more channels by sizes", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; u = Conv(x, W)\n" STATS(4, "rand")
        SIZES "c = Resize(u, _, _, f)\n" NORM, "y lowered resize"},
    {"more channels, all alike", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; u = Conv(x, W)\n" SAME_ALL
        "init f float 4 1 2 1 1; c = Resize(u, _, f)\n" NORM, FOLDS},
    {"scales computed at run time", "in x float 2,3,7,8; in f float 4; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n"
        "info c float 2,4,H,W\n" STATS(4, "rand") "c = Resize(u, _, f)\n" NORM, "y lowered resize", {0}, true},
    {"open extents", "in x float N,3,H,W; out y; init W float 4,3,1,1 rand; u = Conv(x, W)\n" STATS(4, "rand") SCALES
        "c = Resize(u, _, f) mode='linear'\n" NORM, FOLDS},
    {"operator set 10", "opset 10\n" BACK SCALES "c = Resize(u, f) mode='linear'\n" NORM, FOLDS},
    {"Upsample 9", "opset 9\n" BACK SCALES "c = Upsample(u, f) mode='linear'\n" NORM, FOLDS},
    {"Upsample 7", "opset 7\n" BACK "c = Upsample(u) scales=[1.0,1.0,2.0,2.0]\n" NORM, FOLDS},
    {"Upsample 7 of channels", "opset 7; in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; u = Conv(x, W)\n"
        STATS(4, "rand") "c = Upsample(u) scales=[1.0,2.0,1.0,1.0]\n" NORM, "y lowered resize"},
    {"Upsample 1", "opset 6\n" BACK "c = Upsample(u) height_scale=2.0 width_scale=2.0 mode='bilinear'\n"
        "y = BatchNormalization(c, s, b, m, v) is_test=1\n", FOLDS},
    {"forward", FRONT SCALES "q = Resize(y, _, f) mode='linear'; z = Conv(q, W)\n", FRONT_FOLDS},
    {"forward, the channels", "in c float 2,4,5,6; out z; init W float 3,8,2,2 rand\n" STATS(4, "rand") NORM
        "init f float 4 1 2 1 1; q = Resize(y, _, f); z = Conv(q, W)\n", "y lowered resize"},
    {"forward, Upsample", "opset 9\n" FRONT SCALES "q = Upsample(y, f); z = Conv(q, W)\n", FRONT_FOLDS},
};

static const struct foldcase activation_cases[] = {
    {"Relu", NO_SHIFT("pos") LAYER "c = Relu(u)\n" NORM, FOLDS},
    {"Relu, a dead channel", NO_SHIFT("1 0 2 3") LAYER "c = Relu(u)\n" NORM, FOLDS},
    {"Relu, a negative scale", NO_SHIFT(MIXED) LAYER "c = Relu(u)\n" NORM, "y lowered negative-scale"},
    {"Relu, a shift", STATS(4, "pos") "init r float 4 rand\n" LAYER "c = Relu(u)\n" NORM, "y lowered producer-not-linear"},
    {"Relu and a positive Mul", LAYER "init k float 4,1,1 pos; c = Relu(u); y = Mul(c, k)\n", FOLDS},
    {"LeakyRelu", NO_SHIFT("pos") LAYER "c = LeakyRelu(u) alpha=0.2\n" NORM, FOLDS},
    {"PRelu", NO_SHIFT("pos") LAYER "init e float 4,1,1 rand; c = PRelu(u, e)\n" NORM, FOLDS},
    {"PRelu, a negative scale", NO_SHIFT(MIXED) LAYER "init e float 1 0.25; c = PRelu(u, e)\n" NORM,
        "y lowered negative-scale"},
    {"PRelu of operator set 6", "opset 6\n" NO_SHIFT("pos") LAYER "init e float 4 rand; c = PRelu(u, e)\n"
        "y = BatchNormalization(c, s, b, m, v) is_test=1\n", FOLDS},
    {"Relu in float16", "in x float16 2,3,5,6; out y; init W float16 4,3,1,1 rand; init s float16 4 pos\n"
        "init b float16 4 zeros; init v float16 4 pos; u = Conv(x, W); c = Relu(u)\n"
        "y = BatchNormalization(c, s, b, b, v)\n", FOLDS},
    {"Relu, a scale along rows", LAYER "init k float 6 pos; c = Relu(u); y = Mul(c, k)\n", ""},
    {"Relu, forward into a padded layer", ENDS NO_SHIFT("pos") NORM "q = Relu(y); z = Conv(q, W) pads=[1,1,1,1]\n",
        FRONT_FOLDS},
    {"Relu, forward, a negative scale", ENDS NO_SHIFT(MIXED) NORM "q = Relu(y); z = Conv(q, W)\n",
        "y lowered negative-scale"},
    {"Relu, forward, a shift", ENDS STATS(4, "pos") NORM "i = Identity(y); q = Relu(i); z = Conv(q, W)\n",
        "y lowered consumer-not-linear"},
    {"Relu beside a layer, forward, a shift", ENDS "out o\n" STATS(4, "rand") NORM
        "i = Identity(y); o = Relu(i); z = Conv(i, W)\n", "y lowered consumer-shared"},
    {"LeakyRelu and PRelu, forward", ENDS NO_SHIFT("pos") NORM
        "init e float 4,1,1 rand; q = LeakyRelu(y); r = PRelu(q, e); z = Conv(r, W)\n", FRONT_FOLDS},
    {"PRelu, forward, the slope has the affine", "in c float 2,4,5,6; in d float 2,4,5,6; out z\n" NO_SHIFT("pos") NORM
        "i = Identity(y); z = PRelu(d, i)\n", "y lowered consumer-not-linear"},
    {"PRelu, forward, both have the affine", "in c float 2,4,5,6; out z\n" NO_SHIFT("pos") NORM
        "i = Identity(y); z = PRelu(i, i)\n", "y lowered consumer-not-linear"},
    {"Neg", BACK "c = Neg(u)\n" NORM, FOLDS},
    {"Neg behind a maximum: it stays, or the scale turns negative", STATS(4, "pos") LAYER
        "p = MaxPool(u) kernel_shape=[2,2]; c = Neg(p)\n" NORM, FOLDS},
    {"Neg joins, and the scale turns positive", STATS(4, "-1 -2 -0.5 -3") LAYER
        "p = MaxPool(u) kernel_shape=[2,2]; c = Neg(p)\n" NORM, FOLDS},
    {"Neg, a scalar", LAYER "init k float () 0.5; c = Neg(u); y = Mul(c, k)\n", FOLDS},
    {"Neg, forward", FRONT "q = Neg(y); z = Conv(q, W)\n", FRONT_FOLDS},
    {"Neg, forward, a negative scale for a maximum", ENDS STATS(4, "-1 -2 -0.5 -3") NORM
        "n = Neg(y); q = MaxPool(n) kernel_shape=[2,2]; z = Conv(q, W)\n", FRONT_FOLDS},
    {"Neg, forward, it stays", ENDS STATS(4, "pos") NORM
        "n = Neg(y); q = MaxPool(n) kernel_shape=[2,2]; z = Conv(q, W)\n", FRONT_FOLDS},
    {"Neg of an output", BACK "out c; c = Neg(u)\n" NORM, "y lowered producer-is-output"},
};

static void check(const struct foldcase *table, size_t count)
{
    assert_int_equal(foldcase_table(table, count), 0);
}

static void test_pad(void **state)
{
    (void)state;
    check(pad_cases, COUNT(pad_cases));
}

static void test_resize(void **state)
{
    (void)state;
    check(resize_cases, COUNT(resize_cases));
}

static void test_activation(void **state)
{
    (void)state;
    check(activation_cases, COUNT(activation_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pad), cmocka_unit_test(test_resize), cmocka_unit_test(test_activation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
