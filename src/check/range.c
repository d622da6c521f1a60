#include "check/runner.h"

#include <math.h>
#include <stdio.h>

/* A value that is beyond this share of the largest number of its type may overflow or not, by the order in
 * which its terms are added. */
#define CLOSE 0.5

/* What a run in double is watched for. */
struct watch {
    const struct bnf_graph *graph;
    bool found;
    const char *name;
    int dtype;
    double most;
};

/* Looks at what a node computed, and lets it go on as it is. */
static struct bnf_array *look(void *context, struct bnf_budget *budget, struct bnf_array *array, bnf_id value)
{
    struct watch *watch = context;
    (void)budget;
    double most = watch->found ? 0 : bnf_metrics_scale(array);
    if (most > CLOSE * bnf_dtype_max(array->dtype)) {
        watch->found = true;
        watch->name = watch->graph->values[value].name;
        watch->dtype = array->dtype;
        watch->most = most;
    }
    return array;
}

/* Sets *found when some value of either model is about to leave the range of its type in a sample. */
static int find_overflow(struct bnf_runner *r, size_t sample, struct watch *found, struct bnf_err *err)
{
    int status = BNF_OK;
    *found = (struct watch){.found = false};
    r->all += 2;
    for (int side = 0; side < 2 && !status && !found->found; side++) {
        struct bnf_eval eval = {0};
        found->graph = &r->graph[side];
        status = bnf_runner_open(r, side, BNF_PRECISION_DOUBLE, NULL, 0, &eval, err);
        eval.alter = look;
        eval.alter_context = found;
        if (!status)
            status = bnf_runner_run(r, side, &eval, sample, err);
        bnf_eval_free(&eval);
    }
    return status;
}

int bnf_runner_excuse_overflow(struct bnf_runner *r, struct bnf_err *err)
{
    int status = BNF_OK;
    for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
        size_t *sided = r->one_sided + bnf_runner_place(r, sample, 0), all = 0;
        for (size_t i = 0; i < r->outputs; i++)
            all += sided[i];
        struct watch watch = {.found = false};
        if (all)
            status = find_overflow(r, sample, &watch, err);
        for (size_t i = 0; i < r->outputs && !status; i++) {
            struct bnf_metrics *m = &r->metrics[i];
            m->one_sided -= watch.found ? sided[i] : 0;
            m->overflowed += watch.found ? sided[i] : 0;
            if (watch.found && m->one_sided_in == sample + 1)
                m->one_sided_in = 0;
            if (!watch.found && sided[i] && !m->one_sided_in)
                m->one_sided_in = sample + 1;
        }
        if (status || !watch.found)
            continue;
        if (r->overflow)
            continue;
        r->overflow = bnf_arena_format(&r->run->arena,
            "'%s' reaches %.4g on input %zu, and %s holds %.6g at most: %zu element%s of the outputs "
            "overflow%s in one model only",
            watch.name, watch.most, sample, bnf_dtype_name(watch.dtype), bnf_dtype_max(watch.dtype), all,
            all == 1 ? "" : "s", all == 1 ? "s" : "");
        if (!r->overflow)
            status = bnf_fail_memory(err);
    }
    return status;
}
