/* The algebra of affine maps: y = scale ⊙ x + shift, each broadcast into the value they act on. */
#include "check/prover.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Maps of more elements than this are not worked out. */
#define MOST_ELEMENTS ((size_t)1 << 22)

double bnf_scale_at(const struct bnf_normal *map, size_t i)
{
    return map ? map->scale[map->count == 1 ? 0 : i] : 1;
}

double bnf_shift_at(const struct bnf_normal *map, size_t i)
{
    return map ? map->shift[map->count == 1 ? 0 : i] : 0;
}

double bnf_size_at(const struct bnf_normal *map, size_t i)
{
    return map ? map->size[map->count == 1 ? 0 : i] : 0;
}

int bnf_normal_axis(const struct bnf_normal *map)
{
    int axis = -1;
    for (int i = 0; map && i < map->rank; i++)
        if (map->dims[i] > 1)
            axis = axis == -1 ? i : -2;
    return axis;
}

bool bnf_normal_make(
    struct bnf_prover *p, struct bnf_arena *arena, int rank, const int64_t *dims, struct bnf_normal *map)
{
    size_t count;
    *map = (struct bnf_normal){.rank = rank};
    if (rank > BNF_MAP_RANK || !bnf_volume(dims, rank < 0 ? 0 : (size_t)rank, &count) || count == 0 ||
        count > MOST_ELEMENTS)
        return false;
    map->count = count;
    if (count == 1)
        map->rank = -1;
    for (int i = 0; i < map->rank; i++)
        map->dims[i] = dims[i];
    map->scale = bnf_arena_alloc(arena, count, sizeof(double));
    map->shift = bnf_arena_alloc(arena, count, sizeof(double));
    map->size = bnf_arena_alloc(arena, count, sizeof(double));
    if (!map->scale || !map->shift || !map->size) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    return true;
}

struct bnf_normal *bnf_normal_new(
    struct bnf_prover *p, struct bnf_arena *arena, int rank, const int64_t *dims)
{
    struct bnf_normal *map = bnf_arena_alloc(arena, 1, sizeof *map);
    if (!map)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return map && bnf_normal_make(p, arena, rank, dims, map) ? map : NULL;
}

const struct bnf_normal *bnf_normal_counted(
    struct bnf_prover *p, struct bnf_arena *arena, unsigned scale_tensors, unsigned shift_tensors)
{
    struct bnf_normal *map = bnf_normal_new(p, arena, -1, NULL);
    if (map) {
        map->scale[0] = 1;
        map->scale_tensors = scale_tensors;
        map->shift_tensors = shift_tensors;
        map->shifts = shift_tensors != 0;
    }
    return map;
}

bool bnf_normal_fits(const struct bnf_normal *map, const struct bnf_tensor *t)
{
    if (!map || map->count == 1)
        return true;
    if (map->rank != (int)t->rank)
        return false;
    for (int i = 0; i < map->rank; i++)
        if (map->dims[i] != 1 && map->dims[i] != t->dims[i])
            return false;
    return true;
}

bool bnf_normal_settle(struct bnf_normal *map)
{
    map->shifts = false;
    for (size_t i = 0; i < map->count; i++) {
        if (!isfinite(map->scale[i]) || !isfinite(map->shift[i]) || !isfinite(map->size[i]))
            return false;
        map->shifts |= map->shift[i] != 0 || map->size[i] != 0;
    }
    return true;
}

/* ---- walking two maps side by side ---- */

void bnf_twin_start(struct bnf_twin *walk, int rank, const int64_t *dims, const struct bnf_normal *a,
    const struct bnf_normal *b)
{
    const struct bnf_normal *const maps[2] = {a, b};
    *walk = (struct bnf_twin){.rank = rank < 0 ? 0 : rank};
    for (int i = 0; i < walk->rank; i++)
        walk->dims[i] = dims[i];
    for (int m = 0; m < 2; m++) {
        size_t stride = 1;
        for (int i = maps[m] ? maps[m]->rank : 0; i-- > 0;) {
            walk->stride[m][i] = maps[m]->dims[i] == 1 ? 0 : stride;
            stride *= (size_t)maps[m]->dims[i];
        }
    }
}

void bnf_twin_next(struct bnf_twin *walk)
{
    for (int i = walk->rank; i-- > 0;) {
        for (int m = 0; m < 2; m++)
            walk->at[m] += walk->stride[m][i];
        if (++walk->index[i] < walk->dims[i])
            return;
        walk->index[i] = 0;
        for (int m = 0; m < 2; m++)
            walk->at[m] -= walk->stride[m][i] * (size_t)walk->dims[i];
    }
}

bool bnf_normal_extents(
    const struct bnf_normal *a, const struct bnf_normal *b, int *rank, int64_t dims[BNF_MAP_RANK])
{
    const struct bnf_normal *wide = a && a->rank >= 0 ? a : b;
    *rank = wide ? wide->rank : -1;
    for (int i = 0; i < *rank; i++)
        dims[i] = wide->dims[i];
    if (!a || !b || a->rank < 0 || b->rank < 0)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < *rank; i++) {
        if (a->dims[i] != b->dims[i] && a->dims[i] != 1 && b->dims[i] != 1)
            return false;
        dims[i] = a->dims[i] > b->dims[i] ? a->dims[i] : b->dims[i];
    }
    return true;
}

/* ---- composing and taking apart ---- */

bool bnf_normal_compose(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *outer,
    const struct bnf_normal *inner, const struct bnf_normal **out)
{
    int rank;
    int64_t dims[BNF_MAP_RANK];
    if (!outer || !inner) {
        *out = outer ? outer : inner;
        return true;
    }
    struct bnf_normal *map =
        bnf_normal_extents(outer, inner, &rank, dims) ? bnf_normal_new(p, arena, rank, dims) : NULL;
    if (!map)
        return false;
    struct bnf_twin walk;
    bnf_twin_start(&walk, rank, dims, outer, inner);
    for (size_t i = 0; i < map->count; i++, bnf_twin_next(&walk)) {
        size_t o = walk.at[0], n = walk.at[1];
        map->scale[i] = outer->scale[o] * inner->scale[n];
        map->shift[i] = outer->scale[o] * inner->shift[n] + outer->shift[o];
        map->size[i] = fabs(outer->scale[o]) * inner->size[n] + outer->size[o];
    }
    map->scale_tensors = outer->scale_tensors + inner->scale_tensors;
    map->shift_tensors =
        outer->shift_tensors + (inner->shifts ? outer->scale_tensors + inner->shift_tensors : 0);
    *out = map;
    return bnf_normal_settle(map);
}

bool bnf_normal_part(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    const struct bnf_normal **scale, const struct bnf_normal **shift)
{
    bool scales = false;
    *scale = *shift = NULL;
    for (size_t i = 0; map && i < map->count; i++)
        scales |= map->scale[i] != 1;
    if (!map || (!scales && !map->shifts))
        return true;
    struct bnf_normal *first = bnf_normal_new(p, arena, map->rank, map->dims);
    struct bnf_normal *then = bnf_normal_new(p, arena, map->rank, map->dims);
    if (!first || !then)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        first->scale[i] = map->scale[i];
        then->scale[i] = 1;
        then->shift[i] = map->shift[i];
        then->size[i] = map->size[i];
    }
    first->scale_tensors = map->scale_tensors;
    then->shift_tensors = map->shift_tensors;
    then->shifts = map->shifts;
    *scale = scales ? bnf_normal_tidy(p, arena, first) : NULL;
    *shift = map->shifts ? bnf_normal_tidy(p, arena, then) : NULL;
    return !p->status;
}

bool bnf_normal_offset(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    const struct bnf_normal **scale, const struct bnf_normal **offset)
{
    *scale = *offset = NULL;
    if (!map)
        return true;
    struct bnf_normal *then = bnf_normal_new(p, arena, map->rank, map->dims);
    struct bnf_normal *first = bnf_normal_new(p, arena, map->rank, map->dims);
    if (!then || !first)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        double scaled = map->scale[i];
        if (scaled == 0 && map->shift[i] != 0)
            return false;
        then->scale[i] = scaled;
        first->scale[i] = 1;
        first->shift[i] = map->shift[i] == 0 ? 0 : map->shift[i] / scaled;
        first->size[i] = scaled == 0 ? 0 : map->size[i] / fabs(scaled);
    }
    then->scale_tensors = map->scale_tensors;
    first->shift_tensors = map->shift_tensors + map->scale_tensors;
    if (!bnf_normal_settle(first))
        return false;
    *scale = bnf_normal_tidy(p, arena, then);
    *offset = bnf_normal_tidy(p, arena, first);
    return *scale && *offset;
}

bool bnf_normal_sign(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map, bool behind,
    const struct bnf_normal **size, const struct bnf_normal **sign)
{
    struct bnf_normal *first = map ? bnf_normal_new(p, arena, map->rank, map->dims) : NULL;
    struct bnf_normal *other = map ? bnf_normal_new(p, arena, map->rank, map->dims) : NULL;
    *size = *sign = NULL;
    if (!first || !other)
        return !map;
    struct bnf_normal *outer = behind ? other : first; /* what the shift stays with */
    for (size_t i = 0; i < map->count; i++) {
        first->scale[i] = fabs(map->scale[i]);
        other->scale[i] = signbit(map->scale[i]) ? -1 : 1; /* of a zero, too, as its way here was the same in both */
        outer->shift[i] = map->shift[i];
        outer->size[i] = map->size[i];
    }
    first->scale_tensors = map->scale_tensors;
    outer->shift_tensors = map->shift_tensors;
    outer->shifts = map->shifts;
    *size = first;
    *sign = bnf_normal_tidy(p, arena, other);
    return *sign != NULL;
}

bool bnf_normal_difference(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *ref,
    const struct bnf_normal *new, int axis, int dtype, struct bnf_tally *tally, const struct bnf_normal **out)
{
    int rank;
    int64_t dims[BNF_MAP_RANK], along[BNF_MAP_RANK];
    size_t count;
    if (!new || !bnf_normal_extents(ref, new, &rank, dims) || axis < 0 || axis >= rank ||
        !bnf_volume(dims, (size_t)rank, &count))
        return false;
    for (int i = 0; i < rank; i++)
        along[i] = i == axis ? dims[i] : 1;
    struct bnf_normal *map = bnf_normal_new(p, arena, rank, along);
    if (!map)
        return false;
    struct bnf_normal shape = {.rank = map->rank};
    memcpy(shape.dims, along, sizeof along);
    for (size_t i = 0; i < map->count; i++)
        map->size[i] = INFINITY;
    struct bnf_twin at, on;
    bnf_twin_start(&at, rank, dims, ref, new);
    bnf_twin_start(&on, rank, dims, &shape, NULL);
    /* Where the stored number is smallest, its rounding is. */
    for (size_t i = 0; i < count; i++, bnf_twin_next(&at), bnf_twin_next(&on)) {
        size_t k = on.at[0];
        double stored = bnf_shift_at(new, at.at[1]);
        if (!(fabs(stored) < map->size[k]))
            continue;
        map->size[k] = fabs(stored);
        map->shift[k] = bnf_shift_at(ref, at.at[0]) - stored;
    }
    for (size_t i = 0; i < map->count; i++) {
        map->scale[i] = 1;
        map->size[i] = fabs(map->shift[i]);
    }
    map->shift_tensors = 1;
    map->shifts = true;
    const struct bnf_normal *sum;
    if (!bnf_normal_compose(p, arena, map, new, &sum) ||
        bnf_normal_compare(p, ref, sum, dtype, tally) != BNF_EQUAL)
        return false;
    *out = map;
    return true;
}

bool bnf_normal_same(const struct bnf_normal *a, const struct bnf_normal *b)
{
    if (!a || !b)
        return !a && !b;
    size_t bytes = a->count * sizeof(double);
    if (a->rank != b->rank || a->count != b->count)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return memcmp(a->scale, b->scale, bytes) == 0 && memcmp(a->shift, b->shift, bytes) == 0;
}

/* Do the arrays repeat themselves along the axis? */
static bool is_constant_along(const struct bnf_normal *map, int axis)
{
    size_t run = 1, extent = (size_t)map->dims[axis];
    for (int i = axis + 1; i < map->rank; i++)
        run *= (size_t)map->dims[i];
    for (size_t block = 0; block < map->count; block += run * extent)
        for (size_t i = block; i < block + run * (extent - 1); i++)
            if (map->scale[i] != map->scale[i + run] || map->shift[i] != map->shift[i + run] ||
                map->size[i] != map->size[i + run])
                return false;
    return true;
}

const struct bnf_normal *bnf_normal_tidy(
    struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map)
{
    int64_t dims[BNF_MAP_RANK];
    bool shrinks = false;
    for (int i = 0; i < map->rank; i++) {
        bool constant = map->dims[i] > 1 && is_constant_along(map, i);
        dims[i] = constant ? 1 : map->dims[i];
        shrinks |= constant;
    }
    if (!shrinks)
        return map;
    struct bnf_normal *small = bnf_normal_new(p, arena, map->rank, dims);
    if (!small)
        return NULL;
    struct bnf_normal shape = {.rank = map->rank};
    memcpy(shape.dims, dims, sizeof dims);
    struct bnf_twin walk;
    bnf_twin_start(&walk, map->rank, map->dims, &shape, NULL);
    for (size_t i = 0; i < map->count; i++, bnf_twin_next(&walk)) {
        small->scale[walk.at[0]] = map->scale[i];
        small->shift[walk.at[0]] = map->shift[i];
        small->size[walk.at[0]] = map->size[i];
    }
    small->shifts = map->shifts;
    small->scale_tensors = map->scale_tensors;
    small->shift_tensors = map->shift_tensors;
    return small;
}

bool bnf_normal_is_nonnegative(const struct bnf_normal *map)
{
    for (size_t i = 0; map && i < map->count; i++)
        if (!(map->scale[i] >= 0))
            return false;
    return true;
}

bool bnf_normal_vanishes(const struct bnf_normal *map)
{
    for (size_t i = 0; map && i < map->count; i++)
        if (map->scale[i] == 0)
            return true;
    return false;
}

/* ---- comparing ---- */

struct worst {
    double u;
    size_t index;
    bool shift, fits;
    double expected, found;
    size_t vanishes; /* a scale that fits because it is next to nothing, and is nothing; SIZE_MAX: none */
};

/* Where in a map an element lies: "channel 3", or its whole index. */
static const char *place_of(int rank, const int64_t *dims, size_t index, char *text, size_t room)
{
    struct bnf_normal like = {.rank = rank};
    for (int i = 0; i < rank; i++)
        like.dims[i] = dims[i];
    if (bnf_normal_axis(&like) > -2) {
        snprintf(text, room, "channel %zu", index);
        return text;
    }
    size_t used = (size_t)snprintf(text, room, "element ["), divisor = 1;
    for (int i = 0; i < rank; i++)
        divisor *= (size_t)dims[i];
    for (int i = 0; i < rank && used + 24 < room; i++) {
        divisor /= (size_t)dims[i];
        used += (size_t)snprintf(text + used, room - used, "%s%zu", i ? "," : "", index / divisor);
        index %= divisor;
    }
    snprintf(text + used, room - used, "]");
    return text;
}

/* The axes that two maps of one axis each lie on, when these are not the same. */
static bool say_axes(struct bnf_prover *p, const struct bnf_normal *ref, const struct bnf_normal *new)
{
    int left = bnf_normal_axis(ref), right = bnf_normal_axis(new);
    if (left < 0 || right < 0 || (left == right && ref->count == new->count))
        return false;
    bnf_say(p, "the affine lies on axis %d with %zu channels, but on axis %d with %zu in the reference", right,
        new->count, left, ref->count);
    return true;
}

static struct worst compare_elements(struct bnf_prover *p, const struct bnf_normal *ref,
    const struct bnf_normal *new, int rank, const int64_t *dims, int dtype, struct bnf_tally *tally)
{
    struct worst worst = {.fits = true, .vanishes = SIZE_MAX};
    struct bnf_twin walk;
    size_t count = 1;
    unsigned scale_tensors = new ? new->scale_tensors : 0, shift_tensors = new ? new->shift_tensors : 0;
    bnf_volume(dims, rank < 0 ? 0 : (size_t)rank, &count);
    bnf_twin_start(&walk, rank, dims, ref, new);
    for (size_t i = 0; i < count; i++, bnf_twin_next(&walk)) {
        size_t a = walk.at[0], b = walk.at[1];
        double s = bnf_scale_at(ref, a), t = bnf_shift_at(ref, a);
        double ks = bnf_error_in_u(dtype, s, bnf_scale_at(new, b), s, 1);
        double kt = bnf_error_in_u(dtype, t, bnf_shift_at(new, b), bnf_size_at(ref, a), 1);
        worst.fits &=
            bnf_accept(p, dtype, scale_tensors, ks, tally) && bnf_accept(p, dtype, shift_tensors, kt, tally);
        if (bnf_scale_at(new, b) == 0 && fabs(s) >= bnf_least_that_counts(dtype) && worst.vanishes == SIZE_MAX)
            worst.vanishes = i;
        if (fmax(ks, kt) > worst.u) {
            worst.u = fmax(ks, kt);
            worst.index = i;
            worst.shift = kt > ks;
            worst.expected = kt > ks ? t : s;
            worst.found = kt > ks ? bnf_shift_at(new, b) : bnf_scale_at(new, b);
        }
    }
    return worst;
}

bool bnf_normal_nearly(const struct bnf_prover *p, const struct bnf_normal *ref, const struct bnf_normal *new, int dtype)
{
    enum { near = 1000 };
    int rank;
    int64_t dims[BNF_MAP_RANK];
    size_t count = 1;
    struct bnf_twin walk;
    bool beyond = false;
    if (!ref || !new || !bnf_dtype_is_float(dtype) || !bnf_normal_extents(ref, new, &rank, dims))
        return false;
    bnf_volume(dims, rank < 0 ? 0 : (size_t)rank, &count);
    bnf_twin_start(&walk, rank, dims, ref, new);
    for (size_t i = 0; i < count; i++, bnf_twin_next(&walk)) {
        size_t a = walk.at[0], b = walk.at[1];
        double scale = bnf_error_in_u(dtype, ref->scale[a], new->scale[b], ref->scale[a], 1);
        double shift = bnf_error_in_u(dtype, ref->shift[a], new->shift[b], ref->size[a], 1);
        double limit = bnf_limit(p, dtype, new->shift_tensors);
        if (scale > bnf_limit(p, dtype, new->scale_tensors) || !(shift <= near * limit))
            return false;
        beyond |= shift > limit;
    }
    return beyond;
}

enum bnf_outcome bnf_normal_compare(struct bnf_prover *p, const struct bnf_normal *ref,
    const struct bnf_normal *new, int dtype, struct bnf_tally *tally)
{
    int rank;
    int64_t dims[BNF_MAP_RANK];
    char place[160];
    if (!ref && !new)
        return BNF_EQUAL;
    if (!bnf_dtype_is_float(dtype)) {
        bnf_say(p, "the element type of the affine is not known");
        return BNF_UNKNOWN;
    }
    if (!bnf_normal_extents(ref, new, &rank, dims)) {
        if (!say_axes(p, ref, new))
            bnf_say(p, "the affine has another shape than in the reference");
        return ref->rank == new->rank ? BNF_DIFFERENT : BNF_UNKNOWN;
    }
    struct worst worst = compare_elements(p, ref, new, rank, dims, dtype, tally);
    tally->changed |= worst.u > 0;
    if (worst.fits && worst.vanishes != SIZE_MAX)
        return bnf_vanishes(p, "scale", worst.vanishes, dtype);
    if (worst.fits)
        return BNF_EQUAL;
    p->said_u = worst.u;
    unsigned tensors = !new ? 0 : worst.shift ? new->shift_tensors : new->scale_tensors;
    if (!say_axes(p, ref, new))
        bnf_say(p, "the affine's %s on %s is %.9g instead of %.9g: %.3g u off, allowed are %.4g",
            worst.shift ? "shift" : "scale", place_of(rank, dims, worst.index, place, sizeof place),
            worst.found, worst.expected, worst.u, bnf_limit(p, dtype, tensors));
    return BNF_DIFFERENT;
}
