/* Operators with stored parameters beside plain convolutions and products: what is proved of them, with which error, and
 * which wrong parameters are refuted. Free dimensions in most of them: what is proved here was not found by probing,
 * which would name the extents it tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "onnx/dtype.h"
#include "support/notation.h"
#include "support/proofcase.h"

/* Models that are equal up to rounding: k is above `least` and at most `most`. */
struct roundcase {
    const char *name, *ref, *new;
    double least, most;
};

static void run_rounds(const struct roundcase *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bnf_model model[2];
        struct bnf_proof proof;
        struct bnf_err err = {0};
        notation_read(&model[0], cases[i].ref);
        notation_read(&model[1], cases[i].new);
        if (bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err))
            fail_msg("%s: %s", cases[i].name, err.text);
        if (proof.verdict != BNF_PROOF_PROVED)
            fail_msg("%s: %s", cases[i].name, proof.findings[0].detail);
        if (proof.shapes || !(proof.worst_u >= cases[i].least && proof.worst_u <= cases[i].most))
            fail_msg("%s: proved with %.4g u, not %.4g to %.4g; extents %s", cases[i].name, proof.worst_u, cases[i].least,
                cases[i].most, proof.shapes ? proof.shapes : "any");
        bnf_proof_free(&proof);
        bnf_model_close(&model[0]);
        bnf_model_close(&model[1]);
    }
}

#define ROUNDS(cases) run_rounds(cases, sizeof(cases) / sizeof *(cases))
/* Rounding once, and not at all. */
#define ONCE 1e-3, 1.001
#define EXACT 0, 0

/* ---- normalizations ---- */

#define IN_X "in x float N,2,H; out y\n"
#define IN_REF                                                                                                  \
    IN_X "init k float 2 0.3 0.7; init d float 2 0.1 -0.2; init e float 2,1 0.1 3; init f float 2,1 0.5 0.25\n" \
         "c = InstanceNormalization(x, k, d); q = Mul(c, e); y = Add(q, f)"
#define IN_NEW(k, d) IN_X "init k float 2 " k "; init d float 2 " d "; y = InstanceNormalization(x, k, d)"
#define GN_X(opset) "opset " opset "; in x float N,4,H; out y\n"
#define LN_X "opset 17; in x float N,2,2; out y\n"
#define LN_REF                                                                     \
    LN_X "init k float 2 0.3 0.7; init e float 2 0.1 3; init f float 2 0.5 0.25\n" \
         "c = LayerNormalization(x, k); q = Mul(c, e); y = Add(q, f)"
#define RMS_REF                                                                                                  \
    "opset 23; in x float N,2,2; out y; init k float 2 0.3 0.7; init e float 2 0.1 3; init f float 2 0.5 0.25\n" \
    "c = RMSNormalization(x, k); q = Mul(c, e); y = Add(q, f)"

static void test_norms(void **state)
{
    (void)state;
    static const struct roundcase rounds[] = {
        {"instances", IN_REF, IN_NEW("0.0300000016 2.1", "0.51 -0.35"), ONCE},
        {"instances, nothing folded", IN_REF, IN_REF, EXACT},
        {"instances of unknown rank",
            "in x float ?; out y; init k float 2 0.3 0.7; init d float 2 0.1 -0.2; init e float () 0.1\n"
            "c = InstanceNormalization(x, k, d); y = Mul(c, e)",
            "in x float ?; out y; init k float 2 0.0300000016 0.07; init d float 2 0.01 -0.02\n"
            "y = InstanceNormalization(x, k, d)",
            ONCE},
        {"groups",
            GN_X("21") "init k float 4 1 2 3 4; init d float 4 1 1 1 2; init e float 4,1 2 3 4 5\n"
                       "c = GroupNormalization(x, k, d) num_groups=2; y = Mul(c, e)",
            GN_X("21") "init k float 4 2 6 12 20; init d float 4 2 3 4 10\n"
                       "y = GroupNormalization(x, k, d) num_groups=2",
            EXACT},
        {"groups with one scale each",
            GN_X("18") "init k float 2 1 3; init d float 2 1 2; init e float 4,1 2 2 5 5\n"
                       "c = GroupNormalization(x, k, d) num_groups=2; y = Mul(c, e)",
            GN_X("18") "init k float 2 2 15; init d float 2 2 10; y = GroupNormalization(x, k, d) num_groups=2", EXACT},
        {"layers, a bias appears", LN_REF,
            LN_X "init k float 2 0.0300000016 2.1; init f float 2 0.5 0.25; y = LayerNormalization(x, k, f)", ONCE},
        {"layers, the scale is expanded",
            LN_X "init k float 2 1 2; init e float 2,1 3 5; c = LayerNormalization(x, k) axis=1; y = Mul(c, e)",
            LN_X "init k float 2,2 3 6 5 10; y = LayerNormalization(x, k) axis=1", EXACT},
        {"layers, scale and bias broadcast each in its way",
            LN_X "init k float 2,1 1 2; init d float 2 3 4; init e float 2 3 5; c = LayerNormalization(x, k, d) axis=1\n"
                 "y = Mul(c, e)",
            LN_X "init k float 2,2 3 5 6 10; init d float 1,2 9 20; y = LayerNormalization(x, k, d) axis=1", EXACT},
        {"layers, only the shift is left behind", LN_REF,
            LN_X "init k float 2 0.0300000016 2.1; init f float 2 0.5 0.25; c = LayerNormalization(x, k); y = Add(c, f)",
            ONCE},
        {"layers of unknown rank",
            "opset 17; in x float ?; out y; init k float 2 0.3 0.7; init e float () 0.1\n"
            "c = LayerNormalization(x, k); y = Mul(c, e)",
            "opset 17; in x float ?; out y; init k float 2 0.0300000016 0.07; y = LayerNormalization(x, k)", ONCE},
        {"statistics do not depend on the scale",
            LN_X "out m; init k float 2 1 2; init e float 2 3 5; c, m = LayerNormalization(x, k); y = Mul(c, e)",
            LN_X "out m; init k float 2 3 10; y, m = LayerNormalization(x, k)", EXACT},
        {"root mean squares", RMS_REF,
            "opset 23; in x float N,2,2; out y; init k float 2 0.0300000016 2.1; init f float 2 0.5 0.25\n"
            "c = RMSNormalization(x, k); y = Add(c, f)",
            ONCE},
        {"ONNX Runtime's operator",
            "opset com.microsoft 1; in x float N,2,2; out y; info c float N,2,2; init k float 2 1 2; init e float 2 3 5\n"
            "c = com.microsoft.SimplifiedLayerNormalization(x, k); y = Mul(c, e)",
            "opset com.microsoft 1; in x float N,2,2; out y; init k float 2 3 10\n"
            "y = com.microsoft.SimplifiedLayerNormalization(x, k)",
            EXACT},
        {"what follows takes the shift",
            LN_X "init k float 2 1 2; init f float 2 1 1; init W float 2,2 1 2 3 4\n"
                 "c = LayerNormalization(x, k); q = Add(c, f); u = MatMul(q, W); y = Relu(u)",
            LN_X "init k float 2 1 2; init f float 2 4 6; init W float 2,2 1 2 3 4\n"
                 "c = LayerNormalization(x, k); q = MatMul(c, W); u = Add(q, f); y = Relu(u)",
            EXACT},
    };
    static const struct proofcase wrong[] = {
        {"the bias not scaled", IN_REF, IN_NEW("0.0300000016 2.1", "0.6 0.05"), REFUTED, "shift on channel", 0, 0},
        {"the bias not shifted", IN_REF, IN_NEW("0.0300000016 2.1", "0.01 -0.6"), REFUTED, "shift on channel", 0, 0},
        {"the scale as it was", IN_REF, IN_NEW("0.3 0.7", "0.51 -0.35"), REFUTED, "scale on channel", 0, 0},
        {"channels exchanged", IN_REF, IN_NEW("2.1 0.03", "-0.35 0.51"), REFUTED, "channel", 0, 0},
        {"sixteen u", IN_REF, IN_NEW("0.0300000016 2.1000018", "0.51 -0.35"), REFUTED, "scale on channel 1", 0, 0},
        {"another epsilon", IN_REF, IN_NEW("0.0300000016 2.1", "0.51 -0.35") " epsilon=0.001", REFUTED, "epsilon", 0, 0},
        {"another input", "in u float N,2,H; " IN_REF,
            "in u float N,2,H; " IN_X "init k float 2 0.0300000016 2.1; init d float 2 0.51 -0.35\n"
            "y = InstanceNormalization(u, k, d)",
            REFUTED, "reads input 'u'", 0, 0},
        {"groups that differ in themselves",
            GN_X("18") "init k float 2 1 3; init d float 2 1 2; init e float 4,1 2 2 5 6\n"
                       "c = GroupNormalization(x, k, d) num_groups=2; y = Mul(c, e)",
            GN_X("18") "init k float 2 2 15; init d float 2 2 10; y = GroupNormalization(x, k, d) num_groups=2", REFUTED,
            "channel 3 is 15 instead of 18", 0, 0},
        {"the other groups",
            GN_X("18") "init k float 2 1 3; init d float 2 1 2; init e float 4,1 2 2 5 5\n"
                       "c = GroupNormalization(x, k, d) num_groups=2; y = Mul(c, e)",
            GN_X("18") "init k float 2 5 6; init d float 2 5 4; y = GroupNormalization(x, k, d) num_groups=2", REFUTED,
            "channel", 0, 0},
        {"layers, the bias dropped", LN_REF, LN_X "init k float 2 0.0300000016 2.1; y = LayerNormalization(x, k)", REFUTED,
            "shift on channel", 0, 0},
        {"layers, the scale on the wrong axis",
            LN_X "init k float 2 1 2; init e float 2,1 3 5; c = LayerNormalization(x, k) axis=1; y = Mul(c, e)",
            LN_X "init k float 2,2 3 10 3 10; y = LayerNormalization(x, k) axis=1", REFUTED, "[0,0,1]", 0, 0},
        {"root mean squares, the shift dropped", RMS_REF,
            "opset 23; in x float N,2,2; out y; init k float 2 0.0300000016 2.1; y = RMSNormalization(x, k)", REFUTED,
            "shift on channel", 0, 0},
        {"one normalization for another", LN_X "init k float 2 1 2; init d float 2 1 2; y = LayerNormalization(x, k, d)",
            LN_X "init k float 2 1 2; init d float 2 1 2; y = InstanceNormalization(x, k, d)", UNPROVED, NULL, 0, 0},
    };
    ROUNDS(rounds);
    RUN(wrong);
}

/* ---- look-ups ---- */

#define LOOK "in i int64 N; out y\n"
#define TABLE_REF                                                                                    \
    LOOK "init T float 3,2 0.1 0.2 0.3 0.4 0.5 0.6; init e float 2 0.1 3; init f float 2 0.5 0.25\n" \
         "c = Gather(T, i); q = Mul(c, e); y = Add(q, f)"
#define TABLE_NEW(numbers) LOOK "init T float 3,2 " numbers "; y = Gather(T, i)"

static void test_tables(void **state)
{
    (void)state;
    static const struct roundcase rounds[] = {
        {"rows", TABLE_REF, TABLE_NEW("0.51 0.85 0.53 1.45 0.55 2.05"), ONCE},
        {"rows for indices of unknown rank",
            "in i int64 ?; out y; init T float 2,2 1 2 3 4; init e float () 3; c = Gather(T, i); y = Mul(c, e)",
            "in i int64 ?; out y; init T float 2,2 3 6 9 12; y = Gather(T, i)", EXACT},
        {"matrices, two axes",
            LOOK "init T float 2,2,2 1 2 3 4 5 6 7 8; init e float 2,1 1 10; init f float 2 1 2\n"
                 "c = Gather(T, i); q = Mul(c, e); y = Add(q, f)",
            LOOK "init T float 2,2,2 2 4 31 42 6 8 71 82; y = Gather(T, i)", EXACT},
        {"columns, axis from the right",
            LOOK "init T float 2,3 1 2 3 4 5 6; init e float 2,1 1 10; c = Gather(T, i) axis=-1; y = Mul(c, e)",
            LOOK "init T float 2,3 1 2 3 40 50 60; y = Gather(T, i) axis=-1", EXACT},
        {"matrices of indices in the middle",
            "in i int64 N,M; out y; init T float 2,2,2 1 2 3 4 5 6 7 8; init e float 2,1,1,1 1 10; init f float 2 1 2\n"
            "c = Gather(T, i) axis=1; q = Mul(c, e); y = Add(q, f)",
            "in i int64 N,M; out y; init T float 2,2,2 2 4 4 6 51 62 71 82; y = Gather(T, i) axis=1", EXACT},
        {"numbers", LOOK "init T float 3 1 2 3; init e float () 2; c = Gather(T, i); y = Mul(c, e)",
            LOOK "init T float 3 2 4 6; y = Gather(T, i)", EXACT},
        {"long rows", LOOK "init T float 2,3000 rand; init e float () 2; c = Gather(T, i); q = Mul(c, e); y = Neg(q)",
            LOOK "init T float 2,3000 rand; init e float () -2; c = Gather(T, i); y = Mul(c, e)", EXACT},
    };
    static const struct proofcase wrong[] = {
        {"another row", TABLE_REF, TABLE_NEW("0.53 1.45 0.51 0.85 0.55 2.05"), REFUTED, "the table at element", 0, 0},
        {"one element", TABLE_REF, TABLE_NEW("0.51 0.85 0.53 1.45 0.55 2.06"), REFUTED, "the table at element 5 is 2.0599",
            0, 0},
        {"columns exchanged", TABLE_REF, TABLE_NEW("0.8 0.27 1.4 0.29 2 0.31"), REFUTED, "the table", 0, 0},
        {"the shift dropped", TABLE_REF, TABLE_NEW("0.01 0.6 0.03 1.2 0.05 1.8"), REFUTED, "shift on channel 0 is 0", 0, 0},
        {"a row more", TABLE_REF, LOOK "init T float 4,2 0.51 0.85 0.53 1.45 0.55 2.05 0 0; y = Gather(T, i)", REFUTED,
            "4x2", 0, 0},
        {"other indices", "in j int64 N; " TABLE_REF,
            "in j int64 N; " LOOK "init T float 3,2 0.51 0.85 0.53 1.45 0.55 2.05; y = Gather(T, j)", REFUTED,
            "reads input 'j'", 0, 0},
        {"a scale along the indices is none of the table",
            "in i int64 2; out y; init T float 2,2 1 2 3 4; init e float 2,1 2 20; c = Gather(T, i); y = Mul(c, e)",
            "in i int64 2; out y; init T float 2,2 2 4 6 8; y = Gather(T, i)", REFUTED, NULL, 0, 0},
        {"rows for columns",
            "in i int64 2; out y; init T float 2,2 1 2 3 4; init e float 2 1 10; c = Gather(T, i); y = Mul(c, e)",
            "in i int64 2; out y; init T float 2,2 1 2 30 40; y = Gather(T, i)", REFUTED, "the table at element", 0, 0},
    };
    ROUNDS(rounds);
    RUN(wrong);
}

/* ---- Einsum ---- */

#define SUM_X "in x float N,2; out y\n"
#define SUM_REF                                                                               \
    SUM_X "init W float 2,2 0.1 0.2 0.3 0.4; init e float 2 0.1 3; init f float 2 0.5 0.25\n" \
          "c = Einsum(x, W) equation='bc,cd->bd'; q = Mul(c, e); y = Add(q, f)"
#define SUM_NEW(w, f) \
    SUM_X "init W float 2,2 " w "; init f float 2 " f "; c = Einsum(x, W) equation='bc,cd->bd'; y = Add(c, f)"

static void test_einsum(void **state)
{
    (void)state;
    static const struct roundcase rounds[] = {
        {"last axis", SUM_REF, SUM_NEW("0.01 0.6 0.0300000016 1.2", "0.5 0.25"), ONCE},
        {"two axes, exchanged",
            SUM_X "init W float 2,2,2 1 2 3 4 5 6 7 8; init e float 2,2 1 10 100 1000\n"
                  "c = Einsum(x, W) equation='bc,cde->bed'; y = Mul(c, e)",
            SUM_X "init W float 2,2,2 1 200 30 4000 5 600 70 8000; y = Einsum(x, W) equation='bc,cde->bed'", EXACT},
        {"the constant in front, the result implied",
            "in x float 2,M; out y; init W float 2,2 1 2 3 4; init e float 2,1 10 100\n"
            "c = Einsum(W, x) equation='za,zb'; y = Mul(c, e)",
            "in x float 2,M; out y; init W float 2,2 10 200 30 400; y = Einsum(W, x) equation='za,zb'", EXACT},
        {"axes behind an ellipsis",
            "in x float N,M,2; out y; info c float N,M,2; init W float 2,2 1 2 3 4; init e float 2 10 100\n"
            "c = Einsum(x, W) equation='...c,cd->...d'; y = Mul(c, e)",
            "in x float N,M,2; out y; init W float 2,2 10 200 30 400; y = Einsum(x, W) equation='...c,cd->...d'", EXACT},
        {"a number, for an unknown rank",
            "in x float ?; out y; init W float 2,2 1 2 3 4; init e float () 10\n"
            "c = Einsum(x, W) equation='...c,cd->...d'; y = Mul(c, e)",
            "in x float ?; out y; init W float 2,2 10 20 30 40; y = Einsum(x, W) equation='...c,cd->...d'", EXACT},
    };
    static const struct proofcase wrong[] = {
        {"the contracted axis", SUM_REF, SUM_NEW("0.01 0.02 0.9 1.2", "0.5 0.25"), REFUTED, "constant operand at element",
            0, 0},
        {"the scale dropped", SUM_REF, SUM_NEW("0.1 0.2 0.3 0.4", "0.5 0.25"), REFUTED, "scale on channel 0", 0, 0},
        {"the shift changed", SUM_REF, SUM_NEW("0.01 0.6 0.0300000016 1.2", "0.5 0.5"), REFUTED, "shift on channel 1", 0,
            0},
        {"another equation", SUM_REF,
            SUM_X "init W float 2,2 0.01 0.6 0.0300000016 1.2; init f float 2 0.5 0.25\n"
                  "c = Einsum(x, W) equation='bc,dc->bd'; y = Add(c, f)",
            REFUTED, "equation", 0, 0},
        {"a label that occurs twice is no axis, and left to probing",
            SUM_X "init W float 2,2,2 1 2 3 4 5 6 7 8; init e float 2 10 100; c = Einsum(x, W) equation='bc,ddc->bd'\n"
                  "y = Mul(c, e)",
            SUM_X "init W float 2,2,2 10 20 30 40 500 600 700 800; y = Einsum(x, W) equation='bc,ddc->bd'", PROVED, NULL, 0,
            0},
    };
    ROUNDS(rounds);
    RUN(wrong);
}

/* ---- recurrent layers ---- */

#define SEQ "in x float T,N,2; out y\n"
#define AFFINE "init e float 2 2 -0.1; init f float 2 1 3; p = Mul(x, e); q = Add(p, f)\n"
#define LSTM_W "init W float 1,4,2 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8; init R float 1,4,1 1 2 3 4\n"
#define LSTM_NEW_W "init W float 1,4,2 0.2 -0.02 0.6 -0.04 1 -0.0600000033 1.4 -0.08; init R float 1,4,1 1 2 3 4\n"
#define LSTM_REF SEQ AFFINE LSTM_W "init B float 1,8 1 2 3 4 5 6 7 8; y = LSTM(q, W, R, B) hidden_size=1"
#define LSTM_NEW(b) SEQ LSTM_NEW_W "init B float 1,8 " b "; y = LSTM(x, W, R, B) hidden_size=1"
#define GRU_W "init W float 1,3,2 1 2 3 4 5 6; init R float 1,3,1 1 2 3; init B float 1,6 1 2 3 4 5 6\n"
#define GRU_REF                                                                        \
    SEQ "init e float 2 2 4; init f float 2 1 3; p = Mul(x, e); q = Add(p, f)\n" GRU_W \
        "y = GRU(q, W, R, B) hidden_size=1 linear_before_reset=1"
#define GRU_NEW(w, b)                                                                  \
    SEQ "init W float 1,3,2 " w "; init R float 1,3,1 1 2 3; init B float 1,6 " b "\n" \
        "y = GRU(x, W, R, B) hidden_size=1 linear_before_reset=1"

static void test_recurrent(void **state)
{
    (void)state;
    static const struct roundcase rounds[] = {
        {"LSTM", LSTM_REF, LSTM_NEW("1.7 3.5 5.3 7.1 5 6 7 8"), ONCE},
        {"LSTM, a bias appears", SEQ AFFINE LSTM_W "y = LSTM(q, W, R) hidden_size=1",
            SEQ LSTM_NEW_W "init B float 1,8 0.7 1.5 2.3 3.1 0 0 0 0; y = LSTM(x, W, R, B) hidden_size=1", ONCE},
        {"LSTM, last states and their order", SEQ "out h; out s; " AFFINE LSTM_W "y, h, s = LSTM(q, W, R) hidden_size=1",
            SEQ "out h; out s; " LSTM_NEW_W "init B float 1,8 0.7 1.5 2.3 3.1 0 0 0 0\n"
                "y, h, s = LSTM(x, W, R, B) hidden_size=1",
            ONCE},
        {"GRU", GRU_REF, GRU_NEW("2 8 6 16 10 24", "8 17 26 4 5 6"), EXACT},
        {"GRU, a map behind it stays",
            SEQ "init e float () 2; init k float () 3; q = Mul(x, e)\n" GRU_W
                "c = GRU(q, W, R, B) hidden_size=1; y = Mul(c, k)",
            SEQ
            "init W float 1,3,2 2 4 6 8 10 12; init R float 1,3,1 1 2 3; init B float 1,6 1 2 3 4 5 6; init k float () 3\n"
            "c = GRU(x, W, R, B) hidden_size=1; y = Mul(c, k)",
            EXACT},
        {"RNN of both directions",
            SEQ "init e float 2 2 4; init f float 2 1 3; p = Mul(x, e); q = Add(p, f)\n"
                "init W float 2,1,2 1 2 3 4; init R float 2,1,1 1 2; init B float 2,2 1 2 3 4\n"
                "y = RNN(q, W, R, B) hidden_size=1 direction='bidirectional'",
            SEQ "init W float 2,1,2 2 8 6 16; init R float 2,1,1 1 2; init B float 2,2 8 2 18 4\n"
                "y = RNN(x, W, R, B) hidden_size=1 direction='bidirectional'",
            EXACT},
        {"a map along the steps is the same in both",
            "in x float 3,N,2; out y; init e float 3,1,1 1 2 3; q = Mul(x, e)\n" GRU_W "y = GRU(q, W, R, B) hidden_size=1",
            "in x float 3,N,2; out y; init e float 3,1,1 1 2 3; q = Mul(x, e)\n" GRU_W "y = GRU(q, W, R, B) hidden_size=1",
            EXACT},
    };
    static const struct proofcase wrong[] = {
        {"the wrong half of the bias", LSTM_REF, LSTM_NEW("1 2 3 4 5.7 7.5 9.3 11.1"), REFUTED,
            "bias of the input in row 0", 0, 0},
        {"both halves of the bias", LSTM_REF, LSTM_NEW("1.7 3.5 5.3 7.1 5.7 7.5 9.3 11.1"), REFUTED,
            "recurrent bias in row 0", 0, 0},
        {"the bias as it was", LSTM_REF, LSTM_NEW("1 2 3 4 5 6 7 8"), REFUTED, "bias of the input", 0, 0},
        {"the weights as they were", LSTM_REF,
            SEQ LSTM_W "init B float 1,8 1.7 3.5 5.3 7.1 5 6 7 8; y = LSTM(x, W, R, B) hidden_size=1", REFUTED, "weight W",
            0, 0},
        {"the bias dropped", SEQ AFFINE LSTM_W "y = LSTM(q, W, R) hidden_size=1",
            SEQ LSTM_NEW_W "y = LSTM(x, W, R) hidden_size=1", REFUTED, "bias of the input", 0, 0},
        {"linear before reset, the recurrent bias changed", GRU_REF, GRU_NEW("2 8 6 16 10 24", "1 2 3 11 20 29"), REFUTED,
            "bias", 0, 0},
        {"linear before reset, one number of the recurrent bias", GRU_REF, GRU_NEW("2 8 6 16 10 24", "8 17 26 4 5 6.5"),
            REFUTED, "the recurrent bias in row 2 is 6.5 instead of 6", 0, 0},
        {"the scale on the rows",
            SEQ "init e float 2 2 4; q = Mul(x, e); init W float 1,2,2 1 2 3 4; init R float 1,2,2 1 2 3 4\n"
                "y = RNN(q, W, R) hidden_size=2",
            SEQ "init W float 1,2,2 2 4 12 16; init R float 1,2,2 1 2 3 4; y = RNN(x, W, R) hidden_size=2", REFUTED,
            "the weight W of input 0 in row 1 is 12 instead of 6", 0, 0},
        {"the recurrent weights scaled",
            SEQ "init e float () 2; q = Mul(x, e); init W float 1,2,2 1 2 3 4; init R float 1,2,2 1 2 3 4\n"
                "y = RNN(q, W, R) hidden_size=2",
            SEQ "init W float 1,2,2 2 4 6 8; init R float 1,2,2 2 4 6 8; y = RNN(x, W, R) hidden_size=2", REFUTED, NULL, 0,
            0},
        {"a scale along the steps is none of the weights",
            "in x float 2,N,2; out y; init e float 2,1,1 2 4; q = Mul(x, e); init W float 1,1,2 1 2; init R float 1,1,1 1\n"
            "y = RNN(q, W, R) hidden_size=1",
            "in x float 2,N,2; out y; init W float 1,1,2 2 8; init R float 1,1,1 1; y = RNN(x, W, R) hidden_size=1",
            REFUTED, "scale on channel 1 is 1 instead of 4", 0, 0},
        {"another output", "in x float T,N,2; out h\n" LSTM_W "a, h, s = LSTM(x, W, R) hidden_size=1",
            "in x float T,N,2; out h\n" LSTM_W "a, s, h = LSTM(x, W, R) hidden_size=1", REFUTED, "output 2 instead of output 1", 0, 0},
        {"outputs exchanged",
            "in x float 1,N,2; out y; out h; init W float 1,1,2 1 2; init R float 1,1,1 1; y, g = RNN(x, W, R) "
            "hidden_size=1\n"
            "h = Neg(g)",
            "in x float 1,N,2; out y; out h; init W float 1,1,2 1 2; init R float 1,1,1 1; y, g = RNN(x, W, R) "
            "hidden_size=1\n"
            "h = Neg(y)",
            REFUTED, NULL, 0, 0},
    };
    ROUNDS(rounds);
    RUN(wrong);
}

/* ---- weights stored as integers ---- */

#define CONV_X "in x float N,2,H; out y\n"
#define BEHIND "init e float 2,1 3 -0.5; init f float 2,1 1 2; u = Mul(c, e); y = Add(u, f)"
#define QUANT_REF                                                                    \
    CONV_X "init q int8 2,2,1 10 -20 30 40; init s float () 0.1; init z int8 () 3\n" \
           "w = DequantizeLinear(q, s, z); c = Conv(x, w)\n" BEHIND
#define QUANT_NEW(q, parameters, attributes)                               \
    CONV_X "init q int8 2,2,1 " q "; " parameters "; init B float 2 1 2\n" \
           "w = DequantizeLinear(q, s, z) " attributes "; y = Conv(x, w, B)"
#define PER_CHANNEL "init s float 2 0.3 0.05; init z int8 2 3 3"

static void test_integers(void **state)
{
    (void)state;
    static const struct roundcase rounds[] = {
        {"a negative scale mirrors the integers", QUANT_REF, QUANT_NEW("10 -20 -24 -34", PER_CHANNEL, "axis=0"), ONCE},
        {"a scale of zero",
            CONV_X "init q int8 2,2,1 10 -20 30 40; init s float () 0.1; init z int8 () 3; init e float 2,1 3 0\n"
                   "w = DequantizeLinear(q, s, z); c = Conv(x, w); y = Mul(c, e)",
            CONV_X "init q int8 2,2,1 10 -20 3 3; init s float 2 0.3 0.1; init z int8 2 3 3\n"
                   "w = DequantizeLinear(q, s, z) axis=0; y = Conv(x, w)",
            ONCE},
        {"float weights instead", QUANT_REF,
            CONV_X "init w float 2,2,1 2.10000003 -6.9 -1.35 -1.85; init B float 2 1 2; y = Conv(x, w, B)", ONCE},
        {"a bias of integers becomes one of floats",
            CONV_X "init q uint8 2,2,1 10 20 30 40; init s float () 0.1; init b int32 2 100 -300; init t float () 0.01\n"
                   "w = DequantizeLinear(q, s); B = DequantizeLinear(b, t); c = Conv(x, w, B)\n" BEHIND,
            CONV_X "init q uint8 2,2,1 10 20 30 40; init s float () 0.1; init e float 2,1 3 -0.5; init B float 2 1 -3\n"
                   "init f float 2,1 1 2; w = DequantizeLinear(q, s); c = Conv(x, w, B); u = Mul(c, e); y = Add(u, f)",
            1e-9, 1.001},
        {"rows of a product",
            "in x float N,2; out y; init q uint8 2,2 10 20 30 40; init s float () 0.1; init z uint8 () 128; init e float 2 "
            "3 5\n"
            "w = DequantizeLinear(q, s, z); c = Gemm(x, w) transB=1; y = Mul(c, e)",
            "in x float N,2; out y; init q uint8 2,2 10 20 30 40; init s float 2 0.3 0.5; init z uint8 2 128 128\n"
            "w = DequantizeLinear(q, s, z) axis=0; y = Gemm(x, w) transB=1",
            ONCE},
        {"columns of a product",
            "in x float N,M,2; out y; init q int16 2,2 10 20 30 40; init s float () 0.1; init e float 2 3 5\n"
            "w = DequantizeLinear(q, s); c = MatMul(x, w); y = Mul(c, e)",
            "in x float N,M,2; out y; init q int16 2,2 10 20 30 40; init s float 2 0.3 0.5\n"
            "w = DequantizeLinear(q, s) axis=-1; y = MatMul(x, w)",
            ONCE},
        {"a transposed convolution",
            CONV_X "init q int8 2,2,2 1 2 3 4 5 6 7 8; init s float () 0.1; init e float 2,1 3 5\n"
                   "w = DequantizeLinear(q, s); c = ConvTranspose(x, w); y = Mul(c, e)",
            CONV_X "init q int8 2,2,2 1 2 3 4 5 6 7 8; init s float 2 0.3 0.5\n"
                   "w = DequantizeLinear(q, s) axis=1; y = ConvTranspose(x, w)",
            ONCE},
        {"blocks",
            "opset 21; in x float N,4; out y; init q int8 4,2 1 2 3 4 5 6 7 8; init s float 2,2 0.1 0.2 0.3 0.4\n"
            "init e float 2 3 5; w = DequantizeLinear(q, s) axis=0 block_size=2; c = MatMul(x, w); y = Mul(c, e)",
            "opset 21; in x float N,4; out y; init q int8 4,2 1 2 3 4 5 6 7 8; init s float 2,2 0.3 1 0.900000036 2\n"
            "w = DequantizeLinear(q, s) axis=0 block_size=2; y = MatMul(x, w)",
            ONCE},
        {"blocks of columns",
            "opset 21; in x float N,2; out y; init q int8 2,4 1 2 3 4 5 6 7 8; init s float 2,2 0.1 0.2 0.3 0.4\n"
            "init e float 4 3 3 5 5; w = DequantizeLinear(q, s) axis=1 block_size=2; c = MatMul(x, w); y = Mul(c, e)",
            "opset 21; in x float N,2; out y; init q int8 2,4 1 2 3 4 5 6 7 8; init s float 2,2 0.3 1 0.900000036 2\n"
            "w = DequantizeLinear(q, s) axis=1 block_size=2; y = MatMul(x, w)",
            ONCE},
        {"in front of a product",
            "in x float N,2; out y; init q int8 2,2 1 2 3 4; init s float () 0.5; init f float 2 2 4; p = Add(x, f)\n"
            "w = DequantizeLinear(q, s); y = Gemm(p, w)",
            "in x float N,2; out y; init q int8 2,2 1 2 3 4; init s float () 0.5; init B float 2 7 10\n"
            "w = DequantizeLinear(q, s); y = Gemm(x, w, B)",
            EXACT},
        {"half precision",
            "opset 19; in x float16 N,2; out y; init q int8 2,2 1 2 3 4; init s float16 () 0.1; init e float16 2 3 5\n"
            "w = DequantizeLinear(q, s); c = MatMul(x, w); y = Mul(c, e)",
            "opset 19; in x float16 N,2; out y; init q int8 2,2 1 2 3 4; init s float16 2 0.3 0.5\n"
            "w = DequantizeLinear(q, s) axis=1; y = MatMul(x, w)",
            ONCE},
        {"integers that nothing fits are what they were",
            CONV_X "init q int8 2,2,1 1 2 3 4; init s float 2 1 2; init z int8 () 3\n"
                   "w = DequantizeLinear(q, s, z) axis=0; c = Conv(x, w); y = Relu(c)",
            CONV_X "init q int8 2,2,1 1 2 3 4; init s float 2 1 2; init z int8 () 3\n"
                   "v = DequantizeLinear(q, s, z) axis=0; d = Conv(x, v); y = Relu(d)",
            EXACT},
    };
    static const struct proofcase wrong[] = {
        {"negated instead of mirrored", QUANT_REF, QUANT_NEW("10 -20 -30 -40", PER_CHANNEL, "axis=0"), REFUTED,
            "weight of output channel 1", 0, 0},
        {"the sign dropped", QUANT_REF, QUANT_NEW("10 -20 30 40", PER_CHANNEL, "axis=0"), REFUTED,
            "weight of output channel 1", 0, 0},
        {"the zero point not expanded", QUANT_REF,
            QUANT_NEW("10 -20 -24 -34", "init s float 2 0.3 0.05; init z int8 () 3", "axis=0"), REFUTED, "zero point", 0,
            0},
        {"the zero point dropped", QUANT_REF,
            CONV_X "init q int8 2,2,1 10 -20 -24 -34; init s float 2 0.3 0.05; init B float 2 1 2\n"
                   "w = DequantizeLinear(q, s) axis=0; y = Conv(x, w, B)",
            REFUTED, "weight of output channel 0", 0, 0},
        {"the scale on the wrong axis", QUANT_REF, QUANT_NEW("10 -20 -24 -34", PER_CHANNEL, "axis=1"), REFUTED,
            "weight of output channel", 0, 0},
        {"the scale on an axis that it does not fit", QUANT_REF, QUANT_NEW("10 -20 -24 -34", PER_CHANNEL, "axis=2"),
            REFUTED, "do not fit", 0, 0},
        {"the scale as it was", QUANT_REF, QUANT_NEW("10 -20 -24 -34", "init s float () 0.1; init z int8 () 3", ""),
            REFUTED, "weight of output channel", 0, 0},
        {"three u", QUANT_REF, QUANT_NEW("10 -20 -24 -34", "init s float 2 0.30000007 0.05; init z int8 2 3 3", "axis=0"),
            REFUTED, "weight of output channel 0", 0, 0},
        {"a bias of integers, rounded",
            CONV_X "init q uint8 2,2,1 10 20 30 40; init s float () 0.1; init b int32 2 100 -300; init t float () 0.01\n"
                   "w = DequantizeLinear(q, s); B = DequantizeLinear(b, t); c = Conv(x, w, B)\n" BEHIND,
            CONV_X "init q uint8 2,2,1 10 20 30 40; init s float () 0.1; init e float 2,1 3 -0.5; init B float 2 1 -3.01\n"
                   "init f float 2,1 1 2; w = DequantizeLinear(q, s); c = Conv(x, w, B); u = Mul(c, e); y = Add(u, f)",
            REFUTED, "bias of output channel 1", 0, 0},
        {"blocks exchanged",
            "opset 21; in x float N,4; out y; init q int8 4,2 1 2 3 4 5 6 7 8; init s float 2,2 0.1 0.2 0.3 0.4\n"
            "init e float 2 3 5; w = DequantizeLinear(q, s) axis=0 block_size=2; c = MatMul(x, w); y = Mul(c, e)",
            "opset 21; in x float N,4; out y; init q int8 4,2 1 2 3 4 5 6 7 8; init s float 2,2 0.9 2 0.3 1\n"
            "w = DequantizeLinear(q, s) axis=0 block_size=2; y = MatMul(x, w)",
            REFUTED, "weight of output channel", 0, 0},
        {"blocks of columns, one scale",
            "opset 21; in x float N,2; out y; init q int8 2,4 1 2 3 4 5 6 7 8; init s float 2,2 0.1 0.2 0.3 0.4\n"
            "init e float 4 3 3 5 5; w = DequantizeLinear(q, s) axis=1 block_size=2; c = MatMul(x, w); y = Mul(c, e)",
            "opset 21; in x float N,2; out y; init q int8 2,4 1 2 3 4 5 6 7 8; init s float 2,2 0.3 1 0.900000036 1\n"
            "w = DequantizeLinear(q, s) axis=1 block_size=2; y = MatMul(x, w)",
            REFUTED, "weight of output channel", 0, 0},
        {"a type that does not hold the products' precision",
            "opset 19; in x float N,2; out y; init q int8 2,2 1 2 3 4; init s float () 0.1; w = DequantizeLinear(q, s)\n"
            "y = MatMul(x, w)",
            "opset 19; in x float N,2; out y; init q int8 2,2 1 2 3 4; init s float16 () 0.1; w = DequantizeLinear(q, s)\n"
            "y = MatMul(x, w)",
            REFUTED, "float16", 0, 0},
    };
    ROUNDS(rounds);
    RUN(wrong);
}

/* Turns the bytes of an initializer into twice as many numbers of 4 bits along its last axis. */
static void halve(struct bnf_model *model, const char *name, int dtype)
{
    for (size_t i = 0; i < model->proto->graph->n_initializer; i++) {
        Onnx__TensorProto *t = model->proto->graph->initializer[i];
        if (strcmp(t->name, name) != 0)
            continue;
        t->data_type = dtype;
        t->dims[t->n_dims - 1] *= 2;
    }
}

/* Two integers in a byte, the lower half first: 0x21 is 1 and 2, 0xf3 is 3 and, with a sign, −1. */
static void test_four_bits(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        const char *weights;
        enum bnf_proof_verdict verdict;
    } cases[] = {
        {BNF_DTYPE_INT4, "0.5 1 1.5 -0.5", BNF_PROOF_PROVED},
        {BNF_DTYPE_UINT4, "0.5 1 1.5 7.5", BNF_PROOF_PROVED},
        {BNF_DTYPE_INT4, "0.5 1 1.5 7.5", BNF_PROOF_REFUTED},
        {BNF_DTYPE_UINT4, "1 0.5 7.5 1.5", BNF_PROOF_REFUTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_model model[2];
        struct bnf_proof proof;
        struct bnf_err err = {0};
        char text[256];
        notation_read(&model[0], "opset 21; in x float N,2; out y; init q uint8 2,1 33 243; init s float () 0.5\n"
                                 "w = DequantizeLinear(q, s); y = MatMul(x, w)");
        halve(&model[0], "q", cases[i].dtype);
        snprintf(
            text, sizeof text, "opset 21; in x float N,2; out y; init w float 2,2 %s; y = MatMul(x, w)", cases[i].weights);
        notation_read(&model[1], text);
        if (bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err))
            fail_msg("%zu: %s", i, err.text);
        if (proof.verdict != cases[i].verdict)
            fail_msg("four bits %zu: verdict %d instead of %d: %s", i, (int)proof.verdict, (int)cases[i].verdict,
                proof.finding_count ? proof.findings[0].detail : "");
        bnf_proof_free(&proof);
        bnf_model_close(&model[0]);
        bnf_model_close(&model[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_recurrent),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_four_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
