/* Reductions over any set of axes. Sums run in double. */
#include "eval/loops.h"
#include "eval/real/real.h"

#include <math.h>
#include <string.h>

/* Adjacent axes of one sort are merged; kept and reduced ones in their order. */
struct plan {
    struct bnf_walk kept, reduced;
    bool inner_kept; /* the innermost axis is kept: its elements are neighbours in the input and the output */
    size_t results, each; /* how many, and of how many elements each */
    size_t rank;          /* of the output */
    int64_t dims[bnf_most_rank];
};

static void add_axis(struct bnf_walk *walk, size_t extent, size_t stride, bool merge)
{
    if (merge) {
        walk->extent[walk->rank - 1] *= extent;
        walk->stride[walk->rank - 1] = stride;
        return;
    }
    walk->extent[walk->rank] = extent;
    walk->stride[walk->rank++] = stride;
}

static void make_plan(struct plan *plan, const struct bnf_array *x, const bool *reduced, bool keepdims)
{
    size_t strides[bnf_most_rank], stride = 1;
    int before = -1; /* whether the last axis that counts was reduced */
    memset(plan, 0, sizeof *plan);
    plan->results = plan->each = 1;
    for (size_t i = x->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= (size_t)x->dims[i];
    }
    for (size_t i = 0; i < x->rank; i++) {
        size_t extent = (size_t)x->dims[i];
        *(reduced[i] ? &plan->each : &plan->results) *= extent;
        if (!reduced[i] || keepdims)
            plan->dims[plan->rank++] = reduced[i] ? 1 : x->dims[i];
        if (extent == 1)
            continue;
        add_axis(reduced[i] ? &plan->reduced : &plan->kept, extent, strides[i], before == (int)reduced[i]);
        before = reduced[i];
    }
    plan->inner_kept = before == 0;
}

/* Partial results of neighbours are kept apart in blocks of this size. */
enum { tile = 256 };

/* How one reduction works. fold takes n neighbours into one result; spread takes each of n neighbours into a
 * result of its own. */
struct kind {
    double start;
    void (*fold)(double *result, const real *x, size_t n, double shift);
    void (*spread)(double *results, const real *x, size_t n, const double *shifts);
    double (*end)(double s, double n, double shift);
    size_t weight;
};

#define BNF_REDUCE(name, weight, start, take, join, end)                                                     \
    static inline double name##_take(double x, double shift)                                                 \
    {                                                                                                        \
        (void)shift;                                                                                         \
        return take;                                                                                         \
    }                                                                                                        \
    static inline double name##_join(double s, double t)                                                     \
    {                                                                                                        \
        return join;                                                                                         \
    }                                                                                                        \
    static double name##_end(double s, double n, double shift)                                               \
    {                                                                                                        \
        (void)n;                                                                                             \
        (void)shift;                                                                                         \
        return end;                                                                                          \
    }                                                                                                        \
    static void name##_fold(double *result, const real *x, size_t n, double shift)                           \
    {                                                                                                        \
        double part[4] = {start, start, start, start};                                                       \
        size_t i = 0;                                                                                        \
        for (; i + 4 <= n; i += 4)                                                                           \
            for (size_t k = 0; k < 4; k++)                                                                   \
                part[k] = name##_join(part[k], name##_take((double)x[i + k], shift));                        \
        for (; i < n; i++)                                                                                   \
            part[0] = name##_join(part[0], name##_take((double)x[i], shift));                                \
        *result =                                                                                            \
            name##_join(*result, name##_join(name##_join(part[0], part[1]), name##_join(part[2], part[3]))); \
    }                                                                                                        \
    static void name##_spread(double *results, const real *x, size_t n, const double *shifts)                \
    {                                                                                                        \
        for (size_t i = 0; i < n; i++)                                                                       \
            results[i] = name##_join(results[i], name##_take((double)x[i], shifts[i]));                      \
    }                                                                                                        \
    static const struct kind name##_kind = {start, name##_fold, name##_spread, name##_end, weight};
#include "eval/real/reduce.def"
#undef BNF_REDUCE

struct work {
    const struct plan *plan;
    const struct kind *kind;
    const real *x;
    real *y;
};

/* n ≤ tile neighbouring results, not ended: x begins at the first one's first element. */
static void neighbours(const struct plan *plan, const struct kind *kind, const real *x, size_t n,
    double *results, const double *shifts)
{
    struct bnf_walk walk = plan->reduced;
    for (size_t i = 0; i < n; i++)
        results[i] = kind->start;
    if (plan->each == 0)
        return;
    bnf_walk_at(&walk, 0);
    do
        kind->spread(results, x + walk.offset, n, shifts);
    while (bnf_walk_next(&walk));
}

/* One result, not ended, where the innermost axis is reduced. */
static double alone(const struct plan *plan, const struct kind *kind, const real *x, double shift)
{
    struct bnf_walk walk = plan->reduced;
    double result = kind->start;
    if (plan->each == 0)
        return result;
    size_t inner = walk.rank ? walk.extent[--walk.rank] : 1;
    bnf_walk_at(&walk, 0);
    do
        kind->fold(&result, x + walk.offset, inner, shift);
    while (bnf_walk_next(&walk));
    return result;
}

/* What keeps exponentials in range; only log_sum_exp asks. */
static double shift_of(double top)
{
    return isinf(top) ? 0 : top;
}

static void reduce_some(const void *context, size_t first, size_t count)
{
    const struct work *w = context;
    const struct plan *plan = w->plan;
    bool shifted = w->kind == &log_sum_exp_kind;
    double results[tile], shifts[tile] = {0}, n = (double)plan->each;
    struct bnf_walk kept = plan->kept;
    size_t last = kept.rank - 1;
    for (size_t done = 0; done < count;) {
        bnf_walk_at(&kept, first + done);
        const real *x = w->x + kept.offset;
        size_t some = 1;
        if (plan->inner_kept) {
            some = kept.extent[last] - kept.index[last];
            some = some > count - done ? count - done : some;
            some = some > tile ? tile : some;
            if (shifted)
                neighbours(plan, &max_kind, x, some, shifts, shifts);
            for (size_t i = 0; i < some && shifted; i++)
                shifts[i] = shift_of(shifts[i]);
            neighbours(plan, w->kind, x, some, results, shifts);
        } else {
            shifts[0] = shifted ? shift_of(alone(plan, &max_kind, x, 0)) : 0;
            results[0] = alone(plan, w->kind, x, shifts[0]);
        }
        for (size_t i = 0; i < some; i++)
            w->y[first + done + i] = (real)w->kind->end(results[i], n, shifts[i]);
        done += some;
    }
}

/* ---- integers */

static bool above(int dtype, int64_t a, int64_t b)
{
    return dtype == BNF_DTYPE_UINT64 ? (uint64_t)a > (uint64_t)b : a > b;
}

/* The least or greatest number of an integer type. */
static int64_t outermost(int dtype, bool greatest)
{
    unsigned bits = bnf_dtype_bits(dtype);
    bool is_signed = dtype == BNF_DTYPE_INT8 || dtype == BNF_DTYPE_INT16 || dtype == BNF_DTYPE_INT32 ||
                     dtype == BNF_DTYPE_INT64;
    if (dtype == BNF_DTYPE_BOOL || (!is_signed && !greatest))
        return greatest;
    if (!is_signed)
        return bits == 64 ? -1 : (int64_t)(((uint64_t)1 << bits) - 1);
    int64_t top = (int64_t)(((uint64_t)1 << (bits - 1)) - 1);
    return greatest ? top : -top - 1;
}

static int64_t start_integer(const struct kind *kind, int dtype)
{
    if (kind == &max_kind || kind == &min_kind)
        return outermost(dtype, kind == &min_kind);
    return kind == &prod_kind;
}

static int64_t join_integer(const struct kind *kind, int dtype, int64_t s, int64_t x)
{
    if (kind == &max_kind)
        return above(dtype, x, s) ? x : s;
    if (kind == &min_kind)
        return above(dtype, s, x) ? x : s;
    if (kind == &prod_kind)
        return (int64_t)((uint64_t)s * (uint64_t)x);
    uint64_t taken = (uint64_t)x;
    if (kind == &l1_kind && x < 0 && dtype != BNF_DTYPE_UINT64)
        taken = 0 - taken;
    if (kind == &l2_kind || kind == &sum_square_kind)
        taken *= taken;
    return (int64_t)((uint64_t)s + taken);
}

/* x[…] → y[results], in the arithmetic of the type; roots, logarithms and means of integers are truncated. */
static void reduce_integers(
    const struct plan *plan, const struct kind *kind, const struct bnf_array *x, int64_t *y)
{
    bool by_double = kind == &l2_kind || kind == &log_sum_kind || kind == &log_sum_exp_kind;
    struct bnf_walk kept = plan->kept, reduced = plan->reduced;
    for (size_t result = 0; result < plan->results; result++) {
        int64_t s = start_integer(kind, x->dtype);
        double sum = 0;
        bnf_walk_at(&kept, result);
        if (plan->each)
            bnf_walk_at(&reduced, 0);
        for (size_t i = 0; i < plan->each; i++, bnf_walk_next(&reduced)) {
            size_t place = kept.offset + reduced.offset;
            double number = bnf_array_at(x, place);
            sum += kind == &l2_kind ? number * number : kind == &log_sum_exp_kind ? exp(number) : number;
            s = join_integer(kind, x->dtype, s, ((const int64_t *)x->data)[place]);
        }
        if (by_double) {
            double ended = kind == &l2_kind ? sqrt(sum) : log(sum);
            s = fabs(ended) < 0x1p63 ? (int64_t)ended : 0;
        } else if (kind == &mean_kind) {
            s = plan->each ? (x->dtype == BNF_DTYPE_UINT64 ? (int64_t)((uint64_t)s / plan->each)
                                                           : s / (int64_t)plan->each)
                           : 0;
        }
        y[result] = bnf_int_wrap(x->dtype, s);
    }
}

/* ---- operators */

static int reduce(struct bnf_call *call, const struct kind *kind)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    if (!x || (x->kind != BNF_KIND_REAL && x->kind != BNF_KIND_INT))
        return bnf_call_wrong(call, "it needs numbers");
    int64_t axes[bnf_most_rank];
    size_t count;
    int status = bnf_call_ints(call, "axes", 1, axes, &count);
    if (status)
        return status;
    bool all = count == SIZE_MAX || count == 0;
    if (all && bnf_attr_int(call->proto, "noop_with_empty_axes", 0))
        return bnf_call_view(call, 0, x, x->rank, x->dims);
    bool reduced[bnf_most_rank];
    for (size_t i = 0; i < x->rank; i++)
        reduced[i] = all;
    for (size_t i = 0; i < count && !all; i++) {
        size_t axis;
        if (!bnf_axis(axes[i], x->rank, &axis))
            return bnf_call_wrong(
                call, "axis %lld is outside an input of rank %zu", (long long)axes[i], x->rank);
        reduced[axis] = true;
    }
    struct plan plan;
    make_plan(&plan, x, reduced, bnf_attr_int(call->proto, "keepdims", 1) != 0);
    void *y = bnf_call_output(call, 0, x->dtype, plan.rank, plan.dims);
    if (!y)
        return BNF_ENOMEM;
    if (x->kind == BNF_KIND_INT) {
        reduce_integers(&plan, kind, x, y);
        return BNF_OK;
    }
    struct work work = {&plan, kind, x->data, y};
    bnf_spans(call, plan.results, plan.each * kind->weight + 1, reduce_some, &work);
    return BNF_OK;
}

#define BNF_REDUCE(name, weight, start, take, join, end) \
    int R(bnf_op_reduce_##name)(struct bnf_call * call)  \
    {                                                    \
        return reduce(call, &name##_kind);               \
    }
#include "eval/real/reduce.def"
#undef BNF_REDUCE
