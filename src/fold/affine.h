/* A per-channel affine y = scale·x + shift on one axis of one value, in double. */
#ifndef BNF_FOLD_AFFINE_H
#define BNF_FOLD_AFFINE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>

/* The axis of an affine that is the same everywhere (a scalar): it has one channel and lies on every axis. */
#define BNF_AXIS_ANY (-1)

struct bnf_affine {
    int axis;        /* counted from the left, or BNF_AXIS_ANY */
    size_t channels; /* elements of scale and shift */
    double *scale, *shift;
};

/* An affine with room for `channels`, scale 1 and shift 0; in the arena. scale is NULL when memory is out. */
struct bnf_affine bnf_affine_make(struct bnf_arena *arena, int axis, size_t channels);

/* second ∘ first: (s2·s1, s2·t1 + t2). False when they lie on different axes or differ in channels (*out untouched)
 * or memory is out (out->scale NULL). */
bool bnf_affine_compose(struct bnf_arena *arena, const struct bnf_affine *second, const struct bnf_affine *first,
    struct bnf_affine *out);

/* The same affine with its one value repeated on `channels` channels of `axis`; as it is when it has these already.
 * False when the channels do not fit. */
bool bnf_affine_expand(struct bnf_arena *arena, const struct bnf_affine *affine, int axis, size_t channels,
    struct bnf_affine *out);

/* Every shift is 0; every scale is 1. */
bool bnf_affine_no_shift(const struct bnf_affine *affine);
bool bnf_affine_unit_scale(const struct bnf_affine *affine);

/* All channels have the same scale and shift. */
bool bnf_affine_is_uniform(const struct bnf_affine *affine);

/* The affine of one value, of which every position along every axis sees the same: uniform ones as a scalar. */
struct bnf_affine bnf_affine_scalar(struct bnf_arena *arena, const struct bnf_affine *affine);

/* Every scale and shift is finite. */
bool bnf_affine_finite(const struct bnf_affine *affine);

/* Rounded to this element type it changes nothing: scale 1, shift 0. */
bool bnf_affine_is_identity(const struct bnf_affine *affine, int dtype);

#endif
