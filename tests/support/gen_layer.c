/* The layers of generated models. */
#include "support/gen.h"

#include <math.h>
#include <string.h>

enum { most_elements = 4096 };

static const char *weight(struct gen *g, const char *role, const int64_t *dims, size_t rank, double fan_in)
{
    double values[most_elements];
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    if (count > most_elements)
        bnf_bug("a generated weight is too large");
    double size = 2 / sqrt(fan_in);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(&g->rng, -size, size);
    return gen_constant(g, role, g->dtype, dims, rank, values);
}

/* A bias, or NULL for none; "" now and then where that means none, too. */
static const char *bias(struct gen *g, int64_t channels)
{
    unsigned kind = rng_below(&g->rng, 5);
    if (kind < 2)
        return kind ? NULL : "";
    double values[most_elements];
    for (int64_t i = 0; i < channels; i++)
        values[i] = rng_uniform(&g->rng, -1, 1);
    return gen_constant(g, "vector", g->dtype, &channels, 1, values);
}

static int64_t divisor(struct gen *g, int64_t a, int64_t b)
{
    int64_t d = 1;
    for (int64_t i = 2; i <= a; i++)
        if (a % i == 0 && b % i == 0 && rng_percent(&g->rng, 50))
            d = i;
    return d;
}

/* Geometry along one spatial axis. */
struct axis {
    int64_t kernel, stride, dilation, before, after, out;
};

static struct axis any_axis(struct gen *g, int64_t in, bool same)
{
    struct axis a = {.kernel = rng_range(&g->rng, 1, 3), .stride = 1, .dilation = 1, .out = in};
    if (same) {
        a.kernel = rng_percent(&g->rng, 50) ? 1 : 3;
        a.before = a.after = a.kernel / 2;
        return a;
    }
    a.dilation = rng_range(&g->rng, 1, 2);
    a.stride = rng_range(&g->rng, 1, 2);
    a.before = rng_percent(&g->rng, 50) ? rng_range(&g->rng, 0, 1) : 0;
    a.after = rng_percent(&g->rng, 50) ? a.before : rng_range(&g->rng, 0, 1);
    int64_t reach = (a.kernel - 1) * a.dilation + 1;
    if (reach > in + a.before + a.after) {
        a.kernel = a.dilation = 1;
        reach = 1;
    }
    a.out = (in + a.before + a.after - reach) / a.stride + 1;
    return a;
}

static void geometry(struct gen *g, Onnx__NodeProto *node, const struct axis *axes, size_t spatial)
{
    int64_t kernel[3], stride[3], dilation[3], pads[6];
    bool plain = true;
    for (size_t i = 0; i < spatial; i++) {
        kernel[i] = axes[i].kernel;
        stride[i] = axes[i].stride;
        dilation[i] = axes[i].dilation;
        pads[i] = axes[i].before;
        pads[spatial + i] = axes[i].after;
        plain &= axes[i].stride == 1 && axes[i].dilation == 1 && !axes[i].before && !axes[i].after;
    }
    if (rng_percent(&g->rng, 70)) /* may be left to the weight's shape */
        make_ints(&g->make, node, "kernel_shape", kernel, spatial);
    if (plain && rng_percent(&g->rng, 50))
        return;
    make_ints(&g->make, node, "strides", stride, spatial);
    make_ints(&g->make, node, "dilations", dilation, spatial);
    make_ints(&g->make, node, "pads", pads, 2 * spatial);
}

static void finish(struct gen *g, Onnx__NodeProto *node, const char *weights, const char *biases)
{
    make_reads(&g->make, node, weights);
    if (biases)
        make_reads(&g->make, node, biases);
    g->layers++;
}

static struct gen_value conv(struct gen *g, const struct gen_value *x, int64_t channels, bool same)
{
    size_t spatial = x->rank - 2;
    struct axis axes[3];
    int64_t dims[5] = {x->dims[0], channels}, shape[5] = {channels};
    int64_t groups = divisor(g, x->dims[1], channels);
    double fan_in = (double)(shape[1] = x->dims[1] / groups);
    const char *automatic = !same && rng_percent(&g->rng, 15)
                                ? (const char *[]){"SAME_UPPER", "SAME_LOWER", "VALID"}[rng_below(&g->rng, 3)]
                                : NULL;
    for (size_t i = 0; i < spatial; i++) {
        axes[i] = any_axis(g, x->dims[2 + i], same);
        if (automatic) {
            axes[i].dilation = 1;
            if (automatic[0] == 'V' && axes[i].kernel > x->dims[2 + i])
                axes[i].kernel = 1;
            axes[i].before = axes[i].after = 0;
            axes[i].out = automatic[0] == 'V' ? (x->dims[2 + i] - axes[i].kernel) / axes[i].stride + 1
                                              : (x->dims[2 + i] + axes[i].stride - 1) / axes[i].stride;
        }
        dims[2 + i] = axes[i].out;
        shape[2 + i] = axes[i].kernel;
        fan_in *= (double)axes[i].kernel;
    }
    struct gen_value y = gen_value(g, "conv", dims, x->rank);
    const char *w = weight(g, "conv", shape, x->rank, fan_in), *b = bias(g, channels);
    Onnx__NodeProto *node = gen_node(g, "Conv", &y);
    gen_reads(g, node, x);
    finish(g, node, w, b);
    if (groups > 1 || rng_percent(&g->rng, 20))
        make_int(&g->make, node, "group", groups);
    if (!automatic) {
        geometry(g, node, axes, spatial);
        return y;
    }
    int64_t kernel[3], stride[3];
    for (size_t i = 0; i < spatial; i++) {
        kernel[i] = axes[i].kernel;
        stride[i] = axes[i].stride;
    }
    make_ints(&g->make, node, "kernel_shape", kernel, spatial);
    make_ints(&g->make, node, "strides", stride, spatial);
    make_string(&g->make, node, "auto_pad", automatic);
    return y;
}

static struct gen_value conv_transpose(struct gen *g, const struct gen_value *x, int64_t channels, bool same)
{
    size_t spatial = x->rank - 2;
    struct axis axes[3];
    int64_t groups = divisor(g, x->dims[1], channels), extra[3] = {0};
    int64_t dims[5] = {x->dims[0], channels}, shape[5] = {x->dims[1], channels / groups};
    double fan_in = (double)(x->dims[1] / groups);
    bool padded = false;
    for (size_t i = 0; i < spatial; i++) {
        axes[i] = any_axis(g, x->dims[2 + i], same);
        int64_t reach = (axes[i].kernel - 1) * axes[i].dilation + 1;
        if (!same && axes[i].stride > 1 && rng_percent(&g->rng, 30))
            extra[i] = 1;
        int64_t full = (x->dims[2 + i] - 1) * axes[i].stride + reach + extra[i];
        if (full - axes[i].before - axes[i].after < 1)
            axes[i].before = axes[i].after = 0;
        dims[2 + i] = full - axes[i].before - axes[i].after;
        shape[2 + i] = axes[i].kernel;
        fan_in *= (double)axes[i].kernel;
        padded |= extra[i] != 0;
    }
    struct gen_value y = gen_value(g, "deconv", dims, x->rank);
    const char *w = weight(g, "deconv", shape, x->rank, fan_in), *b = bias(g, channels);
    Onnx__NodeProto *node = gen_node(g, "ConvTranspose", &y);
    gen_reads(g, node, x);
    finish(g, node, w, b);
    if (groups > 1 || rng_percent(&g->rng, 20))
        make_int(&g->make, node, "group", groups);
    geometry(g, node, axes, spatial);
    if (padded)
        make_ints(&g->make, node, "output_padding", extra, spatial);
    return y;
}

/* C of a Gemm in one of its shapes; NULL: none. */
static const char *gemm_c(struct gen *g, int64_t rows, int64_t columns)
{
    int64_t dims[2] = {1, columns};
    size_t rank = 1;
    double values[most_elements];
    unsigned kind = rng_below(&g->rng, 8);
    if (kind == 0 && g->opset >= 11)
        return rng_percent(&g->rng, 50) ? NULL : "";
    if (kind == 1 && g->opset >= 7)
        rank = 0;
    else if (kind == 2 && g->opset >= 7)
        dims[1] = 1, rank = 2;
    else if (kind == 3 && g->opset >= 7)
        rank = 2;
    else if (kind == 4 && g->opset >= 7 && rows > 0)
        dims[0] = rows, dims[1] = 1, rank = 2;
    else if (kind == 5 && rows > 0)
        dims[0] = rows, rank = 2;
    else
        dims[0] = kind == 6 && g->opset >= 7 ? 1 : columns;
    for (size_t i = 0; i < most_elements; i++)
        values[i] = i < 64 ? rng_uniform(&g->rng, -1, 1) : 0;
    return gen_constant(g, rank == 1 && dims[0] == columns ? "vector" : "c", g->dtype, dims, rank, values);
}

static struct gen_value gemm(struct gen *g, const struct gen_value *x, int64_t channels)
{
    bool turn = rng_percent(&g->rng, 50);
    int64_t dims[2] = {x->dims[0], channels};
    int64_t shape[2] = {turn ? channels : x->dims[1], turn ? x->dims[1] : channels};
    struct gen_value y = gen_value(g, "gemm", dims, 2);
    const char *w = weight(g, turn ? "gemm_t" : "gemm", shape, 2, (double)x->dims[1]);
    const char *c = gemm_c(g, x->dims[0], channels);
    Onnx__NodeProto *node = gen_node(g, "Gemm", &y);
    gen_reads(g, node, x);
    finish(g, node, w, c);
    if (turn)
        make_int(&g->make, node, "transB", 1);
    if (rng_percent(&g->rng, 40))
        make_float(&g->make, node, "alpha", (float)rng_uniform(&g->rng, -1.5, 1.5));
    if (rng_percent(&g->rng, 40))
        make_float(&g->make, node, "beta", (float)rng_uniform(&g->rng, -1.5, 1.5));
    if (g->opset < 7)
        make_int(&g->make, node, "broadcast", 1);
    return y;
}

/* X·W on a matrix; on more axes W·X, whose rows are the channels, or X·W, whose columns are not. */
static struct gen_value matmul(struct gen *g, const struct gen_value *x, int64_t channels, bool same)
{
    bool left = x->rank == 3 && (same || rng_percent(&g->rng, 70));
    int64_t dims[5], shape[2];
    memcpy(dims, x->dims, sizeof dims);
    int64_t inner = left ? x->dims[1] : x->dims[x->rank - 1];
    int64_t outer = same && !left ? inner : channels;
    dims[left ? 1 : x->rank - 1] = outer;
    shape[0] = left ? outer : inner;
    shape[1] = left ? inner : outer;
    struct gen_value y = gen_value(g, "matmul", dims, x->rank);
    const char *w = weight(g, left ? "matmul_l" : "matmul", shape, 2, (double)inner);
    Onnx__NodeProto *node = gen_node(g, "MatMul", &y);
    if (left)
        make_reads(&g->make, node, w);
    gen_reads(g, node, x);
    if (!left)
        make_reads(&g->make, node, w);
    g->layers++;
    return y;
}

struct gen_value gen_layer(struct gen *g, const struct gen_value *x, int64_t channels, bool same)
{
    if (x->rank == 2)
        return rng_percent(&g->rng, 65) ? gemm(g, x, channels) : matmul(g, x, channels, false);
    if (x->rank == 3 && rng_percent(&g->rng, 30))
        return matmul(g, x, channels, same);
    int64_t plane = 1; /* transposed convolutions enlarge it, and the tests are to be fast */
    for (size_t i = 2; i < x->rank; i++)
        plane *= x->dims[i];
    if (plane < 150 && rng_percent(&g->rng, 30))
        return conv_transpose(g, x, channels, same);
    return conv(g, x, channels, same);
}
