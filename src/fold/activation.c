/* Relu, LeakyRelu and PRelu: linear on either side of 0, so a scale that keeps the sides passes and a shift
 * does not. Neg: an affine passes, or takes it along. */
#include "fold/through.h"

static bool is_activation(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Relu") || bnf_node_is(g, node, "LeakyRelu") || bnf_node_is(g, node, "PRelu");
}

/* Another reader of the value that a rule could be asked about. */
static bool is_shared(const struct bnf_graph *g, bnf_id value)
{
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE; use = g->uses[use].next) {
        const struct bnf_rule *rule = bnf_rule_find(g, g->uses[use].node);
        if (rule && rule->forward && !is_activation(g, g->uses[use].node))
            return true;
    }
    return false;
}

/* For this affine the operator is as little linear as any without a rule, and counts as not asked. */
static int refuse_shift(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t)
{
    const char *op = t->proto->op_type, *name = bnf_fold_name(fold, t->input);
    if (t->back)
        bnf_refuse(
            fold, plan, BNF_REASON_PRODUCER_NOT_LINEAR, "%s '%s' in front of it is not linear", op, t->text);
    else if (is_shared(fold->graph, t->input))
        bnf_refuse(fold, plan, BNF_REASON_CONSUMER_SHARED,
            "'%s' is also read by %s '%s', which cannot take it", name, op, t->text);
    else
        bnf_refuse(
            fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "%s '%s' behind it is not linear", op, t->text);
    plan->depth--;
    return BNF_ANSWER_NO;
}

int bnf_activation(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer && !bnf_affine_no_shift(&t.affine))
        answer = refuse_shift(fold, plan, &t);
    if (!answer)
        answer = bnf_through_no_negative(fold, plan, &t);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}

/* ---- Neg ---- */

static int apply_join(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id input = bnf_node_input(g, move->node, 0), output = bnf_node_output(g, move->node, 0);
    bool back = plan->walk == BNF_WALK_BACK;
    int status = bnf_plan_replace(
        fold, plan, back ? input : output, bnf_plan_becomes(plan, back ? output : input), err);
    bnf_edit_remove_node(g, move->node);
    return status;
}

/* It stays: s·(−x) + t = −(s·x − t), and −(s·x + t) = s·(−x) − t. It joins: (−s)·x + t, and (−s)·x − t. */
int bnf_neg(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    bool joins = plan->style == BNF_STYLE_JOIN;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    struct bnf_affine turned = bnf_affine_make(&fold->scratch, t.affine.axis, t.affine.channels);
    if (!turned.scale)
        return bnf_fail_memory(err);
    for (size_t c = 0; c < turned.channels; c++) {
        turned.scale[c] = joins ? -t.affine.scale[c] : t.affine.scale[c];
        turned.shift[c] = joins && t.back ? t.affine.shift[c] : 0 - t.affine.shift[c];
    }
    t.affine = turned;
    if (!joins)
        return bnf_through_pass(fold, plan, &t, err);
    struct bnf_move move = {.apply = apply_join, .node = node};
    answer = bnf_plan_add(plan, &move, err);
    return answer ? answer : bnf_through_send(fold, plan, &t, err);
}
