/* Resize and Upsample: every result is a weighted mean of x, so an affine passes that is the same along each
 * axis that is resampled. */
#include "fold/through.h"

#include "graph/attr.h"

static int refuse(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t, const char *why)
{
    return bnf_refuse(fold, plan, BNF_REASON_RESIZE, "%s '%s' %s", t->proto->op_type, t->text, why);
}

static bool mode_is(const struct bnf_through *t, const char *name, const char *text)
{
    return bnf_attr_is(t->proto, name, text);
}

/* Weights that add up to 1, whatever the scales. */
static int check_mode(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t)
{
    bool known = !bnf_attr_find(t->proto, "mode") || mode_is(t, "mode", "nearest") ||
                 mode_is(t, "mode", "linear") || mode_is(t, "mode", "bilinear") ||
                 mode_is(t, "mode", "cubic");
    if (!known)
        return refuse(fold, plan, t, "has a mode that is not nearest, linear or cubic");
    if (mode_is(t, "coordinate_transformation_mode", "tf_crop_and_resize"))
        return refuse(fold, plan, t, "fills what it crops beyond its input with a value of its own");
    return BNF_ANSWER_YES;
}

/* Half a pixel from where it was, even with scale 1: every other mode maps an axis onto itself then. */
static bool shifts_pixels(const struct bnf_through *t)
{
    bool nearest = !bnf_attr_find(t->proto, "mode") || mode_is(t, "mode", "nearest");
    bool down = !bnf_attr_find(t->proto, "nearest_mode") || mode_is(t, "nearest_mode", "floor") ||
                mode_is(t, "nearest_mode", "round_prefer_floor");
    return mode_is(t, "coordinate_transformation_mode", "tf_half_pixel_for_nn") && !(nearest && down);
}

/* Where the entry of an axis stands in scales and sizes; count when the axis is not among those resized. */
static size_t place_of(const Onnx__NodeProto *proto, int axis, int rank, size_t count)
{
    size_t listed;
    const int64_t *axes = bnf_attr_ints(proto, "axes", &listed);
    if (!axes)
        return (size_t)axis;
    for (size_t i = 0; i < listed; i++)
        if (bnf_through_axis((double)axes[i], rank) == axis)
            return i;
    return count;
}

static bool keeps_ratio(const struct bnf_through *t)
{
    return bnf_attr_find(t->proto, "keep_aspect_ratio_policy") &&
           !mode_is(t, "keep_aspect_ratio_policy", "stretch");
}

/* Sizes leave the axis alone when they say its extent; they may be computed from the very shape of x. */
static bool sizes_keep(const struct bnf_fold *fold, const struct bnf_through *t, int axis, size_t place,
    const struct bnf_numbers *sizes)
{
    const struct bnf_shape *in = &fold->graph->values[t->input].shape,
                           *out = &fold->graph->values[t->output].shape;
    if (keeps_ratio(t) || axis >= in->rank || in->dims[axis] < 0)
        return false;
    if (sizes->known)
        return place < sizes->count && sizes->items[place] == (double)in->dims[axis];
    return axis < out->rank && out->dims[axis] == in->dims[axis];
}

/* True when the channel axis is a copy of itself: its scale is a constant 1. *computed: that could not be
 * told. */
static int leaves_axis(
    struct bnf_fold *fold, const struct bnf_through *t, bool *leaves, bool *computed, struct bnf_err *err)
{
    int axis = t->affine.axis, rank = fold->graph->values[t->input].shape.rank, status = BNF_OK;
    bool upsample = bnf_node_is(fold->graph, t->node, "Upsample");
    struct bnf_numbers scales, sizes = {.known = true};
    *leaves = *computed = false;
    if (upsample && t->opset < 7) { /* height_scale and width_scale of the last two axes of four */
        *leaves = axis < 2;
        return BNF_OK;
    }
    if (upsample && t->opset < 9)
        status = bnf_through_attribute(fold, t->node, "scales", &scales, err);
    else
        status = bnf_through_input(fold, t->node, upsample || t->opset < 11 ? 1 : 2, &scales, err);
    bool sized = !upsample && t->opset >= 11 && bnf_node_input(fold->graph, t->node, 3) != BNF_NONE;
    if (!status && sized)
        status = bnf_through_input(fold, t->node, 3, &sizes, err);
    if (status)
        return status;
    sized = sized && (!sizes.known || sizes.count);
    size_t listed = 0, most = (size_t)-1, place = place_of(t->proto, axis, rank, most);
    bool by_axes = bnf_attr_ints(t->proto, "axes", &listed) != NULL;
    if (by_axes && place == most)
        *leaves = true;
    else if (sized)
        *leaves = sizes_keep(fold, t, axis, place, &sizes);
    else
        *leaves = scales.known && place < scales.count && scales.items[place] == 1 &&
                  scales.count == (by_axes       ? listed
                                      : rank < 0 ? scales.count
                                                 : (size_t)rank);
    *computed = sized ? !sizes.known : !scales.known;
    return BNF_OK;
}

int bnf_resize(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    bool leaves = false, computed = false;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (!answer)
        answer = check_mode(fold, plan, &t);
    if (answer)
        return answer;
    if (bnf_affine_is_uniform(&t.affine)) {
        answer = bnf_through_uniform(fold, plan, &t, "", err);
        return answer ? answer : bnf_through_pass(fold, plan, &t, err);
    }
    answer = leaves_axis(fold, &t, &leaves, &computed, err);
    if (!answer && (!leaves || shifts_pixels(&t)))
        return bnf_refuse(fold, plan, BNF_REASON_RESIZE,
            "%s '%s' %s axis %d, along which the affine's %zu channels lie", t.proto->op_type, t.text,
            computed ? "may resample" : "resamples", t.affine.axis, t.affine.channels);
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
