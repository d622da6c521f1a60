#include "fold/layer.h"

#include "fold/quantized.h"

#include <string.h>

/* What a sentence calls the constant in a slot. */
static const char *role(const char *op, uint32_t slot)
{
    bool recurrent = strcmp(op, "LSTM") == 0 || strcmp(op, "GRU") == 0 || strcmp(op, "RNN") == 0;
    if (strcmp(op, "Gather") == 0)
        return "table";
    if (slot == 1 && strstr(op, "Normalization"))
        return "scale";
    return slot == (recurrent ? 3 : 2) && strcmp(op, "Einsum") != 0 ? "bias" : "weight";
}

int bnf_layer_constant(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    enum bnf_reason dynamic, struct bnf_tensor *out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    enum bnf_reason reason = BNF_REASON_NONE;
    struct bnf_err local = {0};
    const char *op = fold->graph->nodes[node].proto->op_type, *what = role(op, slot);
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
            : reason == BNF_REASON_IN_FUNCTION ? "comes from the caller of the function"
                                             : "is computed at run time");
    if (!bnf_dtype_is_float(out->dtype) || out->count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the %s '%s' of %s '%s' has %zu elements of %s", what, name, op,
            text, out->count, bnf_dtype_name(out->dtype));
    return BNF_ANSWER_YES;
}

bool bnf_layer_is_weight(const struct bnf_fold *fold, bnf_id value)
{
    return bnf_fold_is_constant(fold, value) || bnf_is_dequantized(fold, value);
}

int bnf_layer_weight_tensor(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_tensor *out, struct bnf_err *err)
{
    return bnf_is_dequantized(fold, bnf_node_input(fold->graph, node, slot))
               ? bnf_quantized_tensor(fold, plan, node, slot, out, err)
               : bnf_layer_constant(fold, plan, node, slot, BNF_REASON_WEIGHT_DYNAMIC, out, err);
}

int bnf_layer_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot, struct bnf_block block,
    struct bnf_pending **out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    enum bnf_reason reason;
    char text[256];
    if (bnf_is_dequantized(fold, value))
        return bnf_quantized_weight(fold, plan, node, slot, block, out, err);
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

int bnf_layer_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer_rounding *r,
    struct bnf_err *err)
{
    const struct bnf_pending *w = r->weight;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (r->bias && !bnf_values_fit(r->bias_dtype, r->bias, r->bias_count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded bias of '%s' does not fit %s", text,
            bnf_dtype_name(r->bias_dtype));
    if (w->quantized)
        return bnf_quantized_check(fold, plan, node, w, r->factors, r->on_outer, err);
    if (fold->options->optimistic && bnf_pending_check_can_wait(w))
        return BNF_ANSWER_YES;
    size_t channels = w->groups * (r->channels_outer ? w->outer : w->inner);
    const struct bnf_factors more = {.outer = r->on_outer ? r->factors : NULL,
        .inner = r->on_outer ? NULL : r->factors,
        .shift = r->shift};
    enum bnf_rounding rounding = bnf_pending_check(w, &more, r->channels_outer,
        r->bias_count == channels ? r->bias : NULL, fold->options->threads);
    if (rounding == BNF_ROUNDING_FINE)
        return BNF_ANSWER_YES;
    bool over = rounding == BNF_ROUNDING_OVERFLOW;
    return bnf_refuse(fold, plan, over ? BNF_REASON_OVERFLOW : BNF_REASON_UNDERFLOW, "the folded weight of '%s' %s %s",
        text, over ? "does not fit" : "falls below the resolution of", bnf_dtype_name(w->base.dtype));
}

double *bnf_layer_repeat(struct bnf_fold *fold, const double *factors, size_t channels, size_t groups)
{
    double *out = bnf_arena_alloc(&fold->scratch, channels * groups, sizeof *out);
    for (size_t g = 0; out && g < groups; g++)
        memcpy(out + g * channels, factors, channels * sizeof *out);
    return out;
}

int bnf_layer_refuse_input(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const char *input)
{
    char text[256];
    return bnf_refuse(fold, plan, BNF_REASON_WEIGHT_DYNAMIC, "the affine lies on another input of %s '%s' than its %s",
        fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text), input);
}

/* ---- the move ---- */

int bnf_layer_absorb(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias,
    int (*apply)(struct bnf_fold *, struct bnf_plan *, const struct bnf_move *, struct bnf_err *), const void *more,
    struct bnf_err *err)
{
    const struct bnf_layer_rounding rounding = {.weight = layer->weight,
        .factors = affine->scale,
        .on_outer = on_outer,
        .channels_outer = layer->channels_outer,
        .bias = layer->bias,
        .bias_count = layer->bias_count,
        .bias_dtype = layer->bias_dtype};
    struct bnf_move move = {.apply = apply, .node = node, .affine = *affine, .absorbs = true};
    int answer = bnf_layer_check(fold, plan, node, &rounding, err);
    if (answer)
        return answer;
    struct bnf_layer_edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    if (!edit)
        return bnf_fail_memory(err);
    *edit = (struct bnf_layer_edit){
        layer->weight, affine->scale, on_outer, layer->weight_slot, layer->bias_slot, more};
    move.data = edit;
    if (new_bias) {
        move.constant = bnf_pending_dense(fold->arena, layer->bias_dtype, layer->bias_dims, layer->bias_rank);
        if (!move.constant)
            return bnf_fail_memory(err);
        memcpy(move.constant->dense, layer->bias, layer->bias_count * sizeof *layer->bias);
    }
    return bnf_plan_add(plan, &move, err);
}

int bnf_layer_apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    const struct bnf_layer_edit *edit = move->data;
    int status = bnf_layer_scale(fold, move->node, edit->weight_slot, edit, err);
    if (!status)
        status = bnf_layer_attach_bias(fold, move->node, edit->bias_slot, move->constant, err);
    if (!status)
        bnf_layer_rewire(fold, plan, move->node, 0);
    return status;
}

int bnf_layer_scale(struct bnf_fold *fold, bnf_id node, uint32_t slot, const struct bnf_layer_edit *edit,
    struct bnf_err *err)
{
    bool scaled = edit->on_outer ? bnf_pending_scale_outer(fold->arena, edit->weight, edit->factors)
                                 : bnf_pending_scale_inner(fold->arena, edit->weight, edit->factors);
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, node, slot));
    if (!scaled)
        return bnf_fail_memory(err);
    return edit->weight->quantized ? bnf_quantized_attach(fold, node, slot, edit->weight, err)
                                   : bnf_fold_attach(fold, node, slot, edit->weight, name, err);
}

int bnf_layer_attach_bias(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *bias,
    struct bnf_err *err)
{
    bnf_id old = bnf_node_input(fold->graph, node, slot), weight = bnf_node_input(fold->graph, node, 1);
    if (!bias)
        return BNF_OK;
    /* A layer without bias names the new one after its weight, of which no earlier fold's mark is kept. */
    const char *hint = bnf_fold_name(fold, old != BNF_NONE ? old : weight);
    const char *mark = strstr(hint, ".bnfold");
    int stem = mark ? (int)(mark - hint) : (int)strlen(hint);
    if (old == BNF_NONE)
        hint = bnf_arena_format(fold->arena, "%.*s.bias", stem, hint);
    return hint ? bnf_fold_attach(fold, node, slot, bias, hint, err) : bnf_fail_memory(err);
}

void bnf_layer_rewire(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot)
{
    struct bnf_graph *g = fold->graph;
    if (plan->walk == BNF_WALK_BACK)
        bnf_edit_set_output(g, node, 0, bnf_plan_becomes(plan, bnf_node_output(g, node, 0)));
    else
        bnf_edit_set_input(g, node, slot, bnf_plan_becomes(plan, bnf_node_input(g, node, slot)));
}

int bnf_layer_rewire_shifted(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_pending *shift, int axis, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id old = bnf_node_output(g, node, 0), product, add;
    /* Backward the result takes the name that the walk came from; forward it keeps its own. */
    bnf_id result = plan->walk == BNF_WALK_BACK ? bnf_plan_becomes(plan, old) : old;
    bnf_layer_rewire(fold, plan, node, slot);
    if (!shift)
        return BNF_OK;
    struct bnf_shape shape = g->values[old].shape;
    int status = bnf_edit_value(g, g->nodes[node].scope, g->values[old].name, &product, err);
    if (status)
        return status;
    g->values[product].shape = shape;
    bnf_edit_set_output(g, node, 0, product);
    status = bnf_fold_add_node(fold, g->nodes[node].scope, "Add", product, shift, axis, result, &add, err);
    if (!status)
        g->nodes[add].position = g->nodes[node].position;
    return status;
}
