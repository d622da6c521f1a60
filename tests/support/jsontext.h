/* ONNX-JSON texts read and written. Every text lies in a heap block of its exact size, so that a sanitizer
 * sees a reader that runs past its end. */
#ifndef BNF_TESTS_JSONTEXT_H
#define BNF_TESTS_JSONTEXT_H

#include "base/buf.h"
#include "onnx/model.h"

/* A model that is to be read from this text, and the end of it. */
void json_begin(struct bnf_model *model, const void *text, size_t size);
void json_end(struct bnf_model *model);

/* What saving writes, or the error's sentence; the caller frees the buffer. */
struct bnf_buf json_save(const struct bnf_model *model, bool lossy, int *status);

/* Fails unless saving gives this status and this text, or sentence. */
void json_expect_saved(const struct bnf_model *model, bool lossy, int status, const char *expected);

#endif
