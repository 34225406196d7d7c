/* lru.c - bounded cache from byte strings to fixed-size values, least recently used out first.
 *
 * One allocation an entry (header, value, key); chains in a table of its own; a list in order of use.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/lru.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"

enum { LRU_FIRST = 64 };

struct entry {
    struct entry *chain;             /* same bucket */
    struct entry *newer, *older;
    int64_t expires_ms;
    uint64_t hash;
    size_t key_len;
    alignas(max_align_t) char value[];   /* value_size bytes, then the key */
};

struct lru {
    struct entry **buckets;
    size_t size;                     /* a power of two */
    size_t count, max;
    size_t value_size;
    struct entry *newest, *oldest;
    void (*free_value)(void *value);
};

struct lru *lru_new(size_t max_entries, size_t value_size, void (*free_value)(void *value))
{
    struct lru *c = xcalloc(1, sizeof(*c));

    assert(max_entries > 0);
    c->max = max_entries;
    c->value_size = value_size;
    c->free_value = free_value;
    c->size = LRU_FIRST;
    c->buckets = xcalloc(c->size, sizeof(struct entry *));
    return c;
}

void lru_free(struct lru **c)
{
    if (*c == NULL)
        return;
    lru_clear(*c);
    free((*c)->buckets);
    free(*c);
    *c = NULL;
}

static span key_of(const struct lru *c, const struct entry *e)
{
    return (span){ e->value + c->value_size, e->key_len };
}

static struct entry **find(const struct lru *c, span key, uint64_t hash)
{
    struct entry **at = &c->buckets[hash & (c->size - 1)];

    while (*at != NULL && ((*at)->hash != hash || !span_eq(key_of(c, *at), key)))
        at = &(*at)->chain;
    return at;
}

static void list_remove(struct lru *c, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void list_add_newest(struct lru *c, struct entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void used_now(struct lru *c, struct entry *e)
{
    if (c->newest == e)
        return;
    list_remove(c, e);
    list_add_newest(c, e);
}

static void remove_at(struct lru *c, struct entry **at)
{
    struct entry *e = *at;

    *at = e->chain;
    list_remove(c, e);
    c->count--;
    if (c->free_value != NULL)
        c->free_value(e->value);
    free(e);
}

/* A full cache throws one out with every new one, and nobody has touched those for long: of the next two to go, what will be read then is
 * fetched meanwhile, of the first its bucket, of the second the entry. */
static void evict(struct lru *c)
{
    remove_at(c, find(c, key_of(c, c->oldest), c->oldest->hash));
    if (c->oldest == NULL)
        return;
    __builtin_prefetch(&c->buckets[c->oldest->hash & (c->size - 1)]);
    if (c->oldest->newer != NULL) {
        __builtin_prefetch(c->oldest->newer);
        __builtin_prefetch(c->oldest->newer->value);
    }
}

static void grow(struct lru *c)
{
    size_t size = c->size * 2;
    struct entry **buckets = xcalloc(size, sizeof(struct entry *));

    for (struct entry *e = c->newest; e != NULL; e = e->older) {
        struct entry **head = &buckets[e->hash & (size - 1)];

        e->chain = *head;
        *head = e;
    }
    free(c->buckets);
    c->buckets = buckets;
    c->size = size;
}

void *lru_get(struct lru *c, span key, int64_t *expires_ms_out)
{
    struct entry *e = *find(c, key, siphash(key, rand_process_key()));

    if (e == NULL)
        return NULL;
    used_now(c, e);
    if (expires_ms_out != NULL)
        *expires_ms_out = e->expires_ms;
    return e->value;
}

void *lru_put(struct lru *c, span key, int64_t expires_ms)
{
    uint64_t hash = siphash(key, rand_process_key());
    struct entry **at = find(c, key, hash), *e = *at;

    if (e != NULL) {
        used_now(c, e);
        e->expires_ms = expires_ms;
        return e->value;
    }
    if (c->count >= c->max)
        evict(c);
    if (c->count >= c->size / 2)         /* most buckets are empty: a look for what is not there reads no entry */
        grow(c);
    assert(key.n <= SIZE_MAX / 4 && c->value_size <= SIZE_MAX / 4);
    e = xzeroed(sizeof(*e) + c->value_size + key.n);
    e->expires_ms = expires_ms;
    e->hash = hash;
    e->key_len = key.n;
    if (key.n > 0)
        memcpy(e->value + c->value_size, key.p, key.n);
    at = &c->buckets[hash & (c->size - 1)];   /* the bucket may have changed since */
    e->chain = *at;
    *at = e;
    list_add_newest(c, e);
    c->count++;
    return e->value;
}

bool lru_remove(struct lru *c, span key)
{
    struct entry **at = find(c, key, siphash(key, rand_process_key()));

    if (*at == NULL)
        return false;
    remove_at(c, at);
    return true;
}

size_t lru_count(const struct lru *c)
{
    return c->count;
}

void lru_clear(struct lru *c)
{
    while (c->oldest != NULL)
        remove_at(c, find(c, key_of(c, c->oldest), c->oldest->hash));
}

span lru_oldest(const struct lru *c)
{
    return c->oldest != NULL ? key_of(c, c->oldest) : (span){ NULL, 0 };
}

void lru_each(struct lru *c, bool (*visit)(span key, void *value, int64_t expires_ms, void *arg), void *arg)
{
    for (struct entry *e = c->newest, *older; e != NULL; e = older) {
        older = e->older;
        if (!visit(key_of(c, e), e->value, e->expires_ms, arg))
            return;
    }
}
