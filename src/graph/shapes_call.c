/* Shapes across calls of model-local functions. Every call is followed on its own, so that its results get the
 * extents that its arguments give them; what is kept inside a function holds for all of its calls. */
#include "graph/shapes_internal.h"

#include <stdlib.h>
#include <string.h>

/* Nodes of functions that are followed on behalf of single calls; beyond it results are merely unknown. */
#define MOST_NODES 200000

enum { deepest = 64 };

/* A function's own values lie one behind the other, with those of its bodies. */
struct bnf_callee {
    bnf_id scope;
    bnf_id *values; /* heap */
    size_t value_count, value_capacity;
    struct bnf_shape *stated; /* per value: what the model says */
    struct bnf_dims *inputs;  /* joined over all calls so far */
    unsigned depth;           /* longest way to it from the main graph; 0: never called */
};

static bool matches(const Onnx__FunctionProto *f, const Onnx__NodeProto *p)
{
    return f->name && p->op_type && strcmp(f->name, p->op_type) == 0 &&
           strcmp(f->domain ? f->domain : "", p->domain ? p->domain : "") == 0 &&
           strcmp(f->overload ? f->overload : "", p->overload ? p->overload : "") == 0;
}

static struct bnf_callee *callee_of(struct bnf_inference *all, const Onnx__NodeProto *proto)
{
    for (size_t i = 0; i < all->callee_count; i++)
        if (matches(all->graph->scopes[all->callees[i].scope].function, proto))
            return &all->callees[i];
    return NULL;
}

/* ---- entering a function ---- */

static bool set_shape(struct bnf_inference *all, struct bnf_shape *shape, const struct bnf_dims *dims)
{
    *shape = (struct bnf_shape){.dtype = dims->dtype, .rank = dims->rank};
    if (dims->rank <= 0)
        return true;
    shape->dims = bnf_arena_alloc(&all->graph->model->arena, (size_t)dims->rank, sizeof *shape->dims);
    if (!shape->dims) {
        all->no_memory = true;
        return false;
    }
    memcpy(shape->dims, dims->dims, (size_t)dims->rank * sizeof *shape->dims);
    return true;
}

/* Everything inside is as the model states it again. */
static void forget(struct bnf_inference *all, const struct bnf_callee *callee)
{
    for (size_t i = 0; i < callee->value_count; i++) {
        bnf_id value = callee->values[i];
        all->graph->values[value].shape = callee->stated[i];
        all->known[value] = NULL;
        all->known_count[value] = 0;
        all->looked[value] = false;
    }
}

static struct bnf_dims dims_of(const struct bnf_shape *shape)
{
    struct bnf_dims out = {.dtype = shape->dtype, .rank = shape->rank <= BNF_RANK_MAX ? shape->rank : -1};
    if (out.rank > 0)
        memcpy(out.dims, shape->dims, (size_t)out.rank * sizeof *out.dims);
    return out;
}

static void join(struct bnf_dims *into, const struct bnf_dims *other)
{
    if (into->dtype != other->dtype)
        into->dtype = 0;
    if (into->rank != other->rank)
        into->rank = -1;
    for (int i = 0; i < into->rank; i++)
        into->dims[i] = bnf_dim_join(into->dims[i], other->dims[i]);
}

/* The arguments of a call become the inputs, elements included. */
static bool pass_arguments(const struct bnf_op *op, struct bnf_callee *callee, bool first)
{
    struct bnf_inference *all = op->all;
    const struct bnf_scope *scope = &all->graph->scopes[callee->scope];
    for (size_t i = 0; i < scope->input_count; i++) {
        bnf_id input = scope->inputs[i], given = bnf_node_input(all->graph, op->node, (uint32_t)i);
        struct bnf_dims dims = bnf_op_input(op, (uint32_t)i);
        struct bnf_vector elements;
        if (first)
            callee->inputs[i] = dims;
        else
            join(&callee->inputs[i], &dims);
        if (!set_shape(all, &all->graph->values[input].shape, &dims))
            return false;
        if (given != BNF_NONE && bnf_op_vector(op, (uint32_t)i, &elements) && all->known[given]) {
            all->known[input] = all->known[given];
            all->known_count[input] = all->known_count[given];
        }
    }
    return true;
}

void bnf_shapes_call(const struct bnf_op *op)
{
    struct bnf_inference *all = op->all;
    struct bnf_callee *callee = callee_of(all, op->proto);
    if (!callee || all->call_depth >= deepest || all->no_memory)
        return;
    const struct bnf_scope *scope = &all->graph->scopes[callee->scope];
    bool first = callee->depth == 0;
    if (callee->depth < all->call_depth + 1)
        callee->depth = all->call_depth + 1;
    all->called_nodes += scope->order_count + 1;
    if (all->called_nodes > MOST_NODES) {
        for (size_t i = 0; i < scope->input_count; i++)
            callee->inputs[i] = (struct bnf_dims){.rank = -1};
        return;
    }
    forget(all, callee);
    if (!pass_arguments(op, callee, first))
        return;
    all->call_depth++;
    bnf_shapes_scope(all, callee->scope);
    all->call_depth--;
    for (size_t i = 0; i < scope->output_count; i++) {
        bnf_id result = bnf_node_output(all->graph, op->node, (uint32_t)i), output = scope->outputs[i];
        if (result == BNF_NONE)
            continue;
        struct bnf_dims dims = dims_of(&all->graph->values[output].shape);
        bnf_op_output(op, (uint32_t)i, &dims);
        if (all->known[output]) {
            all->known[result] = all->known[output];
            all->known_count[result] = all->known_count[output];
        }
    }
}

/* ---- all functions ---- */

/* The function that a scope is, or lies in; BNF_NONE. */
static bnf_id function_around(const struct bnf_graph *g, bnf_id scope)
{
    while (scope != BNF_NONE && g->scopes[scope].kind == BNF_SCOPE_BODY)
        scope = g->scopes[scope].parent;
    return scope != BNF_NONE && g->scopes[scope].kind == BNF_SCOPE_FUNCTION ? scope : BNF_NONE;
}

/* A symbol stated inside a function may stand for another extent in every call. */
static bool unname(struct bnf_inference *all, struct bnf_shape *shape)
{
    struct bnf_dims dims = dims_of(shape);
    bool named = false;
    for (int i = 0; i < dims.rank; i++) {
        named = named || dims.dims[i] < BNF_DIM_UNKNOWN;
        dims.dims[i] = dims.dims[i] < 0 ? BNF_DIM_UNKNOWN : dims.dims[i];
    }
    return !named || set_shape(all, shape, &dims);
}

static bool list_values(struct bnf_inference *all)
{
    const struct bnf_graph *g = all->graph;
    for (bnf_id v = 0; v < g->value_count; v++) {
        bnf_id scope = function_around(g, g->values[v].scope);
        if (scope == BNF_NONE)
            continue;
        struct bnf_callee *c = all->callees;
        while (c->scope != scope)
            c++;
        if (!unname(all, &all->graph->values[v].shape) ||
            !bnf_reserve(&c->values, &c->value_capacity, c->value_count + 1, sizeof *c->values))
            return false;
        c->values[c->value_count++] = v;
    }
    for (size_t i = 0; i < all->callee_count; i++) {
        struct bnf_callee *c = &all->callees[i];
        c->stated = bnf_alloc(c->value_count, sizeof *c->stated);
        c->inputs = bnf_alloc(g->scopes[c->scope].input_count, sizeof *c->inputs);
        if (!c->stated || !c->inputs)
            return false;
        for (size_t k = 0; k < c->value_count; k++)
            c->stated[k] = g->values[c->values[k]].shape;
    }
    return true;
}

bool bnf_shapes_find_functions(struct bnf_inference *all)
{
    const struct bnf_graph *g = all->graph;
    size_t count = 0;
    for (bnf_id s = 0; s < g->scope_count; s++)
        count += g->scopes[s].kind == BNF_SCOPE_FUNCTION;
    if (count == 0)
        return true;
    all->callees = bnf_alloc(count, sizeof *all->callees);
    if (!all->callees)
        return false;
    for (bnf_id s = 0; s < g->scope_count; s++)
        if (g->scopes[s].kind == BNF_SCOPE_FUNCTION)
            all->callees[all->callee_count++].scope = s;
    return list_values(all);
}

static int by_depth(const void *left, const void *right)
{
    const struct bnf_callee *a = left, *b = right;
    return a->depth != b->depth ? (a->depth < b->depth ? -1 : 1) : (a->scope > b->scope) - (a->scope < b->scope);
}

void bnf_shapes_functions(struct bnf_inference *all)
{
    /* What is deeper is called, and overwritten, by what comes before. */
    if (all->callee_count)
        qsort(all->callees, all->callee_count, sizeof *all->callees, by_depth);
    for (size_t i = 0; i < all->callee_count && !all->no_memory; i++) {
        struct bnf_callee *c = &all->callees[i];
        const struct bnf_scope *scope = &all->graph->scopes[c->scope];
        forget(all, c);
        for (size_t k = 0; c->depth && k < scope->input_count; k++)
            if (!set_shape(all, &all->graph->values[scope->inputs[k]].shape, &c->inputs[k]))
                return;
        for (size_t k = 0; k < scope->input_count; k++)
            bnf_shapes_open(all, scope->inputs[k]);
        all->call_depth = c->depth;
        bnf_shapes_scope(all, c->scope);
        all->call_depth = 0;
    }
}

void bnf_shapes_forget_functions(struct bnf_inference *all)
{
    for (size_t i = 0; i < all->callee_count; i++) {
        bnf_free(all->callees[i].values);
        bnf_free(all->callees[i].stated);
        bnf_free(all->callees[i].inputs);
    }
    bnf_free(all->callees);
}
