/* Constants: reductions, as weights have that are stored as a direction and a length. Sums run in double and are rounded
 * once. */
#include "eval/constant_internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 512 };

enum kind { L1, L2, MAX, MEAN, MIN, PROD, SUM, SUM_SQUARE };

static enum kind kind_of(const char *op_type)
{
    static const char *const names[] = {"L1", "L2", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"};
    enum kind kind = L1;
    while (strcmp(op_type + strlen("Reduce"), names[kind]) != 0)
        kind++;
    return kind;
}

static double start_of(enum kind kind)
{
    return kind == MAX ? -(double)INFINITY : kind == MIN ? (double)INFINITY : kind == PROD ? 1 : 0;
}

static double take(enum kind kind, double sum, double x)
{
    switch (kind) {
    case L1:
        return sum + fabs(x);
    case L2:
    case SUM_SQUARE:
        return sum + x * x;
    case MAX:
        return x > sum || isnan(x) ? x : sum;
    case MIN:
        return x < sum || isnan(x) ? x : sum;
    case PROD:
        return sum * x;
    default:
        return sum + x;
    }
}

/* Which axes go. The standard moved the list from an attribute to an input: for ReduceSum in operator set 13, for the others
 * in 18. */
static bool read_axes(const struct bnf_constant_op *op, enum kind kind, size_t rank, bool *reduced)
{
    int64_t axes[BNF_CONSTANT_RANK];
    size_t count = 0;
    bool as_input = op->opset >= (kind == SUM ? 13 : 18);
    if (as_input && bnf_constant_input(op, 1) && !bnf_constant_ints(op, NULL, 1, axes, &count))
        return false;
    if (!as_input)
        bnf_constant_ints(op, "axes", 0, axes, &count);
    if (!count && bnf_attr_int(op->proto, "noop_with_empty_axes", 0))
        return false;
    for (size_t i = 0; i < rank; i++)
        reduced[i] = count == 0;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = bnf_constant_axis(axes[i], rank);
        if (axis < 0 || reduced[axis])
            return false;
        reduced[axis] = true;
    }
    return true;
}

/* Adds every element to the result that it belongs to: step is the results' stride along an axis, 0 where it goes. */
static void reduce(const struct bnf_tensor *in, enum kind kind, const size_t *step, double *results)
{
    double x[BLOCK];
    int64_t at[BNF_CONSTANT_RANK] = {0};
    size_t to = 0;
    for (size_t first = 0; first < in->count; first += BLOCK) {
        size_t count = in->count - first < BLOCK ? in->count - first : BLOCK;
        bnf_to_double(in->dtype, in->data, first, count, x);
        for (size_t i = 0; i < count; i++) {
            results[to] = take(kind, results[to], x[i]);
            for (size_t axis = in->rank; axis-- > 0;) {
                to += step[axis];
                if (++at[axis] < in->dims[axis])
                    break;
                to -= step[axis] * (size_t)in->dims[axis];
                at[axis] = 0;
            }
        }
    }
}

int bnf_constant_reduce(const struct bnf_constant_op *op, struct bnf_tensor *out)
{
    const struct bnf_tensor *in = bnf_constant_input(op, 0);
    enum kind kind = kind_of(op->proto->op_type);
    bool reduced[BNF_CONSTANT_RANK];
    if (!in || in->rank > BNF_CONSTANT_RANK || in->count == 0 || !bnf_dtype_is_float(in->dtype) ||
        !read_axes(op, kind, in->rank, reduced))
        return BNF_NOT_CONSTANT;
    bool keep = bnf_attr_int(op->proto, "keepdims", 1) != 0;
    int64_t dims[BNF_CONSTANT_RANK];
    size_t rank = 0, step[BNF_CONSTANT_RANK], count = 1;
    for (size_t axis = in->rank; axis-- > 0;) {
        step[axis] = reduced[axis] ? 0 : count;
        count *= reduced[axis] ? 1 : (size_t)in->dims[axis];
    }
    for (size_t axis = 0; axis < in->rank; axis++)
        if (keep || !reduced[axis])
            dims[rank++] = reduced[axis] ? 1 : in->dims[axis];
    int status = bnf_constant_output(op, in->dtype, dims, rank, NULL, out);
    if (status)
        return status;
    double *results = bnf_alloc(count, sizeof *results);
    if (!results)
        return bnf_fail_memory(op->err);
    for (size_t i = 0; i < count; i++)
        results[i] = start_of(kind);
    reduce(in, kind, step, results);
    for (size_t i = 0; i < count; i++)
        results[i] = kind == L2     ? sqrt(results[i])
                     : kind == MEAN ? results[i] / (double)(in->count / count)
                                    : results[i];
    bnf_from_double(in->dtype, results, count, (uint8_t *)out->data, 0);
    bnf_free(results);
    return BNF_OK;
}
