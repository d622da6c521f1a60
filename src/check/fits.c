/* Do an operator's weights fit together, and fit its input? An operator that no implementation would run
 * computes nothing, and so equals nothing. */
#include "check/prover.h"

#include "graph/attr.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct fit {
    const struct bnf_graph *g;
    bnf_id node;
    const struct bnf_shape *x; /* of the data */
    const struct bnf_tensor *w, *b;
    char *text;
    size_t room;
};

static bool complain(const struct fit *f, const char *what, int64_t found, int64_t wanted)
{
    snprintf(f->text, f->room, "%s: %s is %" PRId64 ", but must be %" PRId64,
        f->g->nodes[f->node].proto->op_type, what, found, wanted);
    return true;
}

static bool differs(int64_t known, int64_t wanted)
{
    return known >= 0 && known != wanted;
}

static bool kernel_misfits(const struct fit *f)
{
    size_t count;
    const int64_t *kernel = bnf_attr_ints(f->g->nodes[f->node].proto, "kernel_shape", &count);
    if (kernel && count != f->w->rank - 2)
        return complain(f, "the number of extents in kernel_shape", (int64_t)count, (int64_t)f->w->rank - 2);
    for (size_t i = 0; i < count; i++)
        if (kernel[i] != f->w->dims[i + 2])
            return complain(f, "an extent in kernel_shape", kernel[i], f->w->dims[i + 2]);
    return false;
}

static bool conv_misfits(const struct fit *f, bool transposed)
{
    int64_t groups = bnf_attr_int(f->g->nodes[f->node].proto, "group", 1);
    if (f->w->rank < 3)
        return complain(f, "the rank of the weights", (int64_t)f->w->rank, f->x->rank > 2 ? f->x->rank : 3);
    if (f->x->rank >= 0 && f->x->rank != (int)f->w->rank)
        return complain(f, "the rank of the weights", (int64_t)f->w->rank, f->x->rank);
    if (groups < 1 || f->w->dims[0] % groups != 0)
        return complain(f, "the remainder of the weights' first extent by the number of groups",
            groups < 1 ? f->w->dims[0] : f->w->dims[0] % groups, 0);
    int64_t in, out;
    if (__builtin_mul_overflow(f->w->dims[1], groups, &in))
        return complain(f, "the number of groups", groups, 1);
    out = transposed ? in : f->w->dims[0];
    in = transposed ? f->w->dims[0] : in;
    if (f->x->rank > 1 && differs(f->x->dims[1], in))
        return complain(f, "the number of channels that the weights take", in, f->x->dims[1]);
    if (f->b && (f->b->rank != 1 || f->b->dims[0] != out))
        return complain(f, "the number of elements of the bias", (int64_t)f->b->count, out);
    return kernel_misfits(f);
}

static bool gemm_misfits(const struct fit *f)
{
    const Onnx__NodeProto *proto = f->g->nodes[f->node].proto;
    bool flipped = bnf_attr_int(proto, "transB", 0) != 0, turned = bnf_attr_int(proto, "transA", 0) != 0;
    if (f->w->rank != 2)
        return complain(f, "the rank of B", (int64_t)f->w->rank, 2);
    int64_t inner = f->w->dims[flipped ? 1 : 0], columns = f->w->dims[flipped ? 0 : 1];
    if (f->x->rank >= 0 && f->x->rank != 2)
        return complain(f, "the rank of A", f->x->rank, 2);
    if (f->x->rank == 2 && differs(f->x->dims[turned ? 0 : 1], inner))
        return complain(f, "the inner extent of B", inner, f->x->dims[turned ? 0 : 1]);
    if (!f->b)
        return false;
    if (f->b->rank > 2)
        return complain(f, "the rank of C", (int64_t)f->b->rank, 2);
    if (f->b->rank && f->b->dims[f->b->rank - 1] != 1 && f->b->dims[f->b->rank - 1] != columns)
        return complain(f, "the number of columns of C", f->b->dims[f->b->rank - 1], columns);
    int64_t rows = f->b->rank == 2 ? f->b->dims[0] : 1;
    if (rows != 1 && f->x->rank == 2 && differs(f->x->dims[turned ? 1 : 0], rows))
        return complain(f, "the number of rows of C", rows, f->x->dims[turned ? 1 : 0]);
    return false;
}

static bool matmul_misfits(const struct fit *f, bool left)
{
    if (f->w->rank == 0)
        return complain(f, "the rank of the weights", 0, 2);
    int64_t inner = left || f->w->rank == 1 ? f->w->dims[f->w->rank - 1] : f->w->dims[f->w->rank - 2];
    if (f->x->rank < 1)
        return false;
    int64_t own = f->x->dims[left && f->x->rank > 1 ? f->x->rank - 2 : f->x->rank - 1];
    return differs(own, inner) && complain(f, "the inner extent of the weights", inner, own);
}

bool bnf_misfits(struct bnf_prover *p, struct bnf_side *side, bnf_id node, char *text, size_t room)
{
    const struct bnf_graph *g = &side->graph;
    if (node == BNF_NONE)
        return false;
    bool conv = bnf_node_is(g, node, "Conv"), transposed = bnf_node_is(g, node, "ConvTranspose");
    bool gemm = bnf_node_is(g, node, "Gemm"), matmul = bnf_node_is(g, node, "MatMul");
    if (!conv && !transposed && !gemm && !matmul)
        return false;
    bnf_id first = bnf_node_input(g, node, 0), second = bnf_node_input(g, node, 1);
    if (first == BNF_NONE || second == BNF_NONE)
        return false;
    bool left = matmul && bnf_is_constant(&side->constants, first);
    struct fit f = {.g = g, .node = node, .text = text, .room = room};
    f.x = &g->values[left ? second : first].shape;
    f.w = bnf_side_constant(p, side, left ? first : second);
    f.b = matmul ? NULL : bnf_side_constant(p, side, bnf_node_input(g, node, 2));
    if (!f.w)
        return false;
    return matmul ? matmul_misfits(&f, left) : gemm ? gemm_misfits(&f) : conv_misfits(&f, transposed);
}

bool bnf_is_malformed(struct bnf_prover *p, bnf_id value, char *text, size_t room)
{
    char other[200];
    bool malformed = bnf_misfits(p, &p->side[BNF_NEW], p->side[BNF_NEW].graph.values[value].producer, text, room);
    for (bnf_id node = 0; malformed && node < p->side[BNF_REF].graph.node_count; node++)
        malformed = !bnf_misfits(p, &p->side[BNF_REF], node, other, sizeof other);
    return malformed;
}
