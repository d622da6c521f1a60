/* Einsum: operands are taken in pairs from the left; each pair becomes one batched matrix product over the
 * labels that only the two share. */
#include "eval/real/blas.h"

#include <string.h>

enum {
    letters = 52,
    all_labels = letters + bnf_most_rank, /* behind the letters: the axes that an ellipsis stands for */
    most_operands = 32,
};

/* Elements under labels, each at most once. data lies in `array` or is borrowed. */
struct view {
    const void *data;
    struct bnf_array *array; /* NULL: borrowed */
    bool has[all_labels];
    size_t step[all_labels]; /* 0 where it is repeated */
};

/* Labels in the order of axes. */
struct list {
    size_t count;
    unsigned char label[all_labels];
};

struct sum {
    struct bnf_call *call;
    int dtype;
    bool ints;
    size_t operand_count;
    struct list term[most_operands + 1]; /* of the operands as written, then of the output */
    struct view operand[most_operands];
    int64_t extent[all_labels]; /* -1: not in use */
};

/* ---- reading the equation */

static void push(struct list *list, int label)
{
    if (list->count < all_labels)
        list->label[list->count++] = (unsigned char)label;
}

/* One term from *text on; an ellipsis becomes the label `letters`, resolved later. False on anything else. */
static bool read_term(const char **text, const char *end, struct list *list)
{
    bool dots = false;
    for (; *text < end; ++*text) {
        char c = **text;
        if (c == ' ')
            continue;
        if (c >= 'A' && c <= 'Z') {
            push(list, c - 'A');
        } else if (c >= 'a' && c <= 'z') {
            push(list, 26 + c - 'a');
        } else if (c == '.' && end - *text >= 3 && memcmp(*text, "...", 3) == 0 && !dots) {
            push(list, letters);
            dots = true;
            *text += 2;
        } else {
            return c == ',' || c == '-';
        }
    }
    return true;
}

/* The output's labels where the equation does not state them: the ellipsis, then those that occur once,
 * sorted. */
static void imply(struct sum *s)
{
    struct list *out = &s->term[s->operand_count];
    size_t seen[letters + 1] = {0};
    for (size_t i = 0; i < s->operand_count; i++)
        for (size_t k = 0; k < s->term[i].count; k++)
            seen[s->term[i].label[k]]++;
    if (seen[letters])
        push(out, letters);
    for (int label = 0; label < letters; label++)
        if (seen[label] == 1)
            push(out, label);
}

static int read_equation(struct sum *s)
{
    const Onnx__AttributeProto *attribute = bnf_attr_find(s->call->proto, "equation");
    if (!attribute || !attribute->s.data)
        return bnf_call_wrong(s->call, "'equation' is missing");
    const char *text = (const char *)attribute->s.data, *end = text + attribute->s.len;
    size_t terms = 0;
    bool fine = true, stated = false;
    while (fine) {
        if (terms == s->operand_count)
            break;
        fine = read_term(&text, end, &s->term[terms++]);
        if (!fine || text == end || *text == '-')
            break;
        text++; /* a comma; another term follows */
        if (terms == s->operand_count)
            fine = false;
    }
    if (fine && text < end) {
        stated = end - text >= 2 && text[0] == '-' && text[1] == '>';
        text += 2;
        fine = stated && read_term(&text, end, &s->term[s->operand_count]) && text == end;
    }
    if (!fine || terms != s->operand_count)
        return bnf_call_wrong(s->call, "'equation' is '%.*s', which does not fit %zu inputs",
            (int)attribute->s.len, (const char *)attribute->s.data, s->operand_count);
    if (!stated)
        imply(s);
    return BNF_OK;
}

/* Replaces the ellipsis of a term by the last `own` of the labels behind the letters, of which there are
 * `all`. */
static void expand(struct list *list, size_t own, size_t all)
{
    struct list out = {0};
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < (list->label[i] == letters ? own : 1); k++)
            push(&out, list->label[i] == letters ? (int)(letters + all - own + k) : list->label[i]);
    *list = out;
}

/* Ellipses become labels, and every label gets its extent. */
static int measure(struct sum *s)
{
    struct bnf_call *call = s->call;
    size_t own[most_operands], all = 0;
    for (size_t i = 0; i < s->operand_count; i++) {
        const struct bnf_array *x = call->in[i];
        bool dots = memchr(s->term[i].label, letters, s->term[i].count);
        size_t named = s->term[i].count - dots;
        if (x->rank < named || (!dots && x->rank != named))
            return bnf_call_wrong(
                call, "input %zu has rank %zu, but its term has %zu labels", i, x->rank, named);
        own[i] = x->rank - named;
        all = own[i] > all ? own[i] : all;
    }
    for (size_t i = 0; i < all_labels; i++)
        s->extent[i] = -1;
    for (size_t i = 0; i < s->operand_count; i++) {
        expand(&s->term[i], own[i], all);
        for (size_t k = 0; k < s->term[i].count; k++) {
            int64_t *known = &s->extent[s->term[i].label[k]], extent = call->in[i]->dims[k];
            if (*known >= 0 && *known != extent && *known != 1 && extent != 1)
                return bnf_call_wrong(
                    call, "one label has the extents %lld and %lld", (long long)*known, (long long)extent);
            if (*known < 0 || *known == 1)
                *known = extent;
        }
    }
    struct list *out = &s->term[s->operand_count];
    expand(out, all, all);
    bool there[all_labels] = {false};
    for (size_t i = 0; i < out->count; i++) {
        if (s->extent[out->label[i]] < 0 || there[out->label[i]])
            return bnf_call_wrong(call, "a label of the output is in no input, or in the output twice");
        there[out->label[i]] = true;
    }
    return out->count <= bnf_most_rank ? BNF_OK
                                       : bnf_call_cannot(call, "the result has rank %zu", out->count);
}

static void see(struct sum *s, size_t i)
{
    const struct bnf_array *x = s->call->in[i];
    struct view *v = &s->operand[i];
    v->data = x->data;
    size_t step = 1;
    for (size_t k = x->rank; k-- > 0;) {
        int label = s->term[i].label[k];
        v->has[label] = true;
        v->step[label] += x->dims[k] == 1 ? 0 : step; /* a label twice is a diagonal */
        step *= (size_t)x->dims[k];
    }
}

/* ---- moving elements */

struct axis {
    size_t extent, from, to; /* steps in elements */
};

static void add_run(bool ints, const struct axis *axis, const void *from, void *to, bool add)
{
    if (ints) {
        const int64_t *x = from;
        int64_t *y = to;
        for (size_t i = 0; i < axis->extent; i++)
            y[i * axis->to] = (int64_t)((add ? (uint64_t)y[i * axis->to] : 0) + (uint64_t)x[i * axis->from]);
        return;
    }
    const real *x = from;
    real *y = to;
    if (add)
        for (size_t i = 0; i < axis->extent; i++)
            y[i * axis->to] += x[i * axis->from];
    else
        for (size_t i = 0; i < axis->extent; i++)
            y[i * axis->to] = x[i * axis->from];
}

/* to [labels of `order`] = the view, summed over the labels of `gone`. */
static void gather(
    const struct sum *s, const struct view *v, const struct list *order, const struct list *gone, void *to)
{
    struct axis axis[2 * all_labels];
    size_t rank = order->count + gone->count, step = 1, at[2 * all_labels] = {0}, total = 1;
    size_t size = s->ints ? sizeof(int64_t) : sizeof(real);
    for (size_t i = order->count; i-- > 0;) {
        int label = order->label[i];
        axis[gone->count + i] = (struct axis){(size_t)s->extent[label], v->step[label], step};
        step *= (size_t)s->extent[label];
    }
    for (size_t i = 0; i < gone->count; i++)
        axis[i] = (struct axis){(size_t)s->extent[gone->label[i]], v->step[gone->label[i]], 0};
    if (gone->count)
        memset(to, 0, step * size);
    if (!rank)
        axis[rank++] = (struct axis){1, 0, 0};
    for (size_t i = 0; i < rank; i++)
        total *= axis[i].extent;
    const struct axis *last = &axis[rank - 1];
    size_t from_at = 0, to_at = 0;
    for (size_t done = 0; done < total; done += last->extent) {
        add_run(s->ints, last, (const char *)v->data + from_at * size, (char *)to + to_at * size,
            gone->count > 0);
        for (size_t i = rank - 1; i-- > 0;) {
            from_at += axis[i].from;
            to_at += axis[i].to;
            if (++at[i] < axis[i].extent)
                break;
            from_at -= at[i] * axis[i].from;
            to_at -= at[i] * axis[i].to;
            at[i] = 0;
        }
    }
}

static size_t volume(const struct sum *s, const struct list *list)
{
    size_t n = 1;
    for (size_t i = 0; i < list->count; i++)
        n *= (size_t)s->extent[list->label[i]];
    return n;
}

static void append(struct list *list, const struct list *more)
{
    for (size_t i = 0; i < more->count; i++)
        push(list, more->label[i]);
}

/* A new array for these labels; NULL after setting the error. */
static struct bnf_array *room_for(const struct sum *s, const struct list *list)
{
    double elements = 1;
    for (size_t i = 0; i < list->count; i++)
        elements *= (double)s->extent[list->label[i]];
    int64_t count = elements < 1e15 ? (int64_t)volume(s, list) : INT64_MAX;
    struct bnf_array *array = bnf_array_new(s->call->budget, s->dtype, s->call->precision, 1, &count);
    if (!array)
        bnf_fail(s->call->err, BNF_ENOMEM, "out of memory for %.0f numbers", elements);
    return array;
}

/* Brings a view into the order batch, first, second and sums over what is gone; frees what it was in. */
static int pack(const struct sum *s, struct view *v, const struct list *batch, const struct list *first,
    const struct list *second, const struct list *gone)
{
    struct list order = *batch;
    append(&order, first);
    append(&order, second);
    size_t step = 1;
    bool ready = gone->count == 0;
    for (size_t i = order.count; i-- > 0; step *= (size_t)s->extent[order.label[i]])
        ready = ready && (v->step[order.label[i]] == step || s->extent[order.label[i]] == 1);
    if (ready)
        return BNF_OK;
    struct bnf_array *array = room_for(s, &order);
    if (!array)
        return BNF_ENOMEM;
    gather(s, v, &order, gone, array->data);
    bnf_array_drop(s->call->budget, v->array);
    v->array = array;
    v->data = array->data;
    return BNF_OK;
}

/* ---- one pair */

struct roles {
    struct list batch, left, right, shared, gone_left, gone_right;
};

static void sort_labels(const struct view *a, const struct view *b, const bool *kept, struct roles *r)
{
    for (int label = 0; label < all_labels; label++) {
        if (a->has[label] && b->has[label])
            push(kept[label] ? &r->batch : &r->shared, label);
        else if (a->has[label])
            push(kept[label] ? &r->left : &r->gone_left, label);
        else if (b->has[label])
            push(kept[label] ? &r->right : &r->gone_right, label);
    }
}

/* The product of two packed views [batch, m, k] and [batch, k, n] into y [batch, m, n]. */
static void multiply(const struct sum *s, const struct roles *r, const void *a, const void *b, void *y)
{
    size_t batches = volume(s, &r->batch), m = volume(s, &r->left), n = volume(s, &r->right);
    size_t k = volume(s, &r->shared);
    if (s->ints)
        memset(y, 0, batches * m * n * sizeof(int64_t));
    for (size_t i = 0; i < batches; i++) {
        if (s->ints) {
            R(bnf_multiply_ints)
            (false, false, m, n, k, (const int64_t *)a + i * m * k, (const int64_t *)b + i * k * n,
                (int64_t *)y + i * m * n);
            continue;
        }
        R(bnf_multiply)
        (s->call->threads, &(struct R(bnf_product)){.m = m,
                               .n = n,
                               .k = k,
                               .alpha = 1,
                               .a = (const real *)a + i * m * k,
                               .b = (const real *)b + i * k * n,
                               .c = (real *)y + i * m * n,
                               .lda = k ? k : 1,
                               .ldb = n,
                               .ldc = n});
    }
}

/* a becomes the product of a and b. */
static int contract(const struct sum *s, struct view *a, struct view *b, const bool *kept)
{
    struct roles r = {0};
    sort_labels(a, b, kept, &r);
    int status = pack(s, a, &r.batch, &r.left, &r.shared, &r.gone_left);
    if (!status)
        status = pack(s, b, &r.batch, &r.shared, &r.right, &r.gone_right);
    if (status)
        return status;
    const struct list *const sets[] = {&r.batch, &r.left, &r.right, &r.shared, &r.gone_left, &r.gone_right};
    double work = 1;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (size_t k = 0; k < sets[i]->count; k++)
            work *= (double)s->extent[sets[i]->label[k]];
    status = bnf_call_work(s->call, work);
    if (status)
        return status;
    struct list order = r.batch;
    append(&order, &r.left);
    append(&order, &r.right);
    struct bnf_array *y = room_for(s, &order);
    if (!y)
        return BNF_ENOMEM;
    multiply(s, &r, a->data, b->data, y->data);
    bnf_array_drop(s->call->budget, a->array);
    bnf_array_drop(s->call->budget, b->array);
    b->array = NULL;
    *a = (struct view){.data = y->data, .array = y};
    size_t step = 1;
    for (size_t i = order.count; i-- > 0; step *= (size_t)s->extent[order.label[i]]) {
        a->has[order.label[i]] = true;
        a->step[order.label[i]] = step;
    }
    return BNF_OK;
}

static int run(struct sum *s)
{
    struct list *out = &s->term[s->operand_count], gone = {0};
    int status = BNF_OK;
    for (size_t next = 1; !status && next < s->operand_count; next++) {
        bool kept[all_labels] = {false};
        for (size_t i = next + 1; i <= s->operand_count; i++)
            for (size_t k = 0; k < s->term[i].count; k++)
                kept[s->term[i].label[k]] = true;
        status = contract(s, &s->operand[0], &s->operand[next], kept);
    }
    int64_t dims[bnf_most_rank];
    bool there[all_labels] = {false};
    for (size_t i = 0; i < out->count; i++) {
        dims[i] = s->extent[out->label[i]];
        there[out->label[i]] = true;
    }
    for (int label = 0; label < all_labels; label++)
        if (s->operand[0].has[label] && !there[label])
            push(&gone, label);
    void *y = status ? NULL : bnf_call_output(s->call, 0, s->dtype, out->count, dims);
    if (y)
        gather(s, &s->operand[0], out, &gone, y);
    for (size_t i = 0; y && s->ints && i < s->call->out[0]->count; i++)
        ((int64_t *)y)[i] = bnf_int_wrap(s->dtype, ((int64_t *)y)[i]);
    for (size_t i = 0; i < s->operand_count; i++)
        bnf_array_drop(s->call->budget, s->operand[i].array);
    return status ? status : y ? BNF_OK : BNF_ENOMEM;
}

int R(bnf_op_einsum)(struct bnf_call *call)
{
    if (!call->input_count)
        return bnf_call_wrong(call, "it has no input");
    if (call->input_count > most_operands)
        return bnf_call_cannot(call, "%zu inputs are more than %d", call->input_count, most_operands);
    for (size_t i = 0; i < call->input_count; i++)
        if (!call->in[i] || call->in[i]->kind != call->in[0]->kind ||
            (call->in[i]->kind != BNF_KIND_REAL && call->in[i]->kind != BNF_KIND_INT))
            return bnf_call_wrong(call, "input %zu is missing or of another type", i);
    struct sum *s = bnf_arena_alloc(call->arena, 1, sizeof *s);
    if (!s)
        return bnf_fail_memory(call->err);
    s->call = call;
    s->dtype = call->in[0]->dtype;
    s->ints = call->in[0]->kind == BNF_KIND_INT;
    s->operand_count = call->input_count;
    int status = read_equation(s);
    if (!status)
        status = measure(s);
    if (status)
        return status;
    for (size_t i = 0; i < s->operand_count; i++)
        see(s, i);
    return run(s);
}
