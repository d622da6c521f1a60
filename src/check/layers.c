/* Operators other than convolutions and products that have stored parameters: which they are, and what
 * comparing them has in common. */
#include "check/layers.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <math.h>
#include <string.h>

#define CHUNK ((size_t)512)

static const struct {
    const char *op_type;
    enum bnf_outcome (*compare)(struct bnf_stored *layer);
} kinds[] = {
    {"Einsum", bnf_stored_einsum},
    {"GRU", bnf_stored_recurrent},
    {"Gather", bnf_stored_gather},
    {"GroupNormalization", bnf_stored_norm},
    {"InstanceNormalization", bnf_stored_norm},
    {"LSTM", bnf_stored_recurrent},
    {"LayerNormalization", bnf_stored_norm},
    {"RMSNormalization", bnf_stored_norm},
    {"RNN", bnf_stored_recurrent},
};

/* ONNX Runtime's own operator, which some files have in the default domain. */
static bool is_simplified_norm(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    return proto->op_type && strcmp(proto->op_type, "SimplifiedLayerNormalization") == 0 &&
           (bnf_node_is_standard(g, node) || (proto->domain && strcmp(proto->domain, "com.microsoft") == 0));
}

static enum bnf_outcome compare_nodes(struct bnf_stored *layer)
{
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bnf_node_is(g, layer->node[BNF_REF], kinds[i].op_type))
            return kinds[i].compare(layer);
    return is_simplified_norm(g, layer->node[BNF_REF]) ? bnf_stored_norm(layer) : BNF_UNKNOWN;
}

static bool is_layer(const struct bnf_graph *g, bnf_id node)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bnf_node_is(g, node, kinds[i].op_type))
            return true;
    return is_simplified_norm(g, node);
}

static enum bnf_outcome relate(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, struct bnf_stored *layer)
{
    const struct bnf_value *value[2];
    *layer = (struct bnf_stored){.p = p, .arena = arena, .map = {map[0], map[1]}, .tally = layer->tally};
    for (int i = 0; i < 2; i++) {
        const struct bnf_graph *g = &p->side[i].graph;
        value[i] = &g->values[end[i]];
        layer->node[i] = value[i]->producer;
        if (layer->node[i] == BNF_NONE || !is_layer(g, layer->node[i]) ||
            bnf_node_input(g, layer->node[i], 0) == BNF_NONE || bnf_attr_any_reference(g->nodes[layer->node[i]].proto) ||
            bnf_called_scope(&p->side[i], layer->node[i]) != BNF_NONE)
            return BNF_UNKNOWN;
    }
    layer->output = value[0]->output;
    if (layer->output != value[1]->output)
        return BNF_UNKNOWN;
    enum bnf_outcome outcome = bnf_operator_compare(p, layer->node[0], layer->node[1]);
    if (outcome == BNF_EQUAL)
        outcome = compare_nodes(layer);
    return p->status ? BNF_UNKNOWN : outcome;
}

enum bnf_outcome bnf_layer_relate(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally)
{
    struct bnf_tally inner = *tally;
    struct bnf_stored layer = {.tally = &inner};
    enum bnf_outcome outcome = relate(p, end, map, arena, &layer);
    out[0] = layer.out[0];
    out[1] = layer.out[1];
    if (outcome != BNF_UNKNOWN)
        *tally = inner;
    return outcome;
}

enum bnf_outcome bnf_layer_compare(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], int dtype, struct bnf_tally *tally)
{
    struct bnf_arena arena;
    struct bnf_tally inner = *tally;
    struct bnf_stored layer = {.tally = &inner};
    bnf_arena_init(&arena, 0);
    enum bnf_outcome outcome = relate(p, end, map, &arena, &layer);
    if (outcome == BNF_EQUAL)
        outcome = bnf_normal_compare(
            p, layer.out[0], layer.out[1], bnf_dtype_is_float(dtype) ? dtype : layer.dtype, &inner);
    bnf_arena_free(&arena);
    if (outcome != BNF_UNKNOWN)
        *tally = inner;
    return outcome;
}

/* ---- inputs ---- */

const struct bnf_tensor *bnf_stored_constant(const struct bnf_stored *layer, int side, uint32_t slot)
{
    struct bnf_side *s = &layer->p->side[side];
    const struct bnf_tensor *t =
        bnf_side_constant(layer->p, s, bnf_node_input(&s->graph, layer->node[side], slot));
    return t && bnf_dtype_is_float(t->dtype) && t->count > 0 ? t : NULL;
}

enum bnf_outcome bnf_stored_inputs_compare(const struct bnf_stored *layer, uint32_t own)
{
    struct bnf_prover *p = layer->p;
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    uint32_t count = g[0]->nodes[layer->node[0]].input_count, other = g[1]->nodes[layer->node[1]].input_count;
    enum bnf_outcome worst = BNF_EQUAL;
    count = count > other ? count : other;
    for (uint32_t slot = 0; slot < count; slot++) {
        if (slot < 32 && own >> slot & 1)
            continue;
        bnf_id ref = bnf_node_input(g[0], layer->node[0], slot),
               new = bnf_node_input(g[1], layer->node[1], slot);
        enum bnf_outcome one = bnf_slot_compare(p, ref, new, slot);
        if (one <= worst)
            continue;
        worst = one;
        layer->tally->sub[0] = ref == BNF_NONE ? BNF_NONE : bnf_canon(&p->side[0], ref);
        layer->tally->sub[1] = new == BNF_NONE ? BNF_NONE : bnf_canon(&p->side[1], new);
    }
    return worst;
}

/* ---- constants under maps ---- */

struct worst {
    double u, expected, found;
    size_t index;
};

/* One side's part of a chunk: elements, and what the map does to each. */
struct lane {
    double number[CHUNK], scale[CHUNK], shift[CHUNK], size[CHUNK];
    size_t at, step, count; /* the map's elements that the last three hold; count 0: none yet */
};

static void fill(struct lane *lane, const struct bnf_normal *map, size_t at, size_t step, size_t count)
{
    if (lane->count == count && lane->at == at && lane->step == step)
        return;
    for (size_t k = 0; k < count; k++) {
        lane->scale[k] = bnf_scale_at(map, at + step * k);
        lane->shift[k] = bnf_shift_at(map, at + step * k);
        lane->size[k] = bnf_size_at(map, at + step * k);
    }
    lane->at = at;
    lane->step = step;
    lane->count = count;
}

/* The numbers that should be there and that are, in place; true when some are further apart than `u` allows,
 * or are no numbers. */
static bool exceeds(struct lane *restrict a, struct lane *restrict b, size_t count, double u, double roundoff)
{
    double most = 0, poison = 0;
    for (size_t k = 0; k < count; k++) {
        double product = a->number[k] * a->scale[k];
        double expected = product + a->shift[k], found = b->number[k] * b->scale[k] + b->shift[k];
        double error = fabs(found - expected), allowed = u * roundoff * (fabs(product) + a->size[k]);
        a->number[k] = expected;
        b->number[k] = found;
        poison += error * 0; /* NaN for NaN and infinity */
        most = error - allowed > most ? error - allowed : most;
    }
    return most > 0 || poison != 0;
}

/* Both constants along their last axis, `inner` elements, from where the outer axes stand. */
static void compare_run(const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2],
    size_t first, size_t inner, const struct bnf_twin *outer, struct lane lane[2], struct worst *worst)
{
    size_t step[2];
    int dtype = t[0]->dtype;
    double roundoff = bnf_dtype_roundoff(dtype);
    for (int i = 0; i < 2; i++)
        step[i] = map[i] && map[i]->rank > 0 && map[i]->dims[map[i]->rank - 1] > 1;
    for (size_t done = 0; done < inner; done += CHUNK) {
        size_t count = inner - done < CHUNK ? inner - done : CHUNK;
        for (int i = 0; i < 2; i++) {
            bnf_to_double(t[i]->dtype, t[i]->data, first + done, count, lane[i].number);
            fill(&lane[i], map[i], outer->at[i] + step[i] * done, step[i], count);
        }
        if (!exceeds(&lane[0], &lane[1], count, worst->u, roundoff))
            continue;
        for (size_t k = 0; k < count; k++) {
            double expected = lane[0].number[k], found = lane[1].number[k];
            double size = fabs(expected - lane[0].shift[k]) + lane[0].size[k];
            double u = bnf_error_in_u(dtype, expected, found, size, lane[1].scale[k]);
            if (u > worst->u)
                *worst = (struct worst){u, expected, found, first + done + k};
        }
    }
}

/* One step per run of the last axis: what the maps' elements are at its beginning. */
static void start_runs(
    const struct bnf_tensor *t, const struct bnf_normal *const map[2], struct bnf_twin *walk)
{
    bnf_twin_start(walk, (int)t->rank, t->dims, map[0], map[1]);
    if (walk->rank)
        walk->rank--;
}

enum bnf_outcome bnf_stored_constants_compare(const struct bnf_stored *layer, const char *what,
    const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2])
{
    struct bnf_prover *p = layer->p;
    char left[128], right[128];
    if (t[0]->dtype != t[1]->dtype || t[0]->rank != t[1]->rank || t[0]->rank > BNF_MAP_RANK ||
        !bnf_same_bytes(t[0]->dims, t[1]->dims, t[0]->rank * sizeof *t[0]->dims)) {
        bnf_say(p, "the %s is %s of %s instead of %s of %s", what, bnf_dtype_name(t[1]->dtype),
            bnf_dims_text(t[1]->dims, t[1]->rank, right, sizeof right), bnf_dtype_name(t[0]->dtype),
            bnf_dims_text(t[0]->dims, t[0]->rank, left, sizeof left));
        return t[0]->rank > BNF_MAP_RANK ? BNF_UNKNOWN : BNF_DIFFERENT;
    }
    bool same = bnf_tensor_same(t[0], t[1]);
    layer->tally->changed |= !same || map[0] || map[1];
    if (same && !map[0] && !map[1])
        return BNF_EQUAL;
    size_t inner = t[0]->rank ? (size_t)t[0]->dims[t[0]->rank - 1] : 1;
    unsigned tensors = 1 + (map[1] ? map[1]->scale_tensors + map[1]->shift_tensors : 0);
    double limit = bnf_limit(p, t[0]->dtype, tensors);
    struct worst worst = {0};
    struct lane lane[2];
    struct bnf_twin walk;
    lane[0].count = lane[1].count = 0;
    start_runs(t[0], map, &walk);
    for (size_t at = 0; at < t[0]->count && (p->explaining || worst.u <= limit); at += inner) {
        compare_run(t, map, at, inner, &walk, lane, &worst);
        bnf_twin_next(&walk);
    }
    if (bnf_accept(p, t[0]->dtype, tensors, worst.u, layer->tally))
        return BNF_EQUAL;
    p->said_u = worst.u;
    bnf_say(p, "the %s at element %zu is %.9g instead of %.9g: %.3g u off, allowed are %.4g", what,
        worst.index, worst.found, worst.expected, worst.u, limit);
    return BNF_DIFFERENT;
}

/* What the candidate's elements are times the reference's, for each place of the axis by the largest. */
static bool find_factors(const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2],
    struct bnf_normal *factors)
{
    struct bnf_twin at, on;
    for (size_t k = 0; k < factors->count; k++)
        factors->scale[k] = 1;
    bnf_twin_start(&at, (int)t[0]->rank, t[0]->dims, map[0], map[1]);
    bnf_twin_start(&on, (int)t[0]->rank, t[0]->dims, factors, NULL);
    for (size_t i = 0; i < t[0]->count; i++, bnf_twin_next(&at), bnf_twin_next(&on)) {
        double ref = bnf_tensor_at(t[0], i) * bnf_scale_at(map[0], at.at[0]);
        double new = bnf_tensor_at(t[1], i) * bnf_scale_at(map[1], at.at[1]);
        size_t k = on.at[0];
        if (!(fabs(ref) > factors->size[k]))
            continue;
        factors->size[k] = fabs(ref);
        factors->scale[k] = new / ref;
    }
    memset(factors->size, 0, factors->count * sizeof *factors->size);
    return bnf_normal_settle(factors);
}

enum bnf_outcome bnf_stored_multiples_compare(const struct bnf_stored *layer, const char *what,
    const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2], int axis,
    const struct bnf_normal **factors)
{
    struct bnf_prover *p = layer->p;
    int64_t dims[BNF_MAP_RANK];
    const struct bnf_normal *multiplied[2] = {map[0], map[1]};
    p->resorts = true;
    if (!p->multiples || t[0]->rank != t[1]->rank || t[0]->rank > BNF_MAP_RANK ||
        !bnf_same_bytes(t[0]->dims, t[1]->dims, t[0]->rank * sizeof *t[0]->dims))
        return BNF_UNKNOWN;
    for (int i = 0; i < (int)t[0]->rank; i++)
        dims[i] = i == axis ? t[0]->dims[i] : 1;
    struct bnf_normal *found = bnf_normal_new(p, layer->arena, (int)t[0]->rank, dims);
    if (!found || !find_factors(t, map, found) ||
        !bnf_normal_compose(p, layer->arena, found, map[0], &multiplied[0]))
        return BNF_UNKNOWN;
    /* The factors are made of stored numbers, too. */
    found->scale_tensors = 1 + (map[1] ? map[1]->scale_tensors : 0);
    const struct bnf_normal *counted = bnf_normal_counted(p, layer->arena, found->scale_tensors, 0);
    if (!counted || !bnf_normal_compose(p, layer->arena, map[1], counted, &multiplied[1]))
        return BNF_UNKNOWN;
    bool explaining = p->explaining;
    p->explaining = false;
    enum bnf_outcome outcome = bnf_stored_constants_compare(layer, what, t, multiplied);
    p->explaining = explaining;
    *factors = found;
    return outcome;
}
