/* The proof on pairs of small models: layers and the affines around them. Numbers are chosen so that the
 * exact result is exact in the stored type: epsilon 0, variances 4 and 16, powers of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "support/proofcase.h"

/* ---- pieces ---- */

/* scale 1 -1, shift -4 10 */
#define NORM "init g float 2 2 -4; init be float 2 1 3; init m float 2 5 7; init v float 2 4 16\n"
#define CONV_BN                                                         \
    "in x float 1,2,4,4; out y\n" NORM "init W float 2,2,1,1 1 2 3 4\n" \
    "c = Conv(x, W); b = BatchNormalization(c, g, be, m, v) epsilon=0.0; y = Relu(b)\n"
#define CONV_FOLDED "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 -3 -4; init B float 2 -4 10\n"

#define IN "in x float 1,2,4,4; out y\n"

static void test_folds(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"conv", CONV_BN, CONV_FOLDED "b = Conv(x, W, B); y = Relu(b)", PROVED, NULL, 0, 0},
        {"conv, the wrong name survives", CONV_BN, CONV_FOLDED "c = Conv(x, W, B); y = Relu(c)", PROVED, NULL,
            0, 0},
        {"conv, no name survives", CONV_BN, CONV_FOLDED "q = Conv(x, W, B); y = Relu(q)", PROVED, NULL, 0, 0},
        {"conv, weight forgotten", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; init B float 2 -4 10\n"
            "b = Conv(x, W, B); y = Relu(b)",
            REFUTED, "weight of output channel 1 at [1,0,0,0] is 3 instead of -3", 0, 0},
        {"conv, bias forgotten", CONV_BN, CONV_FOLDED "b = Conv(x, W); y = Relu(b)", REFUTED,
            "bias of output channel 1 is 0 instead of 10", 0, 0},
        {"BN dropped", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; b = Conv(x, W); y = Relu(b)", REFUTED,
            NULL, 0, 0},
        {"BN twice", CONV_BN,
            CONV_FOLDED NORM
            "c = Conv(x, W, B); b = BatchNormalization(c, g, be, m, v) epsilon=0.0; y = Relu(b)",
            REFUTED, NULL, 0, 0},
        {"channels swapped", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 -3 -4 1 2; init B float 2 10 -4\n"
            "b = Conv(x, W, B); y = Relu(b)",
            REFUTED, NULL, 0, 0},
        {"conv read twice, folded copy", CONV_BN "out c",
            "in x float 1,2,4,4; out y; out c; init V float 2,2,1,1 1 2 3 4\n"
            "init W float 2,2,1,1 1 2 -3 -4; init B float 2 -4 10\n"
            "b = Conv(x, W, B); y = Relu(b); c = Conv(x, V)",
            PROVED, NULL, 0, 0},
        {"shared weight clobbered",
            "in x float 1,2,4,4; out y; out z\n" NORM "init W float 2,2,1,1 1 2 3 4\n"
            "c = Conv(x, W); y = BatchNormalization(c, g, be, m, v) epsilon=0.0; z = Conv(x, W)",
            CONV_FOLDED "out z; y = Conv(x, W, B); z = Conv(x, W)", REFUTED, "output channel 1", 0, 0},
        {"lowered to a depthwise convolution",
            "in x float 1,2,4,4; out y; r = Relu(x)\n" NORM
            "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; r = Relu(x); init W float 2,1,1,1 1 -1; init B float 2 -4 10\n"
            "y = Conv(r, W, B) group=2",
            PROVED, NULL, 0, 0},
        {"lowered to Mul and Add",
            "in x float 1,2,4,4; out y; r = Relu(x)\n" NORM
            "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; r = Relu(x); init s float 2,1,1 1 -1; init t float 2,1,1 -4 10\n"
            "p = Mul(s, r); y = Add(p, t)",
            PROVED, NULL, 0, 0},
        {"lowered onto the wrong axis",
            "in x float 1,2,2,2; out y; r = Relu(x)\n" NORM
            "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,2,2; out y; r = Relu(x); init s float 2 1 -1; init t float 2 -4 10\n"
            "p = Mul(r, s); y = Add(p, t)",
            REFUTED, "axis 3", 0, 0},
        {"decomposed: Sub, Div, Neg",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; init a float 2,1,1 1 2; init d float "
            "2,1,1 2 4\n"
            "c = Conv(x, W); e = Sub(a, c); f = Div(e, d); y = Neg(f)",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 0.5 1 0.75 1; init B float 2 -0.5 -0.5; y = "
            "Conv(x, W, B)",
            PROVED, NULL, 0, 0},
        {"identity and dropout on the way", CONV_BN,
            CONV_FOLDED "i = Identity(x); q = Conv(i, W, B); d = Dropout(q); y = Relu(d)", PROVED, NULL, 0,
            0},
        {"grouped transposed convolution",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"
            "init g float 4 1 2 4 8; init be float 4 1 2 3 4; init m float 4 0 0 0 0; init v float 4 1 1 1 "
            "1\n"
            "c = ConvTranspose(x, W) group=2; y = BatchNormalization(c, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 4 12 32; init B float 4 1 2 3 4\n"
            "y = ConvTranspose(x, W, B) group=2",
            PROVED, NULL, 0, 0},
        {"grouped transposed convolution scaled as if it had one group",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"
            "init g float 4 1 2 4 8; init be float 4 1 2 3 4; init m float 4 0 0 0 0; init v float 4 1 1 1 "
            "1\n"
            "c = ConvTranspose(x, W) group=2; y = BatchNormalization(c, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 4 3 8; init B float 4 1 2 3 4\n"
            "y = ConvTranspose(x, W, B) group=2",
            REFUTED, "output channel", 0, 0},
    };
    RUN(pairs);
}

static void test_products(void **state)
{
    (void)state;
    static const char gemm[] =
        "in x float 3,2; out y\n" NORM "init W float 2,2 1 2 3 4; init C float 1,2 8 16\n"
        "c = Gemm(x, W, C) alpha=0.5 beta=0.25 transB=1; y = BatchNormalization(c, g, be, m, v) epsilon=0.0";
    static const char matmul[] =
        "in x float 5,2,3; out y; init W float 3,2 1 2 3 4 5 6; init s float 2 2 4; init t float 2 1 -1\n"
        "c = MatMul(x, W); d = Mul(c, s); y = Add(d, t)";
    static const char norm_of_three[] =
        "in x float 5,2,2; out y\n" NORM "init W float 2,2 1 2 3 4; c = MatMul(x, W)\n"
        "y = BatchNormalization(c, g, be, m, v) epsilon=0.0";
    static const struct proofcase pairs[] = {
        {"gemm", gemm,
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            PROVED, NULL, 0, 0},
        {"gemm, beta applied to the shift as well", gemm,
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1 beta=0.25",
            REFUTED, "bias", 0, 0},
        {"gemm, the other axis scaled", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -2 3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            REFUTED, "weight", 0, 0},
        {"gemm, weight transposed and told so", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -3 2 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5",
            PROVED, NULL, 0, 0},
        {"gemm, weight transposed in silence", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -3 2 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            REFUTED, "weight", 0, 0},
        {"gemm, bias by rows",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init C float 2,1 1 2; init s float 2 2 4\n"
            "c = Gemm(x, W, C); y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 8 6 16; init C float 2,2 2 4 4 8; y = Gemm(x, W, C)",
            PROVED, NULL, 0, 0},
        {"gemm, bias by rows taken for one by columns",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init C float 2,1 1 2; init s float 2 2 4\n"
            "c = Gemm(x, W, C); y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 8 6 16; init C float 2 2 8; y = Gemm(x, W, C)",
            REFUTED, "bias", 0, 0},
        {"matmul", matmul,
            "in x float 5,2,3; out y; init W float 3,2 2 8 6 16 10 24; init t float 2 1 -1\n"
            "d = MatMul(x, W); y = Add(d, t)",
            PROVED, NULL, 0, 0},
        {"matmul, rows instead of columns",
            "in x float 5,2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 4\n"
            "c = MatMul(x, W); y = Mul(c, s)",
            "in x float 5,2,2; out y; init W float 2,2 2 4 12 16; y = MatMul(x, W)", REFUTED, "weight", 0, 0},
        {"axis 1 of rank 3 is not the last one", norm_of_three,
            "in x float 5,2,2; out y; init W float 2,2 1 -2 3 -4; init t float 2 -4 10\n"
            "d = MatMul(x, W); y = Add(d, t)",
            REFUTED, NULL, 0, 0},
        {"a scale of all passes a shift on another axis",
            "in x float 5,2,3; out y; init W float 3,2 1 2 3 4 5 6; init a float 2,1 1 2; init k float () "
            "0.5\n"
            "c = MatMul(x, W); d = Sub(c, a); y = Div(d, k)",
            "in x float 5,2,3; out y; init W float 3,2 2 4 6 8 10 12; init a float 2,1 2 4; c = MatMul(x, "
            "W); y = Sub(c, a)",
            PROVED, NULL, 0, 0},
        {"a scale of all passes a shift on another axis and leaves it behind",
            "in x float 5,2,3; out y; init W float 3,2 1 2 3 4 5 6; init a float 2,1 1 2; init k float () "
            "0.5\n"
            "c = MatMul(x, W); d = Sub(c, a); y = Div(d, k)",
            "in x float 5,2,3; out y; init W float 3,2 2 4 6 8 10 12; init a float 2,1 1 2; c = MatMul(x, "
            "W); y = Sub(c, a)",
            REFUTED, NULL, 0, 0},
        {"weight on the left",
            "in x float 5,3,2; out y; init W float 2,3 1 2 3 4 5 6; init s float 2,1 2 4\n"
            "c = MatMul(W, x); y = Mul(c, s)",
            "in x float 5,3,2; out y; init W float 2,3 2 4 6 16 20 24; y = MatMul(W, x)", PROVED, NULL, 0, 0},
        {"weight on the left, scaled on the right",
            "in x float 5,2,2; out y; init W float 2,2 1 2 3 4; init s float 2,1 2 4; c = MatMul(W, x); y = "
            "Mul(c, s)",
            "in x float 5,2,2; out y; init W float 2,2 2 8 6 16; y = MatMul(W, x)", REFUTED, "weight", 0, 0},
        {"gemm for matmul and add",
            "in x float 3,2; out y; init W float 2,2 1 2 3 4; init t float 2 5 6; c = MatMul(x, W); y = "
            "Add(c, t)",
            "in x float 3,2; out y; init W float 2,2 1 2 3 4; init t float 2 5 6; y = Gemm(x, W, t)", PROVED,
            NULL, 0, 0},
        {"forward into gemm",
            "in x float 3,2; out y\n" NORM "init W float 2,2 1 2 3 4; init C float 2 1 1; b = "
            "BatchNormalization(x, g, be, m, v) epsilon=0.0\n"
            "y = Gemm(b, W, C)",
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 27 33; y = Gemm(x, W, C)",
            PROVED, NULL, 0, 0},
        {"forward into gemm, one term lost",
            "in x float 3,2; out y\n" NORM "init W float 2,2 1 2 3 4; init C float 2 1 1; b = "
            "BatchNormalization(x, g, be, m, v) epsilon=0.0\n"
            "y = Gemm(b, W, C)",
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 31 33; y = Gemm(x, W, C)",
            REFUTED, "bias of output channel 0 is 31 instead of 27", 0, 0},
        {"A transposed on one side only",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; y = Gemm(x, W) transA=1",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; y = Gemm(x, W)", REFUTED, "product", 0, 0},
        {"a shift in front of several matrices",
            "in x float 2,4,3; out y; init t float 3 1 1 1; init W float 2,3,2 ones; q = Add(x, t); y = "
            "MatMul(q, W)",
            "in x float 2,4,3; out y; init t float 2 6 6; init W float 2,3,2 ones; q = MatMul(x, W); y = "
            "Add(q, t)",
            REFUTED, "has 6 added instead of 3", 0, 0},
        {"a scale in front of several matrices",
            "in x float 2,4,3; out y; init s float 3 1 2 4; init W float 2,3,2 ones; q = Mul(x, s); y = "
            "MatMul(q, W)",
            "in x float 2,4,3; out y; init W float 2,3,2 1 1 2 2 4 4 1 1 2 2 4 4; y = MatMul(x, W)", PROVED,
            NULL, 0, 0},
        {"forward into a transposed A",
            "in x float 2,2; out y\n" NORM "init W float 2,2 1 2 3 4; b = BatchNormalization(x, g, be, m, v) "
            "epsilon=0.0; y = Gemm(b, W) transA=1",
            "in x float 2,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 26 32; y = Gemm(x, W, C) "
            "transA=1",
            REFUTED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* A convolution with a 3×3 window and a BatchNormalization in front or behind. */
#define WINDOW "in x float 1,2,H,H; out y\ninit W float 2,2,3,3 rand\n"
#define WINDOW_5 "in x float 1,2,5,5; out y\ninit W float 2,2,3,3 rand\n"

static void test_geometry(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"8: strides", WINDOW "y = Conv(x, W) strides=[1,2]", WINDOW "y = Conv(x, W) strides=[2,1]", REFUTED,
            "strides", 0, 0},
        {"8: strides dropped", WINDOW "y = Conv(x, W) strides=[2,2]", WINDOW "y = Conv(x, W)", REFUTED,
            "strides", 0, 0},
        {"8: strides of a window of one element",
            "in x float 1,2,H,H; out y; init W float 2,1,1,1 2 4; c = Relu(x); y = Conv(c, W) group=2",
            "in x float 1,2,H,H; out y; init W float 2,1,1,1 2 4; c = Relu(x); y = Conv(c, W) group=2 "
            "strides=[2,2]",
            REFUTED, "strides", 0, 0},
        {"8: pads of a window of one element",
            "in x float 1,2,H,H; out y; init W float 2,1,1,1 2 4; c = Relu(x); y = Conv(c, W) group=2 "
            "pads=[1,0,0,1]",
            "in x float 1,2,H,H; out y; init W float 2,1,1,1 2 4; c = Relu(x); y = Conv(c, W) group=2",
            REFUTED, "pads", 0, 0},
        {"8: dilations", WINDOW "y = Conv(x, W) dilations=[1,2]", WINDOW "y = Conv(x, W)", REFUTED,
            "dilations", 0, 0},
        {"8: pads", WINDOW "y = Conv(x, W) pads=[1,1,1,1]", WINDOW "y = Conv(x, W) pads=[0,0,2,2]", REFUTED,
            "pads", 0, 0},
        {"8: SAME is what it amounts to", WINDOW_5 "y = Conv(x, W) auto_pad='SAME_UPPER'",
            WINDOW_5 "y = Conv(x, W) pads=[1,1,1,1]", PROVED, NULL, 0, 0},
        {"8: SAME is what it amounts to, with strides",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_UPPER' "
            "strides=[2,2]",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[0,0,1,1] "
            "strides=[2,2]",
            PROVED, NULL, 0, 0},
        {"8: SAME_LOWER is not SAME_UPPER",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_LOWER' "
            "strides=[2,2]",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[0,0,1,1] "
            "strides=[2,2]",
            REFUTED, "pads", 0, 0},
        {"8: SAME of unknown extents",
            "in x float 1,2,H,H; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_UPPER'",
            "in x float 1,2,H,H; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[1,1,1,1]", PROVED,
            NULL, 0, 0},
        {"8: groups", "in x float 1,2,4,4; out y; init W float 4,1,1,1 rand; y = Conv(x, W) group=2",
            "in x float 1,2,4,4; out y; init W float 4,1,1,1 rand; y = Conv(x, W) group=1", REFUTED, "groups",
            0, 0},
        {"8: output padding",
            "in x float 1,2,H,H; out y; init W float 2,2,2,2 rand; y = ConvTranspose(x, W) strides=[2,2] "
            "output_padding=[1,0]",
            "in x float 1,2,H,H; out y; init W float 2,2,2,2 rand; y = ConvTranspose(x, W) strides=[2,2] "
            "output_padding=[0,1]",
            REFUTED, "output padding", 0, 0},
        {"8: kernels of the same size",
            "in x float 1,2,H,H; out y; init W float 2,2,1,4 rand; y = Conv(x, W)",
            "in x float 1,2,H,H; out y; init W float 2,2,4,1 rand; y = Conv(x, W)", REFUTED, "2x2x4x1", 0, 0},
    };
    RUN(pairs);
}

/* scale 2, 4; shift 1, -3 in front of a convolution with a window of two elements */
#define FRONT(attributes)                                                                                \
    "in x float 1,2,5; out y; init s float 2,1 2 4; init t float 2,1 1 -3; init W float 1,2,2 1 2 3 4\n" \
    "p = Mul(x, s); q = Add(p, t); y = Conv(q, W)" attributes

static void test_forward(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"forward without padding", FRONT(""),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B)",
            PROVED, NULL, 0, 0},
        {"forward without padding, only the first tap shifted", FRONT(""),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -8; y = Conv(x, W, B)",
            REFUTED, "bias", 0, 0},
        {"9: forward with padding", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B) "
            "pads=[1,1]",
            REFUTED, "padding", 0, 0},
        {"9: forward with SAME padding", FRONT(" auto_pad='SAME_UPPER'"),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B) "
            "auto_pad='SAME_UPPER'",
            REFUTED, "padding", 0, 0},
        {"9: only the scale passes padding", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init t float 2,1 0.5 -0.75; init W float 1,2,2 2 4 12 16\n"
            "q = Add(x, t); y = Conv(q, W) pads=[1,1]",
            PROVED, NULL, 0, 0},
        {"9: only the scale passes padding, wrong offset", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init t float 2,1 0.5 -3; init W float 1,2,2 2 4 12 16\n"
            "q = Add(x, t); y = Conv(q, W) pads=[1,1]",
            REFUTED, NULL, 0, 0},
        {"9: a scale alone passes",
            "in x float 1,2,5; out y; init s float 2,1 2 4; init W float 1,2,2 1 2 3 4; p = Mul(x, s); y = "
            "Conv(p, W) pads=[1,1]",
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; y = Conv(x, W) pads=[1,1]", PROVED, NULL,
            0, 0},
        {"9: transposed convolutions overlap",
            "in x float 1,1,5; out y; init t float () 1; init W float 1,2,2 1 2 3 4; q = Add(x, t); y = "
            "ConvTranspose(q, W)",
            "in x float 1,1,5; out y; init W float 1,2,2 1 2 3 4; init B float 2 3 7; y = ConvTranspose(x, "
            "W, B)",
            REFUTED, "padding", 0, 0},
        {"a shift that cancels leaves the rounding of its terms",
            "in x float 1,2,5; out y; init t float 2,1 1 3; init W float 1,2,2 1 2 3 4; p = Add(x, t); q = "
            "Sub(p, t); y = Conv(q, W)",
            "in x float 1,2,5; out y; init W float 1,2,2 1 2 3 4; init B float 1 1e-16; y = Conv(x, W, B)",
            PROVED, NULL, 0, 0},
        {"a shift that cancels, and a bias that is none",
            "in x float 1,2,5; out y; init t float 2,1 1 3; init W float 1,2,2 1 2 3 4; p = Add(x, t); q = "
            "Sub(p, t); y = Conv(q, W)",
            "in x float 1,2,5; out y; init W float 1,2,2 1 2 3 4; init B float 1 1e-3; y = Conv(x, W, B)",
            REFUTED, "bias", 0, 0},
        {"forward into a transposed convolution of one tap",
            "in x float 1,2,5; out y; init t float 2,1 1 -3; init W float 2,2,1 1 2 3 4; q = Add(x, t); y = "
            "ConvTranspose(q, W)",
            "in x float 1,2,5; out y; init W float 2,2,1 1 2 3 4; init B float 2 -8 -10; y = "
            "ConvTranspose(x, W, B)",
            PROVED, NULL, 0, 0},
        {"forward into groups",
            "in x float 1,4,5; out y; init s float 4,1 1 2 4 8; init W float 2,2,1 1 1 1 1; p = Mul(x, s); y "
            "= Conv(p, W) group=2",
            "in x float 1,4,5; out y; init W float 2,2,1 1 2 4 8; y = Conv(x, W) group=2", PROVED, NULL, 0,
            0},
        {"forward into groups, as if there were one",
            "in x float 1,4,5; out y; init s float 4,1 1 2 4 8; init W float 2,2,1 1 1 1 1; p = Mul(x, s); y "
            "= Conv(p, W) group=2",
            "in x float 1,4,5; out y; init W float 2,2,1 1 2 1 2; y = Conv(x, W) group=2", REFUTED, "weight",
            0, 0},
    };
    RUN(pairs);
}

static void test_batchnorm(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"training mode is no affine",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 training_mode=1",
            "opset 15\n" IN "init s float 2,1,1 1 -1; init t float 2,1,1 -4 10; p = Mul(x, s); y = Add(p, t)",
            UNPROVED, NULL, 0, 0},
        {"further outputs mean training",
            "opset 9\n" IN NORM "y, mm = BatchNormalization(x, g, be, m, v) epsilon=0.0",
            "opset 9\n" IN "init s float 2,1,1 1 -1; init t float 2,1,1 -4 10; p = Mul(x, s); y = Add(p, t)",
            UNPROVED, NULL, 0, 0},
        {"training mode switched off",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v)", REFUTED, "training_mode", 0, 0},
        {"training mode kept", "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1", PROVED, NULL, 0,
            0},
        {"opset 6 trains unless told",
            "opset 6\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0",
            "opset 6\n" IN "init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = Conv(x, W, B) group=2",
            UNPROVED, NULL, 0, 0},
        {"opset 6 in inference",
            "opset 6\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 is_test=1",
            "opset 6\n" IN "init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = Conv(x, W, B) group=2",
            PROVED, NULL, 0, 0},
        {"opset 6 broadcasts where told",
            "opset 6\n" IN "init s float 2 2 4; y = Mul(x, s) broadcast=1 axis=1",
            "opset 6\n" IN "init W float 2,1,1,1 2 4; y = Conv(x, W) group=2", PROVED, NULL, 0, 0},
        {"opset 6 broadcasts on the right",
            "opset 6\nin x float 1,2,2,2; out y; init s float 2 2 4; y = Mul(x, s) broadcast=1",
            "opset 6\nin x float 1,2,2,2; out y; init W float 2,1,1,1 2 4; y = Conv(x, W) group=2", REFUTED,
            "axis", 0, 0},
        {"per element, not per channel",
            "opset 7\nin x float 1,2,4,4; out y\n" NORM
            "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 spatial=0",
            "opset 7\nin x float 1,2,4,4; out y; init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = "
            "Conv(x, W, B) group=2",
            UNPROVED, NULL, 0, 0},
        {"epsilon outside the root",
            "in x float 1,1,4,4; out y; init g float 1 1; init z float 1 0; init v float 1 0\n"
            "y = BatchNormalization(x, g, z, z, v) epsilon=0.0625",
            "in x float 1,1,4,4; out y; init s float () 16; y = Mul(x, s)", REFUTED, "scale", 0, 0},
        {"epsilon inside the root",
            "in x float 1,1,4,4; out y; init g float 1 1; init z float 1 0; init v float 1 0\n"
            "y = BatchNormalization(x, g, z, z, v) epsilon=0.0625",
            "in x float 1,1,4,4; out y; init s float () 4; y = Mul(x, s)", PROVED, NULL, 0, 0},
        {"a missing epsilon is 1e-5", IN NORM "y = BatchNormalization(x, g, be, m, v)",
            IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=1e-5", PROVED, NULL, 0, 0},
        {"a missing epsilon is not 1e-3", IN NORM "y = BatchNormalization(x, g, be, m, v)",
            IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=1e-3", REFUTED, NULL, 0, 0},
        {"no root of what is negative",
            IN "init g float 2 1 1; init z float 2 0 0; init v float 2 1 -1\n"
               "y = BatchNormalization(x, g, z, z, v) epsilon=0.0",
            IN "y = Identity(x)", REFUTED, "no finite scale", 0, 0},
        {"no root of what is negative, folded",
            IN "init W float 2,2,1,1 1 2 3 4; init g float 2 1 1; init z float 2 0 0; init v float 2 1 -1\n"
               "c = Conv(x, W); y = BatchNormalization(c, g, z, z, v) epsilon=0.0",
            IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)", REFUTED, "no finite scale", 0, 0},
        {"NaN statistics left alone",
            IN "init g float 2 1 nan; init z float 2 0 0; init v float 2 1 1; y = BatchNormalization(x, g, "
               "z, z, v)",
            IN "init g float 2 1 nan; init z float 2 0 0; init v float 2 1 1; y = BatchNormalization(x, g, "
               "z, z, v)",
            PROVED, NULL, 0, 0},
        {"NaN weights",
            IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 1 1; c = Conv(x, W); y = Mul(c, s)",
            IN "init W float 2,2,1,1 1 2 nan 4; y = Conv(x, W)", REFUTED, "nan", 0, 0},
        {"an infinite summand", IN "a = Relu(x); init s float 2,1,1 1 1; y = Mul(a, s)",
            IN "a = Relu(x); init t float 2,1,1 1 inf; y = Add(a, t)", REFUTED, "no finite scale", 0, 0},
        {"infinite weights",
            IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 1 1; c = Conv(x, W); y = Mul(c, s)",
            IN "init W float 2,2,1,1 1 2 inf 4; y = Conv(x, W)", REFUTED, "is inf instead of 3", 0, 0},
        {"a channel that is broadcast is no channel",
            "in x float 1,C,4; out y; init s float 2,1 1 1; y = Mul(x, s)",
            "in x float 1,C,4; out y; y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"a constant of higher rank widens", "in x float ?; out y; init s float 1,1 1; y = Mul(x, s)",
            "in x float ?; out y; y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"stated shapes do not count where they follow",
            "opset 11\nin x float 1,1,4; out y; info r float 1,2,4; init s float 2,1 1 1; r = Relu(x); q = "
            "Mul(r, s); y = ReduceSum(q) axes=[1]",
            "opset 11\nin x float 1,1,4; out y; info r float 1,2,4; r = Relu(x); y = ReduceSum(r) axes=[1]",
            UNPROVED, NULL, 0, 0},
        {"stated shapes do not count where a symbol follows",
            "opset 11\nin x float 1,C,4; out y; info r float 1,2,4; init s float 2,1 1 1; r = Relu(x); q = "
            "Mul(r, s); y = ReduceSum(q) axes=[1]",
            "opset 11\nin x float 1,C,4; out y; info r float 1,2,4; r = Relu(x); y = ReduceSum(r) axes=[1]",
            UNPROVED, NULL, 0, 0},
        {"stated shapes count where nothing follows",
            "opset my 1\nin x float 1,C,4; out y; info r float 1,2,4; init s float 2,1 2 2; init t float 2,1 "
            "2 2; r = my.Relu(x); q = Mul(r, s); y = Mul(q, t)",
            "opset my 1\nin x float 1,C,4; out y; info r float 1,2,4; init s float 2,1 4 4; r = my.Relu(x); "
            "y = Mul(r, s)",
            PROVED, NULL, 0, 0},
        {"a quotient is linear in its numerator alone",
            "in x float 1,2,4; out y; init c float 2,1 2 4; y = Div(c, x)",
            "in x float 1,2,4; out y; init c float 2,1 0.5 0.25; y = Mul(x, c)", UNPROVED, NULL, 0, 0},
        {"two axes are not one",
            "in x float 1,2,2,2; out y; init a float 2,1,1 2 4; init b float 2 2 4; p = Mul(x, a); y = "
            "Mul(p, b)",
            "in x float 1,2,2,2; out y; init a float 2 4 16; y = Mul(x, a)", REFUTED, NULL, 0, 0},
        {"integers do not scale", "in x int32 1,2,4; out y; init s int32 () 1; y = Mul(x, s)",
            "in x int32 1,2,4; out y; y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"merged into one norm",
            IN NORM "init g2 float 2 2 4; init z float 2 0 0; init o float 2 1 1\n"
                    "a = BatchNormalization(x, g, be, m, v) epsilon=0.0; y = BatchNormalization(a, g2, z, z, "
                    "o) epsilon=0.0",
            IN "init W float 2,1,1,1 2 -4; init B float 2 -8 40; y = Conv(x, W, B) group=2", PROVED, NULL, 0,
            0},
        {"an identity is dropped",
            IN "init g float 2 2 4; init z float 2 0 0; init v float 2 4 16; r = Relu(x); y = "
               "BatchNormalization(r, g, z, z, v) epsilon=0.0",
            IN "y = Relu(x)", PROVED, NULL, 0, 0},
        {"a norm of a constant",
            IN NORM
            "init k float 1,2,1,1 1 2; n = BatchNormalization(k, g, be, m, v) epsilon=0.0; y = Mul(x, n)",
            IN "init k float 1,2,1,1 -3 8; y = Mul(x, k)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_batchnorm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
