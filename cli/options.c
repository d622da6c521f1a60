#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024 };

enum kind { FLAG, TEXT, CHOICE, COUNT, NUMBER, SIZE, REAL, TOLERANCE, LIST };

/* How an option is stored: which member of the settings, and of what type. */
struct slot {
    enum kind kind;
    size_t offset;
};

static const struct bnf_cli_option options[] = {
#define OPTION(name, letter, kind, field, metavar, choices, commands, everyday, help) \
    {name, letter, metavar, choices, commands, everyday, help},
#include "options.def"
#undef OPTION
};

static const struct slot slots[] = {
#define OPTION(name, letter, kind, field, metavar, choices, commands, everyday, help) \
    {kind, offsetof(struct bnf_cli_settings, field)},
#include "options.def"
#undef OPTION
};

enum { OPTIONS = sizeof options / sizeof *options };

static const struct {
    const char *name, *usage, *summary;
    size_t least, most;
} commands[BNF_CLI_COMMANDS] = {
#define COMMAND(name, printed, usage, least, most, summary) {printed, usage, summary, least, most},
#include "commands.def"
#undef COMMAND
};

const struct bnf_cli_option *bnf_cli_option(size_t index)
{
    return index < OPTIONS ? &options[index] : NULL;
}

const char *bnf_cli_command_name(enum bnf_cli_command command)
{
    return command < BNF_CLI_COMMANDS ? commands[command].name : NULL;
}

const char *bnf_cli_command_usage(enum bnf_cli_command command)
{
    return commands[command].usage;
}

const char *bnf_cli_command_summary(enum bnf_cli_command command)
{
    return commands[command].summary;
}

enum bnf_cli_command bnf_cli_find_command(const char *name)
{
    unsigned i = 0;
    while (i < BNF_CLI_COMMANDS && strcmp(commands[i].name, name) != 0)
        i++;
    return (enum bnf_cli_command)i;
}

static const char *option_name(size_t index)
{
    return index < OPTIONS ? options[index].name : NULL;
}

static const char *command_name(size_t index)
{
    return bnf_cli_command_name((enum bnf_cli_command)(index < BNF_CLI_COMMANDS ? index : BNF_CLI_COMMANDS));
}

/* How many insertions, deletions and replacements of one character lead from a to b; b is a short name. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    size_t row[LONGEST + 1], length = strlen(b);
    if (length > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < other ? replaced : other;
        }
    }
    return row[length];
}

const char *bnf_cli_nearest(const char *word, const char *(*next)(size_t index))
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2; /* further away it is no typing error any more */
    for (size_t i = 0; next(i); i++) {
        size_t d = distance(word, next(i));
        if (d < least) {
            least = d;
            best = next(i);
        }
    }
    return best;
}

/* The choice that value names, or -1. */
static int find_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    int index = 0;
    for (const char *at = choices;; index++) {
        size_t word = strcspn(at, "|");
        if (word == length && memcmp(at, value, length) == 0)
            return index;
        if (!at[word])
            return -1;
        at += word + 1;
    }
}

/* Bytes, with K, M, G or T behind the number for powers of 1024. False for anything else, and for 0. */
static bool read_size(const char *value, size_t *size)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (*value < '0' || *value > '9' || errno || end[unit != NULL] || number < 1 || number > SIZE_MAX >> shift)
        return false;
    *size = (size_t)number << shift;
    return true;
}

/* Stores a value, which is NULL for flags. */
static int store(struct bnf_cli_settings *settings, size_t index, const char *value)
{
    const struct bnf_cli_option *option = &options[index];
    char *member = (char *)settings + slots[index].offset, *end;
    errno = 0;
    switch (slots[index].kind) {
    case FLAG:
        memcpy(member, &(bool){true}, sizeof(bool));
        return 0;
    case TEXT:
        memcpy(member, &value, sizeof value);
        return *value ? 0 : bnf_cli_fail("'--%s' is empty", option->name);
    case CHOICE: {
        int choice = find_choice(option->choices, value);
        memcpy(member, &choice, sizeof choice);
        return choice >= 0
                   ? 0
                   : bnf_cli_fail("'--%s' is '%s', allowed: %s", option->name, value, option->choices);
    }
    case COUNT: {
        unsigned long number = strtoul(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || errno || number < 1 || number > MOST_THREADS)
            return bnf_cli_fail("'--%s' is '%s', allowed: 1 to %d", option->name, value, MOST_THREADS);
        memcpy(member, &(unsigned){(unsigned)number}, sizeof(unsigned));
        return 0;
    }
    case NUMBER: {
        unsigned long long number = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || errno)
            return bnf_cli_fail("'--%s' is '%s', allowed: 0 to %llu", option->name, value, ULLONG_MAX);
        memcpy(member, &(uint64_t){number}, sizeof(uint64_t));
        return 0;
    }
    case SIZE: {
        size_t size;
        if (!read_size(value, &size))
            return bnf_cli_fail("'--%s' is '%s', allowed: bytes from 1, with K, M, G or T behind", option->name, value);
        memcpy(member, &size, sizeof size);
        return 0;
    }
    case REAL: {
        double number = strtod(value, &end);
        if (end == value || *end || !isfinite(number) || number <= 0)
            return bnf_cli_fail("'--%s' is '%s', allowed: a number above 0", option->name, value);
        memcpy(member, &number, sizeof number);
        return 0;
    }
    case TOLERANCE: {
        double number = strtod(value, &end);
        if (end == value || *end || !isfinite(number) || number < 0)
            return bnf_cli_fail("'--%s' is '%s', allowed: a number from 0", option->name, value);
        memcpy(member, &number, sizeof number);
        return 0;
    }
    case LIST: {
        struct bnf_cli_patterns *list = (void *)member;
        if (!*value)
            return bnf_cli_fail("'--%s' is empty", option->name);
        if (list->count == BNF_CLI_PATTERNS)
            return bnf_cli_fail("'--%s' is given more than %d times", option->name, BNF_CLI_PATTERNS);
        list->pattern[list->count++] = value;
        return 0;
    }
    }
    return 2;
}

/* The arguments while they are being read. */
struct reader {
    struct bnf_cli_settings *settings;
    char **argv;
    int argc, at;
    bool seen[OPTIONS];
    bool verbatim; /* behind "--" */
    bool has_command;
};

static int fail_unknown(const char *argument)
{
    size_t length = strcspn(argument, "=");
    char name[32];
    if (argument[1] != '-' || length - 2 >= sizeof name)
        return bnf_cli_fail("unknown option '%.*s'", (int)length, argument);
    memcpy(name, argument + 2, length - 2);
    name[length - 2] = '\0';
    const char *nearest = bnf_cli_nearest(name, option_name);
    if (nearest)
        return bnf_cli_fail("unknown option '--%s', the nearest is '--%s'", name, nearest);
    return bnf_cli_fail("unknown option '--%s'", name);
}

/* Reads one option: "--name", "--name=value", "--name value", "-o value", "-ovalue". */
static int read_option(struct reader *reader)
{
    const char *argument = reader->argv[reader->at], *value = NULL;
    size_t index = 0, length = strcspn(argument, "=");
    bool is_long = argument[1] == '-';
    for (; index < OPTIONS; index++)
        if (is_long ? strlen(options[index].name) == length - 2 &&
                          memcmp(options[index].name, argument + 2, length - 2) == 0
                    : options[index].letter == argument[1] && (options[index].metavar || !argument[2]))
            break;
    if (index == OPTIONS)
        return fail_unknown(argument);
    const struct bnf_cli_option *option = &options[index];
    if (is_long && argument[length] == '=')
        value = argument + length + 1;
    else if (!is_long && argument[2])
        value = argument + 2;
    if (!option->metavar && value)
        return bnf_cli_fail("'--%s' takes no value", option->name);
    if (option->metavar && !value) {
        if (reader->at + 1 >= reader->argc)
            return bnf_cli_fail("'--%s' needs a value: %s", option->name,
                option->choices ? option->choices : option->metavar);
        value = reader->argv[++reader->at];
    }
    reader->seen[index] = true;
    return store(reader->settings, index, value);
}

/* Reads what is no option. The first may name the command. */
static int read_argument(struct reader *reader)
{
    struct bnf_cli_settings *settings = reader->settings;
    const char *argument = reader->argv[reader->at];
    if (!reader->has_command && !reader->verbatim && settings->argument_count == 0) {
        enum bnf_cli_command command = bnf_cli_find_command(argument);
        reader->has_command = command != BNF_CLI_COMMANDS;
        settings->command = reader->has_command ? command : BNF_CLI_FOLD;
        if (reader->has_command)
            return 0;
    }
    if (settings->argument_count < BNF_CLI_ARGUMENTS)
        settings->argument[settings->argument_count] = argument;
    settings->argument_count++;
    return 0;
}

/* What asks for something that will not be done without a run, or without any check, or beside real inputs. Numbers that
 * merely have nothing to act on (--samples, --rtol …) harm nobody. */
static const char *const for_runs[] = {"require-run", "save-failing", "data", NULL};
static const char *const for_checks[] = {"heal", "keep-failed", NULL};
static const char *const for_made_up[] = {"dim", NULL};

/* The first of these options that is given, or NULL. */
static const char *first_given(const struct reader *reader, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < OPTIONS; i++)
            if (reader->seen[i] && strcmp(options[i].name, *names) == 0)
                return *names;
    return NULL;
}

static int check_combinations(const struct reader *reader)
{
    const struct bnf_cli_settings *settings = reader->settings;
    enum { PROOF_AND_RUN, PROOF, NONE };
    const char *idle = settings->check == NONE ? first_given(reader, for_checks) : NULL;
    if (idle)
        return bnf_cli_fail("'--%s' needs '--check=proof,run' or '--check=proof'", idle);
    idle = settings->check != PROOF_AND_RUN ? first_given(reader, for_runs) : NULL;
    if (idle)
        return bnf_cli_fail("'--%s' needs '--check=proof,run'", idle);
    idle = settings->data ? first_given(reader, for_made_up) : NULL;
    return idle ? bnf_cli_fail("'--%s' is for made-up inputs, '--data' gives real ones", idle) : 0;
}

static int check_options(const struct reader *reader)
{
    const struct bnf_cli_settings *settings = reader->settings;
    for (size_t i = 0; i < OPTIONS; i++)
        if (reader->seen[i] && !(options[i].commands & 1u << settings->command))
            return bnf_cli_fail(
                "'--%s' is no option of '%s'", options[i].name, commands[settings->command].name);
    if (settings->quiet && settings->verbose)
        return bnf_cli_fail("'--quiet' and '--verbose' exclude each other");
    return check_combinations(reader);
}

static int check_arguments(const struct reader *reader)
{
    const struct bnf_cli_settings *settings = reader->settings;
    size_t count = settings->argument_count, most = commands[settings->command].most;
    if (settings->help || settings->version)
        return 0;
    if (count < commands[settings->command].least)
        return bnf_cli_fail(count || reader->has_command ? "too few arguments, usage: bnfold %s"
                                                         : "no model given, usage: bnfold %s",
            commands[settings->command].usage);
    if (count <= most)
        return 0;
    const char *nearest = reader->has_command ? NULL : bnf_cli_nearest(settings->argument[0], command_name);
    if (nearest)
        return bnf_cli_fail("unknown command '%s', the nearest is '%s'", settings->argument[0], nearest);
    return bnf_cli_fail("unexpected argument '%s', usage: bnfold %s", settings->argument[most],
        commands[settings->command].usage);
}

int bnf_cli_parse(int argc, char **argv, struct bnf_cli_settings *settings)
{
    struct reader reader = {.settings = settings, .argv = argv, .argc = argc, .at = 1};
    *settings = (struct bnf_cli_settings){.command = BNF_CLI_FOLD, .rtol = -1, .atol = -1};
    for (; reader.at < argc; reader.at++) {
        const char *argument = argv[reader.at];
        int status = 0;
        if (!reader.verbatim && strcmp(argument, "--") == 0)
            reader.verbatim = true;
        else if (!reader.verbatim && argument[0] == '-' && argument[1])
            status = read_option(&reader);
        else
            status = read_argument(&reader);
        if (status)
            return status;
    }
    if (settings->help && !reader.has_command && settings->argument_count == 0)
        settings->command = BNF_CLI_HELP;
    int status = check_options(&reader);
    return status ? status : check_arguments(&reader);
}
