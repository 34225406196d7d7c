/* store_file.h - the file behind the embedded store: a head and rows of fixed-size slots, mapped into memory.
 *
 * The same form serves twice: as the mapped file in the run directory (sparse, shared mapping, outlives the process) and as
 * the copy on disk (only what is in use).  Nothing else is in it: indexes and free lists are private and made anew.
 * Crash:     a slot's `check` is 0 while it is written, so that a slot whose writer was killed is dropped, and only that one.
 * Foreign:   a reader believes no length or offset before store_file_check and slot_sound said so.
 * Time:      slots carry store time (ms): wall time of the day the store was made, driven by the monotonic clock, over
 *            restarts too; so a step of the wall clock ages nothing.  Only a reboot's pause is taken from the wall clock, at most
 *            STORE_PAUSE_MAX_MS of it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_FILE_H
#define GATEPOST_STORE_FILE_H

#include "lib/base/errtext.h"
#include "lib/base/rand.h"
#include "lib/base/span.h"

enum store_table_id { TABLE_LIMITS, TABLE_ONCE, TABLE_GREY, TABLE_VALUES, TABLE_COUNT };
enum { SLOT_CLASSES = 7, SLAB_COUNT = TABLE_COUNT * SLOT_CLASSES, SLOT_BYTES_MAX = 5120, STORE_FILE_VERSION = 2 };
#define STORE_PAUSE_MAX_MS ((int64_t)7 * 86400 * 1000)

extern const uint32_t slot_bytes_of_class[SLOT_CLASSES];

struct slot {
    uint32_t check;         /* over all but itself and used_s; 0: free, or being written */
    uint32_t used_s;        /* store time in seconds of the last use */
    int64_t expires_ms;
    uint32_t hash;          /* the upper half of the key's */
    uint16_t key_bytes;
    uint16_t data_bytes;
    uint64_t body[];        /* the data, padded to 8, then the key, padded with zeros to 8 */
};

struct slab_head {
    uint64_t offset;        /* of the first slot */
    uint32_t slot_bytes;
    uint32_t slots;         /* room */
    uint32_t used;          /* slots that were ever used, from the first on; changes */
    uint32_t used_inverse;  /* ~used, written before it: a wrong number here would have memory touched that is not there */
};

static inline void slab_set_used(struct slab_head *slab, uint32_t used)
{
    __atomic_store_n(&slab->used_inverse, ~used, __ATOMIC_RELAXED);
    __atomic_store_n(&slab->used, used, __ATOMIC_RELEASE);
}

struct store_file_head {
    char magic[8];
    uint32_t version;
    uint32_t head_bytes;
    struct hash_key key;
    uint64_t check;         /* over all above and below that never changes */
    struct slab_head slabs[SLAB_COUNT];    /* [table * SLOT_CLASSES + class] */
    /* changes from here on */
    uint8_t boot_id[16];
    int64_t anchor_store_ms, anchor_mono_ms;   /* store time = anchor_store + (monotonic - anchor_mono), in this boot */
    int64_t last_store_ms, last_wall_ms;       /* one moment by both clocks, not long ago */
};

/* A head for tables of up to max_entries; returns the file's size. */
uint64_t store_file_layout(struct store_file_head *h, uint64_t max_entries);
void store_file_seal(struct store_file_head *h);     /* sets check */
bool store_file_same_layout(const struct store_file_head *a, const struct store_file_head *b);
/* Whether the bytes at map can be read as a store; cut_out: slots are missing at the end. */
bool store_file_check(const void *map, uint64_t size, bool *cut_out, struct errtext *err);

uint32_t slot_check(const struct slot *s);           /* of a slot whose lengths fit */
bool slot_fits(const struct slot *s, uint32_t slot_bytes);
bool slot_sound(const struct slot *s, uint32_t slot_bytes);

static inline size_t slot_pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static inline void *slot_data(struct slot *s)
{
    return s->body;
}

static inline span slot_key(const struct slot *s)
{
    return (span){ (const char *)s->body + slot_pad8(s->data_bytes), s->key_bytes };
}

static inline size_t slot_bytes_needed(size_t data_bytes, size_t key_bytes)
{
    return sizeof(struct slot) + slot_pad8(data_bytes) + slot_pad8(key_bytes);
}

void boot_id_read(uint8_t id[16]);                   /* zeros when the kernel has none */

/* Maps path.  writable: shared and locked against a second daemon. */
enum store_map_result { MAP_OK = 0, MAP_E_SYSTEM = -1, MAP_NO_FILE = -2, MAP_NO_STORE = -3, MAP_E_BUSY = -4 };
struct store_map { void *base; uint64_t size; int fd; };
enum store_map_result store_map_open(const char *path, bool writable, struct store_map *map_out, struct errtext *err);
enum store_map_result store_map_create(const char *path, uint64_t size, struct store_map *map_out, struct errtext *err);
void store_map_close(struct store_map *m);

#endif
