/* Runs a target without libFuzzer: on each file given, on every file of a folder given, or on standard input. Ends with
 * `N passed, 0 failed`; an input on which the target fails ends the program. */
#define _POSIX_C_SOURCE 200809L
#include "fuzz/fuzz.h"

#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t runs;

static void run_stream(FILE *stream)
{
    struct bnf_buf bytes = {0};
    char chunk[65536];
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, stream)) > 0;)
        bnf_buf_add(&bytes, chunk, got);
    /* A block of its own exact size, so that a sanitizer sees a read beyond it. */
    uint8_t *block = bnf_alloc(bytes.size, 1);
    if (bytes.failed || !block)
        bnf_bug("out of memory in a test");
    if (bytes.size)
        memcpy(block, bytes.data, bytes.size);
    (void)LLVMFuzzerTestOneInput(block, bytes.size);
    bnf_free(block);
    bnf_buf_free(&bytes);
    runs++;
}

static bool run_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        fprintf(stderr, "cannot open '%s'\n", path);
        return false;
    }
    /* Not flushed before, the name of an input that ends the program would be lost. */
    fprintf(stdout, "%s\n", path);
    fflush(stdout);
    run_stream(stream);
    fclose(stream);
    return true;
}

static int run_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), failed = count < 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            failed += !run_file(name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2)
        run_stream(stdin);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool is_folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        failed += is_folder ? run_folder(argv[i]) : !run_file(argv[i]);
    }
    printf("%zu passed, %d failed\n", runs, failed);
    return failed != 0;
}
