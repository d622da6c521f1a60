/* Where in a model something is, in words: "node 4 'If_4': attribute 'then_branch': initializer 0 'w'". */
#ifndef BNF_ONNX_PLACE_H
#define BNF_ONNX_PLACE_H

#include "base/err.h"

#include <protobuf-c/protobuf-c.h>

struct bnf_place {
    char text[640];
    size_t size;
};

/* Steps into a field: its name, `index` when it is repeated, and the name of the message in it (length bytes;
 * NULL when it has none). Fields that a reader does not miss, such as a model's only graph, leave no trace;
 * what no longer fits becomes one "…". */
void bnf_place_enter(struct bnf_place *place, const ProtobufCFieldDescriptor *field, size_t index,
    const char *name, size_t length);

/* Puts the place in front of the sentence that err holds. Fine for an empty place and for no err. */
void bnf_place_tell(const struct bnf_place *place, struct bnf_err *err);

/* Copies text that came from a file for use in a sentence: control characters and what is not UTF-8 become
 * '?', and what does not fit into `room` bytes is cut between characters. Returns the terminated copy. */
const char *bnf_place_quote(const char *text, size_t length, char *copy, size_t room);

#endif
