/* What moves in part: branches that refuse keep a lowered affine, a scale goes where its shift cannot; and what is too
 * dear for that. Every case is judged like a whole fold, and by the operators of the result. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATS(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define BN(n) STATS(n, "rand")
#define MUL_ADD {.leftover = BNF_LEFTOVER_MUL_ADD}
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"

struct partial_case {
    struct foldcase fold;
    const char *operators; /* of the result, in its order */
};

static const struct partial_case cases[] = {
    {{"one branch of a Concat", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand\n" BN(9)
        "p = Conv(x, W); r = Relu(x); c = Concat(p, r) axis=1\n" NORM "z = Relu(y)\n", "y lowered producer-not-linear"},
        "Conv Relu Conv Concat Relu"},
    {{"two branches of three", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand\n" BN(12)
        "p = Conv(x, W); r = Relu(x); e = Sigmoid(x); c = Concat(p, r, e) axis=1\n" NORM "z = Relu(y)\n",
        "y lowered producer-not-linear"}, "Conv Relu Sigmoid Conv Conv Concat Relu"},
    {{"a branch that is read elsewhere", "in x float 2,3,5,6; out z; out o; init W float 6,3,1,1 rand; init V float 2,3,1,1 rand\n"
        BN(8) "p = Conv(x, W); q = Conv(x, V); o = Relu(q); c = Concat(p, q) axis=1\n" NORM "z = Relu(y)\n",
        "y lowered producer-shared"}, "Conv Conv Relu Conv Concat Relu"},
    {{"a branch that is an input", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand\n" BN(9)
        "p = Conv(x, W); c = Concat(x, p) axis=1\n" NORM "z = Relu(y)\n", "y lowered producer-is-input"},
        "Conv Conv Concat Relu"},
    {{"a branch within a branch", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand; init V float 2,3,1,1 rand\n" BN(11)
        "p = Conv(x, W); q = Conv(x, V); r = Relu(x); d = Concat(q, r) axis=1; c = Concat(d, p) axis=1\n" NORM
        "z = Relu(y)\n", "y lowered producer-not-linear"}, "Conv Conv Relu Conv Concat Concat Relu"},
    {{"a branch whose part is (1, 0) costs nothing", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand; init s float 9 1 1 1 2 3 4 5 6 7\n"
        "init b float 9 0 0 0 1 2 3 4 5 6; init m float 9 zeros; init v float 9 ones\n"
        "p = Conv(x, W); r = Relu(x); c = Concat(r, p) axis=1; y = BatchNormalization(c, s, b, m, v) epsilon=0.0; z = Relu(y)\n",
        "y folded back p"}, "Conv Relu Concat Relu"},
    {{"all branches refuse: as a whole", "in x float 2,3,5,6; out z; " BN(6)
        "r = Relu(x); e = Sigmoid(x); c = Concat(r, e) axis=1\n" NORM "z = Relu(y)\n", "y lowered producer-not-linear"},
        "Relu Sigmoid Concat Conv Relu"},
    {{"features of a dense block, read by every later one", "in x float 2,3,5,6; out z; out w; init W float 2,3,1,1 rand\n"
        "init V float 2,5,1,1 rand\n" BN(7) "p = Conv(x, W); d = Concat(x, p) axis=1; q = Conv(d, V); c = Concat(x, p, q) axis=1\n"
        NORM "z = Relu(y); w = Relu(q)\n", "y lowered producer-shared"}, "Conv Concat Conv Concat Conv Relu Relu"},
    {{"a positive scale forward through Relu into a padded layer", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n"
        STATS(4, "pos") "c = Sigmoid(x)\n" NORM "r = Relu(y); e = Conv(r, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered producer-not-linear", MUL_ADD}, "Sigmoid Add Relu Conv Sigmoid"},
    {{"the same in double, which has no other way", "in x double 2,4,5,6; out z; init W double 3,4,3,3 rand\n"
        "init s double 4 pos; init b double 4 rand; init m double 4 rand; init v double 4 pos\n"
        "c = Sigmoid(x)\n" NORM "r = Relu(y); e = Conv(r, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered producer-not-linear"}, "Sigmoid Add Relu Conv Sigmoid"},
    {{"an Add instead of one depthwise layer is no gain", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n"
        STATS(4, "pos") "c = Sigmoid(x)\n" NORM "r = Relu(y); e = Conv(r, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered producer-not-linear"}, "Sigmoid Conv Relu Conv Sigmoid"},
    {{"a negative scale in front of Relu", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n"
        STATS(4, "1 2 -1 3") "c = Sigmoid(x)\n" NORM "r = Relu(y); e = Conv(r, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered producer-not-linear", MUL_ADD}, "Sigmoid Mul Add Relu Conv Sigmoid"},
    {{"a scale of 0 does not go forward alone", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n" STATS(4, "1 0 2 3")
        "c = Sigmoid(x)\n" NORM "r = Relu(y); e = Conv(r, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered producer-not-linear", MUL_ADD}, "Sigmoid Mul Add Relu Conv Sigmoid"},
    {{"a scale of 1 leaves as many additions where it is", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n"
        "init s float 4 ones; init b float 4 rand; init m float 4 rand; init v float 4 ones; c = Sigmoid(x)\n"
        "y = BatchNormalization(c, s, b, m, v) epsilon=0.0; e = Conv(y, W) pads=[1,1,1,1]; z = Sigmoid(e)\n",
        "y lowered padding", MUL_ADD}, "Sigmoid Add Conv Sigmoid"},
    {{"a shift that leaves no room when divided", "in x float 2,4,5,6; out z; init W float 3,4,1,1 rand\n"
        STATS(4, "1 1e-30 2 3") "c = Sigmoid(x)\n" NORM "r = Mul(y, c); e = Conv(r, W); z = Sigmoid(e)\n",
        "y lowered consumer-not-linear", MUL_ADD}, "Sigmoid Mul Add Mul Conv Sigmoid"},
    {{"one that does", "in x float 2,4,5,6; out z; init W float 3,4,1,1 rand\n"
        STATS(4, "1 1e-3 2 3") "c = Sigmoid(x)\n" NORM "r = Mul(y, c); e = Conv(r, W); z = Sigmoid(e)\n",
        "y lowered consumer-not-linear", MUL_ADD}, "Sigmoid Add Mul Conv Sigmoid"},
    {{"a shift that does not fit the type when divided", "in x float16 1,2,5,6; out z; init W float16 3,2,3,3 rand\n"
        "init s float16 2 0.001 0.002; init b float16 2 1000 1000; init m float16 2 zeros; init v float16 2 ones\n"
        "c = Sigmoid(x)\n" NORM "e = Conv(y, W) pads=[1,1,1,1]; z = Sigmoid(e)\n", "y lowered overflow", MUL_ADD},
        "Sigmoid Mul Add Conv Sigmoid"},
    {{"a scale into a padded layer, its shift stays in front", "in x float 2,4,5,6; out z; init W float 3,4,3,3 rand\n" BN(4)
        "c = Sigmoid(x)\n" NORM "e = Conv(y, W) pads=[1,1,1,1]; z = Sigmoid(e)\n", "y lowered padding", MUL_ADD},
        "Sigmoid Add Conv Sigmoid"},
    {{"a positive scale backward through Relu", "in x float 2,3,5,6; out z; init W float 4,3,3,3 rand\n" STATS(4, "pos")
        "u = Conv(x, W); c = Relu(u)\n" NORM "z = Sigmoid(y)\n", "y lowered producer-not-linear", MUL_ADD},
        "Conv Relu Add Sigmoid"},
    {{"a product takes the scale, not the shift", "in x float 2,3,5,6; out z; init W float 4,3,3,3 rand; init V float 4,3,3,3 rand\n"
        BN(4) "p = Conv(x, W); q = Conv(x, V); e = Sigmoid(q); c = Mul(p, e)\n" NORM "z = Sigmoid(y)\n",
        "y lowered producer-not-linear", MUL_ADD}, "Conv Conv Sigmoid Mul Add Sigmoid"},
    {{"a skip that is read elsewhere keeps its own Mul", "in x float 2,3,5,6; out z; out o; init W float 4,3,1,1 rand\n"
        "init V float 4,3,3,3 rand\n" BN(4) "p = Conv(x, W); q = Conv(x, V) pads=[1,1,1,1]; o = Relu(q); c = Add(p, q)\n"
        NORM "z = Relu(y)\n", "y lowered producer-shared", MUL_ADD}, "Conv Conv Relu Mul Add Relu"},
    {{"but no Mul instead of one depthwise layer", "in x float 2,3,5,6; out z; out o; init W float 4,3,1,1 rand\n"
        "init V float 4,3,3,3 rand\n" BN(4) "p = Conv(x, W); q = Conv(x, V) pads=[1,1,1,1]; o = Relu(q); c = Add(p, q)\n"
        NORM "z = Relu(y)\n", "y lowered producer-shared"}, "Conv Conv Relu Add Conv Relu"},
    {{"the skip is the first operand", "in x float 2,3,5,6; out z; out o; init W float 4,3,1,1 rand\n"
        "init V float 4,3,3,3 rand\n" BN(4) "p = Conv(x, W); q = Conv(x, V) pads=[1,1,1,1]; o = Relu(q); c = Add(q, p)\n"
        NORM "z = Relu(y)\n", "y lowered producer-shared", MUL_ADD}, "Conv Conv Relu Mul Add Relu"},
    {{"lowered as Mul and Add", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand\n" BN(9)
        "p = Conv(x, W); r = Relu(x); c = Concat(p, r) axis=1\n" NORM "z = Relu(y)\n", "y lowered producer-not-linear",
        MUL_ADD}, "Conv Relu Mul Add Concat Relu"},
    {{"nothing is lowered where all is to be kept", "in x float 2,3,5,6; out z; init W float 6,3,1,1 rand\n" BN(9)
        "p = Conv(x, W); r = Relu(x); c = Concat(p, r) axis=1\n" NORM "z = Relu(y)\n", "y kept producer-not-linear",
        {.leftover = BNF_LEFTOVER_KEEP}}, "Conv Relu Concat BatchNormalization Relu"},
    {{"what stays on a branch does not fit its type", "in x float16 1,2,3,3; out z; init W float16 2,2,1,1 rand\n"
        "init s float16 4 1 1 60000 1; init b float16 4 ones; init m float16 4 zeros; init v float16 4 1 1 0 1\n"
        "p = Conv(x, W); r = Relu(x); c = Concat(p, r) axis=1\n" NORM "z = Relu(y)\n", "y kept overflow"},
        "Conv Relu Concat BatchNormalization Relu"},
};

static void test_partial(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct foldcase c = cases[i].fold;
        c.operators = cases[i].operators;
        failed += !foldcase_run(&c);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_partial)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
