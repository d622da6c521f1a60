/* Pools of the evaluator against direct loops, for random extents and attributes, in both
 * number types. Inputs are small integers, so sums are exact in float, too, and most results must be equal to
 * the last bit.
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

/* Counts with ceil_mode: one more window where something is left over, unless it begins behind the input. */
static void draw_pool(struct rig *r, struct geometry *g, int64_t *xd, int64_t *yd, bool dilated)
{
    geometry_draw(r, g, 7, 3, dilated, true);
    rig_int(r, "ceil_mode", g->ceil);
    for (size_t i = 0; i < g->spatial && g->ceil; i++) {
        int64_t room = g->in[i] + g->begin[i] + g->end[i] - ((g->kernel[i] - 1) * g->dilation[i] + 1);
        if (room % g->stride[i] && g->out[i] * g->stride[i] < g->in[i] + g->begin[i])
            g->out[i]++;
    }
    xd[0] = yd[0] = rng_range(&r->rng, 1, 2);
    xd[1] = yd[1] = rng_range(&r->rng, 1, 4);
    memcpy(xd + 2, g->in, sizeof g->in);
    memcpy(yd + 2, g->out, sizeof g->out);
}

static void one_average_pool(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t xd[5], yd[5], o[5] = {0};
    rig_init(&r, seed, precision);
    bool norm = rng_percent(&r.rng, 30), padded = rng_percent(&r.rng, 50);
    int64_t p = rng_range(&r.rng, 1, 3);
    draw_pool(&r, &g, xd, yd, true);
    if (norm)
        rig_int(&r, "p", p);
    else
        rig_int(&r, "count_include_pad", padded);
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, 2 + g.spatial, xd, -8, 8);
    assert_int_equal(rig_run(&r, norm ? "LpPool" : "AveragePool", 19, 1), BNF_OK);
    rig_assert_dims(r.out[0], 2 + g.spatial, yd);
    size_t at = 0;
    do {
        int64_t k[3] = {0}, plane = (o[0] * xd[1] + o[1]) * geometry_volume(g.in);
        double sum = 0, count = 0;
        do {
            int64_t place = geometry_under(&g, o + 2, k);
            double value = place < 0 ? 0 : rig_get(x, (size_t)(plane + place));
            sum += norm ? pow(fabs(value), (double)p) : value;
            bool counts = true; /* a window that ceil_mode adds may reach beyond the padding */
            for (size_t i = 0; i < 3; i++)
                counts =
                    counts && o[2 + i] * g.stride[i] + k[i] * g.dilation[i] < g.begin[i] + g.in[i] + g.end[i];
            count += padded ? counts : place >= 0;
        } while (indices_next(3, k, g.kernel));
        rig_assert_near(rig_get(r.out[0], at++), norm ? pow(sum, 1 / (double)p) : sum / count, &r);
    } while (indices_next(5, o, yd));
    rig_free(&r);
}

static void one_max_pool(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    struct geometry g;
    int64_t xd[5], yd[5], o[5] = {0};
    rig_init(&r, seed, precision);
    draw_pool(&r, &g, xd, yd, true);
    bool places = rng_percent(&r.rng, 50), columns = rng_percent(&r.rng, 30);
    rig_int(&r, "storage_order", columns);
    int dtype = rng_percent(&r.rng, 20) ? BNF_DTYPE_INT8 : BNF_DTYPE_FLOAT;
    struct bnf_array *x = rig_input(&r, dtype, 2 + g.spatial, xd, -100, 100);
    if (dtype == BNF_DTYPE_FLOAT && rng_percent(&r.rng, 20))
        rig_put(x, rng_below(&r.rng, (unsigned)x->count), NAN);
    assert_int_equal(rig_run(&r, "MaxPool", 12, places ? 2 : 1), BNF_OK);
    rig_assert_dims(r.out[0], 2 + g.spatial, yd);
    if (places)
        rig_assert_dims(r.out[1], 2 + g.spatial, yd);
    size_t at = 0;
    do {
        int64_t k[3] = {0}, plane = (o[0] * xd[1] + o[1]) * geometry_volume(g.in), where = -1;
        double best = -INFINITY;
        do {
            int64_t place = geometry_under(&g, o + 2, k);
            double value = place < 0 ? -INFINITY : rig_get(x, (size_t)(plane + place));
            if (place >= 0 && (where < 0 || value > best || (isnan(value) && !isnan(best)))) {
                best = value;
                where = place;
            }
        } while (indices_next(3, k, g.kernel));
        double found = rig_get(r.out[0], at);
        assert_true(found == best || (isnan(found) && isnan(best)));
        int64_t d = where / g.in[2] / g.in[1], h = where / g.in[2] % g.in[1], w = where % g.in[2];
        /* column-major: the first axis in use runs fastest */
        int64_t turned = g.spatial == 3   ? (w * g.in[1] + h) * g.in[0] + d
                         : g.spatial == 2 ? h * g.in[0] + d
                                          : d;
        if (places && where >= 0)
            assert_int_equal(((int64_t *)r.out[1]->data)[at], plane + (columns ? turned : where));
        at++;
    } while (indices_next(5, o, yd));
    rig_free(&r);
}

static void one_global_pool(uint64_t seed, enum bnf_precision precision)
{
    static const char *const types[] = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"};
    struct rig r;
    rig_init(&r, seed, precision);
    unsigned which = rng_below(&r.rng, 3);
    size_t rank = 2 + rng_below(&r.rng, 4);
    int64_t dims[5], inner = 1;
    for (size_t i = 0; i < rank; i++) {
        dims[i] = rng_range(&r.rng, 1, i == 2 ? 60 : 7);
        inner *= i < 2 ? 1 : dims[i];
    }
    const struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, rank, dims, -8, 8);
    assert_int_equal(rig_run(&r, types[which], 2, 1), BNF_OK);
    for (size_t c = 0; c < (size_t)(dims[0] * dims[1]); c++) {
        double sum = 0, squares = 0, best = -INFINITY;
        for (size_t i = c * (size_t)inner; i < (c + 1) * (size_t)inner; i++) {
            sum += rig_get(x, i);
            squares += rig_get(x, i) * rig_get(x, i);
            best = rig_get(x, i) > best ? rig_get(x, i) : best;
        }
        const double expected[3] = {sum / (double)inner, best, sqrt(squares)};
        rig_assert_near(rig_get(r.out[0], c), expected[which], &r);
    }
    for (size_t i = 2; i < rank; i++)
        dims[i] = 1;
    rig_assert_dims(r.out[0], rank, dims);
    rig_free(&r);
}

/* MaxPool's largest elements go back to where they were, and the rest is 0. Windows do not overlap. */
static void one_max_unpool(uint64_t seed, enum bnf_precision precision)
{
    struct rig r;
    rig_init(&r, seed, precision);
    size_t spatial = 1 + rng_below(&r.rng, 3);
    int64_t kernel[3], xd[5] = {rng_range(&r.rng, 1, 2), rng_range(&r.rng, 1, 3)};
    for (size_t i = 0; i < spatial; i++) {
        kernel[i] = rng_range(&r.rng, 1, 3);
        xd[2 + i] = kernel[i] * rng_range(&r.rng, 1, 4);
    }
    rig_ints(&r, "kernel_shape", spatial, kernel);
    rig_ints(&r, "strides", spatial, kernel);
    struct bnf_array *x = rig_input(&r, BNF_DTYPE_FLOAT, 2 + spatial, xd, 1, 100);
    assert_int_equal(rig_run(&r, "MaxPool", 12, 2), BNF_OK);
    struct bnf_array *largest = r.in[0] = r.out[0], *places = r.in[1] = r.out[1];
    r.input_count = 2;
    r.out[0] = r.out[1] = NULL;
    assert_int_equal(rig_run(&r, "MaxUnpool", 11, 1), BNF_OK);
    rig_assert_dims(r.out[0], 2 + spatial, xd);
    size_t kept = 0;
    for (size_t i = 0; i < x->count; i++) {
        double back = rig_get(r.out[0], i);
        assert_true(back == 0 || back == rig_get(x, i));
        kept += back != 0;
    }
    assert_int_equal(kept, largest->count);
    for (size_t i = 0; i < largest->count; i++)
        assert_true(rig_get(r.out[0], (size_t)((const int64_t *)places->data)[i]) == rig_get(largest, i));
    bnf_array_drop(&r.budget, x);
    rig_free(&r);
}

#define PROPERTY(name, part)              \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        rig_repeat(one_##name, part);     \
    }

PROPERTY(average_pool, 1)
PROPERTY(max_pool, 1)
PROPERTY(global_pool, 2)
PROPERTY(max_unpool, 2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_pool),
        cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_global_pool),
        cmocka_unit_test(test_max_unpool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
