/* Operators that hand elements on as they are, under the same or other extents. */
#include "eval/real/real.h"

int R(bnf_op_identity)(struct bnf_call *call)
{
    struct bnf_array *x = bnf_call_input(call, 0);
    call->out[0] = bnf_array_hold(x);
    return x ? BNF_OK : bnf_call_wrong(call, "it has no input");
}
