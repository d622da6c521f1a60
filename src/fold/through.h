/* What the operators that hand an affine from their first input to their first output (or back) have in
 * common. */
#ifndef BNF_FOLD_THROUGH_H
#define BNF_FOLD_THROUGH_H

#include "fold/state.h"

/* A node that is asked, and the affine on its data: on output 0 backward, on input 0 forward. */
struct bnf_through {
    bnf_id node, input, output; /* input 0 and output 0 */
    bool back;
    struct bnf_affine affine; /* rules narrow or change it before it is sent on */
    const Onnx__NodeProto *proto;
    int64_t opset;
    char text[256]; /* the node, for sentences */
};

/* Reads the affine. YES, or refuses: a slot is missing, or another input (a slope, a scale) carries the
 * affine too. */
int bnf_through_begin(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_through *through);

/* The operator mixes or changes positions along the affine's axis: only one and the same affine on all
 * channels survives that, as a scalar. `what` ends the sentence "… and Op 'node' …". YES, refuses, or
 * BNF_ENOMEM. */
int bnf_through_uniform(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *through,
    const char *what, struct bnf_err *err);

/* Refuses a channel whose scale is below 0. */
int bnf_through_no_negative(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through);

/* Adds the move that leaves the operator as it is and sends the affine on. */
int bnf_through_pass(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through, struct bnf_err *err);

/* Sends the affine on; for rules that added a move of their own. */
int bnf_through_send(
    struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *through, struct bnf_err *err);

/* A short list of numbers, from an input or an attribute. */
struct bnf_numbers {
    bool known; /* false: computed at run time; `reason` says how the sentence goes */
    enum bnf_reason reason;
    size_t count;
    const double *items; /* scratch */
};

/* The elements of a constant in an input slot; known and none when the slot is empty. BNF_ENOMEM. */
int bnf_through_input(
    struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_numbers *out, struct bnf_err *err);

/* The elements of an ints or floats attribute; known and none when it is absent. BNF_ENOMEM. */
int bnf_through_attribute(
    struct bnf_fold *fold, bnf_id node, const char *name, struct bnf_numbers *out, struct bnf_err *err);

/* Axis `number` of a tensor of this rank, counted from the left; -1 when there is no such axis. */
int bnf_through_axis(double number, int rank);

#endif
