/* Proof by probing: what two cones of linear operators compute is compared coefficient by coefficient. */
#ifndef BNF_CHECK_PROBE_H
#define BNF_CHECK_PROBE_H

#include "check/prover.h"

/* Settles a pair that the comparison of structures left open, or that differs only because an inner value
 * without a counterpart does. Both cones are followed back to values that are equal; when all operators
 * between are affine in these, the two maps are equal if what they add and every single coefficient are. The
 * pair becomes equal, gets a note that says what was seen, or stays as it is. At most once per pair. */
void bnf_probe_pair(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* The same for outputs, which are different where an inner value would only be no cut point: when all extents
 * are known and both are affine in the inputs, and some coefficient is not the same. */
void bnf_probe_outputs(struct bnf_prover *p, bnf_id ref, bnf_id new);

#endif
