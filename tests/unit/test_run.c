/* Runs: whole comparisons of small models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "check/run.h"
#include "support/notation.h"

/* ---- whole comparisons ---- */

struct run_case {
    const char *name, *ref, *new;
    int verdict;
    const char *says;  /* part of the note, or of the first failing output's reason; NULL: not looked at */
    const char *first; /* where the models part */
    bool by_position;
    size_t near_ties;
};

enum {
    AGREES = BNF_RUN_AGREES,
    INCOMPLETE = BNF_RUN_INCOMPLETE,
    OPEN = BNF_RUN_INCONCLUSIVE,
    DIFFERENT = BNF_RUN_DIFFERENT
};

static void run_case(const struct run_case *c)
{
    struct bnf_model model[2] = {0};
    struct bnf_run run;
    struct bnf_err err = {0};
    const struct bnf_run_options options = {.threads = 1, .match_by_position = c->by_position};
    notation_read(&model[0], c->ref);
    notation_read(&model[1], c->new);
    if (bnf_run_compare(&model[0], &model[1], &options, &run, &err))
        fail_msg("%s: %s", c->name, err.text);
    const char *why = run.note ? run.note : "";
    size_t near = 0;
    for (size_t i = run.output_count; i-- > 0;) {
        why = run.outputs[i].fails ? run.outputs[i].why : why;
        near += run.outputs[i].near_ties;
    }
    if ((int)run.verdict != c->verdict || (c->says && !strstr(why, c->says)) ||
        (c->first && (!run.diverges || strcmp(run.diverges, c->first) != 0)) || near != c->near_ties)
        fail_msg("%s: verdict %d instead of %d: %s; at %s; %zu near ties", c->name, (int)run.verdict,
            c->verdict, why, run.diverges ? run.diverges : "nothing", near);
    bnf_run_free(&run);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

#define CONV "in x float N,2,4,4; out y; init W float 2,2,1,1 1 2 3 4\n"

#define LABELLED(weights)                                                     \
    "in x float 64,1; out y; init l int64 3 7 8 9; init W float 1,3 " weights \
    "\np = MatMul(x, W); i = ArgMax(p) axis=1 keepdims=0; "
#define TIE LABELLED("3 3 -3")
#define ANOTHER_TIE LABELLED("3 3.0000002 -3")
#define FEWER_TIES LABELLED("-3 -3 3")
#define FEWER_OTHER_TIES LABELLED("-3 -3.0000002 3")
#define NO_TIE LABELLED("3 -3 2")
#define COUNTED "in x float 64; out y\n"
#define COUNT "p = Mul(x, k); t = Add(x, x); q = Add(t, x); g = Greater(p, q); y = NonZero(g)"
#define ABOVE "p = Mul(x, k); init h float 1 1.5; g = Greater(p, h); y = NonZero(g)"

static void test_runs(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"equal", CONV "y = Conv(x, W)", CONV "y = Conv(x, W)", AGREES, NULL, NULL, false, 0},
        {"another weight", CONV "c = Conv(x, W); y = Relu(c)",
            "in x float N,2,4,4; out y; init W float 2,2,1,1 1 2 3 4.01; c = Conv(x, W); y = Relu(c)",
            DIFFERENT, "off the exact result", "c", false, 0},
        {"the same name for another value", CONV "c = Conv(x, W); s = Add(c, c); r = Relu(s); y = Neg(r)",
            CONV "k = Conv(x, W); c = Neg(k); s = Sub(k, c); r = Relu(s); y = Identity(r)", DIFFERENT, NULL,
            "y", false, 0},
        {"a missing output", CONV "y = Conv(x, W)", CONV "out z; y = Conv(x, W); z = Relu(y)", DIFFERENT,
            "different numbers of outputs", NULL, false, 0},
        {"a renamed output", CONV "y = Conv(x, W)",
            "in x float N,2,4,4; out z; init W float 2,2,1,1 1 2 3 4\nz = Conv(x, W)", DIFFERENT,
            "no output 'y'", NULL, false, 0},
        {"by position", CONV "y = Conv(x, W)",
            "in a float N,2,4,4; out z; init W float 2,2,1,1 1 2 3 4\nz = Conv(a, W)", AGREES, NULL, NULL,
            true, 0},
        {"a missing input", CONV "in z float 1; t = Conv(x, W); y = Mul(t, z)", CONV "y = Conv(x, W)",
            DIFFERENT, "no input 'z'", NULL, false, 0},
        {"another shape", CONV "y = Conv(x, W)", CONV "t = Conv(x, W); y = Flatten(t)", DIFFERENT,
            "instead of float", NULL, false, 0},
        {"constant outputs", CONV "t = Sub(x, x); y = Conv(t, W)", CONV "t = Sub(x, x); y = Conv(t, W)", OPEN,
            "all outputs are constant", NULL, false, 0},
        {"never finite", "in x float 2; out y; z = Sub(x, x); y = Div(z, z)",
            "in x float 2; out y; z = Sub(x, x); y = Div(z, z)", OPEN, "no output could be compared", NULL,
            false, 0},
        {"lacks an operator", "opset ai.acme 1; " CONV "out z; y = Conv(x, W); z = ai.acme.Odd(y)",
            "opset ai.acme 1; " CONV "out z; y = Conv(x, W); z = ai.acme.Odd(y)", INCOMPLETE, NULL, NULL,
            false, 0},
        {"lacks all", "opset ai.acme 1; " CONV "y = ai.acme.Odd(x)",
            "opset ai.acme 1; " CONV "y = ai.acme.Odd(x)", OPEN, "behind operators that the evaluator lacks",
            NULL, false, 0},
        {"does not fit", "in x float N,2; out y; init s int64 1 7; y = Reshape(x, s)",
            "in x float N,2; out y; init s int64 1 7; y = Reshape(x, s)", OPEN, "does not take the inputs",
            NULL, false, 0},
        {"fits one sample only", "in x float N,6; out y; init s int64 2 2 3; y = Reshape(x, s)",
            "in x float N,6; out y; init s int64 2 2 3; y = Reshape(x, s)", AGREES, NULL, NULL, false, 0},
        {"fits another extent", "in x float 1,L; out y; init s int64 2 4 4; y = Reshape(x, s)",
            "in x float 1,L; out y; init s int64 2 4 4; y = Reshape(x, s)", AGREES, NULL, NULL, false, 0},
        {"the candidate does not fit", CONV "y = Conv(x, W)",
            CONV "init s int64 1 7; t = Conv(x, W); y = Reshape(t, s)", DIFFERENT, "candidate cannot run",
            NULL, false, 0},
        {"an index", "in x float 3,4; out y; y = ArgMax(x) axis=1",
            "in x float 3,4; out y; n = Neg(x); y = ArgMin(n) axis=1", AGREES, NULL, NULL, false, 0},
        {"another index", "in x float 3,4; out y; y = ArgMax(x) axis=1",
            "in x float 3,4; out y; y = ArgMin(x) axis=1", DIFFERENT, "elements differ", NULL, false, 0},
        {"a double", "in x double N,3; out y; init W double 3,2 1 2 3 4 5 6; y = MatMul(x, W)",
            "in x double N,3; out y; init W double 3,2 1 2 3 4 5 6.0000000001; y = MatMul(x, W)", DIFFERENT,
            "off the exact result", "y", false, 0},
        {"a float16", "in x float16 N,3; out y; init W float16 3,2 1 2 3 4 5 6; y = MatMul(x, W)",
            "in x float16 N,3; out y; init W float16 3,2 1 2 3 4 5 6; y = MatMul(x, W)", AGREES, NULL, NULL,
            false, 0},
        /* the reference's float16 convolution overflows, the folded one does not; and the other way round */
        {"an overflow in one model only",
            "in x float16 N,2; out y; init W float16 2,3 30000 1 2 20000 2 1; init k float16 1 0.001; t = "
            "MatMul(x, W); y = Mul(t, k)",
            "in x float16 N,2; out y; init W float16 2,3 30 0.001 0.002 20 0.002 0.001; y = MatMul(x, W)",
            OPEN, "'t' reaches", NULL, false, 0},
        {"an overflow in the other model only",
            "in x float16 N,2; out y; init W float16 2,3 30 0.001 0.002 20 0.002 0.001; y = MatMul(x, W)",
            "in x float16 N,2; out y; init W float16 2,3 30000 1 2 20000 2 1; init k float16 1 0.001; t = "
            "MatMul(x, W); y = Mul(t, k)",
            OPEN, "'t' reaches", NULL, false, 0},
        {"an overflow, and another weight",
            "in x float16 N,2; out y; init W float16 2,3 30000 1 2 20000 2 1; init k float16 1 0.001; t = "
            "MatMul(x, W); y = Mul(t, k)",
            "in x float16 N,2; out y; init W float16 2,3 40 0.001 0.002 20 0.002 0.001; y = MatMul(x, W)",
            DIFFERENT, "off the exact result", NULL, false, 0},
        {"infinite without an overflow", "in x float16 N,2; out y; z = Sub(x, x); o = Exp(z); y = Mul(o, x)",
            "in x float16 N,2; out y; z = Sub(x, x); o = Log(z); y = Mul(o, x)", DIFFERENT, "NaN or infinite",
            NULL, false, 0},
        /* both columns are the same but for rounding: whichever is larger is a tie */
        {"near ties",
            "in x float 64,1; out y; init W float 1,3 3 3 -3; p = MatMul(x, W); y = ArgMax(p) axis=1",
            "in x float 64,1; out y; init W float 1,3 3 3.0000002 -3; p = MatMul(x, W); y = ArgMax(p) axis=1",
            AGREES, NULL, NULL, false, 152},
        {"labels that follow from near ties", TIE "y = Gather(l, i)", ANOTHER_TIE "y = Gather(l, i)", OPEN,
            "more than half, are near ties", NULL, false, 152},
        {"fewer labels that follow from near ties", FEWER_TIES "y = Gather(l, i)",
            FEWER_OTHER_TIES "y = Gather(l, i)", AGREES, NULL, NULL, false, 78},
        /* every number is too large to be the same in two draws, and none is near what another sign makes of it */
        {"integers of another sign", "in x float 64; out y; init k float 1 1e9; t = Mul(x, k); y = Cast(t) to=7",
            "in x float 64; out y; init k float 1 1e9; t = Mul(x, k); u = Neg(t); y = Cast(u) to=7", DIFFERENT,
            "elements differ", NULL, false, 0},
        {"integers that lost their sign",
            "in x float 64; out y; init k float 1 1e6; t = Mul(x, k); u = Round(t); y = Cast(u) to=7",
            "in x float 64; out y; init k float 1 1e6; t = Mul(x, k); u = Round(t); v = Abs(u); y = Cast(v) to=7",
            DIFFERENT, "elements differ", NULL, false, 0},
        {"steps that lost their sign",
            "in x float 4000; out y; init k float 1 1000; init two float 1 2; t = Mul(x, k); u = Floor(t); y = "
            "Mod(u, two) fmod=1",
            "in x float 4000; out y; init k float 1 1000; init two float 1 2; t = Mul(x, k); u = Floor(t); v = "
            "Mod(u, two) fmod=1; y = Relu(v)",
            DIFFERENT, "root mean square", NULL, false, 0},
        {"labels that follow from other weights", TIE "y = Gather(l, i)", NO_TIE "y = Gather(l, i)",
            DIFFERENT, "elements differ", "p", false, 0},
        {"a count that follows from near ties", COUNTED "init k float 1 3\n" COUNT,
            COUNTED "init k float 1 3.0000002\n" COUNT, OPEN, "draws do not settle", NULL, false, 1},
        {"a count that follows from other weights", COUNTED "init k float 1 3\n" ABOVE,
            COUNTED "init k float 1 3.1\n" ABOVE, DIFFERENT, "instead of", NULL, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

/* Correct folds whose stored form rounds where the reference happens not to, and the same with a weight that
 * is wrong: no seed may mix them up. */
struct noise_case {
    const char *name, *ref, *new, *wrong;
};

static enum bnf_run_verdict verdict_of(
    const char *ref, const char *new, uint64_t seed, struct bnf_run_output *first)
{
    struct bnf_model model[2] = {0};
    struct bnf_run run;
    struct bnf_err err = {0};
    const struct bnf_run_options options = {.threads = 1, .seed = seed};
    notation_read(&model[0], ref);
    notation_read(&model[1], new);
    if (bnf_run_compare(&model[0], &model[1], &options, &run, &err))
        fail_msg("%s", err.text);
    enum bnf_run_verdict verdict = run.verdict;
    *first = run.outputs[0];
    bnf_run_free(&run);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
    return verdict;
}

static void test_noise(void **state)
{
    (void)state;
    static const struct noise_case cases[] = {
        {"a number added and taken away",
            "in x float 1; out y; init k float 1 1000; init n float 1 1000; t = Add(x, k); y = Sub(t, n)",
            "in x float 1; out y; init k float 1 1000; init l float 1 1000.00006; t = Add(x, l); y = Sub(t, "
            "k)",
            "in x float 1; out y; init k float 1 1000; init l float 1 1000.006; t = Add(x, l); y = Sub(t, "
            "k)"},
    /* the mean is the very bias in front of it: in the reference their difference is exact, whatever they are
     */
#define BIASED                                                                                             \
    "out y; init b float 1 0.826294; init s float 1 1.7643188; init e float 1 -0.7777224; init v float 1 " \
    "0\n"                                                                                                  \
    "in x float N,1; z = Sub(x, x); w = Add(z, x); d = Sub(w, x); t = Add(d, b);"
        {"a bias that is the mean", BIASED "y = BatchNormalization(t, s, e, b, v)",
            BIASED "init f float 1 557.92664; init g float 1 -461.78912; p = Mul(t, f); y = Add(p, g)",
            BIASED "init f float 1 557.92664; init g float 1 -461.785; p = Mul(t, f); y = Add(p, g)"},
        {"a double computed in float",
            "in x float N,3; out y; init W float 3,2 0.3 0.7 0.11 0.9 0.2 0.5; init k float 1 1.3\n"
            "t = MatMul(x, W); u = Mul(t, k); y = Cast(u) to=11",
            "in x float N,3; out y; init W float 3,2 0.39 0.91 0.143 1.17 0.26 0.65; u = MatMul(x, W); y = "
            "Cast(u) to=11",
            "in x float N,3; out y; init W float 3,2 0.39 0.91 0.143 1.17 0.26 0.650005; u = MatMul(x, W); y "
            "= Cast(u) to=11"},
        {"a subnormal output",
            "in x float N,3; out y; init W float 3,1 1.3e-30 -2.7e-30 0.9e-30; init k float 1 1e-12; t = "
            "MatMul(x, W); y = Mul(t, k)",
            "in x float N,3; out y; init W float 3,1 1.3e-42 -2.7e-42 9e-43; y = MatMul(x, W)",
            "in x float N,3; out y; init W float 3,1 1.3e-42 -2.7e-42 1.5e-42; y = MatMul(x, W)"},
        {"an output that is enlarged by a Resize",
            "in x float 1,1,2,2; out y; init k float 1 1000; init r float 4 1 1 2 2; t = Add(x, k); u = "
            "Sub(t, k); y = Resize(u, _, r)",
            "in x float 1,1,2,2; out y; init k float 1 1000; init l float 1 1000.00006; init r float 4 1 1 2 "
            "2; t = Add(x, l); u = Sub(t, k); y = Resize(u, _, r)",
            "in x float 1,1,2,2; out y; init k float 1 1000; init l float 1 1000.006; init r float 4 1 1 2 "
            "2; t = Add(x, l); u = Sub(t, k); y = Resize(u, _, r)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct noise_case *c = &cases[i];
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct bnf_run_output y;
            if (verdict_of(c->ref, c->new, seed, &y) != BNF_RUN_AGREES)
                fail_msg("%s, seed %u: e_ref %g e_new %g gap %g", c->name, (unsigned)seed, y.e_ref, y.e_new,
                    y.gap);
            if (verdict_of(c->ref, c->wrong, seed, &y) != BNF_RUN_DIFFERENT)
                fail_msg("%s, wrong, seed %u: e_ref %g e_new %g gap %g", c->name, (unsigned)seed, y.e_ref,
                    y.e_new, y.gap);
        }
    }
}

/* One of many elements that falls to the other side of a step is no mistake, whether or not a draw meets it. */
static void test_steps(void **state)
{
    (void)state;
#define MANY "in x float 20000; out y; init s float 1 37; "
    static const char ref[] = MANY "init a float 1 1.3; init b float 1 0.7; t = Mul(x, a); u = Mul(t, b); v = Mul(u, s); "
                                   "y = Round(v)",
                      new[] = MANY "init c float 1 0.91; u = Mul(x, c); v = Mul(u, s); y = Round(v)",
                      wrong[] = MANY "init c float 1 0.92; u = Mul(x, c); v = Mul(u, s); y = Round(v)";
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bnf_run_output y;
        if (verdict_of(ref, new, seed, &y) == BNF_RUN_DIFFERENT)
            fail_msg("seed %u: e_ref %g e_new %g gap %g", (unsigned)seed, y.e_ref, y.e_new, y.gap);
        if (verdict_of(ref, wrong, seed, &y) != BNF_RUN_DIFFERENT)
            fail_msg("wrong, seed %u: e_ref %g e_new %g gap %g", (unsigned)seed, y.e_ref, y.e_new, y.gap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
