#include "eval/reuse.h"

#include "eval/eval.h"

/* The value in an input slot whose array nobody else will look at; BNF_NONE. */
static bnf_id last_read(const struct bnf_call *call, size_t slot)
{
    const struct bnf_eval *eval = call->eval;
    const struct bnf_array *array = call->in[slot];
    if (!eval || array->owner || array->borrowed || array->references != 1)
        return BNF_NONE; /* somebody else holds it, or its elements */
    bnf_id value = bnf_node_input(call->graph, call->node, (uint32_t)slot);
    if (value == BNF_NONE || eval->live[value] != array || eval->keep[value] || eval->readers[value] != 1 ||
        call->graph->values[value].scope != call->graph->nodes[call->node].scope)
        return BNF_NONE;
    return value;
}

void *bnf_call_output_over(struct bnf_call *call, size_t output, size_t slot)
{
    struct bnf_array *array = call->in[slot];
    bnf_id value = output < call->output_count ? last_read(call, slot) : BNF_NONE;
    if (value == BNF_NONE)
        return bnf_call_output(call, output, array->dtype, array->rank, array->dims);
    call->eval->live[value] = NULL; /* the output has the reference now */
    call->out[output] = array;
    return array->data;
}
