#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool room(struct bnf_buf *buf, size_t size)
{
    if (buf->failed || size > SIZE_MAX - buf->size - 1 ||
        !bnf_reserve(&buf->data, &buf->capacity, buf->size + size + 1, 1))
        buf->failed = true;
    return !buf->failed;
}

void bnf_buf_add(struct bnf_buf *buf, const void *bytes, size_t size)
{
    if (!room(buf, size))
        return;
    if (size)
        memcpy(buf->data + buf->size, bytes, size);
    buf->size += size;
    buf->data[buf->size] = 0;
}

void bnf_buf_puts(struct bnf_buf *buf, const char *text)
{
    bnf_buf_add(buf, text, strlen(text));
}

void bnf_buf_printf(struct bnf_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !room(buf, (size_t)length))
        return;
    va_start(args, format);
    vsnprintf(buf->data + buf->size, (size_t)length + 1, format, args);
    va_end(args);
    buf->size += (size_t)length;
}

const char *bnf_buf_text(const struct bnf_buf *buf)
{
    return buf->data ? buf->data : "";
}

void bnf_buf_free(struct bnf_buf *buf)
{
    bnf_free(buf->data);
    *buf = (struct bnf_buf){0};
}
