#include "onnx/dtype.h"

#include "base/err.h"
#include "base/wide.h"

#include <float.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 binary32 and binary64");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensor data is little-endian; byte swapping is not built"
#endif

enum kind { FLOATING, UNSIGNED, SIGNED, TEXT, OPAQUE };

struct facts {
    const char *name;
    unsigned bits;
    enum kind kind;
};

static const struct facts table[] = {
#define BNF_DTYPE(name, number, bits, kind, text) [number] = {text, bits, kind},
#include "onnx/dtype.def"
#undef BNF_DTYPE
};

bool bnf_dtype_known(int dtype)
{
    return dtype > 0 && (size_t)dtype < sizeof table / sizeof table[0];
}

const char *bnf_dtype_name(int dtype)
{
    if (dtype == BNF_DTYPE_UNDEFINED)
        return "undefined";
    return bnf_dtype_known(dtype) ? table[dtype].name : "unknown type";
}

unsigned bnf_dtype_bits(int dtype)
{
    return bnf_dtype_known(dtype) ? table[dtype].bits : 0;
}

bool bnf_dtype_bytes(int dtype, size_t count, size_t *bytes)
{
    unsigned bits = bnf_dtype_bits(dtype);
    if (!bits || count > (SIZE_MAX - 7) / bits)
        return false;
    *bytes = (count * bits + 7) / 8;
    return true;
}

bool bnf_dtype_is_float(int dtype)
{
    return bnf_dtype_known(dtype) && table[dtype].kind == FLOATING;
}

bool bnf_dtype_is_integer(int dtype)
{
    bool small = dtype == BNF_DTYPE_INT4 || dtype == BNF_DTYPE_UINT4 || dtype == BNF_DTYPE_INT2 || dtype == BNF_DTYPE_UINT2;
    return small || (bnf_dtype_known(dtype) && (table[dtype].kind == SIGNED || table[dtype].kind == UNSIGNED));
}

bool bnf_dtype_is_number(int dtype)
{
    return bnf_dtype_is_float(dtype) || bnf_dtype_is_integer(dtype);
}

/* Significand bits (the hidden one included), and the exponents of the largest and the smallest subnormal value. */
struct format {
    int precision, max_exponent, tiny_exponent;
};

static struct format format_of(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_FLOAT16:
        return (struct format){11, 16, -24};
    case BNF_DTYPE_BFLOAT16:
        return (struct format){8, 128, -133};
    case BNF_DTYPE_FLOAT:
        return (struct format){24, 128, -149};
    case BNF_DTYPE_DOUBLE:
        return (struct format){53, 1024, -1074};
    }
    bnf_bug("a float type was expected");
}

double bnf_dtype_roundoff(int dtype)
{
    return ldexp(1.0, -format_of(dtype).precision);
}

double bnf_dtype_max(int dtype)
{
    struct format f = format_of(dtype);
    return ldexp(2.0 - ldexp(1.0, 1 - f.precision), f.max_exponent - 1);
}

double bnf_dtype_tiny(int dtype)
{
    return ldexp(1.0, format_of(dtype).tiny_exponent);
}

double bnf_dtype_roomy(int dtype)
{
    double most = bnf_dtype_max(dtype);
    return dtype == BNF_DTYPE_FLOAT16 ? most / 8 : sqrt(most);
}

enum { double_fraction = 52, double_bias = 1023 }; /* of IEEE 754's binary64 */

static double half_to_double(uint16_t half)
{
    uint64_t exponent = half >> 10 & 31, fraction = half & 1023;
    double value;
    if (exponent == 0) {
        value = (double)fraction * 0x1p-24;
    } else {
        uint64_t wide = exponent == 31 ? 2 * double_bias + 1 : exponent - 15 + double_bias;
        uint64_t bits = wide << double_fraction | fraction << (double_fraction - 10);
        memcpy(&value, &bits, sizeof value);
    }
    return half & 0x8000 ? -value : value;
}

/* Rounds a double to a 16-bit format with `precision` bits and the given exponent width, ties to even. */
static uint16_t narrow(double value, int precision, int exponent_bits)
{
    int fraction_bits = precision - 1, bias = (1 << (exponent_bits - 1)) - 1;
    uint64_t infinity = (uint64_t)((1 << exponent_bits) - 1) << fraction_bits, bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 63 << 15);
    if (isnan(value))
        return (uint16_t)(sign | infinity | 1u << (fraction_bits - 1));
    int exponent = (int)(bits >> double_fraction & 0x7ff) - double_bias, least = 1 - bias;
    uint64_t one = (uint64_t)1 << double_fraction, significand = (bits & (one - 1)) | one;
    int dropped = double_fraction - fraction_bits + (exponent < least ? least - exponent : 0);
    if (dropped > double_fraction + 1)
        return sign; /* less than half of the smallest subnormal, zero among them */
    uint64_t field = significand >> dropped, rest = significand & (((uint64_t)1 << dropped) - 1);
    uint64_t half = (uint64_t)1 << (dropped - 1);
    field += rest > half || (rest == half && (field & 1)); /* a carry into the next binade is as it should be */
    if (exponent > least) /* the leading one is the first step of the exponent's field */
        field += (uint64_t)(exponent - least) << fraction_bits;
    return (uint16_t)(sign | (field >= infinity ? infinity : field));
}

#define READ(type)                                                                                           \
    for (size_t i = 0; i < count; i++) {                                                                     \
        type value;                                                                                          \
        memcpy(&value, (const char *)data + (first + i) * sizeof value, sizeof value);                       \
        out[i] = (double)value;                                                                              \
    }                                                                                                        \
    return

BNF_WIDE
static void read_floats(const void *data, size_t first, size_t count, double *restrict out)
{
    READ(float);
}

/* Several elements share a byte, the first in its lowest bits. */
static void read_packed(
    unsigned bits, bool is_signed, const uint8_t *data, size_t first, size_t count, double *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (first + i) * bits;
        int number = data[at / 8] >> at % 8 & ((1 << bits) - 1);
        out[i] = is_signed && number >> (bits - 1) ? number - (1 << bits) : number;
    }
}

void bnf_to_double(int dtype, const void *data, size_t first, size_t count, double *restrict out)
{
    switch (dtype) {
    case BNF_DTYPE_INT2:
    case BNF_DTYPE_INT4:
    case BNF_DTYPE_UINT2:
    case BNF_DTYPE_UINT4:
        read_packed(
            bnf_dtype_bits(dtype), dtype == BNF_DTYPE_INT2 || dtype == BNF_DTYPE_INT4, data, first, count, out);
        return;
    case BNF_DTYPE_FLOAT:
        read_floats(data, first, count, out);
        return;
    case BNF_DTYPE_DOUBLE:
        READ(double);
    case BNF_DTYPE_INT8:
        READ(int8_t);
    case BNF_DTYPE_BOOL:
    case BNF_DTYPE_UINT8:
        READ(uint8_t);
    case BNF_DTYPE_INT16:
        READ(int16_t);
    case BNF_DTYPE_UINT16:
        READ(uint16_t);
    case BNF_DTYPE_INT32:
        READ(int32_t);
    case BNF_DTYPE_UINT32:
        READ(uint32_t);
    case BNF_DTYPE_INT64:
        READ(int64_t);
    case BNF_DTYPE_UINT64:
        READ(uint64_t);
    case BNF_DTYPE_FLOAT16:
    case BNF_DTYPE_BFLOAT16:
        for (size_t i = 0; i < count; i++) {
            uint16_t bits;
            memcpy(&bits, (const char *)data + (first + i) * 2, 2);
            uint32_t wide = (uint32_t)bits << 16;
            float value;
            memcpy(&value, &wide, 4);
            out[i] = dtype == BNF_DTYPE_FLOAT16 ? half_to_double(bits) : (double)value;
        }
        return;
    }
    bnf_bug("this element type has no value as a number");
}

void bnf_from_double(int dtype, const double *restrict values, size_t count, void *data, size_t first)
{
    switch (dtype) {
    case BNF_DTYPE_FLOAT:
        for (size_t i = 0; i < count; i++) {
            float value = (float)values[i];
            memcpy((char *)data + (first + i) * 4, &value, 4);
        }
        return;
    case BNF_DTYPE_DOUBLE:
        memcpy((char *)data + first * 8, values, count * 8);
        return;
    case BNF_DTYPE_FLOAT16:
    case BNF_DTYPE_BFLOAT16:
        for (size_t i = 0; i < count; i++) {
            uint16_t bits = dtype == BNF_DTYPE_FLOAT16 ? narrow(values[i], 11, 5) : narrow(values[i], 8, 8);
            memcpy((char *)data + (first + i) * 2, &bits, 2);
        }
        return;
    }
    bnf_bug("a float type was expected");
}

double bnf_round(int dtype, double value)
{
    unsigned char element[8];
    bnf_from_double(dtype, &value, 1, element, 0);
    bnf_to_double(dtype, element, 0, 1, &value);
    return value;
}
