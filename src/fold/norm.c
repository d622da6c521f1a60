/* The normalizations with a scale (and bias) of their own: scale' = s·scale, B' = s·B + t.
 * InstanceNormalization and GroupNormalization have one of each per channel of axis 1; LayerNormalization and
 * RMSNormalization (SimplifiedLayerNormalization to ONNX Runtime) have them over the normalized axes, broadcast from
 * the right, and any of these may be the affine's. */
#include "fold/layer.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

enum { most_elements = 1 << 24 };

struct edit {
    struct bnf_pending *scale, *bias; /* bias NULL: the node keeps what it has */
};

static int apply(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    const struct edit *edit = move->data;
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, move->node, 1));
    int status = bnf_fold_attach(fold, move->node, 1, edit->scale, name, err);
    if (!status)
        status = bnf_layer_attach_bias(fold, move->node, 2, edit->bias, err);
    if (!status)
        bnf_layer_rewire(fold, plan, move->node, 0);
    return status;
}

/* A constant's extents once it has the affine's channels `place` axes from the right (0: a scalar, which lies
 * everywhere). NULL with *fits when memory is out, without when they do not broadcast. */
static int64_t *widen(struct bnf_fold *fold, const struct bnf_tensor *t, const struct bnf_affine *a,
    size_t place, size_t *rank, bool *fits)
{
    size_t count;
    *rank = t->rank > place ? t->rank : place;
    *fits = true;
    int64_t *dims = bnf_arena_alloc(&fold->scratch, *rank, sizeof *dims);
    if (!dims)
        return NULL;
    for (size_t i = 0; i < *rank; i++)
        dims[i] = i + t->rank < *rank ? 1 : t->dims[i + t->rank - *rank];
    if (place) {
        int64_t *extent = &dims[*rank - place];
        *fits = *extent == 1 || *extent == (int64_t)a->channels;
        *extent = (int64_t)a->channels;
    }
    *fits = *fits && bnf_volume(dims, *rank, &count) && count <= most_elements;
    return *fits ? dims : NULL;
}

/* s·constant, and + t where it is the bias; `values` NULL: zeros of the extents in t. */
static int map(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_tensor *t,
    const double *values, const struct bnf_affine *a, size_t place, bool shifts, struct bnf_pending **out,
    struct bnf_err *err)
{
    size_t rank, run = 1;
    bool fits;
    char text[256], extents[128];
    bnf_node_text(fold->graph, node, text, sizeof text);
    const int64_t *dims = widen(fold, t, a, place, &rank, &fits);
    if (!dims && fits)
        return bnf_fail_memory(err);
    if (!dims)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "a constant of '%s' has the extents %s, on which %zu channels %zu axes from the right do not lie",
            text, bnf_dims_text(t->dims, t->rank, extents, sizeof extents), a->channels, place);
    *out = bnf_pending_dense(fold->arena, t->dtype, dims, rank);
    if (!*out)
        return bnf_fail_memory(err);
    for (size_t i = 1; i < place; i++)
        run *= (size_t)dims[rank - i];
    bool spread = place && (place > t->rank || t->dims[t->rank - place] == 1);
    for (size_t i = 0; i < (*out)->base.count; i++) {
        size_t c = place ? i / run % a->channels : 0;
        size_t from = spread ? i / (run * a->channels) * run + i % run : i;
        double value = values ? a->scale[c] * values[from] : 0;
        (*out)->dense[i] = shifts ? value + a->shift[c] : value;
    }
    if (!bnf_values_fit(t->dtype, (*out)->dense, (*out)->base.count))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "the folded %s of '%s' does not fit %s",
            shifts ? "bias" : "scale", text, bnf_dtype_name(t->dtype));
    return BNF_ANSWER_YES;
}

/* A float16 scale that loses more than ordinary rounding, seen beside its bias. */
static bool underflows(const struct edit *edit)
{
    const struct bnf_pending *s = edit->scale, *b = edit->bias;
    double bound = 2 * bnf_dtype_roundoff(s->base.dtype);
    bool beside = b && b->base.count == s->base.count;
    for (size_t i = 0; s->base.dtype == BNF_DTYPE_FLOAT16 && i < s->base.count; i++) {
        double lost = fabs(s->dense[i] - bnf_round(s->base.dtype, s->dense[i]));
        if (lost > bound * (fabs(s->dense[i]) + (beside ? fabs(b->dense[i]) : 0)))
            return true;
    }
    return false;
}

/* The new constants for an affine on the axis `place` axes from the right of them. */
static int absorb(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *a,
    size_t place, struct bnf_err *err)
{
    struct bnf_tensor scale, bias;
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    bnf_id value = bnf_node_input(fold->graph, node, 2);
    const double *from = NULL;
    char text[256];
    if (!edit)
        return bnf_fail_memory(err);
    int answer = bnf_layer_constant(fold, plan, node, 1, BNF_REASON_WEIGHT_DYNAMIC, &scale, err);
    if (!answer && value != BNF_NONE)
        answer = bnf_layer_constant(fold, plan, node, 2, BNF_REASON_BIAS_DYNAMIC, &bias, err);
    if (answer)
        return answer;
    from = bnf_fold_read(fold, bnf_node_input(fold->graph, node, 1), scale.count);
    if (!from)
        return bnf_fail_memory(err);
    answer = map(fold, plan, node, &scale, from, a, place, false, &edit->scale, err);
    if (answer)
        return answer;
    if (value != BNF_NONE) {
        from = bnf_fold_read(fold, value, bias.count);
        answer = from ? map(fold, plan, node, &bias, from, a, place, true, &edit->bias, err)
                      : bnf_fail_memory(err);
    } else if (!bnf_affine_no_shift(a)) {
        answer = map(fold, plan, node, &edit->scale->base, NULL, a, place, true, &edit->bias, err);
    }
    if (answer)
        return answer;
    if (underflows(edit))
        return bnf_refuse(fold, plan, BNF_REASON_UNDERFLOW,
            "the folded scale of '%s' falls below the resolution of %s",
            bnf_node_text(fold->graph, node, text, sizeof text), bnf_dtype_name(scale.dtype));
    return bnf_plan_add(plan,
        &(struct bnf_move){.apply = apply, .node = node, .affine = *a, .data = edit, .absorbs = true}, err);
}

/* The affine on the normalized output, alone; NULL after refusing: it lies on the statistics. */
static const struct bnf_affine *on_output(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_affine *a = bnf_plan_affine(plan, bnf_node_output(g, node, 0));
    char text[256];
    for (uint32_t slot = 1; slot < g->nodes[node].output_count; slot++)
        if (bnf_plan_affine(plan, bnf_node_output(g, node, slot)))
            a = NULL;
    if (!a)
        bnf_refuse(fold, plan, BNF_REASON_PRODUCER_NOT_LINEAR,
            "the affine lies on the statistics that '%s' computes",
            bnf_node_text(g, node, text, sizeof text));
    return a;
}

int bnf_channelnorm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_affine *a = on_output(fold, plan, node);
    struct bnf_affine wide;
    struct bnf_tensor scale;
    char text[256];
    if (!a)
        return BNF_ANSWER_NO;
    bnf_node_text(fold->graph, node, text, sizeof text);
    int answer = bnf_layer_constant(fold, plan, node, 1, BNF_REASON_WEIGHT_DYNAMIC, &scale, err);
    if (answer)
        return answer;
    if (bnf_node_is(fold->graph, node, "GroupNormalization") && bnf_node_opset(fold->graph, node) < 21)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "GroupNormalization '%s' of operator set %lld has one scale for each of %zu groups, not for each "
            "channel",
            text, (long long)bnf_node_opset(fold->graph, node), scale.count);
    if (scale.rank != 1)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the scale of '%s' is no vector", text);
    answer = bnf_layer_expand(fold, plan, node, a, 1, scale.count, &wide);
    return answer ? answer : absorb(fold, plan, node, &wide, 1, err);
}

/* The affine's axis counted from the right, which has to be a normalized one; 0 for a scalar. */
static int find_place(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *a, size_t *place)
{
    const struct bnf_graph *g = fold->graph;
    int rank = g->values[bnf_node_output(g, node, 0)].shape.rank;
    int64_t first = bnf_attr_int(g->nodes[node].proto, "axis", -1);
    char text[256];
    *place = 0;
    if (a->axis == BNF_AXIS_ANY)
        return BNF_ANSWER_YES;
    bnf_node_text(g, node, text, sizeof text);
    if (rank < 0)
        return bnf_refuse(
            fold, plan, BNF_REASON_RANK_UNKNOWN, "the rank of what '%s' normalizes is not known", text);
    first += first < 0 ? rank : 0;
    if (a->axis < first || a->axis >= rank)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the affine lies on axis %d, but %s '%s' normalizes and scales from axis %lld of %d on", a->axis,
            g->nodes[node].proto->op_type, text, (long long)first, rank);
    *place = (size_t)(rank - a->axis);
    return BNF_ANSWER_YES;
}

int bnf_layernorm_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_affine *a = on_output(fold, plan, node);
    size_t place;
    char text[256];
    if (!a)
        return BNF_ANSWER_NO;
    if (!bnf_node_is(fold->graph, node, "LayerNormalization") && !bnf_affine_no_shift(a))
        return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_NOT_LINEAR,
            "%s '%s' has no bias that would take the shift", fold->graph->nodes[node].proto->op_type,
            bnf_node_text(fold->graph, node, text, sizeof text));
    int answer = find_place(fold, plan, node, a, &place);
    return answer ? answer : absorb(fold, plan, node, a, place, err);
}
