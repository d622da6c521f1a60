/* Operators that hand an affine on as it is: Identity, and Dropout at inference. And constants, which take it. */
#include "fold/state.h"

#include "graph/attr.h"

/* Dropout's mask is read: not what a network at inference does. */
static bool mask_is_read(const struct bnf_graph *g, bnf_id node)
{
    bnf_id mask = bnf_node_is(g, node, "Dropout") ? bnf_node_output(g, node, 1) : BNF_NONE;
    return mask != BNF_NONE && (g->values[mask].use_count || g->values[mask].output_uses);
}

/* Dropout: 12+ training_mode absent or constant false; 7–11 always; 1–6 is_test ≠ 0. Its mask must not be read. */
static bool passes(struct bnf_fold *fold, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    if (!bnf_node_is(g, node, "Dropout"))
        return true;
    int64_t opset = bnf_node_opset(g, node);
    if (opset < 7)
        return bnf_attr_int(g->nodes[node].proto, "is_test", 0) != 0;
    bnf_id training = opset < 12 ? BNF_NONE : bnf_node_input(g, node, 2);
    if (training == BNF_NONE)
        return true;
    const struct bnf_tensor *flag = NULL;
    return bnf_constant(&fold->constants, training, &flag, NULL) == BNF_OK && flag && flag->count == 1 &&
           flag->dtype == BNF_DTYPE_BOOL && bnf_tensor_at(flag, 0) == 0;
}

static int pass(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    bnf_id input = bnf_node_input(fold->graph, node, 0), output = bnf_node_output(fold->graph, node, 0);
    bool back = plan->walk == BNF_WALK_BACK;
    char text[256];
    bool read = mask_is_read(fold->graph, node);
    if (input == BNF_NONE || output == BNF_NONE || read || !passes(fold, node))
        return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
            read ? "the mask of Dropout '%s' is read" : "Dropout '%s' drops values at random, or may do so",
            bnf_node_text(fold->graph, node, text, sizeof text));
    int answer = bnf_plan_pass(plan, node, err);
    if (answer)
        return answer;
    return bnf_plan_send(fold, plan, back ? input : output, bnf_plan_affine(plan, back ? output : input), err);
}

int bnf_identity_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return pass(fold, plan, node, err);
}

int bnf_identity_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(fold->graph, node, 0));
    char text[256];
    if (!carried) /* it is Dropout's ratio or switch that is normalized */
        return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "'%s' takes the affine as a setting",
            bnf_node_text(fold->graph, node, text, sizeof text));
    return pass(fold, plan, node, err);
}

/* ---- constants ---- */

/* Whoever reads what the constant becomes reads a new initializer. */
static int apply_constant(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const bnf_id *value = move->data;
    bnf_id result = bnf_plan_becomes(plan, *value);
    const struct bnf_use *use = &g->uses[g->values[result].first_use];
    bnf_id node = use->node;
    uint32_t slot = use->slot;
    int status = bnf_fold_attach(fold, node, slot, move->constant, bnf_fold_name(fold, result), err);
    if (!status)
        bnf_edit_move_uses(g, result, bnf_node_input(g, node, slot));
    return status;
}

/* A node on the way that reads the constant twice: as what is mapped, and as a setting perhaps. */
static bnf_id find_double_reader(const struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id value)
{
    const struct bnf_graph *g = fold->graph;
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        unsigned count = 0;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            count += bnf_node_input(g, node, slot) == value;
        if (count > 1 && bnf_table_get(&plan->asked, node) != BNF_NONE)
            return node;
    }
    return BNF_NONE;
}

int bnf_constant_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, struct bnf_err *err)
{
    const struct bnf_affine *a = bnf_plan_affine(plan, value);
    const struct bnf_value *site = &fold->graph->values[bnf_node_output(fold->graph, plan->site->node, 0)];
    struct bnf_tensor tensor;
    enum bnf_reason reason = BNF_REASON_NONE;
    bnf_id result = bnf_node_output(fold->graph, plan->site->node, 0);
    bool direct = value == plan->carried[0].value; /* no operator between: the site's readers get the constant */
    if (direct && (plan->extent == BNF_EXTENT_SCALE || site->output_uses || !site->use_count ||
                      bnf_value_is_captured(fold->graph, result)))
        return bnf_refuse(fold, plan, BNF_REASON_AFFINE_IS_OUTPUT, "'%s' is a constant of the interface",
            bnf_fold_name(fold, value));
    bnf_id reader = find_double_reader(fold, plan, value);
    char text[256];
    if (reader != BNF_NONE)
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "the constant '%s' is read more than once by '%s'",
            bnf_fold_name(fold, value), bnf_node_text(fold->graph, reader, text, sizeof text));
    int answer = bnf_fold_tensor(fold, value, &tensor, &reason, err);
    if (answer < 0)
        return answer;
    bool on_axis = a->axis == BNF_AXIS_ANY || (!answer && a->axis < (int)tensor.rank &&
                                                  tensor.dims[a->axis] == (int64_t)a->channels);
    if (answer || !on_axis || !bnf_dtype_is_float(tensor.dtype))
        return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_BROADCAST,
            "the constant '%s' does not have %zu channels on axis %d", bnf_fold_name(fold, value), a->channels,
            a->axis);
    size_t run = 1;
    for (size_t i = (size_t)(a->axis + 1); a->axis != BNF_AXIS_ANY && i < tensor.rank; i++)
        run *= (size_t)tensor.dims[i];
    struct bnf_move move = {.apply = apply_constant,
        .node = plan->site->node,
        .affine = *a,
        .constant = bnf_pending_dense(fold->arena, tensor.dtype, tensor.dims, tensor.rank),
        .absorbs = true};
    double *x = bnf_fold_read(fold, value, tensor.count);
    bnf_id *which = bnf_arena_alloc(&fold->scratch, 1, sizeof *which);
    if (!x || !which || !move.constant)
        return bnf_fail_memory(err);
    *which = value;
    move.data = which;
    for (size_t i = 0; i < tensor.count; i++) {
        size_t c = i / run % a->channels;
        move.constant->dense[i] = a->scale[c] * x[i] + a->shift[c];
    }
    if (!bnf_values_fit(tensor.dtype, move.constant->dense, tensor.count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the mapped constant '%s' does not fit %s",
            bnf_fold_name(fold, value), bnf_dtype_name(tensor.dtype));
    return bnf_plan_add(plan, &move, err);
}
