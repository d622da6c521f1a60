/* Text that came from a file: what of it may be shown. */
#ifndef BNF_BASE_UTF8_H
#define BNF_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the UTF-8 character at the start of text, 1 … 4; 0 when it is not well-formed. size is at least 1. */
size_t bnf_utf8_length(const char *text, size_t size);

/* The same for a character that may be shown: 0 for control characters (those of C1, U+0080 to U+009F, included). */
size_t bnf_utf8_shown(const char *text, size_t size);

/* Makes terminated text fit to be shown: '?' stands for every byte that bnf_utf8_shown does not take. */
void bnf_utf8_clean(char *text);

#endif
