/* Cases of the evaluator's arithmetic that take several numbers together, or change their type. */
#ifndef BNF_TESTS_MATHCASES_H
#define BNF_TESTS_MATHCASES_H

#include <stddef.h>

struct math_case {
    const char *name;
    const char *model;    /* every output is declared by `out` */
    const char *feeds;    /* the elements of each input, in order: "1 2 3; 4" */
    const char *expected; /* of each output: its extents, a colon, its elements: "2,3: 1 2 3 4 5 6; : 7" */
};

/* Cases of one kind. */
struct math_table {
    const struct math_case *cases;
    size_t count;
};

enum { mathcases_count = 4 };

extern const struct math_table mathcases[mathcases_count];

#endif
