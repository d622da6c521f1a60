#include "support/folding.h"

#include "graph/shapes.h"

#include <stdio.h>

int open_packed(struct opened *o, const struct packed *packed, struct bnf_err *err)
{
    *o = (struct opened){0};
    int status = load_packed(&o->model, packed, err);
    if (!status)
        status = bnf_graph_build(&o->graph, &o->model, err);
    if (!status)
        status = bnf_shapes_infer(&o->graph, err);
    return status;
}

void close_opened(struct opened *o)
{
    bnf_graph_free(&o->graph);
    bnf_model_close(&o->model);
}

int fold_packed(const struct packed *source, struct opened *o, struct bnf_fold_result *result,
    struct packed *folded, struct bnf_err *err)
{
    const struct bnf_fold_options options = {.version = "0"};
    *folded = (struct packed){0};
    int status = open_packed(o, source, err);
    if (!status)
        status = bnf_fold_model(&o->graph, &options, result, err);
    if (!status)
        status = pack_model(&o->model, folded, err);
    return status;
}

int prove_packed(const struct packed *reference, const struct packed *candidate, char *text, size_t room)
{
    struct bnf_model a = {0}, b = {0};
    struct bnf_err err = {0};
    struct bnf_proof proof = {0};
    const struct bnf_proof_options options = {.threads = 1};
    int status = load_packed(&a, reference, &err);
    if (!status)
        status = load_packed(&b, candidate, &err);
    if (!status)
        status = bnf_prove(&a, &b, &options, &proof, &err);
    int verdict = (int)proof.verdict;
    snprintf(text, room, "%s", status ? err.text : proof.finding_count ? proof.findings[0].detail : "");
    if (!status)
        bnf_proof_free(&proof);
    bnf_model_close(&a);
    bnf_model_close(&b);
    return status ? status : verdict;
}

int run_packed(const struct packed *reference, const struct packed *candidate, char *text, size_t room)
{
    struct bnf_model a = {0}, b = {0};
    struct bnf_err err = {0};
    struct bnf_run run = {0};
    const struct bnf_run_options options = {.threads = 1};
    int status = load_packed(&a, reference, &err);
    if (!status)
        status = load_packed(&b, candidate, &err);
    if (!status)
        status = bnf_run_compare(&a, &b, &options, &run, &err);
    int verdict = (int)run.verdict;
    snprintf(text, room, "%s", status ? err.text : "");
    for (size_t i = 0; !status && i < run.output_count; i++)
        if (run.outputs[i].fails)
            snprintf(text, room, "%s", run.outputs[i].why);
    if (!status)
        bnf_run_free(&run);
    bnf_model_close(&a);
    bnf_model_close(&b);
    return status ? status : verdict;
}
