/* The proof on pairs of small models. Numbers are chosen so that the exact result is exact in the stored type:
 * epsilon 0, variances 4 and 16, powers of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "check/proof.h"
#include "support/notation.h"

enum { PROVED = BNF_PROOF_PROVED, REFUTED = BNF_PROOF_REFUTED, UNPROVED = BNF_PROOF_UNPROVED };

struct pair {
    const char *name, *ref, *new;
    int verdict;
    const char *says; /* part of the first finding; NULL: not looked at */
    bool by_position, keep_overridable;
};

/* ---- pieces ---- */

/* scale 1 -1, shift -4 10 */
#define NORM                                                                                                 \
    "init g float 2 2 -4; init be float 2 1 3; init m float 2 5 7; init v float 2 4 16\n"
#define CONV_BN                                                                                              \
    "in x float 1,2,4,4; out y\n" NORM "init W float 2,2,1,1 1 2 3 4\n"                                      \
    "c = Conv(x, W); b = BatchNormalization(c, g, be, m, v) epsilon=0.0; y = Relu(b)\n"
#define CONV_FOLDED                                                                                          \
    "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 -3 -4; init B float 2 -4 10\n"

static void run_pair(const struct pair *c)
{
    struct bnf_model model[2] = {0};
    struct bnf_proof proof;
    struct bnf_err err = {0};
    const struct bnf_proof_options options = {
        .match_by_position = c->by_position, .keep_overridable = c->keep_overridable, .threads = 1};
    notation_read(&model[0], c->ref);
    notation_read(&model[1], c->new);
    if (bnf_prove(&model[0], &model[1], &options, &proof, &err))
        fail_msg("%s: %s", c->name, err.text);
    const char *detail = proof.finding_count ? proof.findings[0].detail : "";
    if ((int)proof.verdict != c->verdict || (c->says && !strstr(detail, c->says)))
        fail_msg("%s: verdict %d instead of %d: %s", c->name, (int)proof.verdict, c->verdict, detail);
    assert_true((proof.verdict == BNF_PROOF_PROVED) == (proof.finding_count == 0));
    bnf_proof_free(&proof);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

static void run_pairs(const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_pair(&pairs[i]);
}

#define RUN(pairs) run_pairs(pairs, sizeof(pairs) / sizeof *(pairs))

/* ---- folds ---- */

static void test_folds(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"conv", CONV_BN, CONV_FOLDED "b = Conv(x, W, B); y = Relu(b)", PROVED, NULL, 0, 0},
        {"conv, the wrong name survives", CONV_BN, CONV_FOLDED "c = Conv(x, W, B); y = Relu(c)", PROVED, NULL, 0, 0},
        {"conv, no name survives", CONV_BN, CONV_FOLDED "q = Conv(x, W, B); y = Relu(q)", PROVED, NULL, 0, 0},
        {"conv, weight forgotten", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; init B float 2 -4 10\n"
            "b = Conv(x, W, B); y = Relu(b)",
            REFUTED, "weight of output channel 1 at [1,0,0,0] is 3 instead of -3", 0, 0},
        {"conv, bias forgotten", CONV_BN, CONV_FOLDED "b = Conv(x, W); y = Relu(b)", REFUTED,
            "bias of output channel 1 is 0 instead of 10", 0, 0},
        {"BN dropped", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; b = Conv(x, W); y = Relu(b)", REFUTED, NULL, 0, 0},
        {"BN twice", CONV_BN, CONV_FOLDED NORM
            "c = Conv(x, W, B); b = BatchNormalization(c, g, be, m, v) epsilon=0.0; y = Relu(b)",
            REFUTED, NULL, 0, 0},
        {"channels swapped", CONV_BN,
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 -3 -4 1 2; init B float 2 10 -4\n"
            "b = Conv(x, W, B); y = Relu(b)",
            REFUTED, NULL, 0, 0},
        {"conv read twice, folded copy",
            CONV_BN "out c",
            "in x float 1,2,4,4; out y; out c; init V float 2,2,1,1 1 2 3 4\n"
            "init W float 2,2,1,1 1 2 -3 -4; init B float 2 -4 10\n"
            "b = Conv(x, W, B); y = Relu(b); c = Conv(x, V)",
            PROVED, NULL, 0, 0},
        {"shared weight clobbered",
            "in x float 1,2,4,4; out y; out z\n" NORM "init W float 2,2,1,1 1 2 3 4\n"
            "c = Conv(x, W); y = BatchNormalization(c, g, be, m, v) epsilon=0.0; z = Conv(x, W)",
            CONV_FOLDED "out z; y = Conv(x, W, B); z = Conv(x, W)", REFUTED, "output channel 1", 0, 0},
        {"lowered to a depthwise convolution",
            "in x float 1,2,4,4; out y; r = Relu(x)\n" NORM "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; r = Relu(x); init W float 2,1,1,1 1 -1; init B float 2 -4 10\n"
            "y = Conv(r, W, B) group=2",
            PROVED, NULL, 0, 0},
        {"lowered to Mul and Add",
            "in x float 1,2,4,4; out y; r = Relu(x)\n" NORM "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; r = Relu(x); init s float 2,1,1 1 -1; init t float 2,1,1 -4 10\n"
            "p = Mul(s, r); y = Add(p, t)",
            PROVED, NULL, 0, 0},
        {"lowered onto the wrong axis",
            "in x float 1,2,2,2; out y; r = Relu(x)\n" NORM "y = BatchNormalization(r, g, be, m, v) epsilon=0.0",
            "in x float 1,2,2,2; out y; r = Relu(x); init s float 2 1 -1; init t float 2 -4 10\n"
            "p = Mul(r, s); y = Add(p, t)",
            REFUTED, "axis 3", 0, 0},
        {"decomposed: Sub, Div, Neg",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; init a float 2,1,1 1 2; init d float 2,1,1 2 4\n"
            "c = Conv(x, W); e = Sub(a, c); f = Div(e, d); y = Neg(f)",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 0.5 1 0.75 1; init B float 2 -0.5 -0.5; y = Conv(x, W, B)",
            PROVED, NULL, 0, 0},
        {"identity and dropout on the way", CONV_BN,
            CONV_FOLDED "i = Identity(x); q = Conv(i, W, B); d = Dropout(q); y = Relu(d)", PROVED, NULL, 0, 0},
        {"grouped transposed convolution",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"
            "init g float 4 1 2 4 8; init be float 4 1 2 3 4; init m float 4 0 0 0 0; init v float 4 1 1 1 1\n"
            "c = ConvTranspose(x, W) group=2; y = BatchNormalization(c, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 4 12 32; init B float 4 1 2 3 4\n"
            "y = ConvTranspose(x, W, B) group=2",
            PROVED, NULL, 0, 0},
        {"grouped transposed convolution scaled as if it had one group",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"
            "init g float 4 1 2 4 8; init be float 4 1 2 3 4; init m float 4 0 0 0 0; init v float 4 1 1 1 1\n"
            "c = ConvTranspose(x, W) group=2; y = BatchNormalization(c, g, be, m, v) epsilon=0.0",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 4 3 8; init B float 4 1 2 3 4\n"
            "y = ConvTranspose(x, W, B) group=2",
            REFUTED, "output channel", 0, 0},
    };
    RUN(pairs);
}

static void test_products(void **state)
{
    (void)state;
    static const char gemm[] =
        "in x float 3,2; out y\n" NORM "init W float 2,2 1 2 3 4; init C float 1,2 8 16\n"
        "c = Gemm(x, W, C) alpha=0.5 beta=0.25 transB=1; y = BatchNormalization(c, g, be, m, v) epsilon=0.0";
    static const char matmul[] =
        "in x float 5,2,3; out y; init W float 3,2 1 2 3 4 5 6; init s float 2 2 4; init t float 2 1 -1\n"
        "c = MatMul(x, W); d = Mul(c, s); y = Add(d, t)";
    static const char norm_of_three[] =
        "in x float 5,2,2; out y\n" NORM "init W float 2,2 1 2 3 4; c = MatMul(x, W)\n"
        "y = BatchNormalization(c, g, be, m, v) epsilon=0.0";
    static const struct pair pairs[] = {
        {"gemm", gemm,
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            PROVED, NULL, 0, 0},
        {"gemm, beta applied to the shift as well", gemm,
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1 beta=0.25",
            REFUTED, "bias", 0, 0},
        {"gemm, the other axis scaled", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -2 3 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            REFUTED, "weight", 0, 0},
        {"gemm, weight transposed and told so", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -3 2 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5",
            PROVED, NULL, 0, 0},
        {"gemm, weight transposed in silence", gemm,
            "in x float 3,2; out y; init W float 2,2 1 -3 2 -4; init C float 1,2 -2 6\n"
            "y = Gemm(x, W, C) alpha=0.5 transB=1",
            REFUTED, "weight", 0, 0},
        {"gemm, bias by rows",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init C float 2,1 1 2; init s float 2 2 4\n"
            "c = Gemm(x, W, C); y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 8 6 16; init C float 2,2 2 4 4 8; y = Gemm(x, W, C)", PROVED,
            NULL, 0, 0},
        {"gemm, bias by rows taken for one by columns",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init C float 2,1 1 2; init s float 2 2 4\n"
            "c = Gemm(x, W, C); y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 8 6 16; init C float 2 2 8; y = Gemm(x, W, C)", REFUTED, "bias",
            0, 0},
        {"matmul", matmul,
            "in x float 5,2,3; out y; init W float 3,2 2 8 6 16 10 24; init t float 2 1 -1\n"
            "d = MatMul(x, W); y = Add(d, t)",
            PROVED, NULL, 0, 0},
        {"matmul, rows instead of columns", "in x float 5,2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 4\n"
                                            "c = MatMul(x, W); y = Mul(c, s)",
            "in x float 5,2,2; out y; init W float 2,2 2 4 12 16; y = MatMul(x, W)", REFUTED, "weight", 0, 0},
        {"axis 1 of rank 3 is not the last one", norm_of_three,
            "in x float 5,2,2; out y; init W float 2,2 1 -2 3 -4; init t float 2 -4 10\n"
            "d = MatMul(x, W); y = Add(d, t)",
            REFUTED, NULL, 0, 0},
        {"weight on the left", "in x float 5,3,2; out y; init W float 2,3 1 2 3 4 5 6; init s float 2,1 2 4\n"
                               "c = MatMul(W, x); y = Mul(c, s)",
            "in x float 5,3,2; out y; init W float 2,3 2 4 6 16 20 24; y = MatMul(W, x)", PROVED, NULL, 0, 0},
        {"weight on the left, scaled on the right",
            "in x float 5,2,2; out y; init W float 2,2 1 2 3 4; init s float 2,1 2 4; c = MatMul(W, x); y = Mul(c, s)",
            "in x float 5,2,2; out y; init W float 2,2 2 8 6 16; y = MatMul(W, x)", REFUTED, "weight", 0, 0},
        {"gemm for matmul and add",
            "in x float 3,2; out y; init W float 2,2 1 2 3 4; init t float 2 5 6; c = MatMul(x, W); y = Add(c, t)",
            "in x float 3,2; out y; init W float 2,2 1 2 3 4; init t float 2 5 6; y = Gemm(x, W, t)", PROVED, NULL, 0, 0},
        {"forward into gemm", "in x float 3,2; out y\n" NORM
            "init W float 2,2 1 2 3 4; init C float 2 1 1; b = BatchNormalization(x, g, be, m, v) epsilon=0.0\n"
            "y = Gemm(b, W, C)",
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 27 33; y = Gemm(x, W, C)", PROVED, NULL,
            0, 0},
        {"forward into gemm, one term lost", "in x float 3,2; out y\n" NORM
            "init W float 2,2 1 2 3 4; init C float 2 1 1; b = BatchNormalization(x, g, be, m, v) epsilon=0.0\n"
            "y = Gemm(b, W, C)",
            "in x float 3,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 31 33; y = Gemm(x, W, C)", REFUTED,
            "bias of output channel 0 is 31 instead of 27", 0, 0},
        {"forward into a transposed A", "in x float 2,2; out y\n" NORM
            "init W float 2,2 1 2 3 4; b = BatchNormalization(x, g, be, m, v) epsilon=0.0; y = Gemm(b, W) transA=1",
            "in x float 2,2; out y; init W float 2,2 1 2 -3 -4; init C float 2 26 32; y = Gemm(x, W, C) transA=1",
            REFUTED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* ---- the rules of soundness ---- */

#define IN "in x float 1,2,4,4; out y\n"

static void test_interface(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"1: an input more", IN "y = Relu(x)", IN "in z float 1; y = Relu(x)", REFUTED, "'z' is an input of the candidate", 0, 0},
        {"1: an input less", IN "in z float 1,2,4,4; y = Add(x, z)", IN "y = Add(x, x)", REFUTED, "'z'", 0, 0},
        {"1: computed instead", IN "in z float 1,2,4,4; y = Add(x, z)", IN "z = Relu(x); y = Add(x, z)", REFUTED,
            "computed in the candidate", 0, 0},
        {"1: another type", IN "y = Relu(x)", "in x float16 1,2,4,4; out y; y = Relu(x)", REFUTED, "float16", 0, 0},
        {"1: another shape", IN "y = Relu(x)", "in x float 1,2,4,5; out y; y = Relu(x)", REFUTED, "1x2x4x5", 0, 0},
        {"1: inputs exchanged", "in a float 2; in b float 2; out y; y = Sub(a, b)",
            "in a float 2; in b float 2; out y; y = Sub(b, a)", REFUTED, "instead of", 0, 0},
        {"1: frozen default", IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; y = Add(x, W)", PROVED, NULL, 0, 0},
        {"1: frozen to another value", IN "init W float 1,2,4,4 zeros; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 ones; y = Add(x, W)", REFUTED, "constants of float differ", 0, 0},
        {"1: default missing, kept overridable", IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; y = Add(x, W)", REFUTED, "'W'", 0, true},
        {"1: another default, kept overridable", IN "init W float 1,2,4,4 zeros; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 ones; input W; y = Add(x, W)", REFUTED, "default value", 0, true},
        {"1: the input became the default of one", IN "in W float 1,2,4,4; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)", REFUTED, "has a default value", 0, 0},
        {"13: an output less", IN "out z; y = Relu(x); z = Neg(x)", IN "y = Relu(x)", REFUTED, "1 outputs instead of 2", 0, 0},
        {"13: outputs reordered", "in x float 2; out y; out z; y = Relu(x); z = Neg(x)",
            "in x float 2; out z; out y; y = Relu(x); z = Neg(x)", REFUTED, "output 0 is 'z'", 0, 0},
        {"13: outputs reordered, matched by position", "in x float 2; out y; out z; y = Relu(x); z = Neg(x)",
            "in x float 2; out z; out y; y = Relu(x); z = Neg(x)", UNPROVED, NULL, true, 0},
        {"13: everything renamed", "in x float 2; in u float 2; out y; y = Sub(x, u)",
            "in a float 2; in b float 2; out c; c = Sub(a, b)", PROVED, NULL, true, 0},
        {"13: everything renamed, inputs exchanged", "in x float 2; in u float 2; out y; y = Sub(x, u)",
            "in a float 2; in b float 2; out c; c = Sub(b, a)", REFUTED, NULL, true, 0},
        {"13: another type of output", "in x float 2; out y; y = Cast(x) to=7", "in x float 2; out y; y = Cast(x) to=6",
            REFUTED, "int32", 0, 0},
        {"no outputs", "in x float 2; y = Relu(x)", "in x float 2; y = Neg(x)", UNPROVED, "no outputs", 0, 0},
    };
    RUN(pairs);
}

static void test_names(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"3: a constant of the same name", IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            IN "init W float 2,2,1,1 1 2 3 5; y = Conv(x, W)", REFUTED, "is 5 instead of 4", 0, 0},
        {"3: a constant of another name", IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            IN "init V float 2,2,1,1 1 2 3 4; y = Conv(x, V)", PROVED, NULL, 0, 0},
        {"3: a constant computed from constants", IN "init W float 4 1 2 3 4; init s int64 4 2 2 1 1\n"
                                                  "V = Reshape(W, s); y = Conv(x, V)",
            IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)", PROVED, NULL, 0, 0},
        {"4: names exchanged", IN "a = Relu(x); b = Neg(x); y = Sub(a, b)", IN "b = Relu(x); a = Neg(x); y = Sub(b, a)",
            PROVED, NULL, 0, 0},
        {"4: names exchanged and used as they were", IN "a = Relu(x); b = Neg(x); y = Sub(a, b)",
            IN "b = Relu(x); a = Neg(x); y = Sub(a, b)", UNPROVED, NULL, 0, 0},
        {"4: renumbered", IN "a = Relu(x); b = Sigmoid(a); c = Exp(b); y = Neg(c)",
            IN "n1 = Relu(x); n2 = Sigmoid(n1); n3 = Exp(n2); y = Neg(n3)", PROVED, NULL, 0, 0},
        {"4: another structure is no refutation", IN "a = Relu(x); y = Neg(a)", IN "a = Abs(x); y = Neg(a)", UNPROVED,
            "the reference computes it by Relu, the candidate by Abs", 0, 0},
        {"5: a wrong value nothing depends on", IN "init W float 2,2,1,1 1 2 3 4; d = Conv(x, W); y = Relu(x)",
            IN "init W float 2,2,1,1 9 9 9 9; d = Conv(x, W); y = Relu(x)", PROVED, NULL, 0, 0},
        {"swapped summands", IN "a = Relu(x); b = Exp(x); y = Add(a, b)", IN "a = Relu(x); b = Exp(x); y = Add(b, a)",
            PROVED, NULL, 0, 0},
        {"an output of another slot", "in x float 4,2; out y; a, y = Split(x) axis=0", "in x float 4,2; out y; y, a = Split(x) axis=0",
            REFUTED, "output 0 instead of output 1", 0, 0},
    };
    RUN(pairs);
}

static void test_operators(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"7: a default spelled out", IN "y = LeakyRelu(x)", IN "y = LeakyRelu(x) alpha=0.01", PROVED, NULL, 0, 0},
        {"7: not the default", IN "y = LeakyRelu(x)", IN "y = LeakyRelu(x) alpha=0.02", REFUTED, "attribute 'alpha'", 0, 0},
        {"7: an attribute dropped", IN "y = Softmax(x) axis=1", IN "y = Softmax(x)", REFUTED, "attribute 'axis'", 0, 0},
        {"7: a string attribute", IN "y = DepthToSpace(x) blocksize=1 mode='CRD'", IN "y = DepthToSpace(x) blocksize=1",
            REFUTED, "attribute 'mode'", 0, 0},
        {"7: versions of one schema", "opset 13\n" IN "y = Relu(x)", "opset 12\n" IN "y = Relu(x)", UNPROVED, "version", 0, 0},
        {"7: versions with the same schema", "opset 14\n" IN "y = Relu(x)", "opset 15\n" IN "y = Relu(x)", PROVED, NULL, 0, 0},
        {"7: versions that differ", "opset 12\n" IN "y = Softmax(x) axis=1", "opset 13\n" IN "y = Softmax(x) axis=1", UNPROVED,
            "version", 0, 0},
        {"7: another domain", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)", IN "y = Relu(x)", UNPROVED, NULL, 0, 0},
        {"7: the same foreign operator", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)",
            PROVED, NULL, 0, 0},
        {"7: a foreign operator's version", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)", "opset ai.acme 2\n" IN "y = ai.acme.Relu(x)",
            UNPROVED, "version", 0, 0},
        {"7: a foreign Conv is not ONNX's", "opset ai.acme 1\n" IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 2 2\n"
                                            "c = ai.acme.Conv(x, W); y = Mul(c, s)",
            "opset ai.acme 1\n" IN "init W float 2,2,1,1 2 4 6 8; y = ai.acme.Conv(x, W)", UNPROVED, NULL, 0, 0},
        {"a foreign operator may draw: two are not one", "opset ai.acme 1\n" IN "a = ai.acme.F(x); b = ai.acme.F(x); y = Sub(a, b)",
            "opset ai.acme 1\n" IN "a = ai.acme.F(x); y = Sub(a, a)", UNPROVED, NULL, 0, 0},
        {"a pure operator does not: two are one", IN "a = Exp(x); b = Exp(x); y = Sub(a, b)", IN "a = Exp(x); y = Sub(a, a)",
            PROVED, NULL, 0, 0},
        {"10: weights of another type", "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            "in x float 1,2,4,4; out y; init W double 2,2,1,1 1 2 3 4; y = Conv(x, W)", REFUTED, "double", 0, 0},
        {"10: through a narrower type", "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            "in x float 1,2,4,4; out y; init W float16 2,2,1,1 1 2 3 4\n"
            "h = Cast(x) to=10; c = Conv(h, W); y = Cast(c) to=1",
            UNPROVED, NULL, 0, 0},
        {"11: the same draw", IN "r = RandomNormalLike(x); y = Add(x, r)", IN "r = RandomNormalLike(x); y = Add(x, r)", PROVED, NULL, 0, 0},
        {"11: another draw", IN "r = RandomNormalLike(x); y = Add(x, r)", IN "q = RandomNormalLike(x); y = Add(x, q)", UNPROVED,
            "draws", 0, 0},
        {"11: one draw for two", IN "r = RandomNormalLike(x); q = RandomNormalLike(x); y = Sub(r, q)",
            IN "r = RandomNormalLike(x); y = Sub(r, r)", UNPROVED, NULL, 0, 0},
        {"11: training-mode dropout is no identity", IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)",
            IN "y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"11: dropout without training is one", IN "init r float () 0.5; init t bool () 0; y = Dropout(x, r, t)",
            IN "y = Identity(x)", PROVED, NULL, 0, 0},
        {"11: training-mode dropout under its name", IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)",
            IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* A convolution with a 3×3 window and a BatchNormalization in front or behind. */
#define WINDOW "in x float 1,2,H,H; out y\ninit W float 2,2,3,3 rand\n"
#define WINDOW_5 "in x float 1,2,5,5; out y\ninit W float 2,2,3,3 rand\n"

static void test_geometry(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"8: strides", WINDOW "y = Conv(x, W) strides=[1,2]", WINDOW "y = Conv(x, W) strides=[2,1]", REFUTED, "strides", 0, 0},
        {"8: strides dropped", WINDOW "y = Conv(x, W) strides=[2,2]", WINDOW "y = Conv(x, W)", REFUTED, "strides", 0, 0},
        {"8: dilations", WINDOW "y = Conv(x, W) dilations=[1,2]", WINDOW "y = Conv(x, W)", REFUTED, "dilations", 0, 0},
        {"8: pads", WINDOW "y = Conv(x, W) pads=[1,1,1,1]", WINDOW "y = Conv(x, W) pads=[0,0,2,2]", REFUTED, "pads", 0, 0},
        {"8: SAME is what it amounts to", WINDOW_5 "y = Conv(x, W) auto_pad='SAME_UPPER'", WINDOW_5 "y = Conv(x, W) pads=[1,1,1,1]",
            PROVED, NULL, 0, 0},
        {"8: SAME is what it amounts to, with strides",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_UPPER' strides=[2,2]",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[0,0,1,1] strides=[2,2]", PROVED, NULL, 0, 0},
        {"8: SAME_LOWER is not SAME_UPPER",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_LOWER' strides=[2,2]",
            "in x float 1,2,6,6; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[0,0,1,1] strides=[2,2]", REFUTED, "pads", 0, 0},
        {"8: SAME of unknown extents", "in x float 1,2,H,H; out y; init W float 2,2,3,3 rand; y = Conv(x, W) auto_pad='SAME_UPPER'",
            "in x float 1,2,H,H; out y; init W float 2,2,3,3 rand; y = Conv(x, W) pads=[1,1,1,1]", UNPROVED, "auto_pad", 0, 0},
        {"8: groups", "in x float 1,2,4,4; out y; init W float 4,1,1,1 rand; y = Conv(x, W) group=2",
            "in x float 1,2,4,4; out y; init W float 4,1,1,1 rand; y = Conv(x, W) group=1", REFUTED, "groups", 0, 0},
        {"8: output padding", "in x float 1,2,H,H; out y; init W float 2,2,2,2 rand; y = ConvTranspose(x, W) strides=[2,2] output_padding=[1,0]",
            "in x float 1,2,H,H; out y; init W float 2,2,2,2 rand; y = ConvTranspose(x, W) strides=[2,2] output_padding=[0,1]", REFUTED,
            "output padding", 0, 0},
        {"8: kernels of the same size", "in x float 1,2,H,H; out y; init W float 2,2,1,4 rand; y = Conv(x, W)",
            "in x float 1,2,H,H; out y; init W float 2,2,4,1 rand; y = Conv(x, W)", REFUTED, "2x2x4x1", 0, 0},
    };
    RUN(pairs);
}

/* scale 2, 4; shift 1, -3 in front of a convolution with a window of two elements */
#define FRONT(attributes)                                                                                    \
    "in x float 1,2,5; out y; init s float 2,1 2 4; init t float 2,1 1 -3; init W float 1,2,2 1 2 3 4\n"     \
    "p = Mul(x, s); q = Add(p, t); y = Conv(q, W)" attributes

static void test_forward(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"forward without padding", FRONT(""), "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B)",
            PROVED, NULL, 0, 0},
        {"forward without padding, only the first tap shifted", FRONT(""),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -8; y = Conv(x, W, B)", REFUTED, "bias", 0, 0},
        {"9: forward with padding", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B) pads=[1,1]", REFUTED,
            "padding", 0, 0},
        {"9: forward with SAME padding", FRONT(" auto_pad='SAME_UPPER'"),
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; init B float 1 -18; y = Conv(x, W, B) auto_pad='SAME_UPPER'", REFUTED,
            "padding", 0, 0},
        {"9: only the scale passes padding", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init t float 2,1 0.5 -0.75; init W float 1,2,2 2 4 12 16\n"
            "q = Add(x, t); y = Conv(q, W) pads=[1,1]",
            PROVED, NULL, 0, 0},
        {"9: only the scale passes padding, wrong offset", FRONT(" pads=[1,1]"),
            "in x float 1,2,5; out y; init t float 2,1 0.5 -3; init W float 1,2,2 2 4 12 16\n"
            "q = Add(x, t); y = Conv(q, W) pads=[1,1]",
            REFUTED, NULL, 0, 0},
        {"9: a scale alone passes", "in x float 1,2,5; out y; init s float 2,1 2 4; init W float 1,2,2 1 2 3 4; p = Mul(x, s); y = Conv(p, W) pads=[1,1]",
            "in x float 1,2,5; out y; init W float 1,2,2 2 4 12 16; y = Conv(x, W) pads=[1,1]", PROVED, NULL, 0, 0},
        {"9: transposed convolutions overlap",
            "in x float 1,1,5; out y; init t float () 1; init W float 1,2,2 1 2 3 4; q = Add(x, t); y = ConvTranspose(q, W)",
            "in x float 1,1,5; out y; init W float 1,2,2 1 2 3 4; init B float 2 3 7; y = ConvTranspose(x, W, B)", REFUTED, "padding", 0, 0},
        {"forward into a transposed convolution of one tap",
            "in x float 1,2,5; out y; init t float 2,1 1 -3; init W float 2,2,1 1 2 3 4; q = Add(x, t); y = ConvTranspose(q, W)",
            "in x float 1,2,5; out y; init W float 2,2,1 1 2 3 4; init B float 2 -8 -10; y = ConvTranspose(x, W, B)", PROVED, NULL, 0, 0},
        {"forward into groups", "in x float 1,4,5; out y; init s float 4,1 1 2 4 8; init W float 2,2,1 1 1 1 1; p = Mul(x, s); y = Conv(p, W) group=2",
            "in x float 1,4,5; out y; init W float 2,2,1 1 2 4 8; y = Conv(x, W) group=2", PROVED, NULL, 0, 0},
        {"forward into groups, as if there were one",
            "in x float 1,4,5; out y; init s float 4,1 1 2 4 8; init W float 2,2,1 1 1 1 1; p = Mul(x, s); y = Conv(p, W) group=2",
            "in x float 1,4,5; out y; init W float 2,2,1 1 2 1 2; y = Conv(x, W) group=2", REFUTED, "weight", 0, 0},
    };
    RUN(pairs);
}

static void test_batchnorm(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"training mode is no affine", "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 training_mode=1",
            "opset 15\n" IN "init s float 2,1,1 1 -1; init t float 2,1,1 -4 10; p = Mul(x, s); y = Add(p, t)", UNPROVED, NULL, 0, 0},
        {"further outputs mean training", "opset 9\n" IN NORM "y, mm = BatchNormalization(x, g, be, m, v) epsilon=0.0",
            "opset 9\n" IN "init s float 2,1,1 1 -1; init t float 2,1,1 -4 10; p = Mul(x, s); y = Add(p, t)", UNPROVED, NULL, 0, 0},
        {"training mode switched off", "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v)", REFUTED, "training_mode", 0, 0},
        {"training mode kept", "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1",
            "opset 15\n" IN NORM "y = BatchNormalization(x, g, be, m, v) training_mode=1", PROVED, NULL, 0, 0},
        {"opset 6 trains unless told", "opset 6\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0",
            "opset 6\n" IN "init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = Conv(x, W, B) group=2", UNPROVED, NULL, 0, 0},
        {"opset 6 in inference", "opset 6\n" IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 is_test=1",
            "opset 6\n" IN "init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = Conv(x, W, B) group=2", PROVED, NULL, 0, 0},
        {"opset 6 broadcasts where told", "opset 6\n" IN "init s float 2 2 4; y = Mul(x, s) broadcast=1 axis=1",
            "opset 6\n" IN "init W float 2,1,1,1 2 4; y = Conv(x, W) group=2", PROVED, NULL, 0, 0},
        {"opset 6 broadcasts on the right", "opset 6\nin x float 1,2,2,2; out y; init s float 2 2 4; y = Mul(x, s) broadcast=1",
            "opset 6\nin x float 1,2,2,2; out y; init W float 2,1,1,1 2 4; y = Conv(x, W) group=2", REFUTED, "axis", 0, 0},
        {"per element, not per channel", "opset 7\nin x float 1,2,4,4; out y\n" NORM "y = BatchNormalization(x, g, be, m, v) epsilon=0.0 spatial=0",
            "opset 7\nin x float 1,2,4,4; out y; init W float 2,1,1,1 1 -1; init B float 2 -4 10; y = Conv(x, W, B) group=2", UNPROVED, NULL, 0, 0},
        {"epsilon outside the root", "in x float 1,1,4,4; out y; init g float 1 1; init z float 1 0; init v float 1 0\n"
                                     "y = BatchNormalization(x, g, z, z, v) epsilon=0.0625",
            "in x float 1,1,4,4; out y; init s float () 16; y = Mul(x, s)", REFUTED, "scale", 0, 0},
        {"epsilon inside the root", "in x float 1,1,4,4; out y; init g float 1 1; init z float 1 0; init v float 1 0\n"
                                    "y = BatchNormalization(x, g, z, z, v) epsilon=0.0625",
            "in x float 1,1,4,4; out y; init s float () 4; y = Mul(x, s)", PROVED, NULL, 0, 0},
        {"a missing epsilon is 1e-5", IN NORM "y = BatchNormalization(x, g, be, m, v)", IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=1e-5",
            PROVED, NULL, 0, 0},
        {"a missing epsilon is not 1e-3", IN NORM "y = BatchNormalization(x, g, be, m, v)", IN NORM "y = BatchNormalization(x, g, be, m, v) epsilon=1e-3",
            REFUTED, NULL, 0, 0},
        {"no root of what is negative", IN "init g float 2 1 1; init z float 2 0 0; init v float 2 1 -1\n"
                                        "y = BatchNormalization(x, g, z, z, v) epsilon=0.0",
            IN "y = Identity(x)", REFUTED, "no finite scale", 0, 0},
        {"no root of what is negative, folded", IN "init W float 2,2,1,1 1 2 3 4; init g float 2 1 1; init z float 2 0 0; init v float 2 1 -1\n"
                                                "c = Conv(x, W); y = BatchNormalization(c, g, z, z, v) epsilon=0.0",
            IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)", REFUTED, "no finite scale", 0, 0},
        {"NaN statistics left alone", IN "init g float 2 1 nan; init z float 2 0 0; init v float 2 1 1; y = BatchNormalization(x, g, z, z, v)",
            IN "init g float 2 1 nan; init z float 2 0 0; init v float 2 1 1; y = BatchNormalization(x, g, z, z, v)", PROVED, NULL, 0, 0},
        {"NaN weights", IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 1 1; c = Conv(x, W); y = Mul(c, s)",
            IN "init W float 2,2,1,1 1 2 nan 4; y = Conv(x, W)", REFUTED, "nan", 0, 0},
        {"an infinite summand", IN "a = Relu(x); init s float 2,1,1 1 1; y = Mul(a, s)",
            IN "a = Relu(x); init t float 2,1,1 1 inf; y = Add(a, t)", REFUTED, "no finite scale", 0, 0},
        {"infinite weights", IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 1 1; c = Conv(x, W); y = Mul(c, s)",
            IN "init W float 2,2,1,1 1 2 inf 4; y = Conv(x, W)", REFUTED, "is inf instead of 3", 0, 0},
        {"a channel that is broadcast is no channel", "in x float 1,C,4; out y; init s float 2,1 1 1; y = Mul(x, s)",
            "in x float 1,C,4; out y; y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"a constant of higher rank widens", "in x float ?; out y; init s float 1,1 1; y = Mul(x, s)",
            "in x float ?; out y; y = Identity(x)", UNPROVED, NULL, 0, 0},
        {"stated shapes do not count where they follow",
            "opset 11\nin x float 1,1,4; out y; info r float 1,2,4; init s float 2,1 1 1; r = Relu(x); q = Mul(r, s); y = ReduceSum(q) axes=[1]",
            "opset 11\nin x float 1,1,4; out y; info r float 1,2,4; r = Relu(x); y = ReduceSum(r) axes=[1]", UNPROVED, NULL, 0, 0},
        {"integers do not scale", "in x int32 1,2,4; out y; init s int32 () 1; y = Mul(x, s)", "in x int32 1,2,4; out y; y = Identity(x)", UNPROVED,
            NULL, 0, 0},
        {"merged into one norm", IN NORM "init g2 float 2 2 4; init z float 2 0 0; init o float 2 1 1\n"
                                 "a = BatchNormalization(x, g, be, m, v) epsilon=0.0; y = BatchNormalization(a, g2, z, z, o) epsilon=0.0",
            IN "init W float 2,1,1,1 2 -4; init B float 2 -8 40; y = Conv(x, W, B) group=2", PROVED, NULL, 0, 0},
        {"an identity is dropped", IN "init g float 2 2 4; init z float 2 0 0; init v float 2 4 16; r = Relu(x); y = BatchNormalization(r, g, z, z, v) epsilon=0.0",
            IN "y = Relu(x)", PROVED, NULL, 0, 0},
        {"a norm of a constant", IN NORM "init k float 1,2,1,1 1 2; n = BatchNormalization(k, g, be, m, v) epsilon=0.0; y = Mul(x, n)",
            IN "init k float 1,2,1,1 -3 8; y = Mul(x, k)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* ---- bodies ---- */

#define IF(first, second) "in c bool; in x float 2; out y; y = If(c) then_branch={ " first " } else_branch={ " second " }"
#define LOOP_HEAD "in a float 2; in b float 2; out p; out q; init n int64 () 3; init c bool () 1\n"

static void test_bodies(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"6: bodies by position, not by name", IF("u = Relu(x); out u", "w = Neg(x); out w"), IF("k = Relu(x); out k", "l = Neg(x); out l"), PROVED,
            NULL, 0, 0},
        {"6: branches exchanged", IF("u = Relu(x); out u", "w = Neg(x); out w"), IF("w = Neg(x); out w", "u = Relu(x); out u"), UNPROVED, NULL, 0, 0},
        {"6: branches in another order", IF("u = Relu(x); out u", "w = Neg(x); out w"),
            "in c bool; in x float 2; out y; y = If(c) else_branch={ w = Neg(x); out w } then_branch={ u = Relu(x); out u }", PROVED, NULL, 0, 0},
        {"6: a captured value is an input", "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Neg(x); out w }",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ u = Relu(z); out u } else_branch={ w = Neg(x); out w }", REFUTED,
            "reads input 'z' instead of 'x'", 0, 0},
        {"6: a captured value two bodies up",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ v = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Neg(x); out w }; out v } "
            "else_branch={ k = Neg(x); out k }",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ v = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Neg(z); out w }; out v } "
            "else_branch={ k = Neg(x); out k }",
            REFUTED, NULL, 0, 0},
        {"6: a constant in a body", IF("init k float 2 1 2; u = Add(x, k); out u", "w = Neg(x); out w"),
            IF("init k float 2 1 3; u = Add(x, k); out u", "w = Neg(x); out w"), REFUTED, NULL, 0, 0},
        {"6: a fold in a body", "in c bool; in x float 1,2,4,4; out y; y = If(c) then_branch={ init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 2 4; u = Conv(x, W); v = Mul(u, s); out v } "
                                "else_branch={ w = Neg(x); out w }",
            "in c bool; in x float 1,2,4,4; out y; y = If(c) then_branch={ init W float 2,2,1,1 2 4 12 16; v = Conv(x, W); out v } else_branch={ w = Neg(x); out w }", PROVED,
            NULL, 0, 0},
        {"6: a fold of a captured value", "in c bool; in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; k = Conv(x, W)\n"
                                          "y = If(c) then_branch={ init s float 2,1,1 2 4; v = Mul(k, s); out v } else_branch={ w = Neg(k); out w }",
            "in c bool; in x float 1,2,4,4; out y; init W float 2,2,1,1 2 4 12 16; k = Conv(x, W)\n"
            "y = If(c) then_branch={ v = Identity(k); out v } else_branch={ w = Neg(k); out w }",
            UNPROVED, NULL, 0, 0},
        {"6: loop", LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Add(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in j int64; in f bool; in k float 2; in l float 2; g = Identity(f); m = Add(k, l); o = Mul(k, l); out g; out m; out o }",
            PROVED, NULL, 0, 0},
        {"6: loop, body inputs reordered", LOOP_HEAD
            "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD
            "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in t float 2; in s float 2; e = Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            REFUTED, "reads input", 0, 0},
        {"6: loop, initial values exchanged", LOOP_HEAD
            "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD
            "p, q = Loop(n, c, b, a) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            REFUTED, NULL, 0, 0},
        {"6: loop, outputs exchanged", LOOP_HEAD
            "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Sub(s, t); v = Sub(t, s); out e; out u; out v }",
            LOOP_HEAD
            "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = Identity(d); u = Sub(s, t); v = Sub(t, s); out e; out v; out u }",
            REFUTED, NULL, 0, 0},
        {"6: nested loops, the inner body reads the outer variable",
            "in a float 2; out p; init n int64 () 3; init c bool () 1\n"
            "p = Loop(n, c, a) body={ in i int64; in d bool; in s float 2; e = Identity(d); u = Loop(n, d, s) body={ in k int64; in f bool; in t float 2; g = Identity(f); w = Add(s, t); out g; out w }; out e; out u }",
            "in a float 2; out p; init n int64 () 3; init c bool () 1\n"
            "p = Loop(n, c, a) body={ in i int64; in d bool; in s float 2; e = Identity(d); u = Loop(n, d, s) body={ in k int64; in f bool; in t float 2; g = Identity(f); w = Add(t, t); out g; out w }; out e; out u }",
            UNPROVED, NULL, 0, 0},
        {"11: a draw in another body", IF("r = RandomNormalLike(x); out r", "w = Neg(x); out w"), IF("q = RandomNormalLike(x); out q", "w = Neg(x); out w"), UNPROVED, "draws", 0, 0},
    };
    RUN(pairs);
}

/* Rule 2 is kept by the graph: what breaks it never reaches the proof. */
static void test_single_assignment(void **state)
{
    (void)state;
    static const char *const bad[] = {IN "y = Relu(x); y = Neg(x)", "in c bool; in x float 2; out y; u = Relu(x); y = If(c) then_branch={ u = Neg(x); out u } else_branch={ w = Neg(x); out w }"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bnf_model model[2] = {0};
        struct bnf_proof proof;
        struct bnf_err err = {0};
        notation_read(&model[0], bad[i]);
        notation_read(&model[1], bad[i]);
        assert_int_equal(bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err), BNF_EINPUT);
        assert_non_null(strstr(err.text, i ? "hides" : "twice"));
        bnf_model_close(&model[0]);
        bnf_model_close(&model[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_interface),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_batchnorm),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_single_assignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
