#include "support/hex.h"

#include "base/err.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;
    if (!found)
        bnf_bug("a test has text that is no hex");
    return (int)(found - digits);
}

/* Writes the bytes to out unless that is NULL; returns how many there are. */
static size_t decode(const char *text, uint8_t *out)
{
    size_t size = 0;
    while (*text) {
        if (isspace((unsigned char)*text)) {
            text++;
        } else if (*text == '\'') {
            for (text++; *text != '\''; text++, size++)
                if (out)
                    out[size] = (uint8_t)*text;
            text++;
        } else {
            uint8_t byte = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
            if (out)
                out[size] = byte;
            size++;
            text += 2;
        }
    }
    return size;
}

uint8_t *hex_bytes(const char *text, size_t *size)
{
    *size = decode(text, NULL);
    uint8_t *bytes = bnf_alloc(*size, 1);
    if (!bytes)
        bnf_bug("no memory for a test's bytes");
    decode(text, bytes);
    return bytes;
}
