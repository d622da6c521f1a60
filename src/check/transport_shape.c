/* Operators that move elements about: reshaping, parts, joining, blocks. */
#include "check/transport.h"

#include "graph/attr.h"
#include "graph/shapes_slice.h"

#include <math.h>
#include <string.h>

/* ---- helpers ---- */

const struct bnf_shape *bnf_crossing_in(const struct bnf_crossing *c, size_t branch)
{
    return &c->side->graph.values[c->data[branch]].shape;
}

const struct bnf_shape *bnf_crossing_out(const struct bnf_crossing *c)
{
    return &c->side->graph.values[c->value].shape;
}

bool bnf_same_extent(int64_t a, int64_t b)
{
    return a == b && a != BNF_DIM_UNKNOWN;
}

struct bnf_normal *bnf_map_like(
    const struct bnf_crossing *c, const struct bnf_normal *map, int rank, const int64_t *dims)
{
    struct bnf_normal *out = bnf_normal_new(c->p, c->arena, rank, dims);
    if (out && map) {
        out->shifts = map->shifts;
        out->scale_tensors = map->scale_tensors;
        out->shift_tensors = map->shift_tensors;
    }
    return out;
}

void bnf_map_copy(struct bnf_normal *to, size_t i, const struct bnf_normal *from, size_t k)
{
    to->scale[i] = bnf_scale_at(from, k);
    to->shift[i] = bnf_shift_at(from, k);
    to->size[i] = bnf_size_at(from, k);
}

const int64_t *bnf_crossing_ints(const struct bnf_crossing *c, uint32_t slot, size_t *count)
{
    const struct bnf_tensor *t =
        bnf_side_constant(c->p, c->side, bnf_node_input(&c->side->graph, c->node, slot));
    if (!t || t->rank > 1 || (t->dtype != BNF_DTYPE_INT64 && t->dtype != BNF_DTYPE_INT32))
        return NULL;
    int64_t *list = bnf_arena_alloc(c->arena, t->count + 1, sizeof *list);
    for (size_t i = 0; list && i < t->count; i++) {
        int32_t narrow;
        if (t->dtype == BNF_DTYPE_INT64) {
            memcpy(&list[i], t->data + i * sizeof(int64_t), sizeof(int64_t));
        } else {
            memcpy(&narrow, t->data + i * sizeof narrow, sizeof narrow);
            list[i] = narrow;
        }
    }
    *count = t->count;
    if (!list)
        bnf_prover_fail(c->p, bnf_fail_memory(c->p->err));
    return list;
}

static void strides_of(const struct bnf_normal *map, size_t stride[BNF_MAP_RANK])
{
    size_t run = 1;
    for (int i = map->rank; i-- > 0; run *= (size_t)map->dims[i])
        stride[i] = map->dims[i] == 1 ? 0 : run;
}

/* Fills a map from another, whose element for index (i, j, …) is Σ i·stride. */
static const struct bnf_normal *gather(struct bnf_normal *out, int rank, const int64_t *dims,
    const struct bnf_normal *from, const size_t *stride, size_t first)
{
    struct bnf_twin walk;
    bnf_twin_start(&walk, rank, dims, NULL, NULL);
    for (int i = 0; i < rank; i++)
        walk.stride[0][i] = stride[i];
    for (size_t i = 0; i < out->count; i++, bnf_twin_next(&walk))
        bnf_map_copy(out, i, from, first + walk.at[0]);
    return out;
}

const struct bnf_normal *bnf_move_axes(
    const struct bnf_crossing *c, const struct bnf_normal *map, int rank, const int *to)
{
    int64_t dims[BNF_MAP_RANK];
    size_t own[BNF_MAP_RANK], stride[BNF_MAP_RANK] = {0};
    bool same = map->rank == rank;
    if (map->rank < 0)
        return map;
    if (rank < 0 || rank > BNF_MAP_RANK)
        return NULL;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    strides_of(map, own);
    for (int i = 0; i < map->rank; i++) {
        if (map->dims[i] == 1)
            continue;
        if (to[i] < 0 || to[i] >= rank)
            return NULL;
        dims[to[i]] = map->dims[i];
        stride[to[i]] = own[i];
        same &= to[i] == i;
    }
    if (same)
        return map;
    struct bnf_normal *out = bnf_map_like(c, map, rank, dims);
    return out ? gather(out, rank, dims, map, stride, 0) : NULL;
}

/* ---- Reshape and its like ---- */

/* Axes a0 … a1-1 of one shape hold the same elements, in the same order, as axes b0 … b1-1 of the other. */
struct group {
    int a0, a1, b0, b1;
    bool open; /* how the elements lie within is not known */
};

/* The next group that begins (or, going backwards, ends) at axes i and j. False: there is none that is certain. */
static bool next_group(
    const struct bnf_shape *a, const struct bnf_shape *b, int i, int j, int step, struct group *group)
{
    int ends_a = step > 0 ? a->rank : -1, ends_b = step > 0 ? b->rank : -1, k = i + step, l = j + step;
    if (!bnf_same_extent(a->dims[i], b->dims[j])) {
        int64_t left = a->dims[i], right = b->dims[j];
        while (left != right && left > 0 && right > 0) {
            bool grows_a = left < right;
            if (grows_a ? k == ends_a || a->dims[k] <= 0 || __builtin_mul_overflow(left, a->dims[k], &left)
                        : l == ends_b || b->dims[l] <= 0 || __builtin_mul_overflow(right, b->dims[l], &right))
                return false;
            k += grows_a ? step : 0;
            l += grows_a ? 0 : step;
        }
        if (left <= 0 || right <= 0)
            return false;
    }
    *group = step > 0 ? (struct group){i, k, j, l, false} : (struct group){k + 1, i + 1, l + 1, j + 1, false};
    return true;
}

/* Groups from the left as far as it goes, from the right as far as it goes, and what remains between as one
 * that is open. */
static size_t find_groups(const struct bnf_shape *a, const struct bnf_shape *b, struct group *groups)
{
    size_t count = 0;
    int i = 0, j = 0, k = a->rank - 1, l = b->rank - 1;
    struct group one;
    while (i <= k && j <= l && next_group(a, b, i, j, 1, &one)) {
        groups[count++] = one;
        i = one.a1;
        j = one.b1;
    }
    while (i <= k && j <= l && next_group(a, b, k, l, -1, &one) && one.a0 >= i && one.b0 >= j) {
        groups[count++] = one;
        k = one.a0 - 1;
        l = one.b0 - 1;
    }
    if (i <= k || j <= l)
        groups[count++] = (struct group){i, k + 1, j, l + 1, true};
    return count;
}

static const struct bnf_normal *regroup(const struct bnf_crossing *c, const struct bnf_normal *map,
    const struct bnf_shape *a, const struct bnf_shape *b)
{
    struct group groups[2 * BNF_MAP_RANK + 1];
    int64_t wide[BNF_MAP_RANK], dims[BNF_MAP_RANK];
    if (map->rank < 0)
        return map;
    if (a->rank != map->rank || b->rank < 0 || b->rank > BNF_MAP_RANK)
        return NULL;
    for (int i = 0; i < BNF_MAP_RANK; i++)
        wide[i] = dims[i] = 1;
    for (size_t n = find_groups(a, b, groups); n-- > 0;) {
        const struct group *g = &groups[n];
        bool varies = false;
        for (int i = g->a0; i < g->a1; i++)
            varies |= map->dims[i] > 1;
        if (!varies)
            continue;
        if (g->open)
            return NULL;
        bool one = g->a1 - g->a0 == 1 && g->b1 - g->b0 == 1;
        for (int i = g->a0; i < g->a1; i++) {
            wide[i] = one ? map->dims[i] : a->dims[i];
            if (map->dims[i] != 1 && map->dims[i] != wide[i])
                return NULL;
        }
        for (int i = g->b0; i < g->b1; i++)
            dims[i] = one ? map->dims[g->a0] : b->dims[i];
    }
    struct bnf_normal *out = bnf_map_like(c, map, b->rank, dims);
    size_t stride[BNF_MAP_RANK];
    strides_of(map, stride);
    return out ? bnf_normal_tidy(c->p, c->arena, gather(out, map->rank, wide, map, stride, 0)) : NULL;
}

bool bnf_carry_reshape_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    *in = map ? regroup(c, map, bnf_crossing_out(c), bnf_crossing_in(c, 0)) : NULL;
    return *in || !map;
}

bool bnf_carry_reshape_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    *out = regroup(c, in[0], bnf_crossing_in(c, 0), bnf_crossing_out(c));
    return *out != NULL;
}

/* ---- Slice and Split ---- */

/* Elements first, first + step, … of an axis; extent -1: which ones is not known. */
struct cut {
    bool cuts;
    int64_t first, step, count, extent;
};

static void cut_axis(struct cut *cut, int64_t extent, int64_t first, int64_t end, int64_t step)
{
    *cut = (struct cut){.cuts = true, .extent = -1};
    if (extent < 0 || step == 0)
        return;
    struct bnf_taken taken = bnf_slice_taken(extent, first, end, step);
    *cut = (struct cut){true, taken.first, taken.step, taken.count, extent};
}

static bool read_slice(const struct bnf_crossing *c, const struct bnf_shape *x, struct cut *cuts)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    size_t count[4] = {0, 0, 0, 0};
    const int64_t *list[4] = {NULL, NULL, NULL, NULL};
    if (bnf_node_opset(g, c->node) < 10) {
        static const char *const names[] = {"starts", "ends", "axes"};
        for (size_t i = 0; i < 3; i++)
            list[i] = bnf_attr_ints(proto, names[i], &count[i]);
    } else {
        for (uint32_t i = 0; i < 4; i++)
            if (bnf_node_input(g, c->node, i + 1) != BNF_NONE &&
                !(list[i] = bnf_crossing_ints(c, i + 1, &count[i])))
                return false;
    }
    if (!list[0] || !list[1] || count[0] != count[1] || (list[2] && count[2] != count[0]) ||
        (list[3] && count[3] != count[0]))
        return false;
    for (size_t i = 0; i < count[0]; i++) {
        int64_t axis = list[2] ? list[2][i] : (int64_t)i;
        axis += axis < 0 ? x->rank : 0;
        if (axis < 0 || axis >= x->rank)
            return false;
        cut_axis(&cuts[axis], x->dims[axis], list[0][i], list[1][i], list[3] ? list[3][i] : 1);
    }
    return true;
}

static bool read_split(const struct bnf_crossing *c, const struct bnf_shape *x, struct cut *cuts)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    int64_t opset = bnf_node_opset(g, c->node), axis = bnf_attr_int(proto, "axis", 0), first = 0;
    uint32_t output = g->values[c->value].output;
    size_t count = 0;
    const int64_t *sizes = NULL;
    axis += axis < 0 && x->rank > 0 ? x->rank : 0;
    if (axis < 0 || axis >= x->rank || opset < 2)
        return false;
    int64_t extent = x->dims[axis], size = -1;
    if (opset < 13)
        sizes = bnf_attr_ints(proto, "split", &count);
    else if (bnf_node_input(g, c->node, 1) != BNF_NONE && !(sizes = bnf_crossing_ints(c, 1, &count)))
        return false;
    cuts[axis] = (struct cut){.cuts = true, .extent = -1};
    if (sizes && output < count) {
        for (uint32_t i = 0; i < output; i++)
            first += sizes[i];
        size = sizes[output];
    } else if (!sizes && extent >= 0) {
        int64_t parts = g->nodes[c->node].output_count;
        size = (extent + parts - 1) / parts;
        first = size * output;
        size = extent - first < size ? extent - first : size;
    }
    if (extent >= 0 && size > 0 && first >= 0 && first + size <= extent)
        cuts[axis] = (struct cut){true, first, 1, size, extent};
    return true;
}

/* False: what is cut is not known, and only what is the same everywhere passes. */
static bool read_cuts(const struct bnf_crossing *c, struct cut *cuts)
{
    const struct bnf_shape *x = bnf_crossing_in(c, 0);
    memset(cuts, 0, BNF_MAP_RANK * sizeof *cuts);
    if (x->rank < 0 || x->rank > BNF_MAP_RANK)
        return false;
    return strcmp(c->rule->op_type, "Split") == 0 ? read_split(c, x, cuts) : read_slice(c, x, cuts);
}

/* What is not in the part is multiplied by zero, in both models: nothing is claimed about it. */
static bool extend(const struct bnf_crossing *c, const struct cut *cuts, const struct bnf_normal *map,
    const struct bnf_normal **in)
{
    int rank = bnf_crossing_in(c, 0)->rank;
    int64_t dims[BNF_MAP_RANK], part[BNF_MAP_RANK];
    bool any = false;
    for (int i = 0; i < rank; i++) {
        dims[i] = part[i] = map && map->rank >= 0 ? map->dims[i] : 1;
        if (!cuts[i].cuts)
            continue;
        any = true;
        if (cuts[i].extent <= 0 || (part[i] != 1 && part[i] != cuts[i].count))
            return false;
        dims[i] = cuts[i].extent;
        part[i] = cuts[i].count;
    }
    struct bnf_normal *out = any ? bnf_map_like(c, map, rank, dims) : NULL;
    if (!out)
        return false;
    struct bnf_twin walk;
    size_t first = 0, total = 1, run[BNF_MAP_RANK];
    bnf_twin_start(&walk, rank, part, map, NULL);
    for (int i = rank; i-- > 0; total *= (size_t)dims[i])
        run[i] = total;
    total = 1;
    for (int i = 0; i < rank; i++) {
        walk.stride[1][i] = run[i] * (cuts[i].cuts ? (size_t)cuts[i].step : 1);
        first += cuts[i].cuts ? run[i] * (size_t)cuts[i].first : 0;
        total *= (size_t)part[i];
    }
    for (size_t i = 0; i < total; i++, bnf_twin_next(&walk))
        bnf_map_copy(out, first + walk.at[1], map, walk.at[0]);
    *in = out;
    return true;
}

bool bnf_carry_part_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    struct cut cuts[BNF_MAP_RANK];
    bool known = read_cuts(c, cuts);
    if (c->way & BNF_WAY_OTHER)
        return known && extend(c, cuts, map, in);
    if (map && map->rank >= 0) {
        if (!known || map->rank != bnf_crossing_in(c, 0)->rank)
            return false;
        for (int i = 0; i < map->rank; i++)
            if (cuts[i].cuts && map->dims[i] > 1)
                return false;
    }
    *in = map;
    return true;
}

bool bnf_carry_part_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    struct cut cuts[BNF_MAP_RANK];
    const struct bnf_normal *map = in[0];
    int64_t dims[BNF_MAP_RANK];
    size_t stride[BNF_MAP_RANK], first = 0;
    *out = map;
    if (map->rank < 0)
        return true;
    if (!read_cuts(c, cuts) || map->rank != bnf_crossing_in(c, 0)->rank)
        return false;
    strides_of(map, stride);
    for (int i = 0; i < map->rank; i++) {
        dims[i] = map->dims[i];
        if (!cuts[i].cuts || map->dims[i] == 1)
            continue;
        if (cuts[i].extent != map->dims[i])
            return false;
        dims[i] = cuts[i].count;
        first += stride[i] * (size_t)cuts[i].first;
        stride[i] *= (size_t)cuts[i].step;
    }
    struct bnf_normal *part = bnf_map_like(c, map, map->rank, dims);
    *out = part ? bnf_normal_tidy(c->p, c->arena, gather(part, map->rank, dims, map, stride, first)) : NULL;
    return *out != NULL;
}

/* ---- Concat ---- */

static int concat_axis(const struct bnf_crossing *c, int rank)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    if (rank < 0 || rank > BNF_MAP_RANK || (!bnf_attr_find(proto, "axis") && bnf_node_opset(g, c->node) >= 4))
        return -1;
    int64_t axis = bnf_attr_int(proto, "axis", 1);
    axis += axis < 0 ? rank : 0;
    return axis < 0 || axis >= rank ? -1 : (int)axis;
}

bool bnf_carry_concat_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    int axis = map ? concat_axis(c, map->rank) : -1;
    int64_t done = 0;
    if (!map || map->rank < 0 || (axis >= 0 && map->dims[axis] == 1)) {
        for (size_t i = 0; i < c->branches; i++)
            in[i] = map;
        return true;
    }
    for (size_t i = 0; i < c->branches; i++) {
        const struct bnf_shape *x = bnf_crossing_in(c, i);
        int64_t dims[BNF_MAP_RANK];
        size_t stride[BNF_MAP_RANK];
        if (axis < 0 || x->rank != map->rank || x->dims[axis] <= 0 || done + x->dims[axis] > map->dims[axis])
            return false;
        memcpy(dims, map->dims, sizeof dims);
        dims[axis] = x->dims[axis];
        strides_of(map, stride);
        struct bnf_normal *part = bnf_map_like(c, map, map->rank, dims);
        if (!part)
            return false;
        in[i] = bnf_normal_tidy(
            c->p, c->arena, gather(part, map->rank, dims, map, stride, stride[axis] * (size_t)done));
        done += x->dims[axis];
    }
    return done == map->dims[axis];
}

/* The extents that the maps of all inputs broadcast to, with the whole length of the joined axis. */
static bool joined_extents(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, int rank, int axis, int64_t *dims)
{
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? 0 : 1;
    for (size_t k = 0; k < c->branches; k++) {
        const struct bnf_shape *x = bnf_crossing_in(c, k);
        if (x->rank != rank || x->dims[axis] <= 0 || (in[k] && in[k]->rank >= 0 && in[k]->rank != rank))
            return false;
        dims[axis] += x->dims[axis];
        for (int i = 0; in[k] && i < in[k]->rank; i++) {
            int64_t extent = in[k]->dims[i];
            if (i == axis ? extent != 1 && extent != x->dims[axis]
                          : extent != 1 && dims[i] != 1 && extent != dims[i])
                return false;
            if (i != axis && extent > 1)
                dims[i] = extent;
        }
    }
    return true;
}

bool bnf_carry_concat_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    int rank = bnf_crossing_out(c)->rank, axis = concat_axis(c, rank);
    int64_t dims[BNF_MAP_RANK], part[BNF_MAP_RANK];
    if (axis < 0 || !joined_extents(c, in, rank, axis, dims))
        return false;
    struct bnf_normal *all = bnf_map_like(c, NULL, rank, dims);
    if (!all)
        return false;
    memcpy(part, dims, sizeof part);
    size_t first = 0, run = 1;
    for (int i = axis + 1; i < rank; i++)
        run *= (size_t)dims[i];
    for (size_t k = 0; k < c->branches; k++) {
        struct bnf_twin walk;
        size_t count = 1;
        part[axis] = bnf_crossing_in(c, k)->dims[axis];
        for (int i = 0; i < rank; i++)
            count *= (size_t)part[i];
        bnf_twin_start(&walk, rank, part, in[k], NULL);
        for (size_t i = 0; i < count; i++, bnf_twin_next(&walk)) {
            size_t block = i / (run * (size_t)part[axis]), within = i % (run * (size_t)part[axis]);
            bnf_map_copy(all, block * run * (size_t)dims[axis] + first * run + within, in[k], walk.at[0]);
        }
        first += (size_t)part[axis];
        if (in[k] && in[k]->scale_tensors > all->scale_tensors)
            all->scale_tensors = in[k]->scale_tensors;
        if (in[k] && in[k]->shift_tensors > all->shift_tensors)
            all->shift_tensors = in[k]->shift_tensors;
    }
    *out = bnf_normal_settle(all) ? bnf_normal_tidy(c->p, c->arena, all) : NULL;
    return *out != NULL;
}

/* ---- DepthToSpace and SpaceToDepth ---- */

/* Channels of the deep side: which channel of the shallow side, of `shallow`, each belongs to. */
static size_t shallow_channel(size_t deep, size_t shallow, size_t positions, bool rows_first)
{
    return rows_first ? deep / positions : deep % shallow;
}

static bool blocks(const struct bnf_crossing *c, const struct bnf_normal *map, bool deepens,
    const struct bnf_normal **out)
{
    const Onnx__NodeProto *proto = c->side->graph.nodes[c->node].proto;
    int64_t size = bnf_attr_int(proto, "blocksize", 0), dims[4] = {1, 1, 1, 1};
    bool rows_first = bnf_attr_is(proto, "mode", "CRD");
    *out = map;
    if (!map || map->rank < 0)
        return true;
    if (map->rank != 4 || bnf_normal_axis(map) != 1 || size < 1 || size > 1024 ||
        (bnf_attr_find(proto, "mode") && !rows_first && !bnf_attr_is(proto, "mode", "DCR")))
        return false;
    size_t positions = (size_t)(size * size), shallow = deepens ? map->count : map->count / positions;
    if (shallow == 0 || (!deepens && map->count % positions != 0))
        return false;
    dims[1] = (int64_t)(deepens ? shallow * positions : shallow);
    struct bnf_normal *new = bnf_map_like(c, map, 4, dims);
    if (!new)
        return false;
    for (size_t i = 0; i < shallow * positions; i++) {
        size_t k = shallow_channel(i, shallow, positions, rows_first);
        size_t last = rows_first ? k * positions : k; /* the first deep channel that belongs to k */
        if (deepens) {
            bnf_map_copy(new, i, map, k);
        } else {
            if (map->scale[i] != map->scale[last] || map->shift[i] != map->shift[last])
                return false;
            bnf_map_copy(new, new->count == 1 ? 0 : k, map, i);
        }
    }
    *out = new;
    return true;
}

bool bnf_carry_blocks_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    return blocks(c, map, strcmp(c->rule->op_type, "DepthToSpace") == 0, in);
}

bool bnf_carry_blocks_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    return blocks(c, in[0], strcmp(c->rule->op_type, "SpaceToDepth") == 0, out);
}
