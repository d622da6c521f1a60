/* NumPy's files: what is read, what is refused and in which words, and that what is written is read back. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "onnx/npz.h"

/* A .npy: version, header text (padded as NumPy does when pad), elements. */
static struct bnf_buf npy(unsigned version, const char *header, const void *data, size_t size)
{
    struct bnf_buf b = {0};
    size_t length = strlen(header), width = version == 1 ? 2 : 4;
    uint8_t lead[8] = {(uint8_t)version, 0, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16)};
    bnf_buf_add(&b, "\x93NUMPY", 6);
    bnf_buf_add(&b, lead, 2 + width);
    bnf_buf_add(&b, header, length);
    bnf_buf_add(&b, data, size);
    assert_false(b.failed);
    return b;
}

static void test_read(void **state)
{
    (void)state;
    static const float six[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t half[] = {0x00, 0x3c, 0x00, 0xc0};
    static const int64_t longs[] = {-1, INT64_MAX};
    static const struct {
        const char *name;
        unsigned version;
        const char *header;
        const void *data;
        size_t size;
        int dtype;
        size_t rank;
        int64_t dims[3];
        double first, last;
    } cases[] = {
        {"matrix", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n", six, 24,
            BNF_DTYPE_FLOAT, 2, {2, 3}, 1, 6},
        {"version 2", 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }\n", six, 24, BNF_DTYPE_FLOAT, 1, {6},
            1, 6},
        {"version 3", 3, "{'shape': (6,), \"descr\": '<f4', 'fortran_order': False}", six, 24, BNF_DTYPE_FLOAT, 1, {6},
            1, 6},
        {"scalar", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", six, 4, BNF_DTYPE_FLOAT, 0, {0}, 1, 1},
        {"no elements", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", six, 0, BNF_DTYPE_FLOAT, 2,
            {0, 3}, 0, 0},
        {"python 2", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }", six, 24, BNF_DTYPE_FLOAT, 2,
            {2, 3}, 1, 6},
        {"half", 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", half, 4, BNF_DTYPE_FLOAT16, 1, {2}, 1,
            -2},
        {"uint16", 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }", half, 4, BNF_DTYPE_UINT16, 1, {2},
            0x3c00, 0xc000},
        {"int64", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", longs, 16, BNF_DTYPE_INT64, 1, {2}, -1,
            9223372036854775807.0},
        {"int8", 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (4,), }", half, 4, BNF_DTYPE_INT8, 1, {4}, 0, -64},
        {"bool", 1, "{'descr': '|b1', 'fortran_order': True, 'shape': (1,), }", "\1", 1, BNF_DTYPE_BOOL, 1, {1}, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_arena arena = {0};
        struct bnf_err err = {0};
        struct bnf_tensor t = {0};
        struct bnf_buf b = npy(cases[i].version, cases[i].header, cases[i].data, cases[i].size);
        int status = bnf_npy_read((uint8_t *)b.data, b.size, &arena, &t, &err);
        if (status)
            fail_msg("%s: %s", cases[i].name, err.text);
        assert_int_equal(t.dtype, cases[i].dtype);
        assert_int_equal(t.rank, cases[i].rank);
        assert_memory_equal(t.dims, cases[i].dims, t.rank * sizeof *t.dims);
        if (t.count) {
            assert_true(bnf_tensor_at(&t, 0) == cases[i].first);
            assert_true(bnf_tensor_at(&t, t.count - 1) == cases[i].last);
        }
        bnf_arena_free(&arena);
        bnf_buf_free(&b);
    }
}

static void test_fortran(void **state)
{
    (void)state;
    /* Element (i, j, k) of a 2x3x4 array is 100i + 10j + k; the first index runs fastest in the file. */
    int32_t data[24], *to = data;
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 3; j++)
            for (int i = 0; i < 2; i++)
                *to++ = 100 * i + 10 * j + k;
    struct bnf_buf b = npy(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 4), }", data, sizeof data);
    struct bnf_arena arena = {0};
    struct bnf_err err = {0};
    struct bnf_tensor t;
    assert_int_equal(bnf_npy_read((uint8_t *)b.data, b.size, &arena, &t, &err), BNF_OK);
    for (int i = 0, at = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++, at++)
                assert_true(bnf_tensor_at(&t, (size_t)at) == 100 * i + 10 * j + k);
    bnf_arena_free(&arena);
    bnf_buf_free(&b);
}

#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': "

static void test_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t size;
        const char *text;
    } cases[] = {
        {HEAD "(2,)}", 7, "7 bytes of data, but shape 2 of float needs 8"},
        {HEAD "(2,)}", 9, "9 bytes of data, but shape 2 of float needs 8"},
        {HEAD "(2)}", 8, "the header has '}' where the ',' of a shape of one extent should be"},
        {HEAD "(2 3)}", 24, "the header has '3)}' where the shape's ',' or ')' should be"},
        {HEAD "(-2,)}", 8, "the header has '-2,)}' where an extent of the shape should be"},
        {HEAD "(99999999999999999999,)}", 8, "an extent above 9223372036854775807"},
        {HEAD "(4611686018427387904, 4)}", 8,
            "shape 4611686018427387904x4, allowed are elements that can be counted"},
        {HEAD "(2,)", 8, "the header has '' where ',' or '}' should be"},
        {HEAD "(2,)} x", 8, "the header has 'x' where its end should be"},
        {HEAD "(2,), 'shape': (2,)}", 8, "the header has 'shape' twice"},
        {HEAD "(2,), 'more': 1}", 8,
            "the header has the key 'more', allowed are 'descr', 'fortran_order' and 'shape'"},
        {"{'descr': '<f4', 'shape': (2,)}", 8, "the header has no 'fortran_order'"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", 8,
            "the header has '0, 'shape': ' where True or False should be"},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", 8,
            "elements of type '>f4' are big-endian, allowed is little-endian"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", 8,
            "elements of type '|O', allowed are f2, f4, f8, i1 to i8, u1 to u8 and b1, little-endian"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}", 8,
            "elements of type '|f4', allowed are f2, f4, f8, i1 to i8, u1 to u8 and b1, little-endian"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8,
            "the header has '[('a', '<f4'' where the name of an element type should be"},
        {"", 8, "the header has '' where its '{' should be"},
    };
    uint8_t data[64] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_arena arena = {0};
        struct bnf_err err = {0};
        struct bnf_tensor t;
        struct bnf_buf b = npy(1, cases[i].header, data, cases[i].size);
        assert_int_equal(bnf_npy_read((uint8_t *)b.data, b.size, &arena, &t, &err), BNF_EINPUT);
        assert_string_equal(err.text, cases[i].text);
        bnf_arena_free(&arena);
        bnf_buf_free(&b);
    }
}

static void test_cut(void **state)
{
    (void)state;
    float data[2] = {1, 2};
    struct bnf_buf b = npy(1, HEAD "(2,)}\n", data, sizeof data);
    for (size_t size = 0; size < b.size; size++) {
        struct bnf_arena arena = {0};
        struct bnf_err err = {0};
        struct bnf_tensor t;
        uint8_t *cut = malloc(size ? size : 1); /* of that very size, so that a sanitizer sees an overrun */
        assert_non_null(cut);
        memcpy(cut, b.data, size);
        assert_int_equal(bnf_npy_read(cut, size, &arena, &t, &err), BNF_EINPUT);
        free(cut);
        bnf_arena_free(&arena);
    }
    bnf_buf_free(&b);
}

/* Arrays larger than the pieces in which such elements are read. */
static void test_fortran_pieces(void **state)
{
    (void)state;
    enum { rows = 7, columns = 3001 };
    static int32_t given[rows * columns];
    for (int32_t i = 0; i < rows * columns; i++)
        given[i] = i;
    struct bnf_buf b = npy(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (7, 3001), }\n", given, sizeof given);
    struct bnf_arena arena = {0};
    struct bnf_tensor t;
    struct bnf_err err = {0};
    if (bnf_npy_read((const uint8_t *)b.data, b.size, &arena, &t, &err))
        fail_msg("%s", err.text);
    const int32_t *have = (const int32_t *)(const void *)t.data;
    for (int32_t i = 0; i < rows * columns; i++)
        assert_int_equal(have[i], i % columns * rows + i / columns);
    bnf_arena_free(&arena);
    bnf_buf_free(&b);
}

/* An array takes no more than its arena's limit, and a header no more than any that NumPy writes for such types. */
static void test_limits(void **state)
{
    (void)state;
    static const float data[1000] = {0};
    struct bnf_buf b = npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000,), }\n", data, sizeof data);
    struct bnf_arena arena;
    struct bnf_tensor t;
    struct bnf_err err = {0};
    bnf_arena_init(&arena, 4000);
    assert_int_equal(bnf_npy_read((const uint8_t *)b.data, b.size, &arena, &t, &err), BNF_ELIMIT);
    assert_string_equal(err.text, "it needs more memory than the 4000 bytes allowed");
    bnf_arena_free(&arena);
    bnf_arena_init(&arena, 4016);
    assert_int_equal(bnf_npy_read((const uint8_t *)b.data, b.size, &arena, &t, &err), BNF_OK);
    bnf_arena_free(&arena);
    bnf_buf_free(&b);
    char *blanks = malloc(70001);
    assert_non_null(blanks);
    memset(blanks, ' ', 70000);
    blanks[70000] = 0;
    b = npy(2, blanks, data, 0);
    assert_int_equal(bnf_npy_read((const uint8_t *)b.data, b.size, &arena, &t, &err), BNF_EINPUT);
    assert_string_equal(err.text, "a header of 70000 bytes, allowed are 65536");
    bnf_buf_free(&b);
    free(blanks);
}

struct folder {
    char path[64], file[96];
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    strcpy(f->path, "/tmp/bnfold-npy-XXXXXX");
    *state = f;
    if (!mkdtemp(f->path))
        return -1;
    snprintf(f->file, sizeof f->file, "%s/a.npz", f->path);
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *f = *state;
    unlink(f->file);
    rmdir(f->path);
    free(f);
    return 0;
}

static void test_round_trip(void **state)
{
    struct folder *f = *state;
    static const int64_t dims[] = {2, 3}, none[] = {0, 7}, one[] = {5};
    static const float floats[] = {1, -2, 3.5f, 0, INFINITY, 1e-40f};
    static const int64_t scalar[] = {-7};
    static const uint8_t bools[] = {1, 0, 1, 1, 0};
    const struct bnf_named_tensor arrays[] = {
        {"x", {BNF_DTYPE_FLOAT, 2, dims, 6, 24, (const uint8_t *)floats}},
        {"scalar", {BNF_DTYPE_INT64, 0, NULL, 1, 8, (const uint8_t *)scalar}},
        {"empty", {BNF_DTYPE_DOUBLE, 2, none, 0, 0, (const uint8_t *)floats}},
        {"model/scope:0", {BNF_DTYPE_BOOL, 1, one, 5, 5, bools}},
    };
    struct bnf_err err = {0};
    struct bnf_arena arena = {0};
    if (bnf_npz_save(f->file, arrays, 4, &err))
        fail_msg("%s", err.text);
    struct bnf_named_tensor *read;
    size_t count;
    if (bnf_npy_load(f->file, &arena, &read, &count, &err))
        fail_msg("%s", err.text);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        const struct bnf_tensor *want = &arrays[i].tensor, *have = &read[i].tensor;
        assert_string_equal(read[i].name, arrays[i].name);
        assert_int_equal(have->dtype, want->dtype);
        assert_int_equal(have->rank, want->rank);
        assert_memory_equal(have->dims, want->dims ? want->dims : dims, want->rank * sizeof *dims);
        assert_int_equal(have->bytes, want->bytes);
        assert_memory_equal(have->data, want->data, want->bytes);
    }
    bnf_arena_free(&arena);
}

static void test_same_bytes(void **state)
{
    struct folder *f = *state;
    static const int64_t dims[] = {2};
    static const double data[] = {1, 2};
    const struct bnf_named_tensor array = {"x", {BNF_DTYPE_DOUBLE, 1, dims, 2, 16, (const uint8_t *)data}};
    struct bnf_err err = {0};
    char bytes[2][512];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bnf_npz_save(f->file, &array, 1, &err), BNF_OK);
        FILE *file = fopen(f->file, "rb");
        assert_non_null(file);
        sizes[i] = fread(bytes[i], 1, sizeof bytes[i], file);
        fclose(file);
        if (i == 0)
            sleep(2); /* a zip counts time in steps of two seconds */
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_true(sizes[0] > 128 && sizes[0] < sizeof bytes[0]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
}

static void test_archive_refused(void **state)
{
    struct folder *f = *state;
    static const int64_t dims[] = {2};
    static const double data[] = {1, 2};
    const struct bnf_named_tensor array = {"x", {BNF_DTYPE_DOUBLE, 1, dims, 2, 16, (const uint8_t *)data}};
    const struct bnf_named_tensor brain = {"b", {BNF_DTYPE_BFLOAT16, 1, dims, 2, 4, (const uint8_t *)data}};
    struct bnf_err err = {0};
    assert_int_equal(bnf_npz_save(f->file, &brain, 1, &err), BNF_EINPUT);
    assert_string_equal(err.text, "array 'b': NumPy has no elements of type bfloat16");
    assert_int_not_equal(access(f->file, F_OK), 0);
    assert_int_equal(bnf_npz_save(f->file, &array, 1, &err), BNF_OK);
    uint8_t bytes[512];
    FILE *file = fopen(f->file, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    /* One bit wrong in the elements: the archive's checksum notices. */
    uint8_t *number = NULL;
    for (size_t i = 0; i + 8 < size && !number; i++)
        if (memcmp(bytes + i, &data[1], 8) == 0)
            number = bytes + i;
    assert_non_null(number);
    number[3] ^= 1;
    file = fopen(f->file, "wb");
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    struct bnf_arena arena = {0};
    struct bnf_named_tensor *read;
    size_t count;
    assert_int_equal(bnf_npy_load(f->file, &arena, &read, &count, &err), BNF_EINPUT);
    assert_non_null(strstr(err.text, "'x.npy': it cannot be unpacked: CRC error"));
    for (size_t cut = 0; cut < size; cut += 7) {
        file = fopen(f->file, "wb");
        assert_int_equal(fwrite(bytes, 1, cut, file), cut);
        fclose(file);
        assert_int_equal(bnf_npy_load(f->file, &arena, &read, &count, &err), BNF_EINPUT);
    }
    bnf_arena_free(&arena);
}

static void choose_small(void *context, const struct bnf_names *names, bool *wanted)
{
    size_t *count = context;
    *count = names->count;
    bnf_id small = bnf_names_find(names, "small");
    assert_int_equal(small, 1);
    wanted[small] = true;
}

/* Arrays that nobody chose are not read, and take no memory. */
static void test_choice(void **state)
{
    struct folder *f = *state;
    static const int64_t dims[] = {2, 100000};
    static const float data[100000] = {3};
    const struct bnf_named_tensor arrays[] = {
        {"large", {BNF_DTYPE_FLOAT, 1, dims + 1, 100000, 400000, (const uint8_t *)data}},
        {"small", {BNF_DTYPE_FLOAT, 1, dims, 2, 8, (const uint8_t *)data}},
    };
    struct bnf_err err = {0};
    struct bnf_arena arena;
    struct bnf_named_tensor *read;
    size_t count, seen = 0;
    const struct bnf_npz_choice choice = {.choose = choose_small, .context = &seen};
    assert_int_equal(bnf_npz_save(f->file, arrays, 2, &err), BNF_OK);
    bnf_arena_init(&arena, 10000);
    assert_int_equal(bnf_npz_load(f->file, NULL, &arena, &read, &count, &err), BNF_ELIMIT);
    assert_non_null(strstr(err.text, "/a.npz': its arrays need 40"));
    assert_non_null(strstr(err.text, " bytes of memory, allowed are 10000"));
    bnf_arena_free(&arena);
    if (bnf_npz_load(f->file, &choice, &arena, &read, &count, &err))
        fail_msg("%s", err.text);
    assert_int_equal(seen, 2);
    assert_int_equal(count, 2);
    assert_string_equal(read[0].name, "large");
    assert_null(read[0].tensor.data);
    assert_int_equal(read[1].tensor.bytes, 8);
    assert_memory_equal(read[1].tensor.data, data, 8);
    bnf_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_fortran),
        cmocka_unit_test(test_fortran_pieces),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_cut),
        cmocka_unit_test_setup_teardown(test_round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_same_bytes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_archive_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_choice, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
