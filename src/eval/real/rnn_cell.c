#include "eval/real/rnn.h"

#include "eval/real/blas.h"
#include "eval/real/fast.h"

#include <math.h>

static real sigmoid(real x)
{
    return 1 / (1 + R(bnf_exp)(-x));
}

static real clamp(real x, real low, real high)
{
    return x < low ? low : x > high ? high : x;
}

/* Activates `count` numbers in place. */
static void apply(const struct R(bnf_activation) * f, real *x, size_t count)
{
    real a = f->alpha, b = f->beta;
#define EACH(expression)                                                                                     \
    for (size_t i = 0; i < count; i++)                                                                       \
        x[i] = (expression);                                                                                 \
    return
    switch (f->kind) {
    case BNF_ACTIVATION_SIGMOID:
        EACH(sigmoid(x[i]));
    case BNF_ACTIVATION_TANH:
        EACH((real)tanh((double)x[i]));
    case BNF_ACTIVATION_RELU:
        EACH(x[i] > 0 ? x[i] : 0);
    case BNF_ACTIVATION_AFFINE:
        EACH(a * x[i] + b);
    case BNF_ACTIVATION_LEAKY_RELU:
        EACH(x[i] >= 0 ? x[i] : a * x[i]);
    case BNF_ACTIVATION_THRESHOLDED_RELU:
        EACH(x[i] >= a ? x[i] : 0);
    case BNF_ACTIVATION_SCALED_TANH:
        EACH(a * (real)tanh((double)(b * x[i])));
    case BNF_ACTIVATION_HARD_SIGMOID:
        EACH(clamp(a * x[i] + b, 0, 1));
    case BNF_ACTIVATION_ELU:
        EACH(x[i] >= 0 ? x[i] : a * (real)expm1((double)x[i]));
    case BNF_ACTIVATION_SOFTSIGN:
        EACH(x[i] / (1 + (real)fabs((double)x[i])));
    case BNF_ACTIVATION_SOFTPLUS: /* log(1 + e^x) without overflow */
        EACH((x[i] > 0 ? x[i] : 0) + (real)log1p(exp(-fabs((double)x[i]))));
    }
#undef EACH
}

/* The same for gates, whose input is clipped first. The cell's state is not, for all that the standard's "input of
 * activations" might say: no implementation does it. */
static void activate(const struct R(bnf_cell) * cell, const struct R(bnf_activation) * f, real *x, size_t count)
{
    if (!isinf(cell->clip))
        for (size_t i = 0; i < count; i++)
            x[i] = clamp(x[i], -cell->clip, cell->clip);
    apply(f, x, count);
}

/* work[:, gate …] = h · R[gate …]ᵀ for `count` gates from `first` on. */
static void recur(struct R(bnf_cell) * cell, const real *h, size_t first, size_t count)
{
    size_t hidden = cell->hidden;
    struct R(bnf_product) product = {.tb = true,
        .m = cell->batch,
        .n = count * hidden,
        .k = hidden,
        .alpha = 1,
        .beta = 0,
        .a = h,
        .b = cell->r + first * hidden * hidden,
        .c = cell->work + first * hidden,
        .lda = hidden,
        .ldb = hidden,
        .ldc = cell->gates * hidden};
    R(bnf_multiply)(cell->threads, &product);
}

void R(bnf_rnn_step)(struct R(bnf_cell) * cell, const real *const *x, const bool *active)
{
    size_t n = cell->hidden;
    recur(cell, cell->h, 0, 1);
    for (size_t b = 0; b < cell->batch; b++) {
        real *h = cell->h + b * n;
        for (size_t i = 0; i < n && active[b]; i++)
            h[i] = cell->work[b * n + i] + x[b][i];
        if (active[b])
            activate(cell, &cell->activate[0], h, n);
    }
}

/* Gates: update z, reset r, hidden h. */
void R(bnf_gru_step)(struct R(bnf_cell) * cell, const real *const *x, const bool *active)
{
    size_t n = cell->hidden;
    recur(cell, cell->h, 0, cell->linear_before_reset ? 3 : 2);
    for (size_t b = 0; b < cell->batch; b++) {
        real *gate = cell->work + b * 3 * n;
        if (!active[b])
            continue;
        for (size_t i = 0; i < 2 * n; i++)
            gate[i] += x[b][i];
        activate(cell, &cell->activate[0], gate, 2 * n);
        for (size_t i = 0; i < n && !cell->linear_before_reset; i++)
            cell->reset[b * n + i] = gate[n + i] * cell->h[b * n + i];
    }
    if (!cell->linear_before_reset) /* rows of sequences that have ended hold old numbers, which nobody reads */
        recur(cell, cell->reset, 2, 1);
    for (size_t b = 0; b < cell->batch; b++) {
        const real *z = cell->work + b * 3 * n, *reset = z + n;
        real *next = cell->work + (b * 3 + 2) * n, *h = cell->h + b * n;
        if (!active[b])
            continue;
        for (size_t i = 0; i < n && cell->linear_before_reset; i++)
            next[i] = reset[i] * (next[i] + (cell->r_bias ? cell->r_bias[i] : 0));
        for (size_t i = 0; i < n; i++)
            next[i] += x[b][2 * n + i];
        activate(cell, &cell->activate[1], next, n);
        for (size_t i = 0; i < n; i++)
            h[i] = (1 - z[i]) * next[i] + z[i] * h[i];
    }
}

/* Gates: input i, output o, forget f, cell c. */
static void lstm_sequence(struct R(bnf_cell) * cell, const real *x, size_t b)
{
    size_t n = cell->hidden;
    real *in = cell->work + b * 4 * n, *out = in + n, *forget = in + 2 * n, *next = in + 3 * n;
    real *h = cell->h + b * n, *c = cell->c + b * n;
    const real *p = cell->peepholes;
    for (size_t i = 0; i < 4 * n; i++)
        in[i] += x[i];
    for (size_t i = 0; i < n && p; i++) {
        in[i] += p[i] * c[i];
        forget[i] += p[2 * n + i] * c[i];
    }
    activate(cell, &cell->activate[0], in, n);
    if (cell->input_forget)
        for (size_t i = 0; i < n; i++)
            forget[i] = 1 - in[i];
    else
        activate(cell, &cell->activate[0], forget, n);
    activate(cell, &cell->activate[1], next, n);
    for (size_t i = 0; i < n; i++)
        c[i] = forget[i] * c[i] + in[i] * next[i];
    for (size_t i = 0; i < n && p; i++)
        out[i] += p[n + i] * c[i];
    activate(cell, &cell->activate[0], out, n);
    for (size_t i = 0; i < n; i++)
        h[i] = c[i];
    apply(&cell->activate[2], h, n);
    for (size_t i = 0; i < n; i++)
        h[i] *= out[i];
}

void R(bnf_lstm_step)(struct R(bnf_cell) * cell, const real *const *x, const bool *active)
{
    recur(cell, cell->h, 0, 4);
    for (size_t b = 0; b < cell->batch; b++)
        if (active[b])
            lstm_sequence(cell, x[b], b);
}
