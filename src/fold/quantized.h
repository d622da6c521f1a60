/* Weights that a DequantizeLinear makes of constant integers: w = scale·(q − zero). Their integers stay bit for bit; an
 * affine goes into the scales, one for each channel, except where a negative factor mirrors a channel's integers. */
#ifndef BNF_FOLD_QUANTIZED_H
#define BNF_FOLD_QUANTIZED_H

#include "fold/state.h"

/* The constants of a DequantizeLinear as the model stores them, and what was made of them so far. */
struct bnf_quantized {
    bnf_id node;                /* the DequantizeLinear */
    bnf_id integers_value;      /* its input 0 in the source model */
    struct bnf_tensor integers;
    int axis;                   /* that the scales lie on; -1: one for all */
    size_t count, run;          /* of scales: 1, or the extent of the axis; elements that follow each other behind it */
    double *scale, *zero;       /* count each */
    size_t scale_rank;          /* 0 or 1 */
    int outer_axis, inner_axis; /* of the weight, which its block's indices run along */
    double *factor;             /* count: what the stored scales and signs differ by; NULL: nothing was made yet */
    struct bnf_pending *stored; /* the new scales; NULL: the source model's */
    bool mirrored;              /* the node reads new integers */
};

/* Is the value computed by a DequantizeLinear from integers that are constant, or would be but for an option? */
bool bnf_is_dequantized(const struct bnf_fold *fold, bnf_id value);

/* Type and extents of such a weight, without data. YES; NO after refusing: no weight that an affine can go into;
 * negative: BNF_ENOMEM. */
int bnf_quantized_tensor(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_tensor *out, struct bnf_err *err);

/* The pending weight over it, in this block form. The same answers. */
int bnf_quantized_weight(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, uint32_t slot,
    struct bnf_block block, struct bnf_pending **out, struct bnf_err *err);

/* Can the factors of the weight's outer or inner index go into its scales? YES or a refusal; BNF_ENOMEM. */
int bnf_quantized_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_pending *weight,
    const double *factors, bool on_outer, struct bnf_err *err);

/* Stores the scales (zero points, mirrored integers) of a weight that was scaled, and lets the node's slot read them:
 * through the DequantizeLinear that is there, or a copy of it where others read that one, too. BNF_ENOMEM. */
int bnf_quantized_attach(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *weight,
    struct bnf_err *err);

/* The least and the largest integer of a type, and the operator set since which DequantizeLinear takes it; false for
 * types whose elements are no integers, or that it does not take. */
bool bnf_quantized_range(int dtype, double *low, double *high, int64_t *since);

/* Writes integers of such a type, int4 included, from the first element on: where two share a byte a last one leaves
 * the other half 0. */
void bnf_integers_write(int dtype, const double *values, size_t count, uint8_t *out);

/* The product of the extents behind an axis; and which scale belongs to an element. */
size_t bnf_quantized_run(const struct bnf_tensor *integers, int axis);
size_t bnf_quantized_channel(const struct bnf_quantized *quantized, size_t element);

/* Elements first … first+count-1 as stored in the source model, exact but for double's rounding. */
void bnf_quantized_read(const struct bnf_quantized *quantized, size_t first, size_t count, double *out);

#endif
