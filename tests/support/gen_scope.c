/* Bodies of If and model-local functions in generated models. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

/* What is put aside while another scope is under construction. */
struct aside {
    Onnx__GraphProto *graph;
    size_t value_count, shared_count, first_shared;
    bool list_initializers, only_nodes;
};

static void *take(struct gen *g, size_t count, size_t size)
{
    void *block = bnf_arena_alloc(&g->make.arena, count, size);
    if (!block)
        bnf_bug("out of memory in a test");
    return block;
}

static Onnx__GraphProto *enter(struct gen *g, struct aside *aside)
{
    *aside = (struct aside){
        g->make.graph, g->value_count, g->shared_count, g->first_shared, g->list_initializers, g->only_nodes};
    Onnx__GraphProto *graph = take(g, 1, sizeof *graph);
    onnx__graph_proto__init(graph);
    graph->name = make_name(&g->make, "body");
    g->make.graph = graph;
    g->list_initializers = false;
    g->only_nodes |= g->make.model->ir_version < 4;
    g->depth++;
    return graph;
}

static void leave(struct gen *g, const struct aside *aside)
{
    g->make.graph = aside->graph;
    g->value_count = aside->value_count;
    g->shared_count = aside->shared_count;
    g->first_shared = aside->first_shared;
    g->list_initializers = aside->list_initializers;
    g->only_nodes = aside->only_nodes;
    g->depth--;
}

/* ---- If */

static Onnx__GraphProto *body(struct gen *g, const struct gen_value *x)
{
    struct aside aside;
    Onnx__GraphProto *graph = enter(g, &aside);
    struct gen_value y = gen_same(g, x);
    make_output(&g->make, y.name, g->dtype, y.dims, y.rank);
    leave(g, &aside);
    return graph;
}

static void make_body(struct gen *g, Onnx__NodeProto *node, const char *name, Onnx__GraphProto *graph)
{
    make_int(&g->make, node, name, 0);
    Onnx__AttributeProto *a = node->attribute[node->n_attribute - 1];
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    a->has_i = false;
    a->g = graph;
}

static struct gen_value choice(struct gen *g, const struct gen_value *x)
{
    if (!g->flag)
        g->flag = gen_extra_input(g, "flag", BNF_DTYPE_BOOL, NULL, 0);
    struct gen_value from = rng_percent(&g->rng, 40) ? gen_any_layer(g, x) : *x;
    Onnx__GraphProto *first = body(g, &from), *second = body(g, &from);
    struct gen_value y = gen_value(g, "chosen", from.dims, from.rank);
    Onnx__NodeProto *node = gen_node(g, "If", &y);
    make_reads(&g->make, node, g->flag);
    make_body(g, node, "then_branch", first);
    make_body(g, node, "else_branch", second);
    return y;
}

/* ---- functions */

static Onnx__OperatorSetIdProto *import(struct gen *g, const char *domain, int64_t version)
{
    Onnx__OperatorSetIdProto *set = take(g, 1, sizeof *set);
    onnx__operator_set_id_proto__init(set);
    set->domain = bnf_arena_copy(&g->make.arena, domain, strlen(domain));
    set->has_version = true;
    set->version = version;
    return set;
}

static void add_function(struct gen *g, Onnx__FunctionProto *function, const char *domain)
{
    Onnx__ModelProto *model = g->make.model;
    Onnx__FunctionProto **functions = take(g, model->n_functions + 1, sizeof *functions);
    if (model->n_functions)
        memcpy(functions, model->functions, model->n_functions * sizeof *functions);
    functions[model->n_functions] = function;
    model->functions = functions;
    if (!model->n_functions++) {
        Onnx__OperatorSetIdProto **sets = take(g, model->n_opset_import + 1, sizeof *sets);
        memcpy(sets, model->opset_import, model->n_opset_import * sizeof *sets);
        sets[model->n_opset_import++] = import(g, domain, 1);
        model->opset_import = sets;
    }
}

static struct gen_value function(struct gen *g, const struct gen_value *x)
{
    static const char domain[] = "local.blocks";
    struct aside aside;
    Onnx__FunctionProto *function = take(g, 1, sizeof *function);
    onnx__function_proto__init(function);
    function->name = make_name(&g->make, "Block");
    function->domain = bnf_arena_copy(&g->make.arena, domain, strlen(domain));
    Onnx__GraphProto *graph = enter(g, &aside);
    g->only_nodes = true;
    g->first_shared = g->shared_count;
    struct gen_value in = gen_value(g, "fed", x->dims, x->rank), out = gen_same(g, &in);
    leave(g, &aside);
    function->n_node = graph->n_node;
    function->node = graph->node;
    function->n_input = function->n_output = function->n_opset_import = 1;
    function->input = take(g, 1, sizeof *function->input);
    function->output = take(g, 1, sizeof *function->output);
    function->opset_import = take(g, 1, sizeof *function->opset_import);
    function->input[0] = bnf_arena_copy(&g->make.arena, in.name, strlen(in.name));
    function->output[0] = bnf_arena_copy(&g->make.arena, out.name, strlen(out.name));
    function->opset_import[0] = import(g, "", g->opset);
    add_function(g, function, domain);
    struct gen_value y = *x;
    unsigned calls = 1 + rng_below(&g->rng, 2);
    for (unsigned i = 0; i < calls; i++) {
        struct gen_value next = gen_value(g, "called", x->dims, x->rank);
        Onnx__NodeProto *node = gen_from(g, function->name, &next, &y);
        node->domain = function->domain;
        y = next;
    }
    return y;
}

struct gen_value gen_scope(struct gen *g, const struct gen_value *x)
{
    if (g->opset < 9) /* Constant nodes hold no integers then */
        return gen_branch(g, x);
    if (g->make.model->ir_version >= 8 && rng_percent(&g->rng, 40))
        return function(g, x);
    return choice(g, x);
}
