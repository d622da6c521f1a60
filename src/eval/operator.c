#include "eval/operator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { last = 1 << 20 }; /* whatever comes after the newest operator set known changes nothing until it is known */

#define BNF_OPERATOR(domain, type, since, until, function)                                                   \
    int function##_f32(struct bnf_call *call);                                                               \
    int function##_f64(struct bnf_call *call);
#include "eval/operators.def"
#undef BNF_OPERATOR

static const struct bnf_operator table[] = {
#define BNF_OPERATOR(domain, type, since, until, function)                                                   \
    {domain, type, since, until, {function##_f32, function##_f64}},
#include "eval/operators.def"
#undef BNF_OPERATOR
};

const struct bnf_operator *bnf_operators(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}

const struct bnf_operator *bnf_operator_find(const char *domain, const char *type, int64_t opset)
{
    if (!domain || strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].type, type) == 0 && strcmp(table[i].domain, domain) == 0 && opset >= table[i].since &&
            opset <= table[i].until)
            return &table[i];
    return NULL;
}

void *bnf_call_output(struct bnf_call *call, size_t slot, int dtype, size_t rank, const int64_t *dims)
{
    if (slot >= call->output_count) {
        bnf_fail(call->err, BNF_EINPUT, "it has no output %zu", slot);
        return NULL;
    }
    call->out[slot] = bnf_array_new(call->budget, dtype, call->precision, rank, dims);
    if (!call->out[slot]) {
        char text[256];
        bnf_fail(call->err, BNF_ENOMEM, "out of memory for a result of %s", bnf_dims_text(dims, rank, text, sizeof text));
        return NULL;
    }
    return call->out[slot]->data;
}

int bnf_call_view(struct bnf_call *call, size_t slot, struct bnf_array *from, size_t rank, const int64_t *dims)
{
    if (rank > bnf_most_rank)
        return bnf_call_cannot(call, "rank %zu is above %d", rank, bnf_most_rank);
    call->out[slot] = bnf_array_view(call->budget, from, from->dtype, rank, dims);
    return call->out[slot] ? BNF_OK : bnf_fail_memory(call->err);
}

struct bnf_array *bnf_call_input(const struct bnf_call *call, size_t slot)
{
    return slot < call->input_count ? call->in[slot] : NULL;
}

static int say(struct bnf_call *call, int status, const char *format, va_list args)
{
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    bnf_fail(call->err, status, "%s", text);
    return status;
}

int bnf_call_cannot(struct bnf_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = say(call, BNF_CANNOT, format, args);
    va_end(args);
    return status;
}

int bnf_call_wrong(struct bnf_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = say(call, BNF_EINPUT, format, args);
    va_end(args);
    return status;
}

int bnf_call_work(struct bnf_call *call, double work)
{
    struct bnf_budget *budget = call->budget;
    if (budget->most_work > 0 && !(budget->work + work <= budget->most_work))
        return bnf_call_cannot(call,
            "it would take %.4g multiplications more, where a run may take %.4g in all: --max-work", work,
            budget->most_work);
    budget->work += work;
    return BNF_OK;
}

bool bnf_axis(int64_t axis, size_t rank, size_t *out)
{
    if (axis < 0)
        axis += (int64_t)rank;
    if (axis < 0 || axis >= (int64_t)rank)
        return false;
    *out = (size_t)axis;
    return true;
}

int bnf_call_ints(struct bnf_call *call, const char *attribute, size_t slot, int64_t *out, size_t *count)
{
    size_t n;
    const int64_t *ints = bnf_attr_ints(call->proto, attribute, &n);
    const struct bnf_array *input = bnf_call_input(call, slot);
    *count = SIZE_MAX;
    if (!ints && !bnf_attr_find(call->proto, attribute)) {
        if (!input)
            return BNF_OK;
        if (input->kind != BNF_KIND_INT)
            return bnf_call_wrong(call, "input %zu should hold integers", slot);
        ints = input->data;
        n = input->count;
    }
    if (n > bnf_most_rank)
        return bnf_call_cannot(call, "'%s' has %zu numbers, more than %d", attribute, n, bnf_most_rank);
    if (n)
        memcpy(out, ints, n * sizeof *out);
    *count = n;
    return BNF_OK;
}

bool bnf_broadcast(const struct bnf_array *a, const struct bnf_array *b, size_t *rank, int64_t *dims)
{
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (size_t i = 0; i < *rank; i++) {
        int64_t m = i + a->rank < *rank ? 1 : a->dims[i + a->rank - *rank];
        int64_t n = i + b->rank < *rank ? 1 : b->dims[i + b->rank - *rank];
        if (m != n && m != 1 && n != 1)
            return false;
        dims[i] = m == 1 ? n : m;
    }
    return true;
}

void bnf_broadcast_strides(const struct bnf_array *array, size_t rank, const int64_t *dims, size_t *strides)
{
    size_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
        bool there = i + array->rank >= rank;
        int64_t extent = there ? array->dims[i + array->rank - rank] : 1;
        strides[i] = extent == 1 && dims[i] != 1 ? 0 : there ? stride : 0;
        stride *= (size_t)extent;
    }
}
