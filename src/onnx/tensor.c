#include "onnx/tensor.h"

#include "onnx/external.h"
#include "onnx/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The places a TensorProto may keep its elements in. */
enum store { NOWHERE, RAW, FLOATS, INT32S, STRINGS, INT64S, DOUBLES, UINT64S, EXTERNAL };

static const char *const store_names[] = {
    [NOWHERE] = "no field",
    [RAW] = "raw_data",
    [FLOATS] = "float_data",
    [INT32S] = "int32_data",
    [STRINGS] = "string_data",
    [INT64S] = "int64_data",
    [DOUBLES] = "double_data",
    [UINT64S] = "uint64_data",
    [EXTERNAL] = "external_data",
};

enum { dims_room = 96 };

bool bnf_volume(const int64_t *dims, size_t rank, size_t *count)
{
    bool empty = false;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        empty |= dims[i] == 0;
    }
    *count = empty ? 0 : 1;
    for (size_t i = 0; i < rank && !empty; i++) {
        if ((uint64_t)dims[i] > SIZE_MAX / *count)
            return false;
        *count *= (size_t)dims[i];
    }
    return true;
}

const char *bnf_dims_text(const int64_t *dims, size_t rank, char *text, size_t room)
{
    static const char cut[] = "…";
    if (rank == 0)
        snprintf(text, room, "()");
    for (size_t i = 0, used = 0; i < rank; i++) {
        char part[24];
        int length = snprintf(part, sizeof part, "%s%" PRId64, i ? "x" : "", dims[i]);
        if (used + (size_t)length + sizeof cut > room) {
            if (used + sizeof cut <= room)
                memcpy(text + used, cut, sizeof cut);
            break;
        }
        memcpy(text + used, part, (size_t)length + 1);
        used += (size_t)length;
    }
    return text;
}

static enum store store_of_type(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_FLOAT:
    case BNF_DTYPE_COMPLEX64:
        return FLOATS;
    case BNF_DTYPE_DOUBLE:
    case BNF_DTYPE_COMPLEX128:
        return DOUBLES;
    case BNF_DTYPE_INT64:
        return INT64S;
    case BNF_DTYPE_UINT32:
    case BNF_DTYPE_UINT64:
        return UINT64S;
    case BNF_DTYPE_STRING:
        return STRINGS;
    }
    return INT32S;
}

/* Which field holds the elements, and how many there are in it (bytes for raw_data). */
static int find_store(const Onnx__TensorProto *proto, enum store *store, size_t *stored, struct bnf_err *err)
{
    const size_t counts[] = {
        [RAW] = proto->has_raw_data ? proto->raw_data.len : 0,
        [FLOATS] = proto->n_float_data,
        [INT32S] = proto->n_int32_data,
        [STRINGS] = proto->n_string_data,
        [INT64S] = proto->n_int64_data,
        [DOUBLES] = proto->n_double_data,
        [UINT64S] = proto->n_uint64_data,
        [EXTERNAL] =
            proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL,
    };
    *store = NOWHERE;
    *stored = 0;
    for (enum store i = RAW; i <= EXTERNAL; i++) {
        if (!counts[i])
            continue;
        if (*store)
            return bnf_fail(err, BNF_EINPUT, "data in %s and in %s, allowed is one field",
                store_names[*store], store_names[i]);
        *store = i;
        *stored = counts[i];
    }
    return BNF_OK;
}

/* How many entries a typed field needs for the tensor: sub-byte elements lie several in one, complex ones in
 * two. */
static size_t entries(const struct bnf_tensor *tensor)
{
    if (tensor->dtype == BNF_DTYPE_COMPLEX64 || tensor->dtype == BNF_DTYPE_COMPLEX128)
        return tensor->count * 2; /* fits: its bytes did */
    return bnf_dtype_bits(tensor->dtype) < 8 && tensor->dtype != BNF_DTYPE_STRING ? tensor->bytes
                                                                                  : tensor->count;
}

static int check_amount(const Onnx__TensorProto *proto, const struct bnf_tensor *tensor, enum store store,
    size_t stored, struct bnf_err *err)
{
    char dims[dims_room];
    const char *type = bnf_dtype_name(tensor->dtype);
    bnf_dims_text(tensor->dims, tensor->rank, dims, sizeof dims);
    if (store == NOWHERE && tensor->count)
        return bnf_fail(err, BNF_EINPUT, "no data, but dims %s of %s need %zu %s", dims, type,
            tensor->dtype == BNF_DTYPE_STRING ? tensor->count : tensor->bytes,
            tensor->dtype == BNF_DTYPE_STRING ? "strings" : "bytes");
    if (store == NOWHERE)
        return BNF_OK;
    bool bytewise = store == RAW || store == EXTERNAL;
    if (bytewise ? tensor->dtype == BNF_DTYPE_STRING : store != store_of_type(tensor->dtype))
        return bnf_fail(err, BNF_EINPUT, "data in %s, but %s elements belong in %s", store_names[store], type,
            store_names[store_of_type(tensor->dtype)]);
    if (store == EXTERNAL) {
        struct bnf_external_range range;
        int status = bnf_external_parse(proto, &range, err);
        if (status || !range.has_length || range.length == tensor->bytes)
            return status;
        return bnf_fail(err, BNF_EINPUT, "%" PRIu64 " bytes of external data, but dims %s of %s need %zu",
            range.length, dims, type, tensor->bytes);
    }
    size_t needed = store == RAW ? tensor->bytes : entries(tensor);
    if (stored == needed)
        return BNF_OK;
    if (store == RAW)
        return bnf_fail(
            err, BNF_EINPUT, "%zu bytes of data, but dims %s of %s need %zu", stored, dims, type, needed);
    return bnf_fail(err, BNF_EINPUT, "%zu elements in %s, but dims %s of %s need %zu", stored,
        store_names[store], dims, type, needed);
}

/* Everything about the tensor but its data. */
static int measure(
    const Onnx__TensorProto *proto, struct bnf_tensor *tensor, enum store *store, struct bnf_err *err)
{
    *tensor = (struct bnf_tensor){
        .dtype = proto->has_data_type ? proto->data_type : BNF_DTYPE_UNDEFINED,
        .rank = (uint32_t)proto->n_dims,
        .dims = proto->dims,
    };
    if (proto->segment)
        return bnf_fail(err, BNF_EINPUT, "segments are not supported");
    if (!bnf_dtype_known(tensor->dtype))
        return bnf_fail(err, BNF_EINPUT, "data type %d (%s), which is not one of ONNX's", tensor->dtype,
            bnf_dtype_name(tensor->dtype));
    char dims[dims_room];
    if (proto->n_dims > UINT32_MAX || !bnf_volume(proto->dims, proto->n_dims, &tensor->count) ||
        (tensor->dtype != BNF_DTYPE_STRING && !bnf_dtype_bytes(tensor->dtype, tensor->count, &tensor->bytes)))
        return bnf_fail(err, BNF_EINPUT, "dims %s, allowed are 0 or more and bytes that can be counted",
            bnf_dims_text(proto->dims, proto->n_dims, dims, sizeof dims));
    size_t stored;
    int status = find_store(proto, store, &stored, err);
    return status ? status : check_amount(proto, tensor, *store, stored, err);
}

int bnf_tensor_check(const Onnx__TensorProto *proto, struct bnf_err *err)
{
    struct bnf_tensor tensor;
    enum store store;
    return measure(proto, &tensor, &store, err);
}

/* Typed lists are wider than most of the types they hold: keeps the low bytes of each entry, in a copy. */
static int narrow(
    struct bnf_model *model, const void *list, size_t from, struct bnf_tensor *tensor, struct bnf_err *err)
{
    unsigned bits = bnf_dtype_bits(tensor->dtype);
    size_t width = bits < 8 ? 1 : bits / 8, count = entries(tensor);
    tensor->data = list;
    if (width == from)
        return BNF_OK;
    uint8_t *copy = bnf_arena_alloc(&model->arena, count, width);
    if (!copy && model->arena.exhausted)
        return bnf_fail(err, BNF_ELIMIT, "no room for %zu bytes within the %zu a model of this size may take",
            tensor->bytes, model->arena.limit);
    if (!copy)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        memcpy(copy + i * width, (const char *)list + i * from, width);
    tensor->data = copy;
    return BNF_OK;
}

static int locate(struct bnf_model *model, const Onnx__TensorProto *proto, enum store store,
    struct bnf_tensor *tensor, struct bnf_err *err)
{
    static const uint8_t nothing[1];
    struct bnf_external_range range;
    switch (store) {
    case NOWHERE:
        tensor->data = nothing;
        return BNF_OK;
    case RAW:
        tensor->data = proto->raw_data.data;
        return BNF_OK;
    case FLOATS:
        tensor->data = (const uint8_t *)proto->float_data;
        return BNF_OK;
    case DOUBLES:
        tensor->data = (const uint8_t *)proto->double_data;
        return BNF_OK;
    case INT64S:
        tensor->data = (const uint8_t *)proto->int64_data;
        return BNF_OK;
    case INT32S:
        return narrow(model, proto->int32_data, sizeof(int32_t), tensor, err);
    case UINT64S:
        return narrow(model, proto->uint64_data, sizeof(uint64_t), tensor, err);
    case EXTERNAL:
        (void)bnf_external_parse(proto, &range, NULL); /* succeeded when the tensor was measured */
        return bnf_external_bytes(model, &range, tensor->bytes, &tensor->data, err);
    case STRINGS:
        break;
    }
    return bnf_fail(err, BNF_EINPUT, "strings have no value as numbers");
}

int bnf_tensor_view(
    struct bnf_model *model, const Onnx__TensorProto *proto, struct bnf_tensor *out, struct bnf_err *err)
{
    if (proto->has_raw_data && bnf_model_source(model, proto->raw_data.data))
        bnf_bug("a payload that is still to be computed was asked for its bytes");
    enum store store;
    int status = measure(proto, out, &store, err);
    if (!status && out->dtype == BNF_DTYPE_STRING)
        status = bnf_fail(err, BNF_EINPUT, "strings have no value as numbers");
    if (!status)
        status = locate(model, proto, store, out, err);
    if (!status)
        bnf_model_pass(model, out->bytes);
    if (!status || status == BNF_ENOMEM)
        return status;
    char name[128];
    const char *text = proto->name ? proto->name : "";
    (void)bnf_fail_at(err, "tensor '%s'", bnf_place_quote(text, strlen(text), name, sizeof name));
    return status;
}

double bnf_tensor_at(const struct bnf_tensor *tensor, size_t index)
{
    double value;
    bnf_to_double(tensor->dtype, tensor->data, index, 1, &value);
    return value;
}
