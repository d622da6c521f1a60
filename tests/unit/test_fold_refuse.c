/* Every reason, by a model that gives it; what is refused is lowered, or kept. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const skip_y[] = {"y", NULL};

static const struct foldcase cases[] = {
    {"training mode by attribute", "opset 15; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, rm, rv = BatchNormalization(c, s, b, m, v) training_mode=1\n", "y kept training-mode", {0}, true},
    {"training mode by attribute, one output", "opset 15; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y = BatchNormalization(c, s, b, m, v) training_mode=1\n", "y kept training-mode", {0}, true},
    {"training mode by further outputs, even unused", "opset 9; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, o1, o2, o3, o4 = BatchNormalization(c, s, b, m, v)\n", "y kept training-mode", {0}, true},
    {"further outputs with empty names are none", "opset 9; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, _, _, _, _ = BatchNormalization(c, s, b, m, v)\n", "y folded back c"},
    {"five outputs, assumed to be inference", "opset 9; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y, o1, o2, o3, o4 = BatchNormalization(c, s, b, m, v)\n", "y folded back c",
        {.assume_inference = true}, true},
    {"is_test 0 in operator set 6", "opset 6; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM, "y kept training-mode", {0}, true},
    {"stats-dynamic", "in x float 2,3,5,6; in s float 4; out y; init W float 4,3,1,1 rand; init b float 4 rand\n"
        "init m float 4 rand; init v float 4 pos; c = Conv(x, W)\n" NORM, "y kept stats-dynamic", {0}, true},
    {"stats-shape, no channels", "in x float 2,0,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM,
        "y kept stats-shape", {0}, true},
    {"stats-shape", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init s float 4 rand; init b float 4 rand\n"
        "init m float 3 rand; init v float 4 pos; c = Conv(x, W)\n" NORM, "y kept stats-shape", {0}, true},
    {"stats-range: var + epsilon = 0", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init s float 2 1 1\n"
        "init b float 2 1 1; init m float 2 0 0; init v float 2 1 0; c = Conv(x, W)\n"
        "y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n", "y kept stats-range", {0}, true},
    {"stats-range: negative variance", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init s float 2 1 1\n"
        "init b float 2 1 1; init m float 2 0 0; init v float 2 1 -1; c = Conv(x, W)\n" NORM, "y kept stats-range", {0}, true},
    {"stats-range: not a number", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init s float 2 1 nan\n"
        "init b float 2 1 1; init m float 2 0 0; init v float 2 1 1; c = Conv(x, W)\n" NORM, "y kept stats-range", {0}, true},
    {"non-spatial", "opset 7; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); y = BatchNormalization(c, s, b, m, v) spatial=0\n", "y kept non-spatial", {0}, true},
    {"non-spatial on (N, C) is spatial", "opset 7; in x float 2,3; out y; init W float 3,4 rand\n" BN(4)
        "c = MatMul(x, W); y = BatchNormalization(c, s, b, m, v) spatial=0\n", "y folded back c"},
    {"rank-unknown", "in c float ?; out y\n" BN(4) NORM, "y kept rank-unknown", {0}, true},
    {"rank-unsupported", "in c float 4; out y\n" BN(4) NORM, "y kept rank-unsupported", {0}, true},
    {"overridable", "ir 4; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4) "input W\n"
        "c = Conv(x, W)\n" NORM, "y lowered overridable", {.keep_overridable = true}, true},
    {"overridable ones are frozen", "ir 4; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "input W; input s; input b; input m; input v; c = Conv(x, W)\n" NORM, "y folded back c"},
    {"producer-shared", "in x float 2,3,5,6; out y; out z; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W); z = Relu(c)\n" NORM, "y lowered producer-shared"},
    {"producer-is-output", "in x float 2,3,5,6; out y; out c; init W float 4,3,1,1 rand\n" BN(4) "c = Conv(x, W)\n" NORM,
        "y lowered producer-is-output"},
    {"producer-captured", "in x float 2,3,5,6; in p bool; out y; out z; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM "z = If(p) then_branch={\n out t; t = Relu(c)\n} else_branch={\n out e; e = Neg(x)\n}\n",
        "y lowered producer-captured", {0}, true},
    {"producer-not-linear", "in x float 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear"},
    {"producer-is-input", "in c float 2,4,5,6; out z\n" BN(4) NORM "z = Relu(y)\n", "y lowered producer-is-input"},
    {"no-rule", "in x float 2,4,5,6; out z; init a int64 () 2\n" BN(4) "c = CumSum(x, a)\n" NORM "z = Relu(y)\n",
        "y lowered no-rule", {0}, true},
    {"an operator of another domain", "opset com.acme 1; in x float 2,4,5,6; out z; info c float 2,4,5,6\n" BN(4)
        "c = com.acme.Conv(x)\n" NORM "z = Relu(y)\n", "y lowered no-rule", {0}, true},
    {"affine-is-output", "in x float 2,3,5,6; out z; out y; init W float 4,3,1,1 rand; init k float 3,1,1 rand\n"
        "u = Relu(x); i = Identity(u); q = Identity(i); init s float 3 rand; init v float 3 pos\n"
        "y = BatchNormalization(q, s, s, s, v); z = Conv(y, W)\n", "y lowered producer-not-linear"},
    {"affine-captured", "in c float 2,4,5,6; in p bool; out z\n" BN(4) NORM
        "z = If(p) then_branch={\n out t; t = Relu(y)\n} else_branch={\n out e; e = Neg(y)\n}\n",
        "y lowered producer-is-input", {0}, true},
    {"consumer-not-linear, one step further than the producer", "in c float 2,4,5,6; out z\n" BN(4) NORM
        "i = Identity(y); z = Relu(i)\n", "y lowered consumer-not-linear"},
    {"consumer-shared, one step further", "in c float 2,4,5,6; out z; out q; init W float 3,4,1,1 rand\n" BN(4) NORM
        "i = Identity(y); z = Relu(i); q = Conv(i, W)\n", "y lowered consumer-shared"},
    {"affine-is-output, one step further", "in c float 2,4,5,6; out i\n" BN(4) NORM "i = Identity(y)\n",
        "y lowered affine-is-output"},
    {"weight-dynamic", "in x float 2,3,5,6; in W float 4,3,1,1; out y\n" BN(4) "u = Conv(x, W); c = Identity(u)\n" NORM,
        "y lowered weight-dynamic", {0}, true},
    {"bias-dynamic", "in x float 2,3,5,6; in B float 4; out y; init W float 4,3,1,1 rand\n" BN(4)
        "u = Conv(x, W, B); c = Identity(u)\n" NORM, "y lowered bias-dynamic", {0}, true},
    {"axis-mismatch: MatMul of rank 3", "in x float 2,4,3; out y; init W float 3,4 rand\n" BN(4)
        "u = MatMul(x, W); c = Identity(u)\n" NORM, "y lowered axis-mismatch"},
    {"padding", "in c float 2,3,5,6; out z; init W float 4,3,3,3 rand\n" BN(3) NORM
        "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered padding"},
    {"padding by auto_pad", "in c float 2,3,5,6; out z; init W float 4,3,3,3 rand\n" BN(3) NORM
        "i = Identity(y); z = Conv(i, W) auto_pad='SAME_LOWER'\n", "y lowered padding"},
    {"a larger transposed kernel overlaps", "in c float 2,3,5,6; out z; init W float 3,4,3,3 rand\n" BN(3) NORM
        "i = Identity(y); z = ConvTranspose(i, W)\n", "y lowered padding"},
    {"overflow in float16", "in x float16 2,1,3,3; out z; init W float16 2,1,1,1 60000 1; init s float16 2 4 4\n"
        "init b float16 2 1 1; init m float16 2 0 0; init v float16 2 1 1; u = Conv(x, W); c = Identity(u)\n" NORM
        "z = Relu(y)\n", "y lowered overflow"},
    {"underflow in float16", "in x float16 2,1,3,3; out z; init W float16 2,1,1,1 0.0001 1; init s float16 2 0.0001 1\n"
        "init b float16 2 0 1; init m float16 2 0 0; init v float16 2 1 1; u = Conv(x, W); c = Identity(u)\n" NORM
        "z = Relu(y)\n", "y lowered underflow"},
    {"dtype: an integer layer", "in x int32 2,3; out y; init W int32 3,4 1 2 3 4 5 6 7 8 9 10 11 12\n" BN(4)
        "u = MatMul(x, W); c = Cast(u) to=1\n" NORM, "y lowered producer-not-linear", {0}, true},
    {"dtype: what is stated of a type is not what counts", "in x float 2,3,5,6; out y; info c float16 2,4,5,6\n"
        "info y float16 2,4,5,6; init W float 4,3,1,1 rand\n" BN(4) "c = Conv(x, W)\n" NORM, "y folded back c"},
    {"not selected", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4) "c = Conv(x, W)\n" NORM,
        "y kept not-selected", {.skip = skip_y}, true},
    {"leftover=keep", "in x float 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM, "y kept producer-not-linear",
        {.leftover = BNF_LEFTOVER_KEEP}, false},
    {"leftover=keep, two merged", "in x float 2,4,5,6; out z\n" BN(4) "c = Relu(x)\n" NORM
        "z = BatchNormalization(y, b, s, m, v)\n", "y folded forward z; z kept producer-not-linear",
        {.leftover = BNF_LEFTOVER_KEEP}, false},
    {"leftover=mul-add", "in x float 2,4,5,6; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear",
        {.leftover = BNF_LEFTOVER_MUL_ADD}, false},
    {"lowered on (N, C)", "in x float 2,4; out y\n" BN(4) "c = Relu(x)\n" NORM, "y lowered producer-not-linear"},
    {"lowered in operator set 6", "opset 6; in x float 2,4; out y\n" BN(4)
        "c = Relu(x); y = BatchNormalization(c, s, b, m, v) is_test=1\n", "y lowered producer-not-linear"},
    {"lowered in double", "in x double 2,4,3,3; out y; init s double 4 rand; init b double 4 rand; init m double 4 rand\n"
        "init v double 4 pos; c = Relu(x)\n" NORM, "y lowered producer-not-linear"},
    {"a scalar alone is no site", "in x float 2,4; out y; init k float () 8; c = Relu(x); y = Div(c, k)\n", ""},
    {"a decomposed affine without a layer is left alone", "in x float 2,4,5,5; out y; init k float 4,1,1 rand\n"
        "c = Relu(x); y = Mul(c, k)\n", ""},
    {"an addition on a MatMul is left alone", "in x float 2,3; out y; init W float 3,4 rand; init d float 4 rand\n"
        "c = MatMul(x, W); y = Add(c, d)\n", ""},
};

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(cases, COUNT(cases)), 0);
}

/* A reason that no case and no known other test gives is an untested one. */
static void test_every_reason_is_produced(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {
        "stats-untrained", /* a warning: test_fold_wrong.c */
        "in-function",     /* needs a function: golden tests */
        "healed",          /* needs a check that fails: golden tests */
        "external-data",   /* needs side files: golden tests */
        "sparse",          /* needs sparse tensors: golden tests */
        "shape-unknown", "broadcast", "zero-scale", "dtype", "affine-captured",
        "window", "negative-scale", /* test_fold_pool.c */
        "resize",                   /* test_fold_pad.c */
        "quant-range", "quantized-between", /* test_fold_quantized.c */
    };
    for (enum bnf_reason r = BNF_REASON_NONE + 1; r < BNF_REASON_COUNT; r++) {
        bool found = false;
        for (size_t i = 0; i < COUNT(cases); i++)
            found = found || strstr(cases[i].expect, bnf_reason_name(r));
        for (size_t i = 0; i < COUNT(elsewhere); i++)
            found = found || strcmp(elsewhere[i], bnf_reason_name(r)) == 0;
        if (!found)
            fail_msg("no test gives the reason '%s'", bnf_reason_name(r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_every_reason_is_produced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
