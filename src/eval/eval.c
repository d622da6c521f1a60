#include "eval/eval.h"

#include "eval/operator.h"

#include <stdio.h>
#include <string.h>

/* ---- preparing ---- */

static bool push(bnf_id *stack, size_t *depth, uint8_t *needed, bnf_id node)
{
    if (node == BNF_NONE || needed[node])
        return false;
    needed[node] = 1;
    stack[(*depth)++] = node;
    return true;
}

static void push_producers(const struct bnf_graph *g, bnf_id scope, bnf_id *stack, size_t *depth, uint8_t *needed)
{
    for (size_t i = 0; i < g->scopes[scope].output_count; i++)
        push(stack, depth, needed, g->values[g->scopes[scope].outputs[i]].producer);
}

/* The model-local function that a node calls, as a scope; BNF_NONE. */
static bnf_id function_of(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *p = g->nodes[node].proto;
    for (bnf_id scope = 1; scope < g->scope_count && g->scopes[scope].kind == BNF_SCOPE_FUNCTION; scope++) {
        const Onnx__FunctionProto *f = g->scopes[scope].function;
        if (f->name && p->op_type && strcmp(f->name, p->op_type) == 0 &&
            strcmp(f->domain ? f->domain : "", p->domain ? p->domain : "") == 0 &&
            strcmp(f->overload ? f->overload : "", p->overload ? p->overload : "") == 0)
            return scope;
    }
    return BNF_NONE;
}

/* What outputs and taps depend on, into bodies and functions. */
static bool mark_needed(struct bnf_eval *eval, const bnf_id *taps, size_t tap_count)
{
    const struct bnf_graph *g = eval->graph;
    bnf_id *stack = bnf_alloc(g->node_count + 1, sizeof *stack);
    size_t depth = 0;
    if (!stack)
        return false;
    push_producers(g, 0, stack, &depth, eval->needed);
    for (size_t i = 0; i < tap_count; i++)
        push(stack, &depth, eval->needed, g->values[taps[i]].producer);
    while (depth) {
        bnf_id node = stack[--depth];
        const struct bnf_node *n = &g->nodes[node];
        for (uint32_t slot = 0; slot < n->input_count; slot++) {
            bnf_id value = bnf_node_input(g, node, slot);
            if (value != BNF_NONE)
                push(stack, &depth, eval->needed, g->values[value].producer);
        }
        for (bnf_id body = n->first_body; body < n->last_body; body++)
            push_producers(g, body, stack, &depth, eval->needed);
        bnf_id function = function_of(g, node);
        if (function != BNF_NONE)
            push_producers(g, function, stack, &depth, eval->needed);
    }
    bnf_free(stack);
    return true;
}

/* A node all of whose results are constants does not run; one that is none after all, as its types or extents turn
 * out, does. */
static bool is_fixed(struct bnf_eval *eval, bnf_id node)
{
    const struct bnf_node *n = &eval->graph->nodes[node];
    for (uint32_t slot = 0; slot < n->output_count; slot++) {
        bnf_id value = bnf_node_output(eval->graph, node, slot);
        const struct bnf_tensor *tensor = NULL;
        if (value == BNF_NONE)
            continue;
        if (!bnf_is_constant(&eval->constants, value) ||
            (!bnf_constant(&eval->constants, value, &tensor, NULL) && !tensor))
            return false;
    }
    return n->output_count > 0;
}

static uint64_t kind_of_node(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *p = g->nodes[node].proto;
    uint64_t hash = bnf_hash(p->op_type, strlen(p->op_type));
    if (p->domain)
        hash = bnf_hash_mix(hash, bnf_hash(p->domain, strlen(p->domain)));
    return bnf_hash_mix(hash, (uint64_t)g->nodes[node].scope);
}

/* Equal keys are not enough: one can make up a domain for which another's is mistaken. */
static bool is_same_kind(const struct bnf_graph *g, bnf_id a, bnf_id b)
{
    const Onnx__NodeProto *p = g->nodes[a].proto, *q = g->nodes[b].proto;
    return g->nodes[a].scope == g->nodes[b].scope && strcmp(p->op_type, q->op_type) == 0 &&
           strcmp(p->domain ? p->domain : "", q->domain ? q->domain : "") == 0;
}

/* The operator of every needed node; nodes of one type in one scope are looked up once. */
static bool find_operators(struct bnf_eval *eval)
{
    const struct bnf_graph *g = eval->graph;
    struct bnf_table known = {0};
    bool fine = true;
    for (bnf_id scope = 0; fine && scope < g->scope_count; scope++) {
        for (size_t i = 0; fine && i < g->scopes[scope].order_count; i++) {
            bnf_id node = g->scopes[scope].order[i];
            if (!eval->needed[node] || is_fixed(eval, node))
                continue;
            uint64_t key = kind_of_node(g, node);
            bnf_id like = bnf_table_get(&known, key);
            const Onnx__NodeProto *p = g->nodes[node].proto;
            if (like != BNF_NONE && is_same_kind(g, like, node))
                eval->operators[node] = eval->operators[like];
            else
                eval->operators[node] =
                    bnf_operator_find(p->domain, p->op_type, bnf_scope_import(&g->scopes[scope], p->domain));
            if (!eval->operators[node] && bnf_node_is_standard(g, node))
                eval->operators[node] = bnf_operator_find("", p->op_type, bnf_node_opset(g, node));
            fine = bnf_table_put(&known, key, node);
            if (!eval->operators[node] && function_of(g, node) == BNF_NONE)
                eval->unsupported[eval->unsupported_count++] = node;
        }
    }
    bnf_table_free(&known);
    return fine;
}

/* How often each value is read by nodes that run, in its own scope; what bodies capture lives as long as the scope. */
static void count_readers(struct bnf_eval *eval)
{
    const struct bnf_graph *g = eval->graph;
    for (size_t i = 0; i < g->use_count; i++) {
        const struct bnf_use *u = &g->uses[i];
        if (u->value == BNF_NONE || !eval->needed[u->node])
            continue;
        eval->reads[u->value]++;
        if (g->nodes[u->node].scope != g->values[u->value].scope)
            eval->keep[u->value] = 1;
    }
    for (bnf_id value = 0; value < g->value_count; value++)
        if (g->values[value].output_uses)
            eval->keep[value] = 1;
}

int bnf_eval_init(struct bnf_eval *eval, struct bnf_graph *graph, enum bnf_precision precision, unsigned threads,
    const bnf_id *taps, size_t tap_count, struct bnf_err *err)
{
    *eval = (struct bnf_eval){
        .graph = graph, .precision = precision, .threads = threads, .round_storage = precision == BNF_PRECISION_FLOAT,
        .budget.most_work = BNF_MOST_WORK};
    bnf_arena_init(&eval->arena, 0);
    size_t values = graph->value_count + 1, nodes = graph->node_count + 1;
    eval->fixed = bnf_alloc(values, sizeof(struct bnf_array *));
    eval->live = bnf_alloc(values, sizeof(struct bnf_array *));
    eval->reads = bnf_alloc(values, sizeof *eval->reads);
    eval->readers = bnf_alloc(values, sizeof *eval->readers);
    eval->keep = bnf_alloc(values, 1);
    eval->needed = bnf_alloc(nodes, 1);
    eval->operators = bnf_alloc(nodes, sizeof(const struct bnf_operator *));
    eval->unsupported = bnf_alloc(nodes, sizeof *eval->unsupported);
    int status = bnf_constants_init(&eval->constants, graph, false, err);
    if (!status && (!eval->fixed || !eval->live || !eval->reads || !eval->readers || !eval->keep || !eval->needed ||
                       !eval->operators || !eval->unsupported || !mark_needed(eval, taps, tap_count) ||
                       !find_operators(eval)))
        status = bnf_fail_memory(err);
    if (status) {
        bnf_eval_free(eval);
        return status;
    }
    count_readers(eval);
    for (size_t i = 0; i < tap_count; i++)
        eval->keep[taps[i]] = 1;
    return BNF_OK;
}

void bnf_eval_free(struct bnf_eval *eval)
{
    for (size_t i = 0; eval->graph && i < eval->graph->value_count; i++) {
        if (eval->live)
            bnf_array_drop(&eval->budget, eval->live[i]);
        if (eval->fixed)
            bnf_array_drop(&eval->budget, eval->fixed[i]);
    }
    bnf_budget_clear(&eval->budget);
    bnf_free(eval->fixed);
    bnf_free(eval->live);
    bnf_free(eval->reads);
    bnf_free(eval->readers);
    bnf_free(eval->keep);
    bnf_free(eval->needed);
    bnf_free(eval->operators);
    bnf_free(eval->unsupported);
    bnf_constants_free(&eval->constants);
    bnf_arena_free(&eval->arena);
    *eval = (struct bnf_eval){0};
}

/* ---- running ---- */

/* String initializers are no constants of the fold, but values of a run. */
static struct bnf_array *text_array(struct bnf_eval *eval, const Onnx__TensorProto *t)
{
    struct bnf_array *a =
        bnf_array_new(&eval->budget, BNF_DTYPE_STRING, eval->precision, t->n_dims <= bnf_most_rank ? t->n_dims : 0, t->dims);
    if (!a || a->count != t->n_string_data)
        return a;
    for (size_t i = 0; i < a->count; i++) {
        const char *text =
            bnf_arena_copy(&eval->arena, (const char *)t->string_data[i].data, t->string_data[i].len);
        ((const char **)a->data)[i] = text ? text : "";
    }
    return a;
}

/* A constant's array, converted at first use; *out is NULL when the value is none. */
static int fixed_array(struct bnf_eval *eval, bnf_id value, struct bnf_array **out, struct bnf_err *err)
{
    const struct bnf_value *v = &eval->graph->values[value];
    *out = eval->fixed[value];
    if (*out)
        return BNF_OK;
    const struct bnf_tensor *tensor = NULL;
    if (bnf_is_constant(&eval->constants, value)) {
        int status = bnf_constant(&eval->constants, value, &tensor, err);
        if (status)
            return status;
    }
    bool is_text = v->initializer && v->initializer->data_type == BNF_DTYPE_STRING;
    bool is_number = tensor && (bnf_dtype_is_float(tensor->dtype) || bnf_dtype_is_integer(tensor->dtype));
    if (!is_text && !is_number)
        return BNF_OK; /* complex, float8: nobody here computes with them */
    eval->fixed[value] =
        is_text ? text_array(eval, v->initializer) : bnf_array_from_tensor(&eval->budget, tensor, eval->precision);
    *out = eval->fixed[value];
    return *out ? BNF_OK : bnf_fail_memory(err);
}

static int get(struct bnf_eval *eval, bnf_id value, struct bnf_array **out, struct bnf_err *err)
{
    *out = eval->live[value];
    return *out ? BNF_OK : fixed_array(eval, value, out, err);
}

static void release(struct bnf_eval *eval, bnf_id value)
{
    bnf_array_drop(&eval->budget, eval->live[value]);
    eval->live[value] = NULL;
}

enum { most_slots = 4096 };

struct slots {
    struct bnf_array **in, **out;
    bool *wanted;
};

static void block(struct bnf_eval *eval, bnf_id node, const char *why)
{
    char text[200];
    if (*eval->blocked)
        return; /* the first one tells */
    snprintf(eval->blocked, sizeof eval->blocked, "%.60s '%s' cannot run: %.180s",
        eval->graph->nodes[node].proto->op_type, bnf_node_text(eval->graph, node, text, sizeof text), why);
}

/* Runs a function for a node that calls it. */
static int call_function(struct bnf_eval *eval, bnf_id function, const Onnx__NodeProto *call, struct slots *s,
    const struct bnf_node *n, struct bnf_err *err)
{
    const struct bnf_caller outer = eval->caller;
    eval->caller = (struct bnf_caller){call, eval->graph->scopes[function].function};
    int status = bnf_eval_round(eval, err);
    if (!status)
        status = bnf_eval_body(eval, function, s->in, n->input_count, s->out, n->output_count, err);
    eval->caller = outer;
    return status;
}

/* What it takes to look at arrays: their elements, or the rows of an array whose rows are empty. */
static double steps_over(struct bnf_array *const *arrays, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct bnf_array *a = arrays[i];
        double rows = a && a->count == 0 ? 1 : 0;
        for (size_t k = 0; rows > 0 && k < a->rank; k++)
            rows *= a->dims[k] > 0 ? (double)a->dims[k] : 1;
        sum += a ? (double)a->count + rows : 0;
    }
    return sum;
}

/* Calls the operator, or the model-local function. */
static int call_node(struct bnf_eval *eval, bnf_id node, struct slots *s, struct bnf_arena *scratch,
    struct bnf_err *err)
{
    const struct bnf_graph *g = eval->graph;
    const struct bnf_node *n = &g->nodes[node];
    const Onnx__NodeProto *proto = bnf_references_resolve(n->proto, &eval->caller, scratch);
    if (!proto)
        return bnf_fail_memory(err);
    if (!eval->operators[node]) {
        bnf_id function = function_of(g, node);
        if (function == BNF_NONE)
            return bnf_fail(err, BNF_CANNOT, "there is no such operator in the evaluator");
        return call_function(eval, function, proto, s, n, err);
    }
    struct bnf_call call = {.eval = eval,
        .budget = &eval->budget,
        .arena = scratch,
        .graph = g,
        .node = node,
        .proto = proto,
        .opset = bnf_scope_import(&g->scopes[n->scope], n->proto->domain),
        .precision = eval->precision,
        .threads = eval->threads,
        .input_count = n->input_count,
        .output_count = n->output_count,
        .in = s->in,
        .out = s->out,
        .wanted = s->wanted,
        .err = err};
    if (call.opset == 0)
        call.opset = bnf_node_opset(g, node);
    int status = bnf_call_work(&call, steps_over(s->in, n->input_count));
    if (!status)
        status = eval->operators[node]->run[eval->precision](&call);
    eval->budget.work += steps_over(s->out, n->output_count);
    return status;
}

/* Takes the results over; those nobody reads go at once. False when memory is out. */
static bool store_results(struct bnf_eval *eval, bnf_id node, struct slots *s)
{
    const struct bnf_graph *g = eval->graph;
    bool whole = true;
    for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        struct bnf_array *a = s->out[slot];
        if (value == BNF_NONE || !a || (!eval->readers[value] && !eval->keep[value])) {
            bnf_array_drop(&eval->budget, a);
            continue;
        }
        if (eval->round_storage && a->kind == BNF_KIND_REAL && !a->owner)
            bnf_array_round(a);
        if (eval->alter && a->kind == BNF_KIND_REAL && !a->owner && a->references == 1)
            a = eval->alter(eval->alter_context, &eval->budget, a, value);
        whole = whole && a;
        release(eval, value);
        eval->live[value] = a;
    }
    return whole;
}

static void release_inputs(struct bnf_eval *eval, bnf_id node)
{
    const struct bnf_graph *g = eval->graph;
    for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        if (value == BNF_NONE || g->values[value].scope != g->nodes[node].scope)
            continue;
        if (eval->readers[value] && --eval->readers[value] == 0 && !eval->keep[value])
            release(eval, value);
    }
}

/* Runs one node. *ran: it did; false when an input was not computed or the form is not supported. */
static int run_node(struct bnf_eval *eval, bnf_id node, struct slots *s, struct bnf_arena *scratch, bool *ran,
    struct bnf_err *err)
{
    const struct bnf_graph *g = eval->graph;
    const struct bnf_node *n = &g->nodes[node];
    struct bnf_err local = {0};
    char text[256];
    *ran = false;
    if (n->input_count > most_slots || n->output_count > most_slots)
        return bnf_fail(err, BNF_ELIMIT, "node '%s' has more than %d inputs or outputs",
            bnf_node_text(g, node, text, sizeof text), most_slots);
    for (uint32_t slot = 0; slot < n->input_count; slot++) {
        bnf_id value = bnf_node_input(g, node, slot);
        s->in[slot] = NULL;
        if (value == BNF_NONE)
            continue;
        int status = get(eval, value, &s->in[slot], err);
        if (status)
            return status;
        if (!s->in[slot])
            return BNF_OK; /* what it depends on did not run */
    }
    for (uint32_t slot = 0; slot < n->output_count; slot++) {
        bnf_id value = bnf_node_output(g, node, slot);
        s->out[slot] = NULL;
        s->wanted[slot] = value != BNF_NONE && (eval->readers[value] || eval->keep[value]);
    }
    int status = call_node(eval, node, s, scratch, &local);
    if (status == BNF_OK) {
        if (!store_results(eval, node, s))
            return bnf_fail_memory(err);
        *ran = true;
    } else {
        for (uint32_t slot = 0; slot < n->output_count; slot++)
            bnf_array_drop(&eval->budget, s->out[slot]);
        if (status == BNF_CANNOT)
            block(eval, node, local.text);
        else
            return bnf_fail(err, status, "%s '%s': %s", n->proto->op_type, bnf_node_text(g, node, text, sizeof text),
                local.text);
    }
    release_inputs(eval, node);
    bnf_arena_free(scratch);
    return BNF_OK;
}

/* For the widest node of a scope: a body that runs often has to begin quickly. */
static bool make_slots(struct slots *s, const struct bnf_graph *g, const struct bnf_scope *scope)
{
    size_t most = 1;
    for (size_t i = 0; i < scope->order_count; i++) {
        const struct bnf_node *n = &g->nodes[scope->order[i]];
        size_t wide = n->input_count > n->output_count ? n->input_count : n->output_count;
        most = wide > most && wide <= most_slots ? wide : most;
    }
    s->in = bnf_alloc(most, sizeof(struct bnf_array *));
    s->out = bnf_alloc(most, sizeof(struct bnf_array *));
    s->wanted = bnf_alloc(most, sizeof *s->wanted);
    return s->in && s->out && s->wanted;
}

static void free_slots(struct slots *s)
{
    bnf_free(s->in);
    bnf_free(s->out);
    bnf_free(s->wanted);
}

static void arm_readers(struct bnf_eval *eval, bnf_id scope)
{
    const struct bnf_graph *g = eval->graph;
    const struct bnf_scope *s = &g->scopes[scope];
    for (size_t i = 0; i < s->input_count; i++)
        eval->readers[s->inputs[i]] = eval->reads[s->inputs[i]];
    for (size_t i = 0; i < s->order_count; i++) {
        for (uint32_t slot = 0; slot < g->nodes[s->order[i]].output_count; slot++) {
            bnf_id value = bnf_node_output(g, s->order[i], slot);
            if (value != BNF_NONE)
                eval->readers[value] = eval->reads[value];
        }
    }
}

/* Runs the nodes of one scope, whose inputs are live. */
static int run_scope(struct bnf_eval *eval, bnf_id scope, size_t *needed, size_t *runs, struct bnf_err *err)
{
    const struct bnf_scope *sc = &eval->graph->scopes[scope];
    struct slots slots = {0};
    struct bnf_arena scratch;
    bnf_arena_init(&scratch, 0);
    int status = make_slots(&slots, eval->graph, sc) ? BNF_OK : bnf_fail_memory(err);
    for (size_t i = 0; !status && i < sc->order_count; i++) {
        bnf_id node = sc->order[i];
        bool ran;
        if (!eval->needed[node] || is_fixed(eval, node))
            continue;
        status = run_node(eval, node, &slots, &scratch, &ran, err);
        *needed += 1;
        *runs += !status && ran;
    }
    bnf_arena_free(&scratch);
    free_slots(&slots);
    return status;
}

static void release_scope(struct bnf_eval *eval, bnf_id scope)
{
    const struct bnf_graph *g = eval->graph;
    const struct bnf_scope *s = &g->scopes[scope];
    for (size_t i = 0; i < s->input_count; i++)
        release(eval, s->inputs[i]);
    for (size_t i = 0; i < s->order_count; i++) {
        for (uint32_t slot = 0; slot < g->nodes[s->order[i]].output_count; slot++) {
            bnf_id value = bnf_node_output(g, s->order[i], slot);
            if (value != BNF_NONE)
                release(eval, value);
        }
    }
}

int bnf_eval_run(struct bnf_eval *eval, struct bnf_array *const *feeds, struct bnf_err *err)
{
    const struct bnf_scope *main = &eval->graph->scopes[0];
    release_scope(eval, 0);
    arm_readers(eval, 0);
    eval->node_runs = eval->node_needed = eval->rounds = 0;
    eval->budget.work = 0;
    *eval->blocked = 0;
    for (size_t i = 0; i < main->input_count; i++)
        eval->live[main->inputs[i]] = bnf_array_hold(feeds[i]);
    int status = run_scope(eval, 0, &eval->node_needed, &eval->node_runs, err);
    for (size_t i = 0; !status && i < main->output_count; i++) {
        struct bnf_array *a; /* an output may be a constant that nobody read */
        status = get(eval, main->outputs[i], &a, err);
    }
    if (status)
        release_scope(eval, 0);
    return status;
}

struct bnf_array *bnf_eval_value(const struct bnf_eval *eval, bnf_id value)
{
    return eval->live[value] ? eval->live[value] : eval->fixed[value];
}

int bnf_eval_round(struct bnf_eval *eval, struct bnf_err *err)
{
    if (eval->rounds == bnf_most_rounds)
        return bnf_fail(err, BNF_CANNOT, "the bodies of loops and functions ran %d times in this run and want to run on",
            bnf_most_rounds);
    eval->rounds++;
    return BNF_OK;
}

int bnf_eval_body(struct bnf_eval *eval, bnf_id scope, struct bnf_array *const *inputs, size_t input_count,
    struct bnf_array **out, size_t output_count, struct bnf_err *err)
{
    const struct bnf_scope *s = &eval->graph->scopes[scope];
    if (input_count > s->input_count || output_count > s->output_count)
        return bnf_fail(err, BNF_EINPUT, "its body has %zu inputs and %zu outputs, not %zu and %zu", s->input_count,
            s->output_count, input_count, output_count);
    arm_readers(eval, scope);
    for (size_t i = 0; i < input_count; i++)
        eval->live[s->inputs[i]] = bnf_array_hold(inputs[i]);
    size_t needed = 0, runs = 0;
    int status = run_scope(eval, scope, &needed, &runs, err);
    for (size_t i = 0; !status && i < output_count; i++) {
        struct bnf_array *a = NULL;
        status = get(eval, s->outputs[i], &a, err);
        if (!status && !a)
            status = bnf_fail(err, BNF_CANNOT, "%s", *eval->blocked ? eval->blocked : "its body did not run through");
        out[i] = status ? NULL : bnf_array_hold(a);
    }
    release_scope(eval, scope);
    return status;
}
