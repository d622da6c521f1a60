#include "fold/affine.h"

#include "onnx/dtype.h"

#include <math.h>

struct bnf_affine bnf_affine_make(struct bnf_arena *arena, int axis, size_t channels)
{
    struct bnf_affine a = {.axis = axis, .channels = channels};
    a.scale = bnf_arena_alloc(arena, channels, sizeof *a.scale);
    a.shift = bnf_arena_alloc(arena, channels, sizeof *a.shift);
    if (!a.shift)
        a.scale = NULL;
    for (size_t i = 0; a.scale && i < channels; i++)
        a.scale[i] = 1;
    return a;
}

bool bnf_affine_compose(struct bnf_arena *arena, const struct bnf_affine *second, const struct bnf_affine *first,
    struct bnf_affine *out)
{
    bool any1 = first->axis == BNF_AXIS_ANY, any2 = second->axis == BNF_AXIS_ANY;
    if (!any1 && !any2 && (first->axis != second->axis || first->channels != second->channels))
        return false;
    const struct bnf_affine *wide = any1 ? second : first;
    *out = bnf_affine_make(arena, wide->axis, wide->channels);
    for (size_t i = 0; out->scale && i < out->channels; i++) {
        size_t a = any1 ? 0 : i, b = any2 ? 0 : i;
        out->scale[i] = second->scale[b] * first->scale[a];
        out->shift[i] = second->scale[b] * first->shift[a] + second->shift[b];
    }
    return out->scale != NULL;
}

bool bnf_affine_expand(struct bnf_arena *arena, const struct bnf_affine *affine, int axis, size_t channels,
    struct bnf_affine *out)
{
    *out = *affine;
    if (affine->axis != BNF_AXIS_ANY)
        return affine->axis == axis && affine->channels == channels;
    *out = bnf_affine_make(arena, axis, channels);
    for (size_t i = 0; out->scale && i < channels; i++) {
        out->scale[i] = affine->scale[0];
        out->shift[i] = affine->shift[0];
    }
    return out->scale != NULL;
}

bool bnf_affine_no_shift(const struct bnf_affine *affine)
{
    for (size_t i = 0; i < affine->channels; i++)
        if (affine->shift[i] != 0)
            return false;
    return true;
}

bool bnf_affine_unit_scale(const struct bnf_affine *affine)
{
    for (size_t i = 0; i < affine->channels; i++)
        if (affine->scale[i] != 1)
            return false;
    return true;
}

bool bnf_affine_is_uniform(const struct bnf_affine *affine)
{
    for (size_t c = 1; c < affine->channels; c++)
        if (affine->scale[c] != affine->scale[0] || affine->shift[c] != affine->shift[0])
            return false;
    return true;
}

struct bnf_affine bnf_affine_scalar(struct bnf_arena *arena, const struct bnf_affine *affine)
{
    struct bnf_affine out = bnf_affine_make(arena, BNF_AXIS_ANY, 1);
    if (out.scale) {
        out.scale[0] = affine->scale[0];
        out.shift[0] = affine->shift[0];
    }
    return out;
}

bool bnf_affine_finite(const struct bnf_affine *affine)
{
    for (size_t i = 0; i < affine->channels; i++)
        if (!isfinite(affine->scale[i]) || !isfinite(affine->shift[i]))
            return false;
    return true;
}

bool bnf_affine_is_identity(const struct bnf_affine *affine, int dtype)
{
    for (size_t i = 0; i < affine->channels; i++)
        if (bnf_round(dtype, affine->scale[i]) != 1 || bnf_round(dtype, affine->shift[i]) != 0)
            return false;
    return true;
}
