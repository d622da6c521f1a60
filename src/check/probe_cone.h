/* Cones of affine operators, and models that compute nothing but such a cone. Only the probing includes this.
 */
#ifndef BNF_CHECK_PROBE_CONE_H
#define BNF_CHECK_PROBE_CONE_H

#include "check/prover.h"
#include "eval/eval.h"

/* What an input slot is to an operator that is affine in its computed inputs. */
enum bnf_role {
    BNF_ROLE_ABSENT,
    BNF_ROLE_COMPUTED, /* the map's argument */
    BNF_ROLE_FACTOR,   /* stored numbers that arguments are multiplied with */
    BNF_ROLE_SHIFT,    /* stored numbers that are added */
    BNF_ROLE_CENTER,   /* stored numbers that are subtracted before the factor: a BatchNormalization's mean */
    BNF_ROLE_FIXED,    /* shapes, indices, and what only positive numbers are made of */
};

/* The roles of a node's inputs (room for input_count). False when the node is not affine by definition in its
 * computed inputs together. *rough is set when its own coefficients may be negative, so that a sum of sizes
 * is no bound. */
bool bnf_affine_roles(
    struct bnf_prover *p, struct bnf_side *side, bnf_id node, enum bnf_role *roles, bool *rough);

enum { bnf_most_leaves = 16, bnf_most_cone = 256, bnf_most_slots = 64 };

/* The nodes between a value and the leaves it is computed from. */
struct bnf_cone {
    struct bnf_side *side;
    bnf_id root;
    bnf_id nodes[bnf_most_cone]; /* in topological order */
    size_t count;
    bnf_id leaves[bnf_most_leaves];
    size_t variable[bnf_most_leaves]; /* which free variable a leaf is: equal values are the same */
    size_t leaf_count;
    unsigned factors, shifts; /* most stored tensors that a coefficient, or what is added, is a product of */
    bool rough;
};

/* Finds the cones of a pair between itself and leaves that correspond. False: there are none, or some
 * operator in them is not affine. *variables gets the number of variables; cone[0].leaves hold at least one
 * leaf of each. */
bool bnf_cones_find(struct bnf_prover *p, bnf_id ref, bnf_id new, struct bnf_cone cone[2], size_t *variables);

/* True when every number in the cone is finite. */
bool bnf_cone_is_finite(struct bnf_prover *p, const struct bnf_cone *cone);

/* A variable's extents while probing. */
struct bnf_extents {
    size_t rank, count;
    int64_t dims[bnf_most_rank];
};

/* Per axis of a leaf: how many elements the cone looks into it. */
struct bnf_reach {
    int64_t of[bnf_most_rank];
};

/* Finds them for all leaves. False: no memory, or a constant cannot be read (p->status). */
bool bnf_cone_reach(struct bnf_prover *p, const struct bnf_cone *cone, struct bnf_reach *reach);

enum { bnf_trial_sizes = 1, bnf_trial_linear = 2 };

/* A cone as a model of its own, ready to run. With bnf_trial_sizes all terms are replaced by their absolute
 * values, with bnf_trial_linear nothing is added: what remains are the coefficients. */
struct bnf_trial {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval;
    size_t leaf_count;
    size_t variable[bnf_most_leaves]; /* per input */
    int dtype;
};

/* Builds the model; extents are per variable. BNF_OK, BNF_EINPUT when it cannot be, BNF_ENOMEM. */
int bnf_trial_open(struct bnf_prover *p, const struct bnf_cone *cone, unsigned mode,
    const struct bnf_extents *extents, struct bnf_trial *trial, struct bnf_err *err);

void bnf_trial_close(struct bnf_trial *trial);

/* About how many multiplications and additions one run takes; infinite when that cannot be told. */
double bnf_trial_cost(const struct bnf_trial *trial);

/* Runs it on one array a variable. *out is borrowed until the next run; NULL when something in it cannot run.
 */
int bnf_trial_run(
    struct bnf_trial *trial, struct bnf_array *const *variables, struct bnf_array **out, struct bnf_err *err);

#endif
