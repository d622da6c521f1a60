/* Changes that a fold may still make something of: nodes, graphs, attributes, tensors. */
#include "fuzz/mutate_tree.h"

#include "onnx/dtype.h"
#include "onnx/tensor.h"

#include <string.h>

static const char *const operators[] = {
#define BNF_OP(name, ...) name,
#include "onnx/schema.def"
};

/* What has rules; the rest of the list is mostly where a walk ends. */
static const char *const foldable[] = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul", "Mul", "Add",
    "Sub", "Div", "Relu", "LeakyRelu", "PRelu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat",
    "Split", "Slice", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Pad", "Resize", "DepthToSpace",
    "SpaceToDepth", "Identity", "Dropout", "Cast", "Constant", "Sum", "Neg", "InstanceNormalization",
    "LayerNormalization", "GroupNormalization", "LSTM", "GRU", "RNN", "Gather", "Einsum", "ReduceMean", "ReduceSum",
    "DequantizeLinear", "QuantizeLinear", "QLinearConv", "ConvInteger", "QLinearMatMul", "Expand", "Tile", "If", "Loop", "Scan", "Shape", "ConstantOfShape"};

static char *operator_name(struct tree *t)
{
    const char *name = rng_percent(&t->rng, 80)
                           ? foldable[rng_below(&t->rng, sizeof foldable / sizeof *foldable)]
                           : operators[rng_below(&t->rng, sizeof operators / sizeof *operators)];
    return bnf_arena_copy(&t->arena, name, strlen(name));
}

/* A list of pointers with `item` put in at `at`; the old block stays in the arena. */
static void insert(struct tree *t, void *list, size_t *count, size_t at, void *item)
{
    void **old, **made = bnf_arena_alloc(&t->arena, *count + 1, sizeof *made);
    if (!made || !item)
        return;
    memcpy(&old, list, sizeof(void *));
    for (size_t i = 0; i < *count; i++)
        made[i + (i >= at)] = old[i];
    made[at] = item;
    memcpy(list, &made, sizeof made);
    ++*count;
}

void mutate_node(struct tree *t, Onnx__NodeProto *node)
{
    switch (rng_below(&t->rng, 6)) {
    case 0:
        node->op_type = operator_name(t);
        break;
    case 1:
        if (node->n_input)
            node->input[rng_below(&t->rng, (unsigned)node->n_input)] = mutate_name(t);
        break;
    case 2:
        insert(t, &node->input, &node->n_input, node->n_input, mutate_name(t));
        break;
    case 3:
        if (node->n_input)
            node->n_input--;
        break;
    case 4:
        if (node->n_input > 1) {
            size_t a = rng_below(&t->rng, (unsigned)node->n_input), b = rng_below(&t->rng, (unsigned)node->n_input);
            char *keep = node->input[a];
            node->input[a] = node->input[b];
            node->input[b] = keep;
        }
        break;
    default:
        if (node->n_attribute)
            mutate_attribute(t, node->attribute[rng_below(&t->rng, (unsigned)node->n_attribute)]);
    }
}

/* Everybody who reads `from` reads `to` from here on. */
static void reroute(Onnx__GraphProto *graph, const char *from, char *to, const Onnx__NodeProto *spare)
{
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_input && graph->node[i] != spare; k++)
            if (strcmp(graph->node[i]->input[k], from) == 0)
                graph->node[i]->input[k] = to;
}

/* A new node behind a value that some node reads; the readers then read what it makes. */
static void insert_node(struct tree *t, Onnx__GraphProto *graph)
{
    size_t at = rng_below(&t->rng, (unsigned)graph->n_node);
    Onnx__NodeProto *before = graph->node[at];
    if (!before->n_output || !*before->output[0])
        return;
    Onnx__NodeProto *node = bnf_arena_alloc(&t->arena, 1, sizeof *node);
    char *name = bnf_arena_format(&t->arena, "made%u", rng_below(&t->rng, 1000000));
    if (!node || !name)
        return;
    onnx__node_proto__init(node);
    node->op_type = operator_name(t);
    insert(t, &node->input, &node->n_input, 0, before->output[0]);
    for (unsigned more = rng_below(&t->rng, 5); more; more--)
        insert(t, &node->input, &node->n_input, node->n_input, mutate_name(t));
    insert(t, &node->output, &node->n_output, 0, name);
    if (rng_percent(&t->rng, 80))
        reroute(graph, before->output[0], name, node);
    insert(t, &graph->node, &graph->n_node, at + 1, node);
}

/* The node once more under other names, which a later one may read. */
static void duplicate_node(struct tree *t, Onnx__GraphProto *graph)
{
    size_t at = rng_below(&t->rng, (unsigned)graph->n_node);
    Onnx__NodeProto *node = bnf_arena_alloc(&t->arena, 1, sizeof *node);
    if (!node)
        return;
    *node = *graph->node[at];
    char **outputs = bnf_arena_alloc(&t->arena, node->n_output, sizeof *outputs);
    for (size_t i = 0; outputs && i < node->n_output; i++)
        outputs[i] = bnf_arena_format(&t->arena, "twin%u", rng_below(&t->rng, 1000000));
    if (!outputs)
        return;
    if (node->n_output && rng_percent(&t->rng, 50))
        reroute(graph, node->output[0], outputs[0], NULL);
    node->output = outputs;
    insert(t, &graph->node, &graph->n_node, at + 1, node);
}

void mutate_graph(struct tree *t, Onnx__GraphProto *graph)
{
    if (!graph->n_node)
        return;
    size_t a = rng_below(&t->rng, (unsigned)graph->n_node), b = rng_below(&t->rng, (unsigned)graph->n_node);
    Onnx__NodeProto *keep = graph->node[a];
    switch (rng_below(&t->rng, 7)) {
    case 0:
        graph->node[a] = graph->node[b];
        graph->node[b] = keep;
        break;
    case 1: /* out of the way: its readers read what it read */
        if (keep->n_input && keep->n_output)
            reroute(graph, keep->output[0], keep->input[0], keep);
        memmove(&graph->node[a], &graph->node[a + 1], (graph->n_node - a - 1) * sizeof *graph->node);
        graph->n_node--;
        break;
    case 2:
        duplicate_node(t, graph);
        break;
    case 3:
        if (graph->n_output)
            graph->output[rng_below(&t->rng, (unsigned)graph->n_output)]->name = mutate_name(t);
        break;
    case 4:
        graph->n_value_info = 0;
        break;
    default:
        insert_node(t, graph);
    }
}

void mutate_attribute(struct tree *t, Onnx__AttributeProto *a)
{
    if (rng_percent(&t->rng, 5)) { /* a value that does not belong to its type */
        a->has_type = true;
        a->type = (Onnx__AttributeProto__AttributeType)rng_range(&t->rng, 0, 15);
    } else if (a->n_ints && rng_percent(&t->rng, 80)) {
        size_t at = rng_below(&t->rng, (unsigned)a->n_ints);
        if (rng_percent(&t->rng, 20))
            a->n_ints = at;
        else
            a->ints[at] = mutate_number(t, a->ints[at]);
    } else if (a->has_f) {
        a->f = mutate_real(t, a->f);
    } else if (a->has_i) {
        a->i = mutate_number(t, a->i);
    } else if (a->t) {
        mutate_tensor(t, a->t);
    } else {
        mutate_field(t, &a->base);
    }
}

/* Gives the tensor as many bytes as its dims need, by repeating those it had. */
static void refit(struct tree *t, Onnx__TensorProto *tensor)
{
    size_t count, bytes;
    if (!bnf_volume(tensor->dims, tensor->n_dims, &count) || count > 4096 || !bnf_dtype_known(tensor->data_type) ||
        !bnf_dtype_bytes(tensor->data_type, count, &bytes))
        return;
    uint8_t *made = bnf_arena_alloc(&t->arena, bytes, 1);
    if (!made)
        return;
    for (size_t i = 0; tensor->raw_data.len && i < bytes; i++)
        made[i] = tensor->raw_data.data[i % tensor->raw_data.len];
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){.len = bytes, .data = made};
    tensor->n_float_data = tensor->n_double_data = tensor->n_int32_data = tensor->n_int64_data = 0;
    tensor->n_uint64_data = tensor->n_string_data = tensor->n_external_data = 0;
    tensor->has_data_location = false;
}

/* Its elements lie in the side file that the target keeps next to the model, or nearly so. */
static void move_out(struct tree *t, Onnx__TensorProto *tensor)
{
    static const char *const keys[] = {"location", "offset", "length", "checksum"};
    static const char *const places[] = {"w.bin", "w.bin", "w.bin", "./w.bin", "m.onnx", "../w.bin", "o.onnx.data"};
    size_t count = 1 + rng_below(&t->rng, 3);
    Onnx__StringStringEntryProto **list = bnf_arena_alloc(&t->arena, count, sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        const char *key = keys[rng_percent(&t->rng, 95) ? i : rng_below(&t->rng, 4)];
        list[i] = bnf_arena_alloc(&t->arena, 1, sizeof **list);
        if (!list[i])
            return;
        onnx__string_string_entry_proto__init(list[i]);
        list[i]->key = bnf_arena_copy(&t->arena, key, strlen(key));
        list[i]->value = i == 0 ? bnf_arena_format(&t->arena, "%s", places[rng_below(&t->rng, sizeof places / sizeof *places)])
                                : bnf_arena_format(&t->arena, "%lld",
                                      (long long)(rng_percent(&t->rng, 90) ? 4 * rng_range(&t->rng, 0, 64)
                                                                           : mutate_number(t, 0)));
        if (!list[i]->key || !list[i]->value)
            return;
    }
    if (!list)
        return;
    tensor->external_data = list;
    tensor->n_external_data = count;
    tensor->has_data_location = true;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor->has_raw_data = false;
    tensor->n_float_data = tensor->n_double_data = tensor->n_int32_data = tensor->n_int64_data = 0;
    tensor->n_uint64_data = tensor->n_string_data = 0;
}

void mutate_tensor(struct tree *t, Onnx__TensorProto *tensor)
{
    static const int types[] = {1, 10, 11, 16, 7, 6, 2, 3, 9, 17, 22};
    if (rng_percent(&t->rng, 4)) {
        move_out(t, tensor);
        return;
    }
    switch (rng_below(&t->rng, 4)) {
    case 0:
        if (tensor->n_dims) {
            size_t at = rng_below(&t->rng, (unsigned)tensor->n_dims);
            tensor->dims[at] = rng_percent(&t->rng, 80) ? rng_range(&t->rng, 0, 6) : mutate_number(t, tensor->dims[at]);
        }
        break;
    case 1: {
        int64_t *dims = bnf_arena_alloc(&t->arena, tensor->n_dims + 1, sizeof *dims);
        size_t at = rng_below(&t->rng, (unsigned)tensor->n_dims + 1);
        for (size_t i = 0; dims && i < tensor->n_dims; i++)
            dims[i + (i >= at)] = tensor->dims[i];
        if (dims && rng_percent(&t->rng, 50)) {
            dims[at] = 1;
            tensor->dims = dims;
            tensor->n_dims++;
        } else if (tensor->n_dims) {
            tensor->n_dims--;
        }
        break;
    }
    case 2:
        tensor->has_data_type = true;
        tensor->data_type = types[rng_below(&t->rng, sizeof types / sizeof *types)];
        break;
    default:
        mutate_field(t, &tensor->base);
        if (tensor->has_raw_data && tensor->raw_data.len >= 4 && rng_percent(&t->rng, 50)) {
            float number;
            size_t at = rng_below(&t->rng, (unsigned)tensor->raw_data.len) & ~(size_t)3;
            if (at + 4 <= tensor->raw_data.len) {
                memcpy(&number, tensor->raw_data.data + at, 4);
                number = mutate_real(t, number);
                memcpy(tensor->raw_data.data + at, &number, 4);
            }
        }
        return;
    }
    if (rng_percent(&t->rng, 85))
        refit(t, tensor);
}

/* The whole model in another element type. */
void mutate_types(struct tree *t)
{
    static const int types[] = {1, 10, 11, 16};
    int type = types[rng_below(&t->rng, sizeof types / sizeof *types)];
    for (size_t i = 0; i < t->count; i++) {
        if (t->messages[i]->descriptor == &onnx__tensor_proto__descriptor) {
            Onnx__TensorProto *tensor = (Onnx__TensorProto *)t->messages[i];
            if (bnf_dtype_known(tensor->data_type) && bnf_dtype_is_float(tensor->data_type)) {
                tensor->data_type = type;
                refit(t, tensor);
            }
        } else if (t->messages[i]->descriptor == &onnx__type_proto__tensor__descriptor) {
            Onnx__TypeProto__Tensor *tensor = (Onnx__TypeProto__Tensor *)t->messages[i];
            if (bnf_dtype_known(tensor->elem_type) && bnf_dtype_is_float(tensor->elem_type))
                tensor->elem_type = type;
        }
    }
}
