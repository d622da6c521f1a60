#include "opset.h"

#include <inttypes.h>
#include <string.h>

/* The first IR version whose models import operator sets. */
enum { IMPORTS_SINCE = 3 };

static bool is_standard(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

int bnf_demand_opset(const struct bnf_graph *graph, struct bnf_err *err)
{
    const Onnx__ModelProto *model = graph->model->proto;
    char text[256];
    if (model->ir_version < IMPORTS_SINCE)
        return BNF_OK;
    if (!model->n_opset_import)
        return bnf_fail(err, BNF_EINPUT,
            "the model imports no operator set, but from IR version %d on it has to, and its is %" PRId64,
            IMPORTS_SINCE, model->ir_version);
    for (bnf_id node = 0; node < graph->node_count; node++) {
        const Onnx__NodeProto *proto = graph->nodes[node].proto;
        if (is_standard(proto->domain) && !bnf_scope_import(&graph->scopes[graph->nodes[node].scope], ""))
            return bnf_fail(err, BNF_EINPUT,
                "no version of the standard operators is imported, of which '%.200s' is one",
                bnf_node_text(graph, node, text, sizeof text));
    }
    return BNF_OK;
}
