/* The reference evaluator: LSTM, GRU and RNN with their default activations, step by step. */
#include "support/eval_step.h"

#include <math.h>
#include <string.h>

/* A number, and the size of the terms it was made from. */
struct term {
    double value, mag;
};

static struct term at(const struct eval_tensor *t, size_t index)
{
    return t ? (struct term){t->value[index], t->mag[index]} : (struct term){0, 0};
}

static struct term plus(struct term a, struct term b)
{
    return (struct term){a.value + b.value, a.mag + b.mag};
}

static struct term times(struct term a, struct term b)
{
    return (struct term){a.value * b.value, fabs(a.value) * b.mag + a.mag * fabs(b.value)};
}

static struct term sigmoid(struct term a)
{
    double y = 1 / (1 + exp(-a.value));
    return (struct term){y, fmax(y, a.mag)};
}

static struct term hyperbolic(struct term a)
{
    return (struct term){tanh(a.value), a.mag};
}

enum { most_hidden = 8, most_gates = 4 };

struct layer {
    struct step *step;
    const struct eval_tensor *w, *r, *b, *peepholes;
    size_t gates, hidden, inputs, direction;
    double clip; /* 0: none */
};

static struct term clipped(const struct layer *l, struct term a)
{
    if (l->clip > 0)
        a.value = fmin(fmax(a.value, -l->clip), l->clip);
    return a;
}

/* Row `row` of W·x + Wb, or of R·h + Rb. */
static struct term of_input(const struct layer *l, size_t row, const struct eval_tensor *x, size_t first)
{
    size_t rows = l->gates * l->hidden, all = l->direction * rows + row;
    struct term sum = at(l->b, l->direction * 2 * rows + row);
    for (size_t i = 0; i < l->inputs; i++)
        sum = plus(sum, times(at(l->w, all * l->inputs + i), at(x, first + i)));
    return sum;
}

static struct term of_state(const struct layer *l, size_t row, const struct term *h)
{
    size_t rows = l->gates * l->hidden, all = l->direction * rows + row;
    struct term sum = at(l->b, l->direction * 2 * rows + rows + row);
    for (size_t i = 0; i < l->hidden; i++)
        sum = plus(sum, times(at(l->r, all * l->hidden + i), h[i]));
    return sum;
}

/* Gate `gate` of unit k before its activation, with a peephole on the cell. */
static struct term gate(const struct layer *l, size_t gate_index, size_t k, const struct eval_tensor *x,
    size_t first, const struct term *h, const struct term *cell, size_t peephole)
{
    size_t row = gate_index * l->hidden + k;
    struct term z = plus(of_input(l, row, x, first), of_state(l, row, h));
    if (l->peepholes && cell)
        z = plus(z, times(at(l->peepholes, (l->direction * 3 + peephole) * l->hidden + k), *cell));
    return clipped(l, z);
}

static void lstm(
    const struct layer *l, const struct eval_tensor *x, size_t first, struct term *h, struct term *c)
{
    struct term next[most_hidden];
    for (size_t k = 0; k < l->hidden; k++) {
        struct term input = sigmoid(gate(l, 0, k, x, first, h, &c[k], 0));
        struct term forget = sigmoid(gate(l, 2, k, x, first, h, &c[k], 2));
        struct term cell = hyperbolic(gate(l, 3, k, x, first, h, NULL, 0));
        struct term new_cell = plus(times(forget, c[k]), times(input, cell));
        next[k] = times(sigmoid(gate(l, 1, k, x, first, h, &new_cell, 1)), hyperbolic(new_cell));
        c[k] = new_cell;
    }
    memcpy(h, next, l->hidden * sizeof *h);
}

static void gru(const struct layer *l, const struct eval_tensor *x, size_t first, struct term *h)
{
    struct term reset[most_hidden], gated[most_hidden], next[most_hidden];
    bool reset_after = bnf_attr_int(l->step->node, "linear_before_reset", 0) != 0;
    for (size_t k = 0; k < l->hidden; k++) {
        reset[k] = sigmoid(gate(l, 1, k, x, first, h, NULL, 0));
        gated[k] = times(reset[k], h[k]);
    }
    for (size_t k = 0; k < l->hidden; k++) {
        size_t row = 2 * l->hidden + k;
        struct term update = sigmoid(gate(l, 0, k, x, first, h, NULL, 0));
        struct term state = reset_after ? times(reset[k], of_state(l, row, h)) : of_state(l, row, gated);
        struct term fresh = hyperbolic(clipped(l, plus(of_input(l, row, x, first), state)));
        struct term rest = {1 - update.value, 1 + update.mag};
        next[k] = plus(times(rest, fresh), times(update, h[k]));
    }
    memcpy(h, next, l->hidden * sizeof *h);
}

static void rnn(const struct layer *l, const struct eval_tensor *x, size_t first, struct term *h)
{
    struct term next[most_hidden];
    for (size_t k = 0; k < l->hidden; k++)
        next[k] = hyperbolic(gate(l, 0, k, x, first, h, NULL, 0));
    memcpy(h, next, l->hidden * sizeof *h);
}

static const struct eval_tensor *input(const struct step *s, size_t slot)
{
    return slot < s->in_count ? s->in[slot] : NULL;
}

/* One sequence in one direction. */
static void run_sequence(
    struct layer *l, size_t item, size_t batch, size_t length, size_t directions, bool batch_first)
{
    struct step *s = l->step;
    struct term h[most_hidden], c[most_hidden];
    const struct eval_tensor *h0 = input(s, 5), *c0 = input(s, 6);
    bool reverse = l->direction == 1 || bnf_attr_is(s->node, "direction", "reverse");
    for (size_t k = 0; k < l->hidden; k++) {
        size_t from = batch_first ? (item * directions + l->direction) * l->hidden + k
                                  : (l->direction * batch + item) * l->hidden + k;
        h[k] = at(h0, from);
        c[k] = at(c0, from);
    }
    for (size_t i = 0; i < length; i++) {
        size_t t = reverse ? length - 1 - i : i;
        size_t first = (batch_first ? item * length + t : t * batch + item) * l->inputs;
        if (l->gates == 4)
            lstm(l, s->in[0], first, h, c);
        else if (l->gates == 3)
            gru(l, s->in[0], first, h);
        else
            rnn(l, s->in[0], first, h);
        size_t to = batch_first ? (item * length + t) * directions + l->direction
                                : (t * directions + l->direction) * batch + item;
        for (size_t k = 0; k < l->hidden; k++) {
            s->out->value[to * l->hidden + k] = h[k].value;
            s->out->mag[to * l->hidden + k] = h[k].mag;
        }
    }
}

bool step_recurrent(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool batch_first = bnf_attr_int(s->node, "layout", 0) != 0,
         is_lstm = strcmp(s->node->op_type, "LSTM") == 0;
    struct layer l = {.step = s, .w = s->in[1], .r = s->in[2], .b = input(s, 3)};
    l.gates = is_lstm ? 4 : strcmp(s->node->op_type, "GRU") == 0 ? 3 : 1;
    l.peepholes = is_lstm ? input(s, 7) : NULL;
    l.clip = (double)bnf_attr_float(s->node, "clip", 0);
    l.hidden = (size_t)l.r->dims[2];
    l.inputs = (size_t)l.w->dims[2];
    size_t directions = (size_t)l.w->dims[0], length = (size_t)x->dims[batch_first],
           batch = (size_t)x->dims[!batch_first];
    if (step_has_more(s) || input(s, 4) || l.hidden > most_hidden || bnf_attr_find(s->node, "activations") ||
        bnf_attr_int(s->node, "input_forget", 0))
        return step_refuse(s, "a recurrent layer's less common settings");
    int64_t dims[4] = {(int64_t)length, (int64_t)directions, (int64_t)batch, (int64_t)l.hidden};
    if (batch_first) {
        dims[0] = (int64_t)batch;
        dims[1] = (int64_t)length;
        dims[2] = (int64_t)directions;
    }
    *s->out = eval_new(s->arena, dims, 4);
    for (l.direction = 0; l.direction < directions; l.direction++)
        for (size_t item = 0; item < batch; item++)
            run_sequence(&l, item, batch, length, directions, batch_first);
    return true;
}
