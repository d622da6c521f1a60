#include "check/runner.h"

#include <string.h>

enum { DRAWS = 16 };

/* The evaluator's stored numbers as they are; NULL where there are none of a float type. */
static void keep_stored(const struct bnf_eval *eval, struct bnf_array **stored)
{
    for (size_t value = 0; value < eval->graph->value_count; value++) {
        struct bnf_array *array = eval->fixed[value];
        if (array && array->kind == BNF_KIND_REAL)
            stored[value] = bnf_array_hold(array);
    }
}

/* Replaces them by shaken ones. */
static bool shake_stored(struct bnf_eval *eval, struct bnf_array *const *stored, uint64_t draw)
{
    for (size_t value = 0; value < eval->graph->value_count; value++) {
        if (!stored[value])
            continue;
        struct bnf_array *shaken =
            bnf_feeds_shake(&eval->budget, bnf_array_hold(stored[value]), draw << 40 ^ (uint64_t)value);
        if (!shaken)
            return false;
        bnf_array_drop(&eval->budget, eval->fixed[value]);
        eval->fixed[value] = shaken;
    }
    return true;
}

/* Draws for one output until it is explained, or for good. */
static int draw_for(struct bnf_runner *r, struct bnf_eval *eval, struct bnf_array *const *stored,
    size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t sample = m->failed_sample;
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int status = BNF_OK;
    for (uint64_t draw = 1; draw <= DRAWS && !status && bnf_metrics_strays(m); draw++) {
        r->shake = draw;
        status = shake_stored(eval, stored, draw) ? bnf_runner_run(r, BNF_RUN_REF, eval, sample, err)
                                                  : bnf_fail_memory(err);
        const struct bnf_array *ref = status ? NULL : bnf_eval_value(eval, value);
        if (ref)
            bnf_metrics_noise(m, r->oracle[bnf_runner_place(r, sample, output)], ref);
    }
    r->shake = 0;
    return status;
}

int bnf_runner_draw_again(struct bnf_runner *r, struct bnf_err *err)
{
    struct bnf_eval eval = {0};
    size_t values = r->graph[BNF_RUN_REF].value_count;
    struct bnf_array **stored = NULL;
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t sample = r->metrics[i].failed_sample;
        if (!bnf_metrics_strays(&r->metrics[i]) || sample < r->first || sample >= r->first + r->chunk)
            continue;
        if (!stored) { /* the first run, not shaken, converts the stored numbers */
            stored = bnf_alloc(values, sizeof(struct bnf_array *));
            status = stored ? bnf_runner_open(r, BNF_RUN_REF, BNF_PRECISION_FLOAT, NULL, 0, &eval, err)
                            : bnf_fail_memory(err);
            if (!status)
                status = bnf_runner_run(r, BNF_RUN_REF, &eval, sample, err);
            if (!status)
                keep_stored(&eval, stored);
        }
        if (!status)
            status = draw_for(r, &eval, stored, i, err);
    }
    for (size_t value = 0; stored && value < values; value++)
        bnf_array_drop(&eval.budget, stored[value]);
    bnf_free(stored);
    bnf_eval_free(&eval);
    return status;
}
