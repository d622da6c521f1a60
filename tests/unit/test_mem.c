#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Kept from the compiler, which would warn about sizes that cannot be had. */
static volatile size_t huge = SIZE_MAX;

static bool all_zero(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i])
            return false;
    return true;
}

static void test_alloc(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        unsigned char *block = bnf_alloc(count, 24);
        assert_non_null(block);
        assert_true(all_zero(block, count * 24));
        memset(block, 0xa5, count * 24);
        bnf_free(block);
    }
    void *empty = bnf_alloc(3, 0);
    assert_non_null(empty);
    bnf_free(empty);
    bnf_free(NULL);
    assert_null(bnf_alloc(huge / 16, 32));
    assert_null(bnf_alloc(huge / 8, 1));
}

static void test_reserve(void **state)
{
    (void)state;
    uint32_t *array = NULL;
    size_t capacity = 0;
    assert_true(bnf_reserve(&array, &capacity, 0, sizeof *array));
    assert_int_equal(capacity, 0);
    for (size_t count = 1; count < 1000; count++) {
        size_t before = capacity;
        assert_true(bnf_reserve(&array, &capacity, count, sizeof *array));
        assert_true(capacity >= count);
        assert_true(capacity == before || capacity >= 2 * before);
        assert_true(all_zero(array + before, (capacity - before) * sizeof *array));
        memset(array + before, 0xff, (capacity - before) * sizeof *array);
        array[count - 1] = (uint32_t)count;
    }
    for (size_t i = 0; i < 999; i++)
        assert_int_equal(array[i], i + 1);
    uint32_t *old = array;
    size_t had = capacity;
    assert_false(bnf_reserve(&array, &capacity, huge / 2, sizeof *array));
    assert_false(bnf_reserve(&array, &capacity, huge, sizeof *array));
    assert_false(bnf_reserve(&array, &capacity, huge / 32, sizeof *array));
    assert_ptr_equal(array, old);
    assert_int_equal(capacity, had);
    bnf_free(array);
}

static void test_arena_items(void **state)
{
    (void)state;
    struct bnf_arena arena;
    bnf_arena_init(&arena, 0);
    enum { count = 3000 };
    static unsigned char *items[count];
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            size_t size = i % 97 == 0 ? 40000 : i % 61; /* some larger than a share of a block */
            items[i] = bnf_arena_alloc(&arena, size, 1);
            assert_non_null(items[i]);
            assert_int_equal((uintptr_t)items[i] % 16, 0);
            assert_true(all_zero(items[i], size));
            memset(items[i], (int)(i & 0xff), size);
        }
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < (i % 97 == 0 ? 40000 : i % 61); k++)
                if (items[i][k] != (i & 0xff))
                    fail_msg("item %zu was written over", i);
        assert_true(arena.used >= 31 * 40000);
        bnf_arena_free(&arena);
        assert_int_equal(arena.used, 0);
        assert_null(arena.blocks);
    }
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct bnf_arena arena;
    bnf_arena_init(&arena, 100);
    assert_null(bnf_arena_alloc(&arena, 101, 1));
    assert_true(arena.exhausted);
    assert_non_null(bnf_arena_alloc(&arena, 6, 16));
    assert_false(arena.exhausted);
    assert_null(bnf_arena_alloc(&arena, 1, 1));
    assert_true(arena.exhausted);
    bnf_arena_free(&arena);
    assert_int_equal(arena.limit, 100);
    assert_non_null(bnf_arena_alloc(&arena, 50, 1));
    assert_null(bnf_arena_alloc(&arena, huge / 4, 8)); /* overflow is not the limit's doing */
    assert_false(arena.exhausted);
    bnf_arena_free(&arena);
    bnf_arena_init(&arena, 0);
    assert_null(bnf_arena_alloc(&arena, huge, 1));
    assert_null(bnf_arena_alloc(&arena, huge - 16, 1));
    assert_null(bnf_arena_alloc(&arena, huge / 8, 1));
    assert_false(arena.exhausted);
    bnf_arena_free(&arena);
}

static void test_arena_text(void **state)
{
    (void)state;
    struct bnf_arena arena;
    bnf_arena_init(&arena, 0);
    char *copy = bnf_arena_copy(&arena, "conv1.weight", 5);
    assert_string_equal(copy, "conv1");
    assert_string_equal(bnf_arena_copy(&arena, "", 0), "");
    assert_string_equal(bnf_arena_format(&arena, "%s.%d", copy, 12), "conv1.12");
    char *wide = bnf_arena_format(&arena, "%5000d", 7);
    assert_int_equal(strlen(wide), 5000);
    assert_string_equal(copy, "conv1");
    assert_null(bnf_arena_copy(&arena, "x", huge));
    bnf_arena_free(&arena);
    bnf_arena_init(&arena, 16);
    assert_null(bnf_arena_format(&arena, "%17d", 1));
    assert_null(bnf_arena_copy(&arena, "0123456789abcdef", 16));
    assert_true(arena.exhausted);
    bnf_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_arena_items),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_arena_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
