/* Arrays: the values of a run. Floating types are held as the arm's own number type (float or double), every integer
 * type and bool as int64_t, strings as pointers. */
#ifndef BNF_EVAL_ARRAY_H
#define BNF_EVAL_ARRAY_H

#include "base/mem.h"
#include "onnx/tensor.h"

enum bnf_kind {
    BNF_KIND_REAL,     /* float16, bfloat16, float, double: data is float * or double *, by the arm's precision */
    BNF_KIND_INT,      /* integers and bool (0 or 1): data is int64_t *, within the range of dtype; uint64 by its bits */
    BNF_KIND_TEXT,     /* string: data is const char **, terminated, borrowed from the run's arena */
    BNF_KIND_SEQUENCE, /* data is struct bnf_array **, count elements, each held once */
    BNF_KIND_NOTHING,  /* an optional without value */
};

enum bnf_precision { BNF_PRECISION_FLOAT, BNF_PRECISION_DOUBLE };

enum { bnf_most_rank = 16 };

/* Reference-counted; not changed once somebody else may see it. */
struct bnf_array {
    enum bnf_kind kind;
    enum bnf_precision precision; /* of a REAL's elements */
    int dtype;                    /* the element type it stands for */
    size_t rank, count;
    int64_t dims[bnf_most_rank];
    void *data;                 /* 64-byte aligned unless it borrows; count elements; row-major */
    struct bnf_array *owner;    /* whose block data lies in; NULL: its own, or borrowed from elsewhere */
    bool borrowed;              /* data is not ours to free */
    unsigned references;
};

enum { bnf_spare_blocks = 24 };

/* How many bytes arrays hold now and held at most, and how many they may hold; and how much has been computed, in
 * multiplications or what takes about as long, and how much may be. Shared by the arrays of one run. Blocks of dropped
 * arrays are kept for the next ones: fresh memory costs a page fault every 4 KiB, which is a tenth of the time of a small
 * network. */
struct bnf_budget {
    size_t used, peak, limit; /* limit 0: none */
    bool exhausted;           /* the limit, not the machine, was the reason of the last NULL */
    double work, most_work;   /* most_work 0: none */
    struct bnf_block_spare {
        void *data;
        size_t size;
    } spare[bnf_spare_blocks];
};

/* Frees the spare blocks. */
void bnf_budget_clear(struct bnf_budget *budget);

/* The kind that an element type is held as. */
enum bnf_kind bnf_kind_of(int dtype);

/* Bytes of one element of that kind. */
size_t bnf_kind_size(enum bnf_kind kind, enum bnf_precision precision);

/* A new array with one reference and elements not set; NULL when memory (or the budget) is out or the volume overflows.
 * rank ≤ bnf_most_rank is the caller's to check. */
struct bnf_array *bnf_array_new(struct bnf_budget *budget, int dtype, enum bnf_precision precision, size_t rank,
    const int64_t *dims);

/* Another view of the same elements with other extents of the same volume (and another type of the same kind). It
 * keeps `from` alive. NULL when memory is out. */
struct bnf_array *bnf_array_view(struct bnf_budget *budget, struct bnf_array *from, int dtype, size_t rank,
    const int64_t *dims);

/* One more reference (returns its argument), one less; the last frees. NULL is fine. */
struct bnf_array *bnf_array_hold(struct bnf_array *array);
void bnf_array_drop(struct bnf_budget *budget, struct bnf_array *array);

/* An array with the elements of a stored tensor; float tensors in the float arm borrow the bytes where these are
 * aligned. NULL when memory is out. Not for strings and types without value. */
struct bnf_array *bnf_array_from_tensor(struct bnf_budget *budget, const struct bnf_tensor *tensor,
    enum bnf_precision precision);

/* Element `index` of an INT array as a double. */
double bnf_array_integer_at(const struct bnf_array *array, size_t index);

/* Element `index` of a REAL or INT array as a double. */
static inline double bnf_array_at(const struct bnf_array *array, size_t index)
{
    if (array->kind != BNF_KIND_REAL)
        return bnf_array_integer_at(array, index);
    return array->precision == BNF_PRECISION_FLOAT ? (double)((const float *)array->data)[index]
                                                   : ((const double *)array->data)[index];
}

/* Rounds the elements of a REAL array of float16 or bfloat16 to these types, in place: what storage between two
 * operators does. Other arrays stay as they are. */
void bnf_array_round(struct bnf_array *array);

/* A number brought into the range of an integer type by dropping high bits, as casts in C do; bool: 0 or 1. */
int64_t bnf_int_wrap(int dtype, int64_t number);

#endif
