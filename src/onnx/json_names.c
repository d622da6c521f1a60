#include "onnx/json_names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *bnf_json_name(const ProtobufCFieldDescriptor *field, char camel[static BNF_JSON_NAME])
{
    size_t length = 0;
    bool upper = false;
    for (const char *at = field->name; *at && length + 1 < BNF_JSON_NAME; at++) {
        if (*at != '_')
            camel[length++] = upper ? (char)toupper((unsigned char)*at) : *at;
        upper = *at == '_';
    }
    camel[length] = 0;
    return camel;
}

unsigned bnf_json_find(const ProtobufCMessageDescriptor *type, const char *key)
{
    char camel[BNF_JSON_NAME];
    for (unsigned i = 0; i < type->n_fields; i++)
        if (*key == type->fields[i].name[0] && (strcmp(key, type->fields[i].name) == 0 ||
                                                   strcmp(key, bnf_json_name(&type->fields[i], camel)) == 0))
            return i;
    return type->n_fields;
}

size_t bnf_json_element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default: /* 32-bit numbers; enums and booleans are ints */
        return 4;
    }
}

/* The path to a place, written from its end to its beginning: the innermost names are the ones that must not
 * be cut. Returns where in path it begins. */
static const char *path_of(const struct bnf_json_place *place, char *path, size_t room)
{
    size_t begin = room - 1;
    path[begin] = 0;
    for (; place; place = place->up) {
        char part[128];
        const char *dot = path[begin] ? "." : "";
        int length = place->index == SIZE_MAX
                         ? snprintf(part, sizeof part, "%.64s%s", place->name, dot)
                         : snprintf(part, sizeof part, "%.64s[%zu]%s", place->name, place->index, dot);
        if (length < 0 || (size_t)length + sizeof "…." > begin) {
            begin -= sizeof "…." - 1;
            memcpy(path + begin, "….", sizeof "…." - 1);
            break;
        }
        begin -= (size_t)length;
        memcpy(path + begin, part, (size_t)length);
    }
    return path + begin;
}

int bnf_json_fail(
    const struct bnf_json_place *place, struct bnf_err *err, int status, const char *format, ...)
{
    char sentence[512], path[384];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (!place)
        return bnf_fail(err, status, "%s", sentence);
    return bnf_fail(err, status, "%s: %s", path_of(place, path, sizeof path), sentence);
}
