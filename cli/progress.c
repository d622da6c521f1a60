#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void show(void *context, size_t done, size_t all)
{
    struct bnf_cli_progress *progress = context;
    if (!progress->shown && now() - progress->start < 0.5)
        return;
    progress->shown = true;
    fprintf(stderr, "\rrunning %zu/%zu\033[K", done, all);
    fflush(stderr);
}

void bnf_cli_progress_begin(const struct bnf_cli_settings *settings, struct bnf_cli_progress *progress,
    struct bnfold_options *options)
{
    enum { NEVER = 1 };
    const char *terminal = getenv("TERM");
    *progress = (struct bnf_cli_progress){.start = now()};
    if (settings->progress == NEVER || settings->quiet || !terminal || strcmp(terminal, "dumb") == 0 ||
        !isatty(STDERR_FILENO))
        return;
    options->progress = show;
    options->progress_context = progress;
}

void bnf_cli_progress_end(struct bnf_cli_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}
