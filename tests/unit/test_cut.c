/* What belongs to the part of a model that computes one value, and the model made of it. */
#include "graph/cut.h"

#include "onnx/dtype.h"
#include "support/make.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char model[] = "in x float 2,4\n"
                            "in z float 2,4\n"
                            "out y\n"
                            "out w\n"
                            "init A float 4,4 rand\n"
                            "init B float 4,4 rand\n"
                            "info a float 2,4\n"
                            "info b float 2,4\n"
                            "a = MatMul(x, A)\n"
                            "b = Relu(a)\n"
                            "p, q = Split(b) axis=1\n"
                            "r = Neg(p)\n"
                            "s = Concat(r, q) axis=1\n"
                            "y = MatMul(s, B)\n"
                            "w = Add(z, b)\n";

static const struct {
    const char *output, *stops; /* blanks on both sides of each */
    const char *inputs, *nodes, *stored, *notes;
    size_t graph_inputs;
} cases[] = {
    {"y", "", "x", "a b p r s y", "A B", "a b", 1},
    {"y", " s ", "s", "y", "B", "", 0},
    {"y", " b ", "b", "p r s y", "B", "", 0},
    {"y", " p q ", "p q", "r s y", "B", "", 0},
    {"y", " r q ", "q r", "s y", "B", "", 0},
    /* Split is needed for q, so it gives p, too. */
    {"y", " p b ", "b", "p r s y", "B", "", 0},
    {"w", "", "x z", "a b w", "A", "a b", 2},
    {"w", " b ", "z b", "w", "", "", 1},
    {"b", " a ", "a", "b", "", "", 0},
};

/* A list of names with blanks between them. */
static void add(char *list, size_t room, const char *name)
{
    size_t used = strlen(list);
    (void)snprintf(list + used, room - used, "%s%s", used ? " " : "", name);
}

static void check_model(const struct bnf_model *written, size_t row)
{
    char inputs[64] = "", nodes[64] = "", stored[64] = "", notes[64] = "";
    const Onnx__GraphProto *g = written->proto->graph;
    for (size_t i = 0; i < g->n_input; i++) {
        add(inputs, sizeof inputs, g->input[i]->name);
        assert_int_equal(g->input[i]->type->tensor_type->shape->dim[0]->dim_value, 7);
    }
    for (size_t i = 0; i < g->n_node; i++)
        add(nodes, sizeof nodes, g->node[i]->output[0]);
    for (size_t i = 0; i < g->n_initializer; i++)
        add(stored, sizeof stored, g->initializer[i]->name);
    for (size_t i = 0; i < g->n_value_info; i++)
        add(notes, sizeof notes, g->value_info[i]->name);
    assert_string_equal(inputs, cases[row].inputs);
    assert_string_equal(nodes, cases[row].nodes);
    assert_string_equal(stored, cases[row].stored);
    assert_string_equal(notes, cases[row].notes);
    assert_int_equal(g->n_output, 1);
    assert_string_equal(g->output[0]->name, cases[row].output);
    assert_int_equal(g->output[0]->type->tensor_type->elem_type, BNF_DTYPE_FLOAT);
}

static void test_parts(void **state)
{
    (void)state;
    int64_t extents[] = {7, 4};
    for (size_t row = 0; row < COUNT(cases); row++) {
        struct bnf_model source = {0}, part = {0}, written = {0};
        struct bnf_graph g = {0};
        struct bnf_err err = {0};
        struct bnf_arena arena;
        struct bnf_cut cut;
        struct packed packed;
        bnf_arena_init(&arena, 0);
        notation_read(&source, model);
        assert_int_equal(bnf_graph_build(&g, &source, &err), BNF_OK);
        uint8_t *stops = bnf_arena_alloc(&arena, g.value_count, 1);
        for (bnf_id v = 0; v < g.value_count; v++) {
            char name[16];
            (void)snprintf(name, sizeof name, " %s ", g.values[v].name);
            stops[v] = strstr(cases[row].stops, name) != NULL;
        }
        bnf_id output = bnf_graph_find(&g, 0, cases[row].output);
        assert_int_equal(bnf_cut_find(&g, output, stops, &arena, &cut, &err), BNF_OK);
        assert_int_equal(cut.graph_inputs, cases[row].graph_inputs);
        struct bnf_shape *forms = bnf_arena_alloc(&arena, cut.input_count + 1, sizeof *forms);
        for (size_t i = 0; i <= cut.input_count; i++)
            forms[i] = (struct bnf_shape){BNF_DTYPE_FLOAT, 2, extents};
        size_t nodes = source.proto->graph->n_node;
        assert_int_equal(bnf_cut_model(&cut, forms, &arena, &part, &err), BNF_OK);
        assert_int_equal(source.proto->graph->n_node, nodes);
        assert_int_equal(pack_model(&part, &packed, &err), BNF_OK);
        assert_int_equal(load_packed(&written, &packed, &err), BNF_OK);
        check_model(&written, row);
        bnf_free(packed.bytes);
        bnf_model_close(&written);
        bnf_graph_free(&g);
        bnf_model_close(&source);
        bnf_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
