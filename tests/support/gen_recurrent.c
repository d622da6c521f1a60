/* Recurrent layers of generated models. */
#include "support/gen.h"

enum { most_features = 12 };

struct cell {
    const char *op;
    int64_t gates;
};

static Onnx__NodeProto *cell_node(struct gen *g, const struct cell *cell, const struct gen_value *x,
    const char *first, int64_t hidden, int64_t dirs)
{
    const bool lstm = cell->gates == 4;
    const int64_t w[3] = {dirs, cell->gates * hidden, x->dims[2]},
                  r[3] = {dirs, cell->gates * hidden, hidden};
    const int64_t b[2] = {dirs, 2 * cell->gates * hidden}, p[2] = {dirs, 3 * hidden};
    bool has_b = rng_percent(&g->rng, 70), has_p = lstm && rng_percent(&g->rng, 25);
    const char *names[8] = {NULL};
    names[1] = gen_random(g, "rnn_w", w, 3, -1, 1);
    names[2] = gen_random(g, "rnn_r", r, 3, -1, 1);
    names[3] = has_b ? gen_random(g, "rnn_b", b, 2, -1, 1) : "";
    names[4] = names[5] = names[6] = "";
    names[7] = has_p ? gen_random(g, "rnn_p", p, 2, -0.5, 0.5) : "";
    Onnx__NodeProto *node = make_node(&g->make, cell->op, first);
    gen_reads(g, node, x);
    size_t count = has_p ? 8 : has_b || rng_percent(&g->rng, 30) ? 4 : 3;
    for (size_t i = 1; i < count; i++)
        make_reads(&g->make, node, names[i]);
    make_int(&g->make, node, "hidden_size", hidden);
    if (dirs == 2)
        make_string(&g->make, node, "direction", "bidirectional");
    else if (rng_percent(&g->rng, 50))
        make_string(&g->make, node, "direction", rng_percent(&g->rng, 50) ? "reverse" : "forward");
    if (rng_percent(&g->rng, 20))
        make_float(&g->make, node, "clip", 2);
    if (cell->gates == 3 && rng_percent(&g->rng, 50))
        make_int(&g->make, node, "linear_before_reset", 1);
    return node;
}

/* The channels are the features, the last extent is the time. */
struct gen_value gen_recurrent(struct gen *g, const struct gen_value *x)
{
    static const struct cell cells[] = {{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}};
    if (x->rank != 3 || x->dims[1] > most_features)
        return gen_any_layer(g, x);
    const struct cell *cell = &cells[rng_below(&g->rng, 3)];
    int64_t dirs = rng_range(&g->rng, 1, 2), hidden = rng_range(&g->rng, 1, 4);
    struct gen_value t = gen_transpose(g, x, (const int64_t[]){2, 0, 1});
    g->layers += 2;
    if (rng_percent(&g->rng, 40)) { /* the last state only */
        struct gen_value last = gen_value(g, "state", (const int64_t[]){dirs, x->dims[0], hidden}, 3);
        Onnx__NodeProto *node = cell_node(g, cell, &t, "", hidden, dirs);
        gen_also(g, node, last.name);
        return gen_transpose(g, &last, (const int64_t[]){1, 0, 2});
    }
    struct gen_value y = gen_value(g, "states", (const int64_t[]){x->dims[2], dirs, x->dims[0], hidden}, 4);
    cell_node(g, cell, &t, y.name, hidden, dirs);
    return gen_transpose(g, &y, (const int64_t[]){2, 1, 3, 0});
}
