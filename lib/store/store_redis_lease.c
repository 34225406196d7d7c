/* store_redis_lease.c - blocks of a busy limit's events, given out here without asking.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis_lease.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"

enum { KEYS_MAX = 20000, PAID_MAX = 200000 };

struct lease {
    int64_t second, asked;               /* how hot it is */
    int64_t cold_until_ms;
    int64_t left, until_ms;              /* of the block */
    struct limit_rate rate;              /* that it was charged at */
};

struct redis_leases {
    int64_t percent;
    struct lru *keys;                    /* limit key -> struct lease */
    struct lru *paid;                    /* once -> bool: put back already */
};

struct redis_leases *redis_leases_new(int64_t percent)
{
    struct redis_leases *l = xcalloc(1, sizeof(*l));

    l->percent = percent;
    l->keys = lru_new(KEYS_MAX, sizeof(struct lease), NULL);
    l->paid = lru_new(PAID_MAX, sizeof(bool), NULL);
    return l;
}

void redis_leases_free(struct redis_leases **lp)
{
    struct redis_leases *l = *lp;

    *lp = NULL;
    if (l == NULL)
        return;
    lru_free(&l->keys);
    lru_free(&l->paid);
    free(l);
}

static bool *paid(struct redis_leases *l, span once, int64_t now_ms)
{
    int64_t expires_ms;
    bool *found = once.n > 0 && lru_count(l->paid) > 0 ? lru_get(l->paid, once, &expires_ms) : NULL;

    return found != NULL && expires_ms > now_ms ? found : NULL;
}

/* The block of a limit, if it has room. */
static struct lease *block_for(struct redis_leases *l, const struct store_limit *limit, int64_t now_ms)
{
    struct lease *b = lru_get(l->keys, limit->key, NULL);
    struct limit_rate rate;

    if (b == NULL || b->until_ms <= now_ms)
        return NULL;
    rate = limit_rate_of(limit);
    if (rate.kind != b->rate.kind || rate.every_us != b->rate.every_us || rate.window_us != b->rate.window_us || rate.count != b->rate.count)
        return NULL;
    return b->left >= (rate.cost > rate.want ? rate.cost : rate.want) ? b : NULL;
}

static void warm(struct redis_leases *l, const struct store_limit *limit, int64_t now_ms)
{
    struct lease *b = lru_put(l->keys, limit->key, 0);

    if (b->second != now_ms / 1000) {
        b->second = now_ms / 1000;
        b->asked = 0;
    }
    b->asked++;
}

static bool all_have_room(struct redis_leases *l, const struct store_limits_request *q, int64_t now_ms)
{
    bool all = true;

    for (size_t i = 0; i < q->n; i++) {
        warm(l, &q->limits[i], now_ms);
        all = all && block_for(l, &q->limits[i], now_ms) != NULL;
    }
    return all;
}

bool redis_leases_decide(struct redis_leases *l, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r)
{
    bool again;

    if (l->percent == 0 || q->force || q->now_ms > 0)
        return false;
    again = paid(l, q->once, now_ms) != NULL;
    if (!again && !all_have_room(l, q, now_ms))
        return false;
    *r = (struct store_limits_result){ .outcome = STORE_HIT, .n = q->n, .committed = true };
    for (size_t i = 0; i < q->n; i++) {
        struct lease *b = lru_get(l->keys, q->limits[i].key, NULL);

        if (!again)
            b->left -= q->limits[i].cost;
        r->each[i].left = b != NULL && b->until_ms > now_ms ? b->left : 0;
    }
    if (!again && q->once.n > 0 && q->once_ms > 0)
        *(bool *)lru_put(l->paid, q->once, now_ms + q->once_ms) = false;
    return true;
}

int64_t redis_leases_block(struct redis_leases *l, const struct store_limit *limit, int64_t now_ms)
{
    const struct lease *b = lru_get(l->keys, limit->key, NULL);
    int64_t most = limit->kind == STORE_GCRA && limit->burst < limit->count ? limit->burst : limit->count, block = most * l->percent / 100;

    if (l->percent == 0 || limit->cost == 0 || b == NULL || b->asked < LEASE_HOT || b->cold_until_ms > now_ms || block < 2)
        return 0;
    return b->until_ms > now_ms && b->left >= limit->cost ? 0 : block;
}

void redis_leases_grant(struct redis_leases *l, const struct store_limit *limit, int64_t block, int64_t now_ms)
{
    struct lease *b = lru_put(l->keys, limit->key, 0);

    b->left = block + (b->until_ms > now_ms ? b->left : 0);
    b->until_ms = now_ms + LEASE_MS;
    b->rate = limit_rate_of(limit);
}

void redis_leases_denied(struct redis_leases *l, span key, int64_t now_ms)
{
    struct lease *b = lru_put(l->keys, key, 0);

    b->cold_until_ms = now_ms + SECONDS(1);
}

bool redis_leases_refund(struct redis_leases *l, const struct store_limits_request *q, int64_t now_ms)
{
    bool *back = paid(l, q->once, now_ms);

    if (back == NULL || *back)
        return false;
    *back = true;
    for (size_t i = 0; i < q->n; i++)
        redis_leases_grant(l, &q->limits[i], q->limits[i].cost, now_ms);
    return true;
}

void redis_leases_forget(struct redis_leases *l, span key)
{
    lru_remove(l->keys, key);
}
