/* test_tls.c - TLS on streams: handshake, verification, plain bytes before it, much data, ends.
 *
 * Certificates are made as the tests run: an authority, and a server "mx.example.org" and 127.0.0.1 signed by it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/stream.h"

static char folder[64], ca_file[96], cert_file[96], key_file[96], other_ca_file[96];

/* ---- certificates ---- */

static X509 *make_cert(EVP_PKEY *key, const char *name, const char *alt_names, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    X509V3_CTX v3;
    X509_EXTENSION *ext;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer == NULL ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    X509V3_set_ctx(&v3, issuer != NULL ? issuer : cert, cert, NULL, NULL, 0);
    ext = alt_names != NULL ? X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, alt_names)
                            : X509V3_EXT_conf_nid(NULL, &v3, NID_basic_constraints, "critical,CA:TRUE");
    assert_non_null(ext);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    return cert;
}

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    if (cert != NULL)
        assert_int_equal(PEM_write_X509(f, cert), 1);
    if (key != NULL)
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static int make_files(void **state)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca, *other, *cert;

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/gatepost-test-tls-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", folder);
    snprintf(other_ca_file, sizeof(other_ca_file), "%s/other.pem", folder);
    snprintf(cert_file, sizeof(cert_file), "%s/cert.pem", folder);
    snprintf(key_file, sizeof(key_file), "%s/key.pem", folder);
    ca = make_cert(ca_key, "Test CA", NULL, NULL, ca_key);
    other = make_cert(key, "Other CA", NULL, NULL, key);
    cert = make_cert(key, "server", "DNS:mx.example.org,IP:127.0.0.1", ca, ca_key);
    write_pem(ca_file, ca, NULL);
    write_pem(other_ca_file, other, NULL);
    write_pem(cert_file, cert, NULL);
    write_pem(key_file, NULL, key);
    X509_free(ca), X509_free(other), X509_free(cert);
    EVP_PKEY_free(ca_key), EVP_PKEY_free(key);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(ca_file), unlink(other_ca_file), unlink(cert_file), unlink(key_file);
    return rmdir(folder);
}

/* ---- two streams, each the other's peer ---- */

struct side {
    struct stream *s;
    int inputs, ends, tls, drained;
    enum stream_end end;
    char why[300];
    size_t total;
    bool counts;              /* takes all and compares with the pattern */
};

static struct loop *l;
static struct side client, server;
static struct tls_context *server_ctx;

static char pattern(size_t i)
{
    return (char)(i * 13 % 251);
}

static void on_input(struct stream *s, void *arg)
{
    struct side *x = arg;
    span in = stream_in(s);

    x->inputs++;
    if (!x->counts)
        return;
    for (size_t i = 0; i < in.n; i++, x->total++)
        if (in.p[i] != pattern(x->total))
            fail_msg("byte %zu differs", x->total);
    stream_consume(s, in.n);
}

static void on_end(struct stream *s, enum stream_end end, const char *why, void *arg)
{
    struct side *x = arg;

    (void)s;
    x->ends++;
    x->end = end;
    snprintf(x->why, sizeof(x->why), "%s", why);
}

static void on_drained(struct stream *s, void *arg)
{
    (void)s;
    ((struct side *)arg)->drained++;
}

static void on_tls(struct stream *s, void *arg)
{
    assert_true(stream_is_tls(s));
    ((struct side *)arg)->tls++;
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_drained = on_drained, .on_tls = on_tls };

static int setup(void **state)
{
    const struct stream_limits limits = { 100 * 1024, 8 * 1024 * 1024 };
    struct errtext err = { "" };
    int p[2];

    (void)state;
    memset(&client, 0, sizeof(client));
    memset(&server, 0, sizeof(server));
    l = loop_new_fake(1000, 1000);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p) != 0)
        return -1;
    client.s = stream_new(l, p[0], limits, &handler, &client);
    server.s = stream_new(l, p[1], limits, &handler, &server);
    server_ctx = tls_server_new(cert_file, key_file, &err);
    if (server_ctx == NULL)
        print_error("%s\n", err.text);
    return server_ctx != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    stream_close(&client.s);
    stream_close(&server.s);
    tls_context_free(&server_ctx);
    tls_context_free(&server_ctx);
    loop_free(&l);
    return 0;
}

static void turns(void)
{
    for (int i = 0; i < 20000 && loop_turn(l, 0); i++)
        ;
}

static void start(const struct tls_client_settings *set, const char *name)
{
    struct errtext err = { "" };
    struct tls_context *ctx = tls_client_new(set, &err);

    assert_non_null(ctx);
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, &err), 0);
    assert_int_equal(stream_start_tls(client.s, ctx, name, &err), 0);
    assert_int_equal(client.tls + client.ends, 0);   /* never inside the call */
    tls_context_free(&ctx);                          /* the stream holds what it needs */
    turns();
}

/* ---- tests ---- */

static void test_verification(void **state)
{
    static const struct { const char *row, *ca, *name; bool insecure, good; const char *why; } rows[] = {
        { "right name",             ca_file,       "mx.example.org",    false, true,  NULL },
        { "right address",          ca_file,       "127.0.0.1",         false, true,  NULL },
        { "other name",             ca_file,       "mx.example.net",    false, false, "ostname" },
        { "common name only",       ca_file,       "server",            false, false, "ostname" },
        { "longer name",            ca_file,       "a.mx.example.org",  false, false, "ostname" },
        { "other address",          ca_file,       "127.0.0.2",         false, false, "IP address" },
        { "other authority",        other_ca_file, "mx.example.org",    false, false, "issuer" },
        { "nobody's but ourselves", NULL,          "mx.example.org",    false, false, "issuer" },
        { "asked not to look",      NULL,          "whatever.example",  true,  true,  NULL },
        { "no name, not to look",   NULL,          NULL,                true,  true,  NULL },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tls_client_settings set = { .ca_file = rows[i].ca, .insecure_no_verify = rows[i].insecure };

        print_message("%s\n", rows[i].row);
        if (i > 0)
            assert_int_equal(setup(state), 0);
        start(&set, rows[i].name);
        assert_int_equal(client.tls, rows[i].good);
        assert_int_equal(client.ends, !rows[i].good);
        if (!rows[i].good) {
            assert_int_equal(client.end, STREAM_TLS_FAILED);
            if (strstr(client.why, rows[i].why) == NULL)
                fail_msg("%s", client.why);
            stream_write(client.s, SPAN("secret"));
            turns();
            assert_int_equal(server.inputs, 0);
        }
        if (i + 1 < sizeof(rows) / sizeof(rows[0]))
            teardown(state);
    }
}

static void test_a_verifying_client_needs_a_name(void **state)
{
    const struct tls_client_settings set = { .ca_file = ca_file };
    struct errtext err = { "" };
    struct tls_context *ctx = tls_client_new(&set, &err);

    (void)state;
    assert_int_equal(stream_start_tls(client.s, ctx, NULL, &err), -1);
    assert_true(err.text[0] != '\0');
    assert_int_equal(stream_start_tls(client.s, ctx, "", &err), -1);
    tls_context_free(&ctx);
}

static const struct tls_client_settings trusting = { .ca_file = ca_file };

/* CVE-2011-0411: what was sent in clear before the handshake is not said inside it. */
static void test_plain_bytes_before(void **state)
{
    struct errtext err = { "" };

    (void)state;
    stream_write(client.s, SPAN("STARTTLS\r\nMAIL FROM:<>\r\n"));
    turns();
    stream_consume(server.s, 10);
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, &err), -1);
    assert_non_null(strstr(err.text, "plain bytes"));
    assert_false(stream_is_tls(server.s));
}

/* The same bytes, unread in the kernel yet: they are taken for a TLS record, and are none. */
static void test_plain_bytes_in_the_kernel(void **state)
{
    struct errtext err = { "" };

    (void)state;
    stream_write(client.s, SPAN("MAIL FROM:<>\r\n"));
    stream_flush(client.s);
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, &err), 0);
    turns();
    assert_int_equal(server.tls, 0);
    assert_int_equal(server.inputs, 0);
    assert_int_equal(server.end, STREAM_TLS_FAILED);
}

static void test_queued_during_handshake(void **state)
{
    struct errtext err = { "" };
    struct tls_context *ctx = tls_client_new(&trusting, &err);

    (void)state;
    stream_write(server.s, SPAN("220 go\r\n"));      /* in clear: written before TLS began */
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, &err), 0);
    turns();
    assert_true(span_eq(stream_in(client.s), SPAN("220 go\r\n")));
    stream_consume(client.s, 8);
    assert_int_equal(stream_start_tls(client.s, ctx, "mx.example.org", &err), 0);
    stream_write(client.s, SPAN("EHLO"));            /* inside: written after */
    assert_int_equal(server.inputs, 0);
    turns();
    assert_int_equal(server.tls, 1);
    assert_true(span_eq(stream_in(server.s), SPAN("EHLO")));
    assert_int_equal(server.drained, 1);
    tls_context_free(&ctx);
}

/* Both directions at once, far beyond what the kernel and one record hold. */
static void test_much_both_ways(void **state)
{
    static char block[2 * 1024 * 1024];

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = pattern(i);
    start(&trusting, "mx.example.org");
    client.counts = server.counts = true;
    stream_write(client.s, (span){ block, sizeof(block) });
    stream_write(server.s, (span){ block, sizeof(block) });
    turns();
    assert_int_equal(client.total, sizeof(block));
    assert_int_equal(server.total, sizeof(block));
    assert_int_equal(client.drained, 1);
    assert_int_equal(client.ends + server.ends, 0);
    assert_false(loop_turn(l, 0));                   /* and then it is quiet: no interest is left over */
}

static void test_file(void **state)
{
    FILE *f = tmpfile();
    size_t size = 300000;

    (void)state;
    for (size_t i = 0; i < size; i++)
        putc(pattern(i), f);
    fflush(f);
    stream_write(server.s, SPAN("x"));
    turns();
    stream_consume(client.s, 1);
    start(&trusting, "mx.example.org");
    assert_int_equal(server.drained, 1);             /* once for what was written; the handshake is nobody's output */
    server.counts = true;
    stream_send_file(client.s, fileno(f), 0, size);
    turns();
    assert_int_equal(server.total, size);
    assert_int_equal(client.drained, 1);
    fclose(f);
}

/* What OpenSSL has decrypted already no longer shows on the descriptor: it must come all the same. */
static void test_pause_with_decrypted_bytes(void **state)
{
    static char block[400 * 1024];

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = pattern(i);
    start(&trusting, "mx.example.org");
    stream_write(client.s, (span){ block, sizeof(block) });
    turns();
    assert_int_equal(stream_in(server.s).n, 100 * 1024);   /* in_limit */
    stream_read_pause(server.s);
    server.counts = true;
    turns();
    assert_int_equal(server.total, 0);
    stream_read_resume(server.s);
    turns();
    assert_int_equal(server.total, sizeof(block));
}

/* The same without a pause: the owner takes the bytes later, outside of any callback. */
static void test_full_with_decrypted_bytes(void **state)
{
    static char block[100 * 1024 + 10];

    (void)state;
    start(&trusting, "mx.example.org");
    stream_write(client.s, (span){ block, sizeof(block) });
    turns();
    assert_int_equal(stream_in(server.s).n, 100 * 1024);
    stream_consume(server.s, 100 * 1024);
    turns();
    assert_int_equal(stream_in(server.s).n, 10);
}

/* Moves what OpenSSL has to say to fd, and what fd has to OpenSSL. */
static void pump(SSL *ssl, int fd)
{
    char bytes[20000];
    int n;

    while ((n = BIO_read(SSL_get_wbio(ssl), bytes, sizeof(bytes))) > 0)
        assert_int_equal(send(fd, bytes, (size_t)n, 0), n);
    turns();
    while ((n = (int)recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        BIO_write(SSL_get_rbio(ssl), bytes, n);
}

/* A peer that sends half a record and waits must not keep the loop busy. */
static void test_half_a_record(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = dup(stream_fd(client.s));
    char bytes[1000];
    int n;

    (void)state;
    stream_read_pause(client.s);                     /* its descriptor is ours */
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, NULL), 0);
    for (int i = 0; i < 10 && SSL_connect(ssl) != 1; i++)
        pump(ssl, fd);
    pump(ssl, fd);
    assert_int_equal(server.tls, 1);
    assert_int_equal(SSL_write(ssl, "hello", 5), 5);
    n = BIO_read(SSL_get_wbio(ssl), bytes, sizeof(bytes));
    assert_true(n > 10);
    assert_int_equal(send(fd, bytes, 9, 0), 9);
    turns();
    assert_false(loop_turn(l, 0));
    assert_int_equal(server.inputs, 0);
    assert_int_equal(send(fd, bytes + 9, (size_t)n - 9, 0), n - 9);
    turns();
    assert_true(span_eq(stream_in(server.s), SPAN("hello")));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
}

static void test_goodbye_and_cut(void **state)
{
    (void)state;
    start(&trusting, "mx.example.org");
    stream_write(client.s, SPAN("x"));
    stream_close(&client.s);
    turns();
    assert_true(span_eq(stream_in(server.s), SPAN("x")));
    assert_int_equal(server.end, STREAM_EOF);
    teardown(state);

    setup(state);
    start(&trusting, "mx.example.org");
    shutdown(stream_fd(client.s), SHUT_WR);          /* cut, without close_notify: not an orderly end */
    turns();
    assert_int_equal(server.end, STREAM_ERROR);
}

static void test_not_tls_at_all(void **state)
{
    struct errtext err = { "" };
    struct tls_context *ctx = tls_client_new(&trusting, &err);

    (void)state;
    assert_int_equal(stream_start_tls(client.s, ctx, "mx.example.org", &err), 0);
    stream_write(server.s, SPAN("-ERR unknown command\r\n"));
    turns();
    assert_int_equal(client.end, STREAM_TLS_FAILED);
    assert_int_equal(client.tls, 0);
    tls_context_free(&ctx);
}

static void test_silent_handshake_ends_at_deadline(void **state)
{
    struct errtext err = { "" };
    struct tls_context *ctx = tls_client_new(&trusting, &err);

    (void)state;
    assert_int_equal(stream_start_tls(client.s, ctx, "mx.example.org", &err), 0);
    stream_deadline(client.s, 500);
    loop_fake_advance(l, 499);
    assert_int_equal(client.ends, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(client.end, STREAM_TIMEOUT);
    tls_context_free(&ctx);
}

/* An old client is refused: 1.2 is the least. */
static void test_tls_1_1_is_refused(void **state)
{
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    struct errtext err = { "" };
    SSL *ssl;

    (void)state;
    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(old, "ALL:@SECLEVEL=0");
    ssl = SSL_new(old);
    SSL_set_fd(ssl, stream_fd(client.s));
    assert_int_equal(stream_start_tls(server.s, server_ctx, NULL, &err), 0);
    SSL_connect(ssl);
    turns();
    assert_int_equal(server.tls, 0);
    assert_int_equal(server.end, STREAM_TLS_FAILED);
    SSL_free(ssl);
    SSL_CTX_free(old);
}

static void test_bad_files(void **state)
{
    struct errtext err = { "" };
    const struct tls_client_settings no_ca = { .ca_file = "/nonexistent/ca.pem" };

    (void)state;
    assert_null(tls_server_new("/nonexistent/cert.pem", key_file, &err));
    assert_non_null(strstr(err.text, "/nonexistent/cert.pem"));
    assert_null(tls_server_new(ca_file, key_file, &err));   /* a key that is another certificate's */
    assert_non_null(strstr(err.text, key_file));
    assert_null(tls_client_new(&no_ca, &err));
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_verification), T(test_a_verifying_client_needs_a_name), T(test_plain_bytes_before), T(test_plain_bytes_in_the_kernel),
        T(test_queued_during_handshake), T(test_much_both_ways), T(test_file), T(test_pause_with_decrypted_bytes),
        T(test_full_with_decrypted_bytes), T(test_half_a_record), T(test_goodbye_and_cut), T(test_not_tls_at_all),
        T(test_silent_handshake_ends_at_deadline), T(test_tls_1_1_is_refused), T(test_bad_files),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
