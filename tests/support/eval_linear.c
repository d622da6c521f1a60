/* Convolutions, pools and matrices of the reference evaluator. */
#include "support/eval_step.h"

#include <math.h>
#include <string.h>

/* ---- windows: one to three spatial axes, seen as three */

struct window {
    size_t spatial;        /* axes there really are */
    int64_t in[3], out[3]; /* extents, 1 for axes that are not there */
    int64_t kernel[3], stride[3], dilation[3], before[3], after[3];
};

/* One attribute of the window, in the last `spatial` places of three. */
static void take(const struct step *s, const char *name, size_t spatial, int64_t fallback, int64_t out[3])
{
    size_t count = 0;
    const int64_t *list = bnf_attr_ints(s->node, name, &count);
    for (size_t i = 0; i < 3; i++)
        out[i] = fallback;
    for (size_t i = 0; list && count == spatial && i < spatial; i++)
        out[3 - spatial + i] = list[i];
}

static bool read_window(struct step *s, const int64_t *kernel, struct window *w)
{
    const struct eval_tensor *x = s->in[0];
    memset(w, 0, sizeof *w);
    if (x->rank < 3 || x->rank > 5)
        return step_refuse(s, "a window on a tensor of this rank");
    w->spatial = x->rank - 2;
    for (size_t i = 0; i < 3; i++)
        w->in[i] = w->kernel[i] = 1;
    for (size_t i = 0; i < w->spatial; i++)
        w->in[3 - w->spatial + i] = x->dims[2 + i];
    take(s, "strides", w->spatial, 1, w->stride);
    take(s, "dilations", w->spatial, 1, w->dilation);
    for (size_t i = 0; kernel && i < w->spatial; i++)
        w->kernel[3 - w->spatial + i] = kernel[i];
    if (!kernel)
        take(s, "kernel_shape", w->spatial, 1, w->kernel);
    size_t count = 0;
    const int64_t *pads = bnf_attr_ints(s->node, "pads", &count);
    for (size_t i = 0; pads && count == 2 * w->spatial && i < w->spatial; i++) {
        w->before[3 - w->spatial + i] = pads[i];
        w->after[3 - w->spatial + i] = pads[w->spatial + i];
    }
    return true;
}

static int64_t reach(const struct window *w, size_t axis)
{
    return (w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

/* Pads by auto_pad, then the extents of the output of a Conv or pool. */
static void size_window(const struct step *s, struct window *w)
{
    bool upper = bnf_attr_is(s->node, "auto_pad", "SAME_UPPER"),
         lower = bnf_attr_is(s->node, "auto_pad", "SAME_LOWER");
    bool valid = bnf_attr_is(s->node, "auto_pad", "VALID");
    bool ceiling = bnf_attr_int(s->node, "ceil_mode", 0) != 0;
    for (size_t i = 0; i < 3; i++) {
        if (valid)
            w->before[i] = w->after[i] = 0;
        if ((upper || lower) && i >= 3 - w->spatial) {
            int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
            int64_t total = (out - 1) * w->stride[i] + reach(w, i) - w->in[i];
            total = total < 0 ? 0 : total;
            w->before[i] = upper ? total / 2 : total - total / 2;
            w->after[i] = total - w->before[i];
        }
        int64_t room = w->in[i] + w->before[i] + w->after[i] - reach(w, i);
        w->out[i] = (room + (ceiling ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
        /* A window that would begin in the padding behind the input is none. */
        if (ceiling && (w->out[i] - 1) * w->stride[i] >= w->in[i] + w->before[i])
            w->out[i]--;
    }
}

static void window_output(struct step *s, const struct window *w, int64_t channels)
{
    int64_t dims[5] = {s->in[0]->dims[0], channels};
    for (size_t i = 0; i < w->spatial; i++)
        dims[2 + i] = w->out[3 - w->spatial + i];
    *s->out = eval_new(s->arena, dims, 2 + w->spatial);
}

/* Where element (n, c, at) of a tensor with these spatial extents lies. */
static size_t place(int64_t n, int64_t c, int64_t channels, const int64_t at[3], const int64_t extents[3])
{
    return (size_t)((((n * channels + c) * extents[0] + at[0]) * extents[1] + at[1]) * extents[2] + at[2]);
}

/* The next of all triples below `extents`; false after the last. Begin with {0, 0, 0}. */
static bool next_triple(int64_t at[3], const int64_t extents[3])
{
    for (size_t i = 3; i-- > 0;) {
        if (++at[i] < extents[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* The input element that kernel place k of output place o sees; false when it is padding. */
static bool source(const struct window *w, const int64_t o[3], const int64_t k[3], int64_t at[3])
{
    bool inside = true;
    for (size_t i = 0; i < 3; i++) {
        at[i] = o[i] * w->stride[i] - w->before[i] + k[i] * w->dilation[i];
        inside &= at[i] >= 0 && at[i] < w->in[i];
    }
    return inside;
}

bool step_conv(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *weight = s->in[1], *bias = s->in_count > 2 ? s->in[2] : NULL;
    struct window w;
    if (!read_window(s, weight->dims + 2, &w))
        return false;
    size_window(s, &w);
    int64_t groups = bnf_attr_int(s->node, "group", 1), outputs = weight->dims[0], share = weight->dims[1];
    window_output(s, &w, outputs);
    for (int64_t n = 0; n < x->dims[0]; n++) {
        for (int64_t m = 0; m < outputs; m++) {
            int64_t first = m / (outputs / groups) * share;
            int64_t o[3] = {0};
            do {
                double sum = bias ? bias->value[m] : 0, mag = bias ? bias->mag[m] : 0;
                for (int64_t c = 0; c < share; c++) {
                    int64_t k[3] = {0}, at[3];
                    do {
                        if (!source(&w, o, k, at))
                            continue;
                        size_t from = place(n, first + c, x->dims[1], at, w.in);
                        size_t by = place(m, c, share, k, w.kernel);
                        sum += weight->value[by] * x->value[from];
                        mag += weight->mag[by] * x->mag[from];
                    } while (next_triple(k, w.kernel));
                }
                size_t to = place(n, m, outputs, o, w.out);
                s->out->value[to] = sum;
                s->out->mag[to] = mag;
            } while (next_triple(o, w.out));
        }
    }
    return true;
}

bool step_conv_transpose(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *weight = s->in[1], *bias = s->in_count > 2 ? s->in[2] : NULL;
    struct window w;
    if (bnf_attr_find(s->node, "output_shape") || bnf_attr_is(s->node, "auto_pad", "SAME_UPPER") ||
        bnf_attr_is(s->node, "auto_pad", "SAME_LOWER"))
        return step_refuse(s, "ConvTranspose whose pads follow from its output");
    if (!read_window(s, weight->dims + 2, &w))
        return false;
    int64_t extra[3];
    take(s, "output_padding", w.spatial, 0, extra);
    for (size_t i = 0; i < 3; i++)
        w.out[i] = (w.in[i] - 1) * w.stride[i] + reach(&w, i) + extra[i] - w.before[i] - w.after[i];
    int64_t groups = bnf_attr_int(s->node, "group", 1), share = weight->dims[1], outputs = share * groups;
    window_output(s, &w, outputs);
    for (size_t i = 0; bias && i < s->out->count; i++) {
        size_t m = i / (size_t)(w.out[0] * w.out[1] * w.out[2]) % (size_t)outputs;
        s->out->value[i] = bias->value[m];
        s->out->mag[i] = bias->mag[m];
    }
    for (int64_t n = 0; n < x->dims[0]; n++) {
        for (int64_t c = 0; c < x->dims[1]; c++) {
            int64_t first = c / (x->dims[1] / groups) * share;
            int64_t i[3] = {0};
            do {
                size_t from = place(n, c, x->dims[1], i, w.in);
                for (int64_t j = 0; j < share; j++) {
                    int64_t k[3] = {0};
                    do {
                        int64_t at[3];
                        bool inside = true;
                        for (size_t a = 0; a < 3; a++) {
                            at[a] = i[a] * w.stride[a] - w.before[a] + k[a] * w.dilation[a];
                            inside &= at[a] >= 0 && at[a] < w.out[a];
                        }
                        if (!inside)
                            continue;
                        size_t to = place(n, first + j, outputs, at, w.out);
                        size_t by = place(c, j, share, k, w.kernel);
                        s->out->value[to] += weight->value[by] * x->value[from];
                        s->out->mag[to] += weight->mag[by] * x->mag[from];
                    } while (next_triple(k, w.kernel));
                }
            } while (next_triple(i, w.in));
        }
    }
    return true;
}

bool step_pool(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool average = strcmp(s->node->op_type, "AveragePool") == 0;
    bool count_pads = bnf_attr_int(s->node, "count_include_pad", 0) != 0;
    struct window w;
    if (step_has_more(s))
        return step_refuse(s, "MaxPool with Indices");
    if (!read_window(s, NULL, &w))
        return false;
    size_window(s, &w);
    window_output(s, &w, x->dims[1]);
    for (int64_t plane = 0; plane < x->dims[0] * x->dims[1]; plane++) {
        int64_t o[3] = {0};
        do {
            double best = -INFINITY, sum = 0, mag = 0, count = 0;
            int64_t k[3] = {0}, at[3];
            do {
                if (source(&w, o, k, at)) {
                    size_t from = place(0, plane, 0, at, w.in);
                    best = fmax(best, x->value[from]);
                    sum += x->value[from];
                    mag = average ? mag + x->mag[from] : fmax(mag, x->mag[from]);
                    count++;
                } else if (count_pads) {
                    bool padding = true; /* what lies beyond the pads, by ceil_mode, is never counted */
                    for (size_t i = 0; i < 3; i++)
                        padding &= at[i] < w.in[i] + w.after[i];
                    count += padding;
                }
            } while (next_triple(k, w.kernel));
            size_t to = place(0, plane, 0, o, w.out);
            s->out->value[to] = average ? sum / count : best;
            s->out->mag[to] = average ? mag / count : mag;
        } while (next_triple(o, w.out));
    }
    return true;
}

bool step_global_pool(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool average = strcmp(s->node->op_type, "GlobalAveragePool") == 0;
    int64_t dims[eval_most_rank];
    for (size_t i = 0; i < x->rank; i++)
        dims[i] = i < 2 ? x->dims[i] : 1;
    *s->out = eval_new(s->arena, dims, x->rank);
    size_t plane = x->count / s->out->count;
    for (size_t i = 0; i < s->out->count; i++) {
        double best = -INFINITY, sum = 0, mag = 0;
        for (size_t k = i * plane; k < (i + 1) * plane; k++) {
            best = fmax(best, x->value[k]);
            sum += x->value[k];
            mag = average ? mag + x->mag[k] : fmax(mag, x->mag[k]);
        }
        s->out->value[i] = average ? sum / (double)plane : best;
        s->out->mag[i] = average ? mag / (double)plane : mag;
    }
    return true;
}

/* ---- matrices */

bool step_gemm(struct step *s)
{
    const struct eval_tensor *a = s->in[0], *b = s->in[1], *c = s->in_count > 2 ? s->in[2] : NULL;
    double alpha = (double)bnf_attr_float(s->node, "alpha", 1),
           beta = (double)bnf_attr_float(s->node, "beta", 1);
    bool turn_a = bnf_attr_int(s->node, "transA", 0) != 0, turn_b = bnf_attr_int(s->node, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2)
        return step_refuse(s, "Gemm of other than matrices");
    int64_t rows = a->dims[turn_a ? 1 : 0], inner = a->dims[turn_a ? 0 : 1],
            columns = b->dims[turn_b ? 0 : 1];
    *s->out = eval_new(s->arena, (int64_t[]){rows, columns}, 2);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t q = 0; q < columns; q++) {
            double sum = 0, mag = 0;
            for (int64_t k = 0; k < inner; k++) {
                size_t i = (size_t)(turn_a ? k * rows + r : r * inner + k);
                size_t j = (size_t)(turn_b ? q * inner + k : k * columns + q);
                sum += a->value[i] * b->value[j];
                mag += a->mag[i] * b->mag[j];
            }
            size_t to = (size_t)(r * columns + q), from = 0;
            if (c) {
                int64_t c_columns = c->rank > 0 ? c->dims[c->rank - 1] : 1;
                int64_t c_rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
                from = (size_t)((c_rows == 1 ? 0 : r * c_columns) + (c_columns == 1 ? 0 : q));
            }
            s->out->value[to] = alpha * sum + (c ? beta * c->value[from] : 0);
            s->out->mag[to] = fabs(alpha) * mag + (c ? fabs(beta) * c->mag[from] : 0);
        }
    }
    return true;
}

/* A matrix operand with a missing axis filled in (a vector on the left is a row, on the right a column). */
static void as_matrix(const struct eval_tensor *t, bool left, int64_t dims[eval_most_rank], size_t *rank)
{
    memcpy(dims, t->dims, sizeof t->dims);
    *rank = t->rank;
    if (t->rank != 1)
        return;
    *rank = 2;
    dims[left ? 1 : 0] = t->dims[0];
    dims[left ? 0 : 1] = 1;
}

/* Which matrix of an operand belongs to matrix `batch` of the output. */
static size_t batch_of(size_t batch, const int64_t *dims, size_t rank, const int64_t *all, size_t all_rank)
{
    size_t index = 0, step = 1;
    for (size_t i = all_rank - 2; i-- > 0;) {
        size_t at = batch % (size_t)all[i];
        batch /= (size_t)all[i];
        if (i + rank < all_rank)
            continue; /* the operand does not have this axis */
        int64_t extent = dims[i + rank - all_rank];
        index += extent == 1 ? 0 : at * step;
        step *= (size_t)extent;
    }
    return index;
}

bool step_matmul(struct step *s)
{
    const struct eval_tensor *a = s->in[0], *b = s->in[1];
    if (a->rank < 1 || b->rank < 1)
        return step_refuse(s, "MatMul of a scalar");
    int64_t da[eval_most_rank], db[eval_most_rank], all[eval_most_rank];
    size_t ra, rb, rank, batches = 1;
    as_matrix(a, true, da, &ra);
    as_matrix(b, false, db, &rb);
    rank = ra > rb ? ra : rb;
    for (size_t i = 0; i + 2 < rank; i++) {
        int64_t x = i + ra < rank ? 1 : da[i + ra - rank], y = i + rb < rank ? 1 : db[i + rb - rank];
        all[i] = x > y ? x : y;
        batches *= (size_t)all[i];
    }
    int64_t rows = da[ra - 2], inner = da[ra - 1], columns = db[rb - 1];
    if (db[rb - 2] != inner)
        return step_refuse(s, "MatMul of matrices that do not fit");
    size_t kept = rank - 2;
    if (a->rank > 1)
        all[kept++] = rows;
    if (b->rank > 1)
        all[kept++] = columns;
    *s->out = eval_new(s->arena, all, kept);
    for (size_t n = 0; n < batches; n++) {
        size_t base_a = batch_of(n, da, ra, all, rank) * (size_t)(rows * inner);
        size_t base_b = batch_of(n, db, rb, all, rank) * (size_t)(inner * columns);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t q = 0; q < columns; q++) {
                size_t to = n * (size_t)(rows * columns) + (size_t)(r * columns + q);
                for (int64_t k = 0; k < inner; k++) {
                    size_t i = base_a + (size_t)(r * inner + k), j = base_b + (size_t)(k * columns + q);
                    s->out->value[to] += a->value[i] * b->value[j];
                    s->out->mag[to] += a->mag[i] * b->mag[j];
                }
            }
        }
    }
    return true;
}
