/* Loaded values as arrays: what a run is fed with and compared to; and arrays as what files hold. */
#ifndef BNF_EVAL_FEED_H
#define BNF_EVAL_FEED_H

#include "eval/array.h"
#include "onnx/data_pb.h"

/* True for the element types of numbers that arrays can hold. */
bool bnf_feed_holds(int dtype);

/* An array with the value of a loaded file. It may borrow from `arena`, where the value lies and texts are put; the
 * arena must outlive it. BNF_CANNOT for element types that arrays do not hold; BNF_ENOMEM. */
int bnf_feed_array(struct bnf_budget *budget, const struct bnf_data *data, enum bnf_precision precision,
    struct bnf_arena *arena, struct bnf_array **out, struct bnf_err *err);

/* The elements of a REAL or INT array as a tensor in the arena, of a type of the same kind; bfloat16, which NumPy does
 * not have, becomes float. BNF_CANNOT for other arrays, without a sentence; BNF_ENOMEM. */
int bnf_feed_tensor(const struct bnf_array *array, int dtype, struct bnf_arena *arena, struct bnf_tensor *out,
    struct bnf_err *err);

#endif
