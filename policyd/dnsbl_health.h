/* dnsbl_health.h - may this list be believed now?
 *
 * Each list is tested by the points of RFC 5782 section 5 before its first word counts, and every ten minutes then: 127.0.0.2 must be
 * listed, 127.0.0.1 must not (lists of names: "test" and "invalid").  One that fails is off, with one alarm line, and comes back by
 * itself when it passes.  A refusal code, or an address that no list gives, takes it out for an hour; three timeouts in a row take it
 * out until a probe is answered again.
 * The zone may hold a customer's key: only the public name is ever shown.
 * Units:     milliseconds.
 * Ownership: a health is counted by the rules that use it, so that it outlives a reload that keeps the list.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_DNSBL_HEALTH_H
#define GATEPOST_POLICYD_DNSBL_HEALTH_H

#include "lib/base/buf.h"
#include "lib/net/dnsc.h"
#include "lib/settings/settings.h"

struct dnsbl_healths;      /* all lists of the daemon */
struct dnsbl_health;       /* one zone, asked one kind of question */

enum dnsbl_state {
    DNSBL_UNTESTED,        /* no test has come to an end yet */
    DNSBL_UP,
    DNSBL_FAILED,          /* a test point is wrong: the list lists nobody, or everybody */
    DNSBL_REFUSING,        /* it gave a refusal code */
    DNSBL_SILENT,          /* three timeouts */
};
const char *dnsbl_state_name(enum dnsbl_state s);

enum dnsbl_use {
    DNSBL_ASK,             /* ask, the answer counts */
    DNSBL_ASK_AND_HOLD,    /* ask, but a listing counts only when the running test says so: dnsbl_health_wait */
    DNSBL_DO_NOT_ASK,
};

/* Called once when the running test has ended; the state is then what it found. */
struct dnsbl_waiter {
    struct dnsbl_waiter *next, **link;      /* link == NULL: not waiting */
    void (*fn)(void *arg);
    void *arg;
};

struct dnsbl_healths *dnsbl_healths_new(struct loop *l);
void dnsbl_healths_free(struct dnsbl_healths **a);         /* after the last health has gone */
/* The resolver that tests ask from now on (NULL: none, tests stop); running tests start again with it. */
void dnsbl_healths_resolver(struct dnsbl_healths *a, struct dnsc *dnsc);

/* The health of a zone, made (and its test started) when it is not there; a reference for the caller. */
struct dnsbl_health *dnsbl_health_of(struct dnsbl_healths *a, const char *name, span zone, enum dnsbl_kind kind);
void dnsbl_health_unref(struct dnsbl_health **h);
span dnsbl_health_zone(const struct dnsbl_health *h);
enum dnsbl_state dnsbl_health_state(const struct dnsbl_health *h);
enum dnsbl_use dnsbl_health_use(const struct dnsbl_health *h, const char **why_not_out);

/* What came of a question to the list. */
void dnsbl_health_outcome(struct dnsbl_health *h, enum dnsc_outcome outcome, bool from_cache);
/* A question that its asker no longer waits for is waited for here, one at a time: else a list that is silent, but whose word is seldom
 * needed, would have everybody wait a little for ever. */
void dnsbl_health_watch(struct dnsbl_health *h, span name, int64_t timeout_ms);
/* The list gave a code that is never a listing. */
void dnsbl_health_refused(struct dnsbl_health *h, const struct ipaddr *code);

void dnsbl_health_wait(struct dnsbl_health *h, struct dnsbl_waiter *w, void (*fn)(void *arg), void *arg);
void dnsbl_health_unwait(struct dnsbl_waiter *w);

/* Tests every list now, also those that are off: for whoever has just mended something. */
void dnsbl_healths_test(struct dnsbl_healths *a);
/* One line a list: name, state, since when, counts. */
void dnsbl_healths_print(const struct dnsbl_healths *a, struct buf *to);

#endif
