#include "graph/graph.h"

#include "graph/attr.h"
#include "graph/calls.h"
#include "onnx/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bnf_id bnf_node_input(const struct bnf_graph *g, bnf_id node, uint32_t slot)
{
    const struct bnf_node *n = &g->nodes[node];
    return slot < n->input_count ? g->uses[n->first_input + slot].value : BNF_NONE;
}

bnf_id bnf_node_output(const struct bnf_graph *g, bnf_id node, uint32_t slot)
{
    const struct bnf_node *n = &g->nodes[node];
    return slot < n->output_count ? g->outs[n->first_output + slot] : BNF_NONE;
}

static bool is_default_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

bool bnf_node_is_standard(const struct bnf_graph *g, bnf_id node)
{
    return is_default_domain(g->nodes[node].proto->domain);
}

bool bnf_node_is(const struct bnf_graph *g, bnf_id node, const char *op_type)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    return is_default_domain(proto->domain) && proto->op_type && strcmp(proto->op_type, op_type) == 0;
}

int64_t bnf_node_opset(const struct bnf_graph *g, bnf_id node)
{
    return g->scopes[g->nodes[node].scope].opset;
}

int64_t bnf_scope_import(const struct bnf_scope *scope, const char *domain)
{
    bool standard = is_default_domain(domain);
    for (size_t i = 0; i < scope->import_count; i++) {
        const Onnx__OperatorSetIdProto *import = scope->import[i];
        if (standard ? is_default_domain(import->domain) : import->domain && strcmp(import->domain, domain) == 0)
            return import->version;
    }
    return 0;
}

const char *bnf_node_text(const struct bnf_graph *g, bnf_id node, char *text, size_t room)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    if (proto->name && *proto->name)
        snprintf(text, room, "%s", proto->name);
    else
        snprintf(text, room, "%s at '%s'", proto->op_type ? proto->op_type : "?",
            proto->n_output ? proto->output[0] : "");
    return text;
}

bool bnf_value_is_captured(const struct bnf_graph *g, bnf_id value)
{
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE; use = g->uses[use].next)
        if (g->nodes[g->uses[use].node].scope != g->values[value].scope)
            return true;
    return false;
}

bool bnf_scope_within(const struct bnf_graph *g, bnf_id inner, bnf_id outer)
{
    while (inner != BNF_NONE && inner != outer)
        inner = g->scopes[inner].parent;
    return inner == outer;
}

static uint64_t index_key(bnf_id scope, bnf_id name)
{
    return (uint64_t)scope << 32 | name;
}

bnf_id bnf_graph_find(const struct bnf_graph *g, bnf_id scope, const char *name)
{
    bnf_id id = bnf_names_find(&g->names, name);
    for (; id != BNF_NONE && scope != BNF_NONE; scope = g->scopes[scope].parent) {
        bnf_id value = bnf_table_get(&g->index, index_key(scope, id));
        if (value != BNF_NONE)
            return value;
    }
    return BNF_NONE;
}

void bnf_graph_free(struct bnf_graph *g)
{
    bnf_free(g->scopes);
    bnf_free(g->values);
    bnf_free(g->nodes);
    bnf_free(g->uses);
    bnf_free(g->outs);
    bnf_names_free(&g->names);
    bnf_names_free(&g->symbols);
    bnf_table_free(&g->index);
    bnf_table_free(&g->suffixes);
    *g = (struct bnf_graph){0};
}

/* ---- building ---- */

/* How sentences call a scope: "" for the main graph, "body 'then_branch' of node 'If_4': ". */
static const char *place(const struct bnf_graph *g, bnf_id scope, char *text, size_t room)
{
    const struct bnf_scope *s = &g->scopes[scope];
    char node[256];
    *text = 0;
    if (s->kind == BNF_SCOPE_FUNCTION)
        snprintf(text, room, "function '%s': ", s->function->name ? s->function->name : "");
    else if (s->kind == BNF_SCOPE_BODY)
        snprintf(text, room, "body '%s' of node '%s': ", s->owner_attribute,
            bnf_node_text(g, s->owner, node, sizeof node));
    return text;
}

static int add_value(struct bnf_graph *g, bnf_id scope, const char *name, bnf_id *out, struct bnf_err *err)
{
    char where[320];
    if (!bnf_reserve(&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values))
        return bnf_fail_memory(err);
    if (bnf_graph_find(g, scope, name) != BNF_NONE) {
        bool here = bnf_table_get(&g->index, index_key(scope, bnf_names_find(&g->names, name))) != BNF_NONE;
        return bnf_fail(err, BNF_EINPUT, here ? "%svalue '%s' is defined twice" : "%svalue '%s' hides one of an outer graph",
            place(g, scope, where, sizeof where), name);
    }
    bnf_id id = bnf_names_add(&g->names, name);
    if (id == BNF_NONE || !bnf_table_put(&g->index, index_key(scope, id), (bnf_id)g->value_count))
        return bnf_fail_memory(err);
    *out = (bnf_id)g->value_count++;
    g->values[*out] = (struct bnf_value){
        .name = name, .scope = scope, .producer = BNF_NONE, .first_use = BNF_NONE, .shape.rank = -1};
    return BNF_OK;
}

static int read_type(struct bnf_graph *g, const Onnx__TypeProto *type, struct bnf_shape *shape, struct bnf_err *err)
{
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type)
        return BNF_OK;
    const Onnx__TypeProto__Tensor *tensor = type->tensor_type;
    if (tensor->has_elem_type)
        shape->dtype = tensor->elem_type;
    if (!tensor->shape)
        return BNF_OK;
    shape->dims = bnf_arena_alloc(&g->model->arena, tensor->shape->n_dim, sizeof *shape->dims);
    if (!shape->dims)
        return bnf_fail_memory(err);
    shape->rank = (int)tensor->shape->n_dim;
    for (size_t i = 0; i < tensor->shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i];
        shape->dims[i] = BNF_DIM_UNKNOWN;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && dim->dim_value >= 0)
            shape->dims[i] = dim->dim_value;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && *dim->dim_param) {
            bnf_id symbol = bnf_names_add(&g->symbols, dim->dim_param);
            if (symbol == BNF_NONE)
                return bnf_fail_memory(err);
            shape->dims[i] = BNF_DIM_SYMBOL(symbol);
        }
    }
    return BNF_OK;
}

static int add_body(struct bnf_graph *g, bnf_id node, const char *attribute, Onnx__GraphProto *graph,
    struct bnf_err *err)
{
    if (!bnf_reserve(&g->scopes, &g->scope_capacity, g->scope_count + 1, sizeof *g->scopes))
        return bnf_fail_memory(err);
    const struct bnf_scope *outer = &g->scopes[g->nodes[node].scope];
    g->scopes[g->scope_count++] = (struct bnf_scope){.kind = BNF_SCOPE_BODY,
        .parent = g->nodes[node].scope,
        .owner = node,
        .owner_attribute = attribute,
        .graph = graph,
        .import = outer->import,
        .import_count = outer->import_count,
        .opset = outer->opset};
    return BNF_OK;
}

/* Numbers the bodies of a node; they are read after everything of the scopes around them. */
static int add_bodies(struct bnf_graph *g, bnf_id node, struct bnf_err *err)
{
    Onnx__NodeProto *proto = g->nodes[node].proto;
    g->nodes[node].first_body = (bnf_id)g->scope_count;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        Onnx__AttributeProto *a = proto->attribute[i];
        const char *name = a->name ? a->name : "";
        int status = a->g ? add_body(g, node, name, a->g, err) : BNF_OK;
        for (size_t k = 0; !status && k < a->n_graphs; k++)
            status = add_body(g, node, name, a->graphs[k], err);
        if (status)
            return status;
    }
    g->nodes[node].last_body = (bnf_id)g->scope_count;
    return BNF_OK;
}

/* Of a node that may have none: its first output's. */
static const char *name_of(const Onnx__NodeProto *proto)
{
    return proto->name && *proto->name ? proto->name : proto->n_output ? proto->output[0] : "";
}

/* *twin: the first name that is there twice, or NULL. BNF_ENOMEM. */
static int find_twin(Onnx__AttributeProto *const *attributes, size_t count, const char **twin)
{
    enum { few = 16 };
    struct bnf_names names = {0};
    int status = BNF_OK;
    *twin = NULL;
    for (size_t i = 1; i < count && count <= few && !*twin; i++)
        for (size_t k = 0; k < i; k++)
            if (attributes[i]->name && attributes[k]->name && strcmp(attributes[i]->name, attributes[k]->name) == 0)
                *twin = attributes[i]->name;
    for (size_t i = 0; i < count && count > few && !*twin && !status; i++) {
        const char *name = attributes[i]->name;
        size_t before = names.count;
        if (name && bnf_names_add(&names, name) == BNF_NONE)
            status = BNF_ENOMEM;
        else if (name && names.count == before)
            *twin = name;
    }
    bnf_names_free(&names);
    return status;
}

/* What runtimes do with an attribute that is given twice differs. */
static int check_attributes(
    const struct bnf_graph *g, bnf_id scope, const Onnx__NodeProto *proto, struct bnf_err *err)
{
    char where[320], wrong[200];
    if (bnf_attr_misfits(proto, wrong, sizeof wrong))
        return bnf_fail(err, BNF_EINPUT, "%snode '%.200s': %s", place(g, scope, where, sizeof where),
            name_of(proto), wrong);
    const char *twin;
    if (find_twin(proto->attribute, proto->n_attribute, &twin))
        return bnf_fail_memory(err);
    if (twin)
        return bnf_fail(err, BNF_EINPUT, "%snode '%.200s': attribute '%.64s' is there twice",
            place(g, scope, where, sizeof where), name_of(proto), twin);
    return BNF_OK;
}

static int add_node(struct bnf_graph *g, bnf_id scope, Onnx__NodeProto *proto, struct bnf_err *err)
{
    char where[320];
    if (!proto->op_type || !*proto->op_type)
        return bnf_fail(
            err, BNF_EINPUT, "%snode '%.200s' has no operator", place(g, scope, where, sizeof where), name_of(proto));
    int status = check_attributes(g, scope, proto, err);
    if (status)
        return status;
    if (proto->n_input > UINT32_MAX / 2 || proto->n_output > UINT32_MAX / 2 ||
        g->use_count + proto->n_input >= BNF_NONE || g->out_count + proto->n_output >= BNF_NONE)
        return bnf_fail(err, BNF_ELIMIT, "the graph has more than 4294967294 inputs or outputs of nodes");
    if (!bnf_reserve(&g->nodes, &g->node_capacity, g->node_count + 1, sizeof *g->nodes) ||
        !bnf_reserve(&g->uses, &g->use_capacity, g->use_count + proto->n_input, sizeof *g->uses) ||
        !bnf_reserve(&g->outs, &g->out_capacity, g->out_count + proto->n_output, sizeof *g->outs))
        return bnf_fail_memory(err);
    bnf_id node = (bnf_id)g->node_count++;
    g->nodes[node] = (struct bnf_node){.proto = proto,
        .scope = scope,
        .first_input = (bnf_id)g->use_count,
        .input_count = (uint32_t)proto->n_input,
        .first_output = (bnf_id)g->out_count,
        .output_count = (uint32_t)proto->n_output};
    for (size_t i = 0; i < proto->n_input; i++)
        g->uses[g->use_count++] = (struct bnf_use){BNF_NONE, node, (uint32_t)i, BNF_NONE, BNF_NONE};
    for (size_t i = 0; i < proto->n_output; i++) {
        bnf_id value = BNF_NONE;
        if (*proto->output[i]) {
            status = add_value(g, scope, proto->output[i], &value, err);
            if (status)
                return status;
            g->values[value].producer = node;
            g->values[value].output = (uint32_t)i;
        }
        g->outs[g->out_count++] = value;
    }
    return add_bodies(g, node, err);
}

static int add_initializers(struct bnf_graph *g, bnf_id scope, struct bnf_err *err)
{
    Onnx__GraphProto *graph = g->scopes[scope].graph;
    int status = BNF_OK;
    for (size_t i = 0; !status && i < graph->n_initializer; i++) {
        Onnx__TensorProto *tensor = graph->initializer[i];
        char where[320];
        if (!tensor->name || !*tensor->name)
            return bnf_fail(err, BNF_EINPUT, "%sinitializer %zu has no name", place(g, scope, where, sizeof where), i);
        bnf_id value = bnf_table_get(&g->index, index_key(scope, bnf_names_find(&g->names, tensor->name)));
        if (value == BNF_NONE || g->values[value].initializer)
            status = add_value(g, scope, tensor->name, &value, err);
        if (status)
            return status;
        g->values[value].initializer = tensor;
        struct bnf_shape *shape = &g->values[value].shape;
        shape->dtype = tensor->data_type;
        shape->rank = (int)tensor->n_dims;
        shape->dims = tensor->dims;
    }
    for (size_t i = 0; !status && i < graph->n_sparse_initializer; i++) {
        const Onnx__TensorProto *values = graph->sparse_initializer[i]->values;
        bnf_id value;
        if (!values || !values->name || !*values->name)
            continue;
        status = add_value(g, scope, values->name, &value, err);
        if (!status)
            g->values[value].is_sparse = true;
    }
    return status;
}

static int add_interface(struct bnf_graph *g, bnf_id scope, struct bnf_err *err)
{
    struct bnf_scope *s = &g->scopes[scope];
    size_t inputs = s->graph ? s->graph->n_input : s->function->n_input;
    s->inputs = bnf_arena_alloc(&g->model->arena, inputs, sizeof *s->inputs);
    if (!s->inputs)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < inputs; i++) {
        const char *name = s->graph ? s->graph->input[i]->name : s->function->input[i];
        char where[320];
        if (!name || !*name)
            return bnf_fail(err, BNF_EINPUT, "%sinput %zu has no name", place(g, scope, where, sizeof where), i);
        int status = add_value(g, scope, name, &s->inputs[i], err);
        if (!status && s->graph)
            status = read_type(g, s->graph->input[i]->type, &g->values[s->inputs[i]].shape, err);
        if (status)
            return status;
        g->values[s->inputs[i]].is_input = true;
        s->input_count = i + 1;
    }
    return s->graph ? add_initializers(g, scope, err) : BNF_OK;
}

/* Everything that a scope defines. Scopes of its nodes' bodies are appended and follow later. */
static int define(struct bnf_graph *g, bnf_id scope, struct bnf_err *err)
{
    int status = add_interface(g, scope, err);
    size_t count = g->scopes[scope].graph ? g->scopes[scope].graph->n_node : g->scopes[scope].function->n_node;
    for (size_t i = 0; !status && i < count; i++) {
        const struct bnf_scope *s = &g->scopes[scope]; /* moves when bodies are added */
        status = add_node(g, scope, s->graph ? s->graph->node[i] : s->function->node[i], err);
    }
    return status;
}

static int read_stated_types(struct bnf_graph *g, bnf_id scope, struct bnf_err *err)
{
    const struct bnf_scope *s = &g->scopes[scope];
    size_t count = s->graph ? s->graph->n_value_info : s->function->n_value_info;
    Onnx__ValueInfoProto **infos = s->graph ? s->graph->value_info : s->function->value_info;
    for (size_t i = 0; i < count; i++) {
        bnf_id id = infos[i]->name ? bnf_names_find(&g->names, infos[i]->name) : BNF_NONE;
        bnf_id value = id == BNF_NONE ? BNF_NONE : bnf_table_get(&g->index, index_key(scope, id));
        if (value == BNF_NONE || g->values[value].initializer)
            continue;
        int status = read_type(g, infos[i]->type, &g->values[value].shape, err);
        if (status)
            return status;
    }
    return BNF_OK;
}

static int resolve_outputs(struct bnf_graph *g, bnf_id scope, struct bnf_err *err)
{
    struct bnf_scope *s = &g->scopes[scope];
    size_t count = s->graph ? s->graph->n_output : s->function->n_output;
    s->outputs = bnf_arena_alloc(&g->model->arena, count, sizeof *s->outputs);
    if (!s->outputs)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *name = s->graph ? s->graph->output[i]->name : s->function->output[i];
        bnf_id value = name && *name ? bnf_graph_find(g, scope, name) : BNF_NONE;
        char where[320];
        if (value == BNF_NONE)
            return bnf_fail(err, BNF_EINPUT, "%soutput %zu '%s' is not defined anywhere",
                place(g, scope, where, sizeof where), i, name ? name : "");
        g->values[value].output_uses++;
        s->outputs[s->output_count++] = value;
        struct bnf_shape *shape = &g->values[value].shape;
        int status = BNF_OK;
        if (s->graph && shape->rank < 0 && g->values[value].scope == scope)
            status = read_type(g, s->graph->output[i]->type, shape, err);
        if (status)
            return status;
    }
    return BNF_OK;
}

static int resolve_inputs(struct bnf_graph *g, struct bnf_err *err)
{
    for (bnf_id use = 0; use < g->use_count; use++) {
        struct bnf_use *u = &g->uses[use];
        const struct bnf_node *node = &g->nodes[u->node];
        const char *name = node->proto->input[u->slot];
        char where[320], text[256];
        if (!*name)
            continue;
        bnf_id value = bnf_graph_find(g, node->scope, name);
        if (value == BNF_NONE)
            return bnf_fail(err, BNF_EINPUT, "%snode '%s': input %u '%s' is not defined anywhere",
                place(g, node->scope, where, sizeof where), bnf_node_text(g, u->node, text, sizeof text), u->slot,
                name);
        struct bnf_value *v = &g->values[value];
        u->value = value;
        u->next = v->first_use;
        if (v->first_use != BNF_NONE)
            g->uses[v->first_use].previous = use;
        v->first_use = use;
        v->use_count++;
    }
    return BNF_OK;
}

/* An operator set is of one version. That it is named twice does no harm. */
static int check_imports(const struct bnf_scope *scope, struct bnf_err *err)
{
    enum { most_imports = 1000 };
    if (scope->import_count > most_imports)
        return bnf_fail(err, BNF_ELIMIT, "%zu operator sets are imported, allowed are %d", scope->import_count,
            (int)most_imports);
    for (size_t i = 0; i < scope->import_count; i++) {
        const char *domain = scope->import[i]->domain ? scope->import[i]->domain : "";
        int64_t first = bnf_scope_import(scope, domain), version = scope->import[i]->version;
        if (first != version)
            return bnf_fail(err, BNF_EINPUT, "operator set '%.200s' is imported in version %" PRId64 " and in version %" PRId64,
                *domain ? domain : "ai.onnx", first, version);
    }
    return BNF_OK;
}

/* A function may have an operator's name, but which of them a node means each runtime decides for itself. */
static int check_function(const struct bnf_scope *scope, struct bnf_err *err)
{
    const Onnx__FunctionProto *function = scope->function;
    if (function->name && is_default_domain(function->domain) &&
        bnf_schema_version(function->name, BNF_SCHEMA_NEWEST) != 0)
        return bnf_fail(err, BNF_EINPUT, "function '%.200s' has the name of a standard operator", function->name);
    return check_imports(scope, err);
}

static int add_functions(struct bnf_graph *g, struct bnf_err *err)
{
    Onnx__ModelProto *proto = g->model->proto;
    for (size_t i = 0; i < proto->n_functions; i++) {
        Onnx__FunctionProto *function = proto->functions[i];
        if (!bnf_reserve(&g->scopes, &g->scope_capacity, g->scope_count + 1, sizeof *g->scopes))
            return bnf_fail_memory(err);
        struct bnf_scope *s = &g->scopes[g->scope_count++];
        *s = (struct bnf_scope){.kind = BNF_SCOPE_FUNCTION,
            .parent = BNF_NONE,
            .owner = BNF_NONE,
            .function = function,
            .import = function->opset_import,
            .import_count = function->n_opset_import};
        s->opset = bnf_scope_import(s, "");
        int status = check_function(s, err);
        if (status)
            return status;
    }
    return BNF_OK;
}

static int build(struct bnf_graph *g, struct bnf_err *err)
{
    Onnx__ModelProto *proto = g->model->proto;
    if (!proto->graph)
        return bnf_fail(err, BNF_EINPUT, "the model has no graph");
    if (!bnf_reserve(&g->scopes, &g->scope_capacity, 1, sizeof *g->scopes))
        return bnf_fail_memory(err);
    struct bnf_scope *main = &g->scopes[g->scope_count++];
    *main = (struct bnf_scope){.kind = BNF_SCOPE_MAIN,
        .parent = BNF_NONE,
        .owner = BNF_NONE,
        .graph = proto->graph,
        .import = proto->opset_import,
        .import_count = proto->n_opset_import};
    main->opset = bnf_scope_import(main, "");
    if (main->opset == 0 && proto->n_opset_import == 0)
        main->opset = 1; /* IR versions 1 and 2 have no imports and mean the first operator set */
    int status = check_imports(main, err);
    if (!status)
        status = add_functions(g, err);
    for (bnf_id scope = 0; !status && scope < g->scope_count; scope++) /* grows while it is walked */
        status = define(g, scope, err);
    for (bnf_id scope = 0; !status && scope < g->scope_count; scope++)
        status = read_stated_types(g, scope, err);
    for (bnf_id scope = 0; !status && scope < g->scope_count; scope++)
        status = resolve_outputs(g, scope, err);
    if (!status)
        status = resolve_inputs(g, err);
    if (!status)
        status = bnf_calls_check(g, err);
    for (bnf_id value = 0; !status && value < g->value_count; value++)
        g->values[value].was_unused = g->values[value].use_count == 0 && g->values[value].output_uses == 0;
    return status ? status : bnf_graph_sort(g, err);
}

int bnf_graph_build(struct bnf_graph *graph, struct bnf_model *model, struct bnf_err *err)
{
    *graph = (struct bnf_graph){.model = model};
    int status = build(graph, err);
    if (status)
        bnf_graph_free(graph);
    return status;
}
