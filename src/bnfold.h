/* bnfold: removes BatchNormalization layers from trained networks and proves the result equivalent.
 *
 * The public face of the library: four jobs, and the report each of them leaves. */
#ifndef BNFOLD_H
#define BNFOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum bnfold_leftover { BNFOLD_LEFTOVER_AUTO, BNFOLD_LEFTOVER_CONV, BNFOLD_LEFTOVER_MUL_ADD, BNFOLD_LEFTOVER_KEEP };
enum bnfold_check { BNFOLD_CHECK_PROOF_AND_RUN, BNFOLD_CHECK_PROOF, BNFOLD_CHECK_NONE };
enum bnfold_external { BNFOLD_EXTERNAL_AUTO, BNFOLD_EXTERNAL_ALWAYS, BNFOLD_EXTERNAL_NEVER };
enum bnfold_precision { BNFOLD_PRECISION_FLOAT, BNFOLD_PRECISION_DOUBLE };

/* What the jobs may be told; all-zero is the everyday behaviour. Strings are borrowed for the call. */
struct bnfold_options {
    enum bnfold_leftover leftover;
    enum bnfold_check check;
    enum bnfold_external external; /* weights in OUT.data: where the input has such, or beyond 2 GiB; always; never */
    size_t external_threshold;     /* bytes; smaller tensors stay in the model; 0: 1024 */
    bool strict;           /* a BatchNormalization that stays is a failure, and runs do not replace a proof */
    bool in_place;         /* the output may be the input */
    bool flush;            /* force the output to disk before it appears */
    bool keep_failed;      /* write the output although it is not equivalent */
    bool assume_inference; /* take training-mode BatchNormalizations for inference ones */
    bool keep_overridable; /* initializers that are graph inputs too stay overridable */
    bool match_position;   /* check: pair inputs and outputs by position */
    bool lossy;            /* convert: drop what JSON cannot say */
    bool heal;             /* leave sites alone that do not pass the check, and try again */
    bool require_run;      /* runs that are not complete are a failure */
    bool trace;            /* plan: tell every step that was tried */
    double max_u;          /* > 0: limit of the proof, in units of rounding */
    unsigned threads;      /* 0: as many as the machine runs at once */
    size_t max_memory;     /* bytes that the values of a run may take at a time; 0: three quarters of the machine's */
    double max_work;       /* > 0: multiplications that a run may take; else 1e13 */
    const char *const *only, *const *skip; /* glob patterns over node names, NULL-terminated; NULL: none */
    unsigned samples;                      /* made-up inputs of a run; 0: the default */
    uint64_t seed;                         /* of these */
    const char *const *dims;               /* "NAME=N": open extents of inputs, NULL-terminated; NULL: none */
    const char *data;                      /* run on these instead: .npz, .npy, a folder; NULL: none */
    const char *save_failing;              /* a folder for the inputs and outputs on which runs differ; NULL: none */
    double rtol, atol;                     /* > 0: elementwise limits of a run, on top of its own */
    enum bnfold_precision precision;       /* bnfold_run: what to compute in */
    const char *const *taps;               /* bnfold_run: inner values to give out too, glob patterns; NULL: none */
    void (*progress)(void *context, size_t done, size_t all); /* called after every step of the runs; NULL: none */
    void *progress_context;
};

struct bnfold_report;

/* The sentence of a failed job. */
struct bnfold_error {
    char text[1024];
    int exit_status;
};

/* Folds the model at `input` ("-": standard input) and writes `output` ("-": standard output) when it is equivalent.
 * plan: the same without writing. check: compares two models. Each returns 0 and a report that the caller frees, or
 * non-zero and *error. */
int bnfold_fold(const char *input, const char *output, const struct bnfold_options *options,
    struct bnfold_report **report, struct bnfold_error *error);
int bnfold_plan(const char *input, const struct bnfold_options *options, struct bnfold_report **report,
    struct bnfold_error *error);
int bnfold_check(const char *reference, const char *candidate, const struct bnfold_options *options,
    struct bnfold_report **report, struct bnfold_error *error);

/* Runs a model on its inputs. The outputs go to the .npz at `output`; with NULL their names, types, shapes and ranges are
 * printed. Returns 0, or non-zero and *error; its exit status is 3 when the evaluator lacks something. */
int bnfold_run(const char *model, const char *output, const struct bnfold_options *options, FILE *stream,
    struct bnfold_error *error);

/* Rewrites a model in the format that output's suffix names (.json: ONNX-JSON, else ONNX). No report. */
int bnfold_convert(const char *input, const char *output, const struct bnfold_options *options,
    struct bnfold_error *error);

enum bnfold_print { BNFOLD_PRINT_TEXT, BNFOLD_PRINT_JSON };

struct bnfold_style {
    enum bnfold_print format;
    int verbosity; /* -1 quiet: the verdict only; 0; 1: every site */
    bool color;    /* ANSI colours, text only */
};

/* Prints a report. Returns 0, or -1 when the stream failed or memory ran out. */
int bnfold_report_print(const struct bnfold_report *report, const struct bnfold_style *style, FILE *stream);

/* The exit status that a report stands for: 0 equivalent or unchecked, 1 different or --strict failed, 3 inconclusive. */
int bnfold_report_exit(const struct bnfold_report *report);

void bnfold_report_free(struct bnfold_report *report);

/* Prints what a reason or verdict means, with its hint and an example. Returns -1 for an unknown name. With name NULL:
 * lists them all. */
int bnfold_explain(const char *name, FILE *stream);

/* Removes the temporary files of every job that is at work, for a process that is about to end. Async-signal-safe: meant
 * for a handler, since a killed process leaves them where the file system has no nameless files. */
void bnfold_abandon(void);

/* "0.1.0" */
const char *bnfold_version(void);

#endif
