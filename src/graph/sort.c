/* Topological order of every scope. A node depends on the producers of its inputs, and of everything that its bodies
 * capture at any depth. */
#include "graph/graph.h"

/* Edges "node needs producer" in compressed rows: those of node n are targets[begin[n]] … targets[begin[n+1]-1]. */
struct edges {
    uint32_t *begin;
    bnf_id *targets;
};

/* The node of value's own scope through which `reader` (a node) reads it: itself, or the one whose body it is in. */
static bnf_id reader_in_scope(const struct bnf_graph *g, bnf_id reader, bnf_id scope)
{
    while (reader != BNF_NONE && g->nodes[reader].scope != scope)
        reader = g->scopes[g->nodes[reader].scope].owner;
    return reader;
}

/* Calls edge(reader → producer) for every dependency; counts when targets is NULL. */
static void walk_edges(const struct bnf_graph *g, struct edges *edges, uint32_t *fill)
{
    for (bnf_id use = 0; use < g->use_count; use++) {
        const struct bnf_use *u = &g->uses[use];
        if (u->value == BNF_NONE || g->nodes[u->node].dead || g->values[u->value].producer == BNF_NONE)
            continue;
        bnf_id reader = reader_in_scope(g, u->node, g->values[u->value].scope);
        if (fill)
            edges->targets[fill[reader]++] = g->values[u->value].producer;
        else
            edges->begin[reader + 1]++;
    }
    for (bnf_id scope = 0; scope < g->scope_count; scope++) {
        const struct bnf_scope *s = &g->scopes[scope];
        for (size_t i = 0; i < s->output_count; i++) {
            const struct bnf_value *v = &g->values[s->outputs[i]];
            if (v->scope == scope || v->producer == BNF_NONE || s->owner == BNF_NONE)
                continue;
            bnf_id reader = reader_in_scope(g, s->owner, v->scope);
            if (fill)
                edges->targets[fill[reader]++] = v->producer;
            else
                edges->begin[reader + 1]++;
        }
    }
}

static bool find_edges(const struct bnf_graph *g, struct edges *edges)
{
    edges->begin = bnf_alloc(g->node_count + 1, sizeof *edges->begin);
    uint32_t *fill = bnf_alloc(g->node_count + 1, sizeof *fill);
    edges->targets = NULL;
    if (edges->begin && fill) {
        walk_edges(g, edges, NULL);
        for (size_t i = 0; i < g->node_count; i++) {
            edges->begin[i + 1] += edges->begin[i];
            fill[i] = edges->begin[i];
        }
        edges->targets = bnf_alloc(edges->begin[g->node_count], sizeof *edges->targets);
        if (edges->targets)
            walk_edges(g, edges, fill);
    }
    bnf_free(fill);
    return edges->targets != NULL;
}

enum { fresh, open, done };

struct sorter {
    const struct edges *edges;
    uint8_t *state; /* per node */
    bnf_id *stack;
    uint32_t *next; /* per node: the next edge to follow */
    bnf_id *out;    /* finished nodes, all scopes together */
    size_t count;
};

/* Depth first from one node, with an explicit stack. False on a cycle, at *culprit. */
static bool visit(struct bnf_graph *g, struct sorter *s, bnf_id root, bnf_id *culprit)
{
    size_t depth = 0;
    if (s->state[root] == done)
        return true;
    s->stack[depth++] = root;
    s->state[root] = open;
    s->next[root] = s->edges->begin[root];
    while (depth) {
        bnf_id node = s->stack[depth - 1];
        if (s->next[node] == s->edges->begin[node + 1]) {
            s->state[node] = done;
            g->nodes[node].position = (uint32_t)s->count;
            s->out[s->count++] = node;
            depth--;
            continue;
        }
        bnf_id producer = s->edges->targets[s->next[node]++];
        if (s->state[producer] == open) {
            *culprit = producer;
            return false;
        }
        if (s->state[producer] == fresh) {
            s->state[producer] = open;
            s->next[producer] = s->edges->begin[producer];
            s->stack[depth++] = producer;
        }
    }
    return true;
}

static int sort_scope(struct bnf_graph *g, struct sorter *s, bnf_id scope, const bnf_id *nodes, size_t count,
    struct bnf_err *err)
{
    struct bnf_scope *to = &g->scopes[scope];
    size_t first = s->count;
    for (size_t i = 0; i < count; i++) {
        bnf_id culprit;
        char text[256];
        if (!g->nodes[nodes[i]].dead && !visit(g, s, nodes[i], &culprit))
            return bnf_fail(err, BNF_EINPUT, "node '%s' depends on its own output: the graph has a cycle",
                bnf_node_text(g, culprit, text, sizeof text));
    }
    to->order_count = s->count - first;
    to->order = bnf_arena_alloc(&g->model->arena, to->order_count, sizeof *to->order);
    if (!to->order)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < to->order_count; i++) {
        to->order[i] = s->out[first + i];
        to->changed = to->changed || (i > 0 && to->order[i] < to->order[i - 1]);
        g->nodes[to->order[i]].position = (uint32_t)i;
    }
    return BNF_OK;
}

/* Nodes grouped by scope, in id order: those of scope s are grouped[begin[s]] … */
static bool group(const struct bnf_graph *g, uint32_t *begin, bnf_id *grouped)
{
    uint32_t *fill = bnf_alloc(g->scope_count + 1, sizeof *fill);
    if (!fill)
        return false;
    for (size_t i = 0; i < g->node_count; i++)
        begin[g->nodes[i].scope + 1]++;
    for (size_t i = 0; i < g->scope_count; i++) {
        begin[i + 1] += begin[i];
        fill[i] = begin[i];
    }
    for (bnf_id i = 0; i < g->node_count; i++)
        grouped[fill[g->nodes[i].scope]++] = i;
    bnf_free(fill);
    return true;
}

int bnf_graph_sort(struct bnf_graph *g, struct bnf_err *err)
{
    struct edges edges = {0};
    struct sorter s = {.edges = &edges};
    size_t n = g->node_count + 1;
    uint32_t *begin = bnf_alloc(g->scope_count + 1, sizeof *begin);
    bnf_id *grouped = bnf_alloc(n, sizeof *grouped);
    s.state = bnf_alloc(n, 1);
    s.stack = bnf_alloc(n, sizeof *s.stack);
    s.next = bnf_alloc(n, sizeof *s.next);
    s.out = bnf_alloc(n, sizeof *s.out);
    int status = BNF_OK;
    if (!begin || !grouped || !s.state || !s.stack || !s.next || !s.out || !find_edges(g, &edges) ||
        !group(g, begin, grouped))
        status = bnf_fail_memory(err);
    for (bnf_id scope = 0; !status && scope < g->scope_count; scope++)
        status = sort_scope(g, &s, scope, grouped + begin[scope], begin[scope + 1] - begin[scope], err);
    bnf_free(begin);
    bnf_free(grouped);
    bnf_free(s.state);
    bnf_free(s.stack);
    bnf_free(s.next);
    bnf_free(s.out);
    bnf_free(edges.begin);
    bnf_free(edges.targets);
    return status;
}
