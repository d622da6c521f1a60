/* A model in memory: the skeleton that protobuf-c built, and payloads that stay in the mapped file. */
#ifndef BNF_ONNX_MODEL_H
#define BNF_ONNX_MODEL_H

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/table.h"

#include "onnx.pb-c.h"

#include <stdatomic.h>

enum bnf_format { BNF_FORMAT_ONNX, BNF_FORMAT_JSON };

/* Owns one arena, one mapping and the mappings of external data. Everything reachable from `proto` is borrowed from
 * these and dies with the model. Payload bytes (TensorProto.raw_data, and float_data and double_data written packed)
 * are pointers into the mapping, possibly unaligned, and are never written. */
struct bnf_model {
    struct bnf_arena arena;
    struct bnf_map map;
    enum bnf_format format;
    char *path; /* as given by the caller; "-" for standard input */
    Onnx__ModelProto *proto;
    struct bnf_external *external; /* side files mapped so far, a list */
    struct bnf_external_index *external_index; /* what they are found by, NULL before the first; in the arena */
    struct bnf_source *sources;    /* payloads that are computed while saving, a list */
    struct bnf_table source_ids;   /* their addresses */
    bool sources_untold;           /* memory ran out for source_ids: only the list is complete */
    atomic_size_t *passed;         /* payload bytes looked at since the mappings had a rest; in the arena */
};

/* Opens and reads a model, ONNX or ONNX-JSON, told apart by content. Checks the wire format, nesting (at most 100
 * messages), sizes, and for every dense tensor with data that its bytes are volume × element size. On success the
 * caller owns *model and closes it with bnf_model_close. BNF_EIO, BNF_EINPUT, BNF_ELIMIT, BNF_ENOMEM; the sentence
 * begins "cannot load 'path': ". */
int bnf_model_load(struct bnf_model *model, const char *path, struct bnf_err *err);

/* The same from the descriptor of a file that was just written; `path` is used in sentences and for side files. */
int bnf_model_load_descriptor(struct bnf_model *model, int descriptor, const char *path, struct bnf_err *err);

/* Reads a loaded model again from its mapping: it is then as it was before any edit, and whatever was reachable from it
 * is gone. On failure it is closed. `path` is what the model was loaded by; statuses as above. */
int bnf_model_reload(struct bnf_model *model, const char *path, struct bnf_err *err);

/* Frees everything; fine on an all-zero model. */
void bnf_model_close(struct bnf_model *model);

/* A payload that does not exist as bytes yet: saving asks for it piece by piece. */
struct bnf_source {
    struct bnf_source *next; /* in bnf_model.sources */
    size_t size;             /* bytes in all */
    size_t grain;            /* pieces begin and end at multiples of this (the element size) */
    /* Writes bytes offset … offset+size-1 of the payload to out. Pure and thread-safe: the same bytes every time. */
    void (*fill)(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out);
    const void *context; /* for fill */
};

/* Makes a tensor's payload a computed one: raw_data's pointer becomes the address of `source`, its length
 * source->size, and the other payload fields are emptied. source lives as long as the model (arena) and is given once.
 * Only saving may look at the tensor's bytes after. */
void bnf_model_set_source(struct bnf_model *model, Onnx__TensorProto *tensor, struct bnf_source *source);

/* Tells that `size` payload bytes were looked at, or will be. Once in a while the mappings then give back the memory
 * that their pages take, so that models larger than the memory can be worked on. Thread-safe. */
void bnf_model_pass(const struct bnf_model *model, size_t size);

/* The source behind a payload pointer, NULL when it is plain bytes. */
const struct bnf_source *bnf_model_source(const struct bnf_model *model, const void *payload);

struct bnf_save_options {
    enum bnf_format format;
    unsigned threads; /* at most this many write at a time; 0: one */
    bool lossy;       /* JSON: drop what has no JSON form instead of failing */
};

/* Writes the model to an opened output. Payloads stream: they are laid out first, then written in parallel at their
 * offsets; nothing of their size is held in memory (base64 is made piece by piece, too). *written gets the number of
 * bytes. BNF_EIO, BNF_EINPUT (more than 2 GiB, or no JSON form), BNF_ENOMEM. */
int bnf_model_save(const struct bnf_model *model, const struct bnf_out *out,
    const struct bnf_save_options *options, uint64_t *written, struct bnf_err *err);

/* The same to a stream descriptor (standard output), in order. */
int bnf_model_save_stream(const struct bnf_model *model, int descriptor,
    const struct bnf_save_options *options, uint64_t *written, struct bnf_err *err);

/* Parts of the two, one file each: the formats' own loaders and savers. map is open; arena is ready. */
int bnf_load_pb(struct bnf_model *model, struct bnf_err *err);
int bnf_load_json(struct bnf_model *model, struct bnf_err *err);
struct bnf_layout;
int bnf_save_pb_layout(const struct bnf_model *model, struct bnf_layout *layout, struct bnf_err *err);
bool bnf_save_pb_fits(const struct bnf_model *model); /* within the 2 GiB of a protobuf file? */
int bnf_save_json_layout(const struct bnf_model *model, bool lossy, struct bnf_layout *layout, struct bnf_err *err);

#endif
