/* Operators with bodies: If, Loop, SequenceMap. */
#include "eval/real/real.h"

#include "eval/eval.h"
#include "eval/parts.h"
#include "eval/real/body.h"
#include "eval/sequence.h"

#include <inttypes.h>

/* The truth of an input; *out keeps its value when the input is absent. */
static int take_condition(struct bnf_call *call, const struct bnf_array *condition, bool *out)
{
    if (!condition)
        return BNF_OK;
    if (condition->kind != BNF_KIND_INT || condition->count != 1)
        return bnf_call_wrong(call, "its condition should be one bool");
    *out = *(const int64_t *)condition->data != 0;
    return BNF_OK;
}

static struct bnf_array *scalar(struct bnf_call *call, int dtype, int64_t value)
{
    struct bnf_array *array = bnf_array_new(call->budget, dtype, call->precision, 0, NULL);
    if (array)
        *(int64_t *)array->data = value;
    return array;
}

int R(bnf_op_if)(struct bnf_call *call)
{
    bool condition = false;
    bnf_id scope;
    int status = bnf_call_input(call, 0) ? take_condition(call, call->in[0], &condition)
                                         : bnf_call_wrong(call, "it has no condition");
    if (!status)
        status = R(bnf_body_find)(call, condition ? "then_branch" : "else_branch", &scope);
    return status ? status : bnf_eval_body(call->eval, scope, NULL, 0, call->out, call->output_count, call->err);
}

/* ---- Loop ---- */

struct loop {
    struct bnf_call *call;
    bnf_id scope;
    size_t carried, scans;
    struct bnf_array **in, **out; /* of the body: [2 + carried], [1 + carried + scans] */
    struct R(bnf_list) *lists;    /* [scans] */
};

static int loop_round(struct loop *l, int64_t round, bool *go_on)
{
    struct bnf_call *call = l->call;
    l->in[0] = scalar(call, BNF_DTYPE_INT64, round);
    l->in[1] = scalar(call, BNF_DTYPE_BOOL, *go_on);
    int status = l->in[0] && l->in[1] ? BNF_OK : bnf_fail_memory(call->err);
    size_t outputs = 1 + l->carried + l->scans;
    if (!status)
        status = bnf_eval_body(call->eval, l->scope, l->in, 2 + l->carried, l->out, outputs, call->err);
    R(bnf_body_drop)(call, l->in, 2);
    if (!status)
        status = take_condition(call, l->out[0], go_on);
    for (size_t i = 0; i < l->scans && !status; i++) {
        status = R(bnf_list_add)(call, &l->lists[i], l->out[1 + l->carried + i]);
        if (!status)
            l->out[1 + l->carried + i] = NULL; /* the list's now */
    }
    if (status) {
        R(bnf_body_drop)(call, l->out, outputs);
        return status;
    }
    R(bnf_body_drop)(call, l->out, 1);
    R(bnf_body_drop)(call, l->in + 2, l->carried);
    for (size_t i = 0; i < l->carried; i++) {
        l->in[2 + i] = l->out[1 + i];
        l->out[1 + i] = NULL;
    }
    return BNF_OK;
}

static int loop_rounds(struct loop *l)
{
    struct bnf_call *call = l->call;
    const struct bnf_array *limit = bnf_call_input(call, 0);
    bool go_on = true;
    int status = take_condition(call, bnf_call_input(call, 1), &go_on);
    if (!status && limit && (limit->kind != BNF_KIND_INT || limit->count != 1))
        status = bnf_call_wrong(call, "its trip count should be one integer");
    int64_t most = !status && limit ? *(const int64_t *)limit->data : INT64_MAX;
    for (int64_t round = 0; !status && go_on && round < most; round++) {
        status = bnf_eval_round(call->eval, call->err);
        if (!status)
            status = loop_round(l, round, &go_on);
    }
    return status;
}

int R(bnf_op_loop)(struct bnf_call *call)
{
    struct loop l = {.call = call, .carried = call->input_count > 2 ? call->input_count - 2 : 0};
    int status = R(bnf_body_find)(call, "body", &l.scope);
    if (status)
        return status;
    const struct bnf_scope *body = &call->graph->scopes[l.scope];
    if (body->output_count < 1 + l.carried || call->output_count > body->output_count - 1)
        return bnf_call_wrong(call, "its body has %zu outputs for %zu values that it carries", body->output_count,
            l.carried);
    l.scans = body->output_count - 1 - l.carried;
    l.in = bnf_arena_alloc(call->arena, 2 + l.carried, sizeof *l.in);
    l.out = bnf_arena_alloc(call->arena, body->output_count, sizeof *l.out);
    l.lists = bnf_arena_alloc(call->arena, l.scans, sizeof *l.lists);
    if (!l.in || !l.out || !l.lists)
        return bnf_fail_memory(call->err);
    for (size_t i = 0; i < l.carried; i++)
        l.in[2 + i] = bnf_array_hold(call->in[2 + i]);
    status = loop_rounds(&l);
    for (size_t i = 0; !status && i < call->output_count; i++) {
        if (i < l.carried)
            call->out[i] = bnf_array_hold(l.in[2 + i]);
        else
            status = R(bnf_list_stack)(
                call, &l.lists[i - l.carried], 0, body->outputs[1 + i], &call->out[i]);
    }
    R(bnf_body_drop)(call, l.in + 2, l.carried);
    for (size_t i = 0; i < l.scans; i++)
        R(bnf_list_free)(call, &l.lists[i]);
    return status;
}

/* ---- SequenceMap ---- */

static int map_element(struct bnf_call *call, bnf_id scope, size_t at, struct bnf_array **in, struct bnf_array **out)
{
    for (size_t i = 0; i < call->input_count; i++) {
        struct bnf_array *x = call->in[i];
        if (x && x->kind == BNF_KIND_SEQUENCE && at >= x->count)
            return bnf_call_wrong(call, "its sequence %zu is shorter than the first", i);
        in[i] = x && x->kind == BNF_KIND_SEQUENCE ? bnf_sequence_elements(x)[at] : x;
    }
    int status = bnf_eval_round(call->eval, call->err);
    if (!status)
        status = bnf_eval_body(call->eval, scope, in, call->input_count, out, call->output_count, call->err);
    if (status)
        R(bnf_body_drop)(call, out, call->output_count);
    for (size_t i = 0; i < call->output_count && !status; i++) {
        call->out[i]->dtype = out[i]->dtype;
        bnf_sequence_elements(call->out[i])[at] = out[i];
        out[i] = NULL;
    }
    return status;
}

int R(bnf_op_sequence_map)(struct bnf_call *call)
{
    const struct bnf_array *first = bnf_call_input(call, 0);
    bnf_id scope;
    int status = R(bnf_body_find)(call, "body", &scope);
    if (!status && (!first || first->kind != BNF_KIND_SEQUENCE))
        status = bnf_call_wrong(call, "its first input should be a sequence");
    if (status)
        return status;
    struct bnf_array **in = bnf_arena_alloc(call->arena, call->input_count, sizeof *in);
    struct bnf_array **out = bnf_arena_alloc(call->arena, call->output_count, sizeof *out);
    bool made = in && out;
    for (size_t i = 0; made && i < call->output_count; i++) {
        call->out[i] = bnf_sequence_new(call->budget, BNF_DTYPE_UNDEFINED, first->count);
        made = call->out[i] != NULL;
    }
    if (!made)
        return bnf_fail_memory(call->err);
    for (size_t at = 0; at < first->count && !status; at++)
        status = map_element(call, scope, at, in, out);
    return status;
}
