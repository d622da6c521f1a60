#include "cli.h"

#include <stdio.h>

int bnf_cli_explain(const struct bnf_cli_settings *settings)
{
    const char *name = settings->argument[0];
    if (bnfold_explain(name, stdout))
        return bnf_cli_fail("unknown reason or verdict '%s', 'bnfold explain' lists them", name);
    return 0;
}
