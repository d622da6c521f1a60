/* Faults in numbers that the fold stored. */
#include "support/fault.h"

#include "onnx/dtype.h"
#include "onnx/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the number that goes wrong */

/* A stored constant, its element type, and its elements before and after the fault. */
struct site {
    Onnx__NodeProto *node;
    Onnx__TensorProto *tensor;
    size_t count;
    double *old, *new;
};

static bool is_layer(const Onnx__NodeProto *node)
{
    return strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0 ||
           strcmp(node->op_type, "Gemm") == 0 || strcmp(node->op_type, "MatMul") == 0;
}

static bool was_made(const char *name)
{
    return strstr(name, ".bnfold") != NULL;
}

/* A random constant that the fold made: a layer's weight (slot 0 or 1), its bias (slot 2), or an operand of
 * Mul and Add. */
static bool pick(
    struct subject *s, const struct make *m, bool layers, size_t low, size_t high, struct site *site)
{
    unsigned seen = 0;
    *site = (struct site){0};
    for (size_t i = 0; i < m->graph->n_node; i++) {
        Onnx__NodeProto *node = m->graph->node[i];
        bool map = strcmp(node->op_type, "Mul") == 0 || strcmp(node->op_type, "Add") == 0;
        for (size_t slot = low; slot <= high && slot < node->n_input; slot++) {
            Onnx__TensorProto *t = make_find_initializer(m, node->input[slot]);
            if ((layers ? is_layer(node) : map) && t && was_made(t->name) && rng_below(&s->rng, ++seen) == 0)
                *site = (struct site){.node = node, .tensor = t};
        }
    }
    if (!site->node)
        return false;
    bnf_volume(site->tensor->dims, site->tensor->n_dims, &site->count);
    site->old = bnf_arena_alloc(&s->arena, site->count, sizeof *site->old);
    site->new = bnf_arena_alloc(&s->arena, site->count, sizeof *site->new);
    if (!site->old || !site->new || !site->count)
        return false;
    bnf_to_double(site->tensor->data_type, site->tensor->raw_data.data, 0, site->count, site->old);
    memcpy(site->new, site->old, site->count * sizeof *site->new);
    return true;
}

/* Does this element reach an output? Seen by changing it by a lot. */
static bool matters(struct subject *s, const struct site *site, size_t element)
{
    double other = site->old[element] + (site->old[element] > 0 ? -1.5 : 1.5);
    struct make m;
    make_open(&m, &s->folded);
    Onnx__TensorProto *t = make_find_initializer(&m, site->tensor->name);
    bnf_from_double(t->data_type, &other, 1, t->raw_data.data, element);
    struct packed packed = pack_proto(m.model);
    double off = subject_difference(s, &packed);
    bnf_free(packed.bytes);
    make_end(&m);
    return off > 1000;
}

/* Terms a bias element is summed from are at most what the source sums for a value of that channel. */
static double terms_of(struct subject *s, const struct site *site)
{
    const struct eval_tensor *y = subject_value(s, site->node->output[0]);
    double most = y ? 0 : INFINITY;
    for (size_t i = 0; y && i < y->count; i++)
        most = fmax(most, y->mag[i]);
    return most;
}

/* Stores the new numbers. The fault counts when one that matters is off by more than three units: one of them
 * the right number may be off already. */
static enum fault_effect store(struct subject *s, const struct site *site, bool sum)
{
    double limit = s->gen.dtype == BNF_DTYPE_DOUBLE ? 17 : 3, tiny = bnf_dtype_tiny(site->tensor->data_type);
    double terms = sum ? terms_of(s, site) : 0;
    bnf_from_double(site->tensor->data_type, site->new, site->count, site->tensor->raw_data.data, 0);
    for (size_t i = 0; i < site->count; i++) {
        double allowed = limit * s->u * (sum ? terms : fabs(site->old[i])) + 2 * tiny;
        if (!(fabs(site->new[i] - site->old[i]) <= allowed) && matters(s, site, i))
            return FAULT_COUNTS;
    }
    return FAULT_SMALL;
}

/* ---- kinds of going wrong */

static void flip(struct subject *s, struct site *site)
{
    size_t at = rng_below(&s->rng, (unsigned)site->count), size = bnf_dtype_bits(site->tensor->data_type) / 8;
    unsigned bit = 4 + rng_below(&s->rng, (unsigned)size * 8 - 4);
    uint8_t bytes[8];
    memcpy(bytes, site->tensor->raw_data.data + at * size, size);
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    bnf_to_double(site->tensor->data_type, bytes, 0, 1, &site->new[at]);
}

static void narrow(struct site *site, int dtype)
{
    for (size_t i = 0; i < site->count; i++)
        site->new[i] = bnf_round(dtype, site->old[i]);
}

/* Extents of a weight as [first][second][run]: a Conv's are [M][C/g][k…], a matrix has no run. */
struct block {
    size_t first, second, run;
};

static struct block block_of(const struct site *site)
{
    struct block b = {1, 1, 1};
    for (size_t i = 0; i < site->tensor->n_dims; i++)
        *(i == 0 ? &b.first : i == 1 ? &b.second : &b.run) *= (size_t)site->tensor->dims[i];
    return b;
}

static void turn(struct site *site)
{
    struct block b = block_of(site);
    size_t piece = site->count / b.first;
    for (size_t i = 0; i < site->count; i++)
        site->new[i] = site->old[(i + piece) % site->count];
}

static void transpose(struct site *site)
{
    struct block b = block_of(site);
    for (size_t i = 0; i < b.first; i++)
        for (size_t j = 0; j < b.second; j++)
            for (size_t k = 0; k < b.run; k++)
                site->new[(i * b.second + j) * b.run + k] = site->old[(j * b.second + i) * b.run + k];
}

/* The source's constant that this one was made of: the same name without the fold's mark. */
static const double *original(struct subject *s, const struct site *site)
{
    char name[128];
    const char *mark = strstr(site->tensor->name, ".bnfold");
    snprintf(name, sizeof name, "%.*s", (int)(mark - site->tensor->name), site->tensor->name);
    const struct eval_tensor *t = subject_value(s, name);
    return t && t->count == site->count ? t->value : NULL;
}

/* new = original × the factor that the fold gave to another channel: that of `i` as an input instead of an
 * output, or that of the same place in the first group. */
static bool misplace(struct subject *s, struct site *site, bool groups)
{
    const double *from = original(s, site);
    struct block b = block_of(site);
    int64_t group = 1;
    for (size_t i = 0; i < site->node->n_attribute; i++)
        if (strcmp(site->node->attribute[i]->name, "group") == 0)
            group = site->node->attribute[i]->i;
    if (!from ||
        (groups ? group < 2 || strcmp(site->node->op_type, "ConvTranspose") != 0 : b.first != b.second))
        return false;
    for (size_t i = 0; i < b.first; i++) {
        for (size_t j = 0; j < b.second; j++) {
            for (size_t k = 0; k < b.run; k++) {
                size_t at = (i * b.second + j) * b.run + k, other;
                other = groups ? j * b.run + k : (j * b.second + i) * b.run + k;
                if (from[other] == 0)
                    return false;
                site->new[at] = from[at] * (site->old[other] / from[other]);
            }
        }
    }
    return true;
}

static bool damage(struct subject *s, struct site *site, enum number_fault which)
{
    struct block b = block_of(site);
    const double *from;
    switch (which) {
    case FLIP:
        flip(s, site);
        return true;
    case TO_FLOAT16:
        narrow(site, BNF_DTYPE_FLOAT16);
        return true;
    case TO_BFLOAT16:
        narrow(site, BNF_DTYPE_BFLOAT16);
        return true;
    case TO_ZERO:
        memset(site->new, 0, site->count * sizeof *site->new);
        return true;
    case TURN_CHANNELS:
        turn(site);
        return b.first > 1;
    case TRANSPOSED:
        if (b.first != b.second || b.first < 2)
            return false;
        transpose(site);
        return true;
    case STALE:
        from = original(s, site);
        if (from)
            memcpy(site->new, from, site->count * sizeof *site->new);
        return from != NULL;
    case WRONG_AXIS:
    case WRONG_GROUP:
        return misplace(s, site, which == WRONG_GROUP);
    }
    return false;
}

enum fault_effect fault_weight(struct subject *s, struct make *m, int which)
{
    struct site site;
    if (!pick(s, m, true, 0, 1, &site) || !damage(s, &site, (enum number_fault)which))
        return FAULT_NO_SITE;
    return store(s, &site, false);
}

enum fault_effect fault_bias(struct subject *s, struct make *m, int which)
{
    struct site site;
    if (!pick(s, m, true, 2, 2, &site) || !damage(s, &site, (enum number_fault)which))
        return FAULT_NO_SITE;
    return store(s, &site, true);
}

enum fault_effect fault_map(struct subject *s, struct make *m, int which)
{
    struct site site;
    if (!pick(s, m, false, 0, 1, &site) || !damage(s, &site, (enum number_fault)which))
        return FAULT_NO_SITE;
    return store(s, &site, site.node->op_type[0] == 'A');
}
