/* Results that take over the memory of an input. */
#ifndef BNF_EVAL_REUSE_H
#define BNF_EVAL_REUSE_H

#include "eval/operator.h"

/* bnf_call_output of the type and extents of input `slot`, for operators that read an element of that input
 * before they write the same element of the output and not after: where the node is the input's last reader,
 * the output is the input's array itself. */
void *bnf_call_output_over(struct bnf_call *call, size_t output, size_t slot);

#endif
