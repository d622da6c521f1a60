#include "check/proof.h"

#include "check/interface.h"
#include "check/probe.h"
#include "check/prover.h"
#include "graph/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the two models ---- */

static bool is_open(int64_t extent, size_t own)
{
    return extent == BNF_DIM_UNKNOWN || extent <= BNF_DIM_SYMBOL(own);
}

/* Takes over what a model states about one value and inference could not find out: type, rank, or extents for
 * which it made up symbols of its own (those numbered from `own` on). True when there was something. */
static bool take_over(
    struct bnf_graph *g, struct bnf_shape *shape, const struct bnf_shape *stated, size_t own)
{
    bool taken = !shape->dtype && stated->dtype;
    if (taken)
        shape->dtype = stated->dtype;
    if (stated->rank < 0 || (shape->rank >= 0 && shape->rank != stated->rank))
        return taken;
    bool all = shape->rank < 0, some = all;
    for (int i = 0; i < stated->rank && !all; i++)
        some |= stated->dims[i] >= 0 && is_open(shape->dims[i], own);
    int64_t *dims = some ? bnf_arena_alloc(&g->model->arena, (size_t)stated->rank, sizeof *dims) : NULL;
    if (!dims)
        return taken;
    for (int i = 0; i < stated->rank; i++) {
        int64_t found = all ? BNF_DIM_UNKNOWN : shape->dims[i];
        dims[i] = is_open(found, own) && (all || stated->dims[i] >= 0) ? stated->dims[i] : found;
    }
    shape->rank = stated->rank;
    shape->dims = dims;
    return true;
}

/* Shapes follow from the inputs. What a model merely states about an inner value counts only where inference
 * has no answer: a wrong note must not make a wrong proof. */
static int derive_shapes(struct bnf_graph *g, struct bnf_err *err)
{
    struct bnf_shape *stated = bnf_alloc(g->value_count, sizeof *stated);
    size_t own = g->symbols.count;
    if (!stated)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < g->value_count; i++) {
        stated[i] = g->values[i].shape;
        if (g->values[i].producer != BNF_NONE)
            g->values[i].shape = (struct bnf_shape){.rank = -1};
    }
    int status = bnf_shapes_infer(g, err);
    bool taken = false;
    for (size_t i = 0; i < g->value_count; i++)
        taken |= take_over(g, &g->values[i].shape, &stated[i], own);
    bnf_free(stated);
    return status || !taken ? status : bnf_shapes_infer(g, err);
}

static bnf_id *none_list(size_t count)
{
    bnf_id *list = bnf_alloc(count, sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        list[i] = BNF_NONE;
    return list;
}

static int name_functions(struct bnf_prover *p, struct bnf_side *side)
{
    const Onnx__ModelProto *model = side->graph.model->proto;
    side->function_purity = bnf_alloc(model->n_functions, 1);
    if (!side->function_purity)
        return bnf_fail_memory(p->err);
    for (size_t i = 0; i < model->n_functions; i++) {
        const Onnx__FunctionProto *f = model->functions[i];
        const char *domain = f->domain && strcmp(f->domain, "ai.onnx") != 0 ? f->domain : "";
        char *key = bnf_arena_format(
            &p->arena, "%s\n%s\n%s", domain, f->name ? f->name : "", f->overload ? f->overload : "");
        if (!key)
            return bnf_fail_memory(p->err);
        bnf_id id = bnf_names_add(&side->functions, key);
        if (id == BNF_NONE)
            return bnf_fail_memory(p->err);
        if (id != i || strlen(key) >= 1000)
            return bnf_fail(p->err, BNF_EINPUT, "function '%s' is defined twice, or its name is too long",
                f->name ? f->name : "");
    }
    return BNF_OK;
}

static int open_side(struct bnf_prover *p, struct bnf_side *side, struct bnf_model *model)
{
    int status = bnf_graph_build(&side->graph, model, p->err);
    side->graph.keep_overridable = p->options.keep_overridable;
    if (!status)
        status = derive_shapes(&side->graph, p->err);
    if (!status)
        status = bnf_constants_init(&side->constants, &side->graph, p->options.keep_overridable, p->err);
    if (!status)
        status = name_functions(p, side);
    if (status)
        return status;
    side->canon = none_list(side->graph.value_count);
    side->bound = none_list(side->graph.scope_count);
    side->drawn = none_list(side->graph.node_count);
    side->steps = bnf_alloc(side->graph.node_count, sizeof *side->steps);
    side->live = bnf_alloc(side->graph.node_count, 1);
    return side->canon && side->bound && side->drawn && side->steps && side->live ? BNF_OK
                                                                                  : bnf_fail_memory(p->err);
}

static void close_side(struct bnf_side *side)
{
    bnf_free(side->canon);
    bnf_free(side->bound);
    bnf_free(side->drawn);
    bnf_free(side->steps);
    bnf_free(side->live);
    bnf_free(side->function_purity);
    bnf_names_free(&side->functions);
    bnf_constants_free(&side->constants);
    bnf_graph_free(&side->graph);
}

/* ---- what outputs depend on ---- */

static void reach(struct bnf_side *side, bnf_id value, bnf_id *stack, size_t *depth)
{
    bnf_id node = value == BNF_NONE ? BNF_NONE : side->graph.values[value].producer;
    if (node == BNF_NONE || side->live[node])
        return;
    side->live[node] = true;
    stack[(*depth)++] = node;
}

/* Every node is on the stack at most once, so node_count is room enough. */
static int find_live(struct bnf_prover *p, struct bnf_side *side)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id *stack = bnf_alloc(g->node_count, sizeof *stack);
    size_t depth = 0;
    if (!stack)
        return bnf_fail_memory(p->err);
    for (size_t i = 0; i < g->scopes[0].output_count; i++)
        reach(side, g->scopes[0].outputs[i], stack, &depth);
    while (depth) {
        bnf_id node = stack[--depth];
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            reach(side, bnf_node_input(g, node, slot), stack, &depth);
        for (bnf_id s = g->nodes[node].first_body; s < g->nodes[node].last_body; s++) {
            for (size_t i = 0; i < g->scopes[s].output_count; i++)
                reach(side, g->scopes[s].outputs[i], stack, &depth);
        }
        bnf_id function = bnf_called_scope(side, node);
        for (size_t i = 0; function != BNF_NONE && i < g->scopes[function].output_count; i++)
            reach(side, g->scopes[function].outputs[i], stack, &depth);
    }
    bnf_free(stack);
    return BNF_OK;
}

/* ---- the verdict ---- */

const struct bnf_pair *bnf_root_cause(const struct bnf_prover *p, const struct bnf_pair *pair, bool to_note)
{
    for (size_t steps = 0; pair && !(to_note && pair->note) && steps <= p->pair_count; steps++) {
        const struct bnf_tally *t = &pair->tally;
        const struct bnf_pair *next =
            t->sub[0] == BNF_NONE || t->sub[1] == BNF_NONE ? NULL : bnf_pair_of(p, t->sub[0], t->sub[1]);
        if (!next || next->outcome == BNF_EQUAL)
            return pair;
        pair = next;
    }
    return pair;
}

static void find_difference(struct bnf_prover *p, const char *output, const struct bnf_pair *pair, bool *seen)
{
    const struct bnf_graph *g = &p->side[BNF_REF].graph;
    const struct bnf_pair *root = bnf_root_cause(p, pair, true);
    size_t at = (size_t)(root - p->pairs);
    bool refuted = pair->outcome == BNF_DIFFERENT && !p->vanished;
    enum bnf_proof_verdict verdict = refuted ? BNF_PROOF_REFUTED : BNF_PROOF_UNPROVED;
    char node[512];
    if (seen[at])
        return;
    seen[at] = true;
    bnf_id ref = root->value[BNF_REF], new = root->value[BNF_NEW];
    bnf_id producer = g->values[ref].producer;
    p->said = NULL;
    p->said_u = 0;
    if (!root->note)
        bnf_explain_pair(p, ref, new);
    bool direct = strcmp(output, g->values[ref].name) == 0;
    bnf_find(p, verdict, g->values[ref].name,
        producer == BNF_NONE ? NULL : bnf_node_text(g, producer, node, sizeof node),
        root->note ? root->note_u : p->said_u, "%s%s%s%s",
        p->vanished  ? p->vanished
        : root->note ? root->note
        : p->said    ? p->said
                     : "no reason is known",
        direct ? "" : "; output '", direct ? "" : output,
        direct ? "" : "' depends on it");
}

static bool is_equal(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    if (bnf_equal(p, ref, new) != BNF_EQUAL)
        bnf_probe_outputs(p, ref, new);
    return bnf_equal(p, ref, new) == BNF_EQUAL;
}

static void compare_outputs(struct bnf_prover *p)
{
    const struct bnf_scope *a = &p->side[0].graph.scopes[0], *b = &p->side[1].graph.scopes[0];
    bool *different = bnf_alloc(a->output_count, 1);
    for (size_t i = 0; different && i < a->output_count; i++)
        different[i] = !is_equal(p, a->outputs[i], b->outputs[i]);
    bool *seen = bnf_alloc(p->pair_count, 1);
    if (!different || !seen)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    for (size_t i = 0; different && seen && i < a->output_count && !p->status; i++) {
        const struct bnf_pair *pair =
            bnf_pair_of(p, bnf_canon(&p->side[0], a->outputs[i]), bnf_canon(&p->side[1], b->outputs[i]));
        const char *name = p->side[0].graph.values[a->outputs[i]].name;
        if (different[i] && pair)
            find_difference(p, name, pair, seen);
        else if (different[i])
            bnf_find(p, BNF_PROOF_UNPROVED, name, NULL, 0, "the cone of output '%s' is too deep", name);
    }
    bnf_free(different);
    bnf_free(seen);
}

/* Counts the pairs whose cones are not node for node the same, and the worst error that was accepted: of the values' own
 * pairs, and of whatever else a comparison rested on (a value that the candidate left out, say). */
static void count_pairs(struct bnf_prover *p)
{
    struct bnf_proof *proof = p->proof;
    const struct bnf_graph *g = &p->side[BNF_REF].graph;
    char node[512];
    for (size_t i = 0; i < p->pair_count && !p->status; i++) {
        const struct bnf_pair *pair = &p->pairs[i];
        bnf_id ref = pair->value[BNF_REF], new = pair->value[BNF_NEW], producer = g->values[ref].producer;
        bool own = p->partner[new] == ref && !bnf_is_constant(&p->side[BNF_NEW].constants, new);
        if (pair->outcome != BNF_EQUAL || (!own && !pair->used))
            continue;
        proof->cut_points += own && pair->tally.changed;
        proof->cut_points_proved += own && pair->tally.changed;
        if (pair->tally.u > proof->worst_u)
            proof->worst_u = pair->tally.u;
        if (!pair->tally.warn)
            continue;
        bnf_find(p, BNF_PROOF_WARN, g->values[ref].name,
            producer == BNF_NONE ? NULL : bnf_node_text(g, producer, node, sizeof node), pair->tally.u,
            "a stored number is %.3g u from the exact one", pair->tally.u);
    }
    for (size_t i = 0; i < proof->finding_count; i++)
        proof->cut_points += proof->findings[i].verdict != BNF_PROOF_WARN && proof->findings[i].node;
}

static int rank(enum bnf_proof_verdict verdict)
{
    return verdict == BNF_PROOF_REFUTED    ? 3
           : verdict == BNF_PROOF_UNPROVED ? 2
           : verdict == BNF_PROOF_WARN     ? 1
                                           : 0;
}

static int by_weight(const void *left, const void *right)
{
    const struct bnf_finding *a = left, *b = right;
    if (rank(a->verdict) != rank(b->verdict))
        return rank(b->verdict) - rank(a->verdict);
    if (a->u != b->u)
        return a->u < b->u ? 1 : -1;
    const char *x = a->value ? a->value : "", *y = b->value ? b->value : "";
    int order = strcmp(x, y);
    return order ? order : strcmp(a->detail, b->detail);
}

/* ---- identical files ---- */

static bool is_external(const Onnx__TensorProto *t)
{
    return t && t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* Elements in side files are not in the bytes that were compared. */
static bool has_side_files(const struct bnf_graph *g)
{
    for (size_t i = 0; i < g->value_count; i++)
        if (is_external(g->values[i].initializer) || g->values[i].is_sparse)
            return true;
    for (size_t i = 0; i < g->node_count; i++)
        for (size_t k = 0; k < g->nodes[i].proto->n_attribute; k++) {
            const Onnx__AttributeProto *a = g->nodes[i].proto->attribute[k];
            if (is_external(a->t) || a->n_tensors || a->sparse_tensor)
                return true;
        }
    return false;
}

static bool same_files(const struct bnf_graph *a, const struct bnf_graph *b)
{
    const struct bnf_map *x = &a->model->map, *y = &b->model->map;
    return x->size == y->size && x->size && memcmp(x->data, y->data, x->size) == 0 && !has_side_files(a);
}

/* ---- entry ---- */

static int run(struct bnf_prover *p)
{
    struct bnf_proof *proof = p->proof;
    for (int i = 0; i < 2; i++)
        p->side[i].bound[0] = 0;
    p->partner = none_list(p->side[BNF_NEW].graph.value_count);
    p->suspect = none_list(p->side[BNF_NEW].graph.value_count);
    int status = !p->partner || !p->suspect ? bnf_fail_memory(p->err) : find_live(p, &p->side[BNF_NEW]);
    if (status)
        return status;
    bnf_match_inputs(p);
    bool comparable = bnf_match_outputs(p);
    if (comparable && proof->finding_count == 0) {
        bnf_pair_scope(p, 0, 0);
        compare_outputs(p);
        bnf_look_for_room(p);
    }
    count_pairs(p);
    if (p->status)
        return p->status;
    if (proof->finding_count)
        qsort(proof->findings, proof->finding_count, sizeof *proof->findings, by_weight);
    proof->verdict = proof->finding_count ? proof->findings[0].verdict : BNF_PROOF_PROVED;
    return BNF_OK;
}

int bnf_prove(struct bnf_model *reference, struct bnf_model *candidate,
    const struct bnf_proof_options *options, struct bnf_proof *proof, struct bnf_err *err)
{
    struct bnf_prover *p = bnf_alloc(1, sizeof *p);
    *proof = (struct bnf_proof){.verdict = BNF_PROOF_UNPROVED};
    bnf_arena_init(&proof->arena, 0);
    if (!p)
        return bnf_fail_memory(err);
    p->options = *options;
    p->proof = proof;
    p->err = err;
    bnf_arena_init(&p->arena, 0);
    int status = open_side(p, &p->side[BNF_REF], reference);
    if (!status)
        status = open_side(p, &p->side[BNF_NEW], candidate);
    if (!status && same_files(&p->side[BNF_REF].graph, &p->side[BNF_NEW].graph)) {
        proof->identical = true;
        proof->verdict = BNF_PROOF_PROVED;
    } else if (!status) {
        status = run(p);
    }
    for (int i = 0; i < 2; i++)
        close_side(&p->side[i]);
    bnf_free(p->partner);
    bnf_free(p->suspect);
    bnf_free(p->pairs);
    bnf_table_free(&p->memo);
    bnf_table_free(&p->function_memo);
    bnf_arena_free(&p->arena);
    bnf_free(p);
    if (status)
        bnf_proof_free(proof);
    return status;
}

void bnf_proof_free(struct bnf_proof *proof)
{
    bnf_arena_free(&proof->arena);
    *proof = (struct bnf_proof){.verdict = BNF_PROOF_UNPROVED};
}
