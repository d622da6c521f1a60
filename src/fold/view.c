#include "fold/view.h"

#include <stdio.h>
#include <string.h>

enum { most_elements = 1 << 22 };

bool bnf_view_read(const struct bnf_fold *fold, bnf_id value, struct bnf_view *out)
{
    const struct bnf_shape *shape = &fold->graph->values[value].shape;
    *out = (struct bnf_view){.value = value, .rank = shape->rank};
    if (shape->rank < 0 || shape->rank > bnf_view_most_rank)
        return false;
    if (shape->rank)
        memcpy(out->dims, shape->dims, (size_t)shape->rank * sizeof *out->dims);
    return true;
}

static void substitute(struct bnf_view *view, int64_t symbol, int64_t extent)
{
    for (int i = 0; i < view->rank; i++)
        if (view->dims[i] == symbol)
            view->dims[i] = extent;
}

bool bnf_view_learn(struct bnf_view *view, int axis, size_t channels, struct bnf_view *other)
{
    if (axis < 0 || axis >= view->rank)
        return false;
    int64_t extent = view->dims[axis];
    if (extent >= 0)
        return extent == (int64_t)channels;
    if (extent != BNF_DIM_UNKNOWN) {
        substitute(view, extent, (int64_t)channels);
        substitute(other, extent, (int64_t)channels);
    }
    view->dims[axis] = (int64_t)channels;
    return true;
}

/* The product of the extents that are numbers, each symbol taken off the list `others` (of which `used` says
 * what is gone already). False: a symbol is not there, an extent is unknown, or the product is too large. */
static bool multiply(
    const int64_t *dims, int count, const int64_t *others, int other_count, bool *used, int64_t *product)
{
    *product = 1;
    for (int i = 0; i < count; i++) {
        if (dims[i] >= 0) {
            if (__builtin_mul_overflow(*product, dims[i], product))
                return false;
            continue;
        }
        int match = 0;
        while (match < other_count && (used[match] || others[match] != dims[i]))
            match++;
        if (dims[i] == BNF_DIM_UNKNOWN || match == other_count)
            return false;
        used[match] = true;
    }
    return true;
}

/* Two products of extents are equal for certain: the same symbols, and the same number. */
static bool are_equal(const int64_t *a, int a_count, const int64_t *b, int b_count)
{
    bool in_a[bnf_view_most_rank] = {false}, in_b[bnf_view_most_rank] = {false};
    int64_t x, y;
    return multiply(a, a_count, b, b_count, in_b, &x) && multiply(b, b_count, a, a_count, in_a, &y) && x == y;
}

/* All elements before axis i of one view lie before axis k of the other, and the others behind. */
static bool is_boundary(const struct bnf_view *a, int i, const struct bnf_view *b, int k)
{
    return are_equal(a->dims, i, b->dims, k) || are_equal(a->dims + i, a->rank - i, b->dims + k, b->rank - k);
}

struct bnf_view_span bnf_view_span(const struct bnf_view *from, int axis, const struct bnf_view *to)
{
    struct bnf_view_span span = {0, from->rank, 0, to->rank};
    for (int i = axis; i > 0; i--) {
        int k = to->rank;
        while (k >= 0 && !is_boundary(from, i, to, k))
            k--;
        if (k < 0)
            continue;
        span.first = i;
        span.to_first = k;
        break;
    }
    for (int i = axis + 1; i < from->rank; i++) {
        int k = span.to_first;
        while (k <= to->rank && !is_boundary(from, i, to, k))
            k++;
        if (k > to->rank)
            continue;
        span.last = i;
        span.to_last = k;
        break;
    }
    return span;
}

size_t bnf_view_count(const struct bnf_view *view, int first, int last)
{
    size_t count = 1;
    for (int i = first; i < last; i++) {
        if (view->dims[i] <= 0 || view->dims[i] > most_elements)
            return 0;
        count *= (size_t)view->dims[i];
        if (count > most_elements)
            return 0;
    }
    return count;
}

int bnf_view_settle(struct bnf_fold *fold, const struct bnf_affine *affine, const uint32_t *channel,
    const struct bnf_view *view, int first, int last, struct bnf_affine *out, struct bnf_err *err)
{
    size_t count = bnf_view_count(view, first, last), run = count;
    for (int axis = first; axis < last; axis++) {
        size_t extent = (size_t)view->dims[axis];
        bool alone = true;
        run /= extent;
        if (extent == 1)
            continue;
        *out = bnf_affine_make(&fold->scratch, axis, extent);
        if (!out->scale)
            return bnf_fail_memory(err);
        for (size_t k = 0; k < extent; k++) {
            out->scale[k] = affine->scale[channel[k * run]];
            out->shift[k] = affine->shift[channel[k * run]];
        }
        for (size_t f = 0; alone && f < count; f++) {
            size_t k = f / run % extent;
            alone = out->scale[k] == affine->scale[channel[f]] && out->shift[k] == affine->shift[channel[f]];
        }
        if (alone)
            return BNF_ANSWER_YES;
    }
    return BNF_ANSWER_NO;
}

/* [2,3,?]: what is no number is a question mark. */
static const char *extents_text(const struct bnf_view *view, char *text, size_t room)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i <= view->rank && at + 24 < room; i++) {
        if (i == view->rank)
            at += (size_t)snprintf(text + at, room - at, i ? "]" : "[]");
        else if (view->dims[i] < 0)
            at += (size_t)snprintf(text + at, room - at, i ? ",?" : "[?");
        else
            at += (size_t)snprintf(text + at, room - at, "%c%lld", i ? ',' : '[', (long long)view->dims[i]);
    }
    return text;
}

static int refuse(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t,
    enum bnf_reason reason, const struct bnf_view *from, const struct bnf_view *to,
    const struct bnf_affine *a)
{
    const char *op = t->proto->op_type;
    char in[256], out[256];
    extents_text(t->back ? to : from, in, sizeof in);
    extents_text(t->back ? from : to, out, sizeof out);
    if (reason == BNF_REASON_SHAPE_UNKNOWN)
        return bnf_refuse(fold, plan, reason,
            "%s '%s' makes %s of %s, which does not tell where the %zu channels on axis %d of its %s come to "
            "lie",
            op, t->text, out, in, a->channels, a->axis, t->back ? "result" : "input");
    return bnf_refuse(fold, plan, reason,
        "%s '%s' makes %s of %s, where no axis of its %s alone has the %zu channels of axis %d", op, t->text,
        out, in, t->back ? "input" : "result", a->channels, a->axis);
}

int bnf_view_affine(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_through *t,
    const struct bnf_affine *a, struct bnf_err *err)
{
    bnf_id from_value = t->back ? t->output : t->input, to_value = t->back ? t->input : t->output;
    struct bnf_view from, to;
    bool from_known = bnf_view_read(fold, from_value, &from);
    if (!from_known || !bnf_view_read(fold, to_value, &to))
        return bnf_refuse(fold, plan, BNF_REASON_RANK_UNKNOWN,
            "%s '%s' cannot be followed: the rank of '%s' is not known", t->proto->op_type, t->text,
            bnf_fold_name(fold, from_known ? to_value : from_value));
    if (!bnf_view_learn(&from, a->axis, a->channels, &to))
        return refuse(fold, plan, t, BNF_REASON_BROADCAST, &from, &to, a);
    struct bnf_view_span span = bnf_view_span(&from, a->axis, &to);
    size_t count = bnf_view_count(&from, span.first, span.last);
    if (!count || count != bnf_view_count(&to, span.to_first, span.to_last))
        return refuse(fold, plan, t, BNF_REASON_SHAPE_UNKNOWN, &from, &to, a);
    uint32_t *channel = bnf_arena_alloc(&fold->scratch, count, sizeof *channel);
    if (!channel)
        return bnf_fail_memory(err);
    size_t run = bnf_view_count(&from, a->axis + 1, span.last);
    for (size_t f = 0; f < count; f++)
        channel[f] = (uint32_t)(f / run % a->channels);
    int answer = bnf_view_settle(fold, a, channel, &to, span.to_first, span.to_last, &t->affine, err);
    return answer == BNF_ANSWER_NO ? refuse(fold, plan, t, BNF_REASON_AXIS_MISMATCH, &from, &to, a) : answer;
}
