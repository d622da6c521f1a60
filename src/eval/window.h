/* Windows that slide over the spatial axes: the geometry of convolutions and pools, resolved to numbers. */
#ifndef BNF_EVAL_WINDOW_H
#define BNF_EVAL_WINDOW_H

#include "eval/operator.h"

enum { bnf_most_spatial = 3 };

/* Always three axes: of an input with fewer, the first ones are of extent 1 with a kernel of 1. */
struct bnf_window {
    size_t spatial; /* axes of the input behind batch and channel: 1 … 3 */
    int64_t in[3], kernel[3], stride[3], dilation[3], begin[3], end[3], out[3];
};

/* Fills everything but `out` of a window over the last axes of x from kernel_shape, strides, dilations, pads
 * and auto_pad; explicit pads only (auto_pad leaves them 0). kernel: the weight's spatial extents, or NULL
 * where the attribute has them. BNF_OK, or BNF_EINPUT/BNF_CANNOT with a sentence. */
int bnf_window_attributes(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *window);

/* The same with pads after auto_pad, and `out` by the rule of Conv and the pools (ceil_mode included). A
 * window that would begin behind the input and the padding in front is left out, as every implementation
 * does. */
int bnf_window_slide(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *window);

/* The same by the rule of ConvTranspose: output_padding, output_shape and auto_pad. */
int bnf_window_unslide(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *kernel, struct bnf_window *window);

/* What the window covers along an axis, holes included. */
int64_t bnf_window_reach(const struct bnf_window *window, size_t axis);

/* Leaves out the first and last taps along each axis that see the input from no position of the output. `begin` may become
 * negative: the first tap that is left begins within the input. */
void bnf_window_trim(struct bnf_window *window);

/* Product of the three extents. */
size_t bnf_window_volume(const int64_t extents[3]);

/* The positions first … last-1 of the output, at most `out` of them, whose tap number `tap` lies within the
 * input. */
void bnf_window_inside(
    const struct bnf_window *window, size_t axis, int64_t tap, int64_t *first, int64_t *last);

/* Batch, channels and the window's output extents as the dims of a result of x's rank. */
void bnf_window_dims(const struct bnf_window *window, int64_t batch, int64_t channels, int64_t *dims);

#endif
