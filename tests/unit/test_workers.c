#define _GNU_SOURCE
#include "eval/workers.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { most = 1000, most_workers = 70 };

struct record {
    unsigned workers, depth;
    atomic_uint calls[most];
    atomic_uint busy[most_workers]; /* a worker's calls at this moment */
    atomic_bool wrong;
};

static void work(void *context, unsigned worker, size_t index)
{
    struct record *r = context;
    if (worker >= r->workers || atomic_fetch_add(&r->busy[worker], 1))
        atomic_store(&r->wrong, true);
    atomic_fetch_add(&r->calls[index], 1);
    atomic_fetch_sub(&r->busy[worker], 1);
}

/* True when a loop called every index once. */
static bool runs(unsigned workers, size_t count)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.workers = workers ? workers : 1;
    bnf_workers_run(workers, count, work, &r);
    bool fine = !atomic_load(&r.wrong);
    for (size_t i = 0; i < most; i++)
        fine = fine && atomic_load(&r.calls[i]) == (i < count);
    return fine;
}

static void test_every_index_once(void **state)
{
    (void)state;
    static const unsigned workers[] = {0, 1, 2, 3, 8, 64, most_workers};
    static const size_t counts[] = {0, 1, 2, 7, 100, most};
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            if (!runs(workers[w], counts[c]))
                fail_msg("%u workers, %zu indices", workers[w], counts[c]);
}

/* Helpers meet the next loop awake, falling asleep, and asleep. */
static void test_one_loop_after_the_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        if (i % 50 == 0)
            usleep(i % 7 * 100);
        assert_true(runs(2 + i % 3, 1 + i % 20));
    }
}

static void outer(void *context, unsigned worker, size_t index)
{
    (void)worker;
    (void)index;
    if (!runs(3, 50))
        atomic_store((atomic_bool *)context, true);
}

static void test_loops_within_loops(void **state)
{
    (void)state;
    atomic_bool wrong = false;
    bnf_workers_run(3, 20, outer, &wrong);
    assert_false(atomic_load(&wrong));
}

/* The child has none of the threads that its parent's pool counts. It ends itself by a signal, since valgrind
 * would find these threads' memory lost in one that exits. */
static void test_after_fork(void **state)
{
    (void)state;
    int status = 0;
    assert_true(runs(4, 100));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (runs(4, 100) && runs(2, most))
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(runs(4, 100));
}

struct cover {
    atomic_uint calls[most];
    atomic_uint pieces;
};

static void cover(const void *context, size_t first, size_t count)
{
    struct cover *c = *(struct cover *const *)context;
    atomic_fetch_add(&c->pieces, 1);
    for (size_t i = first; i < first + count; i++)
        atomic_fetch_add(&c->calls[i], 1);
}

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        size_t count, weight;
        unsigned workers, least, largest; /* pieces */
    } cases[] = {{0, 1, 4, 0, 0}, {1, SIZE_MAX, 4, 1, 1}, {most, 1, 4, 1, 1}, {most, 1000, 1, 1, 1},
        {most, 1000, 4, 4, 16}, {3, SIZE_MAX, 4, 3, 3}, {7, 100000, 2, 4, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cover c, *pointer = &c;
        memset(&c, 0, sizeof c);
        bnf_workers_spans(cases[i].workers, cases[i].count, cases[i].weight, cover, &pointer);
        for (size_t k = 0; k < most; k++)
            assert_int_equal(atomic_load(&c.calls[k]), k < cases[i].count);
        assert_in_range(atomic_load(&c.pieces), cases[i].least, cases[i].largest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_one_loop_after_the_other), cmocka_unit_test(test_loops_within_loops),
        cmocka_unit_test(test_after_fork), cmocka_unit_test(test_spans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
