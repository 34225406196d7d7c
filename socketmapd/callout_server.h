/* callout_server.h - one inner server that is asked about recipients: its sessions, its queue, and what it is known to do.
 *
 * Ownership: callout_server_free calls nobody back.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CALLOUT_SERVER_H
#define GATEPOST_SOCKETMAPD_CALLOUT_SERVER_H

#include "lib/net/dnsc.h"
#include "lib/net/tls.h"
#include "socketmapd/callout_target.h"
#include "socketmapd/source.h"

struct callout_server;
struct callout_ask;

/* What the servers of a source share; lives longer than they. */
struct callout_shared {
    struct loop *loop;
    const struct set_recipient_source *set;
    struct dnsc *dnsc;
    struct tls_context *tls;
    const char *hostname;              /* our own */
};

struct callout_server *callout_server_new(const struct callout_shared *shared, const struct callout_target *t);
void callout_server_free(struct callout_server **s);
/* fn runs once, never before this has returned, unless cancelled. */
struct callout_ask *callout_server_ask(struct callout_server *s, span address, int64_t deadline_ms, source_fn *fn, void *arg);
void callout_ask_cancel(struct callout_ask **a);
/* One line for people: where it is, whether it refuses unknown addresses of the domain. */
void callout_server_describe(const struct callout_server *s, span domain, struct buf *to);

#endif
