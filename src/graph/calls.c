#include "graph/calls.h"

#include "base/buf.h"

/* A call, by the functions' places among the model's. */
struct call {
    bnf_id caller, callee;
    bnf_id next; /* of the same caller */
};

struct calls {
    struct bnf_names keys;  /* of functions; ids are places, those of later functions of the same key are left out */
    bnf_id *function;       /* by scope; BNF_NONE: not part of one */
    bnf_id *first;          /* by function: its calls */
    uint32_t *callers;      /* by function: calls of it from functions that are not done yet */
    uint32_t *depth;        /* by function: longest way to it, in calls */
    bnf_id *ready;          /* functions that nobody calls any more */
    struct call *list;
    size_t count, capacity;
};

static const char *make_key(struct bnf_buf *buf, const char *domain, const char *name, const char *overload)
{
    buf->size = 0;
    bnf_buf_printf(buf, "%s\n%s\n%s", domain ? domain : "", name ? name : "", overload ? overload : "");
    return bnf_buf_text(buf);
}

/* Numbers the functions, and every scope by the function that it is or lies in. */
static int number(struct calls *c, const struct bnf_graph *g, struct bnf_buf *buf)
{
    for (bnf_id scope = 0; scope < g->scope_count; scope++) {
        const struct bnf_scope *s = &g->scopes[scope];
        c->function[scope] = s->kind == BNF_SCOPE_BODY ? c->function[s->parent] : BNF_NONE;
        if (s->kind != BNF_SCOPE_FUNCTION)
            continue;
        const Onnx__FunctionProto *f = s->function;
        const char *key = make_key(buf, f->domain, f->name, f->overload);
        char *kept = buf->failed ? NULL : bnf_arena_copy(&g->model->arena, key, buf->size);
        c->function[scope] = kept ? bnf_names_add(&c->keys, kept) : BNF_NONE;
        if (c->function[scope] == BNF_NONE)
            return BNF_ENOMEM;
    }
    return BNF_OK;
}

static int collect(struct calls *c, const struct bnf_graph *g, struct bnf_buf *buf)
{
    for (bnf_id node = 0; node < g->node_count; node++) {
        const Onnx__NodeProto *p = g->nodes[node].proto;
        bnf_id caller = c->function[g->nodes[node].scope];
        if (caller == BNF_NONE)
            continue;
        const char *key = make_key(buf, p->domain, p->op_type, p->overload);
        if (buf->failed || !bnf_reserve(&c->list, &c->capacity, c->count + 1, sizeof *c->list))
            return BNF_ENOMEM;
        bnf_id callee = bnf_names_find(&c->keys, key);
        if (callee == BNF_NONE)
            continue;
        c->list[c->count] = (struct call){caller, callee, c->first[caller]};
        c->first[caller] = (bnf_id)c->count++;
        c->callers[callee]++;
    }
    return BNF_OK;
}

/* Takes functions away that nobody calls, until none is left. */
static int unwind(struct calls *c, const struct bnf_graph *g, struct bnf_err *err)
{
    size_t done = 0, ready = 0;
    for (bnf_id f = 0; f < c->keys.count; f++)
        if (c->callers[f] == 0)
            c->ready[ready++] = f;
    for (; done < ready; done++) {
        bnf_id caller = c->ready[done];
        if (c->depth[caller] >= bnf_deepest_call)
            return bnf_fail(err, BNF_ELIMIT, "functions call each other more than %d deep", (int)bnf_deepest_call);
        for (bnf_id i = c->first[caller]; i != BNF_NONE; i = c->list[i].next) {
            bnf_id callee = c->list[i].callee;
            if (c->depth[callee] <= c->depth[caller])
                c->depth[callee] = c->depth[caller] + 1;
            if (--c->callers[callee] == 0)
                c->ready[ready++] = callee;
        }
    }
    for (bnf_id scope = 0; scope < g->scope_count && done < c->keys.count; scope++)
        if (g->scopes[scope].kind == BNF_SCOPE_FUNCTION && c->callers[c->function[scope]]) {
            const char *name = g->scopes[scope].function->name;
            return bnf_fail(err, BNF_EINPUT, "function '%.200s' calls itself, or one that does", name ? name : "");
        }
    return BNF_OK;
}

int bnf_calls_check(const struct bnf_graph *g, struct bnf_err *err)
{
    size_t functions = 0;
    for (bnf_id scope = 0; scope < g->scope_count; scope++)
        functions += g->scopes[scope].kind == BNF_SCOPE_FUNCTION;
    if (functions == 0)
        return BNF_OK;
    struct calls c = {.function = bnf_alloc(g->scope_count, sizeof(bnf_id)),
        .first = bnf_alloc(functions, sizeof(bnf_id)),
        .callers = bnf_alloc(functions, sizeof(uint32_t)),
        .depth = bnf_alloc(functions, sizeof(uint32_t)),
        .ready = bnf_alloc(functions, sizeof(bnf_id))};
    struct bnf_buf buf = {0};
    int status = c.function && c.first && c.callers && c.depth && c.ready ? BNF_OK : BNF_ENOMEM;
    for (size_t i = 0; !status && i < functions; i++)
        c.first[i] = BNF_NONE;
    if (!status)
        status = number(&c, g, &buf);
    if (!status)
        status = collect(&c, g, &buf);
    status = status ? bnf_fail_memory(err) : unwind(&c, g, err);
    bnf_names_free(&c.keys);
    bnf_buf_free(&buf);
    bnf_free(c.function);
    bnf_free(c.first);
    bnf_free(c.callers);
    bnf_free(c.depth);
    bnf_free(c.ready);
    bnf_free(c.list);
    return status;
}
