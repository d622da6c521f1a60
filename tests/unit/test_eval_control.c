/* Recurrent cells, quantization, bodies and sequences in the evaluator, in both number types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/eval.h"
#include "eval/operator.h"
#include "support/notation.h"
#include "support/opened.h"

/* A model without inputs. Each initializer "want_y" is what output y must be. Where activations are given, the first
 * node gets them. */
struct run_case {
    const char *name, *text;
    const char *activations; /* names with blanks between; NULL: none */
};

static void set_activations(struct bnf_model *model, const char *names)
{
    Onnx__NodeProto *node = model->proto->graph->node[0];
    Onnx__AttributeProto *a = bnf_arena_alloc(&model->arena, 1, sizeof *a);
    Onnx__AttributeProto **list = bnf_arena_alloc(&model->arena, node->n_attribute + 1, sizeof *list);
    assert_true(a && list);
    onnx__attribute_proto__init(a);
    a->name = bnf_arena_copy(&model->arena, "activations", 11);
    a->has_type = true;
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    a->strings = bnf_arena_alloc(&model->arena, 8, sizeof *a->strings);
    assert_true(a->name && a->strings);
    for (const char *at = names; *at; at += *at == ' ') {
        size_t length = strcspn(at, " ");
        a->strings[a->n_strings].data = (uint8_t *)bnf_arena_copy(&model->arena, at, length);
        a->strings[a->n_strings++].len = length;
        at += length;
    }
    for (size_t i = 0; i < node->n_attribute; i++)
        list[i] = node->attribute[i];
    list[node->n_attribute++] = a;
    node->attribute = list;
}

static void check_output(const char *name, struct bnf_model *model, const Onnx__TensorProto *want,
    const struct bnf_array *have, enum bnf_precision precision)
{
    struct bnf_tensor t;
    struct bnf_err err = {0};
    assert_int_equal(bnf_tensor_view(model, want, &t, &err), BNF_OK);
    if (!have)
        fail_msg("%s: %s was not computed", name, want->name + 5);
    if (have->dtype != t.dtype)
        fail_msg("%s: %s is %s", name, want->name + 5, bnf_dtype_name(have->dtype));
    char a[64], b[64];
    if (have->rank != t.rank || (t.rank && memcmp(have->dims, t.dims, t.rank * sizeof *t.dims) != 0))
        fail_msg("%s: %s has extents %s, not %s", name, want->name + 5, bnf_dims_text(have->dims, have->rank, a, sizeof a),
            bnf_dims_text(t.dims, t.rank, b, sizeof b));
    double tolerance = precision == BNF_PRECISION_FLOAT ? 2e-6 : 1e-6; /* wants are floats */
    for (size_t i = 0; i < t.count; i++) {
        double x = bnf_tensor_at(&t, i), y = bnf_array_at(have, i);
        if (!(fabs(x - y) <= tolerance * (1 + fabs(x))))
            fail_msg("%s (%d): element %zu of %s is %.9g, not %.9g", name, precision, i, want->name + 5, y, x);
    }
}

static void run_case(const struct run_case *c, enum bnf_precision precision)
{
    struct bnf_model model;
    struct bnf_graph graph = {0};
    struct bnf_eval eval = {0};
    struct bnf_err err = {0};
    notation_read(&model, c->text);
    if (c->activations)
        set_activations(&model, c->activations);
    if (bnf_graph_build(&graph, &model, &err) || bnf_eval_init(&eval, &graph, precision, 1, NULL, 0, &err) ||
        bnf_eval_run(&eval, NULL, &err))
        fail_msg("%s: %s", c->name, err.text);
    if (*eval.blocked)
        fail_msg("%s: %s", c->name, eval.blocked);
    const Onnx__GraphProto *g = model.proto->graph;
    size_t checked = 0;
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (strncmp(g->initializer[i]->name, "want_", 5) != 0)
            continue;
        bnf_id value = bnf_graph_find(&graph, 0, g->initializer[i]->name + 5);
        check_output(c->name, &model, g->initializer[i], bnf_eval_value(&eval, value), precision);
        checked++;
    }
    assert_int_equal(checked, g->n_output);
    bnf_eval_free(&eval);
    bnf_graph_free(&graph);
    bnf_model_close(&model);
}

static void run_cases(const struct run_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        run_case(&cases[i], BNF_PRECISION_FLOAT);
        run_case(&cases[i], BNF_PRECISION_DOUBLE);
    }
}

/* ---- recurrent cells; weights and activations so simple that the results can be summed up by hand ---- */

/* Two sequences, 1 2 4 and 10 20 (40): Relu adds them up. */
#define SUMS                                                                                                 \
    "init X float 3,2,1 1 10 2 20 4 40\ninit W float 1,1,1 1\ninit R float 1,1,1 1\ninit L int32 2 3 2\n"    \
    "out Y\nout Yh\n"
#define SUMS_BOTH                                                                                            \
    "init X float 3,2,1 1 10 2 20 4 40\ninit W float 2,1,1 1 1\ninit R float 2,1,1 1 1\ninit L int32 2 3 2\n" \
    "out Y\nout Yh\n"
#define GRU                                                                                                  \
    "init X float 1,1,1 2\ninit W float 1,3,1 0.5 0.25 1\ninit R float 1,3,1 0.1 0.2 0.3\n"                  \
    "init B float 1,6 0 0 1 0 0 10\ninit h float 1,1,1 3\nout Yh\n"
#define LSTM                                                                                                 \
    "init X float 1,1,1 1\ninit W float 1,4,1 1 2 0.5 1\ninit R float 1,4,1 0.5 0.25 0.125 1\n"              \
    "init h float 1,1,1 2\ninit c float 1,1,1 3\ninit P float 1,3 0.1 0.2 0.3\nout Yh\nout Yc\n"

static void test_recurrent(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"forward",
            SUMS "Y, Yh = RNN(X, W, R, _, L)\n"
                 "init want_Y float 3,1,2,1 1 10 3 30 7 0\ninit want_Yh float 1,2,1 7 30",
            "Relu"},
        {"reverse begins at each sequence's end",
            SUMS "Y, Yh = RNN(X, W, R, _, L) direction='reverse'\n"
                 "init want_Y float 3,1,2,1 7 30 6 20 4 0\ninit want_Yh float 1,2,1 7 30",
            "relu"},
        {"bidirectional",
            SUMS_BOTH "Y, Yh = RNN(X, W, R, _, L) direction='bidirectional'\n"
                      "init want_Y float 3,2,2,1 1 10 7 30 3 30 6 20 7 0 4 0\ninit want_Yh float 2,2,1 7 30 7 30",
            "Relu Relu"},
        {"batch first",
            "opset 14\ninit X float 2,3,1 1 2 4 10 20 40\ninit W float 2,1,1 1 1\ninit R float 2,1,1 1 1\n"
            "init L int32 2 3 2\ninit h float 2,2,1 0 100 0 0\nout Y\nout Yh\n"
            "Y, Yh = RNN(X, W, R, _, L, h) direction='bidirectional' layout=1\n"
            "init want_Y float 2,3,2,1 1 107 3 106 7 104 10 30 30 20 0 0\ninit want_Yh float 2,2,1 7 107 30 30",
            "Relu Relu"},
        {"clip", SUMS "Y, Yh = RNN(X, W, R, _, L) clip=5.0\n"
                      "init want_Y float 3,1,2,1 1 5 3 5 5 0\ninit want_Yh float 1,2,1 5 5",
            "Relu"},
        {"a sequence without steps keeps its state",
            "init X float 2,2,1 1 10 2 20\ninit W float 1,1,1 1\ninit R float 1,1,1 1\ninit L int32 2 0 2\n"
            "init h float 1,2,1 5 6\nout Y\nout Yh\nY, Yh = RNN(X, W, R, _, L, h)\n"
            "init want_Y float 2,1,2,1 0 16 0 36\ninit want_Yh float 1,2,1 5 36",
            "Relu"},
        {"both biases", "init X float 1,1,1 1\ninit W float 1,1,1 1\ninit R float 1,1,1 1\ninit B float 1,2 20 300\n"
                        "out Y\nY = RNN(X, W, R, B)\ninit want_Y float 1,1,1,1 321",
            "Relu"},
        {"GRU, reset before", GRU "_, Yh = GRU(X, W, R, B, _, h)\ninit want_Yh float 1,1,1 -0.297", "Affine Affine"},
        {"GRU, reset behind", GRU "_, Yh = GRU(X, W, R, B, _, h) linear_before_reset=1\ninit want_Yh float 1,1,1 -0.597",
            "Affine Affine"},
        {"LSTM, peepholes", LSTM "_, Yh, Yc = LSTM(X, W, R, _, _, h, c, P)\ninit want_Yh float 1,1,1 57.7095\n"
                                 "init want_Yc float 1,1,1 11.85",
            "Affine Affine Affine"},
        {"LSTM, input forget",
            LSTM "_, Yh, Yc = LSTM(X, W, R, _, _, h, c, P) input_forget=1\ninit want_Yh float 1,1,1 9.3\n"
                 "init want_Yc float 1,1,1 3",
            "Affine Affine Affine"},
        {"LSTM, clip bounds gates, not the cell",
            LSTM "_, Yh, Yc = LSTM(X, W, R, _, _, h, c, P) clip=2.0\ninit want_Yh float 1,1,1 17.9\n"
                 "init want_Yc float 1,1,1 8.95",
            "Affine Affine Affine"},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

#define ACTIVATION(values, attributes)                                                                       \
    "init X float 1,2,1 -1.5 0.7\ninit W float 1,1,1 1\ninit R float 1,1,1 0\nout Y\nY = RNN(X, W, R)" attributes \
    "\ninit want_Y float 1,1,2,1 " values

static void test_activations(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"none given", ACTIVATION("-0.905148254 0.604367777", ""), NULL},
        {"Tanh", ACTIVATION("-0.905148254 0.604367777", ""), "Tanh"},
        {"Sigmoid", ACTIVATION("0.182425524 0.668187772", ""), "Sigmoid"},
        {"Relu", ACTIVATION("0 0.7", ""), "Relu"},
        {"Affine", ACTIVATION("-2 2.4", " activation_alpha=[2.0] activation_beta=[1.0]"), "Affine"},
        {"LeakyRelu", ACTIVATION("-0.15 0.7", " activation_alpha=[0.1]"), "LeakyRelu"},
        {"LeakyRelu, usual", ACTIVATION("-0.015 0.7", ""), "LeakyRelu"},
        {"ThresholdedRelu", ACTIVATION("0 0.7", " activation_alpha=[0.5]"), "ThresholdedRelu"},
        {"ThresholdedRelu, usual", ACTIVATION("0 0", ""), "ThresholdedRelu"},
        {"ScaledTanh", ACTIVATION("-0.952723379 0.504563195", " activation_alpha=[1.5] activation_beta=[0.5]"),
            "ScaledTanh"},
        {"HardSigmoid", ACTIVATION("0.2 0.64", ""), "HardSigmoid"},
        {"Elu", ACTIVATION("-1.55373968 0.7", " activation_alpha=[2.0]"), "Elu"},
        {"Softsign", ACTIVATION("-0.6 0.411764706", ""), "Softsign"},
        {"Softplus", ACTIVATION("0.201413278 1.10318605", ""), "Softplus"},
        {"numbers go to those that take them",
            "init X float 1,1,1 0\ninit W float 1,3,1 1 1 1\ninit R float 1,3,1 0 0 0\ninit B float 1,6 -2 -2 -1 0 0 0\n"
            "out Yh\n_, Yh = GRU(X, W, R, B) activation_alpha=[0.25,0.5] activation_beta=[1.0]\n"
            "init want_Yh float 1,1,1 -0.25", /* z = 1 - 2/4, h = -1/2 */
            "Affine LeakyRelu"},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

/* ---- quantization ---- */

static void test_quantize(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"ties go to even, ends saturate",
            "init x float 8 0 1 3 -1 -3 1000 -1000 5\ninit s float () 2\nout y\ny = QuantizeLinear(x, s)\n"
            "init want_y uint8 8 0 0 2 0 0 255 0 2",
            NULL},
        {"int8 and zero point", "init x float 5 0 3 -3 1000 -1000\ninit s float () 2\ninit z int8 () 10\nout y\n"
                                "y = QuantizeLinear(x, s, z)\ninit want_y int8 5 10 12 8 127 -128",
            NULL},
        {"uint16", "opset 21\ninit x float 2 70000 300\ninit s float () 1\ninit z uint16 () 1\nout y\n"
                   "y = QuantizeLinear(x, s, z)\ninit want_y uint16 2 65535 301",
            NULL},
        {"the type is stated", "opset 21\ninit x float 2 -4 300\ninit s float () 1\nout y\n"
                               "y = QuantizeLinear(x, s) output_dtype=5\ninit want_y int16 2 -4 300",
            NULL},
        {"int32", "init x int32 3 7 -7 9\ninit s float () 2\ninit z int8 () 0\nout y\ny = QuantizeLinear(x, s, z)\n"
                  "init want_y int8 3 4 -4 4",
            NULL},
        {"along an axis", "init x float 2,3 1 2 3 4 5 6\ninit s float 2 1 2\ninit z uint8 2 0 10\nout y\n"
                          "y = QuantizeLinear(x, s, z) axis=-2\ninit want_y uint8 2,3 1 2 3 12 12 13",
            NULL},
        {"in blocks", "opset 21\ninit x float 3,2 1 2 3 4 5 6\ninit s float 2,2 1 2 0.5 1\ninit z uint8 2,2 0 1 2 3\n"
                      "out y\ny = QuantizeLinear(x, s, z) axis=0 block_size=2\ninit want_y uint8 3,2 1 2 3 3 12 9",
            NULL},
        {"back", "init x uint8 2,2 0 10 20 255\ninit s float 2 0.5 2\ninit z uint8 2 10 0\nout y\n"
                 "y = DequantizeLinear(x, s, z)\ninit want_y float 2,2 -5 20 5 510",
            NULL},
        {"back in blocks", "opset 21\ninit x int8 2,3 1 2 3 -4 -5 -6\ninit s float 2,2 1 10 100 1000\nout y\n"
                           "y = DequantizeLinear(x, s) axis=1 block_size=2\n"
                           "init want_y float 2,3 1 2 30 -400 -500 -6000",
            NULL},
        {"back from int32", "init x int32 2 100000 -3\ninit s float () 0.5\nout y\ny = DequantizeLinear(x, s)\n"
                            "init want_y float 2 50000 -1.5",
            NULL},
        {"float16 stays float16", "opset 19\ninit x int8 2 3 -3\ninit s float16 () 0.5\nout y\n"
                                  "y = DequantizeLinear(x, s)\ninit want_y float16 2 1.5 -1.5",
            NULL},
        {"dynamic", "init x float 3 0 127.5 255\nout y\nout s\nout z\ny, s, z = DynamicQuantizeLinear(x)\n"
                    "init want_y uint8 3 0 128 255\ninit want_s float () 1\ninit want_z uint8 () 0",
            NULL},
        {"dynamic, all above zero", "init x float 2 51 102\nout y\nout s\nout z\ny, s, z = DynamicQuantizeLinear(x)\n"
                                    "init want_y uint8 2 128 255\ninit want_s float () 0.4\ninit want_z uint8 () 0",
            NULL},
        {"dynamic, zeros", "init x float 2 0 0\nout y\nout s\nout z\ny, s, z = DynamicQuantizeLinear(x)\n"
                           "init want_y uint8 2 0 0\ninit want_s float () 1\ninit want_z uint8 () 0",
            NULL},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

static void test_integer_products(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"MatMulInteger, zero points by row and column",
            "init a uint8 2,2 1 2 3 4\ninit b int8 2,2 5 6 7 8\ninit za uint8 2 1 3\ninit zb int8 2 5 0\nout y\n"
            "y = MatMulInteger(a, b, za, zb)\ninit want_y int32 2,2 2 8 2 8",
            NULL},
        {"MatMulInteger, stacks", "init a uint8 2,1,2 1 2 3 4\ninit b uint8 2,1 10 1\nout y\ny = MatMulInteger(a, b)\n"
                                  "init want_y int32 2,1,1 12 34",
            NULL},
        {"MatMulInteger, vectors", "init a uint8 3 1 2 3\ninit b int8 3 4 5 -6\nout y\ny = MatMulInteger(a, b)\n"
                                   "init want_y int32 () -4",
            NULL},
        {"QLinearMatMul", "init a uint8 1,2 12 14\ninit sa float () 0.5\ninit za uint8 () 10\ninit b int8 2,2 1 2 3 -4\n"
                          "init sb float 2 1 2\ninit zb int8 () 0\ninit sy float () 0.5\ninit zy uint8 () 100\nout y\n"
                          "y = QLinearMatMul(a, sa, za, b, sb, zb, sy, zy)\ninit want_y uint8 1,2 114 76",
            NULL},
        {"ConvInteger pads with the zero point",
            "init x uint8 1,1,3 11 12 13\ninit w uint8 1,1,3 3 4 5\ninit zx uint8 () 10\ninit zw uint8 () 3\nout y\n"
            "y = ConvInteger(x, w, zx, zw) pads=[1,1]\ninit want_y int32 1,1,3 5 8 3",
            NULL},
        {"ConvInteger, groups and strides",
            "init x uint8 1,2,2,4 1 2 3 4 5 6 7 8 1 0 1 0 0 1 0 1\ninit w int8 2,1,1,2 1 10 -1 1\nout y\n"
            "y = ConvInteger(x, w) group=2 strides=[1,2]\ninit want_y int32 1,2,2,2 21 43 65 87 -1 -1 1 1",
            NULL},
        {"QLinearConv, scales by map and bias",
            "init x uint8 1,1,2 3 5\ninit sx float () 0.5\ninit zx uint8 () 1\ninit w int8 2,1,1 2 3\n"
            "init sw float 2 1 4\ninit zw int8 2 0 1\ninit sy float () 2\ninit zy uint8 () 10\ninit b int32 2 1 -2\n"
            "out y\ny = QLinearConv(x, sx, zx, w, sw, zw, sy, zy, b)\ninit want_y uint8 1,2,2 11 12 12 16",
            NULL},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

/* ---- bodies ---- */

#define COUNT_UP                                                                                             \
    " body={\nin i int64\nin cond bool\nin u float\nout go\nout v2\nout sc\ninfo sc float 2\n"               \
    "v2 = Add(u, one)\ngo = Less(v2, most)\nsc = Mul(v2, pair)\n}\n"                                          \
    "init one float () 1\ninit most float () 3\ninit pair float 2 1 10\ninit v0 float () 0\nout v\nout s\n"
#define ADD_UP                                                                                               \
    " body={\nin a float ?\nin b float ?\nout c\nout d\nc = Add(a, b)\nd = Mul(c, ten)\n}\n"                  \
    "init ten float () 10\ninit a0 float 2 0 100\nout s\nout o\n"

static void test_bodies(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"then", "init c bool () 1\ninit x float 2 1 2\nout y\ny = If(c) then_branch={\nout p\np = Neg(x)\n} "
                 "else_branch={\nout q\nq = Abs(x)\n}\ninit want_y float 2 -1 -2",
            NULL},
        {"else", "init c bool 1 0\ninit x float 2 1 2\nout y\ny = If(c) then_branch={\nout p\np = Neg(x)\n} "
                 "else_branch={\nout q\nq = Abs(x)\n}\ninit want_y float 2 1 2",
            NULL},
        {"loop until the condition fails",
            "v, s = Loop(n, c, v0)" COUNT_UP "init n int64 () 10\ninit c bool () 1\n"
            "init want_v float () 3\ninit want_s float 3,2 1 10 2 20 3 30",
            NULL},
        {"loop until the trip count",
            "v, s = Loop(n, c, v0)" COUNT_UP "init n int64 () 2\ninit c bool () 1\n"
            "init want_v float () 2\ninit want_s float 2,2 1 10 2 20",
            NULL},
        {"loop without trip count", "v, s = Loop(_, c, v0)" COUNT_UP "init c bool () 1\n"
                                    "init want_v float () 3\ninit want_s float 3,2 1 10 2 20 3 30",
            NULL},
        {"loop with neither", "v, s = Loop(_, _, v0)" COUNT_UP
                              "init want_v float () 3\ninit want_s float 3,2 1 10 2 20 3 30",
            NULL},
        {"loop of no rounds", "v, s = Loop(n, c, v0)" COUNT_UP "init n int64 () 0\ninit c bool () 1\n"
                              "init want_v float () 0\ninit want_s float 0,2",
            NULL},
        {"loop that never begins", "v, s = Loop(n, c, v0)" COUNT_UP "init n int64 () 9\ninit c bool () 0\n"
                                   "init want_v float () 0\ninit want_s float 0,2",
            NULL},
        {"a carried value may grow",
            "init n int64 () 3\ninit x float 1 7\nout v\nv = Loop(n, _, x) body={\nin i int64\nin cond bool\nin a float ?\n"
            "out go\nout b\ngo = Identity(cond)\nb = Concat(a, x) axis=0\n}\ninit want_v float 4 7 7 7 7",
            NULL},
        {"scan", "opset 9\ninit x float 3,2 1 2 3 4 5 6\ns, o = Scan(a0, x) num_scan_inputs=1" ADD_UP
                 "init want_s float 2 9 112\ninit want_o float 3,2 10 1020 40 1060 90 1120",
            NULL},
        {"scan another axis backward",
            "opset 11\ninit x float 2,3 1 3 5 2 4 6\ns, o = Scan(a0, x) num_scan_inputs=1 scan_input_axes=[-1] "
            "scan_input_directions=[1] scan_output_axes=[1] scan_output_directions=[1]" ADD_UP
            "init want_s float 2 9 112\ninit want_o float 2,3 90 80 50 1120 1100 1060",
            NULL},
        {"scan a batch", "opset 8\ninit x float 2,2,1 1 2 3 4\ninit z float 2,1 0 50\ninit l int64 2 2 1\nout s\nout o\n"
                         "s, o = Scan(l, z, x) num_scan_inputs=1 body={\nin a float 1\nin b float 1\nout c\nout d\n"
                         "c = Add(a, b)\nd = Neg(c)\n}\n"
                         "init want_s float 2,1 3 53\ninit want_o float 2,2,1 -1 -3 -53 0",
            NULL},
        {"map", "init x float 2 1 2\ninit k float () 10\nout y\nopset 17\nq = SequenceConstruct(x, k)\n"
                "r = SequenceMap(q, k) body={\nin a float ?\nin b float ?\nout c\nc = Mul(a, b)\n}\n"
                "init p int64 () 0\ny = SequenceAt(r, p)\ninit want_y float 2 10 20",
            NULL},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

/* ---- sequences ---- */

#define SPLIT "init x float 2,5 0 1 2 3 4 5 6 7 8 9\ninit first int64 () 0\ninit last int64 () -1\n"

static void test_sequences(void **state)
{
    (void)state;
    static const struct run_case cases[] = {
        {"split by one length, the last is shorter",
            SPLIT "init l int64 () 2\nout y\nout n\nq = SplitToSequence(x, l) axis=1\ny = SequenceAt(q, last)\n"
                  "n = SequenceLength(q)\ninit want_y float 2,1 4 9\ninit want_n int64 () 3",
            NULL},
        {"split by lengths",
            SPLIT "init l int64 2 1 4\nout y\nq = SplitToSequence(x, l) axis=-1\ny = SequenceAt(q, last)\n"
                  "init want_y float 2,4 1 2 3 4 6 7 8 9",
            NULL},
        {"split without the axis",
            SPLIT "out y\nq = SplitToSequence(x) keepdims=0\ny = SequenceAt(q, last)\ninit want_y float 5 5 6 7 8 9", NULL},
        {"insert, erase, concatenate",
            SPLIT "init one int64 () 1\nout y\nq = SplitToSequence(x) axis=1\na = SequenceAt(q, last)\n"
                  "r = SequenceInsert(q, a, one)\ns = SequenceErase(r)\nt = SequenceErase(s, first)\n"
                  "y = ConcatFromSequence(t) axis=1\ninit want_y float 2,4 4 1 2 3 9 6 7 8",
            NULL},
        {"stack", "init a float 2 1 2\ninit b float 2 3 4\nout y\nq = SequenceConstruct(a, b)\n"
                  "y = ConcatFromSequence(q) axis=-1 new_axis=1\ninit want_y float 2,2 1 3 2 4",
            NULL},
        {"from nothing", "init a int64 2 1 2\nout y\nout n\nq = SequenceEmpty() dtype=7\nn = SequenceLength(q)\n"
                         "r = SequenceInsert(q, a)\ny = ConcatFromSequence(r) axis=0\n"
                         "init want_n int64 () 0\ninit want_y int64 2 1 2",
            NULL},
        {"optional", "opset 15\ninit a float 2 1 2\nout h\nout y\no = Optional(a)\nh = OptionalHasElement(o)\n"
                     "y = OptionalGetElement(o)\ninit want_h bool () 1\ninit want_y float 2 1 2",
            NULL},
        {"optional without value", "opset 15\nout h\no = Optional()\nh = OptionalHasElement(o)\ninit want_h bool () 0",
            NULL},
    };
    run_cases(cases, sizeof cases / sizeof *cases);
}

/* ---- what is refused, and in which words ---- */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
        bool cannot; /* not supported, in contrast to wrong */
    } cases[] = {
        {"init x float 2 1 2\ninit p int64 () 1\nout y\nq = SequenceConstruct(x)\ny = SequenceAt(q, p)",
            "there is no place 1 in a sequence of 1", false},
        {"init x float 2 1 2\nout y\nq = SequenceEmpty()\ny = ConcatFromSequence(q) axis=0", "the sequence is empty", false},
        {"init x float 2 1 2\ninit z float 3 1 2 3\nout y\nq = SequenceConstruct(x, z)\n"
         "y = ConcatFromSequence(q) axis=0 new_axis=1",
            "part 1 has extents 3, which do not fit those of the first, 2", false},
        {"init x float 4 1 2 3 4\ninit l int64 2 1 2\nout y\nq = SplitToSequence(x, l)\ny = ConcatFromSequence(q) axis=0",
            "its parts have 3 together, the axis has 4", false},
        {"opset 15\nout y\no = Optional()\ny = OptionalGetElement(o)", "the optional has no value", false},
        {"init X float 1,1,2 1 2\ninit W float 1,1,1 1\ninit R float 1,1,1 1\nout Y\nY = RNN(X, W, R)",
            "W should have extents 1x1x2 and has 1x1x1", false},
        {"init X float 1,1,1 1\ninit W float 1,1,1 1\ninit R float 1,1,1 1\ninit L int32 1 2\nout Y\n"
         "Y = RNN(X, W, R, _, L)",
            "sequence 0 has length 2, allowed are 0 to 1", false},
        {"init x float 2,3 1 2 3 4 5 6\ninit s float 2 1 2\nout y\ny = QuantizeLinear(x, s)",
            "it has 2 scales for an axis of 3", false},
        {"opset 19\ninit x float 2 1 2\ninit s float () 1\nout y\ny = QuantizeLinear(x, s) output_dtype=17",
            "quantizing to float8e4m3fn is not supported", true},
        {"init n int64 () 0\ninit x float 1 7\nout s\ns = Loop(n) body={\nin i int64\nin cond bool\n"
         "out go\nout b\ngo = Identity(cond)\nb = Neg(x)\n}",
            "its body ran no time, and nobody says what type output 'b' has", true},
        {"init x float 2 1 2\nout s\nout o\ninit z float 3,2 1 2 3 4 5 6\n"
         "s, o = Scan(x, z) num_scan_inputs=3 body={\nin a float\nin b float\nout c\nout d\nc = Add(a, b)\nd = Neg(c)\n}",
            "its num_scan_inputs is 3, allowed are 1 to 2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o;
        struct bnf_err err = {0};
        opened_init(&o, cases[i].text, BNF_PRECISION_FLOAT);
        int status = bnf_eval_run(&o.eval, NULL, &err);
        assert_int_equal(status, cases[i].cannot ? BNF_OK : BNF_EINPUT);
        const char *told = cases[i].cannot ? o.eval.blocked : err.text;
        if (!strstr(told, cases[i].sentence))
            fail_msg("case %zu: '%s' instead of '%s'", i, told, cases[i].sentence);
        opened_free(&o);
    }
}

/* ---- how often bodies may run ---- */

#define INNER(name) " body={\nin i" name " int64\nin c" name " bool\nin a" name " float\nout g" name "\nout b" name         \
                    "\ng" name " = Identity(c" name ")\n"

/* Counted are the rounds of all of a run, and no longer than for that run. */
static void test_rounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t rounds;
    } cases[] = {
        {"init n int64 () 3\ninit m int64 () 5\ninit x float () 1\nout v\nv = Loop(n, _, x)" INNER("0")
         "b0 = Loop(m, _, a0)" INNER("1") "b1 = Neg(a1)\n}\n}\n", 3 + 3 * 5},
        {"opset 9\ninit x float 3,2 1 2 3 4 5 6\ns, o = Scan(a0, x) num_scan_inputs=1" ADD_UP, 3},
        {"opset 17\ninit x float 2 1 2\nout y\nq = SequenceConstruct(x, x)\nr = SequenceMap(q) body={\nin a float ?\n"
         "out c\nc = Neg(a)\n}\ninit p int64 () 0\ny = SequenceAt(r, p)", 2},
        {"init c bool () 1\ninit x float 2 1 2\nout y\ny = If(c) then_branch={\nout p\np = Neg(x)\n} "
         "else_branch={\nout q\nq = Abs(x)\n}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o;
        struct bnf_err err = {0};
        opened_init(&o, cases[i].text, BNF_PRECISION_FLOAT);
        for (int time = 0; time < 2; time++) {
            assert_int_equal(bnf_eval_run(&o.eval, NULL, &err), BNF_OK);
            assert_string_equal(o.eval.blocked, "");
            if (o.eval.rounds != cases[i].rounds)
                fail_msg("case %zu: %zu rounds, not %zu", i, o.eval.rounds, cases[i].rounds);
        }
        o.eval.rounds = bnf_most_rounds - 1;
        assert_int_equal(bnf_eval_round(&o.eval, &err), BNF_OK);
        assert_int_equal(bnf_eval_round(&o.eval, &err), BNF_CANNOT);
        opened_free(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recurrent),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_integer_products),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_rounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
