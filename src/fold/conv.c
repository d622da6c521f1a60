/* Conv and ConvTranspose. Formulas: W'[m] = s[m]·W[m], B' = s·B + t behind the layer; W'[m,i] = s[ch]·W[m,i],
 * B'[m] = B[m] + Σ W[m,i,k]·t[ch] in front of it, ch the input channel that i means in m's group. */
#include "fold/state.h"

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
    char text[256];
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    layer->bias = bnf_arena_alloc(&fold->scratch, layer->outputs, sizeof *layer->bias);
    if (!layer->bias)
        return bnf_fail_memory(err);
    if (!layer->has_bias)
        return BNF_ANSWER_YES;
    struct bnf_tensor tensor;
    enum bnf_reason reason = BNF_REASON_NONE;
    int answer = bnf_fold_tensor(fold, value, &tensor, &reason, err);
    if (answer < 0)
        return answer;
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_BIAS_DYNAMIC, "the bias '%s' of '%s' is no constant",
            bnf_fold_name(fold, value), text);
    if (!bnf_dtype_is_float(tensor.dtype) || tensor.count != layer->outputs)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the bias '%s' of '%s' has %zu elements of %s, not %zu floats",
            bnf_fold_name(fold, value), text, tensor.count, bnf_dtype_name(tensor.dtype), layer->outputs);
    layer->bias_dtype = tensor.dtype;
    layer->bias = bnf_fold_read(fold, value, tensor.count);
    return layer->bias ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct layer *layer,
    struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, 1);
    struct bnf_tensor w;
    enum bnf_reason reason = BNF_REASON_NONE;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    int answer = value == BNF_NONE ? BNF_ANSWER_NO : bnf_fold_tensor(fold, value, &w, &reason, err);
    if (answer < 0)
        return answer;
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_WEIGHT_DYNAMIC,
            "the weight '%s' of '%s' is no constant", bnf_fold_name(fold, value), text);
    int64_t groups = bnf_attr_int(fold->graph->nodes[node].proto, "group", 1);
    if (!bnf_dtype_is_float(w.dtype))
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the weight '%s' is %s", bnf_fold_name(fold, value),
            bnf_dtype_name(w.dtype));
    if (w.rank < 3 || w.count == 0 || groups < 1 || w.dims[0] % groups != 0)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the weight of '%s' does not fit its %lld groups", text,
            (long long)groups);
    struct bnf_block block = {.groups = (size_t)groups,
        .outer = (size_t)(w.dims[0] / groups),
        .inner = (size_t)w.dims[1],
        .run = w.count / (size_t)w.dims[0] / (size_t)w.dims[1]};
    answer = bnf_fold_weight(fold, value, block, &layer->weight, &reason, err);
    if (answer)
        return answer;
    layer->outputs_outer = !transposed;
    layer->outputs = block.groups * (transposed ? block.inner : block.outer);
    layer->inputs = block.groups * (transposed ? block.outer : block.inner);
    return read_bias(fold, plan, node, layer, err);
}

/* Would the folded weight, and the bias that `layer->bias` now holds, survive rounding? */
static int check_rounding(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const double *factors, bool on_outer)
{
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (!bnf_values_fit(layer->bias_dtype, layer->bias, layer->outputs))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded bias of '%s' does not fit %s", text,
            bnf_dtype_name(layer->bias_dtype));
    switch (bnf_pending_check(layer->weight, on_outer ? factors : NULL, on_outer ? NULL : factors,
        layer->outputs_outer, layer->bias, fold->options->threads)) {
    case BNF_ROUNDING_OVERFLOW:
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded weight of '%s' does not fit %s", text,
            bnf_dtype_name(layer->weight->base.dtype));
    case BNF_ROUNDING_UNDERFLOW:
        return bnf_refuse(fold, plan, BNF_REASON_UNDERFLOW,
            "the folded weight of '%s' falls below the resolution of %s", text,
            bnf_dtype_name(layer->weight->base.dtype));
    case BNF_ROUNDING_FINE:
        break;
    }
    return BNF_ANSWER_YES;
}

/* The new bias as a constant for the move; NULL in *out when none is needed. */
static int make_bias(struct bnf_fold *fold, const struct layer *layer, bool needed, struct bnf_pending **out,
    struct bnf_err *err)
{
    *out = NULL;
    if (!needed && !layer->has_bias)
        return BNF_ANSWER_YES;
    int64_t extent = (int64_t)layer->outputs;
    *out = bnf_pending_dense(fold->arena, layer->bias_dtype, &extent, 1);
    if (!*out)
        return bnf_fail_memory(err);
    memcpy((*out)->dense, layer->bias, layer->outputs * sizeof *layer->bias);
    return BNF_ANSWER_YES;
}

/* What applying needs beyond the move: the weight, and which of its scales the affine goes to. */
struct edit {
    struct bnf_pending *weight;
    bool on_outer;
};

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const struct edit *edit = move->data;
    bool scaled = edit->on_outer ? bnf_pending_scale_outer(fold->arena, edit->weight, move->affine.scale)
                                 : bnf_pending_scale_inner(fold->arena, edit->weight, move->affine.scale);
    if (!scaled)
        return bnf_fail_memory(err);
    bnf_id old_weight = bnf_node_input(g, move->node, 1), old_bias = bnf_node_input(g, move->node, 2);
    int status = bnf_fold_attach(fold, move->node, 1, edit->weight, bnf_fold_name(fold, old_weight), err);
    if (!status && move->constant) {
        const char *hint = old_bias != BNF_NONE
                               ? bnf_fold_name(fold, old_bias)
                               : bnf_arena_format(fold->arena, "%s.bias", bnf_fold_name(fold, old_weight));
        status = hint ? bnf_fold_attach(fold, move->node, 2, move->constant, hint, err) : bnf_fail_memory(err);
    }
    if (status)
        return status;
    if (plan->walk == BNF_WALK_BACK)
        bnf_edit_set_output(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_output(g, move->node, 0)));
    else
        bnf_edit_set_input(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_input(g, move->node, 0)));
    return BNF_OK;
}

static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias, struct bnf_err *err)
{
    struct bnf_move move = {.apply = apply, .node = node, .affine = *affine, .absorbs = true};
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    int answer = check_rounding(fold, plan, node, layer, affine->scale, on_outer);
    if (!answer && new_bias)
        answer = make_bias(fold, layer, new_bias, &move.constant, err);
    if (answer)
        return answer;
    if (!edit)
        return bnf_fail_memory(err);
    *edit = (struct edit){layer->weight, on_outer};
    move.data = edit;
    return bnf_plan_add(plan, &move, err);
}

static int expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine,
    size_t channels, const char *side, struct bnf_affine *out)
{
    char text[256];
    if (bnf_affine_expand(&fold->scratch, affine, 1, channels, out))
        return BNF_ANSWER_YES;
    bnf_node_text(fold->graph, node, text, sizeof text);
    return bnf_refuse(fold, plan, affine->axis == 1 ? BNF_REASON_BROADCAST : BNF_REASON_AXIS_MISMATCH,
        "the affine has %zu channels on axis %d, but '%s' has %zu %s channels on axis 1", affine->channels,
        affine->axis, text, channels, side);
}

static int back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, transposed, &layer, err);
    if (!answer)
        answer = expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)),
            layer.outputs, "output", &affine);
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
    return all_are(proto, "strides", 1) && all_are(proto, "output_padding", 0) &&
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
        answer = expand(fold, plan, node, carried, layer.inputs, "input", &affine);
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
