/* What the quantizing operators share. */
#ifndef BNF_EVAL_REAL_QUANT_H
#define BNF_EVAL_REAL_QUANT_H

#include "eval/real/real.h"

/* The least and the largest number of an integer type that reals are quantized to; false for other types. */
bool R(bnf_quant_range)(int dtype, int64_t *low, int64_t *high);

/* What a real scaled to steps is stored as: rounded to the nearest integer (ties to even), moved by the zero point, kept
 * within low … high. */
int64_t R(bnf_quant_round)(real steps, int64_t zero, int64_t low, int64_t high);

/* How numbers given per tensor, row or column are read at (batch, row, column). */
struct bnf_spread {
    size_t batch, row, column; /* steps in elements */
};

/* Integers less their zero points, narrowed to 32 bits, in the call's arena: `from` is [batches, rows, columns], zero
 * (NULL: 0) is spread over it. NULL after setting err. */
int32_t *R(bnf_quant_center)(struct bnf_call *call, const struct bnf_array *from, const struct bnf_array *zero,
    struct bnf_spread spread, size_t batches, size_t rows, size_t columns);

/* Inputs of 8-bit integers, zero points that are absent or such, scales that are there and real. BNF_OK or
 * BNF_EINPUT. */
int R(bnf_quant_bytes)(struct bnf_call *call, size_t slot);
int R(bnf_quant_zero)(struct bnf_call *call, size_t slot);
int R(bnf_quant_scale)(struct bnf_call *call, size_t slot);

/* The only number of an input, a fallback when the input is absent. */
int64_t R(bnf_quant_first_int)(const struct bnf_call *call, size_t slot);
real R(bnf_quant_first_real)(const struct bnf_call *call, size_t slot);

#endif
