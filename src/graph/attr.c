#include "graph/attr.h"

#include "base/mem.h"

#include <stdio.h>
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
           bnf_same_bytes(a->s.data, text, a->s.len);
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

/* By name: the type it has in every standard operator and version. */
static const struct {
    const char *name;
    Onnx__AttributeProto__AttributeType type;
} fixed_types[] = {
#define TYPE(name, type) {name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##type}
    TYPE("alpha", FLOAT),
    TYPE("auto_pad", STRING),
    TYPE("axes", INTS),
    TYPE("axis", INT),
    TYPE("beta", FLOAT),
    TYPE("blocksize", INT),
    TYPE("ceil_mode", INT),
    TYPE("count_include_pad", INT),
    TYPE("dilations", INTS),
    TYPE("direction", STRING),
    TYPE("epsilon", FLOAT),
    TYPE("equation", STRING),
    TYPE("group", INT),
    TYPE("hidden_size", INT),
    TYPE("is_test", INT),
    TYPE("keepdims", INT),
    TYPE("kernel_shape", INTS),
    TYPE("mode", STRING),
    TYPE("output_padding", INTS),
    TYPE("output_shape", INTS),
    TYPE("pads", INTS),
    TYPE("perm", INTS),
    TYPE("spatial", INT),
    TYPE("storage_order", INT),
    TYPE("strides", INTS),
    TYPE("training_mode", INT),
    TYPE("transA", INT),
    TYPE("transB", INT),
#undef TYPE
};

static const char *type_name(Onnx__AttributeProto__AttributeType type)
{
    static const char *const names[] = {"nothing", "a number", "an integer", "a string", "a tensor", "a graph",
        "numbers", "integers", "strings", "tensors", "graphs"};
    return type >= 0 && (size_t)type < sizeof names / sizeof *names ? names[type] : "of another type";
}

static bool is_standard(const Onnx__NodeProto *node)
{
    return !node->domain || !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
}

bool bnf_attr_misfits(const Onnx__NodeProto *node, char *text, size_t room)
{
    for (size_t i = 0; i < node->n_attribute && is_standard(node); i++)
        for (size_t k = 0; k < sizeof fixed_types / sizeof *fixed_types; k++) {
            const Onnx__AttributeProto *a = node->attribute[i];
            Onnx__AttributeProto__AttributeType type = bnf_attr_type(a);
            if (type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED || type == fixed_types[k].type || !a->name ||
                strcmp(a->name, fixed_types[k].name) != 0)
                continue;
            snprintf(text, room, "attribute '%s' is %s, not %s", a->name, type_name(type),
                type_name(fixed_types[k].type));
            return true;
        }
    return false;
}
