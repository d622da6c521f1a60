/* A growable buffer of bytes or text with a sticky failure, so that writers need one check at the end. */
#ifndef BNF_BASE_BUF_H
#define BNF_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bnf_buf {
    char *data; /* on the heap, always terminated once anything was added */
    size_t size, capacity;
    bool failed; /* memory ran out; whatever came later was dropped */
};

/* Appends bytes, a string, or formatted text. */
void bnf_buf_add(struct bnf_buf *buf, const void *bytes, size_t size);
void bnf_buf_puts(struct bnf_buf *buf, const char *text);
void bnf_buf_printf(struct bnf_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text so far, "" when nothing was added; borrowed until the next call. */
const char *bnf_buf_text(const struct bnf_buf *buf);

/* Frees the bytes; the buffer is empty and usable again. */
void bnf_buf_free(struct bnf_buf *buf);

#endif
