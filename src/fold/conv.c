/* Conv and ConvTranspose. Formulas: W'[m] = s[m]·W[m], B' = s·B + t behind the layer; W'[m,i] = s[ch]·W[m,i],
 * B'[m] = B[m] + Σ W[m,i,k]·t[ch] in front of it, ch the input channel that i means in m's group. */
#include "fold/layer.h"

#include "graph/attr.h"

#include <string.h>

/* A convolution's constants, read for one plan. */
struct layer {
    struct bnf_pending *weight;
    size_t inputs, outputs; /* channels */
    bool outputs_outer;     /* where the output channels lie in the weight's block */
    bool has_bias;
    int bias_dtype;
    double *bias; /* outputs values, zeros without one; scratch */
};

static int read_bias(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct layer *layer,
    struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, 2);
    struct bnf_tensor tensor;
    char text[256];
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    layer->bias = bnf_arena_alloc(&fold->scratch, layer->outputs, sizeof *layer->bias);
    if (!layer->bias)
        return bnf_fail_memory(err);
    if (!layer->has_bias)
        return BNF_ANSWER_YES;
    int answer = bnf_layer_constant(fold, plan, node, 2, BNF_REASON_BIAS_DYNAMIC, &tensor, err);
    if (answer)
        return answer;
    if (tensor.count != layer->outputs)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "the bias of '%s' has %zu elements for %zu channels",
            bnf_node_text(fold->graph, node, text, sizeof text), tensor.count, layer->outputs);
    layer->bias_dtype = tensor.dtype;
    layer->bias = bnf_fold_read(fold, value, tensor.count);
    return layer->bias ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct layer *layer,
    struct bnf_err *err)
{
    struct bnf_tensor w;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    int answer = bnf_layer_constant(fold, plan, node, 1, BNF_REASON_WEIGHT_DYNAMIC, &w, err);
    if (answer)
        return answer;
    int64_t groups = bnf_attr_int(fold->graph->nodes[node].proto, "group", 1);
    if (w.rank < 3 || groups < 1 || w.dims[0] % groups != 0)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the weight of '%s' does not fit its %lld groups", text,
            (long long)groups);
    struct bnf_block block = {.groups = (size_t)groups,
        .outer = (size_t)(w.dims[0] / groups),
        .inner = (size_t)w.dims[1],
        .run = w.count / (size_t)w.dims[0] / (size_t)w.dims[1]};
    answer = bnf_layer_weight(fold, plan, node, 1, block, &layer->weight, err);
    if (answer)
        return answer;
    layer->outputs_outer = !transposed;
    layer->outputs = block.groups * (transposed ? block.inner : block.outer);
    layer->inputs = block.groups * (transposed ? block.outer : block.inner);
    return read_bias(fold, plan, node, layer, err);
}

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    int status = bnf_layer_scale(fold, move->node, 1, move->data, err);
    if (!status)
        status = bnf_layer_attach_bias(fold, move->node, move->constant, err);
    if (!status)
        bnf_layer_rewire(fold, plan, move->node, 0);
    return status;
}

/* layer->bias holds the new values; a new bias is stored when `new_bias`. */
static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias, struct bnf_err *err)
{
    const struct bnf_layer_rounding rounding = {.weight = layer->weight,
        .factors = affine->scale,
        .on_outer = on_outer,
        .channels_outer = layer->outputs_outer,
        .bias = layer->bias,
        .bias_count = layer->outputs,
        .bias_dtype = layer->bias_dtype};
    struct bnf_move move = {.apply = apply, .node = node, .affine = *affine, .absorbs = true};
    int answer = bnf_layer_check(fold, plan, node, &rounding);
    if (answer)
        return answer;
    struct bnf_layer_edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    if (!edit)
        return bnf_fail_memory(err);
    *edit = (struct bnf_layer_edit){layer->weight, affine->scale, on_outer};
    move.data = edit;
    if (new_bias) {
        int64_t extent = (int64_t)layer->outputs;
        move.constant = bnf_pending_dense(fold->arena, layer->bias_dtype, &extent, 1);
        if (!move.constant)
            return bnf_fail_memory(err);
        memcpy(move.constant->dense, layer->bias, layer->outputs * sizeof *layer->bias);
    }
    return bnf_plan_add(plan, &move, err);
}

static int back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, transposed, &layer, err);
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), 1,
            layer.outputs, &affine);
    if (answer)
        return answer;
    for (size_t m = 0; m < layer.outputs; m++)
        layer.bias[m] = affine.scale[m] * layer.bias[m] + affine.shift[m];
    bool new_bias = layer.has_bias || !bnf_affine_no_shift(&affine);
    return add_move(fold, plan, node, &layer, &affine, layer.outputs_outer, new_bias, err);
}

int bnf_conv_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return back(fold, plan, node, false, err);
}

int bnf_convtranspose_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return back(fold, plan, node, true, err);
}

static bool all_are(const Onnx__NodeProto *node, const char *name, int64_t number)
{
    size_t count;
    const int64_t *ints = bnf_attr_ints(node, name, &count);
    for (size_t i = 0; i < count; i++)
        if (ints[i] != number)
            return false;
    return true;
}

/* Extent i of the kernel with its dilation, and the stride there. */
static void window(const Onnx__NodeProto *node, const struct bnf_tensor *weight, size_t i, int64_t *extent,
    int64_t *stride)
{
    size_t dilations, strides;
    const int64_t *dilation = bnf_attr_ints(node, "dilations", &dilations);
    const int64_t *step = bnf_attr_ints(node, "strides", &strides);
    *extent = (weight->dims[i + 2] - 1) * (i < dilations ? dilation[i] : 1) + 1;
    *stride = i < strides && step[i] > 0 ? step[i] : 1;
}

/* SAME padding is none where (⌈n/stride⌉ − 1)·stride + window ≤ n. */
static bool same_pads_nothing(struct bnf_fold *fold, bnf_id node, const struct bnf_tensor *weight)
{
    const struct bnf_shape *shape = &fold->graph->values[bnf_node_input(fold->graph, node, 0)].shape;
    for (size_t i = 0; i + 2 < weight->rank; i++) {
        int64_t extent, stride;
        window(fold->graph->nodes[node].proto, weight, i, &extent, &stride);
        int64_t n = shape->rank == (int)weight->rank ? shape->dims[i + 2] : BNF_DIM_UNKNOWN;
        if (extent > 1 && (n < 0 || ((n + stride - 1) / stride - 1) * stride + extent > n))
            return false;
    }
    return true;
}

/* A shift in front of the layer reaches every window whole: nothing is padded with zeros implicitly. */
static bool pads_nothing(struct bnf_fold *fold, bnf_id node, const struct bnf_tensor *weight)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    if (bnf_attr_is(proto, "auto_pad", "SAME_UPPER") || bnf_attr_is(proto, "auto_pad", "SAME_LOWER"))
        return same_pads_nothing(fold, node, weight);
    return bnf_attr_is(proto, "auto_pad", "VALID") || all_are(proto, "pads", 0);
}

/* Every output of the transposed layer sums exactly one input position: kernel and strides are 1. */
static bool is_pointwise(struct bnf_fold *fold, bnf_id node, const struct bnf_tensor *weight)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    for (size_t i = 2; i < weight->rank; i++)
        if (weight->dims[i] != 1)
            return false;
    bool same = bnf_attr_is(proto, "auto_pad", "SAME_UPPER") || bnf_attr_is(proto, "auto_pad", "SAME_LOWER");
    return !same && all_are(proto, "strides", 1) && all_are(proto, "output_padding", 0) &&
           !bnf_attr_find(proto, "output_shape");
}

static int forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    char text[256];
    int answer = read_layer(fold, plan, node, transposed, &layer, err);
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, 0));
    if (!answer && !carried)
        answer = bnf_refuse(fold, plan, BNF_REASON_WEIGHT_DYNAMIC, "the affine makes a weight of '%s'",
            bnf_node_text(fold->graph, node, text, sizeof text));
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, carried, 1, layer.inputs, &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    const struct bnf_tensor *weight = &layer.weight->base;
    if (shifts && !(transposed ? is_pointwise(fold, node, weight) : pads_nothing(fold, node, weight)))
        return bnf_refuse(fold, plan, BNF_REASON_PADDING, "%s '%s' pads with zeros, and the shift is not 0",
            fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text));
    if (shifts) {
        double *sums = bnf_arena_alloc(&fold->scratch, layer.outputs, sizeof *sums);
        if (!sums)
            return bnf_fail_memory(err);
        if (transposed)
            bnf_pending_sum_outer(layer.weight, affine.shift, sums);
        else
            bnf_pending_sum_inner(layer.weight, affine.shift, sums);
        for (size_t m = 0; m < layer.outputs; m++)
            layer.bias[m] += sums[m];
    }
    return add_move(fold, plan, node, &layer, &affine, !layer.outputs_outer, shifts, err);
}

int bnf_conv_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return forward(fold, plan, node, false, err);
}

int bnf_convtranspose_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return forward(fold, plan, node, true, err);
}
