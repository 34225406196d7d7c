/* store_redis_limits.c - limits in Redis: the scripts decide, the arithmetic of the answer is done here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis.h"

#define FROM_STORE(s) ((struct store_redis *)(void *)(s))

enum { NUMBERS = 4 };                    /* of each limit in a reply */

struct limits_wait {
    size_t n;
    struct limit_rate rates[];
};

/* The state that the script saw, on a clock of its own: only what has passed since the state's beginning matters. */
static int64_t state_of(const struct limit_rate *rate, const int64_t *numbers, struct limit_state *st)
{
    *st = (struct limit_state){ .kind = rate->kind, .there = true };
    if (rate->kind == STORE_GCRA) {
        st->data.gcra.full_us = numbers[1];
        st->data.gcra.every_us = rate->every_us;
        st->data.gcra.window_us = rate->window_us;
        return 0;
    }
    st->data.sliding.before = numbers[2];
    st->data.sliding.in = numbers[3];
    st->data.sliding.window_us = rate->window_us;
    return numbers[1];
}

static void limits_decided(const struct limits_wait *w, const int64_t *said, struct store_limits_result *r)
{
    int64_t how = said[0];

    r->outcome = STORE_HIT;
    r->why = NULL;
    r->remembered = false;
    r->repeated = how == 2;
    r->committed = how != 1;
    for (size_t i = 0; i < w->n; i++) {
        const int64_t *numbers = &said[1 + NUMBERS * i];
        struct store_limit_result *each = &r->each[i];
        struct limit_state st;
        int64_t now_us = state_of(&w->rates[i], numbers, &st);

        limit_look(&w->rates[i], &st, now_us, each);
        each->exceeded = how != 2 && numbers[0] != 0;
        if (!each->exceeded)
            each->retry_ms = 0;
        else if (each->retry_ms <= 0)    /* a millionth's difference between the two reckonings */
            each->retry_ms = 1;
        if (how == 0)
            each->left = each->left > w->rates[i].cost ? each->left - w->rates[i].cost : 0;
    }
}

static void keep_denied(const struct redis_call *c, const struct limits_wait *w, const struct store_limits_result *r)
{
    struct store_redis *s = FROM_STORE(c->pend.call.store);

    for (size_t i = 0; i < w->n; i++) {
        if (r->each[i].exceeded)
            redis_memory_denied(s->memory, redis_call_key_at(c, i), &w->rates[i], r->each[i].retry_ms, loop_now_ms(s->store.loop));
    }
}

static void limits_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    const struct limits_wait *w = c->more;
    int64_t said[1 + NUMBERS * STORE_LIMITS_MAX];
    struct store_limits_result r;

    r.n = w->n;
    if (reply != NULL && redis_numbers(reply, said, 1 + NUMBERS * w->n)) {
        limits_decided(w, said, &r);
        keep_denied(c, w, &r);
    } else {
        r.outcome = STORE_DOWN;
        r.remembered = r.repeated = false;
        r.committed = false;
        r.why = reply == NULL ? why : REDIS_ODD_REPLY;
        memset(r.each, 0, sizeof(r.each));
    }
    ((store_limits_fn *)c->fn)(&r, c->arg);
}

static void refund_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    enum store_outcome outcome = STORE_DOWN;

    (void)why;
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        outcome = reply->integer != 0 ? STORE_HIT : STORE_MISS;
    ((store_refund_fn *)c->fn)(outcome, c->arg);
}

/* Keys and numbers of a request, the same for both scripts; word: force, or undo. */
static void put_request(struct redis_call *c, const struct store_limits_request *q, bool word, struct limits_wait *w)
{
    int64_t numbers[REDIS_NUMBERS_MAX] = { q->now_ms > 0 ? q->now_ms : 0, q->once_ms > 0 ? q->once_ms : 0, (int64_t)q->n, word };
    size_t n = 4;

    for (size_t i = 0; i < q->n; i++) {
        const struct limit_rate *rate = &w->rates[i];

        w->rates[i] = limit_rate_of(&q->limits[i]);
        redis_call_limit(c, q->limits[i].key);
        numbers[n++] = rate->kind == STORE_SLIDING ? 1 : 0;
        numbers[n++] = rate->kind == STORE_SLIDING ? rate->count : rate->every_us;
        numbers[n++] = rate->window_us;
        numbers[n++] = rate->cost;
        numbers[n++] = rate->want;
    }
    if (q->once.n > 0)
        redis_call_once(c, q->limits[0].key, q->once);
    redis_call_numbers(c, numbers, n);
}

static struct redis_call *call_of(struct store_redis *s, enum redis_script script, redis_call_fn *done, const struct store_limits_request *q,
                                  bool word, void (*fn)(void), void *arg)
{
    struct redis_call *c = redis_call_new(s, script, done);
    struct limits_wait *w = xmalloc(sizeof(*w) + q->n * sizeof(w->rates[0]));

    w->n = q->n;
    c->more = w;
    c->fn = fn;
    c->arg = arg;
    put_request(c, q, word, w);
    return c;
}

void redis_limits_together(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    redis_call_start(call_of(s, SCRIPT_LIMITS, limits_done, q, q->force, (void (*)(void))fn, arg), call_out);
}

void redis_refund_together(struct store_redis *s, const struct store_limits_request *q, bool undo, store_refund_fn *fn, void *arg,
                           struct store_call **call_out)
{
    redis_call_start(call_of(s, SCRIPT_REFUND, refund_done, q, undo, (void (*)(void))fn, arg), call_out);
}

void redis_limits_anywhere(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    if (q->n > 1 && redis_nodes_clustered(s->nodes))
        redis_limits_spread(s, q, fn, arg, call_out);
    else
        redis_limits_together(s, q, fn, arg, call_out);
}

void redis_limits(struct store *store, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct store_redis *s = FROM_STORE(store);
    struct store_limits_result known;

    if (redis_leases_decide(s->leases, q, loop_now_ms(store->loop), &known) || redis_memory_denies(s->memory, q, loop_now_ms(store->loop), &known)) {
        *call_out = NULL;
        return fn(&known, arg);
    }
    redis_memory_asked(s->memory, q, loop_now_ms(store->loop));
    if (!redis_limits_with_blocks(s, q, fn, arg, call_out))
        redis_limits_anywhere(s, q, fn, arg, call_out);
}

void redis_refund(struct store *store, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    struct store_redis *s = FROM_STORE(store);

    for (size_t i = 0; i < q->n; i++)
        redis_memory_changed(s->memory, q->limits[i].key);
    if (redis_leases_refund(s->leases, q, loop_now_ms(store->loop))) {
        *call_out = NULL;
        return fn(STORE_HIT, arg);
    }
    if (q->n > 1 && redis_nodes_clustered(s->nodes))
        redis_refund_spread(s, q, fn, arg, call_out);
    else
        redis_refund_together(s, q, false, fn, arg, call_out);
}

/* ---- a request that outlives the one who asked ---- */

size_t redis_request_bytes(const struct store_limits_request *q)
{
    size_t bytes = q->once.n;

    for (size_t i = 0; i < q->n; i++)
        bytes += q->limits[i].key.n;
    return bytes;
}

struct store_limits_request redis_request_keep(const struct store_limits_request *q, struct store_limit limits[STORE_LIMITS_MAX], char **at)
{
    struct store_limits_request kept = *q;

    kept.limits = limits;
    kept.once = span_keep(at, q->once);
    for (size_t i = 0; i < q->n; i++) {
        limits[i] = q->limits[i];
        limits[i].key = span_keep(at, q->limits[i].key);
    }
    return kept;
}

/* ---- values ---- */

static bool next_number(span *text, int64_t *out)
{
    uint64_t n;
    span piece;

    if (!span_next(text, ' ', &piece) || !span_to_u64(piece, &n) || n > INT64_MAX)
        return false;
    *out = (int64_t)n;
    return true;
}

bool redis_limit_read(span value, struct limit_state *st)
{
    *st = (struct limit_state){ .kind = span_starts(value, SPAN("w ")) ? STORE_SLIDING : STORE_GCRA, .there = true };
    if (st->kind == STORE_GCRA)
        return next_number(&value, &st->data.gcra.full_us) && next_number(&value, &st->data.gcra.every_us)
            && next_number(&value, &st->data.gcra.window_us);
    value = span_from(value, 2);
    return next_number(&value, &st->data.sliding.start_us) && next_number(&value, &st->data.sliding.before)
        && next_number(&value, &st->data.sliding.in) && next_number(&value, &st->data.sliding.window_us);
}
