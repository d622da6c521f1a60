/* Maps put in front of a node and taken back behind it, though they do not pass it. */
#include "support/fault_wide.h"

#include <string.h>

enum around { NEGATIVE, SHIFT, SHIFT_BOTH, SCALE_ONE, SCALE_DIVISOR, SCALE_UNTAKEN };

/* A node `op` with a constant as its second operand. */
static Onnx__NodeProto *step(struct scene *s, const char *op, const char *input, const char *output,
    double value, Onnx__NodeProto **constant)
{
    struct make *m = s->make;
    size_t count = m->graph->n_node;
    char *name = make_name(m, "fault");
    *constant = make_node(m, "Constant", name);
    make_value(m, *constant, make_tensor(m, name, s->dtype, NULL, 0, &value));
    Onnx__NodeProto *node = make_node(m, op, output);
    make_reads(m, node, input);
    make_reads(m, node, name);
    if (m->model->opset_import[0]->version < 7)
        make_int(m, node, "broadcast", 1);
    m->graph->n_node = count; /* their place is elsewhere */
    return node;
}

/* Puts two nodes at a place of a list. */
static void insert(
    struct scene *s, const struct spot *spot, size_t at, Onnx__NodeProto *a, Onnx__NodeProto *b)
{
    size_t count = *spot->list->count;
    Onnx__NodeProto **old = *spot->list->node;
    Onnx__NodeProto **new = bnf_arena_alloc(&s->make->arena, count + 2, sizeof(Onnx__NodeProto *));
    memcpy(new, old, at * sizeof(Onnx__NodeProto *));
    new[at] = a;
    new[at + 1] = b;
    memcpy(new + at + 2, old + at, (count - at) * sizeof(Onnx__NodeProto *));
    *spot->list->node = new;
    *spot->list->count = count + 2;
}

static void in_front(struct scene *s, struct spot *spot, size_t slot, const char *op, double value)
{
    char *name = make_name(s->make, "fault");
    Onnx__NodeProto *constant, *node = step(s, op, spot->node->input[slot], name, value, &constant);
    insert(s, spot, spot->at, constant, node);
    spot->at += 2;
    spot->node->input[slot] = name;
}

static void behind(struct scene *s, struct spot *spot, const char *op, double value)
{
    char *name = make_name(s->make, "fault");
    Onnx__NodeProto *constant, *node = step(s, op, name, spot->node->output[0], value, &constant);
    insert(s, spot, spot->at + 1, constant, node);
    spot->node->output[0] = name;
}

static bool around(struct scene *s, struct spot *spot, int which)
{
    size_t inputs = spot->node->n_input, slot = inputs > 1 && which == SCALE_ONE ? rng_below(&s->rng, 2) : 0;
    if (!inputs || !spot->node->n_output || ((which == SHIFT_BOTH || which == SCALE_DIVISOR) && inputs < 2) ||
        !*spot->node->input[slot] || !*spot->node->output[0])
        return false;
    switch ((enum around)which) {
    case NEGATIVE:
        in_front(s, spot, 0, "Mul", -2);
        behind(s, spot, "Mul", -0.5);
        break;
    case SHIFT:
        in_front(s, spot, 0, "Add", 0.75);
        behind(s, spot, "Sub", 0.75);
        break;
    case SHIFT_BOTH:
        in_front(s, spot, 0, "Add", 0.75);
        in_front(s, spot, 1, "Add", 0.75);
        behind(s, spot, "Sub", 0.75);
        break;
    case SCALE_ONE:
        in_front(s, spot, slot, "Mul", 2);
        behind(s, spot, "Mul", 0.5);
        break;
    case SCALE_DIVISOR:
        in_front(s, spot, 1, "Mul", 2);
        behind(s, spot, "Mul", 0.5);
        break;
    case SCALE_UNTAKEN:
        behind(s, spot, "Mul", 0.5);
        break;
    }
    return true;
}

const struct wide_fault around_faults[] = {
    {"s < 0 through a maximum", "MaxPool|GlobalMaxPool|ReduceMax|ReduceMin", around, NEGATIVE},
    {"s < 0 through a rectifier", "Relu|LeakyRelu|PRelu", around, NEGATIVE},
    {"shift through a rectifier", "Relu|LeakyRelu|PRelu", around, SHIFT},
    {"shift through counted padding", "AveragePool", around, SHIFT},
    {"shift through a Pad, value unchanged", "Pad", around, SHIFT},
    {"n of ReduceSum forgotten", "ReduceSum", around, SHIFT},
    {"shift through a product", "Mul|Div", around, SHIFT},
    {"shift of one part of a Concat", "Concat", around, SHIFT},
    {"shift to both terms", "Add", around, SHIFT_BOTH},
    {"scale to one term", "Add|Sub|Sum|Mean", around, SCALE_ONE},
    {"scale to both factors' way", "Div", around, SCALE_DIVISOR},
    {"scale not taken back", "Relu|Concat|Transpose|Reshape|Slice|Split|MaxPool", around, SCALE_UNTAKEN},
    {"scale through a normalization",
        "LayerNormalization|InstanceNormalization|GroupNormalization|Softmax|LSTM|GRU|RNN|Tanh|Sigmoid|Gelu|"
        "Erf",
        around, SCALE_ONE},
    {"shift through a layer", "Conv|ConvTranspose|MatMul|Gemm|Einsum", around, SHIFT},
    {"", NULL, NULL, 0},
};
