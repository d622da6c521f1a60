/* Constants: conversions and arithmetic. Floats are computed in double and rounded once, integers wrap
 * around. */
#include "eval/constant_internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

static bool is_integer(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_INT8:
    case BNF_DTYPE_INT16:
    case BNF_DTYPE_INT32:
    case BNF_DTYPE_INT64:
    case BNF_DTYPE_UINT8:
    case BNF_DTYPE_UINT16:
    case BNF_DTYPE_UINT32:
    case BNF_DTYPE_UINT64:
        return true;
    }
    return false;
}

/* The bits of an integer or bool, extended to 64 by its own sign. */
static uint64_t load(int dtype, const uint8_t *at)
{
    uint64_t bits = 0;
    size_t width = bnf_constant_width(dtype);
    bool is_signed = dtype == BNF_DTYPE_INT8 || dtype == BNF_DTYPE_INT16 || dtype == BNF_DTYPE_INT32;
    memcpy(&bits, at, width);
    if (is_signed && bits >> (8 * width - 1))
        bits |= ~(uint64_t)0 << (8 * width);
    return bits;
}

static void store(int dtype, uint64_t bits, uint8_t *at)
{
    memcpy(at, &bits, bnf_constant_width(dtype)); /* the low bytes: wraps around */
}

/* ---- Cast ---- */

/* magnitude as a double, what does not fit folded into the last bit: rounding it again, to a narrower type,
 * is then as if it were exact. */
static double sticky(uint64_t magnitude)
{
    if (magnitude >> 53)
        magnitude = (magnitude & ~(uint64_t)0xfff) | ((magnitude & 0xfff) ? 0x1000 : 0);
    return (double)magnitude;
}

static void integer_to_float(int from, uint64_t bits, int to, uint8_t *at)
{
    bool negative = from != BNF_DTYPE_UINT64 && bits >> 63;
    uint64_t magnitude = negative ? ~bits + 1 : bits;
    double value = to == BNF_DTYPE_DOUBLE ? (double)magnitude : sticky(magnitude);
    value = negative ? -value : value;
    bnf_from_double(to, &value, 1, at, 0);
}

/* Truncates; false when the type does not reach that far, where implementations differ. */
static bool float_to_integer(double value, int to, uint8_t *at)
{
    int bits = (int)bnf_dtype_bits(to);
    bool is_unsigned =
        to == BNF_DTYPE_UINT8 || to == BNF_DTYPE_UINT16 || to == BNF_DTYPE_UINT32 || to == BNF_DTYPE_UINT64;
    double top = ldexp(1.0, is_unsigned ? bits : bits - 1);
    value = trunc(value);
    if (!(value < top && value >= (is_unsigned ? 0.0 : -top)))
        return false;
    store(to, is_unsigned ? (uint64_t)value : (uint64_t)(int64_t)value, at);
    return true;
}

static bool cast_block(const struct bnf_tensor *in, size_t first, size_t count, int to, uint8_t *out)
{
    double values[BLOCK];
    size_t from_width = bnf_constant_width(in->dtype), to_width = bnf_constant_width(to);
    if (bnf_dtype_is_float(in->dtype)) {
        bnf_to_double(in->dtype, in->data, first, count, values);
        if (bnf_dtype_is_float(to)) {
            bnf_from_double(to, values, count, out, first);
            return true;
        }
        for (size_t i = 0; i < count; i++) {
            uint8_t *at = out + (first + i) * to_width;
            if (to == BNF_DTYPE_BOOL)
                *at = values[i] != 0;
            else if (!float_to_integer(values[i], to, at))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = load(in->dtype, in->data + (first + i) * from_width);
        uint8_t *at = out + (first + i) * to_width;
        if (in->dtype == BNF_DTYPE_BOOL)
            bits = bits != 0;
        if (bnf_dtype_is_float(to))
            integer_to_float(in->dtype, bits, to, at);
        else
            store(to, to == BNF_DTYPE_BOOL ? bits != 0 : bits, at);
    }
    return true;
}

static bool has_values(int dtype)
{
    return is_integer(dtype) || dtype == BNF_DTYPE_BOOL || bnf_dtype_is_float(dtype);
}

int bnf_constant_cast(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    int64_t to = bnf_attr_int(op->proto, "to", 0);
    if (!in || to < 0 || to > 1000 || !has_values((int)to) || !has_values(in->dtype))
        return BNF_NOT_CONSTANT;
    if (to == in->dtype)
        return bnf_constant_identity(op, out);
    int status = bnf_constant_output(op, (int)to, in->dims, in->rank, NULL, out);
    for (size_t first = 0; !status && first < in->count; first += BLOCK) {
        size_t count = in->count - first < BLOCK ? in->count - first : BLOCK;
        if (!cast_block(in, first, count, (int)to, (uint8_t *)out->data))
            status = BNF_NOT_CONSTANT;
    }
    return status;
}

/* ---- one operand ---- */

enum unary { ABS, NEG, SQRT, RECIPROCAL, EXP };

static enum unary unary_kind(const char *op_type)
{
    static const char *const names[] = {
        [ABS] = "Abs", [NEG] = "Neg", [SQRT] = "Sqrt", [RECIPROCAL] = "Reciprocal", [EXP] = "Exp"};
    for (enum unary i = ABS; i < EXP; i++)
        if (strcmp(names[i], op_type) == 0)
            return i;
    return EXP;
}

static double unary_float(enum unary kind, double x)
{
    switch (kind) {
    case ABS:
        return fabs(x);
    case NEG:
        return -x;
    case SQRT:
        return sqrt(x);
    case RECIPROCAL:
        return 1 / x;
    case EXP:
        return exp(x);
    }
    return x;
}

int bnf_constant_unary(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    enum unary kind = unary_kind(op->proto->op_type);
    bool floating = in && bnf_dtype_is_float(in->dtype);
    if (!in || (!floating && !(is_integer(in->dtype) && (kind == NEG || kind == ABS))))
        return BNF_NOT_CONSTANT;
    int status = bnf_constant_output(op, in->dtype, in->dims, in->rank, NULL, out);
    uint8_t *to = (uint8_t *)out->data;
    size_t width = bnf_constant_width(in->dtype);
    for (size_t first = 0; !status && floating && first < in->count; first += BLOCK) {
        double values[BLOCK];
        size_t count = in->count - first < BLOCK ? in->count - first : BLOCK;
        bnf_to_double(in->dtype, in->data, first, count, values);
        for (size_t i = 0; i < count; i++)
            values[i] = unary_float(kind, values[i]);
        bnf_from_double(in->dtype, values, count, to, first);
    }
    for (size_t i = 0; !status && !floating && i < in->count; i++) {
        uint64_t bits = load(in->dtype, in->data + i * width);
        bool keep = kind == ABS && (in->dtype == BNF_DTYPE_UINT64 || !(bits >> 63));
        store(in->dtype, keep ? bits : ~bits + 1, to + i * width);
    }
    return status;
}

/* ---- two operands ---- */

enum binary { ADD, SUB, MUL, DIV, POW };

struct operand {
    const struct bnf_tensor *tensor;
    int64_t strides[BNF_CONSTANT_RANK]; /* in elements; 0 along an axis that is stretched */
    int64_t offset;
};

static enum binary binary_kind(const char *op_type)
{
    static const char *const names[] = {
        [ADD] = "Add", [SUB] = "Sub", [MUL] = "Mul", [DIV] = "Div", [POW] = "Pow"};
    for (enum binary i = ADD; i < POW; i++)
        if (strcmp(names[i], op_type) == 0)
            return i;
    return POW;
}

static double binary_float(enum binary kind, double a, double b)
{
    switch (kind) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return a / b;
    case POW:
        return pow(a, b);
    }
    return a;
}

/* False for a division by zero. */
static bool binary_integer(enum binary kind, int dtype, uint64_t a, uint64_t b, uint64_t *out)
{
    if (kind != DIV) {
        *out = kind == ADD ? a + b : kind == SUB ? a - b : a * b;
        return true;
    }
    if (b == 0)
        return false;
    if (dtype == BNF_DTYPE_UINT64)
        *out = a / b;
    else if (b == UINT64_MAX)
        *out = ~a + 1; /* by −1, the smallest number included */
    else
        *out = (uint64_t)((int64_t)a / (int64_t)b);
    return true;
}

/* Elements `count` in a row, from an operand, as doubles. */
static void gather(const struct operand *o, int64_t stride, size_t count, double *out)
{
    const struct bnf_tensor *t = o->tensor;
    if (stride == 1) {
        bnf_to_double(t->dtype, t->data, (size_t)o->offset, count, out);
        return;
    }
    for (size_t i = 0; i < (stride ? count : 1); i++)
        bnf_to_double(t->dtype, t->data, (size_t)(o->offset + (int64_t)i * stride), 1, out + i);
    for (size_t i = 1; !stride && i < count; i++)
        out[i] = out[0];
}

/* `inner` results from element `first` on, whose operands lie at their offsets. False for a division by zero.
 */
static bool compute_row(enum binary kind, struct operand a, struct operand b, int64_t stride_a,
    int64_t stride_b, size_t inner, struct bnf_tensor *out, size_t first)
{
    int dtype = out->dtype;
    uint8_t *to = (uint8_t *)out->data;
    size_t width = bnf_constant_width(dtype);
    if (!bnf_dtype_is_float(dtype)) {
        for (size_t i = 0; i < inner; i++) {
            uint64_t x = load(dtype, a.tensor->data + (size_t)(a.offset + (int64_t)i * stride_a) * width);
            uint64_t y = load(dtype, b.tensor->data + (size_t)(b.offset + (int64_t)i * stride_b) * width);
            if (!binary_integer(kind, dtype, x, y, &x))
                return false;
            store(dtype, x, to + (first + i) * width);
        }
        return true;
    }
    for (size_t done = 0; done < inner; done += BLOCK) {
        double x[BLOCK], y[BLOCK];
        size_t count = inner - done < BLOCK ? inner - done : BLOCK;
        gather(&a, stride_a, count, x);
        gather(&b, stride_b, count, y);
        for (size_t i = 0; i < count; i++)
            x[i] = binary_float(kind, x[i], y[i]);
        bnf_from_double(dtype, x, count, to, first + done);
        a.offset += (int64_t)count * stride_a;
        b.offset += (int64_t)count * stride_b;
    }
    return true;
}

/* Joins axes along which both operands go on as they do within the inner one; returns the new rank. */
static size_t merge_axes(int64_t *dims, struct operand *a, struct operand *b, size_t rank)
{
    size_t kept = 0;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == 1)
            continue;
        bool joins = kept > 0 && a->strides[kept - 1] == a->strides[i] * dims[i] &&
                     b->strides[kept - 1] == b->strides[i] * dims[i];
        size_t at = joins ? kept - 1 : kept++;
        dims[at] = joins ? dims[at] * dims[i] : dims[i];
        a->strides[at] = a->strides[i];
        b->strides[at] = b->strides[i];
    }
    return kept;
}

static bool compute(enum binary kind, struct operand *a, struct operand *b, int64_t *dims, size_t rank,
    struct bnf_tensor *out)
{
    int64_t index[BNF_CONSTANT_RANK] = {0};
    rank = merge_axes(dims, a, b, rank);
    size_t inner = rank ? (size_t)dims[rank - 1] : 1;
    for (size_t first = 0; first < out->count; first += inner) {
        int64_t stride_a = rank ? a->strides[rank - 1] : 0, stride_b = rank ? b->strides[rank - 1] : 0;
        if (!compute_row(kind, *a, *b, stride_a, stride_b, inner, out, first))
            return false;
        for (size_t i = rank > 1 ? rank - 1 : 0; i-- > 0;) {
            a->offset += a->strides[i];
            b->offset += b->strides[i];
            if (++index[i] < dims[i])
                break;
            a->offset -= a->strides[i] * dims[i];
            b->offset -= b->strides[i] * dims[i];
            index[i] = 0;
        }
    }
    return true;
}

/* Lays the operand's extents over the output's so that its last axis is `end` − 1; widens dims where they
 * are 1. */
static bool lay_out(struct operand *o, int64_t *dims, size_t rank, size_t end)
{
    const struct bnf_tensor *t = o->tensor;
    int64_t stride = 1;
    for (size_t i = 0; i < rank; i++)
        o->strides[i] = 0;
    for (size_t k = 0; k < t->rank; k++) {
        size_t i = end - 1 - k;
        int64_t extent = t->dims[t->rank - 1 - k];
        if (extent != 1 && dims[i] != 1 && dims[i] != extent)
            return false;
        if (extent != 1)
            dims[i] = extent;
        o->strides[i] = extent == 1 ? 0 : stride;
        stride = (int64_t)((uint64_t)stride * (uint64_t)extent); /* of an empty tensor: anything */
    }
    return true;
}

/* Where the second operand's axes end within the first one's, before opset 7; SIZE_MAX: nowhere. */
static size_t old_broadcast_end(
    const struct bnf_constant_op *op, const struct bnf_tensor *a, const struct bnf_tensor *b)
{
    if (!bnf_attr_int(op->proto, "broadcast", 0) || b->rank > a->rank)
        return SIZE_MAX;
    if (!bnf_attr_find(op->proto, "axis"))
        return a->rank;
    int64_t axis = bnf_constant_axis(bnf_attr_int(op->proto, "axis", 0), a->rank);
    return axis < 0 || (size_t)axis + b->rank > a->rank ? SIZE_MAX : (size_t)axis + b->rank;
}

int bnf_constant_binary(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    struct operand a = {.tensor = bnf_constant_input(op, 0)}, b = {.tensor = bnf_constant_input(op, 1)};
    enum binary kind = binary_kind(op->proto->op_type);
    int64_t dims[BNF_CONSTANT_RANK];
    if (!a.tensor || !b.tensor || a.tensor->rank > BNF_CONSTANT_RANK || b.tensor->rank > BNF_CONSTANT_RANK)
        return BNF_NOT_CONSTANT;
    int dtype = a.tensor->dtype;
    bool floating = bnf_dtype_is_float(dtype);
    if (kind == POW ? !floating || !has_values(b.tensor->dtype)
                    : b.tensor->dtype != dtype || !(floating || is_integer(dtype)))
        return BNF_NOT_CONSTANT;
    size_t rank = a.tensor->rank > b.tensor->rank ? a.tensor->rank : b.tensor->rank, end = rank;
    bool equal = a.tensor->rank == b.tensor->rank &&
                 bnf_same_bytes(a.tensor->dims, b.tensor->dims, rank * sizeof *dims);
    if (op->opset < 7 && !equal)
        end = old_broadcast_end(op, a.tensor, b.tensor);
    if (end == SIZE_MAX)
        return BNF_NOT_CONSTANT;
    for (size_t i = 0; i < rank; i++)
        dims[i] = 1;
    if (!lay_out(&a, dims, rank, rank) || !lay_out(&b, dims, rank, end))
        return BNF_NOT_CONSTANT;
    for (size_t i = 0; op->opset < 7 && i < rank; i++) /* the first operand was never stretched */
        if (dims[i] != a.tensor->dims[i])
            return BNF_NOT_CONSTANT;
    int status = bnf_constant_output(op, dtype, dims, rank, NULL, out);
    if (!status && out->count && !compute(kind, &a, &b, dims, rank, out))
        status = BNF_NOT_CONSTANT;
    return status;
}
