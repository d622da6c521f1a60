#include "eval/real/conv.h"

struct bnf_array *R(bnf_scratch)(struct bnf_call *call, size_t count)
{
    int64_t extent = (int64_t)count;
    struct bnf_array *scratch = bnf_array_new(call->budget, BNF_DTYPE_FLOAT, call->precision, 1, &extent);
    if (!scratch)
        bnf_fail(call->err, BNF_ENOMEM, "out of memory for scratch of %zu numbers", count);
    return scratch;
}

static int fits(struct bnf_call *call, const struct bnf_array *x, const struct bnf_array *weight,
    const struct bnf_array *bias, int64_t group)
{
    if (!x || !weight)
        return bnf_call_wrong(call, "input and weight are needed");
    if (x->kind != BNF_KIND_REAL || weight->kind != BNF_KIND_REAL || (bias && bias->kind != BNF_KIND_REAL))
        return bnf_call_wrong(call, "only floating types can be convolved");
    if (x->rank < 3 || weight->rank != x->rank)
        return bnf_call_wrong(call, "the input has rank %zu and the weight rank %zu", x->rank, weight->rank);
    if (group < 1 || weight->dims[0] % group != 0 || x->dims[1] != weight->dims[1] * group)
        return bnf_call_wrong(call,
            "%lld channels do not fit a weight of %lld filters over %lld in %lld groups",
            (long long)x->dims[1], (long long)weight->dims[0], (long long)weight->dims[1], (long long)group);
    if (bias && (bias->rank != 1 || bias->dims[0] != weight->dims[0]))
        return bnf_call_wrong(
            call, "the bias has %zu numbers for %lld filters", bias->count, (long long)weight->dims[0]);
    return BNF_OK;
}

/* Products over few channels and filters are too thin for BLAS, and their columns would cost as much as the
 * sums. */
static bool is_thin(const struct R(bnf_conv) * c)
{
    return c->groups > 1 && c->channels <= 32 && c->filters <= 64;
}

int R(bnf_op_conv)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *weight = bnf_call_input(call, 1);
    const struct bnf_array *bias = bnf_call_input(call, 2);
    int64_t group = bnf_attr_int(call->proto, "group", 1), dims[bnf_most_rank];
    int status = fits(call, x, weight, bias, group);
    if (status)
        return status;
    struct R(bnf_conv) c = {.images = (size_t)x->dims[0],
        .groups = (size_t)group,
        .channels = (size_t)weight->dims[1],
        .filters = (size_t)(weight->dims[0] / group),
        .x = x->data,
        .weight = weight->data,
        .bias = bias ? bias->data : NULL};
    status = bnf_window_slide(call, x, weight->dims + 2, &c.window);
    if (status)
        return status;
    status = bnf_call_work(call, (double)c.images * (double)weight->count * (double)bnf_window_volume(c.window.out));
    if (status)
        return status;
    bnf_window_dims(&c.window, x->dims[0], weight->dims[0], dims);
    c.y = bnf_call_output(call, 0, x->dtype, x->rank, dims);
    if (!c.y)
        return BNF_ENOMEM;
    if (!call->out[0]->count)
        return BNF_OK;
    if (R(bnf_conv_is_over)(&c))
        return R(bnf_conv_over)(call, &c);
    return is_thin(&c) ? R(bnf_conv_direct)(call, &c) : R(bnf_conv_columns)(call, &c);
}
