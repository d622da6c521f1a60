/* Elementwise operators, products, reductions, recurrent layers. */
#include "graph/shapes_internal.h"
#include "onnx/dtype.h"

#include <string.h>

/* Argument: the type of the output; 0 for the input's. */
void bnf_shape_same(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    if (op->arg)
        x.dtype = op->arg;
    bnf_op_output(op, 0, &x);
}

void bnf_shape_same_rank(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    bnf_op_output_rank(op, 0, x.dtype, x.rank);
}

static int stated_dtype(const struct bnf_op *op, const char *attribute, int fallback)
{
    int64_t dtype = bnf_attr_int(op->proto, attribute, fallback);
    return dtype >= 0 && dtype < 1000 && bnf_dtype_known((int)dtype) ? (int)dtype : 0;
}

/* The input's shape, and the type of the attribute dtype where there is one. */
void bnf_shape_same_typed(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.dtype = stated_dtype(op, "dtype", x.dtype);
    bnf_op_output(op, 0, &x);
}

/* Before opset 6 the type was a string. */
void bnf_shape_cast(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.dtype = stated_dtype(op, "to", 0);
    bnf_op_output(op, 0, &x);
}

void bnf_shape_cast_like(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.dtype = bnf_op_input(op, 1).dtype;
    bnf_op_output(op, 0, &x);
}

void bnf_shape_dropout(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    bnf_op_output(op, 0, &x);
    if (op->opset >= 10)
        x.dtype = BNF_DTYPE_BOOL;
    bnf_op_output(op, 1, &x);
}

/* Argument: the output's type; 0: that of the inputs, -1: of input 1, -2: of input 0. */
void bnf_shape_broadcast(const struct bnf_op *op)
{
    struct bnf_dims out = bnf_op_input(op, 0);
    uint32_t count = op->all->graph->nodes[op->node].input_count;
    int dtype = out.dtype;
    /* Before opset 7 the second operand was stretched to the first one's shape. */
    bool stretched = op->opset < 7 && count == 2 && bnf_attr_int(op->proto, "broadcast", 0);
    for (uint32_t slot = 1; slot < count; slot++) {
        struct bnf_dims in = bnf_op_input(op, slot);
        if (!stretched)
            bnf_dims_broadcast(&out, &in);
        if (op->arg == -1 ? slot == 1 : op->arg == 0 && dtype == 0)
            dtype = in.dtype;
    }
    out.dtype = op->arg > 0 ? op->arg : dtype;
    bnf_op_output(op, 0, &out);
}

/* ---- products ---- */

/* Arguments: a type for the output, 0 for the input's, -1 for the quantized form. */
void bnf_shape_matmul(const struct bnf_op *op)
{
    bool quantized = op->arg == -1;
    struct bnf_dims a = bnf_op_input(op, 0), b = bnf_op_input(op, quantized ? 3 : 1), out = {.rank = -1};
    int dtype = quantized ? bnf_op_input(op, 7).dtype : op->arg ? op->arg : a.dtype ? a.dtype : b.dtype;
    if (a.rank > 0 && b.rank > 0) {
        int64_t m = a.rank > 1 ? a.dims[a.rank - 2] : 1, n = b.rank > 1 ? b.dims[b.rank - 1] : 1;
        int has_m = a.rank > 1, has_n = b.rank > 1;
        a.rank = has_m ? a.rank - 2 : 0;
        b.rank = has_n ? b.rank - 2 : 0;
        out = a;
        bnf_dims_broadcast(&out, &b);
        if (has_m && out.rank < BNF_RANK_MAX)
            out.dims[out.rank++] = m;
        if (has_n && out.rank < BNF_RANK_MAX)
            out.dims[out.rank++] = n;
    }
    out.dtype = dtype;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_gemm(const struct bnf_op *op)
{
    struct bnf_dims a = bnf_op_input(op, 0), b = bnf_op_input(op, 1), out = {.dtype = a.dtype, .rank = 2};
    bool across_a = bnf_attr_int(op->proto, "transA", 0) != 0,
         across_b = bnf_attr_int(op->proto, "transB", 0) != 0;
    out.dtype = a.dtype ? a.dtype : b.dtype;
    out.dims[0] = a.rank == 2 ? a.dims[across_a ? 1 : 0] : BNF_DIM_UNKNOWN;
    out.dims[1] = b.rank == 2 ? b.dims[across_b ? 0 : 1] : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

/* Reads one term of an equation up to ',' or '-' or the end; labels without spaces into out. False on an
 * ellipsis or anything else that is no letter. */
static bool read_term(const char **at, const char *end, char *out, int *count)
{
    *count = 0;
    for (; *at < end && **at != ',' && **at != '-'; ++*at) {
        char c = **at;
        if (c == ' ')
            continue;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) || *count == BNF_RANK_MAX)
            return false;
        out[(*count)++] = c;
    }
    return true;
}

/* An equation without ellipsis; explicit or implicit output. */
void bnf_shape_einsum(const struct bnf_op *op)
{
    const Onnx__AttributeProto *equation = bnf_attr_find(op->proto, "equation");
    struct bnf_dims out = {.dtype = bnf_op_input(op, 0).dtype};
    int64_t extents[128];
    int seen[128] = {0}, count;
    char labels[BNF_RANK_MAX];
    if (!equation || !equation->s.data)
        return;
    const char *at = (const char *)equation->s.data, *end = at + equation->s.len;
    for (uint32_t slot = 0;; slot++) {
        struct bnf_dims in = bnf_op_input(op, slot);
        if (!read_term(&at, end, labels, &count))
            return;
        for (int i = 0; i < count; i++) {
            int64_t extent = in.rank == count ? in.dims[i] : BNF_DIM_UNKNOWN;
            int label = labels[i];
            extents[label] = seen[label]++ ? bnf_dim_refine(extents[label], extent) : extent;
        }
        if (at == end || *at == '-')
            break;
        at++;
    }
    if (at < end) { /* "->" */
        at += 2;
        if (at > end || !read_term(&at, end, labels, &count) || at < end)
            return;
    } else {
        count = 0;
        for (int label = 'A'; label <= 'z'; label++)
            if (seen[label] == 1 && count < BNF_RANK_MAX)
                labels[count++] = (char)label;
    }
    for (int i = 0; i < count; i++)
        out.dims[out.rank++] = seen[(int)labels[i]] ? extents[(int)labels[i]] : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

/* ---- reductions ---- */

/* Argument: the opset since which the axes are an input. */
void bnf_shape_reduce(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = in.dtype};
    struct bnf_vector axes = {0};
    bool keep = bnf_attr_int(op->proto, "keepdims", 1) != 0, input = op->opset >= op->arg;
    bool given = input ? bnf_op_has(op, 1) : bnf_attr_find(op->proto, "axes") != NULL;
    bool known = !given || bnf_op_list(op, input ? NULL : "axes", input ? 1 : 0, &axes);
    bool marked[BNF_RANK_MAX] = {false};
    bool all = axes.count == 0 && known;
    if (all && input && bnf_attr_int(op->proto, "noop_with_empty_axes", 0)) {
        bnf_op_output(op, 0, &in);
        return;
    }
    for (size_t i = 0; in.rank >= 0 && known && i < axes.count; i++) {
        int64_t listed;
        int axis = bnf_element_int(axes.items[i], &listed) ? bnf_shape_axis(listed, in.rank) : -1;
        known = axis >= 0;
        if (known)
            marked[axis] = true;
    }
    if (in.rank < 0 || !known) {
        int rank = keep                         ? in.rank
                   : in.rank >= 0 && axes.count ? in.rank - (int)axes.count
                   : all && !keep               ? 0
                                                : -1;
        bnf_op_output_rank(op, 0, in.dtype, rank);
        return;
    }
    for (int i = 0; i < in.rank; i++) {
        if (!all && !marked[i])
            out.dims[out.rank++] = in.dims[i];
        else if (keep)
            out.dims[out.rank++] = 1;
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_arg_reduce(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = BNF_DTYPE_INT64};
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", 0), in.rank);
    bool keep = bnf_attr_int(op->proto, "keepdims", 1) != 0;
    if (axis < 0) {
        bnf_op_output_rank(op, 0, out.dtype, -1);
        return;
    }
    for (int i = 0; i < in.rank; i++)
        if (i != axis || keep)
            out.dims[out.rank++] = i == axis ? 1 : in.dims[i];
    bnf_op_output(op, 0, &out);
}

/* Determinants of the last two axes. */
void bnf_shape_det(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.rank = x.rank >= 2 ? x.rank - 2 : -1;
    bnf_op_output(op, 0, &x);
}

void bnf_shape_top_k(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", -1), in.rank);
    struct bnf_vector k;
    if (axis >= 0) {
        int64_t stated = bnf_attr_int(op->proto, "k", -1);
        in.dims[axis] = op->opset < 10                             ? (stated >= 0 ? stated : BNF_DIM_UNKNOWN)
                        : bnf_op_vector(op, 1, &k) && k.count == 1 ? bnf_element_extent(k.items[0])
                                                                   : BNF_DIM_UNKNOWN;
    }
    bnf_op_output(op, 0, &in);
    in.dtype = BNF_DTYPE_INT64;
    bnf_op_output(op, 1, &in);
}

/* ---- normalizations ---- */

/* Further outputs, in training, are statistics of the channels. */
void bnf_shape_batch_norm(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0), scale = bnf_op_input(op, 1);
    struct bnf_dims channels = {.dtype = bnf_op_input(op, 3).dtype, .rank = 1};
    if (!x.dtype && op->opset < 15) /* one type for all of them; parameters may have their own since */
        x.dtype = scale.dtype;
    if (x.rank > 1 && x.dims[1] < 0 && scale.rank == 1 && scale.dims[0] >= 0) /* as a Conv's weights would tell */
        x.dims[1] = scale.dims[0];
    bnf_op_output(op, 0, &x);
    channels.dims[0] = x.rank > 1 ? x.dims[1] : BNF_DIM_UNKNOWN;
    for (uint32_t slot = 1; slot < op->all->graph->nodes[op->node].output_count; slot++)
        bnf_op_output(op, slot, &channels);
}

void bnf_shape_layer_norm(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    bnf_op_output(op, 0, &x);
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", -1), x.rank);
    for (int i = axis; i >= 0 && i < x.rank; i++)
        x.dims[i] = 1;
    if (axis < 0)
        x.rank = -1;
    x.dtype = stated_dtype(op, "stash_type", BNF_DTYPE_FLOAT);
    bnf_op_output(op, 1, &x);
    bnf_op_output(op, 2, &x);
}

/* ---- recurrent layers; argument: an LSTM, with a third output ---- */

void bnf_shape_rnn(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0), weight = bnf_op_input(op, 1), again = bnf_op_input(op, 2);
    bool batch_first = bnf_attr_int(op->proto, "layout", 0) != 0;
    int64_t directions = bnf_attr_is(op->proto, "direction", "bidirectional") ? 2 : 1;
    int64_t hidden = bnf_attr_int(op->proto, "hidden_size", BNF_DIM_UNKNOWN);
    if (hidden < 1)
        hidden = again.rank == 3 ? again.dims[2] : BNF_DIM_UNKNOWN;
    int dtype = x.dtype ? x.dtype : weight.dtype;
    int64_t length = x.rank == 3 ? x.dims[batch_first] : BNF_DIM_UNKNOWN;
    int64_t batch = x.rank == 3 ? x.dims[!batch_first] : BNF_DIM_UNKNOWN;
    struct bnf_dims y = {dtype, 4, {length, directions, batch, hidden}};
    struct bnf_dims last = {dtype, 3, {directions, batch, hidden}};
    if (batch_first) {
        y = (struct bnf_dims){dtype, 4, {batch, length, directions, hidden}};
        last = (struct bnf_dims){dtype, 3, {batch, directions, hidden}};
    }
    bnf_op_output(op, 0, &y);
    bnf_op_output(op, 1, &last);
    if (op->arg)
        bnf_op_output(op, 2, &last);
}

/* ---- quantization ---- */

void bnf_shape_quantize(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    int zero = bnf_op_has(op, 2) ? bnf_op_input(op, 2).dtype : BNF_DTYPE_UINT8;
    int stated = stated_dtype(op, "output_dtype", 0);
    x.dtype = stated ? stated : zero;
    bnf_op_output(op, 0, &x);
}

void bnf_shape_dequantize(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.dtype = op->opset < 19 ? BNF_DTYPE_FLOAT : bnf_op_input(op, 1).dtype;
    int stated = stated_dtype(op, "output_dtype", 0);
    x.dtype = stated ? stated : x.dtype;
    bnf_op_output(op, 0, &x);
}

void bnf_shape_dynamic_quantize(const struct bnf_op *op)
{
    struct bnf_dims x = bnf_op_input(op, 0);
    x.dtype = BNF_DTYPE_UINT8;
    bnf_op_output(op, 0, &x);
    bnf_op_output_rank(op, 1, BNF_DTYPE_FLOAT, 0);
    bnf_op_output_rank(op, 2, BNF_DTYPE_UINT8, 0);
}
