#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t bnf_base64_length(size_t size)
{
    return (size + 2) / 3 * 4;
}

void bnf_base64_encode(const uint8_t *bytes, size_t size, char *text)
{
    for (; size >= 3; bytes += 3, size -= 3) {
        uint32_t word = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *text++ = alphabet[word >> shift & 63];
    }
    if (size) {
        uint32_t word = (uint32_t)bytes[0] << 16 | (size == 2 ? (uint32_t)bytes[1] << 8 : 0);
        *text++ = alphabet[word >> 18 & 63];
        *text++ = alphabet[word >> 12 & 63];
        *text++ = size == 2 ? alphabet[word >> 6 & 63] : '=';
        *text++ = '=';
    }
    *text = 0;
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

size_t bnf_base64_decode(const char *text, size_t length, uint8_t *bytes)
{
    if (length % 4 == 0 && length && text[length - 1] == '=')
        length -= text[length - 2] == '=' ? 2 : 1;
    if (length % 4 == 1)
        return SIZE_MAX;
    uint8_t *out = bytes;
    uint32_t word = 0;
    int bits = 0;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);
        if (value < 0)
            return SIZE_MAX;
        word = word << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *out++ = (uint8_t)(word >> bits);
        }
    }
    return (size_t)(out - bytes);
}
