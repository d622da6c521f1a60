#define _GNU_SOURCE
#include "base/file.h"

#include "base/leftovers.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t nothing[1];

int bnf_map_descriptor(struct bnf_map *map, int descriptor, const char *name, struct bnf_err *err)
{
    *map = (struct bnf_map){0};
    struct stat st;
    if (fstat(descriptor, &st) != 0)
        return bnf_fail(err, BNF_EIO, "cannot read '%s': %s", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bnf_fail(err, BNF_EIO, "cannot read '%s': not a regular file", name);
    map->data = nothing;
    map->size = (size_t)st.st_size;
    map->device = st.st_dev;
    map->inode = st.st_ino;
    if (st.st_size == 0)
        return BNF_OK;
    void *data = mmap(NULL, map->size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED)
        return bnf_fail(err, BNF_EIO, "cannot map '%s': %s", name, strerror(errno));
    map->data = data;
    return BNF_OK;
}

/* Why a write failed. Bytes that are no longer there are those of a mapped input, which has become shorter. */
static const char *write_failure(int reason)
{
    return reason == EFAULT ? "an input became shorter, or its disk failed, meanwhile" : strerror(reason);
}

int bnf_write_all(int descriptor, const void *bytes, size_t size, const char *name, struct bnf_err *err)
{
    const char *at = bytes;
    while (size) {
        ssize_t done = write(descriptor, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return bnf_fail(err, BNF_EIO, "cannot write '%s': %s", name, write_failure(errno));
        at += done;
        size -= (size_t)done;
    }
    return BNF_OK;
}

static int copy_stdin(int to, struct bnf_err *err)
{
    char chunk[65536];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return bnf_fail(err, BNF_EIO, "cannot read standard input: %s", strerror(errno));
        if (got == 0)
            return BNF_OK;
        int status = bnf_write_all(to, chunk, (size_t)got, "temporary copy of standard input", err);
        if (status)
            return status;
    }
}

static int open_stdin(struct bnf_map *map, struct bnf_err *err)
{
    FILE *copy = tmpfile();
    if (!copy)
        return bnf_fail(err, BNF_EIO, "cannot make a temporary copy of standard input: %s", strerror(errno));
    int status = copy_stdin(fileno(copy), err);
    if (!status)
        status = bnf_map_descriptor(map, fileno(copy), "standard input", err);
    fclose(copy);
    map->is_stdin = true;
    return status;
}

int bnf_map_open(struct bnf_map *map, const char *path, struct bnf_err *err)
{
    *map = (struct bnf_map){0};
    if (strcmp(path, "-") == 0)
        return open_stdin(map, err);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not make us wait */
    if (descriptor < 0)
        return bnf_fail(err, BNF_EIO, "cannot open '%s': %s", path, strerror(errno));
    int status = bnf_map_descriptor(map, descriptor, path, err);
    close(descriptor);
    return status;
}

void bnf_map_close(struct bnf_map *map)
{
    if (map->size)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (struct bnf_map){0};
}

void bnf_map_rest(const struct bnf_map *map)
{
    if (map->size)
        (void)madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

bool bnf_map_is(const struct bnf_map *map, const char *path)
{
    struct stat st;
    return map->data && !map->is_stdin && stat(path, &st) == 0 && st.st_dev == map->device &&
           st.st_ino == map->inode;
}

/* The directory part of path with its slash, "./" when there is none. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 2;
    char *directory = bnf_alloc(length + 1, 1);
    if (directory)
        memcpy(directory, slash ? path : "./", length);
    return directory;
}

/* A name next to path that does not exist yet; `attempt` makes tries differ. */
static char *neighbour(const char *path, unsigned attempt)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    size_t room = strlen(path) + 64;
    char *name = bnf_alloc(room, 1);
    if (name)
        snprintf(name, room, "%.*s.%s.%ld.%u.tmp", (int)folder, path, path + folder, (long)getpid(), attempt);
    return name;
}

enum { attempts = 100 };

/* Signals wait meanwhile: a file with a name must be noted. */
static int open_named(struct bnf_out *out, mode_t mode)
{
    for (unsigned i = 0; i < attempts; i++) {
        char *name = neighbour(out->path, i);
        if (!name)
            return ENOMEM;
        sigset_t before;
        bnf_signals_hold(&before);
        out->descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        int reason = out->descriptor >= 0 ? 0 : errno;
        if (!reason) {
            out->temporary = name;
            out->note = bnf_leftover_note(name);
        }
        bnf_signals_release(&before);
        if (!reason)
            return 0;
        bnf_free(name);
        if (reason != EEXIST)
            return reason;
    }
    return EEXIST;
}

int bnf_out_open(struct bnf_out *out, const char *path, struct bnf_err *err)
{
    *out = (struct bnf_out){.descriptor = -1};
    struct stat st, link;
    bool exists = stat(path, &st) == 0;
    if (!exists && errno != ENOENT) /* links in a circle, a folder that is none or is closed to us */
        return bnf_fail(err, BNF_EIO, "cannot write '%s': %s", path, strerror(errno));
    if (exists && !S_ISREG(st.st_mode))
        return bnf_fail(err, BNF_EIO, "cannot write '%s': not a regular file", path);
    /* A replaced file passes its permissions on; through a symbolic link the file it names is replaced. */
    mode_t mode = exists ? st.st_mode & 0777 : 0666;
    bool is_link = exists && lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    char *resolved = is_link ? realpath(path, NULL) : NULL;
    if (is_link && !resolved)
        return bnf_fail(err, BNF_EIO, "cannot write '%s': %s", path, strerror(errno));
    const char *target = resolved ? resolved : path;
    size_t length = strlen(target);
    out->path = bnf_alloc(length + 1, 1);
    if (out->path)
        memcpy(out->path, target, length);
    free(resolved);
    char *directory = out->path ? directory_of(out->path) : NULL;
    if (!directory) {
        bnf_out_discard(out);
        return bnf_fail_memory(err);
    }
    out->descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    int reason = out->descriptor >= 0 ? 0 : errno;
    bnf_free(directory);
    if (reason == EOPNOTSUPP || reason == EISDIR || reason == EINVAL)
        reason = open_named(out, mode);
    if (reason) {
        bnf_out_discard(out);
        return bnf_fail(err, BNF_EIO, "cannot write '%s': %s", path, strerror(reason));
    }
    if (exists)
        (void)fchmod(out->descriptor, mode); /* past the umask; failing that, the plain mode is fine too */
    return BNF_OK;
}

void bnf_out_reserve(const struct bnf_out *out, uint64_t size)
{
    if (size)
        (void)fallocate(out->descriptor, 0, 0, (off_t)size);
}

int bnf_out_write(const struct bnf_out *out, const void *bytes, size_t size, uint64_t offset, struct bnf_err *err)
{
    const char *at = bytes;
    while (size) {
        ssize_t done = pwrite(out->descriptor, at, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return bnf_fail(err, BNF_EIO, "cannot write '%s': %s", out->path, write_failure(done ? errno : ENOSPC));
        at += done;
        size -= (size_t)done;
        offset += (uint64_t)done;
    }
    return BNF_OK;
}

/* Gives the nameless file a name next to its target; straight to the target when nothing is there. */
static int give_name(struct bnf_out *out, bool *arrived)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", out->descriptor);
    *arrived = false;
    if (linkat(AT_FDCWD, self, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) == 0) {
        *arrived = true;
        return 0;
    }
    int reason = errno;
    for (unsigned i = 0; reason == EEXIST && i < attempts; i++) {
        char *name = neighbour(out->path, i);
        if (!name)
            return ENOMEM;
        if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) {
            out->temporary = name;
            return 0;
        }
        reason = errno;
        bnf_free(name);
    }
    return reason;
}

static int flush_directory(const char *path)
{
    char *directory = directory_of(path);
    if (!directory)
        return ENOMEM;
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int reason = descriptor < 0 || fsync(descriptor) != 0 ? errno : 0;
    if (descriptor >= 0)
        close(descriptor);
    bnf_free(directory);
    return reason;
}

/* The temporary name names nothing any more. */
static void drop_name(struct bnf_out *out)
{
    bnf_leftover_forget(out->note);
    bnf_free(out->temporary);
    out->temporary = NULL;
    out->note = 0;
}

/* Puts the file where it belongs. Signals wait meanwhile: between its two names it would be left behind. */
static int appear(struct bnf_out *out)
{
    sigset_t before;
    bnf_signals_hold(&before);
    bool arrived = false;
    int reason = out->temporary ? 0 : give_name(out, &arrived);
    if (!reason && !arrived && rename(out->temporary, out->path) != 0)
        reason = errno;
    if (reason && out->temporary)
        unlink(out->temporary);
    drop_name(out);
    bnf_signals_release(&before);
    return reason;
}

int bnf_out_commit(struct bnf_out *out, bool flush, struct bnf_err *err)
{
    int reason = flush && fsync(out->descriptor) != 0 ? errno : 0;
    if (!reason)
        reason = appear(out);
    if (!reason && flush)
        reason = flush_directory(out->path);
    int status = reason ? bnf_fail(err, BNF_EIO, "cannot write '%s': %s", out->path, strerror(reason)) : BNF_OK;
    bnf_out_discard(out);
    return status;
}

void bnf_out_discard(struct bnf_out *out)
{
    if (out->temporary)
        unlink(out->temporary);
    if (out->descriptor >= 0)
        close(out->descriptor);
    drop_name(out);
    bnf_free(out->path);
    *out = (struct bnf_out){.descriptor = -1};
}
