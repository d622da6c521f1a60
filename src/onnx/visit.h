/* Every dense tensor of a model, wherever it hangs. */
#ifndef BNF_ONNX_VISIT_H
#define BNF_ONNX_VISIT_H

#include "base/err.h"

#include "onnx.pb-c.h"

#include <stdbool.h>

/* Calls visit for each TensorProto of the model: initializers of all graphs, attributes, parts of sparse
 * tensors, functions, training information. A failure (a status that is not 0) ends the walk and is returned,
 * with the place in front of its sentence. BNF_ELIMIT when messages are nested more than BNF_WIRE_DEPTH deep.
 */
int bnf_visit_tensors(Onnx__ModelProto *model,
    int (*visit)(void *context, Onnx__TensorProto *tensor, struct bnf_err *err), void *context,
    struct bnf_err *err);

/* Can a message of this type hold tensors? The visit goes no deeper where not. */
bool bnf_visit_wants(const ProtobufCMessageDescriptor *type);

#endif
