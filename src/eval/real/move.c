/* Both arms' names for the operators that are the same in both. */
#include "eval/move.h"
#include "eval/real/real.h"

#define BNF_MOVE(name)                           \
    int R(bnf_op_##name)(struct bnf_call * call) \
    {                                            \
        return bnf_move_##name(call);            \
    }
#include "eval/move.def"
#undef BNF_MOVE
