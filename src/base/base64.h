/* Base64 (RFC 4648, section 4; the URL alphabet of section 5 is read as well, padding may be missing). */
#ifndef BNF_BASE_BASE64_H
#define BNF_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* How many characters `size` bytes need, padding included, terminator not. */
size_t bnf_base64_length(size_t size);

/* Writes bnf_base64_length(size) characters and a terminator to text. */
void bnf_base64_encode(const uint8_t *bytes, size_t size, char *text);

/* Decodes `length` characters into bytes (room for length / 4 * 3 + 3). Returns how many bytes came out, or
 * SIZE_MAX when the text is not base64. */
size_t bnf_base64_decode(const char *text, size_t length, uint8_t *bytes);

#endif
