#include "eval/feed.h"

#include "eval/operator.h"
#include "eval/sequence.h"

#include <string.h>

static int from_text(struct bnf_budget *budget, const Onnx__TensorProto *proto, struct bnf_arena *arena,
    enum bnf_precision precision, struct bnf_array **out, struct bnf_err *err)
{
    struct bnf_array *array = bnf_array_new(budget, BNF_DTYPE_STRING, precision, proto->n_dims, proto->dims);
    if (!array)
        return bnf_fail_memory(err);
    const char **texts = array->data;
    bool whole = true;
    for (size_t i = 0; i < array->count; i++) {
        const ProtobufCBinaryData *from = &proto->string_data[i];
        texts[i] = bnf_arena_copy(arena, from->len ? (const char *)from->data : "", from->len);
        whole &= texts[i] != NULL;
    }
    if (!whole) {
        bnf_array_drop(budget, array);
        return bnf_fail_memory(err);
    }
    *out = array;
    return BNF_OK;
}

bool bnf_feed_holds(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_BOOL:
    case BNF_DTYPE_INT8:
    case BNF_DTYPE_UINT8:
    case BNF_DTYPE_INT16:
    case BNF_DTYPE_UINT16:
    case BNF_DTYPE_INT32:
    case BNF_DTYPE_UINT32:
    case BNF_DTYPE_INT64:
    case BNF_DTYPE_UINT64:
        return true;
    }
    return bnf_dtype_is_float(dtype);
}

static int from_tensor(struct bnf_budget *budget, const Onnx__TensorProto *proto, enum bnf_precision precision,
    struct bnf_arena *arena, struct bnf_array **out, struct bnf_err *err)
{
    if (proto->n_dims > bnf_most_rank)
        return bnf_fail(err, BNF_CANNOT, "rank %zu is above %d", proto->n_dims, bnf_most_rank);
    if (proto->data_type == BNF_DTYPE_STRING)
        return from_text(budget, proto, arena, precision, out, err);
    if (!bnf_feed_holds(proto->data_type))
        return bnf_fail(err, BNF_CANNOT, "elements of type %s are not supported", bnf_dtype_name(proto->data_type));
    /* The view narrows typed lists in its model's arena; what the array borrows is in ours. */
    struct bnf_model scratch = {.path = NULL};
    struct bnf_tensor tensor;
    int status = bnf_tensor_view(&scratch, proto, &tensor, err);
    if (!status) {
        *out = bnf_array_from_tensor(budget, &tensor, precision);
        status = *out ? BNF_OK : bnf_fail_memory(err);
    }
    bnf_arena_free(&scratch.arena);
    return status;
}

static int from_sequence(struct bnf_budget *budget, const struct bnf_data *data, enum bnf_precision precision,
    struct bnf_arena *arena, struct bnf_array **out, struct bnf_err *err)
{
    struct bnf_array *sequence = bnf_sequence_new(budget, 0, data->count);
    if (!sequence)
        return bnf_fail_memory(err);
    struct bnf_array **elements = bnf_sequence_elements(sequence);
    int status = BNF_OK;
    for (size_t i = 0; i < data->count && !status; i++)
        status = bnf_feed_array(budget, &data->elements[i], precision, arena, &elements[i], err);
    if (status) {
        bnf_array_drop(budget, sequence);
        return status;
    }
    if (data->count)
        sequence->dtype = elements[0]->dtype;
    *out = sequence;
    return BNF_OK;
}

int bnf_feed_array(struct bnf_budget *budget, const struct bnf_data *data, enum bnf_precision precision,
    struct bnf_arena *arena, struct bnf_array **out, struct bnf_err *err)
{
    switch (data->kind) {
    case BNF_DATA_TENSOR:
        return from_tensor(budget, data->tensor, precision, arena, out, err);
    case BNF_DATA_SEQUENCE:
        return from_sequence(budget, data, precision, arena, out, err);
    case BNF_DATA_NOTHING:
        break;
    }
    *out = bnf_nothing_new(BNF_DTYPE_UNDEFINED);
    return *out ? BNF_OK : bnf_fail_memory(err);
}

int bnf_feed_tensor(const struct bnf_array *a, int dtype, struct bnf_arena *arena, struct bnf_tensor *out,
    struct bnf_err *err)
{
    if (a->kind != BNF_KIND_REAL && a->kind != BNF_KIND_INT)
        return BNF_CANNOT;
    struct bnf_tensor t = {.dtype = dtype == BNF_DTYPE_BFLOAT16 ? BNF_DTYPE_FLOAT : dtype,
        .rank = (uint32_t)a->rank,
        .count = a->count};
    int64_t *dims = bnf_arena_alloc(arena, a->rank, sizeof *dims);
    size_t width = bnf_dtype_bits(t.dtype) / 8;
    uint8_t *data = bnf_arena_alloc(arena, a->count, width);
    if (!dims || !data)
        return bnf_fail_memory(err);
    memcpy(dims, a->dims, a->rank * sizeof *dims);
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == BNF_KIND_REAL)
            bnf_from_double(t.dtype, &(double){bnf_array_at(a, i)}, 1, data, i);
        else
            memcpy(data + i * width, (const int64_t *)a->data + i, width); /* little-endian: the low bytes */
    }
    t.dims = dims;
    t.data = data;
    t.bytes = a->count * width;
    *out = t;
    return BNF_OK;
}
