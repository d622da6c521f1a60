/* Is it the same operator: type, version, attributes, and for functions of the model their bodies. */
#include "check/prover.h"

#include "base/mem.h"
#include "graph/attr.h"

#include <stdio.h>
#include <string.h>

static const char *text(const char *string)
{
    return string ? string : "";
}

static bool is_standard(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static const char *domain_of(const Onnx__NodeProto *node)
{
    return is_standard(node->domain) ? "" : node->domain;
}

/* ---- functions of the model ---- */

#define LONGEST_KEY 1024

/* The model's function that a node calls; BNF_NONE: none. */
static bnf_id called(const struct bnf_side *side, const Onnx__NodeProto *node)
{
    char key[LONGEST_KEY];
    if (side->functions.count == 0)
        return BNF_NONE;
    snprintf(key, sizeof key, "%s\n%s\n%s", domain_of(node), text(node->op_type), text(node->overload));
    return bnf_names_find(&side->functions, key);
}

bnf_id bnf_called_scope(const struct bnf_side *side, bnf_id node)
{
    bnf_id function = called(side, side->graph.nodes[node].proto);
    return function == BNF_NONE ? BNF_NONE : 1 + function; /* functions follow the main graph */
}

/* Dropout that drops: bnf_canon sees through the others, so what is asked about here mostly does. */
static bool dropout_draws(struct bnf_prover *p, struct bnf_side *side, bnf_id node)
{
    const struct bnf_graph *g = &side->graph;
    int64_t opset = bnf_node_opset(g, node);
    if (opset >= 7 && opset < 12)
        return false;
    if (opset < 7)
        return bnf_attr_int(g->nodes[node].proto, "is_test", 0) == 0;
    if (bnf_node_input(g, node, 2) == BNF_NONE)
        return false;
    const struct bnf_tensor *mode = bnf_side_constant(p, side, bnf_node_input(g, node, 2));
    return !mode || mode->dtype != BNF_DTYPE_BOOL || mode->count != 1 || mode->data[0] != 0;
}

/* The worst of what a function's nodes do, those of its bodies included. A function that calls itself is none that
 * could run: while it is asked about, it draws. */
static enum bnf_purity purity_of_function(struct bnf_prover *p, struct bnf_side *side, bnf_id scope)
{
    const struct bnf_graph *g = &side->graph;
    uint8_t *known = &side->function_purity[scope - 1];
    enum bnf_purity worst = BNF_PURE;
    if (*known)
        return (enum bnf_purity)*known;
    *known = BNF_DRAWS;
    for (bnf_id inner = scope; inner < g->scope_count; inner++) {
        size_t count = bnf_scope_within(g, inner, scope) ? g->scopes[inner].order_count : 0;
        for (size_t i = 0; i < count && worst != BNF_DRAWS; i++) {
            enum bnf_purity one = bnf_purity_of(p, side, g->scopes[inner].order[i]);
            worst = one > worst ? one : worst;
        }
    }
    *known = (uint8_t)worst;
    return worst;
}

enum bnf_purity bnf_purity_of(struct bnf_prover *p, struct bnf_side *side, bnf_id node)
{
    const Onnx__NodeProto *proto = side->graph.nodes[node].proto;
    bnf_id function = bnf_called_scope(side, node);
    if (function != BNF_NONE)
        return purity_of_function(p, side, function);
    if (!is_standard(proto->domain))
        return BNF_STRANGE;
    if (strcmp(text(proto->op_type), "Dropout") == 0)
        return bnf_attr_any_reference(proto) || dropout_draws(p, side, node) ? BNF_DRAWS : BNF_PURE;
    return bnf_schema_nondeterministic(text(proto->op_type)) ? BNF_DRAWS : BNF_PURE;
}

/* ---- messages by their bytes ---- */

static bool same_bytes(struct bnf_prover *p, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t left = protobuf_c_message_get_packed_size(a), right = protobuf_c_message_get_packed_size(b);
    if (left != right)
        return false;
    uint8_t *bytes = bnf_alloc(2, left);
    if (!bytes) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    protobuf_c_message_pack(a, bytes);
    protobuf_c_message_pack(b, bytes + left);
    bool same = memcmp(bytes, bytes + left, left) == 0;
    bnf_free(bytes);
    return same;
}

static bool is_external(const Onnx__TensorProto *t)
{
    return t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Tensors with a side file: equal bytes of the message do not make equal elements. */
static bool refers_outside(const Onnx__NodeProto *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < nodes[i]->n_attribute; k++) {
            const Onnx__AttributeProto *a = nodes[i]->attribute[k];
            if (a->t && is_external(a->t))
                return true;
            for (size_t t = 0; t < a->n_tensors; t++)
                if (is_external(a->tensors[t]))
                    return true;
            for (size_t b = 0; b < a->n_graphs + (a->g != NULL); b++) {
                const Onnx__GraphProto *body = b < a->n_graphs ? a->graphs[b] : a->g;
                for (size_t t = 0; t < body->n_initializer; t++)
                    if (is_external(body->initializer[t]))
                        return true;
                if (refers_outside((const Onnx__NodeProto *const *)body->node, body->n_node))
                    return true;
            }
        }
    return false;
}

/* What is remembered of a pair of functions: how their bytes compare, or later, what comparing their bodies gave. */
enum { FUNCTION_OTHER, FUNCTION_SAME, FUNCTION_COMPARED };

static bool same_functions(struct bnf_prover *p, bnf_id ref, bnf_id new, unsigned depth);

/* Every function that a body calls must be the same in both models, too. */
static bool same_callees(struct bnf_prover *p, Onnx__NodeProto **nodes, size_t count, unsigned depth)
{
    for (size_t i = 0; i < count; i++) {
        bnf_id ref = called(&p->side[0], nodes[i]), new = called(&p->side[1], nodes[i]);
        if ((ref == BNF_NONE) != (new == BNF_NONE) ||
            (ref != BNF_NONE && !same_functions(p, ref, new, depth + 1)))
            return false;
        for (size_t k = 0; k < nodes[i]->n_attribute; k++) {
            const Onnx__AttributeProto *a = nodes[i]->attribute[k];
            for (size_t b = 0; b < a->n_graphs + (a->g != NULL); b++) {
                const Onnx__GraphProto *body = b < a->n_graphs ? a->graphs[b] : a->g;
                if (!same_callees(p, body->node, body->n_node, depth + 1))
                    return false;
            }
        }
    }
    return true;
}

static bool same_functions(struct bnf_prover *p, bnf_id ref, bnf_id new, unsigned depth)
{
    uint64_t key = (uint64_t)ref << 32 | new;
    bnf_id known = bnf_table_get(&p->function_memo, key);
    if (known != BNF_NONE)
        return known == FUNCTION_SAME;
    if (depth > 100)
        return false;
    const Onnx__FunctionProto *a = p->side[0].graph.model->proto->functions[ref];
    const Onnx__FunctionProto *b = p->side[1].graph.model->proto->functions[new];
    bool same = same_bytes(p, &a->base, &b->base) &&
                !refers_outside((const Onnx__NodeProto *const *)a->node, a->n_node) &&
                same_callees(p, a->node, a->n_node, depth);
    if (!bnf_table_put(&p->function_memo, key, same ? FUNCTION_SAME : FUNCTION_OTHER))
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return same;
}

/* Do calls of both mean the same by what they pass: as many inputs and outputs, the same attributes and defaults? */
static bool same_signatures(struct bnf_prover *p, const Onnx__FunctionProto *a, const Onnx__FunctionProto *b)
{
    if (a->n_input != b->n_input || a->n_output != b->n_output || a->n_attribute != b->n_attribute ||
        a->n_attribute_proto != b->n_attribute_proto)
        return false;
    for (size_t i = 0; i < a->n_attribute; i++)
        if (strcmp(text(a->attribute[i]), text(b->attribute[i])) != 0)
            return false;
    for (size_t i = 0; i < a->n_attribute_proto; i++)
        if (!same_bytes(p, &a->attribute_proto[i]->base, &b->attribute_proto[i]->base))
            return false;
    return true;
}

/* Points at the outputs that two functions differ in. */
static void blame_output(struct bnf_prover *p, const bnf_id scope[2], struct bnf_tally *tally)
{
    const struct bnf_scope *a = &p->side[0].graph.scopes[scope[0]], *b = &p->side[1].graph.scopes[scope[1]];
    for (size_t i = 0; i < a->output_count && i < b->output_count; i++) {
        bnf_id ref = bnf_canon(&p->side[0], a->outputs[i]), new = bnf_canon(&p->side[1], b->outputs[i]);
        const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
        if (!pair || pair->outcome == BNF_EQUAL)
            continue;
        tally->sub[0] = ref;
        tally->sub[1] = new;
        return;
    }
}

/* Two functions as bodies whose inputs are free: what they compute, whoever calls them. */
static enum bnf_outcome compare_functions(struct bnf_prover *p, const bnf_id scope[2], struct bnf_tally *tally)
{
    uint64_t key = (uint64_t)(scope[0] - 1) << 32 | (scope[1] - 1);
    const Onnx__FunctionProto *a = p->side[0].graph.scopes[scope[0]].function;
    const Onnx__FunctionProto *b = p->side[1].graph.scopes[scope[1]].function;
    if (same_functions(p, scope[0] - 1, scope[1] - 1, 0))
        return BNF_EQUAL;
    bnf_id known = bnf_table_get(&p->function_memo, key);
    if (known != BNF_NONE && known >= FUNCTION_COMPARED) {
        if (known != FUNCTION_COMPARED + BNF_EQUAL)
            blame_output(p, scope, tally);
        return (enum bnf_outcome)(known - FUNCTION_COMPARED);
    }
    if (p->explaining || p->status || !same_signatures(p, a, b))
        return BNF_UNKNOWN;
    /* A function that calls itself finds no answer yet. */
    bool put = bnf_table_put(&p->function_memo, key, FUNCTION_COMPARED + BNF_UNKNOWN);
    enum bnf_outcome outcome = put ? bnf_scope_compare(p, scope[0], scope[1], tally) : BNF_UNKNOWN;
    if (!put || !bnf_table_put(&p->function_memo, key, FUNCTION_COMPARED + (bnf_id)outcome))
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return outcome;
}

enum bnf_outcome bnf_called_compare(struct bnf_prover *p, const bnf_id node[2], struct bnf_tally *tally)
{
    const bnf_id scope[2] = {
        bnf_called_scope(&p->side[0], node[0]), bnf_called_scope(&p->side[1], node[1])};
    if (scope[0] == BNF_NONE || scope[1] == BNF_NONE)
        return scope[0] == scope[1] ? BNF_EQUAL : BNF_UNKNOWN;
    enum bnf_outcome outcome = compare_functions(p, scope, tally);
    if (outcome != BNF_EQUAL)
        bnf_say(p, "function '%s' has another body", text(p->side[0].graph.nodes[node[0]].proto->op_type));
    return outcome;
}

/* Is what two arguments differ in found inside of a function that was called for them? */
static bool differs_behind_a_call(struct bnf_prover *p, bnf_id ref, bnf_id new, bnf_id scope)
{
    const struct bnf_graph *g = &p->side[0].graph;
    const struct bnf_pair *pair = bnf_pair_of(p, bnf_canon(&p->side[0], ref), bnf_canon(&p->side[1], new));
    if (!pair || pair->outcome != BNF_DIFFERENT)
        return false;
    bnf_id root = g->values[bnf_root_cause(p, pair, false)->value[0]].scope;
    bnf_id outer = root;
    while (g->scopes[outer].kind == BNF_SCOPE_BODY)
        outer = g->scopes[outer].parent;
    return g->scopes[outer].kind == BNF_SCOPE_FUNCTION && !bnf_scope_within(g, scope, outer);
}

bool bnf_called_makes_up(struct bnf_prover *p, const bnf_id node[2])
{
    const struct bnf_graph *const g[2] = {&p->side[0].graph, &p->side[1].graph};
    struct bnf_tally aside = {.sub = {BNF_NONE, BNF_NONE}};
    if (bnf_called_compare(p, node, &aside) == BNF_EQUAL)
        return false;
    for (uint32_t slot = 0; slot < g[0]->nodes[node[0]].input_count; slot++) {
        bnf_id ref = bnf_node_input(g[0], node[0], slot), new = bnf_node_input(g[1], node[1], slot);
        if (ref == BNF_NONE || new == BNF_NONE ? ref != new
                                               : bnf_try(p, ref, new) != BNF_EQUAL &&
                                                     !differs_behind_a_call(p, ref, new, g[0]->nodes[node[0]].scope))
            return true;
    }
    return false;
}

/* ---- tensors ---- */

static bool same_strings(const Onnx__TensorProto *a, const Onnx__TensorProto *b)
{
    if (a->n_string_data != b->n_string_data || a->n_dims != b->n_dims)
        return false;
    for (size_t i = 0; i < a->n_dims; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    for (size_t i = 0; i < a->n_string_data; i++)
        if (a->string_data[i].len != b->string_data[i].len ||
            !bnf_same_bytes(a->string_data[i].data, b->string_data[i].data, a->string_data[i].len))
            return false;
    return true;
}

static bool same_tensors(struct bnf_prover *p, const Onnx__TensorProto *a, const Onnx__TensorProto *b)
{
    if (!a || !b || a->data_type != b->data_type)
        return !a && !b;
    if (a->data_type == BNF_DTYPE_STRING)
        return same_strings(a, b);
    if (a->segment || b->segment || !bnf_dtype_known(a->data_type))
        return false;
    struct bnf_tensor left, right;
    int status = bnf_tensor_view(p->side[0].graph.model, a, &left, p->err);
    if (!status)
        status = bnf_tensor_view(p->side[1].graph.model, b, &right, p->err);
    if (status)
        bnf_prover_fail(p, status);
    return !status && bnf_tensor_same(&left, &right);
}

static const Onnx__SparseTensorProto *sparse_of(const struct bnf_side *side, bnf_id value)
{
    const struct bnf_value *v = &side->graph.values[value];
    const Onnx__GraphProto *graph = side->graph.scopes[v->scope].graph;
    for (size_t i = 0; graph && i < graph->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *t = graph->sparse_initializer[i];
        if (t->values && strcmp(text(t->values->name), v->name) == 0)
            return t;
    }
    return NULL;
}

static bool same_sparse(
    struct bnf_prover *p, const Onnx__SparseTensorProto *a, const Onnx__SparseTensorProto *b)
{
    if (!a || !b)
        return !a && !b;
    return a->n_dims == b->n_dims && bnf_same_bytes(a->dims, b->dims, a->n_dims * sizeof *a->dims) &&
           same_tensors(p, a->values, b->values) && same_tensors(p, a->indices, b->indices);
}

enum bnf_outcome bnf_other_constant_compare(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_value *a = &p->side[0].graph.values[ref], *b = &p->side[1].graph.values[new];
    bool same = a->is_sparse || b->is_sparse
                    ? a->is_sparse && b->is_sparse &&
                          same_sparse(p, sparse_of(&p->side[0], ref), sparse_of(&p->side[1], new))
                    : a->initializer && b->initializer && same_tensors(p, a->initializer, b->initializer);
    if (!same)
        bnf_say(p, "constants '%s' and '%s' differ", a->name, b->name);
    return p->status ? BNF_UNKNOWN : same ? BNF_EQUAL : BNF_DIFFERENT;
}

/* ---- attributes ---- */

/* An attribute's value: its own, or the default that an absent one stands for. */
struct setting {
    Onnx__AttributeProto__AttributeType type; /* UNDEFINED: neither */
    const Onnx__AttributeProto *own;
    const struct bnf_attr_default *fallback;
};

static struct setting setting_of(const struct bnf_side *side, bnf_id node, const char *name)
{
    const Onnx__NodeProto *proto = side->graph.nodes[node].proto;
    struct setting s = {.own = bnf_attr_find(proto, name)};
    if (s.own)
        s.type = bnf_attr_type(s.own);
    else if (is_standard(proto->domain))
        s.fallback = bnf_schema_default(text(proto->op_type), name, bnf_node_opset(&side->graph, node));
    if (s.fallback)
        s.type = (Onnx__AttributeProto__AttributeType)s.fallback->type;
    return s;
}

static bool same_floats(const float *a, const float *b, size_t count)
{
    return bnf_same_bytes(a, b, count * sizeof *a);
}

static ProtobufCBinaryData string_at(const struct setting *s, size_t i)
{
    if (s->own)
        return s->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING ? s->own->s : s->own->strings[i];
    const char *string =
        s->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING ? s->fallback->s : s->fallback->strings[i];
    return (ProtobufCBinaryData){strlen(string), (uint8_t *)(uintptr_t)string};
}

static bool same_string_lists(const struct setting *a, const struct setting *b, size_t left, size_t right)
{
    if (left != right)
        return false;
    for (size_t i = 0; i < left; i++) {
        ProtobufCBinaryData x = string_at(a, i), y = string_at(b, i);
        if (x.len != y.len || !bnf_same_bytes(x.data, y.data, x.len))
            return false;
    }
    return true;
}

static bool same_tensor_lists(
    struct bnf_prover *p, const Onnx__AttributeProto *a, const Onnx__AttributeProto *b)
{
    if (a->n_tensors != b->n_tensors)
        return false;
    for (size_t i = 0; i < a->n_tensors; i++)
        if (!same_tensors(p, a->tensors[i], b->tensors[i]))
            return false;
    return true;
}

/* Types that never have a default: both attributes are there. */
static bool same_own(struct bnf_prover *p, const Onnx__AttributeProto *a, const Onnx__AttributeProto *b)
{
    switch (bnf_attr_type(a)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return a->n_floats == b->n_floats && same_floats(a->floats, b->floats, a->n_floats);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return same_tensors(p, a->t, b->t);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS:
        return same_tensor_lists(p, a, b);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS:
        return true; /* bodies are compared as scopes */
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
        return same_sparse(p, a->sparse_tensor, b->sparse_tensor);
    default:
        return same_bytes(p, &a->base, &b->base);
    }
}

/* The caller's attribute that this one is given by, "" when it is not. Functions are compared for the same calls. */
static const char *reference(const Onnx__AttributeProto *a)
{
    return a ? text(a->ref_attr_name) : "";
}

static bool same_settings(struct bnf_prover *p, const struct setting *a, const struct setting *b)
{
    const Onnx__AttributeProto *x = a->own, *y = b->own;
    const char *from = reference(x), *other = reference(y);
    if (a->type != b->type || *from || *other)
        return a->type == b->type && strcmp(from, other) == 0;
    switch (a->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return (x ? x->i : a->fallback->i) == (y ? y->i : b->fallback->i);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return same_floats(x ? &x->f : &a->fallback->f, y ? &y->f : &b->fallback->f, 1);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return same_string_lists(a, b, 1, 1);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        return same_string_lists(
            a, b, x ? x->n_strings : a->fallback->count, y ? y->n_strings : b->fallback->count);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS: {
        size_t left = x ? x->n_ints : a->fallback->count, right = y ? y->n_ints : b->fallback->count;
        return left == right &&
               bnf_same_bytes(x ? x->ints : a->fallback->ints, y ? y->ints : b->fallback->ints,
                                 left * sizeof(int64_t));
    }
    default:
        return x && y && same_own(p, x, y);
    }
}

/* Attributes whose default has one element for each axis of a window: all of them the same number. */
static bool is_window_default(const Onnx__NodeProto *proto, const Onnx__AttributeProto *a)
{
    static const struct {
        const char *name;
        int64_t value;
    } defaults[] = {{"strides", 1}, {"dilations", 1}, {"pads", 0}, {"output_padding", 0}};
    size_t which = 0;
    while (which < sizeof defaults / sizeof *defaults && strcmp(text(a->name), defaults[which].name) != 0)
        which++;
    if (which == sizeof defaults / sizeof *defaults || !is_standard(proto->domain) ||
        strcmp(text(proto->op_type), "Pad") == 0 ||
        bnf_attr_type(a) != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS)
        return false;
    for (size_t i = 0; i < a->n_ints; i++)
        if (a->ints[i] != defaults[which].value)
            return false;
    return true;
}

/* Axes that count from the end may be the same as axes that count from the start; the rank tells. */
static enum bnf_outcome compare_axes(struct bnf_prover *p, const bnf_id node[2], const char *name, const struct setting s[2])
{
    static const char *const ops[] = {"ArgMax", "ArgMin", "Concat", "Flatten", "Gather", "GatherElements",
        "Hardmax", "LayerNormalization", "LogSoftmax", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
        "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "ScatterElements",
        "Softmax", "Split", "Squeeze", "TopK"};
    const Onnx__NodeProto *proto = p->side[0].graph.nodes[node[0]].proto;
    bool listed = false, one = strcmp(name, "axis") == 0 && s[0].type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    bool many = strcmp(name, "axes") == 0 && s[0].type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        listed |= is_standard(proto->domain) && strcmp(text(proto->op_type), ops[i]) == 0;
    if (!listed || s[0].type != s[1].type || (!one && !many))
        return BNF_DIFFERENT;
    const int64_t *list[2];
    size_t count[2];
    int64_t rank[2];
    for (int i = 0; i < 2; i++) {
        const struct setting *t = &s[i];
        bnf_id x = bnf_node_input(&p->side[i].graph, node[i], 0);
        rank[i] = x == BNF_NONE ? -1 : p->side[i].graph.values[x].shape.rank;
        list[i] = one ? (t->own ? &t->own->i : &t->fallback->i) : (t->own ? t->own->ints : t->fallback->ints);
        count[i] = one ? 1 : t->own ? t->own->n_ints : t->fallback->count;
    }
    bool known = rank[0] >= 0 && rank[1] >= 0, same = count[0] == count[1] && (!known || rank[0] == rank[1]);
    for (size_t i = 0; i < count[0] && same; i++) {
        int64_t a = list[0][i], b = list[1][i];
        same = known ? a + (a < 0 ? rank[0] : 0) == b + (b < 0 ? rank[1] : 0) : a == b || (a < 0) != (b < 0);
    }
    return !same ? BNF_DIFFERENT : known ? BNF_EQUAL : BNF_UNKNOWN;
}

/* Is every attribute of `one` the same in the other node? Both directions make it an equality. */
static enum bnf_outcome compare_attributes(struct bnf_prover *p, const bnf_id node[2], int one)
{
    const Onnx__NodeProto *proto = p->side[one].graph.nodes[node[one]].proto;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const char *name = text(proto->attribute[i]->name);
        struct setting s[2] = {
            setting_of(&p->side[0], node[0], name), setting_of(&p->side[1], node[1], name)};
        bool given = *reference(s[0].own) || *reference(s[1].own); /* by a caller */
        bool absent = given || s[1 - one].type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
        enum bnf_outcome axes = BNF_DIFFERENT;
        if (same_settings(p, &s[0], &s[1]) || (!given && (axes = compare_axes(p, node, name, s)) == BNF_EQUAL) ||
            (absent && !given && is_window_default(proto, proto->attribute[i])))
            continue;
        if (!given && strcmp(name, "equation") == 0 && bnf_node_is(&p->side[one].graph, node[one], "Einsum") &&
            bnf_same_equations(p->side[0].graph.nodes[node[0]].proto, p->side[1].graph.nodes[node[1]].proto))
            continue; /* it may be written with blanks */
        /* Without a known default nobody can tell what being absent means. */
        bnf_say(p, absent && !given ? "attribute '%s' of %s is not given in both" : "attribute '%s' of %s differs",
            name, text(proto->op_type));
        return absent || p->status ? BNF_UNKNOWN : axes;
    }
    return BNF_EQUAL;
}

/* ---- nodes ---- */

static bool same_output_slots(const struct bnf_graph *const g[2], const bnf_id node[2])
{
    uint32_t count = g[0]->nodes[node[0]].output_count;
    if (count != g[1]->nodes[node[1]].output_count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if ((bnf_node_output(g[0], node[0], i) == BNF_NONE) !=
            (bnf_node_output(g[1], node[1], i) == BNF_NONE))
            return false;
    return true;
}

static enum bnf_outcome compare_versions(struct bnf_prover *p, const bnf_id node[2])
{
    const struct bnf_graph *const g[2] = {&p->side[0].graph, &p->side[1].graph};
    const Onnx__NodeProto *a = g[0]->nodes[node[0]].proto, *b = g[1]->nodes[node[1]].proto;
    bnf_id ref = called(&p->side[0], a), new = called(&p->side[1], b);
    if (ref != BNF_NONE && new != BNF_NONE)
        return BNF_EQUAL; /* bodies come last: bnf_called_compare */
    if (ref != BNF_NONE || new != BNF_NONE) {
        bnf_say(p, "'%s' is a function of one of the models only", text(a->op_type));
        return BNF_UNKNOWN;
    }
    int64_t left = bnf_scope_import(&g[0]->scopes[g[0]->nodes[node[0]].scope], domain_of(a));
    int64_t right = bnf_scope_import(&g[1]->scopes[g[1]->nodes[node[1]].scope], domain_of(b));
    if (is_standard(a->domain) ? bnf_schema_same(text(a->op_type), left, right) : left == right)
        return BNF_EQUAL;
    bnf_say(p, "operator %s means something else in version %lld than in version %lld", text(a->op_type),
        (long long)right, (long long)left);
    return BNF_UNKNOWN;
}

enum bnf_outcome bnf_operator_compare(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    const struct bnf_graph *const g[2] = {&p->side[0].graph, &p->side[1].graph};
    const bnf_id node[2] = {ref, new};
    const Onnx__NodeProto *a = g[0]->nodes[ref].proto, *b = g[1]->nodes[new].proto;
    if (strcmp(text(a->op_type), text(b->op_type)) != 0 || strcmp(domain_of(a), domain_of(b)) != 0 ||
        strcmp(text(a->overload), text(b->overload)) != 0) {
        bnf_say(p,
            "the cones cannot be brought to the same structure: the reference computes it by %s, the "
            "candidate "
            "by %s",
            text(a->op_type), text(b->op_type));
        return BNF_UNKNOWN;
    }
    enum bnf_outcome outcome = compare_versions(p, node);
    if (outcome != BNF_EQUAL)
        return outcome;
    if (!same_output_slots(g, node)) {
        bnf_say(p, "%s has other outputs than in the reference", text(a->op_type));
        return BNF_UNKNOWN;
    }
    outcome = compare_attributes(p, node, 0);
    enum bnf_outcome back = outcome == BNF_EQUAL ? compare_attributes(p, node, 1) : outcome;
    return outcome > back ? outcome : back;
}
