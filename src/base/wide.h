/* Vector code for the machine at hand. */
#ifndef BNF_BASE_WIDE_H
#define BNF_BASE_WIDE_H

/* A function that is compiled for several instruction sets, of which the widest that the machine has is taken; on other
 * systems for one. The results are the same: no product and sum are contracted (-ffp-contract=off), and no sum is
 * reordered but where the code says so. */
#if defined(BNF_ONLY) /* the one that tests/variants.sh asks for */
#define BNF_WIDE __attribute__((target(BNF_ONLY)))
#elif defined(__x86_64__) && defined(__GLIBC__)
#define BNF_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BNF_WIDE
#endif

#endif
