/* Puts faults into the folds of models of the wide kind, and into models made for rare operators. No fault
 * that runs see may be proved; one whose structure the proof cannot compare may be left unproved, which is
 * counted.
 *
 * Environment: COUNT / 4 models (250) at most are looked through from SEED on (1), until every kind was seen
 * SITES times (20); VERBOSE=1 tells of each that was not refuted; SAVE, a folder for these. */
#include "support/fault_wide.h"
#include "support/folding.h"
#include "support/gen.h"
#include "support/notation.h"

#include "onnx/dtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_kinds = 96 };

struct score {
    size_t counted, refuted, unproved, errors, same, missed_by_runs, proved;
    char told[600]; /* of the first that was not refuted, or that was proved */
};

struct tally {
    const struct wide_fault *faults[most_kinds];
    struct score scores[most_kinds];
    size_t kinds, enough; /* sites wanted of each */
};

static unsigned long long number(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static void save(
    const struct packed *source, const struct packed *faulty, const char *kind, unsigned long long label)
{
    char path[512];
    if (!getenv("SAVE"))
        return;
    for (int i = 0; i < 2; i++) {
        size_t used = (size_t)snprintf(path, sizeof path, "%s/%llu.", getenv("SAVE"), label);
        for (const char *at = kind; *at && used < sizeof path - 20; at++)
            path[used++] = *at == ' ' || *at == '<' ? '_' : *at;
        snprintf(path + used, sizeof path - used, i ? ".new.onnx" : ".ref.onnx");
        write_packed(i ? faulty : source, path);
    }
}

/* What the judges say of a faulty fold. */
static void weigh(const struct packed *source, const struct packed *faulty, const char *kind,
    unsigned long long label, struct score *score)
{
    char text[500], seen[200];
    int verdict = prove_packed(source, faulty, text, sizeof text);
    int run = run_packed(source, faulty, seen, sizeof seen);
    if (verdict < 0 || run < 0 || run == BNF_RUN_INCONCLUSIVE) {
        score->errors++; /* no model, or none that runs */
        return;
    }
    bool differs = run == BNF_RUN_DIFFERENT, refuted = verdict == BNF_PROOF_REFUTED;
    if (!differs && !refuted) {
        score->same++;
        return;
    }
    score->counted++;
    score->refuted += refuted;
    score->missed_by_runs += !differs;
    score->unproved += verdict == BNF_PROOF_UNPROVED;
    bool proved = !refuted && verdict != BNF_PROOF_UNPROVED;
    score->proved += proved;
    if (refuted)
        return;
    if (!*score->told || (proved && score->proved == 1))
        snprintf(score->told, sizeof score->told, "%llu: %s", label, proved ? seen : text);
    if (getenv("VERBOSE"))
        printf("%s: %llu: %s: %s\n", kind, label, proved ? "PROVED" : "unproved", proved ? seen : text);
    save(source, faulty, kind, label);
}

static void try_kinds(struct tally *tally, const struct packed *source, const struct packed *folded,
    int dtype, unsigned long long label, uint64_t seed)
{
    for (size_t k = 0; k < tally->kinds; k++) {
        const struct wide_fault *fault = tally->faults[k];
        struct score *score = &tally->scores[k];
        struct scene scene;
        struct spot spot;
        struct make m;
        if (score->counted >= tally->enough)
            continue;
        make_open(&m, folded);
        scene_open(&scene, &m, seed * 131 + k, dtype);
        bool made = scene_pick(&scene, fault->ops, &spot) && fault->apply(&scene, &spot, fault->argument);
        struct packed faulty = {0};
        if (made)
            faulty = pack_proto(m.model);
        make_end(&m);
        if (made)
            weigh(source, &faulty, fault->name, label, score);
        bnf_free(faulty.bytes);
    }
}

/* Folds a model and lets faults loose on the result, if it is proved. */
static bool look_through(struct tally *tally, const struct packed *source, int dtype,
    unsigned long long label, uint64_t first, uint64_t times)
{
    struct opened opened;
    struct bnf_fold_result result;
    struct bnf_err err = {0};
    struct packed folded;
    char text[300];
    int status = fold_packed(source, &opened, &result, &folded, &err);
    close_opened(&opened);
    bool proved = !status && prove_packed(source, &folded, text, sizeof text) == BNF_PROOF_PROVED;
    for (uint64_t i = 0; i < times && proved; i++)
        try_kinds(tally, source, &folded, dtype, label, first + i);
    bnf_free(folded.bytes);
    return proved;
}

static bool all_seen(const struct tally *tally)
{
    for (size_t k = 0; k < tally->kinds; k++)
        if (tally->scores[k].counted < tally->enough)
            return false;
    return true;
}

static bool print_score(const char *name, const struct score *score, bool few)
{
    bool fine = score->proved == 0 && (few || score->counted >= 20);
    printf("%-42s  %7zu  %7zu  %8zu  %6zu  %6zu  %14zu%s\n", name, score->counted, score->refuted,
        score->unproved, score->proved, score->same, score->missed_by_runs,
        fine            ? ""
        : score->proved ? "  PROVED"
                        : "  too few");
    if (*score->told && (score->proved || getenv("VERBOSE")))
        printf("  %s\n", score->told);
    return fine;
}

int main(void)
{
    static struct tally tally;
    static const struct wide_fault *const families[] = {around_faults, order_faults, stored_faults};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const struct wide_fault *f = families[i]; f->apply && tally.kinds < most_kinds; f++)
            tally.faults[tally.kinds++] = f;
    tally.enough = number("SITES", 20);
    uint64_t seed = number("SEED", 1), count = number("COUNT", 1000) / 4, looked = 0, used = 0;
    for (; looked < count && !all_seen(&tally); looked++) {
        static const int types[] = {BNF_DTYPE_FLOAT, BNF_DTYPE_FLOAT, BNF_DTYPE_DOUBLE, BNF_DTYPE_FLOAT16};
        struct gen gen;
        const struct gen_options options = {
            .seed = seed + looked, .wide = true, .dtype = types[(seed + looked) % 4]};
        gen_model(&gen, &options);
        struct packed source = pack_proto(gen.make.model);
        used += look_through(&tally, &source, options.dtype, seed + looked, seed + looked, 1);
        gen_free(&gen);
        bnf_free(source.bytes);
    }
    for (size_t i = 0; rare_models[i]; i++) {
        struct bnf_model model;
        notation_read(&model, rare_models[i]);
        struct packed source = pack_proto(model.proto);
        bnf_model_close(&model);
        if (!look_through(&tally, &source, BNF_DTYPE_FLOAT, i, seed, 3 * tally.enough))
            printf("the fold of rare model %zu is not proved\n", i);
        bnf_free(source.bytes);
    }
    size_t passed = 0, failed = 0;
    printf("%-42s  counted  refuted  unproved  proved    same  missed by runs\n", "faults of the wide kind");
    for (size_t k = 0; k < tally.kinds; k++) {
        bool fine = print_score(tally.faults[k]->name, &tally.scores[k], count < 250);
        passed += fine;
        failed += !fine;
    }
    printf("seeds %llu to %llu, %llu models with a proved fold\n", (unsigned long long)seed,
        (unsigned long long)(seed + looked - 1), (unsigned long long)used);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
