/* Constants: which values are, and what they hold. */
#include "eval/constant.h"
#include "graph/shapes.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Of a value: nothing known to be constant, a constant in all but value, or its elements. */
#define NEVER "no"
#define FAILS "not after all"

struct constant_case {
    const char *name;
    const char *model;
    const char *expected; /* "y float[2]{1 2}; z no" */
};

static const struct constant_case sources[] = {
    {"initializer", "init y float 2,1 1.5 -2", "y float[2,1]{1.5 -2}"},
    {"scalar", "init y int64 () 7", "y int64[]{7}"},
    {"empty", "init y float 0,3 zeros", "y float[0,3]{}"},
    {"graph input", "in y float 2", "y no"},
    {"overridable", "init y float 1 3; input y", "y float[1]{3}"},
    {"Constant",
        "a = Constant() value=int32[2]{3 -4}; b = Constant() value_float=0.5; c = Constant() value_int=-9; "
        "d = Constant() value_floats=[1.5,2.5]; e = Constant() value_ints=[4,5,6]",
        "a int32[2]{3 -4}; b float[]{0.5}; c int64[]{-9}; d float[2]{1.5 2.5}; e int64[3]{4 5 6}"},
    {"Constant without elements", "a = Constant() value_string='x'; b = Constant() value=@p; c = Constant()",
        "a no; b no; c no"},
    {"another domain", "init a float 1 1; y = com.acme.Identity(a)", "y no"},
    {"unknown operator", "init a float 1 1; y = Relu(a)", "y no"},
    {"a chain that begins with an input", "in x float 1; init a float 1 1; b = Add(a, x); y = Neg(b)",
        "b no; y no"},
    {"captured by a body",
        "in c bool; init a float 2 1 2; b = Neg(a); y = If(c) "
        "then_branch={ out p; p = Neg(b) } else_branch={ out q; init r float 1 4; q = Sqrt(r) }",
        "p float[2]{1 2}; q float[1]{2}; y no"},
    {"a body's input",
        "in n int64; in c bool; init a float 1 1; y = Loop(n, c, a) body={ in i int64; in k bool; "
        "in u float 1; init u float 1 5; out k; out v; v = Neg(u) }",
        "u no; v no"},
    {"no inputs at all", "y = Concat() axis=0; z = Add()", "y no; z no"},
};

static const struct constant_case views[] = {
    {"Identity", "init a float 2 1 2; y = Identity(a); z = Identity(y)", "z float[2]{1 2}"},
    {"Reshape", "init a int32 2,3 1 2 3 4 5 6; init s int64 3 0 -1 1; y = Reshape(a, s)",
        "y int32[2,3,1]{1 2 3 4 5 6}"},
    {"Reshape to a scalar", "init a float 1 4; init s int64 0 zeros; y = Reshape(a, s)", "y float[]{4}"},
    {"Reshape of opset 1", "opset 4; init a float 4 1 2 3 4; y = Reshape(a) shape=[2,-1]",
        "y float[2,2]{1 2 3 4}"},
    {"Reshape with zeros allowed",
        "opset 14; init a float 0,2 zeros; init s int64 2 5 0; y = Reshape(a, s) allowzero=1",
        "y float[5,0]{}"},
    {"Reshape that does not fit",
        "init a float 4 1 2 3 4; init s int64 1 3; y = Reshape(a, s); init t int64 2 3 -1; "
        "z = Reshape(a, t); init u int64 2 -1 -1; w = Reshape(a, u); init v int64 2 4 0; "
        "x = Reshape(a, v); init k int64 1 -2; l = Reshape(a, k); m = Neg(l)",
        "y not after all; z not after all; w not after all; x not after all; m not after all"},
    {"Flatten",
        "init a float 1,2,2 1 2 3 4; y = Flatten(a) axis=2; z = Flatten(a) axis=-3; w = Flatten(a) axis=4",
        "y float[2,2]{1 2 3 4}; z float[1,4]{1 2 3 4}; w not after all"},
    {"Squeeze",
        "init a float 1,2,1 1 2; init i int64 1 -1; y = Squeeze(a, i); z = Squeeze(a); init k int64 1 1; "
        "w = Squeeze(a, k)",
        "y float[1,2]{1 2}; z float[2]{1 2}; w not after all"},
    {"Squeeze of opset 11", "opset 11; init a float 1,2,1 1 2; y = Squeeze(a) axes=[0,2]", "y float[2]{1 2}"},
    {"Unsqueeze",
        "init a float 2 1 2; init i int64 2 0 -1; y = Unsqueeze(a, i); init k int64 1 5; z = Unsqueeze(a, "
        "k); "
        "init l int64 2 0 0; w = Unsqueeze(a, l)",
        "y float[1,2,1]{1 2}; z not after all; w not after all"},
    {"Unsqueeze of opset 11", "opset 11; init a float 2 1 2; y = Unsqueeze(a) axes=[1]", "y float[2,1]{1 2}"},
    {"Dropout",
        "init a float 1 2; init r float () 0.5; init t bool () 1; init f bool () 0; y = Dropout(a); "
        "z, m = Dropout(a, r, f); w = Dropout(a, r, t)",
        "y float[1]{2}; z float[1]{2}; w not after all; m no"},
    {"Dropout of opset 6", "opset 6; init a float 1 2; y = Dropout(a); z = Dropout(a) is_test=1",
        "y not after all; z float[1]{2}"},
    {"Shape",
        "in x float 2,3,4; y = Shape(x); in u float N,3; z = Shape(u); opset 15; w = Shape(x) start=-2 "
        "end=9; "
        "v = Shape(x) start=3",
        "y int64[3]{2 3 4}; z no; w int64[2]{3 4}; v int64[0]{}"},
    {"ConstantOfShape",
        "init s int64 2 2 1; y = ConstantOfShape(s); z = ConstantOfShape(s) value=int32[1]{-3}; "
        "init e int64 0 zeros; w = ConstantOfShape(e)",
        "y float[2,1]{0 0}; z int32[2,1]{-3 -3}; w float[]{0}"},
    {"ConstantOfShape beyond reason",
        "init s int64 2 100000 100000; y = ConstantOfShape(s); init t int64 1 -1; "
        "z = ConstantOfShape(t); init u int64 3 4294967296 4294967296 4294967296; "
        "w = ConstantOfShape(u)",
        "y not after all; z not after all; w not after all"},
};

static const struct constant_case moves[] = {
    {"Transpose",
        "init a float 2,3 1 2 3 4 5 6; y = Transpose(a); init b int8 1,2,2 1 2 3 4; z = Transpose(b) "
        "perm=[1,2,0]; "
        "w = Transpose(a) perm=[0,0]; v = Transpose(a) perm=[0]",
        "y float[3,2]{1 4 2 5 3 6}; z int8[2,2,1]{1 2 3 4}; w not after all; v not after all"},
    {"Transpose of doubles", "init a double 2,2,2 1 2 3 4 5 6 7 8; y = Transpose(a) perm=[2,0,1]",
        "y double[2,2,2]{1 3 5 7 2 4 6 8}"},
    {"Transpose of halves", "init a float16 2,2 1 2 3 4; y = Transpose(a)", "y float16[2,2]{1 3 2 4}"},
    {"Concat",
        "init a float 2,1 1 2; init b float 2,2 3 4 5 6; y = Concat(a, b) axis=1; z = Concat(b, b) axis=-2; "
        "w = Concat(a, b) axis=0; init i int64 2,1 7 8; v = Concat(a, i) axis=1",
        "y float[2,3]{1 3 4 2 5 6}; z float[4,2]{3 4 5 6 3 4 5 6}; w not after all; v not after all"},
    {"Concat before opset 4", "opset 3; init a float 1,2 1 2; y = Concat(a, a)", "y float[1,4]{1 2 1 2}"},
    {"Gather",
        "init a float 2,2 1 2 3 4; init i int64 2 1 -2; y = Gather(a, i); init k int32 () 1; z = Gather(a, "
        "k) axis=1; "
        "init l int64 1 2; w = Gather(a, l)",
        "y float[2,2]{3 4 1 2}; z float[2]{2 4}; w not after all"},
    {"Slice",
        "init a float 2,4 1 2 3 4 5 6 7 8; init s int64 1 -1; init e int64 1 -99; init x int64 1 1; init t "
        "int64 1 -2; "
        "y = Slice(a, s, e, x, t); init b int64 1 1; init f int64 1 9; z = Slice(a, b, f); init o int64 1 0; "
        "w = Slice(a, b, f, x, o)",
        "y float[2,2]{4 2 8 6}; z float[1,4]{5 6 7 8}; w not after all"},
    {"Slice backwards from before the beginning",
        "init a float 2,4 1 2 3 4 5 6 7 8; init s int64 1 -10; init e int64 1 -9223372036854775808; init x int64 1 1; "
        "init t int64 1 -1; y = Slice(a, s, e, x, t); init f int64 1 9223372036854774784; "
        "z = Slice(a, f, e, x, e); init b float 0 zeros; init o int64 1 0; w = Slice(b, t, s, o, t)",
        "y float[2,1]{1 5}; z float[2,1]{4 8}; w float[0]{}"},
    {"Slice of opset 9",
        "opset 9; init a float 4 1 2 3 4; y = Slice(a) starts=[1] ends=[-1]; z = Slice(a) starts=[3] "
        "ends=[1]; w = Slice(a) starts=[0] ends=[1] axes=[1]",
        "y float[2]{2 3}; z float[0]{}; w not after all"},
    {"Expand",
        "init a float 2,1 1 2; init s int64 2 1 3; y = Expand(a, s); init t int64 1 4; init b float () 5; "
        "z = Expand(b, t); init u int64 2 3 3; w = Expand(a, u)",
        "y float[2,3]{1 1 1 2 2 2}; z float[4]{5 5 5 5}; w not after all"},
};

static const struct constant_case numbers[] = {
    {"Cast between floats",
        "init a double 3 0.1 70000 -2.5; y = Cast(a) to=1; z = Cast(a) to=10; w = Cast(a) to=16",
        "y float[3]{0.100000001 70000 -2.5}; z float16[3]{0.0999755859 inf -2.5}; w bfloat16[3]{0.100097656 "
        "70144 -2.5}"},
    {"Cast to integers truncates",
        "init a float 3 1.9 -1.9 200; y = Cast(a) to=7; z = Cast(a) to=3; w = Cast(a) to=9; "
        "v = Cast(a) to=2; init b float 2 0.5 3e9; u = Cast(b) to=12; t = Cast(b) to=6; "
        "init n float 1 nan; s = Cast(n) to=7",
        "y int64[3]{1 -1 200}; z not after all; w bool[3]{1 1 1}; v not after all; u uint32[2]{0 "
        "3000000000}; "
        "t not after all; s not after all"},
    {"Cast of integers",
        "init a int64 2 300 -1; y = Cast(a) to=6; z = Cast(a) to=2; w = Cast(a) to=9; v = Cast(a) to=11; "
        "init b uint8 1 200; u = Cast(b) to=3; t = Cast(b) to=1; init c bool 2 0 2; s = Cast(c) to=1; "
        "init d int8 1 -5; r = Cast(d) to=13",
        "y int32[2]{300 -1}; z uint8[2]{44 255}; w bool[2]{1 1}; v double[2]{300 -1}; u int8[1]{-56}; t "
        "float[1]{200}; "
        "s float[2]{0 1}; r uint64[1]{18446744073709551611}"},
    {"Cast of large integers rounds once",
        "a = Constant() value_int=9007199791611905; y = Cast(a) to=1; "
        "b = Constant() value_int=-4629700416936869889; z = Cast(b) to=16",
        "y float[]{9.00720033e+15}; z bfloat16[]{-4.64771482e+18}"},
    {"Cast to something else",
        "init a float 1 1; y = Cast(a) to=8; z = Cast(a) to=14; w = Cast(a) to=-1; v = Cast(a)",
        "y not after all; z not after all; w not after all; v not after all"},
    {"one operand",
        "init a float 2 4 -0.25; p = Abs(a); q = Neg(a); init b float 1 2; r = Sqrt(b); s = Reciprocal(a); "
        "t = Exp(b)",
        "p float[2]{4 0.25}; q float[2]{-4 0.25}; r float[1]{1.41421354}; s float[2]{0.25 -4}; t "
        "float[1]{7.38905621}"},
    {"integers", "init a int32 2 -5 -2147483648; p = Abs(a); q = Neg(a); r = Sqrt(a)",
        "p int32[2]{5 -2147483648}; q int32[2]{5 -2147483648}; r not after all"},
    {"two operands",
        "init a float 2 1 2; init b float 2 3 4; p = Add(a, b); q = Sub(a, b); r = Mul(a, b); s = Div(a, b); "
        "t = Pow(b, a)",
        "p float[2]{4 6}; q float[2]{-2 -2}; r float[2]{3 8}; s float[2]{0.333333343 0.5}; t float[2]{3 16}"},
    {"rounded once",
        "init a float16 1 2049; init b float16 1 0.333; y = Mul(a, b); init c float 1 16777216; "
        "init d float 1 1; z = Add(c, d)",
        "y float16[1]{682}; z float[1]{16777216}"},
    {"integer arithmetic wraps around",
        "a = Constant() value_int=9223372036854775807; b = Constant() value_int=2; p = Add(a, b); q = Mul(a, "
        "b); "
        "c = Constant() value_int=-7; r = Div(c, b); init d int32 1 -2147483648; init e int32 1 -1; s = "
        "Div(d, e); "
        "init z int32 1 0; t = Div(d, z); init u uint8 1 250; init v uint8 1 10; w = Add(u, v)",
        "p int64[]{-9223372036854775807}; q int64[]{-2}; r int64[]{-3}; s int32[1]{-2147483648}; t not after "
        "all; "
        "w uint8[1]{4}"},
    {"DequantizeLinear of a bias",
        "init q int32 3 1 -2 3; init k float () 0.5; init e float 3 1 2 3; init z int32 3 1 1 1; y = DequantizeLinear(q, k); "
        "w = DequantizeLinear(q, e, z) axis=0; init u uint8 () 200; init o uint8 () 128; init h float 1 0.25; "
        "v = DequantizeLinear(u, h, o)",
        "y float[3]{0.5 -1 1.5}; w float[3]{0 -6 6}; v float[]{18}"},
    {"DequantizeLinear rounds once",
        "opset 19; init q int32 1 16777217; init k float () 3; y = DequantizeLinear(q, k); init h float16 () 0.0999755859375; "
        "init r int8 1 3; z = DequantizeLinear(r, h)",
        "y float[1]{50331652}; z float16[1]{0.299804688}"},
    {"DequantizeLinear of a weight is left to its layer",
        "init q int8 2,2 1 2 3 4; init k float () 0.5; y = DequantizeLinear(q, k); init r int8 1,1 1; z = DequantizeLinear(r, k)",
        "y no; z no"},
    {"DequantizeLinear of what does not fit",
        "opset 21; init q int8 2 1 2; init k float 2 1 2; y = DequantizeLinear(q, k); init l float 3 1 2 3; "
        "z = DequantizeLinear(q, l) axis=0; init e float () 1; init o uint8 () 0; w = DequantizeLinear(q, e, o); "
        "b = DequantizeLinear(q, k) axis=0 block_size=1; init f float8e4m3fn 2 0 0; v = DequantizeLinear(f, e)",
        "y not after all; z not after all; w not after all; b not after all; v not after all"},
    {"unsigned division", "init a uint64 1 -1; init b uint64 1 2; y = Div(a, b)",
        "y uint64[1]{9223372036854775807}"},
    {"broadcast",
        "init a float 2,1 10 20; init b float 3 1 2 3; y = Add(a, b); z = Sub(b, a); init c float () 2; "
        "w = Div(b, c); init d float 2,1,2 1 2 3 4; init e float 3,1 10 20 30; v = Add(d, e)",
        "y float[2,3]{11 12 13 21 22 23}; z float[2,3]{-9 -8 -7 -19 -18 -17}; w float[3]{0.5 1 1.5}; "
        "v float[2,3,2]{11 12 21 22 31 32 13 14 23 24 33 34}"},
    {"broadcast of nothing", "init a float 0,3 zeros; init b float 3 1 2 3; y = Add(a, b)", "y float[0,3]{}"},
    {"contradictory extents", "init a float 2 1 2; init b float 3 1 2 3; y = Add(a, b)", "y not after all"},
    {"mixed types",
        "init a float 1 1; init b double 1 1; y = Add(a, b); z = Pow(a, b); init c bool 1 1; w = Add(c, c)",
        "y not after all; z float[1]{1}; w not after all"},
    {"before opset 7",
        "opset 6; init a float 2,3 1 2 3 4 5 6; init b float 2 10 20; y = Add(a, b) broadcast=1 axis=0; "
        "init c float 3 1 2 3; z = Sub(a, c) broadcast=1; w = Add(a, c); v = Add(c, a) broadcast=1; "
        "u = Add(a, c) broadcast=1 axis=0; t = Add(a, a); s = Add(a, b) broadcast=1 axis=7",
        "y float[2,3]{11 12 13 24 25 26}; z float[2,3]{0 0 0 3 3 3}; w not after all; v not after all; u not "
        "after all; "
        "t float[2,3]{2 4 6 8 10 12}; s not after all"},
    {"a decomposed square root",
        "init v float 2 3 8; init e float 1 1; a = Add(v, e); s = Sqrt(a); y = Reciprocal(s)",
        "y float[2]{0.5 0.333333343}"},
    {"long rows go in blocks",
        "init a float 1,600 ones; init b float 2,600 ones; init k float 2,1 3 4; s = Add(a, b); "
        "m = Mul(s, k); init i int64 1,1 1; init z int64 2 1 599; init f int64 2 2 600; "
        "y = Slice(m, z, f)",
        "y float[1,1]{8}"},
};

#define SIX "init a float 2,3 1 -2 3 -4 5 -6\n"

static const struct constant_case reductions[] = {
    {"every reduction, along the last axis",
        "opset 18; " SIX "init i int64 1 -1; p = ReduceL1(a, i); q = ReduceL2(a, i); r = ReduceMax(a, i); s = ReduceMean(a, i); "
        "t = ReduceMin(a, i); u = ReduceProd(a, i); v = ReduceSum(a, i); w = ReduceSumSquare(a, i)",
        "p float[2,1]{6 15}; q float[2,1]{3.7416575 8.77496433}; r float[2,1]{3 5}; s float[2,1]{0.666666687 -1.66666663}; "
        "t float[2,1]{-2 -6}; u float[2,1]{-6 120}; v float[2,1]{2 -5}; w float[2,1]{14 77}"},
    {"axes as an attribute", "opset 12; " SIX "y = ReduceSum(a) axes=[0]; z = ReduceSum(a) axes=[0] keepdims=0; w = ReduceMax(a)",
        "y float[1,3]{-3 3 -3}; z float[3]{-3 3 -3}; w float[1,1]{5}"},
    {"ReduceSum takes them as an input from operator set 13 on, the others from 18",
        "opset 13; " SIX "init i int64 1 0; y = ReduceSum(a, i) keepdims=0; z = ReduceL1(a) axes=[0] keepdims=0; "
        "w = ReduceSum(a) axes=[0] keepdims=0",
        "y float[3]{-3 3 -3}; z float[3]{5 7 9}; w float[]{-3}"},
    {"axes that are neighbours, and axes that are not",
        "opset 18; init a float 2,3,2 1 2 3 4 5 6 7 8 9 10 11 12; init i int64 2 0 1; init j int64 2 2 0; "
        "y = ReduceSum(a, i) keepdims=0; z = ReduceSum(a, j) keepdims=0",
        "y float[2]{36 42}; z float[3]{18 26 34}"},
    {"no axes at all", "opset 18; " SIX "init e int64 0 zeros; y = ReduceSum(a, e) keepdims=0; z = ReduceSum(a, e) noop_with_empty_axes=1; "
        "w = ReduceL2(a) noop_with_empty_axes=1",
        "y float[]{-3}; z not after all; w not after all"},
    {"axes that are none", "opset 18; " SIX "init i int64 1 2; init j int64 2 0 -2; y = ReduceSum(a, i); z = ReduceSum(a, j)",
        "y not after all; z not after all"},
    {"other types", "opset 18; init a int32 2 1 2; init b float16 3 2048 1 1; init c double 2 0.1 0.2; init d float 0,2 zeros; "
        "y = ReduceSum(a); z = ReduceSum(b); w = ReduceSum(c); v = ReduceSum(d)",
        "y not after all; z float16[1]{2050}; w double[1]{0.3}; v not after all"},
    {"a sum is rounded once", "opset 18; init a float 3 16777216 1 1; y = ReduceSum(a); init b float 2 3e38 3e38; z = ReduceMean(b)",
        "y float[1]{16777218}; z float[1]{3.00000001e+38}"},
    {"a weight as direction and length",
        "opset 18; init v float 2,2 3 4 6 8; init g float 2,1 10 5; init i int64 1 1; n = ReduceL2(v, i); d = Div(v, n); y = Mul(d, g)",
        "y float[2,2]{6 8 3 4}"},
};

static const struct constant_case integers[] = {
    {"to the nearest, ties to even", "init x float 6 0.5 1.5 2.5 -0.5 -1.5 -2.5; init k float () 1; init z int8 () 0\n"
        "y = QuantizeLinear(x, k, z)", "y int8[6]{0 2 2 0 -2 -2}"},
    {"what is beyond the range", "init x float 4 1000 -1000 inf -inf; init k float () 1; init z int8 () 3; init u uint8 () 128\n"
        "y = QuantizeLinear(x, k, z); w = QuantizeLinear(x, k, u); v = QuantizeLinear(x, k)",
        "y int8[4]{127 -128 127 -128}; w uint8[4]{255 0 255 0}; v uint8[4]{255 0 255 0}"},
    {"a scale for each channel", "opset 13; init x float 2,2 10 20 30 40; init k float 2 10 5; init z int8 2 0 1\n"
        "y = QuantizeLinear(x, k, z) axis=0; w = QuantizeLinear(x, k, z); v = QuantizeLinear(x, k, z) axis=-2; u = QuantizeLinear(x, k, z) axis=2",
        "y int8[2,2]{1 2 7 9}; w int8[2,2]{1 5 3 9}; v int8[2,2]{1 2 7 9}; u not after all"},
    {"the quotient is a float", "init x float 1 0.35; init k float () 0.1; init z int8 () 0; y = QuantizeLinear(x, k, z)",
        "y int8[1]{4}"},
    {"four bits", "opset 21; init x float 5 1 -8 7 100 -100; init k float () 1; init z int4 () 0; y = QuantizeLinear(x, k, z)\n"
        "w = QuantizeLinear(x, k) output_dtype=21", "y int4[5]{1 -8 7 7 -8}; w uint4[5]{1 0 7 15 0}"},
    {"other forms", "opset 21; init x float 4 1 2 3 4; init k float 2 1 1; init h float16 () 1; init s float () 1; init z int8 2 0 0\n"
        "a = QuantizeLinear(x, k) block_size=2 axis=0; b = QuantizeLinear(x, h); c = QuantizeLinear(x, s, z); "
        "d = QuantizeLinear(x, s) output_dtype=17", "a not after all; b not after all; c not after all; d not after all"},
};

static const struct {
    const struct constant_case *cases;
    size_t count;
} tables[] = {
    {sources, COUNT(sources)}, {views, COUNT(views)}, {moves, COUNT(moves)}, {numbers, COUNT(numbers)},
    {reductions, COUNT(reductions)}, {integers, COUNT(integers)}};

static void print_element(const struct bnf_tensor *t, size_t i, char *text, size_t room)
{
    int64_t wide = 0;
    if (t->dtype == BNF_DTYPE_INT64 || t->dtype == BNF_DTYPE_UINT64) {
        memcpy(&wide, t->data + 8 * i, 8);
        if (t->dtype == BNF_DTYPE_INT64)
            snprintf(text, room, "%" PRId64, wide);
        else
            snprintf(text, room, "%" PRIu64, (uint64_t)wide);
        return;
    }
    bool is_float = bnf_dtype_is_float(t->dtype);
    snprintf(text, room, is_float ? "%.9g" : "%.0f", bnf_tensor_at(t, i));
}

/* "float[2]{1 2}" */
static void describe(const struct bnf_tensor *t, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s[", bnf_dtype_name(t->dtype));
    for (uint32_t i = 0; i < t->rank; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, i ? "," : "", t->dims[i]);
    used += (size_t)snprintf(text + used, room - used, "]{");
    for (size_t i = 0; i < t->count && used + 40 < room; i++) {
        char element[40];
        print_element(t, i, element, sizeof element);
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? " " : "", element);
    }
    snprintf(text + used, room - used, "}");
}

/* What the evaluator says about a value. */
static void ask(struct bnf_constants *constants, bnf_id value, char *text, size_t room)
{
    const struct bnf_tensor *tensor, *again;
    struct bnf_err err = {0};
    bool claimed = bnf_is_constant(constants, value);
    if (bnf_constant(constants, value, &tensor, &err) != BNF_OK) {
        snprintf(text, room, "error: %.200s", err.text);
        return;
    }
    assert_int_equal(bnf_is_constant(constants, value), tensor != NULL);
    assert_int_equal(bnf_constant(constants, value, &again, &err), BNF_OK);
    assert_ptr_equal(again, tensor); /* remembered */
    if (tensor)
        describe(tensor, text, room);
    else
        snprintf(text, room, "%s", claimed ? FAILS : NEVER);
}

static bnf_id find(const struct bnf_graph *g, const char *name)
{
    for (bnf_id v = 0; v < g->value_count; v++)
        if (strcmp(g->values[v].name, name) == 0)
            return v;
    return BNF_NONE;
}

/* How many expectations fail; each is told. */
static int check_case(const struct constant_case *c)
{
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_constants constants;
    struct bnf_err err = {0};
    char expected[1024], found[512];
    int failures = 0;
    notation_read(&model, c->model);
    if (bnf_graph_build(&graph, &model, &err)) {
        print_error("%s: %s\n", c->name, err.text);
        bnf_model_close(&model);
        return 1;
    }
    assert_int_equal(bnf_shapes_infer(&graph, &err), BNF_OK);
    assert_int_equal(bnf_constants_init(&constants, &graph, false, &err), BNF_OK);
    snprintf(expected, sizeof expected, "%s", c->expected);
    for (char *one = strtok(expected, ";"); one; one = strtok(NULL, ";")) {
        one += strspn(one, " ");
        char *wanted = strchr(one, ' ');
        assert_non_null(wanted);
        *wanted++ = 0;
        snprintf(found, sizeof found, "missing");
        if (find(&graph, one) != BNF_NONE)
            ask(&constants, find(&graph, one), found, sizeof found);
        if (strcmp(found, wanted) != 0) {
            print_error("%s: '%s' is %s instead of %s\n", c->name, one, found, wanted);
            failures++;
        }
    }
    bnf_constants_free(&constants);
    bnf_graph_free(&graph);
    bnf_model_close(&model);
    return failures;
}

static void test_cases(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t t = 0; t < COUNT(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++)
            failures += check_case(&tables[t].cases[i]);
    assert_int_equal(failures, 0);
}

/* Every operator of the table has a case above. */
static void test_every_operator(void **state)
{
    (void)state;
    static const char *const names[] = {
#define BNF_CONSTANT_OP(op_type, function) #op_type,
#include "eval/constant_ops.def"
#undef BNF_CONSTANT_OP
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        char call[64];
        bool covered = false;
        snprintf(call, sizeof call, " = %s(", names[i]);
        for (size_t t = 0; t < COUNT(tables); t++)
            for (size_t k = 0; k < tables[t].count; k++)
                covered = covered || strstr(tables[t].cases[k].model, call);
        if (!covered)
            fail_msg("no case for %s", names[i]);
        if (i > 0 && strcmp(names[i - 1], names[i]) >= 0)
            fail_msg("%s is not sorted behind %s", names[i], names[i - 1]);
    }
}

/* With keep_overridable an initializer that is a graph input is no constant, unless the IR lists all of them
 * there. */
static void test_overridable(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool keep, constant;
    } cases[] = {
        {"ir 8; init a float 1 1; input a; y = Neg(a)", false, true},
        {"ir 8; init a float 1 1; input a; y = Neg(a)", true, false},
        {"ir 4; init a float 1 1; input a; y = Neg(a)", true, false},
        {"ir 3; init a float 1 1; input a; y = Neg(a)", true, true},
        {"ir 8; init a float 1 1; y = Neg(a)", true, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bnf_model model;
        struct bnf_graph graph;
        struct bnf_constants constants;
        struct bnf_err err = {0};
        const struct bnf_tensor *tensor;
        notation_read(&model, cases[i].model);
        assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
        assert_int_equal(bnf_constants_init(&constants, &graph, cases[i].keep, &err), BNF_OK);
        assert_int_equal(bnf_constant(&constants, find(&graph, "y"), &tensor, &err), BNF_OK);
        if ((tensor != NULL) != cases[i].constant)
            fail_msg("%s: %d", cases[i].model, tensor != NULL);
        assert_false(bnf_is_constant(&constants, BNF_NONE));
        assert_false(bnf_is_constant(&constants, (bnf_id)graph.value_count));
        bnf_constants_free(&constants);
        bnf_graph_free(&graph);
        bnf_model_close(&model);
    }
}

/* External data that is not there is an error, at the value itself and at what is computed from it; the rest
 * works. */
static void test_unreadable(void **state)
{
    (void)state;
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_constants constants;
    struct bnf_err err = {0};
    const struct bnf_tensor *tensor;
    notation_read(&model, "init a float 1 1; init b float 1 2; y = Add(b, a); z = Neg(b)");
    Onnx__TensorProto *a = model.proto->graph->initializer[0];
    Onnx__StringStringEntryProto entry = ONNX__STRING_STRING_ENTRY_PROTO__INIT, *entries = &entry;
    char key[] = "location", place[] = "no-such-file";
    entry.key = key;
    entry.value = place;
    a->has_raw_data = false;
    a->raw_data.len = 0;
    a->has_data_location = true;
    a->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    a->external_data = &entries;
    a->n_external_data = 1;
    assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
    assert_int_equal(bnf_constants_init(&constants, &graph, false, &err), BNF_OK);
    for (int i = 0; i < 2; i++) {
        err = (struct bnf_err){0};
        assert_int_equal(bnf_constant(&constants, find(&graph, i ? "y" : "a"), &tensor, &err), BNF_EINPUT);
        assert_null(tensor);
        assert_non_null(strstr(err.text, "'a'"));
    }
    assert_int_equal(bnf_constant(&constants, find(&graph, "z"), &tensor, &err), BNF_OK);
    assert_non_null(tensor);
    bnf_constants_free(&constants);
    bnf_graph_free(&graph);
    model.path = NULL;
    bnf_model_close(&model);
}

/* A chain longer than the C stack is deep, asked for at its end, and every node twice an input of the next.
 */
static void test_long_chain(void **state)
{
    (void)state;
    enum { LENGTH = 200000 };
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_constants constants;
    struct bnf_err err = {0};
    const struct bnf_tensor *tensor;
    notation_read(&model, "init a int32 1 1\ny = Add(a, a)\n");
    struct bnf_arena *arena = &model.arena;
    Onnx__GraphProto *g = model.proto->graph;
    Onnx__NodeProto **nodes = bnf_arena_alloc(arena, LENGTH, sizeof *nodes);
    for (size_t i = 0; i < LENGTH; i++) {
        char *from = i ? nodes[i - 1]->output[0] : g->node[0]->input[0];
        nodes[i] = bnf_arena_alloc(arena, 1, sizeof **nodes);
        *nodes[i] = *g->node[0];
        nodes[i]->input = bnf_arena_alloc(arena, 2, sizeof(char *));
        nodes[i]->input[0] = nodes[i]->input[1] = from;
        nodes[i]->output = bnf_arena_alloc(arena, 1, sizeof(char *));
        nodes[i]->output[0] = bnf_arena_format(arena, "y%zu", i);
    }
    g->node = nodes;
    g->n_node = LENGTH;
    assert_int_equal(bnf_graph_build(&graph, &model, &err), BNF_OK);
    assert_int_equal(bnf_constants_init(&constants, &graph, false, &err), BNF_OK);
    bnf_id last = bnf_graph_find(&graph, 0, "y199999");
    assert_int_equal(bnf_constant(&constants, last, &tensor, &err), BNF_OK);
    assert_non_null(tensor);
    assert_true(bnf_tensor_at(tensor, 0) == 0); /* 2^200000 in 32 bits */
    assert_int_equal(bnf_constant(&constants, bnf_graph_find(&graph, 0, "y29"), &tensor, &err), BNF_OK);
    assert_true(bnf_tensor_at(tensor, 0) == 1 << 30);
    bnf_constants_free(&constants);
    bnf_graph_free(&graph);
    bnf_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_operator),
        cmocka_unit_test(test_overridable),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
