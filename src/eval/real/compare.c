/* Comparisons, whose result is bool, and the choice that follows them. */
#include "eval/loops.h"
#include "eval/real/real.h"

#include <string.h>

/* The context of integer rows is the bit that, turned over in both operands, makes the order of int64_t
 * theirs. */
#define BNF_COMPARE(name, value)                                                                  \
    static void reals_##name(const void *context, const struct bnf_row *row)                      \
    {                                                                                             \
        const real *left = row->in[0], *right = row->in[1];                                       \
        int64_t *y = row->out;                                                                    \
        (void)context;                                                                            \
        for (size_t i = 0; i < row->count; i++) {                                                 \
            real a = left[i * row->step[0]], b = right[i * row->step[1]];                         \
            y[i] = value;                                                                         \
        }                                                                                         \
    }                                                                                             \
    static void integers_##name(const void *context, const struct bnf_row *row)                   \
    {                                                                                             \
        const uint64_t *left = row->in[0], *right = row->in[1], top = *(const uint64_t *)context; \
        int64_t *y = row->out;                                                                    \
        for (size_t i = 0; i < row->count; i++) {                                                 \
            int64_t a = (int64_t)(left[i * row->step[0]] ^ top),                                  \
                    b = (int64_t)(right[i * row->step[1]] ^ top);                                 \
            y[i] = value;                                                                         \
        }                                                                                         \
    }
#include "eval/real/compare.def"
#undef BNF_COMPARE

static void texts_equal(const void *context, const struct bnf_row *row)
{
    const char *const *left = row->in[0], *const *right = row->in[1];
    int64_t *y = row->out;
    (void)context;
    for (size_t i = 0; i < row->count; i++)
        y[i] = strcmp(left[i * row->step[0]], right[i * row->step[1]]) == 0;
}

static int compare(struct bnf_call *call, const struct bnf_rows *rows)
{
    const struct bnf_array *a = bnf_call_input(call, 0);
    uint64_t top = a && a->dtype == BNF_DTYPE_UINT64 ? (uint64_t)1 << 63 : 0;
    return bnf_pair(call, BNF_DTYPE_BOOL, rows, &top);
}

int R(bnf_op_equal)(struct bnf_call *call)
{
    return compare(call, &(struct bnf_rows){reals_equal, integers_equal, texts_equal, 1});
}

int R(bnf_op_greater)(struct bnf_call *call)
{
    return compare(call, &(struct bnf_rows){reals_greater, integers_greater, NULL, 1});
}

int R(bnf_op_greater_or_equal)(struct bnf_call *call)
{
    return compare(call, &(struct bnf_rows){reals_greater_or_equal, integers_greater_or_equal, NULL, 1});
}

int R(bnf_op_less)(struct bnf_call *call)
{
    return compare(call, &(struct bnf_rows){reals_less, integers_less, NULL, 1});
}

int R(bnf_op_less_or_equal)(struct bnf_call *call)
{
    return compare(call, &(struct bnf_rows){reals_less_or_equal, integers_less_or_equal, NULL, 1});
}

/* y = condition ? a : b for real numbers. */
static void choose_reals(const void *context, const struct bnf_row *row)
{
    const int64_t *condition = row->in[0];
    const real *a = row->in[1], *b = row->in[2];
    real *y = row->out;
    (void)context;
    for (size_t i = 0; i < row->count; i++)
        y[i] = condition[i * row->step[0]] ? a[i * row->step[1]] : b[i * row->step[2]];
}

/* The same for elements of any kind; the context is their size. */
static void choose(const void *context, const struct bnf_row *row)
{
    size_t size = *(const size_t *)context;
    const int64_t *condition = row->in[0];
    const char *a = row->in[1], *b = row->in[2];
    char *y = row->out;
    for (size_t i = 0; i < row->count; i++)
        memcpy(y + i * size,
            condition[i * row->step[0]] ? a + i * row->step[1] * size : b + i * row->step[2] * size, size);
}

int R(bnf_op_where)(struct bnf_call *call)
{
    const struct bnf_array *condition = bnf_call_need(call, 0, BNF_KIND_INT);
    const struct bnf_array *a = bnf_call_input(call, 1), *b = bnf_call_input(call, 2);
    if (!condition)
        return BNF_EINPUT;
    if (!a || !b || a->kind != b->kind || a->kind == BNF_KIND_SEQUENCE || a->kind == BNF_KIND_NOTHING)
        return bnf_call_wrong(call, "it needs two operands of one type");
    struct bnf_array both = *a;
    int64_t dims[bnf_most_rank];
    size_t rank;
    bool fits = bnf_broadcast(a, b, &rank, dims);
    both.rank = rank;
    memcpy(both.dims, dims, rank * sizeof *dims);
    if (!fits || !bnf_broadcast(condition, &both, &rank, dims))
        return bnf_call_wrong(call, "its operands do not broadcast");
    if (!bnf_call_output(call, 0, a->dtype, rank, dims))
        return BNF_ENOMEM;
    const struct bnf_array *operands[3] = {condition, a, b};
    struct bnf_grid grid;
    bnf_grid_make(&grid, rank, dims, operands, 3);
    size_t size = bnf_kind_size(a->kind, a->precision);
    bnf_grid_run(
        call, &grid, operands, call->out[0], 1, a->kind == BNF_KIND_REAL ? choose_reals : choose, &size);
    return BNF_OK;
}
