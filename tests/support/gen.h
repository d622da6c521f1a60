/* Random valid models of the kind folding is for: the same seed gives the same model on every machine. */
#ifndef BNF_TESTS_GEN_H
#define BNF_TESTS_GEN_H

#include "support/eval.h"
#include "support/make.h"
#include "support/rng.h"

enum { gen_most_values = 96 };

/* A tensor of the network under construction. */
struct gen_value {
    const char *name;
    size_t rank;
    int64_t dims[5]; /* −1: the symbolic batch */
    bool read;       /* some node reads it */
};

struct gen {
    struct make make;
    struct rng rng;
    int dtype;
    int64_t opset;
    struct gen_value values[gen_most_values];
    size_t value_count;
    struct gen_value input;    /* the graph's one input */
    struct gen_value output;   /* the last value, always an output of the graph */
    struct gen_shared *shared; /* constants so far */
    size_t shared_count;
    bool list_initializers; /* among the inputs as well */
    size_t layers;          /* Conv, ConvTranspose, Gemm, MatMul so far */
};

/* A constant that may be read again. */
struct gen_shared {
    const char *name, *role;
    int dtype;
    size_t rank;
    int64_t dims[5];
};

/* What the generator aims at. */
struct gen_options {
    uint64_t seed;
    int dtype;   /* 0: any of float, double, float16 */
    bool simple; /* one chain of layers, each with a BatchNormalization or decomposed affine behind it */
};

/* Makes a model. The caller frees with gen_free. */
void gen_model(struct gen *gen, const struct gen_options *options);
void gen_free(struct gen *gen);

/* A random input for it, from the arena. */
struct eval_tensor gen_input(const struct gen *gen, struct bnf_arena *arena, struct rng *rng);

/* ---- between the generator's files: layers (gen_layer.c) and affines (gen_affine.c) on the value x */

struct gen_value gen_value(struct gen *gen, const char *stem, const int64_t *dims, size_t rank);
Onnx__NodeProto *gen_node(struct gen *gen, const char *op_type, struct gen_value *output);
void gen_reads(struct gen *gen, Onnx__NodeProto *node, const struct gen_value *value);

/* A constant in one of its many guises; returns the name to read. Those of one role, type and extents are
 * shared now and then. */
const char *gen_constant(
    struct gen *gen, const char *role, int dtype, const int64_t *dims, size_t rank, const double *values);

/* A layer with `channels` outputs along axis 1; with `same` the other extents stay. */
struct gen_value gen_layer(struct gen *gen, const struct gen_value *x, int64_t channels, bool same);
struct gen_value gen_batchnorm(struct gen *gen, const struct gen_value *x);
struct gen_value gen_affine(struct gen *gen, const struct gen_value *x);

#endif
