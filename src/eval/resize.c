/* What Resize and Upsample are to do: reading nodes, and where each element comes from. */
#include "eval/resize.h"

#include "eval/move.h"

#include <math.h>
#include <string.h>

/* The place of an attribute's text in a list of names, 0 when it is absent. BNF_EINPUT. */
static int pick_name(
    struct bnf_call *call, const char *attribute, const char *const *names, size_t count, size_t *out)
{
    *out = 0;
    if (!bnf_attr_find(call->proto, attribute))
        return BNF_OK;
    for (size_t i = 0; i < count; i++)
        if (bnf_attr_is(call->proto, attribute, names[i])) {
            *out = i;
            return BNF_OK;
        }
    return bnf_call_cannot(call, "this '%s' is not supported", attribute);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int read_modes(struct bnf_call *call, struct bnf_resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", "bilinear"};
    static const char *const places[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
        "align_corners", "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    size_t mode, place, rounding;
    int status = pick_name(call, "mode", modes, COUNT(modes), &mode);
    if (!status)
        status = pick_name(call, "coordinate_transformation_mode", places, COUNT(places), &place);
    if (!status)
        status = pick_name(call, "nearest_mode", roundings, COUNT(roundings), &rounding);
    if (status)
        return status;
    bool old = call->opset < 11;
    r->mode = mode == 3 ? BNF_RESIZE_LINEAR : (enum bnf_resize_mode)mode;
    r->place = old ? BNF_RESIZE_ASYMMETRIC : (enum bnf_resize_place)place;
    r->nearest = old ? BNF_NEAREST_SIMPLE : (enum bnf_resize_nearest)rounding;
    r->antialias = bnf_attr_int(call->proto, "antialias", 0) != 0 && r->mode != BNF_RESIZE_NEAREST;
    r->exclude_outside = bnf_attr_int(call->proto, "exclude_outside", 0) != 0;
    r->cubic = (double)bnf_attr_float(call->proto, "cubic_coeff_a", -0.75F);
    r->extrapolation = (double)bnf_attr_float(call->proto, "extrapolation_value", 0);
    return BNF_OK;
}

/* All axes as they are in x. */
static void begin(const struct bnf_array *x, struct bnf_resize *r)
{
    r->rank = x->rank;
    for (size_t i = 0; i < x->rank; i++) {
        r->axis[i].in = r->axis[i].out = x->dims[i];
        r->axis[i].length = (double)x->dims[i];
        r->axis[i].start = 0;
        r->axis[i].end = 1;
    }
}

static void finish(struct bnf_resize *r)
{
    for (size_t i = 0; i < r->rank; i++)
        r->axis[i].same = r->axis[i].in == r->axis[i].out && r->axis[i].length == (double)r->axis[i].in &&
                          r->place != BNF_RESIZE_TF_CROP_AND_RESIZE;
}

/* A scale, which models store as float. One that is a quotient of the extents means the quotient: rounded, it
 * would move places that lie exactly on or between elements to either side. */
static int set_scale(struct bnf_call *call, struct bnf_resize *r, size_t axis, double scale)
{
    double in = (double)r->axis[axis].in, share = 1;
    if (!(scale > 0) || scale > 1e9)
        return bnf_call_wrong(call, "the scale of axis %zu is %g", axis, scale);
    if (r->place == BNF_RESIZE_TF_CROP_AND_RESIZE)
        share = r->axis[axis].end - r->axis[axis].start;
    double out = floor((double)((float)(in * share) * (float)scale));
    if (!(out >= 0 && out < 1e15))
        return bnf_call_wrong(call, "axis %zu gets extent %g", axis, out);
    r->axis[axis].out = (int64_t)out;
    r->axis[axis].length = (float)(out / in) == (float)scale ? out : in * scale;
    return BNF_OK;
}

/* The integers of 'sizes', all axes alike where the aspect ratio is to be kept. */
static int set_sizes(struct bnf_call *call, struct bnf_resize *r, const size_t *axes, size_t count,
    const struct bnf_array *sizes)
{
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
    size_t policy;
    double scale = 0;
    int status = pick_name(call, "keep_aspect_ratio_policy", policies, COUNT(policies), &policy);
    if (status)
        return status;
    if (sizes->kind != BNF_KIND_INT || sizes->count != count)
        return bnf_call_wrong(call, "'sizes' has %zu numbers for %zu axes", sizes->count, count);
    for (size_t i = 0; i < count; i++) {
        int64_t size = ((const int64_t *)sizes->data)[i];
        if (size < 0)
            return bnf_call_wrong(call, "'sizes' holds %lld", (long long)size);
        double ratio = (double)size / (double)r->axis[axes[i]].in;
        if (!i || (policy == 1 ? ratio < scale : ratio > scale))
            scale = ratio;
        r->axis[axes[i]].out = size;
        r->axis[axes[i]].length = (double)size;
    }
    for (size_t i = 0; policy && i < count; i++) {
        double length = scale * (double)r->axis[axes[i]].in;
        if (!(length < 1e15))
            return bnf_call_wrong(call, "axis %zu gets extent %g", axes[i], length);
        r->axis[axes[i]].out = (int64_t)floor(length + 0.5);
        bool whole = fabs(length - floor(length + 0.5)) < 1e-9 * length;
        r->axis[axes[i]].length = whole ? (double)r->axis[axes[i]].out : length;
    }
    return BNF_OK;
}

/* The axes that roi, scales and sizes speak of: all, or from operator set 18 on those of 'axes'. */
static int read_axes(struct bnf_call *call, size_t rank, size_t *axes, size_t *count)
{
    const int64_t *list;
    size_t given = SIZE_MAX;
    int status = bnf_move_list(call, "axes", SIZE_MAX, &list, &given);
    if (status)
        return status;
    *count = given == SIZE_MAX ? rank : given;
    if (*count > rank)
        return bnf_call_wrong(call, "'axes' has %zu numbers for rank %zu", *count, rank);
    bool seen[bnf_most_rank] = {false};
    for (size_t i = 0; i < *count; i++) {
        axes[i] = i;
        if (given != SIZE_MAX && !bnf_axis(list[i], rank, &axes[i]))
            return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)list[i], rank);
        if (seen[axes[i]])
            return bnf_call_wrong(call, "'axes' holds axis %zu twice", axes[i]);
        seen[axes[i]] = true;
    }
    return BNF_OK;
}

static int set_scales(struct bnf_call *call, struct bnf_resize *r, const size_t *axes, size_t count,
    const struct bnf_array *scales)
{
    if (!scales || scales->kind != BNF_KIND_REAL || scales->count != count)
        return bnf_call_wrong(
            call, "'scales' has %zu numbers for %zu axes", scales ? scales->count : 0, count);
    for (size_t i = 0; i < count; i++) {
        int status = set_scale(call, r, axes[i], bnf_array_at(scales, i));
        if (status)
            return status;
    }
    return BNF_OK;
}

int bnf_resize_read(struct bnf_call *call, const struct bnf_array *x, struct bnf_resize *r)
{
    size_t axes[bnf_most_rank], count;
    bool old = call->opset < 11;
    const struct bnf_array *roi = old ? NULL : bnf_call_input(call, 1),
                           *scales = bnf_call_input(call, old ? 1 : 2);
    const struct bnf_array *sizes = old ? NULL : bnf_call_input(call, 3);
    int status = read_modes(call, r);
    if (!status)
        status = read_axes(call, x->rank, axes, &count);
    if (status)
        return status;
    begin(x, r);
    if (r->place == BNF_RESIZE_TF_CROP_AND_RESIZE) {
        if (!roi || roi->kind != BNF_KIND_REAL || roi->count != 2 * count)
            return bnf_call_wrong(call, "'roi' has %zu numbers for %zu axes", roi ? roi->count : 0, count);
        for (size_t i = 0; i < count; i++) {
            r->axis[axes[i]].start = bnf_array_at(roi, i);
            r->axis[axes[i]].end = bnf_array_at(roi, count + i);
        }
    }
    status = sizes && sizes->count ? set_sizes(call, r, axes, count, sizes)
                                   : set_scales(call, r, axes, count, scales);
    finish(r);
    return status;
}

int bnf_upsample_read(struct bnf_call *call, const struct bnf_array *x, struct bnf_resize *r)
{
    static const char *const plain[] = {"height_scale", "width_scale"};
    size_t axes[bnf_most_rank], count;
    int status = read_modes(call, r);
    if (!status)
        status = read_axes(call, x->rank, axes, &count);
    if (status)
        return status;
    begin(x, r);
    const Onnx__AttributeProto *scales = bnf_attr_find(call->proto, "scales");
    if (call->opset >= 9) {
        status = set_scales(call, r, axes, count, bnf_call_input(call, 1));
    } else if (call->opset >= 7 || scales) {
        if (!scales || scales->n_floats != x->rank)
            return bnf_call_wrong(
                call, "'scales' has %zu numbers for rank %zu", scales ? scales->n_floats : 0, x->rank);
        for (size_t i = 0; !status && i < x->rank; i++)
            status = set_scale(call, r, i, (double)scales->floats[i]);
    } else {
        if (x->rank != 4)
            return bnf_call_wrong(call, "its input has rank %zu, not 4", x->rank);
        for (size_t i = 0; !status && i < 2; i++)
            status = set_scale(call, r, 2 + i, (double)bnf_attr_float(call->proto, plain[i], 0));
    }
    finish(r);
    return status;
}

/* ---- where elements come from ---- */

/* The place on the input that output position x stands for. */
static double place_of(const struct bnf_resize *r, size_t axis, double x)
{
    double in = (double)r->axis[axis].in, length = r->axis[axis].length, out = (double)r->axis[axis].out;
    double start = r->axis[axis].start, end = r->axis[axis].end;
    switch (r->place) {
    case BNF_RESIZE_HALF_PIXEL:
        break;
    case BNF_RESIZE_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - out / length) + (x + 0.5) * in / length - 0.5;
    case BNF_RESIZE_PYTORCH_HALF_PIXEL:
        if (out == 1)
            return 0;
        break;
    case BNF_RESIZE_ALIGN_CORNERS:
        return out == 1 ? 0 : x * (in - 1) / (length - 1);
    case BNF_RESIZE_ASYMMETRIC:
        return x * in / length;
    case BNF_RESIZE_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) * in / length;
    case BNF_RESIZE_TF_CROP_AND_RESIZE:
        return out == 1 ? (start + end) * (in - 1) / 2
                        : start * (in - 1) + x * (end - start) * (in - 1) / (out - 1);
    }
    return (x + 0.5) * in / length - 0.5;
}

/* Scales such as 0.6 are not exact, but the places that they lead to, say 2 or 2.5, are meant so. */
static double snapped(double place)
{
    double half = floor(2 * place + 0.5) / 2;
    return fabs(place - half) < 1e-6 * (1 + fabs(place)) ? half : place;
}

static double nearest_to(const struct bnf_resize *r, size_t axis, double place)
{
    switch (r->nearest) {
    case BNF_NEAREST_ROUND_PREFER_FLOOR:
        return ceil(place - 0.5);
    case BNF_NEAREST_ROUND_PREFER_CEIL:
        return floor(place + 0.5);
    case BNF_NEAREST_FLOOR:
        break;
    case BNF_NEAREST_CEIL:
        return ceil(place);
    case BNF_NEAREST_SIMPLE:
        return r->axis[axis].length < (double)r->axis[axis].in ? ceil(place) : floor(place);
    }
    return floor(place);
}

/* The weight of an element at a distance, before normalization. */
static double kernel(const struct bnf_resize *r, double distance)
{
    double x = fabs(distance), a = r->cubic;
    if (r->mode == BNF_RESIZE_LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* The taps of one position. `shrink` ≤ 1 widens the kernel against aliasing; first … first+each-1 are the
 * elements from the one before the place on. */
static void weigh(const struct bnf_resize *r, size_t axis, double place, double shrink, int64_t first,
    size_t each, int64_t *index, double *weight)
{
    double base = ceil(place) - 1, ratio = place - base, sum = 0, kept = 0;
    double last = (double)r->axis[axis].in - 1;
    for (size_t k = 0; k < each; k++) {
        double step = (double)(first + (int64_t)k);
        weight[k] = kernel(r, shrink * (step - ratio));
        sum += weight[k];
        double at = base + step;
        if (at >= 0 && at <= last)
            kept += weight[k];
        index[k] = at < 0 ? 0 : at > last ? (int64_t)last : (int64_t)at;
        if (r->exclude_outside && (at < 0 || at > last))
            index[k] = -1;
    }
    bool exclude = r->exclude_outside && kept != 0;
    for (size_t k = 0; k < each; k++) {
        weight[k] = exclude && index[k] < 0 ? 0 : weight[k] / (exclude ? kept : sum);
        if (index[k] < 0)
            index[k] = exclude || base < 0 ? 0 : (int64_t)last;
    }
}

int bnf_resize_taps(struct bnf_call *call, const struct bnf_resize *r, size_t axis, struct bnf_taps *taps)
{
    size_t out = (size_t)r->axis[axis].out;
    double last = (double)r->axis[axis].in - 1, shrink = 1;
    int64_t first = 0;
    taps->each = 1;
    if (r->mode != BNF_RESIZE_NEAREST) {
        if (r->antialias && r->axis[axis].length < (double)r->axis[axis].in)
            shrink = r->axis[axis].length / (double)r->axis[axis].in;
        first = (int64_t)floor((r->mode == BNF_RESIZE_CUBIC ? -2 : -1) / shrink) + 1;
        taps->each = (size_t)(2 - 2 * first);
    }
    taps->index = bnf_arena_alloc(call->arena, out + 1, taps->each * sizeof *taps->index);
    taps->weight = bnf_arena_alloc(call->arena, out + 1, taps->each * sizeof *taps->weight);
    taps->outside = bnf_arena_alloc(call->arena, out + 1, sizeof *taps->outside);
    if (!taps->index || !taps->weight || !taps->outside)
        return bnf_fail_memory(call->err);
    for (size_t j = 0; j < out; j++) {
        double place = place_of(r, axis, (double)j);
        taps->outside[j] = r->place == BNF_RESIZE_TF_CROP_AND_RESIZE && (place < 0 || place > last);
        if (r->mode == BNF_RESIZE_NEAREST) {
            double at = nearest_to(r, axis, snapped(place));
            taps->index[j] = at < 0 ? 0 : at > last ? (int64_t)last : (int64_t)at;
            taps->weight[j] = 1;
        } else {
            weigh(r, axis, place, shrink, first, taps->each, taps->index + j * taps->each,
                taps->weight + j * taps->each);
        }
    }
    return BNF_OK;
}
