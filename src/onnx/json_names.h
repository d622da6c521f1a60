/* Fields of messages as JSON and error sentences name them. */
#ifndef BNF_ONNX_JSON_NAMES_H
#define BNF_ONNX_JSON_NAMES_H

#include "base/err.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum { BNF_JSON_NAME = 64 };

/* A field's name in lowerCamelCase, "op_type" as "opType". Into camel, which it returns. */
const char *bnf_json_name(const ProtobufCFieldDescriptor *field, char camel[static BNF_JSON_NAME]);

/* The index of the field that key names, in lowerCamelCase or as the schema has it; type->n_fields when none
 * does. */
unsigned bnf_json_find(const ProtobufCMessageDescriptor *type, const char *key);

/* Bytes of one element of a repeated field in memory. */
size_t bnf_json_element_size(const ProtobufCFieldDescriptor *field);

/* Where in a message: a field, or one element of a repeated one, inside another; on the stack of who walks.
 */
struct bnf_json_place {
    const struct bnf_json_place *up; /* NULL: the field is the model's own */
    const char *name;
    size_t index; /* SIZE_MAX: no element */
};

/* Fails with "graph.node[3].name: sentence"; place NULL is the model itself and adds nothing. */
int bnf_json_fail(const struct bnf_json_place *place, struct bnf_err *err, int status, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

#endif
