/* Scan: a body over slices of its inputs. Since operator set 9 the slices are along any axis; before, every input has a
 * batch axis in front of the one that is scanned, and sequences of a batch may end early. */
#include "eval/real/real.h"

#include "eval/eval.h"
#include "eval/parts.h"
#include "eval/real/body.h"

#include <inttypes.h>
#include <string.h>

struct scan {
    struct bnf_call *call;
    bnf_id scope;
    const struct bnf_scope *body;
    size_t first;                     /* slot of the first state: 1 where sequence_lens comes before */
    size_t states, inputs, outputs;   /* inputs and outputs that are scanned */
    struct bnf_array **in, **out;     /* of the body: [states + inputs], [states + outputs] */
    struct R(bnf_list) *lists;        /* [outputs] */
};

/* Number `i` of a list attribute, 0 when it is absent. */
static int64_t listed(const struct scan *s, const char *attribute, size_t i)
{
    size_t count;
    const int64_t *ints = bnf_attr_ints(s->call->proto, attribute, &count);
    return i < count ? ints[i] : 0;
}

static int prepare(struct scan *s)
{
    struct bnf_call *call = s->call;
    int status = R(bnf_body_find)(call, "body", &s->scope);
    if (status)
        return status;
    s->body = &call->graph->scopes[s->scope];
    s->first = call->opset < 9 ? 1 : 0;
    int64_t inputs = bnf_attr_int(call->proto, "num_scan_inputs", 0);
    size_t slots = call->input_count < s->first ? 0 : call->input_count - s->first;
    if (inputs < 1 || (uint64_t)inputs > slots)
        return bnf_call_wrong(call, "its num_scan_inputs is %" PRId64 ", allowed are 1 to %zu", inputs, slots);
    s->inputs = (size_t)inputs;
    s->states = slots - s->inputs;
    if (s->body->output_count < s->states || call->output_count > s->body->output_count)
        return bnf_call_wrong(call, "its body has %zu outputs for %zu states", s->body->output_count, s->states);
    s->outputs = s->body->output_count - s->states;
    for (size_t i = s->first; i < call->input_count; i++)
        if (!call->in[i])
            return bnf_call_wrong(call, "its input %zu is absent", i);
    s->in = bnf_arena_alloc(call->arena, slots, sizeof *s->in);
    s->out = bnf_arena_alloc(call->arena, s->body->output_count, sizeof *s->out);
    s->lists = bnf_arena_alloc(call->arena, s->outputs, sizeof *s->lists);
    return s->in && s->out && s->lists ? BNF_OK : bnf_fail_memory(call->err);
}

/* One round: s->in has the states; the scanned inputs are cut at `at` of their length. */
static int scan_round(struct scan *s, struct bnf_array *const *from, const size_t *axes, const char *directions,
    size_t at)
{
    struct bnf_call *call = s->call;
    struct bnf_array **slices = s->in + s->states;
    int status = bnf_eval_round(call->eval, call->err);
    for (size_t i = 0; i < s->inputs && !status; i++) {
        size_t length = (size_t)from[i]->dims[axes[i]];
        size_t place = listed(s, directions, i) ? length - 1 - at : at;
        status = bnf_part(call, from[i], axes[i], place, 1, true, &slices[i]);
    }
    if (!status)
        status = bnf_eval_body(
            call->eval, s->scope, s->in, s->states + s->inputs, s->out, s->states + s->outputs, call->err);
    R(bnf_body_drop)(call, slices, s->inputs);
    for (size_t i = 0; i < s->outputs && !status; i++) {
        status = R(bnf_list_add)(call, &s->lists[i], s->out[s->states + i]);
        if (!status)
            s->out[s->states + i] = NULL; /* the list's now */
    }
    if (status) {
        R(bnf_body_drop)(call, s->out, s->states + s->outputs);
        return status;
    }
    R(bnf_body_drop)(call, s->in, s->states);
    memcpy(s->in, s->out, s->states * sizeof *s->in);
    memset(s->out, 0, s->states * sizeof *s->out);
    return BNF_OK;
}

static void clear(struct scan *s)
{
    R(bnf_body_drop)(s->call, s->in, s->states);
    for (size_t i = 0; i < s->outputs; i++)
        R(bnf_list_free)(s->call, &s->lists[i]);
}

/* ---- since operator set 9 ---- */

/* The axes, and their common length. */
static int find_axes(struct scan *s, size_t *axes, size_t *length)
{
    struct bnf_call *call = s->call;
    *length = 0;
    for (size_t i = 0; i < s->inputs; i++) {
        const struct bnf_array *x = call->in[s->states + i];
        int64_t axis = listed(s, "scan_input_axes", i);
        if (!bnf_axis(axis, x->rank, &axes[i]))
            return bnf_call_wrong(call, "there is no axis %" PRId64 " in scanned input %zu of rank %zu", axis, i, x->rank);
        size_t extent = (size_t)x->dims[axes[i]];
        if (i && extent != *length)
            return bnf_call_wrong(call, "scanned input %zu has %zu slices, the first has %zu", i, extent, *length);
        *length = extent;
    }
    return BNF_OK;
}

/* Turns the order of a list around, for outputs that grow from the front. */
static void turn(struct R(bnf_list) * list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        struct bnf_array *swap = list->items[i];
        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = swap;
    }
}

static int scan_all(struct scan *s)
{
    struct bnf_call *call = s->call;
    size_t length = 0, *axes = bnf_arena_alloc(call->arena, s->inputs, sizeof *axes);
    int status = axes ? find_axes(s, axes, &length) : bnf_fail_memory(call->err);
    if (status)
        return status;
    for (size_t i = 0; i < s->states; i++)
        s->in[i] = bnf_array_hold(call->in[i]);
    for (size_t at = 0; at < length && !status; at++)
        status = scan_round(s, call->in + s->states, axes, "scan_input_directions", at);
    for (size_t i = 0; i < call->output_count && !status; i++) {
        if (i < s->states) {
            call->out[i] = bnf_array_hold(s->in[i]);
            continue;
        }
        size_t k = i - s->states;
        if (listed(s, "scan_output_directions", k))
            turn(&s->lists[k]);
        status = R(bnf_list_stack)(
            call, &s->lists[k], listed(s, "scan_output_axes", k), s->body->outputs[i], &call->out[i]);
    }
    clear(s);
    return status;
}

/* ---- operator set 8 ---- */

struct batches {
    size_t count, length;            /* of the batch, of the longest sequence */
    struct bnf_array **from;         /* the scanned inputs of one sequence: [inputs] */
    size_t *axes;                    /* all 0 */
    struct R(bnf_list) *results;     /* one item for each sequence: [states + outputs] */
};

static int find_batches(struct scan *s, struct batches *b)
{
    struct bnf_call *call = s->call;
    const struct bnf_array *lengths = call->in[0];
    for (size_t i = s->first; i < call->input_count; i++) {
        const struct bnf_array *x = call->in[i];
        bool scanned = i >= s->first + s->states;
        if (x->rank < (scanned ? 2u : 1u))
            return bnf_call_wrong(call, "its input %zu has rank %zu", i, x->rank);
        if (i == s->first)
            b->count = (size_t)x->dims[0];
        if (i == s->first + s->states)
            b->length = (size_t)x->dims[1];
        if ((size_t)x->dims[0] != b->count || (scanned && (size_t)x->dims[1] != b->length))
            return bnf_call_wrong(call, "its input %zu has other batch or sequence extents than those before", i);
    }
    if (lengths && (lengths->kind != BNF_KIND_INT || lengths->count != b->count))
        return bnf_call_wrong(call, "sequence_lens should have %zu integers", b->count);
    for (size_t i = 0; lengths && i < b->count; i++) {
        int64_t length = ((const int64_t *)lengths->data)[i];
        if (length < 0 || (uint64_t)length > b->length)
            return bnf_call_wrong(call, "sequence %zu has length %" PRId64 ", allowed are 0 to %zu", i, length, b->length);
    }
    b->from = bnf_arena_alloc(call->arena, s->inputs, sizeof *b->from);
    b->axes = bnf_arena_alloc(call->arena, s->inputs, sizeof *b->axes);
    b->results = bnf_arena_alloc(call->arena, s->states + s->outputs, sizeof *b->results);
    return b->from && b->axes && b->results ? BNF_OK : bnf_fail_memory(call->err);
}

/* Behind a sequence's end its scanned outputs are zeros. */
static int pad(struct scan *s, struct R(bnf_list) * list, size_t length)
{
    struct bnf_call *call = s->call;
    while (list->count && list->count < length) {
        const struct bnf_array *like = list->items[0];
        struct bnf_array *zeros = bnf_array_new(call->budget, like->dtype, like->precision, like->rank, like->dims);
        if (!zeros)
            return bnf_fail_memory(call->err);
        memset(zeros->data, 0, zeros->count * bnf_kind_size(zeros->kind, zeros->precision));
        int status = R(bnf_list_add)(call, list, zeros);
        if (status) {
            bnf_array_drop(call->budget, zeros);
            return status;
        }
    }
    return BNF_OK;
}

/* Scans sequence b and puts what it gives into the results. */
static int scan_sequence(struct scan *s, struct batches *batches, size_t b)
{
    struct bnf_call *call = s->call;
    const struct bnf_array *lengths = call->in[0];
    size_t length = lengths ? (size_t)((const int64_t *)lengths->data)[b] : batches->length;
    int status = BNF_OK;
    for (size_t i = 0; i < s->states && !status; i++)
        status = bnf_part(call, call->in[s->first + i], 0, b, 1, true, &s->in[i]);
    for (size_t i = 0; i < s->inputs && !status; i++) {
        struct bnf_array *whole;
        status = bnf_part(call, call->in[s->first + s->states + i], 0, b, 1, true, &whole);
        if (status)
            break;
        status = bnf_part(call, whole, 0, 0, length, false, &batches->from[i]);
        bnf_array_drop(call->budget, whole);
    }
    for (size_t at = 0; at < length && !status; at++)
        status = scan_round(s, batches->from, batches->axes, "directions", at);
    R(bnf_body_drop)(call, batches->from, s->inputs);
    for (size_t i = 0; i < s->states + s->outputs && !status; i++) {
        struct bnf_array *result = i < s->states ? bnf_array_hold(s->in[i]) : NULL;
        if (i >= s->states)
            status = pad(s, &s->lists[i - s->states], batches->length);
        if (i >= s->states && !status)
            status = R(bnf_list_stack)(call, &s->lists[i - s->states], 0, s->body->outputs[i], &result);
        if (!status)
            status = R(bnf_list_add)(call, &batches->results[i], result);
        if (status)
            bnf_array_drop(call->budget, result);
    }
    clear(s);
    return status;
}

static int scan_batches(struct scan *s)
{
    struct bnf_call *call = s->call;
    struct batches batches = {0};
    int status = find_batches(s, &batches);
    if (status)
        return status;
    for (size_t b = 0; b < batches.count && !status; b++)
        status = scan_sequence(s, &batches, b);
    for (size_t i = 0; i < call->output_count && !status; i++)
        status = R(bnf_list_stack)(call, &batches.results[i], 0, s->body->outputs[i], &call->out[i]);
    for (size_t i = 0; i < s->states + s->outputs; i++)
        R(bnf_list_free)(call, &batches.results[i]);
    return status;
}

int R(bnf_op_scan)(struct bnf_call *call)
{
    struct scan s = {.call = call};
    int status = prepare(&s);
    if (status)
        return status;
    return s.first ? scan_batches(&s) : scan_all(&s);
}
