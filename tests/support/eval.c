#include "support/eval_step.h"

#include "onnx/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct eval_tensor eval_new(struct bnf_arena *arena, const int64_t *dims, size_t rank)
{
    struct eval_tensor t = {.rank = rank};
    if (rank > eval_most_rank || !bnf_volume(dims, rank, &t.count))
        bnf_bug("a tensor of the tests with impossible extents");
    if (rank)
        memcpy(t.dims, dims, rank * sizeof *dims);
    t.value = bnf_arena_alloc(arena, t.count, sizeof *t.value);
    t.mag = bnf_arena_alloc(arena, t.count, sizeof *t.mag);
    if (!t.value || !t.mag)
        bnf_bug("out of memory in a test");
    return t;
}

bool step_refuse(struct step *s, const char *what)
{
    s->missing = what;
    return false;
}

int64_t step_axis(const struct step *s, const char *name, int64_t fallback, size_t rank)
{
    int64_t axis = bnf_attr_int(s->node, name, fallback);
    return axis < 0 ? axis + (int64_t)rank : axis;
}

bool step_has_more(const struct step *s)
{
    for (size_t i = 1; i < s->node->n_output; i++)
        if (*s->node->output[i])
            return true;
    return false;
}

/* The same elements under other extents. */
static bool view(struct step *s, const int64_t *dims, size_t rank)
{
    *s->out = *s->in[0];
    s->out->rank = rank;
    if (rank)
        memcpy(s->out->dims, dims, rank * sizeof *dims);
    size_t count = 0;
    return bnf_volume(dims, rank, &count) && count == s->in[0]->count;
}

/* ---- one element at a time */

static bool map_unary(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    const char *op = s->node->op_type;
    double alpha = (double)bnf_attr_float(s->node, "alpha", 0.01f);
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t i = 0; i < x->count; i++) {
        double v = x->value[i];
        if (strcmp(op, "Relu") == 0)
            v = v > 0 ? v : 0;
        else if (strcmp(op, "LeakyRelu") == 0)
            v = v > 0 ? v : alpha * v;
        else if (strcmp(op, "Neg") == 0)
            v = -v;
        else if (strcmp(op, "Sigmoid") == 0)
            v = 1 / (1 + exp(-v));
        s->out->value[i] = v;
        s->out->mag[i] = x->mag[i]; /* none of these is steeper than 1 */
    }
    return true;
}

static bool clip(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    double low = (double)bnf_attr_float(s->node, "min", -INFINITY),
           high = (double)bnf_attr_float(s->node, "max", INFINITY);
    if (s->in_count > 1 && s->in[1])
        low = s->in[1]->value[0];
    if (s->in_count > 2 && s->in[2])
        high = s->in[2]->value[0];
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t i = 0; i < x->count; i++) {
        s->out->value[i] = fmin(fmax(x->value[i], low), high);
        s->out->mag[i] = x->mag[i];
    }
    return true;
}

/* Before opset 7 the second operand is laid along the first from `axis` on: the same elements with the
 * extents that today's rule would need. */
static struct eval_tensor old_broadcast(const struct step *s)
{
    struct eval_tensor b = *s->in[1];
    size_t rank = s->in[0]->rank;
    int64_t axis = bnf_attr_int(s->node, "axis", (int64_t)(rank - b.rank));
    if (axis < 0 || (size_t)axis + b.rank > rank)
        return b;
    for (size_t i = 0; i < rank; i++)
        b.dims[i] =
            i >= (size_t)axis && i < (size_t)axis + s->in[1]->rank ? s->in[1]->dims[i - (size_t)axis] : 1;
    b.rank = rank;
    return b;
}

/* Which element of an operand belongs to element `index` of the broadcast result. */
static size_t element_of(size_t index, const struct eval_tensor *t, const struct eval_tensor *all)
{
    size_t from = 0, step = 1;
    for (size_t i = all->rank; i-- > 0;) {
        size_t at = index % (size_t)all->dims[i];
        index /= (size_t)all->dims[i];
        if (i + t->rank < all->rank)
            continue;
        int64_t extent = t->dims[i + t->rank - all->rank];
        from += extent == 1 ? 0 : at * step;
        step *= (size_t)extent;
    }
    return from;
}

static bool combine(struct step *s)
{
    const struct eval_tensor *a = s->in[0];
    struct eval_tensor b = s->opset < 7 ? old_broadcast(s) : *s->in[1];
    size_t rank = a->rank > b.rank ? a->rank : b.rank;
    int64_t dims[eval_most_rank];
    for (size_t i = 0; i < rank; i++) {
        int64_t x = i + a->rank < rank ? 1 : a->dims[i + a->rank - rank];
        int64_t y = i + b.rank < rank ? 1 : b.dims[i + b.rank - rank];
        if (x != y && x != 1 && y != 1)
            return step_refuse(s, "operands that do not broadcast");
        dims[i] = x == 1 ? y : x;
    }
    *s->out = eval_new(s->arena, dims, rank);
    char op = s->node->op_type[0]; /* Add, Sub, Mul, Div */
    for (size_t i = 0; i < s->out->count; i++) {
        size_t p = element_of(i, a, s->out), q = element_of(i, &b, s->out);
        double u = a->value[p], v = b.value[q], mu = a->mag[p], mv = b.mag[q];
        s->out->value[i] = op == 'A' ? u + v : op == 'S' ? u - v : op == 'M' ? u * v : u / v;
        s->out->mag[i] = op == 'A' || op == 'S' ? mu + mv
                         : op == 'M'            ? mu * mv
                                                : mu / fabs(v) * (mv / fabs(v));
    }
    return true;
}

/* PRelu: the slope is broadcast to x; before opset 7 one slope, or one for each of the channels on axis 1. */
static bool prelu(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    struct eval_tensor slope = *s->in[1];
    for (size_t i = 1; s->opset < 7 && slope.rank == 1 && i + 1 < x->rank; i++)
        slope.dims[slope.rank + i - 1] = 1;
    if (s->opset < 7 && slope.rank == 1 && x->rank > 2)
        slope.rank = x->rank - 1;
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t i = 0; i < x->count; i++) {
        size_t k = element_of(i, &slope, s->out);
        bool below = x->value[i] < 0;
        s->out->value[i] = below ? slope.value[k] * x->value[i] : x->value[i];
        s->out->mag[i] = x->mag[i] * fmax(1, slope.mag[k]);
    }
    return true;
}

/* ---- per channel */

/* An output with an empty name is none. */
static bool has_further_outputs(const Onnx__NodeProto *node)
{
    for (size_t i = 1; i < node->n_output; i++)
        if (*node->output[i])
            return true;
    return false;
}

static bool batch_normalization(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool inference = s->opset >= 14  ? bnf_attr_int(s->node, "training_mode", 0) == 0
                     : s->opset >= 7 ? true
                                     : bnf_attr_int(s->node, "is_test", 0) != 0;
    if (!inference || has_further_outputs(s->node))
        return step_refuse(s, "BatchNormalization that trains");
    if (bnf_attr_int(s->node, "spatial", 1) == 0 && x->rank != 2)
        return step_refuse(s, "BatchNormalization per element");
    double epsilon = (double)bnf_attr_float(s->node, "epsilon", 1e-5f);
    *s->out = eval_new(s->arena, x->dims, x->rank);
    size_t channels = x->rank > 1 ? (size_t)x->dims[1] : 1, plane = x->count / (size_t)x->dims[0] / channels;
    for (size_t i = 0; i < x->count; i++) {
        size_t c = i / plane % channels;
        double factor = s->in[1]->value[c] / sqrt(s->in[4]->value[c] + epsilon);
        s->out->value[i] = (x->value[i] - s->in[3]->value[c]) * factor + s->in[2]->value[c];
        s->out->mag[i] = (x->mag[i] + s->in[3]->mag[c]) * fabs(factor) + s->in[2]->mag[c];
    }
    return true;
}

static bool softmax(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    int64_t axis = step_axis(s, "axis", s->opset < 13 ? 1 : -1, x->rank);
    size_t length = 1, after = 1;
    for (size_t i = (size_t)axis; i < x->rank; i++) {
        if (s->opset < 13 || i == (size_t)axis)
            length *= (size_t)x->dims[i]; /* up to opset 12 everything from the axis on is one row */
        else
            after *= (size_t)x->dims[i];
    }
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t row = 0; row < x->count / length; row++) {
        size_t first = row / after * after * length + row % after;
        double most = -INFINITY, sum = 0, mag = 0;
        for (size_t k = 0; k < length; k++) {
            most = fmax(most, x->value[first + k * after]);
            mag = fmax(mag, x->mag[first + k * after]);
        }
        for (size_t k = 0; k < length; k++)
            sum += exp(x->value[first + k * after] - most);
        for (size_t k = 0; k < length; k++) {
            s->out->value[first + k * after] = exp(x->value[first + k * after] - most) / sum;
            s->out->mag[first + k * after] = 2 * mag + 1;
        }
    }
    return true;
}

/* ---- shapes */

static bool pass(struct step *s)
{
    if (strcmp(s->node->op_type, "Dropout") == 0) {
        bool trains = s->opset < 7 ? bnf_attr_int(s->node, "is_test", 0) == 0
                                   : s->in_count > 2 && s->in[2] && s->in[2]->value[0] != 0;
        if (trains || step_has_more(s))
            return step_refuse(s, "Dropout that trains");
    }
    *s->out = *s->in[0];
    return true;
}

/* All numbers are doubles here: only casts to integers and booleans would change them. */
static bool cast(struct step *s)
{
    int64_t to = bnf_attr_int(s->node, "to", 0);
    if (to != BNF_DTYPE_FLOAT && to != BNF_DTYPE_DOUBLE && to != BNF_DTYPE_FLOAT16)
        return step_refuse(s, "Cast to a type that is no float");
    *s->out = *s->in[0];
    return true;
}

static bool flatten(struct step *s)
{
    int64_t axis = step_axis(s, "axis", 1, s->in[0]->rank), dims[2] = {1, 1};
    for (size_t i = 0; i < s->in[0]->rank; i++)
        dims[i < (size_t)axis ? 0 : 1] *= s->in[0]->dims[i];
    return view(s, dims, 2);
}

/* The integers of an input, or of the attribute that older operator sets have in its place. */
static size_t integers(const struct step *s, size_t input, const char *attribute, int64_t out[eval_most_rank])
{
    size_t count = 0;
    const int64_t *list = bnf_attr_ints(s->node, attribute, &count);
    if (!list && s->in_count > input && s->in[input])
        count = s->in[input]->count;
    for (size_t i = 0; i < count && i < eval_most_rank; i++)
        out[i] = list ? list[i] : (int64_t)s->in[input]->value[i];
    return count;
}

static bool reshape(struct step *s)
{
    int64_t dims[eval_most_rank], known = 1;
    size_t rank = integers(s, 1, "shape", dims), open = rank;
    bool zeros = bnf_attr_int(s->node, "allowzero", 0) != 0;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == 0 && !zeros)
            dims[i] = s->in[0]->dims[i];
        if (dims[i] < 0)
            open = i;
        else
            known *= dims[i];
    }
    if (open < rank)
        dims[open] = (int64_t)s->in[0]->count / known;
    return view(s, dims, rank);
}

static bool squeeze(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    int64_t axes[eval_most_rank], dims[eval_most_rank];
    size_t count = integers(s, 1, "axes", axes), rank = 0;
    for (size_t i = 0; i < x->rank; i++) {
        bool out = count == 0 && x->dims[i] == 1;
        for (size_t k = 0; k < count; k++)
            out |= axes[k] == (int64_t)i || axes[k] + (int64_t)x->rank == (int64_t)i;
        if (!out)
            dims[rank++] = x->dims[i];
    }
    return view(s, dims, rank);
}

static bool unsqueeze(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    int64_t axes[eval_most_rank], dims[eval_most_rank];
    size_t count = integers(s, 1, "axes", axes), rank = x->rank + count, taken = 0;
    for (size_t i = 0; i < rank; i++) {
        bool in = false;
        for (size_t k = 0; k < count; k++)
            in |= axes[k] == (int64_t)i || axes[k] + (int64_t)rank == (int64_t)i;
        dims[i] = in ? 1 : x->dims[taken++];
    }
    return view(s, dims, rank);
}

static bool transpose(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    size_t count = 0, strides[eval_most_rank], step = 1;
    const int64_t *perm = bnf_attr_ints(s->node, "perm", &count);
    int64_t dims[eval_most_rank];
    for (size_t i = x->rank; i-- > 0; step *= (size_t)x->dims[i])
        strides[i] = step;
    for (size_t i = 0; i < x->rank; i++)
        dims[i] = x->dims[perm ? (size_t)perm[i] : x->rank - 1 - i];
    *s->out = eval_new(s->arena, dims, x->rank);
    for (size_t to = 0; to < x->count; to++) {
        size_t from = 0, rest = to;
        for (size_t i = x->rank; i-- > 0; rest /= (size_t)dims[i])
            from += rest % (size_t)dims[i] * strides[perm ? (size_t)perm[i] : x->rank - 1 - i];
        s->out->value[to] = x->value[from];
        s->out->mag[to] = x->mag[from];
    }
    return true;
}

static bool concat(struct step *s)
{
    size_t axis = (size_t)step_axis(s, "axis", 1, s->in[0]->rank), before = 1, after = 1, at = 0;
    int64_t dims[eval_most_rank];
    memcpy(dims, s->in[0]->dims, sizeof dims);
    for (size_t k = 1; k < s->in_count; k++)
        dims[axis] += s->in[k]->dims[axis];
    *s->out = eval_new(s->arena, dims, s->in[0]->rank);
    for (size_t i = 0; i < axis; i++)
        before *= (size_t)dims[i];
    for (size_t i = axis + 1; i < s->in[0]->rank; i++)
        after *= (size_t)dims[i];
    for (size_t b = 0; b < before; b++) {
        for (size_t k = 0; k < s->in_count; k++) {
            size_t piece = (size_t)s->in[k]->dims[axis] * after;
            memcpy(s->out->value + at, s->in[k]->value + b * piece, piece * sizeof(double));
            memcpy(s->out->mag + at, s->in[k]->mag + b * piece, piece * sizeof(double));
            at += piece;
        }
    }
    return true;
}

/* ---- the run */

static const struct {
    const char *op_type;
    bool (*run)(struct step *step);
} operators[] = {
    {"Conv", step_conv},
    {"ConvTranspose", step_conv_transpose},
    {"Gemm", step_gemm},
    {"MatMul", step_matmul},
    {"AveragePool", step_pool},
    {"MaxPool", step_pool},
    {"GlobalAveragePool", step_global_pool},
    {"GlobalMaxPool", step_global_pool},
    {"BatchNormalization", batch_normalization},
    {"InstanceNormalization", step_group_norm},
    {"GroupNormalization", step_group_norm},
    {"LayerNormalization", step_layer_norm},
    {"RMSNormalization", step_layer_norm},
    {"SimplifiedLayerNormalization", step_layer_norm},
    {"Gather", step_gather},
    {"Einsum", step_einsum},
    {"LSTM", step_recurrent},
    {"GRU", step_recurrent},
    {"RNN", step_recurrent},
    {"Add", combine},
    {"Sub", combine},
    {"Sum", step_sum},
    {"Mean", step_sum},
    {"Max", step_sum},
    {"Min", step_sum},
    {"Split", step_split},
    {"Slice", step_slice},
    {"Mul", combine},
    {"Div", combine},
    {"Neg", map_unary},
    {"Relu", map_unary},
    {"LeakyRelu", map_unary},
    {"Sigmoid", map_unary},
    {"Clip", clip},
    {"Softmax", softmax},
    {"Identity", pass},
    {"Dropout", pass},
    {"Cast", cast},
    {"Expand", step_expand},
    {"Tile", step_tile},
    {"DepthToSpace", step_depth},
    {"DequantizeLinear", step_dequantize},
    {"SpaceToDepth", step_depth},
    {"Flatten", flatten},
    {"Reshape", reshape},
    {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},
    {"Transpose", transpose},
    {"Concat", concat},
    {"Pad", step_pad},
    {"PRelu", prelu},
    {"ReduceMax", step_reduce},
    {"ReduceMean", step_reduce},
    {"ReduceMin", step_reduce},
    {"ReduceSum", step_reduce},
    {"Resize", step_resize},
    {"Upsample", step_resize},
};

static bool read_tensor(
    struct eval *e, struct bnf_model *model, const Onnx__TensorProto *proto, struct eval_tensor *out)
{
    struct bnf_tensor view;
    struct bnf_err err;
    if (bnf_tensor_view(model, proto, &view, &err)) {
        e->missing = "a constant that cannot be read";
        return false;
    }
    *out = eval_new(&e->arena, view.dims, view.rank);
    for (size_t i = 0; i < view.count; i++) {
        int half = view.dtype == BNF_DTYPE_INT4 || view.dtype == BNF_DTYPE_UINT4 ? view.data[i / 2] >> 4 * (i % 2) & 15 : 0;
        out->value[i] = view.dtype == BNF_DTYPE_INT4    ? (half ^ 8) - 8
                        : view.dtype == BNF_DTYPE_UINT4 ? half
                                                        : bnf_tensor_at(&view, i);
        out->mag[i] = fabs(out->value[i]);
    }
    return true;
}

static bool constant_node(
    struct eval *e, const struct bnf_graph *g, const Onnx__NodeProto *node, struct eval_tensor *out)
{
    const Onnx__AttributeProto *value = bnf_attr_find(node, "value");
    if (value && value->t)
        return read_tensor(e, g->model, value->t, out);
    e->missing = "Constant without value";
    return false;
}

static bool run_node(struct eval *e, const struct bnf_graph *g, bnf_id id)
{
    const struct bnf_node *node = &g->nodes[id];
    bnf_id to = bnf_node_output(g, id, 0);
    if (bnf_node_is(g, id, "Constant"))
        return constant_node(e, g, node->proto, &e->tensors[to]);
    struct step step = {.arena = &e->arena,
        .node = node->proto,
        .opset = bnf_node_opset(g, id),
        .in_count = node->input_count,
        .out = &e->tensors[to],
        .out_count = node->output_count};
    e->missing = node->proto->op_type;
    if (!bnf_node_is_standard(g, id) || node->input_count > step_most_inputs || node->output_count > step_most_inputs)
        return false;
    for (uint32_t i = 0; i < node->output_count; i++) {
        bnf_id output = bnf_node_output(g, id, i);
        step.outs[i] = output == BNF_NONE ? NULL : &e->tensors[output];
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        bnf_id input = bnf_node_input(g, id, i);
        step.in[i] = input == BNF_NONE ? NULL : &e->tensors[input];
        if (step.in[i] && !step.in[i]->value)
            return false;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].op_type, node->proto->op_type) != 0)
            continue;
        if (!operators[i].run(&step)) {
            e->missing = step.missing ? step.missing : e->missing;
            return false;
        }
        for (size_t k = 0; k < step.out->count; k++)
            step.out->mag[k] = fmax(step.out->mag[k], fabs(step.out->value[k]));
        return true;
    }
    return false;
}

bool eval_run(struct eval *e, const struct bnf_graph *g, const struct eval_tensor *inputs, size_t input_count)
{
    *e = (struct eval){0};
    bnf_arena_init(&e->arena, 0);
    const struct bnf_scope *scope = &g->scopes[0];
    e->tensors = bnf_arena_alloc(&e->arena, g->value_count, sizeof *e->tensors);
    e->outputs = bnf_arena_alloc(&e->arena, scope->output_count, sizeof *e->outputs);
    if (!e->tensors || !e->outputs)
        bnf_bug("out of memory in a test");
    for (bnf_id v = 0; v < g->value_count; v++)
        if (g->values[v].initializer && !read_tensor(e, g->model, g->values[v].initializer, &e->tensors[v]))
            return false;
    size_t fed = 0;
    for (size_t i = 0; i < scope->input_count; i++) {
        if (g->values[scope->inputs[i]].initializer)
            continue;
        if (fed == input_count) {
            e->missing = "an input that nothing feeds";
            return false;
        }
        e->tensors[scope->inputs[i]] = inputs[fed++];
    }
    for (size_t i = 0; i < scope->order_count; i++)
        if (!run_node(e, g, scope->order[i]))
            return false;
    for (size_t i = 0; i < scope->output_count; i++)
        e->outputs[i] = &e->tensors[scope->outputs[i]];
    e->output_count = scope->output_count;
    e->missing = NULL;
    return true;
}

void eval_free(struct eval *e)
{
    bnf_arena_free(&e->arena);
    e->tensors = NULL;
    e->outputs = NULL;
    e->output_count = 0;
}
