/* Hash tables: strings to dense ids, and 64-bit keys to 32-bit values. */
#ifndef BNF_BASE_TABLE_H
#define BNF_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An index into a dense array; BNF_NONE is no element. */
typedef uint32_t bnf_id;
#define BNF_NONE UINT32_MAX

/* 64-bit keys to ids; open addressing, grows by doubling. All-zero is an empty table. */
struct bnf_table {
    uint64_t *keys;
    bnf_id *values; /* BNF_NONE: free slot */
    size_t size, slots;
};

/* The id stored under key, or BNF_NONE. */
bnf_id bnf_table_get(const struct bnf_table *table, uint64_t key);

/* Stores value (not BNF_NONE) under key, replacing an earlier one. False when memory is out. */
bool bnf_table_put(struct bnf_table *table, uint64_t key, bnf_id value);

void bnf_table_free(struct bnf_table *table);

/* Distinct strings numbered 0, 1, 2 … in order of first appearance. Strings are borrowed, not copied. */
struct bnf_names {
    const char **text; /* by id */
    size_t count, capacity;
    bnf_id *slots;
    uint64_t *hashes; /* by id */
    size_t slot_count, hash_capacity;
    uint64_t key[2]; /* of the hashes, drawn for each table: nobody can make up names that all share a slot */
};

/* The id of text, or BNF_NONE when it was never added. */
bnf_id bnf_names_find(const struct bnf_names *names, const char *text);

/* The id of text, added if new (the table keeps the pointer). BNF_NONE when memory is out. */
bnf_id bnf_names_add(struct bnf_names *names, const char *text);

void bnf_names_free(struct bnf_names *names);

/* A 64-bit hash of bytes; equal on every machine. */
uint64_t bnf_hash(const void *bytes, size_t size);

/* Mixes a value into a running hash. */
uint64_t bnf_hash_mix(uint64_t hash, uint64_t value);

#endif
