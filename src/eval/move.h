/* Moving elements as they are. The operators declared here give the same result in both arms and are written
 * once: they copy elements by size (4 or 8 bytes) whatever these mean. */
#ifndef BNF_EVAL_MOVE_H
#define BNF_EVAL_MOVE_H

#include "eval/operator.h"

#define BNF_MOVE(name) int bnf_move_##name(struct bnf_call *call);
#include "eval/move.def"
#undef BNF_MOVE

/* ---- inputs and attributes ---- */

/* Input `slot`, which has to be a tensor. BNF_EINPUT. */
int bnf_move_input(struct bnf_call *call, size_t slot, struct bnf_array **out);

/* The same for a tensor of integers. BNF_EINPUT. */
int bnf_move_integers(struct bnf_call *call, size_t slot, struct bnf_array **out);

/* Integers of any number from an attribute or else an input (SIZE_MAX: from the attribute only); borrowed.
 * *count is SIZE_MAX when both are absent. BNF_EINPUT. */
int bnf_move_list(
    struct bnf_call *call, const char *attribute, size_t slot, const int64_t **list, size_t *count);

/* The number in an input of one element, integer or floating (then cut towards zero); the fallback when the
 * input is absent. BNF_EINPUT. */
int bnf_move_scalar(struct bnf_call *call, size_t slot, int64_t fallback, int64_t *out);

/* The axis in the attribute "axis", counted from the front. BNF_EINPUT. */
int bnf_move_axis(struct bnf_call *call, int64_t fallback, size_t rank, size_t *out);

/* A new output of the type of `from`, elements not set; NULL as bnf_call_output. */
void *bnf_move_output(
    struct bnf_call *call, size_t slot, const struct bnf_array *from, size_t rank, const int64_t *dims);

/* Output 0 is the array itself. BNF_OK. */
int bnf_move_same(struct bnf_call *call, struct bnf_array *array);

/* ---- elements ---- */

/* Bytes of one element: 4 or 8. */
size_t bnf_move_size(const struct bnf_array *array);

/* Product of extents first … end-1. */
size_t bnf_move_product(const int64_t *dims, size_t first, size_t end);

/* Brings an index (negative: from the end) into 0 … extent-1; false when it is outside. */
bool bnf_move_index(int64_t index, int64_t extent, size_t *out);

/* Strides, in elements, of a dense array with these extents. */
void bnf_move_strides(size_t rank, const int64_t *dims, int64_t *strides);

/* The zero of the array's kind: 0, 0.0 or "", as bytes of one element. */
void bnf_move_zero(const struct bnf_array *array, void *element);

/* Sets count elements of size bytes. */
void bnf_move_fill(void *to, const void *element, size_t size, size_t count);

/* to[Σ iₖ·to_strides[k]] = from[Σ iₖ·from_strides[k]] for all i below dims; strides in elements, of any sign,
 * 0 repeats. */
struct bnf_copy {
    void *to;
    const void *from;
    size_t size; /* of an element */
    size_t rank;
    int64_t dims[bnf_most_rank], to_strides[bnf_most_rank], from_strides[bnf_most_rank];
};

/* Does it, in parallel when it is large. Merges axes in place: the description is used up. */
void bnf_move_copy(struct bnf_copy *copy, unsigned threads);

/* to[i₀, i₁ …] = from[map₀[i₀], map₁[i₁] …], or *fill where a map says -1. `to` is dense. */
struct bnf_pick {
    void *to;
    const void *from, *fill;
    size_t size; /* of an element */
    size_t rank;
    int64_t dims[bnf_most_rank];         /* of `to` */
    int64_t from_strides[bnf_most_rank]; /* in elements */
    const int64_t *maps[bnf_most_rank];  /* dims[k] positions on axis k of `from`; NULL: the identity */
};

/* Does it, in parallel when it is large. */
void bnf_move_pick(const struct bnf_pick *pick, unsigned threads);

/* ---- positions ---- */

/* Where each index of GatherElements or ScatterElements points in x, as an offset in elements; from the
 * call's arena. BNF_EINPUT for indices outside x. */
int bnf_move_offsets(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *indices,
    size_t axis, size_t **out);

/* Where each index tuple of GatherND or ScatterND points in x: `count` blocks of `block` elements. */
struct bnf_tuples {
    size_t *offsets; /* in elements */
    size_t count, block;
};

/* Finds them, after `batch` axes that data and indices share; from the call's arena. BNF_EINPUT for indices
 * outside x. */
int bnf_move_tuples(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *indices,
    size_t batch, struct bnf_tuples *out);

#endif
