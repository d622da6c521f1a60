/* Weights that are stored as integers: DequantizeLinear of constants, seen as the exact products scale·(q −
 * zero). */
#include "check/prover.h"

#include "graph/attr.h"

#include <math.h>

static bool is_stored_integer(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_INT8:
    case BNF_DTYPE_UINT8:
    case BNF_DTYPE_INT16:
    case BNF_DTYPE_UINT16:
    case BNF_DTYPE_INT32:
    case BNF_DTYPE_INT4:
    case BNF_DTYPE_UINT4:
        return true;
    default:
        return false;
    }
}

/* ---- what a node says ---- */

static bool same_extents(const struct bnf_tensor *a, const struct bnf_tensor *b)
{
    bool same = a->rank == b->rank;
    for (uint32_t i = 0; same && i < a->rank; i++)
        same = a->dims[i] == b->dims[i];
    return same || (a->count == 1 && b->count == 1 && a->rank <= 1 && b->rank <= 1);
}

/* Do the numbers of the scale lie on the integers: one for all, one for each channel, or one for each block?
 */
static bool lay_out(
    const Onnx__NodeProto *proto, int64_t opset, const struct bnf_tensor *q, struct bnf_quant *quant)
{
    const struct bnf_tensor *scale = quant->scale;
    int64_t axis = bnf_attr_int(proto, "axis", 1), block = bnf_attr_int(proto, "block_size", 0);
    bool blocked = opset >= 21 && block > 0;
    quant->extent = quant->run = 1;
    if (!blocked && scale->count == 1 && scale->rank <= 1)
        return true;
    axis += axis < 0 ? q->rank : 0;
    if (opset < 13 || axis < 0 || axis >= (int64_t)q->rank || scale->rank != (blocked ? q->rank : 1))
        return false;
    quant->extent = (size_t)q->dims[axis];
    for (uint32_t i = (uint32_t)axis + 1; i < q->rank; i++)
        quant->run *= (size_t)q->dims[i];
    if (!blocked)
        return scale->count == quant->extent;
    quant->block = (size_t)block;
    for (uint32_t i = 0; i < q->rank; i++) {
        int64_t wanted = i == axis ? (q->dims[i] - 1) / block + 1 : q->dims[i];
        if (scale->dims[i] != wanted)
            return false;
    }
    return true;
}

static const struct bnf_tensor *read_node(
    struct bnf_prover *p, struct bnf_side *side, bnf_id node, struct bnf_quant *quant, int *dtype)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    bnf_id zero = bnf_node_input(g, node, 2);
    const struct bnf_tensor *q = bnf_side_constant(p, side, bnf_node_input(g, node, 0));
    quant->scale = bnf_side_constant(p, side, bnf_node_input(g, node, 1));
    quant->zero = bnf_side_constant(p, side, zero);
    if (!q || !is_stored_integer(q->dtype) || q->count == 0 || !quant->scale ||
        !bnf_dtype_is_float(quant->scale->dtype) || bnf_attr_any_reference(proto) ||
        (zero != BNF_NONE && (!quant->zero || quant->zero->dtype != q->dtype)))
        return NULL;
    int64_t given = bnf_attr_int(proto, "output_dtype", 0);
    *dtype = quant->scale->dtype;
    if (given && given != *dtype)
        return NULL;
    quant->broken = !lay_out(proto, bnf_node_opset(g, node), q, quant) ||
                    (quant->zero && !same_extents(quant->scale, quant->zero));
    /* A reference that no runtime accepts is none; a candidate like that is wrong. */
    return quant->broken && side == &p->side[BNF_REF] ? NULL : q;
}

static bool is_dequantized(const struct bnf_side *side, bnf_id value)
{
    const struct bnf_value *v = &side->graph.values[value];
    return v->producer != BNF_NONE && v->output == 0 &&
           bnf_node_is(&side->graph, v->producer, "DequantizeLinear");
}

bool bnf_are_weights(struct bnf_side *side, bnf_id value)
{
    if (bnf_is_constant(&side->constants, value))
        return true;
    value = bnf_canon(side, value);
    if (!is_dequantized(side, value))
        return false;
    for (uint32_t slot = 0; slot < 3; slot++) {
        bnf_id input = bnf_node_input(&side->graph, side->graph.values[value].producer, slot);
        if (input == BNF_NONE ? slot < 2 : !bnf_is_constant(&side->constants, input))
            return false;
    }
    return true;
}

const struct bnf_tensor *bnf_weights_of(
    struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_quant *quant, int *dtype)
{
    *quant = (struct bnf_quant){.scale = NULL};
    if (value == BNF_NONE)
        return NULL;
    bnf_id canon = bnf_canon(side, value);
    if (is_dequantized(side, canon))
        return bnf_are_weights(side, canon)
                   ? read_node(p, side, side->graph.values[canon].producer, quant, dtype)
                   : NULL;
    const struct bnf_tensor *t = bnf_side_constant(p, side, value);
    if (!t || !bnf_dtype_is_float(t->dtype) || t->count == 0)
        return NULL;
    *dtype = t->dtype;
    return t;
}

/* ---- what the integers stand for ---- */

/* The number of the scale that belongs to an element. */
static size_t parameter_of(const struct bnf_quant *quant, size_t index)
{
    size_t along = index / quant->run % quant->extent;
    if (!quant->block)
        return quant->scale->count == 1 ? 0 : along;
    size_t blocks = (quant->extent - 1) / quant->block + 1, outer = index / (quant->run * quant->extent);
    return (outer * blocks + along / quant->block) * quant->run + index % quant->run;
}

/* How many elements from this one on have the same scale. */
static size_t elements_alike(const struct bnf_quant *quant, size_t index, size_t most)
{
    size_t alike = quant->block ? 1 : quant->scale->count == 1 ? most : quant->run - index % quant->run;
    return alike < most ? alike : most;
}

void bnf_weights_read(const struct bnf_tensor *t, const struct bnf_quant *quant, size_t first, size_t count,
    double *restrict out)
{
    if (!quant || !quant->scale) {
        bnf_to_double(t->dtype, t->data, first, count, out);
        return;
    }
    bnf_to_double(t->dtype, t->data, first, count, out);
    for (size_t done = 0; done < count;) {
        size_t end = done + elements_alike(quant, first + done, count - done);
        size_t at = quant->broken ? 0 : parameter_of(quant, first + done);
        double scale = quant->broken ? (double)NAN : bnf_tensor_at(quant->scale, at);
        double zero = quant->broken || !quant->zero ? 0 : bnf_tensor_at(quant->zero, at);
        for (; done < end; done++)
            out[done] = scale * (out[done] - zero);
    }
}

bool bnf_quant_same(const struct bnf_quant *a, const struct bnf_quant *b)
{
    bool left = a && a->scale, right = b && b->scale;
    if (!left || !right)
        return left == right;
    return !a->broken && !b->broken && a->extent == b->extent && a->run == b->run && a->block == b->block &&
           bnf_tensor_same(a->scale, b->scale) && !a->zero == !b->zero &&
           (!a->zero || bnf_tensor_same(a->zero, b->zero));
}
