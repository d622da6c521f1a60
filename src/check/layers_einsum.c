/* Einsum with one constant operand: a scale along output axes that are axes of the constant is a scale of the
 * constant. */
#include "check/layers.h"

#include "graph/attr.h"

#include <string.h>

/* ELLIPSIS stands for the axes that "..." covers. */
enum { most_labels = 32, most_terms = 16, ELLIPSIS = '.' };

struct term {
    char labels[most_labels];
    size_t count;
};

struct equation {
    struct term inputs[most_terms], output;
    size_t count;
};

static size_t times(const struct term *term, char label, size_t *where)
{
    size_t found = 0;
    for (size_t i = 0; i < term->count; i++)
        if (term->labels[i] == label) {
            *where = i;
            found++;
        }
    return found;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The text between two separators. */
static bool read_term(const char *text, size_t length, struct term *term)
{
    term->count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ' ')
            continue;
        bool dots = length - i >= 3 && memcmp(text + i, "...", 3) == 0;
        if ((!dots && !is_letter(text[i])) || term->count == most_labels)
            return false;
        term->labels[term->count++] = text[i];
        i += dots ? 2 : 0;
    }
    return true;
}

/* Without "->": what "..." covers, then the labels that occur once in all of the equation, in the alphabet's
 * order. */
static bool imply_output(struct equation *e)
{
    size_t where;
    for (int label = ELLIPSIS; label <= 'z'; label++) {
        size_t found = 0;
        for (size_t i = 0; i < e->count; i++)
            found += times(&e->inputs[i], (char)label, &where);
        if (found == 0 || (label != ELLIPSIS && found > 1))
            continue;
        if (e->output.count == most_labels)
            return false;
        e->output.labels[e->output.count++] = (char)label;
    }
    return true;
}

static bool read_equation(const Onnx__NodeProto *proto, struct equation *e)
{
    const Onnx__AttributeProto *a = bnf_attr_find(proto, "equation");
    *e = (struct equation){0};
    if (!a || !a->s.data)
        return false;
    const char *text = (const char *)a->s.data;
    size_t length = a->s.len, inputs = length, start = 0;
    for (size_t i = 0; i + 1 < length; i++)
        if (text[i] == '-' && text[i + 1] == '>') {
            inputs = i;
            break;
        }
    for (size_t i = 0; i <= inputs; i++) {
        if (i < inputs && text[i] != ',')
            continue;
        if (e->count == most_terms || !read_term(text + start, i - start, &e->inputs[e->count++]))
            return false;
        start = i + 1;
    }
    return inputs == length ? imply_output(e) : read_term(text + inputs + 2, length - inputs - 2, &e->output);
}

static bool same_terms(const struct term *a, const struct term *b)
{
    return a->count == b->count && memcmp(a->labels, b->labels, a->count * sizeof *a->labels) == 0;
}

bool bnf_same_equations(const Onnx__NodeProto *ref, const Onnx__NodeProto *new)
{
    struct equation e[2];
    if (!read_equation(ref, &e[0]) || !read_equation(new, &e[1]) || e[0].count != e[1].count)
        return false;
    for (size_t i = 0; i < e[0].count; i++)
        if (!same_terms(&e[0].inputs[i], &e[1].inputs[i]))
            return false;
    return same_terms(&e[0].output, &e[1].output);
}

/* The axis that a label of a term stands for, given the term's rank; with an ellipsis in it, counted from the
 * nearer side. -1: none of its own. */
static int axis_of(const struct term *term, size_t label, int rank)
{
    size_t dots = 0;
    size_t found = times(term, ELLIPSIS, &dots);
    if (found > 1 || term->labels[label] == ELLIPSIS)
        return -1;
    return !found || label < dots ? (int)label : rank - (int)(term->count - label);
}

/* The axis of the constant that an axis of the result is; -1: none. */
static int constant_axis(
    const struct equation *e, const struct term *term, int constant_rank, int result_rank, int axis)
{
    size_t where;
    for (size_t i = 0; i < e->output.count; i++)
        if (axis_of(&e->output, i, result_rank) == axis)
            return times(&e->output, e->output.labels[i], &where) == 1 &&
                           times(term, e->output.labels[i], &where) == 1
                       ? axis_of(term, where, constant_rank)
                       : -1;
    return -1;
}

/* A scale of the result as one of the constant. False: it is none. */
static bool move_to_constant(const struct bnf_stored *layer, const struct equation *e, uint32_t slot,
    const struct bnf_normal *scale, const struct bnf_tensor *constant, const struct bnf_normal **out)
{
    int64_t dims[BNF_MAP_RANK];
    size_t stride[BNF_MAP_RANK] = {0}, step[BNF_MAP_RANK];
    int to[BNF_MAP_RANK], rank = (int)constant->rank;
    *out = scale;
    if (!scale || scale->count == 1)
        return true;
    if (rank > BNF_MAP_RANK)
        return false;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    for (int i = 0; i < scale->rank; i++) {
        to[i] = scale->dims[i] == 1 ? -1 : constant_axis(e, &e->inputs[slot], rank, scale->rank, i);
        if (scale->dims[i] != 1 && (to[i] < 0 || to[i] >= rank || constant->dims[to[i]] != scale->dims[i]))
            return false;
        if (to[i] >= 0)
            dims[to[i]] = scale->dims[i];
    }
    struct bnf_normal *moved = bnf_normal_new(layer->p, layer->arena, rank, dims);
    if (!moved)
        return false;
    for (size_t i = (size_t)rank, run = 1; i-- > 0; run *= (size_t)dims[i])
        stride[i] = run;
    for (int i = 0; i < scale->rank; i++)
        step[i] = to[i] < 0 ? 0 : stride[to[i]];
    for (size_t i = 0; i < scale->count; i++) {
        size_t rest = i, at = 0;
        for (int k = scale->rank; k-- > 0; rest /= (size_t)scale->dims[k])
            at += rest % (size_t)scale->dims[k] * step[k];
        moved->scale[at] = scale->scale[i];
    }
    moved->scale_tensors = scale->scale_tensors;
    *out = moved;
    return true;
}

/* The slot of the only constant operand, the same in both; BNF_NONE. */
static uint32_t constant_slot(const struct bnf_stored *layer, size_t terms)
{
    uint32_t found = BNF_NONE;
    for (uint32_t slot = 0; slot < terms; slot++) {
        bool constant[2];
        for (int i = 0; i < 2; i++) {
            const struct bnf_side *side = &layer->p->side[i];
            bnf_id value = bnf_node_input(&side->graph, layer->node[i], slot);
            constant[i] = value != BNF_NONE && bnf_is_constant(&side->constants, value);
        }
        if (constant[0] != constant[1] || (constant[0] && found != BNF_NONE))
            return BNF_NONE;
        found = constant[0] ? slot : found;
    }
    return found;
}

/* Factors of the constant along one of its axes as ones of the result. NULL: they are none. */
static const struct bnf_normal *move_to_result(const struct bnf_stored *layer, const struct equation *e,
    uint32_t slot, const struct bnf_normal *factors, int own_axis, int constant_rank)
{
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    int rank = g->values[bnf_node_output(g, layer->node[BNF_REF], 0)].shape.rank;
    int64_t dims[BNF_MAP_RANK];
    bool is_there = false;
    if (factors->count == 1)
        return factors;
    for (int axis = 0; axis < rank && rank <= BNF_MAP_RANK; axis++) {
        bool same = constant_axis(e, &e->inputs[slot], constant_rank, rank, axis) == own_axis;
        is_there |= same;
        dims[axis] = same ? (int64_t)factors->count : 1;
    }
    struct bnf_normal *moved = is_there ? bnf_normal_new(layer->p, layer->arena, rank, dims) : NULL;
    if (!moved)
        return NULL;
    memcpy(moved->scale, factors->scale, factors->count * sizeof *factors->scale);
    moved->scale_tensors = factors->scale_tensors;
    return moved;
}

/* Or the constants are the same but for factors along one axis of the result, which then lie behind it. */
static bool compare_multiples(struct bnf_stored *layer, const struct equation *e, uint32_t slot,
    const struct bnf_tensor *const constant[2], const struct bnf_normal *const map[2])
{
    const struct bnf_normal *factors, *moved;
    const struct bnf_tally before = *layer->tally;
    const int rank = (int)constant[0]->rank;
    for (int axis = 0; axis < rank; axis++) {
        *layer->tally = before;
        if (bnf_stored_multiples_compare(layer, "constant operand", constant, map, axis, &factors) == BNF_EQUAL &&
            (moved = move_to_result(layer, e, slot, factors, axis, rank)) != NULL &&
            bnf_normal_compose(layer->p, layer->arena, layer->out[1], moved, &layer->out[1]))
            return true;
    }
    return false;
}

enum bnf_outcome bnf_stored_einsum(struct bnf_stored *layer)
{
    struct equation e;
    const struct bnf_tensor *constant[2];
    const struct bnf_normal *scale, *map[2];
    const struct bnf_graph *g = &layer->p->side[BNF_REF].graph;
    if (!read_equation(g->nodes[layer->node[BNF_REF]].proto, &e) ||
        e.count != g->nodes[layer->node[BNF_REF]].input_count)
        return BNF_UNKNOWN;
    uint32_t slot = constant_slot(layer, e.count);
    if (slot == BNF_NONE)
        return BNF_UNKNOWN;
    enum bnf_outcome inputs = bnf_stored_inputs_compare(layer, 1u << slot);
    if (inputs != BNF_EQUAL)
        return inputs;
    for (int i = 0; i < 2; i++)
        if (!(constant[i] = bnf_stored_constant(layer, i, slot)) ||
            !bnf_normal_part(layer->p, layer->arena, layer->map[i], &scale, &layer->out[i]) ||
            !move_to_constant(layer, &e, slot, scale, constant[i], &map[i]))
            return BNF_UNKNOWN;
    layer->dtype = constant[0]->dtype;
    const struct bnf_tally before = *layer->tally;
    enum bnf_outcome outcome = bnf_stored_constants_compare(layer, "constant operand", constant, map);
    if (outcome != BNF_DIFFERENT)
        return outcome;
    const struct bnf_tally after = *layer->tally;
    *layer->tally = before;
    if (compare_multiples(layer, &e, slot, constant, map))
        return BNF_EQUAL;
    *layer->tally = after;
    return outcome;
}
