/* store_table.c - one table of the embedded store: slots in the mapped file, found through a private index.
 *
 * The index is open addressing with linear probing; removal shifts back, so there are no tombstones.  A place holds half of the
 * hash, so growing and shifting never touch a slot.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_table.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum {
    REF_SLOT_BITS = 29,
    INDEX_FIRST = 1024,
    CACHE_LINE = 64,
    EVICT_SAMPLE = 8,          /* entries looked at for the most idle one */
    EVICT_SEARCH = 512,        /* places searched for one of a wanted class */
    BACK_BYTES = 256 * 1024,   /* file memory is asked for in such pieces */
};

#define ANY_CLASS SLOT_CLASSES

static uint32_t ref_of(size_t class, uint32_t n)
{
    return ((uint32_t)class << REF_SLOT_BITS) | (n + 1);
}

static size_t ref_class(uint32_t ref)
{
    return ref >> REF_SLOT_BITS;
}

static uint32_t ref_number(uint32_t ref)
{
    return (ref & ((1U << REF_SLOT_BITS) - 1)) - 1;
}

static struct slot *slab_slot(const struct slab *slab, uint32_t n)
{
    return (struct slot *)(void *)(slab->slots + (size_t)n * slab->head->slot_bytes);
}

static struct slot *ref_slot(const struct table *t, uint32_t ref)
{
    return slab_slot(&t->slabs[ref_class(ref)], ref_number(ref));
}

/* ---- the index ---- */

static size_t place_of(const struct table *t, uint32_t tag)
{
    return tag & (t->index_size - 1);
}

static void index_put(struct table *t, uint32_t tag, uint32_t ref)
{
    size_t at = place_of(t, tag);

    while (t->index[at].ref != 0)
        at = (at + 1) & (t->index_size - 1);
    t->index[at] = (struct index_entry){ tag, ref };
}

static void index_grow(struct table *t, size_t size)
{
    struct index_entry *old = t->index;
    size_t old_size = t->index_size;

    t->index = xcalloc(size, sizeof(*t->index));
    t->index_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].ref != 0)
            index_put(t, old[i].tag, old[i].ref);
    free(old);
    t->sweep_at = 0;
}

static void index_remove_at(struct table *t, size_t hole)
{
    size_t mask = t->index_size - 1, at = hole;

    for (;;) {
        size_t home;

        t->index[hole].ref = 0;
        do {
            at = (at + 1) & mask;
            if (t->index[at].ref == 0)
                return;
            home = place_of(t, t->index[at].tag);
        } while (((at - home) & mask) < ((at - hole) & mask));   /* it must not move before its home */
        t->index[hole] = t->index[at];
        hole = at;
    }
}

void table_prefetch(const struct table *t, uint64_t hash)
{
    __builtin_prefetch(&t->index[place_of(t, (uint32_t)hash)]);
}

void table_prefetch_slot(const struct table *t, uint64_t hash)
{
    uint32_t tag = (uint32_t)hash;
    size_t at = place_of(t, tag);

    while (t->index[at].ref != 0 && t->index[at].tag != tag)
        at = (at + 1) & (t->index_size - 1);
    if (t->index[at].ref != 0) {
        const char *slot = (const char *)ref_slot(t, t->index[at].ref);

        __builtin_prefetch(slot);
        __builtin_prefetch(slot + CACHE_LINE);
    }
}

static uint32_t find_ref(const struct table *t, uint64_t hash, span key)
{
    uint32_t tag = (uint32_t)hash;

    for (size_t at = place_of(t, tag); t->index[at].ref != 0; at = (at + 1) & (t->index_size - 1)) {
        const struct slot *s;

        if (t->index[at].tag != tag)
            continue;
        s = ref_slot(t, t->index[at].ref);
        if (s->hash == (uint32_t)(hash >> 32) && span_eq(slot_key(s), key))
            return t->index[at].ref;
    }
    return 0;
}

struct slot *table_find(const struct table *t, uint64_t hash, span key)
{
    uint32_t ref = find_ref(t, hash, key);

    return ref != 0 ? ref_slot(t, ref) : NULL;
}

/* ---- slots ---- */

static void slab_give_back(struct slab *slab, uint32_t n)
{
    if (slab->free_count == slab->free_cap) {
        slab->free_cap = slab->free_cap > 0 ? 2 * slab->free_cap : 64;
        slab->free_list = xreallocarray(slab->free_list, slab->free_cap, sizeof(*slab->free_list));
    }
    slab->free_list[slab->free_count++] = n;
}

/* Touching a page of a full tmpfs ends the process with SIGBUS; so memory is asked for before. */
static bool slab_back(struct slab *slab, int fd)
{
    uint32_t more = BACK_BYTES / slab->head->slot_bytes, room = slab->head->slots - slab->backed;
    uint64_t at = slab->head->offset + (uint64_t)slab->backed * slab->head->slot_bytes;

    if (more > room)
        more = room;
    if (more == 0 || posix_fallocate(fd, (off_t)at, (off_t)((uint64_t)more * slab->head->slot_bytes)) != 0)
        return false;
    slab->backed += more;
    return true;
}

static bool slab_take(struct slab *slab, int fd, uint32_t *n_out)
{
    if (slab->free_count > 0) {
        *n_out = slab->free_list[--slab->free_count];
        return true;
    }
    if (slab->head->used >= slab->backed && !slab_back(slab, fd))
        return false;
    *n_out = slab->head->used;
    slab_set_used(slab->head, *n_out + 1);
    return true;
}

static void remove_at(struct table *t, size_t at)
{
    uint32_t ref = t->index[at].ref;

    table_write_begin(ref_slot(t, ref));     /* check 0: free */
    slab_give_back(&t->slabs[ref_class(ref)], ref_number(ref));
    index_remove_at(t, at);
    t->count--;
}

static uint64_t hash_of(const struct table *t, const struct slot *s)
{
    return siphash(slot_key(s), t->key);
}

void table_remove(struct table *t, uint64_t hash, struct slot *s)
{
    size_t at = place_of(t, (uint32_t)hash);

    while (t->index[at].tag != (uint32_t)hash || t->index[at].ref == 0 || ref_slot(t, t->index[at].ref) != s) {
        assert(t->index[at].ref != 0);
        at = (at + 1) & (t->index_size - 1);
    }
    remove_at(t, at);
}

/* Of a few entries beside each other in the index (so in no order of their keys) the one used longest ago. */
static bool evict(struct table *t, size_t class)
{
    size_t mask = t->index_size - 1, at = (size_t)rand_u64() & mask, victim = 0, seen = 0;
    uint32_t oldest = UINT32_MAX;

    for (size_t tries = 0; seen < EVICT_SAMPLE && tries < (class == ANY_CLASS ? t->index_size : EVICT_SEARCH); tries++, at = (at + 1) & mask) {
        uint32_t ref = t->index[at].ref, used_s;

        if (ref == 0 || (class != ANY_CLASS && ref_class(ref) != class))
            continue;
        used_s = ref_slot(t, ref)->used_s;
        if (seen++ == 0 || used_s < oldest) {
            oldest = used_s;
            victim = at;
        }
    }
    if (seen == 0)
        return false;
    remove_at(t, victim);
    t->evicted++;
    return true;
}

static size_t class_for(size_t bytes)
{
    size_t class = 0;

    while (slot_bytes_of_class[class] < bytes)
        class++;
    assert(class < SLOT_CLASSES);
    return class;
}

struct slot *table_insert(struct table *t, uint64_t hash, span key, size_t data_bytes)
{
    size_t class = class_for(slot_bytes_needed(data_bytes, key.n));
    struct slab *slab = &t->slabs[class];
    struct slot *s;
    uint32_t n;

    if (t->count >= t->max_entries)
        evict(t, ANY_CLASS);
    if (!slab_take(slab, t->fd, &n) && (!evict(t, class) || !slab_take(slab, t->fd, &n))) {
        t->refused++;
        return NULL;
    }
    if (t->count * 3 >= t->index_size * 2)
        index_grow(t, t->index_size * 2);
    index_put(t, (uint32_t)hash, ref_of(class, n));
    t->count++;
    s = slab_slot(slab, n);
    table_write_begin(s);
    s->hash = (uint32_t)(hash >> 32);
    s->key_bytes = (uint16_t)key.n;
    s->data_bytes = (uint16_t)data_bytes;
    memset(s->body, 0, slot_pad8(data_bytes) + slot_pad8(key.n));
    memcpy((char *)s->body + slot_pad8(data_bytes), key.p, key.n);
    return s;
}

/* ---- opening: the index is made from the slots ---- */

/* A value that moved to another class when its writer was killed may be there twice: the one used last counts. */
static bool adopt(struct table *t, size_t class, uint32_t n, uint64_t hash)
{
    struct slot *s = slab_slot(&t->slabs[class], n);
    struct slot *other = table_find(t, hash, slot_key(s));

    if (other != NULL && other->used_s > s->used_s)
        return false;
    if (other != NULL)
        table_remove(t, hash, other);
    if (t->count >= t->max_entries)
        return false;
    index_put(t, (uint32_t)hash, ref_of(class, n));
    t->count++;
    return true;
}

/* Slots that are looked at together: while one is checked, the places of the others in the index are on their way from memory. */
enum { ADOPT_BATCH = 32 };
struct adoption { uint32_t n; uint64_t hash; };

/* Whether it may be taken over; with its hash. */
static bool look_at(struct table *t, const struct slab *slab, uint32_t n, int64_t now_ms, struct adoption *to, size_t *damaged)
{
    struct slot *s = slab_slot(slab, n);
    bool sound = slot_sound(s, slab->head->slot_bytes);

    *damaged += !sound && s->check != 0;
    if (!sound || s->expires_ms <= now_ms)
        return false;
    *to = (struct adoption){ n, hash_of(t, s) };
    if (s->hash != (uint32_t)(to->hash >> 32)) {
        ++*damaged;
        return false;
    }
    table_prefetch(t, to->hash);
    return true;
}

static void not_taken(struct slab *slab, uint32_t n)
{
    slab_slot(slab, n)->check = 0;
    slab_give_back(slab, n);
}

static size_t slab_adopt(struct table *t, size_t class, int64_t now_ms)
{
    struct slab *slab = &t->slabs[class];
    struct adoption batch[ADOPT_BATCH];
    size_t damaged = 0;

    for (uint32_t n = 0; n < slab->head->used;) {
        size_t k = 0;

        for (; n < slab->head->used && k < ADOPT_BATCH; n++) {
            if (look_at(t, slab, n, now_ms, &batch[k], &damaged))
                k++;
            else
                not_taken(slab, n);
        }
        for (size_t i = 0; i < k; i++) {
            if (!adopt(t, class, batch[i].n, batch[i].hash))
                not_taken(slab, batch[i].n);
        }
    }
    return damaged;
}

/* Large enough for all that may be taken over, so that it does not grow on the way. */
static size_t index_wanted(const struct table *t)
{
    size_t slots = 0, size = INDEX_FIRST;

    for (size_t class = 0; class < SLOT_CLASSES; class++)
        slots += t->slabs[class].head->used;
    if (slots > t->max_entries)
        slots = t->max_entries;
    while (slots * 3 >= size * 2)
        size *= 2;
    return size;
}

size_t table_open(struct table *t, enum store_table_id id, const struct store_map *map, size_t max_entries, int64_t now_ms)
{
    struct store_file_head *h = map->base;
    size_t damaged = 0;

    memset(t, 0, sizeof(*t));
    t->max_entries = max_entries;
    t->fd = map->fd;
    t->key = &h->key;
    for (size_t class = 0; class < SLOT_CLASSES; class++) {
        t->slabs[class].head = &h->slabs[(size_t)id * SLOT_CLASSES + class];
        t->slabs[class].slots = (char *)map->base + t->slabs[class].head->offset;
        t->slabs[class].backed = t->slabs[class].head->used;
    }
    index_grow(t, index_wanted(t));
    for (size_t class = 0; class < SLOT_CLASSES; class++)
        damaged += slab_adopt(t, class, now_ms);
    return damaged;
}

void table_close(struct table *t)
{
    for (size_t class = 0; class < SLOT_CLASSES; class++)
        free(t->slabs[class].free_list);
    free(t->index);
    memset(t, 0, sizeof(*t));
}

void table_sweep(struct table *t, size_t steps, int64_t now_ms)
{
    size_t mask = t->index_size - 1;

    if (steps > t->index_size)
        steps = t->index_size;
    while (steps-- > 0) {
        size_t at = t->sweep_at & mask;

        /* what a removal shifts into this place is looked at too */
        if (t->index[at].ref != 0 && ref_slot(t, t->index[at].ref)->expires_ms <= now_ms)
            remove_at(t, at);
        else
            t->sweep_at = at + 1;
    }
}

uint32_t table_walk(const struct table *t, size_t class, uint32_t from, uint32_t steps, bool (*visit)(struct slot *s, void *arg), void *arg)
{
    const struct slab *slab = &t->slabs[class];
    uint32_t end = slab->head->used;

    for (uint32_t n = from; n < end; n++) {
        struct slot *s = slab_slot(slab, n);

        if (steps-- == 0)
            return n;
        if (s->check != 0 && !visit(s, arg))
            return n + 1;
    }
    return UINT32_MAX;
}
