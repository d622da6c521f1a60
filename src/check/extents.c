/* Do two values have the same extents, whatever their numbers? Shape and Size depend on nothing else, and folding
 * changes numbers only: the two sides are followed back to values that are equal, through operators whose extents
 * follow from the extents of what they read. */
#include "check/prover.h"

#include "base/mem.h"

#include <string.h>

/* Nesting, that of searches inside of searches included: it bounds the stack. */
enum { deepest = 1000 };

/* One question, and what was found on the way: where branches meet, what lies in front of them is looked at once. Nothing
 * is kept for the next question: by then more values may be equal, or a body bound to another. */
struct search {
    struct bnf_prover *p;
    struct bnf_table known; /* (ref value, new value) → 1: same extents, 0: not known to be */
};

static bool same_extents(struct search *s, bnf_id ref, bnf_id new);

/* Standard operators whose output's extents follow from attributes, from the extents of their floating-point inputs,
 * and from the values of all other inputs. `any`: stored numbers do not matter in any slot; otherwise only slot 0 is
 * looked at by its extents. */
static bool follows_extents(const struct bnf_graph *g, bnf_id node, bool *any)
{
    static const char *const all[] = {"Add", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "Div", "Einsum",
        "GRU", "Gather", "Gemm", "GroupNormalization", "InstanceNormalization", "LSTM", "LayerNormalization", "MatMul",
        "Max", "Mean", "Min", "Mul", "PRelu", "RNN", "Sub", "Sum"};
    static const char *const first[] = {"Abs", "AveragePool", "Cast", "Celu", "Clip", "DepthToSpace", "Dropout", "Elu",
        "Erf", "Exp", "Expand", "Flatten", "Gelu", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish",
        "Identity", "LRN", "LeakyRelu", "LogSoftmax", "LpNormalization", "MaxPool", "Mish", "Neg", "Pad", "ReduceMax",
        "ReduceMean", "ReduceMin", "ReduceSum", "Relu", "Reshape", "Selu", "Sigmoid", "Slice", "Softmax", "Softplus",
        "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Tanh", "Tile", "Transpose", "Unsqueeze"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (bnf_node_is(g, node, all[i]))
            return *any = true;
    *any = false;
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (bnf_node_is(g, node, first[i]))
            return true;
    return false;
}

/* All extents are numbers, and the same. */
static bool are_known(const struct bnf_shape *a, const struct bnf_shape *b)
{
    if (a->rank < 0 || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] < 0 || a->dims[i] != b->dims[i])
            return false;
    return true;
}

static bool same_slot(struct search *s, bnf_id ref, bnf_id new, bool by_extents)
{
    struct bnf_prover *p = s->p;
    if (ref == BNF_NONE || new == BNF_NONE)
        return ref == new;
    const struct bnf_shape *shape = &p->side[BNF_REF].graph.values[ref].shape;
    bool stored = bnf_is_constant(&p->side[BNF_REF].constants, ref);
    if (stored != bnf_is_constant(&p->side[BNF_NEW].constants, new))
        return false;
    if (!by_extents || !bnf_dtype_is_float(shape->dtype))
        return bnf_try(p, ref, new) == BNF_EQUAL;
    if (!stored)
        return same_extents(s, ref, new);
    const struct bnf_tensor *a = bnf_side_constant(p, &p->side[BNF_REF], ref);
    const struct bnf_tensor *b = bnf_side_constant(p, &p->side[BNF_NEW], new);
    return a && b && a->rank == b->rank && bnf_same_bytes(a->dims, b->dims, a->rank * sizeof *a->dims);
}

static bool same_producers(struct search *s, bnf_id ref, bnf_id new)
{
    struct bnf_prover *p = s->p;
    const struct bnf_graph *g[2] = {&p->side[BNF_REF].graph, &p->side[BNF_NEW].graph};
    const struct bnf_value *v[2] = {&g[0]->values[ref], &g[1]->values[new]};
    bnf_id node[2] = {v[0]->producer, v[1]->producer};
    bool any, other;
    if (node[0] == BNF_NONE || node[1] == BNF_NONE || v[0]->output != v[1]->output ||
        !follows_extents(g[0], node[0], &any) || !follows_extents(g[1], node[1], &other) ||
        bnf_operator_compare(p, node[0], node[1]) != BNF_EQUAL)
        return false;
    uint32_t count = g[0]->nodes[node[0]].input_count, more = g[1]->nodes[node[1]].input_count;
    /* A bias may have come with the fold; it has no say in the extents. */
    bool layer = bnf_node_is(g[0], node[0], "Conv") || bnf_node_is(g[0], node[0], "ConvTranspose");
    count = layer ? 2 : count > more ? count : more;
    for (uint32_t slot = 0; slot < count; slot++)
        if (!same_slot(s, bnf_node_input(g[0], node[0], slot), bnf_node_input(g[1], node[1], slot), any || slot == 0))
            return false;
    return true;
}

/* Affine maps keep extents: what the last of them reads. */
static bnf_id behind_maps(struct bnf_prover *p, int side, bnf_id value)
{
    const struct bnf_step *step;
    while (!bnf_is_constant(&p->side[side].constants, value) && (step = bnf_step_of(p, &p->side[side], value)))
        value = bnf_canon(&p->side[side], step->input);
    return value;
}

static bool look(struct search *s, bnf_id ref, bnf_id new)
{
    struct bnf_prover *p = s->p;
    const struct bnf_shape *a = &p->side[BNF_REF].graph.values[ref].shape;
    const struct bnf_shape *b = &p->side[BNF_NEW].graph.values[new].shape;
    if (are_known(a, b))
        return true;
    bnf_id end[2] = {behind_maps(p, BNF_REF, ref), behind_maps(p, BNF_NEW, new)};
    if (end[0] != ref || end[1] != new)
        return same_extents(s, end[0], end[1]);
    return same_producers(s, ref, new);
}

static bool same_extents(struct search *s, bnf_id ref, bnf_id new)
{
    struct bnf_prover *p = s->p;
    ref = bnf_canon(&p->side[BNF_REF], ref);
    new = bnf_canon(&p->side[BNF_NEW], new);
    const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
    if (pair && pair->outcome == BNF_EQUAL)
        return bnf_equal(p, ref, new) == BNF_EQUAL;
    const uint64_t key = (uint64_t)ref << 32 | new;
    bnf_id known = bnf_table_get(&s->known, key);
    if (known != BNF_NONE || p->status || p->extents_depth >= deepest)
        return known == 1;
    p->extents_depth++;
    bool same = look(s, ref, new);
    p->extents_depth--;
    if (!bnf_table_put(&s->known, key, same))
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return same;
}

bool bnf_same_extents(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    struct search s = {.p = p};
    bool same = same_extents(&s, ref, new);
    bnf_table_free(&s.known);
    return same;
}
