/* Affine maps: which nodes are one, and how they chain. */
#include "check/prover.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

double bnf_scale_at(const struct bnf_normal *map, size_t channel)
{
    return map ? map->scale[map->axis < 0 ? 0 : channel] : 1;
}

double bnf_shift_at(const struct bnf_normal *map, size_t channel)
{
    return map ? map->shift[map->axis < 0 ? 0 : channel] : 0;
}

double bnf_size_at(const struct bnf_normal *map, size_t channel)
{
    return map ? map->size[map->axis < 0 ? 0 : channel] : 0;
}

static bool allocate(
    struct bnf_prover *p, struct bnf_arena *arena, struct bnf_normal *map, int axis, size_t channels)
{
    *map = (struct bnf_normal){.axis = channels == 1 ? -1 : axis, .channels = channels};
    map->scale = bnf_arena_alloc(arena, channels, sizeof(double));
    map->shift = bnf_arena_alloc(arena, channels, sizeof(double));
    map->size = bnf_arena_alloc(arena, channels, sizeof(double));
    if (!map->scale || !map->shift || !map->size) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    return true;
}

/* False when a number is not finite: then it is no map that anything could be proved with. */
static bool settle(struct bnf_normal *map)
{
    map->shifts = false;
    for (size_t c = 0; c < map->channels; c++) {
        if (!isfinite(map->scale[c]) || !isfinite(map->shift[c]) || !isfinite(map->size[c]))
            return false;
        map->shifts |= map->shift[c] != 0 || map->size[c] != 0;
    }
    return true;
}

bool bnf_normal_compose(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *outer,
    const struct bnf_normal *inner, const struct bnf_normal **out)
{
    if (!outer || !inner) {
        *out = outer ? outer : inner;
        return true;
    }
    if (outer->axis >= 0 && inner->axis >= 0 &&
        (outer->axis != inner->axis || outer->channels != inner->channels))
        return false;
    const struct bnf_normal *wide = outer->axis >= 0 ? outer : inner;
    struct bnf_normal *map = bnf_arena_alloc(arena, 1, sizeof *map);
    if (!map) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    if (!allocate(p, arena, map, wide->axis, wide->channels))
        return false;
    for (size_t c = 0; c < map->channels; c++) {
        double scale = bnf_scale_at(outer, c);
        map->scale[c] = scale * bnf_scale_at(inner, c);
        map->shift[c] = scale * bnf_shift_at(inner, c) + bnf_shift_at(outer, c);
        map->size[c] = fabs(scale) * bnf_size_at(inner, c) + bnf_size_at(outer, c);
    }
    map->scale_tensors = outer->scale_tensors + inner->scale_tensors;
    map->shift_tensors =
        outer->shift_tensors + (inner->shifts ? outer->scale_tensors + inner->shift_tensors : 0);
    *out = map;
    return settle(map);
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

static bool norm_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    const struct bnf_shape *shape = &g->values[bnf_node_input(g, node, 0)].shape;
    const struct bnf_tensor *t[4]; /* gamma, beta, mean, var */
    bool infers = bnf_is_inference_norm(g, node) || is_assumed_inference(p, g, node);
    if (!infers || !bnf_dtype_is_float(shape->dtype) || shape->rank < 2 ||
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
        !allocate(p, &p->arena, map, 1, channels))
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
    return settle(map);
}

/* ---- arithmetic with a constant ---- */

/* Where a constant's elements lie on a value, when that is one axis: *axis, or -1 for a single element. */
static bool constant_axis(const struct bnf_graph *g, bnf_id node, const struct bnf_tensor *c,
    const struct bnf_shape *x, uint32_t constant_slot, int *axis)
{
    int rank = (int)c->rank, offset = x->rank - rank;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    *axis = -1;
    if (c->count == 1 && rank == 0)
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
    for (int i = 0; i < rank; i++) {
        if (c->dims[i] == 1)
            continue;
        if (*axis >= 0 || x->dims[i + offset] != c->dims[i])
            return false;
        *axis = i + offset;
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
        int axis;
        if (!c || c->count == 0 || !bnf_dtype_is_float(x->dtype) || c->dtype != x->dtype ||
            !constant_axis(g, node, c, x, slot, &axis) || !allocate(p, &p->arena, &step->map, axis, c->count))
            return false;
        for (size_t i = 0; i < c->count; i++) {
            arithmetic_channel(op, slot == 0, bnf_tensor_at(c, i), &step->map.scale[i], &step->map.shift[i]);
            step->map.size[i] = fabs(step->map.shift[i]);
        }
        step->map.scale_tensors = op == MUL || op == DIV;
        step->map.shift_tensors = op == ADD || op == SUB;
        step->input = input;
        return settle(&step->map);
    }
    return false;
}

/* ---- other nodes that are maps ---- */

static bool neg_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    if (!bnf_dtype_is_float(side->graph.values[bnf_node_input(&side->graph, node, 0)].shape.dtype) ||
        !allocate(p, &p->arena, map, -1, 1))
        return false;
    map->scale[0] = -1;
    return true;
}

/* A depthwise convolution whose window is one element. */
static bool pointwise_map(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_normal *map)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id bias = bnf_node_input(g, node, 2);
    const struct bnf_tensor *w = bnf_side_constant(p, side, bnf_node_input(g, node, 1)), *b = NULL;
    if (!w || !bnf_dtype_is_float(w->dtype) || w->rank < 3 || w->count == 0 ||
        (int64_t)w->count != w->dims[0] || bnf_attr_int(g->nodes[node].proto, "group", 1) != w->dims[0] ||
        !bnf_geometry_is_pointwise(g, node, w) ||
        side->graph.values[bnf_node_input(g, node, 0)].shape.dtype != w->dtype)
        return false;
    if (bias != BNF_NONE) {
        b = bnf_side_constant(p, side, bias);
        if (!b || b->dtype != w->dtype || b->rank != 1 || b->count != w->count)
            return false;
    }
    if (!allocate(p, &p->arena, map, 1, w->count))
        return false;
    for (size_t c = 0; c < w->count; c++) {
        map->scale[c] = bnf_tensor_at(w, c);
        map->shift[c] = b ? bnf_tensor_at(b, c) : 0;
        map->size[c] = fabs(map->shift[c]);
    }
    map->scale_tensors = 1;
    map->shift_tensors = b != NULL;
    return settle(map);
}

static void find_step(struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_step *step)
{
    static const char *const names[] = {[ADD] = "Add", [SUB] = "Sub", [MUL] = "Mul", [DIV] = "Div"};
    const struct bnf_graph *g = &side->graph;
    bnf_id input = bnf_node_input(g, node, 0);
    bool found = false;
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
    step->broken = !found && step->map.channels > 0; /* all was well but the numbers */
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

void bnf_chain_start(struct bnf_chain *chain, struct bnf_side *side, bnf_id value)
{
    chain->side = side;
    chain->count = 1;
    chain->ended = false;
    chain->links[0].value = bnf_canon(side, value);
    chain->links[0].map = NULL;
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

bool bnf_normal_part(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    const struct bnf_normal **scale, const struct bnf_normal **shift)
{
    *scale = *shift = NULL;
    if (!map)
        return true;
    for (size_t c = 1; c < map->channels; c++)
        if (map->scale[c] != map->scale[0])
            return false;
    struct bnf_normal *uniform = bnf_arena_alloc(arena, 1, sizeof *uniform);
    struct bnf_normal *rest = bnf_arena_alloc(arena, 1, sizeof *rest);
    if (!uniform || !rest) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    if (!allocate(p, arena, uniform, -1, 1) || !allocate(p, arena, rest, map->axis, map->channels))
        return false;
    uniform->scale[0] = map->scale[0];
    uniform->scale_tensors = map->scale_tensors;
    for (size_t c = 0; c < map->channels; c++) {
        rest->scale[c] = 1;
        rest->shift[c] = map->shift[c];
        rest->size[c] = map->size[c];
    }
    rest->shifts = map->shifts;
    rest->shift_tensors = map->shift_tensors;
    *scale = uniform;
    *shift = rest;
    return true;
}

/* ---- comparing ---- */

enum bnf_outcome bnf_normal_compare(struct bnf_prover *p, const struct bnf_normal *ref,
    const struct bnf_normal *new, int dtype, struct bnf_tally *tally)
{
    if (!ref && !new)
        return BNF_EQUAL;
    if (!bnf_dtype_is_float(dtype)) {
        bnf_say(p, "the element type of the affine is not known");
        return BNF_UNKNOWN;
    }
    size_t channels = ref && ref->axis >= 0 ? ref->channels : new &&new->axis >= 0 ? new->channels : 1;
    if (ref && new && ref->axis >= 0 && new->axis >= 0 &&
        (ref->axis != new->axis || ref->channels != new->channels)) {
        bnf_say(p, "the affine lies on axis %d with %zu channels, but on axis %d with %zu in the reference",
            new->axis, new->channels, ref->axis, ref->channels);
        return BNF_DIFFERENT;
    }
    unsigned scale_tensors = new ? new->scale_tensors : 0, shift_tensors = new ? new->shift_tensors : 0;
    double worst = 0;
    size_t where = 0;
    bool shift = false, fits = true;
    for (size_t c = 0; c < channels; c++) {
        double s = bnf_scale_at(ref, c), t = bnf_shift_at(ref, c);
        double ks = bnf_error_in_u(dtype, s, bnf_scale_at(new, c), s, 1);
        double kt = bnf_error_in_u(dtype, t, bnf_shift_at(new, c), bnf_size_at(ref, c), 1);
        fits &=
            bnf_accept(p, dtype, scale_tensors, ks, tally) && bnf_accept(p, dtype, shift_tensors, kt, tally);
        if (fmax(ks, kt) > worst) {
            worst = fmax(ks, kt);
            where = c;
            shift = kt > ks;
        }
    }
    tally->changed |= worst > 0;
    if (!fits) {
        p->said_u = worst;
        bnf_say(p, "the affine's %s on channel %zu is %.9g instead of %.9g: %.3g u off, allowed are %.4g",
            shift ? "shift" : "scale", where, shift ? bnf_shift_at(new, where) : bnf_scale_at(new, where),
            shift ? bnf_shift_at(ref, where) : bnf_scale_at(ref, where), worst,
            bnf_limit(p, dtype, shift ? shift_tensors : scale_tensors));
    }
    return fits ? BNF_EQUAL : BNF_DIFFERENT;
}
