/* Which operators are affine in what is computed, and what their other inputs are to them. */
#include "check/probe_cone.h"

#include "graph/attr.h"

#include <string.h>

/* One letter a slot, the last one for all that follow. d: computed, or a stored number that the same is done
 * to; f, s, c, i: factor, shift, center, fixed; p: one of these slots is computed, the others are factors. */
static const struct form {
    const char *op_type, *slots;
    bool many; /* any of its outputs, not only the first */
} forms[] = {
    {"Add", "d", false},
    {"AveragePool", "d", false},
    {"BatchNormalization", "dfsci", false},
    {"Cast", "d", false},
    {"Concat", "d", false},
    {"Conv", "dfs", false},
    {"ConvTranspose", "dfs", false},
    {"DepthToSpace", "d", false},
    {"Div", "df", false},
    {"Dropout", "di", false},
    {"Einsum", "p", false},
    {"Expand", "di", false},
    {"Flatten", "d", false},
    {"Gather", "di", false},
    {"Gemm", "ppd", false},
    {"GlobalAveragePool", "d", false},
    {"Identity", "d", false},
    {"MatMul", "p", false},
    {"Mean", "d", false},
    {"Mul", "p", false},
    {"Neg", "d", false},
    {"Pad", "disi", false},
    {"ReduceMean", "di", false},
    {"ReduceSum", "di", false},
    {"Reshape", "di", false},
    {"Resize", "di", false},
    {"Slice", "di", false},
    {"SpaceToDepth", "d", false},
    {"Split", "di", true},
    {"Squeeze", "di", false},
    {"Sub", "d", false},
    {"Sum", "d", false},
    {"Tile", "di", false},
    {"Transpose", "d", false},
    {"Unsqueeze", "di", false},
    {"Upsample", "di", false},
};

static const struct form *form_of(const struct bnf_graph *g, bnf_id node)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (bnf_node_is(g, node, forms[i].op_type))
            return &forms[i];
    return NULL;
}

/* Attributes that make a node of a listed type something else. */
static bool attributes_fit(struct bnf_prover *p, struct bnf_side *side, bnf_id node, bool *rough)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    bnf_id out = bnf_node_output(g, node, 0);
    if (bnf_node_is(g, node, "BatchNormalization"))
        return bnf_is_inference_norm(g, node) && bnf_step_of(p, side, out) != NULL;
    if (bnf_node_is(g, node, "Cast") || bnf_node_is(g, node, "Dropout"))
        return bnf_canon(side, out) != out; /* to the same type; out of training */
    if (bnf_node_is(g, node, "Gemm")) {
        float alpha = bnf_attr_float(proto, "alpha", 1), beta = bnf_attr_float(proto, "beta", 1);
        return alpha >= 0 && beta >= 0; /* false for NaN too */
    }
    if (bnf_node_is(g, node, "Pad"))
        return bnf_attr_float(proto, "value", 0) == 0;
    if (bnf_node_is(g, node, "Resize") || bnf_node_is(g, node, "Upsample")) {
        *rough |= bnf_attr_is(proto, "mode", "cubic");
        return !bnf_attr_is(proto, "coordinate_transformation_mode", "tf_crop_and_resize");
    }
    return true;
}

static bool is_stored_float(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_tensor *t = bnf_side_constant(p, side, value);
    return t && bnf_dtype_is_float(t->dtype);
}

static enum bnf_role stored_role(char letter)
{
    return letter == 'f'                    ? BNF_ROLE_FACTOR
           : letter == 's' || letter == 'd' ? BNF_ROLE_SHIFT
           : letter == 'c'                  ? BNF_ROLE_CENTER
                                            : BNF_ROLE_FIXED;
}

bool bnf_affine_roles(
    struct bnf_prover *p, struct bnf_side *side, bnf_id node, enum bnf_role *roles, bool *rough)
{
    const struct bnf_graph *g = &side->graph;
    const struct form *form = form_of(g, node);
    const struct bnf_node *n = &g->nodes[node];
    if (!form || n->input_count == 0 || bnf_node_output(g, node, 0) == BNF_NONE ||
        bnf_node_opset(g, node) < 1 || n->first_body != n->last_body ||
        !attributes_fit(p, side, node, rough))
        return false;
    for (uint32_t slot = 1; slot < n->output_count && !form->many; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        if (value != BNF_NONE && (g->values[value].use_count || g->values[value].output_uses))
            return false;
    }
    size_t last = strlen(form->slots) - 1, arguments = 0, products = 0;
    for (uint32_t slot = 0; slot < n->input_count; slot++) {
        char letter = form->slots[slot < last ? slot : last];
        bnf_id value = bnf_node_input(g, node, slot);
        roles[slot] = BNF_ROLE_ABSENT;
        if (value == BNF_NONE)
            continue;
        bool computed = !bnf_is_constant(&side->constants, value);
        if (computed && letter != 'd' && letter != 'p')
            return false;
        products += computed && letter == 'p';
        arguments += computed;
        roles[slot] = computed ? BNF_ROLE_COMPUTED : letter == 'p' ? BNF_ROLE_FACTOR : stored_role(letter);
        if (!computed && roles[slot] != BNF_ROLE_FIXED && !is_stored_float(p, side, value))
            return false;
    }
    return arguments > 0 && (!strchr(form->slots, 'p') || products == 1);
}
