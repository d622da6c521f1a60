#include "check/metrics.h"

#include "base/mem.h"
#include "eval/sequence.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A result may stray this many times as far as what rounding alone does to the reference. */
#define GATE 4.0

/* What is this far off is no matter of having measured the noise badly. */
#define HOPELESS 1000.0

/* Ties that no draw meets are rare: at most one element in so many. */
#define RARE 1000

/* The root mean square of fewer elements is no better a measure than the largest of them. */
#define MEAN_OF 64

/* An output of which a larger share is not finite says little, whatever the rest does. */
#define NONFINITE_SHARE 100

/* An error of the float run, brought to what double makes of it: the ratio of the units of rounding. */
#define FLOAT_TO_DOUBLE 0x1p-29

double bnf_metrics_floor(int dtype)
{
    switch (dtype) {
    case BNF_DTYPE_DOUBLE:
        return 0x1p-49;
    case BNF_DTYPE_FLOAT16:
        return 0x1p-9;
    case BNF_DTYPE_BFLOAT16:
        return 0x1p-6;
    default:
        return 0x1p-20;
    }
}

double bnf_metrics_least_scale(int dtype)
{
    return bnf_dtype_tiny(dtype) / bnf_metrics_floor(dtype);
}

double bnf_metrics_scale(const struct bnf_array *a)
{
    double most = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = fabs(bnf_array_at(a, i));
        if (isfinite(x) && x > most)
            most = x;
    }
    return most;
}

double bnf_metrics_distance(const struct bnf_array *a, const struct bnf_array *b, double scale)
{
    double most = 0;
    for (size_t i = 0; i < a->count; i++) {
        double delta = fabs(bnf_array_at(a, i) - bnf_array_at(b, i)); /* not finite when one of them is not */
        if (isfinite(delta) && delta > most)
            most = delta;
    }
    return most / (scale > 0 ? scale : 1);
}

double bnf_metrics_noise_of(const struct bnf_array *oracle, const struct bnf_array *run)
{
    double e = bnf_metrics_distance(run, oracle, bnf_metrics_scale(oracle));
    return oracle->dtype == BNF_DTYPE_DOUBLE ? e * FLOAT_TO_DOUBLE : e;
}

size_t bnf_metrics_largest(const struct bnf_array *a, size_t first, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        double x = bnf_array_at(a, first + i), y = bnf_array_at(a, first + best);
        if (x > y || (isnan(y) && !isnan(x)))
            best = i;
    }
    return best;
}

bool bnf_metrics_same_form(const struct bnf_array *a, const struct bnf_array *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == BNF_KIND_SEQUENCE) {
        for (size_t i = 0; i < a->count; i++)
            if (!bnf_metrics_same_form(bnf_sequence_elements(a)[i], bnf_sequence_elements(b)[i]))
                return false;
        return true;
    }
    return a->kind == BNF_KIND_NOTHING ||
           (a->dtype == b->dtype && a->rank == b->rank &&
               bnf_same_bytes(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static const char *form_text(const struct bnf_array *a, char *text, size_t room)
{
    char dims[64];
    if (a->kind == BNF_KIND_SEQUENCE)
        snprintf(text, room, "a sequence of %zu", a->count);
    else if (a->kind == BNF_KIND_NOTHING)
        snprintf(text, room, "nothing");
    else
        snprintf(text, room, "%s %s", bnf_dtype_name(a->dtype),
            bnf_dims_text(a->dims, a->rank, dims, sizeof dims));
    return text;
}

/* NaN and NaN, or infinities of the same sign. */
static bool same_nonfinite(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static size_t count_nonfinite(const struct bnf_array *a, const struct bnf_array *b)
{
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += !isfinite(bnf_array_at(a, i)) || !isfinite(bnf_array_at(b, i));
    return count;
}

/* A sample of an output is judged when it is finite enough in the reference's runs. */
static bool is_judged(const struct bnf_array *oracle, const struct bnf_array *ref)
{
    return count_nonfinite(oracle, ref) <= oracle->count / NONFINITE_SHARE;
}

static double scale_of(const struct bnf_metrics *m, const struct bnf_array *oracle)
{
    double scale = fmax(bnf_metrics_scale(oracle), m->typical);
    /* Zero everywhere, as behind windows that see nothing but padding, is no scale: errors count as they are.
     */
    return scale > 0 ? fmax(bnf_metrics_least_scale(oracle->dtype), scale) : 1;
}

/* ---- noise ---- */

static void look_for_variety(struct bnf_metrics *m, const struct bnf_array *a)
{
    for (size_t i = 0; i < a->count && !m->varies; i++) {
        double x = bnf_array_at(a, i);
        m->varies = m->has_first && x != m->first && !(isnan(x) && isnan(m->first));
        m->first = x;
        m->has_first = true;
    }
}

void bnf_metrics_noise(struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *ref)
{
    if (!bnf_metrics_same_form(oracle, ref)) {
        return; /* what decides the shape is at a tie */
    }
    if (oracle->kind == BNF_KIND_SEQUENCE) {
        for (size_t i = 0; i < oracle->count; i++)
            bnf_metrics_noise(m, bnf_sequence_elements(oracle)[i], bnf_sequence_elements(ref)[i]);
        return;
    }
    m->dtype = oracle->dtype;
    m->real = oracle->kind == BNF_KIND_REAL;
    if (oracle->kind == BNF_KIND_REAL || oracle->kind == BNF_KIND_INT)
        look_for_variety(m, ref);
    else
        m->varies = true;
    if (!m->real || !is_judged(oracle, ref))
        return;
    double e = bnf_metrics_distance(ref, oracle, scale_of(m, oracle));
    m->to->double_noise = m->dtype == BNF_DTYPE_DOUBLE;
    e *= m->to->double_noise && ref->precision == BNF_PRECISION_FLOAT ? FLOAT_TO_DOUBLE : 1;
    m->to->e_ref = e > m->to->e_ref ? e : m->to->e_ref;
}

/* The gate's unit. */
static double allowed(const struct bnf_metrics *m)
{
    return fmax(fmax(m->to->e_ref, bnf_metrics_floor(m->dtype)), m->grain);
}

static double allowed_rms(const struct bnf_metrics *m, double noise)
{
    return fmax(fmax(noise, bnf_metrics_floor(m->dtype)), m->grain);
}

double bnf_metrics_rms(const struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *run)
{
    if (oracle->kind != BNF_KIND_REAL || oracle->count < MEAN_OF || !bnf_metrics_same_form(oracle, run) ||
        !is_judged(oracle, run))
        return 0;
    double sum = 0, scale = scale_of(m, oracle);
    for (size_t i = 0; i < oracle->count; i++) {
        double delta = (bnf_array_at(oracle, i) - bnf_array_at(run, i)) / scale;
        sum += isfinite(delta) ? delta * delta : 0;
    }
    double rms = sqrt(sum / (double)oracle->count);
    return m->dtype == BNF_DTYPE_DOUBLE && run->precision == BNF_PRECISION_FLOAT ? rms * FLOAT_TO_DOUBLE : rms;
}

bool bnf_metrics_rms_strays(const struct bnf_metrics *m, double noise, double rms)
{
    return m->real && rms > GATE * allowed_rms(m, noise);
}

void bnf_metrics_take_rms(struct bnf_metrics *m, double noise, double rms)
{
    double unit = allowed_rms(m, noise);
    if (m->real && (m->rms_noise <= 0 || rms / unit > m->rms / m->rms_noise)) {
        m->rms = rms;
        m->rms_noise = unit;
    }
}

void bnf_metrics_grain(struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *new,
    const struct bnf_array *shaken)
{
    if (oracle->kind == BNF_KIND_REAL && bnf_metrics_same_form(oracle, new) &&
        bnf_metrics_same_form(new, shaken))
        m->grain = fmax(m->grain, bnf_metrics_distance(new, shaken, scale_of(m, oracle)));
}

/* ---- comparing ---- */

static void suspect(struct bnf_metrics *m, size_t sample, double how_much)
{
    if (m->failed_sample == SIZE_MAX || how_much > m->failed_most) {
        m->failed_sample = sample;
        m->failed_most = how_much;
    }
}

/* "[0,3]" */
static void describe_place(const struct bnf_array *a, size_t index, char *text, size_t room)
{
    size_t place[bnf_most_rank], used = 0;
    for (size_t axis = a->rank; axis-- > 0;) {
        place[axis] = index % (size_t)a->dims[axis];
        index /= (size_t)a->dims[axis];
    }
    *text = 0;
    for (size_t axis = 0; axis < a->rank && used < room; axis++)
        used += (size_t)snprintf(text + used, room - used, "%s%zu", axis ? "," : "[", place[axis]);
    if (a->rank && used < room)
        snprintf(text + used, room - used, "]");
}

static void remember_far(struct bnf_spread *spread, const struct bnf_metrics *m, const struct bnf_array *ref,
    size_t index, struct bnf_far far)
{
    size_t at = bnf_farthest - 1;
    for (; at > 0 && far.delta > spread->far[at - 1].delta; at--)
        spread->far[at] = spread->far[at - 1];
    far.output = m->to->name;
    describe_place(ref, index, far.place, sizeof far.place);
    spread->far[at] = far;
}

static void count_bucket(struct bnf_spread *spread, double delta)
{
    static const double bounds[] = {1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
    size_t bucket = 0;
    while (bucket < sizeof bounds / sizeof *bounds && delta >= bounds[bucket])
        bucket++;
    spread->buckets[bucket]++;
}

/* Where a distance is counted. */
static int octave_of(double x)
{
    int octave = x > 0 && x < 1 ? -ilogb(x) : 0;
    return octave < bnf_octaves ? octave : bnf_octaves - 1;
}

/* What is next to nothing need not be counted. */
static void count_octaves(struct bnf_metrics *m, int arm, const struct bnf_array *oracle, const struct bnf_array *new)
{
    double scale = scale_of(m, oracle), least = bnf_metrics_floor(m->dtype) * scale;
    for (size_t i = 0; i < oracle->count; i++) {
        double delta = fabs(bnf_array_at(oracle, i) - bnf_array_at(new, i));
        if (isfinite(delta) && delta > least)
            m->octaves[arm][octave_of(delta / scale)]++;
    }
}

static double rms_of(const struct bnf_array *a)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++) {
        double x = bnf_array_at(a, i);
        sum += isfinite(x) ? x * x : 0;
        count += isfinite(x) ? 1 : 0;
    }
    return count ? sqrt(sum / (double)count) : 0;
}

static void compare_elements(struct bnf_metrics *m, struct bnf_spread *spread,
    const struct bnf_run_options *options, size_t sample, const struct bnf_array *ref,
    const struct bnf_array *new)
{
    double rms = rms_of(ref);
    for (size_t i = 0; i < ref->count; i++) {
        double a = bnf_array_at(ref, i), b = bnf_array_at(new, i), delta = fabs(a - b);
        m->to->compared++;
        if (!isfinite(a) || !isfinite(b)) {
            bool same = same_nonfinite(a, b);
            m->to->nonfinite += same;
            m->one_sided += !same;
            if (!same && !m->one_sided_in)
                m->one_sided_in = sample + 1;
            continue;
        }
        m->squares += delta * delta;
        count_bucket(spread, delta);
        if (delta > m->to->max_abs)
            m->to->max_abs = delta;
        if (delta > spread->far[bnf_farthest - 1].delta)
            remember_far(spread, m, ref, i,
                (struct bnf_far){.delta = delta,
                    .ref = a,
                    .new = b,
                    .sample = sample,
                    .relative = fabs(a) >= 1e-3 * rms &&a != 0});
        if ((options->rtol > 0 || options->atol > 0) &&
            delta > options->atol + options->rtol * fmax(fabs(a), fabs(b))) {
            m->beyond++;
            suspect(m, sample, delta);
        }
    }
}

/* Whether the same `most` positions hold the largest numbers of a row; ties go to the lower position. */
static bool same_top(
    const struct bnf_array *ref, const struct bnf_array *new, size_t first, size_t count, size_t most)
{
    const struct bnf_array *const both[2] = {ref, new};
    size_t top[2][5];
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < most; k++) {
            size_t best = SIZE_MAX;
            for (size_t i = 0; i < count; i++) {
                bool used = false;
                for (size_t j = 0; j < k; j++)
                    used |= top[side][j] == i;
                if (!used && (best == SIZE_MAX || bnf_array_at(both[side], first + i) >
                                                      bnf_array_at(both[side], first + best)))
                    best = i;
            }
            top[side][k] = best;
        }
    }
    for (size_t k = 0; k < most; k++) {
        bool found = false;
        for (size_t j = 0; j < most; j++)
            found |= top[0][k] == top[1][j];
        if (!found)
            return false;
    }
    return true;
}

static void compare_rows(struct bnf_run_output *to, const struct bnf_array *ref, const struct bnf_array *new)
{
    if (ref->rank != 2 || ref->dims[1] < 2)
        return;
    size_t count = (size_t)ref->dims[1], most = count < 5 ? count : 5;
    for (size_t row = 0; row < (size_t)ref->dims[0]; row++) {
        to->rows++;
        to->top1 +=
            bnf_metrics_largest(ref, row * count, count) == bnf_metrics_largest(new, row * count, count);
        to->top5 += same_top(ref, new, row * count, count, most);
    }
}

bool bnf_metrics_same_element(const struct bnf_array *a, const struct bnf_array *b, size_t i)
{
    return a->kind == BNF_KIND_TEXT
               ? strcmp(((const char *const *)a->data)[i], ((const char *const *)b->data)[i]) == 0
               : ((const int64_t *)a->data)[i] == ((const int64_t *)b->data)[i];
}

static void compare_discrete(struct bnf_metrics *m, size_t sample, const struct bnf_array *ref,
    const struct bnf_array *new, const struct bnf_tie *tie)
{
    for (size_t i = 0; i < ref->count; i++) {
        bool same = bnf_metrics_same_element(ref, new, i);
        bool near = !same && tie && bnf_tie_is_near(tie, i, ref, new);
        m->to->near_ties += near;
        m->to->mismatched += !same && !near;
        if (!same && !near)
            suspect(m, sample, INFINITY);
    }
    m->to->compared += ref->count;
}

/* Sequences pass `tie` on as it is: deciders are found for tensors only. */
void bnf_metrics_compare(struct bnf_metrics *m, struct bnf_spread *spread,
    const struct bnf_run_options *options, size_t sample, const struct bnf_array *oracle,
    const struct bnf_array *ref, const struct bnf_array *new, const struct bnf_tie *tie)
{
    char one[96], other[96];
    bool boxes =
        tie && tie->decider->kind == BNF_DECIDER_BOXES && ref->kind == BNF_KIND_INT && new->kind == ref->kind;
    if (!bnf_metrics_same_form(oracle, ref))
        return;
    if (boxes && bnf_tie_boxes_near(tie, ref, new)) {
        m->to->samples++;
        m->to->compared += ref->count;
        m->to->near_ties++;
        return;
    }
    if (!bnf_metrics_same_form(ref, new)) {
        m->shapes++;
        if (!*m->shape)
            snprintf(m->shape, sizeof m->shape, "it is %s instead of %s", form_text(new, one, sizeof one),
                form_text(ref, other, sizeof other));
        suspect(m, sample, INFINITY);
        return;
    }
    if (ref->kind == BNF_KIND_SEQUENCE) {
        for (size_t i = 0; i < ref->count; i++)
            bnf_metrics_compare(m, spread, options, sample, bnf_sequence_elements(oracle)[i],
                bnf_sequence_elements(ref)[i], bnf_sequence_elements(new)[i], tie);
        return;
    }
    if (ref->kind == BNF_KIND_NOTHING)
        return;
    if (ref->kind != BNF_KIND_REAL) {
        m->to->samples++;
        compare_discrete(m, sample, ref, new, tie);
        return;
    }
    compare_elements(m, spread, options, sample, ref, new);
    compare_rows(m->to, ref, new);
    if (!is_judged(oracle, ref))
        return;
    m->to->samples++;
    count_octaves(m, 0, oracle, new);
    double e = bnf_metrics_distance(new, oracle, scale_of(m, oracle));
    if (e > m->to->e_new) {
        m->to->e_new = e;
        if (e > GATE * allowed(m))
            suspect(m, sample, e);
    }
}

void bnf_metrics_gap(struct bnf_metrics *m, size_t sample, const struct bnf_array *oracle,
    const struct bnf_array *ref, const struct bnf_array *new)
{
    if (!bnf_metrics_same_form(oracle, ref) || !bnf_metrics_same_form(oracle, new))
        return;
    if (oracle->kind == BNF_KIND_SEQUENCE) {
        for (size_t i = 0; i < oracle->count; i++)
            bnf_metrics_gap(m, sample, bnf_sequence_elements(oracle)[i], bnf_sequence_elements(ref)[i],
                bnf_sequence_elements(new)[i]);
        return;
    }
    if (oracle->kind != BNF_KIND_REAL || !is_judged(oracle, ref))
        return;
    double e = bnf_metrics_distance(new, oracle, scale_of(m, oracle));
    count_octaves(m, 1, oracle, new);
    m->to->gap = e > m->to->gap ? e : m->to->gap;
    if (e > GATE * allowed(m))
        suspect(m, sample, e);
}

/* ---- the verdict on one output ---- */

void bnf_metrics_excuse(struct bnf_metrics *m, size_t elements, size_t shapes)
{
    m->to->near_ties += elements + shapes;
    m->excused += elements;
    bnf_metrics_leave_open(m, elements, shapes);
    m->open -= elements + shapes;
}

void bnf_metrics_leave_open(struct bnf_metrics *m, size_t elements, size_t shapes)
{
    m->open += elements + shapes;
    m->to->mismatched -= elements;
    m->shapes -= shapes;
    if (m->shapes == 0)
        *m->shape = '\0';
}

bool bnf_metrics_strays(const struct bnf_metrics *m)
{
    return m->real && fmax(m->to->e_new, m->to->gap) > GATE * allowed(m);
}

static bool is_spread(const struct bnf_metrics *m)
{
    return m->real && m->rms > GATE * m->rms_noise;
}

/* How many elements are further off than is allowed, or up to half as far. */
static size_t count_stray(const struct bnf_metrics *m)
{
    size_t count[2] = {0, 0};
    int last = octave_of(GATE * (is_spread(m) ? fmin(m->rms_noise, allowed(m)) : allowed(m)));
    for (int k = 0; k <= last; k++)
        count[0] += m->octaves[0][k], count[1] += m->octaves[1][k];
    return count[0] > count[1] ? count[0] : count[1];
}

bool bnf_metrics_strays_rarely(const struct bnf_metrics *m)
{
    return m->stepped && count_stray(m) <= m->to->compared / RARE;
}

/* Integers next to what they should be, as few as ties that no draw has met. */
static bool steps_rarely(const struct bnf_metrics *m)
{
    return m->to->mismatched == m->one_step && m->one_step <= m->to->compared / RARE;
}

bool bnf_metrics_is_hopeless(const struct bnf_metrics *m)
{
    return fmax(m->to->e_new, m->to->gap) >= HOPELESS * allowed(m);
}

static const char *why_it_fails(
    const struct bnf_metrics *m, double noise, const struct bnf_run_options *options, struct bnf_arena *arena)
{
    const struct bnf_run_output *to = m->to;
    if (*m->shape)
        return bnf_arena_copy(arena, m->shape, strlen(m->shape));
    if (m->one_sided)
        return bnf_arena_format(
            arena, "%zu of %zu elements are NaN or infinite in one model only", m->one_sided, to->compared);
    if (to->mismatched)
        return bnf_arena_format(arena, "%zu of %zu elements differ", to->mismatched, to->compared);
    if (to->e_new > GATE * noise)
        return bnf_arena_format(
            arena, "it is %.3g off the exact result, and rounding accounts for %.3g", to->e_new, noise);
    if (is_spread(m) && !(to->gap > GATE * noise))
        return bnf_arena_format(
            arena, "its root mean square is %.3g off, and rounding accounts for %.3g", m->rms, m->rms_noise);
    if (to->gap > GATE * noise)
        return bnf_arena_format(arena,
            "computed in double it is %.3g off, and rounding accounts for %.3g: the weights are other ones",
            to->gap, noise);
    if (m->beyond)
        return bnf_arena_format(arena,
            "%zu of %zu elements are further apart than --rtol=%g and --atol=%g allow", m->beyond,
            to->compared, options->rtol > DBL_TRUE_MIN ? options->rtol : 0, options->atol);
    return NULL;
}

/* What does not fail need not agree. */
static void find_inconclusive(struct bnf_metrics *m)
{
    const char *text = NULL;
    size_t count = 0;
    if (m->open)
        count = m->open, text = "differences at ties that the draws do not settle";
    else if (m->to->mismatched)
        count = m->to->mismatched, text = "integers are one off, which may be ties that no draw meets";
    else if (m->excused > m->to->compared / 2)
        count = m->excused, text = "elements, more than half, are near ties";
    else if (bnf_metrics_strays(m) || is_spread(m))
        count = count_stray(m), text = "elements behind a step are off, which may be ties that no draw meets";
    if (!text)
        return;
    snprintf(m->inconclusive, sizeof m->inconclusive, "'%.60s': %zu %s", m->to->name, count, text);
    m->to->samples = 0;
}

int bnf_metrics_finish(struct bnf_metrics *m, const struct bnf_run_options *options, struct bnf_arena *arena,
    struct bnf_err *err)
{
    struct bnf_run_output *to = m->to;
    double floor = bnf_metrics_floor(m->dtype), noise = allowed(m);
    size_t finite = to->compared - to->nonfinite;
    to->kind = m->real || !m->has_first ? "real" : "discrete";
    to->constant = !m->varies;
    if (m->real) {
        to->floor = floor;
        to->ratio = to->e_new / noise;
        to->noise = to->e_new / fmax(to->e_ref, bnf_dtype_roundoff(m->dtype));
        to->rms = finite ? sqrt(m->squares / (double)finite) : 0;
    }
    to->fails = *m->shape || m->one_sided || (to->mismatched && !steps_rarely(m)) || m->beyond ||
                ((bnf_metrics_strays(m) || is_spread(m)) && !bnf_metrics_strays_rarely(m));
    if (!to->fails)
        find_inconclusive(m);
    if (m->one_sided)
        m->failed_sample = m->one_sided_in - 1;
    if (to->fails) {
        to->why = why_it_fails(m, noise, options, arena);
        if (!to->why)
            return bnf_fail_memory(err);
    }
    return BNF_OK;
}
