/* ConvTranspose: each input position adds its multiple of the kernel to the output. As a product: columns
 * [filters·kernel, positions] = weightᵀ [filters·kernel, channels] times x [channels, positions], added
 * up where they overlap. Tasks are bundles of filters, so no two write the same output. */
#include "eval/real/blas.h"
#include "eval/real/conv.h"
#include "eval/workers.h"

enum { cache_bytes = 2 << 20 }; /* of columns, per worker, where one filter's fit */

struct plan {
    const struct R(bnf_conv) * conv; /* window.in and .out as the operator sees them; filters are outputs */
    size_t taps, positions;          /* of the kernel; of the input */
    size_t bundle, bundles;          /* filters in a task, tasks of a group */
    real *columns;                   /* [workers, bundle·taps, positions] */
};

/* Adds one row of columns [positions] to its filter's plane y [out]. */
static void add_row(
    const struct bnf_window *w, const int64_t tap[3], const real *restrict row, real *restrict y)
{
    int64_t shift = tap[2] * w->dilation[2] - w->begin[2], stride = w->stride[2];
    /* input positions whose place in the output exists */
    int64_t from = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    int64_t room = w->out[2] - shift, to = room <= 0 ? 0 : (room + stride - 1) / stride;
    to = to > w->in[2] ? w->in[2] : to;
    for (int64_t d = 0; d < w->in[0]; d++) {
        int64_t od = d * w->stride[0] + tap[0] * w->dilation[0] - w->begin[0];
        if (od < 0 || od >= w->out[0])
            continue;
        for (int64_t h = 0; h < w->in[1]; h++) {
            int64_t oh = h * w->stride[1] + tap[1] * w->dilation[1] - w->begin[1];
            if (oh < 0 || oh >= w->out[1])
                continue;
            const real *from_row = row + (d * w->in[1] + h) * w->in[2];
            real *to_row = y + (od * w->out[1] + oh) * w->out[2];
            if (stride == 1)
                for (int64_t i = from; i < to; i++)
                    to_row[i + shift] += from_row[i];
            else
                for (int64_t i = from; i < to; i++)
                    to_row[i * stride + shift] += from_row[i];
        }
    }
}

static void one_bundle(void *context, unsigned worker, size_t index)
{
    const struct plan *plan = context;
    const struct R(bnf_conv) *c = plan->conv;
    const struct bnf_window *w = &c->window;
    size_t first = index % plan->bundles * plan->bundle, job = index / plan->bundles, group = job % c->groups;
    size_t filters = c->filters - first < plan->bundle ? c->filters - first : plan->bundle;
    size_t out = bnf_window_volume(w->out);
    real *columns = plan->columns + worker * plan->bundle * plan->taps * plan->positions;
    struct R(bnf_product) p = {.ta = true, .m = filters * plan->taps, .n = plan->positions, .k = c->channels};
    p.alpha = 1;
    p.a = c->weight + (group * c->channels * c->filters + first) * plan->taps;
    p.lda = c->filters * plan->taps;
    p.b = c->x + job * c->channels * plan->positions;
    p.ldb = plan->positions;
    p.c = columns;
    p.ldc = plan->positions;
    R(bnf_multiply_here)(&p);
    for (size_t f = 0; f < filters; f++) {
        real *y = c->y + (job * c->filters + first + f) * out;
        const real *row = columns + f * plan->taps * plan->positions;
        for (size_t i = 0; i < out; i++)
            y[i] = c->bias ? c->bias[group * c->filters + first + f] : 0;
        int64_t tap[3];
        for (tap[0] = 0; tap[0] < w->kernel[0]; tap[0]++)
            for (tap[1] = 0; tap[1] < w->kernel[1]; tap[1]++)
                for (tap[2] = 0; tap[2] < w->kernel[2]; tap[2]++, row += plan->positions)
                    add_row(w, tap, row, y);
    }
}

static int run(struct bnf_call *call, const struct R(bnf_conv) * c)
{
    struct plan plan = {.conv = c, .taps = bnf_window_volume(c->window.kernel)};
    plan.positions = bnf_window_volume(c->window.in);
    size_t each = plan.taps * plan.positions,
           jobs = c->images * c->groups; /* numbers of one filter's columns */
    double work = (double)jobs * (double)c->channels * (double)c->filters * (double)each;
    unsigned threads = call->threads < 1 || work < 2e6 ? 1 : call->threads;
    plan.bundle = each ? cache_bytes / sizeof(real) / each : c->filters;
    size_t fair = (jobs * c->filters + 2 * bnf_cut_for - 1) / (2 * bnf_cut_for);
    plan.bundle = plan.bundle > fair ? fair : plan.bundle;
    plan.bundle = plan.bundle < 1 ? 1 : plan.bundle > c->filters ? c->filters : plan.bundle;
    plan.bundles = (c->filters + plan.bundle - 1) / plan.bundle;
    struct bnf_array *scratch = R(bnf_scratch)(call, threads * plan.bundle * each);
    if (!scratch)
        return BNF_ENOMEM;
    plan.columns = scratch->data;
    bnf_workers_run(threads, jobs * plan.bundles, one_bundle, &plan);
    bnf_array_drop(call->budget, scratch);
    return BNF_OK;
}

int R(bnf_op_conv_transpose)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_input(call, 0), *weight = bnf_call_input(call, 1);
    const struct bnf_array *bias = bnf_call_input(call, 2);
    int64_t group = bnf_attr_int(call->proto, "group", 1), dims[bnf_most_rank];
    if (!x || !weight)
        return bnf_call_wrong(call, "input and weight are needed");
    if (x->kind != BNF_KIND_REAL || weight->kind != BNF_KIND_REAL || (bias && bias->kind != BNF_KIND_REAL))
        return bnf_call_wrong(call, "only floating types can be convolved");
    if (x->rank < 3 || weight->rank != x->rank)
        return bnf_call_wrong(call, "the input has rank %zu and the weight rank %zu", x->rank, weight->rank);
    if (group < 1 || x->dims[1] != weight->dims[0] || x->dims[1] % group != 0)
        return bnf_call_wrong(call, "%lld channels do not fit a weight for %lld in %lld groups",
            (long long)x->dims[1], (long long)weight->dims[0], (long long)group);
    struct R(bnf_conv) c = {.images = (size_t)x->dims[0],
        .groups = (size_t)group,
        .channels = (size_t)(x->dims[1] / group),
        .filters = (size_t)weight->dims[1],
        .x = x->data,
        .weight = weight->data,
        .bias = bias ? bias->data : NULL};
    if (bias && bias->count != c.groups * c.filters)
        return bnf_call_wrong(
            call, "the bias has %zu numbers for %zu filters", bias->count, c.groups * c.filters);
    int status = bnf_window_unslide(call, x, weight->dims + 2, &c.window);
    if (status)
        return status;
    status = bnf_call_work(call, (double)c.images * (double)weight->count * (double)bnf_window_volume(c.window.in));
    if (status)
        return status;
    bnf_window_dims(&c.window, x->dims[0], (int64_t)(c.groups * c.filters), dims);
    c.y = bnf_call_output(call, 0, x->dtype, x->rank, dims);
    if (!c.y)
        return BNF_ENOMEM;
    return call->out[0]->count ? run(call, &c) : BNF_OK;
}
