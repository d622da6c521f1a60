/* Changes of single fields, by protobuf-c's descriptors. */
#include "fuzz/mutate_tree.h"

#include <math.h>
#include <string.h>

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return 4;
    }
}

static unsigned char *member(ProtobufCMessage *message, unsigned offset)
{
    return (unsigned char *)message + offset;
}

static bool is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const unsigned char *base = (const unsigned char *)message;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(const void *)(base + field->quantifier_offset) == field->id;
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *at = *(const void *const *)(const void *)(base + field->offset);
        return at && at != field->default_value;
    }
    return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

size_t tree_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const unsigned char *base = (const unsigned char *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(const void *)(base + field->quantifier_offset);
    return is_present(message, field);
}

void *tree_item(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index)
{
    unsigned char *at = member(message, field->offset), *list;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return at;
    memcpy(&list, at, sizeof list);
    return list + index * size_of(field->type);
}

int64_t mutate_number(struct tree *t, int64_t old)
{
    static const int64_t marks[] = {INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, (int64_t)1 << 31, (int64_t)1 << 32,
        (int64_t)1 << 62, 65536, 1000000, 255, 127, -127};
    switch (rng_below(&t->rng, 8)) {
    case 0:
        return marks[rng_below(&t->rng, sizeof marks / sizeof *marks)];
    case 1:
        return (int64_t)((uint64_t)old + 1);
    case 2:
        return (int64_t)((uint64_t)old - 1);
    case 3:
        return (int64_t)(0 - (uint64_t)old);
    case 4:
        return (int64_t)((uint64_t)old << 1);
    default:
        return rng_range(&t->rng, -2, 8);
    }
}

float mutate_real(struct tree *t, float old)
{
    static const float marks[] = {0, -0.0f, 1, -1, INFINITY, -INFINITY, NAN, 1e-45f, 1e-38f, 3e38f, 65504, 6e-8f};
    switch (rng_below(&t->rng, 4)) {
    case 0:
        return marks[rng_below(&t->rng, sizeof marks / sizeof *marks)];
    case 1:
        return -old;
    case 2:
        return old * (float)rng_uniform(&t->rng, -4, 4);
    default:
        return (float)rng_uniform(&t->rng, -2, 2);
    }
}

static char *copy(struct tree *t, const char *text)
{
    char *made = bnf_arena_copy(&t->arena, text, strlen(text));
    return made ? made : (char *)protobuf_c_empty_string;
}

char *mutate_name(struct tree *t)
{
    static const char *const odd[] = {"", "x", "a name with\ttab", "\xff", "../etc", "%s%n", "'"};
    if (t->name_count && rng_percent(&t->rng, 90))
        return copy(t, t->names[rng_below(&t->rng, (unsigned)t->name_count)]);
    return copy(t, odd[rng_below(&t->rng, sizeof odd / sizeof *odd)]);
}

static void change_bytes(struct tree *t, ProtobufCBinaryData *bytes)
{
    size_t size = bytes->len;
    switch (rng_below(&t->rng, 4)) {
    case 0:
        size = size ? rng_below(&t->rng, (unsigned)size) : 0;
        break;
    case 1:
        size += 1 + rng_below(&t->rng, 16);
        break;
    }
    uint8_t *made = bnf_arena_alloc(&t->arena, size, 1);
    if (!made)
        return;
    if (bytes->len && size)
        memcpy(made, bytes->data, size < bytes->len ? size : bytes->len);
    for (unsigned n = rng_below(&t->rng, 4); n && size; n--) {
        size_t at = rng_below(&t->rng, (unsigned)size) & ~(size_t)3;
        float number;
        if (at + sizeof number > size)
            made[at] ^= (uint8_t)(1u << rng_below(&t->rng, 8));
        else {
            memcpy(&number, made + at, sizeof number);
            number = mutate_real(t, number);
            memcpy(made + at, &number, sizeof number);
        }
    }
    *bytes = (ProtobufCBinaryData){.len = size, .data = made};
}

/* A value of its own for a message that hangs elsewhere: a tree must not become a ring. */
static ProtobufCMessage *donor(struct tree *t, const ProtobufCMessageDescriptor *type)
{
    size_t from = rng_below(&t->rng, (unsigned)t->count);
    for (size_t i = 0; i < t->count; i++) {
        ProtobufCMessage *message = t->messages[(from + i) % t->count];
        if (message->descriptor != type)
            continue;
        size_t size = protobuf_c_message_get_packed_size(message);
        uint8_t *bytes = size < 8192 ? bnf_arena_alloc(&t->arena, size, 1) : NULL;
        if (!bytes)
            return NULL;
        protobuf_c_message_pack(message, bytes);
        return protobuf_c_message_unpack(type, &t->allocator, size, bytes);
    }
    return NULL;
}

static void change_value(struct tree *t, const ProtobufCFieldDescriptor *field, void *at)
{
    int64_t number;
    float real;
    double wide;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        change_bytes(t, at);
        return;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = mutate_name(t);
        return;
    case PROTOBUF_C_TYPE_MESSAGE: {
        ProtobufCMessage *made = donor(t, field->descriptor);
        if (made)
            *(ProtobufCMessage **)at = made;
        return;
    }
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(&real, at, sizeof real);
        real = mutate_real(t, real);
        memcpy(at, &real, sizeof real);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&wide, at, sizeof wide);
        wide = (double)mutate_real(t, (float)wide);
        memcpy(at, &wide, sizeof wide);
        return;
    default:
        break;
    }
    if (size_of(field->type) == 8) {
        memcpy(&number, at, sizeof number);
        number = mutate_number(t, number);
        memcpy(at, &number, sizeof number);
    } else {
        int32_t narrow;
        memcpy(&narrow, at, sizeof narrow);
        narrow = field->type == PROTOBUF_C_TYPE_BOOL ? !narrow : (int32_t)mutate_number(t, narrow);
        memcpy(at, &narrow, sizeof narrow);
    }
}

/* Lists move to a new block with room for one more, which is doubled from `source`. */
static unsigned char *widen(struct tree *t, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
    size_t count, size_t source)
{
    size_t width = size_of(field->type);
    unsigned char *made = bnf_arena_alloc(&t->arena, count + 1, width), *old;
    if (!made)
        return NULL;
    memcpy(&old, member(message, field->offset), sizeof old);
    if (count) {
        memcpy(made, old, count * width);
        memcpy(made + count * width, old + source * width, width);
    }
    memcpy(member(message, field->offset), &made, sizeof made);
    *(size_t *)(void *)member(message, field->quantifier_offset) = count + 1;
    return made + count * width;
}

static void swap(unsigned char *a, unsigned char *b, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        unsigned char keep = a[i];
        a[i] = b[i];
        b[i] = keep;
    }
}

static void change_list(struct tree *t, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t count = tree_count(message, field), width = size_of(field->type);
    size_t at = count ? rng_below(&t->rng, (unsigned)count) : 0;
    unsigned how = count ? rng_below(&t->rng, 5) : 0;
    unsigned char *last;
    if (how == 0) {
        unsigned char *made = widen(t, message, field, count, at);
        if (!made)
            return;
        if (field->type == PROTOBUF_C_TYPE_STRING && !count)
            *(char **)(void *)made = mutate_name(t);
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            return;
        size_t *counter = (size_t *)(void *)member(message, field->quantifier_offset);
        *counter = count; /* the message is as it was while a copy of it, or of one around it, may be taken */
        change_value(t, field, made);
        if (*(void **)(void *)made)
            *counter = count + 1;
        return;
    }
    last = tree_item(message, field, count - 1);
    if (how == 1) {
        swap(tree_item(message, field, at), last, width);
        *(size_t *)(void *)member(message, field->quantifier_offset) = count - 1;
    } else if (how == 2) {
        swap(tree_item(message, field, at), tree_item(message, field, rng_below(&t->rng, (unsigned)count)), width);
    } else {
        change_value(t, field, tree_item(message, field, at));
    }
}

static void change_single(struct tree *t, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    bool present = is_present(message, field), one_of = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
    bool pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    void *at = member(message, field->offset);
    if (present && rng_percent(&t->rng, 20)) {
        if (one_of)
            *(uint32_t *)(void *)member(message, field->quantifier_offset) = 0;
        else if (pointer)
            *(void **)at = NULL;
        else
            *(protobuf_c_boolean *)(void *)member(message, field->quantifier_offset) = 0;
        return;
    }
    ProtobufCBinaryData keep = {0}; /* the widest member of a union */
    if (!present && one_of) { /* another member's bytes are no value of this one */
        memcpy(&keep, at, size_of(field->type));
        memset(at, 0, size_of(field->type));
    }
    change_value(t, field, at);
    if (pointer && !*(void **)at) {
        memcpy(at, &keep, size_of(field->type));
        return;
    }
    if (one_of)
        *(uint32_t *)(void *)member(message, field->quantifier_offset) = field->id;
    else if (!pointer)
        *(protobuf_c_boolean *)(void *)member(message, field->quantifier_offset) = 1;
}

void mutate_field(struct tree *t, ProtobufCMessage *message)
{
    unsigned fields = message->descriptor->n_fields;
    const ProtobufCFieldDescriptor *field = NULL;
    if (!fields)
        return;
    /* Mostly what is there. */
    for (unsigned tries = 0; tries < 4; tries++) {
        field = &message->descriptor->fields[rng_below(&t->rng, fields)];
        if (tree_count(message, field))
            break;
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        change_list(t, message, field);
    else
        change_single(t, message, field);
}
