/* Pools, reductions, pads and resizing of generated models. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

/* ---- pools */

static struct gen_value global_pool(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5] = {x->dims[0], x->dims[1], 1, 1, 1};
    struct gen_value y = gen_value(g, "pool", dims, x->rank);
    gen_from(g, rng_percent(&g->rng, 60) ? "GlobalAveragePool" : "GlobalMaxPool", &y, x);
    return y;
}

struct window {
    int64_t kernel[3], stride[3], dilation[3], pads[6];
    bool ceil;
};

/* Windows that hold at least one element of x, and with `ceil` none that begins behind its end. */
static void place(struct gen *g, const struct gen_value *x, bool average, struct window *w, int64_t *dims)
{
    size_t spatial = x->rank - 2;
    w->ceil = g->opset >= 10 && rng_percent(&g->rng, 25);
    for (size_t i = 0; i < spatial; i++) {
        int64_t in = x->dims[2 + i];
        w->kernel[i] = rng_range(&g->rng, 1, in < 3 ? in : 3);
        w->stride[i] = rng_range(&g->rng, 1, 3);
        w->dilation[i] = !average && g->opset >= 10 && rng_percent(&g->rng, 15) ? 2 : 1;
        w->pads[i] =
            w->kernel[i] > 1 && rng_percent(&g->rng, 30) ? rng_range(&g->rng, 0, w->kernel[i] - 1) : 0;
        w->pads[spatial + i] =
            w->kernel[i] > 1 && rng_percent(&g->rng, 30) ? rng_range(&g->rng, 0, w->kernel[i] - 1) : 0;
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        if (reach > in)
            w->dilation[i] = 1, reach = w->kernel[i];
        int64_t room = in + w->pads[i] + w->pads[spatial + i] - reach;
        dims[2 + i] = room / w->stride[i] + 1;
        int64_t more = (room + w->stride[i] - 1) / w->stride[i] + 1;
        if (w->ceil && (more - 1) * w->stride[i] >= in + w->pads[i])
            w->ceil = false;
    }
    for (size_t i = 0; i < spatial && w->ceil; i++) {
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        int64_t room = x->dims[2 + i] + w->pads[i] + w->pads[spatial + i] - reach;
        dims[2 + i] = (room + w->stride[i] - 1) / w->stride[i] + 1;
    }
}

static struct gen_value pool(struct gen *g, const struct gen_value *x)
{
    static const char *const automatic[] = {"SAME_UPPER", "SAME_LOWER", "VALID"};
    bool average = rng_percent(&g->rng, 60);
    int64_t dims[5] = {x->dims[0], x->dims[1]};
    struct window w;
    size_t spatial = x->rank - 2;
    place(g, x, average, &w, dims);
    const char *resolved = rng_percent(&g->rng, 15) ? automatic[rng_below(&g->rng, 3)] : NULL;
    for (size_t i = 0; i < spatial && resolved; i++) {
        w.ceil = false;
        w.dilation[i] = 1;
        if (w.stride[i] > w.kernel[i]) /* else SAME may ask for less than no padding */
            w.stride[i] = w.kernel[i];
        dims[2 + i] = resolved[0] == 'V' ? (x->dims[2 + i] - w.kernel[i]) / w.stride[i] + 1
                                         : (x->dims[2 + i] + w.stride[i] - 1) / w.stride[i];
    }
    struct gen_value y = gen_value(g, "pool", dims, x->rank);
    Onnx__NodeProto *node = gen_from(g, average ? "AveragePool" : "MaxPool", &y, x);
    make_ints(&g->make, node, "kernel_shape", w.kernel, spatial);
    make_ints(&g->make, node, "strides", w.stride, spatial);
    if (resolved)
        make_string(&g->make, node, "auto_pad", resolved);
    else
        make_ints(&g->make, node, "pads", w.pads, 2 * spatial);
    if (w.ceil)
        make_int(&g->make, node, "ceil_mode", 1);
    if (!average && g->opset >= 10 && rng_percent(&g->rng, 30 + 70 * !resolved))
        make_ints(&g->make, node, "dilations", w.dilation, spatial);
    if (average && rng_percent(&g->rng, 40))
        make_int(&g->make, node, "count_include_pad", rng_percent(&g->rng, 70));
    return y;
}

/* Some of the axes behind the first; the batch and one axis stay in any case. */
static struct gen_value reduce(struct gen *g, const struct gen_value *x)
{
    static const char *const ops[] = {"ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"};
    const char *op = ops[rng_below(&g->rng, 5)];
    bool keep = rng_percent(&g->rng, 60) || x->rank == 3;
    int64_t dims[5], axes[5];
    size_t rank = 0, count = 0;
    for (size_t i = 0; i < x->rank; i++) {
        bool gone = i > 1 && rng_percent(&g->rng, 60) && (keep || x->rank - count > 2);
        if (gone)
            axes[count++] =
                g->opset >= 11 && rng_percent(&g->rng, 30) ? (int64_t)i - (int64_t)x->rank : (int64_t)i;
        if (!gone || keep)
            dims[rank++] = gone ? 1 : x->dims[i];
    }
    if (!count)
        return global_pool(g, x);
    struct gen_value y = gen_value(g, "reduced", dims, rank);
    Onnx__NodeProto *node =
        gen_with(g, op, &y, x, "axes", axes, count, strcmp(op, "ReduceSum") == 0 ? 13 : 18);
    if (!keep || rng_percent(&g->rng, 40))
        make_int(&g->make, node, "keepdims", keep);
    return y;
}

/* ---- pads */

static struct gen_value pad(struct gen *g, const struct gen_value *x)
{
    static const char *const modes[] = {"constant", "constant", "constant", "reflect", "edge", "wrap"};
    const char *mode = modes[rng_below(&g->rng, g->opset >= 19 ? 6 : 5)];
    int64_t dims[5], pads[10] = {0};
    bool channels = rng_percent(&g->rng, 8), constant = strcmp(mode, "constant") == 0;
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = channels ? 1 : 2; i < x->rank; i++) {
        int64_t most = x->dims[i] > 2 ? 2 : x->dims[i] - 1;
        pads[i] = rng_range(&g->rng, 0, constant ? 1 : most);
        pads[x->rank + i] = rng_range(&g->rng, 0, constant ? 2 : most);
        if (constant && i > 1 && x->dims[i] > 2 && rng_percent(&g->rng, 8))
            pads[i] = -1;
        dims[i] += pads[i] + pads[x->rank + i];
    }
    unsigned kind = rng_below(&g->rng, 3); /* of the value: none, 0, any */
    double value = kind == 2 ? rng_uniform(&g->rng, -2, 2) : 0;
    struct gen_value y = gen_value(g, "pad", dims, x->rank);
    const char *amounts = NULL, *with = NULL;
    if (g->opset >= 11) {
        amounts = gen_indices(g, pads, 2 * x->rank);
        if (constant && kind)
            with = gen_constant(g, make_name(&g->make, "pad_value"), g->dtype, NULL, 0, &value);
    }
    Onnx__NodeProto *node = gen_from(g, "Pad", &y, x);
    if (!constant || rng_percent(&g->rng, 50))
        make_string(&g->make, node, "mode", mode);
    if (amounts)
        make_reads(&g->make, node, amounts);
    if (with)
        make_reads(&g->make, node, with);
    if (g->opset < 11)
        make_ints(&g->make, node, "pads", pads, 2 * x->rank);
    if (g->opset < 11 && constant && kind)
        make_float(&g->make, node, "value", (float)value);
    return y;
}

/* ---- resizing */

static const char *floats(struct gen *g, const double *values, size_t count)
{
    const int64_t extent = (int64_t)count;
    return gen_constant(g, make_name(&g->make, "scales"), BNF_DTYPE_FLOAT, &extent, 1, values);
}

static struct gen_value upsample(
    struct gen *g, const struct gen_value *x, const double *scales, const int64_t *dims, const char *mode)
{
    struct gen_value y = gen_value(g, "resized", dims, x->rank);
    const char *constant = g->opset >= 9 ? floats(g, scales, x->rank) : NULL;
    bool old = g->opset < 10;
    Onnx__NodeProto *node = gen_from(g, old ? "Upsample" : "Resize", &y, x);
    if (constant)
        make_reads(&g->make, node, constant);
    if (strcmp(mode, "nearest") != 0 || rng_percent(&g->rng, 40))
        make_string(&g->make, node, "mode", mode);
    if (!constant) {
        float numbers[5];
        for (size_t i = 0; i < x->rank; i++)
            numbers[i] = (float)scales[i];
        make_ints(&g->make, node, "scales", NULL, 0);
        Onnx__AttributeProto *a = node->attribute[node->n_attribute - 1];
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        a->floats = bnf_arena_alloc(&g->make.arena, x->rank, sizeof *a->floats);
        if (!a->floats)
            bnf_bug("out of memory in a test");
        a->n_floats = x->rank;
        memcpy(a->floats, numbers, x->rank * sizeof *numbers);
    }
    return y;
}

static struct gen_value resize(struct gen *g, const struct gen_value *x)
{
    static const char *const coordinates[] = {
        "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const double factors[] = {1, 2, 2, 3, 1.5, 0.5};
    double scales[5] = {1, 1, 1, 1, 1};
    int64_t dims[5];
    memcpy(dims, x->dims, sizeof dims);
    bool old = g->opset < 11;
    for (size_t i = 2; i < x->rank; i++) {
        scales[i] = factors[rng_below(&g->rng, old ? 4 : 6)];
        if (scales[i] < 1 && dims[i] < 2)
            scales[i] = 1;
        dims[i] = (int64_t)((double)dims[i] * scales[i]);
    }
    if (gen_volume(&(struct gen_value){
            .rank = x->rank, .dims = {dims[0], dims[1], dims[2], dims[3], dims[4]}}) > 2000)
        return global_pool(g, x);
    const char *mode = rng_percent(&g->rng, 50)                           ? "nearest"
                       : x->rank == 4 && !old && rng_percent(&g->rng, 40) ? "cubic"
                                                                          : "linear";
    if (old)
        return upsample(g, x, scales, dims, mode);
    struct gen_value y = gen_value(g, "resized", dims, x->rank);
    const bool sized = x->dims[0] > 0 && rng_percent(&g->rng, 30);
    const char *roi = g->opset < 13 ? floats(g, scales, 0) : "";
    const char *factor = sized ? g->opset < 13 ? floats(g, scales, 0) : "" : floats(g, scales, x->rank);
    const char *sizes = sized ? gen_indices(g, dims, x->rank) : NULL;
    Onnx__NodeProto *node = gen_from(g, "Resize", &y, x);
    make_reads(&g->make, node, roi);
    make_reads(&g->make, node, factor);
    if (sizes)
        make_reads(&g->make, node, sizes);
    if (mode[0] != 'n' || rng_percent(&g->rng, 40))
        make_string(&g->make, node, "mode", mode);
    if (rng_percent(&g->rng, 75))
        make_string(&g->make, node, "coordinate_transformation_mode",
            coordinates[rng_below(&g->rng, g->opset >= 19 ? 5 : 4)]);
    if (mode[0] == 'n' && rng_percent(&g->rng, 60))
        make_string(&g->make, node, "nearest_mode", rounding[rng_below(&g->rng, 4)]);
    if (mode[0] == 'c' && rng_percent(&g->rng, 30))
        make_int(&g->make, node, "exclude_outside", 1);
    if (mode[0] != 'n' && g->opset >= 18 && rng_percent(&g->rng, 20))
        make_int(&g->make, node, "antialias", 1);
    return y;
}

struct gen_value gen_window(struct gen *g, const struct gen_value *x)
{
    if (x->rank < 3)
        return gen_pointwise(g, x);
    if (g->opset < 10 && rng_percent(&g->rng, 30))
        return resize(g, x);
    switch (rng_below(&g->rng, 9)) {
    case 0:
        return global_pool(g, x);
    case 1:
    case 2:
        return reduce(g, x);
    case 3:
    case 4:
        return pad(g, x);
    case 5:
        return resize(g, x);
    }
    return pool(g, x);
}
