/* Constants that folding rewrites: the original bytes and a pending map in double, rounded once, when the model is
 * saved, however many affines reached them.
 *
 * A weight is seen as a block of extents [groups, outer, inner, run]: its pending scale is outer_scale[groups·outer]
 * times inner_scale[groups·inner], each of which may be missing (1). That one form holds for every layer:
 *
 *   Conv W(M, C/g, k…)           [g, M/g, C/g, k]   output channels: outer   input channels: inner
 *   ConvTranspose W(C, M/g, k…)  [g, C/g, M/g, k]   output channels: inner   input channels: outer
 *   matrix (…, R, S)             [batch, R, S, 1]   rows: outer              columns: inner
 *   recurrent W(dirs, G·H, I)    [1, dirs·G·H, I, 1]                         inputs: inner
 *   table (R, …, C)              [1, R·…, C, 1]                              channels: inner
 *
 * A table takes a shift for each inner index as well: scale · element + shift.
 * A bias or another small constant is dense: its exact values in double. A quantized weight has no elements of its own:
 * they are computed from its integers (fold/quantized.h), and saving asks for these and their scales instead. */
#ifndef BNF_FOLD_PENDING_H
#define BNF_FOLD_PENDING_H

#include "graph/graph.h"
#include "onnx/tensor.h"

#include <stdatomic.h>

struct bnf_quantized;

struct bnf_pending {
    struct bnf_source source; /* what saving asks; its context is the pending itself */
    struct bnf_tensor base;   /* a weight's original elements; type and extents of both kinds */
    size_t groups, outer, inner, run;
    double *outer_scale, *inner_scale; /* NULL: all 1 */
    double *inner_shift;               /* added after scaling; NULL: all 0 */
    double *dense;                     /* base.count exact values; NULL for a weight */
    struct bnf_quantized *quantized;   /* NULL: base has the elements */
    atomic_bool *unfit;                /* set by filling when a value is not finite; NULL: nobody asks */
};

/* The block form of a weight. */
struct bnf_block {
    size_t groups, outer, inner, run;
};

/* A pending weight over the elements of `base`, unchanged yet; or a dense constant of `count` zeros with this type
 * and these extents (copied). In the arena; NULL when memory is out. */
struct bnf_pending *bnf_pending_weight(struct bnf_arena *arena, const struct bnf_tensor *base, struct bnf_block block);
struct bnf_pending *bnf_pending_dense(struct bnf_arena *arena, int dtype, const int64_t *dims, size_t rank);

/* Multiplies the outer (groups·outer factors) or inner (groups·inner) scale of a weight. False: memory is out. */
bool bnf_pending_scale_outer(struct bnf_arena *arena, struct bnf_pending *pending, const double *factors);
bool bnf_pending_scale_inner(struct bnf_arena *arena, struct bnf_pending *pending, const double *factors);

/* The same for the inner index with a shift (groups·inner each): element ↦ factor·element + shift. Never together with
 * scales of the outer index. */
bool bnf_pending_map_inner(struct bnf_arena *arena, struct bnf_pending *pending, const double *factors,
    const double *shift);

/* Elements first … first+count-1 with the pending map applied, exact but for double's rounding. */
void bnf_pending_read(const struct bnf_pending *pending, size_t first, size_t count, double *out);

/* sums[g·outer + o] = Σ over inner i and run of weight·t[g·inner + i]; and the same with the roles of outer and inner
 * exchanged. In a fixed order. */
void bnf_pending_sum_inner(const struct bnf_pending *pending, const double *t, double *sums);
void bnf_pending_sum_outer(const struct bnf_pending *pending, const double *t, double *sums);

/* What else is to be applied to a weight: factors of the outer and inner index, then a shift per inner index; NULL: 1,
 * 1 and 0. */
struct bnf_factors {
    const double *outer, *inner, *shift;
};

/* How rounding treats the whole constant when `more` is applied as well. */
enum bnf_rounding { BNF_ROUNDING_FINE, BNF_ROUNDING_OVERFLOW, BNF_ROUNDING_UNDERFLOW };

/* Overflow: a stored value would leave the type's range or not be finite. Underflow (float16 only: elsewhere the loss
 * is below half the smallest subnormal and without consequence): on some outer or inner channel, whichever
 * `channels_outer` says, Σ|exact − stored| > 2u·(Σ|exact| + |bias|). bias may be NULL. */
enum bnf_rounding bnf_pending_check(const struct bnf_pending *pending, const struct bnf_factors *more, bool channels_outer,
    const double *bias, unsigned threads);

/* True when bnf_pending_check would have to read all of a float weight although it hardly ever finds anything: filling
 * sees the same numbers again and tells through `unfit`. */
bool bnf_pending_check_can_wait(const struct bnf_pending *pending);

/* True when rounding these values to a float type stays finite. */
bool bnf_values_fit(int dtype, const double *values, size_t count);

/* True when dividend / scale may be added in front of that scale, which takes it back later: x + t/s for s·x + t. Where
 * s is next to nothing it is finite, but what comes in between is not (a product with another value). Numbers that are
 * large already may become larger. */
bool bnf_quotient_fits(int dtype, double dividend, double quotient);

#endif
