#include "check/interface.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void bnf_find(struct bnf_prover *p, enum bnf_proof_verdict verdict, const char *value, const char *node,
    double u, const char *format, ...)
{
    struct bnf_proof *proof = p->proof;
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* The list doubles whenever its length is a power of two. */
    size_t count = proof->finding_count;
    struct bnf_finding *list = proof->findings;
    if ((count & (count - 1)) == 0)
        list = bnf_arena_alloc(&proof->arena, count ? 2 * count : 1, sizeof *list);
    char *detail = bnf_arena_copy(&proof->arena, text, strlen(text));
    const char *name = value ? bnf_arena_copy(&proof->arena, value, strlen(value)) : NULL;
    const char *where = node ? bnf_arena_copy(&proof->arena, node, strlen(node)) : NULL;
    if (!list || !detail || (value && !name) || (node && !where)) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return;
    }
    if (count && list != proof->findings)
        memcpy(list, proof->findings, count * sizeof *list);
    list[proof->finding_count++] =
        (struct bnf_finding){.verdict = verdict, .value = name, .node = where, .detail = detail, .u = u};
    proof->findings = list;
}

/* ---- types ---- */

static const Onnx__TypeProto *type_of(Onnx__ValueInfoProto **list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (list[i]->name && strcmp(list[i]->name, name) == 0)
            return list[i]->type;
    return NULL;
}

static const char *shape_text(const struct bnf_shape *shape, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s", bnf_dtype_name(shape->dtype));
    for (int i = 0; i < shape->rank && used < room - 32; i++) {
        used += (size_t)snprintf(text + used, room - used, i ? "x" : " ");
        used += shape->dims[i] >= 0 ? (size_t)snprintf(text + used, room - used, "%" PRId64, shape->dims[i])
                                    : (size_t)snprintf(text + used, room - used, "?");
    }
    if (shape->rank < 0)
        snprintf(text + used, room - used, " of unknown rank");
    return text;
}

/* Types that are no tensors are the same when their messages are. */
static bool same_message(const Onnx__TypeProto *a, const Onnx__TypeProto *b)
{
    if (!a || !b)
        return !a && !b;
    size_t left = protobuf_c_message_get_packed_size(&a->base);
    if (a->value_case != b->value_case || left != protobuf_c_message_get_packed_size(&b->base))
        return false;
    uint8_t *bytes = bnf_alloc(2, left);
    if (!bytes)
        return false;
    protobuf_c_message_pack(&a->base, bytes);
    protobuf_c_message_pack(&b->base, bytes + left);
    bool same = memcmp(bytes, bytes + left, left) == 0;
    bnf_free(bytes);
    return same;
}

/* Inputs: every extent the same, where one of them is a number. */
static bool same_input_type(const struct bnf_shape *a, const struct bnf_shape *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if ((a->dims[i] >= 0 || b->dims[i] >= 0) && a->dims[i] != b->dims[i])
            return false;
    return true;
}

/* Outputs: what both state must agree; one may know more, since the function tells. */
static bool same_output_type(const struct bnf_shape *a, const struct bnf_shape *b)
{
    if (a->dtype && b->dtype && a->dtype != b->dtype)
        return false;
    if (a->rank < 0 || b->rank < 0)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] >= 0 && b->dims[i] >= 0 && a->dims[i] != b->dims[i])
            return false;
    return true;
}

/* What the two files declare of an output, whatever the values turn out to be. */
static bool same_declaration(const Onnx__ValueInfoProto *a, const Onnx__ValueInfoProto *b)
{
    const Onnx__TypeProto *left = a->type, *right = b->type;
    if (!left || !right || left->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET ||
        right->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET)
        return true;
    if (left->value_case != right->value_case)
        return false;
    if (left->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return true;
    const Onnx__TypeProto__Tensor *x = left->tensor_type, *y = right->tensor_type;
    if (x->elem_type != y->elem_type)
        return false;
    for (size_t i = 0; x->shape && y->shape && i < x->shape->n_dim && i < y->shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *m = x->shape->dim[i], *n = y->shape->dim[i];
        if (m->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
            n->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && m->dim_value != n->dim_value)
            return false;
    }
    return true;
}

/* ---- inputs ---- */

/* An input that a caller must give; those with a default count as constants unless told otherwise. */
static bool is_free(const struct bnf_side *side, bnf_id value)
{
    return !side->graph.values[value].initializer || !bnf_is_constant(&side->constants, value);
}

/* Default values are part of what a caller sees when inputs stay overridable. */
static bool same_default(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_value *a = &p->side[0].graph.values[ref], *b = &p->side[1].graph.values[new];
    if (!a->initializer && !b->initializer)
        return true;
    return a->initializer && b->initializer && bnf_other_constant_compare(p, ref, new) == BNF_EQUAL;
}

static void match_input(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_value *a = &p->side[0].graph.values[ref], *b = &p->side[1].graph.values[new];
    const Onnx__GraphProto *left = p->side[0].graph.scopes[0].graph,
                           *right = p->side[1].graph.scopes[0].graph;
    char one[256], other[256];
    if (!same_input_type(&a->shape, &b->shape) ||
        (a->shape.dtype == 0 && !same_message(type_of(left->input, left->n_input, a->name),
                                    type_of(right->input, right->n_input, b->name))))
        bnf_find(p, BNF_PROOF_REFUTED, a->name, NULL, 0, "input '%s' is %s instead of %s", b->name,
            shape_text(&b->shape, one, sizeof one), shape_text(&a->shape, other, sizeof other));
    else if (!same_default(p, ref, new))
        bnf_find(p, BNF_PROOF_REFUTED, a->name, NULL, 0, "input '%s' has another default value", b->name);
    else
        bnf_pair_variables(p, ref, new);
}

/* The free input at a position, BNF_NONE behind the last. */
static bnf_id free_input(const struct bnf_side *side, size_t position)
{
    const struct bnf_scope *scope = &side->graph.scopes[0];
    for (size_t i = 0; i < scope->input_count; i++)
        if (is_free(side, scope->inputs[i]) && position-- == 0)
            return scope->inputs[i];
    return BNF_NONE;
}

static void match_by_position(struct bnf_prover *p)
{
    size_t count[2] = {0, 0};
    for (int i = 0; i < 2; i++)
        while (free_input(&p->side[i], count[i]) != BNF_NONE)
            count[i]++;
    if (count[0] != count[1]) {
        bnf_find(p, BNF_PROOF_REFUTED, NULL, NULL, 0, "%zu inputs instead of %zu", count[1], count[0]);
        return;
    }
    for (size_t i = 0; i < count[0]; i++)
        match_input(p, free_input(&p->side[0], i), free_input(&p->side[1], i));
}

static bnf_id input_named(const struct bnf_side *side, const char *name)
{
    bnf_id value = bnf_graph_find(&side->graph, 0, name);
    return value != BNF_NONE && side->graph.values[value].is_input ? value : BNF_NONE;
}

static void match_by_name(struct bnf_prover *p)
{
    const struct bnf_side *a = &p->side[0], *b = &p->side[1];
    for (size_t i = 0; i < a->graph.scopes[0].input_count; i++) {
        bnf_id ref = a->graph.scopes[0].inputs[i];
        const char *name = a->graph.values[ref].name;
        bnf_id new = input_named(b, name), same = bnf_graph_find(&b->graph, 0, name);
        if (new != BNF_NONE && is_free(a, ref) && is_free(b, new))
            match_input(p, ref, new);
        else if (is_free(a, ref))
            bnf_find(p, BNF_PROOF_REFUTED, name, NULL, 0,
                "'%s' is an input of the reference, but %s in the candidate", name,
                same == BNF_NONE  ? "missing"
                : new == BNF_NONE ? "computed"
                                  : "has a default value");
        else if (new == BNF_NONE && same != BNF_NONE && b->graph.values[same].producer != BNF_NONE &&
                 !bnf_is_constant(&b->constants, same))
            bnf_find(p, BNF_PROOF_REFUTED, name, NULL, 0,
                "'%s' is an input of the reference, but computed in the candidate", name);
    }
    for (size_t i = 0; i < b->graph.scopes[0].input_count; i++) {
        bnf_id new = b->graph.scopes[0].inputs[i];
        const char *name = b->graph.values[new].name;
        bnf_id ref = input_named(a, name);
        if (is_free(b, new) && (ref == BNF_NONE || !is_free(a, ref)))
            bnf_find(p, BNF_PROOF_REFUTED, name, NULL, 0,
                "'%s' is an input of the candidate, but %s the reference", name,
                ref == BNF_NONE ? "not of" : "has a default value in");
    }
}

void bnf_match_inputs(struct bnf_prover *p)
{
    if (p->options.match_by_position)
        match_by_position(p);
    else
        match_by_name(p);
    /* Until IR version 4 every initializer had to be listed as an input, and nobody could override one. */
    for (int i = 0; i < 2; i++) {
        const struct bnf_side *side = &p->side[i];
        const Onnx__ModelProto *model = side->graph.model->proto;
        const struct bnf_scope *scope = &side->graph.scopes[0];
        for (size_t k = 0; k < scope->input_count && model->has_ir_version && model->ir_version >= 4; k++)
            p->proof->with_defaults |= !is_free(side, scope->inputs[k]);
    }
}

/* ---- outputs ---- */

bool bnf_match_outputs(struct bnf_prover *p)
{
    const struct bnf_graph *g[2] = {&p->side[0].graph, &p->side[1].graph};
    const struct bnf_scope *a = &g[0]->scopes[0], *b = &g[1]->scopes[0];
    char one[256], other[256];
    if (a->output_count != b->output_count) {
        bnf_find(p, BNF_PROOF_REFUTED, NULL, NULL, 0, "%zu outputs instead of %zu", b->output_count,
            a->output_count);
        return false;
    }
    if (a->output_count == 0) {
        bnf_find(p, BNF_PROOF_UNPROVED, NULL, NULL, 0,
            "the models have no outputs, so there is nothing to compare");
        return false;
    }
    for (size_t i = 0; i < a->output_count; i++) {
        const char *left = a->graph->output[i]->name, *right = b->graph->output[i]->name;
        const struct bnf_shape *x = &g[0]->values[a->outputs[i]].shape,
                               *y = &g[1]->values[b->outputs[i]].shape;
        if (!p->options.match_by_position && strcmp(left ? left : "", right ? right : "") != 0)
            bnf_find(
                p, BNF_PROOF_REFUTED, left, NULL, 0, "output %zu is '%s' instead of '%s'", i, right, left);
        else if (!same_output_type(x, y))
            bnf_find(p, BNF_PROOF_REFUTED, left, NULL, 0, "output '%s' is %s instead of %s", left,
                shape_text(y, one, sizeof one), shape_text(x, other, sizeof other));
        else if (!same_declaration(a->graph->output[i], b->graph->output[i]))
            bnf_find(p, BNF_PROOF_REFUTED, left, NULL, 0, "output '%s' is declared with another type", left);
    }
    return true;
}
