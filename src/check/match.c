/* Is a value of the reference the same function as a value of the candidate? */
#include "check/prover.h"

#include <math.h>
#include <string.h>

/* Nesting of comparisons. In a candidate whose values pair up one after the other it stays in single digits. */
#define DEEPEST 400
/* How many values maps are carried to before a comparison gives up. */
#define MOST_RELATIONS 256
#define FEW_RELATIONS 8
#define MANY_RELATIONS (1 << 18) /* in all; seconds */

static uint64_t pair_key(bnf_id ref, bnf_id new)
{
    return (uint64_t)ref << 32 | new;
}

const struct bnf_pair *bnf_pair_of(const struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    bnf_id at = bnf_table_get(&p->memo, pair_key(ref, new));
    return at == BNF_NONE ? NULL : &p->pairs[at];
}

static void remember(
    struct bnf_prover *p, bnf_id ref, bnf_id new, enum bnf_outcome outcome, const struct bnf_tally *tally)
{
    bnf_id at = bnf_table_get(&p->memo, pair_key(ref, new));
    if (at == BNF_NONE) {
        at = (bnf_id)p->pair_count;
        if (!bnf_reserve(&p->pairs, &p->pair_capacity, p->pair_count + 1, sizeof *p->pairs) ||
            !bnf_table_put(&p->memo, pair_key(ref, new), at)) {
            bnf_prover_fail(p, bnf_fail_memory(p->err));
            return;
        }
        p->pair_count++;
    }
    p->pairs[at] = (struct bnf_pair){.value = {ref, new}, .outcome = outcome, .tally = *tally};
    if (outcome == BNF_EQUAL && p->partner[new] == BNF_NONE)
        p->partner[new] = ref;
}

void bnf_pair_variables(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    remember(p, ref, new, BNF_EQUAL, &(struct bnf_tally){.sub = {BNF_NONE, BNF_NONE}});
}

void bnf_settle(struct bnf_prover *p, bnf_id ref, bnf_id new, enum bnf_outcome outcome,
    const struct bnf_tally *tally, bool refutes, const char *note, double note_u)
{
    const struct bnf_pair *known = bnf_pair_of(p, ref, new);
    remember(p, ref, new, outcome, outcome == BNF_EQUAL || !known ? tally : &known->tally);
    known = bnf_pair_of(p, ref, new);
    if (!known)
        return;
    struct bnf_pair *pair = &p->pairs[known - p->pairs];
    pair->probed = true;
    pair->refutes = refutes;
    pair->note = note;
    pair->note_u = note_u;
}

/* Values in bodies are only comparable while the bodies are bound to each other: their inputs are free
 * variables of that one comparison, and what was found under it says nothing under another. Constants are
 * comparable anywhere. */
static bool comparable(const struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_side *a = &p->side[0], *b = &p->side[1];
    if (bnf_is_constant(&a->constants, ref) && bnf_is_constant(&b->constants, new))
        return true;
    return a->bound[a->graph.values[ref].scope] == b->graph.values[new].scope;
}

static void use(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    bnf_id at = bnf_table_get(&p->memo, pair_key(ref, new));
    if (at != BNF_NONE)
        p->pairs[at].used = true;
}

static bool paired(const struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
    return pair && pair->outcome == BNF_EQUAL && comparable(p, ref, new);
}

/* ---- chains ---- */

bool bnf_meet(struct bnf_prover *p, struct bnf_chain chain[2], struct bnf_arena *arena, unsigned link[2])
{
    unsigned seen[2] = {0, 0};
    for (;;) {
        for (unsigned i = 0; i < chain[0].count; i++)
            for (unsigned j = i < seen[0] ? seen[1] : 0; j < chain[1].count; j++)
                if (paired(p, chain[0].links[i].value, chain[1].links[j].value)) {
                    use(p, chain[0].links[i].value, chain[1].links[j].value);
                    link[0] = i;
                    link[1] = j;
                    return true;
                }
        for (int i = 0; i < 2; i++)
            seen[i] = chain[i].count;
        bool longer = bnf_chain_extend(p, &chain[0], arena);
        if (!bnf_chain_extend(p, &chain[1], arena) && !longer)
            return false;
    }
}

/* ---- nodes ---- */

static enum bnf_outcome worse(enum bnf_outcome a, enum bnf_outcome b)
{
    return a > b ? a : b;
}

enum bnf_outcome bnf_slot_compare(struct bnf_prover *p, bnf_id ref, bnf_id new, uint32_t slot)
{
    if (ref != BNF_NONE && new != BNF_NONE)
        return bnf_equal(p, ref, new);
    if (ref == new)
        return BNF_EQUAL;
    bnf_say(p, "input %u is %s, but not in the reference", slot, new == BNF_NONE ? "left out" : "given");
    return BNF_UNKNOWN; /* being absent may mean the same as what is given */
}

static void blame(struct bnf_prover *p, struct bnf_tally *tally, bnf_id ref, bnf_id new)
{
    if (ref == BNF_NONE || new == BNF_NONE)
        return;
    tally->sub[0] = bnf_canon(&p->side[0], ref);
    tally->sub[1] = bnf_canon(&p->side[1], new);
}

static bool commutes(const struct bnf_graph *g, bnf_id node)
{
    static const char *const names[] = {"Add", "Mul", "And", "Or", "Xor", "Equal"};
    if (g->nodes[node].input_count != 2 || bnf_node_opset(g, node) < 7)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bnf_node_is(g, node, names[i]))
            return true;
    return false;
}

/* Shape and Size look at extents only. */
static bool reads_extents(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Shape") || bnf_node_is(g, node, "Size");
}

/* Values that are maps of the same function have the same shape. */
static bool have_related_shapes(struct bnf_prover *p, const bnf_id node[2])
{
    static const struct bnf_normal *const none[2] = {NULL, NULL};
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    const bnf_id value[2] = {bnf_node_input(g[0], node[0], 0), bnf_node_input(g[1], node[1], 0)};
    if ((!bnf_node_is(g[0], node[0], "Shape") && !bnf_node_is(g[0], node[0], "Size")) || value[0] == BNF_NONE ||
        value[1] == BNF_NONE || p->explaining)
        return false;
    struct bnf_arena arena;
    const struct bnf_normal *out[2];
    struct bnf_tally tally = {.sub = {BNF_NONE, BNF_NONE}};
    bnf_arena_init(&arena, 0);
    bool related = bnf_relate(p, value, none, &arena, out, &tally) == BNF_EQUAL;
    bnf_arena_free(&arena);
    return related;
}

static enum bnf_outcome compare_inputs(struct bnf_prover *p, const bnf_id node[2], struct bnf_tally *tally)
{
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    bnf_id seen[2] = {bnf_node_input(g[0], node[0], 0), bnf_node_input(g[1], node[1], 0)};
    if (reads_extents(g[0], node[0]) && seen[0] != BNF_NONE && seen[1] != BNF_NONE &&
        bnf_same_extents(p, seen[0], seen[1]))
        return BNF_EQUAL;
    uint32_t count = g[0]->nodes[node[0]].input_count, other = g[1]->nodes[node[1]].input_count;
    enum bnf_outcome outcome = BNF_EQUAL;
    count = count > other ? count : other;
    for (uint32_t slot = 0; slot < count && !p->status; slot++) {
        bnf_id ref = bnf_node_input(g[0], node[0], slot), new = bnf_node_input(g[1], node[1], slot);
        enum bnf_outcome one = bnf_slot_compare(p, ref, new, slot);
        if (one > outcome)
            blame(p, tally, ref, new);
        outcome = worse(outcome, one);
    }
    if (outcome != BNF_EQUAL && have_related_shapes(p, node))
        return BNF_EQUAL;
    if (outcome != BNF_EQUAL && commutes(g[0], node[0]) && commutes(g[1], node[1])) {
        bool crossed = true;
        for (uint32_t slot = 0; slot < 2 && crossed; slot++) {
            bnf_id ref = bnf_node_input(g[0], node[0], slot), new = bnf_node_input(g[1], node[1], 1 - slot);
            crossed = ref != BNF_NONE && new != BNF_NONE &&bnf_equal(p, ref, new) == BNF_EQUAL;
        }
        if (crossed)
            outcome = BNF_EQUAL;
    }
    return outcome;
}

/* The body of the other node that hangs on the same attribute, the nth of that name. */
static bnf_id same_body(const struct bnf_graph *g, bnf_id node, const char *attribute, bnf_id nth)
{
    for (bnf_id s = g->nodes[node].first_body; s < g->nodes[node].last_body; s++)
        if (strcmp(g->scopes[s].owner_attribute, attribute) == 0 && nth-- == 0)
            return s;
    return BNF_NONE;
}

static enum bnf_outcome compare_bodies(struct bnf_prover *p, const bnf_id node[2], struct bnf_tally *tally)
{
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    const struct bnf_node *ref = &g[0]->nodes[node[0]], *new = &g[1]->nodes[node[1]];
    enum bnf_outcome outcome = BNF_EQUAL;
    if (ref->last_body - ref->first_body != new->last_body - new->first_body) {
        bnf_say(p, "it has another number of bodies");
        return BNF_DIFFERENT;
    }
    for (bnf_id s = ref->first_body; s < ref->last_body && outcome == BNF_EQUAL; s++) {
        const char *attribute = g[0]->scopes[s].owner_attribute;
        bnf_id nth = 0;
        for (bnf_id before = ref->first_body; before < s; before++)
            nth += strcmp(g[0]->scopes[before].owner_attribute, attribute) == 0;
        bnf_id other = same_body(g[1], node[1], attribute, nth);
        if (other == BNF_NONE) {
            bnf_say(p, "it has no body '%s'", attribute);
            return BNF_DIFFERENT;
        }
        outcome = bnf_scope_compare(p, s, other, tally);
    }
    return outcome;
}

/* The path of a value: its name and the nodes whose bodies it lies in. */
static bool same_path(const struct bnf_graph *const g[2], bnf_id ref, bnf_id new)
{
    while (strcmp(g[0]->values[ref].name, g[1]->values[new].name) == 0) {
        const struct bnf_scope *a = &g[0]->scopes[g[0]->values[ref].scope];
        const struct bnf_scope *b = &g[1]->scopes[g[1]->values[new].scope];
        if (a->kind != b->kind)
            return false;
        if (a->kind != BNF_SCOPE_BODY)
            return true;
        if (strcmp(a->owner_attribute, b->owner_attribute) != 0)
            return false;
        ref = bnf_node_output(g[0], a->owner, 0);
        new = bnf_node_output(g[1], b->owner, 0);
        if (ref == BNF_NONE || new == BNF_NONE)
            return false;
    }
    return false;
}

/* May the two nodes be taken for the same draw? Each node stands for one of the other model only. */
static enum bnf_outcome compare_draws(struct bnf_prover *p, bnf_id ref, bnf_id new, const bnf_id node[2])
{
    const struct bnf_graph *const g[2] = {&p->side[0].graph, &p->side[1].graph};
    enum bnf_purity purity = bnf_purity_of(p, &p->side[0], node[0]);
    enum bnf_purity other = bnf_purity_of(p, &p->side[1], node[1]);
    purity = purity > other ? purity : other;
    if (purity == BNF_PURE)
        return BNF_EQUAL;
    if (purity == BNF_DRAWS && !same_path(g, ref, new)) {
        bnf_say(p, "random numbers are the same draws only under the same name, '%s' is not '%s'",
            g[1]->values[new].name, g[0]->values[ref].name);
        return BNF_UNKNOWN;
    }
    for (int i = 0; i < 2; i++)
        if (p->side[i].drawn[node[i]] != BNF_NONE && p->side[i].drawn[node[i]] != node[1 - i]) {
            bnf_say(p, "the operator may draw random numbers or keep a state, and already stands for another node");
            return BNF_UNKNOWN;
        }
    return BNF_EQUAL;
}

static bool same_operator_type(const struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const bnf_id value[2] = {ref, new};
    const char *op[2];
    for (int i = 0; i < 2; i++) {
        bnf_id node = p->side[i].graph.values[value[i]].producer;
        op[i] = node == BNF_NONE ? NULL : p->side[i].graph.nodes[node].proto->op_type;
    }
    return op[0] && op[1] && strcmp(op[0], op[1]) == 0;
}

static enum bnf_outcome compare_nodes(struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_tally *tally)
{
    const struct bnf_value *v[2] = {&p->side[0].graph.values[ref], &p->side[1].graph.values[new]};
    const bnf_id node[2] = {v[0]->producer, v[1]->producer};
    enum bnf_outcome outcome = bnf_operator_compare(p, node[0], node[1]);
    if (outcome == BNF_UNKNOWN)
        return outcome;
    enum bnf_outcome inputs = compare_inputs(p, node, tally);
    if (outcome == BNF_DIFFERENT || inputs != BNF_EQUAL)
        return bnf_called_makes_up(p, node) ? BNF_UNKNOWN : worse(outcome, inputs);
    if (v[0]->output != v[1]->output) {
        bnf_say(p, "it is output %u instead of output %u", v[1]->output, v[0]->output);
        return BNF_DIFFERENT;
    }
    outcome = compare_draws(p, ref, new, node);
    if (outcome == BNF_EQUAL)
        outcome = compare_bodies(p, node, tally);
    if (outcome == BNF_EQUAL)
        outcome = bnf_called_compare(p, node, tally);
    if (outcome == BNF_EQUAL && bnf_purity_of(p, &p->side[0], node[0]) != BNF_PURE) {
        for (int i = 0; i < 2; i++)
            p->side[i].drawn[node[i]] = node[1 - i];
        p->proof->same_draws = true;
    }
    return outcome;
}

/* ---- values ---- */

/* A graph's or body's input, whose value is free. */
static bool is_variable(const struct bnf_side *side, bnf_id value)
{
    const struct bnf_value *v = &side->graph.values[value];
    return v->producer == BNF_NONE && v->is_input;
}

static const char *what_computes(const struct bnf_side *side, bnf_id value)
{
    const struct bnf_value *v = &side->graph.values[value];
    if (v->producer != BNF_NONE)
        return side->graph.nodes[v->producer].proto->op_type;
    return v->is_input ? "an input" : "a constant";
}

/* A map whose numbers are not finite equals nothing but the same node. */
static bool is_broken_apart(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    bool broken = bnf_step_is_broken(p, &p->side[0], ref), other = bnf_step_is_broken(p, &p->side[1], new);
    if ((!broken && !other) || (broken && other && same_operator_type(p, ref, new)))
        return false;
    bnf_say(p, "%s gives no finite scale and shift, and %s computes something else",
        broken ? what_computes(&p->side[0], ref) : what_computes(&p->side[1], new),
        broken ? "the candidate" : "the reference");
    return true;
}

/* Values that are no affine maps of others, and no operators with weights. */
static enum bnf_outcome compare_opaque(struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_tally *tally)
{
    struct bnf_side *a = &p->side[0], *b = &p->side[1];
    if (is_variable(a, ref) && is_variable(b, new)) {
        bnf_say(p, "the candidate reads input '%s' instead of '%s'", b->graph.values[new].name,
            a->graph.values[ref].name);
        return BNF_DIFFERENT;
    }
    bnf_id left = a->graph.values[ref].producer, right = b->graph.values[new].producer;
    if (left != BNF_NONE && right != BNF_NONE)
        return compare_nodes(p, ref, new, tally);
    if (left == BNF_NONE && right == BNF_NONE && !is_variable(a, ref) && !is_variable(b, new))
        return bnf_other_constant_compare(p, ref, new);
    bnf_say(p,
        "the cones cannot be brought to the same structure: the reference computes it by %s, the candidate "
        "by %s",
        what_computes(a, ref), what_computes(b, new));
    return BNF_UNKNOWN;
}

/* A depthwise convolution of one element counts as a map. Where the other model has a convolution that is
 * none, it is taken for an operator with weights, so that what differs between the two can be named. */
static enum bnf_outcome compare_convolutions(
    struct bnf_prover *p, const struct bnf_chain chain[2], struct bnf_tally *tally)
{
    for (int through = 0; through < 2; through++) {
        unsigned last[2] = {chain[0].count - 1, chain[1].count - 1};
        for (unsigned i = last[through]; i-- > 0;) {
            unsigned link[2] = {last[0], last[1]};
            const struct bnf_normal *map[2];
            struct bnf_core core[2];
            bool cores = true;
            link[through] = i;
            for (int side = 0; side < 2; side++) {
                map[side] = chain[side].links[link[side]].map;
                cores = cores &&
                        bnf_core_of(p, &p->side[side], chain[side].links[link[side]].value, &core[side]) &&
                        bnf_core_takes(&core[side], map[side]);
            }
            enum bnf_outcome outcome = cores ? bnf_core_compare(p, core, map, tally) : BNF_UNKNOWN;
            if (outcome != BNF_UNKNOWN)
                return outcome;
        }
    }
    return BNF_UNKNOWN;
}

/* Compares by maps through operators. */
static enum bnf_outcome compare_related(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], int dtype, struct bnf_tally *tally)
{
    struct bnf_arena arena;
    const struct bnf_normal *out[2];
    struct bnf_tally inner = *tally;
    bnf_arena_init(&arena, 0);
    enum bnf_outcome outcome = bnf_relate_ends(p, end, map, &arena, out, &inner);
    if (outcome == BNF_EQUAL)
        outcome = bnf_normal_compare(p, out[0], out[1], dtype, &inner);
    bnf_arena_free(&arena);
    inner.changed = true;
    if (outcome != BNF_UNKNOWN)
        *tally = inner;
    return outcome;
}

/* The values in front of all maps. Of a sum, shifts may have moved from one operand to another; of what a part is cut
 * from, the rest may differ. */
static enum bnf_outcome compare_unmapped(
    struct bnf_prover *p, const bnf_id end[2], int dtype, struct bnf_tally *tally)
{
    static const struct bnf_normal *const none[2] = {NULL, NULL};
    static const char *const forgiving[] = {"Add", "Sub", "Sum", "Mean", "Slice", "Split"};
    enum bnf_outcome outcome = bnf_layer_compare(p, end, none, dtype, tally);
    if (outcome != BNF_UNKNOWN)
        return outcome;
    outcome = compare_opaque(p, end[0], end[1], tally);
    bnf_id node = p->side[0].graph.values[end[0]].producer;
    const size_t count = node == BNF_NONE ? 0 : sizeof forgiving / sizeof *forgiving;
    for (size_t i = 0; i < count && outcome != BNF_EQUAL; i++)
        if (bnf_node_is(&p->side[0].graph, node, forgiving[i]) &&
            compare_related(p, end, none, dtype, tally) == BNF_EQUAL)
            return BNF_EQUAL;
    return outcome;
}

/* Compares what the two chains end in, with the maps that lead there. */
static enum bnf_outcome compare_ends(
    struct bnf_prover *p, const struct bnf_chain chain[2], int dtype, struct bnf_tally *tally)
{
    const struct bnf_normal *map[2];
    const struct bnf_tensor *constant[2];
    struct bnf_core core[2];
    char text[200];
    bnf_id end[2];
    bool cores = true, takes = true;
    enum bnf_outcome outcome = BNF_UNKNOWN;
    for (int i = 0; i < 2; i++) {
        end[i] = chain[i].links[chain[i].count - 1].value;
        map[i] = chain[i].links[chain[i].count - 1].map;
        constant[i] = bnf_side_constant(p, &p->side[i], end[i]);
        cores = cores && bnf_core_of(p, &p->side[i], end[i], &core[i]);
        takes = cores && takes && bnf_core_takes(&core[i], map[i]);
    }
    if (bnf_is_malformed(p, end[1], text, sizeof text)) {
        if (takes && p->explaining && bnf_core_kinds_compare(p, core) != BNF_EQUAL)
            return BNF_DIFFERENT; /* which says more */
        bnf_say(p, "what the candidate computes it by does not fit together: %s", text);
        return BNF_DIFFERENT;
    }
    if (constant[0] && constant[1])
        return bnf_mapped_constants_compare(p, end[1], constant, map, tally);
    if (is_broken_apart(p, end[0], end[1]))
        return BNF_DIFFERENT;
    if (takes && (outcome = bnf_core_compare(p, core, map, tally)) != BNF_UNKNOWN)
        return outcome;
    if (takes)
        return compare_convolutions(p, chain, tally);
    if (chain[0].count == 1 && chain[1].count == 1)
        return compare_unmapped(p, end, dtype, tally);
    outcome = bnf_equal(p, end[0], end[1]);
    if (outcome == BNF_EQUAL)
        return bnf_normal_compare(p, map[0], map[1], dtype, tally);
    enum bnf_outcome related = compare_related(p, end, map, dtype, tally);
    if (related != BNF_UNKNOWN)
        return related;
    /* That the values differ says nothing where one model may have worked in what is a map behind it in the other. */
    bool moved = outcome == BNF_DIFFERENT && (!map[0] || !map[1]) && same_operator_type(p, end[0], end[1]) &&
                 bnf_passes_maps(&p->side[0].graph, end[0]);
    if (moved)
        outcome = BNF_UNKNOWN;
    if (outcome == BNF_UNKNOWN) {
        struct bnf_tally further = *tally;
        enum bnf_outcome convolutions = compare_convolutions(p, chain, &further);
        if (convolutions != BNF_UNKNOWN) {
            *tally = further;
            return convolutions;
        }
    }
    if (outcome == BNF_UNKNOWN && same_operator_type(p, chain[0].links[0].value, chain[1].links[0].value)) {
        /* One of them is a map, the other is not: in training mode, say. */
        enum bnf_outcome nodes = compare_nodes(p, chain[0].links[0].value, chain[1].links[0].value, tally);
        if (nodes != BNF_UNKNOWN)
            return nodes;
    }
    tally->sub[0] = moved ? BNF_NONE : end[0];
    tally->sub[1] = moved ? BNF_NONE : end[1];
    return outcome;
}

static enum bnf_outcome compare(struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_tally *tally)
{
    int dtype = p->side[0].graph.values[ref].shape.dtype, other = p->side[1].graph.values[new].shape.dtype;
    if (dtype && other && dtype != other) {
        bnf_say(p, "it is %s, but %s in the reference", bnf_dtype_name(other), bnf_dtype_name(dtype));
        return BNF_DIFFERENT;
    }
    struct bnf_arena arena;
    struct bnf_chain chain[2];
    unsigned link[2];
    enum bnf_outcome outcome = BNF_UNKNOWN;
    const struct bnf_tally fresh = *tally;
    bnf_arena_init(&arena, 0);
    bnf_chain_start(&chain[0], &p->side[0], ref, NULL);
    bnf_chain_start(&chain[1], &p->side[1], new, NULL);
    bool met = bnf_meet(p, chain, &arena, link) && (link[0] || link[1]);
    if (met) {
        outcome =
            bnf_normal_compare(p, chain[0].links[link[0]].map, chain[1].links[link[1]].map, dtype, tally);
        tally->changed |= link[0] != 1 || link[1] != 1 || !same_operator_type(p, ref, new);
    }
    if (outcome != BNF_EQUAL && !(met && p->explaining)) {
        /* The value they share may be such that the difference vanishes: a channel that is always zero. */
        struct bnf_tally deep = fresh;
        while (bnf_chain_extend(p, &chain[0], &arena))
            ;
        while (bnf_chain_extend(p, &chain[1], &arena))
            ;
        enum bnf_outcome further = compare_ends(p, chain, dtype, &deep);
        if (!met || further == BNF_EQUAL) {
            outcome = further;
            *tally = deep;
        }
    }
    bnf_arena_free(&arena);
    return p->status ? BNF_UNKNOWN : outcome;
}

/* How many may be looked for behind one pair. Where thousands of pairs have used theirs up in vain, the rest gets few. */
static unsigned relations_of_a_pair(const struct bnf_prover *p)
{
    return p->relations < MANY_RELATIONS ? MOST_RELATIONS : FEW_RELATIONS;
}

/* With the last resort where it might help. *tally must be fresh. */
static enum bnf_outcome compare_thoroughly(
    struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_tally *tally)
{
    const unsigned budget = p->budget;
    const bool multiples = p->multiples, resorts = p->resorts;
    struct bnf_tally further = *tally;
    p->depth++;
    p->budget = relations_of_a_pair(p);
    p->multiples = p->resorts = false;
    enum bnf_outcome outcome = compare(p, ref, new, tally);
    p->budget = relations_of_a_pair(p);
    p->multiples = true;
    if (outcome != BNF_EQUAL && p->resorts && compare(p, ref, new, &further) == BNF_EQUAL) {
        outcome = BNF_EQUAL;
        *tally = further;
    }
    p->depth--;
    p->budget = budget;
    p->multiples = multiples;
    p->resorts = resorts;
    return outcome;
}

enum bnf_outcome bnf_try(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    ref = bnf_canon(&p->side[0], ref);
    new = bnf_canon(&p->side[1], new);
    const struct bnf_pair *known = bnf_pair_of(p, ref, new);
    bool may = comparable(p, ref, new);
    if (known && (may || p->explaining))
        return known->outcome;
    if (p->status || p->explaining || p->depth >= DEEPEST || !may)
        return BNF_UNKNOWN;
    struct bnf_tally tally = {.sub = {BNF_NONE, BNF_NONE}};
    enum bnf_outcome outcome = compare_thoroughly(p, ref, new, &tally);
    if (!p->status)
        remember(p, ref, new, outcome, &tally);
    return outcome;
}

enum bnf_outcome bnf_equal(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    enum bnf_outcome outcome = bnf_try(p, ref, new);
    if (outcome == BNF_EQUAL)
        use(p, bnf_canon(&p->side[0], ref), bnf_canon(&p->side[1], new));
    return outcome;
}

void bnf_explain_pair(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    struct bnf_tally tally = {.sub = {BNF_NONE, BNF_NONE}};
    p->explaining = true;
    p->budget = MOST_RELATIONS;
    p->said = NULL;
    p->said_u = 0;
    compare(p, ref, new, &tally);
    if (same_operator_type(p, ref, new))
        bnf_say(p, "what it is computed from has no counterpart in the other model, and lies too deep to be compared");
    bnf_say(p,
        "the cones cannot be brought to the same structure: the reference computes it by %s, the candidate "
        "by %s",
        what_computes(&p->side[0], ref), what_computes(&p->side[1], new));
    p->explaining = false;
}
