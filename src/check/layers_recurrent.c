/* LSTM, GRU and RNN: a map of X's last axis is one of the input's weights, W·diag(s), and of the input's half
 * of the bias, Wb + W·t. The recurrent half stands behind the reset gate when linear_before_reset is set, so
 * that it is compared as it is. */
#include "check/layers.h"

#include <math.h>
#include <string.h>

enum { X = 0, W = 1, B = 3 };

/* One node with what lies in front of it. */
struct recurrent {
    struct bnf_core core; /* W as rows × cols, all directions and gates being rows */
    struct bnf_weights weights;
    const struct bnf_normal *pre;
    const struct bnf_tensor *bias; /* [directions, Wb then Rb]; NULL: zeros */
    size_t half;                   /* length of Wb */
    double *sum, *size;            /* per row: what is added, with the sizes of its terms */
};

static bool read_node(const struct bnf_stored *layer, int side, struct recurrent *out)
{
    const struct bnf_graph *g = &layer->p->side[side].graph;
    const struct bnf_tensor *w = bnf_stored_constant(layer, side, W);
    if (!w || w->rank != 3)
        return false;
    *out = (struct recurrent){.half = (size_t)w->dims[1]};
    out->core = (struct bnf_core){.kind = BNF_CORE_PRODUCT,
        .node = layer->node[side],
        .data = bnf_node_input(g, layer->node[side], X),
        .weight = w,
        .dtype = w->dtype,
        .alpha = 1,
        .beta = 1,
        .in_axis = 2,
        .out_axis = -2,
        .groups = 1,
        .inner = 1,
        .rows_out = true,
        .passes_shift = true};
    out->core.cols = out->core.in_channels = (size_t)w->dims[2];
    out->core.rows = out->core.row_channels = out->core.out_channels = w->count / out->core.cols;
    if (out->core.data == BNF_NONE || bnf_node_input(g, layer->node[side], B) == BNF_NONE)
        return out->core.data != BNF_NONE;
    out->bias = bnf_stored_constant(layer, side, B);
    return out->bias && out->bias->dtype == w->dtype && out->bias->rank == 2 &&
           out->bias->dims[0] == w->dims[0] && out->bias->dims[1] == 2 * w->dims[1];
}

/* Element of the bias for a row of the weights: its Wb, or its Rb. */
static double bias_at(const struct recurrent *r, size_t row, bool recurrent)
{
    size_t at = row / r->half * 2 * r->half + row % r->half;
    return r->bias ? bnf_tensor_at(r->bias, at + (recurrent ? r->half : 0)) : 0;
}

/* Factors of the weights' columns, and what is added behind them. */
static bool work_in(const struct bnf_stored *layer, struct recurrent *r)
{
    const struct bnf_core *c = &r->core;
    double *col = bnf_arena_alloc(layer->arena, c->cols, sizeof *col);
    r->sum = bnf_arena_alloc(layer->arena, c->rows, sizeof *r->sum);
    r->size = bnf_arena_alloc(layer->arena, c->rows, sizeof *r->size);
    if (!col || !r->sum || !r->size ||
        (r->pre && r->pre->shifts && !bnf_weights_shift(c, r->pre, r->sum, r->size))) {
        bnf_prover_fail(layer->p, bnf_fail_memory(layer->p->err));
        return false;
    }
    for (size_t i = 0; i < c->cols; i++)
        col[i] = bnf_scale_at(r->pre, i);
    for (size_t row = 0; row < c->rows; row++) {
        double b = bias_at(r, row, false);
        r->sum[row] += b;
        r->size[row] += fabs(b);
    }
    r->weights = (struct bnf_weights){.tensor = c->weight, .col = r->pre ? col : NULL};
    return true;
}

static enum bnf_outcome compare_weights(const struct bnf_stored *layer, const struct recurrent r[2])
{
    struct bnf_prover *p = layer->p;
    unsigned tensors = 1 + (r[1].pre ? r[1].pre->scale_tensors : 0);
    double limit = bnf_limit(p, layer->dtype, tensors);
    struct bnf_worst worst;
    int status = bnf_weights_compare(&r[0].core, &r[0].weights, &r[1].weights, false,
        p->explaining ? (double)INFINITY : limit, p->options.threads, &worst);
    if (status)
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    layer->tally->changed |= worst.u > 0;
    if (bnf_accept(p, layer->dtype, tensors, worst.u, layer->tally))
        return BNF_EQUAL;
    p->said_u = worst.u;
    bnf_say(p, "the weight W of input %zu in row %zu is %.9g instead of %.9g: %.3g u off, allowed are %.4g",
        worst.index % r[0].core.cols, worst.index / r[0].core.cols, worst.found, worst.expected, worst.u,
        limit);
    return BNF_DIFFERENT;
}

static enum bnf_outcome compare_biases(const struct bnf_stored *layer, const struct recurrent r[2])
{
    struct bnf_prover *p = layer->p;
    const struct bnf_normal *pre = r[1].pre;
    unsigned tensors = (r[1].bias != NULL) + (pre && pre->shifts ? 1 + pre->shift_tensors : 0);
    for (size_t row = 0; row < r[0].core.rows; row++) {
        double k = bnf_error_in_u(layer->dtype, r[0].sum[row], r[1].sum[row], r[0].size[row], 1);
        double expected = bias_at(&r[0], row, true), found = bias_at(&r[1], row, true);
        layer->tally->changed |= k > 0;
        if (!bnf_accept(p, layer->dtype, tensors, k, layer->tally)) {
            p->said_u = k;
            bnf_say(p,
                "the bias of the input in row %zu is %.9g instead of %.9g: %.3g u of the terms it is summed "
                "from, "
                "allowed are %.4g",
                row, r[1].sum[row], r[0].sum[row], k, bnf_limit(p, layer->dtype, tensors));
            return BNF_DIFFERENT;
        }
        if (expected != found) {
            bnf_say(p, "the recurrent bias in row %zu is %.9g instead of %.9g", row, found, expected);
            return BNF_DIFFERENT;
        }
    }
    return BNF_EQUAL;
}

/* What lies in front of X, and is worked into the weights; where it cannot be, it has to be the same. */
static enum bnf_outcome relate_data(struct bnf_stored *layer, struct recurrent r[2])
{
    static const struct bnf_normal *const none[2] = {NULL, NULL};
    const bnf_id data[2] = {r[0].core.data, r[1].core.data};
    const struct bnf_normal *pre[2];
    enum bnf_outcome outcome = bnf_relate(layer->p, data, none, layer->arena, pre, layer->tally);
    if (outcome != BNF_EQUAL)
        return outcome;
    bool fits = true;
    for (int i = 0; i < 2; i++) {
        r[i].pre = pre[i];
        fits &= bnf_core_receives(&r[i].core, pre[i]);
    }
    layer->tally->changed |= pre[0] || pre[1];
    if (fits)
        return BNF_EQUAL;
    struct bnf_tally inner = *layer->tally;
    r[0].pre = r[1].pre = NULL;
    outcome = bnf_normal_compare(layer->p, pre[0], pre[1], layer->dtype, &inner);
    if (outcome != BNF_EQUAL) { /* scales, behind a shift that both share, may still be worked in */
        const struct bnf_normal *offset[2];
        inner = *layer->tally;
        for (int i = 0; i < 2; i++)
            if (!bnf_normal_offset(layer->p, layer->arena, pre[i], &r[i].pre, &offset[i]) ||
                !bnf_core_receives(&r[i].core, r[i].pre))
                return BNF_UNKNOWN;
        outcome = bnf_normal_compare(layer->p, offset[0], offset[1], layer->dtype, &inner);
    }
    if (outcome == BNF_EQUAL)
        *layer->tally = inner;
    return outcome == BNF_EQUAL ? BNF_EQUAL : BNF_UNKNOWN;
}

enum bnf_outcome bnf_stored_recurrent(struct bnf_stored *layer)
{
    struct recurrent r[2];
    enum bnf_outcome inputs = bnf_stored_inputs_compare(layer, 1u << X | 1u << W | 1u << B);
    if (inputs != BNF_EQUAL)
        return inputs;
    for (int i = 0; i < 2; i++)
        if (!read_node(layer, i, &r[i]))
            return BNF_UNKNOWN;
    const struct bnf_tensor *a = r[0].core.weight, *b = r[1].core.weight;
    if (a->dtype != b->dtype || memcmp(a->dims, b->dims, 3 * sizeof *a->dims) != 0)
        return BNF_UNKNOWN;
    layer->dtype = a->dtype;
    memcpy(layer->out, layer->map, sizeof layer->out);
    layer->tally->changed |= !bnf_tensor_same(a, b) || !r[0].bias != !r[1].bias ||
                             (r[0].bias && r[1].bias && !bnf_tensor_same(r[0].bias, r[1].bias));
    enum bnf_outcome outcome = relate_data(layer, r);
    for (int i = 0; i < 2 && outcome == BNF_EQUAL; i++)
        if (!work_in(layer, &r[i]))
            outcome = BNF_UNKNOWN;
    if (outcome == BNF_EQUAL)
        outcome = compare_weights(layer, r);
    return outcome == BNF_EQUAL ? compare_biases(layer, r) : outcome;
}
