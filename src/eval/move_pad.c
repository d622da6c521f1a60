/* Operators that put a frame around an array or cut one off. */
#include "eval/move.h"

#include <string.h>

enum frame { FRAME_CONSTANT, FRAME_REFLECT, FRAME_EDGE, FRAME_WRAP };

static int mode_of(struct bnf_call *call, enum frame *mode)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    *mode = FRAME_CONSTANT;
    if (!bnf_attr_find(call->proto, "mode"))
        return BNF_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bnf_attr_is(call->proto, "mode", names[i])) {
            *mode = (enum frame)i;
            return BNF_OK;
        }
    return bnf_call_wrong(call, "'mode' is none of constant, reflect, edge, wrap");
}

/* What the frame is made of, as bytes of one element. */
static int filling(struct bnf_call *call, const struct bnf_array *x, uint8_t *element)
{
    const struct bnf_array *value = call->opset < 11 ? NULL : bnf_call_input(call, 2);
    bnf_move_zero(x, element);
    if (call->opset < 11 && x->kind == BNF_KIND_REAL) {
        float number = bnf_attr_float(call->proto, "value", 0);
        double wide = (double)number;
        if (x->precision == BNF_PRECISION_FLOAT)
            memcpy(element, &number, sizeof number);
        else
            memcpy(element, &wide, sizeof wide);
    }
    if (!value || (value->count == 0 && value->rank == 1))
        return BNF_OK;
    if (value->kind != x->kind || value->count != 1)
        return bnf_call_wrong(call, "'constant_value' is %zu elements of %s for an input of %s", value->count,
            bnf_dtype_name(value->dtype), bnf_dtype_name(x->dtype));
    memcpy(element, value->data, bnf_move_size(x));
    return BNF_OK;
}

/* How much is added before and after each axis; negative: cut off. */
static int frames_of(struct bnf_call *call, const struct bnf_array *x, int64_t *before, int64_t *after)
{
    const int64_t *pads, *axes = NULL;
    size_t count, axis_count = SIZE_MAX;
    int status = bnf_move_list(call, call->opset < 2 ? "paddings" : "pads", 1, &pads, &count);
    if (!status && call->opset >= 18)
        status = bnf_move_list(call, "axes", 3, &axes, &axis_count);
    if (status)
        return status;
    size_t n = axis_count == SIZE_MAX ? x->rank : axis_count;
    if (count == SIZE_MAX || count != 2 * n)
        return bnf_call_wrong(call, "'pads' has %zu numbers for %zu axes", count == SIZE_MAX ? 0 : count, n);
    memset(before, 0, bnf_most_rank * sizeof *before);
    memset(after, 0, bnf_most_rank * sizeof *after);
    for (size_t i = 0; i < n; i++) {
        size_t axis = i;
        if (axis_count != SIZE_MAX && !bnf_axis(axes[i], x->rank, &axis))
            return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)axes[i], x->rank);
        before[axis] = pads[i];
        after[axis] = pads[n + i];
    }
    return BNF_OK;
}

/* Position on an axis of extent n > 0 that position `at`, counted from its beginning, is a copy of; -1: none.
 */
static int64_t source_of(enum frame mode, int64_t at, int64_t n)
{
    if (at >= 0 && at < n)
        return at;
    int64_t period = mode == FRAME_WRAP ? n : 2 * (n - 1), rest;
    switch (mode) {
    case FRAME_CONSTANT:
        break;
    case FRAME_EDGE:
        return at < 0 ? 0 : n - 1;
    case FRAME_REFLECT:
    case FRAME_WRAP:
        if (!period)
            return 0;
        rest = at % period;
        if (rest < 0)
            rest += period;
        return rest < n ? rest : period - rest;
    }
    return -1;
}

/* What an axis becomes; BNF_EINPUT when that cannot be. */
static int extend_axis(
    struct bnf_call *call, struct bnf_pick *pick, size_t axis, int64_t extent, int64_t before, int64_t after)
{
    static const int64_t most = INT64_MAX / 4;
    if (before < -most || before > most || after < -most || after > most || extent + before + after < 0)
        return bnf_call_wrong(call, "extent %lld with %lld and %lld around it is below 0", (long long)extent,
            (long long)before, (long long)after);
    pick->dims[axis] = extent + before + after;
    return BNF_OK;
}

/* The map of one axis: what is cut off is cut off first, then the frame is put around the rest. */
static int map_axis(
    struct bnf_call *call, struct bnf_pick *pick, size_t axis, enum frame mode, int64_t extent, int64_t before)
{
    int64_t after = pick->dims[axis] - extent - before;
    if (!before && !after)
        return BNF_OK;
    int64_t first = before < 0 ? -before : 0, left = extent - first - (after < 0 ? -after : 0);
    if (left < 1 && mode != FRAME_CONSTANT && pick->dims[axis])
        return bnf_call_wrong(call, "axis %zu has nothing to make a frame of", axis);
    int64_t *map = bnf_arena_alloc(call->arena, (size_t)pick->dims[axis] + 1, sizeof *map);
    if (!map)
        return bnf_fail_memory(call->err);
    for (int64_t i = 0; i < pick->dims[axis]; i++) {
        int64_t source = source_of(mode, i - (before > 0 ? before : 0), left > 0 ? left : 0);
        map[i] = source < 0 ? -1 : first + source;
    }
    pick->maps[axis] = map;
    return BNF_OK;
}

/* Puts `before` (and what is missing) around x or cuts it off. The result comes before the maps, which are no smaller
 * than it only where it has few elements: what does not fit the budget is told at once. */
static int put_around(
    struct bnf_call *call, struct bnf_pick *pick, struct bnf_array *x, enum frame mode, const int64_t *before)
{
    int status = BNF_OK;
    pick->to = bnf_move_output(call, 0, x, x->rank, pick->dims);
    if (!pick->to)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->rank && !status; i++)
        status = map_axis(call, pick, i, mode, x->dims[i], before[i]);
    if (!status)
        bnf_move_pick(pick, call->threads);
    return status;
}

int bnf_move_pad(struct bnf_call *call)
{
    struct bnf_array *x;
    enum frame mode;
    int64_t before[bnf_most_rank], after[bnf_most_rank];
    uint8_t element[8];
    bool none = true;
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = mode_of(call, &mode);
    if (!status)
        status = filling(call, x, element);
    if (!status)
        status = frames_of(call, x, before, after);
    if (status)
        return status;
    struct bnf_pick pick = {.from = x->data, .fill = element, .size = bnf_move_size(x), .rank = x->rank};
    bnf_move_strides(x->rank, x->dims, pick.from_strides);
    for (size_t i = 0; i < x->rank; i++) {
        status = extend_axis(call, &pick, i, x->dims[i], before[i], after[i]);
        if (status)
            return status;
        none = none && !before[i] && !after[i];
    }
    if (none)
        return bnf_move_same(call, x);
    return put_around(call, &pick, x, mode, before);
}

int bnf_move_center_crop_pad(struct bnf_call *call)
{
    struct bnf_array *x;
    const int64_t *shape, *axes;
    size_t count, axis_count;
    int64_t before[bnf_most_rank] = {0};
    uint8_t element[8];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_list(call, "shape", 1, &shape, &count);
    if (!status)
        status = bnf_move_list(call, "axes", SIZE_MAX, &axes, &axis_count);
    if (status)
        return status;
    if (count == SIZE_MAX || count != (axis_count == SIZE_MAX ? x->rank : axis_count))
        return bnf_call_wrong(call, "'shape' has %zu extents for %zu axes", count == SIZE_MAX ? 0 : count,
            axis_count == SIZE_MAX ? x->rank : axis_count);
    bnf_move_zero(x, element);
    struct bnf_pick pick = {.from = x->data, .fill = element, .size = bnf_move_size(x), .rank = x->rank};
    memcpy(pick.dims, x->dims, sizeof pick.dims);
    bnf_move_strides(x->rank, x->dims, pick.from_strides);
    for (size_t i = 0; i < count; i++) {
        size_t axis = i;
        if (axis_count != SIZE_MAX && !bnf_axis(axes[i], x->rank, &axis))
            return bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)axes[i], x->rank);
        if (shape[i] < 0)
            return bnf_call_wrong(call, "'shape' holds %lld", (long long)shape[i]);
        int64_t more = shape[i] - x->dims[axis];
        before[axis] = more < 0 ? -(-more / 2) : more / 2;
        status = extend_axis(call, &pick, axis, x->dims[axis], before[axis], more - before[axis]);
        if (status)
            return status;
    }
    return put_around(call, &pick, x, FRAME_CONSTANT, before);
}
