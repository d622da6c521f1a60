/* What a saved file will consist of, before a byte of it is written: spans in order, at known offsets. */
#ifndef BNF_ONNX_LAYOUT_H
#define BNF_ONNX_LAYOUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

struct bnf_model;
struct bnf_source;

/* One span: small bytes held in the layout's own buffer, zeros, or a payload: plain bytes (of a mapping) or a computed
 * one, as they are or as base64. */
struct bnf_span {
    uint64_t offset;                 /* in the file */
    uint64_t size;                   /* in the file */
    const uint8_t *bytes;            /* a payload's plain bytes, or NULL */
    const struct bnf_source *source; /* a computed payload, or NULL */
    size_t small;                    /* when it is none of the others: where the bytes begin in `text` */
    size_t payload;                  /* bytes of a payload */
    bool zeros;
    bool base64;                     /* size is 4·ceil(n/3) for a payload of n bytes */
};

struct bnf_layout {
    struct bnf_buf text;
    struct bnf_span *spans;
    size_t count, capacity;
    uint64_t size; /* of the whole file */
    bool failed;   /* out of memory; sticky */
    const struct bnf_model *model; /* whose payloads pass by, see bnf_model_pass; may be NULL */
};

/* Appends small bytes (copied), or a payload (borrowed). */
void bnf_layout_bytes(struct bnf_layout *layout, const void *bytes, size_t size);
void bnf_layout_payload(struct bnf_layout *layout, const uint8_t *bytes, const struct bnf_source *source,
    size_t size, bool base64);

/* Zeros up to the next multiple of `alignment`. */
void bnf_layout_align(struct bnf_layout *layout, size_t alignment);

/* Writes every span: in parallel at its offset, or in order to a stream. */
int bnf_layout_write(const struct bnf_layout *layout, const struct bnf_out *out, unsigned threads,
    struct bnf_err *err);
int bnf_layout_stream(const struct bnf_layout *layout, int descriptor, struct bnf_err *err);

void bnf_layout_free(struct bnf_layout *layout);

#endif
