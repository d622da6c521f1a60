#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
    map->device = st.st_dev;
    map->inode = st.st_ino;
    if (st.st_size == 0)
        return BNF_OK;
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED)
        return bnf_fail(err, BNF_EIO, "cannot map '%s': %s", name, strerror(errno));
    map->data = data;
    map->size = (size_t)st.st_size;
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
