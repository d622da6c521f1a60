/* Folds generated models and asks five judges: the proof, the reference evaluator, runs by bnfold's own
 * evaluator, the graph builder, and a second fold.
 *
 * Environment: COUNT models (1000) from SEED on (1); SAVE, a folder for the models of failures; DUMP, a
 * folder for all of them. */
#include "support/folding.h"
#include "support/gen.h"

#include "onnx/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long number(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

struct tally {
    size_t models, sites, folded, dropped, lowered, kept, worst_models;
};

/* One model under test. */
struct trial {
    uint64_t seed;
    struct gen gen;
    struct packed source, folded;
    struct bnf_fold_result result;
    char what[2048]; /* why it failed; "" while it has not */
};

static void complain(struct trial *t, const char *judge, const char *text)
{
    if (!*t->what)
        snprintf(t->what, sizeof t->what, "%s: %s", judge, text);
}

static void save(const struct packed *packed, const char *folder, uint64_t seed, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%llu.%s.onnx", folder, (unsigned long long)seed, suffix);
    write_packed(packed, path);
}

/* ---- the judges */

static void ask_proof(struct trial *t)
{
    char text[1500];
    int verdict = prove_packed(&t->source, &t->folded, text, sizeof text);
    if (verdict < 0)
        complain(t, "the proof ended with an error", text);
    else if (verdict != BNF_PROOF_PROVED)
        complain(t, verdict == BNF_PROOF_REFUTED ? "refuted" : "not proved", text);
}

/* Whatever the runs could not run is no alarm; a difference is. */
static void ask_runs(struct trial *t)
{
    char text[1500];
    int verdict = run_packed(&t->source, &t->folded, text, sizeof text);
    if (verdict < 0)
        complain(t, "the runs ended with an error", text);
    else if (verdict == BNF_RUN_DIFFERENT)
        complain(t, "the runs differ", text);
}

/* Outputs of the two within what rounding the stored weights explains: each of the layers adds an error of at
 * most about u of the terms it sums, to one that the layers before it already had. */
static void compare(struct trial *t, const struct eval *a, const struct eval *b)
{
    double u = bnf_dtype_roundoff(t->gen.dtype);
    double factor = (t->gen.dtype == BNF_DTYPE_DOUBLE ? 200.0 : 4.0) * (double)(t->gen.layers + 2);
    if (a->output_count != b->output_count) {
        complain(t, "evaluated", "another number of outputs");
        return;
    }
    for (size_t i = 0; i < a->output_count; i++) {
        const struct eval_tensor *p = a->outputs[i], *q = b->outputs[i];
        if (p->rank != q->rank || (p->rank && memcmp(p->dims, q->dims, p->rank * sizeof *p->dims) != 0)) {
            complain(t, "evaluated", "another shape");
            return;
        }
        for (size_t k = 0; k < p->count; k++) {
            double off = fabs(p->value[k] - q->value[k]), allowed = factor * u * (p->mag[k] + q->mag[k]);
            if (off <= allowed)
                continue;
            char text[200];
            snprintf(text, sizeof text,
                "output %zu element %zu is %.9g, was %.9g: off by %.3g, allowed is %.3g", i, k, q->value[k],
                p->value[k], off, allowed);
            complain(t, "evaluated", text);
            return;
        }
    }
}

static void ask_evaluator(struct trial *t)
{
    struct opened source, folded;
    struct eval a = {0}, b = {0};
    struct bnf_err err = {0};
    struct rng rng = rng_new(t->seed);
    struct bnf_arena arena;
    bnf_arena_init(&arena, 0);
    struct eval_tensor input = gen_input(&t->gen, &arena, &rng);
    int first = open_packed(&source, &t->source, &err), second = open_packed(&folded, &t->folded, &err);
    if (first || second)
        complain(t, "loaded again", err.text);
    else if (!eval_run(&a, &source.graph, &input, 1))
        complain(t, "the evaluator knows nothing of the original's", a.missing);
    else if (!eval_run(&b, &folded.graph, &input, 1))
        complain(t, "the evaluator knows nothing of the result's", b.missing);
    else
        compare(t, &a, &b);
    eval_free(&a);
    eval_free(&b);
    close_opened(&source);
    close_opened(&folded);
    bnf_arena_free(&arena);
}

static void ask_second_fold(struct trial *t)
{
    struct opened opened;
    struct bnf_fold_result result = {0};
    struct packed again;
    struct bnf_err err = {0};
    if (fold_packed(&t->folded, &opened, &result, &again, &err))
        complain(t, "folded again", err.text);
    else if (result.changed)
        complain(t, "folded again", "the result changed");
    bnf_free(again.bytes);
    close_opened(&opened);
}

/* Every site has a verdict that fits its figures, and no BatchNormalization is left without a reason. */
static void ask_sites(struct trial *t, struct tally *tally)
{
    const struct bnf_fold_result *r = &t->result;
    size_t kept = 0;
    for (size_t i = 0; i < r->site_count; i++) {
        const struct bnf_site *site = &r->sites[i];
        tally->sites++;
        tally->folded += site->verdict == BNF_SITE_FOLDED;
        tally->dropped += site->verdict == BNF_SITE_DROPPED;
        tally->lowered += site->verdict == BNF_SITE_LOWERED;
        tally->kept += site->verdict == BNF_SITE_KEPT;
        kept += site->kind == BNF_SITE_BATCHNORM && site->verdict == BNF_SITE_KEPT;
        if (site->verdict == BNF_SITE_KEPT &&
            (site->reason == BNF_REASON_NONE || !site->detail || !*site->detail))
            complain(t, "kept without a reason", site->name);
        if (site->verdict == BNF_SITE_FOLDED && (!site->into_count || site->reason != BNF_REASON_NONE))
            complain(t, "folded into nothing", site->name);
    }
    if (kept != r->batchnorms_after)
        complain(t, "left", "as many BatchNormalizations are not listed as kept");
}

/* ---- */

static bool run_trial(struct trial *t, struct tally *tally, const char *dump)
{
    const struct gen_options options = {.seed = t->seed};
    struct opened opened;
    struct bnf_err err = {0};
    gen_model(&t->gen, &options);
    t->source = pack_proto(t->gen.make.model);
    if (dump)
        save(&t->source, dump, t->seed, "source");
    if (fold_packed(&t->source, &opened, &t->result, &t->folded, &err)) {
        complain(t, "folded", err.text);
    } else {
        if (dump)
            save(&t->folded, dump, t->seed, "folded");
        ask_sites(t, tally);
        ask_evaluator(t);
        ask_proof(t);
        ask_runs(t);
        ask_second_fold(t);
    }
    close_opened(&opened);
    return !*t->what;
}

int main(void)
{
    uint64_t seed = number("SEED", 1), count = number("COUNT", 1000);
    const char *folder = getenv("SAVE");
    struct tally tally = {0};
    size_t failed = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct trial t = {.seed = seed + i};
        if (!run_trial(&t, &tally, getenv("DUMP"))) {
            failed++;
            printf("seed %llu: %s\n", (unsigned long long)t.seed, t.what);
            if (folder) {
                save(&t.source, folder, t.seed, "source");
                if (t.folded.bytes)
                    save(&t.folded, folder, t.seed, "folded");
            }
        }
        bnf_free(t.source.bytes);
        bnf_free(t.folded.bytes);
        gen_free(&t.gen);
    }
    printf("seeds %llu to %llu: %zu sites, %zu folded, %zu dropped, %zu lowered, %zu kept\n",
        (unsigned long long)seed, (unsigned long long)(seed + count - 1), tally.sites, tally.folded,
        tally.dropped, tally.lowered, tally.kept);
    printf("%llu passed, %zu failed\n", (unsigned long long)count - failed, failed);
    return failed != 0;
}
