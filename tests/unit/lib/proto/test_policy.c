/* test_policy.c - access requests: whole, in pieces, wrong.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/policy.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

#define HEAD "request=smtpd_access_policy\n"

static const char real[] =
    HEAD "protocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=127.0.0.1\nclient_name=unknown\nclient_port=47010\n"
    "reverse_client_name=unknown\nserver_address=127.0.0.1\nserver_port=12500\nhelo_name=client.example.org\n"
    "sender=A@Sender.example.net\nrecipient=One@example.com\nrecipient_count=0\nqueue_id=\ninstance=63f4.6b044581.db0b7.0\n"
    "size=1234\netrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\n"
    "ccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n"
    "policy_context=mx-in\n\n";

static void test_every_name_is_found(void **state)
{
    (void)state;
    for (int a = 0; a < POLICY_ATTRS; a++) {
        const char *name = policy_attr_name((enum policy_attr)a);

        assert_true(strlen(name) > 3);
        if (policy_attr_find(span_str(name)) != (enum policy_attr)a)
            fail_msg("%s is in the wrong slot", name);
    }
    assert_int_equal(policy_attr_find(SPAN("Sender")), POLICY_ATTRS);
    assert_int_equal(policy_attr_find(SPAN("sendex")), POLICY_ATTRS);
    assert_int_equal(policy_attr_find(SPAN("a")), POLICY_ATTRS);
    assert_int_equal(policy_attr_find(SPAN("")), POLICY_ATTRS);
    assert_int_equal(policy_attr_find(SPAN("a_name_longer_than_all_that_are_known")), POLICY_ATTRS);
}

static void check_real(const struct policy_request *q)
{
    assert_span("sender", q->v[POLICY_SENDER], SPAN("A@Sender.example.net"));
    assert_span("recipient", q->v[POLICY_RECIPIENT], SPAN("One@example.com"));
    assert_span("instance", q->v[POLICY_INSTANCE], SPAN("63f4.6b044581.db0b7.0"));
    assert_span("context", q->v[POLICY_CONTEXT], SPAN("mx-in"));
    assert_span("login", q->v[POLICY_SASL_USERNAME], SPAN(""));
    assert_non_null(q->v[POLICY_SASL_USERNAME].p);
    assert_null(q->v[POLICY_TLS_SNI].p);
    assert_int_equal(policy_request_state(q), POLICY_STATE_RCPT);
    assert_int_equal(policy_request_number(q, POLICY_SIZE), 1234);
    assert_int_equal(policy_request_number(q, POLICY_QUEUE_ID), 0);
    assert_int_equal(q->unknown, 0);
}

static void test_real_request(void **state)
{
    struct policy_parser p;
    struct policy_request q;
    size_t used = 0;

    (void)state;
    policy_parser_init(&p);
    assert_int_equal(policy_parse(&p, span_of(real, sizeof(real) - 1), POLICY_REQUEST_MAX, real, &q, &used), POLICY_OK);
    assert_int_equal(used, sizeof(real) - 1);
    check_real(&q);
}

static void test_parsed_for_a_copy(void **state)
{
    char copy[sizeof(real)] = { 0 };
    struct policy_parser p;
    struct policy_request q;
    size_t used = 0;

    (void)state;
    policy_parser_init(&p);
    assert_int_equal(policy_parse(&p, span_of(real, sizeof(real) - 1), POLICY_REQUEST_MAX, copy, &q, &used), POLICY_OK);
    memcpy(copy, real, used);
    check_real(&q);
    for (size_t a = 0; a < POLICY_ATTRS; a++)
        assert_true(q.v[a].p == NULL || (q.v[a].p >= copy && q.v[a].p + q.v[a].n < copy + used));
}

/* What is expected next is only looked at first: any order, and names that begin alike, are read the same. */
static void test_any_order(void **state)
{
    static const span in = SPAN("size=7\nprotocol_name=ESMTP\nrequest=smtpd_access_policy\nprotocol_stat=x\nprotocol_states=y\nrecipient_count=3\n"
                                "recipient=r@example.com\nsender=s@example.com\nclient_address=192.0.2.1\nclient_name=h.example\n"
                                "client_nome=other\nreverse_client_name=r.example\nstress=\nsasl_mexhod=x\nsasl_method=PLAIN\n\n");
    struct policy_parser p;
    struct policy_request q;
    size_t used = 0;

    (void)state;
    policy_parser_init(&p);
    assert_int_equal(policy_parse(&p, in, 1000, in.p, &q, &used), POLICY_OK);
    assert_int_equal(used, in.n);
    assert_int_equal(q.unknown, 4);
    assert_span("size", q.v[POLICY_SIZE], SPAN("7"));
    assert_span("protocol_name", q.v[POLICY_PROTOCOL_NAME], SPAN("ESMTP"));
    assert_span("protocol_state", q.v[POLICY_PROTOCOL_STATE], SPAN(""));
    assert_span("recipient_count", q.v[POLICY_RECIPIENT_COUNT], SPAN("3"));
    assert_span("recipient", q.v[POLICY_RECIPIENT], SPAN("r@example.com"));
    assert_span("sender", q.v[POLICY_SENDER], SPAN("s@example.com"));
    assert_span("client_address", q.v[POLICY_CLIENT_ADDRESS], SPAN("192.0.2.1"));
    assert_span("client_name", q.v[POLICY_CLIENT_NAME], SPAN("h.example"));
    assert_span("reverse_client_name", q.v[POLICY_REVERSE_CLIENT_NAME], SPAN("r.example"));
    assert_span("sasl_method", q.v[POLICY_SASL_METHOD], SPAN("PLAIN"));
}

/* Each call gets the bytes at another address, as after a reallocation. */
static void test_byte_by_byte(void **state)
{
    struct policy_parser p;
    struct policy_request q;
    size_t used = 0, n = sizeof(real) - 1;

    (void)state;
    policy_parser_init(&p);
    for (size_t i = 0; i <= n; i++) {
        char *copy = malloc(i + 1);
        enum policy_status s;

        assert_non_null(copy);
        memcpy(copy, real, i);
        s = policy_parse(&p, span_of(copy, i), POLICY_REQUEST_MAX, copy, &q, &used);
        assert_int_equal(s, i < n ? POLICY_MORE : POLICY_OK);
        if (s == POLICY_OK)
            check_real(&q);
        if (s == POLICY_MORE)
            assert_true(p.at + 1 >= i);   /* what was searched is not searched again */
        free(copy);
    }
}

static void test_two_at_once(void **state)
{
    static const span both = SPAN(HEAD "sender=a@b\n\n" HEAD "sender=c@d\n\n");
    struct policy_parser p;
    struct policy_request q;
    size_t used = 0, second;

    (void)state;
    policy_parser_init(&p);
    assert_int_equal(policy_parse(&p, both, 1000, both.p, &q, &used), POLICY_OK);
    assert_span("first", q.v[POLICY_SENDER], SPAN("a@b"));
    assert_int_equal(policy_parse(&p, span_from(both, used), 1000, both.p + used, &q, &second), POLICY_OK);
    assert_span("second", q.v[POLICY_SENDER], SPAN("c@d"));
    assert_int_equal(used + second, both.n);
}

static void test_rows(void **state)
{
    static const struct { const char *name; span in; size_t max; enum policy_status want; span sender; } rows[] = {
        { "first of duplicates", SPAN(HEAD "sender=a\nsender=b\n\n"), 1000, POLICY_OK, SPAN("a") },
        { "first of duplicates is empty", SPAN(HEAD "sender=\nsender=b\n\n"), 1000, POLICY_OK, SPAN("") },
        { "value with = and blanks", SPAN("sender= a=b \n" HEAD "\n"), 1000, POLICY_OK, SPAN(" a=b ") },
        { "unknown names", SPAN(HEAD "new=1\nsender=a\nSender=b\n\n"), 1000, POLICY_OK, SPAN("a") },
        { "UTF-8", SPAN(HEAD "sender=\xc3\xbc@x\n\n"), 1000, POLICY_OK, SPAN("\xc3\xbc@x") },
        { "no request line", SPAN("sender=a\n\n"), 1000, POLICY_E_REQUEST, SPAN("") },
        { "another request", SPAN("request=junk\nsender=a\n\n"), 1000, POLICY_E_REQUEST, SPAN("") },
        { "a line without =", SPAN(HEAD "sender\n\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "a line without a name", SPAN(HEAD "=a\n\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "empty line first", SPAN("\n" HEAD "\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "NUL", SPAN(HEAD "sender=a\0b\n\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "NUL before the end has come", SPAN(HEAD "sender=a\0"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "CR LF lines", SPAN("request=smtpd_access_policy\r\n\r\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "HTTP", SPAN("GET / HTTP/1.1\r\n"), 1000, POLICY_E_SYNTAX, SPAN("") },
        { "not yet whole", SPAN(HEAD "sender=a\n"), 1000, POLICY_MORE, SPAN("") },
        { "nothing", SPAN(""), 1000, POLICY_MORE, SPAN("") },
        { "limit reached without an end", SPAN(HEAD "sender=a"), 36, POLICY_E_SIZE, SPAN("") },
        { "whole, but over the limit", SPAN(HEAD "sender=a\n\n"), 37, POLICY_E_SIZE, SPAN("") },
        { "whole, at the limit", SPAN(HEAD "sender=a\n\n"), 38, POLICY_OK, SPAN("a") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy_parser p;
        struct policy_request q = { .v[POLICY_SENDER] = SPAN("") };
        size_t used = 0;

        policy_parser_init(&p);
        if (policy_parse(&p, rows[i].in, rows[i].max, rows[i].in.p, &q, &used) != rows[i].want)
            fail_msg("%s", rows[i].name);
        assert_int_equal(used, rows[i].want == POLICY_OK ? rows[i].in.n : 0);
        assert_span(rows[i].name, q.v[POLICY_SENDER], rows[i].sender);
    }
}

static void test_states(void **state)
{
    static const struct { span word; enum policy_state want; } rows[] = {
        { SPAN("CONNECT"), POLICY_STATE_CONNECT }, { SPAN("EHLO"), POLICY_STATE_HELO }, { SPAN("HELO"), POLICY_STATE_HELO },
        { SPAN("MAIL"), POLICY_STATE_MAIL },       { SPAN("RCPT"), POLICY_STATE_RCPT }, { SPAN("DATA"), POLICY_STATE_DATA },
        { SPAN("END-OF-MESSAGE"), POLICY_STATE_END_OF_MESSAGE }, { SPAN("VRFY"), POLICY_STATE_VRFY }, { SPAN("ETRN"), POLICY_STATE_ETRN },
        { SPAN("rcpt"), POLICY_STATE_OTHER },      { SPAN(""), POLICY_STATE_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct policy_request q = { .v[POLICY_PROTOCOL_STATE] = rows[i].word };

        assert_int_equal(policy_request_state(&q), rows[i].want);
    }
}

static void test_client_side(void **state)
{
    span action = SPAN("");
    size_t used = 0;
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    assert_true(policy_append_attr(&b, SPAN("sender"), SPAN("a=b")));
    assert_false(policy_append_attr(&b, SPAN("sender"), SPAN("a\nb")));
    assert_false(policy_append_attr(&b, SPAN("sender"), SPAN("a\0b")));
    assert_false(policy_append_attr(&b, SPAN("se=nder"), SPAN("a")));
    assert_span("attribute", buf_span(&b), SPAN("sender=a=b\n"));
    buf_free(&b);
    assert_int_equal(policy_parse_reply(SPAN("x=1\naction=550 5.7.1 a=b\naction=OK\n\nrest"), 100, &action, &used), POLICY_OK);
    assert_span("first action", action, SPAN("550 5.7.1 a=b"));
    assert_int_equal(used, 36);
    assert_int_equal(policy_parse_reply(SPAN("action=OK\n"), 100, &action, &used), POLICY_MORE);
    assert_int_equal(policy_parse_reply(SPAN("x=1\n\n"), 100, &action, &used), POLICY_E_SYNTAX);
    assert_int_equal(policy_parse_reply(SPAN("action=OK"), 9, &action, &used), POLICY_E_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name_is_found),
        cmocka_unit_test(test_real_request), cmocka_unit_test(test_parsed_for_a_copy), cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_client_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
