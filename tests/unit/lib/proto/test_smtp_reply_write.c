/* test_smtp_reply_write.c - replies of our own and relayed ones.
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
    static const struct { const char *name; int code; const char *enhanced; span text, want; } rows[] = {
        { "one line", 554, "5.7.1", SPAN("Message refused"), SPAN("554 5.7.1 Message refused\r\n") },
        { "no enhanced code", 354, NULL, SPAN("End data"), SPAN("354 End data\r\n") },
        { "EHLO", 250, NULL, SPAN("filter\n8BITMIME\nSIZE 10\n"), SPAN("250-filter\r\n250-8BITMIME\r\n250 SIZE 10\r\n") },
        { "code on each line", 550, "5.7.1", SPAN("a\nb"), SPAN("550-5.7.1 a\r\n550 5.7.1 b\r\n") },
        { "no text", 250, "2.0.0", SPAN(""), SPAN("250 2.0.0\r\n") },
        { "bytes that do not belong", 550, "5.7.1", SPAN("a\r\0\x1b\xc3\xbc"), SPAN("550 5.7.1 a ????\r\n") },
        { "code that is none", 600, NULL, SPAN("x"), SPAN("") },
        { "code below", 199, NULL, SPAN("x"), SPAN("") },
        { "another class", 550, "4.7.1", SPAN("x"), SPAN("") },
        { "no enhanced code at all", 550, "5.7", SPAN("x"), SPAN("") },
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        if (smtp_reply_append(&b, rows[i].code, rows[i].enhanced, rows[i].text) != (rows[i].want.n > 0))
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, buf_span(&b), rows[i].want);
    }
    buf_free(&b);
}

/* The reader must find one reply whose lines are all within 512 bytes. */
static void check_lines(span all, int code, unsigned lines)
{
    struct smtp_reply_parser p;
    struct smtp_reply r;
    span line, rest = all;
    size_t used;

    smtp_reply_parser_init(&p);
    assert_int_equal(smtp_reply_parse(&p, all, &r, &used), SMTP_REPLY_OK);
    assert_int_equal(r.code, code);
    assert_int_equal(r.lines, lines);
    assert_int_equal(used, all.n);
    while (rest.n > 0 && span_next(&rest, '\n', &line))
        assert_true(line.n < SMTP_REPLY_LINE_MAX);
}

static void test_long_text(void **state)
{
    char text[1200];
    struct buf b;

    (void)state;
    memset(text, 'x', sizeof(text));
    buf_init(&b, 100000);
    assert_true(smtp_reply_append(&b, 554, "5.7.1", span_of(text, sizeof(text))));
    check_lines(buf_span(&b), 554, 3);
    buf_reset(&b);
    text[400] = text[850] = ' ';   /* cut at the blanks */
    assert_true(smtp_reply_append(&b, 554, "5.7.1", span_of(text, sizeof(text))));
    check_lines(buf_span(&b), 554, 3);
    assert_int_equal(span_find(buf_span(&b), '\n'), strlen("554-5.7.1 ") + 400 + 1);
    buf_reset(&b);
    memset(text, '\n', sizeof(text));
    text[0] = text[sizeof(text) - 1] = 'x';
    assert_true(smtp_reply_append(&b, 554, NULL, span_of(text, sizeof(text))));
    check_lines(buf_span(&b), 554, 20);
    buf_free(&b);
    buf_init(&b, 30);
    assert_true(buf_append(&b, SPAN("kept")));
    assert_false(smtp_reply_append(&b, 554, NULL, SPAN("one line\nanother line that is too long")));
    assert_span("nothing appended", buf_span(&b), SPAN("kept"));
    buf_free(&b);
}

static void test_relayed(void **state)
{
    static const struct { const char *name; span in, want; } rows[] = {
        { "as it is", SPAN("250 2.0.0 Ok: queued as A2A37A862E4\r\n"), SPAN("250 2.0.0 Ok: queued as A2A37A862E4\r\n") },
        { "several lines", SPAN("550-5.1.1 no\n550-5.1.1 \n550 5.1.1 end\n"), SPAN("550-5.1.1 no\r\n550-5.1.1\r\n550 5.1.1 end\r\n") },
        { "controls", SPAN("550 a\033[2Jb\xff\r\n"), SPAN("550 a?[2Jb?\r\n") },
        { "UTF-8", SPAN("550 f\xc3\xbcr\r\n"), SPAN("550 f\xc3\xbcr\r\n") },
        { "no text", SPAN("550\r\n"), SPAN("550 \r\n") },
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_reply_parser p;
        struct smtp_reply r;
        size_t used;

        buf_reset(&b);
        smtp_reply_parser_init(&p);
        assert_int_equal(smtp_reply_parse(&p, rows[i].in, &r, &used), SMTP_REPLY_OK);
        assert_true(smtp_reply_append_relayed(&b, &r));
        assert_span(rows[i].name, buf_span(&b), rows[i].want);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_relayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
