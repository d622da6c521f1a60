#define _GNU_SOURCE
#include "eval/openblas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A library is loaded once in a process, whoever asks. */
static struct {
    pthread_once_t once;
    bool there;
    struct bnf_openblas functions;
} library = {.once = PTHREAD_ONCE_INIT};

static bool find(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);
    memcpy(function, &address, sizeof address); /* ISO C knows no cast from an object's pointer to a function's */
    return address != NULL;
}

static void load(void)
{
    setenv("OPENBLAS_NUM_THREADS", "1", 0); /* read while it is loaded; the evaluator has threads of its own */
    void *handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    struct bnf_openblas *f = &library.functions;
    library.there = handle && find(handle, "cblas_sgemm", &f->sgemm) && find(handle, "cblas_dgemm", &f->dgemm) &&
                    find(handle, "cblas_sgemv", &f->sgemv) && find(handle, "cblas_dgemv", &f->dgemv);
    __typeof__(openblas_set_num_threads) *set_threads;
    if (library.there && find(handle, "openblas_set_num_threads", &set_threads))
        set_threads(1);
}

const struct bnf_openblas *bnf_openblas(void)
{
    pthread_once(&library.once, load);
    return library.there ? &library.functions : NULL;
}
