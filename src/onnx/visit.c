#include "onnx/visit.h"

#include "onnx/place.h"
#include "onnx/wire.h"

#include <string.h>

/* A message whose fields are being looked through. */
struct frame {
    ProtobufCMessage *message;
    unsigned field; /* index into the descriptor's fields */
    size_t next;    /* element of that field to look at next */
};

bool bnf_visit_wants(const ProtobufCMessageDescriptor *type)
{
    const ProtobufCMessageDescriptor *const wanted[] = {
        &onnx__model_proto__descriptor,
        &onnx__graph_proto__descriptor,
        &onnx__node_proto__descriptor,
        &onnx__attribute_proto__descriptor,
        &onnx__tensor_proto__descriptor,
        &onnx__sparse_tensor_proto__descriptor,
        &onnx__function_proto__descriptor,
        &onnx__training_info_proto__descriptor,
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (type == wanted[i])
            return true;
    return false;
}

/* The next message below the frame's that can hold tensors or is one, NULL at the end. */
static ProtobufCMessage *next_below(struct frame *frame)
{
    const ProtobufCMessageDescriptor *type = frame->message->descriptor;
    char *base = (char *)frame->message;
    for (; frame->field < type->n_fields; frame->field++, frame->next = 0) {
        const ProtobufCFieldDescriptor *field = &type->fields[frame->field];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || !bnf_visit_wants(field->descriptor))
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(size_t *)(void *)(base + field->quantifier_offset);
            ProtobufCMessage **items = *(ProtobufCMessage ***)(void *)(base + field->offset);
            if (frame->next < count)
                return items[frame->next++];
        } else {
            ProtobufCMessage *item = *(ProtobufCMessage **)(void *)(base + field->offset);
            if (item && frame->next++ == 0)
                return item;
        }
    }
    return NULL;
}

static const char *name_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "name");
    if (!field || field->type != PROTOBUF_C_TYPE_STRING)
        return NULL;
    const char *name = *(char *const *)(const void *)((const char *)message + field->offset);
    return name && *name ? name : NULL;
}

static void tell(const struct frame *frames, size_t depth, const ProtobufCMessage *last, struct bnf_err *err)
{
    struct bnf_place place = {0};
    for (size_t i = 0; i <= depth; i++) {
        const ProtobufCMessage *below = i < depth ? frames[i + 1].message : last;
        const char *name = name_of(below);
        bnf_place_enter(&place, &frames[i].message->descriptor->fields[frames[i].field], frames[i].next - 1,
            name, name ? strlen(name) : 0);
    }
    bnf_place_tell(&place, err);
}

int bnf_visit_tensors(Onnx__ModelProto *model,
    int (*visit)(void *context, Onnx__TensorProto *tensor, struct bnf_err *err), void *context,
    struct bnf_err *err)
{
    struct frame frames[BNF_WIRE_DEPTH];
    size_t depth = 0;
    frames[0] = (struct frame){.message = &model->base};
    for (;;) {
        ProtobufCMessage *below = next_below(&frames[depth]);
        int status = BNF_OK;
        if (!below && depth == 0)
            return BNF_OK;
        if (!below)
            depth--;
        else if (below->descriptor == &onnx__tensor_proto__descriptor)
            status = visit(context, (Onnx__TensorProto *)below, err);
        else if (depth + 1 == BNF_WIRE_DEPTH)
            status = bnf_fail(err, BNF_ELIMIT, "messages are nested more than %d deep", (int)BNF_WIRE_DEPTH);
        else
            frames[++depth] = (struct frame){.message = below};
        if (status) {
            tell(frames, depth, below, err);
            return status;
        }
    }
}
