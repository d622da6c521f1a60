/* Arrays that hold no elements of their own: sequences, and optionals without value. */
#ifndef BNF_EVAL_SEQUENCE_H
#define BNF_EVAL_SEQUENCE_H

#include "eval/array.h"

/* A new sequence with one reference and `count` places, all NULL, which the caller fills with references of its own.
 * dtype: the element type of its tensors, 0 when there are none and nobody knows. NULL when memory is out. */
struct bnf_array *bnf_sequence_new(struct bnf_budget *budget, int dtype, size_t count);

/* The elements of a sequence. */
struct bnf_array **bnf_sequence_elements(const struct bnf_array *sequence);

/* A new optional without value. NULL when memory is out. */
struct bnf_array *bnf_nothing_new(int dtype);

#endif
