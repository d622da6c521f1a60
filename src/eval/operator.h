/* Operators: what runs when a node runs. One table line per operator and range of operator sets (operators.def). */
#ifndef BNF_EVAL_OPERATOR_H
#define BNF_EVAL_OPERATOR_H

#include "eval/array.h"
#include "graph/attr.h"
#include "graph/graph.h"

struct bnf_eval;

/* One node at work. */
struct bnf_call {
    struct bnf_eval *eval;       /* for control flow only */
    struct bnf_budget *budget;
    struct bnf_arena *arena;     /* scratch, freed after the node; strings that live on come from eval's */
    const struct bnf_graph *graph;
    bnf_id node;
    const Onnx__NodeProto *proto;
    int64_t opset;               /* version of the node's domain in force */
    enum bnf_precision precision;
    unsigned threads;
    size_t input_count, output_count;
    struct bnf_array *const *in; /* borrowed; NULL: the input is absent */
    struct bnf_array **out;      /* to be filled; the caller owns what is put there */
    const bool *wanted;          /* per output: false where nobody reads it and it may stay NULL */
    struct bnf_err *err;
};

/* An operator returns BNF_OK with its outputs filled; BNF_CANNOT when this form of it is not supported, the sentence in
 * err saying which; BNF_EINPUT when the inputs do not fit the operator (the model is wrong); BNF_ENOMEM. */
enum { BNF_CANNOT = 1 };

struct bnf_operator {
    const char *domain; /* "" or a domain */
    const char *type;
    int64_t since, until; /* operator sets, both included */
    int (*run[2])(struct bnf_call *call); /* by bnf_precision */
};

/* The line for an operator under an operator set, or NULL. */
const struct bnf_operator *bnf_operator_find(const char *domain, const char *type, int64_t opset);

/* The lines of the table, for tests that walk it. */
const struct bnf_operator *bnf_operators(size_t *count);

/* ---- for operators ---- */

/* Makes output `slot` with elements not set; its data, or NULL after setting err (return BNF_ENOMEM then). */
void *bnf_call_output(struct bnf_call *call, size_t slot, int dtype, size_t rank, const int64_t *dims);

/* Output `slot` is a view of an input with other extents. BNF_OK or BNF_ENOMEM. */
int bnf_call_view(struct bnf_call *call, size_t slot, struct bnf_array *from, size_t rank, const int64_t *dims);

/* Input `slot`, or NULL when it is absent. */
struct bnf_array *bnf_call_input(const struct bnf_call *call, size_t slot);

/* Sentences: this form is not supported; the inputs do not fit. They return BNF_CANNOT and BNF_EINPUT. */
int bnf_call_cannot(struct bnf_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
int bnf_call_wrong(struct bnf_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Asked before work that extents alone do not bound: so many multiplications, or steps that take as long. BNF_CANNOT with a
 * sentence when the run has no room for them, else they count. */
int bnf_call_work(struct bnf_call *call, double work);

/* Brings an axis (negative: from the end) into 0 … rank-1; false when it is outside. */
bool bnf_axis(int64_t axis, size_t rank, size_t *out);

/* A small list of integers from an attribute or, from the operator set where it moved there, an input: fills at most
 * bnf_most_rank numbers; *count SIZE_MAX when it is absent. BNF_OK, or BNF_EINPUT/BNF_CANNOT with a sentence. */
int bnf_call_ints(struct bnf_call *call, const char *attribute, size_t slot, int64_t *out, size_t *count);

/* The broadcast extents of two shapes (numpy's rule); false when they do not fit. */
bool bnf_broadcast(const struct bnf_array *a, const struct bnf_array *b, size_t *rank, int64_t *dims);

/* Element strides of `array` when read at the broadcast extents: 0 on the axes it is repeated on. */
void bnf_broadcast_strides(const struct bnf_array *array, size_t rank, const int64_t *dims, size_t *strides);

#endif
