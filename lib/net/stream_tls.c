/* stream_tls.c - TLS on a stream's own descriptor.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
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
    s->tls = tls_context_session(ctx, peer_name, err);
    if (s->tls == NULL)
        return -1;
    if (SSL_set_fd(s->tls, s->fd) != 1) {
        errtext_set(err, "TLS cannot take the descriptor");
        return -1;
    }
    s->handshaking = true;
    stream_tls_step(s);
    return 0;
}

bool stream_tls_handshaking(const struct stream *s)
{
    return s->tls != NULL && s->handshaking;
}

static void tls_failed(struct stream *s, const char *what)
{
    char why[300], reason[128] = "";
    unsigned long code = ERR_get_error();
    long verify = SSL_get_verify_result(s->tls);

    if (code != 0)
        ERR_error_string_n(code, reason, sizeof(reason));
    if (verify != X509_V_OK)
        snprintf(why, sizeof(why), "%s: certificate: %s", what, X509_verify_cert_error_string(verify));
    else
        snprintf(why, sizeof(why), "%s: %s", what, reason[0] != '\0' ? reason : "the peer closed the connection");
    ERR_clear_error();
    stream_fail(s, STREAM_TLS_FAILED, why);
}

/* true: OpenSSL only waits for the descriptor. */
static bool waits(struct stream *s, int r)
{
    int why = SSL_get_error(s->tls, r);

    s->tls_wants_read = why == SSL_ERROR_WANT_READ;
    s->tls_wants_write = why == SSL_ERROR_WANT_WRITE;
    return s->tls_wants_read || s->tls_wants_write;
}

void stream_tls_step(struct stream *s)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(s->tls);
    if (r != 1) {
        if (waits(s, r))
            stream_update_want(s);
        else
            tls_failed(s, "TLS handshake");
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
    int r;

    ERR_clear_error();
    r = SSL_read(s->tls, to, (int)n);
    if (r > 0) {
        buf_commit(&s->in, (size_t)r);
        return r;
    }
    if (waits(s, r)) {
        s->tls_wants_read = false;           /* reading is wanted anyway */
        return 0;
    }
    s->eof = true;
    s->eof_errno = SSL_get_error(s->tls, r) == SSL_ERROR_ZERO_RETURN ? 0 : ECONNRESET;
    ERR_clear_error();
    return -1;
}

long stream_tls_write(struct stream *s, span bytes)
{
    int r;

    ERR_clear_error();
    r = SSL_write(s->tls, bytes.p, bytes.n > 16384 ? 16384 : (int)bytes.n);
    if (r > 0)
        return r;
    if (waits(s, r)) {
        s->blocked = true;
        return 0;
    }
    tls_failed(s, "TLS write");
    return -1;
}

bool stream_tls_pending(const struct stream *s)
{
    return s->tls != NULL && !s->handshaking && SSL_pending(s->tls) > 0;
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
    if (!s->handshaking && !s->eof) {
        ERR_clear_error();
        SSL_shutdown(s->tls);                /* our close_notify; the peer's is not waited for */
    }
    SSL_free(s->tls);
    s->tls = NULL;
    ERR_clear_error();
}
