/* How far into its inputs a cone looks: along an axis that is shorter than the longest window, or than the largest
 * position that is cut or gathered at, operators do something else than along a long one. What is seen by probing
 * there would say nothing about other extents. */
#include "check/probe_cone.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

/* Numbers from here on mean "to the end" and "from the beginning". */
#define ENDLESS 16777216.0
#define FURTHEST 1e9

/* Per axis of a value: how many elements it must have at least. */
struct far {
    double of[bnf_most_rank];
};

struct walk {
    struct bnf_prover *p;
    const struct bnf_cone *cone;
    const struct bnf_graph *g;
    struct far *far; /* per value */
};

static int rank_of(const struct walk *w, bnf_id value)
{
    return value == BNF_NONE ? -1 : w->g->values[value].shape.rank;
}

static void raise(double *far, double to)
{
    to = to < FURTHEST ? to : FURTHEST;
    *far = *far > to ? *far : to;
}

/* Element i of a list that is an attribute or an input, as its absolute value; 0: there is none. *count gets how many
 * there are. */
static double list_at(const struct walk *w, bnf_id node, const char *name, uint32_t slot, size_t i, size_t *count)
{
    const int64_t *ints = bnf_attr_ints(w->g->nodes[node].proto, name, count);
    bnf_id value = slot ? bnf_node_input(w->g, node, slot) : BNF_NONE;
    double number = 0;
    if (ints) {
        number = i < *count ? (double)ints[i] : 0;
    } else {
        const struct bnf_tensor *t = value == BNF_NONE ? NULL : bnf_side_constant(w->p, w->cone->side, value);
        *count = t && bnf_dtype_is_number(t->dtype) ? t->count : 0;
        number = i < *count ? bnf_tensor_at(t, i) : 0;
    }
    return fabs(number) < ENDLESS ? number : 0;
}

static double largest(const struct walk *w, bnf_id node, const char *name, uint32_t slot)
{
    double most = 0;
    size_t count = 1;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(list_at(w, node, name, slot, i, &count)));
    return most;
}

static bool is_one_of(const struct bnf_graph *g, bnf_id node, const char *const *types)
{
    while (*types && !bnf_node_is(g, node, *types))
        types++;
    return *types != NULL;
}

/* Operators that leave every axis where it is, counted from the last one. */
static bool keeps_axes(const struct walk *w, bnf_id node)
{
    static const char *const types[] = {"Add", "AveragePool", "BatchNormalization", "Cast", "Concat", "Conv",
        "ConvTranspose", "Div", "Dropout", "GlobalAveragePool", "Identity", "Mean", "Mul", "Neg", "Pad", "Resize", "Slice",
        "Split", "Sub", "Sum", "Upsample", NULL};
    bnf_id index = bnf_node_input(w->g, node, 1);
    return is_one_of(w->g, node, types) || (bnf_node_is(w->g, node, "Gather") && rank_of(w, index) == 1);
}

/* Of what other operators make of an axis, only by how much they may shorten it counts. */
static double shrinks(const struct walk *w, bnf_id node)
{
    const Onnx__NodeProto *proto = w->g->nodes[node].proto;
    double factor = 1;
    size_t count = 1;
    if (bnf_node_is(w->g, node, "SpaceToDepth"))
        return fmax(1, (double)bnf_attr_int(proto, "blocksize", 1));
    if (bnf_node_is(w->g, node, "Reshape")) {
        for (size_t i = 0; i < count; i++)
            factor = fmin(factor * fmax(1, list_at(w, node, "shape", 1, i, &count)), FURTHEST);
        bnf_id x = bnf_node_input(w->g, node, 0);
        for (int i = 0; i < rank_of(w, x); i++)
            factor /= fmax(1, (double)w->g->values[x].shape.dims[i]);
    }
    if (bnf_node_is(w->g, node, "Resize") || bnf_node_is(w->g, node, "Upsample"))
        for (uint32_t slot = 1; slot < 3; slot++) {
            count = 1;
            for (size_t i = 0; i < count; i++) {
                double scale = list_at(w, node, "", slot, i, &count);
                factor = scale > 0 ? fmax(factor, 1 / scale) : factor;
            }
        }
    return fmax(1, ceil(factor));
}

/* What a window adds on the axis it slides over as number `i`. */
static double reach_of_window(const struct walk *w, bnf_id node, size_t i, double out)
{
    const struct bnf_graph *g = w->g;
    size_t count;
    bool pool = bnf_node_is(g, node, "AveragePool"), scatters = bnf_node_is(g, node, "ConvTranspose");
    bnf_id weight = pool ? BNF_NONE : bnf_node_input(g, node, 1);
    double window = rank_of(w, weight) > (int)i + 2 ? (double)g->values[weight].shape.dims[i + 2]
                                                    : list_at(w, node, "kernel_shape", 0, i, &count);
    double stride = scatters ? 1 : fmax(1, list_at(w, node, "strides", 0, i, &count));
    return out * stride + fmax(0, window - 1) * fmax(1, list_at(w, node, "dilations", 0, i, &count));
}

/* What a Slice or a Pad cuts off one axis. Its lists are for all axes unless it has a list of these (input `slot`). */
static double reach_of_list(const struct walk *w, bnf_id node, int axis, int rank, uint32_t slot, double out)
{
    const bool pad = bnf_node_is(w->g, node, "Pad");
    size_t axes = 0, count;
    list_at(w, node, "axes", slot, 0, &axes);
    for (size_t i = 0; i < (axes ? axes : (size_t)rank); i++) {
        double of = axes ? list_at(w, node, "axes", slot, i, &count) : (double)i;
        if ((int)of != axis && (int)of + rank != axis)
            continue;
        if (pad)
            out += fabs(list_at(w, node, "pads", 1, i, &count)) +
                   fabs(list_at(w, node, "pads", 1, i + (axes ? axes : (size_t)rank), &count));
        else
            out = out * fmax(1, fabs(list_at(w, node, "steps", 4, i, &count))) +
                  fmax(fabs(list_at(w, node, "starts", 1, i, &count)), fabs(list_at(w, node, "ends", 2, i, &count)));
    }
    return out;
}

/* What windows, cuts and positions add on axis `axis` of a node that keeps the axes. */
static double reach_through(const struct walk *w, bnf_id node, int axis, int rank, double out)
{
    static const char *const windows[] = {"AveragePool", "Conv", "ConvTranspose", NULL};
    const struct bnf_graph *g = w->g;
    if (axis >= 2 && is_one_of(g, node, windows))
        return reach_of_window(w, node, (size_t)axis - 2, out);
    if (bnf_node_is(g, node, "Slice"))
        return reach_of_list(w, node, axis, rank, 3, out);
    if (bnf_node_is(g, node, "Pad"))
        return reach_of_list(w, node, axis, rank, 3, out);
    if (bnf_node_is(g, node, "Resize") || bnf_node_is(g, node, "Upsample"))
        return out * shrinks(w, node);
    int64_t own = bnf_attr_int(g->nodes[node].proto, "axis", 0);
    if (bnf_node_is(g, node, "Split") && (own == axis || own + rank == axis))
        return (out + largest(w, node, "split", 1)) * fmax(1, (double)g->nodes[node].output_count);
    return out;
}

/* From what is asked of a node's outputs to what that asks of one input. */
static void step_back(const struct walk *w, bnf_id node, const struct far *out, int rank_out, bnf_id input)
{
    const struct bnf_graph *g = w->g;
    struct far *far = &w->far[input];
    int rank = rank_of(w, input);
    size_t count = 0;
    double most = 0;
    for (int i = 0; i < bnf_most_rank; i++)
        most = fmax(most, out->of[i]);
    bool kept = rank >= 0 && rank <= bnf_most_rank && rank_out >= rank && rank_out <= bnf_most_rank;
    bool turned = kept && bnf_node_is(g, node, "Transpose") && rank_out == rank;
    if (turned) {
        const int64_t *perm = bnf_attr_ints(g->nodes[node].proto, "perm", &count);
        for (int i = 0; i < rank; i++) {
            int64_t from = perm && count == (size_t)rank ? perm[i] : rank - 1 - i;
            if (from >= 0 && from < rank)
                raise(&far->of[from], out->of[i]);
        }
        return;
    }
    if (bnf_node_is(g, node, "Gather")) {
        int64_t axis = bnf_attr_int(g->nodes[node].proto, "axis", 0);
        axis += axis < 0 ? rank : 0;
        for (int i = 0; i < bnf_most_rank; i++)
            if (i == axis || rank < 0)
                raise(&far->of[i], largest(w, node, "", 1) + 1);
    }
    kept = kept && keeps_axes(w, node);
    for (int i = 0; i < bnf_most_rank; i++)
        if (!kept)
            raise(&far->of[i], most * shrinks(w, node));
        else if (i < rank)
            raise(&far->of[i], reach_through(w, node, i, rank, out->of[i + rank_out - rank]));
}

bool bnf_cone_reach(struct bnf_prover *p, const struct bnf_cone *cone, struct bnf_reach *reach)
{
    struct walk w = {.p = p, .cone = cone, .g = &cone->side->graph};
    w.far = bnf_alloc(w.g->value_count + 1, sizeof *w.far);
    if (!w.far) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    for (size_t i = cone->count; i-- > 0;) {
        const bnf_id node = cone->nodes[i];
        bool rough = false;
        enum bnf_role roles[bnf_most_slots];
        struct far out = {0};
        bnf_affine_roles(p, cone->side, node, roles, &rough);
        for (uint32_t slot = 0; slot < w.g->nodes[node].output_count; slot++) {
            bnf_id value = bnf_node_output(w.g, node, slot);
            for (int axis = 0; value != BNF_NONE && axis < bnf_most_rank; axis++)
                raise(&out.of[axis], w.far[value].of[axis]);
        }
        for (uint32_t slot = 0; slot < w.g->nodes[node].input_count; slot++)
            if (roles[slot] == BNF_ROLE_COMPUTED)
                step_back(&w, node, &out, rank_of(&w, bnf_node_output(w.g, node, 0)), bnf_node_input(w.g, node, slot));
    }
    for (size_t k = 0; k < cone->leaf_count; k++)
        for (int axis = 0; axis < bnf_most_rank; axis++)
            reach[k].of[axis] = (int64_t)w.far[cone->leaves[k]].of[axis];
    bnf_free(w.far);
    return !p->status;
}
