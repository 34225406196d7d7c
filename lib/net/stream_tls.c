/* stream_tls.c - TLS on a stream's own descriptor.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>

#include "lib/net/stream_private.h"

int stream_start_tls(struct stream *s, struct tls_context *ctx, const char *peer_name, struct errtext *err)
{
    if (s->tls != NULL || s->connecting || s->ended || s->out_dead) {
        errtext_set(err, "TLS cannot be started on this connection now");
        return -1;
    }
    if (stream_in(s).n > 0) {
        errtext_set(err, "%s sent plain bytes before the TLS handshake", s->peer);
        return -1;
    }
    if (stream_out_pending(s) > 0)
        stream_flush(s);
    if (stream_out_pending(s) > 0) {
        errtext_set(err, "plain output still waits");
        return -1;
    }
    s->tls = tls_session_new(ctx, s->fd, peer_name, err);
    if (s->tls == NULL)
        return -1;
    s->handshaking = true;
    /* The first step is the loop's: on_tls and on_end never come out of this call.  A socket that can be written to,
     * as it is now, wakes the loop at once. */
    s->handshake_wants_write = true;
    stream_update_want(s);
    return 0;
}

void stream_tls_step(struct stream *s)
{
    struct errtext err = { "" };
    long r = tls_handshake(s->tls, &err);

    if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
        s->handshake_wants_write = r == TLS_WANT_WRITE;
        stream_update_want(s);
        return;
    }
    if (r <= 0) {
        stream_fail(s, STREAM_TLS_FAILED, err.text);
        return;
    }
    s->handshaking = false;
    stream_update_want(s);
    if (s->handler->on_tls != NULL && !s->lingering)
        s->handler->on_tls(s, s->arg);
    if (!s->closed && !s->ended)
        stream_write_now(s, true);
}

long stream_tls_read(struct stream *s, char *to, size_t n)
{
    struct errtext err = { "" };
    long r = tls_read(s->tls, to, n, &err);

    s->read_wants_write = r == TLS_WANT_WRITE;
    if (r > 0)
        return r;
    if (r == TLS_WANT_READ || r == TLS_WANT_WRITE)
        return 0;
    s->eof = true;
    /* Without the peer's close_notify the end may be somebody else's doing (RFC 8446 section 6.1): no EOF, an error. */
    s->eof_errno = r == 0 ? 0 : ECONNRESET;
    return -1;
}

long stream_tls_write(struct stream *s, span bytes)
{
    struct errtext err = { "" };
    long r = tls_write(s->tls, bytes.p, bytes.n, &err);

    s->write_wants_read = r == TLS_WANT_READ;
    if (r > 0)
        return r;
    if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
        s->blocked = true;
        return 0;
    }
    stream_fail_later(s, STREAM_TLS_FAILED, err.text);
    return -1;
}

bool stream_is_tls(const struct stream *s)
{
    return s->tls != NULL && !s->handshaking;
}

bool stream_tls_pending(const struct stream *s)
{
    return stream_is_tls(s) && tls_read_pending(s->tls);
}

void stream_tls_end(struct stream *s)
{
    if (s->tls == NULL)
        return;
    if (!s->handshaking && !s->out_dead)
        tls_say_goodbye(s->tls);             /* the peer's own is not waited for */
    tls_session_free(&s->tls);
}
