/* Partial transport: what closes nowhere as a whole may still move in part. A branch of a Concat that refuses keeps a
 * lowered affine of its own; a scale may go where a shift may not, and leaves an Add. Whatever leaves least, by bytes
 * and operations, is done, if it leaves clearly less than lowering the whole where it stands: in ONNX Runtime one Add
 * in place of a depthwise convolution makes no measurable difference, and every number moved is rounded. */
#include "fold/state.h"

#include <math.h>
#include <string.h>

/* What may stay, of the cost of the whole. */
#define WORTHWHILE 0.75

static const struct bnf_route choices[] = {{.walk = BNF_WALK_BACK, .extent = BNF_EXTENT_PARTS},
    {.walk = BNF_WALK_BACK, .extent = BNF_EXTENT_SCALE}, {.walk = BNF_WALK_FORWARD, .extent = BNF_EXTENT_SCALE}};

/* What a closed plan leaves behind. */
static double cost_of(const struct bnf_fold *fold, const struct bnf_plan *plan, const struct bnf_affine *affine)
{
    double cost = 0;
    if (plan->extent == BNF_EXTENT_SCALE) {
        struct bnf_affine add = *affine;
        double one = 1;
        add.axis = BNF_AXIS_ANY; /* any Add costs the same */
        add.channels = 1;
        add.scale = add.shift = &one;
        cost += bnf_lower_cost(fold, bnf_site_input(fold, plan->site), &add);
    }
    for (size_t i = 0; i < plan->left_count; i++)
        cost += bnf_lower_cost(fold, plan->left[i].value, &plan->left[i].affine);
    return cost;
}

static bool left_fits(const struct bnf_fold *fold, const struct bnf_plan *plan)
{
    for (size_t i = 0; i < plan->left_count; i++) {
        const struct bnf_affine *a = &plan->left[i].affine;
        const struct bnf_shape *shape = &fold->graph->values[plan->left[i].value].shape;
        if (!bnf_dtype_is_float(shape->dtype) || shape->rank > BNF_LOWER_RANK ||
            (a->axis != BNF_AXIS_ANY && shape->rank <= a->axis) || /* shapes that the file states may disagree */
            !bnf_values_fit(shape->dtype, a->scale, a->channels) || !bnf_values_fit(shape->dtype, a->shift, a->channels))
            return false;
    }
    return true;
}

/* Applies a plan that leaves something, and says so: the BatchNormalization is gone, but not all of its work. */
static int apply(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, double share,
    struct bnf_err *err)
{
    enum bnf_reason reason = site->reason;
    const char *detail = site->detail;
    int status = bnf_plan_apply(fold, plan, site, err);
    if (status)
        return status;
    site->verdict = BNF_SITE_LOWERED;
    site->reason = reason;
    const char *rest = plan->extent == BNF_EXTENT_SCALE
                           ? "an Add stays for the shift"
                           : bnf_arena_format(fold->arena, "%zu branch%s a lowered affine", plan->left_count,
                                 plan->left_count == 1 ? " keeps" : "es keep");
    site->detail = bnf_arena_format(fold->arena, "%s; %s, %.0f %% of the cost of lowering all of it", detail ? detail : "",
        rest ? rest : "", 100 * share);
    return site->detail ? BNF_OK : bnf_fail_memory(err);
}

int bnf_partial(struct bnf_fold *fold, size_t index, struct bnf_err *err)
{
    struct bnf_site *site = &fold->sites[index];
    const struct bnf_affine *affine = &fold->affines[index];
    double whole = bnf_lower_cost(fold, bnf_node_input(fold->graph, site->node, 0), affine), least = WORTHWHILE * whole;
    size_t best = sizeof choices / sizeof *choices;
    if (fold->options->leftover == BNF_LEFTOVER_KEEP || !(whole > 0))
        return BNF_ANSWER_NO;
    struct bnf_plan plan;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        int answer = bnf_plan_walk(fold, &plan, site, affine, &choices[i], err);
        if (answer == BNF_ANSWER_YES && left_fits(fold, &plan)) {
            double cost = cost_of(fold, &plan, affine) + plan.affines_added * whole / 2;
            answer = isinf(whole)
                         ? bnf_plan_note(fold, &plan, err, "what it would leave costs is not known: too little is known of shapes")
                         : bnf_plan_note(fold, &plan, err, "it would leave %.3g %% of the cost of lowering all of it here%s",
                               100 * cost / whole, cost > WORTHWHILE * whole ? ": too much to be worth it" : "");
            if (cost <= least) {
                least = cost;
                best = i;
            }
        }
        if (answer >= 0 && bnf_site_trace(fold, site, &plan, err))
            answer = BNF_ENOMEM;
        bnf_plan_free(&plan);
        if (answer < 0)
            return answer;
    }
    if (best == sizeof choices / sizeof *choices)
        return BNF_ANSWER_NO;
    int answer = bnf_plan_walk(fold, &plan, site, affine, &choices[best], err);
    if (answer == BNF_ANSWER_YES)
        answer = apply(fold, &plan, site, least / whole, err);
    bnf_plan_free(&plan);
    return answer;
}
