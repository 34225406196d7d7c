/* session.h - one connection of an MTA: netstrings in, answers out, strictly in order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SESSION_H
#define GATEPOST_SOCKETMAPD_SESSION_H

#include "lib/app/daemon.h"
#include "socketmapd/lookup.h"

struct session;

struct session_owner {               /* what all sessions of a daemon share; the state of the daemon */
    struct daemon *daemon;
    struct lookup *lookup;
    struct session *all;
    size_t n, busy;
    uint64_t *bad_frames, *unknown_maps;
};

void session_new(struct session_owner *o, struct listener *from, int fd);
/* Idle ones close, busy ones close after the reply. */
void session_drain_all(struct session_owner *o);
void session_close_all(struct session_owner *o);

#endif
