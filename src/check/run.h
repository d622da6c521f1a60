/* Runs: both models on inputs, judged by what rounding alone does (check.md, section 2).
 *
 * The reference in double is the oracle. e_ref and e_new are the distances of each model's float run to it,
 * gap that of the candidate's double run: what the rounding of the stored weights alone does. */
#ifndef BNF_CHECK_RUN_H
#define BNF_CHECK_RUN_H

#include "base/err.h"
#include "base/mem.h"
#include "onnx/model.h"

enum bnf_run_verdict {
    BNF_RUN_AGREES,
    BNF_RUN_INCOMPLETE,   /* what ran agrees, but not everything could run */
    BNF_RUN_INCONCLUSIVE, /* nothing that counts was compared */
    BNF_RUN_DIFFERENT,
};

struct bnf_run_options {
    size_t samples; /* 0: the default 4 */
    uint64_t seed;
    const char *const *dims; /* "NAME=N", NULL-terminated or NULL */
    const char
        *data; /* .npz, .npy, a folder of them, or a folder with test_data_set_*; NULL: seeded inputs */
    double rtol, atol; /* an elementwise gate on top, when either is > 0 */
    unsigned threads;
    size_t memory; /* bytes that the arrays of a run may take; 0: three quarters of the machine's */
    double work;   /* multiplications that a run may take; 0: BNF_MOST_WORK */
    bool match_by_position;
    bool assume_inference;                                    /* as in struct bnf_proof_options */
    const char *save_failing; /* a folder for what a failed run needs to be looked into; NULL: none */
    void (*progress)(void *context, size_t done, size_t all); /* NULL: none */
    void *progress_context;
};

/* One output over all samples. Distances (e_ref, e_new, gap) are relative to the largest magnitude of the
 * oracle's output; max_abs and rms are not. */
struct bnf_run_output {
    const char *name;
    const char *kind;              /* "real", "discrete" (integers, bool, strings) */
    double max_abs;                /* max |new − ref|, both in float */
    double e_ref, e_new, gap, rms; /* the worst of all samples; rms is of new − ref over all */
    double floor;                  /* of the gate */
    double ratio;                  /* e_new / max(e_ref, floor): the gate is at 4 */
    double noise;                  /* e_new in terms of the reference's own rounding noise: / max(e_ref, u) */
    size_t compared;               /* elements */
    size_t nonfinite;              /* of these, NaN or infinite in both */
    size_t mismatched, near_ties;
    size_t samples;    /* that it was judged on: computed by both, at most 1 % of it not finite */
    bool constant;     /* one and the same number everywhere: says nothing */
    bool double_noise; /* no oracle is better than a run in double: e_ref is the float run's, scaled to double
                        */
    size_t top1, top5, rows; /* agreement of classification-like outputs; rows 0: not such an output */
    bool fails;
    const char *why; /* a sentence, when it fails */
};

struct bnf_run {
    struct bnf_arena arena; /* all texts */
    enum bnf_run_verdict verdict;
    size_t samples;           /* runs of each model */
    size_t inputs;            /* the same, batches of given data counted by their rows */
    double coverage;          /* share of the reference's needed nodes that ran */
    const char **unsupported; /* "Op 'node'", of both models; known before anything ran */
    size_t unsupported_count;
    const char *blocked; /* why a run stopped short, or NULL */
    const char
        *note; /* a sentence about the runs as a whole: why there are none, or what does not fit; or NULL */
    struct bnf_run_output *outputs;
    size_t output_count;
    const char *
        diverges; /* the first value in topological order that both models name and that disagrees, or NULL */
    double worst[5]; /* the five largest |Δ| */
    const char *worst_text[5];
    size_t buckets[9]; /* how many |Δ| in [0,1e-7), [1e-7,1e-6) … [1e-1,1), [1,∞) */
    const char *saved[4]; /* names of the files that were put into the folder options->save_failing; static */
    size_t saved_count;
    bool has_labels;   /* the data brought labels: accuracy before and after */
    size_t correct_ref, correct_new, labelled;
};

/* Runs both. Not agreeing is a verdict, not an error: BNF_EINPUT for data that cannot be read or does not
 * fit, BNF_ENOMEM, BNF_ELIMIT. The caller frees *run. */
int bnf_run_compare(struct bnf_model *reference, struct bnf_model *candidate,
    const struct bnf_run_options *options, struct bnf_run *run, struct bnf_err *err);

void bnf_run_free(struct bnf_run *run);

#endif
