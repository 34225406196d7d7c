/* tls_session.h - one TLS connection on a descriptor; for stream.c, the only one that speaks it.
 *
 * Units:     bytes.  Results of step, read and write: > 0 (bytes, or 1: done), 0: end of the peer's data (read only),
 *            TLS_WANT_READ / TLS_WANT_WRITE: again when the descriptor is ready, TLS_FAILED: with err.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_TLS_SESSION_H
#define GATEPOST_NET_TLS_SESSION_H

#include <stddef.h>

#include "lib/base/errtext.h"
#include "lib/net/tls.h"

struct tls_session;

enum { TLS_WANT_READ = -1, TLS_WANT_WRITE = -2, TLS_FAILED = -3 };

/* peer_name: what a client's peer must be certified as, a host name or an address; a client that verifies must give one. */
struct tls_session *tls_session_new(struct tls_context *ctx, int fd, const char *peer_name, struct errtext *err);
void tls_session_free(struct tls_session **t);
long tls_handshake(struct tls_session *t, struct errtext *err);
long tls_read(struct tls_session *t, void *to, size_t n, struct errtext *err);
long tls_write(struct tls_session *t, const void *from, size_t n, struct errtext *err);
bool tls_read_pending(const struct tls_session *t);     /* decrypted bytes are in memory, of which the descriptor knows nothing */
void tls_say_goodbye(struct tls_session *t);            /* close_notify (RFC 8446 6.1), if it can be sent now */

#endif
