/* Operators with stored parameters beside convolutions and products: what the files that compare them share.
 * Only src/check/layers*.c includes this. */
#ifndef BNF_CHECK_LAYERS_H
#define BNF_CHECK_LAYERS_H

#include "check/prover.h"

/* A value of each model that the same operator computes, under maps that lie on it. */
struct bnf_stored {
    struct bnf_prover *p;
    struct bnf_arena *arena;
    bnf_id node[2];
    uint32_t output;                 /* which output of the nodes */
    const struct bnf_normal *map[2]; /* behind the values; NULL: none */
    const struct bnf_normal *out[2]; /* what is left behind a function that both share; NULL at first */
    int dtype;                       /* set to the type of the parameters */
    struct bnf_tally *tally;
};

/* Finds out[] for an operator of one kind, whose attributes are known to be the same. BNF_UNKNOWN: its inputs
 * are not known to be the same, or the maps do not fit its parameters. BNF_DIFFERENT: an input or a parameter
 * differs. */
enum bnf_outcome bnf_stored_norm(struct bnf_stored *layer);
enum bnf_outcome bnf_stored_gather(struct bnf_stored *layer);
enum bnf_outcome bnf_stored_einsum(struct bnf_stored *layer);
enum bnf_outcome bnf_stored_recurrent(struct bnf_stored *layer);

/* The floating-point constant in an input slot of one of the nodes; NULL: it is none. */
const struct bnf_tensor *bnf_stored_constant(const struct bnf_stored *layer, int side, uint32_t slot);

/* Compares the inputs in all slots but those in the set `own` (bit per slot; slots from 32 on are never in
 * it). */
enum bnf_outcome bnf_stored_inputs_compare(const struct bnf_stored *layer, uint32_t own);

/* Compares two constants under maps of their own axes, in pieces. `what` names them in the sentence. */
enum bnf_outcome bnf_stored_constants_compare(const struct bnf_stored *layer, const char *what,
    const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2]);

/* The same where the candidate's may be multiples of the reference's along one axis: *factors, of as many axes, is what they
 * are. The last resort, which is not taken unless p->multiples says so. */
enum bnf_outcome bnf_stored_multiples_compare(const struct bnf_stored *layer, const char *what,
    const struct bnf_tensor *const t[2], const struct bnf_normal *const map[2], int axis,
    const struct bnf_normal **factors);

#endif
