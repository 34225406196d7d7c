/* limit_local.c - counting in this process while the shared store is away.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_local.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"

struct limit_local {
    struct lru *tat;     /* limit key -> int64_t: theoretical arrival time, microseconds */
    struct lru *once;    /* once key -> char */
};

struct limit_local *limit_local_new(size_t max_keys)
{
    struct limit_local *t = xcalloc(1, sizeof(*t));

    t->tat = lru_new(max_keys, sizeof(int64_t), NULL);
    t->once = lru_new(max_keys, sizeof(char), NULL);
    return t;
}

void limit_local_free(struct limit_local **t)
{
    if (*t == NULL)
        return;
    lru_free(&(*t)->tat);
    lru_free(&(*t)->once);
    free(*t);
    *t = NULL;
}

static bool seen_before(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms)
{
    int64_t expires_ms;

    return q->once.n > 0 && lru_get(t->once, q->once, &expires_ms) != NULL && expires_ms > now_ms;
}

/* The time at which the key would be idle after `cost` more; no later than it can be when all of the burst is taken, so that a
 * clock set back never locks a key out for longer than the burst lasts. */
static int64_t tat_after(struct limit_local *t, const struct store_limit *l, int64_t now_us, int64_t cost, int64_t *tau_out)
{
    int64_t interval_us = l->per_ms * 1000 / (l->count > 0 ? l->count : 1);
    int64_t tau_us = interval_us * (l->burst > 0 ? l->burst : 1);
    int64_t expires_ms;
    const int64_t *kept = lru_get(t->tat, l->key, &expires_ms);
    int64_t tat_us = kept != NULL && *kept > now_us ? *kept : now_us;

    if (tat_us > now_us + tau_us)
        tat_us = now_us + tau_us;
    *tau_out = tau_us;
    return tat_us + interval_us * cost;
}

static struct store_limit_result look(struct limit_local *t, const struct store_limit *l, int64_t now_us, int64_t cost)
{
    int64_t interval_us = l->per_ms * 1000 / (l->count > 0 ? l->count : 1);
    int64_t tau_us;
    int64_t over_us = tat_after(t, l, now_us, cost, &tau_us) - now_us - tau_us;
    struct store_limit_result r = { .exceeded = over_us > 0 };

    if (r.exceeded)
        r.retry_ms = (over_us + 999) / 1000;
    r.left = interval_us > 0 && over_us < 0 ? -over_us / interval_us : 0;
    return r;
}

static void charge(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms)
{
    int64_t tau_us;

    for (size_t i = 0; i < q->n; i++) {
        int64_t tat_us = tat_after(t, &q->limits[i], now_ms * 1000, q->limits[i].cost, &tau_us);

        *(int64_t *)lru_put(t->tat, q->limits[i].key, (tat_us + 999) / 1000) = tat_us;
    }
    if (q->once.n > 0)
        lru_put(t->once, q->once, now_ms + q->once_ms);
}

void limit_local_decide(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r)
{
    bool repeated = seen_before(t, q, now_ms);

    *r = (struct store_limits_result){ .outcome = STORE_HIT, .n = q->n, .committed = true };
    for (size_t i = 0; i < q->n; i++) {
        int64_t cost = q->limits[i].cost > 0 ? q->limits[i].cost : 1;    /* a look: would one fit? */

        r->each[i] = look(t, &q->limits[i], now_ms * 1000, repeated ? 0 : cost);
        if (r->each[i].exceeded)
            r->committed = false;
    }
    if (r->committed && !repeated)
        charge(t, q, now_ms);
}
