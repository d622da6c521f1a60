/* From the mapped file to messages: the wire walk's skeleton goes through protobuf-c, and each mark in it is
 * replaced by a pointer into the mapping. */
#include "onnx/visit.h"
#include "onnx/wire.h"

#include "onnx/model.h"

#include <string.h>

/* The parts of a typed list, in one piece: the mapping itself when there is one dense part, else a copy.
 * Gives the number of elements. */
static int gather(struct bnf_model *model, const uint8_t *marks, size_t mark_count, size_t width, void *list,
    size_t *count, struct bnf_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < mark_count; i++) {
        struct bnf_payload part = bnf_wire_payload(marks + i * BNF_WIRE_MARK);
        total += part.size / (part.tag + width) * width;
    }
    struct bnf_payload first = bnf_wire_payload(marks);
    const uint8_t *bytes = model->map.data + first.offset;
    if (mark_count > 1 || first.tag) {
        uint8_t *copy = bnf_arena_alloc(&model->arena, total, 1);
        if (!copy)
            return bnf_fail_memory(err);
        bytes = copy;
        for (size_t i = 0; i < mark_count; i++) {
            struct bnf_payload part = bnf_wire_payload(marks + i * BNF_WIRE_MARK);
            size_t step = part.tag ? part.tag + width : part.size;
            for (size_t at = 0; at < part.size; at += step, copy += step - part.tag)
                memcpy(copy, model->map.data + part.offset + at + part.tag, step - part.tag);
        }
    }
    memcpy(list, &bytes, sizeof bytes); /* float ** or double **, possibly unaligned below */
    *count = total / width;
    return BNF_OK;
}

/* Replaces a tensor's marks by what they stand for. */
static int resolve(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    struct bnf_model *model = context;
    if (tensor->has_raw_data && tensor->raw_data.len) {
        struct bnf_payload payload = bnf_wire_payload(tensor->raw_data.data);
        tensor->raw_data.data = (uint8_t *)(uintptr_t)(model->map.data + payload.offset);
        tensor->raw_data.len = payload.size;
    }
    int status = BNF_OK;
    if (tensor->n_float_data)
        status = gather(model, (const uint8_t *)tensor->float_data,
            tensor->n_float_data / (BNF_WIRE_MARK / sizeof(float)), sizeof(float), &tensor->float_data,
            &tensor->n_float_data, err);
    if (!status && tensor->n_double_data)
        status = gather(model, (const uint8_t *)tensor->double_data,
            tensor->n_double_data / (BNF_WIRE_MARK / sizeof(double)), sizeof(double), &tensor->double_data,
            &tensor->n_double_data, err);
    return status;
}

/* What a file that is no model looks like, NULL when nothing is known about it. */
static const char *guess(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *start;
        size_t offset, length;
        const char *what;
    } known[] = {
        {"version https://git-lfs", 0, 23, "a Git LFS pointer; fetch the file itself with git lfs pull"},
        {"PK\3\4", 0, 4, "a zip archive, such as PyTorch and Keras write"},
        {"\x1f\x8b", 0, 2, "gzip-compressed data"},
        {"BZh", 0, 3, "bzip2-compressed data"},
        {"\xfd"
         "7zXZ",
            0, 5, "xz-compressed data"},
        {"\x28\xb5\x2f\xfd", 0, 4, "zstd-compressed data"},
        {"\x89HDF", 0, 4, "an HDF5 file, such as Keras writes"},
        {"\x93NUMPY", 0, 6, "a NumPy array"},
        {"\x7f"
         "ELF",
            0, 4, "an ELF binary"},
        {"TFL3", 4, 4, "a TensorFlow Lite model"},
        {"ORTM", 4, 4, "an ONNX Runtime (.ort) model"},
        {"\x80\2", 0, 2, "a Python pickle"},
        {"<", 0, 1, "an HTML or XML document"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (size >= known[i].offset + known[i].length &&
            memcmp(bytes + known[i].offset, known[i].start, known[i].length) == 0)
            return known[i].what;
    size_t looked = size < 512 ? size : 512;
    for (size_t i = 0; i < looked; i++)
        if ((bytes[i] < ' ' && (bytes[i] < '\t' || bytes[i] > '\r')) || bytes[i] == 127)
            return NULL;
    return "plain text";
}

static int unpack(struct bnf_model *model, const struct bnf_buf *skeleton, struct bnf_err *err)
{
    ProtobufCMessage *message = NULL;
    int status = bnf_wire_unpack((const uint8_t *)bnf_buf_text(skeleton), skeleton->size,
        &onnx__model_proto__descriptor, &model->arena, &message, err);
    model->proto = (Onnx__ModelProto *)message;
    if (status == BNF_ENOMEM && model->arena.exhausted)
        return bnf_fail(err, BNF_ELIMIT,
            "its messages need more than %zu bytes of memory, too many for a file of %zu", model->arena.limit,
            model->map.size);
    if (status == BNF_EINPUT)
        return bnf_fail(err, BNF_EINPUT, "not an ONNX model: its messages cannot be read");
    return status;
}

int bnf_load_pb(struct bnf_model *model, struct bnf_err *err)
{
    const struct bnf_map *map = &model->map;
    if (map->size == 0)
        return bnf_fail(err, BNF_EINPUT, "the file is empty");
    struct bnf_buf skeleton = {0};
    int status = bnf_wire_skeleton(map->data, map->size, &onnx__model_proto__descriptor, &skeleton, err);
    if (!status)
        status = unpack(model, &skeleton, err);
    bnf_buf_free(&skeleton);
    if (!status && !model->proto->graph)
        status = bnf_fail(err, BNF_EINPUT, "no graph: not an ONNX model");
    const char *looks = status == BNF_EINPUT ? guess(map->data, map->size) : NULL;
    if (looks)
        return bnf_fail(err, BNF_EINPUT, "not an ONNX model: it looks like %s", looks);
    return status ? status : bnf_visit_tensors(model->proto, resolve, model, err);
}
