/* Where faults go: nodes and constants of graphs, bodies and functions; and models to put rare ones into. */
#include "support/fault_wide.h"

#include <string.h>

static void collect(struct scene *s, Onnx__NodeProto ***node, size_t *count)
{
    if (s->list_count == most_lists)
        return;
    s->lists[s->list_count++] = (struct node_list){node, count};
    for (size_t i = 0; i < *count; i++) {
        Onnx__NodeProto *n = (*node)[i];
        for (size_t k = 0; k < n->n_attribute; k++)
            if (n->attribute[k]->g)
                collect(s, &n->attribute[k]->g->node, &n->attribute[k]->g->n_node);
    }
}

void scene_open(struct scene *s, struct make *m, uint64_t seed, int dtype)
{
    *s = (struct scene){.make = m, .rng = rng_new(seed), .dtype = dtype};
    collect(s, &m->graph->node, &m->graph->n_node);
    for (size_t i = 0; i < m->model->n_functions; i++)
        collect(s, &m->model->functions[i]->node, &m->model->functions[i]->n_node);
}

static bool is_one_of(const char *op_type, const char *ops)
{
    size_t length = strlen(op_type);
    for (const char *at = ops; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, op_type, length) == 0 && (!at[length] || at[length] == '|'))
            return true;
    return false;
}

bool scene_pick(struct scene *s, const char *ops, struct spot *spot)
{
    unsigned seen = 0;
    for (size_t i = 0; i < s->list_count; i++)
        for (size_t k = 0; k < *s->lists[i].count; k++) {
            Onnx__NodeProto *node = (*s->lists[i].node)[k];
            if (is_one_of(node->op_type, ops) && rng_below(&s->rng, ++seen) == 0)
                *spot = (struct spot){&s->lists[i], k, node};
        }
    return seen > 0;
}

static Onnx__TensorProto *initializer_below(Onnx__NodeProto *const *node, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        bool constant = strcmp(node[i]->op_type, "Constant") == 0;
        for (size_t k = 0; k < node[i]->n_attribute; k++) {
            const Onnx__AttributeProto *a = node[i]->attribute[k];
            if (constant && a->t && strcmp(node[i]->output[0], name) == 0)
                return a->t;
            for (size_t j = 0; a->g && j < a->g->n_initializer; j++)
                if (strcmp(a->g->initializer[j]->name, name) == 0)
                    return a->g->initializer[j];
        }
    }
    return NULL;
}

Onnx__TensorProto *scene_constant(const struct scene *s, const char *name)
{
    Onnx__TensorProto *t = *name ? make_find_initializer(s->make, name) : NULL;
    for (size_t i = 0; i < s->list_count && !t && *name; i++)
        t = initializer_below(*s->lists[i].node, *s->lists[i].count, name);
    return t && t->raw_data.len > 0 ? t : NULL;
}

Onnx__AttributeProto *spot_attribute(const struct spot *spot, const char *name)
{
    for (size_t i = 0; i < spot->node->n_attribute; i++)
        if (strcmp(spot->node->attribute[i]->name, name) == 0)
            return spot->node->attribute[i];
    return NULL;
}

const char *const rare_models[] = {
    "in x float 3,1,2; out y; init W float 2,12,2 rand; init R float 2,12,3 rand; init B float 2,24 rand\n"
    "init s float 2 2 3; c = Mul(x, s); y, h = LSTM(c, W, R, B) hidden_size=3 direction='bidirectional'",
    "in x float 3,1,2; out y; init W float 1,9,2 rand; init R float 1,9,3 rand; init B float 1,18 rand\n"
    "init s float 2 2 3; init t float 2 1 -1; d = Mul(x, s); c = Add(d, t)\n"
    "y = GRU(c, W, R, B) hidden_size=3 linear_before_reset=1 direction='reverse'",
    "in x float 3,1,2; out y; init W float 1,3,2 rand; init R float 1,3,3 rand; init B float 1,6 rand\n"
    "init s float 2 2 3; c = Mul(x, s); y = RNN(c, W, R, B) hidden_size=3 direction='forward'",
    "in x float 2,3,4,4; out y; init q uint8 3,3,1,1 100 110 130 140 150 120 90 200 128; init z uint8 3 128 "
    "120 100\n"
    "init k float 3 0.5 0.25 0.125; init s float 3 2 -3 4; init b float 3 1 2 3; init m float 3 0 1 2; init "
    "v float 3 1 2 3\n"
    "w = DequantizeLinear(q, k, z) axis=0; c = Conv(x, w); y = BatchNormalization(c, s, b, m, v)",
    "in x float 2,3; out y; init q int8 3,3 100 -110 30 40 -50 20 90 -20 28; init z int8 3 3 -4 5; init k "
    "float 3 0.5 0.25 0.125\n"
    "init s float 3 2 -3 4; w = DequantizeLinear(q, k, z) axis=1; c = MatMul(x, w); y = Mul(c, s)",
    "in x float 2,4,3; out y; out z; init n int64 () 3; init f float 3 0.5 -0.5 0.25; init g float 3 2 3 4; "
    "init c bool () 1\n"
    "w = Tanh(x); y, z = Loop(n, c, x, w) body={\nin i int64; in k bool; in a float 2,4,3; in b float 2,4,3; "
    "out l; out p; out q\n"
    "l = Identity(k); d = Mul(a, f); p = Add(d, b); q = Mul(b, g)\n}",
    "in c bool; in x float 2,3; out y; out z; init s float 3 2 3 4; init r float 3 3 4 5\n"
    "y, z = If(c) then_branch={\nout p; out q\np = Mul(x, s); q = Relu(x)\n} else_branch={\nout t; out u\n"
    "t = Mul(x, r); u = Neg(x)\n}",
    "opset com.acme 1; in x float 2,3; in z float 2,3; out y; init s float 3 2 3 4; u = com.acme.F(x, z); y "
    "= Mul(u, s)\n"
    "function com.acme.F(a, b) {\nout o\no = Sub(a, b)\n}",
    "in x float 2,3,4,4; out y; init s float 3,1,1 2 3 4; init z float 4 1 1 2 2; init a float 3,1,1 0.5 "
    "0.25 0.1\n"
    "c = Resize(x, _, z) mode='linear'; d = PRelu(c, a); e = Mul(d, s); y = LeakyRelu(e) alpha=0.25",
    "opset 17; in x float 2,3,3; out y; init k float 3 1 2 3; init d float 3 0.5 0.25 1; init s float 3 2 3 "
    "4\n"
    "c = LayerNormalization(x, k, d) axis=-1 epsilon=0.001; e = Mul(c, s); y = InstanceNormalization(e, k, "
    "d) epsilon=0.001",
    "in i int64 2,2; out y; init E float 4,3 rand; init s float 3 2 3 4; c = Gather(E, i) axis=0; y = Mul(c, "
    "s)",
    "in x float 1,8,2,2; out y; init s float 2,1,1 2 3; c = DepthToSpace(x) blocksize=2 mode='CRD'; y = "
    "Mul(c, s)",
    "in x float 1,8,2,2; out y; init s float 2,1,1 2 3; c = DepthToSpace(x) blocksize=2 mode='DCR'; y = "
    "Mul(c, s)",
    "in x float 1,2,5,5; out y; init s float () 2\n"
    "c = AveragePool(x) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1; y = Mul(c, s)",
    "in x float 2,3,4; out y; init r int64 1 2; init s float 3,1 2 3 4; init t float () 0.5; d = Add(x, t)\n"
    "c = ReduceSum(d, r) keepdims=1; y = Mul(c, s)",
    "in a float 2,2; in b float 2,2; out y; out z; init s float 4 1 2 3 4; c = Concat(a, b) axis=1; d = "
    "Mul(c, s)\n"
    "e, f = Split(d) axis=1; y = Div(e, b); z = Sub(f, a)",
    "in x float 2,4,3; out y; init i int64 2 0 2; init s float 3 2 3 4; c = Mul(x, s); y = Gather(c, i) "
    "axis=1",
    "in x float 2,3,4; out y; init p int64 6 0 0 2 0 0 1; init t float () 0.5; init s float 3,1 2 3 4\n"
    "d = Add(x, t); c = Pad(d, p, t) mode='constant'; y = Mul(c, s)",
    "in x float 2,3,4; out y; init p int64 6 0 0 2 0 0 1; init s float 3,1 2 3 4; c = Pad(x, p) mode='edge'; "
    "y = Mul(c, s)",
    "in x float 2,5; out y; out z; init n int64 2 2 3; init s float 5 2 3 4 5 6; c = Mul(x, s); y, z = "
    "Split(c, n) axis=1",
    "in x float N,3; out y; init W float 3,3 rand; init s float 3 2 3 4; c = Einsum(x, W) "
    "equation='ij,jk->ik'; y = Mul(c, s)",
    NULL,
};
