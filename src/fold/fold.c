/* The order of things: find the sites; drop, fold backward, fold forward until nothing moves; lower the rest; sweep;
 * store. */
#include "fold/fold.h"

#include "fold/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count_nodes(const struct bnf_graph *g, const char *op_type)
{
    size_t count = 0;
    for (bnf_id node = 0; node < g->node_count; node++)
        count += !g->nodes[node].dead && (!op_type || bnf_node_is(g, node, op_type));
    return count;
}

/* ---- dropping ---- */

/* Removes a site that changes nothing. The reader side is rewired when the result is not part of an interface, else
 * the producer takes the result's name; where both names belong to interfaces an Identity stays. */
static int drop(struct bnf_fold *fold, struct bnf_site *site, uint32_t slot, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bnf_id x = bnf_node_input(g, site->node, slot), y = bnf_node_output(g, site->node, 0);
    const struct bnf_value *from = &g->values[x];
    bnf_id scope = g->nodes[site->node].scope, producer = from->producer;
    uint32_t output = from->output;
    bool free_result = !g->values[y].output_uses;
    bool free_input = producer != BNF_NONE && !from->output_uses && from->scope == scope;
    if (!free_result && !free_input && site->kind == BNF_SITE_AFFINE)
        return BNF_ANSWER_NO;
    site->verdict = BNF_SITE_DROPPED;
    if (!free_result && !free_input) {
        bnf_id node;
        int status = bnf_edit_node(g, scope, "Identity", g->nodes[site->node].proto->name, 1, 1, &node, err);
        if (status)
            return status;
        g->nodes[node].position = g->nodes[site->node].position;
        bnf_edit_remove_node(g, site->node);
        bnf_edit_set_input(g, node, 0, x);
        bnf_edit_set_output(g, node, 0, y);
        return BNF_ANSWER_YES;
    }
    bnf_edit_remove_node(g, site->node);
    if (free_result) {
        bnf_edit_move_uses(g, y, x);
    } else {
        bnf_edit_set_output(g, producer, output, y);
        bnf_edit_move_uses(g, x, y);
    }
    return BNF_ANSWER_YES;
}

/* ---- one site ---- */

/* Forward is better than leaving an Add behind a MatMul, which has no bias, where it leaves nothing. */
static int forward_leaves_nothing(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_affine *affine,
    struct bnf_err *err)
{
    struct bnf_plan plan;
    int answer = bnf_plan_walk(fold, &plan, site, affine, &(struct bnf_route){.walk = BNF_WALK_FORWARD}, err);
    if (answer == BNF_ANSWER_YES && (plan.affines_added || plan.nodes_added))
        answer = BNF_ANSWER_NO;
    bnf_plan_free(&plan);
    return answer;
}

static int try_walk(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_affine *affine,
    const struct bnf_route *route, size_t *depth, struct bnf_err *err)
{
    struct bnf_plan plan;
    int answer = bnf_plan_walk(fold, &plan, site, affine, route, err);
    int status = answer < 0 ? BNF_OK : bnf_site_trace(fold, site, &plan, err);
    if (status)
        answer = status;
    if (answer == BNF_ANSWER_YES && route->walk == BNF_WALK_BACK && plan.affines_added) {
        int better = forward_leaves_nothing(fold, site, affine, err);
        if (better != BNF_ANSWER_NO) {
            bnf_plan_free(&plan);
            return better < 0 ? better
                              : try_walk(fold, site, affine, &(struct bnf_route){.walk = BNF_WALK_FORWARD}, depth, err);
        }
    }
    bool choice = plan.had_choice && !route->second;
    if (answer == BNF_ANSWER_YES) {
        answer = bnf_plan_apply(fold, &plan, site, err);
    } else if (answer == BNF_ANSWER_NO && (site->reason == BNF_REASON_NONE || plan.depth > *depth)) {
        *depth = plan.depth;
        site->reason = plan.reason;
        site->detail = plan.detail ? bnf_arena_copy(fold->arena, plan.detail, strlen(plan.detail)) : NULL;
    }
    bnf_plan_free(&plan);
    if (answer != BNF_ANSWER_NO || !choice)
        return answer;
    struct bnf_route other = *route;
    other.second = true;
    return try_walk(fold, site, affine, &other, depth, err);
}

/* Drop, backward, forward. *moved: the graph changed. */
static int try_site(struct bnf_fold *fold, size_t index, bool *moved, struct bnf_err *err)
{
    static const struct bnf_route routes[] = {{.walk = BNF_WALK_BACK, .style = BNF_STYLE_JOIN},
        {.walk = BNF_WALK_BACK, .style = BNF_STYLE_KEEP},
        {.walk = BNF_WALK_FORWARD, .style = BNF_STYLE_JOIN},
        {.walk = BNF_WALK_FORWARD, .style = BNF_STYLE_KEEP}};
    struct bnf_site *site = &fold->sites[index];
    struct bnf_affine affine = fold->affines[index];
    uint32_t slot = 0;
    if (site->verdict != BNF_SITE_KEPT || fold->graph->nodes[site->node].dead ||
        site->reason == BNF_REASON_NOT_SELECTED)
        return BNF_OK;
    if (site->kind == BNF_SITE_AFFINE) {
        int answer = bnf_elementwise_read(fold, site->node, &slot, &affine, err);
        if (answer)
            return answer < 0 ? answer : BNF_OK;
    }
    if (!affine.scale)
        return BNF_OK; /* no affine at all: the reason stands */
    int answer = BNF_ANSWER_NO;
    int dtype = bnf_fold_dtype(fold, bnf_node_input(fold->graph, site->node, slot), 0);
    site->reason = BNF_REASON_NONE;
    if (bnf_dtype_is_float(dtype) && bnf_affine_is_identity(&affine, dtype))
        answer = drop(fold, site, slot, err);
    size_t depth = 0;
    site->step_count = 0; /* of an earlier round, which found the network as it no longer is */
    for (size_t i = 0; answer == BNF_ANSWER_NO && i < sizeof routes / sizeof *routes; i++)
        answer = try_walk(fold, site, &affine, &routes[i], &depth, err);
    *moved = *moved || answer == BNF_ANSWER_YES;
    return answer < 0 ? answer : BNF_OK;
}

static int fold_sites(struct bnf_fold *fold, bool *changed, struct bnf_err *err)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < fold->site_count; i++) {
            int status = try_site(fold, i, &moved, err);
            bnf_arena_reset(&fold->scratch);
            if (status)
                return status;
        }
        *changed = *changed || moved;
    }
    return BNF_OK;
}

/* Partial transport first, the rest where it stands. */
static int lower_sites(struct bnf_fold *fold, bool *changed, struct bnf_err *err)
{
    for (size_t i = 0; i < fold->site_count; i++) {
        struct bnf_site *site = &fold->sites[i];
        if (site->kind != BNF_SITE_BATCHNORM || site->verdict != BNF_SITE_KEPT || !fold->affines[i].scale ||
            fold->graph->nodes[site->node].dead)
            continue;
        int answer = bnf_partial(fold, i, err);
        if (answer == BNF_ANSWER_NO)
            answer = bnf_lower(fold, i, err);
        bnf_arena_reset(&fold->scratch);
        if (answer)
            return answer;
        *changed = *changed || site->verdict == BNF_SITE_LOWERED;
    }
    return BNF_OK;
}

/* ---- the whole ---- */

/* Sets one entry of metadata_props, replacing an older one. */
static int set_metadata(struct bnf_model *model, const char *key, const char *value, struct bnf_err *err)
{
    Onnx__ModelProto *proto = model->proto;
    char *text = bnf_arena_copy(&model->arena, value, strlen(value));
    if (!text)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        if (proto->metadata_props[i]->key && strcmp(proto->metadata_props[i]->key, key) == 0) {
            proto->metadata_props[i]->value = text;
            return BNF_OK;
        }
    }
    Onnx__StringStringEntryProto *entry = bnf_arena_alloc(&model->arena, 1, sizeof *entry);
    Onnx__StringStringEntryProto **list =
        bnf_arena_alloc(&model->arena, proto->n_metadata_props + 1, sizeof *list);
    char *name = bnf_arena_copy(&model->arena, key, strlen(key));
    if (!entry || !list || !name)
        return bnf_fail_memory(err);
    onnx__string_string_entry_proto__init(entry);
    entry->key = name;
    entry->value = text;
    if (proto->n_metadata_props)
        memcpy(list, proto->metadata_props, proto->n_metadata_props * sizeof *list);
    list[proto->n_metadata_props++] = entry;
    proto->metadata_props = list;
    return BNF_OK;
}

static int stamp(struct bnf_model *model, const char *version, size_t removed, struct bnf_err *err)
{
    char count[32];
    const Onnx__ModelProto *proto = model->proto;
    for (size_t i = 0; i < proto->n_metadata_props; i++)
        if (proto->metadata_props[i]->key && strcmp(proto->metadata_props[i]->key, "bnfold.folded") == 0 &&
            proto->metadata_props[i]->value)
            removed += (size_t)strtoul(proto->metadata_props[i]->value, NULL, 10);
    snprintf(count, sizeof count, "%zu", removed);
    int status = set_metadata(model, "bnfold.version", version, err);
    return status ? status : set_metadata(model, "bnfold.folded", count, err);
}

/* Scalars are everywhere (attention's Div by 8, HardSwish's 1/6): one that nothing took was no site. Nor is one any
 * more whose constant took a scale of another axis. */
static void forget_scalars(struct bnf_fold *fold)
{
    size_t kept = 0;
    for (size_t i = 0; i < fold->site_count; i++) {
        const struct bnf_site *site = &fold->sites[i];
        uint32_t slot;
        struct bnf_affine affine;
        bool open = site->kind == BNF_SITE_AFFINE && site->verdict == BNF_SITE_KEPT &&
                    site->reason != BNF_REASON_NOT_SELECTED && !fold->graph->nodes[site->node].dead;
        bool scalar = open && (bnf_elementwise_read(fold, site->node, &slot, &affine, NULL) != BNF_ANSWER_YES ||
                                  affine.axis == BNF_AXIS_ANY);
        bnf_arena_reset(&fold->scratch);
        if (!scalar)
            fold->sites[kept++] = *site;
    }
    fold->site_count = kept;
}

static int run(struct bnf_fold *fold, struct bnf_fold_result *result, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    int status = bnf_sites_find(fold, err);
    for (size_t i = 0; !status && i < fold->site_count; i++) {
        int answer = bnf_site_read(fold, i, err);
        bnf_arena_reset(&fold->scratch);
        status = answer < 0 ? answer : BNF_OK;
    }
    if (!status)
        status = fold_sites(fold, &result->changed, err);
    if (!status)
        status = lower_sites(fold, &result->changed, err);
    if (!status)
        forget_scalars(fold);
    if (!status && result->changed)
        status = bnf_edit_sweep(g, err);
    result->batchnorms_after = count_nodes(g, "BatchNormalization");
    result->nodes_after = count_nodes(g, NULL);
    if (!status && result->changed)
        status = bnf_graph_store(g, !fold->options->keep_overridable, &result->frozen, err);
    if (!status && result->changed)
        status = stamp(g->model, fold->options->version, result->batchnorms_before - result->batchnorms_after, err);
    return status;
}

int bnf_fold_model(struct bnf_graph *graph, const struct bnf_fold_options *options, struct bnf_fold_result *result,
    struct bnf_err *err)
{
    struct bnf_fold fold = {.graph = graph, .options = options, .arena = &graph->model->arena};
    *result = (struct bnf_fold_result){.batchnorms_before = count_nodes(graph, "BatchNormalization"),
        .nodes_before = count_nodes(graph, NULL)};
    fold.unfit = result->unfit = bnf_arena_alloc(fold.arena, 1, sizeof *fold.unfit);
    int status = fold.unfit ? bnf_constants_init(&fold.constants, graph, options->keep_overridable, err)
                            : bnf_fail_memory(err);
    if (!status)
        status = run(&fold, result, err);
    result->sites = bnf_arena_alloc(fold.arena, fold.site_count, sizeof *result->sites);
    if (!status && !result->sites)
        status = bnf_fail_memory(err);
    if (!status && fold.site_count)
        memcpy(result->sites, fold.sites, fold.site_count * sizeof *result->sites);
    result->site_count = status ? 0 : fold.site_count;
    bnf_constants_free(&fold.constants);
    bnf_free(fold.sites);
    bnf_free(fold.affines);
    bnf_free(fold.rewritten);
    bnf_arena_free(&fold.scratch);
    bnf_free(fold.pending);
    bnf_table_free(&fold.pending_index);
    bnf_table_free(&fold.site_index);
    return status;
}
