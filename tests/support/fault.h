/* Faults: wrong folds of the kinds that somebody has made or could make, put into a generated model or its
 * fold. */
#ifndef BNF_TESTS_FAULT_H
#define BNF_TESTS_FAULT_H

#include "support/eval.h"
#include "support/folding.h"
#include "support/gen.h"

/* A generated model with its correct fold, both evaluated on one input. */
struct subject {
    struct gen gen;
    struct packed source, folded;
    struct opened source_open, folded_open;
    struct eval source_eval, folded_eval;
    struct bnf_arena arena;
    struct eval_tensor input;
    struct rng rng;
    double u; /* the unit of rounding of the model's element type */
};

/* False when the model cannot serve: nothing was folded, or not all of it is proved. Free it either way. */
bool subject_make(struct subject *subject, uint64_t seed);
void subject_free(struct subject *subject);

/* The largest difference of an output of this model from the source's, in units of u of the terms it sums;
 * infinity when it has another shape, negative when it cannot be run. */
double subject_difference(struct subject *subject, const struct packed *packed);

/* The values that the reference evaluator found for a name of the source; NULL when it has none such. */
const struct eval_tensor *subject_value(const struct subject *subject, const char *name);

enum fault_effect {
    FAULT_NO_SITE, /* nothing in this model can go wrong in this way */
    FAULT_SMALL,   /* changes no stored number that matters by more than the limit */
    FAULT_ASK,     /* counts when the evaluator sees a difference */
    FAULT_COUNTS,
};

struct fault {
    const char *name;
    bool before; /* goes into the source, whose fold is then wrong in a way a right fold would look like */
    enum fault_effect (*apply)(struct subject *subject, struct make *model, int argument);
    int argument;
};

/* Ends with an empty name. */
extern const struct fault faults[];

/* Faults in front of the fold (fault_norm.c); the argument is one of these. */
enum norm_fault {
    EPSILON_TIMES_100,
    EPSILON_ZERO,
    EPSILON_OUTSIDE_ROOT,
    BETA_DROPPED,
    MEAN_DROPPED,
    MEAN_SIGN,
    CHANNELS_TURNED,
    NORM_DROPPED,
    WRONG_NORM,
};
enum fault_effect fault_norm(struct subject *subject, struct make *model, int which);
enum fault_effect fault_bias_forgotten(struct subject *subject, struct make *model, int which);

/* Faults in stored numbers of the fold (fault_number.c). */
enum number_fault {
    FLIP,
    TO_FLOAT16,
    TO_BFLOAT16,
    TURN_CHANNELS,
    STALE,
    WRONG_AXIS,
    WRONG_GROUP,
    TRANSPOSED,
    TO_ZERO
};
enum fault_effect fault_weight(struct subject *subject, struct make *model, int which);
enum fault_effect fault_bias(struct subject *subject, struct make *model, int which);
enum fault_effect fault_map(struct subject *subject, struct make *model, int which);

/* Faults in the fold's nodes (fault_node.c). */
enum node_fault { STRIDES, DILATIONS, PADS, ALPHA, TRANS, SHARED_CLOBBERED, BIAS_INPUT_DROPPED, PAD_VALUE };
enum fault_effect fault_node(struct subject *subject, struct make *model, int which);

#endif
