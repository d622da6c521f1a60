/* Attacks on the proof: maps through operators that work along axes, and through those that move elements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/attack.h"

/* ---- what is put around a value ---- */

#define PAD_X "in x float 1,2,4; out y; init p int64 6 0 0 1 0 0 1\n"

static void test_pads(void **state)
{
    (void)state;
    static const struct attack cases[] = {
        {"a shift in front of a Pad, another that varies along it behind",
            PAD_X "init t float 6 1 2 3 4 5 6; c = Pad(x, p); y = Add(c, t)",
            PAD_X "init t float 6 0.5 1.5 2.5 3.5 4.5 5.5; init h float () 0.5\n"
                  "d = Add(x, h); c = Pad(d, p, h); y = Add(c, t)",
            PAD_X "init t float 6 0.5 1.5 2.5 3.5 4.5 5.5; init h float () 0.5; init f float () 1\n"
                  "d = Add(x, h); c = Pad(d, p, f); y = Add(c, t)"},
        {"a scale in front of a Pad, signs that vary along it behind",
            PAD_X "init t float 6 2 -2 2 -2 2 -2; init f float () 3; c = Pad(x, p, f); y = Mul(c, t)",
            PAD_X "init t float 6 1 -1 1 -1 1 -1; init f float () 6; init h float () 2\n"
                  "d = Mul(x, h); c = Pad(d, p, f); y = Mul(c, t)",
            PAD_X "init t float 6 1 -1 1 -1 1 -1; init f float () 3; init h float () 2\n"
                  "d = Mul(x, h); c = Pad(d, p, f); y = Mul(c, t)"},
        {"a scale that varies along the Pad",
            PAD_X "init t float 6 2 4 2 4 2 4; init f float () 3; c = Pad(x, p, f); y = Mul(c, t)", NULL,
            PAD_X "init t float 6 1 2 1 2 1 2; init f float () 3; init h float () 2\n"
                  "d = Mul(x, h); c = Pad(d, p, f); y = Mul(c, t)"},
        {"a shift behind a Pad with zeros", PAD_X "init t float () 3; c = Pad(x, p); y = Add(c, t)",
            PAD_X "init t float () 3; c = Add(x, t); y = Pad(c, p, t)",
            PAD_X "init t float () 3; c = Add(x, t); y = Pad(c, p)"},
        {"a shift by channels and one number around",
            PAD_X "init t float 2,1 3 4; c = Pad(x, p); y = Add(c, t)", NULL,
            PAD_X "init t float 2,1 3 4; init f float () 3; c = Add(x, t); y = Pad(c, p, f)"},
        {"edges take a shift, in another mode",
            PAD_X "init t float () 3; c = Pad(x, p) mode='edge'; y = Add(c, t)",
            PAD_X "init t float () 3; c = Add(x, t); y = Pad(c, p) mode='edge'",
            PAD_X "init t float () 3; c = Add(x, t); y = Pad(c, p) mode='reflect'"},
        {"pads that are negative at one end",
            "in x float 1,2,4; out y; init p int64 6 0 0 -1 0 0 1; init t float () 3; c = Pad(x, p); y = "
            "Add(c, t)",
            "in x float 1,2,4; out y; init p int64 6 0 0 -1 0 0 1; init t float () 3; c = Add(x, t); y = "
            "Pad(c, p, t)",
            "in x float 1,2,4; out y; init p int64 6 0 0 -1 0 0 1; init t float () 3; c = Add(x, t); y = "
            "Pad(c, p)"},
        {"pads that only take away, on the other side",
            "in x float 1,2,4; out y; init p int64 6 0 0 -1 0 0 0; init t float () 3; c = Pad(x, p); y = "
            "Add(c, t)",
            "in x float 1,2,4; out y; init p int64 6 0 0 -1 0 0 0; init t float () 3; c = Add(x, t); y = "
            "Pad(c, p)",
            "in x float 1,2,4; out y; init p int64 6 0 0 0 0 0 -1; init t float () 3; c = Add(x, t); y = "
            "Pad(c, p)"},
        {"channels are padded",
            "in x float 1,2,4; out y; init p int64 6 0 1 0 0 0 0; init t float 3,1 5 2 2; c = Pad(x, p); y = "
            "Mul(c, t)",
            NULL,
            "in x float 1,2,4; out y; init p int64 6 0 1 0 0 0 0; init t float 2,1 5 2; c = Mul(x, t); y = "
            "Pad(c, p)"},
        {"channels are padded and cut",
            "in x float 1,2,4; out y; init p int64 6 0 1 0 0 -1 0; init t float 2,1 5 2; c = Mul(x, t); y = "
            "Pad(c, p)",
            NULL,
            "in x float 1,2,4; out y; init p int64 6 0 1 0 0 -1 0; init t float 2,1 5 2; c = Pad(x, p); y = "
            "Mul(c, t)"},
        {"a Pad that becomes a convolution's own, with a number",
            "in x float 1,2,6; out y; init p int64 6 0 0 1 0 0 1; init f float () 3; init W float 2,2,3 "
            "rand\n"
            "c = Pad(x, p, f); y = Conv(c, W)",
            NULL, "in x float 1,2,6; out y; init W float 2,2,3 rand; y = Conv(x, W) pads=[1,1]"},
        {"a Pad that becomes a convolution's own, at one end",
            "in x float 1,2,6; out y; init p int64 6 0 0 1 0 0 0; init W float 2,2,3 rand\n"
            "c = Pad(x, p); y = Conv(c, W)",
            "in x float 1,2,6; out y; init W float 2,2,3 rand; y = Conv(x, W) pads=[1,0]",
            "in x float 1,2,6; out y; init W float 2,2,3 rand; y = Conv(x, W) pads=[0,1]"},
        {"a Pad that repeats is no padding of a convolution",
            "in x float 1,2,6; out y; init p int64 6 0 0 1 0 0 1; init W float 2,2,3 rand\n"
            "c = Pad(x, p) mode='edge'; y = Conv(c, W)",
            NULL, "in x float 1,2,6; out y; init W float 2,2,3 rand; y = Conv(x, W) pads=[1,1]"},
        {"a Pad of its own and padding of the convolution",
            "in x float 1,2,6; out y; init p int64 6 0 0 1 0 0 1; init t float () 2; init W float 2,2,3 "
            "rand\n"
            "c = Add(x, t); d = Pad(c, p, t); y = Conv(d, W) pads=[1,1]",
            NULL,
            "in x float 1,2,6; out y; init p int64 6 0 0 1 0 0 1; init t float () 2; init W float 2,2,3 "
            "rand\n"
            "d = Pad(x, p); c = Add(d, t); y = Conv(x, W) pads=[2,2]"},
        {"a shift in front of a padded convolution",
            "in x float 1,1,6; out y; init t float () 2; init W float 1,1,3 1 1 1; c = Add(x, t); y = "
            "Conv(c, W)",
            "in x float 1,1,6; out y; init b float 1 6; init W float 1,1,3 1 1 1; y = Conv(x, W, b)",
            "in x float 1,1,6; out y; init b float 1 6; init W float 1,1,3 1 1 1; y = Conv(x, W, b) "
            "pads=[0,1]"},
        {"a shift in front of a padded convolution, as its bias",
            "in x float 1,1,6; out y; init t float () 2; init W float 1,1,3 1 1 1; c = Add(x, t); y = "
            "Conv(c, W) pads=[1,1]",
            NULL,
            "in x float 1,1,6; out y; init b float 1 6; init W float 1,1,3 1 1 1; y = Conv(x, W, b) "
            "pads=[1,1]"},
        {"padded by auto_pad",
            "in x float 1,1,6; out y; init t float () 2; init W float 1,1,3 1 1 1; c = Add(x, t); y = "
            "Conv(c, W) auto_pad='SAME_UPPER'",
            NULL,
            "in x float 1,1,6; out y; init b float 1 6; init W float 1,1,3 1 1 1; y = Conv(x, W, b) "
            "auto_pad='SAME_UPPER'"},
        {"upper is not lower",
            "in x float 1,1,6; out y; init W float 1,1,2 1 2; init s float () 2; c = Conv(x, W) "
            "auto_pad='SAME_UPPER'; y = Mul(c, s)",
            "in x float 1,1,6; out y; init W float 1,1,2 2 4; y = Conv(x, W) auto_pad='SAME_UPPER'",
            "in x float 1,1,6; out y; init W float 1,1,2 2 4; y = Conv(x, W) auto_pad='SAME_LOWER'"},
    };
    ATTACK(cases);
}

/* ---- pools, rectifiers, reductions ---- */

static void test_pools(void **state)
{
    (void)state;
#define S2 "init s float 2,1,1 2 3; "
#define N2 "init s float 2,1,1 2 -3; "
#define T0 "init s float () 3; "
#define X4 "in x float 1,2,4,4; out y; "
#define XN "in x float N,2,H,W; out y; "
    static const struct attack cases[] = {
        {"negative through MaxPool", X4 N2 "c = MaxPool(x) kernel_shape=[2,2]; y = Mul(c, s)", NULL,
            X4 N2 "c = Mul(x, s); y = MaxPool(c) kernel_shape=[2,2]"},
        {"positive through MaxPool, other window", XN S2 "c = MaxPool(x) kernel_shape=[2,2]; y = Mul(c, s)",
            XN S2 "c = Mul(x, s); y = MaxPool(c) kernel_shape=[2,2]",
            XN S2 "c = Mul(x, s); y = MaxPool(c) kernel_shape=[2,2] strides=[1,2]"},
        {"negative through GlobalMaxPool", X4 N2 "c = GlobalMaxPool(x); y = Mul(c, s)", NULL,
            X4 N2 "c = Mul(x, s); y = GlobalMaxPool(c)"},
        {"negative through ReduceMax", X4 N2 "c = ReduceMax(x) axes=[2,3]; y = Mul(c, s)", NULL,
            X4 N2 "c = Mul(x, s); y = ReduceMax(c) axes=[2,3]"},
        {"negative makes a minimum of a maximum",
            X4 "init s float () -2; c = ReduceMax(x) axes=[2,3]; y = Mul(c, s)", NULL,
            X4 "init s float () -2; c = Mul(x, s); y = ReduceMax(c) axes=[2,3]"},
        {"negative through Relu", X4 "init s float () -1e-30; c = Relu(x); y = Mul(c, s)", NULL,
            X4 "init s float () -1e-30; c = Mul(x, s); y = Relu(c)"},
        {"Neg through Relu", X4 "c = Relu(x); y = Neg(c)", NULL, X4 "c = Neg(x); y = Relu(c)"},
        {"one channel of many is negative, and tiny",
            X4 "init s float 2,1,1 1 -1e-38; c = Relu(x); y = Mul(c, s)", NULL,
            X4 "init s float 2,1,1 1 -1e-38; c = Mul(x, s); y = Relu(c)"},
        {"shift through Relu", X4 T0 "c = Relu(x); y = Add(c, s)", NULL, X4 T0 "c = Add(x, s); y = Relu(c)"},
        {"tiny shift through Relu", X4 "init s float () 1e-40; c = Relu(x); y = Add(c, s)", NULL,
            X4 "init s float () 1e-40; c = Add(x, s); y = Relu(c)"},
        {"negative through LeakyRelu", X4 N2 "c = LeakyRelu(x) alpha=0.5; y = Mul(c, s)", NULL,
            X4 N2 "c = Mul(x, s); y = LeakyRelu(c) alpha=0.5"},
        {"another slope", X4 S2 "c = LeakyRelu(x) alpha=0.5; y = Mul(c, s)",
            X4 S2 "c = Mul(x, s); y = LeakyRelu(c) alpha=0.5",
            X4 S2 "c = Mul(x, s); y = LeakyRelu(c) alpha=0.50001"},
        {"another slope by default", X4 S2 "c = LeakyRelu(x) alpha=0.02; y = Mul(c, s)",
            X4 S2 "c = Mul(x, s); y = LeakyRelu(c) alpha=0.02", X4 S2 "c = Mul(x, s); y = LeakyRelu(c)"},
        {"another slope of PRelu", X4 S2 "init a float 2,1,1 0.5 0.25; c = PRelu(x, a); y = Mul(c, s)",
            X4 S2 "init a float 2,1,1 0.5 0.25; c = Mul(x, s); y = PRelu(c, a)",
            X4 S2 "init a float 2,1,1 0.25 0.5; c = Mul(x, s); y = PRelu(c, a)"},
        {"the slope of PRelu scaled as well",
            X4 S2 "init a float 2,1,1 0.5 0.25; c = PRelu(x, a); y = Mul(c, s)", NULL,
            X4 S2 "init a float 2,1,1 1 0.75; c = Mul(x, s); y = PRelu(c, a)"},
        {"counted padding",
            X4 T0 "c = AveragePool(x) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1; y = Add(c, s)",
            NULL,
            X4 T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1"},
        {"counted padding at the far end only",
            X4 T0 "c = AveragePool(x) kernel_shape=[2,2] strides=[2,2] pads=[0,0,0,1] count_include_pad=1 "
                  "ceil_mode=1; y = Add(c, s)",
            NULL,
            X4 T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] strides=[2,2] pads=[0,0,0,1] "
                  "count_include_pad=1 ceil_mode=1"},
        {"padding that is not counted, and counted",
            X4 T0 "c = AveragePool(x) kernel_shape=[2,2] pads=[1,1,1,1]; y = Add(c, s)",
            X4 T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] pads=[1,1,1,1]",
            X4 T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1"},
        {"windows that hang over",
            "in x float 1,2,5,5; out y; " T0 "c = AveragePool(x) kernel_shape=[2,2] strides=[2,2] "
            "ceil_mode=1 count_include_pad=1; y = Add(c, s)",
            NULL,
            "in x float 1,2,5,5; out y; " T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] "
            "strides=[2,2] ceil_mode=1 count_include_pad=1"},
        {"windows that may hang over",
            XN T0 "c = AveragePool(x) kernel_shape=[2,2] strides=[2,2] ceil_mode=1 count_include_pad=1; y = "
                  "Add(c, s)",
            NULL,
            XN T0 "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] strides=[2,2] ceil_mode=1 "
                  "count_include_pad=1"},
        {"auto_pad counts as well",
            XN T0
            "c = AveragePool(x) kernel_shape=[2,2] auto_pad='SAME_UPPER' count_include_pad=1; y = Add(c, s)",
            NULL,
            XN T0
            "c = Add(x, s); y = AveragePool(c) kernel_shape=[2,2] auto_pad='SAME_UPPER' count_include_pad=1"},
        {"rounding up and down",
            XN S2 "c = AveragePool(x) kernel_shape=[2,2] strides=[2,2] ceil_mode=1; y = Mul(c, s)",
            XN S2 "c = Mul(x, s); y = AveragePool(c) kernel_shape=[2,2] strides=[2,2] ceil_mode=1",
            XN S2 "c = Mul(x, s); y = AveragePool(c) kernel_shape=[2,2] strides=[2,2]"},
        {"largest for average", XN S2 "c = GlobalAveragePool(x); y = Mul(c, s)",
            XN S2 "c = Mul(x, s); y = GlobalAveragePool(c)", XN S2 "c = Mul(x, s); y = GlobalMaxPool(c)"},
        {"sum for mean", X4 T0 "c = ReduceMean(x) axes=[2,3]; y = Add(c, s)",
            X4 T0 "c = Add(x, s); y = ReduceMean(c) axes=[2,3]",
            X4 T0 "init r int64 2 2 3; c = Add(x, s); y = ReduceSum(c, r)"},
        {"the number of terms forgotten", X4 T0 "init r int64 2 2 3; c = ReduceSum(x, r); y = Add(c, s)",
            X4 "init q float () 0.1875; init r int64 2 2 3; c = Add(x, q); y = ReduceSum(c, r)",
            X4 T0 "init r int64 2 2 3; c = Add(x, s); y = ReduceSum(c, r)"},
        {"the number of terms is not known", XN T0 "init r int64 2 2 3; c = ReduceSum(x, r); y = Add(c, s)",
            NULL, XN T0 "init r int64 2 2 3; c = Add(x, s); y = ReduceSum(c, r)"},
        {"the terms of one axis for those of the other",
            "in x float 1,2,4,3; out y; " T0 "init r int64 1 2; c = ReduceSum(x, r); y = Add(c, s)",
            "in x float 1,2,4,3; out y; init q float () 0.75; init r int64 1 2; c = Add(x, q); y = "
            "ReduceSum(c, r)",
            "in x float 1,2,4,3; out y; init q float () 1; init r int64 1 3; c = Add(x, q); y = ReduceSum(c, "
            "r)"},
        {"another axis of the same extent", X4 S2 "c = ReduceMean(x) axes=[2]; y = Mul(c, s)",
            X4 S2 "c = Mul(x, s); y = ReduceMean(c) axes=[2]",
            X4 S2 "c = Mul(x, s); y = ReduceMean(c) axes=[3]"},
        {"axes vanish, and the scale moves to another one",
            "in x float 1,2,2,4; out y; init s float 2,1 2 3; c = ReduceMean(x) axes=[1] keepdims=0; y = "
            "Mul(c, s)",
            "in x float 1,2,2,4; out y; init s float 2,1 2 3; c = Mul(x, s); y = ReduceMean(c) axes=[1] "
            "keepdims=0",
            "in x float 1,2,2,4; out y; init s float 2,1,1 2 3; c = Mul(x, s); y = ReduceMean(c) axes=[1] "
            "keepdims=0"},
        {"no axes are all axes, or none",
            "opset 18; in x float 2,2; out y; " T0 "c = ReduceMean(x) noop_with_empty_axes=1; y = Add(c, s)",
            "opset 18; in x float 2,2; out y; " T0 "c = Add(x, s); y = ReduceMean(c) noop_with_empty_axes=1",
            "opset 18; in x float 2,2; out y; " T0 "c = Add(x, s); y = ReduceMean(c)"},
        {"axes that are computed",
            "in x float 2,2; in r int64 1; out y; " T0 "c = ReduceSum(x, r); y = Add(c, s)", NULL,
            "in x float 2,2; in r int64 1; out y; " T0 "c = Add(x, s); y = ReduceSum(c, r)"},
        {"axes that are computed elsewhere",
            "in x float 2,2; in r int64 1; in q int64 1; out y; init s float () 3; c = ReduceSum(x, r); y = "
            "Mul(c, s)",
            "in x float 2,2; in r int64 1; in q int64 1; out y; init s float () 3; c = Mul(x, s); y = "
            "ReduceSum(c, r)",
            "in x float 2,2; in r int64 1; in q int64 1; out y; init s float () 3; c = Mul(x, s); y = "
            "ReduceSum(c, q)"},
    };
    ATTACK(cases);
}

/* ---- resizing, repeating, moving ---- */

static void test_moves(void **state)
{
    (void)state;
    static const struct attack cases[] = {
        {"another way of resizing",
            X4 S2 "init z float 4 1 1 2 2; c = Resize(x, _, z) mode='linear'; y = Mul(c, s)",
            X4 S2 "init z float 4 1 1 2 2; c = Mul(x, s); y = Resize(c, _, z) mode='linear'",
            X4 S2 "init z float 4 1 1 2 2; c = Mul(x, s); y = Resize(c, _, z) mode='nearest'"},
        {"channels are resized",
            "in x float 1,2,4; out y; init s float 4,1 2 2 3 3; init z float 3 1 2 1; c = Resize(x, _, z) "
            "mode='nearest'; y = Mul(c, s)",
            NULL,
            "in x float 1,2,4; out y; init s float 2,1 2 3; init z float 3 1 2 1; c = Mul(x, s); y = "
            "Resize(c, _, z) mode='linear'"},
        {"cropping fills with a number",
            "in x float 1,2,4; out y; init s float () 3; init r float 6 0 0 0 1 1 2; init z int64 3 1 2 4\n"
            "c = Resize(x, r, _, z) coordinate_transformation_mode='tf_crop_and_resize' "
            "extrapolation_value=5.0; y = Add(c, s)",
            NULL,
            "in x float 1,2,4; out y; init s float () 3; init r float 6 0 0 0 1 1 2; init z int64 3 1 2 4; c "
            "= Add(x, s)\n"
            "y = Resize(c, r, _, z) coordinate_transformation_mode='tf_crop_and_resize' "
            "extrapolation_value=5.0"},
        {"cubic weights outside are left out",
            "in x float 1,2,4; out y; init s float () 3; init z float 3 1 1 2; c = Resize(x, _, z) "
            "mode='cubic' exclude_outside=1; y = Add(c, s)",
            "in x float 1,2,4; out y; init s float () 3; init z float 3 1 1 2; c = Add(x, s); y = Resize(c, "
            "_, z) mode='cubic' exclude_outside=1",
            "in x float 1,2,4; out y; init s float () 3; init z float 3 1 1 2; c = Add(x, s); y = Resize(c, "
            "_, z) mode='cubic'"},
        {"expanding along the channels",
            "in x float 2,1,3; out y; init s float 4,1 1 2 3 4; init e int64 3 2 4 3; c = Expand(x, e); y = "
            "Mul(c, s)",
            NULL,
            "in x float 2,1,3; out y; init s float 2,1,1 1 2; init e int64 3 2 4 3; c = Mul(x, s); y = "
            "Expand(c, e)"},
        {"expanding, another axis of the same extent",
            "in x float 2,2,1; out y; init s float 2,1 1 2; init e int64 3 2 2 5; c = Expand(x, e); y = "
            "Mul(c, s)",
            "in x float 2,2,1; out y; init s float 2,1 1 2; init e int64 3 2 2 5; c = Mul(x, s); y = "
            "Expand(c, e)",
            "in x float 2,2,1; out y; init s float 2,1,1 1 2; init e int64 3 2 2 5; c = Mul(x, s); y = "
            "Expand(c, e)"},
        {"repeating channels",
            "in x float 1,2,3; out y; init s float 4,1 2 3 2 3; init r int64 3 1 2 1; c = Tile(x, r); y = "
            "Mul(c, s)",
            NULL,
            "in x float 1,2,3; out y; init s float 2,1 3 2; init r int64 3 1 2 1; c = Mul(x, s); y = Tile(c, "
            "r)"},
        {"repeating otherwise",
            "in x float N,2,3; out y; init s float () 3; init r int64 3 1 2 1; c = Tile(x, r); y = Mul(c, s)",
            "in x float N,2,3; out y; init s float () 3; init r int64 3 1 2 1; c = Mul(x, s); y = Tile(c, r)",
            "in x float N,2,3; out y; init s float () 3; init r int64 3 1 1 2; c = Mul(x, s); y = Tile(c, "
            "r)"},
        {"a symbol that may be 1 is expanded",
            "in x float H,3; in e int64 2; out y; init s float 2,1 1 2; c = Expand(x, e); y = Mul(c, s)",
            NULL,
            "in x float H,3; in e int64 2; out y; init s float 2,1 1 2; c = Mul(x, s); y = Expand(c, e)"},
        {"transposed otherwise",
            "in x float 2,2,2; out y; init s float 2,1 1 2; c = Transpose(x) perm=[1,0,2]; y = Mul(c, s)",
            "in x float 2,2,2; out y; init s float 2,1,1 1 2; c = Mul(x, s); y = Transpose(c) perm=[1,0,2]",
            "in x float 2,2,2; out y; init s float 2,1,1 1 2; c = Mul(x, s); y = Transpose(c) perm=[2,0,1]"},
        {"transposed, the scale stays on its axis",
            "in x float 2,2,2; out y; init s float 2,1 1 2; c = Transpose(x) perm=[1,2,0]; y = Mul(c, s)",
            "in x float 2,2,2; out y; init s float 2 1 2; c = Mul(x, s); y = Transpose(c) perm=[1,2,0]",
            "in x float 2,2,2; out y; init s float 2,1,1 1 2; c = Mul(x, s); y = Transpose(c) perm=[1,2,0]"},
        {"transposed by default",
            "in x float 2,2,2; out y; init s float 2 1 2; c = Transpose(x); y = Mul(c, s)",
            "in x float 2,2,2; out y; init s float 2,1,1 1 2; c = Mul(x, s); y = Transpose(c)",
            "in x float 2,2,2; out y; init s float 2 1 2; c = Mul(x, s); y = Transpose(c)"},
        {"regrouped, the fast axis first",
            "in x float 2,4; out y; init z int64 3 2 2 2; init s float 2,1 1 2; c = Reshape(x, z); y = "
            "Mul(c, s)",
            "in x float 2,4; out y; init z int64 3 2 2 2; init s float 4 1 1 2 2; c = Mul(x, s); y = "
            "Reshape(c, z)",
            "in x float 2,4; out y; init z int64 3 2 2 2; init s float 4 1 2 1 2; c = Mul(x, s); y = "
            "Reshape(c, z)"},
        {"regrouped with an open batch",
            "in x float N,4; out y; init z int64 2 -1 2; init s float 2 1 2; c = Reshape(x, z); y = Mul(c, "
            "s)",
            "in x float N,4; out y; init z int64 2 -1 2; init s float 4 1 2 1 2; c = Mul(x, s); y = "
            "Reshape(c, z)",
            "in x float N,4; out y; init z int64 2 -1 2; init s float 4 1 1 2 2; c = Mul(x, s); y = "
            "Reshape(c, z)"},
        {"regrouped across an open batch",
            "in x float N,3,4; out y; init z int64 3 3 -1 4; init s float 3,1,1 1 2 3; c = Reshape(x, z); y "
            "= Mul(c, s)",
            NULL,
            "in x float N,3,4; out y; init z int64 3 3 -1 4; init s float 3,1 1 2 3; c = Mul(x, s); y = "
            "Reshape(c, z)"},
        {"regrouped, a symbol in the middle",
            "in x float 3,N,3; out y; init z int64 3 3 -1 3; init s float 3,1,1 1 2 3; c = Reshape(x, z); y "
            "= Mul(c, s)",
            NULL,
            "in x float 3,N,3; out y; init z int64 3 3 -1 3; init s float 3 1 2 3; c = Mul(x, s); y = "
            "Reshape(c, z)"},
        {"zeros copy extents",
            "in x float 2,2,3; out y; init z int64 3 0 0 -1; init s float 2,1 1 2; c = Reshape(x, z); y = "
            "Mul(c, s)",
            "in x float 2,2,3; out y; init z int64 3 0 0 -1; init s float 2,1 1 2; c = Mul(x, s); y = "
            "Reshape(c, z)",
            "in x float 2,2,3; out y; init z int64 3 0 0 -1; init s float 2,1,1 1 2; c = Mul(x, s); y = "
            "Reshape(c, z)"},
        {"flattened at another axis",
            "in x float 2,1,2,3; out y; init s float () 2; c = Flatten(x) axis=1; y = Mul(c, s)",
            "in x float 2,1,2,3; out y; init s float () 2; c = Mul(x, s); y = Flatten(c) axis=1",
            "in x float 2,1,2,3; out y; init s float () 2; c = Mul(x, s); y = Flatten(c) axis=3"},
        {"flattened, channels confused",
            "in x float N,2,2; out y; init s float 4 1 2 1 2; c = Flatten(x); y = Mul(c, s)",
            "in x float N,2,2; out y; init s float 2 1 2; c = Mul(x, s); y = Flatten(c)",
            "in x float N,2,2; out y; init s float 2,1 1 2; c = Mul(x, s); y = Flatten(c)"},
        {"squeezed at another axis of extent 1",
            "in x float 2,1,2,1; out y; init a int64 1 1; init s float () 2; c = Squeeze(x, a); y = Mul(c, "
            "s)",
            "in x float 2,1,2,1; out y; init a int64 1 1; init s float () 2; c = Mul(x, s); y = Squeeze(c, "
            "a)",
            "in x float 2,1,2,1; out y; init a int64 1 3; init s float () 2; c = Mul(x, s); y = Squeeze(c, "
            "a)"},
        {"squeezed, the scale on the wrong axis",
            "in x float 2,1,2; out y; init a int64 1 1; init s float 2 1 2; c = Squeeze(x, a); y = Mul(c, s)",
            "in x float 2,1,2; out y; init a int64 1 1; init s float 2 1 2; c = Mul(x, s); y = Squeeze(c, a)",
            "in x float 2,1,2; out y; init a int64 1 1; init s float 2,1,1 1 2; c = Mul(x, s); y = "
            "Squeeze(c, a)"},
        {"unsqueezed elsewhere",
            "in x float 2,2; out y; init a int64 1 1; init s float 2,1,1 1 2; c = Unsqueeze(x, a); y = "
            "Mul(c, s)",
            "in x float 2,2; out y; init a int64 1 1; init s float 2,1 1 2; c = Mul(x, s); y = Unsqueeze(c, "
            "a)",
            "in x float 2,2; out y; init a int64 1 1; init s float 2 1 2; c = Mul(x, s); y = Unsqueeze(c, "
            "a)"},
        {"blocks by rows and by columns",
            "in x float 1,8,2,2; out y; init s float 2,1,1 2 3; c = DepthToSpace(x) blocksize=2; y = Mul(c, "
            "s)",
            "in x float 1,8,2,2; out y; init s float 8,1,1 2 3 2 3 2 3 2 3; c = Mul(x, s); y = "
            "DepthToSpace(c) blocksize=2",
            "in x float 1,8,2,2; out y; init s float 8,1,1 2 2 2 2 3 3 3 3; c = Mul(x, s); y = "
            "DepthToSpace(c) blocksize=2"},
        {"blocks in the other order",
            "in x float 1,8,2,2; out y; init s float 2,1,1 2 3; c = DepthToSpace(x) blocksize=2 mode='CRD'; "
            "y = Mul(c, s)",
            "in x float 1,8,2,2; out y; init s float 8,1,1 2 2 2 2 3 3 3 3; c = Mul(x, s); y = "
            "DepthToSpace(c) blocksize=2 mode='CRD'",
            "in x float 1,8,2,2; out y; init s float 8,1,1 2 3 2 3 2 3 2 3; c = Mul(x, s); y = "
            "DepthToSpace(c) blocksize=2 mode='DCR'"},
        {"space to depth, channels confused",
            "in x float 1,2,4,4; out y; init s float 8,1,1 2 3 2 3 2 3 2 3; c = SpaceToDepth(x) blocksize=2; "
            "y = Mul(c, s)",
            "in x float 1,2,4,4; out y; init s float 2,1,1 2 3; c = Mul(x, s); y = SpaceToDepth(c) "
            "blocksize=2",
            "in x float 1,2,4,4; out y; init s float 2,1,1 3 2; c = Mul(x, s); y = SpaceToDepth(c) "
            "blocksize=2"},
        {"space to depth, a scale that differs within a block",
            "in x float 1,2,4,4; out y; init s float 8,1,1 2 3 2 3 2 3 2 4; c = SpaceToDepth(x) blocksize=2; "
            "y = Mul(c, s)",
            NULL,
            "in x float 1,2,4,4; out y; init s float 2,1,1 2 3; c = Mul(x, s); y = SpaceToDepth(c) "
            "blocksize=2"},
    };
    ATTACK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pads),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
