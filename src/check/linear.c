/* Operators with weights: what they are, and whether two of them, each with affine maps around it, are the
 * same. */
#include "check/prover.h"

#include "graph/attr.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- recognizing ---- */

static const struct bnf_tensor *float_constant(struct bnf_prover *p, struct bnf_side *side, bnf_id value)
{
    const struct bnf_tensor *t = bnf_side_constant(p, side, value);
    return t && bnf_dtype_is_float(t->dtype) && t->count > 0 ? t : NULL;
}

static bool read_bias(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core)
{
    if (value == BNF_NONE)
        return true;
    core->bias = float_constant(p, side, value);
    return core->bias && core->bias->dtype == core->weight->dtype;
}

static bool read_conv(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    core->data = bnf_node_input(g, core->node, 0);
    core->weight = float_constant(p, side, bnf_node_input(g, core->node, 1));
    if (core->data == BNF_NONE || !core->weight || !bnf_geometry_read(p, side, core) ||
        !read_bias(p, side, bnf_node_input(g, core->node, 2), core))
        return false;
    return !core->bias || (core->bias->rank == 1 && core->bias->count == core->out_channels);
}

/* weight(…, K, N) behind the data, or (N, K) with `flipped`; or weight(…, M, K) in front of it. */
static void lay_out_product(struct bnf_core *core, bool flipped)
{
    const struct bnf_tensor *w = core->weight;
    size_t first = (size_t)w->dims[w->rank - 2];
    core->cols = (size_t)w->dims[w->rank - 1];
    core->rows = w->count / core->cols;
    core->row_channels = first;
    core->inner = core->groups = 1;
    core->rows_out = core->weight_left || flipped;
    core->out_channels = core->rows_out ? first : core->cols;
    core->in_channels = core->rows_out ? core->cols : first;
    core->passes_shift = w->rank == 2; /* several matrices would give several biases */
}

static bool read_gemm(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    const Onnx__NodeProto *proto = g->nodes[core->node].proto;
    core->data = bnf_node_input(g, core->node, 0);
    core->weight = float_constant(p, side, bnf_node_input(g, core->node, 1));
    if (core->data == BNF_NONE || !core->weight || core->weight->rank != 2 ||
        !read_bias(p, side, bnf_node_input(g, core->node, 2), core))
        return false;
    core->alpha = (double)bnf_attr_float(proto, "alpha", 1);
    core->beta = (double)bnf_attr_float(proto, "beta", 1);
    core->trans_a = bnf_attr_int(proto, "transA", 0) != 0;
    core->in_axis = core->trans_a ? 0 : 1;
    core->out_axis = 1;
    lay_out_product(core, bnf_attr_int(proto, "transB", 0) != 0);
    const struct bnf_tensor *c = core->bias;
    return isfinite(core->alpha) && isfinite(core->beta) &&
           (!c || (c->rank <= 2 && (c->rank == 0 || c->dims[c->rank - 1] == 1 ||
                                       (uint64_t)c->dims[c->rank - 1] == core->out_channels)));
}

static bool read_matmul(struct bnf_prover *p, struct bnf_side *side, struct bnf_core *core)
{
    const struct bnf_graph *g = &side->graph;
    bnf_id a = bnf_node_input(g, core->node, 0), b = bnf_node_input(g, core->node, 1);
    if (a == BNF_NONE || b == BNF_NONE)
        return false;
    bool left = bnf_is_constant(&side->constants, a);
    if (left == bnf_is_constant(&side->constants, b))
        return false;
    core->weight_left = left;
    core->data = left ? b : a;
    core->weight = float_constant(p, side, left ? a : b);
    if (!core->weight || core->weight->rank < 2)
        return false;
    lay_out_product(core, false);
    int x = g->values[core->data].shape.rank, w = (int)core->weight->rank, wide = x > w ? x : w;
    core->in_axis = x < 1 ? -2 : x == 1 ? 0 : left ? x - 2 : x - 1;
    core->out_axis = x < 1 ? -2 : x == 1 ? w - 2 : left ? wide - 2 : wide - 1;
    return true;
}

bool bnf_core_of(struct bnf_prover *p, struct bnf_side *side, bnf_id value, struct bnf_core *core)
{
    const struct bnf_value *v = &side->graph.values[value];
    *core = (struct bnf_core){.alpha = 1, .beta = 1, .node = v->producer};
    if (v->producer == BNF_NONE || v->output != 0)
        return false;
    if (bnf_node_is(&side->graph, v->producer, "Conv")) {
        core->kind = BNF_CORE_CONV;
        return read_conv(p, side, core);
    }
    if (bnf_node_is(&side->graph, v->producer, "ConvTranspose")) {
        core->kind = BNF_CORE_CONV_TRANSPOSE;
        return read_conv(p, side, core);
    }
    core->kind = BNF_CORE_PRODUCT;
    if (bnf_node_is(&side->graph, v->producer, "Gemm"))
        return read_gemm(p, side, core);
    return bnf_node_is(&side->graph, v->producer, "MatMul") && read_matmul(p, side, core);
}

/* A map whose channels are those of the given axis. */
static bool fits(const struct bnf_normal *map, int axis, size_t channels)
{
    return !map || map->axis < 0 || (map->axis == axis && map->channels == channels);
}

bool bnf_core_takes(const struct bnf_core *core, const struct bnf_normal *post)
{
    return fits(post, core->out_axis, core->out_channels);
}

/* ---- the same kind of operator? ---- */

/* The length of the contracted axis and of the new one, and the batch in front of a product's weights. */
static bool same_matrices(const struct bnf_core *a, const struct bnf_core *b)
{
    if (a->in_channels != b->in_channels || a->out_channels != b->out_channels ||
        a->weight->rank != b->weight->rank)
        return false;
    for (uint32_t i = 0; i + 2 < a->weight->rank; i++)
        if (a->weight->dims[i] != b->weight->dims[i])
            return false;
    return true;
}

static enum bnf_outcome compare_products(struct bnf_prover *p, const struct bnf_core core[2])
{
    if (core[0].weight->dtype != core[1].weight->dtype) {
        bnf_say(p, "the weights are %s, but %s in the reference", bnf_dtype_name(core[1].weight->dtype),
            bnf_dtype_name(core[0].weight->dtype));
        return BNF_DIFFERENT;
    }
    if (core[0].weight_left != core[1].weight_left || core[0].trans_a != core[1].trans_a ||
        !same_matrices(&core[0], &core[1])) {
        char text[2][128];
        for (int i = 0; i < 2; i++)
            bnf_dims_text(core[i].weight->dims, core[i].weight->rank, text[i], sizeof text[i]);
        bnf_say(p, "a product with weights %s%s, but with %s%s in the reference", text[1],
            core[1].weight_left ? " on the left" : "", text[0], core[0].weight_left ? " on the left" : "");
        return BNF_DIFFERENT;
    }
    return BNF_EQUAL;
}

static enum bnf_outcome compare_kinds(struct bnf_prover *p, const struct bnf_core core[2])
{
    const char *op[2];
    for (int i = 0; i < 2; i++)
        op[i] = p->side[i].graph.nodes[core[i].node].proto->op_type;
    bool same = core[0].kind == core[1].kind;
    if (same && strcmp(op[0], op[1]) == 0)
        same = bnf_schema_same(op[0], bnf_node_opset(&p->side[0].graph, core[0].node),
            bnf_node_opset(&p->side[1].graph, core[1].node));
    if (!same) {
        bnf_say(p,
            "the cones cannot be brought to the same structure: the reference computes it by %s, the "
            "candidate by %s",
            op[0], op[1]);
        return BNF_UNKNOWN;
    }
    return core[0].kind == BNF_CORE_PRODUCT ? compare_products(p, core) : bnf_geometry_compare(p, core);
}

/* ---- effective coefficients ---- */

/* A core with what surrounds it. */
struct effective {
    const struct bnf_core *core;
    const struct bnf_normal *pre, *post;
    struct bnf_weights weights;
    size_t bias_rows;    /* Gemm's C may differ by row */
    double *bias, *size; /* bias_rows × out_channels */
    bool biased;         /* some bias may be other than zero */
};

static double *numbers(struct bnf_prover *p, struct bnf_arena *arena, size_t count)
{
    double *list = bnf_arena_alloc(arena, count, sizeof *list);
    if (!list)
        bnf_prover_fail(p, bnf_fail_memory(p->err));
    return list;
}

/* Factors of rows and columns: the result's channels carry post, the data's carry pre. */
static bool weigh(struct bnf_prover *p, struct bnf_arena *arena, struct effective *e)
{
    const struct bnf_core *c = e->core;
    const struct bnf_normal *on_rows = c->rows_out ? e->post : e->pre,
                            *on_cols = c->rows_out ? e->pre : e->post;
    e->weights.tensor = c->weight;
    if (on_rows || c->alpha != 1) {
        double *row = numbers(p, arena, c->rows);
        if (!row)
            return false;
        for (size_t r = 0; r < c->rows; r++)
            row[r] = c->alpha * bnf_scale_at(on_rows, r % c->row_channels);
        e->weights.row = row;
    }
    if (on_cols) {
        size_t rows_in_group = c->row_channels / c->groups;
        double *col = numbers(p, arena, c->groups * c->cols);
        if (!col)
            return false;
        for (size_t group = 0; group < c->groups; group++)
            for (size_t i = 0; i < c->cols; i++)
                col[group * c->cols + i] =
                    bnf_scale_at(on_cols, bnf_core_col_channel(c, group * rows_in_group, i));
        e->weights.col = col;
    }
    return true;
}

/* The stored bias of one row and output channel, Gemm's C broadcast. */
static double stored_bias(const struct bnf_core *core, size_t row, size_t channel)
{
    const struct bnf_tensor *b = core->bias;
    if (!b)
        return 0;
    size_t width = b->rank ? (size_t)b->dims[b->rank - 1] : 1;
    size_t height = b->count / width;
    return core->beta * bnf_tensor_at(b, (height == 1 ? 0 : row) * width + (width == 1 ? 0 : channel));
}

static bool bias(struct bnf_prover *p, struct bnf_arena *arena, struct effective *e)
{
    const struct bnf_core *c = e->core;
    size_t n = c->out_channels;
    e->bias_rows = c->bias && c->bias->rank == 2 ? (size_t)c->bias->dims[0] : 1;
    e->biased = c->bias || (e->post && e->post->shifts) || (e->pre && e->pre->shifts);
    double *shifted = numbers(p, arena, n), *shifted_size = numbers(p, arena, n);
    e->bias = numbers(p, arena, e->bias_rows * n);
    e->size = numbers(p, arena, e->bias_rows * n);
    if (!shifted || !shifted_size || !e->bias || !e->size)
        return false;
    if (e->pre && e->pre->shifts && !bnf_weights_shift(c, e->pre, shifted, shifted_size)) {
        bnf_prover_fail(p, bnf_fail_memory(p->err));
        return false;
    }
    for (size_t row = 0; row < e->bias_rows; row++)
        for (size_t o = 0; o < n; o++) {
            double b = stored_bias(c, row, o), scale = bnf_scale_at(e->post, o);
            e->bias[row * n + o] = scale * (b + shifted[o]) + bnf_shift_at(e->post, o);
            e->size[row * n + o] = fabs(scale) * (fabs(b) + shifted_size[o]) + bnf_size_at(e->post, o);
        }
    return true;
}

static void say_weight(
    struct bnf_prover *p, const struct bnf_core *ref, const struct bnf_worst *worst, double limit)
{
    size_t row = worst->index / ref->cols, col = worst->index % ref->cols;
    size_t channel = ref->rows_out ? row % ref->row_channels : bnf_core_col_channel(ref, row, col);
    char place[160] = "";
    size_t rest = worst->index, used = 0, divisor = ref->weight->count;
    for (uint32_t i = 0; i < ref->weight->rank && used < sizeof place - 24; i++) {
        divisor /= (size_t)ref->weight->dims[i];
        used += (size_t)snprintf(place + used, sizeof place - used, "%s%zu", i ? "," : "", rest / divisor);
        rest %= divisor;
    }
    p->said_u = worst->u;
    bnf_say(p,
        "the weight of output channel %zu at [%s] is %.9g instead of %.9g: %.3g u off, allowed are %.4g",
        channel, place, worst->found, worst->expected, worst->u, limit);
}

static enum bnf_outcome compare_weights(
    struct bnf_prover *p, const struct effective e[2], struct bnf_tally *tally)
{
    const struct bnf_core *ref = e[0].core;
    int dtype = ref->weight->dtype;
    unsigned tensors =
        1 + (e[1].pre ? e[1].pre->scale_tensors : 0) + (e[1].post ? e[1].post->scale_tensors : 0);
    double limit = bnf_limit(p, dtype, tensors);
    struct bnf_worst worst;
    bool transposed = ref->rows_out != e[1].core->rows_out;
    struct bnf_weights new = e[1].weights;
    if (transposed) { /* factors follow the reference's layout; there are no groups */
        new.row = e[1].weights.col;
        new.col = e[1].weights.row;
    }
    int status = bnf_weights_compare(ref, &e[0].weights, &new, transposed,
        p->explaining ? (double)INFINITY : limit, p->options.threads, &worst);
    if (status)
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    tally->changed |= worst.u > 0;
    if (bnf_accept(p, dtype, tensors, worst.u, tally))
        return BNF_EQUAL;
    say_weight(p, ref, &worst, limit);
    return BNF_DIFFERENT;
}

static enum bnf_outcome compare_biases(
    struct bnf_prover *p, const struct effective e[2], struct bnf_tally *tally)
{
    int dtype = e[0].core->weight->dtype;
    size_t n = e[0].core->out_channels;
    size_t rows = e[0].bias_rows > e[1].bias_rows ? e[0].bias_rows : e[1].bias_rows;
    const struct bnf_normal *pre = e[1].pre, *post = e[1].post;
    unsigned tensors = (e[1].core->bias != NULL) + (pre && pre->shifts ? 1 + pre->shift_tensors : 0) +
                       (post ? post->scale_tensors + post->shift_tensors : 0);
    double worst = 0;
    size_t where = 0;
    if ((e[0].bias_rows != rows && e[0].bias_rows != 1) || (e[1].bias_rows != rows && e[1].bias_rows != 1)) {
        bnf_say(p, "the bias has %zu rows instead of %zu", e[1].bias_rows, e[0].bias_rows);
        return BNF_DIFFERENT;
    }
    if (!e[0].biased && !e[1].biased)
        return BNF_EQUAL;
    for (size_t i = 0; i < rows * n; i++) {
        size_t r = e[0].bias_rows == 1 ? i % n : i, q = e[1].bias_rows == 1 ? i % n : i;
        double k = bnf_error_in_u(dtype, e[0].bias[r], e[1].bias[q], e[0].size[r],
            bnf_scale_at(post, i % n) * fmax(1, fabs(e[1].core->beta)));
        if (k > worst) {
            worst = k;
            where = i;
        }
    }
    tally->changed |= worst > 0;
    if (bnf_accept(p, dtype, tensors, worst, tally))
        return BNF_EQUAL;
    p->said_u = worst;
    bnf_say(p,
        "the bias of output channel %zu is %.9g instead of %.9g: %.3g u of the terms it is summed from, "
        "allowed "
        "are %.4g",
        where % n, e[1].bias[e[1].bias_rows == 1 ? where % n : where],
        e[0].bias[e[0].bias_rows == 1 ? where % n : where], worst, bnf_limit(p, dtype, tensors));
    return BNF_DIFFERENT;
}

static enum bnf_outcome compare_coefficients(
    struct bnf_prover *p, struct effective e[2], struct bnf_arena *arena, struct bnf_tally *tally)
{
    for (int i = 0; i < 2; i++)
        if (!weigh(p, arena, &e[i]) || !bias(p, arena, &e[i]))
            return BNF_UNKNOWN;
    enum bnf_outcome outcome = compare_weights(p, e, tally);
    return outcome == BNF_EQUAL ? compare_biases(p, e, tally) : outcome;
}

/* ---- in front of the weights ---- */

/* The map's shift taken in front of its scale: x ↦ scale ⊙ (x + shift/scale). Where the scale is zero that
 * exists only without a shift. */
static bool split(struct bnf_prover *p, struct bnf_arena *arena, const struct bnf_normal *map,
    struct bnf_normal *scale_only, struct bnf_normal *offset)
{
    size_t n = map->channels;
    *scale_only = *offset = *map;
    scale_only->shift = numbers(p, arena, n);
    scale_only->size = scale_only->shift;
    offset->scale = numbers(p, arena, n);
    offset->shift = numbers(p, arena, n);
    offset->size = numbers(p, arena, n);
    if (!scale_only->shift || !offset->scale || !offset->shift || !offset->size)
        return false;
    scale_only->shifts = false;
    offset->shift_tensors += map->scale_tensors;
    offset->scale_tensors = 0;
    for (size_t c = 0; c < n; c++) {
        if (map->scale[c] == 0 && map->shift[c] != 0)
            return false;
        offset->scale[c] = 1;
        offset->shift[c] = map->shift[c] == 0 ? 0 : map->shift[c] / map->scale[c];
        offset->size[c] = map->scale[c] == 0 ? 0 : map->size[c] / fabs(map->scale[c]);
        if (!isfinite(offset->shift[c]) || !isfinite(offset->size[c]))
            return false;
    }
    return true;
}

/* Behind implicit padding a shift cannot become a bias: the padded zeros would be shifted, too. The scales
 * may differ between the two models, what is shifted in front of them may not. pre becomes the scales alone.
 */
static enum bnf_outcome part_shifts(
    struct bnf_prover *p, struct bnf_arena *arena, struct effective e[2], int dtype, struct bnf_tally *tally)
{
    struct bnf_normal *maps = bnf_arena_alloc(arena, 4, sizeof *maps);
    if (!maps)
        return bnf_prover_fail(p, bnf_fail_memory(p->err));
    const struct bnf_normal *offset[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        if (!e[i].pre)
            continue;
        if (!split(p, arena, e[i].pre, &maps[2 * i], &maps[2 * i + 1])) {
            bnf_say(p, "an affine with a shift in front of implicit padding is not the same in both models");
            return p->status ? BNF_UNKNOWN : BNF_DIFFERENT;
        }
        e[i].pre = &maps[2 * i];
        offset[i] = &maps[2 * i + 1];
    }
    bool explaining = p->explaining;
    p->explaining = false; /* what is said below is said better */
    enum bnf_outcome outcome = bnf_normal_compare(p, offset[0], offset[1], dtype, tally);
    p->explaining = explaining;
    if (outcome != BNF_EQUAL)
        bnf_say(
            p, "in front of implicit padding the shift is not the same: padded zeros do not pass through it");
    return outcome;
}

static bool same_numbers(const struct bnf_normal *a, const struct bnf_normal *b)
{
    if (!a || !b)
        return !a && !b;
    size_t bytes = a->channels * sizeof(double);
    return a->axis == b->axis && a->channels == b->channels && memcmp(a->scale, b->scale, bytes) == 0 &&
           memcmp(a->shift, b->shift, bytes) == 0;
}

static enum bnf_outcome compare_with_maps(
    struct bnf_prover *p, struct effective e[2], struct bnf_arena *arena, struct bnf_tally *tally)
{
    int dtype = e[0].core->weight->dtype;
    if (same_numbers(e[0].pre, e[1].pre)) {
        e[0].pre = e[1].pre = NULL;
        return compare_coefficients(p, e, arena, tally);
    }
    bool mergeable = true, shifts = false;
    for (int i = 0; i < 2; i++) {
        mergeable &= fits(e[i].pre, e[i].core->in_axis, e[i].core->in_channels);
        shifts |= e[i].pre && e[i].pre->shifts;
    }
    if (!mergeable || (shifts && !e[0].core->passes_shift)) {
        struct bnf_tally inner = *tally;
        bool explaining = p->explaining;
        p->explaining &= !mergeable;
        enum bnf_outcome same = bnf_normal_compare(p, e[0].pre, e[1].pre, dtype, &inner);
        p->explaining = explaining;
        if (same == BNF_EQUAL) {
            *tally = inner;
            e[0].pre = e[1].pre = NULL;
            return compare_coefficients(p, e, arena, tally);
        }
        if (!mergeable)
            return same;
        if (e[0].core->kind == BNF_CORE_PRODUCT) {
            bnf_say(p, "a shift in front of several matrices at once is not worked out");
            return BNF_UNKNOWN;
        }
        enum bnf_outcome outcome = part_shifts(p, arena, e, dtype, tally);
        if (outcome != BNF_EQUAL)
            return e[0].core->pads_unknown || e[1].core->pads_unknown ? BNF_UNKNOWN : outcome;
    }
    return compare_coefficients(p, e, arena, tally);
}

enum bnf_outcome bnf_core_compare(struct bnf_prover *p, const struct bnf_core core[2],
    const struct bnf_normal *const post[2], struct bnf_tally *tally)
{
    struct bnf_arena arena;
    struct bnf_chain chain[2];
    unsigned link[2];
    bnf_arena_init(&arena, 0);
    for (int i = 0; i < 2; i++)
        bnf_chain_start(&chain[i], &p->side[i], core[i].data);
    enum bnf_outcome outcome = bnf_align(p, chain, &arena, link, tally);
    if (outcome == BNF_EQUAL) {
        struct effective e[2] = {{.core = &core[0], .post = post[0]}, {.core = &core[1], .post = post[1]}};
        for (int i = 0; i < 2; i++)
            e[i].pre = chain[i].links[link[i]].map;
        tally->changed |= post[0] || post[1] || link[0] != link[1];
        outcome = compare_kinds(p, core);
        if (outcome == BNF_EQUAL)
            outcome = compare_with_maps(p, e, &arena, tally);
    } else if (compare_kinds(p, core) == BNF_UNKNOWN) {
        outcome = BNF_UNKNOWN;
    }
    bnf_arena_free(&arena);
    return outcome;
}
