/* Convolution, resolved: what the ways of computing it share. */
#ifndef BNF_EVAL_REAL_CONV_H
#define BNF_EVAL_REAL_CONV_H

#include "eval/real/real.h"
#include "eval/window.h"

/* All row-major. x [images, groups·channels, in], weight [groups·filters, channels, kernel], bias
 * [groups·filters] or NULL, y [images, groups·filters, out]. */
struct R(bnf_conv) {
    struct bnf_window window;
    size_t images, groups;
    size_t channels, filters; /* of each group */
    const real *x, *weight, *bias;
    real *y;
};

/* As matrix products, by columns of input patches. BNF_OK or BNF_ENOMEM. */
int R(bnf_conv_columns)(struct bnf_call *call, const struct R(bnf_conv) * conv);

/* Depthwise with an output that lies over the input: is it, and do it. BNF_OK or BNF_ENOMEM. */
bool R(bnf_conv_is_over)(const struct R(bnf_conv) * conv);
int R(bnf_conv_over)(struct bnf_call *call, const struct R(bnf_conv) * conv);

/* By sliding over the input planes: for groups of few channels. BNF_OK or BNF_ENOMEM. */
int R(bnf_conv_direct)(struct bnf_call *call, const struct R(bnf_conv) * conv);

/* Scratch of `count` numbers within the run's budget, or NULL after setting call->err; bnf_array_drop it. */
struct bnf_array *R(bnf_scratch)(struct bnf_call *call, size_t count);

#endif
