#include "cli.h"

#include <string.h>

int bnf_cli_check(const struct bnf_cli_settings *settings)
{
    if (strcmp(settings->argument[0], "-") == 0 && strcmp(settings->argument[1], "-") == 0)
        return bnf_cli_fail("standard input cannot be both models");
    struct bnfold_options options = bnf_cli_options(settings);
    struct bnfold_report *report;
    struct bnfold_error error;
    if (bnfold_check(settings->argument[0], settings->argument[1], &options, &report, &error))
        return bnf_cli_fail_job(&error);
    return bnf_cli_report(settings, report);
}
