#include "check/ties.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

/* How many times the noise two candidates may be apart to count as tied. */
#define NEAR 4.0

/* Operators that keep the elements and their order. */
static bool keeps_elements(const struct bnf_graph *g, bnf_id node)
{
    static const char *const types[] = {"Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (bnf_node_is(g, node, types[i]))
            return true;
    return false;
}

/* A scalar input, `fallback` when it is absent, NAN when it is computed. */
static double scalar(struct bnf_constants *constants, bnf_id node, uint32_t slot, double fallback)
{
    const struct bnf_tensor *tensor = NULL;
    bnf_id value = bnf_node_input(constants->graph, node, slot);
    if (value == BNF_NONE)
        return fallback;
    struct bnf_err err = {0};
    if (!bnf_is_constant(constants, value) || bnf_constant(constants, value, &tensor, &err) || !tensor ||
        tensor->count != 1 || !bnf_dtype_is_number(tensor->dtype))
        return NAN;
    return bnf_tensor_at(tensor, 0);
}

void bnf_decider_find(struct bnf_constants *constants, bnf_id value, struct bnf_decider *out)
{
    const struct bnf_graph *g = constants->graph;
    *out = (struct bnf_decider){.data = BNF_NONE, .boxes = BNF_NONE};
    bnf_id node = g->values[value].producer;
    while (node != BNF_NONE && keeps_elements(g, node)) {
        value = bnf_node_input(g, node, 0);
        node = value == BNF_NONE ? BNF_NONE : g->values[value].producer;
    }
    if (node == BNF_NONE)
        return;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    bool extreme = bnf_node_is(g, node, "ArgMax") || bnf_node_is(g, node, "ArgMin");
    bool top = bnf_node_is(g, node, "TopK") && g->values[value].output == 1;
    if (extreme || top) {
        out->kind = BNF_DECIDER_EXTREME;
        out->axis = bnf_attr_int(proto, "axis", extreme ? 0 : -1);
        out->data = bnf_node_input(g, node, 0);
    } else if (bnf_node_is(g, node, "NonMaxSuppression")) {
        out->kind = BNF_DECIDER_BOXES;
        out->boxes = bnf_node_input(g, node, 0);
        out->data = bnf_node_input(g, node, 1);
        out->overlap = scalar(constants, node, 3, 0);
        out->threshold = scalar(constants, node, 4, -INFINITY);
        out->centers = bnf_attr_int(proto, "center_point_box", 0) != 0;
    }
    if (out->data == BNF_NONE)
        out->kind = BNF_DECIDER_NONE;
}

bool bnf_tie_is_near(
    const struct bnf_tie *tie, size_t index, const struct bnf_array *ref, const struct bnf_array *new)
{
    if (ref->kind != BNF_KIND_INT)
        return false;
    const struct bnf_array *x = tie->data;
    int64_t one = ((const int64_t *)ref->data)[index], other = ((const int64_t *)new->data)[index];
    int64_t axis = tie->decider->axis < 0 ? tie->decider->axis + (int64_t)x->rank : tie->decider->axis;
    if (tie->decider->kind != BNF_DECIDER_EXTREME || axis < 0 || axis >= (int64_t)x->rank || x->count == 0)
        return false;
    size_t inner = 1, extent = (size_t)x->dims[axis];
    for (size_t i = (size_t)axis + 1; i < x->rank; i++)
        inner *= (size_t)x->dims[i];
    size_t outer = x->count / extent / inner, places = ref->count / outer / inner;
    if (places == 0 || places * outer * inner != ref->count || one < 0 || other < 0 ||
        (size_t)one >= extent || (size_t)other >= extent)
        return false;
    size_t base = index / inner / places * extent * inner + index % inner;
    double a = bnf_array_at(x, base + (size_t)one * inner), b = bnf_array_at(x, base + (size_t)other * inner);
    return fabs(a - b) <= NEAR * tie->noise * tie->scale;
}

/* ---- boxes ---- */

/* Corners of a box, lower ones first. */
static void corners(const struct bnf_tie *tie, int64_t batch, int64_t box, double out[4])
{
    size_t at = (size_t)((batch * tie->boxes->dims[1] + box) * 4);
    double b[4];
    for (size_t i = 0; i < 4; i++)
        b[i] = bnf_array_at(tie->boxes, at + i);
    if (tie->decider->centers) {
        out[0] = b[0] - b[2] / 2, out[2] = b[0] + b[2] / 2;
        out[1] = b[1] - b[3] / 2, out[3] = b[1] + b[3] / 2;
        return;
    }
    out[0] = fmin(b[0], b[2]), out[2] = fmax(b[0], b[2]);
    out[1] = fmin(b[1], b[3]), out[3] = fmax(b[1], b[3]);
}

static double overlap(const double a[4], const double b[4])
{
    double height = fmin(a[2], b[2]) - fmax(a[0], b[0]), width = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double common = height > 0 && width > 0 ? height * width : 0;
    double all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
    return all > 0 ? common / all : 0;
}

static double score(const struct bnf_tie *tie, int64_t batch, int64_t class, int64_t box)
{
    const struct bnf_array *s = tie->data;
    return bnf_array_at(s, (size_t)((batch * s->dims[1] + class) * s->dims[2] + box));
}

/* Could noise have decided about this box? Its score is at the threshold or at another's, or an overlap is at
 * its threshold. */
static bool box_is_near(const struct bnf_tie *tie, const int64_t row[3])
{
    const struct bnf_decider *d = tie->decider;
    double mine[4], near = NEAR * tie->noise, own = score(tie, row[0], row[1], row[2]);
    corners(tie, row[0], row[2], mine);
    if (isnan(d->overlap) || isnan(d->threshold) || fabs(own - d->threshold) <= near * tie->scale)
        return true;
    for (int64_t other = 0; other < tie->data->dims[2]; other++) {
        if (other == row[2] || score(tie, row[0], row[1], other) < d->threshold)
            continue;
        double theirs[4];
        corners(tie, row[0], other, theirs);
        double common = overlap(mine, theirs);
        if (fabs(common - d->overlap) <= near ||
            (common > 0 && fabs(own - score(tie, row[0], row[1], other)) <= near * tie->scale))
            return true;
    }
    return false;
}

static bool holds_row(const struct bnf_array *a, const int64_t row[3])
{
    for (size_t i = 0; i + 3 <= a->count; i += 3)
        if (memcmp((const int64_t *)a->data + i, row, 3 * sizeof *row) == 0)
            return true;
    return false;
}

/* Looks at the rows that only `a` has. */
static bool rows_near(
    const struct bnf_tie *tie, const struct bnf_array *a, const struct bnf_array *b, bool *some)
{
    const struct bnf_array *s = tie->data;
    for (size_t i = 0; i + 3 <= a->count; i += 3) {
        const int64_t *row = (const int64_t *)a->data + i;
        if (holds_row(b, row))
            continue;
        *some = true;
        for (size_t axis = 0; axis < 3; axis++)
            if (row[axis] < 0 || row[axis] >= s->dims[axis])
                return false;
        if (!box_is_near(tie, row))
            return false;
    }
    return true;
}

bool bnf_tie_boxes_near(const struct bnf_tie *tie, const struct bnf_array *ref, const struct bnf_array *new)
{
    bool some = false;
    const struct bnf_array *s = tie->data, *boxes = tie->boxes;
    if (tie->decider->kind != BNF_DECIDER_BOXES || !boxes || s->rank != 3 || boxes->rank != 3 ||
        boxes->dims[2] != 4 || boxes->dims[0] != s->dims[0] || boxes->dims[1] != s->dims[2])
        return false;
    return rows_near(tie, ref, new, &some) && rows_near(tie, new, ref, &some) && some;
}
