/* Concat. Along the affine's axis every input takes, or brings, its own channels; along another axis all of
 * them the same affine. */
#include "fold/branch.h"

#include "graph/attr.h"

#include <string.h>

/* The axis that the node joins, counted from the left; -1: not known, because a rank is not. */
static int joined_axis(const struct bnf_graph *g, bnf_id node)
{
    int64_t axis =
        bnf_attr_int(g->nodes[node].proto, "axis", 1); /* required from operator set 4 on; 1 before */
    int rank = g->values[bnf_node_output(g, node, 0)].shape.rank;
    for (uint32_t slot = 0; rank < 0 && slot < g->nodes[node].input_count; slot++)
        rank = g->values[bnf_node_input(g, node, slot)].shape.rank;
    if (axis >= 0)
        return axis < INT32_MAX ? (int)axis : -1;
    return rank >= 0 && axis + rank >= 0 ? (int)(axis + rank) : -1;
}

static int refuse_rank(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    char text[256];
    return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
        "Concat '%s' counts its axis from the right, and the rank is not known",
        bnf_node_text(fold->graph, node, text, sizeof text));
}

/* The known extents of all inputs on the joined axis, and their sum. */
static int extents_of(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int axis, size_t **extents,
    size_t *sum, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    uint32_t count = g->nodes[node].input_count;
    char text[256];
    *sum = 0;
    *extents = bnf_arena_alloc(&fold->scratch, count, sizeof **extents);
    if (!*extents)
        return bnf_fail_memory(err);
    for (uint32_t slot = 0; slot < count; slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        const struct bnf_shape *shape = &g->values[value].shape;
        int64_t extent = shape->rank > axis ? shape->dims[axis] : BNF_DIM_UNKNOWN;
        if (extent < 0)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
                "the extent of '%s' on axis %d, which Concat '%s' joins, is not known",
                bnf_fold_name(fold, value), axis, bnf_node_text(g, node, text, sizeof text));
        (*extents)[slot] = (size_t)extent;
        *sum += (size_t)extent;
    }
    return BNF_ANSWER_YES;
}

int bnf_concat_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_affine affine = *bnf_plan_affine(plan, bnf_node_output(g, node, 0));
    uint32_t count = g->nodes[node].input_count;
    int axis = joined_axis(g, node);
    size_t *extents = NULL, sum = 0, first = 0;
    char text[256];
    int answer = bnf_branch_types(fold, plan, node);
    if (!answer && affine.axis != BNF_AXIS_ANY && axis < 0)
        answer = refuse_rank(fold, plan, node);
    bool splits = affine.axis != BNF_AXIS_ANY && affine.axis == axis;
    if (!answer && splits)
        answer = extents_of(fold, plan, node, axis, &extents, &sum, err);
    if (!answer && splits && sum != affine.channels)
        answer =
            bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "the affine has %zu channels, Concat '%s' joins %zu",
                affine.channels, bnf_node_text(g, node, text, sizeof text), sum);
    if (!answer)
        answer = bnf_plan_pass(plan, node, err);
    for (uint32_t slot = 0; !answer && slot < count; slot++) {
        struct bnf_affine part = affine;
        if (splits) {
            part.scale += first;
            part.shift += first;
            part.channels = extents[slot];
            first += part.channels;
        }
        if (!bnf_affine_is_neutral(&part))
            answer = bnf_plan_send(fold, plan, bnf_node_input(g, node, slot), &part, err);
    }
    return answer;
}

/* Along the joined axis: what the inputs bring, side by side; (1, 0) for those that are not on the way. */
static int assemble(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int axis,
    struct bnf_affine *out, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    size_t *extents = NULL, sum = 0, first = 0;
    char text[256];
    int answer = extents_of(fold, plan, node, axis, &extents, &sum, err);
    if (answer)
        return answer;
    *out = bnf_affine_make(&fold->scratch, axis, sum);
    if (!out->scale)
        return bnf_fail_memory(err);
    for (uint32_t slot = 0; slot < g->nodes[node].input_count; first += extents[slot++]) {
        const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(g, node, slot));
        if (!carried)
            continue;
        bool same = bnf_affine_is_uniform(carried);
        if (!same && (carried->axis != axis || carried->channels != extents[slot]))
            return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
                "the affine of '%s' has %zu channels on axis %d, and Concat '%s' joins %zu on axis %d",
                bnf_fold_name(fold, bnf_node_input(g, node, slot)), carried->channels, carried->axis,
                bnf_node_text(g, node, text, sizeof text), extents[slot], axis);
        for (size_t c = 0; c < extents[slot]; c++) {
            out->scale[first + c] = carried->scale[same ? 0 : c];
            out->shift[first + c] = carried->shift[same ? 0 : c];
        }
    }
    return BNF_ANSWER_YES;
}

int bnf_concat_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    int axis = joined_axis(g, node);
    const struct bnf_affine *one = bnf_plan_affine(plan, bnf_node_input(g, node, 0));
    bool alike = one != NULL;
    for (uint32_t slot = 1; alike && slot < g->nodes[node].input_count; slot++) {
        const struct bnf_affine *other = bnf_plan_affine(plan, bnf_node_input(g, node, slot));
        alike = other && bnf_affine_is_same(one, other);
    }
    struct bnf_affine out = {0};
    int answer = bnf_branch_types(fold, plan, node);
    if (answer)
        return answer;
    if (alike && bnf_affine_is_uniform(one)) {
        out = bnf_affine_scalar(&fold->scratch, one);
        answer = out.scale ? BNF_ANSWER_YES : bnf_fail_memory(err);
    } else if (axis < 0) {
        answer = refuse_rank(fold, plan, node);
    } else if (alike && one->axis != axis) {
        out = *one;
    } else {
        answer = assemble(fold, plan, node, axis, &out, err);
    }
    if (!answer)
        answer = bnf_plan_pass(plan, node, err);
    if (answer || bnf_affine_is_neutral(&out))
        return answer;
    return bnf_plan_send(fold, plan, bnf_node_output(g, node, 0), &out, err);
}
