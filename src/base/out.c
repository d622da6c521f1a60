/* Outputs that appear whole or not at all. */
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
#include <sys/stat.h>
#include <unistd.h>

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

/* Closes another descriptor of the same file, which is when file systems of other machines tell of a full disk. */
static int close_other(int descriptor)
{
    int other = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (other < 0)
        return errno;
    return close(other) != 0 && errno != EINTR ? errno : 0;
}

int bnf_write_end(int descriptor, const char *name, struct bnf_err *err)
{
    int reason = close_other(descriptor);
    return reason ? bnf_fail(err, BNF_EIO, "cannot write '%s': %s", name, strerror(reason)) : BNF_OK;
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

/* A name of this process's next to path. A long one is cut, so that it is none too long with what comes to it. */
static char *neighbour(const char *path, const char *before, unsigned attempt, const char *after)
{
    enum { most = 200 };
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    size_t room = strlen(path) + 64;
    char *name = bnf_alloc(room, 1);
    if (name)
        snprintf(name, room, "%.*s%s%.*s.%ld.%u.%s", (int)folder, path, before, most, path + folder, (long)getpid(),
            attempt, after);
    return name;
}

enum { attempts = 100 };

/* Signals wait meanwhile: a file with a name must be noted. */
static int open_named(struct bnf_out *out, mode_t mode)
{
    for (unsigned i = 0; i < attempts; i++) {
        char *name = neighbour(out->path, ".", i, "tmp");
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
        char *name = neighbour(out->path, ".", i, "tmp");
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

/* Asks for what writing has put off, before an older file is touched; with `flush` it is on the disk then. */
static int settle(const struct bnf_out *out, bool flush)
{
    if (flush)
        return fsync(out->descriptor) != 0 ? errno : 0;
    return close_other(out->descriptor);
}

/* One of the files that appear together. */
struct place {
    struct bnf_out *out;
    char *older;  /* another name of the file that was there, NULL when there is none */
    bool is_away; /* its own name is free */
    bool appeared;
    int folder; /* a descriptor, when the folder is to be flushed; else -1 */
};

static int open_folder(struct place *place)
{
    char *directory = directory_of(place->out->path);
    if (!directory)
        return ENOMEM;
    place->folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int reason = place->folder < 0 ? errno : 0;
    bnf_free(directory);
    return reason;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void forget_older(struct place *place)
{
    bnf_free(place->older);
    place->older = NULL;
}

/* Gives an older file a second name, or with `away` another one. */
static int keep_older(struct place *place, bool away)
{
    const char *path = place->out->path;
    if (!is_there(path))
        return 0;
    for (unsigned i = 0; i < attempts; i++) {
        bnf_free(place->older);
        place->older = neighbour(path, "", i, "old");
        if (!place->older || !is_there(place->older))
            break;
    }
    if (!place->older)
        return ENOMEM;
    if (!away && link(path, place->older) == 0)
        return 0;
    place->is_away = true; /* also where a file can have one name only */
    if (rename(path, place->older) == 0)
        return 0;
    int reason = errno;
    forget_older(place);
    return reason;
}

/* Older files come back, the last one last; where there was none there is none again. */
static void take_back(struct place *places, size_t count)
{
    for (size_t i = count; i-- > 0;)
        if (places[i].appeared && (!places[i].older || count > 1))
            unlink(places[i].out->path);
    for (size_t i = 0; i < count; i++)
        if (places[i].older && (places[i].is_away || places[i].appeared) &&
            rename(places[i].older, places[i].out->path) != 0)
            forget_older(&places[i]); /* better under this name than not at all */
}

static int appear_all(struct place *places, size_t count, bool flush, const char **path)
{
    bool is_taken = false;
    int reason = 0;
    for (size_t i = 0; i + 1 < count; i++)
        is_taken = is_taken || is_there(places[i].out->path);
    for (size_t i = count; i-- > 0 && !reason;) {
        *path = places[i].out->path;
        reason = is_taken || (flush && i + 1 == count) ? keep_older(&places[i], is_taken) : 0;
    }
    for (size_t i = 0; i < count && !reason; i++) {
        *path = places[i].out->path;
        reason = appear(places[i].out);
        places[i].appeared = !reason;
    }
    for (size_t i = 0; i < count && !reason && flush; i++) {
        *path = places[i].out->path;
        reason = fsync(places[i].folder) != 0 ? errno : 0;
    }
    if (reason)
        take_back(places, count);
    return reason;
}

int bnf_outs_commit(struct bnf_out *const *outs, size_t count, bool flush, struct bnf_err *err)
{
    struct place places[BNF_OUTS_MOST];
    const char *path = NULL;
    int reason = 0;
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){.out = outs[i], .folder = -1};
    for (size_t i = 0; i < count && !reason; i++) {
        path = outs[i]->path;
        reason = settle(outs[i], flush);
        if (!reason && flush)
            reason = open_folder(&places[i]);
    }
    sigset_t before;
    bnf_signals_hold(&before);
    if (!reason)
        reason = appear_all(places, count, flush, &path);
    for (size_t i = 0; i < count; i++)
        if (places[i].older)
            unlink(places[i].older); /* one that came back has no second name any more */
    bnf_signals_release(&before);
    int status = reason ? bnf_fail(err, BNF_EIO, "cannot write '%s': %s", path, strerror(reason)) : BNF_OK;
    for (size_t i = 0; i < count; i++) {
        if (places[i].folder >= 0)
            close(places[i].folder);
        bnf_free(places[i].older);
        bnf_out_discard(outs[i]);
    }
    return status;
}

int bnf_out_commit(struct bnf_out *out, bool flush, struct bnf_err *err)
{
    return bnf_outs_commit(&out, 1, flush, err);
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
