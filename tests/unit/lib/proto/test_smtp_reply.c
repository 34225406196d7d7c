/* test_smtp_reply.c - replies of other servers: in pieces, wrong, without end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/smtp_reply.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_rows(void **state)
{
    static const struct { const char *name; span in; enum smtp_reply_status want; int code; unsigned lines; span enhanced, text; } rows[] = {
        { "one line", SPAN("250 2.1.5 Ok\r\n"), SMTP_REPLY_OK, 250, 1, SPAN("2.1.5"), SPAN("Ok") },
        { "no enhanced code", SPAN("220 filter ESMTP\r\n"), SMTP_REPLY_OK, 220, 1, SPAN(""), SPAN("filter ESMTP") },
        { "enhanced code of another class", SPAN("250 5.7.1 x\r\n"), SMTP_REPLY_OK, 250, 1, SPAN(""), SPAN("5.7.1 x") },
        { "several lines", SPAN("550-5.7.1 one\r\n550 5.7.1 two\r\n"), SMTP_REPLY_OK, 550, 2, SPAN("5.7.1"), SPAN("one") },
        { "lone LF", SPAN("250-a\n250 b\n"), SMTP_REPLY_OK, 250, 2, SPAN(""), SPAN("a") },
        { "no text", SPAN("354\r\n"), SMTP_REPLY_OK, 354, 1, SPAN(""), SPAN("") },
        { "blank and no text", SPAN("354 \r\n"), SMTP_REPLY_OK, 354, 1, SPAN(""), SPAN("") },
        { "enhanced code alone", SPAN("550 5.1.1\r\n"), SMTP_REPLY_OK, 550, 1, SPAN("5.1.1"), SPAN("") },
        { "not yet", SPAN("250-a\r\n250"), SMTP_REPLY_MORE, 0, 0, SPAN(""), SPAN("") },
        { "nothing", SPAN(""), SMTP_REPLY_MORE, 0, 0, SPAN(""), SPAN("") },
        { "another code", SPAN("250-a\r\n251 b\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "no code", SPAN("hello\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "code too low", SPAN("199 x\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "code too high", SPAN("600 x\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "four digits", SPAN("2500 x\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "short", SPAN("25\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "NUL", SPAN("250 a\0b\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
        { "lone CR", SPAN("250 a\rb\r\n"), SMTP_REPLY_E_SYNTAX, 0, 0, SPAN(""), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_reply_parser p;
        struct smtp_reply r = { .enhanced = SPAN("") };
        size_t used = 0;
        enum smtp_reply_status s = SMTP_REPLY_MORE;

        smtp_reply_parser_init(&p);
        for (size_t n = 0; n <= rows[i].in.n && s == SMTP_REPLY_MORE; n++)
            s = smtp_reply_parse(&p, span_head(rows[i].in, n), &r, &used);
        if (s != rows[i].want || r.code != rows[i].code || r.lines != rows[i].lines || r.cut)
            fail_msg("%s", rows[i].name);
        assert_int_equal(used, s == SMTP_REPLY_OK ? rows[i].in.n : 0);
        assert_span(rows[i].name, r.enhanced, rows[i].enhanced);
        assert_span(rows[i].name, r.text, rows[i].text);
    }
}

static void test_two_replies(void **state)
{
    static const span in = SPAN("250 one\r\n550 two\r\n");
    struct smtp_reply_parser p;
    struct smtp_reply r;
    size_t used, more;

    (void)state;
    smtp_reply_parser_init(&p);
    assert_int_equal(smtp_reply_parse(&p, in, &r, &used), SMTP_REPLY_OK);
    assert_span("first", r.raw, SPAN("250 one\r\n"));
    assert_int_equal(smtp_reply_parse(&p, span_from(in, used), &r, &more), SMTP_REPLY_OK);
    assert_int_equal(r.code, 550);
    assert_int_equal(used + more, in.n);
}

static void test_lines(void **state)
{
    span rest = SPAN("250-filter\r\n250-8BITMIME\n250 XFORWARD NAME\r\n"), text;

    (void)state;
    assert_true(smtp_reply_next_line(&rest, &text));
    assert_span("1", text, SPAN("filter"));
    assert_true(smtp_reply_next_line(&rest, &text));
    assert_span("2", text, SPAN("8BITMIME"));
    assert_true(smtp_reply_next_line(&rest, &text));
    assert_span("3", text, SPAN("XFORWARD NAME"));
    assert_false(smtp_reply_next_line(&rest, &text));
}

/* Feeds `lines` times `line`, then `last`, through a small input buffer; what is kept never passes the cap. */
static enum smtp_reply_status feed(struct smtp_reply_parser *p, span line, size_t lines, span last, struct smtp_reply *r)
{
    enum smtp_reply_status s = SMTP_REPLY_MORE;
    struct buf b;
    size_t used;

    smtp_reply_parser_init(p);
    buf_init(&b, SMTP_REPLY_CAP + 2048);
    for (size_t i = 0; i <= lines && s == SMTP_REPLY_MORE; i++) {
        assert_true(buf_append(&b, i < lines ? line : last));
        s = smtp_reply_parse(p, buf_span(&b), r, &used);
        buf_consume(&b, used);
    }
    buf_free(&b);
    return s;
}

static void test_over_the_cap(void **state)
{
    char piece[1000];
    struct smtp_reply_parser p;
    struct smtp_reply r;

    (void)state;
    assert_int_equal(feed(&p, SPAN("554-5.7.1 a line\r\n"), 1000, SPAN("554 5.7.1 end\r\n"), &r), SMTP_REPLY_OK);
    assert_true(r.cut);
    assert_int_equal(r.lines, 1001);
    assert_span("first line", r.raw, SPAN("554 5.7.1 a line"));
    assert_span("its text", r.text, SPAN("a line"));

    memset(piece, 'x', sizeof(piece));
    memcpy(piece, "250 ", 4);
    assert_int_equal(feed(&p, span_of(piece, sizeof(piece)), 20, SPAN("\r\n"), &r), SMTP_REPLY_OK);
    assert_true(r.cut);
    assert_int_equal(r.lines, 1);
    assert_int_equal(r.raw.n, SMTP_REPLY_LINE_MAX - 2);

    assert_int_equal(feed(&p, span_of(piece, sizeof(piece)), 1000, SPAN("x"), &r), SMTP_REPLY_E_ENDLESS);
    assert_int_equal(feed(&p, SPAN("250-a line\r\n"), 100000, SPAN("250 end\r\n"), &r), SMTP_REPLY_E_ENDLESS);
    assert_int_equal(feed(&p, SPAN("250-a line\r\n"), 1000, SPAN("251 end\r\n"), &r), SMTP_REPLY_E_SYNTAX);
    memset(piece, 'x', sizeof(piece));
    assert_int_equal(feed(&p, span_of(piece, sizeof(piece)), 20, SPAN("\r\n"), &r), SMTP_REPLY_E_SYNTAX);
}

static void test_enhanced(void **state)
{
    static const struct { span in, want; } rows[] = {
        { SPAN("5.7.1 x"), SPAN("5.7.1") },  { SPAN("2.0.0"), SPAN("2.0.0") }, { SPAN("4.7.123 x"), SPAN("4.7.123") },
        { SPAN("3.0.0 x"), SPAN("") },       { SPAN("5.7.1x"), SPAN("") },     { SPAN("5.7. x"), SPAN("") },
        { SPAN("5.7.1234 x"), SPAN("") },    { SPAN("5..1 x"), SPAN("") },     { SPAN("5.7"), SPAN("") },
        { SPAN("55.7.1 x"), SPAN("") },      { SPAN(""), SPAN("") },           { SPAN("5.71 and"), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span found = SPAN("");

        assert_int_equal(smtp_enhanced_parse(rows[i].in, &found), rows[i].want.n > 0);
        assert_span("code", found, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_two_replies),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_over_the_cap),
        cmocka_unit_test(test_enhanced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
