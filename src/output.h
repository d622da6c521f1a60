/* Where a job's model goes: a file that appears whole or not at all, or standard output once all is well. */
#ifndef BNF_OUTPUT_H
#define BNF_OUTPUT_H

#include "base/file.h"
#include "onnx/model.h"

struct bnf_output {
    struct bnf_out file; /* for standard output: an unlinked temporary file */
    struct bnf_out side; /* weights outside of the model; only with has_side */
    char *side_path;     /* of these */
    bool is_stream, has_side;
};

/* Where the weights of a result go: to a side file when they came from one or the model would not fit a protobuf file
 * otherwise; or always, or never. */
enum bnf_weights { BNF_WEIGHTS_AUTO, BNF_WEIGHTS_OUTSIDE, BNF_WEIGHTS_INSIDE };

struct bnf_placing {
    const char *path, *input_path; /* of the output, of the input */
    enum bnf_format format;        /* of the output */
    enum bnf_weights weights;
    size_t threshold;   /* bytes; smaller tensors stay in the model; 0: the default */
    bool came_external; /* the input had weights in side files */
    bool side_is_taken; /* what bnf_output_side_is_taken said of the input */
    unsigned threads;
};

/* The format that a path asks for: JSON for .json, ONNX for all else, `input`'s for "-". */
enum bnf_format bnf_output_format(const char *path, enum bnf_format input);

/* Refuses a path that is the input or one of its side files, through whatever links. `way_out` ends the sentence about the
 * input, and NULL lets that one be replaced. BNF_EUSAGE. */
int bnf_output_spare_input(
    const char *path, const char *input_path, struct bnf_model *input, const char *way_out, struct bnf_err *err);

/* True when side files of the input cannot be found from the output: another folder, or a stream on either
 * side. */
bool bnf_output_is_elsewhere(const char *path, const char *input_path);

/* *taken: the side file of an output would be the input or one of its side files. BNF_ENOMEM. */
int bnf_output_side_is_taken(
    const char *path, const char *input_path, struct bnf_model *input, bool *taken, struct bnf_err *err);

/* True when some tensor of the model lies in a side file. */
bool bnf_has_external(struct bnf_model *model);

/* Begins the output. Nothing appears under its name before bnf_output_commit. BNF_EIO. */
int bnf_output_open(struct bnf_output *output, const char *path, struct bnf_err *err);

/* Puts the weights where they go: writes OUT.data, to which the model then refers, or makes what lies in side files part
 * of the model. To be called once, before the model is saved to output->file. *bytes: size of the side file. BNF_EUSAGE
 * when there can be none, BNF_EINPUT, BNF_EIO, BNF_ENOMEM. */
int bnf_output_place(struct bnf_output *output, struct bnf_model *model, const struct bnf_placing *placing,
    uint64_t *bytes, struct bnf_err *err);

/* Loads what was written, side file included, although it has no name yet. As bnf_model_load. */
int bnf_output_reopen(const struct bnf_output *output, const char *path, struct bnf_model *model, struct bnf_err *err);

/* Lets the finished output appear, the side file first, or sends it to standard output. BNF_EIO. */
int bnf_output_commit(struct bnf_output *output, bool flush, struct bnf_err *err);

/* Gives the output up: nothing is left of it. Fine after commit, and on an output that failed to open. */
void bnf_output_discard(struct bnf_output *output);

#endif
