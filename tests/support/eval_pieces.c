/* Operators that take a tensor apart, and sums of any number of tensors. */
#include "support/eval_step.h"

#include <math.h>
#include <string.h>

/* out[i] = in[first + step·i] on the given axis. */
static void cut(
    struct step *s, struct eval_tensor *out, size_t axis, int64_t first, int64_t step, int64_t count)
{
    const struct eval_tensor *x = s->in[0];
    int64_t dims[eval_most_rank];
    size_t after = 1;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = count;
    struct eval_tensor taken = eval_new(s->arena, dims, x->rank);
    for (size_t i = axis + 1; i < x->rank; i++)
        after *= (size_t)dims[i];
    for (size_t to = 0; to < taken.count; to++) {
        size_t inside = to % after, at = to / after % (size_t)count, before = to / after / (size_t)count;
        size_t channel = (size_t)(first + step * (int64_t)at);
        size_t from = (before * (size_t)x->dims[axis] + channel) * after + inside;
        taken.value[to] = x->value[from];
        taken.mag[to] = x->mag[from];
    }
    *out = taken;
}

bool step_split(struct step *s)
{
    size_t axis = (size_t)step_axis(s, "axis", 0, s->in[0]->rank), listed = 0;
    int64_t whole = s->in[0]->dims[axis], parts = (int64_t)s->out_count, first = 0;
    const int64_t *sizes = bnf_attr_ints(s->node, "split", &listed);
    bool given = sizes || (s->in_count > 1 && s->in[1]);
    for (size_t i = 0; i < s->out_count; i++) {
        int64_t chunk = (whole + parts - 1) / parts;
        int64_t size = sizes   ? sizes[i]
                       : given ? (int64_t)s->in[1]->value[i]
                               : (whole - first < chunk ? whole - first : chunk);
        if (s->outs[i])
            cut(s, s->outs[i], axis, first, 1, size);
        first += size;
    }
    return first == whole || step_refuse(s, "Split into sizes that do not fit");
}

/* Element i of starts (input 1), ends (2), axes (3) or steps (4). */
static double range_at(const struct step *s, size_t input, const char *name, size_t i, double fallback)
{
    size_t count = 0;
    const int64_t *list = bnf_attr_ints(s->node, name, &count);
    if (list)
        return (double)list[i];
    return s->in_count > input && s->in[input] ? s->in[input]->value[i] : fallback;
}

bool step_slice(struct step *s)
{
    size_t count = 0;
    if (!bnf_attr_ints(s->node, "starts", &count))
        count = s->in[1]->count;
    struct eval_tensor now = *s->in[0];
    for (size_t i = 0; i < count; i++) {
        double axis = range_at(s, 3, "axes", i, (double)i), step = range_at(s, 4, "steps", i, 1);
        double start = range_at(s, 1, "starts", i, 0), end = range_at(s, 2, "ends", i, 0);
        size_t k = (size_t)(axis < 0 ? axis + (double)now.rank : axis);
        double n = (double)now.dims[k];
        start += start < 0 ? n : 0;
        end += end < 0 ? n : 0;
        start = step > 0 ? fmin(fmax(start, 0), n) : fmin(fmax(start, 0), n - 1);
        end = step > 0 ? fmin(fmax(end, 0), n) : fmin(fmax(end, -1), n - 1);
        double taken = ceil((end - start) / step);
        struct eval_tensor before = now;
        s->in[0] = &before;
        cut(s, &now, k, (int64_t)start, (int64_t)step, taken > 0 ? (int64_t)taken : 0);
    }
    *s->out = now;
    return true;
}

/* Sum, Mean, Max and Min, broadcast from the right. */
bool step_sum(struct step *s)
{
    int64_t dims[eval_most_rank];
    size_t rank = 0;
    const char op = s->node->op_type[1]; /* u, e, a, i */
    for (size_t k = 0; k < s->in_count; k++)
        rank = s->in[k]->rank > rank ? s->in[k]->rank : rank;
    for (size_t i = 0; i < rank; i++) {
        dims[i] = 1;
        for (size_t k = 0; k < s->in_count; k++)
            if (i + s->in[k]->rank >= rank && s->in[k]->dims[i + s->in[k]->rank - rank] != 1)
                dims[i] = s->in[k]->dims[i + s->in[k]->rank - rank];
    }
    struct eval_tensor out = eval_new(s->arena, dims, rank);
    for (size_t to = 0; to < out.count; to++) {
        for (size_t k = 0; k < s->in_count; k++) {
            const struct eval_tensor *x = s->in[k];
            size_t from = 0, step = 1, rest = to;
            for (size_t i = rank; i-- > 0; rest /= (size_t)dims[i]) {
                if (i + x->rank < rank)
                    continue;
                int64_t extent = x->dims[i + x->rank - rank];
                from += extent == 1 ? 0 : rest % (size_t)dims[i] * step;
                step *= (size_t)extent;
            }
            double v = x->value[from], so_far = out.value[to];
            out.mag[to] += x->mag[from];
            out.value[to] = k == 0      ? v
                            : op == 'a' ? fmax(so_far, v)
                            : op == 'i' ? fmin(so_far, v)
                                        : so_far + v;
        }
        if (op == 'e')
            out.value[to] /= (double)s->in_count;
    }
    *s->out = out;
    return true;
}
