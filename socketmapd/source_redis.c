/* source_redis.c - recipients that other software keeps in Redis: members of a set, or fields of a hash.
 *
 * A key that is not there is a loss of data, not an empty list: it makes nobody unknown.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/redisc.h"
#include "socketmapd/source.h"

struct redis_source {
    struct loop *loop;
    const struct set_recipient_source *set;
    struct redisc *redis;
    struct tls_context *tls;
    struct buf password;
    struct log_fence fence;
};

enum { QUESTIONS = 3 };              /* the address, its domain, the key itself */

struct source_ask {
    struct redis_source *source;
    struct redisc_call *calls[QUESTIONS];
    int waiting;
    bool found, there, failed;
    char why[300];
    struct loop_task told;
    source_fn *fn;
    void *arg;
};

static bool redis_wanted(const struct set_recipient_source *set)
{
    return set->redis.key[0] != '\0';
}

static void redis_close(void *state)
{
    struct redis_source *s = state;

    redisc_free(&s->redis);
    tls_context_free(&s->tls);
    if (s->password.base != NULL)
        explicit_bzero(s->password.base, s->password.cap);
    buf_free(&s->password);
    free(s);
}

static void *redis_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    const struct set_rcpt_redis *r = &set->redis;
    struct redis_source *s = xcalloc(1, sizeof(*s));
    bool ok = true;

    s->loop = env->loop;
    s->set = set;
    buf_init(&s->password, 1024);
    if (r->password_file != NULL && r->password_file[0] != '\0')
        ok = settings_secret_read(r->password_file, &s->password, err) == 0;
    if (ok && r->tls)
        ok = (s->tls = tls_client_new(&(struct tls_client_settings){ .ca_file = set->ca_file }, err)) != NULL;
    if (!ok) {
        redis_close(s);
        return NULL;
    }
    s->redis = redisc_new(env->loop, &(struct redisc_settings){ .address = r->server, .user = r->user,
                                                               .password = s->password.len > 0 ? buf_cstr(&s->password) : NULL, .db = (int)r->db,
                                                               .tls = s->tls, .timeout_ms = set->timeout_ms });
    return s;
}

/* ---- one question ---- */

static void forget_calls(struct source_ask *a)
{
    for (int i = 0; i < QUESTIONS; i++) {
        if (a->calls[i] != NULL)
            redisc_cancel(&a->calls[i]);
    }
}

static void tell(void *arg)
{
    struct source_ask *a = arg;
    struct redis_source *s = a->source;
    struct source_result r = { .answer = RCPT_INVALID, .detail = "not in the key" };

    forget_calls(a);
    if (a->found)
        r = (struct source_result){ .answer = RCPT_VALID, .detail = s->set->redis.key };
    else if (a->failed)
        r = (struct source_result){ .answer = RCPT_TEMPFAIL, .detail = a->why };
    else if (!a->there)
        r = (struct source_result){ .answer = RCPT_TEMPFAIL, .detail = "the key is not there: its data is lost, or it has another name" };
    if (r.answer == RCPT_TEMPFAIL && log_fence_pass(&s->fence, loop_now_ms(s->loop), MINUTES(1)))
        log_error("recipients source %s: Redis at %s, key %s: %s; known recipients stay valid, unknown ones are put off (4xx)", s->set->name,
                  s->set->redis.server, s->set->redis.key, r.detail);
    a->fn(&r, a->arg);
    free(a);
}

/* In the loop's next step: a reply may come out of the command itself. */
static void one_less(struct source_ask *a)
{
    if (--a->waiting == 0)
        loop_defer(a->source->loop, &a->told, tell, a);
}

static bool take_number(struct source_ask *a, const redisReply *reply, const char *why)
{
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        return reply->integer > 0;
    a->failed = true;
    snprintf(a->why, sizeof(a->why), "%s", reply == NULL ? why : reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of a strange kind");
    return false;
}

static void on_address(const redisReply *reply, const char *why, void *arg)
{
    struct source_ask *a = arg;

    a->calls[0] = NULL;
    a->found = take_number(a, reply, why) || a->found;
    one_less(a);
}

static void on_domain(const redisReply *reply, const char *why, void *arg)
{
    struct source_ask *a = arg;

    a->calls[1] = NULL;
    a->found = take_number(a, reply, why) || a->found;
    one_less(a);
}

static void on_key(const redisReply *reply, const char *why, void *arg)
{
    struct source_ask *a = arg;

    a->calls[2] = NULL;
    a->there = take_number(a, reply, why);
    one_less(a);
}

static void redis_ask(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct redis_source *s = state;
    span look = s->set->redis.kind == RCPT_REDIS_HASH ? SPAN("HEXISTS") : SPAN("SISMEMBER"), key = span_str(s->set->redis.key);
    const span by_address[] = { look, key, address }, by_domain[] = { look, key, span_from(address, span_rfind(address, '@')) },
               exists[] = { SPAN("EXISTS"), key };
    struct source_ask *a = xcalloc(1, sizeof(*a));

    *ask_out = a;
    *a = (struct source_ask){ .source = s, .fn = fn, .arg = arg, .waiting = QUESTIONS + 1 };
    if (deadline_ms > s->set->timeout_ms)
        deadline_ms = s->set->timeout_ms;
    a->calls[0] = redisc_command_within(s->redis, 3, by_address, deadline_ms, on_address, a);
    a->calls[1] = redisc_command_within(s->redis, 3, by_domain, deadline_ms, on_domain, a);
    a->calls[2] = redisc_command_within(s->redis, 2, exists, deadline_ms, on_key, a);
    one_less(a);
}

static void redis_cancel(struct source_ask **ask)
{
    struct source_ask *gone = *ask;

    *ask = NULL;
    forget_calls(gone);
    loop_task_cancel(&gone->told);
    free(gone);
}

const struct source_type source_redis = {
    .name = "redis", .wanted = redis_wanted, .open = redis_open, .close = redis_close, .ask = redis_ask, .cancel = redis_cancel, .remembers = true,
};
