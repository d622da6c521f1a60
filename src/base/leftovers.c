#define _GNU_SOURCE
#include "base/leftovers.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { slots = 8 };

/* A slot's path belongs to whoever moved its state away from FREE or from NOTED, so that a handler never reads a half
 * written one. */
enum { FREE, BUSY, NOTED };

static struct {
    atomic_int state;
    char path[PATH_MAX];
} leftover[slots];

void bnf_signals_hold(sigset_t *before)
{
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t outside;
    sigfillset(&outside);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&outside, faults[i]);
    pthread_sigmask(SIG_BLOCK, &outside, before);
}

void bnf_signals_release(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static bool move(int slot, int from, int to)
{
    return atomic_compare_exchange_strong(&leftover[slot].state, &from, to);
}

int bnf_leftover_note(const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; length < PATH_MAX && i < slots; i++) {
        if (!move(i, FREE, BUSY))
            continue;
        memcpy(leftover[i].path, path, length + 1);
        atomic_store(&leftover[i].state, NOTED);
        return i + 1;
    }
    return 0;
}

void bnf_leftover_forget(int note)
{
    if (note)
        (void)move(note - 1, NOTED, FREE);
}

void bnf_leftovers_remove(void)
{
    for (int i = 0; i < slots; i++)
        if (move(i, NOTED, BUSY))
            (void)unlink(leftover[i].path);
}
