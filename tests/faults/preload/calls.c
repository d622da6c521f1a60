/* Stands between a program and the C library (LD_PRELOAD), and lets file systems be as bad as they can be:
 *
 *   CALLS_FAIL=N          the N-th call fails, with the error number CALLS_ERRNO (5, EIO)
 *   CALLS_COUNT=FILE      the number of calls goes to FILE when the program ends by itself
 *   CALLS_SHORT=1         every third read or write is interrupted, the others move at most 4099 bytes
 *   CALLS_NO_TMPFILE=1    no file without a name can be made
 *   CALLS_NO_OPENAT2=1    a kernel that does not have it
 *   CALLS_SHORTEN=FILE    as soon as FILE is mapped it loses its bytes
 *   CALLS_STOP=MILLISECONDS  a pause before every write, so that a signal finds the program between two of them */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int calls, moves;

static int setting(const char *name)
{
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

/* True when this call is the one that fails. */
static bool fails(void)
{
    int number = atomic_fetch_add(&calls, 1) + 1;
    if (number != setting("CALLS_FAIL"))
        return false;
    int reason = setting("CALLS_ERRNO");
    errno = reason ? reason : EIO;
    return true;
}

/* For calls that move bytes: true when this one is interrupted; else *size becomes what it moves. */
static bool is_interrupted(size_t *size)
{
    int pause = setting("CALLS_STOP");
    if (pause)
        nanosleep(&(struct timespec){.tv_nsec = pause * 1000000L}, NULL);
    if (!setting("CALLS_SHORT"))
        return false;
    if (*size > 4099)
        *size = 4099;
    errno = EINTR;
    return atomic_fetch_add(&moves, 1) % 3 == 0;
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("CALLS_COUNT");
    int (*plain)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    char text[32];
    int length = snprintf(text, sizeof text, "%d\n", atomic_load(&calls));
    int file = path ? plain(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (file >= 0 && syscall(SYS_write, file, text, (size_t)length) == length)
        close(file);
}

/* The C library's function of that name and this type. */
#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    if ((flags & O_TMPFILE) == O_TMPFILE && setting("CALLS_NO_TMPFILE")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return fails() ? -1 : REAL(int, open, const char *, int, ...)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    return fails() ? -1 : REAL(int, openat, int, const char *, int, ...)(folder, path, flags, mode);
}

long syscall(long number, ...)
{
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_openat2 && setting("CALLS_NO_OPENAT2")) {
        errno = ENOSYS;
        return -1;
    }
    if (number == SYS_openat2 && fails())
        return -1;
    return REAL(long, syscall, long, ...)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

ssize_t read(int file, void *bytes, size_t size)
{
    if (fails() || is_interrupted(&size))
        return -1;
    return REAL(ssize_t, read, int, void *, size_t)(file, bytes, size);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    if (fails() || is_interrupted(&size))
        return -1;
    return REAL(ssize_t, write, int, const void *, size_t)(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    if (fails() || is_interrupted(&size))
        return -1;
    return REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(file, bytes, size, offset);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    if (fails() || is_interrupted(&size))
        return -1;
    return REAL(ssize_t, pread, int, void *, size_t, off_t)(file, bytes, size, offset);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags)
{
    if (fails() || is_interrupted(&size))
        return -1;
    return REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)(
        from, from_at, to, to_at, size, flags);
}

static void shorten(int file)
{
    const char *path = getenv("CALLS_SHORTEN");
    struct stat mapped, wanted;
    if (path && REAL(int, stat, const char *, struct stat *)(path, &wanted) == 0 &&
        REAL(int, fstat, int, struct stat *)(file, &mapped) == 0 && mapped.st_ino == wanted.st_ino &&
        truncate(path, 0) != 0)
        abort();
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (file < 0) /* memory; tests/faults/alloc.c is for that */
        return REAL(void *, mmap, void *, size_t, int, int, int, off_t)(at, size, protection, flags, file, offset);
    if (fails())
        return MAP_FAILED;
    void *map = REAL(void *, mmap, void *, size_t, int, int, int, off_t)(at, size, protection, flags, file, offset);
    shorten(file);
    return map;
}

int fstat(int file, struct stat *st)
{
    return fails() ? -1 : REAL(int, fstat, int, struct stat *)(file, st);
}

int stat(const char *path, struct stat *st)
{
    return fails() ? -1 : REAL(int, stat, const char *, struct stat *)(path, st);
}

int lstat(const char *path, struct stat *st)
{
    return fails() ? -1 : REAL(int, lstat, const char *, struct stat *)(path, st);
}

char *realpath(const char *path, char *resolved)
{
    return fails() ? NULL : REAL(char *, realpath, const char *, char *)(path, resolved);
}

FILE *tmpfile(void)
{
    return fails() ? NULL : REAL(FILE *, tmpfile, void)();
}

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    return fails() ? -1 : REAL(int, linkat, int, const char *, int, const char *, int)(from, old, to, new, flags);
}

int link(const char *old, const char *new)
{
    return fails() ? -1 : REAL(int, link, const char *, const char *)(old, new);
}

int unlink(const char *path)
{
    return fails() ? -1 : REAL(int, unlink, const char *)(path);
}

int rename(const char *old, const char *new)
{
    return fails() ? -1 : REAL(int, rename, const char *, const char *)(old, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return fails() ? -1
                   : REAL(int, renameat2, int, const char *, int, const char *, unsigned)(from, old, to, new, flags);
}

int fsync(int file)
{
    return fails() ? -1 : REAL(int, fsync, int)(file);
}

/* The descriptor is gone all the same: what fails is the writing that had been put off. */
int close(int file)
{
    bool told = fails();
    int reason = errno, status = REAL(int, close, int)(file);
    if (told)
        errno = reason;
    return told ? -1 : status;
}

int fallocate(int file, int mode, off_t offset, off_t size)
{
    return fails() ? -1 : REAL(int, fallocate, int, int, off_t, off_t)(file, mode, offset, size);
}

int ftruncate(int file, off_t size)
{
    return fails() ? -1 : REAL(int, ftruncate, int, off_t)(file, size);
}

int mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : REAL(int, mkdir, const char *, mode_t)(path, mode);
}
