/* One call of one operator of the evaluator, filled in by a test; and random windows for those that slide.
 * Failures are cmocka's. */
#ifndef BNF_TESTS_RIG_H
#define BNF_TESTS_RIG_H

#include "support/rng.h"

#include "eval/array.h"
#include "onnx/dtype.h"

#include "onnx.pb-c.h"

enum { rig_most_inputs = 4, rig_most_attributes = 12, rig_most_ints = 6 };

struct rig {
    struct rng rng;
    struct bnf_budget budget;
    struct bnf_arena arena;
    struct bnf_err err;
    enum bnf_precision precision;
    Onnx__NodeProto node;
    Onnx__AttributeProto attribute[rig_most_attributes], *pointer[rig_most_attributes];
    int64_t ints[rig_most_attributes][rig_most_ints];
    struct bnf_array *in[rig_most_inputs], *out[2];
    size_t input_count;
};

void rig_init(struct rig *r, uint64_t seed, enum bnf_precision precision);

/* Frees everything; what an operator took as scratch must be back in the budget. */
void rig_free(struct rig *r);

/* Attributes; text is borrowed. */
void rig_int(struct rig *r, const char *name, int64_t value);
void rig_float(struct rig *r, const char *name, float value);
void rig_text(struct rig *r, const char *name, const char *text);
void rig_ints(struct rig *r, const char *name, size_t count, const int64_t *values);

/* The next input: random integers from low to high, in the rig's precision for floating types. */
struct bnf_array *rig_input(struct rig *r, int dtype, size_t rank, const int64_t *dims, int low, int high);

/* Runs the operator of the table with some number of threads; its answer. */
int rig_run(struct rig *r, const char *type, int64_t opset, size_t outputs);

/* Elements as doubles. */
double rig_get(const struct bnf_array *a, size_t index);
void rig_put(struct bnf_array *a, size_t index, double value);

void rig_assert_dims(const struct bnf_array *y, size_t rank, const int64_t *dims);

/* Within a few units of rounding of the rig's precision. */
void rig_assert_near(double found, double expected, const struct rig *r);

/* Calls `one` for COUNT / part seeds from SEED on, in both precisions. */
void rig_repeat(void (*one)(uint64_t seed, enum bnf_precision precision), unsigned long long part);

/* A window over up to three axes; those not in use come last and are of extent 1. */
struct geometry {
    size_t spatial;
    int64_t in[3], kernel[3], stride[3], dilation[3], begin[3], end[3], out[3];
    bool ceil; /* asked for, and not yet in `out` */
};

/* Draws one that the input has room for and sets its attributes. One that widens may be as wide as the input. */
void geometry_draw(struct rig *r, struct geometry *g, int most_in, int most_pad, bool dilated, bool widens);

/* The element of a plane of `in` under tap `k` of the window at `o`; -1 in the padding. */
int64_t geometry_under(const struct geometry *g, const int64_t o[3], const int64_t k[3]);

int64_t geometry_volume(const int64_t extents[3]);

/* Steps to the next of all indices below the extents; false after the last. */
bool indices_next(size_t rank, int64_t *index, const int64_t *extents);

#endif
