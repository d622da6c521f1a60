/* Scaling a quantized weight: the form that its factors take in scales and integers, what may keep them from it, and
 * how they are stored. */
#include "fold/quantized.h"

#include <math.h>
#include <string.h>

enum { chunk = 1024 }; /* even: two int4 share a byte */

/* ---- factors ---- */

/* What scales and signs differ by from the source model's: one factor for all, or one for each index of an axis. */
struct form {
    int axis; /* -1: one for all */
    size_t count;
    double *factor;
};

static bool all_equal(const double *x, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (x[i] != x[0])
            return false;
    return true;
}

/* The product of the factors that are there and those to come, of `count` indices; scratch. */
static double *multiply(struct bnf_fold *fold, const double *now, const double *more, size_t count)
{
    double *out = bnf_arena_alloc(&fold->scratch, count, sizeof *out);
    for (size_t i = 0; out && i < count; i++)
        out[i] = (now ? now[i] : 1) * (more ? more[i] : 1);
    return out;
}

/* The form that the weight's factors take with `more` of them. YES; NO where scales along one axis cannot hold them;
 * BNF_ENOMEM. */
static int find_form(struct bnf_fold *fold, const struct bnf_pending *w, const struct bnf_factors *more, struct form *out,
    struct bnf_err *err)
{
    const struct bnf_quantized *q = w->quantized;
    size_t outers = w->groups * w->outer, inners = w->groups * w->inner;
    double *outer = multiply(fold, w->outer_scale, more->outer, outers);
    double *inner = multiply(fold, w->inner_scale, more->inner, inners);
    if (!outer || !inner)
        return bnf_fail_memory(err);
    /* The one inner index of a group is as much an outer index: depthwise weights. */
    for (size_t i = 0; w->inner == 1 && i < outers; i++)
        outer[i] *= inner[i / w->outer];
    for (size_t i = 0; w->inner == 1 && i < inners; i++)
        inner[i] = 1;
    bool outer_equal = all_equal(outer, outers), inner_equal = all_equal(inner, inners);
    const double *along = outer_equal ? inner : outer;
    size_t along_count = outer_equal ? inners : outers;
    double rest = outer_equal ? outer[0] : inner[0];
    *out = (struct form){.axis = q->axis, .count = q->count};
    if (!outer_equal || !inner_equal) {
        int axis = outer_equal ? q->inner_axis : q->outer_axis;
        if ((!outer_equal && !inner_equal) || (q->axis >= 0 && q->axis != axis))
            return BNF_ANSWER_NO;
        out->axis = axis;
        out->count = (size_t)w->base.dims[axis];
        /* An axis that the groups share has to be scaled alike in each. */
        for (size_t i = out->count; i < along_count; i++)
            if (along[i] != along[i - out->count])
                return BNF_ANSWER_NO;
    }
    out->factor = bnf_arena_alloc(&fold->scratch, out->count, sizeof *out->factor);
    if (!out->factor)
        return bnf_fail_memory(err);
    bool equal = outer_equal && inner_equal;
    for (size_t i = 0; i < out->count; i++)
        out->factor[i] = (equal ? along[0] : along[i]) * rest;
    return BNF_ANSWER_YES;
}

static double at(const double *x, size_t count, size_t i)
{
    return x[count == 1 ? 0 : i];
}

/* The scale to be stored: a channel that becomes 0 keeps its own, and zero integers. */
static double scaled(const struct bnf_quantized *q, const struct form *form, size_t i)
{
    return at(q->scale, q->count, i) * (form->factor[i] == 0 ? 1 : fabs(form->factor[i]));
}

/* What an integer becomes on a channel with this factor. */
static double mirror(double integer, double zero, double factor)
{
    return factor > 0 ? integer : factor < 0 ? 2 * zero - integer : zero;
}

/* ---- may it? ---- */

static int check_scales(struct bnf_fold *fold, struct bnf_plan *plan, const char *text, const struct bnf_pending *w,
    const struct form *form)
{
    int dtype = w->base.dtype;
    double normal = bnf_dtype_tiny(dtype) / (2 * bnf_dtype_roundoff(dtype));
    for (size_t i = 0; i < form->count; i++) {
        double old = at(w->quantized->scale, w->quantized->count, i), new = scaled(w->quantized, form, i);
        double stored = bnf_round(dtype, new);
        if (!(fabs(stored) <= bnf_dtype_max(dtype)))
            return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "scale %g of DequantizeLinear '%s' would become %g, which "
                "does not fit %s", old, text, new, bnf_dtype_name(dtype));
        if (new != old && fabs(stored) < normal)
            return bnf_refuse(fold, plan, BNF_REASON_UNDERFLOW, "scale %g of DequantizeLinear '%s' would become %g, below "
                "the least normal %s, %g", old, text, new, bnf_dtype_name(dtype), normal);
    }
    return BNF_ANSWER_YES;
}

/* One pass over the integers: mirrored ones stay in their type, and what is made of them in the weight's. */
static int check_integers(struct bnf_fold *fold, struct bnf_plan *plan, const char *text, const struct bnf_pending *w,
    const struct form *form)
{
    const struct bnf_quantized *q = w->quantized;
    struct bnf_quantized formed = *q; /* for bnf_quantized_channel */
    double low, high, x[chunk], most = bnf_dtype_max(w->base.dtype);
    int64_t since;
    bnf_quantized_range(q->integers.dtype, &low, &high, &since);
    formed.run = bnf_quantized_run(&q->integers, form->axis);
    formed.count = form->count;
    bool mirrored = false, wide = false;
    for (size_t i = 0; i < form->count; i++) {
        mirrored = mirrored || form->factor[i] < 0;
        wide = wide || !(fabs(scaled(q, form, i)) * 2 * (high - low) <= most);
    }
    for (size_t done = 0; (mirrored || wide) && done < q->integers.count; done += chunk) {
        size_t n = q->integers.count - done < chunk ? q->integers.count - done : chunk;
        bnf_to_double(q->integers.dtype, q->integers.data, done, n, x);
        for (size_t i = 0; i < n; i++) {
            size_t c = bnf_quantized_channel(&formed, done + i);
            double zero = at(q->zero, q->count, c), becomes = mirror(x[i], zero, form->factor[c]);
            if (!(becomes >= low && becomes <= high))
                return bnf_refuse(fold, plan, BNF_REASON_QUANT_RANGE,
                    "the scale of channel %zu is negative, and %g of DequantizeLinear '%s', mirrored at its zero point %g, "
                    "would be %g, but %s holds %g to %g", c, x[i], text, zero, becomes, bnf_dtype_name(q->integers.dtype),
                    low, high);
            if (!(fabs(scaled(q, form, c) * (becomes - zero)) <= most))
                return bnf_refuse(fold, plan, BNF_REASON_OVERFLOW, "a folded weight of DequantizeLinear '%s' does not fit %s",
                    text, bnf_dtype_name(w->base.dtype));
        }
    }
    return BNF_ANSWER_YES;
}

int bnf_quantized_check(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, const struct bnf_pending *w,
    const double *factors, bool on_outer, struct bnf_err *err)
{
    const struct bnf_quantized *q = w->quantized;
    const struct bnf_graph *g = fold->graph;
    const struct bnf_factors more = {.outer = on_outer ? factors : NULL, .inner = on_outer ? NULL : factors};
    int64_t opset = bnf_node_opset(g, q->node);
    struct form form;
    char text[256], layer[256];
    bnf_node_text(g, q->node, text, sizeof text);
    bnf_node_text(g, node, layer, sizeof layer);
    int axis = on_outer ? q->outer_axis : q->inner_axis;
    int answer = find_form(fold, w, &more, &form, err);
    if (answer == BNF_ANSWER_NO && q->axis >= 0 && q->axis != axis)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "DequantizeLinear '%s' has its scales on axis %d, but the affine scales the weight of '%s' on axis %d", text,
            q->axis, layer, axis);
    if (answer == BNF_ANSWER_NO)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "the weight of '%s' would need scales for each group of its axis %d, and DequantizeLinear '%s' has one for each "
            "index", layer, axis, text);
    if (answer)
        return answer;
    if (form.count != q->count && opset < 13)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "DequantizeLinear '%s' has one scale for all channels, and one for each needs operator set 13, not %lld", text,
            (long long)opset);
    answer = check_scales(fold, plan, text, w, &form);
    return answer ? answer : check_integers(fold, plan, text, w, &form);
}

/* ---- storing ---- */

static void fill_integers(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out)
{
    const struct bnf_quantized *q = source->context;
    size_t bits = bnf_dtype_bits(q->integers.dtype), first = offset * 8 / bits, count = size * 8 / bits;
    double x[chunk];
    if (count > q->integers.count - first)
        count = q->integers.count - first; /* the last byte may hold one int4 only */
    for (size_t done = 0; done < count; done += chunk) {
        size_t n = count - done < chunk ? count - done : chunk;
        bnf_to_double(q->integers.dtype, q->integers.data, first + done, n, x);
        for (size_t i = 0; i < n; i++) {
            size_t c = bnf_quantized_channel(q, first + done + i);
            x[i] = mirror(x[i], q->zero[c], q->factor[c]);
        }
        bnf_integers_write(q->integers.dtype, x, n, out + done * bits / 8);
    }
}

/* The DequantizeLinear that this layer alone reads, with a fresh name for what it computes now. */
static int take_node(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *w, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    struct bnf_quantized *q = w->quantized;
    bnf_id old = bnf_node_input(g, node, slot), fresh, scope = g->nodes[node].scope;
    bool shared = g->values[old].use_count != 1 || g->values[old].output_uses || g->nodes[q->node].scope != scope;
    struct bnf_shape shape = g->values[old].shape;
    int status = bnf_edit_value(g, scope, g->values[old].name, &fresh, err);
    if (status)
        return status;
    g->values[fresh].shape = shape;
    if (shared) {
        const Onnx__NodeProto *from = g->nodes[q->node].proto;
        const char *layer = g->nodes[node].proto->name;
        const char *name = layer && *layer ? bnf_arena_format(fold->arena, "%s.DequantizeLinear", layer) : NULL;
        Onnx__AttributeProto **list = bnf_arena_alloc(fold->arena, from->n_attribute, sizeof *list);
        bnf_id copy, source = q->node;
        if (!list || (layer && *layer && !name))
            return bnf_fail_memory(err);
        status = bnf_edit_node(g, scope, "DequantizeLinear", name, g->nodes[source].input_count, 1, &copy, err);
        if (status)
            return status;
        if (from->n_attribute)
            memcpy(list, from->attribute, from->n_attribute * sizeof *list);
        g->nodes[copy].proto->attribute = list;
        g->nodes[copy].proto->n_attribute = from->n_attribute;
        g->nodes[copy].position = g->nodes[node].position;
        for (uint32_t i = 0; i < g->nodes[source].input_count; i++)
            bnf_edit_set_input(g, copy, i, bnf_node_input(g, source, i));
        q->node = copy;
    }
    bnf_edit_set_output(g, q->node, 0, fresh);
    bnf_edit_set_input(g, node, slot, fresh);
    return bnf_fold_know(fold, fresh, w, err);
}

/* One scale and zero point become one for each index of the axis. */
static int grow(struct bnf_fold *fold, struct bnf_quantized *q, const struct form *form, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    double *scale = bnf_arena_alloc(fold->arena, form->count, sizeof *scale);
    double *zero = bnf_arena_alloc(fold->arena, form->count, sizeof *zero);
    size_t bytes;
    if (!scale || !zero || !bnf_dtype_bytes(q->integers.dtype, form->count, &bytes))
        return bnf_fail_memory(err);
    for (size_t i = 0; i < form->count; i++) {
        scale[i] = q->scale[0];
        zero[i] = q->zero[0];
    }
    q->scale = scale;
    q->zero = zero;
    q->axis = form->axis;
    q->count = form->count;
    q->run = bnf_quantized_run(&q->integers, q->axis);
    q->scale_rank = 1;
    q->stored = NULL;
    int status = bnf_edit_attr_int(g, q->node, "axis", form->axis, err);
    bnf_id old = bnf_node_input(g, q->node, 2), value;
    if (status || old == BNF_NONE)
        return status;
    const int64_t extent = (int64_t)form->count;
    uint8_t *packed = bnf_arena_alloc(fold->arena, bytes, 1);
    if (!packed)
        return bnf_fail_memory(err);
    bnf_integers_write(q->integers.dtype, zero, form->count, packed);
    status = bnf_edit_initializer(
        g, g->nodes[q->node].scope, g->values[old].name, q->integers.dtype, &extent, 1, &value, err);
    if (status)
        return status;
    Onnx__TensorProto *tensor = bnf_edit_tensor(g, value);
    tensor->has_raw_data = true;
    tensor->raw_data.data = packed;
    tensor->raw_data.len = bytes;
    bnf_edit_set_input(g, q->node, 2, value);
    return BNF_OK;
}

/* New integers where a factor is not positive, else the source model's. */
static int store_integers(struct bnf_fold *fold, struct bnf_quantized *q, struct bnf_err *err)
{
    struct bnf_graph *g = fold->graph;
    bool mirrored = false;
    bnf_id value = q->integers_value;
    for (size_t i = 0; i < q->count; i++)
        mirrored = mirrored || !(q->factor[i] > 0);
    if (mirrored == q->mirrored)
        return BNF_OK;
    if (mirrored) {
        int status = bnf_edit_initializer(g, g->nodes[q->node].scope, g->values[q->integers_value].name,
            q->integers.dtype, q->integers.dims, q->integers.rank, &value, err);
        if (status)
            return status;
        struct bnf_source *source = bnf_arena_alloc(fold->arena, 1, sizeof *source);
        if (!source)
            return bnf_fail_memory(err);
        *source = (struct bnf_source){.size = q->integers.bytes,
            .grain = bnf_dtype_bits(q->integers.dtype) < 8 ? 1 : bnf_dtype_bits(q->integers.dtype) / 8,
            .fill = fill_integers,
            .context = q};
        bnf_model_set_source(g->model, bnf_edit_tensor(g, value), source);
    }
    q->mirrored = mirrored;
    bnf_edit_set_input(g, q->node, 0, value);
    return BNF_OK;
}

int bnf_quantized_attach(struct bnf_fold *fold, bnf_id node, uint32_t slot, struct bnf_pending *w, struct bnf_err *err)
{
    struct bnf_quantized *q = w->quantized;
    struct form form;
    int status = find_form(fold, w, &(struct bnf_factors){0}, &form, err);
    if (status < 0)
        return status;
    if (status)
        bnf_bug("a quantized weight takes what was checked");
    bool first = bnf_fold_pending(fold, bnf_node_input(fold->graph, node, slot)) != w;
    if (first && form.factor[0] == 1 && all_equal(form.factor, form.count))
        return BNF_OK; /* a shift alone: the weight stays as it is */
    status = first ? take_node(fold, node, slot, w, err) : BNF_OK;
    if (!status && form.count != q->count)
        status = grow(fold, q, &form, err);
    if (status)
        return status;
    q->factor = bnf_arena_alloc(fold->arena, q->count, sizeof *q->factor);
    if (!q->factor)
        return bnf_fail_memory(err);
    memcpy(q->factor, form.factor, q->count * sizeof *q->factor);
    const int64_t extent = (int64_t)q->count;
    if (!q->stored)
        q->stored = bnf_pending_dense(fold->arena, w->base.dtype, &extent, q->scale_rank);
    if (!q->stored)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < q->count; i++)
        q->stored->dense[i] = scaled(q, &form, i);
    const char *name = bnf_fold_name(fold, bnf_node_input(fold->graph, q->node, 1));
    status = bnf_fold_attach(fold, q->node, 1, q->stored, name, err);
    return status ? status : store_integers(fold, q, err);
}
