#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rig.h"

#include "eval/operator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static unsigned long long setting(const char *name, unsigned long long fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

void rig_init(struct rig *r, uint64_t seed, enum bnf_precision precision)
{
    memset(r, 0, sizeof *r);
    r->rng = rng_new(seed);
    r->precision = precision;
    bnf_arena_init(&r->arena, 0);
    onnx__node_proto__init(&r->node);
    r->node.attribute = r->pointer;
}

/* Frees everything; what an operator took as scratch must be back in the budget. */
void rig_free(struct rig *r)
{
    for (size_t i = 0; i < r->input_count; i++)
        bnf_array_drop(&r->budget, r->in[i]);
    for (size_t i = 0; i < 2; i++)
        bnf_array_drop(&r->budget, r->out[i]);
    assert_int_equal(r->budget.used, 0);
    bnf_budget_clear(&r->budget);
    bnf_arena_free(&r->arena);
}

static Onnx__AttributeProto *attribute(
    struct rig *r, const char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = &r->attribute[r->node.n_attribute];
    assert_in_range(r->node.n_attribute, 0, rig_most_attributes - 1);
    onnx__attribute_proto__init(a);
    a->name = (char *)(uintptr_t)name;
    a->has_type = 1;
    a->type = type;
    r->pointer[r->node.n_attribute++] = a;
    return a;
}

void rig_int(struct rig *r, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = value;
}

void rig_float(struct rig *r, const char *name, float value)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = value;
}

void rig_text(struct rig *r, const char *name, const char *text)
{
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.data = (uint8_t *)(uintptr_t)text;
    a->s.len = strlen(text);
}

void rig_ints(struct rig *r, const char *name, size_t count, const int64_t *values)
{
    int64_t *room = r->ints[r->node.n_attribute];
    Onnx__AttributeProto *a = attribute(r, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    assert_in_range(count, 0, rig_most_ints);
    memcpy(room, values, count * sizeof *values);
    a->n_ints = count;
    a->ints = room;
}

double rig_get(const struct bnf_array *a, size_t index)
{
    return bnf_array_at(a, index);
}

void rig_put(struct bnf_array *a, size_t index, double value)
{
    if (a->kind == BNF_KIND_INT)
        ((int64_t *)a->data)[index] = (int64_t)value;
    else if (a->precision == BNF_PRECISION_FLOAT)
        ((float *)a->data)[index] = (float)value;
    else
        ((double *)a->data)[index] = value;
}

/* The next input: integers from low to high. */
struct bnf_array *rig_input(struct rig *r, int dtype, size_t rank, const int64_t *dims, int low, int high)
{
    struct bnf_array *a = bnf_array_new(&r->budget, dtype, r->precision, rank, dims);
    assert_non_null(a);
    for (size_t i = 0; i < a->count; i++)
        rig_put(a, i, (double)rng_range(&r->rng, low, high));
    r->in[r->input_count++] = a;
    return a;
}

int rig_run(struct rig *r, const char *type, int64_t opset, size_t outputs)
{
    const struct bnf_operator *operator= bnf_operator_find("", type, opset);
    const bool wanted[2] = {true, outputs > 1};
    assert_non_null(operator);
    struct bnf_call call = {.budget = &r->budget,
        .arena = &r->arena,
        .proto = &r->node,
        .opset = opset,
        .precision = r->precision,
        .threads = 1 + (unsigned)rng_below(&r->rng, 3),
        .input_count = r->input_count,
        .output_count = outputs,
        .in = r->in,
        .out = r->out,
        .wanted = wanted,
        .err = &r->err};
    return operator->run[r->precision](&call);
}

/* ---- windows */
/* Random extents of which the window covers some; spatial axes behind the others are 1. Sets the attributes.
 */
void geometry_draw(struct rig *r, struct geometry *g, int most_in, int most_pad, bool dilated, bool widens)
{
    int64_t pads[6];
    *g = (struct geometry){.spatial = 1 + rng_below(&r->rng, 3)};
    unsigned padding = rng_below(&r->rng, 6);
    for (size_t i = 0; i < 3; i++) {
        bool used = i < g->spatial, last = i + 1 == g->spatial;
        bool wide = widens && last && rng_percent(&r->rng, 8); /* short rows of results that lie far apart */
        g->kernel[i] = wide ? rng_range(&r->rng, 20, 90) : used ? rng_range(&r->rng, 1, 4) : 1;
        g->stride[i] = used ? rng_range(&r->rng, 1, 3) : 1;
        g->dilation[i] = used && dilated && rng_percent(&r->rng, 40) ? rng_range(&r->rng, 1, 3) : 1;
        int64_t reach = (g->kernel[i] - 1) * g->dilation[i] + 1;
        g->in[i] =
            used ? rng_range(&r->rng, reach, reach + (last && !wide ? 3 * most_in : most_in)) : 1;
        int64_t most = most_pad < reach - 1 ? most_pad : reach - 1;
        g->begin[i] = used && padding > 1 ? rng_range(&r->rng, 0, most) : 0;
        g->end[i] = used && padding > 1 ? rng_range(&r->rng, 0, most) : 0;
        if (used && padding == 0) { /* SAME_UPPER or SAME_LOWER, decided below */
            g->out[i] = (g->in[i] + g->stride[i] - 1) / g->stride[i];
            int64_t sum = (g->out[i] - 1) * g->stride[i] + reach - g->in[i];
            sum = sum < 0 ? 0 : sum;
            g->begin[i] = sum / 2;
            g->end[i] = sum - sum / 2;
        }
    }
    if (padding == 0 && rng_percent(&r->rng, 50)) {
        rig_text(r, "auto_pad", "SAME_UPPER");
    } else if (padding == 0) {
        rig_text(r, "auto_pad", "SAME_LOWER");
        for (size_t i = 0; i < 3; i++) {
            int64_t swap = g->begin[i];
            g->begin[i] = g->end[i];
            g->end[i] = swap;
        }
    } else if (padding == 1) {
        rig_text(r, "auto_pad", "VALID");
    } else {
        memcpy(pads, g->begin, g->spatial * sizeof *pads);
        memcpy(pads + g->spatial, g->end, g->spatial * sizeof *pads);
        rig_ints(r, "pads", 2 * g->spatial, pads);
    }
    g->ceil = padding > 1 && rng_percent(&r->rng, 50);
    for (size_t i = 0; i < 3; i++) {
        int64_t reach = (g->kernel[i] - 1) * g->dilation[i] + 1;
        if (padding != 0 || i >= g->spatial)
            g->out[i] = (g->in[i] + g->begin[i] + g->end[i] - reach) / g->stride[i] + 1;
    }
    rig_ints(r, "kernel_shape", g->spatial, g->kernel);
    rig_ints(r, "strides", g->spatial, g->stride);
    if (dilated)
        rig_ints(r, "dilations", g->spatial, g->dilation);
}

/* Steps to the next of all indices below the extents; false after the last. */
bool indices_next(size_t rank, int64_t *index, const int64_t *extents)
{
    for (size_t i = rank; i-- > 0; index[i] = 0)
        if (++index[i] < extents[i])
            return true;
    return false;
}

int64_t geometry_volume(const int64_t extents[3])
{
    return extents[0] * extents[1] * extents[2];
}

/* The element of a plane of `in` under tap `k` of the window at `o`; -1 in the padding. */
int64_t geometry_under(const struct geometry *g, const int64_t o[3], const int64_t k[3])
{
    int64_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        int64_t place = o[i] * g->stride[i] + k[i] * g->dilation[i] - g->begin[i];
        if (place < 0 || place >= g->in[i])
            return -1;
        at = at * g->in[i] + place;
    }
    return at;
}

void rig_assert_dims(const struct bnf_array *y, size_t rank, const int64_t *dims)
{
    assert_non_null(y);
    assert_int_equal(y->rank, rank);
    assert_memory_equal(y->dims, dims, rank * sizeof *dims);
}

void rig_assert_near(double found, double expected, const struct rig *r)
{
    double unit = r->precision == BNF_PRECISION_FLOAT ? 1e-6 : 1e-14;
    if (!(fabs(found - expected) <= unit * fabs(expected)))
        fail_msg("found %.17g, expected %.17g", found, expected);
}

void rig_repeat(void (*one)(uint64_t seed, enum bnf_precision precision), unsigned long long part)
{
    unsigned long long count = setting("COUNT", 1000) / part + 1, seed = setting("SEED", 1);
    for (unsigned long long i = 0; i < count; i++)
        for (int precision = 0; precision < 2; precision++)
            one(seed + i, (enum bnf_precision)precision);
}
