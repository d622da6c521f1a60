/* Values that part and meet again, in generated models. */
#include "support/gen.h"

#include <string.h>

enum { most_parts = 3, most_joined = 24 };

static struct gen_value joined(
    struct gen *g, const char *op, const struct gen_value *parts, size_t count, const int64_t *dims)
{
    struct gen_value y = gen_value(g, "joined", dims, parts[0].rank);
    Onnx__NodeProto *node = gen_node(g, op, &y);
    for (size_t i = 0; i < count; i++)
        gen_reads(g, node, &parts[i]);
    return y;
}

static struct gen_value concat(struct gen *g, const struct gen_value *parts, size_t count, size_t axis)
{
    int64_t dims[5];
    memcpy(dims, parts[0].dims, sizeof dims);
    for (size_t i = 1; i < count; i++)
        dims[axis] += parts[i].dims[axis];
    struct gen_value y = joined(g, "Concat", parts, count, dims);
    Onnx__NodeProto *node = g->make.graph->node[g->make.graph->n_node - 1];
    bool from_behind = g->opset >= 11 && rng_percent(&g->rng, 30);
    make_int(&g->make, node, "axis", (int64_t)axis - (from_behind ? (int64_t)parts[0].rank : 0));
    return y;
}

/* A branch with so many channels and the extents of x; 0: those of x. */
static struct gen_value branch(struct gen *g, const struct gen_value *x, int64_t channels)
{
    struct gen_value y = *x;
    if (!channels && rng_percent(&g->rng, 25))
        return y;
    if (!channels)
        channels = x->dims[1];
    if (!gen_layer_fits(x, channels))
        return gen_pointwise(g, x);
    y = gen_layer(g, x, channels, true);
    if (rng_percent(&g->rng, 60))
        y = gen_norm(g, &y);
    return rng_percent(&g->rng, 35) ? gen_pointwise(g, &y) : y;
}

static struct gen_value joint_channels(struct gen *g, const struct gen_value *x)
{
    struct gen_value parts[most_parts];
    size_t count = 2 + rng_below(&g->rng, 2);
    for (size_t i = 0; i < count; i++)
        parts[i] = branch(g, x, rng_percent(&g->rng, 15) && x->dims[1] < 8 ? 0 : rng_range(&g->rng, 1, 3));
    struct gen_value y = concat(g, parts, count, 1);
    return rng_percent(&g->rng, 30) ? gen_pass(g, &y) : y;
}

static struct gen_value joint_extents(struct gen *g, const struct gen_value *x)
{
    struct gen_value parts[2];
    if (x->rank < 3)
        return joint_channels(g, x);
    for (size_t i = 0; i < 2; i++)
        parts[i] = branch(g, x, 0);
    return concat(g, parts, 2, 2 + rng_below(&g->rng, (unsigned)x->rank - 2));
}

/* What divides or multiplies stays away from zero and from large numbers. */
static struct gen_value gate(struct gen *g, const struct gen_value *x, bool divides)
{
    struct gen_value y = gen_unary(g, x, "Sigmoid");
    if (!divides)
        return y;
    const double one = 1;
    const char *constant = gen_constant(g, "one", g->dtype, NULL, 0, &one);
    struct gen_value z = gen_value(g, "above_one", x->dims, x->rank);
    make_reads(&g->make, gen_from(g, "Add", &z, &y), constant);
    return z;
}

static struct gen_value residual(struct gen *g, const struct gen_value *x)
{
    static const char *const ops[] = {"Add", "Add", "Add", "Sub", "Sum", "Mean", "Mul", "Div"};
    const char *op = ops[rng_below(&g->rng, 8)];
    struct gen_value parts[most_parts];
    bool many = strcmp(op, "Sum") == 0 || strcmp(op, "Mean") == 0;
    size_t count = many && rng_percent(&g->rng, 50) ? 3 : 2;
    for (size_t i = 0; i < count; i++)
        parts[i] = branch(g, x, 0);
    if (op[0] == 'D' || (op[0] == 'M' && op[1] == 'u' && rng_percent(&g->rng, 50)))
        parts[1] = gate(g, &parts[1], op[0] == 'D');
    if (rng_percent(&g->rng, 8) && op[0] != 'D')
        parts[1] = parts[0]; /* both slots read one value */
    return joined(g, op, parts, count, x->dims);
}

/* One branch is read by somebody else as well. */
static struct gen_value shared(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = gen_any_layer(g, x), parts[2];
    parts[0] = gen_norm(g, &y);
    parts[1] = rng_percent(&g->rng, 40)   ? gen_norm(g, &y)
               : rng_percent(&g->rng, 50) ? gen_unary(g, &y, "Relu")
                                          : y;
    struct gen_value z = joined(g, rng_percent(&g->rng, 70) ? "Add" : "Mul", parts, 2, y.dims);
    if (rng_percent(&g->rng, 70))
        return z;
    parts[0] = gen_norm(g, &z);
    return joined(g, "Sum", parts, 2, z.dims);
}

static struct gen_value split(struct gen *g, const struct gen_value *x)
{
    size_t axis = rng_percent(&g->rng, 70) ? 1 : 1 + rng_below(&g->rng, (unsigned)x->rank - 1);
    int64_t extent = x->dims[axis], sizes[2];
    if (extent < 2)
        return residual(g, x);
    bool even = extent % 2 == 0 && rng_percent(&g->rng, 60), told = !even || rng_percent(&g->rng, 40);
    sizes[0] = even ? extent / 2 : rng_range(&g->rng, 1, extent - 1);
    sizes[1] = extent - sizes[0];
    struct gen_value parts[2];
    for (size_t i = 0; i < 2; i++) {
        int64_t dims[5];
        memcpy(dims, x->dims, sizeof dims);
        dims[axis] = sizes[i];
        parts[i] = gen_value(g, "part", dims, x->rank);
    }
    Onnx__NodeProto *node =
        told ? gen_with(g, "Split", &parts[0], x, "split", sizes, 2, 13) : gen_from(g, "Split", &parts[0], x);
    gen_also(g, node, parts[1].name);
    make_int(&g->make, node, "axis", (int64_t)axis);
    if (!told && g->opset >= 18)
        make_int(&g->make, node, "num_outputs", 2);
    for (size_t i = 0; i < 2; i++) {
        if (rng_percent(&g->rng, 40))
            parts[i] = gen_norm(g, &parts[i]);
        if (rng_percent(&g->rng, 40))
            parts[i] = branch(g, &parts[i], 0);
    }
    if (sizes[0] == sizes[1] && rng_percent(&g->rng, 50))
        return joined(g, rng_percent(&g->rng, 70) ? "Add" : "Mul", parts, 2, parts[0].dims);
    return concat(g, parts, 2, axis);
}

static struct gen_value slices(struct gen *g, const struct gen_value *x)
{
    size_t axis = 1 + rng_below(&g->rng, (unsigned)x->rank - 1);
    int64_t extent = x->dims[axis];
    if (extent < 2)
        return split(g, x);
    int64_t cut = rng_range(&g->rng, 1, extent - 1);
    struct gen_value parts[2];
    parts[0] = gen_slice(g, x, axis, 0, cut, 1);
    parts[1] = gen_slice(g, x, axis, cut, extent - cut, 1);
    if (rng_percent(&g->rng, 50))
        parts[0] = gen_norm(g, &parts[0]);
    if (rng_percent(&g->rng, 30))
        parts[1] = gen_norm(g, &parts[1]);
    return concat(g, parts, 2, axis);
}

/* One number a channel, from all of them: squeeze and excitation, or added. */
static struct gen_value excitation(struct gen *g, const struct gen_value *x)
{
    if (x->rank < 3 || !gen_layer_fits(x, x->dims[1]))
        return residual(g, x);
    int64_t dims[5] = {x->dims[0], x->dims[1], 1, 1, 1};
    struct gen_value y = gen_value(g, "pool", dims, x->rank), in = *x;
    gen_from(g, rng_percent(&g->rng, 70) ? "GlobalAveragePool" : "GlobalMaxPool", &y, &in);
    y = gen_layer(g, &y, x->dims[1], true);
    if (rng_percent(&g->rng, 60))
        y = gen_norm(g, &y);
    if (rng_percent(&g->rng, 60))
        y = gate(g, &y, false);
    if (rng_percent(&g->rng, 50) && gen_layer_fits(&in, in.dims[1]))
        in = gen_layer(g, &in, in.dims[1], true);
    struct gen_value parts[2] = {in, y};
    if (rng_percent(&g->rng, 30))
        parts[0] = y, parts[1] = in;
    return joined(g, rng_percent(&g->rng, 60) ? "Mul" : "Add", parts, 2, x->dims);
}

struct gen_value gen_branch(struct gen *g, const struct gen_value *x)
{
    switch (rng_below(&g->rng, 12)) {
    case 0:
    case 1:
    case 2:
        return x->dims[1] > most_joined ? residual(g, x) : joint_channels(g, x);
    case 3:
        return joint_extents(g, x);
    case 4:
    case 5:
        return split(g, x);
    case 6:
        return slices(g, x);
    case 7:
        return excitation(g, x);
    case 8:
        return shared(g, x);
    }
    return residual(g, x);
}
