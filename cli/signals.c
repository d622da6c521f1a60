#define _GNU_SOURCE
#include "cli.h"

#include <signal.h>
#include <unistd.h>

/* Ends the program by the signal that came, so that its parent sees which one it was. */
static void end(int number)
{
    sigset_t this_one;
    (void)signal(number, SIG_DFL);
    sigemptyset(&this_one);
    sigaddset(&this_one, number);
    (void)raise(number);
    (void)sigprocmask(SIG_UNBLOCK, &this_one, NULL);
}

static void leave(int number)
{
    bnfold_abandon();
    end(number);
}

/* Inputs are mapped: a file that was cut short meanwhile, or that its disk cannot read, shows as SIGBUS. */
static void lose(int number, siginfo_t *info, void *context)
{
    static const char sentence[] = "bnfold: cannot read an input: its file became shorter, or its disk failed, meanwhile\n";
    (void)context;
    bnfold_abandon();
    if (info->si_code != BUS_ADRERR) {
        end(number);
        return;
    }
    ssize_t told = write(STDERR_FILENO, sentence, sizeof sentence - 1);
    (void)told; /* there is nobody else to tell */
    _exit(2);
}

void bnf_cli_catch_signals(void)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU};
    struct sigaction action = {.sa_handler = leave}, before;
    sigfillset(&action.sa_mask); /* a second one must not end the program while the first is being dealt with */
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* as under nohup */
            (void)sigaction(ends[i], &action, NULL);
    struct sigaction fault = {.sa_sigaction = lose, .sa_flags = SA_SIGINFO};
    sigfillset(&fault.sa_mask);
    (void)sigaction(SIGBUS, &fault, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}
