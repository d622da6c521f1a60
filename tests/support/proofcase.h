/* Pairs of models and what the proof is to say of them: the harness behind the tables of src/check's tests.
 */
#ifndef BNF_TESTS_PROOFCASE_H
#define BNF_TESTS_PROOFCASE_H

#include "check/proof.h"

struct proofcase {
    const char *name;
    const char *ref, *new; /* in notation.h's form */
    int verdict;           /* enum bnf_proof_verdict */
    const char *says;      /* part of the first finding; NULL: not looked at */
    bool by_position, keep_overridable, foreign;
};

enum { PROVED = BNF_PROOF_PROVED, REFUTED = BNF_PROOF_REFUTED, UNPROVED = BNF_PROOF_UNPROVED };

/* Fails the running cmocka test when a verdict is another one. */
void proofcase_run(const struct proofcase *cases, size_t count);

/* The same for cases with an open extent: what is proved has to hold for all extents, so that it cannot come from
 * probing, which would name those it tried. */
void proofcase_run_open(const struct proofcase *cases, size_t count);

#define RUN(cases) proofcase_run(cases, sizeof(cases) / sizeof *(cases))
#define RUN_OPEN(cases) proofcase_run_open(cases, sizeof(cases) / sizeof *(cases))

#endif
