/* The walk: which operator is asked next, and what becomes of a branch that refuses. */
#include "fold/state.h"

#include "graph/attr.h"
#include "onnx/dtype.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int bnf_plan_note(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err, const char *format, ...)
{
    char text[768];
    va_list args;
    if (!fold->options->trace)
        return BNF_OK;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *copy = bnf_arena_copy(&fold->scratch, text, strlen(text));
    if (!copy || !bnf_reserve(&plan->steps, &plan->step_capacity, plan->step_count + 1, sizeof *plan->steps))
        return bnf_fail_memory(err);
    plan->steps[plan->step_count++] = copy;
    return BNF_OK;
}

static const char *operator_name(const struct bnf_graph *g, bnf_id node)
{
    const char *op = g->nodes[node].proto->op_type;
    return op && *op ? op : "operator without a type";
}

/* Everything that a rule may have added before it answered. */
struct mark {
    size_t carried, moves;
    int removed, added, nodes;
};

static struct mark mark_of(const struct bnf_plan *plan)
{
    return (struct mark){plan->carried_count, plan->move_count, plan->affines_removed, plan->affines_added,
        plan->nodes_added};
}

/* What an operator answered: its last move says whether the affine ends there. */
static int note_answer(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct mark *before,
    struct bnf_err *err)
{
    char text[256];
    if (!fold->options->trace)
        return BNF_OK;
    bool absorbs = plan->move_count > before->moves && plan->moves[plan->move_count - 1].absorbs;
    bool on = plan->carried_count > before->carried;
    return bnf_plan_note(fold, plan, err, "%s '%s' %s", operator_name(fold->graph, node),
        bnf_node_text(fold->graph, node, text, sizeof text),
        absorbs && on                          ? "takes a part of it and passes the rest on"
        : plan->affines_removed > before->removed ? "joins it and goes on with it"
        : plan->nodes_added > before->nodes    ? "takes it, behind a Pad with the value that it takes to zero"
        : plan->affines_added > before->added  ? "takes the scale, and an Add behind it the shift"
        : absorbs                              ? "takes it"
                                               : "passes it on");
}

bool bnf_is_linear_operator(const char *op_type)
{
    static const char *const names[] = {"Col2Im", "CumSum", "Einsum", "Gather", "GridSample",
        "GroupNormalization", "InstanceNormalization", "LayerNormalization", "RoiAlign"};
    for (size_t i = 0; op_type && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(op_type, names[i]) == 0)
            return true;
    return false;
}

/* ---- backward ---- */

static int refuse_operator(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    char text[256];
    const char *op = operator_name(fold->graph, node);
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

/* Operators whose float inputs may be of several types. */
static bool mixes_types(const struct bnf_graph *g, bnf_id node)
{
    static const char *const mixed[] = {"BatchNormalization", "DequantizeLinear", "RMSNormalization", "Resize",
        "SimplifiedLayerNormalization", "Upsample"};
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
        if (bnf_node_is(g, node, mixed[i]))
            return true;
    return false;
}

/* What a node of all others reads is of one float type: it would compute nothing otherwise. */
static int check_types(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    int first = 0;
    char text[256];
    for (uint32_t slot = 0; slot < g->nodes[node].input_count && !mixes_types(g, node); slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        int dtype = value == BNF_NONE ? 0 : g->values[value].shape.dtype;
        if (!dtype || !bnf_dtype_is_float(dtype))
            continue;
        if (first && dtype != first)
            return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "%s '%s' reads %s and %s", g->nodes[node].proto->op_type,
                bnf_node_text(g, node, text, sizeof text), bnf_dtype_name(first), bnf_dtype_name(dtype));
        first = dtype;
    }
    return BNF_ANSWER_YES;
}

/* What every rule takes for granted: slots are filled that the standard requires, floats are of one type, and no attribute
 * is one that a function's caller gives, which would read as its default. */
static int check_node(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_rule *rule)
{
    const struct bnf_graph *g = fold->graph;
    const char *name = bnf_attr_any_reference(g->nodes[node].proto);
    char text[256];
    uint32_t inputs = rule->inputs < 0 ? g->nodes[node].input_count : (uint32_t)rule->inputs;
    for (uint32_t slot = 0; slot < (inputs ? inputs : 1); slot++)
        if (bnf_node_input(g, node, slot) == BNF_NONE)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "%s '%s' lacks its input %u", rule->op_type,
                bnf_node_text(g, node, text, sizeof text), slot);
    for (uint32_t slot = 0; slot < g->nodes[node].input_count && rule->most_inputs >= 0; slot++)
        if (slot >= (uint32_t)rule->most_inputs && bnf_node_input(g, node, slot) != BNF_NONE)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "%s '%s' has %u inputs, which are more than it can have",
                rule->op_type, bnf_node_text(g, node, text, sizeof text), g->nodes[node].input_count);
    for (uint32_t slot = 0; slot < rule->outputs; slot++)
        if (bnf_node_output(g, node, slot) == BNF_NONE)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "%s '%s' lacks its output %u", rule->op_type,
                bnf_node_text(g, node, text, sizeof text), slot);
    if (!name)
        return check_types(fold, plan, node);
    return bnf_refuse(fold, plan, BNF_REASON_IN_FUNCTION,
        "attribute '%s' of %s '%s' comes from the caller of the function", name,
        fold->graph->nodes[node].proto->op_type, bnf_node_text(fold->graph, node, text, sizeof text));
}

/* Shape and Size see no numbers: they read whatever stands for the value afterwards, which has the same extents. */
bool bnf_reads_extents(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Shape") || bnf_node_is(g, node, "Size");
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
    uint32_t count = 0;
    for (bnf_id use = v->first_use; use != BNF_NONE; use = g->uses[use].next)
        count += !bnf_reads_extents(g, g->uses[use].node);
    if (count == 1)
        return BNF_ANSWER_YES;
    for (bnf_id use = v->first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        char text[256];
        if (node == plan->site->node || bnf_table_get(&plan->asked, node) != BNF_NONE || bnf_reads_extents(g, node))
            continue;
        bnf_node_text(g, node, text, sizeof text);
        if (g->nodes[node].scope != v->scope)
            return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_CAPTURED, "'%s' is also read by '%s' inside a body",
                v->name, text);
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "'%s' is also read by %s '%s'", v->name,
            operator_name(g, node), text);
    }
    return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "'%s' is read %u times by the same node", v->name,
        count);
}

/* A long walk is mostly done with the values it began with. */
static void skip_asked(struct bnf_plan *plan)
{
    while (plan->carried_open < plan->carried_count && plan->carried[plan->carried_open].asked)
        plan->carried_open++;
}

/* The carried value not asked about yet whose producer comes last. */
static struct bnf_carried *next_back(const struct bnf_fold *fold, struct bnf_plan *plan)
{
    struct bnf_carried *best = NULL;
    uint32_t position = 0;
    skip_asked(plan);
    for (size_t i = plan->carried_count; i-- > plan->carried_open;) {
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

/* The affines on the outputs of a node, or on the one value that nothing computes, stay where they are: lowered. */
static int leave(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, const struct mark *mark,
    struct bnf_err *err)
{
    bnf_id producer = fold->graph->values[value].producer;
    plan->carried_count = mark->carried;
    plan->carried_open = 0;
    plan->move_count = mark->moves;
    plan->affines_removed = mark->removed;
    plan->affines_added = mark->added;
    plan->nodes_added = mark->nodes;
    for (size_t i = 0; i < plan->carried_count; i++) {
        struct bnf_carried *c = &plan->carried[i];
        if (c->value != value && (producer == BNF_NONE || fold->graph->values[c->value].producer != producer))
            continue;
        if (!bnf_reserve(&plan->left, &plan->left_capacity, plan->left_count + 1, sizeof *plan->left))
            return bnf_fail_memory(err);
        plan->left[plan->left_count++] = (struct bnf_left){.value = c->value, .affine = c->affine};
        c->asked = true;
    }
    return bnf_plan_note(fold, plan, err, "%s: it stays on '%s'", plan->detail ? plan->detail : "refused",
        fold->graph->values[value].name);
}

/* Asks the producer of a carried value, or the constant that the value is. */
static int ask_back(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_carried *c, struct bnf_err *err)
{
    bnf_id producer = fold->graph->values[c->value].producer, value = c->value;
    struct mark before = mark_of(plan);
    if (bnf_fold_is_constant(fold, value)) {
        c->asked = true;
        int answer = bnf_constant_back(fold, plan, value, err);
        return answer ? answer
                      : bnf_plan_note(fold, plan, err, "constant '%s' takes it", fold->graph->values[value].name);
    }
    int answer = check_back(fold, plan, value);
    if (answer)
        return answer;
    const struct bnf_node *n = &fold->graph->nodes[producer];
    for (uint32_t slot = 0; !answer && slot < n->output_count; slot++) {
        bnf_id output = bnf_node_output(fold->graph, producer, slot);
        struct bnf_carried *other = output == BNF_NONE ? NULL : bnf_plan_carried(plan, output);
        if (!other)
            continue;
        other->asked = true;
        answer = check_back(fold, plan, output);
    }
    if (answer)
        return answer;
    const struct bnf_rule *rule = bnf_rule_find(fold->graph, producer);
    if (!rule || !rule->back)
        return refuse_operator(fold, plan, producer);
    if (!bnf_table_put(&plan->asked, producer, 1))
        return bnf_fail_memory(err);
    answer = check_node(fold, plan, producer, rule);
    if (!answer)
        answer = rule->back(fold, plan, producer, err);
    return answer ? answer : note_answer(fold, plan, producer, &before, err);
}

/* Thousands of sites whose walks are thousands of steps long are no network; there, walks become short ones. */
static int check_patience(struct bnf_fold *fold, struct bnf_plan *plan)
{
    enum { many_steps = 1 << 23, short_walk = 64 };
    if (++fold->steps < many_steps || plan->asked.size < short_walk)
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, BNF_REASON_NO_RULE,
        "no more than %d operators are asked: walks through this model took %d steps already", short_walk,
        many_steps);
}

int bnf_walk_back(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err)
{
    for (struct bnf_carried *c; (c = next_back(fold, plan)) != NULL;) {
        struct mark mark = mark_of(plan);
        bnf_id value = c->value;
        int answer = check_patience(fold, plan);
        if (!answer)
            answer = ask_back(fold, plan, c, err);
        if (answer == BNF_ANSWER_NO && plan->extent == BNF_EXTENT_PARTS && value != plan->carried[0].value)
            answer = leave(fold, plan, value, &mark, err);
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
        if (bnf_reads_extents(g, node))
            continue;
        if (g->nodes[node].scope != v->scope)
            return bnf_refuse(fold, plan, BNF_REASON_AFFINE_CAPTURED, "'%s' is read by '%s' inside a body", v->name,
                bnf_node_text(g, node, text, sizeof text));
        const struct bnf_rule *rule = bnf_rule_find(g, node);
        if (rule && rule->forward)
            others = true;
        else
            culprit = node;
    }
    if (culprit == BNF_NONE) /* a branch that only extents are read of may end there */
        return BNF_ANSWER_YES;
    if (!others)
        return refuse_operator(fold, plan, culprit);
    return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_SHARED, "'%s' is also read by %s '%s', which cannot take it",
        v->name, operator_name(g, culprit), bnf_node_text(g, culprit, text, sizeof text));
}

/* The reader of a carried value that was not asked yet and comes first; BNF_NONE when all were. */
static bnf_id next_forward(const struct bnf_fold *fold, struct bnf_plan *plan)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id best = BNF_NONE;
    skip_asked(plan);
    for (size_t i = plan->carried_open; i < plan->carried_count; i++) {
        struct bnf_carried *c = &plan->carried[i];
        bool open = false;
        for (bnf_id use = g->values[c->value].first_use; !c->asked && use != BNF_NONE; use = g->uses[use].next) {
            bnf_id node = g->uses[use].node;
            if (bnf_table_get(&plan->asked, node) != BNF_NONE || bnf_reads_extents(g, node))
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

static bool is_absorbed(const struct bnf_plan *plan)
{
    for (size_t i = 0; i < plan->move_count; i++)
        if (plan->moves[i].absorbs)
            return true;
    return false;
}

int bnf_walk_forward(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err)
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
            return is_absorbed(plan) ? BNF_ANSWER_YES
                                     : bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR,
                                           "nothing but the extents of '%s' is read",
                                           fold->graph->values[plan->carried[0].value].name);
        if (!bnf_table_put(&plan->asked, node, 1))
            return bnf_fail_memory(err);
        struct mark before = mark_of(plan);
        const struct bnf_rule *rule = bnf_rule_find(fold->graph, node);
        int answer = check_patience(fold, plan);
        if (!answer)
            answer = check_node(fold, plan, node, rule);
        if (!answer)
            answer = rule->forward(fold, plan, node, err);
        if (!answer)
            answer = note_answer(fold, plan, node, &before, err);
        if (answer)
            return answer;
    }
}

