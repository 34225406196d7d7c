/* map.c - hash map from byte strings to pointers, keyed with SipHash.
 *
 * Open addressing with linear probing and backward-shift deletion: no tombstones, so a map that lives for months
 * with many puts and removes does not slow down.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"

enum { MAP_FIRST = 8 };

struct slot {
    void *value;        /* NULL: empty */
    char *key;
    size_t key_len;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t size;        /* a power of two, or 0 */
    size_t count;
};

struct map *map_new(void)
{
    return xcalloc(1, sizeof(struct map));
}

void map_free(struct map **m, void (*free_value)(void *value))
{
    if (*m == NULL)
        return;
    for (size_t i = 0; i < (*m)->size; i++) {
        struct slot *s = &(*m)->slots[i];

        if (s->value == NULL)
            continue;
        if (free_value != NULL)
            free_value(s->value);
        free(s->key);
    }
    free((*m)->slots);
    free(*m);
    *m = NULL;
}

/* The slot of key, or the empty slot where it would go. The table must not be full. */
static struct slot *find(const struct map *m, span key, uint64_t hash)
{
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct slot *s = &m->slots[i];

        if (s->value == NULL || (s->hash == hash && span_eq((span){ s->key, s->key_len }, key)))
            return s;
    }
}

void *map_get(const struct map *m, span key)
{
    return m->count > 0 ? find(m, key, siphash(key, rand_process_key()))->value : NULL;
}

static void grow(struct map *m)
{
    struct map bigger = { .size = m->size > 0 ? m->size * 2 : MAP_FIRST };

    bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
    for (size_t i = 0; i < m->size; i++) {
        size_t at = m->slots[i].hash & (bigger.size - 1);

        if (m->slots[i].value == NULL)
            continue;
        while (bigger.slots[at].value != NULL)
            at = (at + 1) & (bigger.size - 1);
        bigger.slots[at] = m->slots[i];
    }
    free(m->slots);
    m->slots = bigger.slots;
    m->size = bigger.size;
}

void *map_put(struct map *m, span key, void *value)
{
    uint64_t hash = siphash(key, rand_process_key());
    struct slot *s;
    void *old;

    assert(value != NULL);
    if ((m->count + 1) * 4 > m->size * 3)
        grow(m);
    s = find(m, key, hash);
    old = s->value;
    if (old == NULL) {
        s->key = xspandup(key);
        s->key_len = key.n;
        s->hash = hash;
        m->count++;
    }
    s->value = value;
    return old;
}

/* Moves back what was pushed past the hole, so that every probe still ends at the first empty slot. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->size - 1;

    for (size_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct slot){ 0 };
}

void *map_remove(struct map *m, span key)
{
    struct slot *s;
    void *value;

    if (m->count == 0)
        return NULL;
    s = find(m, key, siphash(key, rand_process_key()));
    if ((value = s->value) == NULL)
        return NULL;
    free(s->key);
    m->count--;
    close_hole(m, (size_t)(s - m->slots));
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(const struct map *m, bool (*visit)(span key, void *value, void *arg), void *arg)
{
    for (size_t i = 0; i < m->size; i++) {
        struct slot *s = &m->slots[i];

        if (s->value != NULL && !visit((span){ s->key, s->key_len }, s->value, arg))
            return;
    }
}
