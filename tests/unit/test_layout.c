/* Layouts: whatever the mix of spans, the file has the bytes of a plain concatenation. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "onnx/layout.h"
#include "onnx/model.h"

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16));
}

/* Pieces must begin and end at whole elements and lie within the payload. */
static void fill(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out)
{
    if (offset % source->grain || size == 0 || offset + size > source->size ||
        (size % source->grain && offset + size != source->size))
        abort();
    for (size_t i = 0; i < size; i++)
        out[i] = byte_at(offset + i);
}

static const size_t sizes[] = {0, 1, 2, 3, 4, 100, 4095, 4096, 49152, 65535, 65536, 196607, 196608, 196609,
    786431, 786432, 786433, 3145733};
static const size_t grains[] = {1, 2, 4, 8, 16};
enum { size_count = sizeof sizes / sizeof *sizes, largest = 3145733 };

struct fixture {
    struct bnf_layout layout;
    struct bnf_buf expected;
    uint8_t *plain;
    struct bnf_source *sources;
};

static void add(struct fixture *f, const struct bnf_source *source, size_t size, bool base64)
{
    bnf_layout_payload(&f->layout, source ? NULL : f->plain, source, size, base64);
    if (!base64) {
        bnf_buf_add(&f->expected, f->plain, size);
        return;
    }
    char *text = bnf_alloc(bnf_base64_length(size) + 1, 1);
    assert_non_null(text);
    bnf_base64_encode(f->plain, size, text);
    bnf_buf_puts(&f->expected, text);
    bnf_free(text);
}

static void add_text(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "<%zu>", i);
        bnf_layout_bytes(&f->layout, text, (size_t)length);
        bnf_buf_add(&f->expected, text, (size_t)length);
    }
}

static int set_up(void **state)
{
    struct fixture *f = bnf_alloc(1, sizeof *f);
    f->plain = bnf_alloc(largest, 1);
    f->sources = bnf_alloc(size_count * 5, sizeof *f->sources);
    for (size_t i = 0; i < largest; i++)
        f->plain[i] = byte_at(i);
    size_t used = 0;
    for (size_t i = 0; i < size_count; i++)
        for (size_t g = 0; g < 5; g++) {
            struct bnf_source *source = &f->sources[used++];
            *source = (struct bnf_source){
                .size = sizes[i] / grains[g] * grains[g], .grain = grains[g], .fill = fill};
            add(f, source, source->size, g % 2);
            if (g == 2)
                add_text(f, i);
            add(f, NULL, sizes[i], g == 3);
        }
    add_text(f, 40000); /* a large span of small bytes */
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    bnf_layout_free(&f->layout);
    bnf_buf_free(&f->expected);
    bnf_free(f->plain);
    bnf_free(f->sources);
    bnf_free(f);
    return 0;
}

static void check_file(const struct fixture *f, FILE *file)
{
    char *bytes = bnf_alloc(f->expected.size + 1, 1);
    assert_non_null(bytes);
    rewind(file);
    assert_int_equal(fread(bytes, 1, f->expected.size + 1, file), f->expected.size);
    for (size_t i = 0; i < f->expected.size; i++)
        if (bytes[i] != f->expected.data[i])
            fail_msg(
                "byte %zu of %zu is %d instead of %d", i, f->expected.size, bytes[i], f->expected.data[i]);
    bnf_free(bytes);
    fclose(file);
}

static void test_write(void **state)
{
    const struct fixture *f = *state;
    assert_false(f->layout.failed);
    assert_int_equal(f->layout.size, f->expected.size);
    for (unsigned threads = 0; threads <= 5; threads++) {
        FILE *file = tmpfile();
        assert_non_null(file);
        struct bnf_err err = {0};
        struct bnf_out out = {.descriptor = fileno(file), .path = (char *)"out"};
        if (bnf_layout_write(&f->layout, &out, threads, &err))
            fail_msg("%s", err.text);
        check_file(f, file);
    }
}

static void test_stream(void **state)
{
    const struct fixture *f = *state;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct bnf_err err = {0};
    if (bnf_layout_stream(&f->layout, fileno(file), &err))
        fail_msg("%s", err.text);
    check_file(f, file);
}

static void test_full_disk(void **state)
{
    const struct fixture *f = *state;
    int descriptor = open("/dev/full", O_WRONLY);
    assert_true(descriptor >= 0);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct bnf_err err = {0};
        struct bnf_out out = {.descriptor = descriptor, .path = (char *)"out"};
        assert_int_equal(bnf_layout_write(&f->layout, &out, threads, &err), BNF_EIO);
        assert_string_equal(err.text, "cannot write 'out': No space left on device");
    }
    struct bnf_err err = {0};
    assert_int_equal(bnf_layout_stream(&f->layout, descriptor, &err), BNF_EIO);
    assert_string_equal(err.text, "cannot write 'standard output': No space left on device");
    close(descriptor);
}

static void test_spans(void **state)
{
    (void)state;
    static const uint8_t bytes[10];
    struct bnf_layout layout = {0};
    bnf_layout_bytes(&layout, "ab", 2);
    bnf_layout_bytes(&layout, "", 0);
    bnf_layout_bytes(&layout, "cd", 2); /* joins its neighbour */
    bnf_layout_payload(&layout, bytes, NULL, 10, false);
    bnf_layout_payload(&layout, bytes, NULL, 0, false); /* leaves no trace */
    bnf_layout_bytes(&layout, "ef", 2);
    bnf_layout_payload(&layout, bytes, NULL, 10, true);
    assert_int_equal(layout.count, 4);
    static const uint64_t offsets[] = {0, 4, 14, 16}, lengths[] = {4, 10, 2, 16};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(layout.spans[i].offset, offsets[i]);
        assert_int_equal(layout.spans[i].size, lengths[i]);
    }
    assert_int_equal(layout.size, 32);
    bnf_layout_free(&layout);
    struct bnf_err err = {0};
    assert_int_equal(bnf_layout_stream(&layout, -1, &err), BNF_OK); /* nothing is written to nowhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
