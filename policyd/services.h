/* services.h - what the checks of policyd share beyond one request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_SERVICES_H
#define GATEPOST_POLICYD_SERVICES_H

#include "lib/app/events.h"
#include "lib/app/stats.h"
#include "lib/net/loop.h"
#include "lib/store/store.h"
#include "policyd/wiring.h"

struct limit_local;
struct limit_commit;
struct hook;
struct recorded;
struct marks;
struct lru;
struct handover_memory;
struct eval;

/* Plain numbers: ++ is the hot path.  counters_init binds them to the daemon's stats. */
struct counters {
    uint64_t *requests, *passed, *deferred, *rejected, *observed, *dunno, *handed_over;
    uint64_t *overdue, *junk, *store_down, *findings_lost;
    uint64_t *dns_listed, *dns_clear, *dns_timeout, *dns_failed, *dns_refusal, *dns_odd, *dns_skipped;
    uint64_t *limits_exceeded, *limits_local, *spoofed, *denied, *allowed, *custom, *blocked, *helo, *recipients;
    uint64_t *spf_results[7];
    uint64_t *refused_after, *hooks, *hooks_failed;
    uint64_t *greylisted, *grey_passed, *grey_automatic, *grey_known;
};

struct services {
    struct loop *loop;
    struct store *store;              /* NULL: none here (an explanation without a running daemon) */
    struct limit_local *local;        /* counts while the store is down */
    struct limit_commit *commits;     /* charges that nobody waits for */
    struct loop_timer owed_again;     /* more is owed to the store */
    struct hook *hook;                /* tells of limits that were exceeded; NULL: nobody is told */
    const struct recorded *recorded;  /* replay: what was seen then, in place of DNS; else NULL */
    struct lru *grey_told;            /* who was told to come again */
    struct marks *marks;        /* NULL: none are looked at */
    struct wiring wiring;
    struct handover_memory *messages;
    struct events *events;            /* NULL: none */
    struct counters count;
    struct buf answer, field;         /* the line being written */
    struct eval *idle_evals;          /* kept for the next request */
    size_t idle_evals_n;
};

/* Binds the counters to the daemon's stats; s may be NULL: they then count for nobody. */
void counters_init(struct counters *c, struct stats *s);
/* Tables and buffers; store and events are set by the caller.  services_close frees what services_open made. */
void services_open(struct services *s, struct loop *l, struct stats *stats);
void services_close(struct services *s);

#endif
