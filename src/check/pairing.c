/* Which values to compare: names first, then what the operators around them suggest. */
#include "check/probe.h"

#include <string.h>

/* How far a search for partners goes. Names make it unnecessary in most models. */
#define MOST_CANDIDATES 48
#define MOST_READERS 64
/* Behind a value that differs there is nothing to be proved, only something to be reported. */
#define MOST_SUSPECTS 4
/* Maps between a layer and the value that stands for it; decomposed normalizations have four. */
#define LONGEST_WAY 8

/* Values to try, each once. */
struct candidates {
    bnf_id value[MOST_CANDIDATES];
    size_t count, most;
};

static void add(struct bnf_prover *p, struct candidates *list, bnf_id value)
{
    value = bnf_canon(&p->side[BNF_REF], value);
    for (size_t i = 0; i < list->count; i++)
        if (list->value[i] == value)
            return;
    if (list->count < list->most)
        list->value[list->count++] = value;
}

/* Compares and remembers the best partner so far. True when no better one is worth looking for. */
static bool try(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    enum bnf_outcome outcome = bnf_try(p, ref, new);
    if (outcome == BNF_DIFFERENT && p->suspect[new] == BNF_NONE)
        p->suspect[new] = ref;
    if (outcome != BNF_EQUAL)
        return false;
    const struct bnf_pair *this = bnf_pair_of(p, ref, new), *best = bnf_pair_of(p, p->partner[new], new);
    if (!this || !best)
        return true;
    if (this->tally.u < best->tally.u)
        p->partner[new] = ref;
    return !this->tally.warn;
}

/* Adds what lies behind a value through affine maps and identities. */
static void add_maps_behind(struct bnf_prover *p, struct candidates *list, size_t from)
{
    struct bnf_side *side = &p->side[BNF_REF];
    const struct bnf_graph *g = &side->graph;
    for (size_t i = from; i < list->count; i++) {
        unsigned readers = 0;
        for (bnf_id use = g->values[list->value[i]].first_use; use != BNF_NONE && readers < MOST_READERS;
             use = g->uses[use].next, readers++) {
            bnf_id out = bnf_node_output(g, g->uses[use].node, 0);
            if (out == BNF_NONE)
                continue;
            const struct bnf_step *step = bnf_step_of(p, side, out);
            if (step && bnf_canon(side, step->input) == list->value[i])
                add(p, list, out);
            else if (bnf_canon(side, out) == list->value[i])
                for (bnf_id u = g->values[out].first_use; u != BNF_NONE && readers < MOST_READERS;
                     u = g->uses[u].next, readers++) {
                    bnf_id next = bnf_node_output(g, g->uses[u].node, 0);
                    const struct bnf_step *map = next == BNF_NONE ? NULL : bnf_step_of(p, side, next);
                    if (map && bnf_canon(side, map->input) == list->value[i])
                        add(p, list, next);
                }
        }
    }
}

/* Adds what nodes of the same type as the candidate's compute from one of the values. */
static void add_readers(
    struct bnf_prover *p, struct candidates *list, const struct candidates *from, bnf_id new)
{
    const struct bnf_graph *g = &p->side[BNF_REF].graph, *h = &p->side[BNF_NEW].graph;
    const char *op = h->nodes[h->values[new].producer].proto->op_type;
    uint32_t slot = h->values[new].output;
    for (size_t i = 0; i < from->count; i++) {
        unsigned readers = 0;
        for (bnf_id use = g->values[from->value[i]].first_use; use != BNF_NONE && readers < MOST_READERS;
             use = g->uses[use].next, readers++) {
            bnf_id node = g->uses[use].node, out = bnf_node_output(g, node, slot);
            const char *type = g->nodes[node].proto->op_type;
            if (out != BNF_NONE && op && type && strcmp(op, type) == 0)
                add(p, list, out);
            /* Identity and the like: their readers read the value itself. */
            bnf_id through = bnf_node_output(g, node, 0);
            if (through == BNF_NONE || bnf_canon(&p->side[BNF_REF], through) != from->value[i])
                continue;
            for (bnf_id u = g->values[through].first_use; u != BNF_NONE && readers < MOST_READERS;
                 u = g->uses[u].next, readers++) {
                type = g->nodes[g->uses[u].node].proto->op_type;
                out = bnf_node_output(g, g->uses[u].node, slot);
                if (out != BNF_NONE && op && type && strcmp(op, type) == 0)
                    add(p, list, out);
            }
        }
    }
}

/* What the only node that reads a value computes; BNF_NONE when there are several. */
static bnf_id only_reader(struct bnf_prover *p, bnf_id value, uint32_t slot)
{
    const struct bnf_graph *g = &p->side[BNF_REF].graph;
    bnf_id use = g->values[value].first_use;
    bnf_id out = use == BNF_NONE || g->uses[use].next != BNF_NONE
                     ? BNF_NONE
                     : bnf_node_output(g, g->uses[use].node, slot);
    return out == BNF_NONE ? BNF_NONE : bnf_canon(&p->side[BNF_REF], out);
}

/* The value whose inputs lead to partners: the value itself, or, when it is a map of a value that has none,
 * that one. A layer whose shift went into an Add behind it has no partner; the Add has. */
static bnf_id anchor_of(struct bnf_prover *p, bnf_id new)
{
    struct bnf_side *side = &p->side[BNF_NEW];
    bnf_id anchor = new;
    for (unsigned i = 0; i < LONGEST_WAY; i++) {
        const struct bnf_step *step = bnf_step_of(p, side, anchor);
        if (!step)
            return anchor;
        bnf_id input = bnf_canon(side, step->input);
        if (p->partner[input] != BNF_NONE || side->graph.values[input].producer == BNF_NONE)
            return anchor;
        anchor = input;
    }
    return new;
}

/* Tries what the partner of one input leads to. True when the value is paired. */
static bool pair_from(struct bnf_prover *p, bnf_id input, bnf_id anchor, bnf_id new)
{
    bool known = p->partner[input] != BNF_NONE;
    bnf_id start = known ? p->partner[input] : p->suspect[input];
    if (start == BNF_NONE)
        return false;
    size_t most = known ? MOST_CANDIDATES : MOST_SUSPECTS;
    struct candidates from = {.most = most}, list = {.most = most};
    add(p, &from, start);
    add_maps_behind(p, &from, 0);
    add_readers(p, &list, &from, anchor);
    add_maps_behind(p, &list, 0);
    if (bnf_step_of(p, &p->side[BNF_NEW], new))
        for (size_t i = 0; i < from.count; i++)
            add(p, &list, from.value[i]);
    for (size_t i = 0; i < list.count && !p->status; i++)
        if (try(p, list.value[i], new))
            return true;
    if (p->suspect[new] == BNF_NONE && p->partner[new] == BNF_NONE)
        p->suspect[new] = only_reader(p, start, p->side[BNF_NEW].graph.values[anchor].output);
    return false;
}

/* `as` is the value's name, or that of an Identity behind it. */
static bool pair_named(struct bnf_prover *p, bnf_id ref_scope, bnf_id as, bnf_id new)
{
    bnf_id named = bnf_graph_find(&p->side[BNF_REF].graph, ref_scope, p->side[BNF_NEW].graph.values[as].name);
    return named != BNF_NONE && try(p, bnf_canon(&p->side[BNF_REF], named), new);
}

/* Tries what the partners of an anchor's inputs lead to. */
static bool pair_by_inputs(struct bnf_prover *p, bnf_id anchor, bnf_id new)
{
    const struct bnf_graph *h = &p->side[BNF_NEW].graph;
    bnf_id node = h->values[anchor].producer;
    for (uint32_t slot = 0; slot < h->nodes[node].input_count && !p->status; slot++) {
        bnf_id input = bnf_node_input(h, node, slot);
        if (input != BNF_NONE && !bnf_is_constant(&p->side[BNF_NEW].constants, input) &&
            pair_from(p, bnf_canon(&p->side[BNF_NEW], input), anchor, new))
            return true;
    }
    return false;
}

static void pair_value(struct bnf_prover *p, bnf_id ref_scope, bnf_id new)
{
    if (pair_named(p, ref_scope, new, new) || pair_by_inputs(p, new, new))
        return;
    bnf_id anchor = anchor_of(p, new);
    if ((anchor != new && pair_by_inputs(p, anchor, new)) || p->partner[new] != BNF_NONE)
        return;
    bnf_id named = bnf_graph_find(&p->side[BNF_REF].graph, ref_scope, p->side[BNF_NEW].graph.values[new].name);
    if (named != BNF_NONE)
        bnf_probe_pair(p, named, new);
}

void bnf_pair_scope(struct bnf_prover *p, bnf_id ref_scope, bnf_id new_scope)
{
    struct bnf_side *side = &p->side[BNF_NEW];
    const struct bnf_scope *scope = &side->graph.scopes[new_scope];
    for (size_t i = 0; i < scope->order_count && !p->status; i++) {
        bnf_id node = scope->order[i];
        for (uint32_t slot = 0; side->live[node] && slot < side->graph.nodes[node].output_count; slot++) {
            bnf_id value = bnf_node_output(&side->graph, node, slot);
            if (value == BNF_NONE || bnf_is_constant(&side->constants, value))
                continue;
            bnf_id canon = bnf_canon(side, value);
            if (canon == value)
                pair_value(p, ref_scope, value);
            else if (p->partner[canon] == BNF_NONE)
                pair_named(p, ref_scope, value, canon);
        }
    }
}

/* ---- bodies ---- */

static void unbind(struct bnf_prover *p, const bnf_id scope[2])
{
    for (int i = 0; i < 2; i++)
        for (size_t s = 0; s < p->side[i].graph.scope_count; s++)
            if (bnf_scope_within(&p->side[i].graph, (bnf_id)s, scope[i]))
                p->side[i].bound[s] = BNF_NONE;
}

/* Binds the inputs by position, as free variables. */
static enum bnf_outcome bind_inputs(struct bnf_prover *p, const bnf_id scope[2])
{
    const struct bnf_graph *const g[2] = {&p->side[0].graph, &p->side[1].graph};
    const struct bnf_scope *a = &g[0]->scopes[scope[0]], *b = &g[1]->scopes[scope[1]];
    for (size_t i = 0; i < a->input_count; i++) {
        const struct bnf_value *x = &g[0]->values[a->inputs[i]], *y = &g[1]->values[b->inputs[i]];
        if (x->initializer || y->initializer) {
            bnf_say(p, "input %zu of a body has a default value", i);
            return BNF_UNKNOWN;
        }
        if (x->shape.dtype && y->shape.dtype && x->shape.dtype != y->shape.dtype) {
            bnf_say(p, "input %zu of a body is %s instead of %s", i, bnf_dtype_name(y->shape.dtype),
                bnf_dtype_name(x->shape.dtype));
            return BNF_DIFFERENT;
        }
        bnf_pair_variables(p, a->inputs[i], b->inputs[i]);
    }
    return BNF_EQUAL;
}

enum bnf_outcome bnf_scope_compare(
    struct bnf_prover *p, bnf_id ref_scope, bnf_id new_scope, struct bnf_tally *tally)
{
    const bnf_id scope[2] = {ref_scope, new_scope};
    const struct bnf_scope *a = &p->side[0].graph.scopes[ref_scope], *b = &p->side[1].graph.scopes[new_scope];
    bnf_id *bound[2] = {&p->side[0].bound[ref_scope], &p->side[1].bound[new_scope]};
    if (a->input_count != b->input_count || a->output_count != b->output_count) {
        bnf_say(p, "body '%s' has %zu inputs and %zu outputs instead of %zu and %zu", a->owner_attribute,
            b->input_count, b->output_count, a->input_count, a->output_count);
        return BNF_DIFFERENT;
    }
    if (*bound[0] != new_scope || *bound[1] != ref_scope) {
        if (*bound[0] != BNF_NONE || *bound[1] != BNF_NONE) {
            bnf_say(p, "body '%s' stands for another body already", a->owner_attribute);
            return BNF_UNKNOWN;
        }
        *bound[0] = new_scope;
        *bound[1] = ref_scope;
        enum bnf_outcome inputs = bind_inputs(p, scope);
        if (inputs != BNF_EQUAL) {
            unbind(p, scope);
            return inputs;
        }
        if (!p->explaining)
            bnf_pair_scope(p, ref_scope, new_scope);
    }
    enum bnf_outcome outcome = BNF_EQUAL;
    for (size_t i = 0; i < a->output_count && outcome == BNF_EQUAL; i++) {
        outcome = bnf_equal(p, a->outputs[i], b->outputs[i]);
        if (outcome != BNF_EQUAL) {
            tally->sub[0] = bnf_canon(&p->side[0], a->outputs[i]);
            tally->sub[1] = bnf_canon(&p->side[1], b->outputs[i]);
        }
    }
    if (outcome != BNF_EQUAL)
        unbind(p, scope);
    return outcome;
}
