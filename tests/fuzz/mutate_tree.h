/* Between the mutator's files: the message tree being changed, and the changes. */
#ifndef BNF_TESTS_FUZZ_MUTATE_TREE_H
#define BNF_TESTS_FUZZ_MUTATE_TREE_H

#include "base/mem.h"
#include "support/rng.h"

#include "onnx.pb-c.h"

enum { tree_most = 4096 };

struct tree {
    struct bnf_arena arena;
    ProtobufCAllocator allocator; /* takes from the arena */
    struct rng rng;
    ProtobufCMessage *messages[tree_most];
    const char *names[tree_most]; /* of values */
    size_t count, name_count;
};

/* How many values a field has (0 or 1 unless repeated), and where the one at `index` lies. */
size_t tree_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
void *tree_item(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index);

/* Any field of any message: a value changed, added, dropped, doubled, moved. */
void mutate_field(struct tree *t, ProtobufCMessage *message);

/* Changes that keep more sense. */
void mutate_node(struct tree *t, Onnx__NodeProto *node);
void mutate_graph(struct tree *t, Onnx__GraphProto *graph);
void mutate_attribute(struct tree *t, Onnx__AttributeProto *attribute);
void mutate_tensor(struct tree *t, Onnx__TensorProto *tensor);
void mutate_types(struct tree *t);

int64_t mutate_number(struct tree *t, int64_t old);
float mutate_real(struct tree *t, float old);
char *mutate_name(struct tree *t);

#endif
