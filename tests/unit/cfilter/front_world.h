/* front_world.h - a front process on a scripted clock: one client, a next hop that says what the test says, and a scan that reads its verdict
 * out of the message.
 *
 * Include once per test program; it stands in for cfilter/scan.c and cfilter/scanners.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_FRONT_WORLD_H
#define GATEPOST_TESTS_FRONT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cfilter/front.h"
#include "cfilter/scanner.h"
#include "cfilter/session.h"
#include "cfilter/split.h"
#include "lib/base/alloc.h"
#include "tests/unit/cfilter/default_settings.h"

/* ---- the scan: words in the message say what it finds ---- */

struct scan_job {
    struct loop_timer t;
    struct loop *loop;
    enum scan_outcome outcome;
    struct facts facts;
    scan_fn *fn;
    void *arg;
    bool held;
};

static struct loop *fw_loop;
static struct scan_job *fw_held;            /* a message with HOLD waits here for fw_release */
static unsigned fw_scans, fw_cancelled;
static bool fw_want_virus, fw_want_spam, fw_apart;
static bool fw_survives;                    /* CRASH does not */

const char *scan_outcome_name(enum scan_outcome o)
{
    static const char *const names[] = { "done", "timeout", "crash", "garbage", "no-engine", "busy" };

    return names[o];
}

static void fw_scan_done(void *arg)
{
    struct scan_job *j = arg;
    struct facts *f = xmalloc(sizeof(*f));
    scan_fn *fn = j->fn;
    void *to = j->arg;
    enum scan_outcome outcome = j->outcome;

    *f = j->facts;
    if (fw_held == j)
        fw_held = NULL;
    free(j);
    fn(outcome, outcome == SCAN_DONE ? f : NULL, "as the test wants it", to);
    free(f);
}

struct scan_job *scan_submit(struct scan *s, const struct scan_message *m, int64_t deadline_ms, scan_fn *fn, void *arg)
{
    struct scan_job *j = xcalloc(1, sizeof(*j));
    char *text = xmalloc(m->size + 1);
    span all = span_of(text, m->size);

    (void)s;
    (void)deadline_ms;
    if (m->fd >= 0) {
        assert_int_equal(pread(m->fd, text, m->size, 0), (ssize_t)m->size);
    } else {
        assert_int_equal(m->bytes.n, m->size);
        memcpy(text, m->bytes.p, m->size);
    }
    fw_scans++;
    fw_want_virus = m->want_virus;
    fw_want_spam = m->want_spam;
    fw_apart = m->apart;
    j->fn = fn;
    j->arg = arg;
    j->outcome = SCAN_DONE;
    facts_init(&j->facts);
#define HAS(word) (span_find_span(all, SPAN(word)) < all.n)
    if (HAS("VIRUS") && m->want_virus)
        facts_add(&j->facts, "clamav", FACT_VIRUS, FACT_CLASS_NONE, 0, "Eicar-Test-Signature", "");
    if (HAS("STRAY\rBYTE") && m->want_virus)         /* seen only as it came */
        facts_add(&j->facts, "clamav", FACT_VIRUS, FACT_CLASS_NONE, 0, "Stray-Seen", "");
    if (HAS("SPAM-1000") && m->want_spam)
        facts_add(&j->facts, "gtube", FACT_SPAM, FACT_CLASS_NONE, 1000, "GTUBE", "");
    if (HAS("SPAM-6") && m->want_spam)
        facts_add(&j->facts, "rules", FACT_SPAM, FACT_CLASS_NONE, 6.5, "SIX", "");
    if (HAS("CRASH") && !fw_survives)
        j->outcome = SCAN_CRASHED;
    if (HAS("NO-ENGINE"))
        j->outcome = SCAN_NO_ENGINE;
    if (HAS("HOLD"))
        fw_held = j;
    else
        loop_timer_start(fw_loop, &j->t, 0, fw_scan_done, j);
#undef HAS
    free(text);
    return j;
}

void scan_cancel(struct scan_job **j)
{
    if (*j == NULL)
        return;
    fw_cancelled++;
    if (fw_held == *j)
        fw_held = NULL;
    loop_timer_stop(&(*j)->t);
    free(*j);
    *j = NULL;
}

/* ---- a scanner that asks somebody: the message says what comes of it ---- */

struct lookup {
    struct loop_timer t;
    struct facts *facts;
    bool ok;
    double points;
    lookup_fn *fn;
    void *arg;
};
static unsigned fw_lookups, fw_lookups_cancelled;

static void fw_lookup_done(void *arg)
{
    struct lookup *l = arg;
    lookup_fn *fn = l->fn;
    void *to = l->arg;
    bool ok = l->ok;

    if (ok)
        facts_add(l->facts, "asked", FACT_SPAM, FACT_CLASS_NONE, l->points, "asked", "A,B");
    free(l);
    fn(ok, ok ? "" : "refused", to);
}

static struct lookup *fw_lookup(const struct lookup_context *c, struct facts *f, int64_t deadline_ms, lookup_fn *fn, void *arg)
{
    char text[4096];
    ssize_t n = pread(c->msg->fd, text, sizeof(text), 0);
    span all = span_of(text, n > 0 ? (size_t)n : 0);
    struct lookup *l;

    (void)deadline_ms;
    if (span_find_span(all, SPAN("LOOKUP")) == all.n)
        return NULL;
    fw_lookups++;
    l = xcalloc(1, sizeof(*l));
    *l = (struct lookup){ .facts = f, .fn = fn, .arg = arg, .points = span_find_span(all, SPAN("LOOKUP-RAW\rX")) < all.n ? 1000 : 4,
                          .ok = span_find_span(all, SPAN("LOOKUP-FAILS")) == all.n };
    loop_timer_start(c->loop, &l->t, span_find_span(all, SPAN("LOOKUP-SLOW")) < all.n ? 5000 : 0, fw_lookup_done, l);
    return l;
}

static void fw_lookup_cancel(struct lookup **l)
{
    fw_lookups_cancelled++;
    loop_timer_stop(&(*l)->t);
    free(*l);
    *l = NULL;
}

static const struct scanner fw_asked = { .name = "asked", .lookup = fw_lookup, .lookup_cancel = fw_lookup_cancel };
const struct scanner *const scanners[] = { &fw_asked, NULL };

/* ---- the world ---- */

static char fw_dir[64], fw_next_path[100], fw_address[120];
static struct settings fw_set;
static struct daemon fw_daemon;
static struct front fw_front;
static uint64_t fw_counters[10], fw_classes[FACT_CLASSES];
static int fw_next_listen = -1;

struct fw_peer {
    int fd;
    bool closed, reset;
    size_t n;
    char got[512 * 1024];
};
static struct fw_peer fw_client, fw_next;
static unsigned fw_next_connections;
static struct ipnet fw_trusted_net;
static struct set_network fw_networks[1];

static const char *const fw_xforward_from[] = { "unix" };

static void fw_settings(void)
{
    fw_set = (struct settings){
        .refs = 1000, .mode = MODE_ENFORCE, .hostname = "mx.test",
        .process = { .state_directory = fw_dir },
        .filter = { .mode = MODE_INHERIT, .reinject = fw_address, .max_message_bytes = 100000, .spool_memory_bytes = 20000,
                    .spool_directory = fw_dir, .scan_timeout_ms = 45000, .reinject_timeout_ms = 60000, .idle_timeout_ms = 310000,
                    .xforward_from = { fw_xforward_from, 1 },
                    .virus = { .mode = MODE_ENFORCE }, .unscannable = { UNSCANNABLE_REJECT, 3, HOURS(4) },
                    .spam = { .mode = MODE_INHERIT, .tag = 5, .reject = 10, .max_bytes = 50000, .subject_tag = "[SPAM]" } },
        .handover = { .max_age_ms = MINUTES(60) },
    };
    default_classes(&fw_set);
    assert_true(ipnet_parse(SPAN("10.0.0.0/8"), &fw_trusted_net));
    fw_networks[0] = (struct set_network){ "trusted", { &fw_trusted_net, 1 } };
    fw_set.networks = (struct conf_list){ fw_networks, 1 };
}

static void fw_listen(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", fw_next_path);
    fw_next_listen = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fw_next_listen, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fw_next_listen, 16), 0);
}

static void fw_unlisten(void)
{
    if (fw_next_listen >= 0)
        close(fw_next_listen);
    fw_next_listen = -1;
    unlink(fw_next_path);
}

static int fw_connect(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    session_new(&fw_front, NULL, pair[0]);
    return pair[1];
}

static void fw_peer_open(struct fw_peer *p, int fd)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = fd;
    p->closed = p->reset = false;
    p->n = 0;
}

static void fw_start(void)
{
    static uint64_t **const counters[] = { &fw_front.messages, &fw_front.accepted, &fw_front.tagged, &fw_front.rejected, &fw_front.deferred,
                                           &fw_front.observed, &fw_front.forged, &fw_front.bad_lines, &fw_front.gone, &fw_front.put_off };

    /* A line of log for each message would bury the results. */
    log_open("test", &(struct set_log){ LOG_TO_STDERR, LOG_LEVEL_ERROR }, true);
    strcpy(fw_dir, "/tmp/gatepost-test-front.XXXXXX");
    assert_non_null(mkdtemp(fw_dir));
    snprintf(fw_next_path, sizeof(fw_next_path), "%s/next", fw_dir);
    snprintf(fw_address, sizeof(fw_address), "unix:%s", fw_next_path);
    fw_settings();
    fw_loop = loop_new_fake(1000000, 1800000000000);
    fw_daemon = (struct daemon){ .loop = fw_loop, .settings = &fw_set, .name = "cfilter", .serving = true, .state = &fw_front };
    fw_front = (struct front){ .daemon = &fw_daemon, .split = split_memory_new() };
    memset(fw_counters, 0, sizeof(fw_counters));
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        *counters[i] = &fw_counters[i];
    for (size_t i = 0; i < FACT_CLASSES; i++)
        fw_front.classes[i] = &fw_classes[i];
    fw_client.fd = fw_next.fd = -1;
    fw_scans = fw_cancelled = fw_lookups = fw_lookups_cancelled = fw_next_connections = 0;
    fw_held = NULL;
    fw_survives = fw_apart = false;
    fw_listen();
    fw_peer_open(&fw_client, fw_connect());
}

/* Everything must have been given back: sessions, messages under way, descriptors of the spool. */
static void fw_stop(void)
{
    fw_peer_open(&fw_client, -1);
    fw_peer_open(&fw_next, -1);
    for (int i = 0; i < 50; i++)
        loop_turn(fw_loop, 0);
    loop_fake_advance(fw_loop, HOURS(3));
    session_close_all(&fw_front);
    loop_fake_advance(fw_loop, 10000);
    assert_int_equal(fw_front.n_sessions, 0);
    assert_int_equal(fw_front.busy, 0);
    assert_null(fw_held);
    assert_int_equal(fw_set.refs, 1000);
    split_memory_free(&fw_front.split);
    loop_free(&fw_loop);
    default_end();
    fw_unlisten();
    assert_int_equal(rmdir(fw_dir), 0);
}

static void fw_read(struct fw_peer *p)
{
    while (p->fd >= 0 && !p->closed && p->n < sizeof(p->got) - 1) {
        ssize_t n = read(p->fd, p->got + p->n, sizeof(p->got) - 1 - p->n);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            p->closed = true;
            p->reset = n < 0;
            break;
        }
        p->n += (size_t)n;
    }
    p->got[p->n] = '\0';
}

/* Lets everything that can happen without time passing happen. */
static void fw_settle(void)
{
    for (int i = 0, idle = 0; i < 200 && idle < 3; i++) {
        int fd;

        idle = loop_turn(fw_loop, 0) ? 0 : idle + 1;
        if (fw_next_listen >= 0 && (fd = accept4(fw_next_listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            fw_peer_open(&fw_next, fd);
            fw_next_connections++;
            idle = 0;
        }
        fw_read(&fw_client);
        fw_read(&fw_next);
    }
}

static void fw_send(struct fw_peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t w = send(p->fd, bytes, n, MSG_NOSIGNAL);

        if (w < 0 && errno == EAGAIN) {
            fw_settle();
            continue;
        }
        if (w < 0)
            return;                     /* the other side has closed: the script will see that */
        bytes += w;
        n -= (size_t)w;
    }
    fw_settle();
}

static void fw_release(void)
{
    assert_non_null(fw_held);
    fw_scan_done(fw_held);
    fw_settle();
}

#endif
