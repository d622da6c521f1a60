#include "onnx/npy.h"

#include "base/buf.h"
#include "base/file.h"
#include "onnx/npz.h"
#include "onnx/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The header is a Python dict in text behind magic, version and length. */
enum { magic_size = 6, most_extents = 64, header_grain = 64, most_header = 1 << 16 };
static const uint8_t magic[magic_size] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* NumPy's names of element types, kind and bytes; the byte order stands in front. */
static const struct {
    const char *descr;
    int dtype;
} types[] = {
    {"f4", BNF_DTYPE_FLOAT},
    {"f8", BNF_DTYPE_DOUBLE},
    {"f2", BNF_DTYPE_FLOAT16},
    {"i8", BNF_DTYPE_INT64},
    {"i4", BNF_DTYPE_INT32},
    {"i2", BNF_DTYPE_INT16},
    {"i1", BNF_DTYPE_INT8},
    {"u8", BNF_DTYPE_UINT64},
    {"u4", BNF_DTYPE_UINT32},
    {"u2", BNF_DTYPE_UINT16},
    {"u1", BNF_DTYPE_UINT8},
    {"b1", BNF_DTYPE_BOOL},
};

/* ---- the header's text ---- */

struct header {
    const char *at, *end;
    bool has_descr, has_order, has_shape;
    int dtype;
    bool fortran;
    size_t rank;
    int64_t dims[most_extents];
    struct bnf_err *err;
};

static void skip_blanks(struct header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t'))
        h->at++;
}

static bool take(struct header *h, char c)
{
    skip_blanks(h);
    if (h->at == h->end || *h->at != c)
        return false;
    h->at++;
    return true;
}

static bool take_word(struct header *h, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(h);
    if ((size_t)(h->end - h->at) < length || memcmp(h->at, word, length) != 0)
        return false;
    h->at += length;
    return true;
}

static int expected(struct header *h, const char *what)
{
    char found[32];
    size_t left = (size_t)(h->end - h->at);
    bnf_place_quote(h->at, left < 12 ? left : 12, found, sizeof found);
    return bnf_fail(h->err, BNF_EINPUT, "the header has '%s' where %s should be", found, what);
}

static int take_string(struct header *h, char *text, size_t room, const char *what)
{
    skip_blanks(h);
    char quote = h->at < h->end ? *h->at : 0;
    if (quote != '\'' && quote != '"')
        return expected(h, what);
    const char *begin = ++h->at;
    while (h->at < h->end && *h->at != quote)
        h->at++;
    size_t length = (size_t)(h->at - begin);
    if (h->at == h->end || length >= room) {
        h->at = begin - 1;
        return expected(h, what);
    }
    memcpy(text, begin, length);
    text[length] = 0;
    h->at++;
    return BNF_OK;
}

static int take_descr(struct header *h)
{
    char text[16], quoted[32];
    int status = take_string(h, text, sizeof text, "the name of an element type");
    if (status)
        return status;
    bnf_place_quote(text, strlen(text), quoted, sizeof quoted);
    for (size_t i = 0; i < sizeof types / sizeof *types && *text; i++) {
        if (strcmp(text + 1, types[i].descr) != 0)
            continue;
        h->dtype = types[i].dtype;
        if (strchr("<=", *text) || (*text == '|' && bnf_dtype_bits(h->dtype) == 8))
            return BNF_OK;
        if (*text == '>')
            return bnf_fail(h->err, BNF_EINPUT, "elements of type '%s' are big-endian, allowed is little-endian", quoted);
    }
    return bnf_fail(h->err, BNF_EINPUT,
        "elements of type '%s', allowed are f2, f4, f8, i1 to i8, u1 to u8 and b1, little-endian", quoted);
}

static int take_extent(struct header *h, int64_t *out)
{
    skip_blanks(h);
    const char *begin = h->at;
    *out = 0;
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        int digit = *h->at - '0';
        if (*out > (INT64_MAX - digit) / 10)
            return bnf_fail(h->err, BNF_EINPUT, "an extent above %" PRId64, INT64_MAX);
        *out = *out * 10 + digit;
    }
    if (h->at == begin)
        return expected(h, "an extent of the shape");
    (void)take(h, 'L'); /* Python 2 wrote long integers so */
    return BNF_OK;
}

static int take_shape(struct header *h)
{
    if (!take(h, '('))
        return expected(h, "the shape's '('");
    bool comma = true; /* one element needs a comma behind it, else it is no tuple */
    while (!take(h, ')')) {
        if (!comma)
            return expected(h, "the shape's ',' or ')'");
        if (h->rank == most_extents)
            return bnf_fail(h->err, BNF_EINPUT, "more than %d extents", most_extents);
        int status = take_extent(h, &h->dims[h->rank]);
        if (status)
            return status;
        h->rank++;
        comma = take(h, ',');
    }
    return h->rank == 1 && !comma ? expected(h, "the ',' of a shape of one extent") : BNF_OK;
}

static int take_order(struct header *h)
{
    h->fortran = take_word(h, "True");
    return h->fortran || take_word(h, "False") ? BNF_OK : expected(h, "True or False");
}

static int take_entry(struct header *h)
{
    static const struct {
        const char *key;
        int (*value)(struct header *h);
        size_t seen;
    } keys[] = {
        {"descr", take_descr, offsetof(struct header, has_descr)},
        {"fortran_order", take_order, offsetof(struct header, has_order)},
        {"shape", take_shape, offsetof(struct header, has_shape)},
    };
    char key[32], quoted[64];
    int status = take_string(h, key, sizeof key, "a key");
    if (status)
        return status;
    bnf_place_quote(key, strlen(key), quoted, sizeof quoted);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(key, keys[i].key) != 0)
            continue;
        bool *seen = (bool *)((char *)h + keys[i].seen);
        if (*seen)
            return bnf_fail(h->err, BNF_EINPUT, "the header has '%s' twice", quoted);
        *seen = true;
        return take(h, ':') ? keys[i].value(h) : expected(h, "a ':'");
    }
    return bnf_fail(h->err, BNF_EINPUT,
        "the header has the key '%s', allowed are 'descr', 'fortran_order' and 'shape'", quoted);
}

static int parse(struct header *h)
{
    if (!take(h, '{'))
        return expected(h, "its '{'");
    bool comma = true;
    while (!take(h, '}')) {
        int status = comma ? take_entry(h) : expected(h, "',' or '}'");
        if (status)
            return status;
        comma = take(h, ',');
    }
    skip_blanks(h);
    if (h->at < h->end)
        return expected(h, "its end");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return bnf_fail(h->err, BNF_EINPUT, "the header has no '%s'",
            !h->has_descr ? "descr" : !h->has_order ? "fortran_order" : "shape");
    return BNF_OK;
}

/* ---- the elements ---- */

/* From the order in which the first index runs fastest, piece by piece, to the one in which the last does. */
static int read_reordered(
    const struct bnf_npy_source *source, const struct bnf_tensor *t, uint8_t *to, struct bnf_err *err)
{
    uint8_t piece[4096];
    size_t width = t->bytes / t->count, in_piece = sizeof piece / width, strides[most_extents], at = 0;
    int64_t index[most_extents] = {0};
    for (size_t i = t->rank, stride = width; i-- > 0;) {
        strides[i] = stride;
        stride *= (size_t)t->dims[i];
    }
    for (size_t n = 0; n < t->count; n++) {
        size_t left = t->count - n, next = (left < in_piece ? left : in_piece) * width;
        int status = n % in_piece ? BNF_OK : source->read(source->context, piece, next, err);
        if (status)
            return status;
        memcpy(to + at, piece + n % in_piece * width, width);
        for (size_t i = 0; i < t->rank; i++) {
            at += strides[i];
            if (++index[i] < t->dims[i])
                break;
            at -= strides[i] * (size_t)t->dims[i];
            index[i] = 0;
        }
    }
    return BNF_OK;
}

int bnf_npy_fail_room(const struct bnf_arena *arena, struct bnf_err *err)
{
    if (!arena->exhausted)
        return bnf_fail_memory(err);
    return bnf_fail(err, BNF_ELIMIT, "it needs more memory than the %zu bytes allowed", arena->limit);
}

/* Takes the elements: `size` bytes that are left of the source. */
static int take_elements(const struct header *h, const struct bnf_npy_source *source, size_t size,
    struct bnf_arena *arena, struct bnf_tensor *out)
{
    char dims[96];
    *out = (struct bnf_tensor){.dtype = h->dtype, .rank = (uint32_t)h->rank};
    bnf_dims_text(h->dims, h->rank, dims, sizeof dims);
    if (!bnf_volume(h->dims, h->rank, &out->count) || !bnf_dtype_bytes(h->dtype, out->count, &out->bytes))
        return bnf_fail(h->err, BNF_EINPUT, "shape %s, allowed are elements that can be counted", dims);
    if (out->bytes != size)
        return bnf_fail(h->err, BNF_EINPUT, "%zu bytes of data, but shape %s of %s needs %zu", size, dims,
            bnf_dtype_name(h->dtype), out->bytes);
    int64_t *extents = bnf_arena_alloc(arena, h->rank, sizeof *extents);
    uint8_t *data = extents ? bnf_arena_alloc(arena, size, 1) : NULL;
    if (!data)
        return bnf_npy_fail_room(arena, h->err);
    memcpy(extents, h->dims, h->rank * sizeof *extents);
    out->dims = extents;
    out->data = data;
    if (!size)
        return BNF_OK;
    return h->fortran ? read_reordered(source, out, data, h->err) : source->read(source->context, data, size, h->err);
}

/* Takes what stands in front of the header. *begin is where that begins. */
static int take_lead(const struct bnf_npy_source *source, size_t *begin, size_t *length, struct bnf_err *err)
{
    uint8_t lead[magic_size + 2 + 4] = {0};
    size_t size = source->size, first = size < magic_size + 1 ? size : magic_size + 1;
    int status = source->read(source->context, lead, first, err);
    if (status)
        return status;
    if (first < magic_size || memcmp(lead, magic, magic_size) != 0)
        return bnf_fail(err, BNF_EINPUT, "not a NumPy array: it does not begin with '\\x93NUMPY'");
    unsigned version = lead[magic_size];
    size_t width = version == 1 ? 2 : 4;
    if (size > magic_size && (version < 1 || version > 3))
        return bnf_fail(err, BNF_EINPUT, "format version %u, allowed are 1 to 3", version);
    *begin = magic_size + 2 + width;
    if (size < *begin)
        return bnf_fail(err, BNF_EINPUT, "%zu bytes, cut off before the header", size);
    status = source->read(source->context, lead + first, *begin - first, err);
    *length = 0;
    for (size_t i = 0; i < width; i++)
        *length |= (size_t)lead[magic_size + 2 + i] << (8 * i);
    if (!status && *length > size - *begin)
        status = bnf_fail(err, BNF_EINPUT, "a header of %zu bytes, but only %zu follow", *length, size - *begin);
    if (!status && *length > most_header)
        status = bnf_fail(err, BNF_EINPUT, "a header of %zu bytes, allowed are %d", *length, most_header);
    return status;
}

int bnf_npy_take(
    const struct bnf_npy_source *source, struct bnf_arena *arena, struct bnf_tensor *out, struct bnf_err *err)
{
    size_t begin = 0, length = 0;
    int status = take_lead(source, &begin, &length, err);
    if (status)
        return status;
    char *text = bnf_alloc(length, 1); /* the parser looks at a character twice: a mapping's may change meanwhile */
    if (!text)
        return bnf_fail_memory(err);
    struct header h = {.at = text, .end = text + length, .err = err};
    status = source->read(source->context, (uint8_t *)text, length, err);
    if (!status)
        status = parse(&h);
    bnf_free(text);
    return status ? status : take_elements(&h, source, source->size - begin - length, arena, out);
}

static int read_memory(void *context, uint8_t *to, size_t size, struct bnf_err *err)
{
    const uint8_t **at = context;
    (void)err;
    if (size)
        memcpy(to, *at, size);
    *at += size;
    return BNF_OK;
}

int bnf_npy_read(
    const uint8_t *bytes, size_t size, struct bnf_arena *arena, struct bnf_tensor *out, struct bnf_err *err)
{
    const struct bnf_npy_source source = {.read = read_memory, .context = &bytes, .size = size};
    return bnf_npy_take(&source, arena, out, err);
}

int bnf_npy_head(const struct bnf_tensor *t, struct bnf_buf *head, struct bnf_err *err)
{
    const char *descr = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == t->dtype)
            descr = types[i].descr;
    if (!descr)
        return bnf_fail(err, BNF_EINPUT, "NumPy has no elements of type %s", bnf_dtype_name(t->dtype));
    struct bnf_buf text = {0};
    bnf_buf_printf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", bnf_dtype_bits(t->dtype) == 8 ? '|' : '<',
        descr);
    for (size_t i = 0; i < t->rank; i++)
        bnf_buf_printf(&text, i ? ", %" PRId64 : t->rank == 1 ? "%" PRId64 "," : "%" PRId64, t->dims[i]);
    bnf_buf_puts(&text, "), }");
    /* Blanks bring the elements to a multiple of 64, a line feed ends the header. */
    size_t before = magic_size + 4, full = (before + text.size + 1 + header_grain - 1) / header_grain * header_grain;
    for (size_t i = before + text.size + 1; i < full; i++)
        bnf_buf_puts(&text, " ");
    bnf_buf_puts(&text, "\n");
    uint8_t lead[4] = {1, 0, (uint8_t)(text.size & 255), (uint8_t)(text.size >> 8)}; /* most_extents keep it short */
    bnf_buf_add(head, magic, magic_size);
    bnf_buf_add(head, lead, sizeof lead);
    bnf_buf_add(head, text.data, text.size);
    bool failed = text.failed || head->failed;
    bnf_buf_free(&text);
    return failed ? bnf_fail_memory(err) : BNF_OK;
}

/* ---- files ---- */

static int load(const struct bnf_map *map, const struct bnf_npz_choice *choice, struct bnf_arena *arena,
    struct bnf_named_tensor **out, size_t *count, struct bnf_err *err)
{
    if (map->size >= 4 && (memcmp(map->data, "PK\3\4", 4) == 0 || memcmp(map->data, "PK\5\6", 4) == 0))
        return bnf_npz_read(map->data, map->size, choice, arena, out, count, err);
    struct bnf_named_tensor *one = bnf_arena_alloc(arena, 1, sizeof *one);
    if (!one)
        return bnf_npy_fail_room(arena, err);
    *out = one;
    *count = 1;
    return bnf_npy_read(map->data, map->size, arena, &one->tensor, err);
}

int bnf_npz_load(const char *path, const struct bnf_npz_choice *choice, struct bnf_arena *arena,
    struct bnf_named_tensor **out, size_t *count, struct bnf_err *err)
{
    struct bnf_map map;
    int status = bnf_map_open(&map, path, err);
    if (status)
        return status;
    status = load(&map, choice, arena, out, count, err);
    bnf_map_close(&map);
    char name[256];
    if (status)
        (void)bnf_fail_at(err, "cannot load '%s'", bnf_place_quote(path, strlen(path), name, sizeof name));
    return status;
}

int bnf_npy_load(const char *path, struct bnf_arena *arena, struct bnf_named_tensor **out, size_t *count,
    struct bnf_err *err)
{
    return bnf_npz_load(path, NULL, arena, out, count, err);
}
