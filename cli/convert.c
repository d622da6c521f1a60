#include "cli.h"

int bnf_cli_convert(const struct bnf_cli_settings *settings)
{
    if (!settings->output)
        return bnf_cli_fail("no output given: -o OUT");
    struct bnfold_options options = bnf_cli_options(settings);
    struct bnfold_error error;
    if (bnfold_convert(settings->argument[0], settings->output, &options, &error))
        return bnf_cli_fail_job(&error);
    return 0;
}
