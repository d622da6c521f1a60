#define _GNU_SOURCE
#include "base/threads.h"

#include "base/leftovers.h"

#include <sched.h>
#include <stdatomic.h>

enum { most_threads = 64 };

struct loop {
    size_t count;
    int (*work)(void *context, size_t index);
    void *context;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards the two below */
    size_t failed_index;
    int failed;
};

static void *run(void *argument)
{
    struct loop *loop = argument;
    while (!atomic_load(&loop->stop)) {
        size_t index = atomic_fetch_add(&loop->next, 1);
        if (index >= loop->count)
            break;
        int result = loop->work(loop->context, index);
        if (!result)
            continue;
        atomic_store(&loop->stop, true);
        pthread_mutex_lock(&loop->lock);
        if (!loop->failed || index < loop->failed_index) {
            loop->failed = result;
            loop->failed_index = index;
        }
        pthread_mutex_unlock(&loop->lock);
    }
    return NULL;
}

bool bnf_thread_start(pthread_t *thread, void *(*work)(void *argument), void *argument)
{
    sigset_t before;
    bnf_signals_hold(&before); /* the new thread has the mask of its maker */
    bool started = pthread_create(thread, NULL, work, argument) == 0;
    bnf_signals_release(&before);
    return started;
}

int bnf_parallel(unsigned threads, size_t count, int (*work)(void *context, size_t index), void *context)
{
    struct loop loop = {.count = count, .work = work, .context = context};
    pthread_mutex_init(&loop.lock, NULL);
    pthread_t helpers[most_threads];
    unsigned started = 0;
    if (threads > most_threads)
        threads = most_threads;
    /* A thread that cannot be started is no failure: the others do its part. */
    while (started + 1 < threads && started + 1 < count && bnf_thread_start(&helpers[started], run, &loop))
        started++;
    run(&loop);
    while (started)
        pthread_join(helpers[--started], NULL);
    pthread_mutex_destroy(&loop.lock);
    return loop.failed;
}

unsigned bnf_thread_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > most_threads ? most_threads : (unsigned)count;
}
