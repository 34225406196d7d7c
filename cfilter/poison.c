/* poison.c - the messages that a worker did not survive.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/poison.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/proto/header.h"

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

/* What follows the fields that the front writes anew for each try. */
static span behind_trace(span message)
{
    struct header_field f;
    size_t at = 0, begin = 0;

    while (header_next(message, &at, &f) && f.name.n > 0) {
        if (!header_is(&f, SPAN("Received")) && !header_is(&f, SPAN("X-Gatepost")))
            break;
        begin = at;
        if (header_is(&f, SPAN("Received")))
            break;
    }
    return span_from(message, begin);
}

/* The header grows with each try by other Received lines, and may be signed anew, so the body is what is recognised again; a
 * message without one by its header. */
static span recognised(span message)
{
    span body = span_from(message, header_section_end(message));

    return body.n > 0 ? body : behind_trace(message);
}

static void digest_of(span s, struct digest *out)
{
    SHA256((const unsigned char *)s.p, s.n, out->b);
}

void poison_key_of(span message, struct poison_key *out)
{
    span s = recognised(message);

    digest_of(s, &out->digest);
    out->size_bytes = s.n;
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
    span s = recognised(message);
    for (size_t i = 0; i < p->n && !worth; i++)
        worth = p->v[i].key.size_bytes == s.n;
    if (!worth)
        return NULL;
    digest_of(s, &key.digest);
    key.size_bytes = s.n;
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
    if (r->tries >= set->after_tries || now_ms - r->first_ms >= set->after_ms)
        return POISON_ENOUGH;
    return ago_ms >= 0 && ago_ms < set->pause_ms ? POISON_WAIT : POISON_APART;    /* a clock set back must not keep it waiting */
}
