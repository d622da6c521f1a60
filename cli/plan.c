#include "cli.h"

int bnf_cli_plan(const struct bnf_cli_settings *settings)
{
    struct bnfold_options options = bnf_cli_options(settings);
    options.trace = settings->verbose || settings->json;
    struct bnfold_report *report;
    struct bnfold_error error;
    if (bnfold_plan(settings->argument[0], &options, &report, &error))
        return bnf_cli_fail_job(&error);
    return bnf_cli_report(settings, report);
}
