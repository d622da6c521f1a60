/* Two constants, and two that affines were worked into. */
#include "check/prover.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { most_steps = 8 };

static enum bnf_outcome compare_constants(
    struct bnf_prover *p, const struct bnf_tensor *ref, const struct bnf_tensor *new)
{
    if (bnf_tensor_same(ref, new))
        return BNF_EQUAL;
    char left[128], right[128];
    if (ref->dtype != new->dtype || ref->rank != new->rank || ref->bytes != new->bytes ||
        !bnf_same_bytes(ref->dims, new->dims, ref->rank * sizeof *ref->dims)) {
        bnf_say(p, "a constant is %s of %s instead of %s of %s", bnf_dtype_name(new->dtype),
            bnf_dims_text(new->dims, new->rank, left, sizeof left), bnf_dtype_name(ref->dtype),
            bnf_dims_text(ref->dims, ref->rank, right, sizeof right));
        return BNF_DIFFERENT;
    }
    size_t byte = 0;
    while (ref->data[byte] == new->data[byte])
        byte++;
    size_t width = ref->count ? ref->bytes / ref->count : 0;
    bnf_say(p, "constants of %s differ, first at element %zu", bnf_dtype_name(ref->dtype),
        width ? byte / width : byte);
    return BNF_DIFFERENT;
}

/* Stored tensors that a constant is computed from, each of which is off by a rounding; *steps bounds the search. */
static unsigned count_stored(const struct bnf_graph *g, bnf_id value, unsigned *steps)
{
    bnf_id node = g->values[value].producer;
    unsigned count = 0;
    for (uint32_t slot = 0; node != BNF_NONE && *steps && slot < g->nodes[node].input_count; slot++) {
        bnf_id input = bnf_node_input(g, node, slot);
        if (input == BNF_NONE || !bnf_dtype_is_float(g->values[input].shape.dtype))
            continue;
        --*steps;
        count += count_stored(g, input, steps);
    }
    return count ? count : 1;
}

/* A constant that an affine was worked into. */
enum bnf_outcome bnf_mapped_constants_compare(struct bnf_prover *p, bnf_id new, const struct bnf_tensor *const t[2],
    const struct bnf_normal *const map[2], struct bnf_tally *tally)
{
    if (!map[0] && !map[1])
        return compare_constants(p, t[0], t[1]);
    if (t[0]->dtype != t[1]->dtype || !bnf_dtype_is_float(t[0]->dtype) || t[0]->rank != t[1]->rank ||
        !bnf_same_bytes(t[0]->dims, t[1]->dims, t[0]->rank * sizeof *t[0]->dims)) {
        bnf_say(p, "a constant differs in type or shape");
        return BNF_DIFFERENT;
    }
    if (!bnf_normal_fits(map[0], t[0]) || !bnf_normal_fits(map[1], t[1]))
        return BNF_UNKNOWN;
    unsigned steps = most_steps;
    unsigned tensors = count_stored(&p->side[BNF_NEW].graph, new, &steps) +
                       (map[1] ? map[1]->scale_tensors + map[1]->shift_tensors : 0);
    struct bnf_twin walk;
    bnf_twin_start(&walk, t[0]->rank > BNF_MAP_RANK ? 0 : (int)t[0]->rank, t[0]->dims, map[0], map[1]);
    for (size_t i = 0; i < t[0]->count; i++, bnf_twin_next(&walk)) {
        double value[2], size = 0;
        for (int side = 1; side >= 0; side--) {
            size_t c = walk.at[side];
            double product = bnf_tensor_at(t[side], i) * bnf_scale_at(map[side], c);
            value[side] = product + bnf_shift_at(map[side], c);
            size = fabs(product) + bnf_size_at(map[side], c);
        }
        double k = bnf_error_in_u(t[0]->dtype, value[0], value[1], size, 1);
        if (!bnf_accept(p, t[0]->dtype, tensors, k, tally)) {
            p->said_u = k;
            bnf_say(p, "element %zu of a constant is %.9g instead of %.9g: %.3g u off, allowed are %.4g", i,
                value[1], value[0], k, bnf_limit(p, t[0]->dtype, tensors));
            return BNF_DIFFERENT;
        }
    }
    tally->changed = true;
    return BNF_EQUAL;
}
