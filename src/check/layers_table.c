/* Gather from a constant table: a map of what is looked up is one of the table's elements, where it does not
 * depend on the place that the element is looked up for. */
#include "check/layers.h"

#include "graph/attr.h"

enum { TABLE = 0 };

/* A map of what Gather gives as one of the table: the axes of the indices make room for the axis they index.
 */
static bool move_to_table(const struct bnf_stored *layer, const struct bnf_normal *map,
    const struct bnf_tensor *table, int axis, const struct bnf_normal **out)
{
    *out = map;
    if (!map || map->count == 1)
        return true;
    int rank = (int)table->rank, indices = map->rank - rank + 1;
    struct bnf_normal *moved = bnf_arena_alloc(layer->arena, 1, sizeof *moved);
    if (!moved) {
        bnf_prover_fail(layer->p, bnf_fail_memory(layer->p->err));
        return false;
    }
    if (indices < 0 || rank > BNF_MAP_RANK)
        return false;
    *moved = *map;
    moved->rank = rank;
    for (int i = 0; i < indices; i++)
        if (map->dims[axis + i] != 1)
            return false;
    for (int i = 0; i < rank; i++)
        moved->dims[i] = i < axis ? map->dims[i] : i == axis ? 1 : map->dims[i + indices - 1];
    *out = moved;
    return bnf_stored_map_fits(moved, table);
}

enum bnf_outcome bnf_stored_gather(struct bnf_stored *layer)
{
    const struct bnf_tensor *table[2];
    const struct bnf_normal *map[2];
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    int64_t axis = bnf_attr_int(g->nodes[layer->node[BNF_REF]].proto, "axis", 0);
    enum bnf_outcome inputs = bnf_stored_inputs_compare(layer, 1u << TABLE);
    if (inputs != BNF_EQUAL)
        return inputs;
    for (int i = 0; i < 2; i++)
        if (!(table[i] = bnf_stored_constant(layer, i, TABLE)) || table[i]->rank < 1)
            return BNF_UNKNOWN;
    axis += axis < 0 ? table[0]->rank : 0;
    for (int i = 0; i < 2; i++)
        if (axis < 0 || axis >= (int64_t)table[i]->rank ||
            !move_to_table(layer, layer->map[i], table[i], (int)axis, &map[i]))
            return BNF_UNKNOWN;
    layer->dtype = table[0]->dtype;
    return bnf_stored_constants_compare(layer, "table", table, map);
}
