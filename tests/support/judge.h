/* Everything that can be found wrong with the fold of one model, by name. */
#ifndef BNF_TESTS_JUDGE_H
#define BNF_TESTS_JUDGE_H

#include "support/folding.h"

/* JUDGEMENT(name, printed), worst first. */
#define JUDGEMENTS                            \
    JUDGEMENT(CRASH, "crash")                 \
    JUDGEMENT(INVALID, "invalid model")       \
    JUDGEMENT(FOLD_ERROR, "fold error")       \
    JUDGEMENT(INTERFACE, "interface changed") \
    JUDGEMENT(MALFORMED, "malformed result")  \
    JUDGEMENT(NO_REASON, "no reason")         \
    JUDGEMENT(REFUTED, "refuted")             \
    JUDGEMENT(DIFFERENT, "runs differ")       \
    JUDGEMENT(PROOF_ERROR, "proof error")     \
    JUDGEMENT(RUN_ERROR, "run error")         \
    JUDGEMENT(SECOND_FOLD, "second fold")     \
    JUDGEMENT(UNPROVED, "unproved")           \
    JUDGEMENT(INCOMPLETE, "runs incomplete")

enum judgement {
#define JUDGEMENT(name, printed) JUDGED_##name,
    JUDGEMENTS
#undef JUDGEMENT
        JUDGEMENT_COUNT
};

enum { judge_all = (1 << JUDGEMENT_COUNT) - 1 };

/* What judges found. Plain data: it may come through a pipe. */
struct verdict {
    unsigned found;                  /* a bit for each enum judgement */
    char text[JUDGEMENT_COUNT][400]; /* a sentence for each that was found */
    unsigned sites, folded, dropped, lowered, kept;
    unsigned inconclusive; /* runs that compared nothing that counts */
};

const char *judgement_name(enum judgement judgement);

/* The first, that is worst, of those found; JUDGEMENT_COUNT when nothing was found. */
enum judgement judge_worst(const struct verdict *verdict);

/* Folds the model and asks the judges of these bits. The result goes to *folded (its bytes are NULL after an
 * error); the caller frees it. */
void judge(const struct packed *source, unsigned wanted, struct packed *folded, struct verdict *verdict);

#endif
