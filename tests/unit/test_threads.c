#define _GNU_SOURCE
#include "base/threads.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { most = 2000 };

struct record {
    atomic_uint calls[most];
    atomic_uint at_once, peak;
    pthread_t caller;
    atomic_bool elsewhere;
    size_t fail_from; /* indices from here on fail, with -1 - index */
    unsigned nap;     /* microseconds */
};

static int work(void *context, size_t index)
{
    struct record *r = context;
    unsigned now = atomic_fetch_add(&r->at_once, 1) + 1;
    for (unsigned peak = atomic_load(&r->peak); peak < now;)
        if (atomic_compare_exchange_weak(&r->peak, &peak, now))
            break;
    atomic_fetch_add(&r->calls[index], 1);
    if (!pthread_equal(pthread_self(), r->caller))
        atomic_store(&r->elsewhere, true);
    if (r->nap)
        usleep(r->nap);
    atomic_fetch_sub(&r->at_once, 1);
    return index >= r->fail_from ? -1 - (int)index : 0;
}

static int run(struct record *r, unsigned threads, size_t count, size_t fail_from, unsigned nap)
{
    memset(r, 0, sizeof *r);
    r->caller = pthread_self();
    r->fail_from = fail_from;
    r->nap = nap;
    return bnf_parallel(threads, count, work, r);
}

static void test_every_index_once(void **state)
{
    (void)state;
    static struct record r;
    static const unsigned threads[] = {0, 1, 2, 3, 8, 64, 1000};
    static const size_t counts[] = {0, 1, 2, 7, most};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            assert_int_equal(run(&r, threads[t], counts[c], SIZE_MAX, 0), 0);
            for (size_t i = 0; i < most; i++)
                assert_int_equal(r.calls[i], i < counts[c]);
            assert_true(r.peak <= (threads[t] ? threads[t] : 1));
            if (threads[t] < 2)
                assert_false(r.elsewhere);
        }
    }
}

static void test_runs_at_once(void **state)
{
    (void)state;
    static struct record r;
    assert_int_equal(run(&r, 4, 40, SIZE_MAX, 2000), 0);
    assert_in_range(r.peak, 2, 4);
    assert_true(r.elsewhere);
}

static void test_failure(void **state)
{
    (void)state;
    static struct record r;
    assert_int_equal(run(&r, 1, most, 10, 0), -11);
    for (size_t i = 0; i < most; i++)
        assert_int_equal(r.calls[i], i <= 10);
    for (unsigned round = 0; round < 50; round++) {
        assert_int_equal(run(&r, 4, most, 100, 0), -101); /* the lowest, whoever came first */
        for (size_t i = 0; i <= 100; i++)
            assert_int_equal(r.calls[i], 1);
        assert_int_equal(run(&r, 3, 1, 0, 0), -1);
    }
    assert_int_equal(run(&r, 4, most, 5, 500), -6);
    for (size_t i = 20; i < most; i++)
        assert_int_equal(r.calls[i], 0); /* nothing new is begun once one has failed */
}

static void test_thread_count(void **state)
{
    (void)state;
    assert_in_range(bnf_thread_count(), 1, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_index_once),
        cmocka_unit_test(test_runs_at_once),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_thread_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
