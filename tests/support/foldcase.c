#include "support/foldcase.h"

#include "base/buf.h"
#include "check/proof.h"
#include "graph/shapes.h"
#include "onnx/dtype.h"
#include "support/eval.h"
#include "support/make.h"
#include "support/notation.h"
#include "support/rng.h"

#include <math.h>
#include <stdio.h>
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
            if (fabs(a->value[k] - b->value[k]) <= 32 * u * (a->mag[k] + b->mag[k]))
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
    bool fine = proof.verdict == BNF_PROOF_PROVED ||
                wrong(c, "not proved", proof.finding_count ? proof.findings[0].detail : "without a finding");
    bnf_proof_free(&proof);
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
    fine = fine && fold(c, &new, &again);
    if (fine && again.changed)
        fine = wrong(c, "folding the result", "changes it again");
    bnf_graph_free(&old);
    bnf_graph_free(&new);
    bnf_model_close(&before);
    return fine;
}

bool foldcase_run(const struct foldcase *c)
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
    fine = fine && judge(c, &source, &folded);
    bnf_buf_free(&verdicts);
    bnf_graph_free(&g);
    bnf_model_close(&model);
    bnf_model_close(&folded);
    bnf_free(source.bytes);
    bnf_free(packed.bytes);
    return fine;
}

size_t foldcase_table(const struct foldcase *cases, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        failed += !foldcase_run(&cases[i]);
    return failed;
}
