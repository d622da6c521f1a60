/* ONNX-JSON read, and read and written again. */
#include "support/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *in;
    const char *out; /* as written; NULL: like in, and a line break */
} accepted[] = {
    {"{}", "{}\n"},
    {" \t\r\n{ \n} \n", "{}\n"},
    {"\xef\xbb\xbf{}", "{}\n"},
    {"{\n  \"irVersion\": \"8\"\n}", NULL},
    /* names, in their order */
    {"{\"producer_name\":\"a\",\"ir_version\":8}",
        "{\n  \"irVersion\": \"8\",\n  \"producerName\": \"a\"\n}\n"},
    {"{\n  \"opsetImport\": [\n    {\n      \"domain\": \"\"\n    },\n    {}\n  ]\n}", NULL},
    /* null is nothing, an empty list too, an empty message or string is something */
    {"{\"graph\":null,\"irVersion\":null,\"functions\":null,\"opsetImport\":[]}", "{}\n"},
    {"{\n  \"docString\": \"\",\n  \"graph\": {}\n}", NULL},
    /* integers */
    {"{\"irVersion\":-0}", "{\n  \"irVersion\": \"0\"\n}\n"},
    {"{\"irVersion\":1e3}", "{\n  \"irVersion\": \"1000\"\n}\n"},
    {"{\"irVersion\":9007199254740991}", "{\n  \"irVersion\": \"9007199254740991\"\n}\n"},
    {"{\"irVersion\":-9007199254740991.0}", "{\n  \"irVersion\": \"-9007199254740991\"\n}\n"},
    {"{\n  \"irVersion\": \"9223372036854775807\",\n  \"modelVersion\": \"-9223372036854775808\"\n}", NULL},
    {"{\"irVersion\":\"007\"}", "{\n  \"irVersion\": \"7\"\n}\n"},
    {"{\"configuration\":[{\"numDevices\":\"-2147483648\"},{\"numDevices\":2147483647}]}",
        "{\n  \"configuration\": [\n    {\n      \"numDevices\": -2147483648\n    },\n    {\n"
        "      \"numDevices\": 2147483647\n    }\n  ]\n}\n"},
    {"{\n  \"graph\": {\n    \"initializer\": [\n      {\n        \"uint64Data\": [\"0\", "
     "\"18446744073709551615\"]\n"
     "      }\n    ]\n  }\n}",
        NULL},
    /* floats */
    {"{\"graph\":{\"initializer\":[{\"floatData\":[1,\"2.5\",1e-50,-0.0,\"NaN\",\"Infinity\",\"-Infinity\",0."
     "1,"
     "16777216,1e20,3.4028234663852886e38,1.17549435e-38,1e-45,0.3333333333333]}]}}",
        "{\n  \"graph\": {\n    \"initializer\": [\n      {\n"
        "        \"floatData\": [1, 2.5, 0, -0.0, \"NaN\", \"Infinity\", \"-Infinity\", 0.1, 16777216, "
        "1e+20, 3.402823466e+38,\n          1.1754944e-38, 1e-45, 0.33333334]\n      }\n    ]\n  }\n}\n"},
    {"{\"graph\":{\"initializer\":[{\"doubleData\":[0.1,5e-324,1.7976931348623157e308,0.30000000000000004,-0."
     "0]}]}}",
        "{\n  \"graph\": {\n    \"initializer\": [\n      {\n        \"doubleData\": [0.1, 5e-324, "
        "1.7976931348623157e+308, 0.30000000000000004, -0.0]\n      }\n    ]\n  }\n}\n"},
    /* enums: by name, by number, numbers the schema does not know; a data type is a plain number */
    {"{\"graph\":{\"node\":[{\"attribute\":[{\"type\":\"INTS\"},{\"type\":1},{\"type\":\"2\"},{\"type\":99}]}"
     "],"
     "\"initializer\":[{\"dataType\":\"16\",\"dataLocation\":\"EXTERNAL\"}]}}",
        "{\n  \"graph\": {\n    \"node\": [\n      {\n        \"attribute\": [\n          {\n            "
        "\"type\": "
        "\"INTS\"\n          },\n          {\n            \"type\": \"FLOAT\"\n          },\n          {\n   "
        "         "
        "\"type\": \"INT\"\n          },\n          {\n            \"type\": 99\n          }\n        ]\n    "
        "  }\n    "
        "],\n    \"initializer\": [\n      {\n        \"dataType\": 16,\n        \"dataLocation\": "
        "\"EXTERNAL\"\n      "
        "}\n    ]\n  }\n}\n"},
    /* bytes in both alphabets, padded or not */
    {"{\"graph\":{\"initializer\":[{\"rawData\":\"-_8=\",\"stringData\":[\"\",\"Zg\"]}]}}",
        "{\n  \"graph\": {\n    \"initializer\": [\n      {\n        \"stringData\": [\"\", \"Zg==\"],\n     "
        "   "
        "\"rawData\": \"+/8=\"\n      }\n    ]\n  }\n}\n"},
    /* strings */
    {"{\"docString\":\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\u000b\\u001F\\\"\\\\\x7f漢\"}",
        "{\n  \"docString\": \"é😀/\\b\\f\\n\\r\\t\\u000b\\u001f\\\"\\\\\x7f漢\"\n}\n"},
    /* one of several */
    {"{\n  \"graph\": {\n    \"input\": [\n      {\n        \"type\": {\n          \"tensorType\": {\n       "
     "     "
     "\"elemType\": 1,\n            \"shape\": {\n              \"dim\": [\n                {\n              "
     "    "
     "\"dimValue\": \"0\"\n                },\n                {\n                  \"dimParam\": \"N\"\n"
     "                },\n                {\n                  \"denotation\": \"C\"\n                }\n"
     "              ]\n            }\n          }\n        }\n      }\n    ]\n  }\n}",
        NULL},
    {"{\"graph\":{\"input\":[{\"type\":{\"tensorType\":null,\"sequenceType\":{}}}]}}",
        "{\n  \"graph\": {\n    \"input\": [\n      {\n        \"type\": {\n          \"sequenceType\": {}\n"
        "        }\n      }\n    ]\n  }\n}\n"},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct bnf_model model;
        struct bnf_err err = {0};
        json_begin(&model, accepted[i].in, strlen(accepted[i].in));
        if (bnf_load_json(&model, &err))
            fail_msg("%s\nis refused: %s", accepted[i].in, err.text);
        struct bnf_buf same = {0};
        bnf_buf_printf(&same, "%s\n", accepted[i].in);
        json_expect_saved(&model, false, BNF_OK, accepted[i].out ? accepted[i].out : bnf_buf_text(&same));
        bnf_buf_free(&same);
        json_end(&model);
    }
}

static const struct {
    const char *text, *sentence;
} refused[] = {
    /* text */
    {"", "line 1, column 1: expected a value, but the text ends"},
    {"\n{ ", "line 2, column 3: expected a field name or '}', but the text ends"},
    {"{\n \"irVersion\": 8,}", "line 2, column 17: expected a field name, found '}'"},
    {"{\"irVersion\": 8]", "line 1, column 16: expected ',' or '}', found ']'"},
    {"{\"irVersion\"}", "line 1, column 13: expected ':', found '}'"},
    {"{\"irVersion\": }", "line 1, column 15: expected a value, found '}'"},
    {"{8: 8}", "line 1, column 2: expected a field name or '}', found '8'"},
    {"{\"functions\": [{} {}", "line 1, column 19: expected ',' or ']', found '{'"},
    {"{\"functions\": [,]", "line 1, column 16: expected a value or ']', found ','"},
    {"{\"functions\": [{},]", "line 1, column 19: expected a value, found ']'"},
    {"{\"functions\": [", "line 1, column 16: expected a value or ']', but the text ends"},
    {"{\"docString\": a}", "line 1, column 15: expected a value, found 'a'"},
    {"{} \n é", "line 2, column 2: expected the end of the text, found 'é'"},
    {"{}\n {}", "line 2, column 2: expected the end of the text, found '{'"},
    {"{}\x01", "line 1, column 3: expected the end of the text, found '?'"},
    {"{}\xff", "line 1, column 3: expected the end of the text, found '?'"},
    {"truefalse", "line 1, column 5: expected the end of the text, found 'f'"},
    {"[]", "expected an object, found an array"},
    {"null", "expected an object, found null"},
    {"{\"docString\":\"é", "line 1, column 14: a string that never ends"},
    {"{\"docString\":\"é\\u0000\"}",
        "line 1, column 16: the escape \\u0000, but a string of a model cannot hold a zero byte"},
    {"{\"a\\u0000\":1}",
        "line 1, column 4: the escape \\u0000, but a string of a model cannot hold a zero byte"},
    {"{\"docString\":\"\\x\"}", "line 1, column 15: a backslash that begins no escape of JSON"},
    {"{\"docString\":\"\\u12g4\"}", "line 1, column 15: a backslash that begins no escape of JSON"},
    {"{\"docString\":\"\\ud83d\"}", "line 1, column 15: half of a surrogate pair, which is no character"},
    {"{\"docString\":\"\\ude00\\ud83d\"}",
        "line 1, column 15: half of a surrogate pair, which is no character"},
    {"{\"docString\":\"\\ud83d\\u0041\"}",
        "line 1, column 15: half of a surrogate pair, which is no character"},
    {"{\"docString\":\"a\nb\"}", "line 1, column 16: a control character in a string; JSON wants it escaped"},
    {"{\"docString\":\"\xff\"}", "line 1, column 15: a byte that is not UTF-8"},
    {"{\"docString\":\"\xc0\x80\"}", "line 1, column 15: a byte that is not UTF-8"},
    {"{\"docString\":\"\xed\xa0\x80\"}", "line 1, column 15: a byte that is not UTF-8"},
    {"{\"docString\":\"\xf4\x90\x80\x80\"}", "line 1, column 15: a byte that is not UTF-8"},
    {"{\"irVersion\":01}", "line 1, column 14: a malformed number"},
    {"{\"irVersion\":1.}", "line 1, column 14: a malformed number"},
    {"{\"irVersion\":-}", "line 1, column 14: a malformed number"},
    {"{\"irVersion\":1e}", "line 1, column 14: a malformed number"},
    {"{\"irVersion\":NaN}", "line 1, column 14: expected a value, found 'N'"},
    {"{\"irVersion\":1000000000000000000000000000000000000000000000000000000000000000}",
        "line 1, column 14: a number of more than 63 characters"},
    /* structure */
    {"{\"irversion\":8}", "ModelProto has no field 'irversion'"},
    {"{\"graph\":{\"node\":[{},{\"op\":1}]}}", "graph.node[1]: NodeProto has no field 'op'"},
    {"{\"a\\nb\":1}", "ModelProto has no field 'a?b'"},
    {"{\"éééééééééééééééééééééééééééééééééé\":1}",
        "ModelProto has no field 'éééééééééééééééééééééééééééééé…'"},
    {"{\"irVersion\":1,\"irVersion\":1}", "the field 'irVersion' is there twice"},
    {"{\"irVersion\":null,\"ir_version\":1}", "the field 'ir_version' is there twice"},
    {"{\"graph\":{\"node\":{}}}", "graph.node: expected an array, found an object"},
    {"{\"graph\":{\"node\":[null]}}", "graph.node[0]: expected an object, found null"},
    {"{\"graph\":[]}", "graph: expected an object, found an array"},
    {"{\"graph\":{\"input\":[{\"type\":{\"tensorType\":{},\"mapType\":{}}}]}}",
        "graph.input[0].type.mapType: excludes another field that is set beside it"},
    /* integers */
    {"{\"irVersion\":true}", "irVersion: expected an integer, found true"},
    {"{\"irVersion\":1.5}", "irVersion: expected an integer, found 1.5"},
    {"{\"irVersion\":9007199254740992}", "irVersion: 9007199254740992 as a number may have been rounded; "
                                         "write integers of 2^53 and above as strings"},
    {"{\"irVersion\":-9007199254740993}", "irVersion: -9007199254740992 as a number may have been rounded; "
                                          "write integers of 2^53 and above as strings"},
    {"{\"irVersion\":\"\"}", "irVersion: expected an integer, found ''"},
    {"{\"irVersion\":\"-\"}", "irVersion: expected an integer, found '-'"},
    {"{\"irVersion\":\" 1\"}", "irVersion: expected an integer, found ' 1'"},
    {"{\"irVersion\":\"9223372036854775808\"}", "irVersion: 9223372036854775808 is outside the range of "
                                                "int64, -9223372036854775808 … 9223372036854775807"},
    {"{\"irVersion\":\"-9223372036854775809\"}", "irVersion: -9223372036854775809 is outside the range of "
                                                 "int64, -9223372036854775808 … 9223372036854775807"},
    {"{\"irVersion\":\"99999999999999999999\"}", "irVersion: 99999999999999999999 is outside the range of "
                                                 "int64, -9223372036854775808 … 9223372036854775807"},
    {"{\"graph\":{\"initializer\":[{\"dataType\":2147483648}]}}",
        "graph.initializer[0].dataType: 2147483648 is outside the range of int32, -2147483648 … 2147483647"},
    {"{\"graph\":{\"initializer\":[{\"dataType\":\"FLOAT\"}]}}",
        "graph.initializer[0].dataType: expected an integer, found 'FLOAT'"},
    {"{\"graph\":{\"initializer\":[{\"uint64Data\":[1,-1]}]}}",
        "graph.initializer[0].uint64Data[1]: -1 is outside the range of uint64, 0 … 18446744073709551615"},
    /* floats */
    {"{\"graph\":{\"initializer\":[{\"float_data\":[0,3.5e38]}]}}",
        "graph.initializer[0].float_data[1]: 3.5e+38 is outside the range of float, ±3.40282347e+38"},
    {"{\"graph\":{\"initializer\":[{\"doubleData\":[1e309]}]}}",
        "graph.initializer[0].doubleData[0]: the number is outside the range of double"},
    {"{\"graph\":{\"initializer\":[{\"floatData\":[\"inf\"]}]}}",
        "graph.initializer[0].floatData[0]: expected a number, NaN, Infinity or -Infinity, found 'inf'"},
    {"{\"graph\":{\"initializer\":[{\"floatData\":[\"0x1\"]}]}}",
        "graph.initializer[0].floatData[0]: expected a number, NaN, Infinity or -Infinity, found '0x1'"},
    {"{\"graph\":{\"initializer\":[{\"floatData\":[null]}]}}",
        "graph.initializer[0].floatData[0]: expected a number, found null"},
    /* the rest */
    {"{\"graph\":{\"node\":[{\"attribute\":[{\"type\":\"REAL\"}]}]}}",
        "graph.node[0].attribute[0].type: AttributeType has no value 'REAL'"},
    {"{\"graph\":{\"node\":[{\"attribute\":[{\"type\":1.5}]}]}}",
        "graph.node[0].attribute[0].type: expected an integer, found 1.5"},
    {"{\"docString\":1}", "docString: expected a string, found a number"},
    {"{\"graph\":{\"initializer\":[{\"rawData\":\"ab*d\"}]}}",
        "graph.initializer[0].rawData: 'ab*d' is not base64"},
    {"{\"graph\":{\"initializer\":[{\"rawData\":[1]}]}}",
        "graph.initializer[0].rawData: expected bytes as a base64 string, found an array"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct bnf_model model;
        struct bnf_err err = {0};
        json_begin(&model, refused[i].text, strlen(refused[i].text));
        int status = bnf_load_json(&model, &err);
        if (status != BNF_EINPUT || err.status != status || strcmp(err.text, refused[i].sentence) != 0)
            fail_msg(
                "%s\ngives %d '%s'\ninstead of '%s'", refused[i].text, status, err.text, refused[i].sentence);
        json_end(&model);
    }
}

static void test_zero_byte(void **state)
{
    (void)state;
    static const char text[] = "{\"docString\":\"a\0b\"}";
    struct bnf_model model;
    struct bnf_err err = {0};
    json_begin(&model, text, sizeof text - 1);
    assert_int_equal(bnf_load_json(&model, &err), BNF_EINPUT);
    assert_string_equal(
        err.text, "line 1, column 16: a control character in a string; JSON wants it escaped");
    json_end(&model);
}

/* `repeat` in front `count` times, then `core`, then `close` as often. */
static int load_nested(
    const char *front, const char *core, const char *close, size_t count, struct bnf_err *err)
{
    struct bnf_buf text = {0};
    for (size_t i = 0; i < count; i++)
        bnf_buf_puts(&text, front);
    bnf_buf_puts(&text, core);
    for (size_t i = 0; i < count; i++)
        bnf_buf_puts(&text, close);
    struct bnf_model model;
    json_begin(&model, text.data, text.size);
    int status = bnf_load_json(&model, err);
    bnf_buf_free(&text);
    json_end(&model);
    return status;
}

static void test_depth(void **state)
{
    (void)state;
    struct bnf_err err = {0};
    /* A sequence of a sequence of …: two messages a level, under model, graph and value. */
    static const char front[] = "{\"graph\":{\"input\":[{\"type\":", close[] = "}]}}";
    static const char deeper[] = "{\"sequenceType\":{\"elemType\":";
    for (size_t messages = 99; messages <= 102; messages++) {
        struct bnf_buf text = {0};
        size_t levels = (messages - 4) / 2;
        bool odd = messages % 2;
        bnf_buf_puts(&text, front);
        for (size_t i = 0; i < levels; i++)
            bnf_buf_puts(&text, deeper);
        bnf_buf_puts(&text, odd ? "{\"opaqueType\":{}}" : "{}");
        for (size_t i = 0; i < levels; i++)
            bnf_buf_puts(&text, "}}");
        bnf_buf_puts(&text, close);
        int status = load_nested("", bnf_buf_text(&text), "", 1, &err);
        assert_int_equal(status, messages > 100 ? BNF_ELIMIT : BNF_OK);
        bnf_buf_free(&text);
    }
    assert_memory_equal(
        err.text, "….", strlen("….")); /* the outer end of a long path is cut, not the sentence */
    assert_non_null(strstr(err.text, ".elemType.sequenceType: more than 100 messages inside each other"));
    assert_int_equal(load_nested("[", "", "]", 1001, &err), BNF_ELIMIT);
    assert_string_equal(err.text, "line 1, column 1001: more than 1000 arrays and objects inside each other");
    assert_int_equal(load_nested("[", "", "]", 100000, &err), BNF_ELIMIT);
    assert_int_equal(load_nested("[", "01", "]", 1000, &err), BNF_EINPUT);
}

/* A text of nothing but commas' worth of values would take forty times its size as a tree. */
static void test_memory_limit(void **state)
{
    (void)state;
    struct bnf_buf text = {0};
    bnf_buf_puts(&text, "{\"graph\":{\"initializer\":[{\"int32Data\":[0");
    for (int i = 0; i < 100000; i++)
        bnf_buf_puts(&text, ",0");
    bnf_buf_puts(&text, "]}]}}");
    struct bnf_model model;
    struct bnf_err err = {0};
    json_begin(&model, text.data, text.size);
    assert_int_equal(bnf_load_json(&model, &err), BNF_OK);
    assert_int_equal(model.proto->graph->initializer[0]->n_int32_data, 100001);
    bnf_arena_free(&model.arena);
    bnf_arena_init(&model.arena, 16 * text.size);
    assert_int_equal(bnf_load_json(&model, &err), BNF_ELIMIT);
    assert_string_equal(err.text,
        "the JSON text takes 8000607 bytes of memory, more than the 3200720 that its 200045 bytes allow");
    bnf_buf_free(&text);
    json_end(&model);
}

/* An arena that is too small for what a text asks for. */
static void test_arena_limit(void **state)
{
    (void)state;
    static const char text[] = "{\"docString\":\"abcdefghijklmnopqrstuvwxyz\"}";
    for (size_t limit = 256; limit < 1024; limit += 16) {
        struct bnf_model model;
        struct bnf_err err = {0};
        json_begin(&model, text, sizeof text - 1);
        bnf_arena_init(&model.arena, limit);
        int status = bnf_load_json(&model, &err);
        assert_true(status == BNF_OK || (status == BNF_ELIMIT && strstr(err.text, "bytes of memory")));
        assert_true(limit > 256 || status == BNF_ELIMIT);
        assert_true(limit < 1000 || status == BNF_OK);
        json_end(&model);
    }
}

/* The proto2 view of what was read: flags, cases, defaults. */
static void test_fields(void **state)
{
    (void)state;
    static const char text[] =
        "{\"irVersion\":0,\"graph\":{\"initializer\":[{\"dims\":[\"2\",3],\"rawData\":\"\"}],\"input\":[{"
        "\"name\":\"x\","
        "\"type\":{\"tensorType\":{\"shape\":{\"dim\":[{\"dimValue\":0},{\"dimParam\":\"N\"},{}]}}}}]}}";
    struct bnf_model model;
    struct bnf_err err = {0};
    json_begin(&model, text, sizeof text - 1);
    assert_int_equal(bnf_load_json(&model, &err), BNF_OK);
    const Onnx__ModelProto *proto = model.proto;
    assert_true(proto->has_ir_version && !proto->has_model_version);
    assert_null(proto->producer_name);
    const Onnx__TensorProto *tensor = proto->graph->initializer[0];
    assert_true(tensor->base.descriptor == &onnx__tensor_proto__descriptor);
    assert_int_equal(tensor->n_dims, 2);
    assert_int_equal(tensor->dims[0], 2);
    assert_int_equal(tensor->dims[1], 3);
    assert_true(tensor->has_raw_data && tensor->raw_data.len == 0 && !tensor->has_data_type);
    const Onnx__TypeProto *type = proto->graph->input[0]->type;
    assert_int_equal(type->value_case, ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE);
    Onnx__TensorShapeProto__Dimension **dim = type->tensor_type->shape->dim;
    assert_int_equal(dim[0]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE);
    assert_int_equal(dim[1]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM);
    assert_string_equal(dim[1]->dim_param, "N");
    assert_int_equal(dim[2]->value_case, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET);
    json_end(&model);
}

static const char sample[] = "{\"ir_version\":\"8\",\"graph\":{\"node\":[{\"input\":[\"\\u00e9\",\"é\"],"
                             "\"attribute\":[{\"type\":\"INT\",\"i\":"
                             "-12}]}],\"initializer\":[{\"dims\":[2],\"dataType\":1,\"floatData\":[0.5,"
                             "\"NaN\"],\"rawData\":\"AAE=\"}],"
                             "\"input\":[{\"type\":{\"tensorType\":{}}}],\"docString\":null}}";

/* Loads a text; what loads can be written, and what is written loads and is written as the same text. */
static bool settles(const char *text, size_t size)
{
    struct bnf_model model, again;
    struct bnf_err err = {0};
    json_begin(&model, text, size);
    int status = bnf_load_json(&model, &err);
    assert_int_equal(status, err.status);
    assert_true(status == BNF_OK || (status == BNF_EINPUT && err.text[0]));
    if (!status) {
        int saved, saved_again;
        struct bnf_buf once = json_save(&model, false, &saved);
        assert_int_equal(saved, BNF_OK);
        json_begin(&again, once.data, once.size);
        assert_int_equal(bnf_load_json(&again, &err), BNF_OK);
        struct bnf_buf twice = json_save(&again, false, &saved_again);
        assert_int_equal(saved_again, BNF_OK);
        assert_string_equal(once.data, twice.data);
        bnf_buf_free(&once);
        bnf_buf_free(&twice);
        json_end(&again);
    }
    json_end(&model);
    return !status;
}

static void test_every_prefix(void **state)
{
    (void)state;
    size_t whole = sizeof sample - 1;
    for (size_t size = 0; size < whole; size++)
        assert_false(settles(sample, size));
    assert_true(settles(sample, whole));
}

static void test_every_byte_changed(void **state)
{
    (void)state;
    char text[sizeof sample];
    memcpy(text, sample, sizeof sample);
    size_t loaded = 0;
    for (size_t at = 0; at < sizeof sample - 1; at++) {
        for (int c = 0; c < 256; c++) {
            text[at] = (char)c;
            loaded += settles(text, sizeof sample - 1);
        }
        text[at] = sample[at];
    }
    assert_true(loaded > sizeof sample - 1); /* the sample itself, once for every byte, and more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_zero_byte),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
