#include "eval/sequence.h"

static struct bnf_array *header(enum bnf_kind kind, int dtype)
{
    struct bnf_array *array = bnf_alloc(1, sizeof *array);
    if (!array)
        return NULL;
    array->kind = kind;
    array->dtype = dtype;
    array->references = 1;
    return array;
}

struct bnf_array *bnf_sequence_new(struct bnf_budget *budget, int dtype, size_t count)
{
    struct bnf_array *sequence = header(BNF_KIND_SEQUENCE, dtype);
    if (!sequence)
        return NULL;
    sequence->data = bnf_alloc(count, sizeof(struct bnf_array *));
    if (!sequence->data) {
        bnf_free(sequence);
        return NULL;
    }
    sequence->rank = 1;
    sequence->dims[0] = (int64_t)count;
    sequence->count = count;
    budget->used += count * sizeof(struct bnf_array *);
    return sequence;
}

struct bnf_array **bnf_sequence_elements(const struct bnf_array *sequence)
{
    return sequence->data;
}

struct bnf_array *bnf_nothing_new(int dtype)
{
    return header(BNF_KIND_NOTHING, dtype);
}
