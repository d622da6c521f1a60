#include "onnx/schema.h"

#include <stdlib.h>
#include <string.h>

struct op {
    const char *name;
    uint8_t since[10]; /* ascending, 0 behind the last */
};

static const struct op ops[] = {
#define BNF_OP(name, ...) {name, {__VA_ARGS__}},
#include "onnx/schema.def"
};

struct attr {
    const char *op, *name;
    uint8_t since, until; /* both included; the ranges of one attribute do not overlap */
    struct bnf_attr_default value;
};

#define NOW BNF_SCHEMA_NEWEST
#define COUNT(type, ...) (sizeof((type[]){__VA_ARGS__}) / sizeof(type))

static const struct attr attrs[] = {
#define BNF_ATTR_FLOAT(op, attr, since, until, value) \
    {op, attr, since, until, {.type = BNF_SCHEMA_FLOAT, .f = value}},
#define BNF_ATTR_INT(op, attr, since, until, value) \
    {op, attr, since, until, {.type = BNF_SCHEMA_INT, .i = value}},
#define BNF_ATTR_STRING(op, attr, since, until, value) \
    {op, attr, since, until, {.type = BNF_SCHEMA_STRING, .s = value}},
#define BNF_ATTR_INTS(op, attr, since, until, ...)  \
    {op, attr, since, until,                        \
        {.type = BNF_SCHEMA_INTS,                   \
            .ints = (const int64_t[]){__VA_ARGS__}, \
            .count = COUNT(int64_t, __VA_ARGS__)}},
#define BNF_ATTR_STRINGS(op, attr, since, until, ...)      \
    {op, attr, since, until,                               \
        {.type = BNF_SCHEMA_STRINGS,                       \
            .strings = (const char *const[]){__VA_ARGS__}, \
            .count = COUNT(const char *, __VA_ARGS__)}},
#include "onnx/schema.def"
};

static const char *const randoms[] = {
#define BNF_RANDOM(name) name,
#include "onnx/schema.def"
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static int compare_op(const void *key, const void *item)
{
    const struct op *op = item;
    return strcmp(key, op->name);
}

int bnf_schema_version(const char *op_type, int64_t opset)
{
    if (opset < 1 || opset > BNF_SCHEMA_NEWEST)
        return 0;
    const struct op *op = bsearch(op_type, ops, LENGTH(ops), sizeof *ops, compare_op);
    int version = 0;
    for (size_t i = 0; op && i < LENGTH(op->since) && op->since[i] && op->since[i] <= opset; i++)
        version = op->since[i];
    return version;
}

bool bnf_schema_same(const char *op_type, int64_t opset_a, int64_t opset_b)
{
    if (opset_a == opset_b)
        return true;
    int version = bnf_schema_version(op_type, opset_a);
    return version && version == bnf_schema_version(op_type, opset_b);
}

struct attr_key {
    const char *op, *name;
    int64_t opset;
};

static int compare_attr(const void *wanted, const void *item)
{
    const struct attr_key *key = wanted;
    const struct attr *attr = item;
    int order = strcmp(key->op, attr->op);
    if (!order)
        order = strcmp(key->name, attr->name);
    if (!order)
        order = (key->opset > attr->until) - (key->opset < attr->since);
    return order;
}

const struct bnf_attr_default *bnf_schema_default(const char *op_type, const char *attr, int64_t opset)
{
    const struct attr_key key = {op_type, attr, opset};
    const struct attr *found = bsearch(&key, attrs, LENGTH(attrs), sizeof *attrs, compare_attr);
    return found ? &found->value : NULL;
}

bool bnf_schema_nondeterministic(const char *op_type)
{
    for (size_t i = 0; i < LENGTH(randoms); i++)
        if (!strcmp(op_type, randoms[i]))
            return true;
    return false;
}
