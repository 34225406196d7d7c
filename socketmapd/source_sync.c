/* source_sync.c - recipients out of a directory that is kept here whole; the directory itself is asked about the rest.
 *
 * What is in the set is answered at once.  An address that is not is asked for, within a budget: a new mailbox works before the next
 * reading, and a dictionary attack does not reach the directory.  Only the directory's own full no, or a set that it confirmed within
 * the last two minutes, makes an address unknown.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "socketmapd/ldap_filter.h"
#include "socketmapd/source.h"
#include "socketmapd/sync.h"
#include "socketmapd/sync_order.h"

#define NO_MS MINUTES(5)             /* a confirmed no; gone with any news of the directory */
#define SLOW_MS 500                  /* a failure that took so long ... */
#define DOWN_MS 500                  /* ... is not tried again for so long: questions would only queue */
enum { NO_ENTRIES = 100000 };

struct sync_source {
    struct loop *loop;
    const struct set_recipient_source *set;
    struct sync *sync;
    void *live;                      /* state of source_ldap */
    struct lru *no;                  /* addresses that the directory does not know */
    struct source_ask *asks;
    int64_t down_until_ms;           /* the directory keeps people waiting: it is left alone */
    char down_why[256];
    double tokens;                   /* questions that may be asked now */
    int64_t tokens_at_ms;
};

struct source_ask {
    struct sync_source *source;
    struct source_ask *next, **link;
    struct source_ask *live;         /* of source_ldap */
    struct sync_waiter waiter;
    struct loop_timer deadline;
    source_fn *fn;
    void *arg;
    int64_t asked_ms;
    enum sync_knows knew;
    bool was_empty;
    span address;                    /* in the bytes behind */
    char bytes[];
};

/* ---- opening ---- */

static void forget_no(span address, void *arg)
{
    struct sync_source *s = arg;

    if (address.p == NULL)
        lru_clear(s->no);
    else
        lru_remove(s->no, address);
}

static void sync_close(void *state)
{
    struct sync_source *s = state;

    if (s->live != NULL)
        source_ldap.close(s->live);
    sync_free(&s->sync);
    lru_free(&s->no);
    free(s);
}

static void *sync_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    struct sync_source *s = xcalloc(1, sizeof(*s));

    s->loop = env->loop;
    s->set = set;
    s->no = lru_new(NO_ENTRIES, 1, NULL);
    s->tokens = (double)set->sync.confirm.count;
    s->tokens_at_ms = loop_now_ms(env->loop);
    s->sync = sync_new(env->loop, env->all, set, env->serving, err);
    if (s->sync != NULL)
        s->live = source_ldap.open(env, set, err);
    if (s->live == NULL) {
        sync_close(s);
        return NULL;
    }
    sync_on_news(s->sync, forget_no, s);
    return s;
}

/* ---- what is known ---- */

static bool no_is_known(struct sync_source *s, span address)
{
    int64_t until;

    return lru_get(s->no, address, &until) != NULL && until > loop_now_ms(s->loop);
}

static bool sync_peek(void *state, span address, struct source_result *out)
{
    struct sync_source *s = state;
    bool internal;

    switch (sync_find(s->sync, address, &internal)) {
    case SYNC_HAS:
        *out = (struct source_result){ .answer = RCPT_VALID, .internal = internal, .detail = "in the set" };
        return true;
    case SYNC_GOING:
        *out = (struct source_result){ .answer = RCPT_VALID, .internal = internal, .detail = "in the set; gone from the directory, within sync.grace" };
        return true;
    case SYNC_GONE:
    case SYNC_UNKNOWN:
        break;
    }
    if (!no_is_known(s, address))
        return false;
    *out = (struct source_result){ .answer = RCPT_INVALID, .detail = "not in the set, and the directory said no within 5 minutes" };
    return true;
}

/* ---- asking the directory ---- */

static bool take_token(struct sync_source *s)
{
    const struct conf_rate *r = &s->set->sync.confirm;
    int64_t now_ms = loop_now_ms(s->loop);

    s->tokens += (double)(now_ms - s->tokens_at_ms) * (double)r->count / (double)r->per_ms;
    s->tokens_at_ms = now_ms;
    if (s->tokens > (double)r->count)
        s->tokens = (double)r->count;
    if (s->tokens < 1)
        return false;
    s->tokens -= 1;
    return true;
}

static void ask_free(struct source_ask *a)
{
    sync_wait_end(&a->waiter);
    loop_timer_stop(&a->deadline);
    if (a->live != NULL)
        source_ldap.cancel(&a->live);
    free(a);
}

static void finish(struct source_ask *a, enum rcpt_answer answer, bool internal, const char *detail)
{
    source_fn *fn = a->fn;
    void *arg = a->arg;

    ask_free(a);
    fn(&(struct source_result){ .answer = answer, .internal = internal, .detail = detail }, arg);
}

/* The set has come that was waited for; the directory has said no before. */
static void on_set(void *arg)
{
    struct source_ask *a = arg;
    bool internal;

    if (sync_find(a->source->sync, a->address, &internal) != SYNC_UNKNOWN)
        finish(a, RCPT_VALID, internal, "in the set");
    else
        finish(a, RCPT_INVALID, false, "the directory does not know it, nor is it in the first set");
}

static void on_deadline(void *arg)
{
    finish(arg, RCPT_TEMPFAIL, false, "the directory has not been read whole yet");
}

/* A yes or a no of the directory itself. */
static void on_live_no(struct source_ask *a, const char *detail)
{
    struct sync_source *s = a->source;
    struct buf text;

    if (a->was_empty && sync_state(s->sync) == SYNC_EMPTY) {       /* never a no out of nothing: a bind user without rights sees nobody */
        sync_wait(s->sync, &a->waiter, on_set, a);
        return;
    }
    lru_put(s->no, a->address, loop_now_ms(s->loop) + NO_MS);
    buf_init(&text, 1024);
    if (a->knew == SYNC_GONE) {
        sync_describe_address(s->sync, a->address, &text);
        buf_append_str(&text, "; ");
    }
    buf_append_str(&text, detail);
    finish(a, RCPT_INVALID, false, buf_cstr(&text));
    buf_free(&text);
}

/* Whether the set alone may say no while the directory is away. */
static bool set_is_trusted(const struct sync_source *s)
{
    int64_t age_ms = sync_age_ms(s->sync);

    return age_ms >= 0 && age_ms < s->set->sync.negative_trust_ms;
}

static void without_directory(struct source_ask *a, const char *why)
{
    char detail[600];

    if (a->knew == SYNC_GONE) {
        finish(a, RCPT_VALID, false, "gone from the set, but the directory cannot be asked to confirm it");
    } else if (set_is_trusted(a->source)) {
        finish(a, RCPT_INVALID, false, "not in the set, which is younger than sync.negative_trust");
    } else {
        snprintf(detail, sizeof(detail), "not in the set, and the directory cannot be asked: %s", why);
        finish(a, RCPT_TEMPFAIL, false, detail);
    }
}

static void on_live(const struct source_result *r, void *arg)
{
    struct source_ask *a = arg;
    struct sync_source *s = a->source;

    a->live = NULL;
    if (r->answer == RCPT_TEMPFAIL) {
        if (loop_now_ms(s->loop) - a->asked_ms >= SLOW_MS)
            s->down_until_ms = loop_now_ms(s->loop) + DOWN_MS;
        snprintf(s->down_why, sizeof(s->down_why), "%s", r->detail);
        without_directory(a, r->detail);
        return;
    }
    s->down_until_ms = 0;
    sync_nudge(s->sync);
    if (r->answer == RCPT_VALID) {
        sync_learn(s->sync, a->address, r->internal, r->detail);
        finish(a, RCPT_VALID, r->internal, r->detail);
    } else {
        on_live_no(a, r->detail);
    }
}

/* More questions than sync.confirm: a set that the directory confirms all the time may answer. */
static void over_budget(struct source_ask *a)
{
    if (sync_is_current(a->source->sync))
        finish(a, RCPT_INVALID, false, "not in the set, which the directory confirmed within two minutes");
    else
        finish(a, RCPT_TEMPFAIL, false, "not in the set; more unknown addresses than sync.confirm lets be asked for");
}

static struct source_ask *ask_new(struct sync_source *s, span address, source_fn *fn, void *arg)
{
    struct source_ask *a = xcalloc(1, sizeof(*a) + address.n);
    bool internal;

    a->source = s;
    a->fn = fn;
    a->arg = arg;
    a->knew = sync_find(s->sync, address, &internal);
    a->was_empty = sync_state(s->sync) == SYNC_EMPTY;
    a->asked_ms = loop_now_ms(s->loop);
    memcpy(a->bytes, address.p, address.n);
    a->address = span_of(a->bytes, address.n);
    return a;
}

/* Nobody can be known but by asking, or somebody is about to be refused: such questions are not counted. */
static bool must_be_asked(const struct source_ask *a)
{
    return a->knew == SYNC_GONE || a->was_empty;
}

static void sync_ask(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct sync_source *s = state;
    struct source_ask *a = ask_new(s, address, fn, arg);

    *ask_out = NULL;
    if (loop_now_ms(s->loop) < s->down_until_ms) {
        without_directory(a, s->down_why);
    } else if (!must_be_asked(a) && !take_token(s)) {
        over_budget(a);
    } else {
        *ask_out = a;
        loop_timer_start(s->loop, &a->deadline, deadline_ms, on_deadline, a);
        source_ldap.ask(s->live, a->address, deadline_ms, on_live, a, &a->live);
    }
}

static void sync_cancel(struct source_ask **ask)
{
    ask_free(*ask);
    *ask = NULL;
}

/* ---- for people ---- */

static void sync_describe_one(void *state, span address, struct buf *to)
{
    struct sync_source *s = state;
    size_t before = to->len;

    sync_describe_address(s->sync, address, to);
    if (to->len == before)
        buf_printf(to, "not in the set of %zu addresses%s", sync_count(s->sync), no_is_known(s, address) ? ", and the directory said no within 5 minutes" : "");
}

static struct sync *engine(void *state)
{
    return ((struct sync_source *)state)->sync;
}

static void sync_forget(void *state, span address)
{
    struct sync_source *s = state;

    forget_no(address, s);
    if (address.p != NULL)
        sync_drop(s->sync, address);
}

const struct source_type source_sync = {
    .name = "sync", .wanted = sync_wanted, .open = sync_open, .close = sync_close, .peek = sync_peek, .ask = sync_ask, .cancel = sync_cancel,
    .describe = sync_describe_one, .forget = sync_forget, .sync = engine,
};
