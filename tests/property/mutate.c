/* Puts faults of every kind into correct folds: the proof refutes each one that changes anything. The table
 * counts how many of these the runs alone would have missed: inputs show only what they excite.
 *
 * Environment: COUNT / 2 models (500) are looked through from SEED on (1), and further ones, up to 20 times
 * as many, until every kind was seen 20 times; VERBOSE=1 tells of each that was missed; SAVE, a folder for
 * these. */
#include "support/fault.h"

#include "onnx/dtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_kinds = 64, enough = 20 };

struct score {
    size_t counted, refuted, small, missed_by_runs;
    char missed[1024]; /* the first one that was not refuted */
};

static unsigned long long number(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static void save(const struct packed *packed, uint64_t seed, const char *kind, const char *what)
{
    char path[512];
    if (!getenv("SAVE"))
        return;
    snprintf(path, sizeof path, "%s/%llu.%s.%s.onnx", getenv("SAVE"), (unsigned long long)seed, kind, what);
    write_packed(packed, path);
}

/* The faulty fold: of the changed source, or the changed fold itself. */
static bool make_faulty(
    struct subject *s, const struct fault *fault, struct packed *faulty, enum fault_effect *effect)
{
    struct make m;
    make_open(&m, fault->before ? &s->source : &s->folded);
    *effect = fault->apply(s, &m, fault->argument);
    *faulty = (struct packed){0};
    bool made = *effect != FAULT_NO_SITE && *effect != FAULT_SMALL;
    struct packed changed = {0};
    if (made)
        changed = pack_proto(m.model);
    make_end(&m);
    if (!made || !fault->before) {
        *faulty = changed;
        return made;
    }
    struct opened opened;
    struct bnf_fold_result result;
    struct bnf_err err = {0};
    made = !fold_packed(&changed, &opened, &result, faulty, &err);
    close_opened(&opened);
    bnf_free(changed.bytes);
    return made;
}

static void try_fault(struct subject *s, uint64_t seed, const struct fault *fault, struct score *score)
{
    struct packed faulty;
    enum fault_effect effect;
    char text[800];
    bool made = make_faulty(s, fault, &faulty, &effect);
    double allowed = 8.0 * (double)(s->gen.layers + 2) * (s->gen.dtype == BNF_DTYPE_DOUBLE ? 50 : 1);
    bool counts = made && (effect == FAULT_COUNTS || subject_difference(s, &faulty) > allowed);
    if (!counts) {
        score->small += effect != FAULT_NO_SITE;
        bnf_free(faulty.bytes);
        return;
    }
    score->counted++;
    int verdict = prove_packed(&s->source, &faulty, text, sizeof text);
    if (verdict == BNF_PROOF_REFUTED) {
        score->refuted++;
        score->missed_by_runs += run_packed(&s->source, &faulty, text, sizeof text) != BNF_RUN_DIFFERENT;
    } else {
        static const char *const verdicts[] = {"proved", "warned of", "refuted", "unproved"};
        const char *word = verdict < 0 ? "an error" : verdicts[verdict];
        if (!*score->missed || getenv("VERBOSE"))
            snprintf(score->missed, sizeof score->missed, "seed %llu: %s: %s", (unsigned long long)seed, word,
                text);
        if (getenv("VERBOSE"))
            printf("%s: %s\n", fault->name, score->missed);
        save(&s->source, seed, fault->name, "source");
        save(&s->folded, seed, fault->name, "folded");
        save(&faulty, seed, fault->name, "faulty");
    }
    bnf_free(faulty.bytes);
}

static bool all_seen(const struct score *scores)
{
    for (size_t k = 0; faults[k].apply; k++)
        if (scores[k].counted < enough)
            return false;
    return true;
}

int main(void)
{
    static struct score scores[most_kinds];
    uint64_t seed = number("SEED", 1), count = number("COUNT", 1000) / 2;
    uint64_t looked = 0, used = 0;
    for (; looked < count || (looked < 20 * count && !all_seen(scores)); looked++) {
        struct subject s;
        if (subject_make(&s, seed + looked)) {
            used++;
            for (size_t k = 0; faults[k].apply; k++)
                if (looked < count || scores[k].counted < enough)
                    try_fault(&s, seed + looked, &faults[k], &scores[k]);
        }
        subject_free(&s);
    }
    size_t passed = 0, failed = 0;
    bool short_run = count < 500; /* then rare kinds may be missing */
    printf("faults of %-28s  refuted of  counted    small  missed by runs alone\n", "");
    for (size_t k = 0; faults[k].apply; k++) {
        const struct score *score = &scores[k];
        bool fine = score->refuted == score->counted && (score->counted >= enough || short_run);
        printf("%-38s  %7zu of %7zu  %7zu  %7zu%s\n", faults[k].name, score->refuted, score->counted, score->small,
            score->missed_by_runs,
            fine                               ? ""
            : score->refuted == score->counted ? "  too few"
                                               : "  MISSED");
        if (*score->missed)
            printf("  %s\n", score->missed);
        passed += fine;
        failed += !fine;
    }
    printf("seeds %llu to %llu, %llu models with a proved fold\n", (unsigned long long)seed,
        (unsigned long long)(seed + looked - 1), (unsigned long long)used);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
