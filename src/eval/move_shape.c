/* Operators that hand elements on under other extents, in another order, or repeated. */
#include "eval/move.h"

#include <string.h>

int bnf_move_identity(struct bnf_call *call)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    return x ? bnf_move_same(call, x) : bnf_call_wrong(call, "it has no input");
}

/* 'shape' with 0 (as before) and -1 (what is left) resolved into dims. */
static int resolve(
    struct bnf_call *call, const struct bnf_array *x, const int64_t *wanted, size_t rank, int64_t *dims)
{
    bool allow_zero = call->opset >= 14 && bnf_attr_int(call->proto, "allowzero", 0);
    size_t open = SIZE_MAX, volume;
    for (size_t i = 0; i < rank; i++) {
        dims[i] = wanted[i];
        if (wanted[i] == 0 && !allow_zero) {
            if (i >= x->rank)
                return bnf_call_wrong(call, "'shape' copies axis %zu of an input of rank %zu", i, x->rank);
            dims[i] = x->dims[i];
        } else if (wanted[i] == -1) {
            if (open != SIZE_MAX)
                return bnf_call_wrong(call, "'shape' has more than one -1");
            open = i;
            dims[i] = 1;
        } else if (wanted[i] < 0) {
            return bnf_call_wrong(call, "'shape' holds %lld", (long long)wanted[i]);
        }
    }
    char text[256];
    bool fits = bnf_volume(dims, rank, &volume);
    if (fits && open != SIZE_MAX) {
        fits = volume && x->count % volume == 0;
        dims[open] = fits ? (int64_t)(x->count / volume) : -1;
    } else if (fits) {
        fits = volume == x->count;
    }
    return fits ? BNF_OK
                : bnf_call_wrong(call, "%zu elements do not fill %s", x->count,
                      bnf_dims_text(wanted, rank, text, sizeof text));
}

int bnf_move_reshape(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *wanted;
    int64_t dims[bnf_most_rank];
    size_t rank;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "shape", 1, &wanted, &rank);
    if (status)
        return status;
    if (rank == SIZE_MAX)
        return bnf_call_wrong(call, "it has no 'shape'");
    if (rank > bnf_most_rank)
        return bnf_call_cannot(call, "'shape' has rank %zu, at most %d are supported", rank, bnf_most_rank);
    status = resolve(call, x, wanted, rank, dims);
    return status ? status : bnf_call_view(call, 0, x, rank, dims);
}

int bnf_move_flatten(struct bnf_call *call)
{
    struct bnf_array *x;
    int status = bnf_move_input(call, 0, &x);
    if (status)
        return status;
    int64_t axis = bnf_attr_int(call->proto, "axis", 1), rank = (int64_t)x->rank;
    if (axis < -rank || axis > rank)
        return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)axis, x->rank);
    size_t split = (size_t)(axis < 0 ? axis + rank : axis);
    int64_t dims[2] = {
        (int64_t)bnf_move_product(x->dims, 0, split), (int64_t)bnf_move_product(x->dims, split, x->rank)};
    return bnf_call_view(call, 0, x, 2, dims);
}

/* Marks the axes in 'axes', which count in `rank`; *given is false when there is no such list. */
static int marks(struct bnf_call *call, size_t rank, bool *marked, bool *given)
{
    const int64_t *axes;
    size_t count;
    memset(marked, 0, bnf_most_rank * sizeof *marked);
    int status = bnf_move_list(call, "axes", 1, &axes, &count);
    *given = count != SIZE_MAX;
    for (size_t i = 0; !status && *given && i < count; i++) {
        size_t axis;
        if (!bnf_axis(axes[i], rank, &axis))
            return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)axes[i], rank);
        if (marked[axis])
            return bnf_call_wrong(call, "'axes' names axis %zu twice", axis);
        marked[axis] = true;
    }
    return status;
}

int bnf_move_squeeze(struct bnf_call *call)
{
    struct bnf_array *x;
    bool marked[bnf_most_rank], given;
    int64_t dims[bnf_most_rank];
    size_t rank = 0;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = marks(call, x->rank, marked, &given);
    if (status)
        return status;
    for (size_t i = 0; i < x->rank; i++) {
        if (marked[i] && x->dims[i] != 1)
            return bnf_call_wrong(call, "axis %zu has extent %lld, not 1", i, (long long)x->dims[i]);
        if (given ? !marked[i] : x->dims[i] != 1)
            dims[rank++] = x->dims[i];
    }
    return bnf_call_view(call, 0, x, rank, dims);
}

int bnf_move_unsqueeze(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *axes;
    bool marked[bnf_most_rank], given;
    int64_t dims[bnf_most_rank];
    size_t count;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "axes", 1, &axes, &count);
    if (status)
        return status;
    if (count == SIZE_MAX)
        return bnf_call_wrong(call, "it has no 'axes'");
    if (count > bnf_most_rank - x->rank)
        return bnf_call_cannot(
            call, "%zu more axes on rank %zu, at most %d are supported", count, x->rank, bnf_most_rank);
    size_t rank = x->rank + count, next = 0;
    status = marks(call, rank, marked, &given);
    for (size_t i = 0; !status && i < rank; i++)
        dims[i] = marked[i] ? 1 : x->dims[next++];
    return status ? status : bnf_call_view(call, 0, x, rank, dims);
}

int bnf_move_shape(struct bnf_call *call)
{
    struct bnf_array *x;
    int status = bnf_move_input(call, 0, &x);
    if (status)
        return status;
    int64_t rank = (int64_t)x->rank, start = bnf_attr_int(call->proto, "start", 0);
    int64_t end = bnf_attr_int(call->proto, "end", rank);
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    int64_t count = end > start ? end - start : 0;
    int64_t *out = bnf_call_output(call, 0, BNF_DTYPE_INT64, 1, &count);
    if (!out)
        return BNF_ENOMEM;
    if (count)
        memcpy(out, x->dims + start, (size_t)count * sizeof *out);
    return BNF_OK;
}

int bnf_move_extent_product(struct bnf_call *call)
{
    struct bnf_array *x;
    int status = bnf_move_input(call, 0, &x);
    if (status)
        return status;
    int64_t *out = bnf_call_output(call, 0, BNF_DTYPE_INT64, 0, NULL);
    if (!out)
        return BNF_ENOMEM;
    *out = (int64_t)x->count;
    return BNF_OK;
}

/* Output 0 has these extents and reads x with strides that are 0 where it repeats. */
static int repeat(
    struct bnf_call *call, const struct bnf_array *x, struct bnf_copy *copy, size_t rank, const int64_t *dims)
{
    copy->to = bnf_move_output(call, 0, x, rank, dims);
    if (!copy->to)
        return BNF_ENOMEM;
    copy->from = x->data;
    copy->size = bnf_move_size(x);
    bnf_move_copy(copy, call->threads);
    return BNF_OK;
}

int bnf_move_expand(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *wanted;
    size_t count;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "shape", 1, &wanted, &count);
    if (status)
        return status;
    if (count == SIZE_MAX)
        return bnf_call_wrong(call, "it has no 'shape'");
    if (count > bnf_most_rank)
        return bnf_call_cannot(call, "'shape' has rank %zu, at most %d are supported", count, bnf_most_rank);
    struct bnf_copy copy = {.rank = x->rank > count ? x->rank : count};
    int64_t from[bnf_most_rank];
    bnf_move_strides(x->rank, x->dims, from);
    for (size_t i = 0; i < copy.rank; i++) {
        size_t own = i + x->rank - copy.rank,
               there = i + count - copy.rank; /* wrap around where there is none */
        int64_t m = own < x->rank ? x->dims[own] : 1, n = there < count ? wanted[there] : 1;
        if (n < 0 || (m != n && m != 1 && n != 1))
            return bnf_call_wrong(
                call, "extent %lld on axis %zu does not expand to %lld", (long long)m, i, (long long)n);
        copy.dims[i] = m == 1 ? n : m;
        copy.from_strides[i] = m == 1 ? 0 : from[own];
    }
    int64_t dims[bnf_most_rank];
    memcpy(dims, copy.dims, sizeof dims);
    size_t volume;
    if (bnf_volume(dims, copy.rank, &volume) && volume == x->count)
        return bnf_call_view(call, 0, x, copy.rank, dims);
    bnf_move_strides(copy.rank, dims, copy.to_strides);
    return repeat(call, x, &copy, copy.rank, dims);
}

/* How often each axis is repeated: the input 'repeats', or until operator set 5 'tiles' along 'axis'. */
static int repeats_of(struct bnf_call *call, const struct bnf_array *x, int64_t *repeats)
{
    for (size_t i = 0; i < x->rank; i++)
        repeats[i] = 1;
    if (call->opset < 6) {
        int64_t tiles, at;
        size_t axis;
        int status = bnf_move_scalar(call, 1, 1, &tiles);
        if (!status)
            status = bnf_move_scalar(call, 2, 0, &at);
        if (status)
            return status;
        if (!bnf_axis(at, x->rank, &axis))
            return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)at, x->rank);
        repeats[axis] = tiles;
        return tiles < 0 ? bnf_call_wrong(call, "'tiles' is %lld", (long long)tiles) : BNF_OK;
    }
    struct bnf_array *list;
    int status = bnf_move_integers(call, 1, &list);
    if (status)
        return status;
    if (list->count != x->rank)
        return bnf_call_wrong(call, "'repeats' has %zu numbers for rank %zu", list->count, x->rank);
    for (size_t i = 0; i < x->rank; i++) {
        repeats[i] = ((const int64_t *)list->data)[i];
        if (repeats[i] < 0)
            return bnf_call_wrong(call, "'repeats' holds %lld", (long long)repeats[i]);
    }
    return BNF_OK;
}

/* Every repeated axis becomes two in the copy: the repetitions, with stride 0, and the extent. */
int bnf_move_tile(struct bnf_call *call)
{
    struct bnf_array *x;
    int64_t repeats[bnf_most_rank], dims[bnf_most_rank], to[bnf_most_rank], from[bnf_most_rank];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = repeats_of(call, x, repeats);
    if (status)
        return status;
    bool same = true;
    for (size_t i = 0; i < x->rank; i++) {
        if (x->dims[i] && repeats[i] > INT64_MAX / x->dims[i])
            return bnf_call_wrong(call, "'repeats' holds %lld", (long long)repeats[i]);
        dims[i] = x->dims[i] * repeats[i];
        same = same && repeats[i] == 1;
    }
    if (same)
        return bnf_move_same(call, x);
    struct bnf_copy copy = {0};
    bnf_move_strides(x->rank, dims, to);
    bnf_move_strides(x->rank, x->dims, from);
    for (size_t i = 0; i < x->rank; i++) {
        bool split = repeats[i] != 1 && x->dims[i] != 1;
        if (copy.rank + split >= bnf_most_rank)
            return bnf_call_cannot(call, "it repeats too many of %zu axes", x->rank);
        if (split) {
            copy.dims[copy.rank] = repeats[i];
            copy.to_strides[copy.rank] = to[i] * x->dims[i];
            copy.from_strides[copy.rank++] = 0;
        }
        copy.dims[copy.rank] = split ? x->dims[i] : dims[i];
        copy.to_strides[copy.rank] = to[i];
        copy.from_strides[copy.rank++] = repeats[i] != 1 && !split ? 0 : from[i];
    }
    return repeat(call, x, &copy, x->rank, dims);
}

int bnf_move_transpose(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *perm;
    int64_t dims[bnf_most_rank], from[bnf_most_rank];
    size_t count, seen = 0, last = 0;
    bool moves = false;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "perm", SIZE_MAX, &perm, &count);
    if (status)
        return status;
    if (count != SIZE_MAX && count != x->rank)
        return bnf_call_wrong(call, "'perm' has %zu axes for rank %zu", count, x->rank);
    struct bnf_copy copy = {.rank = x->rank};
    bnf_move_strides(x->rank, x->dims, from);
    for (size_t i = 0; i < x->rank; i++) {
        size_t axis = count == SIZE_MAX ? x->rank - 1 - i : SIZE_MAX;
        if (count != SIZE_MAX && !bnf_axis(perm[i], x->rank, &axis))
            return bnf_call_wrong(call, "'perm' holds %lld for rank %zu", (long long)perm[i], x->rank);
        if (seen & (size_t)1 << axis)
            return bnf_call_wrong(call, "'perm' names axis %zu twice", axis);
        seen |= (size_t)1 << axis;
        dims[i] = copy.dims[i] = x->dims[axis];
        copy.from_strides[i] = from[axis];
        if (x->dims[axis] != 1) { /* axes of extent 1 may go anywhere without an element moving */
            moves = moves || axis < last;
            last = axis;
        }
    }
    if (!moves)
        return bnf_call_view(call, 0, x, x->rank, dims);
    bnf_move_strides(copy.rank, copy.dims, copy.to_strides);
    return repeat(call, x, &copy, x->rank, dims);
}
