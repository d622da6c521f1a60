/* Gemm, Y = α·op(A)·op(B) + β·C. Behind it: columns of op(B) scaled, C' = s·β·C + t, β' = 1. In front of it: rows of
 * op(B) scaled, C' = β·C + α·Σ_k t[k]·op(B)[k,:], β' = 1. */
#include "fold/layer.h"

#include "graph/attr.h"

struct gemm {
    struct bnf_layer layer; /* its bias: β·C spread over the extents of C' */
    bool transposed;        /* op(B) = Bᵀ: its columns are the outer index of the block */
    size_t rows, columns;   /* of op(B) */
};

/* C: absent, (), (1), (N) become (N); (1,1), (1,N) become (1,N); (M,1), (M,N) become (M,N). */
static bool spread_bias(struct bnf_fold *fold, struct gemm *gemm, const struct bnf_tensor *c, const double *from,
    double beta)
{
    struct bnf_layer *layer = &gemm->layer;
    size_t n = gemm->columns;
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

static int read_bias(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct gemm *gemm,
    struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, 2);
    struct bnf_layer *layer = &gemm->layer;
    struct bnf_tensor c;
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    if (!layer->has_bias)
        return spread_bias(fold, gemm, NULL, NULL, 1) ? BNF_ANSWER_YES : bnf_fail_memory(err);
    int answer = bnf_layer_constant(fold, plan, node, 2, BNF_REASON_BIAS_DYNAMIC, &c, err);
    if (answer)
        return answer;
    size_t width = c.rank ? (size_t)c.dims[c.rank - 1] : 1;
    if (c.rank > 2 || (width != 1 && width != gemm->columns))
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "input C '%s' does not broadcast to %zu columns",
            bnf_fold_name(fold, value), gemm->columns);
    layer->bias_dtype = c.dtype;
    const double *from = bnf_fold_read(fold, value, c.count);
    double beta = (double)bnf_attr_float(fold->graph->nodes[node].proto, "beta", 1.0f);
    return from && spread_bias(fold, gemm, &c, from, beta) ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct gemm *gemm,
    struct bnf_err *err)
{
    struct bnf_tensor b;
    char text[256];
    int answer = bnf_layer_weight_tensor(fold, plan, node, 1, &b, err);
    if (answer)
        return answer;
    if (b.rank != 2)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "input B of '%s' is no matrix",
            bnf_node_text(fold->graph, node, text, sizeof text));
    struct bnf_block block = {1, (size_t)b.dims[0], (size_t)b.dims[1], 1};
    answer = bnf_layer_weight(fold, plan, node, 1, block, &gemm->layer.weight, err);
    if (answer)
        return answer;
    gemm->transposed = bnf_attr_int(fold->graph->nodes[node].proto, "transB", 0) != 0;
    gemm->layer.weight_slot = 1;
    gemm->layer.bias_slot = 2;
    gemm->layer.channels_outer = gemm->transposed;
    gemm->rows = gemm->transposed ? block.inner : block.outer;
    gemm->columns = gemm->transposed ? block.outer : block.inner;
    return read_bias(fold, plan, node, gemm, err);
}

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    int status = bnf_layer_apply(fold, plan, move, err);
    if (status || !move->constant)
        return status;
    bnf_edit_attr_remove(g, move->node, "beta"); /* absent: 1 */
    return bnf_node_opset(g, move->node) < 7 && move->constant->base.rank == 1
               ? bnf_edit_attr_int(g, move->node, "broadcast", 1, err)
               : BNF_OK;
}

int bnf_gemm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct gemm gemm = {0};
    struct bnf_layer *layer = &gemm.layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, &gemm, err);
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), 1,
            gemm.columns, &affine);
    if (answer)
        return answer;
    for (size_t i = 0; i < layer->bias_count; i++) {
        size_t n = i % gemm.columns;
        layer->bias[i] = affine.scale[n] * layer->bias[i] + affine.shift[n];
    }
    bool new_bias = layer->has_bias || !bnf_affine_no_shift(&affine);
    return bnf_layer_absorb(fold, plan, node, layer, &affine, gemm.transposed, new_bias, apply, NULL, err);
}

int bnf_gemm_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct gemm gemm = {0};
    struct bnf_layer *layer = &gemm.layer;
    struct bnf_affine affine;
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, 0));
    int answer = read_layer(fold, plan, node, &gemm, err);
    if (!answer && !carried)
        answer = bnf_layer_refuse_input(fold, plan, node, "input A");
    if (!answer)
        answer = bnf_layer_expand(fold, plan, node, carried, bnf_attr_int(proto, "transA", 0) ? 0 : 1, gemm.rows,
            &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    if (shifts) {
        double alpha = (double)bnf_attr_float(proto, "alpha", 1.0f);
        double *sums = bnf_arena_alloc(&fold->scratch, gemm.columns, sizeof *sums);
        if (!sums)
            return bnf_fail_memory(err);
        if (gemm.transposed)
            bnf_pending_sum_inner(layer->weight, affine.shift, sums);
        else
            bnf_pending_sum_outer(layer->weight, affine.shift, sums);
        for (size_t i = 0; i < layer->bias_count; i++)
            layer->bias[i] += alpha * sums[i % gemm.columns];
    }
    return bnf_layer_absorb(fold, plan, node, layer, &affine, !gemm.transposed, shifts, apply, NULL, err);
}
