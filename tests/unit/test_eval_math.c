/* The evaluator's arithmetic: every operator of operators_math.def, in float and in double, against expected
 * numbers. */
#include "base/buf.h"
#include "eval/eval.h"
#include "eval/operator.h"
#include "support/mathcases.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One input of one extent, one output of the same: operator, input, output. */
static const char *const plain[][3] = {
    {"Exp", "-2 -0.5 0 0.75 3", "0.135335283236613 0.606530659712633 1 2.11700001661267 20.0855369231877"},
    {"Sin", "-2 -0.5 0 0.75 3",
        "-0.909297426825682 -0.479425538604203 0 0.681638760023334 0.141120008059867"},
    {"Cos", "-2 -0.5 0 0.75 3",
        "-0.416146836547142 0.877582561890373 1 0.731688868873821 -0.989992496600445"},
    {"Tan", "-2 -0.5 0 0.75 3", "2.18503986326152 -0.54630248984379 0 0.931596459944072 -0.142546543074278"},
    {"Asin", "-1 -0.5 0 0.25", "-1.5707963267949 -0.523598775598299 0 0.252680255142079"},
    {"Acos", "-1 -0.5 0 0.25", "3.14159265358979 2.0943951023932 1.5707963267949 1.31811607165282"},
    {"Atan", "-2 -0.5 0 0.75 3", "-1.10714871779409 -0.463647609000806 0 0.643501108793284 1.24904577239825"},
    {"Sinh", "-2 -0.5 0 0.75 3", "-3.62686040784702 -0.521095305493747 0 0.82231673193583 10.0178749274099"},
    {"Cosh", "-2 -0.5 0 0.75 3", "3.76219569108363 1.12762596520638 1 1.29468328467684 10.0676619957778"},
    {"Tanh", "-2 -0.5 0 0.75 3 99 -inf nan",
        "-0.964027580075817 -0.46211715726001 0 0.635148952387287 0.99505475368673 1 -1 nan"},
    {"Asinh", "-2 -0.5 0 0.75 3",
        "-1.44363547517881 -0.481211825059603 0 0.693147180559945 1.81844645923207"},
    {"Acosh", "1 1.5 4", "0 0.962423650119207 2.06343706889556"},
    {"Atanh", "-0.5 0 0.25", "-0.549306144334055 0 0.255412811882995"},
    {"Erf", "-2 -0.5 0 0.75 3",
        "-0.995322265018953 -0.520499877813047 0 0.711155633653515 0.999977909503001"},
    {"Log", "0 0.5 1 8", "-inf -0.693147180559945 0 2.07944154167984"},
    {"Sqrt", "0 0.25 2 9 -1", "0 0.5 1.4142135623731 3 nan"},
    {"Reciprocal", "2 -0.25 0", "0.5 -4 inf"},
    {"Abs", "-1.5 0 2 -inf nan", "1.5 0 2 inf nan"},
    {"Neg", "-1.5 2 inf", "1.5 -2 -inf"},
    {"Sign", "-1.5 0 2 nan", "-1 0 1 nan"},
    {"Ceil", "-1.5 0.25 2", "-1 1 2"},
    {"Floor", "-1.5 0.25 2", "-2 0 2"},
    {"Round", "0.5 1.5 2.5 -0.5 -1.5 1.25", "0 2 2 0 -2 1"},
    {"Relu", "-1 0 2.5 nan", "0 0 2.5 nan"},
    {"Sigmoid", "-2 -0.5 0 0.75 3 -200 nan",
        "0.119202922022118 0.377540668798145 0.5 0.679178699175393 0.952574126822433 0 nan"},
    {"Softplus", "-2 -0.5 0 0.75 3 200",
        "0.126928011042972 0.474076984180107 0.693147180559945 1.1368710061149 3.04858735157374 200"},
    {"Softsign", "-2 -0.5 0 0.75 3", "-0.666666666666667 -0.333333333333333 0 0.428571428571429 0.75"},
    {"HardSwish", "-4 -2 -0.5 0 0.75 3", "0 -0.333333333333333 -0.208333333333333 0 0.46875 3"},
    {"Mish", "-2 -0.5 0 0.75 3 30",
        "-0.252501482695709 -0.22074377465173 0 0.610018335218293 2.98653500496796 30"},
    {"Gelu", "-2 -0.5 0 0.75 3",
        "-0.0455002638963584 -0.154268769362993 0 0.580029485717349 2.99595030590511"},
    {"Elu", "-2 -0.5 0 0.75 3", "-0.864664716763387 -0.393469340287367 0 0.75 3"},
    {"Celu", "-2 -0.5 0 0.75 3", "-0.864664716763387 -0.393469340287367 0 0.75 3"},
    {"Identity", "1 2", "1 2"},
};

static const struct math_case activations[] = {
    {"gelu by tanh", "opset 20; in x float 5; out y; y = Gelu(x) approximate='tanh'", "-2 -0.5 0 0.75 3",
        "5: -0.0454023059122249 -0.154285990174856 0 0.57996055516562 2.99636260791823"},
    {"gelu of ONNX Runtime", "opset com.microsoft 1; in x float 1; out y; y = com.microsoft.Gelu(x)", "0.75",
        "1: 0.580029485717349"},
    {"swish", "opset 24; in x float 5; out y; y = Swish(x) alpha=0.5", "-2 -0.5 0 0.75 3",
        "5: -0.53788284273999 -0.218911749557101 0 0.444499949965552 2.45272342858093"},
    {"elu's alpha", "in x float 2; out y; y = Elu(x) alpha=0.5", "-2 3", "2: -0.432332358381694 3"},
    {"celu's alpha", "in x float 2; out y; y = Celu(x) alpha=2.0", "-2 3", "2: -1.26424111765712 3"},
    {"selu", "in x float 2; out y; y = Selu(x) alpha=2.0 gamma=3.0", "-2 0.75", "2: -5.18798830058032 2.25"},
    {"selu's defaults", "in x float 1; out y; y = Selu(x)", "0.75", "1: 0.788025766611099"},
    {"selu's first defaults", "opset 5; in x float 1; out y; y = Selu(x)", "0.75", "1: 0.788024961948395"},
    {"leaky relu", "in x float 3; out y; y = LeakyRelu(x) alpha=0.25", "-2 0 3", "3: -0.5 0 3"},
    {"hard sigmoid", "in x float 4; out y; y = HardSigmoid(x) alpha=0.25 beta=0.5", "-3 -1 1 3",
        "4: 0 0.25 0.75 1"},
    {"thresholded relu", "in x float 3; out y; y = ThresholdedRelu(x) alpha=2.0", "1 2 3", "3: 0 0 3"},
    {"shrink", "in x float 4; out y; y = Shrink(x) lambd=1.5 bias=0.5", "-2 -1.5 1 3", "4: -1.5 0 0 2.5"},
    {"shrink integers", "in x int32 3; out y; y = Shrink(x) lambd=1.5 bias=1.5", "-2 1 3", "3: 0 0 1"},
    {"relu of integers", "opset 14; in x int8 3; out y; y = Relu(x)", "-128 0 5", "3: 0 0 5"},
    {"clip by attributes", "opset 6; in x float 4; out y; y = Clip(x) min=-1.0 max=2.0", "-3 0 5 nan",
        "4: -1 0 2 nan"},
    {"clip without bounds", "opset 6; in x float 2; out y; y = Clip(x)", "-3e30 inf", "2: -3e30 inf"},
    {"clip by inputs", "in x float 3; in l float; in h float; out y; y = Clip(x, l, h)", "-3 0 5; -1; 2",
        "3: -1 0 2"},
    {"clip from above", "in x float 3; in h float; out y; y = Clip(x, _, h)", "-3 0 5; 2", "3: -3 0 2"},
    {"clip, bounds crossed", "in x float 3; in l float; in h float; out y; y = Clip(x, l, h)", "-3 0 5; 2; 1",
        "3: 1 1 1"},
    {"clip integers", "in x int8 3; in l int8; out y; y = Clip(x, l)", "-3 0 5; -1", "3: -1 0 5"},
    {"clip uint64", "in x uint64 2; in h uint64; out y; y = Clip(x, _, h)", "18446744073709551615 3; 4",
        "2: 4 3"},
    {"prelu", "in x float 2,3; in s float 3; out y; y = PRelu(x, s)", "-1 -2 -3 4 5 -6; 2 3 4",
        "2,3: -2 -6 -12 4 5 -24"},
    {"prelu's old axis", "opset 6; in x float 1,2,2; in s float 2; out y; y = PRelu(x, s)", "-1 -2 -3 4; 2 3",
        "1,2,2: -2 -4 -9 4"},
    {"prelu of integers", "in x int32 2; in s int32 1; out y; y = PRelu(x, s)", "-5 5; 3", "2: -15 5"},
    {"dropout", "in x float 2; out y; out m; y, m = Dropout(x)", "1 2", "2: 1 2; 2: 1 1"},
    {"dropout that may train but drops nothing",
        "init r float () 0; init t bool () 1; in x float 2; out y; y = Dropout(x, r, t)", "1 2", "2: 1 2"},
    {"old dropout", "opset 6; in x float 2; out y; out m; y, m = Dropout(x) is_test=1", "1 2",
        "2: 1 2; 2: 1 1"},
};

static const struct math_case elementwise[] = {
    {"add", "in a float 2,2; in b float 2,2; out y; y = Add(a, b)", "1 2 3 4; 0.5 1 -1 2", "2,2: 1.5 3 2 6"},
    {"a channel each", "in a float 1,2,3; in b float 2,1; out y; y = Mul(a, b)", "1 2 3 4 5 6; 10 100",
        "1,2,3: 10 20 30 400 500 600"},
    {"both repeat", "in a float 2,1; in b float 3; out y; y = Sub(a, b)", "1 10; 1 2 3",
        "2,3: 0 -1 -2 9 8 7"},
    {"a scalar first", "in a float; in b float 3; out y; y = Div(a, b)", "6; 1 2 -4", "3: 6 3 -1.5"},
    {"outer axes repeat", "in a float 2,1,2; in b float 1,2,1; out y; y = Add(a, b)", "1 2 3 4; 10 20",
        "2,2,2: 11 12 21 22 13 14 23 24"},
    {"nothing to add", "in a float 2,0; in b float 1; out y; y = Add(a, b)", "; 3", "2,0:"},
    {"an axis to lie on", "opset 6; in a float 2,2,1; in b float 2; out y; y = Add(a, b) broadcast=1 axis=1",
        "1 2 3 4; 10 20", "2,2,1: 11 22 13 24"},
    {"the last axes", "opset 6; in a float 2,2; in b float 2; out y; y = Mul(a, b) broadcast=1",
        "1 2 3 4; 10 20", "2,2: 10 40 30 80"},
    {"int8 wraps", "opset 14; in a int8 2; in b int8 2; out y; y = Add(a, b)", "127 -128; 1 -1",
        "2: -128 127"},
    {"uint8 wraps", "opset 14; in a uint8 2; in b uint8 2; out y; y = Sub(a, b)", "0 200; 1 100",
        "2: 255 100"},
    {"int32 wraps", "in a int32 1; in b int32 1; out y; y = Mul(a, b)", "65536; 65536", "1: 0"},
    {"division towards zero", "in a int32 4; in b int32 4; out y; y = Div(a, b)", "7 -7 7 5; 2 2 -2 0",
        "4: 3 -3 -3 0"},
    {"division of uint64", "in a uint64 1; in b uint64 1; out y; y = Div(a, b)", "18446744073709551615; 2",
        "1: 9223372036854775807"},
    {"the quotient that overflows", "in a int64 1; in b int64 1; out y; y = Div(a, b)",
        "-9223372036854775808; -1", "1: -9223372036854775808"},
    {"mod has the divisor's sign", "in a int32 4; in b int32 4; out y; y = Mod(a, b)", "7 -7 7 -7; 3 3 -3 -3",
        "4: 1 2 -2 -1"},
    {"fmod has the dividend's sign", "in a int32 2; in b int32 2; out y; y = Mod(a, b) fmod=1", "-7 7; 3 -3",
        "2: -1 1"},
    {"fmod of reals", "in a float 2; in b float 2; out y; y = Mod(a, b) fmod=1", "-7.5 7; 2 -4", "2: -1.5 3"},
    {"powers", "in a float 4; in b float 4; out y; y = Pow(a, b)", "2 3 4 -2; 3 0 0.5 3", "4: 8 1 2 -8"},
    {"squares", "in a float 3; in b float; out y; y = Pow(a, b)", "-2 3 0.5; 2", "3: 4 9 0.25"},
    {"cubes", "in a float 3; in b float; out y; y = Pow(a, b)", "-2 3 0.5; 3", "3: -8 27 0.125"},
    {"one base", "in a float; in b float 2; out y; y = Pow(a, b)", "2; 2 3", "2: 4 8"},
    {"powers of integers", "in a int32 4; in b int32 4; out y; y = Pow(a, b)", "2 -1 2 -3; 10 -3 -1 3",
        "4: 1024 -1 0 -27"},
    {"integer exponent", "in a float 2; in b int64 1; out y; y = Pow(a, b)", "0.5 -2; 3", "2: 0.125 -8"},
    {"real exponent of an integer", "in a int64 2; in b float 2; out y; y = Pow(a, b)", "9 2; 0.5 -1",
        "2: 3 0"},
    {"and", "in a bool 4; in b bool 4; out y; y = And(a, b)", "0 0 1 1; 0 1 0 1", "4: 0 0 0 1"},
    {"or", "in a bool 2,1; in b bool 2; out y; y = Or(a, b)", "0 1; 0 1", "2,2: 0 1 1 1"},
    {"xor", "in a bool 4; in b bool 4; out y; y = Xor(a, b)", "0 0 1 1; 0 1 0 1", "4: 0 1 1 0"},
    {"not", "in a bool 2; out y; y = Not(a)", "0 1", "2: 1 0"},
    {"equal", "in a float 3; in b float; out y; y = Equal(a, b)", "1 2 nan; 2", "3: 0 1 0"},
    {"equal strings", "opset 19; in a string 3; in b string 1; out y; y = Equal(a, b)", "ab b abc; ab",
        "3: 1 0 0"},
    {"greater", "in a float 3; in b float 3; out y; y = Greater(a, b)", "1 2 3; 2 2 2", "3: 0 0 1"},
    {"greater of uint64", "in a uint64 1; in b uint64 1; out y; y = Greater(a, b)", "18446744073709551615; 1",
        "1: 1"},
    {"greater or equal", "in a int32 3; in b int32 3; out y; y = GreaterOrEqual(a, b)", "1 2 -3; 2 2 -4",
        "3: 0 1 1"},
    {"less", "in a float 3; in b float 1; out y; y = Less(a, b)", "1 2 nan; 2", "3: 1 0 0"},
    {"less or equal", "in a float 3; in b float 1; out y; y = LessOrEqual(a, b)", "1 2 3; 2", "3: 1 1 0"},
    {"shift left", "in a uint8 3; in b uint8 3; out y; y = BitShift(a, b) direction='LEFT'",
        "16 255 1; 2 1 9", "3: 64 254 0"},
    {"shift right", "in a uint64 2; in b uint64 2; out y; y = BitShift(a, b) direction='RIGHT'",
        "18446744073709551615 8; 63 64", "2: 1 0"},
    {"bits",
        "opset 18; in a int8 2; in b int8 2; out p; out q; out r; out s; p = BitwiseAnd(a, b); q = "
        "BitwiseOr(a, b); "
        "r = BitwiseXor(a, b); s = BitwiseNot(a)",
        "12 -1; 10 1", "2: 8 1; 2: 14 -1; 2: 6 -2; 2: -13 0"},
    {"complement of uint8", "opset 18; in a uint8 1; out y; y = BitwiseNot(a)", "1", "1: 254"},
    {"integers' own", "in a int8 3; out p; out q; out r; p = Abs(a); q = Neg(a); r = Sign(a)", "-128 5 0",
        "3: -128 5 0; 3: -128 -5 0; 3: -1 1 0"},
    {"uint64 is not negative", "in a uint64 1; out p; out r; p = Abs(a); r = Sign(a)", "18446744073709551615",
        "1: 18446744073709551615; 1: 1"},
    {"nan and inf",
        "in x float 4; out p; out q; out r; out s; p = IsNaN(x); q = IsInf(x); r = IsInf(x) "
        "detect_negative=0; "
        "s = IsInf(x) detect_positive=0",
        "nan inf -inf 1", "4: 1 0 0 0; 4: 0 1 1 0; 4: 0 1 0 0; 4: 0 0 1 0"},
    {"max, min", "in a float 3; in b float 3; in c float 1; out p; out q; p = Max(a, b, c); q = Min(a, b, c)",
        "1 5 nan; 2 -3 1; 0", "3: 2 5 nan; 3: 0 -3 nan"},
    {"the third one widens", "in a float 1; in b float 2; in c float 2,1; out p; p = Sum(a, b, c)",
        "1; 10 20; 100 200", "2,2: 111 121 211 221"},
    {"mean", "in a float 2; in b float 2; in c float 2; out p; p = Mean(a, b, c)", "1 2; 2 4; 6 -3",
        "2: 3 1"},
    {"one operand", "in a float 2; out p; out q; p = Max(a); q = Mean(a)", "1 2", "2: 1 2; 2: 1 2"},
    {"max of integers", "in a uint64 2; in b uint64 2; out p; out q; p = Max(a, b); q = Min(a, b)",
        "18446744073709551615 3; 1 4", "2: 18446744073709551615 4; 2: 1 3"},
    {"where", "in c bool 2,1; in a float 2; in b float; out y; y = Where(c, a, b)", "1 0; 1 2; 9",
        "2,2: 1 2 9 9"},
    {"where of integers", "in c bool 3; in a int64 3; in b int64 1; out y; y = Where(c, a, b)",
        "1 0 1; 1 2 3; 9", "3: 1 9 3"},
    {"where of strings", "in c bool 2; in a string 2; in b string 1; out y; y = Where(c, a, b)",
        "1 0; p q; r", "2: p r"},
};

static const struct math_case lanes[] = {
    {"softmax", "in x float 2,4; out y; y = Softmax(x)", "1 2 4 0 0 -1 1 0.5",
        "2,4: 0.0413706969209601 0.112457213670933 0.830952660543951 0.0152194288641559 0.174371487640329 "
        "0.0641476854293574 0.473990846254078 0.287489980676235"},
    {"softmax over rows", "in x float 2,4; out y; y = Softmax(x) axis=0", "1 2 4 0 0 -1 1 0.5",
        "2,4: 0.731058578630005 0.952574126822433 0.952574126822433 0.377540668798145 0.268941421369995 "
        "0.0474258731775668 0.0474258731775668 0.622459331201855"},
    {"flattened softmax", "opset 11; in x float 1,2,4; out y; y = Softmax(x)", "1 2 4 0 0 -1 1 0.5",
        "1,2,4: 0.038049660288732 0.1034297001419 0.764247856644074 0.0139976877637819 0.0139976877637819 "
        "0.00514946155223244 0.038049660288732 0.0230782855567662"},
    {"log softmax", "in x float 2,4; out y; y = LogSoftmax(x) axis=1", "1 2 4 0 0 -1 1 0.5",
        "2,4: -3.18518245260381 -2.18518245260381 -0.185182452603813 -4.18518245260381 -1.74656726917379 "
        "-2.74656726917379 -0.746567269173791 -1.24656726917379"},
    {"softmax of large numbers", "in x float 1,2; out y; y = Softmax(x)", "10000 10000", "1,2: 0.5 0.5"},
    {"hardmax", "in x float 2,3; out y; y = Hardmax(x)", "1 3 3 0 -1 -2", "2,3: 0 1 0 1 0 0"},
    {"argmax", "in x float 2,3; out y; y = ArgMax(x) axis=1", "1 3 3 0 -1 -2", "2,1: 1 0"},
    {"argmax, last of equals", "in x float 2,3; out y; y = ArgMax(x) axis=-1 select_last_index=1 keepdims=0",
        "1 3 3 0 -1 -2", "2: 2 0"},
    {"argmin", "in x int32 2,3; out y; y = ArgMin(x)", "1 3 3 0 3 -2", "1,3: 1 0 1"},
    {"argmin, last of equals", "in x int32 3; out y; y = ArgMin(x) select_last_index=1", "1 1 3", "1: 1"},
    {"running sums", "init a int64 () 1; in x float 2,3; out y; y = CumSum(x, a)", "1 2 3 4 5 6",
        "2,3: 1 3 6 4 9 15"},
    {"exclusive, from behind",
        "init a int64 () -1; in x float 2,3; out y; y = CumSum(x, a) exclusive=1 reverse=1", "1 2 3 4 5 6",
        "2,3: 5 3 0 11 6 0"},
    {"running sums of integers", "init a int32 () 0; in x int32 2,2; out y; y = CumSum(x, a) reverse=1",
        "1 2 3 4", "2,2: 4 6 3 4"},
    {"top k", "init k int64 1 2; in x float 2,4; out v; out i; v, i = TopK(x, k)", "3 1 3 4 -1 -2 0 -3",
        "2,2: 4 3 0 -1; 2,2: 3 0 2 0"},
    {"the smallest k of a column",
        "init k int64 1 2; in x int64 3,2; out v; out i; v, i = TopK(x, k) axis=0 largest=0", "5 1 3 2 4 0",
        "2,2: 3 0 4 1; 2,2: 1 2 2 0"},
    {"top k by attribute", "opset 9; in x float 4; out v; out i; v, i = TopK(x) k=3", "1 4 2 3",
        "3: 4 3 2; 3: 1 3 2"},
};

static const struct math_table tables[] = {
    {activations, COUNT(activations)},
    {elementwise, COUNT(elementwise)},
    {lanes, COUNT(lanes)},
};

/* Those, and the ones in support. */
static const struct math_table *table_at(size_t index)
{
    return index < COUNT(tables) ? &tables[index] : &mathcases[index - COUNT(tables)];
}

/* Forms that do not run: BNF_CANNOT leaves the node out, BNF_EINPUT ends the run. */
static const struct refusal {
    const char *model, *feeds;
    int status;
    const char *sentence; /* a part of it */
} refusals[] = {
    {"init r float () 0.5; init t bool () 1; in x float 2; out y; y = Dropout(x, r, t)", "1 2", BNF_CANNOT,
        "at random"},
    {"opset 6; in x float 2; out y; y = Dropout(x)", "1 2", BNF_CANNOT, "at random"},
    {"in x float 2; out y; y = Cast(x) to=17", "1 2", BNF_CANNOT, "float to float8e4m3fn"},
    {"in x float 2; out y; y = Cast(x) to=99", "1 2", BNF_EINPUT, "no element type 99"},
    {"in x string 1; out y; y = Cast(x) to=1", "pear", BNF_EINPUT, "'pear' is no number"},
    {"in a float 2; in b float 3; out y; y = Add(a, b)", "1 2; 1 2 3", BNF_EINPUT,
        "operands of 2 and 3 do not broadcast"},
    {"in a float 2; in b int64 2; out y; y = Add(a, b)", "1 2; 1 2", BNF_EINPUT, "type float and int64"},
    {"opset 6; in a float 2,2; in b float 2; out y; y = Add(a, b)", "1 2 3 4; 1 2", BNF_EINPUT,
        "'broadcast'"},
    {"in a float 2; in b float 2; out y; y = Mod(a, b)", "1 2; 1 2", BNF_EINPUT, "'fmod' 1"},
    {"in a string 1; out y; y = Relu(a)", "a", BNF_EINPUT, "input 0 is of type string, not a floating type"},
    {"in a float 2; out y; y = Softmax(a) axis=1", "1 2", BNF_EINPUT,
        "'axis' is 1, outside an input of rank 1"},
    {"in a float 2; out y; y = ReduceMean(a) axes=[1]", "1 2", BNF_EINPUT,
        "axis 1 is outside an input of rank 1"},
    {"init k int64 1 3; in a float 2; out y; y, i = TopK(a, k)", "1 2", BNF_EINPUT, "k is 3 on an axis of 2"},
    {"in a float 0; out y; y = ArgMax(a)", "", BNF_EINPUT, "axis 0 is empty"},
    {"in x float 1,2,1; in p float 3; out y; y = BatchNormalization(x, p, p, p, p)", "1 2; 1 2 3", BNF_EINPUT,
        "input 1 has 3 numbers for 2 channels"},
    {"opset 17; in x float 2,2; in p float 2,1; out y; y = LayerNormalization(x, p)", "1 2 3 4; 1 2",
        BNF_CANNOT, "outside the normalized axes"},
    {"in x float 1,2; in t int64 1; out y; y = NegativeLogLikelihoodLoss(x, t)", "1 2; 2", BNF_EINPUT,
        "label 2 is outside 0 to 1"},
};

/* ---- running a case */

struct run {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
    struct bnf_array *feeds[8];
    struct bnf_err err;
};

static void read_element(struct run *run, struct bnf_array *a, size_t i, const char **at)
{
    char *end = NULL;
    while (isspace((unsigned char)**at))
        (*at)++;
    const char *start = *at;
    double number = strtod(start, &end);
    if (a->kind == BNF_KIND_TEXT) {
        end = (char *)(uintptr_t)start + strcspn(start, " ;");
        ((const char **)a->data)[i] = bnf_arena_copy(&run->model.arena, start, (size_t)(end - start));
    } else if (a->kind == BNF_KIND_INT) {
        ((int64_t *)a->data)[i] =
            *start == '-' ? strtoll(start, &end, 10) : (int64_t)strtoull(start, &end, 10);
    } else if (a->precision == BNF_PRECISION_FLOAT) {
        ((float *)a->data)[i] = (float)number;
    } else {
        ((double *)a->data)[i] = number;
    }
    if (end == start)
        fail_msg("an element was expected at '%s'", start);
    *at = end;
}

static int start(
    struct run *run, const char *text, const char *feeds, enum bnf_precision precision, unsigned threads)
{
    memset(run, 0, sizeof *run);
    notation_read(&run->model, text);
    assert_int_equal(bnf_graph_build(&run->graph, &run->model, &run->err), BNF_OK);
    assert_int_equal(bnf_eval_init(&run->eval, &run->graph, precision, threads, NULL, 0, &run->err), BNF_OK);
    run->eval.round_storage = false;
    const struct bnf_scope *main = &run->graph.scopes[0];
    assert_in_range(main->input_count, 1, COUNT(run->feeds));
    for (size_t i = 0; i < main->input_count; i++) {
        const struct bnf_shape *shape = &run->graph.values[main->inputs[i]].shape;
        struct bnf_array *a =
            bnf_array_new(&run->eval.budget, shape->dtype, precision, (size_t)shape->rank, shape->dims);
        assert_non_null(a);
        run->feeds[i] = a;
        for (size_t k = 0; k < a->count; k++)
            read_element(run, a, k, &feeds);
        while (isspace((unsigned char)*feeds) || *feeds == ';')
            feeds++;
    }
    return bnf_eval_run(&run->eval, run->feeds, &run->err);
}

static void finish(struct run *run)
{
    for (size_t i = 0; i < run->graph.scopes[0].input_count; i++)
        bnf_array_drop(&run->eval.budget, run->feeds[i]);
    bnf_eval_free(&run->eval);
    assert_int_equal(run->eval.budget.used, 0);
    bnf_budget_clear(&run->eval.budget);
    bnf_graph_free(&run->graph);
    bnf_model_close(&run->model);
}

static bool close_to(double found, double wanted, enum bnf_precision precision)
{
    if (wanted != wanted || isinf(wanted))
        return wanted != wanted ? found != found : found == wanted;
    double size = fabs(wanted) > 1 ? fabs(wanted) : 1;
    return fabs(found - wanted) <= (precision == BNF_PRECISION_FLOAT ? 2e-6 : 1e-13 * 5) * size;
}

/* Compares one output with "2,3: 1 2 3 4 5 6"; leaves *at behind it. Says what differs. */
static bool matches(struct run *run, const struct math_case *c, const struct bnf_array *y, const char **at)
{
    char dims[128], wanted_dims[128];
    size_t n = 0;
    for (const char *p = *at; *p && *p != ':' && n + 1 < sizeof wanted_dims; p++)
        if (!isspace((unsigned char)*p))
            wanted_dims[n++] = *p;
    wanted_dims[n] = 0;
    *at = strchr(*at, ':') + 1;
    bnf_dims_text(y->dims, y->rank, dims, sizeof dims);
    for (char *p = dims; *p; p++)
        *p = *p == 'x' ? ',' : *p;
    if (strcmp(y->rank ? dims : "", wanted_dims) != 0) {
        print_error("%s: extents %s, expected %s\n", c->name, dims, wanted_dims);
        return false;
    }
    struct bnf_array *wanted =
        bnf_array_new(&run->eval.budget, y->dtype, BNF_PRECISION_DOUBLE, y->rank, y->dims);
    bool fine = true;
    for (size_t i = 0; i < y->count; i++) {
        read_element(run, wanted, i, at);
        bool same = y->kind == BNF_KIND_TEXT
                        ? strcmp(((const char **)y->data)[i], ((const char **)wanted->data)[i]) == 0
                    : y->kind == BNF_KIND_INT
                        ? ((int64_t *)y->data)[i] == ((int64_t *)wanted->data)[i]
                        : close_to(bnf_array_at(y, i), bnf_array_at(wanted, i), y->precision);
        if (!same && y->kind == BNF_KIND_TEXT)
            print_error("%s: element %zu is '%s'\n", c->name, i, ((const char **)y->data)[i]);
        else if (!same)
            print_error("%s, %s: element %zu is %.17g, expected %.17g\n", c->name,
                y->precision ? "double" : "float", i, bnf_array_at(y, i), bnf_array_at(wanted, i));
        fine = fine && same;
    }
    bnf_array_drop(&run->eval.budget, wanted);
    *at += strspn(*at, " ;");
    return fine;
}

static int check_case(const struct math_case *c)
{
    int failures = 0;
    for (int precision = 0; precision < 2; precision++) {
        struct run run;
        const char *at = c->expected;
        int status = start(&run, c->model, c->feeds, (enum bnf_precision)precision, 1);
        if (status || *run.eval.blocked) {
            print_error("%s: %s\n", c->name, status ? run.err.text : run.eval.blocked);
            failures++;
        }
        const struct bnf_scope *main = &run.graph.scopes[0];
        for (size_t i = 0; i < main->output_count && !status && !*run.eval.blocked; i++)
            failures += !matches(&run, c, bnf_eval_value(&run.eval, main->outputs[i]), &at);
        finish(&run);
    }
    return failures;
}

static void test_cases(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t t = 0; t < COUNT(tables) + mathcases_count; t++)
        for (size_t i = 0; i < table_at(t)->count; i++)
            failures += check_case(&table_at(t)->cases[i]);
    assert_int_equal(failures, 0);
}

enum { plain_opset = 20 };

static void test_plain(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(plain); i++) {
        char model[128], expected[512];
        size_t n = 1;
        for (const char *p = plain[i][1]; *p; p++)
            n += *p == ' ';
        snprintf(
            model, sizeof model, "opset %d; in x float %zu; out y; y = %s(x)", plain_opset, n, plain[i][0]);
        snprintf(expected, sizeof expected, "%zu: %s", n, plain[i][2]);
        struct math_case c = {plain[i][0], model, plain[i][1], expected};
        failures += check_case(&c);
    }
    assert_int_equal(failures, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct run run;
        int status = start(&run, refusals[i].model, refusals[i].feeds, BNF_PRECISION_FLOAT, 1);
        const char *said = refusals[i].status == BNF_CANNOT ? run.eval.blocked : run.err.text;
        if (status != (refusals[i].status == BNF_CANNOT ? BNF_OK : BNF_EINPUT) ||
            !strstr(said, refusals[i].sentence))
            fail_msg("%s: status %d, '%s'", refusals[i].model, status, said);
        finish(&run);
    }
}

/* Enough elements for several threads, which must change nothing: broadcast, activation, normalization,
 * reduction. */
static void test_threads(void **state)
{
    static const char model[] =
        "in x float 3,7,61,131; init c float 7,1,1 rand; init r float 131 rand; init s float 7 pos; out y; "
        "out z; "
        "a = Mul(x, c); b = Add(a, r); d = Sigmoid(b); e = BatchNormalization(d, s, s, s, s); f = Relu(e); "
        "g = InstanceNormalization(f, s, s); y = Softmax(g) axis=2; h = LRN(y) size=3; z = ReduceMean(h) "
        "axes=[0,2]";
    struct run one, three;
    struct bnf_buf text = {0};
    (void)state;
    for (size_t i = 0; i < 3 * 7 * 61 * 131; i++)
        bnf_buf_printf(&text, "%g ", (double)(i * 7919 % 1013) / 256 - 2);
    assert_int_equal(start(&one, model, bnf_buf_text(&text), BNF_PRECISION_FLOAT, 1), BNF_OK);
    assert_int_equal(start(&three, model, bnf_buf_text(&text), BNF_PRECISION_FLOAT, 3), BNF_OK);
    for (size_t i = 0; i < 2; i++) {
        const struct bnf_array *a = bnf_eval_value(&one.eval, one.graph.scopes[0].outputs[i]);
        const struct bnf_array *b = bnf_eval_value(&three.eval, three.graph.scopes[0].outputs[i]);
        assert_non_null(a);
        assert_non_null(b);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(a->data, b->data, a->count * sizeof(float));
    }
    bnf_buf_free(&text);
    finish(&one);
    finish(&three);
}

static bool case_covers(const char *model, const char *domain, const char *type, int64_t since, int64_t until)
{
    char call[96];
    int64_t opset = strncmp(model, "opset com", 9) == 0 ? 1
                    : strncmp(model, "opset ", 6) == 0  ? atoi(model + 6)
                                                        : 13;
    snprintf(call, sizeof call, " %s%s%s(", domain, *domain ? "." : "", type);
    return opset >= since && opset <= until && strstr(model, call);
}

/* Every line of the table has a case of its own operator sets. */
static void test_every_operator(void **state)
{
    enum { last = INT32_MAX };
    static const struct {
        const char *domain, *type;
        int64_t since, until;
    } lines[] = {
#define BNF_OPERATOR(domain, type, since, until, function) {domain, type, since, until},
#include "eval/operators_math.def"
#undef BNF_OPERATOR
    };
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        bool covered = false;
        for (size_t k = 0; k < COUNT(plain); k++)
            covered = covered || (strcmp(plain[k][0], lines[i].type) == 0 && lines[i].until >= plain_opset);
        for (size_t t = 0; t < COUNT(tables) + mathcases_count; t++)
            for (size_t k = 0; k < table_at(t)->count; k++)
                covered = covered || case_covers(table_at(t)->cases[k].model, lines[i].domain, lines[i].type,
                                         lines[i].since, lines[i].until);
        if (!covered)
            fail_msg("no case for %s from operator set %d", lines[i].type, (int)lines[i].since);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_every_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
