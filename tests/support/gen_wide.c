/* Models of the wide kind: every operator of the catalogue, in any order. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

enum { largest = 700, enough_values = 200, most_weights = 4096, most_channels = 60 };

/* ---- pieces */

int64_t gen_volume(const struct gen_value *x)
{
    int64_t volume = 1;
    for (size_t i = 0; i < x->rank; i++)
        volume *= x->dims[i] < 0 ? 1 : x->dims[i];
    return volume;
}

bool gen_layer_fits(const struct gen_value *x, int64_t channels)
{
    int64_t weights = x->dims[1] * channels;
    for (size_t i = 2; i < x->rank; i++)
        weights *= 3;
    return weights <= most_weights && channels <= most_channels;
}

bool gen_affine_fits(const struct gen_value *x)
{
    return x->rank >= 2 && x->dims[1] <= most_channels;
}

Onnx__NodeProto *gen_from(struct gen *g, const char *op, struct gen_value *y, const struct gen_value *x)
{
    Onnx__NodeProto *node = gen_node(g, op, y);
    gen_reads(g, node, x);
    return node;
}

Onnx__NodeProto *gen_with(struct gen *g, const char *op, struct gen_value *y, const struct gen_value *x,
    const char *name, const int64_t *numbers, size_t count, int64_t since)
{
    const char *constant = g->opset >= since ? gen_indices(g, numbers, count) : NULL;
    Onnx__NodeProto *node = gen_from(g, op, y, x);
    if (constant)
        make_reads(&g->make, node, constant);
    else
        make_ints(&g->make, node, name, numbers, count);
    return node;
}

void gen_also(struct gen *g, Onnx__NodeProto *node, const char *output)
{
    char **wider = bnf_arena_alloc(&g->make.arena, node->n_output + 1, sizeof *wider);
    char *name = bnf_arena_copy(&g->make.arena, output, strlen(output));
    if (!wider || !name)
        bnf_bug("out of memory in a test");
    memcpy(wider, node->output, node->n_output * sizeof *wider);
    wider[node->n_output++] = name;
    node->output = wider;
}

const char *gen_indices(struct gen *g, const int64_t *numbers, size_t count)
{
    double values[16];
    const int64_t extent = (int64_t)count;
    for (size_t i = 0; i < count; i++)
        values[i] = (double)numbers[i];
    return gen_constant(g, make_name(&g->make, "numbers"), BNF_DTYPE_INT64, &extent, 1, values);
}

const char *gen_random(
    struct gen *g, const char *role, const int64_t *dims, size_t rank, double low, double high)
{
    double values[most_weights];
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    if (count > most_weights)
        bnf_bug("a generated constant is too large");
    for (size_t i = 0; i < count; i++)
        values[i] = rng_uniform(&g->rng, low, high);
    return gen_constant(g, role, g->dtype, dims, rank, values);
}

const char *gen_extra_input(struct gen *g, const char *stem, int dtype, const int64_t *dims, size_t rank)
{
    const char *name = make_name(&g->make, stem);
    make_input(&g->make, name, dtype, dims, rank);
    return name;
}

/* ---- the mix */

struct gen_value gen_norm(struct gen *g, const struct gen_value *x)
{
    if (!gen_affine_fits(x))
        return gen_pointwise(g, x);
    return rng_percent(&g->rng, 75) ? gen_batchnorm(g, x) : gen_affine(g, x);
}

struct gen_value gen_any_layer(struct gen *g, const struct gen_value *x)
{
    int64_t channels = rng_range(&g->rng, 1, 6);
    if (rng_percent(&g->rng, 25)) /* depthwise, and what a group can be made of */
        channels = x->dims[1] * rng_range(&g->rng, 1, 2);
    if (channels > 24 || !gen_layer_fits(x, channels))
        channels = 2;
    if (!gen_layer_fits(x, channels))
        return gen_pointwise(g, x);
    return gen_layer(g, x, channels, false);
}

struct gen_value gen_pass(struct gen *g, const struct gen_value *x)
{
    switch (rng_below(&g->rng, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return gen_through(g, x);
    case 4:
    case 5:
        return gen_window(g, x);
    }
    return gen_pointwise(g, x);
}

struct gen_value gen_same(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = *x;
    unsigned steps = 1 + rng_below(&g->rng, 3);
    for (unsigned i = 0; i < steps; i++) {
        unsigned kind = rng_below(&g->rng, 10);
        if (kind < 5 && gen_layer_fits(&y, y.dims[1]) && y.rank != 2)
            y = gen_layer(g, &y, y.dims[1], true);
        else if (kind < 5 && gen_layer_fits(&y, y.dims[1]))
            y = gen_layer(g, &y, y.dims[1], false);
        else
            y = kind < 8 ? gen_norm(g, &y) : gen_pointwise(g, &y);
    }
    return y;
}

static struct gen_value passes(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = *x;
    unsigned count = rng_below(&g->rng, 4);
    for (unsigned i = 0; i < count; i++)
        y = gen_pass(g, &y);
    return y;
}

static struct gen_value block(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = *x;
    unsigned kind = rng_below(&g->rng, 100);
    if (kind < 38) { /* an affine behind a layer */
        y = kind < 24 ? gen_any_layer(g, &y) : gen_absorb(g, &y);
        y = passes(g, &y);
        y = gen_norm(g, &y);
        return rng_percent(&g->rng, 50) ? gen_pointwise(g, &y) : y;
    }
    if (kind < 60) { /* in front of one */
        y = gen_norm(g, &y);
        y = passes(g, &y);
        return kind < 54 ? gen_any_layer(g, &y) : gen_absorb(g, &y);
    }
    if (kind < 82) {
        y = gen_branch(g, &y);
        return rng_percent(&g->rng, 60) ? gen_norm(g, &y) : y;
    }
    if (kind < 90) {
        y = gen_scope(g, &y);
        return rng_percent(&g->rng, 40) ? gen_norm(g, &y) : y;
    }
    if (kind < 95) {
        y = gen_norm(g, &y);
        return gen_recurrent(g, &y);
    }
    return passes(g, &y);
}

/* Back to a size that is fast to run. */
static struct gen_value shrunk(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = *x;
    for (size_t i = x->rank - 1; i >= 1; i--)
        while (gen_volume(&y) > largest && y.dims[i] > 3)
            y = gen_slice(g, &y, i, 0, y.dims[i] / 2, rng_range(&g->rng, 1, 2));
    return y;
}

/* ---- the whole */

static void begin(struct gen *g, const struct gen_options *options)
{
    static const int64_t opsets[] = {8, 9, 9, 10, 11, 11, 12, 13, 13, 14, 15, 16, 17, 17, 18, 21, 23, 23};
    static const int types[] = {
        BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_DOUBLE, BNF_DTYPE_FLOAT16};
    static const size_t ranks[] = {2, 3, 3, 4, 4, 4, 4, 5};
    g->opset = opsets[rng_below(&g->rng, 18)];
    g->dtype = types[rng_below(&g->rng, 5)];
    if (options->dtype)
        g->dtype = options->dtype;
    bool old = rng_percent(&g->rng, g->opset < 11 ? 40 : 10);
    g->list_initializers = old || rng_percent(&g->rng, 10);
    make_begin(&g->make, old ? 3 : 8, g->opset);
    size_t rank = ranks[rng_below(&g->rng, 8)];
    int64_t dims[5] = {rng_percent(&g->rng, 30) ? -1 : rng_range(&g->rng, 1, 2)};
    dims[1] = rng_range(&g->rng, 1, 8);
    for (size_t i = 2; i < rank; i++)
        dims[i] = rng_range(&g->rng, rank == 5 ? 1 : 2, rank == 5 ? 4 : rank == 4 ? 6 : 9);
    g->input = gen_value(g, "x", dims, rank);
    make_input(&g->make, g->input.name, g->dtype, dims, rank);
}

void gen_wide(struct gen *g, const struct gen_options *options)
{
    begin(g, options);
    struct gen_value x = g->input;
    unsigned blocks = 1 + rng_below(&g->rng, 4);
    for (unsigned i = 0; i < blocks && g->value_count < enough_values; i++) {
        x = shrunk(g, &x);
        x = block(g, &x);
    }
    if (rng_percent(&g->rng, 8))
        x = gen_unary(g, &x, "Softmax");
    g->output = x;
    if (strcmp(x.name, g->input.name) == 0)
        g->output = gen_unary(g, &x, "Identity");
    gen_end(g, options);
}
