/* Memory: the only place that calls malloc. Heap blocks, growable arrays, and arenas. */
#ifndef BNF_BASE_MEM_H
#define BNF_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count × size zeroed bytes on the heap, NULL when that overflows or memory is out. The caller frees. */
void *bnf_alloc(size_t count, size_t size);

/* size bytes on the heap, aligned to 64 and not zeroed; NULL when memory is out. The caller frees with bnf_free. */
void *bnf_alloc_aligned(size_t size);

/* Frees what bnf_alloc, bnf_alloc_aligned or bnf_reserve gave; NULL is fine. */
void bnf_free(void *block);

/* Makes room for at least `need` elements of `size` bytes in the heap array *array of capacity *capacity (both
 * start as NULL and 0), at least doubling it. New room is zeroed. False when memory is out; the array is then as
 * it was. The caller frees the array with bnf_free. */
bool bnf_reserve(void *array, size_t *capacity, size_t need, size_t size);

/* The same `size` bytes? Where there are none, either may be NULL. */
bool bnf_same_bytes(const void *a, const void *b, size_t size);

/* A region whose blocks all die together. */
struct bnf_arena {
    struct bnf_arena_block *blocks; /* newest first */
    size_t used;                    /* bytes given out, rounding included */
    size_t limit;                   /* most bytes that may be given out; 0: no limit */
    bool exhausted;                 /* the limit, not the machine, was the reason of the last NULL */
};

/* An empty arena that gives out at most `limit` bytes (0: no limit). Nothing is allocated yet. */
void bnf_arena_init(struct bnf_arena *arena, size_t limit);

/* count × size zeroed bytes, 16-byte aligned, alive until bnf_arena_free. NULL on overflow, limit or no memory. */
void *bnf_arena_alloc(struct bnf_arena *arena, size_t count, size_t size);

/* A terminated copy of the first `length` bytes of text; NULL as above. */
char *bnf_arena_copy(struct bnf_arena *arena, const char *text, size_t length);

/* A formatted string; NULL as above. */
char *bnf_arena_format(struct bnf_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees every block; the arena is empty and usable again. */
void bnf_arena_free(struct bnf_arena *arena);

/* The same for an arena that is about to be used again: one block stays for that. */
void bnf_arena_reset(struct bnf_arena *arena);

#endif
