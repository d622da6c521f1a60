/* The archive around NumPy's arrays; npy.h is the face of both, save for who wants some arrays of an archive only. */
#ifndef BNF_ONNX_NPZ_H
#define BNF_ONNX_NPZ_H

#include "base/buf.h"
#include "base/table.h"
#include "onnx/npy.h"

/* Is told which arrays an archive has before any is read, and chooses: sets wanted[i] for the one whose name has the
 * id i, which is its index, too. They are false before. */
struct bnf_npz_choice {
    void (*choose)(void *context, const struct bnf_names *names, bool *wanted);
    void *context;
};

/* bnf_npy_load, but of an archive only the arrays chosen are read: of the others *out has the names, their tensors are
 * all zero. The one array of a .npy is always read. Without a choice (NULL) all are. BNF_ELIMIT, too. */
int bnf_npz_load(const char *path, const struct bnf_npz_choice *choice, struct bnf_arena *arena,
    struct bnf_named_tensor **out, size_t *count, struct bnf_err *err);

/* ---- between the files ---- */

/* Reads the arrays chosen of an archive in memory. BNF_EINPUT, BNF_ENOMEM; BNF_ELIMIT where they need more memory than
 * the arena has left, which is looked at before any is read. The sentence names the array. */
int bnf_npz_read(const uint8_t *bytes, size_t size, const struct bnf_npz_choice *choice, struct bnf_arena *arena,
    struct bnf_named_tensor **out, size_t *count, struct bnf_err *err);

/* Where a .npy comes from: `size` bytes, of which each call of `read` gives the next ones, once. */
struct bnf_npy_source {
    int (*read)(void *context, uint8_t *to, size_t size, struct bnf_err *err);
    void *context;
    size_t size;
};

/* bnf_npy_read from a source: its elements go to the arena at once, and are nowhere else. */
int bnf_npy_take(const struct bnf_npy_source *source, struct bnf_arena *arena, struct bnf_tensor *out,
    struct bnf_err *err);

/* The answer to a NULL from the arena: BNF_ELIMIT where its limit is the reason, else BNF_ENOMEM. */
int bnf_npy_fail_room(const struct bnf_arena *arena, struct bnf_err *err);

/* Appends what stands in front of the tensor's elements in a .npy. BNF_EINPUT, BNF_ENOMEM. */
int bnf_npy_head(const struct bnf_tensor *tensor, struct bnf_buf *head, struct bnf_err *err);

#endif
