/* Constants: operators that make, view, rearrange and cut. */
#include "eval/constant_internal.h"

#include "graph/shapes_slice.h"

#include <math.h>
#include <string.h>

/* ---- what they share ---- */

int64_t bnf_constant_axis(int64_t axis, size_t rank)
{
    int64_t r = (int64_t)rank;
    if (axis < -r || axis >= r)
        return -1;
    return axis < 0 ? axis + r : axis;
}

size_t bnf_constant_width(int dtype)
{
    unsigned bits = bnf_dtype_bits(dtype);
    return bits % 8 == 0 ? bits / 8 : 0;
}

/* A number as it is stored; 64-bit integers do not pass through double. */
static int64_t integer_at(const struct bnf_tensor *t, size_t i)
{
    int64_t wide = 0;
    int32_t narrow;
    if (t->dtype == BNF_DTYPE_INT64) {
        memcpy(&wide, t->data + i * sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, t->data + i * sizeof narrow, sizeof narrow);
    return narrow;
}

bool bnf_constant_ints(
    const struct bnf_constant_op *op, const char *attribute, uint32_t slot, int64_t *out, size_t *count)
{
    *count = 0;
    if (attribute) {
        const int64_t *ints = bnf_attr_ints(op->proto, attribute, count);
        if (!bnf_attr_find(op->proto, attribute) || *count > BNF_CONSTANT_RANK)
            return false;
        if (*count)
            memcpy(out, ints, *count * sizeof *out);
        return true;
    }
    const struct bnf_tensor *in = bnf_constant_input(op, slot);
    if (!in || in->count > BNF_CONSTANT_RANK ||
        (in->dtype != BNF_DTYPE_INT64 && in->dtype != BNF_DTYPE_INT32))
        return false;
    for (size_t i = 0; i < in->count; i++)
        out[i] = integer_at(in, i);
    *count = in->count;
    return true;
}

/* A copy loop of its own per width, so that each move is one instruction. */
static void copy_row(uint8_t *to, const uint8_t *from, size_t width, size_t count, int64_t stride)
{
    int64_t step = stride * (int64_t)width;
    if (stride == 1) {
        memcpy(to, from, count * width);
        return;
    }
    switch (width) {
    case 1:
        for (size_t i = 0; i < count; i++, from += step)
            to[i] = *from;
        return;
    case 4:
        for (size_t i = 0; i < count; i++, from += step)
            memcpy(to + 4 * i, from, 4);
        return;
    default:
        for (size_t i = 0; i < count; i++, from += step)
            memcpy(to + width * i, from, width);
    }
}

void bnf_constant_copy(
    uint8_t *to, const uint8_t *from, size_t width, const int64_t *dims, const int64_t *strides, size_t rank)
{
    int64_t index[BNF_CONSTANT_RANK] = {0};
    size_t rows = 1, inner = rank ? (size_t)dims[rank - 1] : 1;
    int64_t stride = rank ? strides[rank - 1] : 1, offset = 0;
    for (size_t i = 0; i + 1 < rank; i++)
        rows *= (size_t)dims[i];
    if (inner == 0)
        return;
    for (size_t row = 0; row < rows; row++) {
        copy_row(to + row * inner * width, from + offset * (int64_t)width, width, inner, stride);
        for (size_t i = rank > 1 ? rank - 1 : 0; i-- > 0;) {
            offset += strides[i];
            if (++index[i] < dims[i])
                break;
            offset -= strides[i] * dims[i];
            index[i] = 0;
        }
    }
}

/* Of a dense tensor; unsigned, since the extents of an empty one may have any product. */
static void row_strides(const int64_t *dims, size_t rank, int64_t *strides)
{
    uint64_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
        strides[i] = (int64_t)stride;
        stride *= (uint64_t)dims[i];
    }
}

/* ---- makers ---- */

int bnf_constant_constant(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const Onnx__AttributeProto *a = op->proto->attribute[0];
    int64_t count;
    int status;
    if (a->t)
        return bnf_tensor_view(op->constants->graph->model, a->t, out, op->err);
    if (strcmp(a->name, "value_float") == 0)
        return bnf_constant_output(op, BNF_DTYPE_FLOAT, NULL, 0, (const uint8_t *)&a->f, out);
    if (strcmp(a->name, "value_int") == 0)
        return bnf_constant_output(op, BNF_DTYPE_INT64, NULL, 0, (const uint8_t *)&a->i, out);
    if (strcmp(a->name, "value_floats") == 0) {
        count = (int64_t)a->n_floats; /* may be in the mapping: shared, not copied */
        status = bnf_constant_output(op, BNF_DTYPE_FLOAT, &count, 1, (const uint8_t *)a->floats, out);
    } else if (strcmp(a->name, "value_ints") == 0) {
        count = (int64_t)a->n_ints;
        status = bnf_constant_output(op, BNF_DTYPE_INT64, &count, 1, (const uint8_t *)a->ints, out);
    } else {
        return BNF_NOT_CONSTANT;
    }
    return status;
}

int bnf_constant_constant_of_shape(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    static const float zero = 0;
    const Onnx__AttributeProto *value = bnf_attr_find(op->proto, "value");
    struct bnf_tensor fill = {.dtype = BNF_DTYPE_FLOAT, .count = 1, .data = (const uint8_t *)&zero};
    int64_t dims[BNF_CONSTANT_RANK];
    size_t rank;
    int status = BNF_OK;
    if (value)
        status = value->t && value->t->data_type != BNF_DTYPE_STRING
                     ? bnf_tensor_view(op->constants->graph->model, value->t, &fill, op->err)
                     : BNF_NOT_CONSTANT;
    size_t width = bnf_constant_width(fill.dtype);
    if (status || fill.count != 1 || width == 0 || !bnf_constant_ints(op, NULL, 0, dims, &rank))
        return status ? status : BNF_NOT_CONSTANT;
    status = bnf_constant_output(op, fill.dtype, dims, rank, NULL, out);
    if (status)
        return status;
    for (size_t i = 0; i < out->count; i++)
        memcpy((uint8_t *)out->data + i * width, fill.data, width);
    return BNF_OK;
}

int bnf_constant_shape(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_graph *g = op->constants->graph;
    const struct bnf_shape *shape = &g->values[bnf_node_input(g, op->node, 0)].shape;
    int64_t rank = shape->rank, start = bnf_attr_int(op->proto, "start", 0),
            end = bnf_attr_int(op->proto, "end", rank);
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    int64_t count = end > start ? end - start : 0;
    int status = bnf_constant_output(op, BNF_DTYPE_INT64, &count, 1, NULL, out);
    if (!status && count)
        memcpy((uint8_t *)out->data, shape->dims + start, (size_t)count * sizeof *shape->dims);
    return status;
}

/* ---- the same bytes in other extents ---- */

static int view(const struct bnf_constant_op *op, const int64_t *dims, size_t rank, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    size_t count;
    if (!in || !bnf_volume(dims, rank, &count) || count != in->count)
        return BNF_NOT_CONSTANT;
    return bnf_constant_output(op, in->dtype, dims, rank, in->data, out);
}

int bnf_constant_identity(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    if (!in)
        return BNF_NOT_CONSTANT;
    *out = *in;
    return BNF_OK;
}

/* In inference mode, which is a matter of opset: an attribute, always, an input. */
int bnf_constant_dropout(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *training = bnf_constant_input(op, 2);
    if (op->opset < 7 && !bnf_attr_int(op->proto, "is_test", 0))
        return BNF_NOT_CONSTANT;
    if (op->opset >= 12 && training &&
        (training->dtype != BNF_DTYPE_BOOL || training->count != 1 || training->data[0]))
        return BNF_NOT_CONSTANT;
    return bnf_constant_identity(op, out);
}

int bnf_constant_reshape(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t dims[BNF_CONSTANT_RANK];
    size_t rank, known = 1, open = SIZE_MAX;
    bool attribute = op->opset < 5;
    if (!in || !bnf_constant_ints(op, attribute ? "shape" : NULL, 1, dims, &rank))
        return BNF_NOT_CONSTANT;
    bool zeros = bnf_attr_int(op->proto, "allowzero", 0) == 0;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == 0 && zeros) {
            if (i >= in->rank)
                return BNF_NOT_CONSTANT;
            dims[i] = in->dims[i];
        }
        if (dims[i] == -1) {
            if (open != SIZE_MAX)
                return BNF_NOT_CONSTANT;
            open = i;
            dims[i] = 1;
        }
    }
    if (open != SIZE_MAX) {
        if (!bnf_volume(dims, rank, &known) || known == 0 || in->count % known != 0)
            return BNF_NOT_CONSTANT;
        dims[open] = (int64_t)(in->count / known);
    }
    return view(op, dims, rank, out);
}

int bnf_constant_flatten(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    if (!in || in->rank > BNF_CONSTANT_RANK)
        return BNF_NOT_CONSTANT;
    int64_t axis = bnf_attr_int(op->proto, "axis", 1), rank = in->rank;
    if (axis < -rank || axis > rank)
        return BNF_NOT_CONSTANT;
    size_t at = (size_t)(axis < 0 ? axis + rank : axis), before, after;
    if (!bnf_volume(in->dims, at, &before) || !bnf_volume(at < in->rank ? in->dims + at : NULL, in->rank - at, &after))
        return BNF_NOT_CONSTANT;
    int64_t dims[2] = {(int64_t)before, (int64_t)after};
    return view(op, dims, 2, out);
}

/* Marks the axes that Squeeze and Unsqueeze list; false when they are not to be had, or make no sense. `rank`
 * is the input's; with `more` they are axes of the output, which has as many more. */
static bool mark_axes(const struct bnf_constant_op *op, size_t rank, bool more, bool *marked, size_t *count)
{
    int64_t axes[BNF_CONSTANT_RANK];
    if (!bnf_constant_ints(op, op->opset < 13 ? "axes" : NULL, 1, axes, count))
        return false;
    rank += more ? *count : 0;
    if (rank > BNF_CONSTANT_RANK)
        return false;
    for (size_t i = 0; i < *count; i++) {
        int64_t axis = bnf_constant_axis(axes[i], rank);
        if (axis < 0 || marked[axis])
            return false;
        marked[axis] = true;
    }
    return true;
}

int bnf_constant_squeeze(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t dims[BNF_CONSTANT_RANK];
    bool marked[BNF_CONSTANT_RANK] = {false};
    size_t rank = 0, count;
    if (!in || in->rank > BNF_CONSTANT_RANK)
        return BNF_NOT_CONSTANT;
    bool given =
        op->opset < 13 ? bnf_attr_find(op->proto, "axes") != NULL : bnf_constant_input(op, 1) != NULL;
    if (given && !mark_axes(op, in->rank, false, marked, &count))
        return BNF_NOT_CONSTANT;
    for (size_t i = 0; i < in->rank; i++) {
        if (given && marked[i] && in->dims[i] != 1)
            return BNF_NOT_CONSTANT;
        if (given ? !marked[i] : in->dims[i] != 1)
            dims[rank++] = in->dims[i];
    }
    return view(op, dims, rank, out);
}

int bnf_constant_unsqueeze(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t dims[BNF_CONSTANT_RANK];
    bool marked[BNF_CONSTANT_RANK] = {false};
    size_t count;
    if (!in || !mark_axes(op, in->rank, true, marked, &count))
        return BNF_NOT_CONSTANT;
    size_t rank = in->rank + count;
    for (size_t i = 0, from = 0; i < rank; i++)
        dims[i] = marked[i] ? 1 : in->dims[from++];
    return view(op, dims, rank, out);
}

/* ---- other orders and parts ---- */

/* Output of the given extents whose elements lie `base` and strides apart in the first input. */
static int strided(const struct bnf_constant_op *op, const int64_t *dims, const int64_t *strides, size_t rank,
    int64_t base, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    size_t width = bnf_constant_width(in->dtype);
    int status = width ? bnf_constant_output(op, in->dtype, dims, rank, NULL, out) : BNF_NOT_CONSTANT;
    if (!status && out->count)
        bnf_constant_copy((uint8_t *)out->data, in->data + base * (int64_t)width, width, dims, strides, rank);
    return status;
}

int bnf_constant_transpose(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t dims[BNF_CONSTANT_RANK], from[BNF_CONSTANT_RANK], strides[BNF_CONSTANT_RANK];
    bool taken[BNF_CONSTANT_RANK] = {false};
    size_t count;
    const int64_t *perm = bnf_attr_ints(op->proto, "perm", &count);
    if (!in || in->rank > BNF_CONSTANT_RANK || (perm && count != in->rank))
        return BNF_NOT_CONSTANT;
    row_strides(in->dims, in->rank, from);
    for (size_t i = 0; i < in->rank; i++) {
        int64_t axis = perm ? perm[i] : (int64_t)(in->rank - 1 - i);
        if (axis < 0 || axis >= in->rank || taken[axis])
            return BNF_NOT_CONSTANT;
        taken[axis] = true;
        dims[i] = in->dims[axis];
        strides[i] = from[axis];
    }
    return strided(op, dims, strides, in->rank, 0, out);
}

int bnf_constant_expand(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t target[BNF_CONSTANT_RANK], dims[BNF_CONSTANT_RANK], from[BNF_CONSTANT_RANK],
        strides[BNF_CONSTANT_RANK];
    size_t count;
    if (!in || in->rank > BNF_CONSTANT_RANK || !bnf_constant_ints(op, NULL, 1, target, &count))
        return BNF_NOT_CONSTANT;
    size_t rank = in->rank > count ? in->rank : count;
    row_strides(in->dims, in->rank, from);
    for (size_t i = 0; i < rank; i++) {
        int64_t a = i + in->rank >= rank ? in->dims[i + in->rank - rank] : 1;
        int64_t b = i + count >= rank ? target[i + count - rank] : 1;
        if (b < 0 || (a != b && a != 1 && b != 1))
            return BNF_NOT_CONSTANT;
        dims[i] = a == 1 ? b : a;
        strides[i] = a == 1 ? 0 : from[i + in->rank - rank];
    }
    return strided(op, dims, strides, rank, 0, out);
}

int bnf_constant_slice(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t starts[BNF_CONSTANT_RANK], ends[BNF_CONSTANT_RANK], axes[BNF_CONSTANT_RANK],
        steps[BNF_CONSTANT_RANK];
    int64_t dims[BNF_CONSTANT_RANK], strides[BNF_CONSTANT_RANK], base = 0;
    bool seen[BNF_CONSTANT_RANK] = {false}, inputs = op->opset >= 10;
    size_t count, other;
    if (!in || in->rank > BNF_CONSTANT_RANK ||
        !bnf_constant_ints(op, inputs ? NULL : "starts", 1, starts, &count) ||
        !bnf_constant_ints(op, inputs ? NULL : "ends", 2, ends, &other) || other != count)
        return BNF_NOT_CONSTANT;
    bool listed = inputs ? bnf_constant_input(op, 3) != NULL : bnf_attr_find(op->proto, "axes") != NULL;
    bool stepped = inputs && bnf_constant_input(op, 4);
    if ((listed && (!bnf_constant_ints(op, inputs ? NULL : "axes", 3, axes, &other) || other != count)) ||
        (stepped && (!bnf_constant_ints(op, NULL, 4, steps, &other) || other != count)))
        return BNF_NOT_CONSTANT;
    row_strides(in->dims, in->rank, strides);
    for (size_t i = 0; i < in->rank; i++)
        dims[i] = in->dims[i];
    for (size_t i = 0; i < count; i++) {
        int64_t axis = bnf_constant_axis(listed ? axes[i] : (int64_t)i, in->rank);
        int64_t step = stepped ? steps[i] : 1;
        if (axis < 0 || seen[axis] || step == 0)
            return BNF_NOT_CONSTANT;
        seen[axis] = true;
        struct bnf_taken taken = bnf_slice_taken(dims[axis], starts[i], ends[i], step);
        base += taken.first * strides[axis];
        dims[axis] = taken.count;
        strides[axis] *= taken.step;
    }
    return strided(op, dims, strides, in->rank, base, out);
}

int bnf_constant_gather(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0), *index = bnf_constant_input(op, 1);
    int64_t dims[2 * BNF_CONSTANT_RANK];
    size_t rank = 0, before, after;
    if (!in || !index || in->rank > BNF_CONSTANT_RANK || index->rank > BNF_CONSTANT_RANK || !in->rank ||
        (index->dtype != BNF_DTYPE_INT64 && index->dtype != BNF_DTYPE_INT32))
        return BNF_NOT_CONSTANT;
    int64_t axis = bnf_constant_axis(bnf_attr_int(op->proto, "axis", 0), in->rank);
    size_t width = bnf_constant_width(in->dtype);
    if (axis < 0 || !width || !bnf_volume(in->dims, (size_t)axis, &before) ||
        !bnf_volume(in->dims + axis + 1, in->rank - (size_t)axis - 1, &after))
        return BNF_NOT_CONSTANT;
    for (int64_t i = 0; i < axis; i++)
        dims[rank++] = in->dims[i];
    for (size_t i = 0; i < index->rank; i++)
        dims[rank++] = index->dims[i];
    for (size_t i = (size_t)axis + 1; i < in->rank; i++)
        dims[rank++] = in->dims[i];
    for (size_t i = 0; i < index->count; i++)
        if (bnf_constant_axis(integer_at(index, i), (size_t)in->dims[axis]) < 0)
            return BNF_NOT_CONSTANT;
    int status = bnf_constant_output(op, in->dtype, dims, rank, NULL, out);
    if (status || !out->count)
        return status;
    uint8_t *to = (uint8_t *)out->data;
    size_t extent = (size_t)in->dims[axis], block = after * width;
    for (size_t b = 0; b < before; b++)
        for (size_t i = 0; i < index->count; i++, to += block)
            memcpy(to,
                in->data + (b * extent + (size_t)bnf_constant_axis(integer_at(index, i), extent)) * block,
                block);
    return BNF_OK;
}

int bnf_constant_concat(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *first = bnf_constant_input(op, 0);
    int64_t dims[BNF_CONSTANT_RANK];
    size_t before, count = op->proto->n_input;
    if (!first || first->rank > BNF_CONSTANT_RANK || !first->rank)
        return BNF_NOT_CONSTANT;
    int64_t axis = bnf_constant_axis(bnf_attr_int(op->proto, "axis", 1), first->rank);
    size_t width = bnf_constant_width(first->dtype);
    if (axis < 0 || !width || !bnf_volume(first->dims, (size_t)axis, &before))
        return BNF_NOT_CONSTANT;
    memcpy(dims, first->dims, first->rank * sizeof *dims);
    for (uint32_t slot = 1; slot < count; slot++) {
        const struct bnf_tensor *in = bnf_constant_input(op, slot);
        if (!in || in->rank != first->rank || in->dtype != first->dtype)
            return BNF_NOT_CONSTANT;
        for (size_t i = 0; i < in->rank; i++)
            if (i != (size_t)axis && in->dims[i] != dims[i])
                return BNF_NOT_CONSTANT;
        if (__builtin_add_overflow(dims[axis], in->dims[axis], &dims[axis]))
            return BNF_NOT_CONSTANT;
    }
    int status = bnf_constant_output(op, first->dtype, dims, first->rank, NULL, out);
    if (status || !out->count)
        return status;
    size_t row = out->bytes / before, offset = 0; /* before is not 0: the output has elements */
    for (uint32_t slot = 0; slot < count; slot++) {
        const struct bnf_tensor *in = bnf_constant_input(op, slot);
        size_t part = in->bytes / before;
        for (size_t b = 0; part && b < before; b++)
            memcpy((uint8_t *)out->data + b * row + offset, in->data + b * part, part);
        offset += part;
    }
    return BNF_OK;
}
