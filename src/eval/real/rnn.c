/* RNN, GRU and LSTM: what is common to them, from attributes to the walk over time. */
#include "eval/real/rnn.h"

#include "base/mem.h"
#include "eval/real/blas.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { most_activations = 3, most_directions = 2 };

/* What tells the three operators apart. */
struct family {
    size_t gates, activations;
    enum bnf_activation_kind usual[most_activations];
    bool has_cell; /* a second state, c */
    void (*step)(struct R(bnf_cell) * cell, const real *const *x, const bool *active);
};

static const struct family rnn = {1, 1, {BNF_ACTIVATION_TANH}, false, R(bnf_rnn_step)};
static const struct family gru = {3, 2, {BNF_ACTIVATION_SIGMOID, BNF_ACTIVATION_TANH}, false, R(bnf_gru_step)};
static const struct family lstm = {
    4, 3, {BNF_ACTIVATION_SIGMOID, BNF_ACTIVATION_TANH, BNF_ACTIVATION_TANH}, true, R(bnf_lstm_step)};

/* alpha and beta: how many of the two an activation takes from the attributes, and what they are otherwise. */
static const struct {
    const char *name;
    int parameters;
    real alpha, beta;
} activations[] = {
    [BNF_ACTIVATION_SIGMOID] = {"Sigmoid", 0, 0, 0},
    [BNF_ACTIVATION_TANH] = {"Tanh", 0, 0, 0},
    [BNF_ACTIVATION_RELU] = {"Relu", 0, 0, 0},
    [BNF_ACTIVATION_AFFINE] = {"Affine", 2, 1, 0},
    [BNF_ACTIVATION_LEAKY_RELU] = {"LeakyRelu", 1, (real)0.01, 0},
    [BNF_ACTIVATION_THRESHOLDED_RELU] = {"ThresholdedRelu", 1, 1, 0},
    [BNF_ACTIVATION_SCALED_TANH] = {"ScaledTanh", 2, 1, 1},
    [BNF_ACTIVATION_HARD_SIGMOID] = {"HardSigmoid", 2, (real)0.2, (real)0.5},
    [BNF_ACTIVATION_ELU] = {"Elu", 1, 1, 0},
    [BNF_ACTIVATION_SOFTSIGN] = {"Softsign", 0, 0, 0},
    [BNF_ACTIVATION_SOFTPLUS] = {"Softplus", 0, 0, 0},
};

struct layer {
    struct bnf_call *call;
    const struct family *family;
    size_t steps, batch, input, hidden, directions;
    bool batch_first; /* layout 1 */
    bool reverse;     /* the only direction runs backward */
    const struct bnf_array *x, *w, *r, *bias, *lengths, *h, *c, *peepholes;
    real *y, *y_h, *y_c;
    struct R(bnf_activation) activate[most_directions][most_activations];
};

/* ---- attributes ---- */

static bool same_name(ProtobufCBinaryData text, const char *name)
{
    return text.len == strlen(name) && strncasecmp((const char *)text.data, name, text.len) == 0;
}

/* The next number of activation_alpha or activation_beta, which are taken in the order of the activations. */
static real next_number(const Onnx__AttributeProto *list, size_t *at, real fallback)
{
    return list && *at < list->n_floats ? (real)list->floats[(*at)++] : fallback;
}

static int find_activations(struct layer *l)
{
    const Onnx__NodeProto *proto = l->call->proto;
    const Onnx__AttributeProto *names = bnf_attr_find(proto, "activations");
    const Onnx__AttributeProto *alphas = bnf_attr_find(proto, "activation_alpha");
    const Onnx__AttributeProto *betas = bnf_attr_find(proto, "activation_beta");
    size_t alpha = 0, beta = 0, each = l->family->activations;
    if (names && names->n_strings && names->n_strings != each * l->directions)
        return bnf_call_wrong(l->call, "it has %zu activations, not %zu", names->n_strings, each * l->directions);
    for (size_t i = 0; i < each * l->directions; i++) {
        enum bnf_activation_kind kind = l->family->usual[i % each];
        size_t found = names && names->n_strings ? 0 : kind, known = sizeof activations / sizeof *activations;
        while (found < known && names && names->n_strings && !same_name(names->strings[i], activations[found].name))
            found++;
        if (found == known)
            return bnf_call_cannot(l->call, "its activation '%.*s' is not supported",
                names->strings[i].len < 32 ? (int)names->strings[i].len : 32, (const char *)names->strings[i].data);
        int parameters = activations[found].parameters;
        l->activate[i / each][i % each] = (struct R(bnf_activation)){
            .kind = (enum bnf_activation_kind)found,
            .alpha = parameters > 0 ? next_number(alphas, &alpha, activations[found].alpha) : 0,
            .beta = parameters > 1 ? next_number(betas, &beta, activations[found].beta) : 0,
        };
    }
    return BNF_OK;
}

static int find_direction(struct layer *l)
{
    const Onnx__NodeProto *proto = l->call->proto;
    bool both = bnf_attr_is(proto, "direction", "bidirectional");
    l->reverse = bnf_attr_is(proto, "direction", "reverse");
    l->directions = both ? 2 : 1;
    if (!both && !l->reverse && bnf_attr_find(proto, "direction") && !bnf_attr_is(proto, "direction", "forward"))
        return bnf_call_wrong(l->call, "its direction is none of forward, reverse and bidirectional");
    l->batch_first = bnf_attr_int(proto, "layout", 0) != 0;
    return BNF_OK;
}

/* ---- extents ---- */

/* An optional input of reals must have these extents. */
static int fits(struct layer *l, const struct bnf_array *a, const char *name, size_t rank, const int64_t *dims)
{
    char want[64], have[64];
    if (!a || (a->kind == BNF_KIND_REAL && a->rank == rank && bnf_same_bytes(a->dims, dims, rank * sizeof *dims)))
        return BNF_OK;
    return bnf_call_wrong(l->call, "%s should have extents %s and has %s", name,
        bnf_dims_text(dims, rank, want, sizeof want), bnf_dims_text(a->dims, a->rank, have, sizeof have));
}

static int find_inputs(struct layer *l)
{
    struct bnf_call *call = l->call;
    l->x = bnf_call_input(call, 0);
    l->w = bnf_call_input(call, 1);
    l->r = bnf_call_input(call, 2);
    l->bias = bnf_call_input(call, 3);
    l->lengths = bnf_call_input(call, 4);
    l->h = bnf_call_input(call, 5);
    l->c = l->family->has_cell ? bnf_call_input(call, 6) : NULL;
    l->peepholes = l->family->has_cell ? bnf_call_input(call, 7) : NULL;
    if (!l->x || !l->w || !l->r || l->x->rank != 3 || l->r->rank != 3 || l->x->kind != BNF_KIND_REAL)
        return bnf_call_wrong(call, "X, W and R should have rank 3");
    l->steps = (size_t)l->x->dims[l->batch_first ? 1 : 0];
    l->batch = (size_t)l->x->dims[l->batch_first ? 0 : 1];
    l->input = (size_t)l->x->dims[2];
    l->hidden = (size_t)l->r->dims[2];
    int64_t directions = (int64_t)l->directions, batch = (int64_t)l->batch, hidden = l->r->dims[2];
    int64_t rows = (int64_t)l->family->gates * hidden;
    int64_t state[] = {l->batch_first ? batch : directions, l->batch_first ? directions : batch, hidden};
    int status = bnf_attr_int(call->proto, "hidden_size", hidden) == hidden
                     ? BNF_OK
                     : bnf_call_wrong(call, "its hidden_size is not R's last extent, %zu", l->hidden);
    if (!status)
        status = fits(l, l->w, "W", 3, (int64_t[]){directions, rows, l->x->dims[2]});
    if (!status)
        status = fits(l, l->r, "R", 3, (int64_t[]){directions, rows, hidden});
    if (!status)
        status = fits(l, l->bias, "B", 2, (int64_t[]){directions, 2 * rows});
    if (!status)
        status = fits(l, l->h, "initial_h", 3, state);
    if (!status)
        status = fits(l, l->c, "initial_c", 3, state);
    if (!status)
        status = fits(l, l->peepholes, "P", 2, (int64_t[]){directions, 3 * hidden});
    if (!status && l->lengths && (l->lengths->kind != BNF_KIND_INT || l->lengths->count != l->batch))
        status = bnf_call_wrong(call, "sequence_lens should have %zu integers", l->batch);
    for (size_t i = 0; !status && l->lengths && i < l->batch; i++) {
        int64_t length = ((const int64_t *)l->lengths->data)[i];
        if (length < 0 || length > (int64_t)l->steps)
            status = bnf_call_wrong(call, "sequence %zu has length %lld, allowed are 0 to %zu", i, (long long)length,
                l->steps);
    }
    return status;
}

static int make_output(struct layer *l, size_t slot, size_t rank, const int64_t *dims, real **out)
{
    struct bnf_call *call = l->call;
    *out = NULL;
    if (slot >= call->output_count || !call->wanted[slot])
        return BNF_OK;
    *out = bnf_call_output(call, slot, l->x->dtype, rank, dims);
    if (!*out)
        return BNF_ENOMEM;
    memset(*out, 0, call->out[slot]->count * sizeof **out); /* behind a short sequence's end there are zeros */
    return BNF_OK;
}

static int make_outputs(struct layer *l)
{
    int64_t s = (int64_t)l->steps, d = (int64_t)l->directions, b = (int64_t)l->batch, h = (int64_t)l->hidden;
    int64_t all[] = {s, d, b, h}, all_first[] = {b, s, d, h}, last[] = {d, b, h}, last_first[] = {b, d, h};
    int status = make_output(l, 0, 4, l->batch_first ? all_first : all, &l->y);
    if (!status)
        status = make_output(l, 1, 3, l->batch_first ? last_first : last, &l->y_h);
    if (!status && l->family->has_cell)
        status = make_output(l, 2, 3, l->batch_first ? last_first : last, &l->y_c);
    return status;
}

/* ---- the walk over time ---- */

/* Where sequence b's state lies in Y_h, Y_c, initial_h and initial_c. */
static size_t state_at(const struct layer *l, size_t direction, size_t b)
{
    return (l->batch_first ? b * l->directions + direction : direction * l->batch + b) * l->hidden;
}

static size_t row_of(const struct layer *l, size_t t, size_t b)
{
    return l->batch_first ? b * l->steps + t : t * l->batch + b;
}

static real *y_at(const struct layer *l, size_t direction, size_t t, size_t b)
{
    size_t row = l->batch_first ? (b * l->steps + t) * l->directions + direction
                                : (t * l->directions + direction) * l->batch + b;
    return l->y + row * l->hidden;
}

/* What the input gives to the gates at all times at once: X·Wᵀ and the biases. */
static void project(const struct layer *l, size_t direction, bool reset_bias_apart, real *to)
{
    size_t rows = l->family->gates * l->hidden, n = l->steps * l->batch;
    const real *bias = l->bias ? (const real *)l->bias->data + direction * 2 * rows : NULL;
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < rows; i++)
            to[row * rows + i] =
                !bias ? 0 : bias[i] + (reset_bias_apart && i >= 2 * l->hidden ? 0 : bias[rows + i]);
    struct R(bnf_product) product = {.tb = true,
        .m = n,
        .n = rows,
        .k = l->input,
        .alpha = 1,
        .beta = 1,
        .a = l->x->data,
        .b = (const real *)l->w->data + direction * rows * l->input,
        .c = to,
        .lda = l->input,
        .ldb = l->input,
        .ldc = rows};
    R(bnf_multiply)(l->call->threads, &product);
}

static void take_state(const struct layer *l, const struct bnf_array *from, size_t direction, real *to)
{
    for (size_t b = 0; from && b < l->batch; b++)
        memcpy(to + b * l->hidden, (const real *)from->data + state_at(l, direction, b), l->hidden * sizeof *to);
}

static void give_state(const struct layer *l, const real *from, size_t direction, real *to)
{
    for (size_t b = 0; to && from && b < l->batch; b++)
        memcpy(to + state_at(l, direction, b), from + b * l->hidden, l->hidden * sizeof *to);
}

static void walk(const struct layer *l, struct R(bnf_cell) * cell, size_t direction, const real *projected,
    const real **x, bool *active)
{
    bool backward = l->reverse || direction == 1;
    size_t rows = l->family->gates * l->hidden;
    const int64_t *lengths = l->lengths ? l->lengths->data : NULL;
    for (size_t step = 0; step < l->steps; step++) {
        for (size_t b = 0; b < l->batch; b++) {
            size_t length = lengths ? (size_t)lengths[b] : l->steps;
            active[b] = step < length;
            size_t t = backward && active[b] ? length - 1 - step : step;
            x[b] = projected + row_of(l, t, b) * rows;
        }
        l->family->step(cell, x, active);
        for (size_t b = 0; b < l->batch && l->y; b++) {
            size_t length = lengths ? (size_t)lengths[b] : l->steps;
            if (active[b])
                memcpy(y_at(l, direction, backward ? length - 1 - step : step, b), cell->h + b * l->hidden,
                    l->hidden * sizeof *cell->h);
        }
    }
}

static int run_direction(struct layer *l, size_t direction)
{
    struct bnf_call *call = l->call;
    size_t rows = l->family->gates * l->hidden, state = l->batch * l->hidden;
    float clip = bnf_attr_float(call->proto, "clip", 0);
    struct R(bnf_cell) cell = {
        .threads = call->threads,
        .batch = l->batch,
        .hidden = l->hidden,
        .gates = l->family->gates,
        .r = (const real *)l->r->data + direction * rows * l->hidden,
        .peepholes = l->peepholes ? (const real *)l->peepholes->data + direction * 3 * l->hidden : NULL,
        .clip = clip > 0 ? (real)clip : (real)INFINITY,
        .linear_before_reset = bnf_attr_int(call->proto, "linear_before_reset", 0) != 0,
        .input_forget = bnf_attr_int(call->proto, "input_forget", 0) != 0,
        .h = bnf_arena_alloc(call->arena, state, sizeof(real)),
        .c = bnf_arena_alloc(call->arena, state, sizeof(real)),
        .work = bnf_arena_alloc(call->arena, l->batch * rows, sizeof(real)),
        .reset = bnf_arena_alloc(call->arena, state, sizeof(real)),
    };
    memcpy(cell.activate, l->activate[direction], sizeof cell.activate);
    bool apart = l->family == &gru && cell.linear_before_reset;
    if (apart && l->bias)
        cell.r_bias = (const real *)l->bias->data + direction * 2 * rows + rows + 2 * l->hidden;
    real *projected = bnf_arena_alloc(call->arena, l->steps * l->batch * rows, sizeof(real));
    const real **x = bnf_arena_alloc(call->arena, l->batch, sizeof *x);
    bool *active = bnf_arena_alloc(call->arena, l->batch, sizeof *active);
    if (!cell.h || !cell.c || !cell.work || !cell.reset || !projected || !x || !active)
        return bnf_fail_memory(call->err);
    take_state(l, l->h, direction, cell.h);
    take_state(l, l->c, direction, cell.c);
    if (l->steps && l->batch) {
        project(l, direction, apart, projected);
        walk(l, &cell, direction, projected, x, active);
    }
    give_state(l, cell.h, direction, l->y_h);
    give_state(l, cell.c, direction, l->y_c);
    return BNF_OK;
}

static int run(struct bnf_call *call, const struct family *family)
{
    struct layer l = {.call = call, .family = family};
    int status = find_direction(&l);
    if (!status)
        status = find_activations(&l);
    if (!status)
        status = find_inputs(&l);
    if (!status)
        status = bnf_call_work(call, (double)l.directions * (double)l.steps * (double)l.batch *
                                         (double)(family->gates * l.hidden) * (double)(l.input + l.hidden));
    if (!status)
        status = make_outputs(&l);
    for (size_t d = 0; d < l.directions && !status; d++)
        status = run_direction(&l, d);
    return status;
}

int R(bnf_op_rnn)(struct bnf_call *call)
{
    return run(call, &rnn);
}

int R(bnf_op_gru)(struct bnf_call *call)
{
    return run(call, &gru);
}

int R(bnf_op_lstm)(struct bnf_call *call)
{
    return run(call, &lstm);
}
