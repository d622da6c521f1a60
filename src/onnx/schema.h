/* Facts about ONNX's own operators (domain "" or "ai.onnx"): which opset brought which schema, and what an
 * absent attribute means. The facts are in schema.def. */
#ifndef BNF_ONNX_SCHEMA_H
#define BNF_ONNX_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The newest opset the table knows. A later one may have changed any operator, so nothing is claimed about
 * it. */
#define BNF_SCHEMA_NEWEST 27

/* The types of attributes that have defaults; the numbers are those of AttributeProto.AttributeType. */
enum bnf_schema_type {
    BNF_SCHEMA_FLOAT = 1,
    BNF_SCHEMA_INT = 2,
    BNF_SCHEMA_STRING = 3,
    BNF_SCHEMA_INTS = 7,
    BNF_SCHEMA_STRINGS = 8,
};

/* The value of an absent attribute; `type` says which member holds it. Constant data that lives forever. */
struct bnf_attr_default {
    enum bnf_schema_type type;
    float f;
    int64_t i;
    const char *s;
    const int64_t *ints;        /* count items */
    const char *const *strings; /* count items */
    size_t count;
};

/* The opset that brought the schema an operator has under an import of `opset`; 0 when the table does not
 * know the operator, when it came later than `opset`, and beyond BNF_SCHEMA_NEWEST. Deprecated operators keep
 * an answer. */
int bnf_schema_version(const char *op_type, int64_t opset);

/* Does an operator have the same schema under both imports? Equal imports: always, for unknown operators too.
 */
bool bnf_schema_same(const char *op_type, int64_t opset_a, int64_t opset_b);

/* What an absent attribute means under an import of `opset`; NULL when it has no default there, when the
 * default depends on the input's rank (pads, strides, dilations), and where bnf_schema_version is 0. */
const struct bnf_attr_default *bnf_schema_default(const char *op_type, const char *attr, int64_t opset);

/* Does the operator draw random numbers whatever its attributes say? Dropout, which does so in training mode
 * only, is not among them. */
bool bnf_schema_nondeterministic(const char *op_type);

#endif
