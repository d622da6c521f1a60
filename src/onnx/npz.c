#include "onnx/npz.h"

#include "base/file.h"
#include "base/table.h"
#include "onnx/place.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>
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

/* What is read of an archive. Its directory is in libzip's own memory: what is checked of that stays so. */
struct archive {
    zip_t *zip;
    size_t size; /* of the archive */
    struct bnf_arena *arena;
    struct bnf_named_tensor *arrays;
    size_t count;
    struct bnf_names names; /* ids are indices of arrays */
    size_t *sizes;          /* of the arrays' files, unpacked */
    bool *wanted;
};

static int fail_array(const struct archive *a, size_t index, struct bnf_err *err)
{
    const char *name = zip_get_name(a->zip, index, 0);
    char quoted[160];
    return bnf_fail_at(err, "'%s'", bnf_place_quote(name ? name : "", name ? strlen(name) : 0, quoted, sizeof quoted));
}

/* How large an array's file is. *left is what those before it leave of the archive's bytes: files that overlap could each
 * hold all later ones, and many of these are more than any limit of a single one would tell. */
static int measure(struct archive *a, size_t index, size_t *left, struct bnf_err *err)
{
    struct zip_stat stat;
    zip_stat_init(&stat);
    if (zip_stat_index(a->zip, index, 0, &stat) || !(stat.valid & ZIP_STAT_SIZE) || !(stat.valid & ZIP_STAT_COMP_SIZE))
        return bnf_fail(err, BNF_EINPUT, "the archive does not say how long it is");
    if (stat.comp_size > a->size || stat.size > stat.comp_size * most_gain + slack)
        return bnf_fail(err, BNF_EINPUT, "%" PRIu64 " bytes made from %" PRIu64 " in an archive of %zu", stat.size,
            stat.comp_size, a->size);
    if (stat.comp_size > *left)
        return bnf_fail(err, BNF_EINPUT, "%" PRIu64 " bytes where those before it leave %zu of an archive of %zu",
            stat.comp_size, *left, a->size);
    *left -= (size_t)stat.comp_size;
    a->sizes[index] = (size_t)stat.size;
    return BNF_OK;
}

static int list_array(struct archive *a, size_t index, size_t *left, struct bnf_err *err)
{
    const char *name = zip_get_name(a->zip, index, 0);
    size_t length = name ? strlen(name) : 0, tail = sizeof suffix - 1;
    if (length <= tail || memcmp(name + length - tail, suffix, tail) != 0)
        return bnf_fail(err, BNF_EINPUT, "a file in the archive that is no .npy");
    a->arrays[index].name = bnf_arena_copy(a->arena, name, length - tail);
    if (!a->arrays[index].name)
        return bnf_npy_fail_room(a->arena, err);
    bnf_id id = bnf_names_add(&a->names, a->arrays[index].name);
    if (id == BNF_NONE)
        return bnf_fail_memory(err);
    return id == index ? measure(a, index, left, err) : bnf_fail(err, BNF_EINPUT, "the archive has it twice");
}

static int list_arrays(struct archive *a, struct bnf_err *err)
{
    zip_int64_t entries = zip_get_num_entries(a->zip, 0);
    a->count = entries > 0 ? (size_t)entries : 0;
    a->arrays = bnf_arena_alloc(a->arena, a->count, sizeof *a->arrays);
    if (!a->arrays)
        return bnf_npy_fail_room(a->arena, err);
    a->sizes = bnf_alloc(a->count, sizeof *a->sizes);
    a->wanted = bnf_alloc(a->count, sizeof *a->wanted);
    int status = a->sizes && a->wanted ? BNF_OK : bnf_fail_memory(err);
    size_t left = a->size;
    for (size_t i = 0; i < a->count && !status; i++) {
        status = list_array(a, i, &left, err);
        if (status)
            (void)fail_array(a, i, err);
    }
    return status;
}

static int choose_arrays(struct archive *a, const struct bnf_npz_choice *choice, struct bnf_err *err)
{
    size_t need = a->arena->used, most = a->arena->limit;
    if (choice)
        choice->choose(choice->context, &a->names, a->wanted);
    for (size_t i = 0; i < a->count; i++) {
        a->wanted[i] |= !choice;
        need += a->wanted[i] ? a->sizes[i] : 0;
    }
    if (most && need > most)
        return bnf_fail(err, BNF_ELIMIT, "its arrays need %zu bytes of memory, allowed are %zu", need, most);
    return BNF_OK;
}

static int read_bytes(void *context, uint8_t *to, size_t size, struct bnf_err *err)
{
    while (size) {
        zip_int64_t got = zip_fread(context, to, size);
        if (got <= 0)
            return bnf_fail(err, BNF_EINPUT, "it cannot be unpacked: %s",
                got ? zip_file_strerror(context) : "it is shorter than the archive says");
        to += got;
        size -= (size_t)got;
    }
    return BNF_OK;
}

static int read_array(struct archive *a, size_t index, struct bnf_err *err)
{
    zip_file_t *file = zip_fopen_index(a->zip, index, 0);
    if (!file)
        return bnf_fail(err, BNF_EINPUT, "it cannot be unpacked: %s", zip_strerror(a->zip));
    const struct bnf_npy_source source = {.read = read_bytes, .context = file, .size = a->sizes[index]};
    int status = bnf_npy_take(&source, a->arena, &a->arrays[index].tensor, err);
    uint8_t more;
    zip_int64_t got = status ? 0 : zip_fread(file, &more, 1); /* this one checks the CRC */
    if (got)
        status = bnf_fail(err, BNF_EINPUT, "it cannot be unpacked: %s",
            got < 0 ? zip_file_strerror(file) : "it is longer than the archive says");
    zip_fclose(file);
    return status;
}

static int read_archive(struct archive *a, const struct bnf_npz_choice *choice, struct bnf_err *err)
{
    int status = list_arrays(a, err);
    if (!status)
        status = choose_arrays(a, choice, err);
    for (size_t i = 0; i < a->count && !status; i++) {
        status = a->wanted[i] ? read_array(a, i, err) : BNF_OK;
        if (status)
            (void)fail_array(a, i, err);
    }
    bnf_names_free(&a->names);
    bnf_free(a->sizes);
    bnf_free(a->wanted);
    return status;
}

int bnf_npz_read(const uint8_t *bytes, size_t size, const struct bnf_npz_choice *choice, struct bnf_arena *arena,
    struct bnf_named_tensor **out, size_t *count, struct bnf_err *err)
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
    struct archive archive = {.zip = zip, .size = size, .arena = arena};
    int status = read_archive(&archive, choice, err);
    zip_discard(zip);
    *out = archive.arrays;
    *count = archive.count;
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

/* Where a finished archive goes, piece by piece: a file in the making, or standard output. */
struct target {
    struct bnf_out out;
    bool is_stream;
};

static const char stream_name[] = "standard output";

static int put_piece(const struct target *target, const uint8_t *bytes, size_t size, uint64_t offset, struct bnf_err *err)
{
    return target->is_stream ? bnf_write_all(STDOUT_FILENO, bytes, size, stream_name, err)
                             : bnf_out_write(&target->out, bytes, size, offset, err);
}

static int end_target(struct target *target, struct bnf_err *err)
{
    return target->is_stream ? bnf_write_end(STDOUT_FILENO, stream_name, err) : bnf_out_commit(&target->out, false, err);
}

/* Copies a finished archive from memory to its file. */
static int write_source(zip_source_t *source, const char *path, struct bnf_err *err)
{
    enum { piece = 1 << 20 };
    struct target target = {.out = {.descriptor = -1}, .is_stream = strcmp(path, "-") == 0};
    int status = target.is_stream ? BNF_OK : bnf_out_open(&target.out, path, err);
    if (status)
        return status;
    uint8_t *bytes = bnf_alloc_aligned(piece);
    if (!bytes || zip_source_open(source))
        status = bnf_fail_memory(err);
    zip_int64_t got = 0;
    for (uint64_t offset = 0; !status && (got = zip_source_read(source, bytes, piece)) > 0; offset += (uint64_t)got)
        status = put_piece(&target, bytes, (size_t)got, offset, err);
    if (!status && got < 0)
        status = bnf_fail(err, BNF_EIO, "the archive cannot be read back: %s",
            zip_error_strerror(zip_source_error(source)));
    if (!status)
        status = end_target(&target, err);
    bnf_free(bytes);
    bnf_out_discard(&target.out);
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
