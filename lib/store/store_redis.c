/* store_redis.c - the store in Redis: the domain operations as script calls.
 *
 * A call that is cancelled goes on without its owner: what was sent cannot be taken back, and the breaker learns from the reply.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

#define FROM_STORE(s) ((struct store_redis *)(void *)(s))

bool redis_integers(const redisReply *reply, size_t n)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
    return true;
}

/* ---- greylist ---- */

static void grey_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    struct store_grey_result r = { .outcome = STORE_DOWN, .why = reply == NULL ? why : REDIS_ODD_REPLY };

    if (reply != NULL && redis_integers(reply, 4))
        r = (struct store_grey_result){
            .outcome = STORE_HIT,
            .answer = reply->element[0]->integer == 1 ? GREY_PASS : GREY_WAIT,
            .wait_ms = reply->element[1]->integer,
            .tries = reply->element[2]->integer,
            .automatic = reply->element[3]->integer == 1,
        };
    if (r.outcome == STORE_HIT && r.answer == GREY_PASS)
        redis_memory_passed(FROM_STORE(c->pend.call.store)->memory, redis_call_key_at(c, 0), &r, loop_now_ms(c->pend.call.store->loop));
    ((store_grey_fn *)c->fn)(&r, c->arg);
}

static void redis_grey(struct store *store, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    struct store_redis *s = FROM_STORE(store);
    struct store_grey_result known;
    struct redis_call *c;

    if (redis_memory_passes(s->memory, q, loop_now_ms(store->loop), &known)) {
        *call_out = NULL;
        return fn(&known, arg);
    }
    c = redis_call_new(s, SCRIPT_GREY, grey_done);
    c->fn = (void (*)(void))fn;
    c->arg = arg;
    redis_call_key(c, "grey", q->key);
    if (q->auto_key.n > 0)
        redis_call_key(c, "grey", q->auto_key);
    redis_call_arg(c, q->now_ms > 0 ? q->now_ms : 0);
    redis_call_arg(c, q->delay_ms);
    redis_call_arg(c, q->window_ms);
    redis_call_arg(c, q->keep_ms);
    redis_call_arg(c, q->auto_after);
    redis_call_arg(c, q->auto_keep_ms);
    redis_call_start(c, call_out);
}

/* ---- values ---- */

static void value_give(struct redis_call *c, const struct store_value_result *r)
{
    ((store_value_fn *)c->fn)(r, c->arg);
}

static void remember_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    value_give(c, &(struct store_value_result){ .outcome = reply != NULL ? STORE_HIT : STORE_DOWN, .why = why });
}

static void redis_remember(struct store *store, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg)
{
    struct redis_call *c = redis_call_new(FROM_STORE(store), SCRIPT_REMEMBER, remember_done);

    c->fn = (void (*)(void))fn;
    c->arg = arg;
    redis_call_key(c, table, key);
    redis_call_arg(c, now_ms > 0 ? now_ms : 0);
    redis_call_arg(c, ttl_ms);
    redis_call_arg_bytes(c, value);
    redis_call_start(c, NULL);
}

static void recall_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    struct store_value_result r = { .outcome = STORE_DOWN, .why = reply == NULL ? why : REDIS_ODD_REPLY };

    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        r = (struct store_value_result){ .outcome = STORE_MISS };
    } else if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[0]->type == REDIS_REPLY_STRING
               && reply->element[1]->type == REDIS_REPLY_INTEGER && reply->element[2]->type == REDIS_REPLY_INTEGER) {
        r = (struct store_value_result){
            .outcome = STORE_HIT,
            .value = span_of(reply->element[0]->str, (size_t)reply->element[0]->len),
            .age_ms = reply->element[1]->integer,
            .ttl_left_ms = reply->element[2]->integer,
        };
    }
    value_give(c, &r);
}

static void redis_recall(struct store *store, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out)
{
    struct redis_call *c = redis_call_new(FROM_STORE(store), SCRIPT_RECALL, recall_done);

    c->fn = (void (*)(void))fn;
    c->arg = arg;
    redis_call_key(c, table, key);
    redis_call_arg(c, now_ms > 0 ? now_ms : 0);
    redis_call_start(c, call_out);
}

static void forget_done(struct redis_call *c, const redisReply *reply, const char *why)
{
    struct store_value_result r = { .outcome = STORE_DOWN, .why = reply == NULL ? why : REDIS_ODD_REPLY };

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        r = (struct store_value_result){ .outcome = reply->integer > 0 ? STORE_HIT : STORE_MISS };
    value_give(c, &r);
}

static void redis_limit_changed(struct store_redis *s, span key)
{
    redis_memory_changed(s->memory, key);
    redis_leases_forget(s->leases, key);
}

static void redis_forget(struct store *store, const char *table, span key, store_value_fn *fn, void *arg)
{
    struct redis_call *c = redis_call_new(FROM_STORE(store), SCRIPT_FORGET, forget_done);

    c->fn = (void (*)(void))fn;
    c->arg = arg;
    if (strcmp(table, "limits") == 0)
        redis_limit_changed(FROM_STORE(store), key);
    else if (strcmp(table, "grey") == 0)
        redis_memory_grey_changed(FROM_STORE(store)->memory);
    if (strcmp(table, "limits") == 0)
        redis_call_limit(c, key);
    else
        redis_call_key(c, table, key);
    redis_call_start(c, NULL);
}

/* ---- life ---- */

static void redis_cancel_call(struct store_call *call)
{
    struct redis_pending *pending = (struct redis_pending *)(void *)call;

    pending->cancel(pending);
}

static bool redis_up(const struct store *store)
{
    return redis_nodes_up(((const struct store_redis *)(const void *)store)->nodes);
}

static const char *redis_problem(const struct store *store)
{
    return redis_nodes_problem(((const struct store_redis *)(const void *)store)->nodes);
}

static void redis_close(struct store *store)
{
    struct store_redis *s = FROM_STORE(store);

    redis_scan_stop(s);
    redis_nodes_free(&s->nodes);
    while (s->calls != NULL)
        redis_call_free(s->calls);
    redis_blocks_stop(s);
    redis_spreads_stop(s);
    redis_leases_free(&s->leases);
    redis_memory_free(&s->memory);
    free(s->prefix);
    free(s);
}

static const struct store_backend redis_backend = {
    .limits = redis_limits,
    .refund = redis_refund,
    .grey = redis_grey,
    .remember = redis_remember,
    .recall = redis_recall,
    .forget = redis_forget,
    .scan = redis_scan,
    .cancel = redis_cancel_call,
    .up = redis_up,
    .problem = redis_problem,
    .close = redis_close,
};

struct store *store_redis_open(struct loop *l, const struct set_redis *set, struct errtext *err)
{
    struct store_redis *s = xcalloc(1, sizeof(*s));

    s->store = (struct store){ &redis_backend, l };
    s->prefix = xstrdup(redis_prefix(set));
    s->timeout_ms = set->timeout_ms > 0 ? set->timeout_ms : 500;
    if ((s->nodes = redis_nodes_new(l, set, err)) != NULL) {
        s->memory = redis_memory_new();
        s->leases = redis_leases_new(set->lease_percent);
        return &s->store;
    }
    errtext_prefix(err, "store.redis");
    free(s->prefix);
    free(s);
    return NULL;
}
