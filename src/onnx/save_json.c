/* Messages to ONNX-JSON: one walk over protobuf-c's descriptors writes any message, fields in the order of
 * their numbers, names in lowerCamelCase. Payloads become spans of base64 in the layout. */
#define _GNU_SOURCE
#include "onnx/dtype.h"
#include "onnx/json_names.h"
#include "onnx/json_text.h"
#include "onnx/layout.h"
#include "onnx/model.h"

#include "base/base64.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    line_width = 110,     /* arrays of scalars go on one line up to here */
    deepest_indent = 20,  /* levels; what is nested deeper begins there, too */
    longest_array = 64,   /* typed tensor data beyond is written as rawData */
    longest_inline = 3072 /* bytes; beyond, base64 is left to the layout */
};

struct writer {
    const struct bnf_model *model;
    struct bnf_layout *layout;
    struct bnf_err *err;
    bool lossy;
    unsigned depth; /* of indentation */
    size_t column;
};

static void put(struct writer *writer, const char *text, size_t size)
{
    bnf_layout_bytes(writer->layout, text, size);
    writer->column += size;
}

static void puts_(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

/* The indentation ends well before the line does: else a deep array would have a line for each of its elements, and
 * each line hundreds of blanks. A subgraph takes 5 levels, so those of usual models are not cut. */
static void new_line(struct writer *writer)
{
    static const char text[] = "\n                                        ";
    _Static_assert(sizeof text == 1 + 2 * deepest_indent + 1, "as many blanks as the deepest level has");
    unsigned depth = writer->depth < deepest_indent ? writer->depth : deepest_indent;
    put(writer, text, 1 + 2 * (size_t)depth);
    writer->column = 2 * (size_t)depth;
}

/* The space in front of an element of an array; a line break when the element would stick out. */
static void separate(struct writer *writer, size_t index, size_t length)
{
    if (!index)
        return;
    if (writer->column + 2 + length >= line_width) {
        put(writer, ",", 1);
        writer->depth++;
        new_line(writer);
        writer->depth--;
    } else {
        put(writer, ", ", 2);
    }
}

static void put_text(struct writer *writer, size_t index, const char *text)
{
    separate(writer, index, strlen(text));
    puts_(writer, text);
}

/* One character of a string, escaped if need be; into text, which it returns. */
static const char *escaped(unsigned char c, char text[static 8])
{
    static const char letters[] = "btn?fr";
    if (c == '"' || c == '\\')
        snprintf(text, 8, "\\%c", c);
    else if (c >= '\b' && c <= '\r' && c != '\v')
        snprintf(text, 8, "\\%c", letters[c - '\b']);
    else
        snprintf(text, 8, "\\u%04x", c);
    return text;
}

static int put_string(
    struct writer *writer, const struct bnf_json_place *place, size_t index, const char *text)
{
    size_t length = strlen(text), plain = 0;
    separate(writer, index, length + 2);
    put(writer, "\"", 1);
    for (size_t at = 0; at < length;) {
        size_t step = bnf_utf8_length(text + at, length - at);
        unsigned char c = (unsigned char)text[at];
        if (step && c >= 0x20 && c != '"' && c != '\\') {
            at += step;
            continue;
        }
        if (!step && !writer->lossy)
            return bnf_json_fail(place, writer->err, BNF_EINPUT,
                "the string is not UTF-8 (byte 0x%02x at %zu), which JSON cannot hold", c, at);
        char buffer[8];
        put(writer, text + plain, at - plain);
        puts_(writer, step ? escaped(c, buffer) : "\xef\xbf\xbd");
        plain = ++at;
    }
    put(writer, text + plain, length - plain);
    put(writer, "\"", 1);
    return BNF_OK;
}

static void put_bytes(struct writer *writer, size_t index, const uint8_t *bytes, size_t size)
{
    const struct bnf_source *source = bnf_model_source(writer->model, bytes);
    size_t length = bnf_base64_length(size);
    separate(writer, index, length + 2);
    put(writer, "\"", 1);
    if (source || size > longest_inline) {
        bnf_layout_payload(writer->layout, source ? NULL : bytes, source, size, true);
        writer->column += length;
    } else if (size) {
        char text[longest_inline / 3 * 4 + 1];
        bnf_base64_encode(bytes, size, text);
        put(writer, text, length);
    }
    put(writer, "\"", 1);
}

/* The shortest decimal that reads back. A float also does through a double, since that is how JSON readers
 * get at it, and without leaving its range, since some refuse what would have to be rounded into it. */
static void print_real(double value, bool is_float, char *text, size_t room)
{
    int digits =
        is_float ? FLT_DIG : DBL_DIG; /* normal numbers of fewer digits end in zeros, which %g drops */
    if (fabs(value) < (is_float ? (double)FLT_MIN : DBL_MIN))
        digits = 1;
    for (; digits <= 17; digits++) {
        snprintf(text, room, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (is_float
                ? (float)back == (float)value && strtof(text, NULL) == (float)value && fabs(back) <= FLT_MAX
                : back == value)
            break;
    }
    if (value == 0 && signbit(value))
        snprintf(text, room, "-0.0"); /* "-0" is an integer to some readers, and loses its sign */
}

static int put_real(struct writer *writer, const struct bnf_json_place *place, size_t index, double value,
    bool is_float, bool plain_nan)
{
    char text[40];
    if (isnan(value)) {
        if (!plain_nan && !writer->lossy)
            return bnf_json_fail(place, writer->err, BNF_EINPUT,
                "a NaN with a sign or payload bits has no JSON form, only the plain one has");
        put_text(writer, index, "\"NaN\"");
        return BNF_OK;
    }
    if (isinf(value))
        snprintf(text, sizeof text, "\"%sInfinity\"", value < 0 ? "-" : "");
    else
        print_real(value, is_float, text, sizeof text);
    put_text(writer, index, text);
    return BNF_OK;
}

/* The bits say which NaN it is: widened to double, a signalling one would turn quiet. */
static int put_float(
    struct writer *writer, const struct bnf_json_place *place, size_t index, const void *from)
{
    uint32_t bits;
    float value;
    memcpy(&bits, from, sizeof bits);
    memcpy(&value, from, sizeof value);
    return put_real(writer, place, index, (double)value, true, bits == 0x7fc00000);
}

static int put_double(
    struct writer *writer, const struct bnf_json_place *place, size_t index, const void *from)
{
    uint64_t bits;
    double value;
    memcpy(&bits, from, sizeof bits);
    memcpy(&value, from, sizeof value);
    return put_real(writer, place, index, value, false, bits == 0x7ff8000000000000);
}

static void put_enum(struct writer *writer, size_t index, const ProtobufCEnumDescriptor *type, int number)
{
    char text[128];
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    if (value)
        snprintf(text, sizeof text, "\"%s\"", value->name);
    else
        snprintf(text, sizeof text, "%d", number); /* newer than our schema */
    put_text(writer, index, text);
}

static int put_message(
    struct writer *writer, const struct bnf_json_place *place, const ProtobufCMessage *message);

/* One value at `from`, of any alignment: payloads of tensors point into the mapped file. */
static int put_value(struct writer *writer, const struct bnf_json_place *place,
    const ProtobufCFieldDescriptor *field, size_t index, const char *from)
{
    char text[32];
    int32_t small;
    int64_t large;
    const void *pointer;
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        return put_float(writer, place, index, from);
    case PROTOBUF_C_TYPE_DOUBLE:
        return put_double(writer, place, index, from);
    case PROTOBUF_C_TYPE_STRING:
        memcpy(&pointer, from, sizeof pointer);
        return put_string(writer, place, index, pointer);
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData bytes;
        memcpy(&bytes, from, sizeof bytes);
        put_bytes(writer, index, bytes.data, bytes.len);
        return BNF_OK;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&pointer, from, sizeof pointer);
        return put_message(writer, place, pointer);
    case PROTOBUF_C_TYPE_ENUM:
        memcpy(&small, from, sizeof small);
        put_enum(writer, index, field->descriptor, small);
        return BNF_OK;
    case PROTOBUF_C_TYPE_BOOL:
        memcpy(&small, from, sizeof small);
        put_text(writer, index, small ? "true" : "false");
        return BNF_OK;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(&large, from, sizeof large);
        if (field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_FIXED64)
            snprintf(text, sizeof text, "\"%" PRIu64 "\"", (uint64_t)large);
        else
            snprintf(text, sizeof text, "\"%" PRId64 "\"", large);
        break;
    default:
        memcpy(&small, from, sizeof small);
        if (field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_FIXED32)
            snprintf(text, sizeof text, "%" PRIu32, (uint32_t)small);
        else
            snprintf(text, sizeof text, "%" PRId32, small);
    }
    put_text(writer, index, text);
    return BNF_OK;
}

static int put_array(struct writer *writer, const struct bnf_json_place *place,
    const ProtobufCFieldDescriptor *field, const char *elements, size_t count)
{
    size_t size = bnf_json_element_size(field);
    bool tall = field->type == PROTOBUF_C_TYPE_MESSAGE;
    struct bnf_json_place at = {place->up, place->name, 0};
    put(writer, "[", 1);
    writer->depth += tall;
    for (; at.index < count; at.index++) {
        if (tall) {
            put(writer, ",", at.index > 0);
            new_line(writer);
        }
        int status = put_value(writer, &at, field, at.index, elements + at.index * size);
        if (status)
            return status;
    }
    writer->depth -= tall;
    if (tall)
        new_line(writer);
    put(writer, "]", 1);
    return BNF_OK;
}

static void put_name(struct writer *writer, const ProtobufCFieldDescriptor *field, bool *first)
{
    char camel[BNF_JSON_NAME];
    put(writer, ",", !*first);
    *first = false;
    new_line(writer);
    put(writer, "\"", 1);
    puts_(writer, bnf_json_name(field, camel));
    put(writer, "\": ", 3);
}

/* Is a field there? Repeated ones when they have elements; *count is 1 for others. */
static bool is_present(const ProtobufCFieldDescriptor *field, const char *message, size_t *count)
{
    int quantifier;
    const void *pointer;
    *count = 1;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(count, message + field->quantifier_offset, sizeof *count);
        return *count > 0;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        memcpy(&quantifier, message + field->quantifier_offset, sizeof quantifier);
        return quantifier == (int)field->id;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        memcpy(&pointer, message + field->offset, sizeof pointer);
        return pointer && pointer != field->default_value;
    }
    memcpy(&quantifier, message + field->quantifier_offset, sizeof quantifier);
    return quantifier;
}

/* A tensor's typed list whose memory is what raw_data would hold, when it is long or has values without JSON
 * form: written as rawData it means the same. Lists that hold narrower types than their own are left. */
struct twin {
    bool used;
    const void *bytes;
    size_t size;
};

static bool has_odd_nan(const Onnx__TensorProto *tensor)
{
    for (size_t i = 0; i < tensor->n_float_data; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)tensor->float_data + i * sizeof bits, sizeof bits);
        if ((bits & 0x7fffffff) > 0x7f800000 && bits != 0x7fc00000)
            return true;
    }
    for (size_t i = 0; i < tensor->n_double_data; i++) {
        uint64_t bits;
        memcpy(&bits, (const char *)tensor->double_data + i * sizeof bits, sizeof bits);
        if ((bits & INT64_MAX) > 0x7ff0000000000000 && bits != 0x7ff8000000000000)
            return true;
    }
    return false;
}

static struct twin raw_twin(const Onnx__TensorProto *tensor)
{
    const struct {
        size_t count;
        const void *data;
        size_t size;
        int types[2];
    } lists[] = {
        {tensor->n_float_data, tensor->float_data, 4, {BNF_DTYPE_FLOAT, BNF_DTYPE_COMPLEX64}},
        {tensor->n_double_data, tensor->double_data, 8, {BNF_DTYPE_DOUBLE, BNF_DTYPE_COMPLEX128}},
        {tensor->n_int32_data, tensor->int32_data, 4, {BNF_DTYPE_INT32, BNF_DTYPE_INT32}},
        {tensor->n_int64_data, tensor->int64_data, 8, {BNF_DTYPE_INT64, BNF_DTYPE_INT64}},
        {tensor->n_uint64_data, tensor->uint64_data, 8, {BNF_DTYPE_UINT64, BNF_DTYPE_UINT64}},
    };
    int used = tensor->has_raw_data + (tensor->n_string_data > 0) + (tensor->n_external_data > 0);
    struct twin twin = {0};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        used += lists[i].count > 0;
        bool same = tensor->data_type == lists[i].types[0] || tensor->data_type == lists[i].types[1];
        if (same && lists[i].count && (lists[i].count > longest_array || has_odd_nan(tensor)))
            twin = (struct twin){true, lists[i].data, lists[i].count * lists[i].size};
    }
    twin.used &= used == 1; /* nothing beside it */
    return twin;
}

static bool is_typed_list(const ProtobufCFieldDescriptor *field)
{
    return field->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
}

static int put_message(
    struct writer *writer, const struct bnf_json_place *place, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    if (message->n_unknown_fields && !writer->lossy)
        return bnf_json_fail(place, writer->err, BNF_EINPUT,
            "field number %u of %s is not in the schema and has no JSON form", message->unknown_fields[0].tag,
            type->short_name);
    struct twin twin = {0};
    if (type == &onnx__tensor_proto__descriptor)
        twin = raw_twin((const Onnx__TensorProto *)message);
    bool first = true;
    put(writer, "{", 1);
    writer->depth++;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const char *member = (const char *)message + field->offset;
        size_t count;
        if (twin.used && strcmp(field->name, "raw_data") == 0) {
            put_name(writer, field, &first);
            put_bytes(writer, 0, twin.bytes, twin.size);
        }
        if (!is_present(field, (const char *)message, &count) || (twin.used && is_typed_list(field)))
            continue;
        struct bnf_json_place at = {place, field->name, SIZE_MAX};
        put_name(writer, field, &first);
        const char *elements = NULL;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            memcpy(&elements, member, sizeof elements);
        int status = elements ? put_array(writer, &at, field, elements, count)
                              : put_value(writer, &at, field, 0, member);
        if (status)
            return status;
    }
    writer->depth--;
    if (!first)
        new_line(writer);
    put(writer, "}", 1);
    return BNF_OK;
}

int bnf_save_json_layout(
    const struct bnf_model *model, bool lossy, struct bnf_layout *layout, struct bnf_err *err)
{
    /* Numbers have a point, whatever the locale of the program that uses this library. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return bnf_fail_memory(err);
    locale_t before = uselocale(plain);
    struct writer writer = {.model = model, .layout = layout, .err = err, .lossy = lossy};
    int status = put_message(&writer, NULL, &model->proto->base);
    put(&writer, "\n", 1);
    uselocale(before);
    freelocale(plain);
    if (!status && layout->failed)
        status = bnf_fail_memory(err);
    return status;
}
