/* Lines of the report for people: a label of eight columns in front, figures to the right. */
#ifndef BNF_REPORT_PAGE_H
#define BNF_REPORT_PAGE_H

#include "report/report.h"

enum { BNF_PAGE_LABEL = 8, BNF_PAGE_RIGHT = 76 };

#define BNF_PAGE_RED "31"
#define BNF_PAGE_GREEN "32"
#define BNF_PAGE_YELLOW "33"

/* Where on the line the printer stands; colours take no column. */
struct bnf_page {
    struct bnf_buf *out;
    size_t column;
    bool color;
};

/* Columns that a text takes: its characters, near enough. */
size_t bnf_page_width(const char *text);

/* Appends a name from a file. Control characters become '?', so that no model steers the terminal. */
void bnf_page_put(struct bnf_page *page, const char *text);

/* Formatted text of bounded length: numbers and the printer's own words. */
void bnf_page_putf(struct bnf_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A name in quotes; a node without a name is called "Conv at 'output'", which needs no more of them. */
void bnf_page_put_name(struct bnf_page *page, const char *name);

void bnf_page_put_bytes(struct bnf_page *page, uint64_t bytes);

/* A path, or what the stream is called that "-" stands for. */
void bnf_page_put_path(struct bnf_page *page, const char *path, const char *stream);

void bnf_page_end_line(struct bnf_page *page);

/* Blanks up to a column; at least `least` of them. */
void bnf_page_pad(struct bnf_page *page, size_t column, size_t least);

/* Text in a colour, where there are colours. */
void bnf_page_paint(struct bnf_page *page, const char *code, const char *text);

/* The word in front of a line; code NULL: not coloured. */
void bnf_page_label(struct bnf_page *page, const char *code, const char *text);

/* "" for one, "s" for any other number. */
const char *bnf_page_plural(size_t count);

/* ---- the parts of the report: sites (text_sites.c), proof and runs (text_checks.c) */

/* The summary line of a fold or plan, and a line for each site that is news; verbosity > 0: for each site. */
void bnf_text_fold(struct bnf_page *page, const struct bnfold_report *report);
void bnf_text_sites(struct bnf_page *page, const struct bnfold_report *report, int verbosity);

void bnf_text_proof(struct bnf_page *page, const struct bnfold_report *report, int verbosity);
void bnf_text_run(struct bnf_page *page, const struct bnf_report_run *report, int verbosity);

/* What qualifies "all inputs". */
void bnf_text_put_scope(struct bnf_page *page, const struct bnf_report_proof *proof);

#endif
