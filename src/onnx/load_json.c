/* ONNX-JSON (protobuf's JSON mapping) to messages: cJSON parses, and one walk over protobuf-c's descriptors
 * builds any message. The walk's places and limits make every error name where it is. */
#define _GNU_SOURCE
#include "onnx/json_names.h"
#include "onnx/json_text.h"
#include "onnx/model.h"

#include "base/base64.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { deepest_message = 100 };

struct reader {
    struct bnf_model *model;
    struct bnf_err *err;
};

static int no_room(const struct reader *reader)
{
    const struct bnf_model *model = reader->model;
    if (!model->arena.exhausted)
        return bnf_fail_memory(reader->err);
    return bnf_fail(reader->err, BNF_ELIMIT,
        "the model takes more than %zu bytes of memory, the most for a text of %zu bytes", model->arena.limit,
        model->map.size);
}

static const char *kind_of(const cJSON *json)
{
    switch (json->type & 0xff) {
    case cJSON_NULL:
        return "null";
    case cJSON_True:
        return "true";
    case cJSON_False:
        return "false";
    case cJSON_Number:
        return "a number";
    case cJSON_String:
        return "a string";
    case cJSON_Array:
        return "an array";
    }
    return "an object";
}

static int wrong_kind(
    const struct reader *reader, const struct bnf_json_place *place, const char *wanted, const cJSON *json)
{
    return bnf_json_fail(place, reader->err, BNF_EINPUT, "expected %s, found %s", wanted, kind_of(json));
}

struct range {
    const char *name;
    uint64_t least; /* magnitude of the lowest value */
    uint64_t most;
};

static const struct range int32_range = {"int32", 2147483648u, INT32_MAX};
static const struct range uint32_range = {"uint32", 0, UINT32_MAX};
static const struct range int64_range = {"int64", 9223372036854775808u, INT64_MAX};
static const struct range uint64_range = {"uint64", 0, UINT64_MAX};

/* Decimal digits after an optional minus; false for anything else. Saturates: *huge when 64 bits are too few.
 */
static bool parse_decimal(const char *text, bool *negative, uint64_t *magnitude, bool *huge)
{
    *negative = *text == '-';
    *huge = false;
    *magnitude = 0;
    text += *negative;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *huge |= __builtin_mul_overflow(*magnitude, 10u, magnitude) ||
                 __builtin_add_overflow(*magnitude, (unsigned)(*text - '0'), magnitude);
    }
    return true;
}

/* An integer as a number or as decimal digits in a string; *bits gets it in two's complement. */
static int read_integer(const struct reader *reader, const cJSON *json, const struct bnf_json_place *place,
    const struct range *range, uint64_t *bits)
{
    bool negative, huge = false;
    uint64_t magnitude;
    char shown[BNF_JSON_SHOWN];
    if (cJSON_IsNumber(json)) {
        double value = json->valuedouble;
        /* cJSON keeps a double: from here on neighbouring integers have become the same number. */
        if (fabs(value) >= 9007199254740992.0)
            return bnf_json_fail(place, reader->err, BNF_EINPUT,
                "%.17g as a number may have been rounded; write integers of 2^53 and above as strings",
                value);
        if (value != floor(value))
            return bnf_json_fail(place, reader->err, BNF_EINPUT, "expected an integer, found %.17g", value);
        negative = value < 0;
        magnitude = (uint64_t)fabs(value);
        snprintf(shown, sizeof shown, "%.0f", value);
    } else if (cJSON_IsString(json)) {
        bnf_json_show(json->valuestring, shown);
        if (!parse_decimal(json->valuestring, &negative, &magnitude, &huge))
            return bnf_json_fail(place, reader->err, BNF_EINPUT, "expected an integer, found '%s'", shown);
    } else {
        return wrong_kind(reader, place, "an integer", json);
    }
    if (huge || magnitude > (negative ? range->least : range->most))
        return bnf_json_fail(place, reader->err, BNF_EINPUT, "%s is outside the range of %s, %s%llu … %llu",
            shown, range->name, range->least ? "-" : "", (unsigned long long)range->least,
            (unsigned long long)range->most);
    *bits = negative ? 0 - magnitude : magnitude;
    return BNF_OK;
}

static int read_real(
    const struct reader *reader, const cJSON *json, const struct bnf_json_place *place, double *value)
{
    if (cJSON_IsNumber(json)) {
        *value = json->valuedouble;
    } else if (cJSON_IsString(json)) {
        const char *text = json->valuestring;
        size_t length = strlen(text);
        if (strcmp(text, "NaN") == 0) {
            *value = (double)NAN;
            return BNF_OK;
        }
        if (strcmp(text, "Infinity") == 0 || strcmp(text, "-Infinity") == 0) {
            *value = *text == '-' ? -HUGE_VAL : HUGE_VAL;
            return BNF_OK;
        }
        char shown[BNF_JSON_SHOWN];
        if (!length || bnf_json_number(text, length) != length)
            return bnf_json_fail(place, reader->err, BNF_EINPUT,
                "expected a number, NaN, Infinity or -Infinity, found '%s'", bnf_json_show(text, shown));
        *value = strtod(text, NULL);
    } else {
        return wrong_kind(reader, place, "a number", json);
    }
    if (isinf(*value))
        return bnf_json_fail(place, reader->err, BNF_EINPUT, "the number is outside the range of double");
    return BNF_OK;
}

static int read_float(
    const struct reader *reader, const cJSON *json, const struct bnf_json_place *place, float *value)
{
    double wide = 0;
    int status = read_real(reader, json, place, &wide);
    if (status)
        return status;
    *value = (float)wide;
    if (isinf(*value) && !isinf(wide))
        return bnf_json_fail(
            place, reader->err, BNF_EINPUT, "%.9g is outside the range of float, ±3.40282347e+38", wide);
    return BNF_OK;
}

static int read_enum(const struct reader *reader, const cJSON *json, const struct bnf_json_place *place,
    const ProtobufCEnumDescriptor *type, int *value)
{
    const ProtobufCEnumValue *known =
        cJSON_IsString(json) ? protobuf_c_enum_descriptor_get_value_by_name(type, json->valuestring) : NULL;
    if (known) {
        *value = known->value;
        return BNF_OK;
    }
    char shown[BNF_JSON_SHOWN];
    if (cJSON_IsString(json) && !isdigit((unsigned char)json->valuestring[0]) && json->valuestring[0] != '-')
        return bnf_json_fail(place, reader->err, BNF_EINPUT, "%s has no value '%s'", type->short_name,
            bnf_json_show(json->valuestring, shown));
    uint64_t bits = 0;
    int status = read_integer(reader, json, place, &int32_range, &bits);
    *value = (int32_t)bits;
    return status;
}

static int read_string(
    const struct reader *reader, const cJSON *json, const struct bnf_json_place *place, char **value)
{
    if (!cJSON_IsString(json))
        return wrong_kind(reader, place, "a string", json);
    *value = bnf_arena_copy(&reader->model->arena, json->valuestring, strlen(json->valuestring));
    return *value ? BNF_OK : no_room(reader);
}

static int read_bytes(const struct reader *reader, const cJSON *json, const struct bnf_json_place *place,
    ProtobufCBinaryData *value)
{
    if (!cJSON_IsString(json))
        return wrong_kind(reader, place, "bytes as a base64 string", json);
    size_t length = strlen(json->valuestring);
    uint8_t *bytes = bnf_arena_alloc(&reader->model->arena, length / 4 * 3 + 3, 1);
    if (!bytes)
        return no_room(reader);
    size_t size = bnf_base64_decode(json->valuestring, length, bytes);
    char shown[BNF_JSON_SHOWN];
    if (size == SIZE_MAX)
        return bnf_json_fail(
            place, reader->err, BNF_EINPUT, "'%s' is not base64", bnf_json_show(json->valuestring, shown));
    value->len = size;
    value->data = size ? bytes : NULL;
    return BNF_OK;
}

static int read_message(const struct reader *reader, const cJSON *json,
    const ProtobufCMessageDescriptor *type, const struct bnf_json_place *place, unsigned depth,
    ProtobufCMessage **out);

/* One value of a field's type into the message's member or the array's element at `to`. */
static int read_value(const struct reader *reader, const cJSON *json, const ProtobufCFieldDescriptor *field,
    const struct bnf_json_place *place, unsigned depth, void *to)
{
    uint64_t bits = 0;
    int status;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        status = read_integer(reader, json, place, &int32_range, &bits);
        *(int32_t *)to = (int32_t)bits;
        return status;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        status = read_integer(reader, json, place, &uint32_range, &bits);
        *(uint32_t *)to = (uint32_t)bits;
        return status;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        status = read_integer(reader, json, place, &int64_range, &bits);
        *(int64_t *)to = (int64_t)bits;
        return status;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_integer(reader, json, place, &uint64_range, to);
    case PROTOBUF_C_TYPE_FLOAT:
        return read_float(reader, json, place, to);
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_real(reader, json, place, to);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)to = cJSON_IsTrue(json);
        return cJSON_IsBool(json) ? BNF_OK : wrong_kind(reader, place, "true or false", json);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reader, json, place, field->descriptor, to);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reader, json, place, to);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, json, place, to);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(reader, json, field->descriptor, place, depth, to);
    }
    bnf_bug("a field type protobuf-c does not have");
}

static int read_repeated(const struct reader *reader, const cJSON *json,
    const ProtobufCFieldDescriptor *field, const struct bnf_json_place *place, unsigned depth, char *message)
{
    if (!cJSON_IsArray(json))
        return wrong_kind(reader, place, "an array", json);
    size_t count = 0;
    for (const cJSON *item = json->child; item; item = item->next)
        count++;
    if (!count)
        return BNF_OK;
    size_t size = bnf_json_element_size(field);
    char *elements = bnf_arena_alloc(&reader->model->arena, count, size);
    if (!elements)
        return no_room(reader);
    memcpy(message + field->offset, &elements, sizeof elements);
    memcpy(message + field->quantifier_offset, &count, sizeof count);
    struct bnf_json_place at = {place->up, place->name, 0};
    for (const cJSON *item = json->child; item; item = item->next, at.index++) {
        int status = read_value(reader, item, field, &at, depth, elements + at.index * size);
        if (status)
            return status;
    }
    return BNF_OK;
}

static int read_field(const struct reader *reader, const cJSON *json, const ProtobufCFieldDescriptor *field,
    const struct bnf_json_place *place, unsigned depth, char *message)
{
    if (cJSON_IsNull(json))
        return BNF_OK;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(reader, json, field, place, depth, message);
    int quantifier = 1;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        memcpy(&quantifier, message + field->quantifier_offset, sizeof quantifier);
        if (quantifier)
            return bnf_json_fail(
                place, reader->err, BNF_EINPUT, "excludes another field that is set beside it");
        quantifier = (int)field->id;
    }
    /* Strings and messages are present when their pointer is; offset 0 is the message's base. */
    if (field->quantifier_offset)
        memcpy(message + field->quantifier_offset, &quantifier, sizeof quantifier);
    return read_value(reader, json, field, place, depth, message + field->offset);
}

static int read_message(const struct reader *reader, const cJSON *json,
    const ProtobufCMessageDescriptor *type, const struct bnf_json_place *place, unsigned depth,
    ProtobufCMessage **out)
{
    if (!cJSON_IsObject(json))
        return wrong_kind(reader, place, "an object", json);
    if (depth >= deepest_message)
        return bnf_json_fail(
            place, reader->err, BNF_ELIMIT, "more than %d messages inside each other", deepest_message);
    ProtobufCMessage *message = bnf_arena_alloc(&reader->model->arena, 1, type->sizeof_message);
    if (!message)
        return no_room(reader);
    type->message_init(message);
    *out = message;
    uint64_t seen = 0;
    if (type->n_fields > 64)
        bnf_bug("a message with more than 64 fields");
    for (const cJSON *item = json->child; item; item = item->next) {
        char shown[BNF_JSON_SHOWN];
        unsigned i = bnf_json_find(type, item->string);
        if (i == type->n_fields)
            return bnf_json_fail(place, reader->err, BNF_EINPUT, "%s has no field '%s'", type->short_name,
                bnf_json_show(item->string, shown));
        if (seen >> i & 1)
            return bnf_json_fail(
                place, reader->err, BNF_EINPUT, "the field '%s' is there twice", item->string);
        seen |= (uint64_t)1 << i;
        struct bnf_json_place at = {place, item->string, SIZE_MAX};
        int status = read_field(reader, item, &type->fields[i], &at, depth + 1, (char *)message);
        if (status)
            return status;
    }
    return BNF_OK;
}

static int parse(const struct bnf_model *model, const char *text, cJSON **root, struct bnf_err *err)
{
    size_t size = model->map.size, memory = 0;
    int status = bnf_json_scan(text, size, &memory, err);
    if (status)
        return status;
    size_t limit = model->arena.limit;
    if (limit && memory > limit)
        return bnf_fail(err, BNF_ELIMIT,
            "the JSON text takes %zu bytes of memory, more than the %zu that its %zu bytes allow", memory,
            limit, size);
    const char *end = text;
    errno = 0;
    *root = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (*root)
        return BNF_OK;
    if (errno == ENOMEM)
        return bnf_fail_memory(err);
    return bnf_json_fail_at(text, (size_t)(end - text), err, BNF_EINPUT, "cJSON cannot read this");
}

int bnf_load_json(struct bnf_model *model, struct bnf_err *err)
{
    /* Numbers have a point, whatever the locale of the program that uses this library. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return bnf_fail_memory(err);
    locale_t before = uselocale(plain);
    cJSON *root = NULL;
    /* A copy, since cJSON looks twice and trusts the second look: the file may be written to meanwhile. */
    char *text = bnf_alloc(model->map.size + 1, 1);
    int status = text ? BNF_OK : bnf_fail_memory(err);
    if (!status) {
        memcpy(text, model->map.data, model->map.size);
        status = parse(model, text, &root, err);
    }
    bnf_free(text);
    struct reader reader = {model, err};
    ProtobufCMessage *message = NULL;
    if (!status)
        status = read_message(&reader, root, &onnx__model_proto__descriptor, NULL, 0, &message);
    if (!status)
        model->proto = (Onnx__ModelProto *)message;
    cJSON_Delete(root);
    uselocale(before);
    freelocale(plain);
    return status;
}
