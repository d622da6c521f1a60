#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <float.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bnf_cli_fail(const char *format, ...)
{
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
    fprintf(stderr, "bnfold: %s\n", text);
    return 2;
}

int bnf_cli_fail_job(const struct bnfold_error *error)
{
    (void)bnf_cli_fail("%s", error->text);
    return error->exit_status;
}

/* Where no tolerance is given but 0, outputs have to be the same. To the library two zeros are no limit at all, but this
 * times a number is less than the distance to its neighbours. */
static double relative_tolerance(const struct bnf_cli_settings *settings)
{
    bool given = settings->rtol >= 0 || settings->atol >= 0;
    if (given && settings->rtol <= 0 && settings->atol <= 0)
        return DBL_TRUE_MIN;
    return settings->rtol > 0 ? settings->rtol : 0;
}

struct bnfold_options bnf_cli_options(const struct bnf_cli_settings *settings)
{
    return (struct bnfold_options){
        .leftover = (enum bnfold_leftover)settings->leftover, /* choices are listed in the enums' order */
        .check = (enum bnfold_check)settings->check,
        .external = (enum bnfold_external)settings->external,
        .external_threshold = settings->external_threshold,
        .strict = settings->strict,
        .in_place = settings->in_place,
        .flush = settings->fsync,
        .keep_failed = settings->keep_failed,
        .assume_inference = settings->assume_inference,
        .keep_overridable = settings->keep_overridable,
        .match_position = settings->match == 1,
        .lossy = settings->lossy,
        .require_run = settings->require_run,
        .heal = settings->heal,
        .max_u = settings->max_u,
        .threads = settings->threads,
        .max_memory = settings->max_memory,
        .max_work = settings->max_work,
        .only = settings->only.count ? settings->only.pattern : NULL,
        .skip = settings->skip.count ? settings->skip.pattern : NULL,
        .samples = settings->samples,
        .seed = settings->seed,
        .dims = settings->dims.count ? settings->dims.pattern : NULL,
        .data = settings->data,
        .save_failing = settings->save_failing,
        .rtol = relative_tolerance(settings),
        .atol = settings->atol > 0 ? settings->atol : 0,
        .precision = (enum bnfold_precision)settings->precision,
        .taps = settings->taps.count ? settings->taps.pattern : NULL,
    };
}

static bool use_color(const struct bnf_cli_settings *settings, FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (settings->color != BNF_CLI_COLOR_AUTO)
        return settings->color == BNF_CLI_COLOR_ALWAYS;
    return !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0 && isatty(fileno(stream));
}

int bnf_cli_report(const struct bnf_cli_settings *settings, struct bnfold_report *report)
{
    FILE *stream = settings->output && strcmp(settings->output, "-") == 0 ? stderr : stdout;
    struct bnfold_style style = {.format = settings->json ? BNFOLD_PRINT_JSON : BNFOLD_PRINT_TEXT,
        .verbosity = settings->quiet     ? -1
                     : settings->verbose ? 1
                                         : 0,
        .color = use_color(settings, stream)};
    int status = bnfold_report_exit(report);
    errno = 0;
    if (bnfold_report_print(report, &style, stream))
        status = bnf_cli_fail("cannot write the report: %s", strerror(errno ? errno : ENOMEM));
    bnfold_report_free(report);
    return status;
}
