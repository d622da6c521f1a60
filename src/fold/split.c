/* Split and Slice, the counterparts of Concat: they pick channels, or cut along another axis and pass the
 * affine on. */
#include "fold/branch.h"

#include "graph/attr.h"
#include "graph/shapes_slice.h"

static int rank_of(const struct bnf_graph *g, bnf_id node)
{
    int rank = g->values[bnf_node_input(g, node, 0)].shape.rank;
    return rank >= 0 ? rank : g->values[bnf_node_output(g, node, 0)].shape.rank;
}

static int64_t extent_of(const struct bnf_graph *g, bnf_id value, int axis)
{
    const struct bnf_shape *shape = &g->values[value].shape;
    return shape->rank > axis ? shape->dims[axis] : BNF_DIM_UNKNOWN;
}

static bool is_unread(const struct bnf_value *v)
{
    return v->use_count == 0 && v->output_uses == 0;
}

/* A list of integers: an attribute, or a constant input (name NULL). */
struct list {
    int64_t *numbers; /* scratch; each within ±2⁶², beyond every extent */
    size_t count;
    bool given;
};

static int read_list(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const char *name,
    uint32_t slot, struct list *out, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id value = name ? BNF_NONE : bnf_node_input(g, node, slot);
    const struct bnf_tensor *tensor = NULL;
    const int64_t *ints = name ? bnf_attr_ints(g->nodes[node].proto, name, &out->count) : NULL;
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    out->given = ints || value != BNF_NONE;
    if (!out->given)
        return BNF_ANSWER_YES;
    if (!ints) {
        int status = g->values[value].is_new ? BNF_OK : bnf_constant(&fold->constants, value, &tensor, err);
        if (status == BNF_ENOMEM)
            return status;
        if (status || !tensor || (tensor->dtype != BNF_DTYPE_INT64 && tensor->dtype != BNF_DTYPE_INT32))
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
                "'%s' of %s '%s' is no constant list of integers", bnf_fold_name(fold, value),
                g->nodes[node].proto->op_type, text);
        out->count = tensor->count;
    }
    out->numbers = bnf_arena_alloc(&fold->scratch, out->count, sizeof *out->numbers);
    if (!out->numbers)
        return bnf_fail_memory(err);
    const int64_t limit = (int64_t)1 << 62;
    for (size_t i = 0; i < out->count; i++) {
        double wide = tensor ? bnf_tensor_at(tensor, i) : 0;
        int64_t number = ints ? ints[i] : wide >= 0x1p62 ? limit : wide <= -0x1p62 ? -limit : (int64_t)wide;
        out->numbers[i] = number > limit ? limit : number < -limit ? -limit : number;
    }
    return BNF_ANSWER_YES;
}

/* ---- Split ---- */

/* How many channels each output gets. */
static int parts_of(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int axis, size_t **parts,
    size_t *sum, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    uint32_t count = g->nodes[node].output_count;
    int64_t whole = extent_of(g, bnf_node_input(g, node, 0), axis), opset = bnf_node_opset(g, node);
    struct list listed = {0};
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    int answer = read_list(fold, plan, node, opset < 13 ? "split" : NULL, 1, &listed, err);
    if (answer)
        return answer;
    *sum = 0;
    *parts = bnf_arena_alloc(&fold->scratch, count, sizeof **parts);
    if (!*parts)
        return bnf_fail_memory(err);
    int64_t chunk = listed.given || whole < 0 ? 0 : (whole + count - 1) / count, left = whole;
    bool even = whole >= 0 && whole % count == 0;
    bool ragged = whole >= 0 && opset >= 18 && chunk * (count - 1) < whole; /* the last part is smaller */
    if (listed.given ? listed.count != count : !even && !ragged)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
            "how Split '%s' cuts axis %d into %u parts is not known", text, axis, count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t part = listed.given ? listed.numbers[i] : left < chunk ? left : chunk;
        left -= part;
        if (part < 0 || part > INT32_MAX)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "part %u of Split '%s' has extent %lld",
                i, text, (long long)part);
        (*parts)[i] = (size_t)part;
        *sum += (size_t)part;
    }
    if (whole >= 0 && (int64_t)*sum != whole)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "the parts of Split '%s' make %zu of %lld",
            text, *sum, (long long)whole);
    return BNF_ANSWER_YES;
}

/* The axis that is cut; YES or a refusal. Version 1 may read the sizes from its second input. */
static int cut_axis(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int *axis)
{
    const struct bnf_graph *g = fold->graph;
    int64_t given = bnf_attr_int(g->nodes[node].proto, "axis", 0);
    int rank = rank_of(g, node);
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    if (bnf_node_opset(g, node) < 13 && bnf_node_input(g, node, 1) != BNF_NONE)
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE,
            "Split '%s' reads its sizes from an input, before operator set 13", text);
    if (given < 0 && rank < 0)
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
            "Split '%s' counts its axis from the right, and the rank of its input is not known", text);
    given += given < 0 ? rank : 0;
    if (given < 0 || given > INT32_MAX || (rank >= 0 && given >= rank))
        return bnf_refuse(
            fold, plan, BNF_REASON_NO_RULE, "Split '%s' has no axis %lld", text, (long long)given);
    *axis = (int)given;
    return BNF_ANSWER_YES;
}

/* Outputs that nobody reads change their meaning too, and so their names. */
static int apply_split(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    int status = bnf_plan_rewire(fold, plan, move, err);
    for (uint32_t slot = 0; !status && slot < g->nodes[move->node].output_count; slot++) {
        bnf_id old = bnf_node_output(g, move->node, slot), fresh;
        if (old == BNF_NONE || g->values[old].is_new || !is_unread(&g->values[old]))
            continue;
        struct bnf_shape shape = g->values[old].shape;
        status = bnf_edit_value(g, g->values[old].scope, g->values[old].name, &fresh, err);
        if (status)
            break;
        g->values[fresh].shape = shape;
        bnf_edit_set_output(g, move->node, slot, fresh);
    }
    return status;
}

static int pass_split(struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return bnf_plan_add(plan, &(struct bnf_move){.apply = apply_split, .node = node}, err);
}

/* Along another axis, or for a scalar: every output that is read brings the same. */
static int back_alike(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *one,
    struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    char text[256];
    for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++) {
        bnf_id output = bnf_node_output(g, node, slot);
        const struct bnf_affine *other = bnf_plan_affine(plan, output);
        if (output == BNF_NONE || (!other && is_unread(&g->values[output])))
            continue;
        if (!other || !bnf_affine_is_same(one, other))
            return bnf_refuse(fold, plan, BNF_REASON_PRODUCER_SHARED, "output '%s' of Split '%s' brings %s",
                g->values[output].name, bnf_node_text(g, node, text, sizeof text),
                other ? "another affine" : "none");
    }
    int answer = pass_split(plan, node, err);
    return answer ? answer : bnf_plan_send(fold, plan, bnf_node_input(g, node, 0), one, err);
}

/* Along the cut axis: the outputs' channels side by side. */
static int back_parts(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int axis, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    size_t *parts = NULL, sum = 0, first = 0;
    char text[256];
    int answer = parts_of(fold, plan, node, axis, &parts, &sum, err);
    if (answer)
        return answer;
    struct bnf_affine out = bnf_affine_make(&fold->scratch, axis, sum);
    if (!out.scale)
        return bnf_fail_memory(err);
    for (uint32_t slot = 0; slot < g->nodes[node].output_count; first += parts[slot++]) {
        const struct bnf_affine *part = bnf_plan_affine(plan, bnf_node_output(g, node, slot));
        if (!part)
            continue;
        bool same = bnf_affine_is_uniform(part);
        if (!same && (part->axis != axis || part->channels != parts[slot]))
            return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
                "the affine has %zu channels on axis %d, output %u of Split '%s' %zu on axis %d",
                part->channels, part->axis, slot, bnf_node_text(g, node, text, sizeof text), parts[slot],
                axis);
        for (size_t c = 0; c < parts[slot]; c++) {
            out.scale[first + c] = part->scale[same ? 0 : c];
            out.shift[first + c] = part->shift[same ? 0 : c];
        }
    }
    answer = bnf_plan_pass(plan, node, err); /* an output without affine keeps its meaning */
    return answer ? answer : bnf_plan_send(fold, plan, bnf_node_input(g, node, 0), &out, err);
}

int bnf_split_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_affine *one = NULL;
    bool alike = true, on_axis = false;
    int axis = 0, answer = cut_axis(fold, plan, node, &axis);
    if (answer)
        return answer;
    for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++) {
        bnf_id output = bnf_node_output(g, node, slot);
        const struct bnf_affine *other = bnf_plan_affine(plan, output);
        if (output == BNF_NONE || (!other && is_unread(&g->values[output])))
            continue;
        one = one ? one : other;
        alike = alike && other && bnf_affine_is_same(one, other);
        on_axis = on_axis || (other && other->axis == axis && !bnf_affine_is_uniform(other));
    }
    /* Equal values on all channels lie on every axis; alone on some outputs they can only lie on the cut one.
     */
    bool uniform = bnf_affine_is_uniform(one);
    if (alike && uniform) {
        struct bnf_affine scalar = bnf_affine_scalar(&fold->scratch, one);
        return scalar.scale ? back_alike(fold, plan, node, &scalar, err) : bnf_fail_memory(err);
    }
    return on_axis || uniform ? back_parts(fold, plan, node, axis, err)
                              : back_alike(fold, plan, node, one, err);
}

int bnf_split_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    const struct bnf_affine *carried = bnf_plan_affine(plan, bnf_node_input(g, node, 0));
    size_t *parts = NULL, sum = 0, first = 0;
    char text[256];
    bnf_node_text(g, node, text, sizeof text);
    if (!carried)
        return bnf_refuse(
            fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR, "the affine makes the sizes of Split '%s'", text);
    const struct bnf_affine affine = *carried;
    int axis = 0, answer = affine.axis == BNF_AXIS_ANY ? BNF_ANSWER_YES : cut_axis(fold, plan, node, &axis);
    bool picks = affine.axis != BNF_AXIS_ANY && affine.axis == axis;
    if (!answer && picks)
        answer = parts_of(fold, plan, node, axis, &parts, &sum, err);
    if (!answer && picks && sum != affine.channels)
        answer = bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "the affine has %zu channels, Split '%s' cuts %zu", affine.channels, text, sum);
    if (!answer)
        answer = pass_split(plan, node, err);
    for (uint32_t slot = 0; !answer && slot < g->nodes[node].output_count; slot++) {
        bnf_id output = bnf_node_output(g, node, slot);
        struct bnf_affine part = affine;
        if (picks) {
            part.scale += first;
            part.shift += first;
            part.channels = parts[slot];
            first += part.channels;
        }
        if (output != BNF_NONE && !is_unread(&g->values[output]) && !bnf_affine_is_neutral(&part))
            answer = bnf_plan_send(fold, plan, output, &part, err);
    }
    return answer;
}

/* ---- Slice ---- */

/* What the node takes of one axis. */
struct range {
    bool whole; /* the axis is not sliced */
    int64_t start, end, step;
};

static int read_slice(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, int axis, struct range *out,
    struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bool inputs = bnf_node_opset(g, node) >= 10;
    static const char *const names[] = {"starts", "ends", "axes"};
    struct list lists[4] = {{0}};
    int rank = rank_of(g, node);
    char text[256];
    *out = (struct range){.whole = true};
    for (uint32_t i = 0; i < (inputs ? 4u : 3u); i++) {
        int answer = read_list(fold, plan, node, inputs ? NULL : names[i], i + 1, &lists[i], err);
        if (answer)
            return answer;
        if (i < 2 && !lists[i].given)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "Slice '%s' has no %s",
                bnf_node_text(g, node, text, sizeof text), names[i]);
        if (lists[i].given && lists[i].count != lists[0].count)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
                "Slice '%s' has %zu starts, and %zu elsewhere", bnf_node_text(g, node, text, sizeof text),
                lists[0].count, lists[i].count);
    }
    for (size_t i = 0; i < lists[0].count; i++) {
        int64_t which = lists[2].given ? lists[2].numbers[i] : (int64_t)i;
        if (which < 0 && rank < 0 && axis != BNF_AXIS_ANY)
            return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
                "Slice '%s' counts an axis from the right, and the rank of its input is not known",
                bnf_node_text(g, node, text, sizeof text));
        if (axis == BNF_AXIS_ANY || which + (which < 0 ? rank : 0) != axis)
            continue;
        if (!out->whole)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "Slice '%s' names axis %d twice",
                bnf_node_text(g, node, text, sizeof text), axis);
        *out = (struct range){.start = lists[0].numbers[i],
            .end = lists[1].numbers[i],
            .step = lists[3].given ? lists[3].numbers[i] : 1};
    }
    if (!out->whole && out->step == 0)
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "Slice '%s' has a step of 0",
            bnf_node_text(g, node, text, sizeof text));
    return BNF_ANSWER_YES;
}

/* Channels that the slice drops may take any affine: (1, 0) backward. Equal values on all channels pass
 * whatever is taken. */
static int slice(
    struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, bnf_id from, bnf_id to, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bool back = plan->walk == BNF_WALK_BACK;
    const struct bnf_affine affine = *bnf_plan_affine(plan, from);
    struct bnf_affine out = affine;
    struct range range = {.whole = true};
    char text[256];
    int answer = read_slice(fold, plan, node, affine.axis, &range, err);
    if (answer)
        return answer;
    bnf_node_text(g, node, text, sizeof text);
    if (bnf_affine_is_uniform(&affine)) {
        out = bnf_affine_scalar(&fold->scratch, &affine);
    } else if (!range.whole) {
        int64_t extent = extent_of(g, bnf_node_input(g, node, 0), affine.axis);
        if (extent < 0 || extent > INT32_MAX)
            return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN,
                "the extent of axis %d, of which Slice '%s' takes a "
                "part, is not known",
                affine.axis, text);
        struct bnf_taken these = bnf_slice_taken(extent, range.start, range.end, range.step);
        size_t count = (size_t)these.count, all = (size_t)extent;
        if (affine.channels != (back ? count : all))
            return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
                "the affine has %zu channels, Slice '%s' takes %zu of %zu", affine.channels, text, count,
                all);
        out = bnf_affine_make(&fold->scratch, affine.axis, back ? all : count);
        for (size_t i = 0; out.scale && i < count; i++) {
            size_t c = (size_t)(these.first + (int64_t)i * these.step);
            out.scale[back ? c : i] = affine.scale[back ? i : c];
            out.shift[back ? c : i] = affine.shift[back ? i : c];
        }
    }
    if (!out.scale)
        return bnf_fail_memory(err);
    /* Where all that the affine changed is dropped, it ends here. */
    struct bnf_move move = {.apply = bnf_plan_rewire, .node = node, .absorbs = bnf_affine_is_neutral(&out)};
    answer = bnf_plan_add(plan, &move, err);
    return answer || move.absorbs ? answer : bnf_plan_send(fold, plan, to, &out, err);
}

int bnf_slice_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    return slice(
        fold, plan, node, bnf_node_output(fold->graph, node, 0), bnf_node_input(fold->graph, node, 0), err);
}

int bnf_slice_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    bnf_id input = bnf_node_input(fold->graph, node, 0);
    char text[256];
    if (!bnf_plan_affine(plan, input))
        return bnf_refuse(fold, plan, BNF_REASON_CONSUMER_NOT_LINEAR,
            "the affine makes the range of Slice '%s'", bnf_node_text(fold->graph, node, text, sizeof text));
    return slice(fold, plan, node, input, bnf_node_output(fold->graph, node, 0), err);
}
