/* Folding inside model-local functions: verdicts, the proof of what calls compute, runs, and faults put into the
 * functions of a folded model. */
#include "support/foldcase.h"

#include "check/run.h"
#include "support/folding.h"
#include "support/notation.h"
#include "support/proofcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define HEAD "opset f 1; in x float 2,3,5,6; out y\n"
#define NORM "r = BatchNormalization(c, s, b, m, v)\n"
#define LAYER "init W float 4,3,3,3 rand\n" BN(4) "c = Conv(X, W) pads=[1,1,1,1]\n" NORM
#define SQUARE "init W float 3,3,3,3 rand; init B float 3 rand\n" BN(3) "c = Conv(X, W, B) pads=[1,1,1,1]\n" NORM

static const struct foldcase fold_cases[] = {
    {"called once", HEAD "function f.Block(X) { opset 13; out r\n" LAYER "}\ny = f.Block(x)", "r folded back c"},
    {"called twice", HEAD "function f.Block(X) { opset 13; out r\n" SQUARE "}\nu = f.Block(x); y = f.Block(u)",
        "r folded back c"},
    {"called with two shapes", "opset f 1; in x float 2,3,5,6; in z float 1,3,4,4; out y; out w\n"
        "function f.Block(X) { opset 13; out r\n" SQUARE "}\ny = f.Block(x); w = f.Block(z)", "r folded back c"},
    {"called by another function", HEAD
        "function f.Inner(X) { opset 13; out r\n" SQUARE "}\n"
        "function f.Outer(X) { opset 13; opset f 1; out o; a = f.Inner(X); o = Relu(a) }\n"
        "u = f.Outer(x); y = f.Inner(u)", "r folded back c"},
    {"both the function and the one it calls", HEAD
        "function f.Outer(X) { opset 13; opset f 1; out r2; init W float 3,3,1,1 rand\n" BN(3)
        "a = f.Inner(X); c2 = Conv(a, W); r2 = BatchNormalization(c2, s, b, m, v) }\n"
        "function f.Inner(X) { opset 13; out r\n" SQUARE "}\n"
        "y = f.Outer(x)", "r2 folded back c2; r folded back c"},
    {"called by nobody", HEAD "function f.Block(X) { opset 13; out r\n" LAYER "}\ny = Relu(x)", "r folded back c"},
    {"constants computed from constants", HEAD
        "function f.Block(X) { opset 13; out r; init w float 4,27 rand; init shape int64 4 4 3 3 3\n"
        "init q float 4 pos; init b float 4 rand; init m float 4 rand; init v float 4 pos\n"
        "W = Reshape(w, shape); s = Sqrt(q); mm = Identity(m); vv = Cast(v) to=1\n"
        "c = Conv(X, W); r = BatchNormalization(c, s, b, mm, vv) }\ny = f.Block(x)", "r folded back c"},
    {"constants as value_floats", HEAD
        "function f.Block(X) { opset 13; out r; init W float 2,3,1,1 rand\n"
        "s = Constant() value_floats=[1.5,-0.5]; b = Constant() value_floats=[0.25,1.0]\n"
        "m = Constant() value_floats=[0.5,-2.0]; v = Constant() value=float[2]{0.5 2}\n"
        "c = Conv(X, W); r = BatchNormalization(c, s, b, m, v) }\ny = f.Block(x)", "r folded back c"},
    {"gemm, and a constant that others read", "opset f 1; in x float 2,3; out y\n"
        "function f.Block(X) { opset 13; out o; init W float 3,4 rand; init C float 4 rand\n" BN(4)
        "c = Gemm(X, W, C)\n" NORM "k = Relu(r); o = Add(k, C) }\ny = f.Block(x)", "r folded back c"},
    {"forward into a convolution", HEAD
        "function f.Block(X) { opset 13; out o; init K float 3,3,3,3 rand; init W float 4,3,1,1 rand\n" BN(3)
        "k = Conv(X, K); c = Relu(k)\n" NORM "o = Conv(r, W) }\ny = f.Block(x)", "r folded forward o"},
    {"forward into a padded convolution", HEAD
        "function f.Block(X) { opset 13; out o; init K float 3,3,3,3 rand; init W float 4,3,3,3 rand\n"
        "init s float 3 pos; init b float 3 zeros; init m float 3 0.5 0.5 0.5; init v float 3 pos\n"
        "k = Conv(X, K); c = Relu(k)\n" NORM "o = Conv(r, W) pads=[1,1,1,1] }\ny = f.Block(x)",
        "r folded forward o"},
    {"forward over Transpose", "opset f 1; in x float 2,3,4,4; out y\n"
        "function f.Block(X) { opset 13; out o; init K float 3,3,1,1 rand; init W float 3,5 rand\n" BN(3)
        "k = Conv(X, K); c = Relu(k)\n" NORM "t = Transpose(r) perm=[0,2,3,1]; o = MatMul(t, W) }\ny = f.Block(x)",
        "r folded forward o"},
    {"decomposed", HEAD
        "function f.Block(X) { opset 13; out r; init W float 4,3,3,3 rand\n"
        "init s float 1,4,1,1 rand; init t float 1,4,1,1 rand\n"
        "c = Conv(X, W); a = Mul(c, s); r = Add(a, t) }\ny = f.Block(x)", "a folded back c; r folded back c"},
    {"lowered behind Relu", HEAD
        "function f.Block(X) { opset 13; out r; init W float 4,3,3,3 rand\n" BN(4)
        "k = Conv(X, W); c = Relu(k)\n" NORM "}\ny = f.Block(x)", "r lowered producer-not-linear"},
    {"in a body of the function", "opset f 1; in x float 2,3,5,6; in t bool; out y\n"
        "function f.Block(X, T) { opset 13; out o; init W float 3,3,3,3 rand\n"
        "o = If(T) then_branch={ out r\n" BN(3) "c = Conv(X, W)\n" NORM "} else_branch={ out e; e = Conv(X, W) } }\n"
        "y = f.Block(x, t)", "r folded back c"},
    {"called in a body", "opset f 1; in x float 2,3,5,6; in t bool; out y\n"
        "function f.Block(X) { opset 13; out r\n" LAYER "}\n"
        "y = If(t) then_branch={ out p; p = f.Block(x) } else_branch={ out q; q0 = f.Block(x); q = Neg(q0) }",
        "r folded back c"},
    {"the function's own operator set, old", HEAD
        "function f.Block(X) { opset 6; out r; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(X, W); r = BatchNormalization(c, s, b, m, v) is_test=1 }\ny = f.Block(x)", "r folded back c"},
    {"the same name in two domains", "opset f 1; opset g 1; in x float 2,3,5,6; out y\n"
        "function f.Block(X) { opset 13; out r\n" SQUARE "}\n"
        "function g.Block(X) { opset 13; out r; init W float 4,3,1,1 rand; init s float 4 pos; init b float 4 rand\n"
        "init m float 4 ones; init v float 4 pos; c = Conv(X, W)\n" NORM "}\n"
        "u = f.Block(x); y = g.Block(u)", "r folded back c; r folded back c"},
    {"overloads", "ir 10; opset f 1; in x float 2,3,5,6; out y\n"
        "function f.Block:a(X) { opset 13; out r\n" SQUARE "}\n"
        "function f.Block:b(X) { opset 13; out r; init W float 4,3,1,1 rand; init s float 4 pos; init b float 4 rand\n"
        "init m float 4 ones; init v float 4 pos; c = Conv(X, W)\n" NORM "}\n"
        "u = f.Block:a(x); y = f.Block:b(u)", "r folded back c; r folded back c"},
    {"other parts take attributes of the caller", HEAD
        "function f.Block(X) @slope { opset 13; out o\n" LAYER "o = LeakyRelu(r) alpha=@slope }\n"
        "y = f.Block(x) slope=0.25", "r folded back c"},
    {"in double", "opset f 1; in x double 2,3,5,6; out y\n"
        "function f.Block(X) { opset 13; out r; init W double 4,3,3,3 rand\n"
        "init s double 4 rand; init b double 4 rand; init m double 4 rand; init v double 4 pos\n"
        "c = Conv(X, W)\n" NORM "}\ny = f.Block(x)", "r folded back c"},
};

static const struct foldcase keep_cases[] = {
    {"epsilon by reference", HEAD "function f.Block(X) @eps { opset 13; out r; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(X, W); r = BatchNormalization(c, s, b, m, v) epsilon=@eps }\ny = f.Block(x) eps=0.5",
        "r kept in-function"},
    {"training_mode by reference", HEAD "function f.Block(X) @t { opset 14; out r; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(X, W); r = BatchNormalization(c, s, b, m, v) training_mode=@t:int }\ny = f.Block(x) t=0",
        "r kept in-function"},
    {"a parameter is an input", HEAD
        "function f.Block(X, s) { opset 13; out r; init W float 4,3,3,3 rand; init b float 4 rand\n"
        "init m float 4 rand; init v float 4 pos; c = Conv(X, W)\n" NORM "}\ninit g float 4 rand; y = f.Block(x, g)",
        "r kept in-function"},
    {"a parameter is an input in another shape", HEAD
        "function f.Block(X, q) { opset 13; out r; init W float 4,3,3,3 rand; init b float 4 rand; init k int64 1 4\n"
        "init m float 4 rand; init v float 4 pos; s = Reshape(q, k); c = Conv(X, W)\n" NORM "}\n"
        "init g float 2,2 rand; y = f.Block(x, g)", "r kept in-function"},
    {"a constant by reference", HEAD
        "function f.Block(X) @gamma { opset 13; out r; init W float 4,3,3,3 rand; init b float 4 rand\n"
        "init m float 4 rand; init v float 4 pos; s = Constant() value_floats=@gamma; c = Conv(X, W)\n" NORM "}\n"
        "y = f.Block(x) gamma=[1.0,2.0,3.0,4.0]", "r kept in-function"},
    {"the weight is an input", HEAD
        "function f.Block(X, W) { opset 13; out r\n" BN(4) "c = Conv(X, W)\n" NORM "}\n"
        "init w float 4,3,3,3 rand; y = f.Block(x, w)", "r lowered in-function"},
    {"the bias is an input", HEAD
        "function f.Block(X, B) { opset 13; out r; init W float 4,3,3,3 rand\n" BN(4) "c = Conv(X, W, B)\n" NORM "}\n"
        "init w float 4 rand; y = f.Block(x, w)", "r lowered in-function"},
    {"the layer's attributes come from the caller", HEAD
        "function f.Block(X) @p { opset 13; out r; init W float 4,3,3,3 rand\n" BN(4)
        "c = Conv(X, W) pads=@p:ints\n" NORM "}\ny = f.Block(x) p=[1,1,1,1]", "r kept in-function"},
    {"the function's operator set means training", HEAD
        "function f.Block(X) { opset 6; out r; init W float 4,3,3,3 rand\n" BN(4) "c = Conv(X, W)\n" NORM
        "}\ny = f.Block(x)", "r kept training-mode"},
    {"the model's would mean training", "opset 6; opset f 1; in x float 2,3,5,6; out y\n"
        "function f.Block(X) { opset 9; out r\n" LAYER "}\ny = f.Block(x)", "r folded back c"},
    {"the layer's result is an output", "opset f 1; in x float 2,3,5,6; out y; out z\n"
        "function f.Block(X) { opset 13; out r; out c\n" LAYER "}\ny, z = f.Block(x)", "r lowered producer-is-output"},
    {"the input is the function's", HEAD "function f.Block(c) { opset 13; out r\n" BN(3) NORM "}\ny = f.Block(x)",
        "r lowered producer-is-input"},
};

/* Runs both models in the built-in evaluator: on the same inputs they agree. */
static bool runs_agree(const struct foldcase *c)
{
    struct bnf_model text;
    struct opened opened = {0};
    struct bnf_fold_result result;
    struct packed folded = {0};
    struct bnf_err err = {0};
    char detail[512] = "";
    notation_read(&text, c->model);
    struct packed source = pack_proto(text.proto);
    bnf_model_close(&text);
    int status = fold_packed(&source, &opened, &result, &folded, &err);
    int verdict = status ? status : run_packed(&source, &folded, detail, sizeof detail);
    close_opened(&opened);
    bnf_free(source.bytes);
    bnf_free(folded.bytes);
    if (verdict != BNF_RUN_AGREES)
        printf("  %s: runs: verdict %d: %s%s\n", c->name, verdict, err.text, detail);
    return verdict == BNF_RUN_AGREES;
}

static void check(const struct foldcase *cases, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        struct foldcase c = cases[i];
        c.not_run = true; /* the reference evaluator knows no functions; the built-in one does */
        failed += !foldcase_run(&c);
        failed += !runs_agree(&c);
    }
    assert_int_equal(failed, 0);
}

static void test_folds(void **state)
{
    (void)state;
    check(fold_cases, COUNT(fold_cases));
}

static void test_keeps(void **state)
{
    (void)state;
    check(keep_cases, COUNT(keep_cases));
}

/* Functions that take attributes compute what the same nodes with these attributes compute. */
static void test_references(void **state)
{
    (void)state;
    static const struct {
        const char *name, *called, *flat;
    } cases[] = {
        {"a float", HEAD "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=@k }\nu = f.F(x) k=0.5; y = f.F(u) k=0.25",
            HEAD "u = LeakyRelu(x) alpha=0.5; y = LeakyRelu(u) alpha=0.25"},
        {"integers", HEAD "function f.F(X) @p { out r; r = Transpose(X) perm=@p:ints }\ny = f.F(x) p=[0,1,3,2]",
            HEAD "y = Transpose(x) perm=[0,1,3,2]"},
        {"a constant", HEAD "function f.F(X) @k { out r; c = Constant() value_float=@k; r = Mul(X, c) }\ny = f.F(x) k=0.75",
            HEAD "c = Constant() value_float=0.75; y = Mul(x, c)"},
        {"not given", HEAD "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x)", HEAD "y = LeakyRelu(x)"},
        {"a default", HEAD "function f.F(X) @k=0.5 { out r; r = LeakyRelu(X) alpha=@k }\nu = f.F(x); y = f.F(u) k=0.25",
            HEAD "u = LeakyRelu(x) alpha=0.5; y = LeakyRelu(u) alpha=0.25"},
        {"passed on under another name", HEAD
            "function f.G(X) @a { out r; r = LeakyRelu(X) alpha=@a }\n"
            "function f.F(X) @k { opset f 1; out r; s = f.G(X) a=@k; r = Elu(s) alpha=@k }\ny = f.F(x) k=0.5",
            HEAD "s = LeakyRelu(x) alpha=0.5; y = Elu(s) alpha=0.5"},
        {"in a body", HEAD "in t bool; function f.F(X, T) @k { out r\n"
            "r = If(T) then_branch={ out a; a = LeakyRelu(X) alpha=@k } else_branch={ out b; b = Elu(X) alpha=@k } }\n"
            "y = f.F(x, t) k=0.5", HEAD "in t bool\n"
            "y = If(t) then_branch={ out a; a = LeakyRelu(x) alpha=0.5 } else_branch={ out b; b = Elu(x) alpha=0.5 }"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bnf_model text;
        char detail[512];
        notation_read(&text, cases[i].called);
        struct packed called = pack_proto(text.proto);
        bnf_model_close(&text);
        notation_read(&text, cases[i].flat);
        struct packed flat = pack_proto(text.proto);
        bnf_model_close(&text);
        int verdict = run_packed(&called, &flat, detail, sizeof detail);
        if (verdict != BNF_RUN_AGREES)
            fail_msg("%s: verdict %d: %s", cases[i].name, verdict, detail);
        bnf_free(called.bytes);
        bnf_free(flat.bytes);
    }
}

/* ---- what the proof says of calls ---- */

#define CALL "opset f 1; in x float 1,2,4,4; out y\n"
#define CONV(w) "init W float 2,2,1,1 " w "; c = Conv(X, W)"

static void test_proof(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"another spelling of the same body", CALL "function f.F(X) { out r\n" CONV("1 2 3 4") "; r = Relu(c) }\ny = f.F(x)",
            CALL "function f.F(A) { out B; init V float 2,2,1,1 1 2 3 4; i = Identity(A); d = Conv(i, V); B = Relu(d) }\n"
            "y = f.F(x)", PROVED, NULL, 0, 0},
        {"a weight", CALL "function f.F(X) { out r\n" CONV("1 2 3 4") "; r = Relu(c) }\ny = f.F(x)",
            CALL "function f.F(X) { out r\n" CONV("1 2 3 5") "; r = Relu(c) }\ny = f.F(x)", REFUTED, "is 5 instead of 4", 0,
            0},
        {"a weight, two calls deep", CALL
            "function f.G(X) { out r\n" CONV("1 2 3 4") "; r = Relu(c) }\n"
            "function f.F(X) { opset f 1; out r; g = f.G(X); r = f.G(g) }\ny = f.F(x)", CALL
            "function f.G(X) { out r\n" CONV("1 2 3 5") "; r = Relu(c) }\n"
            "function f.F(X) { opset f 1; out r; g = f.G(X); r = f.G(g) }\ny = f.F(x)", REFUTED, "is 5 instead of 4", 0, 0},
        {"inputs exchanged", CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(a, b) }\ny = f.F(x, z)",
            CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(b, a) }\ny = f.F(x, z)", REFUTED, "instead of",
            0, 0},
        {"inputs exchanged here and there", CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(a, b) }\n"
            "y = f.F(x, z)", CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(b, a) }\ny = f.F(z, x)",
            UNPROVED, NULL, 0, 0},
        {"other arguments", CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(a, b) }\ny = f.F(x, z)",
            CALL "in z float 1,2,4,4; function f.F(a, b) { out r; r = Sub(a, b) }\ny = f.F(z, x)", REFUTED, "instead of",
            0, 0},
        {"weights that the caller scales now", "opset f 1; in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"
            "function f.F(X, W) { out r; init k float () 2; c = Conv(X, W); r = Mul(c, k) }\ny = f.F(x, W)",
            "opset f 1; in x float 1,2,4,4; out y; init V float 2,2,1,1 2 4 6 8\n"
            "function f.F(X, W) { out r; r = Conv(X, W) }\ny = f.F(x, V)", UNPROVED, NULL, 0, 0},
        {"data that the caller scales no more", CALL "init k float () 2; function f.F(X) { out r\n" CONV("1 2 3 4")
            "; r = Relu(c) }\nu = Mul(x, k); y = f.F(u)",
            CALL "function f.F(X) { out r\n" CONV("2 4 6 8") "; r = Relu(c) }\ny = f.F(x)", UNPROVED, NULL, 0, 0},
        {"an output more", CALL "function f.F(X) { out r; r = Relu(X) }\ny = f.F(x)",
            CALL "function f.F(X) { out r; out q; r = Relu(X); q = Neg(X) }\ny, _ = f.F(x)", UNPROVED, NULL, 0, 0},
        {"a function of one model only", CALL "function f.F(X) { out r; r = Relu(X) }\ny = f.F(x)",
            CALL "y = f.F(x)", UNPROVED, "one of the models only", 0, 0},
        {"the same reference", CALL "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x) k=0.5",
            CALL "function f.F(A) @k { out r; r = LeakyRelu(A) alpha=@k }\ny = f.F(x) k=0.5", PROVED, NULL, 0, 0},
        {"the same reference, other calls", CALL
            "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x) k=0.5",
            CALL "function f.F(A) @k { out r; r = LeakyRelu(A) alpha=@k }\ny = f.F(x) k=0.25", REFUTED, "'k'", 0, 0},
        {"another default", CALL "function f.F(X) @k=0.5 { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x)",
            CALL "function f.F(A) @k=0.25 { out r; r = LeakyRelu(A) alpha=@k }\ny = f.F(x)", UNPROVED, NULL, 0, 0},
        {"another reference", CALL "function f.F(X) @k @j { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x) k=0.5 j=0.5",
            CALL "function f.F(X) @k @j { out r; r = LeakyRelu(X) alpha=@j }\ny = f.F(x) k=0.5 j=0.5", UNPROVED, NULL, 0,
            0},
        {"a reference and a number", CALL "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=@k }\ny = f.F(x) k=0.5",
            CALL "function f.F(X) @k { out r; r = LeakyRelu(X) alpha=0.5 }\ny = f.F(x) k=0.5", UNPROVED, NULL, 0, 0},
        {"pads by reference are not the default ones", CALL
            "function f.F(X) @p { out r; init t float 2,1,1 1 2; init W float 2,2,1,1 1 2 3 4; init Z float 2 0 0\n"
            "i = Add(X, t); r = Conv(i, W, Z) pads=@p:ints }\ny = f.F(x) p=[1,1,1,1]", CALL
            "function f.F(X) @p { out r; init W float 2,2,1,1 1 2 3 4; init Z float 2 5 11\n"
            "r = Conv(X, W, Z) pads=@p:ints }\ny = f.F(x) p=[1,1,1,1]", REFUTED, NULL, 0, 0},
        {"a permutation by reference is not the reverse", "opset f 1; in x float 2,2; out y\n"
            "function f.F(X) @p { out r; r = Transpose(X) perm=@p:ints }\ny = f.F(x) p=[0,1]", "opset f 1; in x float 2,2; out y\n"
            "function f.F(X) @p { out r; r = Transpose(X) }\ny = f.F(x) p=[0,1]", UNPROVED, NULL, 0, 0},
        {"two functions that became one", CALL
            "function f.F(X) { out r; r = Relu(X) }\nfunction g.F(X) { out r; r = Relu(X) }\n"
            "opset g 1; u = f.F(x); y = g.F(u)", CALL
            "function f.F(A) { out r; r = Relu(A) }\nfunction g.F(A) { opset f 1; out r; r = f.F(A) }\n"
            "opset g 1; u = f.F(x); y = g.F(u)", UNPROVED, NULL, 0, 0},
        {"the same draws", CALL "function f.F(X) { out r; n = RandomNormalLike(X); r = Add(X, n) }\ny = f.F(x)",
            CALL "function f.F(A) { out r; n = RandomNormalLike(A); r = Add(A, n) }\ny = f.F(x)", PROVED, NULL, 0, 0},
        {"one draw instead of two", CALL
            "function f.F(X) { out r; n = RandomNormalLike(X); r = Add(X, n) }\nu = f.F(x); v = f.F(x); y = Sub(u, v)",
            CALL "function f.F(A) { out r; n = RandomNormalLike(A); r = Add(A, n) }\nu = f.F(x); y = Sub(u, u)", UNPROVED,
            NULL, 0, 0},
        {"an unknown type does not count as float", CALL
            "in z int32 2; out w; function f.F(X) { out r; r = Neg(X) }\ny = f.F(x); w = f.F(z)", CALL
            "in z int32 2; out w; function f.F(X) { out r; i = Neg(X); j = Neg(i); r = Neg(j) }\ny = f.F(x); w = f.F(z)",
            UNPROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* ---- faults in a folded function ---- */

static Onnx__NodeProto *find_node(const struct make *m, const char *output)
{
    for (size_t f = 0; f < m->model->n_functions; f++)
        for (size_t i = 0; i < m->model->functions[f]->n_node; i++)
            if (strcmp(m->model->functions[f]->node[i]->output[0], output) == 0)
                return m->model->functions[f]->node[i];
    return NULL;
}

/* Multiplies one number of the Constant that a slot of the layer reads. */
static void change_number(struct make *m, uint32_t slot, size_t index, float by)
{
    const Onnx__NodeProto *constant = find_node(m, find_node(m, "r")->input[slot]);
    uint8_t *at = constant->attribute[0]->t->raw_data.data + index * sizeof(float);
    float x;
    memcpy(&x, at, sizeof x);
    x *= by;
    memcpy(at, &x, sizeof x);
}

enum { WEIGHT, BIAS, NO_BIAS, STRIDES, NOTHING, FAULT_COUNT };

static void break_it(struct make *m, int fault)
{
    Onnx__NodeProto *layer = find_node(m, "r");
    assert_non_null(layer);
    if (fault == WEIGHT)
        change_number(m, 1, 17, 1.000001f);
    if (fault == BIAS)
        change_number(m, 2, 2, -1);
    if (fault == NO_BIAS)
        layer->n_input = 2;
    if (fault == STRIDES)
        layer->attribute[0]->ints[0] = 0; /* of pads */
}

static void test_faults(void **state)
{
    (void)state;
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        struct bnf_model text;
        struct opened opened;
        struct bnf_fold_result result;
        struct packed folded;
        struct bnf_err err = {0};
        struct make m;
        char detail[512];
        notation_read(&text, "opset f 1; in x float 2,3,5,6; out y\nfunction f.Block(X) { opset 13; out r\n" SQUARE
                             "}\nu = f.Block(x); y = f.Block(u)");
        struct packed source = pack_proto(text.proto);
        bnf_model_close(&text);
        assert_int_equal(fold_packed(&source, &opened, &result, &folded, &err), BNF_OK);
        close_opened(&opened);
        make_open(&m, &folded);
        break_it(&m, fault);
        struct packed broken = pack_proto(m.model);
        int verdict = prove_packed(&source, &broken, detail, sizeof detail);
        if (verdict != (fault == NOTHING ? PROVED : REFUTED))
            fail_msg("fault %d: verdict %d: %s", fault, verdict, detail);
        make_end(&m);
        bnf_free(source.bytes);
        bnf_free(folded.bytes);
        bnf_free(broken.bytes);
    }
}

/* ---- computed payloads inside functions ---- */

/* Saves in a format and loads again. */
static void save_and_load(const struct bnf_model *model, enum bnf_format format, struct bnf_model *out)
{
    struct bnf_err err = {0};
    uint64_t written;
    const struct bnf_save_options options = {.format = format, .threads = 2};
    FILE *file = tmpfile();
    assert_non_null(file);
    if (bnf_model_save_stream(model, fileno(file), &options, &written, &err) ||
        bnf_model_load_descriptor(out, fileno(file), "x", &err))
        fail_msg("%s", err.text);
    assert_int_equal(out->format, format);
    fclose(file);
}

/* The constants are larger than what is saved in one piece. */
static void test_streams(void **state)
{
    (void)state;
    struct bnf_model text, again[2];
    struct opened opened;
    struct bnf_fold_result result;
    struct packed folded;
    struct bnf_proof proof;
    struct bnf_err err = {0};
    const struct bnf_proof_options options = {.threads = 1};
    notation_read(&text, "opset f 1; in x float 1,160,5,6; out y\nfunction f.Block(X) { opset 13; out r\n"
                         "init W float 192,160,3,3 rand\n" BN(192) "c = Conv(X, W)\n" NORM "}\ny = f.Block(x)");
    struct packed source = pack_proto(text.proto);
    bnf_model_close(&text);
    assert_int_equal(fold_packed(&source, &opened, &result, &folded, &err), BNF_OK);
    assert_int_equal(result.batchnorms_after, 0);
    for (int i = 0; i < 2; i++) {
        struct bnf_model before;
        save_and_load(&opened.model, i ? BNF_FORMAT_JSON : BNF_FORMAT_ONNX, &again[i]);
        assert_int_equal(load_packed(&before, &source, &err), BNF_OK);
        assert_int_equal(bnf_prove(&before, &again[i], &options, &proof, &err), BNF_OK);
        assert_int_equal(proof.verdict, BNF_PROOF_PROVED);
        assert_int_equal(proof.cut_points, 1);
        assert_true(proof.worst_u > 0.3 && proof.worst_u <= 1.001);
        bnf_proof_free(&proof);
        bnf_model_close(&before);
        assert_int_equal(again[i].proto->functions[0]->n_node, result.nodes_after - 1);
    }
    for (size_t i = 0; i < again[0].proto->functions[0]->n_node; i++) {
        const Onnx__NodeProto *a = again[0].proto->functions[0]->node[i], *b = again[1].proto->functions[0]->node[i];
        assert_string_equal(a->output[0], b->output[0]);
        if (strcmp(a->op_type, "Constant") != 0)
            continue;
        assert_int_equal(a->attribute[0]->t->raw_data.len, b->attribute[0]->t->raw_data.len);
        assert_memory_equal(
            a->attribute[0]->t->raw_data.data, b->attribute[0]->t->raw_data.data, a->attribute[0]->t->raw_data.len);
    }
    bnf_model_close(&again[0]);
    bnf_model_close(&again[1]);
    close_opened(&opened);
    bnf_free(source.bytes);
    bnf_free(folded.bytes);
}

/* What reports call the function. */
static void test_names(void **state)
{
    (void)state;
    struct bnf_model text;
    struct opened opened;
    struct bnf_fold_result result;
    struct packed folded;
    struct bnf_err err = {0};
    notation_read(&text, "ir 10; opset f 1; in x float 2,3,5,6; out y\n"
                         "function f.g.Block:a(X) { opset 13; out r\n" SQUARE "}\nc = f.g.Block:a(x)\n"
                         "init s float 3 rand; init b float 3 rand; init m float 3 rand; init v float 3 pos\n"
                         "y = BatchNormalization(c, s, b, m, v)");
    struct packed source = pack_proto(text.proto);
    bnf_model_close(&text);
    assert_int_equal(fold_packed(&source, &opened, &result, &folded, &err), BNF_OK);
    assert_int_equal(result.site_count, 2);
    assert_null(result.sites[0].function);
    assert_string_equal(result.sites[1].function, "f.g.Block:a");
    close_opened(&opened);
    bnf_free(source.bytes);
    bnf_free(folded.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folds), cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_references), cmocka_unit_test(test_proof), cmocka_unit_test(test_faults), cmocka_unit_test(test_streams),
        cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
