/* ReduceMean, ReduceMax, ReduceMin and ReduceSum. Means, and extrema where no scale is negative, commute with
 * an affine that is the same over what is reduced; a sum over n elements counts the shift n times. */
#include "fold/through.h"

#include "graph/attr.h"

enum { most_axes = 64 };

struct reduction {
    bool keeps; /* reduced axes stay, with extent 1 */
    bool known; /* which axes are reduced */
    bool all, none;
    enum bnf_reason reason; /* why they are not known, or NONE */
    int rank;               /* of the input; -1: not known */
    bool reduced[most_axes];
};

/* Which axes does the node reduce? They are an attribute at first, an input later. */
static int read_reduction(
    struct bnf_fold *fold, const struct bnf_through *t, struct reduction *r, struct bnf_err *err)
{
    struct bnf_numbers axes;
    bool by_input = t->opset >= (bnf_node_is(fold->graph, t->node, "ReduceSum") ? 13 : 18);
    int status = by_input ? bnf_through_input(fold, t->node, 1, &axes, err)
                          : bnf_through_attribute(fold, t->node, "axes", &axes, err);
    *r = (struct reduction){.keeps = bnf_attr_int(t->proto, "keepdims", 1) != 0,
        .rank = fold->graph->values[t->input].shape.rank,
        .reason = axes.reason};
    if (status || !axes.known)
        return status;
    if (axes.count == 0) {
        r->none = by_input && bnf_attr_int(t->proto, "noop_with_empty_axes", 0) != 0;
        r->all = !r->none;
    }
    r->known = axes.count == 0 || (r->rank >= 0 && r->rank <= most_axes);
    r->reason = r->known ? BNF_REASON_NONE : BNF_REASON_RANK_UNKNOWN;
    for (int i = 0; r->known && i < r->rank && i < most_axes; i++)
        r->reduced[i] = r->all;
    for (size_t i = 0; r->known && i < axes.count; i++) {
        int axis = bnf_through_axis(axes.items[i], r->rank);
        if (axis < 0)
            r->known = false;
        else
            r->reduced[axis] = true;
    }
    return BNF_OK;
}

/* Where an axis of the input lies in the output, or the other way round; -1 when it is reduced, or there is
 * none. */
static int map_axis(const struct reduction *r, int axis, bool back)
{
    int outputs = 0;
    for (int i = 0; i < r->rank && i < most_axes; i++) {
        int output = r->keeps ? i : outputs;
        if ((back ? output : i) == axis && !r->reduced[i])
            return back ? i : output;
        outputs += !r->reduced[i];
    }
    return -1;
}

/* How many elements each sum has; 0 when it is not known (or none). */
static double summands(const struct bnf_fold *fold, const struct bnf_through *t, const struct reduction *r)
{
    const struct bnf_shape *shape = &fold->graph->values[t->input].shape;
    double count = 1;
    if (r->none)
        return 1;
    if (!r->known || r->rank < 0 || r->rank > most_axes)
        return 0;
    for (int i = 0; i < r->rank; i++)
        if (r->reduced[i])
            count *= shape->dims[i] < 0 ? 0 : (double)shape->dims[i];
    return count;
}

/* The affine on the other side of the node, as far as its axis goes. */
static int move_axis(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t,
    const struct reduction *r, struct bnf_err *err)
{
    if (r->none || t->affine.axis == BNF_AXIS_ANY)
        return BNF_ANSWER_YES;
    int axis = r->known ? map_axis(r, t->affine.axis, t->back) : -1;
    if (axis >= 0) {
        t->affine.axis = axis;
        return BNF_ANSWER_YES;
    }
    if (r->known || bnf_affine_is_uniform(&t->affine))
        return bnf_through_uniform(fold, plan, t, "reduces it", err);
    return bnf_refuse(fold, plan, r->reason ? r->reason : BNF_REASON_SHAPE_UNKNOWN,
        "which axes %s '%s' reduces is not known", t->proto->op_type, t->text);
}

static int count_shift(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t,
    const struct reduction *r, struct bnf_err *err)
{
    double count = summands(fold, t, r);
    if (bnf_affine_no_shift(&t->affine))
        return BNF_ANSWER_YES;
    if (!(count > 0))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "how many elements %s '%s' adds is not known, and each brings the shift", t->proto->op_type,
            t->text);
    struct bnf_affine counted = bnf_affine_make(&fold->scratch, t->affine.axis, t->affine.channels);
    if (!counted.scale)
        return bnf_fail_memory(err);
    for (size_t c = 0; c < counted.channels; c++) {
        counted.scale[c] = t->affine.scale[c];
        counted.shift[c] = t->back ? t->affine.shift[c] / count : t->affine.shift[c] * count;
    }
    t->affine = counted;
    return BNF_ANSWER_YES;
}

int bnf_reduce(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    struct reduction r;
    bool extreme = bnf_node_is(fold->graph, node, "ReduceMax") || bnf_node_is(fold->graph, node, "ReduceMin");
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer)
        answer = read_reduction(fold, &t, &r, err);
    if (!answer && extreme)
        answer = bnf_through_no_negative(fold, plan, &t);
    if (!answer)
        answer = move_axis(fold, plan, &t, &r, err);
    if (!answer && bnf_node_is(fold->graph, node, "ReduceSum"))
        answer = count_shift(fold, plan, &t, &r, err);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
