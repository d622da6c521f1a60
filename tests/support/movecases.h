/* Cases of operators that move or sample elements. */
#ifndef BNF_TESTS_MOVECASES_H
#define BNF_TESTS_MOVECASES_H

#include <stddef.h>

struct move_case {
    const char *name, *model, *expected;
};

/* The input of many. */
#define I "init x float 1,1,2,2 1 2 3 4; "

extern const struct move_case movecases_resizes[];
extern const size_t movecases_resizes_count;
extern const struct move_case movecases_regions[];
extern const size_t movecases_regions_count;

#endif
