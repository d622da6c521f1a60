/* Wrong stored constants: integers that say which elements, and numbers. */
#include "support/fault_wide.h"

#include "onnx/dtype.h"

#include <string.h>

enum stored {
    INTEGER_UP, /* all numbers of slot 1 (and 2, of Slice) one up */
    INTEGERS_TURNED,
    ROWS_EXCHANGED,
    NUMBER_OFF,
    LEFTOVER_OFF,
    HALVES_EXCHANGED,
    DROPPED,
    NEGATED,
    ZERO_OFF,
    AXIS_OTHER,
};

static int64_t *integers(const struct scene *s, const struct spot *spot, size_t slot, size_t *count)
{
    Onnx__TensorProto *t = slot < spot->node->n_input ? scene_constant(s, spot->node->input[slot]) : NULL;
    *count = t ? t->raw_data.len / 8 : 0;
    return t && t->data_type == BNF_DTYPE_INT64 ? (int64_t *)(void *)t->raw_data.data : NULL;
}

static bool integer_fault(struct scene *s, const struct spot *spot, int which)
{
    size_t count, ends;
    int64_t *list = integers(s, spot, 1, &count), *end = integers(s, spot, 2, &ends);
    if (!list || !count || (which == INTEGERS_TURNED && count < 2))
        return false;
    if (which == INTEGERS_TURNED) {
        size_t at = rng_below(&s->rng, (unsigned)count - 1);
        int64_t first = list[at];
        list[at] = list[at + 1];
        list[at + 1] = first;
        return first != list[at];
    }
    size_t at = rng_below(&s->rng, (unsigned)count);
    list[at]++;
    if (end && strcmp(spot->node->op_type, "Slice") == 0 && at < ends && end[at] < INT32_MAX)
        end[at]++;
    return true;
}

static bool exchange_rows(struct scene *s, Onnx__TensorProto *t)
{
    if (t->n_dims < 1 || t->dims[0] < 2)
        return false;
    size_t run = t->raw_data.len / (size_t)t->dims[0], at = rng_below(&s->rng, (unsigned)t->dims[0] - 1);
    uint8_t *a = t->raw_data.data + at * run, *b = a + run;
    if (memcmp(a, b, run) == 0)
        return false;
    for (size_t i = 0; i < run; i++) {
        uint8_t one = a[i];
        a[i] = b[i];
        b[i] = one;
    }
    return true;
}

static bool one_off(struct scene *s, Onnx__TensorProto *t)
{
    size_t count = t->raw_data.len * 8 / bnf_dtype_bits(t->data_type);
    size_t at = count ? rng_below(&s->rng, (unsigned)count) : 0;
    double value;
    if (!count || !bnf_dtype_is_float(t->data_type))
        return false;
    bnf_to_double(t->data_type, t->raw_data.data, at, 1, &value);
    value = value == 0 ? 0.25 : value * 1.015625;
    bnf_from_double(t->data_type, &value, 1, t->raw_data.data, at);
    return true;
}

/* The input's half of the bias of one direction, and the recurrent one: exchanged element by element. */
static bool exchange_halves(struct scene *s, Onnx__TensorProto *t)
{
    if (t->n_dims != 2 || t->dims[1] % 2 != 0)
        return false;
    size_t run = t->raw_data.len / (size_t)t->dims[0] / 2, size = bnf_dtype_bits(t->data_type) / 8;
    size_t at = rng_below(&s->rng, (unsigned)t->dims[0]) * 2 * run, changed = 0;
    for (size_t i = 0; i < run; i++) {
        uint8_t *a = t->raw_data.data + at + i, *b = a + run, one = *a;
        changed += one != *b;
        *a = *b;
        *b = one;
    }
    return changed >= size;
}

static bool quantized_fault(struct scene *s, struct spot *spot, int which)
{
    Onnx__NodeProto *n = spot->node;
    Onnx__TensorProto *q = scene_constant(s, n->input[0]);
    Onnx__TensorProto *z = n->n_input > 2 ? scene_constant(s, n->input[2]) : NULL;
    Onnx__AttributeProto *axis = spot_attribute(spot, "axis");
    if (which == AXIS_OTHER && axis && q && q->n_dims > 1) {
        axis->i = axis->i == 0 ? 1 : 0;
        return true;
    }
    if (which == ZERO_OFF && z && bnf_dtype_bits(z->data_type) == 8) {
        z->raw_data.data[rng_below(&s->rng, (unsigned)z->raw_data.len)]++;
        return true;
    }
    if (which != NEGATED || !q || bnf_dtype_bits(q->data_type) != 8)
        return false;
    for (size_t i = 0; i < q->raw_data.len; i++) /* around 0 instead of the zero point */
        q->raw_data.data[i] = (uint8_t)-q->raw_data.data[i];
    return true;
}

static bool store(struct scene *s, struct spot *spot, int which)
{
    Onnx__NodeProto *n = spot->node;
    Onnx__TensorProto *t = NULL;
    switch ((enum stored)which) {
    case INTEGER_UP:
    case INTEGERS_TURNED:
        return integer_fault(s, spot, which);
    case ROWS_EXCHANGED:
        t = scene_constant(s, n->input[0]);
        return t && exchange_rows(s, t);
    case NUMBER_OFF:
    case LEFTOVER_OFF:
        for (size_t i = 0, from = rng_below(&s->rng, (unsigned)n->n_input); i < n->n_input && !t; i++)
            t = scene_constant(s, n->input[(from + i) % n->n_input]);
        return t && one_off(s, t);
    case HALVES_EXCHANGED:
        t = n->n_input > 3 ? scene_constant(s, n->input[3]) : NULL;
        return t && exchange_halves(s, t);
    case DROPPED:
        if (n->n_input < 3 || !*n->input[n->n_input - 1])
            return false;
        n->n_input--;
        return true;
    case NEGATED:
    case ZERO_OFF:
    case AXIS_OTHER:
        return quantized_fault(s, spot, which);
    }
    return false;
}

const struct wide_fault stored_faults[] = {
    {"place of a Slice one further", "Slice", store, INTEGER_UP},
    {"sizes of a Split exchanged", "Split", store, INTEGERS_TURNED},
    {"amounts of a Pad exchanged", "Pad", store, INTEGERS_TURNED},
    {"extents of a Reshape exchanged", "Reshape|Tile|Expand", store, INTEGERS_TURNED},
    {"index of a Gather one further", "Gather", store, INTEGER_UP},
    {"rows of a table exchanged", "Gather", store, ROWS_EXCHANGED},
    {"number of a table off", "Gather", store, NUMBER_OFF},
    {"slope of PRelu off", "PRelu", store, NUMBER_OFF},
    {"parameter of a norm off",
        "LayerNormalization|InstanceNormalization|GroupNormalization|RMSNormalization|BatchNormalization",
        store, NUMBER_OFF},
    {"B of a norm dropped", "LayerNormalization", store, DROPPED},
    {"halves of a recurrent bias exchanged", "LSTM|GRU|RNN", store, HALVES_EXCHANGED},
    {"parameter of a recurrent layer off", "LSTM|GRU|RNN", store, NUMBER_OFF},
    {"constant of Einsum off", "Einsum", store, NUMBER_OFF},
    {"leftover Mul or Add off", "Mul|Add|Sub|Div", store, LEFTOVER_OFF},
    {"constant of a layer off", "Conv|ConvTranspose|MatMul|Gemm", store, NUMBER_OFF},
    {"rows of integers or scales off", "DequantizeLinear", store, NUMBER_OFF},
    {"integers negated around 0", "DequantizeLinear", store, NEGATED},
    {"zero point one off", "DequantizeLinear", store, ZERO_OFF},
    {"scale on the other axis", "DequantizeLinear", store, AXIS_OTHER},
    {"", NULL, NULL, 0},
};
