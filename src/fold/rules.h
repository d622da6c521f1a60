/* The rules that rules.def lists, one file per operator family. Each answers YES, NO after bnf_refuse, or negative. */
#ifndef BNF_FOLD_RULES_H
#define BNF_FOLD_RULES_H

#include "fold/plan.h"

#define BNF_NO_RULE NULL
#define BNF_DECLARE_RULE(name) int name(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)

/* batchnorm.c: merging with another BatchNormalization */
BNF_DECLARE_RULE(bnf_batchnorm_back);
BNF_DECLARE_RULE(bnf_batchnorm_forward);

/* conv.c */
BNF_DECLARE_RULE(bnf_conv_back);
BNF_DECLARE_RULE(bnf_conv_forward);
BNF_DECLARE_RULE(bnf_convtranspose_back);
BNF_DECLARE_RULE(bnf_convtranspose_forward);

/* elementwise.c: Mul, Add, Sub, Div with a constant */
BNF_DECLARE_RULE(bnf_elementwise_back);
BNF_DECLARE_RULE(bnf_elementwise_forward);

/* gemm.c, matmul.c */
BNF_DECLARE_RULE(bnf_gemm_back);
BNF_DECLARE_RULE(bnf_gemm_forward);
BNF_DECLARE_RULE(bnf_matmul_back);
BNF_DECLARE_RULE(bnf_matmul_forward);

/* passing.c: Identity, Dropout, Cast to the same type; and constants, which take any affine */
BNF_DECLARE_RULE(bnf_identity_back);
BNF_DECLARE_RULE(bnf_identity_forward);
int bnf_constant_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, struct bnf_err *err);

#endif
