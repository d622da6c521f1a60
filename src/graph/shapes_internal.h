/* Shape inference, the parts that its files share.
 *
 * Extents are those of graph.h: a number, a symbol, or unknown. Next to shapes, the elements of small vectors
 * are followed as far as they are known, since exporters compute the shapes they pass to Reshape, Expand,
 * Resize … from the extents of other values. */
#ifndef BNF_GRAPH_SHAPES_INTERNAL_H
#define BNF_GRAPH_SHAPES_INTERNAL_H

#include "graph/attr.h"
#include "graph/graph.h"

/* Values of a higher rank are taken as of unknown rank, and longer vectors as unknown. */
#define BNF_RANK_MAX 64
#define BNF_VECTOR_MAX 64

/* Extents and attributes beyond this make a result unknown instead of overflowing. */
#define BNF_EXTENT_MAX ((int64_t)1 << 40)

/* One element of a small vector: a number when symbol is 0, else BNF_DIM_UNKNOWN or a symbol. */
struct bnf_element {
    int64_t symbol;
    double number; /* exact up to 2^53; larger ones only ever mean "to the end" */
};

struct bnf_vector {
    size_t count;
    struct bnf_element items[BNF_VECTOR_MAX];
};

struct bnf_inference {
    struct bnf_graph *graph;
    struct bnf_arena scratch;   /* what `known` points to */
    struct bnf_element **known; /* per value: its elements, as many as its shape says; NULL: not known */
    uint32_t *known_count;      /* per value */
    bool *looked;               /* per value: its initializer has been read */
    bool no_memory;             /* the model's arena gave out */
    struct bnf_callee *callees; /* the model's functions; see shapes_call.c */
    size_t callee_count;
    unsigned call_depth; /* calls around the scope being looked at */
    size_t called_nodes; /* nodes looked at on behalf of calls */
};

/* One node while it is looked at. */
struct bnf_op {
    struct bnf_inference *all;
    bnf_id node;
    const Onnx__NodeProto *proto;
    int64_t opset;
    int arg; /* of the operator's line in shapes_rules.def */
};

/* A shape under construction. */
struct bnf_dims {
    int dtype;
    int rank; /* -1: unknown */
    int64_t dims[BNF_RANK_MAX];
};

/* Shape of an input; dtype 0 and rank -1 when the slot is empty, unknown or of a rank above BNF_RANK_MAX. */
struct bnf_dims bnf_op_input(const struct bnf_op *op, uint32_t slot);

/* True when the slot holds a value. */
bool bnf_op_has(const struct bnf_op *op, uint32_t slot);

/* Adds what was inferred about an output to what the model states; extents still unknown get symbols of their
 * own. A missing slot is fine. */
void bnf_op_output(const struct bnf_op *op, uint32_t slot, const struct bnf_dims *shape);

/* The same for a type and rank alone; all extents unknown. */
void bnf_op_output_rank(const struct bnf_op *op, uint32_t slot, int dtype, int rank);

/* Elements of an input as far as known; false when not even their number is (or it is above BNF_VECTOR_MAX).
 */
bool bnf_op_vector(const struct bnf_op *op, uint32_t slot, struct bnf_vector *out);

/* An attribute (when `attribute` is not NULL and present) or else an input (slot > 0) as a vector. */
bool bnf_op_list(const struct bnf_op *op, const char *attribute, uint32_t slot, struct bnf_vector *out);

/* Stores the elements of output 0. */
void bnf_op_know(const struct bnf_op *op, const struct bnf_vector *vector);

/* axis counted from the front, or -1 when it is out of range. */
int bnf_shape_axis(int64_t axis, int rank);

/* An element that must be a number, clamped to int64; false when it is none. */
bool bnf_element_int(struct bnf_element element, int64_t *out);
bool bnf_element_is(struct bnf_element element, double number);
struct bnf_element bnf_element_number(double number);
struct bnf_element bnf_element_dim(int64_t dim);
int64_t bnf_element_extent(struct bnf_element element); /* as an extent; unknown for negative numbers */

/* Arithmetic on extents. refine: both describe the same extent, `a` wins; join: one or the other. */
int64_t bnf_dim_refine(int64_t a, int64_t b);
int64_t bnf_dim_join(int64_t a, int64_t b);
int64_t bnf_dim_broadcast(int64_t a, int64_t b);
int64_t bnf_dim_times(int64_t a, int64_t b);
int64_t bnf_dim_plus(int64_t a, int64_t b);
int64_t bnf_dim_divided(int64_t a, int64_t b); /* unknown when it leaves a rest */

/* Product of some extents; 1 for none. */
int64_t bnf_dim_product(const int64_t *dims, int count);

/* Numpy's broadcasting of b into a; unknown rank when either is. */
void bnf_dims_broadcast(struct bnf_dims *a, const struct bnf_dims *b);

/* Runs one scope; bodies are entered from their owners. */
void bnf_shapes_scope(struct bnf_inference *all, bnf_id scope);

/* Gives an input's unknown extents symbols of their own. */
void bnf_shapes_open(struct bnf_inference *all, bnf_id value);

/* --- shapes_call.c --- */

/* Lists the functions; false when memory is out. Forgetting frees the list. */
bool bnf_shapes_find_functions(struct bnf_inference *all);
void bnf_shapes_forget_functions(struct bnf_inference *all);

/* Follows a node's call into its function; nothing when it calls none. */
void bnf_shapes_call(const struct bnf_op *op);

/* After the main graph: what holds inside every function whoever calls it. */
void bnf_shapes_functions(struct bnf_inference *all);

/* What is known about one operator type. */
struct bnf_shape_rule {
    const char *op_type;
    void (*infer)(const struct bnf_op *op);
    void (*elements)(const struct bnf_op *op);
    int arg;
};

/* The rule of a standard operator, or NULL. */
const struct bnf_shape_rule *bnf_shape_rule(const char *op_type);

#define BNF_SHAPE_RULE(op_type, infer, arg, elements) \
    void bnf_shape_##infer(const struct bnf_op *op);  \
    void bnf_elements_##elements(const struct bnf_op *op);
#include "graph/shapes_rules.def"
#undef BNF_SHAPE_RULE

#endif
