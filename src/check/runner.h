/* Inside the runs: what their files share. Only src/check includes this.
 *
 * One arm after the other, each over all samples of a chunk: the reference in double, the reference in float,
 * the candidate in float, the candidate in double. An arm's evaluator is freed before the next begins; what
 * stays is the reference's outputs. */
#ifndef BNF_CHECK_RUNNER_H
#define BNF_CHECK_RUNNER_H

#include "check/feeds.h"
#include "check/metrics.h"
#include "eval/eval.h"

enum { BNF_RUN_REF, BNF_RUN_NEW };

/* How many samples are at work at a time. */
enum { BNF_RUN_CHUNK = 64 };

/* What pass and localise answer, besides OK and failures: a model did not run; see runner.trouble. */
enum { BNF_RUN_TROUBLE = 1 };

struct bnf_runner {
    struct bnf_graph graph[2];
    struct bnf_constants constants; /* of the reference */
    const struct bnf_run_options *options;
    struct bnf_run *run;
    struct bnf_feeds feeds;
    struct bnf_arena arena;
    size_t outputs;  /* of the reference */
    size_t *partner; /* per output of the reference: the candidate's */
    size_t *source;  /* per input of the candidate: the reference's that feeds it, SIZE_MAX: none */
    struct bnf_metrics *metrics; /* per output */
    struct bnf_spread spread;
    struct bnf_decider *deciders; /* per output */
    bnf_id *taps;
    size_t tap_count;
    struct bnf_budget budget;         /* of what is kept */
    struct bnf_array **oracle, **ref; /* per sample of the chunk and output */
    struct bnf_array **data, **boxes; /* the deciders' */
    struct bnf_array **other; /* the candidate's, where it is discrete or of another form, and disagrees */
    double *noise;            /* the noise of data */
    double *rms_ref, *rms_new; /* root mean squares of the distances from the oracle, see bnf_metrics_rms */
    size_t *one_sided;        /* elements that are not finite in one model only */
    size_t first, chunk;      /* samples first … first+chunk-1 are at work */
    size_t done, all;         /* runs, for the progress */
    size_t node_runs, node_needed; /* of the reference */
    uint64_t shake;                /* not 0: the feeds are shaken, a different way for each number */
    bool wide;                     /* discrete outputs are judged by the runs in double, too */
    bool lacks;                    /* the candidate left an output out that the reference computed */
    bool unexpected;               /* given outputs are not what the reference computes */
    const char *overflow;          /* a sentence: what overflowed in one model only; NULL: nothing did */
    size_t failing;                /* a sample on which they differ; SIZE_MAX: none is known */
    enum bnf_precision failing_precision; /* that shows it */
    bnf_id parting;                       /* the value that localise found; BNF_NONE */
    uint8_t *agreeing; /* per value of the reference: both agree on it; NULL without parting */
    struct {
        int side, status;
        size_t sample;
        char text[512];
    } trouble;
};

/* Builds the graphs, looks at the feeds and pairs the interfaces. Interfaces that do not fit set the verdict
 * DIFFERENT and a note. BNF_EINPUT, BNF_EUSAGE, BNF_EIO, BNF_ENOMEM. */
int bnf_runner_prepare(struct bnf_runner *r, struct bnf_model *const models[2], struct bnf_err *err);

/* Lists the operators that the evaluator lacks. *reached: some output can be computed in both models all the
 * same; if not, the reference is run as far as it goes, for the coverage. BNF_RUN_TROUBLE as below. */
int bnf_runner_look_ahead(struct bnf_runner *r, bool *reached, struct bnf_err *err);

/* Prepares an evaluator for one side, with a bound on its memory. BNF_ENOMEM, BNF_EINPUT. */
int bnf_runner_open(struct bnf_runner *r, int side, enum bnf_precision precision, const bnf_id *taps,
    size_t tap_count, struct bnf_eval *eval, struct bnf_err *err);

/* Runs it on one sample. BNF_RUN_TROUBLE when the model does not take it. */
int bnf_runner_run(struct bnf_runner *r, int side, struct bnf_eval *eval, size_t sample, struct bnf_err *err);

/* Where a sample's array of an output is in the lists above. */
size_t bnf_runner_place(const struct bnf_runner *r, size_t sample, size_t output);

/* One run is one draw of the rounding errors. Where they all push an output the same way, a lucky one is next
 * to zero, and the candidate looks bad in comparison. Before it is judged, the reference gets more draws on
 * the sample in question, its inputs and stored numbers shaken by less than their rounding. At the end the samples' root mean
 * squares are judged. */
int bnf_runner_draw_again(struct bnf_runner *r, struct bnf_err *err);

/* What is decided at a tie, a label or a count, may come out otherwise in the candidate: it is excused where
 * a draw of the reference has what the candidate has. BNF_RUN_TROUBLE, BNF_ENOMEM. */
int bnf_runner_excuse_ties(struct bnf_runner *r, struct bnf_err *err);

/* Where the runs of a sample are finite in one model only: is some value about to leave the range of its
 * type, when computed in double? Then the order of rounding decides who overflows, and these elements say
 * nothing: they do not count as mistakes any more, and r->overflow says so. BNF_RUN_TROUBLE, BNF_ENOMEM. */
int bnf_runner_excuse_overflow(struct bnf_runner *r, struct bnf_err *err);

/* Finds the first value in topological order that both models name, that disagrees, and by which the
 * disagreement reaches an output of the reference; sets run->diverges, which stays NULL when there is none,
 * parting and agreeing. */
int bnf_runner_localise(struct bnf_runner *r, size_t output, size_t sample, struct bnf_err *err);

/* Writes the inputs of the failing sample, both models' outputs and the part of the reference that computes
 * the parting value into the folder that the options name, as far as there are any: run->saved says which.
 * BNF_EIO, BNF_EUSAGE when that would replace an input; BNF_EINPUT, BNF_ENOMEM. */
int bnf_runner_save_failing(struct bnf_runner *r, struct bnf_err *err);

#endif
