#include "fold/layer.h"

#include <string.h>

int bnf_layer_constant(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    enum bnf_reason dynamic, struct bnf_tensor *out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    enum bnf_reason reason = BNF_REASON_NONE;
    struct bnf_err local = {0};
    const char *what = slot == 2 ? "bias" : "weight", *op = fold->graph->nodes[node].proto->op_type;
    const char *name = bnf_fold_name(fold, value);
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    int answer = value == BNF_NONE ? BNF_ANSWER_NO : bnf_fold_tensor(fold, value, out, &reason, &local);
    if (answer < 0)
        return bnf_fail(err, local.status, "%s", local.text);
    if (answer && reason == BNF_REASON_EXTERNAL_DATA)
        return bnf_refuse(fold, plan, reason, "%s", local.text);
    if (answer)
        return bnf_refuse(fold, plan, reason ? reason : dynamic, "the %s '%s' of %s '%s' %s", what, name, op, text,
            reason == BNF_REASON_OVERRIDABLE ? "is an input that a caller may override"
            : reason == BNF_REASON_SPARSE    ? "is stored as a sparse tensor"
                                             : "is computed at run time");
    if (!bnf_dtype_is_float(out->dtype) || out->count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the %s '%s' of %s '%s' has %zu elements of %s", what, name, op,
            text, out->count, bnf_dtype_name(out->dtype));
    return BNF_ANSWER_YES;
}

int bnf_layer_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot, struct bnf_block block,
    struct bnf_pending **out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    enum bnf_reason reason;
    char text[256];
    int answer = bnf_fold_weight(fold, value, block, out, &reason, err);
    if (answer != BNF_ANSWER_NO)
        return answer;
    return bnf_refuse(fold, plan, reason, "the weight '%s' of '%s' was computed from constants by a folded affine",
        bnf_fold_name(fold, value), bnf_node_text(fold->graph, node, text, sizeof text));
}

int bnf_layer_expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine,
    int axis, size_t channels, struct bnf_affine *out)
{
    char text[256];
    if (bnf_affine_expand(&fold->scratch, affine, axis, channels, out))
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, affine->axis == axis ? BNF_REASON_BROADCAST : BNF_REASON_AXIS_MISMATCH,
        "the affine has %zu channels on axis %d, but '%s' maps %zu channels on axis %d", affine->channels,
        affine->axis, bnf_node_text(fold->graph, node, text, sizeof text), channels, axis);
}

int bnf_layer_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer_rounding *r)
{
    const struct bnf_pending *w = r->weight;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (r->bias && !bnf_values_fit(r->bias_dtype, r->bias, r->bias_count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded bias of '%s' does not fit %s", text,
            bnf_dtype_name(r->bias_dtype));
    if (fold->options->optimistic && bnf_pending_check_can_wait(w))
        return BNF_ANSWER_YES;
    size_t channels = w->groups * (r->channels_outer ? w->outer : w->inner);
    enum bnf_rounding rounding = bnf_pending_check(w, r->on_outer ? r->factors : NULL,
        r->on_outer ? NULL : r->factors, r->channels_outer, r->bias_count == channels ? r->bias : NULL,
        fold->options->threads);
    if (rounding == BNF_ROUNDING_FINE)
        return BNF_ANSWER_YES;
    bool over = rounding == BNF_ROUNDING_OVERFLOW;
    return bnf_refuse(fold, plan, over ? BNF_REASON_OVERFLOW : BNF_REASON_UNDERFLOW, "the folded weight of '%s' %s %s",
        text, over ? "does not fit" : "falls below the resolution of", bnf_dtype_name(w->base.dtype));
}

int bnf_layer_scale(struct bnf_fold *fold, bnf_id node, uint32_t slot, const struct bnf_layer_edit *edit,
    struct bnf_err *err)
{
    bool scaled = edit->on_outer ? bnf_pending_scale_outer(fold->arena, edit->weight, edit->factors)
                                 : bnf_pending_scale_inner(fold->arena, edit->weight, edit->factors);
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, node, slot));
    return scaled ? bnf_fold_attach(fold, node, slot, edit->weight, name, err) : bnf_fail_memory(err);
}

int bnf_layer_attach_bias(struct bnf_fold *fold, bnf_id node, struct bnf_pending *bias, struct bnf_err *err)
{
    bnf_id old = bnf_node_input(fold->graph, node, 2), weight = bnf_node_input(fold->graph, node, 1);
    if (!bias)
        return BNF_OK;
    /* A layer without bias names the new one after its weight, of which no earlier fold's mark is kept. */
    const char *hint = bnf_fold_name(fold, old != BNF_NONE ? old : weight);
    const char *mark = strstr(hint, ".bnfold");
    int stem = mark ? (int)(mark - hint) : (int)strlen(hint);
    if (old == BNF_NONE)
        hint = bnf_arena_format(fold->arena, "%.*s.bias", stem, hint);
    return hint ? bnf_fold_attach(fold, node, 2, bias, hint, err) : bnf_fail_memory(err);
}

void bnf_layer_rewire(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot)
{
    struct bnf_graph *g = fold->graph;
    if (plan->walk == BNF_WALK_BACK)
        bnf_edit_set_output(g, node, 0, bnf_plan_becomes(plan, bnf_node_output(g, node, 0)));
    else
        bnf_edit_set_input(g, node, slot, bnf_plan_becomes(plan, bnf_node_input(g, node, slot)));
}
