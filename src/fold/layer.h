/* What the layers with weights (Conv, ConvTranspose, Gemm, MatMul) have in common when they absorb an affine. */
#ifndef BNF_FOLD_LAYER_H
#define BNF_FOLD_LAYER_H

#include "fold/state.h"

/* The constant in an input slot of a layer. YES; NO after refusing: dynamic (`dynamic` is the reason then), of no float
 * type, unreadable; negative: BNF_ENOMEM. */
int bnf_layer_constant(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    enum bnf_reason dynamic, struct bnf_tensor *out, struct bnf_err *err);

/* The pending weight of a layer's slot, in this block form; YES, a refusal, or BNF_ENOMEM. */
int bnf_layer_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot, struct bnf_block block,
    struct bnf_pending **out, struct bnf_err *err);

/* The affine with one value for each of `channels` channels of `axis`; refuses when it has others or lies elsewhere. */
int bnf_layer_expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine,
    int axis, size_t channels, struct bnf_affine *out);

/* Would the weight times these factors (of its outer or inner index), and `bias_count` bias values of a type, survive
 * rounding? YES or a refusal. `channels_outer`: the output channels are the weight's outer index. The bias may be
 * NULL; its values stand beside the channels' when there is one for each. */
struct bnf_layer_rounding {
    const struct bnf_pending *weight;
    const double *factors;
    bool on_outer, channels_outer;
    const double *bias;
    size_t bias_count;
    int bias_dtype;
};
int bnf_layer_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer_rounding *r);

/* What applying needs beyond the move. */
struct bnf_layer_edit {
    struct bnf_pending *weight;
    const double *factors;
    bool on_outer;
};

/* Scales the weight in slot `slot` and makes the node read it. */
int bnf_layer_scale(struct bnf_fold *fold, bnf_id node, uint32_t slot, const struct bnf_layer_edit *edit,
    struct bnf_err *err);

/* Makes the node read the new bias in slot 2; NULL: leaves the slot alone. */
int bnf_layer_attach_bias(struct bnf_fold *fold, bnf_id node, struct bnf_pending *bias, struct bnf_err *err);

/* Moves the layer to the place of the affine: its result, backward, or its input in `slot`, forward. */
void bnf_layer_rewire(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot);

#endif
