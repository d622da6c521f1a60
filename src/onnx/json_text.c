#include "onnx/json_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t digits(const char *text, size_t size)
{
    size_t i = 0;
    while (i < size && text[i] >= '0' && text[i] <= '9')
        i++;
    return i;
}

size_t bnf_json_number(const char *text, size_t size)
{
    size_t at = size && text[0] == '-';
    size_t whole = digits(text + at, size - at);
    if (!whole || (whole > 1 && text[at] == '0'))
        return 0;
    at += whole;
    if (at < size && text[at] == '.') {
        size_t fraction = digits(text + at + 1, size - at - 1);
        if (!fraction)
            return 0;
        at += 1 + fraction;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        size_t sign = at + 1 < size && (text[at + 1] == '+' || text[at + 1] == '-');
        size_t power = digits(text + at + 1 + sign, size - at - 1 - sign);
        if (!power)
            return 0;
        at += 1 + sign + power;
    }
    return at;
}

int bnf_json_fail_at(
    const char *text, size_t position, struct bnf_err *err, int status, const char *format, ...)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < position; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if ((text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return bnf_fail(err, status, "line %zu, column %zu: %s", line, column, sentence);
}

enum { deepest = 1000, longest_number = 63 }; /* cJSON's own limits */

/* What may come next. */
enum state { VALUE, VALUE_OR_END, NAME, NAME_OR_END, COLON, COMMA, NOTHING };

struct scan {
    const char *text;
    size_t size, at;
    size_t nodes, string_bytes;
    const char *wrong; /* what stands at `at`, when it must not */
    int status;        /* that goes with it */
    enum state state;
    size_t depth;            /* of open brackets */
    bool in_object[deepest]; /* for each of them: is it a brace */
};

/* The number after \u at `at`, SIZE_MAX when four hexadecimal digits are not there. */
static size_t hex4(const struct scan *scan, size_t at)
{
    if (scan->size - at < 4)
        return SIZE_MAX;
    size_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = scan->text[at + i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return SIZE_MAX;
        value = value << 4 | (size_t)digit;
    }
    return value;
}

/* Steps over the escape whose backslash is at scan->at. */
static bool scan_escape(struct scan *scan)
{
    char letter = scan->size - scan->at > 1 ? scan->text[scan->at + 1] : 0;
    if (letter && strchr("\"\\/bfnrt", letter)) {
        scan->at += 2;
        return true;
    }
    size_t unit = letter == 'u' ? hex4(scan, scan->at + 2) : SIZE_MAX;
    if (unit == SIZE_MAX) {
        scan->wrong = "a backslash that begins no escape of JSON";
        return false;
    }
    if (unit == 0) {
        scan->wrong = "the escape \\u0000, but a string of a model cannot hold a zero byte";
        return false;
    }
    size_t length = 6;
    if (unit >= 0xd800 && unit <= 0xdfff) {
        size_t rest = scan->size - scan->at;
        bool pair = unit < 0xdc00 && rest >= 8 && memcmp(scan->text + scan->at + 6, "\\u", 2) == 0;
        size_t low = pair ? hex4(scan, scan->at + 8) : SIZE_MAX;
        if (low < 0xdc00 || low > 0xdfff) {
            scan->wrong = "half of a surrogate pair, which is no character";
            return false;
        }
        length = 12;
    }
    scan->at += length;
    return true;
}

/* Steps over the string whose opening quote is at scan->at. */
static bool scan_string(struct scan *scan)
{
    size_t start = scan->at++;
    while (scan->at < scan->size) {
        unsigned char c = (unsigned char)scan->text[scan->at];
        if (c == '"') {
            scan->at++;
            scan->string_bytes += 32 + (scan->at - start); /* the allocator's overhead, and the text */
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(scan))
                return false;
        } else if (c < 0x20) {
            scan->wrong = "a control character in a string; JSON wants it escaped";
            return false;
        } else if (c < 0x80) {
            scan->at++;
        } else {
            size_t length = bnf_utf8_length(scan->text + scan->at, scan->size - scan->at);
            if (!length) {
                scan->wrong = "a byte that is not UTF-8";
                return false;
            }
            scan->at += length;
        }
    }
    scan->at = start;
    scan->wrong = "a string that never ends";
    return false;
}

static bool scan_word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (scan->size - scan->at >= length && memcmp(scan->text + scan->at, words[i], length) == 0) {
            scan->at += length;
            return true;
        }
    }
    return false;
}

static bool scan_number(struct scan *scan)
{
    size_t length = bnf_json_number(scan->text + scan->at, scan->size - scan->at);
    if (!length)
        scan->wrong = "a malformed number";
    else if (length > longest_number)
        scan->wrong = "a number of more than 63 characters";
    scan->at += scan->wrong ? 0 : length;
    return !scan->wrong;
}

/* A whole value is behind. */
static bool after_value(struct scan *scan)
{
    scan->state = scan->depth ? COMMA : NOTHING;
    return true;
}

static bool scan_open(struct scan *scan, bool object)
{
    if (scan->depth == deepest) {
        scan->wrong = "more than 1000 arrays and objects inside each other";
        scan->status = BNF_ELIMIT;
        return false;
    }
    scan->in_object[scan->depth++] = object;
    scan->state = object ? NAME_OR_END : VALUE_OR_END;
    scan->nodes++;
    scan->at++;
    return true;
}

static bool scan_value(struct scan *scan)
{
    char c = scan->text[scan->at];
    if (c == '{' || c == '[')
        return scan_open(scan, c == '{');
    bool known = c == '"'                             ? scan_string(scan)
                 : c == '-' || (c >= '0' && c <= '9') ? scan_number(scan)
                                                      : scan_word(scan);
    return known && after_value(scan);
}

/* Steps over one token. False without scan->wrong: it is not one that may stand here. */
static bool scan_token(struct scan *scan)
{
    char c = scan->text[scan->at];
    bool object = scan->depth && scan->in_object[scan->depth - 1];
    bool may_close = scan->state == COMMA || scan->state == (object ? NAME_OR_END : VALUE_OR_END);
    if (scan->depth && may_close && c == (object ? '}' : ']')) {
        scan->depth--;
        scan->at++;
        return after_value(scan);
    }
    switch (scan->state) {
    case VALUE:
    case VALUE_OR_END:
        return scan_value(scan);
    case NAME:
    case NAME_OR_END:
        scan->state = COLON;
        return c == '"' && scan_string(scan);
    case COLON:
        scan->state = VALUE;
        scan->at++;
        return c == ':';
    case COMMA:
        scan->state = object ? NAME : VALUE;
        scan->nodes++;
        scan->at++;
        return c == ',';
    case NOTHING:
        break;
    }
    return false;
}

static int unexpected(const struct scan *scan, enum state state, size_t at, struct bnf_err *err)
{
    const char *close = scan->depth && scan->in_object[scan->depth - 1] ? "'}'" : "']'";
    static const char *const wanted[] = {"a value", "a value or ", "a field name", "a field name or ", "':'",
        "',' or ", "the end of the text"};
    bool may_close = state == VALUE_OR_END || state == NAME_OR_END || state == COMMA;
    if (at == scan->size)
        return bnf_json_fail_at(scan->text, at, err, BNF_EINPUT, "expected %s%s, but the text ends",
            wanted[state], may_close ? close : "");
    size_t length = bnf_utf8_length(scan->text + at, scan->size - at);
    char quoted[8] = "", shown[BNF_JSON_SHOWN];
    memcpy(quoted, scan->text + at, length ? length : 1);
    return bnf_json_fail_at(scan->text, at, err, BNF_EINPUT, "expected %s%s, found '%s'", wanted[state],
        may_close ? close : "", bnf_json_show(quoted, shown));
}

int bnf_json_scan(const char *text, size_t size, size_t *memory, struct bnf_err *err)
{
    enum { node = 80 }; /* sizeof(cJSON) and the allocator's overhead */
    struct scan scan = {.text = text, .size = size, .nodes = 1, .state = VALUE, .status = BNF_EINPUT};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        scan.at = 3; /* the byte order mark some editors put in front */
    while (scan.at < size) {
        if (strchr(" \t\r\n", text[scan.at]) && text[scan.at]) {
            scan.at++;
            continue;
        }
        enum state state = scan.state;
        size_t at = scan.at;
        if (scan_token(&scan))
            continue;
        if (scan.wrong)
            return bnf_json_fail_at(text, scan.at, err, scan.status, "%s", scan.wrong);
        return unexpected(&scan, state, at, err);
    }
    if (scan.state != NOTHING)
        return unexpected(&scan, scan.state, size, err);
    *memory = scan.nodes * node + scan.string_bytes;
    return BNF_OK;
}

const char *bnf_json_show(const char *text, char shown[static BNF_JSON_SHOWN])
{
    static const char more[] = "…";
    size_t length = strlen(text), at = 0;
    while (at < length) {
        size_t step = bnf_utf8_length(text + at, length - at);
        size_t end = step ? at + step : at + 1;
        if (end + (end < length ? sizeof more : 1) > BNF_JSON_SHOWN)
            break;
        bool plain = step > 1 || (step == 1 && (unsigned char)text[at] >= 0x20 && text[at] != 0x7f);
        if (plain)
            memcpy(shown + at, text + at, step);
        else
            shown[at] = '?';
        at = end;
    }
    memcpy(shown + at, at < length ? more : "", at < length ? sizeof more : 1);
    return shown;
}
