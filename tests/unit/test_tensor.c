/* Tensors: what is sound, what a view shows, and which side files are read. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "onnx/external.h"
#include "onnx/tensor.h"

static void test_volume(void **state)
{
    (void)state;
    static const struct {
        size_t rank;
        int64_t dims[4];
        bool fits;
        size_t count;
    } cases[] = {
        {0, {0}, true, 1},
        {1, {7}, true, 7},
        {4, {64, 3, 7, 7}, true, 9408},
        {2, {3, 0}, true, 0},
        {3, {INT64_MAX, INT64_MAX, 0}, true, 0},
        {2, {0, -1}, false, 0},
        {1, {-1}, false, 0},
        {2, {INT64_MAX, 2}, true, SIZE_MAX - 1},
        {2, {INT64_MAX, 3}, false, 0},
        {3, {1 << 30, 1 << 30, 16}, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        bool fits = bnf_volume(cases[i].dims, cases[i].rank, &count);
        if (fits != cases[i].fits || (fits && count != cases[i].count))
            fail_msg("case %zu: %d, %zu", i, fits, count);
    }
}

static void test_dims_text(void **state)
{
    (void)state;
    static const struct {
        size_t rank;
        int64_t dims[4];
        size_t room;
        const char *text;
    } cases[] = {
        {0, {0}, 32, "()"},
        {1, {7}, 32, "7"},
        {4, {64, 3, 7, 7}, 32, "64x3x7x7"},
        {2, {-1, 0}, 32, "-1x0"},
        {4, {64, 3, 7, 7}, 12, "64x3x7x7"},
        {4, {64, 3, 7, 7}, 11, "64x3x7…"},
        {1, {INT64_MIN}, 32, "-9223372036854775808"},
        {2, {123456, 7}, 8, "…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        assert_string_equal(bnf_dims_text(cases[i].dims, cases[i].rank, text, cases[i].room), cases[i].text);
    }
}

static Onnx__StringStringEntryProto entry(const char *key, const char *value)
{
    Onnx__StringStringEntryProto made = ONNX__STRING_STRING_ENTRY_PROTO__INIT;
    made.key = (char *)(uintptr_t)key;
    made.value = (char *)(uintptr_t)value;
    return made;
}

/* How many elements or bytes each field of a tensor has; their values do not matter here. */
struct amounts {
    size_t raw, floats, int32s, strings, int64s, doubles, uint64s;
};

static Onnx__TensorProto make(int type, size_t rank, const int64_t *dims, struct amounts n)
{
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    proto.has_data_type = type != 0;
    proto.data_type = type;
    proto.n_dims = rank;
    proto.dims = (int64_t *)(uintptr_t)dims;
    proto.has_raw_data = n.raw != 0;
    proto.raw_data.len = n.raw;
    proto.n_float_data = n.floats;
    proto.n_int32_data = n.int32s;
    proto.n_string_data = n.strings;
    proto.n_int64_data = n.int64s;
    proto.n_double_data = n.doubles;
    proto.n_uint64_data = n.uint64s;
    return proto;
}

static void test_check(void **state)
{
    (void)state;
    static const struct {
        int type;
        size_t rank;
        int64_t dims[4];
        struct amounts n;
        const char *sentence; /* NULL: sound */
    } cases[] = {
        {BNF_DTYPE_FLOAT, 4, {64, 3, 7, 7}, {.raw = 37632}, NULL},
        {BNF_DTYPE_FLOAT, 4, {64, 3, 7, 7}, {.raw = 36},
            "36 bytes of data, but dims 64x3x7x7 of float need 37632"},
        {BNF_DTYPE_FLOAT, 4, {64, 3, 7, 7}, {0}, "no data, but dims 64x3x7x7 of float need 37632 bytes"},
        {BNF_DTYPE_FLOAT, 0, {0}, {.raw = 4}, NULL},
        {BNF_DTYPE_FLOAT, 2, {3, 0}, {0}, NULL},
        {BNF_DTYPE_STRING, 1, {0}, {0}, NULL},
        {BNF_DTYPE_FLOAT, 2, {3, 0}, {.raw = 4}, "4 bytes of data, but dims 3x0 of float need 0"},
        {BNF_DTYPE_FLOAT, 1, {3}, {.floats = 3}, NULL},
        {BNF_DTYPE_FLOAT, 1, {3}, {.floats = 2}, "2 elements in float_data, but dims 3 of float need 3"},
        {BNF_DTYPE_COMPLEX64, 1, {3}, {.floats = 6}, NULL},
        {BNF_DTYPE_COMPLEX128, 1, {3}, {.doubles = 3},
            "3 elements in double_data, but dims 3 of complex128 need 6"},
        {BNF_DTYPE_DOUBLE, 1, {3}, {.doubles = 3}, NULL},
        {BNF_DTYPE_FLOAT16, 1, {3}, {.int32s = 3}, NULL},
        {BNF_DTYPE_BOOL, 1, {3}, {.int32s = 3}, NULL},
        {BNF_DTYPE_INT4, 1, {3}, {.int32s = 2}, NULL},
        {BNF_DTYPE_INT4, 1, {3}, {.int32s = 3}, "3 elements in int32_data, but dims 3 of int4 need 2"},
        {BNF_DTYPE_UINT2, 1, {9}, {.raw = 3}, NULL},
        {BNF_DTYPE_INT64, 1, {3}, {.int64s = 3}, NULL},
        {BNF_DTYPE_UINT32, 1, {3}, {.uint64s = 3}, NULL},
        {BNF_DTYPE_UINT64, 1, {3}, {.uint64s = 3}, NULL},
        {BNF_DTYPE_UINT32, 1, {3}, {.int32s = 3},
            "data in int32_data, but uint32 elements belong in uint64_data"},
        {BNF_DTYPE_FLOAT16, 1, {3}, {.floats = 3},
            "data in float_data, but float16 elements belong in int32_data"},
        {BNF_DTYPE_STRING, 1, {3}, {.strings = 3}, NULL},
        {BNF_DTYPE_STRING, 1, {3}, {.strings = 2}, "2 elements in string_data, but dims 3 of string need 3"},
        {BNF_DTYPE_STRING, 1, {3}, {.raw = 3}, "data in raw_data, but string elements belong in string_data"},
        {BNF_DTYPE_STRING, 1, {3}, {0}, "no data, but dims 3 of string need 3 strings"},
        {BNF_DTYPE_FLOAT, 1, {3}, {.raw = 12, .floats = 3},
            "data in raw_data and in float_data, allowed is one field"},
        {BNF_DTYPE_INT64, 1, {3}, {.int32s = 3, .int64s = 3},
            "data in int32_data and in int64_data, allowed is one field"},
        {BNF_DTYPE_UNDEFINED, 1, {3}, {.raw = 12}, "data type 0 (undefined), which is not one of ONNX's"},
        {27, 1, {3}, {.raw = 12}, "data type 27 (unknown type), which is not one of ONNX's"},
        {-1, 1, {3}, {.raw = 12}, "data type -1 (unknown type), which is not one of ONNX's"},
        {BNF_DTYPE_FLOAT, 2, {3, -1}, {.raw = 12},
            "dims 3x-1, allowed are 0 or more and bytes that can be counted"},
        {BNF_DTYPE_FLOAT, 2, {INT64_MAX, 2}, {.raw = 12},
            "dims 9223372036854775807x2, allowed are 0 or more and bytes that can be counted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__TensorProto proto = make(cases[i].type, cases[i].rank, cases[i].dims, cases[i].n);
        struct bnf_err err = {.text = "untouched"};
        int status = bnf_tensor_check(&proto, &err);
        assert_string_equal(err.text, cases[i].sentence ? cases[i].sentence : "untouched");
        assert_int_equal(status, cases[i].sentence ? BNF_EINPUT : BNF_OK);
    }
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    Onnx__TensorProto proto = make(BNF_DTYPE_FLOAT, 0, NULL, (struct amounts){.raw = 4});
    proto.segment = &segment;
    struct bnf_err err = {0};
    assert_int_equal(bnf_tensor_check(&proto, &err), BNF_EINPUT);
    assert_string_equal(err.text, "segments are not supported");
}

static void test_check_external(void **state)
{
    (void)state;
    static const struct {
        const char *keys[4], *values[4];
        const char *sentence;
    } cases[] = {
        {{"location"}, {"w"}, NULL},
        {{"location", "offset", "length"}, {"w", "4096", "12"}, NULL},
        {{"location", "checksum", "length"}, {"w", "no number", "12"}, NULL},
        {{"location", "offset"}, {"w", "18446744073709551615"}, NULL},
        {{"offset"}, {"0"}, "external_data without a location"},
        {{"location"}, {""}, "external_data without a location"},
        {{"location", "location"}, {"w", "v"}, "external_data has 'location' twice"},
        {{"location", "offset", "offset"}, {"w", "0", "0"}, "external_data has 'offset' twice"},
        {{"location", "length"}, {"w", "16"}, "16 bytes of external data, but dims 3 of float need 12"},
        {{"location", "offset"}, {"w", "18446744073709551616"},
            "external_data: offset '18446744073709551616' is not a decimal number below 2^64"},
        {{"location", "offset"}, {"w", "-1"},
            "external_data: offset '-1' is not a decimal number below 2^64"},
        {{"location", "offset"}, {"w", " 1"},
            "external_data: offset ' 1' is not a decimal number below 2^64"},
        {{"location", "length"}, {"w", ""}, "external_data: length '' is not a decimal number below 2^64"},
    };
    static const int64_t three = 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__TensorProto proto = make(BNF_DTYPE_FLOAT, 1, &three, (struct amounts){0});
        Onnx__StringStringEntryProto entries[4], *list[4];
        for (; proto.n_external_data < 4 && cases[i].keys[proto.n_external_data]; proto.n_external_data++) {
            size_t n = proto.n_external_data;
            entries[n] = entry(cases[i].keys[n], cases[i].values[n]);
            list[n] = &entries[n];
        }
        proto.external_data = list;
        proto.has_data_location = true;
        proto.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        struct bnf_err err = {.text = "untouched"};
        int status = bnf_tensor_check(&proto, &err);
        assert_string_equal(err.text, cases[i].sentence ? cases[i].sentence : "untouched");
        assert_int_equal(status, cases[i].sentence ? BNF_EINPUT : BNF_OK);
    }
}

static void test_view(void **state)
{
    (void)state;
    struct bnf_model model = {0};
    static uint8_t raw[] = {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0}; /* 1.5, -2 */
    static float floats[] = {1.5f, -2};
    static double doubles[] = {1.5, -2};
    static int32_t halves[] = {0x3e00, 0xc000}, bytes[] = {3, -2}, words[] = {3, -2};
    static int64_t longs[] = {3, -2}, two = 2;
    static uint64_t unsigned_longs[] = {3, 4000000000};
    static const struct {
        int type;
        double first, second;
    } cases[] = {
        {BNF_DTYPE_FLOAT, 1.5, -2}, /* in raw_data */
        {BNF_DTYPE_FLOAT, 1.5, -2}, /* in float_data */
        {BNF_DTYPE_DOUBLE, 1.5, -2},
        {BNF_DTYPE_FLOAT16, 1.5, -2},
        {BNF_DTYPE_INT8, 3, -2},
        {BNF_DTYPE_UINT16, 3, 65534},
        {BNF_DTYPE_INT32, 3, -2},
        {BNF_DTYPE_INT64, 3, -2},
        {BNF_DTYPE_UINT32, 3, 4000000000},
        {BNF_DTYPE_UINT64, 3, 4000000000},
    };
    static const struct amounts n[] = {{.raw = 8}, {.floats = 2}, {.doubles = 2}, {.int32s = 2},
        {.int32s = 2}, {.int32s = 2}, {.int32s = 2}, {.int64s = 2}, {.uint64s = 2}, {.uint64s = 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__TensorProto proto = make(cases[i].type, 1, &two, n[i]);
        proto.raw_data.data = raw;
        proto.float_data = floats;
        proto.double_data = doubles;
        proto.int32_data = cases[i].type == BNF_DTYPE_FLOAT16 ? halves
                           : cases[i].type == BNF_DTYPE_INT32 ? words
                                                              : bytes;
        proto.int64_data = longs;
        proto.uint64_data = unsigned_longs;
        struct bnf_tensor tensor;
        struct bnf_err err = {0};
        if (bnf_tensor_view(&model, &proto, &tensor, &err))
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(tensor.count, 2);
        assert_int_equal(tensor.bytes * 8, 2 * bnf_dtype_bits(cases[i].type));
        assert_true(
            bnf_tensor_at(&tensor, 0) == cases[i].first && bnf_tensor_at(&tensor, 1) == cases[i].second);
    }
    int64_t five = 5;
    int32_t nibbles[] = {0x21, 0x43, 0x05};
    Onnx__TensorProto proto = make(BNF_DTYPE_UINT4, 1, &five, (struct amounts){.int32s = 3});
    proto.int32_data = nibbles;
    struct bnf_tensor tensor;
    assert_int_equal(bnf_tensor_view(&model, &proto, &tensor, NULL), BNF_OK);
    assert_memory_equal(tensor.data, "\x21\x43\x05", 3);

    Onnx__TensorProto text = make(BNF_DTYPE_STRING, 1, &two, (struct amounts){.strings = 2});
    text.name = (char *)(uintptr_t) "words\n";
    struct bnf_err err = {0};
    assert_int_equal(bnf_tensor_view(&model, &text, &tensor, &err), BNF_EINPUT);
    assert_string_equal(err.text, "tensor 'words?': strings have no value as numbers");

    model.arena.limit = model.arena.used + 8;
    assert_int_equal(bnf_tensor_view(&model, &proto, &tensor, &err), BNF_ELIMIT);
    bnf_arena_free(&model.arena);
}

/* ---- side files */

static void put_file(const char *folder, const char *name, const char *bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

/* outside.bin, m/w.bin, m/sub/v.bin, m/link.bin → w.bin, m/sublink → sub, m/twin.bin (two hard links), m/fifo
 */
static int make_folder(void **state)
{
    static char root[64];
    char path[512], other[512];
    snprintf(root, sizeof root, "%s", "/tmp/bnfold-test-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    put_file(root, "outside.bin", "outside");
    snprintf(path, sizeof path, "%s/m", root);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/m/sub", root);
    mkdir(path, 0700);
    put_file(root, "m/w.bin", "0123456789");
    put_file(root, "m/sub/v.bin", "abcdefgh");
    put_file(root, "m/twin.bin", "twin");
    put_file(root, "m/empty.bin", "");
    snprintf(path, sizeof path, "%s/m/twin.bin", root);
    snprintf(other, sizeof other, "%s/twin2.bin", root);
    int status = link(path, other);
    snprintf(path, sizeof path, "%s/m/link.bin", root);
    status |= symlink("w.bin", path);
    snprintf(path, sizeof path, "%s/m/sublink", root);
    status |= symlink("sub", path);
    snprintf(path, sizeof path, "%s/m/fifo", root);
    status |= mkfifo(path, 0600);
    *state = root;
    return status;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"m/w.bin", "m/sub/v.bin", "m/twin.bin", "m/empty.bin", "twin2.bin",
        "m/link.bin", "m/sublink", "m/fifo", "outside.bin"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", (char *)*state, names[i]);
        unlink(path);
    }
    static const char *const folders[] = {"m/sub", "m", "."};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", (char *)*state, folders[i]);
        rmdir(folders[i][0] == '.' ? (char *)*state : path);
    }
    return 0;
}

struct side_case {
    const char *location, *offset;
    const char *bytes; /* the four wanted, NULL: refused */
    const char *sentence;
};

static const struct side_case side_cases[] = {
    {"w.bin", NULL, "0123", NULL},
    {"w.bin", "6", "6789", NULL},
    {"./w.bin", "1", "1234", NULL},
    {"sub/v.bin", "2", "cdef", NULL},
    {"sub//v.bin", "0", "abcd", NULL},
    {"w.bin", "7", NULL, "external data 'w.bin': 4 bytes at offset 7 are wanted, but the file has 10"},
    {"w.bin", "18446744073709551615", NULL,
        "external data 'w.bin': 4 bytes at offset 18446744073709551615 are wanted, but the file has 10"},
    {"empty.bin", NULL, NULL,
        "external data 'empty.bin': 4 bytes at offset 0 are wanted, but the file has 0"},
    {"none.bin", NULL, NULL, "external data 'none.bin': No such file or directory"},
    {"w.bin/v.bin", NULL, NULL, "external data 'w.bin/v.bin': Not a directory"},
    {"/etc/passwd", NULL, NULL,
        "external data '/etc/passwd': an absolute path, but must lie below the model's folder"},
    {"../outside.bin", NULL, NULL,
        "external data '../outside.bin': a path with '..', but must lie below the model's folder"},
    {"sub/../w.bin", NULL, NULL,
        "external data 'sub/../w.bin': a path with '..', but must lie below the model's folder"},
    {"sub/..", NULL, NULL, "external data 'sub/..': a path with '..', but must lie below the model's folder"},
    {"link.bin", NULL, NULL, "external data 'link.bin': a symbolic link, which is not followed"},
    {"sublink/v.bin", NULL, NULL, "external data 'sublink/v.bin': a symbolic link, which is not followed"},
    {"twin.bin", NULL, NULL, "external data 'twin.bin': the file has 2 hard links, allowed is 1"},
    {"sub", NULL, NULL, "external data 'sub': not a regular file"},
    {"sub/", NULL, NULL, "external data 'sub/': not a regular file"},
    {"fifo", NULL, NULL, "external data 'fifo': not a regular file"},
};

/* Views four bytes of a side file. NULL when all is as the case says, else what is not. */
static const char *try_side(struct bnf_model *model, const struct side_case *c)
{
    static char told[1200];
    static const int64_t four = 4;
    Onnx__StringStringEntryProto entries[] = {entry("location", c->location), entry("offset", c->offset)};
    Onnx__StringStringEntryProto *list[] = {&entries[0], &entries[1]};
    Onnx__TensorProto proto = make(BNF_DTYPE_UINT8, 1, &four, (struct amounts){0});
    proto.name = (char *)(uintptr_t) "w";
    proto.external_data = list;
    proto.n_external_data = c->offset ? 2 : 1;
    proto.has_data_location = true;
    proto.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    struct bnf_tensor tensor;
    struct bnf_err err = {0};
    char expected[1200];
    int status = bnf_tensor_view(model, &proto, &tensor, &err);
    snprintf(told, sizeof told, "'%s': status %d, %s", c->location, status, err.text);
    if (c->bytes)
        return status == BNF_OK && memcmp(tensor.data, c->bytes, 4) == 0 &&
                       bnf_external_holds(model, tensor.data) && bnf_external_holds(model, tensor.data + 3)
                   ? NULL
                   : told;
    snprintf(expected, sizeof expected, "tensor 'w': %s", c->sentence);
    return status == BNF_EINPUT && strcmp(err.text, expected) == 0 ? NULL : told;
}

static const char *try_sides(const char *root)
{
    char path[512];
    snprintf(path, sizeof path, "%s/m/model.onnx", root);
    struct bnf_model model = {.path = path};
    const char *wrong = NULL;
    for (size_t i = 0; !wrong && i < sizeof side_cases / sizeof *side_cases; i++)
        wrong = try_side(&model, &side_cases[i]);
    bnf_model_close(&model);
    return wrong;
}

static void test_side_files(void **state)
{
    const char *wrong = try_sides(*state);
    if (wrong)
        fail_msg("%s", wrong);
}

/* The same where the kernel has no openat2. */
static void test_without_openat2(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {sizeof code / sizeof *code, code};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ||
            syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) != -1 || errno != ENOSYS)
            _exit(77);
        const char *wrong = try_sides(*state);
        if (wrong)
            fprintf(stderr, "%s\n", wrong);
        _exit(wrong ? 1 : 0);
    }
    int result = -1;
    assert_true(child > 0 && waitpid(child, &result, 0) == child && WIFEXITED(result));
    if (WEXITSTATUS(result) == 77)
        skip(); /* filters are not allowed here */
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void test_side_file_is_mapped_once(void **state)
{
    char path[512];
    snprintf(path, sizeof path, "%s/m/model.onnx", (char *)*state);
    struct bnf_model model = {.path = path};
    for (size_t i = 0; i < 3; i++)
        assert_null(try_side(&model, &side_cases[i % 2]));
    assert_non_null(model.external);
    assert_null(model.external->next);
    assert_false(bnf_external_holds(&model, path));
    bnf_model_close(&model);
}

static void test_no_folder(void **state)
{
    (void)state;
    static const struct side_case refused = {
        "w.bin", NULL, NULL, "external data 'w.bin' of a model on standard input has no folder"};
    char dash[] = "-", bare[] = "bnfold-no-such-model.onnx";
    struct bnf_model model = {.path = dash};
    assert_null(try_side(&model, &refused));
    bnf_model_close(&model);
    model = (struct bnf_model){.path = bare}; /* in the working directory */
    static const struct side_case missing = {
        "no/such.bin", NULL, NULL, "external data 'no/such.bin': No such file or directory"};
    assert_null(try_side(&model, &missing));
    bnf_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_dims_text),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_external),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_side_files),
        cmocka_unit_test(test_without_openat2),
        cmocka_unit_test(test_side_file_is_mapped_once),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
