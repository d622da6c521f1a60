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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_into_weights),
        cmocka_unit_test(test_zero_scales),
        cmocka_unit_test(test_behind_a_maximum),
        cmocka_unit_test(test_stays_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
