/* The channel shuffle: Reshape splits an axis, Transpose exchanges the parts, Reshape joins them again. In
 * between no axis alone carries the affine, so the three are one pattern, asked as its last Reshape backward
 * and as its first forward. */
#include "fold/view.h"

#include "graph/attr.h"

/* From the end that the affine comes from (`near`) to the other (`far`). */
struct pattern {
    bnf_id first, transpose, last; /* nodes, in the walk's order */
    bnf_id near, middle[2], far;   /* values */
    int map[bnf_view_most_rank];   /* axis of middle[0] → axis of middle[1] */
};

static bool is_view(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Reshape") || bnf_node_is(g, node, "Flatten") ||
           bnf_node_is(g, node, "Squeeze") || bnf_node_is(g, node, "Unsqueeze");
}

/* The node on the far side of a value that another one made or reads in slot 0; BNF_NONE. */
static bnf_id next_node(const struct bnf_graph *g, bnf_id value, bool back)
{
    const struct bnf_value *v = &g->values[value];
    bnf_id node = back ? v->producer : BNF_NONE;
    for (bnf_id use = v->first_use; !back && use != BNF_NONE; use = g->uses[use].next)
        if (g->uses[use].slot == 0 &&
            (bnf_node_is(g, g->uses[use].node, "Transpose") || is_view(g, g->uses[use].node)))
            node = g->uses[use].node;
    return node != BNF_NONE && g->nodes[node].scope == v->scope ? node : BNF_NONE;
}

static bnf_id end_of(const struct bnf_graph *g, bnf_id node, bool input)
{
    return input ? bnf_node_input(g, node, 0) : bnf_node_output(g, node, 0);
}

/* False: these three nodes are not there, or the Transpose is not understood. */
static bool find(const struct bnf_graph *g, bnf_id node, bool back, struct pattern *p)
{
    *p = (struct pattern){.first = node, .near = end_of(g, node, !back), .middle[0] = end_of(g, node, back)};
    p->transpose = p->middle[0] == BNF_NONE ? BNF_NONE : next_node(g, p->middle[0], back);
    if (p->transpose == BNF_NONE || !bnf_node_is(g, p->transpose, "Transpose"))
        return false;
    p->middle[1] = end_of(g, p->transpose, back);
    p->last = p->middle[1] == BNF_NONE ? BNF_NONE : next_node(g, p->middle[1], back);
    if (p->last == BNF_NONE || !is_view(g, p->last))
        return false;
    p->far = end_of(g, p->last, back);
    if (bnf_attr_any_reference(g->nodes[p->transpose].proto) ||
        bnf_attr_any_reference(g->nodes[p->last].proto))
        return false;
    size_t count = 0;
    int rank = g->values[p->middle[0]].shape.rank;
    const int64_t *perm = bnf_attr_ints(g->nodes[p->transpose].proto, "perm", &count);
    if (p->far == BNF_NONE || rank < 0 || rank > bnf_view_most_rank || (perm && count != (size_t)rank))
        return false;
    for (int i = 0; i < rank; i++) { /* output axis i is input axis perm[i] */
        int64_t from = perm ? perm[i] : rank - 1 - i;
        if (from < 0 || from >= rank)
            return false;
        p->map[back ? i : (int)from] = back ? (int)from : i;
    }
    return true;
}

/* Nobody else may read what lies inside. */
static int check_inside(struct bnf_fold *fold, struct bnf_plan *plan, const struct pattern *p)
{
    bool back = plan->walk == BNF_WALK_BACK;
    for (int i = 0; i < 2; i++) {
        const struct bnf_value *v = &fold->graph->values[p->middle[i]];
        if (v->output_uses)
            return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_IS_OUTPUT : BNF_REASON_CONSUMER_SHARED,
                "'%s' inside the channel shuffle is an output of the graph", v->name);
        if (v->use_count != 1)
            return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_SHARED : BNF_REASON_CONSUMER_SHARED,
                "'%s' inside the channel shuffle has %u readers", v->name, v->use_count);
    }
    return BNF_ANSWER_YES;
}

/* ---- the algebra ---- */

/* The four values' extents, and the runs of axes that hold the channels. */
struct views {
    struct bnf_view near, middle[2], far;
    struct bnf_view_span split, join;
};

static bool read_views(
    const struct bnf_fold *fold, const struct pattern *p, const struct bnf_affine *a, struct views *v)
{
    if (!bnf_view_read(fold, p->near, &v->near) || !bnf_view_read(fold, p->middle[0], &v->middle[0]) ||
        !bnf_view_read(fold, p->middle[1], &v->middle[1]) || !bnf_view_read(fold, p->far, &v->far) ||
        v->middle[0].rank != v->middle[1].rank ||
        !bnf_view_learn(&v->near, a->axis, a->channels, &v->middle[0]))
        return false;
    v->split = bnf_view_span(&v->near, a->axis, &v->middle[0]);
    int first = v->split.to_first, last = v->split.to_last;
    if (v->split.first != a->axis || v->split.last != a->axis + 1 ||
        bnf_view_count(&v->middle[0], first, last) != a->channels)
        return false;
    for (int i = 0; i < v->middle[0].rank; i++) /* the Transpose copies extents */
        v->middle[1].dims[p->map[i]] = v->middle[0].dims[i];
    v->join = bnf_view_span(&v->middle[1], p->map[first], &v->far);
    for (int i = first; i < last; i++)
        if (v->middle[0].dims[i] > 1 && (p->map[i] < v->join.first || p->map[i] >= v->join.last))
            return false;
    return true;
}

/* The channel of each element of the joined run of middle[1]: its coordinates along the split axes, in their
 * order. */
static void list_channels(const struct pattern *p, const struct views *v, uint32_t *channel, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        size_t coordinate[bnf_view_most_rank] = {0}, rest = f, at = 0;
        for (int i = v->join.last; i-- > v->join.first;) {
            coordinate[i] = rest % (size_t)v->middle[1].dims[i];
            rest /= (size_t)v->middle[1].dims[i];
        }
        for (int i = v->split.to_first; i < v->split.to_last; i++)
            at = at * (size_t)v->middle[0].dims[i] + coordinate[p->map[i]];
        channel[f] = (uint32_t)at;
    }
}

static int permute(struct bnf_fold *fold, const struct pattern *p, const struct bnf_affine *a,
    struct bnf_affine *out, struct bnf_err *err)
{
    struct views *v = bnf_arena_alloc(&fold->scratch, 1, sizeof *v);
    if (!v)
        return bnf_fail_memory(err);
    if (!read_views(fold, p, a, v))
        return BNF_ANSWER_NO;
    size_t count = bnf_view_count(&v->middle[1], v->join.first, v->join.last);
    if (!count || count != bnf_view_count(&v->far, v->join.to_first, v->join.to_last))
        return BNF_ANSWER_NO;
    uint32_t *channel = bnf_arena_alloc(&fold->scratch, count, sizeof *channel);
    if (!channel)
        return bnf_fail_memory(err);
    list_channels(p, v, channel, count);
    return bnf_view_settle(fold, a, channel, &v->far, v->join.to_first, v->join.to_last, out, err);
}

/* ---- the edit ---- */

static int make_fresh(struct bnf_fold *fold, bnf_id value, bnf_id *out, struct bnf_err *err)
{
    const struct bnf_value *v = &fold->graph->values[value];
    struct bnf_shape shape = v->shape;
    int status = bnf_edit_value(fold->graph, v->scope, v->name, out, err);
    if (!status)
        fold->graph->values[*out].shape = shape;
    return status;
}

static void set_end(struct bnf_graph *g, bnf_id node, bool input, bnf_id value)
{
    if (input)
        bnf_edit_set_input(g, node, 0, value);
    else
        bnf_edit_set_output(g, node, 0, value);
}

static int apply_shuffle(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const struct pattern *p = move->data;
    bool back = plan->walk == BNF_WALK_BACK;
    bnf_id fresh[2];
    int status = make_fresh(fold, p->middle[0], &fresh[0], err);
    if (!status)
        status = make_fresh(fold, p->middle[1], &fresh[1], err);
    if (!status)
        status = bnf_plan_replace(fold, plan, p->far, BNF_NONE, err);
    if (status)
        return status;
    set_end(g, p->first, !back, bnf_plan_becomes(plan, p->near));
    set_end(g, p->first, back, fresh[0]);
    set_end(g, p->transpose, !back, fresh[0]);
    set_end(g, p->transpose, back, fresh[1]);
    set_end(g, p->last, !back, fresh[1]);
    set_end(g, p->last, back, bnf_plan_becomes(plan, p->far));
    return BNF_OK;
}

/* The other two nodes of the pattern appear in reports; the first one's move changes them. */
static int apply_nothing(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    (void)fold;
    (void)plan;
    (void)move;
    (void)err;
    return BNF_OK;
}

int bnf_shuffle(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t, struct bnf_err *err)
{
    struct pattern *p = bnf_arena_alloc(&fold->scratch, 1, sizeof *p);
    struct bnf_affine affine;
    if (!p)
        return bnf_fail_memory(err);
    if (!find(fold->graph, t->node, t->back, p))
        return BNF_ANSWER_NO;
    int answer = permute(fold, p, bnf_plan_affine(plan, p->near), &affine, err);
    if (!answer)
        answer = bnf_view_check(fold, plan, p->last);
    if (!answer)
        answer = check_inside(fold, plan, p);
    if (answer)
        return answer;
    if (!bnf_table_put(&plan->asked, p->transpose, 1) || !bnf_table_put(&plan->asked, p->last, 1))
        return bnf_fail_memory(err);
    answer = bnf_plan_add(plan, &(struct bnf_move){.apply = apply_shuffle, .node = p->first, .data = p}, err);
    if (!answer)
        answer = bnf_plan_add(plan, &(struct bnf_move){.apply = apply_nothing, .node = p->transpose}, err);
    if (!answer)
        answer = bnf_plan_add(plan, &(struct bnf_move){.apply = apply_nothing, .node = p->last}, err);
    return answer ? answer : bnf_plan_send(fold, plan, p->far, &affine, err);
}
