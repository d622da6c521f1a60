/* ONNX-JSON written: what has no form in it, long lists, computed payloads, other locales. */
#include "support/jsontext.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A model around one tensor, on the caller's stack. */
struct tiny {
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    Onnx__TensorProto tensor, *initializer;
    struct bnf_model model;
};

static void tiny_init(struct tiny *tiny)
{
    *tiny = (struct tiny){0};
    onnx__model_proto__init(&tiny->proto);
    onnx__graph_proto__init(&tiny->graph);
    onnx__tensor_proto__init(&tiny->tensor);
    tiny->model.proto = &tiny->proto;
    tiny->proto.graph = &tiny->graph;
    tiny->initializer = &tiny->tensor;
    tiny->graph.initializer = &tiny->initializer;
    tiny->graph.n_initializer = 1;
}

#define TENSOR(body) \
    "{\n  \"graph\": {\n    \"initializer\": [\n      {\n        " body "\n      }\n    ]\n  }\n}\n"

static void test_unknown_fields(void **state)
{
    (void)state;
    struct tiny tiny;
    tiny_init(&tiny);
    uint8_t byte = 1;
    ProtobufCMessageUnknownField unknown = {
        .tag = 777, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = &byte};
    tiny.tensor.base.unknown_fields = &unknown;
    tiny.tensor.base.n_unknown_fields = 1;
    json_expect_saved(&tiny.model, false, BNF_EINPUT,
        "graph.initializer[0]: field number 777 of TensorProto is not in the schema and has no JSON form");
    json_expect_saved(
        &tiny.model, true, BNF_OK, "{\n  \"graph\": {\n    \"initializer\": [\n      {}\n    ]\n  }\n}\n");
    tiny.tensor.base.n_unknown_fields = 0;
    tiny.proto.base.unknown_fields = &unknown;
    tiny.proto.base.n_unknown_fields = 1;
    json_expect_saved(&tiny.model, false, BNF_EINPUT,
        "field number 777 of ModelProto is not in the schema and has no JSON form");
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    struct tiny tiny;
    tiny_init(&tiny);
    char name[] = "é\xff\xe9z";
    tiny.tensor.name = name;
    json_expect_saved(&tiny.model, false, BNF_EINPUT,
        "graph.initializer[0].name: the string is not UTF-8 (byte 0xff at 2), which JSON cannot hold");
    json_expect_saved(&tiny.model, true, BNF_OK, TENSOR("\"name\": \"é\xef\xbf\xbd\xef\xbf\xbdz\""));
}

static void test_nan_payload(void **state)
{
    (void)state;
    struct tiny tiny;
    const uint32_t odd[] = {0xffc00000, 0x7fc00001, 0x7f800001};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        float value;
        memcpy(&value, &odd[i], sizeof value);
        tiny_init(&tiny);
        tiny.tensor.n_float_data = 1;
        tiny.tensor.float_data = &value;
        json_expect_saved(&tiny.model, false, BNF_EINPUT,
            "graph.initializer[0].float_data[0]: a NaN with a sign or payload bits has no JSON form, only "
            "the plain "
            "one has");
        json_expect_saved(&tiny.model, true, BNF_OK, TENSOR("\"floatData\": [\"NaN\"]"));
    }
    /* In a tensor of floats there is another form that keeps every bit. */
    float value;
    memcpy(&value, &odd[1], sizeof value);
    tiny_init(&tiny);
    tiny.tensor.n_float_data = 1;
    tiny.tensor.float_data = &value;
    tiny.tensor.has_data_type = 1;
    tiny.tensor.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    json_expect_saved(
        &tiny.model, false, BNF_OK, TENSOR("\"dataType\": 1,\n        \"rawData\": \"AQDAfw==\""));
    const uint64_t odd64 = 0xfff8000000000000;
    double wide;
    memcpy(&wide, &odd64, sizeof wide);
    tiny_init(&tiny);
    tiny.tensor.n_double_data = 1;
    tiny.tensor.double_data = &wide;
    json_expect_saved(&tiny.model, true, BNF_OK, TENSOR("\"doubleData\": [\"NaN\"]"));
    assert_int_equal(bnf_fail(NULL, BNF_EINPUT, "x"), BNF_EINPUT);
    int status;
    struct bnf_buf text = json_save(&tiny.model, false, &status);
    assert_int_equal(status, BNF_EINPUT);
    bnf_buf_free(&text);
}

/* Long typed lists are written as raw data, when that means the same. */
static void test_long_lists(void **state)
{
    (void)state;
    static char storage[65 * 8 + 1];
    static const struct {
        int data_type;
        size_t count;
        bool beside; /* raw_data is there, too */
        bool raw;
    } cases[] = {
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 64, false, false},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 65, false, true},
        {ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64, 65, false, true},
        {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, 65, false, false},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, 65, false, false},
        {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 65, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tiny tiny;
        tiny_init(&tiny);
        tiny.tensor.has_data_type = 1;
        tiny.tensor.data_type = cases[i].data_type;
        tiny.tensor.n_float_data = cases[i].count;
        char *unaligned = storage + 1; /* as in a mapped file */
        memcpy(&tiny.tensor.float_data, &unaligned, sizeof unaligned);
        tiny.tensor.has_raw_data = cases[i].beside;
        int status;
        struct bnf_buf text = json_save(&tiny.model, false, &status);
        assert_int_equal(status, BNF_OK);
        assert_int_equal(strstr(text.data, "floatData") == NULL, cases[i].raw);
        assert_int_equal(strstr(text.data, "rawData") != NULL, cases[i].raw || cases[i].beside);
        bnf_buf_free(&text);
    }
}

enum { most_levels = 31, zero_count = 1000 };

/* A graph inside the attribute of a node, and so on; the innermost attribute has a list of zeros. */
struct nest {
    Onnx__ModelProto proto;
    Onnx__GraphProto graphs[most_levels];
    Onnx__NodeProto nodes[most_levels], *node_lists[most_levels];
    Onnx__AttributeProto attributes[most_levels], *attribute_lists[most_levels];
    int64_t zeros[zero_count];
    struct bnf_model model;
};

static void nest_init(struct nest *nest, size_t levels)
{
    *nest = (struct nest){0};
    onnx__model_proto__init(&nest->proto);
    nest->proto.graph = &nest->graphs[0];
    nest->model.proto = &nest->proto;
    for (size_t i = 0; i < levels; i++) {
        onnx__graph_proto__init(&nest->graphs[i]);
        onnx__node_proto__init(&nest->nodes[i]);
        onnx__attribute_proto__init(&nest->attributes[i]);
        nest->node_lists[i] = &nest->nodes[i];
        nest->attribute_lists[i] = &nest->attributes[i];
        nest->graphs[i].node = &nest->node_lists[i];
        nest->nodes[i].attribute = &nest->attribute_lists[i];
        nest->graphs[i].n_node = nest->nodes[i].n_attribute = 1;
        if (i)
            nest->attributes[i - 1].g = &nest->graphs[i];
    }
    nest->attributes[levels - 1].ints = nest->zeros;
    nest->attributes[levels - 1].n_ints = zero_count;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    for (; *text; text += strcspn(text, "\n") + 1)
        longest = strcspn(text, "\n") > longest ? strcspn(text, "\n") : longest;
    return longest;
}

/* Zeros take little more room in the depth than at the top, and can be read from there. */
static void test_deep_lists(void **state)
{
    (void)state;
    static struct nest nest;
    static const struct {
        size_t levels;
        const char *start; /* of the innermost list */
        const char *next;  /* of its second line */
    } cases[] = {
        {1, "\n            \"ints\": [\"0\", \"0\", ", ",\n              \"0\", \"0\", "},
        {2, "\n                      \"ints\": [\"0\", \"0\", ", ",\n                        \"0\", \"0\", "},
        {4, "\n                                        \"ints\": [\"0\", \"0\", ",
            ",\n                                        \"0\", \"0\", "},
        {most_levels, "\n                                        \"ints\": [\"0\", \"0\", ",
            ",\n                                        \"0\", \"0\", "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nest_init(&nest, cases[i].levels);
        int status;
        struct bnf_buf text = json_save(&nest.model, false, &status);
        assert_int_equal(status, BNF_OK);
        assert_non_null(strstr(text.data, cases[i].start));
        assert_non_null(strstr(text.data, cases[i].next));
        assert_in_range(longest_line(text.data), 100, 110);
        assert_in_range(text.size, 5 * zero_count, 9 * zero_count + 500 * cases[i].levels);
        struct bnf_model model;
        struct bnf_err err = {0};
        json_begin(&model, text.data, text.size);
        assert_int_equal(bnf_load_json(&model, &err), BNF_OK);
        json_expect_saved(&model, false, BNF_OK, text.data);
        bnf_buf_free(&text);
        json_end(&model);
    }
}

static void fill_ramp(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out)
{
    (void)source;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(offset + i);
}

/* A payload that is computed while writing reads back as the bytes it stands for, whatever their number. */
static void test_computed_payload(void **state)
{
    (void)state;
    static const size_t sizes[] = {4, 8, 12, 3072, 3076, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tiny tiny;
        tiny_init(&tiny);
        struct bnf_source source = {.size = sizes[i], .grain = 4, .fill = fill_ramp};
        bnf_model_set_source(&tiny.model, &tiny.tensor, &source);
        int status;
        struct bnf_buf text = json_save(&tiny.model, false, &status);
        assert_int_equal(status, BNF_OK);
        struct bnf_model model;
        struct bnf_err err = {0};
        json_begin(&model, text.data, text.size);
        assert_int_equal(bnf_load_json(&model, &err), BNF_OK);
        const ProtobufCBinaryData *raw = &model.proto->graph->initializer[0]->raw_data;
        assert_int_equal(raw->len, sizes[i]);
        for (size_t k = 0; k < raw->len; k++)
            assert_int_equal(raw->data[k], k & 255);
        bnf_buf_free(&text);
        json_end(&model);
        bnf_model_close(&tiny.model);
    }
}

/* A program around the library may have set a locale whose numbers have commas. */
static void test_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "nl_NL.UTF-8", "ru_RU.UTF-8"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && !setlocale(LC_ALL, names[i]))
        i++;
    if (i == sizeof names / sizeof *names)
        skip(); /* none of them is installed */
    struct bnf_model model;
    struct bnf_err err = {0};
    static const char text[] = "{\"graph\":{\"initializer\":[{\"floatData\":[0.5,\"1.25\"]}]}}";
    json_begin(&model, text, sizeof text - 1);
    assert_int_equal(bnf_load_json(&model, &err), BNF_OK);
    json_expect_saved(&model, false, BNF_OK, TENSOR("\"floatData\": [0.5, 1.25]"));
    json_end(&model);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_nan_payload),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_deep_lists),
        cmocka_unit_test(test_computed_payload),
        cmocka_unit_test(test_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
