#include "eval/real/body.h"

#include "eval/parts.h"

#include <inttypes.h>
#include <string.h>

int R(bnf_body_find)(struct bnf_call *call, const char *attribute, bnf_id *scope)
{
    const struct bnf_node *node = &call->graph->nodes[call->node];
    for (*scope = node->first_body; *scope < node->last_body; ++*scope)
        if (strcmp(call->graph->scopes[*scope].owner_attribute, attribute) == 0)
            return BNF_OK;
    return bnf_call_wrong(call, "it has no %s", attribute);
}

void R(bnf_body_drop)(struct bnf_call *call, struct bnf_array **arrays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bnf_array_drop(call->budget, arrays[i]);
        arrays[i] = NULL;
    }
}

int R(bnf_list_add)(struct bnf_call *call, struct R(bnf_list) * list, struct bnf_array *array)
{
    if (!bnf_reserve(&list->items, &list->room, list->count + 1, sizeof *list->items))
        return bnf_fail_memory(call->err);
    list->items[list->count++] = array;
    return BNF_OK;
}

/* Of no rounds at all. */
static int stack_none(struct bnf_call *call, int64_t axis, bnf_id value, struct bnf_array **out)
{
    const struct bnf_shape *shape = &call->graph->values[value].shape;
    int64_t dims[bnf_most_rank];
    size_t rank = shape->rank < 0 ? 1 : (size_t)shape->rank + 1, at;
    if (!shape->dtype)
        return bnf_call_cannot(call, "its body ran no time, and nobody says what type output '%s' has",
            call->graph->values[value].name);
    if (rank > bnf_most_rank || !bnf_axis(axis, rank, &at))
        return bnf_call_cannot(call, "there is no axis %" PRId64 " in a result of rank %zu", axis, rank);
    for (size_t i = 0, from = 0; i < rank; i++) {
        int64_t extent = i == at ? 0 : shape->dims[from++];
        dims[i] = extent > 0 ? extent : 0;
    }
    *out = bnf_array_new(call->budget, shape->dtype, call->precision, rank, dims);
    return *out ? BNF_OK : bnf_fail_memory(call->err);
}

int R(bnf_list_stack)(struct bnf_call *call, const struct R(bnf_list) * list, int64_t axis, bnf_id value,
    struct bnf_array **out)
{
    size_t at;
    if (list->count == 0)
        return stack_none(call, axis, value, out);
    if (!bnf_axis(axis, list->items[0]->rank + 1, &at))
        return bnf_call_wrong(
            call, "there is no axis %" PRId64 " in a result of rank %zu", axis, list->items[0]->rank + 1);
    return bnf_join(call, list->items, list->count, at, true, out);
}

void R(bnf_list_free)(struct bnf_call *call, struct R(bnf_list) * list)
{
    R(bnf_body_drop)(call, list->items, list->count);
    bnf_free(list->items);
    *list = (struct R(bnf_list)){0};
}
