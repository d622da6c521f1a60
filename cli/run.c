#include "cli.h"

int bnf_cli_run(const struct bnf_cli_settings *settings)
{
    struct bnfold_options options = bnf_cli_options(settings);
    struct bnfold_error error;
    if (bnfold_run(settings->argument[0], settings->output, &options, stdout, &error))
        return bnf_cli_fail_job(&error);
    return 0;
}
