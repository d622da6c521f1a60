#include "base/err.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sentence that was cut may end within a character: takes the rest of that one away. */
static void trim(char *text)
{
    size_t end = strlen(text), start = end;
    while (start && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (!start)
        return;
    unsigned char lead = (unsigned char)text[--start];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (end - start < need)
        text[start] = 0;
}

int bnf_fail(struct bnf_err *err, int status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        int length = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (length >= (int)sizeof err->text)
            trim(err->text);
        bnf_utf8_clean(err->text); /* names of a model can be any bytes, or cut within a character */
        err->status = status;
    }
    return status;
}

int bnf_fail_memory(struct bnf_err *err)
{
    return bnf_fail(err, BNF_ENOMEM, "out of memory");
}

int bnf_fail_at(struct bnf_err *err, const char *format, ...)
{
    if (!err)
        return BNF_EINPUT;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (length >= 0 && length < (int)sizeof err->text)
        length += snprintf(err->text + length, sizeof err->text - (size_t)length, ": %s", old);
    if (length >= (int)sizeof err->text)
        trim(err->text);
    bnf_utf8_clean(err->text);
    return err->status;
}

int bnf_status_exit(int status)
{
    switch (status) {
#define BNF_STATUS(name, value, exit_status, text)                                                           \
    case value:                                                                                              \
        return exit_status;
#include "base/status.def"
#undef BNF_STATUS
    }
    return 2;
}

_Noreturn void bnf_bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "bnfold: bug at %s:%d: %s\n", file, line, what);
    abort();
}
