/* Attributes of nodes. One of a wrong type reads as absent. */
#ifndef BNF_GRAPH_ATTR_H
#define BNF_GRAPH_ATTR_H

#include "onnx.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The attribute of that name, or NULL. */
const Onnx__AttributeProto *bnf_attr_find(const Onnx__NodeProto *node, const char *name);

/* Its value, or the fallback when it is absent (or of another type). */
int64_t bnf_attr_int(const Onnx__NodeProto *node, const char *name, int64_t fallback);
float bnf_attr_float(const Onnx__NodeProto *node, const char *name, float fallback);

/* True when a string attribute is present and equals text. */
bool bnf_attr_is(const Onnx__NodeProto *node, const char *name, const char *text);

/* The elements of an ints attribute, NULL and count 0 when absent; borrowed. */
const int64_t *bnf_attr_ints(const Onnx__NodeProto *node, const char *name, size_t *count);

/* True when the attribute takes its value from the caller of a function (ref_attr_name). */
bool bnf_attr_is_reference(const Onnx__NodeProto *node, const char *name);

/* The name of some attribute that does so, NULL when there is none: what such a node computes is known to the caller
 * alone. */
const char *bnf_attr_any_reference(const Onnx__NodeProto *node);

/* What is wrong with the type of an attribute that has one type in all standard operators: "attribute 'strides' is a
 * string, not integers". It would read as absent. False: nothing. The sentence goes to `text`. */
bool bnf_attr_misfits(const Onnx__NodeProto *node, char *text, size_t room);

/* An attribute's type: the stored one, or, in files of IR version 1 that store none, the field in use. */
Onnx__AttributeProto__AttributeType bnf_attr_type(const Onnx__AttributeProto *attribute);

#endif
