/* Extents are the same although the numbers are not: what Shape reads is followed back through branches that meet
 * again and again, which must not take twice as long each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/proofcase.h"

enum { diamonds = 200, room = 128 * diamonds };

/* A model whose output has the shape, not the numbers, of what `diamonds` pairs of branches make of `start`. */
static const char *chain(const char *start)
{
    char *text = malloc(room);
    assert_non_null(text);
    int used = snprintf(text, room, "in x float N,M; in z float L; out y; init k float () 2; init h float () 3\n%s\n", start);
    for (int i = 0; i < diamonds; i++)
        used += snprintf(text + used, (size_t)(room - used),
            "b%d = Relu(a%d); c%d = Sigmoid(a%d); a%d = Add(b%d, c%d)\n", i, i, i, i, i + 1, i, i);
    used += snprintf(text + used, (size_t)(room - used), "s = Shape(a%d); y = Reshape(z, s)\n", diamonds);
    assert_true(used < room);
    return text;
}

static void test_diamonds(void **state)
{
    (void)state;
    const char *twice = chain("a0 = Mul(x, k)"), *thrice = chain("a0 = Mul(x, h)");
    const char *wider = chain("a0 = Concat(x, x) axis=1"), *turned = chain("a0 = Transpose(x) perm=[1,0]");
    const struct proofcase pairs[] = {
        {"other numbers of the same shape", twice, thrice, PROVED, NULL, 0},
        {"another extent", twice, wider, UNPROVED, NULL, 0},
        {"extents in another order", turned, thrice, UNPROVED, NULL, 0},
    };
    RUN_OPEN(pairs);
    free((void *)(uintptr_t)twice);
    free((void *)(uintptr_t)thrice);
    free((void *)(uintptr_t)wider);
    free((void *)(uintptr_t)turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diamonds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
