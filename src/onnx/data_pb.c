#include "onnx/data_pb.h"

#include "base/buf.h"
#include "base/file.h"
#include "onnx/place.h"
#include "onnx/tensor.h"
#include "onnx/wire.h"

#include <string.h>

/* The most memory that a value may take: so many times its file's size, and a base for small ones. */
static const size_t limit_factor = 16, limit_base = (size_t)64 << 20;

/* The file's bytes, on the heap: protobuf-c trusts what the check before it saw, and a mapping may show others by then,
 * since it is shared with whoever writes the file. */
struct file {
    uint8_t *bytes;
    size_t size;
};

/* The caller frees the bytes, whatever is returned. */
static int read_file(const char *path, const struct bnf_arena *arena, struct file *file, struct bnf_err *err)
{
    struct bnf_map map;
    int status = bnf_map_open(&map, path, err);
    if (status)
        return status;
    file->size = map.size;
    if (arena->limit && map.size > arena->limit - arena->used) /* the elements alone will be as many */
        status = bnf_fail(err, BNF_ELIMIT, "its %zu bytes need more memory than the %zu bytes allowed", map.size,
            arena->limit);
    else if (!(file->bytes = bnf_alloc_aligned(map.size)))
        status = bnf_fail_memory(err);
    else
        memcpy(file->bytes, map.data, map.size);
    bnf_map_close(&map);
    return status;
}

/* The message of that type that the file holds, elements of tensors included: unlike a model's, a value's file may be
 * closed when it has been read. */
static int unpack(const struct file *file, const ProtobufCMessageDescriptor *type, struct bnf_arena *arena,
    ProtobufCMessage **out, struct bnf_err *err)
{
    struct bnf_buf skeleton = {0}; /* not needed: its making is the check that protobuf-c lacks */
    int status = bnf_wire_skeleton(file->bytes, file->size, type, &skeleton, err);
    bnf_buf_free(&skeleton);
    if (status)
        return status;
    status = bnf_wire_unpack(file->bytes, file->size, type, arena, out, err);
    return status == BNF_EINPUT ? bnf_fail(err, BNF_EINPUT, "it is no %s", type->short_name) : status;
}

static int check(const Onnx__TensorProto *tensor, struct bnf_err *err)
{
    if (tensor->has_data_location && tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return bnf_fail(err, BNF_EINPUT, "the elements are in another file, allowed is this one");
    return bnf_tensor_check(tensor, err);
}

static int take_tensor(Onnx__TensorProto *tensor, struct bnf_data *out, struct bnf_err *err)
{
    *out = (struct bnf_data){.kind = BNF_DATA_TENSOR, .tensor = tensor};
    return check(tensor, err);
}

/* The lists' depth is bounded: the wire walk let no more than BNF_WIRE_DEPTH messages lie within each other. */
static int take_sequence(
    const Onnx__SequenceProto *sequence, struct bnf_arena *arena, struct bnf_data *out, struct bnf_err *err);

static int take_optional(
    const Onnx__OptionalProto *optional, struct bnf_arena *arena, struct bnf_data *out, struct bnf_err *err)
{
    *out = (struct bnf_data){.kind = BNF_DATA_NOTHING};
    if (optional->tensor_value)
        return take_tensor(optional->tensor_value, out, err);
    if (optional->sequence_value)
        return take_sequence(optional->sequence_value, arena, out, err);
    if (optional->optional_value)
        return take_optional(optional->optional_value, arena, out, err);
    if (optional->elem_type == ONNX__SEQUENCE_PROTO__DATA_TYPE__UNDEFINED || !optional->has_elem_type)
        return BNF_OK;
    return bnf_fail(err, BNF_EINPUT, "an optional of element type %d without such a value", optional->elem_type);
}

static int take_sequence(
    const Onnx__SequenceProto *sequence, struct bnf_arena *arena, struct bnf_data *out, struct bnf_err *err)
{
    size_t tensors = sequence->n_tensor_values, inner = sequence->n_sequence_values;
    size_t count = tensors + inner + sequence->n_optional_values;
    *out = (struct bnf_data){.kind = BNF_DATA_SEQUENCE, .count = count};
    if (sequence->n_sparse_tensor_values)
        return bnf_fail(err, BNF_EINPUT, "sparse tensors are not supported");
    if ((tensors != 0) + (inner != 0) + (sequence->n_optional_values != 0) > 1)
        return bnf_fail(err, BNF_EINPUT, "a sequence of elements of different kinds, allowed is one kind");
    out->elements = bnf_arena_alloc(arena, count, sizeof *out->elements);
    if (!out->elements)
        return bnf_fail_memory(err);
    int status = BNF_OK;
    size_t i = 0;
    for (; i < count && !status; i++) {
        struct bnf_data *to = &out->elements[i];
        status = tensors ? take_tensor(sequence->tensor_values[i], to, err)
                 : inner ? take_sequence(sequence->sequence_values[i], arena, to, err)
                         : take_optional(sequence->optional_values[i], arena, to, err);
    }
    if (status)
        (void)bnf_fail_at(err, "element %zu", i - 1);
    return status;
}

/* Writers without a bfloat16 store its bits as uint16; the model knows better. */
static void take_type(const Onnx__TypeProto *type, Onnx__TensorProto *tensor)
{
    if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && type->tensor_type &&
        type->tensor_type->elem_type == BNF_DTYPE_BFLOAT16 && tensor->data_type == BNF_DTYPE_UINT16)
        tensor->data_type = BNF_DTYPE_BFLOAT16;
}

static int load(const struct file *file, const Onnx__TypeProto *type, struct bnf_arena *arena, struct bnf_data *out,
    struct bnf_err *err)
{
    ProtobufCMessage *message;
    int status;
    switch (type ? type->value_case : ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
    case ONNX__TYPE_PROTO__VALUE__NOT_SET:
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
        status = unpack(file, &onnx__tensor_proto__descriptor, arena, &message, err);
        if (status)
            return status;
        take_type(type, (Onnx__TensorProto *)message);
        return take_tensor((Onnx__TensorProto *)message, out, err);
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        status = unpack(file, &onnx__sequence_proto__descriptor, arena, &message, err);
        return status ? status : take_sequence((const Onnx__SequenceProto *)message, arena, out, err);
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        status = unpack(file, &onnx__optional_proto__descriptor, arena, &message, err);
        return status ? status : take_optional((const Onnx__OptionalProto *)message, arena, out, err);
    default:
        return bnf_fail(err, BNF_EINPUT, "maps, sparse tensors and opaque values are not supported");
    }
}

/* The same within the memory that a file of that size may take, which is a model's: small messages could ask for a
 * hundred times their bytes. Where the caller's limit is closer, that one counts. */
static int load_within(const struct file *file, const Onnx__TypeProto *type, struct bnf_arena *arena,
    struct bnf_data *out, struct bnf_err *err)
{
    size_t limit = arena->limit, left = limit ? limit - arena->used : SIZE_MAX;
    size_t own = file->size > (SIZE_MAX / 2 - limit_base) / limit_factor ? SIZE_MAX / 2
                                                                         : file->size * limit_factor + limit_base;
    arena->limit = arena->used + (own < left ? own : left);
    arena->exhausted = false;
    int status = load(file, type, arena, out, err);
    if (status == BNF_ENOMEM && arena->exhausted && own < left)
        status = bnf_fail(err, BNF_ELIMIT,
            "its messages need more than %zu bytes of memory, too many for a file of %zu", own, file->size);
    else if (status == BNF_ENOMEM && arena->exhausted)
        status = bnf_fail(err, BNF_ELIMIT, "its messages need more memory than the %zu bytes allowed", limit);
    arena->limit = limit;
    return status;
}

int bnf_data_load(const char *path, const Onnx__TypeProto *type, struct bnf_arena *arena,
    struct bnf_data *out, struct bnf_err *err)
{
    struct file file = {0};
    int status = read_file(path, arena, &file, err);
    if (!status)
        status = load_within(&file, type, arena, out, err);
    bnf_free(file.bytes);
    if (!status || status == BNF_EIO || status == BNF_ENOMEM) /* those name the file, or no place is to blame */
        return status;
    char name[256];
    (void)bnf_fail_at(err, "cannot load '%s'", bnf_place_quote(path, strlen(path), name, sizeof name));
    return status;
}

int bnf_tensor_load(const char *path, struct bnf_arena *arena, Onnx__TensorProto **out, struct bnf_err *err)
{
    struct bnf_data data = {0};
    int status = bnf_data_load(path, NULL, arena, &data, err);
    if (!status)
        *out = data.tensor;
    return status;
}
