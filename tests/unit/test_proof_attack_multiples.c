/* Attacks on the proof: positive scales that one model has in front of a rectifier or a maximum and the other behind
 * it, next to scales and shifts that may not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/attack.h"

/* A scale of the last axis between one of axis 1 and weights that take it. */
#define ROWS(d, behind, W)                                                                                      \
    "in x float 1,2,2,3; out y; init a float 2,1,1 -1 2; init c float 3 1 2 3; init d float 3 " d               \
    "; init W float 3,2 " W "; m = Mul(x, a); k = Add(m, c); l = Mul(k, d)\n"                                  \
    "r = Relu(" behind "); y = MatMul(r, W)"

static void test_into_weights(void **state)
{
    (void)state;
    static const struct attack cases[] = {
        {"a row of the weights takes another scale", ROWS("2 4 8", "l", "1 2 3 4 5 6"),
            ROWS("1 1 1", "k", "2 4 12 16 40 48"), ROWS("1 1 1", "k", "2 4 12 16 40 24")},
        {"a negative scale taken over a rectifier", ROWS("2 4 8", "l", "1 2 3 4 5 6"),
            ROWS("1 1 1", "k", "2 4 12 16 40 48"), ROWS("-1 1 1", "l", "-2 -4 12 16 40 48")},
        {"a scale that the shift does not have", ROWS("2 4 8", "l", "1 2 3 4 5 6"),
            ROWS("1 1 1", "k", "2 4 12 16 40 48"),
            "in x float 1,2,2,3; out y; init a float 2,1,1 -1 2; init c float 3 1 2 4; init W float 3,2 2 4 12 16 40 48; "
            "m = Mul(x, a); k = Add(m, c); r = Relu(k); y = MatMul(r, W)"},
    };
    ATTACK(cases);
}

static void test_zero_scales(void **state)
{
    (void)state;
#define DEAD(t, W, b)                                                                                           \
    "in x float N,2; out y; init t float 2 " t "; init W float 2,2 " W "; init b float 2 " b                    \
    "; a = Add(x, t); r = Relu(a); m = MatMul(r, W); y = Add(m, b)"
    static const struct attack cases[] = {
        {"what a channel without scale is multiplied by",
            "in x float N,2; out y; init u float () 2; init t float 2 2 -6; init g float 2 4 0; init h float 2 1 3; init W "
            "float 2,2 1 2 3 4; v = Mul(x, u); a = Add(v, t); r = Relu(a); s = Mul(r, g); z = Add(s, h); y = "
            "MatMul(z, W)",
            DEAD("1 -3", "8 16 0 0", "10 14"), DEAD("1 -3", "8 16 0 1", "10 14")},
        {"what a channel without scale adds",
            "in x float N,2; out y; init u float () 2; init t float 2 2 -6; init g float 2 4 0; init h float 2 1 3; init W "
            "float 2,2 1 2 3 4; v = Mul(x, u); a = Add(v, t); r = Relu(a); s = Mul(r, g); z = Add(s, h); y = "
            "MatMul(z, W)",
            DEAD("1 -3", "8 16 0 0", "10 14"), DEAD("1 -3", "8 16 0 0", "10 2")},
    };
    ATTACK(cases);
}

static void test_behind_a_maximum(void **state)
{
    (void)state;
#define POOL(e, first, n, last)                                                                                 \
    "in x float 1,2,4; out y; init e float 2,4 " e "; init c float 2,1 " first "; init n float 2,1 " n           \
    "; init f float 2,1 " last "; a = Add(x, e); b = Add(a, c); p = MaxPool(b) kernel_shape=[2]; m = Mul(p, n);" \
    "y = Add(m, f)"
    static const struct attack cases[] = {
        {"a shift behind a maximum and a negative scale", POOL("1 2 3 4 5 6 7 8", "0.3 0.7", "-2 4", "0 0"),
            POOL("1 2 3 4 5 6 7 8", "0 0", "-2 4", "-0.6 2.8"), POOL("1 2 3 4 5 6 7 8", "0 0", "-2 4", "0.6 2.8")},
        {"a shift of some elements only", POOL("1 2 3 4 5 6 7 8", "0.3 0.7", "-2 4", "0 0"),
            POOL("1 2 3 4 5 6 7 8", "0 0", "-2 4", "-0.6 2.8"), POOL("1 2 3 4 5 6 7 9", "0 0", "-2 4", "-0.6 2.8")},
    };
    ATTACK(cases);
}

static void test_stays_behind(void **state)
{
    (void)state;
#define EACH(W, s, e)                                                                                           \
    "in x float 3,2; out y; init W float 2,2 " W "; init s float 2 " s "; init e float 3,2 " e                   \
    "; m = MatMul(x, W); r = Relu(m); k = Mul(r, s); y = Mul(k, e)"
    static const struct attack cases[] = {
        {"numbers of every element behind a rectifier", EACH("1 2 3 5", "2 -4", "1 2 3 5 7 9"),
            EACH("2 6 6 15", "1 1", "1 -2.6666667 3 -6.6666667 7 -12"),
            EACH("2 6 6 15", "1 1", "1 -2.6666667 3 -6.6666667 7 12")},
        {"a negative multiple of weights in front of a rectifier", EACH("1 2 3 5", "2 -4", "1 2 3 5 7 9"),
            EACH("2 4 6 10", "1 1", "1 -4 3 -10 7 -18"), EACH("2 -4 6 -10", "1 1", "1 4 3 10 7 18")},
    };
    ATTACK(cases);
}

/* A scale of which the positive half moved over a rectifier to the left and the signed half over padding to the right,
 * with a shift between them that can do neither. */
#define SHIFTED(r, a, d, m, b, K)                                                                                \
    "; init a float 2,1,1 " a "; init d float 2,1,1 " d "; init m float 2,1,1 " m "; init b float 2,1,1 " b     \
    "; init K float 2,1,1,2 " K "; r = Relu(" r "); s = Sub(r, a); t = Div(s, d); u = Mul(t, m); v = Add(u, b); " \
    "y = Conv(v, K) group=2 pads=[0,0,0,1]"
#define BEFORE(r) SHIFTED(r, "6 -4", "2 4", "-0.5 4", "1 3", "1 2 3 4")
#define AFTER(r) SHIFTED(r, "5 -1.75", "1 1", "1 1", "0 0", "-0.5 -1 12 16")
#define CONV(W, o) "in x float 1,2,2,3; out y; init W float 2,2,1,1 " W "; init o float 2 " o "; e = Conv(x, W, o)"

static void test_two_ways(void **state)
{
    (void)state;
#define EINSUM(W) "in x float 1,2,2,3; out y; init W float 2,2 " W "; e = Einsum(W, x) equation='kc,nchw->nkhw'"
#define TABLE(T)                                                                                                \
    "in i int64 1,1,3; out y; init T float 3,2 " T "; g = Gather(T, i); e = Transpose(g) perm=[0,3,1,2]"
    static const struct attack cases[] = {
        {"an Einsum's constant", EINSUM("2 -6 8 4") BEFORE("e"), EINSUM("1 -3 2 1") AFTER("e"),
            EINSUM("1 -3 2 4") AFTER("e")},
        {"an Einsum's constant along what is summed up", EINSUM("2 -6 8 4") BEFORE("e"), EINSUM("1 -3 2 1") AFTER("e"),
            EINSUM("1 -1.5 4 1") AFTER("e")},
        {"an Einsum's constant, with another sign", EINSUM("2 -6 8 4") BEFORE("e"), EINSUM("1 -3 2 1") AFTER("e"),
            EINSUM("-1 3 2 1") AFTER("e")},
        {"a table", TABLE("2 8 -4 12 6 -8") BEFORE("e"), TABLE("1 2 -2 3 3 -2") AFTER("e"),
            TABLE("1 2 -2 3 3 -8") AFTER("e")},
        {"a table along what is looked up", TABLE("2 8 -4 12 6 -8") BEFORE("e"), TABLE("1 2 -2 3 3 -2") AFTER("e"),
            TABLE("1 4 -1 3 3 -4") AFTER("e")},
        {"a channel of zeros that has a bias", CONV("2 -6 0 0", "4 8") BEFORE("e"), CONV("1 -3 0 0", "2 2") AFTER("e"),
            CONV("1 -3 0 0", "2 3") AFTER("e")},
        {"a channel of zeros, with another sign", CONV("2 -6 0 0", "4 8") BEFORE("e"),
            CONV("1 -3 0 0", "2 2") AFTER("e"), CONV("1 -3 0 0", "2 -2") AFTER("e")},
        {"a channel of zeros in one model", CONV("2 -6 0 0", "4 8") BEFORE("e"), CONV("1 -3 0 0", "2 2") AFTER("e"),
            CONV("1 -3 0 1", "2 2") AFTER("e")},
    };
    ATTACK(cases);
}

static void test_one_factor(void **state)
{
    (void)state;
    /* A Pad of the axis that the weights' columns lie on: factors of their own would not pass it. */
#define ALONG(W, a, d, m, b, K)                                                                                 \
    "in x float 1,2,4; out y; init W float 4,2 " W "; init a float () " a "; init d float () " d                 \
    "; init m float () " m "; init b float () " b "; init K float 1,2,2 " K "; l = MatMul(x, W)\n"               \
    "p = Pad(l) pads=[0,0,1,0,0,0]; r = Relu(p); s = Sub(r, a); t = Div(s, d); u = Mul(t, m); v = Add(u, b)\n"  \
    "y = Conv(v, K) pads=[0,1]"
#define WHOLE ALONG("1 2 4 5 7 8 10 11", "6", "3", "-0.5", "1", "2 4 6 8")
#define PARTS(last, a)                                                                                          \
    ALONG("0.33333333333 0.66666666667 1.33333333333 1.66666666667 2.33333333333 2.66666666667 3.33333333333 " last, \
        a, "1", "1", "0", "-1 -2 -3 -4")
    static const struct attack cases[] = {
        {"one element by another factor", WHOLE, PARTS("3.66666666667", "4"), PARTS("3.7", "4")},
        {"another shift", WHOLE, PARTS("3.66666666667", "4"), PARTS("3.66666666667", "4.1")},
    };
    ATTACK(cases);
}

static void test_next_to_nothing(void **state)
{
    (void)state;
    /* What weights next to nothing are a multiple by cannot be told from them. */
    static const struct attack cases[] = {
        {"of a channel whose bias tells", CONV("2 -6 7e-45 3e-45", "4 8") BEFORE("e"),
            CONV("1 -3 1.4e-45 1.4e-45", "2 2") AFTER("e"), CONV("1 -3 1.4e-45 1.4e-45", "2 3") AFTER("e")},
        {"that became something", CONV("2 -6 7e-45 3e-45", "4 8") BEFORE("e"),
            CONV("1 -3 1.4e-45 1.4e-45", "2 2") AFTER("e"), CONV("1 -3 1.4e-45 1.4e-40", "2 2") AFTER("e")},
    };
    ATTACK(cases);
}

static void test_pads_around_nothing(void **state)
{
    (void)state;
    /* A channel without scale, padded: what it is padded with shows nevertheless. */
#define AROUND(inner, fill, outer)                                                                              \
    "opset 10; in x float 1,2,3; out y; init b float 2,1 -2 1; " inner                                           \
    "p = Pad(a) pads=[0,0,1,0,0,1] value=" fill "; " outer "w = Add(v, b); y = Clip(w) min=0.0 max=6.0"
#define BEHIND                                                                                                  \
    AROUND("init s float 2,1 2 0; init t float 2,1 1 3; m = Mul(x, s); a = Add(m, t); ", "0.5",                  \
        "init c float () 1; v = Sub(p, c); ")
#define INSIDE(t, fill)                                                                                         \
    AROUND("init W float 2,1,1 2 0; init t float 2 " t "; a = Conv(x, W, t) group=2; ", fill, "v = Identity(p); ")
    static const struct attack cases[] = {
        {"with another number", BEHIND, INSIDE("0 2", "-0.5"), INSIDE("0 2", "0.5")},
        {"with another shift in it", BEHIND, INSIDE("0 2", "-0.5"), INSIDE("0 3", "-0.5")},
    };
    ATTACK(cases);
}

static void test_other_axes(void **state)
{
    (void)state;
    /* Maps of which a part lies on no axis of the weights. */
#define SUMS(T, c, s)                                                                                           \
    "opset 11; in i int64 64,2; out y; init T float 3,2 " T "; init c float 1,2,1 " c "; init s float () " s       \
    "; g = Gather(T, i); r = ReduceSum(g) axes=[-1]; v = Sub(c, r); y = Div(v, s)"
#define ACROSS(W, o, b, d, m, K)                                                                                \
    "in x float 1,2,64,2; out y; init W float 2,1 " W "; init o float 1 " o "; init b float 2,1,1 " b             \
    "; init d float () " d "; init m float 2,1,1 " m "; init K float 2,2 " K "; l = MatMul(x, W); e = Add(l, o)\n" \
    "k = Div(e, d); n = Mul(k, m); a = Add(n, b); r = LeakyRelu(a) alpha=0.125; t = Transpose(r) perm=[0,2,3,1]\n"         \
    "y = MatMul(t, K)"
    static const struct attack cases[] = {
        {"a table and a shift where it is looked up", SUMS("2.0999999 -4.30000019 6.69999981 8.89999962 2.29999995 -2.20000005", "2 6", "1.7"),
            SUMS("1.23529398 -2.52941179 3.94117618 5.23529387 1.35294116 -1.29411769", "1.17647052 3.52941155", "1"),
            SUMS("1.23529398 -2.52941179 3.94117618 5.23529387 1.35294116 -1.29411769", "1.17647052 3.4", "1")},
        {"a table by another factor", SUMS("2.0999999 -4.30000019 6.69999981 8.89999962 2.29999995 -2.20000005", "2 6", "1.7"),
            SUMS("1.23529398 -2.52941179 3.94117618 5.23529387 1.35294116 -1.29411769", "1.17647052 3.52941155", "1"),
            SUMS("1.23529398 -2.52941179 3.94117618 5.23529387 1.35294116 -1.3", "1.17647052 3.52941155", "1")},
        {"a negative factor of weights beside scales of rows", ACROSS("2.0999999 6.69999981", "0.5", "4 -3", "-1.7", "0.300000012 4.0999999", "1 2 3 4"),
            ACROSS("-1.23529398 -3.94117618", "0", "13.0392151 -1.02582502", "1", "1 1", "0.300000012 0.600000024 12.2999992 16.3999996"),
            ACROSS("-1.23529398 -3.94117618", "0", "13.0392151 -1.02582502", "1", "1 1", "0.300000012 0.600000024 12.2999992 17")},
        {"a factor of weights that is no factor", ACROSS("2.0999999 6.69999981", "0.5", "4 -3", "-1.7", "0.300000012 4.0999999", "1 2 3 4"),
            ACROSS("-1.23529398 -3.94117618", "0", "13.0392151 -1.02582502", "1", "1 1", "0.300000012 0.600000024 12.2999992 16.3999996"),
            ACROSS("-1.23529398 -4.1", "0", "13.0392151 -1.02582502", "1", "1 1", "0.300000012 0.600000024 12.2999992 16.3999996")},
    };
    ATTACK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_into_weights),
        cmocka_unit_test(test_zero_scales),
        cmocka_unit_test(test_behind_a_maximum),
        cmocka_unit_test(test_stays_behind),
        cmocka_unit_test(test_two_ways),
        cmocka_unit_test(test_one_factor),
        cmocka_unit_test(test_next_to_nothing),
        cmocka_unit_test(test_pads_around_nothing),
        cmocka_unit_test(test_other_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
