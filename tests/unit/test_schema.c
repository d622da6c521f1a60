/* The table of standard operators: versions, defaults, and that every line of it can be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "onnx/schema.h"

static void test_version(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int64_t opset;
        int version;
    } cases[] = {
        {"BatchNormalization", 1, 1},
        {"BatchNormalization", 6, 6},
        {"BatchNormalization", 8, 7},
        {"BatchNormalization", 13, 9},
        {"BatchNormalization", 14, 14},
        {"BatchNormalization", 27, 15},
        {"Conv", 10, 1},
        {"Conv", 11, 11},
        {"Conv", 22, 22},
        {"Gemm", 6, 6},
        {"Gemm", 7, 7},
        {"Softmax", 12, 11},
        {"Constant", 27, 25},           /* ten versions: a full line */
        {"Upsample", 13, 10},           /* deprecated since 10 */
        {"GroupNormalization", 20, 18}, /* deprecated at birth, in use all the same */
        {"GroupNormalization", 21, 21},
        {"Abs", 1, 1},  /* first line */
        {"Xor", 27, 7}, /* last line */
        {"LayerNormalization", 16, 0},
        {"LayerNormalization", 17, 17},
        {"Gelu", 19, 0},
        {"Range", BNF_SCHEMA_NEWEST, 27},
        {"Conv", BNF_SCHEMA_NEWEST + 1, 0},
        {"Conv", INT64_MAX, 0},
        {"Conv", 0, 0},
        {"Conv", INT64_MIN, 0},
        {"conv", 11, 0},
        {"Con", 11, 0},
        {"Convx", 11, 0},
        {"", 11, 0},
        {"FusedConv", 11, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bnf_schema_version(cases[i].op, cases[i].opset) != cases[i].version)
            fail_msg("%s under opset %lld: %d instead of %d", cases[i].op, (long long)cases[i].opset,
                bnf_schema_version(cases[i].op, cases[i].opset), cases[i].version);
}

static void test_same(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        int64_t a, b;
        bool same;
    } cases[] = {
        {"Conv", 1, 10, true},
        {"Conv", 10, 11, false},
        {"Conv", 11, 21, true},
        {"Relu", 13, 14, false},
        {"Relu", 14, 27, true},
        {"BatchNormalization", 13, 14, false},
        {"LayerNormalization", 15, 16, false}, /* in neither: nothing is known */
        {"LayerNormalization", 16, 17, false},
        {"Conv", 27, 28, false}, /* 28 may have changed it */
        {"Conv", 29, 29, true},
        {"NoSuchOperator", 9, 9, true},
        {"NoSuchOperator", 9, 10, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool forth = bnf_schema_same(cases[i].op, cases[i].a, cases[i].b);
        bool back = bnf_schema_same(cases[i].op, cases[i].b, cases[i].a);
        if (forth != cases[i].same || back != cases[i].same)
            fail_msg(
                "%s under opsets %lld and %lld", cases[i].op, (long long)cases[i].a, (long long)cases[i].b);
    }
}

/* One line for a default of any type, so that tables of cases can hold them all: "-" for none. */
static const char *describe(const struct bnf_attr_default *value, char *text, size_t size)
{
    snprintf(text, size, "-");
    if (!value)
        return text;
    switch (value->type) {
    case BNF_SCHEMA_FLOAT:
        snprintf(text, size, "f %.9g", (double)value->f);
        break;
    case BNF_SCHEMA_INT:
        snprintf(text, size, "i %lld", (long long)value->i);
        break;
    case BNF_SCHEMA_STRING:
        snprintf(text, size, "s %s", value->s);
        break;
    case BNF_SCHEMA_INTS:
        snprintf(text, size, "ints");
        for (size_t i = 0; i < value->count; i++)
            snprintf(text + strlen(text), size - strlen(text), " %lld", (long long)value->ints[i]);
        break;
    case BNF_SCHEMA_STRINGS:
        snprintf(text, size, "strings");
        for (size_t i = 0; i < value->count; i++)
            snprintf(text + strlen(text), size - strlen(text), " %s", value->strings[i]);
        break;
    }
    return text;
}

static void test_default(void **state)
{
    (void)state;
    static const struct {
        const char *op, *attr;
        int64_t opset;
        const char *expected;
    } cases[] = {
        {"BatchNormalization", "epsilon", 1, "f 9.99999975e-06"},
        {"BatchNormalization", "epsilon", 27, "f 9.99999975e-06"},
        {"BatchNormalization", "momentum", 9, "f 0.899999976"},
        {"BatchNormalization", "is_test", 6, "i 0"},
        {"BatchNormalization", "is_test", 7, "-"},
        {"BatchNormalization", "spatial", 8, "i 1"},
        {"BatchNormalization", "spatial", 9, "-"},
        {"BatchNormalization", "training_mode", 13, "-"},
        {"BatchNormalization", "training_mode", 14, "i 0"},
        {"Conv", "auto_pad", 11, "s NOTSET"},
        {"Conv", "group", 11, "i 1"},
        {"Conv", "pads", 11, "-"},
        {"Gemm", "alpha", 13, "f 1"},
        {"Gemm", "broadcast", 6, "i 0"},
        {"Gemm", "broadcast", 7, "-"},
        {"Softmax", "axis", 12, "i 1"},
        {"Softmax", "axis", 13, "i -1"},
        {"Selu", "alpha", 5, "f 1.67320001"},
        {"Selu", "alpha", 6, "f 1.67326319"},
        {"Clip", "max", 5, "-"},
        {"Clip", "max", 10, "f 3.40282347e+38"},
        {"Clip", "min", 6, "f -3.40282347e+38"},
        {"Clip", "max", 11, "-"},
        {"LpPool", "p", 1, "f 2"},
        {"LpPool", "p", 2, "i 2"},
        {"GridSample", "mode", 19, "s bilinear"},
        {"GridSample", "mode", 20, "s linear"},
        {"GRU", "direction", 1, "s forward"},
        {"MeanVarianceNormalization", "axes", 13, "ints 0 2 3"},
        {"RNN", "activations", 14, "strings Tanh Tanh"},
        {"LayerNormalization", "epsilon", 16, "-"},
        {"LayerNormalization", "epsilon", 17, "f 9.99999975e-06"},
        {"Conv", "group", BNF_SCHEMA_NEWEST + 1, "-"},
        {"Conv", "group", 0, "-"},
        {"Conv", "", 11, "-"},
        {"FusedConv", "group", 11, "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        describe(bnf_schema_default(cases[i].op, cases[i].attr, cases[i].opset), text, sizeof text);
        if (strcmp(text, cases[i].expected))
            fail_msg("%s.%s under opset %lld: '%s' instead of '%s'", cases[i].op, cases[i].attr,
                (long long)cases[i].opset, text, cases[i].expected);
    }
}

static void test_nondeterministic(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        bool random;
    } cases[] = {
        {"Bernoulli", true},
        {"Multinomial", true},
        {"RandomNormal", true},
        {"RandomNormalLike", true},
        {"RandomUniform", true},
        {"RandomUniformLike", true},
        {"Dropout", false},
        {"RandomNorma", false},
        {"Loop", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (bnf_schema_nondeterministic(cases[i].op) != cases[i].random)
            fail_msg("%s", cases[i].op);
}

/* A line out of order would be lost to the search: every one must be found, and drawn operators must exist.
 */
static void test_every_line_is_found(void **state)
{
    (void)state;
    enum { NOW = BNF_SCHEMA_NEWEST };
    static const struct {
        const char *name;
        int since[16];
    } ops[] = {
#define BNF_OP(name, ...) {name, {__VA_ARGS__}},
#include "onnx/schema.def"
    };
    static const struct {
        const char *op, *attr;
        int since, until;
        enum bnf_schema_type type;
    } attrs[] = {
#define BNF_ATTR_FLOAT(op, attr, since, until, value) {op, attr, since, until, BNF_SCHEMA_FLOAT},
#define BNF_ATTR_INT(op, attr, since, until, value) {op, attr, since, until, BNF_SCHEMA_INT},
#define BNF_ATTR_STRING(op, attr, since, until, value) {op, attr, since, until, BNF_SCHEMA_STRING},
#define BNF_ATTR_INTS(op, attr, since, until, ...) {op, attr, since, until, BNF_SCHEMA_INTS},
#define BNF_ATTR_STRINGS(op, attr, since, until, ...) {op, attr, since, until, BNF_SCHEMA_STRINGS},
#include "onnx/schema.def"
    };
    static const char *const randoms[] = {
#define BNF_RANDOM(name) name,
#include "onnx/schema.def"
    };

    assert_int_equal(sizeof ops / sizeof *ops, 202);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        assert_int_equal(bnf_schema_version(ops[i].name, ops[i].since[0] - 1), 0);
        for (size_t j = 0; ops[i].since[j]; j++) {
            assert_int_equal(bnf_schema_version(ops[i].name, ops[i].since[j]), ops[i].since[j]);
            assert_true(ops[i].since[j] < ops[i].since[j + 1] || !ops[i].since[j + 1]);
        }
    }
    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++) {
        assert_int_equal(bnf_schema_version(attrs[i].op, attrs[i].since), attrs[i].since);
        for (int opset = attrs[i].since; opset <= attrs[i].until; opset++) {
            const struct bnf_attr_default *value = bnf_schema_default(attrs[i].op, attrs[i].attr, opset);
            assert_non_null(value);
            assert_int_equal(value->type, attrs[i].type);
        }
    }
    for (size_t i = 0; i < sizeof randoms / sizeof *randoms; i++)
        assert_int_not_equal(bnf_schema_version(randoms[i], BNF_SCHEMA_NEWEST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_nondeterministic),
        cmocka_unit_test(test_every_line_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
