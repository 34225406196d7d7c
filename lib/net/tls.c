/* tls.c - TLS settings and the connections made from them (OpenSSL 3).
 *
 * OpenSSL works on the descriptor itself, so that what is unread in the kernel when TLS starts is its first record.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/alloc.h"
#include "lib/net/tls_session.h"

struct tls_context {
    SSL_CTX *ssl_ctx;
    bool is_client;
    bool verifies;
};

struct tls_session {
    SSL *ssl;
    bool failed;          /* after a fatal error nothing more may be sent, not even close_notify */
};

/* The oldest error in OpenSSL's queue is the cause, later ones are its consequences. */
static void take_error(struct errtext *err, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    if (code != 0 && ERR_SYSTEM_ERROR(code))
        errtext_set(err, "%s: %s", what, strerror(ERR_GET_REASON(code)));
    else
        errtext_set(err, "%s: %s", what, reason != NULL ? reason : "unknown error");
    ERR_clear_error();
}

static struct tls_context *context_new(bool is_client, struct errtext *err)
{
    struct tls_context *ctx = xcalloc(1, sizeof(*ctx));

    ERR_clear_error();
    ctx->is_client = is_client;
    ctx->ssl_ctx = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
    if (ctx->ssl_ctx == NULL || SSL_CTX_set_min_proto_version(ctx->ssl_ctx, TLS1_2_VERSION) != 1) {
        take_error(err, "TLS");
        tls_context_free(&ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx->ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx->ssl_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

static int load_key_pair(SSL_CTX *ssl_ctx, const char *cert_file, const char *key_file, struct errtext *err)
{
    if (SSL_CTX_use_certificate_chain_file(ssl_ctx, cert_file) != 1) {
        take_error(err, cert_file);
        return -1;
    }
    if (SSL_CTX_use_PrivateKey_file(ssl_ctx, key_file, SSL_FILETYPE_PEM) != 1) {   /* also fails if it is not the certificate's */
        take_error(err, key_file);
        return -1;
    }
    return 0;
}

static int load_trust(SSL_CTX *ssl_ctx, const char *ca_file, struct errtext *err)
{
    if (ca_file != NULL ? SSL_CTX_load_verify_file(ssl_ctx, ca_file) == 1 : SSL_CTX_set_default_verify_paths(ssl_ctx) == 1)
        return 0;
    take_error(err, ca_file != NULL ? ca_file : "the system's certificates");
    return -1;
}

struct tls_context *tls_client_new(const struct tls_client_settings *set, struct errtext *err)
{
    struct tls_context *ctx = context_new(true, err);

    if (ctx == NULL)
        return NULL;
    ctx->verifies = !set->insecure_no_verify;
    SSL_CTX_set_verify(ctx->ssl_ctx, ctx->verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if ((ctx->verifies && load_trust(ctx->ssl_ctx, set->ca_file, err) < 0) ||
        (set->cert_file != NULL &&
         load_key_pair(ctx->ssl_ctx, set->cert_file, set->key_file != NULL ? set->key_file : set->cert_file, err) < 0))
        tls_context_free(&ctx);
    return ctx;
}

struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct errtext *err)
{
    struct tls_context *ctx = context_new(false, err);

    if (ctx != NULL && load_key_pair(ctx->ssl_ctx, cert_file, key_file != NULL ? key_file : cert_file, err) < 0)
        tls_context_free(&ctx);
    return ctx;
}

void tls_context_free(struct tls_context **ctx)
{
    if (*ctx == NULL)
        return;
    SSL_CTX_free((*ctx)->ssl_ctx);   /* each SSL holds its own reference */
    free(*ctx);
    *ctx = NULL;
}

/* ---- connections ---- */

static bool is_address(const char *name)
{
    struct in6_addr room;

    return inet_pton(AF_INET, name, &room) == 1 || inet_pton(AF_INET6, name, &room) == 1;
}

static int set_peer_name(SSL *ssl, const char *name, struct errtext *err)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    bool ok;

    if (is_address(name)) {   /* RFC 6066 section 3: no address in the server name extension */
        ok = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    } else {
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    }
    if (!ok)
        take_error(err, name);
    return ok ? 0 : -1;
}

struct tls_session *tls_session_new(struct tls_context *ctx, int fd, const char *peer_name, struct errtext *err)
{
    struct tls_session *t;

    if (ctx->verifies && (peer_name == NULL || *peer_name == '\0')) {
        errtext_set(err, "TLS: no name to verify the peer's certificate against");
        return NULL;
    }
    ERR_clear_error();
    t = xcalloc(1, sizeof(*t));
    if ((t->ssl = SSL_new(ctx->ssl_ctx)) == NULL || SSL_set_fd(t->ssl, fd) != 1) {
        take_error(err, "TLS");
        goto fail;
    }
    if (ctx->is_client) {
        if (peer_name != NULL && *peer_name != '\0' && set_peer_name(t->ssl, peer_name, err) < 0)
            goto fail;
        SSL_set_connect_state(t->ssl);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    return t;
fail:
    tls_session_free(&t);
    return NULL;
}

void tls_session_free(struct tls_session **t)
{
    if (*t == NULL)
        return;
    SSL_free((*t)->ssl);
    free(*t);
    *t = NULL;
}

/* `result` is what OpenSSL returned, <= 0; errno is that of the call. */
static long outcome(struct tls_session *t, int result, const char *what, struct errtext *err)
{
    int saved = errno;
    long verify;

    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        t->failed = true;
        if (saved != 0) {
            errno = saved;
            errtext_errno(err, "%s", what);
        } else {
            errtext_set(err, "%s: connection closed", what);
        }
        ERR_clear_error();
        return TLS_FAILED;
    default:
        t->failed = true;
        verify = SSL_get_verify_result(t->ssl);
        if (verify != X509_V_OK && ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            errtext_set(err, "%s: certificate not accepted: %s", what, X509_verify_cert_error_string(verify));
            ERR_clear_error();
        } else {
            take_error(err, what);
        }
        return TLS_FAILED;
    }
}

static int clamp(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

long tls_handshake(struct tls_session *t, struct errtext *err)
{
    int r;
    long end;

    ERR_clear_error();
    errno = 0;
    if ((r = SSL_do_handshake(t->ssl)) == 1)
        return 1;
    if ((end = outcome(t, r, "TLS handshake", err)) != 0)
        return end;
    errtext_set(err, "TLS handshake: the peer closed");
    return TLS_FAILED;
}

long tls_read(struct tls_session *t, void *to, size_t n, struct errtext *err)
{
    int r;

    ERR_clear_error();
    errno = 0;
    r = SSL_read(t->ssl, to, clamp(n));
    return r > 0 ? r : outcome(t, r, "TLS", err);
}

long tls_write(struct tls_session *t, const void *from, size_t n, struct errtext *err)
{
    int r;
    long end;

    assert(n > 0);
    ERR_clear_error();
    errno = 0;
    if ((r = SSL_write(t->ssl, from, clamp(n))) > 0)
        return r;
    if ((end = outcome(t, r, "TLS", err)) != 0)
        return end;
    errtext_set(err, "TLS: the peer closed");
    return TLS_FAILED;
}

bool tls_read_pending(const struct tls_session *t)
{
    /* Not SSL_has_pending: half a record would count, and who asks again at once would spin until the rest comes. */
    return SSL_pending(t->ssl) > 0;
}

void tls_say_goodbye(struct tls_session *t)
{
    if (t->failed || !SSL_is_init_finished(t->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);   /* one try: who does not take it now sees the end of the connection instead */
    ERR_clear_error();
}
