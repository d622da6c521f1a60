/* BatchNormalization as an absorber: two affines in a row become one. */
#include "fold/state.h"

/* The merged affine is kept in double; what still stands when folding ends is lowered, or rewritten with mean 0, var 1
 * and epsilon 0. */
static int apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    size_t index;
    (void)err;
    bnf_fold_site(fold, move->node, &index);
    for (size_t i = 0; i < move->affine.channels; i++) {
        fold->affines[index].scale[i] = move->affine.scale[i];
        fold->affines[index].shift[i] = move->affine.shift[i];
    }
    fold->rewritten[index] = true;
    if (plan->walk == BNF_WALK_BACK)
        bnf_edit_set_output(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_output(g, move->node, 0)));
    else
        bnf_edit_set_input(g, move->node, 0, bnf_plan_becomes(plan, bnf_node_input(g, move->node, 0)));
    return BNF_OK;
}

static int merge(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    bool back = plan->walk == BNF_WALK_BACK;
    const struct bnf_affine *carried = bnf_plan_affine(plan,
        back ? bnf_node_output(fold->graph, node, 0) : bnf_node_input(fold->graph, node, 0));
    size_t index;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    const struct bnf_site *site = bnf_fold_site(fold, node, &index);
    if (!carried)
        return bnf_refuse(fold, plan, BNF_REASON_STATS_DYNAMIC, "the affine makes a parameter of '%s'", text);
    if (!site || !fold->affines[index].scale)
        return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
            "BatchNormalization '%s' is itself kept (%s)", text, bnf_reason_name(site ? site->reason : BNF_REASON_NONE));
    if (fold->graph->values[bnf_node_input(fold->graph, node, 0)].shape.rank < 0)
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN, "the rank of the input of '%s' is not known", text);
    const struct bnf_affine *own = &fold->affines[index];
    struct bnf_affine wide, both = {0};
    if (!bnf_affine_expand(&fold->scratch, carried, 1, own->channels, &wide) ||
        !bnf_affine_compose(&fold->scratch, back ? &wide : own, back ? own : &wide, &both))
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the affine has %zu channels on axis %d, '%s' %zu on axis 1", carried->channels, carried->axis, text,
            own->channels);
    bnf_id scale = bnf_node_input(fold->graph, node, 1);
    int dtype = fold->graph->values[scale].shape.dtype; /* it may have to stay a BatchNormalization */
    if (!bnf_affine_finite(&both) || (bnf_dtype_is_float(dtype) && (!bnf_values_fit(dtype, both.scale, both.channels) ||
                                                                       !bnf_values_fit(dtype, both.shift, both.channels))))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "together with '%s' the affine is not finite", text);
    struct bnf_move move = {.apply = apply, .node = node, .affine = both, .absorbs = true};
    return bnf_plan_add(plan, &move, err);
}

int bnf_batchnorm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return merge(fold, plan, node, err);
}

int bnf_batchnorm_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return merge(fold, plan, node, err);
}
