/* Pairs of models that break exactly one condition of a rule of the proof, next to pairs that keep it: what
 * is turned down is then the fault and not the form. */
#ifndef BNF_TESTS_ATTACK_H
#define BNF_TESTS_ATTACK_H

#include <stddef.h>

struct attack {
    const char *name, *ref; /* models in notation.h's form */
    const char *right;      /* must be proved; NULL: there is none that the proof knows */
    const char *wrong;      /* must not */
};

/* Fails the running cmocka test when a wrong one is proved, or a right one is not. */
void attack_run(const struct attack *cases, size_t count);

#define ATTACK(cases) attack_run(cases, sizeof(cases) / sizeof *(cases))

#endif
