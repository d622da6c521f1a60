/* LSTM, GRU and RNN behind an affine on the last axis of X: W' = W·diag(s), Wb' = Wb + W·t. Only the input's
 * half of B: the recurrent half stands behind the reset gate when linear_before_reset is set. */
#include "fold/layer.h"

enum { X = 0, W = 1, B = 3 };

/* B, or zeros without one: [directions, Wb then Rb]. */
static int read_bias(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_layer *layer, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, B);
    const struct bnf_tensor *weight = &layer->weight->base;
    struct bnf_tensor tensor;
    char text[256], extents[128];
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = weight->dtype;
    layer->bias_rank = 2;
    layer->bias_dims[0] = weight->dims[0];
    layer->bias_dims[1] = 2 * weight->dims[1];
    layer->bias_count = (size_t)(layer->bias_dims[0] * layer->bias_dims[1]);
    if (!layer->has_bias) {
        layer->bias = bnf_arena_alloc(&fold->scratch, layer->bias_count, sizeof *layer->bias);
        return layer->bias ? BNF_ANSWER_YES : bnf_fail_memory(err);
    }
    int answer = bnf_layer_constant(fold, plan, node, B, BNF_REASON_BIAS_DYNAMIC, &tensor, err);
    if (answer)
        return answer;
    if (tensor.rank != 2 || tensor.dims[0] != layer->bias_dims[0] || tensor.dims[1] != layer->bias_dims[1])
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "the bias of '%s' has the extents %s, not %lldx%lld",
            bnf_node_text(fold->graph, node, text, sizeof text),
            bnf_dims_text(tensor.dims, tensor.rank, extents, sizeof extents), (long long)layer->bias_dims[0],
            (long long)layer->bias_dims[1]);
    layer->bias_dtype = tensor.dtype;
    layer->bias = bnf_fold_read(fold, value, tensor.count);
    return layer->bias ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

static int read_layer(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_layer *layer, struct bnf_err *err)
{
    struct bnf_tensor w;
    char text[256];
    int answer = bnf_layer_constant(fold, plan, node, W, BNF_REASON_WEIGHT_DYNAMIC, &w, err);
    if (answer)
        return answer;
    if (w.rank != 3)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the weight of '%s' has rank %u, not 3",
            bnf_node_text(fold->graph, node, text, sizeof text), w.rank);
    struct bnf_block block = {1, (size_t)(w.dims[0] * w.dims[1]), (size_t)w.dims[2], 1};
    *layer = (struct bnf_layer){.weight_slot = W, .bias_slot = B, .channels_outer = true};
    answer = bnf_layer_weight(fold, plan, node, W, block, &layer->weight, err);
    return answer ? answer : read_bias(fold, plan, node, layer, err);
}

/* The affine has to lie on X, and on nothing else that the layer reads. */
static int check_input(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    char text[256];
    for (uint32_t slot = 1; slot < g->nodes[node].input_count; slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        if (value != BNF_NONE && bnf_plan_affine(plan, value))
            return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR,
                "%s '%s' reads the affine in input slot %u, where it cannot take it",
                g->nodes[node].proto->op_type, bnf_node_text(g, node, text, sizeof text), slot);
    }
    return BNF_ANSWER_YES;
}

int bnf_recurrent_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_layer layer;
    struct bnf_affine affine;
    int answer = check_input(fold, plan, node);
    if (!answer)
        answer = read_layer(fold, plan, node, &layer, err);
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node,
            bnf_plan_affine(plan, bnf_node_input(fold->graph, node, X)), 2, layer.weight->inner, &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    if (shifts) {
        size_t rows = layer.weight->outer, half = (size_t)layer.bias_dims[1] / 2;
        double *sums = bnf_arena_alloc(&fold->scratch, rows, sizeof *sums);
        if (!sums)
            return bnf_fail_memory(err);
        bnf_pending_sum_inner(layer.weight, affine.shift, sums);
        for (size_t row = 0; row < rows; row++)
            layer.bias[row / half * 2 * half + row % half] += sums[row];
    }
    return bnf_layer_absorb(fold, plan, node, &layer, &affine, false, shifts, bnf_layer_apply, NULL, err);
}
