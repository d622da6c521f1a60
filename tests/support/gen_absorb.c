/* Operators with constants that an affine may go into, beside the layers of gen_layer.c. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

enum { most_weights = 4000, most_extent = 40 };

/* ---- norms; of two numbers or more, since one alone has no variance */

static int64_t plane(const struct gen_value *x)
{
    int64_t volume = 1;
    for (size_t i = 2; i < x->rank; i++)
        volume *= x->dims[i];
    return volume;
}

static struct gen_value instance_norm(struct gen *g, const struct gen_value *x)
{
    if (x->rank < 3 || x->dims[1] > most_extent || plane(x) < 2)
        return gen_any_layer(g, x);
    struct gen_value y = gen_value(g, "norm", x->dims, x->rank);
    const char *scale = gen_random(g, "norm_scale", &x->dims[1], 1, -1, 2);
    const char *b = gen_random(g, "vector", &x->dims[1], 1, -1, 1);
    Onnx__NodeProto *node = gen_from(g, "InstanceNormalization", &y, x);
    make_reads(&g->make, node, scale);
    make_reads(&g->make, node, b);
    if (rng_percent(&g->rng, 90)) /* planes of one number over and over magnify rounding by 1/sqrt(epsilon) */
        make_float(&g->make, node, "epsilon", 0.1f);
    return y;
}

static struct gen_value layer_norm(struct gen *g, const struct gen_value *x)
{
    if (g->opset < 17 || gen_volume(x) > most_weights)
        return instance_norm(g, x);
    size_t axis = rng_percent(&g->rng, 50) ? x->rank - 1 : 1 + rng_below(&g->rng, (unsigned)x->rank - 1);
    int64_t elements = 1;
    for (size_t i = axis; i < x->rank; i++)
        elements *= x->dims[i];
    if (elements < 2)
        return instance_norm(g, x);
    bool plain = rng_percent(&g->rng, g->opset < 23 ? 30 : 50); /* without a mean and a shift */
    const char *simple = g->opset < 23 ? "SimplifiedLayerNormalization" : "RMSNormalization";
    bool has_b = rng_percent(&g->rng, 60) && !plain, from_behind = rng_percent(&g->rng, 50);
    struct gen_value y = gen_value(g, "norm", x->dims, x->rank);
    const char *scale = gen_random(g, "norm_scale", x->dims + axis, x->rank - axis, -1, 2);
    const char *b = has_b ? gen_random(g, "norm_b", x->dims + axis, x->rank - axis, -1, 1) : NULL;
    Onnx__NodeProto *node = gen_from(g, plain ? simple : "LayerNormalization", &y, x);
    make_reads(&g->make, node, scale);
    if (b)
        make_reads(&g->make, node, b);
    make_float(&g->make, node, "epsilon", 0.1f);
    if (axis != x->rank - 1 || rng_percent(&g->rng, 50))
        make_int(&g->make, node, "axis", (int64_t)axis - (from_behind ? (int64_t)x->rank : 0));
    return y;
}

static struct gen_value group_norm(struct gen *g, const struct gen_value *x)
{
    if (g->opset < 18 || x->rank < 3 || x->dims[1] > most_extent || plane(x) < 2)
        return layer_norm(g, x);
    int64_t groups = x->dims[1] % 3 == 0 ? 3 : x->dims[1] % 2 == 0 ? 2 : 1;
    int64_t extent = g->opset < 21 ? groups : x->dims[1];
    struct gen_value y = gen_value(g, "norm", x->dims, x->rank);
    const char *scale = gen_random(g, "norm_scale", &extent, 1, -1, 2);
    const char *b = gen_random(g, "vector", &extent, 1, -1, 1);
    Onnx__NodeProto *node = gen_from(g, "GroupNormalization", &y, x);
    make_reads(&g->make, node, scale);
    make_reads(&g->make, node, b);
    make_int(&g->make, node, "num_groups", groups);
    make_float(&g->make, node, "epsilon", 0.1f);
    return y;
}

/* ---- sums of products */

static struct gen_value einsum(struct gen *g, const struct gen_value *x)
{
    static const char *const names = "nchwd";
    unsigned kind = rng_below(&g->rng, 3); /* over the channels; over the last axis; nothing summed */
    size_t axis = kind == 1 ? x->rank - 1 : 1;
    int64_t dims[5], shape[2] = {rng_range(&g->rng, 1, 5), x->dims[axis]};
    if (g->opset < 12 || shape[1] > most_extent)
        return gen_any_layer(g, x);
    bool turned = rng_percent(&g->rng, 50), in_front = rng_percent(&g->rng, 40);
    char input[6] = {0}, output[6] = {0}, weight[3] = {'k', names[axis], 0};
    memcpy(input, names, x->rank);
    memcpy(output, names, x->rank);
    memcpy(dims, x->dims, sizeof dims);
    if (kind < 2) {
        output[axis] = 'k';
        dims[axis] = shape[0];
    }
    if (kind < 2 && turned) {
        const int64_t first = shape[0];
        shape[0] = shape[1];
        shape[1] = first;
        weight[0] = names[axis];
        weight[1] = 'k';
    }
    char *equation =
        bnf_arena_format(&g->make.arena, "%s,%s->%s", in_front ? (kind < 2 ? weight : weight + 1) : input,
            in_front   ? input
            : kind < 2 ? weight
                       : weight + 1,
            output);
    struct gen_value y = gen_value(g, "einsum", dims, x->rank);
    const char *w = kind < 2 ? gen_random(g, turned ? "einsum_t" : "einsum", shape, 2, -1, 1)
                             : gen_random(g, "einsum_c", &x->dims[axis], 1, -1, 1);
    Onnx__NodeProto *node = gen_node(g, "Einsum", &y);
    if (in_front)
        make_reads(&g->make, node, w);
    gen_reads(g, node, x);
    if (!in_front)
        make_reads(&g->make, node, w);
    make_string(&g->make, node, "equation", equation);
    g->layers++;
    return y;
}

/* MatMul on the channels, which are brought to the end and back. */
static struct gen_value linear(struct gen *g, const struct gen_value *x)
{
    int64_t order[5] = {0}, back[5] = {0}, shape[3] = {1, x->dims[1], rng_range(&g->rng, 1, 6)}, dims[5];
    if (x->dims[1] > most_extent)
        return gen_any_layer(g, x);
    for (size_t i = 1; i + 1 < x->rank; i++) {
        order[i] = (int64_t)i + 1;
        back[i + 1] = (int64_t)i;
    }
    order[x->rank - 1] = 1;
    back[1] = (int64_t)x->rank - 1;
    struct gen_value y = x->rank > 2 ? gen_transpose(g, x, order) : *x;
    memcpy(dims, y.dims, sizeof dims);
    dims[x->rank - 1] = shape[2];
    size_t skip = x->rank < 3 || rng_percent(&g->rng, 80); /* else a weight with a batch of one */
    const char *w = gen_random(g, "linear", shape + skip, 3 - skip, -1, 1);
    struct gen_value z = gen_value(g, "linear", dims, x->rank);
    make_reads(&g->make, gen_from(g, "MatMul", &z, &y), w);
    g->layers++;
    if (rng_percent(&g->rng, 50)) {
        const char *b = gen_random(g, "vector", &shape[2], 1, -1, 1);
        struct gen_value sum = gen_value(g, "biased", dims, x->rank);
        make_reads(&g->make, gen_from(g, "Add", &sum, &z), b);
        z = sum;
    }
    if (rng_percent(&g->rng, 25))
        z = gen_pointwise(g, &z);
    return x->rank > 2 && rng_percent(&g->rng, 80) ? gen_transpose(g, &z, back) : z;
}

/* The one kind of transposed convolution that takes a shift from in front. */
static struct gen_value small_deconv(struct gen *g, const struct gen_value *x)
{
    if (x->rank < 3 || x->dims[1] > most_extent)
        return linear(g, x);
    int64_t groups = x->dims[1] % 2 == 0 && rng_percent(&g->rng, 40) ? 2 : 1, each = rng_range(&g->rng, 1, 3);
    int64_t shape[5] = {x->dims[1], each, 1, 1, 1}, dims[5], channels = each * groups;
    memcpy(dims, x->dims, sizeof dims);
    dims[1] = channels;
    struct gen_value y = gen_value(g, "deconv", dims, x->rank);
    const char *w = gen_random(g, "deconv", shape, x->rank, -1, 1);
    const char *b = rng_percent(&g->rng, 50) ? gen_random(g, "vector", &channels, 1, -1, 1) : NULL;
    Onnx__NodeProto *node = gen_from(g, "ConvTranspose", &y, x);
    make_reads(&g->make, node, w);
    if (b)
        make_reads(&g->make, node, b);
    if (groups > 1)
        make_int(&g->make, node, "group", groups);
    g->layers++;
    return y;
}

/* A constant of every element's own. */
static struct gen_value elementwise(struct gen *g, const struct gen_value *x)
{
    static const char *const ops[] = {"Mul", "Add", "Sub", "Div"};
    int64_t volume = gen_volume(x);
    if (volume > most_weights)
        return gen_any_layer(g, x);
    const char *op = ops[rng_below(&g->rng, 4)];
    const char *c = op[0] == 'D' ? gen_random(g, "divisors", x->dims + 1, x->rank - 1, 0.5, 2)
                                 : gen_random(g, "elements", x->dims + 1, x->rank - 1, -1, 1);
    bool turned = op[0] != 'D' && rng_percent(&g->rng, 30);
    struct gen_value y = gen_value(g, "each", x->dims, x->rank);
    Onnx__NodeProto *node = gen_node(g, op, &y);
    if (turned)
        make_reads(&g->make, node, c);
    gen_reads(g, node, x);
    if (!turned)
        make_reads(&g->make, node, c);
    return y;
}

/* Rows of a table, picked by an input of their own. */
static struct gen_value gather(struct gen *g, const struct gen_value *x)
{
    if (g->depth)
        return elementwise(g, x);
    bool matrix = rng_percent(&g->rng, 50);
    int64_t ids[2] = {x->dims[0], rng_range(&g->rng, 2, 4)}, table[2] = {10, rng_range(&g->rng, 2, 5)};
    int64_t dims[3] = {ids[0], matrix ? ids[1] : table[1], table[1]};
    const char *indices = gen_extra_input(g, "ids", BNF_DTYPE_INT64, ids, 1 + matrix);
    const char *rows = gen_random(g, "table", table, 2, -1, 1);
    struct gen_value y = gen_value(g, "rows", dims, 2 + matrix);
    Onnx__NodeProto *node = gen_node(g, "Gather", &y);
    make_reads(&g->make, node, rows);
    make_reads(&g->make, node, indices);
    if (rng_percent(&g->rng, 40))
        make_int(&g->make, node, "axis", 0);
    if (!matrix || rng_percent(&g->rng, 20))
        return y;
    return gen_transpose(g, &y, (const int64_t[]){0, 2, 1});
}

/* ---- quantized layers */

/* A constant of small integers. */
static const char *integers(
    struct gen *g, int dtype, const int64_t *dims, size_t rank, int64_t low, int64_t high)
{
    double values[most_weights];
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    if (count > most_weights)
        bnf_bug("a generated weight is too large");
    for (size_t i = 0; i < count; i++)
        values[i] = (double)rng_range(&g->rng, low, high);
    const char *name = make_name(&g->make, "integers");
    Onnx__TensorProto *tensor =
        make_tensor(&g->make, g->only_nodes ? "" : name, BNF_DTYPE_INT64, dims, rank, values);
    tensor->data_type = dtype;
    tensor->raw_data.len = count;
    for (size_t i = 0; i < count; i++)
        tensor->raw_data.data[i] = (uint8_t)(int64_t)values[i];
    if (g->only_nodes) {
        make_value(&g->make, make_node(&g->make, "Constant", name), tensor);
        return name;
    }
    make_initializer(&g->make, tensor);
    if (g->list_initializers)
        make_input(&g->make, name, dtype, dims, rank);
    return name;
}

/* A weight behind a DequantizeLinear with one scale, or one for each index along the axis. */
static const char *quantized(struct gen *g, const int64_t *dims, size_t rank, size_t axis)
{
    bool is_signed = rng_percent(&g->rng, 70), each = g->opset >= 13 && rng_percent(&g->rng, 60);
    bool has_zero = rng_percent(&g->rng, 70) || !is_signed, whole_range = rng_percent(&g->rng, 10);
    int dtype = is_signed ? BNF_DTYPE_INT8 : BNF_DTYPE_UINT8;
    int64_t low = is_signed ? whole_range - 127 - 2 * whole_range : 1, high = is_signed ? 127 : 255;
    const char *q = integers(g, dtype, dims, rank, low, high);
    const char *scale = gen_random(g, each ? "q_scale" : "q_scale_1", &dims[axis], each, 0.002, 0.02);
    const char *zero =
        has_zero ? integers(g, dtype, &dims[axis], each, is_signed ? 0 : 128, is_signed ? 2 : 128) : NULL;
    const char *name = make_name(&g->make, "weight");
    Onnx__NodeProto *node = make_node(&g->make, "DequantizeLinear", name);
    make_reads(&g->make, node, q);
    make_reads(&g->make, node, scale);
    if (zero)
        make_reads(&g->make, node, zero);
    if (each && (axis != 1 || rng_percent(&g->rng, 50)))
        make_int(&g->make, node, "axis", (int64_t)axis);
    return name;
}

/* A value that is rounded to small integers and back. */
struct gen_value gen_quantized(struct gen *g, const struct gen_value *x)
{
    if (g->opset < 10 || g->dtype != BNF_DTYPE_FLOAT)
        return gen_unary(g, x, "Identity");
    const double step = 0.04;
    const char *scale = gen_constant(g, "step", g->dtype, NULL, 0, &step);
    const char *zero = integers(g, BNF_DTYPE_UINT8, NULL, 0, 120, 136), *name = make_name(&g->make, "coarse");
    Onnx__NodeProto *there = make_node(&g->make, "QuantizeLinear", name);
    gen_reads(g, there, x);
    make_reads(&g->make, there, scale);
    make_reads(&g->make, there, zero);
    struct gen_value y = gen_value(g, "rounded", x->dims, x->rank);
    Onnx__NodeProto *back = gen_node(g, "DequantizeLinear", &y);
    make_reads(&g->make, back, name);
    make_reads(&g->make, back, scale);
    make_reads(&g->make, back, zero);
    return y;
}

static struct gen_value quantized_layer(struct gen *g, const struct gen_value *x)
{
    int64_t channels = rng_range(&g->rng, 1, 5), in = x->dims[1], dims[5], shape[5] = {channels, in};
    if (g->opset < 10 || g->dtype != BNF_DTYPE_FLOAT || in > most_extent)
        return linear(g, x);
    memcpy(dims, x->dims, sizeof dims);
    dims[1] = channels;
    bool turned = rng_percent(&g->rng, 50), has_bias = rng_percent(&g->rng, 60);
    size_t axis = 0;
    for (size_t i = 2; i < x->rank; i++)
        shape[i] = 1;
    if (x->rank == 2 && !turned)
        shape[0] = in, shape[1] = channels, axis = 1;
    if (rng_percent(&g->rng, 10))
        axis = 1 - axis;
    const char *w = quantized(g, shape, x->rank, axis);
    const char *b =
        has_bias || (x->rank == 2 && g->opset < 11) ? gen_random(g, "vector", &channels, 1, -1, 1) : NULL;
    struct gen_value y = gen_value(g, "quantized", dims, x->rank);
    bool matmul = x->rank == 2 && !turned && rng_percent(&g->rng, 40);
    Onnx__NodeProto *node = gen_from(g, x->rank > 2 ? "Conv" : matmul ? "MatMul" : "Gemm", &y, x);
    make_reads(&g->make, node, w);
    if (b && !matmul)
        make_reads(&g->make, node, b);
    if (x->rank == 2 && turned)
        make_int(&g->make, node, "transB", 1);
    g->layers++;
    return y;
}

struct gen_value gen_absorb(struct gen *g, const struct gen_value *x)
{
    if (x->rank == 3 && rng_percent(&g->rng, 25))
        return gen_recurrent(g, x);
    if (g->opset >= 17 && rng_percent(&g->rng, 40)) /* the norms that only these operator sets have */
        return rng_percent(&g->rng, 50) ? group_norm(g, x) : layer_norm(g, x);
    switch (rng_below(&g->rng, 12)) {
    case 0:
        return instance_norm(g, x);
    case 1:
        return layer_norm(g, x);
    case 2:
        return group_norm(g, x);
    case 3:
        return einsum(g, x);
    case 4:
    case 5:
        return linear(g, x);
    case 6:
        return small_deconv(g, x);
    case 7:
        return elementwise(g, x);
    case 8:
        return gather(g, x);
    }
    return quantized_layer(g, x);
}
