#include "fold/state.h"

#include "graph/attr.h"

#include <string.h>

struct bnf_pending *bnf_fold_pending(const struct bnf_fold *fold, bnf_id value)
{
    bnf_id at = value == BNF_NONE ? BNF_NONE : bnf_table_get(&fold->pending_index, value);
    return at == BNF_NONE ? NULL : fold->pending[at];
}

bool bnf_fold_is_constant(const struct bnf_fold *fold, bnf_id value)
{
    if (value == BNF_NONE)
        return false;
    if (fold->graph->values[value].is_new)
        return bnf_fold_pending(fold, value) != NULL;
    return bnf_is_constant(&fold->constants, value);
}

const char *bnf_fold_function_name(const struct bnf_fold *fold, bnf_id scope)
{
    const struct bnf_graph *g = fold->graph;
    while (g->scopes[scope].kind == BNF_SCOPE_BODY)
        scope = g->scopes[scope].parent;
    const Onnx__FunctionProto *f = g->scopes[scope].function;
    if (!f)
        return NULL;
    const char *domain = f->domain ? f->domain : "", *overload = f->overload ? f->overload : "";
    const char *name = bnf_arena_format(fold->arena, "%s%s%s%s%s", domain, *domain ? "." : "", f->name ? f->name : "",
        *overload ? ":" : "", overload);
    return name ? name : "";
}

/* Does a value inside a function come straight from its caller: an input, or a Constant whose value is given by the
 * call, perhaps in another shape or type? */
static bool comes_from_caller(const struct bnf_graph *g, bnf_id value)
{
    static const char *const passing[] = {
        "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"};
    while (value != BNF_NONE) {
        const struct bnf_value *v = &g->values[value];
        if (v->producer == BNF_NONE)
            return v->is_input && g->scopes[v->scope].kind == BNF_SCOPE_FUNCTION;
        if (bnf_node_is(g, v->producer, "Constant"))
            return bnf_attr_any_reference(g->nodes[v->producer].proto) != NULL;
        size_t i = 0;
        while (i < sizeof passing / sizeof *passing && !bnf_node_is(g, v->producer, passing[i]))
            i++;
        value = i < sizeof passing / sizeof *passing ? bnf_node_input(g, v->producer, 0) : BNF_NONE;
    }
    return false;
}

enum bnf_reason bnf_fold_why_dynamic(const struct bnf_fold *fold, bnf_id value, enum bnf_reason otherwise)
{
    const struct bnf_value *v = &fold->graph->values[value];
    if (v->is_sparse)
        return BNF_REASON_SPARSE;
    if (v->initializer && v->is_input && fold->options->keep_overridable)
        return BNF_REASON_OVERRIDABLE;
    if (comes_from_caller(fold->graph, value))
        return BNF_REASON_IN_FUNCTION;
    return otherwise;
}

const char *bnf_fold_name(const struct bnf_fold *fold, bnf_id value)
{
    return value == BNF_NONE ? "" : fold->graph->values[value].name;
}

int bnf_fold_dtype(const struct bnf_fold *fold, bnf_id value, int otherwise)
{
    int dtype = value == BNF_NONE ? 0 : fold->graph->values[value].shape.dtype;
    return dtype ? dtype : otherwise;
}

int bnf_fold_tensor(struct bnf_fold *fold, bnf_id value, struct bnf_tensor *out, enum bnf_reason *reason,
    struct bnf_err *err)
{
    const struct bnf_pending *pending = bnf_fold_pending(fold, value);
    if (pending) {
        *out = pending->base;
        return BNF_ANSWER_YES;
    }
    const struct bnf_tensor *tensor = NULL;
    if (bnf_fold_is_constant(fold, value)) {
        int status = bnf_constant(&fold->constants, value, &tensor, err);
        if (status == BNF_ENOMEM)
            return status;
        if (status) {
            *reason = BNF_REASON_EXTERNAL_DATA; /* everything else was found when the model was loaded */
            return BNF_ANSWER_NO;
        }
    }
    if (!tensor) {
        *reason = bnf_fold_why_dynamic(fold, value, BNF_REASON_NONE);
        return BNF_ANSWER_NO;
    }
    *out = *tensor;
    return BNF_ANSWER_YES;
}

double *bnf_fold_read(struct bnf_fold *fold, bnf_id value, size_t count)
{
    double *x = bnf_arena_alloc(&fold->scratch, count, sizeof *x);
    const struct bnf_pending *pending = bnf_fold_pending(fold, value);
    const struct bnf_tensor *tensor = NULL;
    if (!x)
        return NULL;
    if (pending) {
        bnf_pending_read(pending, 0, count, x);
        return x;
    }
    if (bnf_constant(&fold->constants, value, &tensor, NULL) || !tensor || tensor->count != count)
        return NULL;
    bnf_to_double(tensor->dtype, tensor->data, 0, count, x);
    return x;
}

int bnf_fold_weight(struct bnf_fold *fold, bnf_id value, struct bnf_block block, struct bnf_pending **out,
    enum bnf_reason *reason, struct bnf_err *err)
{
    struct bnf_pending *pending = bnf_fold_pending(fold, value);
    struct bnf_tensor tensor;
    *reason = BNF_REASON_NO_RULE;
    if (pending && pending->dense)
        return BNF_ANSWER_NO; /* a constant that an affine was worked into just now: the proof sees no weight there */
    if (pending) {
        bool same = pending->groups == block.groups && pending->outer == block.outer && pending->inner == block.inner;
        if (!same || fold->graph->values[value].use_count != 1)
            bnf_bug("a rewritten weight has one reader, and one block form");
        *out = pending;
        return BNF_ANSWER_YES;
    }
    int answer = bnf_fold_tensor(fold, value, &tensor, reason, err);
    if (answer)
        return answer;
    *out = bnf_pending_weight(fold->arena, &tensor, block);
    return *out ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

int bnf_fold_know(struct bnf_fold *fold, bnf_id value, struct bnf_pending *pending, struct bnf_err *err)
{
    if (!bnf_reserve(&fold->pending, &fold->pending_capacity, fold->pending_count + 1, sizeof(struct bnf_pending *)) ||
        !bnf_table_put(&fold->pending_index, value, (bnf_id)fold->pending_count))
        return bnf_fail_memory(err);
    fold->pending[fold->pending_count++] = pending;
    pending->unfit = fold->unfit;
    return BNF_OK;
}

int bnf_fold_attach(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *pending, const char *hint,
    struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    if (bnf_fold_pending(fold, bnf_node_input(g, node, slot)) == pending)
        return BNF_OK;
    bnf_id value;
    int status = bnf_edit_initializer(g, g->nodes[node].scope, hint, pending->base.dtype, pending->base.dims,
        pending->base.rank, &value, err);
    if (!status)
        status = bnf_fold_know(fold, value, pending, err);
    if (status)
        return status;
    bnf_model_set_source(g->model, bnf_edit_tensor(g, value), &pending->source);
    status = bnf_edit_widen(g, node, slot + 1, err);
    if (!status)
        bnf_edit_set_input(g, node, slot, value);
    return status;
}

int bnf_fold_add_node(struct bnf_fold *fold, bnf_id scope, const char *op, bnf_id input,
    struct bnf_pending *constant, int axis, bnf_id output, bnf_id *node, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    const char *name = bnf_arena_format(fold->arena, "%s.%s", g->values[output].name, op); /* as unique as the output */
    if (!name)
        return bnf_fail_memory(err);
    int status = bnf_edit_node(g, scope, op, name, 2, 1, node, err);
    if (!status && g->scopes[scope].opset < 7)
        status = bnf_edit_attr_int(g, *node, "broadcast", 1, err);
    if (!status && g->scopes[scope].opset < 7)
        status = bnf_edit_attr_int(g, *node, "axis", axis, err);
    if (!status)
        status = bnf_fold_attach(fold, *node, 1, constant, bnf_fold_name(fold, output), err);
    if (status)
        return status;
    bnf_edit_set_input(g, *node, 0, input);
    bnf_edit_set_output(g, *node, 0, output);
    return BNF_OK;
}

struct bnf_site *bnf_fold_site(const struct bnf_fold *fold, bnf_id node, size_t *index)
{
    bnf_id at = bnf_table_get(&fold->site_index, node);
    if (at == BNF_NONE)
        return NULL;
    *index = at;
    return &fold->sites[at];
}
