/* Normalizations with a scale and a bias of their own: an affine map behind what they normalize. Two of them
 * compute the same when what they normalize is the same, and their maps are. */
#include "check/layers.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

enum { SCALE = 1, BIAS = 2 };

/* The parameters of one node. */
struct parameters {
    const struct bnf_tensor *scale, *bias; /* bias NULL: none */
};

static bool read_parameters(const struct bnf_stored *layer, int side, struct parameters *out)
{
    const struct bnf_graph *g = &layer->p->side[side].graph;
    out->scale = bnf_stored_constant(layer, side, SCALE);
    out->bias = NULL;
    if (!out->scale)
        return false;
    if (bnf_node_input(g, layer->node[side], BIAS) == BNF_NONE)
        return true;
    out->bias = bnf_stored_constant(layer, side, BIAS);
    return out->bias && out->bias->dtype == out->scale->dtype;
}

/* Element of a parameter that lies on the elements of `like`, broadcast from the right; `index` is in like's
 * order. */
static size_t element_of(const struct bnf_tensor *t, const struct bnf_normal *like, size_t index)
{
    size_t at = 0, stride = 1;
    for (int i = like->rank; i-- > 0;) {
        size_t extent = (size_t)like->dims[i], own = index % extent;
        int axis = i - (like->rank - (int)t->rank);
        index /= extent;
        if (axis < 0)
            break;
        at += t->dims[axis] == 1 ? 0 : own * stride;
        stride *= (size_t)t->dims[axis];
    }
    return at;
}

/* LayerNormalization's and its kin's: broadcast from the right. */
static const struct bnf_normal *spread_map(
    const struct bnf_stored *layer, const struct parameters *own, int rank)
{
    int64_t dims[BNF_MAP_RANK];
    const struct bnf_tensor *const both[2] = {own->scale, own->bias};
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    for (int k = 0; k < 2 && both[k]; k++) {
        int offset = rank - (int)both[k]->rank;
        for (int i = 0; i < (int)both[k]->rank; i++) {
            int64_t extent = both[k]->dims[i];
            if (offset < 0 || (extent != 1 && dims[i + offset] != 1 && dims[i + offset] != extent))
                return NULL;
            dims[i + offset] = extent == 1 ? dims[i + offset] : extent;
        }
    }
    struct bnf_normal *map = bnf_normal_new(layer->p, layer->arena, rank, dims);
    for (size_t i = 0; map && i < map->count; i++) {
        bool one = map->count == 1;
        map->scale[i] = bnf_tensor_at(own->scale, one ? 0 : element_of(own->scale, map, i));
        map->shift[i] = own->bias ? bnf_tensor_at(own->bias, one ? 0 : element_of(own->bias, map, i)) : 0;
    }
    return map;
}

/* InstanceNormalization's and GroupNormalization's: one number for each `run` channels of axis 1. */
static const struct bnf_normal *channel_map(
    const struct bnf_stored *layer, const struct parameters *own, int rank, size_t run)
{
    int64_t dims[BNF_MAP_RANK];
    if (own->scale->rank != 1 || rank < 2 || !own->bias || own->bias->rank != 1 ||
        own->bias->count != own->scale->count)
        return NULL;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    dims[1] = (int64_t)(own->scale->count * run);
    struct bnf_normal *map = bnf_normal_new(layer->p, layer->arena, rank, dims);
    for (size_t i = 0; map && i < map->count; i++) {
        map->scale[i] = bnf_tensor_at(own->scale, i / run);
        map->shift[i] = bnf_tensor_at(own->bias, i / run);
    }
    return map;
}

/* How many channels of axis 1 share one number of the scale; 0: not known. */
static size_t channels_in_run(const struct bnf_stored *layer, int side, const struct bnf_tensor *scale)
{
    const struct bnf_graph *g = &layer->p->side[side].graph;
    const struct bnf_shape *x = &g->values[bnf_node_input(g, layer->node[side], 0)].shape;
    bool grouped =
        bnf_node_is(g, layer->node[side], "GroupNormalization") && bnf_node_opset(g, layer->node[side]) < 21;
    int64_t channels = x->rank > 1 ? x->dims[1] : -1;
    for (int i = 0; i < 2 && grouped && channels < 0; i++)
        if (layer->map[i] && layer->map[i]->rank > 1 && layer->map[i]->dims[1] > 1)
            channels = layer->map[i]->dims[1];
    if (!grouped)
        return channels < 0 || (uint64_t)channels == scale->count ? 1 : 0;
    return channels > 0 && (uint64_t)channels % scale->count == 0 ? (size_t)channels / scale->count : 0;
}

/* The map that a node's parameters are, of values of this rank; NULL: they cannot be seen as one. */
static const struct bnf_normal *own_map(
    const struct bnf_stored *layer, int side, const struct parameters *own, int rank)
{
    const struct bnf_graph *g = &layer->p->side[side].graph;
    bool channels = bnf_node_is(g, layer->node[side], "InstanceNormalization") ||
                    bnf_node_is(g, layer->node[side], "GroupNormalization");
    size_t run = channels ? channels_in_run(layer, side, own->scale) : 0;
    const struct bnf_normal *found =
        channels ? run ? channel_map(layer, own, rank, run) : NULL : spread_map(layer, own, rank);
    struct bnf_normal *map = (struct bnf_normal *)(uintptr_t)found;
    if (!map)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        map->size[i] = fabs(map->shift[i]);
    map->scale_tensors = 1;
    map->shift_tensors = own->bias != NULL;
    return bnf_normal_settle(map) ? map : NULL;
}

static bool is_uniform(const struct bnf_normal *map)
{
    return !map || map->count == 1;
}

/* The rank of the values; where it is not known and does not matter, the largest one. -1: it matters. */
static int rank_of(const struct bnf_stored *layer, bool *known)
{
    int rank = -1;
    for (int i = 0; i < 2; i++) {
        const struct bnf_graph *g = &layer->p->side[i].graph;
        bnf_id input = bnf_node_input(g, layer->node[i], 0);
        int own = input == BNF_NONE ? -1 : g->values[input].shape.rank;
        rank = own > rank ? own : rank;
        if (layer->map[i] && layer->map[i]->rank > rank)
            rank = layer->map[i]->rank;
    }
    *known = rank >= 0;
    if (*known)
        return rank <= BNF_MAP_RANK ? rank : -1;
    return is_uniform(layer->map[0]) && is_uniform(layer->map[1]) ? BNF_MAP_RANK : -1;
}

enum bnf_outcome bnf_stored_norm(struct bnf_stored *layer)
{
    struct parameters own[2];
    const struct bnf_normal *total[2];
    bool known;
    enum bnf_outcome inputs = bnf_stored_inputs_compare(layer, 1u << SCALE | 1u << BIAS);
    if (inputs != BNF_EQUAL)
        return inputs;
    if (layer->output > 0) { /* statistics of what is normalized */
        memcpy(layer->out, layer->map, sizeof layer->out);
        return BNF_EQUAL;
    }
    int rank = rank_of(layer, &known);
    for (int i = 0; i < 2 && rank >= 0; i++)
        if (!read_parameters(layer, i, &own[i]))
            return BNF_UNKNOWN;
    if (rank < 0 || own[0].scale->dtype != own[1].scale->dtype)
        return BNF_UNKNOWN;
    layer->dtype = own[0].scale->dtype;
    layer->tally->changed |= !bnf_tensor_same(own[0].scale, own[1].scale) || !own[0].bias != !own[1].bias ||
                             (own[0].bias && own[1].bias && !bnf_tensor_same(own[0].bias, own[1].bias));
    for (int i = 0; i < 2; i++) {
        const struct bnf_normal *map = own_map(layer, i, &own[i], rank);
        if (!map || !bnf_normal_compose(layer->p, layer->arena, layer->map[i], map, &total[i]))
            return BNF_UNKNOWN;
    }
    if (!known) /* a map of a made-up rank is good for nothing else */
        return bnf_normal_compare(layer->p, total[0], total[1], layer->dtype, layer->tally);
    memcpy(layer->out, total, sizeof layer->out);
    return BNF_EQUAL;
}
