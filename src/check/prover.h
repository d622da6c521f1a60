/* Inside the proof: what its files share. Only src/check includes this.
 *
 * The proof pairs values of the reference with values of the candidate. A pair says that both are the same
 * function of the pairs in front of them; inputs are paired from the start. Whatever is paired is a free
 * variable for what follows, so that a comparison never looks further back than it must. */
#ifndef BNF_CHECK_PROVER_H
#define BNF_CHECK_PROVER_H

#include "check/proof.h"
#include "eval/constant.h"
#include "graph/graph.h"
#include "onnx/schema.h"

enum bnf_outcome { BNF_EQUAL, BNF_DIFFERENT, BNF_UNKNOWN };

#define BNF_MAP_RANK 8

/* y = scale ⊙ x + shift, broadcast into the value. A NULL pointer is the identity. */
struct bnf_normal {
    int rank;                   /* of the value; -1: the same for all elements, whatever the rank, and count is 1 */
    int64_t dims[BNF_MAP_RANK]; /* per axis of the value: 1, or the extent along which the map varies */
    size_t count;               /* elements of the three arrays */
    double *scale, *shift;
    double *size;                          /* sum of the absolute values that shift was summed from */
    bool shifts;                           /* some shift is not zero, or was summed from such */
    unsigned scale_tensors, shift_tensors; /* stored tensors that went into them */
};

#define BNF_LONGEST_CHAIN 32

/* A value, and the values it is an affine map of, one step further back each. */
struct bnf_link {
    bnf_id value;
    const struct bnf_normal *map; /* from this value to the first one */
};

struct bnf_chain {
    struct bnf_side *side;
    struct bnf_link links[BNF_LONGEST_CHAIN];
    unsigned count;
    bool ended;
};

/* What a node is as an affine map of its first dynamic input; found once per node. */
struct bnf_step {
    bnf_id input; /* BNF_NONE: it is none */
    bool broken;  /* it would be one, if its numbers were finite */
    struct bnf_normal map;
};

/* One of the two models, and what the proof remembers about it. */
struct bnf_side {
    struct bnf_graph graph;
    struct bnf_constants constants;
    bnf_id *canon; /* per value: the value behind Identity and the like; BNF_NONE: not looked for yet */
    struct bnf_step **steps; /* per node */
    bool *live;              /* per node: an output depends on it */
    bnf_id *bound;           /* per scope: the other model's scope it is compared with */
    bnf_id *drawn;           /* per node that may draw or keep state: the other model's node it stands for */
    struct bnf_names functions; /* "domain\ntype\noverload" of the model's functions, by index */
    uint8_t *function_purity;   /* per function, once asked */
};

/* What one comparison found out besides its outcome. */
struct bnf_tally {
    double u;      /* worst error of a stored number that was accepted */
    bool changed;  /* not node for node and bit for bit the same */
    bool warn;     /* u is above what passes without a warning */
    bnf_id sub[2]; /* the pair in front whose outcome this one's is; BNF_NONE: the reason lies here */
};

/* A pair that was compared. */
struct bnf_pair {
    bnf_id value[2];
    bool used; /* another comparison rested on it, be it the values' own pair or not: its error counts */
    enum bnf_outcome outcome;
    struct bnf_tally tally;
    bool probed, refutes; /* refutes: probing saw that the outputs differ, if this is a pair of outputs */
    const char *note; /* what probing saw, where it did not make the pair equal; arena of the proof */
    double note_u;    /* k of the note */
};

enum { BNF_REF, BNF_NEW };

struct bnf_prover {
    struct bnf_side side[2];
    struct bnf_proof_options options;
    struct bnf_proof *proof;
    struct bnf_arena arena; /* lives as long as the prover */
    struct bnf_pair *pairs;
    size_t pair_count, pair_capacity;
    struct bnf_table memo;          /* (ref value, new value) → pair */
    struct bnf_table function_memo; /* (ref function, new function) → outcome */
    bnf_id *partner;                /* per new value: the ref value it equals, BNF_NONE */
    bnf_id *suspect; /* per new value: the ref value it seems to stand for, although they differ */
    unsigned depth;
    unsigned extents_depth; /* the same while extents are compared */
    unsigned budget; /* relations that may still be looked for, for the pair at hand */
    size_t relations; /* that were looked for, for all pairs */
    double probed; /* multiplications and additions that probing has cost */
    int status; /* of the first failure; everything stops then */
    struct bnf_err *err;
    bool multiples;  /* weights may be related as multiples of each other, which costs precision: the last resort */
    bool resorts;    /* that might have helped */
    bool explaining; /* a comparison is repeated to put its reason into words */
    char *said;      /* the reason; arena of the proof */
    double said_u;
    const char *vanished; /* the first channel of which nothing was left; arena of the proof */
};

/* --- prover.c: small things all parts need --- */

/* Remembers a failure (the first one) and returns BNF_UNKNOWN. */
enum bnf_outcome bnf_prover_fail(struct bnf_prover *p, int status);

/* Puts the reason of an outcome into words while explaining; the first one said stays. */
void bnf_say(struct bnf_prover *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Half the smallest number is allowed on top of every stored one, but not where nothing is left then of a whole one of `what`, the one
 * with this index. BNF_UNKNOWN: that proves nothing, and what differs behind it for that reason refutes nothing. */
enum bnf_outcome bnf_vanishes(struct bnf_prover *p, const char *what, size_t index, int dtype);

/* The value behind Identity, inference-mode Dropout, Cast to its own type, and Pad by nothing. */
bnf_id bnf_canon(struct bnf_side *side, bnf_id value);

/* The elements of a constant, NULL when it is none (or reading failed: p->status). */
const struct bnf_tensor *bnf_side_constant(struct bnf_prover *p, struct bnf_side *side, bnf_id value);

/* True when two tensors have the same type, dims and bits. */
bool bnf_tensor_same(const struct bnf_tensor *a, const struct bnf_tensor *b);

/* Is an error of k u in what `tensors` stored tensors give acceptable for this element type? Counts it if so.
 */
bool bnf_accept(const struct bnf_prover *p, int dtype, unsigned tensors, double k, struct bnf_tally *tally);

/* The k beyond which bnf_accept says no. */
double bnf_limit(const struct bnf_prover *p, int dtype, unsigned tensors);

/* --- normal.c: affine maps and chains of them --- */

/* The node's affine map and its input; NULL when it is none. */
const struct bnf_step *bnf_step_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value);

/* True for a node that would be an affine map if its numbers gave a finite scale and shift. */
bool bnf_step_is_broken(struct bnf_prover *p, struct bnf_side *side, bnf_id value);

/* True for a BatchNormalization that uses stored statistics: a fixed map of its input. */
bool bnf_is_inference_norm(const struct bnf_graph *graph, bnf_id node);

/* Starts with a value that `map` (may be NULL) lies on. */
void bnf_chain_start(
    struct bnf_chain *chain, struct bnf_side *side, bnf_id value, const struct bnf_normal *map);

/* One link further back; false at the end. */
bool bnf_chain_extend(struct bnf_prover *p, struct bnf_chain *chain, struct bnf_arena *arena);

/* --- room.c: what exact arithmetic does not see --- */

/* Finds a number that the candidate adds to its values and that brings them near the end of their type's range, where
 * nothing that the reference adds or multiplies does: unproved, since what overflows in between is not equal. */
void bnf_look_for_room(struct bnf_prover *p);

/* --- transport_map.c: the algebra of affine maps --- */

/* Makes room for a map of these extents, all zero. False: too large, or no memory (p->status). */
bool bnf_normal_make(
    struct bnf_prover *p, struct bnf_arena *arena, int rank, const int64_t *dims, struct bnf_normal *map);
struct bnf_normal *bnf_normal_new(
    struct bnf_prover *p, struct bnf_arena *arena, int rank, const int64_t *dims);

/* The map that changes nothing, but counts so many stored tensors. NULL: no memory (p->status). */
const struct bnf_normal *bnf_normal_counted(
    struct bnf_prover *p, struct bnf_arena *arena, unsigned scale_tensors, unsigned shift_tensors);

/* True when a map fits into a constant of these extents without widening it. NULL does. */
bool bnf_normal_fits(const struct bnf_normal *map, const struct bnf_tensor *t);

/* Sets `shifts`. False when a number is not finite: then it is no map that anything could be proved with. */
bool bnf_normal_settle(struct bnf_normal *map);

/* The one axis along which a map varies; -1: none, -2: several. */
int bnf_normal_axis(const struct bnf_normal *map);

/* outer ∘ inner in the arena. False: extents that do not fit, not finite, or no memory (p->status). */
bool bnf_normal_compose(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *outer,
    const struct bnf_normal *inner, const struct bnf_normal **out);

/* The map as a scale, and a shift behind it; NULL for either that changes nothing. False: no memory
 * (p->status). */
bool bnf_normal_part(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    const struct bnf_normal **scale, const struct bnf_normal **shift);

/* The map as a shift, and a scale behind it: x ↦ scale ⊙ (x + shift/scale). False where the scale is zero and the
 * shift is not, or when that is not finite, or no memory (p->status). */
bool bnf_normal_offset(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    const struct bnf_normal **scale, const struct bnf_normal **offset);

/* The map as a change of sign and the rest, of which no scale is negative: the sign in front of the rest, or
 * behind it. The shift stays with what comes last. False: no memory (p->status). */
bool bnf_normal_sign(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map, bool behind,
    const struct bnf_normal **size, const struct bnf_normal **sign);

/* Finds the shift along one axis that makes of `new`, a shift, the shift `ref`. False: there is none. */
bool bnf_normal_difference(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *ref,
    const struct bnf_normal *new, int axis, int dtype, struct bnf_tally *tally, const struct bnf_normal **out);

/* The same map with extent 1 on every axis along which it does not vary. NULL: no memory (p->status). */
const struct bnf_normal *bnf_normal_tidy(
    struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map);

/* True when no scale is negative. */
bool bnf_normal_is_nonnegative(const struct bnf_normal *map);

/* True when some scale is 0. */
bool bnf_normal_vanishes(const struct bnf_normal *map);

/* Compares two maps of the same value. */
enum bnf_outcome bnf_normal_compare(struct bnf_prover *p, const struct bnf_normal *ref,
    const struct bnf_normal *new, int dtype, struct bnf_tally *tally);

/* True when two maps are one and the same but for shifts that are off by a little more than is allowed: then that is
 * what they are, and no shift that was moved. */
bool bnf_normal_nearly(
    const struct bnf_prover *p, const struct bnf_normal *ref, const struct bnf_normal *new, int dtype);

/* True when two maps have the same extents, and bit for bit the same scales and shifts. */
bool bnf_normal_same(const struct bnf_normal *a, const struct bnf_normal *b);

/* Element i of a map's arrays, for uniform and absent maps too. */
double bnf_scale_at(const struct bnf_normal *map, size_t i);
double bnf_shift_at(const struct bnf_normal *map, size_t i);
double bnf_size_at(const struct bnf_normal *map, size_t i);

/* Goes through the elements of an array of the given extents, in order, and says which elements of two maps
 * belong to each. */
struct bnf_twin {
    int rank;
    int64_t dims[BNF_MAP_RANK], index[BNF_MAP_RANK];
    size_t stride[2][BNF_MAP_RANK], at[2];
};

void bnf_twin_start(struct bnf_twin *walk, int rank, const int64_t *dims, const struct bnf_normal *a,
    const struct bnf_normal *b);
void bnf_twin_next(struct bnf_twin *walk);

/* The extents that both maps (either may be NULL) broadcast to. False: they do not fit. */
bool bnf_normal_extents(
    const struct bnf_normal *a, const struct bnf_normal *b, int *rank, int64_t dims[BNF_MAP_RANK]);

/* --- transport_terms.c: one map in terms of another --- */

/* The candidate's map in terms of what the reference's makes of the function they share, and what is left of the
 * reference's then: sizes. False: a scale is zero. */
bool bnf_normal_terms(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *const map[2],
    const struct bnf_normal *out[2]);

/* The same where what is added to a multiple of the reference's map varies along one axis only: then nothing is left of
 * the reference's. */
bool bnf_normal_terms_along(struct bnf_prover *p, struct bnf_arena *arena,
    const struct bnf_normal *const map[2], int axis, int dtype, struct bnf_tally *tally,
    const struct bnf_normal *out[2]);

/* The same where one map is a multiple of the other, element for element (axis -1) or along one axis: then nothing but
 * the factors is left. Scales may be zero. False: it is no multiple. */
enum bnf_multiple { BNF_NEW_IS_MULTIPLE, BNF_REF_IS_MULTIPLE };
bool bnf_normal_multiple(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *const map[2],
    enum bnf_multiple which, int axis, int dtype, struct bnf_tally *tally, const struct bnf_normal *out[2]);

/* Are two maps of the candidate's, both made of stored numbers, the same? */
bool bnf_normal_agree(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *first,
    const struct bnf_normal *second, int dtype, struct bnf_tally *tally);

/* --- transport.c: maps through operators --- */

/* Finds maps out[] such that map[REF] ∘ ref = out[REF] ∘ w and map[NEW] ∘ new = out[NEW] ∘ w for one and the
 * same function w. map[] may be NULL. Goes back through affine steps, through operators that maps pass, and
 * takes scales into the weights of what computes the values. BNF_DIFFERENT: the cones have the same structure,
 * and a stored number differs. */
enum bnf_outcome bnf_relate(struct bnf_prover *p, const bnf_id value[2], const struct bnf_normal *const map[2],
    struct bnf_arena *arena, const struct bnf_normal *out[2], struct bnf_tally *tally);

/* The same for two values that are no affine steps of others. */
enum bnf_outcome bnf_relate_ends(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally);

/* True when some maps pass the operator that computes a value. */
bool bnf_passes_maps(const struct bnf_graph *g, bnf_id value);

/* --- transport_pad.c: what is put around a value --- */

/* Both models surround a value with one number, `fill`, which a map (outer; NULL: none) acts on as well. In
 * front of `map` it must be the same number in both. */
enum bnf_outcome bnf_fills_compare(struct bnf_prover *p, struct bnf_arena *arena, const double fill[2],
    const struct bnf_normal *const outer[2], const struct bnf_normal *const map[2], int dtype,
    struct bnf_tally *tally);

/* Takes the Pads in front of a convolution for padding of its own: those that fill with one number, or all. */
struct bnf_core;
void bnf_core_unwrap(
    struct bnf_prover *p, struct bnf_side *side, struct bnf_arena *arena, bool all, struct bnf_core *core);

/* --- layers.c: other operators with stored parameters --- */

/* Compares map[REF] ∘ ref with map[NEW] ∘ new for values that the same operator computes from stored parameters,
 * as effective parameters. BNF_UNKNOWN: no such operator, or the maps do not fit it. */
enum bnf_outcome bnf_layer_compare(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], int dtype, struct bnf_tally *tally);

/* The same, but finds maps behind a function that both share, as bnf_relate does. */
enum bnf_outcome bnf_layer_relate(struct bnf_prover *p, const bnf_id end[2],
    const struct bnf_normal *const map[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally);

/* --- layers_quant.c: weights stored as integers --- */

struct bnf_quant;

/* Constants that an operator may have as weights: float ones, or a DequantizeLinear of constants. NULL: the value is
 * none. *dtype is the type of the weights. */
const struct bnf_tensor *bnf_weights_of(
    struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_quant *quant, int *dtype);

/* True when the value is a constant, or a DequantizeLinear of constants. */
bool bnf_are_weights(struct bnf_side *side, bnf_id value);

/* Elements first … first+count-1; not a number where `quant` is broken. quant may be NULL. */
void bnf_weights_read(
    const struct bnf_tensor *t, const struct bnf_quant *quant, size_t first, size_t count, double *out);

/* True when the same integers stand for the same weights. */
bool bnf_quant_same(const struct bnf_quant *a, const struct bnf_quant *b);

/* --- linear.c: operators with weights --- */

/* How integers stand for weights, scale·(q − zero): one number each for all, for every channel of an axis, or for every
 * block along it. */
struct bnf_quant {
    const struct bnf_tensor *scale, *zero; /* scale NULL: they are no integers; zero NULL: 0 */
    size_t extent, run; /* of the axis; elements behind one step along it */
    size_t block;       /* steps that share a number; 0: no blocks */
    bool broken;        /* the numbers do not lie on the integers: there are no weights */
};

/* A Conv, ConvTranspose, Gemm or MatMul with constant weights. The weight tensor is seen as rows × cols
 * elements: one of the two directions runs over output channels, the other over input channels and what lies
 * between. */
struct bnf_core {
    enum bnf_core_kind { BNF_CORE_CONV, BNF_CORE_CONV_TRANSPOSE, BNF_CORE_PRODUCT } kind;
    bnf_id node, data;
    const struct bnf_tensor *weight, *bias; /* bias NULL: none */
    struct bnf_quant weight_quant, bias_quant;
    int dtype;                              /* of the weights, dequantized ones too: whose u counts */
    double alpha, beta;                     /* of Gemm; 1 for others */
    bool trans_a;                           /* Gemm */
    bool weight_left;                       /* MatMul(weight, data) */
    int in_axis, out_axis;                  /* of data and of the result; -2: not known */
    size_t in_channels, out_channels, groups;
    size_t rows, cols;
    size_t row_channels; /* channels that rows run over; rows is a multiple */
    size_t inner;        /* elements of a row per channel of the columns */
    bool rows_out;       /* rows are output channels, columns input channels */
    bool pads_unknown;   /* what auto_pad amounts to depends on extents that are not known */
    bool passes_shift;   /* no implicit padding: a shift in front is a bias behind */
    bool unwrapped;      /* a Pad in front counts as padding of its own: */
    double fill;         /* what it fills with */
    bool mixed;          /* there are several, and they fill with different numbers */
    int64_t around[2 * BNF_MAP_RANK]; /* by how much, begins first */
};

/* Recognizes the operator that computes a value. */
bool bnf_core_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core);

/* Compares post[REF] ∘ core[REF] with post[NEW] ∘ core[NEW]. post must fit bnf_core_takes. */
enum bnf_outcome bnf_core_compare(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_tally *tally);

/* The same, but what is added behind the weights is not compared: out[] are such additions, and whatever of
 * post does not fit the weights, as in bnf_relate. */
enum bnf_outcome bnf_core_relate(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_arena *arena, const struct bnf_normal *out[2],
    struct bnf_tally *tally);

/* True when a map of the result lies on its output channels. */
bool bnf_core_takes(const struct bnf_core *core, const struct bnf_normal *post);

/* The same for a map of the data, on its input channels. */
bool bnf_core_receives(const struct bnf_core *core, const struct bnf_normal *pre);

/* Are they the same kind of operator, with weights of the same shape? */
enum bnf_outcome bnf_core_kinds_compare(struct bnf_prover *p, const struct bnf_core core[2]);

/* --- fits.c --- */

/* True when the weights of a node (BNF_NONE: no) contradict each other or its input; says how. */
bool bnf_misfits(struct bnf_prover *p, struct bnf_side *side, bnf_id node, char *text, size_t room);

/* True when such a node computes a value of the candidate, and the reference has none such: no implementation would run
 * what was well before. */
bool bnf_is_malformed(struct bnf_prover *p, bnf_id value, char *text, size_t room);

/* --- linear_compare.c: effective coefficients --- */

/* --- geometry.c: how a window slides --- */

/* Do two cores of the same kind slide, pad and group alike, and have weights of the same shape? */
enum bnf_outcome bnf_geometry_compare(struct bnf_prover *p, const struct bnf_core core[2]);

/* Fills groups, passes_shift and the like of a convolution; false when it is malformed. */
bool bnf_geometry_read(struct bnf_side *side, struct bnf_core *core);

/* True when the window is one element that visits each element once: strides 1, no padding. */
bool bnf_geometry_is_pointwise(const struct bnf_graph *graph, bnf_id node, const struct bnf_tensor *weight);

/* --- coefficients.c: the stored numbers --- */

/* A weight tensor with a factor for each row and each column. */
struct bnf_weights {
    const struct bnf_tensor *tensor;
    const struct bnf_quant *quant; /* NULL: none */
    const double *row; /* rows factors, or NULL: 1 */
    const double *col; /* groups × cols factors, or NULL: 1 */
};

struct bnf_worst {
    double u;     /* worst error, in u; infinite when something is not finite */
    size_t index; /* of the element in the reference's tensor */
    double expected, found;
};

/* The worst error of new's elements against ref's, in u of the element type. `layout` is the reference's
 * core; with `transposed` new is stored cols × rows. Stops early once an error is beyond `stop`. BNF_OK or
 * BNF_ENOMEM. */
int bnf_weights_compare(const struct bnf_core *layout, const struct bnf_weights *ref,
    const struct bnf_weights *new, bool transposed, double stop, unsigned threads, struct bnf_worst *worst);

/* What is less than this becomes nothing in the reference as well, when it runs on inputs up to 2^23. */
double bnf_least_that_counts(int dtype);

/* Smaller numbers are rounded more coarsely than by the type's u. */
double bnf_coarse_below(int dtype);

/* Finds an output channel with weights in ref and none but zeros in new: what is allowed for numbers next to nothing would
 * let it vanish. SIZE_MAX: there is none. BNF_OK or BNF_ENOMEM. */
int bnf_weights_vanish(const struct bnf_core *layout, const struct bnf_weights *ref, const struct bnf_weights *new,
    bool transposed, size_t *channel);

/* The error of one number against its exact value, relative to `size`, in u of the type. Half the smallest
 * subnormal number is allowed on top, `factor` times when the number was stored before it was multiplied by
 * that (if above 1). */
double bnf_error_in_u(int dtype, double exact, double found, double size, double factor);

/* out[o] += Σ weight · shift[i] over the input channels i that reach output channel o, and the same with
 * absolute values and `size` into out_size. False: no memory. */
bool bnf_weights_shift(
    const struct bnf_core *core, const struct bnf_normal *pre, double *out, double *out_size);

/* What the candidate's weights, stored like the reference's, are times those, by the largest of each output channel or, with
 * `uniform`, of all; for a channel of weights next to nothing, by what is added to them (a number per channel, or NULL: not
 * known). False: that is not known. */
bool bnf_weights_factors(const struct bnf_core *core, const struct bnf_weights weights[2],
    const double *const added[2], bool uniform, double *factor);

/* Group of a row, and channel of an element on the columns' side. */
size_t bnf_core_group(const struct bnf_core *core, size_t row);
size_t bnf_core_col_channel(const struct bnf_core *core, size_t row, size_t col);

/* --- layers_einsum.c --- */

/* Are the equations of two Einsums the same but for blanks, and for an output that is implied? */
bool bnf_same_equations(const Onnx__NodeProto *ref, const Onnx__NodeProto *new);

/* --- operators.c: is it the same operator? --- */

/* Domain, type, overload, version, attributes after defaults, functions by their bodies; not inputs, not
 * bodies. */
enum bnf_outcome bnf_operator_compare(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* The scope of the model's function that a node calls; BNF_NONE: it calls none. */
bnf_id bnf_called_scope(const struct bnf_side *side, bnf_id node);

/* Compares the functions that two nodes call, by what their bodies compute; equal where neither calls one. */
enum bnf_outcome bnf_called_compare(struct bnf_prover *p, const bnf_id node[2], struct bnf_tally *tally);

/* Two calls with different arguments: might another body make up for that? Not where what the arguments differ in lies
 * in a function as well, behind a call with equal arguments. */
bool bnf_called_makes_up(struct bnf_prover *p, const bnf_id node[2]);

/* PURE: the result follows from inputs and attributes. STRANGE: nobody here knows. DRAWS: random. */
enum bnf_purity { BNF_PURE = 1, BNF_STRANGE, BNF_DRAWS };
enum bnf_purity bnf_purity_of(struct bnf_prover *p, struct bnf_side *side, bnf_id node);

/* Two constants of the same type and shape, each under a map of its own (NULL: none). new: the candidate's value. */
enum bnf_outcome bnf_mapped_constants_compare(struct bnf_prover *p, bnf_id new, const struct bnf_tensor *const t[2],
    const struct bnf_normal *const map[2], struct bnf_tally *tally);

/* Two constants that are no numbers: strings, sparse tensors, types without values here. */
enum bnf_outcome bnf_other_constant_compare(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* --- extents.c --- */

/* True when the two values certainly have the same extents, whatever their numbers. */
bool bnf_same_extents(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* --- match.c: pairs --- */

/* Are two values equal? Remembered. bnf_try only looks; with bnf_equal the answer is about to be used. */
enum bnf_outcome bnf_try(struct bnf_prover *p, bnf_id ref, bnf_id new);
enum bnf_outcome bnf_equal(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* The remembered pair; NULL when they were not compared. */
const struct bnf_pair *bnf_pair_of(const struct bnf_prover *p, bnf_id ref, bnf_id new);

/* Declares two values the same free variable. */
void bnf_pair_variables(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* Overwrites a remembered pair with what probing found. */
void bnf_settle(struct bnf_prover *p, bnf_id ref, bnf_id new, enum bnf_outcome outcome,
    const struct bnf_tally *tally, bool refutes, const char *note, double note_u);

/* Goes back on both chains in step until a pair is found that is known to be equal; false when there is none,
 * with the chains as long as they get. */
bool bnf_meet(struct bnf_prover *p, struct bnf_chain chain[2], struct bnf_arena *arena, unsigned link[2]);

/* Equality of one input slot; both may be empty. */
enum bnf_outcome bnf_slot_compare(struct bnf_prover *p, bnf_id ref, bnf_id new, uint32_t slot);

/* Repeats the comparison of a pair with words. */
void bnf_explain_pair(struct bnf_prover *p, bnf_id ref, bnf_id new);

/* --- proof.c --- */

/* Follows a failed comparison back to where its reason lies; `to_note`: or to the first pair with a note. */
const struct bnf_pair *bnf_root_cause(const struct bnf_prover *p, const struct bnf_pair *pair, bool to_note);

/* --- pairing.c: which values to compare --- */

/* Pairs the values of a scope in the candidate's order with values of the scope it is bound to. */
void bnf_pair_scope(struct bnf_prover *p, bnf_id ref_scope, bnf_id new_scope);

/* Binds two bodies, pairs their inputs and values, and compares their outputs, all by position. */
enum bnf_outcome bnf_scope_compare(
    struct bnf_prover *p, bnf_id ref_scope, bnf_id new_scope, struct bnf_tally *tally);

#endif
