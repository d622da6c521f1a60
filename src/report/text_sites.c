/* What became of each site, for people. */
#include "report/page.h"

#include <string.h>

enum { NAME_MOST = 40 };

/* " into Conv", or " (3 into Conv, 1 into Gemm)": where the folded sites of one kind went. */
static void put_operators(
    struct bnf_page *page, const struct bnfold_report *report, enum bnf_site_kind kind, size_t folded)
{
    enum { MOST = 8 };
    const char *operators[MOST];
    size_t counts[MOST], count = 0;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        if (site->kind != kind || site->verdict != BNF_SITE_FOLDED || !site->operator)
            continue;
        size_t at = 0;
        while (at < count && strcmp(operators[at], site->operator) != 0)
            at++;
        if (at == MOST)
            continue;
        if (at == count) {
            operators[count] = site->operator;
            counts[count++] = 0;
        }
        counts[at]++;
    }
    if (count == 1 && counts[0] == folded) {
        bnf_page_put(page, " into ");
        bnf_page_put(page, operators[0]);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bnf_page_putf(page, "%s%zu into ", i ? ", " : " (", counts[i]);
        bnf_page_put(page, operators[i]);
    }
    bnf_page_put(page, count ? ")" : "");
}

void bnf_text_fold(struct bnf_page *page, const struct bnfold_report *report)
{
    bool plan = report->command == BNF_COMMAND_PLAN;
    const struct bnf_report_totals *bn = &report->batchnorms, *affine = &report->affines;
    size_t affines = affine->folded + affine->dropped;
    bnf_page_label(page, NULL, plan ? "plan" : "fold");
    if (bn->sites == 0 && affines == 0)
        bnf_page_put(page, "nothing to fold");
    if (bn->sites) {
        bnf_page_putf(page, plan ? "%zu would fold" : "%zu folded", bn->folded);
        put_operators(page, report, BNF_SITE_BATCHNORM, bn->folded);
        if (bn->dropped)
            bnf_page_putf(page, plan ? " · %zu would be dropped" : " · %zu dropped", bn->dropped);
        bnf_page_putf(page, plan ? " · %zu would be lowered · %zu kept" : " · %zu lowered · %zu kept",
            bn->lowered, bn->kept);
    }
    if (affines) {
        bnf_page_putf(page, "%s%zu decomposed affine%s%s", bn->sites ? " · " : "", affines,
            bnf_page_plural(affines), plan ? " would fold" : " folded");
        put_operators(page, report, BNF_SITE_AFFINE, affines);
    }
    bnf_page_end_line(page);
    if (report->frozen) {
        bnf_page_label(page, NULL, plan ? "freeze" : "froze");
        bnf_page_putf(page, "%zu initializer%s that callers could override as graph input%s", report->frozen,
            bnf_page_plural(report->frozen), bnf_page_plural(report->frozen));
        bnf_page_end_line(page);
    }
}

/* Sites that did not fold are news; folded ones, and affines left alone, are told when asked. */
static bool shown(const struct bnf_report_site *site, int verbosity)
{
    return verbosity > 0 || (site->kind == BNF_SITE_BATCHNORM &&
                                (site->verdict == BNF_SITE_KEPT || site->verdict == BNF_SITE_LOWERED));
}

static void put_list(struct bnf_page *page, const char *word, const char **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bnf_page_put(page, i ? ", " : word);
        bnf_page_put_name(page, list[i]);
    }
}

static void print_site(
    struct bnf_page *page, const struct bnf_report_site *site, bool plan, int verbosity, size_t column)
{
    static const char *const planned[] = {[BNF_SITE_KEPT] = "keep",
        [BNF_SITE_FOLDED] = "fold",
        [BNF_SITE_DROPPED] = "drop",
        [BNF_SITE_LOWERED] = "lower"};
    const char *code =
        site->verdict == BNF_SITE_KEPT && site->kind == BNF_SITE_BATCHNORM ? BNF_PAGE_YELLOW : NULL;
    bnf_page_label(page, code, plan ? planned[site->verdict] : bnf_site_verdict_name(site->verdict));
    bnf_page_put(page, site->name);
    bnf_page_pad(page, column, 2);
    if (site->verdict == BNF_SITE_FOLDED)
        bnf_page_put(page, site->direction == BNF_DIRECTION_FORWARD ? "forward" : "back");
    if (site->verdict == BNF_SITE_FOLDED) {
        put_list(page, " into ", site->into, site->into_count);
        put_list(page, " through ", site->through, site->through_count);
    }
    bool lowered = site->verdict == BNF_SITE_LOWERED && verbosity > 0 && site->into_count;
    size_t last = lowered ? site->into_count - 1 : 0; /* layers took parts, if there are several: this is what stays */
    if (last) {
        put_list(page, "in part into ", site->into, last);
        put_list(page, " through ", site->through, site->through_count);
    }
    if (lowered) {
        bnf_page_put(page, last ? ", leaving " : "to ");
        bnf_page_put(page, site->into[last]);
    }
    if (site->verdict == BNF_SITE_DROPPED)
        bnf_page_put(page, "does nothing");
    if (site->reason != BNF_REASON_NONE) {
        bnf_page_put(page, lowered ? " · " : "");
        bnf_page_put(page, bnf_reason_name(site->reason));
        bnf_page_put(page, ": ");
        bnf_page_put(page, site->detail ? site->detail : bnf_reason_meaning(site->reason));
    }
    if (site->function) {
        bnf_page_put(page, " (in function ");
        bnf_page_put_name(page, site->function);
        bnf_page_put(page, ")");
    }
    if (site->reason != BNF_REASON_NONE) {
        bnf_page_put(page, "; hint: ");
        bnf_page_put(page, bnf_reason_hint(site->reason));
    }
    bnf_page_end_line(page);
}

void bnf_text_sites(struct bnf_page *page, const struct bnfold_report *report, int verbosity)
{
    size_t longest = 0;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        size_t length = shown(site, verbosity) || site->warning ? bnf_page_width(site->name) : 0;
        longest = length > longest ? length : longest;
    }
    size_t column = BNF_PAGE_LABEL + (longest < NAME_MOST ? longest : NAME_MOST) + 2;
    for (size_t i = 0; i < report->site_count; i++) {
        const struct bnf_report_site *site = &report->sites[i];
        if (shown(site, verbosity))
            print_site(page, site, report->command == BNF_COMMAND_PLAN, verbosity, column);
        for (size_t k = 0; k < site->step_count && verbosity > 0; k++) {
            const char *step = site->steps[k];
            bool heads = *step && step[strlen(step) - 1] == ':'; /* says where the next ones go */
            bnf_page_pad(page, BNF_PAGE_LABEL + (heads ? 2 : 4), 0);
            bnf_page_put(page, step);
            bnf_page_end_line(page);
        }
        if (site->warning) {
            bnf_page_label(page, BNF_PAGE_YELLOW, "warning");
            bnf_page_put(page, site->name);
            bnf_page_pad(page, column, 2);
            bnf_page_put(page, site->warning);
            bnf_page_end_line(page);
        }
    }
}
