#include "support/gen.h"

#include "onnx/dtype.h"

#include <string.h>

enum { most_shared = 512 };

/* ---- values, nodes, constants */

struct gen_value gen_value(struct gen *g, const char *stem, const int64_t *dims, size_t rank)
{
    struct gen_value v = {.name = make_name(&g->make, stem), .rank = rank};
    memcpy(v.dims, dims, rank * sizeof *dims);
    if (g->value_count == gen_most_values)
        bnf_bug("a generated model is too large");
    g->values[g->value_count++] = v;
    return v;
}

Onnx__NodeProto *gen_node(struct gen *g, const char *op_type, struct gen_value *output)
{
    Onnx__NodeProto *node = make_node(&g->make, op_type, output->name);
    if (rng_percent(&g->rng, 80)) /* a name is optional */
        node->name = make_name(&g->make, op_type);
    return node;
}

void gen_reads(struct gen *g, Onnx__NodeProto *node, const struct gen_value *value)
{
    for (size_t i = 0; i < g->value_count; i++)
        if (strcmp(g->values[i].name, value->name) == 0)
            g->values[i].read = true;
    make_reads(&g->make, node, value->name);
}

static const char *initializer(
    struct gen *g, const char *role, int dtype, const int64_t *dims, size_t rank, const double *values)
{
    const char *name = make_name(&g->make, role);
    make_initializer(&g->make, make_tensor(&g->make, name, dtype, dims, rank, values));
    if (g->list_initializers)
        make_input(&g->make, name, dtype, dims, rank);
    return name;
}

/* What only moves or carries a constant: a Constant node, an Identity, an Unsqueeze of a vector. */
static const char *in_disguise(
    struct gen *g, const char *role, int dtype, const int64_t *dims, size_t rank, const double *values)
{
    const char *name = make_name(&g->make, role);
    bool allowed = g->opset >= 9 || bnf_dtype_is_float(dtype); /* what Constant held before */
    if (g->only_nodes || (rng_percent(&g->rng, 50) && allowed)) {
        Onnx__NodeProto *node = make_node(&g->make, "Constant", name);
        make_value(&g->make, node, make_tensor(&g->make, "", dtype, dims, rank, values));
        return name;
    }
    bool column = rank > 1 && dims[0] > 1 && g->opset < 13;
    for (size_t i = 1; i < rank; i++)
        column &= dims[i] == 1;
    if (!column) {
        const char *from = initializer(g, role, dtype, dims, rank, values);
        make_reads(&g->make, make_node(&g->make, "Identity", name), from);
        return name;
    }
    const char *from = initializer(g, role, dtype, dims, 1, values);
    Onnx__NodeProto *node = make_node(&g->make, "Unsqueeze", name);
    make_reads(&g->make, node, from);
    make_ints(&g->make, node, "axes", (const int64_t[]){1, 2, 3, 4}, rank - 1);
    return name;
}

const char *gen_constant(
    struct gen *g, const char *role, int dtype, const int64_t *dims, size_t rank, const double *values)
{
    for (size_t i = g->first_shared; i < g->shared_count; i++) {
        const struct gen_shared *s = &g->shared[i];
        if (s->dtype == dtype && s->rank == rank && strcmp(s->role, role) == 0 &&
            (!rank || memcmp(s->dims, dims, rank * sizeof *dims) == 0) && rng_percent(&g->rng, 15))
            return s->name;
    }
    const char *name = g->only_nodes || rng_percent(&g->rng, 15)
                           ? in_disguise(g, role, dtype, dims, rank, values)
                           : initializer(g, role, dtype, dims, rank, values);
    if (g->shared_count < most_shared) {
        struct gen_shared *s = &g->shared[g->shared_count++];
        *s = (struct gen_shared){.name = name, .role = role, .dtype = dtype, .rank = rank};
        if (rank)
            memcpy(s->dims, dims, rank * sizeof *dims);
    }
    return name;
}

/* ---- what stands between layers */

struct gen_value gen_unary(struct gen *g, const struct gen_value *x, const char *op)
{
    struct gen_value y = gen_value(g, "act", x->dims, x->rank);
    Onnx__NodeProto *node = gen_node(g, op, &y);
    gen_reads(g, node, x);
    if (strcmp(op, "Dropout") == 0 && g->opset < 7)
        make_int(&g->make, node, "is_test", 1);
    if (strcmp(op, "Dropout") == 0 && g->opset < 12)
        make_float(&g->make, node, "ratio", 0.25f);
    if (strcmp(op, "Clip") == 0 && g->opset < 11) {
        make_float(&g->make, node, "min", 0);
        make_float(&g->make, node, "max", 6);
    } else if (strcmp(op, "Clip") == 0) {
        const double low = -1, high = 6;
        make_reads(&g->make, node, gen_constant(g, "low", g->dtype, NULL, 0, &low));
        make_reads(&g->make, node, gen_constant(g, "high", g->dtype, NULL, 0, &high));
    }
    return y;
}

static struct gen_value activation(struct gen *g, const struct gen_value *x)
{
    static const char *const ops[] = {"Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Clip", "Neg"};
    if (rng_percent(&g->rng, 40))
        return *x;
    return gen_unary(g, x, ops[rng_below(&g->rng, 7)]);
}

static struct gen_value quiet(struct gen *g, const struct gen_value *x)
{
    if (rng_percent(&g->rng, 75))
        return *x;
    return gen_unary(g, x, rng_percent(&g->rng, 50) ? "Identity" : "Dropout");
}

static struct gen_value norm(struct gen *g, const struct gen_value *x)
{
    return rng_percent(&g->rng, 70) ? gen_batchnorm(g, x) : gen_affine(g, x);
}

static struct gen_value join(struct gen *g, const struct gen_value *a, const struct gen_value *b)
{
    struct gen_value y = gen_value(g, "sum", a->dims, a->rank);
    Onnx__NodeProto *node = gen_node(g, "Add", &y);
    gen_reads(g, node, a);
    gen_reads(g, node, b);
    return y;
}

static struct gen_value concat(struct gen *g, const struct gen_value *a, const struct gen_value *b)
{
    int64_t dims[5];
    memcpy(dims, a->dims, sizeof dims);
    dims[1] += b->dims[1];
    struct gen_value y = gen_value(g, "concat", dims, a->rank);
    Onnx__NodeProto *node = gen_node(g, "Concat", &y);
    gen_reads(g, node, a);
    gen_reads(g, node, b);
    make_int(&g->make, node, "axis", 1);
    return y;
}

static struct gen_value pool(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5] = {x->dims[0], x->dims[1], 1, 1, 1}, kernel[3], stride[3], pads[6] = {0};
    bool global = rng_percent(&g->rng, 30), average = rng_percent(&g->rng, 50);
    size_t spatial = x->rank - 2;
    for (size_t i = 0; i < spatial && !global; i++) {
        kernel[i] = x->dims[2 + i] < 2 ? 1 : 2;
        stride[i] = rng_range(&g->rng, 1, 2);
        pads[i] = kernel[i] == 2 && rng_percent(&g->rng, 20);
        dims[2 + i] = (x->dims[2 + i] + pads[i] - kernel[i]) / stride[i] + 1;
    }
    struct gen_value y = gen_value(g, "pool", dims, x->rank);
    const char *op = global ? "GlobalAveragePool" : average ? "AveragePool" : "MaxPool";
    Onnx__NodeProto *node = gen_node(g, op, &y);
    gen_reads(g, node, x);
    if (global)
        return y;
    make_ints(&g->make, node, "kernel_shape", kernel, spatial);
    make_ints(&g->make, node, "strides", stride, spatial);
    make_ints(&g->make, node, "pads", pads, 2 * spatial);
    if (average && g->opset >= 7 && rng_percent(&g->rng, 30))
        make_int(&g->make, node, "count_include_pad", 1);
    return y;
}

static struct gen_value flatten(struct gen *g, const struct gen_value *x)
{
    int64_t dims[2] = {x->dims[0], 1};
    for (size_t i = 1; i < x->rank; i++)
        dims[1] *= x->dims[i];
    struct gen_value y = gen_value(g, "flat", dims, 2);
    bool reshape = rng_percent(&g->rng, 40);
    const double shape[2] = {0, -1};
    const int64_t two = 2;
    const char *to = reshape ? gen_constant(g, "shape", BNF_DTYPE_INT64, &two, 1, shape) : NULL;
    Onnx__NodeProto *node = gen_node(g, reshape ? "Reshape" : "Flatten", &y);
    gen_reads(g, node, x);
    if (reshape)
        make_reads(&g->make, node, to);
    return y;
}

/* An explicit Pad of the spatial axes by a constant. */
static struct gen_value pad(struct gen *g, const struct gen_value *x)
{
    int64_t dims[5], pads[10] = {0}, count = 2 * (int64_t)x->rank;
    double numbers[10], value = rng_percent(&g->rng, 50) ? 0 : rng_uniform(&g->rng, -1, 1);
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 2; i < x->rank; i++) {
        pads[i] = rng_range(&g->rng, 0, 1);
        pads[x->rank + i] = rng_range(&g->rng, 0, 1);
        dims[i] += pads[i] + pads[x->rank + i];
    }
    for (size_t i = 0; i < 2 * x->rank; i++)
        numbers[i] = (double)pads[i];
    struct gen_value y = gen_value(g, "pad", dims, x->rank);
    const char *amounts = NULL, *with = NULL;
    if (g->opset >= 11) {
        amounts = gen_constant(g, make_name(&g->make, "pads"), BNF_DTYPE_INT64, &count, 1, numbers);
        with = gen_constant(g, "pad_value", g->dtype, NULL, 0, &value);
    }
    Onnx__NodeProto *node = gen_node(g, "Pad", &y);
    gen_reads(g, node, x);
    if (g->opset >= 11) {
        make_reads(&g->make, node, amounts);
        make_reads(&g->make, node, with);
    } else {
        make_ints(&g->make, node, "pads", pads, (size_t)count);
        make_float(&g->make, node, "value", (float)value);
    }
    return y;
}

/* ---- blocks */

static int64_t channels(struct gen *g)
{
    return rng_range(&g->rng, 1, 6);
}

static struct gen_value plain_block(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = gen_layer(g, x, channels(g), false);
    y = quiet(g, &y);
    y = norm(g, &y);
    return activation(g, &y);
}

/* The affine in front of the layer. */
static struct gen_value forward_block(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = norm(g, x);
    y = quiet(g, &y);
    if (x->rank > 2 && rng_percent(&g->rng, 20))
        y = pad(g, &y);
    y = gen_layer(g, &y, channels(g), false);
    if (rng_percent(&g->rng, 40))
        y = norm(g, &y);
    return activation(g, &y);
}

static struct gen_value residual_block(struct gen *g, const struct gen_value *x)
{
    bool both = rng_percent(&g->rng, 50);
    int64_t outputs = both ? channels(g) : x->dims[1];
    struct gen_value a = gen_layer(g, x, outputs, true), b = *x;
    if (rng_percent(&g->rng, 60))
        a = norm(g, &a);
    if (both) {
        b = gen_layer(g, x, outputs, true);
        if (rng_percent(&g->rng, 40))
            b = norm(g, &b);
    }
    struct gen_value y = join(g, &a, &b);
    if (rng_percent(&g->rng, 50))
        y = norm(g, &y);
    return activation(g, &y);
}

static struct gen_value concat_block(struct gen *g, const struct gen_value *x)
{
    struct gen_value a = gen_layer(g, x, rng_range(&g->rng, 1, 3), true), b = *x;
    if (rng_percent(&g->rng, 70))
        b = gen_layer(g, x, rng_range(&g->rng, 1, 3), true);
    if (x->dims[1] > 12)
        return activation(g, &a);
    struct gen_value y = concat(g, &a, &b);
    y = norm(g, &y);
    return activation(g, &y);
}

/* A layer that somebody else reads, too. */
static struct gen_value shared_block(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = gen_layer(g, x, channels(g), false);
    struct gen_value a = norm(g, &y), b = rng_percent(&g->rng, 50) ? gen_unary(g, &y, "Relu") : norm(g, &y);
    return join(g, &a, &b);
}

static struct gen_value reshaping_block(struct gen *g, const struct gen_value *x)
{
    struct gen_value y = *x;
    if (rng_percent(&g->rng, 40))
        y = norm(g, &y);
    if (x->rank > 2)
        y = rng_percent(&g->rng, 70) ? pool(g, &y) : pad(g, &y);
    if (rng_percent(&g->rng, 40))
        y = norm(g, &y);
    return activation(g, &y);
}

static struct gen_value block(struct gen *g, const struct gen_value *x)
{
    switch (rng_below(&g->rng, 12)) {
    case 0:
    case 1:
    case 2:
        return forward_block(g, x);
    case 3:
        return residual_block(g, x);
    case 4:
        return concat_block(g, x);
    case 5:
        return shared_block(g, x);
    case 6:
        return reshaping_block(g, x);
    }
    return plain_block(g, x);
}

/* ---- the whole */

static void begin(struct gen *g, const struct gen_options *options)
{
    static const int64_t opsets[] = {5, 6, 8, 9, 11, 13, 14, 15, 17};
    static const int types[] = {
        BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_DOUBLE, BNF_DTYPE_FLOAT16};
    static const size_t ranks[] = {2, 2, 3, 4, 4, 4, 5};
    g->opset = opsets[rng_below(&g->rng, 9)];
    g->dtype = types[rng_below(&g->rng, 5)];
    if (options->dtype)
        g->dtype = options->dtype;
    bool old = rng_percent(&g->rng, g->opset < 9 ? 70 : 15);
    g->list_initializers = old || rng_percent(&g->rng, 15);
    make_begin(&g->make, old ? 3 : 8, g->opset);
    size_t rank = ranks[rng_below(&g->rng, 7)];
    int64_t dims[5] = {rng_percent(&g->rng, 30) ? -1 : rng_range(&g->rng, 1, 2), channels(g)};
    for (size_t i = 2; i < rank; i++)
        dims[i] = rng_range(&g->rng, rank == 5 ? 1 : 2, rank == 5 ? 4 : rank == 4 ? 6 : 9);
    g->input = gen_value(g, "x", dims, rank);
    make_input(&g->make, g->input.name, g->dtype, dims, rank);
}

void gen_end(struct gen *g, const struct gen_options *options)
{
    size_t extra =
        rng_percent(&g->rng, 20) && !options->simple ? 1 + rng_below(&g->rng, (unsigned)g->value_count) : 0;
    make_output(&g->make, g->output.name, g->dtype, g->output.dims, g->output.rank);
    for (size_t i = 1; i < g->value_count; i++) {
        const struct gen_value *v = &g->values[i];
        bool last = strcmp(v->name, g->output.name) == 0;
        if (!last && (!v->read || i == extra))
            make_output(&g->make, v->name, g->dtype, v->dims, v->rank);
    }
    if (rng_percent(&g->rng, 50) || options->notes)
        for (size_t i = 1; i < g->value_count; i++)
            make_note(&g->make, g->values[i].name, g->dtype, g->values[i].dims, g->values[i].rank);
    Onnx__GraphProto *graph = g->make.graph;
    if (rng_percent(&g->rng, 10) && !g->flag) { /* not every reader of models wants its nodes sorted */
        for (size_t i = 0, k = graph->n_node - 1; i < k; i++, k--) {
            Onnx__NodeProto *node = graph->node[i];
            graph->node[i] = graph->node[k];
            graph->node[k] = node;
        }
    }
}

void gen_model(struct gen *g, const struct gen_options *options)
{
    *g = (struct gen){.rng = rng_new(options->seed)};
    g->shared = bnf_alloc(most_shared, sizeof *g->shared);
    if (!g->shared)
        bnf_bug("out of memory in a test");
    if (options->wide) {
        gen_wide(g, options);
        return;
    }
    begin(g, options);
    struct gen_value x = g->input;
    unsigned blocks = 1 + rng_below(&g->rng, options->simple ? 3 : 5);
    for (unsigned i = 0; i < blocks; i++)
        x = options->simple ? plain_block(g, &x) : block(g, &x);
    if (x.rank > 2 && rng_percent(&g->rng, 40)) {
        int64_t size = 1;
        for (size_t i = 1; i < x.rank; i++)
            size *= x.dims[i];
        x = size > 300 ? pool(g, &x) : flatten(g, &x);
        if (x.rank == 2)
            x = plain_block(g, &x);
    }
    if (rng_percent(&g->rng, 15))
        x = gen_unary(g, &x, "Softmax");
    g->output = x;
    if (strcmp(x.name, g->input.name) == 0)
        g->output = gen_unary(g, &x, "Identity");
    gen_end(g, options);
}

void gen_free(struct gen *g)
{
    bnf_free(g->shared);
    make_end(&g->make);
}

struct eval_tensor gen_input(const struct gen *g, struct bnf_arena *arena, struct rng *rng)
{
    int64_t dims[5];
    memcpy(dims, g->input.dims, sizeof dims);
    if (dims[0] < 0)
        dims[0] = 2;
    struct eval_tensor t = eval_new(arena, dims, g->input.rank);
    for (size_t i = 0; i < t.count; i++) {
        t.value[i] = rng_uniform(rng, -2, 2);
        t.mag[i] = t.value[i] < 0 ? -t.value[i] : t.value[i];
    }
    return t;
}
