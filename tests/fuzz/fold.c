/* Any bytes as a model that is folded, proved and written as the program does it. A fold that its own proof refutes is
 * a finding (unless ALLOW_REFUTED is in the environment), and so is one that changes when it is folded once more. */
#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include "bnfold.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIFFERENT = 1 };

/* Folds to standard output, which is a memory file meanwhile. False when there is no output. */
static bool fold(const struct fuzz_file *input, const struct bnfold_options *options, struct fuzz_file *out)
{
    struct bnfold_report *report = NULL;
    struct bnfold_error error = {.text = ""};
    *out = fuzz_file(NULL, 0);
    int keep = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (dup2(out->descriptor, STDOUT_FILENO) < 0)
        bnf_bug("no standard output");
    int status = bnfold_fold(input->path, "-", options, &report, &error);
    if (keep >= 0) {
        dup2(keep, STDOUT_FILENO);
        close(keep);
    } else {
        close(STDOUT_FILENO);
    }
    if (status) {
        fuzz_failure(status, error.text);
        close(out->descriptor);
        return false;
    }
    int verdict = fuzz_print(report);
    if (verdict == DIFFERENT && !(getenv("ALLOW_REFUTED") && *getenv("ALLOW_REFUTED")))
        bnf_bug("a fold that its own proof refutes");
    if (verdict == 0)
        return true;
    close(out->descriptor);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bnfold_options all[] = {
        {.check = BNFOLD_CHECK_PROOF, .threads = 1},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .assume_inference = true, .leftover = BNFOLD_LEFTOVER_CONV},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .keep_overridable = true, .leftover = BNFOLD_LEFTOVER_MUL_ADD},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .leftover = BNFOLD_LEFTOVER_KEEP},
    };
    struct fuzz_file input = fuzz_file(data, size), first, second;
    /* The bytes choose, so that a saved input shows what it showed before. */
    const struct bnfold_options *options = &all[bnf_hash(data, size) % 8 % (sizeof all / sizeof *all)];
    if (fold(&input, options, &first)) {
        if (fold(&first, options, &second)) {
            fuzz_same(&first, &second, "a fold that changes when it is folded again");
            close(second.descriptor);
        }
        close(first.descriptor);
    }
    close(input.descriptor);
    return 0;
}
