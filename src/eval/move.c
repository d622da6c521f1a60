/* Copies by strides and by index maps, and what operators that move elements share. */
#include "eval/move.h"

#include "base/threads.h"

#include <string.h>

/* Below this many bytes a copy is done before a second thread has begun. */
static const size_t large = (size_t)1 << 20;

int bnf_move_input(struct bnf_call *call, size_t slot, struct bnf_array **out)
{
    *out = bnf_call_input(call, slot);
    if (!*out)
        return bnf_call_wrong(call, "it has no input %zu", slot);
    if ((*out)->kind == BNF_KIND_SEQUENCE || (*out)->kind == BNF_KIND_NOTHING)
        return bnf_call_wrong(call, "input %zu is no tensor", slot);
    return BNF_OK;
}

int bnf_move_integers(struct bnf_call *call, size_t slot, struct bnf_array **out)
{
    int status = bnf_move_input(call, slot, out);
    if (!status && (*out)->kind != BNF_KIND_INT)
        return bnf_call_wrong(
            call, "input %zu should hold integers and is %s", slot, bnf_dtype_name((*out)->dtype));
    return status;
}

int bnf_move_list(
    struct bnf_call *call, const char *attribute, size_t slot, const int64_t **list, size_t *count)
{
    struct bnf_array *input;
    *list = NULL;
    *count = SIZE_MAX;
    if (bnf_attr_find(call->proto, attribute)) {
        *list = bnf_attr_ints(call->proto, attribute, count);
        return BNF_OK;
    }
    if (slot == SIZE_MAX || !bnf_call_input(call, slot))
        return BNF_OK;
    int status = bnf_move_integers(call, slot, &input);
    if (status)
        return status;
    if (input->rank > 1)
        return bnf_call_wrong(call, "input %zu has rank %zu, a list has 1", slot, input->rank);
    *list = input->data;
    *count = input->count;
    return BNF_OK;
}

int bnf_move_scalar(struct bnf_call *call, size_t slot, int64_t fallback, int64_t *out)
{
    struct bnf_array *input;
    *out = fallback;
    if (!bnf_call_input(call, slot))
        return BNF_OK;
    int status = bnf_move_input(call, slot, &input);
    if (status)
        return status;
    if (input->count != 1 || input->kind == BNF_KIND_TEXT)
        return bnf_call_wrong(call, "input %zu has %zu elements, not one number", slot, input->count);
    if (input->kind == BNF_KIND_INT) {
        *out = *(const int64_t *)input->data;
        return BNF_OK;
    }
    double number = bnf_array_at(input, 0);
    if (!(number > -9e18 && number < 9e18))
        return bnf_call_wrong(call, "input %zu is %g, no count", slot, number);
    *out = (int64_t)number;
    return BNF_OK;
}

int bnf_move_axis(struct bnf_call *call, int64_t fallback, size_t rank, size_t *out)
{
    int64_t axis = bnf_attr_int(call->proto, "axis", fallback);
    return bnf_axis(axis, rank, out)
               ? BNF_OK
               : bnf_call_wrong(call, "axis %lld is outside rank %zu", (long long)axis, rank);
}

void *bnf_move_output(
    struct bnf_call *call, size_t slot, const struct bnf_array *from, size_t rank, const int64_t *dims)
{
    return bnf_call_output(call, slot, from->dtype, rank, dims);
}

int bnf_move_same(struct bnf_call *call, struct bnf_array *array)
{
    call->out[0] = bnf_array_hold(array);
    return BNF_OK;
}

size_t bnf_move_size(const struct bnf_array *array)
{
    return bnf_kind_size(array->kind, array->precision);
}

size_t bnf_move_product(const int64_t *dims, size_t first, size_t end)
{
    size_t product = 1;
    for (size_t i = first; i < end; i++)
        product *= (size_t)dims[i];
    return product;
}

bool bnf_move_index(int64_t index, int64_t extent, size_t *out)
{
    if (index < 0)
        index += extent;
    *out = (size_t)index;
    return index >= 0 && index < extent;
}

void bnf_move_strides(size_t rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
        strides[i] = stride;
        stride *= dims[i] ? dims[i] : 1;
    }
}

void bnf_move_zero(const struct bnf_array *array, void *element)
{
    static const char *const empty = "";
    if (array->kind == BNF_KIND_TEXT)
        memcpy(element, &empty, sizeof empty);
    else
        memset(element, 0, bnf_move_size(array));
}

void bnf_move_fill(void *to, const void *element, size_t size, size_t count)
{
    uint8_t *at = to;
    if (size == 4)
        for (size_t i = 0; i < count; i++)
            memcpy(at + 4 * i, element, 4);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(at + 8 * i, element, 8);
}

/* ---- by strides ---- */

/* Drops axes of extent 1 and joins axes that are one in both arrays. */
static void merge(struct bnf_copy *c)
{
    size_t rank = 0;
    for (size_t i = 0; i < c->rank; i++) {
        if (c->dims[i] == 1)
            continue;
        if (rank && c->to_strides[rank - 1] == c->to_strides[i] * c->dims[i] &&
            c->from_strides[rank - 1] == c->from_strides[i] * c->dims[i]) {
            c->dims[rank - 1] *= c->dims[i];
            c->to_strides[rank - 1] = c->to_strides[i];
            c->from_strides[rank - 1] = c->from_strides[i];
            continue;
        }
        c->dims[rank] = c->dims[i];
        c->to_strides[rank] = c->to_strides[i];
        c->from_strides[rank++] = c->from_strides[i];
    }
    c->rank = rank;
}

/* Puts the axis that is dense in `from` next to the last, so that the two innermost loops are the ones that
 * the caches care for; the order of the others does not matter. Afterwards there are at least two axes. */
static void order(struct bnf_copy *c)
{
    size_t axis = c->rank;
    for (size_t i = 0; i + 1 < c->rank; i++)
        if (c->from_strides[i] == 1)
            axis = i;
    for (; axis + 2 < c->rank; axis++) {
        int64_t dim = c->dims[axis], to = c->to_strides[axis], from = c->from_strides[axis];
        c->dims[axis] = c->dims[axis + 1];
        c->to_strides[axis] = c->to_strides[axis + 1];
        c->from_strides[axis] = c->from_strides[axis + 1];
        c->dims[axis + 1] = dim;
        c->to_strides[axis + 1] = to;
        c->from_strides[axis + 1] = from;
    }
    while (c->rank < 2) {
        c->dims[1] = c->rank ? c->dims[0] : 1;
        c->to_strides[1] = c->rank ? c->to_strides[0] : 1;
        c->from_strides[1] = c->rank ? c->from_strides[0] : 1;
        c->dims[0] = 1;
        c->to_strides[0] = c->from_strides[0] = 0;
        c->rank = 2;
    }
}

/* Rows of the two innermost axes, in blocks that stay in the first cache. `size` is a constant where this is
 * inlined. */
static inline void plane(
    const struct bnf_copy *c, uint8_t *to, const uint8_t *from, int64_t rows, size_t size)
{
    enum { block = 16 };
    int64_t columns = c->dims[c->rank - 1], width = (int64_t)size;
    int64_t to_row = c->to_strides[c->rank - 2] * width, to_column = c->to_strides[c->rank - 1] * width;
    int64_t from_row = c->from_strides[c->rank - 2] * width,
            from_column = c->from_strides[c->rank - 1] * width;
    if (to_column == width && from_column == width) {
        for (int64_t i = 0; i < rows; i++)
            memcpy(to + i * to_row, from + i * from_row, (size_t)columns * size);
        return;
    }
    for (int64_t i0 = 0; i0 < rows; i0 += block) {
        int64_t i1 = rows - i0 < block ? rows : i0 + block;
        for (int64_t j0 = 0; j0 < columns; j0 += block) {
            int64_t j1 = columns - j0 < block ? columns : j0 + block;
            for (int64_t i = i0; i < i1; i++)
                for (int64_t j = j0; j < j1; j++)
                    memcpy(to + i * to_row + j * to_column, from + i * from_row + j * from_column, size);
        }
    }
}

/* The work is cut into strips of rows of planes, the strips into shares. */
struct shares {
    const struct bnf_copy *copy;
    size_t strips, strips_a_plane, shares;
    int64_t strip; /* rows */
};

static int copy_share(void *context, size_t share)
{
    const struct shares *s = context;
    const struct bnf_copy *c = s->copy;
    size_t first = s->strips * share / s->shares, end = s->strips * (share + 1) / s->shares;
    for (size_t at = first; at < end; at++) {
        int64_t row = (int64_t)(at % s->strips_a_plane) * s->strip, rows = c->dims[c->rank - 2] - row;
        int64_t to = row * c->to_strides[c->rank - 2], from = row * c->from_strides[c->rank - 2];
        size_t rest = at / s->strips_a_plane;
        for (size_t i = c->rank - 2; i-- > 0;) {
            int64_t index = (int64_t)(rest % (size_t)c->dims[i]);
            rest /= (size_t)c->dims[i];
            to += index * c->to_strides[i];
            from += index * c->from_strides[i];
        }
        uint8_t *target = (uint8_t *)c->to + to * (int64_t)c->size;
        const uint8_t *source = (const uint8_t *)c->from + from * (int64_t)c->size;
        if (rows > s->strip)
            rows = s->strip;
        if (c->size == 4)
            plane(c, target, source, rows, 4);
        else
            plane(c, target, source, rows, 8);
    }
    return 0;
}

void bnf_move_copy(struct bnf_copy *copy, unsigned threads)
{
    size_t count = bnf_move_product(copy->dims, 0, copy->rank);
    if (!count)
        return;
    merge(copy);
    order(copy);
    size_t rows = (size_t)copy->dims[copy->rank - 2], columns = (size_t)copy->dims[copy->rank - 1];
    size_t strip = columns < 4096 ? (4096 / columns + 15) / 16 * 16 : 16;
    struct shares s = {.copy = copy, .strip = (int64_t)strip, .strips_a_plane = (rows + strip - 1) / strip};
    s.strips = s.strips_a_plane * (count / (rows * columns));
    s.shares = count * copy->size < large || threads < 2 ? 1 : (size_t)threads * 4;
    if (s.shares > s.strips)
        s.shares = s.strips;
    bnf_parallel(threads, s.shares, copy_share, &s);
}

/* ---- by maps ---- */

struct picks {
    const struct bnf_pick *pick;
    size_t rows, shares;
};

static inline void pick_row(const struct bnf_pick *p, uint8_t *to, const uint8_t *from, size_t size)
{
    const int64_t *map = p->maps[p->rank - 1];
    int64_t stride = p->from_strides[p->rank - 1] * (int64_t)size, columns = p->dims[p->rank - 1];
    for (int64_t j = 0; j < columns; j++) {
        int64_t at = map ? map[j] : j;
        memcpy(to + j * (int64_t)size, at < 0 ? p->fill : from + at * stride, size);
    }
}

static int pick_share(void *context, size_t share)
{
    const struct picks *s = context;
    const struct bnf_pick *p = s->pick;
    size_t first = s->rows * share / s->shares, end = s->rows * (share + 1) / s->shares;
    size_t columns = (size_t)p->dims[p->rank - 1];
    for (size_t row = first; row < end; row++) {
        bool outside = false;
        int64_t from = 0;
        size_t rest = row;
        for (size_t i = p->rank - 1; i-- > 0;) {
            size_t index = rest % (size_t)p->dims[i];
            rest /= (size_t)p->dims[i];
            int64_t at = p->maps[i] ? p->maps[i][index] : (int64_t)index;
            outside = outside || at < 0;
            from += at * p->from_strides[i];
        }
        uint8_t *to = (uint8_t *)p->to + row * columns * p->size;
        const uint8_t *source = outside ? NULL : (const uint8_t *)p->from + from * (int64_t)p->size;
        if (outside)
            bnf_move_fill(to, p->fill, p->size, columns);
        else if (!p->maps[p->rank - 1] && p->from_strides[p->rank - 1] == 1)
            memcpy(to, source, columns * p->size);
        else if (p->size == 4)
            pick_row(p, to, source, 4);
        else
            pick_row(p, to, source, 8);
    }
    return 0;
}

void bnf_move_pick(const struct bnf_pick *pick, unsigned threads)
{
    size_t count = bnf_move_product(pick->dims, 0, pick->rank);
    if (!count)
        return;
    if (!pick->rank) {
        memcpy(pick->to, pick->from, pick->size);
        return;
    }
    struct picks s = {.pick = pick, .rows = count / (size_t)pick->dims[pick->rank - 1]};
    s.shares = count * pick->size < large || threads < 2 ? 1 : (size_t)threads * 4;
    if (s.shares > s.rows)
        s.shares = s.rows;
    bnf_parallel(threads, s.shares, pick_share, &s);
}
