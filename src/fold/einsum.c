/* Einsum with one constant operand: an affine on an output label that occurs once in the constant's term
 * scales that axis of the constant, and its shift becomes an Add. */
#include "fold/layer.h"

#include "graph/attr.h"

#include <string.h>

enum { most_labels = 64, most_terms = 16, dots = '.' };

/* Labels of a term in order; `dots` stands for the axes of an ellipsis. */
struct term {
    char labels[most_labels];
    size_t count;
};

struct equation {
    struct term inputs[most_terms], output;
    size_t count;
};

/* One term, up to a comma, "->" or the end. */
static bool read_term(const char **at, const char *end, struct term *term)
{
    for (term->count = 0; *at < end && **at != ',' && **at != '-'; (*at)++) {
        char c = **at;
        if (c == ' ')
            continue;
        if (c == '.' && end - *at >= 3 && (*at)[1] == '.' && (*at)[2] == '.')
            *at += 2;
        else if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
        if (term->count == most_labels)
            return false;
        term->labels[term->count++] = c;
    }
    return true;
}

static size_t occurs(const struct term *term, char label, size_t *index)
{
    size_t times = 0;
    for (size_t i = 0; i < term->count; i++) {
        if (term->labels[i] != label)
            continue;
        *index = i;
        times++;
    }
    return times;
}

/* Without "->" the output has the ellipsis, then every label that occurs once, in alphabetical order. */
static void imply_output(struct equation *e)
{
    for (int label = dots; label <= 'z'; label++) {
        size_t times = 0, index;
        for (size_t i = 0; i < e->count; i++)
            times += occurs(&e->inputs[i], (char)label, &index);
        if ((label == dots ? times > 0 : times == 1) && e->output.count < most_labels)
            e->output.labels[e->output.count++] = (char)label;
    }
}

static bool read_equation(const Onnx__NodeProto *proto, struct equation *e)
{
    const Onnx__AttributeProto *attribute = bnf_attr_find(proto, "equation");
    *e = (struct equation){0};
    if (!attribute || !attribute->s.data)
        return false;
    const char *at = (const char *)attribute->s.data, *end = at + attribute->s.len;
    for (;;) {
        if (e->count == most_terms || !read_term(&at, end, &e->inputs[e->count++]))
            return false;
        if (at == end || *at == '-')
            break;
        at++;
    }
    if (at == end) {
        imply_output(e);
        return true;
    }
    at += 2;
    return at <= end && at[-1] == '>' && read_term(&at, end, &e->output) && at == end;
}

/* The slot of the only constant operand; BNF_NONE. */
static uint32_t find_constant(const struct bnf_fold *fold, bnf_id node, size_t *constants)
{
    uint32_t found = BNF_NONE;
    *constants = 0;
    for (uint32_t slot = 0; slot < fold->graph->nodes[node].input_count; slot++) {
        if (!bnf_fold_is_constant(fold, bnf_node_input(fold->graph, node, slot)))
            continue;
        found = slot;
        ++*constants;
    }
    return *constants == 1 ? found : BNF_NONE;
}

/* The label of an axis of the output; 0 when it lies in the ellipsis or cannot be told. */
static char label_of(const struct equation *e, int rank, int axis)
{
    size_t ellipsis;
    if (!occurs(&e->output, dots, &ellipsis))
        return axis < (int)e->output.count ? e->output.labels[axis] : '\0';
    if (axis < (int)ellipsis)
        return e->output.labels[axis];
    int from_right = rank - axis;
    return rank >= 0 && from_right < (int)(e->output.count - ellipsis)
               ? e->output.labels[(int)e->output.count - from_right]
               : '\0';
}

/* The axis of the constant that an output axis is; YES or a refusal. *rank: of the output. */
static int find_axis(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    const struct bnf_tensor *constant, const struct bnf_affine *a, int *rank, size_t *axis)
{
    const struct bnf_graph *g = fold->graph;
    struct equation e;
    size_t ellipsis, times;
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    if (!read_equation(g->nodes[node].proto, &e) || slot >= e.count)
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE, "the equation of Einsum '%s' cannot be read", text);
    *rank = occurs(&e.output, dots, &ellipsis) ? g->values[bnf_node_output(g, node, 0)].shape.rank
                                               : (int)e.output.count;
    if (a->axis == BNF_AXIS_ANY)
        return BNF_ANSWER_YES;
    if (*rank < 0)
        return bnf_refuse(
            fold, plan, BNF_REASON_RANK_UNKNOWN, "the rank of what Einsum '%s' computes is not known", text);
    char label = label_of(&e, *rank, a->axis);
    if (!label)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "axis %d of Einsum '%s' has no label of its own", a->axis, text);
    const struct term *term = &e.inputs[slot];
    times = occurs(term, label, axis);
    if (times != 1 || occurs(&e.output, label, &ellipsis) != 1)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "label '%c' of axis %d occurs %zu times in the constant's term of Einsum '%s', not once", label,
            a->axis, times, text);
    if (occurs(term, dots, &ellipsis) && ellipsis < *axis)
        *axis = constant->rank - (term->count - *axis); /* counted from the right */
    if (*axis >= constant->rank || constant->dims[*axis] != (int64_t)a->channels)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "the constant of Einsum '%s' does not have %zu channels on label '%c'", text, a->channels, label);
    return BNF_ANSWER_YES;
}

struct edit {
    struct bnf_layer_edit weight;
    uint32_t slot; /* of the constant */
};

static int apply(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    const struct edit *edit = move->data;
    int status = bnf_layer_scale(fold, move->node, edit->slot, &edit->weight, err);
    return status ? status : bnf_layer_rewire_shifted(fold, plan, move->node, 0, move->constant, 0, err);
}

/* In the form of a batch of matrices any axis is a part of the outer index, or the inner one: the factor of
 * each. */
static int make_edit(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node,
    const struct bnf_tensor *constant, const struct bnf_affine *a, size_t axis, struct edit *edit,
    struct bnf_err *err)
{
    uint32_t rank = constant->rank;
    struct bnf_block block = {1, 1, 1, 1};
    if (rank > 0)
        block.inner = (size_t)constant->dims[rank - 1];
    if (rank > 1)
        block.outer = (size_t)constant->dims[rank - 2];
    block.groups = constant->count / block.outer / block.inner;
    edit->weight.on_outer = a->axis == BNF_AXIS_ANY || axis + 1 < rank;
    int answer = bnf_layer_weight(fold, plan, node, edit->slot, block, &edit->weight.weight, err);
    if (answer)
        return answer;
    if (!edit->weight.on_outer) {
        edit->weight.factors = bnf_layer_repeat(fold, a->scale, a->channels, block.groups);
        return edit->weight.factors ? BNF_ANSWER_YES : bnf_fail_memory(err);
    }
    size_t run = 1, count = block.groups * block.outer;
    double *factors = bnf_arena_alloc(&fold->scratch, count, sizeof *factors);
    if (!factors)
        return bnf_fail_memory(err);
    for (size_t i = axis + 1; a->axis != BNF_AXIS_ANY && i + 1 < rank; i++)
        run *= (size_t)constant->dims[i];
    for (size_t i = 0; i < count; i++)
        factors[i] = a->scale[i / run % a->channels];
    edit->weight.factors = factors;
    return BNF_ANSWER_YES;
}

/* The Add's constant: the shift on its axis, 1 behind it. */
static struct bnf_pending *make_shift(struct bnf_fold *fold, int dtype, const struct bnf_affine *a, int rank)
{
    size_t axes = a->axis == BNF_AXIS_ANY ? 0 : (size_t)(rank - a->axis);
    int64_t *dims = bnf_arena_alloc(&fold->scratch, axes, sizeof *dims);
    if (!dims)
        return NULL;
    for (size_t i = 0; i < axes; i++)
        dims[i] = i ? 1 : (int64_t)a->channels;
    struct bnf_pending *constant = bnf_pending_dense(fold->arena, dtype, dims, axes);
    if (constant)
        memcpy(constant->dense, a->shift, a->channels * sizeof *a->shift);
    return constant;
}

int bnf_einsum_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_affine *a = bnf_plan_affine(plan, bnf_node_output(fold->graph, node, 0));
    struct edit *edit = bnf_arena_alloc(&fold->scratch, 1, sizeof *edit);
    struct bnf_tensor constant;
    size_t constants, axis = 0;
    int rank = 0;
    char text[256];
    if (!edit)
        return bnf_fail_memory(err);
    edit->slot = find_constant(fold, node, &constants);
    if (edit->slot == BNF_NONE)
        return bnf_refuse(fold, plan, BNF_REASON_WEIGHT_DYNAMIC,
            "Einsum '%s' has %zu constant operands, not one",
            bnf_node_text(fold->graph, node, text, sizeof text), constants);
    int answer = bnf_layer_constant(fold, plan, node, edit->slot, BNF_REASON_WEIGHT_DYNAMIC, &constant, err);
    if (!answer)
        answer = find_axis(fold, plan, node, edit->slot, &constant, a, &rank, &axis);
    if (!answer)
        answer = make_edit(fold, plan, node, &constant, a, axis, edit, err);
    if (answer)
        return answer;
    bool shifts = !bnf_affine_no_shift(a);
    const struct bnf_layer_rounding rounding = {.weight = edit->weight.weight,
        .factors = edit->weight.factors,
        .on_outer = edit->weight.on_outer,
        .channels_outer = edit->weight.on_outer,
        .bias = shifts ? a->shift : NULL,
        .bias_count = shifts ? a->channels : 0,
        .bias_dtype = constant.dtype};
    answer = bnf_layer_check(fold, plan, node, &rounding, err);
    if (answer)
        return answer;
    struct bnf_move move = {.apply = apply, .node = node, .affine = *a, .data = edit, .absorbs = true};
    if (shifts) {
        move.constant = make_shift(fold, constant.dtype, a, rank);
        if (!move.constant)
            return bnf_fail_memory(err);
        plan->affines_added++;
    }
    return bnf_plan_add(plan, &move, err);
}
