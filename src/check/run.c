#include "check/run.h"

#include "check/runner.h"
#include "eval/sequence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A copy that outlives the evaluator and the feeds; NULL when memory is out. */
static struct bnf_array *keep(struct bnf_runner *r, const struct bnf_array *from)
{
    if (from->kind == BNF_KIND_NOTHING)
        return bnf_nothing_new(from->dtype);
    if (from->kind == BNF_KIND_SEQUENCE) {
        struct bnf_array *to = bnf_sequence_new(&r->budget, from->dtype, from->count);
        for (size_t i = 0; to && i < from->count; i++) {
            bnf_sequence_elements(to)[i] = keep(r, bnf_sequence_elements(from)[i]);
            if (!bnf_sequence_elements(to)[i]) {
                bnf_array_drop(&r->budget, to);
                return NULL;
            }
        }
        return to;
    }
    struct bnf_array *to = bnf_array_new(&r->budget, from->dtype, from->precision, from->rank, from->dims);
    if (!to)
        return NULL;
    if (from->kind != BNF_KIND_TEXT) {
        memcpy(to->data, from->data, from->count * bnf_kind_size(from->kind, from->precision));
        return to;
    }
    for (size_t i = 0; i < from->count; i++) {
        const char *text = ((const char *const *)from->data)[i];
        const char *copy = bnf_arena_copy(&r->arena, text, strlen(text));
        ((const char **)to->data)[i] = copy ? copy : "";
    }
    return to;
}

static int keep_value(struct bnf_runner *r, const struct bnf_eval *eval, bnf_id value, struct bnf_array **to,
    struct bnf_err *err)
{
    struct bnf_array *array = value == BNF_NONE ? NULL : bnf_eval_value(eval, value);
    *to = array ? keep(r, array) : NULL;
    return array && !*to ? bnf_fail_memory(err) : BNF_OK;
}

/* ---- what is taken from each arm ---- */

static bool has_scores(const struct bnf_array *a)
{
    return a && a->kind == BNF_KIND_REAL && a->rank == 2 && a->dims[1] >= 2;
}

/* Counts rows whose largest number is where the label says. */
static size_t count_correct(
    struct bnf_runner *r, size_t sample, const struct bnf_array *scores, size_t *labelled)
{
    size_t first, correct = 0;
    *labelled = 0;
    if (!has_scores(scores))
        return 0;
    size_t rows = (size_t)scores->dims[0], count = (size_t)scores->dims[1];
    const struct bnf_tensor *labels = bnf_feeds_labels(&r->feeds, sample, rows, &first);
    if (!labels)
        return 0;
    *labelled = rows;
    for (size_t row = 0; row < rows; row++)
        correct +=
            (double)bnf_metrics_largest(scores, row * count, count) == bnf_tensor_at(labels, first + row);
    return correct;
}

/* Outputs are judged by the runs in double when there is nothing better. */
static bool is_wide(const struct bnf_runner *r, size_t output)
{
    return r->metrics[output].real ? r->metrics[output].dtype == BNF_DTYPE_DOUBLE : r->wide;
}

/* Accuracy is that of the first output that has scores. */
static void label(
    struct bnf_runner *r, size_t sample, size_t output, const struct bnf_array *scores, bool candidate)
{
    for (size_t i = 0; i < output; i++)
        if (has_scores(r->oracle[bnf_runner_place(r, sample, i)]))
            return;
    size_t labelled, correct = count_correct(r, sample, scores, &labelled);
    r->run->has_labels |= labelled > 0;
    if (candidate) {
        r->run->correct_new += correct;
    } else {
        r->run->correct_ref += correct;
        r->run->labelled += labelled;
    }
}

static int take_oracle(struct bnf_runner *r, const struct bnf_eval *eval, size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t at = bnf_runner_place(r, sample, i);
        status = keep_value(r, eval, g->scopes[0].outputs[i], &r->oracle[at], err);
        if (!status && r->deciders[i].kind)
            status = keep_value(r, eval, r->deciders[i].data, &r->data[at], err);
        if (!status && r->deciders[i].kind == BNF_DECIDER_BOXES)
            status = keep_value(r, eval, r->deciders[i].boxes, &r->boxes[at], err);
    }
    return status;
}

/* Given outputs are those of the reference, within what another implementation may do. */
static int compare_expected(
    struct bnf_runner *r, size_t sample, size_t output, const struct bnf_array *ref, struct bnf_err *err)
{
    struct bnf_array *given;
    int status = bnf_feeds_expected(&r->feeds, sample, output, BNF_PRECISION_FLOAT, &r->budget, &given, err);
    if (status || !given)
        return status;
    bool same = bnf_metrics_same_form(given, ref);
    double off = 0;
    if (same && (ref->kind == BNF_KIND_REAL || ref->kind == BNF_KIND_INT)) {
        off = bnf_metrics_distance(given, ref, bnf_metrics_scale(given));
        same = ref->kind == BNF_KIND_INT ? off == 0 : off <= fmax(1e-3, 8 * bnf_dtype_roundoff(ref->dtype));
    }
    if (!same && !r->unexpected) {
        r->unexpected = true;
        r->run->note = bnf_arena_format(&r->run->arena,
            "output '%s' of the reference is not what the data's output_%zu.pb says: %.3g off",
            r->run->outputs[output].name, output, off);
    }
    bnf_array_drop(&r->budget, given);
    return BNF_OK;
}

static int take_ref(struct bnf_runner *r, const struct bnf_eval *eval, size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    int status = BNF_OK;
    r->node_runs += eval->node_runs;
    r->node_needed += eval->node_needed;
    if (*eval->blocked && !r->run->blocked)
        r->run->blocked = bnf_arena_copy(&r->run->arena, eval->blocked, strlen(eval->blocked));
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t at = bnf_runner_place(r, sample, i);
        const struct bnf_decider *decider = &r->deciders[i];
        const struct bnf_array *data = decider->kind ? bnf_eval_value(eval, decider->data) : NULL,
                               *exact = r->data[at];
        status = keep_value(r, eval, g->scopes[0].outputs[i], &r->ref[at], err);
        if (status || !r->oracle[at] || !r->ref[at])
            continue;
        if (data && exact && bnf_metrics_same_form(data, exact))
            r->noise[at] = fmax(bnf_metrics_noise_of(exact, data), bnf_metrics_floor(exact->dtype));
        bnf_metrics_noise(&r->metrics[i], r->oracle[at], r->ref[at]);
        r->rms_ref[at] = bnf_metrics_rms(&r->metrics[i], r->oracle[at], r->ref[at]);
        label(r, sample, i, is_wide(r, i) ? r->oracle[at] : r->ref[at], false);
        status = compare_expected(r, sample, i, r->ref[at], err);
    }
    return status;
}

/* Keeps what the candidate has otherwise; elements that a tie explains become the reference's. */
static int keep_other(struct bnf_runner *r, size_t at, const struct bnf_array *ref,
    const struct bnf_array *new, const struct bnf_tie *tie, struct bnf_err *err)
{
    struct bnf_array *kept = keep(r, new);
    if (!kept)
        return bnf_fail_memory(err);
    for (size_t i = 0;
         tie && kept->kind == BNF_KIND_INT && bnf_metrics_same_form(ref, kept) && i < kept->count; i++)
        if (bnf_tie_is_near(tie, i, ref, kept))
            ((int64_t *)kept->data)[i] = ((const int64_t *)ref->data)[i];
    r->other[at] = kept;
    return BNF_OK;
}

/* Compares one output of the candidate with the reference's of the same precision. */
static int compare(struct bnf_runner *r, size_t sample, size_t output, const struct bnf_array *ref,
    const struct bnf_array *new, struct bnf_err *err)
{
    size_t at = bnf_runner_place(r, sample, output);
    struct bnf_tie tie = {.decider = &r->deciders[output],
        .data = r->data[at],
        .boxes = r->boxes[at],
        .noise = r->noise[at],
        .scale = r->data[at] ? bnf_metrics_scale(r->data[at]) : 0};
    struct bnf_metrics *m = &r->metrics[output];
    size_t before = m->one_sided, wrong = m->shapes + m->to->mismatched;
    bool may_tie = tie.decider->kind && tie.data && tie.data->kind == BNF_KIND_REAL;
    bnf_metrics_compare(m, &r->spread, r->options, sample, r->oracle[at], ref, new, may_tie ? &tie : NULL);
    r->one_sided[at] = m->one_sided - before;
    r->rms_new[at] = bnf_metrics_rms(m, r->oracle[at], new);
    label(r, sample, output, new, true);
    return m->shapes + m->to->mismatched > wrong ? keep_other(r, at, ref, new, may_tie ? &tie : NULL, err)
                                                 : BNF_OK;
}

static int take_new(struct bnf_runner *r, const struct bnf_eval *eval, size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_NEW];
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t at = bnf_runner_place(r, sample, i);
        const struct bnf_array *new = bnf_eval_value(eval, g->scopes[0].outputs[r->partner[i]]);
        if (!r->oracle[at] || !r->ref[at])
            continue;
        r->lacks |= !new;
        if (new && !is_wide(r, i))
            status = compare(r, sample, i, r->ref[at], new, err);
    }
    if (*eval->blocked && !r->run->blocked)
        r->run->blocked = bnf_arena_format(&r->run->arena, "in the candidate %s", eval->blocked);
    return status;
}

static int take_gap(struct bnf_runner *r, const struct bnf_eval *eval, size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_NEW];
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t at = bnf_runner_place(r, sample, i);
        const struct bnf_array *new = bnf_eval_value(eval, g->scopes[0].outputs[r->partner[i]]);
        if (!r->oracle[at] || !r->ref[at])
            continue;
        r->lacks |= !new;
        if (!new)
            continue;
        bnf_metrics_gap(&r->metrics[i], sample, r->oracle[at], r->ref[at], new);
        if (is_wide(r, i))
            status = compare(r, sample, i, r->oracle[at], new, err);
    }
    return status;
}

/* ---- arms ---- */

typedef int taker(struct bnf_runner *r, const struct bnf_eval *eval, size_t sample, struct bnf_err *err);

/* One arm over the chunk. */
static int pass(
    struct bnf_runner *r, int side, enum bnf_precision precision, taker *take, struct bnf_err *err)
{
    struct bnf_eval eval = {0};
    bool ref = side == BNF_RUN_REF;
    int status =
        bnf_runner_open(r, side, precision, ref ? r->taps : NULL, ref ? r->tap_count : 0, &eval, err);
    for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
        status = bnf_runner_run(r, side, &eval, sample, err);
        if (!status)
            status = take(r, &eval, sample, err);
    }
    bnf_eval_free(&eval);
    return status;
}

static void drop_kept(struct bnf_runner *r)
{
    struct bnf_array **const lists[] = {r->oracle, r->ref, r->data, r->boxes, r->other};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        for (size_t i = 0; lists[k] && i < BNF_RUN_CHUNK * r->outputs; i++) {
            bnf_array_drop(&r->budget, lists[k][i]);
            lists[k][i] = NULL;
        }
    }
}

static bool needs_float(const struct bnf_runner *r)
{
    for (size_t i = 0; i < r->outputs; i++)
        if (!is_wide(r, i))
            return true;
    return false;
}

/* The scale of each output that is neither blown up nor next to zero by chance: the lower median of the
 * samples'. */
static void find_typical_scales(struct bnf_runner *r)
{
    for (size_t i = 0; i < r->outputs; i++) {
        double scales[BNF_RUN_CHUNK];
        size_t count = 0;
        for (size_t sample = r->first; sample < r->first + r->chunk; sample++) {
            const struct bnf_array *a = r->oracle[bnf_runner_place(r, sample, i)];
            if (!a || a->kind != BNF_KIND_REAL)
                continue;
            double scale = bnf_metrics_scale(a);
            size_t at = count++;
            for (; at > 0 && scales[at - 1] > scale; at--)
                scales[at] = scales[at - 1];
            scales[at] = scale;
        }
        if (r->first == 0 && count)
            r->metrics[i].typical = scales[(count - 1) / 2];
    }
}

static int run_chunk(struct bnf_runner *r, struct bnf_err *err)
{
    int status;
    do {
        drop_kept(r);
        memset(r->one_sided, 0, BNF_RUN_CHUNK * r->outputs * sizeof *r->one_sided);
        memset(r->rms_ref, 0, BNF_RUN_CHUNK * r->outputs * sizeof *r->rms_ref);
        memset(r->rms_new, 0, BNF_RUN_CHUNK * r->outputs * sizeof *r->rms_new);
        r->done = 4 * r->first;
        status = pass(r, BNF_RUN_REF, BNF_PRECISION_DOUBLE, take_oracle, err);
    } while (status == BNF_RUN_TROUBLE && r->trouble.status == BNF_EINPUT && r->first == 0 &&
             bnf_feeds_retry(&r->feeds, r->trouble.sample));
    if (!status)
        find_typical_scales(r);
    if (!status)
        status = pass(r, BNF_RUN_REF, BNF_PRECISION_FLOAT, take_ref, err);
    if (!status && needs_float(r))
        status = pass(r, BNF_RUN_NEW, BNF_PRECISION_FLOAT, take_new, err);
    if (!status)
        status = pass(r, BNF_RUN_NEW, BNF_PRECISION_DOUBLE, take_gap, err);
    if (!status)
        status = bnf_runner_excuse_overflow(r, err);
    if (!status)
        status = bnf_runner_draw_again(r, err);
    if (!status)
        status = bnf_runner_excuse_ties(r, err);
    return status;
}

/* ---- the whole ---- */

/* A model did not run: what that means. */
static int explain_trouble(struct bnf_runner *r, struct bnf_err *err)
{
    struct bnf_run *run = r->run;
    bool candidate = r->trouble.side == BNF_RUN_NEW;
    const char *format = "the run ended early: %s";
    run->verdict = BNF_RUN_INCONCLUSIVE;
    if (r->trouble.status == BNF_EINPUT && candidate) {
        format = "the candidate cannot run where the reference can: %s";
        run->verdict = BNF_RUN_DIFFERENT;
    } else if (r->trouble.status == BNF_EINPUT && r->feeds.seeded) {
        format =
            r->feeds.has_guesses || r->feeds.has_batch
                ? "the model does not take the inputs that were made up: %s; --dim sets open extents, --data "
                  "gives inputs"
                : "the model does not take the inputs that were made up: %s; all of their extents are fixed, "
                  "--data gives others";
    } else if (r->trouble.status == BNF_EINPUT) {
        return bnf_fail(
            err, BNF_EINPUT, "the model does not take '%.200s': %s", r->options->data, r->trouble.text);
    }
    r->failing = r->trouble.sample;
    run->note = bnf_arena_format(&run->arena, format, r->trouble.text);
    return run->note ? BNF_OK : bnf_fail_memory(err);
}

static int tell_farthest(struct bnf_runner *r, struct bnf_err *err)
{
    for (size_t i = 0; i < bnf_farthest; i++) {
        const struct bnf_far *far = &r->spread.far[i];
        if (far->delta <= 0)
            continue;
        char relative[48] = "";
        if (far->relative)
            snprintf(relative, sizeof relative, ", relative %.2g", far->delta / fabs(far->ref));
        r->run->worst[i] = far->delta;
        r->run->worst_text[i] =
            bnf_arena_format(&r->run->arena, "'%s'%s of input %zu: %.9g instead of %.9g%s", far->output,
                far->place, far->sample, far->new, far->ref, relative);
        if (!r->run->worst_text[i])
            return bnf_fail_memory(err);
    }
    memcpy(r->run->buckets, r->spread.buckets, sizeof r->run->buckets);
    return BNF_OK;
}

static int judge(struct bnf_runner *r, struct bnf_err *err)
{
    struct bnf_run *run = r->run;
    size_t telling = 0, judged = 0, failing = SIZE_MAX;
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        status = bnf_metrics_finish(&r->metrics[i], r->options, &run->arena, err);
        judged += run->outputs[i].samples > 0;
        telling += run->outputs[i].samples > 0 && !run->outputs[i].constant;
        if (run->outputs[i].fails && failing == SIZE_MAX)
            failing = i;
    }
    for (size_t i = 0; i < r->outputs && !status && failing == SIZE_MAX && !run->note; i++)
        if (*r->metrics[i].inconclusive) {
            run->note = bnf_arena_copy(&run->arena, r->metrics[i].inconclusive, strlen(r->metrics[i].inconclusive));
            status = run->note ? BNF_OK : bnf_fail_memory(err);
        }
    if (!status)
        status = tell_farthest(r, err);
    bool whole = judged == r->outputs && !r->lacks && !r->unexpected && r->node_runs == r->node_needed;
    run->verdict = failing != SIZE_MAX           ? BNF_RUN_DIFFERENT
                   : telling == 0 || r->overflow ? BNF_RUN_INCONCLUSIVE
                   : whole                       ? BNF_RUN_AGREES
                                                 : BNF_RUN_INCOMPLETE;
    if (run->verdict == BNF_RUN_INCONCLUSIVE && r->overflow)
        run->note = r->overflow;
    else if (run->verdict == BNF_RUN_INCONCLUSIVE && !run->note)
        run->note = judged ? "all outputs are constant on these inputs" : "no output could be compared";
    if (failing == SIZE_MAX)
        return status;
    r->failing = r->metrics[failing].failed_sample;
    r->failing_precision = is_wide(r, failing) ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
    if (!status && r->failing != SIZE_MAX)
        status = bnf_runner_localise(r, failing, r->failing, err);
    return status;
}

static int run_all(struct bnf_runner *r, struct bnf_err *err)
{
    struct bnf_run *run = r->run;
    bool reached;
    if (run->verdict == BNF_RUN_DIFFERENT)
        return BNF_OK;
    int status = bnf_runner_look_ahead(r, &reached, err);
    if (!status && (r->feeds.why || !reached)) {
        run->verdict = BNF_RUN_INCONCLUSIVE;
        run->note = !r->outputs    ? "the models have no outputs"
                    : r->feeds.why ? bnf_arena_copy(&run->arena, r->feeds.why, strlen(r->feeds.why))
                                   : "every output lies behind operators that the evaluator lacks";
    } else if (!status) {
        run->samples = r->feeds.samples;
        run->inputs = r->feeds.rows;
        r->all = 4 * run->samples;
        for (r->first = 0; r->first < run->samples && !status; r->first += r->chunk) {
            r->chunk = run->samples - r->first < BNF_RUN_CHUNK ? run->samples - r->first : BNF_RUN_CHUNK;
            status = run_chunk(r, err);
        }
        if (!status)
            status = judge(r, err);
    }
    run->coverage = r->node_needed ? (double)r->node_runs / (double)r->node_needed : run->samples && !status;
    if (status == BNF_RUN_TROUBLE)
        status = explain_trouble(r, err);
    if (!status && run->verdict == BNF_RUN_DIFFERENT && r->options->save_failing && r->failing != SIZE_MAX)
        status = bnf_runner_save_failing(r, err);
    return status;
}

int bnf_run_compare(struct bnf_model *reference, struct bnf_model *candidate,
    const struct bnf_run_options *options, struct bnf_run *run, struct bnf_err *err)
{
    struct bnf_runner r = {.options = options, .run = run, .failing = SIZE_MAX, .parting = BNF_NONE};
    struct bnf_model *const models[2] = {reference, candidate};
    *run = (struct bnf_run){.verdict = BNF_RUN_AGREES};
    bnf_arena_init(&run->arena, 0);
    bnf_arena_init(&r.arena, 0);
    int status = bnf_runner_prepare(&r, models, err);
    if (!status)
        status = run_all(&r, err);
    drop_kept(&r);
    bnf_budget_clear(&r.budget);
    bnf_feeds_free(&r.feeds);
    bnf_constants_free(&r.constants);
    bnf_graph_free(&r.graph[0]);
    bnf_graph_free(&r.graph[1]);
    bnf_arena_free(&r.arena);
    if (status)
        bnf_run_free(run);
    return status;
}

void bnf_run_free(struct bnf_run *run)
{
    bnf_arena_free(&run->arena);
    *run = (struct bnf_run){.verdict = BNF_RUN_INCONCLUSIVE};
}
