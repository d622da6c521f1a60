/* Operators that join arrays, cut them up, or shuffle their blocks. */
#include "eval/move.h"

#include "graph/shapes_slice.h"

#include <string.h>

/* Adds the extents of inputs 1 … along the axis to dims; all the rest has to agree with the first. */
static int joined(struct bnf_call *call, size_t axis, int64_t *dims)
{
    const struct bnf_array *first = call->in[0];
    for (size_t i = 1; i < call->input_count; i++) {
        struct bnf_array *x;
        int status = bnf_move_input(call, i, &x);
        if (status)
            return status;
        if (x->kind != first->kind || x->rank != first->rank)
            return bnf_call_wrong(call, "input %zu is %s of rank %zu, the first is %s of rank %zu", i,
                bnf_dtype_name(x->dtype), x->rank, bnf_dtype_name(first->dtype), first->rank);
        for (size_t k = 0; k < x->rank; k++)
            if (k != axis && x->dims[k] != dims[k])
                return bnf_call_wrong(call, "input %zu has extent %lld on axis %zu, the first has %lld", i,
                    (long long)x->dims[k], k, (long long)dims[k]);
        dims[axis] += x->dims[axis];
    }
    return BNF_OK;
}

int bnf_move_concat(struct bnf_call *call)
{
    struct bnf_array *x;
    size_t axis;
    int64_t dims[bnf_most_rank];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_axis(call, 1, x->rank, &axis);
    if (status)
        return status;
    memcpy(dims, x->dims, sizeof dims);
    status = joined(call, axis, dims);
    if (status)
        return status;
    if (call->input_count == 1)
        return bnf_move_same(call, x);
    size_t size = bnf_move_size(x);
    uint8_t *to = bnf_move_output(call, 0, x, x->rank, dims);
    if (!to)
        return BNF_ENOMEM;
    int64_t outer = (int64_t)bnf_move_product(dims, 0, axis),
            inner = (int64_t)bnf_move_product(dims, axis + 1, x->rank);
    for (size_t i = 0; i < call->input_count; i++) {
        int64_t row = call->in[i]->dims[axis] * inner;
        struct bnf_copy copy = {.to = to,
            .from = call->in[i]->data,
            .size = size,
            .rank = 2,
            .dims = {outer, row},
            .to_strides = {dims[axis] * inner, 1},
            .from_strides = {row, 1}};
        bnf_move_copy(&copy, call->threads);
        to += (size_t)row * size;
    }
    return BNF_OK;
}

/* The extent of each part: given, or equal, where from operator set 18 on the last may be smaller. */
static int parts(struct bnf_call *call, int64_t extent, const int64_t **out)
{
    const int64_t *given;
    size_t count, n = call->output_count;
    int status = bnf_move_list(call, "split", 1, &given, &count);
    if (status)
        return status;
    if (count != SIZE_MAX) {
        int64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            if (given[i] < 0 || given[i] > extent - sum)
                return bnf_call_wrong(call, "'split' asks for %lld where %lld of %lld are left",
                    (long long)given[i], (long long)(extent - sum), (long long)extent);
            sum += given[i];
        }
        if (count != n || sum != extent)
            return bnf_call_wrong(call, "'split' has %zu parts, in all %lld, for %zu outputs and extent %lld",
                count, (long long)sum, n, (long long)extent);
        *out = given;
        return BNF_OK;
    }
    int64_t each = (extent + (int64_t)n - 1) / (int64_t)n, left = extent;
    if (call->opset < 18 && extent % (int64_t)n)
        return bnf_call_wrong(call, "extent %lld has no %zu equal parts", (long long)extent, n);
    int64_t *equal = bnf_arena_alloc(call->arena, n, sizeof *equal);
    if (!equal)
        return bnf_fail_memory(call->err);
    for (size_t i = 0; i < n; i++) {
        equal[i] = left < each ? left : each;
        left -= equal[i];
    }
    *out = equal;
    return BNF_OK;
}

int bnf_move_split(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *extents = NULL;
    size_t axis;
    int64_t dims[bnf_most_rank];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_axis(call, 0, x->rank, &axis);
    if (!status)
        status = parts(call, x->dims[axis], &extents);
    if (status)
        return status;
    memcpy(dims, x->dims, sizeof dims);
    size_t size = bnf_move_size(x);
    const uint8_t *from = x->data;
    int64_t outer = (int64_t)bnf_move_product(dims, 0, axis),
            inner = (int64_t)bnf_move_product(dims, axis + 1, x->rank);
    for (size_t i = 0; i < call->output_count; i++) {
        int64_t row = extents[i] * inner;
        dims[axis] = extents[i];
        if (call->wanted[i]) {
            void *to = bnf_move_output(call, i, x, x->rank, dims);
            if (!to)
                return BNF_ENOMEM;
            struct bnf_copy copy = {.to = to,
                .from = from,
                .size = size,
                .rank = 2,
                .dims = {outer, row},
                .to_strides = {row, 1},
                .from_strides = {x->dims[axis] * inner, 1}};
            bnf_move_copy(&copy, call->threads);
        }
        from += (size_t)row * size;
    }
    return BNF_OK;
}

int bnf_move_slice(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *starts, *ends, *axes, *steps;
    size_t n, end_count, axis_count, step_count, seen = 0;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "starts", 1, &starts, &n);
    if (!status)
        status = bnf_move_list(call, "ends", 2, &ends, &end_count);
    if (!status)
        status = bnf_move_list(call, "axes", 3, &axes, &axis_count);
    if (!status)
        status = bnf_move_list(call, "steps", call->opset < 10 ? SIZE_MAX : 4, &steps, &step_count);
    if (status)
        return status;
    if (n == SIZE_MAX || end_count != n || (axis_count != SIZE_MAX && axis_count != n) ||
        (step_count != SIZE_MAX && step_count != n) || n > x->rank)
        return bnf_call_wrong(
            call, "'starts', 'ends', 'axes' and 'steps' do not have the same number of at most %zu", x->rank);
    struct bnf_copy copy = {.rank = x->rank, .from = x->data, .size = bnf_move_size(x)};
    memcpy(copy.dims, x->dims, sizeof copy.dims);
    bnf_move_strides(x->rank, x->dims, copy.from_strides);
    int64_t offset = 0;
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        size_t axis;
        int64_t at = axis_count == SIZE_MAX ? (int64_t)i : axes[i];
        int64_t step = step_count == SIZE_MAX ? 1 : steps[i];
        if (!bnf_axis(at, x->rank, &axis) || (seen & (size_t)1 << axis))
            return bnf_call_wrong(
                call, "'axes' holds %lld, which rank %zu does not have, or twice", (long long)at, x->rank);
        seen |= (size_t)1 << axis;
        if (step == 0)
            return bnf_call_wrong(call, "'steps' holds 0");
        struct bnf_taken taken = bnf_slice_taken(x->dims[axis], starts[i], ends[i], step);
        whole = whole && taken.count == x->dims[axis] && taken.step > 0;
        offset += taken.first * copy.from_strides[axis];
        copy.dims[axis] = taken.count;
        copy.from_strides[axis] *= taken.step;
    }
    if (whole)
        return bnf_move_same(call, x);
    copy.to = bnf_move_output(call, 0, x, x->rank, copy.dims);
    if (!copy.to)
        return BNF_ENOMEM;
    copy.from = call->out[0]->count ? (const uint8_t *)x->data + offset * (int64_t)copy.size : x->data;
    bnf_move_strides(copy.rank, copy.dims, copy.to_strides);
    bnf_move_copy(&copy, call->threads);
    return BNF_OK;
}

/* ---- blocks ---- */

/* The input of DepthToSpace or SpaceToDepth and its block size. */
static int blocks(struct bnf_call *call, struct bnf_array **x, int64_t *block)
{
    int status = bnf_move_input(call, 0, x);
    *block = bnf_attr_int(call->proto, "blocksize", 0);
    if (status)
        return status;
    if ((*x)->rank != 4)
        return bnf_call_wrong(call, "its input has rank %zu, not 4", (*x)->rank);
    if (*block < 1 || *block > 1 << 15)
        return bnf_call_wrong(call, "'blocksize' is %lld", (long long)*block);
    return BNF_OK;
}

/* Reads x as six axes in the order `perm`; output 0 has the extents `dims`. */
static int shuffle(struct bnf_call *call, const struct bnf_array *x, const int64_t *six, const size_t *perm,
    const int64_t *dims)
{
    int64_t strides[6];
    struct bnf_copy copy = {.rank = 6, .from = x->data, .size = bnf_move_size(x)};
    bnf_move_strides(6, six, strides);
    for (size_t i = 0; i < 6; i++) {
        copy.dims[i] = six[perm[i]];
        copy.from_strides[i] = strides[perm[i]];
    }
    bnf_move_strides(6, copy.dims, copy.to_strides);
    copy.to = bnf_move_output(call, 0, x, 4, dims);
    if (!copy.to)
        return BNF_ENOMEM;
    bnf_move_copy(&copy, call->threads);
    return BNF_OK;
}

int bnf_move_depth_to_space(struct bnf_call *call)
{
    struct bnf_array *x;
    int64_t b;
    int status = blocks(call, &x, &b);
    if (status)
        return status;
    const int64_t *d = x->dims;
    if (d[1] % (b * b))
        return bnf_call_wrong(
            call, "%lld channels do not divide into blocks of %lld", (long long)d[1], (long long)(b * b));
    int64_t c = d[1] / (b * b), dims[4] = {d[0], c, d[2] * b, d[3] * b};
    if (bnf_attr_is(call->proto, "mode", "CRD"))
        return shuffle(
            call, x, (const int64_t[]){d[0], c, b, b, d[2], d[3]}, (const size_t[]){0, 1, 4, 2, 5, 3}, dims);
    return shuffle(
        call, x, (const int64_t[]){d[0], b, b, c, d[2], d[3]}, (const size_t[]){0, 3, 4, 1, 5, 2}, dims);
}

int bnf_move_space_to_depth(struct bnf_call *call)
{
    struct bnf_array *x;
    int64_t b;
    int status = blocks(call, &x, &b);
    if (status)
        return status;
    const int64_t *d = x->dims;
    if (d[2] % b || d[3] % b)
        return bnf_call_wrong(call, "%lldx%lld does not divide into blocks of %lld", (long long)d[2],
            (long long)d[3], (long long)b);
    int64_t six[6] = {d[0], d[1], d[2] / b, b, d[3] / b, b},
            dims[4] = {d[0], d[1] * b * b, d[2] / b, d[3] / b};
    return shuffle(call, x, six, (const size_t[]){0, 3, 5, 1, 2, 4}, dims);
}

/* ---- along one axis ---- */

/* to[t, b, …] = from[lengths[b]-1-t, b, …] for t < lengths[b], else from[t, b, …]; x is [outer, inner, block
 * bytes], of which `time` (0 or 1) says which is t. */
static void reverse(uint8_t *to, const uint8_t *from, const int64_t *extents, size_t time, size_t block,
    const int64_t *lengths)
{
    for (int64_t i = 0; i < extents[0]; i++)
        for (int64_t j = 0; j < extents[1]; j++) {
            int64_t length = lengths[time == 0 ? j : i], t = time == 0 ? i : j;
            int64_t source = t < length ? length - 1 - t : t;
            int64_t row = time == 0 ? source * extents[1] + j : i * extents[1] + source;
            memcpy(to + (size_t)(i * extents[1] + j) * block, from + (size_t)row * block, block);
        }
}

int bnf_move_reverse_sequence(struct bnf_call *call)
{
    struct bnf_array *x, *lengths;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &lengths);
    if (status)
        return status;
    int64_t time = bnf_attr_int(call->proto, "time_axis", 0),
            batch = bnf_attr_int(call->proto, "batch_axis", 1);
    if (x->rank < 2 || time < 0 || time > 1 || batch != 1 - time)
        return bnf_call_wrong(call, "'time_axis' is %lld and 'batch_axis' %lld for rank %zu, not 0 and 1",
            (long long)time, (long long)batch, x->rank);
    if (lengths->count != (size_t)x->dims[batch])
        return bnf_call_wrong(
            call, "%zu lengths for %lld sequences", lengths->count, (long long)x->dims[batch]);
    for (size_t i = 0; i < lengths->count; i++) {
        int64_t length = ((const int64_t *)lengths->data)[i];
        if (length < 0 || length > x->dims[time])
            return bnf_call_wrong(
                call, "length %lld is outside 0 … %lld", (long long)length, (long long)x->dims[time]);
    }
    void *to = bnf_move_output(call, 0, x, x->rank, x->dims);
    if (!to)
        return BNF_ENOMEM;
    if (x->count)
        reverse(to, x->data, x->dims, (size_t)time, bnf_move_product(x->dims, 2, x->rank) * bnf_move_size(x),
            lengths->data);
    return BNF_OK;
}

int bnf_move_compress(struct bnf_call *call)
{
    struct bnf_array *x, *keep;
    size_t axis = 0, count = 0;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &keep);
    bool flat = !bnf_attr_find(call->proto, "axis");
    if (!status && !flat)
        status = bnf_move_axis(call, 0, x->rank, &axis);
    if (status)
        return status;
    int64_t dims[bnf_most_rank], all = (int64_t)x->count;
    memcpy(dims, x->dims, sizeof dims);
    int64_t extent = flat ? all : dims[axis], outer = flat ? 1 : (int64_t)bnf_move_product(dims, 0, axis);
    int64_t inner = flat ? 1 : (int64_t)bnf_move_product(dims, axis + 1, x->rank);
    const int64_t *condition = keep->data;
    if (keep->rank != 1 || (int64_t)keep->count > extent)
        return bnf_call_wrong(
            call, "'condition' has %zu elements for extent %lld", keep->count, (long long)extent);
    int64_t *map = bnf_arena_alloc(call->arena, keep->count + 1, sizeof *map);
    if (!map)
        return bnf_fail_memory(call->err);
    for (size_t i = 0; i < keep->count; i++)
        if (condition[i])
            map[count++] = (int64_t)i;
    dims[flat ? 0 : axis] = (int64_t)count;
    void *to = bnf_move_output(call, 0, x, flat ? 1 : x->rank, dims);
    if (!to)
        return BNF_ENOMEM;
    struct bnf_pick pick = {.to = to,
        .from = x->data,
        .size = bnf_move_size(x),
        .rank = 3,
        .dims = {outer, (int64_t)count, inner},
        .from_strides = {extent * inner, inner, 1},
        .maps = {NULL, map, NULL}};
    bnf_move_pick(&pick, call->threads);
    return BNF_OK;
}
