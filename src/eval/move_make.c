/* Operators that make arrays out of attributes and extents. */
#include "eval/eval.h"
#include "eval/feed.h"
#include "eval/move.h"

#include <math.h>
#include <string.h>

/* Sets an element of a REAL array. */
static void set_real(struct bnf_array *to, size_t i, double value)
{
    if (to->precision == BNF_PRECISION_FLOAT)
        ((float *)to->data)[i] = (float)value;
    else
        ((double *)to->data)[i] = value;
}

/* A string that outlives the node. */
static const char *keep(struct bnf_call *call, ProtobufCBinaryData text)
{
    return bnf_arena_copy(&call->eval->arena, text.len ? (const char *)text.data : "", text.len);
}

static int make_strings(
    struct bnf_call *call, const ProtobufCBinaryData *strings, size_t count, size_t rank, const int64_t *dims)
{
    size_t volume;
    if (!bnf_volume(dims, rank, &volume) || volume != count)
        return bnf_call_wrong(call, "'value' has %zu strings, its extents say %zu", count, volume);
    const char **to = bnf_call_output(call, 0, BNF_DTYPE_STRING, rank, dims);
    if (!to)
        return BNF_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        to[i] = keep(call, strings[i]);
        if (!to[i])
            return bnf_fail_memory(call->err);
    }
    return BNF_OK;
}

/* An array with the elements of a tensor in an attribute. */
static int make_tensor(struct bnf_call *call, const Onnx__TensorProto *proto, struct bnf_array **out)
{
    struct bnf_tensor tensor;
    if (!bnf_feed_holds(proto->data_type))
        return bnf_call_cannot(call, "values of type %s are not supported", bnf_dtype_name(proto->data_type));
    if (proto->n_dims > bnf_most_rank)
        return bnf_call_cannot(
            call, "'value' has rank %zu, at most %d are supported", proto->n_dims, bnf_most_rank);
    int status = bnf_tensor_view(call->graph->model, proto, &tensor, call->err);
    if (status)
        return status;
    *out = bnf_array_from_tensor(call->budget, &tensor, call->precision);
    return *out ? BNF_OK : bnf_fail_memory(call->err);
}

/* The forms other than a tensor: one number or string, or a list of them. */
static int make_plain(struct bnf_call *call, const Onnx__AttributeProto *a)
{
    bool list = a->name[strlen(a->name) - 1] == 's';
    if (strncmp(a->name, "value_string", 12) == 0) {
        int64_t count = (int64_t)a->n_strings;
        return list ? make_strings(call, a->strings, a->n_strings, 1, &count)
                    : make_strings(call, &a->s, 1, 0, NULL);
    }
    bool real = strncmp(a->name, "value_float", 11) == 0;
    int64_t count = !list ? 1 : (int64_t)(real ? a->n_floats : a->n_ints);
    void *to = bnf_call_output(call, 0, real ? BNF_DTYPE_FLOAT : BNF_DTYPE_INT64, list, &count);
    if (!to)
        return BNF_ENOMEM;
    for (int64_t i = 0; i < count; i++) {
        if (real)
            set_real(call->out[0], (size_t)i, (double)(list ? a->floats[i] : a->f));
        else
            ((int64_t *)to)[i] = list ? a->ints[i] : a->i;
    }
    return BNF_OK;
}

int bnf_move_constant(struct bnf_call *call)
{
    static const char *const plain[] = {
        "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"};
    const Onnx__AttributeProto *value = bnf_attr_find(call->proto, "value");
    if (value && value->t) {
        if (value->t->data_type == BNF_DTYPE_STRING)
            return make_strings(
                call, value->t->string_data, value->t->n_string_data, value->t->n_dims, value->t->dims);
        return make_tensor(call, value->t, &call->out[0]);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        value = bnf_attr_find(call->proto, plain[i]);
        if (value && !bnf_attr_is_reference(call->proto, plain[i]))
            return make_plain(call, value);
    }
    if (bnf_attr_find(call->proto, "sparse_value"))
        return bnf_call_cannot(call, "sparse values are not supported");
    return bnf_call_wrong(call, "it has no value");
}

int bnf_move_constant_of_shape(struct bnf_call *call)
{
    const int64_t *dims;
    size_t rank;
    const Onnx__AttributeProto *attribute = bnf_attr_find(call->proto, "value");
    struct bnf_array *value = NULL;
    int status = bnf_move_list(call, "input", 0, &dims, &rank);
    if (status)
        return status;
    if (rank == SIZE_MAX)
        return bnf_call_wrong(call, "it has no input 0");
    if (rank > bnf_most_rank)
        return bnf_call_cannot(
            call, "the result has rank %zu, at most %d are supported", rank, bnf_most_rank);
    for (size_t i = 0; i < rank; i++)
        if (dims[i] < 0)
            return bnf_call_wrong(call, "the shape holds %lld", (long long)dims[i]);
    if (attribute && attribute->t)
        status = make_tensor(call, attribute->t, &value);
    if (status)
        return status;
    uint8_t zero[8] = {0};
    if (value && value->count != 1)
        status = bnf_call_wrong(call, "'value' has %zu elements, not 1", value->count);
    else if (!bnf_call_output(call, 0, value ? value->dtype : BNF_DTYPE_FLOAT, rank, dims))
        status = BNF_ENOMEM;
    else
        bnf_move_fill(
            call->out[0]->data, value ? value->data : zero, bnf_move_size(call->out[0]), call->out[0]->count);
    bnf_array_drop(call->budget, value);
    return status;
}

/* How many numbers a range of integers has; all of it without overflow. */
static uint64_t steps(int64_t start, int64_t limit, int64_t delta)
{
    if (delta > 0 ? start >= limit : start <= limit)
        return 0;
    uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    return (span - 1) / step + 1;
}

int bnf_move_range(struct bnf_call *call)
{
    struct bnf_array *in[3];
    double count;
    for (size_t i = 0; i < 3; i++) {
        int status = bnf_move_input(call, i, &in[i]);
        if (status)
            return status;
        if (in[i]->count != 1 || in[i]->kind == BNF_KIND_TEXT || in[i]->kind != in[0]->kind)
            return bnf_call_wrong(call,
                "input %zu has %zu elements of %s, not one number of the first's type", i, in[i]->count,
                bnf_dtype_name(in[i]->dtype));
    }
    if (bnf_array_at(in[2], 0) == 0)
        return bnf_call_wrong(call, "'delta' is 0");
    bool integers = in[0]->kind == BNF_KIND_INT;
    if (integers)
        count = (double)steps(*(int64_t *)in[0]->data, *(int64_t *)in[1]->data, *(int64_t *)in[2]->data);
    else
        count = ceil((bnf_array_at(in[1], 0) - bnf_array_at(in[0], 0)) / bnf_array_at(in[2], 0));
    if (!(count < 1e15))
        return bnf_call_wrong(call, "it has %g numbers", count);
    int64_t n = count > 0 ? (int64_t)count : 0;
    int64_t *to = bnf_move_output(call, 0, in[0], 1, &n);
    if (!to)
        return BNF_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        if (integers)
            to[i] = (int64_t)(*(uint64_t *)in[0]->data + (uint64_t)i * *(uint64_t *)in[2]->data);
        else
            set_real(call->out[0], (size_t)i, bnf_array_at(in[0], 0) + (double)i * bnf_array_at(in[2], 0));
    }
    return BNF_OK;
}

int bnf_move_eye_like(struct bnf_call *call)
{
    struct bnf_array *x;
    int status = bnf_move_input(call, 0, &x);
    if (status)
        return status;
    int64_t dtype = bnf_attr_int(call->proto, "dtype", x->dtype), k = bnf_attr_int(call->proto, "k", 0);
    if (x->rank != 2)
        return bnf_call_wrong(call, "its input has rank %zu, not 2", x->rank);
    if (dtype < 0 || dtype > INT32_MAX || !bnf_feed_holds((int)dtype))
        return bnf_call_cannot(call, "results of type %s are not supported",
            bnf_dtype_name(dtype < 0 || dtype > INT32_MAX ? 0 : (int)dtype));
    if (!bnf_call_output(call, 0, (int)dtype, 2, x->dims))
        return BNF_ENOMEM;
    struct bnf_array *out = call->out[0];
    uint8_t zero[8] = {0};
    bnf_move_fill(out->data, zero, bnf_move_size(out), out->count);
    int64_t columns = x->dims[1];
    for (int64_t i = 0; i < x->dims[0]; i++) {
        if (k < -i || k >= columns - i)
            continue;
        size_t at = (size_t)(i * columns + i + k);
        if (out->kind == BNF_KIND_INT)
            ((int64_t *)out->data)[at] = 1;
        else
            set_real(out, at, 1);
    }
    return BNF_OK;
}
