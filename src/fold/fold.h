/* Folding: every BatchNormalization and every decomposed affine of a model gets a verdict, and the model is edited. */
#ifndef BNF_FOLD_FOLD_H
#define BNF_FOLD_FOLD_H

#include "graph/graph.h"

#include <stdatomic.h>

enum bnf_reason {
    BNF_REASON_NONE,
#define BNF_REASON(name, printed, meaning, hint) BNF_REASON_##name,
#include "fold/reason.def"
#undef BNF_REASON
    BNF_REASON_COUNT
};

/* Texts of a reason. Static. */
const char *bnf_reason_name(enum bnf_reason reason);
const char *bnf_reason_meaning(enum bnf_reason reason);
const char *bnf_reason_hint(enum bnf_reason reason);

enum bnf_site_kind { BNF_SITE_BATCHNORM, BNF_SITE_AFFINE };
enum bnf_site_verdict { BNF_SITE_KEPT, BNF_SITE_FOLDED, BNF_SITE_DROPPED, BNF_SITE_LOWERED };
enum bnf_site_direction { BNF_DIRECTION_NONE, BNF_DIRECTION_BACK, BNF_DIRECTION_FORWARD };

/* One BatchNormalization or decomposed affine (Mul, Add, Sub, Div by a per-channel constant), always with a verdict.
 * All texts live in the model's arena. */
struct bnf_site {
    bnf_id node;
    const char *name;  /* the node as reports call it */
    const char *function; /* the model-local function it is part of, with its domain; NULL outside of functions */
    enum bnf_site_kind kind;
    enum bnf_site_verdict verdict;
    enum bnf_site_direction direction; /* of a folded one */
    const char **into;                 /* nodes that absorbed it, or that it was lowered to */
    size_t into_count;
    const char **through; /* nodes it passed on the way */
    size_t through_count;
    enum bnf_reason reason; /* why it was kept or lowered; NONE otherwise */
    const char *detail;     /* the reason with names and numbers, one sentence; NULL without a reason */
    const char *warning;    /* NULL, or a sentence: untrained statistics, assumed inference */
    const char **steps;     /* the walks that were tried, one operator a line; only with bnf_fold_options.trace */
    size_t step_count;
};

enum bnf_leftover { BNF_LEFTOVER_AUTO, BNF_LEFTOVER_CONV, BNF_LEFTOVER_MUL_ADD, BNF_LEFTOVER_KEEP };

struct bnf_fold_options {
    enum bnf_leftover leftover;
    bool assume_inference; /* take training-mode BatchNormalizations for inference ones, except where a further output is read */
    bool keep_overridable; /* initializers that are graph inputs too are no constants */
    const char *const *only, *const *skip; /* glob patterns over node names; NULL-terminated or NULL */
    const char *version;                   /* for metadata_props "bnfold.version" */
    bool optimistic; /* take for granted that folded float weights fit their type; result.unfit tells once they are saved */
    bool trace;                            /* note the walks of every site */
    unsigned threads;                      /* at most this many read weights at a time; 0: one */
};

struct bnf_fold_result {
    struct bnf_site *sites; /* in the order of the file; model's arena */
    size_t site_count;
    bool changed;        /* false: the model is as it was, byte for byte */
    size_t batchnorms_before, batchnorms_after, nodes_before, nodes_after; /* over all scopes */
    atomic_bool *unfit;  /* true after saving: some float weight did not fit. Fold again, not optimistically */
    size_t frozen;       /* initializers that were overridable inputs and are fixed now */
};

/* Folds a model in place: graph and protos are edited, folded payloads become computed ones that are made when the
 * model is saved. Refusals are data, not errors. Everything in *result lives as long as the model. BNF_EINPUT for
 * tensors that cannot be read, BNF_ENOMEM. */
int bnf_fold_model(struct bnf_graph *graph, const struct bnf_fold_options *options, struct bnf_fold_result *result,
    struct bnf_err *err);

#endif
