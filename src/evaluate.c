/* Running a model for people: what it computes, printed or written as .npz. */
#include "bnfold.h"

#include "base/machine.h"
#include "base/threads.h"
#include "check/feeds.h"
#include "check/spare.h"
#include "eval/eval.h"
#include "eval/feed.h"
#include "graph/shapes.h"
#include "onnx/npy.h"
#include "opset.h"
#include "output.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What is given out: outputs, and inner values that were asked for. */
struct evaluation {
    struct bnf_arena arena;
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_constants constants;
    struct bnf_run_options how;
    struct bnf_feeds feeds;
    struct bnf_eval eval;
    bnf_id *given;
    size_t given_count, tap_count;
    struct bnf_named_tensor *tensors; /* of all samples */
    size_t tensor_count;
};

static bool matches(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0)
            return true;
    return false;
}

/* Taps first, then the outputs. */
static int choose_values(struct evaluation *e, const struct bnfold_options *options, struct bnf_err *err)
{
    const struct bnf_graph *g = &e->graph;
    const struct bnf_scope *main = &g->scopes[0];
    e->given = bnf_arena_alloc(&e->arena, g->value_count + main->output_count, sizeof *e->given);
    if (!e->given)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < main->order_count; i++) {
        for (uint32_t slot = 0; slot < g->nodes[main->order[i]].output_count; slot++) {
            bnf_id value = bnf_node_output(g, main->order[i], slot);
            if (value != BNF_NONE && !g->values[value].output_uses &&
                matches(options->taps, g->values[value].name))
                e->given[e->given_count++] = value;
        }
    }
    e->tap_count = e->given_count;
    if (options->taps && !e->tap_count)
        return bnf_fail(err, BNF_EUSAGE, "'--taps' matches none of the model's inner values");
    for (size_t i = 0; i < main->output_count; i++)
        e->given[e->given_count++] = main->outputs[i];
    return BNF_OK;
}

/* Loads the model. What is read must not be what is written. */
static int load(struct evaluation *e, const char *path, const char *output, const struct bnfold_options *options,
    struct bnf_err *err)
{
    int status = bnf_model_load(&e->model, path, err);
    if (!status && output)
        status = bnf_output_spare_input(output, path, &e->model, "", err);
    if (!status && output)
        status = bnf_spare_data(output, options->data, err);
    return status;
}

static int prepare(struct evaluation *e, const char *path, const char *output, const struct bnfold_options *options,
    struct bnf_err *err)
{
    unsigned threads = options->threads ? options->threads : bnf_thread_count();
    e->how = (struct bnf_run_options){.samples = options->samples || options->data ? options->samples : 1,
        .seed = options->seed,
        .dims = options->dims,
        .data = options->data,
        .memory = options->max_memory,
        .threads = threads};
    int status = load(e, path, output, options, err);
    if (!status)
        status = e->model.proto->graph ? bnf_graph_build(&e->graph, &e->model, err)
                                       : bnf_fail(err, BNF_EINPUT, "the model has no graph");
    if (!status && bnf_demand_opset(&e->graph, err))
        status = bnf_fail_at(err, "cannot load '%s'", path);
    if (!status)
        status = bnf_shapes_infer(&e->graph, err);
    if (!status)
        status = bnf_constants_init(&e->constants, &e->graph, false, err);
    if (!status)
        status = bnf_feeds_init(&e->feeds, &e->graph, &e->constants, &e->how, err);
    if (!status && e->feeds.why)
        status = bnf_fail(err, BNF_EINPUT, "cannot run '%.200s': %s", path, e->feeds.why);
    if (!status)
        status = choose_values(e, options, err);
    enum bnf_precision precision =
        options->precision == BNFOLD_PRECISION_DOUBLE ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
    if (!status)
        status = bnf_eval_init(&e->eval, &e->graph, precision, threads, e->given, e->tap_count, err);
    e->eval.budget.limit = options->max_memory ? options->max_memory : bnf_machine_memory() / 4 * 3;
    if (options->max_work > 0)
        e->eval.budget.most_work = options->max_work;
    return status;
}

static int run_sample(struct evaluation *e, size_t sample, struct bnf_err *err)
{
    size_t inputs = e->graph.scopes[0].input_count;
    struct bnf_array **arrays = bnf_alloc(inputs, sizeof *arrays);
    int status = arrays ? bnf_feeds_make(&e->feeds, sample, e->eval.precision, &e->eval.budget, arrays, err)
                        : bnf_fail_memory(err);
    if (!status)
        status = bnf_eval_run(&e->eval, arrays, err);
    for (size_t i = 0; arrays && i < inputs; i++)
        bnf_array_drop(&e->eval.budget, arrays[i]);
    bnf_free(arrays);
    return status;
}

/* Names the limit of the run where it was that one, and not the machine's, that memory met. */
static int name_limit(
    int status, const struct evaluation *e, const struct bnfold_options *options, struct bnf_err *err)
{
    if (status != BNF_ENOMEM || !e->eval.budget.exhausted)
        return status;
    return bnf_fail(err, status,
        options->max_memory ? "the run needs more than the %zu bytes of --max-memory"
                            : "the run needs more than %zu bytes, three quarters of the machine's memory",
        e->eval.budget.limit);
}

/* ---- printing ---- */

static void print_array(
    FILE *stream, const char *name, const struct bnf_array *a, enum bnf_precision precision)
{
    char dims[160];
    if (a->kind == BNF_KIND_SEQUENCE || a->kind == BNF_KIND_NOTHING) {
        fprintf(stream, "%-24s %s of %zu\n", name, a->kind == BNF_KIND_NOTHING ? "optional" : "sequence",
            a->count);
        return;
    }
    fprintf(stream, "%-24s %-8s %-16s", name, bnf_dtype_name(a->dtype),
        bnf_dims_text(a->dims, a->rank, dims, sizeof dims));
    if (a->kind != BNF_KIND_TEXT && a->count) {
        double least = INFINITY, most = -INFINITY, sum = 0;
        size_t finite = 0;
        for (size_t i = 0; i < a->count; i++) {
            double x = bnf_array_at(a, i);
            if (!isfinite(x))
                continue;
            least = x < least ? x : least;
            most = x > most ? x : most;
            sum += x;
            finite++;
        }
        int digits = precision == BNF_PRECISION_DOUBLE ? 15 : 6;
        if (finite)
            fprintf(stream, " min %.*g  mean %.*g  max %.*g", digits, least, digits, sum / (double)finite,
                digits, most);
        if (finite < a->count)
            fprintf(stream, "  %zu of %zu not finite", a->count - finite, a->count);
    }
    fputc('\n', stream);
}

/* ---- writing ---- */

/* The type an array is written as: its own; what was computed in double, as double. */
static int written_type(const struct bnf_array *a)
{
    return a->kind == BNF_KIND_REAL && a->precision == BNF_PRECISION_DOUBLE ? BNF_DTYPE_DOUBLE : a->dtype;
}

/* The elements in the form of a file, in the arena. */
static int store(struct evaluation *e, const char *name, const struct bnf_array *a, struct bnf_err *err)
{
    struct bnf_tensor t;
    int status = bnf_feed_tensor(a, written_type(a), &e->arena, &t, err);
    if (status > 0)
        return bnf_fail(err, BNF_EINPUT, "output '%.200s' cannot be written: it holds no numbers", name);
    if (status)
        return status;
    e->tensors[e->tensor_count++] = (struct bnf_named_tensor){.name = name, .tensor = t};
    return BNF_OK;
}

/* Takes one sample's values. With several samples names get the sample's number. */
static int give(struct evaluation *e, size_t sample, const char *path, const char *output, FILE *stream,
    struct bnf_err *err)
{
    int status = BNF_OK;
    for (size_t i = 0; i < e->given_count && !status; i++) {
        const struct bnf_array *a = bnf_eval_value(&e->eval, e->given[i]);
        const char *name = e->graph.values[e->given[i]].name;
        if (e->feeds.samples > 1)
            name = bnf_arena_format(&e->arena, "%s.%zu", name, sample);
        if (!name)
            return bnf_fail_memory(err);
        if (!a)
            status = bnf_fail(err, BNF_EINPUT, "cannot run '%.200s': %s", path,
                *e->eval.blocked ? e->eval.blocked : "an output is not computed by anything");
        else if (output)
            status = store(e, name, a, err);
        else
            print_array(stream, name, a, e->eval.precision);
    }
    return status;
}

int bnfold_run(const char *model, const char *output, const struct bnfold_options *options, FILE *stream,
    struct bnfold_error *error)
{
    struct bnf_err err = {0};
    struct evaluation e = {.eval = {0}};
    bnf_arena_init(&e.arena, 0);
    int status = prepare(&e, model, output, options, &err);
    bool engine = false;
    if (!status) {
        e.tensors = bnf_arena_alloc(&e.arena, e.given_count * e.feeds.samples, sizeof *e.tensors);
        status = e.tensors ? BNF_OK : bnf_fail_memory(&err);
    }
    for (size_t sample = 0; sample < e.feeds.samples && !status; sample++) {
        status = run_sample(&e, sample, &err);
        while (status == BNF_EINPUT && sample == 0 && bnf_feeds_retry(&e.feeds, sample))
            status = run_sample(&e, sample, &err);
        status = name_limit(status, &e, options, &err);
        if (!status) {
            status = give(&e, sample, model, output, stream, &err);
            engine = status && *e.eval.blocked;
        }
    }
    if (!status && output)
        status = bnf_npz_save(output, e.tensors, e.tensor_count, &err);
    bnf_eval_free(&e.eval);
    bnf_feeds_free(&e.feeds);
    bnf_constants_free(&e.constants);
    bnf_graph_free(&e.graph);
    bnf_model_close(&e.model);
    bnf_arena_free(&e.arena);
    if (status) {
        snprintf(error->text, sizeof error->text, "%s", err.text);
        error->exit_status = engine ? 3 : bnf_status_exit(status);
    }
    return status;
}
