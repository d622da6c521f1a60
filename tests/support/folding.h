/* Folds generated models, and proves the result, the way the program does. */
#ifndef BNF_TESTS_FOLDING_H
#define BNF_TESTS_FOLDING_H

#include "support/make.h"

#include "check/proof.h"
#include "check/run.h"
#include "fold/fold.h"

/* A loaded model with its graph. */
struct opened {
    struct bnf_model model;
    struct bnf_graph graph;
};

int open_packed(struct opened *opened, const struct packed *packed, struct bnf_err *err);
void close_opened(struct opened *opened);

/* Folds the model in `source` into the file in *folded. `result` (not NULL) stays valid until *opened, which
 * holds the edited model, is closed. The caller frees folded->bytes and closes *opened whatever is returned.
 */
int fold_packed(const struct packed *source, struct opened *opened, struct bnf_fold_result *result,
    struct packed *folded, struct bnf_err *err);

/* The proof's verdict; its worst sentence goes to `text` of `room` bytes. Negative: an error, with its
 * sentence. */
int prove_packed(const struct packed *reference, const struct packed *candidate, char *text, size_t room);

/* The verdict of runs on the default inputs; the worst output's sentence goes to `text`. Negative: an error. */
int run_packed(const struct packed *reference, const struct packed *candidate, char *text, size_t room);

#endif
