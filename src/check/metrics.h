/* How far apart two runs are: the figures of one output, gathered sample by sample, and the gates they have
 * to pass. */
#ifndef BNF_CHECK_METRICS_H
#define BNF_CHECK_METRICS_H

#include "check/run.h"
#include "check/ties.h"
#include "eval/array.h"

/* One element with a large difference. */
struct bnf_far {
    double delta, ref, new;
    bool relative; /* ref is large enough for a relative error to mean something */
    const char *output;
    size_t sample;
    char place[96]; /* "[0,3]" */
};

enum { bnf_farthest = 5 };

/* Powers of two that distances are counted by. */
enum { bnf_octaves = 64 };

/* What concerns all outputs. */
struct bnf_spread {
    struct bnf_far far[bnf_farthest]; /* the farthest first */
    size_t buckets[9];
};

/* One output while it is being measured. All-zero but for `to` is the beginning. */
struct bnf_metrics {
    struct bnf_run_output *to;
    int dtype;
    bool real, has_first, varies;
    double typical; /* the scale that distances are relative to at least: samples whose output happens to be
                       next to zero are no more exact than others */
    double grain;   /* what the spacing of subnormal numbers that the candidate stores does to it */
    double first, squares;
    size_t one_sided;     /* finite on one side, or NaN and infinities that differ */
    size_t one_sided_in;  /* a sample that has such, counted from 1; 0: none */
    size_t overflowed;    /* likewise, but that is no mistake: see bnf_runner_excuse_overflow */
    size_t beyond;        /* elements that rtol and atol do not allow */
    size_t octaves[2][bnf_octaves]; /* of the candidate in float and in double: elements whose distance from the
                                       oracle, relative to the scale, is in [2⁻ᵏ, 2¹⁻ᵏ); all from 1 on are at 0 */
    double rms, rms_noise;          /* of the sample where they are furthest apart */
    bool stepped;    /* a step (a Round, a quantization) is in front of it: what is at a tie there jumps */
    size_t excused;  /* elements that a draw of the reference has as the candidate does */
    size_t open;     /* elements and samples of another shape about which the draws say nothing */
    size_t one_step; /* of the mismatched elements, those next to what they should be, that no draw moves */
    char inconclusive[160]; /* a sentence: why nothing follows from the runs of this output; "" */
    size_t shapes;          /* samples whose shape or type is another */
    char shape[256];      /* what differs in shape or type; "" */
    size_t failed_sample; /* the first that looks wrong; SIZE_MAX: none */
    double failed_most;
};

/* Takes the reference's two runs of one sample in: what rounding does to it. */
void bnf_metrics_noise(struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *ref);

/* Takes the candidate's run of one sample in, to be compared with the reference's. Outputs of type double are
 * judged by the runs in double, ref being the oracle then. `tie` (or NULL) tells ties from mistakes where an
 * output is discrete. */
void bnf_metrics_compare(struct bnf_metrics *m, struct bnf_spread *spread,
    const struct bnf_run_options *options, size_t sample, const struct bnf_array *oracle,
    const struct bnf_array *ref, const struct bnf_array *new, const struct bnf_tie *tie);

/* Takes in two runs of the candidate that differ in subnormal stored numbers only, by what separates
 * neighbours. */
void bnf_metrics_grain(struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *new,
    const struct bnf_array *shaken);

/* Takes the candidate's run in double in. */
void bnf_metrics_gap(struct bnf_metrics *m, size_t sample, const struct bnf_array *oracle,
    const struct bnf_array *ref, const struct bnf_array *new);

/* True when the candidate strays further from the exact result than the reference's rounding noise, as known
 * so far, allows. */
bool bnf_metrics_strays(const struct bnf_metrics *m);

/* True when it does so beyond all reason. */
bool bnf_metrics_is_hopeless(const struct bnf_metrics *m);

/* True when so few elements stray, behind a step, that they are taken for ties that no draw has met. */
bool bnf_metrics_strays_rarely(const struct bnf_metrics *m);

/* The root mean square of a run's distance from the oracle, relative to the scale; 0 where it says nothing that
 * the largest distance does not: in small arrays, and in what is not judged. */
double bnf_metrics_rms(const struct bnf_metrics *m, const struct bnf_array *oracle, const struct bnf_array *run);

/* True when the candidate's, in one sample, is more than the reference's allows. */
bool bnf_metrics_rms_strays(const struct bnf_metrics *m, double noise, double rms);

/* Takes both of one sample in, once all draws are made. */
void bnf_metrics_take_rms(struct bnf_metrics *m, double noise, double rms);

/* Elements that were counted as mismatched, and samples as of another shape, are near ties after all. */
void bnf_metrics_excuse(struct bnf_metrics *m, size_t elements, size_t shapes);

/* Likewise, but neither are they known to be ties: the output as a whole says nothing any more. */
void bnf_metrics_leave_open(struct bnf_metrics *m, size_t elements, size_t shapes);

/* Judges: fills what is left of *m->to, with a sentence from the arena where it fails. What neither agrees nor
 * fails counts as not compared, and m->inconclusive says why. BNF_ENOMEM. */
int bnf_metrics_finish(struct bnf_metrics *m, const struct bnf_run_options *options, struct bnf_arena *arena,
    struct bnf_err *err);

/* The gate's floor for an element type. */
double bnf_metrics_floor(int dtype);

/* What distances are relative to at least: a few of the smallest subnormal numbers apart is no distance. */
double bnf_metrics_least_scale(int dtype);

/* The largest finite magnitude; 0 when there is none. */
double bnf_metrics_scale(const struct bnf_array *array);

/* max |a − b| over elements finite in both, divided by `scale` (0 counts as 1). Arrays of equal volume. */
double bnf_metrics_distance(const struct bnf_array *a, const struct bnf_array *b, double scale);

/* How far a run in float is from the one in double, relative to the latter's scale; for values of type
 * double, what that would be if it had been computed in double. Arrays of equal form. */
double bnf_metrics_noise_of(const struct bnf_array *oracle, const struct bnf_array *run);

/* Same kind, element type and extents, in sequences all the way down. */
bool bnf_metrics_same_form(const struct bnf_array *a, const struct bnf_array *b);

/* Element i of two arrays of integers, bools or strings of the same form. */
bool bnf_metrics_same_element(const struct bnf_array *a, const struct bnf_array *b, size_t i);

/* Position of the largest of `count` numbers from `first` on; NaN never is. The lowest among equals. */
size_t bnf_metrics_largest(const struct bnf_array *array, size_t first, size_t count);

#endif
