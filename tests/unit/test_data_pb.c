/* Values in files of their own: what is read of tensors, sequences and optionals, what is refused, and what they are as
 * arrays. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/feed.h"
#include "eval/operator.h"
#include "onnx/data_pb.h"

static char path[] = "/tmp/bnfold-data-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_bytes(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A value's type: what the value around a tensor of that element type is. */
struct shape {
    Onnx__TypeProto type, inner;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TypeProto__Sequence sequence;
    Onnx__TypeProto__Optional optional;
};

static const Onnx__TypeProto *type_of(struct shape *s, int value_case, int dtype)
{
    onnx__type_proto__init(&s->type);
    onnx__type_proto__init(&s->inner);
    onnx__type_proto__tensor__init(&s->tensor);
    onnx__type_proto__sequence__init(&s->sequence);
    onnx__type_proto__optional__init(&s->optional);
    s->tensor.has_elem_type = true;
    s->tensor.elem_type = dtype;
    s->inner.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    s->inner.tensor_type = &s->tensor;
    s->sequence.elem_type = s->optional.elem_type = &s->inner;
    s->type.value_case = (Onnx__TypeProto__ValueCase)value_case;
    if (value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        s->type.tensor_type = &s->tensor;
    else if (value_case == ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE)
        s->type.sequence_type = &s->sequence;
    else
        s->type.optional_type = &s->optional;
    return &s->type;
}

/* A tensor with dims [2] and two int32 in raw_data: 7, -1. */
static const uint8_t pair[] = {0x08, 2, 0x10, 6, 0x4a, 8, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
/* A sequence of two of them, and an optional with one. */
static const uint8_t sequence[] = {0x0a, 1, 's', 0x10, 1, 0x1a, 14, 0x08, 2, 0x10, 6, 0x4a, 8, 7, 0, 0, 0, 0xff, 0xff, 0xff,
    0xff, 0x1a, 4, 0x08, 0, 0x10, 6};
static const uint8_t optional[] = {0x10, 1, 0x1a, 14, 0x08, 2, 0x10, 6, 0x4a, 8, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
static const uint8_t empty_optional[] = {0x0a, 1, 'o', 0x10, 0};
/* Two strings: "a" and "". */
static const uint8_t texts[] = {0x08, 2, 0x10, 8, 0x32, 1, 'a', 0x32, 0};

static void read_array(const void *bytes, size_t size, const Onnx__TypeProto *type, struct bnf_arena *arena,
    struct bnf_budget *budget, struct bnf_array **out)
{
    struct bnf_err err = {0};
    struct bnf_data data;
    write_bytes(bytes, size);
    if (bnf_data_load(path, type, arena, &data, &err) ||
        bnf_feed_array(budget, &data, BNF_PRECISION_FLOAT, arena, out, &err))
        fail_msg("%s", err.text);
}

static void test_read(void **state)
{
    (void)state;
    struct bnf_arena arena = {0};
    struct bnf_budget budget = {0};
    struct bnf_array *a;
    struct shape s;
    read_array(pair, sizeof pair, NULL, &arena, &budget, &a);
    assert_int_equal(a->dtype, BNF_DTYPE_INT32);
    assert_int_equal(a->count, 2);
    assert_int_equal(((int64_t *)a->data)[1], -1);
    bnf_array_drop(&budget, a);
    read_array(sequence, sizeof sequence, type_of(&s, ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE, 6), &arena, &budget, &a);
    assert_int_equal(a->kind, BNF_KIND_SEQUENCE);
    assert_int_equal(a->count, 2);
    assert_int_equal(((int64_t *)((struct bnf_array **)a->data)[0]->data)[0], 7);
    assert_int_equal(((struct bnf_array **)a->data)[1]->count, 0);
    bnf_array_drop(&budget, a);
    read_array(optional, sizeof optional, type_of(&s, ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE, 6), &arena, &budget, &a);
    assert_int_equal(a->kind, BNF_KIND_INT);
    bnf_array_drop(&budget, a);
    read_array(empty_optional, sizeof empty_optional, type_of(&s, ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE, 6), &arena,
        &budget, &a);
    assert_int_equal(a->kind, BNF_KIND_NOTHING);
    bnf_array_drop(&budget, a);
    read_array(texts, sizeof texts, NULL, &arena, &budget, &a);
    assert_int_equal(a->kind, BNF_KIND_TEXT);
    assert_string_equal(((const char **)a->data)[0], "a");
    assert_string_equal(((const char **)a->data)[1], "");
    bnf_array_drop(&budget, a);
    assert_int_equal(budget.used, 0);
    bnf_arena_free(&arena);
}

/* uint16 on disk, bfloat16 in the model: 0x3fc0 is 1.5. Without the model's word they are integers. */
static void test_bfloat16(void **state)
{
    (void)state;
    static const uint8_t bits[] = {0x08, 1, 0x10, 4, 0x4a, 2, 0xc0, 0x3f};
    struct bnf_arena arena = {0};
    struct bnf_budget budget = {0};
    struct bnf_array *a;
    struct shape s;
    read_array(bits, sizeof bits, type_of(&s, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, BNF_DTYPE_BFLOAT16), &arena, &budget, &a);
    assert_int_equal(a->dtype, BNF_DTYPE_BFLOAT16);
    assert_true(bnf_array_at(a, 0) == 1.5);
    bnf_array_drop(&budget, a);
    read_array(bits, sizeof bits, NULL, &arena, &budget, &a);
    assert_int_equal(a->dtype, BNF_DTYPE_UINT16);
    assert_true(bnf_array_at(a, 0) == 0x3fc0);
    bnf_array_drop(&budget, a);
    bnf_arena_free(&arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const uint8_t short_data[] = {0x08, 2, 0x10, 6, 0x4a, 4, 7, 0, 0, 0};
    static const uint8_t cut[] = {0x08, 2, 0x10, 6, 0x4a, 8, 7, 0};
    static const uint8_t elsewhere[] = {0x08, 1, 0x10, 6, 0x6a, 13, 0x0a, 8, 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n', 0x12, 1,
        'w', 0x70, 1};
    static const uint8_t bad_element[] = {0x10, 1, 0x1a, 4, 0x08, 0, 0x10, 6, 0x1a, 4, 0x08, 1, 0x10, 6};
    static const uint8_t missing[] = {0x10, 1};
    static const struct {
        const uint8_t *bytes;
        size_t size;
        int value_case;
        const char *text;
    } cases[] = {
        {short_data, sizeof short_data, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE,
            "4 bytes of data, but dims 2 of int32 need 8"},
        {cut, sizeof cut, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, "length 8 runs past the end of the file at byte 8"},
        {elsewhere, sizeof elsewhere, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE,
            "the elements are in another file, allowed is this one"},
        {bad_element, sizeof bad_element, ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE,
            "element 1: no data, but dims 1 of int32 need 4 bytes"},
        {missing, sizeof missing, ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE,
            "an optional of element type 1 without such a value"},
        {cut, 0, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, "data type 0 (undefined), which is not one of ONNX's"},
    };
    struct shape s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_arena arena = {0};
        struct bnf_err err = {0};
        struct bnf_data data;
        write_bytes(cases[i].bytes, cases[i].size);
        assert_int_equal(bnf_data_load(path, type_of(&s, cases[i].value_case, 6), &arena, &data, &err), BNF_EINPUT);
        if (!strstr(err.text, cases[i].text) || strncmp(err.text, "cannot load '/tmp/", 18) != 0)
            fail_msg("case %zu: %s", i, err.text);
        bnf_arena_free(&arena);
    }
    struct bnf_err err = {0};
    struct bnf_arena arena = {0};
    Onnx__TensorProto *tensor;
    assert_int_equal(bnf_tensor_load("/tmp/bnfold-there-is-no-such-file", &arena, &tensor, &err), BNF_EIO);
}

/* Small messages that ask for much: a value may take so many times its file's size, and no more than its arena gives. */
static void test_limits(void **state)
{
    (void)state;
    static const struct {
        size_t elements, limit; /* elements of 2 bytes; of the arena */
        const char *text;
    } cases[] = {
        {1000000, 0, "its messages need more than 99108864 bytes of memory, too many for a file of 2000000"},
        {1000000, (size_t)1 << 30, "its messages need more than 99108864 bytes of memory, too many"},
        {100000, (size_t)1 << 20, "its messages need more memory than the 1048576 bytes allowed"},
        {600000, (size_t)1 << 20, "its 1200000 bytes need more memory than the 1048576 bytes allowed"},
    };
    struct shape s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_arena arena;
        struct bnf_err err = {0};
        struct bnf_data data;
        uint8_t *bytes = calloc(cases[i].elements, 2);
        assert_non_null(bytes);
        for (size_t k = 0; k < cases[i].elements; k++)
            bytes[2 * k] = 0x1a;
        write_bytes(bytes, 2 * cases[i].elements);
        free(bytes);
        bnf_arena_init(&arena, cases[i].limit);
        const Onnx__TypeProto *type = type_of(&s, ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE, 6);
        assert_int_equal(bnf_data_load(path, type, &arena, &data, &err), BNF_ELIMIT);
        if (!strstr(err.text, cases[i].text) || strncmp(err.text, "cannot load '/tmp/", 18) != 0)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(arena.limit, cases[i].limit);
        bnf_arena_free(&arena);
    }
}

/* Element types that arrays do not hold are not supported, which is not the same as wrong. */
static void test_not_held(void **state)
{
    (void)state;
    static const uint8_t complex64[] = {0x08, 1, 0x10, 14, 0x4a, 8, 0, 0, 0, 0, 0, 0, 0, 0};
    struct bnf_arena arena = {0};
    struct bnf_budget budget = {0};
    struct bnf_err err = {0};
    struct bnf_data data;
    struct bnf_array *a;
    write_bytes(complex64, sizeof complex64);
    assert_int_equal(bnf_data_load(path, NULL, &arena, &data, &err), BNF_OK);
    assert_int_equal(bnf_feed_array(&budget, &data, BNF_PRECISION_DOUBLE, &arena, &a, &err), BNF_CANNOT);
    assert_string_equal(err.text, "elements of type complex64 are not supported");
    bnf_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_not_held),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
