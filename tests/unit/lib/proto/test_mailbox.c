/* test_mailbox.c - local-parts, quotes, folding, sub-addresses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/mailbox.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_split(void **state)
{
    static const struct { span in, local, domain; bool at; } rows[] = {
        { SPAN("a@b"), SPAN("a"), SPAN("b"), true },
        { SPAN("a@b@c"), SPAN("a@b"), SPAN("c"), true },
        { SPAN("\"a@b\"@c"), SPAN("\"a@b\""), SPAN("c"), true },
        { SPAN("\"a\\\"@b\"@c"), SPAN("\"a\\\"@b\""), SPAN("c"), true },
        { SPAN("\"a\\\"@b\\\"c\""), SPAN("\"a\\\"@b\\\"c\""), SPAN(""), false },
        { SPAN("\"a@b\""), SPAN("\"a@b\""), SPAN(""), false },
        { SPAN("quo ted@c"), SPAN("quo ted"), SPAN("c"), true },
        { SPAN("a\"b@c"), SPAN("a\"b"), SPAN("c"), true },
        { SPAN("postmaster"), SPAN("postmaster"), SPAN(""), false },
        { SPAN("a@"), SPAN("a"), SPAN(""), true },
        { SPAN("@c"), SPAN(""), SPAN("c"), true },
        { SPAN(""), SPAN(""), SPAN(""), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mailbox m;

        mailbox_split(rows[i].in, &m);
        assert_span("local", m.local, rows[i].local);
        assert_span("domain", m.domain, rows[i].domain);
        assert_int_equal(m.domain.p != NULL, rows[i].at);
    }
    assert_true(mailbox_is_null(SPAN("")));
    assert_true(mailbox_is_null(SPAN("<>")));
    assert_false(mailbox_is_null(SPAN("a")));
}

static void test_check(void **state)
{
    static const struct { span in; enum mailbox_status want; } rows[] = {
        { SPAN("a@b"), MAILBOX_OK },           { SPAN("\"a b\"@c"), MAILBOX_OK },   { SPAN("a b@c"), MAILBOX_OK },
        { SPAN("\xc3\xbc@\xc3\xbc.x"), MAILBOX_OK }, { SPAN("*@x"), MAILBOX_OK },   { SPAN("a"), MAILBOX_E_DOMAIN },
        { SPAN("a@"), MAILBOX_E_DOMAIN },      { SPAN("a@b c"), MAILBOX_E_DOMAIN }, { SPAN("@c"), MAILBOX_E_LOCAL },
        { SPAN("\"\"@c"), MAILBOX_E_LOCAL },   { SPAN("a\"b@c"), MAILBOX_E_LOCAL }, { SPAN("a\0b@c"), MAILBOX_E_BYTE },
        { SPAN("a\n@c"), MAILBOX_E_BYTE },     { SPAN("\xff@c"), MAILBOX_E_BYTE },  { SPAN("a@c\x7f"), MAILBOX_E_BYTE },
    };
    char big[MAILBOX_LOCAL_MAX + 3];
    struct mailbox m;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mailbox_split(rows[i].in, &m);
        if (mailbox_check(&m) != rows[i].want)
            fail_msg("%.*s", SPAN_ARG(rows[i].in));
    }
    memset(big, 'x', sizeof(big));
    memcpy(big + MAILBOX_LOCAL_MAX, "@c", 2);
    mailbox_split(span_of(big, MAILBOX_LOCAL_MAX + 2), &m);
    assert_int_equal(mailbox_check(&m), MAILBOX_OK);
    memcpy(big + MAILBOX_LOCAL_MAX, "x@c", 3);
    mailbox_split(span_of(big, MAILBOX_LOCAL_MAX + 3), &m);
    assert_int_equal(mailbox_check(&m), MAILBOX_E_LONG);
}

static void test_quoting(void **state)
{
    static const struct { span plain, quoted; } rows[] = {
        { SPAN("first.last+x"), SPAN("first.last+x") }, { SPAN("quo ted"), SPAN("\"quo ted\"") },   { SPAN("a@b"), SPAN("\"a@b\"") },
        { SPAN("a\"\\"), SPAN("\"a\\\"\\\\\"") },       { SPAN(".a"), SPAN("\".a\"") },             { SPAN("a."), SPAN("\"a.\"") },
        { SPAN("a..b"), SPAN("\"a..b\"") },             { SPAN("\xc3\xbc"), SPAN("\xc3\xbc") },     { SPAN(""), SPAN("\"\"") },
    };
    char out[64];
    size_t n;
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        assert_true(mailbox_append_quoted(&b, rows[i].plain));
        assert_span("quoted", buf_span(&b), rows[i].quoted);
        assert_true(mailbox_unquote(rows[i].quoted, out, &n));
        assert_span("unquoted", span_of(out, n), rows[i].plain);
    }
    assert_false(mailbox_append_quoted(&b, SPAN("a\nb")));
    assert_true(mailbox_unquote(SPAN("\"\\a\\b\""), out, &n));   /* needless pairs */
    assert_span("pairs", span_of(out, n), SPAN("ab"));
    assert_false(mailbox_unquote(SPAN("\"a"), out, &n));
    assert_false(mailbox_unquote(SPAN("\"a\\"), out, &n));
    buf_free(&b);
}

static void test_fold(void **state)
{
    static const struct { span in; bool local; span want; } rows[] = {
        { SPAN("Bob@Example.COM"), true, SPAN("bob@example.com") },
        { SPAN("Bob@Example.COM"), false, SPAN("Bob@example.com") },
        { SPAN("bob@example.com."), true, SPAN("bob@example.com") },
        { SPAN("\"quo ted\"@example.com"), true, SPAN("quo ted@example.com") },
        { SPAN("quo ted@example.com"), true, SPAN("quo ted@example.com") },
        { SPAN("\xc3\x9c@x"), true, SPAN("\xc3\x9c@x") },
        { SPAN("*"), true, SPAN("") },
        { SPAN("example.com"), true, SPAN("") },
        { SPAN("a@."), true, SPAN("") },
        { SPAN("<>"), true, SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[MAILBOX_MAX];
        span folded = SPAN("");

        assert_int_equal(mailbox_fold(rows[i].in, rows[i].local, out, &folded), rows[i].want.n > 0);
        assert_span("folded", folded, rows[i].want);
    }
}

/* bases: every split, longest first, with a blank behind each; first: that of Postfix. */
static void test_subaddress(void **state)
{
    static const struct { span local; const char *delimiters; span bases, first; } rows[] = {
        { SPAN("user+ext"), "+", SPAN("user "), SPAN("user") },
        { SPAN("a+b+c"), "+", SPAN("a+b a "), SPAN("a") },
        { SPAN("john-doe+tag"), "+-", SPAN("john-doe john "), SPAN("john") },
        { SPAN("john-doe+tag"), "+", SPAN("john-doe "), SPAN("john-doe") },
        { SPAN("user+"), "+", SPAN("user "), SPAN("user") },
        { SPAN("+user"), "+", SPAN(""), SPAN("") },
        { SPAN("++a"), "+", SPAN("+ "), SPAN("") },
        { SPAN("user"), "+", SPAN(""), SPAN("") },
        { SPAN("user+ext"), "", SPAN(""), SPAN("") },
        { SPAN("owner-list"), "-", SPAN(""), SPAN("") },
        { SPAN("owner-list"), "+", SPAN(""), SPAN("") },
        { SPAN("list-Request"), "-", SPAN(""), SPAN("") },
        { SPAN("Mailer-Daemon"), "-", SPAN(""), SPAN("") },
        { SPAN("double-bounce"), "-", SPAN(""), SPAN("") },
        { SPAN(""), "+", SPAN(""), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span base = SPAN(""), extension;
        size_t cursor = 0;
        struct buf b;

        buf_init(&b, 100);
        while (mailbox_subaddress(rows[i].local, rows[i].delimiters, &cursor, &base, &extension)) {
            assert_int_equal(base.n + 1 + extension.n, rows[i].local.n);
            buf_append(&b, base);
            buf_append_char(&b, ' ');
        }
        assert_span("bases", buf_span(&b), rows[i].bases);
        buf_free(&b);
        base = SPAN("");
        assert_int_equal(mailbox_subaddress_first(rows[i].local, rows[i].delimiters, &base, &extension), rows[i].first.n > 0);
        assert_span("first", base, rows[i].first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_subaddress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
