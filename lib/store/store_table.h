/* store_table.h - one table of the embedded store: slots in the mapped file, found through a private index.
 *
 * Bounded:   at max_entries (or when the file system has no room for more) the most idle of a few sampled entries leaves.
 * Updates:   table_write_begin ... table_write_end frame every change of a slot; a slot left in between is dropped at the next open.
 * Pointers:  to slots live until the next table_insert, which may evict; hashes come from siphash under the file's key.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_TABLE_H
#define GATEPOST_STORE_TABLE_H

#include "lib/store/store_file.h"

struct slab {
    struct slab_head *head;      /* in the map */
    char *slots;                 /* in the map */
    uint32_t backed;             /* slots the file system has given memory for */
    uint32_t *free_list;         /* private stack of unused slots below head->used */
    size_t free_count, free_cap;
};

struct index_entry {
    uint32_t tag;                /* of the hash; its low bits are the home position */
    uint32_t ref;                /* class and slot number, from 1; 0: empty */
};

struct table {
    struct slab slabs[SLOT_CLASSES];
    struct index_entry *index;
    size_t index_size;           /* a power of two */
    size_t count, max_entries;
    size_t sweep_at;
    int fd;
    const struct hash_key *key;  /* of the hashes */
    uint64_t evicted, refused;
};

/* Takes over what the file holds already; entries that are not sound, expired or there twice are dropped.  Returns how many were damaged. */
size_t table_open(struct table *t, enum store_table_id id, const struct store_map *map, size_t max_entries, int64_t now_ms);
void table_close(struct table *t);

/* What a table_find will need is fetched from memory meanwhile: its place in the index, then (once that has come) its slot. */
void table_prefetch(const struct table *t, uint64_t hash);
void table_prefetch_slot(const struct table *t, uint64_t hash);
/* NULL: not there.  Whether it has expired is the caller's question. */
struct slot *table_find(const struct table *t, uint64_t hash, span key);
/* A slot for a key that is not there, with room for data_bytes; inside table_write_begin, expires_ms and the data to be filled in.
 * NULL: no memory for it. */
struct slot *table_insert(struct table *t, uint64_t hash, span key, size_t data_bytes);
void table_remove(struct table *t, uint64_t hash, struct slot *s);   /* hash: of its key */

static inline void table_write_begin(struct slot *s)
{
    __atomic_store_n(&s->check, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void table_write_end(struct slot *s)
{
    __atomic_store_n(&s->check, slot_check(s), __ATOMIC_RELEASE);
}

/* Drops what has expired from the next `steps` places of the index. */
void table_sweep(struct table *t, size_t steps, int64_t now_ms);
/* Visits the live slots of one class from `from` on, at most `steps` places; visit returns false to stop.  The place to go on at, or UINT32_MAX. */
uint32_t table_walk(const struct table *t, size_t class, uint32_t from, uint32_t steps, bool (*visit)(struct slot *s, void *arg), void *arg);

#endif
