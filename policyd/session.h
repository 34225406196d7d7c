/* session.h - connections of Postfix' smtpd: access requests in, answers out, in order.
 *
 * One request a connection is judged at a time; further ones wait in the input buffer, and when that is full, at the peer.  A readable
 * request is always answered; what cannot be read closes the connection with one line in the log (Postfix then asks once more, and
 * takes its default action).  Idle connections are kept: closing one costs Postfix a second.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_SESSION_H
#define GATEPOST_POLICYD_SESSION_H

#include "policyd/serve.h"

struct session;

struct sessions {
    struct services *services;
    struct rules **rules;                             /* where the rules in force are found */
    void (*gone)(void *from, void *arg);              /* a connection taken from `from` has ended; may be NULL */
    void *gone_arg;
    struct session *first;
    size_t n, busy;                                   /* connections; those with a request under way */
    bool draining;
    struct loop_timer sweep;
};

void sessions_init(struct sessions *all, struct services *services, struct rules **rules);
/* Takes over a connected descriptor. */
void session_new(struct sessions *all, void *from, int fd);
/* Idle connections close now, busy ones after their answer. */
void sessions_drain(struct sessions *all);
void sessions_close(struct sessions *all);

#endif
