#include "graph/cut.h"

#include "onnx/tensor.h"

#include <string.h>

/* ---- what belongs to it ---- */

static void mark(struct bnf_cut *cut, const uint8_t *stops, bnf_id value)
{
    const struct bnf_graph *g = cut->graph;
    if (value == BNF_NONE || g->values[value].scope != 0 || cut->reads[value])
        return;
    cut->reads[value] = 1;
    if (!stops[value] && g->values[value].producer != BNF_NONE)
        cut->nodes[g->values[value].producer] = 1;
}

/* The node of the main graph that an inner scope belongs to; BNF_NONE for functions. */
static bnf_id owner_of(const struct bnf_graph *g, bnf_id scope)
{
    bnf_id node = BNF_NONE;
    while (scope != 0 && scope != BNF_NONE) {
        node = g->scopes[scope].owner;
        scope = node == BNF_NONE ? BNF_NONE : g->nodes[node].scope;
    }
    return node;
}

/* Marks what a node's bodies read of the main graph, at any depth. */
static void mark_captures(struct bnf_cut *cut, const uint8_t *stops, bnf_id node)
{
    const struct bnf_graph *g = cut->graph;
    for (bnf_id scope = 1; scope < g->scope_count; scope++) {
        if (owner_of(g, scope) != node)
            continue;
        for (size_t i = 0; i < g->scopes[scope].output_count; i++)
            mark(cut, stops, g->scopes[scope].outputs[i]);
        for (size_t i = 0; i < g->scopes[scope].order_count; i++) {
            bnf_id inner = g->scopes[scope].order[i];
            for (uint32_t slot = 0; slot < g->nodes[inner].input_count; slot++)
                mark(cut, stops, bnf_node_input(g, inner, slot));
        }
    }
}

/* A node that is part of it computes all its outputs, so none of them can be fed. */
static bool is_fed(const struct bnf_cut *cut, bnf_id value)
{
    const struct bnf_value *v = &cut->graph->values[value];
    return cut->reads[value] && !v->initializer && !v->is_sparse &&
           (v->producer == BNF_NONE || !cut->nodes[v->producer]);
}

static void list_inputs(struct bnf_cut *cut)
{
    const struct bnf_graph *g = cut->graph;
    const struct bnf_scope *main = &g->scopes[0];
    for (size_t i = 0; i < main->input_count; i++)
        if (is_fed(cut, main->inputs[i]))
            cut->inputs[cut->input_count++] = main->inputs[i];
    cut->graph_inputs = cut->input_count;
    for (size_t i = 0; i < main->order_count; i++) {
        for (uint32_t slot = 0; slot < g->nodes[main->order[i]].output_count; slot++) {
            bnf_id value = bnf_node_output(g, main->order[i], slot);
            if (value != BNF_NONE && is_fed(cut, value))
                cut->inputs[cut->input_count++] = value;
        }
    }
}

int bnf_cut_find(const struct bnf_graph *g, bnf_id output, const uint8_t *stops, struct bnf_arena *arena,
    struct bnf_cut *cut, struct bnf_err *err)
{
    const struct bnf_scope *main = &g->scopes[0];
    *cut = (struct bnf_cut){.graph = g,
        .output = output,
        .inputs = bnf_arena_alloc(arena, g->value_count, sizeof *cut->inputs),
        .nodes = bnf_arena_alloc(arena, g->node_count, 1),
        .reads = bnf_arena_alloc(arena, g->value_count, 1)};
    if (!cut->inputs || !cut->nodes || !cut->reads)
        return bnf_fail_memory(err);
    cut->nodes[g->values[output].producer] = 1;
    for (size_t i = main->order_count; i-- > 0;) {
        bnf_id node = main->order[i];
        if (!cut->nodes[node])
            continue;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            mark(cut, stops, bnf_node_input(g, node, slot));
        if (g->nodes[node].first_body != g->nodes[node].last_body)
            mark_captures(cut, stops, node);
    }
    list_inputs(cut);
    return BNF_OK;
}

/* ---- the model ---- */

/* The description of an input or output, with these extents. */
static Onnx__ValueInfoProto *describe(struct bnf_arena *arena, const char *name, const struct bnf_shape *form)
{
    size_t rank = (size_t)form->rank;
    Onnx__ValueInfoProto *info = bnf_arena_alloc(arena, 1, sizeof *info);
    Onnx__TypeProto *type = bnf_arena_alloc(arena, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = bnf_arena_alloc(arena, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = bnf_arena_alloc(arena, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = bnf_arena_alloc(arena, rank, sizeof *dims);
    Onnx__TensorShapeProto__Dimension *dim = bnf_arena_alloc(arena, rank, sizeof *dim);
    if (!info || !type || !tensor || !shape || !dims || !dim)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (size_t i = 0; i < rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dim[i]);
        dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim[i].dim_value = form->dims[i];
        dims[i] = &dim[i];
    }
    shape->n_dim = rank;
    shape->dim = dims;
    tensor->has_elem_type = true;
    tensor->elem_type = form->dtype;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = bnf_arena_copy(arena, name, strlen(name));
    info->type = type;
    return info->name ? info : NULL;
}

static bool put_nodes(const struct bnf_cut *cut, struct bnf_arena *arena, Onnx__GraphProto *to)
{
    const struct bnf_scope *main = &cut->graph->scopes[0];
    to->n_node = 0;
    to->node = bnf_arena_alloc(arena, main->order_count, sizeof(Onnx__NodeProto *));
    for (size_t i = 0; to->node && i < main->order_count; i++)
        if (cut->nodes[main->order[i]])
            to->node[to->n_node++] = cut->graph->nodes[main->order[i]].proto;
    return to->node;
}

/* Inputs that have an initializer as well stay as they are: IR ≤ 3 wants all of these there. */
static bool put_interface(const struct bnf_cut *cut, const struct bnf_shape *forms, struct bnf_arena *arena,
    Onnx__GraphProto *to)
{
    const struct bnf_graph *g = cut->graph;
    const struct bnf_scope *main = &g->scopes[0];
    size_t fed = 0;
    Onnx__ValueInfoProto **inputs =
        bnf_arena_alloc(arena, main->input_count + cut->input_count, sizeof *inputs);
    Onnx__ValueInfoProto **outputs = bnf_arena_alloc(arena, 1, sizeof *outputs);
    if (!inputs || !outputs)
        return false;
    size_t count = 0;
    for (size_t i = 0; i < main->input_count; i++) {
        if (!cut->reads[main->inputs[i]])
            continue;
        const struct bnf_shape *form = is_fed(cut, main->inputs[i]) ? &forms[fed++] : NULL;
        inputs[count] = form && form->rank >= 0 ? describe(arena, g->values[main->inputs[i]].name, form)
                                                : main->graph->input[i];
        if (!inputs[count++])
            return false;
    }
    for (; fed < cut->input_count; fed++) {
        const char *name = g->values[cut->inputs[fed]].name;
        inputs[count] = describe(arena, name, &forms[fed]);
        if (!inputs[count++])
            return false;
    }
    outputs[0] = describe(arena, g->values[cut->output].name, &forms[cut->input_count]);
    to->input = inputs;
    to->n_input = count;
    to->output = outputs;
    to->n_output = 1;
    return outputs[0];
}

/* A copy of a tensor whose elements lie in a side file, with these in it. */
static int embed(const struct bnf_graph *g, struct bnf_arena *arena, Onnx__TensorProto **tensor, struct bnf_err *err)
{
    struct bnf_tensor view;
    Onnx__TensorProto *copy = bnf_arena_alloc(arena, 1, sizeof *copy);
    int status = copy ? bnf_tensor_view(g->model, *tensor, &view, err) : bnf_fail_memory(err);
    if (status)
        return status;
    *copy = **tensor;
    copy->has_raw_data = true;
    copy->raw_data = (ProtobufCBinaryData){.len = view.bytes, .data = (uint8_t *)(uintptr_t)view.data};
    copy->n_external_data = 0;
    copy->has_data_location = false;
    *tensor = copy;
    return BNF_OK;
}

static bool is_read(const struct bnf_cut *cut, const char *name)
{
    bnf_id value = name ? bnf_graph_find(cut->graph, 0, name) : BNF_NONE;
    return value != BNF_NONE && cut->reads[value];
}

static int put_initializers(const struct bnf_cut *cut, struct bnf_arena *arena, Onnx__GraphProto *to,
    struct bnf_err *err)
{
    const Onnx__GraphProto *from = cut->graph->scopes[0].graph;
    int status = BNF_OK;
    to->n_initializer = to->n_sparse_initializer = 0;
    to->initializer = bnf_arena_alloc(arena, from->n_initializer, sizeof(Onnx__TensorProto *));
    to->sparse_initializer = bnf_arena_alloc(arena, from->n_sparse_initializer, sizeof(Onnx__SparseTensorProto *));
    if (!to->initializer || !to->sparse_initializer)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < from->n_initializer && !status; i++) {
        Onnx__TensorProto *tensor = from->initializer[i];
        if (!is_read(cut, tensor->name))
            continue;
        if (tensor->has_data_location && tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
            status = embed(cut->graph, arena, &tensor, err);
        to->initializer[to->n_initializer++] = tensor;
    }
    for (size_t i = 0; i < from->n_sparse_initializer; i++)
        if (from->sparse_initializer[i]->values && is_read(cut, from->sparse_initializer[i]->values->name))
            to->sparse_initializer[to->n_sparse_initializer++] = from->sparse_initializer[i];
    return status;
}

/* Keeps what is said of values that the part computes; of its inputs and its output that is said already. */
static bool put_notes(const struct bnf_cut *cut, struct bnf_arena *arena, Onnx__GraphProto *to)
{
    const struct bnf_graph *g = cut->graph;
    const Onnx__GraphProto *from = g->scopes[0].graph;
    to->n_value_info = to->n_quantization_annotation = 0;
    to->value_info = bnf_arena_alloc(arena, from->n_value_info, sizeof(Onnx__ValueInfoProto *));
    to->quantization_annotation =
        bnf_arena_alloc(arena, from->n_quantization_annotation, sizeof(Onnx__TensorAnnotation *));
    if (!to->value_info || !to->quantization_annotation)
        return false;
    for (size_t i = 0; i < from->n_value_info; i++) {
        const char *name = from->value_info[i]->name;
        bnf_id value = name ? bnf_graph_find(g, 0, name) : BNF_NONE;
        if (value != BNF_NONE && value != cut->output && cut->reads[value] && !is_fed(cut, value))
            to->value_info[to->n_value_info++] = from->value_info[i];
    }
    for (size_t i = 0; i < from->n_quantization_annotation; i++)
        if (is_read(cut, from->quantization_annotation[i]->tensor_name))
            to->quantization_annotation[to->n_quantization_annotation++] = from->quantization_annotation[i];
    return true;
}

int bnf_cut_model(const struct bnf_cut *cut, const struct bnf_shape *forms, struct bnf_arena *arena,
    struct bnf_model *model, struct bnf_err *err)
{
    *model = *cut->graph->model;
    Onnx__ModelProto *proto = bnf_arena_alloc(arena, 1, sizeof *proto);
    Onnx__GraphProto *graph = bnf_arena_alloc(arena, 1, sizeof *graph);
    if (!proto || !graph)
        return bnf_fail_memory(err);
    *proto = *model->proto;
    *graph = *proto->graph;
    proto->graph = graph;
    proto->n_training_info = 0;
    if (!put_nodes(cut, arena, graph) || !put_interface(cut, forms, arena, graph) || !put_notes(cut, arena, graph))
        return bnf_fail_memory(err);
    int status = put_initializers(cut, arena, graph, err);
    /* Reading side files may have mapped one more. */
    *model = *cut->graph->model;
    model->proto = proto;
    return status;
}
