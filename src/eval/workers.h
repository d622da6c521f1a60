/* A parallel loop whose workers have numbers, so that each can have its own scratch. */
#ifndef BNF_EVAL_WORKERS_H
#define BNF_EVAL_WORKERS_H

#include <stddef.h>

/* Calls work(context, worker, index) once for every index < count. worker < workers, and no two calls with
 * the same worker run at a time. What a call computes must depend on its index alone. */
void bnf_workers_run(unsigned workers, size_t count,
    void (*work)(void *context, unsigned worker, size_t index), void *context);

#endif
