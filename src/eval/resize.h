/* What Resize and Upsample are to do, the same for both arms. */
#ifndef BNF_EVAL_RESIZE_H
#define BNF_EVAL_RESIZE_H

#include "eval/operator.h"

enum bnf_resize_mode { BNF_RESIZE_NEAREST, BNF_RESIZE_LINEAR, BNF_RESIZE_CUBIC };

/* How an output position becomes a place on the input, by the names of 'coordinate_transformation_mode'. */
enum bnf_resize_place {
    BNF_RESIZE_HALF_PIXEL,
    BNF_RESIZE_HALF_PIXEL_SYMMETRIC,
    BNF_RESIZE_PYTORCH_HALF_PIXEL,
    BNF_RESIZE_ALIGN_CORNERS,
    BNF_RESIZE_ASYMMETRIC,
    BNF_RESIZE_TF_HALF_PIXEL_FOR_NN,
    BNF_RESIZE_TF_CROP_AND_RESIZE,
};

/* Which neighbour is the nearest, by the names of 'nearest_mode'; until operator set 10: the one before when
 * enlarging, the one after when not. */
enum bnf_resize_nearest {
    BNF_NEAREST_ROUND_PREFER_FLOOR,
    BNF_NEAREST_ROUND_PREFER_CEIL,
    BNF_NEAREST_FLOOR,
    BNF_NEAREST_CEIL,
    BNF_NEAREST_SIMPLE,
};

struct bnf_resize {
    enum bnf_resize_mode mode;
    enum bnf_resize_place place;
    enum bnf_resize_nearest nearest;
    bool antialias, exclude_outside;
    double cubic, extrapolation;
    size_t rank;
    struct {
        int64_t in, out;
        double length;     /* in × scale, which `out` is the integer of */
        double start, end; /* the region of interest, in parts of the extent */
        bool same;         /* the axis stays as it is */
    } axis[bnf_most_rank];
};

/* Read the node's attributes and inputs. BNF_OK, BNF_EINPUT. */
int bnf_resize_read(struct bnf_call *call, const struct bnf_array *x, struct bnf_resize *resize);
int bnf_upsample_read(struct bnf_call *call, const struct bnf_array *x, struct bnf_resize *resize);

/* Where the elements along an axis come from; from the call's arena. */
struct bnf_taps {
    size_t each;
    int64_t *index; /* [out, each], within the input's extent */
    double *weight; /* [out, each], sum 1 */
    bool *outside;  /* [out]: beyond the input, where the extrapolation value belongs */
};

/* Fills *taps for an axis. BNF_ENOMEM. */
int bnf_resize_taps(
    struct bnf_call *call, const struct bnf_resize *resize, size_t axis, struct bnf_taps *taps);

#endif
