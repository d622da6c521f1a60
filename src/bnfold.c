/* The public face: runs load, graph, fold, save, proof and report in order. The one place where all layers
 * meet. */
#define _POSIX_C_SOURCE 200809L
#include "bnfold.h"

#include "base/threads.h"
#include "check/feeds.h"
#include "check/spare.h"
#include "graph/shapes.h"
#include "heal.h"
#include "onnx/layout.h"
#include "opset.h"
#include "output.h"
#include "report/report.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *bnfold_version(void)
{
    return BNF_VERSION;
}

/* What a fold or plan holds while it runs. */
struct job {
    const char *input, *path; /* path: NULL for a plan */
    const struct bnfold_options *options;
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_fold_result result;
    struct bnf_output output;
    struct bnf_heal heal;
    struct bnfold_report *report;
    bool came_external; /* the input has weights in side files */
    bool side_is_taken; /* OUT.data is one of these */
    bool careful; /* weights are read before they are folded: some did not fit their type */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static unsigned threads(const struct bnfold_options *options)
{
    return options->threads ? options->threads : bnf_thread_count();
}

static int set_error(int status, const struct bnf_err *err, struct bnfold_error *error)
{
    if (status) {
        snprintf(error->text, sizeof error->text, "%s", err->text);
        error->exit_status = bnf_status_exit(status);
    }
    return status;
}

/* Hands a job's report to the caller, or frees it when the job failed. */
static int finish(int status, const struct bnf_err *err, struct bnfold_report *mine,
    struct bnfold_report **report, struct bnfold_error *error)
{
    if (status) {
        bnfold_report_free(mine);
        mine = NULL;
    }
    *report = mine;
    return set_error(status, err, error);
}

/* Names the file that a sentence is about, where the sentence does not: files that cannot be written say so.
 */
static int about(int status, struct bnf_err *err, const char *what, const char *path)
{
    if (status == BNF_EINPUT || status == BNF_ELIMIT)
        bnf_fail_at(err, "cannot %s '%s'", what, path);
    return status;
}

static const char *format_name(enum bnf_format format)
{
    return format == BNF_FORMAT_JSON ? "json" : "onnx";
}

static int describe(struct bnfold_report *report, struct bnf_report_model *to, const struct bnf_model *model,
    const char *path, struct bnf_err *err)
{
    *to = (struct bnf_report_model){.path = bnf_report_text(report, path),
        .format = format_name(model->format),
        .ir_version = model->proto->ir_version,
        .bytes = model->map.size};
    for (size_t i = 0; i < model->proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = model->proto->opset_import[i];
        if (!import->domain || !*import->domain || strcmp(import->domain, "ai.onnx") == 0)
            to->opset = import->version;
    }
    return to->path ? BNF_OK : bnf_fail_memory(err);
}

/* Loads a model for any job. Side files are looked for next to the model, and standard input is nowhere. */
static int open_model(struct bnf_model *model, const char *path, struct bnf_err *err)
{
    int status = bnf_model_load(model, path, err);
    if (!status && strcmp(path, "-") == 0 && bnf_has_external(model))
        return bnf_fail(
            err, BNF_EINPUT, "cannot load '-': its external data cannot be found from standard input");
    return status;
}

/* Builds the graph with all that can be known of shapes. */
static int build(struct bnf_graph *graph, struct bnf_model *model, bool keep_overridable, const char *path,
    struct bnf_err *err)
{
    int status = model->proto->graph ? bnf_graph_build(graph, model, err)
                                     : bnf_fail(err, BNF_EINPUT, "the model has no graph");
    graph->keep_overridable = keep_overridable;
    if (!status)
        status = bnf_demand_opset(graph, err);
    if (!status)
        status = bnf_shapes_infer(graph, err);
    return about(status, err, "load", path);
}

static int load(struct job *job, struct bnf_err *err)
{
    double start = now();
    int status = open_model(&job->model, job->input, err);
    if (!status)
        job->came_external = bnf_has_external(&job->model);
    if (!status && job->path)
        status = bnf_output_side_is_taken(job->path, job->input, &job->model, &job->side_is_taken, err);
    if (!status && job->path)
        status = bnf_output_spare_input(job->path, job->input, &job->model,
            job->options->in_place ? NULL : "; --in-place replaces it", err);
    if (!status && job->path)
        status = bnf_spare_data(job->path, job->options->data, err);
    if (!status)
        status = describe(job->report, &job->report->model, &job->model, job->input, err);
    if (!status)
        status = build(&job->graph, &job->model, job->options->keep_overridable, job->input, err);
    if (!status)
        status = bnf_feeds_check_dims(&job->graph, job->options->dims, err);
    job->report->seconds.load = now() - start;
    return status;
}

/* Folds the loaded model and reports every site. */
static int fold(struct job *job, struct bnf_err *err)
{
    static const enum bnf_leftover leftovers[] = {[BNFOLD_LEFTOVER_AUTO] = BNF_LEFTOVER_AUTO,
        [BNFOLD_LEFTOVER_CONV] = BNF_LEFTOVER_CONV,
        [BNFOLD_LEFTOVER_MUL_ADD] = BNF_LEFTOVER_MUL_ADD,
        [BNFOLD_LEFTOVER_KEEP] = BNF_LEFTOVER_KEEP};
    const struct bnfold_options *options = job->options;
    struct bnf_fold_options how = {.leftover = leftovers[options->leftover],
        .assume_inference = options->assume_inference,
        .keep_overridable = options->keep_overridable,
        .only = options->only,
        .skip = job->heal.count ? job->heal.skip : options->skip,
        .version = BNF_VERSION,
        .optimistic = job->report->command == BNF_COMMAND_FOLD && !job->careful,
        .trace = options->trace && job->report->command == BNF_COMMAND_PLAN,
        .threads = threads(options)};
    struct bnfold_report *report = job->report;
    double start = now();
    int status = about(bnf_fold_model(&job->graph, &how, &job->result, err), err, "fold", job->input);
    if (!status)
        status = bnf_heal_explain(report, &job->result, err);
    if (!status)
        status = bnf_report_sites(report, &job->result, &job->graph, err);
    if (status)
        return status;
    report->model.nodes = job->result.nodes_before;
    report->model.batchnorms = job->result.batchnorms_before;
    report->strict_failed = options->strict && report->batchnorms.kept > 0;
    report->seconds.fold = now() - start;
    return BNF_OK;
}

/* A pattern that matches nothing is a name mistyped as often as one that was folded before: no error. */
static int warn_of_patterns(struct job *job, const char *option, const char *const *patterns, struct bnf_err *err)
{
    int status = BNF_OK;
    for (; patterns && *patterns && !status; patterns++) {
        bool found = false;
        for (size_t i = 0; i < job->result.site_count && !found; i++)
            found = fnmatch(*patterns, job->result.sites[i].name, 0) == 0;
        if (!found)
            status = bnf_report_warn(job->report, err, "'%s=%.300s' matches no BatchNormalization or decomposed affine",
                option, *patterns);
    }
    return status;
}

/* Up to 64 u the proof itself tells which weights are not near. A limit beyond that may let everything pass. */
static int warn_of_limit(struct bnfold_report *report, const struct bnfold_options *options, struct bnf_err *err)
{
    if (options->check == BNFOLD_CHECK_NONE || !(options->max_u > 64))
        return BNF_OK;
    return bnf_report_warn(report, err,
        "'--max-u=%g' lets weights pass that rounding does not explain: those of type float may be %.2g times their "
        "size off",
        options->max_u, options->max_u * 0x1p-24);
}

/* An output that holds the input's bytes. */
static int copy_input(struct job *job, struct bnf_err *err)
{
    struct bnfold_report *report = job->report;
    report->unchanged = true;
    report->verdict = BNF_VERDICT_EQUIVALENT;
    report->proof = (struct bnf_report_proof){.done = true, .verdict = BNF_PROOF_PROVED, .identical = true};
    report->output.bytes = job->model.map.size;
    struct bnf_layout layout = {.model = &job->model};
    bnf_layout_payload(&layout, job->model.map.data, NULL, job->model.map.size, false);
    int status = bnf_layout_write(&layout, &job->output.file, threads(job->options), err);
    bnf_layout_free(&layout);
    return status;
}

/* What is compared: the models, how they were called, and who made the second. */
struct comparison {
    struct bnf_model *reference, *candidate;
    const char *path; /* of the candidate */
    bool foreign;
};

static int compare_by_runs(struct bnfold_report *report, const struct bnfold_options *options,
    const struct comparison *c, struct bnf_err *err)
{
    struct bnf_run run = {0};
    struct bnf_run_options how = {.samples = options->samples,
        .seed = options->seed,
        .dims = options->dims,
        .data = options->data,
        .rtol = options->rtol,
        .atol = options->atol,
        .threads = threads(options),
        .memory = options->max_memory,
        .work = options->max_work,
        .match_by_position = options->match_position,
        .assume_inference = options->assume_inference,
        .save_failing = options->save_failing,
        .progress = options->progress,
        .progress_context = options->progress_context};
    double start = now();
    int status = bnf_run_compare(c->reference, c->candidate, &how, &run, err);
    if (!status) {
        status = bnf_report_run(report, &run, err);
        if (!status)
            status = bnf_report_saved(report, options->save_failing, &run, err);
        bnf_run_free(&run);
    }
    report->seed = options->seed;
    report->seconds.run = now() - start;
    return status;
}

/* Proves, runs and judges. Files of the same bytes need no run. */
static int compare(struct bnfold_report *report, const struct bnfold_options *options, const struct comparison *c,
    struct bnf_err *err)
{
    struct bnf_proof proof = {0};
    struct bnf_proof_options how = {.foreign = c->foreign,
        .max_u = options->max_u,
        .match_by_position = options->match_position,
        .keep_overridable = options->keep_overridable,
        .assume_inference = options->assume_inference,
        .threads = threads(options)};
    double start = now();
    int status = about(bnf_prove(c->reference, c->candidate, &how, &proof, err), err, "check", c->path);
    if (!status)
        status = bnf_report_proof(report, &proof, err);
    bool identical = proof.identical;
    bnf_proof_free(&proof);
    report->seconds.proof += now() - start;
    if (!status && options->check == BNFOLD_CHECK_PROOF_AND_RUN && !identical)
        status = compare_by_runs(report, options, c, err);
    if (!status)
        bnf_report_judge(report, options->strict, options->require_run);
    return status;
}

/* Re-opens what was written and compares it with the input, read afresh: the fold has edited the first
 * reading. */
static int verify(struct job *job, struct bnf_err *err)
{
    struct bnf_model written = {0};
    double start = now();
    bnf_graph_free(&job->graph);
    int status = bnf_model_reload(&job->model, job->input, err);
    if (!status)
        status = bnf_output_reopen(&job->output, job->path, &written, err);
    job->report->seconds.proof = now() - start;
    struct comparison c = {.reference = &job->model, .candidate = &written, .path = job->path};
    if (!status)
        status = compare(job->report, job->options, &c, err);
    bnf_model_close(&written);
    return status;
}

static int write_folded(struct job *job, struct bnf_err *err);

/* A folded weight did not fit its type: everything once more, with a look at every weight before it is touched. */
static int fold_carefully(struct job *job, struct bnf_err *err)
{
    job->careful = true;
    bnf_output_discard(&job->output);
    bnf_graph_free(&job->graph);
    int status = bnf_model_reload(&job->model, job->input, err);
    if (!status)
        status = build(&job->graph, &job->model, job->options->keep_overridable, job->input, err);
    if (!status)
        status = fold(job, err);
    return status || job->report->strict_failed ? status : write_folded(job, err);
}

/* The output's weights, as the options say. */
static struct bnf_placing placing(
    const struct bnfold_options *options, const char *path, const char *input, enum bnf_format format)
{
    static const enum bnf_weights weights[] = {[BNFOLD_EXTERNAL_AUTO] = BNF_WEIGHTS_AUTO,
        [BNFOLD_EXTERNAL_ALWAYS] = BNF_WEIGHTS_OUTSIDE,
        [BNFOLD_EXTERNAL_NEVER] = BNF_WEIGHTS_INSIDE};
    return (struct bnf_placing){.path = path,
        .input_path = input,
        .format = bnf_output_format(path, format),
        .weights = weights[options->external],
        .threshold = options->external_threshold,
        .threads = threads(options)};
}

/* Writes a model, and its side file where it gets one. */
static int save(struct bnf_output *output, struct bnf_model *model, const struct bnf_placing *to, bool lossy,
    uint64_t *bytes, struct bnf_err *err)
{
    struct bnf_save_options how = {.format = to->format, .threads = to->threads, .lossy = lossy};
    uint64_t side;
    int status = about(bnf_output_place(output, model, to, &side, err), err, "load", to->input_path);
    if (!status)
        status = about(bnf_model_save(model, &output->file, &how, bytes, err), err, "write", to->path);
    if (!status)
        *bytes += side;
    return status;
}

/* A model that stays as it is, weights included, is copied. */
static bool stays(const struct job *job, const struct bnf_placing *to)
{
    if (job->result.changed || to->format != job->model.format)
        return false;
    bool outside = to->weights == BNF_WEIGHTS_OUTSIDE;
    return job->came_external ? to->weights == BNF_WEIGHTS_AUTO && !bnf_output_is_elsewhere(job->path, job->input)
                              : !outside;
}

static int write_folded(struct job *job, struct bnf_err *err)
{
    double start = now();
    struct bnf_placing to = placing(job->options, job->path, job->input, job->model.format);
    to.came_external = job->came_external;
    to.side_is_taken = job->side_is_taken;
    int status = bnf_output_open(&job->output, job->path, err);
    if (!status && stays(job, &to)) {
        status = copy_input(job, err);
        job->report->seconds.write = now() - start;
        return status;
    }
    if (!status)
        status = save(&job->output, &job->model, &to, false, &job->report->output.bytes, err);
    job->report->seconds.write = now() - start;
    if (!status && *job->result.unfit && !job->careful)
        return fold_carefully(job, err);
    if (!status && job->options->check != BNFOLD_CHECK_NONE)
        status = verify(job, err);
    return status;
}

/* Lets the output appear when its verdict allows that. */
static int deliver(struct job *job, struct bnf_err *err)
{
    struct bnfold_report *report = job->report;
    struct bnf_report_model *output = &report->output;
    bool good = report->verdict == BNF_VERDICT_EQUIVALENT || report->verdict == BNF_VERDICT_UNCHECKED;
    double start = now();
    if (!good && !job->options->keep_failed)
        return BNF_OK;
    output->path = bnf_report_text(report, job->path);
    output->side = job->output.has_side ? bnf_report_text(report, job->output.side_path) : NULL;
    if (!output->path || (job->output.has_side && !output->side))
        return bnf_fail_memory(err);
    output->format = format_name(bnf_output_format(job->path, job->model.format));
    output->ir_version = report->model.ir_version;
    output->opset = report->model.opset;
    output->nodes = job->result.nodes_after;
    output->batchnorms = job->result.batchnorms_after;
    int status = bnf_output_commit(&job->output, job->options->flush, err);
    report->seconds.write += now() - start;
    return status;
}

/* Folds again and again, each time without the sites that the check blames, until it passes or there is nobody left to
 * blame. */
static int heal(struct job *job, struct bnf_err *err)
{
    struct bnfold_report *report = job->report;
    bool more = true;
    int status = bnf_heal_begin(&job->heal, job->options->skip, err);
    while (!status && more &&
           (report->verdict == BNF_VERDICT_DIFFERENT || report->verdict == BNF_VERDICT_INCONCLUSIVE)) {
        status = build(&job->graph, &job->model, job->options->keep_overridable, job->input, err);
        if (!status)
            status = bnf_heal_choose(&job->heal, &job->graph, report, &more, err);
        if (status || !more)
            break;
        bnf_output_discard(&job->output);
        status = fold(job, err);
        if (status || report->strict_failed)
            break;
        report->run = (struct bnf_report_run){.done = false};
        status = write_folded(job, err);
    }
    return status;
}

static int run(struct job *job, enum bnf_command command, struct bnf_err *err)
{
    job->report = bnf_report_new(command);
    if (!job->report)
        return bnf_fail_memory(err);
    int status = load(job, err);
    if (!status)
        status = fold(job, err);
    if (!status)
        status = warn_of_patterns(job, "--only", job->options->only, err);
    if (!status)
        status = warn_of_patterns(job, "--skip", job->options->skip, err);
    if (!status)
        status = warn_of_limit(job->report, job->options, err);
    if (status || command == BNF_COMMAND_PLAN || job->report->strict_failed)
        return status;
    status = write_folded(job, err);
    if (!status && job->options->heal && job->options->check != BNFOLD_CHECK_NONE) {
        job->report->heal_tried = true;
        status = heal(job, err);
    }
    return status || job->report->strict_failed ? status : deliver(job, err);
}

static void release(struct job *job)
{
    bnf_output_discard(&job->output);
    bnf_heal_end(&job->heal);
    bnf_graph_free(&job->graph);
    bnf_model_close(&job->model);
}

int bnfold_fold(const char *input, const char *output, const struct bnfold_options *options,
    struct bnfold_report **report, struct bnfold_error *error)
{
    struct bnf_err err = {0};
    struct job job = {.input = input, .path = output, .options = options, .output.file.descriptor = -1};
    int status = run(&job, BNF_COMMAND_FOLD, &err);
    release(&job);
    return finish(status, &err, job.report, report, error);
}

int bnfold_plan(const char *input, const struct bnfold_options *options, struct bnfold_report **report,
    struct bnfold_error *error)
{
    struct bnf_err err = {0};
    struct job job = {.input = input, .options = options, .output.file.descriptor = -1};
    int status = run(&job, BNF_COMMAND_PLAN, &err);
    release(&job);
    return finish(status, &err, job.report, report, error);
}

/* Loads one side of a comparison and counts its nodes. dims: extents that have to be its inputs'. */
static int load_side(struct bnf_model *model, const char *path, const char *const *dims,
    struct bnfold_report *report, struct bnf_report_model *to, struct bnf_err *err)
{
    struct bnf_graph graph = {0};
    int status = open_model(model, path, err);
    if (!status)
        status = describe(report, to, model, path, err);
    if (!status)
        status = build(&graph, model, false, path, err);
    if (!status)
        status = bnf_feeds_check_dims(&graph, dims, err);
    for (bnf_id node = 0; !status && node < graph.node_count; node++) {
        to->nodes++;
        to->batchnorms += bnf_node_is(&graph, node, "BatchNormalization");
    }
    bnf_graph_free(&graph);
    return status;
}

int bnfold_check(const char *reference, const char *candidate, const struct bnfold_options *options,
    struct bnfold_report **report, struct bnfold_error *error)
{
    struct bnf_err err = {0};
    struct bnf_model models[2] = {0};
    struct bnfold_report *mine = bnf_report_new(BNF_COMMAND_CHECK);
    double start = now();
    int status = mine ? BNF_OK : bnf_fail_memory(&err);
    if (!status)
        status = load_side(&models[0], reference, options->dims, mine, &mine->model, &err);
    if (!status)
        status = load_side(&models[1], candidate, NULL, mine, &mine->candidate, &err);
    struct comparison c = {
        .reference = &models[0], .candidate = &models[1], .path = candidate, .foreign = true};
    if (!status)
        status = warn_of_limit(mine, options, &err);
    if (!status) {
        mine->seconds.load = now() - start;
        status = compare(mine, options, &c, &err);
    }
    bnf_model_close(&models[1]);
    bnf_model_close(&models[0]);
    return finish(status, &err, mine, report, error);
}

int bnfold_convert(
    const char *input, const char *output, const struct bnfold_options *options, struct bnfold_error *error)
{
    struct bnf_err err = {0};
    struct bnf_model model = {0};
    struct bnf_output out = {.file.descriptor = -1};
    uint64_t written;
    int status = open_model(&model, input, &err);
    if (!status)
        status = bnf_output_spare_input(output, input, &model, "", &err);
    bool taken;
    if (!status)
        status = bnf_output_side_is_taken(output, input, &model, &taken, &err);
    if (!status)
        status = bnf_output_open(&out, output, &err);
    if (!status) {
        struct bnf_placing to = placing(options, output, input, model.format);
        to.came_external = bnf_has_external(&model);
        to.side_is_taken = taken;
        status = save(&out, &model, &to, options->lossy, &written, &err);
    }
    if (!status)
        status = bnf_output_commit(&out, options->flush, &err);
    bnf_output_discard(&out);
    bnf_model_close(&model);
    return set_error(status, &err, error);
}
