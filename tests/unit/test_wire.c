/* The wire walk: what the skeleton of sound bytes is, and the sentence for each way of being broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/place.h"
#include "onnx/wire.h"
#include "support/hex.h"

#include "onnx.pb-c.h"

static const ProtobufCMessageDescriptor *const model = &onnx__model_proto__descriptor;
static const ProtobufCMessageDescriptor *const tensor = &onnx__tensor_proto__descriptor;
static const ProtobufCMessageDescriptor *const attribute = &onnx__attribute_proto__descriptor;
static const ProtobufCMessageDescriptor *const type_proto = &onnx__type_proto__descriptor;

static void test_skeleton(void **state)
{
    (void)state;
    const struct {
        const char *what;
        const ProtobufCMessageDescriptor *type;
        const char *bytes, *skeleton;
    } cases[] = {
        {"nothing", model, "", ""},
        {"a number", model, "08 07", "08 07"},
        {"a padded tag", model, "88 80 00 07", "08 07"},
        {"a varint of ten bytes", model, "28 ff ff ff ff ff ff ff ff ff 01",
            "28 ff ff ff ff ff ff ff ff ff 01"},
        {"text", model, "12 03 'abc'", "12 03 'abc'"},
        {"text of no bytes", model, "12 00", "12 00"},
        {"a padded length", model, "12 83 80 00 'abc'", "12 03 'abc'"},
        {"an inner message", model, "3a 02 12 00", "3a 82 80 80 80 00 12 00"},
        {"an empty inner message", model, "3a 00", "3a 80 80 80 80 00"},
        {"two levels", model, "3a 04 0a 02 22 00 08 01", "3a 88 80 80 80 00 0a 82 80 80 80 00 22 00 08 01"},
        {"unknown fields of every type", model, "a0 38 96 01 a1 38 'abcdefgh' a2 38 02 00 ff a5 38 'abcd'",
            "a0 38 96 01 a1 38 'abcdefgh' a2 38 02 00 ff a5 38 'abcd'"},
        {"raw_data", tensor, "4a 04 'wxyz'", "4a 10 02 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00"},
        {"raw_data later on", tensor, "08 02 4a 01 'w' 10 01",
            "08 02 4a 10 04 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 10 01"},
        {"raw_data of no bytes", tensor, "4a 00", "4a 00"},
        {"float_data", tensor, "22 04 'wxyz'", "22 10 02 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00"},
        {"float_data of no elements", tensor, "22 00", "22 00"},
        {"float_data, not packed", tensor, "25 'wxyz' 25 'abcd' 10 01",
            "22 10 00 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 01 10 01"},
        {"float_data in two ways", tensor, "25 'wxyz' 22 04 'abcd'",
            "22 10 00 00 00 00 00 00 00 00 05 00 00 00 00 00 00 01"
            "22 10 07 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00"},
        {"double_data", tensor, "52 08 'abcdefgh'", "52 10 02 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00"},
        {"double_data, not packed", tensor, "51 'abcdefgh'",
            "52 10 00 00 00 00 00 00 00 00 09 00 00 00 00 00 00 01"},
        {"float_data with padded tags", tensor, "a5 00 'wxyz' 25 'abcd'",
            "22 10 00 00 00 00 00 00 00 00 06 00 00 00 00 00 00 02"
            "22 10 06 00 00 00 00 00 00 00 05 00 00 00 00 00 00 01"},
        {"other lists stay", tensor, "2a 03 01 ac 02 3a 01 05 32 02 'ab'",
            "2a 03 01 ac 02 3a 01 05 32 02 'ab'"},
        {"a run of numbers is packed", attribute, "40 01 40 ac 02 40 05 a0 01 07",
            "42 04 01 ac 02 05 a0 01 07"},
        {"a run of one is not", attribute, "40 01 a0 01 07", "40 01 a0 01 07"},
        {"a run of floats is packed", attribute, "3d 'abcd' 3d 'wxyz'", "3a 08 'abcdwxyz'"},
        {"a run ends with its tag's length", attribute, "40 01 c0 00 02", "40 01 40 02"},
        {"a NUL in bytes", attribute, "22 03 61 00 62", "22 03 61 00 62"},
        {"one of several, given in turns", type_proto, "0a 02 08 01 22 00",
            "0a 82 80 80 80 00 08 01 22 80 80 80 80 00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size, expected_size;
        uint8_t *bytes = hex_bytes(cases[i].bytes, &size);
        uint8_t *expected = hex_bytes(cases[i].skeleton, &expected_size);
        struct bnf_buf skeleton = {0};
        struct bnf_err err = {0};
        if (bnf_wire_skeleton(bytes, size, cases[i].type, &skeleton, &err))
            fail_msg("%s: %s", cases[i].what, err.text);
        if (skeleton.size != expected_size || memcmp(bnf_buf_text(&skeleton), expected, expected_size) != 0)
            fail_msg("%s: another skeleton, of %zu bytes", cases[i].what, skeleton.size);
        bnf_buf_free(&skeleton);
        bnf_free(bytes);
        bnf_free(expected);
    }
}

static void test_broken(void **state)
{
    (void)state;
    const struct {
        const ProtobufCMessageDescriptor *type;
        const char *bytes, *sentence;
    } cases[] = {
        {model, "08", "ir_version: the file ends within a value at byte 1"},
        {model, "08 80", "ir_version: the file ends within a value at byte 2"},
        {model, "80", "the file ends within a value at byte 1"},
        {model, "08 ff ff ff ff ff ff ff ff ff ff 01",
            "ir_version: a varint of more than 10 bytes at byte 0"},
        {model, "08 07 00 01", "field number 0 at byte 2, allowed are 1 to 536870911"},
        {model, "80 80 80 80 10 01", "field number 536870912 at byte 0, allowed are 1 to 536870911"},
        {model, "0b", "ir_version: wire type 3 at byte 0, allowed are 0, 1, 2 and 5"},
        {model, "0f", "ir_version: wire type 7 at byte 0, allowed are 0, 1, 2 and 5"},
        {model, "0d 01 02 03 04", "ir_version: wire type 5 at byte 0, but 'ir_version' has 0"},
        {model, "38 01", "wire type 0 at byte 0, but 'graph' has 2"},
        {model, "0a 01 01", "ir_version: wire type 2 at byte 0, but 'ir_version' has 0"},
        {model, "12 05 'abc'", "producer_name: length 5 runs past the end of the file at byte 5"},
        {model, "12 03 61 00 62", "producer_name: a NUL within the text at byte 3"},
        {model, "3a 00 3a 00", "'graph' is given twice, at byte 2"},
        {model, "3a 03 12 05 'a' 08 07", "name: length 5 runs past the end of its message at byte 5"},
        {model, "3a ff ff ff ff ff ff ff ff ff 01 12 00",
            "length 18446744073709551615 runs past the end of the file at byte 13"},
        {model, "3a 20 2a 05 42 01 'w' 4a 00 2a 10 42 01 'v' 4a 80 80 80 05 'xx'",
            "initializer 1 'v': length 10485760 runs past the end of the file at byte 21"},
        {model, "3a 09 0a 02 12 00 0a 03 0a 02 'a'",
            "node 1: input 0: length 2 runs past the end of the file at byte 11"},
        {model, "3a 10 0a 0e 1a 02 'If' 2a 08 0a 01 'b' 32 03 12 05 'x'",
            "node 0 'If': attribute 'b': name: length 5 runs past the end of the file at byte 18"},
        {model, "3a 0a 0a 08 1a 03 0a ff 7f 2a 01 00",
            "node 0 '?\?\?': attribute 0: field number 0 at byte 11, allowed are 1 to 536870911"},
        {model, "c2 3e 05 'abc'", "length 5 runs past the end of the file at byte 6"},
        {tensor, "25 'abc'", "float_data 0: the file ends within a value at byte 4"},
        {tensor, "25 'abcd' 25 'abc'", "float_data 1: the file ends within a value at byte 9"},
        {tensor, "22 05 'abcde'", "float_data 0: length 5 at byte 2 is not a multiple of 4"},
        {tensor, "52 04 'abcd'", "double_data 0: length 4 at byte 2 is not a multiple of 8"},
        {tensor, "3a 02 05 80", "int64_data 0: a number of a packed list does not end, at byte 3"},
        {tensor, "3a 0b ff ff ff ff ff ff ff ff ff ff 01",
            "int64_data 0: a number of a packed list does not end, at byte 2"},
        {tensor, "4a 05 'abcd'", "length 5 runs past the end of the file at byte 6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *bytes = hex_bytes(cases[i].bytes, &size);
        struct bnf_buf skeleton = {0};
        struct bnf_err err = {0};
        int status = bnf_wire_skeleton(bytes, size, cases[i].type, &skeleton, &err);
        if (status != BNF_EINPUT || err.status != BNF_EINPUT || strcmp(err.text, cases[i].sentence) != 0)
            fail_msg("%s: status %d, \"%s\" instead of \"%s\"", cases[i].bytes, status, err.text,
                cases[i].sentence);
        bnf_buf_free(&skeleton);
        bnf_free(bytes);
    }
}

/* `depth` TypeProto and Sequence messages within each other, the outermost included. */
static size_t nest(unsigned depth, uint8_t *bytes, size_t room)
{
    size_t at = room;
    for (unsigned i = depth - 1; i > 0; i--) {
        size_t length = room - at;
        if (length >= 0x80)
            bytes[--at] = (uint8_t)(length >> 7);
        bytes[--at] = (uint8_t)(length >= 0x80 ? length | 0x80 : length);
        bytes[--at] = i % 2 ? 0x22 : 0x0a; /* TypeProto.sequence_type, TypeProto.Sequence.elem_type */
    }
    memmove(bytes, bytes + at, room - at);
    return room - at;
}

static void test_depth(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    for (unsigned depth = BNF_WIRE_DEPTH - 1; depth <= BNF_WIRE_DEPTH + 1; depth++) {
        struct bnf_buf skeleton = {0};
        struct bnf_err err = {0};
        size_t size = nest(depth, bytes, sizeof bytes);
        int status = bnf_wire_skeleton(bytes, size, type_proto, &skeleton, &err);
        assert_int_equal(status, depth <= BNF_WIRE_DEPTH ? BNF_OK : BNF_ELIMIT);
        if (status)
            assert_non_null(strstr(err.text, "…: messages are nested more than 100 deep"));
        bnf_buf_free(&skeleton);
    }
}

static void test_quote(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t room;
        const char *copy;
    } cases[] = {
        {"conv1.weight", 64, "conv1.weight"},
        {"", 64, ""},
        {"a\nb\x7f\x1b[31m", 64, "a?b??[31m"},
        {"größe", 64, "größe"},
        {"größe", 5, "grö"},
        {"größe", 4, "gr"},
        {"\xff\xc3", 64, "??"},
        {"\xc0\xaf", 64, "??"},
        {"abc", 3, "ab"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char copy[64];
        assert_string_equal(
            bnf_place_quote(cases[i].text, strlen(cases[i].text), copy, cases[i].room), cases[i].copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skeleton),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
