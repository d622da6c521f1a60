/* Elements of small vectors: the arithmetic with which exporters compute shapes. Each rule runs after the one
 * for the output's shape. */
#include "graph/shapes_internal.h"
#include "graph/shapes_slice.h"
#include "onnx/tensor.h"

#include <math.h>
#include <string.h>

static const struct bnf_element unknown = {BNF_DIM_UNKNOWN, 0};

static int output_dtype(const struct bnf_op *op)
{
    bnf_id value = bnf_node_output(op->all->graph, op->node, 0);
    return value == BNF_NONE ? 0 : op->all->graph->values[value].shape.dtype;
}

/* A result as it would be stored: rounded to a float type, truncated to an integer one. What does not fit into int32 is
 * unknown: some programs wrap it, others do not. */
static struct bnf_element stored(int dtype, double number)
{
    if (dtype == BNF_DTYPE_BOOL)
        number = number != 0;
    else if (bnf_dtype_is_float(dtype))
        number = bnf_round(dtype, number);
    else
        number = trunc(number);
    if (dtype == BNF_DTYPE_INT32 && !(number >= INT32_MIN && number <= INT32_MAX))
        return unknown;
    return bnf_element_number(number);
}

/* Cast, and everything that rearranges nothing. */
void bnf_elements_copy(const struct bnf_op *op)
{
    struct bnf_vector in;
    int dtype = output_dtype(op);
    if (!bnf_op_vector(op, 0, &in))
        return;
    bool cast = op->all->graph->values[bnf_node_input(op->all->graph, op->node, 0)].shape.dtype != dtype;
    for (size_t i = 0; i < in.count; i++) {
        struct bnf_element *e = &in.items[i];
        if (e->symbol == 0 && (cast || fabs(e->number) < 9e15)) /* the largest of all often stands for the end */
            *e = stored(dtype, e->number);
        else if (e->symbol != 0 && dtype == BNF_DTYPE_BOOL)
            *e = unknown;
    }
    bnf_op_know(op, &in);
}

void bnf_elements_shape(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    if (in.rank < 0)
        return;
    int64_t start = bnf_attr_int(op->proto, "start", 0), end = bnf_attr_int(op->proto, "end", in.rank);
    start = start < 0 ? start + in.rank : start;
    end = end < 0 ? end + in.rank : end;
    struct bnf_vector out = {0};
    for (int i = 0; i < in.rank; i++)
        if (i >= start && i < end)
            out.items[out.count++] = bnf_element_dim(in.dims[i]);
    bnf_op_know(op, &out);
}

void bnf_elements_size(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    if (in.rank < 0)
        return;
    struct bnf_vector out = {.count = 1, .items = {bnf_element_dim(bnf_dim_product(in.dims, in.rank))}};
    bnf_op_know(op, &out);
}

void bnf_elements_concat(const struct bnf_op *op)
{
    struct bnf_vector out = {0}, in;
    bnf_id value = bnf_node_output(op->all->graph, op->node, 0);
    if (value == BNF_NONE || op->all->graph->values[value].shape.rank != 1)
        return;
    for (uint32_t slot = 0; slot < op->proto->n_input; slot++) {
        if (!bnf_op_vector(op, slot, &in) || in.count > BNF_VECTOR_MAX - out.count)
            return;
        memcpy(out.items + out.count, in.items, in.count * sizeof *in.items);
        out.count += in.count;
    }
    bnf_op_know(op, &out);
}

void bnf_elements_gather(const struct bnf_op *op)
{
    struct bnf_vector data, index, out = {0};
    if (bnf_op_input(op, 0).rank != 1 || !bnf_op_vector(op, 0, &data) || !bnf_op_vector(op, 1, &index))
        return;
    for (size_t i = 0; i < index.count; i++) {
        int64_t at = 0;
        bool fits = bnf_element_int(index.items[i], &at);
        int from = fits ? bnf_shape_axis(at, (int)data.count) : -1;
        out.items[out.count++] = from < 0 ? unknown : data.items[from];
    }
    bnf_op_know(op, &out);
}

void bnf_elements_slice(const struct bnf_op *op)
{
    struct bnf_vector data, starts, ends, steps, out = {0};
    bool inputs = op->opset >= 10;
    int64_t start, end, step = 1;
    if (bnf_op_input(op, 0).rank != 1 || !bnf_op_vector(op, 0, &data) ||
        !bnf_op_list(op, inputs ? NULL : "starts", 1, &starts) ||
        !bnf_op_list(op, inputs ? NULL : "ends", 2, &ends) || starts.count != 1 || ends.count != 1 ||
        !bnf_element_int(starts.items[0], &start) || !bnf_element_int(ends.items[0], &end))
        return;
    if (inputs && bnf_op_has(op, 4) &&
        (!bnf_op_vector(op, 4, &steps) || steps.count != 1 || !bnf_element_int(steps.items[0], &step)))
        return;
    if (step == 0)
        return;
    struct bnf_taken taken = bnf_slice_taken((int64_t)data.count, start, end, step);
    for (; (int64_t)out.count < taken.count; out.count++)
        out.items[out.count] = data.items[taken.first + (int64_t)out.count * taken.step];
    bnf_op_know(op, &out);
}

void bnf_elements_constant_of_shape(const struct bnf_op *op)
{
    const Onnx__AttributeProto *value = bnf_attr_find(op->proto, "value");
    bnf_id output = bnf_node_output(op->all->graph, op->node, 0);
    struct bnf_vector count, out = {0};
    struct bnf_tensor tensor;
    double number = 0;
    if (output == BNF_NONE || !bnf_op_vector(op, 0, &count) || count.count > 1)
        return;
    int64_t length = count.count ? bnf_element_extent(count.items[0]) : 1;
    if (length < 0 || length > BNF_VECTOR_MAX || (value && !value->t))
        return;
    if (value) {
        int dtype = value->t->data_type;
        if ((dtype != BNF_DTYPE_INT64 && dtype != BNF_DTYPE_INT32 && dtype != BNF_DTYPE_FLOAT) ||
            bnf_tensor_view(op->all->graph->model, value->t, &tensor, NULL) != BNF_OK || tensor.count != 1)
            return;
        bnf_to_double(dtype, tensor.data, 0, 1, &number);
    }
    out.count = (size_t)length;
    for (size_t i = 0; i < out.count; i++)
        out.items[i] = bnf_element_number(number);
    bnf_op_know(op, &out);
}

void bnf_elements_range(const struct bnf_op *op)
{
    struct bnf_vector start, limit, delta, out = {0};
    if (!bnf_op_vector(op, 0, &start) || !bnf_op_vector(op, 1, &limit) || !bnf_op_vector(op, 2, &delta) ||
        start.count != 1 || limit.count != 1 || delta.count != 1 || start.items[0].symbol ||
        limit.items[0].symbol || delta.items[0].symbol || delta.items[0].number == 0)
        return;
    double length = ceil((limit.items[0].number - start.items[0].number) / delta.items[0].number);
    if (!(length >= 0 && length <= BNF_VECTOR_MAX))
        return;
    for (out.count = 0; out.count < (size_t)length; out.count++)
        out.items[out.count] =
            stored(output_dtype(op), start.items[0].number + (double)out.count * delta.items[0].number);
    bnf_op_know(op, &out);
}

/* ---- elementwise ---- */

enum { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MAX, OP_MIN, OP_AND, OP_OR, OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

static int operation(const char *op_type)
{
    static const char *const names[] = {[OP_ADD] = "Add",
        [OP_SUB] = "Sub",
        [OP_MUL] = "Mul",
        [OP_DIV] = "Div",
        [OP_MAX] = "Max",
        [OP_MIN] = "Min",
        [OP_AND] = "And",
        [OP_OR] = "Or",
        [OP_EQ] = "Equal",
        [OP_LT] = "Less",
        [OP_LE] = "LessOrEqual",
        [OP_GT] = "Greater",
        [OP_GE] = "GreaterOrEqual"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], op_type) == 0)
            return i;
    return -1;
}

static double compute(int operation, double a, double b)
{
    switch (operation) {
    case OP_ADD:
        return a + b;
    case OP_SUB:
        return a - b;
    case OP_MUL:
        return a * b;
    case OP_DIV:
        return a / b; /* an integer quotient is truncated when stored */
    case OP_MAX:
        return a > b ? a : b;
    case OP_MIN:
        return a < b ? a : b;
    case OP_AND:
        return a != 0 && b != 0;
    case OP_OR:
        return a != 0 || b != 0;
    case OP_EQ:
        return a == b;
    case OP_LT:
        return a < b;
    case OP_LE:
        return a <= b;
    case OP_GT:
        return a > b;
    case OP_GE:
        return a >= b;
    }
    return NAN;
}

/* What is left of a symbol: x+0, x−0, x·1, x/1, 0·x, max(x, x), and x = −1, which no extent is. */
static struct bnf_element combine(int operation, struct bnf_element a, struct bnf_element b, int dtype)
{
    if (a.symbol == 0 && b.symbol == 0)
        return stored(dtype, compute(operation, a.number, b.number));
    if ((operation == OP_ADD && bnf_element_is(a, 0)) || (operation == OP_MUL && bnf_element_is(a, 1)))
        return b;
    if (((operation == OP_ADD || operation == OP_SUB) && bnf_element_is(b, 0)) ||
        ((operation == OP_MUL || operation == OP_DIV) && bnf_element_is(b, 1)))
        return a;
    if (operation == OP_MUL && (bnf_element_is(a, 0) || bnf_element_is(b, 0)))
        return bnf_element_number(0);
    bool same = a.symbol == b.symbol && a.symbol <= -2;
    if (same && (operation == OP_MAX || operation == OP_MIN))
        return a;
    if (same && operation == OP_SUB)
        return bnf_element_number(0);
    bool negative = (a.symbol <= -2 && b.symbol == 0 && b.number < 0) ||
                    (b.symbol <= -2 && a.symbol == 0 && a.number < 0);
    if (operation == OP_EQ && (same || negative))
        return bnf_element_number(same);
    return unknown;
}

static struct bnf_element at(const struct bnf_vector *v, size_t i)
{
    return v->items[v->count == 1 ? 0 : i];
}

void bnf_elements_binary(const struct bnf_op *op)
{
    struct bnf_vector a, b, out = {0};
    int what = operation(op->proto->op_type), dtype = output_dtype(op);
    if (what < 0 || op->proto->n_input != 2 || !bnf_op_vector(op, 0, &a) || !bnf_op_vector(op, 1, &b) ||
        (a.count != b.count && a.count != 1 && b.count != 1))
        return;
    out.count = a.count == 1 ? b.count : a.count;
    for (size_t i = 0; i < out.count; i++)
        out.items[i] = combine(what, at(&a, i), at(&b, i), dtype);
    bnf_op_know(op, &out);
}

void bnf_elements_unary(const struct bnf_op *op)
{
    struct bnf_vector in;
    const char *type = op->proto->op_type;
    int dtype = output_dtype(op);
    if (!bnf_op_vector(op, 0, &in))
        return;
    for (size_t i = 0; i < in.count; i++) {
        struct bnf_element *e = &in.items[i];
        double x = e->number;
        if (e->symbol != 0) { /* rounding leaves an extent as it is, and so does its absolute value */
            if (strcmp(type, "Neg") == 0 || strcmp(type, "Not") == 0)
                *e = unknown;
            continue;
        }
        double y = strcmp(type, "Neg") == 0     ? -x
                   : strcmp(type, "Not") == 0   ? (x == 0)
                   : strcmp(type, "Abs") == 0   ? fabs(x)
                   : strcmp(type, "Floor") == 0 ? floor(x)
                   : strcmp(type, "Ceil") == 0  ? ceil(x)
                                                : rint(x);
        *e = stored(dtype, y);
    }
    bnf_op_know(op, &in);
}

void bnf_elements_where(const struct bnf_op *op)
{
    struct bnf_vector condition, a, b, out = {0};
    if (!bnf_op_vector(op, 0, &condition) || !bnf_op_vector(op, 1, &a) || !bnf_op_vector(op, 2, &b))
        return;
    out.count = condition.count != 1 ? condition.count : a.count != 1 ? a.count : b.count;
    if ((a.count != 1 && a.count != out.count) || (b.count != 1 && b.count != out.count))
        return;
    for (size_t i = 0; i < out.count; i++) {
        struct bnf_element c = at(&condition, i), x = at(&a, i), y = at(&b, i);
        bool same = x.symbol == y.symbol && x.symbol != BNF_DIM_UNKNOWN && (x.symbol || x.number == y.number);
        out.items[i] = same ? x : c.symbol != 0 ? unknown : c.number != 0 ? x : y;
    }
    bnf_op_know(op, &out);
}

void bnf_elements_expand(const struct bnf_op *op)
{
    struct bnf_vector in, shape, out = {0};
    if (!bnf_op_vector(op, 0, &in) || in.count != 1 || !bnf_op_vector(op, 1, &shape) || shape.count > 1)
        return;
    int64_t length = shape.count ? bnf_element_extent(shape.items[0]) : 1;
    if (length < 0 || length > BNF_VECTOR_MAX)
        return;
    for (out.count = 0; out.count < (size_t)length; out.count++)
        out.items[out.count] = in.items[0];
    bnf_op_know(op, &out);
}

void bnf_elements_reduce(const struct bnf_op *op)
{
    struct bnf_vector in, out = {.count = 1};
    const char *type = op->proto->op_type + strlen("Reduce");
    int dtype = output_dtype(op);
    if (bnf_op_input(op, 0).rank != 1 || !bnf_op_vector(op, 0, &in) || in.count == 0 ||
        bnf_attr_int(op->proto, "noop_with_empty_axes", 0))
        return;
    int what = strcmp(type, "Prod") == 0 ? OP_MUL : strcmp(type, "Sum") == 0 ? OP_ADD : operation(type);
    if (what < 0)
        return;
    out.items[0] = in.items[0];
    for (size_t i = 1; i < in.count; i++)
        out.items[0] = combine(what, out.items[0], in.items[i], dtype);
    bnf_op_know(op, &out);
}
