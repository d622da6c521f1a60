#include "eval/constant.h"

#include "eval/constant_internal.h"

#include <string.h>

enum { NOT_CONSTANT, PENDING, READY };

/* Results larger than this are kept only when the inputs account for them. */
#define LARGE ((size_t)64 << 20)

static const struct {
    const char *op_type;
    bnf_constant_fn *evaluate;
} table[] = {
#define BNF_CONSTANT_OP(op_type, function) {#op_type, bnf_constant_##function},
#include "eval/constant_ops.def"
#undef BNF_CONSTANT_OP
};

static bnf_constant_fn *find_evaluator(const char *op_type)
{
    size_t low = 0, high = sizeof table / sizeof *table;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(op_type, table[middle].op_type);
        if (order == 0)
            return table[middle].evaluate;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bnf_constant_fn *evaluator_of(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    return proto->op_type && bnf_node_is_standard(g, node) ? find_evaluator(proto->op_type) : NULL;
}

/* ---- which values are constants ---- */

static bool has_elements(int dtype)
{
    return bnf_dtype_known(dtype) && dtype != BNF_DTYPE_STRING;
}

static bool initializer_is_constant(const struct bnf_constants *c, const struct bnf_value *v)
{
    const struct bnf_graph *g = c->graph;
    if (!v->initializer || v->gone || v->is_sparse || !has_elements(v->initializer->data_type))
        return false;
    if (!v->is_input)
        return true;
    /* A body's inputs are fed at every step; in the main graph, IR ≤ 3 lists all initializers as inputs. */
    return v->scope == 0 && (!c->keep_overridable || g->model->proto->ir_version < 4);
}

static bool extents_are_known(const struct bnf_shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0)
            return false;
    return shape->rank >= 0;
}

static bool constant_has_elements(const Onnx__NodeProto *proto)
{
    const Onnx__AttributeProto *a = proto->n_attribute == 1 ? proto->attribute[0] : NULL;
    static const char *const lists[] = {"value_float", "value_floats", "value_int", "value_ints"};
    if (!a || !a->name)
        return false;
    if (strcmp(a->name, "value") == 0)
        return a->t && has_elements(a->t->data_type);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(a->name, lists[i]) == 0)
            return true;
    return false;
}

/* Could the first output of a node be a constant, as far as that shows without computing? */
static bool node_is_constant(const struct bnf_constants *c, bnf_id node)
{
    const struct bnf_graph *g = c->graph;
    const struct bnf_node *n = &g->nodes[node];
    if (n->dead || !evaluator_of(g, node))
        return false;
    for (size_t i = 0; i < n->proto->n_attribute; i++)
        if (n->proto->attribute[i]->ref_attr_name && *n->proto->attribute[i]->ref_attr_name)
            return false;
    if (bnf_node_is(g, node, "Shape")) {
        bnf_id input = bnf_node_input(g, node, 0);
        return input != BNF_NONE && extents_are_known(&g->values[input].shape);
    }
    if (bnf_node_is(g, node, "Constant"))
        return constant_has_elements(n->proto);
    if (bnf_node_is(g, node, "DequantizeLinear") && !bnf_constant_may_dequantize(g, node))
        return false;
    bool any = false;
    for (uint32_t slot = 0; slot < n->input_count; slot++) {
        bnf_id input = bnf_node_input(g, node, slot);
        if (input != BNF_NONE && c->state[input] == NOT_CONSTANT)
            return false;
        any = any || input != BNF_NONE;
    }
    return any;
}

int bnf_constants_init(
    struct bnf_constants *c, struct bnf_graph *graph, bool keep_overridable, struct bnf_err *err)
{
    *c = (struct bnf_constants){
        .graph = graph, .keep_overridable = keep_overridable, .count = graph->value_count};
    c->state = bnf_alloc(c->count, sizeof *c->state);
    c->tensors = bnf_alloc(c->count, sizeof *c->tensors);
    if (!c->state || !c->tensors) {
        bnf_constants_free(c);
        return bnf_fail_memory(err);
    }
    for (size_t v = 0; v < c->count; v++)
        c->state[v] = initializer_is_constant(c, &graph->values[v]) ? PENDING : NOT_CONSTANT;
    for (size_t scope = 0; scope < graph->scope_count; scope++) { /* outer ones come first */
        const struct bnf_scope *s = &graph->scopes[scope];
        for (size_t i = 0; i < s->order_count; i++) {
            bnf_id out = bnf_node_output(graph, s->order[i], 0);
            if (out != BNF_NONE && node_is_constant(c, s->order[i]))
                c->state[out] = PENDING;
        }
    }
    return BNF_OK;
}

void bnf_constants_free(struct bnf_constants *c)
{
    bnf_free(c->state);
    bnf_free(c->tensors);
    *c = (struct bnf_constants){0};
}

bool bnf_is_constant(const struct bnf_constants *c, bnf_id value)
{
    return value < c->count && c->state[value] != NOT_CONSTANT;
}

/* ---- evaluation ---- */

const struct bnf_tensor *bnf_constant_input(const struct bnf_constant_op *op, uint32_t slot)
{
    const struct bnf_constants *c = op->constants;
    bnf_id value = bnf_node_input(c->graph, op->node, slot);
    return value < c->count && c->state[value] == READY ? &c->tensors[value] : NULL;
}

int bnf_constant_output(const struct bnf_constant_op *op, int dtype, const int64_t *dims, size_t rank,
    const uint8_t *data, struct bnf_tensor *out)
{
    struct bnf_arena *arena = &op->constants->graph->model->arena;
    struct bnf_tensor made = {.dtype = dtype, .rank = (uint32_t)rank};
    size_t given = 0;
    if (!bnf_volume(dims, rank, &made.count) || !bnf_dtype_bytes(dtype, made.count, &made.bytes))
        return BNF_NOT_CONSTANT;
    for (uint32_t slot = 0; slot < op->proto->n_input; slot++) {
        const struct bnf_tensor *in = bnf_constant_input(op, slot);
        given += in ? in->bytes : 0;
    }
    if (!data && made.bytes > LARGE && made.bytes / 8 > given)
        return BNF_NOT_CONSTANT;
    /* What is left of the model's allowance is needed for more than constants. */
    if (!data && arena->limit && made.bytes > (arena->limit - arena->used) / 2)
        return BNF_NOT_CONSTANT;
    uint8_t *bytes = data ? NULL : bnf_arena_alloc(arena, made.bytes, 1);
    int64_t *extents = bnf_arena_alloc(arena, rank, sizeof *extents);
    if (!extents || (!data && !bytes))
        return bnf_fail_memory(op->err);
    if (rank)
        memcpy(extents, dims, rank * sizeof *extents);
    made.dims = extents;
    made.data = data ? data : bytes;
    *out = made;
    return BNF_OK;
}

/* Evaluates a value whose inputs are all ready, or says that it is none. */
static int evaluate(struct bnf_constants *c, bnf_id value, struct bnf_err *err)
{
    const struct bnf_value *v = &c->graph->values[value];
    struct bnf_tensor *out = &c->tensors[value];
    int status = BNF_NOT_CONSTANT;
    if (v->initializer) {
        status = bnf_tensor_view(c->graph->model, v->initializer, out, err);
    } else if (v->producer != BNF_NONE) {
        struct bnf_constant_op op = {
            c, v->producer, c->graph->nodes[v->producer].proto, bnf_node_opset(c->graph, v->producer), err};
        bnf_constant_fn *function = evaluator_of(c->graph, v->producer);
        status = function ? function(&op, out) : BNF_NOT_CONSTANT;
    }
    if (status >= 0)
        c->state[value] = status == BNF_OK ? READY : NOT_CONSTANT;
    return status < 0 ? status : BNF_OK;
}

/* The values on which a chain waits, innermost last: chains may be longer than the C stack is deep. */
struct waiting {
    bnf_id *values;
    size_t count, capacity;
};

/* Queues the inputs that `value` still needs; *ready: it needs none. One that is no constant makes value
 * none. */
static int wait_for_inputs(
    struct bnf_constants *c, bnf_id value, struct waiting *w, bool *ready, struct bnf_err *err)
{
    bnf_id producer = c->graph->values[value].producer;
    *ready = true;
    if (c->graph->values[value].initializer || producer == BNF_NONE ||
        bnf_node_is(c->graph, producer, "Shape"))
        return BNF_OK;
    for (uint32_t slot = 0; slot < c->graph->nodes[producer].input_count; slot++) {
        bnf_id input = bnf_node_input(c->graph, producer, slot);
        if (input == BNF_NONE)
            continue;
        if (!bnf_is_constant(c, input)) {
            c->state[value] = NOT_CONSTANT;
            return BNF_OK;
        }
        if (c->state[input] == READY)
            continue;
        if (!bnf_reserve(&w->values, &w->capacity, w->count + 1, sizeof *w->values))
            return bnf_fail_memory(err);
        w->values[w->count++] = input;
        *ready = false;
    }
    return BNF_OK;
}

static int evaluate_all(struct bnf_constants *c, bnf_id value, struct waiting *w, struct bnf_err *err)
{
    int status = BNF_OK;
    if (!bnf_reserve(&w->values, &w->capacity, 1, sizeof *w->values))
        return bnf_fail_memory(err);
    w->values[w->count++] = value;
    while (!status && w->count) {
        bnf_id top = w->values[w->count - 1];
        bool ready = true;
        if (c->state[top] == PENDING)
            status = wait_for_inputs(c, top, w, &ready, err);
        if (!status && ready) {
            w->count--; /* nothing was queued behind it */
            if (c->state[top] == PENDING)
                status = evaluate(c, top, err);
        }
    }
    return status;
}

int bnf_constant(struct bnf_constants *c, bnf_id value, const struct bnf_tensor **out, struct bnf_err *err)
{
    struct waiting waiting = {0};
    int status = BNF_OK;
    *out = NULL;
    if (!bnf_is_constant(c, value))
        return BNF_OK;
    if (c->state[value] == PENDING)
        status = evaluate_all(c, value, &waiting, err);
    bnf_free(waiting.values);
    if (!status && c->state[value] == READY)
        *out = &c->tensors[value];
    return status;
}
