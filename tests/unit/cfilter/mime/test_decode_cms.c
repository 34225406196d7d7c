/* test_decode_cms.c - opaque S/MIME as OpenSSL writes it, and as it is written by hand, cut and broken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "cfilter/mime/decode_cms.h"
#include "tests/unit/cfilter/mime/cms_write.h"
#include "tests/unit/cfilter/mime/decode_rows.h"
#include "tests/unit/cfilter/mime/encode.h"

#define CONTENT "Content-Type: text/plain\r\n\r\nThe quick brown fox jumps over the lazy dog.\r\n"

static X509 *certificate;
static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    assert_non_null(key);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"a", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    return X509_sign(certificate, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int free_key(void **state)
{
    (void)state;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static struct buf bytes_of(BIO *out)
{
    struct buf b;
    char *p;
    long n = BIO_get_mem_data(out, &p);

    buf_init(&b, ROWS_LIMIT);
    buf_append(&b, (span){ p, (size_t)n });
    BIO_free(out);
    return b;
}

/* What OpenSSL makes of CONTENT: signed; streamed is BER without lengths. */
static struct buf openssl_signed(bool streamed, unsigned more)
{
    unsigned flags = CMS_BINARY | more | (streamed ? CMS_STREAM : 0);
    BIO *in = BIO_new_mem_buf(CONTENT, sizeof CONTENT - 1), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_sign(certificate, key, NULL, in, flags);

    assert_non_null(cms);
    assert_int_equal(i2d_CMS_bio_stream(out, cms, in, (int)flags), 1);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return bytes_of(out);
}

static struct buf openssl_encrypted(void)
{
    BIO *in = BIO_new_mem_buf(CONTENT, sizeof CONTENT - 1), *out = BIO_new(BIO_s_mem());
    STACK_OF(X509) *to = sk_X509_new_null();
    CMS_ContentInfo *cms;

    sk_X509_push(to, certificate);
    cms = CMS_encrypt(to, in, EVP_aes_128_cbc(), CMS_BINARY);
    assert_non_null(cms);
    assert_int_equal(i2d_CMS_bio(out, cms), 1);
    CMS_ContentInfo_free(cms);
    sk_X509_free(to);
    BIO_free(in);
    return bytes_of(out);
}

static void expect(const char *row, span in, enum cms_kind kind, span content, unsigned seen)
{
    struct decode_result r = { 0 };
    struct buf to;
    enum cms_kind got;

    buf_init(&to, ROWS_LIMIT);
    got = cms_open(in, &to, &r);
    assert_int_equal(cms_is(in), kind != CMS_NONE);
    assert_bytes(row, buf_span(&to), content);
    if (got != kind || r.seen != seen || r.full || r.made_bytes != content.n)
        fail_msg("%s: kind %d, want %d; seen %u, want %u", row, got, kind, r.seen, seen);
    buf_free(&to);
}

static void test_openssl(void **state)
{
    struct buf der = openssl_signed(false, 0), ber = openssl_signed(true, 0), detached = openssl_signed(false, CMS_DETACHED),
               encrypted = openssl_encrypted();

    (void)state;
    expect("signed, DER", buf_span(&der), CMS_SIGNED, SPAN(CONTENT), 0);
    expect("signed, streamed", buf_span(&ber), CMS_SIGNED, SPAN(CONTENT), 0);
    assert_true(buf_span(&ber).p[1] == '\x80');
    expect("detached", buf_span(&detached), CMS_SIGNED, SPAN(""), 0);
    expect("encrypted", buf_span(&encrypted), CMS_ENCRYPTED, SPAN(""), 0);
    buf_free(&der);
    buf_free(&ber);
    buf_free(&detached);
    buf_free(&encrypted);
}

static void test_pkcs7(void **state)
{
    BIO *in = BIO_new_mem_buf(CONTENT, sizeof CONTENT - 1), *out = BIO_new(BIO_s_mem());
    PKCS7 *p7 = PKCS7_sign(certificate, key, NULL, in, PKCS7_BINARY);
    struct buf der, pem, scratch, to;
    struct decode_result r;

    (void)state;
    assert_non_null(p7);
    assert_int_equal(i2d_PKCS7_bio(out, p7), 1);
    der = bytes_of(out);
    expect("PKCS #7", buf_span(&der), CMS_SIGNED, SPAN(CONTENT), 0);

    out = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS7(out, p7), 1);
    pem = bytes_of(out);
    buf_init(&scratch, ROWS_LIMIT);
    buf_init(&to, ROWS_LIMIT);
    assert_int_equal(cms_open_text(buf_span(&pem), &scratch, &to, &r), CMS_SIGNED);
    assert_bytes("armoured", buf_span(&to), SPAN(CONTENT));
    BIO *more = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(more, certificate), 1);
    struct buf both = bytes_of(more);
    buf_append(&both, buf_span(&pem));
    buf_reset(&to);
    assert_int_equal(cms_open_text(buf_span(&both), &scratch, &to, &r), CMS_SIGNED);
    assert_bytes("behind a certificate", buf_span(&to), SPAN(CONTENT));
    buf_free(&both);
    buf_reset(&pem);
    buf_reset(&to);
    encode_base64(buf_span(&der), 76, "\r\n", &pem);
    assert_int_equal(cms_open_text(buf_span(&pem), &scratch, &to, &r), CMS_SIGNED);
    assert_bytes("bare base64", buf_span(&to), SPAN(CONTENT));
    PKCS7_free(p7);
    BIO_free(in);
    buf_free(&der);
    buf_free(&pem);
    buf_free(&scratch);
    buf_free(&to);
}

static void test_by_hand(void **state)
{
    static const size_t pieces[] = { 0, 1, 7, 1000 };

    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++)
        for (int indefinite = 0; indefinite < 2; indefinite++) {
            struct buf b, packed;

            buf_init(&b, ROWS_LIMIT);
            buf_init(&packed, ROWS_LIMIT);
            cms_write_message(false, SPAN(CONTENT), pieces[i], indefinite != 0, &b);
            expect("signed", buf_span(&b), CMS_SIGNED, SPAN(CONTENT), 0);
            cms_deflate(SPAN(CONTENT), &packed);
            buf_reset(&b);
            cms_write_message(true, buf_span(&packed), pieces[i], indefinite != 0, &b);
            expect("compressed", buf_span(&b), CMS_COMPRESSED, SPAN(CONTENT), 0);
            buf_free(&b);
            buf_free(&packed);
        }
}

/* Constructed strings within constructed strings, with and without lengths. */
static void test_nested_strings(void **state)
{
    struct buf b;

    (void)state;
    for (int indefinite = 0; indefinite < 2; indefinite++) {
        struct buf oid;

        buf_init(&b, ROWS_LIMIT);
        buf_init(&oid, 100);
        cms_write(0x04, false, SPAN("b"), &b);
        cms_wrap(0x24, indefinite != 0, SPAN("\x04\1a"), &b);
        buf_append(&b, SPAN("\x04\1c"));
        cms_wrap(0x24, indefinite != 0, SPAN(""), &b);
        buf_append(&b, SPAN("\x04\1d"));
        cms_wrap(0x24, indefinite != 0, SPAN(""), &b);
        cms_wrap(0xa0, false, SPAN(""), &b);
        cms_write_oid(OID_DATA, &oid);
        cms_wrap(0x30, false, buf_span(&oid), &b);
        expect("nested", buf_span(&b), CMS_DATA, SPAN("abcd"), 0);
        buf_free(&b);
        buf_free(&oid);
    }
}

/* Deeper than anybody goes: told, not followed. */
static void test_too_deep(void **state)
{
    struct buf b, oid;
    struct decode_result r;
    struct buf to;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    buf_init(&oid, 100);
    buf_init(&to, ROWS_LIMIT);
    cms_write(0x04, false, SPAN("a"), &b);
    for (int i = 0; i < 100; i++)
        cms_wrap(0x24, i % 2 != 0, SPAN(""), &b);
    cms_wrap(0xa0, false, SPAN(""), &b);
    cms_write_oid(OID_DATA, &oid);
    cms_wrap(0x30, false, buf_span(&oid), &b);
    assert_int_equal(cms_open(buf_span(&b), &to, &r), CMS_DATA);
    assert_int_equal(r.seen, CMS_SAW_BAD);
    assert_int_equal(to.len, 0);
    buf_free(&b);
    buf_free(&oid);
    buf_free(&to);
}

static void test_cut(void **state)
{
    struct buf ber = openssl_signed(true, 0), der = openssl_signed(false, 0);
    size_t most[2] = { 0 };
    struct decode_result r;

    (void)state;
    for (int k = 0; k < 2; k++) {
        span whole = buf_span(k != 0 ? &ber : &der);

        for (size_t n = 0; n < whole.n; n++) {
            struct buf to;

            buf_init(&to, ROWS_LIMIT);
            cms_open(span_head(whole, n), &to, &r);
            assert_bytes("cut", buf_span(&to), span_head(SPAN(CONTENT), to.len));
            if (to.len > 0)
                assert_true(k != 0 || (r.seen & CMS_SAW_CUT) != 0);
            most[k] = to.len > most[k] ? to.len : most[k];
            buf_free(&to);
        }
    }
    assert_int_equal(most[0], sizeof CONTENT - 1);
    assert_int_equal(most[1], sizeof CONTENT - 1);
    buf_free(&ber);
    buf_free(&der);
}

static void test_none(void **state)
{
    static const span rows[] = { SPAN(""), SPAN("\x30"), SPAN("\x30\x80"), SPAN("Hello, world"), SPAN("\x30\x03\x06\x01\x2a"), SPAN("\x30\xff\xff\xff\xff"),
                                 SPAN("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff\x06\x01\x2a") };
    struct decode_result r;
    struct buf to;

    (void)state;
    buf_init(&to, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_int_equal(cms_open(rows[i], &to, &r), CMS_NONE);
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_false(cms_is(rows[i]));
    assert_int_equal(to.len, 0);
    buf_free(&to);
}

static void test_broken(void **state)
{
    struct buf b, packed;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    buf_init(&packed, ROWS_LIMIT);
    cms_deflate(SPAN(CONTENT), &packed);
    cms_write_message(true, span_head(buf_span(&packed), packed.len / 2), 0, false, &b);
    struct decode_result r;
    struct buf to;
    buf_init(&to, ROWS_LIMIT);
    assert_int_equal(cms_open(buf_span(&b), &to, &r), CMS_COMPRESSED);
    assert_int_equal(r.seen, CMS_SAW_CUT);
    assert_bytes("half of it", buf_span(&to), span_head(SPAN(CONTENT), to.len));
    buf_reset(&b);
    cms_write_message(true, SPAN("this is not deflated"), 0, false, &b);
    expect("not deflated", buf_span(&b), CMS_COMPRESSED, SPAN(""), CMS_SAW_BAD);
    buf_reset(&b);
    cms_write(0x30, false, SPAN("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), &b);
    expect("no content", buf_span(&b), CMS_SIGNED, SPAN(""), CMS_SAW_BAD);
    buf_free(&b);
    buf_free(&packed);
    buf_free(&to);
}

static void test_limit(void **state)
{
    static char zeros[100000];
    struct buf b, packed, to;
    struct decode_result r;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    buf_init(&packed, ROWS_LIMIT);
    buf_init(&to, 5000);
    cms_deflate((span){ zeros, sizeof zeros }, &packed);
    cms_write_message(true, buf_span(&packed), 0, false, &b);
    assert_int_equal(cms_open(buf_span(&b), &to, &r), CMS_COMPRESSED);
    assert_true(r.full);
    assert_true(to.overflow);
    assert_int_equal(to.len, 5000);
    buf_free(&b);
    buf_free(&packed);
    buf_free(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_pkcs7),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_nested_strings),
        cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, make_key, free_key);
}
