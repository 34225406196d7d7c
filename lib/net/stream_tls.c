/* stream_tls.c - TLS on a stream's own descriptor.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdio.h>

#include "lib/net/stream_private.h"

int stream_start_tls(struct stream *s, struct tls_context *ctx, const char *peer_name, struct errtext *err)
{
    if (s->in.len > 0) {
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
    stream_tls_step(s);
    return 0;
}

bool stream_tls_handshaking(const struct stream *s)
{
    return s->tls != NULL && s->handshaking;
}

/* true: TLS only waits for the descriptor. */
static bool waits(struct stream *s, long r)
{
    s->tls_wants_read = r == TLS_WANT_READ;
    s->tls_wants_write = r == TLS_WANT_WRITE;
    return s->tls_wants_read || s->tls_wants_write;
}

void stream_tls_step(struct stream *s)
{
    struct errtext err = { "" };
    long r = tls_handshake(s->tls, &err);

    if (r <= 0) {
        if (waits(s, r))
            stream_update_want(s);
        else
            stream_fail(s, STREAM_TLS_FAILED, err.text);
        return;
    }
    s->handshaking = false;
    s->tls_wants_read = s->tls_wants_write = false;
    stream_update_want(s);
    if (s->handler->on_tls != NULL)
        s->handler->on_tls(s, s->arg);
    if (!s->closed && !s->ended && stream_tls_pending(s))
        loop_defer(s->loop, &s->again, stream_read_again, s);
}

long stream_tls_read(struct stream *s, char *to, size_t n)
{
    struct errtext err = { "" };
    long r = tls_read(s->tls, to, n, &err);

    if (r > 0) {
        buf_commit(&s->in, (size_t)r);
        return r;
    }
    if (waits(s, r)) {
        s->tls_wants_read = false;           /* reading is wanted anyway */
        return 0;
    }
    s->eof = true;
    s->eof_errno = r == 0 ? 0 : ECONNRESET;
    return -1;
}

long stream_tls_write(struct stream *s, span bytes)
{
    struct errtext err = { "" };
    long r = tls_write(s->tls, bytes.p, bytes.n, &err);

    if (r > 0)
        return r;
    if (waits(s, r)) {
        s->blocked = true;
        return 0;
    }
    stream_fail(s, STREAM_TLS_FAILED, err.text);
    return -1;
}

bool stream_tls_pending(const struct stream *s)
{
    return s->tls != NULL && !s->handshaking && tls_read_pending(s->tls);
}

int stream_tls_want(const struct stream *s, bool reading)
{
    int want = (reading || s->tls_wants_read ? LOOP_READ : 0) | (s->tls_wants_write ? LOOP_WRITE : 0);

    if (s->handshaking)
        want = s->tls_wants_write ? LOOP_WRITE : LOOP_READ;
    return want;
}

void stream_tls_end(struct stream *s)
{
    if (s->tls == NULL)
        return;
    if (!s->handshaking && !s->eof)
        tls_say_goodbye(s->tls);             /* the peer's own is not waited for */
    tls_session_free(&s->tls);
}
