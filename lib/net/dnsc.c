/* dnsc.c - asynchronous DNS lookups over c-ares, merged and cached.
 *
 * c-ares sends, retries, falls back to TCP and matches answers to questions; its timers only drive its retries.  Whoever
 * asks has a deadline of ours.  A question nobody waits for any more goes on: its answer will be in the cache.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/dnsc.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "lib/base/map.h"
#include "lib/net/dnsc_parse.h"

enum { NAME_MAX_TEXT = 253, KEY_MAX = NAME_MAX_TEXT + 8, TEXT_LIMIT = 64 * 1024, TRIES = 3, EDNS_BYTES = 1232 };

struct watched {                      /* a descriptor of c-ares */
    struct dnsc *dnsc;
    struct watched *next, **link;
    struct loop_io io;
};

struct dnsc_query {                   /* one who waits */
    struct question *question;
    struct dnsc_query *next;
    struct loop_timer deadline;
    dnsc_fn *fn;
    void *arg;
};

struct question {
    struct dnsc *dnsc;
    struct question *next, **link;
    struct dnsc_query *waiters;
    enum dnsc_type type;
    struct question *send_next;       /* among those that are not sent yet */
    char key[KEY_MAX + 1];            /* "TYPE NAME", NAME in lower case */
    span name;                        /* into key */
};

struct cached {
    enum dnsc_outcome outcome;
    size_t n;
    struct dnsc_record *records;      /* one allocation with their texts */
};

struct dnsc {
    struct loop *loop;
    ares_channel channel;
    struct loop_timer retry;
    struct watched *watched;
    struct question *questions, *unsent;
    struct loop_task send;
    struct map *by_key;
    struct lru *cache;
    struct dnsc_settings set;
    struct dnsc_stats stats;
    bool closing;
};

const char *dnsc_outcome_name(enum dnsc_outcome o)
{
    static const char *const names[] = { "FOUND", "NODATA", "NXDOMAIN", "TIMEOUT", "SERVFAIL", "REFUSED", "MALFORMED", "BADNAME",
                                         "UNREACHABLE" };

    return names[o];
}

/* ---- cache ---- */

static void free_cached(void *value)
{
    free(((struct cached *)value)->records);
}

static void keep(struct dnsc *d, const struct question *q, const struct dnsc_answer *a)
{
    size_t text_n = 0;
    struct cached *c;
    char *text;

    for (size_t i = 0; i < a->n; i++)
        text_n += a->records[i].text.n;
    c = lru_put(d->cache, span_str(q->key), loop_now_ms(d->loop) + SECONDS(a->ttl_s));
    free(c->records);
    c->outcome = a->outcome;
    c->n = a->n;
    c->records = xmalloc(a->n * sizeof(*a->records) + text_n + 1);
    text = (char *)(c->records + a->n);
    for (size_t i = 0; i < a->n; i++) {
        c->records[i] = a->records[i];
        if (a->records[i].text.n > 0)
            memcpy(text, a->records[i].text.p, a->records[i].text.n);
        c->records[i].text.p = text;
        text += a->records[i].text.n;
    }
}

static bool answer_from_cache(struct dnsc *d, span key, dnsc_fn *fn, void *arg)
{
    int64_t expires_ms, left_ms;
    const struct cached *c = lru_get(d->cache, key, &expires_ms);

    if (c == NULL || (left_ms = expires_ms - loop_now_ms(d->loop)) <= 0)
        return false;
    d->stats.cached++;
    fn(&(struct dnsc_answer){ c->outcome, true, (uint32_t)(left_ms / 1000), c->n, c->records }, arg);
    return true;
}

/* ---- questions ---- */

static void question_unlink(struct question *q)
{
    *q->link = q->next;
    if (q->next != NULL)
        q->next->link = q->link;
    map_remove(q->dnsc->by_key, span_str(q->key));
}

static void tell_waiters(struct question *q, const struct dnsc_answer *a)
{
    while (q->waiters != NULL) {
        struct dnsc_query *w = q->waiters;
        dnsc_fn *fn = w->fn;
        void *arg = w->arg;

        q->waiters = w->next;
        loop_timer_stop(&w->deadline);
        free(w);
        fn(a, arg);
    }
}

static enum dnsc_outcome outcome_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return DNSC_FOUND;
    case ARES_ENODATA:
        return DNSC_NODATA;
    case ARES_ENOTFOUND:
        return DNSC_NXDOMAIN;
    case ARES_ESERVFAIL:
        return DNSC_SERVFAIL;
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
        return DNSC_REFUSED;
    case ARES_ETIMEOUT:
        return DNSC_TIMEOUT;
    case ARES_ECONNREFUSED:
        return DNSC_UNREACHABLE;
    case ARES_EBADNAME:
        return DNSC_BADNAME;
    default:
        return DNSC_MALFORMED;
    }
}

static uint32_t bounded(uint32_t ttl, uint32_t least, uint32_t most)
{
    if (ttl < least)
        ttl = least;
    return ttl < most ? ttl : most;
}

static void read_answer(struct dnsc *d, const struct question *q, span message, struct dnsc_answer *a, struct dnsc_record *records,
                        struct buf *text)
{
    uint32_t ttl;

    if (a->outcome == DNSC_FOUND) {
        if (dnsc_parse_answer(message, q->name, q->type, records, &a->n, &ttl, text) != DNSC_PARSE_OK) {
            a->outcome = DNSC_MALFORMED;
            a->n = 0;
            return;
        }
        if (a->n > 0) {
            a->records = records;
            a->ttl_s = bounded(ttl, d->set.ttl_min_s, d->set.ttl_max_s);
            return;
        }
        a->outcome = DNSC_NODATA;         /* a CNAME that leads to no record of the type */
    }
    if (a->outcome == DNSC_NODATA && dnsc_parse_is_referral(message)) {
        a->outcome = DNSC_SERVFAIL;       /* a server that neither knows nor looks has not said that there is nothing */
        return;
    }
    if (a->outcome == DNSC_NODATA || a->outcome == DNSC_NXDOMAIN) {
        uint32_t ttl_s = dnsc_parse_negative_ttl(message);      /* 0: no SOA, not to be kept (RFC 2308 5) */

        if (ttl_s > 0)
            a->ttl_s = bounded(ttl_s, d->set.ttl_min_s < d->set.negative_max_s ? d->set.ttl_min_s : 1, d->set.negative_max_s);
    }
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
    struct question *q = arg;
    struct dnsc *d = q->dnsc;
    struct dnsc_answer a = { .outcome = outcome_of(status) };
    struct dnsc_record records[DNSC_RECORDS_MAX];
    struct buf text;

    (void)timeouts;
    question_unlink(q);
    if (d->closing) {
        while (q->waiters != NULL) {
            struct dnsc_query *w = q->waiters;

            q->waiters = w->next;
            loop_timer_stop(&w->deadline);
            free(w);
        }
        free(q);
        return;
    }
    buf_init(&text, TEXT_LIMIT);
    if (bytes != NULL && n > 0)
        read_answer(d, q, span_of((const char *)bytes, (size_t)n), &a, records, &text);
    if (a.ttl_s > 0)
        keep(d, q, &a);
    d->stats.timeouts += a.outcome == DNSC_TIMEOUT;
    d->stats.failures += a.outcome != DNSC_FOUND && a.outcome != DNSC_NODATA && a.outcome != DNSC_NXDOMAIN && a.outcome != DNSC_TIMEOUT;
    tell_waiters(q, &a);
    buf_free(&text);
    free(q);
}

static void unlink_waiter(struct dnsc_query *w)
{
    struct dnsc_query **at = &w->question->waiters;

    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void on_deadline(void *arg)
{
    struct dnsc_query *w = arg;
    dnsc_fn *fn = w->fn;
    void *fn_arg = w->arg;

    unlink_waiter(w);
    w->question->dnsc->stats.timeouts++;
    free(w);
    fn(&(struct dnsc_answer){ .outcome = DNSC_TIMEOUT }, fn_arg);
}

void dnsc_cancel(struct dnsc_query **query)
{
    struct dnsc_query *w = *query;

    *query = NULL;
    if (w == NULL)
        return;
    loop_timer_stop(&w->deadline);
    unlink_waiter(w);
    free(w);
}

/* ---- c-ares' descriptors and timers ---- */

static void arm_retry(struct dnsc *d);

static void on_retry(void *arg)
{
    struct dnsc *d = arg;

    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_retry(d);
}

static void arm_retry(struct dnsc *d)
{
    struct timeval tv, *next = ares_timeout(d->channel, NULL, &tv);

    if (d->closing)
        return;
    if (next == NULL)
        loop_timer_stop(&d->retry);
    else
        loop_timer_start(d->loop, &d->retry, (int64_t)next->tv_sec * 1000 + next->tv_usec / 1000 + 1, on_retry, d);
}

static void unwatch(struct watched *w)
{
    loop_io_stop(&w->io);
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    free(w);
}

static void on_ready(int events, void *arg)
{
    struct watched *w = arg;
    struct dnsc *d = w->dnsc;
    int fd = w->io.fd;

    /* w may go inside the call. */
    ares_process_fd(d->channel, (events & LOOP_READ) != 0 ? fd : ARES_SOCKET_BAD, (events & LOOP_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    arm_retry(d);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct dnsc *d = arg;
    struct watched *w = d->watched;
    int want = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);

    while (w != NULL && w->io.fd != fd)
        w = w->next;
    if (want == 0) {
        if (w != NULL)
            unwatch(w);
        return;
    }
    if (w != NULL) {
        loop_io_want(&w->io, want);
        return;
    }
    w = xcalloc(1, sizeof(*w));
    w->dnsc = d;
    w->next = d->watched;
    w->link = &d->watched;
    if (w->next != NULL)
        w->next->link = &w->next;
    d->watched = w;
    loop_io_start(d->loop, &w->io, fd, want, on_ready, w);
}

static void send_unsent(void *arg)
{
    struct dnsc *d = arg;

    while (d->unsent != NULL) {
        struct question *q = d->unsent;
        char name[NAME_MAX_TEXT + 1];

        d->unsent = q->send_next;
        snprintf(name, sizeof(name), "%.*s", SPAN_ARG(q->name));
        ares_query(d->channel, name, ns_c_in, (int)q->type, on_answer, q);     /* q may be gone after it */
    }
    arm_retry(d);
}

static void set_defaults(struct dnsc_settings *set)
{
    if (set->try_ms <= 0)
        set->try_ms = 700;
    if (set->ttl_max_s == 0)
        set->ttl_max_s = 3600;
    if (set->ttl_min_s == 0)
        set->ttl_min_s = 60;
    if (set->negative_max_s == 0)
        set->negative_max_s = 300;
    if (set->cache_entries == 0)
        set->cache_entries = 50000;
}

/* c-ares 1.18 takes "ADDR:PORT" and "[V6]:PORT", comma-separated. */
static int set_servers(struct dnsc *d, const char *const *servers, struct errtext *err)
{
    struct buf csv;
    int r;

    buf_init(&csv, 4096);
    for (size_t i = 0; servers[i] != NULL; i++)
        buf_printf(&csv, "%s%s", i > 0 ? "," : "", servers[i]);
    r = ares_set_servers_ports_csv(d->channel, buf_cstr(&csv));
    if (r != ARES_SUCCESS)
        errtext_set(err, "name servers \"%s\": %s", buf_cstr(&csv), ares_strerror(r));
    buf_free(&csv);
    return r == ARES_SUCCESS ? 0 : -1;
}

static int open_channel(struct dnsc *d, const struct dnsc_settings *set, struct errtext *err)
{
    struct ares_options o = { .flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
                              .timeout = (int)d->set.try_ms, .tries = TRIES, .sock_state_cb = on_socket_state,
                              .sock_state_cb_data = d, .ednspsz = EDNS_BYTES };
    int r = ares_library_init(ARES_LIB_INIT_ALL);

    if (r == ARES_SUCCESS)
        r = ares_init_options(&d->channel, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ);
    if (r != ARES_SUCCESS) {
        errtext_set(err, "the resolver cannot start: %s", ares_strerror(r));
        return -1;
    }
    if (set->servers != NULL && set->servers[0] != NULL && set_servers(d, set->servers, err) != 0) {
        ares_destroy(d->channel);
        return -1;
    }
    return 0;
}

/* ---- asking ---- */

/* "TYPE NAME"; false when it cannot be a name.  Letters, digits, '-', '_', and what RFC 2317 delegations need ('/'). */
static bool make_key(span name, enum dnsc_type type, char key[KEY_MAX + 1], size_t *name_at)
{
    size_t n = 0, label = 0;

    for (unsigned scale = 10000; scale > 0; scale /= 10) {     /* printf costs more than all the rest */
        if ((unsigned)type >= scale)
            key[n++] = (char)('0' + (unsigned)type / scale % 10);
    }
    key[n++] = ' ';
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n == 0 || name.n > NAME_MAX_TEXT)
        return false;
    *name_at = n;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';

        if (c == '.' ? label == 0 : !good || ++label > 63)
            return false;
        if (c == '.')
            label = 0;
        key[n++] = c;
    }
    key[n] = '\0';
    return label > 0;
}

static struct question *question_new(struct dnsc *d, const char *key, size_t name_at, enum dnsc_type type)
{
    struct question *q = xcalloc(1, sizeof(*q));

    q->dnsc = d;
    q->type = type;
    snprintf(q->key, sizeof(q->key), "%s", key);
    q->name = span_str(q->key + name_at);
    q->next = d->questions;
    q->link = &d->questions;
    if (q->next != NULL)
        q->next->link = &q->next;
    d->questions = q;
    map_put(d->by_key, span_str(q->key), q);
    return q;
}

void dnsc_ask(struct dnsc *d, span name, enum dnsc_type type, int64_t deadline_ms, dnsc_fn *fn, void *arg, struct dnsc_query **query_out)
{
    char key[KEY_MAX + 1];
    size_t name_at = 0;
    struct dnsc_query *w;
    struct question *q;
    bool is_new;

    *query_out = NULL;
    if (!make_key(name, type, key, &name_at)) {
        fn(&(struct dnsc_answer){ .outcome = DNSC_BADNAME }, arg);
        return;
    }
    if (answer_from_cache(d, span_str(key), fn, arg))
        return;
    q = map_get(d->by_key, span_str(key));
    is_new = q == NULL;
    if (is_new)
        q = question_new(d, key, name_at, type);
    w = xcalloc(1, sizeof(*w));
    *w = (struct dnsc_query){ .question = q, .next = q->waiters, .fn = fn, .arg = arg };
    q->waiters = w;
    *query_out = w;
    loop_timer_start(d->loop, &w->deadline, deadline_ms, on_deadline, w);
    if (!is_new) {
        d->stats.merged++;
        return;
    }
    d->stats.asked++;
    q->send_next = d->unsent;
    d->unsent = q;
    loop_defer(d->loop, &d->send, send_unsent, d);
}

struct dnsc *dnsc_new(struct loop *l, const struct dnsc_settings *set, struct errtext *err)
{
    struct dnsc *d = xcalloc(1, sizeof(*d));

    d->loop = l;
    d->set = *set;
    set_defaults(&d->set);
    if (open_channel(d, set, err) != 0) {
        free(d);
        return NULL;
    }
    d->by_key = map_new();
    d->cache = lru_new(d->set.cache_entries, sizeof(struct cached), free_cached);
    return d;
}

void dnsc_free(struct dnsc **dp)
{
    struct dnsc *d = *dp;

    *dp = NULL;
    if (d == NULL)
        return;
    d->closing = true;
    loop_task_cancel(&d->send);
    send_unsent(d);                      /* so that ares_destroy ends every question in one way */
    loop_timer_stop(&d->retry);
    ares_destroy(d->channel);
    while (d->watched != NULL)
        unwatch(d->watched);
    map_free(&d->by_key, NULL);
    lru_free(&d->cache);
    free(d);
}

void dnsc_forget(struct dnsc *d, span name, enum dnsc_type type)
{
    char key[KEY_MAX + 1];
    size_t name_at = 0;

    if (make_key(name, type, key, &name_at))
        lru_remove(d->cache, span_str(key));
}

void dnsc_flush(struct dnsc *d)
{
    lru_clear(d->cache);
}

struct dnsc_stats dnsc_stats(const struct dnsc *d)
{
    return d->stats;
}
