/* What nothing absorbs becomes an operator that is no BatchNormalization: a depthwise 1×…×1 Conv (in ONNX Runtime as
 * fast as a BatchNormalization or faster, and it fuses with an activation), or Mul and Add. */
#include "fold/state.h"

#include <string.h>

static int note(struct bnf_fold *fold, struct bnf_site *site, enum bnf_reason reason, const char *detail,
    struct bnf_err *err)
{
    site->reason = reason;
    site->detail = bnf_arena_copy(fold->arena, detail, strlen(detail));
    return site->detail ? BNF_OK : bnf_fail_memory(err);
}

/* double has no Conv in ONNX Runtime, bfloat16 none before operator set 22. */
static bool conv_carries(int dtype, int rank)
{
    return rank >= 3 && rank <= 5 && (dtype == BNF_DTYPE_FLOAT || dtype == BNF_DTYPE_FLOAT16);
}

/* A constant of extents (channels, 1, …, 1). */
static struct bnf_pending *vector(struct bnf_fold *fold, int dtype, size_t channels, size_t ones, const double *values)
{
    int64_t dims[64] = {0};
    size_t rank = 0;
    dims[rank++] = (int64_t)channels;
    for (size_t i = 0; i < ones; i++)
        dims[rank++] = 1;
    struct bnf_pending *constant = bnf_pending_dense(fold->arena, dtype, dims, rank);
    if (constant)
        memcpy(constant->dense, values, channels * sizeof *values);
    return constant;
}

/* A node that takes the site's place keeps its name, doc string and metadata. */
static int replace(struct bnf_fold *fold, struct bnf_site *site, const char *op, uint32_t inputs, bnf_id *node,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const Onnx__NodeProto *old = g->nodes[site->node].proto;
    int status = bnf_edit_node(g, g->nodes[site->node].scope, op, old->name, inputs, 1, node, err);
    if (status)
        return status;
    g->nodes[*node].position = g->nodes[site->node].position;
    g->nodes[*node].proto->doc_string = old->doc_string;
    g->nodes[*node].proto->metadata_props = old->metadata_props;
    g->nodes[*node].proto->n_metadata_props = old->n_metadata_props;
    bnf_id x = bnf_node_input(g, site->node, 0), y = bnf_node_output(g, site->node, 0);
    bnf_edit_remove_node(g, site->node);
    bnf_edit_set_input(g, *node, 0, x);
    bnf_edit_set_output(g, *node, 0, y);
    return BNF_OK;
}

static int to_conv(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_affine *a, int dtype, int rank,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id node;
    const char *base = bnf_fold_name(fold, bnf_node_output(g, site->node, 0));
    const char *weight_name = bnf_arena_format(fold->arena, "%s.weight", base);
    const char *bias_name = bnf_arena_format(fold->arena, "%s.bias", base);
    struct bnf_pending *weight = vector(fold, dtype, a->channels, (size_t)rank - 1, a->scale);
    struct bnf_pending *bias = vector(fold, dtype, a->channels, 0, a->shift);
    if (!weight || !bias || !weight_name || !bias_name)
        return bnf_fail_memory(err);
    const int64_t ones[3] = {1, 1, 1};
    int status = replace(fold, site, "Conv", 3, &node, err);
    if (!status)
        status = bnf_edit_attr_int(g, node, "group", (int64_t)a->channels, err);
    if (!status)
        status = bnf_edit_attr_ints(g, node, "kernel_shape", ones, (size_t)rank - 2, err);
    if (!status)
        status = bnf_fold_attach(fold, node, 1, weight, weight_name, err);
    if (!status)
        status = bnf_fold_attach(fold, node, 2, bias, bias_name, err);
    return status;
}

/* Mul where the scale is not 1, Add where the shift is not 0; one of them at least (an identity was dropped). */
static int to_mul_add(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_affine *a, int dtype, int rank,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bool scales = !bnf_affine_unit_scale(a), shifts = !bnf_affine_no_shift(a);
    bool old = g->scopes[g->nodes[site->node].scope].opset < 7; /* there a [C] constant lies where `axis` says */
    size_t ones = old ? 0 : (size_t)rank - 2;
    bnf_id node, y = bnf_node_output(g, site->node, 0);
    const char *base = bnf_fold_name(fold, y);
    const char *scale_name = bnf_arena_format(fold->arena, "%s.scale", base);
    const char *shift_name = bnf_arena_format(fold->arena, "%s.shift", base);
    struct bnf_pending *scale = vector(fold, dtype, a->channels, ones, a->scale);
    struct bnf_pending *shift = vector(fold, dtype, a->channels, ones, a->shift);
    if (!scale || !shift || !scale_name || !shift_name)
        return bnf_fail_memory(err);
    int status = replace(fold, site, scales ? "Mul" : "Add", 2, &node, err);
    if (!status)
        status = bnf_fold_attach(fold, node, 1, scales ? scale : shift, scales ? scale_name : shift_name, err);
    if (!status && old)
        status = bnf_edit_attr_int(g, node, "broadcast", 1, err);
    if (!status && old)
        status = bnf_edit_attr_int(g, node, "axis", 1, err);
    if (status || !scales || !shifts)
        return status;
    bnf_id product, add;
    struct bnf_shape shape = g->values[y].shape;
    status = bnf_edit_value(g, g->nodes[node].scope, base, &product, err);
    if (status)
        return status;
    g->values[product].shape = shape;
    bnf_edit_set_output(g, node, 0, product);
    status = bnf_fold_add_node(fold, g->nodes[node].scope, "Add", site->name, product, shift, 1, y, &add, err);
    if (!status)
        g->nodes[add].position = g->nodes[node].position;
    return status;
}

/* A merged BatchNormalization that stays one says in its parameters what it computes: scale s, B t, mean 0, var 1,
 * epsilon 0. */
static int rewrite(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_affine *a, struct bnf_err *err)
{
    static const char *const suffix[] = {"scale", "B", "mean", "var"};
    struct bnf_graph *g = fold->graph;
    const char *base = bnf_fold_name(fold, bnf_node_output(g, site->node, 0));
    double *constant[4] = {a->scale, a->shift, NULL, NULL};
    constant[2] = bnf_arena_alloc(fold->arena, a->channels, sizeof(double));
    constant[3] = bnf_arena_alloc(fold->arena, a->channels, sizeof(double));
    if (!constant[2] || !constant[3])
        return bnf_fail_memory(err);
    for (size_t i = 0; i < a->channels; i++)
        constant[3][i] = 1;
    int status = bnf_edit_attr_float(g, site->node, "epsilon", 0, err);
    for (uint32_t slot = 1; !status && slot <= 4; slot++) {
        struct bnf_tensor old;
        enum bnf_reason reason;
        status = bnf_fold_tensor(fold, bnf_node_input(g, site->node, slot), &old, &reason, err);
        if (status)
            return status < 0 ? status : bnf_fail_memory(err);
        struct bnf_pending *p = vector(fold, old.dtype, a->channels, 0, constant[slot - 1]);
        const char *name = bnf_arena_format(fold->arena, "%s.%s", base, suffix[slot - 1]);
        status = p && name ? bnf_fold_attach(fold, site->node, slot, p, name, err) : bnf_fail_memory(err);
    }
    return status;
}

int bnf_lower(struct bnf_fold *fold, size_t index, struct bnf_err *err)
{
    struct bnf_site *site = &fold->sites[index];
    const struct bnf_affine *a = &fold->affines[index];
    struct bnf_graph *g = fold->graph;
    const struct bnf_shape *shape = &g->values[bnf_node_input(g, site->node, 0)].shape;
    int rank = shape->rank, dtype = shape->dtype;
    bool keeps = fold->options->leftover == BNF_LEFTOVER_KEEP;
    if (!keeps && rank < 0)
        return note(fold, site, BNF_REASON_RANK_UNKNOWN, "the rank of its input is not known", err);
    if (!keeps && (!dtype || rank > 60))
        return note(fold, site, BNF_REASON_DTYPE, "the element type of its input is not known", err);
    if (!keeps && (!bnf_values_fit(dtype, a->scale, a->channels) || !bnf_values_fit(dtype, a->shift, a->channels)))
        return note(fold, site, BNF_REASON_OVERFLOW, "its scale or shift does not fit the element type of its input",
            err);
    if (keeps)
        return fold->rewritten[index] ? rewrite(fold, site, a, err) : BNF_OK;
    bool conv = fold->options->leftover != BNF_LEFTOVER_MUL_ADD && conv_carries(dtype, rank);
    const char **into = bnf_arena_alloc(fold->arena, 1, sizeof *into);
    if (!into)
        return bnf_fail_memory(err);
    into[0] = conv                           ? "depthwise Conv"
              : bnf_affine_unit_scale(a)     ? "Add"
              : bnf_affine_no_shift(a)       ? "Mul"
                                             : "Mul and Add";
    site->into = into;
    site->into_count = 1;
    site->verdict = BNF_SITE_LOWERED;
    return conv ? to_conv(fold, site, a, dtype, rank, err) : to_mul_add(fold, site, a, dtype, rank, err);
}
