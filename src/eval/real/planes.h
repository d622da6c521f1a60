/* Padded copies of input planes, dealt out by the phases of the strides, so that whatever slides over them
 * reads neighbours for neighbouring positions: tap t of position p is element p + offset[t], for any stride
 * and dilation.
 *
 * Within one depth of the output, positions are numbered in rows of `pitch`, of which the first out[2] are
 * real and the rest between rows means nothing. */
#ifndef BNF_EVAL_REAL_PLANES_H
#define BNF_EVAL_REAL_PLANES_H

#include "eval/real/fast.h"
#include "eval/window.h"

/* Numbers handled at a time; the compiler picks the registers. */
typedef real R(bnf_vector) __attribute__((vector_size(64)));
typedef real R(bnf_loose_vector) __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));
/* Integers as wide, for masks. */
#if BNF_REAL_BITS == 32
typedef int32_t R(whole);
#else
typedef int64_t R(whole);
#endif
typedef R(whole) R(bnf_mask) __attribute__((vector_size(64), may_alias));
enum { bnf_lanes = 64 / sizeof(real), bnf_most_step = 4 * bnf_lanes };

struct bnf_planes {
    struct bnf_window window;
    int64_t padded[3]; /* extents of one phase */
    size_t phase;      /* elements of one phase */
    size_t size;       /* elements of all phases of one channel */
    size_t pitch;      /* = padded[2] */
    size_t depth;      /* elements between two depths of the output */
    size_t count;      /* positions of one depth: what a kernel has to run over */
    size_t room;       /* count rounded up to what a kernel may write */
    size_t taps;
    size_t *offset; /* of each tap, in the kernel's order */
};

/* Plans the copies; the offsets come from call->arena. BNF_OK or BNF_ENOMEM. */
int R(bnf_planes_plan)(struct bnf_call *call, const struct bnf_window *window, struct bnf_planes *planes);

/* Numbers that scratch for `channels` channels needs; a little more, since kernels read past the end. */
size_t R(bnf_planes_scratch)(const struct bnf_planes *planes, size_t channels);

/* Lays one channel x [in] out in `to` [size], with `pad` outside the input. */
void R(bnf_planes_lay)(const struct bnf_planes *planes, const real *x, real pad, real *to);

#endif
