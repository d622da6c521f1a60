/* Gemm, Y = α·op(A)·op(B) + β·C. Behind it: columns of op(B) scaled, C' = s·β·C + t, β' = 1. In front of it: rows of
 * op(B) scaled, C' = β·C + α·Σ_k t[k]·op(B)[k,:], β' = 1. */
#include "fold/layer.h"

#include "graph/attr.h"

#include <string.h>

struct layer {
    struct bnf_pending *weight; /* B as it is stored */
    bool transposed;            /* op(B) = Bᵀ: its columns are the outer index of the block */
    size_t rows, columns;       /* of op(B) */
    bool has_bias;
    int bias_dtype;
    int64_t bias_dims[2]; /* of C' */
    size_t bias_rank, bias_count;
    double *bias; /* β·C spread over the extents of C' */
};

/* C: absent, (), (1), (N) become (N); (1,1), (1,N) become (1,N); (M,1), (M,N) become (M,N). */
static bool spread_bias(struct bnf_fold *fold, struct layer *layer, const struct bnf_tensor *c, const double *from,
    double beta)
{
    size_t n = layer->columns;
    int64_t rows = c && c->rank == 2 ? c->dims[0] : 1;
    layer->bias_rank = c && c->rank == 2 ? 2 : 1;
    layer->bias_dims[0] = layer->bias_rank == 2 ? rows : (int64_t)n;
    layer->bias_dims[1] = (int64_t)n;
    layer->bias_count = (size_t)rows * n;
    layer->bias = bnf_arena_alloc(&fold->scratch, layer->bias_count, sizeof *layer->bias);
    if (!layer->bias)
        return false;
    size_t width = c && c->rank ? (size_t)c->dims[c->rank - 1] : 1;
    for (size_t i = 0; c && i < layer->bias_count; i++)
        layer->bias[i] = beta * from[i / n * width + (width == 1 ? 0 : i % n)];
    return true;
}

static int read_bias(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct layer *layer,
    struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, 2);
    struct bnf_tensor c;
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    if (!layer->has_bias)
        return spread_bias(fold, layer, NULL, NULL, 1) ? BNF_ANSWER_YES : bnf_fail_memory(err);
    int answer = bnf_layer_constant(fold, plan, node, 2, BNF_REASON_BIAS_DYNAMIC, &c, err);
    if (answer)
        return answer;
    size_t width = c.rank ? (size_t)c.dims[c.rank - 1] : 1;
    if (c.rank > 2 || (width != 1 && width != layer->columns))
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "input C '%s' does not broadcast to %zu columns",
            bnf_fold_name(fold, value), layer->columns);
    layer->bias_dtype = c.dtype;
    const double *from = bnf_fold_read(fold, value, c.count);
    double beta = (double)bnf_attr_float(fold->graph->nodes[node].proto, "beta", 1.0f);
    return from && spread_bias(fold, layer, &c, from, beta) ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct layer *layer,
    struct bnf_err *err)
{
    struct bnf_tensor b;
    char text[256];
    int answer = bnf_layer_constant(fold, plan, node, 1, BNF_REASON_WEIGHT_DYNAMIC, &b, err);
    if (answer)
        return answer;
    if (b.rank != 2)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "input B of '%s' is no matrix",
            bnf_node_text(fold->graph, node, text, sizeof text));
    struct bnf_block block = {1, (size_t)b.dims[0], (size_t)b.dims[1], 1};
    answer = bnf_layer_weight(fold, plan, node, 1, block, &layer->weight, err);
    if (answer)
        return answer;
    layer->transposed = bnf_attr_int(fold->graph->nodes[node].proto, "transB", 0) != 0;
    layer->rows = layer->transposed ? block.inner : block.outer;
    layer->columns = layer->transposed ? block.outer : block.inner;
    return read_bias(fold, plan, node, layer, err);
}

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    int status = bnf_layer_scale(fold, move->node, 1, move->data, err);
    if (!status)
        status = bnf_layer_attach_bias(fold, move->node, move->constant, err);
    if (!status && move->constant) {
        bnf_edit_attr_remove(g, move->node, "beta"); /* absent: 1 */
        if (bnf_node_opset(g, move->node) < 7 && move->constant->base.rank == 1)
            status = bnf_edit_attr_int(g, move->node, "broadcast", 1, err);
    }
    if (!status)
        bnf_layer_rewire(fold, plan, move->node, 0);
    return status;
}

/* layer->bias holds the new C; it is stored when `new_bias`. */
static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias, struct bnf_err *err)
{
    const struct bnf_layer_rounding rounding = {.weight = layer->weight,
        .factors = affine->scale,
        .on_outer = on_outer,
        .channels_outer = layer->transposed,
        .bias = layer->bias,
        .bias_count = layer->bias_count,
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
        move.constant = bnf_pending_dense(fold->arena, layer->bias_dtype, layer->bias_dims, layer->bias_rank);
        if (!move.constant)
            return bnf_fail_memory(err);
        memcpy(move.constant->dense, layer->bias, layer->bias_count * sizeof *layer->bias);
    }
    return bnf_plan_add(plan, &move, err);
}

int bnf_gemm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, &layer, err);
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), 1,
            layer.columns, &affine);
    if (answer)
        return answer;
    for (size_t i = 0; i < layer.bias_count; i++) {
        size_t n = i % layer.columns;
        layer.bias[i] = affine.scale[n] * layer.bias[i] + affine.shift[n];
    }
    bool new_bias = layer.has_bias || !bnf_affine_no_shift(&affine);
    return add_move(fold, plan, node, &layer, &affine, layer.transposed, new_bias, err);
}

int bnf_gemm_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, 0));
    char text[256];
    int answer = read_layer(fold, plan, node, &layer, err);
    if (!answer && !carried)
        answer = bnf_refuse(fold, plan, BNF_REASON_WEIGHT_DYNAMIC, "the affine makes no input A of '%s'",
            bnf_node_text(fold->graph, node, text, sizeof text));
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, carried, bnf_attr_int(proto, "transA", 0) ? 0 : 1, layer.rows, &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    if (shifts) {
        double alpha = (double)bnf_attr_float(proto, "alpha", 1.0f);
        double *sums = bnf_arena_alloc(&fold->scratch, layer.columns, sizeof *sums);
        if (!sums)
            return bnf_fail_memory(err);
        if (layer.transposed)
            bnf_pending_sum_inner(layer.weight, affine.shift, sums);
        else
            bnf_pending_sum_outer(layer.weight, affine.shift, sums);
        for (size_t i = 0; i < layer.bias_count; i++)
            layer.bias[i] += alpha * sums[i % layer.columns];
    }
    return add_move(fold, plan, node, &layer, &affine, !layer.transposed, shifts, err);
}
