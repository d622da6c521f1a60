/* A model in the notation of tests (support/notation.h), ready to run. Failures are cmocka's. */
#ifndef BNF_TESTS_OPENED_H
#define BNF_TESTS_OPENED_H

#include "eval/eval.h"

struct opened {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
};

void opened_init(struct opened *o, const char *text, enum bnf_precision precision);
void opened_free(struct opened *o);

#endif
