/* The proof carries affine maps through operators by rules of its own. Every case has a free extent, so that a
 * proof that holds for all extents cannot come from probing, which would name the ones it tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/proofcase.h"

/* ---- pieces ---- */

#define IN "in x float N,2,4,4; out y\n"
/* scale 1 2, shift -4 -11 */
#define NORM "init g float 2 2 8; init be float 2 1 3; init m float 2 5 7; init v float 2 4 16\n"
#define BN "BatchNormalization(p, g, be, m, v) epsilon=0.0\n"
/* scale 1 -2, shift -4 17 */
#define NORM_NEGATIVE "init g float 2 2 -8; init be float 2 1 3; init m float 2 5 7; init v float 2 4 16\n"
#define CONV "init W float 2,2,1,1 1 2 3 4; init b float 2 1 1; c = Conv(x, W, b)\n"
#define FOLDED "init W float 2,2,1,1 1 2 6 8; init b float 2 -3 -9; d = Conv(x, W, b)\n"
#define FOLDED_NEGATIVE "init W float 2,2,1,1 1 2 -6 -8; init b float 2 -3 15; d = Conv(x, W, b)\n"
/* scale 2 4 alone */
#define SCALE "init s float 2,1,1 2 4\n"
#define CONV_SCALED "init W float 2,2,1,1 2 4 12 16; init b float 2 2 4; d = Conv(x, W, b)\n"

#define BACK(op) IN NORM CONV "p = " op "(c) "
#define BACK_END "; y = " BN

static void test_pools(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"AveragePool", BACK("AveragePool") "kernel_shape=[2,2]" BACK_END,
            IN FOLDED "y = AveragePool(d) kernel_shape=[2,2]", PROVED, NULL, 0},
        {"AveragePool, a wrong weight", BACK("AveragePool") "kernel_shape=[2,2]" BACK_END,
            IN "init W float 2,2,1,1 1 2 3 8; init b float 2 -3 -9; d = Conv(x, W, b); y = AveragePool(d) "
               "kernel_shape=[2,2]",
            REFUTED, "weight of output channel 1 at [1,0,0,0] is 3 instead of 6", 0},
        {"AveragePool, a wrong bias", BACK("AveragePool") "kernel_shape=[2,2]" BACK_END,
            IN "init W float 2,2,1,1 1 2 6 8; init b float 2 -3 2; d = Conv(x, W, b); y = AveragePool(d) "
               "kernel_shape=[2,2]",
            REFUTED, "shift on channel 1 is 2 instead of -9", 0},
        {"AveragePool, another window", BACK("AveragePool") "kernel_shape=[2,2]" BACK_END,
            IN FOLDED "y = AveragePool(d) kernel_shape=[1,2]", REFUTED, NULL, 0},
        {"AveragePool leaves padding out", BACK("AveragePool") "kernel_shape=[2,2] pads=[1,1,1,1]" BACK_END,
            IN FOLDED "y = AveragePool(d) kernel_shape=[2,2] pads=[1,1,1,1]", PROVED, NULL, 0},
        {"AveragePool counts padding, with a shift",
            BACK("AveragePool") "kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1" BACK_END,
            IN FOLDED "y = AveragePool(d) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1", REFUTED, NULL, 0},
        {"AveragePool counts padding, a scale alone",
            IN SCALE CONV "p = AveragePool(c) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1; y = Mul(p, s)",
            IN CONV_SCALED "y = AveragePool(d) kernel_shape=[2,2] pads=[1,1,1,1] count_include_pad=1", PROVED,
            NULL, 0},
        {"AveragePool would count padding that no window reaches",
            BACK("AveragePool") "kernel_shape=[2,2] pads=[0,0,1,1] strides=[2,2] count_include_pad=1" BACK_END,
            IN FOLDED "y = AveragePool(d) kernel_shape=[2,2] pads=[0,0,1,1] strides=[2,2] count_include_pad=1",
            PROVED, NULL, 0},
        {"GlobalAveragePool", BACK("GlobalAveragePool") BACK_END, IN FOLDED "y = GlobalAveragePool(d)", PROVED, NULL,
            0},
        {"ReduceMean that drops the axes", BACK("ReduceMean") "axes=[2,3] keepdims=0" BACK_END,
            IN FOLDED "y = ReduceMean(d) axes=[2,3] keepdims=0", PROVED, NULL, 0},
        {"ReduceMean over the channels",
            IN CONV "init t float () 3; p = ReduceMean(c) axes=[1]; y = Mul(p, t)",
            IN "init W float 2,2,1,1 3 6 9 12; init b float 2 3 3; d = Conv(x, W, b); y = ReduceMean(d) axes=[1]",
            PROVED, NULL, 0},
        {"ReduceMean over the channels, scaled one by one",
            IN SCALE CONV "q = Mul(c, s); y = ReduceMean(q) axes=[1]",
            IN CONV "init s float 1,1,1 3; q = ReduceMean(c) axes=[1]; y = Mul(q, s)", REFUTED,
            "scale on channel 0 is 3 instead of 2", 0},
        {"ReduceSum: a shift is counted",
            "opset 12\n" BACK("ReduceSum") "axes=[3]" BACK_END,
            "opset 12\n" IN "init W float 2,2,1,1 1 2 6 8; init b float 2 0 -0.75; d = Conv(x, W, b); y = "
            "ReduceSum(d) axes=[3]",
            PROVED, NULL, 0},
        {"ReduceSum: a shift is counted once",
            "opset 12\n" BACK("ReduceSum") "axes=[3]" BACK_END, "opset 12\n" IN FOLDED "y = ReduceSum(d) axes=[3]",
            REFUTED, "shift", 0},
        {"MaxPool", BACK("MaxPool") "kernel_shape=[2,2]" BACK_END, IN FOLDED "y = MaxPool(d) kernel_shape=[2,2]",
            PROVED, NULL, 0},
        {"MaxPool, a negative scale", IN NORM_NEGATIVE CONV "p = MaxPool(c) kernel_shape=[2,2]; y = " BN,
            IN FOLDED_NEGATIVE "y = MaxPool(d) kernel_shape=[2,2]", UNPROVED, "negative scale does not pass MaxPool",
            0},
        {"MaxPool, the sign stays behind", IN NORM_NEGATIVE CONV "p = MaxPool(c) kernel_shape=[2,2]; y = " BN,
            IN "init W float 2,2,1,1 1 2 6 8; init b float 2 -3 2; init n float 2,1,1 1 -1; init t float 2,1,1 0 17\n"
               "d = Conv(x, W, b); q = MaxPool(d) kernel_shape=[2,2]; r = Mul(q, n); y = Add(r, t)",
            PROVED, NULL, 0},
        {"GlobalMaxPool", BACK("GlobalMaxPool") BACK_END, IN FOLDED "y = GlobalMaxPool(d)", PROVED, NULL, 0},
        {"ReduceMax", BACK("ReduceMax") "axes=[2]" BACK_END, IN FOLDED "y = ReduceMax(d) axes=[2]", PROVED, NULL, 0},
        {"ReduceMax, a negative scale", IN NORM_NEGATIVE CONV "p = ReduceMax(c) axes=[2]; y = " BN,
            IN FOLDED_NEGATIVE "y = ReduceMax(d) axes=[2]", UNPROVED, NULL, 0},
        {"forward through AveragePool",
            IN NORM "p = Identity(x); q = " BN "r = AveragePool(q) kernel_shape=[2,2]; init W float 2,2,1,1 1 2 3 4; "
                    "y = Conv(r, W)",
            IN "r = AveragePool(x) kernel_shape=[2,2]; init W float 2,2,1,1 1 4 3 8; init b float 2 -26 -56; y = "
               "Conv(r, W, b)",
            PROVED, NULL, 0},
        {"forward through AveragePool, the shift forgotten",
            IN NORM "p = Identity(x); q = " BN "r = AveragePool(q) kernel_shape=[2,2]; init W float 2,2,1,1 1 2 3 4; "
                    "y = Conv(r, W)",
            IN "r = AveragePool(x) kernel_shape=[2,2]; init W float 2,2,1,1 1 4 3 8; y = Conv(r, W)", REFUTED,
            "bias of output channel", 0},
    };
    RUN_OPEN(pairs);
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"Transpose",
            IN NORM CONV "p = Transpose(c) perm=[0,3,1,2]; q = Transpose(p) perm=[0,2,1,3]; init s float 2,1,1 2 4; "
                         "y = Mul(q, s)",
            IN CONV_SCALED "e = Transpose(d) perm=[0,3,1,2]; y = Transpose(e) perm=[0,2,1,3]", PROVED, NULL, 0},
        {"Transpose, the axis stays where it was",
            "in x float N,2,2,2; out y; init s float 2 2 4; " CONV "p = Transpose(c) perm=[0,2,3,1]; y = Mul(p, s)",
            "in x float N,2,2,2; out y\n" CONV_SCALED "y = Transpose(d) perm=[0,3,1,2]", REFUTED, "perm", 0},
        {"Transpose, the affine on another axis",
            "in x float N,2,2,2; out y; init s float 2,1 2 4; " CONV "p = Transpose(c) perm=[0,2,3,1]; y = Mul(p, s)",
            "in x float N,2,2,2; out y\n" CONV_SCALED "y = Transpose(d) perm=[0,2,3,1]", UNPROVED, NULL, 0},
        {"Reshape that merges behind the channels",
            IN NORM CONV "init k int64 3 0 2 16; p = Reshape(c, k); y = " BN,
            IN FOLDED "init k int64 3 0 2 16; y = Reshape(d, k)", PROVED, NULL, 0},
        {"Flatten with the channels merged",
            IN CONV "init s float 32 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4; p = Flatten(c); y "
                    "= Mul(p, s)",
            IN CONV_SCALED "y = Flatten(d)", PROVED, NULL, 0},
        {"Flatten, one element of a channel differs",
            IN CONV "init s float 32 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 3 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4; p = Flatten(c); y "
                    "= Mul(p, s)",
            IN CONV_SCALED "y = Flatten(d)", UNPROVED, NULL, 0},
        {"forward through Flatten",
            "in x float N,2,1,2; out y\n" NORM "p = Identity(x); q = " BN
            "r = Flatten(q); init W float 4,1 1 2 3 4; y = Gemm(r, W)",
            "in x float N,2,1,2; out y; r = Flatten(x); init W float 4,1 1 2 6 8; init b float 1 -89; y = Gemm(r, W, "
            "b)",
            PROVED, NULL, 0},
        {"forward through Flatten, channels taken for columns",
            "in x float N,2,1,2; out y\n" NORM "p = Identity(x); q = " BN
            "r = Flatten(q); init W float 4,1 1 2 3 4; y = Gemm(r, W)",
            "in x float N,2,1,2; out y; r = Flatten(x); init W float 4,1 1 4 3 8; init b float 1 -82; y = Gemm(r, W, "
            "b)",
            REFUTED, "weight", 0},
        {"a free extent in the middle is not regrouped",
            "in x float 2,2,N; out y; init k int64 2 4 -1; init s float 2,1 2 4; init W float 2,2,1 1 2 3 4; c = "
            "Conv(x, W); p = Mul(c, s); y = Reshape(p, k)",
            "in x float 2,2,N; out y; init k int64 2 4 -1; init s float 4,1 2 4 2 4; init W float 2,2,1 1 2 3 4; c = "
            "Conv(x, W); p = Reshape(c, k); y = Mul(p, s)",
            PROVED, NULL, 0},
        {"Squeeze and Unsqueeze",
            "in x float N,2,1,1; out y; init a int64 2 2 3; init e int64 1 2; init s float 2,1 2 4\n" CONV
            "p = Squeeze(c, a); q = Unsqueeze(p, e); y = Mul(q, s)",
            "in x float N,2,1,1; out y; init a int64 2 2 3; init e int64 1 2\n" CONV_SCALED
            "p = Squeeze(d, a); y = Unsqueeze(p, e)",
            PROVED, NULL, 0},
        {"Expand", "in x float N,2,1,1; out y; init k int64 4 1 1 3 3\n" SCALE CONV "p = Expand(c, k); y = Mul(p, s)",
            "in x float N,2,1,1; out y; init k int64 4 1 1 3 3\n" CONV_SCALED "y = Expand(d, k)", PROVED, NULL, 0},
        {"Expand along the affine",
            "in x float N,1,2,2; out y; init k int64 4 1 2 1 1\n" SCALE "init W float 1,1,1,1 3; c = Conv(x, W); p = "
            "Expand(c, k); y = Mul(p, s)",
            "in x float N,1,2,2; out y; init k int64 4 1 2 1 1; init W float 1,1,1,1 6; d = Conv(x, W); y = Expand(d, "
            "k)",
            REFUTED, "scale on channel 1 is 6 instead of 12", 0},
        {"Tile", IN "init k int64 4 1 1 2 3\n" SCALE CONV "p = Tile(c, k); y = Mul(p, s)",
            IN "init k int64 4 1 1 2 3\n" CONV_SCALED "y = Tile(d, k)", PROVED, NULL, 0},
        {"DepthToSpace",
            "in x float N,1,2,2; out y; init W float 4,1,1,1 1 2 3 4; init s float () 2; c = Conv(x, W); p = "
            "DepthToSpace(c) blocksize=2; y = Mul(p, s)",
            "in x float N,1,2,2; out y; init W float 4,1,1,1 2 4 6 8; d = Conv(x, W); y = DepthToSpace(d) blocksize=2",
            PROVED, NULL, 0},
        {"DepthToSpace, columns first",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 1 2 3 4 5 6 7 8; init s float 2,1,1 2 4; c = Conv(x, W); "
            "p = DepthToSpace(c) blocksize=2 mode='DCR'; y = Mul(p, s)",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 2 8 6 16 10 24 14 32; d = Conv(x, W); y = "
            "DepthToSpace(d) blocksize=2 mode='DCR'",
            PROVED, NULL, 0},
        {"DepthToSpace, rows first",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 1 2 3 4 5 6 7 8; init s float 2,1,1 2 4; c = Conv(x, W); "
            "p = DepthToSpace(c) blocksize=2 mode='CRD'; y = Mul(p, s)",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 2 4 6 8 20 24 28 32; d = Conv(x, W); y = "
            "DepthToSpace(d) blocksize=2 mode='CRD'",
            PROVED, NULL, 0},
        {"DepthToSpace, one order taken for the other",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 1 2 3 4 5 6 7 8; init s float 2,1,1 2 4; c = Conv(x, W); "
            "p = DepthToSpace(c) blocksize=2 mode='CRD'; y = Mul(p, s)",
            "in x float N,1,2,2; out y; init W float 8,1,1,1 2 8 6 16 10 24 14 32; d = Conv(x, W); y = "
            "DepthToSpace(d) blocksize=2 mode='CRD'",
            REFUTED, "weight of output channel 1 at [1,0,0,0] is 8 instead of 4", 0},
        {"SpaceToDepth, forward",
            "in x float N,2,2,2; out y; init s float 2,1,1 2 4; q = Mul(x, s); r = SpaceToDepth(q) blocksize=2; init W "
            "float 1,8,1,1 1 2 3 4 5 6 7 8; y = Conv(r, W)",
            "in x float N,2,2,2; out y; r = SpaceToDepth(x) blocksize=2; init W float 1,8,1,1 2 8 6 16 10 24 14 32; y "
            "= Conv(r, W)",
            PROVED, NULL, 0},
        {"Resize", BACK("Resize") "mode='linear'; y = Relu(p)", BACK("Resize") "mode='linear'; y = Relu(p)", PROVED,
            NULL, 0},
        {"Resize of the image",
            IN SCALE CONV "init r float 0; init k float 4 1 1 2 2; p = Resize(c, r, k) mode='linear'; y = Mul(p, s)",
            IN CONV_SCALED "init r float 0; init k float 4 1 1 2 2; y = Resize(d, r, k) mode='linear'", PROVED, NULL,
            0},
        {"Resize that crops, and fills with a number",
            IN SCALE CONV "init r float 8 0 0 0 0 1 1 2 2; init k float 4 1 1 2 2; p = Resize(c, r, k) mode='linear' "
                          "coordinate_transformation_mode='tf_crop_and_resize'; y = Mul(p, s)",
            IN CONV_SCALED "init r float 8 0 0 0 0 1 1 2 2; init k float 4 1 1 2 2; y = Resize(d, r, k) "
                           "mode='linear' coordinate_transformation_mode='tf_crop_and_resize'",
            UNPROVED, NULL, 0},
        {"Resize of the channels",
            IN SCALE CONV "init r float 0; init k float 4 1 2 1 1; init t float 4,1,1 2 4 2 4; p = Resize(c, r, k); y "
                          "= Mul(p, t)",
            IN CONV_SCALED "init r float 0; init k float 4 1 2 1 1; y = Resize(d, r, k)", UNPROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

/* Two layers and what joins them. */
#define TWO "init W float 1,2,1,1 1 2; init V float 1,2,1,1 3 4; a = Conv(x, W); b = Conv(x, V)\n"

static void test_parts(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"Concat of the channels", IN NORM TWO "p = Concat(a, b) axis=1; y = " BN,
            IN "init W float 1,2,1,1 1 2; init V float 1,2,1,1 6 8; init k float 1 -4; init l float 1 -11; a = "
               "Conv(x, W, k); b = Conv(x, V, l); y = Concat(a, b) axis=1",
            PROVED, NULL, 0},
        {"Concat, parts swapped", IN NORM TWO "p = Concat(a, b) axis=1; y = " BN,
            IN "init W float 1,2,1,1 1 2; init V float 1,2,1,1 6 8; init k float 1 -4; init l float 1 -11; a = "
               "Conv(x, W, k); b = Conv(x, V, l); y = Concat(b, a) axis=1",
            REFUTED, NULL, 0},
        {"Concat, the wrong slice", IN NORM TWO "p = Concat(a, b) axis=1; y = " BN,
            IN "init W float 1,2,1,1 2 4; init V float 1,2,1,1 3 4; init k float 1 -11; init l float 1 -4; a = "
               "Conv(x, W, k); b = Conv(x, V, l); y = Concat(a, b) axis=1",
            REFUTED, "weight", 0},
        {"Concat of the channels, one part is left alone",
            IN NORM "init W float 1,2,1,1 1 2; a = Conv(x, W); r = Relu(a); p = Concat(r, a) axis=1; y = " BN,
            IN "init W float 1,2,1,1 1 2; a = Conv(x, W); r = Relu(a); init k float () -4; init s float () 2; init t "
               "float () -11; e = Add(r, k); f = Mul(a, s); h = Add(f, t); y = Concat(e, h) axis=1",
            PROVED, NULL, 0},
        {"Concat along another axis", IN SCALE CONV "q = Relu(x); e = Conv(q, W); p = Concat(c, e) axis=2; y = Mul(p, s)",
            IN "init W float 2,2,1,1 2 4 12 16; init b float 2 2 4; c = Conv(x, W, b); q = Relu(x); e = Conv(q, W); y "
               "= Concat(c, e) axis=2",
            PROVED, NULL, 0},
        {"forward through Concat",
            IN NORM "r = Relu(x); p = Identity(x); q = " BN "e = Concat(q, r) axis=1; init W float 1,4,1,1 1 2 3 4; y = "
                    "Conv(e, W)",
            IN "r = Relu(x); e = Concat(x, r) axis=1; init W float 1,4,1,1 1 4 3 4; init b float 1 -26; y = Conv(e, W, "
               "b)",
            PROVED, NULL, 0},
        {"forward through Concat, the other part scaled",
            IN NORM "r = Relu(x); p = Identity(x); q = " BN "e = Concat(q, r) axis=1; init W float 1,4,1,1 1 2 3 4; y = "
                    "Conv(e, W)",
            IN "r = Relu(x); e = Concat(x, r) axis=1; init W float 1,4,1,1 1 2 3 8; init b float 1 -26; y = Conv(e, W, "
               "b)",
            REFUTED, "weight", 0},
        {"forward through Split",
            IN NORM "p = Identity(x); q = " BN "init k int64 2 1 1; a, b = Split(q, k) axis=1; init W float 1,1,1,1 3; "
                    "c = Conv(a, W); d = Conv(b, W); y = Concat(c, d) axis=2",
            IN "init k int64 2 1 1; a, b = Split(x, k) axis=1; init W float 1,1,1,1 3; init V float 1,1,1,1 6; init t "
               "float 1 -12; init u float 1 -33; c = Conv(a, W, t); d = Conv(b, V, u); y = Concat(c, d) axis=2",
            PROVED, NULL, 0},
        {"back through Split: each part has its own scale",
            IN CONV "init k int64 2 1 1; a, e = Split(c, k) axis=1; init s float () 2; init t float () 4; f = Mul(a, "
                    "s); h = Mul(e, t); y = Concat(f, h) axis=2",
            IN CONV_SCALED "init k int64 2 1 1; a, e = Split(d, k) axis=1; y = Concat(a, e) axis=2", PROVED, NULL, 0},
        {"back through Split, scales swapped",
            IN CONV "init k int64 2 1 1; a, e = Split(c, k) axis=1; init s float () 4; init t float () 2; f = Mul(a, "
                    "s); h = Mul(e, t); y = Concat(f, h) axis=2",
            IN CONV_SCALED "init k int64 2 1 1; a, e = Split(d, k) axis=1; y = Concat(a, e) axis=2", REFUTED, NULL, 0},
        {"Slice: what is cut off does not matter",
            IN CONV "init k int64 1 0; init e int64 1 1; init n int64 1 1; init s float () 2; p = Slice(c, k, e, n); y "
                    "= Mul(p, s)",
            IN "init W float 2,2,1,1 2 4 9 9; init b float 2 2 7; d = Conv(x, W, b); init k int64 1 0; init e int64 1 "
               "1; init n int64 1 1; y = Slice(d, k, e, n)",
            PROVED, NULL, 0},
        {"Slice: what is kept does",
            IN CONV "init k int64 1 1; init e int64 1 2; init n int64 1 1; init s float () 2; p = Slice(c, k, e, n); y "
                    "= Mul(p, s)",
            IN "init W float 2,2,1,1 2 4 9 9; init b float 2 2 7; d = Conv(x, W, b); init k int64 1 1; init e int64 1 "
               "2; init n int64 1 1; y = Slice(d, k, e, n)",
            REFUTED, "weight of output channel 1", 0},
        {"Slice of the image", IN NORM CONV "init k int64 1 1; init e int64 1 3; init n int64 1 2; p = Slice(c, k, e, n); "
                                            "y = " BN,
            IN FOLDED "init k int64 1 1; init e int64 1 3; init n int64 1 2; y = Slice(d, k, e, n)", PROVED, NULL, 0},
        {"Slice of the channels, backwards",
            IN CONV "init k int64 1 1; init e int64 1 -3; init n int64 1 1; init j int64 1 -1; init s float 2,1,1 4 2; "
                    "p = Slice(c, k, e, n, j); y = Mul(p, s)",
            IN CONV_SCALED "init k int64 1 1; init e int64 1 -3; init n int64 1 1; init j int64 1 -1; y = Slice(d, k, "
                           "e, n, j)",
            PROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

static void test_sums(void **state)
{
    (void)state;
    static const char add[] =
        IN NORM "init W float 2,2,1,1 1 2 3 4; init V float 2,2,1,1 5 6 7 8; a = Conv(x, W); r = Relu(x); b = "
                "Conv(r, V); p = Add(a, b); y = " BN;
    static const char sub[] =
        IN NORM "init W float 2,2,1,1 1 2 3 4; init V float 2,2,1,1 5 6 7 8; a = Conv(x, W); r = Relu(x); b = "
                "Conv(r, V); p = Sub(a, b); y = " BN;
#define SUMMED(left, right)                                                                                       \
    IN "init W float 2,2,1,1 1 2 6 8; init V float 2,2,1,1 5 6 14 16; init k float 2 " left "; init l float 2 " right \
       "; a = Conv(x, W, k); r = Relu(x); b = Conv(r, V, l); "
    static const struct proofcase pairs[] = {
        {"Add, the shift to the left", add, SUMMED("-4 -11", "0 0") "y = Add(a, b)", PROVED, NULL, 0},
        {"Add, the shift to the right", add, SUMMED("0 0", "-4 -11") "y = Add(a, b)", PROVED, NULL, 0},
        {"Add, the shift in shares", add, SUMMED("-1 -10", "-3 -1") "y = Add(a, b)", PROVED, NULL, 0},
        {"Add, a shift that is not finite", add, SUMMED("inf -11", "0 0") "y = Add(a, b)", REFUTED, "channel 0 is inf", 0},
        {"Add, operands exchanged", add, SUMMED("-1 -10", "-3 -1") "y = Add(b, a)", PROVED, NULL, 0},
        {"Add, the shift to both", add, SUMMED("-4 -11", "-4 -11") "y = Add(a, b)", REFUTED,
            "shift on channel 0 is -8 instead of -4", 0},
        {"Add, the shift to none", add, SUMMED("0 0", "0 0") "y = Add(a, b)", REFUTED, "shift", 0},
        {"Add, one operand not scaled", add,
            IN "init W float 2,2,1,1 1 2 6 8; init V float 2,2,1,1 5 6 7 8; init k float 2 -4 -11; a = Conv(x, W, k); "
               "r = Relu(x); b = Conv(r, V); y = Add(a, b)",
            REFUTED, NULL, 0},
        {"Sub, the shift to the right with its sign", sub, SUMMED("0 0", "4 11") "y = Sub(a, b)", PROVED, NULL, 0},
        {"Sub, the shift to the right without", sub, SUMMED("0 0", "-4 -11") "y = Sub(a, b)", REFUTED, "shift", 0},
        {"Sub, operands exchanged", sub, SUMMED("-4 -11", "0 0") "y = Sub(b, a)", UNPROVED, NULL, 0},
        {"Sum of three",
            IN SCALE CONV "r = Relu(x); e = Conv(r, W); f = Sigmoid(x); p = Sum(c, e, f); y = Mul(p, s)",
            IN CONV_SCALED "r = Relu(x); init V float 2,2,1,1 2 4 12 16; e = Conv(r, V); f = Sigmoid(x); init s float "
                           "2,1,1 2 4; h = Mul(f, s); y = Sum(d, e, h)",
            PROVED, NULL, 0},
        {"Mean: a shift to one counts a part of it",
            IN "init t float () 3; f = Sigmoid(x); r = Relu(x); p = Mean(f, r); y = Add(p, t)",
            IN "init t float () 6; f = Sigmoid(x); r = Relu(x); q = Add(f, t); y = Mean(q, r)", PROVED, NULL, 0},
        {"Mean: a shift to one, undivided",
            IN "init t float () 3; f = Sigmoid(x); r = Relu(x); p = Mean(f, r); y = Add(p, t)",
            IN "init t float () 3; f = Sigmoid(x); r = Relu(x); q = Add(f, t); y = Mean(q, r)", REFUTED, "shift", 0},
        {"an operand that is broadcast is not scaled for all",
            "in x float N,2,4,4; in w float N,1,4,4; out y; init s float 2,1,1 2 4; a = Relu(x); b = Relu(w); p = "
            "Add(a, b); y = Mul(p, s)",
            "in x float N,2,4,4; in w float N,1,4,4; out y; init s float 2,1,1 2 4; init t float () 2; a = Relu(x); b "
            "= Relu(w); q = Mul(a, s); r = Mul(b, t); y = Add(q, r)",
            UNPROVED, NULL, 0},
        {"forward through Add",
            IN NORM "f = Sigmoid(x); r = Relu(x); p = Identity(f); q = " BN "e = BatchNormalization(r, g, be, m, v) "
                    "epsilon=0.0; h = Add(q, e); init W float 1,2,1,1 1 3; y = Conv(h, W)",
            IN "f = Sigmoid(x); r = Relu(x); h = Add(f, r); init W float 1,2,1,1 1 6; init b float 1 -74; y = Conv(h, "
               "W, b)",
            PROVED, NULL, 0},
        {"forward through Add, the shift of one lost",
            IN NORM "f = Sigmoid(x); r = Relu(x); p = Identity(f); q = " BN "e = BatchNormalization(r, g, be, m, v) "
                    "epsilon=0.0; h = Add(q, e); init W float 1,2,1,1 1 3; y = Conv(h, W)",
            IN "f = Sigmoid(x); r = Relu(x); h = Add(f, r); init W float 1,2,1,1 1 6; init b float 1 -37; y = Conv(h, "
               "W, b)",
            REFUTED, "bias", 0},
    };
    RUN_OPEN(pairs);
}

static void test_products(void **state)
{
    (void)state;
#define GATE "h = GlobalAveragePool(x); u = Sigmoid(h)\n"
    static const struct proofcase pairs[] = {
        {"Mul of a layer and a gate", IN SCALE CONV GATE "p = Mul(c, u); y = Mul(p, s)",
            IN CONV_SCALED GATE "y = Mul(d, u)", PROVED, NULL, 0},
        {"Mul, the gate first", IN SCALE CONV GATE "p = Mul(u, c); y = Mul(p, s)", IN CONV_SCALED GATE "y = Mul(d, u)",
            PROVED, NULL, 0},
        {"Mul, a wrong weight", IN SCALE CONV GATE "p = Mul(c, u); y = Mul(p, s)",
            IN "init W float 2,2,1,1 2 4 3 4; init b float 2 2 4; d = Conv(x, W, b)\n" GATE "y = Mul(d, u)", REFUTED,
            "weight", 0},
        {"Mul, a shift", IN NORM CONV GATE "p = Mul(c, u); y = " BN, IN FOLDED GATE "y = Mul(d, u)", UNPROVED, NULL, 0},
        {"Div by a gate", IN SCALE CONV GATE "p = Div(c, u); y = Mul(p, s)", IN CONV_SCALED GATE "y = Div(d, u)",
            PROVED, NULL, 0},
        {"a divisor is not scaled with", IN SCALE CONV GATE "p = Div(u, c); y = Mul(p, s)",
            IN CONV_SCALED GATE "y = Div(u, d)", UNPROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

static void test_rectifiers(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"Relu, a scale", IN SCALE CONV "p = Relu(c); y = Mul(p, s)", IN CONV_SCALED "y = Relu(d)", PROVED, NULL, 0},
        {"Relu, a scale that others moved", IN SCALE CONV "p = Relu(c); y = Mul(p, s)", IN CONV_SCALED "y = Relu(d)",
            PROVED, NULL, true},
        {"Relu, forward into the next layer",
            IN SCALE "f = Sigmoid(x); q = Mul(f, s); r = Relu(q); init W float 1,2,1,1 1 3; y = Conv(r, W)",
            IN "f = Sigmoid(x); r = Relu(f); init W float 1,2,1,1 2 12; y = Conv(r, W)", PROVED, NULL, true},
        {"Relu, forward, a negative scale",
            IN "init s float 2,1,1 2 -4; f = Sigmoid(x); q = Mul(f, s); r = Relu(q); init W float 1,2,1,1 1 3; y = "
               "Conv(r, W)",
            IN "f = Sigmoid(x); r = Relu(f); init W float 1,2,1,1 2 -12; y = Conv(r, W)", REFUTED, NULL, 0},
        {"Relu, a negative scale", IN CONV "init s float 2,1,1 2 -4; p = Relu(c); y = Mul(p, s)",
            IN "init W float 2,2,1,1 2 4 -12 -16; init b float 2 2 -4; d = Conv(x, W, b); y = Relu(d)", UNPROVED,
            "negative scale", 0},
        {"Relu, a shift", IN NORM CONV "p = Relu(c); y = " BN, IN FOLDED "y = Relu(d)", REFUTED, "shift", 0},
        {"Relu, the scale goes, the shift stays", IN NORM CONV "p = Relu(c); y = " BN,
            IN "init W float 2,2,1,1 1 2 6 8; init b float 2 1 2; d = Conv(x, W, b); init t float 2,1,1 -4 -11; q = "
               "Relu(d); y = Add(q, t)",
            PROVED, NULL, 0},
        {"Relu, forward, what is shifted in front of the scale stays",
            IN "init s float 2,1,1 2 4; init t float 2,1,1 6 8; f = Sigmoid(x); p = Mul(f, s); q = Add(p, t); r = "
               "Relu(q); init W float 1,2,1,1 1 3; y = Conv(r, W)",
            IN "init t float 2,1,1 3 2; f = Sigmoid(x); q = Add(f, t); r = Relu(q); init W float 1,2,1,1 2 12; y = "
               "Conv(r, W)",
            PROVED, NULL, 0},
        {"LeakyRelu", IN SCALE CONV "p = LeakyRelu(c) alpha=0.25; y = Mul(p, s)",
            IN CONV_SCALED "y = LeakyRelu(d) alpha=0.25", PROVED, NULL, 0},
        {"PRelu", IN SCALE CONV "init k float 2,1,1 0.5 0.25; p = PRelu(c, k); y = Mul(p, s)",
            IN CONV_SCALED "init k float 2,1,1 0.5 0.25; y = PRelu(d, k)", PROVED, NULL, 0},
        {"PRelu, another slope", IN SCALE CONV "init k float 2,1,1 0.5 0.25; p = PRelu(c, k); y = Mul(p, s)",
            IN CONV_SCALED "init k float 2,1,1 0.5 0.5; y = PRelu(d, k)", UNPROVED, NULL, 0},
        {"Sigmoid takes no scale", IN SCALE CONV "p = Sigmoid(c); y = Mul(p, s)", IN CONV_SCALED "y = Sigmoid(d)",
            REFUTED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

#define PADS "init n int64 8 0 0 1 1 0 0 1 1\n"
#define FRONT_W "init W float 1,2,3,3 1 1 1 1 1 1 1 1 1 2 2 2 2 2 2 2 2 2\n"
#define FRONT_V "init W float 1,2,3,3 2 2 2 2 2 2 2 2 2 8 8 8 8 8 8 8 8 8\n"

static void test_pads(void **state)
{
    (void)state;
    /* x ↦ 2x + 6, 4x + 12: 3 in front of both. */
    static const char affine[] =
        IN FRONT_W "init s float 2,1,1 2 4; init t float 2,1,1 6 12; p = Mul(x, s); q = Add(p, t); y = Conv(q, W) "
                   "pads=[1,1,1,1]";
    static const struct proofcase pairs[] = {
        {"Pad, its value is mapped", IN PADS CONV "init f float () 3; init s float () 2; init t float () 1; p = Pad(c, n, "
                                                  "f); q = Mul(p, s); y = Add(q, t)",
            IN PADS "init W float 2,2,1,1 2 4 6 8; init b float 2 3 3; d = Conv(x, W, b); init f float () 7; y = "
                    "Pad(d, n, f)",
            PROVED, NULL, 0},
        {"Pad, its value unchanged", IN PADS CONV "init f float () 3; init s float () 2; init t float () 1; p = Pad(c, n, "
                                                  "f); q = Mul(p, s); y = Add(q, t)",
            IN PADS "init W float 2,2,1,1 2 4 6 8; init b float 2 3 3; d = Conv(x, W, b); init f float () 3; y = "
                    "Pad(d, n, f)",
            REFUTED, "padded with is 3", 0},
        {"Pad of opset 10", "opset 10\n" IN CONV "init s float () 2; p = Pad(c) pads=[0,0,1,1,0,0,1,1] value=3.0; y = "
                                                 "Mul(p, s)",
            "opset 10\n" IN "init W float 2,2,1,1 2 4 6 8; init b float 2 2 2; d = Conv(x, W, b); y = Pad(d) "
            "pads=[0,0,1,1,0,0,1,1] value=6.0",
            PROVED, NULL, 0},
        {"Pad with zeros, a scale for each channel", IN PADS SCALE CONV "p = Pad(c, n); y = Mul(p, s)",
            IN PADS CONV_SCALED "y = Pad(d, n)", PROVED, NULL, 0},
        {"Pad with zeros, a shift", IN PADS NORM CONV "p = Pad(c, n); y = " BN, IN PADS FOLDED "y = Pad(d, n)", REFUTED,
            "padded with", 0},
        {"Pad with what is there", IN PADS NORM CONV "p = Pad(c, n) mode='reflect'; y = " BN,
            IN PADS FOLDED "y = Pad(d, n) mode='reflect'", PROVED, NULL, 0},
        {"Pad that pads elsewhere", IN PADS NORM CONV "p = Pad(c, n) mode='reflect'; y = " BN,
            IN "init n int64 8 0 0 2 1 0 0 0 1\n" FOLDED "y = Pad(d, n) mode='reflect'", UNPROVED, NULL, 0},
        {"9: a Pad with the value that cancels the shift", affine,
            IN PADS FRONT_V "init f float () -3; init b float 1 270; q = Pad(x, n, f); y = Conv(q, W, b)", PROVED, NULL,
            0},
        {"9: a Pad with zeros", affine,
            IN PADS FRONT_V "init f float () 0; init b float 1 270; q = Pad(x, n, f); y = Conv(q, W, b)", REFUTED,
            "padded with is 0", 0},
        {"9: a Pad with another sign", affine,
            IN PADS FRONT_V "init f float () 3; init b float 1 270; q = Pad(x, n, f); y = Conv(q, W, b)", REFUTED,
            "padded with is 3, in front of the affine 3, where the reference has 0, in front of its affine -3", 0},
        {"9: a Pad on one side too many", affine,
            IN "init n int64 8 0 0 1 1 0 0 1 2\n" FRONT_V "init f float () -3; init b float 1 270; q = Pad(x, n, f); y "
               "= Conv(q, W, b)",
            REFUTED, NULL, 0},
        {"9: two Pads with the value that cancels the shift", affine,
            IN "init n int64 8 0 0 1 0 0 0 0 1; init k int64 8 0 0 0 1 0 0 1 0\n" FRONT_V "init f float () -3; init b float 1 "
               "270; p = Pad(x, n, f); q = Pad(p, k, f); y = Conv(q, W, b)",
            PROVED, NULL, 0},
        {"9: two Pads with two values", affine,
            IN "init n int64 8 0 0 1 0 0 0 0 1; init k int64 8 0 0 0 1 0 0 1 0\n" FRONT_V "init f float () -3; init h float () "
               "-2; init b float 1 270; p = Pad(x, n, f); q = Pad(p, k, h); y = Conv(q, W, b)",
            REFUTED, NULL, 0},
        {"9: a Pad and padding of its own, both with zeros", IN FRONT_W "y = Conv(x, W) pads=[2,2,2,2]",
            IN PADS FRONT_W "q = Pad(x, n); y = Conv(q, W) pads=[1,1,1,1]", PROVED, NULL, 0},
        {"9: a bias beside the Pad is wrong", affine,
            IN PADS FRONT_V "init f float () -3; init b float 1 0; q = Pad(x, n, f); y = Conv(q, W, b)", REFUTED,
            "bias of output channel 0 is 0 instead of 270", 0},
        {"9: channels that would need two values",
            IN FRONT_W "init s float 2,1,1 2 4; init t float 2,1,1 6 8; p = Mul(x, s); q = Add(p, t); y = Conv(q, W) "
                       "pads=[1,1,1,1]",
            IN PADS FRONT_V "init f float () -3; init b float 1 198; q = Pad(x, n, f); y = Conv(q, W, b)", REFUTED,
            "padded with", 0},
    };
    RUN_OPEN(pairs);
}

/* Maps that are no channel's, and what lies between them. */
static void test_elements(void **state)
{
    (void)state;
#define FULL "init k float 2,4,1 1 2 3 4 5 6 7 8\n"
    static const struct proofcase pairs[] = {
        {"a constant of two axes between two of one",
            IN NORM FULL "init w float 2,1,1 2 4; e = Div(x, w); p = Sub(e, k); y = " BN,
            IN "init w float 2,1,1 0.5 0.5; init t float 2,4,1 -5 -6 -7 -8 -21 -23 -25 -27; e = Mul(x, w); y = "
               "Add(e, t)",
            PROVED, NULL, 0},
        {"one element of it differs",
            IN NORM FULL "init w float 2,1,1 2 4; e = Div(x, w); p = Sub(e, k); y = " BN,
            IN "init w float 2,1,1 0.5 0.5; init t float 2,4,1 -5 -6 -7 -8 -21 -23 -24 -27; e = Mul(x, w); y = "
               "Add(e, t)",
            REFUTED, "shift on element [0,1,2,0] is -24 instead of -25", 0},
        {"a trailing constant of an open batch", IN "init k float 4 1 2 3 4; init h float () 2; p = Sub(x, k); y = Mul(p, h)",
            IN "init k float 4 2 4 6 8; init h float () 2; p = Mul(x, h); y = Sub(p, k)", PROVED, NULL, 0},
        {"it stays in front, the channels' shift goes into the layer",
            IN NORM "init k float 1,1,4 2 4 6 8; p = Identity(x); q = " BN "e = Add(q, k); init W float 1,2,1,1 1 3; y "
                    "= Conv(e, W)",
            IN "init k float 2,1,4 2 4 6 8 1 2 3 4; e = Add(x, k); init W float 1,2,1,1 1 6; init b float 1 -37; y = "
               "Conv(e, W, b)",
            PROVED, NULL, 0},
        {"it stays in front, and is not divided",
            IN NORM "init k float 1,1,4 2 4 6 8; p = Identity(x); q = " BN "e = Add(q, k); init W float 1,2,1,1 1 3; y "
                    "= Conv(e, W)",
            IN "init k float 2,1,4 2 4 6 8 2 4 6 8; e = Add(x, k); init W float 1,2,1,1 1 6; init b float 1 -37; y = "
               "Conv(e, W, b)",
            REFUTED, NULL, 0},
        {"a constant that widens is no map", "in x float N,1,4; out y; init k float 2,1 1 1; p = Mul(x, k); y = "
                                             "GlobalMaxPool(p)",
            "in x float N,1,4; out y; init k float 1,1 1; init e int64 3 1 2 1; p = Mul(x, k); q = Expand(p, e); y = "
            "GlobalMaxPool(q)",
            UNPROVED, NULL, 0},
        {"rows of a table",
            "in i int64 N; out y; init T float 3,2 1 2 3 4 5 6; init s float 2 2 4; init t float 2 1 -1; e = Gather(T, "
            "i); p = Mul(e, s); y = Add(p, t)",
            "in i int64 N; out y; init T float 3,2 3 7 7 15 11 23; y = Gather(T, i)", PROVED, NULL, 0},
        {"rows of a table, a wrong one",
            "in i int64 N; out y; init T float 3,2 1 2 3 4 5 6; init s float 2 2 4; e = Gather(T, i); y = Mul(e, s)",
            "in i int64 N; out y; init T float 3,2 2 8 6 16 5 6; y = Gather(T, i)", REFUTED, "element", 0},
        {"rows of a table behind Transpose",
            "in i int64 N,5; out y; init T float 3,2 1 2 3 4 5 6; init s float 2,1 2 4; e = Gather(T, i); p = "
            "Transpose(e) perm=[0,2,1]; y = Mul(p, s)",
            "in i int64 N,5; out y; init T float 3,2 2 8 6 16 10 24; e = Gather(T, i); y = Transpose(e) perm=[0,2,1]",
            PROVED, NULL, 0},
        {"a map on the indices' axis is none of the table",
            "in i int64 N,3; out y; init T float 3,2 1 2 3 4 5 6; init s float 3,1 2 4 8; e = Gather(T, i); y = Mul(e, s)",
            "in i int64 N,3; out y; init T float 3,2 2 4 12 16 40 48; y = Gather(T, i)", REFUTED, NULL, 0},
        {"the shape of a map's result is that of its input",
            IN NORM "p = Relu(x); q = " BN "h = Shape(q); r = Reshape(p, h); y = Sigmoid(r)",
            IN "p = Relu(x); h = Shape(p); r = Reshape(p, h); y = Sigmoid(r)", PROVED, NULL, 0},
        {"the shape of something else is not", IN "p = Relu(x); h = Shape(p); k = Reshape(p, h); y = Flatten(k)",
            IN "p = Relu(x); q = Transpose(p); h = Shape(q); k = Reshape(p, h); y = Flatten(k)", UNPROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_rectifiers),
        cmocka_unit_test(test_pads),
        cmocka_unit_test(test_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
