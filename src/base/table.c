#define _GNU_SOURCE
#include "base/table.h"

#include "base/mem.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

uint64_t bnf_hash_mix(uint64_t hash, uint64_t value)
{
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return hash;
}

uint64_t bnf_hash(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = bnf_hash_mix(0x51ed270b0d5c7a3bu, size);
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = bnf_hash_mix(hash, word);
    }
    uint64_t tail = 0;
    if (size)
        memcpy(&tail, at, size);
    return bnf_hash_mix(hash, tail);
}

static size_t table_slot(const struct bnf_table *table, uint64_t key)
{
    size_t slot = (size_t)bnf_hash_mix(key, 1) & (table->slots - 1);
    while (table->values[slot] != BNF_NONE && table->keys[slot] != key)
        slot = (slot + 1) & (table->slots - 1);
    return slot;
}

bnf_id bnf_table_get(const struct bnf_table *table, uint64_t key)
{
    return table->slots ? table->values[table_slot(table, key)] : BNF_NONE;
}

static bool table_grow(struct bnf_table *table)
{
    struct bnf_table bigger = {.slots = table->slots ? table->slots * 2 : 16, .size = table->size};
    bigger.keys = bnf_alloc(bigger.slots, sizeof *bigger.keys);
    bigger.values = bnf_alloc(bigger.slots, sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        bnf_table_free(&bigger);
        return false;
    }
    memset(bigger.values, 0xff, bigger.slots * sizeof *bigger.values);
    for (size_t i = 0; i < table->slots; i++) {
        if (table->values[i] == BNF_NONE)
            continue;
        size_t slot = table_slot(&bigger, table->keys[i]);
        bigger.keys[slot] = table->keys[i];
        bigger.values[slot] = table->values[i];
    }
    bnf_table_free(table);
    *table = bigger;
    return true;
}

bool bnf_table_put(struct bnf_table *table, uint64_t key, bnf_id value)
{
    if (table->size * 2 >= table->slots && !table_grow(table))
        return false;
    size_t slot = table_slot(table, key);
    if (table->values[slot] == BNF_NONE)
        table->size++;
    table->keys[slot] = key;
    table->values[slot] = value;
    return true;
}

void bnf_table_free(struct bnf_table *table)
{
    bnf_free(table->keys);
    bnf_free(table->values);
    *table = (struct bnf_table){0};
}

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3: without the key equal hashes cannot be had but by chance. */
static uint64_t keyed_hash(const uint64_t key[2], const char *text)
{
    size_t size = strlen(text);
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
        key[1] ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)size << 56;
    for (; size >= 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        sip_word(v, word);
    }
    for (size_t i = 0; i < size; i++)
        last |= (uint64_t)(unsigned char)text[i] << 8 * i;
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Nothing that is printed or written depends on the key: ids are numbered by appearance. */
static void draw_key(uint64_t key[2])
{
    if (getrandom(key, 2 * sizeof *key, GRND_NONBLOCK) == 2 * (ssize_t)sizeof *key)
        return;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    key[0] = bnf_hash_mix((uint64_t)now.tv_nsec, (uint64_t)(uintptr_t)key);
    key[1] = bnf_hash_mix(key[0], (uint64_t)now.tv_sec);
}

static size_t names_slot(const struct bnf_names *names, uint64_t hash, const char *text)
{
    size_t slot = (size_t)hash & (names->slot_count - 1);
    for (;; slot = (slot + 1) & (names->slot_count - 1)) {
        bnf_id id = names->slots[slot];
        if (id == BNF_NONE || (names->hashes[id] == hash && strcmp(names->text[id], text) == 0))
            return slot;
    }
}

bnf_id bnf_names_find(const struct bnf_names *names, const char *text)
{
    if (!names->slot_count)
        return BNF_NONE;
    return names->slots[names_slot(names, keyed_hash(names->key, text), text)];
}

static bool names_grow(struct bnf_names *names)
{
    size_t count = names->slot_count ? names->slot_count * 2 : 64;
    if (!names->slot_count)
        draw_key(names->key);
    bnf_id *slots = bnf_alloc(count, sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xff, count * sizeof *slots);
    for (bnf_id id = 0; id < names->count; id++) {
        size_t slot = (size_t)names->hashes[id] & (count - 1);
        while (slots[slot] != BNF_NONE)
            slot = (slot + 1) & (count - 1);
        slots[slot] = id;
    }
    bnf_free(names->slots);
    names->slots = slots;
    names->slot_count = count;
    return true;
}

bnf_id bnf_names_add(struct bnf_names *names, const char *text)
{
    if (names->count * 2 >= names->slot_count && !names_grow(names))
        return BNF_NONE;
    uint64_t hash = keyed_hash(names->key, text);
    size_t slot = names_slot(names, hash, text);
    if (names->slots[slot] != BNF_NONE)
        return names->slots[slot];
    if (names->count >= BNF_NONE - 1 ||
        !bnf_reserve(&names->text, &names->capacity, names->count + 1, sizeof *names->text) ||
        !bnf_reserve(&names->hashes, &names->hash_capacity, names->count + 1, sizeof *names->hashes))
        return BNF_NONE;
    bnf_id id = (bnf_id)names->count++;
    names->text[id] = text;
    names->hashes[id] = hash;
    names->slots[slot] = id;
    return id;
}

void bnf_names_free(struct bnf_names *names)
{
    bnf_free(names->text);
    bnf_free(names->hashes);
    bnf_free(names->slots);
    *names = (struct bnf_names){0};
}
