/* DequantizeLinear with one scale, or one for each index of an axis. */
#include "support/eval_step.h"

#include <math.h>

bool step_dequantize(struct step *s)
{
    const struct eval_tensor *x = s->in[0], *scale = s->in[1], *zero = s->in_count > 2 ? s->in[2] : NULL;
    size_t axis = scale->count > 1 ? (size_t)step_axis(s, "axis", 1, x->rank) : 0, after = 1;
    if (bnf_attr_int(s->node, "block_size", 0))
        return step_refuse(s, "DequantizeLinear by blocks");
    for (size_t i = axis + 1; i < x->rank; i++)
        after *= (size_t)x->dims[i];
    *s->out = eval_new(s->arena, x->dims, x->rank);
    for (size_t i = 0; i < x->count; i++) {
        size_t c = scale->count > 1 ? i / after % (size_t)x->dims[axis] : 0;
        s->out->value[i] = (x->value[i] - (zero ? zero->value[c] : 0)) * scale->value[c];
        s->out->mag[i] = fabs(s->out->value[i]);
    }
    return true;
}
