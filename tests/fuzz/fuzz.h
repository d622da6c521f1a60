/* What the fuzz targets share. A target is a file with LLVMFuzzerTestOneInput; it returns whatever the input is, and
 * ends the program when bnfold breaks a promise on it. */
#ifndef BNF_TESTS_FUZZ_H
#define BNF_TESTS_FUZZ_H

#include "onnx/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A new nameless file with these bytes; its path, good for any reader, goes to `path`. The caller closes the
 * descriptor. */
struct fuzz_file {
    int descriptor;
    char path[32];
};
struct fuzz_file fuzz_file(const void *data, size_t size);

/* Loads bytes as a model, saves it in both formats, loads and saves what was saved, and builds the graph. */
void fuzz_model(const uint8_t *data, size_t size);

/* What a failed call owes: a status of the list, and a sentence of UTF-8 without control characters or full stop. */
void fuzz_failure(int status, const char *sentence);

/* Saves a model to a new file. False when it cannot be said in this format, with a proper sentence. */
bool fuzz_save(const struct bnf_model *model, enum bnf_format format, struct fuzz_file *out);

/* Do the two files hold the same bytes? */
bool fuzz_same(const struct fuzz_file *a, const struct fuzz_file *b);

struct bnfold_report;
/* Prints a report in every format to nowhere and frees it. Returns its exit status. */
int fuzz_print(struct bnfold_report *report);

#endif
