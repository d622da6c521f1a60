/* Add, Sub, Sum, Mean, Mul and Div of computed values.
 *
 * Backward, a scale goes to every term of a sum and a shift to one of them (with its sign; to all of Mean's);
 * a scale goes to one factor of a product, and to a quotient's left operand. Forward, the terms of a sum
 * bring one scale and their shifts add up; the scales of factors multiply. An operand that broadcasts along
 * the affine's axis can carry only what is equal on all channels. */
#include "fold/branch.h"

#include "graph/attr.h"

enum kind { SUM, MEAN, PRODUCT, QUOTIENT };

static enum kind kind_of(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Mul")    ? PRODUCT
           : bnf_node_is(g, node, "Div")  ? QUOTIENT
           : bnf_node_is(g, node, "Mean") ? MEAN
                                          : SUM;
}

enum bnf_reason bnf_branch_not_linear(const struct bnf_plan *plan)
{
    return plan->walk == BNF_WALK_BACK ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR;
}

bool bnf_affine_is_neutral(const struct bnf_affine *affine)
{
    return bnf_affine_unit_scale(affine) && bnf_affine_no_shift(affine);
}

bool bnf_affine_is_same(const struct bnf_affine *a, const struct bnf_affine *b)
{
    if (a->channels && b->channels && bnf_affine_is_uniform(a) && bnf_affine_is_uniform(b))
        return a->scale[0] == b->scale[0] && a->shift[0] == b->shift[0];
    if (a->axis != b->axis || a->channels != b->channels)
        return false;
    for (size_t c = 0; c < a->channels; c++)
        if (a->scale[c] != b->scale[c] || a->shift[c] != b->shift[c])
            return false;
    return true;
}

int bnf_branch_types(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_node *n = &g->nodes[node];
    int seen = 0;
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    bool is_binary = bnf_node_is(g, node, "Add") || bnf_node_is(g, node, "Sub") || bnf_node_is(g, node, "Mul") ||
                     bnf_node_is(g, node, "Div");
    if (is_binary && n->input_count != 2)
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "%s '%s' has %u operands, must have 2", n->proto->op_type,
            text, n->input_count);
    for (uint32_t slot = 0; slot < n->input_count; slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        if (value == BNF_NONE)
            return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "operand %u of %s '%s' is missing", slot,
                n->proto->op_type, text);
        enum bnf_reason why = bnf_fold_is_constant(fold, value)
                                  ? BNF_REASON_NONE
                                  : bnf_fold_why_dynamic(fold, value, BNF_REASON_NONE);
        if (why)
            return bnf_refuse(fold, plan, why, "operand '%s' of %s '%s' %s", bnf_fold_name(fold, value),
                n->proto->op_type, text,
                why == BNF_REASON_SPARSE ? "is stored as a sparse tensor"
                                         : "is an input that a caller may override");
        int dtype = bnf_fold_dtype(fold, value, 0);
        if (dtype && (!bnf_dtype_is_float(dtype) || (seen && seen != dtype)))
            return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "operand '%s' of %s '%s' is %s%s%s",
                bnf_fold_name(fold, value), n->proto->op_type, text, bnf_dtype_name(dtype),
                seen ? ", the one before it " : "", seen ? bnf_dtype_name(seen) : "");
        seen = dtype ? dtype : seen;
    }
    return BNF_ANSWER_YES;
}

/* ---- where an operand lies ---- */

/* The result's axis that the operand's axis 0 lies on. False when a rank is not known. */
static bool first_axis(const struct bnf_fold *fold, bnf_id node, uint32_t slot, int *first)
{
    const struct bnf_graph *g = fold->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    int64_t opset = bnf_node_opset(g, node);
    enum kind kind = kind_of(g, node);
    bool variadic = kind == MEAN || bnf_node_is(g, node, "Sum");
    int rank = g->values[bnf_node_output(g, node, 0)].shape.rank;
    int own = g->values[bnf_node_input(g, node, slot)].shape.rank;
    *first = 0;
    if (variadic ? opset < 8 : opset < 7 && (slot == 0 || !bnf_attr_int(proto, "broadcast", 0)))
        return true; /* it has the result's shape */
    if (rank < 0 || own < 0 || own > rank)
        return false;
    *first = rank - own;
    if (variadic || opset >= 7)
        return true;
    int64_t axis = bnf_attr_int(proto, "axis", *first);
    axis += axis < 0 ? rank : 0;
    *first = (int)axis;
    return axis >= 0 && axis <= rank - own;
}

/* What an operand has to take for the result to take the affine: the same on its own axis, or a scalar where
 * that is as good. BNF_REASON_NONE, or why it cannot. */
static enum bnf_reason onto_operand(struct bnf_fold *fold, bnf_id node, uint32_t slot,
    const struct bnf_affine *affine, struct bnf_affine *out)
{
    const struct bnf_shape *shape = &fold->graph->values[bnf_node_input(fold->graph, node, slot)].shape;
    enum bnf_reason why = BNF_REASON_BROADCAST;
    int first;
    *out = *affine;
    if (affine->axis == BNF_AXIS_ANY)
        return BNF_REASON_NONE;
    if (shape->rank < 0 || !first_axis(fold, node, slot, &first)) {
        why = BNF_REASON_RANK_UNKNOWN;
    } else {
        int axis = affine->axis - first;
        int64_t extent = axis >= 0 && axis < shape->rank ? shape->dims[axis] : 1;
        out->axis = axis;
        if (extent == (int64_t)affine->channels && axis >= 0 && axis < shape->rank)
            return BNF_REASON_NONE;
        if (extent < 0)
            why = BNF_REASON_SHAPE_UNKNOWN;
    }
    if (!bnf_affine_is_uniform(affine))
        return why;
    *out = bnf_affine_scalar(&fold->scratch, affine);
    return BNF_REASON_NONE;
}

static int refuse_operand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    const struct bnf_affine *affine, enum bnf_reason why)
{
    char text[256];
    const char *op = fold->graph->nodes[node].proto->op_type;
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, node, slot));
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (why == BNF_REASON_RANK_UNKNOWN)
        return bnf_refuse(
            fold, plan, why, "the rank of operand '%s' of %s '%s' is not known", name, op, text);
    if (why == BNF_REASON_SHAPE_UNKNOWN)
        return bnf_refuse(fold, plan, why,
            "the extent of operand '%s' of %s '%s' is not known where the affine has %zu "
            "channels",
            name, op, text, affine->channels);
    return bnf_refuse(fold, plan, why,
        "operand '%s' of %s '%s' does not have the affine's %zu channels on axis %d", name, op, text,
        affine->channels, affine->axis);
}

/* ---- backward ---- */

/* One operand's share: the scale, with the shift times `sign` or without it. */
static bool share_of(
    struct bnf_fold *fold, const struct bnf_affine *affine, double sign, struct bnf_affine *out)
{
    *out = bnf_affine_make(&fold->scratch, affine->axis, affine->channels);
    for (size_t c = 0; out->scale && c < affine->channels; c++) {
        out->scale[c] = affine->scale[c];
        out->shift[c] = sign * affine->shift[c];
    }
    return out->scale != NULL;
}

/* How likely an operand can change its meaning: constants always do, what somebody else reads as well never
 * does. */
static int rank_of(const struct bnf_fold *fold, bnf_id value)
{
    const struct bnf_value *v = &fold->graph->values[value];
    if (bnf_fold_is_constant(fold, value))
        return 0;
    return v->use_count == 1 && !v->output_uses && !v->is_input ? 1 : 2;
}

/* The likeliest operand that can take this share, or, where the plan says so, the next one. */
static int choose(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *share,
    uint32_t last, uint32_t *chosen)
{
    uint32_t found = 0, wanted = plan->second ? 2 : 1, refused = 0;
    enum bnf_reason why = BNF_REASON_BROADCAST;
    for (int rank = 0; rank <= 2; rank++) {
        for (uint32_t slot = 0; slot < last; slot++) {
            struct bnf_affine mapped;
            if (rank_of(fold, bnf_node_input(fold->graph, node, slot)) != rank)
                continue;
            enum bnf_reason no = onto_operand(fold, node, slot, share, &mapped);
            if (no) {
                why = no;
                refused = slot;
                continue;
            }
            found++;
            if (found <= wanted)
                *chosen = slot;
        }
    }
    plan->had_choice = plan->had_choice || found > 1;
    return found ? BNF_ANSWER_YES : refuse_operand(fold, plan, node, refused, share, why);
}

/* Plans the node as it is, and sends each operand its share. */
static int send_shares(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node,
    const struct bnf_affine *shares, struct bnf_err *err)
{
    uint32_t count = fold->graph->nodes[node].input_count;
    struct bnf_affine *mapped = bnf_arena_alloc(&fold->scratch, count, sizeof *mapped);
    if (!mapped)
        return bnf_fail_memory(err);
    for (uint32_t slot = 0; slot < count; slot++) {
        if (bnf_affine_is_neutral(&shares[slot]))
            continue;
        enum bnf_reason why = onto_operand(fold, node, slot, &shares[slot], &mapped[slot]);
        if (why)
            return refuse_operand(fold, plan, node, slot, &shares[slot], why);
    }
    int answer = bnf_plan_pass(plan, node, err);
    for (uint32_t slot = 0; !answer && slot < count; slot++)
        if (!bnf_affine_is_neutral(&shares[slot]))
            answer = bnf_plan_send(fold, plan, bnf_node_input(fold->graph, node, slot), &mapped[slot], err);
    return answer;
}

static int back_sum(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, enum kind kind, struct bnf_err *err)
{
    const struct bnf_affine *affine = bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0));
    uint32_t count = fold->graph->nodes[node].input_count, receiver = 0;
    bool minus = bnf_node_is(fold->graph, node, "Sub");
    struct bnf_affine *shares = bnf_arena_alloc(&fold->scratch, count, sizeof *shares);
    if (!shares)
        return bnf_fail_memory(err);
    if (kind == SUM && !bnf_affine_no_shift(affine)) {
        int answer = choose(fold, plan, node, affine, count, &receiver);
        if (answer)
            return answer;
    }
    for (uint32_t slot = 0; slot < count; slot++) {
        double sign = kind == MEAN ? 1 : slot != receiver ? 0 : minus && slot == 1 ? -1 : 1;
        if (!share_of(fold, affine, sign, &shares[slot]))
            return bnf_fail_memory(err);
    }
    return send_shares(fold, plan, node, shares, err);
}

static int back_product(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, enum kind kind, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_affine *affine = bnf_plan_affine(plan, bnf_node_output(g, node, 0));
    const char *op = g->nodes[node].proto->op_type;
    struct bnf_affine shares[2];
    uint32_t receiver = 0;
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    if (bnf_node_input(g, node, 0) == bnf_node_input(g, node, 1))
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_NOT_LINEAR,
            "%s '%s' has '%s' as both of its operands", op, text,
            bnf_fold_name(fold, bnf_node_input(g, node, 0)));
    if (!bnf_affine_no_shift(affine))
        return bnf_refuse(
            fold, plan, BNF_REASON_PRODUCER_NOT_LINEAR, "%s '%s' cannot take a shift", op, text);
    int answer = choose(fold, plan, node, affine, kind == QUOTIENT ? 1 : 2, &receiver);
    if (answer)
        return answer;
    shares[receiver] = *affine;
    shares[1 - receiver] = bnf_affine_make(&fold->scratch, BNF_AXIS_ANY, 1);
    return shares[1 - receiver].scale ? send_shares(fold, plan, node, shares, err) : bnf_fail_memory(err);
}

int bnf_branch_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    enum kind kind = kind_of(fold->graph, node);
    int answer = bnf_branch_types(fold, plan, node);
    if (answer)
        return answer;
    return kind == SUM || kind == MEAN ? back_sum(fold, plan, node, kind, err)
                                       : back_product(fold, plan, node, kind, err);
}

/* ---- forward ---- */

/* What an operand brings, on the result's axes: equal values on all channels as a scalar, (1, 0) for one that
 * is not on the way. */
static int onto_result(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_affine *out, struct bnf_err *err)
{
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, slot));
    int first;
    if (!carried)
        *out = bnf_affine_make(&fold->scratch, BNF_AXIS_ANY, 1);
    else if (bnf_affine_is_uniform(carried))
        *out = bnf_affine_scalar(&fold->scratch, carried);
    else if (!first_axis(fold, node, slot, &first))
        return refuse_operand(fold, plan, node, slot, carried, BNF_REASON_RANK_UNKNOWN);
    else {
        *out = *carried;
        out->axis += first;
    }
    return out->scale ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

/* What all operands bring, with the channels of the widest. */
static int gather(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_affine *brought,
    struct bnf_err *err)
{
    uint32_t count = fold->graph->nodes[node].input_count;
    const struct bnf_affine *wide = brought;
    char text[256];
    for (uint32_t slot = 0; slot < count; slot++) {
        int answer = onto_result(fold, plan, node, slot, &brought[slot], err);
        if (answer)
            return answer;
        if (wide->axis == BNF_AXIS_ANY)
            wide = &brought[slot];
    }
    for (uint32_t slot = 0; wide->axis != BNF_AXIS_ANY && slot < count; slot++) {
        struct bnf_affine *b = &brought[slot], grown = *b;
        if (!bnf_affine_expand(&fold->scratch, b, wide->axis, wide->channels, &grown))
            return !grown.scale ? bnf_fail_memory(err)
                                : bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
                                      "the operands of '%s' carry %zu channels on axis %d and %zu on axis %d",
                                      bnf_node_text(fold->graph, node, text, sizeof text), wide->channels,
                                      wide->axis, b->channels, b->axis);
        *b = grown;
    }
    return BNF_ANSWER_YES;
}

/* The affine of a sum: one scale, added shifts. */
static int join_sum(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, enum kind kind,
    const struct bnf_affine *brought, struct bnf_affine *out)
{
    uint32_t count = fold->graph->nodes[node].input_count;
    bool minus = bnf_node_is(fold->graph, node, "Sub");
    char text[256];
    for (size_t c = 0; c < out->channels; c++) {
        double sum = 0;
        for (uint32_t slot = 0; slot < count; slot++) {
            if (brought[slot].scale[c] != brought[0].scale[c]) {
                bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR,
                    "operands of %s '%s' have scales %g and %g on channel %zu",
                    fold->graph->nodes[node].proto->op_type,
                    bnf_node_text(fold->graph, node, text, sizeof text), brought[0].scale[c],
                    brought[slot].scale[c], c);
                plan->depth -= plan->depth > 0; /* no step further than an operator that is not linear */
                return BNF_ANSWER_NO;
            }
            sum += minus && slot == 1 ? -brought[slot].shift[c] : brought[slot].shift[c];
        }
        out->scale[c] = brought[0].scale[c];
        out->shift[c] = kind == MEAN ? sum / (double)count : sum;
    }
    return BNF_ANSWER_YES;
}

/* The affine of a product: multiplied scales. */
static int join_product(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, enum kind kind,
    const struct bnf_affine *brought, struct bnf_affine *out)
{
    const char *op = fold->graph->nodes[node].proto->op_type;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (kind == QUOTIENT && !bnf_affine_is_neutral(&brought[1]))
        return bnf_refuse(
            fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "%s '%s' divides by the affine's result", op, text);
    if (!bnf_affine_no_shift(&brought[0]) || !bnf_affine_no_shift(&brought[1]))
        return bnf_refuse(
            fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "%s '%s' cannot take a shift", op, text);
    for (size_t c = 0; c < out->channels; c++)
        out->scale[c] = brought[0].scale[c] * brought[1].scale[c];
    return BNF_ANSWER_YES;
}

int bnf_branch_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    uint32_t count = fold->graph->nodes[node].input_count;
    enum kind kind = kind_of(fold->graph, node);
    struct bnf_affine *brought = bnf_arena_alloc(&fold->scratch, count, sizeof *brought);
    char text[256];
    if (!brought)
        return bnf_fail_memory(err);
    int answer = bnf_branch_types(fold, plan, node);
    if (!answer)
        answer = gather(fold, plan, node, brought, err);
    if (answer)
        return answer;
    struct bnf_affine out = bnf_affine_make(&fold->scratch, brought[0].axis, brought[0].channels);
    if (!out.scale)
        return bnf_fail_memory(err);
    answer = kind == SUM || kind == MEAN ? join_sum(fold, plan, node, kind, brought, &out)
                                         : join_product(fold, plan, node, kind, brought, &out);
    if (!answer && !bnf_affine_finite(&out))
        answer = bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "behind '%s' the affine is not finite",
            bnf_node_text(fold->graph, node, text, sizeof text));
    if (answer)
        return answer;
    /* Shifts that cancel and scales that do end here. */
    struct bnf_move move = {.apply = bnf_plan_rewire, .node = node, .absorbs = bnf_affine_is_neutral(&out)};
    answer = bnf_plan_add(plan, &move, err);
    return answer || move.absorbs
               ? answer
               : bnf_plan_send(fold, plan, bnf_node_output(fold->graph, node, 0), &out, err);
}
