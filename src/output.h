/* Where a job's model goes: a file that appears whole or not at all, or standard output once all is well. */
#ifndef BNF_OUTPUT_H
#define BNF_OUTPUT_H

#include "base/file.h"
#include "onnx/model.h"

struct bnf_output {
    struct bnf_out file; /* for standard output: an unlinked temporary file */
    bool is_stream;
};

/* The format that a path asks for: JSON for .json, ONNX for all else, `input`'s for "-". */
enum bnf_format bnf_output_format(const char *path, enum bnf_format input);

/* Refuses a path that is the input or one of its side files, through whatever links. BNF_EUSAGE. */
int bnf_output_spare_input(
    const char *path, const char *input_path, struct bnf_model *input, bool in_place, struct bnf_err *err);

/* True when side files of the input cannot be found from the output: another folder, or a stream on either
 * side. */
bool bnf_output_is_elsewhere(const char *path, const char *input_path);

/* True when some tensor of the model lies in a side file. */
bool bnf_has_external(struct bnf_model *model);

/* Makes every tensor that lies in a side file part of the model itself. BNF_EINPUT, BNF_ENOMEM. */
int bnf_embed_external(struct bnf_model *model, struct bnf_err *err);

/* Begins the output. Nothing appears under its name before bnf_output_commit. BNF_EIO. */
int bnf_output_open(struct bnf_output *output, const char *path, struct bnf_err *err);

/* Lets the finished output appear, or sends it to standard output. BNF_EIO. */
int bnf_output_commit(struct bnf_output *output, bool flush, struct bnf_err *err);

/* Gives the output up: nothing is left of it. Fine after commit, and on an output that failed to open. */
void bnf_output_discard(struct bnf_output *output);

#endif
