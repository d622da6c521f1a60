#include "support/proofcase.h"

#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void run(const struct proofcase *c, bool open)
{
    struct bnf_model model[2] = {0};
    struct bnf_proof proof;
    struct bnf_err err = {0};
    const struct bnf_proof_options options = {
        .match_by_position = c->by_position, .keep_overridable = c->keep_overridable, .foreign = c->foreign, .threads = 1};
    notation_read(&model[0], c->ref);
    notation_read(&model[1], c->new);
    if (bnf_prove(&model[0], &model[1], &options, &proof, &err))
        fail_msg("%s: %s", c->name, err.text);
    const char *detail = proof.finding_count ? proof.findings[0].detail : "";
    if ((int)proof.verdict != c->verdict || (c->says && !strstr(detail, c->says)))
        fail_msg("%s: verdict %d instead of %d: %s", c->name, (int)proof.verdict, c->verdict, detail);
    if ((proof.verdict == BNF_PROOF_PROVED) != (proof.finding_count == 0))
        fail_msg("%s: verdict and findings contradict each other", c->name);
    if (open && c->verdict == PROVED && proof.shapes)
        fail_msg("%s: proved for %s only", c->name, proof.shapes);
    bnf_proof_free(&proof);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
}

void proofcase_run(const struct proofcase *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run(&cases[i], false);
}

void proofcase_run_open(const struct proofcase *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run(&cases[i], true);
}
