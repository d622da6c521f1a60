/* Operators that move the affine's axis, or repeat along others: Transpose, Expand, Tile. */
#include "fold/through.h"

#include "graph/attr.h"

/* An affine that is the same everywhere passes as a scalar, whatever the axes. */
static int pass_scalar(
    struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t, struct bnf_err *err)
{
    t->affine = bnf_affine_scalar(&fold->scratch, &t->affine);
    return t->affine.scale ? bnf_through_pass(fold, plan, t, err) : bnf_fail_memory(err);
}

/* Output axis i is input axis perm[i], all of them reversed when there is no perm. */
int bnf_transpose(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_value *values = fold->graph->values;
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    if (bnf_affine_is_uniform(&t.affine))
        return pass_scalar(fold, plan, &t, err);
    size_t count = 0;
    const int64_t *perm = bnf_attr_ints(t.proto, "perm", &count);
    int rank = values[t.input].shape.rank >= 0 ? values[t.input].shape.rank : values[t.output].shape.rank;
    rank = perm ? (int)count : rank;
    if (rank < 0)
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
            "Transpose '%s' reverses the axes of '%s', whose rank is not known", t.text,
            bnf_fold_name(fold, t.input));
    for (int i = 0; i < rank; i++) {
        int64_t source = perm ? perm[i] : rank - 1 - i;
        if ((t.back ? i : source) != t.affine.axis || source < 0 || source >= rank)
            continue;
        t.affine.axis = t.back ? (int)source : i;
        return bnf_through_pass(fold, plan, &t, err);
    }
    return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH, "Transpose '%s' of rank %d has no axis %d",
        t.text, rank, t.affine.axis);
}

/* Is the axis of the other side the same one, not repeated? YES or a refusal. */
static int check_axis(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t, bnf_id other, int axis)
{
    const struct bnf_shape *shape = &fold->graph->values[other].shape;
    const char *op = t->proto->op_type, *name = bnf_fold_name(fold, other);
    size_t channels = t->affine.channels;
    if (axis < 0 || axis >= shape->rank)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "%s '%s': '%s' of rank %d has no axis for the %zu channels", op, t->text, name, shape->rank,
            channels);
    if (shape->dims[axis] == (int64_t)channels)
        return BNF_ANSWER_YES;
    if (shape->dims[axis] < 0)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "%s '%s': axis %d of '%s' is not known to have %zu channels", op, t->text, axis, name, channels);
    return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
        "%s '%s' repeats along the channel axis: axis %d of '%s' has extent %lld, not %zu", op, t->text, axis,
        name, (long long)shape->dims[axis], channels);
}

/* Axes are counted from the right: Expand may add some on the left; Tile adds none. */
int bnf_repeat(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    if (bnf_affine_is_uniform(&t.affine))
        return pass_scalar(fold, plan, &t, err);
    int rank_in = fold->graph->values[t.input].shape.rank,
        rank_out = fold->graph->values[t.output].shape.rank;
    if (rank_in < 0 || rank_out < 0)
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
            "%s '%s' cannot be followed: the rank of '%s' is not known", t.proto->op_type, t.text,
            bnf_fold_name(fold, rank_in < 0 ? t.input : t.output));
    int axis = t.affine.axis + (t.back ? rank_in - rank_out : rank_out - rank_in);
    answer = check_axis(fold, plan, &t, t.back ? t.input : t.output, axis);
    t.affine.axis = axis;
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
