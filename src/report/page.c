#include "report/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Columns that a text takes: its characters, near enough. */
size_t bnf_page_width(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* Appends a name from a file. Control characters become '?', so that no model steers the terminal. */
void bnf_page_put(struct bnf_page *page, const char *text)
{
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at, next = (unsigned char)at[1];
        if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
            bnf_buf_puts(page->out, "?");
            at++;
        } else {
            bnf_buf_add(page->out, c < 0x20 || c == 0x7F ? "?" : at, 1);
        }
    }
    page->column += bnf_page_width(text);
}

/* Formatted text of bounded length: numbers and the printer's own words. */
void bnf_page_putf(struct bnf_page *page, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bnf_page_put(page, text);
}

void bnf_page_end_line(struct bnf_page *page)
{
    bnf_buf_puts(page->out, "\n");
    page->column = 0;
}

/* Blanks up to a column; at least `least` of them. */
void bnf_page_pad(struct bnf_page *page, size_t column, size_t least)
{
    for (size_t i = 0; i < least || page->column < column; i++) {
        bnf_buf_puts(page->out, " ");
        page->column++;
    }
}

void bnf_page_paint(struct bnf_page *page, const char *code, const char *text)
{
    if (page->color)
        bnf_buf_printf(page->out, "\033[1;%sm", code);
    bnf_page_put(page, text);
    if (page->color)
        bnf_buf_puts(page->out, "\033[0m");
}

void bnf_page_label(struct bnf_page *page, const char *code, const char *text)
{
    if (code)
        bnf_page_paint(page, code, text);
    else
        bnf_page_put(page, text);
    bnf_page_pad(page, BNF_PAGE_LABEL, 1);
}

void bnf_page_put_bytes(struct bnf_page *page, uint64_t bytes)
{
    if (bytes >= 1024 * 1024)
        bnf_page_putf(page, "%.1f MiB", (double)bytes / (1024 * 1024));
    else
        bnf_page_putf(page, "%.1f KiB", (double)bytes / 1024);
}

void bnf_page_put_path(struct bnf_page *page, const char *path, const char *stream)
{
    bnf_page_put(page, strcmp(path, "-") == 0 ? stream : path);
}

const char *bnf_page_plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* A name in quotes; a node without a name is called "Conv at 'output'", which needs no more of them. */
void bnf_page_put_name(struct bnf_page *page, const char *name)
{
    size_t length = strlen(name);
    const char *quote = length && name[length - 1] == '\'' ? "" : "'";
    bnf_page_put(page, quote);
    bnf_page_put(page, name);
    bnf_page_put(page, quote);
}
