#include "fold/through.h"

#include "graph/attr.h"

int bnf_through_begin(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_through *through)
{
    const struct bnf_graph *g = fold->graph;
    *through = (struct bnf_through){.node = node,
        .input = bnf_node_input(g, node, 0),
        .output = bnf_node_output(g, node, 0),
        .back = plan->walk == BNF_WALK_BACK,
        .proto = g->nodes[node].proto,
        .opset = bnf_node_opset(g, node)};
    bnf_node_text(g, node, through->text, sizeof through->text);
    enum bnf_reason reason = through->back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR;
    const char *op = through->proto->op_type;
    if (through->input == BNF_NONE || through->output == BNF_NONE)
        return bnf_refuse(fold, plan, reason, "%s '%s' lacks an input or output", op, through->text);
    for (uint32_t slot = 1; !through->back && slot < g->nodes[node].input_count; slot++)
        if (bnf_plan_carried(plan, bnf_node_input(g, node, slot)))
            return bnf_refuse(fold, plan, reason, "%s '%s' takes the affine as a setting", op, through->text);
    const struct bnf_affine *affine = bnf_plan_affine(plan, through->back ? through->output : through->input);
    if (!affine)
        return bnf_refuse(fold, plan, reason, "%s '%s' gives more than its first output", op, through->text);
    through->affine = *affine;
    return BNF_ANSWER_YES;
}

int bnf_through_uniform(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *through,
    const char *what, struct bnf_err *err)
{
    if (through->affine.axis == BNF_AXIS_ANY)
        return BNF_ANSWER_YES;
    if (!bnf_affine_is_uniform(&through->affine))
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the affine's %zu channels lie on axis %d, and %s '%s' %s", through->affine.channels,
            through->affine.axis, through->proto->op_type, through->text, what);
    through->affine = bnf_affine_scalar(&fold->scratch, &through->affine);
    return through->affine.scale ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

int bnf_through_no_negative(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through)
{
    const struct bnf_affine *a = &through->affine;
    for (size_t c = 0; c < a->channels; c++)
        if (!(a->scale[c] >= 0))
            return bnf_refuse(fold, plan, BNF_REASON_NEGATIVE_SCALE,
                "channel %zu of the affine has scale %.3g, and %s '%s' takes none below 0", c, a->scale[c],
                through->proto->op_type, through->text);
    return BNF_ANSWER_YES;
}

int bnf_through_send(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through, struct bnf_err *err)
{
    return bnf_plan_send(fold, plan, through->back ? through->input : through->output, &through->affine, err);
}

int bnf_through_pass(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through, struct bnf_err *err)
{
    int answer = bnf_plan_pass(plan, through->node, err);
    return answer ? answer : bnf_through_send(fold, plan, through, err);
}

enum { most_numbers = 256 };

int bnf_through_input(
    struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_numbers *out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    struct bnf_tensor tensor;
    struct bnf_err local = {0};
    *out = (struct bnf_numbers){.known = value == BNF_NONE, .reason = BNF_REASON_NONE};
    if (out->known)
        return BNF_OK;
    int answer = bnf_fold_tensor(fold, value, &tensor, &out->reason, &local);
    if (answer < 0)
        return bnf_fail(err, local.status, "%s", local.text);
    bool numeric = !answer && bnf_dtype_is_number(tensor.dtype);
    if (!numeric || tensor.count > most_numbers)
        return BNF_OK;
    out->known = true;
    out->count = tensor.count;
    if (tensor.count && !(out->items = bnf_fold_read(fold, value, tensor.count)))
        return bnf_fail_memory(err);
    return BNF_OK;
}

int bnf_through_attribute(
    struct bnf_fold *fold, bnf_id node, const char *name, struct bnf_numbers *out, struct bnf_err *err)
{
    const Onnx__AttributeProto *attribute = bnf_attr_find(fold->graph->nodes[node].proto, name);
    *out = (struct bnf_numbers){.known = true};
    if (!attribute)
        return BNF_OK;
    size_t count = attribute->n_ints ? attribute->n_ints : attribute->n_floats;
    if (count > most_numbers) {
        out->known = false;
        return BNF_OK;
    }
    double *items = bnf_arena_alloc(&fold->scratch, count, sizeof *items);
    if (!items)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        items[i] = attribute->n_ints ? (double)attribute->ints[i] : (double)attribute->floats[i];
    out->count = count;
    out->items = items;
    return BNF_OK;
}

int bnf_through_axis(double number, int rank)
{
    double axis = number < 0 ? number + rank : number;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}
