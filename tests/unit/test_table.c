#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_table(void **state)
{
    (void)state;
    struct bnf_table table = {0};
    assert_int_equal(bnf_table_get(&table, 0), BNF_NONE);
    /* Keys that share their low bits, their high bits, and the extremes. */
    enum { count = 5000 };
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = i % 2 ? (uint64_t)i << 40 : UINT64_MAX - i;
        assert_int_equal(bnf_table_get(&table, key), BNF_NONE);
        assert_true(bnf_table_put(&table, key, i));
        assert_int_equal(table.size, i + 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = i % 2 ? (uint64_t)i << 40 : UINT64_MAX - i;
        assert_int_equal(bnf_table_get(&table, key), i);
        assert_true(bnf_table_put(&table, key, i + 7));
    }
    assert_int_equal(table.size, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(bnf_table_get(&table, i % 2 ? (uint64_t)i << 40 : UINT64_MAX - i), i + 7);
    assert_int_equal(bnf_table_get(&table, 12345), BNF_NONE);
    assert_true(bnf_table_put(&table, 0, 0));
    assert_int_equal(bnf_table_get(&table, 0), 0);
    bnf_table_free(&table);
    assert_int_equal(bnf_table_get(&table, 0), BNF_NONE);
    assert_true(bnf_table_put(&table, 9, BNF_NONE - 1));
    assert_int_equal(bnf_table_get(&table, 9), BNF_NONE - 1);
    bnf_table_free(&table);
}

static void test_names(void **state)
{
    (void)state;
    struct bnf_names names = {0};
    assert_int_equal(bnf_names_find(&names, "x"), BNF_NONE);
    enum { count = 3000 };
    static char text[count][16];
    for (unsigned i = 0; i < count; i++) {
        snprintf(text[i], sizeof text[i], "%.*s%u", (int)(i % 9), "tensor__", i);
        assert_int_equal(bnf_names_find(&names, text[i]), BNF_NONE);
        assert_int_equal(bnf_names_add(&names, text[i]), i);
    }
    assert_int_equal(names.count, count);
    for (unsigned i = 0; i < count; i++) {
        char copy[16];
        memcpy(copy, text[i], sizeof copy);
        assert_int_equal(bnf_names_find(&names, copy), i);
        assert_int_equal(bnf_names_add(&names, copy), i); /* not added again: the first pointer stays */
        assert_ptr_equal(names.text[i], text[i]);
    }
    assert_int_equal(names.count, count);
    assert_int_equal(bnf_names_add(&names, ""), count);
    assert_int_equal(bnf_names_find(&names, ""), count);
    assert_int_equal(bnf_names_find(&names, "tensor"), BNF_NONE);
    bnf_names_free(&names);
    assert_int_equal(names.count, 0);
    assert_int_equal(bnf_names_find(&names, text[0]), BNF_NONE);
    assert_int_equal(bnf_names_add(&names, text[1]), 0);
    bnf_names_free(&names);
}

/* Order of fresh names and of edits hangs on these: the same on every machine, for ever. */
static void test_hash(void **state)
{
    (void)state;
    uint64_t seen[64];
    size_t count = 0;
    const char text[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t size = 0; size < sizeof text; size++)
        seen[count++] = bnf_hash(text, size);
    for (size_t size = 1; size < 20; size++) /* zeros at the end count, too */
        seen[count++] = bnf_hash("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", size);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    char shifted[64];
    for (size_t at = 0; at < 9; at++) { /* any alignment */
        memcpy(shifted + at, text, sizeof text);
        assert_int_equal(bnf_hash(shifted + at, 36), seen[36]);
    }
    assert_int_not_equal(bnf_hash_mix(1, 2), bnf_hash_mix(2, 1));
    assert_int_not_equal(bnf_hash_mix(0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
