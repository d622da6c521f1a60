/* The proof and the stored numbers: every single one is looked at, and the limits are where they are said to
 * be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/proof.h"
#include "onnx/dtype.h"
#include "support/notation.h"
#include "support/proofcase.h"

/* ---- models in memory ---- */

static Onnx__TensorProto *find(struct bnf_model *model, const char *name)
{
    for (size_t i = 0; i < model->proto->graph->n_initializer; i++)
        if (strcmp(model->proto->graph->initializer[i]->name, name) == 0)
            return model->proto->graph->initializer[i];
    fail_msg("no initializer '%s'", name);
    return NULL;
}

static size_t count_of(const Onnx__TensorProto *t)
{
    size_t count = 1;
    for (size_t i = 0; i < t->n_dims; i++)
        count *= (size_t)t->dims[i];
    return count;
}

static double get(const Onnx__TensorProto *t, size_t i)
{
    double value;
    bnf_to_double(t->data_type, t->raw_data.data, i, 1, &value);
    return value;
}

static void set(Onnx__TensorProto *t, size_t i, double value)
{
    bnf_from_double(t->data_type, &value, 1, t->raw_data.data, i);
}

static struct bnf_proof prove(struct bnf_model model[2], const struct bnf_proof_options *options)
{
    struct bnf_proof proof;
    struct bnf_err err = {0};
    if (bnf_prove(&model[0], &model[1], options, &proof, &err))
        fail_msg("%s", err.text);
    return proof;
}

static enum bnf_proof_verdict verdict(struct bnf_model model[2], const struct bnf_proof_options *options)
{
    struct bnf_proof proof = prove(model, options);
    enum bnf_proof_verdict result = proof.verdict;
    bnf_proof_free(&proof);
    return result;
}

static const struct bnf_proof_options own = {.threads = 1}, foreign = {.threads = 1, .foreign = true};

static void close_both(struct bnf_model model[2])
{
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

/* The next number of the type behind `value`, away from zero, `steps` times. */
static double step_up(int dtype, double value, int steps)
{
    double ulp = 2 * bnf_dtype_roundoff(dtype) * ldexp(1, ilogb(value));
    return value + copysign(ulp * steps, value);
}

/* ---- every stored number counts ---- */

/* Layers of every kind with a BatchNormalization or something like it behind or in front. W, B and so on of
 * the candidate are filled in by fold_layer. */
struct layer {
    const char *name, *ref, *new;
};

#define NORM_3 "init g float 3 rand; init be float 3 rand; init m float 3 rand; init v float 3 pos\n"
#define BEHIND "y = BatchNormalization(c, g, be, m, v)"

static const struct layer layers[] = {
    {"Conv",
        "in x float 2,4,5,5; out y\n" NORM_3
        "init W float 3,4,2,3 rand; init B float 3 rand; c = Conv(x, W, B); " BEHIND,
        "in x float 2,4,5,5; out y; init W float 3,4,2,3 zeros; init B float 3 zeros; y = Conv(x, W, B)"},
    {"Conv, grouped",
        "in x float 2,6,5; out y\n" NORM_3
        "init W float 3,2,2 rand; init B float 3 rand; c = Conv(x, W, B) group=3; " BEHIND,
        "in x float 2,6,5; out y; init W float 3,2,2 zeros; init B float 3 zeros; y = Conv(x, W, B) group=3"},
    {"ConvTranspose",
        "in x float 2,4,5; out y\n" NORM_3
        "init W float 4,3,2 rand; init B float 3 rand; c = ConvTranspose(x, W, B); " BEHIND,
        "in x float 2,4,5; out y; init W float 4,3,2 zeros; init B float 3 zeros; y = ConvTranspose(x, W, "
        "B)"},
    {"Gemm",
        "in x float 2,4; out y\n" NORM_3
        "init W float 4,3 rand; init B float 3 rand; c = Gemm(x, W, B); " BEHIND,
        "in x float 2,4; out y; init W float 4,3 zeros; init B float 3 zeros; y = Gemm(x, W, B)"},
    {"Gemm, transposed",
        "in x float 2,4; out y\n" NORM_3
        "init W float 3,4 rand; init B float 3 rand; c = Gemm(x, W, B) transB=1; " BEHIND,
        "in x float 2,4; out y; init W float 3,4 zeros; init B float 3 zeros; y = Gemm(x, W, B) transB=1"},
    {"MatMul and Add",
        "in x float 2,4; out y\n" NORM_3
        "init W float 4,3 rand; init B float 3 rand; p = MatMul(x, W); c = Add(p, B); " BEHIND,
        "in x float 2,4; out y; init W float 4,3 zeros; init B float 3 zeros; p = MatMul(x, W); y = Add(p, "
        "B)"},
};

/* Output channel of an element of the weight, by the operator's definition. */
static size_t channel_of(const struct layer *layer, const Onnx__TensorProto *w, size_t i)
{
    size_t count = count_of(w), first = (size_t)w->dims[0];
    if (strncmp(layer->name, "Conv,", 5) == 0 || strcmp(layer->name, "Conv") == 0 ||
        strcmp(layer->name, "Gemm, transposed") == 0)
        return i / (count / first);
    size_t row = i % (count / first), inner = w->n_dims > 2 ? (size_t)w->dims[2] : 1;
    return row / inner;
}

static void fold_layer(const struct layer *layer, struct bnf_model model[2])
{
    notation_read(&model[0], layer->ref);
    notation_read(&model[1], layer->new);
    const Onnx__TensorProto *g = find(&model[0], "g"), *be = find(&model[0], "be"), *m = find(&model[0], "m"),
                            *v = find(&model[0], "v"), *w = find(&model[0], "W"), *b = find(&model[0], "B");
    Onnx__TensorProto *out = find(&model[1], "W"), *bias = find(&model[1], "B");
    for (size_t i = 0; i < count_of(w); i++) {
        size_t c = channel_of(layer, w, i);
        set(out, i, get(w, i) * get(g, c) / sqrt(get(v, c) + (double)1e-5f));
    }
    for (size_t c = 0; c < 3; c++)
        set(bias, c, (get(b, c) - get(m, c)) * (get(g, c) / sqrt(get(v, c) + (double)1e-5f)) + get(be, c));
}

static void test_every_number(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
        struct bnf_model model[2];
        fold_layer(&layers[l], model);
        struct bnf_proof proof = prove(model, &own);
        if (proof.verdict != BNF_PROOF_PROVED || !(proof.worst_u > 0 && proof.worst_u <= 1.001) ||
            proof.cut_points != 1)
            fail_msg("%s: verdict %d, %g u, %zu cut points: %s", layers[l].name, (int)proof.verdict,
                proof.worst_u, proof.cut_points, proof.finding_count ? proof.findings[0].detail : "");
        bnf_proof_free(&proof);
        static const char *const tensors[] = {"W", "B"};
        for (size_t t = 0; t < 2; t++) {
            Onnx__TensorProto *tensor = find(&model[1], tensors[t]);
            for (size_t i = 0; i < count_of(tensor); i++) {
                double value = get(tensor, i);
                /* A bias may be small beside the terms it is summed from, so it is moved by much. */
                set(tensor, i, t ? value + 1e-3 : step_up(BNF_DTYPE_FLOAT, value, 4));
                if (verdict(model, &own) != BNF_PROOF_REFUTED)
                    fail_msg("%s: element %zu of %s is not looked at", layers[l].name, i, tensors[t]);
                set(tensor, i, value);
            }
        }
        assert_int_equal(verdict(model, &own), BNF_PROOF_PROVED);
        close_both(model);
    }
}

/* The same for the numbers of the reference: whichever changes, the old fold is no fold any more. */
static void test_every_parameter(void **state)
{
    (void)state;
    static const char *const tensors[] = {"W", "B", "g", "be", "m", "v"};
    for (size_t l = 0; l < sizeof layers / sizeof *layers; l++) {
        struct bnf_model model[2];
        fold_layer(&layers[l], model);
        for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++) {
            Onnx__TensorProto *tensor = find(&model[0], tensors[t]);
            for (size_t i = 0; i < count_of(tensor); i++) {
                double value = get(tensor, i);
                set(tensor, i, value + 1e-3);
                if (verdict(model, &own) != BNF_PROOF_REFUTED)
                    fail_msg("%s: element %zu of the reference's %s is not looked at", layers[l].name, i,
                        tensors[t]);
                set(tensor, i, value);
            }
        }
        close_both(model);
    }
}

/* ---- limits ---- */

#define SCALED "init s %s 2,1,1 3 3; c = Conv(x, W); y = Mul(c, s)"

/* W·3 with W = 1 + 2^-k needs no rounding, so errors are exactly what is put in. */
static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int steps; /* ulps that one weight is moved by: of 3, so (2/1.5) u each */
        bool foreign;
        double max_u;
        enum bnf_proof_verdict verdict;
    } cases[] = {
        {"float", 0, false, 0, BNF_PROOF_PROVED},
        {"float", 1, false, 0, BNF_PROOF_REFUTED},
        {"float", 1, false, 1.4, BNF_PROOF_PROVED},
        {"float", 2, false, 1.4, BNF_PROOF_REFUTED},
        {"float", 3, true, 0, BNF_PROOF_PROVED},
        {"float", 4, true, 0, BNF_PROOF_WARN},
        {"float", 48, true, 0, BNF_PROOF_WARN},
        {"float", 49, true, 0, BNF_PROOF_REFUTED},
        {"float", 4, true, 6, BNF_PROOF_PROVED},
        {"float", 5, true, 6, BNF_PROOF_REFUTED},
        {"float16", 1, false, 0, BNF_PROOF_REFUTED},
        {"float16", 3, true, 0, BNF_PROOF_PROVED},
        {"bfloat16", 1, false, 0, BNF_PROOF_REFUTED},
        {"bfloat16", 3, true, 0, BNF_PROOF_PROVED},
        {"double", 6, false, 0, BNF_PROOF_PROVED},
        {"double", 7, false, 0, BNF_PROOF_REFUTED},
        {"double", 6, true, 0, BNF_PROOF_PROVED},
        {"double", 7, true, 0, BNF_PROOF_WARN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_model model[2];
        char ref[512], new[512];
        const char *type = cases[i].type;
        snprintf(
            ref, sizeof ref, "in x %s 1,2,4,4; out y; init W %s 2,2,1,1 1 1 1 1; " SCALED, type, type, type);
        snprintf(
            new, sizeof new, "in x %s 1,2,4,4; out y; init W %s 2,2,1,1 3 3 3 3; y = Conv(x, W)", type, type);
        notation_read(&model[0], ref);
        notation_read(&model[1], new);
        Onnx__TensorProto *w = find(&model[1], "W");
        set(w, 2, step_up(w->data_type, 3, cases[i].steps));
        const struct bnf_proof_options options = {
            .foreign = cases[i].foreign, .max_u = cases[i].max_u, .threads = 1};
        struct bnf_proof proof = prove(model, &options);
        double u = cases[i].steps * 4.0 / 3.0;
        if (proof.verdict != cases[i].verdict)
            fail_msg("%s, %d steps%s: verdict %d instead of %d", type, cases[i].steps,
                cases[i].foreign ? ", foreign" : "", (int)proof.verdict, (int)cases[i].verdict);
        if (proof.verdict != BNF_PROOF_REFUTED)
            assert_true(fabs(proof.worst_u - u) < 1e-3);
        if (proof.verdict == BNF_PROOF_REFUTED || proof.verdict == BNF_PROOF_WARN)
            assert_true(fabs(proof.findings[0].u - u) < 1e-3);
        bnf_proof_free(&proof);
        close_both(model);
    }
}

/* A path through two stored tensors may round twice. */
static void test_two_tensors(void **state)
{
    (void)state;
    struct bnf_model model[2];
    notation_read(&model[0], "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 1 1 1; init s float 2,1,1 9 "
                             "9; c = Conv(x, W); y = Mul(c, s)");
    notation_read(&model[1], "in x float 1,2,4,4; out y; init W float 2,2,1,1 3 3 3 3; init s float 2,1,1 3 "
                             "3; c = Conv(x, W); y = Mul(c, s)");
    assert_int_equal(verdict(model, &own), BNF_PROOF_PROVED);
    Onnx__TensorProto *w = find(&model[1], "W");
    set(w, 1, step_up(BNF_DTYPE_FLOAT, 3, 1)); /* 1.33 u: above one tensor's limit, below two's */
    assert_int_equal(verdict(model, &own), BNF_PROOF_PROVED);
    set(w, 1, step_up(BNF_DTYPE_FLOAT, 3, 2));
    assert_int_equal(verdict(model, &own), BNF_PROOF_REFUTED);
    close_both(model);
}

/* The error of a subnormal number is absolute: half the smallest one, whatever that is in u. */
static void test_subnormal(void **state)
{
    (void)state;
    struct bnf_model model[2];
    notation_read(&model[0],
        "in x float 1,2,4,4; out y; init W float 2,2,1,1 1 1 1 1; init s float 2,1,1 0x1p-149 0x1p-149\n"
        "init h float 2,1,1 1.5 1.5; c = Conv(x, W); d = Mul(c, s); y = Mul(d, h)");
    notation_read(&model[1], "in x float 1,2,4,4; out y; init W float 2,2,1,1 0x1p-149 0x1p-149 0x1p-149 "
                             "0x1p-149; y = Conv(x, W)");
    assert_int_equal(verdict(model, &own), BNF_PROOF_PROVED);
    Onnx__TensorProto *w = find(&model[1], "W");
    set(w, 3, 0x1p-148);
    assert_int_equal(verdict(model, &own), BNF_PROOF_PROVED);
    set(w, 3, 0);
    assert_int_equal(verdict(model, &own), BNF_PROOF_REFUTED);
    set(w, 3, 0x1.8p-148);
    assert_int_equal(verdict(model, &own), BNF_PROOF_REFUTED);
    set(w, 3, -0x1p-149);
    assert_int_equal(verdict(model, &own), BNF_PROOF_REFUTED);
    close_both(model);
}

/* What is allowed on top of a number next to nothing must not let a whole channel vanish, which something behind it may
 * make large again; and a channel that was nothing, or is not nothing, stays proved. */
static void test_vanishing(void **state)
{
    (void)state;
#define X "in x float 1,2,4,4; out y; init h float () 0x1p126\n"
#define TINY "init s float 2,1,1 0x1p-75 0x1p-76; init t float 2,1,1 0x1p-75 0x1p-76\n"
#define LARGE "d = Relu(q); y = Mul(d, h)"
#define ONES "init W float 2,2,1,1 1 1 1 1\n"
    static const struct proofcase pairs[] = {
        {"a channel of weights vanishes", X TINY ONES "c = Conv(x, W); b = Mul(c, s); q = Mul(b, t); " LARGE,
            X "init W float 2,2,1,1 0 0 0 0; q = Conv(x, W); " LARGE, UNPROVED, "the channel vanishes", 0},
        {"a column of weights vanishes",
            "in x float 3,2; out y; init s float 2 1 0x1p-76; init W float 2,2 1 1 1 1; c = MatMul(x, W); b = Mul(c, s); q = "
            "Mul(b, s); y = Relu(q)",
            "in x float 3,2; out y; init W float 2,2 1 0 1 0; q = MatMul(x, W); y = Relu(q)", UNPROVED,
            "output channel 1 is 0", 0},
        {"a part of a channel is next to nothing",
            X "init s float 2,1,1 1 0x1p-76; init W float 2,2,1,1 1 1 1 0x1p-76; c = Conv(x, W); q = Mul(c, s); " LARGE,
            X "init W float 2,2,1,1 1 1 0x1p-76 0; q = Conv(x, W); " LARGE, PROVED, NULL, 0},
        {"a channel was nothing",
            X "init s float 2,1,1 1 0; init W float 2,2,1,1 1 1 1 0x1p-76; c = Conv(x, W); q = Mul(c, s); " LARGE,
            X "init W float 2,2,1,1 1 1 0 0; q = Conv(x, W); " LARGE, PROVED, NULL, 0},
        {"a scale vanishes", X TINY "b = Mul(x, s); q = Mul(b, t); " LARGE,
            X "init s float 2,1,1 0x1p-149 0; q = Mul(x, s); " LARGE, UNPROVED, "scale 1 is 0", 0},
        {"a scale was nothing", X "init s float 2,1,1 0x1p-75 0; b = Mul(x, s); q = Mul(b, s); " LARGE,
            X "init s float 2,1,1 0x1p-149 0; q = Mul(x, s); " LARGE, PROVED, NULL, 0},
        {"a scale is nothing for the reference as well, whatever it reads",
            X "init s float 2,1,1 1 0x1p-99; b = Mul(x, s); q = Mul(b, s); " LARGE,
            X "init s float 2,1,1 1 0; q = Mul(x, s); " LARGE, PROVED, NULL, 0},
        {"an element vanishes in a cone that is probed",
            "in x float 2,2; out y; init s float () 0x1p-76; init i int64 2 1 0; b = Mul(x, s); c = Mul(b, s); q = Gather(c, "
            "i) axis=1; y = Neg(q)",
            "in x float 2,2; out y; init s float () 0; init i int64 2 1 0; n = Neg(x); q = Gather(n, i) axis=1; y = Mul(q, s)",
            UNPROVED, "vanishes", 0},
    };
    RUN(pairs);
}

/* ---- large tensors ---- */

/* One wrong number, wherever it is in a tensor of several pieces, is found by any number of threads, in the
 * same words. */
static void test_threads(void **state)
{
    (void)state;
    struct bnf_model model[2];
    notation_read(&model[0], "in x float 1,1024; out y; init W float 1024,700 rand; init s float 700 pos; c "
                             "= MatMul(x, W); y = Mul(c, s)");
    notation_read(&model[1], "in x float 1,1024; out y; init W float 1024,700 zeros; y = MatMul(x, W)");
    Onnx__TensorProto *w = find(&model[1], "W"), *from = find(&model[0], "W"), *s = find(&model[0], "s");
    size_t count = count_of(w);
    for (size_t i = 0; i < count; i++)
        set(w, i, get(from, i) * get(s, i % 700));
    const size_t places[] = {0, 1, 1023, 1024, 262143, 262144, 524288, count - 2, count - 1};
    double worst = 0;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct bnf_proof proof = prove(model, &(struct bnf_proof_options){.threads = threads});
        assert_int_equal(proof.verdict, BNF_PROOF_PROVED);
        assert_true(threads == 1 || proof.worst_u == worst);
        worst = proof.worst_u;
        bnf_proof_free(&proof);
    }
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        double value = get(w, places[p]);
        char said[1024] = "", place[64];
        set(w, places[p], -value);
        snprintf(place, sizeof place, "[%zu,%zu]", places[p] / 700, places[p] % 700);
        for (unsigned threads = 1; threads <= 4; threads++) {
            struct bnf_proof proof = prove(model, &(struct bnf_proof_options){.threads = threads});
            assert_int_equal(proof.verdict, BNF_PROOF_REFUTED);
            assert_non_null(strstr(proof.findings[0].detail, place));
            if (threads > 1)
                assert_string_equal(proof.findings[0].detail, said);
            snprintf(said, sizeof said, "%s", proof.findings[0].detail);
            bnf_proof_free(&proof);
        }
        set(w, places[p], value);
    }
    close_both(model);
}

/* ---- what a proof says ---- */

static void test_report(void **state)
{
    (void)state;
    struct bnf_model model[2];
    fold_layer(&layers[0], model);
    Onnx__TensorProto *w = find(&model[1], "W");
    set(w, 31, 7);
    struct bnf_proof proof = prove(model, &own);
    assert_int_equal(proof.verdict, BNF_PROOF_REFUTED);
    assert_int_equal(proof.finding_count, 1);
    assert_int_equal(proof.cut_points, 1);
    assert_int_equal(proof.cut_points_proved, 0);
    assert_string_equal(proof.findings[0].value, "y");
    assert_string_equal(proof.findings[0].node, "y");
    assert_non_null(
        strstr(proof.findings[0].detail, "the weight of output channel 1 at [1,1,0,1] is 7 instead of "));
    assert_true(proof.findings[0].u > 64);
    assert_false(proof.identical || proof.with_defaults || proof.same_draws);
    bnf_proof_free(&proof);
    assert_int_equal(verdict(model, &foreign), BNF_PROOF_REFUTED);
    close_both(model);
}

static void test_flags(void **state)
{
    (void)state;
    struct bnf_model model[2];
    notation_read(&model[0], "in x float 2; out y; init d float 2 1 2; input d; r = RandomNormalLike(x); q = "
                             "Add(r, d); y = Add(q, x)");
    notation_read(&model[1],
        "in x float 2; out y; init d float 2 1 2; r = RandomNormalLike(x); q = Add(r, d); y = Add(q, x)");
    struct bnf_proof proof = prove(model, &own);
    assert_int_equal(proof.verdict, BNF_PROOF_PROVED);
    assert_true(proof.with_defaults);
    assert_true(proof.same_draws);
    assert_true(proof.worst_u == 0);
    assert_int_equal(proof.cut_points, 0);
    bnf_proof_free(&proof);
    model[0].proto->ir_version = 3; /* every initializer had to be listed, none could be overridden */
    proof = prove(model, &own);
    assert_false(proof.with_defaults);
    bnf_proof_free(&proof);
    close_both(model);
}

/* An affine that the candidate left out is as wrong as the affine is not the identity, and said to be. */
static void test_left_out(void **state)
{
    (void)state;
    struct bnf_model ref, new;
    struct bnf_proof proof;
    struct bnf_err err = {0};
    const struct bnf_proof_options options = {.foreign = true};
    notation_read(&ref, "in x float 2,3; out y; init k float 1 1.000002; m = Mul(x, k); y = Relu(m)\n");
    notation_read(&new, "in x float 2,3; out y; y = Relu(x)\n");
    assert_int_equal(bnf_prove(&ref, &new, &options, &proof, &err), 0);
    assert_int_equal(proof.verdict, BNF_PROOF_WARN);
    assert_true(proof.worst_u > 33 && proof.worst_u < 35);
    bnf_proof_free(&proof);
    bnf_model_close(&ref);
    bnf_model_close(&new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_every_number),
        cmocka_unit_test(test_every_parameter),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_two_tensors),
        cmocka_unit_test(test_subnormal),
        cmocka_unit_test(test_vanishing),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
