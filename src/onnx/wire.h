/* The first look at a protobuf file: everything about its wire format is checked, and a copy without the
 * payloads of tensors, the skeleton, is made for protobuf-c. Then what protobuf-c reads goes into an arena. */
#ifndef BNF_ONNX_WIRE_H
#define BNF_ONNX_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <protobuf-c/protobuf-c.h>

/* Most messages that may lie within each other, the outermost included. */
enum { BNF_WIRE_DEPTH = 100 };

/* A payload that stayed in the file: TensorProto.raw_data, float_data or double_data. */
struct bnf_payload {
    size_t offset; /* in the file */
    size_t size;
    unsigned tag; /* 0: the elements lie side by side; else each follows a tag of this many bytes */
};

/* In the skeleton a mark stands for a payload: these many bytes of raw_data, or as many packed in float_data
 * or double_data (where several marks in a row are several parts). Payloads of no bytes have no mark. */
enum { BNF_WIRE_MARK = 16 };

/* Reads a mark. */
struct bnf_payload bnf_wire_payload(const void *mark);

/* Checks a serialized message (tags, wire types, varints, lengths, nesting, no NUL in strings, no singular
 * message given twice) and appends its skeleton to `skeleton`, which protobuf-c can unpack. Unknown fields
 * are kept. BNF_EINPUT or BNF_ELIMIT (nesting) with a sentence that names the place; BNF_ENOMEM. */
int bnf_wire_skeleton(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *type,
    struct bnf_buf *skeleton, struct bnf_err *err);

/* protobuf-c's messages of what was checked so, in the arena. BNF_EINPUT: they are not of that type; BNF_ENOMEM. */
int bnf_wire_unpack(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *type,
    struct bnf_arena *arena, ProtobufCMessage **out, struct bnf_err *err);

#endif
