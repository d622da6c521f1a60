/* DepthToSpace and SpaceToDepth: C channels on the many positions, or b² blocks of them on the few. In mode DCR
 * channel k·C + c belongs to block k, in mode CRD channel c·b² + k does. SpaceToDepth is the inverse of DCR.
 *
 * From C channels to b²·C the affine is repeated; the other way it has to be the same on all blocks. */
#include "fold/through.h"

#include "graph/attr.h"

#include <string.h>

/* How the node stacks its channels. */
struct blocks {
    size_t count;      /* b² */
    bool together;     /* the blocks of one channel lie side by side (CRD) */
    bool stacks_input; /* the many channels are the input's (DepthToSpace) */
};

static const char *mode_text(const struct bnf_through *t)
{
    static const char *const modes[] = {"DCR", "CRD"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (bnf_attr_is(t->proto, "mode", modes[i]))
            return modes[i];
    return bnf_attr_find(t->proto, "mode") ? "?" : "DCR";
}

/* The attributes; false when they say nothing sensible. There is a mode from operator set 11 on. */
static bool read_blocks(const struct bnf_through *t, struct blocks *out)
{
    int64_t size = bnf_attr_int(t->proto, "blocksize", 0);
    bool depth = strcmp(t->proto->op_type, "DepthToSpace") == 0;
    const char *mode = depth && t->opset >= 11 ? mode_text(t) : "DCR";
    if (size < 1 || size > 1 << 10 || strcmp(mode, "?") == 0)
        return false;
    *out = (struct blocks){
        .count = (size_t)(size * size), .together = strcmp(mode, "CRD") == 0, .stacks_input = depth};
    return true;
}

static size_t place(const struct blocks *b, size_t channels, size_t block, size_t c)
{
    return b->together ? c * b->count + block : block * channels + c;
}

static int stack(struct bnf_fold *fold, const struct blocks *b, const struct bnf_affine *few,
    struct bnf_affine *many, struct bnf_err *err)
{
    *many = bnf_affine_make(&fold->scratch, 1, few->channels * b->count);
    if (!many->scale)
        return bnf_fail_memory(err);
    for (size_t block = 0; block < b->count; block++) {
        for (size_t c = 0; c < few->channels; c++) {
            size_t at = place(b, few->channels, block, c);
            many->scale[at] = few->scale[c];
            many->shift[at] = few->shift[c];
        }
    }
    return BNF_ANSWER_YES;
}

static int unstack(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_through *t,
    const struct blocks *b, const struct bnf_affine *many, struct bnf_affine *few, struct bnf_err *err)
{
    const char *op = t->proto->op_type;
    if (many->channels % b->count)
        return bnf_refuse(fold, plan, BNF_REASON_BROADCAST,
            "%s '%s' stacks %zu blocks, and the affine has %zu channels", op, t->text, b->count,
            many->channels);
    *few = bnf_affine_make(&fold->scratch, 1, many->channels / b->count);
    if (!few->scale)
        return bnf_fail_memory(err);
    for (size_t i = 0; i < many->channels; i++) {
        size_t block = i / few->channels, c = i % few->channels;
        size_t first = place(b, few->channels, 0, c), at = place(b, few->channels, block, c);
        few->scale[c] = many->scale[first];
        few->shift[c] = many->shift[first];
        if (many->scale[at] != few->scale[c] || many->shift[at] != few->shift[c])
            return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
                "%s '%s' lays channels %zu and %zu side by side, whose scale or shift differ", op, t->text,
                first, at);
    }
    return BNF_ANSWER_YES;
}

int bnf_depth(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    struct blocks blocks;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    struct bnf_affine a = t.affine;
    if (!read_blocks(&t, &blocks))
        return bnf_refuse(fold, plan, BNF_REASON_SHAPE_UNKNOWN, "%s '%s' has blocksize %lld and mode '%s'",
            t.proto->op_type, t.text, (long long)bnf_attr_int(t.proto, "blocksize", 0), mode_text(&t));
    if (!bnf_affine_is_uniform(&a) && a.axis != 1)
        return bnf_refuse(fold, plan, BNF_REASON_AXIS_MISMATCH,
            "%s '%s' has its channels on axis 1, the affine has %zu on axis %d", t.proto->op_type, t.text,
            a.channels, a.axis);
    if (bnf_affine_is_uniform(&a)) {
        t.affine = bnf_affine_scalar(&fold->scratch, &a);
        answer = t.affine.scale ? BNF_ANSWER_YES : bnf_fail_memory(err);
    } else if (blocks.stacks_input == t.back) {
        answer = stack(fold, &blocks, &a, &t.affine, err);
    } else {
        answer = unstack(fold, plan, &t, &blocks, &a, &t.affine, err);
    }
    return answer ? answer : bnf_through_pass(fold, plan, &t, err);
}
