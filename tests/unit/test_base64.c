#include "base/base64.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *bytes, *text;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbe", "+/++"},
    {"\xff\xff\xff", "////"},
};

static void test_known_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t size = strlen(pairs[i].bytes), length = strlen(pairs[i].text);
        char text[32];
        uint8_t bytes[32];
        assert_int_equal(bnf_base64_length(size), length);
        bnf_base64_encode((const uint8_t *)pairs[i].bytes, size, text);
        assert_string_equal(text, pairs[i].text);
        assert_int_equal(bnf_base64_decode(pairs[i].text, length, bytes), size);
        assert_memory_equal(bytes, pairs[i].bytes, size);
    }
}

/* Spellings that are read but never written. */
static void test_other_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } cases[] = {
        {"Zg", "f"},
        {"Zm8", "fo"},
        {"-_--", "\xfb\xff\xbe"},
        {"+_-+", "\xfb\xff\xbe"},
        {"____", "\xff\xff\xff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[32];
        assert_int_equal(
            bnf_base64_decode(cases[i].text, strlen(cases[i].text), bytes), strlen(cases[i].bytes));
        assert_memory_equal(bytes, cases[i].bytes, strlen(cases[i].bytes));
    }
}

static void test_not_base64(void **state)
{
    (void)state;
    static const char *const cases[] = {"Z", "Zm9vY", "=",
        "==", "===", "====", "Z===", "Zg=", "Zg==Zg==", "Zm9v=", "Zm 9v", "Zm9v\n", "Zm9*", "Zm\x80v"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[32];
        if (bnf_base64_decode(cases[i], strlen(cases[i]), bytes) != SIZE_MAX)
            fail_msg("'%s' was taken for base64", cases[i]);
    }
}

/* All lengths up to a few groups, in blocks without room to spare, so that a sanitizer sees a byte too many.
 */
static void test_every_length(void **state)
{
    (void)state;
    for (size_t size = 0; size < 70; size++) {
        size_t length = bnf_base64_length(size);
        uint8_t *bytes = bnf_alloc(size, 1), *back = bnf_alloc(length / 4 * 3 + 3, 1);
        char *text = bnf_alloc(length + 1, 1);
        assert_true(bytes && back && text);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(i * 37 + size * 11);
        bnf_base64_encode(bytes, size, text);
        assert_int_equal(strlen(text), length);
        assert_int_equal(bnf_base64_decode(text, length, back), size);
        assert_memory_equal(back, bytes, size);
        bnf_free(bytes);
        bnf_free(back);
        bnf_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_pairs),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_not_base64),
        cmocka_unit_test(test_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
