/* Operators that make tensors, count or select, and the bodies of If, Loop and Scan. */
#include "graph/shapes_internal.h"
#include "onnx/dtype.h"

#include <math.h>
#include <string.h>

void bnf_shape_constant(const struct bnf_op *op)
{
    const Onnx__AttributeProto *a = op->proto->n_attribute ? op->proto->attribute[0] : NULL;
    struct bnf_dims out = {.rank = -1};
    if (!a || !a->name || (a->ref_attr_name && *a->ref_attr_name))
        return;
    if (strcmp(a->name, "value") == 0 && a->t) {
        out.dtype = a->t->data_type;
        out.rank = a->t->n_dims > BNF_RANK_MAX ? -1 : (int)a->t->n_dims;
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = a->t->dims[i] >= 0 ? a->t->dims[i] : BNF_DIM_UNKNOWN;
    } else if (strncmp(a->name, "value_", 6) == 0) {
        bool list = a->name[strlen(a->name) - 1] == 's';
        bool is_int = strncmp(a->name, "value_int", 9) == 0,
             is_float = strncmp(a->name, "value_float", 11) == 0;
        out.dtype = is_int ? BNF_DTYPE_INT64 : is_float ? BNF_DTYPE_FLOAT : BNF_DTYPE_STRING;
        out.rank = list;
        out.dims[0] = (int64_t)(is_int ? a->n_ints : is_float ? a->n_floats : a->n_strings);
    } else if (a->sparse_tensor && a->sparse_tensor->values && a->sparse_tensor->n_dims <= BNF_RANK_MAX) {
        out.dtype = a->sparse_tensor->values->data_type;
        out.rank = (int)a->sparse_tensor->n_dims;
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = a->sparse_tensor->dims[i] >= 0 ? a->sparse_tensor->dims[i] : BNF_DIM_UNKNOWN;
    }
    bnf_op_output(op, 0, &out);
}

static void shape_from_input(const struct bnf_op *op, int dtype)
{
    struct bnf_vector shape;
    struct bnf_dims out = {.dtype = dtype, .rank = -1};
    if (bnf_op_vector(op, 0, &shape)) {
        out.rank = (int)shape.count;
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = bnf_element_extent(shape.items[i]);
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_constant_of_shape(const struct bnf_op *op)
{
    const Onnx__AttributeProto *value = bnf_attr_find(op->proto, "value");
    shape_from_input(op, !value ? BNF_DTYPE_FLOAT : value->t ? value->t->data_type : 0);
}

void bnf_shape_shape(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = BNF_DTYPE_INT64, .rank = 1};
    int64_t start = bnf_attr_int(op->proto, "start", 0), end = bnf_attr_int(op->proto, "end", in.rank);
    out.dims[0] = BNF_DIM_UNKNOWN;
    if (in.rank >= 0) {
        int64_t from = start < -in.rank ? 0 : start < 0 ? start + in.rank : start > in.rank ? in.rank : start;
        int64_t to = end < -in.rank ? 0 : end < 0 ? end + in.rank : end > in.rank ? in.rank : end;
        out.dims[0] = to > from ? to - from : 0;
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_size(const struct bnf_op *op)
{
    bnf_op_output_rank(op, 0, BNF_DTYPE_INT64, 0);
}

void bnf_shape_range(const struct bnf_op *op)
{
    struct bnf_vector start, limit, delta;
    struct bnf_dims out = {.dtype = bnf_op_input(op, 0).dtype, .rank = 1, .dims = {BNF_DIM_UNKNOWN}};
    if (bnf_op_vector(op, 0, &start) && bnf_op_vector(op, 1, &limit) && bnf_op_vector(op, 2, &delta) &&
        start.count == 1 && limit.count == 1 && delta.count == 1) {
        if (bnf_element_is(start.items[0], 0) && bnf_element_is(delta.items[0], 1) && limit.items[0].symbol)
            out.dims[0] = limit.items[0].symbol;
        else if (!start.items[0].symbol && !limit.items[0].symbol && !delta.items[0].symbol) {
            double length = ceil((limit.items[0].number - start.items[0].number) / delta.items[0].number);
            if (fabs(length) < (double)BNF_EXTENT_MAX)
                out.dims[0] = length > 0 ? (int64_t)length : 0;
        }
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_random(const struct bnf_op *op)
{
    size_t count;
    const int64_t *shape = bnf_attr_ints(op->proto, "shape", &count);
    int64_t dtype = bnf_attr_int(op->proto, "dtype", BNF_DTYPE_FLOAT);
    struct bnf_dims out = {.dtype = dtype > 0 && dtype < 100 ? (int)dtype : 0, .rank = -1};
    if (shape && count <= BNF_RANK_MAX)
        for (out.rank = 0; out.rank < (int)count; out.rank++)
            out.dims[out.rank] = shape[out.rank] >= 0 ? shape[out.rank] : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_multinomial(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    int64_t dtype = bnf_attr_int(op->proto, "dtype", BNF_DTYPE_INT32),
            draws = bnf_attr_int(op->proto, "sample_size", 1);
    struct bnf_dims out = {.dtype = dtype > 0 && dtype < 100 ? (int)dtype : 0, .rank = 2};
    out.dims[0] = in.rank == 2 ? in.dims[0] : BNF_DIM_UNKNOWN;
    out.dims[1] = draws >= 0 ? draws : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_one_hot(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = bnf_op_input(op, 2).dtype, .rank = -1};
    struct bnf_vector depth;
    int axis = in.rank < 0 ? -1 : bnf_shape_axis(bnf_attr_int(op->proto, "axis", -1), in.rank + 1);
    if (axis >= 0 && in.rank < BNF_RANK_MAX) {
        bool known = bnf_op_vector(op, 1, &depth) && depth.count == 1;
        out.rank = in.rank + 1;
        for (int i = 0, from = 0; i < out.rank; i++)
            out.dims[i] = i != axis ? in.dims[from++]
                          : known   ? bnf_element_extent(depth.items[0])
                                    : BNF_DIM_UNKNOWN;
    }
    bnf_op_output(op, 0, &out);
}

/* How many are found is known only when it runs. */
void bnf_shape_non_zero(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = BNF_DTYPE_INT64, .rank = 2};
    out.dims[0] = in.rank > 0 ? in.rank : BNF_DIM_UNKNOWN; /* what a scalar gives has changed over time */
    out.dims[1] = BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_non_max_suppression(const struct bnf_op *op)
{
    struct bnf_dims out = {BNF_DTYPE_INT64, 2, {BNF_DIM_UNKNOWN, 3}};
    bnf_op_output(op, 0, &out);
}

void bnf_shape_compress(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", 0), in.rank);
    if (!bnf_attr_find(op->proto, "axis")) {
        bnf_op_output_rank(op, 0, in.dtype, 1);
        return;
    }
    if (axis >= 0)
        in.dims[axis] = BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &in);
}

/* ---- bodies ---- */

static struct bnf_dims value_shape(const struct bnf_op *op, bnf_id value)
{
    const struct bnf_shape *shape = &op->all->graph->values[value].shape;
    struct bnf_dims out = {.dtype = shape->dtype, .rank = shape->rank > BNF_RANK_MAX ? -1 : shape->rank};
    for (int i = 0; i < out.rank; i++)
        out.dims[i] = shape->dims[i];
    return out;
}

/* What holds for a value that is either one. */
static void join(struct bnf_dims *a, const struct bnf_dims *b)
{
    a->dtype = a->dtype == b->dtype ? a->dtype : 0;
    if (a->rank != b->rank)
        a->rank = -1;
    for (int i = 0; i < a->rank; i++)
        a->dims[i] = bnf_dim_join(a->dims[i], b->dims[i]);
}

void bnf_shape_if(const struct bnf_op *op)
{
    const struct bnf_graph *g = op->all->graph;
    const struct bnf_node *node = &g->nodes[op->node];
    if (node->last_body - node->first_body != 2)
        return;
    const struct bnf_scope *yes = &g->scopes[node->first_body], *no = yes + 1;
    for (uint32_t i = 0; i < node->output_count && i < yes->output_count && i < no->output_count; i++) {
        struct bnf_dims out = value_shape(op, yes->outputs[i]), other = value_shape(op, no->outputs[i]);
        join(&out, &other);
        bnf_op_output(op, i, &out);
    }
}

/* What a body gives once per step, put together along a new axis. Symbols of a body may mean another extent
 * in the next step, so only numbers leave it. */
static void output_steps(
    const struct bnf_op *op, uint32_t slot, const struct bnf_dims *step, int axis, int64_t steps)
{
    struct bnf_dims out = {.dtype = step->dtype, .rank = -1};
    if (step->rank >= 0 && step->rank < BNF_RANK_MAX && axis >= 0) {
        out.rank = step->rank + 1;
        for (int i = 0, from = 0; i < out.rank; i++) {
            int64_t extent = i == axis ? steps : step->dims[from++];
            out.dims[i] = i == axis || extent >= 0 ? extent : BNF_DIM_UNKNOWN;
        }
    }
    bnf_op_output(op, slot, &out);
}

/* Inputs: trip count, condition, carried …; the body gives: condition, carried …, one value per step …  */
void bnf_shape_loop(const struct bnf_op *op)
{
    const struct bnf_graph *g = op->all->graph;
    const struct bnf_node *node = &g->nodes[op->node];
    if (node->last_body - node->first_body != 1)
        return;
    const struct bnf_scope *body = &g->scopes[node->first_body];
    uint32_t carried = node->input_count > 2 ? node->input_count - 2 : 0;
    for (uint32_t i = 0; i < node->output_count && i + 1 < body->output_count; i++) {
        struct bnf_dims out = value_shape(op, body->outputs[i + 1]);
        if (i < carried) {
            struct bnf_dims initial = bnf_op_input(op, i + 2);
            join(&out, &initial);
            bnf_op_output(op, i, &out);
        } else {
            output_steps(op, i, &out, 0, BNF_DIM_UNKNOWN);
        }
    }
}

/* Inputs: carried …, scanned …; the body gives: carried …, one value per step … (opset 9; 8 had a batch
 * axis). */
void bnf_shape_scan(const struct bnf_op *op)
{
    const struct bnf_graph *g = op->all->graph;
    const struct bnf_node *node = &g->nodes[op->node];
    int64_t scanned = bnf_attr_int(op->proto, "num_scan_inputs", -1);
    if (op->opset < 9 || node->last_body - node->first_body != 1 || scanned < 1 ||
        scanned > node->input_count)
        return;
    const struct bnf_scope *body = &g->scopes[node->first_body];
    uint32_t carried = node->input_count - (uint32_t)scanned;
    size_t in_axes, out_axes;
    const int64_t *from = bnf_attr_ints(op->proto, "scan_input_axes", &in_axes);
    const int64_t *to = bnf_attr_ints(op->proto, "scan_output_axes", &out_axes);
    struct bnf_dims first = bnf_op_input(op, carried);
    int along = bnf_shape_axis(from && in_axes ? from[0] : 0, first.rank);
    int64_t steps = along >= 0 ? first.dims[along] : BNF_DIM_UNKNOWN;
    for (uint32_t i = 0; i < node->output_count && i < body->output_count; i++) {
        struct bnf_dims out = value_shape(op, body->outputs[i]);
        if (i < carried) {
            struct bnf_dims initial = bnf_op_input(op, i);
            join(&out, &initial);
            bnf_op_output(op, i, &out);
        } else {
            int64_t axis = to && i - carried < out_axes ? to[i - carried] : 0;
            output_steps(op, i, &out, out.rank < 0 ? -1 : bnf_shape_axis(axis, out.rank + 1), steps);
        }
    }
}
