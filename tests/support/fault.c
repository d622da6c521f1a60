#include "support/fault.h"

#include "onnx/dtype.h"

#include <math.h>
#include <string.h>

const struct fault faults[] = {
    {"epsilon x 100", true, fault_norm, EPSILON_TIMES_100},
    {"epsilon = 0", true, fault_norm, EPSILON_ZERO},
    {"epsilon outside the root", true, fault_norm, EPSILON_OUTSIDE_ROOT},
    {"beta dropped", true, fault_norm, BETA_DROPPED},
    {"mean dropped", true, fault_norm, MEAN_DROPPED},
    {"sign of mean", true, fault_norm, MEAN_SIGN},
    {"channels of gamma turned", true, fault_norm, CHANNELS_TURNED},
    {"BatchNormalization dropped", true, fault_norm, NORM_DROPPED},
    {"parameters of another one", true, fault_norm, WRONG_NORM},
    {"bias of the layer forgotten", true, fault_bias_forgotten, 0},
    {"bit of a weight", false, fault_weight, FLIP},
    {"bit of a bias", false, fault_bias, FLIP},
    {"bit of a lowered map", false, fault_map, FLIP},
    {"weight through float16", false, fault_weight, TO_FLOAT16},
    {"weight through bfloat16", false, fault_weight, TO_BFLOAT16},
    {"channels of a weight turned", false, fault_weight, TURN_CHANNELS},
    {"stale weight", false, fault_weight, STALE},
    {"scale on the wrong axis", false, fault_weight, WRONG_AXIS},
    {"scale of the wrong group", false, fault_weight, WRONG_GROUP},
    {"weight transposed", false, fault_weight, TRANSPOSED},
    {"bias set to zero", false, fault_bias, TO_ZERO},
    {"stale bias", false, fault_bias, STALE},
    {"channels of a bias turned", false, fault_bias, TURN_CHANNELS},
    {"shared weight clobbered", false, fault_node, SHARED_CLOBBERED},
    {"bias input dropped", false, fault_node, BIAS_INPUT_DROPPED},
    {"strides changed", false, fault_node, STRIDES},
    {"dilations changed", false, fault_node, DILATIONS},
    {"pads changed", false, fault_node, PADS},
    {"alpha changed", false, fault_node, ALPHA},
    {"transB changed", false, fault_node, TRANS},
    {"value of a Pad unchanged", false, fault_node, PAD_VALUE},
    {"", false, NULL, 0},
};

bool subject_make(struct subject *s, uint64_t seed)
{
    static const int types[] = {BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_DOUBLE, BNF_DTYPE_FLOAT16};
    const struct gen_options options = {.seed = seed, .dtype = types[seed % 4]};
    struct bnf_fold_result result;
    struct bnf_err err = {0};
    char text[512];
    *s = (struct subject){.rng = rng_new(seed)};
    bnf_arena_init(&s->arena, 0);
    gen_model(&s->gen, &options);
    s->u = bnf_dtype_roundoff(options.dtype);
    s->source = pack_proto(s->gen.make.model);
    s->input = gen_input(&s->gen, &s->arena, &s->rng);
    struct opened opened;
    int status = fold_packed(&s->source, &opened, &result, &s->folded, &err);
    bool folded = !status && result.changed;
    close_opened(&opened);
    return folded && prove_packed(&s->source, &s->folded, text, sizeof text) == BNF_PROOF_PROVED &&
           !open_packed(&s->source_open, &s->source, &err) &&
           !open_packed(&s->folded_open, &s->folded, &err) &&
           eval_run(&s->source_eval, &s->source_open.graph, &s->input, 1) &&
           eval_run(&s->folded_eval, &s->folded_open.graph, &s->input, 1);
}

void subject_free(struct subject *s)
{
    eval_free(&s->source_eval);
    eval_free(&s->folded_eval);
    close_opened(&s->source_open);
    close_opened(&s->folded_open);
    bnf_free(s->source.bytes);
    bnf_free(s->folded.bytes);
    bnf_arena_free(&s->arena);
    gen_free(&s->gen);
}

static double difference(const struct eval *a, const struct eval *b, double u)
{
    double most = 0;
    if (a->output_count != b->output_count)
        return INFINITY;
    for (size_t i = 0; i < a->output_count; i++) {
        const struct eval_tensor *p = a->outputs[i], *q = b->outputs[i];
        if (p->rank != q->rank || (p->rank && memcmp(p->dims, q->dims, p->rank * sizeof *p->dims) != 0))
            return INFINITY;
        for (size_t k = 0; k < p->count; k++) {
            double off = fabs(p->value[k] - q->value[k]) / (u * (p->mag[k] + q->mag[k]));
            most = off > most ? off : most; /* 0/0 is no difference */
        }
    }
    return most;
}

double subject_difference(struct subject *s, const struct packed *packed)
{
    struct opened opened;
    struct eval eval = {0};
    struct bnf_err err = {0};
    double most = -1;
    if (!open_packed(&opened, packed, &err) && eval_run(&eval, &opened.graph, &s->input, 1))
        most = difference(&s->source_eval, &eval, s->u);
    eval_free(&eval);
    close_opened(&opened);
    return most;
}

const struct eval_tensor *subject_value(const struct subject *s, const char *name)
{
    bnf_id value = bnf_graph_find(&s->source_open.graph, 0, name);
    return value == BNF_NONE || !s->source_eval.tensors[value].value ? NULL : &s->source_eval.tensors[value];
}
