/* The stored numbers against the exact ones. This is where the proof spends its time: chunks that stay in the first
 * cache are converted to double, multiplied by their factors, and compared without a branch per element. */
#include "check/prover.h"

#include "base/threads.h"

#include <math.h>
#include <string.h>

#define CHUNK ((size_t)1024)
#define PIECE ((size_t)256 * 1024) /* elements that one thread takes at a time */
#define LANES 8

size_t bnf_core_group(const struct bnf_core *core, size_t row)
{
    return core->groups == 1 ? 0 : row % core->row_channels / (core->row_channels / core->groups);
}

size_t bnf_core_col_channel(const struct bnf_core *core, size_t row, size_t col)
{
    return bnf_core_group(core, row) * (core->cols / core->inner) + col / core->inner;
}

double bnf_error_in_u(int dtype, double exact, double found, double size)
{
    double error = fabs(found - exact);
    if (!isfinite(error) || !isfinite(exact))
        return INFINITY;
    error -= bnf_dtype_tiny(dtype) / 2;
    if (error <= 0)
        return 0;
    /* In doubles the quotient may overflow; infinity is as good an answer. */
    return size == 0 ? INFINITY : error / fabs(size) / bnf_dtype_roundoff(dtype);
}

/* ---- reading ---- */

/* Elements first … first+count-1, in the order of `layout`, times their factors. */
static void load(const struct bnf_core *layout, const struct bnf_weights *w, bool transposed, size_t first,
    size_t count, double *restrict out)
{
    const struct bnf_tensor *t = w->tensor;
    if (!transposed)
        bnf_to_double(t->dtype, t->data, first, count, out);
    for (size_t i = 0; i < count && transposed; i++) {
        size_t row = (first + i) / layout->cols, col = (first + i) % layout->cols;
        bnf_to_double(t->dtype, t->data, col * layout->rows + row, 1, out + i);
    }
    if (!w->row && !w->col)
        return;
    for (size_t done = 0; done < count;) {
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

/* ---- comparing ---- */

struct scale {
    double half_tiny, roundoff;
};

/* The largest |b−a| beyond half_tiny, relative to |a|; NAN when something is not finite. */
static double chunk_error(const double *restrict a, const double *restrict b, size_t count, double half_tiny)
{
    double worst[LANES] = {0}, poison[LANES] = {0}, result = 0, poisoned = 0;
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            double error = fabs(b[i + l] - a[i + l]), beyond = error - half_tiny;
            poison[l] += error * 0; /* NaN for NaN and infinity */
            beyond = beyond > 0 ? beyond : 0;
            double relative = beyond / fabs(a[i + l]); /* 0/0 is NaN and loses the comparison */
            worst[l] = relative > worst[l] ? relative : worst[l];
        }
    for (size_t i = whole; i < count; i++) {
        double error = fabs(b[i] - a[i]), beyond = error - half_tiny;
        poisoned += error * 0;
        double relative = beyond > 0 ? beyond / fabs(a[i]) : 0;
        result = relative > result ? relative : result;
    }
    for (size_t l = 0; l < LANES; l++) {
        result = worst[l] > result ? worst[l] : result;
        poisoned += poison[l];
    }
    return poisoned == 0 ? result : (double)NAN;
}

/* The element that made chunk_error say what it said. */
static size_t find_worst(const double *a, const double *b, size_t count, double half_tiny)
{
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < count; i++) {
        double error = fabs(b[i] - a[i]);
        if (!isfinite(error))
            return i;
        double relative = error > half_tiny ? (error - half_tiny) / fabs(a[i]) : 0;
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
    double a[CHUNK], b[CHUNK];
    for (size_t at = first; at < end && worst->u <= job->stop; at += CHUNK) {
        size_t count = end - at < CHUNK ? end - at : CHUNK;
        load(job->layout, job->ref, false, at, count, a);
        load(job->layout, job->new, job->transposed, at, count, b);
        double error = chunk_error(a, b, count, job->half_tiny) / job->roundoff;
        if (error <= worst->u)
            continue;
        size_t i = find_worst(a, b, count, job->half_tiny);
        *worst = (struct bnf_worst){isnan(error) ? (double)INFINITY : error, at + i, a[i], b[i]};
    }
    return 0;
}

int bnf_weights_compare(const struct bnf_core *layout, const struct bnf_weights *ref, const struct bnf_weights *new,
    bool transposed, double stop, unsigned threads, struct bnf_worst *worst)
{
    size_t count = ref->tensor->count, pieces = (count + PIECE - 1) / PIECE;
    int dtype = ref->tensor->dtype;
    *worst = (struct bnf_worst){0};
    if (!ref->row && !ref->col && !new->row && !new->col && !transposed &&
        memcmp(ref->tensor->data, new->tensor->data, ref->tensor->bytes) == 0)
        return BNF_OK;
    struct bnf_worst *all = bnf_alloc(pieces, sizeof *all);
    if (!all)
        return BNF_ENOMEM;
    struct job job = {layout, ref, new, transposed, stop, bnf_dtype_tiny(dtype) / 2, bnf_dtype_roundoff(dtype), count,
        all};
    bnf_parallel(pieces > 1 ? threads : 1, pieces, compare_piece, &job);
    for (size_t i = 0; i < pieces; i++)
        if (all[i].u > worst->u)
            *worst = all[i];
    bnf_free(all);
    return BNF_OK;
}

/* ---- a shift in front of the weights ---- */

void bnf_weights_shift(const struct bnf_core *core, const struct bnf_normal *pre, double *out, double *out_size)
{
    double w[CHUNK];
    const struct bnf_tensor *t = core->weight;
    for (size_t at = 0; at < t->count; at += CHUNK) {
        size_t count = t->count - at < CHUNK ? t->count - at : CHUNK;
        bnf_to_double(t->dtype, t->data, at, count, w);
        for (size_t i = 0; i < count; i++) {
            size_t row = (at + i) / core->cols, col = (at + i) % core->cols;
            size_t row_channel = row % core->row_channels, col_channel = bnf_core_col_channel(core, row, col);
            size_t in = core->rows_out ? col_channel : row_channel, o = core->rows_out ? row_channel : col_channel;
            out[o] += core->alpha * w[i] * bnf_shift_at(pre, in);
            out_size[o] += fabs(core->alpha * w[i]) * bnf_size_at(pre, in);
        }
    }
}
