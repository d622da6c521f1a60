/* Gather of rows from a constant table: an affine on the last axis maps the rows of the table, element ↦
 * s·element + t. */
#include "fold/layer.h"

#include "graph/attr.h"

enum { most_copied = 1 << 20 }; /* bytes of a table that somebody else reads too */

struct edit {
    struct bnf_pending *table;
    const double *scale, *shift; /* shift NULL: none */
};

static int apply(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    const struct edit *edit = move->data;
    bool done = edit->shift ? bnf_pending_map_inner(fold->arena, edit->table, edit->scale, edit->shift)
                            : bnf_pending_scale_inner(fold->arena, edit->table, edit->scale);
    if (!done)
        return bnf_fail_memory(err);
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, move->node, 0));
    int status = bnf_fold_attach(fold, move->node, 0, edit->table, name, err);
    if (!status)
        bnf_layer_rewire(fold, plan, move->node, 0);
    return status;
}

/* How many others read the table, or what it is computed from: it would stay beside the new one. */
static uint32_t other_readers(const struct bnf_graph *g, bnf_id table)
{
    for (;;) {
        const struct bnf_value *v = &g->values[table];
        if (v->use_count + v->output_uses > 1)
            return v->use_count + v->output_uses - 1;
        if (v->producer == BNF_NONE || bnf_node_input(g, v->producer, 0) == BNF_NONE)
            return 0;
        table = bnf_node_input(g, v->producer, 0);
    }
}

/* Is this a look-up of rows whose last axis carries the affine? YES or a refusal. */
static int check_rows(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node,
    const struct bnf_tensor *table, const struct bnf_affine *a)
{
    const struct bnf_graph *g = fold->graph;
    int64_t axis = bnf_attr_int(g->nodes[node].proto, "axis", 0);
    int rank = g->values[bnf_node_output(g, node, 0)].shape.rank;
    int indices = g->values[bnf_node_input(g, node, 1)].shape.rank;
    bnf_id value = bnf_node_input(g, node, 0);
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    if (axis < 0)
        axis += table->rank;
    if (axis != 0 || table->rank < 2)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "Gather '%s' takes slices along axis %lld of a table of rank %u, not rows", text, (long long)axis,
            table->rank);
    if (rank < 0 && indices >= 0)
        rank = indices + (int)table->rank - 1;
    if (a->axis != BNF_AXIS_ANY && rank < 0)
        return bnf_refuse(
            fold, plan, BNF_REASON_RANK_UNKNOWN, "the rank of the indices of '%s' is not known", text);
    if (a->axis != BNF_AXIS_ANY && a->axis != rank - 1)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the affine lies on axis %d, but only the last axis, %d, of what Gather '%s' looks up is one of "
            "the table",
            a->axis, rank - 1, text);
    uint32_t others = other_readers(g, value);
    if (others && table->bytes >= most_copied)
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED,
            "the table '%s' of '%s' is read %u more time%s, and its %zu bytes are copied below %d only",
            bnf_fold_name(fold, value), text, others, others == 1 ? "" : "s", table->bytes, most_copied);
    return BNF_ANSWER_YES;
}

int bnf_gather_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_affine *a = bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0));
    struct bnf_tensor table;
    struct bnf_affine wide;
    int answer = bnf_layer_constant(fold, plan, node, 0, BNF_REASON_WEIGHT_DYNAMIC, &table, err);
    if (!answer)
        answer = check_rows(fold, plan, node, &table, a);
    if (answer)
        return answer;
    size_t channels = (size_t)table.dims[table.rank - 1];
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    if (!edit)
        return bnf_fail_memory(err);
    answer = bnf_layer_expand(fold, plan, node, a, a->axis, channels, &wide);
    if (!answer)
        answer = bnf_layer_weight(fold, plan, node, 0,
            (struct bnf_block){1, table.count / channels, channels, 1}, &edit->table, err);
    if (answer)
        return answer;
    edit->scale = wide.scale;
    edit->shift = bnf_affine_no_shift(&wide) ? NULL : wide.shift;
    const struct bnf_layer_rounding rounding = {
        .weight = edit->table, .factors = edit->scale, .shift = edit->shift};
    answer = bnf_layer_check(fold, plan, node, &rounding, err);
    if (answer)
        return answer;
    return bnf_plan_add(plan,
        &(struct bnf_move){.apply = apply, .node = node, .affine = wide, .data = edit, .absorbs = true}, err);
}
