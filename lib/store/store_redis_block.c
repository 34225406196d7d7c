/* store_redis_block.c - a decision that charges blocks beside its own.
 *
 * When there is no room for a block, the decision is made again without any: nobody is refused because of what was to be kept in hand.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis.h"

struct redis_block {
    struct redis_pending pend;           /* first */
    struct store_redis *s;
    struct redis_block *next, **link;
    store_limits_fn *fn;                 /* NULL: cancelled */
    void *arg;
    struct store_limits_request q;
    struct store_limit limits[STORE_LIMITS_MAX];
    int64_t blocks[STORE_LIMITS_MAX];    /* in the limits' costs */
    struct store_call *call;
    bool starting, ended;
    char keys[];
};

static void block_free(struct redis_block *b)
{
    if (b->next != NULL)
        b->next->link = b->link;
    *b->link = b->next;
    free(b);
}

static void block_cancel(struct redis_pending *pending)
{
    ((struct redis_block *)(void *)pending)->fn = NULL;
}

static struct redis_block *block_new(struct store_redis *s, const struct store_limits_request *q, const int64_t *blocks)
{
    struct redis_block *b = xcalloc(1, sizeof(*b) + redis_request_bytes(q));
    char *at = b->keys;

    b->pend = (struct redis_pending){ { &s->store }, block_cancel };
    b->s = s;
    b->q = redis_request_keep(q, b->limits, &at);
    for (size_t i = 0; i < q->n; i++) {
        b->limits[i].cost += blocks[i];
        b->blocks[i] = blocks[i];
    }
    b->next = s->blocks;
    b->link = &s->blocks;
    if (b->next != NULL)
        b->next->link = &b->next;
    s->blocks = b;
    return b;
}

static void give(struct redis_block *b, const struct store_limits_result *r)
{
    if (b->fn != NULL)
        b->fn(r, b->arg);
    if (b->starting)
        b->ended = true;
    else
        block_free(b);
}

static void without(const struct store_limits_result *r, void *arg)
{
    struct redis_block *b = arg;

    b->call = NULL;
    give(b, r);
}

/* No room: as it was asked for. */
static void ask_without(struct redis_block *b)
{
    int64_t now_ms = loop_now_ms(b->s->store.loop);

    for (size_t i = 0; i < b->q.n; i++) {
        if (b->blocks[i] > 0)
            redis_leases_denied(b->s->leases, b->limits[i].key, now_ms);
        b->limits[i].cost -= b->blocks[i];
        b->blocks[i] = 0;
        redis_memory_changed(b->s->memory, b->limits[i].key);      /* what was denied wanted more than anybody asked for */
    }
    redis_limits_anywhere(b->s, &b->q, without, b, &b->call);
}

static void with_blocks(const struct store_limits_result *r, void *arg)
{
    struct redis_block *b = arg;
    bool denied = false;

    b->call = NULL;
    for (size_t i = 0; r->outcome == STORE_HIT && i < b->q.n; i++) {
        denied = denied || (r->each[i].exceeded && b->blocks[i] > 0);
        if (r->committed && !r->repeated && b->blocks[i] > 0) {
            struct store_limit own = b->limits[i];

            own.cost -= b->blocks[i];
            redis_leases_grant(b->s->leases, &own, b->blocks[i], loop_now_ms(b->s->store.loop));
        }
    }
    if (denied && b->fn != NULL)
        ask_without(b);
    else
        give(b, r);
}

bool redis_limits_with_blocks(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    int64_t blocks[STORE_LIMITS_MAX];
    struct redis_block *b;
    bool any = false;

    if (q->force || q->now_ms > 0)
        return false;
    for (size_t i = 0; i < q->n; i++) {
        blocks[i] = redis_leases_block(s->leases, &q->limits[i], loop_now_ms(s->store.loop));
        any = any || blocks[i] > 0;
    }
    if (!any)
        return false;
    b = block_new(s, q, blocks);
    b->fn = fn;
    b->arg = arg;
    b->starting = true;
    redis_limits_anywhere(s, &b->q, with_blocks, b, &b->call);
    b->starting = false;
    *call_out = b->ended ? NULL : &b->pend.call;
    if (b->ended)
        block_free(b);
    return true;
}

void redis_blocks_stop(struct store_redis *s)
{
    while (s->blocks != NULL)
        block_free(s->blocks);
}
