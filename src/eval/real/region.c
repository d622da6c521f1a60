/* Operators on regions of images: pooling them, and choosing among them. */
#include "eval/real/real.h"

#include "base/threads.h"
#include "eval/move.h"

#include <string.h>
#include <tgmath.h>

/* Larger coordinates are no places on images; walking over them would take forever. */
static const real farthest = (real)3e4;

/* An input that has to hold floating numbers and have this rank. */
static int reals(struct bnf_call *call, size_t slot, size_t rank, struct bnf_array **out)
{
    int status = bnf_move_input(call, slot, out);
    if (status)
        return status;
    if ((*out)->kind != BNF_KIND_REAL || (*out)->rank != rank)
        return bnf_call_wrong(call, "input %zu is %s of rank %zu, not floating of rank %zu", slot,
            bnf_dtype_name((*out)->dtype), (*out)->rank, rank);
    return BNF_OK;
}

/* ---- RoiAlign ---- */

struct align {
    const real *x;        /* [N, channels, height, width] */
    const real *rois;     /* [R, 4]: left, top, right, bottom */
    const int64_t *batch; /* [R], within N */
    real *to;             /* [R, channels, rows, columns] */
    int64_t channels, height, width, rows, columns, sampling;
    real scale;
    bool half_pixel, maximum;
};

/* The four elements around a place and their weights; false when it lies outside. */
static bool around(const struct align *a, real y, real x, int64_t *at, real *weight)
{
    if (y < -1 || y > (real)a->height || x < -1 || x > (real)a->width)
        return false;
    y = y > 0 ? y : 0;
    x = x > 0 ? x : 0;
    int64_t top = (int64_t)y, left = (int64_t)x, bottom = top + 1, right = left + 1;
    if (bottom >= a->height)
        y = (real)(top = bottom = a->height - 1);
    if (right >= a->width)
        x = (real)(left = right = a->width - 1);
    real down = y - (real)top, over = x - (real)left;
    at[0] = top * a->width + left;
    at[1] = top * a->width + right;
    at[2] = bottom * a->width + left;
    at[3] = bottom * a->width + right;
    weight[0] = (1 - down) * (1 - over);
    weight[1] = (1 - down) * over;
    weight[2] = down * (1 - over);
    weight[3] = down * over;
    return true;
}

/* One cell: `steps` × `strides` places spread over it, for every channel. The maximum is that of the weighted
 * elements, not of the interpolated places: so the standard's reference has it. */
static void align_cell(const struct align *a, const real *image, real *to, const real *corner,
    const real *cell, int64_t steps, int64_t strides)
{
    size_t plane = (size_t)(a->height * a->width), step = (size_t)(a->rows * a->columns);
    bool any = false;
    for (int64_t c = 0; c < a->channels; c++)
        to[(size_t)c * step] = 0;
    for (int64_t i = 0; i < steps * strides; i++) {
        int64_t at[4] = {0};
        real weight[4] = {0};
        real y = corner[0] + ((real)(i / strides) + (real)0.5) * cell[0] / (real)steps;
        real x = corner[1] + ((real)(i % strides) + (real)0.5) * cell[1] / (real)strides;
        if (!around(a, y, x, at, weight) && !a->maximum)
            continue;
        for (int64_t c = 0; c < a->channels; c++) {
            const real *p = image + (size_t)c * plane;
            real *out = to + (size_t)c * step;
            for (size_t k = 0; k < 4; k++) {
                real part = weight[k] * p[at[k]];
                if (!a->maximum)
                    *out += part;
                else if ((!any && k == 0) || part > *out)
                    *out = part;
            }
        }
        any = true;
    }
    real count = (real)(steps * strides > 1 ? steps * strides : 1);
    for (int64_t c = 0; !a->maximum && c < a->channels; c++)
        to[(size_t)c * step] /= count;
}

/* As many places as a cell is long; one that is not a number has none. */
static int64_t places_in(real cell)
{
    static const int64_t most = 1000000000000;
    return !(cell > 0) ? 0 : cell < (real)most ? (int64_t)ceil(cell) : most;
}

/* Where a region begins, the size of a cell of it, and how many places are spread over that, down and across. */
static void measure_roi(const struct align *a, size_t r, real start[2], real cell[2], int64_t places[2])
{
    const real *roi = a->rois + r * 4;
    real offset = a->half_pixel ? (real)0.5 : 0;
    for (size_t i = 0; i < 2; i++) {
        start[i] = roi[1 - i] * a->scale - offset;
        real size = roi[3 - i] * a->scale - offset - start[i];
        if (!a->half_pixel && !(size > 1))
            size = 1;
        cell[i] = size / (real)(i == 0 ? a->rows : a->columns);
        places[i] = a->sampling > 0 ? a->sampling : places_in(cell[i]);
    }
}

static int align_roi(void *context, size_t r)
{
    const struct align *a = context;
    real start[2], cell[2];
    int64_t places[2];
    measure_roi(a, r, start, cell, places);
    size_t plane = (size_t)(a->rows * a->columns), channels = (size_t)a->channels;
    const real *image = a->x + (size_t)a->batch[r] * channels * (size_t)(a->height * a->width);
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < a->columns; j++) {
            real corner[2] = {start[0] + (real)i * cell[0], start[1] + (real)j * cell[1]};
            align_cell(a, image, a->to + r * channels * plane + (size_t)(i * a->columns + j), corner, cell,
                places[0], places[1]);
        }
    return 0;
}

static double align_work(const struct align *a, size_t regions)
{
    double work = 0;
    for (size_t r = 0; r < regions; r++) {
        real start[2], cell[2];
        int64_t places[2];
        measure_roi(a, r, start, cell, places);
        if (places[0] > 0 && places[1] > 0)
            work += (double)a->rows * (double)a->columns * (double)places[0] * (double)places[1] * (double)a->channels;
    }
    return work;
}

int R(bnf_op_roi_align)(struct bnf_call *call)
{
    struct bnf_array *x, *rois, *batch;
    int status = reals(call, 0, 4, &x);
    if (!status)
        status = reals(call, 1, 2, &rois);
    if (!status)
        status = bnf_move_integers(call, 2, &batch);
    if (status)
        return status;
    struct align a = {.x = x->data,
        .rois = rois->data,
        .batch = batch->data,
        .channels = x->dims[1],
        .height = x->dims[2],
        .width = x->dims[3],
        .rows = bnf_attr_int(call->proto, "output_height", 1),
        .columns = bnf_attr_int(call->proto, "output_width", 1),
        .sampling = bnf_attr_int(call->proto, "sampling_ratio", 0),
        .scale = (real)bnf_attr_float(call->proto, "spatial_scale", 1),
        .half_pixel = call->opset >= 16 &&
                      !bnf_attr_is(call->proto, "coordinate_transformation_mode", "output_half_pixel"),
        .maximum = bnf_attr_is(call->proto, "mode", "max")};
    if (rois->dims[1] != 4 || batch->count != (size_t)rois->dims[0])
        return bnf_call_wrong(call, "%lld regions of %lld numbers with %zu batch indices",
            (long long)rois->dims[0], (long long)rois->dims[1], batch->count);
    if (a.rows < 1 || a.columns < 1 || a.height < 1 || a.width < 1 || a.sampling > 1 << 12)
        return bnf_call_wrong(call, "regions of %lldx%lld become %lldx%lld", (long long)a.height,
            (long long)a.width, (long long)a.rows, (long long)a.columns);
    for (size_t i = 0; i < batch->count; i++)
        if (a.batch[i] < 0 || a.batch[i] >= x->dims[0])
            return bnf_call_wrong(call, "batch index %lld is outside extent %lld", (long long)a.batch[i],
                (long long)x->dims[0]);
    for (size_t i = 0; i < rois->count; i++)
        if (!(fabs(a.rois[i] * a.scale) < farthest))
            return bnf_call_cannot(call, "region %zu has the coordinate %g", i / 4, (double)a.rois[i]);
    status = bnf_call_work(call, align_work(&a, batch->count));
    if (status)
        return status;
    int64_t dims[4] = {rois->dims[0], a.channels, a.rows, a.columns};
    a.to = bnf_call_output(call, 0, x->dtype, 4, dims);
    if (!a.to)
        return BNF_ENOMEM;
    bnf_parallel(call->threads, batch->count, align_roi, &a);
    return BNF_OK;
}

/* ---- MaxRoiPool ---- */

/* The largest element of one cell of a region: rows [top, bottom), columns [left, right); 0 when it is empty.
 */
static real pool_cell(const real *plane, int64_t width, const int64_t *top_bottom, const int64_t *left_right)
{
    real most = 0;
    bool any = false;
    for (int64_t y = top_bottom[0]; y < top_bottom[1]; y++)
        for (int64_t x = left_right[0]; x < left_right[1]; x++) {
            real element = plane[y * width + x];
            most = !any || element > most ? element : most;
            any = true;
        }
    return most;
}

/* Which elements belong to cell i of n on an axis: the cells of a region overlap by rounding outwards. */
static void cell_of(int64_t i, int64_t n, real start, real end, int64_t extent, int64_t *out)
{
    real size = (end - start + 1 > 1 ? end - start + 1 : 1) / (real)n;
    real first = floor((real)i * size) + start, last = ceil((real)(i + 1) * size) + start,
         most = (real)extent;
    out[0] = (int64_t)(first < 0 ? 0 : first > most ? most : first);
    out[1] = (int64_t)(last < 0 ? 0 : last > most ? most : last);
}

int R(bnf_op_max_roi_pool)(struct bnf_call *call)
{
    struct bnf_array *x, *rois;
    size_t count;
    const int64_t *shape = bnf_attr_ints(call->proto, "pooled_shape", &count);
    real scale = (real)bnf_attr_float(call->proto, "spatial_scale", 1);
    int status = reals(call, 0, 4, &x);
    if (!status)
        status = reals(call, 1, 2, &rois);
    if (status)
        return status;
    if (count != 2 || shape[0] < 1 || shape[1] < 1 || rois->dims[1] != 5)
        return bnf_call_wrong(call, "'pooled_shape' has %zu extents and regions %lld numbers, not 2 and 5",
            count, (long long)rois->dims[1]);
    int64_t dims[4] = {rois->dims[0], x->dims[1], shape[0], shape[1]};
    /* Cells overlap by less than a row and a column on each side. */
    status = bnf_call_work(call, (double)dims[0] * (double)dims[1] * ((double)x->dims[2] + 2 * (double)dims[2]) *
                                     ((double)x->dims[3] + 2 * (double)dims[3]));
    if (status)
        return status;
    real *to = bnf_call_output(call, 0, x->dtype, 4, dims);
    if (!to)
        return BNF_ENOMEM;
    size_t plane = (size_t)(x->dims[2] * x->dims[3]);
    for (int64_t r = 0; r < dims[0]; r++) {
        real roi[5], corner[4];
        memcpy(roi, (const real *)rois->data + r * 5, sizeof roi);
        for (size_t i = 0; i < 4; i++) {
            corner[i] = round(roi[1 + i] * scale);
            if (!(fabs(corner[i]) < farthest))
                return bnf_call_cannot(
                    call, "region %lld has the coordinate %g", (long long)r, (double)roi[1 + i]);
        }
        if (!(roi[0] >= 0 && roi[0] < (real)x->dims[0]))
            return bnf_call_wrong(
                call, "batch index %g is outside extent %lld", (double)roi[0], (long long)x->dims[0]);
        const real *image = (const real *)x->data + (size_t)roi[0] * (size_t)x->dims[1] * plane;
        for (int64_t c = 0; c < dims[1]; c++)
            for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
                int64_t rows[2], columns[2];
                cell_of(i / shape[1], shape[0], corner[1], corner[3], x->dims[2], rows);
                cell_of(i % shape[1], shape[1], corner[0], corner[2], x->dims[3], columns);
                *to++ = pool_cell(image + (size_t)c * plane, x->dims[3], rows, columns);
            }
    }
    return BNF_OK;
}

/* ---- NonMaxSuppression ---- */

struct box {
    real low[2], high[2];
};

static struct box box_of(const real *numbers, bool center)
{
    struct box box;
    for (size_t i = 0; i < 2; i++) {
        real a = center ? numbers[i] - numbers[2 + i] / 2 : numbers[i];
        real b = center ? numbers[i] + numbers[2 + i] / 2 : numbers[2 + i];
        box.low[i] = a < b ? a : b;
        box.high[i] = a < b ? b : a;
    }
    return box;
}

/* Intersection over union of two boxes is above the threshold. */
static bool overlap(struct box a, struct box b, real threshold)
{
    real common = 1, first = 1, second = 1;
    for (size_t i = 0; i < 2; i++) {
        real low = a.low[i] > b.low[i] ? a.low[i] : b.low[i],
             high = a.high[i] < b.high[i] ? a.high[i] : b.high[i];
        if (high <= low)
            return false;
        common *= high - low;
        first *= a.high[i] - a.low[i];
        second *= b.high[i] - b.low[i];
    }
    real together = first + second - common;
    return common > 0 && together > 0 && common / together > threshold;
}

/* Numbers of the scores above the threshold, best first, equal ones in their order; sifted through a heap
 * whose root is the worst of those not yet placed. */
static size_t candidates(const real *scores, size_t count, const real *threshold, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!threshold || scores[i] > *threshold)
            out[n++] = i;
    for (size_t begin = n / 2, end = n; end > 1;) {
        size_t item;
        if (begin > 0) {
            item = out[--begin];
        } else {
            item = out[--end];
            out[end] = out[0];
        }
        size_t at = begin, child;
        for (; (child = 2 * at + 1) < end; at = child) {
            real a = scores[out[child]], b = child + 1 < end ? scores[out[child + 1]] : 0;
            if (child + 1 < end && (b < a || (b == a && out[child + 1] > out[child])))
                child++;
            a = scores[out[child]];
            b = scores[item];
            if (!(a < b || (a == b && out[child] > item)))
                break;
            out[at] = out[child];
        }
        out[at] = item;
    }
    return n;
}

/* The number in an optional input of one element. */
static int threshold_of(struct bnf_call *call, size_t slot, real *out)
{
    const struct bnf_array *input = bnf_call_input(call, slot);
    if (!input)
        return BNF_OK;
    if (input->kind != BNF_KIND_REAL || input->count != 1)
        return bnf_call_wrong(call, "input %zu has %zu elements, not one number", slot, input->count);
    *out = *(const real *)input->data;
    return BNF_OK;
}

/* The inputs of one NonMaxSuppression. */
struct suppression {
    const real *boxes, *scores; /* [batches, count, 4], [batches, classes, count] */
    size_t batches, classes, count, most;
    real overlap, score;
    bool has_score, center;
};

/* One class of one batch; appends the numbers of the boxes kept to `kept` and returns how many. */
static size_t suppress(const struct suppression *s, size_t batch, size_t class, size_t *order, size_t *kept)
{
    const real *boxes = s->boxes + batch * s->count * 4;
    const real *scores = s->scores + (batch * s->classes + class) * s->count;
    size_t n = candidates(scores, s->count, s->has_score ? &s->score : NULL, order), found = 0;
    for (size_t i = 0; i < n && found < s->most; i++) {
        struct box box = box_of(boxes + 4 * order[i], s->center);
        bool keep = true;
        for (size_t k = 0; keep && k < found; k++)
            keep = !overlap(box, box_of(boxes + 4 * kept[k], s->center), s->overlap);
        if (keep)
            kept[found++] = order[i];
    }
    return found;
}

int R(bnf_op_non_max_suppression)(struct bnf_call *call)
{
    struct bnf_array *boxes, *scores;
    int64_t most;
    struct suppression s = {.has_score = bnf_call_input(call, 4) != NULL,
        .center = bnf_attr_int(call->proto, "center_point_box", 0) != 0};
    int status = reals(call, 0, 3, &boxes);
    if (!status)
        status = reals(call, 1, 3, &scores);
    if (!status)
        status = bnf_move_scalar(call, 2, 0, &most);
    if (!status)
        status = threshold_of(call, 3, &s.overlap);
    if (!status)
        status = threshold_of(call, 4, &s.score);
    if (status)
        return status;
    if (boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2])
        return bnf_call_wrong(call, "%lld boxes of %lld numbers and %lld scores do not fit",
            (long long)boxes->dims[1], (long long)boxes->dims[2], (long long)scores->dims[2]);
    s.boxes = boxes->data;
    s.scores = scores->data;
    s.batches = (size_t)boxes->dims[0];
    s.classes = (size_t)scores->dims[1];
    s.count = (size_t)boxes->dims[1];
    s.most = most < 0 ? 0 : (uint64_t)most > s.count ? s.count : (size_t)most;
    size_t groups = s.batches * s.classes, total = 0;
    if (s.most && groups > SIZE_MAX / 64 / s.most)
        return bnf_call_wrong(call, "%zu boxes in each of %zu classes are too many", s.most, groups);
    status = bnf_call_work(call, (double)groups * (double)s.count * (double)s.most);
    if (status)
        return status;
    size_t *order = bnf_arena_alloc(call->arena, s.count + 1, sizeof *order);
    size_t *found = bnf_arena_alloc(call->arena, groups + 1, sizeof *found);
    size_t *kept = bnf_arena_alloc(call->arena, groups * s.most + 1, sizeof *kept);
    if (!order || !found || !kept)
        return bnf_fail_memory(call->err);
    for (size_t g = 0; s.most && g < groups; g++) {
        found[g] = suppress(&s, g / s.classes, g % s.classes, order, kept + g * s.most);
        total += found[g];
    }
    int64_t dims[2] = {(int64_t)total, 3};
    int64_t *to = bnf_call_output(call, 0, BNF_DTYPE_INT64, 2, dims);
    if (!to)
        return BNF_ENOMEM;
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < found[g]; i++) {
            *to++ = (int64_t)(g / s.classes);
            *to++ = (int64_t)(g % s.classes);
            *to++ = (int64_t)kept[g * s.most + i];
        }
    return BNF_OK;
}
