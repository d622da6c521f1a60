/* Along one axis: the place of the extreme element, the k extreme elements, running sums. */
#include "eval/loops.h"
#include "eval/real/real.h"

#include <string.h>

/* x[outer, extent, inner], real numbers or integers. */
struct lanes {
    const struct bnf_array *x;
    size_t axis, outer, extent, inner;
};

static int split(struct bnf_call *call, int64_t axis, struct lanes *lanes)
{
    const struct bnf_array *x = bnf_call_input(call, 0);
    if (!x || (x->kind != BNF_KIND_REAL && x->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "it needs numbers");
    lanes->x = x;
    if (!bnf_axis(axis, x->rank, &lanes->axis))
        return bnf_call_wrong(call, "axis %lld is outside an input of rank %zu", (long long)axis, x->rank);
    lanes->outer = bnf_extent(x, 0, lanes->axis);
    lanes->extent = (size_t)x->dims[lanes->axis];
    lanes->inner = bnf_extent(x, lanes->axis + 1, x->rank);
    return BNF_OK;
}

/* Is element i greater than element j? */
static bool greater(const struct bnf_array *x, size_t i, size_t j)
{
    if (x->kind == BNF_KIND_REAL)
        return ((const real *)x->data)[i] > ((const real *)x->data)[j];
    const int64_t *numbers = x->data;
    return x->dtype == BNF_DTYPE_UINT64 ? (uint64_t)numbers[i] > (uint64_t)numbers[j]
                                        : numbers[i] > numbers[j];
}

static int arg(struct bnf_call *call, bool largest)
{
    struct lanes l;
    int status = split(call, bnf_attr_int(call->proto, "axis", 0), &l);
    if (status)
        return status;
    if (!l.extent)
        return bnf_call_wrong(call, "axis %zu is empty", l.axis);
    bool keepdims = bnf_attr_int(call->proto, "keepdims", 1) != 0;
    bool later = bnf_attr_int(call->proto, "select_last_index", 0) != 0;
    int64_t dims[bnf_most_rank];
    size_t rank = 0;
    for (size_t i = 0; i < l.x->rank; i++)
        if (i != l.axis || keepdims)
            dims[rank++] = i == l.axis ? 1 : l.x->dims[i];
    int64_t *y = bnf_call_output(call, 0, BNF_DTYPE_INT64, rank, dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t lane = 0; lane < l.outer * l.inner; lane++) {
        size_t start = lane / l.inner * l.extent * l.inner + lane % l.inner, best = 0;
        for (size_t i = 1; i < l.extent; i++) {
            size_t a = start + i * l.inner, b = start + best * l.inner;
            bool better = largest ? greater(l.x, a, b) : greater(l.x, b, a);
            bool worse = largest ? greater(l.x, b, a) : greater(l.x, a, b);
            if (better || (later && !worse))
                best = i;
        }
        y[lane] = (int64_t)best;
    }
    return BNF_OK;
}

int R(bnf_op_arg_max)(struct bnf_call *call)
{
    return arg(call, true);
}

int R(bnf_op_arg_min)(struct bnf_call *call)
{
    return arg(call, false);
}

/* A lane's elements in the order wanted; among equals the lower index first. */
struct order {
    const struct bnf_array *x;
    size_t start, inner;
    bool largest;
};

static bool before(const struct order *o, size_t i, size_t j)
{
    size_t a = o->start + i * o->inner, b = o->start + j * o->inner;
    if (o->largest ? greater(o->x, a, b) : greater(o->x, b, a))
        return true;
    return !(o->largest ? greater(o->x, b, a) : greater(o->x, a, b)) && i < j;
}

/* Restores the heap of n indices, whose last in order is on top, below `place`. */
static void sink(const struct order *o, size_t *heap, size_t n, size_t place)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= n)
            return;
        if (child + 1 < n && before(o, heap[child], heap[child + 1]))
            child++;
        if (!before(o, heap[place], heap[child]))
            return;
        size_t index = heap[place];
        heap[place] = heap[child];
        heap[child] = index;
        place = child;
    }
}

/* The first k of `extent` elements in order, as indices in heap[k]. */
static void select_first(const struct order *o, size_t extent, size_t k, size_t *heap)
{
    if (!k)
        return;
    for (size_t i = 0; i < k; i++)
        heap[i] = i;
    for (size_t i = k / 2; i-- > 0;)
        sink(o, heap, k, i);
    for (size_t i = k; i < extent; i++) {
        if (!before(o, i, heap[0]))
            continue;
        heap[0] = i;
        sink(o, heap, k, 0);
    }
    for (size_t n = k; n-- > 1;) {
        size_t index = heap[0];
        heap[0] = heap[n];
        heap[n] = index;
        sink(o, heap, n, 0);
    }
}

/* Until operator set 9 k was an attribute, after that an input. */
static int count_wanted(struct bnf_call *call, size_t extent, size_t *k)
{
    int64_t wanted = bnf_attr_int(call->proto, "k", -1);
    if (call->opset >= 10) {
        const struct bnf_array *input = bnf_call_need(call, 1, BNF_KIND_INT);
        if (!input || input->count != 1)
            return input ? bnf_call_wrong(call, "k is %zu numbers, not 1", input->count) : BNF_EINPUT;
        wanted = *(const int64_t *)input->data;
    }
    if (wanted < 0 || (uint64_t)wanted > extent)
        return bnf_call_wrong(call, "k is %lld on an axis of %zu", (long long)wanted, extent);
    *k = (size_t)wanted;
    return BNF_OK;
}

int R(bnf_op_top_k)(struct bnf_call *call)
{
    struct lanes l;
    size_t k = 0, size;
    int status = split(call, bnf_attr_int(call->proto, "axis", -1), &l);
    if (!status)
        status = count_wanted(call, l.extent, &k);
    if (status)
        return status;
    int64_t dims[bnf_most_rank];
    memcpy(dims, l.x->dims, l.x->rank * sizeof *dims);
    dims[l.axis] = (int64_t)k;
    char *values = bnf_call_output(call, 0, l.x->dtype, l.x->rank, dims);
    int64_t *places = values ? bnf_call_output(call, 1, BNF_DTYPE_INT64, l.x->rank, dims) : NULL;
    size_t *heap = places ? bnf_arena_alloc(call->arena, k + 1, sizeof *heap) : NULL;
    if (!heap)
        return places ? bnf_fail_memory(call->err) : BNF_ENOMEM;
    struct order order = {l.x, 0, l.inner, bnf_attr_int(call->proto, "largest", 1) != 0};
    size = bnf_kind_size(l.x->kind, l.x->precision);
    for (size_t lane = 0; lane < l.outer * l.inner; lane++) {
        order.start = lane / l.inner * l.extent * l.inner + lane % l.inner;
        size_t out = lane / l.inner * k * l.inner + lane % l.inner;
        select_first(&order, l.extent, k, heap);
        for (size_t i = 0; i < k; i++) {
            places[out + i * l.inner] = (int64_t)heap[i];
            memcpy(values + (out + i * l.inner) * size,
                (const char *)l.x->data + (order.start + heap[i] * l.inner) * size, size);
        }
    }
    return BNF_OK;
}

/* One lane of running sums: n elements `step` apart (unsigned arithmetic goes backwards as well). */
static void run_reals(const real *x, real *y, size_t n, size_t step, bool exclusive)
{
    double sum = 0;
    for (size_t i = 0, at = 0; i < n; i++, at += step) {
        double next = sum + (double)x[at];
        y[at] = (real)(exclusive ? sum : next);
        sum = next;
    }
}

static void run_integers(int dtype, const int64_t *x, int64_t *y, size_t n, size_t step, bool exclusive)
{
    uint64_t sum = 0;
    for (size_t i = 0, at = 0; i < n; i++, at += step) {
        uint64_t next = sum + (uint64_t)x[at];
        y[at] = bnf_int_wrap(dtype, (int64_t)(exclusive ? sum : next));
        sum = next;
    }
}

int R(bnf_op_cum_sum)(struct bnf_call *call)
{
    const struct bnf_array *axis = bnf_call_need(call, 1, BNF_KIND_INT);
    struct lanes l;
    if (!axis || axis->count != 1)
        return axis ? bnf_call_wrong(call, "the axis is %zu numbers, not 1", axis->count) : BNF_EINPUT;
    int status = split(call, *(const int64_t *)axis->data, &l);
    if (status)
        return status;
    bool exclusive = bnf_attr_int(call->proto, "exclusive", 0) != 0;
    bool reverse = bnf_attr_int(call->proto, "reverse", 0) != 0;
    void *y = bnf_call_output(call, 0, l.x->dtype, l.x->rank, l.x->dims);
    if (!y)
        return BNF_ENOMEM;
    size_t step = reverse ? 0 - l.inner : l.inner;
    for (size_t lane = 0; lane < l.outer * l.inner && l.extent; lane++) {
        size_t start = lane / l.inner * l.extent * l.inner + lane % l.inner;
        start += reverse ? (l.extent - 1) * l.inner : 0;
        if (l.x->kind == BNF_KIND_REAL)
            run_reals((const real *)l.x->data + start, (real *)y + start, l.extent, step, exclusive);
        else
            run_integers(l.x->dtype, (const int64_t *)l.x->data + start, (int64_t *)y + start, l.extent, step,
                exclusive);
    }
    return BNF_OK;
}
