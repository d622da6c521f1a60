#include "check/prover.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum bnf_outcome bnf_prover_fail(struct bnf_prover *p, int status)
{
    if (!p->status)
        p->status = status;
    return BNF_UNKNOWN;
}

void bnf_say(struct bnf_prover *p, const char *format, ...)
{
    if (!p->explaining || p->said)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->said = bnf_arena_copy(&p->proof->arena, text, strlen(text));
    if (!p->said)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
}

enum bnf_outcome bnf_vanishes(struct bnf_prover *p, const char *what, size_t index, int dtype)
{
    if (!p->vanished)
        p->vanished = bnf_arena_format(&p->proof->arena,
            "all that is stored for %s %zu is 0, of exact numbers that are less than %s holds: the channel vanishes", what,
            index, bnf_dtype_name(dtype));
    return p->vanished ? BNF_UNKNOWN : bnf_prover_fail(p, bnf_fail_memory(p->err));
}

/* Dropout that passes its input on unchanged: what it does outside of training. */
static bool is_inactive_dropout(const struct bnf_side *side, bnf_id node)
{
    const struct bnf_graph *g = &side->graph;
    int64_t opset = bnf_node_opset(g, node);
    if (!bnf_node_is(g, node, "Dropout") || opset < 1)
        return false;
    if (opset < 7)
        return bnf_attr_int(g->nodes[node].proto, "is_test", 0) != 0;
    if (opset < 12)
        return true;
    bnf_id mode = bnf_node_input(g, node, 2);
    if (mode == BNF_NONE)
        return true;
    const struct bnf_tensor *tensor = NULL;
    /* A constant that cannot be read makes the node no identity; the error itself comes up where it is
     * compared. */
    if (bnf_constant((struct bnf_constants *)&side->constants, mode, &tensor, NULL) || !tensor)
        return false;
    return tensor->dtype == BNF_DTYPE_BOOL && tensor->count == 1 && tensor->data[0] == 0;
}

/* Pad by nothing, whatever it would fill with. */
static bool is_inactive_pad(const struct bnf_side *side, bnf_id node)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    int64_t opset = bnf_node_opset(g, node);
    int rank = g->values[bnf_node_input(g, node, 0)].shape.rank;
    const struct bnf_tensor *tensor = NULL;
    size_t count = 0, some = 0;
    if (!bnf_node_is(g, node, "Pad") || opset < 2 || rank < 0 || bnf_node_input(g, node, 3) != BNF_NONE)
        return false;
    if (opset < 11) {
        const int64_t *pads = bnf_attr_ints(proto, "pads", &count);
        for (size_t i = 0; pads && i < count; i++)
            some += pads[i] != 0;
    } else {
        bnf_id pads = bnf_node_input(g, node, 1);
        if (pads == BNF_NONE || bnf_constant((struct bnf_constants *)&side->constants, pads, &tensor, NULL) || !tensor ||
            tensor->dtype != BNF_DTYPE_INT64 || tensor->rank != 1)
            return false;
        count = tensor->count;
        for (size_t i = 0; i < tensor->bytes; i++)
            some += tensor->data[i] != 0;
    }
    return some == 0 && count > 0 && count == 2 * (size_t)rank; /* so many, or what the node does is not known */
}

static bool is_identity(const struct bnf_side *side, bnf_id value)
{
    const struct bnf_graph *g = &side->graph;
    const struct bnf_value *v = &g->values[value];
    if (v->producer == BNF_NONE || v->output != 0 || bnf_node_input(g, v->producer, 0) == BNF_NONE)
        return false;
    if (bnf_node_is(g, v->producer, "Identity"))
        return true;
    if (bnf_attr_any_reference(g->nodes[v->producer].proto))
        return false; /* what a caller gives would read as a default */
    if (bnf_node_is(g, v->producer, "Cast")) {
        int from = g->values[bnf_node_input(g, v->producer, 0)].shape.dtype;
        return from != 0 && bnf_attr_int(g->nodes[v->producer].proto, "to", 0) == from;
    }
    return is_inactive_dropout(side, v->producer) || is_inactive_pad(side, v->producer);
}

bnf_id bnf_canon(struct bnf_side *side, bnf_id value)
{
    bnf_id root = value;
    while (side->canon[root] == BNF_NONE && is_identity(side, root))
        root = bnf_node_input(&side->graph, side->graph.values[root].producer, 0);
    if (side->canon[root] != BNF_NONE)
        root = side->canon[root];
    while (side->canon[value] == BNF_NONE) {
        side->canon[value] = root;
        if (value != root)
            value = bnf_node_input(&side->graph, side->graph.values[value].producer, 0);
    }
    return root;
}

const struct bnf_tensor *bnf_side_constant(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_tensor *tensor = NULL;
    if (value == BNF_NONE || p->status)
        return NULL;
    int status = bnf_constant(&side->constants, value, &tensor, p->err);
    if (status)
        bnf_prover_fail(p, status);
    return status ? NULL : tensor;
}

bool bnf_tensor_same(const struct bnf_tensor *a, const struct bnf_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank || a->bytes != b->bytes)
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return a->data == b->data || bnf_same_bytes(a->data, b->data, a->bytes);
}

/* Models that others folded: what passes in silence, and what passes with a warning. */
#define FOREIGN_PASS 4.0
#define FOREIGN_WARN 64.0
/* In narrow types 64 u is no rounding any more: 3 % in float16, a quarter in bfloat16. */
#define FOREIGN_WARN_FLOAT16 8.0
#define FOREIGN_WARN_BFLOAT16 4.0
/* A double is compared with a double: both sides carry rounding errors of their own. */
#define DOUBLE_PASS 8.0
/* A correct rounding is at most 1 u; the rest is for the rounding of k itself. */
#define OWN_PASS 1.001

double bnf_limit(const struct bnf_prover *p, int dtype, unsigned tensors)
{
    if (p->options.max_u > 0)
        return p->options.max_u;
    if (p->options.foreign)
        return dtype == BNF_DTYPE_FLOAT16    ? FOREIGN_WARN_FLOAT16
               : dtype == BNF_DTYPE_BFLOAT16 ? FOREIGN_WARN_BFLOAT16
                                             : FOREIGN_WARN;
    return dtype == BNF_DTYPE_DOUBLE ? DOUBLE_PASS : OWN_PASS * (tensors ? tensors : 1);
}

bool bnf_accept(const struct bnf_prover *p, int dtype, unsigned tensors, double k, struct bnf_tally *tally)
{
    if (!(k <= bnf_limit(p, dtype, tensors)))
        return false;
    if (k > tally->u)
        tally->u = k;
    if (p->options.foreign && !(p->options.max_u > 0))
        tally->warn |= k > (dtype == BNF_DTYPE_DOUBLE ? DOUBLE_PASS : FOREIGN_PASS);
    return true;
}
