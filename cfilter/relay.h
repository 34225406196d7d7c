/* relay.h - the client side: one message's dialogue with the re-injection server.
 *
 * A relay is opened at MAIL, carries one transaction and is closed.  One command at a time; a reply out of turn ends it.
 * Its connection may be one that the message before has used (relay_keep.h).  If that one fails, or refuses anything, before the first command is
 * accepted, the same is said again on a new connection, and only what comes of that is told.
 * Units:     milliseconds.
 * Ownership: relay_close may be called inside its callbacks; none follows.
 * Errors:    a relay that is lost (refused, closed, reset, silent, garbage) says so once to the command under way, or to the next one.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_RELAY_H
#define GATEPOST_CFILTER_RELAY_H

#include "cfilter/deliver.h"
#include "cfilter/relay_keep.h"
#include "lib/net/loop.h"
#include "lib/proto/smtp_reply.h"
#include "lib/proto/xforward.h"

struct relay;

/* reply == NULL: there is none and there will be none; `why` for people.  A reply that came has any code. */
typedef void relay_fn(const struct smtp_reply *reply, const char *why, void *arg);

struct relay_settings {
    const char *address;
    const char *hostname;          /* for EHLO */
    int64_t timeout_ms;            /* of one reply; connect, greeting, EHLO, XFORWARD and the first command share one */
    struct relay_keep *keep;       /* must outlive all relays; NULL: no connection is kept */
    int64_t keep_ms;               /* a connection waits so long for its next message; 0: none does */
};

/* Connects, greets and hands XFORWARD on (x may be NULL).  ready runs once: with the last reply (2xx), or NULL when anything before was not as
 * it should be (a refusal here is the machinery's trouble and never the message's). */
struct relay *relay_open(struct loop *l, const struct relay_settings *set, const struct xforward *x, relay_fn *ready, void *arg);
/* Sends one line verbatim (without CR LF).  A reply that comes is 2xx, 4xx or 5xx. */
void relay_command(struct relay *r, span line, relay_fn *fn, void *arg);
/* DATA, answered within within_ms; only here a 354 is an answer. */
void relay_data(struct relay *r, int64_t within_ms, relay_fn *fn, void *arg);
/* After a 354: sends the message and, if may_commit says yes at that very moment, the end of data.  within_ms bounds all of it.
 * When may_commit says no, the connection is cut without an end, and fn gets NULL. */
void relay_deliver(struct relay *r, struct deliver *d, int64_t within_ms, bool (*may_commit)(void *arg), relay_fn *fn, void *arg);
bool relay_committed(const struct relay *r);      /* the end of data may have reached the next hop */
bool relay_lost(const struct relay *r);
/* The connection is kept, or gets a QUIT where the dialogue allows one, else it is cut: an open DATA never gets an end. */
void relay_close(struct relay **r);

#endif
