#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One malloc per item lets the sanitizers see an overrun between neighbours; a release build packs items. */
#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_SIZE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCK_SIZE 0
#endif
#endif
#ifndef BLOCK_SIZE
#define BLOCK_SIZE ((size_t)64 * 1024)
#endif
#define ALIGNMENT ((size_t)16)

struct bnf_arena_block {
    struct bnf_arena_block *next;
    size_t size, used;
    alignas(16) unsigned char bytes[];
};

void *bnf_alloc(size_t count, size_t size)
{
    return calloc(count ? count : 1, size ? size : 1);
}

void *bnf_alloc_aligned(size_t size)
{
    if (size > SIZE_MAX - 64)
        return NULL;
    return aligned_alloc(64, size ? (size + 63) / 64 * 64 : 64);
}

void bnf_free(void *block)
{
    free(block);
}

bool bnf_same_bytes(const void *a, const void *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

bool bnf_reserve(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t room = *capacity < 8 ? 8 : *capacity;
    while (room < need) {
        if (room > SIZE_MAX / 2)
            return false;
        room *= 2;
    }
    if (room > SIZE_MAX / size)
        return false;
    void *old;
    memcpy(&old, array, sizeof old); /* array is a T ** of any T */
    unsigned char *block = realloc(old, room * size);
    if (!block)
        return false;
    memset(block + *capacity * size, 0, (room - *capacity) * size);
    memcpy(array, &block, sizeof block);
    *capacity = room;
    return true;
}

void bnf_arena_init(struct bnf_arena *arena, size_t limit)
{
    *arena = (struct bnf_arena){.limit = limit};
}

static struct bnf_arena_block *new_block(struct bnf_arena *arena, size_t size)
{
    size_t room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE;
    struct bnf_arena_block *block = malloc(sizeof *block + room);
    if (!block)
        return NULL;
    block->size = room;
    block->used = 0;
    if (room == size && arena->blocks) { /* a large item does not close the block that is being filled */
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *bnf_arena_alloc(struct bnf_arena *arena, size_t count, size_t size)
{
    arena->exhausted = false;
    if (size && count > (SIZE_MAX - ALIGNMENT - sizeof(struct bnf_arena_block)) / size)
        return NULL;
    size_t bytes = (count * size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (bytes == 0)
        bytes = ALIGNMENT;
    if (arena->limit && (bytes > arena->limit || arena->used > arena->limit - bytes)) {
        arena->exhausted = true;
        return NULL;
    }
    struct bnf_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes)
        block = new_block(arena, bytes);
    if (!block)
        return NULL;
    void *item = block->bytes + block->used;
    block->used += bytes;
    arena->used += bytes;
    return memset(item, 0, bytes);
}

char *bnf_arena_copy(struct bnf_arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = bnf_arena_alloc(arena, length + 1, 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

char *bnf_arena_format(struct bnf_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : bnf_arena_alloc(arena, (size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void bnf_arena_free(struct bnf_arena *arena)
{
    for (struct bnf_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    bnf_arena_init(arena, arena->limit);
}

void bnf_arena_reset(struct bnf_arena *arena)
{
    struct bnf_arena_block *kept = arena->blocks;
    if (!kept || kept->size != BLOCK_SIZE) {
        bnf_arena_free(arena);
        return;
    }
    arena->blocks = kept->next;
    bnf_arena_free(arena);
    kept->next = NULL;
    kept->used = 0;
    arena->blocks = kept;
}
