/* The proof: two models compute the same function of all inputs, shown from their stored weights.
 *
 * The judge derives everything itself and shares with the fold only the constants (eval/constant.h) and the
 * element types (onnx/dtype.h). */
#ifndef BNF_CHECK_PROOF_H
#define BNF_CHECK_PROOF_H

#include "base/err.h"
#include "base/mem.h"
#include "onnx/model.h"

enum bnf_proof_verdict { BNF_PROOF_PROVED, BNF_PROOF_WARN, BNF_PROOF_REFUTED, BNF_PROOF_UNPROVED };

/* One place where the models differ, or could not be shown equal. */
struct bnf_finding {
    enum bnf_proof_verdict verdict; /* WARN, REFUTED or UNPROVED */
    const char *value;              /* the value of the reference whose cone it is */
    const char *node;   /* the node that computes it, as reports call it; NULL for inputs and such */
    const char *detail; /* one sentence with channel, index, expected, found, k where they apply */
    double u;           /* k of the finding; 0 when it has none */
};

struct bnf_proof_options {
    bool foreign; /* limits for models that others folded: pass ≤ 4 u, warn ≤ 64 u; else 1.001 u a tensor */
    double max_u;           /* > 0: replaces the limit */
    bool match_by_position; /* inputs and outputs correspond by position instead of by name */
    bool assume_inference;  /* BatchNormalizations in training mode whose statistics nobody reads count as inference ones */
    bool keep_overridable;  /* initializers that are inputs too are free inputs, not constants */
    unsigned threads;
};

/* All texts live in `arena`. */
struct bnf_proof {
    struct bnf_arena arena;
    enum bnf_proof_verdict verdict;
    bool identical;               /* the two files hold the same bytes */
    bool with_defaults;           /* inputs with a default value were frozen: "with the default values" */
    bool assumed_inference; /* training mode was taken for inference mode, as options.assume_inference says */
    bool same_draws;              /* random operators are in it: "for the same draws" */
    const char *shapes;           /* extents that free dimensions were probed with, "N = 2 and 3": what is proved holds
                                     for these; NULL: for all */
    size_t cut_points;            /* common values whose cone changed */
    size_t cut_points_proved;     /* of these, how many agree */
    double worst_u;               /* worst k of what was proved, in the u of the reference's type */
    struct bnf_finding *findings; /* worst first: refuted, unproved, warnings */
    size_t finding_count;
};

/* Compares NEW with REF (check.md, section 1). Both stay as they are. Not being equivalent is a verdict, not
 * an error: BNF_EINPUT only for models that are malformed, BNF_ENOMEM. The caller frees *proof with
 * bnf_proof_free. */
int bnf_prove(struct bnf_model *reference, struct bnf_model *candidate,
    const struct bnf_proof_options *options, struct bnf_proof *proof, struct bnf_err *err);

void bnf_proof_free(struct bnf_proof *proof);

#endif
