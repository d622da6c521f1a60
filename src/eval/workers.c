#include "eval/workers.h"

#include "base/threads.h"

#include <stdatomic.h>

struct crew {
    void (*work)(void *context, unsigned worker, size_t index);
    void *context;
    size_t count;
    atomic_size_t next;
};

static int one_worker(void *context, size_t worker)
{
    struct crew *crew = context;
    for (;;) {
        size_t index = atomic_fetch_add(&crew->next, 1);
        if (index >= crew->count)
            return 0;
        crew->work(crew->context, (unsigned)worker, index);
    }
}

void bnf_workers_run(
    unsigned workers, size_t count, void (*work)(void *context, unsigned worker, size_t index), void *context)
{
    struct crew crew = {.work = work, .context = context, .count = count};
    if (workers < 1)
        workers = 1;
    if (workers > count)
        workers = (unsigned)count;
    bnf_parallel(workers, workers, one_worker, &crew);
}
