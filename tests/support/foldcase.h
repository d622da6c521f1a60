/* One model folded, proved, run and folded again: the harness behind the tables of src/fold's tests. */
#ifndef BNF_TESTS_FOLDCASE_H
#define BNF_TESTS_FOLDCASE_H

#include "fold/fold.h"

struct foldcase {
    const char *name;
    const char *model;  /* in notation.h's form */
    const char *expect; /* one entry a site, joined by "; ", in the file's order: "NODE folded back|forward INTO[,INTO]",
                           "NODE dropped", "NODE lowered REASON", "NODE kept REASON". Decomposed affines that are left
                           alone have none. */
    struct bnf_fold_options options; /* all-zero: the everyday ones */
    bool not_run; /* the reference evaluator lacks an operator, or no inputs can be made up: the proof judges */
    const char *in_double; /* the verdicts when double stands for float, where they differ */
    const char *operators; /* of the result, in its order, where that counts */
    bool open_in_double;   /* lowered to Mul and Add there, on channels that the file does not count: the proof need not
                              follow, which cannot know that they widen nothing */
};

/* Folds, saves, loads again; requires the expected verdicts; that the proof holds; that the reference evaluator and
 * the built-in one get the same outputs from both; that folding the result changes nothing. All that a second time with
 * double in place of float, where only rounding to double is left: the outputs of the built-in evaluator's double arm
 * then agree to 1e-12 of their size. Prints what is wrong. Returns true when all is well. */
bool foldcase_run(const struct foldcase *c);

/* Runs a table; returns how many failed. */
size_t foldcase_table(const struct foldcase *cases, size_t count);

#endif
