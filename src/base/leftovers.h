/* What an interrupted process would leave behind: signals, and the names of temporary files.
 *
 * A signal handler belongs to the whole process and can be handed nothing, so the names it has to remove are the
 * process's, too: the only state of bnfold's files that no caller owns. */
#ifndef BNF_BASE_LEFTOVERS_H
#define BNF_BASE_LEFTOVERS_H

#include <signal.h>

/* Makes signals that come from outside wait in this thread; the mask there was goes to *before. Faults such as SIGBUS
 * still come at once. */
void bnf_signals_hold(sigset_t *before);

/* Lets them come again. */
void bnf_signals_release(const sigset_t *before);

/* Notes a file to be removed when the process is interrupted. The path is copied. Returns what bnf_leftover_forget takes;
 * 0 when there is no room, which is no failure. Thread-safe. */
int bnf_leftover_note(const char *path);

/* The file has another name now, or is gone. 0 is fine. Thread-safe. */
void bnf_leftover_forget(int note);

/* Removes all noted files, for a process that is about to end. Async-signal-safe. */
void bnf_leftovers_remove(void);

#endif
