/* assess.c - one message through all scanners, to its verdict.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/assess.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cfilter/scanner.h"
#include "cfilter/unscannable.h"
#include "cfilter/washed.h"
#include "lib/base/alloc.h"

enum { LOOKUPS_MAX = 8 };

struct pending {
    struct assess *assess;
    const struct scanner *scanner;
    struct lookup *lookup;
};

struct assess {
    struct front *front;
    struct settings *set;
    struct assess_message msg;
    struct mixed_class *classes;
    size_t n_classes;
    struct scan_message scan_message, lookup_message;
    int washed_fd;                       /* of lookup_message, when it is not the message's own; or -1 */
    assess_fn *fn;
    void *arg;
    struct loop_timer later;             /* nothing to wait for: still not before assess_start has returned */
    struct scan_job *job;
    struct pending pending[LOOKUPS_MAX];
    size_t n_pending, n_failures;
    struct verdict_lookup_failure failures[LOOKUPS_MAX];
    char failure_text[LOOKUPS_MAX][160];
    struct unscannable *unscannable;
    bool scanned, starting;
    bool known;                          /* a worker has died of it before */
    bool untried;                        /* it must wait for its next try */
    enum scan_outcome outcome;
    char why[200];
    struct facts *facts, *lookups;       /* apart: they are large, and mostly empty */
    int64_t begun_us, tries, since_first_ms;
    char received[900];
};

static void cancel_lookups(struct assess *a)
{
    for (size_t i = 0; i < a->n_pending; i++)
        if (a->pending[i].lookup != NULL)
            a->pending[i].scanner->lookup_cancel(&a->pending[i].lookup);
}

static void release(struct assess *a)
{
    if (a->washed_fd >= 0)
        close(a->washed_fd);
    settings_unref(&a->set);
    free(a->classes);
    free(a->facts);
    free(a->lookups);
    free(a);
}

static struct facts *facts_new(void)
{
    struct facts *f = xmalloc(sizeof(*f));

    facts_init(f);
    return f;
}

static void finish(struct assess *a)
{
    bool done = a->scanned && a->outcome == SCAN_DONE;
    struct verdict_input in = { .set = a->set, .trusted = a->msg.trusted, .size = a->msg.bytes.n, .scanned = a->scanned,
                                .outcome = a->outcome, .why = a->why, .facts = done ? a->facts : NULL, .lookups = a->lookups,
                                .failures = a->failures, .n_failures = a->n_failures, .tries = a->tries,
                                .since_first_ms = a->since_first_ms };
    struct verdict v;
    size_t by = mixed_verdict(&in, a->classes, a->n_classes, &v);
    struct assess_result r = { .verdict = &v, .set = settings_of_rcpt_class(a->set, a->classes[by].share.klass), .classes = a->classes,
                               .n_classes = a->n_classes, .decided_by = by, .outcome = a->outcome, .why = a->why, .facts = in.facts,
                               .lookups = a->lookups, .took_us = loop_now_us(a->front->daemon->loop) - a->begun_us };

    a->fn(&r, a->arg);
    release(a);
}

static void on_counted(int64_t tries, int64_t since_first_ms, void *arg)
{
    struct assess *a = arg;

    a->unscannable = NULL;
    a->tries = tries;
    a->since_first_ms = since_first_ms;
    finish(a);
}

static bool still_waits(const struct assess *a)
{
    if (a->job != NULL || a->starting)
        return true;
    for (size_t i = 0; i < a->n_pending; i++)
        if (a->pending[i].lookup != NULL)
            return true;
    return false;
}

static void go_on(struct assess *a)
{
    const struct set_unscannable *u = &a->set->filter.unscannable;
    struct front *f = a->front;

    if (still_waits(a))
        return;
    if (a->scanned && a->msg.counts && !a->untried && (f->store != NULL || f->poison != NULL) && verdict_is_unscannable(a->outcome, a->outcome == SCAN_DONE ? a->facts : NULL)) {
        struct unscannable *count = unscannable_count(f->store, f->poison, a->msg.bytes, a->outcome, a->scan_message.apart,
                                                      loop_wall_ms(f->daemon->loop), 2 * u->after_ms + HOURS(1),
                                                      on_counted, a);

        if (count != NULL)
            a->unscannable = count;
        return;                          /* NULL: on_counted has run, a is gone */
    }
    finish(a);
}

/* Points cannot change what follows from a virus, from a class that is refused, or from a scan that did not take place. */
static bool is_decided(const struct assess *a)
{
    struct verdict_input in = { .set = a->set, .trusted = a->msg.trusted, .size = a->msg.bytes.n, .scanned = true,
                                .outcome = a->outcome, .why = a->why, .facts = a->facts };
    struct verdict v;

    (void)mixed_verdict(&in, a->classes, a->n_classes, &v);
    return (v.action == VERDICT_REJECT && v.cause != CAUSE_SPAM) || (v.action == VERDICT_DEFER && v.cause == CAUSE_NOT_SCANNED);
}

static void on_scanned(enum scan_outcome outcome, const struct facts *facts, const char *why, void *arg)
{
    struct assess *a = arg;

    a->job = NULL;
    a->outcome = outcome;
    snprintf(a->why, sizeof(a->why), "%s", why != NULL ? why : "");
    if (outcome == SCAN_DONE) {
        a->facts = xmalloc(sizeof(*a->facts));
        memcpy(a->facts, facts, offsetof(struct facts, v) + facts->n * sizeof(facts->v[0]));
    }
    if (a->known && a->msg.counts && outcome == SCAN_DONE && facts->complete)
        unscannable_forget(a->front->store, a->front->poison, a->msg.bytes);
    if (is_decided(a))
        cancel_lookups(a);
    go_on(a);
}

static void lookup_failed(struct assess *a, const struct scanner *s, const char *why)
{
    char *text = a->failure_text[a->n_failures];

    snprintf(text, sizeof(a->failure_text[0]), "%s", why);
    a->failures[a->n_failures++] = (struct verdict_lookup_failure){ s->name, text };
}

static void on_lookup(bool ok, const char *why, void *arg)
{
    struct pending *p = arg;
    struct assess *a = p->assess;

    p->lookup = NULL;
    if (!ok)
        lookup_failed(a, p->scanner, why);
    go_on(a);
}

/* What a scanner that reads client and HELO out of a Received field is given on top. */
static void make_received(struct assess *a)
{
    const struct assess_message *m = &a->msg;

    if (m->client_address == NULL || m->client_address[0] == '\0')
        return;
    snprintf(a->received, sizeof(a->received), "Received: from %.200s (%.200s [%.60s])\r\n\tby %.200s (Gatepost) with ESMTP\r\n",
             m->helo != NULL && m->helo[0] != '\0' ? m->helo : "unknown",
             m->client_name != NULL && m->client_name[0] != '\0' ? m->client_name : "unknown", m->client_address, a->set->hostname);
}

/* What is given away over the network is the message as it will go on. */
static bool have_lookup_message(struct assess *a, struct errtext *err)
{
    if (a->lookup_message.size > 0)
        return true;
    if ((a->msg.strays || a->msg.fd < 0) && (a->washed_fd = washed_open(a->msg.bytes, err)) < 0)
        return false;
    a->lookup_message = a->scan_message;
    if (a->washed_fd >= 0)
        a->lookup_message.fd = a->washed_fd;
    return true;
}

static bool wants_lookup(const struct assess *a, const struct scanner *s)
{
    return s->lookup != NULL && (s->lookup_wanted == NULL || s->lookup_wanted(a->set)) &&
           (s->is_virus ? a->scan_message.want_virus : a->scan_message.want_spam);
}

static void start_lookups(struct assess *a)
{
    struct lookup_context c = { a->front->daemon->loop, a->set, &a->lookup_message, a->received };
    struct errtext err = { "" };

    for (size_t i = 0; scanners[i] != NULL && a->n_pending < LOOKUPS_MAX; i++) {
        const struct scanner *s = scanners[i];
        struct pending *p = &a->pending[a->n_pending];

        if (!wants_lookup(a, s))
            continue;
        if (!have_lookup_message(a, &err)) {
            lookup_failed(a, s, err.text);
            continue;
        }
        *p = (struct pending){ a, s, NULL };
        a->n_pending++;
        p->lookup = s->lookup(&c, a->lookups, a->set->filter.scan_timeout_ms, on_lookup, p);
    }
}

static void on_later(void *arg)
{
    struct assess *a = arg;

    a->starting = false;
    go_on(a);
}

/* As if it had been tried and the outcome were that of the last time. */
static void answer_as_before(struct assess *a, const struct poison_record *r, bool enough)
{
    a->outcome = r->outcome;
    snprintf(a->why, sizeof(a->why), "a worker has ended on it before (%s, try %lld)", scan_outcome_name(r->outcome), (long long)r->tries);
    a->untried = !enough;
    a->scan_message.apart = r->apart;    /* counted as the try before was made */
    a->tries = r->tries;
    a->since_first_ms = r->last_ms > r->first_ms ? r->last_ms - r->first_ms : 0;
    if (a->front->not_tried != NULL)
        ++*a->front->not_tried;
}

/* A message that a worker has died of is not given to the next one just so.  Who only looks (`gatepostctl scan`) may see it tried. */
static void scan(struct assess *a)
{
    const struct poison_record *r = poison_find(a->front->poison, a->msg.bytes);
    int64_t now_ms = loop_wall_ms(a->front->daemon->loop);
    enum poison_advice advice = r != NULL ? poison_advice(r, &a->set->filter.unscannable, now_ms) : POISON_NONE;

    if (advice != POISON_NONE && !a->msg.counts)
        advice = POISON_APART;
    a->known = advice != POISON_NONE;
    a->scan_message.apart = advice == POISON_APART;
    if (advice == POISON_WAIT || advice == POISON_ENOUGH)
        answer_as_before(a, r, advice == POISON_ENOUGH);
    else
        a->job = scan_submit(a->front->scan, &a->scan_message, a->set->filter.scan_timeout_ms, on_scanned, a);
}

static void take_classes(struct assess *a)
{
    const struct assess_message *m = &a->msg;

    a->n_classes = m->n_classes > 0 ? m->n_classes : 1;
    a->classes = xcalloc(a->n_classes, sizeof(*a->classes));
    for (size_t i = 0; i < m->n_classes; i++)
        a->classes[i].share = m->classes[i];
    if (m->n_classes == 0)
        a->classes[0].share.recipients = m->n_rcpt;
}

struct assess *assess_start(struct front *f, const struct settings *set, const struct assess_message *m, assess_fn *fn, void *arg)
{
    struct assess *a = xcalloc(1, sizeof(*a));

    a->front = f;
    a->set = settings_ref((struct settings *)(uintptr_t)set);
    a->msg = *m;
    a->fn = fn;
    a->arg = arg;
    a->begun_us = loop_now_us(f->daemon->loop);
    a->starting = true;
    a->washed_fd = -1;
    a->lookups = facts_new();
    take_classes(a);
    a->scan_message = (struct scan_message){ .fd = m->fd, .bytes = m->bytes, .size = m->bytes.n, .id = m->id, .client_address = m->client_address,
                                             .helo = m->helo, .reverse_path = m->reverse_path, .n_rcpt = m->n_rcpt,
                                             .want_virus = mixed_wants_virus(set, m->classes, m->n_classes),
                                             .want_spam = mixed_wants_spam(set, m->classes, m->n_classes, m->trusted, m->bytes.n) };
    make_received(a);
    a->scanned = a->scan_message.want_virus || a->scan_message.want_spam;
    if (a->scanned)
        scan(a);
    if (!a->untried)
        start_lookups(a);
    loop_timer_start(f->daemon->loop, &a->later, 0, on_later, a);
    return a;
}

void assess_cancel(struct assess **ap)
{
    struct assess *a = *ap;

    *ap = NULL;
    if (a == NULL)
        return;
    loop_timer_stop(&a->later);
    scan_cancel(&a->job);
    cancel_lookups(a);
    unscannable_cancel(&a->unscannable);
    release(a);
}
