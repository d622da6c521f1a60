/* NumPy's files: .npy holds one array, .npz is a zip archive of these. */
#ifndef BNF_ONNX_NPY_H
#define BNF_ONNX_NPY_H

#include "base/mem.h"
#include "onnx/tensor.h"

/* One array of an archive. */
struct bnf_named_tensor {
    const char *name; /* of its file without ".npy"; NULL for a .npy */
    struct bnf_tensor tensor;
};

/* Reads the array of a .npy of `size` bytes: format versions 1 to 3, little-endian float16, float, double, signed and
 * unsigned integers, bool; in C or Fortran order (the tensor is in C order). Its elements are copied to the arena, where
 * they are aligned to 16. BNF_EINPUT for anything else, and for bytes too many or too few; BNF_ENOMEM, BNF_ELIMIT. The sentence
 * names no file. */
int bnf_npy_read(const uint8_t *bytes, size_t size, struct bnf_arena *arena, struct bnf_tensor *out,
    struct bnf_err *err);

/* Reads a .npy, or all of a .npz in the archive's order, told apart by content, into the arena. *out gets *count arrays
 * (a .npy: 1, without name). BNF_EIO, BNF_EINPUT, BNF_ENOMEM, BNF_ELIMIT; the sentence names the file, and the array in it. */
int bnf_npy_load(const char *path, struct bnf_arena *arena, struct bnf_named_tensor **out, size_t *count,
    struct bnf_err *err);

/* Writes arrays as a .npz, not compressed and without time stamps: same arrays, same bytes. An older file is replaced
 * atomically; "-" is standard output. BNF_EINPUT for element types NumPy does not have (bfloat16, strings …); BNF_EIO, BNF_ENOMEM. */
int bnf_npz_save(
    const char *path, const struct bnf_named_tensor *arrays, size_t count, struct bnf_err *err);

#endif
