/* What a running fold knows: the graph, its constants, the constants it rewrote, the sites. Private to src/fold. */
#ifndef BNF_FOLD_STATE_H
#define BNF_FOLD_STATE_H

#include "fold/plan.h"
#include "graph/edit.h"

struct bnf_fold {
    struct bnf_graph *graph;
    const struct bnf_fold_options *options;
    struct bnf_constants constants;
    struct bnf_arena *arena;  /* the model's: lives as long as the result */
    struct bnf_arena scratch; /* the plan's being made */
    atomic_bool *unfit; /* in the arena; every pending weight points to it */
    struct bnf_table pending_index;
    struct bnf_pending **pending; /* constants rewritten so far, by what pending_index says; heap */
    size_t pending_count, pending_capacity;
    struct bnf_table site_index; /* node → site */
    struct bnf_site *sites;      /* heap, like the two that go with them */
    struct bnf_affine *affines;  /* of each site: what it computes now (merged ones included); scale NULL: none */
    bool *rewritten;             /* of each site: its stored parameters no longer say what it computes */
    size_t site_count, site_capacity, affine_capacity, rewritten_capacity;
    uint64_t steps;              /* operators asked in all walks so far */
};

/* The pending constant behind a value that folding made, or NULL. */
struct bnf_pending *bnf_fold_pending(const struct bnf_fold *fold, bnf_id value);

/* True for source constants and for those that folding made. */
bool bnf_fold_is_constant(const struct bnf_fold *fold, bnf_id value);

/* A constant's type and extents, whichever kind it is; its elements come from bnf_fold_read. YES; NO when it is no
 * constant (or cannot be read: *reason says which, with the detail in err's text); negative: BNF_ENOMEM. */
int bnf_fold_tensor(struct bnf_fold *fold, bnf_id value, struct bnf_tensor *out, enum bnf_reason *reason,
    struct bnf_err *err);

/* All elements of a constant in double, in the scratch arena; NULL when memory is out. Only after bnf_fold_tensor. */
double *bnf_fold_read(struct bnf_fold *fold, bnf_id value, size_t count);

/* The pending weight that a node's slot will read: the one that is there already, or a new one over the source bytes.
 * Nothing is edited. Same answers as bnf_fold_tensor. */
int bnf_fold_weight(struct bnf_fold *fold, bnf_id value, struct bnf_block block, struct bnf_pending **out,
    enum bnf_reason *reason, struct bnf_err *err);

/* Remembers what is pending behind a value that folding made. BNF_ENOMEM. */
int bnf_fold_know(struct bnf_fold *fold, bnf_id value, struct bnf_pending *pending, struct bnf_err *err);

/* Makes a node's slot read a pending constant: the value that holds it already, or a fresh one called after
 * `hint`. The slot may be one past the last. */
int bnf_fold_attach(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *pending, const char *hint,
    struct bnf_err *err);

/* The operators' names of "why not" for a dynamic operand: OVERRIDABLE, SPARSE, IN_FUNCTION, or the given one. */
enum bnf_reason bnf_fold_why_dynamic(const struct bnf_fold *fold, bnf_id value, enum bnf_reason otherwise);

/* What reports call the function that a scope is, or lies in: "com.acme.Block", with ":overload" behind it where it has
 * one. NULL outside of functions. In the model's arena; empty when memory is out. */
const char *bnf_fold_function_name(const struct bnf_fold *fold, bnf_id scope);

/* The element type of a value where it is known, else `otherwise`. */
int bnf_fold_dtype(const struct bnf_fold *fold, bnf_id value, int otherwise);

/* Name of a value for hints and sentences. */
const char *bnf_fold_name(const struct bnf_fold *fold, bnf_id value);

/* Adds a node `Mul` or `Add` (op) with value as its first input and a new constant of the given extents as its second;
 * in the old operator sets with the attributes that make it broadcast. *output is fresh unless given. */
int bnf_fold_add_node(struct bnf_fold *fold, bnf_id scope, const char *op, bnf_id input,
    struct bnf_pending *constant, int axis, bnf_id output, bnf_id *node, struct bnf_err *err);

/* The site of a node, or NULL; and its place in the arrays. */
struct bnf_site *bnf_fold_site(const struct bnf_fold *fold, bnf_id node, size_t *index);

/* Reads what a site computes (site.c). YES, NO with the reason in the site, or negative. */
int bnf_site_read(struct bnf_fold *fold, size_t index, struct bnf_err *err);

/* True for standard operators that are linear, or may be, although no rule moves an affine through them. */
bool bnf_is_linear_operator(const char *op_type);

/* True for a constant that an earlier run made: what it left over is no site again, and takes nothing. */
bool bnf_is_leftover(const struct bnf_fold *fold, bnf_id constant);

/* Finds the sites (site.c). */
int bnf_sites_find(struct bnf_fold *fold, struct bnf_err *err);

/* The dynamic input and the constant of a Mul, Add, Sub or Div whose constant is per-channel or a scalar: the affine
 * it computes. NO when it is no such node (silently). */
int bnf_elementwise_read(struct bnf_fold *fold, bnf_id node, uint32_t *slot, struct bnf_affine *affine,
    struct bnf_err *err);

/* Values of a higher rank are not lowered. */
#define BNF_LOWER_RANK 60

/* Lowers what nothing absorbed (lower.c). */
int bnf_lower(struct bnf_fold *fold, size_t index, struct bnf_err *err);

/* What an affine on a value costs at run time, when it is lowered there: bytes read and written, and operations by
 * the bytes that a core moves in the time of one. A batch of one; infinite where extents are not known. */
#define BNF_COST_OPERATION 0.25
double bnf_lower_cost(const struct bnf_fold *fold, bnf_id value, const struct bnf_affine *affine);

/* Makes output (without producer) the affine of input by new nodes, called after output. */
int bnf_lower_between(struct bnf_fold *fold, bnf_id input, bnf_id output, const struct bnf_affine *affine,
    uint32_t position, struct bnf_err *err);

/* Moves a part of a site's affine where that leaves less than lowering the whole (partial.c). YES, NO or negative. */
int bnf_partial(struct bnf_fold *fold, size_t index, struct bnf_err *err);

/* The dynamic operand of a site's node. */
bnf_id bnf_site_input(const struct bnf_fold *fold, const struct bnf_site *site);

/* Adds what a plan did to the steps of its site, when they are traced. */
int bnf_site_trace(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_plan *plan, struct bnf_err *err);
#include "fold/rules.h"

#endif
