/* Times the evaluator on a loaded model, as a process that is asked for one round after the other:
 * tests/bench/infer.py takes turns between this one and ONNX Runtime's.
 *
 * usage: infer MODEL float|double [THREADS]
 *
 * Answers "ready MIB", with the most that arrays held in the first inference, which does not count. Then each
 * line read is a number of inferences to run, answered by one line of their milliseconds. */
#define _POSIX_C_SOURCE 200809L
#include "base/threads.h"
#include "eval/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { most_inputs = 16, most_rounds = 1000 };

struct bench {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
    struct bnf_array *feeds[most_inputs];
};

static int complain(const char *what)
{
    fprintf(stderr, "infer: %s\n", what);
    return 2;
}

/* Numbers of both signs around 1; extents that are not fixed become 1. */
static struct bnf_array *make_feed(
    struct bnf_budget *budget, const struct bnf_value *v, enum bnf_precision precision)
{
    int64_t dims[bnf_most_rank];
    if (v->shape.rank < 0 || v->shape.rank > bnf_most_rank || v->shape.dtype != BNF_DTYPE_FLOAT)
        return NULL;
    for (int i = 0; i < v->shape.rank; i++)
        dims[i] = v->shape.dims[i] > 0 ? v->shape.dims[i] : 1;
    struct bnf_array *array = bnf_array_new(budget, v->shape.dtype, precision, (size_t)v->shape.rank, dims);
    for (size_t i = 0; array && i < array->count; i++) {
        float number = sinf((float)(i % 100003) * 12.9898f) * 1.7f;
        if (precision == BNF_PRECISION_FLOAT)
            ((float *)array->data)[i] = number;
        else
            ((double *)array->data)[i] = (double)number;
    }
    return array;
}

static int open_model(struct bench *b, const char *path, enum bnf_precision precision, unsigned threads)
{
    struct bnf_err err = {0};
    if (bnf_model_load(&b->model, path, &err) || bnf_graph_build(&b->graph, &b->model, &err) ||
        bnf_eval_init(&b->eval, &b->graph, precision, threads, NULL, 0, &err))
        return complain(err.text);
    const struct bnf_scope *main = &b->graph.scopes[0];
    if (main->input_count > most_inputs)
        return complain("too many inputs");
    for (size_t i = 0; i < main->input_count; i++) {
        const struct bnf_value *v = &b->graph.values[main->inputs[i]];
        if (v->initializer)
            continue;
        b->feeds[i] = make_feed(&b->eval.budget, v, precision);
        if (!b->feeds[i])
            return complain("an input is not of float, or memory is out");
    }
    return 0;
}

/* Milliseconds of one inference; negative when it failed. */
static double infer(struct bench *b)
{
    struct bnf_err err = {0};
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    int status = bnf_eval_run(&b->eval, b->feeds, &err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (status || *b->eval.blocked) {
        complain(status ? err.text : b->eval.blocked);
        return -1;
    }
    return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static int serve(struct bench *b)
{
    char line[32];
    if (infer(b) < 0)
        return 2;
    printf("ready %.3f\n", (double)b->eval.budget.peak / (1 << 20));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        long rounds = strtol(line, NULL, 10);
        if (rounds < 1 || rounds > most_rounds)
            return complain("a number of rounds, 1 … 1000, is needed");
        for (long i = 0; i < rounds; i++) {
            double ms = infer(b);
            if (ms < 0)
                return 2;
            printf("%s%.3f", i ? " " : "", ms);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    if (argc < 3 || (strcmp(argv[2], "float") != 0 && strcmp(argv[2], "double") != 0))
        return complain("usage: infer MODEL float|double [THREADS]");
    enum bnf_precision precision = argv[2][0] == 'f' ? BNF_PRECISION_FLOAT : BNF_PRECISION_DOUBLE;
    long threads = argc > 3 ? strtol(argv[3], NULL, 10) : (long)bnf_thread_count();
    int status = open_model(&b, argv[1], precision, threads < 1 ? 1 : (unsigned)threads);
    if (!status)
        status = serve(&b);
    for (size_t i = 0; i < most_inputs; i++)
        bnf_array_drop(&b.eval.budget, b.feeds[i]);
    bnf_eval_free(&b.eval);
    bnf_graph_free(&b.graph);
    bnf_model_close(&b.model);
    return status;
}
