/* A cone as a small model, and what one run of it costs. */
#include "check/probe_cone.h"

#include "graph/attr.h"
#include "graph/shapes.h"

#include <math.h>
#include <string.h>

/* What one run may take, in multiplications: what probing may take for one pair. */
#define MOST_FOR_RUN 2e9

/* ---- building ---- */

struct builder {
    struct bnf_prover *p;
    const struct bnf_cone *cone;
    unsigned mode;
    struct bnf_arena *arena;
    Onnx__GraphProto *graph;
    bool failed;
};

static void *get(struct builder *b, size_t count, size_t size)
{
    void *block = bnf_arena_alloc(b->arena, count ? count : 1, size);
    b->failed |= !block;
    return block;
}

/* Values are numbered, so that no name of the model gets in the way. */
static char *name_of(struct builder *b, const char *what, bnf_id id, uint32_t slot)
{
    char *name = bnf_arena_format(b->arena, "%s%u.%u", what, (unsigned)id, (unsigned)slot);
    b->failed |= !name;
    return name;
}

static Onnx__ValueInfoProto *make_info(
    struct builder *b, char *name, int dtype, const struct bnf_extents *extents)
{
    Onnx__ValueInfoProto *info = get(b, 1, sizeof *info);
    Onnx__TypeProto *type = get(b, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = get(b, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = get(b, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension *dims = get(b, extents->rank, sizeof *dims);
    Onnx__TensorShapeProto__Dimension **list = get(b, extents->rank, sizeof(void *));
    if (b->failed)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    info->name = name;
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = dtype;
    tensor->shape = shape;
    shape->dim = list;
    shape->n_dim = extents->rank;
    for (size_t i = 0; i < extents->rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dims[i].dim_value = extents->dims[i];
        list[i] = &dims[i];
    }
    return info;
}

/* The elements as the mode wants them. Float types keep their sign in the last byte's highest bit. */
static uint8_t *elements(struct builder *b, const struct bnf_tensor *t, enum bnf_role role)
{
    bool adds = role == BNF_ROLE_SHIFT || role == BNF_ROLE_CENTER;
    bool zero = adds && b->mode & bnf_trial_linear;
    bool sized = b->mode & bnf_trial_sizes && role != BNF_ROLE_FIXED;
    if (!zero && !sized)
        return (uint8_t *)(uintptr_t)t->data; /* nobody writes to a model's payloads */
    uint8_t *bytes = get(b, t->bytes, 1);
    size_t width = t->count ? t->bytes / t->count : 1;
    if (b->failed || zero)
        return bytes;
    memcpy(bytes, t->data, t->bytes);
    for (size_t at = width - 1; at < t->bytes; at += width)
        bytes[at] = role == BNF_ROLE_CENTER ? bytes[at] | 0x80 : bytes[at] & 0x7f;
    return bytes;
}

static char *add_constant(struct builder *b, bnf_id node, uint32_t slot, enum bnf_role role)
{
    bnf_id value = bnf_node_input(&b->cone->side->graph, node, slot);
    const struct bnf_tensor *t = bnf_side_constant(b->p, b->cone->side, value);
    Onnx__TensorProto *tensor = get(b, 1, sizeof *tensor);
    char *name = name_of(b, "c", node, slot);
    if (!t || b->failed) {
        b->failed = true;
        return NULL;
    }
    onnx__tensor_proto__init(tensor);
    tensor->name = name;
    tensor->has_data_type = true;
    tensor->data_type = t->dtype;
    tensor->n_dims = t->rank;
    tensor->dims = (int64_t *)(uintptr_t)t->dims;
    tensor->has_raw_data = true;
    tensor->raw_data.data = elements(b, t, role);
    tensor->raw_data.len = t->bytes;
    b->graph->initializer[b->graph->n_initializer++] = tensor;
    return name;
}

/* Where sizes are summed, a difference is a sum and a change of sign nothing. */
static void size_operator(const struct bnf_graph *g, bnf_id node, Onnx__NodeProto *copy)
{
    if (bnf_node_is(g, node, "Sub"))
        copy->op_type = (char *)(uintptr_t) "Add";
    if (bnf_node_is(g, node, "Neg")) {
        copy->op_type = (char *)(uintptr_t) "Identity";
        copy->n_attribute = 0;
    }
}

static void add_node(struct builder *b, bnf_id node)
{
    const struct bnf_graph *g = &b->cone->side->graph;
    const struct bnf_node *n = &g->nodes[node];
    enum bnf_role roles[bnf_most_slots];
    bool rough = false;
    Onnx__NodeProto *copy = get(b, 1, sizeof *copy);
    char **input = get(b, n->input_count, sizeof *input), **output = get(b, n->output_count, sizeof *output);
    if (b->failed || !bnf_affine_roles(b->p, b->cone->side, node, roles, &rough)) {
        b->failed = true;
        return;
    }
    *copy = *n->proto;
    copy->name = name_of(b, "n", node, 0);
    copy->input = input;
    copy->output = output;
    copy->n_input = n->input_count;
    copy->n_output = n->output_count;
    for (uint32_t slot = 0; slot < n->input_count; slot++)
        input[slot] = roles[slot] == BNF_ROLE_ABSENT     ? (char *)(uintptr_t) ""
                      : roles[slot] == BNF_ROLE_COMPUTED ? name_of(b, "v", bnf_node_input(g, node, slot), 0)
                                                         : add_constant(b, node, slot, roles[slot]);
    for (uint32_t slot = 0; slot < n->output_count; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        output[slot] = value == BNF_NONE ? (char *)(uintptr_t) "" : name_of(b, "v", value, 0);
    }
    if (b->mode & bnf_trial_sizes)
        size_operator(g, node, copy);
    b->graph->node[b->graph->n_node++] = copy;
}

static void build(struct builder *b, struct bnf_model *model, const struct bnf_extents *extents)
{
    const struct bnf_cone *cone = b->cone;
    const struct bnf_graph *g = &cone->side->graph;
    size_t slots = 0;
    for (size_t i = 0; i < cone->count; i++)
        slots += g->nodes[cone->nodes[i]].input_count;
    Onnx__ModelProto *proto = get(b, 1, sizeof *proto);
    Onnx__GraphProto *graph = get(b, 1, sizeof *graph);
    Onnx__ValueInfoProto **inputs = get(b, cone->leaf_count, sizeof(void *)), *out = get(b, 1, sizeof *out);
    Onnx__ValueInfoProto **outputs = get(b, 1, sizeof(void *));
    Onnx__NodeProto **nodes = get(b, cone->count, sizeof(void *));
    Onnx__TensorProto **initializers = get(b, slots, sizeof(void *));
    if (b->failed)
        return;
    onnx__model_proto__init(proto);
    onnx__graph_proto__init(graph);
    onnx__value_info_proto__init(out);
    proto->has_ir_version = true;
    proto->ir_version = 8;
    proto->opset_import = g->model->proto->opset_import;
    proto->n_opset_import = g->model->proto->n_opset_import;
    proto->graph = graph;
    graph->name = (char *)(uintptr_t) "cone";
    graph->node = nodes;
    graph->initializer = initializers;
    graph->input = inputs;
    graph->output = outputs;
    graph->n_output = 1;
    outputs[0] = out;
    out->name = name_of(b, "v", cone->root, 0);
    b->graph = graph;
    for (size_t i = 0; i < cone->leaf_count; i++)
        inputs[graph->n_input++] = make_info(b, name_of(b, "v", cone->leaves[i], 0),
            g->values[cone->leaves[i]].shape.dtype, &extents[cone->variable[i]]);
    for (size_t i = 0; i < cone->count && !b->failed; i++)
        add_node(b, cone->nodes[i]);
    model->proto = proto;
    model->path = graph->name;
}

int bnf_trial_open(struct bnf_prover *p, const struct bnf_cone *cone, unsigned mode,
    const struct bnf_extents *extents, struct bnf_trial *trial, struct bnf_err *err)
{
    *trial = (struct bnf_trial){.leaf_count = cone->leaf_count};
    memcpy(trial->variable, cone->variable, sizeof trial->variable);
    bnf_arena_init(&trial->model.arena, 0);
    struct builder b = {.p = p, .cone = cone, .mode = mode, .arena = &trial->model.arena};
    build(&b, &trial->model, extents);
    int status = b.failed ? bnf_fail_memory(err) : bnf_graph_build(&trial->graph, &trial->model, err);
    if (!status)
        status = bnf_shapes_infer(&trial->graph, err);
    if (!status)
        status = bnf_eval_init(&trial->eval, &trial->graph, BNF_PRECISION_DOUBLE, 1, NULL, 0, err);
    trial->eval.budget.most_work = MOST_FOR_RUN;
    if (status)
        bnf_trial_close(trial);
    return status;
}

void bnf_trial_close(struct bnf_trial *trial)
{
    bnf_eval_free(&trial->eval);
    bnf_graph_free(&trial->graph);
    bnf_arena_free(&trial->model.arena);
    *trial = (struct bnf_trial){0};
}

/* ---- running ---- */

/* How many elements; an empty slot has none. */
static double volume(const struct bnf_graph *g, bnf_id value)
{
    if (value == BNF_NONE)
        return 0;
    const struct bnf_shape *shape = &g->values[value].shape;
    double count = shape->rank < 0 ? INFINITY : 1;
    for (int i = 0; i < shape->rank; i++)
        count *= shape->dims[i] < 0 ? INFINITY : (double)shape->dims[i];
    return isnan(count) ? INFINITY : count;
}

/* Products behind one element of the result, or, for what scatters, of the first input. */
static double products(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    bnf_id other = bnf_node_input(g, node, 1);
    double many = 1;
    size_t count;
    if (other != BNF_NONE && (bnf_node_is(g, node, "Conv") || bnf_node_is(g, node, "ConvTranspose"))) {
        const struct bnf_shape *w = &g->values[other].shape;
        for (int i = 1; i < w->rank; i++)
            many *= (double)w->dims[i];
    } else if (bnf_node_is(g, node, "Einsum")) {
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            many *= fmax(1, volume(g, bnf_node_input(g, node, slot)));
    } else if (bnf_node_is(g, node, "Gemm") || bnf_node_is(g, node, "MatMul")) {
        for (uint32_t slot = 0; slot < 2 && bnf_node_input(g, node, slot) != BNF_NONE; slot++) {
            const struct bnf_shape *x = &g->values[bnf_node_input(g, node, slot)].shape;
            for (int i = 0; i < x->rank; i++) /* more than the inner extent, never less than it */
                many = fmax(many, (double)x->dims[i]);
        }
    } else if (bnf_node_is(g, node, "AveragePool")) {
        const int64_t *kernel = bnf_attr_ints(proto, "kernel_shape", &count);
        for (size_t i = 0; kernel && i < count; i++)
            many *= (double)kernel[i];
    } else if (bnf_node_is(g, node, "Resize") || bnf_node_is(g, node, "Upsample")) {
        many = 64;
    }
    return many;
}

double bnf_trial_cost(const struct bnf_trial *trial)
{
    const struct bnf_graph *g = &trial->graph;
    double cost = 50000; /* what a run costs that computes nothing */
    for (bnf_id node = 0; node < g->node_count; node++) {
        double moved = 0, most = 0;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++) {
            double count = volume(g, bnf_node_input(g, node, slot));
            moved += count;
            most = slot == 0 && bnf_node_is(g, node, "ConvTranspose") ? count : most;
        }
        for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++) {
            double count = volume(g, bnf_node_output(g, node, slot));
            moved += count;
            most = fmax(most, count);
        }
        cost += 5000 + 4 * moved + most * products(g, node);
    }
    return cost;
}

int bnf_trial_run(
    struct bnf_trial *trial, struct bnf_array *const *variables, struct bnf_array **out, struct bnf_err *err)
{
    struct bnf_array *feeds[bnf_most_leaves];
    for (size_t i = 0; i < trial->leaf_count; i++)
        feeds[i] = variables[trial->variable[i]];
    int status = bnf_eval_run(&trial->eval, feeds, err);
    *out = status ? NULL : bnf_eval_value(&trial->eval, trial->graph.scopes[0].outputs[0]);
    return status;
}
