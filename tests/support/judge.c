#include "support/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_wanted(unsigned wanted, enum judgement judgement)
{
    return wanted >> judgement & 1;
}

__attribute__((format(printf, 4, 5))) static void found(
    struct verdict *v, unsigned wanted, enum judgement judgement, const char *format, ...)
{
    va_list list;
    if (!is_wanted(wanted, judgement) || is_wanted(v->found, judgement))
        return;
    v->found |= 1u << judgement;
    va_start(list, format);
    vsnprintf(v->text[judgement], sizeof v->text[judgement], format, list);
    va_end(list);
}

const char *judgement_name(enum judgement judgement)
{
    static const char *const names[] = {
#define JUDGEMENT(name, printed) printed,
        JUDGEMENTS
#undef JUDGEMENT
    };
    return names[judgement];
}

enum judgement judge_worst(const struct verdict *v)
{
    for (unsigned i = 0; i < JUDGEMENT_COUNT; i++)
        if (is_wanted(v->found, i))
            return i;
    return JUDGEMENT_COUNT;
}

/* Every site has a verdict that fits its figures, and no BatchNormalization is left or lowered without a
 * reason. */
static void sites(const struct bnf_fold_result *r, unsigned wanted, struct verdict *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->site_count; i++) {
        const struct bnf_site *site = &r->sites[i];
        bool needs_reason = site->verdict == BNF_SITE_KEPT || site->verdict == BNF_SITE_LOWERED;
        v->sites++;
        v->folded += site->verdict == BNF_SITE_FOLDED;
        v->dropped += site->verdict == BNF_SITE_DROPPED;
        v->lowered += site->verdict == BNF_SITE_LOWERED;
        v->kept += site->verdict == BNF_SITE_KEPT;
        kept += site->kind == BNF_SITE_BATCHNORM && site->verdict == BNF_SITE_KEPT;
        if (needs_reason && (site->reason == BNF_REASON_NONE || !site->detail || !*site->detail))
            found(v, wanted, JUDGED_NO_REASON, "'%s' is %s without a reason", site->name,
                site->verdict == BNF_SITE_KEPT ? "kept" : "lowered");
        if (site->verdict == BNF_SITE_FOLDED && !site->into_count)
            found(v, wanted, JUDGED_NO_REASON, "'%s' is folded into nothing", site->name);
    }
    if (kept != r->batchnorms_after)
        found(v, wanted, JUDGED_NO_REASON, "%zu BatchNormalizations are left, %zu are listed as kept",
            r->batchnorms_after, kept);
}

/* The result has the outputs of the source, and those of its inputs that have no initializer. */
static void interface(
    const struct packed *source, const struct packed *folded, unsigned wanted, struct verdict *v)
{
    struct make a, b;
    make_open(&a, source);
    make_open(&b, folded);
    const Onnx__GraphProto *p = a.graph, *q = b.graph;
    if (p->n_output != q->n_output)
        found(v, wanted, JUDGED_INTERFACE, "%zu outputs, were %zu", q->n_output, p->n_output);
    for (size_t i = 0; i < p->n_output && i < q->n_output; i++)
        if (strcmp(p->output[i]->name, q->output[i]->name) != 0)
            found(v, wanted, JUDGED_INTERFACE, "output %zu is '%s', was '%s'", i, q->output[i]->name,
                p->output[i]->name);
    for (size_t i = 0; i < p->n_input; i++) {
        bool there = make_find_initializer(&a, p->input[i]->name) != NULL;
        for (size_t k = 0; k < q->n_input && !there; k++)
            there = strcmp(p->input[i]->name, q->input[k]->name) == 0;
        if (!there)
            found(v, wanted, JUDGED_INTERFACE, "input '%s' is gone", p->input[i]->name);
    }
    make_end(&a);
    make_end(&b);
}

/* Two nodes of one name; an initializer that is no input although IR < 4 wants that; a node in front of one
 * it reads. */
static void graph_form(const Onnx__GraphProto *graph, bool listed, unsigned wanted, struct verdict *v)
{
    for (size_t i = 0; i < graph->n_initializer && listed; i++) {
        bool there = false;
        for (size_t k = 0; k < graph->n_input && !there; k++)
            there = strcmp(graph->input[k]->name, graph->initializer[i]->name) == 0;
        if (!there)
            found(v, wanted, JUDGED_MALFORMED, "initializer '%s' is no input, which IR < 4 asks for",
                graph->initializer[i]->name);
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < i; k++) {
            const Onnx__NodeProto *before = graph->node[k];
            if (node->name && *node->name && before->name && strcmp(before->name, node->name) == 0)
                found(v, wanted, JUDGED_MALFORMED, "two nodes are called '%s'", node->name);
            for (size_t j = 0; j < before->n_input; j++)
                for (size_t o = 0; o < node->n_output; o++)
                    if (*before->input[j] && strcmp(before->input[j], node->output[o]) == 0)
                        found(v, wanted, JUDGED_MALFORMED, "'%s' is read in front of the node that makes it",
                            before->input[j]);
        }
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g)
                graph_form(node->attribute[k]->g, listed, wanted, v);
    }
}

static void form(const struct packed *folded, unsigned wanted, struct verdict *v)
{
    struct make m;
    make_open(&m, folded);
    graph_form(m.graph, m.model->ir_version < 4, wanted, v);
    make_end(&m);
}

static void prove(
    const struct packed *source, const struct packed *folded, unsigned wanted, struct verdict *v)
{
    char text[400];
    int verdict = prove_packed(source, folded, text, sizeof text);
    if (verdict < 0)
        found(v, wanted, JUDGED_PROOF_ERROR, "%s", text);
    else if (verdict == BNF_PROOF_REFUTED)
        found(v, wanted, JUDGED_REFUTED, "%s", text);
    else if (verdict != BNF_PROOF_PROVED)
        found(v, wanted, JUDGED_UNPROVED, "%s", text);
}

static void run(const struct packed *source, const struct packed *folded, unsigned wanted, struct verdict *v)
{
    char text[400];
    int verdict = run_packed(source, folded, text, sizeof text);
    if (verdict < 0)
        found(v, wanted, JUDGED_RUN_ERROR, "%s", text);
    else if (verdict == BNF_RUN_DIFFERENT)
        found(v, wanted, JUDGED_DIFFERENT, "%s", text);
    else if (verdict == BNF_RUN_INCOMPLETE)
        found(v, wanted, JUDGED_INCOMPLETE, "%s", text);
    v->inconclusive = verdict == BNF_RUN_INCONCLUSIVE;
}

static void fold_again(const struct packed *folded, unsigned wanted, struct verdict *v)
{
    struct opened opened;
    struct bnf_fold_result result = {0};
    struct packed again;
    struct bnf_err err = {0};
    if (fold_packed(folded, &opened, &result, &again, &err))
        found(v, wanted, JUDGED_SECOND_FOLD, "%s", err.text);
    else if (result.changed)
        found(v, wanted, JUDGED_SECOND_FOLD, "changed the result");
    bnf_free(again.bytes);
    close_opened(&opened);
}

void judge(const struct packed *source, unsigned wanted, struct packed *folded, struct verdict *v)
{
    struct opened opened;
    struct bnf_fold_result result = {0};
    struct bnf_err err = {0};
    *v = (struct verdict){0};
    *folded = (struct packed){0};
    int status = open_packed(&opened, source, &err);
    close_opened(&opened);
    if (status) {
        found(v, judge_all, JUDGED_INVALID, "%s", err.text);
        return;
    }
    if (fold_packed(source, &opened, &result, folded, &err)) {
        found(v, wanted, JUDGED_FOLD_ERROR, "%s", err.text);
        bnf_free(folded->bytes);
        *folded = (struct packed){0};
    } else {
        sites(&result, wanted, v);
        interface(source, folded, wanted, v);
        if (result.changed)
            form(folded, wanted, v);
        const unsigned proof = 1 << JUDGED_REFUTED | 1 << JUDGED_UNPROVED | 1 << JUDGED_PROOF_ERROR;
        const unsigned runs = 1 << JUDGED_DIFFERENT | 1 << JUDGED_INCOMPLETE | 1 << JUDGED_RUN_ERROR;
        if (wanted & proof)
            prove(source, folded, wanted, v);
        if (wanted & runs)
            run(source, folded, wanted, v);
        if (is_wanted(wanted, JUDGED_SECOND_FOLD))
            fold_again(folded, wanted, v);
    }
    close_opened(&opened);
}
