/* callout_server.c - one inner server that is asked about recipients.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/callout_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/callout_probe.h"
#include "socketmapd/callout_session.h"

enum { QUEUE_MAX = 10000, FAILURES_MAX = 5, SESSIONS_MAX = 32 };
#define PAUSE_FIRST_MS SECONDS(2)
#define PAUSE_MAX_MS MINUTES(1)

struct callout_ask {
    struct callout_server *server;
    struct callout_ask *next, **link;    /* of the queue, or of the session that asks */
    struct loop_timer deadline;
    struct loop_task begin;
    int64_t within_ms;
    struct callout_domain *domain;
    source_fn *fn;                       /* NULL: a probe */
    void *arg;
    bool again;                          /* it was asked once, and the connection ended */
    span address;
    char bytes[];
};

struct seat {                            /* a session and its question */
    struct callout_server *server;
    struct callout_session *session;
    struct callout_ask *ask;
};

struct callout_server {
    const struct callout_shared *shared;
    struct callout_target target;
    char address[300], name[256];        /* as it was found last; "" : to be looked up */
    struct callout_lookup *lookup;
    struct seat seats[SESSIONS_MAX];
    struct callout_ask *first, **last;   /* waiting */
    size_t n_waiting;
    struct map *domains;
    unsigned turn;                       /* which of its hosts and addresses */
    size_t choices;
    unsigned failures, pauses;
    int64_t pause_until_ms;
    char trouble[400];
    struct log_fence fence;
};

static void pump(struct callout_server *s);

/* ---- the queue ---- */

static void enqueue(struct callout_server *s, struct callout_ask *a, bool at_head)
{
    if (at_head) {
        a->next = s->first;
        a->link = &s->first;
        s->first = a;
        if (a->next != NULL)
            a->next->link = &a->next;
        else
            s->last = &a->next;
    } else {
        a->next = NULL;
        a->link = s->last;
        *s->last = a;
        s->last = &a->next;
    }
    s->n_waiting++;
}

static void dequeue(struct callout_ask *a)
{
    struct callout_server *s = a->server;

    if (a->link == NULL)
        return;
    *a->link = a->next;
    if (a->next != NULL)
        a->next->link = a->link;
    else
        s->last = a->link;
    a->link = NULL;
    s->n_waiting--;
}

static void leave_seat(struct callout_ask *a)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (a->server->seats[i].ask == a)
            a->server->seats[i].ask = NULL;
    }
}

static void ask_free(struct callout_ask *a)
{
    loop_timer_stop(&a->deadline);
    loop_task_cancel(&a->begin);
    dequeue(a);
    leave_seat(a);
    if (a->fn == NULL)
        a->domain->probing = false;
    free(a);
}

static void finish(struct callout_ask *a, enum rcpt_answer answer, bool fleeting, const char *detail)
{
    source_fn *fn = a->fn;
    void *arg = a->arg;

    ask_free(a);
    if (fn != NULL)
        fn(&(struct source_result){ .answer = answer, .fleeting = fleeting, .detail = detail }, arg);
}

static void on_deadline(void *arg)
{
    struct callout_ask *a = arg;
    char detail[500];

    snprintf(detail, sizeof(detail), "%.120s:%d did not answer in time%s%.250s", a->server->target.host, a->server->target.port,
             a->server->trouble[0] != '\0' ? "; last: " : "", a->server->trouble);
    finish(a, RCPT_TEMPFAIL, false, detail);
}

static struct callout_ask *ask_new(struct callout_server *s, span address, struct callout_domain *domain, source_fn *fn, void *arg)
{
    struct callout_ask *a = xcalloc(1, sizeof(*a) + address.n);

    a->server = s;
    a->domain = domain;
    a->fn = fn;
    a->arg = arg;
    memcpy(a->bytes, address.p, address.n);
    a->address = span_of(a->bytes, address.n);
    return a;
}

/* ---- trouble ---- */

/* All who wait learn of it at once: a server that cannot be reached would only let them wait for their deadlines. */
static void fail_waiting(struct callout_server *s)
{
    struct callout_ask *next;
    char detail[500];

    snprintf(detail, sizeof(detail), "%.120s:%d cannot be asked: %.300s", s->target.host, s->target.port, s->trouble);
    for (struct callout_ask *a = s->first; a != NULL; a = next) {
        next = a->next;
        finish(a, RCPT_TEMPFAIL, false, detail);
    }
}

static void failed(struct callout_server *s, const char *why)
{
    int64_t now_ms = loop_now_ms(s->shared->loop), pause = PAUSE_FIRST_MS;

    snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    s->address[0] = '\0';                /* it may have moved */
    if (log_fence_pass(&s->fence, now_ms, MINUTES(1)))
        log_error("recipients source %s: %s:%d cannot be asked: %s; known recipients stay valid, unknown ones are put off (4xx)", s->shared->set->name,
                  s->target.host, s->target.port, why);
    s->turn++;
    if (s->choices > 0 && s->turn % s->choices != 0)
        return;                          /* another of its hosts is tried before anybody is told */
    if (++s->failures >= FAILURES_MAX) {
        for (unsigned i = 0; i < s->pauses && pause < PAUSE_MAX_MS; i++)
            pause *= 2;
        s->pauses++;
        s->pause_until_ms = now_ms + (pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS);
    }
    fail_waiting(s);
}

static void worked(struct callout_server *s)
{
    s->failures = s->pauses = 0;
    s->pause_until_ms = 0;
    s->trouble[0] = '\0';
}

/* ---- what the server says ---- */

static struct callout_domain *domain_of(struct callout_server *s, span address)
{
    span name = span_from(address, span_rfind(address, '@') + 1);
    struct callout_domain *d = map_get(s->domains, name);

    if (d == NULL) {
        d = xcalloc(1, sizeof(*d));
        callout_domain_init(d);
        map_put(s->domains, name, d);
    }
    return d;
}

static void probe_if_due(struct callout_server *s, struct callout_domain *d, span address)
{
    char text[400];
    struct callout_ask *p;

    if (!callout_probe_due(d, loop_now_ms(s->shared->loop)))
        return;
    callout_probe_address(address, text);
    p = ask_new(s, span_str(text), d, NULL, NULL);
    d->probing = true;
    loop_timer_start(s->shared->loop, &p->deadline, s->shared->set->timeout_ms, on_deadline, p);
    enqueue(s, p, true);
}

static void take_probe(struct callout_server *s, const struct callout_ask *a, const struct smtp_reply *r)
{
    enum callout_known before = a->domain->known;

    callout_probe_take(a->domain, a->address, r, loop_now_ms(s->shared->loop));
    if (a->domain->known == CALLOUT_TAKES_ALL && before != CALLOUT_TAKES_ALL)
        log_warning("recipients source %s: %s:%d takes any address (it took <%.*s>): it cannot tell who is there; see \"Call-outs\" in gatepost-socketmapd(8)",
                    s->shared->set->name, s->target.host, s->target.port, SPAN_ARG(a->address));
}

static void take_answer(struct callout_server *s, struct callout_ask *a, const struct smtp_reply *r)
{
    char detail[500];
    bool fleeting;
    enum rcpt_answer answer = callout_judge(a->domain, a->address, r, loop_now_ms(s->shared->loop), &fleeting);

    snprintf(detail, sizeof(detail), "%.120s:%d: %d %.*s %.*s%s", s->target.host, s->target.port, r->code, SPAN_ARG(r->enhanced),
             SPAN_ARG(span_head(r->text, 200)), fleeting ? "; it takes any address, so this proves nothing" : "");
    finish(a, answer, fleeting, detail);
}

/* ---- sessions ---- */

static void on_ready(struct callout_session *session, void *arg)
{
    (void)session;
    pump(((struct seat *)arg)->server);
}

static void on_reply(struct callout_session *session, const struct smtp_reply *r, void *arg)
{
    struct seat *seat = arg;
    struct callout_server *s = seat->server;
    struct callout_ask *a = seat->ask;

    (void)session;
    if (r->code == 421)
        return;                          /* the session ends, and on_end asks again */
    worked(s);
    seat->ask = NULL;
    if (a == NULL)
        return;                          /* its asker did not wait for it */
    if (a->fn == NULL) {
        take_probe(s, a, r);
        ask_free(a);
    } else {
        take_answer(s, a, r);
    }
}

static void on_end(struct callout_session *session, bool expected, const char *why, void *arg)
{
    struct seat *seat = arg;
    struct callout_server *s = seat->server;
    struct callout_ask *a = seat->ask;

    (void)session;
    callout_session_close(&seat->session);
    seat->ask = NULL;
    if (a != NULL && !a->again && expected) {
        a->again = true;
        enqueue(s, a, true);
    } else if (a != NULL) {
        enqueue(s, a, true);             /* it fails with the others */
        expected = false;
    }
    if (!expected)
        failed(s, why);
    pump(s);
}

static const struct callout_session_handler handler = { on_ready, on_reply, on_end };

static void open_session(struct callout_server *s, struct seat *seat)
{
    const struct set_callout *set = &s->shared->set->callout;
    struct callout_session_settings with = { .address = s->address, .name = s->name, .hostname = s->shared->hostname, .sender = set->sender,
                                             .starttls = set->starttls, .tls = s->shared->tls, .timeout_ms = s->shared->set->timeout_ms,
                                             .errors_max = set->errors_max };
    struct errtext err = { "" };

    seat->server = s;
    seat->session = callout_session_open(s->shared->loop, &with, &handler, seat, &err);
    if (seat->session == NULL) {
        failed(s, err.text);
        fail_waiting(s);
    }
}

static void on_found(const char *address, const char *name, size_t choices, const char *why, void *arg)
{
    struct callout_server *s = arg;

    s->lookup = NULL;
    s->choices = choices;
    if (address == NULL) {
        failed(s, why);
        pump(s);
        return;
    }
    snprintf(s->address, sizeof(s->address), "%s", address);
    snprintf(s->name, sizeof(s->name), "%s", name);
    pump(s);
}

/* The next question that may be asked: nobody's counts before the domain's probe has been answered. */
static struct callout_ask *next_ask(struct callout_server *s)
{
    for (struct callout_ask *a = s->first; a != NULL; a = a->next) {
        if (a->fn == NULL || a->domain->known != CALLOUT_KNOWN_NOTHING)
            return a;
    }
    return NULL;
}

static void seat_takes(struct seat *seat, struct callout_ask *a)
{
    dequeue(a);
    if (callout_session_ask(seat->session, a->address))
        seat->ask = a;
    else
        finish(a, RCPT_TEMPFAIL, false, "the server does not take addresses in other scripts (no SMTPUTF8)");
}

/* Those whose probe has said nothing: they wait for nothing. */
static void fail_unprobed(struct callout_server *s)
{
    struct callout_ask *next;
    char detail[500];

    for (struct callout_ask *a = s->first; a != NULL; a = next) {
        next = a->next;
        if (a->fn == NULL || a->domain->known != CALLOUT_KNOWN_NOTHING || a->domain->probing)
            continue;
        snprintf(detail, sizeof(detail), "%.120s:%d does not show how it refuses unknown recipients: %.250s", s->target.host, s->target.port, a->domain->why_nothing);
        finish(a, RCPT_TEMPFAIL, false, detail);
    }
}

static void pump(struct callout_server *s)
{
    size_t limit = (size_t)s->shared->set->connections, opening = 0;
    struct callout_ask *a;

    fail_unprobed(s);
    for (size_t i = 0; i < limit && (a = next_ask(s)) != NULL; i++) {
        struct seat *seat = &s->seats[i];

        if (seat->session != NULL && seat->ask == NULL && callout_session_ready(seat->session))
            seat_takes(seat, a);
        else if (seat->session != NULL && !callout_session_ready(seat->session) && !callout_session_asking(seat->session))
            opening++;
    }
    if (next_ask(s) == NULL || opening > 0 || s->lookup != NULL)
        return;
    if (s->address[0] == '\0') {
        callout_resolve(s->shared->dnsc, &s->target, s->turn, s->shared->set->timeout_ms, on_found, s, &s->lookup);
        return;
    }
    for (size_t i = 0; i < limit; i++) {
        if (s->seats[i].session == NULL) {
            open_session(s, &s->seats[i]);
            return;
        }
    }
}

/* ---- the owner's side ---- */

struct callout_server *callout_server_new(const struct callout_shared *shared, const struct callout_target *t)
{
    struct callout_server *s = xcalloc(1, sizeof(*s));

    s->shared = shared;
    s->target = *t;
    s->last = &s->first;
    s->domains = map_new();
    return s;
}

void callout_server_free(struct callout_server **s)
{
    struct callout_server *gone = *s;

    if (gone == NULL)
        return;
    *s = NULL;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (gone->seats[i].ask != NULL)
            ask_free(gone->seats[i].ask);
        callout_session_close(&gone->seats[i].session);
    }
    while (gone->first != NULL)
        ask_free(gone->first);
    callout_lookup_cancel(&gone->lookup);
    map_free(&gone->domains, free);
    free(gone);
}

static void start(void *arg)
{
    struct callout_ask *a = arg;
    struct callout_server *s = a->server;

    loop_timer_start(s->shared->loop, &a->deadline, a->within_ms, on_deadline, a);
    if (loop_now_ms(s->shared->loop) < s->pause_until_ms) {
        char detail[500];

        snprintf(detail, sizeof(detail), "%.120s:%d is left alone for a moment after %u failures: %.250s", s->target.host, s->target.port, s->failures, s->trouble);
        finish(a, RCPT_TEMPFAIL, false, detail);
        return;
    }
    if (s->n_waiting >= QUEUE_MAX) {
        finish(a, RCPT_TEMPFAIL, false, "too many questions wait for this server");
        return;
    }
    enqueue(s, a, false);
    probe_if_due(s, a->domain, a->address);
    pump(s);
}

struct callout_ask *callout_server_ask(struct callout_server *s, span address, int64_t deadline_ms, source_fn *fn, void *arg)
{
    struct callout_ask *a = ask_new(s, address, domain_of(s, address), fn, arg);

    a->within_ms = deadline_ms;
    loop_defer(s->shared->loop, &a->begin, start, a);
    return a;
}

void callout_ask_cancel(struct callout_ask **a)
{
    ask_free(*a);
    *a = NULL;
}

void callout_server_describe(const struct callout_server *s, span domain, struct buf *to)
{
    int64_t now_ms = loop_now_ms(s->shared->loop);

    buf_printf(to, "server %s:%d", s->target.host, s->target.port);
    if (s->address[0] != '\0')
        buf_printf(to, " (%s)", s->address);
    buf_append_str(to, ", ");
    callout_domain_describe(map_get(s->domains, domain), now_ms, to);
    if (s->trouble[0] != '\0')
        buf_printf(to, "; trouble: %s", s->trouble);
}
