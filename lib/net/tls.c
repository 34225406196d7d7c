/* tls.c - TLS settings made once and used by many streams (OpenSSL 3).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/net/stream_private.h"
#include "lib/proto/ipnet.h"

struct tls_context {
    SSL_CTX *ctx;
    bool client;
};

static void say(struct errtext *err, const char *what, const char *file)
{
    char reason[128];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
    ERR_clear_error();
    errtext_set(err, "%s%s%s: %s", what, file != NULL ? " " : "", file != NULL ? file : "", reason);
}

static struct tls_context *wrap(SSL_CTX *ctx, bool client)
{
    struct tls_context *t = xcalloc(1, sizeof(*t));

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    t->ctx = ctx;
    t->client = client;
    return t;
}

static bool load_pair(SSL_CTX *ctx, const char *cert, const char *key, struct errtext *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
        say(err, "certificate", cert);
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        say(err, "private key", key);
        return false;
    }
    return true;
}

struct tls_context *tls_client_new(const struct tls_client_settings *set, struct errtext *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool good;

    if (ctx == NULL) {
        say(err, "TLS", NULL);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, set->insecure_no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (set->ca_file != NULL)
        good = SSL_CTX_load_verify_locations(ctx, set->ca_file, NULL) == 1;
    else
        good = SSL_CTX_set_default_verify_paths(ctx) == 1;
    if (!good)
        say(err, "certificate authorities", set->ca_file);
    if (good && set->cert_file != NULL)
        good = load_pair(ctx, set->cert_file, set->key_file != NULL ? set->key_file : set->cert_file, err);
    if (!good) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return wrap(ctx, true);
}

struct tls_context *tls_server_new(const char *cert_file, const char *key_file, struct errtext *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL) {
        say(err, "TLS", NULL);
        return NULL;
    }
    if (!load_pair(ctx, cert_file, key_file, err)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return wrap(ctx, false);
}

void tls_context_free(struct tls_context **t)
{
    if (*t == NULL)
        return;
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

/* RFC 6125: the name must be the certificate's; an address must stand there as an address. */
static bool expect_name(SSL *ssl, const char *name)
{
    struct ipaddr ip;

    if (ipaddr_parse(span_str(name), &ip))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *tls_context_session(struct tls_context *t, const char *peer_name, struct errtext *err)
{
    SSL *ssl = SSL_new(t->ctx);

    if (ssl == NULL) {
        say(err, "TLS", NULL);
        return NULL;
    }
    if (!t->client) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_set_connect_state(ssl);
    if (peer_name == NULL && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        errtext_set(err, "a name to verify the server by is missing");
        SSL_free(ssl);
        return NULL;
    }
    if (peer_name != NULL && !expect_name(ssl, peer_name)) {
        say(err, "server name", peer_name);
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}
