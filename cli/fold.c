#include "cli.h"

#include <string.h>

int bnf_cli_fold(const struct bnf_cli_settings *settings)
{
    const char *input = settings->argument[0], *output = settings->output;
    if (settings->in_place && output)
        return bnf_cli_fail("'--in-place' and '--output' exclude each other");
    if (settings->in_place && strcmp(input, "-") == 0)
        return bnf_cli_fail("'--in-place' needs a file, not standard input");
    if (settings->in_place)
        output = input;
    if (!output)
        return bnf_cli_fail("no output given: -o OUT, or --in-place");
    struct bnfold_options options = bnf_cli_options(settings);
    struct bnfold_report *report;
    struct bnfold_error error;
    struct bnf_cli_progress progress;
    bnf_cli_progress_begin(settings, &progress, &options);
    int status = bnfold_fold(input, output, &options, &report, &error);
    bnf_cli_progress_end(&progress);
    if (status)
        return bnf_cli_fail_job(&error);
    return bnf_cli_report(settings, report);
}
