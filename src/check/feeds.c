#include "check/feeds.h"

#include "base/machine.h"
#include "graph/attr.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SAMPLES = 4, DEFAULT_INTEGERS = 10, ATTEMPTS = 3, READERS = 64, DEPTH = 8 };

/* ---- numbers ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state)
{
    return (double)(next(state) >> 11) * 0x1p-53;
}

/* Near enough to a normal distribution, and the same on every machine, which logarithms and cosines are not:
 * twelve uniform numbers have a variance of 1, and their sum is exact. */
static double normal(uint64_t *state)
{
    int64_t sum = 0;
    for (int i = 0; i < 6; i++) {
        uint64_t two = next(state);
        sum += (int64_t)(two >> 32) + (int64_t)(two & 0xffffffffu);
    }
    return (double)(sum - 6 * ((int64_t)1 << 32)) * 0x1p-32;
}

static double number(uint64_t *state, size_t kind)
{
    switch (kind % 6) {
    case 0:
        return normal(state);
    case 1:
        return uniform(state);
    case 2:
        return 2 * uniform(state) - 1;
    case 3:
        return 100 * normal(state);
    case 4:
        return 0;
    default:
        return 1;
    }
}

static void fill_integers(struct bnf_array *array, uint64_t *state, int64_t most)
{
    int64_t *data = array->data;
    bool all_zero = true;
    most = array->dtype == BNF_DTYPE_BOOL ? 2 : bnf_dtype_bits(array->dtype) == 8 && most > 128 ? 128 : most;
    for (size_t i = 0; i < array->count; i++) {
        data[i] = (int64_t)((next(state) >> 33) % (uint64_t)most);
        all_zero = all_zero && data[i] == 0;
    }
    if (all_zero && most > 1 && array->count)
        data[array->count - 1] = 1;
}

void bnf_feeds_fill(struct bnf_array *array, uint64_t seed, size_t sample, size_t input, int64_t most)
{
    uint64_t state = seed ^ 0x62f0;
    state = next(&state) ^ (uint64_t)sample;
    state = next(&state) ^ (uint64_t)input;
    state = next(&state);
    if (array->kind == BNF_KIND_INT) {
        fill_integers(array, &state, most);
        return;
    }
    bool to_float = array->dtype == BNF_DTYPE_FLOAT;
    for (size_t i = 0; i < array->count; i++) {
        double x = number(&state, sample);
        if (array->dtype != BNF_DTYPE_DOUBLE)
            x = to_float ? (double)(float)x : bnf_round(array->dtype, x);
        if (array->precision == BNF_PRECISION_FLOAT)
            ((float *)array->data)[i] = (float)x;
        else
            ((double *)array->data)[i] = x;
    }
}

/* In float a double's last bits do not exist. */
static int shaken_type(const struct bnf_array *array)
{
    return array->dtype == BNF_DTYPE_DOUBLE && array->precision == BNF_PRECISION_FLOAT ? BNF_DTYPE_FLOAT
                                                                                       : array->dtype;
}

static void set(struct bnf_array *to, size_t i, double x)
{
    if (to->precision == BNF_PRECISION_FLOAT)
        ((float *)to->data)[i] = (float)x;
    else
        ((double *)to->data)[i] = x;
}

struct bnf_array *bnf_feeds_shake(struct bnf_budget *budget, struct bnf_array *array, uint64_t draw)
{
    if (array->kind != BNF_KIND_REAL)
        return array;
    struct bnf_array *to = bnf_array_new(budget, array->dtype, array->precision, array->rank, array->dims);
    int dtype = shaken_type(array);
    double u = bnf_dtype_roundoff(dtype), tiny = bnf_dtype_tiny(dtype);
    for (size_t i = 0; to && i < to->count; i++) {
        double x = bnf_array_at(array, i), step = 2 * u * fabs(x);
        if (x != 0 && step < tiny)
            step = tiny; /* subnormal numbers are evenly spaced */
        set(to, i, bnf_round(dtype, x + step * (2 * uniform(&draw) - 1)));
    }
    bnf_array_drop(budget, array);
    return to;
}

struct bnf_array *bnf_feeds_shake_subnormal(
    struct bnf_budget *budget, struct bnf_array *array, uint64_t draw, bool *some)
{
    struct bnf_array *to = bnf_array_new(budget, array->dtype, array->precision, array->rank, array->dims);
    int dtype = shaken_type(array);
    double tiny = bnf_dtype_tiny(dtype), normal = tiny / (2 * bnf_dtype_roundoff(dtype));
    for (size_t i = 0; to && i < to->count; i++) {
        double x = bnf_array_at(array, i);
        *some = *some || (x != 0 && fabs(x) < normal);
        set(to, i, fabs(x) < normal ? bnf_round(dtype, x + tiny * (2 * uniform(&draw) - 1)) : x);
    }
    bnf_array_drop(budget, array);
    return to;
}

/* ---- extents ---- */

static const char *symbol_name(const struct bnf_graph *g, int64_t dim)
{
    return g->symbols.text[(size_t)(-2 - dim)];
}

/* A symbol that is the first extent of some input is a batch, wherever else it occurs. */
static bool is_batch(const struct bnf_feeds *feeds, int64_t dim)
{
    for (size_t i = 0; i < feeds->count; i++) {
        const struct bnf_shape *shape = &feeds->graph->values[feeds->inputs[i].value].shape;
        if (shape->rank > 0 && shape->dims[0] == dim)
            return true;
    }
    return false;
}

/* The extent of an axis in a sample. What nobody said is guessed: batches of 1 and 2 in turn, images of
 * moderate size. */
static int64_t extent(const struct bnf_feeds *feeds, const struct bnf_shape *shape, int axis, size_t sample)
{
    static const int64_t spatial[ATTEMPTS] = {64, 224, 32}, channels[ATTEMPTS] = {3, 1, 64},
                         others[ATTEMPTS] = {8, 16, 1};
    int64_t dim = shape->dims[axis];
    if (dim >= 0)
        return dim;
    if (dim != BNF_DIM_UNKNOWN && feeds->bound[-2 - dim] >= 0)
        return feeds->bound[-2 - dim];
    if (axis == 0 || (dim != BNF_DIM_UNKNOWN && is_batch(feeds, dim)))
        return feeds->single_batch || sample % 2 == 0 ? 1 : 2;
    const int64_t *guesses = shape->rank < 4 ? others : axis == 1 ? channels : spatial;
    return guesses[feeds->attempt];
}

bool bnf_feeds_retry(struct bnf_feeds *feeds, size_t sample)
{
    if (!feeds->seeded)
        return false;
    if (feeds->has_batch && !feeds->single_batch && sample % 2) {
        feeds->single_batch = true;
        return true;
    }
    if (feeds->has_guesses && feeds->attempt + 1 < ATTEMPTS) {
        feeds->attempt++;
        feeds->single_batch = false;
        return true;
    }
    return false;
}

/* "NAME=N" of --dim. */
static int bind(struct bnf_feeds *feeds, const char *text, struct bnf_err *err)
{
    const struct bnf_graph *g = feeds->graph;
    const char *equals = strrchr(text, '=');
    char *end = NULL;
    long long extent_of = equals ? strtoll(equals + 1, &end, 10) : -1;
    if (!equals || equals == text || end == equals + 1 || *end || extent_of < 0 || extent_of > INT32_MAX)
        return bnf_fail(
            err, BNF_EUSAGE, "'--dim' is '%.100s', allowed: NAME=N with N from 0 to %d", text, INT32_MAX);
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < feeds->count; i++) {
        const struct bnf_shape *shape = &g->values[feeds->inputs[i].value].shape;
        for (int axis = 0; axis < shape->rank; axis++) {
            if (shape->dims[axis] >= BNF_DIM_UNKNOWN)
                continue;
            const char *name = symbol_name(g, shape->dims[axis]);
            if (strlen(name) == (size_t)(equals - text) && strncmp(name, text, strlen(name)) == 0) {
                feeds->bound[-2 - shape->dims[axis]] = extent_of;
                return BNF_OK;
            }
            if (used < sizeof known && !strstr(known, name))
                used += (size_t)snprintf(known + used, sizeof known - used, "%s'%s'", used ? ", " : "", name);
        }
    }
    return bnf_fail(err, BNF_EUSAGE, "'--dim' names '%.*s', %s%s", (int)(equals - text), text,
        used ? "open extents of the inputs are " : "the inputs have no open extents", known);
}

static int bind_all(struct bnf_feeds *feeds, struct bnf_err *err)
{
    feeds->bound = bnf_arena_alloc(&feeds->arena, feeds->graph->symbols.count, sizeof *feeds->bound);
    if (!feeds->bound)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < feeds->graph->symbols.count; i++)
        feeds->bound[i] = -1;
    int status = BNF_OK;
    for (const char *const *dim = feeds->options->dims; dim && *dim && !status; dim++)
        status = bind(feeds, *dim, err);
    return status;
}

/* ---- integers that are positions in a table ---- */

/* How many integers an input slot distinguishes: INT64_MAX when the operator does not look up anything there.
 */
static int64_t positions(
    const struct bnf_feeds *feeds, struct bnf_constants *constants, bnf_id node, uint32_t slot)
{
    const struct bnf_graph *g = feeds->graph;
    bool gathers = bnf_node_is(g, node, "Gather") || bnf_node_is(g, node, "GatherElements") ||
                   bnf_node_is(g, node, "ScatterElements") || bnf_node_is(g, node, "Scatter");
    bool many = bnf_node_is(g, node, "ScatterND") || bnf_node_is(g, node, "GatherND");
    const struct bnf_tensor *depth = NULL;
    struct bnf_err err = {0};
    if (bnf_node_is(g, node, "OneHot") && slot == 0) {
        bnf_id value = bnf_node_input(g, node, 1);
        if (value == BNF_NONE || !bnf_is_constant(constants, value) ||
            bnf_constant(constants, value, &depth, &err) || !depth || depth->count != 1 ||
            !bnf_dtype_is_number(depth->dtype))
            return 2;
        double rows = bnf_tensor_at(depth, 0);
        return rows >= 0 && rows < 0x1p53 ? (int64_t)rows : 2;
    }
    bnf_id table = bnf_node_input(g, node, 0);
    if (slot != 1 || (!gathers && !many) || table == BNF_NONE)
        return INT64_MAX;
    const struct bnf_shape *shape = &g->values[table].shape;
    if (shape->rank < 1)
        return 2;
    int64_t axis = bnf_attr_int(g->nodes[node].proto, "axis", 0), least = INT64_MAX;
    axis = axis < 0 ? axis + shape->rank : axis;
    for (int i = 0; i < shape->rank; i++) {
        if (gathers && i != axis)
            continue;
        int64_t dim = shape->dims[i];
        if (dim < BNF_DIM_UNKNOWN && feeds->bound[-2 - dim] >= 0)
            dim = feeds->bound[-2 - dim];
        dim = dim < 0 ? 1 : dim; /* open: at least the first is there */
        least = dim < least ? dim : least;
    }
    return least;
}

/* The narrowest table that an integer reaches, also through operators that pass it on. */
static int64_t smallest_table(
    const struct bnf_feeds *feeds, struct bnf_constants *constants, bnf_id value, int depth)
{
    static const char *const passing[] = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
        "Transpose", "Expand", "Slice", "Concat"};
    const struct bnf_graph *g = feeds->graph;
    int64_t least = INT64_MAX;
    int readers = 0;
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE && readers < READERS;
         use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        int64_t here = positions(feeds, constants, node, g->uses[use].slot);
        for (size_t i = 0; i < sizeof passing / sizeof *passing && depth < DEPTH; i++) {
            bnf_id out = bnf_node_output(g, node, 0);
            if (bnf_node_is(g, node, passing[i]) && out != BNF_NONE) {
                int64_t there = smallest_table(feeds, constants, out, depth + 1);
                here = there < here ? there : here;
            }
        }
        least = here < least ? here : least;
        readers++;
    }
    return least;
}

/* ---- the feeds ---- */

static void cannot(struct bnf_feeds *feeds, const char *name, const char *why)
{
    if (!feeds->why)
        feeds->why = bnf_arena_format(
            &feeds->arena, "input '%s' %s, so no inputs can be made up; --data gives some", name, why);
}

/* Lists the inputs to be fed, and binds the extents that the options give. */
static int list_inputs(struct bnf_feeds *feeds, struct bnf_err *err)
{
    const struct bnf_graph *g = feeds->graph;
    const struct bnf_scope *main = &g->scopes[0];
    feeds->inputs = bnf_arena_alloc(&feeds->arena, main->input_count, sizeof *feeds->inputs);
    if (!feeds->inputs)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < main->input_count; i++)
        if (!g->values[main->inputs[i]].initializer)
            feeds->inputs[feeds->count++] = (struct bnf_feed_input){
                .value = main->inputs[i], .position = i, .name = g->values[main->inputs[i]].name};
    return bind_all(feeds, err);
}

static int look_at_inputs(struct bnf_feeds *feeds, struct bnf_constants *constants, struct bnf_err *err)
{
    const struct bnf_graph *g = feeds->graph;
    int status = list_inputs(feeds, err);
    for (size_t i = 0; i < feeds->count && !status; i++) {
        struct bnf_feed_input *input = &feeds->inputs[i];
        const struct bnf_shape *shape = &g->values[input->value].shape;
        input->most = smallest_table(feeds, constants, input->value, 0);
        input->most = input->most == INT64_MAX ? DEFAULT_INTEGERS : input->most < 1 ? 1 : input->most;
        if (!feeds->seeded)
            continue;
        bool known = bnf_dtype_is_float(shape->dtype) ||
                     (bnf_dtype_bits(shape->dtype) >= 8 && shape->dtype != BNF_DTYPE_COMPLEX64 &&
                         shape->dtype != BNF_DTYPE_COMPLEX128);
        if (shape->dtype == 0)
            cannot(feeds, input->name, "is no tensor");
        else if (!known)
            cannot(feeds, input->name, "is no tensor of numbers");
        else if (shape->rank < 0)
            cannot(feeds, input->name, "has no known rank");
        else if (shape->rank > bnf_most_rank)
            cannot(feeds, input->name, "has too many axes");
        for (int axis = 0; axis < shape->rank; axis++) {
            int64_t dim = shape->dims[axis];
            if (dim >= 0 || (dim != BNF_DIM_UNKNOWN && feeds->bound[-2 - dim] >= 0))
                continue;
            bool batch = axis == 0 || (dim != BNF_DIM_UNKNOWN && is_batch(feeds, dim));
            feeds->has_batch |= batch;
            feeds->has_guesses |= !batch;
        }
    }
    return status;
}

int bnf_feeds_init(struct bnf_feeds *feeds, struct bnf_graph *graph, struct bnf_constants *constants,
    const struct bnf_run_options *options, struct bnf_err *err)
{
    *feeds =
        (struct bnf_feeds){.graph = graph, .options = options, .seeded = !options->data, .loaded = SIZE_MAX};
    bnf_arena_init(&feeds->arena, 0);
    bnf_arena_init(&feeds->loaded_arena, options->memory ? options->memory : bnf_machine_memory() / 4 * 3);
    feeds->samples = options->samples ? options->samples : DEFAULT_SAMPLES;
    int status = look_at_inputs(feeds, constants, err);
    if (!status && !feeds->seeded)
        status = bnf_feeds_open_data(feeds, err);
    if (!status && feeds->seeded && feeds->count == 0)
        feeds->samples = 1; /* nothing would differ */
    if (feeds->seeded)
        feeds->rows = feeds->samples;
    return status;
}

int bnf_feeds_check_dims(struct bnf_graph *graph, const char *const *dims, struct bnf_err *err)
{
    struct bnf_run_options options = {.dims = dims};
    struct bnf_feeds feeds = {.graph = graph, .options = &options};
    bnf_arena_init(&feeds.arena, 0);
    int status = dims ? list_inputs(&feeds, err) : BNF_OK;
    bnf_arena_free(&feeds.arena);
    return status;
}

void bnf_feeds_free(struct bnf_feeds *feeds)
{
    bnf_arena_free(&feeds->arena);
    bnf_arena_free(&feeds->loaded_arena);
}

int bnf_feeds_make(struct bnf_feeds *feeds, size_t sample, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err)
{
    size_t inputs = feeds->graph->scopes[0].input_count;
    for (size_t i = 0; i < inputs; i++)
        arrays[i] = NULL;
    if (!feeds->seeded)
        return bnf_feeds_load(feeds, sample, precision, budget, arrays, err);
    for (size_t i = 0; i < feeds->count; i++) {
        const struct bnf_feed_input *input = &feeds->inputs[i];
        const struct bnf_shape *shape = &feeds->graph->values[input->value].shape;
        int64_t dims[bnf_most_rank];
        for (int axis = 0; axis < shape->rank; axis++)
            dims[axis] = extent(feeds, shape, axis, sample);
        struct bnf_array *array = bnf_array_new(budget, shape->dtype, precision, (size_t)shape->rank, dims);
        if (!array)
            return bnf_fail_memory(err);
        bnf_feeds_fill(array, feeds->options->seed, sample, i, input->most);
        arrays[input->position] = array;
    }
    return BNF_OK;
}
