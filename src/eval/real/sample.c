/* GridSample, AffineGrid, and Col2Im. */
#include "eval/real/real.h"

#include "base/threads.h"
#include "eval/move.h"

#include <string.h>
#include <tgmath.h>

enum { most_axes = 3, most_taps = 64 };
enum mode { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC };
enum frame { FRAME_ZEROS, FRAME_BORDER, FRAME_REFLECTION };

/* ---- GridSample ---- */

struct sample {
    const real *x, *grid; /* [N, channels, in…]; [N, points, axes], the last axis of x first */
    real *to;             /* [N, channels, points] */
    size_t axes, channels, plane, points, shares;
    int64_t in[most_axes];
    enum mode mode;
    enum frame frame;
    bool align;
};

static real clip(real u, int64_t extent)
{
    real last = (real)(extent - 1);
    return u > 0 ? (u < last ? u : last) : 0;
}

/* u mirrored at the outer elements, or at their outer edges, until it lies on the axis. */
static real mirror(real u, int64_t extent, bool align)
{
    real low = align ? 0 : (real)-0.5, span = (real)(align ? extent - 1 : extent);
    if (!(span > 0))
        return 0;
    real from = fabs(u - low), rest = fmod(from, span);
    bool odd = fmod(floor(from / span), (real)2) != 0;
    return clip((odd ? span - rest : rest) + low, extent);
}

/* Brings a place or an index onto the axis, as the frame says. */
static real framed(const struct sample *s, real u, int64_t extent)
{
    if (s->frame == FRAME_BORDER)
        return clip(u, extent);
    return s->frame == FRAME_REFLECTION ? mirror(u, extent, s->align) : u;
}

/* Weight of an element at a distance: cubic convolution with a = -3/4. */
static real cubic(real distance)
{
    const real a = (real)-0.75;
    real x = fabs(distance);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Elements and weights on one axis; index -1: outside, where there is zero. Returns how many. */
static size_t axis_taps(const struct sample *s, real g, int64_t extent, int64_t *index, real *weight)
{
    real u = s->align ? (g + 1) / 2 * (real)(extent - 1) : ((g + 1) * (real)extent - 1) / 2;
    size_t count = s->mode == MODE_NEAREST ? 1 : s->mode == MODE_LINEAR ? 2 : 4;
    if (!(fabs(u) < (real)1e9))
        u = -100;
    if (s->mode != MODE_CUBIC)
        u = framed(s, u, extent);
    real first = s->mode == MODE_NEAREST ? rint(u) : floor(u) - (s->mode == MODE_CUBIC);
    for (size_t k = 0; k < count; k++) {
        real at = first + (real)k, distance = at - u;
        weight[k] = s->mode == MODE_NEAREST  ? 1
                    : s->mode == MODE_LINEAR ? 1 - fabs(distance)
                                             : cubic(distance);
        if (s->mode == MODE_CUBIC)
            at = rint(framed(s, at, extent));
        index[k] = at >= 0 && at < (real)extent ? (int64_t)at : -1;
    }
    return count;
}

/* All elements around one point: offsets in a plane and weights. Returns how many. */
static size_t point_taps(const struct sample *s, const real *point, size_t *offset, real *weight)
{
    size_t count = 1, stride = 1;
    offset[0] = 0;
    weight[0] = 1;
    for (size_t i = 0; i < s->axes; i++) {
        int64_t extent = s->in[s->axes - 1 - i], index[4];
        real w[4];
        size_t taps = axis_taps(s, point[i], extent, index, w), next = 0;
        size_t old_offset[most_taps];
        real old_weight[most_taps];
        memcpy(old_offset, offset, count * sizeof *offset);
        memcpy(old_weight, weight, count * sizeof *weight);
        for (size_t k = 0; k < taps; k++)
            for (size_t j = 0; index[k] >= 0 && j < count; j++) {
                offset[next] = old_offset[j] + (size_t)index[k] * stride;
                weight[next++] = old_weight[j] * w[k];
            }
        count = next;
        stride *= (size_t)extent;
    }
    return count;
}

static int sample_share(void *context, size_t share)
{
    const struct sample *s = context;
    size_t n = share / s->shares, part = share % s->shares;
    size_t first = s->points * part / s->shares, end = s->points * (part + 1) / s->shares;
    const real *x = s->x + n * s->channels * s->plane;
    for (size_t p = first; p < end; p++) {
        size_t offset[most_taps];
        real weight[most_taps];
        size_t count = point_taps(s, s->grid + (n * s->points + p) * s->axes, offset, weight);
        for (size_t c = 0; c < s->channels; c++) {
            real sum = 0;
            for (size_t k = 0; k < count; k++)
                sum += weight[k] * x[c * s->plane + offset[k]];
            s->to[(n * s->channels + c) * s->points + p] = sum;
        }
    }
    return 0;
}

/* The first of the names that the attribute has; `missing` when it is absent; SIZE_MAX when it is none of
 * them. */
static size_t name_of(const struct bnf_call *call, const char *attribute, const char *const *names,
    size_t count, size_t missing)
{
    if (!bnf_attr_find(call->proto, attribute))
        return missing;
    for (size_t i = 0; i < count; i++)
        if (bnf_attr_is(call->proto, attribute, names[i]))
            return i;
    return SIZE_MAX;
}

static int sample_modes(struct bnf_call *call, struct sample *s)
{
    static const char *const modes[] = {"nearest", "linear", "cubic", "", "bilinear", "bicubic"};
    static const char *const frames[] = {"zeros", "border", "reflection"};
    size_t mode = name_of(call, "mode", modes, 6, MODE_LINEAR);
    size_t frame = name_of(call, "padding_mode", frames, 3, FRAME_ZEROS);
    if (mode == SIZE_MAX || frame == SIZE_MAX)
        return bnf_call_wrong(call, "'mode' or 'padding_mode' is none of the standard's");
    s->mode = (enum mode)(mode > 3 ? mode - 3 : mode);
    s->frame = (enum frame)frame;
    s->align = bnf_attr_int(call->proto, "align_corners", 0) != 0;
    return BNF_OK;
}

int R(bnf_op_grid_sample)(struct bnf_call *call)
{
    struct bnf_array *x, *grid;
    struct sample s = {0};
    int64_t dims[bnf_most_rank];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_input(call, 1, &grid);
    if (!status)
        status = sample_modes(call, &s);
    if (status)
        return status;
    if (x->rank < 3 || x->rank > 2 + most_axes || x->kind != BNF_KIND_REAL)
        return bnf_call_cannot(call,
            "an input of %s and rank %zu is not supported, only floating of rank 3 to 5",
            bnf_dtype_name(x->dtype), x->rank);
    s.axes = x->rank - 2;
    if (grid->rank != x->rank || grid->kind != BNF_KIND_REAL ||
        grid->dims[grid->rank - 1] != (int64_t)s.axes || grid->dims[0] != x->dims[0])
        return bnf_call_wrong(call, "a grid of rank %zu with %lld numbers a point does not fit rank %zu",
            grid->rank, (long long)(grid->rank ? grid->dims[grid->rank - 1] : 0), x->rank);
    s.plane = bnf_move_product(x->dims, 2, x->rank);
    s.points = bnf_move_product(grid->dims, 1, grid->rank - 1);
    if (!s.plane && s.points)
        return bnf_call_wrong(call, "the input has no elements to sample");
    s.channels = (size_t)x->dims[1];
    memcpy(s.in, x->dims + 2, s.axes * sizeof *s.in);
    memcpy(dims, x->dims, 2 * sizeof *dims);
    memcpy(dims + 2, grid->dims + 1, s.axes * sizeof *dims);
    s.x = x->data;
    s.grid = grid->data;
    s.to = bnf_call_output(call, 0, x->dtype, x->rank, dims);
    if (!s.to)
        return BNF_ENOMEM;
    s.shares = call->out[0]->count < 1 << 13 ? 1 : (size_t)call->threads * 4 + 1;
    bnf_parallel(call->threads, (size_t)x->dims[0] * s.shares, sample_share, &s);
    return BNF_OK;
}

/* ---- AffineGrid ---- */

/* to[p, :] = theta · (place of point p, 1) for the points of a space of `axes` extents; theta is [axes, axes
 * + 1], the last axis first. */
static void affine_grid(real *to, const real *theta, const int64_t *extents, size_t axes, bool align)
{
    size_t points = bnf_move_product(extents, 0, axes);
    for (size_t p = 0; p < points; p++) {
        real place[most_axes + 1];
        size_t rest = p;
        for (size_t i = 0; i < axes; i++) {
            int64_t extent = extents[axes - 1 - i], at = (int64_t)(rest % (size_t)extent);
            rest /= (size_t)extent;
            if (align)
                place[i] = extent > 1 ? (real)(2 * at) / (real)(extent - 1) - 1 : 0;
            else
                place[i] = (real)(2 * at + 1) / (real)extent - 1;
        }
        place[axes] = 1;
        for (size_t i = 0; i < axes; i++) {
            real sum = 0;
            for (size_t k = 0; k <= axes; k++)
                sum += theta[i * (axes + 1) + k] * place[k];
            *to++ = sum;
        }
    }
}

int R(bnf_op_affine_grid)(struct bnf_call *call)
{
    struct bnf_array *theta, *size;
    int64_t dims[bnf_most_rank];
    int status = bnf_move_input(call, 0, &theta);
    if (!status)
        status = bnf_move_integers(call, 1, &size);
    if (status)
        return status;
    const int64_t *extents = size->data;
    size_t axes = size->count - 2;
    if ((size->count != 4 && size->count != 5) || theta->rank != 3 || theta->kind != BNF_KIND_REAL ||
        theta->dims[0] != extents[0] || theta->dims[1] != (int64_t)axes ||
        theta->dims[2] != (int64_t)axes + 1)
        return bnf_call_wrong(
            call, "'theta' has %zu elements for a size of %zu extents", theta->count, size->count);
    for (size_t i = 0; i < size->count; i++)
        if (extents[i] < 0)
            return bnf_call_wrong(call, "'size' holds %lld", (long long)extents[i]);
    dims[0] = extents[0];
    memcpy(dims + 1, extents + 2, axes * sizeof *dims);
    dims[axes + 1] = (int64_t)axes;
    real *to = bnf_call_output(call, 0, theta->dtype, axes + 2, dims);
    if (!to)
        return BNF_ENOMEM;
    size_t each = call->out[0]->count / (size_t)(dims[0] ? dims[0] : 1);
    for (int64_t n = 0; n < dims[0]; n++)
        affine_grid(to + (size_t)n * each, (const real *)theta->data + (size_t)n * axes * (axes + 1),
            extents + 2, axes, bnf_attr_int(call->proto, "align_corners", 0) != 0);
    return BNF_OK;
}

/* ---- Col2Im ---- */

struct columns {
    size_t axes;
    const int64_t *image, *block;
    int64_t steps[bnf_most_rank]; /* how many blocks lie along each axis */
    int64_t stride[bnf_most_rank], dilation[bnf_most_rank], pad[bnf_most_rank];
    size_t block_size, places, image_size;
};

/* image[place · stride + element · dilation - pad] += columns[element, place], for one channel. */
static void col2im(const struct columns *c, real *image, const real *columns)
{
    for (size_t e = 0; e < c->block_size; e++)
        for (size_t p = 0; p < c->places; p++) {
            size_t element = e, place = p, offset = 0, stride = 1;
            bool inside = true;
            for (size_t i = c->axes; i-- > 0;) {
                int64_t in_block = (int64_t)(element % (size_t)c->block[i]),
                        step = (int64_t)(place % (size_t)c->steps[i]);
                int64_t at = step * c->stride[i] + in_block * c->dilation[i] - c->pad[i];
                element /= (size_t)c->block[i];
                place /= (size_t)c->steps[i];
                inside = inside && at >= 0 && at < c->image[i];
                offset += (size_t)at * stride;
                stride *= (size_t)c->image[i];
            }
            if (inside)
                image[offset] += columns[e * c->places + p];
        }
}

/* An attribute with `count` numbers, all within low … 2^30; `missing` where it is absent. */
static int numbers(
    struct bnf_call *call, const char *name, size_t count, int64_t low, int64_t missing, int64_t *out)
{
    const int64_t *list;
    size_t n;
    int status = bnf_move_list(call, name, SIZE_MAX, &list, &n);
    if (status)
        return status;
    if (n != SIZE_MAX && n != count)
        return bnf_call_wrong(call, "'%s' has %zu numbers, not %zu", name, n, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = n == SIZE_MAX ? missing : list[i];
        if (out[i] < low || out[i] > 1 << 30)
            return bnf_call_wrong(call, "'%s' holds %lld", name, (long long)out[i]);
    }
    return BNF_OK;
}

static int read_columns(
    struct bnf_call *call, const struct bnf_array *image, const struct bnf_array *block, struct columns *c)
{
    int64_t pads[2 * bnf_most_rank];
    c->axes = image->count;
    c->image = image->data;
    c->block = block->data;
    if (!c->axes || c->axes != block->count || c->axes > bnf_most_rank - 2)
        return bnf_call_wrong(
            call, "'image_shape' has %zu extents and 'block_shape' %zu", c->axes, block->count);
    int status = numbers(call, "strides", c->axes, 1, 1, c->stride);
    if (!status)
        status = numbers(call, "dilations", c->axes, 1, 1, c->dilation);
    if (!status)
        status = numbers(call, "pads", 2 * c->axes, 0, 0, pads);
    if (status)
        return status;
    for (size_t i = 0; i < c->axes; i++) {
        if (c->image[i] < 1 || c->image[i] > 1 << 30 || c->block[i] < 1 || c->block[i] > 1 << 30)
            return bnf_call_wrong(call, "blocks of extent %lld do not fit an image of %lld",
                (long long)c->block[i], (long long)c->image[i]);
        c->pad[i] = pads[i];
        int64_t room = c->image[i] + pads[i] + pads[c->axes + i] - c->dilation[i] * (c->block[i] - 1) - 1;
        if (room < 0)
            return bnf_call_wrong(call, "blocks of extent %lld do not fit an image of %lld",
                (long long)c->block[i], (long long)c->image[i]);
        c->steps[i] = room / c->stride[i] + 1;
    }
    if (!bnf_volume(c->image, c->axes, &c->image_size) || !bnf_volume(c->block, c->axes, &c->block_size) ||
        !bnf_volume(c->steps, c->axes, &c->places))
        return bnf_call_wrong(call, "the image is too large");
    return BNF_OK;
}

int R(bnf_op_col2im)(struct bnf_call *call)
{
    struct bnf_array *x, *image, *block;
    struct columns c;
    int64_t dims[bnf_most_rank];
    int status = bnf_move_input(call, 0, &x);
    if (!status)
        status = bnf_move_integers(call, 1, &image);
    if (!status)
        status = bnf_move_integers(call, 2, &block);
    if (!status)
        status = read_columns(call, image, block, &c);
    if (status)
        return status;
    if (x->kind != BNF_KIND_REAL)
        return bnf_call_cannot(call, "columns of %s are not supported", bnf_dtype_name(x->dtype));
    if (x->rank != 3 || (size_t)x->dims[2] != c.places || (size_t)x->dims[1] % c.block_size)
        return bnf_call_wrong(call, "the columns do not have rank 3, blocks of %zu elements, and %zu places",
            c.block_size, c.places);
    dims[0] = x->dims[0];
    dims[1] = x->dims[1] / (int64_t)c.block_size;
    memcpy(dims + 2, c.image, c.axes * sizeof *dims);
    real *to = bnf_call_output(call, 0, x->dtype, c.axes + 2, dims);
    if (!to)
        return BNF_ENOMEM;
    for (size_t i = 0; i < call->out[0]->count; i++)
        to[i] = 0;
    for (size_t i = 0; i < (size_t)(dims[0] * dims[1]); i++)
        col2im(&c, to + i * c.image_size, (const real *)x->data + i * c.block_size * c.places);
    return BNF_OK;
}
