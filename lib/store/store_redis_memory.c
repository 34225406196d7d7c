/* store_redis_memory.c - answers of Redis that this process may give again for a moment.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis_memory.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"

enum { DENIED_MAX = 20000, ASKED_MAX = 100000, PASSED_MAX = 100000 };

struct denied {
    struct limit_rate rate;              /* as it was asked: `want` had no room */
    int64_t until_ms;
};

struct passed { bool automatic; int64_t tries; };

struct redis_memory {
    struct lru *denied;                  /* key -> struct denied */
    struct lru *asked;                   /* once -> nothing */
    struct lru *passed;                  /* key -> struct passed */
};

struct redis_memory *redis_memory_new(void)
{
    struct redis_memory *m = xcalloc(1, sizeof(*m));

    m->denied = lru_new(DENIED_MAX, sizeof(struct denied), NULL);
    m->asked = lru_new(ASKED_MAX, 1, NULL);
    m->passed = lru_new(PASSED_MAX, sizeof(struct passed), NULL);
    return m;
}

void redis_memory_free(struct redis_memory **mp)
{
    struct redis_memory *m = *mp;

    *mp = NULL;
    if (m == NULL)
        return;
    lru_free(&m->denied);
    lru_free(&m->asked);
    lru_free(&m->passed);
    free(m);
}

static void *fresh(struct lru *table, span key, int64_t now_ms)
{
    int64_t expires_ms;
    void *found = lru_count(table) > 0 && key.n > 0 ? lru_get(table, key, &expires_ms) : NULL;

    return found != NULL && expires_ms > now_ms ? found : NULL;
}

/* ---- limits ---- */

static bool same_rate(const struct limit_rate *a, const struct limit_rate *b)
{
    return a->kind == b->kind && a->every_us == b->every_us && a->window_us == b->window_us && a->count == b->count;
}

static bool denies(struct redis_memory *m, const struct store_limit *l, int64_t now_ms, struct store_limit_result *r)
{
    const struct denied *d = fresh(m->denied, l->key, now_ms);
    struct limit_rate rate;

    if (d == NULL)
        return false;
    rate = limit_rate_of(l);
    if (!same_rate(&rate, &d->rate) || rate.want < d->rate.want)
        return false;
    *r = (struct store_limit_result){ .exceeded = true, .retry_ms = d->until_ms - now_ms };
    return true;
}

bool redis_memory_denies(struct redis_memory *m, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r)
{
    bool any = false;

    if (q->force || q->now_ms > 0 || lru_count(m->denied) == 0 || fresh(m->asked, q->once, now_ms) != NULL)
        return false;
    *r = (struct store_limits_result){ .outcome = STORE_HIT, .n = q->n, .remembered = true };
    for (size_t i = 0; i < q->n; i++)
        any = denies(m, &q->limits[i], now_ms, &r->each[i]) || any;
    return any;
}

void redis_memory_asked(struct redis_memory *m, const struct store_limits_request *q, int64_t now_ms)
{
    if (q->once.n > 0 && q->once_ms > 0)
        lru_put(m->asked, q->once, now_ms + q->once_ms);
}

void redis_memory_denied(struct redis_memory *m, span key, const struct limit_rate *rate, int64_t retry_ms, int64_t now_ms)
{
    int64_t kept_ms = retry_ms < DENIED_KEPT_MS ? retry_ms : DENIED_KEPT_MS;
    struct denied *d = lru_put(m->denied, key, now_ms + kept_ms);

    *d = (struct denied){ *rate, now_ms + retry_ms };
}

void redis_memory_changed(struct redis_memory *m, span key)
{
    lru_remove(m->denied, key);
}

/* ---- greylist ---- */

bool redis_memory_passes(struct redis_memory *m, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *r)
{
    const struct passed *p = q->now_ms > 0 ? NULL : fresh(m->passed, q->key, now_ms);

    if (p == NULL)
        return false;
    *r = (struct store_grey_result){ .outcome = STORE_HIT, .answer = GREY_PASS, .tries = p->tries, .automatic = p->automatic };
    return true;
}

void redis_memory_passed(struct redis_memory *m, span key, const struct store_grey_result *r, int64_t now_ms)
{
    struct passed *p = lru_put(m->passed, key, now_ms + PASSED_KEPT_MS);

    *p = (struct passed){ r->automatic, r->tries };
}

void redis_memory_grey_changed(struct redis_memory *m)
{
    lru_clear(m->passed);
}
