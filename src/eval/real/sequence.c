/* Sequences and optionals. */
#include "eval/real/real.h"

#include "eval/parts.h"
#include "eval/sequence.h"

#include <inttypes.h>

/* Output 0 is a sequence of `count` places. */
static struct bnf_array **make_sequence(struct bnf_call *call, int dtype, size_t count)
{
    call->out[0] = bnf_sequence_new(call->budget, dtype, count);
    if (!call->out[0]) {
        bnf_fail_memory(call->err);
        return NULL;
    }
    return bnf_sequence_elements(call->out[0]);
}

static int take_sequence(struct bnf_call *call, const struct bnf_array **out)
{
    *out = bnf_call_input(call, 0);
    if (!*out || (*out)->kind != BNF_KIND_SEQUENCE)
        return bnf_call_wrong(call, "its first input should be a sequence");
    return BNF_OK;
}

/* The place that an input names, 0 … most, from the end when negative; *place stays when the input is absent. */
static int take_place(struct bnf_call *call, size_t slot, size_t count, size_t most, size_t *place)
{
    const struct bnf_array *given = bnf_call_input(call, slot);
    if (!given)
        return BNF_OK;
    if (given->kind != BNF_KIND_INT || given->count != 1)
        return bnf_call_wrong(call, "its position should be one integer");
    int64_t at = *(const int64_t *)given->data, from = at < 0 ? at + (int64_t)count : at;
    if (from < 0 || (uint64_t)from > most)
        return bnf_call_wrong(call, "there is no place %" PRId64 " in a sequence of %zu", at, count);
    *place = (size_t)from;
    return BNF_OK;
}

/* The same among the elements that are there; there must be one. */
static int take_element(struct bnf_call *call, const struct bnf_array **from, size_t *place)
{
    int status = take_sequence(call, from);
    if (status)
        return status;
    if ((*from)->count == 0)
        return bnf_call_wrong(call, "the sequence is empty");
    *place = (*from)->count - 1;
    return take_place(call, 1, (*from)->count, (*from)->count - 1, place);
}

int R(bnf_op_sequence_construct)(struct bnf_call *call)
{
    const struct bnf_array *first = bnf_call_input(call, 0);
    struct bnf_array **elements = make_sequence(call, first ? first->dtype : 0, call->input_count);
    for (size_t i = 0; elements && i < call->input_count; i++) {
        if (!call->in[i])
            return bnf_call_wrong(call, "its input %zu is absent", i);
        elements[i] = bnf_array_hold(call->in[i]);
    }
    return elements ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_sequence_empty)(struct bnf_call *call)
{
    int dtype = (int)bnf_attr_int(call->proto, "dtype", BNF_DTYPE_FLOAT);
    return make_sequence(call, dtype, 0) ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_sequence_insert)(struct bnf_call *call)
{
    const struct bnf_array *from;
    struct bnf_array *added = bnf_call_input(call, 1);
    int status = take_sequence(call, &from);
    if (status)
        return status;
    size_t count = from->count, place = count;
    status = added ? take_place(call, 2, count, count, &place) : bnf_call_wrong(call, "there is nothing to insert");
    if (status)
        return status;
    struct bnf_array **old = bnf_sequence_elements(from), **elements = make_sequence(call, added->dtype, count + 1);
    for (size_t i = 0; elements && i <= count; i++)
        elements[i] = bnf_array_hold(i == place ? added : old[i < place ? i : i - 1]);
    return elements ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_sequence_erase)(struct bnf_call *call)
{
    const struct bnf_array *from = NULL;
    size_t place = 0;
    int status = take_element(call, &from, &place);
    if (status)
        return status;
    struct bnf_array **old = bnf_sequence_elements(from);
    struct bnf_array **elements = make_sequence(call, from->dtype, from->count - 1);
    for (size_t i = 0; elements && i + 1 < from->count; i++)
        elements[i] = bnf_array_hold(old[i < place ? i : i + 1]);
    return elements ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_sequence_at)(struct bnf_call *call)
{
    const struct bnf_array *from = NULL;
    size_t place = 0;
    int status = bnf_call_input(call, 1) ? take_element(call, &from, &place)
                                         : bnf_call_wrong(call, "it has no position");
    if (!status)
        call->out[0] = bnf_array_hold(bnf_sequence_elements(from)[place]);
    return status;
}

int R(bnf_op_sequence_length)(struct bnf_call *call)
{
    const struct bnf_array *from;
    int status = take_sequence(call, &from);
    int64_t *length = status ? NULL : bnf_call_output(call, 0, BNF_DTYPE_INT64, 0, NULL);
    if (length)
        *length = (int64_t)from->count;
    return status ? status : length ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_concat_from_sequence)(struct bnf_call *call)
{
    const struct bnf_array *from;
    size_t axis;
    int status = take_sequence(call, &from);
    if (status)
        return status;
    if (from->count == 0)
        return bnf_call_wrong(call, "the sequence is empty");
    bool new_axis = bnf_attr_int(call->proto, "new_axis", 0) != 0;
    int64_t listed = bnf_attr_int(call->proto, "axis", 0);
    struct bnf_array **elements = bnf_sequence_elements(from);
    if (!bnf_axis(listed, elements[0]->rank + new_axis, &axis))
        return bnf_call_wrong(
            call, "there is no axis %" PRId64 " in a result of rank %zu", listed, elements[0]->rank + new_axis);
    return bnf_join(call, elements, from->count, axis, new_axis, &call->out[0]);
}

/* How long each part is: `split` is absent, one length for all, or one for each. */
static int split_lengths(struct bnf_call *call, size_t extent, size_t **out, size_t *count)
{
    const struct bnf_array *split = bnf_call_input(call, 1);
    if (split && split->kind != BNF_KIND_INT)
        return bnf_call_wrong(call, "its split should be integers");
    const int64_t *given = split ? split->data : NULL;
    bool each = split && split->rank > 0;
    size_t length = split && !each ? (size_t)*given : 1, total = 0;
    if (split && !each && *given < 1)
        return bnf_call_wrong(call, "parts of length %" PRId64, *given);
    *count = each ? split->count : (extent + length - 1) / length;
    *out = bnf_arena_alloc(call->arena, *count, sizeof **out);
    if (!*out)
        return bnf_fail_memory(call->err);
    for (size_t i = 0; i < *count; i++) {
        if (each && given[i] < 0)
            return bnf_call_wrong(call, "a part of length %" PRId64, given[i]);
        (*out)[i] = each ? (size_t)given[i] : extent - total < length ? extent - total : length;
        if ((*out)[i] > extent - total)
            return bnf_call_wrong(call, "its parts are longer than the axis, which has %zu", extent);
        total += (*out)[i];
    }
    return total == extent ? BNF_OK : bnf_call_wrong(call, "its parts have %zu together, the axis has %zu", total, extent);
}

int R(bnf_op_split_to_sequence)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    int64_t listed = bnf_attr_int(call->proto, "axis", 0);
    size_t axis, count = 0, *lengths = NULL;
    if (!x || !bnf_axis(listed, x->rank, &axis))
        return bnf_call_wrong(call, "there is no axis %" PRId64, listed);
    bool drop = !bnf_call_input(call, 1) && bnf_attr_int(call->proto, "keepdims", 1) == 0;
    int status = split_lengths(call, (size_t)x->dims[axis], &lengths, &count);
    if (status)
        return status;
    struct bnf_array **elements = make_sequence(call, x->dtype, count);
    if (!elements)
        return BNF_ENOMEM;
    for (size_t i = 0, first = 0; i < count && !status; first += lengths[i++])
        status = bnf_part(call, x, axis, first, lengths[i], drop, &elements[i]);
    return status;
}

int R(bnf_op_optional)(struct bnf_call *call)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    call->out[0] = x ? bnf_array_hold(x) : bnf_nothing_new(BNF_DTYPE_UNDEFINED);
    return call->out[0] ? BNF_OK : bnf_fail_memory(call->err);
}

int R(bnf_op_optional_has_element)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    int64_t *has = bnf_call_output(call, 0, BNF_DTYPE_BOOL, 0, NULL);
    if (has)
        *has = x && x->kind != BNF_KIND_NOTHING;
    return has ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_optional_get_element)(struct bnf_call *call)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    if (!x || x->kind == BNF_KIND_NOTHING)
        return bnf_call_wrong(call, "the optional has no value");
    call->out[0] = bnf_array_hold(x);
    return BNF_OK;
}
