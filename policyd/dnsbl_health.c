/* dnsbl_health.c - may this list be believed now?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/dnsbl_health.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/rand.h"
#include "lib/proto/dnsbl.h"

#define TEST_EVERY_MS      MINUTES(10)
#define FAILED_RETEST_MS   MINUTES(1)
#define UNKNOWN_RETEST_MS  SECONDS(1)        /* doubles, up to: */
#define UNKNOWN_RETEST_MAX SECONDS(16)
#define REFUSED_REST_MS    HOURS(1)
#define SILENT_PROBE_MS    SECONDS(10)
#define TEST_DEADLINE_MS   SECONDS(2)
#define SILENT_AFTER       3

enum test_point { POINT_LISTED, POINT_NOT_LISTED, POINTS };
enum point_result { POINT_OPEN, POINT_RIGHT, POINT_WRONG, POINT_REFUSED, POINT_UNKNOWN };

struct test {
    struct dnsbl_health *health;
    struct dnsc_query *query;
    enum point_result result;
};

struct dnsbl_health {
    struct dnsbl_healths *all;
    struct dnsbl_health *next;
    unsigned refs;
    char *name, *zone;
    enum dnsbl_kind kind;
    enum dnsbl_state state;
    int64_t since_wall_ms;
    unsigned timeouts;               /* in a row */
    int64_t retest_ms;               /* after a first test that could not be made: the resolver may not be up yet */
    struct test tests[POINTS];
    bool testing;
    struct dnsc_query *probe, *watch;
    struct loop_timer timer;         /* the next test or probe */
    struct dnsbl_waiter *waiters;
    struct loop_task wake;           /* waiters run from the loop: never inside the callback of a check they might end */
    uint64_t answered, timed_out, failed, refused;
};

struct dnsbl_healths {
    struct loop *loop;
    struct dnsc *dnsc;
    struct dnsbl_health *first;
};

static void test_begin(void *arg);

const char *dnsbl_state_name(enum dnsbl_state s)
{
    static const char *const names[] = { "untested", "up", "failed", "refusing", "silent" };

    return names[s];
}

static void enter(struct dnsbl_health *h, enum dnsbl_state state)
{
    h->state = state;
    h->since_wall_ms = loop_wall_ms(h->all->loop);
    h->timeouts = 0;
}

static void wake_now(void *arg)
{
    struct dnsbl_health *h = arg;

    while (h->waiters != NULL) {
        struct dnsbl_waiter *w = h->waiters;

        dnsbl_health_unwait(w);
        w->fn(w->arg);               /* may take the waiter with it */
    }
}

static void wake_waiters(struct dnsbl_health *h)
{
    loop_defer(h->all->loop, &h->wake, wake_now, h);
}

static void cancel_questions(struct dnsbl_health *h)
{
    for (int i = 0; i < POINTS; i++)
        dnsc_cancel(&h->tests[i].query);
    dnsc_cancel(&h->probe);
    dnsc_cancel(&h->watch);
    h->testing = false;
}

static void again_in(struct dnsbl_health *h, int64_t ms, loop_timer_fn *fn)
{
    loop_timer_start(h->all->loop, &h->timer, ms, fn, h);
}

static void refuses(struct dnsbl_health *h, const struct ipaddr *code)
{
    char text[IPADDR_TEXT_MAX];

    h->refused++;
    if (h->state != DNSBL_REFUSING) {
        ipaddr_format(code, text);
        log_error("dnsbl %s: off for an hour, it answered %s, which is no listing (a public resolver, a quota, or the zone is gone)",
                  h->name, text);
        enter(h, DNSBL_REFUSING);
    }
    again_in(h, REFUSED_REST_MS, test_begin);
}

/* ---- the test ---- */

static void test_passed(struct dnsbl_health *h)
{
    if (h->state != DNSBL_UP) {
        if (h->state != DNSBL_UNTESTED)
            log_warning("dnsbl %s: passes its test again, back in use", h->name);
        enter(h, DNSBL_UP);
    }
    again_in(h, TEST_EVERY_MS, test_begin);
}

static void test_failed(struct dnsbl_health *h)
{
    if (h->state != DNSBL_FAILED) {
        bool everybody = h->tests[POINT_NOT_LISTED].result == POINT_WRONG;

        if (everybody)               /* nor may what it said of others while it did be believed when it is back */
            dnsc_flush(h->all->dnsc);
        log_error("dnsbl %s: off, because %s (RFC 5782 test points); look whether the list has moved or ended", h->name,
                  everybody ? "it lists what no list may list" : "its test entry is not there");
        enter(h, DNSBL_FAILED);
    }
    again_in(h, FAILED_RETEST_MS, test_begin);
}

/* Says nothing about the list; only a list that has never been tested is in a hurry. */
static void test_came_to_nothing(struct dnsbl_health *h)
{
    if (h->state != DNSBL_UNTESTED) {
        again_in(h, FAILED_RETEST_MS, test_begin);
        return;
    }
    h->retest_ms = h->retest_ms == 0 ? UNKNOWN_RETEST_MS : h->retest_ms < UNKNOWN_RETEST_MAX ? 2 * h->retest_ms : UNKNOWN_RETEST_MAX;
    again_in(h, h->retest_ms, test_begin);
}

static void test_end(struct dnsbl_health *h)
{
    enum point_result listed = h->tests[POINT_LISTED].result, not_listed = h->tests[POINT_NOT_LISTED].result;

    h->testing = false;
    if (listed == POINT_REFUSED || not_listed == POINT_REFUSED)
        ;                            /* refuses() has set the state and the timer */
    else if (listed == POINT_WRONG || not_listed == POINT_WRONG)
        test_failed(h);
    else if (listed == POINT_RIGHT && not_listed == POINT_RIGHT)
        test_passed(h);
    else
        test_came_to_nothing(h);
    wake_waiters(h);
}

static enum point_result point_of(struct dnsbl_health *h, const struct dnsc_answer *a, bool must_be_listed)
{
    if (a->outcome == DNSC_NXDOMAIN || a->outcome == DNSC_NODATA)
        return must_be_listed ? POINT_WRONG : POINT_RIGHT;
    if (a->outcome != DNSC_FOUND)
        return POINT_UNKNOWN;
    for (size_t i = 0; i < a->n; i++) {
        if (dnsbl_classify(&a->records[i].addr, NULL) == DNSBL_REFUSED) {
            refuses(h, &a->records[i].addr);
            return POINT_REFUSED;
        }
    }
    return must_be_listed ? POINT_RIGHT : POINT_WRONG;
}

static void test_answered(const struct dnsc_answer *a, void *arg)
{
    struct test *t = arg;
    struct dnsbl_health *h = t->health;

    t->query = NULL;
    t->result = point_of(h, a, t == &h->tests[POINT_LISTED]);
    if (h->tests[POINT_LISTED].result != POINT_OPEN && h->tests[POINT_NOT_LISTED].result != POINT_OPEN)
        test_end(h);
}

static bool point_name(const struct dnsbl_health *h, enum test_point point, char text[DNSBL_NAME_MAX], span *name_out)
{
    struct ipaddr a = { .family = 4, .b = { 127, 0, 0, point == POINT_LISTED ? 2 : 1 } };

    if (h->kind == DNSBL_CLIENT)
        return dnsbl_query_address(&a, span_str(h->zone), text, name_out);
    return dnsbl_query_domain(point == POINT_LISTED ? SPAN("test") : SPAN("invalid"), span_str(h->zone), text, name_out);
}

static void test_begin(void *arg)
{
    struct dnsbl_health *h = arg;

    if (h->all->dnsc == NULL)
        return;
    cancel_questions(h);
    h->testing = true;
    for (int i = 0; i < POINTS; i++)
        h->tests[i] = (struct test){ .health = h, .result = POINT_OPEN };
    for (int i = 0; i < POINTS; i++) {
        char text[DNSBL_NAME_MAX];
        span name;

        if (!point_name(h, (enum test_point)i, text, &name)) {
            h->tests[i].result = POINT_WRONG;      /* rules_check has seen to it that a zone fits */
            continue;
        }
        dnsc_forget(h->all->dnsc, name, DNSC_A);       /* what it said a while ago is not what it says now */
        dnsc_ask(h->all->dnsc, name, DNSC_A, TEST_DEADLINE_MS, test_answered, &h->tests[i], &h->tests[i].query);
    }
}

/* ---- the probe of a silent list ---- */

static void probe_begin(void *arg);

static void probe_answered(const struct dnsc_answer *a, void *arg)
{
    struct dnsbl_health *h = arg;

    h->probe = NULL;
    if (a->outcome == DNSC_FOUND || a->outcome == DNSC_NXDOMAIN || a->outcome == DNSC_NODATA)
        test_begin(h);
    else
        again_in(h, SILENT_PROBE_MS, probe_begin);
}

/* Asks for a name that no cache can hold: any answer shows that the list's servers live. */
static void probe_begin(void *arg)
{
    struct dnsbl_health *h = arg;
    uint64_t random = rand_u64();
    struct ipaddr a = { .family = 4, .b = { 127, (uint8_t)(random | 1), (uint8_t)(random >> 8), (uint8_t)(random >> 16) } };
    char text[DNSBL_NAME_MAX], label[32];
    span name;
    bool ok;

    if (h->all->dnsc == NULL)
        return;
    snprintf(label, sizeof(label), "%016llx.invalid", (unsigned long long)random);
    ok = h->kind == DNSBL_CLIENT ? dnsbl_query_address(&a, span_str(h->zone), text, &name)
                                 : dnsbl_query_domain(span_str(label), span_str(h->zone), text, &name);
    if (ok)
        dnsc_ask(h->all->dnsc, name, DNSC_A, TEST_DEADLINE_MS, probe_answered, h, &h->probe);
    else
        test_begin(h);
}

/* ---- what the checks tell and ask ---- */

enum dnsbl_state dnsbl_health_state(const struct dnsbl_health *h)
{
    return h->state;
}

span dnsbl_health_zone(const struct dnsbl_health *h)
{
    return span_str(h->zone);
}

enum dnsbl_use dnsbl_health_use(const struct dnsbl_health *h, const char **why_not_out)
{
    static const char *const why[] = { "not yet tested", "", "off: failed its test", "off: refuses to answer", "off: silent" };

    if (h->state == DNSBL_UP)
        return DNSBL_ASK;
    if (h->state == DNSBL_UNTESTED && h->testing)
        return DNSBL_ASK_AND_HOLD;
    *why_not_out = why[h->state];
    return DNSBL_DO_NOT_ASK;
}

static void note_timeout(struct dnsbl_health *h)
{
    h->timed_out++;
    if (++h->timeouts < SILENT_AFTER || h->state != DNSBL_UP)
        return;
    log_error("dnsbl %s: out of use, %d questions in a row had no answer; it comes back when it answers again", h->name, SILENT_AFTER);
    enter(h, DNSBL_SILENT);
    cancel_questions(h);
    wake_waiters(h);
    again_in(h, SILENT_PROBE_MS, probe_begin);
}

void dnsbl_health_outcome(struct dnsbl_health *h, enum dnsc_outcome outcome, bool from_cache)
{
    if (outcome == DNSC_TIMEOUT) {
        note_timeout(h);
    } else if (outcome == DNSC_FOUND || outcome == DNSC_NXDOMAIN || outcome == DNSC_NODATA) {
        h->answered++;
        if (!from_cache)
            h->timeouts = 0;
    } else {
        h->failed++;
    }
}

static void watched(const struct dnsc_answer *a, void *arg)
{
    struct dnsbl_health *h = arg;

    h->watch = NULL;
    dnsbl_health_outcome(h, a->outcome, a->from_cache);
}

void dnsbl_health_watch(struct dnsbl_health *h, span name, int64_t timeout_ms)
{
    if (h->watch == NULL && h->all->dnsc != NULL && h->state == DNSBL_UP)
        dnsc_ask(h->all->dnsc, name, DNSC_A, timeout_ms, watched, h, &h->watch);
}

void dnsbl_health_refused(struct dnsbl_health *h, const struct ipaddr *code)
{
    refuses(h, code);
    cancel_questions(h);             /* a test under way must not bring the list back before the hour is over */
    wake_waiters(h);
}

void dnsbl_health_wait(struct dnsbl_health *h, struct dnsbl_waiter *w, void (*fn)(void *arg), void *arg)
{
    w->fn = fn;
    w->arg = arg;
    w->next = h->waiters;
    w->link = &h->waiters;
    if (w->next != NULL)
        w->next->link = &w->next;
    h->waiters = w;
}

void dnsbl_health_unwait(struct dnsbl_waiter *w)
{
    if (w->link == NULL)
        return;
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    w->link = NULL;
}

/* ---- life ---- */

struct dnsbl_healths *dnsbl_healths_new(struct loop *l)
{
    struct dnsbl_healths *a = xcalloc(1, sizeof(*a));

    a->loop = l;
    return a;
}

void dnsbl_healths_free(struct dnsbl_healths **a)
{
    free(*a);
    *a = NULL;
}

void dnsbl_healths_resolver(struct dnsbl_healths *a, struct dnsc *dnsc)
{
    if (a->dnsc == dnsc)
        return;
    for (struct dnsbl_health *h = a->first; h != NULL; h = h->next)
        cancel_questions(h);
    a->dnsc = dnsc;
    for (struct dnsbl_health *h = a->first; h != NULL; h = h->next)
        test_begin(h);
}

struct dnsbl_health *dnsbl_health_of(struct dnsbl_healths *a, const char *name, span zone, enum dnsbl_kind kind)
{
    struct dnsbl_health *h, **at;

    for (h = a->first; h != NULL; h = h->next) {
        if (h->kind == kind && span_eq_nocase(span_str(h->zone), zone)) {
            free(h->name);
            h->name = xstrdup(name);
            h->refs++;
            return h;
        }
    }
    h = xcalloc(1, sizeof(*h));
    h->all = a;
    h->refs = 1;
    h->name = xstrdup(name);
    h->zone = xspandup(zone);
    h->kind = kind;
    h->since_wall_ms = loop_wall_ms(a->loop);
    for (at = &a->first; *at != NULL; at = &(*at)->next)
        ;
    *at = h;
    test_begin(h);
    return h;
}

void dnsbl_health_unref(struct dnsbl_health **hp)
{
    struct dnsbl_health *h = *hp;
    struct dnsbl_health **at;

    *hp = NULL;
    if (h == NULL || --h->refs > 0)
        return;
    cancel_questions(h);
    loop_timer_stop(&h->timer);
    loop_task_cancel(&h->wake);      /* nobody waits: whoever asks holds rules, and they hold this */
    for (at = &h->all->first; *at != h; at = &(*at)->next)
        ;
    *at = h->next;
    free(h->name);
    free(h->zone);
    free(h);
}

void dnsbl_healths_test(struct dnsbl_healths *a)
{
    for (struct dnsbl_health *h = a->first; h != NULL; h = h->next)
        test_begin(h);
}

void dnsbl_healths_print(const struct dnsbl_healths *a, struct buf *to)
{
    int64_t now_ms = loop_wall_ms(a->loop);

    for (const struct dnsbl_health *h = a->first; h != NULL; h = h->next)
        buf_printf(to, "%-20s %-9s for %llds  answered %llu, timeouts %llu, failures %llu, refusals %llu%s\n", h->name,
                   dnsbl_state_name(h->state), (long long)((now_ms - h->since_wall_ms) / 1000), (unsigned long long)h->answered,
                   (unsigned long long)h->timed_out, (unsigned long long)h->failed, (unsigned long long)h->refused,
                   h->testing ? "  (test under way)" : "");
}
