/* How affine maps pass operators: per operator, what a map behind it is in front of it, and the other way
 * round. Only src/check/transport*.c includes this. */
#ifndef BNF_CHECK_TRANSPORT_H
#define BNF_CHECK_TRANSPORT_H

#include "check/prover.h"

/* An operator that works along some axes and leaves the others as they are. */
struct bnf_axes {
    int rank_in, rank_out;
    int to[BNF_MAP_RANK]; /* per axis of the input, that of the output; -1: the map must not vary along it */
    double gain;          /* a shift comes out multiplied by this */
    bool only_scale;      /* no shift passes */
    bool nonnegative;     /* no negative scale passes */
};

struct bnf_carrier;

/* One of the two nodes that maps are to pass, both of the same operator. */
struct bnf_crossing {
    struct bnf_prover *p;
    struct bnf_side *side;
    struct bnf_arena *arena;
    const struct bnf_carrier *rule;
    bnf_id node, value; /* value: the output that the maps lie on */
    const bnf_id *data; /* inputs that maps pass to */
    size_t branches;
    unsigned way; /* which of the rule's ways back is tried */
};

enum bnf_branches { BNF_FIRST_INPUT, BNF_TWO_INPUTS, BNF_ALL_INPUTS };

/* Ways that a rule may have. */
enum {
    BNF_WAY_OTHER = 1,   /* a product's factor goes to the other operand; a part's map extends to the whole */
    BNF_WAY_CROSSED = 2, /* the candidate's operands change places */
};

struct bnf_carrier {
    const char *op_type;
    enum bnf_branches branches;
    unsigned ways; /* bits of the ways above that make sense */
    /* Maps `in` of the inputs such that op(in ∘ u) = map ∘ op(u). in[] is all NULL when called; map may be NULL
     * where `way` asks for more than identity. False: there are none. */
    bool (*back)(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
    /* The map `out` such that op(in ∘ w) = out ∘ op(w). False: there is none. */
    bool (*forward)(
        const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
    /* For operators along axes; NULL for others. */
    bool (*axes)(const struct bnf_crossing *c, struct bnf_axes *axes);
};

/* The rule for an operator; NULL: there is none. */
const struct bnf_carrier *bnf_carrier_of(const struct bnf_graph *g, bnf_id node);

/* --- helpers of rules --- */

const struct bnf_shape *bnf_crossing_in(const struct bnf_crossing *c, size_t branch);
const struct bnf_shape *bnf_crossing_out(const struct bnf_crossing *c);

/* Are two extents known to be the same? */
bool bnf_same_extent(int64_t a, int64_t b);

/* The map with its axes renamed: axis i becomes to[i]. NULL: it varies along an axis that has no place, or no
 * memory. */
const struct bnf_normal *bnf_move_axes(
    const struct bnf_crossing *c, const struct bnf_normal *map, int rank, const int *to);

/* A map with other extents: every element is taken from `index` of the old one. NULL: no memory, too large. */
struct bnf_normal *bnf_map_like(
    const struct bnf_crossing *c, const struct bnf_normal *map, int rank, const int64_t *dims);
void bnf_map_copy(struct bnf_normal *to, size_t i, const struct bnf_normal *from, size_t k);

/* The integers of a constant input; NULL: it is none, or not of rank 1 (or 0). *count gets how many. */
const int64_t *bnf_crossing_ints(const struct bnf_crossing *c, uint32_t slot, size_t *count);

/* --- the families of rules --- */

bool bnf_carry_axes_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_axes_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
bool bnf_carry_transpose_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_average_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_pool_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_max_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_reduce_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_repeat_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_resize_axes(const struct bnf_crossing *c, struct bnf_axes *axes);
bool bnf_carry_rectifier_axes(const struct bnf_crossing *c, struct bnf_axes *axes);

bool bnf_carry_reshape_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_reshape_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
bool bnf_carry_part_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_part_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
bool bnf_carry_concat_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_concat_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
bool bnf_carry_blocks_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_blocks_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);

bool bnf_carry_sum_back(const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_sum_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);
/* For the two sums (c, in and out are two each): out[] such that the reference's scale is 1, where all inputs of the
 * candidate's have the same scale in the reference's terms. Input k of the reference's belongs to input order[k]. */
bool bnf_carry_sums_evenly(const struct bnf_crossing *c, const struct bnf_normal *const *const *in,
    const size_t *order, struct bnf_tally *tally, const struct bnf_normal **out);
/* Different constants of one shape are different shifts of zeros: what a sum makes of them may be what the other
 * model has behind it. False: they are not. */
bool bnf_shift_zeros(struct bnf_prover *p, struct bnf_arena *arena, const bnf_id value[2],
    const struct bnf_normal *const map[2], const struct bnf_normal *out[2]);
bool bnf_carry_product_back(
    const struct bnf_crossing *c, const struct bnf_normal *map, const struct bnf_normal **in);
bool bnf_carry_product_forward(
    const struct bnf_crossing *c, const struct bnf_normal *const *in, const struct bnf_normal **out);

/* --- transport_pad.c: what is put around a value --- */

/* A Pad with constant arguments. */
struct bnf_padding {
    int rank;
    int64_t pads[2 * BNF_MAP_RANK]; /* begins, then ends */
    bool computed;                  /* they are not constant: none of them is known */
    bool adds;                      /* some of them is positive, or may be */
    bool constant;                  /* mode constant: adds `fill`; else elements of the value */
    double fill;
};

bool bnf_padding_of(const struct bnf_crossing *c, struct bnf_padding *out);
bool bnf_carry_pad_axes(const struct bnf_crossing *c, struct bnf_axes *axes);

/* Do both (c and padding hold two) pad by the same amounts and in the same mode? BNF_UNKNOWN when not. */
enum bnf_outcome bnf_paddings_compare(
    struct bnf_prover *p, const struct bnf_crossing *c, const struct bnf_padding *padding);

#endif
