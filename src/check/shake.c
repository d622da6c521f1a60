#include "check/runner.h"

#include <math.h>
#include <string.h>

/* How many draws an output gets, and how many even one that is hopelessly far off. */
enum { DRAWS = 16, SURE = 2 };

/* How many draws without effect tell that a mismatch is none of a tie. */
enum { IDLE = 6 };

/* The part of a discrete output's mismatches that may be out of the draws' reach without being a mistake. */
enum { MOST = 4 };

/* Labels that are others are few at one in so many of the list, and the draws move some of them at one in so many of
 * these. */
enum { FEW = 8 };

/* What the draws make of an integer is one quantity, and not one of several labels, where its values are this
 * much closer than the output's largest is large. */
#define NARROW 1024

/* How many draws a candidate gets that stores subnormal numbers. */
enum { GRAINS = 4 };

/* What the draws for one arm need: an evaluator, and its stored numbers as they are. */
struct dice {
    struct bnf_eval eval;
    struct bnf_array **stored; /* per value; NULL: none of a float type, or one that decides on shapes */
    bool *fed;                 /* per value: it follows from what is fed, not from its shape alone */
    uint64_t draw;             /* the one that is under way */
};

/* Extents follow from it, or it is a modulus: moved a little it gives other ones, and whole multiples jump. */
static bool has_to_be_exact(const struct bnf_graph *g, bnf_id value)
{
    for (bnf_id use = g->values[value].first_use; use != BNF_NONE; use = g->uses[use].next) {
        bnf_id node = g->uses[use].node;
        bool sizes = bnf_node_is(g, node, "Resize") || bnf_node_is(g, node, "Upsample");
        if ((sizes || bnf_node_is(g, node, "Mod")) && g->uses[use].slot > 0)
            return true;
    }
    return false;
}

static void close_dice(struct dice *d)
{
    for (size_t value = 0; d->stored && value < d->eval.graph->value_count; value++)
        bnf_array_drop(&d->eval.budget, d->stored[value]);
    bnf_free(d->stored);
    bnf_free(d->fed);
    bnf_eval_free(&d->eval);
    *d = (struct dice){.stored = NULL};
}

/* Extents are computed as numbers, too, which are exact; moved a little they are other ones. In bodies
 * everything counts as fed. */
static void find_fed(const struct bnf_graph *g, bool *fed)
{
    for (size_t value = 0; value < g->value_count; value++)
        fed[value] = g->values[value].scope != 0 ||
                     (g->values[value].producer == BNF_NONE && !g->values[value].initializer);
    for (size_t i = 0; i < g->scopes[0].order_count; i++) {
        bnf_id node = g->scopes[0].order[i];
        bool any = g->nodes[node].first_body != g->nodes[node].last_body;
        for (uint32_t slot = 0; slot < g->nodes[node].input_count; slot++)
            any |= bnf_node_input(g, node, slot) != BNF_NONE && fed[bnf_node_input(g, node, slot)];
        any = any && !bnf_node_is(g, node, "Shape") && !bnf_node_is(g, node, "Size");
        for (uint32_t slot = 0; slot < g->nodes[node].output_count; slot++)
            if (bnf_node_output(g, node, slot) != BNF_NONE)
                fed[bnf_node_output(g, node, slot)] = any;
    }
}

/* What was rounded to a whole number is exact: moved a little it would be on the other side of the next step. */
static void spare_whole(const struct bnf_graph *g, bool *fed)
{
    static const char *const rounding[] = {"Floor", "Ceil", "Round", "Sign", "Mod"};
    for (size_t value = 0; value < g->value_count; value++)
        for (size_t i = 0; i < sizeof rounding / sizeof *rounding && g->values[value].producer != BNF_NONE; i++)
            if (bnf_node_is(g, g->values[value].producer, rounding[i]))
                fed[value] = false;
}

/* The first run, not shaken, converts the stored numbers. */
static int open_dice(struct bnf_runner *r, struct dice *d, int side, enum bnf_precision precision,
    size_t sample, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[side];
    int status = bnf_runner_open(r, side, precision, NULL, 0, &d->eval, err);
    if (status)
        return status;
    d->stored = bnf_alloc(g->value_count, sizeof(struct bnf_array *));
    d->fed = bnf_alloc(g->value_count, sizeof *d->fed);
    if (d->fed) {
        find_fed(g, d->fed);
        spare_whole(g, d->fed);
    }
    status = d->stored && d->fed ? bnf_runner_run(r, side, &d->eval, sample, err) : bnf_fail_memory(err);
    for (size_t value = 0; !status && value < g->value_count; value++) {
        struct bnf_array *array = d->eval.fixed[value];
        if (array && array->kind == BNF_KIND_REAL && !has_to_be_exact(g, (bnf_id)value))
            d->stored[value] = bnf_array_hold(array);
    }
    return status;
}

/* Puts shaken numbers in place of the stored ones: all, or (`subnormal` not NULL) those that are subnormal or
 * zero; *subnormal says whether there are any. False when memory is out. */
static bool shake_stored(struct dice *d, uint64_t draw, bool *subnormal)
{
    for (size_t value = 0; value < d->eval.graph->value_count; value++) {
        if (!d->stored[value])
            continue;
        struct bnf_array *stored = bnf_array_hold(d->stored[value]);
        uint64_t seed = draw << 40 ^ (uint64_t)value;
        struct bnf_array *shaken = subnormal
                                       ? bnf_feeds_shake_subnormal(&d->eval.budget, stored, seed, subnormal)
                                       : bnf_feeds_shake(&d->eval.budget, stored, seed);
        if (!shaken)
            return false;
        bnf_array_drop(&d->eval.budget, d->eval.fixed[value]);
        d->eval.fixed[value] = shaken;
    }
    return true;
}

/* What a node computed, shaken as well: where a difference happens to be exact, because the same number is
 * taken away that was put in before, no number that is stored or fed shows what rounding may do to it. */
static struct bnf_array *shake_result(
    void *context, struct bnf_budget *budget, struct bnf_array *array, bnf_id value)
{
    const struct dice *d = context;
    return d->fed[value] ? bnf_feeds_shake(budget, array, d->draw << 40 ^ (uint64_t)value) : array;
}

/* A draw: the reference on a sample with everything shaken. *out is NULL when it does not take what came of
 * it. */
static int draw_value(struct bnf_runner *r, struct dice *d, size_t sample, uint64_t draw, bnf_id value,
    const struct bnf_array **out, struct bnf_err *err)
{
    r->shake = d->draw = draw;
    d->eval.alter = shake_result;
    d->eval.alter_context = d;
    int status = shake_stored(d, draw, NULL) ? bnf_runner_run(r, BNF_RUN_REF, &d->eval, sample, err)
                                             : bnf_fail_memory(err);
    d->eval.alter = NULL;
    r->shake = 0;
    *out = status ? NULL : bnf_eval_value(&d->eval, value);
    return status == BNF_RUN_TROUBLE && r->trouble.status == BNF_EINPUT ? BNF_OK : status;
}

/* Is there something about an output in this sample that the noise known so far does not account for? */
static bool strays(const struct bnf_runner *r, size_t sample, size_t output)
{
    const struct bnf_metrics *m = &r->metrics[output];
    size_t at = bnf_runner_place(r, sample, output);
    return (m->failed_sample == sample && bnf_metrics_strays(m)) ||
           bnf_metrics_rms_strays(m, r->rms_ref[at], r->rms_new[at]);
}

/* Draws for one output on one sample until it is explained, or for good. What is off in a few places behind a
 * step is never hopeless: the next draw may meet such a tie. */
static int draw_for(struct bnf_runner *r, struct dice *d, size_t sample, size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t at = bnf_runner_place(r, sample, output);
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int status = BNF_OK;
    for (uint64_t draw = 1; draw <= DRAWS && !status && strays(r, sample, output); draw++) {
        if (draw > SURE && bnf_metrics_is_hopeless(m) && !bnf_metrics_strays_rarely(m))
            break;
        const struct bnf_array *ref;
        status = draw_value(r, d, sample, draw, value, &ref, err);
        if (!ref)
            continue;
        bnf_metrics_noise(m, r->oracle[at], ref);
        r->rms_ref[at] = fmax(r->rms_ref[at], bnf_metrics_rms(m, r->oracle[at], ref));
    }
    return status;
}

/* Subnormal numbers that the candidate stores are rounded more coarsely than any that the reference has: how
 * far does that move an output? */
static int draw_grain(struct bnf_runner *r, struct dice *d, size_t sample, size_t output, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    bnf_id value = r->graph[BNF_RUN_NEW].scopes[0].outputs[r->partner[output]];
    const struct bnf_array *oracle = r->oracle[bnf_runner_place(r, sample, output)];
    struct bnf_array *plain = bnf_array_hold(bnf_eval_value(&d->eval, value));
    int status = BNF_OK;
    bool some = true;
    for (uint64_t draw = 1; draw <= GRAINS && plain && some && !status && strays(r, sample, output); draw++) {
        some = false;
        if (!shake_stored(d, draw, &some))
            status = bnf_fail_memory(err);
        if (!status && some)
            status = bnf_runner_run(r, BNF_RUN_NEW, &d->eval, sample, err);
        const struct bnf_array *shaken = status || !some ? NULL : bnf_eval_value(&d->eval, value);
        if (shaken)
            bnf_metrics_grain(m, oracle, plain, shaken);
    }
    bnf_array_drop(&d->eval.budget, plain);
    return status;
}

/* Draws for one output on one sample, from the reference and then from the candidate. */
static int draw_sample(
    struct bnf_runner *r, struct dice dice[2], size_t sample, size_t output, struct bnf_err *err)
{
    /* An output of type double is judged by the runs in double: so are its draws. */
    enum bnf_precision precision =
        r->metrics[output].dtype == BNF_DTYPE_DOUBLE ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
    int status = BNF_OK;
    if (!dice[precision].stored)
        status = open_dice(r, &dice[precision], BNF_RUN_REF, precision, sample, err);
    if (!status)
        status = draw_for(r, &dice[precision], sample, output, err);
    struct dice other = {.stored = NULL};
    if (!status && strays(r, sample, output))
        status = open_dice(r, &other, BNF_RUN_NEW, precision, sample, err);
    if (!status && other.stored)
        status = draw_grain(r, &other, sample, output, err);
    close_dice(&other);
    return status;
}

/* What is wrong in one sample needs no other. */
int bnf_runner_draw_again(struct bnf_runner *r, struct bnf_err *err)
{
    struct dice dice[2] = {{.stored = NULL}};
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        bool wrong = false;
        for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
            if (!wrong && strays(r, sample, i)) {
                status = draw_sample(r, dice, sample, i, err);
                wrong = strays(r, sample, i) && !bnf_metrics_strays_rarely(&r->metrics[i]);
            }
        }
        for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
            size_t at = bnf_runner_place(r, sample, i);
            bnf_metrics_take_rms(&r->metrics[i], r->rms_ref[at], r->rms_new[at]);
        }
    }
    close_dice(&dice[0]);
    close_dice(&dice[1]);
    return status;
}

/* ---- ties ---- */

/* About an element: it is another in the candidate; it is another in some draw; some draw has what the
 * candidate has. */
enum { OTHER = 1, MOVED = 2, REACHED = 4 };

/* What the draws had, at each element of an output in one sample. */
struct seen {
    size_t count;
    uint8_t *state;
    int64_t *low, *high; /* of integers, or per axis of the shapes: the least and the largest */
    uint64_t narrow;     /* integers that are no further apart are one quantity's */
};

/* How many elements of a sample the draws explain, leave open, and speak against. */
struct tally {
    size_t all, reached, open, left, one_step;
    size_t labels; /* of all, those that draws move further than a quantity is moved */
};

static bool open_seen(struct seen *s, const struct bnf_array *plain, const struct bnf_array *other)
{
    s->count = plain->count;
    s->state = bnf_alloc(s->count, 1);
    s->low = bnf_alloc(s->count, sizeof *s->low);
    s->high = bnf_alloc(s->count, sizeof *s->high);
    if (!s->state || !s->low || !s->high)
        return false;
    bool numbers = plain->kind == BNF_KIND_INT;
    s->narrow = numbers ? (uint64_t)(bnf_metrics_scale(plain) / NARROW) : 0;
    for (size_t i = 0; i < s->count; i++) {
        s->state[i] = bnf_metrics_same_element(plain, other, i) ? 0 : OTHER;
        s->low[i] = s->high[i] = numbers ? ((const int64_t *)plain->data)[i] : 0;
    }
    return true;
}

static void close_seen(struct seen *s)
{
    bnf_free(s->state);
    bnf_free(s->low);
    bnf_free(s->high);
}

/* Between the values that draws had, or less than these are apart beyond them: a few draws do not reach as far as
 * the next one may. */
static bool is_about(int64_t value, int64_t low, int64_t high)
{
    uint64_t width = (uint64_t)high - (uint64_t)low;
    uint64_t beyond = value < low    ? (uint64_t)low - (uint64_t)value
                      : value > high ? (uint64_t)value - (uint64_t)high
                                     : 0;
    return width > 0 && beyond < width;
}

static bool is_next(int64_t a, int64_t b)
{
    return (a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b) == 1;
}

static uint64_t width_of(const struct seen *s, size_t i)
{
    return (uint64_t)s->high[i] - (uint64_t)s->low[i];
}

/* Takes a draw in; true when it moves or explains an element that none before did. Labels lie anywhere, so one has to be
 * what a draw had; a quantity has to be about there. */
static bool take_draw(
    struct seen *s, const struct bnf_array *plain, const struct bnf_array *other, const struct bnf_array *drawn)
{
    bool some = false;
    for (size_t i = 0; i < s->count; i++) {
        if (!(s->state[i] & OTHER) || s->state[i] & REACHED || bnf_metrics_same_element(plain, drawn, i))
            continue;
        bool reached = bnf_metrics_same_element(other, drawn, i);
        if (plain->kind == BNF_KIND_INT) {
            int64_t x = ((const int64_t *)drawn->data)[i];
            s->low[i] = x < s->low[i] ? x : s->low[i];
            s->high[i] = x > s->high[i] ? x : s->high[i];
            reached |= width_of(s, i) <= s->narrow &&
                       is_about(((const int64_t *)other->data)[i], s->low[i], s->high[i]);
        }
        some |= reached || !(s->state[i] & MOVED);
        s->state[i] |= reached ? MOVED | REACHED : MOVED;
    }
    return some;
}

/* Labels that move, but not to what the candidate has, are open: draws do not meet all there are. A quantity that
 * moves elsewhere speaks against it, and so does what does not move. */
static struct tally tally_of(const struct seen *s, const struct bnf_array *plain, const struct bnf_array *other)
{
    struct tally t = {0};
    for (size_t i = 0; i < s->count; i++) {
        if (!(s->state[i] & OTHER))
            continue;
        bool label = s->state[i] & MOVED && (plain->kind != BNF_KIND_INT || width_of(s, i) > s->narrow);
        t.all++;
        t.labels += label;
        if (s->state[i] & REACHED) {
            t.reached++;
        } else if (label) {
            t.open++;
        } else {
            t.left++;
            if (plain->kind == BNF_KIND_INT && !(s->state[i] & MOVED))
                t.one_step += is_next(((const int64_t *)plain->data)[i], ((const int64_t *)other->data)[i]);
        }
    }
    return t;
}

/* In a list that is sorted more comes to lie elsewhere than a few draws can show: once most of it is explained, or
 * where draws move some of the few labels that are others, the rest is open. */
static bool is_out_of_reach(const struct tally *t, size_t count)
{
    return t->left <= t->all / MOST || (t->labels >= t->all / FEW && t->labels > 0 && t->all <= count / FEW);
}

/* One sample of one output: draws until all that is another is excused, or for good. */
static int excuse_elements(struct bnf_runner *r, struct dice *d, size_t sample, size_t output,
    const struct bnf_array *plain, bool *wrong, struct bnf_err *err)
{
    struct bnf_metrics *m = &r->metrics[output];
    size_t at = bnf_runner_place(r, sample, output), idle = 0;
    const struct bnf_array *other = r->other[at];
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    struct seen seen = {.count = 0};
    int status = open_seen(&seen, plain, other) ? BNF_OK : bnf_fail_memory(err);
    if (!status && plain == r->ref[at]) /* the run in double is a draw as good as any */
        take_draw(&seen, plain, other, r->oracle[at]);
    struct tally t = {0};
    for (uint64_t draw = 1; !status; draw++) {
        t = tally_of(&seen, plain, other);
        if (draw > DRAWS || idle >= IDLE || t.reached == t.all)
            break;
        const struct bnf_array *drawn;
        status = draw_value(r, d, sample, draw, value, &drawn, err);
        bool some = drawn && bnf_metrics_same_form(plain, drawn) && take_draw(&seen, plain, other, drawn);
        idle = some ? 0 : idle + 1;
    }
    close_seen(&seen);
    if (status)
        return status;
    bool open = is_out_of_reach(&t, plain->count);
    *wrong = !open && t.one_step < t.left;
    bnf_metrics_excuse(m, t.reached, 0);
    bnf_metrics_leave_open(m, open ? t.open + t.left : t.open, 0);
    m->one_step += open ? 0 : t.one_step;
    return BNF_OK;
}

/* Takes the extents of a draw in; false when it is no tensor of that rank. */
static bool take_extents(int64_t low[], int64_t high[], const struct bnf_array *plain, const struct bnf_array *drawn)
{
    if (drawn->kind != plain->kind || drawn->dtype != plain->dtype || drawn->rank != plain->rank ||
        plain->kind == BNF_KIND_SEQUENCE || plain->kind == BNF_KIND_NOTHING)
        return false;
    for (size_t i = 0; i < plain->rank; i++) {
        low[i] = drawn->dims[i] < low[i] ? drawn->dims[i] : low[i];
        high[i] = drawn->dims[i] > high[i] ? drawn->dims[i] : high[i];
    }
    return true;
}

/* The same where the candidate's form is another: excused when it is a draw's, and open when its extents are about
 * what draws had, which do not meet every count. */
static int excuse_form(struct bnf_runner *r, struct dice *d, size_t sample, size_t output,
    const struct bnf_array *plain, bool *wrong, struct bnf_err *err)
{
    const struct bnf_array *other = r->other[bnf_runner_place(r, sample, output)];
    bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[output];
    int64_t low[bnf_most_rank], high[bnf_most_rank], unused[2][bnf_most_rank] = {{0}};
    bool reached = false, moved = false;
    int status = BNF_OK;
    memcpy(low, plain->dims, sizeof low);
    memcpy(high, plain->dims, sizeof high);
    for (uint64_t draw = 1; draw <= DRAWS && !reached && (moved || draw <= IDLE) && !status; draw++) {
        const struct bnf_array *drawn;
        status = draw_value(r, d, sample, draw, value, &drawn, err);
        reached = drawn && bnf_metrics_same_form(drawn, other);
        moved |= drawn && !bnf_metrics_same_form(drawn, plain) && take_extents(low, high, plain, drawn);
    }
    bool about = moved && take_extents(unused[0], unused[1], plain, other);
    for (size_t i = 0; i < plain->rank && about; i++)
        about = other->dims[i] == low[i] || is_about(other->dims[i], low[i], high[i]);
    if (!status && reached)
        bnf_metrics_excuse(&r->metrics[output], 0, 1);
    else if (!status && about)
        bnf_metrics_leave_open(&r->metrics[output], 0, 1);
    *wrong = !reached && !about;
    return status;
}

static int excuse_sample(struct bnf_runner *r, struct dice *d, size_t sample, size_t output,
    const struct bnf_array *plain, bool *wrong, struct bnf_err *err)
{
    if (!bnf_metrics_same_form(plain, r->other[bnf_runner_place(r, sample, output)]))
        return excuse_form(r, d, sample, output, plain, wrong, err);
    *wrong = plain->kind != BNF_KIND_INT && plain->kind != BNF_KIND_TEXT;
    return *wrong ? BNF_OK : excuse_elements(r, d, sample, output, plain, wrong, err);
}

int bnf_runner_excuse_ties(struct bnf_runner *r, struct bnf_err *err)
{
    struct dice dice[2] = {{.stored = NULL}};
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        bool wide = r->metrics[i].real ? r->metrics[i].dtype == BNF_DTYPE_DOUBLE : r->wide;
        enum bnf_precision precision = wide ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT;
        for (size_t sample = r->first; sample < r->first + r->chunk && !status; sample++) {
            size_t at = bnf_runner_place(r, sample, i);
            bool wrong = false;
            if (!r->other[at])
                continue;
            if (!dice[precision].stored)
                status = open_dice(r, &dice[precision], BNF_RUN_REF, precision, sample, err);
            if (!status)
                status = excuse_sample(
                    r, &dice[precision], sample, i, wide ? r->oracle[at] : r->ref[at], &wrong, err);
            if (wrong)
                break; /* what is wrong in one sample needs no other */
        }
    }
    close_dice(&dice[0]);
    close_dice(&dice[1]);
    return status;
}
