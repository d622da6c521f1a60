/* Element types: the list against the wire schema, and conversions at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "onnx/dtype.h"

#include "onnx.pb-c.h"

/* Every type of the wire schema is in the list, under its own name in small letters. */
static void test_list(void **state)
{
    (void)state;
    const ProtobufCEnumDescriptor *types = &onnx__tensor_proto__data_type__descriptor;
    for (unsigned i = 0; i < types->n_values; i++) {
        int number = types->values[i].value;
        char name[32];
        size_t length = strlen(types->values[i].name);
        for (size_t k = 0; k <= length; k++)
            name[k] = (char)(types->values[i].name[k] | (types->values[i].name[k] >= 'A' ? 0x20 : 0));
        assert_string_equal(bnf_dtype_name(number), name);
        assert_int_equal(bnf_dtype_known(number), number != 0);
    }
    static const int strange[] = {-1, 27, 1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        assert_false(bnf_dtype_known(strange[i]));
        assert_string_equal(bnf_dtype_name(strange[i]), "unknown type");
        assert_int_equal(bnf_dtype_bits(strange[i]), 0);
        assert_false(bnf_dtype_is_float(strange[i]));
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        size_t count;
        bool fits;
        size_t bytes;
    } cases[] = {
        {BNF_DTYPE_FLOAT, 0, true, 0},
        {BNF_DTYPE_FLOAT, 3, true, 12},
        {BNF_DTYPE_BOOL, 3, true, 3},
        {BNF_DTYPE_BFLOAT16, 3, true, 6},
        {BNF_DTYPE_COMPLEX128, 3, true, 48},
        {BNF_DTYPE_INT4, 3, true, 2},
        {BNF_DTYPE_UINT4, 4, true, 2},
        {BNF_DTYPE_INT2, 5, true, 2},
        {BNF_DTYPE_STRING, 3, false, 0},
        {BNF_DTYPE_UNDEFINED, 3, false, 0},
        {BNF_DTYPE_FLOAT, SIZE_MAX / 4, false, 0},
        {BNF_DTYPE_DOUBLE, SIZE_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t bytes = 0;
        assert_int_equal(bnf_dtype_bytes(cases[i].dtype, cases[i].count, &bytes), cases[i].fits);
        assert_int_equal(bytes, cases[i].bytes);
    }
}

/* All values of the 16-bit types come back as they were. */
static void test_every_half(void **state)
{
    (void)state;
    static const int dtypes[] = {BNF_DTYPE_FLOAT16, BNF_DTYPE_BFLOAT16};
    for (size_t t = 0; t < 2; t++)
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            uint16_t in = (uint16_t)bits, out = 0;
            double value;
            bnf_to_double(dtypes[t], &in, 0, 1, &value);
            bnf_from_double(dtypes[t], &value, 1, &out, 0);
            if (isnan(value))
                bnf_to_double(dtypes[t], &out, 0, 1, &value);
            if (isnan(value) ? false : in != out)
                fail_msg("%s %#x comes back as %#x", bnf_dtype_name(dtypes[t]), in, out);
        }
    uint16_t quiet = 0x7e01, infinite = 0xfc00;
    double value;
    bnf_to_double(BNF_DTYPE_FLOAT16, &quiet, 0, 1, &value);
    assert_true(isnan(value));
    bnf_to_double(BNF_DTYPE_FLOAT16, &infinite, 0, 1, &value);
    assert_true(isinf(value) && value < 0);
    value = NAN;
    assert_true(isnan(bnf_round(BNF_DTYPE_FLOAT16, value)) && isnan(bnf_round(BNF_DTYPE_BFLOAT16, value)));
}

static void test_round(void **state)
{
    (void)state;
    const struct {
        int dtype;
        double value, rounded;
    } cases[] = {
        {BNF_DTYPE_FLOAT16, 2049, 2048},         /* a tie goes to the even neighbour, down */
        {BNF_DTYPE_FLOAT16, 2051, 2052},         /* and up */
        {BNF_DTYPE_FLOAT16, 2049.0000001, 2050}, /* just above a tie: rounded once, from double */
        {BNF_DTYPE_FLOAT16, 65504, 65504},       /* the largest */
        {BNF_DTYPE_FLOAT16, 65519.99, 65504},    /* below the half way to the next power of two */
        {BNF_DTYPE_FLOAT16, 65520, (double)INFINITY},
        {BNF_DTYPE_FLOAT16, -1e300, -(double)INFINITY},
        {BNF_DTYPE_FLOAT16, 0x1p-24, 0x1p-24}, /* the smallest */
        {BNF_DTYPE_FLOAT16, 0x1p-25, 0},       /* a tie with zero */
        {BNF_DTYPE_FLOAT16, 0x1.0001p-25, 0x1p-24},
        {BNF_DTYPE_FLOAT16, 0x1.ff8p-15, 0x1.ff8p-15}, /* the largest subnormal */
        {BNF_DTYPE_FLOAT16, 0x1.ffcp-15, 0x1p-14},     /* a tie, with a carry out of the subnormal range */
        {BNF_DTYPE_FLOAT16, 1e-300, 0},
        {BNF_DTYPE_BFLOAT16, 257, 256},
        {BNF_DTYPE_BFLOAT16, 259, 260},
        {BNF_DTYPE_BFLOAT16, 0x1p-133, 0x1p-133},
        {BNF_DTYPE_BFLOAT16, 0x1p-134, 0},
        {BNF_DTYPE_BFLOAT16, 3.4e38, (double)INFINITY},
        {BNF_DTYPE_FLOAT, 16777217, 16777216},
        {BNF_DTYPE_FLOAT, 1e300, (double)INFINITY},
        {BNF_DTYPE_FLOAT, 0x1p-149, 0x1p-149},
        {BNF_DTYPE_FLOAT, 0x1p-150, 0},
        {BNF_DTYPE_DOUBLE, 0.1, 0.1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double rounded = bnf_round(cases[i].dtype, cases[i].value);
        if (rounded != cases[i].rounded)
            fail_msg("%s %a is rounded to %a instead of %a", bnf_dtype_name(cases[i].dtype), cases[i].value,
                rounded, cases[i].rounded);
        if (bnf_round(cases[i].dtype, -cases[i].value) != -cases[i].rounded)
            fail_msg(
                "%s -%a is not rounded like its opposite", bnf_dtype_name(cases[i].dtype), cases[i].value);
    }
    assert_true(
        signbit(bnf_round(BNF_DTYPE_FLOAT16, -0.0)) && signbit(bnf_round(BNF_DTYPE_BFLOAT16, -1e-300)));
}

static void test_limits(void **state)
{
    (void)state;
    static const int dtypes[] = {BNF_DTYPE_FLOAT16, BNF_DTYPE_BFLOAT16, BNF_DTYPE_FLOAT, BNF_DTYPE_DOUBLE};
    for (size_t i = 0; i < 4; i++) {
        double max = bnf_dtype_max(dtypes[i]), tiny = bnf_dtype_tiny(dtypes[i]),
               u = bnf_dtype_roundoff(dtypes[i]);
        assert_true(bnf_dtype_is_float(dtypes[i]));
        assert_true(bnf_round(dtypes[i], max) == max && bnf_round(dtypes[i], tiny) == tiny);
        assert_true(isinf(bnf_round(dtypes[i], max * (1 + u))) || dtypes[i] == BNF_DTYPE_DOUBLE);
        assert_true(bnf_round(dtypes[i], tiny / 2) == 0);
        assert_true(bnf_round(dtypes[i], 1 + u) == 1 && bnf_round(dtypes[i], 1 + 2 * u) == 1 + 2 * u);
    }
    assert_true(bnf_dtype_max(BNF_DTYPE_FLOAT16) == 65504 &&
                bnf_dtype_max(BNF_DTYPE_FLOAT) == (double)FLT_MAX &&
                bnf_dtype_max(BNF_DTYPE_DOUBLE) == DBL_MAX);
    for (size_t i = 1; i < 4; i++) {
        double max = bnf_dtype_max(dtypes[i]), roomy = bnf_dtype_roomy(dtypes[i]);
        assert_true(roomy <= max / roomy && 4 * roomy > max / (4 * roomy));
    }
    assert_true(bnf_dtype_roomy(BNF_DTYPE_FLOAT16) == 8188);
    assert_false(bnf_dtype_is_float(BNF_DTYPE_INT32) || bnf_dtype_is_float(BNF_DTYPE_COMPLEX64));
}

/* Numbers are read from any address, two elements behind the start. */
static void test_read(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        uint8_t bytes[8];
        double value;
    } cases[] = {
        {BNF_DTYPE_FLOAT, {0, 0, 0xc0, 0x3f}, 1.5},
        {BNF_DTYPE_DOUBLE, {0, 0, 0, 0, 0, 0, 0xf8, 0xbf}, -1.5},
        {BNF_DTYPE_FLOAT16, {0, 0x3e}, 1.5},
        {BNF_DTYPE_BFLOAT16, {0xc0, 0xbf}, -1.5},
        {BNF_DTYPE_INT8, {0xff}, -1},
        {BNF_DTYPE_UINT8, {0xff}, 255},
        {BNF_DTYPE_BOOL, {1}, 1},
        {BNF_DTYPE_INT16, {0xfe, 0xff}, -2},
        {BNF_DTYPE_UINT16, {0xfe, 0xff}, 65534},
        {BNF_DTYPE_INT32, {0, 0, 0, 0x80}, -2147483648.0},
        {BNF_DTYPE_UINT32, {0, 0, 0, 0x80}, 2147483648.0},
        {BNF_DTYPE_INT64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
        {BNF_DTYPE_UINT64, {0, 0, 0, 0, 0, 0, 0, 0x80}, 0x1p63},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t buffer[32] = {0};
        size_t width = bnf_dtype_bits(cases[i].dtype) / 8;
        memcpy(buffer + 1 + 2 * width, cases[i].bytes, width);
        double value[1] = {77};
        bnf_to_double(cases[i].dtype, buffer + 1, 2, 1, value);
        if (value[0] != cases[i].value)
            fail_msg("%s: %g instead of %g", bnf_dtype_name(cases[i].dtype), value[0], cases[i].value);
    }
}

/* The first element lies in the lowest bits of a byte. */
static void test_read_packed(void **state)
{
    (void)state;
    static const struct {
        int dtype;
        double values[6]; /* from the second element on */
    } cases[] = {
        {BNF_DTYPE_INT4, {-8, 7, -1, 0, 5, -2}},
        {BNF_DTYPE_UINT4, {8, 7, 15, 0, 5, 14}},
        {BNF_DTYPE_INT2, {1, 0, -2, -1, 1, -1}},
        {BNF_DTYPE_UINT2, {1, 0, 2, 3, 1, 3}},
    };
    static const uint8_t fours[] = {0x81, 0xf7, 0x50, 0xfe}, twos[] = {0x86, 0xf7};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double values[6];
        bnf_to_double(cases[i].dtype, i < 2 ? fours : twos, 1, 6, values);
        for (size_t k = 0; k < 6; k++)
            if (values[k] != cases[i].values[k])
                fail_msg("%s: element %zu is %g", bnf_dtype_name(cases[i].dtype), k, values[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
