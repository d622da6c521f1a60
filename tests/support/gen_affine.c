/* BatchNormalizations and decomposed affines of generated models. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

enum { most_channels = 64 };

static void fill(struct gen *g, double *values, int64_t count, double low, double high)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = rng_uniform(&g->rng, low, high);
}

/* A scale as training leaves it: of either sign, now and then zero or next to it. */
static void scales(struct gen *g, double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        values[i] = rng_uniform(&g->rng, 0.25, 2) * (rng_percent(&g->rng, 25) ? -1 : 1);
        if (rng_percent(&g->rng, 3))
            values[i] = g->dtype != BNF_DTYPE_FLOAT16 && rng_percent(&g->rng, 50) ? 1e-39 : 0;
    }
}

struct gen_value gen_batchnorm(struct gen *g, const struct gen_value *x)
{
    static const float epsilons[] = {1e-5f, 1e-3f, 2e-5f, 0.1f};
    int64_t channels = x->dims[1];
    double gamma[most_channels], beta[most_channels], mean[most_channels], var[most_channels];
    scales(g, gamma, channels);
    fill(g, beta, channels, -1, 1);
    fill(g, mean, channels, -1, 1);
    for (int64_t i = 0; i < channels; i++) {
        var[i] = rng_uniform(&g->rng, 0.2, 1) * rng_uniform(&g->rng, 0.2, 4);
        if (g->dtype != BNF_DTYPE_FLOAT16 && rng_percent(&g->rng, 2))
            var[i] = 5.6e-45;
    }
    /* Since opset 15 scale and bias, since 14 the statistics, may be of another type than the data. */
    bool mixed = g->dtype == BNF_DTYPE_FLOAT16 && rng_percent(&g->rng, 50);
    int statistics = mixed && g->opset >= 14 ? BNF_DTYPE_FLOAT : g->dtype;
    int parameters = mixed && g->opset >= 15 ? BNF_DTYPE_FLOAT : g->dtype;
    const char *names[4] = {
        gen_constant(g, "scale", parameters, &channels, 1, gamma),
        gen_constant(g, "vector", parameters, &channels, 1, beta),
        gen_constant(g, "vector", statistics, &channels, 1, mean),
        gen_constant(g, "var", statistics, &channels, 1, var),
    };
    struct gen_value y = gen_value(g, "bn", x->dims, x->rank);
    Onnx__NodeProto *node = gen_node(g, "BatchNormalization", &y);
    gen_reads(g, node, x);
    for (size_t i = 0; i < 4; i++)
        make_reads(&g->make, node, names[i]);
    if (rng_percent(&g->rng, 70))
        make_float(&g->make, node, "epsilon", epsilons[rng_below(&g->rng, 4)]);
    if (rng_percent(&g->rng, 50))
        make_float(&g->make, node, "momentum", 0.9f);
    if (g->opset < 7)
        make_int(&g->make, node, "is_test", 1);
    if (g->opset < 6)
        make_ints(&g->make, node, "consumed_inputs", (const int64_t[]){0, 0, 0, 1, 1}, 5);
    if (g->opset < 9 && rng_percent(&g->rng, 40))
        make_int(&g->make, node, "spatial", x->rank == 2 ? rng_range(&g->rng, 0, 1) : 1);
    if (g->opset >= 14 && rng_percent(&g->rng, 40))
        make_int(&g->make, node, "training_mode", 0);
    return y;
}

/* A constant that lies along axis 1 of a tensor of this rank: [C,1,…] or [1,C,1,…], or one number for all. */
static const char *along_channels(struct gen *g, const struct gen_value *x, bool is_scale, bool *old_axis)
{
    double values[most_channels];
    int64_t dims[5] = {1, 1, 1, 1, 1}, channels = x->dims[1];
    size_t rank = rng_percent(&g->rng, 50) ? x->rank - 1 : x->rank;
    dims[rank + 1 - x->rank] = channels;
    *old_axis = false;
    if (is_scale)
        scales(g, values, channels);
    else
        fill(g, values, channels, -1, 1);
    for (int64_t i = 0; is_scale && i < channels; i++) /* a divisor, too */
        if (values[i] > -0.2 && values[i] < 0.2)
            values[i] = 0.5;
    if (rng_percent(&g->rng, 10))
        return gen_constant(g, is_scale ? "scalar_scale" : "scalar", g->dtype, dims, 0, values);
    if (g->opset < 7) { /* [C] with axis = 1; extents of 1 did not spread then */
        *old_axis = x->rank > 2 || rng_percent(&g->rng, 50);
        return gen_constant(g, is_scale ? "along_scale" : "along", g->dtype, &channels, 1, values);
    }
    return gen_constant(g, is_scale ? "along_scale" : "along", g->dtype, dims, rank, values);
}

static struct gen_value one_step(struct gen *g, const struct gen_value *x, const char *op)
{
    bool old_axis = false;
    bool is_scale = op[0] == 'M' || op[0] == 'D';
    const char *c = along_channels(g, x, is_scale, &old_axis);
    struct gen_value y = gen_value(g, "affine", x->dims, x->rank);
    Onnx__NodeProto *node = gen_node(g, op, &y);
    bool turned = g->opset >= 7 && op[0] != 'D' && rng_percent(&g->rng, 25); /* c + x, c·x, c − x */
    if (turned)
        make_reads(&g->make, node, c);
    gen_reads(g, node, x);
    if (!turned)
        make_reads(&g->make, node, c);
    if (g->opset < 7) {
        make_int(&g->make, node, "broadcast", 1);
        if (old_axis)
            make_int(&g->make, node, "axis", 1);
    }
    return y;
}

struct gen_value gen_affine(struct gen *g, const struct gen_value *x)
{
    static const char *const steps[] = {"Mul", "Add", "Sub", "Div"};
    struct gen_value y;
    switch (rng_below(&g->rng, 3)) {
    case 0: /* a normalization in four steps */
        y = one_step(g, x, "Sub");
        y = one_step(g, &y, "Div");
        y = one_step(g, &y, "Mul");
        return one_step(g, &y, "Add");
    case 1:
        y = one_step(g, x, "Mul");
        return one_step(g, &y, "Add");
    }
    return one_step(g, x, steps[rng_below(&g->rng, 4)]);
}
