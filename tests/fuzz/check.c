/* Two models in one input, behind the length of the first (4 bytes, the lowest first): the proof and the runs of one
 * against the other, and of the first against itself, which must not be told different. */
#include "fuzz/fuzz.h"

#include "bnfold.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIFFERENT = 1, head = 4 };

static int check(const struct fuzz_file *a, const struct fuzz_file *b, const struct bnfold_options *options)
{
    struct bnfold_report *report = NULL;
    struct bnfold_error error = {.text = ""};
    int status = bnfold_check(a->path, b->path, options, &report, &error);
    if (!status)
        return fuzz_print(report);
    fuzz_failure(status, error.text);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bnfold_options options = {
        .check = BNFOLD_CHECK_PROOF, .threads = 1, .match_position = true};
    static const struct bnfold_options by_name = {.check = BNFOLD_CHECK_PROOF_AND_RUN,
        .threads = 1,
        .samples = 1,
        .max_u = 1e6,
        .max_memory = (size_t)32 << 20,
        .max_work = 3e7};
    if (size < head)
        return 0;
    uint32_t first = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    data += head;
    size -= head;
    if (first > size)
        first = (uint32_t)size;
    struct fuzz_file a = fuzz_file(data, first), b = fuzz_file(data + first, size - first);
    check(&a, &b, bnf_hash(data, size) & 1 ? &options : &by_name);
    if (check(&a, &a, &options) == DIFFERENT)
        bnf_bug("a model that differs from itself");
    close(a.descriptor);
    close(b.descriptor);
    return 0;
}
