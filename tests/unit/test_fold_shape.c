/* Affines through operators that change extents only: every row backward and forward, and every condition refused. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct foldcase transpose_cases[] = {
    {"matmul, transpose, normalization, transpose", "in x float 2,5,3; out z; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Transpose(u) perm=[0,2,1]\n" NORM "z = Transpose(y) perm=[0,2,1]\n", "y folded back u"},
    {"the same with an open batch", "in x float N,T,3; out z; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Transpose(u) perm=[0,2,1]\n" NORM "z = Transpose(y) perm=[0,2,1]\n", "y folded back u"},
    {"without perm the axes are reversed", "in x float 3,5; out y; init W float 4,3 rand\n" BN(4)
        "u = MatMul(W, x); c = Transpose(u)\n" NORM, "y folded back u"},
    {"channels last, scaled there", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init k float 4 rand\n"
        "u = Conv(x, W); c = Transpose(u) perm=[0,2,3,1]; y = Mul(c, k)\n", "y folded back u"},
    {"five axes", "in x float 2,3,4,5,3; out y; init W float 4,3,1,1,1 rand; init k float 4,1,1 rand\n"
        "u = Conv(x, W); c = Transpose(u) perm=[0,4,1,3,2]; y = Add(c, k)\n", "y folded back u"},
    {"a scalar needs no axes", "in x float ?; out y; init W float 4,3,1,1 rand; init k float () 0.25\n"
        "u = Conv(x, W); c = Transpose(u); y = Mul(c, k)\n", "y folded back u", {0}, true},
    {"in double", "in x double 2,5,3; out y; init W double 3,4 rand; init s double 4 rand; init b double 4 rand\n"
        "init m double 4 rand; init v double 4 pos; u = MatMul(x, W); c = Transpose(u) perm=[0,2,1]\n" NORM,
        "y folded back u"},
    {"forward into matmul", "in c float N,4,5; out z; init W float 4,3 rand\n" BN(4) NORM
        "t = Transpose(y) perm=[0,2,1]; z = MatMul(t, W)\n", "y folded forward z"},
    {"forward, reversed", "in c float 5,4; out z; init W float 3,4 rand\n" BN(4) NORM
        "t = Transpose(y); z = MatMul(W, t)\n", "y folded forward z"},
    {"forward to channels first", "in x float 2,5,6,3; out z; init W float 4,3,1,1 rand; init k float 3 rand\n"
        "y = Mul(x, k); t = Transpose(y) perm=[0,3,1,2]; z = Conv(t, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"the channels come from another axis", "in x float 2,4,3; out z; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Transpose(u) perm=[0,1,2]\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"of equal extents the wrong one", "in x float 2,3,4,4; out z; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Transpose(u) perm=[0,2,1,3]\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"reversed axes of an unknown rank", "in x float ?; out z\n" BN(4)
        "u = Relu(x); c = Transpose(u)\n" NORM "z = Relu(y)\n", "y kept rank-unknown", {0}, true},
    {"the layer in front is read twice", "in x float 2,5,3; out z; out q; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Transpose(u) perm=[0,2,1]; q = Relu(u)\n" NORM "z = Relu(y)\n",
        "y lowered producer-shared"},
    {"the transposed value is an output", "in x float 2,5,3; out z; out c; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Transpose(u) perm=[0,2,1]\n" NORM "z = Relu(y)\n", "y lowered producer-is-output"},
};

static const struct foldcase squeeze_cases[] = {
    {"matmul, unsqueeze, normalization, squeeze", "in x float 2,3; out z; init W float 3,4 rand; init a int64 1 2\n" BN(4)
        "u = MatMul(x, W); c = Unsqueeze(u, a)\n" NORM "z = Squeeze(y, a)\n", "y folded back u"},
    {"axes as attributes, an open batch", "opset 11; in x float N,3; out z; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Unsqueeze(u) axes=[2,3]\n" NORM "z = Squeeze(y) axes=[2,3]\n", "y folded back u"},
    {"negative axes", "in x float N,3; out z; init W float 3,4 rand; init a int64 2 -1 -2\n" BN(4)
        "u = MatMul(x, W); c = Unsqueeze(u, a)\n" NORM "z = Squeeze(y, a)\n", "y folded back u"},
    {"an axis in front of the channels", "in x float 5,3; out y; init W float 3,4 rand; init a int64 1 0\n"
        "init k float 4 rand; init d float 4 rand; u = MatMul(x, W); c = Unsqueeze(u, a); q = Mul(c, k); y = Add(q, d)\n",
        "q folded back u"},
    {"gemm and unsqueeze", "in x float N,3; out y; init W float 3,4 rand; init B float 4 rand; init a int64 2 2 3\n" BN(4)
        "u = Gemm(x, W, B); c = Unsqueeze(u, a)\n" NORM, "y folded back u"},
    {"squeeze behind a convolution", "in x float N,3,1,6; out y; init W float 4,3,1,1 rand; init a int64 1 2\n" BN(4)
        "u = Conv(x, W); c = Squeeze(u, a)\n" NORM, "y folded back u"},
    {"squeeze without axes, every extent known", "in x float 2,3,1,1; out y; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Squeeze(u)\n" NORM, "y folded back u"},
    {"forward through squeeze into gemm", "in c float N,4,1,1; out z; init W float 4,3 rand; init a int64 2 2 3\n" BN(4)
        NORM "t = Squeeze(y, a); z = Gemm(t, W)\n", "y folded forward z"},
    {"forward through unsqueeze", "in c float N,4; out z; init W float 3,4,1,1 rand; init a int64 2 -1 2\n" BN(4) NORM
        "t = Unsqueeze(y, a); z = Conv(t, W)\n", "y folded forward z"},
    {"squeeze without axes may take the batch", "in x float N,3,1,1; out z; info c float N,4; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Squeeze(u)\n" NORM "z = Relu(y)\n", "y lowered shape-unknown"},
    {"squeeze to an unknown rank", "in c float N,4,1,1; out z; init W float 4,3 rand\n" BN(4) NORM
        "t = Squeeze(y); z = MatMul(t, W)\n", "y lowered shape-unknown"},
    {"axes computed at run time", "in c float N,4,1,1; in a int64 2; out z; init W float 4,3 rand\n" BN(4) NORM
        "t = Squeeze(y, a); z = MatMul(t, W)\n", "y lowered shape-unknown", {0}, true},
    {"unsqueeze before the channels moves them", "in x float 4,3; out z; init W float 3,4 rand; init a int64 1 0\n" BN(4)
        "u = MatMul(x, W); c = Unsqueeze(u, a)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
};

static const struct foldcase reshape_cases[] = {
    {"convolution, reshape", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init p int64 3 2 4 -1\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"with an open batch, copied", "in x float N,3,5,6; out y; init W float 4,3,3,3 rand; init p int64 3 0 4 12\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"with an open batch, solved", "in x float N,3,5,6; out y; init W float 4,3,3,3 rand; init p int64 4 -1 4 2 6\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"with open positions", "in x float N,3,H,V; out y; init W float 4,3,1,1 rand; init p int64 3 0 4 -1\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"the channels solved", "in x float N,3,5,6; out y; init W float 4,3,1,1 rand; init p int64 3 0 -1 30\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"tokens, counted from the right", "in x float N,T,3; out y; init W float 3,4 rand; init p int64 2 -1 4\n" BN(4)
        "u = MatMul(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"1-D, the shape as an attribute", "opset 4; in x float 2,3,7; out y; init W float 4,3,1 rand\n" BN(4) "ir 3\n"
        "input W; input s; input b; input m; input v; u = Conv(x, W); c = Reshape(u) shape=[2,4,7,1]\n"
        "y = BatchNormalization(c, s, b, m, v) is_test=1\n", "y folded back u"},
    {"3-D", "in x float 2,3,2,3,4; out y; init W float 4,3,1,1,1 rand; init p int64 3 0 0 -1\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"in float16", "in x float16 2,3,5,6; out y; init W float16 4,3,1,1 rand; init s float16 4 rand\n"
        "init b float16 4 rand; init m float16 4 rand; init v float16 4 pos; init p int64 3 0 4 -1\n"
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"allowzero without a zero means nothing", "opset 14; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n"
        "init p int64 3 2 4 30\n" BN(4) "u = Conv(x, W); c = Reshape(u, p) allowzero=1\n" NORM, "y folded back u"},
    {"the shape computed from constants", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init d int64 1 2\n"
        "init e int64 2 4 30; p = Concat(d, e) axis=0\n" BN(4) "u = Conv(x, W); c = Reshape(u, p)\n" NORM,
        "y folded back u"},
    {"the shape computed from the input's", "in x float N,3,5,6; out y; init W float 4,3,1,1 rand; init i int64 1 0\n"
        "init e int64 2 4 30; g = Shape(x); d = Gather(g, i) axis=0; p = Concat(d, e) axis=0\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u", {0}, true},
    /* split: each entry serves a run */
    {"gemm, reshape to an image", "in x float N,3; out y; init W float 3,24 rand; init B float 24 rand\n"
        "init p int64 4 -1 4 2 3\n" BN(4) "u = Gemm(x, W, B); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"matmul of three axes, reshape to heads", "in x float N,5,3; out y; init W float 3,8 rand; init p int64 4 0 0 2 4\n"
        "init k float 4 rand; u = MatMul(x, W); c = Reshape(u, p); y = Mul(c, k)\n", "y folded back u"},
    {"a middle part", "in x float N,3; out y; init W float 3,24 rand; init p int64 4 -1 2 4 3; init k float 4,1 rand\n"
        "u = MatMul(x, W); c = Reshape(u, p); y = Mul(c, k)\n", "y folded back u"},
    /* merged: constant on each run */
    {"convolution, flatten, one scale for each run", "in x float N,3,2,1; out y; init W float 2,3,1,1 rand\n"
        "init k float 4 2 2 -3 -3; init d float 4 1 1 0.5 0.5\n"
        "u = Conv(x, W); c = Flatten(u); q = Mul(c, k); y = Add(q, d)\n", "q folded back u; y folded back u"},
    {"a uniform normalization needs no extents", "in x float N,3,H,V; out y; init W float 2,3,1,1 rand\n"
        "init k float () 3; u = Conv(x, W); c = Flatten(u); y = Mul(c, k)\n", "y folded back u"},
    {"one channel", "in x float N,3,4,5; out y; init W float 1,3,1,1 rand; init p int64 4 0 1 2 10\n" BN(1)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM, "y folded back u"},
    {"different entries of one run", "in x float N,3,2,1; out z; init W float 2,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Flatten(u)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"the channels are not those", "in x float 2,4,3; out z; init W float 3,4 rand; init p int64 3 2 4 4\n" BN(4)
        "u = MatMul(x, W); c = Reshape(u, p)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"an equal extent lies elsewhere", "in x float 4,3,2,2; out z; init W float 4,3,1,1 rand; init p int64 3 2 4 8\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"the batch may have moved", "in x float N,3,H,2; out z; init W float 4,3,1,1 rand; init p int64 4 -1 4 2 3\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM "z = Relu(y)\n", "y lowered shape-unknown", {0}, true},
    {"allowzero with a zero", "opset 14; in x float N,3,5,6; out z; init W float 4,3,1,1 rand; init p int64 3 0 4 30\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p) allowzero=1\n" NORM "z = Relu(y)\n", "y lowered shape-unknown", {0}, true},
    {"a shape from the caller", "in x float N,3,5,6; in p int64 3; out z; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Reshape(u, p)\n" NORM "z = Relu(y)\n", "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"a shape from the caller, its rank unknown", "in c float N,4,5,6; in p int64 R; out z; init W float 4,3 rand\n" BN(4)
        NORM "t = Reshape(y, p); z = MatMul(t, W)\n", "y lowered rank-unknown", {0}, true},
    /* forward */
    {"flatten without positions, gemm", "in c float N,4,1,1; out z; init W float 4,3 rand\n" BN(4) NORM
        "t = Flatten(y); z = Gemm(t, W)\n", "y folded forward z"},
    {"flatten with positions, gemm", "in c float N,4,2,3; out z; init W float 24,3 rand; init B float 3 rand\n" BN(4) NORM
        "t = Flatten(y); z = Gemm(t, W, B)\n", "y folded forward z"},
    {"flatten with positions, gemm transB", "in c float 2,4,2,3; out z; init W float 3,24 rand\n" BN(4) NORM
        "t = Flatten(y) axis=-3; z = Gemm(t, W) transB=1\n", "y folded forward z"},
    {"reshape instead of flatten", "in c float N,4,2,3; out z; init W float 24,3 rand; init p int64 2 -1 24\n" BN(4) NORM
        "t = Reshape(y, p); z = MatMul(t, W)\n", "y folded forward z"},
    {"the positions joined", "in c float N,4,2,3; out z; init W float 5,4,1 rand; init p int64 3 0 0 -1\n" BN(4) NORM
        "t = Reshape(y, p); z = Conv(t, W)\n", "y folded forward z"},
    {"a symbol for the channels", "in c float N,K,2,3; out z; init W float 5,4,1 rand; init p int64 3 0 0 -1\n" BN(4) NORM
        "t = Reshape(y, p); z = Conv(t, W)\n", "y folded forward z", {0}, true},
    {"split, entries equal along one part", "in c float N,4; out z; init W float 3,2,1 rand; init s float 4 2 2 -3 -3\n"
        "init b float 4 1 1 5 5; init m float 4 0 0 1 1; init v float 4 1 1 2 2; init p int64 3 0 2 2\n" NORM
        "t = Reshape(y, p); z = Conv(t, W)\n", "y folded forward z"},
    {"split, entries differ", "in x float N,4; out z; init W float 3,2,1 rand; init p int64 3 0 2 2\n" BN(4)
        "c = Relu(x)\n" NORM "i = Identity(y); t = Reshape(i, p); z = Conv(t, W)\n", "y lowered axis-mismatch"},
    {"flatten with open positions", "in c float N,4,H,3; out z; init W float 24,3 rand\n" BN(4) NORM
        "t = Flatten(y); z = Gemm(t, W)\n", "y lowered shape-unknown", {0}, true},
    {"flatten everything into one row", "in c float 1,4,3; out z; init W float 12,5 rand\n" BN(4) NORM
        "t = Flatten(y) axis=0; z = Gemm(t, W)\n", "y folded forward z"},
    {"flatten everything into the batch", "in c float 2,4,3; out z; init W float 3,5 rand\n" BN(4) NORM
        "t = Flatten(y) axis=2; z = Gemm(t, W)\n", "y lowered axis-mismatch"},
};

static const struct foldcase repeat_cases[] = {
    {"expand in front", "in x float 1,3,5,6; out y; init W float 4,3,1,1 rand; init p int64 4 3 1 1 1\n" BN(4)
        "u = Conv(x, W); c = Expand(u, p)\n" NORM, "y folded back u"},
    {"expand adds an axis and positions", "in x float 4,3; out y; init W float 3,4 rand; init k float 4 rand\n"
        "init p int64 3 2 4 4; u = MatMul(x, W); c = Expand(u, p); y = Mul(c, k)\n", "y folded back u"},
    {"expand of positions", "in x float N,3,1,1; out y; init W float 4,3,1,1 rand; init p int64 4 1 4 5 6\n" BN(4)
        "u = Conv(x, W); c = Expand(u, p)\n" NORM, "y folded back u"},
    {"expand forward", "in c float N,4,1,1; out z; init W float 3,4,1,1 rand; init p int64 4 1 1 2 3\n" BN(4) NORM
        "t = Expand(y, p); z = Conv(t, W)\n", "y folded forward z"},
    {"a scalar where nothing is known", "in x float ?; in p int64 4; out y; init W float 4,3,1,1 rand; init k float () 3\n"
        "u = Conv(x, W); c = Expand(u, p); y = Mul(c, k)\n", "y folded back u", {0}, true},
    {"expand makes the channels", "in x float N,3,5,6; out z; init W float 1,3,1,1 rand; init p int64 4 1 4 1 1\n" BN(4)
        "u = Conv(x, W); c = Expand(u, p)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"expand adds the channels", "in x float 5,3; out z; init W float 3,6 rand; init p int64 4 2 4 1 1\n" BN(4)
        "u = MatMul(x, W); c = Expand(u, p)\n" NORM "z = Relu(y)\n", "y lowered broadcast"},
    {"expand by the caller", "in c float N,4,1,1; in p int64 R; out z; init W float 3,4,1,1 rand\n" BN(4) NORM
        "t = Expand(y, p); z = Conv(t, W)\n", "y lowered rank-unknown", {0}, true},
    {"expand by the caller to a known rank", "in x float N,3,1,1; in p int64 4; out z; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Expand(u, p)\n" NORM "z = Relu(y)\n", "y folded back u", {0}, true},
    {"expand of unknown channels", "in x float ?; in p int64 4; out z; info u float N,K,1,1\n" BN(4)
        "u = Relu(x); c = Expand(u, p)\n" NORM "z = Relu(y)\n", "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"tile along positions", "in x float N,3,2,3; out y; init W float 4,3,1,1 rand; init r int64 4 1 1 2 3\n" BN(4)
        "u = Conv(x, W); c = Tile(u, r)\n" NORM, "y folded back u"},
    {"tile forward", "in c float 2,4; out z; init W float 4,3 rand; init r int64 2 3 1\n" BN(4) NORM
        "t = Tile(y, r); z = Gemm(t, W)\n", "y folded forward z"},
    {"tile along the channels", "in x float N,3,2,3; out z; init W float 2,3,1,1 rand; init r int64 4 1 2 1 1\n" BN(4)
        "u = Conv(x, W); c = Tile(u, r)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"a uniform affine, tiled along the channels", "in x float N,3,2,3; out y; init W float 2,3,1,1 rand\n"
        "init r int64 4 1 2 1 1; init s float 4 2 2 2 2; init b float 4 3 3 3 3; init m float 4 1 1 1 1\n"
        "init v float 4 1 1 1 1; u = Conv(x, W); c = Tile(u, r)\n" NORM, "y folded back u"},
    {"tile forward along the channels", "in x float 2,4; out z; init W float 8,3 rand; init r int64 2 1 2\n" BN(4)
        "c = Relu(x)\n" NORM "i = Identity(y); t = Tile(i, r); z = Gemm(t, W)\n", "y lowered axis-mismatch"},
    {"tile by the caller", "in x float 2,4; in r int64 2; out z; init W float 8,3 rand\n" BN(4)
        "c = Relu(x)\n" NORM "i = Identity(y); t = Tile(i, r); z = Gemm(t, W)\n", "y lowered shape-unknown", {0}, true},
};

static const struct foldcase cast_cases[] = {
    {"cast to the same type", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "u = Conv(x, W); c = Cast(u) to=1\n" NORM, "y folded back u"},
    {"cast to the same type, forward", "in c float16 2,3,5,6; out z; init W float16 4,3,3,3 rand\n"
        "init s float16 3 rand; init b float16 3 rand; init m float16 3 rand; init v float16 3 pos\n" NORM
        "t = Cast(y) to=10; z = Conv(t, W)\n", "y folded forward z"},
    {"cast to a wider type", "in x float16 2,3,5,6; out z; init W float16 4,3,3,3 rand\n" BN(4)
        "u = Conv(x, W); c = Cast(u) to=1\n" NORM "z = Relu(y)\n", "y lowered dtype"},
    {"cast to a narrower type, forward", "in x double 2,3,5,6; out z; init W float 4,3,3,3 rand; init s double 3 rand\n"
        "init b double 3 rand; init m double 3 rand; init v double 3 pos; c = Relu(x)\n" NORM
        "i = Identity(y); t = Cast(i) to=1; z = Conv(t, W)\n", "y lowered dtype", .in_double = "y folded forward z"},
    {"cast to integers, forward", "in x float 2,3; out z\n" BN(3)
        "c = Relu(x)\n" NORM "i = Identity(y); z = Cast(i) to=7\n", "y lowered consumer-not-linear", {0}, true},
    {"cast from integers", "in x int32 2,3; out z\n" BN(3) "c = Cast(x) to=1\n" NORM "z = Relu(y)\n",
        "y lowered producer-not-linear", {0}, true},
};

#define SHUFFLE(from, to) "t1 = Reshape(" from ", p1); t2 = Transpose(t1) perm=[0,2,1,3,4]; " to " = Reshape(t2, p2)\n"

static const struct foldcase shuffle_cases[] = {
    {"a grouped convolution, shuffled", "in x float N,4,5,6; out y; init W float 6,2,3,3 rand; init p1 int64 5 0 2 3 3 4\n"
        "init p2 int64 4 0 6 3 4\n" BN(6) "u = Conv(x, W) group=2\n" SHUFFLE("u", "c") NORM, "y folded back u"},
    {"three groups, every extent fixed", "in x float 2,3,3,4; out y; init W float 6,1,1,1 rand\n"
        "init p1 int64 5 2 3 2 3 4; init p2 int64 4 2 -1 3 4\n" BN(6) "u = Conv(x, W) group=3\n" SHUFFLE("u", "c") NORM,
        "y folded back u"},
    {"open positions", "in x float N,4,H,V; out y; init W float 6,2,1,1 rand; init p1 int64 4 0 2 3 -1\n"
        "init p2 int64 3 0 6 -1\n" BN(6) "u = Conv(x, W) group=2; t1 = Reshape(u, p1); t2 = Transpose(t1) perm=[0,2,1,3]\n"
        "c = Reshape(t2, p2)\n" NORM, "y folded back u"},
    {"1-D", "in x float N,4,7; out y; init W float 6,2,1 rand; init p1 int64 4 0 3 2 7; init p2 int64 3 0 6 7\n" BN(6)
        "u = Conv(x, W) group=2; t1 = Reshape(u, p1); t2 = Transpose(t1) perm=[0,2,1,3]; c = Reshape(t2, p2)\n" NORM,
        "y folded back u"},
    {"a shuffle of three parts", "in x float N,4,7; out y; init W float 12,4,1 rand; init p1 int64 5 0 2 3 2 7\n"
        "init p2 int64 3 0 12 7\n" BN(12) "u = Conv(x, W); t1 = Reshape(u, p1); t2 = Transpose(t1) perm=[0,3,1,2,4]\n"
        "c = Reshape(t2, p2)\n" NORM, "y folded back u"},
    {"channels last", "in x float N,5,3; out y; init W float 3,6 rand; init p1 int64 4 0 5 2 3; init p2 int64 3 0 5 6\n"
        "init k float 6 rand; u = MatMul(x, W); t1 = Reshape(u, p1); t2 = Transpose(t1) perm=[0,1,3,2]\n"
        "c = Reshape(t2, p2); y = Mul(c, k)\n", "y folded back u"},
    {"forward into a convolution", "in c float N,6,3,4; out z; init W float 4,3,1,1 rand; init p1 int64 5 0 2 3 3 4\n"
        "init p2 int64 4 0 6 3 4\n" BN(6) NORM SHUFFLE("y", "t") "z = Conv(t, W) group=2\n", "y folded forward z"},
    {"forward, flattened by the last reshape", "in c float N,6,2; out z; init W float 12,3 rand; init p1 int64 4 0 2 3 2\n"
        "init p2 int64 2 0 12\n" BN(6) NORM "t1 = Reshape(y, p1); t2 = Transpose(t1) perm=[0,2,1,3]; t = Reshape(t2, p2)\n"
        "z = Gemm(t, W)\n", "y folded forward z"},
    {"pixel shuffle by hand: each operator passes", "in x float N,3,4,5; out y; init W float 8,3,1,1 rand\n"
        "init p1 int64 6 0 2 2 2 4 5; init p2 int64 4 0 2 8 10\n" BN(2) "u = Conv(x, W); t1 = Reshape(u, p1)\n"
        "t2 = Transpose(t1) perm=[0,1,4,2,5,3]; c = Reshape(t2, p2)\n" NORM, "y folded back u"},
    {"pixel shuffle by hand, blocks in front", "in x float N,3,4,5; out y; init W float 8,3,1,1 rand\n"
        "init p1 int64 6 0 2 2 2 4 5; init p2 int64 4 0 2 8 10\n" BN(2) "u = Conv(x, W); t1 = Reshape(u, p1)\n"
        "t2 = Transpose(t1) perm=[0,3,4,1,5,2]; c = Reshape(t2, p2)\n" NORM, "y folded back u"},
    {"two shuffles in a row", "in x float N,4,5,6; out y; init W float 6,2,3,3 rand; init p1 int64 5 0 2 3 3 4\n"
        "init p2 int64 4 0 6 3 4\n" BN(6) "u = Conv(x, W) group=2\n" SHUFFLE("u", "w")
        "w1 = Reshape(w, p1); w2 = Transpose(w1) perm=[0,2,1,3,4]; c = Reshape(w2, p2)\n" NORM, "y folded back u"},
    {"somebody reads the middle", "in x float N,4,5,6; out z; out q; init W float 6,2,3,3 rand\n"
        "init p1 int64 5 0 2 3 3 4; init p2 int64 4 0 6 3 4\n" BN(6) "u = Conv(x, W) group=2\n" SHUFFLE("u", "c")
        "q = Relu(t1)\n" NORM "z = Relu(y)\n", "y lowered producer-shared"},
    {"the middle is an output", "in x float N,4,5,6; out z; out t2; init W float 6,2,3,3 rand\n"
        "init p1 int64 5 0 2 3 3 4; init p2 int64 4 0 6 3 4\n" BN(6) "u = Conv(x, W) group=2\n" SHUFFLE("u", "c")
        NORM "z = Relu(y)\n", "y lowered producer-is-output"},
    {"the convolution is read twice", "in x float N,4,5,6; out z; out q; init W float 6,2,3,3 rand\n"
        "init p1 int64 5 0 2 3 3 4; init p2 int64 4 0 6 3 4\n" BN(6) "u = Conv(x, W) group=2\n" SHUFFLE("u", "c")
        "q = Relu(u)\n" NORM "z = Relu(y)\n", "y lowered producer-shared"},
    {"forward, somebody reads the middle", "in x float N,6,3,4; out z; out q; init W float 4,3,1,1 rand\n"
        "init p1 int64 5 0 2 3 3 4; init p2 int64 4 0 6 3 4\n" BN(6) "c = Relu(x)\n" NORM
        "i = Identity(y)\n" SHUFFLE("i", "t") "q = Relu(t2); z = Conv(t, W) group=2\n", "y lowered consumer-shared"},
    {"positions are mixed in", "in x float 2,4,3,3; out z; init W float 6,2,1,1 rand; init p1 int64 5 2 2 3 3 3\n"
        "init p2 int64 4 2 6 3 3\n" BN(6) "u = Conv(x, W) group=2; t1 = Reshape(u, p1)\n"
        "t2 = Transpose(t1) perm=[0,3,1,2,4]; c = Reshape(t2, p2)\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
};

static const struct foldcase depth_cases[] = {
    {"depth to space", "in x float N,3,4,5; out y; init W float 8,3,1,1 rand\n" BN(2)
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=2\n" NORM, "y folded back u"},
    {"depth to space, DCR by name", "in x float N,3,4,5; out y; init W float 27,3,1,1 rand\n" BN(3)
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=3 mode='DCR'\n" NORM, "y folded back u"},
    {"depth to space, CRD", "in x float 2,3,4,5; out y; init W float 12,3,1,1 rand\n" BN(3)
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=2 mode='CRD'\n" NORM, "y folded back u"},
    {"before there were modes", "opset 9; in x float 2,3,4,5; out y; init W float 12,3,1,1 rand\n" BN(3)
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=2\n" NORM, "y folded back u"},
    {"space to depth, equal blocks", "in x float 2,3,4,6; out y; init W float 2,3,1,1 rand\n"
        "init s float 8 2 -1 2 -1 2 -1 2 -1; init b float 8 3 4 3 4 3 4 3 4; init m float 8 0 1 0 1 0 1 0 1\n"
        "init v float 8 1 2 1 2 1 2 1 2; u = Conv(x, W); c = SpaceToDepth(u) blocksize=2\n" NORM, "y folded back u"},
    {"a uniform affine, extents unknown", "in x float ?; out y; init W float 8,3,1,1 rand; init k float () 3\n"
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=2; y = Mul(c, k)\n", "y folded back u", {0}, true},
    {"forward through space to depth", "in c float N,2,4,6; out z; init W float 3,8,1,1 rand\n" BN(2) NORM
        "t = SpaceToDepth(y) blocksize=2; z = Conv(t, W)\n", "y folded forward z"},
    {"forward through depth to space, equal blocks", "in c float 2,8,2,3; out z; init W float 3,2,1,1 rand\n"
        "init s float 8 2 -1 2 -1 2 -1 2 -1; init b float 8 3 4 3 4 3 4 3 4; init m float 8 0 1 0 1 0 1 0 1\n"
        "init v float 8 1 2 1 2 1 2 1 2\n" NORM "t = DepthToSpace(y) blocksize=2; z = Conv(t, W)\n", "y folded forward z"},
    {"forward through depth to space, CRD, equal blocks", "in c float 2,8,2,3; out z; init W float 3,2,1,1 rand\n"
        "init s float 8 2 2 2 2 -1 -1 -1 -1; init b float 8 3 3 3 3 4 4 4 4; init m float 8 zeros; init v float 8 ones\n"
        NORM "t = DepthToSpace(y) blocksize=2 mode='CRD'; z = Conv(t, W)\n", "y folded forward z"},
    {"space to depth, blocks differ", "in x float 2,3,4,6; out z; init W float 2,3,1,1 rand\n" BN(8)
        "u = Conv(x, W); c = SpaceToDepth(u) blocksize=2\n" NORM "z = Relu(y)\n", "y lowered axis-mismatch"},
    {"forward through depth to space, equal in the other mode", "in x float 2,8,2,3; out z; init W float 3,2,1,1 rand\n"
        "init s float 8 2 -1 2 -1 2 -1 2 -1; init b float 8 zeros; init m float 8 zeros; init v float 8 ones; c = Relu(x)\n"
        NORM "i = Identity(y); t = DepthToSpace(i) blocksize=2 mode='CRD'; z = Conv(t, W)\n", "y lowered axis-mismatch"},
    {"another axis than the channels", "in x float 2,3,4,6; out z; init W float 8,3,1,1 rand\n" BN(8)
        "u = Conv(x, W); d = DepthToSpace(u) blocksize=2; c = Transpose(d) perm=[0,2,1,3]\n" NORM "z = Relu(y)\n",
        "y lowered axis-mismatch"},
    {"forward, the channels are no multiple of the blocks", "in x float 2,6,2,3; out z; init W float 3,2,1,1 rand\n" BN(6)
        "c = Relu(x)\n" NORM "i = Identity(y); t = DepthToSpace(i) blocksize=2; z = Conv(t, W)\n", "y lowered broadcast",
        {0}, true},
    {"no blocksize", "in x float 2,3,4,6; out z; info c float 2,8,4,6; init W float 8,3,1,1 rand\n" BN(8)
        "u = Conv(x, W); c = DepthToSpace(u)\n" NORM "z = Relu(y)\n", "y lowered shape-unknown", {0}, true},
    {"a mode of another kind", "in x float 2,3,4,6; out z; init W float 8,3,1,1 rand\n" BN(2)
        "u = Conv(x, W); c = DepthToSpace(u) blocksize=2 mode='RCD'\n" NORM "z = Relu(y)\n", "y lowered shape-unknown",
        {0}, true},
};

static void check(const struct foldcase *table, size_t count)
{
    assert_int_equal(foldcase_table(table, count), 0);
}

static void test_transpose(void **state)
{
    (void)state;
    check(transpose_cases, COUNT(transpose_cases));
}

static void test_squeeze(void **state)
{
    (void)state;
    check(squeeze_cases, COUNT(squeeze_cases));
}

static void test_reshape(void **state)
{
    (void)state;
    check(reshape_cases, COUNT(reshape_cases));
}

static void test_repeat(void **state)
{
    (void)state;
    check(repeat_cases, COUNT(repeat_cases));
}

static void test_cast(void **state)
{
    (void)state;
    check(cast_cases, COUNT(cast_cases));
}

static void test_shuffle(void **state)
{
    (void)state;
    check(shuffle_cases, COUNT(shuffle_cases));
}

static void test_depth(void **state)
{
    (void)state;
    check(depth_cases, COUNT(depth_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transpose), cmocka_unit_test(test_squeeze),
        cmocka_unit_test(test_reshape), cmocka_unit_test(test_repeat), cmocka_unit_test(test_cast),
        cmocka_unit_test(test_shuffle), cmocka_unit_test(test_depth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
