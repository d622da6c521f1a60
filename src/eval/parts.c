#include "eval/parts.h"

#include <string.h>

static bool is_tensor(const struct bnf_array *array)
{
    return array && (array->kind == BNF_KIND_REAL || array->kind == BNF_KIND_INT || array->kind == BNF_KIND_TEXT);
}

/* Product of extents from … to-1. */
static size_t volume(const struct bnf_array *array, size_t from, size_t to)
{
    size_t product = 1;
    for (size_t i = from; i < to; i++)
        product *= (size_t)array->dims[i];
    return product;
}

int bnf_part(struct bnf_call *call, const struct bnf_array *from, size_t axis, size_t first, size_t count,
    bool drop_axis, struct bnf_array **out)
{
    int64_t dims[bnf_most_rank];
    size_t rank = 0;
    if (!is_tensor(from))
        return bnf_call_cannot(call, "only tensors can be cut");
    for (size_t i = 0; i < from->rank; i++)
        if (i != axis || !drop_axis)
            dims[rank++] = i == axis ? (int64_t)count : from->dims[i];
    *out = bnf_array_new(call->budget, from->dtype, from->precision, rank, dims);
    if (!*out)
        return bnf_fail_memory(call->err);
    size_t width = bnf_kind_size(from->kind, from->precision) * volume(from, axis + 1, from->rank);
    size_t step = width * (size_t)from->dims[axis], outer = volume(from, 0, axis);
    const char *source = (const char *)from->data + first * width;
    char *to = (*out)->data;
    size_t bytes = count * width;
    for (size_t i = 0; i < outer && bytes > 0; i++)
        memcpy(to + i * bytes, source + i * step, bytes);
    return BNF_OK;
}

/* The extents of parts put together. */
static int joined_extents(struct bnf_call *call, struct bnf_array *const *parts, size_t count, size_t axis,
    bool new_axis, size_t *rank, int64_t *dims)
{
    char a[96], b[96];
    const struct bnf_array *model = parts[0];
    if (!is_tensor(model))
        return bnf_call_cannot(call, "only tensors can be put together");
    *rank = model->rank + new_axis;
    if (*rank > bnf_most_rank)
        return bnf_call_cannot(call, "rank %zu is above %d", *rank, bnf_most_rank);
    if (axis >= *rank)
        return bnf_call_wrong(call, "there is no axis %zu in a result of rank %zu", axis, *rank);
    for (size_t i = 0, from = 0; i < *rank; i++)
        dims[i] = i == axis ? 0 : model->dims[new_axis ? from++ : i];
    for (size_t k = 0; k < count; k++) {
        bool fits = is_tensor(parts[k]) && parts[k]->rank == model->rank && parts[k]->kind == model->kind;
        for (size_t i = 0; fits && i < model->rank; i++)
            fits = parts[k]->dims[i] == model->dims[i] || (i == axis && !new_axis);
        if (!fits)
            return bnf_call_wrong(call, "part %zu has extents %s, which do not fit those of the first, %s", k,
                bnf_dims_text(parts[k]->dims, parts[k]->rank, a, sizeof a),
                bnf_dims_text(model->dims, model->rank, b, sizeof b));
        dims[axis] += new_axis ? 1 : parts[k]->dims[axis];
    }
    return BNF_OK;
}

int bnf_join(struct bnf_call *call, struct bnf_array *const *parts, size_t count, size_t axis, bool new_axis,
    struct bnf_array **out)
{
    int64_t dims[bnf_most_rank];
    size_t rank = 0;
    int status = joined_extents(call, parts, count, axis, new_axis, &rank, dims);
    if (status)
        return status;
    *out = bnf_array_new(call->budget, parts[0]->dtype, parts[0]->precision, rank, dims);
    if (!*out)
        return bnf_fail_memory(call->err);
    size_t element = bnf_kind_size(parts[0]->kind, parts[0]->precision), outer = volume(*out, 0, axis);
    size_t inner = element * volume(*out, axis + 1, rank), step = inner * (size_t)dims[axis];
    char *to = (*out)->data;
    for (size_t k = 0; k < count; k++) {
        size_t width = inner * (new_axis ? 1 : (size_t)parts[k]->dims[axis]);
        for (size_t i = 0; i < outer && width; i++)
            memcpy(to + i * step, (const char *)parts[k]->data + i * width, width);
        to += width;
    }
    return BNF_OK;
}
