/* callout_session.h - one kept SMTP connection to an inner server: MAIL FROM:<>, then one RCPT after the other, never DATA.
 *
 * Units:     milliseconds.
 * Ownership: callout_session_close may be called inside its callbacks; none follows.
 * Source:    RFC 5321 3.3, RFC 3207 (STARTTLS), RFC 6531 (SMTPUTF8).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CALLOUT_SESSION_H
#define GATEPOST_SOCKETMAPD_CALLOUT_SESSION_H

#include "lib/net/loop.h"
#include "lib/net/tls.h"
#include "lib/proto/smtp_reply.h"

struct callout_session;

struct callout_session_settings {
    const char *address;             /* numeric */
    const char *name;                /* of the server, that its certificate must bear */
    const char *hostname;            /* our own: in EHLO, and a server that greets with it is ourselves */
    const char *sender;              /* reverse-path without <>, "" : the null one */
    int starttls;                    /* enum callout_tls */
    struct tls_context *tls;         /* NULL: never */
    int64_t timeout_ms;              /* of one reply */
    int64_t errors_max;              /* refused recipients, after which a new connection is better */
};

struct callout_session_handler {
    void (*on_ready)(struct callout_session *s, void *arg);        /* for the first, or for the next question */
    /* The answer to the question under way. */
    void (*on_reply)(struct callout_session *s, const struct smtp_reply *r, void *arg);
    /* It has ended: close it.  expected: the server was only tired of us (421 between questions, refusals used up), which is no trouble. */
    void (*on_end)(struct callout_session *s, bool expected, const char *why, void *arg);
};

/* NULL with err: the address cannot be one. */
struct callout_session *callout_session_open(struct loop *l, const struct callout_session_settings *set, const struct callout_session_handler *h, void *arg,
                                             struct errtext *err);
void callout_session_close(struct callout_session **s);
bool callout_session_ready(const struct callout_session *s);
bool callout_session_asking(const struct callout_session *s);
/* On a ready one: false if the server cannot be told this address (no SMTPUTF8): no question is under way then. */
bool callout_session_ask(struct callout_session *s, span address);

#endif
