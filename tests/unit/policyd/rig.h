/* rig.h - policyd's evaluation on a fake clock, with DNS and the store scripted.
 *
 * The functions of dnsc.h and those of store.h that checks call are defined here, in their place.  Include once per test program.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_POLICYD_RIG_H
#define GATEPOST_TESTS_POLICYD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/net/dnsc.h"
#include "lib/store/store.h"
#include "lib/store/store_rules.h"
#include "policyd/dnsbl_health.h"
#include "policyd/eval.h"
#include "policyd/limit_local.h"
#include "policyd/reply.h"
#include "policyd/rules.h"
#include "policyd/serve.h"

#define HELPER __attribute__((unused)) static

/* ---- DNS ---- */

struct dns_row {
    const char *name;
    enum dnsc_type type;
    enum dnsc_outcome outcome;
    const char *answer;          /* "127.0.0.2 127.0.0.4", or text */
    int64_t delay_ms;            /* < 0: never */
};

struct dnsc_query {
    struct loop_timer timer;
    struct dns_row row;
    bool timed_out;
    dnsc_fn *fn;
    void *arg;
    struct dnsc_query **place;
    struct dnsc_query *next;
};

static struct loop *rig_loop;
static struct dns_row rig_dns[128];
static size_t rig_dns_n;
static size_t rig_dns_asked, rig_dns_open;
static char rig_dns_last[300];

HELPER void dns_set(const char *name, enum dnsc_type type, enum dnsc_outcome outcome, const char *answer, int64_t delay_ms)
{
    struct dns_row row = { name, type, outcome, answer, delay_ms };

    for (size_t i = 0; i < rig_dns_n; i++) {
        if (strcmp(rig_dns[i].name, name) == 0 && rig_dns[i].type == type) {
            rig_dns[i] = row;
            return;
        }
    }
    assert_true(rig_dns_n < 128);
    rig_dns[rig_dns_n++] = row;
}

/* A list that passes its self-test. */
HELPER void dns_list(const char *zone)
{
    static char names[16][80];
    static size_t n;
    char *name = names[n++ % 16];

    snprintf(name, 80, "2.0.0.127.%s", zone);
    dns_set(name, DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
}

static void rig_answer(const struct dns_row *row, bool timed_out, dnsc_fn *fn, void *arg)
{
    struct dnsc_record records[8];
    struct dnsc_answer a = { .outcome = timed_out ? DNSC_TIMEOUT : row->outcome, .records = records };
    span rest = span_str(row->answer), piece;

    memset(records, 0, sizeof(records));
    if (a.outcome == DNSC_FOUND && row->type == DNSC_TXT) {
        records[a.n++].text = rest;
    } else if (a.outcome == DNSC_FOUND && row->type != DNSC_A && row->type != DNSC_AAAA) {
        while (a.n < 8 && span_next(&rest, ' ', &records[a.n].text))
            a.n++;
    } else if (a.outcome == DNSC_FOUND) {
        while (a.n < 8 && span_next(&rest, ' ', &piece))
            assert_true(ipaddr_parse(piece, &records[a.n++].addr));
    }
    fn(&a, arg);
}

static void rig_due(void *arg)
{
    struct dnsc_query *q = arg;

    *q->place = NULL;
    rig_dns_open--;
    rig_answer(&q->row, q->timed_out, q->fn, q->arg);
    free(q);
}

void dnsc_ask(struct dnsc *d, span name, enum dnsc_type type, int64_t deadline_ms, dnsc_fn *fn, void *arg, struct dnsc_query **query_out)
{
    struct dns_row row = { "", type, DNSC_NXDOMAIN, NULL, 0 };
    struct dnsc_query *q;

    (void)d;
    rig_dns_asked++;
    snprintf(rig_dns_last, sizeof(rig_dns_last), "%.*s", SPAN_ARG(name));
    for (size_t i = 0; i < rig_dns_n; i++) {
        if (rig_dns[i].type == type && span_eq(span_str(rig_dns[i].name), name))
            row = rig_dns[i];
    }
    *query_out = NULL;
    if (row.delay_ms == 0) {
        rig_answer(&row, false, fn, arg);
        return;
    }
    q = xcalloc(1, sizeof(*q));
    q->row = row;
    q->timed_out = row.delay_ms < 0 || row.delay_ms > deadline_ms;
    q->fn = fn;
    q->arg = arg;
    q->place = query_out;
    *query_out = q;
    rig_dns_open++;
    loop_timer_start(rig_loop, &q->timer, q->timed_out ? deadline_ms : row.delay_ms, rig_due, q);
}

void dnsc_cancel(struct dnsc_query **q)
{
    if (*q == NULL)
        return;
    loop_timer_stop(&(*q)->timer);
    rig_dns_open--;
    free(*q);
    *q = NULL;
}

void dnsc_flush(struct dnsc *d)
{
    (void)d;
}

void dnsc_forget(struct dnsc *d, span name, enum dnsc_type type)
{
    (void)d;
    (void)name;
    (void)type;
}

struct dnsc *dnsc_new(struct loop *l, const struct dnsc_settings *set, struct errtext *err)
{
    (void)l;
    (void)set;
    (void)err;
    return xmalloc(1);
}

void dnsc_free(struct dnsc **d)
{
    free(*d);
    *d = NULL;
}

const char *dnsc_outcome_name(enum dnsc_outcome o)
{
    static const char *const names[] = { "found", "nodata", "nxdomain", "timeout", "servfail", "refused", "malformed", "badname", "unreachable" };

    return names[o];
}

/* ---- store ---- */

struct store_call {
    struct loop_timer timer;
    struct store_limits_result result;
    store_limits_fn *fn;
    void *arg;
    struct store_call **place;
};

static struct { bool down; int64_t delay_ms; size_t asked, open; struct limit_local *counts; char last_key[500]; } rig_store;

static void rig_store_due(void *arg)
{
    struct store_call *c = arg;

    *c->place = NULL;
    rig_store.open--;
    c->fn(&c->result, c->arg);
    free(c);
}

void store_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct store_limits_result r = { .outcome = STORE_DOWN, .why = "scripted" };
    struct store_call *c;

    (void)s;
    rig_store.asked++;
    snprintf(rig_store.last_key, sizeof(rig_store.last_key), "%.*s", SPAN_ARG(q->limits[q->n - 1].key));
    *call_out = NULL;
    if (!rig_store.down && rig_store.delay_ms >= 0)
        limit_local_decide(rig_store.counts, q, loop_now_ms(rig_loop), &r);
    if (rig_store.delay_ms == 0) {
        fn(&r, arg);
        return;
    }
    c = xcalloc(1, sizeof(*c));
    c->result = r;
    c->fn = fn;
    c->arg = arg;
    c->place = call_out;
    *call_out = c;
    rig_store.open++;
    if (rig_store.delay_ms > 0)
        loop_timer_start(rig_loop, &c->timer, rig_store.delay_ms, rig_store_due, c);
}

bool store_up(const struct store *s)
{
    (void)s;
    return !rig_store.down;
}

/* At once, whatever delay_ms says. */
void store_refund(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    (void)s;
    *call_out = NULL;
    if (rig_store.down)
        fn(STORE_DOWN, arg);
    else
        fn(limit_local_refund(rig_store.counts, q, loop_now_ms(rig_loop)) ? STORE_HIT : STORE_MISS, arg);
}

/* What is remembered, and the greylist: always at once. */
static struct rig_value { char table[40], key[500], value[500]; int64_t until_ms; } rig_values[64];
static size_t rig_values_n;
static struct rig_grey { char key[500]; struct grey_state state; } rig_greys[256];
static size_t rig_greys_n;

static struct rig_value *rig_value(const char *table, span key)
{
    for (size_t i = 0; i < rig_values_n; i++) {
        struct rig_value *v = &rig_values[i];

        if (strcmp(v->table, table) == 0 && span_eq(span_str(v->key), key) && v->until_ms > loop_now_ms(rig_loop))
            return v;
    }
    return NULL;
}

void store_remember(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg)
{
    struct rig_value *v = rig_value(table, key);

    (void)s;
    (void)now_ms;
    if (!rig_store.down) {
        if (v == NULL) {
            assert_true(rig_values_n < 64);
            v = &rig_values[rig_values_n++];
        }
        snprintf(v->table, sizeof(v->table), "%s", table);
        snprintf(v->key, sizeof(v->key), "%.*s", SPAN_ARG(key));
        snprintf(v->value, sizeof(v->value), "%.*s", SPAN_ARG(value));
        v->until_ms = loop_now_ms(rig_loop) + ttl_ms;
    }
    if (fn != NULL)
        fn(&(struct store_value_result){ .outcome = rig_store.down ? STORE_DOWN : STORE_HIT }, arg);
}

void store_recall(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out)
{
    struct rig_value *v = rig_value(table, key);
    struct store_value_result r = { .outcome = rig_store.down ? STORE_DOWN : v != NULL ? STORE_HIT : STORE_MISS };

    (void)s;
    (void)now_ms;
    *call_out = NULL;
    if (r.outcome == STORE_HIT)
        r.value = span_str(v->value);
    fn(&r, arg);
}

void store_forget(struct store *s, const char *table, span key, store_value_fn *fn, void *arg)
{
    struct rig_value *v = rig_value(table, key);

    (void)s;
    if (v != NULL && !rig_store.down)
        v->until_ms = 0;
    if (fn != NULL)
        fn(&(struct store_value_result){ .outcome = rig_store.down ? STORE_DOWN : v != NULL ? STORE_HIT : STORE_MISS }, arg);
}

void store_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    (void)s;
    (void)prefix;
    (void)limit;
    for (size_t i = 0; i < rig_values_n && !rig_store.down; i++) {
        struct rig_value *v = &rig_values[i];
        struct store_scan_item item = { span_str(v->key), span_str(v->value), 0, v->until_ms - loop_now_ms(rig_loop) };

        if (strcmp(v->table, table) == 0 && item.ttl_left_ms > 0)
            fn(&item, STORE_HIT, false, arg);
    }
    fn(NULL, rig_store.down ? STORE_DOWN : STORE_HIT, true, arg);
}

static struct grey_state *rig_grey(span key)
{
    for (size_t i = 0; i < rig_greys_n; i++) {
        if (span_eq(span_str(rig_greys[i].key), key))
            return &rig_greys[i].state;
    }
    assert_true(rig_greys_n < 256);
    snprintf(rig_greys[rig_greys_n].key, sizeof(rig_greys[0].key), "%.*s", SPAN_ARG(key));
    rig_greys[rig_greys_n].state = (struct grey_state){ 0 };
    return &rig_greys[rig_greys_n++].state;
}

void store_grey(struct store *s, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    struct store_grey_result r = { .outcome = STORE_DOWN, .why = "scripted" };
    int64_t now_ms = loop_now_ms(rig_loop), expires_ms;
    struct grey_state *whole = q->auto_key.n > 0 ? rig_grey(q->auto_key) : NULL;

    (void)s;
    *call_out = NULL;
    rig_store.asked++;
    snprintf(rig_store.last_key, sizeof(rig_store.last_key), "%.*s", SPAN_ARG(q->key));
    if (rig_store.down)
        return fn(&r, arg);
    if (whole != NULL && grey_auto_pass(whole, q, now_ms)) {
        r = (struct store_grey_result){ .outcome = STORE_HIT, .answer = GREY_PASS, .automatic = true };
    } else {
        grey_step(rig_grey(q->key), q, now_ms, &r, &expires_ms);
        if (whole != NULL && r.answer == GREY_PASS)
            grey_auto_count(whole, q, now_ms);
    }
    fn(&r, arg);
}

void store_cancel(struct store_call **call)
{
    if (*call == NULL)
        return;
    loop_timer_stop(&(*call)->timer);
    rig_store.open--;
    free(*call);
    *call = NULL;
}

/* ---- the rig ---- */

static struct services rig_services;
static struct dnsbl_healths *rig_lists;
static struct rules *rig_rules;
static struct stats *rig_stats;

static struct settings *rig_settings(const char *yaml)
{
    char path[] = "/tmp/gatepost-policyd-test.XXXXXX";
    int fd = mkstemp(path);
    struct conf_errors *errors = conf_errors_new();
    struct settings *set;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    close(fd);
    set = settings_load(path, errors);
    unlink(path);
    if (set == NULL || !rules_check(set, errors))
        fail_msg("%s", conf_errors_at(errors, 0));
    conf_errors_free(&errors);
    return set;
}

HELPER void rig_load(const char *yaml)
{
    struct settings *set = rig_settings(yaml);
    struct errtext err = { .text = "" };
    struct rules *old = rig_rules;

    rig_rules = rules_new(rig_loop, set, rig_lists, old, false, &err);
    if (rig_rules == NULL)
        fail_msg("%s", err.text);
    settings_unref(&set);
    dnsbl_healths_resolver(rig_lists, rig_rules->resolver != NULL ? rig_rules->resolver->dnsc : NULL);
    if (old != NULL)
        rules_unref(&old);
}

HELPER void rig_open(const char *yaml)
{
    struct set_log quiet = { .to = LOG_TO_STDERR, .level = LOG_LEVEL_ERROR };

    log_open("test", &quiet, true);
    rig_dns_n = rig_dns_asked = 0;
    memset(&rig_store, 0, sizeof(rig_store));
    rig_values_n = rig_greys_n = 0;
    rig_loop = loop_new_fake(1000000, 1700000000000);
    rig_stats = stats_new("policyd");
    services_open(&rig_services, rig_loop, rig_stats);
    rig_store.counts = limit_local_new(1000);
    rig_services.store = (struct store *)&rig_store;
    rig_lists = dnsbl_healths_new(rig_loop);
    if (yaml != NULL)
        rig_load(yaml);
}

HELPER void rig_close(void)
{
    dnsbl_healths_resolver(rig_lists, NULL);
    if (rig_rules != NULL)
        rules_unref(&rig_rules);
    dnsbl_healths_free(&rig_lists);
    services_close(&rig_services);
    stats_free(&rig_stats);
    limit_local_free(&rig_store.counts);
    assert_int_equal(rig_dns_open, 0);
    assert_int_equal(rig_store.open, 0);
    loop_free(&rig_loop);
    log_close();
}

HELPER int rig_setup(void **state)
{
    (void)state;
    rig_open(NULL);
    return 0;
}

HELPER int rig_teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

/* A request, as "name=value;name=value", over what most tests need. */
HELPER void rig_request(struct eval *e, const char *attributes)
{
    span rest = span_str(arena_str(e->arena, span_str(attributes))), piece;

    memset(&e->req, 0, sizeof(e->req));
    e->req.attrs.v[POLICY_PROTOCOL_STATE] = SPAN("RCPT");
    e->req.attrs.v[POLICY_CLIENT_ADDRESS] = SPAN("192.0.2.1");
    e->req.attrs.v[POLICY_CLIENT_NAME] = SPAN("unknown");
    e->req.attrs.v[POLICY_HELO_NAME] = SPAN("mx.sender.example");
    e->req.attrs.v[POLICY_SENDER] = SPAN("A@Sender.example");
    e->req.attrs.v[POLICY_RECIPIENT] = SPAN("bob@example.com");
    while (span_next(&rest, ';', &piece)) {
        size_t equals = span_find(piece, '=');
        enum policy_attr a = policy_attr_find(span_head(piece, equals));

        if (piece.n == 0)
            continue;
        assert_int_not_equal(a, POLICY_ATTRS);
        e->req.attrs.v[a] = span_from(piece, equals + 1);
    }
    request_prepare(&e->req, rig_rules->set, e->arena);
}

struct asked {
    struct eval *eval;
    bool done;
    struct decision decision;
    bool overdue;
    int64_t at_ms;               /* from the start */
    char answer[600], would[600], findings[3000];
    int64_t started_ms;
};

static void rig_findings(const struct eval *e, char *to, size_t size)
{
    size_t n = 0;

    to[0] = '\0';
    for (size_t i = 0; i < e->n_findings && n < size; i++) {
        const struct finding *f = e->findings[i];

        n += (size_t)snprintf(to + n, size - n, "%s=%s:%s;", f->name,
                              f->kind == FINDING_HIT ? "hit" : f->kind == FINDING_CLEAR ? "clear" : f->kind == FINDING_UNKNOWN ? "unknown" : "skipped",
                              f->saw != NULL ? f->saw : "");
    }
}

static void rig_text(const struct policy_reply *r, char *to, size_t size)
{
    struct buf b;

    buf_init(&b, 4096);
    reply_append(&b, r);
    snprintf(to, size, "%.*s", SPAN_ARG(span_trim(buf_span(&b))));
    buf_free(&b);
}

static void rig_done(struct eval *e, void *arg)
{
    struct asked *a = arg;
    struct policy_reply r = reply_of(e, &e->decision.enforced, "0123456789ABC"), would = reply_of(e, &e->decision.would, "0123456789ABC");

    assert_false(a->done);
    a->done = true;
    a->decision = e->decision;
    a->overdue = e->overdue;
    a->at_ms = loop_now_ms(rig_loop) - a->started_ms;
    rig_text(&r, a->answer, sizeof(a->answer));
    rig_text(&would, a->would, sizeof(a->would));
    rig_findings(e, a->findings, sizeof(a->findings));
    if (e->message != NULL && !e->dry)
        message_add(e->message, e->findings, e->n_findings, e->decision.enforced.score);
    if (!e->dry)
        serve_note(e, outcome_refuses(e->decision.enforced.outcome));
    eval_release(&a->eval);
}

/* Postfix asks at RCPT alone: limits are charged there. */
HELPER void rig_rcpt_only(void)
{
    rig_services.wiring = (struct wiring){
        .n = 2,
        .contexts = { { .no_data = WIRING_LOST_MAX, .no_end = WIRING_LOST_MAX },
                      { .name = "submission", .no_data = WIRING_LOST_MAX, .no_end = WIRING_LOST_MAX } },
    };
}

/* Begins a decision; it may be done when this returns. */
HELPER void rig_begin(struct asked *a, const char *attributes, bool dry)
{
    struct message *msg;

    memset(a, 0, sizeof(*a));
    a->eval = eval_take(&rig_services);
    a->started_ms = loop_now_ms(rig_loop);
    rig_request(a->eval, attributes);
    msg = dry ? NULL : handover_message(rig_services.messages, &a->eval->req, a->started_ms, loop_wall_ms(rig_loop));
    eval_start(a->eval, rig_rules, msg, dry, rig_done, a);
    message_unref(&msg);
}

/* The whole decision, moving time as far as it needs. */
HELPER struct asked rig_ask(const char *attributes)
{
    struct asked a;

    rig_begin(&a, attributes, false);
    for (int i = 0; i < 10000 && !a.done; i++)
        loop_fake_advance(rig_loop, 1);
    assert_true(a.done);
    return a;
}

#define assert_says(text, part)                                                                                        \
    do {                                                                                                               \
        if (strstr((text), (part)) == NULL)                                                                            \
            fail_msg("\"%s\" is not in \"%s\"", (part), (text));                                                       \
    } while (0)
#define assert_silent(text, part)                                                                                      \
    do {                                                                                                               \
        if (strstr((text), (part)) != NULL)                                                                            \
            fail_msg("\"%s\" is in \"%s\"", (part), (text));                                                           \
    } while (0)

#endif
