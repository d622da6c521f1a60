/* The stored numbers against the exact ones. This is where the proof spends its time: chunks that stay in the
 * first cache are converted to double, multiplied by their factors, and compared without a branch per
 * element. */
#include "check/prover.h"

#include "base/threads.h"
#include "base/wide.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define CHUNK ((size_t)1024)
#define PIECE ((size_t)256 * 1024) /* elements that one thread takes at a time */

size_t bnf_core_group(const struct bnf_core *core, size_t row)
{
    return core->groups == 1 ? 0 : row % core->row_channels / (core->row_channels / core->groups);
}

size_t bnf_core_col_channel(const struct bnf_core *core, size_t row, size_t col)
{
    return bnf_core_group(core, row) * (core->cols / core->inner) + col / core->inner;
}

double bnf_error_in_u(int dtype, double exact, double found, double size, double factor)
{
    double error = fabs(found - exact);
    if (!isfinite(error) || !isfinite(exact))
        return INFINITY;
    error -= bnf_dtype_tiny(dtype) / 2 * fmax(1, fabs(factor));
    if (error <= 0)
        return 0;
    /* In doubles the quotient may overflow; infinity is as good an answer. */
    return size == 0 ? INFINITY : error / fabs(size) / bnf_dtype_roundoff(dtype);
}

/* ---- reading ---- */

/* Multiplies elements first … first+count-1 by their factors. */
BNF_WIDE
static void scale(const struct bnf_core *layout, const struct bnf_weights *w, size_t first, size_t count,
    double *restrict out)
{
    for (size_t done = 0; done < count && (w->row || w->col);) {
        size_t row = (first + done) / layout->cols, col = (first + done) % layout->cols;
        size_t run = layout->cols - col < count - done ? layout->cols - col : count - done;
        double factor = w->row ? w->row[row] : 1;
        if (w->col) {
            const double *restrict factors = w->col + bnf_core_group(layout, row) * layout->cols + col;
            for (size_t i = 0; i < run; i++)
                out[done + i] *= factor * factors[i];
        } else {
            for (size_t i = 0; i < run; i++)
                out[done + i] *= factor;
        }
        done += run;
    }
}

/* Elements first … first+count-1, in the order of `layout`, times their factors. */
static void load(const struct bnf_core *layout, const struct bnf_weights *w, bool transposed, size_t first,
    size_t count, double *restrict out)
{
    const struct bnf_tensor *t = w->tensor;
    if (!transposed)
        bnf_weights_read(t, w->quant, first, count, out);
    for (size_t i = 0; i < count && transposed; i++) {
        size_t row = (first + i) / layout->cols, col = (first + i) % layout->cols;
        bnf_weights_read(t, w->quant, col * layout->rows + row, 1, out + i);
    }
    scale(layout, w, first, count, out);
}

/* What an element may be off whatever its size: half the smallest subnormal number, and as many times that as
 * the factors make of it. */
static void allow(const struct bnf_core *layout, const struct bnf_weights *w, size_t first, size_t count,
    double half_tiny, double *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = 1;
    scale(layout, w, first, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] = half_tiny * fmax(1, fabs(out[i]));
}

/* ---- comparing ---- */

/* The largest |b−a| beyond what is allowed, relative to |a|; NAN when something is not finite. */
BNF_WIDE
static double chunk_error(
    const double *restrict a, const double *restrict b, size_t count, const double *restrict allowed)
{
    double worst = 0, poison = 0;
#pragma omp simd reduction(max : worst) reduction(+ : poison)
    for (size_t i = 0; i < count; i++) {
        double error = fabs(b[i] - a[i]), beyond = error - allowed[i];
        poison += error * 0; /* NaN for NaN and infinity */
        double relative = beyond > 0 ? beyond / fabs(a[i]) : 0;
        worst = relative > worst ? relative : worst;
    }
    return poison == 0 ? worst : (double)NAN;
}

/* Could an element be further off, relative to |a|, than `bound`, or is one not finite? Without a quotient, which most
 * chunks then never need. */
BNF_WIDE
static bool may_exceed(
    const double *restrict a, const double *restrict b, size_t count, const double *restrict allowed, double bound)
{
    double most = 0, poison = 0;
    bound *= 1 - 0x1p-40; /* the quotient rounds otherwise */
#pragma omp simd reduction(max : most) reduction(+ : poison)
    for (size_t i = 0; i < count; i++) {
        double error = fabs(b[i] - a[i]), over = error - allowed[i] - bound * fabs(a[i]);
        poison += error * 0;
        most = over > most ? over : most;
    }
    return most > 0 || !(poison == 0);
}

/* The element that made chunk_error say what it said. */
static size_t find_worst(const double *a, const double *b, size_t count, const double *allowed)
{
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < count; i++) {
        double error = fabs(b[i] - a[i]);
        if (!isfinite(error))
            return i;
        double relative = error > allowed[i] ? (error - allowed[i]) / fabs(a[i]) : 0;
        if (relative > most) {
            most = relative;
            worst = i;
        }
    }
    return worst;
}

struct job {
    const struct bnf_core *layout;
    const struct bnf_weights *ref, *new;
    bool transposed;
    double stop, half_tiny, roundoff;
    size_t count;
    struct bnf_worst *worst; /* per piece */
};

static int compare_piece(void *context, size_t piece)
{
    const struct job *job = context;
    struct bnf_worst *worst = &job->worst[piece];
    size_t first = piece * PIECE, end = first + PIECE < job->count ? first + PIECE : job->count;
    double a[CHUNK], b[CHUNK], allowed[CHUNK];
    bool scaled = job->new->row || job->new->col;
    for (size_t i = 0; i < CHUNK; i++)
        allowed[i] = job->half_tiny;
    for (size_t at = first; at < end && worst->u <= job->stop; at += CHUNK) {
        size_t count = end - at < CHUNK ? end - at : CHUNK;
        load(job->layout, job->ref, false, at, count, a);
        load(job->layout, job->new, job->transposed, at, count, b);
        if (scaled)
            allow(job->layout, job->new, at, count, job->half_tiny, allowed);
        if (!may_exceed(a, b, count, allowed, worst->u * job->roundoff))
            continue;
        double error = chunk_error(a, b, count, allowed) / job->roundoff;
        if (error <= worst->u)
            continue;
        size_t i = find_worst(a, b, count, allowed);
        *worst = (struct bnf_worst){isnan(error) ? (double)INFINITY : error, at + i, a[i], b[i]};
    }
    return 0;
}

int bnf_weights_compare(const struct bnf_core *layout, const struct bnf_weights *ref,
    const struct bnf_weights *new, bool transposed, double stop, unsigned threads, struct bnf_worst *worst)
{
    size_t count = ref->tensor->count, pieces = (count + PIECE - 1) / PIECE;
    int dtype = layout->dtype;
    *worst = (struct bnf_worst){0};
    if (!ref->row && !ref->col && !new->row && !new->col && !transposed &&
        ref->tensor->dtype == new->tensor->dtype && bnf_quant_same(ref->quant, new->quant) &&
        memcmp(ref->tensor->data, new->tensor->data, ref->tensor->bytes) == 0)
        return BNF_OK;
    struct bnf_worst *all = bnf_alloc(pieces, sizeof *all);
    if (!all)
        return BNF_ENOMEM;
    struct job job = {
        layout, ref, new, transposed, stop, bnf_dtype_tiny(dtype) / 2, bnf_dtype_roundoff(dtype), count, all};
    bnf_parallel(pieces > 1 ? threads : 1, pieces, compare_piece, &job);
    for (size_t i = 0; i < pieces; i++)
        if (all[i].u > worst->u)
            *worst = all[i];
    bnf_free(all);
    return BNF_OK;
}

/* ---- weights that are next to nothing ---- */

double bnf_least_that_counts(int dtype)
{
    return fmax(bnf_dtype_tiny(dtype) * 0x1p-24, DBL_TRUE_MIN);
}

double bnf_coarse_below(int dtype)
{
    return bnf_dtype_is_float(dtype) ? 2 * bnf_dtype_tiny(dtype) / bnf_dtype_roundoff(dtype) : 0;
}

/* Sets `bit` for every output channel that has a weight of at least `least`. Looks no further than it must. */
static void mark_channels(const struct bnf_core *layout, const struct bnf_weights *w, bool transposed, double least,
    uint8_t bit, uint8_t *marks)
{
    double x[CHUNK];
    size_t left = layout->out_channels, some;
    for (size_t row = 0; row < layout->rows && left; row++)
        for (size_t col = 0; col < layout->cols && left; col += some) {
            size_t most = col ? CHUNK : 16, of_row = row % layout->row_channels;
            some = layout->cols - col < most ? layout->cols - col : most;
            if (layout->rows_out && marks[of_row] & bit)
                break;
            load(layout, w, transposed, row * layout->cols + col, some, x);
            for (size_t i = 0; i < some; i++) {
                size_t channel = layout->rows_out ? of_row : bnf_core_col_channel(layout, row, col + i);
                bool first = !(fabs(x[i]) < least) && !(marks[channel] & bit);
                marks[channel] |= first ? bit : 0;
                left -= first;
            }
        }
}

int bnf_weights_vanish(const struct bnf_core *layout, const struct bnf_weights *ref, const struct bnf_weights *new,
    bool transposed, size_t *channel)
{
    enum { in_ref = 1, in_new = 2 };
    uint8_t *marks = bnf_alloc(layout->out_channels, 1);
    *channel = SIZE_MAX;
    if (!marks)
        return BNF_ENOMEM;
    mark_channels(layout, new, transposed, DBL_TRUE_MIN, in_new, marks);
    if (memchr(marks, 0, layout->out_channels))
        mark_channels(layout, ref, false, bnf_least_that_counts(layout->dtype), in_ref, marks);
    for (size_t o = 0; o < layout->out_channels && *channel == SIZE_MAX; o++)
        if (marks[o] == in_ref)
            *channel = o;
    bnf_free(marks);
    return BNF_OK;
}

/* ---- a shift in front of the weights ---- */

/* sum + term, exactly: what rounding takes from the sum is kept in rest. */
static void add_exactly(double *sum, double *rest, double term)
{
    double total = *sum + term, back = total - *sum;
    *rest += (*sum - (total - back)) + (term - back);
    *sum = total;
}

struct shifted {
    const struct bnf_core *core;
    const struct bnf_normal *pre;
    double *out, *rest, *size;        /* per output channel */
    double shift[CHUNK], many[CHUNK]; /* per column of the chunk: the shift in front of it, and its size */
};

/* `count` elements of one row from column `col` on, where rows are output channels. */
static void shift_row(struct shifted *s, size_t row, size_t col, const double *restrict w, size_t count)
{
    double sum = 0, size = 0;
    size_t o = row % s->core->row_channels;
    for (size_t i = 0; i < count; i++) {
        size_t in = bnf_core_col_channel(s->core, row, col + i);
        s->shift[i] = bnf_shift_at(s->pre, in);
        s->many[i] = bnf_size_at(s->pre, in);
    }
    for (size_t i = 0; i < count; i++) {
        sum += w[i] * s->shift[i];
        size += fabs(w[i]) * s->many[i];
    }
    add_exactly(&s->out[o], &s->rest[o], s->core->alpha * sum);
    s->size[o] += fabs(s->core->alpha) * size;
}

/* The same where columns are output channels. */
static void shift_column(struct shifted *s, size_t row, size_t col, const double *restrict w, size_t count)
{
    size_t in = row % s->core->row_channels;
    double shift = s->core->alpha * bnf_shift_at(s->pre, in);
    double size = fabs(s->core->alpha) * bnf_size_at(s->pre, in);
    for (size_t i = 0; i < count; i++) {
        size_t o = bnf_core_col_channel(s->core, row, col + i);
        add_exactly(&s->out[o], &s->rest[o], w[i] * shift);
        s->size[o] += fabs(w[i]) * size;
    }
}

bool bnf_weights_shift(
    const struct bnf_core *core, const struct bnf_normal *pre, double *out, double *out_size)
{
    double w[CHUNK];
    const struct bnf_tensor *t = core->weight;
    struct shifted *s = bnf_alloc(1, sizeof *s);
    double *rest = bnf_alloc(core->out_channels, sizeof *rest);
    if (s) {
        s->core = core;
        s->pre = pre;
        s->out = out;
        s->rest = rest;
        s->size = out_size;
    }
    for (size_t row = 0; s && rest && row < core->rows; row++)
        for (size_t col = 0; col < core->cols; col += CHUNK) {
            size_t count = core->cols - col < CHUNK ? core->cols - col : CHUNK;
            bnf_weights_read(t, &core->weight_quant, row * core->cols + col, count, w);
            (core->rows_out ? shift_row : shift_column)(s, row, col, w, count);
        }
    for (size_t o = 0; s && rest && o < core->out_channels; o++)
        out[o] += rest[o];
    bool done = s && rest;
    bnf_free(s);
    bnf_free(rest);
    return done;
}

/* ---- one tensor as multiples of another ---- */

/* Reads a row of both with their factors. */
static void read_rows(const struct bnf_core *c, const struct bnf_weights w[2], size_t r, double *const row[2])
{
    for (int i = 0; i < 2; i++) {
        bnf_weights_read(w[i].tensor, w[i].quant, r * c->cols, c->cols, row[i]);
        for (size_t k = 0; k < c->cols; k++)
            row[i][k] *= (w[i].row ? w[i].row[r] : 1) * (w[i].col ? w[i].col[bnf_core_group(c, r) * c->cols + k] : 1);
    }
}

bool bnf_weights_factors(const struct bnf_core *c, const struct bnf_weights w[2], const double *const added[2],
    bool uniform, double *factor)
{
    const double small = bnf_coarse_below(c->dtype);
    double *most = bnf_alloc(c->out_channels, sizeof *most);
    double *row[2] = {bnf_alloc(c->cols, sizeof **row), bnf_alloc(c->cols, sizeof **row)};
    bool found = most && row[0] && row[1];
    size_t top = 0;
    for (size_t o = 0; found && o < c->out_channels; o++)
        factor[o] = 1;
    for (size_t r = 0; found && r < c->rows; r++) {
        read_rows(c, w, r, row);
        for (size_t k = 0; k < c->cols; k++) {
            size_t o = c->rows_out ? r % c->row_channels : bnf_core_col_channel(c, r, k);
            if (!(fabs(row[0][k]) > most[o]))
                continue;
            most[o] = fabs(row[0][k]);
            factor[o] = row[1][k] / row[0][k];
            top = most[o] > most[top] ? o : top;
        }
    }
    const double one = found ? factor[top] : 1;
    for (size_t o = 0; found && o < c->out_channels; o++) {
        bool tells = fmin(1, fabs(one)) * most[o] >= small;
        bool told = !tells && added[0] && added[1] && fmin(fabs(added[0][o]), fabs(added[1][o])) >= small;
        double own = told ? added[1][o] / added[0][o] : factor[o];
        factor[o] = uniform ? one : own;
        found = isfinite(factor[o]) && factor[o] != 0;
        if (told && uniform)
            found = found && fabs(own - one) < 0x1p-6 * fabs(one);
    }
    bnf_free(most);
    bnf_free(row[0]);
    bnf_free(row[1]);
    return found;
}
