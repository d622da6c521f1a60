/* What nothing absorbs becomes an operator that is no BatchNormalization: a depthwise 1×…×1 Conv (in ONNX Runtime as
 * fast as a BatchNormalization or faster, and it fuses with an activation), or Mul and Add. */
#include "fold/state.h"

#include <math.h>
#include <string.h>

static int note(struct bnf_fold *fold, struct bnf_site *site, enum bnf_reason reason, const char *detail,
    struct bnf_err *err)
{
    site->reason = reason;
    site->detail = bnf_arena_copy(fold->arena, detail, strlen(detail));
    return site->detail ? BNF_OK : bnf_fail_memory(err);
}

/* A constant of extents (channels, 1, …, 1). */
static struct bnf_pending *vector(struct bnf_fold *fold, int dtype, size_t channels, size_t ones, const double *values)
{
    int64_t dims[BNF_LOWER_RANK] = {0};
    size_t rank = 0;
    dims[rank++] = (int64_t)channels;
    for (size_t i = 0; i < ones; i++)
        dims[rank++] = 1;
    struct bnf_pending *constant = bnf_pending_dense(fold->arena, dtype, dims, rank);
    if (constant)
        memcpy(constant->dense, values, channels * sizeof *values);
    return constant;
}

/* Where a lowered affine stands. */
struct place {
    bnf_id input, output;
    uint32_t position;
    const Onnx__NodeProto *old; /* whose name, doc string and metadata the first node keeps; NULL: `hint` */
    const char *hint;           /* what the node is called after, may be NULL */
};

static int make_node(struct bnf_fold *fold, const struct place *place, const char *op, uint32_t inputs, bnf_id *node,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id scope = g->values[place->output].scope;
    const char *output = g->values[place->output].name; /* no other value and no node is called so */
    const char *name = place->old ? place->old->name
                                  : bnf_arena_format(fold->arena, "%s.%s", place->hint ? place->hint : output, op);
    if (!place->old && !name)
        return bnf_fail_memory(err);
    int status = bnf_edit_node(g, scope, op, name, inputs, 1, node, err);
    if (status)
        return status;
    struct bnf_node *n = &g->nodes[*node];
    n->position = place->position;
    if (place->old) {
        n->proto->doc_string = place->old->doc_string;
        n->proto->metadata_props = place->old->metadata_props;
        n->proto->n_metadata_props = place->old->n_metadata_props;
    }
    bnf_edit_set_input(g, *node, 0, place->input);
    bnf_edit_set_output(g, *node, 0, place->output);
    return BNF_OK;
}

static int to_conv(struct bnf_fold *fold, const struct place *place, const struct bnf_affine *a, int dtype, int rank,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id node;
    const char *base = bnf_fold_name(fold, place->output);
    const char *weight_name = bnf_arena_format(fold->arena, "%s.weight", base);
    const char *bias_name = bnf_arena_format(fold->arena, "%s.bias", base);
    struct bnf_pending *weight = vector(fold, dtype, a->channels, (size_t)rank - 1, a->scale);
    struct bnf_pending *bias = vector(fold, dtype, a->channels, 0, a->shift);
    if (!weight || !bias || !weight_name || !bias_name)
        return bnf_fail_memory(err);
    const int64_t ones[3] = {1, 1, 1};
    int status = make_node(fold, place, "Conv", 3, &node, err);
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

/* One Mul or Add with a constant on the affine's axis. */
static int to_arithmetic(struct bnf_fold *fold, const struct place *place, const char *op, const double *values,
    const struct bnf_affine *a, int dtype, int rank, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bool old = g->scopes[g->values[place->output].scope].opset < 7; /* there a [C] constant lies where `axis` says */
    bool scalar = a->axis == BNF_AXIS_ANY;
    size_t ones = old || scalar ? 0 : (size_t)(rank - 1 - a->axis);
    struct bnf_pending *constant =
        scalar ? bnf_pending_dense(fold->arena, dtype, NULL, 0) : vector(fold, dtype, a->channels, ones, values);
    const char *name = bnf_arena_format(fold->arena, "%s.%s", bnf_fold_name(fold, place->output),
        strcmp(op, "Mul") == 0 ? "scale" : "shift");
    bnf_id node;
    if (!constant || !name)
        return bnf_fail_memory(err);
    if (scalar)
        constant->dense[0] = values[0];
    int status = make_node(fold, place, op, 2, &node, err);
    if (!status)
        status = bnf_fold_attach(fold, node, 1, constant, name, err);
    if (!status && old)
        status = bnf_edit_attr_int(g, node, "broadcast", 1, err);
    if (!status && old && !scalar)
        status = bnf_edit_attr_int(g, node, "axis", a->axis, err);
    return status;
}

/* Mul where the scale is not 1, Add where the shift is not 0; one of them at least. */
static int to_mul_add(struct bnf_fold *fold, const struct place *place, const struct bnf_affine *a, int dtype, int rank,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bool scales = !bnf_affine_unit_scale(a), shifts = !bnf_affine_no_shift(a);
    struct place first = *place, second = *place;
    if (!scales || !shifts)
        return to_arithmetic(fold, place, scales ? "Mul" : "Add", scales ? a->scale : a->shift, a, dtype, rank, err);
    struct bnf_shape shape = g->values[place->output].shape;
    const char *base = bnf_fold_name(fold, place->output);
    int status = bnf_edit_value(g, g->values[place->output].scope, base, &first.output, err);
    if (status)
        return status;
    g->values[first.output].shape = shape;
    second.input = first.output;
    second.old = NULL;
    second.hint = place->old ? place->old->name : place->hint;
    if (second.hint && !*second.hint)
        second.hint = NULL;
    status = to_arithmetic(fold, &first, "Mul", a->scale, a, dtype, rank, err);
    return status ? status : to_arithmetic(fold, &second, "Add", a->shift, a, dtype, rank, err);
}

/* The affine of a value as a depthwise convolution: where runtimes have one, which for double they do not and for
 * bfloat16 hardly; there it has to be asked for. bfloat16 has none before operator set 22. */
static bool becomes_conv(const struct bnf_fold *fold, bnf_id value, const struct bnf_affine *a)
{
    const struct bnf_value *v = &fold->graph->values[value];
    int dtype = v->shape.dtype;
    bool carries = dtype == BNF_DTYPE_FLOAT || dtype == BNF_DTYPE_FLOAT16;
    if (fold->options->leftover == BNF_LEFTOVER_CONV)
        carries = carries || dtype == BNF_DTYPE_DOUBLE ||
                  (dtype == BNF_DTYPE_BFLOAT16 && fold->graph->scopes[v->scope].opset >= 22);
    return fold->options->leftover != BNF_LEFTOVER_MUL_ADD && a->axis == 1 && v->shape.rank >= 3 && v->shape.rank <= 5 &&
           carries;
}

double bnf_lower_cost(const struct bnf_fold *fold, bnf_id value, const struct bnf_affine *a)
{
    const struct bnf_shape *shape = &fold->graph->values[value].shape;
    double elements = 1;
    bool scales = !bnf_affine_unit_scale(a), shifts = !bnf_affine_no_shift(a);
    if (!scales && !shifts)
        return 0;
    if (shape->rank < 0 || !bnf_dtype_is_float(shape->dtype))
        return INFINITY;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == BNF_DIM_UNKNOWN)
            return INFINITY;
        elements *= shape->dims[i] < 0 ? 1 : (double)shape->dims[i]; /* symbols: a batch of one */
    }
    size_t size = 0;
    if (!bnf_dtype_bytes(shape->dtype, 1, &size))
        return INFINITY;
    double pass = 2 * (double)size; /* reads and writes every element once */
    if (scales && shifts && becomes_conv(fold, value, a))
        return elements * (pass + 2 * BNF_COST_OPERATION);
    return elements * ((double)(scales + shifts) * (pass + BNF_COST_OPERATION));
}

int bnf_lower_between(struct bnf_fold *fold, bnf_id input, bnf_id output, const struct bnf_affine *a,
    uint32_t position, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const struct bnf_shape *shape = &g->values[input].shape;
    int rank = shape->rank, dtype = shape->dtype;
    bool both = !bnf_affine_unit_scale(a) && !bnf_affine_no_shift(a);
    const struct place place = {.input = input, .output = output, .position = position};
    if (both && becomes_conv(fold, input, a))
        return to_conv(fold, &place, a, dtype, rank, err);
    return to_mul_add(fold, &place, a, dtype, rank, err);
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

/* It stays a BatchNormalization. */
static int stay(struct bnf_fold *fold, size_t index, enum bnf_reason reason, const char *detail, struct bnf_err *err)
{
    int status = reason ? note(fold, &fold->sites[index], reason, detail, err) : BNF_OK;
    if (!status && fold->rewritten[index])
        status = rewrite(fold, &fold->sites[index], &fold->affines[index], err);
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
        return stay(fold, index, BNF_REASON_RANK_UNKNOWN, "the rank of its input is not known", err);
    if (!keeps && (!dtype || rank > BNF_LOWER_RANK))
        return stay(fold, index, BNF_REASON_DTYPE, "the element type of its input is not known", err);
    if (!keeps && (!bnf_values_fit(dtype, a->scale, a->channels) || !bnf_values_fit(dtype, a->shift, a->channels)))
        return stay(fold, index, BNF_REASON_OVERFLOW, "its scale or shift does not fit the element type of its input",
            err);
    if (keeps)
        return stay(fold, index, BNF_REASON_NONE, NULL, err);
    bool conv = becomes_conv(fold, bnf_node_input(g, site->node, 0), a);
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
    const struct place place = {.input = bnf_node_input(g, site->node, 0),
        .output = bnf_node_output(g, site->node, 0),
        .position = g->nodes[site->node].position,
        .old = g->nodes[site->node].proto};
    bnf_edit_remove_node(g, site->node);
    return conv ? to_conv(fold, &place, a, dtype, rank, err) : to_mul_add(fold, &place, a, dtype, rank, err);
}
