/* Files: read-only mappings, and outputs that appear whole or not at all. */
#ifndef BNF_BASE_FILE_H
#define BNF_BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A file mapped for reading. */
struct bnf_map {
    const uint8_t *data; /* size bytes; never NULL while open, not even for an empty file */
    size_t size;
    dev_t device; /* with inode: which file it is, through all links */
    ino_t inode;
    bool is_stdin;
};

/* Maps the file at path, or standard input for "-" (copied to an unlinked temporary file first, so that a pipe can
 * be mapped too). Only regular files are mapped. BNF_EIO with a sentence that names the path. */
int bnf_map_open(struct bnf_map *map, const char *path, struct bnf_err *err);

/* Maps what an open descriptor refers to; `name` is for the error sentence. The descriptor may be closed after. */
int bnf_map_descriptor(struct bnf_map *map, int descriptor, const char *name, struct bnf_err *err);

void bnf_map_close(struct bnf_map *map);

/* An output file in the making. It has no name of its own where the file system allows that (O_TMPFILE), so that
 * even a killed process leaves nothing behind; elsewhere a temporary name in the same directory. */
struct bnf_out {
    int descriptor;
    char *path;      /* where it will appear */
    char *temporary; /* its name until then, NULL when it has none */
    int note;        /* of that name, for when the process is interrupted */
};

/* Begins writing the file that will appear at path, in the same directory. BNF_EIO. */
int bnf_out_open(struct bnf_out *out, const char *path, struct bnf_err *err);

/* Says how large the output will be, so that the file system can lay it out in one go. Where it cannot, or has no room
 * for it, nothing happens: writing tells. */
void bnf_out_reserve(const struct bnf_out *out, uint64_t size);

/* Writes size bytes at an offset, all of them, through interruptions and short writes. BNF_EIO. Thread-safe. */
int bnf_out_write(const struct bnf_out *out, const void *bytes, size_t size, uint64_t offset, struct bnf_err *err);

/* Makes the finished output appear at its path, replacing an older file atomically; with `flush` the file is forced to
 * disk before that and its directory after it. On failure nothing is left and the older file stays. BNF_EIO. */
int bnf_out_commit(struct bnf_out *out, bool flush, struct bnf_err *err);

enum { BNF_OUTS_MOST = 2 };

/* The same for up to BNF_OUTS_MOST outputs, of which the last refers to the others. They appear in order. When one of the
 * others replaces an older file, all older ones go out of the way before, the last first: whoever looks in between finds
 * no last one, and never one next to the others' wrong versions. On failure all is as it was before. */
int bnf_outs_commit(struct bnf_out *const *outs, size_t count, bool flush, struct bnf_err *err);

/* Gives the output up: nothing is left on disk, an older file at path stays as it was. Fine after commit, too. */
void bnf_out_discard(struct bnf_out *out);

/* Writes size bytes to a stream descriptor such as standard output. BNF_EIO. */
int bnf_write_all(int descriptor, const void *bytes, size_t size, const char *name, struct bnf_err *err);

/* Asks for what writing to a stream descriptor has put off; the descriptor stays open. BNF_EIO. */
int bnf_write_end(int descriptor, const char *name, struct bnf_err *err);

/* Gives back the memory that the pages of a mapping take in this process. Its bytes stay readable: the next look at one
 * finds it in the page cache. Fine while other threads read. */
void bnf_map_rest(const struct bnf_map *map);

/* True when path exists and is the very file that map shows (same device and inode). */
bool bnf_map_is(const struct bnf_map *map, const char *path);

#endif
