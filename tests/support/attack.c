#include "support/attack.h"

#include "check/proof.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

/* The verdict, and what is said about it. */
static int verdict_of(const struct attack *a, const char *text, char *said, size_t room)
{
    struct bnf_model model[2];
    struct bnf_proof proof;
    struct bnf_err err = {0};
    notation_read(&model[0], a->ref);
    notation_read(&model[1], text);
    if (bnf_prove(&model[0], &model[1], &(struct bnf_proof_options){.threads = 1}, &proof, &err))
        fail_msg("%s: %s", a->name, err.text);
    int verdict = (int)proof.verdict;
    snprintf(said, room, "%s%s%s", proof.finding_count ? proof.findings[0].detail : "",
        proof.shapes ? " for " : "", proof.shapes ? proof.shapes : "");
    bnf_proof_free(&proof);
    bnf_model_close(&model[0]);
    bnf_model_close(&model[1]);
    return verdict;
}

void attack_run(const struct attack *cases, size_t count)
{
    char said[800];
    for (size_t i = 0; i < count; i++) {
        if (cases[i].right && verdict_of(&cases[i], cases[i].right, said, sizeof said) != BNF_PROOF_PROVED)
            fail_msg("%s: the right one is not proved: %s", cases[i].name, said);
        int verdict = verdict_of(&cases[i], cases[i].wrong, said, sizeof said);
        if (verdict != BNF_PROOF_REFUTED && verdict != BNF_PROOF_UNPROVED)
            fail_msg("%s: the wrong one is proved %s", cases[i].name, said);
    }
}
