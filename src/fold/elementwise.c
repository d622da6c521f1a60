/* Mul, Add, Sub and Div with a constant on one side.
 *
 * A per-channel or scalar constant makes the node an affine, which joins one that passes by: the node disappears. Any
 * other constant stays and takes what it can. Backward: c' = s·c (Mul, Div by the left), c' = c/s (Div), c' = s·c + t
 * (Add; u − c: s·c − t), and (s, 0) goes on. Forward: c' = s·c (Mul), c' = c/s (Div), and that was all of it; c' = c/s
 * (Add, Sub), and (s, t) goes on, (s, −t) behind c − u. Nodes of two computed values are branch.c's. */
#include "fold/state.h"

#include "graph/attr.h"

enum operation { MUL, ADD, SUB, DIV };

struct operands {
    enum operation operation;
    uint32_t dynamic; /* slot of the computed operand */
    bnf_id computed, constant;
    struct bnf_tensor tensor; /* of the constant */
    int rank;                 /* of the computed operand, which is the output's; -1: not known */
    int first_axis;           /* the output axis that the constant's axis 0 lies on; rank must be known */
};

static enum operation operation_of(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Mul")   ? MUL
           : bnf_node_is(g, node, "Add") ? ADD
           : bnf_node_is(g, node, "Sub") ? SUB
                                         : DIV;
}

/* Operator sets before 7 broadcast the second operand only, and only when told; `axis` says where it begins. */
static bool place_old(const Onnx__NodeProto *proto, struct operands *o)
{
    if (o->dynamic != 0 || bnf_attr_int(proto, "broadcast", 0) == 0)
        return false;
    int64_t axis = bnf_attr_int(proto, "axis", INT64_MIN);
    if (axis == INT64_MIN)
        return true;
    if (axis < 0)
        axis += o->rank;
    if (axis < 0 || axis + (int64_t)o->tensor.rank > o->rank)
        return false;
    o->first_axis = (int)axis;
    return true;
}

/* YES; NO with *reason when the node has no float constant on exactly one side, or it would widen the other. */
static int read_operands(struct bnf_fold *fold, bnf_id node, struct operands *o, enum bnf_reason *reason,
    struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id a = bnf_node_input(g, node, 0), b = bnf_node_input(g, node, 1);
    bool a_constant = bnf_fold_is_constant(fold, a), b_constant = bnf_fold_is_constant(fold, b);
    *reason = BNF_REASON_IN_FUNCTION;
    if (bnf_attr_any_reference(g->nodes[node].proto))
        return BNF_ANSWER_NO;
    *reason = BNF_REASON_NO_RULE;
    if (a == BNF_NONE || b == BNF_NONE || a_constant == b_constant)
        return BNF_ANSWER_NO;
    *o = (struct operands){.operation = operation_of(g, node), .dynamic = a_constant ? 1 : 0};
    o->constant = a_constant ? a : b;
    o->computed = a_constant ? b : a;
    int answer = bnf_fold_tensor(fold, o->constant, &o->tensor, reason, err);
    if (answer)
        return answer;
    *reason = BNF_REASON_DTYPE;
    int dtype = g->values[o->computed].shape.dtype; /* another one would be an invalid model */
    if (!bnf_dtype_is_float(o->tensor.dtype) || o->tensor.count == 0 || (dtype && dtype != o->tensor.dtype))
        return BNF_ANSWER_NO;
    o->rank = g->values[o->computed].shape.rank;
    o->first_axis = o->rank - (int)o->tensor.rank;
    *reason = BNF_REASON_RANK_UNKNOWN;
    if (o->rank < 0)
        return o->tensor.rank == 0 && bnf_node_opset(g, node) >= 7 ? BNF_ANSWER_YES : BNF_ANSWER_NO;
    *reason = BNF_REASON_BROADCAST;
    if (bnf_node_opset(g, node) < 7 && !place_old(g->nodes[node].proto, o))
        return BNF_ANSWER_NO;
    return o->first_axis >= 0 ? BNF_ANSWER_YES : BNF_ANSWER_NO;
}

/* Where the constant's elements lie: *axis of the output and how many; BNF_AXIS_ANY and 1 for a scalar. False when
 * they lie on several axes, or on one whose extent is not known to be theirs. */
static bool is_per_channel(const struct bnf_fold *fold, const struct operands *o, int *axis)
{
    *axis = BNF_AXIS_ANY;
    if (o->tensor.count == 1)
        return true;
    for (uint32_t i = 0; i < o->tensor.rank; i++) {
        if (o->tensor.dims[i] == 1)
            continue;
        if (*axis != BNF_AXIS_ANY)
            return false;
        *axis = o->first_axis + (int)i;
    }
    const struct bnf_shape *shape = &fold->graph->values[o->computed].shape;
    return *axis < shape->rank && shape->dims[*axis] == (int64_t)o->tensor.count;
}

int bnf_elementwise_read(struct bnf_fold *fold, bnf_id node, uint32_t *slot, struct bnf_affine *affine,
    struct bnf_err *err)
{
    struct operands o;
    enum bnf_reason reason;
    int axis;
    int answer = read_operands(fold, node, &o, &reason, err);
    if (answer)
        return answer;
    if (!is_per_channel(fold, &o, &axis) || (o.operation == DIV && o.dynamic == 1))
        return BNF_ANSWER_NO;
    *slot = o.dynamic;
    *affine = bnf_affine_make(&fold->scratch, axis, o.tensor.count);
    const double *c = bnf_fold_read(fold, o.constant, o.tensor.count);
    if (!affine->scale || !c)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < affine->channels; i++) {
        if (o.operation == MUL)
            affine->scale[i] = c[i];
        else if (o.operation == DIV)
            affine->scale[i] = 1 / c[i];
        else
            affine->shift[i] = o.operation == SUB && o.dynamic == 0 ? -c[i] : c[i];
        if (o.operation == SUB && o.dynamic == 1)
            affine->scale[i] = -1;
    }
    return bnf_affine_finite(affine) ? BNF_ANSWER_YES : BNF_ANSWER_NO;
}

/* ---- joining ---- */

static int apply_join(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id input = bnf_node_input(g, move->node, move->slot), output = bnf_node_output(g, move->node, 0);
    bool back = plan->walk == BNF_WALK_BACK;
    int status = bnf_plan_replace(fold, plan, back ? input : output, bnf_plan_becomes(plan, back ? output : input), err);
    bnf_edit_remove_node(g, move->node);
    return status;
}

/* The node's affine joins the one that walks past. */
static int join(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    const struct bnf_affine *own, struct bnf_err *err)
{
    bnf_id input = bnf_node_input(fold->graph, node, slot), output = bnf_node_output(fold->graph, node, 0);
    bool back = plan->walk == BNF_WALK_BACK;
    const struct bnf_affine *carried = bnf_plan_affine(plan, back ? output : input);
    struct bnf_affine both = {0};
    char text[256];
    if (!bnf_affine_compose(&fold->scratch, back ? carried : own, back ? own : carried, &both))
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the affine has %zu channels on axis %d, '%s' %zu on axis %d", carried->channels, carried->axis,
            bnf_node_text(fold->graph, node, text, sizeof text), own->channels, own->axis);
    if (!bnf_affine_finite(&both))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "together with '%s' the affine is not finite",
            bnf_node_text(fold->graph, node, text, sizeof text));
    struct bnf_move move = {.apply = apply_join, .node = node, .slot = slot};
    plan->affines_removed++;
    int answer = bnf_plan_add(plan, &move, err);
    return answer ? answer : bnf_plan_send(fold, plan, back ? input : output, &both, err);
}

/* ---- staying ---- */

static int apply_stay(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    uint32_t slot = 1 - move->slot;
    const char *hint = bnf_fold_name(fold, bnf_node_input(g, move->node, slot));
    int status = move->constant ? bnf_fold_attach(fold, move->node, slot, move->constant, hint, err) : BNF_OK;
    return status ? status : bnf_plan_rewire(fold, plan, move, err);
}

enum { most_elements = 1 << 24 };

/* The constant's extents widened by the affine's axis; false when the result would not be known or be too large. */
static bool widened(const struct operands *o, const struct bnf_affine *a, int64_t *dims, size_t *rank, size_t *count)
{
    size_t need = a->axis == BNF_AXIS_ANY ? 0 : (size_t)(o->rank - a->axis);
    if (a->axis != BNF_AXIS_ANY && (o->rank < 0 || a->axis < 0 || a->axis >= o->rank))
        return false;
    *rank = o->tensor.rank > need ? o->tensor.rank : need;
    for (size_t i = 0; i < *rank; i++)
        dims[i] = i + o->tensor.rank < *rank ? 1 : o->tensor.dims[i + o->tensor.rank - *rank];
    if (a->axis != BNF_AXIS_ANY && a->channels != 1) {
        int64_t *extent = &dims[*rank - need];
        if (*extent != 1 && *extent != (int64_t)a->channels)
            return false;
        *extent = (int64_t)a->channels;
    }
    return bnf_volume(dims, *rank, count) && *count <= most_elements;
}

/* Index into the constant and into the affine of element `at` of the widened constant. */
static void locate(const struct operands *o, const struct bnf_affine *a, const int64_t *dims, size_t rank, size_t at,
    size_t *in_constant, size_t *in_affine)
{
    size_t stride = 1;
    *in_constant = *in_affine = 0;
    for (size_t i = rank; i-- > 0;) {
        size_t coordinate = at % (size_t)dims[i];
        at /= (size_t)dims[i];
        if (a->axis != BNF_AXIS_ANY && (int)(rank - i) == o->rank - a->axis)
            *in_affine = coordinate;
        if (i + o->tensor.rank < rank)
            continue;
        int64_t extent = o->tensor.dims[i + o->tensor.rank - rank];
        if (extent != 1)
            *in_constant += coordinate * stride;
        stride *= (size_t)extent;
    }
}

/* The constant that makes up for the affine on the output. */
static double rewrite_back(const struct operands *o, double c, double s, double t)
{
    switch (o->operation) {
    case ADD:
        return s * c + t;
    case SUB:
        return o->dynamic == 0 ? s * c - t : s * c + t;
    case DIV:
        return o->dynamic == 0 ? c / s : s * c;
    case MUL:
        break;
    }
    return s * c;
}

/* The constant that lets the affine on the computed operand go, or go on. */
static double rewrite_forward(const struct operands *o, double c, double s)
{
    return o->operation == MUL ? s * c : c / s;
}

/* The constant that the node reads from now on. */
static int make_constant(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct operands *o,
    const struct bnf_affine *a, struct bnf_pending **out, struct bnf_err *err)
{
    bool old = bnf_node_opset(fold->graph, node) < 7; /* the constant's extents may not change there */
    int64_t dims[64];
    size_t rank, count;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    bool in_place = o->rank < 0 || o->first_axis == o->rank - (int)o->tensor.rank;
    if (o->tensor.rank > 32 || o->rank > 32 || !in_place || !widened(o, a, dims, &rank, &count) ||
        (old && (rank != o->tensor.rank || count != o->tensor.count)))
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "the constant of '%s' does not lie along axis %d alone",
            text, a->axis);
    if (o->operation == DIV && o->dynamic == 1 && count != o->tensor.count) /* the proof follows none that grows */
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "the constant that Div '%s' divides has %zu elements, not %zu",
            text, o->tensor.count, count);
    struct bnf_pending *made = bnf_pending_dense(fold->arena, o->tensor.dtype, dims, rank);
    const double *c = bnf_fold_read(fold, o->constant, o->tensor.count);
    const bool quotients = plan->walk == BNF_WALK_FORWARD && (o->operation == ADD || o->operation == SUB);
    bool fits = true;
    if (!made || !c)
        return bnf_fail_memory(err);
    for (size_t i = 0; o->operation == DIV && o->dynamic == 0 && i < o->tensor.count; i++)
        if (c[i] == 0)
            return bnf_refuse(fold, plan, BNF_REASON_ZERO_SCALE, "Div '%s' divides by 0: element %zu of its constant", text, i);
    for (size_t i = 0; i < count; i++) {
        size_t in_constant, in_affine;
        locate(o, a, dims, rank, i, &in_constant, &in_affine);
        double s = a->scale[in_affine], t = a->shift[in_affine];
        made->dense[i] = plan->walk == BNF_WALK_BACK ? rewrite_back(o, c[in_constant], s, t)
                                                     : rewrite_forward(o, c[in_constant], s);
        fits = fits && (!quotients || bnf_quotient_fits(o->tensor.dtype, c[in_constant], made->dense[i]));
    }
    if (!fits || !bnf_values_fit(o->tensor.dtype, made->dense, count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded constant of '%s' does not fit %s", text,
            bnf_dtype_name(o->tensor.dtype));
    *out = made;
    return BNF_ANSWER_YES;
}

/* What the node cannot take: a shift where it multiplies, a scale of 0 where the constant is divided by it. */
static int check_kind(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct operands *o,
    const struct bnf_affine *a)
{
    bool back = plan->walk == BNF_WALK_BACK, multiplies = o->operation == MUL || o->operation == DIV;
    bool divides = back ? o->operation == DIV && o->dynamic == 0 : o->operation != MUL;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (multiplies && !bnf_affine_no_shift(a))
        return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
            "%s '%s' cannot take a shift", fold->graph->nodes[node].proto->op_type, text);
    for (size_t i = 0; divides && i < a->channels; i++)
        if (a->scale[i] == 0)
            return bnf_refuse(fold, plan, BNF_REASON_ZERO_SCALE, "channel %zu of the affine has scale 0", i);
    return BNF_ANSWER_YES;
}

/* Backward, what is left of the affine goes on to the computed operand, which has to have its channels: where the constant
 * widens that operand from one channel to C, it has none of them. */
static int check_channels(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct operands *o,
    const struct bnf_affine *a)
{
    if (a->axis == BNF_AXIS_ANY || a->axis < o->first_axis)
        return BNF_ANSWER_YES;
    const struct bnf_value *x = &fold->graph->values[o->computed];
    char text[256];
    size_t at = (size_t)(a->axis - o->first_axis);
    bool widens = at < o->tensor.rank && o->tensor.dims[at] != 1;
    if (!widens || x->shape.dims[a->axis] == (int64_t)a->channels)
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, BNF_REASON_BROADCAST, "'%s' is not known to have the %zu channels that the constant of %s '%s' has",
        x->name, a->channels, fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text));
}

static int stay(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct operands *o,
    struct bnf_err *err)
{
    bnf_id output = bnf_node_output(fold->graph, node, 0);
    bool back = plan->walk == BNF_WALK_BACK, multiplies = o->operation == MUL || o->operation == DIV;
    struct bnf_affine a = *bnf_plan_affine(plan, back ? output : o->computed);
    struct bnf_move move = {.apply = apply_stay, .node = node, .slot = o->dynamic};
    if (a.channels == 1) /* the constant may widen that axis */
        a = bnf_affine_scalar(&fold->scratch, &a);
    if (!a.scale)
        return bnf_fail_memory(err);
    int answer = check_kind(fold, plan, node, o, &a);
    bool unchanged = !back && !multiplies && bnf_affine_unit_scale(&a);
    move.absorbs = multiplies || (back && bnf_affine_unit_scale(&a));
    if (!answer && back && !move.absorbs)
        answer = check_channels(fold, plan, node, o, &a);
    if (!answer && !unchanged)
        answer = make_constant(fold, plan, node, o, &a, &move.constant, err);
    if (answer)
        return answer;
    answer = bnf_plan_add(plan, &move, err);
    if (answer || move.absorbs)
        return answer;
    struct bnf_affine rest = bnf_affine_make(&fold->scratch, a.axis, a.channels);
    if (!rest.scale)
        return bnf_fail_memory(err);
    double sign = back ? 0 : o->operation == SUB && o->dynamic == 1 ? -1 : 1;
    for (size_t i = 0; i < a.channels; i++) {
        rest.scale[i] = a.scale[i];
        rest.shift[i] = sign * a.shift[i];
    }
    return bnf_plan_send(fold, plan, back ? o->computed : output, &rest, err);
}

static int refuse(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, enum bnf_reason reason)
{
    const char *op = fold->graph->nodes[node].proto->op_type;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (reason == BNF_REASON_NO_RULE)
        return bnf_refuse(fold, plan, reason, "%s '%s' lacks an operand", op, text);
    return bnf_refuse(fold, plan, reason, "the constant of %s '%s' %s", op, text,
        reason == BNF_REASON_RANK_UNKNOWN ? "cannot be placed: the rank of the other operand is not known"
                                          : "cannot carry the affine");
}

/* The operands of a node that the walk may use; YES or a refusal. */
static int ask(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct operands *o, struct bnf_err *err)
{
    enum bnf_reason reason;
    size_t index;
    int answer = read_operands(fold, node, o, &reason, err);
    const struct bnf_site *site = bnf_fold_site(fold, node, &index);
    if (!answer && site && site->reason == BNF_REASON_NOT_SELECTED) {
        answer = BNF_ANSWER_NO;
        reason = BNF_REASON_NOT_SELECTED;
    }
    char text[256];
    if (!answer && bnf_is_leftover(fold, o->constant))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "%s '%s' is what an earlier fold left over",
            fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text));
    return answer == BNF_ANSWER_NO ? refuse(fold, plan, node, reason) : answer;
}

static bool is_branch(const struct bnf_fold *fold, bnf_id node)
{
    bnf_id a = bnf_node_input(fold->graph, node, 0), b = bnf_node_input(fold->graph, node, 1);
    return a != BNF_NONE && b != BNF_NONE && !bnf_fold_is_constant(fold, a) && !bnf_fold_is_constant(fold, b);
}

/* Joins where the plan says so and the constant is per-channel or a scalar; stays otherwise. */
static int join_or_stay(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct operands *o,
    struct bnf_err *err)
{
    struct bnf_affine own;
    uint32_t slot;
    int answer = plan->style == BNF_STYLE_JOIN ? bnf_elementwise_read(fold, node, &slot, &own, err) : BNF_ANSWER_NO;
    if (answer == BNF_ANSWER_YES)
        return join(fold, plan, node, slot, &own, err);
    return answer < 0 ? answer : stay(fold, plan, node, o, err);
}

int bnf_elementwise_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct operands o;
    if (is_branch(fold, node))
        return bnf_branch_back(fold, plan, node, err);
    int answer = ask(fold, plan, node, &o, err);
    return answer ? answer : join_or_stay(fold, plan, node, &o, err);
}

int bnf_elementwise_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct operands o;
    char text[256];
    if (is_branch(fold, node))
        return bnf_branch_forward(fold, plan, node, err);
    int answer = ask(fold, plan, node, &o, err);
    if (!answer && !bnf_plan_affine(plan, o.computed)) /* a normalized constant */
        answer = bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "the affine makes the constant of %s '%s'",
            fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text));
    return answer ? answer : join_or_stay(fold, plan, node, &o, err);
}
