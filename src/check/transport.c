/* Two values as affine maps of one and the same function: back through steps and through operators that maps
 * pass, as far as weights that take the scales, or values that are known to be equal; and forward again with
 * what remains, which is mostly shifts. */
#include "check/transport.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Nesting, as for comparisons of pairs. */
#define DEEPEST 400

enum { most_branches = 128 };

/* Both nodes on the way through them. Input k of the reference's belongs to input `other` of the candidate's. */
struct passage {
    struct bnf_crossing c[2];
    bnf_id data[2][most_branches];
    const struct bnf_normal *in[2][most_branches];   /* pushed in front of the nodes */
    const struct bnf_normal *pushed[2];              /* what that is behind the nodes */
    const struct bnf_normal *rest[2];                /* what stays behind them */
    bool complete[2];                                /* no scale stayed behind */
    bool crossed;                                    /* the candidate's two inputs change places */
    const struct bnf_normal *front[2][most_branches]; /* what the inputs are maps by */
};

/* ---- the nodes ---- */

static bool open_crossing(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_arena *arena,
    struct bnf_crossing *c, bnf_id *data)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id node = g->values[value].producer;
    const struct bnf_carrier *rule = node == BNF_NONE ? NULL : bnf_carrier_of(g, node);
    if (!rule || (g->values[value].output != 0 && strcmp(rule->op_type, "Split") != 0))
        return false;
    size_t count = rule->branches == BNF_FIRST_INPUT ? 1
                   : rule->branches == BNF_TWO_INPUTS ? 2
                                                      : g->nodes[node].input_count;
    if (count == 0 || count > most_branches)
        return false;
    for (size_t i = 0; i < count; i++)
        if ((data[i] = bnf_node_input(g, node, (uint32_t)i)) == BNF_NONE)
            return false;
    *c = (struct bnf_crossing){p, side, arena, rule, node, value, data, count, 0};
    return true;
}

/* Are the nodes the same but for their data? */
static enum bnf_outcome compare_nodes(struct bnf_prover *p, const struct passage *w)
{
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    bnf_id node[2] = {w->c[0].node, w->c[1].node};
    if (g[0]->values[w->c[0].value].output != g[1]->values[w->c[1].value].output ||
        w->c[0].branches != w->c[1].branches)
        return BNF_UNKNOWN;
    enum bnf_outcome outcome = bnf_operator_compare(p, node[0], node[1]);
    uint32_t count = g[0]->nodes[node[0]].input_count, other = g[1]->nodes[node[1]].input_count;
    for (uint32_t slot = (uint32_t)w->c[0].branches;
         outcome == BNF_EQUAL && slot < (count > other ? count : other); slot++)
        if (bnf_slot_compare(p, bnf_node_input(g[0], node[0], slot), bnf_node_input(g[1], node[1], slot), slot) !=
            BNF_EQUAL)
            return BNF_UNKNOWN;
    return outcome;
}

static size_t other(const struct passage *w, size_t k)
{
    return w->crossed ? 1 - k : k;
}

/* ---- back ---- */

/* How much of a map moves in front of the node: all of it, its scale, the size of its scale, or nothing. */
enum pushed { PUSH_ALL, PUSH_SCALE, PUSH_SIZE, PUSH_NONE };

static bool push_part(struct passage *w, int i, const struct bnf_normal *map, enum pushed how)
{
    const struct bnf_crossing *c = &w->c[i];
    memset(w->in[i], 0, c->branches * sizeof *w->in[i]);
    w->pushed[i] = how == PUSH_ALL ? map : NULL;
    w->rest[i] = how == PUSH_NONE ? map : NULL;
    w->complete[i] = how < PUSH_SIZE;
    /* The sign stays with the shift. */
    return how == PUSH_NONE ||
           ((how != PUSH_SCALE || bnf_normal_part(c->p, c->arena, map, &w->pushed[i], &w->rest[i])) &&
               (how != PUSH_SIZE || bnf_normal_sign(c->p, c->arena, map, true, &w->pushed[i], &w->rest[i])) &&
               c->rule->back(c, w->pushed[i], w->in[i]));
}

/* Moves as much as passes, but no more than `how`; says how much it was. */
static enum pushed push(struct passage *w, int i, const struct bnf_normal *map, enum pushed how)
{
    for (; how < PUSH_NONE; how++) {
        bool useful = how == PUSH_ALL || (how == PUSH_SCALE ? map && map->shifts : map != NULL);
        if (useful && push_part(w, i, map, how))
            return how;
    }
    push_part(w, i, map, PUSH_NONE);
    return how;
}

/* ---- forward ---- */

/* Where both inputs are scaled, or shifted, or both, by the same numbers, that is part of the function they share:
 * their scales behind a shift, what is shifted in front of a scale, a change of sign in front, or all. */
enum level { SCALES, SHIFTS, SIGNS, ALL };

static bool level_parts(struct passage *w, enum level how, const struct bnf_normal *map,
    const struct bnf_normal **shared, const struct bnf_normal **rest)
{
    struct bnf_prover *p = w->c[0].p;
    *shared = map;
    *rest = NULL;
    return how == SCALES   ? bnf_normal_part(p, w->c[0].arena, map, shared, rest)
           : how == SHIFTS ? bnf_normal_offset(p, w->c[0].arena, map, rest, shared)
           : how == SIGNS  ? bnf_normal_sign(p, w->c[0].arena, map, false, rest, shared)
                           : true;
}

static void level(struct passage *w, enum level how, int dtype, struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    bool explaining = p->explaining;
    p->explaining = false;
    for (size_t k = 0; k < w->c[0].branches; k++) {
        const struct bnf_normal **front[2] = {&w->front[0][k], &w->front[1][other(w, k)]};
        const struct bnf_normal *shared[2], *rest[2];
        struct bnf_tally inner = *tally;
        if (!level_parts(w, how, *front[0], &shared[0], &rest[0]) ||
            !level_parts(w, how, *front[1], &shared[1], &rest[1]) ||
            bnf_normal_compare(p, shared[0], shared[1], dtype, &inner) != BNF_EQUAL)
            continue;
        *front[0] = rest[0];
        *front[1] = rest[1];
        *tally = inner;
    }
    p->explaining = explaining;
}

/* Where an input is a multiple of the reference's, or that and shifted (along all axes or one), the reference's is the
 * function they share. */
enum { MULTIPLES = -3, REF_MULTIPLES = -2, SHIFTED = -1 };

static void level_multiples(struct passage *w, int how, int dtype, struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    bool explaining = p->explaining;
    p->explaining = false;
    for (size_t k = 0; k < w->c[0].branches; k++) {
        const struct bnf_normal **front[2] = {&w->front[0][k], &w->front[1][other(w, k)]};
        const struct bnf_normal *const map[2] = {*front[0], *front[1]};
        const struct bnf_normal *found[2];
        struct bnf_tally inner = *tally;
        enum bnf_multiple which = how == MULTIPLES ? BNF_NEW_IS_MULTIPLE : BNF_REF_IS_MULTIPLE;
        if (!(how < SHIFTED ? bnf_normal_multiple(p, w->c[0].arena, map, which, -1, dtype, &inner, found)
                : how == SHIFTED
                    ? bnf_normal_terms(p, w->c[0].arena, map, found)
                    : bnf_normal_terms_along(p, w->c[0].arena, map, how, dtype, &inner, found)))
            continue;
        *front[0] = found[0];
        *front[1] = found[1];
        *tally = inner;
    }
    p->explaining = explaining;
}

static bool forward(const struct passage *w, int i, const struct bnf_normal **out)
{
    bool any = false;
    *out = NULL;
    for (size_t k = 0; k < w->c[i].branches; k++)
        any |= w->front[i][k] != NULL;
    return !any || w->c[i].rule->forward(&w->c[i], w->front[i], out);
}

static bool forward_both(const struct passage *w, const struct bnf_normal *out[2])
{
    return forward(w, 0, &out[0]) && forward(w, 1, &out[1]);
}

static bool carry_multiples(
    struct passage *w, const struct bnf_normal *out[2], int dtype, struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    const struct bnf_normal *kept[2][most_branches];
    size_t bytes = w->c[0].branches * sizeof *kept[0];
    bool done = false;
    p->resorts = true;
    for (int how = MULTIPLES; how < BNF_MAP_RANK && !done && p->multiples; how++) {
        struct bnf_tally inner = *tally;
        for (int i = 0; i < 2; i++)
            memcpy(kept[i], w->front[i], bytes);
        level_multiples(w, how, dtype, &inner);
        done = forward_both(w, out);
        if (done)
            *tally = inner;
        for (int i = 0; i < 2 && !done; i++)
            memcpy(w->front[i], kept[i], bytes);
    }
    return done;
}

/* Sums of which the candidate's is a multiple of the reference's, whatever lies in front. */
static bool carry_evenly(const struct passage *w, const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    const struct bnf_normal *const *const in[2] = {w->front[0], w->front[1]};
    struct bnf_tally inner = *tally;
    size_t order[most_branches];
    bool explaining = p->explaining;
    for (size_t k = 0; k < w->c[0].branches; k++)
        order[k] = other(w, k);
    p->explaining = false;
    bool even = bnf_carry_sums_evenly(w->c, in, order, &inner, out);
    p->explaining = explaining;
    if (even)
        *tally = inner;
    return even;
}

/* Operands of sums that are scaled by other numbers than in the reference. */
static bool differ_in_scale(struct passage *w, int dtype, const struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    for (size_t k = 0; k < w->c[0].branches; k++) {
        const struct bnf_normal *scale[2], *shift[2];
        struct bnf_tally inner = *tally;
        if (bnf_normal_part(p, w->c[0].arena, w->front[0][k], &scale[0], &shift[0]) &&
            bnf_normal_part(p, w->c[0].arena, w->front[1][other(w, k)], &scale[1], &shift[1]) &&
            bnf_normal_compare(p, scale[0], scale[1], dtype, &inner) == BNF_DIFFERENT)
            return true;
    }
    return false;
}

static enum bnf_outcome carry(struct passage *w, const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    int dtype = bnf_crossing_out(&w->c[0])->dtype;
    const struct bnf_normal *behind[2];
    bool sums = w->c[0].rule->back == bnf_carry_sum_back;
    if (sums)
        level(w, SCALES, dtype, tally);
    if (w->c[0].rule->axes == bnf_carry_pad_axes && bnf_normal_vanishes(w->front[0][0]))
        level_multiples(w, SHIFTED, dtype, tally); /* behind a scale of 0 nobody sees what was padded with */
    bool done = forward_both(w, behind);
    if (!done)
        level(w, ALL, dtype, tally);
    if (!done && !(done = forward_both(w, behind)) && !sums)
        level(w, SCALES, dtype, tally);
    if (!done && !(done = forward_both(w, behind)))
        level(w, SIGNS, dtype, tally);
    if (!done && !(done = forward_both(w, behind)))
        level(w, SHIFTS, dtype, tally);
    if (!done && !(done = forward_both(w, behind)) && sums)
        done = carry_evenly(w, behind, tally);
    if (!done && !sums)
        done = carry_multiples(w, behind, dtype, tally);
    if (!done) {
        if (sums && differ_in_scale(w, dtype, tally))
            return BNF_DIFFERENT;
        /* What does not pass must be the same in front. */
        struct bnf_tally inner = *tally;
        if (w->c[0].branches == 1 &&
            bnf_normal_compare(p, w->front[0][0], w->front[1][0], dtype, &inner) == BNF_DIFFERENT)
            return BNF_DIFFERENT;
        bnf_say(p, "an affine with another scale or shift than in the reference does not pass %s",
            w->c[0].rule->op_type);
        return BNF_UNKNOWN;
    }
    for (int i = 0; i < 2; i++)
        if (!bnf_normal_compose(p, w->c[0].arena, w->rest[i], behind[i], &out[i]))
            return BNF_UNKNOWN;
    return BNF_EQUAL;
}

/* ---- one way, and all ways ---- */

static enum bnf_outcome relate_inputs(struct passage *w, struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    enum bnf_outcome outcome = BNF_EQUAL;
    for (size_t k = 0; k < w->c[0].branches && outcome != BNF_UNKNOWN; k++) {
        size_t l = other(w, k);
        const bnf_id value[2] = {w->data[0][k], w->data[1][l]};
        const struct bnf_normal *const map[2] = {w->in[0][k], w->in[1][l]}, *out[2] = {NULL, NULL};
        enum bnf_outcome one = w->c[0].rule->back == bnf_carry_sum_back && bnf_shift_zeros(p, w->c[0].arena, value, map, out)
                                   ? BNF_EQUAL
                                   : bnf_relate(p, value, map, w->c[0].arena, out, tally);
        w->front[0][k] = out[0];
        w->front[1][l] = out[1];
        outcome = one > outcome ? one : outcome;
    }
    return outcome;
}

static enum bnf_outcome try_pushes(struct passage *w, const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_tally inner = *tally;
    enum bnf_outcome outcome = relate_inputs(w, &inner);
    if (outcome == BNF_EQUAL)
        outcome = carry(w, out, &inner);
    if (outcome == BNF_DIFFERENT && w->complete[0] != w->complete[1])
        outcome = BNF_UNKNOWN; /* the other model may have worked in what cannot be moved here */
    if (outcome == BNF_EQUAL || outcome == BNF_DIFFERENT)
        *tally = inner;
    return outcome;
}

static enum bnf_outcome try_way(struct passage *w, unsigned way, const struct bnf_normal *const map[2],
    const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    enum pushed pushed[2];
    w->crossed = (way & BNF_WAY_CROSSED) != 0;
    for (int i = 0; i < 2; i++) {
        w->c[i].way = i && w->crossed ? way ^ BNF_WAY_OTHER : way;
        pushed[i] = push(w, i, map[i], PUSH_ALL);
    }
    /* A part that cannot be seen as part of the whole in both models is not tried. */
    if (w->c[0].rule->back == bnf_carry_part_back && way && !(w->complete[0] && w->complete[1]))
        return BNF_UNKNOWN;
    enum pushed both = pushed[0] > pushed[1] ? pushed[0] : pushed[1];
    if (pushed[0] != pushed[1] && both != PUSH_NONE && !p->explaining) {
        /* What stays behind the node in one model had better stay behind it in the other as well. */
        for (int i = 0; i < 2; i++)
            push(w, i, map[i], both);
        if (try_pushes(w, out, tally) == BNF_EQUAL)
            return BNF_EQUAL;
        for (int i = 0; i < 2; i++)
            push(w, i, map[i], PUSH_ALL);
    }
    enum bnf_outcome outcome = try_pushes(w, out, tally);
    bool some = (map[0] && pushed[0] != PUSH_NONE) || (map[1] && pushed[1] != PUSH_NONE);
    if (outcome == BNF_EQUAL || !some || p->explaining || w->c[0].rule->back == bnf_carry_part_back)
        return outcome;
    p->resorts = true;
    if (!p->multiples)
        return outcome;
    /* Or all of it stays behind. */
    struct bnf_tally inner = *tally;
    for (int i = 0; i < 2; i++)
        push(w, i, map[i], PUSH_NONE);
    if (try_pushes(w, out, &inner) != BNF_EQUAL)
        return outcome;
    *tally = inner;
    return BNF_EQUAL;
}

/* Which ways there are, the likeliest first. For a product it is the operand that differs that takes the scale;
 * of a part's ways only the exact one can refute. */
static size_t order_ways(struct bnf_prover *p, const struct passage *w, unsigned ways[4], bool *refutes)
{
    const struct bnf_carrier *rule = w->c[0].rule;
    size_t count = 0;
    refutes[0] = refutes[1] = refutes[2] = refutes[3] = false;
    ways[count++] = 0;
    if (rule->back == bnf_carry_product_back) {
        bool first = bnf_equal(p, w->data[0][0], w->data[1][0]) == BNF_EQUAL;
        bool second = bnf_equal(p, w->data[0][1], w->data[1][1]) == BNF_EQUAL;
        if (rule->ways & BNF_WAY_OTHER)
            ways[count++] = BNF_WAY_OTHER;
        if (first && !second && count > 1) {
            ways[0] = BNF_WAY_OTHER;
            ways[1] = 0;
        }
        refutes[0] = ways[0] ? first && !second : second && !first;
    } else if (rule->ways & BNF_WAY_OTHER) {
        refutes[count] = true;
        ways[count++] = BNF_WAY_OTHER;
    } else {
        refutes[0] = true;
    }
    if (rule->ways & BNF_WAY_CROSSED)
        for (size_t i = count; i-- > 0;)
            ways[count++] = BNF_WAY_CROSSED | ways[i];
    return count;
}

static enum bnf_outcome try_ways(struct passage *w, const struct bnf_normal *const map[2],
    const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    unsigned ways[4];
    bool refutes[4], explaining = p->explaining;
    enum bnf_outcome worst = BNF_UNKNOWN;
    size_t count = order_ways(p, w, ways, refutes);
    for (size_t i = 0; i < count && !p->status; i++) {
        struct bnf_tally inner = *tally;
        p->explaining = explaining && (refutes[i] || count == 1);
        enum bnf_outcome outcome = try_way(w, ways[i], map, out, &inner);
        p->explaining = explaining;
        if (outcome == BNF_EQUAL || (outcome == BNF_DIFFERENT && refutes[i])) {
            *tally = inner;
            worst = outcome;
        }
        if (outcome == BNF_EQUAL)
            break;
    }
    return worst;
}

/* Two Pads may fill with different numbers, if these are what the maps make of one and the same number. */
static enum bnf_outcome relate_pads(struct passage *w, const struct bnf_normal *const map[2],
    const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    struct bnf_prover *p = w->c[0].p;
    struct bnf_padding padding[2];
    const struct bnf_normal *behind[2];
    if (!bnf_padding_of(&w->c[0], &padding[0]) || !bnf_padding_of(&w->c[1], &padding[1]))
        return BNF_UNKNOWN;
    enum bnf_outcome outcome = bnf_paddings_compare(p, w->c, padding);
    if (outcome == BNF_EQUAL)
        outcome = try_ways(w, map, out, tally);
    if (outcome != BNF_EQUAL || !padding[0].constant || !padding[0].adds)
        return outcome;
    if (!forward_both(w, behind))
        return BNF_UNKNOWN;
    /* What stayed behind the node acts on all alike. */
    const double fill[2] = {padding[0].fill, padding[1].fill};
    return bnf_fills_compare(
        p, w->c[0].arena, fill, w->pushed, behind, bnf_crossing_out(&w->c[0])->dtype, tally);
}

static enum bnf_outcome relate_nodes(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    struct passage *w = bnf_arena_alloc(arena, 1, sizeof *w);
    if (!w)
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    for (int i = 0; i < 2; i++)
        if (!open_crossing(p, &p->side[i], end[i], arena, &w->c[i], w->data[i]))
            return BNF_UNKNOWN;
    if (w->c[0].rule != w->c[1].rule)
        return BNF_UNKNOWN;
    if (w->c[0].rule->axes == bnf_carry_pad_axes)
        return relate_pads(w, map, out, tally);
    enum bnf_outcome outcome = compare_nodes(p, w);
    return outcome == BNF_EQUAL ? try_ways(w, map, out, tally) : outcome;
}

/* Different constants of one shape are different scales of ones. */
static enum bnf_outcome relate_constants(struct bnf_prover *p, bnf_id new, const struct bnf_tensor *const t[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    struct bnf_tally inner = *tally;
    enum bnf_outcome outcome = bnf_mapped_constants_compare(p, new, t, map, &inner);
    const struct bnf_normal *scaled[2] = {NULL, NULL};
    if (outcome == BNF_EQUAL)
        *tally = inner;
    for (int i = 0; i < 2 && outcome == BNF_DIFFERENT; i++) {
        struct bnf_normal *ones = NULL;
        if (bnf_dtype_is_float(t[i]->dtype) && t[0]->dtype == t[1]->dtype && t[0]->rank == t[1]->rank &&
            t[0]->rank <= BNF_MAP_RANK && bnf_same_bytes(t[0]->dims, t[1]->dims, t[0]->rank * sizeof *t[0]->dims) &&
            !(map[i] && map[i]->shifts))
            ones = bnf_normal_new(p, arena, (int)t[i]->rank, t[i]->dims);
        for (size_t k = 0; ones && k < t[i]->count; k++)
            ones->scale[k] = bnf_tensor_at(t[i], k);
        if (!ones || !bnf_normal_settle(ones))
            return outcome;
        ones->scale_tensors = 1;
        if (!bnf_normal_compose(p, arena, map[i], ones, &scaled[i]))
            return outcome;
    }
    if (outcome != BNF_DIFFERENT)
        return outcome;
    out[0] = scaled[0];
    out[1] = scaled[1];
    return BNF_EQUAL;
}

bool bnf_passes_maps(const struct bnf_graph *g, bnf_id value)
{
    bnf_id node = g->values[value].producer;
    return node != BNF_NONE && bnf_carrier_of(g, node) != NULL;
}

enum bnf_outcome bnf_relate_ends(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    const struct bnf_tensor *constant[2];
    struct bnf_core core[2];
    bool cores = true;
    out[0] = out[1] = NULL;
    for (int i = 0; i < 2; i++) {
        if (bnf_step_of(p, &p->side[i], end[i]) || bnf_step_is_broken(p, &p->side[i], end[i]))
            return BNF_UNKNOWN;
        constant[i] = bnf_side_constant(p, &p->side[i], end[i]);
        cores = cores && bnf_core_of(p, &p->side[i], end[i], &core[i]);
    }
    if (constant[0] && constant[1])
        return relate_constants(p, end[1], constant, map, arena, out, tally);
    char text[200];
    for (int i = 0; i < 2; i++)
        if (bnf_misfits(p, &p->side[i], p->side[i].graph.values[end[i]].producer, text, sizeof text))
            return BNF_UNKNOWN;
    if (p->status || constant[0] || constant[1])
        return BNF_UNKNOWN;
    if (cores)
        return bnf_core_relate(p, core, map, arena, out, tally);
    enum bnf_outcome outcome = bnf_layer_relate(p, end, map, arena, out, tally);
    return outcome == BNF_UNKNOWN ? relate_nodes(p, end, map, arena, out, tally) : outcome;
}

/* ---- values ---- */

/* A convolution of one element is a link of a chain. Where the other chain ends in one that is none, they may be
 * related nevertheless. */
static bool relate_convolutions(struct bnf_prover *p, const struct bnf_chain chain[2], struct bnf_arena *arena,
    const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    for (int through = 0; through < 2; through++)
        for (unsigned i = chain[through].count - 1; i-- > 0;) {
            const struct bnf_normal *map[2];
            struct bnf_core core[2];
            struct bnf_tally inner = *tally;
            bool cores = true;
            for (int side = 0; side < 2; side++) {
                const struct bnf_link *link = &chain[side].links[side == through ? i : chain[side].count - 1];
                map[side] = link->map;
                cores = cores && bnf_core_of(p, &p->side[side], link->value, &core[side]);
            }
            if (!cores || bnf_core_relate(p, core, map, arena, out, &inner) != BNF_EQUAL)
                continue;
            *tally = inner;
            return true;
        }
    return false;
}

static enum bnf_outcome relate(struct bnf_prover *p, const bnf_id value[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    struct bnf_chain chain[2];
    unsigned link[2];
    for (int i = 0; i < 2; i++)
        bnf_chain_start(&chain[i], &p->side[i], value[i], map[i]);
    bool met = bnf_meet(p, chain, arena, link);
    enum bnf_outcome plain = BNF_EQUAL;
    if (!met) {
        const bnf_id first[2] = {chain[0].links[0].value, chain[1].links[0].value};
        link[0] = link[1] = 0;
        plain = bnf_equal(p, first[0], first[1]);
    }
    if (plain != BNF_EQUAL) {
        bnf_id end[2];
        const struct bnf_normal *behind[2];
        for (int i = 0; i < 2; i++) {
            link[i] = chain[i].count - 1;
            end[i] = chain[i].links[link[i]].value;
            behind[i] = chain[i].links[link[i]].map;
        }
        enum bnf_outcome ends = link[0] || link[1] ? bnf_equal(p, end[0], end[1]) : plain;
        if (ends != BNF_EQUAL) {
            struct bnf_tally inner = *tally;
            enum bnf_outcome outcome = bnf_relate_ends(p, end, behind, arena, out, &inner);
            if (outcome == BNF_UNKNOWN && relate_convolutions(p, chain, arena, out, tally))
                return BNF_EQUAL;
            bool free = !map[0] && !map[1], both = behind[0] && behind[1];
            bool told = free && (plain == BNF_DIFFERENT || ends == BNF_DIFFERENT); /* by a pair of its own */
            if (outcome == BNF_EQUAL || (outcome == BNF_DIFFERENT && !told)) {
                *tally = inner;
                return outcome;
            }
            /* One model may have worked in what is a map in the other; what both have as a map, neither has. */
            if (!free && !both)
                return outcome;
            bool first = free && (plain == BNF_DIFFERENT || ends != BNF_DIFFERENT);
            for (int i = 0; i < 2; i++)
                tally->sub[i] = first ? chain[i].links[0].value : end[i];
            return first ? plain : ends;
        }
    }
    for (int i = 0; i < 2; i++)
        out[i] = chain[i].links[link[i]].map;
    return BNF_EQUAL;
}

enum bnf_outcome bnf_relate(struct bnf_prover *p, const bnf_id value[2], const struct bnf_normal *const map[2],
    struct bnf_arena *arena, const struct bnf_normal *out[2], struct bnf_tally *tally)
{
    if (p->status || p->depth >= DEEPEST || p->budget == 0)
        return BNF_UNKNOWN;
    p->budget--;
    p->relations++;
    p->depth++;
    enum bnf_outcome outcome = relate(p, value, map, arena, out, tally);
    p->depth--;
    return p->status ? BNF_UNKNOWN : outcome;
}
