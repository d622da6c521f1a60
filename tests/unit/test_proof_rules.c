/* The proof's rules of soundness, each by pairs of models that it would get wrong without the rule. The
 * number in a name is the rule's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/notation.h"
#include "support/proofcase.h"

#define IN "in x float 1,2,4,4; out y\n"

static void test_interface(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"1: an input more", IN "y = Relu(x)", IN "in z float 1; y = Relu(x)", REFUTED,
            "'z' is an input of the candidate", 0, 0},
        {"1: an input less", IN "in z float 1,2,4,4; y = Add(x, z)", IN "y = Add(x, x)", REFUTED, "'z'", 0,
            0},
        {"1: computed instead", IN "in z float 1,2,4,4; y = Add(x, z)", IN "z = Relu(x); y = Add(x, z)",
            REFUTED, "computed in the candidate", 0, 0},
        {"1: another type", IN "y = Relu(x)", "in x float16 1,2,4,4; out y; y = Relu(x)", REFUTED, "float16",
            0, 0},
        {"1: another type, same output", "in x float 2; out y; y = Cast(x) to=7",
            "in x double 2; out y; y = Cast(x) to=7", REFUTED, "double", 0, 0},
        {"1: another shape", IN "y = Relu(x)", "in x float 1,2,4,5; out y; y = Relu(x)", REFUTED, "1x2x4x5",
            0, 0},
        {"1: inputs exchanged", "in a float 2; in b float 2; out y; y = Sub(a, b)",
            "in a float 2; in b float 2; out y; y = Sub(b, a)", REFUTED, "instead of", 0, 0},
        {"1: frozen default", IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; y = Add(x, W)", PROVED, NULL, 0, 0},
        {"1: frozen to another value", IN "init W float 1,2,4,4 zeros; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 ones; y = Add(x, W)", REFUTED, "shift on channel 0 is 1 instead of 0", 0, 0},
        {"1: default missing, kept overridable", IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; y = Add(x, W)", REFUTED, "'W'", 0, true},
        {"1: another default, kept overridable", IN "init W float 1,2,4,4 zeros; input W; y = Add(x, W)",
            IN "init W float 1,2,4,4 ones; input W; y = Add(x, W)", REFUTED, "default value", 0, true},
        {"1: the input became the default of one", IN "in W float 1,2,4,4; y = Add(x, W)",
            IN "init W float 1,2,4,4 rand; input W; y = Add(x, W)", REFUTED, "has a default value", 0, 0},
        {"13: an output less", IN "out z; y = Relu(x); z = Neg(x)", IN "y = Relu(x)", REFUTED,
            "1 outputs instead of 2", 0, 0},
        {"13: outputs reordered", "in x float 2; out y; out z; y = Relu(x); z = Neg(x)",
            "in x float 2; out z; out y; y = Relu(x); z = Neg(x)", REFUTED, "output 0 is 'z'", 0, 0},
        {"13: outputs reordered, matched by position", "in x float 2; out y; out z; y = Relu(x); z = Neg(x)",
            "in x float 2; out z; out y; y = Relu(x); z = Neg(x)", UNPROVED, NULL, true, 0},
        {"13: everything renamed", "in x float 2; in u float 2; out y; y = Sub(x, u)",
            "in a float 2; in b float 2; out c; c = Sub(a, b)", PROVED, NULL, true, 0},
        {"13: everything renamed, inputs exchanged", "in x float 2; in u float 2; out y; y = Sub(x, u)",
            "in a float 2; in b float 2; out c; c = Sub(b, a)", REFUTED, NULL, true, 0},
        {"13: another type of output", "in x float 2; out y; y = Cast(x) to=7",
            "in x float 2; out y; y = Cast(x) to=6", REFUTED, "int32", 0, 0},
        {"no outputs", "in x float 2; y = Relu(x)", "in x float 2; y = Neg(x)", UNPROVED, "no outputs", 0, 0},
    };
    RUN(pairs);
}

static void test_names(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"3: a constant of the same name", IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            IN "init W float 2,2,1,1 1 2 3 5; y = Conv(x, W)", REFUTED, "is 5 instead of 4", 0, 0},
        {"3: a constant of another name", IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            IN "init V float 2,2,1,1 1 2 3 4; y = Conv(x, V)", PROVED, NULL, 0, 0},
        {"3: a constant computed from constants",
            IN "init W float 4 1 2 3 4; init s int64 4 2 2 1 1\n"
               "V = Reshape(W, s); y = Conv(x, V)",
            IN "init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)", PROVED, NULL, 0, 0},
        {"4: names exchanged", IN "a = Relu(x); b = Neg(x); y = Sub(a, b)",
            IN "b = Relu(x); a = Neg(x); y = Sub(b, a)", PROVED, NULL, 0, 0},
        {"4: names exchanged and used as they were", IN "a = Relu(x); b = Neg(x); y = Sub(a, b)",
            IN "b = Relu(x); a = Neg(x); y = Sub(a, b)", UNPROVED, NULL, 0, 0},
        {"4: renumbered", IN "a = Relu(x); b = Sigmoid(a); c = Exp(b); y = Neg(c)",
            IN "n1 = Relu(x); n2 = Sigmoid(n1); n3 = Exp(n2); y = Neg(n3)", PROVED, NULL, 0, 0},
        {"4: another structure is no refutation", IN "a = Relu(x); y = Neg(a)", IN "a = Abs(x); y = Neg(a)",
            UNPROVED, "the reference computes it by Relu, the candidate by Abs", 0, 0},
        {"5: a wrong value nothing depends on",
            IN "init W float 2,2,1,1 1 2 3 4; d = Conv(x, W); y = Relu(x)",
            IN "init W float 2,2,1,1 9 9 9 9; d = Conv(x, W); y = Relu(x)", PROVED, NULL, 0, 0},
        {"swapped summands", IN "a = Relu(x); b = Exp(x); y = Add(a, b)",
            IN "a = Relu(x); b = Exp(x); y = Add(b, a)", PROVED, NULL, 0, 0},
        {"an output of another slot", "in x float 4,2; out y; a, y = Split(x) axis=0",
            "in x float 4,2; out y; y, a = Split(x) axis=0", REFUTED, "output 0 instead of output 1", 0, 0},
    };
    RUN(pairs);
}

static void test_operators(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"7: the same equation with blanks", "in x float 2,3; in z float 3,4; out y; y = Einsum(x, z) equation='ij,jk->ik'",
            "in x float 2,3; in z float 3,4; out y; y = Einsum(x, z) equation='i j, jk -> ik'", PROVED, NULL, 0, 0},
        {"7: the same equation with its output implied",
            "in x float 2,3; in z float 3,4; out y; y = Einsum(x, z) equation='ij,jk->ik'",
            "in x float 2,3; in z float 3,4; out y; y = Einsum(x, z) equation='ij, jk'", PROVED, NULL, 0, 0},
        {"7: another equation with blanks", "in x float 3,3; in z float 3,3; out y; y = Einsum(x, z) equation='ij,jk->ik'",
            "in x float 3,3; in z float 3,3; out y; y = Einsum(x, z) equation='ij, jk -> ki'", REFUTED, "equation", 0, 0},
        {"7: a default spelled out", IN "y = LeakyRelu(x)", IN "y = LeakyRelu(x) alpha=0.01", PROVED, NULL, 0,
            0},
        {"7: not the default", IN "y = LeakyRelu(x)", IN "y = LeakyRelu(x) alpha=0.02", REFUTED,
            "attribute 'alpha'", 0, 0},
        {"7: an attribute dropped", IN "y = Softmax(x) axis=1", IN "y = Softmax(x)", REFUTED,
            "attribute 'axis'", 0, 0},
        {"7: a string attribute", IN "y = DepthToSpace(x) blocksize=1 mode='CRD'",
            IN "y = DepthToSpace(x) blocksize=1", REFUTED, "attribute 'mode'", 0, 0},
        {"7: what a window does by default", "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2]",
            "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2] strides=[1,1] pads=[0,0,0,0]",
            PROVED, NULL, 0, 0},
        {"7: not what a window does by default",
            "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2]",
            "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2] pads=[0,0,1,1]", UNPROVED, "'pads'",
            0, 0},
        {"7: windows that differ",
            "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2] pads=[1,1,0,0]",
            "in x float 1,2,H,H; out y; y = MaxPool(x) kernel_shape=[2,2] pads=[0,0,1,1]", REFUTED, "'pads'",
            0, 0},
        {"7: a permutation dropped", "in x float 2,2,2; out y; y = Transpose(x) perm=[0,2,1]",
            "in x float 2,2,2; out y; y = Transpose(x)", REFUTED, "times 1 instead of 0", 0, 0},
        {"7: an input left out",
            "in x float 2; out y; init lo float () 0; init hi float () 6; y = Clip(x, lo, hi)",
            "in x float 2; out y; init lo float () 0; y = Clip(x, lo)", UNPROVED, "left out", 0, 0},
        {"7: versions of one schema", "opset 13\n" IN "y = Relu(x)", "opset 12\n" IN "y = Relu(x)", UNPROVED,
            "version", 0, 0},
        {"7: versions with the same schema", "opset 14\n" IN "y = Relu(x)", "opset 15\n" IN "y = Relu(x)",
            PROVED, NULL, 0, 0},
        {"7: versions that differ", "opset 12\n" IN "y = Softmax(x) axis=1",
            "opset 13\n" IN "y = Softmax(x) axis=1", UNPROVED, "version", 0, 0},
        {"7: another number of parts", "in x float N,2; out y; y, b = Split(x) axis=0",
            "in x float N,2; out y; y, b, c = Split(x) axis=0", UNPROVED, "other outputs", 0, 0},
        {"7: another domain", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)", IN "y = Relu(x)", UNPROVED, NULL,
            0, 0},
        {"7: the same foreign operator", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)",
            "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)", PROVED, NULL, 0, 0},
        {"7: a foreign operator's version", "opset ai.acme 1\n" IN "y = ai.acme.Relu(x)",
            "opset ai.acme 2\n" IN "y = ai.acme.Relu(x)", UNPROVED, "version", 0, 0},
        {"7: a foreign Conv is not ONNX's",
            "opset ai.acme 1\n" IN "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 2 2\n"
            "c = ai.acme.Conv(x, W); y = Mul(c, s)",
            "opset ai.acme 1\n" IN "init W float 2,2,1,1 2 4 6 8; y = ai.acme.Conv(x, W)", UNPROVED, NULL, 0,
            0},
        {"a foreign operator may draw: two are not one",
            "opset ai.acme 1\n" IN "a = ai.acme.F(x); b = ai.acme.F(x); y = Sub(a, b)",
            "opset ai.acme 1\n" IN "a = ai.acme.F(x); y = Sub(a, a)", UNPROVED, NULL, 0, 0},
        {"a pure operator does not: two are one", IN "a = Exp(x); b = Exp(x); y = Sub(a, b)",
            IN "a = Exp(x); y = Sub(a, a)", PROVED, NULL, 0, 0},
        {"10: weights of another type",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            "in x float 1,2,4,4; out y; init W double 2,2,1,1 1 2 3 4; y = Conv(x, W)", REFUTED, "double", 0,
            0},
        {"10: through a narrower type",
            "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; y = Conv(x, W)",
            "in x float 1,2,4,4; out y; init W float16 2,2,1,1 1 2 3 4\n"
            "h = Cast(x) to=10; c = Conv(h, W); y = Cast(c) to=1",
            UNPROVED, NULL, 0, 0},
        {"11: the same draw", IN "r = RandomNormalLike(x); y = Add(x, r)",
            IN "r = RandomNormalLike(x); y = Add(x, r)", PROVED, NULL, 0, 0},
        {"11: another draw", IN "r = RandomNormalLike(x); y = Add(x, r)",
            IN "q = RandomNormalLike(x); y = Add(x, q)", UNPROVED, "draws", 0, 0},
        {"11: one draw for two", IN "r = RandomNormalLike(x); q = RandomNormalLike(x); y = Sub(r, q)",
            IN "r = RandomNormalLike(x); y = Sub(r, r)", UNPROVED, NULL, 0, 0},
        {"11: training-mode dropout is no identity",
            IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)", IN "y = Identity(x)", UNPROVED,
            NULL, 0, 0},
        {"11: dropout without training is one",
            IN "init r float () 0.5; init t bool () 0; y = Dropout(x, r, t)", IN "y = Identity(x)", PROVED,
            NULL, 0, 0},
        {"11: training-mode dropout under its name",
            IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)",
            IN "init r float () 0.5; init t bool () 1; y = Dropout(x, r, t)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* ---- bodies ---- */

#define IF(first, second) \
    "in c bool; in x float 2; out y; y = If(c) then_branch={ " first " } else_branch={ " second " }"
#define LOOP_HEAD "in a float 2; in b float 2; out p; out q; init n int64 () 3; init c bool () 1\n"

static void test_bodies(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"6: bodies by position, not by name", IF("u = Relu(x); out u", "w = Neg(x); out w"),
            IF("k = Relu(x); out k", "l = Neg(x); out l"), PROVED, NULL, 0, 0},
        {"6: branches exchanged", IF("u = Relu(x); out u", "w = Neg(x); out w"),
            IF("w = Neg(x); out w", "u = Relu(x); out u"), UNPROVED, NULL, 0, 0},
        {"6: branches in another order", IF("u = Relu(x); out u", "w = Neg(x); out w"),
            "in c bool; in x float 2; out y; y = If(c) else_branch={ w = Neg(x); out w } then_branch={ u = "
            "Relu(x); out u }",
            PROVED, NULL, 0, 0},
        {"6: a captured value is an input",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ u = Relu(x); out u } "
            "else_branch={ w = Neg(x); out w }",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ u = Relu(z); out u } "
            "else_branch={ w = Neg(x); out w }",
            REFUTED, "reads input 'z' instead of 'x'", 0, 0},
        {"6: a captured value two bodies up",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ v = If(c) then_branch={ u "
            "= Relu(x); out u } else_branch={ w = Neg(x); out w }; out v } "
            "else_branch={ k = Neg(x); out k }",
            "in c bool; in x float 2; in z float 2; out y; y = If(c) then_branch={ v = If(c) then_branch={ u "
            "= Relu(x); out u } else_branch={ w = Neg(z); out w }; out v } "
            "else_branch={ k = Neg(x); out k }",
            REFUTED, NULL, 0, 0},
        {"6: a constant in a body", IF("init k float 2 1 2; u = Add(x, k); out u", "w = Neg(x); out w"),
            IF("init k float 2 1 3; u = Add(x, k); out u", "w = Neg(x); out w"), REFUTED, NULL, 0, 0},
        {"6: a fold in a body",
            "in c bool; in x float 1,2,4,4; out y; y = If(c) then_branch={ init W float 2,2,1,1 1 2 3 4; "
            "init s float 2,1,1 2 4; u = Conv(x, W); v = Mul(u, s); out v } "
            "else_branch={ w = Neg(x); out w }",
            "in c bool; in x float 1,2,4,4; out y; y = If(c) then_branch={ init W float 2,2,1,1 2 4 12 16; v "
            "= Conv(x, W); out v } else_branch={ w = Neg(x); out w }",
            PROVED, NULL, 0, 0},
        {"6: a fold of a captured value",
            "in c bool; in x float 1,2,4,4; out y; init W float 2,2,1,1 1 2 3 4; k = Conv(x, W)\n"
            "y = If(c) then_branch={ init s float 2,1,1 2 4; v = Mul(k, s); out v } else_branch={ w = "
            "Neg(k); out w }",
            "in c bool; in x float 1,2,4,4; out y; init W float 2,2,1,1 2 4 12 16; k = Conv(x, W)\n"
            "y = If(c) then_branch={ v = Identity(k); out v } else_branch={ w = Neg(k); out w }",
            UNPROVED, NULL, 0, 0},
        {"6: loop",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Add(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in j int64; in f bool; in k float 2; in l float 2; g = "
                      "Identity(f); m = Add(k, l); o = Mul(k, l); out g; out m; out o }",
            PROVED, NULL, 0, 0},
        {"6: loop, body inputs reordered",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in t float 2; in s float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            REFUTED, "reads input", 0, 0},
        {"6: loop, initial values exchanged",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            LOOP_HEAD "p, q = Loop(n, c, b, a) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Mul(s, t); out e; out u; out v }",
            REFUTED, NULL, 0, 0},
        {"6: loop, outputs exchanged",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Sub(t, s); out e; out u; out v }",
            LOOP_HEAD "p, q = Loop(n, c, a, b) body={ in i int64; in d bool; in s float 2; in t float 2; e = "
                      "Identity(d); u = Sub(s, t); v = Sub(t, s); out e; out v; out u }",
            REFUTED, NULL, 0, 0},
        {"6: nested loops, the inner body reads the outer variable",
            "in a float 2; out p; init n int64 () 3; init c bool () 1\n"
            "p = Loop(n, c, a) body={ in i int64; in d bool; in s float 2; e = Identity(d); u = Loop(n, d, "
            "s) body={ in k int64; in f bool; in t float 2; g = Identity(f); w = Add(s, t); out g; out w }; "
            "out e; out u }",
            "in a float 2; out p; init n int64 () 3; init c bool () 1\n"
            "p = Loop(n, c, a) body={ in i int64; in d bool; in s float 2; e = Identity(d); u = Loop(n, d, "
            "s) body={ in k int64; in f bool; in t float 2; g = Identity(f); w = Add(t, t); out g; out w }; "
            "out e; out u }",
            UNPROVED, NULL, 0, 0},
        {"11: a draw in another body", IF("r = RandomNormalLike(x); out r", "w = Neg(x); out w"),
            IF("q = RandomNormalLike(x); out q", "w = Neg(x); out w"), UNPROVED, "draws", 0, 0},
    };
    RUN(pairs);
}

/* Rule 2 is kept by the graph: what breaks it never reaches the proof. */
static void test_single_assignment(void **state)
{
    (void)state;
    static const char *const bad[] = {IN "y = Relu(x); y = Neg(x)",
        "in c bool; in x float 2; out y; u = Relu(x); y = If(c) then_branch={ "
        "u = Neg(x); out u } else_branch={ w = Neg(x); out w }"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bnf_model model[2] = {0};
        struct bnf_proof proof;
        struct bnf_err err = {0};
        notation_read(&model[0], bad[i]);
        notation_read(&model[1], bad[i]);
        assert_int_equal(
            bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err),
            BNF_EINPUT);
        assert_non_null(strstr(err.text, i ? "hides" : "twice"));
        bnf_model_close(&model[0]);
        bnf_model_close(&model[1]);
    }
}

/* Gives a model the function my.F(a) -> b of one node. */
static void add_function(struct bnf_model *model, const char *op_type)
{
    static const char *const texts[] = {"a", "b", "F", "my", ""};
    char *copies[5];
    Onnx__FunctionProto *f = bnf_arena_alloc(&model->arena, 1, sizeof *f);
    Onnx__NodeProto *node = bnf_arena_alloc(&model->arena, 1, sizeof *node);
    Onnx__OperatorSetIdProto *import = bnf_arena_alloc(&model->arena, 1, sizeof *import);
    char **names = bnf_arena_alloc(&model->arena, 2, sizeof *names);
    Onnx__FunctionProto **functions = bnf_arena_alloc(&model->arena, 1, sizeof(void *));
    Onnx__NodeProto **nodes = bnf_arena_alloc(&model->arena, 1, sizeof(void *));
    Onnx__OperatorSetIdProto **imports = bnf_arena_alloc(&model->arena, 1, sizeof(void *));
    for (size_t i = 0; i < 5; i++)
        copies[i] = bnf_arena_copy(&model->arena, texts[i], strlen(texts[i]));
    onnx__function_proto__init(f);
    onnx__node_proto__init(node);
    onnx__operator_set_id_proto__init(import);
    names[0] = copies[0];
    names[1] = copies[1];
    import->domain = copies[4];
    import->has_version = true;
    import->version = 13;
    node->op_type = bnf_arena_copy(&model->arena, op_type, strlen(op_type));
    node->input = &names[0];
    node->output = &names[1];
    node->n_input = node->n_output = 1;
    f->name = copies[2];
    f->domain = copies[3];
    f->input = &names[0];
    f->output = &names[1];
    f->n_input = f->n_output = f->n_node = f->n_opset_import = 1;
    f->node = nodes;
    nodes[0] = node;
    f->opset_import = imports;
    imports[0] = import;
    functions[0] = f;
    model->proto->functions = functions;
    model->proto->n_functions = 1;
}

/* Rules 7 and 11: a function is what its body is, and one that draws draws at every call. */
static void test_functions(void **state)
{
    (void)state;
    static const struct {
        const char *ref_op, *new_op, *ref, *new;
        enum bnf_proof_verdict verdict;
    } cases[] = {
        {"Relu", "Relu", "y = my.F(x)", "y = my.F(x)", BNF_PROOF_PROVED},
        {"Relu", "Neg", "y = my.F(x)", "y = my.F(x)", BNF_PROOF_UNPROVED},
        {"Relu", NULL, "y = my.F(x)", "y = my.F(x)", BNF_PROOF_UNPROVED},
        {"Relu", "Relu", "a = my.F(x); b = my.F(x); y = Sub(a, b)", "a = my.F(x); y = Sub(a, a)",
            BNF_PROOF_PROVED},
        {"RandomNormalLike", "RandomNormalLike", "a = my.F(x); b = my.F(x); y = Sub(a, b)",
            "a = my.F(x); y = Sub(a, a)", BNF_PROOF_UNPROVED},
        {"RandomNormalLike", "RandomNormalLike", "a = my.F(x); y = Neg(a)", "a = my.F(x); y = Neg(a)",
            BNF_PROOF_PROVED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_model model[2];
        struct bnf_proof proof;
        struct bnf_err err = {0};
        char text[2][256];
        snprintf(text[0], sizeof text[0], "opset my 1; in x float 2; out y; %s", cases[i].ref);
        snprintf(text[1], sizeof text[1], "opset my 1; in x float 2; out y; %s", cases[i].new);
        notation_read(&model[0], text[0]);
        notation_read(&model[1], text[1]);
        add_function(&model[0], cases[i].ref_op);
        if (cases[i].new_op)
            add_function(&model[1], cases[i].new_op);
        if (bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err))
            fail_msg("%zu: %s", i, err.text);
        if (proof.verdict != cases[i].verdict)
            fail_msg("functions %zu: verdict %d instead of %d", i, (int)proof.verdict, (int)cases[i].verdict);
        bnf_proof_free(&proof);
        bnf_model_close(&model[0]);
        bnf_model_close(&model[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interface),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_single_assignment),
        cmocka_unit_test(test_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
