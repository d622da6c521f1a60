/* Operators that find elements by index, or indices by element. */
#include "eval/move.h"

#include <string.h>

/* The positions that an index array names on an axis, all checked; NULL after setting err. */
static size_t *positions(struct bnf_call *call, const struct bnf_array *indices, int64_t extent, int *status)
{
    size_t *out = bnf_arena_alloc(call->arena, indices->count + 1, sizeof *out);
    const int64_t *index = indices->data;
    *status = out ? BNF_OK : bnf_fail_memory(call->err);
    for (size_t i = 0; out && i < indices->count; i++)
        if (!bnf_move_index(index[i], extent, &out[i])) {
            *status = bnf_call_wrong(
                call, "index %lld is outside extent %lld", (long long)index[i], (long long)extent);
            return NULL;
        }
    return out;
}

/* to[o, i, :] = from[o, at[i], :] of `block` bytes; from has `extent` blocks a row. */
static void gather(uint8_t *to, const uint8_t *from, size_t outer, size_t extent, size_t block,
    const size_t *at, size_t count)
{
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < count; i++) {
            uint8_t *target = to + (o * count + i) * block;
            const uint8_t *source = from + (o * extent + at[i]) * block;
            if (block == 4)
                memcpy(target, source, 4);
            else if (block == 8)
                memcpy(target, source, 8);
            else
                memcpy(target, source, block);
        }
}

int bnf_move_gather(struct bnf_call *call)
{
    struct bnf_array *x, *indices;
    size_t axis;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &indices);
    if (!status)
        status = bnf_move_axis(call, 0, x->rank, &axis);
    if (status)
        return status;
    size_t rank = x->rank - 1 + indices->rank;
    if (rank > bnf_most_rank)
        return bnf_call_cannot(
            call, "the result has rank %zu, at most %d are supported", rank, bnf_most_rank);
    int64_t dims[2 * bnf_most_rank];
    memcpy(dims, x->dims, axis * sizeof *dims);
    memcpy(dims + axis, indices->dims, indices->rank * sizeof *dims);
    memcpy(dims + axis + indices->rank, x->dims + axis + 1, (x->rank - axis - 1) * sizeof *dims);
    const size_t *at = positions(call, indices, x->dims[axis], &status);
    if (!at)
        return status;
    void *to = bnf_move_output(call, 0, x, rank, dims);
    if (!to)
        return BNF_ENOMEM;
    if (call->out[0]->count)
        gather(to, x->data, bnf_move_product(x->dims, 0, axis), (size_t)x->dims[axis],
            bnf_move_product(x->dims, axis + 1, x->rank) * bnf_move_size(x), at, indices->count);
    return BNF_OK;
}

int bnf_move_gather_elements(struct bnf_call *call)
{
    struct bnf_array *x, *indices;
    size_t axis;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &indices);
    if (!status)
        status = bnf_move_axis(call, 0, x->rank, &axis);
    if (status)
        return status;
    size_t *offsets;
    status = bnf_move_offsets(call, x, indices, axis, &offsets);
    if (status)
        return status;
    void *to = bnf_move_output(call, 0, x, indices->rank, indices->dims);
    if (!to)
        return BNF_ENOMEM;
    gather(to, x->data, 1, 0, bnf_move_size(x), offsets, indices->count);
    return BNF_OK;
}

int bnf_move_offsets(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *indices,
    size_t axis, size_t **out)
{
    int64_t strides[bnf_most_rank], at[bnf_most_rank] = {0};
    int status;
    if (indices->rank != x->rank)
        return bnf_call_wrong(call, "'indices' has rank %zu, the data %zu", indices->rank, x->rank);
    for (size_t i = 0; i < x->rank; i++)
        if (i != axis && indices->dims[i] > x->dims[i])
            return bnf_call_wrong(call, "'indices' has extent %lld on axis %zu, the data %lld",
                (long long)indices->dims[i], i, (long long)x->dims[i]);
    *out = positions(call, indices, x->dims[axis], &status);
    if (!*out)
        return status;
    bnf_move_strides(x->rank, x->dims, strides);
    for (size_t i = 0; i < indices->count; i++) {
        size_t offset = (*out)[i] * (size_t)strides[axis];
        for (size_t k = 0; k < x->rank; k++)
            if (k != axis)
                offset += (size_t)(at[k] * strides[k]);
        (*out)[i] = offset;
        for (size_t k = x->rank; k-- > 0 && ++at[k] == indices->dims[k];)
            at[k] = 0;
    }
    return BNF_OK;
}

int bnf_move_tuples(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *indices,
    size_t batch, struct bnf_tuples *out)
{
    if (!indices->rank)
        return bnf_call_wrong(call, "'indices' has rank 0, not 1 or more");
    int64_t width = indices->dims[indices->rank - 1], strides[bnf_most_rank];
    if (batch >= indices->rank || batch > x->rank || width < 0 || width > (int64_t)(x->rank - batch))
        return bnf_call_wrong(call, "%zu batch axes and indices of %lld numbers do not fit rank %zu", batch,
            (long long)width, x->rank);
    size_t batches = 1, n = (size_t)width;
    for (size_t i = 0; i < batch; i++) {
        if (indices->dims[i] != x->dims[i])
            return bnf_call_wrong(call, "batch axis %zu has extent %lld in the data and %lld in 'indices'", i,
                (long long)x->dims[i], (long long)indices->dims[i]);
        batches *= (size_t)x->dims[i];
    }
    bnf_move_strides(x->rank, x->dims, strides);
    out->count = bnf_move_product(indices->dims, 0, indices->rank - 1);
    out->block = bnf_move_product(x->dims, batch + n, x->rank);
    out->offsets = bnf_arena_alloc(call->arena, out->count + 1, sizeof *out->offsets);
    if (!out->offsets)
        return bnf_fail_memory(call->err);
    size_t whole = bnf_move_product(x->dims, batch, x->rank);
    for (size_t i = 0; i < out->count; i++) {
        const int64_t *tuple = (const int64_t *)indices->data + i * n;
        size_t offset = i / (out->count / batches) * whole;
        for (size_t k = 0; k < n; k++) {
            size_t at;
            if (!bnf_move_index(tuple[k], x->dims[batch + k], &at))
                return bnf_call_wrong(call, "index %lld is outside extent %lld", (long long)tuple[k],
                    (long long)x->dims[batch + k]);
            offset += at * (size_t)strides[batch + k];
        }
        out->offsets[i] = offset;
    }
    return BNF_OK;
}

int bnf_move_gather_nd(struct bnf_call *call)
{
    struct bnf_array *x, *indices;
    struct bnf_tuples tuples;
    int64_t dims[2 * bnf_most_rank], batch = bnf_attr_int(call->proto, "batch_dims", 0);
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &indices);
    if (!status)
        status = bnf_move_tuples(call, x, indices, batch < 0 ? SIZE_MAX : (size_t)batch, &tuples);
    if (status)
        return status;
    size_t front = indices->rank - 1, used = (size_t)(batch + indices->dims[front]),
           rank = front + x->rank - used;
    if (rank > bnf_most_rank)
        return bnf_call_cannot(
            call, "the result has rank %zu, at most %d are supported", rank, bnf_most_rank);
    memcpy(dims, indices->dims, front * sizeof *dims);
    memcpy(dims + front, x->dims + used, (x->rank - used) * sizeof *dims);
    uint8_t *to = bnf_move_output(call, 0, x, rank, dims);
    if (!to)
        return BNF_ENOMEM;
    size_t size = bnf_move_size(x), block = tuples.block * size;
    for (size_t i = 0; block && i < tuples.count; i++)
        memcpy(to + i * block, (const uint8_t *)x->data + tuples.offsets[i] * size, block);
    return BNF_OK;
}

/* to[o, c, i] = on where c is index[o, i], else off; to is [outer, depth, inner]. */
static void one_hot(uint8_t *to, const struct bnf_array *indices, const uint8_t *off_on, size_t size,
    int64_t depth, size_t inner)
{
    bnf_move_fill(to, off_on, size, indices->count * (size_t)depth);
    for (size_t k = 0; k < indices->count; k++) {
        double number = bnf_array_at(indices, k);
        int64_t index = !(number > -9e15 && number < 9e15) ? INT64_MAX : (int64_t)number;
        if (index < 0 && index >= -depth)
            index += depth;
        if (index >= 0 && index < depth)
            memcpy(to + (k / inner * inner * (size_t)depth + (size_t)index * inner + k % inner) * size,
                off_on + size, size);
    }
}

int bnf_move_one_hot(struct bnf_call *call)
{
    struct bnf_array *indices, *values;
    int64_t depth, dims[bnf_most_rank + 1];
    size_t axis;
    int status = bnf_move_input(call, 0, &indices);
    if (!status)
        status = bnf_move_scalar(call, 1, 0, &depth);
    if (!status)
        status = bnf_move_input(call, 2, &values);
    if (!status)
        status = bnf_move_axis(call, -1, indices->rank + 1, &axis);
    if (status)
        return status;
    size_t rank = indices->rank + 1;
    if (rank > bnf_most_rank)
        return bnf_call_cannot(
            call, "the result has rank %zu, at most %d are supported", rank, bnf_most_rank);
    if (depth < 1 || values->count != 2 || indices->kind == BNF_KIND_TEXT)
        return bnf_call_wrong(call, "'depth' is %lld and 'values' has %zu elements, not at least 1 and 2",
            (long long)depth, values->count);
    for (size_t i = 0; i < rank; i++)
        dims[i] = i == axis ? depth : indices->dims[i < axis ? i : i - 1];
    void *to = bnf_move_output(call, 0, values, rank, dims);
    if (!to)
        return BNF_ENOMEM;
    if (call->out[0]->count)
        one_hot(to, indices, values->data, bnf_move_size(values), depth,
            bnf_move_product(indices->dims, axis, indices->rank));
    return BNF_OK;
}

static bool is_zero(const struct bnf_array *x, size_t i)
{
    if (x->kind == BNF_KIND_TEXT)
        return !((const char *const *)x->data)[i][0];
    if (x->kind == BNF_KIND_INT)
        return ((const int64_t *)x->data)[i] == 0;
    return bnf_array_at(x, i) == 0;
}

int bnf_move_non_zero(struct bnf_call *call)
{
    struct bnf_array *x;
    size_t count = 0, next = 0;
    int status = bnf_move_input(call, 0, &x);
    if (status)
        return status;
    for (size_t i = 0; i < x->count; i++)
        count += !is_zero(x, i);
    int64_t dims[2] = {(int64_t)x->rank, (int64_t)count}, at[bnf_most_rank] = {0};
    int64_t *to = bnf_call_output(call, 0, BNF_DTYPE_INT64, 2, dims);
    if (!to)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++) {
        if (!is_zero(x, i)) {
            for (size_t k = 0; k < x->rank; k++)
                to[k * count + next] = at[k];
            next++;
        }
        for (size_t k = x->rank; k-- > 0 && ++at[k] == x->dims[k];)
            at[k] = 0;
    }
    return BNF_OK;
}

int bnf_move_trilu(struct bnf_call *call)
{
    struct bnf_array *x;
    int64_t k;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_scalar(call, 1, 0, &k);
    if (status)
        return status;
    if (x->rank < 2)
        return bnf_call_wrong(call, "its input has rank %zu, not 2 or more", x->rank);
    int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
    k = k < -rows ? -rows : k > columns ? columns : k;
    bool upper = bnf_attr_int(call->proto, "upper", 1) != 0;
    size_t size = bnf_move_size(x), matrices = bnf_move_product(x->dims, 0, x->rank - 2);
    uint8_t zero[8], *to = bnf_move_output(call, 0, x, x->rank, x->dims);
    if (!to)
        return BNF_ENOMEM;
    bnf_move_zero(x, zero);
    bnf_move_fill(to, zero, size, x->count);
    const uint8_t *from = x->data;
    for (size_t m = 0; m < matrices; m++)
        for (int64_t i = 0; i < rows; i++) {
            int64_t first = upper ? i + k : 0, end = upper ? columns : i + k + 1;
            first = first < 0 ? 0 : first;
            end = end > columns ? columns : end;
            size_t at = ((m * (size_t)rows + (size_t)i) * (size_t)columns + (size_t)first) * size;
            if (end > first)
                memcpy(to + at, from + at, (size_t)(end - first) * size);
        }
    return BNF_OK;
}
