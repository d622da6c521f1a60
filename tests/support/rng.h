/* Random numbers that are the same on every machine (splitmix64). */
#ifndef BNF_TESTS_RNG_H
#define BNF_TESTS_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A generator for a seed; those of neighbouring seeds have nothing in common. */
static inline struct rng rng_new(uint64_t seed)
{
    struct rng rng = {seed};
    return (struct rng){rng_next(&rng) ^ seed << 32};
}

/* 0 … n−1 */
static inline unsigned rng_below(struct rng *rng, unsigned n)
{
    return (unsigned)(rng_next(rng) >> 33) % n;
}

/* low … high, both possible */
static inline int64_t rng_range(struct rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(rng, (unsigned)(high - low + 1));
}

static inline bool rng_percent(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

static inline double rng_uniform(struct rng *rng, double low, double high)
{
    return low + (high - low) * (double)(rng_next(rng) >> 11) * 0x1p-53;
}

#endif
