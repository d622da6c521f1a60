/* Arrays cut along an axis, and put together along one. */
#ifndef BNF_EVAL_PARTS_H
#define BNF_EVAL_PARTS_H

#include "eval/operator.h"

/* A new array: elements first … first+count-1 of `from` along an axis (which must be there, and so must they); with
 * drop_axis count is 1 and the axis goes. BNF_OK, BNF_CANNOT, BNF_ENOMEM. */
int bnf_part(struct bnf_call *call, const struct bnf_array *from, size_t axis, size_t first, size_t count,
    bool drop_axis, struct bnf_array **out);

/* A new array: one part or more, one behind the other along an axis; with new_axis each part is one element of an axis
 * that the parts do not have. BNF_EINPUT when their extents do not fit; BNF_CANNOT, BNF_ENOMEM. */
int bnf_join(struct bnf_call *call, struct bnf_array *const *parts, size_t count, size_t axis, bool new_axis,
    struct bnf_array **out);

#endif
