/* The graph: values, nodes and uses as flat arrays, over a tree of scopes.
 *
 * One scope for the main graph, one for every body of If, Loop, Scan …, one for every model-local function. Ids are
 * indices and stay valid for the life of the graph; removed nodes stay in the array, marked dead. Only graph/edit.h
 * writes. */
#ifndef BNF_GRAPH_GRAPH_H
#define BNF_GRAPH_GRAPH_H

#include "base/err.h"
#include "base/table.h"
#include "onnx/model.h"

enum bnf_scope_kind { BNF_SCOPE_MAIN, BNF_SCOPE_BODY, BNF_SCOPE_FUNCTION };

/* An extent that is not a number: unknown, or a symbol (dim_param) numbered BNF_DIM_SYMBOL(id) of bnf_graph.symbols.
 * Equal symbols are equal extents. */
#define BNF_DIM_UNKNOWN ((int64_t)-1)
#define BNF_DIM_SYMBOL(id) (-2 - (int64_t)(id))

/* What is known of a value's type. */
struct bnf_shape {
    int dtype;     /* enum bnf_dtype; 0: unknown, or not a tensor */
    int rank;      /* -1: unknown */
    int64_t *dims; /* rank extents: ≥ 0, BNF_DIM_UNKNOWN, or a symbol; NULL when rank ≤ 0; arena of the model */
};

struct bnf_scope {
    enum bnf_scope_kind kind;
    bnf_id parent;                     /* scope around a body; BNF_NONE for the main graph and functions */
    bnf_id owner;                      /* node whose attribute a body is; BNF_NONE otherwise */
    const char *owner_attribute;       /* "then_branch", "body" …; NULL otherwise */
    Onnx__GraphProto *graph;           /* NULL for a function */
    Onnx__FunctionProto *function;     /* NULL for a graph */
    Onnx__OperatorSetIdProto **import; /* the operator sets in force here */
    size_t import_count;
    int64_t opset;               /* version of the default domain in force; 0: not imported */
    bnf_id *inputs, *outputs;    /* values, in the interface's order (an output may be an outer scope's value) */
    size_t input_count, output_count;
    bnf_id *order;               /* live nodes, topologically sorted, as close to the file's order as that allows */
    size_t order_count;
    bool changed;                /* edited since the graph was built, or its nodes came in another order */
};

struct bnf_value {
    const char *name;     /* never empty */
    bnf_id scope;         /* where it is defined */
    bnf_id producer;      /* node, BNF_NONE for inputs and initializers */
    uint32_t output;      /* which output of the producer */
    bnf_id first_use;     /* list through bnf_use.next; BNF_NONE: no node reads it */
    uint32_t use_count;   /* input slots that read it, in inner scopes too */
    uint32_t output_uses; /* how often it is an output of its own or an inner scope's graph or function */
    bool is_input;        /* of its graph, body or function */
    bool is_sparse;       /* a sparse initializer */
    bool was_unused;      /* nobody read it when the graph was built: not ours to remove */
    bool gone;            /* removed by an edit */
    bool is_new;          /* made by an edit */
    Onnx__TensorProto *initializer; /* NULL: none. With is_input: a default that a caller may override (IR ≥ 4) */
    struct bnf_shape shape;
};

/* One input slot of one node that reads a value; the elements of bnf_graph.uses. */
struct bnf_use {
    bnf_id value; /* BNF_NONE: the slot is empty ("") */
    bnf_id node;
    uint32_t slot;
    bnf_id next, previous; /* other uses of the same value; order has no meaning */
};

struct bnf_node {
    Onnx__NodeProto *proto;
    bnf_id scope;
    bnf_id first_input, first_output; /* into bnf_graph.uses and bnf_graph.outs */
    uint32_t input_count, output_count;
    bnf_id first_body, last_body;     /* child scopes are numbered first_body … last_body-1; equal: none */
    uint32_t position;                /* in the scope's topological order when last sorted */
    bool dead;
};

struct bnf_graph {
    struct bnf_model *model; /* borrowed; new protos go into its arena */
    bool keep_overridable;   /* initializers that are inputs too (IR ≥ 4) say nothing of shapes; set before inferring */
    struct bnf_scope *scopes; /* 0 is the main graph */
    struct bnf_value *values;
    struct bnf_node *nodes;
    struct bnf_use *uses;
    bnf_id *outs; /* values that nodes write; BNF_NONE for "" */
    size_t scope_count, value_count, node_count, use_count, out_count;
    size_t scope_capacity, value_capacity, node_capacity, use_capacity, out_capacity;
    struct bnf_names names;   /* every value name of the source model, and those given since */
    struct bnf_names symbols; /* dim_param names */
    struct bnf_table index;   /* (scope, name id) → value */
    struct bnf_table suffixes; /* hash of a name's stem → the number its next fresh name tries first */
};

/* Builds the graph of a loaded model, which must outlive it. Unsorted nodes are accepted. BNF_EINPUT: a name read but
 * not defined, defined twice in a scope or hidden by an inner one, a cycle, a node without operator, a function that calls
 * itself, a computed payload. BNF_ENOMEM. Shapes are
 * filled from value_info and initializers only; see graph/shapes.h. */
int bnf_graph_build(struct bnf_graph *graph, struct bnf_model *model, struct bnf_err *err);

/* Frees the arrays; fine on an all-zero graph. */
void bnf_graph_free(struct bnf_graph *graph);

/* Sorts the live nodes of every scope anew from inputs and captures: fills order and position. BNF_EINPUT on a cycle. */
int bnf_graph_sort(struct bnf_graph *graph, struct bnf_err *err);

/* The value that `name` means when read in a scope (its own or an outer one's); BNF_NONE. */
bnf_id bnf_graph_find(const struct bnf_graph *graph, bnf_id scope, const char *name);

/* Value in an input or output slot; BNF_NONE when the slot is empty or does not exist. */
bnf_id bnf_node_input(const struct bnf_graph *graph, bnf_id node, uint32_t slot);
bnf_id bnf_node_output(const struct bnf_graph *graph, bnf_id node, uint32_t slot);

/* True for an operator of the standard's own domain ("" or "ai.onnx") with this type. */
bool bnf_node_is(const struct bnf_graph *graph, bnf_id node, const char *op_type);
bool bnf_node_is_standard(const struct bnf_graph *graph, bnf_id node);

/* Version of the default domain in force at a node. */
int64_t bnf_node_opset(const struct bnf_graph *graph, bnf_id node);

/* The version under which `domain` is imported in a scope; 0: not imported. */
int64_t bnf_scope_import(const struct bnf_scope *scope, const char *domain);

/* How reports call a node: its name, or "Op at 'output'" when it has none. Into text of `room` bytes; returned. */
const char *bnf_node_text(const struct bnf_graph *graph, bnf_id node, char *text, size_t room);

/* True when some reader of the value sits in an inner scope. */
bool bnf_value_is_captured(const struct bnf_graph *graph, bnf_id value);

/* True when `inner` is `outer` or lies within it. */
bool bnf_scope_within(const struct bnf_graph *graph, bnf_id inner, bnf_id outer);

#endif
