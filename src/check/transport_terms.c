/* One affine map in terms of another: what makes the candidate's of the reference's, or the other way round. */
#include "check/prover.h"

#include <math.h>
#include <string.h>

/* Two maps of the extents that both broadcast to, with the tensors of either. */
static bool make_both(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *const map[2],
    struct bnf_normal *out[2])
{
    int rank;
    int64_t dims[BNF_MAP_RANK];
    if (!bnf_normal_extents(map[0], map[1], &rank, dims))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!(out[i] = bnf_normal_new(p, arena, rank, dims)))
            return false;
        out[i]->scale_tensors = map[i] ? map[i]->scale_tensors : 0;
        out[i]->shift_tensors = map[i] ? map[i]->shift_tensors : 0;
    }
    return true;
}

/* What one scale is times another; where there is nothing in either model, which is any multiple, only shifts differ. */
static double factor_of(double new, double ref)
{
    return new == 0 && ref == 0 ? 1 : new / ref;
}

bool bnf_normal_terms(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *const map[2],
    const struct bnf_normal *out[2])
{
    struct bnf_normal *both[2];
    struct bnf_twin walk;
    if (!make_both(p, arena, map, both))
        return false;
    bnf_twin_start(&walk, both[0]->rank, both[0]->dims, map[0], map[1]);
    for (size_t i = 0; i < both[0]->count; i++, bnf_twin_next(&walk)) {
        size_t a = walk.at[0], b = walk.at[1];
        double factor = factor_of(bnf_scale_at(map[1], b), bnf_scale_at(map[0], a));
        both[0]->scale[i] = 1;
        both[0]->size[i] = bnf_size_at(map[0], a);
        both[1]->scale[i] = factor;
        both[1]->shift[i] = bnf_shift_at(map[1], b) - factor * bnf_shift_at(map[0], a);
        both[1]->size[i] = bnf_size_at(map[1], b) + fabs(factor) * bnf_size_at(map[0], a);
        if (!isfinite(factor) || factor == 0)
            return false;
    }
    both[1]->shift_tensors += both[1]->scale_tensors;
    for (int i = 0; i < 2; i++) {
        if (!bnf_normal_settle(both[i]))
            return false;
        out[i] = both[i];
    }
    return true;
}

/* Which numbers tell what one map is times another: scales, if they are not so small that they are rounded coarsely;
 * or else shifts; or else any scales. */
enum telling { TELL_SCALES, TELL_SHIFTS, TELL_SMALL, TELLING };

static bool tells(enum telling how, double small, double by, double of)
{
    return how == TELL_SCALES ? fabs(by) >= small && (of == 0 || fabs(of) >= small) : by != 0;
}

/* What `of` is times `by`: for each number or, along an axis, by the largest. */
static void find_factors(const struct bnf_normal *by, const struct bnf_normal *of, int dtype, int rank,
    const int64_t *dims, struct bnf_normal *out)
{
    const double small = bnf_coarse_below(dtype);
    size_t count = 1;
    bnf_volume(dims, rank < 0 ? 0 : (size_t)rank, &count);
    for (enum telling how = TELL_SCALES; how < TELLING; how++) {
        struct bnf_twin at, on;
        bnf_twin_start(&at, rank, dims, by, of);
        bnf_twin_start(&on, rank, dims, out, NULL);
        for (size_t i = 0; i < count; i++, bnf_twin_next(&at), bnf_twin_next(&on)) {
            size_t k = on.at[0];
            bool shifts = how == TELL_SHIFTS;
            double divisor = shifts ? bnf_shift_at(by, at.at[0]) : bnf_scale_at(by, at.at[0]);
            double dividend = shifts ? bnf_shift_at(of, at.at[1]) : bnf_scale_at(of, at.at[1]);
            /* shift: found by one of the ways before; size: the largest so far */
            if (out->shift[k] != 0 || !tells(how, small, divisor, dividend) || !(fabs(divisor) > out->size[k]))
                continue;
            out->size[k] = fabs(divisor);
            out->scale[k] = dividend / divisor;
        }
        for (size_t k = 0; k < out->count; k++)
            out->shift[k] = out->size[k];
    }
    for (size_t k = 0; k < out->count; k++) {
        if (out->size[k] == 0)
            out->scale[k] = 1;
        out->size[k] = out->shift[k] = 0;
    }
}

bool bnf_normal_multiple(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *const map[2],
    enum bnf_multiple which, int axis, int dtype, struct bnf_tally *tally, const struct bnf_normal *out[2])
{
    const bool swapped = which == BNF_REF_IS_MULTIPLE;
    const struct bnf_normal *multiple, *counted;
    int rank;
    int64_t dims[BNF_MAP_RANK], along[BNF_MAP_RANK];
    if (!map[1] || !bnf_normal_extents(map[0], map[1], &rank, dims) || axis >= rank)
        return false;
    for (int i = 0; i < rank; i++)
        along[i] = axis < 0 || i == axis ? dims[i] : 1;
    /* The factors are made of stored numbers, too. */
    const struct bnf_normal *stored =
        bnf_normal_counted(p, arena, map[1]->scale_tensors + map[1]->shift_tensors, 0);
    struct bnf_normal *factors = bnf_normal_new(p, arena, rank, along);
    if (!factors || !stored)
        return false;
    find_factors(map[swapped], map[!swapped], dtype, rank, dims, factors);
    if (!swapped)
        factors->scale_tensors = stored->scale_tensors;
    if (!bnf_normal_settle(factors) ||
        !bnf_normal_compose(p, arena, factors, map[swapped], &multiple) ||
        !bnf_normal_compose(p, arena, stored, swapped ? multiple : map[1], &counted) ||
        bnf_normal_compare(p, swapped ? map[0] : multiple, counted, dtype, tally) != BNF_EQUAL)
        return false;
    out[swapped] = swapped ? stored : NULL;
    return (out[!swapped] = bnf_normal_tidy(p, arena, factors)) != NULL;
}

bool bnf_normal_terms_along(struct bnf_prover *p, struct bnf_arena *arena,
    const struct bnf_normal *const map[2], int axis, int dtype, struct bnf_tally *tally,
    const struct bnf_normal *out[2])
{
    struct bnf_normal *both[2], *factors;
    const struct bnf_normal *rest;
    struct bnf_twin walk;
    if (!make_both(p, arena, map, both) || axis >= both[0]->rank ||
        !(factors = bnf_normal_new(p, arena, both[0]->rank, both[0]->dims)))
        return false;
    unsigned tensors = both[1]->scale_tensors;
    bnf_twin_start(&walk, factors->rank, factors->dims, map[0], map[1]);
    for (size_t i = 0; i < factors->count; i++, bnf_twin_next(&walk)) {
        size_t a = walk.at[0], b = walk.at[1];
        double factor = factor_of(bnf_scale_at(map[1], b), bnf_scale_at(map[0], a));
        factors->scale[i] = factor;
        both[0]->scale[i] = both[1]->scale[i] = 1;
        both[0]->shift[i] = factor * bnf_shift_at(map[0], a);
        both[0]->size[i] = fabs(factor) * bnf_size_at(map[0], a);
        both[1]->shift[i] = bnf_shift_at(map[1], b);
        both[1]->size[i] = bnf_size_at(map[1], b);
        if (!isfinite(factor) || factor == 0)
            return false;
    }
    both[0]->scale_tensors = both[1]->scale_tensors = 0;
    both[1]->shift_tensors += tensors;
    factors->scale_tensors = tensors;
    const struct bnf_normal *tidy;
    if (!bnf_normal_settle(both[0]) || !bnf_normal_settle(both[1]) || !bnf_normal_settle(factors) ||
        !(tidy = bnf_normal_tidy(p, arena, factors)) ||
        !bnf_normal_difference(p, arena, both[0], both[1], axis, dtype, tally, &rest))
        return false;
    struct bnf_normal *back = bnf_normal_new(p, arena, rest->rank, rest->dims);
    for (size_t i = 0; back && i < back->count; i++) {
        back->scale[i] = 1;
        back->shift[i] = -rest->shift[i];
        back->size[i] = rest->size[i];
    }
    if (!back || !bnf_normal_settle(back))
        return false;
    back->shift_tensors = rest->shift_tensors + both[1]->shift_tensors;
    out[0] = NULL;
    return bnf_normal_compose(p, arena, back, tidy, &out[1]);
}

bool bnf_normal_agree(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *first,
    const struct bnf_normal *second, int dtype, struct bnf_tally *tally)
{
    const struct bnf_normal *counted;
    const struct bnf_normal *stored =
        bnf_normal_counted(p, arena, first ? first->scale_tensors : 0, first ? first->shift_tensors : 0);
    return stored && bnf_normal_compose(p, arena, stored, second, &counted) &&
           bnf_normal_compare(p, first, counted, dtype, tally) == BNF_EQUAL;
}
