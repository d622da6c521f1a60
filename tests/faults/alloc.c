/* The n-th allocation fails, for every n: each job ends with "out of memory" or succeeds all the same, and leaves
 * nothing behind. The linker puts this file's functions between bnfold and the C library (-Wl,--wrap). */
#define _GNU_SOURCE
#include "bnfold.h"

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "support/make.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static size_t count, fails_at; /* fails_at 0: none does */

void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool fails(void)
{
    if (++count != fails_at)
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : __real_calloc(number, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* One job and the name of the model that it works on. */
struct job {
    const char *name, *input;
    int (*run)(const struct job *job, struct bnfold_error *error);
};

static char folder[64], output[96], side[104];

static int print(int status, struct bnfold_report *report)
{
    static const struct bnfold_style styles[] = {{.format = BNFOLD_PRINT_TEXT, .verbosity = 1}, {.format = BNFOLD_PRINT_JSON}};
    FILE *nowhere = fopen("/dev/null", "w");
    for (size_t i = 0; !status && nowhere && i < sizeof styles / sizeof *styles; i++)
        (void)bnfold_report_print(report, &styles[i], nowhere);
    if (nowhere)
        fclose(nowhere);
    bnfold_report_free(report);
    return status;
}

static int fold(const struct job *job, struct bnfold_error *error)
{
    const struct bnfold_options options = {.check = BNFOLD_CHECK_PROOF_AND_RUN, .threads = 1, .samples = 1};
    struct bnfold_report *report = NULL;
    int status = bnfold_fold(job->input, output, &options, &report, error);
    return print(status, report);
}

/* The weights go to a side file, too. */
static int fold_outside(const struct job *job, struct bnfold_error *error)
{
    const struct bnfold_options options = {
        .check = BNFOLD_CHECK_PROOF, .threads = 1, .external = BNFOLD_EXTERNAL_ALWAYS, .external_threshold = 1};
    struct bnfold_report *report = NULL;
    int status = bnfold_fold(job->input, output, &options, &report, error);
    return print(status, report);
}

static int check(const struct job *job, struct bnfold_error *error)
{
    const struct bnfold_options options = {.check = BNFOLD_CHECK_PROOF, .threads = 1};
    struct bnfold_report *report = NULL;
    int status = bnfold_check(job->input, job->input, &options, &report, error);
    return print(status, report);
}

static int convert(const struct job *job, struct bnfold_error *error)
{
    const struct bnfold_options options = {.threads = 1};
    return bnfold_convert(job->input, output, &options, error);
}

static int run(const struct job *job, struct bnfold_error *error)
{
    const struct bnfold_options options = {.threads = 1, .samples = 1};
    FILE *nowhere = fopen("/dev/null", "w");
    int status = bnfold_run(job->input, output, &options, nowhere, error);
    fclose(nowhere);
    return status;
}

static const struct job jobs[] = {
    {"convert", "models/tiny/conv_bn.json", convert},
    {"fold a Conv", "models/tiny/conv_bn.json", fold},
    {"fold in a body", "models/tiny/if_body.json", fold},
    {"fold an affine", "models/tiny/decomposed_bn.json", fold},
    {"fold through shapes", "models/tiny/shuffle_bn.json", fold},
    {"fold a Gemm", "models/tiny/bn_flatten_gemm.json", fold},
    {"fold a quantized Conv", "models/tiny/quantized_conv_bn.json", fold},
    {"fold an LSTM", "models/tiny/bn_lstm.json", fold},
    {"fold into a side file", "models/tiny/conv_bn.json", fold_outside},
    {"lower", "models/tiny/shared_producer.json", fold},
    {"check", "models/tiny/convtranspose_grouped_bn.json", check},
    {"run", "models/tiny/if_body.json", run},
};

/* How many descriptors are open: what an error path forgets to close shows here, memory shows to the sanitizer. */
static int open_descriptors(void)
{
    int open = 0;
    for (int i = 0; i < 256; i++)
        open += fcntl(i, F_GETFD) >= 0;
    return open;
}

/* The output's bytes, if there is one; else none. It goes, and its side file with it. */
static struct packed take_output(void)
{
    struct packed taken = {NULL, 0};
    struct bnf_map map;
    if (bnf_map_open(&map, output, NULL))
        return taken;
    taken = (struct packed){bnf_alloc(map.size, 1), map.size};
    if (taken.bytes)
        memcpy(taken.bytes, map.data, map.size);
    bnf_map_close(&map);
    unlink(output);
    unlink(side);
    return taken;
}

static void try_every(const struct job *job)
{
    const char *every = getenv("ALLOC_STEP");
    size_t step = every ? strtoul(every, NULL, 10) : 1;
    struct bnfold_error error = {.text = ""};
    int before = open_descriptors();
    fails_at = 0;
    (void)job->run(job, &error); /* what is made once and kept is made here */
    unlink(output);
    count = 0;
    if (job->run(job, &error))
        fail_msg("%s: %s", job->name, error.text);
    size_t all = count, told = 0;
    struct packed whole = take_output();
    for (size_t n = 1; n <= all; n += step) {
        struct stat st;
        error = (struct bnfold_error){.text = ""};
        count = 0;
        fails_at = n;
        int status = job->run(job, &error);
        fails_at = 0;
        if (getenv("VERBOSE"))
            fprintf(stderr, "%s %zu: %s\n", job->name, n, error.text);
        if (status && (status != BNF_ENOMEM || !strstr(error.text, "memory")))
            fail_msg("%s, allocation %zu of %zu: status %d, '%s'", job->name, n, all, status, error.text);
        if (status && (stat(output, &st) == 0 || stat(side, &st) == 0))
            fail_msg("%s, allocation %zu of %zu: failed, but the output is there", job->name, n, all);
        if (open_descriptors() != before)
            fail_msg("%s, allocation %zu of %zu: %d descriptors stay open", job->name, n, all,
                open_descriptors() - before);
        told += status != 0;
        struct packed made = take_output();
        if (made.size && (made.size != whole.size || memcmp(made.bytes, whole.bytes, made.size) != 0))
            fail_msg("%s, allocation %zu of %zu: another output", job->name, n, all);
        bnf_free(made.bytes);
    }
    bnf_free(whole.bytes);
    assert_true(told > 0);
    print_message("%s: %zu allocations, %zu told\n", job->name, all, told);
}

static void test_every_allocation(void **state)
{
    try_every(*state);
}

int main(void)
{
    struct CMUnitTest tests[sizeof jobs / sizeof *jobs];
    snprintf(folder, sizeof folder, "/tmp/bnfold-alloc.XXXXXX");
    if (!mkdtemp(folder))
        return 2;
    snprintf(output, sizeof output, "%s/out.onnx", folder);
    snprintf(side, sizeof side, "%s.data", output);
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = __wrap_malloc, .free_fn = free});
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        tests[i] = (struct CMUnitTest){
            .name = jobs[i].name, .test_func = test_every_allocation, .initial_state = (void *)(uintptr_t)&jobs[i]};
    int failed = cmocka_run_group_tests_name("allocation failures", tests, NULL, NULL);
    unlink(output);
    unlink(side);
    rmdir(folder);
    return failed;
}
