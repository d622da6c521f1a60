/* Folds generated models of the wide kind, with every operator of the catalogue, and asks all judges. A child
 * process does the work, so that a crash is one finding more.
 *
 * Environment: COUNT · 3 / 10 models (300) or SOAK of them, from SEED on (1); SAVE, a folder for the models
 * of failures, made as small as can be; SHRINK, how many of each kind are made smaller (5); PAIRS, a folder
 * for every model and its fold; FILES, a folder for the models alone; PROGRESS=N, a line every N models. */
#define _GNU_SOURCE
#include "support/gen.h"
#include "support/judge.h"
#include "support/shrink.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { seconds_a_model = 120, most_patterns = 400, further_models = 3000 };

static unsigned long long number(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static struct packed generate(uint64_t seed, bool notes)
{
    struct gen gen;
    const struct gen_options options = {.seed = seed, .wide = true, .notes = notes};
    gen_model(&gen, &options);
    struct packed packed = pack_proto(gen.make.model);
    gen_free(&gen);
    return packed;
}

/* ---- what was seen of the catalogue */

static const char *const catalogue[] = {
#define BNF_RULE(op_type, inputs, most_inputs, outputs, back, forward) op_type,
#include "fold/rules.def"
#undef BNF_RULE
};

enum { catalogue_size = sizeof catalogue / sizeof *catalogue };

static void look(const Onnx__GraphProto *graph, bool *seen)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        for (size_t k = 0; k < catalogue_size; k++)
            seen[k] |= strcmp(graph->node[i]->op_type, catalogue[k]) == 0;
        for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
            if (graph->node[i]->attribute[k]->g)
                look(graph->node[i]->attribute[k]->g, seen);
    }
}

/* What the child tells of a model. */
struct record {
    struct verdict verdict;
    bool seen[catalogue_size];
};

static void save(const struct packed *packed, const char *folder, uint64_t seed, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%llu%s.onnx", folder, (unsigned long long)seed, suffix);
    write_packed(packed, path);
}

/* ---- the child */

static void work(uint64_t seed, uint64_t end, int pipe)
{
    const char *pairs = getenv("PAIRS"), *files = getenv("FILES");
    for (; seed < end; seed++) {
        struct record record = {0};
        struct packed folded, source = generate(seed, false);
        alarm(seconds_a_model);
        if (files)
            save(&source, files, seed, "");
        struct make m;
        make_open(&m, &source);
        look(m.graph, record.seen);
        make_end(&m);
        judge(&source, judge_all, &folded, &record.verdict);
        if (pairs && folded.bytes) {
            save(&source, pairs, seed, ".source");
            save(&folded, pairs, seed, ".folded");
        }
        bnf_free(source.bytes);
        bnf_free(folded.bytes);
        if (write(pipe, &record, sizeof record) != (ssize_t)sizeof record)
            break;
    }
    close(pipe);
}

struct child {
    pid_t pid;
    int pipe;
};

/* A process that judges seeds from `seed` on. */
static struct child begin_child(uint64_t seed, uint64_t end)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0)
        bnf_bug("no pipe");
    struct child child = {.pid = fork(), .pipe = ends[0]};
    if (child.pid < 0)
        bnf_bug("no process");
    if (child.pid == 0) {
        close(ends[0]);
        work(seed, end, ends[1]);
        exit(0);
    }
    close(ends[1]);
    return child;
}

/* What ended a child: 0, or its signal or exit status as a sentence. */
static bool end_child(struct child *child, char *text, size_t room)
{
    int status = 0;
    close(child->pipe);
    waitpid(child->pid, &status, 0);
    if (WIFSIGNALED(status))
        snprintf(text, room, "signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, room, "exit status %d", WEXITSTATUS(status));
    return status != 0;
}

static bool read_record(const struct child *child, struct record *record)
{
    size_t have = 0;
    while (have < sizeof *record) {
        ssize_t got = read(child->pipe, (char *)record + have, sizeof *record - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* ---- making failures small */

struct target {
    enum judgement judgement;
};

static bool crashes(const struct packed *model)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct verdict verdict;
        struct packed folded;
        alarm(seconds_a_model);
        fclose(stderr);
        judge(model, judge_all, &folded, &verdict);
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status != 0;
}

static bool still_fails(const struct packed *model, void *context)
{
    const struct target *target = context;
    if (target->judgement == JUDGED_CRASH)
        return crashes(model);
    struct verdict verdict;
    struct packed folded;
    judge(model, 1u << target->judgement, &folded, &verdict);
    bnf_free(folded.bytes);
    return verdict.found >> target->judgement & 1 && !(verdict.found >> JUDGED_INVALID & 1);
}

struct tally {
    unsigned long long models, failed, sites, folded, dropped, lowered, kept, inconclusive;
    unsigned long long counts[JUDGEMENT_COUNT], shrunk[JUDGEMENT_COUNT];
    char *patterns[most_patterns]; /* those told already */
    size_t pattern_count;
};

/* True for a pattern that was not seen before; notes it. */
static bool is_new(struct tally *tally, const char *pattern)
{
    for (size_t i = 0; i < tally->pattern_count; i++)
        if (strcmp(tally->patterns[i], pattern) == 0)
            return false;
    if (tally->pattern_count < most_patterns)
        tally->patterns[tally->pattern_count++] = strdup(pattern);
    return true;
}

static void tell(uint64_t seed, enum judgement judgement, const struct verdict *first, struct tally *tally)
{
    const char *folder = getenv("SAVE");
    char pattern[500], key[600], path[600] = "";
    struct target target = {judgement};
    struct packed source = generate(seed, false), noted = generate(seed, true), small = {0};
    struct verdict verdict = *first;
    bool shrinks = tally->shrunk[judgement] < number("SHRINK", 5) && judgement != JUDGED_INVALID;
    if (shrinks) {
        /* Where every value's shape is told, more can be left out. */
        small = shrink(still_fails(&noted, &target) ? &noted : &source, still_fails, &target);
        struct packed folded;
        if (judgement != JUDGED_CRASH) {
            judge(&small, judge_all, &folded, &verdict);
            bnf_free(folded.bytes);
        }
    }
    shrink_pattern(small.bytes ? &small : &source, pattern, sizeof pattern);
    snprintf(key, sizeof key, "%s: %s", judgement_name(judgement), pattern);
    bool fresh = is_new(tally, key);
    if (shrinks && fresh) {
        tally->shrunk[judgement]++;
        if (folder) {
            snprintf(path, sizeof path, " (%s/%llu.json)", folder, (unsigned long long)seed);
            char file[600];
            snprintf(file, sizeof file, "%s/%llu.json", folder, (unsigned long long)seed);
            shrink_save(&small, file);
        }
    }
    printf("seed %llu: %s: %s: %s%s", (unsigned long long)seed, judgement_name(judgement), pattern,
        verdict.text[judgement], path);
    for (unsigned i = judgement + 1; i < JUDGEMENT_COUNT; i++)
        if (verdict.found >> i & 1)
            printf(", and %s", judgement_name(i));
    printf("\n");
    fflush(stdout);
    bnf_free(source.bytes);
    bnf_free(noted.bytes);
    bnf_free(small.bytes);
}

static void note(uint64_t seed, const struct verdict *verdict, struct tally *tally)
{
    tally->models++;
    tally->failed += verdict->found != 0;
    tally->sites += verdict->sites;
    tally->folded += verdict->folded;
    tally->dropped += verdict->dropped;
    tally->lowered += verdict->lowered;
    tally->kept += verdict->kept;
    tally->inconclusive += verdict->inconclusive;
    for (unsigned i = 0; i < JUDGEMENT_COUNT; i++)
        tally->counts[i] += verdict->found >> i & 1;
    if (verdict->found)
        tell(seed, judge_worst(verdict), verdict, tally);
}

static void print_tally(const struct tally *tally)
{
    printf("%llu models: %llu sites, %llu folded, %llu dropped, %llu lowered, %llu kept; %llu runs "
           "inconclusive\n",
        tally->models, tally->sites, tally->folded, tally->dropped, tally->lowered, tally->kept,
        tally->inconclusive);
    for (unsigned i = 0; i < JUDGEMENT_COUNT; i++)
        if (tally->counts[i])
            printf("  %6llu %s\n", tally->counts[i], judgement_name(i));
    fflush(stdout);
}

/* How many operators of the catalogue no model has; where some are missing, further models are made to look
 * at. */
static size_t count_unseen(bool *seen, uint64_t seed)
{
    size_t unseen = 1;
    for (unsigned i = 0; i <= further_models && unseen; i++) {
        unseen = 0;
        for (size_t k = 0; k < catalogue_size; k++)
            unseen += !seen[k];
        if (!unseen)
            break;
        struct packed packed = generate(seed + i, false);
        struct make m;
        make_open(&m, &packed);
        look(m.graph, seen);
        make_end(&m);
        bnf_free(packed.bytes);
    }
    for (size_t k = 0; k < catalogue_size; k++)
        if (!seen[k])
            printf("no model has the operator %s\n", catalogue[k]);
    return unseen;
}

int main(void)
{
    static struct tally tally;
    static struct record record;
    static bool seen[catalogue_size];
    uint64_t seed = number("SEED", 1), end = seed + number("SOAK", number("COUNT", 1000) * 3 / 10);
    uint64_t first = seed, progress = number("PROGRESS", 0);
    while (seed < end) {
        struct child child = begin_child(seed, end);
        while (seed < end && read_record(&child, &record)) {
            for (size_t i = 0; i < catalogue_size; i++)
                seen[i] |= record.seen[i];
            note(seed++, &record.verdict, &tally);
            if (progress && tally.models % progress == 0)
                print_tally(&tally);
        }
        char text[200];
        bool failed = end_child(&child, text, sizeof text);
        if (seed < end || failed) {
            struct verdict crash = {.found = 1u << JUDGED_CRASH};
            snprintf(crash.text[JUDGED_CRASH], sizeof crash.text[JUDGED_CRASH], "%s", text);
            note(seed < end ? seed : end - 1, &crash, &tally);
            seed++;
        }
    }
    printf("seeds %llu to %llu of the wide kind\n", (unsigned long long)first, (unsigned long long)(end - 1));
    print_tally(&tally);
    for (size_t i = 0; i < tally.pattern_count; i++)
        free(tally.patterns[i]);
    size_t unseen = count_unseen(seen, end);
    printf("%llu passed, %llu failed\n", tally.models - tally.failed, tally.failed + unseen);
    return tally.failed + unseen != 0;
}
