#include "fold/plan.h"

#include "fold/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct bnf_rule *bnf_rule_find(const struct bnf_graph *graph, bnf_id node)
{
    static const struct bnf_rule rules[] = {
#define BNF_RULE(op_type, back, forward) {op_type, back, forward},
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

const struct bnf_affine *bnf_plan_affine(const struct bnf_plan *plan, bnf_id value)
{
    bnf_id at = value == BNF_NONE ? BNF_NONE : bnf_table_get(&plan->index, value);
    return at == BNF_NONE ? NULL : &plan->carried[at].affine;
}

int bnf_plan_send(struct bnf_plan *plan, bnf_id value, const struct bnf_affine *affine, struct bnf_err *err)
{
    struct bnf_affine copy = *affine; /* it may lie in the very array that grows */
    if (bnf_table_get(&plan->index, value) != BNF_NONE)
        bnf_bug("a value carries one affine");
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
    bnf_id at = bnf_table_get(&plan->index, value);
    return at == BNF_NONE ? value : plan->carried[at].becomes;
}

int bnf_plan_replace(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, bnf_id replacement,
    struct bnf_err *err)
{
    bnf_id at = bnf_table_get(&plan->index, value);
    if (at == BNF_NONE)
        bnf_bug("only values on the way are replaced");
    if (replacement == BNF_NONE) {
        const struct bnf_value *v = &fold->graph->values[value];
        struct bnf_shape shape = v->shape;
        int status = bnf_edit_value(fold->graph, v->scope, v->name, &replacement, err);
        if (status)
            return status;
        fold->graph->values[replacement].shape = shape;
    }
    plan->carried[at].becomes = replacement;
    return BNF_OK;
}

bool bnf_is_linear_operator(const char *op_type)
{
    static const char *const names[] = {"AveragePool", "Concat", "DepthToSpace", "Einsum", "Expand", "Flatten", "Gather",
        "GlobalAveragePool", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Mean", "Neg", "Pad",
        "ReduceMean", "ReduceSum", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Sum", "Tile",
        "Transpose", "Unsqueeze", "Upsample"};
    for (size_t i = 0; op_type && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op_type, names[i]) == 0)
            return true;
    return false;
}

/* ---- backward ---- */

static int refuse_operator(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    char text[256];
    const char *op = fold->graph->nodes[node].proto->op_type;
    bool back = plan->walk == BNF_WALK_BACK;
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (!bnf_node_is_standard(fold->graph, node))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "no rule for operator '%s' of domain '%s' (node '%s')", op,
            fold->graph->nodes[node].proto->domain, text);
    if (bnf_is_linear_operator(op))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "no rule moves an affine %s %s '%s' yet",
            back ? "backward through" : "forward through", op, text);
    return bnf_refuse(fold, plan, back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
        "%s '%s' %s is not linear", op, text, back ? "in front of it" : "behind it");
}

/* May this value change its meaning? Only the walk may read it. */
static int check_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_value *v = &g->values[value];
    if (v->scope != g->nodes[plan->site->node].scope)
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_CAPTURED, "'%s' comes from an outer graph", v->name);
    if (v->output_uses)
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_IS_OUTPUT, "'%s' is an output of the graph", v->name);
    if (v->producer == BNF_NONE && v->is_input)
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_IS_INPUT, "'%s' is an input", v->name);
    if (v->use_count == 1)
        return BNF_ANSWER_YES;
    for (bnf_id use = v->first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        char text[256];
        if (node == plan->site->node || bnf_table_get(&plan->asked, node) != BNF_NONE)
            continue;
        bnf_node_text(g, node, text, sizeof text);
        if (g->nodes[node].scope != v->scope)
            return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_CAPTURED, "'%s' is also read by '%s' inside a body",
                v->name, text);
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "'%s' is also read by %s '%s'", v->name,
            g->nodes[node].proto->op_type, text);
    }
    return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "'%s' is read %u times by the same node", v->name,
        v->use_count);
}

/* The carried value not asked about yet whose producer comes last. */
static struct bnf_carried *next_back(const struct bnf_fold *fold, struct bnf_plan *plan)
{
    struct bnf_carried *best = NULL;
    uint32_t position = 0;
    for (size_t i = plan->carried_count; i-- > 0;) {
        struct bnf_carried *c = &plan->carried[i];
        if (c->asked)
            continue;
        bnf_id producer = fold->graph->values[c->value].producer;
        uint32_t at = producer == BNF_NONE ? 0 : fold->graph->nodes[producer].position;
        if (!best || at > position) {
            best = c;
            position = at;
        }
    }
    return best;
}

static int walk_back(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err)
{
    for (struct bnf_carried *c; (c = next_back(fold, plan)) != NULL;) {
        bnf_id producer = fold->graph->values[c->value].producer;
        if (bnf_fold_is_constant(fold, c->value)) {
            c->asked = true;
            int answer = bnf_constant_back(fold, plan, c->value, err);
            if (answer)
                return answer;
            continue;
        }
        int answer = check_back(fold, plan, c->value);
        if (answer)
            return answer;
        const struct bnf_node *n = &fold->graph->nodes[producer];
        for (uint32_t slot = 0; slot < n->output_count; slot++) {
            bnf_id at = bnf_node_output(fold->graph, producer, slot);
            at = at == BNF_NONE ? BNF_NONE : bnf_table_get(&plan->index, at);
            if (at != BNF_NONE)
                plan->carried[at].asked = true;
        }
        const struct bnf_rule *rule = bnf_rule_find(fold->graph, producer);
        if (!rule || !rule->back)
            return refuse_operator(fold, plan, producer);
        if (!bnf_table_put(&plan->asked, producer, 1))
            return bnf_fail_memory(err);
        answer = rule->back(fold, plan, producer, err);
        if (answer)
            return answer;
    }
    return BNF_ANSWER_YES;
}

/* ---- forward ---- */

/* Every reader of the value has to take the affine. Marks them; the walk asks the first in order. */
static int check_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_value *v = &g->values[value];
    if (v->output_uses)
        return bnf_refuse(fold, plan, BNF_REASON_AFFINE_IS_OUTPUT, "'%s' is an output of the graph", v->name);
    if (v->use_count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "nobody reads '%s'", v->name);
    bnf_id culprit = BNF_NONE;
    bool others = false; /* some reader could take it */
    char text[256];
    for (bnf_id use = v->first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        if (g->nodes[node].scope != v->scope)
            return bnf_refuse(fold, plan, BNF_REASON_AFFINE_CAPTURED, "'%s' is read by '%s' inside a body", v->name,
                bnf_node_text(g, node, text, sizeof text));
        const struct bnf_rule *rule = bnf_rule_find(g, node);
        if (rule && rule->forward)
            others = true;
        else
            culprit = node;
    }
    if (culprit == BNF_NONE)
        return BNF_ANSWER_YES;
    if (!others)
        return refuse_operator(fold, plan, culprit);
    return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_SHARED, "'%s' is also read by %s '%s', which cannot take it",
        v->name, g->nodes[culprit].proto->op_type, bnf_node_text(g, culprit, text, sizeof text));
}

/* The reader of a carried value that was not asked yet and comes first; BNF_NONE when all were. */
static bnf_id next_forward(const struct bnf_fold *fold, struct bnf_plan *plan)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id best = BNF_NONE;
    for (size_t i = 0; i < plan->carried_count; i++) {
        struct bnf_carried *c = &plan->carried[i];
        bool open = false;
        for (bnf_id use = g->values[c->value].first_use; !c->asked && use != BNF_NONE; use = g->uses[use].next) {
            bnf_id node = g->uses[use].node;
            if (bnf_table_get(&plan->asked, node) != BNF_NONE)
                continue;
            open = true;
            if (best == BNF_NONE || g->nodes[node].position < g->nodes[best].position ||
                (g->nodes[node].position == g->nodes[best].position && node < best))
                best = node;
        }
        c->asked = !open;
    }
    return best;
}

static int walk_forward(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err)
{
    size_t checked = 0;
    for (;;) {
        for (; checked < plan->carried_count; checked++) {
            int answer = check_forward(fold, plan, plan->carried[checked].value);
            if (answer)
                return answer;
        }
        bnf_id node = next_forward(fold, plan);
        if (node == BNF_NONE)
            return BNF_ANSWER_YES;
        if (!bnf_table_put(&plan->asked, node, 1))
            return bnf_fail_memory(err);
        int answer = bnf_rule_find(fold->graph, node)->forward(fold, plan, node, err);
        if (answer)
            return answer;
    }
}

/* ---- both ---- */

static bool worth_it(const struct bnf_plan *plan)
{
    if (plan->site->kind == BNF_SITE_BATCHNORM)
        return true; /* one BatchNormalization less, whatever else */
    return plan->affines_added < plan->affines_removed + 1;
}

/* The dynamic input of a site's node. */
static bnf_id site_input(struct bnf_fold *fold, const struct bnf_site *site)
{
    uint32_t slot = 0;
    if (site->kind == BNF_SITE_AFFINE && bnf_fold_is_constant(fold, bnf_node_input(fold->graph, site->node, 0)))
        slot = 1;
    return bnf_node_input(fold->graph, site->node, slot);
}

int bnf_plan_walk(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, const struct bnf_affine *affine,
    enum bnf_walk walk, enum bnf_style style, struct bnf_err *err)
{
    *plan = (struct bnf_plan){.walk = walk, .style = style, .site = site};
    bnf_id start = walk == BNF_WALK_BACK ? site_input(fold, site) : bnf_node_output(fold->graph, site->node, 0);
    int answer = bnf_plan_send(plan, start, affine, err);
    if (!answer)
        answer = walk == BNF_WALK_BACK ? walk_back(fold, plan, err) : walk_forward(fold, plan, err);
    if (!answer && !worth_it(plan))
        answer = bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "moving it would leave as many additions as before");
    return answer;
}

static int note_nodes(struct bnf_fold *fold, const struct bnf_plan *plan, struct bnf_site *site, struct bnf_err *err)
{
    site->into = bnf_arena_alloc(fold->arena, plan->move_count + 1, sizeof *site->into);
    site->through = bnf_arena_alloc(fold->arena, plan->move_count + 1, sizeof *site->through);
    if (!site->into || !site->through)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < plan->move_count; i++) {
        char text[256];
        bnf_node_text(fold->graph, plan->moves[i].node, text, sizeof text);
        const char *name = bnf_arena_copy(fold->arena, text, strlen(text));
        if (!name)
            return bnf_fail_memory(err);
        if (plan->moves[i].absorbs)
            site->into[site->into_count++] = name;
        else
            site->through[site->through_count++] = name;
    }
    return BNF_OK;
}

int bnf_plan_apply(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, struct bnf_err *err)
{
    bool back = plan->walk == BNF_WALK_BACK;
    int status = note_nodes(fold, plan, site, err);
    if (status)
        return status;
    plan->carried[0].becomes =
        back ? bnf_node_output(fold->graph, site->node, 0) : site_input(fold, site);
    bnf_edit_remove_node(fold->graph, site->node);
    for (size_t i = 0; !status && i < plan->move_count; i++)
        status = plan->moves[i].apply(fold, plan, &plan->moves[i], err);
    site->verdict = BNF_SITE_FOLDED;
    site->direction = back ? BNF_DIRECTION_BACK : BNF_DIRECTION_FORWARD;
    site->reason = BNF_REASON_NONE;
    site->detail = NULL;
    return status;
}
