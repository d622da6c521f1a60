/* Attributes changed, and inputs, outputs and bodies exchanged. */
#include "support/fault_wide.h"

#include <string.h>

enum order { INPUTS, INPUTS_FURTHER, OUTPUTS, BRANCHES, BODY_OUTPUTS, BODY_INPUTS, FIRST_FOR_SECOND };
enum kind_of_attribute { AXIS, PERM, WORD, NUMBER, FLAG, WINDOW };

static void swap(char **a, char **b)
{
    char *name = *a;
    *a = *b;
    *b = name;
}

static void swap_infos(Onnx__ValueInfoProto **a, Onnx__ValueInfoProto **b)
{
    Onnx__ValueInfoProto *info = *a;
    *a = *b;
    *b = info;
}

static Onnx__GraphProto *body(struct scene *s, const struct spot *spot)
{
    Onnx__GraphProto *found = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < spot->node->n_attribute; i++)
        if (spot->node->attribute[i]->g && rng_below(&s->rng, ++seen) == 0)
            found = spot->node->attribute[i]->g;
    return found;
}

static bool exchange(struct scene *s, struct spot *spot, int which)
{
    Onnx__NodeProto *n = spot->node;
    Onnx__GraphProto *g = body(s, spot);
    size_t first = which == INPUTS_FURTHER ? 2 : 0; /* of Loop: behind the count and the condition */
    unsigned from;
    switch ((enum order)which) {
    case INPUTS:
    case INPUTS_FURTHER:
    case FIRST_FOR_SECOND:
        if (n->n_input < first + 2)
            return false;
        from = (unsigned)first + rng_below(&s->rng, (unsigned)(n->n_input - first - 1));
        if (strcmp(n->input[from], n->input[from + 1]) == 0 || !*n->input[from] || !*n->input[from + 1])
            return false;
        if (which == FIRST_FOR_SECOND)
            n->input[from + 1] = n->input[from];
        else
            swap(&n->input[from], &n->input[from + 1]);
        return true;
    case OUTPUTS:
        if (n->n_output < 2)
            return false;
        from = rng_below(&s->rng, (unsigned)n->n_output - 1);
        swap(&n->output[from], &n->output[from + 1]);
        return true;
    case BRANCHES:
        for (size_t i = 0; i < n->n_attribute; i++)
            n->attribute[i]->name = strcmp(n->attribute[i]->name, "then_branch") == 0 ? (char *)"else_branch"
                                                                                      : (char *)"then_branch";
        return n->n_attribute == 2;
    case BODY_OUTPUTS:
        first = strcmp(n->op_type, "Loop") == 0;
        if (!g || g->n_output < first + 2)
            return false;
        swap_infos(&g->output[first], &g->output[first + 1]);
        return true;
    case BODY_INPUTS:
        first = strcmp(n->op_type, "Loop") == 0 ? 2 : 0;
        if (!g || g->n_input < first + 2)
            return false;
        swap_infos(&g->input[first], &g->input[first + 1]);
        return true;
    }
    return false;
}

static bool other_word(Onnx__AttributeProto *a)
{
    static const char *const pairs[][2] = {{"DCR", "CRD"}, {"linear", "nearest"}, {"nearest", "linear"},
        {"cubic", "linear"}, {"CRD", "DCR"}, {"edge", "reflect"}, {"reflect", "edge"}, {"constant", "edge"},
        {"forward", "reverse"}, {"reverse", "forward"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (a->s.len == strlen(pairs[i][0]) && memcmp(a->s.data, pairs[i][0], a->s.len) == 0) {
            a->s.data = (uint8_t *)(uintptr_t)pairs[i][1];
            a->s.len = strlen(pairs[i][1]);
            return true;
        }
    return false;
}

/* The first attribute of these names that the node has, and what it says otherwise. */
static bool alter(struct scene *s, struct spot *spot, int which)
{
    static const char *const names[][4] = {[AXIS] = {"axis", "axes"},
        [PERM] = {"perm"},
        [WORD] = {"mode", "direction"},
        [NUMBER] = {"alpha", "epsilon", "beta"},
        [FLAG] = {"count_include_pad", "ceil_mode", "linear_before_reset", "keepdims"},
        [WINDOW] = {"kernel_shape", "strides", "pads", "blocksize"}};
    Onnx__AttributeProto *a = NULL;
    for (size_t i = 0, from = rng_below(&s->rng, 4); i < 4 && !a; i++)
        if (names[which][(from + i) % 4])
            a = spot_attribute(spot, names[which][(from + i) % 4]);
    if (!a || (a->ref_attr_name && *a->ref_attr_name))
        return false;
    size_t at = a->n_ints ? rng_below(&s->rng, (unsigned)a->n_ints) : 0;
    int64_t old = a->n_ints ? a->ints[at] : 0;
    switch ((enum kind_of_attribute)which) {
    case AXIS:
    case WINDOW:
        *(a->n_ints ? &a->ints[at] : &a->i) += rng_percent(&s->rng, 50) ? 1 : which == AXIS ? -1 : 1;
        return true;
    case PERM:
        if (a->n_ints < 2)
            return false;
        a->ints[at] = a->ints[(at + 1) % a->n_ints];
        a->ints[(at + 1) % a->n_ints] = old;
        return true;
    case WORD:
        return other_word(a);
    case NUMBER:
        a->f = a->f == 0 ? 0.5f : a->f * 1.01f;
        return true;
    case FLAG:
        a->i = !a->i;
        return true;
    }
    return false;
}

#define NORMS "LayerNormalization|InstanceNormalization|GroupNormalization|RMSNormalization"
#define AXES                                                                                           \
    "Concat|Split|Gather|Softmax|Flatten|LayerNormalization|ReduceMean|ReduceMax|ReduceMin|ReduceSum|" \
    "Squeeze|Unsqueeze|"                                                                               \
    "DequantizeLinear|Slice|LogSoftmax"

const struct wide_fault order_faults[] = {
    {"parts of a Concat exchanged", "Concat", exchange, INPUTS},
    {"one part of a Concat twice", "Concat", exchange, FIRST_FOR_SECOND},
    {"parts of a Split exchanged", "Split", exchange, OUTPUTS},
    {"operands of Sub or Div exchanged", "Sub|Div", exchange, INPUTS},
    {"one operand twice", "Add|Mul|Sub|Div|Sum|Mean|MatMul", exchange, FIRST_FOR_SECOND},
    {"scale and B of a norm exchanged", NORMS, exchange, INPUTS},
    {"branches of If exchanged", "If", exchange, BRANCHES},
    {"outputs of a body exchanged", "If|Loop|Scan", exchange, BODY_OUTPUTS},
    {"inputs of a body exchanged", "Loop|Scan", exchange, BODY_INPUTS},
    {"inputs of Loop exchanged", "Loop", exchange, INPUTS_FURTHER},
    {"outputs of a recurrent layer exchanged", "LSTM|GRU|RNN", exchange, OUTPUTS},
    {"axis changed", AXES, alter, AXIS},
    {"perm changed", "Transpose", alter, PERM},
    {"DCR for CRD", "DepthToSpace", alter, WORD},
    {"mode of Resize changed", "Resize|Upsample", alter, WORD},
    {"mode of Pad changed", "Pad", alter, WORD},
    {"direction changed", "LSTM|GRU|RNN", alter, WORD},
    {"alpha or epsilon changed", "LeakyRelu|Elu|HardSigmoid|Gemm|LRN|" NORMS, alter, NUMBER},
    {"counting, rounding, keeping turned", "AveragePool|MaxPool|GRU|ReduceMean|ReduceMax|ReduceSum", alter,
        FLAG},
    {"window of a pool changed", "AveragePool|MaxPool|LpPool", alter, WINDOW},
    {"", NULL, NULL, 0},
};
