/* Puts ONNX models together piece by piece. Running out of memory ends the program: these are tests. */
#ifndef BNF_TESTS_MAKE_H
#define BNF_TESTS_MAKE_H

#include "onnx/model.h"

/* Bytes of a model file, on the heap. */
struct packed {
    uint8_t *bytes;
    size_t size;
};

struct make {
    struct bnf_arena arena; /* everything lives here */
    Onnx__ModelProto *model;
    Onnx__GraphProto *graph;
    unsigned names; /* given out so far */
};

/* Begins an empty model with one operator set, the standard's; make_end frees it. */
void make_begin(struct make *make, int64_t ir_version, int64_t opset);
void make_end(struct make *make);

/* Begins with a packed model instead, to change it. */
void make_open(struct make *make, const struct packed *packed);

/* The initializer of that name, or NULL. */
Onnx__TensorProto *make_find_initializer(const struct make *make, const char *name);

/* A name that was not given before: the stem and a number. */
char *make_name(struct make *make, const char *stem);

/* A value's name and type; a negative extent becomes the symbol "N". */
Onnx__ValueInfoProto *make_info(
    struct make *make, const char *name, int dtype, const int64_t *dims, size_t rank);

void make_input(struct make *make, const char *name, int dtype, const int64_t *dims, size_t rank);
void make_output(struct make *make, const char *name, int dtype, const int64_t *dims, size_t rank);
void make_note(
    struct make *make, const char *name, int dtype, const int64_t *dims, size_t rank); /* value_info */

/* A tensor of these values, rounded to a float type or converted to int64, as raw_data. */
Onnx__TensorProto *make_tensor(
    struct make *make, const char *name, int dtype, const int64_t *dims, size_t rank, const double *values);

/* Adds the tensor to the graph's initializers. */
void make_initializer(struct make *make, Onnx__TensorProto *tensor);

/* Adds a node without inputs and with one output. */
Onnx__NodeProto *make_node(struct make *make, const char *op_type, const char *output);
void make_reads(struct make *make, Onnx__NodeProto *node, const char *input);
void make_int(struct make *make, Onnx__NodeProto *node, const char *name, int64_t value);
void make_float(struct make *make, Onnx__NodeProto *node, const char *name, float value);
void make_ints(
    struct make *make, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count);
void make_string(struct make *make, Onnx__NodeProto *node, const char *name, const char *value);
void make_value(struct make *make, Onnx__NodeProto *node, Onnx__TensorProto *value);

struct packed pack_proto(const Onnx__ModelProto *proto);

/* Saves a loaded (and perhaps edited) model. */
int pack_model(const struct bnf_model *model, struct packed *packed, struct bnf_err *err);

/* Loads the bytes through a file without a name. */
int load_packed(struct bnf_model *model, const struct packed *packed, struct bnf_err *err);

/* Writes them where somebody can look at them. */
void write_packed(const struct packed *packed, const char *path);

#endif
