#include "graph/attr.h"

#include <string.h>

const Onnx__AttributeProto *bnf_attr_find(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

Onnx__AttributeProto__AttributeType bnf_attr_type(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return a->type;
    if (a->has_f)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (a->has_i)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (a->has_s)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (a->t)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    if (a->g)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    if (a->n_floats)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    if (a->n_ints)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    if (a->n_strings)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    if (a->n_tensors)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS;
    if (a->n_graphs)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

int64_t bnf_attr_int(const Onnx__NodeProto *node, const char *name, int64_t fallback)
{
    const Onnx__AttributeProto *a = bnf_attr_find(node, name);
    return a && bnf_attr_type(a) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT ? a->i : fallback;
}

float bnf_attr_float(const Onnx__NodeProto *node, const char *name, float fallback)
{
    const Onnx__AttributeProto *a = bnf_attr_find(node, name);
    return a && bnf_attr_type(a) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT ? a->f : fallback;
}

bool bnf_attr_is(const Onnx__NodeProto *node, const char *name, const char *text)
{
    const Onnx__AttributeProto *a = bnf_attr_find(node, name);
    return a && bnf_attr_type(a) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING && a->s.len == strlen(text) &&
           memcmp(a->s.data, text, a->s.len) == 0;
}

const int64_t *bnf_attr_ints(const Onnx__NodeProto *node, const char *name, size_t *count)
{
    const Onnx__AttributeProto *a = bnf_attr_find(node, name);
    bool fits = a && bnf_attr_type(a) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    *count = fits ? a->n_ints : 0;
    return fits ? a->ints : NULL;
}

bool bnf_attr_is_reference(const Onnx__NodeProto *node, const char *name)
{
    const Onnx__AttributeProto *a = bnf_attr_find(node, name);
    return a && a->ref_attr_name && *a->ref_attr_name;
}

const char *bnf_attr_any_reference(const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->ref_attr_name && *node->attribute[i]->ref_attr_name)
            return node->attribute[i]->name ? node->attribute[i]->name : "";
    return NULL;
}
