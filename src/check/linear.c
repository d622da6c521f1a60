/* Operators with weights: what they are, and whether two of them are of the same kind. */
#include "check/prover.h"

#include "graph/attr.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- recognizing ---- */

static bool read_weight(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core)
{
    core->weight = bnf_weights_of(p, side, value, &core->weight_quant, &core->dtype);
    return core->weight != NULL;
}

static bool read_bias(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core)
{
    if (value == BNF_NONE)
        return true;
    int dtype = 0;
    core->bias = bnf_weights_of(p, side, value, &core->bias_quant, &dtype);
    return core->bias && dtype == core->dtype;
}

static bool read_conv(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    core->data = bnf_node_input(g, core->node, 0);
    if (core->data == BNF_NONE || !read_weight(p, side, bnf_node_input(g, core->node, 1), core) ||
        !bnf_geometry_read(side, core) ||
        !read_bias(p, side, bnf_node_input(g, core->node, 2), core))
        return false;
    return !core->bias || (core->bias->rank == 1 && core->bias->count == core->out_channels);
}

/* weight(…, K, N) behind the data, or (N, K) with `flipped`; or weight(…, M, K) in front of it. */
static void lay_out_product(struct bnf_core *core, bool flipped)
{
    const struct bnf_tensor *w = core->weight;
    size_t first = (size_t)w->dims[w->rank - 2];
    core->cols = (size_t)w->dims[w->rank - 1];
    core->rows = w->count / core->cols;
    core->row_channels = first;
    core->inner = core->groups = 1;
    core->rows_out = core->weight_left || flipped;
    core->out_channels = core->rows_out ? first : core->cols;
    core->in_channels = core->rows_out ? core->cols : first;
    core->passes_shift = core->rows == first; /* several matrices would give several biases */
}

static bool read_gemm(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[core->node].proto;
    core->data = bnf_node_input(g, core->node, 0);
    if (core->data == BNF_NONE || !read_weight(p, side, bnf_node_input(g, core->node, 1), core) ||
        core->weight->rank != 2 ||
        !read_bias(p, side, bnf_node_input(g, core->node, 2), core))
        return false;
    core->alpha = (double)bnf_attr_float(proto, "alpha", 1);
    core->beta = (double)bnf_attr_float(proto, "beta", 1);
    core->trans_a = bnf_attr_int(proto, "transA", 0) != 0;
    core->in_axis = core->trans_a ? 0 : 1;
    core->out_axis = 1;
    lay_out_product(core, bnf_attr_int(proto, "transB", 0) != 0);
    const struct bnf_tensor *c = core->bias;
    return isfinite(core->alpha) && isfinite(core->beta) &&
           (!c || (c->rank <= 2 && (c->rank == 0 || c->dims[c->rank - 1] == 1 ||
                                       (uint64_t)c->dims[c->rank - 1] == core->out_channels)));
}

static bool read_matmul(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id a = bnf_node_input(g, core->node, 0), b = bnf_node_input(g, core->node, 1);
    if (a == BNF_NONE || b == BNF_NONE)
        return false;
    bool left = bnf_are_weights(side, a);
    if (left == bnf_are_weights(side, b))
        return false;
    core->weight_left = left;
    core->data = left ? b : a;
    if (!read_weight(p, side, left ? a : b, core) || core->weight->rank < 2)
        return false;
    lay_out_product(core, false);
    int x = g->values[core->data].shape.rank, w = (int)core->weight->rank, wide = x > w ? x : w;
    core->in_axis = x < 1 ? -2 : x == 1 ? 0 : left ? x - 2 : x - 1;
    core->out_axis = x < 1 ? -2 : x == 1 ? w - 2 : left ? wide - 2 : wide - 1;
    return true;
}

bool bnf_core_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core)
{
    const struct bnf_value *v = &side->graph.values[value];
    *core = (struct bnf_core){.alpha = 1, .beta = 1, .node = v->producer};
    if (v->producer == BNF_NONE || v->output != 0 ||
        bnf_attr_any_reference(side->graph.nodes[v->producer].proto)) /* what a caller gives would read as a default */
        return false;
    if (bnf_node_is(&side->graph, v->producer, "Conv")) {
        core->kind = BNF_CORE_CONV;
        return read_conv(p, side, core);
    }
    if (bnf_node_is(&side->graph, v->producer, "ConvTranspose")) {
        core->kind = BNF_CORE_CONV_TRANSPOSE;
        return read_conv(p, side, core);
    }
    core->kind = BNF_CORE_PRODUCT;
    if (bnf_node_is(&side->graph, v->producer, "Gemm"))
        return read_gemm(p, side, core);
    return bnf_node_is(&side->graph, v->producer, "MatMul") && read_matmul(p, side, core);
}

/* A map whose channels are those of the given axis. */
static bool fits(const struct bnf_normal *map, int axis, size_t channels)
{
    return !map || map->count == 1 || (bnf_normal_axis(map) == axis && map->count == channels);
}

bool bnf_core_takes(const struct bnf_core *core, const struct bnf_normal *post)
{
    return fits(post, core->out_axis, core->out_channels);
}

bool bnf_core_receives(const struct bnf_core *core, const struct bnf_normal *pre)
{
    return fits(pre, core->in_axis, core->in_channels);
}

/* ---- the same kind of operator? ---- */

/* The length of the contracted axis and of the new one, and the batch in front of a product's weights. */
static bool same_matrices(const struct bnf_core *a, const struct bnf_core *b)
{
    if (a->in_channels != b->in_channels || a->out_channels != b->out_channels ||
        a->weight->rank != b->weight->rank)
        return false;
    for (uint32_t i = 0; i + 2 < a->weight->rank; i++)
        if (a->weight->dims[i] != b->weight->dims[i])
            return false;
    return true;
}

static enum bnf_outcome compare_products(struct bnf_prover *p, const struct bnf_core core[2])
{
    if (core[0].dtype != core[1].dtype) {
        bnf_say(p, "the weights are %s, but %s in the reference", bnf_dtype_name(core[1].dtype),
            bnf_dtype_name(core[0].dtype));
        return BNF_DIFFERENT;
    }
    if (core[0].weight_left != core[1].weight_left || core[0].trans_a != core[1].trans_a ||
        !same_matrices(&core[0], &core[1])) {
        char text[2][128];
        for (int i = 0; i < 2; i++)
            bnf_dims_text(core[i].weight->dims, core[i].weight->rank, text[i], sizeof text[i]);
        bnf_say(p, "a product with weights %s%s, but with %s%s in the reference", text[1],
            core[1].weight_left ? " on the left" : "", text[0], core[0].weight_left ? " on the left" : "");
        return BNF_DIFFERENT;
    }
    return BNF_EQUAL;
}

enum bnf_outcome bnf_core_kinds_compare(struct bnf_prover *p, const struct bnf_core core[2])
{
    const char *op[2];
    for (int i = 0; i < 2; i++)
        op[i] = p->side[i].graph.nodes[core[i].node].proto->op_type;
    bool same = core[0].kind == core[1].kind;
    if (same && strcmp(op[0], op[1]) == 0)
        same = bnf_schema_same(op[0], bnf_node_opset(&p->side[0].graph, core[0].node),
            bnf_node_opset(&p->side[1].graph, core[1].node));
    if (!same) {
        bnf_say(p,
            "the cones cannot be brought to the same structure: the reference computes it by %s, the "
            "candidate by %s",
            op[0], op[1]);
        return BNF_UNKNOWN;
    }
    return core[0].kind == BNF_CORE_PRODUCT ? compare_products(p, core) : bnf_geometry_compare(p, core);
}
