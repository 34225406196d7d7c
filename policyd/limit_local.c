/* limit_local.c - counting in this process while the shared store is away.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_local.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "lib/store/store_rules.h"

struct limit_local {
    struct lru *full;    /* limit key -> int64_t: when the bucket is full again, microseconds */
    struct lru *once;    /* once key -> char */
};

struct limit_local *limit_local_new(size_t max_keys)
{
    struct limit_local *t = xcalloc(1, sizeof(*t));

    t->full = lru_new(max_keys, sizeof(int64_t), NULL);
    t->once = lru_new(max_keys, sizeof(char), NULL);
    return t;
}

void limit_local_free(struct limit_local **t)
{
    if (*t == NULL)
        return;
    lru_free(&(*t)->full);
    lru_free(&(*t)->once);
    free(*t);
    *t = NULL;
}

static bool seen_before(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms)
{
    int64_t expires_ms;

    return q->once.n > 0 && lru_get(t->once, q->once, &expires_ms) != NULL && expires_ms > now_ms;
}

static int64_t full_at_us(struct limit_local *t, span key)
{
    int64_t expires_ms;
    const int64_t *kept = lru_get(t->full, key, &expires_ms);

    return kept != NULL ? *kept : 0;
}

static void charge(struct limit_local *t, const struct store_limits_request *q, int64_t now_us)
{
    for (size_t i = 0; i < q->n; i++) {
        struct gcra g = gcra_of(&q->limits[i]);
        int64_t free_us = gcra_free_us(&g, full_at_us(t, q->limits[i].key), now_us);
        int64_t full_us = now_us + g.window_us - free_us + g.need_us;

        *(int64_t *)lru_put(t->full, q->limits[i].key, full_us / 1000 + 1) = full_us;
    }
    if (q->once.n > 0)
        lru_put(t->once, q->once, now_us / 1000 + q->once_ms);
}

void limit_local_decide(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r)
{
    bool repeated = seen_before(t, q, now_ms);
    int64_t free_us[STORE_LIMITS_MAX];

    *r = (struct store_limits_result){ .outcome = STORE_HIT, .n = q->n, .committed = true };
    for (size_t i = 0; i < q->n; i++) {
        struct gcra g = gcra_of(&q->limits[i]);

        free_us[i] = gcra_free_us(&g, full_at_us(t, q->limits[i].key), now_ms * 1000);
        if (!repeated && !gcra_fits(&g, free_us[i]))
            r->committed = false;
    }
    for (size_t i = 0; i < q->n; i++) {
        struct gcra g = gcra_of(&q->limits[i]);

        gcra_result(&g, free_us[i], !repeated && !gcra_fits(&g, free_us[i]), r->committed && !repeated, &r->each[i]);
    }
    if (r->committed && !repeated)
        charge(t, q, now_ms * 1000);
}
