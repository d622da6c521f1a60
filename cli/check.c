#include "cli.h"

#include <string.h>

int bnf_cli_check(const struct bnf_cli_settings *settings)
{
    if (strcmp(settings->argument[0], "-") == 0 && strcmp(settings->argument[1], "-") == 0)
        return bnf_cli_fail("standard input cannot be both models");
    if (settings->check == BNFOLD_CHECK_NONE)
        return bnf_cli_fail("'--check' is 'none', allowed for 'check': proof,run|proof");
    struct bnfold_options options = bnf_cli_options(settings);
    struct bnfold_report *report;
    struct bnfold_error error;
    struct bnf_cli_progress progress;
    bnf_cli_progress_begin(settings, &progress, &options);
    int status = bnfold_check(settings->argument[0], settings->argument[1], &options, &report, &error);
    bnf_cli_progress_end(&progress);
    if (status)
        return bnf_cli_fail_job(&error);
    return bnf_cli_report(settings, report);
}
