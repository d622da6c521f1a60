/* Cast and CastLike: between numbers, bool and strings. */
#include "eval/eval.h"
#include "eval/loops.h"
#include "eval/real/real.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Is it a type whose elements this evaluator holds as numbers or strings? Not so the small floats and
 * integers. */
static bool is_held(int dtype)
{
    return bnf_dtype_is_float(dtype) || dtype == BNF_DTYPE_STRING || dtype == BNF_DTYPE_BOOL ||
           (dtype >= BNF_DTYPE_UINT8 && dtype <= BNF_DTYPE_INT64) || dtype == BNF_DTYPE_UINT32 ||
           dtype == BNF_DTYPE_UINT64;
}

/* A real number as an integer type holds it: the fraction is dropped, then what does not fit, high bits
 * first. NaN becomes 0. */
static int64_t to_integer(int dtype, double number)
{
    if (dtype == BNF_DTYPE_BOOL)
        return number != 0;
    if (number != number)
        return 0;
    if (dtype == BNF_DTYPE_UINT64 && number >= 0x1p63)
        return number < 0x1p64 ? (int64_t)(uint64_t)number : -1;
    if (fabs(number) >= 0x1p63)
        return bnf_int_wrap(dtype, number > 0 ? INT64_MAX : INT64_MIN);
    return bnf_int_wrap(dtype, (int64_t)number);
}

/* Text as a number: decimal, or inf and nan in any case. */
static bool read_text(const char *text, int dtype, double *number, int64_t *integer)
{
    char *end;
    errno = 0;
    if (bnf_dtype_is_float(dtype)) {
        *number = strtod(text, &end);
    } else if (dtype == BNF_DTYPE_UINT64) {
        *integer = (int64_t)strtoull(text, &end, 10);
    } else {
        *integer = strtoll(text, &end, 10);
    }
    if (end != text && *end && !bnf_dtype_is_float(dtype)) {
        *number = strtod(text, &end);
        *integer = to_integer(dtype, *number);
    }
    return end != text && !*end;
}

/* The shortest decimal that reads back as the same number of its type. */
static char *write_real(struct bnf_arena *arena, int dtype, double number)
{
    if (number != number)
        return bnf_arena_copy(arena, "NaN", 3);
    if (isinf(number))
        return number > 0 ? bnf_arena_copy(arena, "INF", 3) : bnf_arena_copy(arena, "-INF", 4);
    char *text = NULL;
    double meant = bnf_round(dtype, number);
    for (int digits = 1; digits <= 17; digits++) {
        text = bnf_arena_format(arena, "%.*g", digits, meant);
        if (!text || bnf_round(dtype, strtod(text, NULL)) == meant)
            break;
    }
    return text;
}

static int write_texts(struct bnf_call *call, const struct bnf_array *x)
{
    struct bnf_arena *arena = &call->eval->arena;
    const char **y = bnf_call_output(call, 0, BNF_DTYPE_STRING, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++) {
        if (x->kind == BNF_KIND_REAL)
            y[i] = write_real(arena, x->dtype, bnf_array_at(x, i));
        else if (x->dtype == BNF_DTYPE_UINT64)
            y[i] = bnf_arena_format(arena, "%llu", ((const unsigned long long *)x->data)[i]);
        else
            y[i] = bnf_arena_format(arena, "%lld", ((const long long *)x->data)[i]);
        if (!y[i])
            return bnf_fail_memory(call->err);
    }
    return BNF_OK;
}

static int read_texts(struct bnf_call *call, const struct bnf_array *x, int dtype)
{
    void *y = bnf_call_output(call, 0, dtype, x->rank, x->dims);
    const char *const *texts = x->data;
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < x->count; i++) {
        double number = 0;
        int64_t integer = 0;
        if (!read_text(texts[i], dtype, &number, &integer))
            return bnf_call_wrong(call, "'%.60s' is no number", texts[i]);
        if (bnf_dtype_is_float(dtype))
            ((real *)y)[i] = (real)number;
        else
            ((int64_t *)y)[i] = bnf_int_wrap(dtype, integer);
    }
    return BNF_OK;
}

/* Between numbers of different kinds. */
static int convert(struct bnf_call *call, const struct bnf_array *x, int dtype)
{
    void *y = bnf_call_output(call, 0, dtype, x->rank, x->dims);
    if (!y)
        return BNF_ENOMEM;
    if (!bnf_dtype_is_float(dtype)) {
        int64_t *integers = y;
        for (size_t i = 0; i < x->count; i++)
            integers[i] = x->kind == BNF_KIND_REAL ? to_integer(dtype, bnf_array_at(x, i))
                                                   : bnf_int_wrap(dtype, ((const int64_t *)x->data)[i]);
        return BNF_OK;
    }
    real *reals = y;
    if (x->kind == BNF_KIND_REAL)
        memcpy(reals, x->data, x->count * sizeof *reals);
    else
        for (size_t i = 0; i < x->count; i++)
            reals[i] = x->dtype == BNF_DTYPE_UINT64 ? (real)((const uint64_t *)x->data)[i]
                                                    : (real)((const int64_t *)x->data)[i];
    return BNF_OK;
}

static int cast(struct bnf_call *call, int dtype)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    if (!x || x->kind == BNF_KIND_SEQUENCE || x->kind == BNF_KIND_NOTHING)
        return bnf_call_wrong(call, "it has no tensor to cast");
    if (!bnf_dtype_known(dtype))
        return bnf_call_wrong(call, "there is no element type %d", dtype);
    if (!is_held(dtype) || !is_held(x->dtype))
        return bnf_call_cannot(
            call, "casting from %s to %s is not supported", bnf_dtype_name(x->dtype), bnf_dtype_name(dtype));
    /* Between float and double nothing changes: an arm computes in its own type throughout. */
    if (dtype == x->dtype ||
        (x->kind == BNF_KIND_REAL && (dtype == BNF_DTYPE_FLOAT || dtype == BNF_DTYPE_DOUBLE))) {
        call->out[0] = bnf_array_view(call->budget, x, dtype, x->rank, x->dims);
        return call->out[0] ? BNF_OK : bnf_fail_memory(call->err);
    }
    int status = dtype == BNF_DTYPE_STRING  ? write_texts(call, x)
                 : x->kind == BNF_KIND_TEXT ? read_texts(call, x, dtype)
                                            : convert(call, x, dtype);
    if (!status)
        bnf_array_round(call->out[0]);
    return status;
}

/* Before operator set 6 the type was given by its name. */
static int named_type(const Onnx__NodeProto *proto)
{
#define BNF_DTYPE(name, number, bits, kind, text) \
    if (bnf_attr_is(proto, "to", #name))          \
        return number;
#include "onnx/dtype.def"
#undef BNF_DTYPE
    return BNF_DTYPE_UNDEFINED;
}

int R(bnf_op_cast)(struct bnf_call *call)
{
    int named = named_type(call->proto);
    return cast(call, named ? named : (int)bnf_attr_int(call->proto, "to", BNF_DTYPE_UNDEFINED));
}

int R(bnf_op_cast_like)(struct bnf_call *call)
{
    const struct bnf_array *like = bnf_call_input(call, 1);
    if (!like || like->kind == BNF_KIND_SEQUENCE || like->kind == BNF_KIND_NOTHING)
        return bnf_call_wrong(call, "input 1 is missing");
    return cast(call, like->dtype);
}
