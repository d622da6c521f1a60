/* What the words of a report mean, with examples: `f(x) → y` is a node that computes y from x. */
#include "bnfold.h"
#include "fold/fold.h"

#include <string.h>

/* An example for each reason; the texts themselves are in fold/reason.def. */
static const char *const examples[BNF_REASON_COUNT] = {
    [BNF_REASON_TRAINING_MODE] =
        "BatchNormalization(x, …; training_mode=1) → y divides by the deviation of this batch",
    [BNF_REASON_STATS_DYNAMIC] =
        "BatchNormalization(x, gamma, beta, mean, var) → y, where mean is a graph input",
    [BNF_REASON_STATS_SHAPE] = "x has 64 channels, and mean has 32 elements",
    [BNF_REASON_STATS_RANGE] = "var = -0.1 and epsilon = 1e-5 on channel 7: no square root",
    [BNF_REASON_STATS_UNTRAINED] = "torchvision.models.resnet18() exported without loading weights",
    [BNF_REASON_NON_SPATIAL] = "opset 7, spatial=0: gamma has the shape (C, H, W)",
    [BNF_REASON_RANK_UNKNOWN] = "Reshape(x, shape) → y with a computed shape; BatchNormalization(y, …)",
    [BNF_REASON_RANK_UNSUPPORTED] = "BatchNormalization(x, …) with x of shape (N)",
    [BNF_REASON_OVERRIDABLE] =
        "IR version 4, conv.weight is an initializer and a graph input, --keep-overridable",
    [BNF_REASON_BROADCAST] =
        "Conv(x, W) → y of (N, C, H, W); Mul(y, c) with c of shape (H, 1): rows, not channels",
    [BNF_REASON_PRODUCER_SHARED] =
        "Conv(x, W) → y; BatchNormalization(y, …) → a; Sigmoid(y) → b: a scaled W would change b",
    [BNF_REASON_PRODUCER_IS_OUTPUT] =
        "Conv(x, W) → y; BatchNormalization(y, …) → a; the graph gives out y and a",
    [BNF_REASON_PRODUCER_CAPTURED] =
        "Conv(x, W) → y; BatchNormalization(y, …) → a; a branch of If reads y from outside",
    [BNF_REASON_PRODUCER_NOT_LINEAR] = "Sigmoid(x) → y; BatchNormalization(y, …)",
    [BNF_REASON_PRODUCER_IS_INPUT] = "BatchNormalization(input, …) → y; Relu(y)",
    [BNF_REASON_NO_RULE] = "an operator that may well be linear, such as one of another domain, between "
                           "layer and BatchNormalization",
    [BNF_REASON_AFFINE_IS_OUTPUT] =
        "BatchNormalization(input, …) → y; Conv(y, W) → z; the graph gives out y and z",
    [BNF_REASON_AFFINE_CAPTURED] =
        "BatchNormalization(input, …) → y; the body of a Loop reads y from outside",
    [BNF_REASON_CONSUMER_NOT_LINEAR] = "BatchNormalization(input, …) → y; Sigmoid(y)",
    [BNF_REASON_CONSUMER_SHARED] = "BatchNormalization(input, …) → y; Conv(y, W) → a; Sigmoid(y) → b",
    [BNF_REASON_WEIGHT_DYNAMIC] = "Conv(x, W) → y; BatchNormalization(y, …), where W is a graph input",
    [BNF_REASON_BIAS_DYNAMIC] = "Conv(x, W, b) → y; BatchNormalization(y, …), where b is a graph input",
    [BNF_REASON_AXIS_MISMATCH] =
        "MatMul(x, W) → y of (N, T, K); BatchNormalization(y, …): its channels are T, the columns of W are K",
    [BNF_REASON_PADDING] =
        "BatchNormalization(x, …) → y; Conv(y, W; pads=[1,1,1,1]): the border is 0, not the shift",
    [BNF_REASON_WINDOW] = "Conv(x, W) → a; AveragePool(a; pads=[1,1,1,1], count_include_pad=1) → y; BatchNormalization(y, …)",
    [BNF_REASON_RESIZE] = "Conv(x, W) → a; Resize(a, scales) → y; BatchNormalization(y, …), where scales is a graph input",
    [BNF_REASON_NEGATIVE_SCALE] = "Conv(x, W) → a; MaxPool(a) → y; BatchNormalization(y, …) with gamma = -0.5 on channel 3",
    [BNF_REASON_ZERO_SCALE] = "gamma = 0 on channel 3, and the rule has to divide by it",
    [BNF_REASON_OVERFLOW] = "float16 weights of 300, and gamma/sqrt(var + epsilon) = 1000",
    [BNF_REASON_UNDERFLOW] = "float16 weights of 0.001, and gamma/sqrt(var + epsilon) = 1e-6",
    [BNF_REASON_QUANT_RANGE] = "int8 weights with -128 among them and zero point 0, gamma = -0.5: no int8 is 128",
    [BNF_REASON_QUANTIZED_BETWEEN] = "Conv(x, W) → a; QuantizeLinear(a, …) → q; DequantizeLinear(q, …) → y; "
                                     "BatchNormalization(y, …)",
    [BNF_REASON_DTYPE] = "Conv in float16, Cast to float, BatchNormalization in float",
    [BNF_REASON_SPARSE] = "var is a sparse_initializer",
    [BNF_REASON_SHAPE_UNKNOWN] =
        "Gemm(x, B, C) → y; BatchNormalization(y, …), where C has one row per sample",
    [BNF_REASON_IN_FUNCTION] =
        "BatchNormalization(c, gamma, …) in a model-local function ConvBlock, of which gamma is an input",
    [BNF_REASON_EXTERNAL_DATA] = "conv.weight lies in 'weights.bin', which was not copied along",
    [BNF_REASON_NOT_SELECTED] = "--skip 'head.*' and a node 'head.bn'",
    [BNF_REASON_HEALED] = "--heal --max-u 0.99, and folding 'head.bn' puts a weight 0.993 u off the exact one",
};

static const struct {
    const char *name, *kind, *meaning;
} verdicts[] = {
    {"folded", "site", "a layer's weights took the BatchNormalization or affine in; the node is gone"},
    {"dropped", "site", "the node did nothing to any value of its type, so it is gone"},
    {"lowered", "site", "no layer takes it in; it became a depthwise Conv, or a Mul and an Add"},
    {"kept", "site", "it stays as it was, for the reason that follows; --strict makes that a failure"},
    {"proved", "proof",
        "the stored weights are the exact ones within rounding, so both models compute the same function"},
    {"warn", "proof",
        "as proved, but some weights are further from exact than one rounding: between 4 and 64 u"},
    {"refuted", "proof", "two parts of the same structure differ in a number, an attribute or a shape"},
    {"unproved", "proof", "two parts could not be brought to the same structure, so nothing is known"},
    {"skipped", "proof", "nobody asked for a proof"},
    {"agrees", "run", "on every input both models differ by no more than rounding does to the original"},
    {"incomplete", "run", "what ran agrees, but not everything could run; --require-run makes that a failure"},
    {"equivalent", "report",
        "the models compute the same function, as proved, or else as far as complete runs show; exit status 0"},
    {"different", "report", "the models do not compute the same function; exit status 1, nothing is written"},
    {"inconclusive", "report",
        "neither proved nor refuted, and the runs do not settle it; exit status 3, nothing is written"},
    {"unchecked", "report", "not checked, as asked for; exit status 0"},
};

enum { VERDICTS = sizeof verdicts / sizeof *verdicts };

static void list(FILE *stream)
{
    fputs("reasons why a site was kept, lowered or warned about:\n", stream);
    for (int reason = BNF_REASON_NONE + 1; reason < BNF_REASON_COUNT; reason++)
        fprintf(stream, "  %-20s %s\n", bnf_reason_name((enum bnf_reason)reason),
            bnf_reason_meaning((enum bnf_reason)reason));
    fputs("\nverdicts:\n", stream);
    for (size_t i = 0; i < VERDICTS; i++)
        fprintf(stream, "  %-20s (%s) %s\n", verdicts[i].name, verdicts[i].kind, verdicts[i].meaning);
}

int bnfold_explain(const char *name, FILE *stream)
{
    if (!name) {
        list(stream);
        return 0;
    }
    for (int i = BNF_REASON_NONE + 1; i < BNF_REASON_COUNT; i++) {
        enum bnf_reason reason = (enum bnf_reason)i;
        if (strcmp(bnf_reason_name(reason), name) != 0)
            continue;
        fprintf(stream, "%s: %s\nhint     %s\n", name, bnf_reason_meaning(reason), bnf_reason_hint(reason));
        if (examples[reason])
            fprintf(stream, "example  %s\n", examples[reason]);
        return 0;
    }
    for (size_t i = 0; i < VERDICTS; i++)
        if (strcmp(verdicts[i].name, name) == 0) {
            fprintf(
                stream, "%s: verdict of a %s\nmeaning  %s\n", name, verdicts[i].kind, verdicts[i].meaning);
            return 0;
        }
    return -1;
}
