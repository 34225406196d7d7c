/* hook.c - tells of a key that exceeded a limit: whether it is time to, and what is told.
 *
 * Once per key and period is itself a limit, of one: the store counts it, so that of several hosts one tells.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/hook.h"

#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/json_out.h"
#include "lib/base/lru.h"
#include "lib/net/child.h"
#include "policyd/handover.h"
#include "policyd/limit_local.h"

enum { TOLD_KEPT = 10000, QUEUE_MAX = 1000, WORKERS = 2, RECYCLE_AFTER = 200 };

/* One that the store is asked about, or that a child is at. */
struct hook_call {
    struct hook *hook;
    struct hook_call *next, **link;
    struct store_call *asking;
    struct child_job *job;
    struct store_limit limit;
    struct store_limits_request ask;
    char *key;
    struct buf order;
    int64_t timeout_ms;
};

struct hook {
    struct services *services;
    struct child_pool *pool;             /* from the first time on */
    struct lru *told;                    /* key -> nothing: not to be asked about again before it expires */
    struct hook_call *calls;
    struct log_fence fence;
};

static const struct child_spec hook_process = { .role = "hook" };

static void call_free(struct hook_call *c)
{
    store_cancel(&c->asking);
    if (c->job != NULL)
        child_pool_cancel(&c->job);
    if (c->next != NULL)
        c->next->link = c->link;
    *c->link = c->next;
    buf_free(&c->order);
    free(c->key);
    free(c);
}

/* ---- the child ---- */

static void complain(struct hook *h, const char *key, const char *why, size_t n)
{
    ++*h->services->count.hooks_failed;
    if (log_fence_pass(&h->fence, loop_now_ms(h->services->loop), SECONDS(10)))
        log_warning("policy.hook: %s could not be told of: %.*s", key, (int)n, why);
}

/* The child answers nothing when it went well, else why not. */
static void on_done(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    static const char *const words[] = { [CHILD_TIMED_OUT] = "it took longer than policy.hook.timeout",
                                         [CHILD_CRASHED] = "the process that tells has ended",
                                         [CHILD_UNAVAILABLE] = "too many are told at once" };
    struct hook_call *c = arg;

    (void)fds;
    (void)nfds;
    c->job = NULL;
    if (outcome != CHILD_ANSWERED)
        complain(c->hook, c->key, words[outcome], strlen(words[outcome]));
    else if (!span_eq(reply, SPAN("ok")))
        complain(c->hook, c->key, reply.p, reply.n);
    call_free(c);
}

static void on_note(struct child_pool *p, const char *what, void *arg)
{
    (void)p;
    (void)arg;
    log_warning("policy.hook: %s", what);
}

static void tell(struct hook_call *c)
{
    struct hook *h = c->hook;

    if (h->pool == NULL)
        h->pool = child_pool_new_exec(h->services->loop,
                                      &(struct child_pool_spec){ .workers = WORKERS, .recycle_after_jobs = RECYCLE_AFTER,
                                                                 .restart_delay_ms = 500, .queue_limit = QUEUE_MAX, .on_note = on_note },
                                      &hook_process);
    ++*h->services->count.hooks;
    c->job = child_pool_submit(h->pool, buf_span(&c->order), NULL, 0, c->timeout_ms, on_done, c);
}

/* ---- is it time? ---- */

static void on_counted(const struct store_limits_result *r, void *arg)
{
    struct hook_call *c = arg;
    struct services *s = c->hook->services;
    struct store_limits_result here;

    c->asking = NULL;
    if (r->outcome == STORE_DOWN) {          /* each host tells, then: better than none */
        limit_local_decide(s->local, &c->ask, loop_now_ms(s->loop), &here);
        r = &here;
    }
    if (r->each[0].exceeded)
        call_free(c);
    else
        tell(c);
}

static void ask(struct hook_call *c, int64_t every_ms)
{
    c->limit = (struct store_limit){ .key = span_str(c->key), .count = 1, .per_ms = every_ms, .burst = 1, .cost = 1 };
    c->ask = (struct store_limits_request){ .limits = &c->limit, .n = 1 };
    store_limits(c->hook->services->store, &c->ask, on_counted, c, &c->asking);
}

/* ---- what is told ---- */

static void put_body(struct json_out *j, const struct check_run *run, const struct limit_rule *rule, span key, int64_t retry_ms, bool blocked)
{
    const struct request *r = run->req;

    json_object_begin(j, "body");
    json_cstr(j, "event", "limit");
    json_cstr(j, "limit", rule->set->name);
    json_str(j, "key", key);
    json_bool(j, "blocked", blocked);
    json_int(j, "retry_s", (retry_ms + 999) / 1000);
    json_str(j, "login", r->login);
    json_cstr(j, "client", r->client_text);
    json_str(j, "sender", r->sender);
    json_str(j, "recipient", r->recipient);
    json_cstr(j, "id", run->message != NULL ? run->message->id : "");
    json_cstr(j, "host", run->rules->set->hostname);
    json_int(j, "time", loop_wall_ms(run->services->loop) / 1000);
    json_object_end(j);
}

static void put_order(struct buf *to, const struct set_hook *set, const struct check_run *run, const struct limit_rule *rule, span key,
                      int64_t retry_ms, bool blocked)
{
    struct json_out j;

    json_begin(&j, to);
    json_array_begin(&j, "command");
    for (size_t i = 0; i < set->command.n; i++)
        json_cstr(&j, NULL, set->command.v[i]);
    json_array_end(&j);
    json_cstr(&j, "url", set->url != NULL ? set->url : "");
    json_int(&j, "timeout_ms", set->timeout_ms);
    put_body(&j, run, rule, key, retry_ms, blocked);
    json_end(&j);
}

void hook_tell(struct hook *h, const struct check_run *run, const struct limit_rule *rule, span key, int64_t retry_ms, bool blocked)
{
    const struct set_hook *set = &run->rules->set->policy.hook;
    int64_t now_ms = loop_now_ms(h->services->loop), told_until_ms;
    struct hook_call *c;

    if (h->services->store == NULL || (lru_get(h->told, key, &told_until_ms) != NULL && told_until_ms > now_ms))
        return;
    lru_put(h->told, key, now_ms + set->every_ms);
    c = xcalloc(1, sizeof(*c));
    c->hook = h;
    c->next = h->calls;
    c->link = &h->calls;
    if (c->next != NULL)
        c->next->link = &c->next;
    h->calls = c;
    c->key = xasprintf("hook/%.*s", SPAN_ARG(key));
    c->timeout_ms = set->timeout_ms;
    buf_init(&c->order, HOOK_JOB_MAX);
    put_order(&c->order, set, run, rule, key, retry_ms, blocked);
    if (c->order.overflow) {
        complain(h, c->key, "the request is too long", 23);
        return call_free(c);
    }
    ask(c, set->every_ms);
}

struct hook *hook_new(struct services *s)
{
    struct hook *h = xcalloc(1, sizeof(*h));

    h->services = s;
    h->told = lru_new(TOLD_KEPT, 1, NULL);
    return h;
}

void hook_free(struct hook **hp)
{
    struct hook *h = *hp;

    *hp = NULL;
    if (h == NULL)
        return;
    while (h->calls != NULL)
        call_free(h->calls);
    child_pool_free(&h->pool);
    lru_free(&h->told);
    free(h);
}
