/* AveragePool, MaxPool and their global forms: an affine of the channels passes. Averages take a shift where
 * every window averages elements of x alone, maxima where there is no negative scale. */
#include "fold/through.h"

#include "graph/attr.h"

/* A pool's window along one spatial axis. */
struct sweep {
    int64_t extent; /* of x; negative: not known */
    int64_t kernel, stride, dilation, before, after;
    bool same, same_upper, ceil;
};

/* What its windows may meet; true where it is not known. */
struct meeting {
    bool beyond; /* one reaches beyond x */
    bool empty;  /* one holds no element of x */
};

enum { largest = 1 << 20 };

static bool sane(int64_t number, int64_t least)
{
    return number >= least && number <= largest;
}

static int64_t one_of(const Onnx__NodeProto *proto, const char *name, size_t at, int64_t fallback)
{
    size_t count;
    const int64_t *list = bnf_attr_ints(proto, name, &count);
    return list && at < count ? list[at] : fallback;
}

static void read_sweep(
    const struct bnf_fold *fold, const struct bnf_through *t, size_t at, size_t axes, struct sweep *w)
{
    const struct bnf_shape *shape = &fold->graph->values[t->input].shape;
    const Onnx__NodeProto *proto = t->proto;
    *w = (struct sweep){.extent = BNF_DIM_UNKNOWN,
        .kernel = one_of(proto, "kernel_shape", at, 0),
        .stride = one_of(proto, "strides", at, 1),
        .dilation = one_of(proto, "dilations", at, 1),
        .same_upper = bnf_attr_is(proto, "auto_pad", "SAME_UPPER"),
        .ceil = bnf_attr_int(proto, "ceil_mode", 0) != 0};
    w->same = w->same_upper || bnf_attr_is(proto, "auto_pad", "SAME_LOWER");
    if (shape->rank == (int)axes + 2)
        w->extent = shape->dims[at + 2];
    if (!w->same && !bnf_attr_is(proto, "auto_pad", "VALID")) {
        w->before = one_of(proto, "pads", at, 0);
        w->after = one_of(proto, "pads", at + axes, 0);
    }
}

/* Whatever the extent of x. Windows begin at most at n + after − kernel, one stride later when the end is
 * rounded up. */
static struct meeting meet_any(const struct sweep *w)
{
    bool late = w->ceil && w->stride > 1;
    if (w->same) {
        bool pads = w->kernel > 1;
        return (struct meeting){.beyond = pads || late, .empty = late || (pads && w->dilation > 1)};
    }
    bool beyond = w->before > 0 || w->after > 0 || late;
    bool near = w->before < w->kernel && w->after + (late ? w->stride - 1 : 0) < w->kernel;
    return (struct meeting){.beyond = beyond, .empty = beyond && (!near || w->dilation > 1)};
}

static struct meeting meet(const struct sweep *w)
{
    int64_t before = w->before, after = w->after;
    if (!sane(w->kernel, 1) || !sane(w->stride, 1) || !sane(w->dilation, 1) || !sane(before, 0) ||
        !sane(after, 0))
        return (struct meeting){true, true};
    int64_t reach = (w->kernel - 1) * w->dilation + 1;
    if (w->extent < 0 || w->extent > (int64_t)1 << 40)
        return meet_any(w);
    if (w->same) {
        int64_t count = (w->extent + w->stride - 1) / w->stride;
        int64_t total = (count - 1) * w->stride + reach - w->extent;
        total = total > 0 ? total : 0;
        before = w->same_upper ? total / 2 : total - total / 2;
        after = total - before;
    }
    int64_t room = w->extent + before + after - reach;
    if (room < 0)
        return (struct meeting){true, true};
    int64_t last = (room + (w->ceil ? w->stride - 1 : 0)) / w->stride * w->stride - before;
    struct meeting met = {.beyond = before > 0 || last + reach > w->extent, .empty = last >= w->extent};
    for (int64_t start = -before; start < 0 && start <= last; start += w->stride) {
        int64_t first =
            (-start + w->dilation - 1) / w->dilation; /* the first tap that is not in front of x */
        met.empty = met.empty || first >= w->kernel || start + first * w->dilation >= w->extent;
    }
    return met;
}

/* What the windows meet along any axis, and along which (counted from the left in x). */
static struct meeting meet_all(
    const struct bnf_fold *fold, const struct bnf_through *t, size_t *beyond_axis, size_t *empty_axis)
{
    struct meeting all = {false, false};
    size_t axes;
    if (!bnf_attr_ints(t->proto, "kernel_shape", &axes) || axes == 0) {
        *beyond_axis = *empty_axis = 2;
        return (struct meeting){true, true};
    }
    for (size_t i = axes; i-- > 0;) {
        struct sweep w;
        read_sweep(fold, t, i, axes, &w);
        struct meeting met = meet(&w);
        *beyond_axis = met.beyond ? i + 2 : *beyond_axis;
        *empty_axis = met.empty ? i + 2 : *empty_axis;
        all.beyond = all.beyond || met.beyond;
        all.empty = all.empty || met.empty;
    }
    return all;
}

static bool is_unit(const struct bnf_affine *a)
{
    return bnf_affine_unit_scale(a) && bnf_affine_no_shift(a);
}

/* A window that holds nothing gives a number of its own, which no affine reached. */
static int refuse_empty(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t, size_t axis)
{
    return bnf_refuse(fold, plan, BNF_REASON_WINDOW,
        "a window of %s '%s' may lie wholly in the padding of axis %zu", t->proto->op_type, t->text, axis);
}

static int average(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t)
{
    size_t beyond = 0, empty = 0;
    if (bnf_affine_no_shift(&t->affine))
        return BNF_ANSWER_YES;
    struct meeting met = meet_all(fold, t, &beyond, &empty);
    if (met.beyond && bnf_attr_int(t->proto, "count_include_pad", 0) != 0)
        return bnf_refuse(fold, plan, BNF_REASON_WINDOW,
            "the windows of %s '%s' count zeros beyond its input on axis %zu, and the shift is not 0",
            t->proto->op_type, t->text, beyond);
    return met.empty ? refuse_empty(fold, plan, t, empty) : BNF_ANSWER_YES;
}

static int maximum(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t)
{
    size_t beyond = 0, empty = 0;
    if (bnf_node_output(fold->graph, t->node, 1) != BNF_NONE)
        return bnf_refuse(fold, plan,
            t->back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
            "%s '%s' also gives the indices of its maxima", t->proto->op_type, t->text);
    int answer = bnf_through_no_negative(fold, plan, t);
    if (answer || is_unit(&t->affine))
        return answer;
    return meet_all(fold, t, &beyond, &empty).empty ? refuse_empty(fold, plan, t, empty) : BNF_ANSWER_YES;
}

int bnf_pool(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer && t.affine.axis >= 2)
        answer = bnf_through_uniform(fold, plan, &t, "slides its windows along it", err);
    if (!answer)
        answer =
            bnf_node_is(fold->graph, node, "MaxPool") ? maximum(fold, plan, &t) : average(fold, plan, &t);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}

int bnf_global_pool(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer && t.affine.axis >= 2)
        answer = bnf_through_uniform(fold, plan, &t, "pools over it", err);
    if (!answer && bnf_node_is(fold->graph, node, "GlobalMaxPool"))
        answer = bnf_through_no_negative(fold, plan, &t);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
