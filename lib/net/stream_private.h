/* stream_private.h - what stream.c, stream_out.c and stream_tls.c share.
 *
 * Ends:      what reading finds goes to the owner at once (stream_fail: only the loop is below on the stack); what an
 *            owner's own call finds, as a write that fails, goes to it at the end of the turn (stream_fail_later).
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
    struct loop_task flush, again, failed, gone, orphan;
    const struct stream_handler *handler;
    void *arg;
    int fd;

    struct buf in;
    span lent;                     /* inside on_input: bytes just read, still in the common block; in is empty then */
    bool paused;                   /* by the owner */
    bool give_again;               /* on_input is owed for bytes that wait already */
    bool eof, eof_told;            /* the peer's end was read; the owner had its last look at the input */
    int eof_errno;

    struct buf out, after;         /* after: what was queued behind the file */
    int file_fd;                   /* -1: file_bytes */
    const char *file_bytes;        /* from file_at on */
    off_t file_at;
    size_t file_left;
    size_t out_limit;
    bool blocked;                  /* the kernel took no more: goes on when it says so */
    bool tell_drained;             /* something was queued since on_drained */
    bool out_dead;                 /* nothing can or may be sent any more */

    bool connecting;
    bool ended;                    /* on_end was called */
    bool lingering;                /* closed by the owner, still sending */
    bool resting;                  /* all was sent; the peer's unread bytes are dropped until it closes */
    bool closed;                   /* nothing is left but the memory */
    int64_t deadline_at_ms;        /* the timer may be set earlier: moving it is for when it fires */
    enum stream_end later_end;
    char later_why[160];

    struct tls_session *tls;
    bool handshaking, handshake_wants_write;
    bool read_wants_write, write_wants_read;   /* inside TLS either may need the other */
    char peer[ADDRESS_TEXT_MAX];
};

/* stream.c */
void stream_fail(struct stream *s, enum stream_end end, const char *why);
void stream_fail_later(struct stream *s, enum stream_end end, const char *why);
void stream_update_want(struct stream *s);
void stream_read_again(struct stream *s);                          /* at the end of the turn */
void stream_shut(struct stream *s);

/* stream_out.c */
void stream_write_now(struct stream *s, bool in_loop);             /* in_loop: on_drained may be called */

/* stream_tls.c; read and write: bytes, 0: not now, -1: at the end (noted, or failed later) */
void stream_tls_step(struct stream *s);                            /* goes on with the handshake */
long stream_tls_read(struct stream *s, char *to, size_t n);
long stream_tls_write(struct stream *s, span bytes);
bool stream_tls_pending(const struct stream *s);
void stream_tls_end(struct stream *s);

#endif
