#include "fold/pending.h"

#include "base/threads.h"
#include "base/wide.h"
#include "fold/quantized.h"

#include <math.h>
#include <string.h>

enum { chunk = 1024 };

static size_t element_size(const struct bnf_pending *p)
{
    return bnf_dtype_bits(p->base.dtype) / 8;
}

/* Walks the block of `count` elements from `first` on in stretches that share group, outer and inner index (or, when
 * run is 1, group and outer index: then the inner index rises with the element). */
struct walk {
    size_t outer;  /* index into outer_scale */
    size_t inner;  /* index into inner_scale of the first element */
    size_t length; /* elements of the stretch */
};

static struct walk stretch(const struct bnf_pending *p, bool by_inner, size_t element, size_t count)
{
    struct walk w;
    size_t row = p->inner * p->run, in_row = element % row;
    w.outer = element / row;
    w.inner = w.outer / p->outer * p->inner + in_row / p->run;
    bool whole_row = p->run == 1 || !by_inner;
    w.length = whole_row ? row - in_row : p->run - in_row % p->run;
    if (w.length > count)
        w.length = count;
    return w;
}

static void apply(const struct bnf_pending *p, size_t first, size_t count, const struct bnf_factors *map, double *x)
{
    while (count) {
        struct walk w = stretch(p, map->inner || map->shift, first, count);
        double scale = map->outer ? map->outer[w.outer] : 1;
        if (map->inner && p->run == 1) {
            const double *factor = map->inner + w.inner;
            for (size_t i = 0; i < w.length; i++)
                x[i] *= scale * factor[i];
        } else {
            if (map->inner)
                scale *= map->inner[w.inner];
            for (size_t i = 0; i < w.length; i++)
                x[i] *= scale;
        }
        for (size_t i = 0; map->shift && i < w.length; i++)
            x[i] += map->shift[p->run == 1 ? w.inner + i : w.inner];
        x += w.length;
        first += w.length;
        count -= w.length;
    }
}

void bnf_pending_read(const struct bnf_pending *p, size_t first, size_t count, double *out)
{
    if (p->dense) {
        memcpy(out, p->dense + first, count * sizeof *out);
        return;
    }
    if (p->quantized)
        bnf_quantized_read(p->quantized, first, count, out);
    else
        bnf_to_double(p->base.dtype, p->base.data, first, count, out);
    apply(p, first, count, &(struct bnf_factors){p->outer_scale, p->inner_scale, p->inner_shift}, out);
}

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The magnitude of a float as an integer. These are ordered as the floats are, infinity and NaN last. */
static inline int32_t magnitude(const uint8_t *data)
{
    int32_t bits;
    memcpy(&bits, data, sizeof bits);
    return bits & 0x7fffffff;
}

static const int32_t infinite = 0x7f800000;

/* float → double, times scale, → float, without a stop in between: most of what folding writes. Returns the largest
 * magnitude written. */
BNF_WIDE
static int32_t scale_floats(const uint8_t *restrict in, size_t count, double scale, uint8_t *restrict out)
{
    int32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        float x;
        memcpy(&x, in + i * sizeof x, sizeof x);
        x = (float)((double)x * scale);
        memcpy(out + i * sizeof x, &x, sizeof x);
        most = larger(most, magnitude(out + i * sizeof x));
    }
    return most;
}

static int32_t fill_floats(const struct bnf_pending *p, size_t first, size_t count, uint8_t *out)
{
    int32_t most = 0;
    while (count) {
        struct walk w = stretch(p, p->inner_scale != NULL, first, count);
        double scale = p->outer_scale ? p->outer_scale[w.outer] : 1;
        if (p->inner_scale)
            scale *= p->inner_scale[w.inner];
        most = larger(most, scale_floats(p->base.data + first * sizeof(float), w.length, scale, out));
        out += w.length * sizeof(float);
        first += w.length;
        count -= w.length;
    }
    return most;
}

BNF_WIDE
static int32_t largest_magnitude(const uint8_t *data, size_t count)
{
    int32_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = larger(most, magnitude(data + i * sizeof(float)));
    return most;
}

/* The largest magnitude of floats; infinity when one is not finite. */
static double largest_float(const uint8_t *data, size_t count)
{
    int32_t most = largest_magnitude(data, count);
    float value;
    memcpy(&value, &most, sizeof value);
    return most < infinite ? (double)value : (double)INFINITY;
}

static void fill(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out)
{
    const struct bnf_pending *p = source->context;
    size_t width = element_size(p), first = offset / width, count = size / width;
    double x[chunk];
    if (p->base.dtype == BNF_DTYPE_FLOAT && !p->dense && !p->inner_shift && (p->run > 1 || !p->inner_scale)) {
        if (fill_floats(p, first, count, out) >= infinite && p->unfit)
            atomic_store(p->unfit, true);
        return;
    }
    for (size_t done = 0; done < count; done += chunk) {
        size_t n = count - done < chunk ? count - done : chunk;
        bnf_pending_read(p, first + done, n, x);
        bnf_from_double(p->base.dtype, x, n, out, done);
    }
    if (p->unfit && bnf_pending_check_can_wait(p) && isinf(largest_float(out, count)))
        atomic_store(p->unfit, true);
}

static struct bnf_pending *make(struct bnf_arena *arena)
{
    struct bnf_pending *p = bnf_arena_alloc(arena, 1, sizeof *p);
    if (p) {
        p->source.fill = fill;
        p->source.context = p;
    }
    return p;
}

struct bnf_pending *bnf_pending_weight(struct bnf_arena *arena, const struct bnf_tensor *base, struct bnf_block block)
{
    struct bnf_pending *p = make(arena);
    if (!p)
        return NULL;
    if (block.groups * block.outer * block.inner * block.run != base->count)
        bnf_bug("the block does not cover the weight");
    p->base = *base;
    p->groups = block.groups;
    p->outer = block.outer;
    p->inner = block.inner;
    p->run = block.run;
    p->source.size = base->bytes;
    p->source.grain = element_size(p);
    return p;
}

struct bnf_pending *bnf_pending_dense(struct bnf_arena *arena, int dtype, const int64_t *dims, size_t rank)
{
    struct bnf_pending *p = make(arena);
    int64_t *extents = bnf_arena_alloc(arena, rank, sizeof *extents);
    size_t count;
    if (!p || !extents || !bnf_volume(dims, rank, &count))
        return NULL;
    if (rank)
        memcpy(extents, dims, rank * sizeof *extents);
    p->base = (struct bnf_tensor){.dtype = dtype, .rank = (uint32_t)rank, .dims = extents, .count = count};
    p->dense = bnf_arena_alloc(arena, count, sizeof *p->dense);
    if (!p->dense || !bnf_dtype_bytes(dtype, count, &p->base.bytes))
        return NULL;
    p->groups = p->outer = p->inner = 1;
    p->run = count;
    p->source.size = p->base.bytes;
    p->source.grain = element_size(p);
    return p;
}

static bool scale(struct bnf_arena *arena, double **factors, size_t count, const double *by)
{
    if (!*factors) {
        *factors = bnf_arena_alloc(arena, count, sizeof **factors);
        if (!*factors)
            return false;
        for (size_t i = 0; i < count; i++)
            (*factors)[i] = 1;
    }
    for (size_t i = 0; i < count; i++)
        (*factors)[i] *= by[i];
    return true;
}

bool bnf_pending_scale_outer(struct bnf_arena *arena, struct bnf_pending *p, const double *factors)
{
    if (p->inner_shift)
        bnf_bug("a shift per inner index is no longer one when the outer index scales it");
    return scale(arena, &p->outer_scale, p->groups * p->outer, factors);
}

bool bnf_pending_scale_inner(struct bnf_arena *arena, struct bnf_pending *p, const double *factors)
{
    for (size_t i = 0; p->inner_shift && i < p->groups * p->inner; i++)
        p->inner_shift[i] *= factors[i];
    return scale(arena, &p->inner_scale, p->groups * p->inner, factors);
}

bool bnf_pending_map_inner(struct bnf_arena *arena, struct bnf_pending *p, const double *factors, const double *shift)
{
    size_t count = p->groups * p->inner;
    if (p->outer_scale)
        bnf_bug("a weight takes scales per outer index or shifts per inner index, not both");
    if (!p->inner_shift)
        p->inner_shift = bnf_arena_alloc(arena, count, sizeof *p->inner_shift);
    if (!p->inner_shift || !bnf_pending_scale_inner(arena, p, factors))
        return false;
    for (size_t i = 0; i < count; i++)
        p->inner_shift[i] += shift[i];
    return true;
}

void bnf_pending_sum_inner(const struct bnf_pending *p, const double *t, double *sums)
{
    size_t row = p->inner * p->run;
    double x[chunk];
    for (size_t o = 0; o < p->groups * p->outer; o++) {
        const double *shift = t + o / p->outer * p->inner;
        double sum = 0;
        for (size_t done = 0; done < row; done += chunk) {
            size_t n = row - done < chunk ? row - done : chunk;
            bnf_pending_read(p, o * row + done, n, x);
            for (size_t i = 0; i < n; i++)
                sum += x[i] * shift[(done + i) / p->run];
        }
        sums[o] = sum;
    }
}

void bnf_pending_sum_outer(const struct bnf_pending *p, const double *t, double *sums)
{
    size_t row = p->inner * p->run;
    double x[chunk];
    memset(sums, 0, p->groups * p->inner * sizeof *sums);
    for (size_t o = 0; o < p->groups * p->outer; o++) {
        double *to = sums + o / p->outer * p->inner;
        for (size_t done = 0; done < row; done += chunk) {
            size_t n = row - done < chunk ? row - done : chunk;
            bnf_pending_read(p, o * row + done, n, x);
            for (size_t i = 0; i < n; i++)
                to[(done + i) / p->run] += x[i] * t[o];
        }
    }
}

bool bnf_values_fit(int dtype, const double *values, size_t count)
{
    double most = bnf_dtype_max(dtype);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(values[i]) <= most) && !(fabs(bnf_round(dtype, values[i])) <= most))
            return false;
    return true;
}

bool bnf_quotient_fits(int dtype, double dividend, double quotient)
{
    return fabs(quotient) <= bnf_dtype_roomy(dtype) * fmax(1, fabs(dividend)) && bnf_values_fit(dtype, &quotient, 1);
}

static double largest_other(const struct bnf_tensor *t, size_t first, size_t count)
{
    double most = 0;
    double x[chunk];
    for (size_t done = 0; done < count; done += chunk) {
        size_t n = count - done < chunk ? count - done : chunk;
        bnf_to_double(t->dtype, t->data, first + done, n, x);
        for (size_t i = 0; i < n; i++) {
            double magnitude = fabs(x[i]);
            most = magnitude <= most ? most : magnitude; /* a NaN wins */
        }
        if (!isfinite(most))
            return (double)INFINITY;
    }
    return most;
}

enum { most_pieces = 64, smallest_piece = 1 << 18 };

struct search {
    const struct bnf_tensor *tensor;
    size_t piece; /* elements */
    double largest[most_pieces];
};

static int search_piece(void *context, size_t index)
{
    struct search *s = context;
    size_t first = index * s->piece, rest = s->tensor->count - first;
    size_t count = rest < s->piece ? rest : s->piece;
    s->largest[index] = s->tensor->dtype == BNF_DTYPE_FLOAT
                            ? largest_float(s->tensor->data + first * sizeof(float), count)
                            : largest_other(s->tensor, first, count);
    return 0;
}

/* The largest magnitude among the stored elements; infinity when one is not finite. */
static double largest(const struct bnf_tensor *t, unsigned threads)
{
    struct search s = {.tensor = t, .piece = t->count / most_pieces + 1};
    if (s.piece < smallest_piece)
        s.piece = smallest_piece;
    size_t pieces = (t->count + s.piece - 1) / s.piece;
    bnf_parallel(threads, pieces, search_piece, &s);
    double most = 0;
    for (size_t i = 0; i < pieces; i++)
        most = s.largest[i] > most ? s.largest[i] : most;
    return most;
}

static double largest_factor(const double *factors, size_t count)
{
    double most = factors ? 0 : 1;
    for (size_t i = 0; factors && i < count; i++)
        if (fabs(factors[i]) > most)
            most = fabs(factors[i]);
    return most;
}

static bool every_element_fits(const struct bnf_pending *p, const struct bnf_factors *more)
{
    double x[chunk];
    for (size_t done = 0; done < p->base.count; done += chunk) {
        size_t n = p->base.count - done < chunk ? p->base.count - done : chunk;
        bnf_pending_read(p, done, n, x);
        apply(p, done, n, more, x);
        if (!bnf_values_fit(p->base.dtype, x, n))
            return false;
    }
    return true;
}

/* Exact sums over one outer or inner channel at a time would read the weight once per inner channel; so all channels
 * are summed in one pass. */
static bool underflows(const struct bnf_pending *p, const struct bnf_factors *more, bool channels_outer, const double *bias)
{
    size_t channels = p->groups * (channels_outer ? p->outer : p->inner), row = p->inner * p->run;
    double *lost = bnf_alloc(channels, sizeof *lost), *total = bnf_alloc(channels, sizeof *total);
    double x[chunk];
    bool found = !lost || !total; /* without memory to look: refuse rather than risk it */
    for (size_t done = 0; !found && done < p->base.count; done += chunk) {
        size_t n = p->base.count - done < chunk ? p->base.count - done : chunk;
        bnf_pending_read(p, done, n, x);
        apply(p, done, n, more, x);
        for (size_t i = 0; i < n; i++) {
            size_t o = (done + i) / row;
            size_t channel = channels_outer ? o : o / p->outer * p->inner + (done + i) % row / p->run;
            lost[channel] += fabs(x[i] - bnf_round(p->base.dtype, x[i]));
            total[channel] += fabs(x[i]);
        }
    }
    double bound = 2 * bnf_dtype_roundoff(p->base.dtype);
    for (size_t i = 0; !found && i < channels; i++)
        found = lost[i] > bound * (total[i] + (bias ? fabs(bias[i]) : 0));
    bnf_free(lost);
    bnf_free(total);
    return found;
}

bool bnf_pending_check_can_wait(const struct bnf_pending *p)
{
    return !p->dense && !p->quantized && p->base.dtype == BNF_DTYPE_FLOAT;
}

enum bnf_rounding bnf_pending_check(const struct bnf_pending *p, const struct bnf_factors *more, bool channels_outer,
    const double *bias, unsigned threads)
{
    size_t outers = p->groups * p->outer, inners = p->groups * p->inner;
    if (p->dense || p->quantized)
        bnf_bug("only weights are checked as a whole");
    double later = largest_factor(more->outer, outers) * largest_factor(more->inner, inners);
    double now = largest_factor(p->outer_scale, outers) * largest_factor(p->inner_scale, inners);
    double most = largest(&p->base, threads) * now * later;
    if (p->inner_shift)
        most += largest_factor(p->inner_shift, inners) * later;
    if (more->shift)
        most += largest_factor(more->shift, inners);
    /* The bound settles nearly every tensor; only a suspicious one is looked at element by element. */
    if (!(most <= bnf_dtype_max(p->base.dtype)) && !every_element_fits(p, more))
        return BNF_ROUNDING_OVERFLOW;
    if (p->base.dtype == BNF_DTYPE_FLOAT16 && underflows(p, more, channels_outer, bias))
        return BNF_ROUNDING_UNDERFLOW;
    return BNF_ROUNDING_FINE;
}
