#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include "bnfold.h"
#include "onnx/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fuzz_file fuzz_file(const void *data, size_t size)
{
    struct fuzz_file file = {.descriptor = memfd_create("input", MFD_CLOEXEC)};
    if (file.descriptor < 0 || (size && write(file.descriptor, data, size) != (ssize_t)size))
        bnf_bug("no memory file");
    snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.descriptor);
    return file;
}

void fuzz_failure(int status, const char *sentence)
{
    static const int known[] = {BNF_EUSAGE, BNF_EINPUT, BNF_EIO, BNF_ENOMEM, BNF_ELIMIT};
    bool is_known = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || status == known[i];
    size_t length = strlen(sentence);
    char *quoted = bnf_alloc(length + 1, 1);
    if (!quoted)
        bnf_bug("out of memory in a test");
    /* A path of the fuzzer's own holds nothing to quote, so quoting must change nothing. */
    bool clean = strcmp(bnf_place_quote(sentence, length, quoted, length + 1), sentence) == 0;
    bnf_free(quoted);
    if (is_known && clean && length && sentence[length - 1] != '.')
        return;
    fprintf(stderr, "status %d with the sentence '%s'\n", status, sentence);
    bnf_bug("a failure without a proper sentence");
}

bool fuzz_save(const struct bnf_model *model, enum bnf_format format, struct fuzz_file *out)
{
    struct bnf_err err = {0};
    struct bnf_save_options options = {.format = format, .threads = 1};
    uint64_t written = 0;
    *out = fuzz_file(NULL, 0);
    struct bnf_out file = {.descriptor = out->descriptor, .path = out->path};
    int status = bnf_model_save(model, &file, &options, &written, &err);
    if (!status)
        return true;
    fuzz_failure(status, err.text);
    close(out->descriptor);
    return false;
}

bool fuzz_same(const struct fuzz_file *a, const struct fuzz_file *b)
{
    struct bnf_map maps[2];
    if (bnf_map_descriptor(&maps[0], a->descriptor, "a", NULL) ||
        bnf_map_descriptor(&maps[1], b->descriptor, "b", NULL))
        bnf_bug("a memory file that cannot be read");
    bool same = maps[0].size == maps[1].size && memcmp(maps[0].data, maps[1].data, maps[0].size) == 0;
    bnf_map_close(&maps[0]);
    bnf_map_close(&maps[1]);
    return same;
}

int fuzz_print(struct bnfold_report *report)
{
    static const struct bnfold_style styles[] = {{.format = BNFOLD_PRINT_TEXT, .verbosity = -1},
        {.format = BNFOLD_PRINT_TEXT, .verbosity = 1, .color = true}, {.format = BNFOLD_PRINT_JSON}};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        bnf_bug("out of memory in a test");
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        if (bnfold_report_print(report, &styles[i], stream))
            bnf_bug("a report that cannot be printed");
    fclose(stream);
    free(text);
    int status = bnfold_report_exit(report);
    bnfold_report_free(report);
    return status;
}
