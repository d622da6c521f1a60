/* The proof's rules where graphs have bodies and random operators, and what names say: pairs of models that it would get
 * wrong without the rule. The number in a name is the rule's; test_proof_rules.c has the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/notation.h"
#include "support/proofcase.h"

#define X "in x float 2; out y\n"
#define XC "in c bool; in x float 2; in z float 2; out y\n"

/* ---- rule 6: what a body reads ---- */

#define LOOP "in a float 2; in b float 2; out p; out q; init n int64 () 3; init c bool () 1\n"
#define STEP(inputs, compute, outputs) \
    "body={ in i int64; in d bool; " inputs "; e = Identity(d); " compute "; out e; " outputs " }"
#define ONE_LOOP "in x float 2; in z float 2; out y; init n int64 () 3; init c bool () 1\n"
#define FRAMES "in h float 2; in x float 5,2; out y; out t\n"
#define PICTURE "in x float 1,2,4,4; out y; init n int64 () 3; init c bool () 1\n"
#define SMALL_W "init W float 2,2,1,1 1 2 3 4; init s float 2,1,1 2 4; "

static void test_bodies(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"6: names of body inputs exchanged, and what reads them",
            LOOP
            "p, q = Loop(n, c, a, b) " STEP("in s float 2; in t float 2", "u = Sub(s, t); v = Mul(s, t)", "out u; out v"),
            LOOP
            "p, q = Loop(n, c, a, b) " STEP("in t float 2; in s float 2", "u = Sub(t, s); v = Mul(t, s)", "out u; out v"),
            PROVED, NULL, 0, 0},
        {"6: the body input of a name that is an outer value's in the other model",
            "in x float 2; in z float 2; out y; init n int64 () 3; init c bool () 1; k = Neg(z)\n"
            "y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"),
            "in x float 2; in z float 2; out y; init n int64 () 3; init c bool () 1; s = Neg(z)\n"
            "y = Loop(n, c, x) " STEP("in k float 2", "u = Add(k, s)", "out u"),
            PROVED, NULL, 0, 0},
        {"6: a captured value that is computed otherwise",
            ONE_LOOP "k = Relu(z); y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"),
            ONE_LOOP "k = Neg(z); y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"), UNPROVED, NULL, 0, 0},
        {"6: a captured constant that differs",
            ONE_LOOP "init k float 2 1 2; y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"),
            ONE_LOOP "init k float 2 1 3; y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"), REFUTED,
            "shift", 0, 0},
        {"6: a captured constant of another name",
            ONE_LOOP "init k float 2 1 2; y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, k)", "out u"),
            ONE_LOOP "init j float 2 1 2; y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, j)", "out u"), PROVED, NULL,
            0, 0},
        {"6: another trip count", ONE_LOOP "y = Loop(n, c, x) " STEP("in s float 2", "u = Neg(s)", "out u"),
            "in x float 2; in z float 2; out y; init n int64 () 4; init c bool () 1\n"
            "y = Loop(n, c, x) " STEP("in s float 2", "u = Neg(s)", "out u"),
            REFUTED, NULL, 0, 0},
        {"6: the loop goes on otherwise", ONE_LOOP "y = Loop(n, c, x) " STEP("in s float 2", "u = Neg(s)", "out u"),
            ONE_LOOP "y = Loop(n, c, x) body={ in i int64; in d bool; in s float 2; e = Not(d); u = Neg(s); out e; out u }",
            UNPROVED, NULL, 0, 0},
        {"6: two loops, their starts exchanged",
            LOOP "p = Loop(n, c, a) " STEP("in s float 2", "u = Neg(s)", "out u") "; q = Loop(n, c, b) " STEP(
                "in s2 float 2", "u2 = Neg(s2)", "out u2"),
            LOOP "p = Loop(n, c, b) " STEP("in s float 2", "u = Neg(s)", "out u") "; q = Loop(n, c, a) " STEP(
                "in s2 float 2", "u2 = Neg(s2)", "out u2"),
            REFUTED, NULL, 0, 0},
        {"6: a fold in a loop",
            PICTURE "y = Loop(n, c, x) " STEP("in s0 float 1,2,4,4", SMALL_W "u = Conv(s0, W); v = Mul(u, s)", "out v"),
            PICTURE
            "y = Loop(n, c, x) " STEP("in s0 float 1,2,4,4", "init W float 2,2,1,1 2 4 12 16; v = Conv(s0, W)", "out v"),
            PROVED, NULL, 0, 0},
        {"6: a wrong fold in a loop",
            PICTURE "y = Loop(n, c, x) " STEP("in s0 float 1,2,4,4", SMALL_W "u = Conv(s0, W); v = Mul(u, s)", "out v"),
            PICTURE
            "y = Loop(n, c, x) " STEP("in s0 float 1,2,4,4", "init W float 2,2,1,1 2 4 12 15; v = Conv(s0, W)", "out v"),
            REFUTED, "15 instead of 16", 0, 0},
        {"6: only the second branch differs",
            XC "y = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Add(x, z); out w }",
            XC "y = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Sub(x, z); out w }", UNPROVED, NULL, 0, 0},
        {"6: another condition",
            "in c bool; in d bool; in x float 2; out y\n"
            "y = If(c) then_branch={ u = Relu(x); out u } else_branch={ w = Neg(x); out w }",
            "in c bool; in d bool; in x float 2; out y\n"
            "y = If(d) then_branch={ u = Relu(x); out u } else_branch={ w = Neg(x); out w }",
            REFUTED, "reads input 'd' instead of 'c'", 0, 0},
        {"6: outputs of branches exchanged",
            "in c bool; in x float 2; out y; out v\n"
            "y, v = If(c) then_branch={ u = Relu(x); k = Exp(x); out u; out k } else_branch={ w = Neg(x); l = Abs(x); out "
            "w; out l }",
            "in c bool; in x float 2; out y; out v\n"
            "y, v = If(c) then_branch={ u = Relu(x); k = Exp(x); out k; out u } else_branch={ w = Neg(x); l = Abs(x); out "
            "l; out w }",
            UNPROVED, NULL, 0, 0},
        {"6: a branch that gives a captured value itself",
            XC "y = If(c) then_branch={ u = Identity(x); out u } else_branch={ w = Neg(x); out w }",
            XC "y = If(c) then_branch={ u = Identity(z); out u } else_branch={ w = Neg(x); out w }", REFUTED,
            "reads input 'z' instead of 'x'", 0, 0},
        {"6: scan",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in s float 2; in f float 2; u = Sub(s, f); o = Relu(u); out "
                   "u; out o }",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in f float 2; in s float 2; k = Sub(f, s); l = Relu(k); out "
                   "k; out l }",
            PROVED, NULL, 0, 0},
        {"6: scan, body inputs reordered",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in s float 2; in f float 2; u = Sub(s, f); o = Relu(u); out "
                   "u; out o }",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in f float 2; in s float 2; u = Sub(s, f); o = Relu(u); out "
                   "u; out o }",
            REFUTED, "reads input", 0, 0},
        {"6: scan in another direction",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in s float 2; in f float 2; u = Sub(s, f); o = Relu(u); out "
                   "u; out o }",
            FRAMES "y, t = Scan(h, x) num_scan_inputs=1 scan_input_directions=[1] body={ in s float 2; in f float 2\n"
                   "u = Sub(s, f); o = Relu(u); out u; out o }",
            UNPROVED, "scan_input_directions", 0, 0},
        {"6: scan, a captured value",
            "in z float 2; in v float 2; " FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in s float 2; in f float 2\n"
            "g = Mul(f, z); u = Sub(s, g); o = Relu(u); out u; out o }",
            "in z float 2; in v float 2; " FRAMES "y, t = Scan(h, x) num_scan_inputs=1 body={ in s float 2; in f float 2\n"
            "g = Mul(f, v); u = Sub(s, g); o = Relu(u); out u; out o }",
            REFUTED, "reads input 'v' instead of 'z'", 0, 0},
    };
    RUN(pairs);
}

/* ---- rule 11: draws ---- */

#define NEGATED "else_branch={ w = Neg(x); out w }"

static void test_draws(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"11: a draw in a body", XC "y = If(c) then_branch={ r = RandomNormalLike(x); out r } " NEGATED,
            XC "y = If(c) then_branch={ r = RandomNormalLike(x); out r } " NEGATED, PROVED, NULL, 0, 0},
        {"11: a draw of the same name in the other body",
            XC "y = If(c) then_branch={ r = RandomNormalLike(x); out r } " NEGATED,
            XC "y = If(c) then_branch={ w = Neg(x); out w } else_branch={ r = RandomNormalLike(x); out r }", UNPROVED, NULL,
            0, 0},
        {"11: one draw for two in a body",
            XC "y = If(c) then_branch={ r = RandomNormalLike(x); q = RandomNormalLike(x); u = Sub(r, q); out u } " NEGATED,
            XC "y = If(c) then_branch={ r = RandomNormalLike(x); u = Sub(r, r); out u } " NEGATED, UNPROVED, NULL, 0, 0},
        {"11: a draw at each step is not one in front of the loop",
            ONE_LOOP "y = Loop(n, c, x) " STEP("in s float 2", "r = RandomNormalLike(z); u = Add(s, r)", "out u"),
            ONE_LOOP "r = RandomNormalLike(z); y = Loop(n, c, x) " STEP("in s float 2", "u = Add(s, r)", "out u"), UNPROVED,
            NULL, 0, 0},
        {"11: a draw at each step",
            ONE_LOOP "y = Loop(n, c, x) " STEP("in s float 2", "r = RandomNormalLike(z); u = Add(s, r)", "out u"),
            ONE_LOOP "y = Loop(n, c, x) " STEP("in k float 2", "r = RandomNormalLike(z); v = Add(k, r)", "out v"), PROVED,
            NULL, 0, 0},
        {"11: training-mode dropout of another name",
            X "init r float () 0.5; init t bool () 1; d = Dropout(x, r, t); y = Relu(d)",
            X "init r float () 0.5; init t bool () 1; e = Dropout(x, r, t); y = Relu(e)", UNPROVED, "draws", 0, 0},
        {"11: dropout that a caller may put into training",
            "in t bool; " X "init r float () 0.5; d = Dropout(x, r, t); y = Relu(d)",
            "in t bool; " X "init r float () 0.5; y = Relu(x)", UNPROVED, NULL, 0, 0},
        {"11: Bernoulli", "opset 15; " X "d = Bernoulli(x); y = Relu(d)", "opset 15; " X "e = Bernoulli(x); y = Relu(e)",
            UNPROVED, "draws", 0, 0},
        {"11: Multinomial", "in x float 1,2; out y; y = Multinomial(x)",
            "in x float 1,2; out y; d = Multinomial(x); y = Identity(d)", UNPROVED, "draws", 0, 0},
        {"11: RandomUniform, whose seed says nothing of the runtime",
            X "d = RandomUniform() shape=[2] seed=1.0; y = Add(x, d)",
            X "e = RandomUniform() shape=[2] seed=1.0; y = Add(x, e)", UNPROVED, "draws", 0, 0},
    };
    RUN(pairs);
}

/* ---- rule 4: names are a first guess ---- */

static void test_names(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"4: an inner value that differs is no cut point",
            "in x float N,2,H; out y; init W float 2,2,1 1 2 3 4; init s float 2,1 2 4; c = Conv(x, W); y = Mul(c, s)",
            "in x float N,2,H; out y; init W float 2,2,1 2 4 12 16; c = Conv(x, W); y = Identity(c)", PROVED, NULL, 0, 0},
        {"4: a name that belongs to a value further on", X "a = Relu(x); b = Neg(a); y = Exp(b)",
            X "m = Relu(x); a = Neg(m); y = Exp(a)", PROVED, NULL, 0, 0},
        {"4: a name that is paired with another value is no cut point",
            X "a = Relu(x); b = Neg(x); u = Exp(a); v = Exp(b); y = Sub(u, v)",
            X "b = Relu(x); a = Neg(x); u = Exp(a); v = Exp(b); y = Sub(u, v)", UNPROVED, NULL, 0, 0},
        {"4: the same, put right by its reader", X "a = Relu(x); b = Neg(x); u = Exp(a); v = Exp(b); y = Sub(u, v)",
            X "b = Relu(x); a = Neg(x); u = Exp(a); v = Exp(b); y = Sub(v, u)", PROVED, NULL, 0, 0},
    };
    RUN(pairs);
}

/* ---- rule 9: a shift in front of padding ---- */

#define PADDED_REF                                                                                      \
    "in x float N,2,H; out y; init s float 2,1 2 4; init t float 2,1 1 2; init W float 1,2,2 1 2 3 4\n" \
    "p = Mul(x, s); q = Add(p, t); y = Conv(q, W) pads=[1,1]"
#define PADDED_NEW(value)                                                                                    \
    "in x float N,2,H; out y; init W float 1,2,2 2 4 12 16; init B float 1 17; init a int64 6 0 0 1 0 0 1\n" \
    "init v float () " value "; d = Pad(x, a, v); y = Conv(d, W, B)"

static void test_padding(void **state)
{
    (void)state;
    static const struct proofcase pairs[] = {
        {"9: a Pad that carries what cancels the shift", PADDED_REF, PADDED_NEW("-0.5"), PROVED, NULL, 0, 0},
        {"9: a Pad that carries zero", PADDED_REF, PADDED_NEW("0"), REFUTED, NULL, 0, 0},
        {"9: a Pad that carries the shift", PADDED_REF, PADDED_NEW("0.5"), REFUTED, NULL, 0, 0},
    };
    RUN(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
