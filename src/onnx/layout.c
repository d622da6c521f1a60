#include "onnx/layout.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/threads.h"
#include "onnx/model.h"

#include <stdatomic.h>
#include <string.h>

/* A file is written in windows that begin at multiples of their size: the page cache then takes it in large pieces,
 * and the file system's blocks are never written twice. */
enum {
    window_bytes = 1 << 20,
    most_grain = 4096,
    most_writers = 8, /* a file has one lock for writing: more would wait for each other, each with a buffer */
};

/* What the file gets, what base64 is made from, and an element on a window's edge. base64 ends with a NUL. */
enum { scratch_bytes = window_bytes / 4 * 3, edge_bytes = 4 * most_grain + 1 };
enum { buffer_bytes = window_bytes + 1 + scratch_bytes + edge_bytes };

struct buffer {
    atomic_flag taken;
    uint8_t *bytes; /* allocated when first taken */
};

/* What the threads share. */
struct job {
    const struct bnf_layout *layout;
    const struct bnf_out *out; /* NULL: a stream */
    int descriptor;
    struct buffer buffers[most_writers];
    atomic_flag told; /* err is written by the first to fail */
    struct bnf_err err;
};

static bool is_small(const struct bnf_span *span)
{
    return !span->bytes && !span->source && !span->zeros;
}

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
    if (last && is_small(last)) {
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

void bnf_layout_align(struct bnf_layout *layout, size_t alignment)
{
    size_t over = (size_t)(layout->size % alignment);
    if (over)
        add_span(layout, (struct bnf_span){.size = alignment - over, .zeros = true});
}

void bnf_layout_free(struct bnf_layout *layout)
{
    bnf_buf_free(&layout->text);
    bnf_free(layout->spans);
    *layout = (struct bnf_layout){0};
}

/* Writes payload bytes from … from+size-1 of a computed or base64 span to out, in the form the file has them. */
static void make(const struct bnf_span *span, size_t from, size_t size, uint8_t *out, uint8_t *scratch)
{
    const uint8_t *payload = span->source ? scratch : span->bytes + from;
    if (!span->base64) {
        span->source->fill(span->source, from, size, out);
        return;
    }
    if (span->source)
        span->source->fill(span->source, from, size, scratch);
    bnf_base64_encode(payload, size, (char *)out);
}

/* Bytes that exist already, as the file has them; NULL for all others. */
static const uint8_t *ready_bytes(const struct bnf_layout *layout, const struct bnf_span *span)
{
    if (is_small(span))
        return (const uint8_t *)layout->text.data + span->small;
    return span->base64 ? NULL : span->bytes;
}

/* The least that is made at a time: whole elements, and for base64 whole groups of three. */
static size_t unit_of(const struct bnf_span *span)
{
    size_t unit = span->source && span->source->grain ? span->source->grain : 1;
    if (unit > most_grain)
        bnf_bug("a computed payload with elements of more than 4096 bytes");
    return span->base64 ? 3 * unit : unit;
}

/* Writes bytes from … from+size-1 of a span, as the file has them, to out. Windows end where they like, so the first
 * and the last unit may be cut. */
static void produce(const struct bnf_layout *layout, const struct bnf_span *span, size_t from, size_t size,
    uint8_t *out, uint8_t *scratch)
{
    const uint8_t *ready = ready_bytes(layout, span);
    if (ready)
        memcpy(out, ready + from, size);
    else if (span->zeros)
        memset(out, 0, size);
    if (ready || span->zeros)
        return;
    size_t unit = unit_of(span), written = span->base64 ? unit / 3 * 4 : unit, end = from + size;
    uint8_t *edge = scratch + scratch_bytes;
    while (from < end) {
        size_t cut = from % written, at = from / written * unit, done;
        size_t units = (size_t)(end == span->size ? end - from + written - 1 : end - from) / written;
        size_t wanted = cut || !units ? unit : units * unit;
        if (wanted > span->payload - at)
            wanted = span->payload - at;
        size_t length = span->base64 ? bnf_base64_length(wanted) : wanted;
        if (cut || !units) {
            make(span, at, wanted, edge, scratch);
            done = length - cut < end - from ? length - cut : end - from;
            memcpy(out, edge + cut, done);
        } else {
            make(span, at, wanted, out, scratch);
            done = length;
        }
        out += done;
        from += done;
    }
}

/* The span that has the file's byte at `offset`. */
static const struct bnf_span *find(const struct bnf_layout *layout, uint64_t offset)
{
    size_t low = 0, high = layout->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (layout->spans[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &layout->spans[low];
}

static int put(struct job *job, const void *bytes, size_t size, uint64_t offset, struct bnf_err *err)
{
    return job->out ? bnf_out_write(job->out, bytes, size, offset, err)
                    : bnf_write_all(job->descriptor, bytes, size, "standard output", err);
}

static int write_through(struct job *job, const struct bnf_span *span, uint64_t offset, size_t size, uint8_t *buffer,
    struct bnf_err *err)
{
    uint8_t *scratch = buffer + window_bytes + 1;
    for (size_t done = 0; done < size; span++) {
        size_t from = (size_t)(offset + done - span->offset), part = (size_t)span->size - from;
        if (part > size - done)
            part = size - done;
        produce(job->layout, span, from, part, buffer + done, scratch);
        done += part;
    }
    return put(job, buffer, size, offset, err);
}

static struct buffer *take_buffer(struct job *job)
{
    size_t i = 0;
    while (atomic_flag_test_and_set(&job->buffers[i].taken)) /* there are as many as threads */
        i = (i + 1) % most_writers;
    if (!job->buffers[i].bytes)
        job->buffers[i].bytes = bnf_alloc(buffer_bytes, 1);
    return &job->buffers[i];
}

static int write_window(void *context, size_t index)
{
    struct job *job = context;
    uint64_t offset = (uint64_t)index * window_bytes, rest = job->layout->size - offset;
    size_t size = rest < window_bytes ? (size_t)rest : window_bytes;
    const struct bnf_span *span = find(job->layout, offset);
    bool alone = span->offset + span->size >= offset + size;
    const uint8_t *ready = alone ? ready_bytes(job->layout, span) : NULL;
    struct bnf_err err;
    int status;
    if (ready) { /* goes out without a copy */
        status = put(job, ready + (offset - span->offset), size, offset, &err);
    } else {
        struct buffer *buffer = take_buffer(job);
        status = buffer->bytes ? write_through(job, span, offset, size, buffer->bytes, &err) : bnf_fail_memory(&err);
        atomic_flag_clear(&buffer->taken);
    }
    if (!status && job->layout->model)
        bnf_model_pass(job->layout->model, size);
    if (status && !atomic_flag_test_and_set(&job->told))
        job->err = err;
    return status;
}

static int write_all(struct job *job, unsigned threads, struct bnf_err *err)
{
    for (size_t i = 0; i < most_writers; i++)
        atomic_flag_clear(&job->buffers[i].taken);
    atomic_flag_clear(&job->told);
    if (threads > most_writers)
        threads = most_writers;
    size_t windows = (size_t)((job->layout->size + window_bytes - 1) / window_bytes);
    int status = bnf_parallel(threads, windows, write_window, job);
    for (size_t i = 0; i < most_writers; i++)
        bnf_free(job->buffers[i].bytes);
    return status ? bnf_fail(err, job->err.status, "%s", job->err.text) : BNF_OK;
}

int bnf_layout_write(
    const struct bnf_layout *layout, const struct bnf_out *out, unsigned threads, struct bnf_err *err)
{
    struct job job = {.layout = layout, .out = out};
    if (layout->failed)
        return bnf_fail_memory(err);
    bnf_out_reserve(out, layout->size);
    return write_all(&job, threads, err);
}

int bnf_layout_stream(const struct bnf_layout *layout, int descriptor, struct bnf_err *err)
{
    struct job job = {.layout = layout, .descriptor = descriptor};
    return layout->failed ? bnf_fail_memory(err) : write_all(&job, 1, err);
}
