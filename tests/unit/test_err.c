#include "base/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_fail(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    assert_int_equal(bnf_fail(&err, BNF_EINPUT, "'%s' has %d of %d bytes", "w", 3, 4), BNF_EINPUT);
    assert_int_equal(err.status, BNF_EINPUT);
    assert_string_equal(err.text, "'w' has 3 of 4 bytes");
    assert_int_equal(bnf_fail(NULL, BNF_EIO, "nobody %s", "listens"), BNF_EIO);
    assert_int_equal(bnf_fail_memory(&err), BNF_ENOMEM);
    assert_int_equal(err.status, BNF_ENOMEM);
    assert_string_equal(err.text, "out of memory");
    assert_int_equal(bnf_fail_memory(NULL), BNF_ENOMEM);
}

static void test_fail_at(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    bnf_fail(&err, BNF_ELIMIT, "too deep");
    assert_int_equal(bnf_fail_at(&err, "node %d", 7), BNF_ELIMIT);
    assert_int_equal(bnf_fail_at(&err, "cannot load '%s'", "m.onnx"), BNF_ELIMIT);
    assert_string_equal(err.text, "cannot load 'm.onnx': node 7: too deep");
    assert_int_not_equal(bnf_fail_at(NULL, "nobody listens"), BNF_OK);
}

/* Longer than the text has room for: cut, terminated, and still UTF-8. */
static void test_cut(void **state)
{
    (void)state;
    static const char *const letters[] = {"a", "é", "→", "𝛾"};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char name[2048];
            memset(name, 'x', shift);
            size_t size = shift, step = strlen(letters[i]);
            for (; size + step < sizeof name; size += step)
                memcpy(name + size, letters[i], step);
            name[size] = 0;
            struct bnf_err err = {0};
            bnf_fail(&err, BNF_EINPUT, "%s", name);
            size_t length = strlen(err.text);
            assert_in_range(length, sizeof err.text - 4, sizeof err.text - 1);
            assert_int_equal((length - shift) % step, 0);
            assert_memory_equal(err.text, name, length);
            assert_int_equal(bnf_fail_at(&err, "é"), BNF_EINPUT);
            length = strlen(err.text);
            assert_in_range(length, sizeof err.text - 4, sizeof err.text - 1);
            assert_int_equal((length - 4 - shift) % step, 0);
            assert_int_equal(bnf_fail_at(&err, "%s", name), BNF_EINPUT);
            assert_int_equal((strlen(err.text) - shift) % step, 0);
        }
    }
}

/* Names of a model can be any bytes. */
static void test_clean(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a\x1b[2Jb", "a?[2Jb"}, {"\xff\xfe", "??"}, {"é\xc3", "é?"},
        {"\xed\xa0\x80", "???"}, {"\xc2\x9b", "??"}, {"\xc2\xa0→", "\xc2\xa0→"}, {"a\nb\tc\x7f", "a?b?c?"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_err err = {0};
        bnf_fail(&err, BNF_EINPUT, "%s", cases[i][0]);
        assert_string_equal(err.text, cases[i][1]);
        bnf_fail(&err, BNF_EINPUT, "%s", "");
        bnf_fail_at(&err, "%s", cases[i][0]);
        assert_memory_equal(err.text, cases[i][1], strlen(cases[i][1]));
    }
}

static void test_status_exit(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        int status, exit_status;
    } list[] = {
#define BNF_STATUS(name, value, exit_status, text) {#name, text, BNF_##name, exit_status},
#include "base/status.def"
#undef BNF_STATUS
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        assert_int_equal(bnf_status_exit(list[i].status), list[i].exit_status);
        assert_int_equal(list[i].status == BNF_OK, list[i].exit_status == 0);
        assert_true(list[i].status <= 0);
        assert_true(*list[i].text);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(list[i].status, list[j].status);
    }
    assert_int_equal(bnf_status_exit(-99), 2);
}

static void test_bug(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        bnf_bug("the impossible");
    }
    close(ends[1]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char text[4096] = "";
    ssize_t size = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(size > 0);
    assert_non_null(strstr(text, "bnfold: bug at " __FILE__));
    assert_non_null(strstr(text, ": the impossible\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_fail_at),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_status_exit),
        cmocka_unit_test(test_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
