#include "fuzz/mutate.h"

#include "fuzz/mutate_tree.h"
#include "onnx/wire.h"

#include <string.h>

static void *arena_take(void *arena, size_t size)
{
    return bnf_arena_alloc(arena, size, 1);
}

static void arena_leave(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

static void add_name(struct tree *t, const char *name)
{
    if (name && *name && t->name_count < tree_most)
        t->names[t->name_count++] = name;
}

static void collect(struct tree *t, ProtobufCMessage *message)
{
    if (t->count == tree_most)
        return;
    t->messages[t->count++] = message;
    if (message->descriptor == &onnx__node_proto__descriptor) {
        Onnx__NodeProto *node = (Onnx__NodeProto *)message;
        for (size_t i = 0; i < node->n_output; i++)
            add_name(t, node->output[i]);
    } else if (message->descriptor == &onnx__tensor_proto__descriptor) {
        add_name(t, ((Onnx__TensorProto *)message)->name);
    } else if (message->descriptor == &onnx__value_info_proto__descriptor) {
        add_name(t, ((Onnx__ValueInfoProto *)message)->name);
    }
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        size_t count = tree_count(message, field);
        for (size_t k = 0; k < count; k++)
            collect(t, *(ProtobufCMessage **)tree_item(message, field, k));
    }
}

/* Nodes, tensors and attributes are where the fold looks: they come up more often than their number. */
static ProtobufCMessage *choose(struct tree *t)
{
    static const ProtobufCMessageDescriptor *const likely[] = {&onnx__node_proto__descriptor,
        &onnx__node_proto__descriptor, &onnx__tensor_proto__descriptor, &onnx__attribute_proto__descriptor,
        &onnx__graph_proto__descriptor};
    const ProtobufCMessageDescriptor *wanted = NULL;
    if (rng_percent(&t->rng, 70))
        wanted = likely[rng_below(&t->rng, sizeof likely / sizeof *likely)];
    size_t from = rng_below(&t->rng, (unsigned)t->count);
    for (size_t i = 0; wanted && i < t->count; i++) {
        ProtobufCMessage *message = t->messages[(from + i) % t->count];
        if (message->descriptor == wanted)
            return message;
    }
    return t->messages[from];
}

static void change(struct tree *t)
{
    ProtobufCMessage *message = choose(t);
    unsigned how = rng_below(&t->rng, 100);
    if (message->descriptor == &onnx__node_proto__descriptor && how < 60)
        mutate_node(t, (Onnx__NodeProto *)message);
    else if (message->descriptor == &onnx__tensor_proto__descriptor && how < 70)
        mutate_tensor(t, (Onnx__TensorProto *)message);
    else if (message->descriptor == &onnx__attribute_proto__descriptor && how < 50)
        mutate_attribute(t, (Onnx__AttributeProto *)message);
    else if (message->descriptor == &onnx__graph_proto__descriptor && how < 80)
        mutate_graph(t, (Onnx__GraphProto *)message);
    else if (how > 97)
        mutate_types(t);
    else
        mutate_field(t, message);
}

/* Takes the changed model as it will be written, since a change may have gone into a message that hangs twice. */
static size_t pack(const Onnx__ModelProto *model, uint8_t *data, size_t room)
{
    size_t size = onnx__model_proto__get_packed_size(model);
    return size <= room ? onnx__model_proto__pack(model, data) : 0;
}

size_t mutate_model(uint8_t *data, size_t size, size_t room, uint64_t seed)
{
    struct bnf_buf skeleton = {0};
    /* protobuf-c follows any nesting; what the loader refuses is not worth changing either. */
    bool sound = size && data[0] != '{' &&
                 bnf_wire_skeleton(data, size, &onnx__model_proto__descriptor, &skeleton, NULL) == BNF_OK;
    bnf_buf_free(&skeleton);
    struct tree *t = sound ? bnf_alloc(1, sizeof *t) : NULL;
    if (!t)
        return 0;
    bnf_arena_init(&t->arena, 0);
    t->rng = rng_new(seed);
    t->allocator = (ProtobufCAllocator){arena_take, arena_leave, &t->arena};
    Onnx__ModelProto *model = onnx__model_proto__unpack(&t->allocator, size, data);
    for (unsigned left = model ? 1 + rng_below(&t->rng, 4) : 0; left; left--) {
        t->count = t->name_count = 0;
        collect(t, &model->base);
        change(t);
    }
    size_t packed = model ? pack(model, data, room) : 0;
    bnf_arena_free(&t->arena);
    bnf_free(t);
    return packed;
}
