/* How a convolution's window slides: strides, dilations, padding, groups. */
#include "check/prover.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <string.h>

#define MOST_SPATIAL 16

enum padding { NOTSET, VALID, SAME_UPPER, SAME_LOWER, STRANGE };

static enum padding padding_of(const Onnx__NodeProto *proto)
{
    if (!bnf_attr_find(proto, "auto_pad") || bnf_attr_is(proto, "auto_pad", "NOTSET"))
        return NOTSET;
    return bnf_attr_is(proto, "auto_pad", "VALID")        ? VALID
           : bnf_attr_is(proto, "auto_pad", "SAME_UPPER") ? SAME_UPPER
           : bnf_attr_is(proto, "auto_pad", "SAME_LOWER") ? SAME_LOWER
                                                          : STRANGE;
}

/* An ints attribute of `count` elements; absent ones are `fallback`. False when it has another length or
 * type. */
static bool read_ints(
    const Onnx__NodeProto *proto, const char *name, size_t count, int64_t fallback, int64_t *out)
{
    size_t found;
    const int64_t *ints = bnf_attr_ints(proto, name, &found);
    if (bnf_attr_find(proto, name) && (!ints || found != count))
        return false;
    for (size_t i = 0; i < count; i++)
        out[i] = ints ? ints[i] : fallback;
    return true;
}

static bool all_are(const int64_t *values, size_t count, int64_t wanted)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != wanted)
            return false;
    return true;
}

static bool none_negative(const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] < 0)
            return false;
    return true;
}

/* The padding a Conv really has, begins first. False when it depends on extents that are not known. */
static bool resolve_pads(
    const struct bnf_graph *g, bnf_id node, const struct bnf_tensor *weight, int64_t *pads)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    size_t spatial = weight->rank - 2;
    int64_t strides[MOST_SPATIAL], dilations[MOST_SPATIAL];
    enum padding mode = padding_of(proto);
    if (mode == NOTSET)
        return read_ints(proto, "pads", 2 * spatial, 0, pads);
    memset(pads, 0, 2 * spatial * sizeof *pads);
    if (mode == VALID)
        return true;
    const struct bnf_shape *x = &g->values[bnf_node_input(g, node, 0)].shape;
    if (mode == STRANGE || !read_ints(proto, "strides", spatial, 1, strides) ||
        !read_ints(proto, "dilations", spatial, 1, dilations))
        return false;
    for (size_t i = 0; i < spatial; i++) {
        if (weight->dims[i + 2] == 1 && strides[i] > 0)
            continue; /* whatever the extent and the stride: (⌈n/s⌉ − 1)·s + 1 ≤ n */
        int64_t extent = x->rank == (int)weight->rank ? x->dims[i + 2] : -1, window;
        if (extent <= 0 || strides[i] <= 0 ||
            __builtin_mul_overflow(dilations[i], weight->dims[i + 2] - 1, &window) || window < 0 ||
            window > INT32_MAX || extent > INT32_MAX || strides[i] > INT32_MAX)
            return false;
        int64_t total = ((extent + strides[i] - 1) / strides[i] - 1) * strides[i] + window + 1 - extent;
        total = total > 0 ? total : 0;
        pads[i] = mode == SAME_LOWER ? (total + 1) / 2 : total / 2;
        pads[i + spatial] = total - pads[i];
    }
    return true;
}

bool bnf_geometry_is_pointwise(const struct bnf_graph *g, bnf_id node, const struct bnf_tensor *weight)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    int64_t values[2 * MOST_SPATIAL];
    size_t spatial = weight->rank - 2;
    if (weight->rank < 3 || spatial > MOST_SPATIAL || !all_are(weight->dims + 2, spatial, 1) ||
        !read_ints(proto, "strides", spatial, 1, values) || !all_are(values, spatial, 1))
        return false;
    /* SAME pads nothing around one element that moves by one. */
    enum padding mode = padding_of(proto);
    return mode == NOTSET
               ? read_ints(proto, "pads", 2 * spatial, 0, values) && all_are(values, 2 * spatial, 0)
               : mode != STRANGE;
}

/* Attributes of another type or length say nothing that could be compared. */
static bool is_readable(const Onnx__NodeProto *proto, size_t spatial)
{
    int64_t values[2 * MOST_SPATIAL];
    return padding_of(proto) != STRANGE && read_ints(proto, "strides", spatial, 1, values) &&
           read_ints(proto, "dilations", spatial, 1, values) && read_ints(proto, "pads", 2 * spatial, 0, values) &&
           read_ints(proto, "output_padding", spatial, 0, values);
}

bool bnf_geometry_read(struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_tensor *w = core->weight;
    const Onnx__NodeProto *proto = side->graph.nodes[core->node].proto;
    bool transpose = core->kind == BNF_CORE_CONV_TRANSPOSE;
    int64_t groups = bnf_attr_int(proto, "group", 1), values[2 * MOST_SPATIAL];
    if (w->rank < 3 || w->rank - 2 > MOST_SPATIAL || groups < 1 || groups > w->dims[0] || w->dims[0] % groups ||
        !is_readable(proto, w->rank - 2))
        return false;
    size_t spatial = w->rank - 2, first = (size_t)w->dims[0], second = (size_t)w->dims[1];
    core->groups = (size_t)groups;
    core->rows = core->row_channels = first;
    core->cols = w->count / first;
    core->inner = core->cols / second;
    core->rows_out = !transpose;
    core->out_channels = transpose ? second * core->groups : first;
    core->in_channels = transpose ? first : second * core->groups;
    core->in_axis = core->out_axis = 1;
    if (!transpose) {
        core->pads_unknown = !resolve_pads(&side->graph, core->node, w, values);
        core->passes_shift = !core->pads_unknown && all_are(values, 2 * spatial, 0);
    } else /* every output sees every input channel once: no overlap, no gap; pads only cut off */
        core->passes_shift =
            all_are(w->dims + 2, spatial, 1) && read_ints(proto, "strides", spatial, 1, values) &&
            all_are(values, spatial, 1) && !bnf_attr_find(proto, "output_shape") &&
            read_ints(proto, "output_padding", spatial, 0, values) && all_are(values, spatial, 0) &&
            padding_of(proto) <= VALID && read_ints(proto, "pads", 2 * spatial, 0, values) &&
            none_negative(values, 2 * spatial);
    return true;
}

static bool same_ints(
    const Onnx__NodeProto *a, const Onnx__NodeProto *b, const char *name, size_t count, int64_t fallback)
{
    int64_t left[2 * MOST_SPATIAL], right[2 * MOST_SPATIAL];
    return read_ints(a, name, count, fallback, left) && read_ints(b, name, count, fallback, right) &&
           memcmp(left, right, count * sizeof *left) == 0;
}

static enum bnf_outcome differ(struct bnf_prover *p, const char *what)
{
    bnf_say(p, "%s differ from the reference's", what);
    return BNF_DIFFERENT;
}

/* output_shape may have an entry for each spatial axis, or for all axes; it is compared as it stands. */
static bool same_as_written(const Onnx__NodeProto *a, const Onnx__NodeProto *b, const char *name)
{
    size_t left, right;
    const int64_t *x = bnf_attr_ints(a, name, &left), *y = bnf_attr_ints(b, name, &right);
    return left == right && bnf_same_bytes(x, y, left * sizeof *x);
}

static enum bnf_outcome compare_pads(
    struct bnf_prover *p, const struct bnf_core core[2], const Onnx__NodeProto *const proto[2])
{
    size_t spatial = core[0].weight->rank - 2;
    enum padding mode[2] = {padding_of(proto[0]), padding_of(proto[1])};
    int64_t pads[2][2 * MOST_SPATIAL];
    if (mode[0] == mode[1] && (mode[0] == SAME_UPPER || mode[0] == SAME_LOWER) && !core[0].unwrapped &&
        !core[1].unwrapped)
        return BNF_EQUAL;
    if (core[0].kind == BNF_CORE_CONV_TRANSPOSE) {
        if (mode[0] == mode[1] && mode[0] != STRANGE && same_ints(proto[0], proto[1], "pads", 2 * spatial, 0))
            return BNF_EQUAL;
        return differ(p, "pads");
    }
    for (int i = 0; i < 2; i++)
        if (!resolve_pads(&p->side[i].graph, core[i].node, core[i].weight, pads[i])) {
            bnf_say(p, "auto_pad differs, and the extents that would tell what it amounts to are not known");
            return BNF_UNKNOWN;
        }
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < 2 * spatial && core[i].unwrapped; k++)
            if (__builtin_add_overflow(pads[i][k], core[i].around[k], &pads[i][k]))
                return differ(p, "pads");
    return memcmp(pads[0], pads[1], 2 * spatial * sizeof(int64_t)) == 0 ? BNF_EQUAL : differ(p, "pads");
}

enum bnf_outcome bnf_geometry_compare(struct bnf_prover *p, const struct bnf_core core[2])
{
    const struct bnf_tensor *a = core[0].weight, *b = core[1].weight;
    const Onnx__NodeProto *proto[2];
    for (int i = 0; i < 2; i++)
        proto[i] = p->side[i].graph.nodes[core[i].node].proto;
    if (core[0].dtype != core[1].dtype) {
        bnf_say(p, "the weights are %s, but %s in the reference", bnf_dtype_name(core[1].dtype),
            bnf_dtype_name(core[0].dtype));
        return BNF_DIFFERENT;
    }
    if (a->rank != b->rank || !bnf_same_bytes(a->dims, b->dims, a->rank * sizeof *a->dims)) {
        char left[128], right[128];
        bnf_say(p, "the weights are %s, but %s in the reference",
            bnf_dims_text(b->dims, b->rank, right, sizeof right),
            bnf_dims_text(a->dims, a->rank, left, sizeof left));
        return BNF_DIFFERENT;
    }
    size_t spatial = a->rank - 2;
    if (core[0].groups != core[1].groups) {
        bnf_say(p, "%zu groups instead of %zu", core[1].groups, core[0].groups);
        return BNF_DIFFERENT;
    }
    if (!same_ints(proto[0], proto[1], "strides", spatial, 1))
        return differ(p, "strides");
    if (!same_ints(proto[0], proto[1], "dilations", spatial, 1))
        return differ(p, "dilations");
    if (core[0].kind == BNF_CORE_CONV_TRANSPOSE &&
        !same_ints(proto[0], proto[1], "output_padding", spatial, 0))
        return differ(p, "output paddings");
    if (core[0].kind == BNF_CORE_CONV_TRANSPOSE && !same_as_written(proto[0], proto[1], "output_shape"))
        return differ(p, "output shapes");
    return compare_pads(p, core, proto);
}
