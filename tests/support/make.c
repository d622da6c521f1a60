#define _GNU_SOURCE
#include "support/make.h"

#include "onnx/dtype.h"
#include "onnx/tensor.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *take(struct make *m, size_t count, size_t size)
{
    void *block = bnf_arena_alloc(&m->arena, count, size);
    if (!block)
        bnf_bug("out of memory in a test");
    return block;
}

static char *copy(struct make *m, const char *text)
{
    return bnf_arena_copy(&m->arena, text, strlen(text));
}

/* Appends to a list of pointers, which is a T *** of any T. The old list stays in the arena, unused. */
static void append(struct make *m, void *list, size_t *count, void *item)
{
    void **old, **wider = take(m, *count + 1, sizeof *wider);
    memcpy(&old, list, sizeof(void *));
    if (*count)
        memcpy(wider, old, *count * sizeof *wider);
    wider[(*count)++] = item;
    memcpy(list, &wider, sizeof(void *));
}

void make_begin(struct make *m, int64_t ir_version, int64_t opset)
{
    *m = (struct make){0};
    bnf_arena_init(&m->arena, 0);
    m->model = take(m, 1, sizeof *m->model);
    onnx__model_proto__init(m->model);
    m->graph = take(m, 1, sizeof *m->graph);
    onnx__graph_proto__init(m->graph);
    m->graph->name = copy(m, "generated");
    m->model->graph = m->graph;
    m->model->has_ir_version = true;
    m->model->ir_version = ir_version;
    Onnx__OperatorSetIdProto *import = take(m, 1, sizeof *import);
    onnx__operator_set_id_proto__init(import);
    import->domain = copy(m, "");
    import->has_version = true;
    import->version = opset;
    append(m, &m->model->opset_import, &m->model->n_opset_import, import);
}

static void *arena_take(void *arena, size_t size)
{
    return bnf_arena_alloc(arena, size, 1);
}

static void arena_leave(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

void make_open(struct make *m, const struct packed *packed)
{
    *m = (struct make){0};
    bnf_arena_init(&m->arena, 0);
    ProtobufCAllocator allocator = {arena_take, arena_leave, &m->arena};
    m->model = onnx__model_proto__unpack(&allocator, packed->size, packed->bytes);
    if (!m->model || !m->model->graph)
        bnf_bug("a packed model cannot be unpacked");
    m->graph = m->model->graph;
}

Onnx__TensorProto *make_find_initializer(const struct make *m, const char *name)
{
    for (size_t i = 0; i < m->graph->n_initializer; i++)
        if (strcmp(m->graph->initializer[i]->name, name) == 0)
            return m->graph->initializer[i];
    return NULL;
}

void make_end(struct make *m)
{
    bnf_arena_free(&m->arena);
}

char *make_name(struct make *m, const char *stem)
{
    return bnf_arena_format(&m->arena, "%s_%u", stem, m->names++);
}

/* ---- interface */

Onnx__ValueInfoProto *make_info(struct make *m, const char *name, int dtype, const int64_t *dims, size_t rank)
{
    Onnx__ValueInfoProto *info = take(m, 1, sizeof *info);
    onnx__value_info_proto__init(info);
    info->name = copy(m, name);
    info->type = take(m, 1, sizeof *info->type);
    onnx__type_proto__init(info->type);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *tensor = info->type->tensor_type = take(m, 1, sizeof *tensor);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = dtype;
    tensor->shape = take(m, 1, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    for (size_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = take(m, 1, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        dim->value_case = dims[i] < 0 ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                      : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (dims[i] < 0)
            dim->dim_param = copy(m, "N");
        else
            dim->dim_value = dims[i];
        append(m, &tensor->shape->dim, &tensor->shape->n_dim, dim);
    }
    return info;
}

void make_input(struct make *m, const char *name, int dtype, const int64_t *dims, size_t rank)
{
    append(m, &m->graph->input, &m->graph->n_input, make_info(m, name, dtype, dims, rank));
}

void make_output(struct make *m, const char *name, int dtype, const int64_t *dims, size_t rank)
{
    append(m, &m->graph->output, &m->graph->n_output, make_info(m, name, dtype, dims, rank));
}

void make_note(struct make *m, const char *name, int dtype, const int64_t *dims, size_t rank)
{
    append(m, &m->graph->value_info, &m->graph->n_value_info, make_info(m, name, dtype, dims, rank));
}

/* ---- constants */

Onnx__TensorProto *make_tensor(
    struct make *m, const char *name, int dtype, const int64_t *dims, size_t rank, const double *values)
{
    Onnx__TensorProto *tensor = take(m, 1, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = copy(m, name);
    tensor->has_data_type = true;
    tensor->data_type = dtype;
    tensor->n_dims = rank;
    tensor->dims = take(m, rank, sizeof *tensor->dims);
    if (rank)
        memcpy(tensor->dims, dims, rank * sizeof *dims);
    size_t count = 0, bytes = 0;
    if (!bnf_volume(dims, rank, &count) || !bnf_dtype_bytes(dtype, count, &bytes))
        bnf_bug("a tensor of the tests with impossible extents");
    tensor->has_raw_data = true;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = take(m, bytes, 1);
    if (bnf_dtype_is_float(dtype)) {
        bnf_from_double(dtype, values, count, tensor->raw_data.data, 0);
        return tensor;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t number = (int64_t)values[i]; /* of the integers the tests need int64 only */
        memcpy(tensor->raw_data.data + i * sizeof number, &number, sizeof number);
    }
    return tensor;
}

void make_initializer(struct make *m, Onnx__TensorProto *tensor)
{
    append(m, &m->graph->initializer, &m->graph->n_initializer, tensor);
}

/* ---- nodes */

Onnx__NodeProto *make_node(struct make *m, const char *op_type, const char *output)
{
    Onnx__NodeProto *node = take(m, 1, sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = copy(m, op_type);
    append(m, &node->output, &node->n_output, copy(m, output));
    append(m, &m->graph->node, &m->graph->n_node, node);
    return node;
}

void make_reads(struct make *m, Onnx__NodeProto *node, const char *input)
{
    append(m, &node->input, &node->n_input, copy(m, input));
}

static Onnx__AttributeProto *attribute(
    struct make *m, Onnx__NodeProto *node, const char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = take(m, 1, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = copy(m, name);
    a->has_type = true;
    a->type = type;
    append(m, &node->attribute, &node->n_attribute, a);
    return a;
}

void make_int(struct make *m, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = true;
    a->i = value;
}

void make_float(struct make *m, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *a = attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = true;
    a->f = value;
}

void make_ints(struct make *m, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count)
{
    Onnx__AttributeProto *a = attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = count;
    a->ints = take(m, count, sizeof *values);
    if (count)
        memcpy(a->ints, values, count * sizeof *values);
}

void make_string(struct make *m, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *a = attribute(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = true;
    a->s.data = (uint8_t *)copy(m, value);
    a->s.len = strlen(value);
}

void make_value(struct make *m, Onnx__NodeProto *node, Onnx__TensorProto *value)
{
    attribute(m, node, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = value;
}

/* ---- bytes */

struct packed pack_proto(const Onnx__ModelProto *proto)
{
    struct packed packed = {.size = onnx__model_proto__get_packed_size(proto)};
    packed.bytes = bnf_alloc(packed.size, 1);
    if (!packed.bytes)
        bnf_bug("out of memory in a test");
    onnx__model_proto__pack(proto, packed.bytes);
    return packed;
}

static int nameless_file(void)
{
    int descriptor = memfd_create("model", MFD_CLOEXEC);
    if (descriptor < 0)
        bnf_bug("no memory file");
    return descriptor;
}

int pack_model(const struct bnf_model *model, struct packed *packed, struct bnf_err *err)
{
    struct bnf_out out = {.descriptor = nameless_file()};
    const struct bnf_save_options options = {.format = BNF_FORMAT_ONNX, .threads = 1};
    uint64_t written = 0;
    int status = bnf_model_save(model, &out, &options, &written, err);
    *packed = (struct packed){.size = (size_t)written};
    if (!status) {
        packed->bytes = bnf_alloc(packed->size, 1);
        if (!packed->bytes || pread(out.descriptor, packed->bytes, packed->size, 0) != (ssize_t)packed->size)
            bnf_bug("cannot read a saved model back");
    }
    close(out.descriptor);
    return status;
}

int load_packed(struct bnf_model *model, const struct packed *packed, struct bnf_err *err)
{
    int descriptor = nameless_file();
    int status = bnf_write_all(descriptor, packed->bytes, packed->size, "memory file", err);
    if (!status)
        status = bnf_model_load_descriptor(model, descriptor, "generated.onnx", err);
    close(descriptor);
    return status;
}

void write_packed(const struct packed *packed, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(packed->bytes, 1, packed->size, file) != packed->size || fclose(file) != 0)
        fprintf(stderr, "cannot write '%s'\n", path);
}
