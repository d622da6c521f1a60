/* What moves the elements of a value, in generated models. */
#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

/* ---- one element at a time */

static struct gen_value prelu(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5] = {x->dims[1], 1, 1, 1, 1};
    size_t rank = gen_affine_fits(x) ? x->rank - 1 : 0;
    if (rng_percent(&g->rng, 40)) { /* one slope for all, or one for each index of the last axis */
        rank = rank ? 1 : 0;
        dims[0] = rng_percent(&g->rng, 50) ? 1 : x->dims[x->rank - 1];
    }
    struct gen_value y = gen_value(g, "prelu", x->dims, x->rank);
    const char *slope = gen_random(g, "slope", dims, rank, -0.5, 1);
    make_reads(&g->make, gen_from(g, "PRelu", &y, x), slope);
    return y;
}

/* To a wider type and back. */
static struct gen_value casts(struct gen *g, const struct gen_value *x)
{
    if (g->dtype == BNF_DTYPE_DOUBLE)
        return gen_unary(g, x, "Identity");
    const char *wide = make_name(&g->make, "wide");
    Onnx__NodeProto *there = make_node(&g->make, "Cast", wide);
    gen_reads(g, there, x);
    make_int(&g->make, there, "to", g->dtype == BNF_DTYPE_FLOAT ? BNF_DTYPE_DOUBLE : BNF_DTYPE_FLOAT);
    struct gen_value y = gen_value(g, "cast", x->dims, x->rank);
    Onnx__NodeProto *back = gen_node(g, "Cast", &y);
    make_reads(&g->make, back, wide);
    make_int(&g->make, back, "to", g->dtype);
    return y;
}

static struct gen_value clip(struct gen *g, const struct gen_value *x)
{
    if (g->opset < 11)
        return gen_unary(g, x, "Clip");
    const double low = -1, high = 6;
    struct gen_value y = gen_value(g, "clipped", x->dims, x->rank);
    const char *least = gen_constant(g, "low", g->dtype, NULL, 0, &low);
    const char *most = gen_constant(g, "high", g->dtype, NULL, 0, &high);
    Onnx__NodeProto *node = gen_from(g, "Clip", &y, x);
    make_reads(&g->make, node, least);
    make_reads(&g->make, node, most);
    return y;
}

struct gen_value gen_pointwise(struct gen *g, const struct gen_value *x)
{
    static const char *const ops[] = {
        "Relu", "Relu", "Relu", "Relu", "Sigmoid", "Tanh", "Neg", "Neg", "Identity", "Dropout"};
    unsigned kind = rng_below(&g->rng, 15);
    if (kind == 9 && rng_percent(&g->rng, 50))
        return gen_quantized(g, x);
    if (kind < 10)
        return gen_unary(g, x, ops[kind]);
    if (kind == 10)
        return clip(g, x);
    if (kind == 11)
        return casts(g, x);
    if (kind < 14)
        return prelu(g, x);
    struct gen_value y = gen_value(g, "leaky", x->dims, x->rank);
    Onnx__NodeProto *node = gen_from(g, "LeakyRelu", &y, x);
    if (rng_percent(&g->rng, 70))
        make_float(&g->make, node, "alpha", 0.1f);
    return y;
}

/* ---- order and shape */

struct gen_value gen_transpose(struct gen *g, const struct gen_value *x, const int64_t *order)
{
    int64_t dims[5] = {0};
    bool reversed = true;
    for (size_t i = 0; i < x->rank; i++) {
        dims[i] = x->dims[order[i]];
        reversed &= order[i] == (int64_t)(x->rank - 1 - i);
    }
    struct gen_value y = gen_value(g, "turned", dims, x->rank);
    Onnx__NodeProto *node = gen_from(g, "Transpose", &y, x);
    if (!reversed || rng_percent(&g->rng, 50))
        make_ints(&g->make, node, "perm", order, x->rank);
    return y;
}

/* The batch stays in front when it is a symbol. */
static struct gen_value transpose(struct gen *g, const struct gen_value *x)
{
    int64_t order[5] = {0, 1, 2, 3, 4}, back[5];
    size_t first = x->dims[0] < 0 || rng_percent(&g->rng, 75);
    for (size_t i = x->rank - 1; i > first; i--) {
        size_t k = first + rng_below(&g->rng, (unsigned)(i - first + 1));
        int64_t other = order[i];
        order[i] = order[k];
        order[k] = other;
    }
    for (size_t i = 0; i < x->rank; i++)
        back[order[i]] = (int64_t)i;
    struct gen_value y = gen_transpose(g, x, order);
    if (rng_percent(&g->rng, 40))
        return y;
    if (rng_percent(&g->rng, 60))
        y = rng_percent(&g->rng, 50) ? gen_norm(g, &y) : gen_pointwise(g, &y);
    return gen_transpose(g, &y, back);
}

/* A Reshape to these extents, said in one of several ways. */
static struct gen_value reshape(struct gen *g, const struct gen_value *x, const int64_t *dims, size_t rank)
{
    int64_t shape[5];
    bool solved = false;
    struct gen_value y = gen_value(g, "reshaped", dims, rank);
    for (size_t i = 0; i < rank; i++) {
        bool copies = i < x->rank && dims[i] == x->dims[i];
        shape[i] = dims[i];
        if (dims[i] < 0)
            shape[i] = 0;
        else if (copies && rng_percent(&g->rng, 40))
            shape[i] = 0;
        else if (!solved && rng_percent(&g->rng, 30))
            shape[i] = -1, solved = true;
    }
    const char *constant = gen_indices(g, shape, rank);
    Onnx__NodeProto *node = gen_from(g, "Reshape", &y, x);
    make_reads(&g->make, node, constant);
    if (g->opset >= 14 && rng_percent(&g->rng, 10))
        make_int(&g->make, node, "allowzero", 0);
    return y;
}

static struct gen_value merge(struct gen *g, const struct gen_value *x)
{
    if (x->rank == 2)
        return gen_pointwise(g, x);
    int64_t dims[5];
    size_t axis = 1 + rng_below(&g->rng, (unsigned)x->rank - 2);
    for (size_t i = 0, k = 0; i < x->rank; i++) {
        if (i == axis + 1)
            dims[k - 1] *= x->dims[i];
        else
            dims[k++] = x->dims[i];
    }
    struct gen_value y = reshape(g, x, dims, x->rank - 1);
    if (rng_percent(&g->rng, 50))
        return y;
    y = rng_percent(&g->rng, 50) ? gen_norm(g, &y) : gen_pointwise(g, &y);
    return reshape(g, &y, x->dims, x->rank);
}

static struct gen_value divide(struct gen *g, const struct gen_value *x)
{
    size_t axis = 1 + rng_below(&g->rng, (unsigned)x->rank - 1);
    int64_t dims[5], parts = x->dims[axis] % 3 == 0 ? 3 : x->dims[axis] % 2 == 0 ? 2 : 1;
    if (x->rank == 5)
        return gen_pointwise(g, x);
    memcpy(dims, x->dims, axis * sizeof *dims);
    bool first = rng_percent(&g->rng, 50);
    dims[axis] = first ? parts : x->dims[axis] / parts;
    dims[axis + 1] = first ? x->dims[axis] / parts : parts;
    memcpy(dims + axis + 2, x->dims + axis + 1, (x->rank - axis - 1) * sizeof *dims);
    return reshape(g, x, dims, x->rank + 1);
}

static struct gen_value flatten(struct gen *g, const struct gen_value *x)
{
    size_t axis = x->dims[0] < 0 || rng_percent(&g->rng, 80) ? 1 : 2;
    int64_t dims[2] = {1, 1};
    for (size_t i = 0; i < x->rank; i++)
        dims[i >= axis] *= x->dims[i];
    struct gen_value y = gen_value(g, "flat", dims, 2);
    Onnx__NodeProto *node = gen_from(g, "Flatten", &y, x);
    if (axis != 1 || rng_percent(&g->rng, 40))
        make_int(&g->make, node, "axis",
            g->opset >= 11 && rng_percent(&g->rng, 30) ? (int64_t)axis - (int64_t)x->rank : (int64_t)axis);
    return y;
}

static struct gen_value squeeze(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5], axes[5];
    size_t rank = 0, count = 0;
    for (size_t i = 0; i < x->rank; i++) {
        if (i > 0 && x->dims[i] == 1 && x->rank - count > 2 && rng_percent(&g->rng, 70))
            axes[count++] =
                g->opset >= 11 && rng_percent(&g->rng, 30) ? (int64_t)i - (int64_t)x->rank : (int64_t)i;
        else
            dims[rank++] = x->dims[i];
    }
    if (!count)
        return gen_pointwise(g, x);
    struct gen_value y = gen_value(g, "squeezed", dims, rank);
    gen_with(g, "Squeeze", &y, x, "axes", axes, count, 13);
    return y;
}

static struct gen_value unsqueeze(struct gen *g, const struct gen_value *x)
{
    if (x->rank == 5)
        return squeeze(g, x);
    int64_t dims[5], axis = rng_range(&g->rng, 1, (int64_t)x->rank);
    for (size_t i = 0, k = 0; i <= x->rank; i++)
        dims[i] = (int64_t)i == axis ? 1 : x->dims[k++];
    struct gen_value y = gen_value(g, "unsqueezed", dims, x->rank + 1);
    gen_with(g, "Unsqueeze", &y, x, "axes", &axis, 1, 13);
    if (rng_percent(&g->rng, 50))
        return y;
    y = rng_percent(&g->rng, 50) ? gen_norm(g, &y) : gen_pointwise(g, &y);
    struct gen_value z = gen_value(g, "squeezed", x->dims, x->rank);
    gen_with(g, "Squeeze", &z, &y, "axes", &axis, 1, 13);
    return z;
}

static struct gen_value channel_shuffle(struct gen *g, const struct gen_value *x)
{
    int64_t groups = x->dims[1] % 3 == 0 ? 3 : 2, dims[5] = {x->dims[0], groups, x->dims[1] / groups};
    const int64_t order[5] = {0, 2, 1, 3, 4};
    if (x->rank == 5 || x->dims[1] % groups || x->dims[1] == groups)
        return divide(g, x);
    memcpy(dims + 3, x->dims + 2, (x->rank - 2) * sizeof *dims);
    struct gen_value y = reshape(g, x, dims, x->rank + 1);
    y = gen_transpose(g, &y, order);
    return reshape(g, &y, x->dims, x->rank);
}

static struct gen_value depth(struct gen *g, const struct gen_value *x)
{
    if (x->rank != 4)
        return transpose(g, x);
    bool down = x->dims[1] % 4 == 0;
    int64_t dims[4] = {x->dims[0], x->dims[1] / 4, x->dims[2] * 2, x->dims[3] * 2};
    if (!down) {
        if (x->dims[2] % 2 || x->dims[3] % 2 || x->dims[1] > 8)
            return transpose(g, x);
        dims[1] = x->dims[1] * 4;
        dims[2] = x->dims[2] / 2;
        dims[3] = x->dims[3] / 2;
    }
    struct gen_value y = gen_value(g, "depth", dims, 4);
    Onnx__NodeProto *node = gen_from(g, down ? "DepthToSpace" : "SpaceToDepth", &y, x);
    make_int(&g->make, node, "blocksize", 2);
    if (down && g->opset >= 11 && rng_percent(&g->rng, 70))
        make_string(&g->make, node, "mode", rng_percent(&g->rng, 50) ? "CRD" : "DCR");
    return y;
}

/* ---- parts and copies */

struct gen_value gen_slice(
    struct gen *g, const struct gen_value *x, size_t axis, int64_t start, int64_t count, int64_t step)
{
    int64_t dims[5], at = (int64_t)axis, end = start + count;
    memcpy(dims, x->dims, sizeof dims);
    if (g->opset < 10)
        step = 1;
    dims[axis] = (count + step - 1) / step;
    if (end == x->dims[axis] && rng_percent(&g->rng, 30))
        end = INT32_MAX;
    else if (rng_percent(&g->rng, 20) && end < x->dims[axis])
        end -= x->dims[axis];
    struct gen_value y = gen_value(g, "slice", dims, x->rank);
    const char *lists[4] = {NULL};
    if (g->opset >= 10) {
        lists[0] = gen_indices(g, &start, 1);
        lists[1] = gen_indices(g, &end, 1);
        lists[2] = gen_indices(g, &at, 1);
        lists[3] = step != 1 || rng_percent(&g->rng, 30) ? gen_indices(g, &step, 1) : NULL;
    }
    Onnx__NodeProto *node = gen_from(g, "Slice", &y, x);
    for (size_t i = 0; i < 4 && lists[i]; i++)
        make_reads(&g->make, node, lists[i]);
    if (g->opset < 10) {
        make_ints(&g->make, node, "starts", &start, 1);
        make_ints(&g->make, node, "ends", &end, 1);
        make_ints(&g->make, node, "axes", &at, 1);
    }
    return y;
}

static struct gen_value slice(struct gen *g, const struct gen_value *x)
{
    size_t axis = 1 + rng_below(&g->rng, (unsigned)x->rank - 1);
    int64_t start = rng_range(&g->rng, 0, x->dims[axis] - 1);
    int64_t count = rng_range(&g->rng, 1, x->dims[axis] - start);
    return gen_slice(g, x, axis, start, count, rng_range(&g->rng, 1, 2));
}

static struct gen_value repeat(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5], numbers[5];
    bool tile = rng_percent(&g->rng, 50);
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 0; i < x->rank; i++) {
        bool grows = i > 0 && (tile || dims[i] == 1) && gen_volume(x) < 100 && rng_percent(&g->rng, 40);
        int64_t times = grows ? rng_range(&g->rng, 2, 3) : 1;
        dims[i] *= times;
        numbers[i] = tile ? times : i == 0 ? 1 : rng_percent(&g->rng, 50) || times > 1 ? dims[i] : 1;
    }
    struct gen_value y = gen_value(g, "repeated", dims, x->rank);
    const char *constant = gen_indices(g, numbers, x->rank);
    make_reads(&g->make, gen_from(g, tile ? "Tile" : "Expand", &y, x), constant);
    return y;
}

struct gen_value gen_through(struct gen *g, const struct gen_value *x)
{
    switch (rng_below(&g->rng, 13)) {
    case 0:
    case 1:
    case 2:
        return transpose(g, x);
    case 3:
        return merge(g, x);
    case 4:
        return divide(g, x);
    case 5:
        return x->rank > 2 ? flatten(g, x) : unsqueeze(g, x);
    case 6:
        return squeeze(g, x);
    case 7:
        return unsqueeze(g, x);
    case 8:
        return channel_shuffle(g, x);
    case 9:
    case 10:
        return depth(g, x);
    case 11:
        return repeat(g, x);
    }
    return slice(g, x);
}
