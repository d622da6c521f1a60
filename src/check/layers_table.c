/* Gather from a constant table: a map of what is looked up is one of the table's elements, where it does not
 * depend on the place that the element is looked up for. */
#include "check/layers.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <math.h>
#include <string.h>

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
    return bnf_normal_fits(moved, table);
}

/* A map of the table as one of what Gather gives. NULL: no memory, or too many axes. */
static const struct bnf_normal *move_from_table(
    const struct bnf_stored *layer, const struct bnf_normal *map, int axis, int indices)
{
    struct bnf_normal *moved = bnf_arena_alloc(layer->arena, 1, sizeof *moved);
    if (!moved)
        bnf_prover_fail(layer->p, bnf_fail_memory(layer->p->err));
    if (!moved || map->rank < 0 || map->rank + indices - 1 > BNF_MAP_RANK)
        return moved && map->rank < 0 ? map : NULL;
    *moved = *map;
    moved->rank = map->rank + indices - 1;
    for (int i = 0; i < moved->rank; i++)
        moved->dims[i] = i < axis ? map->dims[i] : i < axis + indices ? 1 : map->dims[i - indices + 1];
    return moved;
}

/* What the candidate's elements are above the reference's, for all that are looked up together: where the stored number
 * is smallest, its rounding is. */
static bool find_shift(const struct bnf_stored *layer, const struct bnf_tensor *const table[2],
    const struct bnf_normal *const map[2], int axis, struct bnf_normal **out)
{
    int64_t dims[BNF_MAP_RANK];
    struct bnf_twin at, on;
    const int rank = (int)table[0]->rank;
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? 1 : table[0]->dims[i];
    struct bnf_normal *shift = bnf_normal_new(layer->p, layer->arena, rank, dims);
    double *least = shift ? bnf_arena_alloc(layer->arena, shift->count, sizeof *least) : NULL;
    if (!least)
        return false;
    for (size_t i = 0; i < shift->count; i++)
        least[i] = INFINITY;
    bnf_twin_start(&at, rank, table[0]->dims, map[0], map[1]);
    bnf_twin_start(&on, rank, table[0]->dims, shift, NULL);
    for (size_t i = 0; i < table[0]->count; i++, bnf_twin_next(&at), bnf_twin_next(&on)) {
        double number[2], size = 0;
        size_t k = on.at[0];
        for (int side = 1; side >= 0; side--) {
            double product = bnf_tensor_at(table[side], i) * bnf_scale_at(map[side], at.at[side]);
            number[side] = product + bnf_shift_at(map[side], at.at[side]);
            size = fabs(product) + bnf_size_at(map[side], at.at[side]);
        }
        if (!(fabs(number[1]) < least[k]))
            continue;
        least[k] = fabs(number[1]);
        shift->shift[k] = number[1] - number[0];
        shift->size[k] = size;
    }
    for (size_t i = 0; i < shift->count; i++)
        shift->scale[i] = 1;
    shift->shift_tensors = 1 + (map[1] ? map[1]->scale_tensors + map[1]->shift_tensors : 0);
    *out = shift;
    return bnf_normal_settle(shift);
}

/* Tables that differ by a shift, which then lies behind what is looked up; the reference's terms are its own, too. */
static enum bnf_outcome compare_shifted(struct bnf_stored *layer, const struct bnf_tensor *const table[2],
    const struct bnf_normal *const map[2], int axis)
{
    struct bnf_prover *p = layer->p;
    struct bnf_side *side = &p->side[BNF_REF];
    struct bnf_normal *shift, *none;
    const struct bnf_normal *shifted[2] = {NULL, map[1]};
    bnf_id looked_up = bnf_node_input(&side->graph, layer->node[BNF_REF], 1);
    int indices = looked_up == BNF_NONE ? -1 : side->graph.values[looked_up].shape.rank;
    bool explaining = p->explaining;
    if (indices < 0 || !find_shift(layer, table, map, axis, &shift) ||
        !(none = bnf_normal_new(p, layer->arena, shift->rank, shift->dims)) ||
        !bnf_normal_compose(p, layer->arena, shift, map[0], &shifted[0]))
        return BNF_UNKNOWN;
    for (size_t i = 0; i < none->count; i++) {
        none->scale[i] = 1;
        none->size[i] = shift->size[i];
    }
    if (!bnf_normal_settle(none))
        return BNF_UNKNOWN;
    /* The shift is a stored number of the candidate's, too. */
    const struct bnf_normal *counted = bnf_normal_counted(p, layer->arena, 1, 0);
    if (!counted || !bnf_normal_compose(p, layer->arena, counted, map[1], &shifted[1]))
        return BNF_UNKNOWN;
    p->explaining = false;
    enum bnf_outcome outcome = bnf_stored_constants_compare(layer, "table", table, shifted);
    p->explaining = explaining;
    const struct bnf_normal *const found[2] = {none, shift};
    for (int i = 0; i < 2 && outcome == BNF_EQUAL; i++)
        if (!(layer->out[i] = move_from_table(layer, found[i], axis, indices)))
            outcome = BNF_UNKNOWN;
    return outcome;
}

/* Or tables that are multiples along one of the axes that stay. */
static bool compare_multiples(struct bnf_stored *layer, const struct bnf_tensor *const table[2],
    const struct bnf_normal *const map[2], int axis)
{
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    const struct bnf_normal *factors;
    const struct bnf_tally before = *layer->tally;
    bnf_id looked_up = bnf_node_input(g, layer->node[BNF_REF], 1);
    int indices = looked_up == BNF_NONE ? -1 : g->values[looked_up].shape.rank;
    bool plain = !(map[0] && map[0]->shifts) && !(map[1] && map[1]->shifts);
    for (int i = 0; plain && indices >= 0 && i < (int)table[0]->rank; i++) {
        *layer->tally = before;
        layer->out[0] = NULL;
        if (i != axis &&
            bnf_stored_multiples_compare(layer, "table", table, map, i, &factors) == BNF_EQUAL &&
            (layer->out[1] = move_from_table(layer, factors, axis, indices)) != NULL)
            return true;
    }
    return false;
}

static enum bnf_outcome relate_tables(struct bnf_stored *layer, const struct bnf_tensor *const table[2],
    const struct bnf_normal *const map[2], int axis)
{
    const struct bnf_tally before = *layer->tally;
    enum bnf_outcome outcome = bnf_stored_constants_compare(layer, "table", table, map);
    bool alike = table[0]->rank == table[1]->rank && table[0]->dtype == table[1]->dtype &&
                 bnf_same_bytes(table[0]->dims, table[1]->dims, table[0]->rank * sizeof *table[0]->dims);
    if (outcome != BNF_DIFFERENT || !alike)
        return outcome;
    const struct bnf_tally after = *layer->tally;
    *layer->tally = before;
    if (compare_shifted(layer, table, map, axis) == BNF_EQUAL)
        return BNF_EQUAL;
    *layer->tally = before;
    if (compare_multiples(layer, table, map, axis))
        return BNF_EQUAL;
    *layer->tally = after;
    return outcome;
}

/* The maps as ones of the tables: all of both, or their scales, with the shifts behind what is looked up. */
static bool move_to_tables(const struct bnf_stored *layer, const struct bnf_tensor *const table[2], int axis,
    const struct bnf_normal *map[2], const struct bnf_normal *behind[2])
{
    behind[0] = behind[1] = NULL;
    if (move_to_table(layer, layer->map[0], table[0], axis, &map[0]) &&
        move_to_table(layer, layer->map[1], table[1], axis, &map[1]))
        return true;
    for (int i = 0; i < 2; i++) {
        const struct bnf_normal *scale;
        if (!bnf_normal_part(layer->p, layer->arena, layer->map[i], &scale, &behind[i]) ||
            !move_to_table(layer, scale, table[i], axis, &map[i]))
            return false;
    }
    return true;
}

enum bnf_outcome bnf_stored_gather(struct bnf_stored *layer)
{
    const struct bnf_tensor *table[2];
    const struct bnf_normal *map[2], *behind[2];
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    int64_t axis = bnf_attr_int(g->nodes[layer->node[BNF_REF]].proto, "axis", 0);
    enum bnf_outcome inputs = bnf_stored_inputs_compare(layer, 1u << TABLE);
    if (inputs != BNF_EQUAL)
        return inputs;
    for (int i = 0; i < 2; i++)
        if (!(table[i] = bnf_stored_constant(layer, i, TABLE)) || table[i]->rank < 1)
            return BNF_UNKNOWN;
    axis += axis < 0 ? table[0]->rank : 0;
    if (axis < 0 || axis >= (int64_t)table[0]->rank || axis >= (int64_t)table[1]->rank ||
        !move_to_tables(layer, table, (int)axis, map, behind))
        return BNF_UNKNOWN;
    layer->dtype = table[0]->dtype;
    enum bnf_outcome outcome = relate_tables(layer, table, map, (int)axis);
    for (int i = 0; i < 2; i++) {
        const struct bnf_normal *found = outcome == BNF_EQUAL ? layer->out[i] : NULL;
        if (!bnf_normal_compose(layer->p, layer->arena, behind[i], found, &layer->out[i]))
            return BNF_UNKNOWN;
    }
    return outcome;
}
