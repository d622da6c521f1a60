/* Pad. Reflected, repeated and wrapped values are values of x, so an affine of an axis that is not padded
 * passes; a constant v becomes s·v + t behind the affine's new place, (v − t)/s in front of it. */
#include "fold/through.h"

#include "graph/attr.h"
#include "onnx/dtype.h"

#include <math.h>

struct padding {
    bool constant;          /* mode */
    bool known;             /* the pads are */
    enum bnf_reason reason; /* why not, or NONE */
    bool on_axis;           /* the affine's axis is padded or cropped */
    bool adds;              /* some pad is positive */
};

/* The axis that entry i of `count` begins or ends; -1 when there is none. */
static int axis_of(const struct bnf_numbers *axes, bool listed, size_t i, int rank)
{
    if (!listed)
        return (int)i;
    return i < axes->count ? bnf_through_axis(axes->items[i], rank) : -1;
}

static int read_padding(
    struct bnf_fold *fold, const struct bnf_through *t, struct padding *p, struct bnf_err *err)
{
    struct bnf_numbers pads, axes = {.known = true};
    bool listed = t->opset >= 18 && bnf_node_input(fold->graph, t->node, 3) != BNF_NONE;
    int rank = fold->graph->values[t->input].shape.rank;
    *p = (struct padding){
        .constant = !bnf_attr_find(t->proto, "mode") || bnf_attr_is(t->proto, "mode", "constant"),
        .adds = true,
        .on_axis = true};
    int status = t->opset >= 11
                     ? bnf_through_input(fold, t->node, 1, &pads, err)
                     : bnf_through_attribute(fold, t->node, t->opset < 2 ? "paddings" : "pads", &pads, err);
    if (!status && listed)
        status = bnf_through_input(fold, t->node, 3, &axes, err);
    if (status)
        return status;
    p->reason = pads.reason ? pads.reason : axes.reason;
    size_t count = pads.count / 2;
    bool fits = pads.count % 2 == 0 && (listed ? count == axes.count : rank < 0 || count == (size_t)rank);
    if (!pads.known || !axes.known || !fits)
        return BNF_OK;
    p->known = true;
    p->adds = p->on_axis = false;
    for (size_t i = 0; i < count; i++) {
        int axis = axis_of(&axes, listed, i, rank);
        if (listed && axis < 0 && rank < 0)
            p->on_axis = true;
        p->adds = p->adds || pads.items[i] > 0 || pads.items[count + i] > 0;
        p->on_axis =
            p->on_axis || (axis == t->affine.axis && (pads.items[i] != 0 || pads.items[count + i] != 0));
    }
    return BNF_OK;
}

/* Values of x, or a constant: whatever else a mode may do is not known. */
static int check_mode(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    bool known = !bnf_attr_find(t->proto, "mode");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        known = known || bnf_attr_is(t->proto, "mode", modes[i]);
    if (known)
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, t->back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
        "%s '%s' has a mode that is not constant, reflect, edge or wrap", t->proto->op_type, t->text);
}

/* The axis that carries the affine stays as it is; or it carries the same everywhere. */
static int check_axis(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t,
    const struct padding *p, struct bnf_err *err)
{
    if (t->affine.axis == BNF_AXIS_ANY || !p->on_axis)
        return BNF_ANSWER_YES;
    if (p->known || bnf_affine_is_uniform(&t->affine))
        return bnf_through_uniform(fold, plan, t, "pads or crops it", err);
    return bnf_refuse(fold, plan, p->reason ? p->reason : BNF_REASON_SHAPE_UNKNOWN,
        "which axes %s '%s' pads is not known", t->proto->op_type, t->text);
}

/* ---- the constant ---- */

static int apply(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err)
{
    int status;
    if (move->constant) {
        bnf_id old = bnf_node_input(fold->graph, move->node, 2);
        const char *name = bnf_fold_name(fold, old);
        if (old == BNF_NONE)
            name = bnf_arena_format(
                fold->arena, "%s.value", bnf_fold_name(fold, bnf_node_output(fold->graph, move->node, 0)));
        status =
            name ? bnf_fold_attach(fold, move->node, 2, move->constant, name, err) : bnf_fail_memory(err);
    } else {
        const double *value = move->data;
        status = bnf_edit_attr_float(fold->graph, move->node, "value", (float)*value, err);
    }
    return status ? status : bnf_plan_rewire(fold, plan, move, err);
}

/* The number that is padded with, and the type and extents of the constant that holds it. */
struct filling {
    double number;
    bool by_input; /* an input, since operator set 11; an attribute before */
    int dtype;
    const int64_t *dims;
    size_t rank;
};

static int read_filling(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t,
    struct filling *f, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, t->node, 2);
    struct bnf_numbers numbers;
    struct bnf_tensor tensor;
    enum bnf_reason reason;
    *f = (struct filling){.by_input = t->opset >= 11,
        .dtype = bnf_fold_dtype(fold, t->input, bnf_fold_dtype(fold, t->output, 0))};
    if (!f->by_input)
        f->number = (double)bnf_attr_float(t->proto, "value", 0);
    if (f->by_input && value != BNF_NONE) {
        int status = bnf_through_input(fold, t->node, 2, &numbers, err);
        if (status)
            return status;
        if (!numbers.known || numbers.count != 1 || bnf_fold_tensor(fold, value, &tensor, &reason, NULL))
            return bnf_refuse(fold, plan, numbers.reason ? numbers.reason : BNF_REASON_BIAS_DYNAMIC,
                "the value '%s' that %s '%s' pads with is %s", bnf_fold_name(fold, value), t->proto->op_type,
                t->text, numbers.known ? "not one number" : "computed at run time");
        f->number = numbers.items[0];
        f->dtype = tensor.dtype;
        f->dims = tensor.dims;
        f->rank = tensor.rank;
    }
    if (bnf_dtype_is_float(f->dtype))
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the element type of what %s '%s' pads is not known",
        t->proto->op_type, t->text);
}

/* What the filling becomes on a channel. */
static double become(const struct bnf_through *t, const struct filling *f, size_t c)
{
    double s = t->affine.scale[c], shift = t->affine.shift[c];
    return t->back ? s * f->number + shift : (f->number - shift) / s;
}

/* One number serves all channels, once it is rounded; where it goes into a constant it is not, since another affine may
 * map it further. */
static int map_filling(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t,
    const struct filling *f, double *out)
{
    const struct bnf_affine *a = &t->affine;
    for (size_t c = 0; !t->back && c < a->channels; c++)
        if (a->scale[c] == 0)
            return bnf_refuse(fold, plan, BNF_REASON_ZERO_SCALE, "channel %zu of the affine has scale 0", c);
    double rounded = bnf_round(f->dtype, become(t, f, 0));
    *out = f->by_input ? become(t, f, 0) : rounded;
    for (size_t c = 1; c < a->channels; c++)
        if (bnf_round(f->dtype, become(t, f, c)) != rounded)
            return bnf_refuse(fold, plan, BNF_REASON_PADDING,
                "%s '%s' pads with %.6g, which would become %.6g on channel 0 and %.6g on channel %zu",
                t->proto->op_type, t->text, f->number, rounded, bnf_round(f->dtype, become(t, f, c)), c);
    if (*out == f->number)
        return BNF_ANSWER_YES;
    if (!isfinite(rounded) || (!t->back && !bnf_quotient_fits(f->dtype, f->number - a->shift[0], rounded)))
        return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW,
            "the value that %s '%s' pads with would not fit %s", t->proto->op_type, t->text,
            bnf_dtype_name(f->dtype));
    if (!f->by_input && (double)(float)*out != *out)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE,
            "the attribute that holds the value of %s '%s' is a float, and %.17g is none", t->proto->op_type,
            t->text, *out);
    return BNF_ANSWER_YES;
}

static int add_move(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t,
    const struct filling *f, double number, struct bnf_err *err)
{
    struct bnf_move move = {.apply = apply, .node = t->node, .affine = t->affine};
    if (f->by_input) {
        move.constant = bnf_pending_dense(fold->arena, f->dtype, f->dims, f->rank);
        if (!move.constant)
            return bnf_fail_memory(err);
        move.constant->dense[0] = number;
    } else {
        double *value = bnf_arena_alloc(&fold->scratch, 1, sizeof *value);
        if (!value)
            return bnf_fail_memory(err);
        *value = number;
        move.data = value;
    }
    int answer = bnf_plan_add(plan, &move, err);
    return answer ? answer : bnf_through_send(fold, plan, t, err);
}

int bnf_pad(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    struct padding p;
    struct filling f;
    double number = 0;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer)
        answer = check_mode(fold, plan, &t);
    if (!answer)
        answer = read_padding(fold, &t, &p, err);
    if (!answer)
        answer = check_axis(fold, plan, &t, &p, err);
    if (answer || !p.constant || !p.adds)
        return answer ? answer : bnf_through_pass(fold, plan, &t, err);
    answer = read_filling(fold, plan, &t, &f, err);
    if (!answer)
        answer = map_filling(fold, plan, &t, &f, &number);
    if (answer || number == f.number)
        return answer ? answer : bnf_through_pass(fold, plan, &t, err);
    return add_move(fold, plan, &t, &f, number, err);
}
