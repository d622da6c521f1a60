/* Errors: a status and one complete sentence, on the caller's stack. */
#ifndef BNF_BASE_ERR_H
#define BNF_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum bnf_status {
#define BNF_STATUS(name, value, exit_status, text) BNF_##name = value,
#include "base/status.def"
#undef BNF_STATUS
};

/* What went wrong. Untouched on success, so calls chain with ||; the first failure is the one told. */
struct bnf_err {
    int status;      /* enum bnf_status */
    char text[1024]; /* one sentence, lower case, no full stop; UTF-8 without control characters, always terminated */
};

/* Formats a sentence into err (which may be NULL) and returns status, so `return bnf_fail(err, …)` is the idiom. */
int bnf_fail(struct bnf_err *err, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The usual answer to a NULL from an allocator: BNF_ENOMEM and its sentence. */
int bnf_fail_memory(struct bnf_err *err);

/* Puts "prefix: " in front of the sentence that err holds already; for callers who know the place. */
int bnf_fail_at(struct bnf_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The process exit status that belongs to a status (2 for all failures of today). */
int bnf_status_exit(int status);

/* Ends the program with file and line: a broken invariant of bnfold itself, never an answer to input. */
_Noreturn void bnf_bug_at(const char *file, int line, const char *what);
#define bnf_bug(what) bnf_bug_at(__FILE__, __LINE__, what)

#endif
