/* Every file of this folder is compiled twice, with `real` as float and as double; R(name) gives each copy of a
 * function its own name. */
#ifndef BNF_EVAL_REAL_REAL_H
#define BNF_EVAL_REAL_REAL_H

#include "eval/operator.h"

#if BNF_REAL_BITS == 32
typedef float real;
#define R(name) name##_f32
#elif BNF_REAL_BITS == 64
typedef double real;
#define R(name) name##_f64
#else
#error "BNF_REAL_BITS is 32 or 64"
#endif

/* The operators of operators.def, declared for this number type. */
#define BNF_OPERATOR(domain, type, since, until, function) int R(function)(struct bnf_call *call);
#include "eval/operators.def"
#undef BNF_OPERATOR

#endif
