/* Conv and ConvTranspose. Formulas: W'[m] = s[m]·W[m], B' = s·B + t behind the layer; W'[m,i] = s[ch]·W[m,i],
 * B'[m] = B[m] + Σ W[m,i,k]·t[ch] in front of it, ch the input channel that i means in m's group. Zeros that a Conv pads
 * with are zeros behind the affine: with a shift, x is padded explicitly with the value −t/s that the affine takes there,
 * if all channels agree on it. */
#include "fold/layer.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <string.h>

/* A convolution's constants; its bias: zeros without one. */
struct conv {
    struct bnf_layer layer;
    size_t inputs, outputs; /* channels */
};

static int read_bias(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_layer *layer,
    struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, 2);
    struct bnf_tensor tensor;
    char text[256];
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    layer->bias = bnf_arena_alloc(&fold->scratch, layer->bias_count, sizeof *layer->bias);
    if (!layer->bias)
        return bnf_fail_memory(err);
    if (!layer->has_bias)
        return BNF_ANSWER_YES;
    int answer = bnf_layer_constant(fold, plan, node, 2, BNF_REASON_BIAS_DYNAMIC, &tensor, err);
    if (answer)
        return answer;
    if (tensor.count != layer->bias_count)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "the bias of '%s' has %zu elements for %zu channels",
            bnf_node_text(fold->graph, node, text, sizeof text), tensor.count, layer->bias_count);
    layer->bias_dtype = tensor.dtype;
    layer->bias = bnf_fold_read(fold, value, tensor.count);
    return layer->bias ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

/* Sums and products of what is smaller fit an int64_t. */
static bool has_large_number(const Onnx__NodeProto *node)
{
    static const char *const names[] = {"dilations", "output_padding", "pads", "strides"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t count;
        const int64_t *ints = bnf_attr_ints(node, names[k], &count);
        for (size_t i = 0; i < count; i++)
            if (ints[i] > INT32_MAX || ints[i] < -INT32_MAX)
                return true;
    }
    return false;
}

/* What is stated twice must be the same: such a node computes nothing otherwise. */
static bool has_other_kernel(const Onnx__NodeProto *proto, const struct bnf_tensor *w)
{
    size_t count;
    const int64_t *kernel = bnf_attr_ints(proto, "kernel_shape", &count);
    return kernel && (count != w->rank - 2 || !bnf_same_bytes(kernel, &w->dims[2], count * sizeof *kernel));
}

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct conv *conv,
    struct bnf_err *err)
{
    struct bnf_tensor w;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    int answer = bnf_layer_weight_tensor(fold, plan, node, 1, &w, err);
    if (answer)
        return answer;
    int64_t groups = bnf_attr_int(fold->graph->nodes[node].proto, "group", 1);
    if (w.rank < 3 || groups < 1 || w.dims[0] % groups != 0)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the weight of '%s' does not fit its %lld groups", text,
            (long long)groups);
    int rank = fold->graph->values[bnf_node_input(fold->graph, node, 0)].shape.rank;
    if (rank >= 0 && rank != (int)w.rank)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "the weight of '%s' has %u axes and its input %d", text, w.rank, rank);
    if (has_large_number(fold->graph->nodes[node].proto))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "a number of '%s' is beyond reason", text);
    if (has_other_kernel(fold->graph->nodes[node].proto, &w))
        return bnf_refuse(
            fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the weight of '%s' does not fit its 'kernel_shape'", text);
    if (w.count == (size_t)groups && bnf_is_leftover(fold, bnf_node_input(fold->graph, node, 1)))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "Conv '%s' is what an earlier fold left over", text);
    struct bnf_block block = {.groups = (size_t)groups,
        .outer = (size_t)(w.dims[0] / groups),
        .inner = (size_t)w.dims[1],
        .run = w.count / (size_t)w.dims[0] / (size_t)w.dims[1]};
    answer = bnf_layer_weight(fold, plan, node, 1, block, &conv->layer.weight, err);
    if (answer)
        return answer;
    conv->outputs = block.groups * (transposed ? block.inner : block.outer);
    conv->inputs = block.groups * (transposed ? block.outer : block.inner);
    conv->layer.weight_slot = 1;
    conv->layer.bias_slot = 2;
    conv->layer.channels_outer = !transposed;
    conv->layer.bias_rank = 1;
    conv->layer.bias_count = conv->outputs;
    conv->layer.bias_dims[0] = (int64_t)conv->outputs;
    return read_bias(fold, plan, node, &conv->layer, err);
}

static int back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct bnf_err *err)
{
    struct conv conv = {0};
    struct bnf_layer *layer = &conv.layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, transposed, &conv, err);
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), 1,
            conv.outputs, &affine);
    if (answer)
        return answer;
    for (size_t m = 0; m < conv.outputs; m++)
        layer->bias[m] = affine.scale[m] * layer->bias[m] + affine.shift[m];
    bool new_bias = layer->has_bias || !bnf_affine_no_shift(&affine);
    return bnf_layer_absorb(
        fold, plan, node, layer, &affine, layer->channels_outer, new_bias, bnf_layer_apply, NULL, err);
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

/* Spatial extent i of the layer's input, where it is known and of a size that a file could have. */
static int64_t extent_of(const struct bnf_shape *shape, const struct bnf_tensor *weight, size_t i)
{
    int64_t extent = shape->rank == (int)weight->rank ? shape->dims[i + 2] : BNF_DIM_UNKNOWN;
    return extent < (int64_t)1 << 40 ? extent : BNF_DIM_UNKNOWN;
}

/* SAME padding is none where (⌈n/stride⌉ − 1)·stride + window ≤ n. */
static bool same_pads_nothing(struct bnf_fold *fold, bnf_id node, const struct bnf_tensor *weight)
{
    const struct bnf_shape *shape = &fold->graph->values[bnf_node_input(fold->graph, node, 0)].shape;
    for (size_t i = 0; i + 2 < weight->rank; i++) {
        int64_t extent, stride;
        window(fold->graph->nodes[node].proto, weight, i, &extent, &stride);
        int64_t n = extent_of(shape, weight, i);
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

/* ---- padding with the value that the affine takes to zero */

/* An explicit Pad in front of the layer. */
struct padding {
    int64_t *pads; /* of every axis: begins, then ends */
    size_t count;
    double value, exact; /* rounded to dtype, and as it may have to be mapped further */
    int dtype;
};

/* What is padded at both ends of the spatial axes, in the layout of `pads`; false where extents must be known. */
static bool resolve_pads(const struct bnf_fold *fold, bnf_id node, const struct bnf_tensor *weight, int64_t *begin,
    int64_t *end)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    const struct bnf_shape *shape = &fold->graph->values[bnf_node_input(fold->graph, node, 0)].shape;
    bool lower = bnf_attr_is(proto, "auto_pad", "SAME_LOWER");
    bool same = lower || bnf_attr_is(proto, "auto_pad", "SAME_UPPER");
    size_t count, spatial = weight->rank - 2;
    const int64_t *pads = bnf_attr_ints(proto, "pads", &count);
    for (size_t i = 0; i < spatial; i++) {
        int64_t extent, stride;
        window(proto, weight, i, &extent, &stride);
        if (!same) {
            if (count != 2 * spatial || pads[i] < 0 || pads[spatial + i] < 0)
                return false;
            begin[i] = pads[i];
            end[i] = pads[spatial + i];
            continue;
        }
        int64_t n = extent_of(shape, weight, i);
        if (n < 0)
            return false;
        int64_t total = ((n + stride - 1) / stride - 1) * stride + extent - n;
        total = total > 0 ? total : 0;
        begin[i] = lower ? total - total / 2 : total / 2;
        end[i] = total - begin[i];
    }
    return true;
}

/* Can this operator set's Pad hold the value? The attribute of 2–10 is a float, and bfloat16 comes with 13. */
static bool pad_carries(int64_t opset, int dtype, double value)
{
    if (opset < 2 || (dtype == BNF_DTYPE_BFLOAT16 && opset < 13))
        return false;
    return opset >= 11 || (double)(float)value == value;
}

/* −t/s rounded to the input's type, which has to be one value for all channels. */
static int find_value(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *a,
    struct padding *padding)
{
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    for (size_t c = 0; c < a->channels; c++) {
        if (a->scale[c] == 0)
            return bnf_refuse(fold, plan, BNF_REASON_ZERO_SCALE,
                "channel %zu of the affine has scale 0, so that no other value than the zeros that Conv '%s' pads with "
                "could take their place", c, text);
        double value = bnf_round(padding->dtype, -a->shift[c] / a->scale[c]);
        if (c == 0) {
            padding->value = value;
            padding->exact = -a->shift[c] / a->scale[c];
        }
        if (!bnf_quotient_fits(padding->dtype, a->shift[c], value))
            return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "-shift/scale, which Conv '%s' would be padded with, is %g "
                "on channel %zu, near the end of the range of %s", text, value, c, bnf_dtype_name(padding->dtype));
        if (value != padding->value)
            return bnf_refuse(fold, plan, BNF_REASON_PADDING,
                "Conv '%s' pads with zeros; another value could take their place if -shift/scale were equal on all "
                "channels, but it is %.6g on channel 0 and %.6g on channel %zu", text, padding->value, value, c);
    }
    return BNF_ANSWER_YES;
}

/* The Pad that makes the layer's own padding unnecessary; YES, a refusal or BNF_ENOMEM. */
static int make_padding(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct conv *conv,
    const struct bnf_affine *affine, const struct padding **out, struct bnf_err *err)
{
    const struct bnf_tensor *weight = &conv->layer.weight->base;
    size_t rank = weight->rank;
    int64_t opset = bnf_node_opset(fold->graph, node);
    struct padding *padding = bnf_arena_alloc(&fold->scratch, 1, sizeof *padding);
    int64_t *pads = bnf_arena_alloc(&fold->scratch, 2 * rank, sizeof *pads);
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (!padding || !pads)
        return bnf_fail_memory(err);
    *padding = (struct padding){.pads = pads, .count = 2 * rank};
    padding->dtype = bnf_fold_dtype(fold, bnf_node_input(fold->graph, node, 0), weight->dtype);
    int answer = find_value(fold, plan, node, affine, padding);
    if (answer)
        return answer;
    if (!resolve_pads(fold, node, weight, pads + 2, pads + rank + 2))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "how much Conv '%s' pads depends on an extent of '%s' that is not known", text,
            bnf_fold_name(fold, bnf_node_input(fold->graph, node, 0)));
    if (!pad_carries(opset, padding->dtype, padding->value))
        return bnf_refuse(fold, plan, BNF_REASON_PADDING,
            "Conv '%s' pads with zeros, and Pad of operator set %lld cannot pad %s with %.17g in their place", text,
            (long long)opset, bnf_dtype_name(padding->dtype), padding->value);
    *out = padding;
    return BNF_ANSWER_YES;
}

static int give_pads(struct bnf_fold *fold, bnf_id pad, const struct padding *padding, const char *hint,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    if (bnf_node_opset(g, pad) < 11) {
        int status = bnf_edit_attr_ints(g, pad, "pads", padding->pads, padding->count, err);
        return status ? status : bnf_edit_attr_float(g, pad, "value", (float)padding->value, err);
    }
    const int64_t extent = (int64_t)padding->count;
    struct bnf_pending *value = bnf_pending_dense(fold->arena, padding->dtype, NULL, 0);
    int64_t *numbers = bnf_arena_alloc(fold->arena, padding->count, sizeof *numbers);
    const char *pads_name = bnf_arena_format(fold->arena, "%s.pads", hint);
    const char *value_name = bnf_arena_format(fold->arena, "%s.value", hint);
    bnf_id pads;
    if (!value || !numbers || !pads_name || !value_name)
        return bnf_fail_memory(err);
    value->dense[0] = padding->exact;
    memcpy(numbers, padding->pads, padding->count * sizeof *numbers);
    int status =
        bnf_edit_initializer(g, g->nodes[pad].scope, pads_name, BNF_DTYPE_INT64, &extent, 1, &pads, err);
    if (status)
        return status;
    Onnx__TensorProto *tensor = bnf_edit_tensor(g, pads);
    tensor->int64_data = numbers;
    tensor->n_int64_data = padding->count;
    bnf_edit_set_input(g, pad, 1, pads);
    return bnf_fold_attach(fold, pad, 2, value, value_name, err);
}

static int apply_padded(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const struct bnf_layer_edit *edit = move->data;
    const struct padding *padding = edit->more;
    const char *name = g->nodes[move->node].proto->name;
    bnf_id pad, padded, scope = g->nodes[move->node].scope;
    int status = bnf_layer_apply(fold, plan, move, err);
    if (status)
        return status;
    bnf_id input = bnf_node_input(g, move->node, 0);
    const char *hint = bnf_arena_format(fold->arena, "%s.padded", g->values[input].name);
    const char *called = name && *name ? bnf_arena_format(fold->arena, "%s.Pad", name) : NULL;
    if (!hint || (name && *name && !called))
        return bnf_fail_memory(err);
    status = bnf_edit_value(g, scope, hint, &padded, err);
    if (!status)
        status = bnf_edit_node(g, scope, "Pad", called, bnf_node_opset(g, move->node) < 11 ? 1 : 3, 1, &pad, err);
    if (!status)
        status = give_pads(fold, pad, padding, hint, err);
    if (status)
        return status;
    struct bnf_shape shape = g->values[input].shape;
    int64_t *dims = bnf_arena_alloc(fold->arena, padding->count / 2, sizeof *dims);
    if (!dims)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < padding->count / 2 && shape.rank > 0; i++) {
        int64_t more = padding->pads[i] + padding->pads[padding->count / 2 + i];
        int64_t old = shape.dims[i];
        dims[i] = !more ? old : old < 0 || old > INT32_MAX ? BNF_DIM_UNKNOWN : old + more;
    }
    g->values[padded].shape = (struct bnf_shape){shape.dtype, shape.rank, shape.rank > 0 ? dims : NULL};
    g->nodes[pad].position = g->nodes[move->node].position;
    bnf_edit_set_input(g, pad, 0, input);
    bnf_edit_set_output(g, pad, 0, padded);
    bnf_edit_set_input(g, move->node, 0, padded);
    bnf_edit_attr_remove(g, move->node, "pads");
    bnf_edit_attr_remove(g, move->node, "auto_pad");
    return BNF_OK;
}

/* ---- forward */

/* May the shift go into the layer? *padding: after an explicit Pad, NULL: as it is. */
static int take_shift(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed,
    const struct conv *conv, const struct bnf_affine *affine, const struct padding **padding, struct bnf_err *err)
{
    const struct bnf_tensor *weight = &conv->layer.weight->base;
    char text[256];
    if (transposed ? is_pointwise(fold, node, weight) : pads_nothing(fold, node, weight))
        return BNF_ANSWER_YES;
    if (!transposed)
        return make_padding(fold, plan, node, conv, affine, padding, err);
    return bnf_refuse(fold, plan, BNF_REASON_PADDING,
        "ConvTranspose '%s' sums windows of different sizes, and the shift is not 0",
        bnf_node_text(fold->graph, node, text, sizeof text));
}

static int forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bool transposed, struct bnf_err *err)
{
    struct conv conv = {0};
    struct bnf_layer *layer = &conv.layer;
    const struct padding *padding = NULL;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, transposed, &conv, err);
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, 0));
    if (!answer && !carried)
        answer = bnf_layer_refuse_input(fold, plan, node, "input X");
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, carried, 1, conv.inputs, &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    if (shifts) {
        answer = take_shift(fold, plan, node, transposed, &conv, &affine, &padding, err);
        if (answer)
            return answer;
        plan->nodes_added += padding != NULL;
        double *sums = bnf_arena_alloc(&fold->scratch, conv.outputs, sizeof *sums);
        if (!sums)
            return bnf_fail_memory(err);
        if (transposed)
            bnf_pending_sum_outer(layer->weight, affine.shift, sums);
        else
            bnf_pending_sum_inner(layer->weight, affine.shift, sums);
        for (size_t m = 0; m < conv.outputs; m++)
            layer->bias[m] += sums[m];
    }
    return bnf_layer_absorb(fold, plan, node, layer, &affine, !layer->channels_outer, shifts,
        padding ? apply_padded : bnf_layer_apply, padding, err);
}

int bnf_conv_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return forward(fold, plan, node, false, err);
}

int bnf_convtranspose_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return forward(fold, plan, node, true, err);
}
