#define _GNU_SOURCE
#include "eval/workers.h"

#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A helper looks for work this often before it goes to sleep: about the time between two operators of a small
 * network. Waking a sleeper costs as much as starting a thread. */
enum { most_helpers = 63, looks = 4000, looks_before_yield = 1000 };

struct crew {
    void (*work)(void *context, unsigned worker, size_t index);
    void *context;
    size_t count, share; /* indices in all, and taken at a time: taking costs as much as a small plane */
    unsigned workers;
    atomic_size_t next;
};

enum { shares_a_worker = 8 };

/* The helpers belong to the process, as the library does whose functions they call: whoever runs a loop while
 * they are taken starts threads of its own.
 *
 * The caller publishes `crew`, counts `round` up, and works; at the end it closes the crew and waits until
 * nobody is inside. A helper enters first and then looks whether the crew is open, so either the caller sees
 * it inside or it sees the crew closed. */
static struct {
    atomic_flag taken;
    struct crew *crew;
    atomic_bool open;
    atomic_uint round, inside, sleepers;
    atomic_bool quit;
    pthread_mutex_t lock; /* for sleeping */
    pthread_cond_t wake;
    unsigned started; /* written by who has `taken` */
    bool watches_forks;
    pthread_t helper[most_helpers];
    char number[most_helpers]; /* only its addresses mean something */
} pool = {.taken = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void work_off(struct crew *crew, unsigned worker)
{
    for (;;) {
        size_t first = atomic_fetch_add_explicit(&crew->next, crew->share, memory_order_relaxed);
        if (first >= crew->count)
            return;
        size_t last = crew->count - first < crew->share ? crew->count : first + crew->share;
        for (size_t index = first; index < last; index++)
            crew->work(crew->context, worker, index);
    }
}

static void pause_a_little(unsigned look)
{
    if (look % looks_before_yield == looks_before_yield - 1)
        sched_yield();
#if defined(__x86_64__)
    else
        __builtin_ia32_pause();
#endif
}

/* Waits for a round other than `seen`, and returns it. */
static unsigned next_round(unsigned seen)
{
    for (unsigned look = 0; look < looks; look++) {
        unsigned round = atomic_load(&pool.round);
        if (round != seen || atomic_load(&pool.quit))
            return round;
        pause_a_little(look);
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.round) == seen && !atomic_load(&pool.quit))
        pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
    return atomic_load(&pool.round);
}

/* argument: its place in pool.number. */
static void *help(void *argument)
{
    unsigned worker = (unsigned)((char *)argument - pool.number) + 1, seen = 0;
    while (!atomic_load(&pool.quit)) {
        atomic_fetch_add(&pool.inside, 1);
        if (atomic_load(&pool.open) && worker < pool.crew->workers)
            work_off(pool.crew, worker);
        atomic_fetch_sub(&pool.inside, 1);
        seen = next_round(seen);
    }
    return NULL;
}

static void wake_sleepers(void)
{
    if (!atomic_load(&pool.sleepers))
        return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

/* When the process ends, or the library is unloaded. */
__attribute__((destructor)) static void dismiss(void)
{
    atomic_store(&pool.quit, true);
    wake_sleepers();
    while (pool.started)
        pthread_join(pool.helper[--pool.started], NULL);
}

/* A child has none of its parent's threads. */
static void forget(void)
{
    pool.started = 0;
    atomic_store(&pool.open, false);
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.sleepers, 0);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    atomic_flag_clear(&pool.taken);
}

/* A thread that cannot be started is no failure: the others do its part. */
static void start(unsigned helpers)
{
    if (!pool.watches_forks)
        pool.watches_forks = pthread_atfork(NULL, NULL, forget) == 0;
    while (pool.watches_forks && pool.started < helpers &&
           bnf_thread_start(&pool.helper[pool.started], help, &pool.number[pool.started]))
        pool.started++;
}

static void run_with_pool(struct crew *crew)
{
    start(crew->workers - 1);
    pool.crew = crew;
    atomic_store(&pool.open, true);
    atomic_fetch_add(&pool.round, 1);
    wake_sleepers();
    work_off(crew, 0);
    atomic_store(&pool.open, false);
    for (unsigned look = 0; atomic_load(&pool.inside); look++) {
        if (look < looks)
            pause_a_little(look);
        else
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
}

static int one_worker(void *context, size_t worker)
{
    work_off(context, (unsigned)worker);
    return 0;
}

void bnf_workers_run(
    unsigned workers, size_t count, void (*work)(void *context, unsigned worker, size_t index), void *context)
{
    struct crew crew = {.work = work, .context = context, .count = count, .workers = workers};
    if (crew.workers > most_helpers + 1)
        crew.workers = most_helpers + 1;
    if (crew.workers > count)
        crew.workers = (unsigned)count;
    crew.share = 1 + count / (shares_a_worker * (crew.workers ? crew.workers : 1));
    if (crew.workers <= 1) {
        work_off(&crew, 0);
    } else if (!atomic_flag_test_and_set(&pool.taken)) {
        run_with_pool(&crew);
        atomic_flag_clear(&pool.taken);
    } else {
        bnf_parallel(crew.workers, crew.workers, one_worker, &crew);
    }
}

/* Below this many additions a second thread costs more than it saves; above, a piece is about half of it. */
enum { worth_threads = 1 << 16, piece_cost = 1 << 15, pieces_a_worker = 4 };

struct spans {
    size_t count, each;
    void (*work)(const void *context, size_t first, size_t count);
    const void *context;
};

static void one_span(void *context, unsigned worker, size_t index)
{
    const struct spans *s = context;
    size_t first = index * s->each;
    (void)worker;
    if (first < s->count)
        s->work(s->context, first, s->count - first < s->each ? s->count - first : s->each);
}

void bnf_workers_spans(unsigned workers, size_t count, size_t weight,
    void (*work)(const void *context, size_t first, size_t count), const void *context)
{
    if (!count)
        return;
    size_t cost = weight && count > SIZE_MAX / weight ? SIZE_MAX : count * weight;
    if (workers < 2 || cost < worth_threads || count < 2) {
        work(context, 0, count);
        return;
    }
    size_t pieces = cost / piece_cost, most = (size_t)workers * pieces_a_worker;
    pieces = pieces > most ? most : pieces;
    pieces = pieces > count ? count : pieces;
    struct spans spans = {count, (count + pieces - 1) / pieces, work, context};
    bnf_workers_run(workers, pieces, one_span, &spans);
}
