/* Mean and variance of a run of numbers, in double. */
#ifndef BNF_EVAL_REAL_MOMENTS_H
#define BNF_EVAL_REAL_MOMENTS_H

#include "eval/real/real.h"

/* Sum of x[n], and of (x - mean)². Four partial sums keep the adders busy. */
static inline double R(bnf_sum)(const real *x, size_t n)
{
    double part[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k] += (double)x[i + k];
    for (; i < n; i++)
        part[0] += (double)x[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

static inline double R(bnf_spread)(const real *x, size_t n, double mean)
{
    double part[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            double d = (double)x[i + k] - mean;
            part[k] += d * d;
        }
    for (; i < n; i++)
        part[0] += ((double)x[i] - mean) * ((double)x[i] - mean);
    return (part[0] + part[1]) + (part[2] + part[3]);
}

#endif
