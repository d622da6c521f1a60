/* Wrong folds that other tools have shipped, one case each (those that are rows of their own in test_fold_rules.c and
 * test_fold_refuse.c are not repeated), and models that must not be refused without need. */
#include "support/foldcase.h"

#include "graph/shapes.h"
#include "support/make.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct foldcase cases[] = {
    {"[C] lies on the last axis although C is the channel count too",
        "in x float 2,3,5,4; out y; init W float 4,3,1,1 rand; init k float 4 rand; c = Conv(x, W); y = Mul(c, k)\n", ""},
    {"[C,1,1] is axis 0 of rank 3", "in x float 4,3,4; out y; init W float 4,3,1 rand; init k float 4,1,1 rand\n"
        "c = Conv(x, W); y = Mul(c, k)\n", ""},
    {"a constant that widens the layer's result", "in x float 2,3,5,5; out y; init W float 1,3,1,1 rand\n"
        "init k float 4,1,1 rand; c = Conv(x, W); y = Mul(c, k)\n", ""},
    {"a constant that gives an activation its channels", "in x float 2,1,5,5; out y; init k float 1,4,1,1 rand\n" BN(4)
        "r = Relu(x); c = Add(r, k)\n" NORM, "y lowered broadcast"},
    {"a constant that may give a value its channels", "in x float 2,C,5,5; out y; init k float 1,4,1,1 rand\n" BN(4)
        "r = Relu(x); c = Sub(k, r)\n" NORM, "y lowered broadcast", {0}, true},
    {"a constant that gives a constant its channels, where extents are read", "in x float 2,1,5,5; out y; out z\n"
        "init a float 1,1,5,5 rand; init k float 1,4,1,1 rand\n" BN(4) "r = Mul(x, a); z = Shape(r); c = Add(r, k)\n" NORM,
        "y lowered broadcast", {0}, true},
    {"the same, and a shift alone stops at the constant", "in x float 2,1,5,5; out y; init k float 1,4,1,1 rand\n"
        "init h float 4,1,1 rand; r = Relu(x); c = Add(r, k); y = Sub(c, h)\n", "y folded back c"},
    {"a constant of higher rank", "in x float 3,4; out y; init W float 4,4 rand; init k float 2,1,4 rand\n"
        "c = MatMul(x, W); y = Mul(c, k)\n", ""},
    {"operator set 6: [C] with axis=1 is axis 1", "opset 6; in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n"
        "init k float 4 rand; c = Conv(x, W); y = Mul(c, k) broadcast=1 axis=1\n", "y folded back c"},
    {"operator set 6: [C] without axis is the last one", "opset 6; in x float 2,3,5,4; out y; init W float 4,3,1,1 rand\n"
        "init k float 4 rand; c = Conv(x, W); y = Mul(c, k) broadcast=1\n", ""},
    {"bias through Identity", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand; init B float 4 rand\n" BN(4)
        "i = Identity(B); c = Conv(x, W, i)\n" NORM, "y folded back c"},
    {"weight and bias shared by two layers", "in x float 2,4,5,5; out y; out z; init W float 4,4,1,1 rand; init B float 4 rand\n"
        BN(4) "c = Conv(x, W, B)\n" NORM "u = Conv(y, W, B); z = BatchNormalization(u, b, s, m, v)\n",
        "y folded back c; z folded back u"},
    {"weight shared with a layer that stays", "in x float 2,4,5,5; out y; out z; init W float 4,4,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM "z = Conv(x, W)\n", "y folded back c"},
    {"normalization parameters shared", "in x float 2,4,5,5; out z; init W float 4,4,1,1 rand; init V float 4,4,1,1 rand\n"
        BN(4) "c = Conv(x, W)\n" NORM "r = Relu(y); u = Conv(r, V); z = BatchNormalization(u, s, b, m, v)\n",
        "y folded back c; z folded back u"},
    {"one tensor for scale, B and mean", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand; init s float 4 rand\n"
        "init v float 4 pos; c = Conv(x, W); y = BatchNormalization(c, s, s, s, v)\n", "y folded back c"},
    {"the layer's bias is the normalization's scale", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W, s)\n" NORM, "y folded back c"},
    {"missing epsilon means the float 1e-5", "in x float 2,3,5,5; out y; init W float 2,3,1,1 rand; init s float 2 1 1\n"
        "init b float 2 1 1; init m float 2 1 1; init v float 2 0 0; c = Conv(x, W)\n" NORM, "y folded back c"},
    {"epsilon below float16's resolution", "in x float16 2,1,3,3; out y; init W float16 2,1,1,1 1 2; init s float16 2 1 1\n"
        "init b float16 2 0.5 1; init m float16 2 0.25 1; init v float16 2 1 0.0625; c = Conv(x, W)\n"
        "y = BatchNormalization(c, s, b, m, v) epsilon=1e-9\n", "y folded back c"},
    {"variance above float16's range", "opset 15; in x float16 2,1,3,3; out y; init W float16 2,1,1,1 100 200\n"
        "init s float16 2 1 1; init b float16 2 0.5 1; init m float 2 7 1; init v float 2 100000 1e6; c = Conv(x, W)\n" NORM,
        "y folded back c"},
    {"mixed types of operator set 15", "opset 15; in x float16 2,1,3,3; out y; init W float16 2,1,1,1 1 2; init s float 2 1 3\n"
        "init b float 2 0.5 1; init m double 2 0.25 1; init v double 2 1 0.0625; c = Conv(x, W)\n" NORM, "y folded back c"},
    {"negative gamma and gamma 0", "in x float 2,3,5,5; out y; init W float 3,3,1,1 rand; init s float 3 -2 0 1\n"
        "init b float 3 1 2 3; init m float 3 4 5 6; init v float 3 1 2 3; c = Conv(x, W)\n" NORM, "y folded back c"},
    {"dead channels", "in x float 2,3,5,5; out y; init W float 4,3,3,3 rand; init B float 4 rand\n"
        "init s float 4 1e-42 4e-42 1e-39 1; init b float 4 0 -0.5 0.25 1; init m float 4 0 1e-38 1 2\n"
        "init v float 4 5.6e-45 0 5.6e-45 1; c = Conv(x, W, B)\n" NORM, "y folded back c"},
    {"node order", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand; init V float 4,3,1,1 rand; out z\n" BN(4)
        NORM "z = Relu(u); u = Conv(x, V); c = Conv(x, W)\n", "y folded back c"},
    {"empty node names", "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W) name=''; y = BatchNormalization(c, s, b, m, v) name=''\n",
        "BatchNormalization at 'y' folded back Conv at 'c'"},
    {"a residual branch reads the layer too", "in x float 2,4,5,5; out z; init W float 4,4,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM "z = Add(y, c)\n", "y lowered producer-shared"},
    {"the layer is read twice by one node behind it", "in x float 2,4,5,5; out y; init W float 4,4,1,1 rand\n" BN(4)
        "u = Conv(x, W); c = Mul(u, u)\n" NORM, "y lowered producer-not-linear"},
    {"MaxPool with a negative scale", "in x float 2,3,6,6; out z; init W float 2,3,1,1 rand; init s float 2 -1 1\n"
        "init b float 2 1 2; init m float 2 0 1; init v float 2 1 2; u = Conv(x, W)\n"
        "c = MaxPool(u) kernel_shape=[2,2]\n" NORM "z = Relu(y)\n", "y lowered negative-scale"},
    {"AveragePool that counts its padding", "in x float 2,3,6,6; out z; init W float 4,3,1,1 rand\n" BN(4) "u = Conv(x, W)\n"
        "c = AveragePool(u) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1\n" NORM "z = Relu(y)\n",
        "y lowered window"},
    {"every weight is a graph input as well (IR 3)", "ir 3; opset 9; in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n"
        BN(4) "input W; input s; input b; input m; input v; c = Conv(x, W)\n" NORM, "y folded back c"},
    {"a body reads the outer weight", "in x float 2,3,5,6; in p bool; out z; out y; init W float 4,3,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM "z = If(p) then_branch={\n out t; t = Conv(x, W)\n} else_branch={\n out e; e = Neg(x)\n}\n",
        "y folded back c", {0}, true},
    {"a loop's body", "in x float 2,4,5,6; in n int64; in p bool; out z; init W float 4,4,1,1 rand\n" BN(4)
        "z = Loop(n, p, x) body={\n in i int64; in q bool; in a float 2,4,5,6; out r; out y\n"
        "r = Identity(q); c = Conv(a, W)\n" NORM "}\n", "y folded back c", {0}, true},
    {"a normalized constant is a weight", "in x float 2,4; out y; init k float 4,3 rand; init s1 float 3 rand\n"
        "init b1 float 3 rand; init v1 float 3 pos\n" BN(3)
        "w = BatchNormalization(k, s1, b1, s1, v1); c = MatMul(x, w)\n" NORM, "w folded back w; y lowered no-rule"},
    {"parameters shared by a folded and a lowered one", "in x float 2,4,5,5; out z; init W float 4,4,1,1 rand\n" BN(4)
        "c = Conv(x, W)\n" NORM "r = Relu(y); z = BatchNormalization(r, s, b, m, v)\n",
        "y folded back c; z lowered producer-not-linear"},
};

static void test_wrong_folds(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(cases, COUNT(cases)), 0);
}

static void fold(struct bnf_graph *g, struct bnf_model *m, const char *text, struct bnf_fold_result *result)
{
    const struct bnf_fold_options options = {.version = "test"};
    struct bnf_err err = {0};
    notation_read(m, text);
    assert_int_equal(bnf_graph_build(g, m, &err), 0);
    assert_int_equal(bnf_shapes_infer(g, &err), 0);
    assert_int_equal(bnf_fold_model(g, &options, result, &err), 0);
}

static const char conv_bn[] = "in x float 2,3,5,5; out y; info c float 2,4,5,5; info y float 2,4,5,5; info u float 1\n"
                              "init W float 4,3,1,1 rand; init unused float 2 1 2\n" BN(4) "c = Conv(x, W); d = Neg(x)\n" NORM;

/* What a fold has no business with stays; what it made dead goes, with its annotations. */
static void test_what_stays(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_fold_result result;
    notation_read(&m, conv_bn);
    m.proto->graph->node[0]->doc_string = (char *)(uintptr_t)"about the layer";
    m.proto->doc_string = (char *)(uintptr_t)"about the model";
    struct bnf_err err = {0};
    const struct bnf_fold_options options = {.version = "test"};
    assert_int_equal(bnf_graph_build(&g, &m, &err), 0);
    assert_int_equal(bnf_shapes_infer(&g, &err), 0);
    assert_int_equal(bnf_fold_model(&g, &options, &result, &err), 0);
    const Onnx__GraphProto *graph = m.proto->graph;
    assert_string_equal(m.proto->doc_string, "about the model");
    assert_int_equal(graph->n_node, 2);
    assert_string_equal(graph->node[0]->op_type, "Conv");
    assert_string_equal(graph->node[0]->doc_string, "about the layer");
    assert_string_equal(graph->node[0]->output[0], "y");
    assert_string_equal(graph->node[1]->op_type, "Neg"); /* unused before, unused now */
    assert_int_equal(graph->n_value_info, 2);            /* of y and of u, which never was a value */
    assert_string_equal(graph->value_info[0]->name, "y");
    assert_int_equal(graph->n_initializer, 3);
    assert_string_equal(graph->initializer[0]->name, "unused");
    assert_string_equal(graph->initializer[1]->name, "W.bnfold");
    assert_string_equal(graph->initializer[2]->name, "W.bias.bnfold");
    assert_int_equal(m.proto->n_metadata_props, 2);
    assert_string_equal(m.proto->metadata_props[0]->key, "bnfold.version");
    assert_string_equal(m.proto->metadata_props[1]->key, "bnfold.folded");
    assert_string_equal(m.proto->metadata_props[1]->value, "1");
    bnf_graph_free(&g);
    bnf_model_close(&m);
}

/* IR 3 lists every initializer among the inputs, IR 4 none that is fixed. */
static void test_inputs(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ir 3; opset 9; in x float 2,3,5,5; out y; init W float 4,3,1,1 rand\n" BN(4)
        "input W; input s; input b; input m; input v; c = Conv(x, W)\n" NORM,
        "ir 4; opset 9; in x float 2,3,5,5; out y; init W float 4,3,1,1 rand; init q float 1 1; input q\n" BN(4)
        "input W; input s; input b; input m; input v; c = Conv(x, W)\n" NORM,
    };
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_fold_result result;
    fold(&g, &m, texts[0], &result);
    assert_int_equal(m.proto->graph->n_input, 3);
    assert_string_equal(m.proto->graph->input[1]->name, "W.bnfold");
    assert_int_equal(m.proto->graph->input[1]->type->tensor_type->shape->n_dim, 4);
    assert_int_equal(result.frozen, 0);
    bnf_graph_free(&g);
    bnf_model_close(&m);
    fold(&g, &m, texts[1], &result);
    assert_int_equal(m.proto->graph->n_input, 1);
    assert_int_equal(result.frozen, 6);
    bnf_graph_free(&g);
    bnf_model_close(&m);
}

static void test_untrained_warning(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_fold_result result;
    fold(&g, &m, "in x float 2,3,5,5; out y; init W float 4,3,1,1 rand; init s float 4 ones; init b float 4 zeros\n"
                 "init v float 4 ones; c = Conv(x, W); y = BatchNormalization(c, s, b, b, v)\n", &result);
    assert_int_equal(result.site_count, 1);
    assert_int_equal(result.sites[0].verdict, BNF_SITE_FOLDED);
    assert_non_null(result.sites[0].warning);
    assert_non_null(strstr(result.sites[0].warning, "untrained"));
    bnf_graph_free(&g);
    bnf_model_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wrong_folds), cmocka_unit_test(test_what_stays),
        cmocka_unit_test(test_inputs), cmocka_unit_test(test_untrained_warning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
