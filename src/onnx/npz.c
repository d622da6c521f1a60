#include "onnx/npz.h"

#include "base/file.h"
#include "onnx/place.h"

#include <inttypes.h>
#include <string.h>
#include <zip.h>

/* Deflate makes at most this much of one byte; an archive that claims more lies. */
enum { most_gain = 1032, slack = 4096 };
static const char suffix[] = ".npy";

/* ---- reading ---- */

static int fail_zip(struct bnf_err *err, int status, const char *what, zip_error_t *error)
{
    (void)bnf_fail(err, status, "%s: %s", what, zip_error_strerror(error));
    zip_error_fini(error);
    return status;
}

/* The whole of a file in the archive, into a heap block that the caller frees. */
static int read_entry(zip_t *zip, zip_uint64_t index, size_t archive, uint8_t **out, size_t *size, struct bnf_err *err)
{
    struct zip_stat stat;
    zip_stat_init(&stat);
    if (zip_stat_index(zip, index, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE))
        return bnf_fail(err, BNF_EINPUT, "the archive does not say how long it is");
    if (stat.comp_size > archive || stat.size > stat.comp_size * most_gain + slack)
        return bnf_fail(err, BNF_EINPUT, "%" PRIu64 " bytes made from %" PRIu64 " in an archive of %zu", stat.size,
            stat.comp_size, archive);
    *size = (size_t)stat.size;
    *out = bnf_alloc_aligned(*size);
    if (!*out)
        return bnf_fail_memory(err);
    zip_file_t *file = zip_fopen_index(zip, index, 0);
    zip_int64_t got = file ? zip_fread(file, *out, *size) : -1;
    uint8_t more;
    bool whole = got >= 0 && (size_t)got == *size && zip_fread(file, &more, 1) == 0; /* this one checks the CRC */
    int status = BNF_OK;
    if (!whole)
        status = bnf_fail(err, BNF_EINPUT, "it cannot be unpacked: %s",
            file ? zip_file_strerror(file) : zip_strerror(zip));
    if (file)
        zip_fclose(file);
    return status;
}

static int read_array(zip_t *zip, zip_uint64_t index, size_t archive, struct bnf_arena *arena,
    struct bnf_named_tensor *out, struct bnf_err *err)
{
    const char *name = zip_get_name(zip, index, 0);
    size_t length = name ? strlen(name) : 0, tail = sizeof suffix - 1;
    char quoted[160];
    bnf_place_quote(name ? name : "", length, quoted, sizeof quoted);
    if (length <= tail || memcmp(name + length - tail, suffix, tail) != 0)
        return bnf_fail(err, BNF_EINPUT, "'%s' in the archive is no .npy", quoted);
    out->name = bnf_arena_copy(arena, name, length - tail);
    uint8_t *bytes = NULL;
    size_t size = 0;
    int status = out->name ? read_entry(zip, index, archive, &bytes, &size, err) : bnf_fail_memory(err);
    if (!status)
        status = bnf_npy_read(bytes, size, arena, &out->tensor, err);
    bnf_free(bytes);
    if (status)
        (void)bnf_fail_at(err, "'%s'", quoted);
    return status;
}

static int read_arrays(zip_t *zip, size_t archive, struct bnf_arena *arena, struct bnf_named_tensor **out,
    size_t *count, struct bnf_err *err)
{
    zip_int64_t entries = zip_get_num_entries(zip, 0);
    *count = entries > 0 ? (size_t)entries : 0;
    *out = bnf_arena_alloc(arena, *count, sizeof **out);
    int status = *out ? BNF_OK : bnf_fail_memory(err);
    for (size_t i = 0; i < *count && !status; i++) {
        status = read_array(zip, i, archive, arena, &(*out)[i], err);
        for (size_t j = 0; j < i && !status; j++)
            if (strcmp((*out)[j].name, (*out)[i].name) == 0)
                status = bnf_fail(err, BNF_EINPUT, "the archive has '%s' twice", (*out)[i].name);
    }
    return status;
}

int bnf_npz_read(const uint8_t *bytes, size_t size, struct bnf_arena *arena, struct bnf_named_tensor **out,
    size_t *count, struct bnf_err *err)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    if (!zip) {
        zip_source_free(source);
        return fail_zip(err, BNF_EINPUT, "not a readable archive", &error);
    }
    zip_error_fini(&error);
    int status = read_arrays(zip, size, arena, out, count, err);
    zip_discard(zip);
    return status;
}

/* ---- writing ---- */

/* Adds one array: its header from `head`, its elements from where they are. Both must live until the archive closes. */
static int add_array(zip_t *zip, const struct bnf_named_tensor *array, const struct bnf_buf *head, struct bnf_err *err)
{
    enum { midnight = 0, first_of_1980 = 1 << 5 | 1 }; /* the earliest time a zip can say */
    zip_buffer_fragment_t parts[] = {
        {(zip_uint8_t *)(uintptr_t)head->data, head->size},
        {(zip_uint8_t *)(uintptr_t)array->tensor.data, array->tensor.bytes},
    };
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_fragment_create(parts, array->tensor.bytes ? 2 : 1, 0, &error);
    if (!source)
        return fail_zip(err, BNF_ENOMEM, "an archive cannot be made", &error);
    zip_error_fini(&error);
    struct bnf_buf name = {0};
    bnf_buf_printf(&name, "%s%s", array->name ? array->name : "arr_0", suffix);
    bool has_name = !name.failed;
    zip_int64_t index = has_name ? zip_file_add(zip, bnf_buf_text(&name), source, ZIP_FL_ENC_UTF_8) : -1;
    bnf_buf_free(&name);
    if (index < 0) {
        zip_source_free(source);
        if (!has_name)
            return bnf_fail_memory(err);
        return bnf_fail(err, BNF_EINPUT, "it cannot be put into an archive: %s", zip_strerror(zip));
    }
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, midnight, first_of_1980, 0))
        return bnf_fail(err, BNF_EINPUT, "it cannot be put into an archive: %s", zip_strerror(zip));
    return BNF_OK;
}

/* Copies a finished archive from memory to its file. */
static int write_source(zip_source_t *source, const char *path, struct bnf_err *err)
{
    enum { piece = 1 << 20 };
    struct bnf_out out;
    int status = bnf_out_open(&out, path, err);
    if (status)
        return status;
    uint8_t *bytes = bnf_alloc_aligned(piece);
    if (!bytes || zip_source_open(source))
        status = bnf_fail_memory(err);
    zip_int64_t got = 0;
    for (uint64_t offset = 0; !status && (got = zip_source_read(source, bytes, piece)) > 0; offset += (uint64_t)got)
        status = bnf_out_write(&out, bytes, (size_t)got, offset, err);
    if (!status && got < 0)
        status = bnf_fail(err, BNF_EIO, "the archive cannot be read back: %s",
            zip_error_strerror(zip_source_error(source)));
    if (!status)
        status = bnf_out_commit(&out, false, err);
    bnf_free(bytes);
    bnf_out_discard(&out);
    return status;
}

static int add_arrays(zip_t *zip, const struct bnf_named_tensor *arrays, size_t count, struct bnf_buf *heads,
    struct bnf_err *err)
{
    for (size_t i = 0; i < count; i++) {
        int status = bnf_npy_head(&arrays[i].tensor, &heads[i], err);
        if (!status)
            status = add_array(zip, &arrays[i], &heads[i], err);
        if (status) {
            char quoted[160];
            const char *name = arrays[i].name ? arrays[i].name : "";
            (void)bnf_fail_at(err, "array '%s'", bnf_place_quote(name, strlen(name), quoted, sizeof quoted));
            return status;
        }
    }
    return BNF_OK;
}

int bnf_npz_save(const char *path, const struct bnf_named_tensor *arrays, size_t count, struct bnf_err *err)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, &error) : NULL;
    struct bnf_buf *heads = bnf_alloc(count, sizeof *heads);
    if (!zip || !heads) {
        if (zip)
            zip_discard(zip);
        else
            zip_source_free(source);
        bnf_free(heads);
        zip_error_fini(&error);
        return bnf_fail_memory(err);
    }
    zip_error_fini(&error);
    zip_source_keep(source); /* outlives the archive: its bytes are the result */
    int status = add_arrays(zip, arrays, count, heads, err);
    if (!status && zip_close(zip))
        status = bnf_fail(err, BNF_EIO, "the archive cannot be finished: %s", zip_strerror(zip));
    else if (!status)
        zip = NULL;
    if (zip)
        zip_discard(zip);
    if (!status)
        status = write_source(source, path, err);
    zip_source_free(source);
    for (size_t i = 0; i < count; i++)
        bnf_buf_free(&heads[i]);
    bnf_free(heads);
    return status;
}
