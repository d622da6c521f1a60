/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. */
#include "eval/loops.h"
#include "eval/real/real.h"

#include <math.h>
#include <string.h>

enum reduction { REDUCTION_MEAN, REDUCTION_SUM, REDUCTION_NONE };

/* logs[batch, classes, inner], targets[batch, inner], weights[classes] or NULL. */
struct loss {
    const real *logs, *weights;
    const int64_t *targets;
    size_t batch, classes, inner;
    enum reduction reduction;
    bool ignores;
    int64_t ignored; /* a target that does not count */
};

static int prepare(struct bnf_call *call, struct loss *loss)
{
    const struct bnf_array *x = bnf_call_need(call, 0, BNF_KIND_REAL);
    const struct bnf_array *targets = x ? bnf_call_need(call, 1, BNF_KIND_INT) : NULL;
    const struct bnf_array *weights = bnf_call_input(call, 2);
    if (!targets || (weights && !bnf_call_need(call, 2, BNF_KIND_REAL)))
        return BNF_EINPUT;
    if (x->rank < 2)
        return bnf_call_wrong(call, "its input is of rank %zu, without classes", x->rank);
    *loss = (struct loss){.targets = targets->data,
        .weights = weights ? weights->data : NULL,
        .batch = (size_t)x->dims[0],
        .classes = (size_t)x->dims[1],
        .inner = bnf_extent(x, 2, x->rank)};
    if (targets->rank != x->rank - 1 || targets->count != loss->batch * loss->inner)
        return bnf_call_wrong(call, "its labels are %zu, not %zu", targets->count, loss->batch * loss->inner);
    if (weights && weights->count != loss->classes)
        return bnf_call_wrong(call, "it has %zu weights for %zu classes", weights->count, loss->classes);
    loss->ignores = bnf_attr_find(call->proto, "ignore_index") != NULL;
    loss->ignored = bnf_attr_int(call->proto, "ignore_index", 0);
    loss->reduction = bnf_attr_is(call->proto, "reduction", "sum")    ? REDUCTION_SUM
                      : bnf_attr_is(call->proto, "reduction", "none") ? REDUCTION_NONE
                                                                      : REDUCTION_MEAN;
    for (size_t i = 0; i < targets->count; i++) {
        int64_t target = loss->targets[i];
        if (!(loss->ignores && target == loss->ignored) && (target < 0 || (uint64_t)target >= loss->classes))
            return bnf_call_wrong(
                call, "label %lld is outside 0 to %zu", (long long)target, loss->classes - 1);
    }
    return BNF_OK;
}

/* Output 0: minus the log of the label's probability, times its weight; for each label, summed, or the mean
 * by weights. */
static int judge(struct bnf_call *call, const struct loss *l)
{
    const struct bnf_array *targets = bnf_call_input(call, 1);
    bool each = l->reduction == REDUCTION_NONE;
    real *y =
        bnf_call_output(call, 0, bnf_call_input(call, 0)->dtype, each ? targets->rank : 0, targets->dims);
    if (!y)
        return BNF_ENOMEM;
    double sum = 0, weights = 0;
    for (size_t i = 0; i < l->batch * l->inner; i++) {
        int64_t target = l->targets[i];
        double weight = 0, loss = 0;
        if (!(l->ignores && target == l->ignored)) {
            weight = l->weights ? (double)l->weights[target] : 1;
            loss = -weight *
                   (double)l->logs[(i / l->inner * l->classes + (size_t)target) * l->inner + i % l->inner];
        }
        if (each)
            y[i] = (real)loss;
        sum += loss;
        weights += weight;
    }
    if (!each)
        *y = (real)(l->reduction == REDUCTION_SUM ? sum : sum / weights);
    return BNF_OK;
}

int R(bnf_op_nll_loss)(struct bnf_call *call)
{
    struct loss loss;
    int status = prepare(call, &loss);
    if (status)
        return status;
    loss.logs = bnf_call_input(call, 0)->data;
    return judge(call, &loss);
}

/* logs = the logarithm of the softmax of x[batch, classes, inner] over the classes. */
static void log_softmax(const real *x, real *logs, const struct loss *l)
{
    for (size_t lane = 0; lane < l->batch * l->inner; lane++) {
        size_t start = lane / l->inner * l->classes * l->inner + lane % l->inner;
        double top = (double)x[start], sum = 0;
        for (size_t c = 1; c < l->classes; c++)
            top = fmax(top, (double)x[start + c * l->inner]);
        for (size_t c = 0; c < l->classes; c++)
            sum += exp((double)x[start + c * l->inner] - top);
        for (size_t c = 0; c < l->classes; c++)
            logs[start + c * l->inner] = (real)((double)x[start + c * l->inner] - top - log(sum));
    }
}

int R(bnf_op_softmax_cross_entropy)(struct bnf_call *call)
{
    struct loss loss;
    int status = prepare(call, &loss);
    if (status)
        return status;
    const struct bnf_array *x = bnf_call_input(call, 0);
    real *logs = bnf_call_wants(call, 1) ? bnf_call_output(call, 1, x->dtype, x->rank, x->dims)
                                         : bnf_arena_alloc(call->arena, x->count + 1, sizeof *logs);
    if (!logs)
        return bnf_fail_memory(call->err);
    if (loss.classes)
        log_softmax(x->data, logs, &loss);
    loss.logs = logs;
    return judge(call, &loss);
}
