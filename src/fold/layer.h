/* What the operators with constants (Conv, ConvTranspose, Gemm, MatMul, Einsum, Gather, the normalizations and the
 * recurrent layers) have in common when they absorb an affine. */
#ifndef BNF_FOLD_LAYER_H
#define BNF_FOLD_LAYER_H

#include "fold/state.h"

/* The constant in an input slot of a layer. YES; NO after refusing: dynamic (`dynamic` is the reason then), of no float
 * type, unreadable; negative: BNF_ENOMEM. */
int bnf_layer_constant(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    enum bnf_reason dynamic, struct bnf_tensor *out, struct bnf_err *err);

/* Type and extents of a layer's weight, which may be stored quantized: then without data. The same answers. */
int bnf_layer_weight_tensor(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_tensor *out, struct bnf_err *err);

/* True when a value can be a layer's weight: a constant, quantized or not. */
bool bnf_layer_is_weight(const struct bnf_fold *fold, bnf_id value);

/* The pending weight of a layer's slot, in this block form; YES, a refusal, or BNF_ENOMEM. */
int bnf_layer_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot, struct bnf_block block,
    struct bnf_pending **out, struct bnf_err *err);

/* The affine with one value for each of `channels` channels of `axis`; refuses when it has others or lies elsewhere. */
int bnf_layer_expand(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_affine *affine,
    int axis, size_t channels, struct bnf_affine *out);

/* Would the weight times these factors (of its outer or inner index; plus `shift`, one value for each inner index,
 * which may be NULL), and `bias_count` bias values of a type, survive rounding? YES, a refusal, or BNF_ENOMEM.
 * `channels_outer`: the output channels are the weight's outer index. The bias may be NULL; its values stand beside the
 * channels' when there is one for each. */
struct bnf_layer_rounding {
    const struct bnf_pending *weight;
    const double *factors, *shift;
    bool on_outer, channels_outer;
    const double *bias;
    size_t bias_count;
    int bias_dtype;
};
int bnf_layer_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer_rounding *r,
    struct bnf_err *err);

/* The constants of a layer with weights and a bias, read for one plan. The weight is scaled along its outer or inner
 * index; the bias becomes a dense constant. */
struct bnf_layer {
    struct bnf_pending *weight;
    uint32_t weight_slot, bias_slot;
    bool channels_outer; /* the output channels are the weight's outer index */
    bool has_bias;
    int bias_dtype;
    int64_t bias_dims[2]; /* of the bias that is stored */
    size_t bias_rank, bias_count;
    double *bias; /* its values; scratch */
};

/* What applying needs beyond the move. */
struct bnf_layer_edit {
    struct bnf_pending *weight;
    const double *factors;
    bool on_outer;
    uint32_t weight_slot, bias_slot;
    const void *more; /* for the rule itself */
};

/* Adds the move by which a layer takes the affine: scales along the outer or inner index, and, when `new_bias`,
 * layer->bias as its new bias. apply is bnf_layer_apply or calls it; `more` is for it. YES, a refusal, or BNF_ENOMEM. */
int bnf_layer_absorb(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_layer *layer,
    const struct bnf_affine *affine, bool on_outer, bool new_bias,
    int (*apply)(struct bnf_fold *, struct bnf_plan *, const struct bnf_move *, struct bnf_err *), const void *more,
    struct bnf_err *err);

/* Carries such a move out: weight, bias, and the layer takes the affine's place (its input is in slot 0). */
int bnf_layer_apply(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err);

/* Scales the weight in slot `slot` and makes the node read it. */
int bnf_layer_scale(struct bnf_fold *fold, bnf_id node, uint32_t slot, const struct bnf_layer_edit *edit,
    struct bnf_err *err);

/* Makes the node read the new bias in this slot; NULL: leaves it alone. */
int bnf_layer_attach_bias(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *bias,
    struct bnf_err *err);

/* Moves the layer to the place of the affine: its result, backward, or its input in `slot`, forward. */
void bnf_layer_rewire(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot);

/* The same for a layer without bias, which leaves an Add of this constant (NULL: none) behind it; `axis` says where the
 * constant begins, for operator sets before 7. */
int bnf_layer_rewire_shifted(struct bnf_fold *fold, const struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_pending *shift, int axis, struct bnf_err *err);

/* The factors of one channel each, repeated for every group of a block; scratch, NULL when memory is out. */
double *bnf_layer_repeat(struct bnf_fold *fold, const double *factors, size_t channels, size_t groups);

/* Refuses because the affine lies on no input that the operator maps. NO. */
int bnf_layer_refuse_input(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const char *input);

#endif
