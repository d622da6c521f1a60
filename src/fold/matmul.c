/* MatMul with a constant on one side. Behind it the constant's free axis is scaled and t becomes an Add; in front of
 * it the contracted axis is scaled and t·W (W·t) becomes an Add that keeps a 1 in place of the contracted axis. */
#include "fold/layer.h"

#include <string.h>

struct layer {
    struct bnf_pending *weight;
    uint32_t dynamic; /* input slot of the other operand */
    int rank;         /* of the output */
    int dynamic_rank;
    size_t contracted, free; /* extents of the constant's two matrix axes */
    bool free_outer;         /* W·X: the free axis is the rows */
};

static int read_layer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct layer *layer,
    struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id left = bnf_node_input(g, node, 0), right = bnf_node_input(g, node, 1);
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    bool left_constant = bnf_layer_is_weight(fold, left), right_constant = bnf_layer_is_weight(fold, right);
    if (left == BNF_NONE || right == BNF_NONE || left_constant == right_constant) {
        enum bnf_reason why = right == BNF_NONE ? BNF_REASON_WEIGHT_DYNAMIC
                                                : bnf_fold_why_dynamic(fold, right, BNF_REASON_WEIGHT_DYNAMIC);
        return bnf_refuse(fold, plan, why, "'%s' has no constant operand", text);
    }
    struct bnf_tensor w;
    int answer =
        bnf_layer_weight_tensor(fold, plan, node, right_constant ? 1 : 0, &w, err);
    if (answer)
        return answer;
    if (w.rank < 2)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the constant of MatMul '%s' is a vector, which has no axis for the affine's channels", text);
    layer->dynamic = right_constant ? 0 : 1;
    layer->dynamic_rank = g->values[right_constant ? left : right].shape.rank;
    layer->rank = layer->dynamic_rank < 1    ? -1
                  : layer->dynamic_rank == 1 ? (int)w.rank - 1
                  : layer->dynamic_rank > (int)w.rank ? layer->dynamic_rank
                                                      : (int)w.rank;
    if (layer->rank < 0)
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN, "the rank of '%s' is not known",
            bnf_fold_name(fold, right_constant ? left : right));
    struct bnf_block block = {.outer = (size_t)w.dims[w.rank - 2], .inner = (size_t)w.dims[w.rank - 1], .run = 1};
    block.groups = w.count / block.outer / block.inner;
    layer->free_outer = !right_constant;
    layer->free = right_constant ? block.inner : block.outer;
    layer->contracted = right_constant ? block.outer : block.inner;
    return bnf_layer_weight(fold, plan, node, right_constant ? 1 : 0, block, &layer->weight, err);
}

struct edit {
    struct bnf_layer_edit weight;
    uint32_t dynamic;
    int axis; /* of the Add's constant, for operator sets before 7 */
};

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    const struct edit *edit = move->data;
    int status = bnf_layer_scale(fold, move->node, 1 - edit->dynamic, &edit->weight, err);
    return status ? status
                  : bnf_layer_rewire_shifted(fold, plan, move->node, edit->dynamic, move->constant, edit->axis, err);
}

/* The Add's constant: one value for each of the output's columns (rows, for W·X), for each matrix of the batch. */
static struct bnf_pending *make_shift(struct bnf_fold *fold, const struct layer *layer, const double *values,
    size_t groups)
{
    const struct bnf_tensor *w = &layer->weight->base;
    size_t rank = groups == 1 ? 0 : w->rank - 2; /* a batch keeps its own extents */
    int64_t *dims = bnf_arena_alloc(&fold->scratch, w->rank, sizeof *dims);
    if (!dims)
        return NULL;
    memcpy(dims, w->dims, rank * sizeof *dims);
    if (layer->dynamic_rank == 1) { /* the contracted axis is gone altogether */
        dims[rank++] = (int64_t)layer->free;
    } else if (layer->free_outer) {
        dims[rank++] = (int64_t)layer->free;
        dims[rank++] = 1;
    } else {
        if (groups != 1)
            dims[rank++] = 1;
        dims[rank++] = (int64_t)layer->free;
    }
    struct bnf_pending *constant = bnf_pending_dense(fold->arena, w->dtype, dims, rank);
    if (constant)
        memcpy(constant->dense, values, groups * layer->free * sizeof *values);
    return constant;
}

static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct layer *layer,
    const struct bnf_affine *affine, const double *shift, size_t shift_groups, struct bnf_err *err)
{
    bool back = plan->walk == BNF_WALK_BACK, on_outer = back == layer->free_outer;
    struct bnf_move move = {.apply = apply, .node = node, .affine = *affine, .absorbs = true};
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    double *factors = bnf_layer_repeat(fold, affine->scale, affine->channels, layer->weight->groups);
    if (!edit || !factors)
        return bnf_fail_memory(err);
    const struct bnf_layer_rounding rounding = {.weight = layer->weight,
        .factors = factors,
        .on_outer = on_outer,
        .channels_outer = layer->free_outer,
        .bias = shift,
        .bias_count = shift ? shift_groups * layer->free : 0,
        .bias_dtype = layer->weight->base.dtype};
    int answer = bnf_layer_check(fold, plan, node, &rounding, err);
    if (answer)
        return answer;
    *edit = (struct edit){{.weight = layer->weight, .factors = factors, .on_outer = on_outer}, layer->dynamic,
        layer->rank - (layer->free_outer && layer->dynamic_rank > 1 ? 2 : 1)};
    move.data = edit;
    if (shift) {
        move.constant = make_shift(fold, layer, shift, shift_groups);
        if (!move.constant)
            return bnf_fail_memory(err);
        plan->affines_added++;
    }
    return bnf_plan_add(plan, &move, err);
}

int bnf_matmul_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, &layer, err);
    if (answer)
        return answer;
    bool vector = layer.dynamic_rank == 1;
    int axis = layer.free_outer && !vector ? layer.rank - 2 : layer.rank - 1;
    answer = bnf_layer_expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), axis, layer.free,
        &affine);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(&affine);
    return add_move(fold, plan, node, &layer, &affine, shifts ? affine.shift : NULL, 1, err);
}

int bnf_matmul_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct layer layer;
    struct bnf_affine affine;
    int answer = read_layer(fold, plan, node, &layer, err);
    if (answer)
        return answer;
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, layer.dynamic));
    if (!carried)
        return bnf_layer_refuse_input(fold, plan, node, "computed operand");
    bool last = !layer.free_outer || layer.dynamic_rank == 1;
    answer = bnf_layer_expand(fold, plan, node, carried, layer.dynamic_rank - (last ? 1 : 2), layer.contracted, &affine);
    if (answer)
        return answer;
    double *shift = NULL;
    size_t groups = layer.weight->groups;
    if (!bnf_affine_no_shift(&affine)) {
        double *t = bnf_layer_repeat(fold, affine.shift, layer.contracted, groups);
        shift = bnf_arena_alloc(&fold->scratch, groups * layer.free, sizeof *shift);
        if (!t || !shift)
            return bnf_fail_memory(err);
        if (layer.free_outer)
            bnf_pending_sum_inner(layer.weight, t, shift);
        else
            bnf_pending_sum_outer(layer.weight, t, shift);
    }
    return add_move(fold, plan, node, &layer, &affine, shift, groups, err);
}
