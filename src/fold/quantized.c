#include "fold/quantized.h"

#include "graph/attr.h"

#include <math.h>
#include <string.h>

/* ---- integers ---- */

bool bnf_quantized_range(int dtype, double *low, double *high, int64_t *since)
{
    bool is_signed = dtype == BNF_DTYPE_INT4 || dtype == BNF_DTYPE_INT8 || dtype == BNF_DTYPE_INT16 ||
                     dtype == BNF_DTYPE_INT32;
    bool is_unsigned = dtype == BNF_DTYPE_UINT4 || dtype == BNF_DTYPE_UINT8 || dtype == BNF_DTYPE_UINT16;
    int bits = (int)bnf_dtype_bits(dtype);
    *low = is_signed ? -ldexp(1, bits - 1) : 0;
    *high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
    *since = bits == 8 || bits == 32 ? 10 : 21;
    return is_signed || is_unsigned;
}

void bnf_integers_write(int dtype, const double *values, size_t count, uint8_t *out)
{
    size_t bits = bnf_dtype_bits(dtype);
    for (size_t i = 0; i < count; i++) {
        int64_t number = (int64_t)values[i];
        if (bits == 4)
            out[i / 2] = (uint8_t)(i % 2 ? (out[i / 2] & 15) | (number & 15) << 4 : number & 15);
        else
            memcpy(out + i * (bits / 8), &number, bits / 8); /* little-endian: the low bytes */
    }
}

size_t bnf_quantized_run(const struct bnf_tensor *integers, int axis)
{
    size_t run = 1;
    for (size_t i = (size_t)(axis + 1); axis >= 0 && i < integers->rank; i++)
        run *= (size_t)integers->dims[i];
    return run;
}

size_t bnf_quantized_channel(const struct bnf_quantized *q, size_t element)
{
    return q->count == 1 ? 0 : element / q->run % q->count;
}

void bnf_quantized_read(const struct bnf_quantized *q, size_t first, size_t count, double *out)
{
    bnf_to_double(q->integers.dtype, q->integers.data, first, count, out);
    for (size_t i = 0; i < count; i++) {
        size_t c = bnf_quantized_channel(q, first + i);
        out[i] = q->scale[c] * (out[i] - q->zero[c]);
    }
}

/* ---- reading a DequantizeLinear ---- */

bool bnf_is_dequantized(const struct bnf_fold *fold, bnf_id value)
{
    const struct bnf_graph *g = fold->graph;
    if (value == BNF_NONE || bnf_fold_pending(fold, value))
        return false;
    bnf_id producer = g->values[value].producer;
    if (producer == BNF_NONE || !bnf_node_is(g, producer, "DequantizeLinear"))
        return false;
    bnf_id integers = bnf_node_input(g, producer, 0);
    return integers != BNF_NONE &&
           (bnf_fold_is_constant(fold, integers) || bnf_fold_why_dynamic(fold, integers, BNF_REASON_NONE));
}

static const char *const operands[] = {"integers", "scale", "zero point"};

/* An operand of the DequantizeLinear; YES, a refusal or BNF_ENOMEM. */
static int read_operand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_tensor *out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, node, slot);
    enum bnf_reason reason = BNF_REASON_NONE;
    struct bnf_err local = {0};
    char text[256];
    int answer = value == BNF_NONE ? BNF_ANSWER_NO : bnf_fold_tensor(fold, value, out, &reason, &local);
    if (answer < 0)
        return bnf_fail(err, local.status, "%s", local.text);
    if (answer && reason == BNF_REASON_EXTERNAL_DATA)
        return bnf_refuse(fold, plan, reason, "%s", local.text);
    if (!answer)
        return BNF_ANSWER_YES;
    return bnf_refuse(fold, plan, reason ? reason : BNF_REASON_WEIGHT_DYNAMIC, "the %s '%s' of DequantizeLinear '%s' %s",
        operands[slot], bnf_fold_name(fold, value), bnf_node_text(fold->graph, node, text, sizeof text),
        reason == BNF_REASON_OVERRIDABLE   ? "is an input that a caller may override"
        : reason == BNF_REASON_SPARSE      ? "is stored as a sparse tensor"
        : reason == BNF_REASON_IN_FUNCTION ? "comes from the caller of the function"
                                           : "is computed at run time");
}

/* What the operands have to be like, one by one. */
static int check_types(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_tensor *integers,
    const struct bnf_tensor *scale)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    int64_t since, opset = bnf_node_opset(fold->graph, node), stated = bnf_attr_int(proto, "output_dtype", 0);
    double low, high;
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    const char *reference = bnf_attr_any_reference(proto);
    if (reference)
        return bnf_refuse(fold, plan, BNF_REASON_IN_FUNCTION,
            "attribute '%s' of DequantizeLinear '%s' comes from the caller of the function", reference, text);
    if (!bnf_quantized_range(integers->dtype, &low, &high, &since) || integers->count == 0)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "DequantizeLinear '%s' makes a weight of %zu elements of %s", text,
            integers->count, bnf_dtype_name(integers->dtype));
    if (opset < since)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE,
            "DequantizeLinear '%s' takes %s from operator set %lld on, and this is %lld", text,
            bnf_dtype_name(integers->dtype), (long long)since, (long long)opset);
    if (!bnf_dtype_is_float(scale->dtype) || (stated && stated != scale->dtype))
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "DequantizeLinear '%s' makes %s by scales of %s", text,
            bnf_dtype_name(stated ? (int)stated : scale->dtype), bnf_dtype_name(scale->dtype));
    return BNF_ANSWER_YES;
}

/* The axis of the scales: -1 where there is one for all. */
static int find_axis(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_tensor *integers,
    const struct bnf_tensor *scale, int *axis)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[node].proto;
    int64_t block = bnf_attr_int(proto, "block_size", 0), stated = bnf_attr_int(proto, "axis", 1);
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (block || scale->rank > 1)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "DequantizeLinear '%s' has a scale for each block of %lld integers, not for each channel", text,
            (long long)block);
    *axis = -1;
    if (scale->count == 1)
        return BNF_ANSWER_YES;
    stated += stated < 0 ? integers->rank : 0;
    if (stated < 0 || stated >= (int64_t)integers->rank || integers->dims[stated] != (int64_t)scale->count)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "DequantizeLinear '%s' has %zu scales, which do not fit its axis %lld", text, scale->count,
            (long long)bnf_attr_int(proto, "axis", 1));
    *axis = (int)stated;
    return BNF_ANSWER_YES;
}

static int check_zero(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_tensor *integers,
    const struct bnf_tensor *scale, const struct bnf_tensor *zero)
{
    char text[256];
    bnf_node_text(fold->graph, node, text, sizeof text);
    if (zero->dtype != integers->dtype)
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE, "the zero point of DequantizeLinear '%s' is %s, its integers are %s",
            text, bnf_dtype_name(zero->dtype), bnf_dtype_name(integers->dtype));
    if (zero->count != scale->count)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "DequantizeLinear '%s' has %zu scales, and zero points for %zu", text, scale->count, zero->count);
    return BNF_ANSWER_YES;
}

/* Everything but the numbers of scale and zero point. */
struct parts {
    bnf_id node;
    struct bnf_tensor integers, scale, zero;
    bool has_zero;
    int axis;
};

static int read_parts(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, struct parts *p, struct bnf_err *err)
{
    p->node = fold->graph->values[value].producer;
    p->has_zero = bnf_node_input(fold->graph, p->node, 2) != BNF_NONE;
    int answer = read_operand(fold, plan, p->node, 0, &p->integers, err);
    if (!answer)
        answer = read_operand(fold, plan, p->node, 1, &p->scale, err);
    if (!answer && p->has_zero)
        answer = read_operand(fold, plan, p->node, 2, &p->zero, err);
    if (!answer)
        answer = check_types(fold, plan, p->node, &p->integers, &p->scale);
    if (!answer)
        answer = find_axis(fold, plan, p->node, &p->integers, &p->scale, &p->axis);
    if (!answer && p->has_zero)
        answer = check_zero(fold, plan, p->node, &p->integers, &p->scale, &p->zero);
    return answer;
}

int bnf_quantized_tensor(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_tensor *out, struct bnf_err *err)
{
    struct parts p;
    int answer = read_parts(fold, plan, bnf_node_input(fold->graph, node, slot), &p, err);
    if (answer)
        return answer;
    *out = p.integers;
    out->dtype = p.scale.dtype;
    out->data = NULL;
    return bnf_dtype_bytes(out->dtype, out->count, &out->bytes) ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

int bnf_quantized_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_block block, struct bnf_pending **out, struct bnf_err *err)
{
    struct parts p;
    int answer = read_parts(fold, plan, bnf_node_input(fold->graph, node, slot), &p, err);
    if (answer)
        return answer;
    struct bnf_quantized *q = bnf_arena_alloc(fold->arena, 1, sizeof *q);
    if (!q)
        return bnf_fail_memory(err);
    bool matrices = bnf_node_is(fold->graph, node, "MatMul");
    *q = (struct bnf_quantized){.node = p.node,
        .integers_value = bnf_node_input(fold->graph, p.node, 0),
        .integers = p.integers,
        .axis = p.axis,
        .count = p.scale.count,
        .scale = bnf_arena_alloc(fold->arena, p.scale.count, sizeof(double)),
        .zero = bnf_arena_alloc(fold->arena, p.scale.count, sizeof(double)),
        .scale_rank = p.scale.rank,
        .run = bnf_quantized_run(&p.integers, p.axis),
        .outer_axis = matrices ? (int)p.integers.rank - 2 : 0,
        .inner_axis = matrices ? (int)p.integers.rank - 1 : 1};
    const double *scale = bnf_fold_read(fold, bnf_node_input(fold->graph, p.node, 1), q->count);
    if (!q->scale || !q->zero || !scale)
        return bnf_fail_memory(err);
    memcpy(q->scale, scale, q->count * sizeof *scale);
    if (p.has_zero)
        bnf_to_double(p.zero.dtype, p.zero.data, 0, q->count, q->zero);
    struct bnf_tensor base = p.integers;
    base.dtype = p.scale.dtype;
    base.data = NULL;
    if (!bnf_dtype_bytes(base.dtype, base.count, &base.bytes))
        return bnf_fail_memory(err);
    *out = bnf_pending_weight(fold->arena, &base, block);
    if (!*out)
        return bnf_fail_memory(err);
    (*out)->quantized = q;
    return BNF_ANSWER_YES;
}

/* ---- activations ---- */

int bnf_dequantize_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    bnf_id integers = bnf_node_input(g, node, 0);
    bnf_id rounding = integers == BNF_NONE ? BNF_NONE : g->values[integers].producer;
    char text[256], other[256];
    (void)err;
    bnf_node_text(g, node, text, sizeof text);
    if (bnf_is_dequantized(fold, bnf_node_output(g, node, 0)))
        return bnf_refuse(fold, plan, BNF_REASON_NO_RULE,
            "DequantizeLinear '%s' in front of it makes a constant, and only a layer's weight takes an affine that way", text);
    if (rounding == BNF_NONE || !bnf_node_is(g, rounding, "QuantizeLinear"))
        return bnf_refuse(fold, plan, BNF_REASON_QUANTIZED_BETWEEN,
            "DequantizeLinear '%s' in front of it reads the integers '%s', which are no linear function of a layer", text,
            bnf_fold_name(fold, integers));
    return bnf_refuse(fold, plan, BNF_REASON_QUANTIZED_BETWEEN,
        "QuantizeLinear '%s' rounds '%s', which DequantizeLinear '%s' in front of it reads back",
        bnf_node_text(g, rounding, other, sizeof other), bnf_fold_name(fold, bnf_node_input(g, rounding, 0)), text);
}

int bnf_quantize_forward(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    char text[256];
    (void)err;
    return bnf_refuse(fold, plan, BNF_REASON_QUANTIZED_BETWEEN, "QuantizeLinear '%s' behind it rounds '%s'",
        bnf_node_text(fold->graph, node, text, sizeof text), bnf_fold_name(fold, bnf_node_input(fold->graph, node, 0)));
}
