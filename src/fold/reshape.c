/* Reshape, Flatten, Squeeze and Unsqueeze: the same elements under other extents (view.h). */
#include "fold/view.h"

#include "graph/attr.h"

/* With allowzero a 0 among the extents is one, not "as in the input"; without a 0 it means nothing. */
static bool may_keep_zeros(struct bnf_fold *fold, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_tensor *shape = NULL;
    if (!bnf_node_is(g, node, "Reshape") || bnf_attr_int(g->nodes[node].proto, "allowzero", 0) == 0)
        return false;
    bnf_id value = bnf_node_input(g, node, 1);
    if (value == BNF_NONE || bnf_constant(&fold->constants, value, &shape, NULL) || !shape ||
        !bnf_dtype_is_number(shape->dtype))
        return true;
    for (size_t i = 0; i < shape->count; i++)
        if (bnf_tensor_at(shape, i) == 0)
            return true;
    return false;
}

/* Without axes every extent of 1 goes, and one that is not known may be 1. */
static bool may_squeeze_more(const struct bnf_fold *fold, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    if (!bnf_node_is(g, node, "Squeeze"))
        return false;
    bool given = bnf_node_opset(g, node) < 13 ? bnf_attr_find(g->nodes[node].proto, "axes") != NULL
                                              : bnf_node_input(g, node, 1) != BNF_NONE;
    const struct bnf_shape *shape = &g->values[bnf_node_input(g, node, 0)].shape;
    for (int i = 0; !given && i < shape->rank; i++)
        if (shape->dims[i] < 0)
            return true;
    return false;
}

int bnf_view_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (may_keep_zeros(fold, node))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "Reshape '%s' says allowzero, and an extent may be 0", text);
    if (may_squeeze_more(fold, node))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "Squeeze '%s' has no axes, and not all extents of '%s' are known", text,
            bnf_fold_name(fold, bnf_node_input(fold->graph, node, 0)));
    return BNF_ANSWER_YES;
}

int bnf_reshape(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    struct bnf_affine on_this_side = t.affine;
    if (bnf_affine_is_uniform(&t.affine)) {
        t.affine = bnf_affine_scalar(&fold->scratch, &on_this_side);
        return t.affine.scale ? bnf_through_pass(fold, plan, &t, err) : bnf_fail_memory(err);
    }
    answer = bnf_view_check(fold, plan, node);
    if (!answer)
        answer = bnf_view_affine(fold, plan, &t, &on_this_side, err);
    if (answer == BNF_ANSWER_NO && plan->reason == BNF_REASON_AXIS_MISMATCH)
        return bnf_shuffle(fold, plan, &t, err);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
