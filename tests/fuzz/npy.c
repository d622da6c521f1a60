/* Any bytes as data for a run: .npy and .npz, and ONNX's own files of a tensor, a sequence, an optional. */
#include "fuzz/fuzz.h"

#include "onnx/data_pb.h"
#include "onnx/npy.h"

#include <stdio.h>
#include <unistd.h>

static double sum; /* so that no reading of elements is left out */

static void read_all(const struct bnf_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count && tensor->data; i++)
        sum += bnf_tensor_at(tensor, i);
}

static void load_arrays(const char *path)
{
    struct bnf_arena arena;
    struct bnf_named_tensor *arrays = NULL;
    struct bnf_err err = {0};
    size_t count = 0;
    bnf_arena_init(&arena, 0);
    int status = bnf_npy_load(path, &arena, &arrays, &count, &err);
    if (status)
        fuzz_failure(status, err.text);
    for (size_t i = 0; !status && i < count; i++)
        read_all(&arrays[i].tensor);
    bnf_arena_free(&arena);
}

static void load_data(const char *path, Onnx__TypeProto *type)
{
    struct bnf_arena arena;
    struct bnf_data data = {0};
    struct bnf_err err = {0};
    bnf_arena_init(&arena, 0);
    int status = bnf_data_load(path, type, &arena, &data, &err);
    if (status)
        fuzz_failure(status, err.text);
    bnf_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_file input = fuzz_file(data, size);
    load_arrays(input.path);
    Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
    Onnx__TypeProto element = ONNX__TYPE_PROTO__INIT, type = ONNX__TYPE_PROTO__INIT;
    element.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    element.tensor_type = &tensor;
    tensor.has_elem_type = true;
    tensor.elem_type = 1;
    load_data(input.path, NULL);
    load_data(input.path, &element);
    Onnx__TypeProto__Sequence sequence = ONNX__TYPE_PROTO__SEQUENCE__INIT;
    sequence.elem_type = &element;
    type.value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
    type.sequence_type = &sequence;
    load_data(input.path, &type);
    Onnx__TypeProto__Optional optional = ONNX__TYPE_PROTO__OPTIONAL__INIT;
    optional.elem_type = &element;
    type.value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
    type.optional_type = &optional;
    load_data(input.path, &type);
    close(input.descriptor);
    return 0;
}
