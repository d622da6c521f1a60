/* Affine maps: which nodes are one, and how they chain. */
#include "check/prover.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

/* A map of `channels` elements on axis 1 of a value. */
static bool on_channels(
    struct bnf_prover *p, struct bnf_arena *arena, int rank, size_t channels, struct bnf_normal *map)
{
    int64_t dims[BNF_MAP_RANK];
    if (channels > 1 && (rank < 2 || rank > BNF_MAP_RANK))
        return false;
    for (int i = 0; i < BNF_MAP_RANK; i++)
        dims[i] = 1;
    dims[1] = (int64_t)channels;
    return bnf_normal_make(p, arena, channels == 1 ? -1 : rank, dims, map);
}

/* ---- BatchNormalization ---- */

static size_t written_outputs(const struct bnf_graph *g, bnf_id node)
{
    size_t count = 0;
    for (uint32_t i = 0; i < g->nodes[node].output_count; i++)
        count += bnf_node_output(g, node, i) != BNF_NONE;
    return count;
}

bool bnf_is_inference_norm(const struct bnf_graph *g, bnf_id node)
{
    int64_t opset = bnf_node_opset(g, node);
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    if (!bnf_node_is(g, node, "BatchNormalization") || opset < 1 || written_outputs(g, node) != 1 ||
        bnf_node_output(g, node, 0) == BNF_NONE)
        return false;
    if (opset >= 14)
        return bnf_attr_int(proto, "training_mode", 0) == 0;
    return opset >= 7 || bnf_attr_int(proto, "is_test", 0) != 0;
}

/* The caller vouches that training mode was not meant: the same holds for both models. Never where a further output is
 * read. */
static bool is_assumed_inference(const struct bnf_prover *p, const struct bnf_graph *g, bnf_id node)
{
    if (!p->options.assume_inference || !bnf_node_is(g, node, "BatchNormalization") ||
        bnf_node_output(g, node, 0) == BNF_NONE)
        return false;
    for (uint32_t slot = 1; slot < g->nodes[node].output_count; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        if (value != BNF_NONE && (g->values[value].use_count || g->values[value].output_uses))
            return false;
    }
    p->proof->assumed_inference = true;
    return true;
}

/* An attribute that is there, but of a type that would make it read as absent. */
static bool is_mistyped(
    const Onnx__NodeProto *proto, const char *name, Onnx__AttributeProto__AttributeType type)
{
    const Onnx__AttributeProto *a = bnf_attr_find(proto, name);
    return a && (bnf_attr_type(a) != type || (a->ref_attr_name && *a->ref_attr_name));
}

/* The element type of a node's data: where that of the input is not known (in a function), the result has the same. */
static int type_of(const struct bnf_graph *g, bnf_id node, const struct bnf_shape *input)
{
    return input->dtype ? input->dtype : g->values[bnf_node_output(g, node, 0)].shape.dtype;
}

static bool norm_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    const struct bnf_shape *shape = &g->values[bnf_node_input(g, node, 0)].shape;
    const struct bnf_tensor *t[4]; /* gamma, beta, mean, var */
    bool infers = bnf_is_inference_norm(g, node) || is_assumed_inference(p, g, node);
    if (!infers || !bnf_dtype_is_float(type_of(g, node, shape)) || shape->rank < 2 ||
        is_mistyped(proto, "epsilon", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT) ||
        is_mistyped(proto, "training_mode", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT) ||
        is_mistyped(proto, "spatial", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT))
        return false;
    if (bnf_node_opset(g, node) < 9 && !bnf_attr_int(proto, "spatial", 1) && shape->rank != 2)
        return false;
    for (uint32_t i = 0; i < 4; i++) {
        t[i] = bnf_side_constant(p, side, bnf_node_input(g, node, i + 1));
        if (!t[i] || !bnf_dtype_is_float(t[i]->dtype) || t[i]->rank != 1 || t[i]->count != t[0]->count)
            return false;
    }
    size_t channels = t[0]->count;
    if (channels == 0 || (shape->dims[1] >= 0 && (uint64_t)shape->dims[1] != channels) ||
        !on_channels(p, &p->arena, shape->rank, channels, map))
        return false;
    double epsilon = (double)bnf_attr_float(proto, "epsilon", 1e-5f);
    for (size_t c = 0; c < channels; c++) {
        double spread = bnf_tensor_at(t[3], c) + epsilon;
        if (!(spread > 0))
            return false;
        double beta = bnf_tensor_at(t[1], c), mean = bnf_tensor_at(t[2], c);
        map->scale[c] = bnf_tensor_at(t[0], c) / sqrt(spread);
        map->shift[c] = beta - mean * map->scale[c];
        map->size[c] = fabs(beta) + fabs(mean * map->scale[c]);
    }
    map->scale_tensors = map->shift_tensors = 1;
    return bnf_normal_settle(map);
}

/* ---- arithmetic with a constant ---- */

/* The extents of a constant along the axes of the value it is combined with: *rank is -1 for a single
 * element. False when it moves or widens the value, or might. */
static bool constant_extents(const struct bnf_graph *g, bnf_id node, const struct bnf_tensor *c,
    const struct bnf_shape *x, uint32_t constant_slot, int *rank, int64_t dims[BNF_MAP_RANK])
{
    int own = (int)c->rank, offset = x->rank - own;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    *rank = -1;
    if (c->count == 1 && own == 0)
        return true; /* whatever x is, a scalar neither moves nor widens it */
    if (x->rank < 0 || offset < 0)
        return false;
    if (bnf_node_opset(g, node) < 7) {
        bool broadcast = bnf_attr_int(proto, "broadcast", 0) != 0;
        if (broadcast && bnf_attr_find(proto, "axis")) {
            int64_t first = bnf_attr_int(proto, "axis", -1);
            if (first < 0 || first > offset)
                return false;
            offset = (int)first;
        }
        if (broadcast ? constant_slot != 1 : offset != 0)
            return false;
    }
    if (c->count == 1)
        return true;
    if (x->rank > BNF_MAP_RANK)
        return false;
    *rank = x->rank;
    for (int i = 0; i < x->rank; i++)
        dims[i] = 1;
    for (int i = 0; i < own; i++) {
        if (c->dims[i] != 1 && x->dims[i + offset] != c->dims[i])
            return false;
        dims[i + offset] = c->dims[i];
    }
    return true;
}

enum arithmetic { ADD, SUB, MUL, DIV };

static void arithmetic_channel(
    enum arithmetic op, bool constant_first, double c, double *scale, double *shift)
{
    *scale = op == MUL ? c : op == DIV ? 1 / c : op == SUB && constant_first ? -1 : 1;
    *shift = op == ADD ? c : op == SUB ? (constant_first ? c : -c) : 0;
}

static bool arithmetic_map(
    struct bnf_prover *p, struct bnf_side *side, bnf_id node, enum arithmetic op, struct bnf_step *step)
{
    const struct bnf_graph *g = &side->graph;
    for (uint32_t slot = 0; slot < 2; slot++) { /* slot of the constant */
        bnf_id input = bnf_node_input(g, node, 1 - slot), constant = bnf_node_input(g, node, slot);
        if (input == BNF_NONE || constant == BNF_NONE || !bnf_is_constant(&side->constants, constant) ||
            bnf_is_constant(&side->constants, input) || (op == DIV && slot == 0))
            continue;
        const struct bnf_shape *x = &g->values[input].shape;
        const struct bnf_tensor *c = bnf_side_constant(p, side, constant);
        int rank;
        int64_t dims[BNF_MAP_RANK];
        if (!c || c->count == 0 || !bnf_dtype_is_float(c->dtype) || c->dtype != type_of(g, node, x) ||
            !constant_extents(g, node, c, x, slot, &rank, dims) ||
            !bnf_normal_make(p, &p->arena, rank, dims, &step->map))
            return false;
        for (size_t i = 0; i < c->count; i++) {
            arithmetic_channel(op, slot == 0, bnf_tensor_at(c, i), &step->map.scale[i], &step->map.shift[i]);
            step->map.size[i] = fabs(step->map.shift[i]);
        }
        step->map.scale_tensors = op == MUL || op == DIV;
        step->map.shift_tensors = op == ADD || op == SUB;
        step->input = input;
        return bnf_normal_settle(&step->map);
    }
    return false;
}

/* ---- other nodes that are maps ---- */

static bool neg_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    if (!bnf_dtype_is_float(side->graph.values[bnf_node_input(&side->graph, node, 0)].shape.dtype) ||
        !bnf_normal_make(p, &p->arena, -1, NULL, map))
        return false;
    map->scale[0] = -1;
    return true;
}

/* A depthwise convolution whose window is one element. */
static bool pointwise_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id bias = bnf_node_input(g, node, 2);
    char text[200];
    const struct bnf_tensor *w = bnf_side_constant(p, side, bnf_node_input(g, node, 1)), *b = NULL;
    if (!w || !bnf_dtype_is_float(w->dtype) || w->rank < 3 || w->count == 0 ||
        (int64_t)w->count != w->dims[0] || bnf_attr_int(g->nodes[node].proto, "group", 1) != w->dims[0] ||
        !bnf_geometry_is_pointwise(g, node, w) || bnf_misfits(p, side, node, text, sizeof text) ||
        side->graph.values[bnf_node_input(g, node, 0)].shape.dtype != w->dtype)
        return false;
    if (bias != BNF_NONE) {
        b = bnf_side_constant(p, side, bias);
        if (!b || b->dtype != w->dtype || b->rank != 1 || b->count != w->count)
            return false;
    }
    if (!on_channels(p, &p->arena, (int)w->rank, w->count, map))
        return false;
    for (size_t c = 0; c < w->count; c++) {
        map->scale[c] = bnf_tensor_at(w, c);
        map->shift[c] = b ? bnf_tensor_at(b, c) : 0;
        map->size[c] = fabs(map->shift[c]);
    }
    map->scale_tensors = 1;
    map->shift_tensors = b != NULL;
    return bnf_normal_settle(map);
}

static void find_step(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_step *step)
{
    static const char *const names[] = {[ADD] = "Add", [SUB] = "Sub", [MUL] = "Mul", [DIV] = "Div"};
    const struct bnf_graph *g = &side->graph;
    bnf_id input = bnf_node_input(g, node, 0);
    bool found = false;
    step->input = BNF_NONE;
    if (bnf_attr_any_reference(g->nodes[node].proto))
        return; /* what a caller gives would read as a default */
    step->input = input;
    if (bnf_node_is(g, node, "BatchNormalization"))
        found = input != BNF_NONE && norm_map(p, side, node, &step->map);
    else if (bnf_node_is(g, node, "Neg"))
        found = input != BNF_NONE && neg_map(p, side, node, &step->map);
    else if (bnf_node_is(g, node, "Conv"))
        found = input != BNF_NONE && pointwise_map(p, side, node, &step->map);
    for (enum arithmetic op = ADD; op <= DIV && !found; op++)
        if (bnf_node_is(g, node, names[op]))
            found = arithmetic_map(p, side, node, op, step);
    const struct bnf_normal *tidy = found ? bnf_normal_tidy(p, &p->arena, &step->map) : NULL;
    if (tidy)
        step->map = *tidy;
    /* All was well but the numbers. Masks and the like, which vary along several axes, often hold infinities. */
    step->broken = !found && step->map.count > 0 && bnf_normal_axis(&step->map) > -2;
    if (!found)
        step->input = BNF_NONE;
}

static const struct bnf_step *step_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_value *v = &side->graph.values[value];
    if (v->producer == BNF_NONE || v->output != 0)
        return NULL;
    struct bnf_step *step = side->steps[v->producer];
    if (!step) {
        step = bnf_arena_alloc(&p->arena, 1, sizeof *step);
        if (!step) {
            bnf_prover_fail(p, bnf_fail_memory(p->err));
            return NULL;
        }
        find_step(p, side, v->producer, step);
        side->steps[v->producer] = step;
    }
    return step;
}

const struct bnf_step *bnf_step_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_step *step = step_of(p, side, value);
    return !step || step->input == BNF_NONE ? NULL : step;
}

bool bnf_step_is_broken(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_step *step = step_of(p, side, value);
    return step && step->broken;
}

/* ---- chains ---- */

void bnf_chain_start(
    struct bnf_chain *chain, struct bnf_side *side, bnf_id value, const struct bnf_normal *map)
{
    chain->side = side;
    chain->count = 1;
    chain->ended = false;
    chain->links[0].value = bnf_canon(side, value);
    chain->links[0].map = map;
}

bool bnf_chain_extend(struct bnf_prover *p, struct bnf_chain *chain, struct bnf_arena *arena)
{
    if (chain->ended)
        return false;
    unsigned last = chain->count - 1;
    bnf_id value = chain->links[last].value;
    const struct bnf_step *step =
        bnf_is_constant(&chain->side->constants, value) ? NULL : bnf_step_of(p, chain->side, value);
    const struct bnf_normal *map;
    chain->ended = !step || chain->count == BNF_LONGEST_CHAIN ||
                   !bnf_normal_compose(p, arena, chain->links[last].map, &step->map, &map);
    if (chain->ended)
        return false;
    chain->links[chain->count].value = bnf_canon(chain->side, step->input);
    chain->links[chain->count].map = map;
    chain->count++;
    return true;
}
