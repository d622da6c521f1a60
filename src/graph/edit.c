#include "graph/edit.h"

#include "graph/attr.h"

#include <string.h>

static void touch(struct bnf_graph *g, bnf_id scope)
{
    g->scopes[scope].changed = true;
}

static int fresh_name(struct bnf_graph *g, const char *hint, const char **out, struct bnf_err *err)
{
    static const char mark[] = ".bnfold";
    /* A name that bnfold made already gets the next number instead of a second mark. */
    const char *old = strstr(hint, mark);
    int stem = old ? (int)(old - hint) : (int)strlen(hint);
    uint64_t key = bnf_hash(hint, (size_t)stem);
    bnf_id number = bnf_table_get(&g->suffixes, key);
    for (number = number == BNF_NONE ? 1 : number;; number++) {
        char *name = number == 1 ? bnf_arena_format(&g->model->arena, "%.*s%s", stem, hint, mark)
                                 : bnf_arena_format(&g->model->arena, "%.*s%s%u", stem, hint, mark, number);
        if (!name)
            return bnf_fail_memory(err);
        if (bnf_names_find(&g->names, name) == BNF_NONE) {
            *out = name;
            return bnf_table_put(&g->suffixes, key, number + 1) ? BNF_OK : bnf_fail_memory(err);
        }
    }
}

int bnf_edit_value(struct bnf_graph *g, bnf_id scope, const char *hint, bnf_id *value, struct bnf_err *err)
{
    const char *name = NULL;
    int status = fresh_name(g, hint, &name, err);
    if (status)
        return status;
    bnf_id id = bnf_names_add(&g->names, name);
    if (id == BNF_NONE || !bnf_reserve(&g->values, &g->value_capacity, g->value_count + 1, sizeof *g->values) ||
        !bnf_table_put(&g->index, (uint64_t)scope << 32 | id, (bnf_id)g->value_count))
        return bnf_fail_memory(err);
    *value = (bnf_id)g->value_count++;
    g->values[*value] = (struct bnf_value){.name = name,
        .scope = scope,
        .producer = BNF_NONE,
        .first_use = BNF_NONE,
        .shape.rank = -1,
        .is_new = true};
    touch(g, scope);
    return BNF_OK;
}

static void unlink_use(struct bnf_graph *g, bnf_id use)
{
    struct bnf_use *u = &g->uses[use];
    if (u->value == BNF_NONE)
        return;
    struct bnf_value *v = &g->values[u->value];
    if (u->previous == BNF_NONE)
        v->first_use = u->next;
    else
        g->uses[u->previous].next = u->next;
    if (u->next != BNF_NONE)
        g->uses[u->next].previous = u->previous;
    v->use_count--;
    u->value = u->next = u->previous = BNF_NONE;
}

void bnf_edit_set_input(struct bnf_graph *g, bnf_id node, uint32_t slot, bnf_id value)
{
    if (slot >= g->nodes[node].input_count)
        bnf_bug("no such input slot");
    bnf_id use = g->nodes[node].first_input + slot;
    touch(g, g->nodes[node].scope);
    unlink_use(g, use);
    if (value == BNF_NONE)
        return;
    struct bnf_use *u = &g->uses[use];
    struct bnf_value *v = &g->values[value];
    u->value = value;
    u->next = v->first_use;
    if (v->first_use != BNF_NONE)
        g->uses[v->first_use].previous = use;
    v->first_use = use;
    v->use_count++;
}

void bnf_edit_set_output(struct bnf_graph *g, bnf_id node, uint32_t slot, bnf_id value)
{
    struct bnf_node *n = &g->nodes[node];
    if (slot >= n->output_count || g->values[value].producer != BNF_NONE)
        bnf_bug("no such output slot, or the value has a producer");
    bnf_id old = g->outs[n->first_output + slot];
    if (old != BNF_NONE)
        g->values[old].producer = BNF_NONE;
    g->outs[n->first_output + slot] = value;
    g->values[value].producer = node;
    g->values[value].output = slot;
    touch(g, n->scope);
}

void bnf_edit_move_uses(struct bnf_graph *g, bnf_id from, bnf_id to)
{
    while (g->values[from].first_use != BNF_NONE) {
        const struct bnf_use *u = &g->uses[g->values[from].first_use];
        bnf_edit_set_input(g, u->node, u->slot, to);
    }
}

int bnf_edit_widen(struct bnf_graph *g, bnf_id node, uint32_t count, struct bnf_err *err)
{
    struct bnf_node *n = &g->nodes[node];
    if (n->input_count >= count)
        return BNF_OK;
    if (g->use_count + count >= BNF_NONE ||
        !bnf_reserve(&g->uses, &g->use_capacity, g->use_count + count, sizeof *g->uses))
        return bnf_fail_memory(err);
    bnf_id first = (bnf_id)g->use_count;
    for (uint32_t slot = 0; slot < count; slot++)
        g->uses[g->use_count++] = (struct bnf_use){BNF_NONE, node, slot, BNF_NONE, BNF_NONE};
    bnf_id old = n->first_input;
    uint32_t old_count = n->input_count;
    n->first_input = first;
    n->input_count = count;
    for (uint32_t slot = 0; slot < old_count; slot++) {
        bnf_id value = g->uses[old + slot].value;
        unlink_use(g, old + slot);
        bnf_edit_set_input(g, node, slot, value);
    }
    return BNF_OK;
}

int bnf_edit_node(struct bnf_graph *g, bnf_id scope, const char *op_type, const char *hint, uint32_t inputs,
    uint32_t outputs, bnf_id *node, struct bnf_err *err)
{
    if (g->out_count + outputs >= BNF_NONE ||
        !bnf_reserve(&g->nodes, &g->node_capacity, g->node_count + 1, sizeof *g->nodes) ||
        !bnf_reserve(&g->outs, &g->out_capacity, g->out_count + outputs, sizeof *g->outs))
        return bnf_fail_memory(err);
    struct bnf_arena *arena = &g->model->arena;
    Onnx__NodeProto *proto = bnf_arena_alloc(arena, 1, sizeof *proto);
    if (!proto)
        return bnf_fail_memory(err);
    onnx__node_proto__init(proto);
    proto->op_type = bnf_arena_copy(arena, op_type, strlen(op_type));
    if (hint)
        proto->name = bnf_arena_copy(arena, hint, strlen(hint));
    if (!proto->op_type || (hint && !proto->name))
        return bnf_fail_memory(err);
    *node = (bnf_id)g->node_count++;
    g->nodes[*node] = (struct bnf_node){.proto = proto,
        .scope = scope,
        .first_input = (bnf_id)g->use_count,
        .first_output = (bnf_id)g->out_count,
        .output_count = outputs};
    for (uint32_t i = 0; i < outputs; i++)
        g->outs[g->out_count++] = BNF_NONE;
    touch(g, scope);
    return bnf_edit_widen(g, *node, inputs, err);
}

void bnf_edit_remove_node(struct bnf_graph *g, bnf_id node)
{
    struct bnf_node *n = &g->nodes[node];
    for (uint32_t slot = 0; slot < n->input_count; slot++)
        unlink_use(g, n->first_input + slot);
    for (uint32_t slot = 0; slot < n->output_count; slot++) {
        bnf_id value = g->outs[n->first_output + slot];
        if (value != BNF_NONE)
            g->values[value].producer = BNF_NONE;
        g->outs[n->first_output + slot] = BNF_NONE;
    }
    n->dead = true;
    touch(g, n->scope);
}

/* ---- attributes ---- */

void bnf_edit_attr_remove(struct bnf_graph *g, bnf_id node, const char *name)
{
    Onnx__NodeProto *proto = g->nodes[node].proto;
    size_t kept = 0;
    for (size_t i = 0; i < proto->n_attribute; i++)
        if (!proto->attribute[i]->name || strcmp(proto->attribute[i]->name, name) != 0)
            proto->attribute[kept++] = proto->attribute[i];
    proto->n_attribute = kept;
}

/* A fresh attribute of that name in the node's list; NULL when memory is out. */
static Onnx__AttributeProto *new_attribute(struct bnf_graph *g, bnf_id node, const char *name,
    Onnx__AttributeProto__AttributeType type)
{
    struct bnf_arena *arena = &g->model->arena;
    Onnx__NodeProto *proto = g->nodes[node].proto;
    bnf_edit_attr_remove(g, node, name);
    Onnx__AttributeProto **list = bnf_arena_alloc(arena, proto->n_attribute + 1, sizeof *list);
    Onnx__AttributeProto *attribute = bnf_arena_alloc(arena, 1, sizeof *attribute);
    if (!list || !attribute)
        return NULL;
    onnx__attribute_proto__init(attribute);
    attribute->name = bnf_arena_copy(arena, name, strlen(name));
    attribute->has_type = true;
    attribute->type = type;
    if (proto->n_attribute)
        memcpy(list, proto->attribute, proto->n_attribute * sizeof *list);
    list[proto->n_attribute++] = attribute;
    proto->attribute = list;
    touch(g, g->nodes[node].scope);
    return attribute->name ? attribute : NULL;
}

int bnf_edit_attr_int(struct bnf_graph *g, bnf_id node, const char *name, int64_t number, struct bnf_err *err)
{
    Onnx__AttributeProto *a = new_attribute(g, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (!a)
        return bnf_fail_memory(err);
    a->has_i = true;
    a->i = number;
    return BNF_OK;
}

int bnf_edit_attr_float(struct bnf_graph *g, bnf_id node, const char *name, float number, struct bnf_err *err)
{
    Onnx__AttributeProto *a = new_attribute(g, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (!a)
        return bnf_fail_memory(err);
    a->has_f = true;
    a->f = number;
    return BNF_OK;
}

int bnf_edit_attr_ints(struct bnf_graph *g, bnf_id node, const char *name, const int64_t *numbers, size_t count,
    struct bnf_err *err)
{
    Onnx__AttributeProto *a = new_attribute(g, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = bnf_arena_alloc(&g->model->arena, count, sizeof *copy);
    if (!a || !copy)
        return bnf_fail_memory(err);
    if (count)
        memcpy(copy, numbers, count * sizeof *copy);
    a->n_ints = count;
    a->ints = copy;
    return BNF_OK;
}

/* ---- constants ---- */

static Onnx__TensorProto *new_tensor(struct bnf_graph *g, int dtype, const int64_t *dims, size_t rank)
{
    Onnx__TensorProto *tensor = bnf_arena_alloc(&g->model->arena, 1, sizeof *tensor);
    int64_t *extents = bnf_arena_alloc(&g->model->arena, rank, sizeof *extents);
    if (!tensor || !extents)
        return NULL;
    if (rank)
        memcpy(extents, dims, rank * sizeof *extents);
    onnx__tensor_proto__init(tensor);
    tensor->has_data_type = true;
    tensor->data_type = dtype;
    tensor->n_dims = rank;
    tensor->dims = extents;
    return tensor;
}

/* Makes a value the result of a Constant node. */
static int give_constant(struct bnf_graph *g, bnf_id value, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    bnf_id node;
    int status = bnf_edit_node(g, g->values[value].scope, "Constant", g->values[value].name, 0, 1, &node, err);
    if (status)
        return status;
    Onnx__AttributeProto *a =
        new_attribute(g, node, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    if (!a)
        return bnf_fail_memory(err);
    a->t = tensor;
    bnf_edit_set_output(g, node, 0, value);
    return BNF_OK;
}

int bnf_edit_initializer(struct bnf_graph *g, bnf_id scope, const char *hint, int dtype, const int64_t *dims,
    size_t rank, bnf_id *value, struct bnf_err *err)
{
    int status = bnf_edit_value(g, scope, hint, value, err);
    if (status)
        return status;
    struct bnf_value *v = &g->values[*value];
    Onnx__TensorProto *tensor = new_tensor(g, dtype, dims, rank);
    if (!tensor)
        return bnf_fail_memory(err);
    v->shape = (struct bnf_shape){dtype, (int)rank, tensor->dims};
    /* Functions have no initializers; before IR version 4 every initializer is a graph input, which a body's cannot be. */
    if (g->scopes[scope].kind == BNF_SCOPE_FUNCTION ||
        (g->scopes[scope].kind == BNF_SCOPE_BODY && g->model->proto->ir_version < 4))
        return give_constant(g, *value, tensor, err);
    tensor->name = bnf_arena_copy(&g->model->arena, v->name, strlen(v->name));
    v->initializer = tensor;
    return tensor->name ? BNF_OK : bnf_fail_memory(err);
}

Onnx__TensorProto *bnf_edit_tensor(const struct bnf_graph *g, bnf_id value)
{
    const struct bnf_value *v = &g->values[value];
    if (v->initializer || v->producer == BNF_NONE || !bnf_node_is(g, v->producer, "Constant"))
        return v->initializer;
    const Onnx__AttributeProto *a = bnf_attr_find(g->nodes[v->producer].proto, "value");
    return a ? a->t : NULL;
}

/* ---- sweeping ---- */

static bool needed(const struct bnf_value *v)
{
    return v->use_count || v->output_uses;
}

static bool node_is_needed(const struct bnf_graph *g, const struct bnf_node *n)
{
    for (uint32_t slot = 0; slot < n->output_count; slot++) {
        bnf_id value = g->outs[n->first_output + slot];
        if (value != BNF_NONE && needed(&g->values[value]))
            return true;
    }
    return false;
}

/* Takes away one value nobody needs, and its producer when nothing else of it is needed. Values that this leaves
 * without a reader are pushed on the stack, which has room for every value. */
static void remove_dead(struct bnf_graph *g, bnf_id value, bnf_id *stack, size_t *depth)
{
    struct bnf_value *v = &g->values[value];
    if (v->initializer) {
        v->gone = true;
        touch(g, v->scope);
        return;
    }
    if (v->producer == BNF_NONE || node_is_needed(g, &g->nodes[v->producer]))
        return;
    const struct bnf_node *n = &g->nodes[v->producer];
    if (n->first_body != n->last_body)
        return; /* bodies read outer values too; control flow is left alone */
    bnf_id first = n->first_input;
    uint32_t count = n->input_count;
    for (uint32_t slot = 0; slot < count; slot++) {
        bnf_id input = g->uses[first + slot].value;
        unlink_use(g, first + slot);
        if (input != BNF_NONE && !needed(&g->values[input]))
            stack[(*depth)++] = input;
    }
    bnf_edit_remove_node(g, v->producer);
}

int bnf_edit_sweep(struct bnf_graph *g, struct bnf_err *err)
{
    bnf_id *stack = bnf_alloc(g->value_count + 1, sizeof *stack);
    if (!stack)
        return bnf_fail_memory(err);
    for (bnf_id value = 0; value < g->value_count; value++) {
        const struct bnf_value *v = &g->values[value];
        if (needed(v) || v->was_unused || v->gone)
            continue;
        size_t depth = 0;
        stack[depth++] = value;
        while (depth) {
            depth--;
            remove_dead(g, stack[depth], stack, &depth);
        }
    }
    bnf_free(stack);
    return BNF_OK;
}
