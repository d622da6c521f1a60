/* Shape inference: every operator that has a rule, the arithmetic on shapes, and what absurd models get. */
#include "graph/shapes.h"
#include "graph/shapes_internal.h"
#include "onnx/tensor.h"
#include "support/shapecases.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Elementwise and the like: expectation as in the table. */
static const struct shape_case elementwise[] = {
    {"same shape", "in x float N,3; y = Relu(x); z = Clip(y); u = HardSwish(z); v = Softmax(u)",
        "y float[N,3]; z float[N,3]; u float[N,3]; v float[N,3]"},
    {"unknown rank stays unknown", "in x float ?; y = Relu(x)", "y float?"},
    {"unknown operators say nothing", "in x float 2,3; y = com.acme.Relu(x); z = NoSuchOperator(x)",
        "y undefined?; z undefined?"},
    {"cast", "in x float N,3; y = Cast(x) to=7; z = Cast(x) to=99; w = CastLike(x, y)",
        "y int64[N,3]; z undefined[N,3]; w int64[N,3]"},
    {"tests give bool", "in x float 2; y = IsNaN(x); z = IsInf(x); w = Not(y)",
        "y bool[2]; z bool[2]; w bool[2]"},
    {"broadcast", "in a float N,1,5; in b float 4,1; y = Add(a, b)", "y float[N,4,5]"},
    {"broadcast of symbols", "in a float N,M; in b float N,K; y = Mul(a, b)", "y float[N,y[1]]"},
    {"a number beats a symbol", "in a float N,3; in b float 2,M; y = Sub(a, b)", "y float[2,3]"},
    {"1 gives way to a symbol", "in a float N,1; in b float 1,M; y = Div(a, b)", "y float[N,M]"},
    {"contradictory extents", "in a float 2,3; in b float 2,4; y = Add(a, b)", "y float[2,y[1]]"},
    {"broadcast with unknown rank", "in a float ?; in b float 3; y = Add(a, b)", "y float?"},
    {"broadcast before opset 7", "opset 6; in a float 2,3,4; in b float 3; y = Add(a, b) broadcast=1 axis=1",
        "y float[2,3,4]"},
    {"comparisons",
        "in a float 2,1; in b float 3; p = Equal(a, b); q = Less(a, b); r = Greater(a, b); "
        "s = LessOrEqual(a, b); t = GreaterOrEqual(a, b)",
        "p bool[2,3]; q bool[2,3]; r bool[2,3]; s bool[2,3]; t bool[2,3]"},
    {"logic", "in a bool 2,1; in b bool 3; p = And(a, b); q = Or(a, b); r = Xor(a, b)",
        "p bool[2,3]; q bool[2,3]; r bool[2,3]"},
    {"bits",
        "in a int32 2,1; in b int32 3; p = BitShift(a, b); q = BitwiseAnd(a, b); r = BitwiseOr(a, b); "
        "s = BitwiseXor(a, b); t = BitwiseNot(a); u = Mod(a, b)",
        "p int32[2,3]; q int32[2,3]; r int32[2,3]; s int32[2,3]; t int32[2,1]; u int32[2,3]"},
    {"many operands",
        "in a float 2,1; in b float 3; in c float 4,1,1; p = Max(a, b, c); q = Min(a, b); "
        "r = Sum(a, b, c); s = Mean(a)",
        "p float[4,2,3]; q float[2,3]; r float[4,2,3]; s float[2,1]"},
    {"where", "in c bool N,1; in a float 3; in b float 1; y = Where(c, a, b)", "y float[N,3]"},
    {"power keeps the base's type", "in a float 2; in b int64 1; y = Pow(a, b)", "y float[2]"},
    {"slopes do not widen", "in x float N,3,4,4; in s float 3,1,1; y = PRelu(x, s)", "y float[N,3,4,4]"},
    {"dropout", "in x float N,3; y, m = Dropout(x)", "y float[N,3]; m bool[N,3]"},
    {"dropout's old mask", "opset 9; in x float N,3; y, m = Dropout(x)", "y float[N,3]; m float[N,3]"},
    {"types of random outputs",
        "in x float 2,3; a = RandomNormalLike(x) dtype=11; b = RandomUniformLike(x); "
        "c = Bernoulli(x) dtype=9; d = EyeLike(x) dtype=7; e = RandomNormal() shape=[2,5]; "
        "f = RandomUniform() shape=[1] dtype=11; g = Multinomial(x) sample_size=4",
        "a double[2,3]; b float[2,3]; c bool[2,3]; d int64[2,3]; e float[2,5]; f double[1]; g int32[2,4]"},
    {"quantization",
        "in x float N,3; in s float; in z int8; in q int8 N,3; a = QuantizeLinear(x, s, z); "
        "b = QuantizeLinear(x, s); c = DequantizeLinear(q, s, z); d, e, f = DynamicQuantizeLinear(x)",
        "a int8[N,3]; b uint8[N,3]; c float[N,3]; d uint8[N,3]; e float[]; f uint8[]"},
};

/* One input, one output of the same shape and type. */
static const char *const plain[] = {"Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu",
    "Cos", "Cosh", "CumSum", "Elu", "Erf", "Exp", "Floor", "Gelu", "GroupNormalization", "HardSigmoid",
    "Hardmax", "Identity", "InstanceNormalization", "LRN", "LeakyRelu", "Log", "LogSoftmax",
    "LpNormalization", "MeanVarianceNormalization", "Mish", "Neg", "RMSNormalization", "Reciprocal", "SimplifiedLayerNormalization",
    "ReverseSequence", "RotaryEmbedding", "Round", "Scatter", "ScatterElements", "ScatterND", "Selu",
    "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh",
    "ThresholdedRelu", "Trilu"};

static const struct shape_case moves[] = {
    {"concat", "in a float N,3,H; in b float 2,4,H; y = Concat(a, b) axis=1", "y float[2,7,H]"},
    {"concat of a symbol", "in a float N,M; in b float N,2; y = Concat(a, b) axis=-1; z = Concat(a) axis=1",
        "y float[N,y[1]]; z float[N,M]"},
    {"concat with an unknown rank", "in a float N,3; in b float ?; y = Concat(a, b) axis=1",
        "y float[N,y[1]]"},
    {"concat out of range", "in a float N,3; y = Concat(a) axis=5", "y float?"},
    {"split",
        "in x float N,7; a, b = Split(x) axis=1; init s int64 2 3 4; c, d = Split(x, s) axis=-1; "
        "e, f = Split(x) axis=0",
        "a float[N,a[1]]; c float[N,3]; d float[N,4]; e float[e[0],7]"},
    {"even split", "in x float N,6; a, b, c = Split(x) axis=1", "a float[N,2]; b float[N,2]; c float[N,2]"},
    {"split by attribute", "opset 11; in x float 6,2; a, b = Split(x) split=[1,5]",
        "a float[1,2]; b float[5,2]"},
    {"uneven split of opset 18", "opset 18; in x float 7; a, b, c = Split(x) num_outputs=3",
        "a float[3]; b float[3]; c float[1]"},
    {"slice",
        "in x float N,10,8; init s int64 2 1 -2; init e int64 2 9 9223372036854774784; init a int64 2 1 2; "
        "init t int64 2 3 1; y = Slice(x, s, e, a, t)",
        "y float[N,3,2]"},
    {"slice backwards",
        "in x float 10; init s int64 1 -1; init e int64 1 -99; init a int64 1 0; init t int64 1 -3; "
        "y = Slice(x, s, e, a, t)",
        "y float[4]"},
    {"slice backwards from before the beginning",
        "in x float 4,5,0; init s int64 3 -10 9223372036854774784 -1; init e int64 3 -99 -9223372036854775808 -9; "
        "init a int64 3 0 1 2; init t int64 3 -1 -9223372036854775808 -1; y = Slice(x, s, e, a, t)",
        "y float[1,1,0]"},
    {"slice of an axis twice",
        "in x float 4,5; init s int64 2 0 0; init e int64 2 2 3; init a int64 2 1 -1; y = Slice(x, s, e, a)",
        "y float[y[0],y[1]]"},
    {"slices of shapes backwards",
        "in x float 2,3,4; s = Shape(x); init b int64 1 -9; init e int64 1 -99; init a int64 1 0; init t int64 1 -1; "
        "y = Slice(s, b, e, a, t); init f int64 1 9; init m int64 1 -9223372036854775808; z = Slice(s, f, e, a, m); "
        "u = ConstantOfShape(y); v = ConstantOfShape(z)",
        "u float[2]; v float[4]"},
    {"resize of an axis twice", "opset 18; in x float 4,5; init z int64 2 3 4; y = Resize(x, _, _, z) axes=[1,-1]",
        "y float[y[0],y[1]]"},
    {"slice of everything",
        "in x float N; init s int64 1 0; init e int64 1 2147483647; y = Slice(x, s, e); "
        "init f int64 1 9223372036854774784; z = Slice(x, s, f); init g int64 1 9; u = Slice(x, s, g)",
        "y float[N]; z float[N]; u float[u[0]]"},
    {"slice of opset 9", "opset 9; in x float N,10,8; y = Slice(x) starts=[2,-3] ends=[5,7] axes=[1,-1]",
        "y float[N,3,2]"},
    {"slice by inputs", "in x float 9,10; in s int64 1; y = Slice(x, s, s); in t int64 K; z = Slice(x, t, t)",
        "y float[y[0],10]; z float[z[0],z[1]]"},
    {"slice by step 0",
        "in x float 9; init s int64 1 0; init e int64 1 5; init a int64 1 0; init t int64 1 0; "
        "y = Slice(x, s, e, a, t)",
        "y float[y[0]]"},
    {"reshape", "in x float 2,3,4; init s int64 2 -1 6; y = Reshape(x, s)", "y float[4,6]"},
    {"reshape with copies", "in x float N,3,H,W; init s int64 3 0 0 -1; y = Reshape(x, s)",
        "y float[N,3,y[2]]"},
    {"reshape that solves a symbol", "in x float N,12; init s int64 3 -1 3 4; y = Reshape(x, s)",
        "y float[N,3,4]"},
    {"reshape that does not divide", "in x float 7; init s int64 2 -1 2; y = Reshape(x, s)",
        "y float[y[0],2]"},
    {"reshape of nothing", "in x float 0,3; init s int64 2 -1 3; y = Reshape(x, s)", "y float[y[0],3]"},
    {"reshape with zeros allowed",
        "opset 14; in x float 0,3; init s int64 2 3 0; y = Reshape(x, s) allowzero=1", "y float[3,0]"},
    {"reshape by an input", "in x float N,3; in s int64 4; y = Reshape(x, s)",
        "y float[y[0],y[1],y[2],y[3]]"},
    {"reshape by an input of unknown length", "in x float N,3; in s int64 K; y = Reshape(x, s)", "y float?"},
    {"reshape by an initializer that will be frozen",
        "in x float 2,3; init s int64 2 3 2; input s; y = Reshape(x, s)", "y float[3,2]"},
    {"reshape by an initializer of IR 3",
        "ir 3; in x float 2,3; init s int64 2 3 2; input s; y = Reshape(x, s)", "y float[3,2]"},
    {"reshape of opset 1", "opset 4; in x float N,6; y = Reshape(x) shape=[0,2,-1]", "y float[N,2,3]"},
    {"flatten",
        "in x float N,3,4; y = Flatten(x); z = Flatten(x) axis=0; u = Flatten(x) axis=-1; v = Flatten(x) "
        "axis=3; "
        "w = Flatten(x) axis=-9223372036854775808",
        "y float[N,12]; z float[1,z[1]]; u float[u[0],4]; v float[v[0],1]; w float[w[0],w[1]]"},
    {"squeeze", "in x float N,1,3,1; init a int64 1 1; y = Squeeze(x, a); z = Squeeze(x)",
        "y float[N,3,1]; z float?"},
    {"squeeze of opset 11", "opset 11; in x float N,1,3,1; y = Squeeze(x) axes=[1,-1]", "y float[N,3]"},
    {"squeeze of all", "in x float 1,2,1; y = Squeeze(x)", "y float[2]"},
    {"unsqueeze",
        "in x float N,3; init a int64 2 -1 0; y = Unsqueeze(x, a); init b int64 2 0 0; z = Unsqueeze(x, b)",
        "y float[1,N,3,1]; z float[z[0],z[1],z[2],z[3]]"},
    {"unsqueeze of opset 11", "opset 11; in x float N,3; y = Unsqueeze(x) axes=[1]", "y float[N,1,3]"},
    {"transpose",
        "in x float N,3,H; y = Transpose(x); z = Transpose(x) perm=[0,2,1]; u = Transpose(x) perm=[0,9,1]",
        "y float[H,3,N]; z float[N,H,3]; u float[N,u[1],3]"},
    {"transpose without a rank", "in x float ?; y = Transpose(x) perm=[0,2,1]", "y float[y[0],y[1],y[2]]"},
    {"pad", "in x float N,3,4; init p int64 6 0 1 2 0 0 -1; y = Pad(x, p); in q int64 6; z = Pad(x, q)",
        "y float[N,4,5]; z float[z[0],z[1],z[2]]"},
    {"pad of opset 2", "opset 9; in x float N,4; y = Pad(x) pads=[0,1,0,1]", "y float[N,6]"},
    {"pad of opset 1", "opset 1; in x float N,4; y = Pad(x) paddings=[0,1,0,1]", "y float[N,6]"},
    {"pad along axes",
        "opset 18; in x float N,3,4; init p int64 2 1 2; init a int64 1 -1; y = Pad(x, p, _, a)",
        "y float[N,3,7]"},
    {"pad by too much",
        "in x float 3; init p int64 2 -2 -2; init q int64 2 9223372036854775807 9; y = Pad(x, p); "
        "z = Pad(x, q)",
        "y float[y[0]]; z float[z[0]]"},
    {"expand", "in x float N,1; init s int64 3 2 1 5; y = Expand(x, s)", "y float[2,N,5]"},
    {"tile", "in x float N,3; init r int64 2 1 4; y = Tile(x, r)", "y float[N,12]"},
    {"gather", "in x float 5,M; in i int64 2,K; y = Gather(x, i); z = Gather(x, i) axis=-1",
        "y float[2,K,M]; z float[5,2,K]"},
    {"gather of elements", "in x float 5,6; in i int64 2,K; y = GatherElements(x, i)", "y float[2,K]"},
    {"gather of slices",
        "in x float B,5,6,7; in i int64 B,4,2; y = GatherND(x, i); z = GatherND(x, i) batch_dims=1",
        "y float[B,4,6,7]; z float[B,4,7]"},
    {"blocks",
        "in x float N,8,3,W; y = DepthToSpace(x) blocksize=2; in u float N,3,4,6; z = SpaceToDepth(u) "
        "blocksize=2; "
        "v = DepthToSpace(x) blocksize=0; w = DepthToSpace(x) blocksize=3",
        "y float[N,2,6,y[3]]; z float[N,12,2,3]; v float[N,v[1],v[2],v[3]]; w float[N,w[1],9,w[3]]"},
    {"crop keeps the rank", "in x float 4,5; in s int64 2; y = CenterCropPad(x, s)", "y float[y[0],y[1]]"},
    {"compress", "in x float N,3; in c bool 3; y = Compress(x, c); z = Compress(x, c) axis=1",
        "y float[y[0]]; z float[N,z[1]]"},
};

static const struct shape_case makers[] = {
    {"constants",
        "a = Constant() value=float[2,1]{1 2}; b = Constant() value_float=1.5; c = Constant() "
        "value_ints=[1,2]; "
        "d = Constant() value_floats=[1.0]; e = Constant() value_int=3; f = Constant() value_string='x'; "
        "g = Constant() value=@p; h = Constant()",
        "a float[2,1]; b float[]; c int64[2]; d float[1]; e int64[]; f string[]; g undefined?; h undefined?"},
    {"constant of a shape",
        "init s int64 2 3 4; y = ConstantOfShape(s); z = ConstantOfShape(s) value=int64[1]{7}",
        "y float[3,4]; z int64[3,4]"},
    {"shape",
        "in x float N,3,4; y = Shape(x); opset 15; z = Shape(x) start=-2; w = Shape(x) start=1 end=-1; "
        "u = Size(x); in v float ?; t = Shape(v)",
        "y int64[3]; z int64[2]; w int64[1]; u int64[]; t int64[t[0]]"},
    {"range",
        "init a int64 () 2; init b int64 () 11; init c int64 () 3; y = Range(a, b, c); init z int64 () 0; "
        "u = Range(a, b, z); d = Range(b, a, c); in k int64; v = Range(a, k, c)",
        "y int64[3]; u int64[u[0]]; d int64[0]; v int64[v[0]]"},
    {"one hot",
        "in x int64 N,3; init d int64 1 5; in v double 2; y = OneHot(x, d, v); z = OneHot(x, d, v) axis=0",
        "y double[N,3,5]; z double[5,N,3]"},
    {"counts nobody knows",
        "in x float 2,3; y = NonZero(x); in b float 1,9,4; in s float 1,2,9; z = NonMaxSuppression(b, s)",
        "y int64[2,y[1]]; z int64[z[0],3]"},
};

/* What exporters write: shapes computed from shapes. */
static const struct shape_case arithmetic[] = {
    {"int32 does not hold every product",
        "in x float 1; init a int32 1 65536; init b int32 1 65535; init c int32 1 -1; p = Mul(a, a); q = Mul(a, b); "
        "r = Mul(p, c); k = Neg(r); w = Neg(q); t = Mul(w, c); y = Expand(x, p); z = Expand(x, k); u = Expand(x, t)",
        "y float[y[0]]; z float[z[0]]; u float[u[0]]"},
    {"int32 up to its ends",
        "in x float 1; init a int32 1 2147483647; init b int32 1 -2147483648; init e int32 1 1; c = Add(b, a); "
        "d = Neg(c); y = Expand(x, d); f = Add(a, e); g = Sub(f, a); z = Expand(x, g); h = Sub(b, e); i = Sub(h, b); "
        "j = Neg(i); u = Expand(x, j)",
        "y float[1]; z float[z[0]]; u float[u[0]]"},
    {"a cast to int32 that does not hold",
        "in x float 1; init a int64 1 4294967298; b = Cast(a) to=6; y = Expand(x, b); "
        "init c int64 1 9223372036854774784; d = Cast(c) to=6; z = Expand(x, d); init e int64 1 7; f = Cast(e) to=6; "
        "u = Expand(x, f)",
        "y float[y[0]]; z float[z[0]]; u float[7]"},
    {"view(n, -1)",
        "in x float N,8,2,2; s = Shape(x); init z int64 () 0; n = Gather(s, z); init a int64 1 0; "
        "u = Unsqueeze(n, a); m = Constant() value=int64[1]{-1}; t = Concat(u, m) axis=0; y = Reshape(x, t)",
        "t int64[2]; y float[N,32]"},
    {"channel shuffle of any extent",
        "in x float N,8,H,W; init w float 8,8,3,3 zeros; c = Conv(x, w) strides=[2,2]; "
        "s = Shape(c); init i int64 1 0; init j int64 1 2; init k int64 1 3; "
        "n = Gather(s, i); h = Gather(s, j); v = Gather(s, k); init g int64 2 2 4; "
        "t = Concat(n, g, h, v) axis=0; a = Reshape(c, t); "
        "b = Transpose(a) perm=[0,2,1,3,4]; init m int64 1 -1; "
        "f = Concat(n, m, h, v) axis=0; y = Reshape(b, f)",
        "a float[N,2,4,c[2],c[3]]; y float[N,8,c[2],c[3]]"},
    {"sizes from scales",
        "in x float N,3,5,6; s = Shape(x); init b int64 1 2; init e int64 1 4; h = Slice(s, b, e); "
        "f = Cast(h) to=1; init k float 2 1.5 2; m = Mul(f, k); r = Floor(m); i = Cast(r) to=7; "
        "init o int64 1 0; p = Slice(s, o, b); t = Concat(p, i) axis=0; y = Resize(x, _, _, t)",
        "y float[N,3,7,12]"},
    {"expand with -1",
        "in x float N,1; init w int64 2 -1 5; s = Shape(w); c = ConstantOfShape(s) value=int64[1]{1}; "
        "init k int64 () -1; m = Mul(c, k); q = Equal(w, m); t = Where(q, c, w); y = Expand(x, t)",
        "y float[N,5]"},
    {"halves",
        "in x float 10,3; s = Shape(x); init z int64 () 0; n = Gather(s, z); init k int64 () 3; d = Div(n, "
        "k); "
        "e = Sub(d, z); f = Add(e, k); a = Max(f, k); b = Min(f, k); g = Neg(b); h = Abs(g); "
        "init o int64 1 0; u = Unsqueeze(h, o); i = ConstantOfShape(u); v = Unsqueeze(a, o); j = "
        "ConstantOfShape(v)",
        "i float[3]; j float[6]"},
    {"products of shapes",
        "in x float N,3,4; s = Shape(x); init b int64 1 1; init e int64 1 3; h = Slice(s, b, e); "
        "p = ReduceProd(h); q = ReduceSum(h) keepdims=0; r = ReduceMax(h) keepdims=0; "
        "v = ReduceMin(h); i = ConstantOfShape(p); init o int64 1 0; a = Unsqueeze(q, o); "
        "c = Unsqueeze(r, o); j = ConstantOfShape(a); k = ConstantOfShape(c); l = ConstantOfShape(v)",
        "i float[12]; j float[7]; k float[4]; l float[3]"},
    {"size and range",
        "in x float 2,3; s = Size(x); init z int64 () 0; init o int64 () 1; r = Range(z, s, o); "
        "init e int64 1 1; i = Expand(z, e); y = Reshape(x, r); t = ConstantOfShape(i)",
        "r int64[6]; y float[2,1,2,3,4,5]; t float[0]"},
    {"logic on shapes",
        "in x float 4; s = Shape(x); init k int64 1 4; a = Less(s, k); b = Greater(s, k); "
        "c = LessOrEqual(s, k); d = GreaterOrEqual(s, k); e = And(c, d); f = Or(a, b); g = Not(f); "
        "h = And(e, g); init p int64 1 7; init q int64 1 8; w = Where(h, p, q); y = ConstantOfShape(w)",
        "y float[7]"},
    {"rounding",
        "init a float 1 2.5; u = Ceil(a); v = Round(a); i = Cast(u) to=7; j = Cast(v) to=7; "
        "y = ConstantOfShape(i); z = ConstantOfShape(j)",
        "y float[3]; z float[2]"},
    {"truncation",
        "init a int64 1 7; init b int64 1 2; d = Div(a, b); y = ConstantOfShape(d); init z int64 1 0; "
        "e = Div(a, z); u = ConstantOfShape(e)",
        "y float[3]; u float[u[0]]"},
};

static const struct shape_case stated[] = {
    {"a stated number wins", "in x float N,3; info y float 2,3; y = Relu(x)", "y float[2,3]"},
    {"a stated symbol gives way", "in x float N,3; info y float A,B; y = Relu(x)", "y float[N,3]"},
    {"stated where nothing is known", "in x float ?; info y float A,3; y = Relu(x); z = Relu(y)",
        "y float[A,3]; z float[A,3]"},
    {"a stated rank stays", "in x float N,3; info y float 1,2,3; y = Relu(x)", "y float[1,2,3]"},
    {"a stated number against the inferred one", "in x float 4; info y float 5; y = Relu(x); z = Neg(y)",
        "y float[5]; z float[5]"},
    {"a stated type gives way to the computed one", "in x float 4; info y double 4; y = Relu(x)", "y float[4]"},
};

static const struct shape_case bodies[] = {
    {"branches that agree",
        "in c bool; in x float N,3,H; y = If(c) then_branch={ out p; p = Relu(x) } "
        "else_branch={ out q; init w float 3,3,1 zeros; q = Conv(x, w) }",
        "y float[N,3,H]; p float[N,3,H]"},
    {"branches that differ",
        "in c bool; in x float N,3; y = If(c) then_branch={ out p; p = Relu(x) } "
        "else_branch={ out q; q = Transpose(x) }",
        "y float[y[0],y[1]]"},
    {"branches of different ranks",
        "in c bool; in x float N,3; y = If(c) then_branch={ out p; p = Relu(x) } "
        "else_branch={ out q; q = ReduceSum(x) keepdims=0 }",
        "y float?"},
    {"loop",
        "in t int64; in c bool; in x float 2,3; init a int64 1 0; y, z = Loop(t, c, x) body={ in i int64; in "
        "k bool; "
        "in u float 2,3; out k2; out v; out w; k2 = Identity(k); v = Relu(u); w = ReduceSum(u, a) keepdims=0 "
        "}",
        "y float[2,3]; z float[z[0],3]"},
    {"scan",
        "in s float 3; in x float T,3; y, z = Scan(s, x) num_scan_inputs=1 body={ in a float 3; in b float "
        "3; "
        "out c; out d; c = Add(a, b); d = Relu(c) }",
        "y float[3]; z float[T,3]"},
    {"scan along other axes",
        "in s float 3; in x float 3,T; y, z = Scan(s, x) num_scan_inputs=1 scan_input_axes=[1] "
        "scan_output_axes=[-1] body={ in a float 3; in b float 3; out c; out d; c = Add(a, b); "
        "d = Relu(c) }",
        "y float[3]; z float[3,T]"},
};

/* Functions: every call by itself outside, what holds for all of them inside. */
static const struct shape_case calls[] = {
    {"a call", "opset f 1; in x float N,3; function f.F(a) { out r; i = Relu(a); r = Transpose(i) }\ny = f.F(x)",
        "y float[3,N]; i float[N,3]"},
    {"calls with other extents",
        "opset f 1; in x float N,3; in z float 5,4; function f.F(a) { out r; i = Relu(a); r = Flatten(i) axis=0 }\n"
        "y = f.F(x); w = f.F(z)",
        "y float[1,r[1]]; w float[1,20]; i float[a[0],a[1]]"},
    {"calls with other types", "opset f 1; in x float 2; in z double 2; function f.F(a) { out r; r = Relu(a) }\n"
                               "y = f.F(x); w = f.F(z)",
        "y float[2]; w double[2]; r undefined[2]"},
    {"calls with other ranks", "opset f 1; in x float 2; in z float 2,3; function f.F(a) { out r; r = Relu(a) }\n"
                               "y = f.F(x); w = f.F(z)",
        "y float[2]; w float[2,3]; r float?"},
    {"functions in functions", "opset f 1; in x float N,3; function f.G(b) { opset f 1; out q; q = Transpose(b) }\n"
                               "function f.F(a) { opset f 1; out r; i = f.G(a); r = f.G(i) }\ny = f.F(x)",
        "y float[N,3]; i float[3,N]; q float[b[1],b[0]]"},
    {"a function nobody calls", "opset f 1; in x float N,3; function f.F(a) { out r; r = Relu(a) }\ny = Relu(x)",
        "y float[N,3]; r undefined?"},
    {"a shape handed in", "opset f 1; in x float 2,6; init s int64 2 3 4; function f.F(a, t) { out r; r = Reshape(a, t) }\n"
                          "y = f.F(x, s)",
        "y float[3,4]"},
};

/* "float[N,3]", "float?" */
static const char *describe(const struct bnf_graph *g, const struct bnf_shape *shape, char *text, size_t room)
{
    size_t used =
        (size_t)snprintf(text, room, "%s%s", bnf_dtype_name(shape->dtype), shape->rank < 0 ? "?" : "[");
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i];
        used += (size_t)snprintf(text + used, room - used, "%s", i ? "," : "");
        used += dim >= 0 ? (size_t)snprintf(text + used, room - used, "%" PRId64, dim)
                         : (size_t)snprintf(text + used, room - used, "%s",
                               dim == BNF_DIM_UNKNOWN ? "?" : g->symbols.text[-2 - dim]);
    }
    if (shape->rank >= 0)
        snprintf(text + used, room - used, "]");
    return text;
}

/* How many expectations fail; each is told. */
static int check_case(const struct shape_case *c)
{
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_err err = {0};
    char expected[1024], found[256];
    int failures = 0;
    notation_read(&model, c->model);
    if (bnf_graph_build(&graph, &model, &err) || bnf_shapes_infer(&graph, &err)) {
        print_error("%s: %s\n", c->name, err.text);
        bnf_model_close(&model);
        return 1;
    }
    snprintf(expected, sizeof expected, "%s", c->expected);
    for (char *one = strtok(expected, ";"); one; one = strtok(NULL, ";")) {
        one += strspn(one, " ");
        char *shape = strchr(one, ' ');
        assert_non_null(shape);
        *shape++ = 0;
        bnf_id value = BNF_NONE;
        for (bnf_id v = 0; v < graph.value_count; v++)
            if (strcmp(graph.values[v].name, one) == 0)
                value = v;
        if (value != BNF_NONE)
            describe(&graph, &graph.values[value].shape, found, sizeof found);
        else
            snprintf(found, sizeof found, "missing");
        if (strcmp(found, shape) != 0) {
            print_error("%s: '%s' is %s instead of %s\n", c->name, one, found, shape);
            failures++;
        }
    }
    bnf_graph_free(&graph);
    bnf_model_close(&model);
    return failures;
}

static const struct shape_table tables[] = {
    {elementwise, COUNT(elementwise)},
    {moves, COUNT(moves)},
    {makers, COUNT(makers)},
    {arithmetic, COUNT(arithmetic)},
    {stated, COUNT(stated)},
    {bodies, COUNT(bodies)},
    {calls, COUNT(calls)},
};

/* Those, and the ones in support. */
static const struct shape_table *table_at(size_t index)
{
    return index < COUNT(tables) ? &tables[index] : &shapecases[index - COUNT(tables)];
}

static void test_cases(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t t = 0; t < COUNT(tables) + shapecases_count; t++)
        for (size_t i = 0; i < table_at(t)->count; i++)
            failures += check_case(&table_at(t)->cases[i]);
    assert_int_equal(failures, 0);
}

static void test_plain(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(plain); i++) {
        char text[128];
        snprintf(text, sizeof text, "in x double N,3,4\ny = %s(x)\n", plain[i]);
        struct shape_case c = {plain[i], text, "y double[N,3,4]"};
        failures += check_case(&c);
    }
    assert_int_equal(failures, 0);
}

/* Every line of the table is found by the search, and has a case above. */
static void test_every_operator(void **state)
{
    (void)state;
    static const char *const names[] = {
#define BNF_SHAPE_RULE(op_type, infer, arg, elements) #op_type,
#include "graph/shapes_rules.def"
#undef BNF_SHAPE_RULE
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char call[64];
        bool covered = false;
        snprintf(call, sizeof call, " %s(", names[i]);
        assert_non_null(bnf_shape_rule(names[i]));
        assert_string_equal(bnf_shape_rule(names[i])->op_type, names[i]);
        for (size_t k = 0; k < COUNT(plain); k++)
            covered = covered || strcmp(plain[k], names[i]) == 0;
        for (size_t t = 0; t < COUNT(tables) + shapecases_count; t++)
            for (size_t k = 0; k < table_at(t)->count; k++)
                covered = covered || strstr(table_at(t)->cases[k].model, call);
        if (!covered)
            fail_msg("no case for %s", names[i]);
    }
    assert_null(bnf_shape_rule("Zzz"));
    assert_null(bnf_shape_rule("Aaa"));
    assert_null(bnf_shape_rule(""));
}

/* A node that reads the result of another of the same operator, very often: linear, and not recursive. */
static void test_long_chain(void **state)
{
    (void)state;
    enum { LENGTH = 20000 };
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_err err = {0};
    notation_read(&model, "in x float N,3,H\ny = Relu(x)\n");
    Onnx__GraphProto *g = model.proto->graph;
    Onnx__NodeProto **nodes = bnf_arena_alloc(&model.arena, LENGTH, sizeof *nodes);
    for (size_t i = 0; i < LENGTH; i++) {
        nodes[i] = bnf_arena_alloc(&model.arena, 1, sizeof **nodes);
        *nodes[i] = *g->node[0];
        nodes[i]->input = bnf_arena_alloc(&model.arena, 1, sizeof(char *));
        nodes[i]->output = bnf_arena_alloc(&model.arena, 1, sizeof(char *));
        nodes[i]->input[0] = i ? nodes[i - 1]->output[0] : g->node[0]->input[0];
        nodes[i]->output[0] = bnf_arena_format(&model.arena, "y%zu", i);
    }
    g->node = nodes;
    g->n_node = LENGTH;
    assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
    assert_int_equal(bnf_shapes_infer(&graph, &err), BNF_OK);
    char text[64];
    bnf_id last = bnf_graph_find(&graph, 0, "y19999");
    assert_string_equal(describe(&graph, &graph.values[last].shape, text, sizeof text), "float[N,3,H]");
    bnf_graph_free(&graph);
    bnf_model_close(&model);
}

/* What a caller may override says nothing, when it is to stay so. */
static void test_overridable(void **state)
{
    (void)state;
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_err err = {0};
    char text[64];
    notation_read(&model, "in x float 2,3; out y; init s int64 2 3 2; input s; y = Reshape(x, s)");
    assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
    graph.keep_overridable = true;
    assert_int_equal(bnf_shapes_infer(&graph, &err), BNF_OK);
    bnf_id y = bnf_graph_find(&graph, 0, "y");
    assert_string_equal(describe(&graph, &graph.values[y].shape, text, sizeof text), "float[y[0],y[1]]");
    bnf_graph_free(&graph);
    bnf_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overridable),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_every_operator),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
