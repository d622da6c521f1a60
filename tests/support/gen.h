/* Random valid models of the kind folding is for: the same seed gives the same model on every machine. */
#ifndef BNF_TESTS_GEN_H
#define BNF_TESTS_GEN_H

#include "support/eval.h"
#include "support/make.h"
#include "support/rng.h"

enum { gen_most_values = 320 };

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
    /* of the wide kind only */
    size_t first_shared; /* constants in front of it cannot be seen from the scope under construction */
    size_t depth;        /* of bodies and functions */
    bool only_nodes;     /* no initializers: in functions, and before IR 4 in bodies */
    const char *flag;    /* the bool input, once there is one */
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
    bool notes;  /* every value has a value_info */
    bool wide;   /* every operator of the catalogue instead, with several inputs, bodies and functions */
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

/* ---- what the wide kind adds */

/* Elements of a value, those of one sample when the batch is a symbol. */
int64_t gen_volume(const struct gen_value *x);

/* Would a layer with so many outputs on this value, or an affine, have a weight that is not too large? */
bool gen_layer_fits(const struct gen_value *x, int64_t channels);
bool gen_affine_fits(const struct gen_value *x);

/* A node that reads x and writes *output. */
Onnx__NodeProto *gen_from(
    struct gen *gen, const char *op_type, struct gen_value *output, const struct gen_value *x);

/* The same with a list of integers: an attribute of this name, or from the operator set `since` on the next
 * input. */
Onnx__NodeProto *gen_with(struct gen *gen, const char *op_type, struct gen_value *output,
    const struct gen_value *x, const char *name, const int64_t *numbers, size_t count, int64_t since);

/* One output more for a node. */
void gen_also(struct gen *gen, Onnx__NodeProto *node, const char *output);

/* Constants that nobody shares: integers, and random numbers of the model's type. */
const char *gen_indices(struct gen *gen, const int64_t *numbers, size_t count);
const char *gen_random(
    struct gen *gen, const char *role, const int64_t *dims, size_t rank, double low, double high);

/* One more input of the graph. */
const char *gen_extra_input(struct gen *gen, const char *stem, int dtype, const int64_t *dims, size_t rank);

/* gen_wide.c: the mix. `norm` is a BatchNormalization or decomposed affine, `pass` what an affine may have to
 * get past, `same` some steps (at least one) that keep the extents. */
void gen_wide(struct gen *gen, const struct gen_options *options);
struct gen_value gen_norm(struct gen *gen, const struct gen_value *x);
struct gen_value gen_pass(struct gen *gen, const struct gen_value *x);
struct gen_value gen_same(struct gen *gen, const struct gen_value *x);
struct gen_value gen_any_layer(struct gen *gen, const struct gen_value *x);

/* gen_through.c: transposing, reshaping and the like; gen_window.c: pools, pads, resizing; gen_absorb.c:
 * norms, einsum, quantized layers, and things with inputs of their own; gen_recurrent.c; gen_branch.c;
 * gen_scope.c: bodies of If and functions. Where something does not suit x, they give something else, or x.
 */
struct gen_value gen_quantized(struct gen *gen, const struct gen_value *x);
struct gen_value gen_pointwise(struct gen *gen, const struct gen_value *x);
struct gen_value gen_through(struct gen *gen, const struct gen_value *x);
struct gen_value gen_window(struct gen *gen, const struct gen_value *x);
struct gen_value gen_absorb(struct gen *gen, const struct gen_value *x);
struct gen_value gen_recurrent(struct gen *gen, const struct gen_value *x);
struct gen_value gen_branch(struct gen *gen, const struct gen_value *x);
struct gen_value gen_scope(struct gen *gen, const struct gen_value *x);

/* Parts of these that others need. */
struct gen_value gen_transpose(struct gen *gen, const struct gen_value *x, const int64_t *order);
struct gen_value gen_slice(
    struct gen *gen, const struct gen_value *x, size_t axis, int64_t start, int64_t count, int64_t step);
struct gen_value gen_unary(struct gen *gen, const struct gen_value *x, const char *op_type);

/* gen.c: the outputs of the graph, and value_info. */
void gen_end(struct gen *gen, const struct gen_options *options);

#endif
