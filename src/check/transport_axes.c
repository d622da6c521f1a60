/* Operators that work along some axes and leave the others alone: transpositions, pools, reductions,
 * repetitions, resizing; and rectifiers, which leave all alone but take no shift. */
#include "check/transport.h"

#include "graph/attr.h"

#include <string.h>

/* ---- passing ---- */

static bool passes(const struct bnf_axes *axes, const struct bnf_normal *map)
{
    return !(axes->only_scale && map->shifts) && !(axes->nonnegative && !bnf_normal_is_nonnegative(map));
}

/* The map with its shift multiplied. */
static const struct bnf_normal *amplify(
    const struct bnf_crossing *c, const struct bnf_normal *map, double gain)
{
    if (!map || gain == 1 || !map->shifts)
        return map;
    struct bnf_normal *out = bnf_map_like(c, map, map->rank, map->dims);
    for (size_t i = 0; out && i < out->count; i++) {
        out->scale[i] = map->scale[i];
        out->shift[i] = map->shift[i] * gain;
        out->size[i] = map->size[i] * gain;
    }
    return out && bnf_normal_settle(out) ? out : NULL;
}

bool bnf_carry_axes_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in)
{
    struct bnf_axes axes = {.gain = 1};
    if (!map)
        return true;
    if (!c->rule->axes(c, &axes))
        return false;
    if (!passes(&axes, map)) {
        if (axes.nonnegative && !bnf_normal_is_nonnegative(map))
            bnf_say(c->p, "a negative scale does not pass %s", c->rule->op_type);
        return false;
    }
    int from[BNF_MAP_RANK];
    for (int i = 0; i < BNF_MAP_RANK; i++)
        from[i] = -1;
    for (int i = 0; i < axes.rank_in && i < BNF_MAP_RANK; i++)
        if (axes.to[i] >= 0)
            from[axes.to[i]] = i;
    if (map->rank >= 0 && map->rank != axes.rank_out)
        return false;
    *in = amplify(c, bnf_move_axes(c, map, axes.rank_in, from), 1 / axes.gain);
    return *in != NULL;
}

bool bnf_carry_axes_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out)
{
    struct bnf_axes axes = {.gain = 1};
    if (!c->rule->axes(c, &axes) || !passes(&axes, in[0]) ||
        (in[0]->rank >= 0 && in[0]->rank != axes.rank_in))
        return false;
    *out = amplify(c, bnf_move_axes(c, in[0], axes.rank_out, axes.to), axes.gain);
    return *out != NULL;
}

/* ---- the operators ---- */

/* Ranks of input and output, and no axis with a place yet. */
static void start(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    axes->rank_in = bnf_crossing_in(c, 0)->rank;
    axes->rank_out = bnf_crossing_out(c)->rank;
    for (int i = 0; i < BNF_MAP_RANK; i++)
        axes->to[i] = -1;
}

bool bnf_carry_transpose_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    size_t count;
    const int64_t *perm = bnf_attr_ints(c->side->graph.nodes[c->node].proto, "perm", &count);
    start(c, axes);
    int rank = axes->rank_in;
    if (rank > BNF_MAP_RANK || axes->rank_out != rank || (perm && rank >= 0 && count != (size_t)rank))
        return false;
    for (int i = 0; i < rank; i++) {
        int64_t from = perm ? perm[i] : rank - 1 - i;
        if (from < 0 || from >= rank || axes->to[from] >= 0)
            return false;
        axes->to[from] = i;
    }
    return true;
}

bool bnf_carry_pool_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    start(c, axes);
    if (axes->rank_in != axes->rank_out)
        return false;
    for (int i = 0; i < 2 && i < axes->rank_in; i++)
        axes->to[i] = i;
    return true;
}

bool bnf_carry_max_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    axes->nonnegative = true;
    return bnf_carry_pool_axes(c, axes);
}

static int64_t entry(const Onnx__NodeProto *proto, const char *name, size_t i, int64_t fallback)
{
    size_t count;
    const int64_t *list = bnf_attr_ints(proto, name, &count);
    return i < count ? list[i] : fallback;
}

/* May a window of a pool reach beyond what it slides over, on spatial axis i of `spatial`? */
static bool reaches_out(
    const Onnx__NodeProto *proto, size_t i, size_t spatial, int64_t extent, int64_t result)
{
    int64_t kernel = entry(proto, "kernel_shape", i, 0), stride = entry(proto, "strides", i, 1);
    int64_t dilation = entry(proto, "dilations", i, 1), before = entry(proto, "pads", i, 0);
    int64_t after = entry(proto, "pads", i + spatial, 0);
    bool same = bnf_attr_is(proto, "auto_pad", "SAME_UPPER") || bnf_attr_is(proto, "auto_pad", "SAME_LOWER");
    if (kernel < 1 || stride < 1 || dilation < 1 || kernel > INT32_MAX || stride > INT32_MAX ||
        dilation > INT32_MAX || extent > INT32_MAX || result > INT32_MAX)
        return true;
    int64_t window = (kernel - 1) * dilation + 1;
    if (same)
        return extent < 1 || ((extent + stride - 1) / stride - 1) * stride + window > extent;
    if (bnf_attr_is(proto, "auto_pad", "VALID"))
        before = after = 0;
    if (before == 0 && after == 0 && (bnf_attr_int(proto, "ceil_mode", 0) == 0 || stride == 1))
        return false;
    return before > 0 || extent < 1 || result < 1 || (result - 1) * stride - before + window > extent;
}

/* Zeros that are counted dilute a shift. */
bool bnf_carry_average_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    const Onnx__NodeProto *proto = c->side->graph.nodes[c->node].proto;
    const struct bnf_shape *x = bnf_crossing_in(c, 0), *y = bnf_crossing_out(c);
    size_t spatial;
    if (bnf_attr_ints(proto, "kernel_shape", &spatial) && bnf_attr_int(proto, "count_include_pad", 0) != 0)
        for (size_t i = 0; i < spatial; i++) {
            int64_t extent = x->rank == (int)spatial + 2 ? x->dims[i + 2] : -1;
            int64_t result = y->rank == (int)spatial + 2 ? y->dims[i + 2] : -1;
            axes->only_scale |= reaches_out(proto, i, spatial, extent, result);
        }
    return bnf_carry_pool_axes(c, axes);
}

/* Which axes are reduced. False: nobody knows. */
static bool reduced_axes(const struct bnf_crossing *c, int rank, bool reduced[BNF_MAP_RANK])
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    bool by_input = bnf_node_opset(g, c->node) >= (strcmp(proto->op_type, "ReduceSum") == 0 ? 13 : 18);
    size_t count = 0;
    const int64_t *list = NULL;
    if (!by_input) {
        list = bnf_attr_ints(proto, "axes", &count);
    } else if (bnf_node_input(g, c->node, 1) != BNF_NONE) {
        list = bnf_crossing_ints(c, 1, &count);
        if (!list)
            return false;
    }
    bool all = count == 0 && !(by_input && bnf_attr_int(proto, "noop_with_empty_axes", 0) != 0);
    for (int i = 0; i < rank; i++)
        reduced[i] = all;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = list[i] < 0 ? list[i] + rank : list[i];
        if (axis < 0 || axis >= rank)
            return false;
        reduced[axis] = true;
    }
    return true;
}

bool bnf_carry_reduce_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    const Onnx__NodeProto *proto = c->side->graph.nodes[c->node].proto;
    const struct bnf_shape *x = bnf_crossing_in(c, 0);
    bool reduced[BNF_MAP_RANK], keeps = bnf_attr_int(proto, "keepdims", 1) != 0;
    bool sums = strcmp(proto->op_type, "ReduceSum") == 0;
    start(c, axes);
    axes->nonnegative = strcmp(proto->op_type, "ReduceMax") == 0 || strcmp(proto->op_type, "ReduceMin") == 0;
    if (x->rank < 0 || x->rank > BNF_MAP_RANK || !reduced_axes(c, x->rank, reduced)) {
        axes->only_scale = sums;
        return true; /* what is the same everywhere passes all the same */
    }
    int next = 0;
    for (int i = 0; i < x->rank; i++) {
        axes->to[i] = reduced[i] ? -1 : next;
        next += !reduced[i] || keeps;
        if (!sums || !reduced[i])
            continue;
        axes->only_scale |= x->dims[i] <= 0;
        axes->gain *= x->dims[i] > 0 ? (double)x->dims[i] : 1;
    }
    return axes->rank_out == next;
}

/* Expand and Tile: an axis that is repeated holds equal elements. */
bool bnf_carry_repeat_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    const struct bnf_shape *x = bnf_crossing_in(c, 0), *y = bnf_crossing_out(c);
    start(c, axes);
    if (x->rank < 0 || y->rank < 0)
        return true;
    if (x->rank > y->rank || y->rank > BNF_MAP_RANK)
        return false;
    for (int i = 0; i < x->rank; i++) {
        int to = i + y->rank - x->rank;
        axes->to[i] = bnf_same_extent(x->dims[i], y->dims[to]) ? to : -1;
    }
    return true;
}

/* ---- resizing ---- */

/* Marks the axes that a constant list of scales or sizes leaves alone; `of` names the axes of its entries. */
static void keep_unscaled(
    const struct bnf_crossing *c, uint32_t slot, const int64_t *of, size_t count, struct bnf_axes *axes)
{
    const struct bnf_tensor *t =
        bnf_side_constant(c->p, c->side, bnf_node_input(&c->side->graph, c->node, slot));
    if (!t || t->count != count || !bnf_dtype_is_number(t->dtype))
        return;
    const struct bnf_shape *x = bnf_crossing_in(c, 0);
    bool sizes = bnf_dtype_is_integer(t->dtype);
    for (size_t i = 0; i < count; i++) {
        int64_t axis = of ? of[i] : (int64_t)i;
        axis += axis < 0 ? axes->rank_in : 0;
        if (axis < 0 || axis >= axes->rank_in)
            return;
        double wanted = sizes ? (double)x->dims[axis] : 1;
        axes->to[axis] = wanted > 0 && bnf_tensor_at(t, i) == wanted ? (int)axis : -1;
    }
}

static bool resize_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    size_t listed;
    const int64_t *of = bnf_attr_ints(proto, "axes", &listed);
    size_t count = of ? listed : (size_t)axes->rank_in;
    bool scales = bnf_node_input(g, c->node, 2) != BNF_NONE, kept = true;
    if (scales) {
        const struct bnf_tensor *t = bnf_side_constant(c->p, c->side, bnf_node_input(g, c->node, 2));
        scales = !t || t->count > 0; /* an empty list is the older way to leave it out */
    }
    if (bnf_node_opset(g, c->node) < 11) {
        keep_unscaled(c, 1, NULL, (size_t)axes->rank_in, axes);
        return true;
    }
    if (bnf_attr_is(proto, "coordinate_transformation_mode", "tf_crop_and_resize"))
        return false;
    /* Half a step too far even where nothing is resized. */
    kept = !bnf_attr_is(proto, "coordinate_transformation_mode", "tf_half_pixel_for_nn");
    if (!scales && bnf_attr_find(proto, "keep_aspect_ratio_policy"))
        kept &= bnf_attr_is(proto, "keep_aspect_ratio_policy", "stretch");
    for (int i = 0; of && i < axes->rank_in; i++)
        axes->to[i] = i;
    for (size_t i = 0; of && i < count; i++) {
        int64_t axis = of[i] + (of[i] < 0 ? axes->rank_in : 0);
        if (axis < 0 || axis >= axes->rank_in)
            return false;
        axes->to[axis] = -1;
    }
    if (kept)
        keep_unscaled(c, scales ? 2 : 3, of, count, axes);
    return true;
}

bool bnf_carry_resize_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    const struct bnf_graph *g = &c->side->graph;
    const Onnx__NodeProto *proto = g->nodes[c->node].proto;
    start(c, axes);
    if (axes->rank_in < 0 || axes->rank_in > BNF_MAP_RANK || axes->rank_out != axes->rank_in)
        return false;
    if (strcmp(proto->op_type, "Resize") == 0)
        return resize_axes(c, axes);
    if (bnf_node_opset(g, c->node) >= 9) {
        keep_unscaled(c, 1, NULL, (size_t)axes->rank_in, axes);
        return true;
    }
    const Onnx__AttributeProto *scales = bnf_attr_find(proto, "scales");
    if (!scales || scales->n_floats != (size_t)axes->rank_in)
        return false;
    for (int i = 0; i < axes->rank_in; i++)
        axes->to[i] = scales->floats[i] == 1 ? i : -1;
    return true;
}

bool bnf_carry_rectifier_axes(const struct bnf_crossing *c, struct bnf_axes *axes)
{
    start(c, axes);
    axes->only_scale = axes->nonnegative = true;
    if (axes->rank_in != axes->rank_out)
        return false;
    for (int i = 0; i < axes->rank_in && i < BNF_MAP_RANK; i++)
        axes->to[i] = i;
    return true;
}
