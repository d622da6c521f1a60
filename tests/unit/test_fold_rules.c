/* Every row that folds, as whole models: the verdict, the proof, the reference evaluator, and idempotence. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct foldcase conv_cases[] = {
    {"conv 2-D without bias", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(x, W) pads=[1,1,1,1] strides=[2,1]\n" NORM, "y folded back c"},
    {"conv with bias", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init B float 4 rand\n" BN(4)
        "c = Conv(x, W, B)\n" NORM, "y folded back c"},
    {"conv with an empty bias", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(x, W, _)\n" NORM, "y folded back c"},
    {"conv 1-D, dilated", "in x float 2,3,9; out y; init W float 4,3,3 rand\n" BN(4)
        "c = Conv(x, W) dilations=[2]\n" NORM, "y folded back c"},
    {"conv 3-D", "in x float 1,2,4,5,3; out y; init W float 3,2,2,2,2 rand\n" BN(3) "c = Conv(x, W)\n" NORM,
        "y folded back c"},
    {"conv grouped", "in x float 2,4,5,5; out y; init W float 6,2,3,3 rand\n" BN(6)
        "c = Conv(x, W) group=2 pads=[1,1,1,1]\n" NORM, "y folded back c"},
    {"conv depthwise, two a channel", "in x float 2,3,5,5; out y; init W float 6,1,3,3 rand\n" BN(6)
        "c = Conv(x, W) group=3\n" NORM, "y folded back c"},
    {"conv with auto_pad", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(x, W) auto_pad='SAME_UPPER' strides=[2,2]\n" NORM, "y folded back c"},
    {"conv with a dynamic batch", "in x float N,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM, "y folded back c"},
    {"conv on an input without shape", "in x float ?; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM, "y folded back c", {0}, true},
    {"convtranspose", "in x float 2,3,4,5; out y; init W float 3,4,3,3 rand; init B float 4 rand\n" BN(4)
        "c = ConvTranspose(x, W, B) strides=[2,2] output_padding=[1,1] pads=[1,1,1,1]\n" NORM, "y folded back c"},
    {"convtranspose grouped, M/g > 1", "in x float 2,4,4,5; out y; init W float 4,3,3,3 rand\n" BN(6)
        "c = ConvTranspose(x, W) group=2\n" NORM, "y folded back c"},
    {"convtranspose depthwise 1-D", "in x float 2,4,5; out y; init W float 4,1,3 rand\n" BN(4)
        "c = ConvTranspose(x, W) group=4\n" NORM, "y folded back c"},
    {"through Identity and Dropout", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "u = Conv(x, W); i = Identity(u); c = Dropout(i)\n" NORM, "y folded back u"},
    {"conv in double", "in x double 2,3,5,6; out y; init W double 4,3,3,3 rand\n"
        "init s double 4 rand; init b double 4 rand; init m double 4 rand; init v double 4 pos\n"
        "c = Conv(x, W)\n" NORM, "y folded back c"},
    {"conv in float16", "in x float16 2,3,5,6; out y; init W float16 4,3,3,3 rand\n"
        "init s float16 4 rand; init b float16 4 rand; init m float16 4 rand; init v float16 4 pos\n"
        "c = Conv(x, W)\n" NORM, "y folded back c"},
    {"conv in bfloat16, statistics in float", "opset 22; ir 10; in x bfloat16 2,3,5,6; out y; init W bfloat16 4,3,3,3 rand\n"
        BN(4) "c = Conv(x, W)\n" NORM, "y folded back c"},
};

static const struct foldcase gemm_cases[] = {
    {"gemm without C", "in x float 2,3; out y; init B float 3,4 rand\n" BN(4) "c = Gemm(x, B)\n" NORM,
        "y folded back c"},
    {"gemm transB, C of (N)", "in x float 2,3; out y; init B float 4,3 rand; init C float 4 rand\n" BN(4)
        "c = Gemm(x, B, C) transB=1\n" NORM, "y folded back c"},
    {"gemm alpha, beta", "in x float 2,3; out y; init B float 3,4 rand; init C float 4 rand\n" BN(4)
        "c = Gemm(x, B, C) alpha=0.5 beta=-2.0\n" NORM, "y folded back c"},
    {"gemm transA", "in x float 3,2; out y; init B float 3,4 rand; init C float 4 rand\n" BN(4)
        "c = Gemm(x, B, C) transA=1 alpha=0.5\n" NORM, "y folded back c"},
    {"gemm C scalar", "in x float 2,3; out y; init B float 3,4 rand; init C float () 0.7\n" BN(4)
        "c = Gemm(x, B, C) beta=0.5\n" NORM, "y folded back c"},
    {"gemm C (1)", "in x float 2,3; out y; init B float 3,4 rand; init C float 1 0.7\n" BN(4)
        "c = Gemm(x, B, C) beta=0.5\n" NORM, "y folded back c"},
    {"gemm C (1,N)", "in x float 2,3; out y; init B float 3,4 rand; init C float 1,4 rand\n" BN(4)
        "c = Gemm(x, B, C) beta=3.0\n" NORM, "y folded back c"},
    {"gemm C (1,1)", "in x float 2,3; out y; init B float 3,4 rand; init C float 1,1 0.3\n" BN(4)
        "c = Gemm(x, B, C)\n" NORM, "y folded back c"},
    {"gemm C (M,1)", "in x float 2,3; out y; init B float 3,4 rand; init C float 2,1 rand\n" BN(4)
        "c = Gemm(x, B, C) beta=2.0\n" NORM, "y folded back c"},
    {"gemm C (M,N)", "in x float 2,3; out y; init B float 3,4 rand; init C float 2,4 rand\n" BN(4)
        "c = Gemm(x, B, C) beta=2.0 transB=0\n" NORM, "y folded back c"},
    {"gemm of operator set 6", "opset 6; ir 3; in x float 2,3; out y; init B float 3,4 rand; init C float 4 rand\n" BN(4)
        "input B; input C; input s; input b; input m; input v\n"
        "c = Gemm(x, B, C) broadcast=1 beta=0.5; y = BatchNormalization(c, s, b, m, v) is_test=1\n", "y folded back c"},
    {"normalization in front of gemm", "in c float 2,3; out z; init B float 3,4 rand; init C float 4 rand\n" BN(3) NORM
        "z = Gemm(y, B, C) alpha=0.5 beta=2.0\n", "y folded forward z"},
    {"normalization in front of gemm, transB, no C", "in c float 2,3; out z; init B float 4,3 rand\n" BN(3) NORM
        "z = Gemm(y, B) transB=1\n", "y folded forward z"},
    {"normalization in front of gemm, C (M,1)", "in c float 2,3; out z; init B float 3,4 rand; init C float 2,1 rand\n" BN(3)
        NORM "z = Gemm(y, B, C)\n", "y folded forward z"},
};

static const struct foldcase matmul_cases[] = {
    {"matmul", "in x float 2,3; out y; init W float 3,4 rand\n" BN(4) "c = MatMul(x, W)\n" NORM, "y folded back c"},
    {"matmul and add", "in x float 2,3; out y; init W float 3,4 rand; init d float 4 rand\n" BN(4)
        "u = MatMul(x, W); c = Add(u, d)\n" NORM, "c folded forward y; y folded back u"},
    {"add with the constant on the left", "in x float 2,3; out y; init W float 3,4 rand; init d float 4 rand\n" BN(4)
        "u = MatMul(x, W); c = Add(d, u)\n" NORM, "c folded forward y; y folded back u"},
    {"constant on the left, rank 3", "in x float 2,3,5; out y; init W float 4,3 rand\n" BN(4)
        "c = MatMul(W, x)\n" NORM, "y folded back c"},
    {"weight of rank 3", "in x float 2,5,3; out y; init W float 2,3,4 rand; init k float 4 rand; init d float 4 rand\n"
        "c = MatMul(x, W); q = Mul(c, k); y = Add(q, d)\n", "q folded back c"},
    {"normalization in front of matmul", "in c float 2,3; out z; init W float 3,4 rand\n" BN(3) NORM "z = MatMul(y, W)\n",
        "y folded forward z"},
    {"normalization of a contracted axis", "in c float 2,3,5; out z; init W float 4,3 rand\n" BN(3) NORM
        "z = MatMul(W, y)\n", "y folded forward z"},
    {"normalization in front of two layers", "in c float 2,3; out z; out q; init W float 3,4 rand; init V float 3,2 rand\n"
        BN(3) NORM "z = MatMul(y, W); q = Gemm(y, V)\n", "y folded forward z,q"},
};

static const struct foldcase chain_cases[] = {
    {"two normalizations", "in x float 2,3,5,6; out z; init W float 4,3,3,3 rand\n" BN(4) "c = Conv(x, W)\n" NORM
        "z = BatchNormalization(y, b, s, m, v)\n", "y folded back c; z folded back c"},
    {"decomposed: Mul and Add", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init k float 4,1,1 rand\n"
        "init d float 1,4,1,1 rand; c = Conv(x, W); q = Mul(c, k); y = Add(q, d)\n",
        "q folded back c; y folded back c"},
    {"decomposed: Sub and Div", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init k float 4,1,1 pos\n"
        "init d float 4,1,1 rand; c = Conv(x, W); q = Sub(c, d); y = Div(q, k)\n", "q folded back c; y folded back c"},
    {"constant minus the layer", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init d float 4,1,1 rand\n"
        "c = Conv(x, W); y = Sub(d, c)\n", "y folded back c"},
    {"scalars beside a layer", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init k float () 0.25; init d float 1 3\n"
        "c = Conv(x, W); q = Mul(c, k); y = Add(q, d)\n", "q folded back c; y folded back c"},
    {"parameters through Identity", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n" BN(4)
        "i = Identity(s); j = Identity(W); c = Conv(x, j); y = BatchNormalization(c, i, b, m, v)\n", "y folded back c"},
    {"weights from Constant nodes", "in x float 2,1,3,3; out y\n"
        "W = Constant() value=float[2,1,1,1]{2 -3}; s = Constant() value=float[2]{1.5 0.5}\n"
        "b = Constant() value=float[2]{1 2}; m = Constant() value=float[2]{0.5 -1}; v = Constant() value=float[2]{1 2}\n"
        "c = Conv(x, W)\n" NORM, "y folded back c"},
    {"weights through Cast, Unsqueeze, Reshape, Transpose", "in x float 2,3,5,5; out y; init W double 4,27 rand\n"
        "init p int64 4 4 3 3 3; init k double 4 rand; init a int64 1 0\n" BN(4)
        "w1 = Cast(W) to=1; w2 = Reshape(w1, p); B = Cast(k) to=1; c = Conv(x, w2, B)\n" NORM, "y folded back c", {0}, true},
    {"an identity is dropped", "in x float 2,2,3,3; out y; init s float 2 1 1; init b float 2 0 0; init m float 2 0 0\n"
        "init v float 2 1 1; c = Relu(x); n = BatchNormalization(c, s, b, m, v) epsilon=0.0; y = Relu(n)\n", "n dropped"},
    {"an identity between names of the interface", "in c float 2,2,3,3; out y; init s float 2 1 1; init b float 2 0 0\n"
        "init m float 2 0 0; init v float 2 1 1; y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n", "y dropped"},
    {"an identity whose result is an output", "in x float 2,2,3,3; out y; init s float 2 1 1; init b float 2 0 0\n"
        "init m float 2 0 0; init v float 2 1 1; c = Relu(x); y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n",
        "y dropped"},
    {"behind Relu, decomposed neighbours are merged", "in x float 2,4,5,6; out y; init k float 4,1,1 rand; init d float 4,1,1 rand\n"
        BN(4) "u = Relu(x); q = Mul(u, k); c = Add(q, d)\n" NORM, "q folded forward y; c folded forward y; y lowered producer-not-linear"},
    {"forward into a convolution without padding", "in c float 2,3,5,6; out z; init W float 4,3,3,3 rand; init B float 4 rand\n"
        BN(3) NORM "z = Conv(y, W, B)\n", "y folded forward z"},
    {"forward into a grouped convolution", "in c float 2,4,5,6; out z; init W float 6,2,3,3 rand\n" BN(4) NORM
        "z = Conv(y, W) group=2\n", "y folded forward z"},
    {"forward, padded, no shift", "in c float 2,3,5,6; out z; init W float 4,3,3,3 rand; init s float 3 rand\n"
        "init b float 3 zeros; init m float 3 zeros; init v float 3 pos\n" NORM "z = Conv(y, W) pads=[1,1,1,1]\n",
        "y folded forward z"},
    {"forward, SAME padding that pads nothing", "in c float 2,3,6,6; out z; init W float 4,3,2,2 rand\n" BN(3) NORM
        "z = Conv(y, W) auto_pad='SAME_UPPER' strides=[2,2]\n", "y folded forward z"},
    {"forward into a pointwise transposed convolution", "in c float 2,4,5,6; out z; init W float 4,3,1,1 rand\n" BN(4) NORM
        "z = ConvTranspose(y, W) group=2\n", "y folded forward z"},
    {"between two layers: backward first", "in x float 2,3,5,6; out z; init W float 4,3,1,1 rand; init V float 2,4,1,1 rand\n"
        BN(4) "c = Conv(x, W)\n" NORM "z = Conv(y, V)\n", "y folded back c"},
    {"both sides of one layer", "in x float 2,3,5,6; out z; init W float 4,3,2,2 rand; init s1 float 3 rand; init v1 float 3 pos\n"
        BN(4) "n = BatchNormalization(x, s1, v1, s1, v1); c = Conv(n, W)\n" NORM "z = Relu(y)\n",
        "n folded forward c; y folded back c"},
    {"through Identity forward", "in c float 2,3,5,6; out z; init W float 4,3,1,1 rand\n" BN(3) NORM
        "i = Identity(y); z = Conv(i, W)\n", "y folded forward z"},
    {"on a constant", "in x float 2,4,3,3; out z; init c float 1,4,3,3 rand\n" BN(4) NORM "z = Add(x, y)\n",
        "y folded back y"},
    {"inside a body", "in x float 2,3,5,6; in p bool; out z; init W float 4,3,3,3 rand\n" BN(4)
        "z = If(p) then_branch={\n out y; c = Conv(x, W)\n" NORM "} else_branch={\n out e; e = Conv(x, W)\n}\n",
        "y folded back c", {0}, true},
};

static void check(const struct foldcase *table, size_t count)
{
    assert_int_equal(foldcase_table(table, count), 0);
}

static void test_conv(void **state)
{
    (void)state;
    check(conv_cases, COUNT(conv_cases));
}

static void test_gemm(void **state)
{
    (void)state;
    check(gemm_cases, COUNT(gemm_cases));
}

static void test_matmul(void **state)
{
    (void)state;
    check(matmul_cases, COUNT(matmul_cases));
}

static void test_chains(void **state)
{
    (void)state;
    check(chain_cases, COUNT(chain_cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv), cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_chains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
