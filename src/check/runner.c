#define _POSIX_C_SOURCE 200809L
#include "check/runner.h"

#include "base/machine.h"
#include "graph/shapes.h"

#include <stdio.h>
#include <string.h>

/* ---- one run ---- */

int bnf_runner_open(struct bnf_runner *r, int side, enum bnf_precision precision, const bnf_id *taps,
    size_t tap_count, struct bnf_eval *eval, struct bnf_err *err)
{
    int status = bnf_eval_init(eval, &r->graph[side], precision, r->options->threads, taps, tap_count, err);
    if (!status) {
        /* Beyond it the run ends early instead of the machine. */
        eval->budget.limit = r->options->memory ? r->options->memory : bnf_machine_memory() / 4 * 3;
        if (r->options->work > 0)
            eval->budget.most_work = r->options->work;
        eval->assume_inference = r->options->assume_inference;
    }
    return status;
}

/* Why memory was out: the limit of the run, or the machine. */
static const char *out_of_memory(const struct bnf_runner *r, const struct bnf_eval *eval, char *text, size_t size)
{
    if (!eval->budget.exhausted)
        return "out of memory";
    snprintf(text, size, r->options->memory ? "it needs more than the %zu bytes of --max-memory"
                                            : "it needs more than %zu bytes, three quarters of the machine's memory",
        eval->budget.limit);
    return text;
}

/* A run that ends early is no failure of the check. */
static int run_into_trouble(struct bnf_runner *r, int side, size_t sample, int status, const char *text)
{
    r->trouble.side = side;
    r->trouble.status = status;
    r->trouble.sample = sample;
    snprintf(r->trouble.text, sizeof r->trouble.text, "%.500s", text);
    return BNF_RUN_TROUBLE;
}

int bnf_runner_run(struct bnf_runner *r, int side, struct bnf_eval *eval, size_t sample, struct bnf_err *err)
{
    size_t inputs = r->graph[BNF_RUN_REF].scopes[0].input_count, own = r->graph[side].scopes[0].input_count;
    struct bnf_array **arrays = bnf_alloc(inputs, sizeof *arrays), **feeds = bnf_alloc(own, sizeof *feeds);
    struct bnf_err local = {0};
    char text[128];
    int status = arrays && feeds ? BNF_OK : bnf_fail_memory(err);
    if (!status)
        status = bnf_feeds_make(&r->feeds, sample, eval->precision, &eval->budget, arrays, &local);
    if (status == BNF_ENOMEM && arrays && feeds)
        status = run_into_trouble(r, side, sample, BNF_ENOMEM, out_of_memory(r, eval, text, sizeof text));
    else if (status && local.text[0])
        status = bnf_fail(err, status, "%s", local.text);
    for (size_t i = 0; i < inputs && !status && r->shake; i++) {
        if (arrays[i])
            arrays[i] = bnf_feeds_shake(&eval->budget, arrays[i], r->shake ^ i << 32);
        if (!arrays[i] &&
            r->graph[BNF_RUN_REF].values[r->graph[BNF_RUN_REF].scopes[0].inputs[i]].initializer == NULL)
            status = bnf_fail_memory(err);
    }
    if (!status) {
        for (size_t i = 0; i < own; i++)
            feeds[i] = side == BNF_RUN_REF        ? arrays[i]
                       : r->source[i] == SIZE_MAX ? NULL
                                                  : arrays[r->source[i]];
        status = bnf_eval_run(eval, feeds, &local);
        if (status)
            status = run_into_trouble(
                r, side, sample, status, status == BNF_ENOMEM ? out_of_memory(r, eval, text, sizeof text) : local.text);
    }
    for (size_t i = 0; arrays && i < inputs; i++)
        bnf_array_drop(&eval->budget, arrays[i]);
    bnf_free(arrays);
    bnf_free(feeds);
    if (r->options->progress && !status && !r->shake)
        r->options->progress(r->options->progress_context, ++r->done, r->all);
    return status;
}

size_t bnf_runner_place(const struct bnf_runner *r, size_t sample, size_t output)
{
    return (sample - r->first) * r->outputs + output;
}

/* ---- pairing the interfaces ---- */

static const char *output_name(const struct bnf_graph *g, size_t i)
{
    return g->values[g->scopes[0].outputs[i]].name;
}

static void differ(struct bnf_runner *r, const char *format, const char *name)
{
    if (!r->run->note)
        r->run->note = bnf_arena_format(&r->run->arena, format, name);
    r->run->verdict = BNF_RUN_DIFFERENT;
}

static void pair_outputs(struct bnf_runner *r)
{
    const struct bnf_graph *a = &r->graph[0], *b = &r->graph[1];
    if (a->scopes[0].output_count != b->scopes[0].output_count)
        differ(r, "the models have different numbers of outputs%s", "");
    for (size_t i = 0; i < r->outputs; i++) {
        r->partner[i] = i;
        if (r->options->match_by_position)
            continue;
        size_t j = 0;
        while (j < b->scopes[0].output_count && strcmp(output_name(a, i), output_name(b, j)) != 0)
            j++;
        if (j == b->scopes[0].output_count)
            differ(r, "the candidate has no output '%s'", output_name(a, i));
        r->partner[i] = j;
    }
}

/* Which input of the reference feeds each input of the candidate. */
static void pair_inputs(struct bnf_runner *r)
{
    const struct bnf_graph *b = &r->graph[1];
    const struct bnf_scope *main = &b->scopes[0];
    size_t nth = 0;
    for (size_t i = 0; i < main->input_count; i++) {
        const struct bnf_value *v = &b->values[main->inputs[i]];
        r->source[i] = SIZE_MAX;
        for (size_t j = 0; j < r->feeds.count; j++)
            if (r->options->match_by_position ? !v->initializer && j == nth
                                              : strcmp(v->name, r->feeds.inputs[j].name) == 0)
                r->source[i] = r->feeds.inputs[j].position;
        if (r->source[i] == SIZE_MAX && !v->initializer)
            differ(r, "the reference has no input '%s'", v->name);
        const struct bnf_graph *a = &r->graph[0];
        int fed = r->source[i] == SIZE_MAX ? 0 : a->values[a->scopes[0].inputs[r->source[i]]].shape.dtype;
        if (fed && v->shape.dtype && fed != v->shape.dtype)
            differ(r, "input '%s' is of another type in the candidate", v->name);
        nth += !v->initializer;
    }
    for (size_t j = 0; j < r->feeds.count; j++) {
        bool fed = false;
        for (size_t i = 0; i < main->input_count; i++)
            fed |= r->source[i] == r->feeds.inputs[j].position;
        if (!fed)
            differ(r, "the candidate has no input '%s'", r->feeds.inputs[j].name);
    }
}

/* ---- what cannot run ---- */

/* "Op 'node'", for both sides; those of the candidate that the reference has as well are told once. */
static int list_unsupported(struct bnf_runner *r, const struct bnf_eval eval[2], struct bnf_err *err)
{
    struct bnf_run *run = r->run;
    run->unsupported = bnf_arena_alloc(
        &run->arena, eval[0].unsupported_count + eval[1].unsupported_count, sizeof *run->unsupported);
    if (!run->unsupported)
        return bnf_fail_memory(err);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < eval[side].unsupported_count; i++) {
            const struct bnf_graph *g = eval[side].graph;
            bnf_id node = eval[side].unsupported[i];
            char name[256];
            const char *op = g->nodes[node].proto->op_type;
            (void)bnf_node_text(g, node, name, sizeof name);
            bool unnamed = *name && name[strlen(name) - 1] == '\'';
            const char *text = unnamed ? bnf_arena_copy(&run->arena, name, strlen(name))
                                       : bnf_arena_format(&run->arena, "%s '%s'", op, name);
            if (!text)
                return bnf_fail_memory(err);
            bool told = false;
            for (size_t k = 0; k < run->unsupported_count; k++)
                told |= strcmp(run->unsupported[k], text) == 0;
            if (!told)
                run->unsupported[run->unsupported_count++] = text;
        }
    }
    return BNF_OK;
}

/* True when some output of the side does not depend on an operator there is none for. */
static bool reaches_output(const struct bnf_eval *eval)
{
    const struct bnf_graph *g = eval->graph;
    const struct bnf_scope *main = &g->scopes[0];
    uint8_t *lost = bnf_alloc(g->node_count + 1, 1);
    bool some = !lost;
    for (size_t i = 0; lost && i < eval->unsupported_count; i++) {
        bnf_id node = eval->unsupported[i];
        while (node != BNF_NONE && !lost[node]) {
            lost[node] = 1;
            node = g->scopes[g->nodes[node].scope].owner;
        }
    }
    for (size_t i = 0; lost && i < main->order_count; i++) {
        const struct bnf_node *n = &g->nodes[main->order[i]];
        for (uint32_t slot = 0; slot < n->input_count; slot++) {
            bnf_id value = bnf_node_input(g, main->order[i], slot);
            bnf_id from = value == BNF_NONE ? BNF_NONE : g->values[value].producer;
            lost[main->order[i]] |= from != BNF_NONE && lost[from];
        }
    }
    for (size_t i = 0; lost && i < main->output_count; i++) {
        bnf_id from = g->values[main->outputs[i]].producer;
        some |= from == BNF_NONE || !lost[from];
    }
    bnf_free(lost);
    return some;
}

int bnf_runner_look_ahead(struct bnf_runner *r, bool *reached, struct bnf_err *err)
{
    struct bnf_eval eval[2] = {{0}};
    int status = bnf_runner_open(r, 0, BNF_PRECISION_FLOAT, NULL, 0, &eval[0], err);
    if (!status)
        status = bnf_runner_open(r, 1, BNF_PRECISION_FLOAT, NULL, 0, &eval[1], err);
    if (!status)
        status = list_unsupported(r, eval, err);
    *reached = status || (reaches_output(&eval[0]) && reaches_output(&eval[1]));
    if (!status && !*reached && !r->feeds.why) { /* only to say how far one gets */
        r->all = 1;
        status = bnf_runner_run(r, 0, &eval[0], 0, err);
        r->node_runs = eval[0].node_runs;
        r->node_needed = eval[0].node_needed;
    }
    bnf_eval_free(&eval[0]);
    bnf_eval_free(&eval[1]);
    return status;
}

/* ---- steps ---- */

/* Does a node's result jump where its input moves a little? Integers that follow from real numbers do, and what
 * rounds; a body may hold either. Shapes are exact. */
static bool is_step(const struct bnf_graph *g, bnf_id node, bnf_id output)
{
    static const char *const rounding[] = {"Round", "Floor", "Ceil", "Sign", "Mod", "ThresholdedRelu", "Shrink",
        "Hardmax", "MaxRoiPool"};
    bool real = g->nodes[node].first_body != g->nodes[node].last_body;
    for (size_t i = 0; i < sizeof rounding / sizeof *rounding && !real; i++)
        real = bnf_node_is(g, node, rounding[i]);
    if (real || bnf_node_is(g, node, "Shape") || bnf_node_is(g, node, "Size"))
        return real;
    for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++) {
        bnf_id input = bnf_node_input(g, node, slot);
        real |= input != BNF_NONE && bnf_kind_of(g->values[input].shape.dtype) == BNF_KIND_REAL;
    }
    return real && bnf_kind_of(g->values[output].shape.dtype) == BNF_KIND_INT;
}

/* Which outputs lie behind a step. */
static int find_steps(struct bnf_runner *r, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    const struct bnf_scope *main = &g->scopes[0];
    bool *stepped = bnf_alloc(g->value_count, sizeof *stepped);
    if (!stepped)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < main->order_count; i++) {
        bnf_id node = main->order[i];
        bool any = false;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            any |= bnf_node_input(g, node, slot) != BNF_NONE && stepped[bnf_node_input(g, node, slot)];
        for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++) {
            bnf_id output = bnf_node_output(g, node, slot);
            if (output != BNF_NONE)
                stepped[output] = any || is_step(g, node, output);
        }
    }
    for (size_t i = 0; i < r->outputs; i++)
        r->metrics[i].stepped = stepped[main->outputs[i]];
    bnf_free(stepped);
    return BNF_OK;
}

/* ---- preparing ---- */

int bnf_runner_prepare(struct bnf_runner *r, struct bnf_model *const models[2], struct bnf_err *err)
{
    int status = BNF_OK;
    for (int side = 0; side < 2 && !status; side++) {
        status = bnf_graph_build(&r->graph[side], models[side], err);
        if (!status)
            status = bnf_shapes_infer(&r->graph[side], err);
    }
    if (!status)
        status = bnf_constants_init(&r->constants, &r->graph[0], false, err);
    if (!status)
        status = bnf_feeds_init(&r->feeds, &r->graph[0], &r->constants, r->options, err);
    if (status)
        return status;
    const struct bnf_scope *a = &r->graph[0].scopes[0], *b = &r->graph[1].scopes[0];
    r->outputs = a->output_count;
    r->partner = bnf_arena_alloc(&r->arena, r->outputs, sizeof *r->partner);
    r->source = bnf_arena_alloc(&r->arena, b->input_count, sizeof *r->source);
    r->metrics = bnf_arena_alloc(&r->arena, r->outputs, sizeof *r->metrics);
    r->deciders = bnf_arena_alloc(&r->arena, r->outputs, sizeof *r->deciders);
    r->taps = bnf_arena_alloc(&r->arena, 2 * r->outputs, sizeof *r->taps);
    r->oracle = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->oracle);
    r->ref = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->ref);
    r->data = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->data);
    r->boxes = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->boxes);
    r->other = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->other);
    r->noise = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->noise);
    r->rms_ref = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->rms_ref);
    r->rms_new = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->rms_new);
    r->one_sided = bnf_arena_alloc(&r->arena, BNF_RUN_CHUNK * r->outputs, sizeof *r->one_sided);
    r->run->outputs = bnf_arena_alloc(&r->run->arena, r->outputs, sizeof *r->run->outputs);
    if (!r->partner || !r->source || !r->metrics || !r->deciders || !r->taps || !r->oracle || !r->ref ||
        !r->data || !r->boxes || !r->other || !r->noise || !r->rms_ref || !r->rms_new || !r->one_sided ||
        !r->run->outputs)
        return bnf_fail_memory(err);
    r->run->output_count = r->outputs;
    for (size_t i = 0; i < r->outputs; i++) {
        const char *name = output_name(&r->graph[0], i);
        r->run->outputs[i].name = bnf_arena_copy(&r->run->arena, name, strlen(name));
        r->metrics[i] = (struct bnf_metrics){.to = &r->run->outputs[i], .failed_sample = SIZE_MAX};
        bnf_decider_find(&r->constants, a->outputs[i], &r->deciders[i]);
        if (r->deciders[i].kind)
            r->taps[r->tap_count++] = r->deciders[i].data;
        if (r->deciders[i].kind == BNF_DECIDER_BOXES)
            r->taps[r->tap_count++] = r->deciders[i].boxes;
        if (!r->run->outputs[i].name)
            return bnf_fail_memory(err);
    }
    for (size_t i = 0; i < r->feeds.count; i++)
        r->wide |= r->graph[0].values[r->feeds.inputs[i].value].shape.dtype == BNF_DTYPE_DOUBLE;
    pair_outputs(r);
    pair_inputs(r);
    return find_steps(r, err);
}
