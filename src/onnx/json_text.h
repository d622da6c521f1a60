/* JSON as text: what must hold before a parser may see it, and how error sentences show it. */
#ifndef BNF_ONNX_JSON_TEXT_H
#define BNF_ONNX_JSON_TEXT_H

#include "base/err.h"
#include "base/utf8.h"

#include <stddef.h>

/* Bytes of the JSON number at the start of text; 0 when there is none. */
size_t bnf_json_number(const char *text, size_t size);

/* Checks that a text is one JSON value, more strictly than cJSON does: well-formed UTF-8, escapes and
 * numbers, no NUL in any form, at most 1000 arrays and objects inside each other, nothing behind the value.
 * *memory gets an upper bound of the bytes that a cJSON tree of it takes. BNF_EINPUT, BNF_ELIMIT with line
 * and column. */
int bnf_json_scan(const char *text, size_t size, size_t *memory, struct bnf_err *err);

/* Fails with "line L, column C: sentence" for a position in text; columns count characters, both begin at 1.
 */
int bnf_json_fail_at(const char *text, size_t position, struct bnf_err *err, int status, const char *format,
    ...) __attribute__((format(printf, 5, 6)));

enum { BNF_JSON_SHOWN = 64 };

/* text as an error sentence may show it: control characters as '?', cut between characters with "…" at the
 * end when it is long. Into shown, which it returns. */
const char *bnf_json_show(const char *text, char shown[static BNF_JSON_SHOWN]);

#endif
