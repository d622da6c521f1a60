/* The rules that rules.def lists, one file per operator family. Each answers YES, NO after bnf_refuse, or negative. */
#ifndef BNF_FOLD_RULES_H
#define BNF_FOLD_RULES_H

#include "fold/plan.h"

#define BNF_NO_RULE NULL
#define BNF_DECLARE_RULE(name) int name(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)

/* batchnorm.c: merging with another BatchNormalization */
BNF_DECLARE_RULE(bnf_batchnorm_back);
BNF_DECLARE_RULE(bnf_batchnorm_forward);

/* branch.c: Add, Sub, Mul, Div of computed values (by way of elementwise.c), Sum and Mean */
BNF_DECLARE_RULE(bnf_branch_back);
BNF_DECLARE_RULE(bnf_branch_forward);

/* concat.c, split.c */
BNF_DECLARE_RULE(bnf_concat_back);
BNF_DECLARE_RULE(bnf_concat_forward);
BNF_DECLARE_RULE(bnf_split_back);
BNF_DECLARE_RULE(bnf_split_forward);
BNF_DECLARE_RULE(bnf_slice_back);
BNF_DECLARE_RULE(bnf_slice_forward);

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

/* passing.c: Identity, Dropout; and constants, which take any affine */
BNF_DECLARE_RULE(bnf_identity_back);
BNF_DECLARE_RULE(bnf_identity_forward);
int bnf_constant_back(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, struct bnf_err *err);

/* activation.c: Relu, LeakyRelu, PRelu; and Neg */
BNF_DECLARE_RULE(bnf_activation);
BNF_DECLARE_RULE(bnf_neg);

/* pad.c, pool.c, reduce.c, resize.c: the same question backward and forward */
BNF_DECLARE_RULE(bnf_pad);
BNF_DECLARE_RULE(bnf_pool);
BNF_DECLARE_RULE(bnf_global_pool);
BNF_DECLARE_RULE(bnf_reduce);
BNF_DECLARE_RULE(bnf_resize);

/* reshape.c: Reshape, Flatten, Squeeze, Unsqueeze, channel shuffles; transpose.c: Transpose, and Expand and Tile;
 * depth.c: DepthToSpace, SpaceToDepth; cast.c: Cast to the same type. The same question backward and forward */
BNF_DECLARE_RULE(bnf_reshape);
BNF_DECLARE_RULE(bnf_transpose);
BNF_DECLARE_RULE(bnf_repeat);
BNF_DECLARE_RULE(bnf_depth);
BNF_DECLARE_RULE(bnf_cast);

/* einsum.c, gather.c, norm.c: what takes an affine behind it */
BNF_DECLARE_RULE(bnf_einsum_back);
BNF_DECLARE_RULE(bnf_gather_back);
BNF_DECLARE_RULE(bnf_channelnorm_back);
BNF_DECLARE_RULE(bnf_layernorm_back);

/* quantized.c: DequantizeLinear and QuantizeLinear of what is computed, which no affine passes */
BNF_DECLARE_RULE(bnf_dequantize_back);
BNF_DECLARE_RULE(bnf_quantize_forward);

/* recurrent.c: LSTM, GRU, RNN */
BNF_DECLARE_RULE(bnf_recurrent_forward);

#endif
