/* test_socketmap.c - requests and the three replies that may be given.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/socketmap.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_request(void **state)
{
    static const struct { const char *name; span in; bool ok; span map, key; } rows[] = {
        { "plain", SPAN("rcpt good@example.com"), true, SPAN("rcpt"), SPAN("good@example.com") },
        { "blanks and quotes in the key", SPAN("rcpt \"quo ted\"@example.com"), true, SPAN("rcpt"), SPAN("\"quo ted\"@example.com") },
        { "first blank only", SPAN("m  k "), true, SPAN("m"), SPAN(" k ") },
        { "UTF-8", SPAN("m \xc3\xbc@x"), true, SPAN("m"), SPAN("\xc3\xbc@x") },
        { "empty key", SPAN("m "), true, SPAN("m"), SPAN("") },
        { "no blank", SPAN("rcpt"), false, SPAN(""), SPAN("") },
        { "no map", SPAN(" key"), false, SPAN(""), SPAN("") },
        { "nothing", SPAN(""), false, SPAN(""), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct socketmap_request q = { SPAN(""), SPAN("") };

        if (socketmap_parse_request(rows[i].in, &q) != rows[i].ok)
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, q.map, rows[i].map);
        assert_span(rows[i].name, q.key, rows[i].key);
    }
}

static void test_replies(void **state)
{
    char big[SOCKETMAP_DATA_MAX + 1];
    struct buf b;

    (void)state;
    memset(big, 'x', sizeof(big));
    buf_init(&b, 8192);
    assert_true(socketmap_append_ok(&b, SPAN("x")));
    assert_true(socketmap_append_notfound(&b));
    assert_true(socketmap_append_temp(&b, SPAN("ldap is\r\ndown \x01\xc3\xbc")));
    assert_true(socketmap_append_temp(&b, SPAN("\n")));
    assert_span("replies", buf_span(&b), SPAN("4:OK x,9:NOTFOUND ,22:TEMP ldap is  down ???,22:TEMP temporary failure,"));
    buf_reset(&b);
    assert_false(socketmap_append_ok(&b, SPAN("")));           /* "OK" alone crashes Sendmail, "OK " is an error to Postfix */
    assert_false(socketmap_append_ok(&b, SPAN("a\nb")));
    assert_false(socketmap_append_ok(&b, SPAN("\xff")));
    assert_false(socketmap_append_ok(&b, span_of(big, sizeof(big))));
    assert_int_equal(b.len, 0);
    assert_true(socketmap_append_temp(&b, span_of(big, sizeof(big))));
    assert_int_equal(b.len, 4 + 5 + SOCKETMAP_REASON_MAX + 1);
    buf_free(&b);
}

static void test_client(void **state)
{
    static const struct { const char *name; span in; bool ok; enum socketmap_word word; span text; } rows[] = {
        { "found", SPAN("OK x y"), true, SOCKETMAP_OK, SPAN("x y") },
        { "not found", SPAN("NOTFOUND "), true, SOCKETMAP_NOTFOUND, SPAN("") },
        { "not found, bare", SPAN("NOTFOUND"), true, SOCKETMAP_NOTFOUND, SPAN("") },
        { "temp", SPAN("TEMP down"), true, SOCKETMAP_TEMP, SPAN("down") },
        { "timeout", SPAN("TIMEOUT t"), true, SOCKETMAP_TIMEOUT, SPAN("t") },
        { "perm", SPAN("PERM p"), true, SOCKETMAP_PERM, SPAN("p") },
        { "OK without data", SPAN("OK"), false, SOCKETMAP_OK, SPAN("") },
        { "OK with empty data", SPAN("OK "), false, SOCKETMAP_OK, SPAN("") },
        { "lower case", SPAN("ok x"), false, SOCKETMAP_OK, SPAN("") },
        { "unknown", SPAN("MAYBE x"), false, SOCKETMAP_OK, SPAN("") },
        { "empty", SPAN(""), false, SOCKETMAP_OK, SPAN("") },
    };
    struct buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct socketmap_reply r = { SOCKETMAP_OK, SPAN("") };

        if (socketmap_parse_reply(rows[i].in, &r) != rows[i].ok || r.word != rows[i].word)
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, r.text, rows[i].text);
    }
    buf_init(&b, 100);
    assert_true(socketmap_append_request(&b, SPAN("rcpt"), SPAN("a b@c")));
    assert_span("request", buf_span(&b), SPAN("10:rcpt a b@c,"));
    assert_false(socketmap_append_request(&b, SPAN("r t"), SPAN("a")));
    assert_false(socketmap_append_request(&b, SPAN(""), SPAN("a")));
    buf_free(&b);
    assert_string_equal(socketmap_word_name(SOCKETMAP_NOTFOUND), "NOTFOUND");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
