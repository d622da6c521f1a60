/* A parallel loop. */
#ifndef BNF_BASE_THREADS_H
#define BNF_BASE_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Calls work(context, i) once for every i < count, from up to `threads` threads at a time (the caller's is one of
 * them; 0 and 1: only the caller's). Indices are handed out in rising order. When a call returns non-zero no new
 * index is begun, and the lowest failing index's value is returned; 0 when all returned 0. */
int bnf_parallel(unsigned threads, size_t count, int (*work)(void *context, size_t index), void *context);

/* Starts a thread that no signal from outside goes to: those are the caller's threads' business. False when there can be
 * no more. */
bool bnf_thread_start(pthread_t *thread, void *(*run)(void *argument), void *argument);

/* How many threads this machine runs at once; at least 1. */
unsigned bnf_thread_count(void);

#endif
