#include "onnx/save_side.h"

#include "onnx/external.h"
#include "onnx/tensor.h"
#include "onnx/visit.h"
#include "onnx/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct move {
    struct bnf_model *model;
    char *location; /* the same copy in all tensors that were moved: tells them apart */
    size_t threshold;
    struct bnf_layout *layout;
};

int bnf_side_embed(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    struct bnf_tensor view;
    if (!bnf_external_is(tensor))
        return BNF_OK;
    int status = bnf_tensor_view(context, tensor, &view, err);
    if (status)
        return status;
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){.len = view.bytes, .data = (uint8_t *)(uintptr_t)view.data};
    tensor->n_external_data = 0;
    tensor->has_data_location = false;
    return BNF_OK;
}

static Onnx__StringStringEntryProto *entry(struct bnf_arena *arena, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *made = bnf_arena_alloc(arena, 1, sizeof *made);
    if (!made)
        return NULL;
    onnx__string_string_entry_proto__init(made);
    made->key = bnf_arena_copy(arena, key, strlen(key));
    made->value = bnf_arena_copy(arena, value, strlen(value));
    return made->key && made->value ? made : NULL;
}

/* Makes the tensor say where its elements lie, and forget those it had. */
static int refer(const struct move *move, Onnx__TensorProto *tensor, uint64_t offset, size_t length, struct bnf_err *err)
{
    enum { entries = 3, digits = 24 };
    struct bnf_arena *arena = &move->model->arena;
    char at[digits], size[digits];
    snprintf(at, sizeof at, "%" PRIu64, offset);
    snprintf(size, sizeof size, "%zu", length);
    Onnx__StringStringEntryProto **list = bnf_arena_alloc(arena, entries, sizeof *list);
    if (!list || !(list[0] = entry(arena, "location", "")) || !(list[1] = entry(arena, "offset", at)) ||
        !(list[2] = entry(arena, "length", size)))
        return bnf_fail_memory(err);
    list[0]->value = move->location;
    tensor->external_data = list;
    tensor->n_external_data = entries;
    tensor->has_data_location = true;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor->has_raw_data = false;
    tensor->raw_data = (ProtobufCBinaryData){0};
    tensor->n_float_data = tensor->n_double_data = tensor->n_int32_data = 0;
    tensor->n_int64_data = tensor->n_uint64_data = 0;
    return BNF_OK;
}

static int consider(const struct move *move, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    const struct bnf_source *source =
        tensor->has_raw_data ? bnf_model_source(move->model, tensor->raw_data.data) : NULL;
    struct bnf_tensor view = {.bytes = source ? source->size : 0};
    if (tensor->n_string_data || (tensor->has_data_type && tensor->data_type == BNF_DTYPE_STRING))
        return BNF_OK;
    int status = source ? BNF_OK : bnf_tensor_view(move->model, tensor, &view, err);
    if (status || view.bytes == 0 || view.bytes < move->threshold)
        return status;
    bnf_layout_align(move->layout, BNF_SIDE_ALIGNMENT);
    uint64_t offset = move->layout->size;
    bnf_layout_payload(move->layout, view.data, source, view.bytes, false);
    return move->layout->failed ? bnf_fail_memory(err) : refer(move, tensor, offset, view.bytes, err);
}

/* Graphs lie in each other no deeper than messages of a file may. */
static int consider_graph(const struct move *move, Onnx__GraphProto *graph, struct bnf_err *err);

static int consider_node(const struct move *move, const Onnx__NodeProto *node, struct bnf_err *err)
{
    bool constant = node->op_type && strcmp(node->op_type, "Constant") == 0 && (!node->domain || !*node->domain);
    int status = BNF_OK;
    for (size_t i = 0; i < node->n_attribute && !status; i++) {
        Onnx__AttributeProto *attribute = node->attribute[i];
        if (constant && attribute->t)
            status = consider(move, attribute->t, err);
        if (!status && attribute->g)
            status = consider_graph(move, attribute->g, err);
        for (size_t j = 0; j < attribute->n_graphs && !status; j++)
            status = consider_graph(move, attribute->graphs[j], err);
    }
    return status;
}

static int consider_graph(const struct move *move, Onnx__GraphProto *graph, struct bnf_err *err)
{
    int status = BNF_OK;
    for (size_t i = 0; i < graph->n_initializer && !status; i++)
        status = consider(move, graph->initializer[i], err);
    for (size_t i = 0; i < graph->n_node && !status; i++)
        status = consider_node(move, graph->node[i], err);
    return status;
}

/* What lay in a side file before goes to the new one, too, wherever it hangs; or into the model when it is small. */
static int settle(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    const struct move *move = context;
    if (!bnf_external_is(tensor) || tensor->external_data[0]->value == move->location)
        return BNF_OK;
    int status = consider(move, tensor, err);
    if (status || tensor->external_data[0]->value == move->location)
        return status;
    return bnf_side_embed(move->model, tensor, err);
}

int bnf_side_layout(struct bnf_model *model, const char *location, size_t threshold, struct bnf_layout *layout,
    struct bnf_err *err)
{
    *layout = (struct bnf_layout){.model = model};
    struct move move = {.model = model,
        .location = bnf_arena_copy(&model->arena, location, strlen(location)),
        .threshold = threshold,
        .layout = layout};
    if (!move.location)
        return bnf_fail_memory(err);
    int status = consider_graph(&move, model->proto->graph, err);
    return status ? status : bnf_visit_tensors(model->proto, settle, &move, err);
}
