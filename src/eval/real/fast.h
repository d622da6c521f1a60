/* The exponential function without calls or branches, so that compilers turn loops around it into vector code. */
#ifndef BNF_EVAL_REAL_FAST_H
#define BNF_EVAL_REAL_FAST_H

#include "eval/real/real.h"

#include <math.h>
#include <string.h>

#if BNF_REAL_BITS == 32
/* 2^n for -126 ≤ n ≤ 127; other n give some number. */
static inline float bnf_power_of_two(int32_t n)
{
    uint32_t bits = ((uint32_t)n + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* e^x within 2 units in the last place over the whole range, infinities and NaN included. x = n ln 2 + f with |f| at
 * most half of ln 2, where seven terms of the series do; ln 2 is split so that n × its upper part is exact. */
static inline float R(bnf_exp)(float x)
{
    const float to_integer = 12582912.0f; /* 1.5 × 2^23: adding it leaves the nearest integer in the low bits */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float shifted = x * 1.44269504f + to_integer, n = shifted - to_integer;
    float f = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 720 + f * (1.0f / 5040);
    p = 1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120 + f * p));
    p = 1.0f + (f + f * f * (0.5f + f * p));
    uint32_t low, base;
    memcpy(&low, &shifted, sizeof low);
    memcpy(&base, &to_integer, sizeof base);
    int32_t whole = (int32_t)(low - base), half = whole >> 1; /* two steps reach the subnormal numbers and infinity */
    return p * bnf_power_of_two(half) * bnf_power_of_two(whole - half);
}
#else
static inline double R(bnf_exp)(double x)
{
    return exp(x);
}
#endif

#endif
