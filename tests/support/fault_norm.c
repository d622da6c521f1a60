/* Faults in BatchNormalizations and biases before the fold: what comes out has every form a right fold has.
 */
#include "support/fault.h"

#include "graph/attr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { X, GAMMA, BETA, MEAN, VAR, most_channels = 64 };

static Onnx__NodeProto *pick(
    struct subject *s, const struct make *m, const char *op_type, const Onnx__NodeProto *but)
{
    Onnx__NodeProto *found = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < m->graph->n_node; i++)
        if (strcmp(m->graph->node[i]->op_type, op_type) == 0 && m->graph->node[i] != but &&
            rng_below(&s->rng, ++seen) == 0)
            found = m->graph->node[i];
    return found;
}

/* Gives an input slot its own constant; other readers of the old one keep it. */
static void give(
    struct make *m, Onnx__NodeProto *node, size_t slot, int dtype, const double *values, size_t count)
{
    char name[32];
    int64_t dims = (int64_t)count;
    snprintf(name, sizeof name, "fault_%zu", slot);
    make_initializer(m, make_tensor(m, name, dtype, &dims, 1, values));
    if (m->model->ir_version < 4)
        make_input(m, name, dtype, &dims, 1);
    node->input[slot] = bnf_arena_copy(&m->arena, name, strlen(name));
}

static void set_epsilon(struct make *m, Onnx__NodeProto *node, float value)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(node->attribute[i]->name, "epsilon") == 0) {
            node->attribute[i]->f = value;
            return;
        }
    }
    make_float(m, node, "epsilon", value);
}

/* The type of a BatchNormalization's input may differ from the data's. */
static int type_of(const struct subject *s, const char *name)
{
    const struct bnf_graph *g = &s->source_open.graph;
    bnf_id value = bnf_graph_find(g, 0, name);
    int dtype = value == BNF_NONE ? 0 : g->values[value].shape.dtype;
    return dtype ? dtype : s->gen.dtype;
}

static void change(struct subject *s, struct make *m, Onnx__NodeProto *node, size_t slot,
    enum norm_fault which, double epsilon)
{
    const struct eval_tensor *old = subject_value(s, node->input[slot]);
    double values[most_channels];
    for (size_t i = 0; i < old->count; i++) {
        double v = old->value[i];
        if (which == EPSILON_OUTSIDE_ROOT)
            v = (sqrt(v) + epsilon) * (sqrt(v) + epsilon) - epsilon;
        else if (which == MEAN_SIGN)
            v = -v;
        else if (which == CHANNELS_TURNED)
            v = old->value[(i + 1) % old->count];
        else
            v = 0;
        values[i] = v;
    }
    give(m, node, slot, type_of(s, node->input[slot]), values, old->count);
}

/* Reads what another one of the same size reads. */
static bool exchange(struct subject *s, struct make *m, Onnx__NodeProto *node)
{
    Onnx__NodeProto *other = pick(s, m, "BatchNormalization", node);
    if (!other || subject_value(s, other->input[VAR])->count != subject_value(s, node->input[VAR])->count)
        return false;
    for (size_t slot = GAMMA; slot <= VAR; slot++) {
        if (type_of(s, other->input[slot]) != type_of(s, node->input[slot]))
            return false;
        node->input[slot] = other->input[slot];
    }
    return true;
}

enum fault_effect fault_norm(struct subject *s, struct make *m, int which)
{
    Onnx__NodeProto *node = pick(s, m, "BatchNormalization", NULL);
    if (!node || subject_value(s, node->input[VAR])->count > most_channels)
        return FAULT_NO_SITE;
    float epsilon = bnf_attr_float(node, "epsilon", 1e-5f);
    switch ((enum norm_fault)which) {
    case EPSILON_TIMES_100:
        set_epsilon(m, node, epsilon * 100);
        return FAULT_ASK;
    case EPSILON_ZERO:
        set_epsilon(m, node, 0);
        return FAULT_ASK;
    case EPSILON_OUTSIDE_ROOT:
        change(s, m, node, VAR, EPSILON_OUTSIDE_ROOT, (double)epsilon);
        return FAULT_ASK;
    case BETA_DROPPED:
        change(s, m, node, BETA, BETA_DROPPED, 0);
        return FAULT_ASK;
    case MEAN_DROPPED:
        change(s, m, node, MEAN, MEAN_DROPPED, 0);
        return FAULT_ASK;
    case MEAN_SIGN:
        change(s, m, node, MEAN, MEAN_SIGN, 0);
        return FAULT_ASK;
    case CHANNELS_TURNED:
        change(s, m, node, GAMMA, CHANNELS_TURNED, 0);
        return FAULT_ASK;
    case NORM_DROPPED:
        node->op_type = bnf_arena_copy(&m->arena, "Identity", 8);
        node->n_input = 1;
        node->n_attribute = 0;
        return FAULT_ASK;
    case WRONG_NORM:
        return exchange(s, m, node) ? FAULT_ASK : FAULT_NO_SITE;
    }
    return FAULT_NO_SITE;
}

enum fault_effect fault_bias_forgotten(struct subject *s, struct make *m, int which)
{
    (void)which;
    static const char *const ops[] = {"Conv", "ConvTranspose", "Gemm"};
    Onnx__NodeProto *node = pick(s, m, ops[rng_below(&s->rng, 3)], NULL);
    if (!node || node->n_input < 3 || !*node->input[2])
        return FAULT_NO_SITE;
    const struct eval_tensor *old = subject_value(s, node->input[2]);
    if (old->rank != 1 || old->count > most_channels)
        return FAULT_NO_SITE;
    const double zeros[most_channels] = {0};
    give(m, node, 2, s->gen.dtype, zeros, old->count);
    return FAULT_ASK;
}
