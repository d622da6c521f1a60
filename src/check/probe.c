#include "check/probe.h"

#include "base/mem.h"
#include "check/probe_cone.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Multiplications and additions that probing may take for one pair, and for all. */
#define MOST_FOR_PAIR 2e9
#define MOST_FOR_ALL 8e9
/* Dense inputs where a complete basis would take too long. */
#define DENSE 8
/* Sums of doubles in another order differ by more than roundings of what is stored. */
#define DOUBLE_NOISE 1e6

enum { most_symbols = 8, most_retries = 4 };

/* How far two cones were seen to agree. */
enum seen {
    SEEN_NOTHING,   /* they could not be run, or hold numbers that are not finite */
    SEEN_SHAPELESS, /* their extents are not known */
    SEEN_TOO_LARGE,
    SEEN_EQUAL,     /* all coefficients agree */
    SEEN_DIFFERENT, /* one does not */
    SEEN_TESTED,    /* only random inputs were tried, and agree */
    SEEN_TEST_FAILED,
};

/* The worst number beyond the limit. */
struct beyond {
    double u, expected, found, limit;
    size_t at;                /* element of the result */
    size_t variable, element; /* element it is multiplied with; SIZE_MAX: it is added */
    int64_t dims[bnf_most_rank];
    size_t rank;
};

struct probe {
    struct bnf_prover *p;
    struct bnf_cone cone[2];
    size_t variables;
    struct bnf_extents extents[bnf_most_leaves];
    const char *symbol[bnf_most_leaves][bnf_most_rank]; /* NULL: the extent is a number */
    const char *symbols[most_symbols];
    bool is_batch[most_symbols]; /* the first axis of some variable */
    int64_t reach[most_symbols]; /* how many elements either cone looks into such an axis */
    size_t symbol_count;
    int dtype;
    struct bnf_tally tally;
    struct beyond beyond;
};

enum { REF, NEW, SIZE, TRIALS };

/* ---- extents ---- */

static bool add_symbol(struct probe *b, const char *name, size_t axis)
{
    size_t at = 0;
    while (at < b->symbol_count && strcmp(b->symbols[at], name) != 0)
        at++;
    if (at == most_symbols)
        return false;
    if (at == b->symbol_count)
        b->symbols[b->symbol_count++] = name;
    b->is_batch[at] |= axis == 0;
    return true;
}

/* What the leaves of a variable say about its extents, taken together. */
static bool read_extents(struct probe *b, size_t variable)
{
    struct bnf_extents *e = &b->extents[variable];
    bool first = true;
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < b->cone[i].leaf_count; k++) {
            const struct bnf_graph *g = &b->cone[i].side->graph;
            const struct bnf_shape *shape = &g->values[b->cone[i].leaves[k]].shape;
            if (b->cone[i].variable[k] != variable)
                continue;
            if (shape->dtype != b->dtype || shape->rank < 0 || shape->rank > bnf_most_rank ||
                (!first && e->rank != (size_t)shape->rank))
                return false;
            e->rank = (size_t)shape->rank;
            for (size_t axis = 0; axis < e->rank; axis++) {
                int64_t dim = shape->dims[axis];
                if (first)
                    e->dims[axis] = -1;
                if (dim >= 0 && e->dims[axis] >= 0 && dim != e->dims[axis])
                    return false;
                if (dim >= 0)
                    e->dims[axis] = dim;
                else if (dim < BNF_DIM_UNKNOWN && !b->symbol[variable][axis])
                    b->symbol[variable][axis] = g->symbols.text[-2 - dim];
            }
            first = false;
        }
    for (size_t axis = 0; axis < e->rank; axis++) {
        if (e->dims[axis] >= 0)
            b->symbol[variable][axis] = NULL;
        else if (!b->symbol[variable][axis] || !add_symbol(b, b->symbol[variable][axis], axis))
            return false;
    }
    return !first;
}

/* Extents have to be above what the cones look at. */
static bool read_reach(struct probe *b)
{
    struct bnf_reach reach[bnf_most_leaves];
    for (int i = 0; i < 2 && b->symbol_count; i++) {
        if (!bnf_cone_reach(b->p, &b->cone[i], reach))
            return false;
        for (size_t k = 0; k < b->cone[i].leaf_count; k++)
            for (size_t axis = 0; axis < b->extents[b->cone[i].variable[k]].rank; axis++) {
                const char *name = b->symbol[b->cone[i].variable[k]][axis];
                for (size_t at = 0; name && at < b->symbol_count; at++)
                    if (strcmp(b->symbols[at], name) == 0 && b->reach[at] < reach[k].of[axis])
                        b->reach[at] = reach[k].of[axis];
            }
    }
    return true;
}

/* The extent a symbol stands for: small for a batch, larger for what a window slides over, and another for
 * each. */
static int64_t extent_of(const struct probe *b, const char *name, unsigned retry, unsigned turn)
{
    int64_t next = (int64_t)4 << retry;
    bool batch = true;
    for (size_t i = 0; i < b->symbol_count; i++) {
        bool small = b->is_batch[i] && batch && b->reach[i] == 0;
        int64_t extent = small ? 2 : next > b->reach[i] + 1 ? next : b->reach[i] + 2;
        batch &= !small;
        if (strcmp(b->symbols[i], name) == 0)
            return extent + (int64_t)turn;
        next = small ? next : extent + 2;
    }
    return next;
}

static bool bind(struct probe *b, unsigned retry, unsigned turn)
{
    for (size_t v = 0; v < b->variables; v++) {
        struct bnf_extents *e = &b->extents[v];
        for (size_t axis = 0; axis < e->rank; axis++)
            if (b->symbol[v][axis])
                e->dims[axis] = extent_of(b, b->symbol[v][axis], retry, turn);
        if (!bnf_volume(e->dims, e->rank, &e->count))
            return false;
    }
    return true;
}

/* ---- running ---- */

/* Failures to run are no failures of the proof; running out of memory is. */
static bool fine(struct probe *b, int status)
{
    if (status == BNF_ENOMEM)
        bnf_prover_fail(b->p, bnf_fail_memory(b->p->err));
    return status == BNF_OK;
}

/* Opens both cones, and the reference's once more for sizes. */
static bool open_trials(struct probe *b, unsigned mode, struct bnf_trial trials[TRIALS])
{
    struct bnf_err ignored;
    memset(trials, 0, TRIALS * sizeof *trials);
    return fine(b, bnf_trial_open(b->p, &b->cone[0], mode, b->extents, &trials[REF], &ignored)) &&
           fine(b, bnf_trial_open(b->p, &b->cone[1], mode, b->extents, &trials[NEW], &ignored)) &&
           fine(b, bnf_trial_open(
                       b->p, &b->cone[0], mode | bnf_trial_sizes, b->extents, &trials[SIZE], &ignored));
}

static void close_trials(struct bnf_trial trials[TRIALS])
{
    for (int i = 0; i < TRIALS; i++)
        bnf_trial_close(&trials[i]);
}

static bool open_variables(
    const struct probe *b, struct bnf_budget *budget, struct bnf_array *variables[bnf_most_leaves])
{
    bool done = true;
    for (size_t v = 0; v < b->variables; v++) {
        const struct bnf_extents *e = &b->extents[v];
        variables[v] = bnf_array_new(budget, b->dtype, BNF_PRECISION_DOUBLE, e->rank, e->dims);
        done &= variables[v] != NULL;
        if (variables[v] && e->count)
            memset(variables[v]->data, 0, e->count * sizeof(double));
    }
    return done;
}

static void close_variables(
    const struct probe *b, struct bnf_budget *budget, struct bnf_array *variables[bnf_most_leaves])
{
    for (size_t v = 0; v < b->variables; v++)
        bnf_array_drop(budget, variables[v]);
    bnf_budget_clear(budget);
}

static bool same_layout(const struct bnf_array *a, const struct bnf_array *b)
{
    return a->kind == BNF_KIND_REAL && b->kind == BNF_KIND_REAL && a->dtype == b->dtype &&
           a->rank == b->rank && a->count > 0 &&
           bnf_same_bytes(a->dims, b->dims, a->rank * sizeof *a->dims);
}

static void remember_beyond(struct probe *b, const struct bnf_array *like, size_t at, double expected,
    double found, double u, double limit)
{
    if (b->beyond.u >= u)
        return;
    b->beyond = (struct beyond){.u = u,
        .expected = expected,
        .found = found,
        .limit = limit,
        .at = at,
        .rank = like->rank,
        .variable = b->beyond.variable,
        .element = b->beyond.element};
    memcpy(b->beyond.dims, like->dims, sizeof like->dims);
}

/* Runs all three and compares what comes out. `sizes` feeds the third one. */
static enum seen compare_runs(struct probe *b, struct bnf_trial trials[TRIALS],
    struct bnf_array *const *variables, struct bnf_array *const *sizes, unsigned tensors)
{
    struct bnf_array *out[TRIALS];
    struct bnf_err ignored;
    for (int i = 0; i < TRIALS; i++)
        if (!fine(b, bnf_trial_run(&trials[i], i == SIZE ? sizes : variables, &out[i], &ignored)) || !out[i])
            return SEEN_NOTHING;
    if (out[REF]->dtype != b->dtype || !same_layout(out[REF], out[NEW]) || !same_layout(out[REF], out[SIZE]))
        return SEEN_NOTHING;
    const double *ref = out[REF]->data, *new = out[NEW]->data, *size = out[SIZE]->data;
    double limit = bnf_limit(b->p, b->dtype, tensors);
    enum seen seen = SEEN_EQUAL;
    for (size_t i = 0; i < out[REF]->count; i++) {
        if (!isfinite(ref[i]) || !isfinite(new[i]) || !isfinite(size[i]))
            return SEEN_NOTHING;
        if (ref[i] == new[i])
            continue;
        double u = bnf_error_in_u(b->dtype, ref[i], new[i], size[i], 1);
        if (bnf_accept(b->p, b->dtype, tensors, u, &b->tally))
            continue;
        remember_beyond(b, out[REF], i, ref[i], new[i], u, limit);
        seen = SEEN_DIFFERENT;
    }
    return seen;
}

/* ---- a complete basis ---- */

static enum seen compare_added(struct probe *b, struct bnf_array *const *zeros)
{
    struct bnf_trial trials[TRIALS];
    enum seen seen = SEEN_NOTHING;
    b->beyond.element = SIZE_MAX;
    if (open_trials(b, 0, trials))
        seen = compare_runs(b, trials, zeros, zeros, b->cone[1].shifts);
    close_trials(trials);
    return seen;
}

/* Notes which elements of the two results were other than zero, as far as that counts, in the first and the second bit. */
static bool mark(struct probe *b, const struct bnf_trial trials[TRIALS], uint8_t **marks, size_t *count)
{
    for (int i = REF; i <= NEW; i++) {
        struct bnf_trial *trial = (struct bnf_trial *)&trials[i];
        const struct bnf_array *out = bnf_eval_value(&trial->eval, trial->graph.scopes[0].outputs[0]);
        if (!*marks && !(*marks = bnf_alloc(*count = out->count, 1))) {
            bnf_prover_fail(b->p, bnf_fail_memory(b->p->err));
            return false;
        }
        const double least = i == REF ? bnf_least_that_counts(b->dtype) : DBL_TRUE_MIN, *x = out->data;
        for (size_t k = 0; k < *count; k++)
            (*marks)[k] |= (uint8_t)((fabs(x[k]) >= least) << i);
    }
    return true;
}

/* Every element of every variable alone is 1. */
static enum seen compare_coefficients(struct probe *b, struct bnf_array *const *zeros)
{
    struct bnf_trial trials[TRIALS];
    enum seen seen = open_trials(b, bnf_trial_linear, trials) ? SEEN_EQUAL : SEEN_NOTHING;
    uint8_t *marks = NULL;
    size_t count = 0;
    for (size_t v = 0; v < b->variables && seen == SEEN_EQUAL; v++)
        for (size_t i = 0; i < b->extents[v].count && seen == SEEN_EQUAL; i++) {
            double *element = (double *)zeros[v]->data + i;
            b->beyond.variable = v;
            b->beyond.element = i;
            *element = 1;
            seen = compare_runs(b, trials, zeros, zeros, b->cone[1].factors);
            if (seen == SEEN_EQUAL && !mark(b, trials, &marks, &count))
                seen = SEEN_NOTHING;
            *element = 0;
        }
    const uint8_t *only_ref = seen == SEEN_EQUAL && marks ? memchr(marks, 1, count) : NULL;
    if (only_ref) {
        bnf_vanishes(b->p, "element", (size_t)(only_ref - marks), b->dtype);
        seen = SEEN_TESTED;
    }
    bnf_free(marks);
    close_trials(trials);
    return seen;
}

static enum seen compare_completely(struct probe *b)
{
    struct bnf_budget budget = {0};
    struct bnf_array *zeros[bnf_most_leaves];
    enum seen seen = SEEN_NOTHING;
    if (open_variables(b, &budget, zeros))
        seen = compare_added(b, zeros);
    if (seen == SEEN_EQUAL)
        seen = compare_coefficients(b, zeros);
    close_variables(b, &budget, zeros);
    return seen;
}

/* ---- random inputs ---- */

static double next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t x = bnf_hash_mix(*state, 1);
    return (double)(x >> 11) / 4503599627370496.0 - 1; /* 2^52: −1 … 1 */
}

static enum seen compare_randomly(struct probe *b)
{
    struct bnf_budget budget = {0};
    struct bnf_array *values[bnf_most_leaves], *sizes[bnf_most_leaves];
    struct bnf_trial trials[TRIALS];
    uint64_t state = 1;
    unsigned tensors = b->cone[1].factors > b->cone[1].shifts ? b->cone[1].factors : b->cone[1].shifts;
    bool opened = open_variables(b, &budget, values);
    opened &= open_variables(b, &budget, sizes);
    enum seen seen = opened ? SEEN_EQUAL : SEEN_NOTHING;
    if (!open_trials(b, 0, trials))
        seen = SEEN_NOTHING;
    b->beyond.element = SIZE_MAX;
    for (int turn = 0; turn < DENSE && seen == SEEN_EQUAL; turn++) {
        for (size_t v = 0; v < b->variables; v++)
            for (size_t i = 0; i < b->extents[v].count; i++) {
                double x = next_random(&state);
                ((double *)values[v]->data)[i] = x;
                ((double *)sizes[v]->data)[i] = fabs(x);
            }
        seen = compare_runs(b, trials, values, sizes, tensors);
    }
    close_trials(trials);
    close_variables(b, &budget, values);
    close_variables(b, &budget, sizes);
    return seen == SEEN_EQUAL ? SEEN_TESTED : seen == SEEN_DIFFERENT ? SEEN_TEST_FAILED : seen;
}

/* ---- one pair ---- */

/* Decides by counting, not by time: the same models get the same verdict everywhere. */
static enum seen compare_bound(struct probe *b)
{
    struct bnf_trial trials[2];
    struct bnf_err ignored;
    double each = INFINITY, inputs = 1;
    memset(trials, 0, sizeof trials);
    if (fine(b, bnf_trial_open(b->p, &b->cone[0], 0, b->extents, &trials[0], &ignored)) &&
        fine(b, bnf_trial_open(b->p, &b->cone[1], 0, b->extents, &trials[1], &ignored)))
        each = 2 * bnf_trial_cost(&trials[0]) + bnf_trial_cost(&trials[1]);
    for (int i = 0; i < 2; i++)
        bnf_trial_close(&trials[i]);
    for (size_t v = 0; v < b->variables; v++)
        inputs += (double)b->extents[v].count;
    double left = MOST_FOR_ALL - b->p->probed;
    left = left < MOST_FOR_PAIR ? left : MOST_FOR_PAIR;
    bool complete = each * inputs <= left;
    if (!complete && !(each * DENSE <= left))
        return isinf(each) ? SEEN_NOTHING : SEEN_TOO_LARGE;
    if (!bnf_cone_is_finite(b->p, &b->cone[0]) || !bnf_cone_is_finite(b->p, &b->cone[1]))
        return SEEN_NOTHING;
    b->p->probed += each * (complete ? inputs : DENSE);
    return complete ? compare_completely(b) : compare_randomly(b);
}

/* With free extents: twice, for extents that fit. */
static enum seen compare_cones(struct probe *b, unsigned *retry)
{
    for (*retry = 0; *retry < (b->symbol_count ? most_retries : 1); ++*retry) {
        enum seen seen = bind(b, *retry, 0) ? compare_bound(b) : SEEN_NOTHING;
        if (seen == SEEN_EQUAL && b->symbol_count)
            seen = bind(b, *retry, 1) ? compare_bound(b) : SEEN_NOTHING;
        if (seen != SEEN_NOTHING || b->p->status)
            return seen;
        b->tally = (struct bnf_tally){.sub = {BNF_NONE, BNF_NONE}, .changed = true};
    }
    return SEEN_NOTHING;
}

/* Position of an element, as [0,2,1]. */
static const char *place(const int64_t *dims, size_t rank, size_t at, char *text, size_t room)
{
    int64_t index[bnf_most_rank];
    size_t used = (size_t)snprintf(text, room, "[");
    for (size_t i = rank; i-- > 0; at /= (size_t)dims[i])
        index[i] = (int64_t)(at % (size_t)dims[i]);
    for (size_t i = 0; i < rank && used + 24 < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, i ? "," : "", index[i]);
    snprintf(text + used, room - used, "]");
    return text;
}

static const char *shapes_text(const struct probe *b, unsigned retry)
{
    char text[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < b->symbol_count && used + 64 < sizeof text; i++) {
        int64_t first = extent_of(b, b->symbols[i], retry, 0);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.24s = %" PRId64 " and %" PRId64,
            used ? ", " : "", b->symbols[i], first, first + 1);
    }
    const char *copy = bnf_arena_copy(&b->p->proof->arena, text, strlen(text));
    if (!copy)
        bnf_prover_fail(b->p, bnf_fail_memory(b->p->err));
    return copy;
}

/* What is proved holds for these extents; several pairs may name several. */
static void restrict_proof(struct bnf_prover *p, const char *shapes)
{
    struct bnf_proof *proof = p->proof;
    if (!shapes || (proof->shapes && strstr(proof->shapes, shapes)))
        return;
    const char *both =
        proof->shapes ? bnf_arena_format(&proof->arena, "%s; %s", proof->shapes, shapes) : shapes;
    if (!both)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    else
        proof->shapes = both;
}

static const char *difference_text(const struct probe *b)
{
    const struct beyond *x = &b->beyond;
    char out[128], in[128];
    const char *name = "";
    place(x->dims, x->rank, x->at, out, sizeof out);
    if (x->element == SIZE_MAX)
        return bnf_arena_format(&b->p->proof->arena,
            "the linear cones differ: element %s has %.9g added instead of %.9g: %.3g u of the terms it is "
            "summed "
            "from, allowed are %.4g",
            out, x->found, x->expected, x->u, x->limit);
    for (size_t k = b->cone[0].leaf_count; k-- > 0;)
        if (b->cone[0].variable[k] == x->variable)
            name = b->cone[0].side->graph.values[b->cone[0].leaves[k]].name;
    place(b->extents[x->variable].dims, b->extents[x->variable].rank, x->element, in, sizeof in);
    return bnf_arena_format(&b->p->proof->arena,
        "the linear cones differ: element %s takes '%.200s' %s times %.9g instead of %.9g: %.3g u off, "
        "allowed are "
        "%.4g",
        out, name, in, x->found, x->expected, x->u, x->limit);
}

/* Inner values may depend on each other, so that a difference in what is made of them may vanish; inputs do
 * not. */
static bool is_free(const struct probe *b)
{
    bool inputs = b->symbol_count == 0;
    for (size_t k = 0; k < b->cone[0].leaf_count; k++)
        inputs &= b->cone[0].side->graph.values[b->cone[0].leaves[k]].producer == BNF_NONE;
    return inputs;
}

static const char *large_text(struct probe *b, enum seen seen)
{
    struct bnf_arena *arena = &b->p->proof->arena;
    if (seen == SEEN_TESTED)
        return bnf_arena_format(arena,
            "the cones are linear, but too large to see every coefficient: tested on %d random inputs only",
            DENSE);
    if (seen == SEEN_TEST_FAILED)
        return bnf_arena_format(arena,
            "the cones are linear, but too large to see every coefficient: on random inputs they differ by "
            "%.3g u, "
            "allowed are %.4g",
            b->beyond.u, b->beyond.limit);
    return bnf_arena_format(arena, "the cones are linear, but %s to be probed",
        seen == SEEN_TOO_LARGE ? "too large" : "their extents are not known well enough");
}

/* What was different before was so by a guess, which a cone that cannot be looked at leaves open. */
static void settle(
    struct probe *b, bnf_id ref, bnf_id new, enum bnf_outcome before, enum seen seen, unsigned retry)
{
    struct bnf_prover *p = b->p;
    bool certain =
        is_free(b) && !b->cone[0].rough && (b->dtype != BNF_DTYPE_DOUBLE || b->beyond.u > DOUBLE_NOISE);
    bool differs = seen == SEEN_DIFFERENT, failed = seen == SEEN_TEST_FAILED;
    enum bnf_outcome outcome = seen == SEEN_EQUAL ? BNF_EQUAL : differs || failed ? before : BNF_UNKNOWN;
    const char *note = seen == SEEN_EQUAL ? NULL : differs ? difference_text(b) : large_text(b, seen);
    if (seen == SEEN_EQUAL && b->symbol_count)
        restrict_proof(p, shapes_text(b, retry));
    if (seen != SEEN_EQUAL && !note)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    else
        bnf_settle(p, ref, new, outcome, &b->tally, differs && certain, note, b->beyond.u);
}

/* A difference in a value that has its name in both models is one; otherwise only a guess made them a pair.
 */
static bool is_open(const struct bnf_prover *p, const struct bnf_pair *pair)
{
    const struct bnf_pair *root = bnf_root_cause(p, pair, false);
    return pair->outcome == BNF_UNKNOWN || (pair->outcome == BNF_DIFFERENT && root != pair &&
                                               strcmp(p->side[0].graph.values[root->value[0]].name,
                                                   p->side[1].graph.values[root->value[1]].name) != 0);
}

void bnf_probe_pair(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    ref = bnf_canon(&p->side[0], ref);
    new = bnf_canon(&p->side[1], new);
    const struct bnf_value *v[2] = {&p->side[0].graph.values[ref], &p->side[1].graph.values[new]};
    const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
    if (p->status || !pair || pair->probed || v[0]->scope != 0 || v[1]->scope != 0 || !is_open(p, pair) ||
        !bnf_dtype_is_float(v[0]->shape.dtype) || v[0]->shape.dtype != v[1]->shape.dtype)
        return;
    struct probe *b = bnf_alloc(1, sizeof *b);
    if (!b) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return;
    }
    enum bnf_outcome before = pair->outcome;
    unsigned retry = 0;
    *b = (struct probe){
        .p = p, .dtype = v[0]->shape.dtype, .tally = {.sub = {BNF_NONE, BNF_NONE}, .changed = true}};
    if (bnf_cones_find(p, ref, new, b->cone, &b->variables)) {
        bool fits = true;
        for (size_t i = 0; fits && i < b->variables; i++)
            fits = read_extents(b, i);
        fits = fits && read_reach(b);
        enum seen seen = fits ? compare_cones(b, &retry) : SEEN_SHAPELESS;
        if (seen != SEEN_NOTHING && !p->status)
            settle(b, ref, new, before, seen, retry);
    }
    bnf_free(b);
}

void bnf_probe_outputs(struct bnf_prover *p, bnf_id ref, bnf_id new)
{
    bnf_probe_pair(p, ref, new);
    ref = bnf_canon(&p->side[0], ref);
    new = bnf_canon(&p->side[1], new);
    const struct bnf_pair *pair = bnf_pair_of(p, ref, new);
    if (pair && pair->refutes)
        p->pairs[pair - p->pairs].outcome = BNF_DIFFERENT;
}
