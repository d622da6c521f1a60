/* Bytes written as text, for tables of cases. */
#ifndef BNF_TESTS_SUPPORT_HEX_H
#define BNF_TESTS_SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Reads hex digits, two a byte, white space between them ignored, and 'text' in single quotes as it is. The
 * block has exactly *size bytes, so that a sanitizer sees a read past its end; the caller frees it with
 * bnf_free. Ends the program when the text is wrong. */
uint8_t *hex_bytes(const char *text, size_t *size);

#endif
