/* Sums and products of computed values. */
#include "check/transport.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <math.h>
#include <string.h>

/* Before version 7 operands broadcast by rules of their own; of these only equal shapes are dealt with. */
static bool aligns_right(const struct bnf_crossing *c)
{
    const struct bnf_graph *g = &c->side->graph;
    return bnf_node_opset(g, c->node) >= 7 || bnf_attr_int(g->nodes[c->node].proto, "broadcast", 0) == 0;
}

/* A map of the result as one of an operand that is not broadcast along the axes the map varies on. */
static const struct bnf_normal *onto_operand(
    const struct bnf_crossing *c, size_t branch, const struct bnf_normal *map)
{
    const struct bnf_shape *x = bnf_crossing_in(c, branch);
    int to[BNF_MAP_RANK];
    if (map->rank < 0)
        return map;
    if (x->rank < 0 || x->rank > map->rank)
        return NULL;
    for (int i = 0; i < map->rank; i++) {
        to[i] = i - (map->rank - x->rank);
        if (map->dims[i] > 1 && (to[i] < 0 || x->dims[to[i]] != map->dims[i]))
            return NULL;
    }
    return bnf_move_axes(c, map, x->rank, to);
}

static const struct bnf_normal *onto_result(
    const struct bnf_crossing *c, size_t branch, const struct bnf_normal *map)
{
    int rank = bnf_crossing_out(c)->rank, own = bnf_crossing_in(c, branch)->rank, to[BNF_MAP_RANK];
    if (map->rank < 0)
        return map;
    if (map->rank != own || rank < own)
        return NULL;
    for (int i = 0; i < own; i++)
        to[i] = i + rank - own;
    return bnf_move_axes(c, map, rank, to);
}

static bool same_numbers(const struct bnf_normal *a, const struct bnf_normal *b)
{
    if (!a || !b)
        return a == b;
    return a->rank == b->rank && a->count == b->count && bnf_same_bytes(a->dims, b->dims, sizeof a->dims) &&
           memcmp(a->scale, b->scale, a->count * sizeof(double)) == 0 &&
           memcmp(a->shift, b->shift, a->count * sizeof(double)) == 0;
}

/* ---- sums ---- */

bool bnf_carry_sum_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    if (!map)
        return true;
    if (map->shifts || !aligns_right(c))
        return false;
    for (size_t k = 0; k < c->branches; k++)
        if (!(in[k] = onto_operand(c, k, map)))
            return false;
    return true;
}

static const struct bnf_normal *multiply(
    const struct bnf_crossing *c, const struct bnf_normal *shift, double factor)
{
    if (factor == 1)
        return shift;
    struct bnf_normal *out = bnf_map_like(c, shift, shift->rank, shift->dims);
    for (size_t i = 0; out && i < out->count; i++) {
        out->scale[i] = 1;
        out->shift[i] = factor * shift->shift[i];
        out->size[i] = (factor < 0 ? -factor : factor) * shift->size[i];
    }
    return out;
}

/* What an operand of a sum is multiplied by. */
static double factor_of(const struct bnf_crossing *c, size_t branch)
{
    if (strcmp(c->rule->op_type, "Mean") == 0)
        return 1 / (double)c->branches;
    return branch && strcmp(c->rule->op_type, "Sub") == 0 ? -1 : 1;
}

bool bnf_carry_sum_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    const struct bnf_normal *common = NULL, *total = NULL;
    if (!aligns_right(c))
        return false;
    for (size_t k = 0; k < c->branches; k++) {
        const struct bnf_normal *moved = in[k] ? onto_result(c, k, in[k]) : NULL, *scale, *shift;
        if ((in[k] && !moved) || !bnf_normal_part(c->p, c->arena, moved, &scale, &shift))
            return false;
        if (k && !same_numbers(common, scale))
            return false;
        if (!k || (scale && scale->scale_tensors > common->scale_tensors))
            common = scale;
        if (shift && (!(shift = multiply(c, shift, factor_of(c, k))) ||
                         !bnf_normal_compose(c->p, c->arena, total, shift, &total)))
            return false;
    }
    return bnf_normal_compose(c->p, c->arena, total, common, out);
}

bool bnf_carry_sums_evenly(const struct bnf_crossing *c, const struct bnf_normal *const *const *in,
    const size_t *order, struct bnf_tally *tally, const struct bnf_normal **out)
{
    struct bnf_prover *p = c->p;
    struct bnf_arena *arena = c->arena;
    const struct bnf_normal *common = NULL, *total[2] = {NULL, NULL};
    int dtype = bnf_crossing_out(c)->dtype;
    for (size_t k = 0; k < c->branches; k++) {
        const size_t branch[2] = {k, order[k]};
        const struct bnf_normal *moved[2], *terms[2], *scale, *shift[2];
        for (int i = 0; i < 2; i++) {
            const struct bnf_normal *map = in[i][branch[i]];
            moved[i] = map ? onto_result(&c[i], branch[i], map) : NULL;
            if (!aligns_right(&c[i]) || (map && !moved[i]))
                return false;
        }
        if (!bnf_normal_terms(p, arena, moved, terms) || !bnf_normal_part(p, arena, terms[1], &scale, &shift[1]))
            return false;
        shift[0] = terms[0]->shifts ? terms[0] : NULL;
        if (k == 0)
            common = scale;
        else if (!bnf_normal_agree(p, arena, common, scale, dtype, tally))
            return false;
        for (int i = 0; i < 2; i++)
            if (shift[i] && (!(shift[i] = multiply(&c[i], shift[i], factor_of(c, k))) ||
                                !bnf_normal_compose(p, arena, total[i], shift[i], &total[i])))
                return false;
    }
    out[0] = total[0];
    return bnf_normal_compose(p, arena, total[1], common, &out[1]);
}

bool bnf_shift_zeros(struct bnf_prover *p, struct bnf_arena *arena, const bnf_id value[2],
    const struct bnf_normal *const map[2], const struct bnf_normal *out[2])
{
    const struct bnf_tensor *t[2];
    for (int i = 0; i < 2; i++)
        if (!(t[i] = bnf_side_constant(p, &p->side[i], value[i])) || !bnf_dtype_is_float(t[i]->dtype) ||
            t[i]->rank > BNF_MAP_RANK || t[i]->count == 0 || (map[i] && map[i]->shifts))
            return false;
    if (t[0]->dtype != t[1]->dtype || t[0]->rank != t[1]->rank || bnf_tensor_same(t[0], t[1]) ||
        !bnf_same_bytes(t[0]->dims, t[1]->dims, t[0]->rank * sizeof *t[0]->dims))
        return false;
    for (int i = 0; i < 2; i++) {
        struct bnf_normal *zeros = bnf_normal_new(p, arena, (int)t[i]->rank, t[i]->dims);
        const struct bnf_normal *mapped, *scale;
        for (size_t k = 0; zeros && k < t[i]->count; k++) {
            zeros->scale[k] = 1;
            zeros->shift[k] = bnf_tensor_at(t[i], k);
            zeros->size[k] = fabs(zeros->shift[k]);
        }
        if (!zeros || !bnf_normal_settle(zeros))
            return false;
        zeros->shift_tensors = 1;
        /* A scale of zeros is none. */
        if (!bnf_normal_compose(p, arena, map[i], zeros, &mapped) ||
            !bnf_normal_part(p, arena, mapped, &scale, &out[i]))
            return false;
    }
    return true;
}

/* ---- products ---- */

bool bnf_carry_product_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    size_t taker = c->way & BNF_WAY_OTHER ? 1 : 0;
    if (!map)
        return true;
    if (map->shifts || !aligns_right(c))
        return false;
    in[taker] = onto_operand(c, taker, map);
    return in[taker] != NULL;
}

/* Scales to divide by. NULL: one is zero. */
static const struct bnf_normal *invert(const struct bnf_crossing *c, const struct bnf_normal *map)
{
    struct bnf_normal *out = bnf_map_like(c, map, map->rank, map->dims);
    for (size_t i = 0; out && i < out->count; i++)
        out->scale[i] = 1 / map->scale[i];
    return out && bnf_normal_settle(out) ? out : NULL;
}

bool bnf_carry_product_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    bool divides = strcmp(c->rule->op_type, "Div") == 0;
    if (!aligns_right(c))
        return false;
    *out = NULL;
    for (size_t k = 0; k < 2; k++) {
        const struct bnf_normal *moved = in[k] ? onto_result(c, k, in[k]) : NULL;
        if (in[k] && (!moved || moved->shifts))
            return false;
        if (moved && k && divides && !(moved = invert(c, moved)))
            return false;
        if ( !bnf_normal_compose(c->p, c->arena, *out, moved, out))
            return false;
    }
    return true;
}

/* ---- the table ---- */

#define ALONG(op, axes) {op, BNF_FIRST_INPUT, 0, bnf_carry_axes_back, bnf_carry_axes_forward, axes}
#define MOVES(op, family, ways) {op, BNF_FIRST_INPUT, ways, bnf_carry_##family##_back, bnf_carry_##family##_forward, NULL}
#define MIXES(op, family, inputs, ways) {op, inputs, ways, bnf_carry_##family##_back, bnf_carry_##family##_forward, NULL}

static const struct bnf_carrier rules[] = {
    MIXES("Add", sum, BNF_TWO_INPUTS, BNF_WAY_CROSSED),
    ALONG("AveragePool", bnf_carry_average_axes),
    MIXES("Concat", concat, BNF_ALL_INPUTS, 0),
    MOVES("DepthToSpace", blocks, 0),
    MIXES("Div", product, BNF_TWO_INPUTS, 0),
    ALONG("Expand", bnf_carry_repeat_axes),
    MOVES("Flatten", reshape, 0),
    ALONG("GlobalAveragePool", bnf_carry_pool_axes),
    ALONG("GlobalMaxPool", bnf_carry_max_axes),
    ALONG("LeakyRelu", bnf_carry_rectifier_axes),
    ALONG("MaxPool", bnf_carry_max_axes),
    MIXES("Mean", sum, BNF_ALL_INPUTS, 0),
    MIXES("Mul", product, BNF_TWO_INPUTS, BNF_WAY_OTHER | BNF_WAY_CROSSED),
    ALONG("PRelu", bnf_carry_rectifier_axes),
    ALONG("Pad", bnf_carry_pad_axes),
    ALONG("ReduceMax", bnf_carry_reduce_axes),
    ALONG("ReduceMean", bnf_carry_reduce_axes),
    ALONG("ReduceMin", bnf_carry_reduce_axes),
    ALONG("ReduceSum", bnf_carry_reduce_axes),
    ALONG("Relu", bnf_carry_rectifier_axes),
    MOVES("Reshape", reshape, 0),
    ALONG("Resize", bnf_carry_resize_axes),
    MOVES("Slice", part, BNF_WAY_OTHER),
    MOVES("SpaceToDepth", blocks, 0),
    MOVES("Split", part, BNF_WAY_OTHER),
    MOVES("Squeeze", reshape, 0),
    MIXES("Sub", sum, BNF_TWO_INPUTS, 0),
    MIXES("Sum", sum, BNF_ALL_INPUTS, 0),
    ALONG("Tile", bnf_carry_repeat_axes),
    ALONG("Transpose", bnf_carry_transpose_axes),
    MOVES("Unsqueeze", reshape, 0),
    ALONG("Upsample", bnf_carry_resize_axes),
};

const struct bnf_carrier *bnf_carrier_of(const struct bnf_graph *g, bnf_id node)
{
    const char *op = g->nodes[node].proto->op_type;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (op && strcmp(op, rules[i].op_type) == 0 && bnf_node_is_standard(g, node))
            return &rules[i];
    return NULL;
}
