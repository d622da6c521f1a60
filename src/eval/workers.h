/* Parallel loops of the evaluator: an inference is hundreds of short ones, so the threads stay between them.
 */
#ifndef BNF_EVAL_WORKERS_H
#define BNF_EVAL_WORKERS_H

#include <stddef.h>

/* Calls work(context, worker, index) once for every index < count. worker < workers, and no two calls with
 * the same worker run at a time: each can have its own scratch. What a call computes must depend on its index
 * alone. */
void bnf_workers_run(unsigned workers, size_t count,
    void (*work)(void *context, unsigned worker, size_t index), void *context);

/* Calls work(context, first, count) over pieces that together are 0 … count-1, from several threads where
 * that pays. weight is what one index costs, in additions. */
void bnf_workers_spans(unsigned workers, size_t count, size_t weight,
    void (*work)(const void *context, size_t first, size_t count), const void *context);

#endif
