/* Element types and their conversion to and from double. */
#ifndef BNF_ONNX_DTYPE_H
#define BNF_ONNX_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bnf_dtype {
    BNF_DTYPE_UNDEFINED = 0,
#define BNF_DTYPE(name, number, bits, kind, text) BNF_DTYPE_##name = number,
#include "onnx/dtype.def"
#undef BNF_DTYPE
};

/* "float", "int64" …; "undefined" or "unknown type" for numbers outside the list. Static. */
const char *bnf_dtype_name(int dtype);

/* True for a number in the list. */
bool bnf_dtype_known(int dtype);

/* Bits of one element (4 for int4: two share a byte); 0 for strings and unknown numbers. */
unsigned bnf_dtype_bits(int dtype);

/* Bytes of `count` densely packed elements; false when that overflows or the type has no fixed size. */
bool bnf_dtype_bytes(int dtype, size_t count, size_t *bytes);

/* float16, bfloat16, float, double: the types an affine may live on. */
bool bnf_dtype_is_float(int dtype);

/* The integer types and bool, int4 and the like included. */
bool bnf_dtype_is_integer(int dtype);

/* Either of them: what bnf_to_double reads. */
bool bnf_dtype_is_number(int dtype);

/* The unit roundoff u of a float type: 2^-11, 2^-8, 2^-24, 2^-53. */
double bnf_dtype_roundoff(int dtype);

/* The largest finite value, and the smallest positive subnormal, of a float type. */
double bnf_dtype_max(int dtype);
double bnf_dtype_tiny(int dtype);

/* The largest number of a float type that leaves room for values of its order: the square root of the largest finite
 * value, so that two of them multiply; of float16, which has no such room to give, an eighth of the largest. */
double bnf_dtype_roomy(int dtype);

/* Reads elements first … first+count-1 of packed little-endian data (any alignment) as doubles. For the float types,
 * bool and the integers; 64-bit integers above 2^53 round. Other types are a bug of the caller. */
void bnf_to_double(int dtype, const void *data, size_t first, size_t count, double *out);

/* Writes doubles into packed data of a float type from element `first` on, rounded once, to nearest, ties to even;
 * beyond the range: infinity. */
void bnf_from_double(int dtype, const double *values, size_t count, void *data, size_t first);

/* value rounded to a float type, as a double. */
double bnf_round(int dtype, double value);

#endif
