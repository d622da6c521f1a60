/* What a job found out, in one structure of its own: it outlives the models. Printers turn it into text or
 * JSON.
 *
 * All strings are well-formed UTF-8 (other bytes of a model's names become U+FFFD) and live in the report's
 * arena. */
#ifndef BNF_REPORT_REPORT_H
#define BNF_REPORT_REPORT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "bnfold.h"
#include "check/proof.h"
#include "check/run.h"
#include "fold/fold.h"

enum bnf_command { BNF_COMMAND_FOLD, BNF_COMMAND_PLAN, BNF_COMMAND_CHECK };
enum bnf_verdict {
    BNF_VERDICT_EQUIVALENT,
    BNF_VERDICT_DIFFERENT,
    BNF_VERDICT_INCONCLUSIVE,
    BNF_VERDICT_UNCHECKED
};

/* One file: counts go over all scopes. */
struct bnf_report_model {
    const char *path; /* NULL: there is no such file */
    const char *side; /* the file that holds the weights of an output, NULL: it has none */
    const char *format;
    int64_t ir_version, opset;
    size_t nodes, batchnorms;
    uint64_t bytes; /* an output's with its side file */
};

struct bnf_report_site {
    const char *name;
    const char *function; /* the model-local function that it is part of; NULL outside of functions */
    enum bnf_site_kind kind;
    enum bnf_site_verdict verdict;
    enum bnf_site_direction direction;
    const char **into, **through;
    size_t into_count, through_count;
    const char *operator; /* of the first node it went into; NULL: none, or not known */
    enum bnf_reason reason;
    const char *detail, *warning;
    const char **steps; /* the walks that were tried, one operator each; only in a plan that was asked for them */
    size_t step_count;
};

/* How many sites of one kind ended how. */
struct bnf_report_totals {
    size_t sites, folded, dropped, lowered, kept;
};

struct bnf_report_proof {
    bool done; /* false: skipped */
    enum bnf_proof_verdict verdict;
    bool identical, with_defaults, assumed_inference, same_draws;
    const char *shapes; /* extents the proof is restricted to, NULL: none */
    size_t cut_points, cut_points_proved;
    double worst_u;
    struct bnf_finding *findings;
    size_t finding_count;
};

struct bnf_report_run {
    bool done;          /* false: skipped */
    struct bnf_run run; /* its texts live in the report's arena */
};

/* A site that was left alone so that the rest passes its check. */
struct bnf_report_healed {
    const char *name, *why;
};

/* Wall-clock time; 0 for what was not done. */
struct bnf_report_seconds {
    double load, fold, proof, run, write;
};

struct bnfold_report {
    struct bnf_arena arena;
    enum bnf_command command;
    struct bnf_report_model model;     /* the input, or the reference */
    struct bnf_report_model candidate; /* check: the other model */
    struct bnf_report_model output;    /* fold: what was written */
    struct bnf_report_site *sites;
    size_t site_count;
    struct bnf_report_totals batchnorms, affines;
    size_t frozen;
    bool unchanged;     /* fold: the output is a copy of the input */
    bool strict_failed; /* --strict, and a BatchNormalization stays */
    struct bnf_report_proof proof;
    struct bnf_report_run run;
    const char *saved_folder; /* --save-failing: where the files of a failed run are; NULL: there are none */
    const char *saved[4];     /* their names; static */
    size_t saved_count;
    uint64_t seed;
    const char **warnings; /* about the options: what they leave without effect, or let pass */
    size_t warning_count;
    struct bnf_report_healed *healed;
    size_t healed_count;
    bool heal_tried; /* --heal was given */
    enum bnf_verdict verdict;
    bool by_runs;      /* not proved, but the runs agree */
    bool run_required; /* proved, but the runs are incomplete and --require-run was given */
    struct bnf_report_seconds seconds;
};

/* An empty report, freed with bnfold_report_free; NULL when memory is out. */
struct bnfold_report *bnf_report_new(enum bnf_command command);

/* A copy of text in the report; NULL for NULL, and when memory is out. */
const char *bnf_report_text(struct bnfold_report *report, const char *text);

/* Copies the sites of a fold and counts them. In the folded graph it looks up which operators took the sites
 * in. BNF_ENOMEM. */
int bnf_report_sites(struct bnfold_report *report, const struct bnf_fold_result *result,
    const struct bnf_graph *graph, struct bnf_err *err);

/* Notes a warning about the job as a whole, one sentence. BNF_ENOMEM. */
int bnf_report_warn(struct bnfold_report *report, struct bnf_err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes a site that is left alone. BNF_ENOMEM. */
int bnf_report_healed(struct bnfold_report *report, const char *name, const char *why, struct bnf_err *err);

/* Copies what a proof found, and what runs found. BNF_ENOMEM. */
int bnf_report_proof(struct bnfold_report *report, const struct bnf_proof *proof, struct bnf_err *err);
int bnf_report_run(struct bnfold_report *report, const struct bnf_run *run, struct bnf_err *err);

/* Notes what a failed run left in a folder. BNF_ENOMEM. */
int bnf_report_saved(
    struct bnfold_report *report, const char *folder, const struct bnf_run *run, struct bnf_err *err);

/* Sets the verdict that follows from both. strict: runs alone are not enough. require_run: they have to be complete. */
void bnf_report_judge(struct bnfold_report *report, bool strict, bool require_run);

/* The printers: each appends the whole report to a buffer. */
void bnf_report_print_text(
    const struct bnfold_report *report, int verbosity, bool color, struct bnf_buf *out);
void bnf_report_print_json(const struct bnfold_report *report, struct bnf_buf *out);

/* "folded", "proved", "equivalent" … as reports print them. Static. */
const char *bnf_site_verdict_name(enum bnf_site_verdict verdict);
const char *bnf_proof_verdict_name(enum bnf_proof_verdict verdict);
const char *bnf_run_verdict_name(enum bnf_run_verdict verdict);
const char *bnf_verdict_name(enum bnf_verdict verdict);

#endif
