/* Healing: which sites to leave alone, so that the rest of a fold passes its check. */
#ifndef BNF_HEAL_H
#define BNF_HEAL_H

#include "graph/graph.h"
#include "report/report.h"

/* Patterns for the fold's `skip`: the user's, and one for each site left alone. All-zero is empty. */
struct bnf_heal {
    const char **skip; /* NULL-terminated once anything is in it */
    size_t count, capacity;
};

/* Begins with the user's patterns (or NULL). BNF_ENOMEM. */
int bnf_heal_begin(struct bnf_heal *heal, const char *const *skip, struct bnf_err *err);

/* Chooses the sites nearest to what the report's proof and runs found wrong, in the graph of the model before it was
 * folded, and notes them in the report. *more: there were some that had not been chosen before. BNF_ENOMEM. */
int bnf_heal_choose(struct bnf_heal *heal, const struct bnf_graph *graph, struct bnfold_report *report, bool *more,
    struct bnf_err *err);

/* Gives the sites of a fold that the report notes as left alone their true reason: it was not the user who skipped
 * them. BNF_ENOMEM. */
int bnf_heal_explain(struct bnfold_report *report, struct bnf_fold_result *result, struct bnf_err *err);

void bnf_heal_end(struct bnf_heal *heal);

#endif
