#include "onnx/layout.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/threads.h"
#include "onnx/model.h"

#include <stdatomic.h>
#include <string.h>

/* A file is written in pieces: a part of one large span, or a run of small ones. */
enum {
    piece_bytes = 3 << 18,  /* most of the file in one piece, unless it needs no buffer */
    base64_bytes = 3 << 16, /* of a payload at a time when it is written as base64 */
    large_span = 1 << 16,   /* from here on a span has pieces of its own */
    most_grain = 4096,
    most_buffers = 64,
};

/* What the file gets, and behind it what base64 is made from. base64 ends with a NUL. */
enum { buffer_bytes = piece_bytes + 1 + base64_bytes };

struct piece {
    size_t first, last; /* spans first … last-1 */
    size_t from, size;  /* which bytes of a large span's payload; for a run: all */
};

struct buffer {
    atomic_flag taken;
    uint8_t *bytes; /* allocated when first taken */
};

/* What the threads share. */
struct job {
    const struct bnf_layout *layout;
    struct piece *pieces;
    size_t count, capacity;
    const struct bnf_out *out; /* NULL: a stream */
    int descriptor;
    struct buffer buffers[most_buffers];
    atomic_flag told; /* err is written by the first to fail */
    struct bnf_err err;
};

static void add_span(struct bnf_layout *layout, struct bnf_span span)
{
    if (layout->failed || !bnf_reserve(&layout->spans, &layout->capacity, layout->count + 1, sizeof span)) {
        layout->failed = true;
        return;
    }
    span.offset = layout->size;
    layout->size += span.size;
    layout->spans[layout->count++] = span;
}

void bnf_layout_bytes(struct bnf_layout *layout, const void *bytes, size_t size)
{
    size_t at = layout->text.size;
    if (size == 0 || layout->failed)
        return;
    bnf_buf_add(&layout->text, bytes, size);
    layout->failed |= layout->text.failed;
    struct bnf_span *last = layout->count ? &layout->spans[layout->count - 1] : NULL;
    if (last && !last->bytes && !last->source) {
        last->size += size;
        layout->size += size;
    } else {
        add_span(layout, (struct bnf_span){.size = size, .small = at});
    }
}

void bnf_layout_payload(struct bnf_layout *layout, const uint8_t *bytes, const struct bnf_source *source,
    size_t size, bool base64)
{
    if (size)
        add_span(layout, (struct bnf_span){
                             .size = base64 ? bnf_base64_length(size) : size,
                             .bytes = bytes,
                             .source = source,
                             .base64 = base64,
                             .payload = size,
                         });
}

void bnf_layout_free(struct bnf_layout *layout)
{
    bnf_buf_free(&layout->text);
    bnf_free(layout->spans);
    *layout = (struct bnf_layout){0};
}

static bool is_small(const struct bnf_span *span)
{
    return !span->bytes && !span->source;
}

/* Writes payload bytes from … from+size-1 of a span to out, in the form the file has them. */
static void produce(const struct bnf_layout *layout, const struct bnf_span *span, size_t from, size_t size,
    uint8_t *out, uint8_t *scratch)
{
    if (is_small(span)) {
        memcpy(out, layout->text.data + span->small + from, size);
    } else if (!span->base64) {
        if (span->source)
            span->source->fill(span->source, from, size, out);
        else
            memcpy(out, span->bytes + from, size);
    } else if (span->source) {
        span->source->fill(span->source, from, size, scratch);
        bnf_base64_encode(scratch, size, (char *)out);
    } else {
        bnf_base64_encode(span->bytes + from, size, (char *)out);
    }
}

static size_t payload_size(const struct bnf_span *span)
{
    return is_small(span) ? (size_t)span->size : span->payload;
}

/* How many payload bytes of a large span make one piece: whole elements, and whole groups of three for
 * base64. */
static size_t step_of(const struct bnf_span *span)
{
    size_t unit = span->source && span->source->grain ? span->source->grain : 1;
    if (unit > most_grain)
        bnf_bug("a computed payload with elements of more than 4096 bytes");
    if (!span->base64)
        return piece_bytes / unit * unit;
    unit *= 3;
    return base64_bytes / unit * unit;
}

static bool add_piece(struct job *job, struct piece piece)
{
    if (!bnf_reserve(&job->pieces, &job->capacity, job->count + 1, sizeof piece))
        return false;
    job->pieces[job->count++] = piece;
    return true;
}

static bool cut(struct job *job)
{
    const struct bnf_layout *layout = job->layout;
    for (size_t i = 0, next; i < layout->count; i = next) {
        const struct bnf_span *span = &layout->spans[i];
        next = i + 1;
        if (span->size >= large_span) {
            size_t size = payload_size(span), step = step_of(span);
            for (size_t from = 0; from < size; from += step)
                if (!add_piece(job, (struct piece){i, next, from, size - from < step ? size - from : step}))
                    return false;
            continue;
        }
        uint64_t total = span->size;
        while (next < layout->count && layout->spans[next].size < large_span &&
               total + layout->spans[next].size <= piece_bytes)
            total += layout->spans[next++].size;
        if (!add_piece(job, (struct piece){.first = i, .last = next}))
            return false;
    }
    return true;
}

static int put(struct job *job, const void *bytes, size_t size, uint64_t offset, struct bnf_err *err)
{
    return job->out ? bnf_out_write(job->out, bytes, size, offset, err)
                    : bnf_write_all(job->descriptor, bytes, size, "standard output", err);
}

/* Bytes that exist already go out without a copy. */
static const uint8_t *ready_bytes(const struct bnf_layout *layout, const struct bnf_span *span)
{
    if (is_small(span))
        return (const uint8_t *)layout->text.data + span->small;
    return span->base64 ? NULL : span->bytes;
}

static int write_through(struct job *job, const struct piece *piece, uint8_t *buffer, struct bnf_err *err)
{
    const struct bnf_span *spans = job->layout->spans;
    const struct bnf_span *first = &spans[piece->first];
    uint8_t *scratch = buffer + piece_bytes + 1;
    if (first->size >= large_span) {
        produce(job->layout, first, piece->from, piece->size, buffer, scratch);
        size_t size = first->base64 ? bnf_base64_length(piece->size) : piece->size;
        return put(
            job, buffer, size, first->offset + (first->base64 ? piece->from / 3 * 4 : piece->from), err);
    }
    size_t size = 0;
    for (size_t i = piece->first; i < piece->last; i++) {
        produce(job->layout, &spans[i], 0, payload_size(&spans[i]), buffer + size, scratch);
        size += (size_t)spans[i].size;
    }
    return put(job, buffer, size, first->offset, err);
}

static struct buffer *take_buffer(struct job *job)
{
    size_t i = 0;
    while (atomic_flag_test_and_set(&job->buffers[i].taken)) /* there are as many as threads */
        i = (i + 1) % most_buffers;
    if (!job->buffers[i].bytes)
        job->buffers[i].bytes = bnf_alloc(buffer_bytes, 1);
    return &job->buffers[i];
}

static int write_piece(void *context, size_t index)
{
    struct job *job = context;
    const struct piece *piece = &job->pieces[index];
    const struct bnf_span *first = &job->layout->spans[piece->first];
    const uint8_t *ready = piece->last == piece->first + 1 ? ready_bytes(job->layout, first) : NULL;
    struct bnf_err err;
    int status;
    if (ready) {
        size_t size = first->size >= large_span ? piece->size : payload_size(first);
        status = put(job, ready + piece->from, size, first->offset + piece->from, &err);
    } else {
        struct buffer *buffer = take_buffer(job);
        status = buffer->bytes ? write_through(job, piece, buffer->bytes, &err) : bnf_fail_memory(&err);
        atomic_flag_clear(&buffer->taken);
    }
    if (status && !atomic_flag_test_and_set(&job->told))
        job->err = err;
    return status;
}

static int write_all(struct job *job, unsigned threads, struct bnf_err *err)
{
    for (size_t i = 0; i < most_buffers; i++)
        atomic_flag_clear(&job->buffers[i].taken);
    atomic_flag_clear(&job->told);
    if (threads > most_buffers)
        threads = most_buffers;
    int status = cut(job) ? bnf_parallel(threads, job->count, write_piece, job) : bnf_fail_memory(&job->err);
    for (size_t i = 0; i < most_buffers; i++)
        bnf_free(job->buffers[i].bytes);
    bnf_free(job->pieces);
    return status ? bnf_fail(err, job->err.status, "%s", job->err.text) : BNF_OK;
}

int bnf_layout_write(
    const struct bnf_layout *layout, const struct bnf_out *out, unsigned threads, struct bnf_err *err)
{
    struct job job = {.layout = layout, .out = out};
    return layout->failed ? bnf_fail_memory(err) : write_all(&job, threads, err);
}

int bnf_layout_stream(const struct bnf_layout *layout, int descriptor, struct bnf_err *err)
{
    struct job job = {.layout = layout, .descriptor = descriptor};
    return layout->failed ? bnf_fail_memory(err) : write_all(&job, 1, err);
}
