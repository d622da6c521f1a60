/* From the edited graph back into the model's protos. */
#include "graph/edit.h"

#include <string.h>

/* What a name in value_info or an annotation refers to still exists (names that never were values are left alone). */
static bool survives(const struct bnf_graph *g, bnf_id scope, const char *name)
{
    bnf_id id = name ? bnf_names_find(&g->names, name) : BNF_NONE;
    bnf_id value = id == BNF_NONE ? BNF_NONE : bnf_table_get(&g->index, (uint64_t)scope << 32 | id);
    if (value == BNF_NONE)
        return true;
    const struct bnf_value *v = &g->values[value];
    return !v->gone && (v->is_input || v->initializer || v->is_sparse || v->producer != BNF_NONE);
}

/* Points a list of strings at the slots' names, in a new array if anything differs. */
static bool store_slots(struct bnf_graph *g, char ***list, size_t *length, const bnf_id *values, size_t count,
    size_t stride)
{
    bool same = *length == count;
    for (size_t i = 0; same && i < count; i++) {
        bnf_id value = values[i * stride];
        same = strcmp((*list)[i], value == BNF_NONE ? "" : g->values[value].name) == 0;
    }
    if (same)
        return true;
    char **names = bnf_arena_alloc(&g->model->arena, count, sizeof *names);
    for (size_t i = 0; names && i < count; i++) {
        bnf_id value = values[i * stride];
        const char *name = value == BNF_NONE ? "" : g->values[value].name;
        names[i] = bnf_arena_copy(&g->model->arena, name, strlen(name));
        if (!names[i])
            return false;
    }
    *list = names;
    *length = count;
    return names != NULL;
}

static bool store_node(struct bnf_graph *g, bnf_id node)
{
    const struct bnf_node *n = &g->nodes[node];
    _Static_assert(sizeof(struct bnf_use) % sizeof(bnf_id) == 0, "uses are walked by their value field");
    return store_slots(g, &n->proto->input, &n->proto->n_input, &g->uses[n->first_input].value, n->input_count,
               sizeof(struct bnf_use) / sizeof(bnf_id)) &&
           store_slots(g, &n->proto->output, &n->proto->n_output, &g->outs[n->first_output], n->output_count, 1);
}

static bool store_nodes(struct bnf_graph *g, bnf_id scope)
{
    const struct bnf_scope *s = &g->scopes[scope];
    Onnx__NodeProto **list = bnf_arena_alloc(&g->model->arena, s->order_count, sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < s->order_count; i++) {
        list[i] = g->nodes[s->order[i]].proto;
        if (!store_node(g, s->order[i]))
            return false;
    }
    if (s->function) {
        s->function->node = list;
        s->function->n_node = s->order_count;
    } else {
        s->graph->node = list;
        s->graph->n_node = s->order_count;
    }
    return true;
}

/* How many values that edits made are initializers of a scope; they are the last ones of the array. */
static size_t count_new(const struct bnf_graph *g, bnf_id scope)
{
    size_t count = 0;
    for (size_t i = g->value_count; i > 0 && g->values[i - 1].is_new; i--)
        count += g->values[i - 1].scope == scope && g->values[i - 1].initializer && !g->values[i - 1].gone;
    return count;
}

static bnf_id first_new(const struct bnf_graph *g)
{
    size_t i = g->value_count;
    while (i > 0 && g->values[i - 1].is_new)
        i--;
    return (bnf_id)i;
}

static bool store_initializers(struct bnf_graph *g, bnf_id scope)
{
    Onnx__GraphProto *graph = g->scopes[scope].graph;
    if (!graph)
        return true; /* a function has none */
    Onnx__TensorProto **list =
        bnf_arena_alloc(&g->model->arena, graph->n_initializer + count_new(g, scope), sizeof *list);
    if (!list)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (survives(g, scope, graph->initializer[i]->name))
            list[count++] = graph->initializer[i];
    for (bnf_id v = first_new(g); v < g->value_count; v++)
        if (g->values[v].scope == scope && g->values[v].initializer && !g->values[v].gone)
            list[count++] = g->values[v].initializer;
    graph->initializer = list;
    graph->n_initializer = count;
    return true;
}

static Onnx__ValueInfoProto *describe(struct bnf_graph *g, const Onnx__TensorProto *tensor)
{
    struct bnf_arena *arena = &g->model->arena;
    Onnx__ValueInfoProto *info = bnf_arena_alloc(arena, 1, sizeof *info);
    Onnx__TypeProto *type = bnf_arena_alloc(arena, 1, sizeof *type);
    Onnx__TypeProto__Tensor *element = bnf_arena_alloc(arena, 1, sizeof *element);
    Onnx__TensorShapeProto *shape = bnf_arena_alloc(arena, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = bnf_arena_alloc(arena, tensor->n_dims, sizeof *dims);
    Onnx__TensorShapeProto__Dimension *dim = bnf_arena_alloc(arena, tensor->n_dims, sizeof *dim);
    if (!info || !type || !element || !shape || !dims || !dim)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(element);
    onnx__tensor_shape_proto__init(shape);
    for (size_t i = 0; i < tensor->n_dims; i++) {
        onnx__tensor_shape_proto__dimension__init(&dim[i]);
        dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim[i].dim_value = tensor->dims[i];
        dims[i] = &dim[i];
    }
    shape->n_dim = tensor->n_dims;
    shape->dim = dims;
    element->has_elem_type = true;
    element->elem_type = tensor->data_type;
    element->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = element;
    info->name = tensor->name;
    info->type = type;
    return info;
}

/* IR ≤ 3 lists every initializer among the inputs; later versions list only those that may be overridden. */
static bool store_inputs(struct bnf_graph *g, bool freeze, size_t *frozen)
{
    Onnx__GraphProto *graph = g->scopes[0].graph;
    bool listed = g->model->proto->ir_version <= 3;
    size_t extra = listed ? count_new(g, 0) : 0;
    Onnx__ValueInfoProto **list = bnf_arena_alloc(&g->model->arena, graph->n_input + extra, sizeof *list);
    if (!list)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < graph->n_input; i++) {
        const struct bnf_value *v = &g->values[g->scopes[0].inputs[i]];
        bool freezes = v->initializer && !listed && (freeze || v->gone);
        *frozen += freezes;
        if (!freezes && !(v->initializer && v->gone))
            list[count++] = graph->input[i];
    }
    for (bnf_id v = first_new(g); listed && v < g->value_count; v++) {
        if (g->values[v].scope != 0 || !g->values[v].initializer || g->values[v].gone)
            continue;
        list[count] = describe(g, g->values[v].initializer);
        if (!list[count++])
            return false;
    }
    graph->input = list;
    graph->n_input = count;
    return true;
}

static void drop_stale_info(const struct bnf_graph *g, bnf_id scope, Onnx__ValueInfoProto **infos, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (survives(g, scope, infos[i]->name))
            infos[kept++] = infos[i];
    *count = kept;
}

static void drop_stale(struct bnf_graph *g, bnf_id scope)
{
    Onnx__GraphProto *graph = g->scopes[scope].graph;
    Onnx__FunctionProto *function = g->scopes[scope].function;
    size_t kept = 0;
    if (!graph) {
        drop_stale_info(g, scope, function->value_info, &function->n_value_info);
        return;
    }
    drop_stale_info(g, scope, graph->value_info, &graph->n_value_info);
    for (size_t i = 0; i < graph->n_quantization_annotation; i++)
        if (survives(g, scope, graph->quantization_annotation[i]->tensor_name))
            graph->quantization_annotation[kept++] = graph->quantization_annotation[i];
    graph->n_quantization_annotation = kept;
}

int bnf_graph_store(struct bnf_graph *g, bool freeze, size_t *frozen, struct bnf_err *err)
{
    *frozen = 0;
    int status = bnf_graph_sort(g, err);
    if (status)
        return status;
    for (bnf_id scope = 0; scope < g->scope_count; scope++) {
        if (!g->scopes[scope].changed)
            continue;
        if (!store_nodes(g, scope) || !store_initializers(g, scope))
            return bnf_fail_memory(err);
        drop_stale(g, scope);
    }
    return store_inputs(g, freeze, frozen) ? BNF_OK : bnf_fail_memory(err);
}
