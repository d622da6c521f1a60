/* Conditions of the catalogue one by one, as far as the tables of the operators' families do not have them: what each
 * row asks of its operands, and what becomes of a model that does not grant it. And what lowering makes. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATS(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define BN(n) STATS(n, "rand")
#define SCALES(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " zeros; init m float " #n " zeros; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define OLD_NORM "y = BatchNormalization(c, s, b, m, v) is_test=1\n"
#define LAYER "in x float 2,3,7,8; out y; init W float 4,3,3,3 rand; u = Conv(x, W)\n" /* u: 2,4,5,6 */
#define FRONT "in c float 2,4,5,6; out z; init W float 3,4,2,2 rand\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct foldcase affine_cases[] = {
    {"numbers that round to the identity", "in x float 2,2,3,3; out y; init s float 2 1 1; init b float 2 1e-50 0\n"
        "init m float 2 0 0; init v float 2 1 1; c = Relu(x); n = BatchNormalization(c, s, b, m, v) epsilon=1e-9\n"
        "y = Relu(n)\n", "n dropped", .in_double = "n lowered producer-not-linear"},
    {"integers carry no affine", "in x int32 2,4,3; out y; init W int32 4,4 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "init k int32 4,1 1 2 3 4; c = MatMul(W, x); y = Mul(c, k)\n", "", {0}, true},
    {"an affine on another axis on the way", LAYER "init k float 6 rand\n" BN(4) "c = Mul(u, k)\n" NORM,
        "y lowered axis-mismatch"},
    {"an affine on another axis on the way, a scale", LAYER "init k float 6 rand\n" SCALES(4, "rand") "c = Mul(u, k)\n" NORM,
        "y folded back c"},
    {"a division by 0 is no affine", LAYER "init k float 4,1,1 1 0 2 3\n" SCALES(4, "rand") "c = Div(u, k)\n" NORM,
        "y lowered zero-scale"},
    {"a division by 0, and a shift", LAYER "init k float 4,1,1 1 0 2 3\n" BN(4) "c = Div(u, k)\n" NORM,
        "y lowered producer-not-linear"},
    {"a sixth input", "in x float 2,3,5,6; in q float 4; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y = BatchNormalization(c, s, b, m, v, q)\n", "y kept stats-shape", {0}, true},
    {"is_test 1 and further outputs", "opset 6; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, o1, o2, o3, o4 = BatchNormalization(c, s, b, m, v) is_test=1\n", "y kept training-mode", {0}, true},
    {"training_mode 0 and further outputs", "opset 15; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, o1, o2 = BatchNormalization(c, s, b, m, v) training_mode=0\n", "y kept training-mode", {0}, true},
    {"training_mode 0", "opset 15; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y = BatchNormalization(c, s, b, m, v) training_mode=0\n", "y folded back c"},
    {"an infinite gamma", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init s float 2 1 inf; init b float 2 1 1\n"
        "init m float 2 0 0; init v float 2 1 1; c = Conv(x, W)\n" NORM, "y kept stats-range", {0}, true},
    {"an infinite variance", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init s float 2 1 1; init b float 2 1 1\n"
        "init m float 2 0 0; init v float 2 1 inf; c = Conv(x, W)\n" NORM, "y kept stats-range", {0}, true},
    {"weights stored as direction and length", "in x float 2,3,5,6; out y; init V float 4,3,3,3 rand; init g float 4,1,1,1 rand\n" BN(4)
        "n = ReduceL2(V) axes=[1,2,3]; d = Div(V, n); w = Mul(d, g); c = Conv(x, w)\n" NORM, "y folded back c", {0}, true},
    {"parameters that constants are computed from", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n"
        "init s1 float 1,4 rand; init i float 4 pos; init q float 4 pos; init p int64 1 4; init a int64 1 0; init h float 4 rand\n"
        "s = Squeeze(s1, a); r = Reciprocal(i); v = Sqrt(q); b1 = Mul(h, r); b2 = Add(b1, h); b = Sub(b2, q)\n"
        "m = ConstantOfShape(p) value=float[1]{0.5}; c = Conv(x, W)\n" NORM, "y folded back c", {0}, true},
};

static const struct foldcase layer_cases[] = {
    {"ConvTranspose, computed weights", "in x float 2,3,4,5; in W float 3,4,3,3; out y\n" BN(4)
        "u = ConvTranspose(x, W); c = Identity(u)\n" NORM, "y lowered weight-dynamic"},
    {"ConvTranspose, a computed bias", "in x float 2,3,4,5; in B float 4; out y; init W float 3,4,3,3 rand\n" BN(4)
        "u = ConvTranspose(x, W, B); c = Identity(u)\n" NORM, "y lowered bias-dynamic"},
    {"ConvTranspose, another axis", "in x float 2,3,2,5; out y; init W float 3,4,3,3 rand\n" BN(4)
        "u = ConvTranspose(x, W); c = Transpose(u) perm=[0,2,1,3]\n" NORM, "y lowered axis-mismatch"},
    {"LayerNormalization, two signs around a MaxPool", "opset 17; in x float 3,2,4,5; out y; init k float 2,4,5 rand\n"
        "init s float 2 -1.5 -0.5; init b float 2 0.3 0.2; init m float 2 0.1 -0.4; init v float 2 pos\n"
        "l = LayerNormalization(x, k) axis=1; p = MaxPool(l) kernel_shape=[2,1]; c = Neg(p)\n" NORM, "y folded back l"},
    {"Conv, weights of another type", "in x double 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM, "y lowered dtype", {0}, true, .in_double = "y folded back c"},
    {"Conv, VALID", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(x, W) auto_pad='VALID'\n" NORM, "y folded back c"},
    {"Conv, SAME_LOWER", "in x float 2,3,5,6; out y; init W float 4,3,2,2 rand\n" BN(4)
        "c = Conv(x, W) auto_pad='SAME_LOWER'\n" NORM, "y folded back c"},
    {"Gemm, computed B", "in x float 2,3; in B float 3,4; out y\n" BN(4) "u = Gemm(x, B); c = Identity(u)\n" NORM,
        "y lowered weight-dynamic"},
    {"Gemm, computed C", "in x float 2,3; in C float 4; out y; init B float 3,4 rand\n" BN(4)
        "u = Gemm(x, B, C); c = Identity(u)\n" NORM, "y lowered bias-dynamic"},
    {"Gemm, the rows", "in x float 4,3; out y; init B float 3,4 rand\n" BN(4)
        "u = Gemm(x, B); c = Transpose(u) perm=[1,0]\n" NORM, "y lowered axis-mismatch"},
    {"Gemm of operator set 6, C of every element", "opset 6; in x float 2,3; out y; init B float 3,4 rand; init C float 2,4 rand\n"
        BN(4) "c = Gemm(x, B, C)\n" OLD_NORM, "y folded back c"},
    {"Gemm of operator set 6, C of one row", "opset 6; in x float 2,3; out y; init B float 3,4 rand; init C float 1,4 rand\n"
        BN(4) "c = Gemm(x, B, C) broadcast=1 beta=2.0\n" OLD_NORM, "y folded back c"},
    {"Gemm of operator set 6, C a number", "opset 6; in x float 2,3; out y; init B float 3,4 rand; init C float 1 0.5\n"
        BN(4) "c = Gemm(x, B, C) broadcast=1\n" OLD_NORM, "y folded back c"},
    {"Gemm of operator set 9, which needs C", "opset 9; in x float 2,3; out y; init B float 3,4 rand; init C float 4 zeros\n"
        BN(4) "c = Gemm(x, B, C) beta=0.0\n" NORM, "y folded back c"},
    {"MatMul, computed weights", "in x float 2,3; in W float 3,4; out y\n" BN(4) "u = MatMul(x, W); c = Identity(u)\n" NORM,
        "y lowered weight-dynamic"},
    {"MatMul by a vector", "in x float 2,4,5; out y; init W float 5 rand\n" BN(4) "u = MatMul(x, W); c = Identity(u)\n" NORM,
        "y lowered axis-mismatch"},
    {"MatMul of a vector, the constant on the left", "in x float 3; out y; init W float 4,3 rand; init k float 4 rand\n"
        "init d float 4 rand; c = MatMul(W, x); q = Mul(c, k); y = Add(q, d)\n", "q folded back c"},
    {"MatMul of a vector, the constant on the right", "in x float 3; out y; init W float 3,4 rand; init k float 4 rand\n"
        "c = MatMul(x, W); y = Mul(c, k)\n", "y folded back c"},
    {"MatMul, a batch of constants on the left", "in x float 2,3,5; out y; init W float 2,4,3 rand\n" BN(4)
        "c = MatMul(W, x)\n" NORM, "y folded back c"},
    {"MatMul, a constant on the left, the last axis", "in x float 3,4; out y; init W float 5,3 rand\n" BN(4)
        "u = MatMul(W, x); c = Identity(u)\n" NORM, "y lowered axis-mismatch"},
    {"SimplifiedLayerNormalization", "in x float 2,5,4; out y; init k float 4 rand; init e float 4 rand\n"
        "c = SimplifiedLayerNormalization(x, k); y = Mul(c, e)\n", "y folded back c"},
    {"SimplifiedLayerNormalization has no bias", "in x float 2,4; out y; init k float 4 rand\n" BN(4)
        "u = SimplifiedLayerNormalization(x, k); c = Identity(u)\n" NORM, "y lowered producer-not-linear"},
};

#define FULL "init K float 4,5,6 rand\n"

static const struct foldcase constant_cases[] = {
    {"Mul by a full constant takes a scale", LAYER FULL SCALES(4, "rand") "r = Relu(u); c = Mul(r, K)\n" NORM, "y folded back c"},
    {"Mul by a full constant, a shift", LAYER FULL BN(4) "r = Relu(u); c = Mul(r, K)\n" NORM, "y lowered producer-not-linear"},
    {"Div by a full constant takes a scale", LAYER "init K float 4,5,6 pos\n" SCALES(4, "rand") "r = Relu(u); c = Div(r, K)\n" NORM,
        "y folded back c"},
    {"Div by a full constant, a scale of 0", LAYER "init K float 4,5,6 pos\n" SCALES(4, "1 0 2 3")
        "r = Sigmoid(u); c = Div(r, K)\n" NORM, "y lowered zero-scale"},
    {"Div of a full constant takes a scale", LAYER FULL SCALES(4, "rand") "r = Sigmoid(u); c = Div(K, r)\n" NORM, "y folded back c"},
    {"Div of a constant per channel takes a scale", LAYER "init k float 4,1,1 rand\n" SCALES(4, "rand")
        "r = Sigmoid(u); c = Div(k, r)\n" NORM, "y folded back c"},
    {"Div of a number takes no scale per channel", LAYER "init k float () 1; r = Sigmoid(u); c = Div(k, r)\n" SCALES(4, "rand") NORM,
        "y lowered broadcast"},
    {"Div of a number takes a number", LAYER "init k float () 1; init h float () 3; r = Sigmoid(u); c = Div(k, r); y = Mul(c, h)\n",
        "y folded back c"},
    {"Div of a constant, a shift", LAYER FULL BN(4) "r = Sigmoid(u); c = Div(K, r)\n" NORM, "y lowered producer-not-linear"},
    {"Div of a number is no affine", LAYER "init k float () 1; r = Sigmoid(u); c = Div(k, r)\n" BN(4) NORM,
        "y lowered producer-not-linear"},
    {"Add of a full constant", LAYER FULL BN(4) "c = Add(u, K)\n" NORM, "y folded back u"},
    {"Sub of a full constant", LAYER FULL BN(4) "c = Sub(u, K)\n" NORM, "y folded back u"},
    {"Sub from a full constant", LAYER FULL BN(4) "c = Sub(K, u)\n" NORM, "y folded back u"},
    {"Add of a full constant takes a shift", LAYER FULL "init d float 4,1,1 rand; r = Relu(u); c = Add(r, K); y = Add(c, d)\n",
        "y folded back c"},
    {"a constant beside an unknown rank", "in x float ?; out y; info c float 2,4,5,6; init k float 4,1,1 rand; u = Relu(x)\n"
        BN(4) "c = Add(u, k)\n" NORM, "y lowered rank-unknown", {0}, true},
    {"a constant that is read twice", "in x float 1,3,2,2; out y; init t float 1,3,1,1 rand\n" BN(3)
        "r = Concat(t, t) axis=0; c = Add(r, x)\n" NORM, "y lowered producer-is-input"},
    {"a constant of higher rank", "in x float 4,3,5; out y; init W float 6,3,1 rand; init K float 2,4,6,5 rand; u = Conv(x, W)\n"
        BN(4) "c = Add(u, K)\n" NORM, "y lowered broadcast"},
};

static const struct foldcase through_cases[] = {
    {"Dropout told not to train", LAYER BN(4) "init r float () 0.5; init f bool () 0; c = Dropout(u, r, f)\n" NORM, "y folded back u"},
    {"Dropout that trains", LAYER BN(4) "init r float () 0.5; init f bool () 1; c = Dropout(u, r, f)\n" NORM,
        "y lowered producer-not-linear", {0}, true},
    {"Dropout told at run time", LAYER "in f bool\n" BN(4) "init r float () 0.5; c = Dropout(u, r, f)\n" NORM,
        "y lowered producer-not-linear", {0}, true},
    {"Dropout whose mask is read", LAYER BN(4) "out q; c, q = Dropout(u)\n" NORM, "y lowered producer-not-linear", {0}, true},
    {"Dropout of operator set 10", "opset 10\n" LAYER BN(4) "c = Dropout(u) ratio=0.5\n" NORM, "y folded back u"},
    {"Dropout of operator set 6", "opset 6\n" LAYER BN(4) "c = Dropout(u) is_test=1\n" OLD_NORM, "y folded back u"},
    {"Dropout of operator set 6 that trains", "opset 6\n" LAYER BN(4) "c = Dropout(u)\n" OLD_NORM,
        "y lowered producer-not-linear", {0}, true},
    {"Dropout, forward", FRONT BN(4) NORM "d = Dropout(y); z = Conv(d, W)\n", "y folded forward z"},
    {"Dropout that trains, forward", FRONT BN(4) "init r float () 0.5; init f bool () 1\n" NORM
        "d = Dropout(y, r, f); z = Conv(d, W)\n", "y lowered consumer-not-linear", {0}, true},
    {"LeakyRelu, a negative scale", SCALES(4, "1 -1 2 3") LAYER "c = LeakyRelu(u)\n" NORM, "y lowered negative-scale"},
    {"LeakyRelu, a shift", STATS(4, "pos") LAYER "c = LeakyRelu(u)\n" NORM, "y lowered producer-not-linear"},
    {"PRelu, a shift", STATS(4, "pos") LAYER "init e float 1 0.25; c = PRelu(u, e)\n" NORM, "y lowered producer-not-linear"},
    {"a difference of one scale, forward", FRONT BN(4) NORM "r = Neg(y); d = Sub(y, r); z = Conv(d, W)\n",
        "y folded forward z"},
    {"a difference of one value, forward", FRONT BN(4) NORM "p = Transpose(y) perm=[0,1,3,2]; q = Transpose(p) perm=[0,1,3,2]\n"
        "d = Sub(y, q); e = Add(d, y); z = Conv(e, W)\n", "y folded forward z"},
    {"ReduceSum over an open extent, forward", "in c float 2,4,H,5; out z; init D float 3,4,1,1 rand; init a int64 1 2\n"
        BN(4) NORM "p = ReduceSum(y, a); z = Conv(p, D)\n", "y lowered shape-unknown"},
    {"a branch that only extents are read of, forward", FRONT "out h\n" BN(4) NORM
        "t = Transpose(y) perm=[0,2,3,1]; h = Shape(t); z = Conv(y, W)\n", "y folded forward z", {0}, true},
    {"extents alone, forward", "in c float 2,4,5,6; out h\n" BN(4) NORM "t = Transpose(y) perm=[0,2,3,1]; h = Shape(t)\n",
        "y lowered consumer-not-linear", {0}, true},
    {"Slice from run time, forward", FRONT "in f int64 1; in t int64 1; init a int64 1 1\n" BN(4) NORM
        "p = Slice(y, f, t, a); z = Conv(p, W)\n", "y lowered shape-unknown", {0}, true},
};

static const struct foldcase forward_cases[] = {
    {"ConvTranspose, no shift", "in c float 2,3,5,6; out z; init W float 3,4,3,3 rand\n" SCALES(3, "rand") NORM
        "z = ConvTranspose(y, W) strides=[2,2] output_padding=[1,1]\n", "y folded forward z"},
    {"ConvTranspose, strides", "in c float 2,3,5,6; out z; init W float 3,4,1,1 rand\n" BN(3) NORM
        "i = Identity(y); z = ConvTranspose(i, W) strides=[2,2]\n", "y lowered padding"},
    {"ConvTranspose, output_padding", "in c float 2,3,5,6; out z; init W float 3,4,1,1 rand\n" BN(3) NORM
        "i = Identity(y); z = ConvTranspose(i, W) strides=[1,2] output_padding=[0,1]\n", "y lowered padding"},
    {"ConvTranspose, a larger output_shape", "in c float 2,3,5,6; out z; init W float 3,4,1,1 rand\n" BN(3) NORM
        "i = Identity(y); z = ConvTranspose(i, W) output_shape=[6,6]\n", "y lowered padding", {0}, true},
    {"Gemm, transA: the other axis", "in c float 3,3; out z; init B float 3,4 rand\n" BN(3) NORM
        "i = Identity(y); z = Gemm(i, B) transA=1\n", "y lowered axis-mismatch"},
    {"Gemm, computed B", "in c float 2,3; in B float 3,4; out z\n" BN(3) NORM "i = Identity(y); z = Gemm(i, B)\n",
        "y lowered weight-dynamic"},
    {"Gemm, computed C", "in c float 2,3; in C float 4; out z; init B float 3,4 rand\n" BN(3) NORM
        "i = Identity(y); z = Gemm(i, B, C)\n", "y lowered bias-dynamic"},
    {"Gemm, the affine on C", "in x float 2,3; in c float 2,4; out z; init B float 3,4 rand\n" BN(4) NORM
        "i = Identity(y); z = Gemm(x, B, i)\n", "y lowered bias-dynamic"},
    {"MatMul, an axis that is not contracted", "in c float 2,3,5; out z; init W float 5,4 rand\n" BN(3) NORM
        "i = Identity(y); z = MatMul(i, W)\n", "y lowered axis-mismatch"},
    {"MatMul, computed weights", "in c float 2,3; in W float 3,4; out z\n" BN(3) NORM "i = Identity(y); z = MatMul(i, W)\n",
        "y lowered weight-dynamic"},
    {"MatMul of a vector, a scale", "in x float 3; out z; init W float 3,4 rand; init k float 3 rand\n"
        "y = Mul(x, k); z = MatMul(y, W)\n", "y folded forward z"},
    {"MatMul of a vector", "in x float 3; out z; init W float 3,4 rand; init k float 3 rand; init d float 3 rand\n"
        "q = Mul(x, k); y = Add(q, d); z = MatMul(y, W)\n", "q folded forward z; y folded forward z"},
    {"MatMul of a vector by the left", "in x float 3; out z; init W float 2,4,3 rand; init k float 3 rand\n"
        "y = Div(x, k); z = MatMul(W, y)\n", "y folded forward z"},
    {"Conv, computed weights", "in c float 2,4,5,6; in W float 3,4,2,2; out z\n" BN(4) NORM "i = Identity(y); z = Conv(i, W)\n",
        "y lowered weight-dynamic"},
    {"Conv, a computed bias", "in c float 2,4,5,6; in B float 3; out z; init W float 3,4,2,2 rand\n" BN(4) NORM
        "i = Identity(y); z = Conv(i, W, B)\n", "y lowered bias-dynamic"},
    {"Conv, weights of another rank", "in c float 2,4; out z; init W float 3,4,2,2 rand\n" BN(4) NORM "i = Identity(y); z = Conv(i, W)\n",
        "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"Conv, VALID", FRONT BN(4) NORM "z = Conv(y, W) auto_pad='VALID'\n", "y folded forward z"},
    {"Conv, another axis", "in c float 2,4,4,6; out z; init W float 3,4,2,2 rand\n" BN(4) NORM
        "t = Transpose(y) perm=[0,2,1,3]; z = Conv(t, W)\n", "y lowered axis-mismatch"},
    {"a body of Scan", "in x float 3,2,4,5; out z; init W float 3,4,3 rand\n"
        "z = Scan(x) num_scan_inputs=1 body={\n in a float 2,4,5; out y\n" BN(3) "c = Conv(a, W)\n" NORM "}\n",
        "y folded back c", {0}, true},
};

static const struct foldcase lower_cases[] = {
    {"an open extent that the statistics tell", "in x float N,C,5; out z; init k float 4,1 zeros\n" BN(4)
        "c = Relu(x)\n" NORM "p = Relu(y); d = Sub(p, k); z = Relu(d)\n", "y lowered producer-not-linear; d dropped", {0}, true,
        .open_in_double = true},
    {"three axes", "in x float 2,4,5; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear", .operators = "Relu Conv"},
    {"five axes, float16", "in x float16 2,4,5,3,2; out y; init s float16 4 rand; init b float16 4 rand; init m float16 4 rand\n"
        "init v float16 4 pos; c = Relu(x)\n" NORM, "y lowered producer-not-linear", .operators = "Relu Conv"},
    {"six axes", "in x float 2,4,2,2,2,2; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear",
        .operators = "Relu Mul Add"},
    {"two axes", "in x float 2,4; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear", .operators = "Relu Mul Add"},
    {"double", "in x double 2,4,5; out y; init s double 4 rand; init b double 4 rand; init m double 4 rand; init v double 4 pos\n"
        "c = Relu(x)\n" NORM, "y lowered producer-not-linear", .operators = "Relu Mul Add"},
    {"double, where a Conv is asked for", "in x double 2,4,5; out y; init s double 4 rand; init b double 4 rand\n"
        "init m double 4 rand; init v double 4 pos; c = Relu(x)\n" NORM, "y lowered producer-not-linear",
        {.leftover = BNF_LEFTOVER_CONV}, .operators = "Relu Conv"},
    {"bfloat16 of operator set 21", "opset 21; ir 10; in x bfloat16 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM,
        "y lowered producer-not-linear", .operators = "Relu Mul Add"},
    {"bfloat16 of operator set 22", "opset 22; ir 10; in x bfloat16 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM,
        "y lowered producer-not-linear", .operators = "Relu Mul Add"},
    {"bfloat16 of operator set 22, where a Conv is asked for", "opset 22; ir 10; in x bfloat16 2,4,5,6; out y\n" BN(4)
        "c = Relu(x)\n" NORM, "y lowered producer-not-linear", {.leftover = BNF_LEFTOVER_CONV}, .operators = "Relu Conv"},
    {"bfloat16 of operator set 21, where a Conv is asked for", "opset 21; ir 10; in x bfloat16 2,4,5,6; out y\n" BN(4)
        "c = Relu(x)\n" NORM, "y lowered producer-not-linear", {.leftover = BNF_LEFTOVER_CONV}, .operators = "Relu Mul Add"},
    {"no shift", "in x float 2,4; out y\n" SCALES(4, "rand") "c = Sigmoid(x)\n" NORM, "y lowered producer-not-linear",
        .operators = "Sigmoid Mul"},
    {"a scale of 1", "in x float 2,4; out y; init s float 4 ones; init b float 4 rand; init m float 4 rand; init v float 4 ones\n"
        "c = Relu(x); y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n", "y lowered producer-not-linear",
        .operators = "Relu Add"},
    {"Mul and Add wanted", "in x float 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear",
        {.leftover = BNF_LEFTOVER_MUL_ADD}, .operators = "Relu Mul Add"},
    {"nothing wanted", "in x float 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM, "y kept producer-not-linear",
        {.leftover = BNF_LEFTOVER_KEEP}, .operators = "Relu BatchNormalization"},
    {"a decomposed one is not lowered", "in x float 2,4,5,6; out y; init k float 4,1,1 rand; init d float 4,1,1 rand\n"
        "c = Relu(x); q = Mul(c, k); y = Add(q, d)\n", "", .operators = "Relu Mul Add"},
};

static void test_affines(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(affine_cases, COUNT(affine_cases)), 0);
}

static void test_layers(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(layer_cases, COUNT(layer_cases)), 0);
}

static void test_constants(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(constant_cases, COUNT(constant_cases)), 0);
}

static void test_through(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(through_cases, COUNT(through_cases)), 0);
}

static void test_forward(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(forward_cases, COUNT(forward_cases)), 0);
}

static void test_lowered(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(lower_cases, COUNT(lower_cases)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_affines), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_constants), cmocka_unit_test(test_through), cmocka_unit_test(test_forward),
        cmocka_unit_test(test_lowered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
