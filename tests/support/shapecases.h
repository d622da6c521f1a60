/* Cases of shape inference. */
#ifndef BNF_TESTS_SHAPECASES_H
#define BNF_TESTS_SHAPECASES_H

#include <stddef.h>

struct shape_case {
    const char *name;
    const char *model;
    const char *expected; /* "y float[N,3]; z int64?": some of the values */
};

/* Cases of one kind. */
struct shape_table {
    const struct shape_case *cases;
    size_t count;
};

enum { shapecases_count = 2 };

extern const struct shape_table shapecases[shapecases_count];

#endif
