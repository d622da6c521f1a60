/* What the parts of the command line share: settings read from the arguments, the commands, and how to fail.
 */
#ifndef BNF_CLI_H
#define BNF_CLI_H

#include "bnfold.h"

enum bnf_cli_command {
#define COMMAND(name, printed, usage, least, most, summary) BNF_CLI_##name,
#include "commands.def"
#undef COMMAND
    BNF_CLI_COMMANDS
};

enum { BNF_CLI_PATTERNS = 64, BNF_CLI_ARGUMENTS = 3 };

/* Patterns of --only or --skip, NULL-terminated. */
struct bnf_cli_patterns {
    const char *pattern[BNF_CLI_PATTERNS + 1];
    size_t count;
};

enum bnf_cli_color { BNF_CLI_COLOR_AUTO, BNF_CLI_COLOR_ALWAYS, BNF_CLI_COLOR_NEVER };

/* All that the arguments say. Strings are the arguments themselves. */
struct bnf_cli_settings {
    enum bnf_cli_command command;
    const char
        *argument[BNF_CLI_ARGUMENTS]; /* what is no option, without the command's name; NULL: not given */
    size_t argument_count;
    const char *output;
    bool in_place, json, strict, fsync, keep_failed, assume_inference, keep_overridable, lossy, quiet,
        verbose, require_run, heal;
    bool help, version;
    int leftover, check, match, color, precision, progress, external; /* index of the choice */
    unsigned threads, samples;
    size_t max_memory, external_threshold;
    uint64_t seed;
    double max_u, max_work;
    double rtol, atol; /* -1: not given */
    const char *data, *save_failing;
    struct bnf_cli_patterns only, skip, dims, taps;
};

/* One line of options.def. */
struct bnf_cli_option {
    const char *name;    /* without the dashes */
    char letter;         /* '\0': none */
    const char *metavar; /* NULL: takes no value */
    const char *choices; /* "auto|conv", NULL: free */
    unsigned commands;   /* bit 1 << command for each that takes it */
    bool everyday;       /* shown in the short help */
    const char *help;
};

/* Options and commands in the order of their lists; NULL behind the last. */
const struct bnf_cli_option *bnf_cli_option(size_t index);
const char *bnf_cli_command_name(enum bnf_cli_command command);
const char *bnf_cli_command_usage(enum bnf_cli_command command);
const char *bnf_cli_command_summary(enum bnf_cli_command command);

/* The command of that name, or BNF_CLI_COMMANDS. */
enum bnf_cli_command bnf_cli_find_command(const char *name);

/* Reads the arguments. 0, or the exit status of a usage error that has been told. */
int bnf_cli_parse(int argc, char **argv, struct bnf_cli_settings *settings);

/* Of the names that `next` gives until NULL, the one that a mistyped word most likely meant; NULL when none
 * is near. */
const char *bnf_cli_nearest(const char *word, const char *(*next)(size_t index));

/* Prints "bnfold: sentence" on standard error, with '?' for control characters. Returns 2, the exit status.
 */
int bnf_cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends with a failed job's sentence: its exit status. */
int bnf_cli_fail_job(const struct bnfold_error *error);

/* Prints a report on standard output (on standard error when that carries the model), frees it, and gives its
 * exit status. */
int bnf_cli_report(const struct bnf_cli_settings *settings, struct bnfold_report *report);

/* The library's options as the settings say. */
struct bnfold_options bnf_cli_options(const struct bnf_cli_settings *settings);

/* A line on standard error that says how far the runs are; it appears after half a second, on terminals only.
 */
struct bnf_cli_progress {
    double start;
    bool shown;
};

/* From here on SIGINT, SIGTERM and their like remove what is half written before they end the program, a closed pipe and
 * a limit of file sizes are write errors, and an input that cannot be read any more is a sentence and exit status 2. */
void bnf_cli_catch_signals(void);

/* Lets a job tell its progress; after the job the line goes away. */
void bnf_cli_progress_begin(const struct bnf_cli_settings *settings, struct bnf_cli_progress *progress,
    struct bnfold_options *options);
void bnf_cli_progress_end(struct bnf_cli_progress *progress);

/* The commands, one file each; every one returns an exit status. */
int bnf_cli_fold(const struct bnf_cli_settings *settings);
int bnf_cli_plan(const struct bnf_cli_settings *settings);
int bnf_cli_check(const struct bnf_cli_settings *settings);
int bnf_cli_run(const struct bnf_cli_settings *settings);
int bnf_cli_convert(const struct bnf_cli_settings *settings);
int bnf_cli_explain(const struct bnf_cli_settings *settings);
int bnf_cli_help(const struct bnf_cli_settings *settings);

/* Prints the help of one command, or with BNF_CLI_COMMANDS the short one. Returns 0. */
int bnf_cli_print_help(enum bnf_cli_command command);

#endif
