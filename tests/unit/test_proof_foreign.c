/* Candidates that another tool made, or nobody could run: what the proof takes from them, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/proofcase.h"

#define IN "in x float N,2,4,4; out y\n"
#define SCALE "init s float 2,1,1 2 4\n"

/* What no implementation would run equals nothing. */
static void test_malformed(void **state)
{
    (void)state;
#define PLAIN IN "init s float 2,1,1 2 4; init W float 2,2,1,1 1 2 3 4; c = Conv(x, W); y = Mul(c, s)"
    static const struct proofcase pairs[] = {
        {"kernel_shape contradicts the weights", PLAIN,
            IN "init W float 2,2,1,1 2 4 12 16; y = Conv(x, W) kernel_shape=[3,3]", REFUTED, "kernel_shape", 0},
        {"kernel_shape of another rank", PLAIN, IN "init W float 2,2,1,1 2 4 12 16; y = Conv(x, W) kernel_shape=[1]",
            REFUTED, "kernel_shape", 0},
        {"a depthwise weight of another rank", IN SCALE "r = Relu(x); y = Mul(r, s)",
            IN "init W float 2,1,1 2 4; r = Relu(x); y = Conv(r, W) group=2", REFUTED, "rank of the weights", 0},
        {"channels that the input has not", PLAIN, IN "init W float 2,3,1,1 2 4 0 12 16 0; y = Conv(x, W)", REFUTED, NULL, 0},
        {"a depthwise weight for more channels", IN SCALE "r = Relu(x); y = Mul(r, s)",
            IN "init W float 1,1,1,1 2; r = Relu(x); y = Conv(r, W) group=1", REFUTED, NULL, 0},
        {"rows of C that the batch may not have",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init C float 2 1 2; y = Gemm(x, W, C)",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init C float 3,2 1 2 1 2 1 2; y = Gemm(x, W, C)", REFUTED,
            "3 rows", 0},
        {"rows of C that the batch has not",
            "in x float 2,2; in z float N; out y; init W float 2,2 1 2 3 4; init C float 2 1 2; y = Gemm(x, W, C)",
            "in x float 2,2; in z float N; out y; init W float 2,2 1 2 3 4; init C float 3,2 1 2 1 2 1 2; y = Gemm(x, W, "
            "C)",
            REFUTED, "rows of C", 0},
    };
    RUN_OPEN(pairs);
}

static void test_foreign(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"axes from the end", IN "y = Softmax(x) axis=3", IN "y = Softmax(x) axis=-1", PROVED, NULL, .foreign = true},
        {"axes from the end, another one", IN "y = Softmax(x) axis=3", IN "y = Softmax(x) axis=-2", REFUTED, "axis", .foreign = true},
        {"axes from the end, in a list", IN "y = ReduceL2(x) axes=[2,3]", IN "y = ReduceL2(x) axes=[-2,-1]", PROVED, NULL, .foreign = true},
        {"axes from the end of nobody knows what", "in x float ?; out y; y = Softmax(x) axis=3",
            "in x float ?; out y; y = Softmax(x) axis=-1", UNPROVED, "axis", .foreign = true},
        {"float16, 6 u", "in x float16 N,2,4; out y; init W float16 1,2,1 1 1; init s float16 1,1 1; c = Conv(x, W); y = "
                         "Mul(c, s)",
            "in x float16 N,2,4; out y; init W float16 1,2,1 1 1.0029296875; y = Conv(x, W)", BNF_PROOF_WARN, "6 u", .foreign = true},
        {"float16, 20 u", "in x float16 N,2,4; out y; init W float16 1,2,1 1 1; init s float16 1,1 1; c = Conv(x, W); y = "
                          "Mul(c, s)",
            "in x float16 N,2,4; out y; init W float16 1,2,1 1 1.009765625; y = Conv(x, W)", REFUTED, "20 u", .foreign = true},
        {"float, 20 u", "in x float N,2,4; out y; init W float 1,2,1 1 1; init s float 1,1 1; c = Conv(x, W); y = "
                        "Mul(c, s)",
            "in x float N,2,4; out y; init W float 1,2,1 1 1.0000011920928955078125; y = Conv(x, W)", BNF_PROOF_WARN,
            "20 u", .foreign = true},
        {"bfloat16, 6 u", "in x bfloat16 N,2,4; out y; init W bfloat16 1,2,1 1 1; init s bfloat16 1,1 1; c = Conv(x, W); "
                          "y = Mul(c, s)",
            "in x bfloat16 N,2,4; out y; init W bfloat16 1,2,1 1 1.0234375; y = Conv(x, W)", REFUTED, "6 u", .foreign = true},
    };
    RUN_OPEN(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
