/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. */
#include "eval/real/quant.h"

#include <inttypes.h>
#include <math.h>

bool R(bnf_quant_range)(int dtype, int64_t *low, int64_t *high)
{
    switch (dtype) {
    case BNF_DTYPE_INT2:
    case BNF_DTYPE_INT4:
    case BNF_DTYPE_INT8:
    case BNF_DTYPE_INT16:
        *high = ((int64_t)1 << (bnf_dtype_bits(dtype) - 1)) - 1;
        *low = -*high - 1;
        return true;
    case BNF_DTYPE_UINT2:
    case BNF_DTYPE_UINT4:
    case BNF_DTYPE_UINT8:
    case BNF_DTYPE_UINT16:
        *high = ((int64_t)1 << bnf_dtype_bits(dtype)) - 1;
        *low = 0;
        return true;
    }
    return false;
}

int64_t R(bnf_quant_round)(real steps, int64_t zero, int64_t low, int64_t high)
{
    if (isnan(steps))
        return zero;
    real moved = (real)rint((double)steps) + (real)zero;
    return moved <= (real)low ? low : moved >= (real)high ? high : (int64_t)moved;
}

int32_t *R(bnf_quant_center)(struct bnf_call *call, const struct bnf_array *from, const struct bnf_array *zero,
    struct bnf_spread spread, size_t batches, size_t rows, size_t columns)
{
    int32_t *out = bnf_arena_alloc(call->arena, from->count, sizeof *out), *to = out;
    const int64_t *x = from->data, *zeros = zero ? zero->data : NULL;
    if (!out) {
        bnf_fail_memory(call->err);
        return NULL;
    }
    for (size_t b = 0; b < batches; b++)
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++)
                *to++ = (int32_t)(*x++ -
                                  (zeros ? zeros[b * spread.batch + r * spread.row + c * spread.column] : 0));
    return out;
}

int R(bnf_quant_bytes)(struct bnf_call *call, size_t slot)
{
    const struct bnf_array *x = bnf_call_input(call, slot);
    if (x && (x->dtype == BNF_DTYPE_UINT8 || x->dtype == BNF_DTYPE_INT8))
        return BNF_OK;
    return bnf_call_wrong(call, "its input %zu should be int8 or uint8", slot);
}

int R(bnf_quant_zero)(struct bnf_call *call, size_t slot)
{
    const struct bnf_array *zero = bnf_call_input(call, slot);
    return !zero || (zero->kind == BNF_KIND_INT && zero->count)
               ? BNF_OK
               : bnf_call_wrong(call, "its zero point, input %zu, should be integers", slot);
}

int R(bnf_quant_scale)(struct bnf_call *call, size_t slot)
{
    const struct bnf_array *scale = bnf_call_input(call, slot);
    return scale && scale->kind == BNF_KIND_REAL && scale->count
               ? BNF_OK
               : bnf_call_wrong(call, "its scale, input %zu, should be reals", slot);
}

int64_t R(bnf_quant_first_int)(const struct bnf_call *call, size_t slot)
{
    const struct bnf_array *x = bnf_call_input(call, slot);
    return x ? *(const int64_t *)x->data : 0;
}

real R(bnf_quant_first_real)(const struct bnf_call *call, size_t slot)
{
    const struct bnf_array *x = bnf_call_input(call, slot);
    return x ? *(const real *)x->data : 1;
}

/* ---- the linear two ---- */

/* x as [outer, extent, inner], and where its scales are: one for all, one along the axis, or one for each block of the
 * axis. */
struct grid {
    size_t outer, extent, inner;
    size_t block;  /* elements of the axis that share a scale; the extent: one for all */
    size_t blocks; /* per outer */
    bool blocked;  /* the scales vary over outer and inner, too */
};

/* Where the scales of row (outer o, position a on the axis) begin; they go on by one along inner when blocked. */
static size_t scale_at(const struct grid *g, size_t o, size_t a)
{
    return g->blocked ? (o * g->blocks + a / g->block) * g->inner : a / g->block;
}

static int blocked_grid(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *scale, size_t axis,
    int64_t block, struct grid *g)
{
    g->blocked = true;
    g->block = (size_t)block;
    g->blocks = (g->extent + g->block - 1) / g->block;
    bool fits = scale->rank == x->rank;
    for (size_t i = 0; fits && i < x->rank; i++)
        fits = (size_t)scale->dims[i] == (i == axis ? g->blocks : (size_t)x->dims[i]);
    return fits ? BNF_OK : bnf_call_wrong(call, "its scales do not fit blocks of %" PRId64 " along axis %zu", block, axis);
}

static int find_grid(struct bnf_call *call, struct grid *g)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *zero = bnf_call_input(call, 2);
    int status = x ? R(bnf_quant_scale)(call, 1) : bnf_call_wrong(call, "it has no input");
    if (!status)
        status = R(bnf_quant_zero)(call, 2);
    if (status)
        return status;
    const struct bnf_array *scale = call->in[1];
    int64_t listed = bnf_attr_int(call->proto, "axis", 1), block = bnf_attr_int(call->proto, "block_size", 0);
    if (zero && zero->count != scale->count)
        return bnf_call_wrong(call, "it has %zu scales and %zu zero points", scale->count, zero->count);
    size_t axis;
    if (scale->count == 1 && block <= 0) {
        *g = (struct grid){.outer = 1, .extent = x->count, .inner = 1, .block = x->count ? x->count : 1};
        return BNF_OK;
    }
    if (!bnf_axis(listed, x->rank, &axis))
        return bnf_call_wrong(call, "there is no axis %" PRId64 " in an input of rank %zu", listed, x->rank);
    *g = (struct grid){.outer = 1, .extent = (size_t)x->dims[axis], .inner = 1, .block = 1};
    for (size_t i = 0; i < x->rank; i++)
        *(i < axis ? &g->outer : &g->inner) *= i == axis ? 1 : (size_t)x->dims[i];
    if (block > 0)
        return blocked_grid(call, x, scale, axis, block, g);
    return scale->count == g->extent ? BNF_OK
                                     : bnf_call_wrong(call, "it has %zu scales for an axis of %zu", scale->count, g->extent);
}

static void quantize(const struct grid *g, const struct bnf_array *x, const real *scale, const int64_t *zero,
    int64_t low, int64_t high, int64_t *y)
{
    const real *reals = x->kind == BNF_KIND_REAL ? x->data : NULL;
    const int64_t *ints = x->data;
    size_t step = g->blocked ? 1 : 0, at = 0;
    for (size_t o = 0; o < g->outer; o++) {
        for (size_t a = 0; a < g->extent; a++) {
            size_t s = scale_at(g, o, a);
            for (size_t i = 0; i < g->inner; i++, at++, s += step)
                y[at] = R(bnf_quant_round)(
                    (reals ? reals[at] : (real)ints[at]) / scale[s], zero ? zero[s] : 0, low, high);
        }
    }
}

int R(bnf_op_quantize_linear)(struct bnf_call *call)
{
    struct grid g;
    int64_t low, high;
    int status = find_grid(call, &g);
    if (status)
        return status;
    const struct bnf_array *x = call->in[0], *scale = call->in[1], *zero = bnf_call_input(call, 2);
    int stated = (int)bnf_attr_int(call->proto, "output_dtype", BNF_DTYPE_UNDEFINED);
    int dtype = zero ? zero->dtype : stated ? stated : BNF_DTYPE_UINT8;
    if (x->kind != BNF_KIND_REAL && x->kind != BNF_KIND_INT)
        return bnf_call_wrong(call, "its input should be numbers");
    if (!R(bnf_quant_range)(dtype, &low, &high))
        return bnf_call_cannot(call, "quantizing to %s is not supported", bnf_dtype_name(dtype));
    int64_t *y = bnf_call_output(call, 0, dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    quantize(&g, x, scale->data, zero ? zero->data : NULL, low, high, y);
    return BNF_OK;
}

static void dequantize(
    const struct grid *g, const int64_t *x, const real *scale, const int64_t *zero, real *y)
{
    size_t step = g->blocked ? 1 : 0, at = 0;
    for (size_t o = 0; o < g->outer; o++) {
        for (size_t a = 0; a < g->extent; a++) {
            size_t s = scale_at(g, o, a);
            for (size_t i = 0; i < g->inner; i++, at++, s += step)
                y[at] = (real)(x[at] - (zero ? zero[s] : 0)) * scale[s];
        }
    }
}

int R(bnf_op_dequantize_linear)(struct bnf_call *call)
{
    struct grid g;
    int64_t low, high;
    int status = find_grid(call, &g);
    if (status)
        return status;
    const struct bnf_array *x = call->in[0], *scale = call->in[1], *zero = bnf_call_input(call, 2);
    int stated = (int)bnf_attr_int(call->proto, "output_dtype", BNF_DTYPE_UNDEFINED);
    int dtype = stated ? stated : scale->dtype;
    if (x->dtype != BNF_DTYPE_INT32 && !R(bnf_quant_range)(x->dtype, &low, &high))
        return bnf_call_cannot(call, "dequantizing %s is not supported", bnf_dtype_name(x->dtype));
    if (!bnf_dtype_is_float(dtype))
        return bnf_call_cannot(call, "dequantizing to %s is not supported", bnf_dtype_name(dtype));
    real *y = bnf_call_output(call, 0, dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    dequantize(&g, x->data, scale->data, zero ? zero->data : NULL, y);
    return BNF_OK;
}

int R(bnf_op_dynamic_quantize_linear)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    int64_t low = 0, high = 255;
    if (!x || x->kind != BNF_KIND_REAL)
        return bnf_call_wrong(call, "its input should be reals");
    const real *in = x->data;
    real least = 0, most = 0; /* the range always has 0 in it */
    for (size_t i = 0; i < x->count; i++) {
        least = in[i] < least ? in[i] : least;
        most = in[i] > most ? in[i] : most;
    }
    real scale = (most - least) / (real)high;
    if (scale == 0)
        scale = 1;
    int64_t zero = R(bnf_quant_round)(-least / scale, 0, low, high);
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_UINT8, x->rank, x->dims);
    real *y_scale = y ? bnf_call_output(call, 1, BNF_DTYPE_FLOAT, 0, NULL) : NULL;
    int64_t *y_zero = y_scale ? bnf_call_output(call, 2, BNF_DTYPE_UINT8, 0, NULL) : NULL;
    if (!y_zero)
        return BNF_ENOMEM;
    *y_scale = scale;
    *y_zero = zero;
    for (size_t i = 0; i < x->count; i++)
        y[i] = R(bnf_quant_round)(in[i] / scale, zero, low, high);
    return BNF_OK;
}
