/* Pads that add nothing, in front of convolutions and pools: what they would fill with is nowhere, so that it must
 * neither count nor hide what another padding fills with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/proofcase.h"

#define IN                                                                                                             \
    "in x float N,2,4,4; out y; init o int64 8 0 0 0 0 0 0 0 0; init n int64 8 0 0 1 1 0 0 1 1; init m int64 8 0 0 -1 0 " \
    "0 0 0 0\n"                                                                                                        \
    "init f0 float () 0; init f5 float () 5; init f7 float () 7; init W float 1,2,3,3 rand\n"
#define CONV "y = Conv(d, W)"
#define PADDED "y = Conv(d, W) pads=[1,1,1,1]"

static void test_convolutions(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"a number that is nowhere, and zeros of the convolution", IN "d = Pad(x, o, f5); " PADDED,
            IN "d = Identity(x); " PADDED, PROVED, NULL, 0},
        {"the same the other way round", IN "d = Identity(x); " PADDED, IN "d = Pad(x, o, f5); " PADDED, PROVED, NULL,
            0},
        {"two numbers that are nowhere", IN "d = Pad(x, o, f5); " PADDED, IN "d = Pad(x, o, f7); " PADDED, PROVED,
            NULL, 0},
        {"a number that is nowhere, and no padding at all", IN "d = Pad(x, o, f5); " CONV, IN "y = Conv(x, W)", PROVED,
            NULL, 0},
        {"a number that is nowhere is no zero of the convolution", IN "d = Pad(x, n, f5); " CONV,
            IN "d = Pad(x, o, f5); " PADDED, REFUTED, "padded with is 0", 0},
        {"zeros of the convolution are no number", IN "d = Pad(x, o, f5); " PADDED, IN "d = Pad(x, n, f5); " CONV,
            REFUTED, "padded with is 5", 0},
        {"one that adds nothing outside", IN "d = Pad(x, n, f7); " CONV, IN "p = Pad(x, o, f5); d = Pad(p, n, f7); " CONV,
            PROVED, NULL, 0},
        {"one that adds nothing inside", IN "d = Pad(x, n, f7); " CONV, IN "p = Pad(x, n, f7); d = Pad(p, o, f5); " CONV,
            PROVED, NULL, 0},
        {"one that adds nothing outside says nothing", IN "d = Pad(x, n, f5); " CONV,
            IN "p = Pad(x, o, f5); d = Pad(p, n, f7); " CONV, REFUTED, "padded with is 7", 0},
        {"one that adds nothing inside says nothing", IN "d = Pad(x, n, f5); " CONV,
            IN "p = Pad(x, n, f7); d = Pad(p, o, f5); " CONV, REFUTED, "padded with is 7", 0},
        {"one that adds nothing between two numbers", IN "p = Pad(x, n, f5); d = Pad(p, n, f5); " CONV,
            IN "p = Pad(x, n, f5); q = Pad(p, o, f5); d = Pad(q, n, f7); " CONV, REFUTED, NULL, 0},
        {"one that adds nothing between a number and the convolution's zeros",
            IN "p = Pad(x, n, f5); d = Pad(p, n, f5); " CONV, IN "p = Pad(x, n, f5); d = Pad(p, o, f5); " PADDED, REFUTED,
            NULL, 0},
        {"zeros, one that adds nothing, and the convolution's zeros", IN "d = Identity(x); y = Conv(d, W) pads=[2,2,2,2]",
            IN "p = Pad(x, n, f0); d = Pad(p, o, f5); " PADDED, PROVED, NULL, 0},
        {"several that add nothing", IN "p = Pad(x, o, f5); q = Pad(p, o, f7); d = Pad(q, o, f0); " PADDED,
            IN "y = Conv(x, W) pads=[1,1,1,1]", PROVED, NULL, 0},
        {"a bias, where zeros of the convolution are shifted",
            IN "init t float () 5; p = Add(x, t); d = Pad(p, o, t); " PADDED,
            IN "init V float 1,2,3,3 ones; init t float () 5; init b float 1 90; d = Pad(x, o, t); y = Conv(d, V, b) "
               "pads=[1,1,1,1]",
            REFUTED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

static void test_cuts(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"one that only cuts, with another number", IN "d = Pad(x, m, f5); " PADDED, IN "d = Pad(x, m, f7); " PADDED,
            PROVED, NULL, 0},
        {"one that only cuts, and zeros of the convolution", IN "d = Pad(x, m, f5); " PADDED,
            IN "p = Pad(x, m, f5); d = Pad(p, n, f5); " CONV, REFUTED, "padded with is 5", 0},
        {"one that only cuts, and zeros of a Pad", IN "d = Pad(x, m, f5); " PADDED,
            IN "p = Pad(x, m, f7); d = Pad(p, n, f0); " CONV, PROVED, NULL, 0},
        {"one that cuts what the other added", IN "p = Pad(x, n, f5); d = Pad(p, m, f7); " CONV,
            IN "p = Pad(x, n, f7); d = Pad(p, m, f5); " CONV, REFUTED, NULL, 0},
    };
    RUN(pairs);
}

/* 9 ones of 2 channels: a shift by 5 is a bias of 90 where nothing else is in the window. */
static void test_shifts(void **state)
{
    (void)state;
#define ONES "init V float 1,2,3,3 ones; init b float 1 90; init g float () -5\n"
    static const struct proofcase pairs[] = {
        {"a shift becomes a bias behind a Pad that adds nothing", IN ONES "p = Add(x, f5); d = Pad(p, o, f7); y = Conv(d, V)",
            IN ONES "d = Pad(x, o, f0); y = Conv(d, V, b)", PROVED, NULL, 0},
        {"but not in front of the convolution's zeros",
            IN ONES "p = Add(x, f5); d = Pad(p, o, f5); y = Conv(d, V) pads=[1,1,1,1]",
            IN ONES "d = Pad(x, o, f0); y = Conv(d, V, b) pads=[1,1,1,1]", REFUTED, NULL, 0},
        {"nor where the candidate has no Pad",
            IN ONES "p = Add(x, f5); d = Pad(p, o, f5); y = Conv(d, V) pads=[1,1,1,1]",
            IN ONES "y = Conv(x, V, b) pads=[1,1,1,1]", REFUTED, NULL, 0},
        {"with the value that cancels it", IN ONES "p = Add(x, f5); d = Pad(p, o, f5); y = Conv(d, V) pads=[1,1,1,1]",
            IN ONES "p = Pad(x, o, f7); d = Pad(p, n, g); y = Conv(d, V, b)", PROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

static void test_pools(void **state)
{
    (void)state;
#define AVERAGE "y = AveragePool(d) kernel_shape=[3,3]"
#define MAXIMUM "y = MaxPool(d) kernel_shape=[3,3]"
    static const struct proofcase pairs[] = {
        {"AveragePool, two numbers that are nowhere", IN "d = Pad(x, o, f5); " AVERAGE, IN "d = Pad(x, o, f7); " AVERAGE,
            PROVED, NULL, 0},
        {"AveragePool, two numbers", IN "d = Pad(x, n, f5); " AVERAGE, IN "d = Pad(x, n, f7); " AVERAGE, REFUTED, NULL,
            0},
        {"AveragePool, the number is that of a Pad that adds nothing",
            IN "p = Pad(x, o, f7); d = Pad(p, n, f5); " AVERAGE, IN "p = Pad(x, o, f5); d = Pad(p, n, f7); " AVERAGE,
            REFUTED, NULL, 0},
        {"MaxPool, two numbers that are nowhere", IN "d = Pad(x, o, f5); " MAXIMUM, IN "d = Pad(x, o, f7); " MAXIMUM,
            PROVED, NULL, 0},
        {"MaxPool, the number is that of a Pad that adds nothing",
            IN "p = Pad(x, o, f7); d = Pad(p, n, f5); " MAXIMUM, IN "p = Pad(x, o, f5); d = Pad(p, n, f7); " MAXIMUM,
            REFUTED, NULL, 0},
        {"MaxPool, a number for the lowest of all", IN "d = Pad(x, n, f5); " MAXIMUM,
            IN "d = Pad(x, o, f5); y = MaxPool(d) kernel_shape=[3,3] pads=[1,1,1,1]", UNPROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
