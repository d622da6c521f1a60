/* Where the cones of a pair begin: values that are equal, with nothing but affine operators behind them. */
#include "check/probe_cone.h"

#include <math.h>
#include <string.h>

/* Marks of both models' values, while the leaves are looked for. */
struct search {
    struct bnf_prover *p;
    uint8_t *paired[2];  /* per value: it equals some value of the other model */
    uint8_t *opened[2];  /* per value: that other value is not in the other cone, so this is no leaf */
    uint8_t *reached[2]; /* per node */
};

static bool search_open(struct search *s, struct bnf_prover *p)
{
    *s = (struct search){.p = p};
    for (int i = 0; i < 2; i++) {
        const struct bnf_graph *g = &p->side[i].graph;
        s->paired[i] = bnf_alloc(g->value_count + 1, 1);
        s->opened[i] = bnf_alloc(g->value_count + 1, 1);
        s->reached[i] = bnf_alloc(g->node_count + 1, 1);
        if (!s->paired[i] || !s->opened[i] || !s->reached[i]) {
            bnf_prover_fail(p, bnf_fail_memory(p->err));
            return false;
        }
    }
    for (size_t k = 0; k < p->pair_count; k++) {
        const struct bnf_pair *pair = &p->pairs[k];
        if (pair->outcome != BNF_EQUAL || p->side[0].graph.values[pair->value[0]].scope != 0 ||
            p->side[1].graph.values[pair->value[1]].scope != 0)
            continue;
        for (int i = 0; i < 2; i++)
            s->paired[i][pair->value[i]] = 1;
    }
    return true;
}

static void search_close(struct search *s)
{
    for (int i = 0; i < 2; i++) {
        bnf_free(s->paired[i]);
        bnf_free(s->opened[i]);
        bnf_free(s->reached[i]);
    }
}

/* ---- one cone ---- */

/* Is the value where the cone ends? A canonical value only: what is behind Identity is the value in front of
 * it. */
static bool is_leaf(const struct search *s, int which, bnf_id value, bnf_id root)
{
    struct bnf_side *side = &s->p->side[which];
    return value != root && bnf_canon(side, value) == value && s->paired[which][value] &&
           !s->opened[which][value];
}

static bool add_leaf(struct bnf_cone *cone, bnf_id value)
{
    for (size_t i = 0; i < cone->leaf_count; i++)
        if (cone->leaves[i] == value)
            return true;
    if (cone->leaf_count == bnf_most_leaves)
        return false;
    cone->leaves[cone->leaf_count++] = value;
    return true;
}

/* Puts the nodes that were reached into the order they run in. */
static bool sort_nodes(const struct search *s, int which, struct bnf_cone *cone, size_t expected)
{
    const struct bnf_scope *scope = &s->p->side[which].graph.scopes[0];
    cone->count = 0;
    for (size_t i = 0; i < scope->order_count; i++)
        if (s->reached[which][scope->order[i]])
            cone->nodes[cone->count++] = scope->order[i];
    return cone->count == expected;
}

static bool walk(struct search *s, int which, bnf_id root, struct bnf_cone *cone)
{
    struct bnf_side *side = &s->p->side[which];
    const struct bnf_graph *g = &side->graph;
    bnf_id nodes[bnf_most_cone]; /* both a stack to come and a list of what was done */
    size_t count = 0, done = 0;
    bnf_id start = g->values[root].producer;
    memset(s->reached[which], 0, g->node_count);
    *cone = (struct bnf_cone){.side = side, .root = root};
    if (start == BNF_NONE)
        return s->paired[which][root] && add_leaf(cone, root); /* an input as it is */
    nodes[count++] = start;
    s->reached[which][start] = 1;
    while (done < count) {
        bnf_id node = nodes[done++];
        enum bnf_role roles[bnf_most_slots];
        if (g->nodes[node].scope != 0 || g->nodes[node].input_count > bnf_most_slots ||
            !bnf_affine_roles(s->p, side, node, roles, &cone->rough))
            return false;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++) {
            bnf_id value = bnf_node_input(g, node, slot);
            if (roles[slot] != BNF_ROLE_COMPUTED)
                continue;
            if (is_leaf(s, which, value, root)) {
                if (!add_leaf(cone, value))
                    return false;
                continue;
            }
            bnf_id producer = g->values[value].producer;
            if (producer == BNF_NONE)
                return false;
            if (s->reached[which][producer])
                continue;
            if (count == bnf_most_cone)
                return false;
            s->reached[which][producer] = 1;
            nodes[count++] = producer;
        }
    }
    return sort_nodes(s, which, cone, count);
}

/* ---- both ---- */

static bool are_equal(const struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
    return pair && pair->outcome == BNF_EQUAL;
}

/* Opens the leaves of either cone that equal no leaf of the other. True when there was none. */
static bool leaves_meet(struct search *s, const struct bnf_cone cone[2])
{
    bool meet = true;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < cone[i].leaf_count; k++) {
            bool found = false;
            for (size_t j = 0; j < cone[1 - i].leaf_count && !found; j++)
                found = i ? are_equal(s->p, cone[0].leaves[j], cone[1].leaves[k])
                          : are_equal(s->p, cone[0].leaves[k], cone[1].leaves[j]);
            if (!found)
                s->opened[i][cone[i].leaves[k]] = 1;
            meet &= found;
        }
    return meet;
}

/* Leaves that equal the same value are the same variable, also within one model. */
static size_t number_variables(const struct bnf_prover *p, struct bnf_cone cone[2])
{
    size_t count = 0;
    for (size_t r = 0; r < cone[0].leaf_count; r++) {
        size_t like = r;
        for (size_t k = 0; k < r && like == r; k++)
            for (size_t n = 0; n < cone[1].leaf_count && like == r; n++)
                if (are_equal(p, cone[0].leaves[k], cone[1].leaves[n]) &&
                    are_equal(p, cone[0].leaves[r], cone[1].leaves[n]))
                    like = k;
        cone[0].variable[r] = like == r ? count++ : cone[0].variable[like];
    }
    for (size_t n = 0; n < cone[1].leaf_count; n++)
        for (size_t r = 0; r < cone[0].leaf_count; r++)
            if (are_equal(p, cone[0].leaves[r], cone[1].leaves[n])) {
                cone[1].variable[n] = cone[0].variable[r];
                break;
            }
    return count;
}

/* How many stored tensors a path meets, at most; a shift counts the factors behind it. */
static bool count_tensors(struct bnf_prover *p, struct bnf_cone *cone)
{
    const struct bnf_graph *g = &cone->side->graph;
    struct count {
        unsigned factors, shifts;
    } *of = bnf_alloc(g->value_count + 1, sizeof *of);
    if (!of) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    for (size_t i = 0; i < cone->count; i++) {
        enum bnf_role roles[bnf_most_slots];
        struct count sum = {0, 0};
        unsigned own = 0;
        bool adds = false;
        bnf_affine_roles(p, cone->side, cone->nodes[i], roles, &cone->rough);
        for (uint32_t slot = 0; slot < g->nodes[cone->nodes[i]].input_count; slot++) {
            bnf_id value = bnf_node_input(g, cone->nodes[i], slot);
            own += roles[slot] == BNF_ROLE_FACTOR;
            adds |= roles[slot] == BNF_ROLE_SHIFT;
            if (roles[slot] != BNF_ROLE_COMPUTED)
                continue;
            sum.factors = of[value].factors > sum.factors ? of[value].factors : sum.factors;
            sum.shifts = of[value].shifts > sum.shifts ? of[value].shifts : sum.shifts;
        }
        sum.factors += own;
        sum.shifts += sum.shifts ? own : 0;
        if (adds && !sum.shifts)
            sum.shifts = 1;
        for (uint32_t slot = 0; slot < g->nodes[cone->nodes[i]].output_count; slot++) {
            bnf_id value = bnf_node_output(g, cone->nodes[i], slot);
            if (value != BNF_NONE)
                of[value] = sum;
        }
    }
    cone->factors = of[cone->root].factors;
    cone->shifts = of[cone->root].shifts;
    bnf_free(of);
    return true;
}

bool bnf_cones_find(struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_cone cone[2], size_t *variables)
{
    struct search s;
    bool found = false;
    if (search_open(&s, p)) {
        /* Every round opens a leaf for good, so the cones grow until they meet or reach what is not affine.
         */
        bool walked = true;
        while (walked && !found && !p->status) {
            walked = walk(&s, BNF_REF, ref, &cone[0]) && walk(&s, BNF_NEW, new, &cone[1]);
            found = walked && leaves_meet(&s, cone);
        }
    }
    search_close(&s);
    if (!found || p->status)
        return false;
    *variables = number_variables(p, cone);
    return count_tensors(p, &cone[0]) && count_tensors(p, &cone[1]);
}

bool bnf_cone_is_finite(struct bnf_prover *p, const struct bnf_cone *cone)
{
    const struct bnf_graph *g = &cone->side->graph;
    for (size_t i = 0; i < cone->count; i++) {
        enum bnf_role roles[bnf_most_slots];
        bool rough = false;
        bnf_affine_roles(p, cone->side, cone->nodes[i], roles, &rough);
        for (uint32_t slot = 0; slot < g->nodes[cone->nodes[i]].input_count; slot++) {
            if (roles[slot] == BNF_ROLE_ABSENT || roles[slot] == BNF_ROLE_COMPUTED)
                continue;
            const struct bnf_tensor *t =
                bnf_side_constant(p, cone->side, bnf_node_input(g, cone->nodes[i], slot));
            for (size_t k = 0; t && bnf_dtype_is_float(t->dtype) && k < t->count; k++)
                if (!isfinite(bnf_tensor_at(t, k)))
                    return false;
        }
    }
    return true;
}
