/* Cast to the type that the value has already. To another one it rounds, and rounding is not linear. */
#include "fold/through.h"

#include "graph/attr.h"

#include <string.h>

/* The type a node casts to; 0 when it cannot be told. Operator sets before 6 spell it out. */
static int target_of(const struct bnf_graph *g, bnf_id node)
{
    const Onnx__NodeProto *proto = g->nodes[node].proto;
    const Onnx__AttributeProto *to = bnf_attr_find(proto, "to");
    if (!to || bnf_attr_is_reference(proto, "to"))
        return 0;
    if (bnf_attr_type(to) == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)
        return (int)bnf_attr_int(proto, "to", 0);
    static const struct {
        const char *text;
        int dtype;
    } names[] = {{"FLOAT", BNF_DTYPE_FLOAT}, {"FLOAT16", BNF_DTYPE_FLOAT16}, {"DOUBLE", BNF_DTYPE_DOUBLE}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bnf_attr_is(proto, "to", names[i].text))
            return names[i].dtype;
    return 0;
}

static const char *type_text(int dtype)
{
    return dtype ? bnf_dtype_name(dtype) : "an unknown type";
}

int bnf_cast(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err)
{
    struct bnf_through t;
    int answer = bnf_through_begin(fold, plan, node, &t);
    if (answer)
        return answer;
    int before = bnf_fold_dtype(fold, t.input, 0), after = target_of(fold->graph, node);
    bool maybe_float = (!before || bnf_dtype_is_float(before)) && (!after || bnf_dtype_is_float(after));
    if (maybe_float && (!before || before != after))
        return bnf_refuse(fold, plan, BNF_REASON_DTYPE,
            "Cast '%s' makes %s of %s '%s', and rounding is not linear", t.text, type_text(after),
            type_text(before), bnf_fold_name(fold, t.input));
    if (!maybe_float)
        return bnf_refuse(fold, plan,
            t.back ? BNF_REASON_PRODUCER_NOT_LINEAR : BNF_REASON_CONSUMER_NOT_LINEAR,
            "Cast '%s' %s makes %s of %s, which is not linear", t.text,
            t.back ? "in front of it" : "behind it", type_text(after), type_text(before));
    return bnf_through_pass(fold, plan, &t, err);
}
