/* Pad: what is put around a value must be, in front of the maps, the same in both models. */
#include "check/transport.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <math.h>
#include <string.h>

static bool read_value(const struct bnf_crossing *c, struct bnf_padding *out)
{
    const struct bnf_graph *g = &c->side->graph;
    if (bnf_node_opset(g, c->node) < 11) {
        out->fill = (double)bnf_attr_float(g->nodes[c->node].proto, "value", 0);
        return true;
    }
    bnf_id value = bnf_node_input(g, c->node, 2);
    out->fill = 0;
    if (value == BNF_NONE)
        return true;
    const struct bnf_tensor *t = bnf_side_constant(c->p, c->side, value);
    if (!t || t->count != 1 || !bnf_dtype_is_float(t->dtype))
        return false;
    out->fill = bnf_tensor_at(t, 0);
    return isfinite(out->fill);
}

bool bnf_padding_of(const struct bnf_crossing *c, struct bnf_padding *out)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    int64_t opset = bnf_node_opset(g, c->node);
    size_t count = 0, axes = 0;
    const int64_t *pads = opset < 2    ? bnf_attr_ints(proto, "paddings", &count)
                          : opset < 11 ? bnf_attr_ints(proto, "pads", &count)
                                       : bnf_crossing_ints(c, 1, &count);
    const int64_t *of = NULL;
    *out = (struct bnf_padding){.rank = bnf_crossing_in(c, 0)->rank};
    out->constant = !bnf_attr_find(proto, "mode") || bnf_attr_is(proto, "mode", "constant");
    if (out->constant && !read_value(c, out))
        return false;
    out->adds = out->computed = opset >= 11 && !bnf_is_constant(&c->side->constants, bnf_node_input(g, c->node, 1));
    if (out->computed)
        return true;
    if (opset >= 18 && bnf_node_input(g, c->node, 3) != BNF_NONE && !(of = bnf_crossing_ints(c, 3, &axes)))
        return false;
    if (!pads || out->rank < 0 || out->rank > BNF_MAP_RANK || count % 2 != 0 ||
        count / 2 != (of ? axes : (size_t)out->rank))
        return false;
    for (size_t i = 0; i < count / 2; i++) {
        int64_t axis = of ? of[i] : (int64_t)i;
        axis += axis < 0 ? out->rank : 0;
        if (axis < 0 || axis >= out->rank)
            return false;
        out->pads[axis] = pads[i];
        out->pads[axis + out->rank] = pads[i + count / 2];
    }
    for (int i = 0; i < 2 * out->rank; i++)
        out->adds |= out->pads[i] > 0;
    return true;
}

bool bnf_carry_pad_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    struct bnf_padding padding;
    if (!bnf_padding_of(c, &padding))
        return false;
    axes->rank_in = axes->rank_out = padding.rank;
    for (int i = 0; i < BNF_MAP_RANK; i++)
        axes->to[i] = -1;
    for (int i = 0; i < padding.rank && !padding.computed; i++)
        axes->to[i] = padding.pads[i] == 0 && padding.pads[i + padding.rank] == 0 ? i : -1;
    return true;
}

enum bnf_outcome bnf_paddings_compare(
    struct bnf_prover *p, const struct bnf_crossing *c, const struct bnf_padding *padding)
{
    const Onnx__NodeProto *proto[2];
    for (int i = 0; i < 2; i++)
        proto[i] = c[i].side->graph.nodes[c[i].node].proto;
    bool same = padding[0].rank == padding[1].rank && padding[0].constant == padding[1].constant;
    if (padding[0].computed || padding[1].computed) {
        for (uint32_t slot = 1; slot < 4 && same; slot++)
            same = slot == 2 || bnf_slot_compare(p, bnf_node_input(&c[0].side->graph, c[0].node, slot),
                                    bnf_node_input(&c[1].side->graph, c[1].node, slot), slot) == BNF_EQUAL;
        if (!same)
            return BNF_UNKNOWN;
    }
    for (int i = 0; same && i < 2 * padding[0].rank; i++)
        same = padding[0].pads[i] == padding[1].pads[i];
    if (same && !padding[0].constant) {
        const Onnx__AttributeProto *a = bnf_attr_find(proto[0], "mode");
        const Onnx__AttributeProto *b = bnf_attr_find(proto[1], "mode");
        same = a->s.len == b->s.len && bnf_same_bytes(a->s.data, b->s.data, a->s.len);
    }
    if (!same)
        bnf_say(p, "Pad pads otherwise than in the reference");
    return same ? BNF_EQUAL : BNF_UNKNOWN; /* another padding may make up for it */
}

/* The number that padding with `fill` amounts to in front of `map`, per element of the map. */
static const struct bnf_normal *fill_in_front(struct bnf_prover *p, struct bnf_arena *arena, double fill,
    const struct bnf_normal *outer, const struct bnf_normal *map)
{
    int64_t one[BNF_MAP_RANK] = {0};
    struct bnf_normal *start = bnf_normal_new(p, arena, -1, one);
    const struct bnf_normal *filled;
    if (!start)
        return NULL;
    start->shift[0] = fill;
    start->size[0] = fabs(fill);
    start->shifts = fill != 0;
    start->shift_tensors = 1;
    /* outer(fill) is what lies there behind the padding; scales do not matter any more. */
    if (!bnf_normal_compose(p, arena, outer, start, &filled))
        return NULL;
    const struct bnf_normal *both;
    if (!bnf_normal_compose(p, arena, filled, map, &both)) /* for its extents */
        return NULL;
    int rank = both->rank;
    int64_t dims[BNF_MAP_RANK];
    memcpy(dims, both->dims, sizeof dims);
    struct bnf_normal *out = bnf_normal_new(p, arena, rank, dims);
    struct bnf_twin walk;
    if (!out)
        return NULL;
    bnf_twin_start(&walk, rank, dims, filled, map);
    for (size_t i = 0; i < out->count; i++, bnf_twin_next(&walk)) {
        size_t f = walk.at[0], m = walk.at[1];
        double scale = bnf_scale_at(map, m);
        out->scale[i] = 1;
        out->shift[i] = (filled->shift[f] - bnf_shift_at(map, m)) / scale;
        out->size[i] = (filled->size[f] + bnf_size_at(map, m)) / fabs(scale);
    }
    out->shift_tensors = filled->shift_tensors + (map ? map->shift_tensors + map->scale_tensors : 0);
    return bnf_normal_settle(out) ? bnf_normal_tidy(p, arena, out) : NULL;
}

enum bnf_outcome bnf_fills_compare(struct bnf_prover *p, struct bnf_arena *arena, const double fill[2],
    const struct bnf_normal *const outer[2], const struct bnf_normal *const map[2], int dtype,
    struct bnf_tally *tally)
{
    const struct bnf_normal *in_front[2];
    for (int i = 0; i < 2; i++)
        if (!(in_front[i] = fill_in_front(p, arena, fill[i], outer[i], map[i])))
            return BNF_UNKNOWN;
    struct bnf_tally inner = *tally;
    bool explaining = p->explaining;
    p->explaining = false; /* what is said below is said better */
    enum bnf_outcome outcome = bnf_normal_compare(p, in_front[0], in_front[1], dtype, &inner);
    p->explaining = explaining;
    if (outcome == BNF_EQUAL)
        *tally = inner;
    else
        bnf_say(p,
            "what is padded with is %.9g, in front of the affine %.9g, where the reference has %.9g, in front of "
            "its affine %.9g",
            fill[1], in_front[1]->shift[0], fill[0], in_front[0]->shift[0]);
    return outcome;
}

/* One more Pad around what a core reads. False: none, or, unless `all`, one that fills with another number. */
static bool unwrap(
    struct bnf_prover *p, struct bnf_side *side, struct bnf_arena *arena, bool all, struct bnf_core *core)
{
    struct bnf_padding padding;
    bnf_id value = bnf_canon(side, core->data), node = side->graph.values[value].producer;
    if (node == BNF_NONE || !bnf_node_is(&side->graph, node, "Pad"))
        return false;
    const bnf_id data = bnf_node_input(&side->graph, node, 0);
    const struct bnf_crossing c = {p, side, arena, NULL, node, value, &data, 1, 0};
    if (data == BNF_NONE || !bnf_padding_of(&c, &padding) || !padding.constant || padding.computed ||
        padding.rank != (int)core->weight->rank)
        return false;
    for (int i = 0; i < 2 * padding.rank; i++)
        if (padding.pads[i] < 0 || padding.pads[i] > INT32_MAX || (i % padding.rank < 2 && padding.pads[i] != 0))
            return false;
    if (!padding.adds) { /* its number is nowhere: what surrounds the data is what the others fill with */
        core->data = data;
        return true;
    }
    if (padding.fill != (core->unwrapped ? core->fill : 0) && (core->unwrapped || !core->passes_shift)) {
        if (!all)
            return false;
        core->mixed = true;
    }
    int spatial = padding.rank - 2;
    for (int i = 0; i < spatial; i++) {
        core->around[i] += padding.pads[i + 2];
        core->around[i + spatial] += padding.pads[i + 2 + padding.rank];
    }
    core->data = data;
    core->fill = padding.fill;
    core->unwrapped = true;
    return true;
}

void bnf_core_unwrap(
    struct bnf_prover *p, struct bnf_side *side, struct bnf_arena *arena, bool all, struct bnf_core *core)
{
    while (core->kind == BNF_CORE_CONV && !core->pads_unknown && unwrap(p, side, arena, all, core))
        ;
}
