/* BatchNormalization in all its versions: with the stored statistics, and with the batch's. */
#include "eval/eval.h"
#include "eval/loops.h"
#include "eval/real/fast.h"
#include "eval/real/moments.h"
#include "eval/reuse.h"
#include "eval/workers.h"

#include <math.h>

/* x, y[batch, features, inner], which may be the same; the rest [features]. */
struct batchnorm {
    const real *x;
    real *y;
    size_t batch, features, inner;
    const real *gamma, *beta;
    real *mean, *factor; /* y = (x - mean) × factor + beta, factor = gamma / √(var + ε) */
};

BNF_WIDE
static void R(rows_of_planes)(const void *context, size_t first, size_t count)
{
    const struct batchnorm *b = context;
    for (size_t row = first; row < first + count; row++) {
        size_t f = row % b->features;
        const real *x = b->x + row * b->inner, mean = b->mean[f], factor = b->factor[f], beta = b->beta[f];
        real *y = b->y + row * b->inner;
#pragma omp simd
        for (size_t i = 0; i < b->inner; i++)
            y[i] = (x[i] - mean) * factor + beta;
    }
}

/* The same where inner is 1: a row is one of the batch. */
BNF_WIDE
static void R(rows_of_features)(const void *context, size_t first, size_t count)
{
    const struct batchnorm *b = context;
    for (size_t row = first; row < first + count; row++) {
        const real *x = b->x + row * b->features, *mean = b->mean, *factor = b->factor, *beta = b->beta;
        real *y = b->y + row * b->features;
#pragma omp simd
        for (size_t f = 0; f < b->features; f++)
            y[f] = (x[f] - mean[f]) * factor[f] + beta[f];
    }
}

static void normalize(const struct bnf_call *call, const struct batchnorm *b)
{
    if (b->inner == 1)
        bnf_workers_spans(call->threads, b->batch, b->features, R(rows_of_features), b);
    else
        bnf_workers_spans(call->threads, b->batch * b->features, b->inner, R(rows_of_planes), b);
}

/* An output that the node names, whether somebody reads it or not. */
static bool has_output(const struct bnf_call *call, size_t slot)
{
    return slot < call->proto->n_output && call->proto->output[slot] && *call->proto->output[slot];
}

/* Does the node normalize by the batch's statistics? Until operator set 13 further outputs asked for that. */
static bool is_training(const struct bnf_call *call)
{
    bool read = false;
    for (size_t slot = 1; slot < call->output_count; slot++)
        read = read || call->wanted[slot];
    if (call->eval && call->eval->assume_inference && !read)
        return false;
    if (call->opset >= 14)
        return bnf_attr_int(call->proto, "training_mode", 0) != 0;
    if (call->opset < 7 && !bnf_attr_int(call->proto, "is_test", 0))
        return true;
    return has_output(call, 1) || has_output(call, 2) || has_output(call, 3) || has_output(call, 4);
}

/* The batch's mean and population variance of each feature, in double. */
static void measure(const struct batchnorm *b, double *means, double *variances)
{
    double n = (double)b->batch * (double)b->inner;
    for (size_t f = 0; f < b->features; f++) {
        double sum = 0, spread = 0;
        for (size_t i = 0; i < b->batch; i++)
            sum += R(bnf_sum)(b->x + (i * b->features + f) * b->inner, b->inner);
        means[f] = sum / n;
        for (size_t i = 0; i < b->batch; i++)
            spread += R(bnf_spread)(b->x + (i * b->features + f) * b->inner, b->inner, means[f]);
        variances[f] = spread / n;
    }
}

/* Output `slot`, if wanted: stored × momentum + batch × (1 - momentum) for each feature. */
static int running(
    struct bnf_call *call, size_t slot, const struct bnf_array *stored, const double *batch, double momentum)
{
    if (!bnf_call_wants(call, slot))
        return BNF_OK;
    real *y = bnf_call_output(call, slot, stored->dtype, stored->rank, stored->dims);
    if (!y)
        return BNF_ENOMEM;
    for (size_t f = 0; f < stored->count; f++)
        y[f] = (real)(bnf_array_at(stored, f) * momentum + batch[f] * (1 - momentum));
    return BNF_OK;
}

/* Its statistics come from the batch. Further outputs: the running mean and variance, and until operator set
 * 13 what the batch had, for the gradient. */
static int train(struct bnf_call *call, struct batchnorm *b, const struct bnf_array *mean,
    const struct bnf_array *var, double epsilon)
{
    double *means = bnf_arena_alloc(call->arena, b->features + 1, sizeof *means);
    double *variances = bnf_arena_alloc(call->arena, b->features + 1, sizeof *variances);
    if (!means || !variances)
        return bnf_fail_memory(call->err);
    measure(b, means, variances);
    for (size_t f = 0; f < b->features; f++) {
        b->mean[f] = (real)means[f];
        b->factor[f] = (real)((double)b->gamma[f] / sqrt(variances[f] + epsilon));
    }
    double momentum = (double)bnf_attr_float(call->proto, "momentum", 0.9f);
    int status = running(call, 1, mean, means, momentum);
    if (!status)
        status = running(call, 2, var, variances, momentum);
    if (!status && call->opset < 14)
        status = running(call, 3, mean, means, 0);
    if (!status && call->opset < 14)
        status = running(call, 4, var, variances, 0);
    return status;
}

int R(bnf_op_batchnorm)(struct bnf_call *call)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL), *parameters[4];
    if (!x)
        return BNF_EINPUT;
    bool spatial = call->opset >= 9 || bnf_attr_int(call->proto, "spatial", 1) != 0;
    struct batchnorm b = {.x = x->data};
    b.batch = x->rank ? (size_t)x->dims[0] : 1;
    b.features = x->rank < 2 ? 1 : spatial ? (size_t)x->dims[1] : bnf_extent(x, 1, x->rank);
    b.inner = x->rank < 3 || !spatial ? 1 : bnf_extent(x, 2, x->rank);
    for (size_t k = 0; k < 4; k++) {
        parameters[k] = bnf_call_need(call, k + 1, BNF_KIND_REAL);
        if (!parameters[k])
            return BNF_EINPUT;
        if (parameters[k]->count != b.features)
            return bnf_call_wrong(
                call, "input %zu has %zu numbers for %zu channels", k + 1, parameters[k]->count, b.features);
    }
    b.gamma = parameters[0]->data;
    b.beta = parameters[1]->data;
    b.mean = bnf_arena_alloc(call->arena, b.features + 1, sizeof *b.mean);
    b.factor = bnf_arena_alloc(call->arena, b.features + 1, sizeof *b.factor);
    if (!b.mean || !b.factor)
        return bnf_fail_memory(call->err);
    double epsilon = (double)bnf_attr_float(call->proto, "epsilon", 1e-5f);
    if (is_training(call)) {
        int status = train(call, &b, parameters[2], parameters[3], epsilon);
        if (status)
            return status;
    } else {
        for (size_t f = 0; f < b.features; f++) {
            b.mean[f] = ((const real *)parameters[2]->data)[f];
            b.factor[f] = (real)((double)b.gamma[f] / sqrt(bnf_array_at(parameters[3], f) + epsilon));
        }
    }
    b.y = bnf_call_output_over(call, 0, 0);
    if (!b.y)
        return BNF_ENOMEM;
    normalize(call, &b);
    return BNF_OK;
}
