/* Inputs besides the model, which no output may replace. */
#ifndef BNF_CHECK_SPARE_H
#define BNF_CHECK_SPARE_H

#include "base/err.h"

/* Refuses an output ("-": standard output, which is fine) that is the file `data` (NULL: none), or one of the folder
 * `data` that runs may read, through whatever links. BNF_EUSAGE. */
int bnf_spare_data(const char *output, const char *data, struct bnf_err *err);

#endif
