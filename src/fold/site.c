/* Sites: which nodes are affines, and what they compute. */
#include "fold/state.h"

#include "graph/attr.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int keep(struct bnf_fold *fold, struct bnf_site *site, enum bnf_reason reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int keep(struct bnf_fold *fold, struct bnf_site *site, enum bnf_reason reason, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    site->reason = reason;
    site->detail = bnf_arena_copy(fold->arena, text, strlen(text));
    return BNF_ANSWER_NO;
}

static bool matches(const char *const *patterns, const char *name)
{
    for (; patterns && *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0)
            return true;
    return false;
}

/* The option that leaves a site alone, or NULL. */
static const char *left_alone_by(const struct bnf_fold_options *options, const char *name)
{
    if (matches(options->skip, name))
        return "--skip";
    return options->only && *options->only && !matches(options->only, name) ? "--only" : NULL;
}

/* ---- BatchNormalization ---- */

/* Its further outputs exist (an empty name is no output), and are read. */
static void further_outputs(const struct bnf_graph *g, bnf_id node, bool *exist, bool *read)
{
    *exist = *read = false;
    for (uint32_t slot = 1; slot < g->nodes[node].output_count; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        if (value == BNF_NONE)
            continue;
        *exist = true;
        *read = *read || g->values[value].use_count || g->values[value].output_uses;
    }
}

/* What a function's caller gives cannot be known here: an attribute that says how the node computes. */
static int check_references(struct bnf_fold *fold, struct bnf_site *site)
{
    static const char *const names[] = {"epsilon", "training_mode", "is_test", "spatial"};
    const struct bnf_graph *g = fold->graph;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bnf_attr_is_reference(g->nodes[site->node].proto, names[i]))
            return keep(fold, site, BNF_REASON_IN_FUNCTION, "its %s comes from the caller of the function",
                names[i]);
    return BNF_ANSWER_YES;
}

/* Inference mode, by the operator set in force: 14+: training_mode = 0 and one output; 7–13: one output; 1–6: is_test
 * and one output. */
static int check_mode(struct bnf_fold *fold, struct bnf_site *site)
{
    const struct bnf_graph *g = fold->graph;
    const Onnx__NodeProto *proto = g->nodes[site->node].proto;
    int64_t opset = bnf_node_opset(g, site->node);
    bool exist, read;
    further_outputs(g, site->node, &exist, &read);
    bool training = exist;
    if (opset >= 14)
        training = training || bnf_attr_int(proto, "training_mode", 0) != 0;
    if (opset < 7)
        training = training || opset < 1 || bnf_attr_int(proto, "is_test", 0) == 0;
    if (!training)
        return BNF_ANSWER_YES;
    if (fold->options->assume_inference && !read) {
        site->warning = "taken for inference mode because of --assume-inference, although it says training mode";
        return BNF_ANSWER_YES;
    }
    const char *why = read    ? "its batch statistics are read"
                      : exist ? "it has further outputs, which mean training mode"
                      : opset < 1 ? "the operator set is not imported"
                      : opset < 7 ? "is_test is 0"
                                  : "training_mode is 1";
    return keep(fold, site, BNF_REASON_TRAINING_MODE, "%s (operator set %lld)", why, (long long)opset);
}

enum { BATCH_NORM_INPUTS = 5 };

static int check_input(struct bnf_fold *fold, struct bnf_site *site)
{
    const struct bnf_graph *g = fold->graph;
    const Onnx__NodeProto *proto = g->nodes[site->node].proto;
    bnf_id x = bnf_node_input(g, site->node, 0);
    if (x == BNF_NONE || bnf_node_output(g, site->node, 0) == BNF_NONE)
        return keep(fold, site, BNF_REASON_STATS_SHAPE, "it has no input or no output");
    for (uint32_t slot = BATCH_NORM_INPUTS; slot < g->nodes[site->node].input_count; slot++)
        if (bnf_node_input(g, site->node, slot) != BNF_NONE)
            return keep(fold, site, BNF_REASON_STATS_SHAPE, "it has %u inputs instead of %d",
                g->nodes[site->node].input_count, BATCH_NORM_INPUTS);
    const struct bnf_shape *shape = &g->values[x].shape;
    if (shape->rank >= 0 && shape->rank < 2)
        return keep(fold, site, BNF_REASON_RANK_UNSUPPORTED, "its input '%s' has rank %d", g->values[x].name,
            shape->rank);
    if (shape->rank >= 2 && shape->dims[1] == 0)
        return keep(fold, site, BNF_REASON_STATS_SHAPE, "its input '%s' has no channels", g->values[x].name);
    if (shape->dtype && !bnf_dtype_is_float(shape->dtype))
        return keep(fold, site, BNF_REASON_DTYPE, "its input '%s' is %s", g->values[x].name,
            bnf_dtype_name(shape->dtype));
    /* What is not known inside a function may differ from call to call. */
    if (shape->rank < 0 && bnf_fold_function_name(fold, g->nodes[site->node].scope))
        return keep(fold, site, BNF_REASON_IN_FUNCTION, "the rank of its input '%s' depends on the caller of the function",
            g->values[x].name);
    if (bnf_node_opset(g, site->node) < 9 && bnf_attr_int(proto, "spatial", 1) == 0 && shape->rank != 2)
        return keep(fold, site, BNF_REASON_NON_SPATIAL, "spatial is 0 and its input '%s' is not known to be (N, C)",
            g->values[x].name);
    return BNF_ANSWER_YES;
}

static const char *const parameter_names[] = {"X", "scale", "B", "mean", "var"};

/* One parameter's elements in double; all four have equal lengths. */
static int read_parameter(struct bnf_fold *fold, struct bnf_site *site, uint32_t slot, size_t *channels,
    const double **out, struct bnf_err *err)
{
    bnf_id value = bnf_node_input(fold->graph, site->node, slot);
    const char *what = parameter_names[slot];
    struct bnf_tensor tensor;
    enum bnf_reason reason = BNF_REASON_NONE;
    if (value == BNF_NONE)
        return keep(fold, site, BNF_REASON_STATS_SHAPE, "it has no %s", what);
    struct bnf_err local = {0};
    int answer = bnf_fold_tensor(fold, value, &tensor, &reason, &local);
    if (answer < 0)
        return bnf_fail(err, local.status, "%s", local.text);
    if (answer && reason == BNF_REASON_EXTERNAL_DATA)
        return keep(fold, site, reason, "%s", local.text);
    if (answer && reason == BNF_REASON_IN_FUNCTION)
        return keep(fold, site, reason, "its %s '%s' comes from the caller of the function", what,
            bnf_fold_name(fold, value));
    if (answer)
        return keep(fold, site, reason ? reason : BNF_REASON_STATS_DYNAMIC, "its %s '%s' is no constant", what,
            bnf_fold_name(fold, value));
    if (!bnf_dtype_is_float(tensor.dtype))
        return keep(fold, site, BNF_REASON_DTYPE, "its %s '%s' is %s", what, bnf_fold_name(fold, value),
            bnf_dtype_name(tensor.dtype));
    char dims[128];
    bnf_dims_text(tensor.dims, tensor.rank, dims, sizeof dims);
    if (tensor.rank != 1 || tensor.count == 0 || (*channels && tensor.count != *channels))
        return *channels ? keep(fold, site, BNF_REASON_STATS_SHAPE, "its %s '%s' is of shape %s, not one value for each of %zu channels",
                               what, bnf_fold_name(fold, value), dims, *channels)
                         : keep(fold, site, BNF_REASON_STATS_SHAPE, "its %s '%s' is of shape %s, not one value for each channel",
                               what, bnf_fold_name(fold, value), dims);
    *channels = tensor.count;
    *out = bnf_fold_read(fold, value, tensor.count);
    return *out ? BNF_ANSWER_YES : bnf_fail_memory(err);
}

/* s = γ/√(σ²+ε), t = β − μ·s, in double from the stored parameters. ε is stored as a float. */
static int make_affine(struct bnf_fold *fold, struct bnf_site *site, size_t channels, const double *const p[5],
    struct bnf_affine *out, struct bnf_err *err)
{
    const Onnx__NodeProto *proto = fold->graph->nodes[site->node].proto;
    double epsilon = (double)bnf_attr_float(proto, "epsilon", 1e-5f);
    *out = bnf_affine_make(fold->arena, 1, channels);
    if (!out->scale)
        return bnf_fail_memory(err);
    bool untrained = true;
    for (size_t c = 0; c < channels; c++) {
        double gamma = p[1][c], beta = p[2][c], mean = p[3][c], var = p[4][c];
        out->scale[c] = gamma / sqrt(var + epsilon);
        out->shift[c] = beta - mean * out->scale[c];
        if (!(var + epsilon > 0) || !isfinite(var) || !isfinite(out->scale[c]) || !isfinite(out->shift[c])) {
            out->scale = NULL;
            return keep(fold, site, BNF_REASON_STATS_RANGE,
                "channel %zu has scale %g, B %g, mean %g, var %g, and epsilon is %g", c, gamma, beta, mean, var, epsilon);
        }
        untrained = untrained && gamma == 1 && beta == 0 && mean == 0 && var == 1;
    }
    if (untrained && !site->warning)
        site->warning = bnf_reason_meaning(BNF_REASON_STATS_UNTRAINED);
    return BNF_ANSWER_YES;
}

int bnf_site_read(struct bnf_fold *fold, size_t index, struct bnf_err *err)
{
    struct bnf_site *site = &fold->sites[index];
    const struct bnf_graph *g = fold->graph;
    const char *option = left_alone_by(fold->options, site->name);
    if (option)
        return keep(fold, site, BNF_REASON_NOT_SELECTED, "%s leaves '%s' alone", option, site->name);
    if (site->kind == BNF_SITE_AFFINE)
        return BNF_ANSWER_YES;
    int answer = check_references(fold, site);
    if (!answer)
        answer = check_mode(fold, site);
    if (!answer)
        answer = check_input(fold, site);
    size_t channels = 0;
    const bnf_id ends[] = {bnf_node_input(g, site->node, 0), bnf_node_output(g, site->node, 0)};
    for (size_t i = 0; !answer && !channels && i < sizeof ends / sizeof *ends; i++) {
        const struct bnf_shape *shape = &g->values[ends[i]].shape;
        if (shape->rank >= 2 && shape->dims[1] > 0)
            channels = (size_t)shape->dims[1];
    }
    const double *parameters[5] = {0};
    for (uint32_t slot = 1; !answer && slot <= 4; slot++)
        answer = read_parameter(fold, site, slot, &channels, &parameters[slot], err);
    return answer ? answer : make_affine(fold, site, channels, parameters, &fold->affines[index], err);
}

bnf_id bnf_site_input(const struct bnf_fold *fold, const struct bnf_site *site)
{
    uint32_t slot = 0;
    if (site->kind == BNF_SITE_AFFINE && bnf_fold_is_constant(fold, bnf_node_input(fold->graph, site->node, 0)))
        slot = 1;
    return bnf_node_input(fold->graph, site->node, slot);
}

/* An earlier walk went the very same way: only its heading was another. */
static bool is_traced(const struct bnf_site *site, const struct bnf_plan *plan)
{
    size_t count = plan->step_count - 1;
    for (size_t i = 0; i + 1 + count <= site->step_count; i++) {
        size_t same = 0;
        while (same < count && strcmp(site->steps[i + 1 + same], plan->steps[1 + same]) == 0)
            same++;
        if (same == count)
            return true;
    }
    return false;
}

int bnf_site_trace(struct bnf_fold *fold, struct bnf_site *site, const struct bnf_plan *plan, struct bnf_err *err)
{
    if (!plan->step_count || is_traced(site, plan))
        return BNF_OK;
    const char **steps = bnf_arena_alloc(fold->arena, site->step_count + plan->step_count, sizeof *steps);
    if (!steps)
        return bnf_fail_memory(err);
    if (site->step_count)
        memcpy(steps, site->steps, site->step_count * sizeof *steps);
    for (size_t i = 0; i < plan->step_count; i++) {
        steps[site->step_count + i] = bnf_arena_copy(fold->arena, plan->steps[i], strlen(plan->steps[i]));
        if (!steps[site->step_count + i])
            return bnf_fail_memory(err);
    }
    site->steps = steps;
    site->step_count += plan->step_count;
    return BNF_OK;
}

/* ---- finding ---- */

static bool is_elementwise(const struct bnf_graph *g, bnf_id node)
{
    return bnf_node_is(g, node, "Mul") || bnf_node_is(g, node, "Add") || bnf_node_is(g, node, "Sub") ||
           bnf_node_is(g, node, "Div");
}

/* What an earlier run left over: nothing took it then, with everything around it still there. */
bool bnf_is_leftover(const struct bnf_fold *fold, bnf_id constant)
{
    return constant != BNF_NONE && !bnf_fold_pending(fold, constant) &&
           strstr(fold->graph->values[constant].name, ".bnfold");
}

/* BatchNormalizations; Mul, Add, Sub and Div by constants. */
static bool is_site(struct bnf_fold *fold, bnf_id node, enum bnf_site_kind *kind, int *status, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    *status = BNF_OK;
    *kind = BNF_SITE_BATCHNORM;
    if (bnf_node_is(g, node, "BatchNormalization"))
        return true;
    if (!is_elementwise(g, node) || g->nodes[node].input_count != 2 || bnf_node_output(g, node, 0) == BNF_NONE)
        return false;
    uint32_t slot;
    struct bnf_affine affine;
    *kind = BNF_SITE_AFFINE;
    int answer = bnf_elementwise_read(fold, node, &slot, &affine, err);
    *status = answer < 0 ? answer : BNF_OK;
    bnf_arena_reset(&fold->scratch);
    return answer == BNF_ANSWER_YES && !bnf_is_leftover(fold, bnf_node_input(g, node, 1 - slot));
}

static int add_if_site(struct bnf_fold *fold, bnf_id node, struct bnf_err *err)
{
    enum bnf_site_kind kind;
    int status;
    char text[256];
    if (!is_site(fold, node, &kind, &status, err))
        return status;
    bnf_node_text(fold->graph, node, text, sizeof text);
    const char *name = bnf_arena_copy(fold->arena, text, strlen(text));
    size_t count = fold->site_count + 1;
    if (!name || !bnf_table_put(&fold->site_index, node, (bnf_id)fold->site_count) ||
        !bnf_reserve(&fold->sites, &fold->site_capacity, count, sizeof *fold->sites) ||
        !bnf_reserve(&fold->affines, &fold->affine_capacity, count, sizeof *fold->affines) ||
        !bnf_reserve(&fold->rewritten, &fold->rewritten_capacity, count, sizeof *fold->rewritten))
        return bnf_fail_memory(err);
    fold->sites[fold->site_count++] = (struct bnf_site){.node = node,
        .name = name,
        .function = bnf_fold_function_name(fold, fold->graph->nodes[node].scope),
        .kind = kind};
    return BNF_OK;
}

int bnf_sites_find(struct bnf_fold *fold, struct bnf_err *err)
{
    const struct bnf_graph *g = fold->graph;
    for (bnf_id scope = 0; scope < g->scope_count; scope++) {
        for (size_t i = 0; i < g->scopes[scope].order_count; i++) {
            int status = add_if_site(fold, g->scopes[scope].order[i], err);
            if (status)
                return status;
        }
    }
    return BNF_OK;
}
