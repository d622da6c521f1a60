#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/notation.h"
#include "support/opened.h"

void opened_init(struct opened *o, const char *text, enum bnf_precision precision)
{
    struct bnf_err err = {0};
    *o = (struct opened){.eval = {.graph = NULL}};
    notation_read(&o->model, text);
    if (bnf_graph_build(&o->graph, &o->model, &err) ||
        bnf_eval_init(&o->eval, &o->graph, precision, 1, NULL, 0, &err))
        fail_msg("%s", err.text);
}

void opened_free(struct opened *o)
{
    bnf_eval_free(&o->eval);
    bnf_graph_free(&o->graph);
    bnf_model_close(&o->model);
}
