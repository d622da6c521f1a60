#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static volatile size_t huge = SIZE_MAX;

static void test_adding(void **state)
{
    (void)state;
    struct bnf_buf buf = {0};
    assert_string_equal(bnf_buf_text(&buf), "");
    bnf_buf_puts(&buf, "");
    assert_string_equal(bnf_buf_text(&buf), "");
    bnf_buf_puts(&buf, "node ");
    bnf_buf_printf(&buf, "%d of %s", 3, "12");
    bnf_buf_add(&buf, "\0z", 2);
    assert_int_equal(buf.size, 14);
    assert_memory_equal(bnf_buf_text(&buf), "node 3 of 12\0z", 15); /* its terminator included */
    assert_false(buf.failed);
    bnf_buf_free(&buf);
    assert_int_equal(buf.size, 0);
    assert_string_equal(bnf_buf_text(&buf), "");
    bnf_buf_puts(&buf, "again");
    assert_string_equal(bnf_buf_text(&buf), "again");
    bnf_buf_free(&buf);
}

/* Every size over several growths, terminated at each. */
static void test_growing(void **state)
{
    (void)state;
    struct bnf_buf bytes = {0}, text = {0};
    for (size_t i = 0; i < 2000; i++) {
        char c = (char)('a' + i % 26);
        bnf_buf_add(&bytes, &c, 1);
        bnf_buf_printf(&text, "%c", c);
        assert_int_equal(bytes.size, i + 1);
        assert_int_equal(bytes.data[i + 1], 0);
        assert_int_equal(text.data[i + 1], 0);
    }
    assert_string_equal(bytes.data, text.data);
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(bytes.data[i], 'a' + i % 26);
    bnf_buf_free(&bytes);
    bnf_buf_free(&text);
}

static void test_failure_is_sticky(void **state)
{
    (void)state;
    struct bnf_buf buf = {0};
    bnf_buf_puts(&buf, "kept");
    bnf_buf_add(&buf, "", huge - 2);
    assert_true(buf.failed);
    bnf_buf_puts(&buf, "dropped");
    bnf_buf_printf(&buf, "%s", "dropped");
    assert_true(buf.failed);
    assert_string_equal(bnf_buf_text(&buf), "kept");
    assert_int_equal(buf.size, 4);
    bnf_buf_free(&buf);
    assert_false(buf.failed);
    bnf_buf_add(&buf, "", huge);
    assert_true(buf.failed);
    assert_string_equal(bnf_buf_text(&buf), "");
    bnf_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_failure_is_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
