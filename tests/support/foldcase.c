#include "support/foldcase.h"

#include "base/buf.h"
#include "check/proof.h"
#include "check/run.h"
#include "graph/shapes.h"
#include "onnx/dtype.h"
#include "support/eval.h"
#include "support/make.h"
#include "support/notation.h"
#include "support/rng.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wrong(const struct foldcase *c, const char *what, const char *detail)
{
    printf("  %s: %s: %s\n", c->name, what, detail);
    return false;
}

static void describe(const struct bnf_fold_result *result, struct bnf_buf *out)
{
    static const char *const verdicts[] = {"kept", "folded", "dropped", "lowered"};
    for (size_t i = 0; i < result->site_count; i++) {
        const struct bnf_site *s = &result->sites[i];
        if (s->kind == BNF_SITE_AFFINE && s->verdict == BNF_SITE_KEPT)
            continue;
        bnf_buf_printf(out, "%s%s %s", out->size ? "; " : "", s->name, verdicts[s->verdict]);
        if (s->verdict == BNF_SITE_FOLDED) {
            bnf_buf_printf(out, " %s ", s->direction == BNF_DIRECTION_BACK ? "back" : "forward");
            for (size_t k = 0; k < s->into_count; k++)
                bnf_buf_printf(out, "%s%s", k ? "," : "", s->into[k]);
        } else if (s->verdict != BNF_SITE_DROPPED) {
            bnf_buf_printf(out, " %s", bnf_reason_name(s->reason));
        }
    }
}

/* Inputs without initializer, filled with numbers in ±2; symbols are 3. */
static size_t make_inputs(struct bnf_arena *arena, const struct bnf_graph *g, struct eval_tensor *inputs)
{
    size_t count = 0;
    struct rng rng = {7};
    for (size_t i = 0; i < g->scopes[0].input_count; i++) {
        const struct bnf_value *v = &g->values[g->scopes[0].inputs[i]];
        if (v->initializer)
            continue;
        int64_t dims[8];
        size_t rank = v->shape.rank < 0 ? 0 : (size_t)v->shape.rank;
        for (size_t k = 0; k < rank; k++)
            dims[k] = v->shape.dims[k] < 0 ? 3 : v->shape.dims[k];
        struct eval_tensor t = eval_new(arena, dims, rank);
        for (size_t k = 0; k < t.count; k++) {
            t.value[k] = v->shape.dtype == BNF_DTYPE_BOOL ? 1 : rng_uniform(&rng, -2, 2);
            t.mag[k] = fabs(t.value[k]);
        }
        inputs[count++] = t;
    }
    return count;
}

static bool compare_runs(const struct foldcase *c, const struct bnf_graph *before, const struct bnf_graph *after)
{
    struct bnf_arena arena;
    struct eval_tensor inputs[8];
    struct eval old = {0}, new = {0};
    char text[160];
    bnf_arena_init(&arena, 0);
    size_t count = make_inputs(&arena, before, inputs);
    bool fine = eval_run(&old, before, inputs, count);
    if (!fine)
        wrong(c, "the evaluator lacks", old.missing);
    else if (!eval_run(&new, after, inputs, count))
        fine = wrong(c, "the evaluator lacks, in the result", new.missing);
    bnf_id first = before->scopes[0].output_count ? before->scopes[0].outputs[0] : BNF_NONE;
    int dtype = first == BNF_NONE ? 0 : before->values[first].shape.dtype;
    double u = bnf_dtype_roundoff(bnf_dtype_is_float(dtype) ? dtype : BNF_DTYPE_FLOAT);
    for (size_t i = 0; fine && i < old.output_count; i++) {
        const struct eval_tensor *a = old.outputs[i], *b = new.outputs[i];
        fine = a->count == b->count || wrong(c, "an output changed", "its size");
        for (size_t k = 0; fine && k < a->count; k++) {
            if (a->value[k] == b->value[k] || fabs(a->value[k] - b->value[k]) <= 32 * u * (a->mag[k] + b->mag[k]))
                continue;
            snprintf(text, sizeof text, "output %zu element %zu: %.9g became %.9g (terms up to %.3g)", i, k, a->value[k],
                b->value[k], a->mag[k]);
            fine = wrong(c, "the result computes something else", text);
        }
    }
    eval_free(&old);
    eval_free(&new);
    bnf_arena_free(&arena);
    return fine;
}

static bool prove(const struct foldcase *c, struct bnf_model *before, struct bnf_model *after)
{
    struct bnf_proof proof;
    struct bnf_err err = {0};
    struct bnf_proof_options options = {.threads = 1, .keep_overridable = c->options.keep_overridable,
        .assume_inference = c->options.assume_inference};
    if (bnf_prove(before, after, &options, &proof, &err))
        return wrong(c, "the proof failed", err.text);
    bool fine = proof.verdict == BNF_PROOF_PROVED || (c->open_in_double && proof.verdict == BNF_PROOF_UNPROVED) ||
                wrong(c, "not proved", proof.finding_count ? proof.findings[0].detail : "without a finding");
    bnf_proof_free(&proof);
    return fine;
}

/* Runs both in the built-in evaluator; in double nothing but the last bits of folded constants may differ. A fold that
 * nobody could run is no case, unless it says so. */
static bool compare_oracle(const struct foldcase *c, struct bnf_model *before, struct bnf_model *after)
{
    const struct bnf_run_options options = {.samples = 2, .threads = 1, .assume_inference = c->options.assume_inference};
    bool wanted = !c->not_run && strstr(c->expect, " folded ") != NULL;
    struct bnf_run run;
    struct bnf_err err = {0};
    char text[160];
    if (bnf_run_compare(before, after, &options, &run, &err))
        return wrong(c, "the runs failed", err.text);
    bool fine = run.verdict != BNF_RUN_DIFFERENT || wrong(c, "the runs", "differ");
    if (fine && wanted && run.verdict != BNF_RUN_AGREES)
        fine = wrong(c, "nothing was run", run.note ? run.note : run.blocked ? run.blocked : "no output counts");
    for (size_t i = 0; fine && i < run.output_count; i++) {
        if (!run.outputs[i].double_noise || run.outputs[i].gap <= 1e-12)
            continue;
        snprintf(text, sizeof text, "'%s' is off by %.3g of its size", run.outputs[i].name, run.outputs[i].gap);
        fine = wrong(c, "the double oracle", text);
    }
    bnf_run_free(&run);
    return fine;
}

static bool open_graph(const struct foldcase *c, struct bnf_graph *g, struct bnf_model *m)
{
    struct bnf_err err = {0};
    int status = bnf_graph_build(g, m, &err);
    g->keep_overridable = c->options.keep_overridable;
    return !(status || bnf_shapes_infer(g, &err)) || wrong(c, "no graph", err.text);
}

static bool fold(const struct foldcase *c, struct bnf_graph *g, struct bnf_fold_result *result)
{
    struct bnf_fold_options options = c->options;
    struct bnf_err err = {0};
    options.version = "test";
    return !bnf_fold_model(g, &options, result, &err) || wrong(c, "folding failed", err.text);
}

/* The folded model, loaded anew. */
static bool judge(const struct foldcase *c, const struct packed *source, struct bnf_model *folded)
{
    struct bnf_model before = {0};
    struct bnf_graph old = {0}, new = {0};
    struct bnf_err err = {0};
    struct bnf_fold_result again;
    bool fine = !load_packed(&before, source, &err) || wrong(c, "not loaded", err.text);
    fine = fine && prove(c, &before, folded);
    fine = fine && open_graph(c, &old, &before) && open_graph(c, &new, folded);
    fine = fine && (c->not_run || compare_runs(c, &old, &new));
    fine = fine && compare_oracle(c, &before, folded);
    fine = fine && fold(c, &new, &again);
    if (fine && again.changed)
        fine = wrong(c, "folding the result", "changes it again");
    bnf_graph_free(&old);
    bnf_graph_free(&new);
    bnf_model_close(&before);
    return fine;
}

static bool check_operators(const struct foldcase *c, const struct bnf_model *folded)
{
    struct bnf_buf found = {0};
    const Onnx__GraphProto *graph = folded->proto->graph;
    for (size_t i = 0; i < graph->n_node; i++)
        bnf_buf_printf(&found, "%s%s", i ? " " : "", graph->node[i]->op_type);
    bool fine = strcmp(bnf_buf_text(&found), c->operators) == 0 || wrong(c, "operators", bnf_buf_text(&found));
    bnf_buf_free(&found);
    return fine;
}

/* Writes a number, the case's name and .source.onnx or .folded.onnx behind it into the folder PAIRS, if that is set:
 * tests/soak/catalogue.sh shows them to ONNX Runtime. */
static void save_pair(const struct foldcase *c, const struct packed *source, const struct packed *folded)
{
    static unsigned saved;
    const char *folder = getenv("PAIRS");
    struct bnf_buf path = {0};
    /* What was assumed is a change, and a Conv that was asked for may be one that no runtime has. */
    if (!folder || c->options.assume_inference || c->options.leftover == BNF_LEFTOVER_CONV)
        return;
    saved++;
    for (int i = 0; i < 2; i++) {
        path.size = 0;
        bnf_buf_printf(&path, "%s/%03u ", folder, saved);
        for (const char *p = c->name; *p; p++)
            bnf_buf_printf(&path, "%c", *p == '/' ? ' ' : *p);
        bnf_buf_printf(&path, i ? ".folded.onnx" : ".source.onnx");
        write_packed(i ? folded : source, bnf_buf_text(&path));
    }
    bnf_buf_free(&path);
}

/* `pair`: the files go where save_pair puts them. */
static bool run_case(const struct foldcase *c, bool pair)
{
    struct bnf_model text, model = {0}, folded = {0};
    struct bnf_graph g = {0};
    struct bnf_err err = {0};
    struct bnf_fold_result result;
    struct packed packed = {0};
    struct bnf_buf verdicts = {0};
    notation_read(&text, c->model);
    struct packed source = pack_proto(text.proto);
    bnf_model_close(&text);
    bool fine = !load_packed(&model, &source, &err) || wrong(c, "not loaded", err.text);
    fine = fine && open_graph(c, &g, &model) && fold(c, &g, &result);
    if (fine) {
        describe(&result, &verdicts);
        if (strcmp(bnf_buf_text(&verdicts), c->expect) != 0) {
            fine = wrong(c, "verdicts", bnf_buf_text(&verdicts));
            printf("    expected: %s\n", c->expect);
            for (size_t i = 0; i < result.site_count; i++)
                printf("    %s: %s\n", result.sites[i].name, result.sites[i].detail ? result.sites[i].detail : "-");
        }
    }
    fine = fine && (!pack_model(&model, &packed, &err) || wrong(c, "not saved", err.text));
    fine = fine && (!load_packed(&folded, &packed, &err) || wrong(c, "the result does not load", err.text));
    if (fine && c->operators)
        fine = check_operators(c, &folded);
    if (fine && pair)
        save_pair(c, &source, &packed);
    fine = fine && judge(c, &source, &folded);
    bnf_buf_free(&verdicts);
    bnf_graph_free(&g);
    bnf_model_close(&model);
    bnf_model_close(&folded);
    bnf_free(source.bytes);
    bnf_free(packed.bytes);
    return fine;
}

static bool begins_word(const char *text, const char *p)
{
    return p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
}

/* The model with double in place of float, or false: it has none, or other types or attributes that go with float. */
static bool widen(const char *text, struct bnf_buf *out)
{
    static const char *const fixed[] = {"float16", "float8", "QuantizeLinear", "DequantizeLinear", "value_float"};
    bool found = false;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strstr(text, fixed[i]))
            return false;
    for (const char *p = text; *p;) {
        bool begins = begins_word(text, p);
        if (begins && strncmp(p, "float", 5) == 0) {
            bnf_buf_printf(out, "double");
            p += 5;
            found = true;
        } else if (begins && strncmp(p, "to=1", 4) == 0 && !isdigit((unsigned char)p[4])) {
            bnf_buf_printf(out, "to=11");
            p += 4;
        } else {
            bnf_buf_printf(out, "%c", *p++);
        }
    }
    return found;
}

bool foldcase_run(const struct foldcase *c)
{
    struct bnf_buf text = {0};
    struct foldcase narrow = *c;
    narrow.open_in_double = false;
    bool fine = run_case(&narrow, true);
    if (widen(c->model, &text)) {
        char name[200];
        struct foldcase wide = *c;
        snprintf(name, sizeof name, "%s, in double", c->name);
        wide.name = name;
        wide.operators = NULL; /* what is lowered is lowered otherwise */
        wide.model = bnf_buf_text(&text);
        wide.expect = c->in_double ? c->in_double : c->expect;
        fine = run_case(&wide, false) && fine;
    }
    bnf_buf_free(&text);
    return fine;
}

size_t foldcase_table(const struct foldcase *cases, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += !foldcase_run(&cases[i]);
    return failed;
}
