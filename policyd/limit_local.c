/* limit_local.c - counting in this process while the shared store is away.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_local.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "lib/store/store_rules.h"

struct local_count {
    struct limit_state state;
    struct store_limit whole;    /* as it is for all hosts together; its key is not used */
    int64_t owed;
};

struct limit_local {
    struct lru *counts;          /* limit key -> struct local_count */
    struct lru *once;            /* once key -> int64_t: when it was charged, us; 0: given back */
    struct lru *owing;           /* keys of counts that are owed to the store, in the order in which they came to be */
    int64_t hosts;
    char taken[STORE_LIMITS_MAX][STORE_KEY_MAX];     /* keys that were taken last */
};

struct limit_local *limit_local_new(size_t max_keys)
{
    struct limit_local *t = xcalloc(1, sizeof(*t));

    t->counts = lru_new(max_keys, sizeof(struct local_count), NULL);
    t->once = lru_new(max_keys, sizeof(int64_t), NULL);
    t->owing = lru_new(max_keys, 1, NULL);
    t->hosts = 1;
    return t;
}

void limit_local_free(struct limit_local **t)
{
    if (*t == NULL)
        return;
    lru_free(&(*t)->counts);
    lru_free(&(*t)->once);
    lru_free(&(*t)->owing);
    free(*t);
    *t = NULL;
}

void limit_local_hosts(struct limit_local *t, int64_t hosts)
{
    t->hosts = hosts > 1 ? hosts : 1;
}

static int64_t share(int64_t n, int64_t hosts)
{
    return n <= 1 || hosts <= 1 ? n : (n + hosts - 1) / hosts;
}

/* This host's part: at least one. */
static struct limit_rate part_of(const struct limit_local *t, const struct store_limit *l)
{
    struct store_limit part = *l;

    part.count = share(l->count, t->hosts);
    part.burst = share(l->burst, t->hosts);
    return limit_rate_of(&part);
}

static int64_t *seen_before(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms)
{
    int64_t expires_ms, *charged_us;

    if (q->once.n == 0)
        return NULL;
    charged_us = lru_get(t->once, q->once, &expires_ms);
    return charged_us != NULL && expires_ms > now_ms ? charged_us : NULL;
}

static void state_now(struct limit_local *t, const struct store_limit *l, const struct limit_rate *rate, int64_t now_us, struct limit_state *st)
{
    int64_t expires_ms;
    const struct local_count *kept = lru_get(t->counts, l->key, &expires_ms);

    *st = kept != NULL ? kept->state : (struct limit_state){ .kind = rate->kind };
    limit_now(rate, st, now_us);
}

static void charge(struct limit_local *t, const struct store_limit *l, int64_t now_us)
{
    struct limit_rate rate = part_of(t, l);
    struct limit_state st;
    struct local_count *c;

    if (rate.cost == 0)
        return;
    state_now(t, l, &rate, now_us, &st);
    limit_charge(&rate, &st, now_us);
    c = lru_put(t->counts, l->key, limit_expires_us(&st) / 1000 + 1);
    c->state = st;
    c->whole = *l;
    if (c->owed == 0)
        lru_put(t->owing, l->key, 0);
    c->owed += rate.cost;
}

void limit_local_decide(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r)
{
    bool repeated = seen_before(t, q, now_ms) != NULL, fits = true;

    *r = (struct store_limits_result){ .outcome = STORE_HIT, .n = q->n };
    for (size_t i = 0; i < q->n; i++) {
        struct limit_rate rate = part_of(t, &q->limits[i]);
        struct limit_state st;

        state_now(t, &q->limits[i], &rate, now_ms * 1000, &st);
        limit_look(&rate, &st, now_ms * 1000, &r->each[i]);
        if (repeated)
            r->each[i].exceeded = false;
        fits = fits && !r->each[i].exceeded;
    }
    r->committed = fits || q->force;
    if (!r->committed || repeated)
        return;
    for (size_t i = 0; i < q->n; i++) {
        charge(t, &q->limits[i], now_ms * 1000);
        r->each[i].left = r->each[i].left > q->limits[i].cost ? r->each[i].left - q->limits[i].cost : 0;
    }
    if (q->once.n > 0)
        *(int64_t *)lru_put(t->once, q->once, now_ms + q->once_ms) = now_ms * 1000;
}

bool limit_local_refund(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms)
{
    int64_t *charged_us = seen_before(t, q, now_ms), then_us;

    if (charged_us == NULL || *charged_us == 0)
        return false;
    then_us = *charged_us;
    *charged_us = 0;
    for (size_t i = 0; i < q->n; i++) {
        struct limit_rate rate = part_of(t, &q->limits[i]);
        int64_t expires_ms;
        struct local_count *c = lru_get(t->counts, q->limits[i].key, &expires_ms);

        if (c == NULL || !c->state.there)
            continue;
        limit_now(&rate, &c->state, now_ms * 1000);
        limit_refund(&rate, &c->state, then_us, now_ms * 1000);
        c->owed -= rate.cost < c->owed ? rate.cost : c->owed;
    }
    return true;
}

/* A key that is longer than any of the store's is not owed: nobody could have asked for it. */
static bool take_one(struct limit_local *t, span key, struct store_limit *to, char room[STORE_KEY_MAX])
{
    int64_t expires_ms;
    struct local_count *c = lru_get(t->counts, key, &expires_ms);

    if (c == NULL || c->owed <= 0 || key.n > STORE_KEY_MAX)
        return false;
    memcpy(room, key.p, key.n);
    *to = c->whole;
    to->key = span_of(room, key.n);
    to->cost = c->owed;
    c->owed = 0;
    return true;
}

size_t limit_local_take_owed(struct limit_local *t, struct store_limit limits[STORE_LIMITS_MAX])
{
    size_t n = 0;

    for (span key; n < STORE_LIMITS_MAX && (key = lru_oldest(t->owing)).p != NULL; lru_remove(t->owing, key))
        n += take_one(t, key, &limits[n], t->taken[n]);
    return n;
}
