/* Operators that absorb an affine beside Conv, Gemm and MatMul: normalizations, Gather, Einsum; and every condition on
 * which they refuse. Recurrent layers and padded convolutions: test_fold_absorb_forward.c. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define BN_T(t, n) "init s " t " " #n " rand; init b " t " " #n " rand; init m " t " " #n " rand; init v " t " " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
/* Reads the BatchNormalization's input one operator further, so that the refusal is the deepest one. */
#define FURTHER "c = Identity(u)\n" NORM

static const struct foldcase channel_cases[] = {
    {"InstanceNormalization", "in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand\n" BN(4)
        "c = InstanceNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"InstanceNormalization 1-D, open batch", "in x float N,4,5; out y; init k float 4 rand; init d float 4 rand\n" BN(4)
        "c = InstanceNormalization(x, k, d) epsilon=0.01\n" NORM, "y folded back c"},
    {"InstanceNormalization 3-D", "in x float 2,4,3,2,3; out y; init k float 4 rand; init d float 4 rand\n" BN(4)
        "c = InstanceNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"InstanceNormalization of operator set 7", "opset 7; ir 3; in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand\n"
        BN(4) "input k; input d; input s; input b; input m; input v\n"
        "c = InstanceNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"InstanceNormalization in double", "in x double 2,4,5,6; out y; init k double 4 rand; init d double 4 rand\n"
        BN_T("double", 4) "c = InstanceNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"InstanceNormalization in float16", "in x float16 2,4,5,6; out y; init k float16 4 rand; init d float16 4 rand\n"
        BN_T("float16", 4) "c = InstanceNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"InstanceNormalization, Mul and Add", "in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand\n"
        "init e float 4,1,1 rand; init f float 4,1,1 rand; c = InstanceNormalization(x, k, d); q = Mul(c, e); y = Add(q, f)\n",
        "q folded back c; y folded back c"},
    {"InstanceNormalization whose parameters others read", "in x float 2,4,5,6; out y; out z; init k float 4 rand\n"
        "init d float 4 rand\n" BN(4) "c = InstanceNormalization(x, k, d); z = InstanceNormalization(x, d, k)\n" NORM,
        "y folded back c"},
    {"InstanceNormalization, a scalar", "in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand; init e float () 3\n"
        "c = InstanceNormalization(x, k, d); y = Mul(c, e)\n", "y folded back c"},
    {"InstanceNormalization and two normalizations", "in x float 2,4,5,6; out z; init k float 4 rand; init d float 4 rand\n"
        BN(4) "c = InstanceNormalization(x, k, d)\n" NORM "z = BatchNormalization(y, b, s, m, v)\n",
        "y folded back c; z folded back c"},
    {"GroupNormalization 21", "opset 21; ir 10; in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand\n" BN(4)
        "c = GroupNormalization(x, k, d) num_groups=2\n" NORM, "y folded back c"},
    {"GroupNormalization 22, 1-D", "opset 22; ir 10; in x float N,6,5; out y; init k float 6 rand; init d float 6 rand\n"
        BN(6) "c = GroupNormalization(x, k, d) num_groups=3\n" NORM, "y folded back c"},
    {"GroupNormalization 18: one scale a group", "opset 18; in x float 2,4,5,6; out y; init k float 2 rand\n"
        "init d float 2 rand\n" BN(4) "u = GroupNormalization(x, k, d) num_groups=2\n" FURTHER, "y lowered axis-mismatch"},
    {"GroupNormalization 20, as many groups as channels", "opset 20; ir 9; in x float 2,4,5,6; out y; init k float 4 rand\n"
        "init d float 4 rand\n" BN(4) "u = GroupNormalization(x, k, d) num_groups=4\n" FURTHER, "y lowered axis-mismatch"},
    {"computed scale", "in x float 2,4,5,6; in k float 4; out y; init d float 4 rand\n" BN(4)
        "u = InstanceNormalization(x, k, d)\n" FURTHER, "y lowered weight-dynamic"},
    {"computed bias", "in x float 2,4,5,6; in d float 4; out y; init k float 4 rand\n" BN(4)
        "u = InstanceNormalization(x, k, d)\n" FURTHER, "y lowered bias-dynamic"},
    {"an affine on another axis", "in x float 2,4,5,6; out y; init k float 4 rand; init d float 4 rand; init e float 6 rand\n"
        "c = InstanceNormalization(x, k, d); y = Mul(c, e)\n", ""},
    {"overflow in float16", "in x float16 2,2,5,6; out z; init k float16 2 60000 1; init d float16 2 0 0\n"
        "init s float16 2 4 4; init b float16 2 1 1; init m float16 2 0 0; init v float16 2 1 1\n"
        "u = InstanceNormalization(x, k, d)\n" FURTHER "z = Relu(y)\n", "y lowered overflow"},
    {"underflow in float16", "in x float16 2,2,5,6; out z; init k float16 2 0.0001 1; init d float16 2 0 0\n"
        "init s float16 2 0.001 1; init b float16 2 0 1; init m float16 2 0 0; init v float16 2 1 1\n"
        "u = InstanceNormalization(x, k, d)\n" FURTHER "z = Relu(y)\n", "y lowered underflow"},
    {"a small scale beside a larger bias does not underflow", "in x float16 2,2,5,6; out z; init k float16 2 0.0001 1\n"
        "init d float16 2 0 0; init s float16 2 0.001 1; init b float16 2 1 1; init m float16 2 0 0; init v float16 2 1 1\n"
        "c = InstanceNormalization(x, k, d)\n" NORM "z = Relu(y)\n", "y folded back c"},
};

static const struct foldcase layer_cases[] = {
    {"LayerNormalization, Mul and Add", "opset 17; in x float 2,5,4; out y; init k float 4 rand; init d float 4 rand\n"
        "init e float 4 rand; init f float 4 rand; c = LayerNormalization(x, k, d); q = Mul(c, e); y = Add(q, f)\n",
        "q folded back c; y folded back c"},
    {"LayerNormalization without B", "opset 17; in x float N,5,4; out y; init k float 4 rand; init e float 4 rand\n"
        "init f float 4 rand; c = LayerNormalization(x, k); q = Mul(c, e); y = Add(q, f)\n",
        "q folded back c; y folded back c"},
    {"LayerNormalization without B, B empty, no shift", "opset 17; in x float 2,5,4; out y; init k float 4 rand\n"
        "init e float 4 rand; c = LayerNormalization(x, k, _); y = Mul(c, e)\n", "y folded back c"},
    {"a BatchNormalization on the first normalized axis", "opset 17; in x float 2,5,4,3; out y; init k float 5,4,3 rand\n"
        "init d float 5,4,3 rand\n" BN(5) "c = LayerNormalization(x, k, d) axis=1\n" NORM, "y folded back c"},
    {"a BatchNormalization on the last axis of two", "opset 17; in x float N,5; out y; init k float 5 rand\n"
        "init d float 5 rand\n" BN(5) "c = LayerNormalization(x, k, d)\n" NORM, "y folded back c"},
    {"axis counted from the right, middle axis", "opset 17; in x float 2,5,4,3; out y; init k float 4,3 rand\n"
        "init d float 4,3 rand; init e float 4,1 rand; init f float 4,1 rand\n"
        "c = LayerNormalization(x, k, d) axis=-2; q = Mul(c, e); y = Sub(q, f)\n", "q folded back c; y folded back c"},
    {"a scale that is broadcast is expanded", "opset 17; in x float 2,5,4,3; out y; init k float 3 rand\n"
        "init d float 1,3 rand\n" BN(5) "c = LayerNormalization(x, k, d) axis=1\n" NORM, "y folded back c"},
    {"extents of 1 are expanded", "opset 17; in x float 2,5,4,3; out y; init k float 1,4,1 rand\n" BN(5)
        "c = LayerNormalization(x, k) axis=1\n" NORM, "y folded back c"},
    {"a scalar on an input without shape", "opset 17; in x float ?; out y; init k float 4 rand; init e float () 0.5\n"
        "init f float () 2; c = LayerNormalization(x, k); q = Mul(c, e); y = Add(q, f)\n",
        "q folded back c; y folded back c", {0}, true},
    {"LayerNormalization in double", "opset 17; in x double 2,5,4; out y; init k double 4 rand; init e double 4 rand\n"
        "init f double 4 rand; c = LayerNormalization(x, k); q = Mul(c, e); y = Add(q, f)\n",
        "q folded back c; y folded back c"},
    {"a BatchNormalization behind a Transpose", "opset 17; in x float N,5,4; out y; init k float 4 rand\n" BN(4)
        "u = LayerNormalization(x, k); c = Transpose(u) perm=[0,2,1]\n" NORM, "y folded back u"},
    {"RMSNormalization and Mul", "opset 23; ir 11; in x float 2,5,4; out y; init k float 4 rand; init e float 4 rand\n"
        "c = RMSNormalization(x, k); y = Mul(c, e)\n", "y folded back c"},
    {"RMSNormalization of two axes", "opset 23; ir 11; in x float 2,5,4; out y; init k float 5,4 rand; init e float 5,1 rand\n"
        "c = RMSNormalization(x, k) axis=1; y = Mul(c, e)\n", "y folded back c"},
    {"RMSNormalization has no bias", "opset 23; ir 11; in x float 2,4; out y; init k float 4 rand\n" BN(4)
        "u = RMSNormalization(x, k)\n" FURTHER, "y lowered producer-not-linear"},
    {"an axis that is not normalized", "opset 17; in x float 2,5,4; out y; init k float 4 rand\n" BN(5)
        "u = LayerNormalization(x, k)\n" FURTHER, "y lowered axis-mismatch"},
    {"an affine on the statistics", "opset 17; in x float 2,5,4; out y; out z; init k float 4 rand; init e float () 2\n"
        "z, u = LayerNormalization(x, k); y = Add(u, e)\n", "", {0}, true},
    {"computed scale", "opset 17; in x float 2,5; in k float 5; out y\n" BN(5) "u = LayerNormalization(x, k)\n" FURTHER,
        "y lowered weight-dynamic"},
    {"computed bias", "opset 17; in x float 2,5; in d float 5; out y; init k float 5 rand\n" BN(5)
        "u = LayerNormalization(x, k, d)\n" FURTHER, "y lowered bias-dynamic"},
};

static const struct foldcase gather_cases[] = {
    {"rows of a table", "in i int64 6; out y; init T float 5,4 rand\n" BN(4) "c = Gather(T, i)\n" NORM, "y folded back c"},
    {"rows of a table, open batch, axis 0 from the right", "in i int64 N; out y; init T float 5,4 rand\n" BN(4)
        "c = Gather(T, i) axis=-2\n" NORM, "y folded back c"},
    {"sequences of rows", "in i int64 2,3; out y; init T float 5,4 rand; init e float 4 rand; init f float 4 rand\n"
        "c = Gather(T, i); q = Mul(c, e); y = Sub(q, f)\n", "q folded back c; y folded back c"},
    {"two normalizations", "in i int64 6; out z; init T float 5,4 rand\n" BN(4) "c = Gather(T, i)\n" NORM
        "z = BatchNormalization(y, b, s, m, v)\n", "y folded back c; z folded back c"},
    {"a BatchNormalization of (N, C, L) look-ups", "in i int64 N,3; out y; init T float 5,4 rand\n" BN(4)
        "u = Gather(T, i); c = Transpose(u) perm=[0,2,1]\n" NORM, "y folded back u"},
    {"a table of matrices", "in i int64 3; out y; init T float 5,2,4 rand; init e float 4 rand; init f float 4 rand\n"
        "c = Gather(T, i); q = Mul(c, e); y = Add(q, f)\n", "q folded back c; y folded back c"},
    {"a scalar, indices of unknown rank", "in i int64 ?; out y; init T float 5,4 rand; init e float () 3\n"
        "c = Gather(T, i); y = Add(c, e)\n", "y folded back c", {0}, true},
    {"in double", "in i int64 6; out y; init T double 5,4 rand\n" BN_T("double", 4) "c = Gather(T, i)\n" NORM, "y folded back c"},
    {"in float16", "in i int64 6; out y; init T float16 5,4 rand\n" BN_T("float16", 4) "c = Gather(T, i)\n" NORM,
        "y folded back c"},
    {"a small table that others read is copied", "in i int64 6; out y; out z; init T float 5,4 rand\n" BN(4)
        "c = Gather(T, i); z = Gather(T, i)\n" NORM, "y folded back c"},
    {"a large table that others read is not", "in i int64 6; in x float 1,4; out y; out z; init T float 65536,4 rand\n" BN(4)
        "t = Transpose(T) perm=[1,0]; z = MatMul(x, t); u = Gather(T, i)\n" FURTHER, "y lowered producer-shared"},
    {"a large table behind Identity that others read is not", "in i int64 6; out y; out z; init T float 65536,4 rand\n" BN(4)
        "z = Gather(T, i); t = Identity(T); u = Gather(t, i)\n" FURTHER, "y lowered producer-shared"},
    {"a large table of its own", "in i int64 6; out y; init T float 65536,4 rand\n" BN(4) "c = Gather(T, i)\n" NORM,
        "y folded back c"},
    {"another axis of the table", "in i int64 3; out y; init T float 4,5 rand\n" BN(3) "u = Gather(T, i) axis=1\n" FURTHER,
        "y lowered axis-mismatch"},
    {"a table of numbers", "in i int64 2,4; out y; init T float 5 rand\n" BN(4) "u = Gather(T, i)\n" FURTHER,
        "y lowered axis-mismatch"},
    {"an axis of the indices", "in i int64 2,4; out y; init T float 5,4 rand\n" BN(4) "u = Gather(T, i)\n" FURTHER,
        "y lowered axis-mismatch"},
    {"a computed table", "in i int64 6; in T float 5,4; out y\n" BN(4) "u = Gather(T, i)\n" FURTHER,
        "y lowered weight-dynamic"},
    {"overflow of the shift in float16", "in i int64 6; out y; init T float16 2,2 1 1 1 1; init s float16 2 40000 1\n"
        "init b float16 2 40000 1; init m float16 2 0 0; init v float16 2 1 1; u = Gather(T, i)\n" FURTHER,
        "y lowered overflow"},
};

static const struct foldcase einsum_cases[] = {
    {"last axis, Mul and Add", "in x float 2,3,4,5; out y; init W float 5,6 rand; init e float 6 rand; init f float 6 rand\n"
        "c = Einsum(x, W) equation='bhwc,cd->bhwd'; q = Mul(c, e); y = Add(q, f)\n", "q folded back c"},
    {"a scale alone leaves nothing", "in x float 2,3,4,5; out y; init W float 5,6 rand; init e float 6 rand\n"
        "c = Einsum(x, W) equation='bhwc,cd->bhwd'; y = Mul(c, e)\n", "y folded back c"},
    {"a BatchNormalization on the middle axis", "in x float 2,3,5; out y; init W float 5,6 rand\n" BN(6)
        "c = Einsum(x, W) equation='b l c, c d -> b d l'\n" NORM, "y folded back c"},
    {"the constant first, implicit output", "in x float 4,3; out y; init W float 4,6 rand\n" BN(6)
        "c = Einsum(W, x) equation='ax,ay'; d = Transpose(c) perm=[1,0]; y = BatchNormalization(d, s, b, m, v)\n",
        "y folded back c", {0}, true},
    {"first axis of three", "in x float 2,5; out y; init W float 6,5,3 rand\n" BN(6)
        "c = Einsum(x, W) equation='bc,dce->bde'\n" NORM, "y folded back c"},
    {"middle axis of three", "in x float 2,5; out y; init W float 5,6,3 rand\n" BN(6)
        "c = Einsum(x, W) equation='bc,cde->bde'\n" NORM, "y folded back c"},
    {"two axes of one constant", "in x float 2,5; out y; init W float 5,6,3 rand; init e float 6,1 rand; init f float 3 rand\n"
        "c = Einsum(x, W) equation='bc,cde->bde'; q = Mul(c, e); y = Mul(q, f)\n", "q folded back c; y folded back c"},
    {"element by element", "in x float 2,6; out y; init W float 6 rand\n" BN(6) "c = Einsum(x, W) equation='bc,c->bc'\n" NORM,
        "y folded back c"},
    {"three operands", "in x float 2,3; in z float 2,5; out y; init W float 3,5,6 rand\n" BN(6)
        "c = Einsum(x, z, W) equation='bi,bj,ijd->bd'\n" NORM, "y folded back c"},
    {"an ellipsis in front", "in x float 2,3,4,5; out y; info c float 2,3,4,6; init W float 5,6 rand; init e float 6 rand\n"
        "c = Einsum(x, W) equation='...c,cd->...d'; y = Mul(c, e)\n", "y folded back c"},
    {"an ellipsis that is empty in the constant's term", "in x float 2,3,5; out y; info c float 2,3,6; init W float 5,6 rand\n"
        "init e float 6 rand; c = Einsum(x, W) equation='...bc,...cd->...bd'; y = Mul(c, e)\n", "y folded back c"},
    {"a scalar", "in x float 2,3,5; out y; init W float 5,6 rand; init e float () 0.5\n"
        "c = Einsum(x, W) equation='blc,cd->bld'; y = Mul(c, e)\n", "y folded back c"},
    {"in double", "in x double 2,5; out y; init W double 5,6 rand\n" BN_T("double", 6)
        "c = Einsum(x, W) equation='bc,cd->bd'\n" NORM, "y folded back c"},
    {"the label is not the constant's", "in x float 2,4,5; out y; init W float 5,6 rand\n" BN(4)
        "u = Einsum(x, W) equation='blc,cd->bld'\n" FURTHER, "y lowered axis-mismatch"},
    {"the label occurs twice", "in x float 2,5; out y; init W float 4,4,5 rand\n" BN(4)
        "u = Einsum(x, W) equation='bc,ddc->bd'\n" FURTHER, "y lowered axis-mismatch"},
    {"no constant operand", "in x float 2,5; in W float 5,6; out y\n" BN(6) "u = Einsum(x, W) equation='bc,cd->bd'\n" FURTHER,
        "y lowered weight-dynamic"},
    {"two constant operands", "in x float 2,5; out y; init W float 5,6 rand; init V float 6 rand\n" BN(6)
        "u = Einsum(x, W, V) equation='bc,cd,d->bd'\n" FURTHER, "y lowered weight-dynamic"},
    {"an axis of the ellipsis", "in x float 2,4,3,5; out y; init W float 5,6 rand; info u float 2,4,3,6\n" BN(4)
        "u = Einsum(x, W) equation='...c,cd->...d'\n" FURTHER, "y lowered axis-mismatch"},
    {"overflow in float16", "in x float16 2,2; out y; init W float16 2,2 60000 1 1 1; init s float16 2 4 4\n"
        "init b float16 2 1 1; init m float16 2 0 0; init v float16 2 1 1; u = Einsum(x, W) equation='bc,cd->bd'\n" FURTHER,
        "y lowered overflow"},
};

static void test_channel_norms(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(channel_cases, COUNT(channel_cases)), 0);
}

static void test_layer_norms(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(layer_cases, COUNT(layer_cases)), 0);
}

static void test_gather(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(gather_cases, COUNT(gather_cases)), 0);
}

static void test_einsum(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(einsum_cases, COUNT(einsum_cases)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_channel_norms), cmocka_unit_test(test_layer_norms),
        cmocka_unit_test(test_gather), cmocka_unit_test(test_einsum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
