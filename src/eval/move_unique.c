/* Unique: elements, or slices along an axis, without repetitions. */
#include "eval/move.h"

#include <math.h>
#include <string.h>

/* Items laid out one after another, `width` elements each. */
struct items {
    const struct bnf_array *array; /* for the kind of the elements */
    const void *data;
    size_t count, width;
};

/* Number before number, NaN last and equal to itself: a total order. */
static int compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static int compare(const struct items *items, size_t a, size_t b)
{
    int order = 0;
    for (size_t i = 0; i < items->width && !order; i++) {
        size_t m = a * items->width + i, n = b * items->width + i;
        if (items->array->kind == BNF_KIND_TEXT) {
            order = strcmp(((const char *const *)items->data)[m], ((const char *const *)items->data)[n]);
        } else if (items->array->kind == BNF_KIND_INT) {
            int64_t x = ((const int64_t *)items->data)[m], y = ((const int64_t *)items->data)[n];
            bool less = items->array->dtype == BNF_DTYPE_UINT64 ? (uint64_t)x < (uint64_t)y : x < y;
            order = x == y ? 0 : less ? -1 : 1;
        } else if (items->array->precision == BNF_PRECISION_FLOAT) {
            order = compare_reals(
                (double)((const float *)items->data)[m], (double)((const float *)items->data)[n]);
        } else {
            order = compare_reals(((const double *)items->data)[m], ((const double *)items->data)[n]);
        }
    }
    return order;
}

/* Sorts 0 … count-1 by item, equal ones by number: merging from runs of one upwards. Returns the one of the
 * two arrays that holds the result. */
static size_t *sort(const struct items *items, size_t *numbers, size_t *spare)
{
    for (size_t i = 0; i < items->count; i++)
        numbers[i] = i;
    for (size_t run = 1; run < items->count; run *= 2) {
        for (size_t first = 0; first < items->count; first += 2 * run) {
            size_t middle = first + run < items->count ? first + run : items->count;
            size_t end = middle + run < items->count ? middle + run : items->count;
            size_t a = first, b = middle;
            for (size_t at = first; at < end; at++) {
                bool left = b >= end || (a < middle && compare(items, numbers[a], numbers[b]) <= 0);
                spare[at] = left ? numbers[a++] : numbers[b++];
            }
        }
        size_t *done = spare;
        spare = numbers;
        numbers = done;
    }
    return numbers;
}

/* What is found: groups of equal items, in the order of the output. */
struct groups {
    size_t count;
    size_t *first;    /* per group: its first item */
    int64_t *members; /* per group: how many items */
    size_t *group;    /* per item */
};

/* Numbers the groups anew, in the order in which their first items come. */
static void by_appearance(const struct items *items, struct groups *g, size_t *renamed)
{
    size_t next = 0;
    for (size_t i = 0; i < items->count; i++)
        if (g->first[g->group[i]] == i)
            renamed[g->group[i]] = next++;
    memset(g->members, 0, g->count * sizeof *g->members);
    for (size_t i = 0; i < items->count; i++) {
        g->group[i] = renamed[g->group[i]];
        g->members[g->group[i]]++;
    }
    for (size_t i = items->count; i-- > 0;)
        g->first[g->group[i]] = i;
}

static int find(struct bnf_call *call, const struct items *items, bool sorted, struct groups *g)
{
    size_t *block = bnf_arena_alloc(call->arena, items->count + 1, 4 * sizeof *block);
    g->members = bnf_arena_alloc(call->arena, items->count + 1, sizeof *g->members);
    if (!block || !g->members)
        return bnf_fail_memory(call->err);
    size_t *numbers = sort(items, block, block + items->count);
    g->first = block + 2 * items->count;
    g->group = block + 3 * items->count;
    for (size_t i = 0; i < items->count; i++) {
        if (!i || compare(items, numbers[i - 1], numbers[i]) != 0)
            g->first[g->count++] = numbers[i];
        g->group[numbers[i]] = g->count - 1;
        g->members[g->count - 1]++;
    }
    if (!sorted)
        by_appearance(items, g, numbers);
    return BNF_OK;
}

/* Outputs 1 … 3: first appearances, the group of each item, the groups' sizes. */
static int tell(struct bnf_call *call, const struct items *items, const struct groups *g)
{
    for (size_t slot = 1; slot < 4 && slot < call->output_count; slot++) {
        if (!call->wanted[slot])
            continue;
        int64_t n = (int64_t)(slot == 2 ? items->count : g->count);
        int64_t *to = bnf_call_output(call, slot, BNF_DTYPE_INT64, 1, &n);
        if (!to)
            return BNF_ENOMEM;
        for (int64_t i = 0; i < n; i++)
            to[i] = slot == 1 ? (int64_t)g->first[i] : slot == 2 ? (int64_t)g->group[i] : g->members[i];
    }
    return BNF_OK;
}

int bnf_move_unique(struct bnf_call *call)
{
    struct bnf_array *x;
    size_t axis = 0;
    int64_t dims[bnf_most_rank];
    bool flat = !bnf_attr_find(call->proto, "axis");
    int status = bnf_move_input(call, 0, &x);
    if (!status && !flat)
        status = bnf_move_axis(call, 0, x->rank, &axis);
    if (status)
        return status;
    size_t outer = flat ? 1 : bnf_move_product(x->dims, 0, axis), size = bnf_move_size(x);
    size_t inner = flat ? 1 : bnf_move_product(x->dims, axis + 1, x->rank);
    struct items items = {.array = x,
        .data = x->data,
        .count = flat ? x->count : (size_t)x->dims[axis],
        .width = outer * inner};
    if (outer > 1) { /* the axis to the front, so that slices are compared in one go */
        void *moved = bnf_arena_alloc(call->arena, x->count + 1, size);
        if (!moved)
            return bnf_fail_memory(call->err);
        int64_t n = (int64_t)items.count, o = (int64_t)outer, i = (int64_t)inner;
        struct bnf_copy copy = {.to = moved,
            .from = x->data,
            .size = size,
            .rank = 3,
            .dims = {n, o, i},
            .to_strides = {o * i, i, 1},
            .from_strides = {i, n * i, 1}};
        bnf_move_copy(&copy, call->threads);
        items.data = moved;
    }
    struct groups g = {0};
    status = find(call, &items, bnf_attr_int(call->proto, "sorted", 1) != 0, &g);
    if (status)
        return status;
    memcpy(dims, x->dims, sizeof dims);
    dims[flat ? 0 : axis] = (int64_t)g.count;
    uint8_t *to = bnf_move_output(call, 0, x, flat ? 1 : x->rank, dims);
    if (!to)
        return BNF_ENOMEM;
    for (size_t o = 0; inner && o < outer; o++)
        for (size_t i = 0; i < g.count; i++)
            memcpy(to + (o * g.count + i) * inner * size,
                (const uint8_t *)x->data + (o * items.count + g.first[i]) * inner * size, inner * size);
    return tell(call, &items, &g);
}
