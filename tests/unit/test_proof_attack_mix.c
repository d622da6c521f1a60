/* Attacks on the proof: parts, joins, sums and products, and weights seen in part or as multiples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/attack.h"

/* ---- parts and joins ---- */

static void test_parts(void **state)
{
    (void)state;
#define SL(b, e, a, t) \
    "init b int64 1 " b "; init e int64 1 " e "; init a int64 1 " a "; init t int64 1 " t "; "
    static const struct attack cases[] = {
        {"parts of equal size exchanged",
            "in x float N,4; out y; init s float 2 2 3; a, b = Split(x) axis=1; c = Mul(b, s); y = Sub(a, c)",
            "in x float N,4; out y; init s float 4 1 1 2 3; d = Mul(x, s); a, b = Split(d) axis=1; y = "
            "Sub(a, b)",
            "in x float N,4; out y; init s float 4 1 1 2 3; d = Mul(x, s); b, a = Split(d) axis=1; y = "
            "Sub(a, b)"},
        {"the scale of the other part",
            "in x float N,4; out y; init s float 4 1 2 3 4; d = Mul(x, s); a, y = Split(d) axis=1",
            "in x float N,4; out y; init s float 2 3 4; a, d = Split(x) axis=1; y = Mul(d, s)",
            "in x float N,4; out y; init s float 2 1 2; a, d = Split(x) axis=1; y = Mul(d, s)"},
        {"another axis of the same extent",
            "in x float 4,4; out y; init s float () 3; a, d = Split(x) axis=1; y = Mul(d, s)",
            "in x float 4,4; out y; init s float () 3; d = Mul(x, s); a, y = Split(d) axis=1",
            "in x float 4,4; out y; init s float () 3; d = Mul(x, s); a, y = Split(d) axis=0"},
        {"cut elsewhere",
            "in x float N,4; out y; init z int64 2 1 3; init s float () 3; a, d = Split(x, z) axis=1; y = "
            "Mul(d, s)",
            "in x float N,4; out y; init z int64 2 1 3; init s float () 3; d = Mul(x, s); a, y = Split(d, z) "
            "axis=1",
            "in x float N,4; out y; init z int64 2 3 1; init s float () 3; d = Mul(x, s); a, y = Split(d, z) "
            "axis=1"},
        {"unequal parts, the scale cut elsewhere",
            "in x float N,4; out y; init z int64 2 1 3; init s float 4 1 2 3 4; d = Mul(x, s); a, y = "
            "Split(d, z) axis=1",
            "in x float N,4; out y; init z int64 2 1 3; init s float 3 2 3 4; a, d = Split(x, z) axis=1; y = "
            "Mul(d, s)",
            "in x float N,4; out y; init z int64 2 1 3; init s float 3 1 2 3; a, d = Split(x, z) axis=1; y = "
            "Mul(d, s)"},
        {"a number of parts that does not divide",
            "opset 18; in x float N,5; out y; init s float 5 1 2 3 4 5; d = Mul(x, s); a, y = Split(d) "
            "axis=1 num_outputs=2",
            "opset 18; in x float N,5; out y; init s float 2 4 5; a, d = Split(x) axis=1 num_outputs=2; y = "
            "Mul(d, s)",
            "opset 18; in x float N,5; out y; init s float 2 3 4; a, d = Split(x) axis=1 num_outputs=2; y = "
            "Mul(d, s)"},
        {"backwards",
            "in x float N,4; out y; init s float 4 1 2 3 4; " SL(
                "-1", "-9", "1", "-1") "d = Mul(x, s); y = Slice(d, b, e, a, t)",
            "in x float N,4; out y; init s float 4 4 3 2 1; " SL(
                "-1", "-9", "1", "-1") "d = Slice(x, b, e, a, t); y = Mul(d, s)",
            "in x float N,4; out y; init s float 4 1 2 3 4; " SL(
                "-1", "-9", "1", "-1") "d = Slice(x, b, e, a, t); y = Mul(d, s)"},
        {"every other one",
            "in x float N,5; out y; init s float 5 1 2 3 4 5; " SL(
                "1", "99", "1", "2") "d = Mul(x, s); y = Slice(d, b, e, a, t)",
            "in x float N,5; out y; init s float 2 2 4; " SL(
                "1", "99", "1", "2") "d = Slice(x, b, e, a, t); y = Mul(d, s)",
            "in x float N,5; out y; init s float 2 1 3; " SL(
                "1", "99", "1", "2") "d = Slice(x, b, e, a, t); y = Mul(d, s)"},
        {"every other one, backwards, up to an end",
            "in x float N,6; out y; init s float 6 1 2 3 4 5 6; " SL(
                "-2", "0", "1", "-2") "d = Mul(x, s); y = Slice(d, b, e, a, t)",
            "in x float N,6; out y; init s float 2 5 3; " SL(
                "-2", "0", "1", "-2") "d = Slice(x, b, e, a, t); y = Mul(d, s)",
            "in x float N,6; out y; init s float 2 6 4; " SL(
                "-2", "0", "1", "-2") "d = Slice(x, b, e, a, t); y = Mul(d, s)"},
        {"one further",
            "in x float N,4; out y; init s float () 3; " SL(
                "0", "2", "1", "1") "d = Mul(x, s); y = Slice(d, b, e, a, t)",
            "in x float N,4; out y; init s float () 3; " SL(
                "0", "2", "1", "1") "d = Slice(x, b, e, a, t); y = Mul(d, s)",
            "in x float N,4; out y; init s float () 3; " SL(
                "1", "3", "1", "1") "d = Slice(x, b, e, a, t); y = Mul(d, s)"},
        {"one further, numbers as well",
            "in x float N,4; out y; init s float 4 1 2 3 4; " SL(
                "0", "2", "1", "1") "d = Mul(x, s); y = Slice(d, b, e, a, t)",
            NULL,
            "in x float N,4; out y; init s float 2 2 3; " SL(
                "1", "3", "1", "1") "d = Slice(x, b, e, a, t); y = Mul(d, s)"},
        {"a part of a convolution's channels",
            "in x float N,2,3; out y; init W float 4,2,1 rand; init s float 2,1 2 4; c = Conv(x, W); " SL(
                "2", "4", "1", "1") "d = Slice(c, b, e, a, t); y = Mul(d, s)",
            NULL,
            "in x float N,2,3; out y; init W float 4,2,1 rand; init s float 4,1 2 4 1 1; q = Conv(x, W); c = "
            "Mul(q, s); " SL("2", "4", "1", "1") "y = Slice(c, b, e, a, t)"},
        {"a part with a shift, the rest read as well",
            "in x float N,4; out y; out z; init s float 2 1 2; a, b = Split(x) axis=1; y = Add(a, s); z = "
            "Relu(b)",
            "in x float N,4; out y; out z; init s float 4 1 2 0 0; d = Add(x, s); y, b = Split(d) axis=1; z "
            "= Relu(b)",
            "in x float N,4; out y; out z; init s float 4 1 2 0 1; d = Add(x, s); y, b = Split(d) axis=1; z "
            "= Relu(b)"},
        {"joined the other way round",
            "in a float N,2; in b float N,2; out y; init s float 4 1 2 3 4; c = Concat(a, b) axis=1; y = "
            "Mul(c, s)",
            "in a float N,2; in b float N,2; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d "
            "= Mul(b, t); y = Concat(c, d) axis=1",
            "in a float N,2; in b float N,2; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d "
            "= Mul(b, t); y = Concat(d, c) axis=1"},
        {"the scales of the parts exchanged",
            "in a float N,2; in b float N,2; out y; init s float 4 1 2 3 4; c = Concat(a, b) axis=1; y = "
            "Mul(c, s)",
            "in a float N,2; in b float N,2; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d "
            "= Mul(b, t); y = Concat(c, d) axis=1",
            "in a float N,2; in b float N,2; out y; init s float 2 3 4; init t float 2 1 2; c = Mul(a, s); d "
            "= Mul(b, t); y = Concat(c, d) axis=1"},
        {"inputs and scales exchanged",
            "in a float N,2; in b float N,2; out y; init s float 4 1 2 3 4; c = Concat(a, b) axis=1; y = "
            "Mul(c, s)",
            NULL,
            "in a float N,2; in b float N,2; out y; init s float 4 3 4 1 2; c = Concat(b, a) axis=1; y = "
            "Mul(c, s)"},
        {"joined along another axis",
            "in a float 2,2; in b float 2,2; out y; init s float () 3; c = Concat(a, b) axis=1; y = Mul(c, "
            "s)",
            "in a float 2,2; in b float 2,2; out y; init s float () 3; c = Mul(a, s); d = Mul(b, s); y = "
            "Concat(c, d) axis=1",
            "in a float 2,2; in b float 2,2; out y; init s float () 3; c = Mul(a, s); d = Mul(b, s); y = "
            "Concat(c, d) axis=0"},
        {"one part forgotten",
            "in a float N,2; in b float N,2; out y; init s float () 3; c = Concat(a, b) axis=1; y = Add(c, "
            "s)",
            "in a float N,2; in b float N,2; out y; init s float () 3; c = Add(a, s); d = Add(b, s); y = "
            "Concat(c, d) axis=1",
            "in a float N,2; in b float N,2; out y; init s float () 3; c = Add(a, s); y = Concat(c, b) "
            "axis=1"},
        {"parts of unequal and unknown size",
            "in a float N,K; in b float N,M; out y; init s float 4 1 2 3 4; c = Concat(a, b) axis=1; y = "
            "Mul(c, s)",
            NULL,
            "in a float N,K; in b float N,M; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d "
            "= Mul(b, t); y = Concat(c, d) axis=1"},
        {"one value joined with itself",
            "in a float N,2; out y; init s float 4 1 2 3 4; c = Concat(a, a) axis=1; y = Mul(c, s)",
            "in a float N,2; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d = Mul(a, t); y "
            "= Concat(c, d) axis=1",
            "in a float N,2; out y; init s float 2 1 2; init t float 2 3 4; c = Mul(a, s); d = Mul(a, t); y "
            "= Concat(d, c) axis=1"},
    };
    ATTACK(cases);
}

/* ---- sums and products ---- */

static void test_mixes(void **state)
{
    (void)state;
#define AB "in a float N,2; in b float N,2; out y; init s float 2 2 3; "
    static const struct attack cases[] = {
        {"a scale for both factors", AB "c = Mul(a, b); y = Mul(c, s)", AB "d = Mul(b, s); y = Mul(a, d)",
            AB "c = Mul(a, s); d = Mul(b, s); y = Mul(c, d)"},
        {"a scale for neither", AB "c = Mul(a, b); y = Mul(c, s)", AB "c = Mul(a, s); y = Mul(c, b)",
            AB "y = Mul(a, b)"},
        {"the dividend's scale for the divisor", AB "c = Div(a, b); y = Mul(c, s)",
            AB "c = Mul(a, s); y = Div(c, b)", AB "d = Mul(b, s); y = Div(a, d)"},
        {"the divisor scaled", AB "d = Mul(b, s); y = Div(a, d)", AB "c = Div(a, b); y = Div(c, s)",
            AB "c = Div(a, b); y = Mul(c, s)"},
        {"divided the other way round", AB "c = Div(a, b); y = Mul(c, s)", AB "c = Mul(a, s); y = Div(c, b)",
            AB "c = Mul(a, s); y = Div(b, c)"},
        {"a shift of a factor", AB "c = Mul(a, b); y = Add(c, s)", NULL, AB "c = Add(a, s); y = Mul(c, b)"},
        {"a shift of both factors", AB "c = Add(a, s); y = Mul(c, b)", NULL,
            AB "c = Add(a, s); d = Add(b, s); y = Mul(c, d)"},
        {"a shift for both terms", AB "c = Add(a, b); y = Add(c, s)", AB "c = Add(a, s); y = Add(c, b)",
            AB "c = Add(a, s); d = Add(b, s); y = Add(c, d)"},
        {"a shift for no term", AB "c = Add(a, b); y = Add(c, s)", AB "d = Add(b, s); y = Add(a, d)",
            AB "y = Add(a, b)"},
        {"a scale for one term", AB "c = Add(a, b); y = Mul(c, s)",
            AB "c = Mul(a, s); d = Mul(b, s); y = Add(c, d)", AB "c = Mul(a, s); y = Add(c, b)"},
        {"the shift of what is taken away", AB "d = Add(b, s); y = Sub(a, d)",
            AB "c = Sub(a, b); y = Sub(c, s)", AB "c = Sub(a, b); y = Add(c, s)"},
        {"taken away the other way round", AB "c = Sub(a, b); y = Mul(c, s)",
            AB "c = Mul(a, s); d = Mul(b, s); y = Sub(c, d)",
            AB "c = Mul(a, s); d = Mul(b, s); y = Sub(d, c)"},
        {"the mean of three shifts",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 3; d = Mean(a, b, c); y = "
            "Add(d, s)",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 9; d = Add(a, s); y = Mean(d, "
            "b, c)",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 3; d = Add(a, s); y = Mean(d, "
            "b, c)"},
        {"the sum of three, one twice",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 3; d = Sum(a, b, c); y = "
            "Mul(d, s)",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 3\n"
            "d = Mul(a, s); e = Mul(b, s); f = Mul(c, s); y = Sum(d, e, f)",
            "in a float 2; in b float 2; in c float 2; out y; init s float () 3\n"
            "d = Mul(a, s); e = Mul(b, s); f = Mul(c, s); y = Sum(d, e, e)"},
        {"a term that is broadcast along the scale",
            "in a float N,2; in b float N,1; out y; init s float 2 2 3; c = Add(a, b); y = Mul(c, s)", NULL,
            "in a float N,2; in b float N,1; out y; init s float 2 2 3; c = Mul(a, s); y = Add(c, b)"},
        {"a factor that is broadcast along the scale",
            "in a float N,2; in b float N,1; out y; init s float 2 2 3; c = Mul(a, b); y = Mul(c, s)",
            "in a float N,2; in b float N,1; out y; init s float 2 2 3; c = Mul(a, s); y = Mul(c, b)",
            "in a float 2,2; in b float 2,1; out y; init s float 2,1 2 3; c = Mul(a, s); y = Mul(c, b)"},
        {"a factor of lower rank",
            "in a float N,2,2; in b float 2; out y; init s float 2 2 3; c = Mul(a, b); y = Mul(c, s)",
            "in a float N,2,2; in b float 2; out y; init s float 2 2 3; d = Mul(b, s); y = Mul(a, d)",
            "in a float N,2,2; in b float 2; out y; init s float 2,1 2 3; c = Mul(a, s); y = Mul(c, b)"},
        {"operands of old aligned by an axis",
            "opset 6; in a float 2,2,2; in b float 2; out y; init s float 2 2 3; c = Add(a, b) broadcast=1 "
            "axis=1; y = Mul(c, s) broadcast=1 axis=1",
            NULL,
            "opset 6; in a float 2,2,2; in b float 2; out y; init s float 2 2 3; c = Mul(a, s) broadcast=1 "
            "axis=1; d = Mul(b, s); y = Add(c, d) broadcast=1 axis=2"},
        {"operands of old aligned to the right",
            "opset 6; in a float 2,2,2; out y; init s float 2 2 3; y = Mul(a, s) broadcast=1 axis=1",
            "opset 6; in a float 2,2,2; out y; init s float 2 4 6; init h float 1 0.5; c = Mul(a, h) "
            "broadcast=1; y = Mul(c, s) broadcast=1 axis=1",
            "opset 6; in a float 2,2,2; out y; init s float 2 2 3; y = Mul(a, s) broadcast=1"},
        {"integers divide otherwise", "in x int32 N; out y; init s int32 () 2; c = Div(x, s); y = Mul(c, s)",
            NULL, "in x int32 N; out y; y = Identity(x)"},
        {"integers divide otherwise, type not told",
            "in x int32 N; out y; init s int32 () 2; u = com.acme.Op(x); c = Div(u, s); y = Mul(c, s)", NULL,
            "in x int32 N; out y; u = com.acme.Op(x); y = Identity(u)"},
        {"a constant that makes it longer",
            "in x float N,H; out y; init s float 4 1 2 3 4; c = Add(x, s); y = Sub(c, s)", NULL,
            "in x float N,H; out y; y = Identity(x)"},
        {"a scale that makes it longer",
            "in x float N,H; out y; init s float 2 1 1; c = Mul(x, s); y = Relu(c)", NULL,
            "in x float N,H; out y; y = Relu(x)"},
        {"a constant that adds an axis",
            "in x float N; out y; init s float 1,1 3; init t float () 3; c = Add(x, s); y = Sub(c, t)", NULL,
            "in x float N; out y; y = Identity(x)"},
        {"a constant that makes it longer, and shorter again",
            "in x float 2,1; out y; init s float 2 2 3; c = Mul(x, s); y = ReduceMean(c) axes=[1]", NULL,
            "in x float 2,1; out y; init s float () 2; c = Mul(x, s); y = ReduceMean(c) axes=[1]"},
    };
    ATTACK(cases);
}

/* ---- weights seen in part, as multiples, and constants as shifts ---- */

static void test_shares(void **state)
{
    (void)state;
#define CUT(b, e) "init b int64 1 " b "; init e int64 1 " e "; init a int64 1 1; y = Slice(c, b, e, a)"
#define BEHIND_MUL "init s float 2 2 3; c = Mul(a, b); y = Mul(c, s)"
#define BEHIND_DIV "init s float 2 2 3; c = Div(a, b); y = Mul(c, s)"
#define TWO(w, v)                                                        \
    "in x float N,2; out y; init W float 2,2 " w "; init V float 2,2 " v \
    "; a = MatMul(x, W); b = MatMul(x, V)\n"
    static const struct attack cases[] = {
        {"weights of what is cut away",
            "in x float N,2; out y; init W float 2,4 1 2 3 4 5 6 7 8; c = MatMul(x, W); " CUT("0", "2"),
            "in x float N,2; out y; init W float 2,4 1 2 9 9 5 6 9 9; c = MatMul(x, W); " CUT("0", "2"),
            "in x float N,2; out y; init W float 2,4 1 2 9 9 5 7 9 9; c = MatMul(x, W); " CUT("0", "2")},
        {"weights of what is cut away, backwards",
            "in x float N,2; out y; init W float 2,4 1 2 3 4 5 6 7 8; c = MatMul(x, W); " SL(
                "-1", "-3", "1", "-1") "y = Slice(c, b, e, a, t)",
            "in x float N,2; out y; init W float 2,4 9 9 3 4 9 9 7 8; c = MatMul(x, W); " SL(
                "-1", "-3", "1", "-1") "y = Slice(c, b, e, a, t)",
            "in x float N,2; out y; init W float 2,4 1 2 3 9 5 6 7 8; c = MatMul(x, W); " SL(
                "-1", "-3", "1", "-1") "y = Slice(c, b, e, a, t)"},
        {"the other part differs, and is read",
            "in x float N,2; out y; out z; init W float 2,4 1 2 3 4 5 6 7 8; c = MatMul(x, W); y, z = "
            "Split(c) axis=1",
            NULL,
            "in x float N,2; out y; out z; init W float 2,4 1 2 3 4 5 6 7 9; c = MatMul(x, W); y, z = "
            "Split(c) axis=1"},
        {"what is cut away is divided by",
            "in x float N,4; out y; out z; init s float 4 1 1 1 1; c = Mul(x, s); z = Relu(c); " CUT(
                "0", "2"),
            NULL,
            "in x float N,4; out y; out z; init s float 4 1 1 2 2; c = Mul(x, s); z = Relu(c); " CUT(
                "0", "2")},
        {"a constant term of a sum",
            "in x float N,2; in z float N,2; out y; init c float 2 1 2; init t float () 3; a = Sum(x, z, c); "
            "y = Add(a, t)",
            "in x float N,2; in z float N,2; out y; init c float 2 4 5; y = Sum(x, z, c)",
            "in x float N,2; in z float N,2; out y; init c float 2 -2 -1; y = Sum(x, z, c)"},
        {"a constant term of a mean",
            "in x float N,2; in z float N,2; out y; init c float 2 1 2; init t float () 3; a = Mean(x, z, "
            "c); y = Add(a, t)",
            "in x float N,2; in z float N,2; out y; init c float 2 10 11; y = Mean(x, z, c)",
            "in x float N,2; in z float N,2; out y; init c float 2 4 5; y = Mean(x, z, c)"},
        {"a constant term scaled with the others",
            "in x float N,2; in z float N,2; out y; init c float 2 1 2; init s float () 3; a = Sum(x, z, c); "
            "y = Mul(a, s)",
            NULL,
            "in x float N,2; in z float N,2; out y; init c float 2 1 2; init s float () 3; d = Mul(x, s); e "
            "= Mul(z, s); y = Sum(d, e, c)"},
        {"one factor of two turned", TWO("1 2 3 4", "5 6 7 8") "y = Mul(a, b)", NULL,
            TWO("-1 -2 -3 -4", "5 6 7 8") "y = Mul(a, b)"},
        {"a scale shared between the factors", TWO("1 2 3 4", "5 6 7 8") BEHIND_MUL,
            TWO("2 2 6 4", "5 18 7 24") "y = Mul(a, b)", TWO("2 2 6 4", "5 18 7 16") "y = Mul(a, b)"},
        {"a scale and its inverse shared between the factors", TWO("1 2 3 4", "5 6 7 8") BEHIND_MUL,
            TWO("4 6 12 12", "2.5 6 3.5 8") "y = Mul(a, b)", TWO("4 6 12 12", "10 6 14 8") "y = Mul(a, b)"},
        {"a scale of the dividend worked into the divisor", TWO("1 2 3 4", "5 6 7 8") BEHIND_DIV,
            TWO("2 6 6 12", "5 6 7 8") "y = Div(a, b)", TWO("1 2 3 4", "10 18 14 24") "y = Div(a, b)"},
        {"terms scaled against each other", TWO("1 2 3 4", "5 6 7 8") "y = Add(a, b)", NULL,
            TWO("2 4 6 8", "2.5 3 3.5 4") "y = Add(a, b)"},
        {"turned through a maximum, twice",
            "in x float N,2,H; out y; init W float 2,2,1 1 2 3 4; c = Conv(x, W); y = MaxPool(c) "
            "kernel_shape=[2]",
            NULL,
            "in x float N,2,H; out y; init W float 2,2,1 -1 -2 -3 -4; c = Conv(x, W); d = MaxPool(c) "
            "kernel_shape=[2]; y = Neg(d)"},
        {"turned through a rectifier, twice",
            "in x float N,2,H; out y; init W float 2,2,1 1 2 3 4; c = Conv(x, W); y = Relu(c)", NULL,
            "in x float N,2,H; out y; init W float 2,2,1 -1 -2 -3 -4; c = Conv(x, W); d = Relu(c); y = "
            "Neg(d)"},
        {"an odd function turned twice, an even one as well",
            "in x float N,2,H; out y; init W float 2,2,1 1 2 3 4; c = Conv(x, W); y = Abs(c)", NULL,
            "in x float N,2,H; out y; init W float 2,2,1 -1 -2 -3 -4; c = Conv(x, W); d = Abs(c); y = "
            "Neg(d)"},
        {"sixteen u in one weight of a factor", TWO("1 2 3 4", "5 6 7 8") BEHIND_MUL,
            TWO("2 6 6 12", "5 6 7 8") "y = Mul(a, b)", TWO("2 6 6 12.00001", "5 6 7 8") "y = Mul(a, b)"},
        {"a factor with a bias of its own",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init V float 2,2 5 6 7 8; init b float 2 1 1; "
            "a = Gemm(x, W, b); b2 = MatMul(x, V)\n"
            "init s float 2 2 3; c = Mul(a, b2); y = Mul(c, s)",
            "in x float N,2; out y; init W float 2,2 2 6 6 12; init V float 2,2 5 6 7 8; init b float 2 2 3; "
            "a = Gemm(x, W, b); b2 = MatMul(x, V)\n"
            "y = Mul(a, b2)",
            "in x float N,2; out y; init W float 2,2 2 6 6 12; init V float 2,2 5 6 7 8; init b float 2 1 1; "
            "a = Gemm(x, W, b); b2 = MatMul(x, V)\n"
            "y = Mul(a, b2)"},
        {"one channel of weights is zero", TWO("1 0 3 0", "5 6 7 8") "y = Mul(a, b)", NULL,
            TWO("1 1 3 0", "5 6 7 8") "y = Mul(a, b)"},
    };
    ATTACK(cases);
}

/* The same function in exact arithmetic, until what is added on the way leaves no room for a product. 2^-60 divides
 * into what is added, which then is 2^59; 2^69 is beyond the root of the largest float. */
static void test_room(void **state)
{
    (void)state;
#define REF(t)                                                                                            \
    "in x float N,2; out y; init s float 2 8.673617379884035e-19 2; init t float 2 " t                 \
    "; init W float 2,2 1 2 3 4; m = Mul(x, s); a = Add(m, t); p = Mul(a, x); y = MatMul(p, W)"
#define NEW(s, t, W)                                                                                            \
    "in x float N,2; out y; init s float 2 " s "; init t float 2 " t "; init W float 2,2 " W                    \
    "; m = Mul(x, s); a = Add(m, t); p = Mul(a, x); y = MatMul(p, W)"
    static const struct attack cases[] = {
        {"a sum near the end of the range", REF("0.5 1"),
            NEW("1 1", "5.764607523034235e+17 0.5", "8.673617379884035e-19 1.734723475976807e-18 6 8"),
            NEW("1024 1", "5.902958103587057e+20 0.5", "8.470329472543003e-22 1.6940658945086007e-21 6 8")},
        {"the reference has one of that order", REF("1024 1"),
            NEW("1 1", "1.1805916207174113e+21 0.5", "8.673617379884035e-19 1.734723475976807e-18 6 8"),
            NEW("1048576 1", "1.2379400392853803e+27 0.5", "8.271806125530277e-25 1.6543612251060553e-24 6 8")},
    };
    ATTACK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
