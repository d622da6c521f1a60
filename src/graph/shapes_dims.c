/* Arithmetic on extents and on elements of vectors. */
#include "graph/shapes_internal.h"

#include <math.h>

/* Beyond this a double does not hold every integer. */
#define EXACT 9007199254740992.0

int bnf_shape_axis(int64_t axis, int rank)
{
    if (axis < -rank || axis >= rank)
        return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

bool bnf_element_int(struct bnf_element element, int64_t *out)
{
    if (element.symbol != 0 || isnan(element.number))
        return false;
    if (element.number >= 9223372036854775807.0)
        *out = INT64_MAX;
    else if (element.number <= -9223372036854775808.0)
        *out = INT64_MIN;
    else
        *out = (int64_t)element.number;
    return true;
}

bool bnf_element_is(struct bnf_element element, double number)
{
    return element.symbol == 0 && element.number == number;
}

struct bnf_element bnf_element_number(double number)
{
    if (!(fabs(number) < EXACT))
        return (struct bnf_element){BNF_DIM_UNKNOWN, 0};
    return (struct bnf_element){0, number};
}

struct bnf_element bnf_element_dim(int64_t dim)
{
    return dim >= 0 ? bnf_element_number((double)dim) : (struct bnf_element){dim, 0};
}

int64_t bnf_element_extent(struct bnf_element element)
{
    if (element.symbol != 0)
        return element.symbol;
    bool fits = element.number >= 0 && element.number < EXACT && element.number == floor(element.number);
    return fits ? (int64_t)element.number : BNF_DIM_UNKNOWN;
}

int64_t bnf_dim_refine(int64_t a, int64_t b)
{
    if (a >= 0 || b >= 0)
        return a >= 0 ? a : b;
    return a != BNF_DIM_UNKNOWN ? a : b;
}

int64_t bnf_dim_join(int64_t a, int64_t b)
{
    return a == b ? a : BNF_DIM_UNKNOWN;
}

int64_t bnf_dim_broadcast(int64_t a, int64_t b)
{
    if (a == b || b == 1)
        return a;
    if (a == 1)
        return b;
    if (a >= 0 && b >= 0)
        return BNF_DIM_UNKNOWN;                       /* contradictory */
    return a >= 0 ? a : b >= 0 ? b : BNF_DIM_UNKNOWN; /* the other one is 1 or equal */
}

int64_t bnf_dim_times(int64_t a, int64_t b)
{
    int64_t product;
    if (a == 0 || b == 0)
        return 0;
    if (a == 1 || b == 1)
        return a == 1 ? b : a;
    if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product))
        return BNF_DIM_UNKNOWN;
    return product;
}

int64_t bnf_dim_plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == 0 || b == 0)
        return a == 0 ? b : a;
    if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum))
        return BNF_DIM_UNKNOWN;
    return sum;
}

int64_t bnf_dim_divided(int64_t a, int64_t b)
{
    if (b == 1)
        return a;
    return a >= 0 && b > 0 && a % b == 0 ? a / b : BNF_DIM_UNKNOWN;
}

int64_t bnf_dim_product(const int64_t *dims, int count)
{
    int64_t product = 1;
    bool unknown = false;
    for (int i = 0; i < count; i++) {
        product = bnf_dim_times(product, dims[i]);
        unknown = unknown || product == BNF_DIM_UNKNOWN; /* a later zero does not undo an overflow */
        if (unknown)
            return BNF_DIM_UNKNOWN;
    }
    return product;
}

void bnf_dims_broadcast(struct bnf_dims *a, const struct bnf_dims *b)
{
    if (a->rank < 0 || b->rank < 0) {
        a->rank = -1;
        return;
    }
    struct bnf_dims out = {.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < out.rank; i++) {
        int from_a = i - (out.rank - a->rank), from_b = i - (out.rank - b->rank);
        out.dims[i] = bnf_dim_broadcast(from_a < 0 ? 1 : a->dims[from_a], from_b < 0 ? 1 : b->dims[from_b]);
    }
    *a = out;
}
