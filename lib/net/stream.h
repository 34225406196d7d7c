/* stream.h - one connected non-blocking descriptor: buffered, plain or TLS, with limits and deadlines.
 *
 * Units:     bytes and milliseconds.
 * Ownership: the stream owns the descriptor and both buffers.  stream_close may be called inside its own
 *            callbacks; the object is freed by the loop at the end of the turn and no callback follows.
 * Output:    stream_write only queues; one write(2)/writev(2) at the end of the turn carries all of it
 *            (TCP_NODELAY is set), so small answers never become small packets.
 * Input:     is read only while fewer than in_limit bytes wait and reading is wanted: back-pressure on the peer.
 *            The span of stream_in is good until stream_consume or until on_input returns, whichever is first; inside on_input
 *            it is where the kernel put the bytes, and only what is left of them is copied.
 * Callbacks: come from the loop alone, never out of a call of the owner's: what goes wrong in stream_write, stream_flush or
 *            stream_start_tls is told by on_end at the end of the turn.
 * Half-close: after STREAM_EOF, until stream_close, output still goes out: the peer may have closed only its sending side.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_STREAM_H
#define GATEPOST_NET_STREAM_H

#include <sys/uio.h>

#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/net/tls.h"

struct stream;

enum stream_end {
    STREAM_EOF,            /* the peer closed its sending side (unread input was given to on_input first) */
    STREAM_ERROR,          /* reset, or another errno */
    STREAM_TIMEOUT,        /* the deadline passed */
    STREAM_TLS_FAILED,     /* handshake or verification */
    STREAM_OVERFLOW,       /* out_limit passed: the peer does not read */
    STREAM_CONNECT_FAILED, /* stream_connect: refused, unreachable, no such socket */
};

struct stream_handler {
    /* New bytes: look at stream_in, take with stream_consume; called again when more come.  With the buffer full
     * (in_limit) and nothing consumed, on_input is called and reading pauses. */
    void (*on_input)(struct stream *s, void *arg);
    /* The stream is of no more use; `why` for people.  The owner must call stream_close, now or later.  Once. */
    void (*on_end)(struct stream *s, enum stream_end end, const char *why, void *arg);
    void (*on_connected)(struct stream *s, void *arg);   /* stream_connect succeeded; NULL (no wake-up for it) where the peer speaks first */
    void (*on_drained)(struct stream *s, void *arg);     /* may be NULL; the output queue has become empty */
    void (*on_tls)(struct stream *s, void *arg);         /* may be NULL; handshake and verification done */
    /* on_input waits for the end of the turn, when all that has come was read: for many small requests.  Then reading, work and writing each
     * run in one piece, and work finds its memory in the caches that a system call between any two of them would have cost. */
    bool read_all_first;
};

struct stream_limits {
    size_t in_limit;       /* most unread input kept */
    size_t out_limit;      /* most unwritten output kept */
};

/* Takes over a connected fd. */
struct stream *stream_new(struct loop *l, int fd, struct stream_limits limits, const struct stream_handler *h, void *arg);
/* Connects to address ("inet:HOST:PORT" with a numeric HOST, "[v6]", or "unix:PATH"); the outcome comes through the handler.
 * NULL with err only for an address that cannot be one. */
struct stream *stream_connect(struct loop *l, const char *address, struct stream_limits limits,
                              const struct stream_handler *h, void *arg, struct errtext *err);
void stream_close(struct stream **s);                   /* queued output that does not go out at once is dropped */
void stream_close_drained(struct stream **s, int64_t within_ms);   /* sends what is queued first, then closes; to a peer that is
                                                         * still sending, it listens until then, lest a reset destroy the last words */

span stream_in(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
void stream_read_pause(struct stream *s);
void stream_read_resume(struct stream *s);              /* on_input comes again if bytes wait */

void stream_write(struct stream *s, span bytes);        /* copied */
size_t stream_out_pending(const struct stream *s);
void stream_flush(struct stream *s);                    /* try now instead of at the end of the turn */
/* Sends length bytes of fd from offset after what is queued, without copying them through the queue (sendfile on plain streams).  The fd is
 * the caller's and must stay open until on_drained.  One file at a time. */
void stream_send_file(struct stream *s, int fd, off_t offset, size_t length);
/* The same with bytes in memory: they are the caller's and must stay until on_drained.  Counts as the one file. */
void stream_send_lent(struct stream *s, span bytes);

/* One deadline at a time: on_end(STREAM_TIMEOUT) when it passes.  ms < 0 removes it. */
void stream_deadline(struct stream *s, int64_t ms);

/* Starts TLS on the same descriptor.  -1 (and the stream must be closed) if unread plain bytes wait:
 * what was sent before the handshake must not count as said inside it (CVE-2011-0411). */
int stream_start_tls(struct stream *s, struct tls_context *ctx, const char *peer_name, struct errtext *err);
bool stream_is_tls(const struct stream *s);
/* Asks the kernel now whether the peer has closed or reset, without consuming input. */
bool stream_peer_gone(struct stream *s);
int stream_fd(const struct stream *s);
const char *stream_peer(const struct stream *s);        /* "[192.0.2.1]:12345" or "unix" ; for the log */
/* AF_UNIX only: the peer's credentials; false elsewhere. */
bool stream_peer_uid(const struct stream *s, unsigned *uid_out, int *pid_out);

#endif
