/* Exact arithmetic has no largest number: x·s + t is (x + t/s)·s, and with s = 1e-39 the sum in between leaves no room
 * for any x. So the candidate's sums are looked at by themselves. */
#include "check/interface.h"
#include "check/prover.h"

#include <math.h>

/* The largest of the numbers that a node adds, and of those that it multiplies with; 0 where it does not. */
static double most_added(const struct bnf_normal *map)
{
    double most = 0;
    for (size_t i = 0; i < map->count; i++)
        most = fmax(most, fabs(map->shift[i]));
    return most;
}

static double most_multiplied(const struct bnf_normal *map)
{
    double most = 0;
    for (size_t i = 0; i < map->count; i++)
        most = fmax(most, fabs(map->scale[i]));
    return most;
}

static const struct bnf_step *step_at(struct bnf_prover *p, struct bnf_side *side, bnf_id node)
{
    bnf_id out = side->graph.nodes[node].output_count ? bnf_node_output(&side->graph, node, 0) : BNF_NONE;
    return out == BNF_NONE || bnf_is_constant(&side->constants, out) ? NULL : bnf_step_of(p, side, out);
}

/* What the reference's own numbers reach, 1 at least. */
static double reference_reach(struct bnf_prover *p)
{
    struct bnf_side *side = &p->side[BNF_REF];
    double most = 1;
    for (bnf_id node = 0; node < side->graph.node_count && !p->status; node++) {
        const struct bnf_step *step = step_at(p, side, node);
        if (step)
            most = fmax(most, fmax(most_added(&step->map), most_multiplied(&step->map)));
    }
    return most;
}

void bnf_look_for_room(struct bnf_prover *p)
{
    struct bnf_side *side = &p->side[BNF_NEW];
    const struct bnf_graph *g = &side->graph;
    double worst = 1, added = 0;
    bnf_id at = BNF_NONE;
    for (bnf_id node = 0; node < g->node_count && !p->status; node++) {
        const struct bnf_step *step = side->live[node] ? step_at(p, side, node) : NULL;
        int dtype = step ? g->values[bnf_node_output(g, node, 0)].shape.dtype : 0;
        if (!step || !step->map.shifts || !bnf_dtype_is_float(dtype))
            continue;
        double most = most_added(&step->map), share = most / bnf_dtype_roomy(dtype);
        if (share > worst) {
            worst = share;
            added = most;
            at = node;
        }
    }
    char text[512];
    if (at != BNF_NONE && !p->status && worst > reference_reach(p))
        bnf_find(p, BNF_PROOF_UNPROVED, g->values[bnf_node_output(g, at, 0)].name, bnf_node_text(g, at, text, sizeof text), 0,
            "it adds %.3g, near the end of its type's range, where the reference has no such number: what is computed "
            "with the sum may overflow", added);
}
