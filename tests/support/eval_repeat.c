/* Operators of the reference evaluator that repeat elements or move them between channels and positions. */
#include "support/eval_step.h"

#include <string.h>

/* Element `index` of a tensor of these extents, along each axis. */
static void coordinates(size_t index, const struct eval_tensor *t, size_t at[eval_most_rank])
{
    for (size_t i = t->rank; i-- > 0; index /= (size_t)t->dims[i])
        at[i] = index % (size_t)t->dims[i];
}

/* Out element k is the element of x at `at`, in which coordinates past the end begin again; x may lack axes
 * in front. */
static void take(struct step *s, size_t k, const size_t at[eval_most_rank])
{
    const struct eval_tensor *x = s->in[0];
    size_t from = 0, missing = s->out->rank - x->rank;
    for (size_t i = 0; i < x->rank; i++)
        from = from * (size_t)x->dims[i] + at[missing + i] % (size_t)x->dims[i];
    s->out->value[k] = x->value[from];
    s->out->mag[k] = x->mag[from];
}

static void repeat(struct step *s, const int64_t *dims, size_t rank)
{
    size_t at[eval_most_rank];
    *s->out = eval_new(s->arena, dims, rank);
    for (size_t k = 0; k < s->out->count; k++) {
        coordinates(k, s->out, at);
        take(s, k, at);
    }
}

bool step_expand(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *shape = s->in[1];
    size_t rank = shape->count > x->rank ? shape->count : x->rank;
    int64_t dims[eval_most_rank];
    for (size_t i = 0; i < rank; i++) {
        int64_t own = i + x->rank < rank ? 1 : x->dims[i + x->rank - rank];
        int64_t asked = i + shape->count < rank ? 1 : (int64_t)shape->value[i + shape->count - rank];
        if (own != asked && own != 1 && asked != 1)
            return step_refuse(s, "Expand to what does not broadcast");
        dims[i] = own == 1 ? asked : own;
    }
    repeat(s, dims, rank);
    return true;
}

bool step_tile(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    int64_t dims[eval_most_rank];
    if (s->opset < 6 || s->in[1]->count != x->rank)
        return step_refuse(s, "Tile of one axis");
    for (size_t i = 0; i < x->rank; i++)
        dims[i] = x->dims[i] * (int64_t)s->in[1]->value[i];
    repeat(s, dims, x->rank);
    return true;
}

/* Position (h, w) of channel c among the few is position (h/b, w/b) of the many: of channel block·C + c, or
 * c·b² + block in mode CRD, block = (h mod b)·b + w mod b. */
bool step_depth(struct step *s)
{
    const struct eval_tensor *x = s->in[0];
    bool to_space = strcmp(s->node->op_type, "DepthToSpace") == 0, crd = bnf_attr_is(s->node, "mode", "CRD");
    int64_t b = bnf_attr_int(s->node, "blocksize", 1), squares = b * b;
    int64_t n = x->dims[0], few = to_space ? x->dims[1] / squares : x->dims[1];
    int64_t height = to_space ? x->dims[2] : x->dims[2] / b, width = to_space ? x->dims[3] : x->dims[3] / b;
    int64_t deep[4] = {n, few * squares, height, width}, wide[4] = {n, few, height * b, width * b};
    *s->out = eval_new(s->arena, to_space ? wide : deep, 4);
    const struct eval_tensor spread = {.rank = 4, .dims = {wide[0], wide[1], wide[2], wide[3]}};
    for (size_t k = 0; k < x->count; k++) {
        size_t at[eval_most_rank];
        coordinates(k, &spread, at);
        size_t size = (size_t)b, block = at[2] % size * size + at[3] % size;
        size_t channel = crd ? at[1] * size * size + block : block * (size_t)few + at[1];
        size_t stacked =
            ((at[0] * (size_t)deep[1] + channel) * (size_t)height + at[2] / size) * (size_t)width +
            at[3] / size;
        s->out->value[to_space ? k : stacked] = x->value[to_space ? stacked : k];
        s->out->mag[to_space ? k : stacked] = x->mag[to_space ? stacked : k];
    }
    return true;
}
