/* MatMul with a constant on one side. Behind it the constant's free axis is scaled and t becomes an Add; in front of
 * it the contracted axis is scaled and t·W (W·t) becomes an Add that keeps a 1 in place of the contracted axis. */
#include "fold/state.h"

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
    bool left_constant = bnf_fold_is_constant(fold, left), right_constant = bnf_fold_is_constant(fold, right);
    if (left == BNF_NONE || right == BNF_NONE || left_constant == right_constant) {
        enum bnf_reason why = right == BNF_NONE ? BNF_REASON_WEIGHT_DYNAMIC
                                                : bnf_fold_why_dynamic(fold, right, BNF_REASON_WEIGHT_DYNAMIC);
        return bnf_refuse(fold, plan, why, "'%s' has no constant operand", text);
    }
    bnf_id value = right_constant ? right : left;
    struct bnf_tensor w;
    enum bnf_reason reason = BNF_REASON_NONE;
    int answer = bnf_fold_tensor(fold, value, &w, &reason, err);
    if (answer < 0)
        return answer;
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_WEIGHT_DYNAMIC, "'%s' cannot be read",
            bnf_fold_name(fold, value));
    if (!bnf_dtype_is_float(w.dtype) || w.rank < 2 || w.count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "'%s' is no matrix of floats", bnf_fold_name(fold, value));
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
    answer = bnf_fold_weight(fold, value, block, &layer->weight, &reason, err);
    return answer;
}

/* One factor a channel repeated for every matrix of a batch. */
static double *repeat(struct bnf_fold *fold, const double *factors, size_t channels, size_t groups)
{
    double *out = bnf_arena_alloc(&fold->scratch, channels * groups, sizeof *out);
    for (size_t g = 0; out && g < groups; g++)
        memcpy(out + g * channels, factors, channels * sizeof *out);
    return out;
}

struct edit {
    struct bnf_pending *weight;
    const double *factors;
    bool on_outer;
    uint32_t dynamic;
    int axis; /* of the Add's constant, for operator sets before 7 */
};

static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const struct edit *edit = move->data;
    bool scaled = edit->on_outer ? bnf_pending_scale_outer(fold->arena, edit->weight, edit->factors)
                                 : bnf_pending_scale_inner(fold->arena, edit->weight, edit->factors);
    if (!scaled)
        return bnf_fail_memory(err);
    uint32_t slot = 1 - edit->dynamic;
    int status = bnf_fold_attach(fold, move->node, slot, edit->weight,
        bnf_fold_name(fold, bnf_node_input(g, move->node, slot)), err);
    if (status)
        return status;
    bnf_id old = bnf_node_output(g, move->node, 0);
    /* Backward the result takes the name that the walk came from; forward it keeps its own. */
    bnf_id result = plan->walk == BNF_WALK_BACK ? bnf_plan_becomes(plan, old) : old;
    if (plan->walk == BNF_WALK_FORWARD)
        bnf_edit_set_input(g, move->node, edit->dynamic,
            bnf_plan_becomes(plan, bnf_node_input(g, move->node, edit->dynamic)));
    if (!move->constant) {
        if (result != old)
            bnf_edit_set_output(g, move->node, 0, result);
        return BNF_OK;
    }
    bnf_id product, add;
    struct bnf_shape shape = g->values[old].shape;
    status = bnf_edit_value(g, g->nodes[move->node].scope, g->values[old].name, &product, err);
    if (status)
        return status;
    g->values[product].shape = shape;
    bnf_edit_set_output(g, move->node, 0, product);
    const char *name = g->nodes[move->node].proto->name;
    status = bnf_fold_add_node(fold, g->nodes[move->node].scope, "Add", name ? name : "", product, move->constant,
        edit->axis, result, &add, err);
    if (!status)
        g->nodes[add].position = g->nodes[move->node].position;
    return status;
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
    double *factors = repeat(fold, affine->scale, affine->channels, layer->weight->groups);
    char text[256];
    if (!edit || !factors)
        return bnf_fail_memory(err);
    bnf_node_text(fold->graph, node, text, sizeof text);
    const char *type = bnf_dtype_name(layer->weight->base.dtype);
    enum bnf_rounding rounding = bnf_pending_check(layer->weight, on_outer ? factors : NULL,
        on_outer ? NULL : factors, layer->free_outer, NULL, fold->options->threads);
    if (rounding == BNF_ROUNDING_OVERFLOW ||
        (shift && !bnf_values_fit(layer->weight->base.dtype, shift, shift_groups * layer->free)))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "a folded constant of '%s' does not fit %s", text, type);
    if (rounding == BNF_ROUNDING_UNDERFLOW)
        return bnf_refuse(fold, plan, BNF_REASON_UNDERFLOW,
            "the folded constant of '%s' falls below the resolution of %s", text, type);
    *edit = (struct edit){layer->weight, factors, on_outer, layer->dynamic,
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

static int expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine, int axis,
    size_t channels, struct bnf_affine *out)
{
    char text[256];
    if (bnf_affine_expand(&fold->scratch, affine, axis, channels, out))
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
        "the affine has %zu channels on axis %d, but '%s' maps %zu on axis %d", affine->channels, affine->axis,
        bnf_node_text(fold->graph, node, text, sizeof text), channels, axis);
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
    answer = expand(fold, plan, node, bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0)), axis, layer.free,
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
    char text[256];
    int answer = read_layer(fold, plan, node, &layer, err);
    if (answer)
        return answer;
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, layer.dynamic));
    if (!carried)
        return bnf_refuse(fold, plan, BNF_REASON_WEIGHT_DYNAMIC, "the affine makes no operand of '%s'",
            bnf_node_text(fold->graph, node, text, sizeof text));
    bool last = !layer.free_outer || layer.dynamic_rank == 1;
    answer = expand(fold, plan, node, carried, layer.dynamic_rank - (last ? 1 : 2), layer.contracted, &affine);
    if (answer)
        return answer;
    double *shift = NULL;
    size_t groups = layer.weight->groups;
    if (!bnf_affine_no_shift(&affine)) {
        double *t = repeat(fold, affine.shift, layer.contracted, groups);
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
