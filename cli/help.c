#include "cli.h"

#include <stdio.h>
#include <string.h>

/* What an option means to one command only. */
static const struct {
    enum bnf_cli_command command;
    const char *name, *choices, *help;
} others[] = {
    {BNF_CLI_CHECK, "check", "proof,run|proof", "how to tell"},
    {BNF_CLI_RUN, "output", NULL, "a .npz file with the outputs; '-': standard output"},
    {BNF_CLI_RUN, "samples", NULL, "run on N made-up inputs (default 1)"},
};

static struct bnf_cli_option option_of(enum bnf_cli_command command, const struct bnf_cli_option *option)
{
    struct bnf_cli_option own = *option;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].command == command && strcmp(others[i].name, option->name) == 0) {
            own.choices = others[i].choices;
            own.help = others[i].help;
        }
    return own;
}

static void print_option(const struct bnf_cli_option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%c%c%c --%s%s%s", option->letter ? '-' : ' ',
        option->letter ? option->letter : ' ', option->letter ? ',' : ' ', option->name,
        option->metavar ? "=" : "", option->metavar ? option->metavar : "");
    printf("  %-24s %s%s%s\n", left, option->choices ? option->choices : "", option->choices ? ": " : "",
        option->help);
}

/* The short help has to fit a screen: the commands and what is used every day. */
static void print_short(void)
{
    puts("bnfold removes BatchNormalization layers from ONNX models and proves the result\nequivalent.\n");
    for (enum bnf_cli_command i = 0; i < BNF_CLI_COMMANDS; i++)
        printf("%s bnfold %-20s %s\n", i ? "      " : "usage:", bnf_cli_command_usage(i),
            bnf_cli_command_summary(i));
    puts("\nMODEL is ONNX or ONNX-JSON, told apart by content; '-' is standard input.\n");
    for (size_t i = 0; bnf_cli_option(i); i++)
        if (bnf_cli_option(i)->everyday)
            print_option(bnf_cli_option(i));
    puts("\nexit status: 0 equivalent, 1 different or not strict, 2 error, 3 inconclusive");
}

int bnf_cli_print_help(enum bnf_cli_command command)
{
    if (command == BNF_CLI_COMMANDS) {
        print_short();
        return 0;
    }
    printf("usage: bnfold %s\n%s\n\n", bnf_cli_command_usage(command), bnf_cli_command_summary(command));
    for (size_t i = 0; bnf_cli_option(i); i++) {
        struct bnf_cli_option option = option_of(command, bnf_cli_option(i));
        if (option.commands & 1u << command)
            print_option(&option);
    }
    return 0;
}

int bnf_cli_help(const struct bnf_cli_settings *settings)
{
    if (settings->argument_count == 0)
        return bnf_cli_print_help(BNF_CLI_COMMANDS);
    enum bnf_cli_command command = bnf_cli_find_command(settings->argument[0]);
    if (command == BNF_CLI_COMMANDS)
        return bnf_cli_fail("unknown command '%s'", settings->argument[0]);
    return bnf_cli_print_help(command);
}
