/* poison.c - the messages that a worker did not survive.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/poison.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/proto/header.h"

enum { FIELDS_MAX = 1000, KNOWN_BYTES_MAX = 64 * 1024 };

struct poison {
    size_t n;
    struct poison_record v[POISON_MAX];
};

struct poison *poison_new(void)
{
    return xcalloc(1, sizeof(struct poison));
}

void poison_free(struct poison **p)
{
    free(*p);
    *p = NULL;
}

size_t poison_count(const struct poison *p)
{
    return p != NULL ? p->n : 0;
}

/* A retry brings the same body and the same of these; Received lines grow, and it may be signed anew. */
static const span stays[] = { { "Message-ID", 10 }, { "Date", 4 }, { "From", 4 }, { "To", 2 }, { "Subject", 7 } };

static bool is_one_that_stays(const struct header_field *f)
{
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++)
        if (header_is(f, stays[i]))
            return true;
    return false;
}

static span body_of(span message)
{
    return span_from(message, header_section_end(message));
}

static void digest_of(span message, struct digest *out)
{
    span body = body_of(message);
    struct header_field f;
    size_t at = 0;
    struct buf known;
    unsigned char d[SHA256_DIGEST_LENGTH];

    buf_init(&known, KNOWN_BYTES_MAX + sizeof d);
    for (size_t i = 0; i < FIELDS_MAX && header_next(message, &at, &f) && f.name.n > 0; i++)
        if (is_one_that_stays(&f) && known.len + f.name.n + f.body.n <= KNOWN_BYTES_MAX) {
            buf_append(&known, f.name);
            buf_append(&known, f.body);
        }
    SHA256((const unsigned char *)body.p, body.n, d);
    buf_append(&known, span_of((const char *)d, sizeof d));
    SHA256((const unsigned char *)known.base, known.len, out->b);
    buf_free(&known);
}

void poison_key_of(span message, struct poison_key *out)
{
    digest_of(message, &out->digest);
    out->size_bytes = body_of(message).n;
}

const struct poison_record *poison_find_key(const struct poison *p, const struct poison_key *key)
{
    for (size_t i = 0; i < poison_count(p); i++)
        if (p->v[i].key.size_bytes == key->size_bytes && memcmp(&p->v[i].key.digest, &key->digest, sizeof key->digest) == 0)
            return &p->v[i];
    return NULL;
}

const struct poison_record *poison_find(const struct poison *p, span message)
{
    struct poison_key key;
    bool worth = false;

    if (poison_count(p) == 0)
        return NULL;
    size_t size = body_of(message).n;
    for (size_t i = 0; i < p->n && !worth; i++)
        worth = p->v[i].key.size_bytes == size;
    if (!worth)
        return NULL;
    poison_key_of(message, &key);
    return poison_find_key(p, &key);
}

static struct poison_record *place_for(struct poison *p, const struct poison_key *key)
{
    struct poison_record *r = (struct poison_record *)(uintptr_t)poison_find_key(p, key);

    if (r != NULL)
        return r;
    if (p->n < POISON_MAX)
        return &p->v[p->n++];
    r = &p->v[0];
    for (size_t i = 1; i < POISON_MAX; i++)
        if (p->v[i].last_ms < r->last_ms)
            r = &p->v[i];
    return r;
}

void poison_put(struct poison *p, const struct poison_record *r)
{
    if (p != NULL)
        *place_for(p, &r->key) = *r;
}

void poison_forget(struct poison *p, const struct poison_key *key)
{
    struct poison_record *r = (struct poison_record *)(uintptr_t)poison_find_key(p, key);

    if (r != NULL)
        *r = p->v[--p->n];
}

/* An answer that was only incomplete has hurt no worker. */
static bool is_deadly(enum scan_outcome o)
{
    return o == SCAN_CRASHED || o == SCAN_TIMED_OUT || o == SCAN_GARBAGE;
}

enum poison_advice poison_advice(const struct poison_record *r, const struct set_unscannable *set, int64_t now_ms)
{
    int64_t ago_ms = now_ms - r->last_ms;

    if (!is_deadly(r->outcome))
        return POISON_NONE;
    if (!r->apart)                 /* the worker may have died of something else */
        return POISON_APART;
    if (r->tries >= set->after_tries || now_ms - r->first_ms >= set->after_ms)
        return POISON_ENOUGH;
    /* A clock set back must not keep it waiting. */
    return ago_ms >= 0 && ago_ms < set->pause_ms ? POISON_WAIT : POISON_APART;
}
