/* Operators of the reference evaluator that reduce, resize and pad. */
#include "support/eval_step.h"

#include <math.h>
#include <string.h>

/* The numbers of an input, or of the attribute that stands in its place. */
static size_t numbers(const struct step *s, size_t input, const char *attribute, double *out, size_t room)
{
    const Onnx__AttributeProto *list = bnf_attr_find(s->node, attribute);
    size_t count = list ? (list->n_ints ? list->n_ints : list->n_floats) : 0;
    if (!list && s->in_count > input && s->in[input])
        count = s->in[input]->count;
    for (size_t i = 0; i < count && i < room; i++)
        out[i] = !list          ? s->in[input]->value[i]
                 : list->n_ints ? (double)list->ints[i]
                                : (double)list->floats[i];
    return count < room ? count : room;
}

static size_t axis_of(double axis, size_t rank)
{
    return (size_t)(axis < 0 ? axis + (double)rank : axis);
}

bool step_reduce(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    const char *op = s->node->op_type;
    double axes[eval_most_rank];
    bool out[eval_most_rank] = {false}, keeps = bnf_attr_int(s->node, "keepdims", 1) != 0;
    bool mean = strcmp(op, "ReduceMean") == 0, most = strcmp(op, "ReduceMax") == 0,
         least = strcmp(op, "ReduceMin") == 0;
    int64_t full[eval_most_rank], dims[eval_most_rank];
    size_t count = numbers(s, 1, "axes", axes, eval_most_rank), rank = 0;
    for (size_t i = 0; i < x->rank; i++)
        out[i] = count == 0 && bnf_attr_int(s->node, "noop_with_empty_axes", 0) == 0;
    for (size_t i = 0; i < count; i++)
        out[axis_of(axes[i], x->rank)] = true;
    for (size_t i = 0; i < x->rank; i++) {
        full[i] = out[i] ? 1 : x->dims[i];
        if (keeps || !out[i])
            dims[rank++] = full[i];
    }
    *s->out = eval_new(s->arena, dims, rank);
    double each = (double)x->count / (double)s->out->count;
    for (size_t i = 0; (most || least) && i < s->out->count; i++)
        s->out->value[i] = most ? -INFINITY : INFINITY;
    for (size_t from = 0; from < x->count; from++) {
        size_t to = 0, rest = from, step = 1;
        for (size_t i = x->rank; i-- > 0; rest /= (size_t)x->dims[i]) {
            to += out[i] ? 0 : rest % (size_t)x->dims[i] * step;
            step *= (size_t)full[i];
        }
        double *value = &s->out->value[to], *mag = &s->out->mag[to];
        *value = most    ? fmax(*value, x->value[from])
                 : least ? fmin(*value, x->value[from])
                         : *value + x->value[from];
        *mag = most || least ? fmax(*mag, x->mag[from]) : *mag + x->mag[from];
    }
    for (size_t i = 0; mean && i < s->out->count; i++) {
        s->out->value[i] /= each;
        s->out->mag[i] /= each;
    }
    return true;
}

/* ---- resampling, one axis after the other */

struct axis {
    const Onnx__NodeProto *node;
    int64_t in, out;
    double scale;
    bool old; /* before coordinate modes: asymmetric */
};

/* Where output place `at` lies in the input. */
static double coordinate(const struct axis *a, int64_t at)
{
    const char *name = "coordinate_transformation_mode";
    double x = (double)at, in = (double)a->in, out = (double)a->out;
    if (a->old || bnf_attr_is(a->node, name, "asymmetric"))
        return x / a->scale;
    if (bnf_attr_is(a->node, name, "align_corners"))
        return a->out == 1 ? 0 : x * (in - 1) / (out - 1);
    if (bnf_attr_is(a->node, name, "tf_half_pixel_for_nn"))
        return (x + 0.5) / a->scale;
    if (bnf_attr_is(a->node, name, "pytorch_half_pixel") && a->out == 1)
        return 0;
    double offset =
        bnf_attr_is(a->node, name, "half_pixel_symmetric") ? in / 2 * (1 - out / (a->scale * in)) : 0;
    return offset + (x + 0.5) / a->scale - 0.5;
}

static double nearest(const struct axis *a, double x)
{
    if (a->old || bnf_attr_is(a->node, "nearest_mode", "floor"))
        return floor(x);
    if (bnf_attr_is(a->node, "nearest_mode", "ceil"))
        return ceil(x);
    return bnf_attr_is(a->node, "nearest_mode", "round_prefer_ceil") ? floor(x + 0.5) : ceil(x - 0.5);
}

static double kernel(bool cubic, double a, double d)
{
    d = fabs(d);
    if (!cubic)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* weights[in]: what output place `at` takes of each input place. */
static void weigh(const struct axis *a, int64_t at, double *weights)
{
    bool cubic = bnf_attr_is(a->node, "mode", "cubic");
    bool linear = bnf_attr_is(a->node, "mode", "linear") || bnf_attr_is(a->node, "mode", "bilinear");
    bool excludes = bnf_attr_int(a->node, "exclude_outside", 0) != 0;
    bool smooth = bnf_attr_int(a->node, "antialias", 0) != 0 && a->scale < 1;
    double x = coordinate(a, at), shrink = smooth ? a->scale : 1, sum = 0;
    memset(weights, 0, (size_t)a->in * sizeof *weights);
    if (!cubic && !linear) {
        weights[(int64_t)fmin(fmax(nearest(a, x), 0), (double)a->in - 1)] = 1;
        return;
    }
    double coefficient = (double)bnf_attr_float(a->node, "cubic_coeff_a", -0.75f),
           reach = (cubic ? 2 : 1) / shrink;
    for (double i = floor(x - reach); i <= ceil(x + reach); i++) {
        double w = kernel(cubic, coefficient, (i - x) * shrink);
        if (excludes && (i < 0 || i >= (double)a->in))
            continue;
        weights[(int64_t)fmin(fmax(i, 0), (double)a->in - 1)] += w;
        sum += w;
    }
    for (int64_t i = 0; i < a->in; i++)
        weights[i] /= sum;
}

static struct eval_tensor resample(
    struct step *s, const struct eval_tensor *x, size_t axis, const struct axis *a)
{
    int64_t dims[eval_most_rank];
    size_t before = 1, after = 1;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = a->out;
    struct eval_tensor out = eval_new(s->arena, dims, x->rank);
    double *weights = bnf_arena_alloc(s->arena, (size_t)a->in, sizeof *weights);
    for (size_t i = 0; i < axis; i++)
        before *= (size_t)x->dims[i];
    for (size_t i = axis + 1; i < x->rank; i++)
        after *= (size_t)x->dims[i];
    for (int64_t o = 0; o < a->out; o++) {
        weigh(a, o, weights);
        for (size_t b = 0; b < before; b++)
            for (int64_t i = 0; i < a->in; i++)
                for (size_t k = 0; k < after; k++) {
                    size_t to = (b * (size_t)a->out + (size_t)o) * after + k;
                    size_t from = (b * (size_t)a->in + (size_t)i) * after + k;
                    out.value[to] += weights[i] * x->value[from];
                    out.mag[to] += fabs(weights[i]) * x->mag[from];
                }
    }
    return out;
}

bool step_resize(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool upsample = strcmp(s->node->op_type, "Upsample") == 0, old = upsample || s->opset < 11;
    double scales[eval_most_rank], sizes[eval_most_rank], axes[eval_most_rank];
    size_t by_scale = numbers(s, old ? 1 : 2, "scales", scales, eval_most_rank);
    size_t by_size = old ? 0 : numbers(s, 3, "sizes", sizes, eval_most_rank);
    size_t listed = numbers(s, step_most_inputs, "axes", axes, eval_most_rank);
    size_t count = by_size ? by_size : by_scale;
    if (upsample && s->opset < 7) {
        count = x->rank;
        scales[0] = scales[1] = 1;
        scales[2] = (double)bnf_attr_float(s->node, "height_scale", 1);
        scales[3] = (double)bnf_attr_float(s->node, "width_scale", 1);
    }
    if (bnf_attr_is(s->node, "coordinate_transformation_mode", "tf_crop_and_resize") ||
        (bnf_attr_find(s->node, "keep_aspect_ratio_policy") &&
            !bnf_attr_is(s->node, "keep_aspect_ratio_policy", "stretch")))
        return step_refuse(s, "Resize that crops, or keeps a ratio");
    *s->out = *x;
    for (size_t i = 0; i < count; i++) {
        size_t axis = listed ? axis_of(axes[i], x->rank) : i;
        struct axis a = {.node = s->node, .in = x->dims[axis], .old = old};
        a.scale = by_size ? sizes[i] / (double)a.in : scales[i];
        a.out = by_size ? (int64_t)sizes[i] : (int64_t)floor((double)a.in * scales[i]);
        *s->out = resample(s, s->out, axis, &a);
    }
    return true;
}

/* ---- padding */

/* The input place that a place before or behind 0 … n−1 repeats; −1: none, it is the constant. */
static int64_t repeated(const struct step *s, int64_t at, int64_t n)
{
    if (at >= 0 && at < n)
        return at;
    if (bnf_attr_is(s->node, "mode", "edge"))
        return at < 0 ? 0 : n - 1;
    if (bnf_attr_is(s->node, "mode", "wrap"))
        return (at % n + n) % n;
    if (!bnf_attr_is(s->node, "mode", "reflect"))
        return -1;
    while (n > 1 && (at < 0 || at >= n))
        at = at < 0 ? -at : 2 * (n - 1) - at;
    return at;
}

bool step_pad(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    double list[2 * eval_most_rank], axes[eval_most_rank];
    int64_t begin[eval_most_rank] = {0}, dims[eval_most_rank];
    size_t count = numbers(s, 1, s->opset < 2 ? "paddings" : "pads", list, 2 * eval_most_rank) / 2;
    size_t listed = numbers(s, 3, "axes", axes, eval_most_rank);
    if (count != (listed ? listed : x->rank))
        return step_refuse(s, "Pad of some axes");
    double value = s->opset < 11 ? (double)bnf_attr_float(s->node, "value", 0)
                                 : (s->in_count > 2 && s->in[2] ? s->in[2]->value[0] : 0);
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 0; i < count; i++) {
        size_t axis = listed ? axis_of(axes[i], x->rank) : i;
        begin[axis] = (int64_t)list[i];
        dims[axis] += (int64_t)list[i] + (int64_t)list[count + i];
    }
    *s->out = eval_new(s->arena, dims, x->rank);
    for (size_t to = 0; to < s->out->count; to++) {
        size_t from = 0, rest = to, step = 1;
        bool inside = true;
        for (size_t i = x->rank; i-- > 0; rest /= (size_t)dims[i]) {
            int64_t at = repeated(s, (int64_t)(rest % (size_t)dims[i]) - begin[i], x->dims[i]);
            inside &= at >= 0;
            from += inside ? (size_t)at * step : 0;
            step *= (size_t)x->dims[i];
        }
        s->out->value[to] = inside ? x->value[from] : value;
        s->out->mag[to] = inside ? x->mag[from] : fabs(value);
    }
    return true;
}
