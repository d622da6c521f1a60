/* What rules for operators with several computed operands have in common. */
#ifndef BNF_FOLD_BRANCH_H
#define BNF_FOLD_BRANCH_H

#include "fold/state.h"

/* Are all operands and results of the node of one float type, as far as their types are known, and no operand
 * left out or a default that a caller may override? YES or a refusal. */
int bnf_branch_types(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node);

/* An affine that changes nothing at all, not even below rounding. */
bool bnf_affine_is_neutral(const struct bnf_affine *affine);

/* The same map: on the same axis with the same values, or the same everywhere on both. */
bool bnf_affine_is_same(const struct bnf_affine *a, const struct bnf_affine *b);

/* The reason for "cannot pass here" in the direction of the walk: producer-not-linear or consumer-not-linear.
 */
enum bnf_reason bnf_branch_not_linear(const struct bnf_plan *plan);

#endif
