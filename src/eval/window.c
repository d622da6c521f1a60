#include "eval/window.h"

/* Large enough for any real model, small enough that products of two stay within int64_t. */
static const int64_t most = (int64_t)1 << 30;

enum padding { EXPLICIT, SAME_UPPER, SAME_LOWER, VALID };

static enum padding padding_of(const struct bnf_call *call)
{
    return bnf_attr_is(call->proto, "auto_pad", "SAME_UPPER")   ? SAME_UPPER
           : bnf_attr_is(call->proto, "auto_pad", "SAME_LOWER") ? SAME_LOWER
           : bnf_attr_is(call->proto, "auto_pad", "VALID")      ? VALID
                                                                : EXPLICIT;
}

/* Copies an attribute's numbers, each at least `least`, behind the axes that are not in use. */
static int read_ints(struct bnf_call *call, const char *name, int64_t least, size_t spatial, int64_t out[3])
{
    size_t count;
    const int64_t *ints = bnf_attr_ints(call->proto, name, &count);
    if (!ints || !count)
        return BNF_OK;
    if (count != spatial)
        return bnf_call_wrong(call, "'%s' has %zu numbers for %zu spatial axes", name, count, spatial);
    for (size_t i = 0; i < count; i++) {
        if (ints[i] < least || ints[i] > most)
            return bnf_call_wrong(call, "'%s' has the number %lld, allowed are %lld to %lld", name,
                (long long)ints[i], (long long)least, (long long)most);
        out[bnf_most_spatial - spatial + i] = ints[i];
    }
    return BNF_OK;
}

static int read_pads(struct bnf_call *call, struct bnf_window *w)
{
    size_t count;
    const int64_t *pads = bnf_attr_ints(call->proto, "pads", &count);
    if (!pads || !count || padding_of(call) != EXPLICIT)
        return BNF_OK;
    if (count != 2 * w->spatial)
        return bnf_call_wrong(call, "'pads' has %zu numbers for %zu spatial axes", count, w->spatial);
    for (size_t i = 0; i < count; i++) {
        if (pads[i] < 0 || pads[i] > most)
            return bnf_call_cannot(call, "'pads' has the number %lld, supported are 0 to %lld",
                (long long)pads[i], (long long)most);
        size_t axis = bnf_most_spatial - w->spatial + i % w->spatial;
        (i < w->spatial ? w->begin : w->end)[axis] = pads[i];
    }
    return BNF_OK;
}

int bnf_window_attributes(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *w)
{
    if (x->rank < 3)
        return bnf_call_wrong(call, "the input has rank %zu, at least 3 is needed", x->rank);
    if (x->rank > 2 + bnf_most_spatial)
        return bnf_call_cannot(call, "%zu spatial axes are more than %d", x->rank - 2, bnf_most_spatial);
    *w = (struct bnf_window){.spatial = x->rank - 2};
    for (size_t i = 0; i < bnf_most_spatial; i++)
        w->in[i] = w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
    size_t first = bnf_most_spatial - w->spatial;
    for (size_t i = 0; i < w->spatial; i++) {
        w->in[first + i] = x->dims[2 + i];
        if (x->dims[2 + i] > most)
            return bnf_call_cannot(
                call, "an extent of %lld is above %lld", (long long)x->dims[2 + i], (long long)most);
    }
    if (!kernel && !bnf_attr_find(call->proto, "kernel_shape"))
        return bnf_call_wrong(call, "'kernel_shape' is missing");
    int status = read_ints(call, "kernel_shape", 1, w->spatial, w->kernel);
    if (!status)
        status = read_ints(call, "strides", 1, w->spatial, w->stride);
    if (!status)
        status = read_ints(call, "dilations", 1, w->spatial, w->dilation);
    if (!status)
        status = read_pads(call, w);
    for (size_t i = 0; kernel && !status && i < w->spatial; i++) {
        bool stated = bnf_attr_find(call->proto, "kernel_shape");
        if (kernel[i] < 1 || kernel[i] > most || (stated && kernel[i] != w->kernel[first + i]))
            status = bnf_call_wrong(call, "the weight's extent %zu is %lld, which is not the kernel's", 2 + i,
                (long long)kernel[i]);
        w->kernel[first + i] = kernel[i];
    }
    return status;
}

int64_t bnf_window_reach(const struct bnf_window *w, size_t axis)
{
    return (w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

void bnf_window_trim(struct bnf_window *w)
{
    for (size_t i = 0; i < bnf_most_spatial; i++) {
        int64_t before = w->begin[i] - (w->out[i] - 1) * w->stride[i], last = (w->in[i] - 1 + w->begin[i]) / w->dilation[i];
        int64_t first = before <= 0 ? 0 : (before + w->dilation[i] - 1) / w->dilation[i];
        last = last < w->kernel[i] - 1 ? last : w->kernel[i] - 1;
        if (first > last)
            last = first = 0; /* padding is all it ever sees */
        w->kernel[i] = last - first + 1;
        w->begin[i] -= first * w->dilation[i];
    }
}

size_t bnf_window_volume(const int64_t extents[3])
{
    return (size_t)extents[0] * (size_t)extents[1] * (size_t)extents[2];
}

void bnf_window_inside(const struct bnf_window *w, size_t axis, int64_t tap, int64_t *first, int64_t *last)
{
    int64_t stride = w->stride[axis], shift = tap * w->dilation[axis] - w->begin[axis];
    int64_t room = w->in[axis] - shift;
    *first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    *last = room <= 0 ? 0 : (room + stride - 1) / stride;
    if (*last > w->out[axis])
        *last = w->out[axis];
    if (*first > *last)
        *first = *last;
}

void bnf_window_dims(const struct bnf_window *w, int64_t batch, int64_t channels, int64_t *dims)
{
    dims[0] = batch;
    dims[1] = channels;
    for (size_t i = 0; i < w->spatial; i++)
        dims[2 + i] = w->out[bnf_most_spatial - w->spatial + i];
}

int bnf_window_slide(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *w)
{
    int status = bnf_window_attributes(call, x, kernel, w);
    bool ceil = bnf_attr_int(call->proto, "ceil_mode", 0) != 0;
    enum padding padding = padding_of(call);
    for (size_t i = 0; !status && i < bnf_most_spatial; i++) {
        int64_t stride = w->stride[i], in = w->in[i], reach = bnf_window_reach(w, i);
        if (padding == SAME_UPPER || padding == SAME_LOWER) {
            w->out[i] = (in + stride - 1) / stride;
            int64_t pads = (w->out[i] - 1) * stride + reach - in;
            pads = pads < 0 ? 0 : pads;
            w->begin[i] = padding == SAME_UPPER ? pads / 2 : pads - pads / 2;
            w->end[i] = pads - w->begin[i];
            continue;
        }
        int64_t room = in + w->begin[i] + w->end[i] - reach;
        if (room < 0)
            return bnf_call_wrong(call, "a window over %lld does not fit into an extent of %lld with padding",
                (long long)reach, (long long)(room + reach));
        w->out[i] = room / stride + 1;
        if (ceil && room % stride != 0 && w->out[i] * stride < in + w->begin[i])
            w->out[i]++;
    }
    return status;
}

/* output_shape along the spatial axes (some files state batch and channels, too); the padding follows from
 * it. */
static int stated_shape(
    struct bnf_call *call, struct bnf_window *w, enum padding padding, const int64_t more[3])
{
    size_t count;
    const int64_t *shape = bnf_attr_ints(call->proto, "output_shape", &count);
    if (count != w->spatial && count != w->spatial + 2)
        return bnf_call_wrong(call, "'output_shape' has %zu numbers for %zu spatial axes", count, w->spatial);
    for (size_t i = 0; i < w->spatial; i++) {
        size_t axis = bnf_most_spatial - w->spatial + i;
        int64_t out = shape[count - w->spatial + i];
        if (out < 0 || out > most)
            return bnf_call_wrong(call, "'output_shape' has the number %lld", (long long)out);
        int64_t pads = (w->in[axis] - 1) * w->stride[axis] + more[axis] + bnf_window_reach(w, axis) - out;
        pads = pads < 0 ? 0 : pads;
        w->out[axis] = out;
        w->begin[axis] = padding == SAME_UPPER ? pads / 2 : pads - pads / 2;
        w->end[axis] = pads - w->begin[axis];
    }
    for (size_t axis = 0; axis < bnf_most_spatial - w->spatial; axis++)
        w->out[axis] = 1;
    return BNF_OK;
}

int bnf_window_unslide(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *w)
{
    int64_t more[3] = {0, 0, 0};
    enum padding padding = padding_of(call);
    int status = bnf_window_attributes(call, x, kernel, w);
    if (!status)
        status = read_ints(call, "output_padding", 0, w->spatial, more);
    if (status)
        return status;
    if (bnf_attr_find(call->proto, "output_shape"))
        return stated_shape(call, w, padding, more);
    for (size_t i = 0; i < bnf_most_spatial; i++) {
        int64_t full = (w->in[i] - 1) * w->stride[i] + more[i] + bnf_window_reach(w, i);
        if (padding == SAME_UPPER || padding == SAME_LOWER) {
            int64_t pads = full - w->in[i] * w->stride[i];
            pads = pads < 0 ? 0 : pads;
            w->begin[i] = padding == SAME_UPPER ? pads / 2 : pads - pads / 2;
            w->end[i] = pads - w->begin[i];
        }
        w->out[i] = full - w->begin[i] - w->end[i];
        if (w->out[i] < 0)
            return bnf_call_wrong(call, "the padding is larger than the result");
    }
    return BNF_OK;
}
