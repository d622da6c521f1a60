/* The same elements in the same order under other extents: what Reshape, Flatten, Squeeze and Unsqueeze make.
 *
 * An affine on one axis of one view is an affine on one axis of another where that axis alone says which
 * channel an element belongs to: the axis survives; or it becomes part of a longer axis, each entry repeated;
 * or it is split, and the entries are equal along all of its parts but one. Extents are symbols where they
 * are not numbers, and are compared as such. */
#ifndef BNF_FOLD_VIEW_H
#define BNF_FOLD_VIEW_H

#include "fold/through.h"

enum { bnf_view_most_rank = 64 };

/* The extents of a value, as far as they are known. */
struct bnf_view {
    bnf_id value;
    int rank;
    int64_t dims[bnf_view_most_rank];
};

/* The least run of axes [first, last) around one axis of a view, and the run [to_first, to_last) of another
 * view, that hold the same elements: all axes before them, and all behind, are proved to be of equal extent
 * together. */
struct bnf_view_span {
    int first, last, to_first, to_last;
};

/* Copies what is known of a value. False: its rank is not known, or too large. */
bool bnf_view_read(const struct bnf_fold *fold, bnf_id value, struct bnf_view *out);

/* An axis whose extent is a symbol has `channels`: then the symbol is that number in both views. False when
 * the axis does not exist, or has another extent. */
bool bnf_view_learn(struct bnf_view *view, int axis, size_t channels, struct bnf_view *other);

struct bnf_view_span bnf_view_span(const struct bnf_view *from, int axis, const struct bnf_view *to);

/* Elements of axes [first, last) together; 0 when an extent is no number, or they are too many to be listed.
 */
size_t bnf_view_count(const struct bnf_view *view, int first, int last);

/* The affine whose value at element f of axes [first, last) of a view is the given one's at channel[f], as an
 * affine on one of these axes. YES; NO (without a refusal) when none alone says the channel; BNF_ENOMEM. */
int bnf_view_settle(struct bnf_fold *fold, const struct bnf_affine *affine, const uint32_t *channel,
    const struct bnf_view *view, int first, int last, struct bnf_affine *out, struct bnf_err *err);

/* Are the extents that a Reshape, Flatten, Squeeze or Unsqueeze makes those that are known of its result?
 * Refuses allowzero with a 0, and a Squeeze without axes that may find more extents of 1 than are known
 * (reshape.c). */
int bnf_view_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node);

/* The affine on the side of such a node that the walk comes from, as one on the other side: into t->affine.
 * YES, a refusal, or BNF_ENOMEM. */
int bnf_view_affine(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t,
    const struct bnf_affine *affine, struct bnf_err *err);

/* The channel shuffle that begins, in the walk's direction, with this node (shuffle.c): a Reshape that no
 * axis alone gets the affine through. NO without a refusal of its own when there is none. */
int bnf_shuffle(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t, struct bnf_err *err);

#endif
