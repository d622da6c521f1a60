#include "fold/plan.h"

#include "fold/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct bnf_rule *bnf_rule_find(const struct bnf_graph *graph, bnf_id node)
{
    static const struct bnf_rule rules[] = {
#define BNF_RULE(op_type, inputs, most_inputs, outputs, back, forward) {op_type, inputs, most_inputs, outputs, back, forward},
#include "fold/rules.def"
#undef BNF_RULE
    };
    if (!bnf_node_is_standard(graph, node) || !graph->nodes[node].proto->op_type)
        return NULL;
    size_t low = 0, high = sizeof rules / sizeof rules[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(graph->nodes[node].proto->op_type, rules[middle].op_type);
        if (order == 0)
            return &rules[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void bnf_plan_free(struct bnf_plan *plan)
{
    bnf_free(plan->carried);
    bnf_free(plan->moves);
    bnf_table_free(&plan->index);
    bnf_table_free(&plan->asked);
    bnf_free(plan->left);
    bnf_free(plan->steps);
    *plan = (struct bnf_plan){0};
}

int bnf_refuse(struct bnf_fold *fold, struct bnf_plan *plan, enum bnf_reason reason, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    plan->reason = reason;
    plan->detail = bnf_arena_copy(&fold->scratch, text, strlen(text)); /* NULL reads as no detail */
    plan->depth = plan->asked.size;
    if (reason == BNF_REASON_NO_RULE && plan->depth)
        plan->depth--; /* an operator that knows nothing of affines was not really asked */
    return BNF_ANSWER_NO;
}

struct bnf_carried *bnf_plan_carried(const struct bnf_plan *plan, bnf_id value)
{
    bnf_id at = value == BNF_NONE ? BNF_NONE : bnf_table_get(&plan->index, value);
    /* A branch that was given up leaves its index behind. */
    bool valid = at != BNF_NONE && at < plan->carried_count && plan->carried[at].value == value;
    return valid ? &plan->carried[at] : NULL;
}

const struct bnf_affine *bnf_plan_affine(const struct bnf_plan *plan, bnf_id value)
{
    const struct bnf_carried *carried = bnf_plan_carried(plan, value);
    return carried ? &carried->affine : NULL;
}

int bnf_plan_send(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, const struct bnf_affine *affine,
    struct bnf_err *err)
{
    struct bnf_affine copy = *affine; /* it may lie in the very array that grows */
    if (bnf_plan_carried(plan, value))
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "'%s' is read more than once on the way",
            fold->graph->values[value].name);
    if (!bnf_reserve(&plan->carried, &plan->carried_capacity, plan->carried_count + 1, sizeof *plan->carried) ||
        !bnf_table_put(&plan->index, value, (bnf_id)plan->carried_count))
        return bnf_fail_memory(err);
    plan->carried[plan->carried_count++] =
        (struct bnf_carried){.value = value, .affine = copy, .becomes = BNF_NONE};
    return BNF_ANSWER_YES;
}

int bnf_plan_add(struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    if (!bnf_reserve(&plan->moves, &plan->move_capacity, plan->move_count + 1, sizeof *plan->moves))
        return bnf_fail_memory(err);
    plan->moves[plan->move_count++] = *move;
    return BNF_ANSWER_YES;
}

bnf_id bnf_plan_becomes(const struct bnf_plan *plan, bnf_id value)
{
    const struct bnf_carried *carried = bnf_plan_carried(plan, value);
    return carried ? carried->becomes : value;
}

int bnf_plan_replace(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, bnf_id replacement,
    struct bnf_err *err)
{
    struct bnf_carried *carried = bnf_plan_carried(plan, value);
    if (!carried)
        bnf_bug("only values on the way are replaced");
    if (replacement == BNF_NONE) {
        const struct bnf_value *v = &fold->graph->values[value];
        struct bnf_shape shape = v->shape;
        int status = bnf_edit_value(fold->graph, v->scope, v->name, &replacement, err);
        if (status)
            return status;
        fold->graph->values[replacement].shape = shape;
    }
    carried->becomes = replacement;
    return BNF_OK;
}

int bnf_plan_rewire(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bool back = plan->walk == BNF_WALK_BACK;
    const struct bnf_node *n = &g->nodes[move->node];
    uint32_t inputs = n->input_count, outputs = n->output_count;
    int status = BNF_OK;
    for (uint32_t slot = 0; !status && slot < inputs; slot++) {
        bnf_id value = bnf_node_input(g, move->node, slot);
        if (value == BNF_NONE || !bnf_plan_carried(plan, value))
            continue;
        if (back)
            status = bnf_plan_replace(fold, plan, value, BNF_NONE, err);
        if (!status)
            bnf_edit_set_input(g, move->node, slot, bnf_plan_becomes(plan, value));
    }
    for (uint32_t slot = 0; !status && slot < outputs; slot++) {
        bnf_id value = bnf_node_output(g, move->node, slot);
        if (value == BNF_NONE || !bnf_plan_carried(plan, value))
            continue;
        if (!back)
            status = bnf_plan_replace(fold, plan, value, BNF_NONE, err);
        if (!status)
            bnf_edit_set_output(g, move->node, slot, bnf_plan_becomes(plan, value));
    }
    return status;
}

int bnf_plan_pass(struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return bnf_plan_add(plan, &(struct bnf_move){.apply = bnf_plan_rewire, .node = node}, err);
}

static bool worth_it(const struct bnf_plan *plan)
{
    if (plan->site->kind == BNF_SITE_BATCHNORM)
        return true; /* one BatchNormalization less, whatever else */
    return plan->affines_added < plan->affines_removed + 1;
}

/* The affine that sets out, and what stays at the site as an Add: backward t, forward t/s. */
static int set_out(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_affine *affine,
    struct bnf_affine *first, struct bnf_err *err)
{
    *first = *affine;
    if (plan->extent != BNF_EXTENT_SCALE)
        return BNF_ANSWER_YES;
    if (bnf_affine_no_shift(affine) || bnf_affine_unit_scale(affine))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "the scale is all there is to move, or there is none");
    *first = bnf_affine_make(&fold->scratch, affine->axis, affine->channels);
    plan->rest_shift = bnf_arena_alloc(&fold->scratch, affine->channels, sizeof *plan->rest_shift);
    if (!first->scale || !plan->rest_shift)
        return bnf_fail_memory(err);
    int dtype = bnf_fold_dtype(fold, bnf_site_input(fold, plan->site), 0);
    for (size_t c = 0; c < affine->channels; c++) {
        first->scale[c] = affine->scale[c];
        plan->rest_shift[c] = affine->shift[c];
        if (plan->walk == BNF_WALK_BACK)
            continue;
        if (affine->scale[c] == 0)
            return bnf_refuse(fold, plan, BNF_REASON_ZERO_SCALE, "channel %zu of the affine has scale 0", c);
        plan->rest_shift[c] /= affine->scale[c];
        if (dtype && !bnf_quotient_fits(dtype, affine->shift[c], plan->rest_shift[c]))
            return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "on channel %zu the shift that would stay, %g / %g, is "
                "near the end of the range of its type", c, affine->shift[c], affine->scale[c]);
    }
    if (!dtype || !bnf_values_fit(dtype, plan->rest_shift, affine->channels))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the shift that would stay does not fit its type");
    return BNF_ANSWER_YES;
}

int bnf_plan_walk(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, const struct bnf_affine *affine,
    const struct bnf_route *route, struct bnf_err *err)
{
    static const char *const extents[] = {"", ", branch by branch", ", the scale alone"};
    bool back = route->walk == BNF_WALK_BACK;
    struct bnf_affine first;
    *plan = (struct bnf_plan){.walk = route->walk,
        .style = route->style,
        .extent = route->extent,
        .second = route->second,
        .site = site};
    bnf_id start = back ? bnf_site_input(fold, site) : bnf_node_output(fold->graph, site->node, 0);
    int answer = bnf_plan_note(fold, plan, err, "%s%s%s:", back ? "backward" : "forward",
        route->style == BNF_STYLE_KEEP ? ", through the arithmetic on the way" : "", extents[route->extent]);
    if (!answer)
        answer = set_out(fold, plan, affine, &first, err);
    if (!answer)
        answer = bnf_plan_send(fold, plan, start, &first, err);
    if (!answer)
        answer = back ? bnf_walk_back(fold, plan, err) : bnf_walk_forward(fold, plan, err);
    bool closed = !answer;
    if (closed && !worth_it(plan))
        answer = bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "moving it would leave as many additions as before");
    if (answer == BNF_ANSWER_NO) {
        int status = closed ? bnf_plan_note(fold, plan, err, "not done: %s", plan->detail)
                            : bnf_plan_note(fold, plan, err, "refused (%s): %s", bnf_reason_name(plan->reason),
                                  plan->detail ? plan->detail : "");
        answer = status ? status : answer;
    }
    return answer;
}

/* Nothing takes the affine: those that joined it are its inverse. */
static bool cancels(const struct bnf_plan *plan)
{
    bool taken = plan->left_count || plan->extent == BNF_EXTENT_SCALE;
    for (size_t i = 0; i < plan->move_count; i++)
        taken = taken || plan->moves[i].absorbs;
    return !taken;
}

static int note_nodes(struct bnf_fold *fold, const struct bnf_plan *plan, struct bnf_site *site, struct bnf_err *err)
{
    site->into = bnf_arena_alloc(fold->arena, plan->move_count + 2, sizeof *site->into);
    site->through = bnf_arena_alloc(fold->arena, plan->move_count + 1, sizeof *site->through);
    if (!site->into || !site->through)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < plan->move_count; i++) {
        char text[256];
        bnf_node_text(fold->graph, plan->moves[i].node, text, sizeof text);
        const char *name = bnf_arena_copy(fold->arena, text, strlen(text));
        if (!name)
            return bnf_fail_memory(err);
        size_t index;
        if (plan->moves[i].absorbs || (cancels(plan) && bnf_fold_site(fold, plan->moves[i].node, &index)))
            site->into[site->into_count++] = name;
        else
            site->through[site->through_count++] = name;
    }
    if (plan->left_count || plan->extent == BNF_EXTENT_SCALE)
        site->into[site->into_count++] = plan->left_count ? "a lowered affine" : "an Add";
    return BNF_OK;
}

/* What stays of the affine: the Add at the site, and lowered affines where branches refused. */
static int apply_rest(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id x, bnf_id y, uint32_t position,
    struct bnf_err *err)
{
    struct bnf_affine add = plan->carried[0].affine;
    int status = BNF_OK;
    if (plan->extent == BNF_EXTENT_SCALE) {
        bool back = plan->walk == BNF_WALK_BACK;
        bnf_id from = back ? bnf_plan_becomes(plan, x) : x, to = back ? y : bnf_plan_becomes(plan, y);
        struct bnf_affine shift = bnf_affine_make(&fold->scratch, add.axis, add.channels);
        if (!shift.scale)
            return bnf_fail_memory(err);
        memcpy(shift.shift, plan->rest_shift, add.channels * sizeof *shift.shift);
        status = bnf_lower_between(fold, from, to, &shift, position, err);
    }
    for (size_t i = 0; !status && i < plan->left_count; i++) {
        const struct bnf_left *left = &plan->left[i];
        if (!bnf_plan_carried(plan, left->value))
            bnf_bug("what stays lies on the way");
        bnf_id producer = fold->graph->values[left->value].producer;
        status = bnf_lower_between(fold, left->value, bnf_plan_becomes(plan, left->value), &left->affine,
            producer == BNF_NONE ? 0 : fold->graph->nodes[producer].position, err);
    }
    return status;
}

/* Nodes that joined the affine on its way are folded with it. */
static void note_joined(struct bnf_fold *fold, const struct bnf_plan *plan, struct bnf_site *site)
{
    const bool inverse = cancels(plan);
    for (size_t i = 0; i < plan->move_count; i++) {
        size_t index;
        struct bnf_site *joined = bnf_fold_site(fold, plan->moves[i].node, &index);
        if (!joined || !fold->graph->nodes[joined->node].dead)
            continue;
        joined->verdict = BNF_SITE_FOLDED;
        joined->direction = site->direction;
        joined->into = inverse ? &site->name : site->into;
        joined->into_count = inverse ? 1 : site->into_count;
        joined->reason = BNF_REASON_NONE;
        joined->detail = NULL;
    }
}

/* Shape and Size read what the values on the way have become. */
static void move_extents(struct bnf_fold *fold, const struct bnf_plan *plan)
{
    struct bnf_graph *g = fold->graph;
    for (size_t i = 0; i < plan->carried_count; i++) {
        const struct bnf_carried *c = &plan->carried[i];
        bool stays = bnf_fold_is_constant(fold, c->value) || c->becomes == BNF_NONE;
        for (size_t k = 0; k < plan->left_count; k++)
            stays = stays || plan->left[k].value == c->value;
        for (bnf_id use = g->values[c->value].first_use, next; !stays && use != BNF_NONE; use = next) {
            next = g->uses[use].next;
            if (bnf_reads_extents(g, g->uses[use].node))
                bnf_edit_set_input(g, g->uses[use].node, g->uses[use].slot, c->becomes);
        }
    }
}

int bnf_plan_apply(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, struct bnf_err *err)
{
    bool back = plan->walk == BNF_WALK_BACK;
    bnf_id x = bnf_site_input(fold, site), y = bnf_node_output(fold->graph, site->node, 0);
    uint32_t position = fold->graph->nodes[site->node].position;
    int status = note_nodes(fold, plan, site, err);
    if (status)
        return status;
    plan->carried[0].becomes = back ? y : x;
    if (plan->extent == BNF_EXTENT_SCALE)
        status = bnf_plan_replace(fold, plan, plan->carried[0].value, BNF_NONE, err);
    bnf_edit_remove_node(fold->graph, site->node);
    for (size_t i = 0; !status && i < plan->move_count; i++)
        status = plan->moves[i].apply(fold, plan, &plan->moves[i], err);
    if (!status)
        move_extents(fold, plan);
    if (!status)
        status = apply_rest(fold, plan, x, y, position, err);
    site->verdict = BNF_SITE_FOLDED;
    site->direction = back ? BNF_DIRECTION_BACK : BNF_DIRECTION_FORWARD;
    site->reason = BNF_REASON_NONE;
    site->detail = NULL;
    note_joined(fold, plan, site);
    return status;
}
