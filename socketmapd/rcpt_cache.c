/* rcpt_cache.c - what is known of an address, and how long it may serve.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/rcpt_cache.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"

struct rcpt_cache {
    struct lru *entries;
};

struct entry {
    int64_t learned_ms;
    enum rcpt_answer answer;
    bool internal;
    char *text;               /* "source NUL detail" */
};

static void free_entry(void *value)
{
    free(((struct entry *)value)->text);
}

struct rcpt_cache *rcpt_cache_new(size_t max_entries)
{
    struct rcpt_cache *c = xcalloc(1, sizeof(*c));

    c->entries = lru_new(max_entries, sizeof(struct entry), free_entry);
    return c;
}

void rcpt_cache_free(struct rcpt_cache **c)
{
    if (*c == NULL)
        return;
    lru_free(&(*c)->entries);
    free(*c);
    *c = NULL;
}

static enum rcpt_freshness freshness(const struct entry *e, int64_t age_ms, const struct rcpt_lifetimes *life)
{
    if (e->answer == RCPT_INVALID)
        return age_ms < life->negative_ms && e->learned_ms >= life->negatives_since_ms ? RCPT_FRESH : RCPT_UNKNOWN;
    if (age_ms < life->positive_ms)
        return age_ms < life->refresh_ms ? RCPT_FRESH : RCPT_AGEING;
    return age_ms < life->stale_ms ? RCPT_STALE : RCPT_UNKNOWN;
}

enum rcpt_freshness rcpt_cache_get(struct rcpt_cache *c, span address, int64_t now_ms, const struct rcpt_lifetimes *life,
                                   struct rcpt_known *out)
{
    const struct entry *e = lru_get(c->entries, address, NULL);
    enum rcpt_freshness fresh;

    if (e == NULL)
        return RCPT_UNKNOWN;
    fresh = freshness(e, now_ms - e->learned_ms, life);
    if (fresh != RCPT_UNKNOWN && out != NULL) {
        out->answer = e->answer;
        out->internal = e->internal;
        out->age_ms = now_ms - e->learned_ms;
        snprintf(out->source, sizeof(out->source), "%s", e->text);
        snprintf(out->detail, sizeof(out->detail), "%s", e->text + strlen(e->text) + 1);
    }
    return fresh;
}

void rcpt_cache_put(struct rcpt_cache *c, span address, enum rcpt_answer answer, bool internal, const char *source, const char *detail,
                    int64_t learned_ms)
{
    struct entry *e = lru_put(c->entries, address, INT64_MAX);
    size_t source_n = strlen(source) + 1, detail_n = strlen(detail) + 1;

    assert(answer != RCPT_TEMPFAIL);
    free(e->text);
    e->text = xmalloc(source_n + detail_n);
    memcpy(e->text, source, source_n);
    memcpy(e->text + source_n, detail, detail_n);
    e->answer = answer;
    e->internal = internal;
    e->learned_ms = learned_ms;
}

bool rcpt_cache_forget(struct rcpt_cache *c, span address)
{
    return lru_remove(c->entries, address);
}

void rcpt_cache_clear(struct rcpt_cache *c)
{
    lru_clear(c->entries);
}

size_t rcpt_cache_count(const struct rcpt_cache *c)
{
    return lru_count(c->entries);
}
