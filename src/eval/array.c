#include "eval/array.h"

#include "base/err.h"

#include <string.h>

enum bnf_kind bnf_kind_of(int dtype)
{
    if (bnf_dtype_is_float(dtype))
        return BNF_KIND_REAL;
    return dtype == BNF_DTYPE_STRING ? BNF_KIND_TEXT : BNF_KIND_INT;
}

size_t bnf_kind_size(enum bnf_kind kind, enum bnf_precision precision)
{
    switch (kind) {
    case BNF_KIND_REAL:
        return precision == BNF_PRECISION_FLOAT ? sizeof(float) : sizeof(double);
    case BNF_KIND_INT:
        return sizeof(int64_t);
    case BNF_KIND_TEXT:
    case BNF_KIND_SEQUENCE:
        return sizeof(void *);
    case BNF_KIND_NOTHING:
        break;
    }
    return 1;
}

static size_t bytes_of(const struct bnf_array *a)
{
    return a->count * bnf_kind_size(a->kind, a->precision);
}

static bool charge(struct bnf_budget *budget, size_t bytes)
{
    budget->exhausted = budget->limit && (bytes > budget->limit || budget->used > budget->limit - bytes);
    if (budget->exhausted)
        return false;
    budget->used += bytes;
    if (budget->used > budget->peak)
        budget->peak = budget->used;
    return true;
}

void bnf_budget_clear(struct bnf_budget *budget)
{
    for (size_t i = 0; i < bnf_spare_blocks; i++) {
        bnf_free(budget->spare[i].data);
        budget->spare[i] = (struct bnf_block_spare){0};
    }
}

/* Small blocks are malloc's business. */
enum { smallest_spare = 1 << 15 };

/* A block of at least `size` bytes: a spare one that is not much larger, or a new one. */
static void *take_block(struct bnf_budget *budget, size_t size)
{
    struct bnf_block_spare *best = NULL;
    for (size_t i = 0; i < bnf_spare_blocks && size >= smallest_spare; i++) {
        struct bnf_block_spare *s = &budget->spare[i];
        if (s->data && s->size >= size && s->size / 2 <= size && (!best || s->size < best->size))
            best = s;
    }
    if (!best)
        return bnf_alloc_aligned(size);
    void *data = best->data;
    *best = (struct bnf_block_spare){0};
    return data;
}

/* Keeps a block, in place of the smallest one kept so far if there is no room. The size is what the array used: the
 * block may be larger, but never smaller. */
static void give_block(struct bnf_budget *budget, void *data, size_t size)
{
    struct bnf_block_spare *place = &budget->spare[0];
    for (size_t i = 0; i < bnf_spare_blocks; i++) {
        struct bnf_block_spare *s = &budget->spare[i];
        if (!s->data || (place->data && s->size < place->size))
            place = s;
        if (!place->data)
            break;
    }
    if (size < smallest_spare || (place->data && place->size >= size)) {
        bnf_free(data);
        return;
    }
    bnf_free(place->data);
    *place = (struct bnf_block_spare){data, size};
}

static struct bnf_array *header(int dtype, enum bnf_precision precision, size_t rank, const int64_t *dims)
{
    struct bnf_array *a = bnf_alloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->kind = bnf_kind_of(dtype);
    a->precision = precision;
    a->dtype = dtype;
    a->rank = rank;
    a->references = 1;
    if (rank)
        memcpy(a->dims, dims, rank * sizeof *dims);
    return a;
}

struct bnf_array *bnf_array_new(struct bnf_budget *budget, int dtype, enum bnf_precision precision, size_t rank,
    const int64_t *dims)
{
    size_t count;
    if (rank > bnf_most_rank || !bnf_volume(dims, rank, &count))
        return NULL;
    struct bnf_array *a = header(dtype, precision, rank, dims);
    if (!a)
        return NULL;
    a->count = count;
    size_t size = bnf_kind_size(a->kind, precision);
    if (count > SIZE_MAX / size || !charge(budget, bytes_of(a))) {
        bnf_free(a);
        return NULL;
    }
    a->data = take_block(budget, bytes_of(a));
    if (!a->data) {
        budget->used -= bytes_of(a);
        bnf_free(a);
        return NULL;
    }
    return a;
}

struct bnf_array *bnf_array_view(struct bnf_budget *budget, struct bnf_array *from, int dtype, size_t rank,
    const int64_t *dims)
{
    (void)budget; /* a view holds no elements of its own */
    struct bnf_array *a = header(dtype, from->precision, rank, dims);
    if (!a)
        return NULL;
    a->kind = from->kind;
    a->count = from->count;
    a->data = from->data;
    a->owner = bnf_array_hold(from);
    return a;
}

struct bnf_array *bnf_array_hold(struct bnf_array *array)
{
    if (array)
        array->references++;
    return array;
}

void bnf_array_drop(struct bnf_budget *budget, struct bnf_array *array)
{
    while (array && --array->references == 0) {
        struct bnf_array *owner = array->owner;
        if (array->kind == BNF_KIND_SEQUENCE && !owner) {
            struct bnf_array **elements = array->data;
            for (size_t i = 0; i < array->count; i++)
                bnf_array_drop(budget, elements[i]);
        }
        if (!owner && !array->borrowed && array->data) {
            budget->used -= bytes_of(array);
            give_block(budget, array->data, bytes_of(array));
        }
        bnf_free(array);
        array = owner;
    }
}

/* Element `index` of an integer tensor. Types below a byte share one, the first element in the low bits. */
static int64_t stored_integer(const struct bnf_tensor *t, size_t index)
{
    unsigned bits = bnf_dtype_bits(t->dtype);
    int64_t number = 0;
    if (!bnf_dtype_is_integer(t->dtype))
        bnf_bug("this element type has no value as an integer");
    if (bits >= 8) {
        memcpy(&number, t->data + index * (bits / 8), bits / 8);
        return bnf_int_wrap(t->dtype, number);
    }
    size_t at = index * bits;
    number = t->data[at / 8] >> (at % 8) & ((1 << bits) - 1);
    bool is_signed = t->dtype == BNF_DTYPE_INT4 || t->dtype == BNF_DTYPE_INT2;
    return is_signed && number >> (bits - 1) ? number - ((int64_t)1 << bits) : number;
}

struct bnf_array *bnf_array_from_tensor(struct bnf_budget *budget, const struct bnf_tensor *t,
    enum bnf_precision precision)
{
    bool same = (t->dtype == BNF_DTYPE_FLOAT && precision == BNF_PRECISION_FLOAT) ||
                (t->dtype == BNF_DTYPE_DOUBLE && precision == BNF_PRECISION_DOUBLE);
    size_t size = precision == BNF_PRECISION_FLOAT ? sizeof(float) : sizeof(double);
    if (t->rank > bnf_most_rank)
        return NULL;
    if (same && (uintptr_t)t->data % size == 0) {
        struct bnf_array *a = header(t->dtype, precision, t->rank, t->dims);
        if (!a)
            return NULL;
        a->count = t->count;
        a->data = (void *)(uintptr_t)t->data;
        a->borrowed = true;
        return a;
    }
    struct bnf_array *a = bnf_array_new(budget, t->dtype, precision, t->rank, t->dims);
    double x[512];
    for (size_t done = 0; a && a->kind == BNF_KIND_REAL && done < t->count; done += 512) {
        size_t n = t->count - done < 512 ? t->count - done : 512;
        bnf_to_double(t->dtype, t->data, done, n, x);
        if (precision == BNF_PRECISION_DOUBLE)
            memcpy((double *)a->data + done, x, n * sizeof *x);
        else
            for (size_t i = 0; i < n; i++)
                ((float *)a->data)[done + i] = (float)x[i];
    }
    for (size_t i = 0; a && a->kind == BNF_KIND_INT && i < t->count; i++)
        ((int64_t *)a->data)[i] = stored_integer(t, i);
    return a;
}

double bnf_array_integer_at(const struct bnf_array *array, size_t index)
{
    if (array->kind != BNF_KIND_INT)
        bnf_bug("only numbers have a value as a double");
    int64_t number = ((const int64_t *)array->data)[index];
    return array->dtype == BNF_DTYPE_UINT64 ? (double)(uint64_t)number : (double)number;
}

void bnf_array_round(struct bnf_array *array)
{
    if (array->dtype != BNF_DTYPE_FLOAT16 && array->dtype != BNF_DTYPE_BFLOAT16)
        return;
    for (size_t i = 0; i < array->count; i++) {
        double rounded = bnf_round(array->dtype, bnf_array_at(array, i));
        if (array->precision == BNF_PRECISION_FLOAT)
            ((float *)array->data)[i] = (float)rounded;
        else
            ((double *)array->data)[i] = rounded;
    }
}

int64_t bnf_int_wrap(int dtype, int64_t number)
{
    switch (dtype) {
    case BNF_DTYPE_BOOL:
        return number != 0;
    case BNF_DTYPE_INT8:
        return (int8_t)number;
    case BNF_DTYPE_UINT8:
        return (uint8_t)number;
    case BNF_DTYPE_INT16:
        return (int16_t)number;
    case BNF_DTYPE_UINT16:
        return (uint16_t)number;
    case BNF_DTYPE_INT32:
        return (int32_t)number;
    case BNF_DTYPE_UINT32:
        return (uint32_t)number;
    }
    return number;
}
