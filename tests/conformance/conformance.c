/* Runs ONNX backend tests in the evaluator, in float and in double.
 *
 *     conformance ROOT … [--filter=GLOB] [-v]
 *
 * Below each ROOT, a folder with model.onnx is a test: every test_data_set_N in it has input_N.pb and output_N.pb. The
 * folder above names its set. A test is run in a process of its own, so that a crash is one failure and nothing more.
 * Where a test's output can be computed before anything runs, once its inputs are stored in the model, it has to come out
 * the same: what is folded into weights is computed there.
 * Ends with a table and `N passed, N failed`; tests of what the evaluator does not have are skipped, with the reason. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eval/eval.h"
#include "eval/feed.h"
#include "eval/operator.h"
#include "graph/shapes.h"
#include "onnx/model.h"

enum { seconds_allowed = 10, path_room = 4096, inner_room = path_room + 64, most_sets = 64 };

enum outcome { PASSED, FAILED, SKIPPED };

/* What a test's process tells. */
struct result {
    enum outcome outcome[3]; /* by bnf_precision, and as a constant */
    char why[3][480];
};

struct set {
    char name[128];
    size_t total, passed[3], failed[3], skipped[3];
};

struct reason {
    char *text;
    size_t count;
};

struct tally {
    const char *filter;
    bool verbose;
    char path[path_room];
    struct set sets[most_sets];
    size_t set_count, passed, failed, skipped;
    struct reason *reasons;
    size_t reason_count, reason_room;
};

enum { CONSTANT = 2, ARMS = 3 };

static const char *const arms[ARMS] = {"float", "double", "as a constant"};

__attribute__((format(printf, 3, 4))) static void say(struct result *r, int arm, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why[arm], sizeof r->why[arm], format, args);
    va_end(args);
}

/* ---- comparing ---- */

static double relative_tolerance(int dtype)
{
    return dtype == BNF_DTYPE_FLOAT16 ? 1e-2 : dtype == BNF_DTYPE_BFLOAT16 ? 2e-2 : 1e-3;
}

static double absolute_tolerance(int dtype)
{
    return dtype == BNF_DTYPE_FLOAT16 ? 1e-3 : dtype == BNF_DTYPE_BFLOAT16 ? 1e-2 : 1e-5;
}

static bool equal_reals(int dtype, double want, double have)
{
    if (isnan(want) || isnan(have))
        return isnan(want) && isnan(have);
    if (isinf(want) || isinf(have))
        return want == have;
    return fabs(want - have) <= absolute_tolerance(dtype) + relative_tolerance(dtype) * fabs(want);
}

/* What was quantized may be one step off in double: expected is what float arithmetic made of a tie. */
static bool equal_integers(const struct bnf_array *want, int64_t a, int64_t b)
{
    bool quantized = want->dtype == BNF_DTYPE_UINT8 || want->dtype == BNF_DTYPE_INT8;
    if (quantized && want->precision == BNF_PRECISION_DOUBLE)
        return a - b <= 1 && b - a <= 1;
    return a == b;
}

static bool equal_elements(const struct bnf_array *want, const struct bnf_array *have, size_t i)
{
    switch (want->kind) {
    case BNF_KIND_REAL:
        return equal_reals(want->dtype, bnf_array_at(want, i), bnf_array_at(have, i));
    case BNF_KIND_INT:
        return equal_integers(want, ((const int64_t *)want->data)[i], ((const int64_t *)have->data)[i]);
    case BNF_KIND_TEXT:
        return strcmp(((const char **)want->data)[i], ((const char **)have->data)[i]) == 0;
    case BNF_KIND_SEQUENCE:
    case BNF_KIND_NOTHING:
        break;
    }
    return true;
}

static const char *element_text(const struct bnf_array *array, size_t i, char *text, size_t room)
{
    if (array->kind == BNF_KIND_TEXT)
        snprintf(text, room, "'%s'", ((const char **)array->data)[i]);
    else
        snprintf(text, room, "%.9g", bnf_array_at(array, i));
    return text;
}

/* True when they are equal; else why not. */
static bool compare(const struct bnf_array *want, const struct bnf_array *have, char *why, size_t room)
{
    static const char *const kinds[] = {"reals", "integers", "strings", "a sequence", "nothing"};
    char a[96], b[96];
    if (want->kind != have->kind) {
        snprintf(why, room, "expected %s, found %s", kinds[want->kind], kinds[have->kind]);
        return false;
    }
    if (want->kind == BNF_KIND_NOTHING)
        return true;
    if (want->rank != have->rank || memcmp(want->dims, have->dims, want->rank * sizeof *want->dims)) {
        snprintf(why, room, "expected extents %s, found %s", bnf_dims_text(want->dims, want->rank, a, sizeof a),
            bnf_dims_text(have->dims, have->rank, b, sizeof b));
        return false;
    }
    if (want->kind == BNF_KIND_SEQUENCE) {
        struct bnf_array **wants = want->data, **haves = have->data;
        bool equal = true;
        for (size_t i = 0; equal && i < want->count; i++)
            equal = compare(wants[i], haves[i], why, room);
        return equal;
    }
    if (want->dtype != have->dtype) {
        snprintf(why, room, "expected %s, found %s", bnf_dtype_name(want->dtype), bnf_dtype_name(have->dtype));
        return false;
    }
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < want->count; i++) {
        if (equal_elements(want, have, i))
            continue;
        first = wrong++ ? first : i;
    }
    if (wrong)
        snprintf(why, room, "%zu of %zu elements differ, element %zu: expected %s, found %s", wrong, want->count, first,
            element_text(want, first, a, sizeof a), element_text(have, first, b, sizeof b));
    return wrong == 0;
}

/* ---- one test, in its own process ---- */

struct bench {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
    struct bnf_arena arena;
    struct bnf_err err;
};

/* A file of a data set as an array; *out stays NULL where there is no such file. */
static int read_value(struct bench *b, const char *folder, const char *what, size_t number,
    const Onnx__ValueInfoProto *info, struct bnf_array **out)
{
    char path[inner_room + 64];
    struct bnf_data data;
    snprintf(path, sizeof path, "%s/%s_%zu.pb", folder, what, number);
    *out = NULL;
    if (access(path, F_OK))
        return BNF_OK;
    int status = bnf_data_load(path, info->type, &b->arena, &data, &b->err);
    return status ? status
                  : bnf_feed_array(&b->eval.budget, &data, b->eval.precision, &b->arena, out, &b->err);
}

static enum outcome compare_outputs(struct bench *b, const char *folder, struct result *r, int arm)
{
    const Onnx__GraphProto *graph = b->model.proto->graph;
    size_t compared = 0;
    for (size_t i = 0; i < graph->n_output; i++) {
        struct bnf_array *want, *have = bnf_eval_value(&b->eval, b->graph.scopes[0].outputs[i]);
        char why[400];
        int status = read_value(b, folder, "output", i, graph->output[i], &want);
        if (status) {
            say(r, arm, "%s", b->err.text);
            return status == BNF_CANNOT ? SKIPPED : FAILED;
        }
        if (!want)
            continue;
        compared++;
        if (!have) {
            bnf_array_drop(&b->eval.budget, want);
            say(r, arm, "%s", *b->eval.blocked ? b->eval.blocked : "an output was not computed, and nobody says why");
            return *b->eval.blocked ? SKIPPED : FAILED;
        }
        bool equal = compare(want, have, why, sizeof why);
        bnf_array_drop(&b->eval.budget, want);
        if (!equal) {
            say(r, arm, "output '%s': %s", graph->output[i]->name, why);
            return FAILED;
        }
    }
    if (!compared)
        say(r, arm, "there is no output to compare with");
    return compared ? PASSED : FAILED;
}

static enum outcome run_data_set(struct bench *b, const char *folder, struct result *r, int arm)
{
    const Onnx__GraphProto *graph = b->model.proto->graph;
    struct bnf_array **feeds = bnf_alloc(graph->n_input, sizeof(struct bnf_array *));
    int status = feeds ? BNF_OK : bnf_fail_memory(&b->err);
    for (size_t i = 0; !status && i < graph->n_input; i++)
        status = read_value(b, folder, "input", i, graph->input[i], &feeds[i]);
    if (!status)
        status = bnf_eval_run(&b->eval, feeds, &b->err);
    enum outcome outcome = status == BNF_CANNOT ? SKIPPED : FAILED;
    if (status)
        say(r, arm, "%s", b->err.text);
    else
        outcome = compare_outputs(b, folder, r, arm);
    for (size_t i = 0; feeds && i < graph->n_input; i++)
        bnf_array_drop(&b->eval.budget, feeds[i]);
    bnf_free(feeds);
    return outcome;
}

static enum outcome run_data_sets(struct bench *b, const char *folder, struct result *r, int arm)
{
    size_t sets = 0;
    for (;; sets++) {
        char path[inner_room];
        snprintf(path, sizeof path, "%s/test_data_set_%zu", folder, sets);
        if (access(path, F_OK))
            break;
        enum outcome outcome = run_data_set(b, path, r, arm);
        if (outcome != PASSED)
            return outcome;
    }
    if (!sets)
        say(r, arm, "there is no test_data_set_0");
    return sets ? PASSED : FAILED;
}

static enum outcome run_arm(const char *folder, struct result *r, int arm)
{
    struct bench b = {0};
    char path[inner_room];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    enum outcome outcome = FAILED;
    int status = bnf_model_load(&b.model, path, &b.err);
    if (!status)
        status = bnf_graph_build(&b.graph, &b.model, &b.err);
    if (!status)
        status = bnf_eval_init(&b.eval, &b.graph, (enum bnf_precision)arm, 1, NULL, 0, &b.err);
    if (status) {
        say(r, arm, "%s", b.err.text);
    } else if (b.eval.unsupported_count) {
        const Onnx__NodeProto *node = b.graph.nodes[b.eval.unsupported[0]].proto;
        say(r, arm, "no operator %s%s%s", node->domain ? node->domain : "", node->domain && *node->domain ? "." : "",
            node->op_type);
        outcome = SKIPPED;
    } else {
        outcome = run_data_sets(&b, folder, r, arm);
    }
    bnf_eval_free(&b.eval);
    bnf_graph_free(&b.graph);
    bnf_model_close(&b.model);
    bnf_arena_free(&b.arena);
    return outcome;
}

/* Stores the first data set's tensors in the model, as initializers of the inputs. */
static int store_inputs(struct bench *b, const char *folder)
{
    Onnx__GraphProto *graph = b->model.proto->graph;
    size_t count = graph->n_initializer;
    Onnx__TensorProto **all = bnf_arena_alloc(&b->arena, count + graph->n_input, sizeof(Onnx__TensorProto *));
    if (!all)
        return bnf_fail_memory(&b->err);
    for (size_t i = 0; i < count; i++)
        all[i] = graph->initializer[i];
    for (size_t i = 0; i < graph->n_input; i++) {
        char path[inner_room + 64];
        struct bnf_data data;
        snprintf(path, sizeof path, "%s/test_data_set_0/input_%zu.pb", folder, i);
        if (access(path, F_OK) || bnf_data_load(path, graph->input[i]->type, &b->arena, &data, &b->err) ||
            data.kind != BNF_DATA_TENSOR || !bnf_feed_holds(data.tensor->data_type))
            continue;
        data.tensor->name = graph->input[i]->name;
        all[count++] = data.tensor;
    }
    graph->initializer = all;
    graph->n_initializer = count;
    return BNF_OK;
}

/* Outputs that are constants once the inputs are. */
static enum outcome compare_constants(struct bench *b, const char *folder, struct result *r)
{
    struct bnf_constants constants;
    const Onnx__GraphProto *graph = b->model.proto->graph;
    enum outcome outcome = SKIPPED;
    char inner[inner_room];
    snprintf(inner, sizeof inner, "%s/test_data_set_0", folder);
    int status = bnf_constants_init(&constants, &b->graph, false, &b->err);
    for (size_t i = 0; !status && outcome != FAILED && i < graph->n_output; i++) {
        const struct bnf_tensor *tensor = NULL;
        struct bnf_array *want = NULL, *have = NULL;
        status = bnf_constant(&constants, b->graph.scopes[0].outputs[i], &tensor, &b->err);
        if (!status && tensor && bnf_feed_holds(tensor->dtype))
            status = read_value(b, inner, "output", i, graph->output[i], &want);
        if (!status && want && (have = bnf_array_from_tensor(&b->eval.budget, tensor, BNF_PRECISION_FLOAT)))
            outcome = compare(want, have, r->why[CONSTANT], sizeof r->why[CONSTANT]) ? PASSED : FAILED;
        bnf_array_drop(&b->eval.budget, want);
        bnf_array_drop(&b->eval.budget, have);
    }
    bnf_constants_free(&constants);
    if (status)
        say(r, CONSTANT, "%s", b->err.text);
    return status ? FAILED : outcome;
}

static enum outcome run_constants(const char *folder, struct result *r)
{
    struct bench b = {0};
    char path[inner_room];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    enum outcome outcome = SKIPPED;
    if (!bnf_model_load(&b.model, path, &b.err) && b.model.proto->graph && !store_inputs(&b, folder) &&
        !bnf_graph_build(&b.graph, &b.model, &b.err) && !bnf_shapes_infer(&b.graph, &b.err))
        outcome = compare_constants(&b, folder, r);
    bnf_graph_free(&b.graph);
    bnf_model_close(&b.model);
    bnf_arena_free(&b.arena);
    return outcome;
}

/* All arms in a process of their own, told through a pipe. */
static void run_test(const char *folder, struct result *r)
{
    int ends[2];
    *r = (struct result){{FAILED, FAILED, FAILED}, {"", "", ""}};
    fflush(stdout);
    pid_t child = pipe(ends) ? -1 : fork();
    if (child < 0) {
        perror("conformance");
        exit(2);
    }
    if (child == 0) {
        alarm(seconds_allowed);
        for (int arm = 0; arm < 2; arm++)
            r->outcome[arm] = run_arm(folder, r, arm);
        r->outcome[CONSTANT] = run_constants(folder, r);
        exit(write(ends[1], r, sizeof *r) == (ssize_t)sizeof *r ? 0 : 2); /* not _exit: a sanitizer looks for leaks */
    }
    close(ends[1]);
    struct result told;
    size_t got = 0;
    for (ssize_t n; got < sizeof told && (n = read(ends[0], (char *)&told + got, sizeof told - got)) > 0;)
        got += (size_t)n;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && got == sizeof told) {
        *r = told;
        return;
    }
    for (int arm = 0; arm < ARMS; arm++) {
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            say(r, arm, "no answer after %d seconds", seconds_allowed);
        else if (WIFSIGNALED(status))
            say(r, arm, "crashed: %s", strsignal(WTERMSIG(status)));
        else
            say(r, arm, "its process ended with status %d", WEXITSTATUS(status));
    }
}

/* ---- counting and telling ---- */

static struct set *find_set(struct tally *t, const char *name)
{
    for (size_t i = 0; i < t->set_count; i++)
        if (strcmp(t->sets[i].name, name) == 0)
            return &t->sets[i];
    if (t->set_count == most_sets) {
        fprintf(stderr, "conformance: more than %d sets of tests\n", most_sets);
        exit(2);
    }
    struct set *set = &t->sets[t->set_count++];
    snprintf(set->name, sizeof set->name, "%.127s", name);
    return set;
}

static void count_reason(struct tally *t, const char *text)
{
    for (size_t i = 0; i < t->reason_count; i++) {
        if (strcmp(t->reasons[i].text, text) == 0) {
            t->reasons[i].count++;
            return;
        }
    }
    if (!bnf_reserve(&t->reasons, &t->reason_room, t->reason_count + 1, sizeof *t->reasons)) {
        fprintf(stderr, "conformance: out of memory\n");
        exit(2);
    }
    t->reasons[t->reason_count++] = (struct reason){strdup(text), 1};
}

static void count_result(struct tally *t, struct set *set, const char *name, const struct result *r)
{
    set->total++;
    for (int arm = 0; arm < ARMS; arm++) {
        enum outcome outcome = r->outcome[arm];
        (outcome == PASSED ? set->passed : outcome == FAILED ? set->failed : set->skipped)[arm]++;
        if (outcome == FAILED)
            printf("fail  %s/%s (%s): %s\n", set->name, name, arms[arm], r->why[arm]);
        else if (outcome == SKIPPED && t->verbose && arm != CONSTANT)
            printf("skip  %s/%s (%s): %s\n", set->name, name, arms[arm], r->why[arm]);
    }
    if (r->outcome[0] == FAILED || r->outcome[1] == FAILED || r->outcome[CONSTANT] == FAILED) {
        t->failed++;
    } else if (r->outcome[0] == SKIPPED || r->outcome[1] == SKIPPED) {
        t->skipped++;
        count_reason(t, r->why[r->outcome[0] == SKIPPED ? 0 : 1]);
    } else {
        t->passed++;
        if (t->verbose)
            printf("pass  %s/%s\n", set->name, name);
    }
}

/* Takes what is in t->path as a test, or walks into it. */
static void walk(struct tally *t)
{
    size_t length = strlen(t->path);
    const char *name = strrchr(t->path, '/');
    if (length + 16 > sizeof t->path)
        return;
    strcpy(t->path + length, "/model.onnx");
    bool is_test = access(t->path, F_OK) == 0;
    t->path[length] = 0;
    if (is_test && name) {
        char parent[path_room];
        snprintf(parent, sizeof parent, "%.*s", (int)(name - t->path), t->path);
        const char *set = strrchr(parent, '/');
        if (t->filter && fnmatch(t->filter, name + 1, 0))
            return;
        struct result result;
        run_test(t->path, &result);
        count_result(t, find_set(t, set ? set + 1 : parent), name + 1, &result);
        return;
    }
    struct dirent **entries;
    int count = scandir(t->path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *entry = entries[i]->d_name;
        struct stat facts;
        if (*entry != '.' && length + strlen(entry) + 2 < sizeof t->path) {
            snprintf(t->path + length, sizeof t->path - length, "/%s", entry);
            if (stat(t->path, &facts) == 0 && S_ISDIR(facts.st_mode))
                walk(t);
        }
        t->path[length] = 0;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static int by_count(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->text, y->text);
}

static void tell(struct tally *t)
{
    if (t->reason_count)
        qsort(t->reasons, t->reason_count, sizeof *t->reasons, by_count);
    for (size_t i = 0; i < t->reason_count; i++) {
        printf("skipped %4zu: %s\n", t->reasons[i].count, t->reasons[i].text);
        free(t->reasons[i].text);
    }
    bnf_free(t->reasons);
    printf("%-20s %6s %16s %16s %16s %9s\n", "set", "total", "passed f/d", "failed f/d", "skipped f/d", "constant");
    for (size_t i = 0; i < t->set_count; i++) {
        const struct set *s = &t->sets[i];
        printf("%-20s %6zu %8zu %7zu %8zu %7zu %8zu %7zu %9zu\n", s->name, s->total, s->passed[0], s->passed[1],
            s->failed[0], s->failed[1], s->skipped[0], s->skipped[1], s->passed[CONSTANT]);
    }
    printf("%zu skipped\n%zu passed, %zu failed\n", t->skipped, t->passed, t->failed);
}

int main(int argc, char **argv)
{
    static struct tally tally;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            tally.verbose = true;
        else if (strncmp(argv[i], "--filter=", 9) == 0)
            tally.filter = argv[i] + 9;
    }
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        snprintf(tally.path, sizeof tally.path, "%s", argv[i]);
        walk(&tally);
    }
    if (tally.passed + tally.failed + tally.skipped == 0) {
        fprintf(stderr, "conformance: no tests found; usage: conformance ROOT … [--filter=GLOB] [-v]\n");
        return 2;
    }
    tell(&tally);
    return tally.failed ? 1 : 0;
}
