#include "onnx/wire.h"

#include "onnx/place.h"

#include "onnx.pb-c.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };       /* wire types */
enum { FLOAT_DATA = 4, RAW_DATA = 9, DOUBLE_DATA = 10 };         /* fields of TensorProto */
enum { longest_varint = 10, padded_length = 5, tag_shift = 56 }; /* bytes, bytes, bits */
static const uint64_t last_number = 536870911;                   /* field numbers have 29 bits */

/* A message that is being read. */
struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t begin, at, end;                 /* in the file; fields before `at` are done */
    size_t patch;                          /* where in the skeleton its length is to be written */
    uint64_t overrun;                      /* the length it claims when the file is shorter, else 0 */
    uint64_t seen;                         /* bit i: the singular message field i was there */
    const ProtobufCFieldDescriptor *field; /* being read; NULL: none or an unknown one */
    size_t field_at;                       /* where that began */
};

struct walk {
    const uint8_t *bytes;
    size_t size;
    struct bnf_buf *skeleton;
    struct bnf_err *err;
    size_t depth; /* frames[depth] is the innermost */
    struct frame frames[BNF_WIRE_DEPTH];
};

/* One field as it lies in the file. */
struct item {
    uint64_t number;
    unsigned wire;
    size_t tag;    /* bytes of its tag */
    size_t begin;  /* of its value, behind the length where there is one */
    uint64_t size; /* of its value, as the file claims it */
};

enum trouble { FINE, CUT_OFF, LONG_VARINT, BAD_NUMBER, BAD_WIRE, OVERRUN };

static enum trouble read_varint(const uint8_t *bytes, size_t *at, size_t end, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < longest_varint; i++) {
        if (*at == end)
            return CUT_OFF;
        uint8_t byte = bytes[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return FINE;
    }
    return LONG_VARINT;
}

/* Reads the field at `at`. On OVERRUN everything but the size is sound. */
static enum trouble read_item(const uint8_t *bytes, size_t at, size_t end, struct item *item)
{
    uint64_t value;
    *item = (struct item){.begin = at};
    enum trouble trouble = read_varint(bytes, &item->begin, end, &value);
    if (trouble)
        return trouble;
    item->tag = item->begin - at;
    item->number = value >> 3;
    item->wire = value & 7;
    if (item->number == 0 || item->number > last_number)
        return BAD_NUMBER;
    size_t after = item->begin;
    switch (item->wire) {
    case VARINT:
        trouble = read_varint(bytes, &after, end, &value);
        item->size = after - item->begin;
        return trouble;
    case FIXED32:
    case FIXED64:
        item->size = item->wire == FIXED32 ? 4 : 8;
        return item->size > end - item->begin ? CUT_OFF : FINE;
    case LENGTH:
        trouble = read_varint(bytes, &item->begin, end, &item->size);
        return trouble ? trouble : item->size > end - item->begin ? OVERRUN : FINE;
    }
    return BAD_WIRE;
}

/* How many times the field was there before the one that is being read. Looks at what was read already. */
static size_t index_of(const struct walk *walk, const struct frame *frame)
{
    struct item item;
    size_t count = 0;
    for (size_t at = frame->begin; at < frame->field_at; at = item.begin + (size_t)item.size) {
        if (read_item(walk->bytes, at, frame->field_at, &item))
            break;
        count += item.number == frame->field->id;
    }
    return count;
}

/* The value of the message's field `name`, as far as the message can be read; NULL when there is none. */
static const char *name_of(const struct walk *walk, const struct frame *frame, size_t *length)
{
    const ProtobufCFieldDescriptor *name =
        protobuf_c_message_descriptor_get_field_by_name(frame->type, "name");
    const char *found = NULL;
    struct item item;
    for (size_t at = frame->begin; name && at < frame->end; at = item.begin + (size_t)item.size) {
        if (read_item(walk->bytes, at, frame->end, &item))
            break;
        if (item.number == name->id && item.wire == LENGTH && item.size) {
            found = (const char *)walk->bytes + item.begin;
            *length = (size_t)item.size;
        }
    }
    return found;
}

/* The walk's only way to fail on what it reads: the sentence, with the place in front. */
__attribute__((format(printf, 3, 4))) static int fail(
    const struct walk *walk, int status, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct bnf_place place = {0};
    for (size_t i = 0; i <= walk->depth && walk->frames[i].field; i++) {
        const struct frame *frame = &walk->frames[i];
        size_t length = 0;
        const char *name = i < walk->depth ? name_of(walk, frame + 1, &length) : NULL;
        bnf_place_enter(&place, frame->field, index_of(walk, frame), name, length);
    }
    (void)bnf_fail(walk->err, status, "%s", text);
    bnf_place_tell(&place, walk->err);
    return status;
}

static const char *whose_end(const struct walk *walk, const struct frame *frame)
{
    return frame->end == walk->size ? "the file" : "its message";
}

static int fail_item(const struct walk *walk, enum trouble trouble, const struct item *item)
{
    const struct frame *frame = &walk->frames[walk->depth];
    switch (trouble) {
    case FINE:
        break;
    case CUT_OFF:
        return fail(
            walk, BNF_EINPUT, "%s ends within a value at byte %zu", whose_end(walk, frame), frame->end);
    case LONG_VARINT:
        return fail(
            walk, BNF_EINPUT, "a varint of more than %d bytes at byte %zu", (int)longest_varint, frame->at);
    case BAD_NUMBER:
        return fail(walk, BNF_EINPUT, "field number %" PRIu64 " at byte %zu, allowed are 1 to %" PRIu64,
            item->number, frame->at, last_number);
    case BAD_WIRE:
        return fail(
            walk, BNF_EINPUT, "wire type %u at byte %zu, allowed are 0, 1, 2 and 5", item->wire, frame->at);
    case OVERRUN:
        return fail(walk, BNF_EINPUT, "length %" PRIu64 " runs past the end of %s at byte %zu", item->size,
            whose_end(walk, frame), frame->end);
    }
    return BNF_OK;
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        out[size++] = (uint8_t)(value | 0x80);
    out[size++] = (uint8_t)value;
    return size;
}

/* Appends a tag, with `length` behind it where the wire type has one. */
static void put_head(struct walk *walk, uint64_t number, unsigned wire, size_t length)
{
    uint8_t head[2 * longest_varint];
    size_t size = put_varint(head, number << 3 | wire);
    if (wire == LENGTH)
        size += put_varint(head + size, length);
    bnf_buf_add(walk->skeleton, head, size);
}

static void put_mark(struct walk *walk, uint64_t number, struct bnf_payload payload)
{
    uint64_t mark[2] = {payload.offset, payload.size | (uint64_t)payload.tag << tag_shift};
    _Static_assert(sizeof mark == BNF_WIRE_MARK, "a mark is two words");
    put_head(walk, number, LENGTH, sizeof mark);
    bnf_buf_add(walk->skeleton, mark, sizeof mark);
}

struct bnf_payload bnf_wire_payload(const void *mark)
{
    uint64_t words[2];
    memcpy(words, mark, sizeof words);
    return (struct bnf_payload){
        .offset = (size_t)words[0],
        .size = (size_t)(words[1] & ((UINT64_C(1) << tag_shift) - 1)),
        .tag = (unsigned)(words[1] >> tag_shift),
    };
}

static unsigned wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return FIXED32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return LENGTH;
    default:
        return VARINT;
    }
}

static bool is_payload(const struct frame *frame, const ProtobufCFieldDescriptor *field)
{
    return frame->type == &onnx__tensor_proto__descriptor &&
           (field->id == FLOAT_DATA || field->id == RAW_DATA || field->id == DOUBLE_DATA);
}

/* A run of elements of one repeated number field, each with its own tag. They become one packed field:
 * protobuf-c reads it as the same list and needs 40 bytes less for each element. */
static int take_run(struct walk *walk, struct frame *frame, const struct item *first)
{
    struct item item = *first;
    size_t at = frame->at, total = 0, count = 0;
    enum trouble trouble = FINE;
    while (item.number == first->number && item.wire == first->wire && item.tag == first->tag) {
        count++;
        total += (size_t)item.size;
        at = item.begin + (size_t)item.size;
        if (at == frame->end || (trouble = read_item(walk->bytes, at, frame->end, &item)) != FINE)
            break; /* trouble is told when that field's turn comes */
    }
    if (is_payload(frame, frame->field)) {
        put_mark(walk, first->number, (struct bnf_payload){frame->at, at - frame->at, (unsigned)first->tag});
        frame->at = at;
        return BNF_OK;
    }
    put_head(walk, first->number, count > 1 ? LENGTH : first->wire, total);
    /* Unless the file changes meanwhile, each is read as it was before. */
    for (size_t from = frame->at; from < at; from = item.begin + (size_t)item.size) {
        if (read_item(walk->bytes, from, at, &item) != FINE || item.wire != first->wire || item.size > total)
            return fail(walk, BNF_EINPUT, "the file changed while it was read, at byte %zu", from);
        total -= (size_t)item.size;
        bnf_buf_add(walk->skeleton, walk->bytes + item.begin, (size_t)item.size);
    }
    if (total)
        return fail(walk, BNF_EINPUT, "the file changed while it was read, at byte %zu", at);
    frame->at = at;
    return BNF_OK;
}

/* Packed numbers must fill their length exactly. */
static int check_packed(const struct walk *walk, const struct item *item, unsigned wire)
{
    size_t end = item->begin + (size_t)item->size;
    if (wire != VARINT) {
        unsigned width = wire == FIXED32 ? 4 : 8;
        if (item->size % width)
            return fail(walk, BNF_EINPUT, "length %" PRIu64 " at byte %zu is not a multiple of %u",
                item->size, item->begin, width);
        return BNF_OK;
    }
    uint64_t value;
    for (size_t at = item->begin, from = at; at < end; from = at)
        if (read_varint(walk->bytes, &at, end, &value))
            return fail(walk, BNF_EINPUT, "a number of a packed list does not end, at byte %zu", from);
    return BNF_OK;
}

static int enter(struct walk *walk, struct frame *frame, const struct item *item)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        /* Parsers are to merge the two; nobody writes that, and protobuf-c loses unknown fields over it. */
        uint64_t bit = UINT64_C(1) << ((size_t)(field - frame->type->fields) & 63);
        if (frame->seen & bit)
            return fail(walk, BNF_EINPUT, "'%s' is given twice, at byte %zu", field->name, frame->at);
        frame->seen |= bit;
    }
    if (walk->depth + 1 == BNF_WIRE_DEPTH)
        return fail(walk, BNF_ELIMIT, "messages are nested more than %d deep", (int)BNF_WIRE_DEPTH);
    size_t room = frame->end - item->begin;
    struct frame *inner = &walk->frames[++walk->depth];
    *inner = (struct frame){.type = field->descriptor, .begin = item->begin, .at = item->begin};
    inner->overrun = item->size > room ? item->size : 0;
    inner->end = item->begin + (inner->overrun ? room : (size_t)item->size);
    static const uint8_t unknown_yet[padded_length];
    uint8_t tag[longest_varint];
    bnf_buf_add(walk->skeleton, tag, put_varint(tag, item->number << 3 | LENGTH));
    inner->patch = walk->skeleton->size;
    bnf_buf_add(walk->skeleton, unknown_yet, sizeof unknown_yet);
    return BNF_OK;
}

static int leave(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth];
    frame->field = NULL;
    if (frame->overrun)
        return fail_item(walk, OVERRUN, &(struct item){.size = frame->overrun});
    if (walk->skeleton->failed)
        return bnf_fail_memory(walk->err);
    size_t length = walk->skeleton->size - frame->patch - padded_length;
    if (length > INT32_MAX)
        return fail(walk, BNF_ELIMIT, "%zu bytes besides tensors' data, allowed are %d", length, INT32_MAX);
    uint8_t *patch = (uint8_t *)walk->skeleton->data + frame->patch;
    for (unsigned i = 0; i < padded_length; i++)
        patch[i] = (uint8_t)((length >> (7 * i) & 0x7f) | (i + 1 < padded_length ? 0x80 : 0));
    walk->depth--;
    walk->frames[walk->depth].at = frame->end;
    return BNF_OK;
}

/* A field whose value has a length and is not a message. */
static int take_bytes(struct walk *walk, struct frame *frame, const struct item *item)
{
    const ProtobufCFieldDescriptor *field = frame->field;
    const uint8_t *value = walk->bytes + item->begin;
    size_t size = (size_t)item->size;
    unsigned wire = field ? wire_of(field->type) : LENGTH;
    int status = wire == LENGTH ? BNF_OK : check_packed(walk, item, wire);
    if (status)
        return status;
    frame->at = item->begin + size;
    if (field && is_payload(frame, field)) {
        if (size)
            put_mark(walk, item->number, (struct bnf_payload){item->begin, size, 0});
        else
            put_head(walk, item->number, LENGTH, 0);
        return BNF_OK;
    }
    const uint8_t *nul =
        field && field->type == PROTOBUF_C_TYPE_STRING && size ? memchr(value, 0, size) : NULL;
    if (nul)
        return fail(walk, BNF_EINPUT, "a NUL within the text at byte %zu", (size_t)(nul - walk->bytes));
    if (size > INT32_MAX)
        return fail(walk, BNF_EINPUT, "length %zu at byte %zu, allowed are %d", size, item->begin, INT32_MAX);
    put_head(walk, item->number, LENGTH, size);
    bnf_buf_add(walk->skeleton, value, size);
    return BNF_OK;
}

/* Reads one field of the innermost message. */
static int step(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth];
    struct item item;
    frame->field = NULL;
    frame->field_at = frame->at;
    enum trouble trouble = read_item(walk->bytes, frame->at, frame->end, &item);
    if (item.tag && item.number && item.number <= last_number)
        frame->field = protobuf_c_message_descriptor_get_field(frame->type, (unsigned)item.number);
    const ProtobufCFieldDescriptor *field = frame->field;
    bool message = field && field->type == PROTOBUF_C_TYPE_MESSAGE && item.wire == LENGTH;
    /* Where the file is cut off, going on into the message finds the innermost place that misses its end. */
    if (trouble && !(trouble == OVERRUN && message && frame->end == walk->size))
        return fail_item(walk, trouble, &item);
    if (message)
        return enter(walk, frame, &item);
    if (field && item.wire != wire_of(field->type) &&
        !(item.wire == LENGTH && field->label == PROTOBUF_C_LABEL_REPEATED))
        return fail(walk, BNF_EINPUT, "wire type %u at byte %zu, but '%s' has %u", item.wire, frame->at,
            field->name, wire_of(field->type));
    if (item.wire == LENGTH)
        return take_bytes(walk, frame, &item);
    if (field && field->label == PROTOBUF_C_LABEL_REPEATED)
        return take_run(walk, frame, &item);
    put_head(walk, item.number, item.wire, 0);
    bnf_buf_add(walk->skeleton, walk->bytes + item.begin, (size_t)item.size);
    frame->at = item.begin + (size_t)item.size;
    return BNF_OK;
}

int bnf_wire_skeleton(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *type,
    struct bnf_buf *skeleton, struct bnf_err *err)
{
    struct walk walk = {.bytes = bytes, .size = size, .skeleton = skeleton, .err = err};
    walk.frames[0] = (struct frame){.type = type, .end = size};
    int status = BNF_OK;
    while (!status && (walk.depth || walk.frames[0].at < size))
        status = walk.frames[walk.depth].at < walk.frames[walk.depth].end ? step(&walk) : leave(&walk);
    if (!status && skeleton->failed)
        status = bnf_fail_memory(err);
    return status;
}

/* ---- protobuf-c ---- */

struct heap {
    struct bnf_arena *arena;
    bool failed;
};

static void *heap_alloc(void *context, size_t size)
{
    struct heap *heap = context;
    void *block = bnf_arena_alloc(heap->arena, size, 1);
    heap->failed |= !block;
    return block;
}

static void heap_free(void *context, void *block)
{
    (void)context, (void)block; /* the arena's blocks die together */
}

int bnf_wire_unpack(const uint8_t *bytes, size_t size, const ProtobufCMessageDescriptor *type,
    struct bnf_arena *arena, ProtobufCMessage **out, struct bnf_err *err)
{
    struct heap heap = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = heap_alloc, .free = heap_free, .allocator_data = &heap};
    *out = protobuf_c_message_unpack(type, &allocator, size, bytes);
    if (*out)
        return BNF_OK;
    return heap.failed ? bnf_fail_memory(err)
                       : bnf_fail(err, BNF_EINPUT, "its messages are not those of a %s", type->short_name);
}
