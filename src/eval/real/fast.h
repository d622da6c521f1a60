/* What makes loops over elements fast: vector code for the machine at hand, and the exponential function and
 * the hyperbolic tangent without calls or branches, so that compilers turn loops around them into vector
 * code. In double they are the library's. */
#ifndef BNF_EVAL_REAL_FAST_H
#define BNF_EVAL_REAL_FAST_H

#include "base/wide.h"
#include "eval/real/real.h"

#include <math.h>
#include <string.h>

/* BNF_WIDE loops that may work in place say `omp simd`, since results that may lie over the operands would keep
 * compilers from vectors. */

#if BNF_REAL_BITS == 32
/* 2^n for -126 ≤ n ≤ 127; other n give some number. */
static inline float bnf_power_of_two(int32_t n)
{
    uint32_t bits = ((uint32_t)n + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* x brought into -104 … 104, where e^x leaves the range of float; NaN stays. On the bits, as comparisons of
 * floats would become branches. */
static inline float bnf_exp_range(float x)
{
    const int32_t infinity = 0x7f800000, most = 0x42d00000;
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t size = bits & 0x7fffffff, sign = bits & INT32_MIN;
    size = ((size > most) & (size <= infinity)) ? most : size;
    bits = size | sign;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* e^x within 2 units in the last place over the whole range, infinities and NaN included. x = n ln 2 + f with
 * |f| at most half of ln 2, where seven terms of the series do; ln 2 is split so that n × its upper part is
 * exact. */
static inline float R(bnf_exp)(float x)
{
    const float to_integer =
        12582912.0f; /* 1.5 × 2^23: adding it leaves the nearest integer in the low bits */
    x = bnf_exp_range(x);
    float shifted = x * 1.44269504f + to_integer, n = shifted - to_integer;
    float f = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 720 + f * (1.0f / 5040);
    p = 1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120 + f * p));
    p = 1.0f + (f + f * f * (0.5f + f * p));
    uint32_t low, base;
    memcpy(&low, &shifted, sizeof low);
    memcpy(&base, &to_integer, sizeof base);
    int32_t whole = (int32_t)(low - base),
            half = whole >> 1; /* two steps reach the subnormal numbers and infinity */
    return p * bnf_power_of_two(half) * bnf_power_of_two(whole - half);
}

/* |x| < 1 ? near : far; on the bits, as above. */
static inline float bnf_below_one(float x, float near, float far)
{
    const int32_t one = 0x3f800000;
    int32_t bits, near_bits, far_bits;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&near_bits, &near, sizeof near_bits);
    memcpy(&far_bits, &far, sizeof far_bits);
    int32_t mask = -((bits & INT32_MAX) < one);
    bits = (near_bits & mask) | (far_bits & ~mask);
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* tanh x within 3 units in the last place: a fraction that is exact far beyond float below 1, the exponential
 * above. */
static inline float R(bnf_tanh)(float x)
{
    float z = x * x;
    float near = x * (10395 + z * (1260 + z * 21)) / (10395 + z * (4725 + z * (210 + z)));
    float e = R(bnf_exp)(-2 * fabsf(x));
    float far = copysignf((1 - e) / (1 + e), x);
    return bnf_below_one(x, near, far);
}

/* erf x within 3 units in the last place. Below 1 its series, to the 21st power; above 1 - e^(-x²) t q(t)
 * with t = 1 / (1 + x/2), where q was fitted to within 2e-7 on 1 … 4.2, beyond which the result is 1. */
static inline float R(bnf_erf)(float x)
{
    float z = x * x, size = fabsf(x), t = 1 / (1 + 0.5f * size);
    float p = 1.0f / 9360 +
              z * (-1.0f / 75600 + z * (1.0f / 685440 + z * (-1.0f / 6894720 + z * (1.0f / 76204800))));
    p = 1.0f / 10 + z * (-1.0f / 42 + z * (1.0f / 216 + z * (-1.0f / 1320 + z * p)));
    float near = x * 1.128379167f * (1 + z * (-1.0f / 3 + z * p));
    float q = 0.281507732f +
              t * (0.288613553f +
                      t * (0.220279922f + t * (0.217532503f + t * (0.0962934695f + t * -0.105695096f))));
    float far = copysignf(1 - R(bnf_exp)(-z) * t * q, x);
    return bnf_below_one(x, near, far);
}
#else
static inline double R(bnf_exp)(double x)
{
    return exp(x);
}

static inline double R(bnf_tanh)(double x)
{
    return tanh(x);
}

static inline double R(bnf_erf)(double x)
{
    return erf(x);
}
#endif

#endif
