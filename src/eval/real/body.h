/* What operators with bodies share: finding the body, and gathering what its rounds give. */
#ifndef BNF_EVAL_REAL_BODY_H
#define BNF_EVAL_REAL_BODY_H

#include "eval/real/real.h"

/* The scope of the body in that attribute. BNF_OK or BNF_EINPUT. */
int R(bnf_body_find)(struct bnf_call *call, const char *attribute, bnf_id *scope);

/* Drops arrays and forgets them. */
void R(bnf_body_drop)(struct bnf_call *call, struct bnf_array **arrays, size_t count);

/* One result of every round; all-zero is empty. */
struct R(bnf_list) {
    struct bnf_array **items;
    size_t count, room;
};

/* Takes an array over. BNF_OK or BNF_ENOMEM (the array is then still the caller's). */
int R(bnf_list_add)(struct bnf_call *call, struct R(bnf_list) * list, struct bnf_array *array);

/* All of them along a new axis (negative: from the end). When there are none, extent 0 with the others as far as the
 * body's output `value` declares them, 0 where it does not. */
int R(bnf_list_stack)(struct bnf_call *call, const struct R(bnf_list) * list, int64_t axis, bnf_id value,
    struct bnf_array **out);

void R(bnf_list_free)(struct bnf_call *call, struct R(bnf_list) * list);

#endif
