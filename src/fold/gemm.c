/* Gemm, Y = α·op(A)·op(B) + β·C. Behind it: columns of op(B) scaled, C' = s·β·C + t, β' = 1. In front of it: rows of
 * op(B) scaled, C' = β·C + α·Σ_k t[k]·op(B)[k,:], β' = 1. */
#include "fold/state.h"

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
    enum bnf_reason reason = BNF_REASON_NONE;
    char text[256];
    layer->has_bias = value != BNF_NONE;
    layer->bias_dtype = layer->weight->base.dtype;
    if (!layer->has_bias)
        return spread_bias(fold, layer, NULL, NULL, 1) ? BNF_ANSWER_YES : bnf_fail_memory(err);
    int answer = bnf_fold_tensor(fold, value, &c, &reason, err);
    if (answer < 0)
        return answer;
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_BIAS_DYNAMIC, "input C '%s' of '%s' is no constant",
            bnf_fold_name(fold, value), text);
    size_t width = c.rank ? (size_t)c.dims[c.rank - 1] : 1;
    if (!bnf_dtype_is_float(c.dtype))
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "input C '%s' is %s", bnf_fold_name(fold, value),
            bnf_dtype_name(c.dtype));
    if (c.rank > 2 || c.count == 0 || (width != 1 && width != layer->columns))
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
    bnf_id value = bnf_node_input(fold->graph, node, 1);
    struct bnf_tensor b;
    enum bnf_reason reason = BNF_REASON_NONE;
    char text[256];
    int answer = value == BNF_NONE ? BNF_ANSWER_NO : bnf_fold_tensor(fold, value, &b, &reason, err);
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (answer < 0)
        return answer;
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_WEIGHT_DYNAMIC, "input B '%s' of '%s' is no constant",
            bnf_fold_name(fold, value), text);
    if (!bnf_dtype_is_float(b.dtype) || b.rank != 2 || b.count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "input B '%s' is no matrix of floats",
            bnf_fold_name(fold, value));
    struct bnf_block block = {1, (size_t)b.dims[0], (size_t)b.dims[1], 1};
    answer = bnf_fold_weight(fold, value, block, &layer->weight, &reason, err);
    if (answer)
        return answer;
    layer->transposed = bnf_attr_int(fold->graph->nodes[node].proto, "transB", 0) != 0;
    layer->rows = layer->transposed ? block.inner : block.outer;
    layer->columns = layer->transposed ? block.outer : block.inner;
    return read_bias(fold, plan, node, layer, err);
}

struct edit {
    struct bnf_pending *weight;
    bool on_outer;
    bool broadcasts; /* operator sets before 7 have to be told */
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
        bnf_edit_attr_remove(g, move->node, "beta"); /* absent: 1 */
        status = hint ? bnf_fold_attach(fold, move->node, 2, move->constant, hint, err) : bnf_fail_memory(err);
        if (!status && edit->broadcasts)
            status = bnf_edit_attr_int(g, move->node, "broadcast", 1, err);
    }
    if (status)
        return status;
    if (plan->walk == BNF_WALK_BACK)
        bnf_edit_set_output(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_output(g, move->node, 0)));
    else
        bnf_edit_set_input(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_input(g, move->node, 0)));
    return BNF_OK;
}

static int check_rounding(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const double *factors, bool on_outer)
{
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (!bnf_values_fit(layer->bias_dtype, layer->bias, layer->bias_count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded C of '%s' does not fit %s", text,
            bnf_dtype_name(layer->bias_dtype));
    enum bnf_rounding rounding = bnf_pending_check(layer->weight, on_outer ? factors : NULL, on_outer ? NULL : factors,
        layer->transposed, layer->bias_count == layer->columns ? layer->bias : NULL, fold->options->threads);
    if (rounding == BNF_ROUNDING_FINE)
        return BNF_ANSWER_YES;
    bool over = rounding == BNF_ROUNDING_OVERFLOW;
    return bnf_refuse(fold, plan, over ? BNF_REASON_OVERFLOW : BNF_REASON_UNDERFLOW, "the folded B of '%s' %s %s", text,
        over ? "does not fit" : "falls below the resolution of", bnf_dtype_name(layer->weight->base.dtype));
}

static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias, struct bnf_err *err)
{
    struct bnf_move move = {.apply = apply, .node = node, .affine = *affine, .absorbs = true};
    int answer = check_rounding(fold, plan, node, layer, affine->scale, on_outer);
    if (answer)
        return answer;
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    if (!edit)
        return bnf_fail_memory(err);
    *edit = (struct edit){layer->weight, on_outer, bnf_node_opset(fold->graph, node) < 7 && layer->bias_rank == 1};
    move.data = edit;
    if (new_bias) {
        move.constant = bnf_pending_dense(fold->arena, layer->bias_dtype, layer->bias_dims, layer->bias_rank);
        if (!move.constant)
            return bnf_fail_memory(err);
        memcpy(move.constant->dense, layer->bias, layer->bias_count * sizeof *layer->bias);
    }
    return bnf_plan_add(plan, &move, err);
}

static int expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine, int axis,
    size_t channels, struct bnf_affine *out)
{
    char text[256];
    if (bnf_affine_expand(&fold->scratch, affine, axis, channels, out))
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
        "the affine has %zu channels on axis %d, but '%s' has %zu on axis %d", affine->channels, affine->axis,
        bnf_node_text(fold->graph, node, text, sizeof text), channels, axis);
}

int bnf_gemm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, &layer, err);
    if (!answer)
        answer = expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), 1,
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
        answer = expand(fold, plan, node, carried, bnf_attr_int(proto, "transA", 0) ? 0 : 1, layer.rows, &affine);
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
