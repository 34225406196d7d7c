/* source_redis.c - recipients that other software keeps in Redis: members of a set, or fields of a hash.
 *
 * A key that is not there is a loss of data, not an empty list: it makes nobody unknown.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/store/store_redis_ask.h"
#include "socketmapd/source.h"

struct redis_source {
    struct loop *loop;
    const struct set_recipient_source *set;
    struct set_redis where;
    struct redis_nodes *nodes;
    struct log_fence fence;
};

enum question_kind { OF_ADDRESS, OF_DOMAIN, OF_KEY, QUESTIONS };     /* the address, its domain, the key itself */

struct question {
    struct redis_ask ask;            /* first */
    struct source_ask *owner;
};

struct source_ask {
    struct redis_source *source;
    struct question questions[QUESTIONS];
    int waiting;
    bool found, there, failed;
    char why[300];
    struct loop_task told;
    source_fn *fn;
    void *arg;
    span address;                    /* in the bytes behind */
    char bytes[];
};

static bool redis_wanted(const struct set_recipient_source *set)
{
    return set->redis.key[0] != '\0';
}

static void redis_close(void *state)
{
    struct redis_source *s = state;

    redis_nodes_free(&s->nodes);
    free(s);
}

static void *redis_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    const struct set_rcpt_redis *r = &set->redis;
    struct redis_source *s = xcalloc(1, sizeof(*s));

    s->loop = env->loop;
    s->set = set;
    s->where = (struct set_redis){ .server = r->server, .sentinels = r->sentinels, .cluster = r->cluster, .master = r->master, .user = r->user,
                                   .password_file = r->password_file, .sentinel_password_file = r->sentinel_password_file, .db = r->db, .tls = r->tls,
                                   .ca_file = set->ca_file, .timeout_ms = set->timeout_ms };
    s->nodes = redis_nodes_new(env->loop, &s->where, err);
    if (s->nodes == NULL) {
        redis_close(s);
        return NULL;
    }
    return s;
}

/* ---- one question ---- */

static void forget_calls(struct source_ask *a)
{
    for (int i = 0; i < QUESTIONS; i++)
        redis_ask_stop(&a->questions[i].ask);
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
        log_error("recipients source %s: Redis, key %s: %s; known recipients stay valid, unknown ones are put off (4xx)", s->set->name,
                  s->set->redis.key, r.detail);
    a->fn(&r, a->arg);
    free(a);
}

/* In the loop's next step: a reply may come out of the command itself. */
static void one_less(struct source_ask *a)
{
    if (--a->waiting == 0)
        loop_defer(a->source->loop, &a->told, tell, a);
}

static size_t question_argv(struct redis_ask *ask, span *argv)
{
    const struct question *q = (const struct question *)(const void *)ask;
    const struct source_ask *a = q->owner;
    enum question_kind kind = (enum question_kind)(q - a->questions);

    argv[0] = kind == OF_KEY ? SPAN("EXISTS") : a->source->set->redis.kind == RCPT_REDIS_HASH ? SPAN("HEXISTS") : SPAN("SISMEMBER");
    argv[1] = span_str(a->source->set->redis.key);
    argv[2] = kind == OF_DOMAIN ? span_from(a->address, span_rfind(a->address, '@')) : a->address;
    return kind == OF_KEY ? 2 : 3;
}

static void question_done(struct redis_ask *ask, const redisReply *reply, const char *why)
{
    const struct question *q = (const struct question *)(const void *)ask;
    struct source_ask *a = q->owner;
    bool yes = reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0;

    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
        a->failed = true;
        snprintf(a->why, sizeof(a->why), "%s", reply == NULL ? why : "an answer of a strange kind");
    }
    if (q - a->questions == OF_KEY)
        a->there = yes;
    else
        a->found = a->found || yes;
    one_less(a);
}

static const struct redis_ask_kind question_kind = { .argv_max = 3, .argv = question_argv, .done = question_done };

static void redis_question(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct redis_source *s = state;
    struct source_ask *a = xcalloc(1, sizeof(*a) + address.n);

    *ask_out = a;
    a->source = s;
    a->fn = fn;
    a->arg = arg;
    a->waiting = QUESTIONS + 1;
    memcpy(a->bytes, address.p, address.n);
    a->address = span_of(a->bytes, address.n);
    if (deadline_ms > s->set->timeout_ms)
        deadline_ms = s->set->timeout_ms;
    for (int i = 0; i < QUESTIONS; i++) {
        a->questions[i].owner = a;
        redis_ask_start(&a->questions[i].ask, &question_kind, s->nodes, span_str(s->set->redis.key), deadline_ms);
    }
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
    .name = "redis", .wanted = redis_wanted, .open = redis_open, .close = redis_close, .ask = redis_question, .cancel = redis_cancel, .remembers = true,
};
