/* Ties: a discrete result (an index) may flip between two models although both are right, where two
 * candidates for it are closer to each other than rounding noise. */
#ifndef BNF_CHECK_TIES_H
#define BNF_CHECK_TIES_H

#include "eval/array.h"
#include "eval/constant.h"
#include "graph/graph.h"

enum bnf_decider_kind { BNF_DECIDER_NONE, BNF_DECIDER_EXTREME, BNF_DECIDER_BOXES };

/* What decides a discrete output: the values it chooses from. */
struct bnf_decider {
    enum bnf_decider_kind kind;
    bnf_id data;  /* EXTREME: what ArgMax, ArgMin or TopK looks at; BOXES: the scores */
    bnf_id boxes; /* BOXES */
    int64_t axis;
    double overlap, threshold; /* BOXES: iou_threshold and score_threshold; NAN: not constant */
    bool centers;              /* BOXES: (x, y, width, height) */
};

/* Finds the decider of a value, behind operators that only reshape or cast. */
void bnf_decider_find(struct bnf_constants *constants, bnf_id value, struct bnf_decider *out);

/* A decider's values in one sample. */
struct bnf_tie {
    const struct bnf_decider *decider;
    const struct bnf_array *data, *boxes; /* of the reference in double */
    double noise;                         /* of data, relative to its largest magnitude */
    double scale;                         /* that magnitude */
};

/* True when element `index` of an output may be what it is in `ref` and in `new`, which are of one form, by
 * noise alone. */
bool bnf_tie_is_near(
    const struct bnf_tie *tie, size_t index, const struct bnf_array *ref, const struct bnf_array *new);

/* The same for the selected boxes as a whole, rows of (batch, class, box). */
bool bnf_tie_boxes_near(const struct bnf_tie *tie, const struct bnf_array *ref, const struct bnf_array *new);

#endif
