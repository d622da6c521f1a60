/* Building, sorting, editing and storing the graph. */
#include "graph/edit.h"

#include "graph/attr.h"
#include "onnx/dtype.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void open_graph(struct bnf_graph *g, struct bnf_model *m, const char *text)
{
    struct bnf_err err = {0};
    notation_read(m, text);
    if (bnf_graph_build(g, m, &err))
        fail_msg("%s", err.text);
}

static void close_graph(struct bnf_graph *g, struct bnf_model *m)
{
    bnf_graph_free(g);
    bnf_model_close(m);
}

static bnf_id value(const struct bnf_graph *g, const char *name)
{
    bnf_id id = bnf_graph_find(g, 0, name);
    assert_int_not_equal(id, BNF_NONE);
    return id;
}

/* The use lists, counted anew from the nodes, are what the graph says. */
static void check_uses(const struct bnf_graph *g)
{
    uint32_t *count = bnf_alloc(g->value_count + 1, sizeof *count);
    for (bnf_id node = 0; node < g->node_count; node++)
        for (uint32_t slot = 0; !g->nodes[node].dead && slot < g->nodes[node].input_count; slot++)
            if (bnf_node_input(g, node, slot) != BNF_NONE)
                count[bnf_node_input(g, node, slot)]++;
    for (bnf_id v = 0; v < g->value_count; v++) {
        uint32_t listed = 0;
        for (bnf_id use = g->values[v].first_use; use != BNF_NONE; use = g->uses[use].next) {
            assert_int_equal(g->uses[use].value, v);
            listed++;
        }
        assert_int_equal(listed, count[v]);
        assert_int_equal(g->values[v].use_count, count[v]);
        bnf_id producer = g->values[v].producer;
        if (producer != BNF_NONE)
            assert_int_equal(bnf_node_output(g, producer, g->values[v].output), v);
    }
    bnf_free(count);
}

static void test_build(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    open_graph(&g, &m, "in x float N,3; out y; init W float 3,4 rand; init C float 4 rand; y = Relu(u); u = Gemm(x, W, C)\n");
    assert_int_equal(g.scope_count, 1);
    assert_int_equal(g.scopes[0].opset, 13);
    assert_int_equal(g.scopes[0].order_count, 2);
    assert_true(bnf_node_is(&g, g.scopes[0].order[0], "Gemm")); /* sorted, although the file is not */
    assert_int_equal(g.values[value(&g, "u")].use_count, 1);
    assert_int_equal(g.values[value(&g, "y")].output_uses, 1);
    assert_int_equal(g.values[value(&g, "W")].shape.rank, 2);
    assert_int_equal(g.values[value(&g, "x")].shape.dims[0], BNF_DIM_SYMBOL(0));
    assert_true(g.values[value(&g, "x")].is_input);
    assert_int_equal(bnf_graph_find(&g, 0, "nothing"), BNF_NONE);
    assert_int_equal(bnf_node_input(&g, 0, 7), BNF_NONE);
    check_uses(&g);
    close_graph(&g, &m);
}

static void test_captures(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    open_graph(&g, &m,
        "in x float 2; in p bool 1; out z; z = If(p) then_branch={\n out t; t = Add(a, x)\n} else_branch={\n out b\n b = Neg(x)\n}\n"
        "a = Relu(x)\n");
    assert_int_equal(g.scope_count, 3);
    assert_true(bnf_value_is_captured(&g, value(&g, "a")));
    assert_true(bnf_value_is_captured(&g, value(&g, "x")));
    assert_false(bnf_value_is_captured(&g, value(&g, "z")));
    assert_true(bnf_node_is(&g, g.scopes[0].order[0], "Relu")); /* the If needs what its body captures */
    assert_string_equal(g.scopes[1].owner_attribute, "then_branch");
    assert_true(bnf_scope_within(&g, 1, 0));
    assert_false(bnf_scope_within(&g, 1, 2));
    assert_int_equal(bnf_graph_find(&g, 0, "t"), BNF_NONE);
    assert_int_not_equal(bnf_graph_find(&g, 1, "t"), BNF_NONE);
    check_uses(&g);
    close_graph(&g, &m);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *sentence;
    } cases[] = {
        {"read but not defined", "in x float 2; out y; y = Add(x, z)\n", "node 'y': input 1 'z' is not defined anywhere"},
        {"output not defined", "in x float 2; out q; y = Relu(x)\n", "output 0 'q' is not defined anywhere"},
        {"defined by two nodes", "in x float 2; out y; y = Relu(x); y = Neg(x) name='n'\n", "value 'y' is defined twice"},
        {"input and node", "in x float 2; out x; x = Relu(x)\n", "value 'x' is defined twice"},
        {"two initializers", "in x float 2; out y; init W float 1 1; init W float 1 2; y = Add(x, W)\n",
            "value 'W' is defined twice"},
        {"hidden by a body", "in x float 2; in p bool 1; out z; z = If(p) then_branch={\n out x; x = Relu(p)\n} else_branch={\n"
            " out e; e = Neg(x)\n}\n", "body 'then_branch' of node 'z': value 'x' hides one of an outer graph"},
        {"a cycle", "in x float 2; out y; y = Add(x, u); u = Relu(y)\n", "depends on its own output: the graph has a cycle"},
        {"a cycle through a body", "in p bool 1; out z; z = If(p) then_branch={\n out t; t = Neg(u)\n} else_branch={\n out e\n"
            " e = Neg(p)\n}\nu = Relu(z)\n", "depends on its own output: the graph has a cycle"},
        {"a body reads what comes to nobody", "in p bool 1; out z; z = If(p) then_branch={\n out t; t = Neg(q)\n} else_branch={\n"
            " out e; e = Neg(p)\n}\n", "body 'then_branch' of node 'z': node 't': input 0 'q' is not defined anywhere"},
        {"an attribute of another type", "in x float 2,2; out y; y = Transpose(x) perm=1\n",
            "node 'y': attribute 'perm' is an integer, not integers"},
        {"an attribute twice", "in x float 2,2; out y; y = Softmax(x) axis=1 axis=0\n", "node 'y': attribute 'axis' is there twice"},
        {"one of many attributes twice", "opset f 1; in x float 2,2; out y; y = f.F(x) a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1 k=1 "
            "l=1 m=1 n=1 o=1 p=1 q=1 r=1 i=2\n", "node 'y': attribute 'i' is there twice"},
        {"two versions of an operator set", "opset ai.onnx 11; in x float 2; out y; y = Relu(x)\n",
            "operator set 'ai.onnx' is imported in version 13 and in version 11"},
        {"two versions of a function's operator set", "opset f 1; in x float 2; out y; function f.F(a) { opset g 1; opset g 2; out r\n"
            " r = Relu(a) }\ny = f.F(x)\n", "operator set 'g' is imported in version 1 and in version 2"},
        {"a function with an operator's name", "in x float 2; out y; function ai.onnx.Relu(a) { out r; r = Neg(a) }\n"
            "y = Relu(x)\n", "function 'Relu' has the name of a standard operator"},
        {"a function that calls itself", "opset f 1; in x float 2; out y; function f.F(a) { opset f 1; out r; r = f.F(a) }\n"
            "y = f.F(x)\n", "function 'F' calls itself, or one that does"},
        {"functions that call each other", "opset f 1; in x float 2; out y; function f.F(a) { opset f 1; out r; r = f.G(a) }\n"
            "function f.G(a) { opset f 1; out r; r = f.F(a) }\ny = f.F(x)\n", "calls itself, or one that does"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bnf_model m;
        struct bnf_graph g;
        struct bnf_err err = {0};
        notation_read(&m, cases[i].text);
        assert_int_equal(bnf_graph_build(&g, &m, &err), BNF_EINPUT);
        if (!strstr(err.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].name, err.text);
        bnf_model_close(&m);
    }
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_err err = {0};
    notation_read(&m, "in x float 2; out y; y = Relu(x)\n");
    m.proto->graph = NULL;
    assert_int_equal(bnf_graph_build(&g, &m, &err), BNF_EINPUT);
    bnf_model_close(&m);
}

static void test_edits(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_err err = {0};
    open_graph(&g, &m, "in x float 2,3,4,4; out y; out q; init W float 4,3,1,1 rand; init k float 1 2\n"
                       "u = Conv(x, W); y = Relu(u); q = Mul(u, k)\n");
    bnf_id u = value(&g, "u"), conv = g.values[u].producer, fresh, second, bias, node;
    assert_int_equal(bnf_edit_value(&g, 0, "u", &fresh, &err), 0);
    assert_string_equal(g.values[fresh].name, "u.bnfold");
    assert_int_equal(bnf_edit_value(&g, 0, "u.bnfold", &second, &err), 0);
    assert_string_equal(g.values[second].name, "u.bnfold2");
    const int64_t four = 4;
    assert_int_equal(bnf_edit_initializer(&g, 0, "B", BNF_DTYPE_FLOAT, &four, 1, &bias, &err), 0);
    assert_int_equal(bnf_edit_widen(&g, conv, 3, &err), 0);
    bnf_edit_set_input(&g, conv, 2, bias);
    check_uses(&g);
    bnf_edit_move_uses(&g, u, fresh);
    assert_int_equal(g.values[u].use_count, 0);
    assert_int_equal(g.values[fresh].use_count, 2);
    bnf_edit_set_output(&g, conv, 0, fresh);
    assert_int_equal(g.values[u].producer, BNF_NONE);
    check_uses(&g);
    assert_int_equal(bnf_edit_node(&g, 0, "Neg", "n", 1, 1, &node, &err), 0);
    bnf_edit_set_input(&g, node, 0, fresh);
    bnf_edit_set_output(&g, node, 0, second);
    bnf_edit_set_input(&g, g.values[value(&g, "y")].producer, 0, second);
    assert_int_equal(bnf_edit_attr_int(&g, conv, "group", 1, &err), 0);
    assert_int_equal(bnf_edit_attr_int(&g, conv, "group", 7, &err), 0);
    assert_int_equal(bnf_attr_int(g.nodes[conv].proto, "group", 0), 7);
    assert_int_equal(g.nodes[conv].proto->n_attribute, 1);
    check_uses(&g);
    size_t frozen;
    assert_int_equal(bnf_edit_sweep(&g, &err), 0);
    assert_int_equal(bnf_graph_store(&g, true, &frozen, &err), 0);
    const Onnx__GraphProto *p = m.proto->graph;
    assert_int_equal(p->n_node, 4);
    assert_string_equal(p->node[0]->output[0], "u.bnfold");
    assert_int_equal(p->node[0]->n_input, 3);
    assert_string_equal(p->node[0]->input[2], "B.bnfold");
    assert_string_equal(p->node[1]->op_type, "Neg");
    assert_string_equal(p->node[2]->input[0], "u.bnfold2");
    assert_int_equal(p->n_initializer, 3);
    close_graph(&g, &m);
}

/* A whole dead branch goes, initializers included; what had no reader before stays. */
static void test_sweep(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    struct bnf_err err = {0};
    open_graph(&g, &m, "in x float 2; out y; init W float 2 rand; init V float 2 rand; init unused float 1 1\n"
                       "w = Identity(W); a = Mul(x, w); b = Add(a, V); y = Add(x, b); idle = Neg(x)\n");
    bnf_id y = g.values[value(&g, "y")].producer, x = value(&g, "x");
    bnf_edit_set_input(&g, y, 1, x);
    assert_int_equal(bnf_edit_sweep(&g, &err), 0);
    check_uses(&g);
    size_t frozen;
    assert_int_equal(bnf_graph_store(&g, true, &frozen, &err), 0);
    assert_int_equal(m.proto->graph->n_node, 2);
    assert_string_equal(m.proto->graph->node[0]->op_type, "Add");
    assert_string_equal(m.proto->graph->node[1]->op_type, "Neg");
    assert_int_equal(m.proto->graph->n_initializer, 1);
    assert_string_equal(m.proto->graph->initializer[0]->name, "unused");
    close_graph(&g, &m);
}

static void test_domains(void **state)
{
    (void)state;
    struct bnf_model m;
    struct bnf_graph g;
    char text[64];
    open_graph(&g, &m, "opset com.acme 3; in x float 2; out y; u = com.acme.Conv(x) name=''; y = ai.onnx.Relu(u)\n");
    assert_false(bnf_node_is(&g, 0, "Conv"));
    assert_int_equal(bnf_scope_import(&g.scopes[0], "com.acme"), 3);
    assert_int_equal(bnf_scope_import(&g.scopes[0], "ai.onnx"), 13);
    assert_int_equal(bnf_scope_import(&g.scopes[0], "org.other"), 0);
    assert_true(bnf_node_is(&g, 1, "Relu"));
    assert_string_equal(bnf_node_text(&g, 0, text, sizeof text), "Conv at 'u'");
    close_graph(&g, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_build), cmocka_unit_test(test_captures),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_edits), cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_domains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
