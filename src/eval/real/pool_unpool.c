/* MaxUnpool: puts elements back where MaxPool took them from. */
#include "eval/real/real.h"
#include "eval/window.h"

#include <string.h>

/* The extents that indices count in: those of the MaxPool this undoes, as far as its attributes tell. */
static int infer(struct bnf_call *call, const struct bnf_array *x, int64_t *dims)
{
    struct bnf_window w;
    int status = bnf_window_attributes(call, x, NULL, &w);
    if (status)
        return status;
    for (size_t i = 0; i < bnf_most_spatial; i++) {
        w.out[i] = (w.in[i] - 1) * w.stride[i] + w.kernel[i] - w.begin[i] - w.end[i];
        if (w.out[i] < 0)
            return bnf_call_wrong(call, "the padding is larger than the result");
    }
    bnf_window_dims(&w, x->dims[0], x->dims[1], dims);
    return BNF_OK;
}

/* Where element number `index` of an array of extents `from` lies in one of extents `to`; SIZE_MAX: nowhere.
 */
static size_t move(int64_t index, size_t rank, const int64_t *from, const int64_t *to)
{
    size_t at = 0, step = 1;
    for (size_t i = rank; i-- > 0; index /= from[i]) {
        int64_t place = i ? index % from[i] : index;
        if (place >= to[i])
            return SIZE_MAX;
        at += (size_t)place * step;
        step *= (size_t)to[i];
        if (!i)
            break;
    }
    return at;
}

int R(bnf_op_max_unpool)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *places = bnf_call_input(call, 1);
    const struct bnf_array *shape = bnf_call_input(call, 2);
    int64_t dims[bnf_most_rank], out[bnf_most_rank];
    if (!x || !places || x->kind != BNF_KIND_REAL || places->kind != BNF_KIND_INT ||
        places->count != x->count)
        return bnf_call_wrong(call, "it needs an input of a floating type and as many indices");
    int status = infer(call, x, dims);
    if (status)
        return status;
    if (shape && (shape->kind != BNF_KIND_INT || shape->count != x->rank))
        return bnf_call_wrong(call, "'output_shape' has %zu numbers for rank %zu", shape->count, x->rank);
    memcpy(out, shape ? (const int64_t *)shape->data : dims, x->rank * sizeof *out);
    for (size_t i = 0; i < x->rank; i++)
        if (out[i] < 0)
            return bnf_call_wrong(call, "'output_shape' has the number %lld", (long long)out[i]);
    real *y = bnf_call_output(call, 0, x->dtype, x->rank, out);
    if (!y)
        return BNF_ENOMEM;
    for (size_t i = 0; i < call->out[0]->count; i++)
        y[i] = 0;
    for (size_t i = 0; i < x->count; i++) {
        int64_t index = ((const int64_t *)places->data)[i];
        size_t at = index < 0 ? SIZE_MAX : move(index, x->rank, dims, out);
        if (at == SIZE_MAX)
            return bnf_call_wrong(call, "index %lld lies outside the result", (long long)index);
        y[at] = ((const real *)x->data)[i];
    }
    return BNF_OK;
}
