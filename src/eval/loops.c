#include "eval/loops.h"

#include "base/mem.h"
#include "eval/workers.h"

#include <string.h>

void bnf_spans(const struct bnf_call *call, size_t count, size_t weight,
    void (*work)(const void *context, size_t first, size_t count), const void *context)
{
    bnf_workers_spans(call->threads, count, weight, work, context);
}

void bnf_grid_make(struct bnf_grid *grid, size_t rank, const int64_t *dims,
    const struct bnf_array *const *operands, size_t count)
{
    size_t strides[bnf_grid_operands][bnf_most_rank];
    memset(grid, 0, sizeof *grid);
    grid->operands = count;
    grid->count = 1;
    for (size_t k = 0; k < count; k++)
        bnf_broadcast_strides(operands[k], rank, dims, strides[k]);
    for (size_t axis = 0; axis < rank; axis++) {
        size_t extent = (size_t)dims[axis];
        grid->count *= extent;
        if (extent == 1)
            continue;
        bool merge = grid->rank > 0;
        for (size_t k = 0; k < count && merge; k++)
            merge = grid->stride[k][grid->rank - 1] == strides[k][axis] * extent;
        if (!merge)
            grid->rank++;
        grid->extent[grid->rank - 1] = merge ? grid->extent[grid->rank - 1] * extent : extent;
        for (size_t k = 0; k < count; k++)
            grid->stride[k][grid->rank - 1] = strides[k][axis];
    }
    if (grid->rank)
        return;
    grid->rank = 1;
    grid->extent[0] = 1;
}

struct rows {
    const struct bnf_grid *grid;
    const char *in[bnf_grid_operands];
    size_t size[bnf_grid_operands];
    char *out;
    size_t out_size;
    void (*row)(const void *context, const struct bnf_row *row);
    const void *context;
};

static size_t array_size(const struct bnf_array *array)
{
    return bnf_kind_size(array->kind, array->precision);
}

static void some_rows(const void *context, size_t first, size_t count)
{
    const struct rows *r = context;
    const struct bnf_grid *g = r->grid;
    size_t last = g->rank - 1, index[bnf_most_rank] = {0}, at = first;
    for (size_t axis = g->rank; axis-- > 0;) {
        index[axis] = at % g->extent[axis];
        at /= g->extent[axis];
    }
    for (size_t done = 0; done < count;) {
        size_t n = g->extent[last] - index[last];
        struct bnf_row row = {
            .out = r->out + (first + done) * r->out_size, .count = n < count - done ? n : count - done};
        for (size_t k = 0; k < g->operands; k++) {
            size_t offset = 0;
            for (size_t axis = 0; axis < g->rank; axis++)
                offset += index[axis] * g->stride[k][axis];
            row.in[k] = r->in[k] + offset * r->size[k];
            row.step[k] = g->stride[k][last];
        }
        r->row(r->context, &row);
        done += row.count;
        index[last] = 0;
        for (size_t axis = last; axis-- > 0;) {
            if (++index[axis] < g->extent[axis])
                break;
            index[axis] = 0;
        }
    }
}

void bnf_grid_run(const struct bnf_call *call, const struct bnf_grid *grid,
    const struct bnf_array *const *operands, struct bnf_array *out, size_t weight,
    void (*row)(const void *context, const struct bnf_row *row), const void *context)
{
    struct rows rows = {
        .grid = grid, .out = out->data, .out_size = array_size(out), .row = row, .context = context};
    for (size_t k = 0; k < grid->operands; k++) {
        rows.in[k] = operands[k]->data;
        rows.size[k] = array_size(operands[k]);
    }
    bnf_spans(call, grid->count, weight, some_rows, &rows);
}

/* Before operator set 7 the second operand lies, where `broadcast` is set, on the axes from `axis` on (the
 * last ones by default). Gives it the trailing axes that today's rule needs. */
static int place_second(struct bnf_call *call, const struct bnf_array *a, struct bnf_array *b)
{
    if (!bnf_attr_int(call->proto, "broadcast", 0)) {
        if (a->rank != b->rank || !bnf_same_bytes(a->dims, b->dims, a->rank * sizeof *a->dims))
            return bnf_call_wrong(call, "its operands differ in shape, and it does not say 'broadcast'");
        return BNF_OK;
    }
    if (b->count == 1 || b->rank > a->rank)
        return BNF_OK;
    size_t axis = a->rank - b->rank;
    if (bnf_attr_find(call->proto, "axis") && !bnf_axis(bnf_attr_int(call->proto, "axis", 0), a->rank, &axis))
        return bnf_call_wrong(call, "'axis' is outside an operand of rank %zu", a->rank);
    while (b->rank + axis < a->rank)
        b->dims[b->rank++] = 1;
    return BNF_OK;
}

int bnf_pair(struct bnf_call *call, int dtype, const struct bnf_rows *rows, const void *context)
{
    const struct bnf_array *a = bnf_call_input(call, 0), *second = bnf_call_input(call, 1);
    if (!a || !second)
        return bnf_call_wrong(call, "it lacks an input");
    void (*row)(const void *, const struct bnf_row *) = a->kind == BNF_KIND_REAL   ? rows->on_real
                                                        : a->kind == BNF_KIND_INT  ? rows->on_int
                                                        : a->kind == BNF_KIND_TEXT ? rows->on_text
                                                                                   : NULL;
    if (!row || a->kind != second->kind)
        return bnf_call_wrong(call, "it cannot take operands of type %s and %s", bnf_dtype_name(a->dtype),
            bnf_dtype_name(second->dtype));
    struct bnf_array b = *second;
    int64_t dims[bnf_most_rank];
    size_t rank;
    int status = call->opset < 7 ? place_second(call, a, &b) : BNF_OK;
    if (status)
        return status;
    if (!bnf_broadcast(a, &b, &rank, dims)) {
        char x[256], y[256];
        return bnf_call_wrong(call, "its operands of %s and %s do not broadcast",
            bnf_dims_text(a->dims, a->rank, x, sizeof x),
            bnf_dims_text(second->dims, second->rank, y, sizeof y));
    }
    if (!bnf_call_output(call, 0, dtype == BNF_DTYPE_UNDEFINED ? a->dtype : dtype, rank, dims))
        return BNF_ENOMEM;
    const struct bnf_array *operands[2] = {a, &b};
    struct bnf_grid grid;
    bnf_grid_make(&grid, rank, dims, operands, 2);
    bnf_grid_run(call, &grid, operands, call->out[0], rows->weight, row, context);
    return BNF_OK;
}

struct bnf_array *bnf_call_need(struct bnf_call *call, size_t slot, enum bnf_kind kind)
{
    struct bnf_array *array = bnf_call_input(call, slot);
    if (!array)
        bnf_call_wrong(call, "input %zu is missing", slot);
    else if (array->kind != kind)
        bnf_call_wrong(call, "input %zu is of type %s, not %s", slot, bnf_dtype_name(array->dtype),
            kind == BNF_KIND_REAL  ? "a floating type"
            : kind == BNF_KIND_INT ? "an integer type"
                                   : "string");
    return array && array->kind == kind ? array : NULL;
}

bool bnf_call_wants(const struct bnf_call *call, size_t slot)
{
    return slot < call->output_count && call->wanted[slot];
}

size_t bnf_extent(const struct bnf_array *array, size_t first, size_t end)
{
    size_t extent = 1;
    for (size_t i = first; i < end; i++)
        extent *= (size_t)array->dims[i];
    return extent;
}

void bnf_walk_at(struct bnf_walk *walk, size_t index)
{
    walk->offset = 0;
    for (size_t axis = walk->rank; axis-- > 0;) {
        walk->index[axis] = index % walk->extent[axis];
        index /= walk->extent[axis];
        walk->offset += walk->index[axis] * walk->stride[axis];
    }
}

bool bnf_walk_next(struct bnf_walk *walk)
{
    for (size_t axis = walk->rank; axis-- > 0;) {
        walk->offset += walk->stride[axis];
        if (++walk->index[axis] < walk->extent[axis])
            return true;
        walk->offset -= walk->extent[axis] * walk->stride[axis];
        walk->index[axis] = 0;
    }
    return false;
}
