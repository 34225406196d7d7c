/* stream_private.h - what stream.c and stream_tls.c share.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_STREAM_PRIVATE_H
#define GATEPOST_NET_STREAM_PRIVATE_H

#include "lib/base/buf.h"
#include "lib/net/address.h"
#include "lib/net/stream.h"
#include "lib/net/tls_session.h"

struct stream {
    struct loop *loop;
    struct loop_io io;
    struct loop_timer deadline, linger;
    struct loop_task flush, again, gone;
    const struct stream_handler *handler;
    void *arg;
    int fd;
    struct buf in, out;
    struct buf after;              /* what was queued behind a file */
    int file_fd;
    off_t file_at;
    size_t file_left;
    size_t out_limit;
    bool connecting, paused, blocked;
    bool eof, eof_told;            /* the peer's end was read; the owner had its last look at the input */
    int eof_errno;
    bool ended;                    /* on_end was called */
    bool closed;                   /* by the owner */
    bool lingering;                /* closed by the owner, still sending */
    struct tls_session *tls;
    bool handshaking, tls_wants_write, tls_wants_read;
    char peer[ADDRESS_TEXT_MAX];
};

void stream_fail(struct stream *s, enum stream_end end, const char *why);
void stream_update_want(struct stream *s);
void stream_read_again(void *arg);

bool stream_tls_handshaking(const struct stream *s);
void stream_tls_step(struct stream *s);                            /* goes on with the handshake */
long stream_tls_read(struct stream *s, char *to, size_t n);        /* as read_some */
long stream_tls_write(struct stream *s, span bytes);               /* bytes taken, 0: not now */
bool stream_tls_pending(const struct stream *s);
int stream_tls_want(const struct stream *s, bool reading);
void stream_tls_end(struct stream *s);

#endif
