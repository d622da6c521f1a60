/* The reference evaluator: normalizations by their own statistics, table look-ups, Einsum. */
#include "support/eval_step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- normalizations */

/* One group of elements: x[first + i·1], i < n; *spread 1/√(var + ε). */
static void statistics(const struct eval_tensor *x, size_t first, size_t n, double epsilon, bool centred,
    double *mean, double *size, double *factor)
{
    double sum = 0, square = 0;
    *size = 0;
    for (size_t i = first; i < first + n; i++) {
        sum += x->value[i];
        *size += x->mag[i] / (double)n;
    }
    *mean = centred ? sum / (double)n : 0;
    *size = centred ? *size : 0;
    for (size_t i = first; i < first + n; i++)
        square += (x->value[i] - *mean) * (x->value[i] - *mean);
    *factor = 1 / sqrt(square / (double)n + epsilon);
}

/* InstanceNormalization, GroupNormalization: groups of channels of one sample. */
bool step_group_norm(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *scale = s->in[1], *bias = s->in[2];
    size_t channels = (size_t)x->dims[1], groups = channels;
    if (strcmp(s->node->op_type, "GroupNormalization") == 0)
        groups = (size_t)bnf_attr_int(s->node, "num_groups", 1);
    size_t n = x->count / (size_t)x->dims[0] / groups, plane = n / (channels / groups);
    bool per_group = groups != channels && s->opset < 21;
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t group = 0; group * n < x->count; group++) {
        double mean, size, factor;
        statistics(
            x, group * n, n, (double)bnf_attr_float(s->node, "epsilon", 1e-5f), true, &mean, &size, &factor);
        for (size_t i = group * n; i < (group + 1) * n; i++) {
            size_t k = per_group ? group % groups : i / plane % channels;
            s->out->value[i] = (x->value[i] - mean) * factor * scale->value[k] + bias->value[k];
            s->out->mag[i] = (x->mag[i] + size) * factor * scale->mag[k] + bias->mag[k];
        }
    }
    return true;
}

/* Index into a parameter that broadcasts, from the right, to x: that of x's element `at`. */
static size_t broadcast(const struct eval_tensor *parameter, const struct eval_tensor *x, size_t at)
{
    size_t index = 0, step = 1;
    for (size_t i = 1; i <= parameter->rank; i++) {
        size_t extent = (size_t)parameter->dims[parameter->rank - i];
        if (extent != 1)
            index += at % (size_t)x->dims[x->rank - i] * step;
        at /= (size_t)x->dims[x->rank - i];
        step *= extent;
    }
    return index;
}

/* LayerNormalization, RMSNormalization: everything from the axis on. */
bool step_layer_norm(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *scale = s->in[1], *bias = s->in_count > 2 ? s->in[2] : NULL;
    bool centred = strcmp(s->node->op_type, "LayerNormalization") == 0;
    size_t n = 1;
    for (size_t i = (size_t)step_axis(s, "axis", -1, x->rank); i < x->rank; i++)
        n *= (size_t)x->dims[i];
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t row = 0; row < x->count; row += n) {
        double mean, size, factor;
        statistics(
            x, row, n, (double)bnf_attr_float(s->node, "epsilon", 1e-5f), centred, &mean, &size, &factor);
        for (size_t i = row; i < row + n; i++) {
            size_t k = broadcast(scale, x, i), b = bias ? broadcast(bias, x, i) : 0;
            s->out->value[i] = (x->value[i] - mean) * factor * scale->value[k] + (bias ? bias->value[b] : 0);
            s->out->mag[i] = (x->mag[i] + size) * factor * scale->mag[k] + (bias ? bias->mag[b] : 0);
        }
    }
    return true;
}

/* ---- look-ups */

/* Indices are rounded down, so that any input is one. */
bool step_gather(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *at = s->in[1];
    int64_t axis = step_axis(s, "axis", 0, x->rank), dims[eval_most_rank];
    size_t rank = 0, run = 1, extent = (size_t)x->dims[axis];
    if (x->rank + at->rank - 1 > eval_most_rank)
        return step_refuse(s, "Gather of many axes");
    for (size_t i = 0; i < (size_t)axis; i++)
        dims[rank++] = x->dims[i];
    for (size_t i = 0; i < at->rank; i++)
        dims[rank++] = at->dims[i];
    for (size_t i = (size_t)axis + 1; i < x->rank; i++) {
        dims[rank++] = x->dims[i];
        run *= (size_t)x->dims[i];
    }
    *s->out = eval_new(s->arena, dims, rank);
    for (size_t i = 0; i < s->out->count; i++) {
        double index = floor(at->value[i / run % at->count]);
        size_t row = (size_t)(index < 0 ? index + (double)extent : index);
        if (row >= extent)
            return step_refuse(s, "an index outside the table");
        size_t from = (i / (run * at->count) * extent + row) * run + i % run;
        s->out->value[i] = x->value[from];
        s->out->mag[i] = x->mag[from];
    }
    return true;
}

/* ---- Einsum */

enum { letters = 128, ellipsis_label = 1 }; /* the axes of an ellipsis are labels 1, 2, … */

struct subscripts {
    int label[step_most_inputs + 1][eval_most_rank];
    size_t rank[step_most_inputs + 1];
    size_t terms;
};

/* Writes a term's labels, those of an ellipsis counted from the right; `axes`: how many axes it has. */
static void read_subscripts(const char *text, size_t length, size_t axes, int *label, size_t *rank)
{
    size_t named = 0;
    for (size_t i = 0; i < length; i++)
        named += text[i] != '.' && text[i] != ' ';
    *rank = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ')
            continue;
        if (text[i] != '.') {
            label[(*rank)++] = text[i];
            continue;
        }
        for (size_t k = axes - named; k-- > 0;)
            label[(*rank)++] = ellipsis_label + (int)k;
        i += 2;
    }
}

/* Explicit outputs only. */
bool step_einsum(struct step *s)
{
    const Onnx__AttributeProto *equation = bnf_attr_find(s->node, "equation");
    struct subscripts e = {.terms = s->in_count};
    int64_t extent[letters], dims[eval_most_rank];
    size_t order[letters], labels = 0, widest = 0;
    bool seen[letters] = {false};
    const char *at = equation ? (const char *)equation->s.data : NULL,
               *end = at ? at + equation->s.len : NULL;
    const char *arrow = at ? memchr(at, '>', equation->s.len) : NULL;
    if (!arrow)
        return step_refuse(s, "Einsum without an output term");
    for (size_t t = 0; t <= e.terms; t++) {
        const char *stop = t == e.terms       ? end
                           : t + 1 == e.terms ? arrow - 1
                                              : memchr(at, ',', (size_t)(end - at));
        size_t named = 0;
        for (const char *c = at; c < stop; c++)
            named += *c != '.' && *c != ' ';
        size_t axes = t < e.terms ? s->in[t]->rank : named + widest;
        if (t < e.terms && axes > named && axes - named > widest)
            widest = axes - named;
        read_subscripts(at, (size_t)(stop - at), axes, e.label[t], &e.rank[t]);
        at = t + 1 == e.terms ? arrow + 1 : stop + 1;
        for (size_t i = 0; i < e.rank[t]; i++) {
            int l = e.label[t][i];
            if (t < e.terms && (!seen[l] || extent[l] == 1))
                extent[l] = s->in[t]->dims[i];
            if (t == e.terms)
                dims[i] = extent[l];
            if (!seen[l])
                order[labels++] = (size_t)l;
            seen[l] = true;
        }
    }
    *s->out = eval_new(s->arena, dims, e.rank[e.terms]);
    size_t total = 1, where[letters] = {0};
    for (size_t i = 0; i < labels; i++)
        total *= (size_t)extent[order[i]];
    for (size_t k = 0; k < total; k++) {
        double product = 1, size = 1;
        size_t rest = k, to = 0;
        for (size_t i = 0; i < labels; rest /= (size_t)extent[order[i]], i++)
            where[order[i]] = rest % (size_t)extent[order[i]];
        for (size_t t = 0; t <= e.terms; t++) {
            const struct eval_tensor *x = t < e.terms ? s->in[t] : s->out;
            size_t index = 0;
            for (size_t i = 0; i < e.rank[t]; i++)
                index = index * (size_t)x->dims[i] + (x->dims[i] == 1 ? 0 : where[e.label[t][i]]);
            product *= t < e.terms ? x->value[index] : 1;
            size *= t < e.terms ? x->mag[index] : 1;
            to = index;
        }
        s->out->value[to] += product;
        s->out->mag[to] += size;
    }
    return true;
}
