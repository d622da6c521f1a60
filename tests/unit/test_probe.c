/* Linear cones without a form of their own: seen coefficient by coefficient. */
#include "check/proof.h"
#include "support/notation.h"
#include "support/proofcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* scale 2 and 1, shift 0 and -1.25 */
#define NORM "init g float 2 2 2; init be float 2 1 -1; init m float 2 0.5 0.25; init v float 2 1 4\n"
#define IN "in x float 1,2,4,4; out y\n"
#define WEIGHTS "init W float 2,2,1,1 1 2 3 4\n"
#define FOLDED "init W float 2,2,1,1 2 4 3 4; init B float 2 0 -1.25\n"

static void test_moved(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"through AveragePool",
            IN NORM WEIGHTS
            "c = Conv(x, W); p = AveragePool(c) kernel_shape=[2,2]; y = BatchNormalization(p, g, be, "
            "m, v) epsilon=0.0",
            IN FOLDED "d = Conv(x, W, B); y = AveragePool(d) kernel_shape=[2,2]", PROVED, NULL, 0, 0},
        {"through AveragePool that counts padding",
            IN NORM WEIGHTS "c = Conv(x, W); p = AveragePool(c) kernel_shape=[2,2] pads=[1,1,0,0] "
                            "count_include_pad=1; y = BatchNormalization(p, g, be, m, v) epsilon=0.0",
            IN FOLDED
            "d = Conv(x, W, B); y = AveragePool(d) kernel_shape=[2,2] pads=[1,1,0,0] count_include_pad=1",
            REFUTED, "shift on channel 1 is -1.25 instead of 0", 0, 0},
        {"through AveragePool that leaves padding out",
            IN NORM WEIGHTS "c = Conv(x, W); p = AveragePool(c) kernel_shape=[2,2] pads=[1,1,0,0]; y = "
                            "BatchNormalization(p, g, be, m, v) epsilon=0.0",
            IN FOLDED "d = Conv(x, W, B); y = AveragePool(d) kernel_shape=[2,2] pads=[1,1,0,0]", PROVED, NULL,
            0, 0},
        {"through GlobalAveragePool and Flatten",
            IN NORM WEIGHTS
            "c = Conv(x, W); p = GlobalAveragePool(c); f = Flatten(p); y = BatchNormalization(f, g, "
            "be, m, v) epsilon=0.0",
            IN FOLDED "d = Conv(x, W, B); e = GlobalAveragePool(d); y = Flatten(e)", PROVED, NULL, 0, 0},
        {"through ReduceMean",
            IN NORM WEIGHTS
            "c = Conv(x, W); p = ReduceMean(c) axes=[2,3] keepdims=0; y = BatchNormalization(p, g, "
            "be, m, v) epsilon=0.0",
            IN FOLDED "d = Conv(x, W, B); y = ReduceMean(d) axes=[2,3] keepdims=0", PROVED, NULL, 0, 0},
        {"through Add, the shift to one side",
            IN NORM WEIGHTS
            "init V float 2,2,1,1 4 3 2 1; a = Conv(x, W); b = Conv(x, V); p = Add(a, b); y = "
            "BatchNormalization(p, g, be, m, v) epsilon=0.0",
            IN FOLDED "init V float 2,2,1,1 8 6 2 1; c = Conv(x, W, B); d = Conv(x, V); y = Add(c, d)",
            PROVED, NULL, 0, 0},
        {"through Add, the shift to both sides",
            IN NORM WEIGHTS
            "init V float 2,2,1,1 4 3 2 1; a = Conv(x, W); b = Conv(x, V); p = Add(a, b); y = "
            "BatchNormalization(p, g, be, m, v) epsilon=0.0",
            IN FOLDED "init V float 2,2,1,1 8 6 2 1; c = Conv(x, W, B); d = Conv(x, V, B); y = Add(c, d)",
            REFUTED, "shift on channel 1 is -2.5 instead of -1.25", 0, 0},
        {"through Transpose and Reshape",
            IN NORM WEIGHTS
            "init s int64 3 1 2 16; c = Conv(x, W); p = Reshape(c, s); q = BatchNormalization(p, g, "
            "be, m, v) epsilon=0.0; y = Transpose(q) perm=[0,2,1]",
            IN FOLDED
            "init s int64 3 1 16 2; d = Conv(x, W, B); e = Transpose(d) perm=[0,2,3,1]; y = Reshape(e, s)",
            PROVED, NULL, 0, 0},
        {"through zeros that are padded",
            IN NORM WEIGHTS
            "init n int64 8 0 0 0 0 0 0 0 0; c = Conv(x, W); p = Pad(c, n); y = BatchNormalization(p, "
            "g, be, m, v) epsilon=0.0",
            IN FOLDED "init n int64 8 0 0 0 0 0 0 0 0; d = Conv(x, W, B); y = Pad(d, n)", PROVED, NULL, 0, 0},
        {"through zeros that are no longer zeros",
            IN NORM WEIGHTS
            "init n int64 8 0 0 0 1 0 0 0 0; c = Conv(x, W); p = Pad(c, n); y = BatchNormalization(p, "
            "g, be, m, v) epsilon=0.0",
            IN FOLDED "init n int64 8 0 0 0 1 0 0 0 0; d = Conv(x, W, B); y = Pad(d, n)", REFUTED, "added", 0,
            0},
        {"a difference", IN "n = Neg(x); a = Add(n, x); y = Add(a, x)", IN "y = Identity(x)", PROVED, NULL, 0,
            0},
        {"a square is not linear", IN "y = Mul(x, x)", IN "y = Identity(x)", UNPROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

#define ONE "in x float 1,1,2,2; out y\n"

static void test_parts(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"parts of Concat",
            ONE NORM "init W float 1,1,1,1 3; init V float 1,1,1,1 5; a = Conv(x, W); b = Conv(x, V); p = "
                     "Concat(a, b) "
                     "axis=1; y = BatchNormalization(p, g, be, m, v) epsilon=0.0",
            ONE "init W float 1,1,1,1 6; init V float 1,1,1,1 5; init B float 1 0; init C float 1 -1.25; c = "
                "Conv(x, W, "
                "B); d = Conv(x, V, C); y = Concat(c, d) axis=1",
            PROVED, NULL, 0, 0},
        {"parts of Concat confused",
            ONE NORM "init W float 1,1,1,1 3; init V float 1,1,1,1 5; a = Conv(x, W); b = Conv(x, V); p = "
                     "Concat(a, b) "
                     "axis=1; y = BatchNormalization(p, g, be, m, v) epsilon=0.0",
            ONE "init W float 1,1,1,1 6; init V float 1,1,1,1 5; init B float 1 0; init C float 1 -1.25; c = "
                "Conv(x, W, "
                "B); d = Conv(x, V, C); y = Concat(d, c) axis=1",
            REFUTED, "shift on channel 1 is 0 instead of -1.25", 0, 0},
        {"parts of Split",
            IN "init s float 2,1,1 2 4; init k int64 2 1 1; p = Mul(x, s); a, b = Split(p, k) axis=1; y = "
               "Sub(a, b)",
            IN "init k int64 2 1 1; init s float () 2; init t float () 4; a, b = Split(x, k) axis=1; c = "
               "Mul(a, s); d "
               "= Mul(b, t); y = Sub(c, d)",
            PROVED, NULL, 0, 0},
        {"parts of Split confused",
            IN "init s float 2,1,1 2 4; init k int64 2 1 1; p = Mul(x, s); a, b = Split(p, k) axis=1; y = "
               "Sub(a, b)",
            IN "init k int64 2 1 1; init s float () 2; init t float () 4; q, r = Split(x, k) axis=1; c = "
               "Mul(q, t); d "
               "= Mul(r, s); y = Sub(c, d)",
            REFUTED, "takes 'x' [0,0,0,0] times 4 instead of 2", 0, 0},
        {"what is cut off does not matter",
            IN "init k int64 1 0; init e int64 1 1; init n int64 1 1; init s float 2,1,1 2 4; p = Mul(x, s); "
               "y = "
               "Slice(p, k, e, n)",
            IN "init k int64 1 0; init e int64 1 1; init n int64 1 1; init s float () 2; q = Slice(x, k, e, "
               "n); y = "
               "Mul(q, s)",
            PROVED, NULL, 0, 0},
        {"blocks that trade places", "in x float 1,4,2,2; out y; y = DepthToSpace(x) blocksize=2 mode='DCR'",
            "in x float 1,4,2,2; out y; init s int64 6 1 2 2 1 2 2; init t int64 4 1 1 4 4; a = Reshape(x, "
            "s); b = "
            "Transpose(a) perm=[0,3,4,1,5,2]; y = Reshape(b, t)",
            PROVED, NULL, 0, 0},
        {"blocks that trade places otherwise",
            "in x float 1,8,2,2; out y; y = DepthToSpace(x) blocksize=2 mode='CRD'",
            "in x float 1,8,2,2; out y; init s int64 6 1 2 2 2 2 2; init t int64 4 1 2 4 4; a = Reshape(x, "
            "s); b = "
            "Transpose(a) perm=[0,3,4,1,5,2]; y = Reshape(b, t)",
            REFUTED, "times 1 instead of 0", 0, 0},
        {"two inputs that are not one", "in x float 2; in z float 2; out y; n = Neg(z); y = Add(x, n)",
            "in x float 2; in z float 2; out y; n = Neg(x); y = Add(z, n)", REFUTED, NULL, 0, 0},
        {"two inputs, the second with another sign",
            "in x float 2; in z float 2; out y; n = Neg(z); y = Add(x, n)",
            "in x float 2; in z float 2; out y; m = Neg(x); y = Sub(z, m)", REFUTED,
            "takes 'z' [0] times 1 instead of -1", 0, 0},
        {"two inputs", "in x float 2; in z float 2; out y; n = Neg(z); y = Add(x, n)",
            "in x float 2; in z float 2; out y; y = Sub(x, z)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* 1 + 2^-20 is 16 u above 1; 1 + 2^-23 is 2 u, one unit in the last place. */
static void test_numbers(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"16 u in one coefficient of many",
            "in x float 1,8; out y; init W float 8,2 ones; init s int64 2 2 1; a = MatMul(x, W); y = "
            "Reshape(a, s)",
            "in x float 1,8; out y; init W float 8,2 1 1 1 1 1 1 1 1.00000095367431640625 1 1 1 1 1 1 1 1; "
            "init s int64 "
            "2 2 1; init h float 2,1 0.5 0.5; a = MatMul(x, W); b = Reshape(a, s); c = Mul(b, h); y = Add(c, "
            "c)",
            REFUTED, "element [1,0] takes 'x' [0,3] times 1.00000095 instead of 1: 16 u", 0, 0},
        {"rounding in one coefficient of many",
            "in x float 1,4; out y; init W float 4,2 1 1 1 1 1 1 1 1; init h float () 3; init s int64 2 2 1; "
            "a = "
            "MatMul(x, W); b = Div(a, h); y = Reshape(b, s)",
            "in x float 1,4; out y; init W float 4,2 0.3333333432674407958984375 0.3333333432674407958984375 "
            "0.3333333432674407958984375 0.3333333432674407958984375 0.3333333432674407958984375 "
            "0.3333333432674407958984375 0.3333333432674407958984375 0.3333333432674407958984375; init s "
            "int64 2 2 1; "
            "a = MatMul(x, W); n = Neg(a); r = Reshape(n, s); y = Neg(r)",
            PROVED, NULL, 0, 0},
        {"rounding of terms that nearly cancel",
            "in x float 2; out y; init h float () 3; init e float () 0.3125; a = Div(x, h); b = Mul(x, e); y "
            "= Sub(a, b)",
            "in x float 2; out y; init t float () -0.3333333432674407958984375; init e float () -0.3125; c = "
            "Mul(x, t); "
            "d = Mul(x, e); q = Sub(c, d); y = Neg(q)",
            PROVED, NULL, 0, 0},
        {"a small coefficient beside a large shift",
            "in x float 1,2; out y; init W float 2,2 0.0001 0 0 0.0001; init b float 2 1000 1000; init s "
            "int64 2 2 1; "
            "a = MatMul(x, W); c = Add(a, b); y = Reshape(c, s)",
            "in x float 1,2; out y; init W float 2,2 0.0001 0 0 0.00010001; init b float 2,1 1000 1000; init "
            "s int64 2 "
            "2 1; a = MatMul(x, W); d = Reshape(a, s); y = Add(d, b)",
            REFUTED, "weight of output channel 1 at [1,1]", 0, 0},
        {"what is not finite is not proved",
            "in x float 1,2; out y; init W float 2,2 1 0 0 inf; init s int64 2 2 1; a = MatMul(x, W); y = "
            "Reshape(a, s)",
            "in x float 1,2; out y; init W float 2,2 1 0 0 inf; init s int64 2 2 1; n = Neg(x); q = "
            "MatMul(n, W); r = "
            "Reshape(q, s); y = Neg(r)",
            UNPROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"a hidden nonlinearity",
            IN NORM WEIGHTS "c = Conv(x, W); r = Abs(c); p = AveragePool(r) kernel_shape=[2,2]; y = Neg(p)",
            IN WEIGHTS "c = Conv(x, W); r = Relu(c); n = Neg(r); y = AveragePool(n) kernel_shape=[2,2]",
            UNPROVED, NULL, 0, 0},
        {"behind a nonlinearity that both have",
            IN "r = Relu(x); p = AveragePool(r) kernel_shape=[2,2]; y = Neg(p)",
            IN "r = Relu(x); n = Neg(r); y = AveragePool(n) kernel_shape=[2,2]", PROVED, NULL, 0, 0},
        {"in front of a nonlinearity that both have",
            IN "p = AveragePool(x) kernel_shape=[2,2]; q = Neg(p); y = Relu(q)",
            IN "n = Neg(x); q = AveragePool(n) kernel_shape=[2,2]; y = Relu(q)", PROVED, NULL, 0, 0},
        {"too large, and right",
            "in x float 1,8,64,64; out y; init i int64 8 7 6 5 4 3 2 1 0; init W float 8,8,3,3 rand; c = Conv(x, W) pads=[1,1,1,1]; p = "
            "Gather(c, i) axis=1; y = Neg(p)",
            "in x float 1,8,64,64; out y; init i int64 8 7 6 5 4 3 2 1 0; init W float 8,8,3,3 rand; n = Neg(x); d = Conv(n, W) "
            "pads=[1,1,1,1]; y = "
            "Gather(d, i) axis=1",
            UNPROVED, "tested on 8 random inputs only", 0, 0},
        {"too large, and wrong",
            "in x float 1,8,64,64; out y; init i int64 8 7 6 5 4 3 2 1 0; init W float 8,8,3,3 rand; c = Conv(x, W) pads=[1,1,1,1]; p = "
            "Gather(c, i) axis=1; y = Neg(p)",
            "in x float 1,8,64,64; out y; init i int64 8 7 6 5 4 3 2 1 0; init V float 8,8,3,3 rand; n = Neg(x); d = Conv(n, V) "
            "pads=[1,1,1,1]; y = "
            "Gather(d, i) axis=1",
            REFUTED, "on random inputs they differ", 0, 0},
        {"far too large",
            "in x float 1,512,512,512; out y; init i int64 1 0; init W float 512,512,1,1 ones; c = Conv(x, W); p = "
            "Gather(c, i) axis=1; y = Neg(p)",
            "in x float 1,512,512,512; out y; init i int64 1 0; init W float 512,512,1,1 ones; n = Neg(x); d = Conv(n, W); y = "
            "Gather(d, i) axis=1",
            UNPROVED, "too large to be probed", 0, 0},
        {"unknown extents", "in x float ?; out y; init i int64 1 0; p = Gather(x, i); y = Neg(p)",
            "in x float ?; out y; init i int64 1 0; n = Neg(x); y = Gather(n, i)", UNPROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* The proof of two models, and the extents it is restricted to. */
static void run_shapes(const char *ref, const char *new, int verdict, const char *shapes)
{
    struct bnf_model model[2] = {0};
    struct bnf_proof proof;
    struct bnf_err err = {0};
    const struct bnf_proof_options options = {.threads = 1};
    notation_read(&model[0], ref);
    notation_read(&model[1], new);
    assert_int_equal(bnf_prove(&model[0], &model[1], &options, &proof, &err), BNF_OK);
    if ((int)proof.verdict != verdict || (!shapes != !proof.shapes) ||
        (shapes && strcmp(shapes, proof.shapes) != 0))
        fail_msg("verdict %d for '%s'", (int)proof.verdict, proof.shapes ? proof.shapes : "(all)");
    bnf_proof_free(&proof);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

static void test_shapes(void **state)
{
    (void)state;
    run_shapes("in x float 1,2,4,4; out y; init i int64 1 0; q = AveragePool(x) kernel_shape=[2,2]; p = Gather(q, i) axis=1; y = Neg(p)",
        "in x float 1,2,4,4; out y; init i int64 1 0; n = Neg(x); q = AveragePool(n) kernel_shape=[2,2]; y = Gather(q, i) axis=1", PROVED, NULL);
    run_shapes("in x float N,2,4,4; out y; init i int64 1 0; q = AveragePool(x) kernel_shape=[2,2]; p = Gather(q, i) axis=1; y = Neg(p)",
        "in x float N,2,4,4; out y; init i int64 1 0; n = Neg(x); q = AveragePool(n) kernel_shape=[2,2]; y = Gather(q, i) axis=1", PROVED,
        "N = 2 and 3");
    run_shapes("in x float N,1,H,W; out y; init i int64 1 0; q = AveragePool(x) kernel_shape=[2,2]; p = Gather(q, i) axis=1; y = Neg(p)",
        "in x float N,1,H,W; out y; init i int64 1 0; n = Neg(x); q = AveragePool(n) kernel_shape=[2,2]; y = Gather(q, i) axis=1", PROVED,
        "N = 2 and 3, H = 4 and 5, W = 6 and 7");
    /* A window that needs more room. */
    run_shapes("in x float 1,1,H,4; out y; init i int64 1 0; q = AveragePool(x) kernel_shape=[7,1]; p = Gather(q, i) axis=1; y = Neg(p)",
        "in x float 1,1,H,4; out y; init i int64 1 0; n = Neg(x); q = AveragePool(n) kernel_shape=[7,1]; y = Gather(q, i) axis=1", PROVED,
        "H = 8 and 9");
    run_shapes("in x float N,2,2; out y; a = Transpose(x) perm=[0,2,1]; y = Neg(a)",
        "in x float N,2,2; out y; y = Neg(x)", UNPROVED, NULL);
    /* Equal for even extents only: the second extent tells them apart, but says nothing about all of them. */
    run_shapes("in x float 1,1,H,2; out y; p = AveragePool(x) kernel_shape=[2,1] strides=[2,1]; y = Neg(p)",
        "in x float 1,1,H,2; out y; n = Neg(x); y = AveragePool(n) kernel_shape=[2,1] strides=[2,1] "
        "pads=[0,0,1,0]",
        UNPROVED, NULL);
}

/* Where something is cut or gathered, short axes look alike: what is probed has to be longer. */
static void test_reach(void **state)
{
    (void)state;
#define CUT "init s int64 1 0; init e int64 1 50; init f int64 1 9223372036854774784; init a int64 1 0\n"
    run_shapes("in x float N; out y\n" CUT "p = Slice(x, s, e, a); q = Slice(x, e, f, a); y = Concat(p, q) axis=0",
        "in x float N; out y\n" CUT "y = Slice(x, s, e, a)", UNPROVED, NULL);
    run_shapes("in x float N; out y\n" CUT "y = Slice(x, s, e, a)",
        "in x float N; out y\n" CUT "p = Slice(x, s, e, a); q = Slice(x, e, f, a); y = Concat(p, q) axis=0", UNPROVED, NULL);
    run_shapes("in x float N; out y\n" CUT "p = Slice(x, s, e, a); q = Slice(x, e, f, a); y = Concat(p, q) axis=0",
        "in x float N; out y; y = Neg(x)", UNPROVED, NULL);
    /* One after the other they reach further than each alone, behind a window further still. */
#define CUTS "init s int64 1 3; init t int64 1 4; init u int64 1 7; init e int64 1 9; init f int64 1 99999999999; init a int64 1 0\n"
    run_shapes("in x float N; out y\n" CUTS "p = Slice(x, s, f, a); y = Slice(p, t, f, a)",
        "in x float N; out y\n" CUTS "y = Slice(x, u, e, a)", UNPROVED, NULL);
    run_shapes("in x float N; out y\n" CUTS "p = Slice(x, s, f, a); y = Slice(p, t, f, a)",
        "in x float N; out y\n" CUTS "y = Slice(x, u, f, a)", PROVED, "N = 9 and 10");
#define TURNED "init i int64 2 1 0; init s int64 1 0; init e int64 1 5; init a int64 1 -1\n"
    run_shapes("in x float N,2,H; out y\n" TURNED
        "q = AveragePool(x) kernel_shape=[3] strides=[2]; r = Slice(q, s, e, a); p = Gather(r, i) axis=1; y = Neg(p)",
        "in x float N,2,H; out y\n" TURNED
        "n = Neg(x); q = AveragePool(n) kernel_shape=[3] strides=[2]; r = Slice(q, s, e, a); y = Gather(r, i) axis=1",
        PROVED, "N = 2 and 3, H = 14 and 15");
    run_shapes("in x float N,2,H; out y\n" TURNED
        "t = Transpose(x) perm=[2,0,1]; v = Gather(t, i) axis=2; w = Transpose(v) perm=[1,2,0]; r = Slice(w, s, e, a); "
        "y = Neg(r)",
        "in x float N,2,H; out y\n" TURNED "n = Neg(x); r = Slice(n, s, e, a); y = Gather(r, i) axis=1", PROVED,
        "N = 2 and 3, H = 7 and 8");
    /* What is cut on another axis asks nothing of this one. */
    run_shapes("in x float N,9,2; out y\ninit i int64 2 8 0; init s int64 1 0; init e int64 1 1; init a int64 1 1\n"
        "p = Gather(x, i) axis=1; q = Slice(p, s, e, a); y = Neg(q)",
        "in x float N,9,2; out y\ninit s int64 1 8; init e int64 1 9; init a int64 1 1; n = Neg(x); y = Slice(n, s, e, a)",
        PROVED, "N = 2 and 3");
    run_shapes("in x float N,2; out y; init i int64 2 8 0; p = Gather(x, i); y = Neg(p)",
        "in x float N,2; out y; init i int64 2 0 8; init j int64 2 1 0; n = Neg(x); q = Gather(n, i); y = Gather(q, j)",
        PROVED, "N = 11 and 12");
    /* Further than can be paid for. */
    run_shapes("in x float N; out y\ninit s int64 1 0; init e int64 1 100000; p = Slice(x, s, e); q = Slice(x, e, e); r = "
        "Concat(p, q) axis=0; y = Neg(r)",
        "in x float N; out y\ninit s int64 1 0; init e int64 1 100000; n = Neg(x); y = Slice(n, s, e)", UNPROVED, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
