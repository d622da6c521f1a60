/* Operators of the evaluator that work along axes against direct loops, for random ranks, extents and axes, counted from
 * either end, in both number types. Inputs are small integers: all but Softmax and the means are equal to the last bit.
 *
 * Environment: COUNT cases of each kind (1000) from SEED on (1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rig.h"

#include <math.h>
#include <string.h>

enum { most_rank = 5 };

static size_t draw_dims(struct rig *r, int64_t *dims)
{
    size_t rank = 1 + rng_below(&r->rng, most_rank);
    for (size_t i = 0; i < rank; i++)
        dims[i] = rng_range(&r->rng, 1, 5);
    return rank;
}

/* An axis, and the same as the operator is told it. */
static size_t draw_axis(struct rig *r, size_t rank, int64_t *told)
{
    size_t axis = rng_below(&r->rng, (unsigned)rank);
    *told = (int64_t)axis - (rng_percent(&r->rng, 50) ? (int64_t)rank : 0);
    return axis;
}

/* Where an element lies in an array of these extents. */
static size_t place(size_t rank, const int64_t *index, const int64_t *dims)
{
    size_t at = 0;
    for (size_t i = 0; i < rank; i++)
        at = at * (size_t)dims[i] + (size_t)index[i];
    return at;
}

/* ---- reductions */

static const char *const reductions[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceL1"};
enum { SUM, MEAN, LARGEST, SMALLEST, SQUARES, SIZES, reduction_count };

static double add_in(size_t kind, bool first, double so_far, double x)
{
    if (kind == LARGEST || kind == SMALLEST)
        return first || (kind == LARGEST ? x > so_far : x < so_far) ? x : so_far;
    return so_far + (kind == SQUARES ? x * x : kind == SIZES ? fabs(x) : x);
}

static void one_reduction(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], told[most_rank], yd[most_rank], kept[most_rank], index[most_rank] = {0};
    bool gone[most_rank];
    size_t rank = draw_dims(&r, dims), count = 0, kind = rng_below(&r.rng, reduction_count), yr = 0, over = 1;
    bool keep = rng_percent(&r.rng, 50), all = rng_percent(&r.rng, 15);
    for (size_t i = 0; i < rank; i++) {
        gone[i] = all || rng_percent(&r.rng, 40);
        kept[i] = gone[i] ? 1 : dims[i];
        over *= gone[i] ? (size_t)dims[i] : 1;
        if (gone[i])
            told[count++] = (int64_t)i - (rng_percent(&r.rng, 50) ? (int64_t)rank : 0);
        if (!gone[i] || keep)
            yd[yr++] = kept[i];
    }
    if (count == 0) { /* without axes it is all of them */
        rig_free(&r);
        return;
    }
    if (!all || rng_percent(&r.rng, 50))
        rig_ints(&r, "axes", count, told);
    rig_int(&r, "keepdims", keep);
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -8, 8);
    assert_int_equal(rig_run(&r, reductions[kind], 11, 1), BNF_OK);
    rig_assert_dims(r.out[0], yr, yd);
    do { /* over the results */
        int64_t inner[most_rank] = {0}, extent[most_rank], at[most_rank];
        double value = 0;
        bool first = true;
        for (size_t i = 0; i < rank; i++)
            extent[i] = gone[i] ? dims[i] : 1;
        do {
            for (size_t i = 0; i < rank; i++)
                at[i] = index[i] + inner[i];
            value = add_in(kind, first, value, rig_get(x, place(rank, at, dims)));
            first = false;
        } while (indices_next(rank, inner, extent));
        double found = rig_get(r.out[0], place(rank, index, kept));
        if (kind == MEAN)
            rig_assert_near(found, value / (double)over, &r);
        else
            assert_true(found == value);
    } while (indices_next(rank, index, kept));
    rig_free(&r);
}

/* ---- along one axis */

static void one_softmax(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], told, index[most_rank] = {0}, at[most_rank];
    size_t rank = draw_dims(&r, dims), axis = draw_axis(&r, rank, &told);
    rig_int(&r, "axis", told);
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -3, 3);
    assert_int_equal(rig_run(&r, "Softmax", 13, 1), BNF_OK);
    rig_assert_dims(r.out[0], rank, dims);
    do {
        double sum = 0;
        memcpy(at, index, sizeof at);
        for (at[axis] = 0; at[axis] < dims[axis]; at[axis]++)
            sum += exp(rig_get(x, place(rank, at, dims)));
        size_t here = place(rank, index, dims);
        rig_assert_near(rig_get(r.out[0], here), exp(rig_get(x, here)) / sum, &r);
    } while (indices_next(rank, index, dims));
    rig_free(&r);
}

static void one_cumsum(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], told, index[most_rank] = {0}, at[most_rank];
    size_t rank = draw_dims(&r, dims), axis = draw_axis(&r, rank, &told);
    bool exclusive = rng_percent(&r.rng, 40), reverse = rng_percent(&r.rng, 40);
    rig_int(&r, "exclusive", exclusive);
    rig_int(&r, "reverse", reverse);
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -8, 8);
    rig_put(rig_input(&r, BNF_DTYPE_INT64, 0, NULL, 0, 0), 0, (double)told);
    assert_int_equal(rig_run(&r, "CumSum", 14, 1), BNF_OK);
    rig_assert_dims(r.out[0], rank, dims);
    do {
        double sum = 0;
        memcpy(at, index, sizeof at);
        for (at[axis] = 0; at[axis] < dims[axis]; at[axis]++) {
            int64_t before = reverse ? at[axis] - index[axis] : index[axis] - at[axis]; /* ≥ 0: it counts */
            sum += before > 0 || (before == 0 && !exclusive) ? rig_get(x, place(rank, at, dims)) : 0;
        }
        assert_true(rig_get(r.out[0], place(rank, index, dims)) == sum);
    } while (indices_next(rank, index, dims));
    rig_free(&r);
}

static void one_concat(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], yd[most_rank], told, index[most_rank] = {0}, extent[3];
    const struct bnf_array *x[3];
    size_t rank = draw_dims(&r, dims), axis = draw_axis(&r, rank, &told), parts = 1 + rng_below(&r.rng, 3);
    rig_int(&r, "axis", told);
    memcpy(yd, dims, sizeof yd);
    yd[axis] = 0;
    for (size_t i = 0; i < parts; i++) {
        yd[axis] += dims[axis] = extent[i] = rng_range(&r.rng, 1, 4);
        x[i] = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -50, 50);
    }
    assert_int_equal(rig_run(&r, "Concat", 13, 1), BNF_OK);
    rig_assert_dims(r.out[0], rank, yd);
    do {
        int64_t at[most_rank];
        size_t part = 0;
        memcpy(at, index, sizeof at);
        while (at[axis] >= extent[part])
            at[axis] -= extent[part++];
        dims[axis] = extent[part];
        assert_true(rig_get(r.out[0], place(rank, index, yd)) == rig_get(x[part], place(rank, at, dims)));
    } while (indices_next(rank, index, yd));
    rig_free(&r);
}

static void one_transpose(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], perm[most_rank], yd[most_rank], index[most_rank] = {0}, at[most_rank];
    size_t rank = draw_dims(&r, dims);
    for (size_t i = 0; i < rank; i++) {
        size_t other = rng_below(&r.rng, (unsigned)i + 1);
        perm[i] = perm[other];
        perm[other] = (int64_t)i;
    }
    rig_ints(&r, "perm", rank, perm);
    for (size_t i = 0; i < rank; i++)
        yd[i] = dims[perm[i]];
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -50, 50);
    assert_int_equal(rig_run(&r, "Transpose", 13, 1), BNF_OK);
    rig_assert_dims(r.out[0], rank, yd);
    do {
        for (size_t i = 0; i < rank; i++)
            at[perm[i]] = index[i];
        assert_true(rig_get(r.out[0], place(rank, index, yd)) == rig_get(x, place(rank, at, dims)));
    } while (indices_next(rank, index, yd));
    rig_free(&r);
}

static void one_gather(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    int64_t dims[most_rank], told, id[2], yd[most_rank + 1], index[most_rank + 1] = {0}, at[most_rank];
    size_t rank = draw_dims(&r, dims), axis = draw_axis(&r, rank, &told), indices = rng_below(&r.rng, 3), yr = 0;
    rig_int(&r, "axis", told);
    for (size_t i = 0; i < indices; i++)
        id[i] = rng_range(&r.rng, 1, 4);
    for (size_t i = 0; i < rank; i++) {
        if (i != axis)
            yd[yr++] = dims[i];
        for (size_t k = 0; i == axis && k < indices; k++)
            yd[yr++] = id[k];
    }
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -50, 50);
    const struct bnf_array *from =
        rig_input(&r, BNF_DTYPE_INT64, indices, id, -(int)dims[axis], (int)dims[axis] - 1);
    assert_int_equal(rig_run(&r, "Gather", 13, 1), BNF_OK);
    rig_assert_dims(r.out[0], yr, yd);
    do {
        double which = rig_get(from, place(indices, index + axis, id));
        for (size_t i = 0; i < rank; i++)
            at[i] = i < axis ? index[i] : i > axis ? index[i + indices - 1] : (int64_t)which + (which < 0 ? dims[axis] : 0);
        assert_true(rig_get(r.out[0], place(yr, index, yd)) == rig_get(x, place(rank, at, dims)));
    } while (indices_next(yr, index, yd));
    rig_free(&r);
}

#define TEST(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        rig_repeat(one_##name, 1); \
    }
TEST(reduction)
TEST(softmax)
TEST(cumsum)
TEST(concat)
TEST(transpose)
TEST(gather)

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reduction), cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_cumsum), cmocka_unit_test(test_concat), cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_gather)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
