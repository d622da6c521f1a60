/* Feeds: what models are run on, made up from a seed or read from files. */
#ifndef BNF_CHECK_FEEDS_H
#define BNF_CHECK_FEEDS_H

#include "check/run.h"
#include "eval/array.h"
#include "eval/constant.h"
#include "graph/graph.h"
#include "onnx/npy.h"

/* An input that has to be fed: one without an initializer. */
struct bnf_feed_input {
    bnf_id value;
    size_t position; /* among the main graph's inputs */
    const char *name;
    int64_t most; /* made-up integers are 0 … most-1 */
};

/* One file, or folder test_data_set_N, of given data. */
struct bnf_feed_file {
    const char *path;
    bool is_folder;
    size_t first,
        slices; /* samples first … first+slices-1 are made of it; as pieces of a batch when more than one */
    size_t rows, piece; /* of that batch in all, and in a piece; the last may be shorter */
};

struct bnf_feeds {
    struct bnf_arena arena;
    struct bnf_graph *graph; /* borrowed: the reference's, shapes inferred */
    const struct bnf_run_options *options;
    struct bnf_feed_input *inputs;
    size_t count;
    size_t samples, rows; /* rows: given batches count as many times as they have rows */
    const char *why;      /* not NULL: why there is nothing to run on; a sentence */
    /* made up */
    bool seeded;
    int64_t *bound;    /* per symbol: its extent from the options, -1: none given */
    unsigned attempt;  /* how many guesses at open extents did not fit */
    bool single_batch; /* the model takes one sample at a time only */
    bool has_guesses, has_batch;
    /* given */
    struct bnf_feed_file *files;
    size_t file_count;
    struct bnf_arena loaded_arena; /* the file that was looked at last; limited to what a run may take */
    size_t loaded;                 /* its index; SIZE_MAX: none */
    struct bnf_named_tensor *loaded_tensors; /* read are those of the inputs and the labels, others are names only */
    size_t loaded_count;
    bnf_id *given; /* per input its array among these, BNF_NONE: it has none */
    bnf_id labels; /* likewise */
};

/* Looks at the inputs and at the data. Where no feeds can be made (an input of unknown rank, a string) that
 * is no error: feeds->why says so. BNF_EINPUT for data that cannot be read or does not fit, BNF_ELIMIT for
 * data that needs more memory than a run may take, BNF_EUSAGE for an extent nobody knows, BNF_EIO, BNF_ENOMEM.
 * Free it whatever is returned. */
int bnf_feeds_init(struct bnf_feeds *feeds, struct bnf_graph *graph, struct bnf_constants *constants,
    const struct bnf_run_options *options, struct bnf_err *err);

/* Are these ("NAME=N", NULL-terminated or NULL) extents of the graph's inputs? BNF_EUSAGE names those there
 * are; BNF_ENOMEM. */
int bnf_feeds_check_dims(struct bnf_graph *graph, const char *const *dims, struct bnf_err *err);

void bnf_feeds_free(struct bnf_feeds *feeds);

/* The arrays of one sample, one per input of the main graph (NULL for those with an initializer). The caller
 * drops them. The same numbers whatever the precision, if they are of a type of at most its size. */
int bnf_feeds_make(struct bnf_feeds *feeds, size_t sample, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err);

/* Moves every number of an array by less than its type's rounding, in a way that depends on `draw`: a run on
 * it meets other rounding errors. Gives a new array and drops the old one; NULL when memory is out. Integers
 * stay. */
struct bnf_array *bnf_feeds_shake(struct bnf_budget *budget, struct bnf_array *array, uint64_t draw);

/* Likewise, but only numbers that are subnormal or zero move, by up to the distance to their neighbours; NULL
 * when memory is out, and *some is set when there are subnormal ones. */
struct bnf_array *bnf_feeds_shake_subnormal(
    struct bnf_budget *budget, struct bnf_array *array, uint64_t draw, bool *some);

/* The model did not take a made-up sample: guesses its open extents anew. False when there is nothing left to
 * guess. */
bool bnf_feeds_retry(struct bnf_feeds *feeds, size_t sample);

/* The labels that came with a sample, one for each of `rows`; NULL when there are none. Valid until the next
 * sample. */
const struct bnf_tensor *bnf_feeds_labels(struct bnf_feeds *feeds, size_t sample, size_t rows, size_t *first);

/* What a sample's folder says an output should be (output_N.pb); *out is NULL when it says nothing. */
int bnf_feeds_expected(struct bnf_feeds *feeds, size_t sample, size_t output, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **out, struct bnf_err *err);

/* ---- between the files ---- */

/* Fills an array with the made-up numbers of an input in a sample: normal ones, uniform in [0,1], uniform in
 * [-1,1], 100 × normal, zeros, ones, and again; integers 0 … most-1, never all of them 0. */
void bnf_feeds_fill(struct bnf_array *array, uint64_t seed, size_t sample, size_t input, int64_t most);

/* Finds the files of the data and how many samples they hold. */
int bnf_feeds_open_data(struct bnf_feeds *feeds, struct bnf_err *err);

/* bnf_feeds_make for given data. */
int bnf_feeds_load(struct bnf_feeds *feeds, size_t sample, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err);

#endif
