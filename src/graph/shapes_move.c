/* Operators that rearrange, cut and repeat. */
#include "graph/shapes_internal.h"
#include "graph/shapes_slice.h"
#include "onnx/dtype.h"

#include <string.h>

void bnf_shape_concat(const struct bnf_op *op)
{
    struct bnf_dims out = {.rank = -1};
    uint32_t count = op->all->graph->nodes[op->node].input_count;
    int64_t sum = 0;
    bool unknown = count == 0;
    int axis = -1;
    for (uint32_t slot = 0; slot < count; slot++) {
        struct bnf_dims in = bnf_op_input(op, slot);
        out.dtype = out.dtype ? out.dtype : in.dtype;
        if (in.rank < 0) {
            unknown = true;
            continue;
        }
        if (out.rank < 0) {
            out = (struct bnf_dims){.dtype = out.dtype, .rank = in.rank};
            memcpy(out.dims, in.dims, sizeof out.dims);
            axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", 1), in.rank);
        }
        if (in.rank != out.rank || axis < 0) { /* contradictory */
            out.rank = -1;
            break;
        }
        for (int i = 0; i < out.rank; i++)
            out.dims[i] = bnf_dim_refine(out.dims[i], in.dims[i]);
        int64_t more = bnf_dim_plus(sum, in.dims[axis]);
        unknown = unknown || more == BNF_DIM_UNKNOWN;
        sum = more;
    }
    if (axis >= 0)
        out.dims[axis] = unknown ? BNF_DIM_UNKNOWN : sum;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_split(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", 0), in.rank);
    uint32_t count = op->all->graph->nodes[op->node].output_count;
    struct bnf_vector parts;
    bool listed = bnf_op_list(op, "split", 1, &parts), given = listed || bnf_op_has(op, 1);
    if (in.rank < 0 || axis < 0 || count == 0) {
        in.rank = -1;
        for (uint32_t i = 0; i < count; i++)
            bnf_op_output(op, i, &in);
        return;
    }
    int64_t whole = in.dims[axis], chunk = BNF_DIM_UNKNOWN;
    if (whole >= 0 && whole <= BNF_EXTENT_MAX && (whole % count == 0 || op->opset >= 18))
        chunk = (whole + count - 1) / count; /* the last one may be smaller */
    for (uint32_t i = 0; i < count; i++) {
        int64_t left = chunk < 0 ? -1 : whole - chunk * i;
        if (given)
            in.dims[axis] =
                listed && parts.count == count ? bnf_element_extent(parts.items[i]) : BNF_DIM_UNKNOWN;
        else if (count > 1)
            in.dims[axis] = chunk < 0 || left < 0 ? BNF_DIM_UNKNOWN : left < chunk ? left : chunk;
        bnf_op_output(op, i, &in);
    }
}

/* How many elements start:end:step takes of an extent. */
static int64_t sliced(int64_t extent, struct bnf_element from, struct bnf_element to, struct bnf_element by)
{
    int64_t start, end, step;
    if (!bnf_element_int(by, &step) || step == 0 || !bnf_element_int(from, &start))
        return BNF_DIM_UNKNOWN;
    if (step == 1 && start == 0 &&
        (to.symbol ? to.symbol == extent : to.number >= INT32_MAX && extent < INT32_MAX))
        return extent; /* all of it, whatever that is: exporters write the largest int32 or int64 */
    if (!bnf_element_int(to, &end) || extent > BNF_EXTENT_MAX)
        return BNF_DIM_UNKNOWN;
    if (extent < 0)
        return step == 1 && start == 0 && end == 0 ? 0 : BNF_DIM_UNKNOWN;
    return bnf_slice_taken(extent, start, end, step).count;
}

void bnf_shape_slice(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    struct bnf_vector starts, ends, axes = {0}, steps = {0};
    bool inputs = op->opset >= 10, seen[BNF_RANK_MAX] = {false};
    bool known = bnf_op_list(op, inputs ? NULL : "starts", inputs ? 1 : 0, &starts) &&
                 bnf_op_list(op, inputs ? NULL : "ends", inputs ? 2 : 0, &ends) && starts.count == ends.count;
    bool all_axes = inputs ? !bnf_op_has(op, 3) : !bnf_attr_find(op->proto, "axes");
    bool steps_given = inputs && bnf_op_has(op, 4);
    known = known && (all_axes || (bnf_op_list(op, inputs ? NULL : "axes", inputs ? 3 : 0, &axes) &&
                                      axes.count == starts.count));
    known = known && (!steps_given || (bnf_op_vector(op, 4, &steps) && steps.count == starts.count));
    for (size_t i = 0; in.rank >= 0 && known && i < starts.count; i++) {
        int64_t listed = (int64_t)i;
        known = all_axes || bnf_element_int(axes.items[i], &listed);
        int axis = known ? bnf_shape_axis(listed, in.rank) : -1;
        if (axis < 0 || seen[axis]) {
            known = false;
            break;
        }
        seen[axis] = true;
        struct bnf_element step = steps_given ? steps.items[i] : (struct bnf_element){0, 1};
        in.dims[axis] = sliced(in.dims[axis], starts.items[i], ends.items[i], step);
    }
    if (known)
        bnf_op_output(op, 0, &in);
    else
        bnf_op_output_rank(op, 0, in.dtype, in.rank);
}

/* The one open extent of a Reshape: what the product of the input's extents leaves. Equal symbols cancel, and
 * so do extents that were copied in place, known or not (`copied`). */
static int64_t solve(const struct bnf_dims *in, const bool *copied, const struct bnf_dims *out, int open)
{
    bool used[BNF_RANK_MAX] = {false};
    int64_t above = 1, below = 1;
    int left = 0;
    for (int i = 0; i < in->rank; i++)
        used[i] = copied[i];
    for (int k = 0; k < out->rank; k++) {
        if (k == open || (k < in->rank && copied[k]))
            continue;
        int match = -1;
        for (int i = 0; out->dims[k] <= -2 && i < in->rank && match < 0; i++)
            if (!used[i] && in->dims[i] == out->dims[k])
                match = i;
        if (match >= 0)
            used[match] = true;
        else
            below = out->dims[k] < 0 ? BNF_DIM_UNKNOWN : bnf_dim_times(below, out->dims[k]);
        if (below < 1)
            return BNF_DIM_UNKNOWN;
    }
    int64_t symbol = 0;
    for (int i = 0; i < in->rank; i++) {
        if (used[i])
            continue;
        if (in->dims[i] < 0) {
            symbol = in->dims[i];
            left++;
        } else {
            above = bnf_dim_times(above, in->dims[i]);
        }
        if (above < 1)
            return BNF_DIM_UNKNOWN; /* nothing is said when an extent is 0 */
    }
    if (left == 0)
        return bnf_dim_divided(above, below);
    return left == 1 && above == below ? symbol : BNF_DIM_UNKNOWN;
}

void bnf_shape_reshape(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = in.dtype};
    struct bnf_vector shape;
    bool copied[BNF_RANK_MAX] = {false};
    bool zeros = bnf_attr_int(op->proto, "allowzero", 0) == 0;
    int open = -1, opened = 0;
    if (!bnf_op_list(op, op->opset < 5 ? "shape" : NULL, op->opset < 5 ? 0 : 1, &shape)) {
        bnf_op_output_rank(op, 0, in.dtype, -1);
        return;
    }
    out.rank = (int)shape.count;
    for (int i = 0; i < out.rank; i++) {
        out.dims[i] = bnf_element_extent(shape.items[i]);
        if (zeros && bnf_element_is(shape.items[i], 0)) {
            out.dims[i] = i < in.rank ? in.dims[i] : BNF_DIM_UNKNOWN;
            copied[i] = i < in.rank;
        } else if (out.dims[i] == BNF_DIM_UNKNOWN) {
            open = i;
            opened++;
        }
    }
    if (opened == 1 && in.rank >= 0)
        out.dims[open] = solve(&in, copied, &out, open);
    bnf_op_output(op, 0, &out);
}

void bnf_shape_flatten(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = in.dtype, .rank = 2};
    int64_t axis = bnf_attr_int(op->proto, "axis", 1);
    bool known = in.rank >= 0 && axis >= -in.rank && axis <= in.rank;
    if (known && axis < 0)
        axis += in.rank;
    out.dims[0] = known ? bnf_dim_product(in.dims, (int)axis) : BNF_DIM_UNKNOWN;
    out.dims[1] = known ? bnf_dim_product(in.dims + axis, in.rank - (int)axis) : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &out);
}

/* Marks listed axes of a rank; false on one that is unknown, out of range or listed twice. */
static bool mark_axes(const struct bnf_vector *axes, int rank, bool *marked)
{
    for (size_t i = 0; i < axes->count; i++) {
        int64_t listed;
        int axis = bnf_element_int(axes->items[i], &listed) ? bnf_shape_axis(listed, rank) : -1;
        if (axis < 0 || marked[axis])
            return false;
        marked[axis] = true;
    }
    return true;
}

void bnf_shape_squeeze(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = in.dtype};
    struct bnf_vector axes = {0};
    bool marked[BNF_RANK_MAX] = {false};
    bool known = bnf_op_list(op, op->opset < 13 ? "axes" : NULL, op->opset < 13 ? 0 : 1, &axes);
    bool given = op->opset < 13 ? bnf_attr_find(op->proto, "axes") != NULL : bnf_op_has(op, 1);
    if (in.rank < 0 || (given && !known)) {
        bnf_op_output_rank(op, 0, in.dtype, -1);
        return;
    }
    if (given && !mark_axes(&axes, in.rank, marked)) {
        bnf_op_output_rank(op, 0, in.dtype, in.rank - (int)axes.count);
        return;
    }
    for (int i = 0; i < in.rank; i++) {
        if (!given && in.dims[i] < 0) { /* may be 1 */
            bnf_op_output_rank(op, 0, in.dtype, -1);
            return;
        }
        if (given ? !marked[i] : in.dims[i] != 1)
            out.dims[out.rank++] = in.dims[i];
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_unsqueeze(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = {.dtype = in.dtype};
    struct bnf_vector axes;
    bool marked[BNF_RANK_MAX] = {false};
    if (!bnf_op_list(op, op->opset < 13 ? "axes" : NULL, op->opset < 13 ? 0 : 1, &axes) || in.rank < 0 ||
        in.rank + (int)axes.count > BNF_RANK_MAX) {
        bnf_op_output_rank(op, 0, in.dtype, -1);
        return;
    }
    out.rank = in.rank + (int)axes.count;
    if (!mark_axes(&axes, out.rank, marked)) {
        bnf_op_output_rank(op, 0, in.dtype, out.rank);
        return;
    }
    for (int i = 0, from = 0; i < out.rank; i++)
        out.dims[i] = marked[i] ? 1 : in.dims[from++];
    bnf_op_output(op, 0, &out);
}

void bnf_shape_transpose(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), out = in;
    size_t count;
    const int64_t *perm = bnf_attr_ints(op->proto, "perm", &count);
    if (in.rank < 0 && perm && count <= BNF_RANK_MAX) {
        bnf_op_output_rank(op, 0, in.dtype, (int)count);
        return;
    }
    for (int i = 0; i < in.rank; i++) {
        int64_t from = perm ? (count == (size_t)in.rank ? perm[i] : -1) : in.rank - 1 - i;
        out.dims[i] = from >= 0 && from < in.rank ? in.dims[from] : BNF_DIM_UNKNOWN;
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_pad(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    struct bnf_vector pads, axes = {0};
    const char *attribute = op->opset < 2 ? "paddings" : op->opset < 11 ? "pads" : NULL;
    bool given = op->opset >= 18 && bnf_op_has(op, 3);
    bool known =
        bnf_op_list(op, attribute, attribute ? 0 : 1, &pads) && (!given || bnf_op_vector(op, 3, &axes));
    if (in.rank < 0) {
        bool counts = known && !given && pads.count % 2 == 0;
        bnf_op_output_rank(op, 0, in.dtype, counts ? (int)pads.count / 2 : -1);
        return;
    }
    size_t count = given ? axes.count : (size_t)in.rank;
    known = known && pads.count == 2 * count;
    for (size_t i = 0; known && i < count; i++) {
        int64_t listed = (int64_t)i, before, after;
        known = !given || bnf_element_int(axes.items[i], &listed);
        int axis = known ? bnf_shape_axis(listed, in.rank) : -1;
        known = axis >= 0;
        if (!known)
            break;
        int64_t *dim = &in.dims[axis];
        if (!bnf_element_int(pads.items[i], &before) || !bnf_element_int(pads.items[count + i], &after) ||
            before > BNF_EXTENT_MAX || before < -BNF_EXTENT_MAX || after > BNF_EXTENT_MAX ||
            after < -BNF_EXTENT_MAX || *dim > BNF_EXTENT_MAX)
            *dim = BNF_DIM_UNKNOWN;
        else if (*dim >= 0)
            *dim = *dim + before + after >= 0 ? *dim + before + after : BNF_DIM_UNKNOWN;
        else if (before + after != 0)
            *dim = BNF_DIM_UNKNOWN;
    }
    if (known)
        bnf_op_output(op, 0, &in);
    else
        bnf_op_output_rank(op, 0, in.dtype, in.rank);
}

void bnf_shape_expand(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0), target = {.rank = -1};
    struct bnf_vector shape;
    if (bnf_op_vector(op, 1, &shape)) {
        target.rank = (int)shape.count;
        for (int i = 0; i < target.rank; i++)
            target.dims[i] = bnf_element_extent(shape.items[i]);
    }
    bnf_dims_broadcast(&in, &target);
    bnf_op_output(op, 0, &in);
}

void bnf_shape_tile(const struct bnf_op *op)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    struct bnf_vector repeats;
    bool known = op->opset >= 6 && bnf_op_vector(op, 1, &repeats);
    if (in.rank < 0 && known) {
        bnf_op_output_rank(op, 0, in.dtype, (int)repeats.count);
        return;
    }
    for (int i = 0; i < in.rank; i++)
        in.dims[i] = known && repeats.count == (size_t)in.rank
                         ? bnf_dim_times(in.dims[i], bnf_element_extent(repeats.items[i]))
                         : BNF_DIM_UNKNOWN;
    bnf_op_output(op, 0, &in);
}

void bnf_shape_gather(const struct bnf_op *op)
{
    struct bnf_dims data = bnf_op_input(op, 0), index = bnf_op_input(op, 1),
                    out = {.dtype = data.dtype, .rank = -1};
    int axis = bnf_shape_axis(bnf_attr_int(op->proto, "axis", 0), data.rank);
    if (data.rank > 0 && index.rank >= 0 && axis >= 0 && data.rank - 1 + index.rank <= BNF_RANK_MAX) {
        out.rank = 0;
        for (int i = 0; i < axis; i++)
            out.dims[out.rank++] = data.dims[i];
        for (int i = 0; i < index.rank; i++)
            out.dims[out.rank++] = index.dims[i];
        for (int i = axis + 1; i < data.rank; i++)
            out.dims[out.rank++] = data.dims[i];
    }
    bnf_op_output(op, 0, &out);
}

void bnf_shape_gather_elements(const struct bnf_op *op)
{
    struct bnf_dims out = bnf_op_input(op, 1);
    out.dtype = bnf_op_input(op, 0).dtype;
    bnf_op_output(op, 0, &out);
}

void bnf_shape_gather_nd(const struct bnf_op *op)
{
    struct bnf_dims data = bnf_op_input(op, 0), index = bnf_op_input(op, 1),
                    out = {.dtype = data.dtype, .rank = -1};
    int64_t batch = bnf_attr_int(op->proto, "batch_dims", 0);
    int64_t depth = index.rank > 0 ? index.dims[index.rank - 1] : -1;
    if (data.rank > 0 && depth >= 0 && batch >= 0 && batch < index.rank && depth <= data.rank - batch &&
        index.rank - 1 + data.rank - batch - depth <= BNF_RANK_MAX) {
        out.rank = 0;
        for (int i = 0; i < index.rank - 1; i++)
            out.dims[out.rank++] = index.dims[i];
        for (int i = (int)(batch + depth); i < data.rank; i++)
            out.dims[out.rank++] = data.dims[i];
    }
    bnf_op_output(op, 0, &out);
}

/* Depth to space multiplies height and width; the reverse divides them. */
static void blocks(const struct bnf_op *op, bool to_space)
{
    struct bnf_dims in = bnf_op_input(op, 0);
    int64_t block = bnf_attr_int(op->proto, "blocksize", 0);
    int64_t square = block >= 1 && block <= 1 << 20 ? block * block : BNF_DIM_UNKNOWN;
    if (square < 0)
        block = BNF_DIM_UNKNOWN;
    if (in.rank >= 0 && in.rank != 4)
        in.rank = -1;
    else if (in.rank < 0)
        in = (struct bnf_dims){
            in.dtype, 4, {BNF_DIM_UNKNOWN, BNF_DIM_UNKNOWN, BNF_DIM_UNKNOWN, BNF_DIM_UNKNOWN}};
    for (int i = 1; i < in.rank; i++) {
        int64_t factor = i == 1 ? square : block;
        in.dims[i] =
            (i == 1) == to_space ? bnf_dim_divided(in.dims[i], factor) : bnf_dim_times(in.dims[i], factor);
    }
    bnf_op_output(op, 0, &in);
}

void bnf_shape_depth_to_space(const struct bnf_op *op)
{
    blocks(op, true);
}

void bnf_shape_space_to_depth(const struct bnf_op *op)
{
    blocks(op, false);
}
