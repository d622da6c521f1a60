/* Makes a failing model smaller, as long as it fails in the same way. */
#ifndef BNF_TESTS_SHRINK_H
#define BNF_TESTS_SHRINK_H

#include "support/make.h"

/* True when a model shows what is looked for. */
typedef bool shrink_test(const struct packed *model, void *context);

/* The smallest model found that passes the test, on the heap: inner values become outputs or inputs, nodes
 * are left out where their input has their output's shape. */
struct packed shrink(const struct packed *model, shrink_test *test, void *context);

/* The operators of a model, "Conv Transpose BatchNormalization"; bodies in braces. */
void shrink_pattern(const struct packed *model, char *text, size_t room);

/* Writes the model as ONNX-JSON. */
void shrink_save(const struct packed *model, const char *path);

#endif
