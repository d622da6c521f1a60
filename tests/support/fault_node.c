/* Faults in the nodes of a fold. */
#include "support/fault.h"

#include "onnx/dtype.h"

#include <string.h>

static bool is(const Onnx__NodeProto *node, const char *op_type)
{
    return strcmp(node->op_type, op_type) == 0;
}

static Onnx__AttributeProto *attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

/* A random node of one of two operators. */
static Onnx__NodeProto *pick(struct subject *s, const struct make *m, const char *a, const char *b)
{
    Onnx__NodeProto *found = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < m->graph->n_node; i++)
        if ((is(m->graph->node[i], a) || is(m->graph->node[i], b)) && rng_below(&s->rng, ++seen) == 0)
            found = m->graph->node[i];
    return found;
}

/* Extents that the source's run gave the value a node writes; NULL when the fold made the value. */
static const int64_t *extents(const struct subject *s, const Onnx__NodeProto *node)
{
    const struct eval_tensor *t = subject_value(s, node->output[0]);
    return t ? t->dims : NULL;
}

/* Strides, dilations or pads of a layer over windows. A stride is not felt by an output of one element, a
 * dilation not by a kernel of one; pads always are: the windows begin elsewhere. */
static enum fault_effect geometry(struct subject *s, struct make *m, enum node_fault which)
{
    static const char *const names[] = {[STRIDES] = "strides", [DILATIONS] = "dilations", [PADS] = "pads"};
    Onnx__NodeProto *node = pick(s, m, "Conv", "ConvTranspose");
    Onnx__AttributeProto *a = node ? attribute(node, names[which]) : NULL;
    const int64_t *out = node ? extents(s, node) : NULL;
    Onnx__TensorProto *w = node ? make_find_initializer(m, node->input[1]) : NULL;
    if (!a || !a->n_ints || !out || !w)
        return FAULT_NO_SITE;
    size_t axis = rng_below(&s->rng, (unsigned)a->n_ints);
    if (which == STRIDES && out[2 + axis] < 2)
        return FAULT_NO_SITE;
    if (which == STRIDES && is(node, "ConvTranspose"))
        return FAULT_NO_SITE; /* its output may be larger for other reasons; Conv is enough */
    if (which == DILATIONS && w->dims[2 + axis] < 2)
        return FAULT_NO_SITE;
    a->ints[axis] = which == PADS ? a->ints[axis] + 1 : a->ints[axis] == 1 ? 2 : 1;
    return FAULT_COUNTS;
}

static enum fault_effect matrix(struct subject *s, struct make *m, enum node_fault which)
{
    Onnx__NodeProto *node = pick(s, m, "Gemm", "Gemm");
    Onnx__AttributeProto *a = node ? attribute(node, which == ALPHA ? "alpha" : "transB") : NULL;
    Onnx__TensorProto *w = node ? make_find_initializer(m, node->input[1]) : NULL;
    if (!a || !w || (which == TRANS && w->dims[0] != w->dims[1]))
        return FAULT_NO_SITE;
    if (which == ALPHA)
        a->f *= 1.0001f;
    else
        a->i = !a->i;
    return FAULT_ASK;
}

/* The folded weight of a layer; NULL when it has none. */
static const Onnx__TensorProto *folded_weight(const struct make *m, const Onnx__NodeProto *node)
{
    bool layer = is(node, "Conv") || is(node, "ConvTranspose") || is(node, "Gemm") || is(node, "MatMul");
    return layer ? make_find_initializer(m, node->input[1]) : NULL;
}

/* Do these two come of the same constant of the source, whose name both begin with? */
static bool same_origin(const char *a, const char *b)
{
    const char *mark = strstr(a, ".bnfold");
    size_t stem = mark ? (size_t)(mark - a) : strlen(a);
    return strcmp(a, b) != 0 && strncmp(a, b, stem) == 0 &&
           (!b[stem] || strncmp(b + stem, ".bnfold", 7) == 0);
}

/* Two layers that shared a weight in the source and no longer do: one reads what the other needs. */
static enum fault_effect clobber(struct subject *s, struct make *m)
{
    for (size_t i = 0; i < m->graph->n_node; i++) {
        Onnx__NodeProto *a = m->graph->node[i];
        const Onnx__TensorProto *from = folded_weight(m, a);
        for (size_t k = 0; from && k < m->graph->n_node; k++) {
            Onnx__NodeProto *b = m->graph->node[k];
            const Onnx__TensorProto *to = folded_weight(m, b);
            if (!to || !is(a, b->op_type) || !same_origin(from->name, to->name) || !rng_percent(&s->rng, 70))
                continue;
            b->input[1] = a->input[1];
            return FAULT_ASK;
        }
    }
    return FAULT_NO_SITE;
}

static enum fault_effect drop_bias(struct subject *s, struct make *m)
{
    Onnx__NodeProto *node = pick(s, m, "Conv", "ConvTranspose");
    if (!node || node->n_input < 3 || !*node->input[2])
        return FAULT_NO_SITE;
    node->n_input = 2;
    return FAULT_ASK;
}

/* An explicit Pad that keeps padding with zeros although an affine moved past it. */
static enum fault_effect pad_value(struct subject *s, struct make *m)
{
    Onnx__NodeProto *node = pick(s, m, "Pad", "Pad");
    Onnx__AttributeProto *a = node ? attribute(node, "value") : NULL;
    Onnx__TensorProto *t = node && node->n_input > 2 ? make_find_initializer(m, node->input[2]) : NULL;
    const double zero = 0;
    if (a)
        a->f = 0;
    else if (t)
        bnf_from_double(t->data_type, &zero, 1, t->raw_data.data, 0);
    return a || t ? FAULT_ASK : FAULT_NO_SITE;
}

enum fault_effect fault_node(struct subject *s, struct make *m, int which)
{
    switch ((enum node_fault)which) {
    case STRIDES:
    case DILATIONS:
    case PADS:
        return geometry(s, m, (enum node_fault)which);
    case ALPHA:
    case TRANS:
        return matrix(s, m, (enum node_fault)which);
    case SHARED_CLOBBERED:
        return clobber(s, m);
    case BIAS_INPUT_DROPPED:
        return drop_bias(s, m);
    case PAD_VALUE:
        return pad_value(s, m);
    }
    return FAULT_NO_SITE;
}
