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

static const char *table_name(const char *table)
{
    return strcmp(table, "limits") == 0 ? REDIS_LIMIT_TABLE : table;
}

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
    ((store_grey_fn *)c->fn)(&r, c->arg);
}

static void redis_grey(struct store *store, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    struct redis_call *c = redis_call_new(FROM_STORE(store), SCRIPT_GREY, grey_done);

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

static void redis_forget(struct store *store, const char *table, span key, store_value_fn *fn, void *arg)
{
    struct redis_call *c = redis_call_new(FROM_STORE(store), SCRIPT_FORGET, forget_done);

    c->fn = (void (*)(void))fn;
    c->arg = arg;
    redis_call_key(c, table_name(table), key);
    redis_call_start(c, NULL);
}

/* ---- life ---- */

static void redis_cancel_call(struct store_call *call)
{
    ((struct redis_call *)(void *)call)->done = NULL;
}

static bool redis_up(const struct store *store)
{
    const struct store_redis *s = (const void *)store;

    return s->failures == 0 && s->problem[0] == '\0';
}

static const char *redis_problem(const struct store *store)
{
    return ((const struct store_redis *)(const void *)store)->problem;
}

static void redis_close(struct store *store)
{
    struct store_redis *s = FROM_STORE(store);

    redis_scan_stop(s);
    redisc_free(&s->redisc);
    while (s->calls != NULL)
        redis_call_free(s->calls);
    tls_context_free(&s->tls);
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

/* "inet:[2001:db8::1]:6379" -> "2001:db8::1": the name that the certificate must have. */
static char *host_of(const char *server)
{
    span s = span_str(server);

    if (span_starts(s, SPAN("inet:")))
        s = span_from(s, 5);
    s = span_head(s, span_rfind(s, ':'));
    if (s.n > 2 && s.p[0] == '[')
        s = span_of(s.p + 1, s.n - 2);
    return xspandup(s);
}

static const char *given(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool redis_tls(struct store_redis *s, const struct set_redis *set, struct errtext *err)
{
    struct tls_client_settings tls = { .ca_file = given(set->ca_file) };

    if (!set->tls)
        return true;
    s->tls = tls_client_new(&tls, err);
    if (s->tls == NULL)
        errtext_prefix(err, "store.redis");
    return s->tls != NULL;
}

struct store *store_redis_open(struct loop *l, const struct set_redis *set, struct errtext *err)
{
    struct store_redis *s = xcalloc(1, sizeof(*s));
    struct buf secret;
    char *host = NULL;
    bool ok = false;

    buf_init(&secret, 4096);
    s->store = (struct store){ &redis_backend, l };
    if (given(set->server) == NULL) {
        errtext_set(err, "store.redis.server is not given");
        goto out;
    }
    if ((given(set->password_file) != NULL && settings_secret_read(set->password_file, &secret, err) < 0) || !redis_tls(s, set, err))
        goto out;
    host = host_of(set->server);
    s->prefix = xstrdup(given(set->prefix) != NULL ? set->prefix : "gatepost");
    s->timeout_ms = set->timeout_ms > 0 ? set->timeout_ms : 500;
    s->redisc = redisc_new(l, &(struct redisc_settings){
        .address = set->server,
        .user = given(set->user),
        .password = given(set->password_file) != NULL ? buf_cstr(&secret) : NULL,
        .db = (int)set->db,
        .tls = s->tls,
        .tls_name = host,
        .timeout_ms = s->timeout_ms,
    });
    ok = true;
out:
    if (secret.base != NULL)
        explicit_bzero(secret.base, secret.cap);
    buf_free(&secret);
    free(host);
    if (ok)
        return &s->store;
    tls_context_free(&s->tls);
    free(s);
    return NULL;
}
