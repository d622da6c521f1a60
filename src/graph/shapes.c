#include "graph/shapes.h"

#include "graph/shapes_internal.h"
#include "onnx/tensor.h"

#include <string.h>

/* ---- what the rules see of a node ---- */

struct bnf_dims bnf_op_input(const struct bnf_op *op, uint32_t slot)
{
    struct bnf_dims out = {.rank = -1};
    bnf_id value = bnf_node_input(op->all->graph, op->node, slot);
    if (value == BNF_NONE)
        return out;
    const struct bnf_shape *shape = &op->all->graph->values[value].shape;
    out.dtype = shape->dtype;
    if (shape->rank >= 0 && shape->rank <= BNF_RANK_MAX) {
        out.rank = shape->rank;
        if (out.rank > 0)
            memcpy(out.dims, shape->dims, (size_t)out.rank * sizeof *out.dims);
    }
    return out;
}

bool bnf_op_has(const struct bnf_op *op, uint32_t slot)
{
    return bnf_node_input(op->all->graph, op->node, slot) != BNF_NONE;
}

/* A symbol of its own for an extent that nothing is known of: it is still the same extent wherever it is
 * copied to, which is how a Reshape's open extent can be solved. BNF_DIM_UNKNOWN when memory is out. */
static int64_t fresh_symbol(struct bnf_inference *all, bnf_id value, int axis)
{
    struct bnf_graph *g = all->graph;
    struct bnf_arena *arena = &g->model->arena;
    const char *name = g->values[value].name;
    const char *text = strlen(name) < 80 ? bnf_arena_format(arena, "%s[%d]", name, axis)
                                         : bnf_arena_format(arena, "value %u[%d]", value, axis);
    /* A function's values come here at every call: the number makes a try new, so that the first one mostly fits. */
    for (size_t number = g->symbols.count; text && bnf_names_find(&g->symbols, text) != BNF_NONE; number++)
        text = bnf_arena_format(arena, "value %u[%d]#%zu", value, axis, number);
    bnf_id symbol = text ? bnf_names_add(&g->symbols, text) : BNF_NONE;
    if (symbol == BNF_NONE) {
        all->no_memory = true;
        return BNF_DIM_UNKNOWN;
    }
    return BNF_DIM_SYMBOL(symbol);
}

void bnf_op_output(const struct bnf_op *op, uint32_t slot, const struct bnf_dims *inferred)
{
    bnf_id value = bnf_node_output(op->all->graph, op->node, slot);
    if (value == BNF_NONE)
        return;
    struct bnf_shape *stated = &op->all->graph->values[value].shape;
    if (inferred->dtype)
        stated->dtype = inferred->dtype;
    if (inferred->rank < 0 || inferred->rank > BNF_RANK_MAX ||
        (stated->rank >= 0 && stated->rank != inferred->rank))
        return;
    int64_t dims[BNF_RANK_MAX];
    bool differs = stated->rank < 0;
    for (int i = 0; i < inferred->rank; i++) {
        int64_t old = stated->rank < 0 ? BNF_DIM_UNKNOWN : stated->dims[i];
        /* Of two symbols the inferred one is better: it is the one that the inputs have. */
        dims[i] = old >= 0 ? old : bnf_dim_refine(inferred->dims[i], old);
        if (dims[i] == BNF_DIM_UNKNOWN)
            dims[i] = fresh_symbol(op->all, value, i);
        differs = differs || dims[i] != old;
    }
    if (!differs)
        return;
    int64_t *copy = NULL;
    if (inferred->rank > 0) {
        copy = bnf_arena_alloc(&op->all->graph->model->arena, (size_t)inferred->rank, sizeof *copy);
        if (!copy) {
            op->all->no_memory = true;
            return;
        }
        memcpy(copy, dims, (size_t)inferred->rank * sizeof *copy);
    }
    stated->rank = inferred->rank;
    stated->dims = copy;
}

void bnf_op_output_rank(const struct bnf_op *op, uint32_t slot, int dtype, int rank)
{
    struct bnf_dims out = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank && i < BNF_RANK_MAX; i++)
        out.dims[i] = BNF_DIM_UNKNOWN;
    bnf_op_output(op, slot, &out);
}

/* ---- elements ---- */

/* How many elements a shape has, when it is a scalar or a short vector; -1 otherwise. */
static int vector_length(const struct bnf_shape *shape)
{
    if (shape->rank == 0)
        return 1;
    if (shape->rank == 1 && shape->dims[0] >= 0 && shape->dims[0] <= BNF_VECTOR_MAX)
        return (int)shape->dims[0];
    return -1;
}

/* Keeps elements for a value; silently not when the scratch memory's limit is reached. */
static void keep(struct bnf_inference *all, bnf_id value, const struct bnf_vector *vector)
{
    if (vector->count == 0)
        return; /* the shape says it all */
    struct bnf_element *copy = bnf_arena_alloc(&all->scratch, vector->count, sizeof *copy);
    if (!copy) {
        all->no_memory = all->no_memory || !all->scratch.exhausted; /* of the machine's lack the result must not depend */
        return;
    }
    memcpy(copy, vector->items, vector->count * sizeof *copy);
    all->known[value] = copy;
    all->known_count[value] = (uint32_t)vector->count;
}

static bool is_followed(int dtype)
{
    return dtype == BNF_DTYPE_INT64 || dtype == BNF_DTYPE_INT32 || dtype == BNF_DTYPE_FLOAT ||
           dtype == BNF_DTYPE_DOUBLE || dtype == BNF_DTYPE_BOOL;
}

/* The elements of a small tensor in the model. */
static bool read_elements(struct bnf_inference *all, const Onnx__TensorProto *proto, struct bnf_vector *out)
{
    struct bnf_shape shape = {
        .rank = proto->n_dims > BNF_RANK_MAX ? -1 : (int)proto->n_dims, .dims = proto->dims};
    struct bnf_tensor tensor;
    int length = vector_length(&shape);
    double numbers[BNF_VECTOR_MAX];
    if (length < 0 || !is_followed(proto->data_type) ||
        bnf_tensor_view(all->graph->model, proto, &tensor, NULL) != BNF_OK || tensor.count != (size_t)length)
        return false;
    bnf_to_double(tensor.dtype, tensor.data, 0, tensor.count, numbers);
    out->count = tensor.count;
    for (size_t i = 0; i < tensor.count; i++)
        out->items[i] = (struct bnf_element){0, numbers[i]};
    return true;
}

/* An initializer that a caller may override has no elements to rely on when it is to stay overridable; one in a body
 * that is an input is never read at all. */
static bool is_fixed(const struct bnf_graph *g, const struct bnf_value *v)
{
    bool frozen = g->model->proto->ir_version < 4 || !g->keep_overridable;
    return v->initializer && (!v->is_input || (v->scope == 0 && frozen));
}

bool bnf_op_vector(const struct bnf_op *op, uint32_t slot, struct bnf_vector *out)
{
    struct bnf_inference *all = op->all;
    bnf_id value = bnf_node_input(all->graph, op->node, slot);
    out->count = 0;
    if (value == BNF_NONE)
        return false;
    const struct bnf_value *v = &all->graph->values[value];
    if (!all->looked[value]) {
        all->looked[value] = true;
        if (is_fixed(all->graph, v) && read_elements(all, v->initializer, out))
            keep(all, value, out);
    }
    int length = vector_length(&v->shape);
    if (length < 0)
        return false;
    bool known = all->known[value] && all->known_count[value] == (uint32_t)length;
    out->count = (size_t)length;
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = known ? all->known[value][i] : (struct bnf_element){BNF_DIM_UNKNOWN, 0};
    return true;
}

bool bnf_op_list(const struct bnf_op *op, const char *attribute, uint32_t slot, struct bnf_vector *out)
{
    size_t count = 0;
    const int64_t *ints = attribute ? bnf_attr_ints(op->proto, attribute, &count) : NULL;
    out->count = 0;
    if (!ints)
        return slot > 0 && bnf_op_vector(op, slot, out);
    if (count > BNF_VECTOR_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        out->items[i] = (struct bnf_element){0, (double)ints[i]};
    out->count = count;
    return true;
}

void bnf_op_know(const struct bnf_op *op, const struct bnf_vector *vector)
{
    bnf_id value = bnf_node_output(op->all->graph, op->node, 0);
    if (value == BNF_NONE)
        return;
    const struct bnf_shape *shape = &op->all->graph->values[value].shape;
    if (is_followed(shape->dtype) && vector_length(shape) == (int)vector->count)
        keep(op->all, value, vector);
}

void bnf_elements_none(const struct bnf_op *op)
{
    (void)op;
}

void bnf_elements_constant(const struct bnf_op *op)
{
    const Onnx__AttributeProto *value = bnf_attr_find(op->proto, "value");
    struct bnf_vector out = {0};
    if (op->proto->n_attribute == 0 || bnf_attr_any_reference(op->proto))
        return;
    if (value && value->t) {
        if (!read_elements(op->all, value->t, &out))
            return;
    } else {
        const Onnx__AttributeProto *a = op->proto->attribute[0];
        out.count = a->n_ints ? a->n_ints : a->n_floats ? a->n_floats : 1;
        if (out.count > BNF_VECTOR_MAX)
            return;
        for (size_t i = 0; i < out.count; i++)
            out.items[i].number = a->n_ints     ? (double)a->ints[i]
                                  : a->n_floats ? (double)a->floats[i]
                                  : a->has_i    ? (double)a->i
                                                : (double)a->f;
    }
    bnf_op_know(op, &out);
}

/* ---- the walk ---- */

static const struct bnf_shape_rule rules[] = {
#define BNF_SHAPE_RULE(op_type, infer, arg, elements) \
    {#op_type, bnf_shape_##infer, bnf_elements_##elements, arg},
#include "graph/shapes_rules.def"
#undef BNF_SHAPE_RULE
};

const struct bnf_shape_rule *bnf_shape_rule(const char *op_type)
{
    size_t low = 0, high = sizeof rules / sizeof *rules;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(op_type, rules[middle].op_type);
        if (order == 0)
            return &rules[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void bnf_shapes_scope(struct bnf_inference *all, bnf_id scope)
{
    const struct bnf_graph *g = all->graph;
    for (size_t i = 0; i < g->scopes[scope].order_count; i++) {
        bnf_id id = g->scopes[scope].order[i];
        const struct bnf_node *node = &g->nodes[id];
        if (node->dead)
            continue;
        for (bnf_id body = node->first_body; body < node->last_body; body++)
            bnf_shapes_scope(all, body);
        const char *op_type = node->proto->op_type;
        const struct bnf_shape_rule *rule =
            op_type && bnf_node_is_standard(g, id) ? bnf_shape_rule(op_type) : NULL;
        struct bnf_op op = {all, id, node->proto, bnf_node_opset(g, id), rule ? rule->arg : 0};
        if (!rule)
            bnf_shapes_call(&op);
        if (!rule || bnf_attr_any_reference(node->proto))
            continue; /* what a caller gives would read as a default */
        rule->infer(&op);
        rule->elements(&op);
    }
}

/* Negative extents in a file are nonsense, and would read as symbols; unknown ones of inputs get symbols. */
void bnf_shapes_open(struct bnf_inference *all, bnf_id value)
{
    struct bnf_value *v = &all->graph->values[value];
    bool change = false;
    if (v->producer != BNF_NONE || v->shape.rank > BNF_RANK_MAX)
        return;
    for (int i = 0; i < v->shape.rank; i++)
        change = change || (v->initializer ? v->shape.dims[i] < 0 : v->shape.dims[i] == BNF_DIM_UNKNOWN);
    if (!change)
        return;
    int64_t *dims = bnf_arena_alloc(&all->graph->model->arena, (size_t)v->shape.rank, sizeof *dims);
    all->no_memory = !dims;
    for (int i = 0; dims && i < v->shape.rank; i++) {
        bool known = v->initializer ? v->shape.dims[i] >= 0 : v->shape.dims[i] != BNF_DIM_UNKNOWN;
        dims[i] = known ? v->shape.dims[i] : fresh_symbol(all, value, i);
    }
    v->shape.dims = dims ? dims : v->shape.dims;
}

int bnf_shapes_infer(struct bnf_graph *graph, struct bnf_err *err)
{
    struct bnf_inference all = {.graph = graph};
    /* Enough for the vectors of real models; beyond it they are merely unknown. */
    bnf_arena_init(&all.scratch, (size_t)256 << 20);
    all.known = bnf_alloc(graph->value_count, sizeof(struct bnf_element *));
    all.known_count = bnf_alloc(graph->value_count, sizeof *all.known_count);
    all.looked = bnf_alloc(graph->value_count, sizeof *all.looked);
    all.no_memory = !all.known || !all.known_count || !all.looked || !bnf_shapes_find_functions(&all);
    for (bnf_id v = 0; !all.no_memory && v < graph->value_count; v++)
        bnf_shapes_open(&all, v);
    if (!all.no_memory && graph->scope_count)
        bnf_shapes_scope(&all, 0);
    if (!all.no_memory)
        bnf_shapes_functions(&all);
    bnf_shapes_forget_functions(&all);
    bnf_free(all.known);
    bnf_free(all.known_count);
    bnf_free(all.looked);
    bnf_arena_free(&all.scratch);
    return all.no_memory ? bnf_fail_memory(err) : BNF_OK;
}
