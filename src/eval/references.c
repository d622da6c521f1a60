#include "eval/references.h"

#include "graph/attr.h"

#include <string.h>

/* The caller's value of an attribute, or the function's default; NULL: neither. */
static const Onnx__AttributeProto *given(const struct bnf_caller *caller, const char *name)
{
    const Onnx__AttributeProto *a = caller->call ? bnf_attr_find(caller->call, name) : NULL;
    for (size_t i = 0; !a && caller->function && i < caller->function->n_attribute_proto; i++) {
        const Onnx__AttributeProto *fallback = caller->function->attribute_proto[i];
        if (fallback->name && strcmp(fallback->name, name) == 0)
            a = fallback;
    }
    return a;
}

const Onnx__NodeProto *bnf_references_resolve(
    const Onnx__NodeProto *node, const struct bnf_caller *caller, struct bnf_arena *arena)
{
    if (!bnf_attr_any_reference(node))
        return node;
    Onnx__NodeProto *copy = bnf_arena_alloc(arena, 1, sizeof *copy);
    Onnx__AttributeProto **list = bnf_arena_alloc(arena, node->n_attribute, sizeof *list);
    Onnx__AttributeProto *made = bnf_arena_alloc(arena, node->n_attribute, sizeof *made);
    if (!copy || !list || !made)
        return NULL;
    *copy = *node;
    copy->attribute = list;
    copy->n_attribute = 0;
    for (size_t i = 0; i < node->n_attribute; i++) {
        Onnx__AttributeProto *own = node->attribute[i];
        bool refers = own->ref_attr_name && *own->ref_attr_name;
        const Onnx__AttributeProto *from = refers ? given(caller, own->ref_attr_name) : own;
        if (!from)
            continue;
        made[i] = *from;
        made[i].name = own->name;
        list[copy->n_attribute++] = refers ? &made[i] : own;
    }
    return copy;
}
