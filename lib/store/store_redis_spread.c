/* store_redis_spread.c - limits of one decision that stand on several nodes of a Cluster.
 *
 * No script reaches over nodes: each limit is asked, and charged, by itself, all at the same time.  When one is exceeded, or its node does
 * not answer, what the others have taken is undone at once.
 * Bound:     until that has happened (one round trip, or the store's timeout) the others count one decision too many; nothing is ever
 *            let through beyond a limit, and when all nodes answer, what was undone leaves no trace.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"
#include "lib/store/store_redis.h"

/* A decision without a name of its own gets one, to be undone by. */
#define UNDO_KEEP_MS SECONDS(10)

struct part {
    struct redis_spread *whole;
    size_t i;
};

struct redis_spread {
    struct redis_pending pend;           /* first */
    struct store_redis *s;
    struct redis_spread *next, **link;
    store_limits_fn *fn;                 /* NULL: cancelled, or a refund */
    store_refund_fn *refund_fn;
    void *arg;
    struct store_limits_request q;
    struct store_limit limits[STORE_LIMITS_MAX];
    struct part parts[STORE_LIMITS_MAX];
    bool took[STORE_LIMITS_MAX], silent[STORE_LIMITS_MAX];
    size_t left;                         /* parts that have not answered */
    bool starting;
    struct store_limits_result result;
    bool down, given_back;
    char why[256];
    char keys[];
};

static void spread_free(struct redis_spread *w)
{
    if (w->next != NULL)
        w->next->link = w->link;
    *w->link = w->next;
    free(w);
}

static void spread_cancel(struct redis_pending *pending)
{
    struct redis_spread *w = (struct redis_spread *)(void *)pending;

    w->fn = NULL;
    w->refund_fn = NULL;
}

static bool charges(const struct store_limits_request *q)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->limits[i].cost > 0)
            return true;
    }
    return false;
}

static struct redis_spread *spread_new(struct store_redis *s, const struct store_limits_request *q, void *arg)
{
    struct redis_spread *w = xcalloc(1, sizeof(*w) + redis_request_bytes(q) + 24);
    char *at = w->keys;

    w->pend = (struct redis_pending){ { &s->store }, spread_cancel };
    w->s = s;
    w->arg = arg;
    w->q = redis_request_keep(q, w->limits, &at);
    for (size_t i = 0; i < q->n; i++)
        w->parts[i] = (struct part){ w, i };
    if (q->once.n == 0 && charges(q)) {
        w->q.once = span_of(at, (size_t)snprintf(at, 24, "undo/%016llx", (unsigned long long)rand_u64()));
        w->q.once_ms = UNDO_KEEP_MS;
    }
    w->left = q->n;
    w->result = (struct store_limits_result){ .n = q->n, .committed = true };
    w->next = s->spreads;
    w->link = &s->spreads;
    if (w->next != NULL)
        w->next->link = &w->next;
    s->spreads = w;
    return w;
}

/* The question about one limit. */
static struct store_limits_request part_request(const struct redis_spread *w, size_t i)
{
    struct store_limits_request q = w->q;

    q.limits = &w->limits[i];
    q.n = 1;
    if (w->limits[i].cost == 0)
        q.once = (span){ NULL, 0 };
    return q;
}

/* ---- deciding ---- */

static void undone(enum store_outcome outcome, void *arg)
{
    (void)outcome;
    (void)arg;
}

/* One that gave no answer may have charged all the same. */
static void undo(const struct redis_spread *w)
{
    for (size_t i = 0; i < w->q.n; i++) {
        struct store_limits_request q = part_request(w, i);

        if (w->took[i] || (w->silent[i] && q.once.n > 0))
            redis_refund_together(w->s, &q, true, undone, NULL, NULL);
    }
}

static void decided(struct redis_spread *w)
{
    if (w->down || (!w->result.committed && !w->q.force))
        undo(w);
    w->result.outcome = w->down ? STORE_DOWN : STORE_HIT;
    w->result.committed = w->result.committed && !w->down;
    w->result.why = w->down ? w->why : NULL;
    if (w->fn != NULL)
        w->fn(&w->result, w->arg);
    spread_free(w);
}

static void part_decided(const struct store_limits_result *r, void *arg)
{
    const struct part *part = arg;
    struct redis_spread *w = part->whole;

    if (r->outcome == STORE_DOWN) {
        w->down = w->silent[part->i] = true;
        snprintf(w->why, sizeof(w->why), "%s", r->why != NULL ? r->why : "no answer");
    } else {
        w->result.each[part->i] = r->each[0];
        w->result.committed = w->result.committed && r->committed;
        w->result.repeated = w->result.repeated || r->repeated;
        w->took[part->i] = r->committed && w->limits[part->i].cost > 0;
    }
    if (--w->left == 0 && !w->starting)
        decided(w);
}

void redis_limits_spread(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct redis_spread *w = spread_new(s, q, arg);

    w->fn = fn;
    w->starting = true;
    for (size_t i = 0; i < w->q.n; i++) {
        struct store_limits_request one = part_request(w, i);

        redis_limits_together(s, &one, part_decided, &w->parts[i], NULL);
    }
    w->starting = false;
    *call_out = w->left > 0 ? &w->pend.call : NULL;
    if (w->left == 0)
        decided(w);
}

/* ---- giving back ---- */

static void given_back(struct redis_spread *w)
{
    if (w->refund_fn != NULL)
        w->refund_fn(w->given_back ? STORE_HIT : w->down ? STORE_DOWN : STORE_MISS, w->arg);
    spread_free(w);
}

static void part_given_back(enum store_outcome outcome, void *arg)
{
    const struct part *part = arg;
    struct redis_spread *w = part->whole;

    w->given_back = w->given_back || outcome == STORE_HIT;
    w->down = w->down || outcome == STORE_DOWN;
    if (--w->left == 0 && !w->starting)
        given_back(w);
}

void redis_refund_spread(struct store_redis *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    struct redis_spread *w = spread_new(s, q, arg);

    w->refund_fn = fn;
    w->starting = true;
    for (size_t i = 0; i < w->q.n; i++) {
        struct store_limits_request one = part_request(w, i);

        one.once = w->q.once;
        redis_refund_together(s, &one, false, part_given_back, &w->parts[i], NULL);
    }
    w->starting = false;
    *call_out = w->left > 0 ? &w->pend.call : NULL;
    if (w->left == 0)
        given_back(w);
}

void redis_spreads_stop(struct store_redis *s)
{
    while (s->spreads != NULL)
        spread_free(s->spreads);
}
