/* Operators that slide a window or resample: convolutions, pools, Resize. */
#include "graph/shapes_internal.h"
#include "onnx/dtype.h"

#include <math.h>
#include <string.h>

enum padding { EXPLICIT, SAME, VALID };

struct window {
    int count; /* of spatial axes */
    enum padding padding;
    bool ceil;
    int64_t kernel[BNF_RANK_MAX], stride[BNF_RANK_MAX], dilation[BNF_RANK_MAX], begin[BNF_RANK_MAX],
        end[BNF_RANK_MAX];
};

/* count entries of an ints attribute, or the fallback for all when it is absent. A wrong length gives
 * unknowns. */
static void read_ints(const struct bnf_op *op, const char *name, int64_t fallback, int64_t *out, int count)
{
    size_t length;
    const int64_t *ints = bnf_attr_ints(op->proto, name, &length);
    for (int i = 0; i < count; i++)
        out[i] = !ints ? fallback : length == (size_t)count ? ints[i] : BNF_DIM_UNKNOWN;
}

/* kernel: the weight's extents where the attribute may be missing, or NULL. */
static void read_window(const struct bnf_op *op, const int64_t *kernel, int count, struct window *w)
{
    w->count = count;
    w->ceil = bnf_attr_int(op->proto, "ceil_mode", 0) != 0;
    w->padding =
        bnf_attr_is(op->proto, "auto_pad", "SAME_UPPER") || bnf_attr_is(op->proto, "auto_pad", "SAME_LOWER")
            ? SAME
        : bnf_attr_is(op->proto, "auto_pad", "VALID") ? VALID
                                                      : EXPLICIT;
    read_ints(op, "kernel_shape", BNF_DIM_UNKNOWN, w->kernel, count);
    read_ints(op, "strides", 1, w->stride, count);
    read_ints(op, "dilations", 1, w->dilation, count);
    size_t pads;
    const int64_t *pad = bnf_attr_ints(op->proto, "pads", &pads);
    for (int i = 0; i < count; i++) {
        if (kernel && kernel[i] >= 0)
            w->kernel[i] = kernel[i];
        bool absent = !pad || w->padding != EXPLICIT;
        bool fits = pads == 2 * (size_t)count;
        w->begin[i] = absent ? 0 : fits ? pad[i] : BNF_DIM_UNKNOWN;
        w->end[i] = absent ? 0 : fits ? pad[count + i] : BNF_DIM_UNKNOWN;
    }
}

static bool sane(int64_t number, int64_t least)
{
    return number >= least && number <= (int64_t)1 << 31;
}

/* What the window covers, holes included; -1 when an attribute makes no sense. */
static int64_t reach(const struct window *w, int i)
{
    if (!sane(w->kernel[i], 1) || !sane(w->dilation[i], 1) || !sane(w->stride[i], 1) ||
        !sane(w->begin[i], 0) || !sane(w->end[i], 0))
        return -1;
    int64_t covered = w->dilation[i] * (w->kernel[i] - 1) + 1;
    return covered > BNF_EXTENT_MAX ? -1 : covered;
}

/* Extent of the output along spatial axis i for one of the input. */
static int64_t slide(const struct window *w, int i, int64_t extent)
{
    int64_t stride = w->stride[i], covered = reach(w, i);
    bool counted = extent >= 0 && extent <= BNF_EXTENT_MAX;
    if (w->padding == SAME) {
        if (stride == 1)
            return extent;
        return sane(stride, 1) && counted ? (extent + stride - 1) / stride : BNF_DIM_UNKNOWN;
    }
    if (covered < 0)
        return BNF_DIM_UNKNOWN;
    int64_t padding = w->begin[i] + w->end[i];
    if (stride == 1 && padding == covered - 1)
        return extent; /* a symbol, too */
    if (!counted || extent + padding < covered)
        return BNF_DIM_UNKNOWN;
    int64_t room = extent + padding - covered, out = room / stride + 1;
    if (!w->ceil || room % stride == 0)
        return out;
    /* The standard counts one more window; implementations drop it when it begins in the padding behind the
     * end. */
    return out * stride >= extent + w->begin[i] ? BNF_DIM_UNKNOWN : out + 1;
}

/* Arguments: a type for the output, 0 for the input's, -1 for the quantized form (weight in slot 3). */
void bnf_shape_conv(const struct bnf_op *op)
{
    bool quantized = op->arg == -1;
    struct bnf_dims x = bnf_op_input(op, 0), weight = bnf_op_input(op, quantized ? 3 : 1);
    int dtype = quantized ? bnf_op_input(op, 7).dtype : op->arg ? op->arg : x.dtype ? x.dtype : weight.dtype;
    int rank = x.rank >= 0 ? x.rank : weight.rank;
    struct window w;
    if (rank < 3 || (x.rank >= 0 && weight.rank >= 0 && x.rank != weight.rank)) {
        bnf_op_output_rank(op, 0, dtype, -1);
        return;
    }
    read_window(op, weight.rank >= 0 ? weight.dims + 2 : NULL, rank - 2, &w);
    struct bnf_dims out = {.dtype = dtype, .rank = rank};
    out.dims[0] = x.rank < 0 ? BNF_DIM_UNKNOWN : x.dims[0];
    out.dims[1] = weight.rank < 0 ? BNF_DIM_UNKNOWN : weight.dims[0];
    for (int i = 0; i < w.count; i++)
        out.dims[2 + i] = x.rank < 0 ? BNF_DIM_UNKNOWN : slide(&w, i, x.dims[2 + i]);
    bnf_op_output(op, 0, &out);
}

static int64_t unslide(const struct window *w, int i, int64_t extent, int64_t output_padding)
{
    int64_t stride = w->stride[i], covered = reach(w, i);
    if (covered < 0 || !sane(output_padding, 0))
        return BNF_DIM_UNKNOWN;
    /* stride·(x − 1) + rest */
    int64_t rest = covered + output_padding - w->begin[i] - w->end[i];
    if (w->padding == SAME)
        rest = rest >= stride ? stride : -1; /* too small a kernel cannot be padded to x·stride */
    if (stride == 1 && rest == 1)
        return extent;
    if (extent < 0 || extent > BNF_EXTENT_MAX / stride || (w->padding == SAME && rest < 0))
        return BNF_DIM_UNKNOWN;
    int64_t out = stride * (extent - 1) + rest;
    return out >= 0 ? out : BNF_DIM_UNKNOWN;
}

void bnf_shape_conv_transpose(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0), weight = bnf_op_input(op, 1);
    int rank = x.rank >= 0 ? x.rank : weight.rank;
    int64_t more[BNF_RANK_MAX], group = bnf_attr_int(op->proto, "group", 1);
    struct window w;
    if (rank < 3 || (x.rank >= 0 && weight.rank >= 0 && x.rank != weight.rank)) {
        bnf_op_output_rank(op, 0, x.dtype ? x.dtype : weight.dtype, -1);
        return;
    }
    read_window(op, weight.rank >= 0 ? weight.dims + 2 : NULL, rank - 2, &w);
    read_ints(op, "output_padding", 0, more, w.count);
    size_t given;
    const int64_t *shape = bnf_attr_ints(op->proto, "output_shape", &given);
    struct bnf_dims out = {.dtype = x.dtype ? x.dtype : weight.dtype, .rank = rank};
    out.dims[0] = x.rank < 0 ? BNF_DIM_UNKNOWN : x.dims[0];
    out.dims[1] = weight.rank < 0 || group < 1 ? BNF_DIM_UNKNOWN : bnf_dim_times(weight.dims[1], group);
    for (int i = 0; i < w.count; i++) {
        if (shape && given >= (size_t)w.count) { /* some files state all extents: the last ones count */
            int64_t extent = shape[given - (size_t)w.count + (size_t)i];
            out.dims[2 + i] = extent >= 0 ? extent : BNF_DIM_UNKNOWN;
        } else {
            out.dims[2 + i] = x.rank < 0 || shape ? BNF_DIM_UNKNOWN : unslide(&w, i, x.dims[2 + i], more[i]);
        }
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_pool(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    struct window w;
    size_t count;
    bool stated = bnf_attr_ints(op->proto, "kernel_shape", &count) != NULL;
    if (x.rank < 0 && stated && count <= BNF_RANK_MAX - 2) {
        bnf_op_output_rank(op, 0, x.dtype, (int)count + 2);
        bnf_op_output_rank(op, 1, BNF_DTYPE_INT64, (int)count + 2);
        return;
    }
    if (x.rank > 2) {
        read_window(op, NULL, x.rank - 2, &w);
        for (int i = 0; i < w.count; i++)
            x.dims[2 + i] = slide(&w, i, x.dims[2 + i]);
    }
    bnf_op_output(op, 0, &x);
    x.dtype = BNF_DTYPE_INT64;
    bnf_op_output(op, 1, &x);
}

void bnf_shape_global_pool(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    for (int i = 2; i < x.rank; i++)
        x.dims[i] = 1;
    bnf_op_output(op, 0, &x);
}

/* Regions of a feature map: (regions, channels, height, width). */
static void regions(const struct bnf_op *op, int64_t height, int64_t width)
{
    struct bnf_dims x = bnf_op_input(op, 0), rois = bnf_op_input(op, 1);
    struct bnf_dims out = {.dtype = x.dtype, .rank = 4};
    out.dims[0] = rois.rank > 0 ? rois.dims[0] : BNF_DIM_UNKNOWN;
    out.dims[1] = x.rank > 1 ? x.dims[1] : BNF_DIM_UNKNOWN;
    out.dims[2] = height >= 0 ? height : BNF_DIM_UNKNOWN;
    out.dims[3] = width >= 0 ? width : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_roi_pool(const struct bnf_op *op)
{
    size_t count;
    const int64_t *pooled = bnf_attr_ints(op->proto, "pooled_shape", &count);
    regions(op, count == 2 ? pooled[0] : -1, count == 2 ? pooled[1] : -1);
}

void bnf_shape_roi_align(const struct bnf_op *op)
{
    regions(op, bnf_attr_int(op->proto, "output_height", 1), bnf_attr_int(op->proto, "output_width", 1));
}

/* (N, C, …) sampled at (N, places …, coordinates). */
void bnf_shape_grid_sample(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0), grid = bnf_op_input(op, 1);
    if (x.rank < 3 && grid.rank >= 3) {
        bnf_op_output_rank(op, 0, x.dtype, grid.rank);
        return;
    }
    for (int i = 2; i < x.rank; i++)
        x.dims[i] = grid.rank == x.rank ? grid.dims[i - 1] : BNF_DIM_UNKNOWN;
    if (x.rank >= 3)
        bnf_op_output(op, 0, &x);
}

/* ---- resampling ---- */

/* Extents times scales, rounded down; the standard computes this in float. */
static int64_t scaled(int64_t extent, struct bnf_element scale)
{
    if (bnf_element_is(scale, 1))
        return extent;
    if (scale.symbol != 0 || extent < 0 || extent > BNF_EXTENT_MAX ||
        !(scale.number > 0 && scale.number < 1e9))
        return BNF_DIM_UNKNOWN;
    return (int64_t)floorf((float)extent * (float)scale.number);
}

/* Upsample up to opset 9: attributes, then an input. */
void bnf_shape_upsample(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    const Onnx__AttributeProto *list = bnf_attr_find(op->proto, "scales");
    struct bnf_vector scales = {0};
    if (op->opset < 7) {
        scales.count = 4;
        scales.items[0].number = scales.items[1].number = 1;
        scales.items[2].number = (double)bnf_attr_float(op->proto, "height_scale", 0);
        scales.items[3].number = (double)bnf_attr_float(op->proto, "width_scale", 0);
    } else if (list && list->n_floats <= BNF_VECTOR_MAX) {
        for (; scales.count < list->n_floats; scales.count++)
            scales.items[scales.count].number = (double)list->floats[scales.count];
    } else {
        bnf_op_vector(op, 1, &scales);
    }
    if (x.rank < 0) {
        bnf_op_output_rank(op, 0, x.dtype, scales.count > 0 ? (int)scales.count : -1);
        return;
    }
    for (int i = 0; i < x.rank; i++)
        x.dims[i] = scales.count == (size_t)x.rank ? scaled(x.dims[i], scales.items[i]) : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &x);
}

/* The axes that Resize works on: all of them, or since opset 18 those listed. */
static bool resize_axes(const struct bnf_op *op, int rank, int *axes, size_t *count)
{
    size_t listed;
    const int64_t *list = bnf_attr_ints(op->proto, "axes", &listed);
    *count = list ? listed : (size_t)rank;
    if (*count > (size_t)rank)
        return false;
    bool seen[BNF_RANK_MAX] = {false};
    for (size_t i = 0; i < *count; i++) {
        axes[i] = list ? bnf_shape_axis(list[i], rank) : (int)i;
        if (axes[i] < 0 || seen[axes[i]])
            return false;
        seen[axes[i]] = true;
    }
    return true;
}

void bnf_shape_resize(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0), out = x;
    struct bnf_vector scales, sizes;
    int axes[BNF_RANK_MAX];
    size_t count = 0;
    bool by_size = op->opset >= 11 && bnf_op_has(op, 3);
    bool by_scale = bnf_op_vector(op, op->opset >= 11 ? 2 : 1, &scales) && scales.count > 0;
    by_size = by_size && bnf_op_vector(op, 3, &sizes) && sizes.count > 0;
    if (x.rank < 0) {
        bool all = bnf_attr_find(op->proto, "axes") == NULL && (by_size || by_scale);
        bnf_op_output_rank(op, 0, x.dtype, all ? (int)(by_size ? sizes.count : scales.count) : -1);
        return;
    }
    bool known = resize_axes(op, x.rank, axes, &count);
    if (by_size)
        known = known && sizes.count == count &&
                (!bnf_attr_find(op->proto, "keep_aspect_ratio_policy") ||
                    bnf_attr_is(op->proto, "keep_aspect_ratio_policy", "stretch"));
    else
        known = known && by_scale && scales.count == count &&
                !bnf_attr_is(op->proto, "coordinate_transformation_mode", "tf_crop_and_resize");
    if (!known) {
        bnf_op_output_rank(op, 0, x.dtype, x.rank);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out.dims[axes[i]] =
            by_size ? bnf_element_extent(sizes.items[i]) : scaled(x.dims[axes[i]], scales.items[i]);
    bnf_op_output(op, 0, &out);
}
