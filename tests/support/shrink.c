#include "support/shrink.h"
#include "support/folding.h"

#include "onnx/dtype.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { most_tries = 600 };

/* ---- which names a graph needs */

static bool node_reads(const Onnx__NodeProto *node, const char *name);

static bool graph_reads(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_output; i++)
        if (strcmp(graph->output[i]->name, name) == 0)
            return true;
    for (size_t i = 0; i < graph->n_node; i++)
        if (node_reads(graph->node[i], name))
            return true;
    return false;
}

static bool node_reads(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_input; i++)
        if (strcmp(node->input[i], name) == 0)
            return true;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->g && graph_reads(node->attribute[i]->g, name))
            return true;
    return false;
}

static bool is_needed(const Onnx__GraphProto *graph, const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (*node->output[i] && graph_reads(graph, node->output[i]))
            return true;
    return false;
}

static bool is_written(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
            if (strcmp(graph->node[i]->output[k], name) == 0)
                return true;
    return false;
}

/* Drops what no output needs. */
static void sweep(struct make *m)
{
    Onnx__GraphProto *graph = m->graph;
    for (bool again = true; again;) {
        size_t kept = 0;
        for (size_t i = 0; i < graph->n_node; i++)
            if (is_needed(graph, graph->node[i]))
                graph->node[kept++] = graph->node[i];
        again = kept < graph->n_node;
        graph->n_node = kept;
    }
    size_t kept = 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (graph_reads(graph, graph->initializer[i]->name))
            graph->initializer[kept++] = graph->initializer[i];
    graph->n_initializer = kept;
    kept = 0;
    for (size_t i = 0; i < graph->n_input; i++)
        if (graph_reads(graph, graph->input[i]->name))
            graph->input[kept++] = graph->input[i];
    graph->n_input = kept;
    kept = 0;
    for (size_t i = 0; i < graph->n_value_info; i++)
        if (is_written(graph, graph->value_info[i]->name))
            graph->value_info[kept++] = graph->value_info[i];
    graph->n_value_info = kept;
    kept = 0;
    for (size_t i = 0; i < m->model->n_functions; i++) {
        bool called = false;
        for (size_t k = 0; k < graph->n_node; k++)
            called |= strcmp(graph->node[k]->op_type, m->model->functions[i]->name) == 0;
        if (called)
            m->model->functions[kept++] = m->model->functions[i];
    }
    m->model->n_functions = kept;
}

/* ---- steps */

struct shrinking {
    struct packed best;
    struct opened opened; /* of it: the values' shapes */
    shrink_test *test;
    void *context;
    size_t tries;
};

static bool reopen(struct shrinking *s)
{
    struct bnf_err err = {0};
    close_opened(&s->opened);
    return !open_packed(&s->opened, &s->best, &err);
}

/* Takes the edited model when it still fails. Ends *m. */
static bool try(struct shrinking *s, struct make *m)
{
    sweep(m);
    struct packed packed = pack_proto(m->model);
    size_t nodes = m->graph->n_node;
    make_end(m);
    s->tries++;
    if (!nodes || packed.size >= s->best.size || !s->test(&packed, s->context)) {
        bnf_free(packed.bytes);
        return false;
    }
    bnf_free(s->best.bytes);
    s->best = packed;
    return reopen(s);
}

/* A value of the main graph that can be an input or output: its extents, -1 for symbols. */
static bool value_shape(const struct shrinking *s, const char *name, int *dtype, int64_t *dims, size_t *rank)
{
    bnf_id id = bnf_graph_find(&s->opened.graph, 0, name);
    if (id == BNF_NONE)
        return false;
    const struct bnf_shape *shape = &s->opened.graph.values[id].shape;
    if (shape->rank < 0 || shape->rank > 8 || !bnf_dtype_is_float(shape->dtype))
        return false;
    *dtype = shape->dtype;
    *rank = (size_t)shape->rank;
    for (size_t i = 0; i < *rank; i++) {
        dims[i] = shape->dims[i] >= 0 ? shape->dims[i] : -1;
        if (dims[i] < 0 && i)
            return false;
    }
    return true;
}

static bool as_output(struct shrinking *s, const char *name)
{
    int dtype;
    int64_t dims[8];
    size_t rank;
    if (!value_shape(s, name, &dtype, dims, &rank))
        return false;
    struct make m;
    make_open(&m, &s->best);
    m.graph->n_output = 0;
    make_output(&m, name, dtype, dims, rank);
    return try(s, &m);
}

static void forget(Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_output; i++)
        if (strcmp(node->output[i], name) == 0)
            node->output[i] = node->output[i] + strlen(name); /* "" */
}

static bool as_input(struct shrinking *s, const char *name)
{
    int dtype;
    int64_t dims[8];
    size_t rank;
    if (!value_shape(s, name, &dtype, dims, &rank))
        return false;
    struct make m;
    make_open(&m, &s->best);
    for (size_t i = 0; i < m.graph->n_node; i++)
        forget(m.graph->node[i], name);
    make_input(&m, name, dtype, dims, rank);
    return try(s, &m);
}

static void rename_reads(Onnx__GraphProto *graph, const char *from, char *to)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        Onnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++)
            if (strcmp(node->input[k], from) == 0)
                node->input[k] = to;
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g)
                rename_reads(node->attribute[k]->g, from, to);
    }
}

/* Leaves node i out where its input `slot` has the shape of its output. */
static bool without(struct shrinking *s, size_t i, size_t slot)
{
    struct make m;
    make_open(&m, &s->best);
    Onnx__NodeProto *node = m.graph->node[i];
    int types[2];
    int64_t dims[2][8];
    size_t ranks[2];
    if (slot >= node->n_input || !node->n_output ||
        !value_shape(s, node->input[slot], &types[0], dims[0], &ranks[0]) ||
        !value_shape(s, node->output[0], &types[1], dims[1], &ranks[1]) || ranks[0] != ranks[1] ||
        types[0] != types[1] || (ranks[0] && memcmp(dims[0], dims[1], ranks[0] * sizeof dims[0][0]) != 0)) {
        make_end(&m);
        return false;
    }
    rename_reads(m.graph, node->output[0], node->input[slot]);
    return try(s, &m);
}

/* The name of output k of node i, copied: the model it comes from goes away. */
static bool output_name(const struct shrinking *s, size_t i, size_t k, char *name, size_t room)
{
    const Onnx__GraphProto *graph = s->opened.model.proto->graph;
    if (i >= graph->n_node || k >= graph->node[i]->n_output || !*graph->node[i]->output[k])
        return false;
    snprintf(name, room, "%s", graph->node[i]->output[k]);
    return true;
}

static bool one_step(struct shrinking *s)
{
    char name[200];
    const Onnx__GraphProto *graph = s->opened.model.proto->graph;
    for (size_t i = 0; i < graph->n_node && s->tries < most_tries; i++)
        if (output_name(s, i, 0, name, sizeof name) && as_output(s, name))
            return true;
    for (size_t i = graph->n_node; i-- && s->tries < most_tries;)
        for (size_t k = 0; k < 2; k++)
            if (output_name(s, i, k, name, sizeof name) && as_input(s, name))
                return true;
    for (size_t i = graph->n_node; i-- && s->tries < most_tries;)
        for (size_t slot = 0; slot < 3; slot++)
            if (without(s, i, slot))
                return true;
    return false;
}

struct packed shrink(const struct packed *model, shrink_test *test, void *context)
{
    struct shrinking s = {.test = test, .context = context};
    s.best = (struct packed){.bytes = bnf_alloc(model->size, 1), .size = model->size};
    if (!s.best.bytes)
        bnf_bug("out of memory in a test");
    memcpy(s.best.bytes, model->bytes, model->size);
    bool open = reopen(&s);
    while (open && s.tries < most_tries && one_step(&s))
        continue;
    close_opened(&s.opened);
    return s.best;
}

/* ---- what came of it */

static void append(char *text, size_t room, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, room - used, "%s", more);
}

static void list(const Onnx__GraphProto *graph, char *text, size_t room)
{
    bool first = true;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        if (strcmp(node->op_type, "Constant") == 0)
            continue;
        append(text, room, first ? "" : " ");
        append(text, room, node->domain && *node->domain ? "function" : node->op_type);
        first = false;
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g) {
                append(text, room, "{");
                list(node->attribute[k]->g, text, room);
                append(text, room, "}");
            }
    }
}

void shrink_pattern(const struct packed *model, char *text, size_t room)
{
    struct make m;
    make_open(&m, model);
    *text = 0;
    list(m.graph, text, room);
    make_end(&m);
}

void shrink_save(const struct packed *packed, const char *path)
{
    struct bnf_model model = {0};
    struct bnf_err err = {0};
    const struct bnf_save_options options = {.format = BNF_FORMAT_JSON, .threads = 1};
    struct bnf_out out = {.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666)};
    uint64_t written = 0;
    if (out.descriptor < 0 || load_packed(&model, packed, &err) ||
        bnf_model_save(&model, &out, &options, &written, &err))
        fprintf(stderr, "cannot write '%s': %s\n", path, err.text);
    bnf_model_close(&model);
    if (out.descriptor >= 0)
        close(out.descriptor);
}
