#define _GNU_SOURCE
#include "onnx/external.h"

#include "onnx/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { quote_room = 200 };

/* What side files are found by: the spellings of their locations, and what the system tells files apart by. */
struct bnf_external_index {
    struct bnf_names locations;    /* found so far, as the tensors spell them */
    struct bnf_external **located; /* the file of each, by its id */
    size_t capacity;
    struct bnf_table inodes;       /* a location of the newest file with the inode; the others are its twins */
};

bool bnf_external_is(const Onnx__TensorProto *tensor)
{
    return tensor->has_data_location && tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

static bool parse_number(const char *text, uint64_t *value)
{
    *value = 0;
    if (!text || !*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || *value > (UINT64_MAX - (uint64_t)(*text - '0')) / 10)
            return false;
        *value = *value * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

/* Only the last of several entries of one key would count; such a file is broken. */
static int set_number(
    const Onnx__StringStringEntryProto *entry, bool *seen, uint64_t *value, struct bnf_err *err)
{
    char copy[quote_room];
    const char *text = entry->value ? entry->value : "";
    if (*seen)
        return bnf_fail(err, BNF_EINPUT, "external_data has '%s' twice", entry->key);
    *seen = true;
    if (!parse_number(text, value))
        return bnf_fail(err, BNF_EINPUT, "external_data: %s '%s' is not a decimal number below 2^64",
            entry->key, bnf_place_quote(text, strlen(text), copy, sizeof copy));
    return BNF_OK;
}

int bnf_external_parse(const Onnx__TensorProto *tensor, struct bnf_external_range *range, struct bnf_err *err)
{
    *range = (struct bnf_external_range){0};
    bool has_offset = false;
    int status = BNF_OK;
    for (size_t i = 0; i < tensor->n_external_data && !status; i++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
        const char *key = entry->key ? entry->key : "";
        if (strcmp(key, "location") == 0) {
            if (range->location)
                return bnf_fail(err, BNF_EINPUT, "external_data has 'location' twice");
            range->location = entry->value ? entry->value : "";
        } else if (strcmp(key, "offset") == 0) {
            status = set_number(entry, &has_offset, &range->offset, err);
        } else if (strcmp(key, "length") == 0) {
            status = set_number(entry, &range->has_length, &range->length, err);
        }
    }
    if (!status && (!range->location || !*range->location))
        return bnf_fail(err, BNF_EINPUT, "external_data without a location");
    return status;
}

/* Why a location is refused by its looks alone, NULL when it is not. */
static const char *bad_location(const char *location)
{
    if (location[0] == '/')
        return "an absolute path, but must lie below the model's folder";
    for (const char *part = location; *part;) {
        size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.')
            return "a path with '..', but must lie below the model's folder";
        part += length + (part[length] == '/');
    }
    return NULL;
}

enum { open_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW };

/* Opens folder/location one component at a time, following no link; for kernels without openat2. */
static int open_parts(int folder, const char *location)
{
    int at = dup(folder);
    for (const char *part = location; at >= 0;) {
        size_t length = strcspn(part, "/");
        const char *rest = part + length + strspn(part + length, "/");
        char name[NAME_MAX + 1];
        if (length >= sizeof name) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, part, length);
        name[length] = 0;
        int flags = *rest          ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                    : part[length] ? (int)open_flags | O_DIRECTORY /* a slash at the end */
                                   : (int)open_flags;
        int inner = openat(at, length ? name : ".", flags);
        int reason = errno;
        struct stat st;
        /* With O_DIRECTORY a link is "not a directory"; say what it is. */
        if (inner < 0 && reason == ENOTDIR && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(st.st_mode))
            reason = ELOOP;
        close(at);
        errno = reason;
        at = inner;
        part = rest;
        if (!*rest)
            break;
    }
    return at;
}

static int open_beneath(int folder, const char *location)
{
    struct open_how how = {.flags = open_flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long descriptor = syscall(SYS_openat2, folder, location, &how, sizeof how);
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
        return (int)descriptor;
    return open_parts(folder, location);
}

/* Opens the folder the model lies in. */
static int open_folder(const struct bnf_model *model)
{
    const char *slash = strrchr(model->path, '/');
    size_t length = slash == model->path ? 1 : slash ? (size_t)(slash - model->path) : 0;
    char *folder = bnf_alloc(length + 2, 1);
    if (!folder) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(folder, length ? model->path : ".", length ? length : 1);
    int descriptor = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int reason = errno;
    bnf_free(folder);
    errno = reason;
    return descriptor;
}

static int open_side(const struct bnf_model *model, const char *location)
{
    int folder = open_folder(model);
    if (folder < 0)
        return folder;
    int descriptor = open_beneath(folder, location);
    int reason = errno;
    close(folder);
    errno = reason;
    return descriptor;
}

/* The file with this identity if it is mapped already, else NULL. */
static struct bnf_external *find_file(const struct bnf_external_index *index, dev_t device, ino_t inode)
{
    bnf_id id = bnf_table_get(&index->inodes, inode);
    struct bnf_external *side = id == BNF_NONE ? NULL : index->located[id];
    while (side && (side->map.device != device || side->map.inode != inode))
        side = side->twin;
    return side;
}

/* Maps a file and hangs it in the model's list, so that it is unmapped in the end whatever fails from here on. */
static int map_file(struct bnf_model *model, int descriptor, const char *quoted, struct bnf_external **made,
    struct bnf_err *err)
{
    struct bnf_external *side = bnf_arena_alloc(&model->arena, 1, sizeof *side);
    if (!side)
        return bnf_fail_memory(err);
    int status = bnf_map_descriptor(&side->map, descriptor, quoted, err);
    if (status)
        return status;
    side->next = model->external;
    model->external = *made = side;
    return BNF_OK;
}

/* Finds or maps the file at a location nobody asked for before. Every spelling is opened and looked at, though the file
 * behind it may be mapped: what is refused does not depend on what came earlier. */
static int open_file(struct bnf_model *model, const char *location, const char *quoted, struct bnf_external **found,
    struct bnf_err *err)
{
    const char *refusal = bad_location(location);
    if (refusal)
        return bnf_fail(err, BNF_EINPUT, "external data '%s': %s", quoted, refusal);
    if (model->map.is_stdin || strcmp(model->path, "-") == 0)
        return bnf_fail(
            err, BNF_EINPUT, "external data '%s' of a model on standard input has no folder", quoted);
    int descriptor = open_side(model, location);
    if (descriptor < 0 && errno == ELOOP)
        return bnf_fail(
            err, BNF_EINPUT, "external data '%s': a symbolic link, which is not followed", quoted);
    if (descriptor < 0)
        return bnf_fail(err, BNF_EINPUT, "external data '%s': %s", quoted, strerror(errno));
    struct stat st;
    int status = BNF_OK;
    if (fstat(descriptor, &st) != 0)
        status = bnf_fail(err, BNF_EINPUT, "external data '%s': %s", quoted, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = bnf_fail(err, BNF_EINPUT, "external data '%s': not a regular file", quoted);
    else if (st.st_nlink > 1)
        status = bnf_fail(err, BNF_EINPUT, "external data '%s': the file has %ju hard links, allowed is 1",
            quoted, (uintmax_t)st.st_nlink);
    else if (!(*found = find_file(model->external_index, st.st_dev, st.st_ino)))
        status = map_file(model, descriptor, quoted, found, err);
    close(descriptor);
    return status;
}

static bool ready_index(struct bnf_model *model)
{
    if (!model->external_index)
        model->external_index = bnf_arena_alloc(&model->arena, 1, sizeof *model->external_index);
    return model->external_index;
}

/* Makes the file the one at this location, and one that other spellings find. */
static int remember(struct bnf_model *model, const char *location, struct bnf_external *side, struct bnf_err *err)
{
    struct bnf_external_index *index = model->external_index;
    const char *copy = bnf_arena_copy(&model->arena, location, strlen(location));
    size_t count = index->locations.count;
    if (!copy || !bnf_reserve(&index->located, &index->capacity, count + 1, sizeof *index->located))
        return bnf_fail_memory(err);
    bnf_id id = bnf_names_add(&index->locations, copy);
    if (id == BNF_NONE)
        return bnf_fail_memory(err);
    index->located[id] = side;
    if (find_file(index, side->map.device, side->map.inode))
        return BNF_OK;
    bnf_id other = bnf_table_get(&index->inodes, side->map.inode);
    side->twin = other == BNF_NONE ? NULL : index->located[other];
    return bnf_table_put(&index->inodes, side->map.inode, id) ? BNF_OK : bnf_fail_memory(err);
}

int bnf_external_preset(struct bnf_model *model, const char *location, int descriptor, struct bnf_err *err)
{
    struct bnf_external *side = NULL;
    if (!ready_index(model))
        return bnf_fail_memory(err);
    int status = map_file(model, descriptor, location, &side, err);
    return status ? status : remember(model, location, side, err);
}

static int find_side(struct bnf_model *model, const char *location, const char *quoted,
    struct bnf_external **found, struct bnf_err *err)
{
    if (!ready_index(model))
        return bnf_fail_memory(err);
    bnf_id id = bnf_names_find(&model->external_index->locations, location);
    if (id != BNF_NONE) {
        *found = model->external_index->located[id];
        return BNF_OK;
    }
    int status = open_file(model, location, quoted, found, err);
    return status ? status : remember(model, location, *found, err);
}

int bnf_external_bytes(struct bnf_model *model, const struct bnf_external_range *range, size_t size,
    const uint8_t **bytes, struct bnf_err *err)
{
    char quoted[quote_room];
    bnf_place_quote(range->location, strlen(range->location), quoted, sizeof quoted);
    struct bnf_external *side = NULL;
    int status = find_side(model, range->location, quoted, &side, err);
    if (status)
        return status;
    if (range->offset > side->map.size || size > side->map.size - range->offset)
        return bnf_fail(err, BNF_EINPUT,
            "external data '%s': %zu bytes at offset %" PRIu64 " are wanted, but the file has %zu", quoted,
            size, range->offset, side->map.size);
    *bytes = side->map.data + range->offset;
    return BNF_OK;
}

bool bnf_external_holds(const struct bnf_model *model, const void *address)
{
    for (const struct bnf_external *side = model->external; side; side = side->next)
        if ((uintptr_t)address - (uintptr_t)side->map.data < side->map.size)
            return true;
    return false;
}

void bnf_external_close(struct bnf_model *model)
{
    for (struct bnf_external *side = model->external; side; side = side->next)
        bnf_map_close(&side->map);
    model->external = NULL;
    if (!model->external_index)
        return;
    bnf_names_free(&model->external_index->locations);
    bnf_free(model->external_index->located);
    bnf_table_free(&model->external_index->inodes);
    model->external_index = NULL;
}
