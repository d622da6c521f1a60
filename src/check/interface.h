/* What two models show to the outside: inputs and outputs. */
#ifndef BNF_CHECK_INTERFACE_H
#define BNF_CHECK_INTERFACE_H

#include "check/prover.h"

/* Adds a finding to the proof; detail is a format. */
void bnf_find(struct bnf_prover *p, enum bnf_proof_verdict verdict, const char *value, const char *node,
    double u, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Pairs the inputs, and adds a finding for each that has no counterpart of its type. */
void bnf_match_inputs(struct bnf_prover *p);

/* Number, names and types of the outputs; a finding for each difference. True when they can be compared one
 * by one. */
bool bnf_match_outputs(struct bnf_prover *p);

#endif
