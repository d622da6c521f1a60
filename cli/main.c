/* bnfold: removes BatchNormalization layers from ONNX models and proves the result equivalent. */
#include "cli.h"

#include <errno.h>
#include <string.h>

static int run(const struct bnf_cli_settings *settings)
{
    static int (*const commands[BNF_CLI_COMMANDS])(const struct bnf_cli_settings *) = {
        [BNF_CLI_FOLD] = bnf_cli_fold,
        [BNF_CLI_PLAN] = bnf_cli_plan,
        [BNF_CLI_CHECK] = bnf_cli_check,
        [BNF_CLI_RUN] = bnf_cli_run,
        [BNF_CLI_CONVERT] = bnf_cli_convert,
        [BNF_CLI_EXPLAIN] = bnf_cli_explain,
        [BNF_CLI_HELP] = bnf_cli_help,
    };
    if (settings->version)
        return printf("bnfold %s\n", bnfold_version()) < 0 ? 2 : 0;
    if (settings->help && settings->command != BNF_CLI_HELP)
        return bnf_cli_print_help(settings->command);
    return commands[settings->command](settings);
}

int main(int argc, char **argv)
{
    struct bnf_cli_settings settings;
    bnf_cli_catch_signals();
    int status = bnf_cli_parse(argc, argv, &settings);
    if (status)
        return status;
    status = run(&settings);
    if ((fflush(stdout) || ferror(stdout)) && status != 2)
        status = bnf_cli_fail("cannot write to standard output: %s", strerror(errno));
    return status;
}
