#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

size_t bnf_utf8_length(const char *text, size_t size)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (byte[0] < 0x80)
        return 1;
    size_t length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (byte[0] == 0xe0 && byte[1] < 0xa0) || /* longer than it need be */
               (byte[0] == 0xed && byte[1] > 0x9f) || /* a surrogate */
               (byte[0] == 0xf0 && byte[1] < 0x90) || /* longer than it need be */
               (byte[0] == 0xf4 && byte[1] > 0x8f);   /* beyond U+10FFFF */
    return bad ? 0 : length;
}

size_t bnf_utf8_shown(const char *text, size_t size)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = bnf_utf8_length(text, size);
    bool control = (length == 1 && (byte[0] < ' ' || byte[0] == 127)) ||
                   (length == 2 && byte[0] == 0xc2 && byte[1] < 0xa0);
    return control ? 0 : length;
}

void bnf_utf8_clean(char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0, length; at < size; at += length ? length : 1) {
        length = bnf_utf8_shown(text + at, size - at);
        if (!length)
            text[at] = '?';
    }
}
