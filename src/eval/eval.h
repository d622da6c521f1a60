/* The evaluator: runs a model in one number type. */
#ifndef BNF_EVAL_EVAL_H
#define BNF_EVAL_EVAL_H

#include "eval/array.h"
#include "eval/constant.h"
#include "eval/references.h"
#include "graph/graph.h"

struct bnf_operator;

/* Prepared once, run often. All-zero is empty. */
struct bnf_eval {
    struct bnf_graph *graph; /* borrowed */
    enum bnf_precision precision;
    unsigned threads;
    bool assume_inference; /* BatchNormalizations whose batch statistics nobody reads never use these; set before running */
    /* Not NULL: gets every array of floating-point numbers that a node computed, and gives the one to go on with (it
     * takes over the reference; NULL: memory is out). */
    struct bnf_array *(*alter)(void *context, struct bnf_budget *budget, struct bnf_array *array, bnf_id value);
    void *alter_context;
    bool round_storage; /* float16 and bfloat16 values are rounded after every operator */
    struct bnf_budget budget;
    struct bnf_arena arena;           /* strings, plans */
    struct bnf_constants constants;
    struct bnf_array **fixed;         /* per value: initializers and constants once converted; NULL */
    struct bnf_array **live;          /* per value, while running; NULL: not there, or not any more */
    uint32_t *reads;                  /* per value: how many input slots of needed nodes read it */
    uint32_t *readers;                /* per value, while running: reads still to come */
    uint8_t *needed;                  /* per node: an output or tap depends on it */
    uint8_t *keep;                    /* per value: a tap or an output, not freed at last use */
    const struct bnf_operator **operators; /* per node; NULL: none */
    bnf_id *unsupported;              /* nodes of no known operator, before anything runs; in order */
    size_t unsupported_count;
    size_t rounds;                    /* of the last run: see bnf_eval_round */
    size_t node_runs, node_needed;    /* of the last run: how many of the needed nodes of the main graph ran */
    struct bnf_caller caller;         /* while running: of the function whose nodes run */
    char blocked[512];                /* why the last run stopped short at a node, or "" */
};

/* Prepares: finds the operators and lists those there are none for. `taps` are inner values to keep besides the
 * outputs (NULL, 0: none). The graph needs shapes inferred for nothing: extents come from the arrays. BNF_ENOMEM,
 * BNF_EINPUT for constants that cannot be read. */
int bnf_eval_init(struct bnf_eval *eval, struct bnf_graph *graph, enum bnf_precision precision, unsigned threads,
    const bnf_id *taps, size_t tap_count, struct bnf_err *err);

void bnf_eval_free(struct bnf_eval *eval);

/* Runs the main graph. feeds: one array for each input of the main graph, in its order (borrowed); NULL takes the
 * input's initializer. Afterwards bnf_eval_value gives outputs and taps until the next run. Nodes that cannot run, and
 * what depends on them, are left out: their outputs have no value (eval->blocked says why, node_runs how much ran).
 * BNF_EINPUT when inputs do not fit; BNF_ENOMEM, BNF_ELIMIT when the budget is out. */
int bnf_eval_run(struct bnf_eval *eval, struct bnf_array *const *feeds, struct bnf_err *err);

/* The array of a value after a run: outputs and taps; NULL when it was not computed. Borrowed. */
struct bnf_array *bnf_eval_value(const struct bnf_eval *eval, bnf_id value);

/* What a run takes at most where nobody says otherwise (in budget.most_work), in multiplications: some minutes. */
#define BNF_MOST_WORK 1e13

/* Counts one more round of a Loop, Scan or SequenceMap, or call of a function: called before each. BNF_CANNOT when the
 * run has had the most there may be. Loops within loops and functions that call others twice multiply, so that no limit
 * on one of them is any on the run. */
enum { bnf_most_rounds = 1000000 };
int bnf_eval_round(struct bnf_eval *eval, struct bnf_err *err);

/* For control flow: runs a body with these inputs (borrowed); outputs go to out (the caller owns them). Same answers
 * as an operator. */
int bnf_eval_body(struct bnf_eval *eval, bnf_id scope, struct bnf_array *const *inputs, size_t input_count,
    struct bnf_array **out, size_t output_count, struct bnf_err *err);

#endif
